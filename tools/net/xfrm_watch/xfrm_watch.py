#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Watch what leaves this host, or this network namespace, in clear although an outbound policy protects it.

Reads the policies of the kernel, and follows what is told of changes. A policy that disappears without a word is
not forgotten. Each packet that leaves is compared with them: a packet that is neither ESP nor AH, whose policy wants
a transformation or blocks, and that leaves by a device that has no offload of this policy, is reported: once for each
policy, device and pair of addresses, and again with its number at the end.

A packet cannot be compared with the mark or the if_id of a policy: such policies are not watched. IKE and ESP in UDP
or TCP (ports 500 and 4500), neighbour discovery, and what passes a device on top of another one are not looked at;
there, the lower device counts. A policy whose templates are all optional lets packets out.

The exit status is 1 if anything left in clear, 2 after an error. Needs CAP_NET_RAW and CAP_NET_ADMIN.
"""
import argparse
import ctypes
import ipaddress
import json
import select
import signal
import socket
import struct
import subprocess
import sys
import time

NEWPOLICY, DELPOLICY, GETPOLICY, UPDPOLICY, POLEXPIRE, FLUSHPOLICY = 0x13, 0x14, 0x15, 0x19, 0x1B, 0x1D
TMPL, POLICY, POLICY_TYPE, MARK, OFFLOAD_DEV, IF_ID = 5, 7, 16, 21, 28, 31
NETLINK_XFRM, GROUPS = 6, 1 << 3 | 1 << 1
REQUEST, DUMP, ERROR, DONE = 1, 0x300, 2, 3
OUT, BLOCK = 1, 1
INFO, TEMPLATE, OPTIONAL = 168, 64, 50
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, PACKET_OUTGOING, PACKET_STATISTICS, SOL_PACKET = 3, 0x0800, 0x86DD, 4, 6, 263
SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 26, 33, 35
ESP, AH, TCP, UDP, ICMPV6 = 50, 51, 6, 17, 58
PORTS = (500, 4500)
EXTENSIONS = (0, 43, 60, 135)
UPPER_KINDS = ("vlan", "bond", "bridge", "team", "macvlan", "ipvlan", "xfrm", "vti", "vti6")


class Policy:
    """An outbound policy, as a message has it."""

    def __init__(self, body, attrs):
        sel = body[:56]
        self.dport, self.dmask, self.sport, self.smask = struct.unpack("!4H", sel[32:40])
        self.family, plen_d, plen_s, self.proto = struct.unpack("=HBBB", sel[40:45])
        self.ifindex = struct.unpack("=i", sel[48:52])[0]
        self.family = self.family or socket.AF_INET
        size = 4 if self.family == socket.AF_INET else 16
        self.dst = ipaddress.ip_network((sel[:size], plen_d), strict=False)
        self.src = ipaddress.ip_network((sel[16:16 + size], plen_s), strict=False)
        self.priority, self.index, self.dir, self.action = struct.unpack("=IIBB", body[152:162])
        tmpls = attrs.get(TMPL, b"")
        optional = [tmpls[i + OPTIONAL] for i in range(0, len(tmpls), TEMPLATE)]
        self.protects = self.action == BLOCK or not all(optional)
        self.offload = struct.unpack("=i", attrs[OFFLOAD_DEV][:4])[0] if OFFLOAD_DEV in attrs else 0
        self.seen = any(attrs.get(MARK, b"")) or any(attrs.get(IF_ID, b""))
        self.since = time.time()
        self.gone = False

    def matches(self, packet, ifindex):
        """Is it the policy of this packet?"""
        family, src, dst, proto, sport, dport = packet
        return (family == self.family and dst in self.dst and src in self.src and
                self.proto in (0, proto) and self.ifindex in (0, ifindex) and
                not (sport ^ self.sport) & self.smask and not (dport ^ self.dport) & self.dmask)

    def __str__(self):
        text = f"policy {self.index} ({self.src} to {self.dst}"
        return text + (", not in the SPD any more)" if self.gone else ")")


def attributes(data):
    """The attributes of a message."""
    attrs = {}
    while len(data) >= 4:
        size, kind = struct.unpack("=HH", data[:4])
        if size < 4:
            break
        attrs[kind] = data[4:size]
        data = data[(size + 3) & ~3:]
    return attrs


def messages(data):
    """Type and body of each message."""
    while len(data) >= 16:
        size, kind = struct.unpack("=IH", data[:6])
        yield kind, data[16:size]
        data = data[(size + 3) & ~3:]


class Spd:
    """The outbound policies, by their index."""

    def __init__(self):
        self.policies, self.order, self.skipped = {}, [], set()
        self.events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_XFRM)
        self.events.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.events.bind((0, GROUPS))
        self.events.setblocking(False)
        self.load()

    def load(self):
        """Add what the SPD has, and forget nothing."""
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_XFRM) as dump:
            dump.bind((0, 0))
            dump.send(struct.pack("=IHHII", 16 + 64, GETPOLICY, REQUEST | DUMP, 1, 0) + bytes(64))
            while True:
                for kind, body in messages(dump.recv(1 << 20)):
                    if kind == DONE:
                        self.sort()
                        return
                    if kind == ERROR:
                        raise OSError(-struct.unpack("=i", body[:4])[0], "the kernel does not list its policies")
                    self.take(body, attributes(body[INFO:]))

    def take(self, body, attrs):
        """A policy that is new, or changed."""
        policy = Policy(body, attrs)
        if policy.dir != OUT:
            return
        if policy.seen:
            self.skipped.add(policy.index)
            return
        old = self.policies.get(policy.index)
        if old and old.protects and policy.protects:
            policy.since = old.since
        self.policies[policy.index] = policy

    def sort(self):
        """Those of a device win over those of software, then the priority decides."""
        self.order = sorted(self.policies.values(), key=lambda p: (not p.offload, p.priority))

    def follow(self):
        """Read what the kernel has told."""
        while True:
            try:
                data = self.events.recv(1 << 20)
            except BlockingIOError:
                return
            except OSError:
                # Some events are lost.
                self.load()
                continue
            for kind, body in messages(data):
                self.event(kind, body)
            self.sort()

    def event(self, kind, body):
        """One event."""
        if kind in (NEWPOLICY, UPDPOLICY):
            self.take(body, attributes(body[INFO:]))
        elif kind == DELPOLICY:
            info = attributes(body[64:]).get(POLICY, bytes(INFO))
            self.policies.pop(struct.unpack("=I", info[156:160])[0], None)
        elif kind == POLEXPIRE and body[INFO]:
            self.policies.pop(struct.unpack("=I", body[156:160])[0], None)
        elif kind == FLUSHPOLICY:
            kept = self.policies
            self.policies = {}
            self.load()
            # One of a socket, or of the other type, stays.
            for index in self.policies.keys() & kept.keys():
                self.policies[index] = kept[index]

    def find(self, packet, ifindex):
        """The policy of a packet."""
        return next((p for p in self.order if p.matches(packet, ifindex)), None)

    def mark_gone(self):
        """Which ones have disappeared without a word?"""
        before = self.policies
        self.policies = {}
        self.load()
        for index, policy in before.items():
            policy.gone = index not in self.policies
        self.policies = before
        self.sort()


class Devices:
    """What is asked of a device is asked once."""

    def __init__(self):
        self.known = {}

    def get(self, name):
        """Its kind, and its master's index."""
        if name not in self.known:
            answer = subprocess.run(["ip", "-j", "-d", "link", "show", "dev", name], capture_output=True,
                                    text=True, check=False).stdout
            info = (json.loads(answer or "[{}]") or [{}])[0]
            master = info.get("master")
            self.known[name] = (info.get("linkinfo", {}).get("info_kind"),
                                socket.if_nametoindex(master) if master else 0,
                                "LOOPBACK" in info.get("flags", []))
        return self.known[name]

    def passes_on(self, name):
        """Is it looked at again, below this device, or does nothing leave by it?"""
        kind, _, loopback = self.get(name)
        return loopback or kind in UPPER_KINDS

    def holds(self, name, ifindex, policy):
        """Does this device encrypt what the policy says? It may be below the one that has the offload."""
        return policy.offload and policy.offload in (ifindex, self.get(name)[1])


