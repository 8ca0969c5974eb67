#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Left's NIC is one of two in a bond (active-backup). When the active one is
# lost, its SAs go on where the hardware stopped, on the other one; without a
# successor they become INVALID. Nothing leaves in clear meanwhile, and no IV
# is used twice.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/bond.sh"

# There are many cases: tshark has to read what all of them sent.
PACE="-i 0.004"

# Packet offload, crypto offload, ESN, both families, both modes.
flows_up()
{
	flow_add transport v4 packet && flow_add tunnel v6 packet &&
		flow_add transport v6 packet 256 && flow_add tunnel v4 crypto &&
		flow_add transport v4 crypto
}

traffic()
{
	local n

	for n in $(flow_numbers); do
		pings "$n" || { note "${FLOWS[n]} does not work"; return 1; }
	done
	for n in $(flow_numbers); do
		ping_flow "$n"
	done
	wait_traffic 500
}

traffic_ends()
{
	local n

	for n in $(flow_numbers); do
		stop "ping-$n" INT
	done
}

set_up() # WHAT
{
	bond_up && flows_up && traffic && return
	not_ok "$1: set-up"
	traffic_ends
	bond_down
	return 1
}

# --- what is judged --------------------------------------------------------

# SAs that NIC holds.
on_nic() { grep -c '^sa\[.*mode=' "$(nic_dir "$1")/sa"; } # NIC
policies_on_nic() { grep -c '^policy' "$(nic_dir "$1")/policy"; } # NIC

holds() # NIC SAS POLICIES
{
	[[ $(on_nic "$1") == "$2" && $(policies_on_nic "$1") == "$3" ]]
}

# 5 flows, two SAs each; policies of packet offload only: 3 flows, two each.
moved_to() # WHAT NIC
{
	check "$1: every SA and policy is on $2" wait_for 5 holds "$2" 10 6
	is "$1: no SA is INVALID" "$(count_sas left .invalid)" 0
	is "$1: all are offloaded to the bond" \
		"$(count_sas left '.offload.dev == "bond0"')" 10
	is "$1: so are the policies" "$(spd left |
		jq '[.[] | select(.offload.dev == "bond0")] | length')" 6
	check "$1: traffic goes on" wait_traffic 300
}

left_nothing_on() # WHAT NIC
{
	check "$1: nothing is left on $2" wait_for 5 holds "$2" 0 0
}

invalid() # WHAT REASON [SAS]
{
	is "$1: the SAs are INVALID and say why" \
		"$(count_sas left ".invalid.reason == \"$2\"")" "${3:-10}"
	is "$1: every policy is there" "$(spd left | jq length)" 10
}

blocked() # WHAT N...
{
	local n

	for n in "${@:2}"; do
		check "$1: ${FLOWS[n]}: blocked" no_answer "$n"
	done
}

numbers() { flow_numbers | tr '\n' ' '; }

# --- with a successor ------------------------------------------------------

there_and_back()
{
	local what="slave down and up"

	set_up "$what" || return
	for _ in 1 2 3; do
		ip -n left link set nic0 down
		check "$what: nic1 takes over" wait_for 10 active_is nic1
		moved_to "$what" spare
		left_nothing_on "$what" left
		ip -n left link set nic0 up
		check "$what: nic0 takes over" wait_for 10 active_is nic0
		moved_to "$what" left
		left_nothing_on "$what" spare
	done
	traffic_ends
	is "3: $what: the peer saw no replay" \
		"$(nic_counter right rx_replayed)" 0
	bond_down
}

successor() # WHAT COMMAND...
{
	set_up "$1" || return
	step "${*:2}"
	"${@:2}"
	check "$1: nic1 takes over" wait_for 10 active_is nic1
	moved_to "$1" spare
	traffic_ends
	bond_down
}

pull_cable()
{
	local fd
	ifindex left nic0
	exec {fd}</run/netns/left
	echo "$fd:$IFINDEX" >"$NSIM/unlink_device"
	exec {fd}<&-
}

