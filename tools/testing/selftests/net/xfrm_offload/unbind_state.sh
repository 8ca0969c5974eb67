#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What userspace can do with an SA that lost its device: look at it, replace
# it, delete it, let it expire; and go on with another one.

. "$(dirname "$0")/lib.sh"

get_sa() # HOST N out|in
{
	local from=$1

	[[ $3 == out ]] || from=${PEER[$1]}
	find_sa "$from" "$2"
	on "$1" "$XFRMCTL" -j state get "${SA[@]}"
}

is_invalid() # HOST N out|in
{
	get_sa "$@" | jq -e '.state == "invalid" and .unbound.dev == "nic0"' >/dev/null
}

is_valid()
{
	get_sa "$@" | jq -e '.state == "valid" and (.unbound | not)' >/dev/null
}

expired() { refused get_sa left 4 out >/dev/null; }

dump_and_get()
{
	is "6: every SA is still there" "$(sad left | jq length)" 8
	is "6: every SA is INVALID" "$(count_sas left .unbound)" 8
	is "6: none has a device" "$(count_sas left .offload)" 0
	is "6: the device is named" \
		"$(count_sas left '.unbound.dev == "nic0"')" 8
	check "6: GETSA says so too" is_invalid left 1 out
	is "6: ip shows the extra flag" \
		"$(ip -n left -s xfrm state | grep -c 80000000)" 8
	is "the peer's SAs are untouched" "$(count_sas right .unbound)" 0
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
acquire()
{
	listen left acquire
	no_answer 3
	check "a policy whose SA is INVALID raises an ACQUIRE" \
		wait_for 5 at_least 1 heard_count '.event == "acquire"'
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
finish
