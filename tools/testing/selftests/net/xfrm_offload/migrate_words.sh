#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What else an SA is when it migrates: in UDP and out of it again (RFC 3948), with
# each kind of algorithm, under a security module that forbids it, to a place that
# is taken.

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/stress.sh" # its load

declare -r MOVES=${MOVES:-40}
declare -r VETO=/sys/kernel/debug/xfrm_veto

migrate() # HOST N out|in WORDS...
{
	local from=$1

	[[ $3 == out ]] || from=${PEER[$1]}
	find_sa "$from" "$2"
	QUIET=1 ctl "$1" state migrate "${SA[@]}" "${@:4}"
}

counters() # NAME
{
	echo $(($(xfrm_stat left "$1") + $(xfrm_stat right "$1")))
}

nothing_refused() # WHAT
{
	local name

	for name in XfrmInStateProtoError XfrmInStateSeqError XfrmInStateMismatch; do
		is "3: $1: $name" "$(counters "$name")" 0
	done
}

# --- algorithms ----------------------------------------------------------------------

# An IV comes from the sequence number, or, for CBC, from it and a secret (RFC 4106
# and 4543, section 3; RFC 7634, section 2; echainiv).
ALGORITHMS=(
	"rfc7539esp(chacha20,poly1305)"
	"rfc4543(gcm(aes))"
	"cbc(aes)"
)

# No traffic yet: the SAs of flow N, with another algorithm.
use_algorithm() # N NAME
{
	local host dir from key words

	for host in left right; do
		for dir in out in; do
			from=$host
			[[ $dir == out ]] || from=${PEER[$host]}
			find_sa "$from" "$1"
			key=${KEY:2}${KEY:2}
			case $2 in
			rfc7539*) words=(aead "$2" "0x${key:0:72}" 128) ;;
			rfc4543*) words=(aead "$2" "0x${key:0:40}" 128) ;;
			*) words=(auth-trunc 'hmac(sha256)' "0x${key:0:64}" 128
				  enc "$2" "0x${key:0:32}") ;;
			esac
			sa "$host" delete "$1" "$dir" || return
			find_sa "$from" "$1"
			ctl "$host" state add "${SA[@]}" reqid "$1" mode "$MODE" \
				replay-window 64 "${words[@]}" || return
		done
	done
}

# As it is, from software to software: it is another SA all the same.
moves() # N
{
	local i

	for ((i = 0; i < MOVES; i++)); do
		migrate left "$1" out to software &&
			migrate left "$1" in to software &&
			migrate right "$1" in to software || return
	done
}

algorithms()
{
	local name n=0

	for name in "${ALGORITHMS[@]}"; do
		flow_add tunnel v4 none && use_algorithm $((++n)) "$name" || {
			not_ok "$name: set-up"
			return
		}
	done
	# shellcheck disable=SC2046 # words, on purpose
	start flood-left left ready udp_flood 1 $(ends_of left right 1 2 3) &&
		start flood-right right ready udp_flood 1 \
			$(ends_of right left 1 2 3) && wait_traffic 100 || {
		not_ok "algorithms: traffic"
		return
	}
	n=0
	for name in "${ALGORITHMS[@]}"; do
		check "2: $name: $MOVES moves under load" moves $((++n))
	done
	stop flood-left
	stop flood-right
	n=0
	for name in "${ALGORITHMS[@]}"; do
		check "$name: the flow sends in the end" pings $((++n))
	done
	nothing_refused "algorithms"
}

# --- in UDP ------------------------------------------------------------------------

declare -r IN_UDP=(encap espinudp 4500 4500 0.0.0.0)

# Both ends of one SA.
both_ends() # N FROM WORDS...
{
	migrate "${PEER[$2]}" "$1" in "${@:3}" && migrate "$2" "$1" out "${@:3}"
}

in_and_out_of_udp()
{
	local n before

	# A keepalive belongs to an SA that is said to be outbound.
	flow_add tunnel v4 none && n=$((${#FLOWS[@]} - 1)) &&
		sa left delete "$n" out &&
		find_sa left "$n" &&
		ctl left state add "${SA[@]}" reqid "$n" mode tunnel dir out \
			aead 'rfc4106(gcm(aes))' "$KEY" 128 &&
		start natt-left left ready python3 "$LIB/sockets.py" natt &&
		start natt-right right ready python3 "$LIB/sockets.py" natt || {
		not_ok "NAT-T: set-up"
		return
	}
	check "NAT-T: the flow sends" pings "$n"
	check "NAT-T: into UDP, with a keepalive" migrate left "$n" out \
		"${IN_UDP[@]}" nat-keepalive-interval 1
	check "NAT-T: the peer too" migrate right "$n" in "${IN_UDP[@]}"
	check "NAT-T: and back" both_ends "$n" right "${IN_UDP[@]}"
	check "NAT-T: the flow sends in UDP" pings "$n"
	before=$(packets_by_nic)
	wait_for 10 at_least $((before + 3)) packets_by_nic
	check "NAT-T: out of it again" both_ends "$n" left no-encap
	check "NAT-T: and back, too" both_ends "$n" right no-encap
	check "NAT-T: the flow sends without" pings "$n"
	nothing_refused "NAT-T"
}

# --- refusals ---------------------------------------------------------------------

changes_nothing() # WHAT ERRNO-TEXT WORDS...
{
	local before

	before=$(all_there_is)
	check "$1: refused" refused migrate left "$OFFLOADED" out "${@:3}"
	note "$(tail -n 1 "$OUT/refused.log")"
	check "$1: the answer" grep -q "$2" "$OUT/refused.log"
	check "$1: nothing changed" test "$(all_there_is)" = "$before"
}

refusals()
{
	flow_add tunnel v4 packet || { not_ok "refusals: set-up"; return; }
	OFFLOADED=$((${#FLOWS[@]} - 1))
	find_sa left "$OFFLOADED"
	ctl left state add src 10.7.9.1 dst 10.7.9.2 proto esp spi "$SPI" reqid 99 \
		mode tunnel aead 'rfc4106(gcm(aes))' \
		0x0102030405060708090a0b0c0d0e0f1011121316 128 ||
		not_ok "refusals: another SA"
	changes_nothing "a place that is taken" "File exists\|Another SA" \
		new-dst 10.7.9.2
	changes_nothing "no such device" "no device\|No such device\|Cannot find" \
		offload packet dev nic9 dir out
	if [[ -w $VETO/deny ]]; then
		echo 1 >"$VETO/deny"
		changes_nothing "5: a security module forbids it" \
			"not permitted\|denied" to software
		echo 0 >"$VETO/deny"
	else
		skip "5: a security module forbids it" "needs xfrm_veto (CONFIG_SECURITY_XFRM_VETO)"
	fi
	check "then it migrates" migrate left "$OFFLOADED" out to software
}

tap_header
begin
need udp_flood
cables_up && capture_cable nic && hosts_up || skip_all "no capture"
algorithms
in_and_out_of_udp
refusals
hosts_down
check "the capture is whole" capture_end nic
read -ra counts < <(frames nic "$CLEARTEXT" esp "udp.port == 4500 && esp" \
	"udp.dstport == 4500 && udp.length == 9")
note "${counts[1]} ESP frames, ${counts[2]} of them in UDP; ${counts[3]} keepalives;" \
     "${counts[0]} in clear"
more_than "there was traffic" "${counts[1]}" 500
more_than "some of it in UDP" "${counts[2]}" 5
more_than "keepalives were sent" "${counts[3]}" 0
is "1: no frame in clear" "${counts[0]}" 0
is "2: no sequence number twice" "$(repeated sequence nic)" 0
finish
