#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariants 2 and 3: an SA goes from software to the NIC and back, again and again
# under load, and no IV leaves twice; one that lost its NIC goes on in software
# without a rekey. And whatever is refused changes nothing.

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/stress.sh" # its load
. "$LIB/specs.sh"

declare -r MOVES=${MOVES:-1000}

migrate() # HOST N out|in WORDS...
{
	local from=$1

	[[ $3 == out ]] || from=${PEER[$1]}
	find_sa "$from" "$2"
	ctl "$1" state migrate "${SA[@]}" "${@:4}"
}

# The words of the SA of flow N, as JSON.
sa_now() # HOST N out|in
{
	local from=$1

	[[ $3 == out ]] || from=${PEER[$1]}
	find_sa "$from" "$2"
	on "$1" "$XFRMCTL" -j state get "${SA[@]}"
}

sa_is() # HOST N out|in JQ-CONDITION
{
	local now

	now=$(sa_now "${@:1:3}") && jq -e "$4" >/dev/null <<<"$now" && return
	jq -c 'del(.aead)' <<<"$now" | sed 's/^/#   /'
	return 1
}

# --- to and fro ----------------------------------------------------------------

# Flows whose SAs are migrated: crypto offload, or packet offload with its policy.
CRYPTO=(1 2)
PACKET=3
INBOUND=4

to_and_fro() # N out|in
{
	QUIET=1 migrate left "$1" "$2" to software &&
		QUIET=1 migrate left "$1" "$2" offload crypto dev nic0 dir "$2"
}

# A policy that offloads packets finds no SA in software: it goes along.
to_and_fro_with_policy() # N
{
	QUIET=1 migrate left "$1" out to software &&
		QUIET=1 policy left update "$1" out none &&
		QUIET=1 migrate left "$1" out offload packet dev nic0 dir out &&
		QUIET=1 policy left update "$1" out packet
}

# The numbers go along to and fro: nothing is told that would start again.
moves()
{
	local i n

	for ((i = 0; i < MOVES / 8; i++)); do
		for n in "${CRYPTO[@]}"; do
			to_and_fro "$n" out || return
		done
		to_and_fro "$INBOUND" in || return
		to_and_fro_with_policy "$PACKET" || return
		((i % 25)) || note "$((i * 8)) of $MOVES moves"
	done
}

# Each has sent in the end, from where it is.
all_flow()
{
	local n

	for n in "${CRYPTO[@]}" "$PACKET" "$INBOUND"; do
		check "2: flow $n carries packets in the end" pings "$n"
	done
}

# A policy that offloads packets asks for an SA of its device.
end_of() # N
{
	flow "$1"
	echo "$END_right"
}

under_load()
{
	local seed=${SEED:-1}

	# shellcheck disable=SC2046 # words, on purpose
	start flood-left left ready udp_flood "$seed" \
		$(ends_of left right $(flow_numbers)) &&
		start flood-right right ready udp_flood "$seed" \
			$(ends_of right left $(flow_numbers)) || return
	listen left acquire || return
	# A while in which packets look for the SA.
	nic_fault left delay_target unbind
	nic_fault left delay_ms 300
	check "2: a NIC that is slow to stop" to_and_fro "${CRYPTO[0]}" out
	nic_fault left delay_ms 0
	check "2: $MOVES moves under load" moves
	is "no key manager is asked for an SA that moves" \
		"$(heard_count ".event == \"acquire\" and .dst != \"$(end_of "$PACKET")\"")" 0
	stop monitor
	stop flood-left
	stop flood-right
}

no_replays()
{
	is "3: no sequence number comes twice, none is taken for old" \
		"$(($(xfrm_stat left XfrmInStateSeqError) +
		    $(xfrm_stat right XfrmInStateSeqError)))" 0
}

# --- one SA, closely -------------------------------------------------------------

sent_by() # N
{
	sa_now left "$1" out | jq '.replay.oseq'
}

