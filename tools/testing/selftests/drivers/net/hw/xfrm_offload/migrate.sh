#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# SAs that leave the device with their numbers: to software and back under
# traffic, and after the device lost them.
#
# To be sourced.

migrate() # N out|in WORDS...
{
	local from=local

	[[ $2 == out ]] || from=remote
	find_sa "$from" "$1"
	QUIET=1 tried ctl local state migrate "${SA[@]}" "${@:3}"
}

# The policy of packet offload asks for an SA of its own device: it goes along.
to_software() # N out|in
{
	migrate "$1" "$2" to software || return
	flow "$1"
	[[ $OFFLOAD_local != packet ]] || QUIET=1 tried policy local update "$1" "$2" none
}

to_device() # N out|in
{
	flow "$1"
	migrate "$1" "$2" offload "$OFFLOAD_local" dev "$NETIF" dir "$2" || return
	[[ $OFFLOAD_local != packet ]] || QUIET=1 tried policy local update "$1" "$2" packet
}

has_migrate()
{
	[[ $("$XFRMCTL" -j probe | jq -r .migrate_state.supported) == yes ]]
}

# There and back, MOVES times. Sets MOVED.
moves() # ID N out|in
{
	local where

	MOVED=0
	while ((MOVED < MOVES)); do
		for where in to_software to_device; do
			"$where" "$2" "$3" || {
				MOVE_REFUSED=$SAID
				return 1
			}
			((++MOVED))
			wait_traffic 5 || {
				bad XO-MIG-4 "$1: no traffic after move $MOVED ($where)"
				return 1
			}
		done
		progress "$MOVED" "$MOVES" "moves ($1)"
	done
}

move_flow() # N
{
	local kind id dir

	kind=$(kind_of "$1")
	for dir in out in; do
		id=XO-MIG-3
		[[ $dir == in ]] || { [[ $kind == crypto* ]] && id=XO-MIG-1 || id=XO-MIG-2; }
		MOVE_REFUSED=
		if moves "$id" "$1" "$dir"; then
			good "$id" "$kind $dir: $MOVED moves under traffic"
		elif [[ $MOVE_REFUSED == *'has to be rekeyed'* && $kind == packet* ]]; then
			lack "$id" "$kind $dir: ${MOVE_REFUSED#xfrmctl: }"
			# What was fenced for it carries no packet any more.
			rekey_after_refusal "$1" && continue
			return
		else
			bad "$id" \
				"$kind $dir: move $((MOVED + 1)): ${MOVE_REFUSED:-no traffic after it}"
			return
		fi
	done
	pings "$1"
	equal XO-MIG-4 "$kind: pings in the end that are answered, of 4" "$ANSWERS" 4
}

rekey_after_refusal() # N
{
	QUIET=1 tried rekey "$1" 1
	lack XO-MIG-3 "$(kind_of "$1") in: the outbound one cannot be moved"
	return 1
}

group_migrate()
{
	local n kinds=() replays id

	fact "moves of each SA (MOVES)" "$MOVES"
	if ! has_migrate; then
		lack_all "this kernel has no XFRM_MSG_MIGRATE_STATE" \
			XO-MIG-1 XO-MIG-2 XO-MIG-3 XO-MIG-4
		return
	fi
	has_kind crypto || lack XO-MIG-1 "crypto offload"
	has_kind packet || lack XO-MIG-2 "packet offload"
	mapfile -t kinds < <(first_kinds)
	flows_of_kinds "${kinds[@]}" || return
	replays=$(xfrm_stat local XfrmInStateSeqError)
	witness migrate && traffic_up || return
	for n in $(flow_numbers); do
		move_flow "$n"
	done
	traffic_down
	witness_end migrate "$CLEARTEXT" "$UNVERIFIED" ||
		{ WHY="the recording is not complete"; return; }
	for id in XO-MIG-1 XO-MIG-2 XO-MIG-3; do
		[[ ! ${GOODS[$id]:-}${BADS[$id]:-} ]] ||
			equal "$id" "frames in clear, frames with a wrong ICV" "${COUNTS[*]}" "0 0"
	done
	for n in $(flow_numbers); do
		spis_of "$n"
		[[ $OFFLOAD_local == crypto ]] && id=XO-MIG-1 || id=XO-MIG-2
		[[ ! ${GOODS[$id]:-}${BADS[$id]:-} ]] || pairs_twice "$id" migrate "$OUT_SPI"
	done
	[[ ! ${GOODS[XO-MIG-3]:-} ]] ||
		equal XO-MIG-3 "packets taken for replays" \
			"$(($(xfrm_stat local XfrmInStateSeqError) - replays))" 0
}

