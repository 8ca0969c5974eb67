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
