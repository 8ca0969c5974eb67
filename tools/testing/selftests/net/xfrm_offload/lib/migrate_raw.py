#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
#
# XFRM_MSG_MIGRATE_STATE by hand, byte by byte as mainline's header has it: what
# no tool would send.
#
# usage: migrate_raw.py DST SPI [WORD...]
#	flags=N reserved=N family=N reqid=N spi=N	fields of the header
#	attr=TYPE:HEX		an attribute, in this order
#	tail=HEX		bytes after the last attribute
#	short=N			leave out the last N bytes of the header
#        migrate_raw.py policy SEL-SRC SEL-DST OLD-SRC OLD-DST NEW-SRC NEW-DST REQID
#	XFRM_MSG_MIGRATE: an outbound policy between two IPv4 hosts and its SA in
#	tunnel mode, to other addresses
# Prints the errno's name, or OK, and the sentence of the extended ACK.

import errno
import socket
import struct
import sys

NETLINK_XFRM = 6
NETLINK_EXT_ACK = 11
SOL_NETLINK = 270
XFRM_MSG_MIGRATE = 0x21
XFRM_MSG_MIGRATE_STATE = 0x29
XFRMA_MIGRATE = 17
XFRM_POLICY_OUT = 1
XFRM_MODE_TUNNEL = 1
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CAPPED = 1, 4, 0x100
NLMSGERR_ATTR_MSG = 1


def attribute(kind, data):
    pad = -len(data) % 4
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(pad)


def request(dst, spi, words):
    field = {"flags": 0, "reserved": 0, "family": socket.AF_INET, "reqid": 1,
             "spi": spi, "short": 0}
    attrs = tail = b""
    for word in words:
        name, value = word.split("=")
        if name == "attr":
            kind, data = value.split(":")
            attrs += attribute(int(kind), bytes.fromhex(data))
        elif name == "tail":
            tail = bytes.fromhex(value)
        else:
            field[name] = int(value, 0)
    daddr = socket.inet_aton(dst) + bytes(12)
    saddr = socket.inet_aton("10.8.0.1") + bytes(12)
    ident = daddr + struct.pack("!I", field["spi"]) + \
        struct.pack("=HBx", socket.AF_INET, socket.IPPROTO_ESP)
    selector = bytes(56)
    header = ident + daddr + saddr + bytes(8) + selector + \
        struct.pack("=IIHH", field["reqid"], field["flags"], field["family"],
                    field["reserved"])
    assert len(header) == 132, len(header)
    if field["short"]:
        header = header[:-field["short"]]
    body = header + attrs + tail
    return struct.pack("=IHHII", 16 + len(body), XFRM_MSG_MIGRATE_STATE,
                       NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body


def with_policy(sel_src, sel_dst, old_src, old_dst, new_src, new_dst, reqid):
    def address(text):
        return socket.inet_aton(text) + bytes(12)

    selector = address(sel_dst) + address(sel_src) + bytes(8) + \
        struct.pack("=HBB", socket.AF_INET, 32, 32) + bytes(12)
    head = selector + struct.pack("=IB3x", 0, XFRM_POLICY_OUT)
    move = address(old_dst) + address(old_src) + address(new_dst) + \
        address(new_src) + \
        struct.pack("=BBHIHH", socket.IPPROTO_ESP, XFRM_MODE_TUNNEL, 0,
                    int(reqid), socket.AF_INET, socket.AF_INET)
    assert (len(head), len(move)) == (64, 76), (len(head), len(move))
    body = head + attribute(XFRMA_MIGRATE, move)
    return struct.pack("=IHHII", 16 + len(body), XFRM_MSG_MIGRATE,
                       NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body


def sentence(answer):
    capped = struct.unpack_from("=H", answer, 6)[0] & NLM_F_CAPPED
    at = 20 + 16
    if not capped:
        at = 20 + (struct.unpack_from("=I", answer, 20)[0] + 3 & ~3)
    while at + 4 <= len(answer):
        size, kind = struct.unpack_from("=HH", answer, at)
        if size < 4:
            break
        if kind == NLMSGERR_ATTR_MSG:
            return answer[at + 4:at + size].rstrip(b"\0").decode()
        at += size + -size % 4
    return ""


def main():
    nl = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_XFRM)
    nl.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
    if sys.argv[1] == "policy":
        message = with_policy(*sys.argv[2:])
    else:
        message = request(sys.argv[1], int(sys.argv[2], 0), sys.argv[3:])
    nl.sendto(message, (0, 0))
    answer = nl.recv(65536)
    error = -struct.unpack_from("=i", answer, 16)[0]
    print(errno.errorcode.get(error, error) if error else "OK", sentence(answer))


main()
