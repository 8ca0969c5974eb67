#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Policies that lose their device become software policies where they stand:
# same index, same priority, found by the same packets, which an offloaded policy
# wins against software policies of better priority; in hash chains that they
# share with policies of software and of another NIC, and in the trees of
# prefixes. They still protect, also if their template is optional.

. "$(dirname "$0")/lib/lib.sh"

declare -r A=10.1.0.1 B=10.2.0.1 C=10.2.0.3

# A policy for which there is no SA; its priority is its name.
pol() # DEVICE|software DIR PRIORITY SELECTOR...
{
	local dev=$1 dir=$2 priority=$3 offload=()

	[[ $dev == software ]] || offload=(offload packet dev "$dev")
	ctl left policy "${VERB:-add}" "${@:4}" dir "$dir" \
		priority "$priority" "${offload[@]}" tmpl src "$A" dst "$B" \
		proto esp reqid "$priority" mode transport
}

# Same addresses, so one hash chain; then prefixes; each of three owners.
mixed_policies()
{
	pol nic0 out 100 src $A dst $B &&
	pol nic0 out 50 src $A dst $B proto udp dport 1001 &&
	pol spare0 out 40 src $A dst $B proto udp dport 1002 &&
	pol software out 45 src $A dst $B proto udp dport 1003 &&
	pol nic0 out 60 src $A dst $B proto tcp &&
	pol software out 55 src $A dst $B proto udp &&
	pol software out 110 src $A dst $B sport 7 proto udp &&
	pol nic0 out 200 src 10.1.0.0/16 dst 10.2.0.0/16 &&
	pol software out 210 src 10.1.0.0/16 dst 10.2.0.0/24 &&
	pol spare0 out 220 src 10.1.0.0/24 dst 10.2.0.0/16 proto udp dport 1009 &&
	pol nic0 in 50 src $B dst $A proto udp sport 1001 &&
	pol software in 55 src $B dst $A proto udp &&
	pol nic0 in 200 src 10.2.0.0/16 dst 10.1.0.0/16 &&
	pol software fwd 50 src $B dst $A &&
	pol software out 30 src $A dst $C proto udp dport 1006 &&
	pol software out 20 src 10.1.0.0/16 dst $C proto udp dport 1007 &&
	pol nic0 out 120 src $A dst $C &&
	pol nic0 out 35 src 0.0.0.0/0 dst 0.0.0.0/0 proto udp dport 500 &&
	pol software out 15 src 10.0.0.0/8 dst 10.0.0.0/8 proto udp dport 1004
}

policies() # JQ-FIELDS
{
	spd left | jq -c ".[] | [$1]"
}

# The priority of the policy that a packet from A to this place meets.
meets() # ADDRESS PORT
{
	ctl left state flush
	listen left acquire
	on left python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
try:
    s.sendto(b"x", (sys.argv[2], int(sys.argv[3])))
except OSError:
    pass' "$A" "$1" "$2"
	wait_for 3 at_least 1 heard_count '.event == "acquire"'
	stop monitor
	heard '.event == "acquire"' | jq -s '.[0].policy.priority'
}

# What packets to several places meet, in the order of the places.
all_meet()
{
	meets $B 1001; meets $B 1002; meets $B 1003; meets $B 1004
	meets 10.2.0.9 1004; meets 10.2.5.9 1009
	meets $C 1006; meets $C 1007
	meets $B 500; meets $C 500; meets 10.2.0.9 500
}

where_they_stand()
{
	local before after met

	ip -n left addr add $A/32 dev lo
	nic_add spare left spare0 && ip -n left link set spare0 up
	check "policies of software, of the NIC and of another NIC" \
		mixed_policies
	before=$(policies .index,.priority,.dir,.action,.sel,.tmpls)
	is "the NIC has some" "$(spd left |
		jq '[.[] | select(.offload.dev == "nic0")] | length')" 8
	met=$(all_meet | paste -sd' ')
	is "offloaded ones before software, by priority among themselves" \
		"$met" "50 40 100 100 200 200 120 120 35 35 35"

	nic_del left
	after=$(policies .index,.priority,.dir,.action,.sel,.tmpls)
	is "same index, priority, direction, selector, template, order" \
		"$after" "$before"
	is "none has the NIC any more" "$(spd left |
		jq '[.[] | select(.offload.dev == "nic0")] | length')" 0
	is "the other NIC keeps its own" "$(spd left |
		jq '[.[] | select(.offload.dev == "spare0")] | length')" 2

	is "each packet meets what it met before" \
		"$(all_meet | paste -sd' ')" "$met"
}

what_a_user_can_do()
{
	check "NEWPOLICY replaces a converted policy" \
		pol software out 50 src $A dst $B proto udp dport 1001
	check "NEWPOLICY does not replace a policy that was never converted" \
		refused pol software out 45 src $A dst $B proto udp dport 1003
	check "and not the one that has just replaced one" \
		refused pol software out 50 src $A dst $B proto udp dport 1001
	VERB=update check "UPDPOLICY replaces a converted policy" \
		pol software out 61 src $A dst $B proto tcp
	is "the new one is found in its place" "$(spd left |
		jq '[.[] | select(.dir == "out" and .sel.proto == "tcp") |
		     .priority] | @csv')" '"61"'
	check "NEWPOLICY puts it on another NIC" \
		pol spare0 in 50 src $B dst $A proto udp sport 1001
	check "DELPOLICY" ctl left policy delete src $A dst $B dir out
	is "deletes it" "$(spd left | jq '[.[] | select(.priority == 100)] | length')" 0
	check "FLUSHPOLICY" ctl left policy flush
	is "leaves nothing" "$(spd left | jq length)" 0
	QUIET=1 nic_del spare
}

# An optional template: without an SA the packet may go as it is. With an SA
# that is INVALID it may not.
optional()
{
	check "level use: set-up" eval \
		'LEVEL=use flow_add transport v4 crypto &&
		 LEVEL=use flow_add transport v6 crypto &&
		 flow_add transport v4 packet'
	pings 1 && pings 2 && pings 3 || not_ok "flows work"
	ping_flow 1
	ping_flow 2
	ping_flow 3
	wait_traffic 100
}

# Many policies take a while to convert: packets come by meanwhile.
many_policies()
{
	local i

	note "left\$ xfrmctl policy add ... (150 policies)"
	for ((i = 1; i <= 150; i++)); do
		QUIET=1 batch pol nic0 out $((500 + i)) src $A dst $B \
			proto udp dport $((3000 + i))
	done
	run_batch left
}

under_traffic()
{
	local n

	optional
	check "150 policies more in the same hash chain" many_policies
	nic_del left
	wait_elsewhere 100
	for n in $(flow_numbers); do
		check "1: ${FLOWS[n]}: nothing comes through" no_answer "$n"
		stop "ping-$n" INT
	done
}

tap_header
begin
hosts_up || { not_ok "set-up"; finish; }
where_they_stand
what_a_user_can_do
hosts_down

capture_cable nic && capture_patch back
hosts_up || { not_ok "set-up"; finish; }
under_traffic
check "the capture by the NIC is whole" capture_end nic
check "the capture by back0 is whole" capture_end back
read -r good clear < <(frames nic "$VERIFIED" "$CLEARTEXT")
more_than "there was ESP" "$good" 100
is "1: nothing in clear by the NIC" "$clear" 0
is "1: nothing in clear by back0" "$(frames back "$CLEARTEXT")" "0 "
hosts_down
finish
