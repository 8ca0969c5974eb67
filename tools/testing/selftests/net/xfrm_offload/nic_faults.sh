#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The NIC misbehaves while it is taken away: whatever it answers, nothing is
# leaked, nothing hangs, and an SA is called exact only if the NIC told.

. "$(dirname "$0")/lib/lib.sh"

set_up()
{
	FLOWS=("")
	hosts_up && flow_add transport v4 packet && flow_add tunnel v6 packet &&
		flow_add transport v6 crypto
}

# Of the SAs that the NIC counted for, how many can be carried on.
exact() { count_sas left '.reqid != 3 and .invalid.counters_exact'; }

# Software counts for crypto offload: exact whatever the NIC says.
exact_crypto() { count_sas left '.reqid == 3 and .invalid.counters_exact'; }

with_fault() # WHAT EXACT CAUSE SWITCH VALUE [SWITCH VALUE...]
{
	local what=$1 exact=$2 cause=$3

	set_up || { not_ok "$what: set-up"; hosts_down; return; }
	pings 1 && pings 2 && pings 3 || not_ok "$what: flows work"
	shift 3
	while (($# > 0)); do
		nic_fault left "$1" "$2"
		shift 2
	done
	check "$what: the NIC goes all the same" take_away "$cause"
	is "$what: all SAs are INVALID" "$(count_sas left .invalid)" 6
	is "$what: exact are" "$(exact)" "$exact"
	is "$what: exact with crypto offload are" "$(exact_crypto)" 2
	check "$what: nothing comes through, v4" no_answer 1
	check "$what: nothing comes through, v6" no_answer 2
	[[ $cause != down ]] || nic_del left
	balanced "$what"
	hosts_down
}

refuse_add()
{
	set_up || { not_ok "refuse_add: set-up"; hosts_down; return; }
	nic_fault left refuse_add 1
	check "refuse_add: an SA is refused" refused sa left add 1 out 1
	check "refuse_add: with a sentence" grep -q '[a-z]' "$OUT/refused.log"
	check "refuse_add: a policy is refused" refused ctl left policy add \
		src 10.1.0.1 dst 10.2.0.1 proto udp dir out \
		offload packet dev nic0 tmpl proto esp mode transport
	is "refuse_add: no SA is there" "$(sad left | jq length)" 6
	is "refuse_add: no policy is there" "$(spd left | jq length)" 6
	nic_fault left refuse_add 0
	check "refuse_add: switched off, the SA is taken" sa left add 1 out 1
	nic_del left
	balanced "refuse_add"
	hosts_down
}

# Surprise removal: the host notices later. Until then users go on.
vanished_in_use()
{
	set_up || { not_ok "vanish: set-up"; hosts_down; return; }
	pings 1 || not_ok "vanish: flows work"
	nic_fault left vanish 1
	check "vanish: nothing comes through" no_answer 1
	check "vanish: an SA is refused" refused sa left add 1 out 1
	check "vanish: an SA can be deleted" sa left delete 1 out
	check "vanish: a policy can be deleted" policy left delete 1 out
	is "vanish: SAs can be listed" "$(sad left | jq 'length > 0')" true
	nic_del left
	balanced "vanish in use"
	hosts_down
}

slow() # CALLBACK
{
	local before back

	set_up || { not_ok "slow $1: set-up"; hosts_down; return; }
	capture_patch "slow-$1"
	nic_fault left delay_ms 100
	nic_fault left delay_target "$1"
	ping_flow 1
	ping_flow 2
	ping_flow 3
	wait_traffic 50
	before=$(now_us)
	check "slow $1: the NIC goes all the same" nic_del left
	back=$((($(now_us) - before) / 1000))
	note "it took $back ms"
	wait_elsewhere 50
	is "slow $1: all SAs are INVALID" "$(count_sas left .invalid)" 6
	check "slow $1: capture is whole" capture_end "slow-$1"
	read -r clear < <(frames "slow-$1" "$CLEARTEXT")
	is "1: slow $1: nothing in clear meanwhile" "${clear% }" 0
	balanced "slow $1"
	hosts_down
}

full()
{
	set_up || { not_ok "full: set-up"; hosts_down; return; }
	echo 6 >"$(nic_dir left)/max_sas"
	check "full: one SA too many is refused" refused sa left add 1 out 1
	is "full: and is not there" "$(sad left | jq length)" 6
	sa left delete 2 out
	check "full: there is room after a delete" wait_for 5 sa left add 1 out 1
	nic_del left
	balanced "full"
	hosts_down
}

# --- what is refused when it is added ----------------------------------------

says_so() # SENTENCE COMMAND...
{
	refused "${@:2}" && grep -q -- "$1" "$OUT/refused.log" ||
		{ sed 's/^/# it said: /' "$OUT/refused.log"; return 1; }
}

# The words of an SA, on DEVICE.
no_sa() # SENTENCE DEVICE DIR MODE WORDS...
{
	says_so "$1" ctl left state add src 10.9.0.1 dst 10.9.0.2 proto esp \
		spi 0x4713 reqid 9 mode "$4" "${@:5}" \
		aead 'rfc4106(gcm(aes))' "0x$(printf '%040d' 1)" 128 \
		offload packet dev "$2" dir "$3"
}

a_sentence()
{
	local dev mode what="no sentence"

	set_up || { not_ok "$what: set-up"; hosts_down; return; }
	ip -n left link add link nic0 name nic0.7 type vlan id 7
	ip -n left link add dummy0 type dummy
	for dev in nic0.7 back0 dummy0 lo; do
		for mode in transport tunnel; do
			check "13: an SA on $dev is refused, $mode" \
				no_sa "$dev does not offload IPsec" "$dev" out "$mode"
		done
		check "13: a policy on $dev is refused" \
			says_so "$dev does not offload policies" \
			ctl left policy add src 10.1.0.9 dst 10.2.0.9 dir out \
			offload packet dev "$dev" tmpl proto esp mode transport
	done
	check "13: dont-encap-dscp is refused" no_sa 'dont-encap-dscp' nic0 out \
		tunnel extra-flag dont-encap-dscp
	check "13: decap-dscp is refused" no_sa 'decap-dscp' nic0 in tunnel \
		flag decap-dscp
	check "13: noecn is refused, in" no_sa 'noecn' nic0 in tunnel flag noecn
	check "13: ESP in UDP is refused" no_sa 'UDP or TCP' nic0 out tunnel \
		encap espinudp 4500 4500 0.0.0.0
	for mode in transport tunnel; do
		check "13: if_id is refused, in, $mode" \
			no_sa 'nic0 cannot hand' nic0 in "$mode" if_id 7
		check "13: if_id is refused, in, $mode, IPv6" \
			says_so 'nic0 cannot hand' ctl left state add \
			src fd00:9::1 dst fd00:9::2 proto esp spi 0x4713 \
			mode "$mode" if_id 7 aead 'rfc4106(gcm(aes))' \
			"0x$(printf '%040d' 1)" 128 \
			offload packet dev nic0 dir in
	done
	check "13: if_id of a policy is refused, in" \
		says_so 'nic0 cannot hand' ctl left policy add \
		src 10.1.0.9 dst 10.2.0.9 dir in if_id 7 \
		offload packet dev nic0 tmpl proto esp mode transport
	onto_the_nic
	is "13: the NIC holds no SA of these" \
		"$(grep -c 'spi=0x00004713' "$(nic_dir left)/sa")" 0
	# What changes nothing, or what the NIC does, is taken.
	for mode in "in transport flag decap-dscp" "in transport flag noecn" \
		    "out tunnel flag noecn" "out tunnel flag nopmtudisc" \
		    "out tunnel if_id 7"; do
		# shellcheck disable=SC2086 # words, on purpose
		check "13: $mode is taken" taken $mode
	done
	hosts_down
}

# An SA with if_id is elsewhere first, or only its SPI is there.
onto_the_nic()
{
	local id=(src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x4713)
	local to=(offload packet dev nic0 dir in)
	local words=("${id[@]}" reqid 9 mode tunnel if_id 7
		aead 'rfc4106(gcm(aes))' "0x$(printf '%040d' 1)" 128)
	local first

	for first in '' 'offload crypto dev nic0 dir in'; do
		# shellcheck disable=SC2086 # words, on purpose
		check "13: if_id is taken, in, ${first:-software}" \
			ctl left state add "${words[@]}" $first
		check "13: if_id is refused, in, by a migration" \
			says_so 'nic0 cannot hand' \
			ctl left state migrate "${id[@]}" "${to[@]}"
		ctl left state delete "${id[@]}"
	done
	check "13: an SPI is reserved" \
		on left ip xfrm state allocspi "${id[@]:0:6}" mode tunnel \
		reqid 9 min 0x4713 max 0x4713
	check "13: if_id is refused, in, by an update" says_so \
		'nic0 cannot hand' ctl left state update "${words[@]}" "${to[@]}"
	on left ip xfrm state deleteall src 10.9.0.1 dst 10.9.0.2 >/dev/null
}

taken() # DIR MODE WORDS...
{
	ctl left state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x4714 reqid 9 \
		mode "$2" "${@:3}" aead 'rfc4106(gcm(aes))' \
		"0x$(printf '%040d' 1)" 128 offload packet dev nic0 dir "$1" &&
		ctl left state delete src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x4714
}

tap_header
begin
with_fault "no fault" 4 delete delay_ms 0
with_fault "fail_unbind, deleted" 0 delete fail_unbind 1
with_fault "fail_unbind, down" 0 down fail_unbind 1
with_fault "no_counters, deleted" 0 delete no_counters 1
with_fault "no_counters, down" 0 down no_counters 1
with_fault "vanish, deleted" 0 delete vanish 1
with_fault "vanish, moved" 0 move vanish 1
refuse_add
vanished_in_use
slow unbind
slow delete
slow free
full
a_sentence
finish
