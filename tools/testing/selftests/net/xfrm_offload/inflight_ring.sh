#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 1: the NIC's ring is full when left loses the NIC. What the driver
# could not take (NETDEV_TX_BUSY) is back in the queueing discipline, past all
# checks: a packet, or what is left of a list of segments. Behind it others wait
# before the checks. When the ring has room again, none of them may leave.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/inflight.sh"

places() # HEAD
{
	local head=$1

	flow_in "$([[ $head == packet ]] && echo requeued ||
		   echo behind a list of segments): ping, packet offload" \
		transport v4 packet &&
		flow_in "stopped queue: ping6, packet offload" \
			tunnel v6 packet &&
		flow_in "stopped queue: ping, crypto offload" \
			tunnel v4 crypto &&
		flow_in "$([[ $head == packet ]] && echo stopped queue ||
			   echo requeued): TCP segments, crypto offload" \
			transport v4 crypto &&
		flow_in "stopped queue: TCP, packet offload" \
			transport v4 packet &&
		flow_in "stopped queue: forwarded straight to the NIC" \
			tunnel v4 packet &&
		behind_up $((FIRST_FLOW + 5)) && sockets_up
}

# The first to find the ring full is sent back.
fill() # HEAD
{
	local n=$FIRST_FLOW

	tc -n left qdisc add dev nic0 root pfifo limit 10000 || return
	open_socket tcp $((n + 3)) && open_socket tcp $((n + 4)) || return
	if [[ $1 == packet ]]; then
		nic_fault left tx_room 0
	else
		nic_fault left tx_room 2
		talk send "tcp-$((n + 3))" 60000 || return
	fi
	send_pings "$n"
	send_pings $((n + 1))
	send_pings $((n + 2))
	[[ $1 != packet ]] || talk send "tcp-$((n + 3))" 60000 || return
	talk send "tcp-$((n + 4))" 60000 || return
	send_forwarded $((n + 5))
}

sits() # HEAD
{
	local requeues least=1

	requeues=$(qdisc_number left nic0 requeues)
	WAITING=$(qdisc_number left nic0 qlen)
	note "$WAITING packets wait; $requeues were given back by the driver"
	[[ $1 == packet ]] || least=2
	((requeues >= least && WAITING >= 3 * PINGS + 2))
}

release() # CAUSE
{
	! find_nic || nic_fault left tx_room -1
}

released() { qdisc_empty left nic0; }

tap_header
begin
cables_up && capture_cable nic && capture_patch back || skip_all "no capture"
for cause in ${ONLY:-nothing "${CAUSES[@]}"}; do
	inflight "$cause" packet
	# A device that goes drops its queue, whatever is in it.
	[[ $cause != nothing ]] && ! stays_up "$cause" ||
		inflight "$cause" crypto
done
judge
finish
