#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 1, outbound: a flow table of nftables keeps the way of a flow, past the
# lookup of policies. Each datagram says in its text which case it belongs to, so
# the witness finds it whatever its headers became.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/inflight.sh"

CASES=()

# Whom the answers are from.
declare -r ANSWER='
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7))
print("ready", flush=True)
while True:
    s.sendto(b"answer", s.recvfrom(2048)[1])
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

# Flows between behind and right.
flow_tables() # OUT-ONLY PACKET LATER
{
	local host

	flow_table udp || { not_ok "nft: a flow table"; return; }

	policy left delete "$1" in && policy right delete "$1" out
	flow "$1"
	check "flow table: outbound protected only: is answered" ask flow-out-only
	is "flow table: software: takes it" "$(taken "$1")" 1

	flow "$2"
	policy left add "$2" fwd none
	check "flow table: packet offload: is answered" ask flow-packet
	is "1: flow table: does not take packet offload" "$(taken "$2")" 0
	left ethtool -K nic0 esp-hw-offload off
	check "flow table: packet offload ends" unanswered flow-packet-off
	left ethtool -K nic0 esp-hw-offload on

	flow "$3"
	for host in left right; do
		policy "$host" delete "$3" out && policy "$host" delete "$3" in
	done
	on behind python3 -c "$ASK" "$ADDR_left" "$ADDR_right" plain
	is "flow table: takes what no policy protects" "$(taken "$3")" 1
	policy right add "$3" in && policy left add "$3" out
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
	flow_add tunnel v4 none && behind_up 1 2 3 &&
	start answer right ready python3 -c "$ANSWER" &&
	capture_cable nic || { not_ok "set-up"; finish; }

flow_tables 1 2 3
judge
hosts_down
ip netns del behind
finish
