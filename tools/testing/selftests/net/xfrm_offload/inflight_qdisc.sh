#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 1: packets wait in slow queueing disciplines when left loses the NIC:
# at the NIC, and at devices that stand upon it. Some segments of what the slow
# one cut up have left already, the rest has not.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/inflight.sh"

declare -r SLOW='rate 2kbit burst 1700 limit 1000000'
declare -r FAST='rate 1gbit burst 100000 limit 1000000'

# What leads to right's address of flow N is DEVICE, of which right's NIC is the
# neighbour.
lead_by() # DEVICE NETWORK N
{
	flow "$3"
	ip -n left -batch - <<-EOF
		link set $1 up
		addr add 192.168.$2.1/24 dev $1
		neigh replace 192.168.$2.2 lladdr 02:00:00:00:00:02 dev $1
		route add $ADDR_right/32 via 192.168.$2.2 dev $1
	EOF
}

upper_devices() # MACVLAN-FLOW VLAN-FLOW XFRM-FLOW
{
	ip -n left link add link nic0 name mv0 type macvlan mode bridge &&
		lead_by mv0 6 "$1" &&
		ip -n left link add link nic0 name nic0.5 type vlan id 5 &&
		lead_by nic0.5 5 "$2" || return
	flow "$3"
	ip -n left -batch - <<-EOF
		link add xfrm0 type xfrm dev nic0 if_id 7
		link set xfrm0 up
		route add $ADDR_right/32 dev xfrm0 src $ADDR_left
	EOF
}

# What comes in under packet offload comes in by the NIC.
by_xfrm_interface()
{
	MORE_WORDS["left out tunnel"]='if_id 7'
	flow_in "tbf: from an xfrm interface" tunnel v4 packet
	local rc=$?

	unset 'MORE_WORDS[left out tunnel]'
	return $rc
}

places()
{
	local n=$FIRST_FLOW

	flow_in "cut up by tbf: TCP, packet offload" transport v4 packet &&
		flow_in "cut up by tbf: TCP, crypto offload" tunnel v6 crypto &&
		flow_in "tbf: ping, crypto offload" transport v4 crypto &&
		flow_in "tbf: fragments made here" tunnel v6 packet &&
		flow_in "tbf: fragments, forwarded" tunnel v4 packet &&
		flow_in "tbf of a macvlan" transport v4 packet &&
		flow_in "tbf of a VLAN" transport v4 packet &&
		LEVEL=use flow_in "tbf: optional template" \
			transport v4 packet &&
		by_xfrm_interface &&
		upper_devices $((n + 5)) $((n + 6)) $((n + 8)) &&
		behind_up $((n + 4)) && sockets_up || return
	# It might give a plain packet to a sibling: none is sent there.
	REFUSED[$((n + 5))]=1
}

qdisc() # add|change TBF-WORDS
{
	local dev

	for dev in nic0 mv0 nic0.5; do
		# shellcheck disable=SC2086 # words, on purpose
		tc -n left qdisc "$1" dev "$dev" root tbf $2 || return
	done
}

fill()
{
	local n=$FIRST_FLOW

	open_socket tcp "$n" && open_socket tcp $((n + 1)) || return
	qdisc add "$SLOW" || return
	talk send "tcp-$n" 60000 && talk send "tcp-$((n + 1))" 60000 || return
	send_pings $((n + 2))
	send_pings $((n + 3)) -s 4000
	send_forwarded $((n + 4)) -s 4000
	send_pings $((n + 5)) -s 1400
	send_pings $((n + 6)) -s 1400
	send_pings $((n + 7))
	send_pings $((n + 8))
}

sits()
{
	local dev n

	WAITING=0
	for dev in nic0 nic0.5; do
		n=$(qdisc_number left "$dev" qlen)
		note "$n packets wait at $dev"
		[[ $n -gt 0 ]] || return
		((WAITING += n))
	done
	# The segments, three fragments of each of the large ones, the pings.
	((WAITING > 10 + 6 * PINGS + 3 * PINGS))
}

# A device that is down, or gone, has dropped what waited. A queue that sleeps
# learns from the next packet that it is faster now.
release() # CAUSE
{
	local net

	stays_up "$1" || return 0
	qdisc change "$FAST"
	for net in 1 5 6; do
		on left ping -n -q -c 1 -W 0.01 "192.168.$net.2" >/dev/null 2>&1
	done
}

released()
{
	qdisc_empty left nic0 && qdisc_empty left nic0.5
}

inflight_all
