#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The races of stress.sh over a bond: its active slave changes, is lost or taken
# out, or both are down for a while, when SAs and policies have no hardware at all.

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/bond.sh"
. "$LIB/stress.sh"

CHURN_WORDS="-d bond0"
CAUSES=(switch failover release both-down broken)

other_slave() { [[ $(active) == nic0 ]] && echo nic1 || echo nic0; }

take_away() # CAUSE
{
	local dev

	dev=$(active)
	step "bond0: $1, active: $dev"
	case $1 in
	switch)
		ip -n left link set bond0 type bond active_slave "$(other_slave)" ;;
	failover | down)
		ip -n left link set "$dev" down ;;
	release)
		ip -n left link set "$dev" nomaster ;;
	both-down)
		ip -n left link set nic0 down
		ip -n left link set nic1 down ;;
	feature)
		left ethtool -K "$dev" esp-hw-offload off ;;
	broken)
		nic_fault left break_sa 0 ;;
	esac
}

# Both are slaves again, up, with what they can do.
give_back() # CAUSE
{
	local dev

	for dev in nic0 nic1; do
		if ! ip -n left link show dev "$dev" master bond0 2>/dev/null | grep -q .; then
			ip -n left link set "$dev" down &&
				ip -n left link set "$dev" master bond0 || return
		fi
		on left ethtool -K "$dev" esp-hw-offload on || return
		ip -n left link set "$dev" up || return
	done
	on left ethtool -K bond0 esp-hw-offload on 2>/dev/null
	port_up left bond0 1 10
	wait_for 10 has_active
}

has_active() { [[ $(active) == nic? ]]; }

round_set_up() # NUMBER
{
	local words

	bond_up || return
	for words in "${ROUND_FLOWS[@]}"; do
		# shellcheck disable=SC2086 # words, on purpose
		flow_add $words || return
	done
	load_start "$1"
}

# The bond and both of its slaves go, in this order or with the whole netns.
last_strike()
{
	draw 2
	if ((DRAWN)); then
		STORY+=" netns-exit"
		ip netns del left
		load_stop
		wait_for 20 left_moved
	else
		STORY+=" delete"
		ip -n left link del bond0
		idle 200
		load_stop
	fi
	nic_del left
	nic_del spare
}

tap_header
begin
ip link add bond9 type bond 2>/dev/null && ip link del bond9 ||
	skip_all "needs bonding (CONFIG_BONDING)"
stress unbind_stress_bond
finish
