#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A flow is one pair of addresses of the two hosts with its own SAs and policies;
# n is its number, see flow(). Here is what protects it, what runs over it, and
# what takes the NIC away from under it.
#
# To be sourced, by lib.sh.

FLOWS=("") # counted from 1
FIRST_FLOW=1

# More words for what HOST has in DIRECTION for a flow in MODE: "right in tunnel".
declare -A MORE_WORDS=()

# --- flows, SAs, policies --------------------------------------------------------

# The words of flow N: MODE (transport, tunnel), FAMILY (v4, v6), OFFLOAD
# (packet, crypto, none; LEFT:RIGHT where the hosts differ), KEY_BITS (128,
# 256), ESN (esn or nothing); and its addresses.
flow() # N
{
	local n=$1

	read -r MODE FAMILY OFFLOAD KEY_BITS ESN <<<"${FLOWS[n]}"
	: "${KEY_BITS:=128}"
	OFFLOAD_left=${OFFLOAD%:*} OFFLOAD_right=${OFFLOAD#*:}
	if [[ $FAMILY == v4 ]]; then
		ADDR_left=10.1.0.$n ADDR_right=10.2.0.$n PREFIX=32
		END_left=10.9.0.1 END_right=10.9.0.2
	else
		ADDR_left=fd00:1::$n ADDR_right=fd00:2::$n PREFIX=128
		END_left=fd00:9::1 END_right=fd00:9::2
	fi
	if [[ $MODE == transport ]]; then
		END_left=$ADDR_left END_right=$ADDR_right
	fi
}

# Those of the hosts that are up.
flow_numbers() { seq "$FIRST_FLOW" $((${#FLOWS[@]} - 1)); }

# Sets SPI, KEY (with salt), ALGO, the words for it, and SA, the words that name
# it, of the SA that carries flow N away from HOST. A rekey makes the next generation. The key is
# unlike that of any other SPI.
find_sa() # HOST N [GENERATION]
{
	local src=END_$1 dst=END_${PEER[$1]} i word

	flow "$2"
	printf -v SPI '0x%x' $((NUMBER[$1] << 12 | ${3:-0} << 8 | $2))
	KEY=0x
	for ((i = 0; i <= KEY_BITS / 32; i++)); do
		printf -v word '%08x' \
			$(((SPI * 2654435761 + i * 2246822519) & 0xffffffff))
		KEY+=$word
	done
	ALGO=(aead 'rfc4106(gcm(aes))' "$KEY" 128)
	SA=(src "${!src}" dst "${!dst}" proto esp spi "$SPI")
}

# DIR is how HOST sees it. OFFLOAD here overrides the flow's own.
# SA_WORDS: more words of xfrmctl.
sa() # HOST add|update|delete N out|in [GENERATION [OFFLOAD]]
{
	local host=$1 verb=$2 n=$3 dir=$4 from=$1 offload=OFFLOAD_$1

	[[ $dir == out ]] || from=${PEER[$host]}
	find_sa "$from" "$n" "${5:-0}"
	offload=${6:-${!offload}}

	set -- state "$verb" "${SA[@]}"
	if [[ $verb != delete ]]; then
		# shellcheck disable=SC2086 # words, on purpose
		set -- "$@" reqid "$n" mode "$MODE" replay-window 64 \
			${ESN:+flag esn} ${SA_WORDS:-} \
			${MORE_WORDS[$host $dir $MODE]:-} "${ALGO[@]}"
		[[ $offload == none ]] ||
			set -- "$@" offload "$offload" dev "${OFFLOAD_TO[$host]}" \
				dir "$dir"
	fi
	ctl "$host" "$@"
}

# PRIORITY, LEVEL, REQID: other than 100, required and N. UPSPEC: more of the
# selector. POLICY_WORDS: more words.
policy() # HOST add|update|delete N out|in [OFFLOAD]
{
	local host=$1 verb=$2 n=$3 dir=$4 from=$1 offload=OFFLOAD_$1
	local src dst end_src end_dst

	[[ $dir == out ]] || from=${PEER[$host]}
	flow "$n"
	offload=${5:-${!offload}}
	src=ADDR_$from dst=ADDR_${PEER[$from]}
	end_src=END_$from end_dst=END_${PEER[$from]}

	# shellcheck disable=SC2086 # words, on purpose
	set -- policy "$verb" src "${!src}/$PREFIX" dst "${!dst}/$PREFIX" \
		${UPSPEC:-} dir "$dir" ${MORE_WORDS[$host $dir $MODE]:-}
	if [[ $verb != delete ]]; then
		# shellcheck disable=SC2086 # words, on purpose
		set -- "$@" priority "${PRIORITY:-100}" ${POLICY_WORDS:-}
		[[ $offload != packet ]] ||
			set -- "$@" offload packet dev "${OFFLOAD_TO[$host]}"
		set -- "$@" tmpl src "${!end_src}" dst "${!end_dst}" \
			proto esp reqid "${REQID:-$n}" mode "$MODE" \
			level "${LEVEL:-required}"
	fi
	ctl "$host" "$@"
}

# The key of every SA that was ever installed, for the witness.
remember_key() # HOST N GENERATION
{
	find_sa "$@"
	witness_key "${SA[@]}" "$KEY"
}

# A pair of SAs and a pair of policies on each host.
flow_add() # MODE FAMILY OFFLOAD [KEY-BITS [esn]]
{
	local n=${#FLOWS[@]} host addr

	FLOWS+=("$*")
	for host in "${!PEER[@]}"; do
		remember_key "$host" "$n" 0
		addr=ADDR_$host
		on "$host" ip addr add "${!addr}/$PREFIX" dev lo || return
		batch sa "$host" add "$n" out
		batch sa "$host" add "$n" in
		batch policy "$host" add "$n" out
		batch policy "$host" add "$n" in
		run_batch "$host" || return
	done
}

# New SAs for flow N, then the old ones go. Out after in: the peer must be able
# to read what comes.
rekey() # N GENERATION [OFFLOAD]
{
	local n=$1 gen=$2 host

	for host in "${!PEER[@]}"; do
		remember_key "$host" "$n" "$gen"
		sa "$host" add "$n" in "$gen" "${@:3}" || return
	done
	for host in "${!PEER[@]}"; do
		batch sa "$host" add "$n" out "$gen" "${@:3}"
		batch sa "$host" delete "$n" out $((gen - 1))
		batch sa "$host" delete "$n" in $((gen - 1))
		run_batch "$host" || return
	done
}

# --- what takes the NIC away from left -------------------------------------------

CAUSES=(delete unbind reload move down feature broken)

# The driver's word is followed a little later. It is not about larval SAs.
nothing_offloaded() # HOST
{
	[[ $(count_sas "$1" '.offload and .spi != 0') == 0 ]]
}

take_away() # CAUSE
{
	local bus_id=netdevsim${NIC_ID[left]}

	step "take nic0 away from left: $1"
	case $1 in
	delete)
		nic_del left ;;
	unbind)
		echo "$bus_id" >"$NSIM/drivers/netdevsim/unbind" ;;
	move)
		ip netns add elsewhere &&
			ip -n left link set nic0 netns elsewhere ;;
	down)
		ip -n left link set nic0 down ;;
	reload)
		left devlink dev reload "netdevsim/$bus_id" ;;
	feature)
		left ethtool -K nic0 esp-hw-offload off ;;
	broken)
		nic_fault left break_sa 0 &&
			wait_for 10 nothing_offloaded left ;;
	esac
}

