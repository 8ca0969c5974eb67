#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What an INVALID SA looks like on the wire, byte by byte: in a dump, in the
# answer to XFRM_MSG_GETSA and in XFRM_MSG_EXPIRE; for 64-bit programs and, where
# the kernel translates, for 32-bit ones.

. "$(dirname "$0")/lib/lib.sh"

declare -r EXTRA_FLAGS=24 OFFLOAD_DEV=28 INVALID=64
declare -r NEWSA=16 EXPIRE=24 MIGRATE_STATE=41
declare -r EINVAL=22 EOPNOTSUPP=95

# 32 bits, as this machine has them in memory.
u32() # NUMBER
{
	local be

	printf -v be '%08x' "$1"
	echo "${be:6:2}${be:4:2}${be:2:2}${be:0:2}"
}

# Two 16-bit numbers, likewise: the head of an attribute.
head_of() # LENGTH TYPE
{
	u32 $(($2 << 16 | $1))
}

# The one line that XFRMA_INVALID has to be. nic0, with its zero, takes 5 bytes.
invalid_line() # REASON IFINDEX exact|not
{
	local bytes length=36

	bytes=$(head_of 8 1)$(u32 "$1")
	bytes+=$(head_of 8 2)$(u32 "$2")
	bytes+=$(head_of 9 3)6e69633000000000
	[[ $3 == exact ]] && bytes+=$(head_of 4 4) || length=32
	echo "attr $INVALID nla_type 0x8040 length $length: $bytes"
}

# How the lines of one attribute read in a file, once each.
lines_of() # FILE ATTRIBUTE
{
	grep "^attr $2 " "$OUT/$1" | sort | uniq -c | sed -E 's/^ +//'
}

# XFRMA_INVALID ends with the time, aligned to 8 bytes by an attribute without any where
# that is needed.
PAD=$(head_of 4 5)
SINCE=$(head_of 12 6)
readonly PAD SINCE

# Likewise, without the time.
invalid_lines_of() # FILE
{
	lines_of "$1" $INVALID | sed -E "s/($PAD)?${SINCE}[0-9a-f]{16}$//" |
		awk '{ $7 = length($NF) / 2 + 4 ":"; print }' | sort -k 2 |
		awk '{ n = $1; $1 = ""; count[$0] += n }
			END { for (line in count) print count[line] line }' | sort -k 2
}

# When they all became INVALID.
times_are_told() # FILE
{
	local time count=0

	while read -r time; do
		((time >= BEFORE && time <= EPOCHSECONDS)) || return
		((++count))
	done < <(sed -nE "s/^attr $INVALID .*${SINCE}([0-9a-f]{16})$/\\1/p" "$OUT/$1" |
		sed -E 's/(..)(..)(..)(..)(..)(..)(..)(..)/0x\8\7\6\5\4\3\2\1/')
	((count == $(grep -c "^attr $INVALID " "$OUT/$1")))
}

