#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Make an algorithm of the kernel's crypto asynchronous, whatever the machine has.

usage: crypto_async.py NAME  from now on NAME, an AEAD that is in use, is what a
                             kernel thread computes (cryptd)

Numbers: linux/cryptouser.h and linux/crypto.h.
"""

import os
import socket
import struct
import sys

NETLINK_CRYPTO = 21
CRYPTO_MSG_NEWALG = 0x10
CRYPTOCFGA_PRIORITY_VAL = 1
CRYPTO_ALG_TYPE_AEAD = 3
CRYPTO_ALG_TYPE_MASK = 15
NLM_F_REQUEST, NLM_F_ACK = 1, 4
PRIORITY = 10000


def drivers(name):
    """Those of NAME, the preferred one first."""
    found = []
    with open("/proc/crypto") as table:
        for block in table.read().split("\n\n"):
            entry = dict(line.split(":", 1) for line in block.splitlines() if ":" in line)
            entry = {key.strip(): value.strip() for key, value in entry.items()}
            if entry.get("name") == name and entry.get("internal") == "no":
                found.append((int(entry["priority"]), entry["driver"]))
    return [driver for _, driver in sorted(found, reverse=True)]


def add(name, driver):
    body = name.encode().ljust(64, b"\0") + driver.encode().ljust(128, b"\0") + \
        struct.pack("=IIII", CRYPTO_ALG_TYPE_AEAD, CRYPTO_ALG_TYPE_MASK, 0, 0) + \
        struct.pack("=HHI", 8, CRYPTOCFGA_PRIORITY_VAL, PRIORITY)
    nl = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_CRYPTO)
    nl.send(struct.pack("=IHHII", 16 + len(body), CRYPTO_MSG_NEWALG,
                        NLM_F_REQUEST | NLM_F_ACK, 0, 0) + body)
    error = -struct.unpack_from("=i", nl.recv(4096), 16)[0]
    if error:
        sys.exit(f"crypto_async.py: {driver}: {os.strerror(error)}")


if len(sys.argv) != 2:
    sys.exit(__doc__)
have = drivers(sys.argv[1])
if not have:
    sys.exit(f"crypto_async.py: no {sys.argv[1]} in /proc/crypto")
add(sys.argv[1], f"cryptd({have[0]})")
print(drivers(sys.argv[1])[0])