goes_on_where_it_stopped()
{
	local before

	check "the flow sends" pings "$PACKET"
	before=$(sent_by "$PACKET")
	listen left migrate
	check "migrate to software" migrate left "$PACKET" out to software
	check "it is valid and in software" sa_is left "$PACKET" out \
		'.state == "valid" and (.offload | not) and (.invalid | not)'
	more_than "2: it goes on after the NIC's last number" \
		"$(sent_by "$PACKET")" $((before - 1))
	check "the listeners hear of it" wait_for 5 at_least 1 heard_count \
		'.event == "migrate-sa" and .new_reqid == '"$PACKET"' and (.offload | not)'
	check "and back" migrate left "$PACKET" out offload packet dev nic0 dir out
	check "it is on the NIC" sa_is left "$PACKET" out \
		'.state == "valid" and .offload.dev == "nic0" and .offload.mode == "packet"'
	check "the listeners hear of that" wait_for 5 at_least 1 heard_count \
		'.event == "migrate-sa" and .offload.dev == "nic0"'
	stop monitor
	check "the flow sends again" pings "$PACKET"
}

# --- a software policy that names an SA on the NIC

# What strongSwan does where it may use hardware, and the NIC refuses the policy: it adds
# the policy in software, and never looks at the SA again.
named_policy() # add|update [WORDS...]
{
	find_sa left "$PACKET"
	# shellcheck disable=SC2086 # words, on purpose
	ctl left policy "$1" src "$ADDR_left/$PREFIX" dst "$ADDR_right/$PREFIX" \
		${UPSPEC:-} dir out priority 100 "${@:2}" \
		tmpl "${SA[@]}" reqid "$PACKET" mode "$MODE" level required
}

on_nic() { sa_is left "$PACKET" out '.state == "valid" and .offload.mode == "packet"'; }

