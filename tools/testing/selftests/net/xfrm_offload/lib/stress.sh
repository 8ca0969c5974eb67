#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Races: left's NIC is taken away and given back, again and again, for causes
# drawn at random, while traffic runs both ways and while xfrm_churn changes SAs
# and policies from several threads. In a round the hosts are set up, the NIC is
# struck a few times, and in the end it, or the whole netns, goes for good.
#
# To be sourced. Reads from the environment:
#	SEED	of all that is drawn here and in the programs; printed, so that a
#		failure can be provoked again
#	ROUNDS	how many; 4, or 1 where an emulated CPU takes minutes for each
#	STRIKES	how often the NIC is taken away in a round; 4, or 2 there

. "$LIB/trace.sh"

SEED=${SEED:-$((${EPOCHREALTIME/./} % 1000000))}
ROUNDS=${ROUNDS:-$((${LAB_SLOW:-1} > 1 ? 1 : 4))}
declare -r STRIKES=${STRIKES:-$((${LAB_SLOW:-1} > 1 ? 2 : 4))}

# One batch of rounds shares a capture, and with it the numbers of SPIs: 8 bits
# for the flows of flows.sh.
declare -r ROUNDS_OF_A_BATCH=16

# What a round's flows are: each way of offload, mode and family meets.
declare -r ROUND_FLOWS=("transport v4 packet" "tunnel v6 packet"
	"transport v6 crypto" "tunnel v4 crypto" "tunnel v4 packet")

# --- dice --------------------------------------------------------------------

