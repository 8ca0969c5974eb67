#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 1: what sent before left lost the NIC sends on. Connected sockets
# keep the bundle of their last packet, a router keeps routes; none of them may
# lead past the policy, nor may an optional template.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/inflight.sh"

declare -r AGAIN=4

places()
{
	local n=$FIRST_FLOW

	flow_in "connected UDP, packet offload" transport v4 packet &&
		flow_in "connected UDP6, packet offload" tunnel v6 packet &&
		flow_in "connected UDP, crypto offload" tunnel v4 crypto &&
		flow_in "TCP, packet offload" tunnel v4 packet &&
		flow_in "TCP6, crypto offload" transport v6 crypto &&
		LEVEL=use flow_in "connected UDP, optional template" \
			transport v4 packet &&
		LEVEL=use flow_in "connected UDP6, optional template, crypto" \
			transport v6 crypto &&
		flow_in "forwarded" tunnel v4 packet &&
		behind_up $((n + 7)) && sockets_up || return
	UDP=("$n" $((n + 1)) $((n + 2)) $((n + 5)) $((n + 6)))
	TCP=($((n + 3)) $((n + 4)))
	FORWARDED=$((n + 7))
	SENT[$FORWARDED]=1
}

send_all()
{
	local n

	for n in "${UDP[@]}"; do
		talk send "udp-$n" 100 2>/dev/null
	done
	for n in "${TCP[@]}"; do
		talk send "tcp-$n" 100 || return
	done
	send_forwarded "$FORWARDED"
}

fill()
{
	local n

	for n in "${UDP[@]}"; do
		open_socket udp "$n" || return
	done
	for n in "${TCP[@]}"; do
		open_socket tcp "$n" || return
	done
	BY_NIC_BEFORE=$(packets_by_nic)
	send_all && send_all
}

# What was sent so far came out of the NIC.
sits()
{
	WAITING=$((AGAIN * ${#UDP[@]}))
	wait_for 10 at_least $((BY_NIC_BEFORE + 2 * (${#UDP[@]} + ${#TCP[@]}))) \
		packets_by_nic
}

# Of a datagram that is refused the socket may hear.
release() # CAUSE
{
	local i

	for ((i = 0; i < AGAIN; i++)); do
		QUIET=1 send_all >/dev/null
	done
}

released() { :; }

inflight_all
