#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A program that netfilter asks about packets, and that takes its time.

usage: nfqueue.py NUMBER     packets that come to queue NUMBER wait; from SIGUSR1
                             on they, and all that come later, are accepted

Numbers: linux/netfilter/nfnetlink.h and nfnetlink_queue.h.
"""

import errno
import os
import signal
import socket
import struct
import sys

NETLINK_NETFILTER = 12
NFNL_SUBSYS_QUEUE = 3
NFQNL_MSG_PACKET, NFQNL_MSG_VERDICT, NFQNL_MSG_CONFIG = range(3)
NFQA_PACKET_HDR = 1
NFQA_VERDICT_HDR = 2
NFQA_CFG_CMD, NFQA_CFG_PARAMS = 1, 2
NFQNL_CFG_CMD_BIND = 1
NFQNL_COPY_META = 1
NF_ACCEPT = 1
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2


class Queue:
    def __init__(self, number):
        self.number = number
        self.released = False
        self.waiting = []
        self.nl = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                NETLINK_NETFILTER)
        self.ask(NFQNL_MSG_CONFIG, NFQA_CFG_CMD,
                 struct.pack("!BxH", NFQNL_CFG_CMD_BIND, 0), NLM_F_ACK)
        self.ask(NFQNL_MSG_CONFIG, NFQA_CFG_PARAMS,
                 struct.pack("!IB", 0, NFQNL_COPY_META), NLM_F_ACK)

    def ask(self, message, kind, data, flags=0):
        attr = struct.pack("=HH", 4 + len(data), kind) + data
        body = struct.pack("!BBH", 0, 0, self.number) + attr + bytes(-len(attr) % 4)
        self.nl.send(struct.pack("=IHHII", 16 + len(body),
                                 NFNL_SUBSYS_QUEUE << 8 | message,
                                 NLM_F_REQUEST | flags, 0, 0) + body)
        if flags & NLM_F_ACK:
            error = -struct.unpack_from("=i", self.nl.recv(4096), 16)[0]
            if error:
                sys.exit(f"nfqueue.py: {os.strerror(error)}")

    def accept(self, packet):
        self.ask(NFQNL_MSG_VERDICT, NFQA_VERDICT_HDR,
                 struct.pack("!II", NF_ACCEPT, packet))

    def release(self, *_):
        self.released = True
        for packet in self.waiting:
            self.accept(packet)

    def serve(self):
        while True:
            try:
                message = self.nl.recv(1 << 16)
            except OSError as err:
                if err.errno == errno.ENOBUFS:
                    continue
                raise
            kind = struct.unpack_from("=H", message, 4)[0]
            # What is refused is a packet whose device went.
            if kind != NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET:
                continue
            at = 20
            while at < len(message):
                size, kind = struct.unpack_from("=HH", message, at)
                if kind & 0x3fff == NFQA_PACKET_HDR:
                    packet = struct.unpack_from("!I", message, at + 4)[0]
                    if self.released:
                        self.accept(packet)
                    else:
                        self.waiting.append(packet)
                at += size + -size % 4


if len(sys.argv) != 2:
    sys.exit(__doc__)
queue = Queue(int(sys.argv[1]))
signal.signal(signal.SIGUSR1, queue.release)
print("ready", flush=True)
queue.serve()
