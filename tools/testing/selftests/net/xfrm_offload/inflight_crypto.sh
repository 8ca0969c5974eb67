#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Packets that asynchronous crypto has when a device goes. tc redirects what was
# written for the NIC; the device where it arrives cannot encrypt, so software
# does, and comes back to the device later: is it still there, and up?

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/inflight.sh"

declare -r AEAD='rfc4106(gcm(aes))'
declare -r BURST=20

declare -A COMMAND=(
	[nothing]=true
	["the device goes down"]='ip link set back0 down'
	["the device is deleted"]='ip link del back0'
	["the NIC is deleted"]="echo ${NIC_ID[left]} >$NSIM/del_device"
	["the SA is deleted"]='ip xfrm state deleteall'
)

# The first SA brings the algorithm, the next one takes the new one of that name.
crypto_is_asynchronous()
{
	local driver

	[[ -e /proc/crypto ]] || return
	flow_add transport v4 none || return
	driver=$(python3 "$LIB/crypto_async.py" "$AEAD") || return
	note "$driver"
	[[ $driver == cryptd* ]]
}

# Where tc sends what was written for nic0.
redirect() # FLOW DEVICE
{
	local protocol=ip

	flow "$1"
	[[ $FAMILY == v4 ]] || protocol=ipv6
	tc -n left qdisc replace dev nic0 clsact &&
		tc -n left filter add dev nic0 egress protocol "$protocol" flower \
			dst_ip "$END_right" action mirred egress redirect dev "$2"
}

# One CPU, and no other task gets it before the command has begun.
burst() # FLOW COMMAND
{
	flow "$1"
	step "left: $BURST datagrams to $ADDR_right, then: $2"
	on left chrt -f 50 python3 "$LIB/sockets.py" burst "$ADDR_left" \
		"$ADDR_right" "$BURST" "$2" >"$OUT/burst.log" 2>&1
}

none_left_yet()
{
	grep -qx 'nic0 0' "$OUT/burst.log" && grep -qx 'back0 0' "$OUT/burst.log"
}

frames_by_back() { packets patch patchR tx; }

