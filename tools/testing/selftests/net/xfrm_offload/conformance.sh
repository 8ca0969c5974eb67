#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The conformance suite (../../drivers/net/hw/xfrm_offload) on left's NIC, or, with
# the argument "bond", on a bond of two of them. The peer is right, in software.
# Nothing may fail; what has to be supported is, and the report is one.

. "$(dirname "$0")/lib.sh"

SUITE=$(cd "$HERE/../../drivers/net/hw/xfrm_offload" && pwd)
declare -r SUITE BED=${1:-nic}

# What a NIC that comes back needs here, and nowhere else: its cable.
if [[ $BED == plug ]]; then
	QUIET=1
	nic_exists left && plug left "$2" cable cableL
	exit
fi
[[ $BED != bond ]] || . "$HERE/bond.sh"

bed_up()
{
	if [[ $BED == bond ]]; then
		bond_up
	else
		hosts_up
	fi && echo 32 >"$(nic_dir left)/max_sas"
}

# As a vendor calls it. Its TAP is one test here: indented, as subtests are.
suite() # FOLDER [VARIABLE=VALUE...]
{
	mkdir -p "$1"
	on left env NETIF="${OFFLOAD_TO[left]}" REMOTE_TYPE=netns REMOTE_ARGS=right \
		LOCAL_V4=192.168.1.1 REMOTE_V4=192.168.1.2 \
		LOCAL_V6=fd00:168:1::1 REMOTE_V6=fd00:168:1::2 \
		DEVICE_BACK="$HERE/conformance.sh plug nic0" OUT="$1" XFRMCTL="$XFRMCTL" \
		CYCLES=50 CAPACITY=50 MOVES=6 "${@:2}" \
		"$SUITE/xfrm_offload.sh" 2>&1 | sed 's/^/    /' >&"$TOLD"
	return "${PIPESTATUS[0]}"
}

verdicts() # FOLDER VERDICT: how many
{
	jq --arg verdict "$2" '[.requirements[] | select(.verdict == $verdict)] | length' \
		"$1/report.json"
}

verdict_of() # FOLDER ID
{
	jq -r --arg id "$2" '.requirements[] | select(.id == $id) | .verdict' "$1/report.json"
}

# Of left: addresses, routes, devices, SAs and policies; in no order, without what
# the kernel makes of them.
as_found()
{
	{
		ip -n left -br addr show
		ip -n left route show
		ip -n left -6 route show
		ip -n left -br link show
		left ethtool -k "${OFFLOAD_TO[left]}" | grep '^esp-hw'
		on left "$XFRMCTL" state list
		on left "$XFRMCTL" policy list
	} | sed -E 's/ (rt_trap|rt_offload|linkdown)\>//g; s/ +/ /g; s/@if[0-9]+//' | sort
}

left_as_found()
{
	diff "$OUT/before" "$OUT/after" >"$OUT/changed" && return
	sed 's/^/#   /' "$OUT/changed"
	return 1
}

whole_suite()
{
	local report=$OUT/report

	QUIET=1
	as_found >"$OUT/before"
	check "the suite finds no failure" suite "$report"
	as_found >"$OUT/after"
	check "the interface is left as it was found" left_as_found
	is "requirements that failed" "$(verdicts "$report" fail)" 0
	more_than "requirements that passed" "$(verdicts "$report" pass)" "$LEAST"
	note "$(verdicts "$report" pass) pass, $(verdicts "$report" fail) fail," \
		"$(verdicts "$report" 'not supported') not supported"
	is "every requirement is in report.json" \
		"$(jq '.requirements | length' "$report/report.json")" "$REQUIREMENTS"
	is "every one of them is in report.md" "$(grep -c '^| XO-' "$report/report.md")" "$REQUIREMENTS"
}

REQUIREMENTS=$(grep -vc '^#' "$SUITE/requirements.tsv")
LEAST=60
[[ $BED != bond ]] || LEAST=45
tap_header
begin
need python3 ethtool
bed_up || { not_ok "set-up"; finish; }
whole_suite
hosts_down
finish
