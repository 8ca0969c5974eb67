#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariants 2 and 3: SAs go from one NIC to another one, to software and back, at
# random and under load, some of them while their sequence numbers wrap. No IV
# leaves twice, and the peer takes every number once.
#
#	left				cable
#
#	nic0 (192.168.1.1) ------------ cableL -- br0 -- cableR -- right
#	nic1 (192.168.3.1) ------------ cableS --+
#
# The peers of flows with ESN are software, which checks what tshark cannot.

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/inflight.sh" # its sockets
. "$LIB/stress.sh"   # its dice and its load

declare -r MOVES=${MOVES:-1000}

# Below the wrap: by so much that it comes under load, or in the first burst of a
# connection.
declare -r WRAP=4294967296
declare -r SOON=$((WRAP - 400)) AT_ONCE=$((WRAP - 8))

# --- hosts -----------------------------------------------------------------------

second_nic()
{
	nic_add cableS cable cableS &&
		ip -n cable link set cableS addrgenmode none master br0 up &&
		nic_add spare left nic1 && plug left nic1 cable cableS || return
	ip -n left -batch - <<-EOF || return
		link set nic1 up
		addr add 192.168.3.1/24 dev nic1
		addr add fd00:168:3::1/64 dev nic1 nodad
	EOF
	ip -n right -batch - <<-EOF
		addr add 192.168.3.2/24 dev nic0
		addr add fd00:168:3::2/64 dev nic0 nodad
	EOF
	wait_for 5 on left ping -q -c 1 -W 0.2 192.168.3.2 >/dev/null 2>&1
	wait_for 5 on left ping -q -c 1 -W 0.2 fd00:168:3::2 >/dev/null 2>&1
}

wrapping() # NUMBER FLOW-WORDS...
{
	SA_WORDS="replay-seq $1 replay-seq-hi 0 replay-oseq $1 replay-oseq-hi 0" \
		flow_add "${@:2}" 128 esn
}

OUTBOUND=(1 2 3 4 5) INBOUND=(3 4) WRAPPING=(4 5) BURST=(6 7 8 9) ESN_FLOWS=(4 5 6 7 8 9)

flows_up()
{
	flow_add transport v4 packet && flow_add tunnel v6 packet &&
		flow_add transport v6 crypto &&
		wrapping "$SOON" transport v4 crypto:none &&
		wrapping "$SOON" transport v6 packet:none &&
		wrapping "$AT_ONCE" tunnel v4 crypto:none &&
		wrapping "$AT_ONCE" transport v6 crypto:none &&
		wrapping "$AT_ONCE" transport v4 none &&
		wrapping "$AT_ONCE" tunnel v6 none
}

# --- moves -----------------------------------------------------------------------

# By which of left's NICs packets of flow N leave.
route_by() # NIC N
{
	local net=1 via

	[[ $1 == nic0 ]] || net=3
	flow "$2"
	via=192.168.$net.2
	[[ $FAMILY == v4 ]] || via=fd00:168:$net::2
	ip -n left route replace "$END_right/$PREFIX" via "$via" dev "$1" metric 5
}

migrate() # N out|in WORDS...
{
	local from=left

	[[ $2 == out ]] || from=right
	find_sa "$from" "$1"
	QUIET=1 ctl left state migrate "${SA[@]}" "${@:3}"
}

# The policy of packet offload asks for an SA of its own device.
move() # N out|in nic0|nic1|software
{
	local n=$1 dir=$2 to=$3

	flow "$n"
	if [[ $to == software ]]; then
		migrate "$n" "$dir" to software || return
	else
		migrate "$n" "$dir" offload "$OFFLOAD_left" dev "$to" dir "$dir" || return
	fi
	[[ $dir == out ]] || return 0
	flow "$n"
	if [[ $OFFLOAD_left == packet ]]; then
		if [[ $to == software ]]; then
			QUIET=1 policy left update "$n" out none || return
		else
			OFFLOAD_TO[left]=$to
			QUIET=1 policy left update "$n" out packet || return
		fi
	fi
	[[ $to == software ]] || route_by "$to" "$n"
}

