#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the witness and the host said about one run of the story, for people.
# To be sourced after OUT is set to the folder of that run; witness.sh counts.

SELFTESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/../selftests/net/xfrm_offload" && pwd)
# shellcheck source=../selftests/net/xfrm_offload/lib/witness.sh
. "$SELFTESTS/lib/witness.sh"

fact() # KEY
{
	sed -n "s/^$1=//p" "$OUT/facts" | tail -n 1
}

seconds() { printf '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000)); } # MICROSECONDS

# Asks tshark, once per capture. Sets what the tables show, or WHY_NOT.
ask_the_witness()
{
	local CAPTURES=$OUT rekey before after nic back

	WHY_NOT="the story did not come to its end: see ${OUT#"$TOP"/}"
	[[ $(fact complete) == 1 ]] || return
	rekey=$(seconds "$(fact rekey_us)")
	before="frame.time_epoch < $rekey"
	after="frame.time_epoch >= $rekey"

	ask nic frame "$VERIFIED" "$UNVERIFIED" "$CLEARTEXT" || return
	read -r nic NIC_GOOD NIC_BAD NIC_CLEAR <<<"$ANSWER"
	ask back frame "$before && $VERIFIED" "$before && $UNVERIFIED" \
		"$before && $CLEARTEXT" "$after && $VERIFIED" \
		"$after && $UNVERIFIED" "$after && $CLEARTEXT" || return
	read -r back BACK_GOOD BACK_BAD BACK_CLEAR NEW_GOOD NEW_BAD NEW_CLEAR \
		<<<"$ANSWER"
	has_all nic "$nic" && has_all back "$back" || return
	IV_TWICE=$(repeated iv nic back) || return

	GOOD=$((NIC_GOOD + BACK_GOOD + NEW_GOOD))
	BAD=$((NIC_BAD + BACK_BAD + NEW_BAD))
	CLEAR=$((NIC_CLEAR + BACK_CLEAR + NEW_CLEAR))
}

ask() # CAPTURE FILTER...
{
	local why

	WHY_NOT="tshark cannot read ${OUT#"$TOP"/}/$1.pcap to its end: tell the story again"
	ANSWER=$(frames "$@") && [[ $ANSWER ]]
}

# tshark does not see where a file was cut between two frames; tcpdump counted.
has_all() # CAPTURE FRAMES
{
	local n

	n=$(sed -n 's/^\([0-9]*\) packets captured$/\1/p' "$OUT/tcpdump-$1.log")
	WHY_NOT="${OUT#"$TOP"/}/$1.pcap has ${2:-0} frames of the ${n:-unknown number} that tcpdump recorded: tell the story again"
	[[ $2 == "$n" ]]
}

# 1234567 as 1,234,567
thousands()
{
	local n=$1

	while [[ $n =~ ^([0-9]+)([0-9]{3})(.*)$ ]]; do
		n=${BASH_REMATCH[1]},${BASH_REMATCH[2]}${BASH_REMATCH[3]}
	done
	echo "$n"
}

witness_row() # TITLE VERIFIED FAILED CLEAR
{
	printf '   %-34s %13s %11s %10s\n' "$1" "$(thousands "$2")" \
		"$(thousands "$3")" "$(thousands "$4")"
}

witness_table()
{
	printf '   %-34s %13s %11s %10s\n' "frames on the wire, says tshark" \
		"ESP, ICV good" "ESP, failed" "cleartext"
	witness_row "cable between the NICs" "$NIC_GOOD" "$NIC_BAD" "$NIC_CLEAR"
	witness_row "fallback, until there are new SAs" \
		"$BACK_GOOD" "$BACK_BAD" "$BACK_CLEAR"
	witness_row "fallback, with the new SAs" \
		"$NEW_GOOD" "$NEW_BAD" "$NEW_CLEAR"
	echo
	printf '   %-34s %13s\n' "IVs used twice under one key" \
		"$(thousands "$IV_TWICE")"
}

# One line. Returns whether it is the good one.
verdict()
{
	if ((CLEAR + BAD + IV_TWICE > 0)); then
		echo "VERDICT: LEAK. $(thousands "$CLEAR") frames of the" \
		     "protected flow left in clear, $(thousands "$BAD") ESP" \
		     "frames failed, $(thousands "$IV_TWICE") IVs came twice."
		return 1
	fi
	if ((NIC_GOOD < 1000 || NEW_GOOD < 100)); then
		echo "VERDICT: NOT SHOWN. Nothing leaked, but only" \
		     "$(thousands "$NIC_GOOD") ESP frames came before the" \
		     "unplug and $(thousands "$NEW_GOOD") after the new SAs."
		return 1
	fi
	echo "VERDICT: no cleartext. $(thousands "$GOOD") ESP frames, each one" \
	     "verified by tshark; not one frame of the flow in clear."
}
