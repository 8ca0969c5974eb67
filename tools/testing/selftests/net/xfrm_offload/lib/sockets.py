#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Sockets that stay open while a test does something else.

usage: sockets.py sink          take what comes by TCP and UDP, on port 9
       sockets.py talk          do what the lines of the standard input say, and
                                answer each with "ok" or with what went wrong:

       tcp NAME SOURCE TARGET   a connection to a sink
       udp NAME SOURCE TARGET   a connected socket
       send NAME BYTES          as much of it as the socket takes now

       sockets.py stream SOURCE TARGET
                                a connection to a sink, and a few bytes at a time
                                until it is ended
       sockets.py natt          take ESP out of UDP, on port 4500, until ended
       sockets.py burst SOURCE TARGET NUMBER COMMAND
                                so many datagrams, and the command at once: with
                                a realtime policy, and one CPU, no other task
                                runs in between. Prints how many packets each
                                device has sent before the command and after the
                                datagrams, as "IFACE N".

       sockets.py runts IFACE NUMBER
                                so many frames of 42 octets; prints how many of
                                their octets are still charged to the socket
                                when the device has had them
"""

import array
import fcntl
import os
import select
import socket
import struct
import sys
import termios
import time

PORT = 9
TIMEOUT = 20
BUFFER = 1 << 20
# Closed, a socket is gone: it does not go on trying in a namespace that ends.
NO_LINGER = struct.pack("ii", 1, 0)


def sink():
    listener = socket.create_server(("::", PORT), family=socket.AF_INET6,
                                    dualstack_ipv6=True)
    datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    datagrams.bind(("::", PORT))
    print("ready", flush=True)

    readers = [listener, datagrams]
    while True:
        for ready in select.select(readers, [], [])[0]:
            if ready is listener:
                sock = listener.accept()[0]
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
                readers.append(sock)
            elif not ready.recv(BUFFER) and ready is not datagrams:
                readers.remove(ready)
                ready.close()


def connect(kind, source, target):
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.settimeout(TIMEOUT)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    sock.bind((source, 0))
    sock.connect((target, PORT))
    sock.setblocking(False)
    return sock


def obey(sockets, words):
    if words[0] == "tcp":
        sockets[words[1]] = connect(socket.SOCK_STREAM, *words[2:])
    elif words[0] == "udp":
        sockets[words[1]] = connect(socket.SOCK_DGRAM, *words[2:])
    elif words[0] == "send":
        sockets[words[1]].send(bytes(int(words[2])))
    else:
        raise ValueError("unknown word: " + words[0])


def talk():
    sockets = {}
    for line in sys.stdin:
        try:
            obey(sockets, line.split())
            print("ok", flush=True)
        except (OSError, ValueError, KeyError, IndexError) as err:
            print(err or repr(err), flush=True)


def stream(source, target):
    sock = connect(socket.SOCK_STREAM, source, target)
    print("ready", flush=True)
    while True:
        try:
            sock.send(bytes(100))
        except BlockingIOError:
            pass
        time.sleep(0.01)


# linux/udp.h, RFC 3948
UDP_ENCAP = 100
UDP_ENCAP_ESPINUDP = 2


def natt():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", 4500))
    sock.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP)
    print("ready", flush=True)
    while True:
        sock.recv(BUFFER)


def sent_by_device():
    sent = {}
    with open("/proc/net/dev") as table:
        for line in list(table)[2:]:
            name, numbers = line.split(":")
            sent[name.strip()] = int(numbers.split()[9])
    return sent


def burst(source, target, number, command):
    sock = connect(socket.SOCK_DGRAM, source, target)
    before = sent_by_device()
    for _ in range(int(number)):
        sock.send(bytes(100))
    after = sent_by_device()
    status = os.system(command)
    for name, sent in after.items():
        print(name, sent - before.get(name, 0))
    return os.waitstatus_to_exitcode(status)


def runts(iface, number):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((iface, 0))
    mac = sock.getsockname()[4]
    for _ in range(int(number)):
        sock.send(mac + mac + bytes.fromhex("88b5") + bytes(28))
    queued = array.array("i", [0])
    fcntl.ioctl(sock, termios.TIOCOUTQ, queued)
    print(queued[0])


if sys.argv[1:] == ["sink"]:
    sink()
elif sys.argv[1:] == ["talk"]:
    talk()
elif sys.argv[1:] == ["natt"]:
    natt()
elif sys.argv[1:2] == ["stream"] and len(sys.argv) == 4:
    stream(*sys.argv[2:])
elif sys.argv[1:2] == ["burst"] and len(sys.argv) == 6:
    sys.exit(burst(*sys.argv[2:]))
elif sys.argv[1:2] == ["runts"] and len(sys.argv) == 4:
    runts(*sys.argv[2:])
else:
    sys.exit(__doc__)
