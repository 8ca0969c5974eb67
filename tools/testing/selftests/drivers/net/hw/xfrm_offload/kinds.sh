#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Which kinds of SA the device takes: it is asked for each. What it refuses is
# not supported, and no failure.
#
# To be sourced.

declare -ra IN_UDP=(encap espinudp 4500 4500 0.0.0.0)

# Kinds that work in both directions: "packet transport v4". TAKES: with the
# direction, or an algorithm, or esn.
KINDS=()
declare -A TAKES=()

kind_words() # OFFLOAD MODE FAMILY DIR ALGORITHM: sets SA, ALGO and WORDS
{
	local spi=$((0x9000 + ++ASKED)) src dst

	if [[ $3 == v4 ]]; then
		src=198.18.0.250 dst=198.18.1.250
	else
		src=2001:2:0:1::250 dst=2001:2:0:2::250
	fi
	[[ $4 == out ]] || { local swap=$src; src=$dst dst=$swap; }
	algorithm_words "$5" "$spi"
	SA=(src "$src" dst "$dst" proto esp spi "$spi")
	WORDS=("${SA[@]}" mode "$2" replay-window 64 "${ALGO[@]}" "${@:6}")
	[[ $1 == none ]] || WORDS+=(offload "$1" dev "$NETIF" dir "$4")
}

# The driver's answer, for the report; TAKES if the SA is on the device.
ask() # NAME OFFLOAD MODE FAMILY DIR ALGORITHM [WORDS...]
{
	local name=$1 shown got=''

	kind_words "${@:2}"
	if ! tried ctl local state add "${WORDS[@]}"; then
		printf '%s\tno\t%s\n' "$name" "${SAID#xfrmctl: }" >>"$OUT/takes.tsv"
		# With a sentence of the driver, the kernel's word comes in brackets.
		if [[ $SAID == *')' ]]; then
			good XO-CAP-2 "$name: ${SAID#xfrmctl: }"
		else
			bad XO-CAP-2 "$name: xfrmctl ${COMMAND_TRIED#ctl local }: $SAID"
		fi
		return 1
	fi
	shown=$("$XFRMCTL" state get "${SA[@]}")
	[[ ! $shown =~ 'offload parameters: dev '([^ ]+)' dir '(in|out)' mode '([a-z]+) ]] ||
		got="${BASH_REMATCH[3]} ${BASH_REMATCH[2]} ${BASH_REMATCH[1]}"
	ctl local state delete "${SA[@]}"
	if [[ ! $got && $2 == crypto ]]; then
		printf '%s\tno\t%s\n' "$name" "it becomes an SA in software" >>"$OUT/takes.tsv"
		return 1
	fi
	printf '%s\tyes\t\n' "$name" >>"$OUT/takes.tsv"
	equal XO-ADD-1 "$name" "$got" "$2 $5 $NETIF"
	TAKES[$name]=1
}

ask_all()
{
	local offload mode family dir

	for offload in packet crypto; do
		for mode in transport tunnel; do
			for family in "${FAMILIES[@]}"; do
				for dir in out in; do
					ask "$offload $mode $family $dir" "$offload" "$mode" \
						"$family" "$dir" gcm-128
				done
				[[ ! ${TAKES[$offload $mode $family out]:-} ||
				   ! ${TAKES[$offload $mode $family in]:-} ]] ||
					KINDS+=("$offload $mode $family")
			done
		done
	done
}

# Algorithms, ESN and ESP in UDP, for the first kind of each offload.
ask_more()
{
	local offload mode family name

	while read -r offload mode family; do
		for name in "${ALGORITHM_NAMES[@]:1}"; do
			ask "$offload $name" "$offload" "$mode" "$family" out "$name"
		done
		ask "$offload esn" "$offload" "$mode" "$family" out gcm-128 flag esn
		ask "$offload in UDP" "$offload" "$mode" "$family" out gcm-128 \
			"${IN_UDP[@]}"
	done < <(first_kinds)
}

# One kind of each offload that there is.
first_kinds() { printf '%s\n' "${KINDS[@]}" | awk '$1 != last { print; last = $1 }'; }

has_kind() { printf '%s\n' "${KINDS[@]}" | grep -q "^$1 "; } # OFFLOAD
first_kind() { first_kinds | grep -m 1 "^$1 "; } # OFFLOAD

while_it_is_off()
{
	local offload mode family got

	if [[ $FEATURE == *fixed* ]]; then
		lack XO-CAP-3 "esp-hw-offload of $NETIF is fixed"
		return
	fi
	tried set_feature off ||
		{ lack XO-CAP-3 "esp-hw-offload cannot be switched off: $SAID"; return; }
	while read -r offload mode family; do
		kind_words "$offload" "$mode" "$family" out gcm-128
		if tried ctl local state add "${WORDS[@]}"; then
			got=$("$XFRMCTL" -j state get "${SA[@]}" |
				jq -r '.offload.mode // "software"')
			ctl local state delete "${SA[@]}"
			equal XO-CAP-3 "$offload offload, while it is off, is" "$got" "software"
		elif [[ $offload == packet ]]; then
			good XO-CAP-3 "$offload offload, while it is off: ${SAID#xfrmctl: }"
		else
			bad XO-CAP-3 "$offload offload, while it is off: $SAID"
		fi
	done < <(first_kinds)
	set_feature on || bad XO-CAP-3 "esp-hw-offload cannot be switched on again"
}

group_kinds()
{
	ASKED=0
	: >"$OUT/takes.tsv"
	ask_all
	note "taken: ${#KINDS[@]} kinds of SA"
	if ((${#KINDS[@]} == 0)); then
		bad XO-CAP-1 "every kind was refused, the last one with: $SAID"
		lack_all "no kind of SA is taken" XO-ADD-1 XO-CAP-3
		return
	fi
	good XO-CAP-1 "$(printf '%s, ' "${KINDS[@]}")with AES-GCM-128 and an ICV of 128 bits"
	ask_more
	while_it_is_off
	[[ ${BADS[XO-CAP-2]:-} || ${GOODS[XO-CAP-2]:-} ]] ||
		lack XO-CAP-2 "the device refused nothing that it was asked for"
}