released() { ip -n left link set nic0 nomaster; }

# --- without one -----------------------------------------------------------

# A bond without carrier does not lead to the peer: the key managers learn it when it has
# carrier again.
no_path() # WHAT
{
	check "6: $1: an UPDSA comes for every SA" \
		wait_for 10 at_least 10 heard_count '.event == "update-sa" and .sa.invalid'
	is "6: $1: no EXPIRE while no path leads to the peer" \
		"$(heard_count '.event == "expire-sa"')" 0
	ip -n left link set nic1 up
}

lost() # WHAT REASON COMMAND...
{
	set_up "$1" || return
	listen left
	step "${*:3}"
	"${@:3}"
	invalid "$1" "$2"
	[ "$3" != both_down ] || no_path "$1"
	check "6: $1: an EXPIRE comes for every SA" \
		wait_for 10 at_least 10 heard_count '.event == "expire-sa"'
	stop monitor
	traffic_ends
	# shellcheck disable=SC2046 # numbers, on purpose
	blocked "$1" $(numbers)
	bond_down
}

bond_set_down() { ip -n left link set bond0 down; }
feature_of_slave() { left ethtool -K nic0 esp-hw-offload off; }
broken() { nic_fault left break_sa 0; }

refused_by_successor()
{
	nic_fault spare refuse_add 1
	ip -n left link set nic0 down
}

full_successor()
{
	echo 0 >"$(nic_dir spare)/max_sas"
	ip -n left link set nic0 down
}

successor_without_esp()
{
	left ethtool -K nic1 esp-hw-offload off
	ip -n left link set nic0 down
}

# A NIC that does not offload at all.
plain_successor()
{
	ip -n left link set nic1 nomaster
	ip -n left link set back0 down
	ip -n left link set back0 master bond0
	ip -n left link set nic0 down
}

# Crypto offload goes on: software has its numbers.
unknown_counters()
{
	local what="counters unknown"

	set_up "$what" || return
	nic_fault left no_counters 1
	ip -n left link set nic0 down
	check "$what: nic1 takes over" wait_for 10 active_is nic1
	check "$what: packet offload does not go on" \
		wait_for 5 holds spare 4 6
	invalid "$what" slave-lost 6
	is "$what: and may not be carried on" \
		"$(count_sas left '.invalid.counters_exact')" 0
	traffic_ends
	blocked "$what" "$FIRST_FLOW" $((FIRST_FLOW + 1)) $((FIRST_FLOW + 2))
	check "$what: crypto offload goes on" pings $((FIRST_FLOW + 3))
	bond_down
}

# Deleted SAs and policies are not brought back.
deleted_meanwhile()
{
	local what="deleted before the failover"

	set_up "$what" || return
	traffic_ends
	sa left delete "$FIRST_FLOW" out && policy left delete "$FIRST_FLOW" in
	ip -n left link set nic0 down
	check "$what: nic1 has the others" wait_for 10 holds spare 9 5
	left_nothing_on "$what" left
	bond_down
}

# A bond may take what comes by a port that holds nothing. What the port did not
# decrypt is plain, or ESP, whatever the bond holds on its other port. Of what is
# sent in clear here the witness must not know.
backup_port()
{
	local what="backup port" n before address

	bond_up && address=$(ip -n left -j link show bond0 | jq -r '.[0].address') &&
		flow_add transport v4 packet && flow_add tunnel v6 packet &&
		ip -n left link set bond0 type bond all_slaves_active 1 &&
		bridge -n cable fdb replace "$address" dev cableS master static sticky ||
		{ not_ok "$what: set-up"; bond_down; return; }

	before=$(packets cable cableS tx)
	check "$what: what no policy protects is answered" \
		peer_pings 10.9.0.2 10.9.0.1
	more_than "$what: and comes by nic1" $(($(packets cable cableS tx) - before)) 4
	for n in $(flow_numbers); do
		flow "$n"
		dropped_as "$what: ESP of ${FLOWS[n]}" XfrmInNoStates \
			"$ADDR_right" "$ADDR_left"
		policy right delete "$n" out
		dropped_as "$what: ${FLOWS[n]} in clear" XfrmInTmplMismatch \
			"$ADDR_right" "$ADDR_left"
	done
	bridge -n cable fdb del "$address" dev cableS master
	bond_down
}