scenario() # WHAT FLOW-WORDS...
{
	local what=$1 before n

	hosts_up && flow_add "${@:2}" || { not_ok "$what: $2 $3: set-up"; return; }
	n=$((${#FLOWS[@]} - 1))
	what="$what: $2 $3"
	CAUSE_OF[$n]=$what
	redirect "$n" back0 || { not_ok "$what: tc"; hosts_down; return; }
	start sink right ready python3 "$LIB/sockets.py" sink
	# The socket of burst knows the way.
	before=$(frames_by_back)
	check "$what: packets are sent" burst "$n" "${COMMAND[$1]}"
	check "$what: crypto has them" none_left_yet
	if [[ $1 == nothing ]]; then
		check "$what: they leave when it is done" \
			wait_for 10 at_least $((before + BURST)) frames_by_back
		WANTED[$n]=$BURST
	elif [[ $1 == "the device "* ]]; then
		WANTED[$n]=0
	fi
	hosts_down
}

# The device has room for one frame: the others go into softnet's backlog, which
# asks again and again.
declare -A LOSE=(
	[nothing]=true
	["the device goes down"]='ip -n left link set nic1 down'
	["the device is deleted"]='nic_del spare'
	["its ESP offload goes off"]='on left ethtool -K nic1 esp-hw-offload off'
)

second_nic()
{
	[[ -e $NSIM/devices/netdevsim${NIC_ID[cableS]} ]] ||
		nic_add cableS cable cableS &&
		ip -n cable link set cableS addrgenmode none master br0 up || return
	# It has room for one frame, which must not be a listener report.
	nic_add spare left nic1 && plug left nic1 cable cableS &&
		on left sysctl -qw net.ipv6.conf.nic1.disable_ipv6=1 &&
		ip -n left link set nic1 up
}

# The frames of the second NIC, which sends no others.
by_spare() { packets left nic1 tx; }

# Meanwhile a flow of software leaves by a device without a queue, of which no
# packet can wait, and no sender hears of an error.
beside() # FAMILY
{
	local n via=192.168.2.2

	flow_add transport "$1" none || return
	n=$((${#FLOWS[@]} - 1))
	CAUSE_OF[$n]="beside a backlog: $1"
	[[ $1 == v4 ]] || via=fd00:168:2::2
	ip -n left route replace "$ADDR_right/$PREFIX" via "$via" dev back0 \
		src "$ADDR_left" || return
	check "${CAUSE_OF[$n]}: packets are sent" burst "$n" true
	note "$(tail -n 1 "$OUT/burst.log")"
	WANTED[$n]=$BURST
}

backlog() # WHAT FLOW-WORDS...
{
	local what="backlog: $1: $2 $3" before n

	hosts_up && second_nic && flow_add "${@:2}" ||
		{ not_ok "$what: set-up"; hosts_down; return; }
	n=$((${#FLOWS[@]} - 1))
	CAUSE_OF[$n]=$what
	redirect "$n" nic1 || { not_ok "$what: tc"; hosts_down; return; }
	start sink right ready python3 "$LIB/sockets.py" sink
	before=$(by_spare)
	nic_fault spare tx_room 1
	check "$what: packets are sent" burst "$n" true
	check "$what: one leaves" wait_for 10 at_least $((before + 1)) by_spare
	[[ $1 != nothing ]] || beside "$3"
	${LOSE[$1]}
	! nic_exists spare || nic_fault spare tx_room -1
	case $1 in
	"the device "*)
		WANTED_BY_NIC[$n]=1 ;;
	*)
		check "$what: the others leave when there is room" \
			wait_for 10 at_least $((before + BURST)) by_spare
		WANTED_BY_NIC[$n]=$BURST ;;
	esac
	nic_del_if_there spare
	hosts_down
}

nic_del_if_there() { ! nic_exists "$1" || nic_del "$1"; } # NIC

judge_backlog()
{
	local n filters=() counts

	for n in "${!WANTED_BY_NIC[@]}"; do
		filters+=("$(flow_frames "$n") && $VERIFIED")
	done
	read -ra counts < <(frames nic "$CLEARTEXT" "$UNVERIFIED" "${filters[@]}")
	is "1: no frame in clear by a NIC" "${counts[0]}" 0
	is "1: no ESP frame that fails by a NIC" "${counts[1]}" 0
	counts=("${counts[@]:2}")
	for n in "${!WANTED_BY_NIC[@]}"; do
		is "1: ${CAUSE_OF[$n]}: frames that left" "${counts[0]}" \
			"${WANTED_BY_NIC[$n]}"
		counts=("${counts[@]:1}")
	done
}

judge_crypto()
{
	local n filters=("$CLEARTEXT" "$UNVERIFIED") counts

	check "the capture by the NIC is whole" capture_end nic
	check "the capture by back0 is whole" capture_end back
	for n in "${!WANTED[@]}"; do
		filters+=("$(flow_frames "$n") && $VERIFIED")
	done
	read -ra counts < <(frames back "${filters[@]}")
	is "1: no frame in clear by back0" "${counts[0]}" 0
	is "1: no ESP frame that fails" "${counts[1]}" 0
	counts=("${counts[@]:2}")
	for n in "${!WANTED[@]}"; do
		is "1: ${CAUSE_OF[$n]}: frames that left" "${counts[0]}" \
			"${WANTED[$n]}"
		counts=("${counts[@]:1}")
	done
	judge_backlog
	is "2: no IV twice" "$(repeated iv nic back)" 0
}

declare -A WANTED=() WANTED_BY_NIC=()

tap_header
begin
[[ $(nproc) == 1 ]] || skip_all "needs a machine with one CPU, where nothing runs at the same time"
cables_up && capture_cable nic && capture_patch back || skip_all "no capture"
echo -1 >/proc/sys/kernel/sched_rt_runtime_us
hosts_up && crypto_is_asynchronous || skip_all "needs CONFIG_CRYPTO_CRYPTD and CONFIG_CRYPTO_USER"
hosts_down
for what in "nothing" "the device goes down" "the device is deleted" \
	    "the NIC is deleted" "the SA is deleted"; do
	scenario "$what" transport v4 crypto
	scenario "$what" tunnel v6 crypto
done
for what in "nothing" "its ESP offload goes off" "the device goes down" \
	    "the device is deleted"; do
	backlog "$what" transport v4 crypto
	backlog "$what" tunnel v6 crypto
done
judge_crypto
finish
