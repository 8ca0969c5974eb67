#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariants 1 and 2: left's NIC goes away under load, for every cause, with
# every kind of SA on it. Nothing may leave in clear on either path, everything
# that does leave is ESP that tshark can verify, and no IV is used twice.

. "$(dirname "$0")/lib/lib.sh"

every_kind_of_flow()
{
	local mode family offload

	for mode in transport tunnel; do
		for family in v4 v6; do
			for offload in packet crypto; do
				flow_add "$mode" "$family" "$offload" || return
			done
		done
	done
}

# A new socket each, beside those that were open when the NIC went.
ping_once_more()
{
	local n pids=()

	for n in $(flow_numbers); do
		flow "$n"
		on left ping -n -q -c 3 -i 0.01 -W 0.05 -I "$ADDR_left" \
			"$ADDR_right" >/dev/null 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
}

lose_the_nic() # CAUSE
{
	local n works=0

	for n in $(flow_numbers); do
		pings "$n" || { note "${FLOWS[n]} does not work"; works=1; }
	done
	for n in $(flow_numbers); do
		ping_flow "$n"
	done
	wait_traffic 1000 || return
	take_away "$1" || return
	wait_elsewhere 200
	ping_once_more
	for n in $(flow_numbers); do
		stop "ping-$n" INT
	done
	return "$works"
}

# Crypto offload may still send by back0, in software, between the moment when
# the route changes and the fence: ESP like any other.
only_esp() # VERIFIED FAILED CLEAR (nic) VERIFIED FAILED CLEAR (back)
{
	note "by the NIC: $1 verified, $2 failed, $3 in clear;" \
	     "by back0: $4 verified, $5 failed, $6 in clear"
	(($1 > 50 && $2 + $3 + $5 + $6 == 0))
}

# Left's SAs of flow N name the cause, both of them.
reason_is() # REASON N
{
	local got

	got=$(sad left | jq -r --argjson n "$2" \
		'[.[] | select(.reqid == $n) | .invalid.reason] | sort | join(" ")')
	[[ $got == "$1 $1" ]] || { note "xfrmctl says: '$got'"; return 1; }
}

judge() # CAUSE FLOW...
{
	local cause=$1 n

	for n in "${@:2}"; do
		check "1: $cause, ${FLOWS[n]}: nothing in clear" only_esp \
			"${BY_NIC[@]:(n-1)*3:3}" "${BY_BACK[@]:(n-1)*3:3}"
	done
}

run() # CAUSE
{
	local n

	hosts_up && every_kind_of_flow || { not_ok "$1: set-up"; return; }
	# In every other round the NIC leaves its inbound policies to the stack.
	nic_fault left any_sa "$((++ROUND % 2))"
	FLOWS_OF[$1]=$(flow_numbers)
	check "$1: the NIC goes under load" lose_the_nic "$1"
	for n in $(flow_numbers); do
		check "6: $1, ${FLOWS[n]}: the SAs say why" \
			reason_is "$(reason_of "$1")" "$n"
	done
	hosts_down
}

declare -A FLOWS_OF
ROUND=0
tap_header
begin
cables_up && capture_cable nic && capture_patch back || skip_all "no capture"
for cause in "${CAUSES[@]}"; do
	run "$cause"
done
check "the capture by the NIC is whole" capture_end nic
check "the capture by back0 is whole" capture_end back
judge_wires
is "2: no sequence number twice" "$(repeated sequence nic back)" 0
for cause in "${CAUSES[@]}"; do
	# shellcheck disable=SC2086 # numbers, on purpose
	judge "$cause" ${FLOWS_OF[$cause]}
done
finish
