#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What userspace can do with an SA that lost its device: look at it, replace
# it, delete it, let it expire; and go on with another one.

. "$(dirname "$0")/lib/lib.sh"

get_sa() # HOST N out|in
{
	local from=$1

	[[ $3 == out ]] || from=${PEER[$1]}
	find_sa "$from" "$2"
	on "$1" "$XFRMCTL" -j state get "${SA[@]}"
}

is_invalid() # HOST N out|in
{
	get_sa "$@" | jq -e '.state == "invalid" and .invalid.dev == "nic0"' >/dev/null
}

is_valid()
{
	get_sa "$@" | jq -e '.state == "valid" and (.invalid | not)' >/dev/null
}

expired() { refused get_sa left 4 out >/dev/null; }

dump_and_get()
{
	is "6: every SA is still there" "$(sad left | jq length)" 8
	is "6: every SA is INVALID" "$(count_sas left .invalid)" 8
	is "6: none has a device" "$(count_sas left .offload)" 0
	is "6: the device is named" \
		"$(count_sas left '.invalid.dev == "nic0"')" 8
	check "6: GETSA says so too" is_invalid left 1 out
	is "6: no configuration of an SA changed" \
		"$(ip -n left -s xfrm state | grep -c extra_flag)" 0
	is "the peer's SAs are untouched" "$(count_sas right .invalid)" 0
}

replace()
{
	check "NEWSA replaces an INVALID SA" sa left add 1 out 0 none
	check "the new one is valid" is_valid left 1 out
	check "NEWSA does not replace a valid SA" \
		refused sa left add 1 out 0 none
	check "UPDSA replaces an INVALID SA" sa left update 1 in 0 none
	check "the new one is valid" is_valid left 1 in
	is "nothing is there twice" "$(count_sas left '.reqid != 4')" 6
	check "DELSA deletes an INVALID SA" sa left delete 2 out
	check "it is gone" refused get_sa left 2 out
}

# A packet for which there is no SA any more asks the key manager for one.
asked()
{
	no_answer 3 && at_least 1 heard_count '.event == "acquire"'
}

# Not in the moment in which the key manager reacts to the expiry.
acquire()
{
	listen left acquire
	check "a policy whose SA is INVALID raises an ACQUIRE" wait_for 10 asked
	stop monitor
}

resume()
{
	check "without a valid SA nothing gets through" no_answer 3
	rekey 3 1 none
	policy right update 3 out none
	policy right update 3 in none
	nic_route_del right
	check "with a new SA in software the flow resumes" pings 3
}

# --- what /proc/net/xfrm_stat says ----------------------------------------------------

# Sets BEFORE for grew.
declare -A BEFORE=()
count_now() # COUNTER...
{
	local name

	for name; do
		BEFORE[$name]=$(xfrm_stat left "$name")
	done
}

grew() # COUNTER
{
	echo $(($(xfrm_stat left "$1") - BEFORE[$1]))
}

# The NIC is there, but the route leads past it.
counts_past_the_nic()
{
	count_now XfrmOutOffloadInvalid
	nic_route_del left
	check "a packet that is routed past its NIC is stopped" no_answer 1
	check "and counted as XfrmOutOffloadInvalid" \
		wait_for 5 at_least 4 grew XfrmOutOffloadInvalid
	nic_port_up left
	check "by its NIC it goes" pings 1
}

counts_without_the_nic()
{
	is "XfrmOffloadUnbind counts SAs" "$(grew XfrmOffloadUnbind)" 8
	count_now XfrmOutOffloadInvalid XfrmOutNoStates XfrmAcquireError
	no_answer 3
	more_than "a packet whose SA is INVALID counts as without an SA" \
		"$(($(grew XfrmOutNoStates) + $(grew XfrmAcquireError)))" 0
	is "not as one that was under way" "$(grew XfrmOutOffloadInvalid)" 0
	count_now XfrmInStateInvalid
	no_ping_from_peer 3
	check "ESP of the peer counts as XfrmInStateInvalid" \
		wait_for 5 at_least 1 grew XfrmInStateInvalid
}

# By the fallback: the peer's crypto offload would not send it there.
no_ping_from_peer() # N
{
	sa right delete "$1" out && sa right add "$1" out 0 none
	nic_route_del right
	flow "$1"
	! on right ping -n -q -c 4 -i 0.02 -W 0.1 -I "$ADDR_right" "$ADDR_left" \
		>"$OUT/ping.log" 2>&1
}

counters()
{
	FLOWS=("")
	hosts_up && flow_add transport v4 packet && flow_add tunnel v6 packet &&
		flow_add transport v4 crypto && flow_add tunnel v4 crypto ||
		{ not_ok "counters: set-up"; return; }
	pings 1 && pings 3 || not_ok "counters: flows work"
	counts_past_the_nic
	count_now XfrmOffloadUnbind
	nic_del left
	counts_without_the_nic
	hosts_down
}

# --- what scripts and daemons did when all was gone --------------------------------------