not_in_other_modes()
{
	hosts_up && cable_for_spare || { not_ok "other modes: set-up"; return; }
	ip -n left link add bond0 type bond mode balance-rr
	flow_add transport v4 none
	ip -n left link set nic0 down
	ip -n left link set nic0 master bond0
	ip -n left link set bond0 up
	check "a bond in another mode, with a slave: crypto offload is software" \
		sa left add 1 out 2 crypto
	is "nothing is offloaded" "$(count_sas left .offload)" 0
	check "a bond in another mode, with a slave, refuses packet offload" \
		refused sa left add 1 out 1 packet
	check "and policies" refused policy left update 1 out packet
	is "nothing is on the slave" "$(on_nic left) $(policies_on_nic left)" "0 0"
	ip -n left link set nic0 nomaster
	ip -n left link set bond0 down
	check "a bond in another mode refuses packet offload" \
		refused sa left add 1 out 1 packet
	check "13: and says which mode it needs" \
		grep -q 'bond0 .*active-backup' "$OUT/refused.log"
	refused left ethtool -K bond0 esp-hw-offload on
	is "13: its esp-hw-offload stays off" \
		"$(on left ethtool -k bond0 | grep -c '^esp-hw-offload: on')" 0
	ip -n left link set bond0 type bond mode active-backup
	is "13: in active-backup mode it is on" \
		"$(on left ethtool -k bond0 | grep -c '^esp-hw-offload: on')" 1
	ip -n left link set bond0 type bond mode 802.3ad
	is "13: in 802.3ad mode it is off again" \
		"$(on left ethtool -k bond0 | grep -c '^esp-hw-offload: on')" 0
	bond_down
}

witness()
{
	check "the capture by the NICs is whole" capture_end nic
	check "the capture by back0 is whole" capture_end back
	read -ra BY_NIC < <(frames nic "$CLEARTEXT" "$UNVERIFIED" "$VERIFIED")
	read -ra BY_BACK < <(frames back "$CLEARTEXT" "$UNVERIFIED")
	is "1: no frame in clear by the NICs" "${BY_NIC[0]}" 0
	is "1: no frame in clear by back0" "${BY_BACK[0]}" 0
	is "1: no ESP frame that fails" $((BY_NIC[1] + BY_BACK[1])) 0
	more_than "there was traffic to judge" "${BY_NIC[2]}" 10000
	is "2: no IV twice" "$(repeated iv nic back)" 0
	is "2: no sequence number twice" "$(repeated sequence nic back)" 0
}

tap_header
begin
cables_up && capture_cable nic && capture_patch back || skip_all "no capture"
there_and_back
successor "carrier lost" pull_cable
successor "slave released" released
successor "slave unregistered" nic_del left
successor "primary changed" changed
lost "both slaves down" slave-lost both_down
lost "successor refuses" slave-lost refused_by_successor
lost "successor is full" slave-lost full_successor
lost "successor without ESP" slave-lost successor_without_esp
lost "successor that does not offload" slave-lost plain_successor
lost "bond deleted" device-unregistered bond_deleted
lost "bond down" device-down bond_set_down
lost "feature off at the bond" feature-off feature_of_bond
lost "feature off at the slave" feature-off feature_of_slave
lost "slave reports SAs broken" driver broken
unknown_counters
deleted_meanwhile
not_in_other_modes
witness
backup_port
finish