def parse(protocol, data):
    """(family, source, destination, protocol, ports) of a packet, or None if it is of no interest."""
    if protocol == ETH_P_IP and len(data) >= 20:
        family, proto, at = socket.AF_INET, data[9], (data[0] & 15) * 4
        src, dst = ipaddress.IPv4Address(data[12:16]), ipaddress.IPv4Address(data[16:20])
        later = struct.unpack("!H", data[6:8])[0] & 0x1FFF
    elif protocol == ETH_P_IPV6 and len(data) >= 40:
        family, proto, at, later = socket.AF_INET6, data[6], 40, 0
        src, dst = ipaddress.IPv6Address(data[8:24]), ipaddress.IPv6Address(data[24:40])
        while proto in EXTENSIONS + (44,) and len(data) >= at + 8:
            if proto == 44:
                later = struct.unpack("!H", data[at + 2:at + 4])[0] & 0xFFF8
                proto, at = data[at], at + 8
                if later:
                    break
            else:
                proto, at = data[at], at + (data[at + 1] + 1) * 8
    else:
        return None
    sport = dport = 0
    if proto in (ESP, AH) or dst.is_multicast:
        return None
    if not later and proto in (TCP, UDP, 33, 132, 136) and len(data) >= at + 4:
        sport, dport = struct.unpack("!HH", data[at:at + 4])
        if sport in PORTS or dport in PORTS:
            return None
    elif not later and proto in (1, ICMPV6) and len(data) >= at + 2:
        sport, dport = data[at], data[at + 1]
        if proto == ICMPV6 and 133 <= sport <= 137:
            return None
    return family, src, dst, proto, sport, dport