declare -A WHERE=()

# Anywhere but where it is.
move_one() # N out|in
{
	local places=() place

	for place in nic0 nic1 software; do
		[[ ${WHERE[$1 $2]:-nic0} == "$place" ]] || places+=("$place")
	done
	draw_of "${places[@]}"
	place=$DRAWN
	WHERE[$1 $2]=$place
	move "$1" "$2" "$place" && return
	note "flow $1, $2: does not go to $place"
	return 1
}

moves()
{
	local i=0 n

	while ((i < MOVES)); do
		for n in "${OUTBOUND[@]}"; do
			move_one "$n" out || return
		done
		for n in "${INBOUND[@]}"; do
			move_one "$n" in || return
		done
		((i += ${#OUTBOUND[@]} + ${#INBOUND[@]}))
		((i % 140)) || note "$i of $MOVES moves"
	done
}

# --- the wrap ----------------------------------------------------------------------

received() # N
{
	find_sa left "$1"
	on right "$XFRMCTL" -j state get "${SA[@]}"
}

# What right took is past the wrap.
has_wrapped() # N
{
	(($(received "$1" | jq .replay.seq) >= WRAP))
}

# Segments of one packet on both sides of the wrap: on the NIC, and in software,
# which cuts them up at the device.
bursts()
{
	local n

	for n in "${BURST[@]}"; do
		open_socket tcp "$n" && talk send "tcp-$n" 60000 || return
	done
	wait_for 10 bursts_arrived
}

bursts_arrived()
{
	local n

	for n in "${BURST[@]}"; do
		[[ $(received "$n" | jq .lifetime.packets) -ge 40 ]] || return
	done
}

# --- all of it -----------------------------------------------------------------------

nothing_refused() # WHEN
{
	local host name

	for host in left right; do
		for name in XfrmInStateProtoError XfrmInStateSeqError; do
			is "3: $1: $host, $name" "$(xfrm_stat "$host" "$name")" 0
		done
	done
}

under_load()
{
	local n

	# shellcheck disable=SC2046 # words, on purpose
	start flood-left left ready udp_flood "$SEED" \
		$(ends_of left right "${OUTBOUND[@]}") &&
		start flood-right right ready udp_flood "$SEED" \
			$(ends_of right left "${OUTBOUND[@]}") || return
	check "2: $MOVES moves under load" moves
	for n in "${WRAPPING[@]}"; do
		check "2: flow $n has wrapped under load" wait_for 20 has_wrapped "$n"
	done
	stop flood-left
	stop flood-right
}

tap_header
begin
need udp_flood
note "seed $SEED"
RANDOM=$((SEED % 32768))
cables_up && capture_cable nic && hosts_up && second_nic && flows_up &&
	sockets_up || skip_all "the hosts cannot be set up"
check "2: segments across the wrap arrive" bursts
for n in "${BURST[@]}"; do
	check "2: flow $n has wrapped" has_wrapped "$n"
done
nothing_refused "segments across the wrap"
under_load
for n in "${OUTBOUND[@]}"; do
	check "2: flow $n carries packets in the end" pings "$n"
done
nothing_refused "moves under load"
nic_del spare
hosts_down
check "the capture is whole" capture_end nic
no_esn=
for n in "${ESN_FLOWS[@]}"; do
	no_esn+=" && !$(flow_frames "$n")"
done
read -ra counts < <(frames nic "$VERIFIED" "$CLEARTEXT" "$UNVERIFIED$no_esn" esp)
note "${counts[3]} ESP frames, ${counts[0]} verified, ${counts[1]} in clear," \
     "${counts[2]} failed"
more_than "there was traffic" "${counts[0]}" 1000
is "1: no frame in clear" "${counts[1]}" 0
is "2: no ESP frame that fails" "${counts[2]}" 0
is "2: no IV twice" "$(repeated iv nic)" 0
check "2: no IV twice, says esp_pairs" no_pair_twice nic
finish
