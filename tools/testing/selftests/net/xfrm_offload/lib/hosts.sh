#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Two hosts, left and right. Each has a NIC that does IPsec (nic0) and an
# ordinary second port (back0). The cables between them run through namespaces
# of their own, where what is really on the wire can be seen: on a host, tcpdump
# also sees packets before a NIC encrypts them and after IPsec decrypted them.
#
#	left			cable, patch		       right
#
#	lo 10.1.0.n					 lo 10.2.0.n
#	   fd00:1::n					    fd00:2::n
#	nic0 -------- cableL -- br0 -- cableR -------- nic0
#	back0 ------- patchL -- br0 -- patchR ------- back0
#
# The hosts know each other by the addresses on lo. Routes to them lead over
# nic0 and, when that is gone, over back0. Policies protect what the addresses
# on lo say to each other, whichever path it takes.
#
# To be sourced, by lib.sh.

declare -r NSIM=/sys/bus/netdevsim
declare -r NSIM_DEBUGFS=/sys/kernel/debug/netdevsim

# What a NIC is called on netdevsim's bus: numbers that are free, with nothing
# in front of their last digit if it can be. What a program runs itself finds
# the same ones, by NIC_TENS.
declare -A NIC_ID=([left]=1 [right]=2 [cableL]=3 [cableR]=4 [spare]=5 [cableS]=6)

free_ids()
{
	local tens=${NIC_TENS:-0} nic

	while [[ ! ${NIC_TENS:-} ]] &&
		compgen -G "$NSIM/devices/netdevsim${tens#0}[0-9]" >/dev/null; do
		((++tens))
	done
	export NIC_TENS=$tens
	((tens)) || return 0
	for nic in "${!NIC_ID[@]}"; do
		NIC_ID[$nic]=$tens${NIC_ID[$nic]}
	done
}

free_ids
declare -r NIC_ID

# Every NIC has an address of its own, so that peers know one that comes back.
nic_address() { echo "02:00:00:00:00:0$((NIC_ID[$1] % 10))"; } # NIC

# The device that SAs and policies are offloaded to.
declare -A OFFLOAD_TO=([left]=nic0 [right]=nic0)

declare -A CALLS=() CALLS_BEFORE=()

# --- NICs ------------------------------------------------------------------

# Sets IFINDEX.
ifindex() # HOST IFACE
{
	read -r IFINDEX _ < <(ip -n "$1" -o link show dev "$2") &&
		IFINDEX=${IFINDEX%:}
}

# A fresh netdevsim is called eth0 where nothing else is.
nic_add() # NIC HOST IFACE
{
	local id=${NIC_ID[$1]}

	step "$2\$ echo '$id 1' >$NSIM/new_device"
	on "$2" bash -c "echo '$id 1' >$NSIM/new_device &&
		ip link set eth0 name $3 address $(nic_address "$1")"
}

# Left's NIC is there again, on its cable.
nic_back()
{
	local nic=left

	nic_add "$nic" left nic0 && plug left nic0 cable cableL
}

nic_exists() { [[ -e $NSIM/devices/netdevsim${NIC_ID[$1]} ]]; }

# The kernel moves the device to the first netns when its own one is gone.
left_moved() { [[ -n $(ls "$NSIM/devices/netdevsim${NIC_ID[left]}/net" 2>/dev/null) ]]; }

nic_del() # NIC
{
	step "echo ${NIC_ID[$1]} >$NSIM/del_device"
	echo "${NIC_ID[$1]}" >"$NSIM/del_device"
}

# The NIC's registers.
nic_dir() { echo "$NSIM_DEBUGFS/netdevsim${NIC_ID[$1]}/ports/0/ipsec_hw"; }

nic_counter() # NIC NAME
{
	sed -n "s/^$2 //p" "$(nic_dir "$1")/counters"
}

nic_fault() # NIC SWITCH VALUE
{
	step "echo $3 >$(nic_dir "$1")/fault/$2"
	echo "$3" >"$(nic_dir "$1")/fault/$2"
}

# How often the stack called the driver for left's NIC, this one and all that
# were there since hosts_up; also when it is gone. Sets CALLS.
count_calls()
{
	local name n

	CALLS=()
	while read -r name n; do
		CALLS[$name]=$((n - ${CALLS_BEFORE[$name]:-0}))
	done <"$NSIM_DEBUGFS/ipsec_hw/ops"
	nic_exists right || return 0
	while read -r name n; do
		((CALLS[$name] -= n))
	done <"$(nic_dir right)/ops"
}

remember_calls()
{
	local name n

	[[ -r $NSIM_DEBUGFS/ipsec_hw/ops ]] || return 0
	while read -r name n; do
		CALLS_BEFORE[$name]=$n
	done <"$NSIM_DEBUGFS/ipsec_hw/ops"
}

torn_down()
{
	count_calls
	((CALLS[state_free] == CALLS[state_add] &&
	  CALLS[policy_free] == CALLS[policy_add]))
}

# Invariant 4, once left's NIC is gone.
balanced() # WHAT
{
	wait_for 5 torn_down
	is "4: $1: every SA is deleted on the NIC once" \
		"${CALLS[state_delete]}" "${CALLS[state_add]}"
	is "4: $1: every SA is freed on the NIC once" \
		"${CALLS[state_free]}" "${CALLS[state_add]}"
	is "4: $1: every policy is deleted on the NIC once" \
		"${CALLS[policy_delete]}" "${CALLS[policy_add]}"
	is "4: $1: every policy is freed on the NIC once" \
		"${CALLS[policy_free]}" "${CALLS[policy_add]}"
	is "4: $1: the NIC saw no call against its rules" \
		"${CALLS[violations]}" 0
}