def tap():
    """A socket that gets what leaves, without ESP and AH, which the kernel filters."""
    program = (
        (0x28, 0, 0, 0xFFFFF000),  # ldh protocol
        (0x15, 0, 2, ETH_P_IP),    # jeq IPv4
        (0x30, 0, 0, 9),           # ldb its protocol
        (0x15, 5, 3, ESP),         # jeq ESP: drop
        (0x15, 0, 4, ETH_P_IPV6),  # jeq IPv6
        (0x30, 0, 0, 6),           # ldb its next header
        (0x15, 2, 0, ESP),         # jeq ESP: drop
        (0x15, 1, 0, AH),          # jeq AH: drop
        (0x06, 0, 0, 256),         # take so much
        (0x06, 0, 0, 0),           # drop
    )
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    buf = ctypes.create_string_buffer(code)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                    struct.pack("HL", len(program), ctypes.addressof(buf)))
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setblocking(False)
    return sock


class Watch:
    """Policies, packets, and what was found."""

    def __init__(self):
        self.spd, self.devices, self.sock, self.found, self.lost = Spd(), Devices(), tap(), {}, 0

    def look(self):
        """Compare what has left since the last look."""
        while True:
            try:
                data, ancillary, _, (name, protocol, kind, _, _) = self.sock.recvmsg(256, 64)
            except BlockingIOError:
                return
            if kind != PACKET_OUTGOING:
                continue
            # What was told before the packet left is known before it is judged.
            self.spd.follow()
            packet = parse(protocol, data)
            if not packet:
                continue
            when = time.time()
            for _, _, stamp in ancillary:
                when = struct.unpack("=q", stamp[:8])[0] + struct.unpack("=q", stamp[8:16])[0] / 1e9
            self.judge(packet, name, when)

    def judge(self, packet, name, when):
        """Report a packet that should not have left."""
        try:
            ifindex = socket.if_nametoindex(name)
        except OSError:
            return
        policy = self.spd.find(packet, ifindex)
        if (not policy or not policy.protects or when < policy.since or self.devices.passes_on(name) or
                self.devices.holds(name, ifindex, policy)):
            return
        key = policy.index, name, packet[1], packet[2]
        if key not in self.found:
            self.spd.mark_gone()
            print(f"{time.strftime('%H:%M:%S', time.localtime(when))} in clear by {name}: {packet[1]} > {packet[2]} "
                  f"protocol {packet[3]}, {policy}", flush=True)
        self.found[key] = self.found.get(key, 0) + 1

    def end(self):
        """How much it was."""
        self.look()
        self.lost = struct.unpack("=II", self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        if self.spd.skipped:
            print(f"{len(self.spd.skipped)} policies with a mark or an if_id were not watched")
        if self.lost:
            print(f"{self.lost} packets were too many to look at")
        for (index, name, src, dst), number in self.found.items():
            print(f"{number} packets in clear by {name}: {src} > {dst}, policy {index}")
        print(f"{sum(self.found.values())} packets in clear")
        return 1 if self.found else 0


def main():
    """Watch until a signal, or for some seconds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, help="end after so long; without it, on SIGINT or SIGTERM")
    args = parser.parse_args()
    try:
        watch = Watch()
    except OSError as error:
        print(f"xfrm_watch: {error.strerror}: run it as root, on a kernel with xfrm_user", file=sys.stderr)
        return 2
    ended = []
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, lambda *_: ended.append(True))
    print(f"watching {sum(p.protects for p in watch.spd.order)} policies", flush=True)
    until = time.monotonic() + args.seconds if args.seconds else None
    while not ended and (until is None or time.monotonic() < until):
        left = 0.5 if until is None else max(0, min(0.5, until - time.monotonic()))
        select.select([watch.sock, watch.spd.events], [], [], left)
        watch.spd.follow()
        watch.look()
    return watch.end()


if __name__ == "__main__":
    sys.exit(main())
