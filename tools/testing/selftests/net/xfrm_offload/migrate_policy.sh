#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 2: XFRM_MSG_MIGRATE takes a policy and its SA to other addresses. The
# SA goes on in software, after the last number that its hardware used; if that is
# not known, it does not go on.

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/stress.sh" # its load
. "$LIB/specs.sh"

declare -r NEW_END=10.9.0.3

# PACKET: a packet offload policy finds no SA in software, so it is updated.
IN_SOFTWARE=1 CRYPTO=2 PACKET=3 SILENT=4

migrate_with_policy() # N
{
	local said address

	flow "$1"
	for address in "$ADDR_left" "$ADDR_right" "$END_left" "$END_right" "$NEW_END"; do
		ynl_address "$address"
	done >"$OUT/addresses"
	said=$(ynl ask migrate "$(jq -Rnc --argjson n "$1" '[inputs] as [$src, $dst,
		$left, $right, $new] | {sel: {saddr: $src, daddr: $dst, family: 2,
		"prefixlen-s": 32, "prefixlen-d": 32}, dir: "out",
		migrate: [{"old-daddr": $right, "old-saddr": $left,
			"new-daddr": $right, "new-saddr": $new, proto: 50,
			mode: "tunnel", reqid: $n, "old-family": 2,
			"new-family": 2}]}' "$OUT/addresses")")
	note "$said"
	[[ $said == null ]]
}

moved_sa() { echo ".reqid == $1 and .src == \"$NEW_END\" and .state == \"valid\""; } # N

of_sa() # JQ-CONDITION WHAT
{
	sad left | jq "[.[] | select($1)][0]$2"
}

# The same key, from another address.
remember_new_key() # N
{
	find_sa left "$1"
	witness_key src "$NEW_END" "${SA[@]:2}" "$KEY"
}

policy_goes_to_software() # N
{
	flow "$1"
	ctl left policy update src "$ADDR_left/32" dst "$ADDR_right/32" dir out \
		priority 100 tmpl src "$NEW_END" dst "$END_right" proto esp \
		reqid "$1" mode tunnel level required
}

goes_on() # WHAT N
{
	local before

	check "$1: the flow sends" pings "$2"
	find_sa left "$2"
	before=$(of_sa ".reqid == $2 and .spi == $((SPI))" .lifetime.packets)
	remember_new_key "$2"
	check "$1: migrates" migrate_with_policy "$2"
	is "$1: one SA is there, valid" "$(count_sas left "$(moved_sa "$2")")" 1
	is "$1: and no other for packets that leave" \
		"$(count_sas left ".reqid == $2 and .spi == $((SPI))")" 1
	more_than "2: $1: packets were sent" "$before" 0
	more_than "2: $1: it goes on after the last number" \
		"$(of_sa "$(moved_sa "$2")" .replay.oseq)" $((before - 1))
	[[ $2 != "$PACKET" ]] || policy_goes_to_software "$2"
	check "$1: the flow sends again" pings "$2"
}

does_not_go_on() # N
{
	local policies

	check "silent NIC: the flow sends" pings "$1"
	policies=$(spd left | jq -S 'del(.[] | .lifetime)')
	listen left expire || return
	nic_fault left no_counters 1
	check "2: silent NIC: refused" refused migrate_with_policy "$1"
	nic_fault left no_counters 0
	is "2: silent NIC: the SA is INVALID" "$(count_sas left ".reqid == $1 and
		.dir != \"in\" and .invalid.reason == \"migrated\" and
		(.invalid.counters_exact | not)")" 1
	check "6: silent NIC: the key manager is told once" wait_for 5 \
		at_least 1 heard_count '.event == "expire-sa"'
	is "6: silent NIC: and not twice" "$(heard_count '.event == "expire-sa"')" 1
	stop monitor
	is "silent NIC: the policies stay" \
		"$(spd left | jq -S 'del(.[] | .lifetime)')" "$policies"
	check "1: silent NIC: nothing is answered" no_answer "$1"
}

tap_header
begin
need udp_flood
need_ynl
cables_up && capture_cable nic && capture_patch back && hosts_up &&
	ip -n left addr add "$NEW_END/32" dev lo &&
	ip -n right route add "$NEW_END/32" via 192.168.1.1 dev nic0 &&
	flow_add tunnel v4 none && flow_add tunnel v4 crypto &&
	flow_add tunnel v4 packet && flow_add tunnel v4 packet &&
	ynl_start left ||
	skip_all "the hosts cannot be set up"
# shellcheck disable=SC2046 # words, on purpose
start flood-left left ready udp_flood 1 $(ends_of left right 1 2 3 4)
wait_traffic 200
goes_on "software" "$IN_SOFTWARE"
goes_on "crypto offload" "$CRYPTO"
goes_on "packet offload" "$PACKET"
does_not_go_on "$SILENT"
stop flood-left
hosts_down
check "the capture by the NIC is whole" capture_end nic
check "the capture by back0 is whole" capture_end back
read -ra BY_NIC < <(frames nic "$VERIFIED" "$CLEARTEXT" "$UNVERIFIED")
read -ra BY_BACK < <(frames back "$VERIFIED" "$CLEARTEXT" "$UNVERIFIED")
note "by the NIC: ${BY_NIC[*]}, by back0: ${BY_BACK[*]} (verified, in clear, failed)"
more_than "there was traffic" "${BY_NIC[0]}" 200
is "1: no frame in clear" $((BY_NIC[1] + BY_BACK[1])) 0
is "2: no ESP frame that fails" $((BY_NIC[2] + BY_BACK[2])) 0
is "2: no IV twice" "$(repeated iv nic back)" 0
check "2: no IV twice, says esp_pairs" no_pair_twice nic back
is "2: no sequence number twice" "$(repeated sequence nic back)" 0
finish