# The policies of the flow, by protocol: which are on the NIC.
offloaded_policies()
{
	spd left | jq -c '[.[] | select(.dir == "out" and (.tmpls[]?.reqid == '"$PACKET"')) |
		[.proto // "any", .offload.dev // "no"]] | sort'
}

follows_its_policy()
{
	local before

	UPSPEC='proto udp' named_policy add offload packet dev nic0 || return
	note "$(offloaded_policies)"
	before=$(sent_by "$PACKET")
	check "2: a policy that is there is refused" refused named_policy add
	check "2: and leaves the SA on the NIC" on_nic
	listen left sa
	check "2: a software policy names the SA" named_policy update
	check "2: the SA is in software, too" sa_is left "$PACKET" out \
		'.state == "valid" and (.offload | not) and (.invalid | not)'
	check "2: the listeners hear of it" wait_for 5 at_least 1 heard_count \
		'.event == "update-sa" and (.sa.offload | not)'
	stop monitor
	is "2: the other policy that names it is in software, too" \
		"$(offloaded_policies | grep -c nic0)" 0
	UPSPEC='proto udp' policy left delete "$PACKET" out
	check "2: and the flow sends" pings "$PACKET"
	more_than "2: after the NIC's last number" "$(sent_by "$PACKET")" "$before"
	check "2: an offloaded policy that names an SA in software is refused" \
		refused named_policy update offload packet dev nic0
	check "and back" migrate left "$PACKET" out offload packet dev nic0 dir out
	check "and back, the policy" policy left update "$PACKET" out
	check "2: it is on the NIC" on_nic
	check "the flow sends" pings "$PACKET"
}

# What a daemon does that knows no migration: it reads the SA, deletes it, and adds
# it with what it has read. Packets go on meanwhile.
copy_sa() # N out|in
{
	local number=oseq read

	[[ $2 == out ]] || number=seq
	read=$(sa_now left "$1" "$2" | jq ".replay.$number")
	sa left delete "$1" "$2" && SA_WORDS="replay-$number $read" sa left add "$1" "$2"
}

copies()
{
	local dir i

	ping_flow "$PACKET" || return
	for dir in out in; do
		for i in 1 2 3 4; do
			wait_traffic 20 || return
			copy_sa "$PACKET" "$dir" || return
		done
	done
	wait_traffic 20 || return
	stop "ping-$PACKET"
}

copies_of_a_key()
{
	local before

	more_than "14: what is read of a live SA is the NIC's number" \
		"$(sent_by "$PACKET")" 0
	check "2: SAs that are read, deleted and added under load" copies
	check "the flow sends" pings "$PACKET"
	find_sa left "$PACKET"
	check "2: the key at another address is refused" refused ctl left state add \
		"${SA[@]/$END_right/10.9.0.77}" mode tunnel replay-window 64 "${ALGO[@]}"
	note "$(tail -n 1 "$OUT/refused.log")"

	# Without a word about numbers, and into software.
	before=$(sa_now left "$PACKET" in | jq .replay.seq)
	sa left delete "$PACKET" in && sa left add "$PACKET" in || return
	more_than "3: inbound its window is behind the NIC's last number" \
		"$(sa_now left "$PACKET" in | jq .replay.seq)" $((before - 1))
	before=$(sent_by "$PACKET")
	sa left delete "$PACKET" out && sa left add "$PACKET" out 0 none || return
	more_than "2: in software it goes on behind the NIC's last number" \
		"$(sent_by "$PACKET")" $((before - 1))
	sa left delete "$PACKET" out && sa left add "$PACKET" out || return
	check "the flow sends" pings "$PACKET"
}

# Addresses, reqid, marks, encapsulation: what is not said stays.
other_words()
{
	ctl left state add src 10.7.0.1 dst 10.7.0.2 proto esp spi 0x7001 \
		reqid 70 mode tunnel dir out replay-oseq 41 mark 7 mask 255 \
		aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128 ||
		return
	check "the mark has to be the SA's" refused ctl left state migrate \
		dst 10.7.0.2 proto esp spi 0x7001 new-dst 10.7.0.3
	check "to other addresses" ctl left state migrate dst 10.7.0.2 proto esp \
		spi 0x7001 mark 7 mask 255 new-src 10.7.0.4 new-dst 10.7.0.3 \
		new-reqid 71 encap espinudp 4500 4500 0.0.0.0 \
		nat-keepalive-interval 20
	is "it is there once, with all that was not said" \
		"$(sad left | jq -c '[.[] | select(.spi == 28673) | [.src, .dst, .reqid,
			.replay.oseq, .encap.sport, .nat_keepalive, .mark.value]]')" \
		'[["10.7.0.4","10.7.0.3",71,41,4500,20,"0x7"]]'
	check "without encapsulation there is no keepalive" ctl left state migrate \
		dst 10.7.0.3 proto esp spi 0x7001 mark 7 mask 255 no-encap
	is "both are gone" "$(sad left | jq -c '[.[] | select(.spi == 28673) |
		[(.encap | not), (.nat_keepalive | not)]]')" '[[true,true]]'
	check "keepalive needs an encapsulation" refused ctl left state migrate \
		dst 10.7.0.3 proto esp spi 0x7001 mark 7 mask 255 \
		nat-keepalive-interval 20
	check "another mark" ctl left state migrate dst 10.7.0.3 proto esp \
		spi 0x7001 mark 7 mask 255 new-mark 8 mask 255
	check "delete by that" ctl left state delete dst 10.7.0.3 proto esp \
		spi 0x7001 mark 8 mask 255
}

# --- refusals -----------------------------------------------------------------------

changes_nothing() # WHAT WORDS...
{
	local before

	before=$(all_there_is)
	check "$1: refused" refused migrate left "$PACKET" out "${@:2}"
	note "$(tail -n 1 "$OUT/refused.log")"
	check "$1: nothing changed" test "$(all_there_is)" = "$before"
}

refusals()
{
	find_sa left 2
	changes_nothing "target taken" new-dst "$END_right" new-src "$END_left" \
		mark 1
	changes_nothing "a device without IPsec" offload packet dev lo dir out
	changes_nothing "the other direction" offload packet dev nic0 dir in
	changes_nothing "keepalive without encapsulation" nat-keepalive-interval 5
	changes_nothing "a mapping threshold without encapsulation" \
		mapping-threshold 5
	changes_nothing "a selector that is not host to host" update-h2h-sel
}

# --- what no tool would send ------------------------------------------------------------

# Prints "error EINVAL ..." or null.
asked() # FIELDS
{
	ynl ask migrate-state "$(jq -c ". + {$1}" <<<"$REQUEST")"
}

