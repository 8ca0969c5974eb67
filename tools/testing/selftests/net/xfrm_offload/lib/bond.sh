#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Left's NIC as one of two in a bond (active-backup), to which SAs and policies
# are offloaded.
#
#	left			cable
#	      +- nic0 -------- cableL -+
#	bond0 +			       +- br0
#	      +- nic1 -------- cableS -+
#
# To be sourced, after lib.sh.

OFFLOAD_TO[left]=bond0

cable_for_spare()
{
	[[ -e $NSIM/devices/netdevsim${NIC_ID[cableS]} ]] ||
		nic_add cableS cable cableS &&
		ip -n cable link set cableS addrgenmode none master br0 up
}

bond_up()
{
	hosts_up && cable_for_spare && nic_add spare left nic1 &&
		plug left nic1 cable cableS || return
	step "left\$ bond0: nic0 (primary) and nic1"
	ip -n left -batch - <<-EOF2 || return
		addr flush dev nic0
		link set nic0 down
		link add bond0 type bond mode active-backup miimon 20
		link set nic0 master bond0
		link set nic1 master bond0
		link set bond0 type bond primary nic0
		link set bond0 up
	EOF2
	port_up left bond0 1 10
	wait_for 10 active_is nic0 && wait_for 10 paths_carry
}

active()
{
	ip -n left -d -j link show bond0 |
		jq -r '.[0].linkinfo.info_data.active_slave'
}

active_is() { [[ $(active) == "$1" ]]; }

# --- what happens to it -------------------------------------------------------

changed() { ip -n left link set bond0 type bond primary nic1; }
both_down()
{
	ip -n left link set nic1 down && ip -n left link set nic0 down
}
bond_deleted() { ip -n left link del bond0; }
feature_of_bond() { left ethtool -K bond0 esp-hw-offload off; }

bond_down()
{
	[[ ! -e /run/netns/left ]] || ip -n left link del bond0 2>/dev/null
	hosts_down
}
