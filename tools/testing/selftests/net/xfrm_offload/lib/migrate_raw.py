#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
#
# XFRM_MSG_MIGRATE_STATE by hand, with bytes that no message of this type has.
# What is well-formed, ynl sends.
#
# usage: migrate_raw.py DST SPI [WORD...]
#	attr=TYPE:HEX		an attribute of any type, in this order
#	tail=HEX		bytes after the last attribute
#	short=N			leave out the last N bytes of the header
# Prints the errno's name, or OK, and the sentence of the extended ACK.

import errno
import socket
import struct
import sys

NETLINK_XFRM = 6
NETLINK_EXT_ACK = 11
SOL_NETLINK = 270
XFRM_MSG_MIGRATE_STATE = 0x29
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CAPPED = 1, 4, 0x100
NLMSGERR_ATTR_MSG = 1


def attribute(kind, data):
    pad = -len(data) % 4
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(pad)


def request(dst, spi, words):
    short = 0
    attrs = tail = b""
    for word in words:
        name, value = word.split("=")
        if name == "attr":
            kind, data = value.split(":")
            attrs += attribute(int(kind), bytes.fromhex(data))
        elif name == "tail":
            tail = bytes.fromhex(value)
        elif name == "short":
            short = int(value)
        else:
            sys.exit("migrate_raw.py: unknown word: " + name)
    daddr = socket.inet_aton(dst) + bytes(12)
    saddr = socket.inet_aton("10.8.0.1") + bytes(12)
    ident = daddr + struct.pack("!I", spi) + \
        struct.pack("=HBx", socket.AF_INET, socket.IPPROTO_ESP)
    header = ident + daddr + saddr + bytes(8) + bytes(56) + \
        struct.pack("=IIHH", 1, 0, socket.AF_INET, 0)
    assert len(header) == 132, len(header)
    body = header[:len(header) - short] + attrs + tail
    return struct.pack("=IHHII", 16 + len(body), XFRM_MSG_MIGRATE_STATE,
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
    nl.sendto(request(sys.argv[1], int(sys.argv[2], 0), sys.argv[3:]), (0, 0))
    answer = nl.recv(65536)
    error = -struct.unpack_from("=i", answer, 16)[0]
    print(errno.errorcode.get(error, error) if error else "OK", sentence(answer))


main()
