#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Packets in flight: what the inflight_* programs share. Each puts packets of
# protected flows where packets can wait, takes the NIC away from left, opens the
# place, and asks the witness what came out.
#
# With the cause "nothing" the NIC stays as it is: then every packet that waited
# has to come out as ESP. That shows that the packets were there.
#
# To be sourced, after lib.sh.

# By the number of a flow: what it waits in, which names the test; how it lost the
# NIC; whether ESP of it left before; whether it is refused with the NIC there, too.
declare -A PLACE=() CAUSE_OF=() SENT=() REFUSED=()

# Causes after which the device is up and carries packets as before.
stays_up() { [[ ! $1 =~ ^(delete|unbind|reload|move|down)$ ]]; } # CAUSE

# Flow N, the next one, waits in PLACE.
flow_in() # PLACE FLOW-WORDS...
{
	PLACE[${#FLOWS[@]}]=$1
	flow_add "${@:2}"
}

# A policy of the NIC that is of none of what waits comes and goes.
another_policy_goes()
{
	local UPSPEC='proto udp dport 9'

	step "nic0 stays, a policy of other packets goes"
	policy left add "$FIRST_FLOW" out packet &&
		policy left delete "$FIRST_FLOW" out
}

lose() # CAUSE
{
	if [[ $1 == nothing ]]; then
		another_policy_goes
	else
		take_away "$1"
	fi
}

# Where the NIC is after CAUSE: sets NIC_HOST, empty if it is gone.
find_nic()
{
	local host

	NIC_HOST=
	for host in left elsewhere; do
		[[ -e /run/netns/$host ]] &&
			ip -n "$host" link show dev nic0 >/dev/null 2>&1 &&
			NIC_HOST=$host && return
	done
	return 1
}

# The NIC is brought up again, wherever it is: with what it had left, if it had.
nic_up_again()
{
	find_nic || return 0
	step "$NIC_HOST\$ ip link set nic0 up"
	ip -n "$NIC_HOST" link set nic0 up
}

# Connections that left forwards between host0 and nic0 past the lookup of policies.
flow_table() # PROTOCOL
{
	step "left\$ nft: a flow table of host0 and nic0, for $1"
	on left nft -f - <<-EOF
		table inet fast {
			flowtable way {
				hook ingress priority 0
				devices = { host0, nic0 }
			}
			chain forward {
				type filter hook forward priority 0
				meta l4proto $1 flow add @way
			}
		}
	EOF
}

declare -r PINGS=3

# --- senders -----------------------------------------------------------------

# A few packets of their own sockets; no answer is waited for.
send_pings() # N PING-WORDS...
{
	flow "$1"
	step "left\$ ping ${*:2} -I $ADDR_left $ADDR_right"
	on left ping -n -q -c "$PINGS" -i 0.01 -W 0.01 "${@:2}" -I "$ADDR_left" \
		"$ADDR_right" >/dev/null 2>&1
	return 0
}

# Sockets on left, and their peers.
sockets_up()
{
	start sink right ready python3 "$LIB/sockets.py" sink || return
	coproc TALK {
		exec nsenter --net=/run/netns/left python3 "$LIB/sockets.py" \
			talk 2>>"$OUT/talk.log"
	}
	PID["talk"]=$TALK_PID
}

talk() # WORDS...
{
	local answer

	step "left: socket: $*"
	echo "$*" >&"${TALK[1]}"
	read -rt 60 -u "${TALK[0]}" answer
	[[ $answer == ok ]] || { note "socket: $*: $answer"; return 1; }
}

open_socket() # tcp|udp N
{
	SENT[$2]=1
	flow "$2"
	talk "$1" "$1-$2" "$ADDR_left" "$ADDR_right"
}

# A third host, whose way to right leads through left: the addresses of flow N
# on left's side become its own.
behind_up() # N...
{
	local n

	ip netns add behind || return
	ip -n left link add host0 type veth peer name left0 netns behind
	ip -n left -batch - <<-EOF
		link set host0 up
		addr add 192.168.7.1/24 dev host0
	EOF
	# Its packets fit into a tunnel: no path MTU has to be learned.
	ip -n behind -batch - <<-EOF
		link set lo up
		link set left0 mtu 1400 up
		addr add 192.168.7.2/24 dev left0
		route add default via 192.168.7.1
	EOF
	on left sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	for n; do
		flow "$n"
		ip -n left addr del "$ADDR_left/$PREFIX" dev lo
		ip -n left route add "$ADDR_left/$PREFIX" via 192.168.7.2
		ip -n behind addr add "$ADDR_left/$PREFIX" dev lo
	done
	wait_for 5 behind_reaches_left
}

behind_reaches_left()
{
	on behind ping -n -q -c 1 -W 0.2 192.168.7.1 >/dev/null 2>&1
}

send_forwarded() # N PING-WORDS...
{
	flow "$1"
	step "behind\$ ping ${*:2} -I $ADDR_left $ADDR_right"
	on behind ping -n -q -c "$PINGS" -i 0.01 -W 0.01 "${@:2}" -I "$ADDR_left" \
		"$ADDR_right" >/dev/null 2>&1
	return 0
}

# --- one cause ---------------------------------------------------------------

# A number of a queueing discipline at the root of a device.
qdisc_number() # HOST IFACE NAME
{
	tc -n "$1" -s -j qdisc show dev "$2" root 2>/dev/null |
		jq --arg name "$3" '.[0] | .[$name] // 0'
}

# Nothing waits any more at the root of the device, or there is no device.
qdisc_empty() # HOST IFACE
{
	local n

	n=$(qdisc_number "$1" "$2" qlen)
	[[ -z $n || $n == 0 ]]
}

# What died is counted: by xfrm, or by the queue to which a driver gave it back.
count_drops()
{
	DROPPED=$(xfrm_stat left 'XfrmOut(OffloadInvalid|StateInvalid|NoStates)')
	QUEUE_DROPS=$(qdisc_number left nic0 drops)
}

died() # PACKETS
{
	local dropped=$DROPPED drops=$QUEUE_DROPS

	count_drops
	dropped=$((DROPPED - dropped)) drops=$((QUEUE_DROPS - drops))
	note "$1 waited; xfrm dropped $dropped, the queue $drops"
	((dropped + drops >= $1))
}

# What left before is on the cables when an answer came by the same way, where
# there still is one.
settle()
{
	local addr

	for addr in 192.168.1.2 192.168.2.2; do
		on left ping -n -q -c 1 -W 0.2 "$addr" >/dev/null 2>&1
	done
	return 0
}

# Of the program: places [HEAD] sets flows and devices up, fill [HEAD] sends,
# sits [HEAD] sets WAITING, the packets that are seen to wait, and fails if they
# are not where they should be, release opens the places, released tells when
# nothing waits any more.
inflight() # CAUSE [HEAD]
{
	local cause=$1 n

	hosts_up && places "${@:2}" || { not_ok "$*: set-up"; return; }
	for n in $(flow_numbers); do
		CAUSE_OF[$n]=$*
	done
	check "$*: packets are sent" fill "${@:2}"
	check "$*: and wait" sits "${@:2}"
	count_drops
	check "$*: happens" lose "$cause"
	release "$cause"
	nic_up_again
	wait_for 20 released
	settle
	! stays_up "$cause" || [[ $cause == nothing ]] ||
		check "1: $*: what waited is counted as dropped" died "$WAITING"
	inflight_down
}

# --- judgement ---------------------------------------------------------------

inflight_down()
{
	hosts_down
	[[ ! -e /run/netns/behind ]] || ip netns del behind
	unset 'PID[talk]'
}

none_as_it_is() # VERIFIED FAILED CLEAR (nic) VERIFIED FAILED CLEAR (back)
{
	(($2 + $3 + $5 + $6 == 0)) && return
	note "by the NIC: $1 verified, $2 failed, $3 in clear;" \
	     "by back0: $4 verified, $5 failed, $6 in clear"
	return 1
}

judge_flow() # N
{
	local n=$1 cause=${CAUSE_OF[$1]} what
	local counts=("${BY_NIC[@]:(n-1)*3:3}" "${BY_BACK[@]:(n-1)*3:3}")

	what="$cause, ${PLACE[$n]}"
	if [[ $cause == nothing* && -z ${REFUSED[$n]:-} ]]; then
		note "$what: $((counts[0] + counts[3])) ESP frames came out"
		check "1: $what: comes out as ESP" \
			test $((counts[0] + counts[3])) -gt 0
	elif [[ -z ${SENT[$n]:-} ]]; then
		is "1: $what: dies" $((counts[0] + counts[3])) 0
	fi
	check "1: $what: nothing leaves as it is" none_as_it_is "${counts[@]}"
}

# A packet that went straight to the device and finds no SA there has no link
# layer header that would tell what it is.
declare -r NOT_IP='!(ip || ipv6 || arp)'

judge()
{
	local n

	check "the capture by the NIC is whole" capture_end nic
	check "the capture by back0 is whole" capture_end back
	judge_wires "$NOT_IP"
	is "1: no frame whose contents tshark cannot tell" \
		$((BY_NIC[0] + BY_BACK[0])) 0
	BY_NIC=("${BY_NIC[@]:1}")
	BY_BACK=("${BY_BACK[@]:1}")
	for n in $(seq 1 $((${#FLOWS[@]} - 1))); do
		judge_flow "$n"
	done
}

# The whole of a program: every cause, on what it puts where.
inflight_all()
{
	local cause

	tap_header
	begin
	cables_up && capture_cable nic && capture_patch back ||
		skip_all "no capture"
	for cause in ${ONLY:-nothing "${CAUSES[@]}"}; do
		inflight "$cause"
	done
	judge
	finish
}
