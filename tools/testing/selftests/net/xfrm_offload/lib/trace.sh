#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the kernel tells through tracepoints, read from an instance of tracefs of
# this program's own: nothing but the kernel is needed.
#
# To be sourced, after lib.sh.

TRACEFS=/sys/kernel/tracing
TRACE=$TRACEFS/instances/xfrm-$$

trace_begin() # after begin
{
	[[ -d $TRACEFS/events ]] || mount -t tracefs none "$TRACEFS" 2>/dev/null
	[[ -d $TRACEFS/events ]] && mkdir "$TRACE" || return
	trap 'all_down; keep_captures; rmdir "$TRACE"; rm -rf "$SCRATCH"' EXIT
}

# With a FILTER, only what it matches.
trace_on() # SYSTEM/EVENT [FILTER]
{
	[[ -d $TRACE/events/$1 ]] || return
	[[ -z ${2:-} ]] || echo "$2" >"$TRACE/events/$1/filter" || return
	echo 1 >"$TRACE/events/$1/enable"
}

trace_off() { echo 0 >"$TRACE/events/$1/enable"; } # SYSTEM/EVENT

trace_clear() { : >"$TRACE/trace"; }

# Events since trace_clear(), a line each.
trace_lines()
{
	sed -nE 's/^[^#].*\] [^ ]+ +[0-9.]+: ([a-z0-9_]+: .*)/\1/p' "$TRACE/trace"
}

traced() { trace_lines | grep -qE -e "$1"; } # REGEX

# Compares the events of unbinds, lines of trace_lines(), with the table "steps": object
# by object, and the phases of the whole. What began on the hardware has to end off it.
# Prints what is wrong.
trace_steps() # EVENTS
{
	awk '
	function step(kind, id, to,	from) {
		from = (kind, id) in at ? at[kind, id] : kind == "device" ? "" : "added"
		if (!((kind, from, to) in allowed)) {
			print "# " kind " " id ": " to " after " from
			bad = 1
		}
		at[kind, id] = to
	}
	function phase(to) { if (unbinding) step("device", "", to) }
	function word(name,	i) {
		for (i = 2; i <= NF; i++)
			if (index($i, name "=") == 1)
				return substr($i, length(name) + 2)
	}
	FNR == NR { if (NF == 3 && $1 !~ /^#/) allowed[$1, $2, $3]; next }
	$1 == "xfrm_unbind_begin:" { unbinding = 1; at["device", ""] = "begin"; ++unbinds }
	$1 == "xfrm_unbind_end:" { phase("end"); unbinding = 0 }
	$1 == "xfrm_sa_fenced:" { phase("fence") }
	$1 == "xfrm_policy_converted:" { phase("convert") }
	$1 ~ /^xfrm_driver/ && $3 !~ /update_stats|advance_esn|_add$/ {
		phase("finish")
		mark = $1 == "xfrm_driver_begin:" ? "<" : ">"
		call = word("call")
		step(call ~ /^state/ ? "sa" : "policy", word("id"), mark call)
	}
	$1 ~ /^xfrm_sa_(fenced|stopped|told|expired|reported|migrated):/ {
		split($1, name, /xfrm_sa_|:/)
		step("sa", word("spi"), name[2])
	}
	$1 == "xfrm_policy_converted:" {
		step("policy", sprintf("0x%08x", word("index")), "converted")
	}
	END {
		for (key in at) {
			split(key, part, SUBSEP)
			if (at[key] !~ /^(>state_free|told|expired|migrated|>policy_free|end)$/) {
				print "# " part[1] " " part[2] " ends with " at[key]
				bad = 1
			}
		}
		exit bad || !unbinds
	}' "$LIB/steps" "$1"
}