# --- counters, when nothing is under way ----------------------------------------------------

# The least that takes the SAs off the device. Sets TAKEN.
lose_quietly()
{
	TAKEN=feature
	[[ $FEATURE == *fixed* ]] || ! set_feature off 2>/dev/null || return 0
	TAKEN=down
	ip link set dev "$NETIF" down
}

told_exactly() # N
{
	local kind why top

	kind=$(kind_of "$1")
	spis_of "$1"
	if [[ $kind == crypto* ]]; then
		equal XO-CTR-5 "$kind: exact, out and in" \
			"${EXACT[$OUT_SPI]}, ${EXACT[$IN_SPI]}" "true, true"
	elif [[ ${EXACT[$OUT_SPI]} != true || ${EXACT[$IN_SPI]} != true ]]; then
		why="the device does not tell its counters (xdo_dev_state_unbind)"
		lack_all "$kind: $why: an SA that loses it has to be rekeyed" \
			XO-CTR-1 XO-CTR-2 XO-CTR-3 XO-CTR-4
		return
	else
		good XO-CTR-1 "$kind: exact, out and in"
	fi
	top=${TOP[$OUT_SPI]:-0}
	equal XO-CTR-2 "$kind: told as the last number sent; the last one on the wire was $top" \
		"${SENT[$OUT_SPI]}" "$top"
	equal XO-CTR-3 \
		"$kind: told as the highest number received, and how many are in the window" \
		"${RECEIVED[$IN_SPI]} ${WINDOW[$IN_SPI]}" "${TOP[$IN_SPI]:-0} ${FRAMES[$IN_SPI]:-0}"
	equal XO-CTR-4 "$kind: packets, out and in" \
		"${PACKETS[$OUT_SPI]}, ${PACKETS[$IN_SPI]}" \
		"${FRAMES[$OUT_SPI]:-0}, ${FRAMES[$IN_SPI]:-0}"
}

# Back onto the device under the keys that it had.
carried_on() # N
{
	local kind dir

	kind=$(kind_of "$1")
	spis_of "$1"
	for dir in out in; do
		to_device "$1" "$dir" && continue
		if [[ ${EXACT[$OUT_SPI]} == true && ${EXACT[$IN_SPI]} == true ]]; then
			bad XO-MIG-5 "$kind $dir: $SAID"
		else
			good XO-MIG-5 "$kind $dir, counters not exact: ${SAID#xfrmctl: }"
		fi
		return
	done
	if [[ ${EXACT[$OUT_SPI]} != true || ${EXACT[$IN_SPI]} != true ]]; then
		bad XO-MIG-5 "$kind: carried on with counters that are not exact"
		return
	fi
	pings "$1"
	equal XO-MIG-5 "$kind: carried on by the device, pings that are answered, of 4" "$ANSWERS" 4
}

group_counters()
{
	local n

	has_kind packet || lack_all "packet offload" XO-CTR-1
	has_kind crypto || lack XO-CTR-5 "crypto offload"
	flows_of_kinds && witness counters || return
	for n in $(flow_numbers); do
		ping_count local "$n" 10 1
		((ANSWERS == 10)) || note "$(kind_of "$n"): $ANSWERS of 10 pings are answered"
	done
	lose_quietly
	fact "counters were read after" "$TAKEN"
	snapshot
	witness_end counters "$CLEARTEXT" "$UNVERIFIED" ||
		{ WHY="the recording is not complete"; return; }
	for n in $(flow_numbers); do
		told_exactly "$n"
	done

	device_give_back "$TAKEN" || { WHY="the device does not come back"; return; }
	if ! has_migrate; then
		lack XO-MIG-5 "this kernel has no XFRM_MSG_MIGRATE_STATE"
		return
	fi
	mv "$SCRATCH/counters.pcap" "$SCRATCH/earlier.pcap"
	mv "$OUT/counters.tshark" "$OUT/earlier.tshark"
	witness counters || return
	for n in $(flow_numbers); do
		carried_on "$n"
	done
	witness_end counters "$CLEARTEXT" "$UNVERIFIED" || return
	equal XO-MIG-5 "frames in clear, frames with a wrong ICV" "${COUNTS[*]}" "0 0"
	equal XO-MIG-5 "pairs of SPI and IV, before and after, that came twice" \
		"$(repeated iv counters earlier)" 0
}
