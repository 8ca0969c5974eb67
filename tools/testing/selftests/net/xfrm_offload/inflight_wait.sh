#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 1: packets wait for an answer when left loses the NIC: for the link
# layer address of a neighbour, and in the queue of a policy for an SA. The answer
# comes when the NIC is no longer what it was.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/inflight.sh"

declare -r NEIGHBOURS='192.168.1.2 fd00:168:1::2'

# A neighbour is asked for as long as it takes. An ordinary netdevsim asks for
# none.
slow_neighbours()
{
	local family

	ip -n left link set nic0 arp on || return
	for family in ipv4 ipv6; do
		on left sh -c "echo 10000 \
			>/proc/sys/net/$family/neigh/nic0/mcast_solicit" || return
	done
}

places()
{
	flow_in "neighbour (ARP): packet offload" transport v4 packet &&
		flow_in "neighbour (ND): packet offload" tunnel v6 packet &&
		flow_in "neighbour (ARP): crypto offload" tunnel v4 crypto &&
		flow_in "neighbour (ARP): optional template" \
			transport v4 packet &&
		flow_in "queue of the policy" transport v4 packet &&
		flow_in "queue of the policy, in a tunnel" tunnel v6 packet &&
		slow_neighbours || return
	QUEUED=($((FIRST_FLOW + 4)) $((FIRST_FLOW + 5)))
}

fill()
{
	local n addr

	listen left acquire || return
	for n in "${QUEUED[@]}"; do
		sa left delete "$n" out || return
	done
	on left sh -c 'echo 0 >/proc/sys/net/core/xfrm_larval_drop'

	step "cable\$ cut"
	ip -n cable link set cableL nomaster || return
	for addr in $NEIGHBOURS; do
		ip -n left neigh del "$addr" dev nic0
	done
	for n in $(flow_numbers); do
		send_pings "$n"
	done
}

larval() { ip -n left xfrm state | grep -c 'spi 0x00000000'; }

# A neighbour tells nothing of its queue. That the packets were in it, and no
# more than that, is what the cause "nothing" shows.
sits()
{
	local addr n=0

	for addr in $NEIGHBOURS; do
		ip -n left neigh show "$addr" dev nic0 | grep -q INCOMPLETE &&
			((++n))
	done
	note "$n neighbours are asked for, $(larval) SAs"
	WAITING=$((3 * PINGS + 1))
	((n == 2 && $(larval) == ${#QUEUED[@]}))
}

# The neighbours answer, and there are SAs: where the policies are now.
release() # CAUSE
{
	local addr n

	step "cable\$ mend"
	ip -n cable link set cableL master br0
	! ip -n left link show dev nic0 up 2>/dev/null | grep -q . ||
		for addr in $NEIGHBOURS; do
			ip -n left neigh replace "$addr" dev nic0 nud reachable \
				lladdr 02:00:00:00:00:02
		done
	for n in "${QUEUED[@]}"; do
		remember_key left "$n" 1
		case $1 in
		nothing)
			sa left add "$n" out ;;
		broken)
			sa left add "$n" out 1 ;;
		*)
			sa left add "$n" out 1 none ;;
		esac
	done
}

# The policies ask again at ever longer intervals: no need to look often.
released()
{
	read -rt 0.5 -u "$NEVER"
	queue_of "${QUEUED[0]}" && queue_of "${QUEUED[1]}"
}

# The SA of flow N has sent what was queued.
queue_of() # N
{
	[[ $(sad left | jq --argjson n "$1" '[.[] | select(.reqid == $n and
		.dir != "in") | .lifetime.packets] | add') -gt 0 ]]
}

inflight_all