ipx() # WORDS...
{
	step "left\$ ip xfrm $*"
	ip -n left xfrm "$@" >/dev/null
}

# An SPI is not handed out twice, whichever SA has it.
alloc_spi()
{
	local spi who

	find_sa right 1
	who=("${SA[@]:0:6}" mode transport reqid 77)
	spi=$((SPI))
	check "ALLOCSPI does not give away the SPI of an INVALID SA" \
		refused ipx state allocspi "${who[@]}" min "$spi" max "$spi"
	check "which is as it was" is_invalid left 1 in
	check "ALLOCSPI finds another one beside it" \
		ipx state allocspi "${who[@]}" min "$spi" max $((spi + 0x800))
	is "one larval SA more" \
		"$(count_sas left ".reqid == 77 and .spi != 0 and .spi != $spi")" 1
	check "and the INVALID one is as it was" is_invalid left 1 in
}

# Deletes failed on stock, where nothing was left; adds followed. All of the
# flows, on a host whose NIC is gone.
delete_and_add()
{
	local n dir bad=0

	for n in 1 2; do
		for dir in out in; do
			sa left delete "$n" "$dir" && policy left delete "$n" "$dir" &&
				sa left add "$n" "$dir" 0 none &&
				policy left add "$n" "$dir" none || bad=1
		done
	done
	is "delete, then add: SAs and policies" "$bad" 0
	is "delete, then add: each is there once, and valid" \
		"$(count_sas left '(.reqid == 1 or .reqid == 2) and (.invalid | not)')" 4
}

add_without_delete()
{
	local third='.reqid == 3' dir bad=0

	for dir in out in; do
		sa left add 3 "$dir" 0 none && policy left update 3 "$dir" none ||
			bad=1
	done
	is "add, without a delete" "$bad" 0
	is "add, without a delete: each is there once, and valid" \
		"$(count_sas left "$third") $(count_sas left "$third and (.invalid | not)")" \
		"2 2"
}

flush_and_add()
{
	local n dir bad=0

	ctl left state flush
	ctl left policy flush
	for n in 1 2 3; do
		for dir in out in; do
			sa left add "$n" "$dir" 0 none &&
				policy left add "$n" "$dir" none || bad=1
		done
	done
	is "flush, then add: SAs and policies" "$bad" 0
	for n in 1 2 3; do
		rekey "$n" 1 none || bad=1
		policy right update "$n" out none && policy right update "$n" in none
	done
	nic_route_del right
	check "flush, add, rekey: the flow resumes" pings 1
	check "flush, add, rekey: the flow in a tunnel resumes" pings 2
}

# The device is back, and takes what it held before: in the place of the INVALID.
back_on_the_nic()
{
	local both='(.reqid == 1 or .reqid == 2)' dir bad=0

	nic_back && nic_port_up left
	for dir in out in; do
		sa left add 1 "$dir" && sa left update 2 "$dir" &&
			policy left add 1 "$dir" && policy left update 2 "$dir" ||
			bad=1
	done
	is "NEWSA, UPDSA, NEWPOLICY, UPDPOLICY put them on the NIC again" "$bad" 0
	is "where each is once" \
		"$(count_sas left "$both") $(count_sas left "$both and .offload")" \
		"4 4"
	is "and each policy" "$(spd left | jq '[.[] | select(.offload)] | length')" 4
	nic_del left
	is "another unbind makes them INVALID again" \
		"$(count_sas left '(.reqid == 1 or .reqid == 2) and .invalid')" 4
	balanced "back on the NIC"
}

habits()
{
	FLOWS=("")
	hosts_up && flow_add transport v4 packet && flow_add tunnel v6 packet &&
		flow_add transport v4 crypto || { not_ok "habits: set-up"; return; }
	pings 1 && pings 2 || not_ok "habits: flows work"
	nic_del left
	check "GETPOLICY answers for a converted policy" get_policy 1
	alloc_spi
	back_on_the_nic
	delete_and_add
	add_without_delete
	flush_and_add
	hosts_down
}

get_policy() # N
{
	flow "$1"
	on left "$XFRMCTL" -j policy get src "$ADDR_left/$PREFIX" \
		dst "$ADDR_right/$PREFIX" dir out |
		jq -e '(if type == "array" then .[0] else . end) | .offload | not' \
		>/dev/null
}

tap_header
begin
hosts_up && flow_add transport v4 packet && flow_add tunnel v6 packet &&
	flow_add transport v4 crypto || { not_ok "set-up"; finish; }
SA_WORDS="limit time-hard 15" flow_add tunnel v4 packet
ok "set-up"
pings 1 && pings 2 && pings 3 && ok "flows work" || not_ok "flows work"

nic_del left
dump_and_get
replace
acquire
resume
check "the hard lifetime of an INVALID SA still runs" wait_for 20 expired
check "flush" ctl left state flush
is "flush leaves nothing" "$(sad left | jq length)" 0
hosts_down
habits
counters
finish