plug() # HOST IFACE HOST IFACE: a cable between two NICs
{
	local a b fd_a fd_b

	ifindex "$1" "$2" && a=$IFINDEX || return
	ifindex "$3" "$4" && b=$IFINDEX || return
	exec {fd_a}<"/run/netns/$1" {fd_b}<"/run/netns/$3"
	step "plug $1:$2 into $3:$4"
	echo "$fd_a:$a $fd_b:$b" >"$NSIM/link_device"
	exec {fd_a}<&- {fd_b}<&-
}

# --- hosts -----------------------------------------------------------------

declare -A PEER=([left]=right [right]=left) NUMBER=([left]=1 [right]=2)

host_add() # HOST
{
	local k=${NUMBER[$1]}

	ip netns add "$1" || return
	on "$1" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
		       echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad'
	ip -n "$1" -batch - <<-EOF
		link set lo up
		addr add 10.9.0.$k/32 dev lo
		addr add fd00:9::$k/128 dev lo
	EOF
	use_up_indexes "$1" 12
}

# An index that is also the number of a reason, a direction or a family hides that
# the one was taken for the other.
use_up_indexes() # HOST LAST
{
	local i

	for ((i = 2; i <= $2; i++)); do
		echo "link add name used$i group 99 type dummy"
	done | ip -n "$1" -batch - && ip -n "$1" link del group 99
}

# Addresses and routes of a port. Metric: the smaller one is taken.
port_up() # HOST IFACE NETWORK METRIC
{
	local k=${NUMBER[$1]} net=$3 on="dev $2 metric $4"
	local p=$((3 - k))

	step "$1\$ ip addr and route: $2, metric $4"
	ip -n "$1" -batch - <<-EOF
		link set $2 up
		addr replace 192.168.$net.$k/24 dev $2
		addr replace fd00:168:$net::$k/64 dev $2 nodad
		route replace 10.$p.0.0/16 via 192.168.$net.$p $on
		route replace 10.9.0.$p/32 via 192.168.$net.$p $on
		route replace fd00:$p::/32 via fd00:168:$net::$p $on
		route replace fd00:9::$p/128 via fd00:168:$net::$p $on
	EOF
}

nic_port_up() { port_up "$1" nic0 1 10; } # HOST
back_port_up() { port_up "$1" back0 2 20; } # HOST

# Joins the ends of a namespace that is nothing but a cable.
join() # CABLE END END
{
	ip -n "$1" -batch - <<-EOF
		link set $2 addrgenmode none master br0 up
		link set $3 addrgenmode none master br0 up
	EOF
}

# Both cables. They outlive the hosts, so a capture can span many of them.
cables_up()
{
	local cable

	ip netns add cable && ip netns add patch || return
	nic_add cableL cable cableL && nic_add cableR cable cableR || return
	for cable in cable patch; do
		ip -n "$cable" -batch - <<-EOF || return
			link add br0 type bridge mcast_snooping 0
			link set br0 addrgenmode none up
		EOF
	done
}

hosts_up()
{
	local host

	FIRST_FLOW=${#FLOWS[@]}
	remember_calls
	[[ -e /run/netns/cable ]] || cables_up || return
	for host in left right; do
		host_add "$host" && nic_add "$host" "$host" nic0 || return
	done
	[[ -d $(nic_dir left) ]] ||
		skip_all "needs netdevsim with the IPsec engine, and debugfs"
	plug left nic0 cable cableL && plug cable cableR right nic0 || return
	ip -n left link add back0 type veth peer name patchL netns patch
	ip -n right link add back0 type veth peer name patchR netns patch
	join cable cableL cableR && join patch patchL patchR || return
	for host in left right; do
		nic_port_up "$host" && back_port_up "$host" || return
	done

	wait_for 5 paths_carry
}

# Both do, and neighbours are known: what the tests look at then is the flow
# alone.
paths_carry()
{
	on left bash -c 'for to; do
		ping -q -c 1 -W 0.2 $to >/dev/null 2>&1 || exit
	done' - 192.168.1.2 192.168.2.2 fd00:168:1::2 fd00:168:2::2
}

# What a routing protocol does on the host whose NIC is still there.
nic_route_del() # HOST
{
	local p=$((3 - NUMBER[$1]))

	step "$1\$ ip route del: to the peer by nic0"
	ip -n "$1" -batch - <<-EOF
		route del 10.$p.0.0/16 dev nic0
		route del 10.9.0.$p/32 dev nic0
		route del fd00:$p::/32 dev nic0
		route del fd00:9::$p/128 dev nic0
	EOF
}

hosts_down()
{
	local name

	for name in "${!PID[@]}"; do
		[[ $name == tcpdump-* ]] || stop "$name" KILL
	done
	for name in left right spare; do
		! nic_exists "$name" || QUIET=1 nic_del "$name"
	done
	for name in left right elsewhere; do
		[[ ! -e /run/netns/$name ]] || ip netns del "$name"
	done
}

all_down()
{
	local name

	hosts_down
	for name in "${!PID[@]}"; do
		stop "$name" KILL
	done
	for name in cableL cableR; do
		! nic_exists "$name" || QUIET=1 nic_del "$name"
	done
	for name in cable patch; do
		[[ ! -e /run/netns/$name ]] || ip netns del "$name"
	done
}
