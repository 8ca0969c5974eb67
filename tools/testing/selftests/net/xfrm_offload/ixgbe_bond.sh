#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A bond (active-backup) over two modelled 82599s, driven by the kernel's ixgbe:
# when the active card is lost, its SAs go on, on the other one.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/bond.sh"
. "$(dirname "$0")/lib/stress.sh"
. "$(dirname "$0")/lib/ixgbe.sh"

# tshark has to read what all cases sent.
PACE="-i 0.004"

set_up() # WHAT
{
	local n

	bond_up && flow_add transport v4 crypto:none &&
		flow_add transport v6 crypto:none ||
		{ not_ok "$1: set-up"; bond_down; return 1; }
	for n in $(flow_numbers); do
		ping_flow "$n"
	done
	wait_traffic 300
}

holds() # NIC SAS
{
	[[ "$(entries "$1" tx) $(entries "$1" rx)" == "$2 $2" ]]
}

moved_to() # WHAT NIC
{
	check "$1: the card $2 has the SAs" wait_for 5 holds "$2" 2
	is "$1: no SA is INVALID" "$(count_sas left .invalid)" 0
	check "$1: traffic goes on" wait_traffic 200
	card_kept_faith "$1" "$2"
}

left_nothing_on() # WHAT NIC
{
	check "4: $1: no entry is left in the card $2" wait_for 5 no_entries "$2"
	card_kept_faith "$1" "$2"
}

ends()
{
	local n

	for n in $(flow_numbers); do
		stop "ping-$n" INT
	done
	bond_down
}

there_and_back()
{
	local what="slave down and up"

	set_up "$what" || return
	for _ in 1 2; do
		ip -n left link set nic0 down
		check "$what: nic1 takes over" wait_for 10 active_is nic1
		moved_to "$what" spare
		left_nothing_on "$what" left
		ip -n left link set nic0 up
		check "$what: nic0 takes over" wait_for 10 active_is nic0
		moved_to "$what" left
		left_nothing_on "$what" spare
	done
	ends
}

successor() # WHAT COMMAND...
{
	set_up "$1" || return
	step "${*:2}"
	"${@:2}"
	check "$1: nic1 takes over" wait_for 10 active_is nic1
	moved_to "$1" spare
	[[ $1 == *pulled* ]] || left_nothing_on "$1" left
	ends
}

lost() # WHAT REASON COMMAND...
{
	local n

	set_up "$1" || return
	step "${*:3}"
	"${@:3}"
	check "$1: the SAs are INVALID and say why" wait_for 10 all_say "$2"
	is "1: $1: the policies stay" "$(spd left | jq length)" 4
	for n in $(flow_numbers); do
		stop "ping-$n" INT
		check "1: $1: ${FLOWS[n]}: blocked" no_answer "$n"
	done
	left_nothing_on "$1" left
	left_nothing_on "$1" spare
	bond_down
}

all_say() { [[ $(count_sas left ".invalid.reason == \"$1\"") == 4 ]]; } # REASON

removed() { echo 1 >"$PCI/devices/$(pci_address left)/remove"; }
driver_unbind() { pci_address left >"$PCI/drivers/ixgbe/unbind"; }
carrier_lost() { ip -n cable link set cableL down; }

# Frames of the SAs that move are still in the ring that they leave.
ring_and_failover()
{
	card_switch left hold_tx 1
	wait_for 5 frames_wait
	changed
	wait_for 10 active_is nic1
	card_switch left hold_tx 0
}

frames_wait() { (($(nic_counter left tx_waiting) > 10)); }

witness()
{
	check "the capture by the cards is whole" capture_end nic
	check "the capture by back0 is whole" capture_end back
	read -ra BY_NIC < <(frames nic "$CLEARTEXT" "$UNVERIFIED" "$VERIFIED")
	read -ra BY_BACK < <(frames back "$CLEARTEXT" "$UNVERIFIED")
	is "1: no frame in clear by the cards" "${BY_NIC[0]}" 0
	is "1: no frame in clear by back0" "${BY_BACK[0]}" 0
	is "1: no ESP frame that fails" $((BY_NIC[1] + BY_BACK[1])) 0
	more_than "there was traffic to judge" "${BY_NIC[2]}" 3000
	is "2: no IV twice" "$(repeated iv nic back)" 0
	is "2: no sequence number twice" "$(repeated sequence nic back)" 0
	check "2: no IV twice, says esp_pairs" no_pair_twice nic back
}

tap_header
begin
need ethtool
has_82599
need esp_pairs
cables_up && capture_cable nic && capture_patch back || skip_all "no capture"
there_and_back
successor "carrier lost" carrier_lost
successor "slave's card removed" removed
successor "slave's driver unbound" driver_unbind
successor "slave's card pulled" nic_del left
successor "primary changed" changed
successor "primary changed, frames in the ring" ring_and_failover
lost "both slaves down" slave-lost both_down
lost "bond deleted" device-unregistered bond_deleted
lost "feature off at the bond" feature-off feature_of_bond
witness
finish
