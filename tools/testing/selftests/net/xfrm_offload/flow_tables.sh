#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 1, outbound: a flow table of nftables keeps the way of a flow, past the
# lookup of policies. Each datagram says in its text which case it belongs to, so
# the witness finds it whatever its headers became.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/inflight.sh"

CASES=()

# Answers from the address that was asked: another one is no part of the flow, and
# of no policy.
declare -r ANSWER='
import socket, struct
IP_PKTINFO = 8
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
s.bind(("", 7))
print("ready", flush=True)
while True:
    _, info, _, sender = s.recvmsg(2048, 64)
    source = struct.pack("=I4s4x", 0, info[0][2][4:8])
    s.sendmsg([b"answer"], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, sender)
'

# Datagrams one by one, each after the answer to the last one, or without it.
declare -r ASK='
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 7777))
s.settimeout(0.05)
answers = 0
for n in range(10):
    s.sendto(sys.argv[3].encode(), (sys.argv[2], 7))
    try:
        answers += s.recv(2048) == b"answer"
    except OSError:
        pass
sys.exit(answers < 5)
'

ask() # CASE
{
	CASES+=("$1")
	on behind python3 -c "$ASK" "$ADDR_left" "$ADDR_right" "case=$1;"
}

unanswered() { ! ask "$@"; }

taken() # N: does the flow table have connections of flow N?
{
	flow "$1"
	on left grep "dst=$ADDR_right.*OFFLOAD" /proc/net/nf_conntrack | wc -l
}

# An answer that comes in plain adds the flow; what goes out is protected.
out_only() # N
{
	flow_table "udp ct direction reply" || { not_ok "nft: a flow table"; return; }
	policy left delete "$1" in && policy right delete "$1" out
	check "flow table: outbound protected only: is answered" ask flow-out-only
	is "flow table: software: takes it" "$(taken "$1")" 1
	on left nft delete table inet fast
}

# The same of packet offload, while no forward policy keeps the flow from the table.
packet_out_only() # N
{
	flow "$1"
	policy left delete "$1" in && policy right delete "$1" out
	check "flow table: packet offload, outbound only: is answered" \
		ask flow-packet-out
	is "1: flow table: packet offload, outbound only: does not take it" \
		"$(taken "$1")" 0
	policy right add "$1" out && policy left add "$1" in
}

# Protected both ways in software: the table would not ask the forward policy.
forward() # N
{
	flow "$1"
	policy left add "$1" fwd none
	check "flow table: forward policy: is answered" ask flow-forward
	is "1: flow table: forward policy: does not take it" "$(taken "$1")" 0
	policy left delete "$1" fwd
}

# Packet offload both ways, until its SA has no hardware any more.
packet() # N CAUSE COMMAND...
{
	flow "$1"
	policy left add "$1" fwd none
	check "flow table: packet offload: is answered" ask "flow-packet-$1"
	is "1: flow table: does not take packet offload" "$(taken "$1")" 0
	"${@:3}"
	check "flow table: packet offload ends: $2" unanswered "flow-packet-$2"
}

# Flows between behind and right.
flow_tables() # OUT-ONLY DELETED BROKEN OFF LATER
{
	local host

	flow "$1"
	out_only "$1"
	flow_table udp || { not_ok "nft: a flow table"; return; }
	packet_out_only "$2"
	packet "$2" deleted sa left delete "$2" out
	find_sa left "$3"
	packet "$3" broken nic_fault left break_sa $((SPI))
	packet "$4" off left ethtool -K nic0 esp-hw-offload off
	left ethtool -K nic0 esp-hw-offload on

	forward "$5"
	for host in left right; do
		policy "$host" delete "$5" out && policy "$host" delete "$5" in
	done
	on behind python3 -c "$ASK" "$ADDR_left" "$ADDR_right" plain
	is "flow table: takes what no policy protects" "$(taken "$5")" 1
	policy right add "$5" in && policy left add "$5" out
	check "flow table: a policy comes later" ask flow-later
	on left nft delete table inet fast
}

judge()
{
	local name filters=() counts

	check "the capture is whole" capture_end nic
	for name in "${CASES[@]}"; do
		filters+=("frame contains \"case=$name;\"")
	done
	read -ra counts < <(frames nic "${filters[@]}")
	for name in "${CASES[@]}"; do
		is "1: $name: nothing leaves in clear" "${counts[0]}" 0
		counts=("${counts[@]:1}")
	done
}

tap_header
begin
need python3 nft
hosts_up && flow_add tunnel v4 none && flow_add tunnel v4 packet &&
	flow_add tunnel v4 packet && flow_add tunnel v4 packet &&
	flow_add tunnel v4 none && behind_up 1 2 3 4 5 &&
	start answer right ready python3 -c "$ANSWER" &&
	capture_cable nic || { not_ok "set-up"; finish; }

flow_tables 1 2 3 4 5
judge
hosts_down
ip netns del behind
finish
