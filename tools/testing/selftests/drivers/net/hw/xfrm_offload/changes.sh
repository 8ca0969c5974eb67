#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# SAs that are added, updated, replaced and deleted while they are used, and the
# limits of an SA.
#
# To be sourced.

# As often as it takes to have packets in between.
declare -r TIMES=20

# As many more packets of flow N as a change must not stop. All flows send
# meanwhile: where the machine is busy an answer may come late.
goes_on() # N
{
	wait_traffic 20 && wait_for 10 pings "$1"
}

add_twice() # N
{
	local kind i

	kind=$(kind_of "$1")
	for ((i = 0; i < TIMES; i++)); do
		! tried sa local add "$1" out ||
			{ bad XO-ADD-2 "$kind: $COMMAND_TRIED is taken"; break; }
		((i)) || good XO-ADD-2 \
			"$kind: a second one, tried $TIMES times, is refused: ${SAID#xfrmctl: }"
	done
	expect XO-ADD-2 "$kind: the first one goes on" goes_on "$1"
}

update() # N
{
	local kind i

	kind=$(kind_of "$1")
	for ((i = 0; i < TIMES / 2; i++)); do
		tried sa local update "$1" out && tried sa local update "$1" in && continue
		bad XO-UPD-1 "$kind: $COMMAND_TRIED: $SAID"
		return
	done
	snapshot
	spis_of "$1"
	equal XO-UPD-1 "$kind: after $TIMES updates the SAs are on the device as" \
		"${OFFLOADED[$OUT_SPI]:-software}, ${OFFLOADED[$IN_SPI]:-software}" \
		"${kind%% *} out, ${kind%% *} in"
	expect XO-UPD-1 "$kind: traffic goes on after them" goes_on "$1"
}

replace() # N
{
	local kind

	kind=$(kind_of "$1")
	expect XO-REK-1 "$kind: new SAs beside the old ones, then the old ones go" \
		tried rekey "$1" 1
	expect XO-REK-1 "$kind: traffic goes on under the new SAs" goes_on "$1"
}

# What a deletion has to stop, on a flow of its own for each direction.
deletions() # OUT-FLOW IN-FLOW
{
	local kind

	kind=$(kind_of "$1")
	tried sa local delete "$1" out || bad XO-DEL-1 "$kind: $COMMAND_TRIED: $SAID"
	tried sa local delete "$2" in || bad XO-DEL-2 "$kind: $COMMAND_TRIED: $SAID"
	ping_count local "$1" 4 0.1
	equal XO-DEL-1 "$kind: pings that are answered without the outbound SA" "$ANSWERS" 0
	ping_count remote "$2" 4 0.1
	equal XO-DEL-2 "$kind: requests of the peer that are answered without the inbound SA" \
		"$ANSWERS" 0
}

