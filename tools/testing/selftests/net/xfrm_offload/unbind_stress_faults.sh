#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The races of stress.sh on a machine that is short of memory and with a NIC that
# misbehaves. Allocations fail for xfrm_churn alone: what is tested is the kernel,
# not what a shell does without memory.

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/stress.sh"

declare -r FAILSLAB=/sys/kernel/debug/failslab

fail_allocations() # PERCENT
{
	local name

	# For tasks that ask for it, quietly, also where waiting might help.
	for name in task-filter:Y verbose:0 interval:1 times:-1 space:0 ignore-gfp-wait:N; do
		echo "${name#*:}" >"$FAILSLAB/${name%:*}" || return
	done
	echo "$1" >"$FAILSLAB/probability"
}

# Each strike meets one fault, or none; the one before is mended.
before_strike()
{
	local fault

	nic_exists left || return
	for fault in "refuse_add 0" "fail_unbind 0" "no_counters 0" "vanish 0" "delay_ms 0"; do
		# shellcheck disable=SC2086 # two words
		nic_fault left $fault
	done
	draw_of "none 0" "refuse_add 1" "fail_unbind 1" "no_counters 1" "vanish 1" \
		"delay_ms 40" "delay_ms 40"
	[[ $DRAWN != none* ]] || return 0
	STORY+=" (${DRAWN% *})"
	if [[ $DRAWN == delay* ]]; then
		draw_of unbind delete free
		nic_fault left delay_target "$DRAWN"
		nic_fault left delay_ms 40
	else
		# shellcheck disable=SC2086 # two words
		nic_fault left $DRAWN
	fi
}

tap_header
begin
[[ -w $FAILSLAB/probability ]] || skip_all "needs failslab (CONFIG_FAILSLAB, debugfs)"
fail_allocations 3 || skip_all "failslab cannot be set up"
CHURN_WORDS=-f
stress unbind_stress_faults
echo 0 >"$FAILSLAB/probability"
finish
