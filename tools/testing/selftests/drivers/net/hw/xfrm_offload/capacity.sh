#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The end of the SA table, and whether it stays where it is.
#
# To be sourced.

FILLED=0

# SA number I for the table, out and in by turns. It is never used.
fill_words() # I: sets SA and WORDS
{
	local a=198.18.4.1 b=198.18.4.2 dir=out

	(($1 % 2)) || dir=in
	[[ $dir == out ]] || { a=198.18.4.2 b=198.18.4.1; }
	algorithm_words gcm-128 $((0x100000 + $1))
	SA=(src "$a" dst "$b" proto esp spi $((0x100000 + $1)))
	WORDS=("${SA[@]}" mode transport reqid 250 replay-window 64 "${ALGO[@]}"
		offload "${FILL_KIND%% *}" dev "$NETIF" dir "$dir")
}

# Long steps show how far they are.
progress() # DONE ALL WHAT
{
	(($2 < 50 || $1 % ($2 / 4) || !$1)) || note "$1 of $2 $3"
}

in_table() # SPI: on the device, not in software
{
	[[ ! $FILL_SOFT ]] || "$XFRMCTL" -j state get "${SA[@]}" | grep -q '"offload"'
}

fill_one() # I
{
	fill_words "$1"
	tried "$XFRMCTL" state add "${WORDS[@]}" || return
	in_table && return
	SAID="it becomes an SA in software"
	"$XFRMCTL" state delete "${SA[@]}"
	return 1
}

# An SA that was there before: where the device refuses it, it is added as INVALID.
fill_again() # I
{
	fill_one "$1" || return
	"$XFRMCTL" -j state get "${SA[@]}" | grep -q '"invalid"' || return 0
	SAID="the device refuses it: it is INVALID"
	"$XFRMCTL" state delete "${SA[@]}"
	return 1
}

# Until one is refused, or CAPACITY. Sets FILLED and END, what was said.
fill()
{
	END=
	for ((FILLED = 0; FILLED < CAPACITY; FILLED++)); do
		QUIET=1 fill_one "$FILLED" || { END=$SAID; return; }
		progress "$FILLED" "$CAPACITY" "SAs are on the device"
	done
}

fill_down()
{
	while ((FILLED > 0)); do
		fill_words $((--FILLED))
		"$XFRMCTL" state delete "${SA[@]}" || return
	done
}

fill_held() { count_sas local '.reqid == 250 and .offload and (.invalid | not)'; }

full()
{
	local n=$1

	if [[ $END ]]; then
		good XO-FULL-1 "$FILLED SAs beside two in use, then: ${END#xfrmctl: }"
		[[ $END == *')' || $FILL_SOFT ]] || bad XO-FULL-1 "no sentence says why: $END"
		equal XO-FULL-1 "SAs in the SAD after the refusal" \
			"$(count_sas local '.reqid == 250')" "$FILLED"
	else
		lack XO-FULL-1 "CAPACITY=$CAPACITY SAs were all taken: raise it to see the end"
	fi
	equal XO-FULL-2 "SAs on the device, of $FILLED" "$(fill_held)" "$FILLED"
	expect XO-FULL-2 "the flow that was there before goes on" pings "$n"

	fill_words $((FILLED - 1))
	tried "$XFRMCTL" state delete "${SA[@]}" || bad XO-FULL-3 "$COMMAND_TRIED: $SAID"
	expect XO-FULL-3 "after the deletion of one there is room for one" \
		within 5 fill_again $((FILLED - 1))
}

cycles()
{
	local i

	for ((i = 0; i < CYCLES; i++)); do
		fill_words "$i"
		tried "$XFRMCTL" state add "${WORDS[@]}" && in_table &&
			tried "$XFRMCTL" state delete "${SA[@]}" || {
			bad XO-CYC-1 "cycle $i of $CYCLES: $COMMAND_TRIED: $SAID"
			return 1
		}
		progress "$i" "$CYCLES" "SAs were added and deleted"
	done
	good XO-CYC-1 "$CYCLES SAs were added and deleted, one after the other"
}

group_capacity()
{
	local n=${#FLOWS[@]} first

	FILL_KIND=$(first_kinds | head -n 1)
	[[ $FILL_KIND == packet* ]] && FILL_SOFT='' || FILL_SOFT=yes
	fact "SAs tried at most (CAPACITY)" "$CAPACITY, $FILL_KIND"
	fact "cycles (CYCLES)" "$CYCLES"
	flows_of_kinds "$FILL_KIND" && pings "$n" ||
		{ WHY="${WHY:-the first flow does not work}"; return; }
	fill
	((FILLED > 0)) || { WHY="the first SA is refused: $END"; return; }
	first=$FILLED
	full "$n"
	fill_down
	cycles || return
	fill
	equal XO-CYC-1 "SAs that the table takes after that" "$(fill_held)" "$first"
	expect XO-CYC-1 "the flow that was there before goes on" pings "$n"
	fill_down
}