# Bytes that no message of this type has.
raw() { on left python3 "$LIB/migrate_raw.py" 10.8.0.2 0x8001 "$@"; } # WORDS...

answers() # WHAT REGEX COMMAND...
{
	local before said

	before=$(all_there_is)
	said=$("${@:3}")
	said=${said#error }
	note "$1: $said"
	check "$1: $2" grep -qE "^$2" <<<"$said"
	check "$1: nothing changed" test "$(all_there_is)" = "$before"
}

well_formed()
{
	local to from

	to=$(ynl_address 10.8.0.2) from=$(ynl_address 10.8.0.1)
	REQUEST=$(jq -nc --arg to "$to" --arg from "$from" '{id: {daddr: $to,
		spi: 32769, family: 2, proto: 50}, "new-daddr": $to,
		"new-saddr": $from, "new-family": 2, "new-reqid": 1}')
	answers "no such SA" ESRCH asked "id: (.id + {spi: 32770})"
	answers "an unknown flag" "EINVAL Unknown flags: 0x4$" asked "flags: 5"
	answers "the reserved field" "EINVAL The reserved" asked "reserved: 1"
	answers "a family" "EINVAL new_family" asked '"new-family": 7'
	answers "an attribute of another message" "EINVAL ..* \.tmpl$" \
		asked 'tmpl: "00000000"'
	answers "keys" "EINVAL ..* \.alg-aead$" \
		asked '"alg-aead": "0000000000000000"'
	answers "a short mark" "ERANGE ..* \.mark$" asked 'mark: "00000000"'
	answers "a long mark" "ERANGE ..* \.mark$" \
		asked 'mark: "000000000000000000000000"'
	answers "CLEAR_OFFLOAD with a device" "EINVAL CLEAR_OFFLOAD contradicts" \
		asked 'flags: ["clear-offload"], "offload-dev": {ifindex: 1}'
	answers "an output mark's mask alone" "EINVAL XFRMA_SET_MARK_MASK needs" \
		asked '"set-mark-mask": 4294967295'
	answers "an encapsulation" "EINVAL Unknown encapsulation: 9 \.encap$" \
		asked 'encap: {"encap-type": 9, "encap-sport": 4500, "encap-dport": 4500}'
	is "what is right is done" "$(asked '"new-reqid": 81')" null
	is "and is there" "$(count_sas left '.spi == 32769 and .reqid == 81')" 1
}

by_hand()
{
	ctl left state add src 10.8.0.1 dst 10.8.0.2 proto esp spi 0x8001 reqid 80 \
		mode tunnel aead 'rfc4106(gcm(aes))' \
		0x0102030405060708090a0b0c0d0e0f1011121315 128 || return
	answers "a short header" EINVAL raw short=4
	answers "an attribute in the gap" "EINVAL ." raw attr=40:00000000
	answers "an attribute beyond the highest" "EINVAL No such attribute: 99$" \
		raw attr=99:00000000
	answers "bytes at the end" "EINVAL Bytes after" raw tail=0102
	if find_ynl && ynl_start left; then
		well_formed
	else
		skip "what is well-formed" "needs ynl of the kernel's tree, and python3-yaml"
	fi
	ctl left state delete dst 10.8.0.2 proto esp spi 0x8001
}

# --- what the NIC may do ---------------------------------------------------------------

# A NIC that does not say where it stopped, refuses to stop, or is not there any
# more: no number is known, and none is made up.
silent() # FAULT GENERATION
{
	local fault=$1 gen=$2

	nic_fault left "$fault" 1
	check "2: $fault: refused" refused migrate_now "$PACKET" $((gen - 1)) to software
	note "$(tail -n 1 "$OUT/refused.log")"
	nic_fault left "$fault" 0
	check "2: $fault: the SA is INVALID, not exact" silent_is "$PACKET" $((gen - 1))
	check "2: $fault: and cannot be carried on" \
		refused migrate_now "$PACKET" $((gen - 1)) to software
	remember_key left "$PACKET" "$gen"
	check "2: $fault: nor be added again" same_key_is_invalid "$PACKET" $((gen - 1))
	check "$fault: a new one can" sa left add "$PACKET" out "$gen"
	sa right add "$PACKET" in "$gen" && sa left delete "$PACKET" out $((gen - 1)) ||
		return
	check "$fault: the flow sends" pings "$PACKET"
}