# Flows 1 and 3 are crypto offload: software has their counters. The NIC cannot
# tell those of flow 2.
check_messages() # BITS PROGRAM HEADER-OF-NEWSA HEADER-OF-EXPIRE
{
	local bits=$1 program=$2 exact not

	exact=$(invalid_line 2 "$IFINDEX" exact)
	not=$(invalid_line 2 "$IFINDEX" not)

	on left "$program" dump >"$OUT/dump"
	is "$bits bits: a dump has every SA" \
		"$(grep '^message' "$OUT/dump" | uniq -c | xargs)" \
		"6 message $NEWSA header $3"
	is "$bits bits: XFRMA_INVALID in a dump" "$(invalid_lines_of dump)" \
		"$(printf '%s\n' "2 $not" "4 $exact" | sort -k 2)"
	check "$bits bits: and since when" times_are_told dump
	is "$bits bits: no extra flag in a dump" "$(lines_of dump $EXTRA_FLAGS)" ""
	is "$bits bits: no device in a dump" "$(lines_of dump $OFFLOAD_DEV)" ""

	on left "$program" get 0x1001 >"$OUT/get"
	is "$bits bits: GETSA answers with the SA" "$(head -n 1 "$OUT/get")" \
		"message $NEWSA header $3"
	is "$bits bits: XFRMA_INVALID in the answer" \
		"$(invalid_lines_of get)" "1 $exact"
	is "$bits bits: no extra flag in the answer" \
		"$(lines_of get $EXTRA_FLAGS)" ""
	on left "$program" get 0x2002 >"$OUT/get"
	is "$bits bits: XFRMA_INVALID, counters not exact" \
		"$(invalid_lines_of get)" "1 $not"

	is "$bits bits: an EXPIRE for every SA" \
		"$(grep '^message' "$OUT/$program.log" | uniq -c | xargs)" \
		"6 message $EXPIRE header $4"
	is "$bits bits: XFRMA_INVALID in EXPIRE" \
		"$(invalid_lines_of "$program.log")" \
		"$(printf '%s\n' "2 $not" "4 $exact" | sort -k 2)"

	on left "$program" forge 0x1001 >"$OUT/forge"
	is "$bits bits: a request with XFRMA_INVALID is refused, in words" \
		"$(grep -cE "^error $EINVAL .*Only a copy of an INVALID SA has XFRMA_INVALID" \
			"$OUT/forge")" 1
}

# Why a 32-bit program cannot speak of SAs here; nothing if it can.
no_32_bits()
{
	xfrm_wire32 2>/dev/null | grep -q usage ||
		{ echo "needs 32-bit programs (CONFIG_IA32_EMULATION, gcc -m32)"; return; }
	[[ $(xfrm_wire32 dump) != "error $EOPNOTSUPP"* ]] ||
		echo "needs CONFIG_XFRM_USER_COMPAT"
}

# The request is mainline's 132 bytes for both, and so is what is told. Inbound,
# crypto offload: ifindex and flags stay.
check_migration() # BITS PROGRAM
{
	on left "$2" migrate 0x2001 >"$OUT/migrate"
	is "$1 bits: XFRM_MSG_MIGRATE_STATE, told and answered" \
		"$(grep -v '^attr' "$OUT/migrate" | xargs)" \
		"message $MIGRATE_STATE header 132 error 0"
	is "$1 bits: the device is told" "$(lines_of migrate $OFFLOAD_DEV)" \
		"1 attr $OFFLOAD_DEV nla_type 0x1c length 12: $(u32 "$IFINDEX")02000000"
}

expired_by() { grep -c '^message' "$OUT/$1.log"; } # PROGRAM

tap_header
begin
need xfrm_wire
why_not=$(no_32_bits)
hosts_up && flow_add transport v4 crypto && flow_add tunnel v6 packet &&
	flow_add transport v4 crypto && ok "set-up" || not_ok "set-up"
ifindex left nic0
more_than "the index of the NIC is no reason's number" "$IFINDEX" 12
is "before: nothing of it on the wire" "$(on left xfrm_wire dump |
	grep -cE "^attr ($INVALID|$EXTRA_FLAGS) ")" 0

check_migration 64 xfrm_wire
[[ $why_not ]] || check_migration 32 xfrm_wire32

start xfrm_wire left listening xfrm_wire expire 6
[[ $why_not ]] || start xfrm_wire32 left listening xfrm_wire32 expire 6
nic_fault left no_counters 1
BEFORE=$EPOCHSECONDS
nic_del left

wait_for 10 at_least 6 expired_by xfrm_wire
check_messages 64 xfrm_wire 224 232
if [[ $why_not ]]; then
	skip "32 bits" "$why_not"
else
	wait_for 10 at_least 6 expired_by xfrm_wire32
	check_messages 32 xfrm_wire32 220 224
fi
hosts_down
finish
