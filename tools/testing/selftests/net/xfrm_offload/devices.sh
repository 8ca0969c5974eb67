#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What each device that offloads says of it, under the same names: a simulated NIC, a
# bond of two, a VLAN above either, which has none, and the modelled 82599. And a dump of
# the SAs that lost theirs.

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/bond.sh"
. "$LIB/specs.sh"

# Those that are not 0, as "name number", sorted.
counts() # HOST DEV
{
	on "$1" ethtool -S "$2" | sed -nE 's/^ *xfrm_([a-z_]*): ([1-9].*)/\1 \2/p' |
		sort | paste -sd,
}

names() # HOST DEV
{
	on "$1" ethtool -S "$2" | sed -nE 's/^ *xfrm_([a-z_]*):.*/\1/p' | sort | paste -sd,
}

invalid_spis() { on left "$XFRMCTL" -j state list invalid | jq -c '[.[].spi] | sort'; }

# Packets wait in the queue of right's NIC while the feature is switched off.
fenced()
{
	flow 1
	on right tc qdisc replace dev nic0 root tbf rate 8kbit burst 1600 limit 100000
	on right ping -n -q -c 20 -i 0.01 -W 0.1 -s 1000 -I "$ADDR_right" "$ADDR_left" \
		>"$OUT/ping.log" 2>&1
	on right ethtool -K nic0 esp-hw-offload off
	on right tc qdisc change dev nic0 root tbf rate 1gbit burst 16000 limit 100000
	# A queue that sleeps learns from the next packet that it is faster now.
	on right ping -n -q -c 1 -W 0.01 192.168.1.1 >"$OUT/ping.log" 2>&1
	wait_for 10 was_fenced
}

was_fenced() { counts right nic0 | grep -q tx_fenced; }

invalid_only()
{
	local all

	all=$(sad left | jq -c '[.[] | select(.state == "invalid").spi] | sort')
	is "INVALID only, by xfrmctl" "$(invalid_spis)" "$all"
	is "it is two of three" "$(jq -n "$all | length") $(sad left | jq length)" "2 3"
	if find_ynl && ynl_start left; then
		is "INVALID only: the kernel picks them" "$(ynl dump getsa \
			'{"invalid": {}}' | jq -c 'map(.id.spi) | sort')" "$all"
	else
		skip "INVALID only: the kernel picks them" "needs ynl of the kernel's tree"
	fi
	ctl left state flush
	is "INVALID only: none" "$(invalid_spis)" "[]"
}

# Packets of VLAN 5 go to the device below, and so does what is counted.
vlan() # HOST DEV
{
	local before

	before=$(counts "$1" "$2")
	on "$1" ip link add link "$2" name vlan5 type vlan id 5 &&
		on "$1" ip link set vlan5 up ||
		{ skip "a VLAN above $2" "needs VLANs (CONFIG_VLAN_8021Q)"; return; }
	is "a VLAN above $2: no names" "$(names "$1" vlan5 2>/dev/null)" ""
	is "a VLAN above $2: the device below counts as before" "$(counts "$1" "$2")" \
		"$before"
	on "$1" ip link del vlan5
}

# ixgbe has a lot of its own, and does crypto offload.
card()
{
	[[ -w /sys/kernel/debug/sim82599/plug ]] ||
		{ skip "an 82599" "needs the model of an 82599 (CONFIG_SIM82599)"; return; }
	. "$LIB/ixgbe.sh"
	has_82599
	OFFLOAD_TO[left]=nic0
	FLOWS=("")
	hosts_up && flow_add transport v4 crypto:none || { not_ok "an 82599: set-up"; return; }
	is "an 82599: the same names" "$(names left nic0)" "$NAMES"
	is "an 82599 holds" "$(counts left nic0)" "sa_in 1,sa_out 1"
	vlan left nic0
	left ip link set nic0 down
	wait_for 10 nothing_offloaded left
	is "an 82599 that is down lost" "$(counts left nic0)" "unbind_device_down 2"
	hosts_down
}

# node_exporter reads so many lines by their order.
is_behind_what_is_read()
{
	awk '$1 == "XfrmAcquireError" { last = NR }
	     $1 ~ /^(XfrmOutOffload|XfrmOffload|XfrmTail)/ { n += last && NR > last; all++ }
	     END { exit !(all && n == all && last == 28) }' /proc/net/xfrm_stat
}

tap_header
begin
need ethtool tc
bond_up && flow_add tunnel v4 packet || skip_all "a bond cannot be set up"
ctl left state add src 10.8.0.1 dst 10.8.0.2 proto esp spi 0x8001 reqid 80 mode tunnel \
	aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121315 128

more_than "a bond: names" "$(names left bond0 | tr -cd , | wc -c)" 10
NAMES=$(names left bond0)
is "the same for a NIC" "$(names left nic0)" "$NAMES"
is "lo has none" "$(names left lo 2>/dev/null)" ""
is "a bond holds" "$(counts left bond0)" "policy_in 1,policy_out 1,sa_in 1,sa_out 1"
is "its slave holds nothing of its own" "$(counts left nic0)" ""
is "a NIC holds" "$(counts right nic0)" "policy_in 1,policy_out 1,sa_in 1,sa_out 1"
vlan left bond0
vlan right nic0
check "the flow sends" pings 1

check "1: packets in the queue are fenced" fenced
is "a NIC after esp-hw-offload off" "$(counts right nic0 | sed -E 's/(fenced) [0-9]+/\1/')" \
	"policy_converted 2,tx_fenced,unbind_feature_off 2"
on right ethtool -K nic0 esp-hw-offload on
find_sa right 1
ctl right state delete "${SA[@]}"
sa right add 1 out 1
is "it holds one SA again" "$(counts right nic0 | grep -o 'sa_out [0-9]*')" "sa_out 1"
sa right delete 1 out 1
wait_for 10 eval '[[ $(counts right nic0) != *sa_out* ]]'
is "and none" "$(counts right nic0 | grep -c sa_out)" 0

changed
wait_for 10 active_is nic1
is "a bond after a failover" "$(counts left bond0)" \
	"policy_in 1,policy_out 1,sa_in 1,sa_out 1"
both_down
wait_for 10 nothing_offloaded left
is "a bond without slaves" "$(counts left bond0)" \
	"not_restored 4,policy_converted 2,unbind_slave_lost 2"
invalid_only
check "xfrm_stat: what is ours is behind what others read by its place" is_behind_what_is_read
bond_down
all_down
card
finish
