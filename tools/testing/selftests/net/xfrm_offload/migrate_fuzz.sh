#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Requests to migrate SAs that are broken in many ways, and some that are not. Each
# gets its answer, nothing is left in the end, and the NIC's books balance. Then one
# allocation after the other fails.
#
# Reads from the environment:
#	SEED		printed, so that a failure can be provoked again
#	REQUESTS	how many

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/stress.sh" # its dice

declare -r REQUESTS=${REQUESTS:-$((${LAB_SLOW:-1} > 1 ? 3000 : 20000))}

declare -r FAILSLAB=/sys/kernel/debug/failslab

fuzz() # XFRM_FUZZ-WORDS...
{
	local status

	on left xfrm_fuzz "$@" >"$OUT/fuzz.log" 2>&1
	status=$?
	sed 's/^/# /' "$OUT/fuzz.log"
	return "$status"
}

errors() { sed -n "s/^$1: //p" "$OUT/fuzz.log"; } # ERRNO

tap_header
begin
need xfrm_fuzz
note "seed $SEED, $REQUESTS requests"
hosts_up || skip_all "the hosts cannot be set up"
# Some of what is asked goes wrong later: on a NIC that misbehaves.
for fault in "" "refuse_add 1" "no_counters 1"; do
	# shellcheck disable=SC2086 # two words
	[[ -z $fault ]] || nic_fault left $fault
	check "each request is answered${fault:+, $fault}" \
		fuzz -s "$SEED" -n "$REQUESTS"
	more_than "some are right${fault:+, $fault}" "$(errors OK)" 20
	more_than "many are not${fault:+, $fault}" "$(errors EINVAL)" $((REQUESTS / 5))
	[[ -z $fault ]] || nic_fault left "${fault% *}" 0
	((SEED++))
done
if [[ -w $FAILSLAB/ignore-gfp-wait ]]; then
	# Quietly: a trace in the kernel's log is a failure.
	echo N >"$FAILSLAB/ignore-gfp-wait"
	echo 0 >"$FAILSLAB/verbose"
	check "2: whichever allocation fails, there is one SA" fuzz -a
	more_than "allocations failed" \
		"$(awk '{ n += $(NF - 5) } END { print n }' "$OUT/fuzz.log")" 20
else
	skip "2: whichever allocation fails, there is one SA" \
		"needs failslab (CONFIG_FAILSLAB, debugfs)"
fi
nic_del left
wait_for 20 torn_down
balanced "fuzzed"
hosts_down
finish