# SAs of later generations.
migrate_now() # N GENERATION WORDS...
{
	find_sa left "$1" "$2"
	ctl left state migrate "${SA[@]}" "${@:3}"
}

# It answers 0, and the SA that comes up has to be rekeyed.
same_key_is_invalid() # N GENERATION
{
	listen left expire
	sa left delete "$1" out "$2" && sa left add "$1" out "$2" none || return
	wait_for 5 at_least 1 heard_count '.sa.invalid.reason == "key-unknown"' || return
	stop monitor
	find_sa left "$1" "$2"
	on left "$XFRMCTL" -j state get "${SA[@]}" | jq -e '.state == "invalid" and
		.invalid.reason == "key-unknown" and (.replay | not)' >/dev/null
}

silent_is() # N GENERATION
{
	find_sa left "$1" "$2"
	on left "$XFRMCTL" -j state get "${SA[@]}" | jq -e '.state == "invalid" and
		.invalid.reason == "migrated" and (.invalid.counters_exact | not)' >/dev/null
}

no_counters()
{
	silent no_counters 1
	silent fail_unbind 2
	silent vanish 3
}

new_device_refuses()
{
	local n=${CRYPTO[0]}

	migrate left "$n" out to software || return
	nic_fault left refuse_add 1
	check "2: the new device refuses" refused migrate left "$n" out \
		offload crypto dev nic0 dir out
	note "$(tail -n 1 "$OUT/refused.log")"
	nic_fault left refuse_add 0
	check "2: the SA is INVALID and exact" sa_is left "$n" out \
		'.state == "invalid" and .invalid.reason == "migrated" and .invalid.counters_exact'
	check "2: it is carried on" migrate left "$n" out to software
	check "the flow sends" pings "$n"
}

# What an unplugged NIC said last is enough: no IKE.
rescue()
{
	local n

	take_away delete
	nic_route_del right
	for n in "${CRYPTO[@]}"; do
		check "2: flow $n is carried on without the NIC" \
			rescued "$n"
		check "flow $n sends by the other way" pings "$n"
	done
}

# One that was in software has lost nothing.
rescued() # N
{
	local dir

	for dir in out in; do
		sa_is left "$1" "$dir" '.invalid | not' 2>/dev/null >&2 ||
			migrate left "$1" "$dir" to software || return
	done
}

tap_header
begin
need udp_flood
cables_up && capture_cable nic && capture_patch back && hosts_up ||
	skip_all "no capture"
flow_add tunnel v4 crypto && flow_add transport v6 crypto &&
	flow_add tunnel v6 packet && flow_add tunnel v4 crypto ||
	skip_all "the flows cannot be set up"
goes_on_where_it_stopped
follows_its_policy
copies_of_a_key
refusals
by_hand
other_words
under_load
all_flow
no_replays
no_counters
new_device_refuses
rescue
hosts_down
check "the capture by the NIC is whole" capture_end nic
check "the capture by back0 is whole" capture_end back
read -ra BY_NIC < <(frames nic "$VERIFIED" "$CLEARTEXT" "$UNVERIFIED")
read -ra BY_BACK < <(frames back "$VERIFIED" "$CLEARTEXT" "$UNVERIFIED")
note "by the NIC: ${BY_NIC[0]} verified, ${BY_NIC[1]} in clear, ${BY_NIC[2]} failed;" \
     "by back0: ${BY_BACK[0]} verified, ${BY_BACK[1]} in clear, ${BY_BACK[2]} failed"
more_than "there was traffic" "${BY_NIC[0]}" 1000
is "1: no frame in clear" $((BY_NIC[1] + BY_BACK[1])) 0
is "2: no ESP frame that fails" $((BY_NIC[2] + BY_BACK[2])) 0
is "2: no IV twice" "$(repeated iv nic back)" 0
check "2: no IV twice, says esp_pairs" no_pair_twice nic back
check "which sees what comes twice" refused no_pair_twice nic "nic"
is "2: no sequence number twice" "$(repeated sequence nic back)" 0
finish