# Sets DRAWN.
draw() { DRAWN=$((RANDOM % $1)); } # SIDES
draw_of() { DRAWN=${*:RANDOM % $# + 1:1}; } # WORD...

# Up to that many milliseconds. Not by look_again: that is too coarse.
idle() # MS
{
	local ms

	draw "$1"
	printf -v ms '0.%03d' "$DRAWN"
	read -rt "$ms" -u "$NEVER" || :
}

# --- load ----------------------------------------------------------------------

# Flow N as xfrm_churn wants it.
churn_flow() # N
{
	local spi

	find_sa left "$1"
	spi=$SPI
	find_sa right "$1"
	echo "$MODE,$ADDR_left,$ADDR_right,$END_left,$END_right,$1,$OFFLOAD_left,$spi,$SPI"
}

ends_of() # FROM TO FLOW...
{
	local n src=ADDR_$1 dst=ADDR_$2

	for n in "${@:3}"; do
		flow "$n"
		echo "${!src},${!dst}"
	done
}

# CHURN_WORDS: more words of xfrm_churn.
load_start() # ROUND
{
	local n churned=() numbers

	mapfile -t numbers < <(flow_numbers)
	for n in "${numbers[@]}"; do
		churned+=("$(churn_flow "$n")")
	done
	# shellcheck disable=SC2046,SC2086 # words, on purpose
	start churn left ready xfrm_churn -s "$SEED$1" -n $((0x100000 * $1)) \
		-k "$OUT/esp_sa" ${CHURN_WORDS:-} "${churned[@]}" &&
		start flood-left left ready udp_flood "$SEED$1" \
			$(ends_of left right "${numbers[@]}") &&
		start flood-right right ready udp_flood "$SEED$1" \
			$(ends_of right left "${numbers[@]}")
}

# What the load did goes to load.log, a line each: name, done, refused.
load_stop()
{
	stop flood-left
	stop flood-right
	stop churn
	cat "$OUT/churn.log" "$OUT/flood-left.log" >>"$OUT/load.log"
}

# --- strikes -------------------------------------------------------------------

# A second cause on the heels of the first, or at the same time.
strike() # CAUSE [CAUSE]
{
	local pid=

	if [[ ${2:-} ]]; then
		(QUIET=1 take_away "$2" >/dev/null 2>&1) &
		pid=$!
	fi
	take_away "$1" >>"$OUT/strikes.log" 2>&1
	[[ ! $pid ]] || wait "$pid"
	return 0
}

# The NIC was struck under traffic, where there is some: the churn may have left
# no SA for it. A moment, not a condition.
traffic_came() { ((${ROUND_TRAFFIC:=0} < $(packets_by_nic))); }

nic_is_back() { give_back "$1" >>"$OUT/strikes.log" 2>&1; } # CAUSE

strikes()
{
	local i cause second

	for ((i = 0; i < STRIKES; i++)); do
		ROUND_TRAFFIC=$(($(packets_by_nic) + 20))
		within 3 traffic_came
		idle 300
		draw_of "${CAUSES[@]}"
		cause=$DRAWN second=
		draw 3
		((DRAWN)) || { draw_of down feature broken && second=$DRAWN; }
		STORY+=" $cause${second:++$second}"
		before_strike
		strike "$cause" $second
		idle 200
		nic_is_back "$cause" || {
			note "the NIC did not come back after $cause:"
			sed 's/^/#   /' "$OUT/strikes.log"
			return 1
		}
	done
}

# A NIC that takes its time for one thing: what else happens then? A test
# that sources this may add more.
before_strike()
{
	nic_exists left || return
	nic_fault left delay_ms 0
	draw 2
	((DRAWN)) || return 0
	draw_of unbind delete free
	STORY+=" (slow $DRAWN)"
	nic_fault left delay_target "$DRAWN"
	nic_fault left delay_ms 40
}

last_strike()
{
	draw 2
	if ((DRAWN)); then
		STORY+=" netns-exit"
		ip netns del left
		load_stop
		wait_for 20 left_moved
		nic_del left
	else
		STORY+=" delete"
		nic_del left
		idle 200
		load_stop
	fi
}

nothing_holds_the_device()
{
	[[ -e /run/netns/left ]] || return 0
	[[ $(sad left | jq '[.[] | select(.offload)] | length') == 0 &&
	   $(spd left | jq '[.[] | select(.offload)] | length') == 0 ]]
}

books_balance()
{
	local name

	wait_for 20 torn_down
	for name in state policy; do
		((CALLS[${name}_add] == CALLS[${name}_delete] &&
		  CALLS[${name}_add] == CALLS[${name}_free])) || break
	done && ((CALLS[violations] == 0)) && {
		note "the NIC took ${CALLS[state_add]} SAs and ${CALLS[policy_add]} policies," \
			"and lost each of them once"
		return
	}
	for name in "${!CALLS[@]}"; do
		note "$name ${CALLS[$name]}"
	done
	return 1
}

round_set_up() # NUMBER
{
	local words

	hosts_up || return
	for words in "${ROUND_FLOWS[@]}"; do
		# shellcheck disable=SC2086 # words, on purpose
		flow_add $words || return
	done
	load_start "$1"
}

round() # NUMBER
{
	STORY=
	if round_set_up "$1"; then
		strikes || not_ok "round $1:$STORY: the NIC comes back"
		last_strike
		note "round $1:$STORY"
		check "4: round $1: what the NIC was given, it lost once" books_balance
		check "4: round $1: no SA or policy names the device" nothing_holds_the_device
	else
		not_ok "round $1: set-up"
	fi
	hosts_down
	steps_judged "round $1"
}

# --- judgement -------------------------------------------------------------------

# tshark looks through all its keys for each packet. So it gets those of the SAs
# that sent any, the busiest first.
keys_of_captures() # NAME...
{
	local name

	for name; do
		tcpdump -t -n -r "$CAPTURES/$name.pcap" 2>/dev/null
	done | sed -nE 's/.*spi=0x0*([0-9a-f]+).*/0x\1/p' | awk '
		NR == FNR { seen[$1]++; next }
		{ split($0, word, "\""); print seen[word[8]] + 0, $0 }' \
		- "$OUT/esp_sa" | sort -rn | sed -n '/^0 /!s/^[0-9]* //p' >"$SCRATCH/keys"
	mv "$SCRATCH/keys" "$OUT/esp_sa"
}

judge() # BATCH: of captures
{
	local nic back

	check "the capture by the NIC is whole" capture_end "nic$1"
	check "the capture by back0 is whole" capture_end "back$1"
	keys_of_captures "nic$1" "back$1"
	read -ra nic < <(frames "nic$1" "$VERIFIED" "$CLEARTEXT" "$UNVERIFIED")
	read -ra back < <(frames "back$1" "$VERIFIED" "$CLEARTEXT" "$UNVERIFIED")
	note "by the NIC: ${nic[0]} verified, ${nic[1]} in clear, ${nic[2]} failed;" \
	     "by back0: ${back[0]} verified, ${back[1]} in clear, ${back[2]} failed"
	more_than "there was traffic" "${nic[0]}" 100
	is "1: no frame in clear by the NIC" "${nic[1]}" 0
	is "1: no frame in clear by back0" "${back[1]}" 0
	is "1: no ESP frame that fails" $((nic[2] + back[2])) 0
	is "2: no IV twice" "$(repeated iv "nic$1" "back$1")" 0
	check "2: no IV twice, says esp_pairs" no_pair_twice "nic$1" "back$1"
	is "2: no sequence number twice" "$(repeated sequence "nic$1" "back$1")" 0
}

declare -r KMEMLEAK=/sys/kernel/debug/kmemleak

# Twice, as a pointer may be on its way; and it looks at what is 5 s old only.
nothing_leaks()
{
	local i

	for i in 1 2; do
		read -rt 6 -u "$NEVER" || :
		echo scan >"$KMEMLEAK"
	done
	! grep -qE 'xfrm|nsim|esp[46]?_|bundle' "$KMEMLEAK" && return
	sed 's/^/#   /' "$KMEMLEAK" | head -n 120
	return 1
}

# It scans when it is told to: by itself it would take a CPU for minutes where that
# is emulated.
leaks_begin()
{
	LEAKS=
	{ echo scan=off >"$KMEMLEAK" && echo clear >"$KMEMLEAK"; } 2>/dev/null &&
		LEAKS=looked-for
}

leaks_end()
{
	if [[ $LEAKS ]]; then
		check "4: kmemleak finds nothing" nothing_leaks
	else
		skip "4: kmemleak finds nothing" \
			"needs CONFIG_DEBUG_KMEMLEAK, and kmemleak=on for the kernel"
	fi
}

# --- all of it -----------------------------------------------------------------------

stress() # NAME
{
	local number=0 batch=0

	need xfrm_churn udp_flood
	note "seed $SEED, $ROUNDS rounds; once more: make test-smp T=$1 SEED=$SEED ROUNDS=$ROUNDS"
	RANDOM=$((SEED % 32768))
	steps_begin
	leaks_begin
	while ((number < ROUNDS)); do
		FLOWS=("")
		rm -f "$OUT/esp_sa"
		cables_up && capture_cable "nic$((++batch))" && capture_patch "back$batch" ||
			skip_all "no capture"
		until ((number == ROUNDS)); do
			round $((++number))
			((number % ROUNDS_OF_A_BATCH)) || break
		done
		judge "$batch"
		all_down
	done
	awk '{ did[$1] += $2; refused[$1] += $3 }
	     END { for (deed in did)
		printf "# %s: %d done, %d refused\n", deed, did[deed], refused[deed] }' \
		<(grep -E '^[a-z-]+ [0-9]+ [0-9]+$' "$OUT/load.log") | sort
	leaks_end
}