# What xfrmctl calls the cause.
reason_of() # CAUSE
{
	case $1 in
	down) echo device-down ;;
	feature) echo feature-off ;;
	broken) echo driver ;;
	*) echo device-unregistered ;;
	esac
}

# Left has nic0 again, with its cable, up: for another round. Nothing is on it.
give_back() # CAUSE
{
	local id=${NIC_ID[left]}

	step "give nic0 back to left after: $1"
	case $1 in
	delete)
		nic_back || return ;;
	unbind | reload)
		[[ $1 == reload ]] ||
			echo "netdevsim$id" >"$NSIM/drivers/netdevsim/bind" || return
		ip -n left link set eth0 name nic0 address "$(nic_address left)" &&
			plug left nic0 cable cableL || return ;;
	move)
		ip -n elsewhere link set nic0 netns left &&
			ip netns del elsewhere || return ;;
	esac
	# Whatever came on the heels of it.
	on left ethtool -K nic0 esp-hw-offload on || return
	nic_port_up left
}

# --- traffic ---------------------------------------------------------------------

# An echo both ways, as fast as the answers come (or at PACE), until stopped.
ping_flow() # N
{
	flow "$1"
	# shellcheck disable=SC2086 # words, on purpose
	start "ping-$1" left '' ping -n -q ${PACE:--f} -I "$ADDR_left" \
		"$ADDR_right"
}

# Logs the sender of each datagram that reaches a socket of left, and its first word.
receiver() # PORT [NAME]
{
	start "${2:-receiver}" left listening python3 -u -c '
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", int(sys.argv[1])))
print("listening")
while True:
    data, sender = s.recvfrom(2048)
    print("from", sender[0].removeprefix("::ffff:"), "got", data.split()[0].decode())' "$1"
}

# A few new packets; do the answers come?
pings() # N
{
	flow "$1"
	on left ping -n -q -c 4 -i 0.02 -W 1 -I "$ADDR_left" "$ADDR_right" \
		>"$OUT/ping.log" 2>&1
}

# For when no answer is expected: does not wait for it long.
no_answer() # N
{
	flow "$1"
	! on left ping -n -q -c 4 -i 0.02 -W 0.1 -I "$ADDR_left" "$ADDR_right" \
		>"$OUT/ping.log" 2>&1
}

peer_pings() # FROM TO
{
	on right ping -n -q -c 5 -i 0.02 -W 0.1 -I "$1" "$2" >"$OUT/ping.log" 2>&1
}

# Of left: five of right's packets are dropped for this reason, and not answered.
dropped_as() # WHAT COUNTER FROM TO
{
	local before

	before=$(xfrm_stat left "$2")
	check "1: $1: no answer" refused peer_pings "$3" "$4"
	check "1: $1: counted as $2" at_least $((before + 5)) xfrm_stat left "$2"
}

# Packets of left that went, or tried to go, another way than by the NIC.
packets_elsewhere()
{
	echo $(($(xfrm_stat left 'XfrmOut.*') + $(packets left back0 tx)))
}

# Frames that came out of left's NIC, counted where the cable hands them on:
# they can be counted after the NIC is gone.
packets_by_nic() { packets cable cableR tx; }

at_least() # N COMMAND...
{
	(($("${@:2}") >= $1))
}

# Traffic is under way: N more packets came out of the NIC.
wait_traffic() # N
{
	wait_for 20 at_least $(($(packets_by_nic) + $1)) packets_by_nic
}

# Traffic went on without the NIC, or tried to: N more packets.
wait_elsewhere() # N
{
	wait_for 20 at_least $(($(packets_elsewhere) + $1)) packets_elsewhere
}