# Three flows for each offload: one for each change.
group_changes()
{
	local n kinds=() deleted id change spis

	mapfile -t kinds < <(first_kinds)
	flows_of_kinds "${kinds[@]}" "${kinds[@]}" "${kinds[@]}" || return
	witness changes && traffic_up || return
	n=$FIRST_FLOW
	for change in add_twice update replace; do
		for _ in "${kinds[@]}"; do
			"$change" $((n++))
		done
	done
	traffic_down
	witness_end changes "$CLEARTEXT" "$UNVERIFIED" ||
		{ WHY="the recording is not complete"; return; }
	n=$FIRST_FLOW
	for id in XO-ADD-2 XO-UPD-1 XO-REK-1; do
		equal "$id" "frames in clear, frames with a wrong ICV" "${COUNTS[*]}" "0 0"
		spis=()
		for _ in "${kinds[@]}"; do
			spis_of "$n"
			spis+=("$OUT_SPI")
			spis_of $((n++)) 1
			spis+=("$OUT_SPI")
		done
		pairs_twice "$id" changes "${spis[@]}"
	done
	for ((n -= ${#kinds[@]}; n < ${#FLOWS[@]}; n++)); do
		spis_of "$n" 1
		expect XO-REK-1 \
			"$(kind_of "$n"): ${FRAMES[$OUT_SPI]:-0} ESP frames under the new SA" \
			test "${FRAMES[$OUT_SPI]:-0}" -ge 4
	done

	deleted=${#FLOWS[@]}
	flows_of_kinds "${kinds[@]}" "${kinds[@]}" || return
	for ((n = deleted; n < ${#FLOWS[@]}; n++)); do
		pings "$n" || bad XO-DEL-1 \
			"$(kind_of "$n"): $ANSWERS of 4 pings are answered before"
	done
	witness deleted || return
	for ((n = 0; n < ${#kinds[@]}; n++)); do
		deletions $((deleted + n)) $((deleted + ${#kinds[@]} + n))
	done
	witness_end deleted "$CLEARTEXT" || return
	equal XO-DEL-1 "frames in clear after the deletion" "${COUNTS[0]}" 0
	for ((n = 0; n < ${#kinds[@]}; n++)); do
		spis_of $((deleted + n))
		equal XO-DEL-1 "${kinds[n]}: ESP frames of the deleted SA" \
			"${FRAMES[$OUT_SPI]:-0}" 0
		spis_of $((deleted + ${#kinds[@]} + n))
		equal XO-DEL-2 \
			"${kinds[n]}: answers on the wire, to ${FRAMES[$IN_SPI]:-0} requests" \
			"${FRAMES[$OUT_SPI]:-0}" 0
	done
}

# --- limits ------------------------------------------------------------------------------

declare -r LIMIT=10

told_limit() # SPI true|false: hard or soft
{
	heard_count ".event == \"expire-sa\" and .hard == $2 and .sa.spi == $1"
}

# Nothing was sent under them yet: their keys can be used again.
limit_flow() # N soft|hard
{
	QUIET=1 tried sa local delete "$1" out &&
		SA_WORDS="limit packet-$2 $LIMIT" tried sa local add "$1" out
}

group_limits()
{
	local soft hard soft_spi kind

	kind=$(first_kind packet)
	if [[ ! $kind ]]; then
		lack_all "packet offload: the stack keeps the limits of crypto offload" \
			XO-LIM-1 XO-LIM-2
		return
	fi
	soft=${#FLOWS[@]} hard=$((${#FLOWS[@]} + 1))
	flows_of_kinds "$kind" "$kind" || return
	limit_flow "$soft" soft || { lack XO-LIM-1 "$SAID"; soft=; }
	limit_flow "$hard" hard || { lack XO-LIM-2 "$SAID"; hard=; }
	HOST_OF[monitor]=local
	witness limits && listen local expire || return

	if [[ $soft ]]; then
		spis_of "$soft"
		soft_spi=$OUT_SPI
		ping_count local "$soft" $((2 * LIMIT)) 1
		equal XO-LIM-1 \
			"of $((2 * LIMIT)) pings, with the limit at $LIMIT packets, are answered" \
			"$ANSWERS" $((2 * LIMIT))
		within 10 at_least 1 told_limit "$soft_spi" false
	fi
	if [[ $hard ]]; then
		ping_count local "$hard" $((2 * LIMIT)) 0.1
		spis_of "$hard"
		expect XO-LIM-2 "the key manager is told" \
			within 10 at_least 1 told_limit "$OUT_SPI" true
	fi
	[[ ! $soft ]] ||
		equal XO-LIM-1 "soft EXPIREs for the SA" "$(told_limit "$soft_spi" false)" 1
	stop monitor
	witness_end limits "$CLEARTEXT" || { WHY="the recording is not complete"; return; }
	[[ $hard ]] || return
	equal XO-LIM-2 "ESP frames on the wire, of $((2 * LIMIT)) packets" \
		"${FRAMES[$OUT_SPI]:-0}" "$LIMIT"
	equal XO-LIM-2 "frames in clear" "${COUNTS[0]}" 0
}
