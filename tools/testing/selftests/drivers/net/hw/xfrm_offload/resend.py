#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Send ESP frames of a capture (pcap of an Ethernet device, on standard input) once more.

usage: resend.py copy|forge INTERFACE FRAMES SPI...

The first FRAMES frames of each SPI go out by INTERFACE as they are (copy), or with a sequence
number 1000 higher, so that their ICV is wrong and their number is fresh (forge). Prints how many
were sent.
"""

import socket
import struct
import sys

ETHERNET = 1
ESP = 50


def frames(stream):
    """The frames of a capture."""
    head = stream.read(24)
    order = "<" if head[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    if struct.unpack(order + "I", head[20:24])[0] != ETHERNET:
        sys.exit("resend.py: the capture is not of an Ethernet device")
    while len(record := stream.read(16)) == 16:
        kept, length = struct.unpack(order + "8xII", record)
        frame = stream.read(kept)
        if kept == length:
            yield frame


def esp_at(frame):
    """Where the ESP header begins, or None."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and frame[23] == ESP:
        return 14 + 4 * (frame[14] & 15)
    if kind == b"\x86\xdd" and frame[20] == ESP:
        return 54
    return None


def main():
    """Sends, and counts."""
    if len(sys.argv) < 5:
        sys.exit(__doc__.strip().splitlines()[2])
    forge = sys.argv[1] == "forge"
    left = {int(spi, 0): int(sys.argv[3]) for spi in sys.argv[4:]}
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((sys.argv[2], 0))
        for frame in frames(sys.stdin.buffer):
            at = esp_at(frame)
            if at is None:
                continue
            spi, seq = struct.unpack(">II", frame[at:at + 8])
            if left.get(spi, 0) == 0:
                continue
            left[spi] -= 1
            if forge:
                frame = frame[:at + 4] + struct.pack(">I", seq + 1000) + frame[at + 8:]
            wire.send(frame)
            sent += 1
    print(sent)


if __name__ == "__main__":
    main()
