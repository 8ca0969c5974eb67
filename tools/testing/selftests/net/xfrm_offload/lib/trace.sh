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

# One order for all CPUs, and room for what a race makes. To be called before trace_on().
trace_roomy() # KILOBYTES
{
	echo counter >"$TRACE/trace_clock" && echo "$1" >"$TRACE/buffer_size_kb"
}

# These may come at any time.
declare -r CALLS_WITH_AN_ORDER='call != "state_update_stats" && call != "state_advance_esn"'

# All that trace_steps() needs, and no more. TRACED is empty if the kernel cannot.
steps_begin()
{
	TRACED=
	trace_begin && trace_roomy 16384 && trace_on xfrm &&
		trace_on xfrm/xfrm_driver_begin "$CALLS_WITH_AN_ORDER" &&
		trace_on xfrm/xfrm_driver_end "$CALLS_WITH_AN_ORDER" &&
		trace_off xfrm/xfrm_sa_blocks && TRACED=y
}

# What was done since the last time, when all hosts are gone.
steps_judged() # WHAT
{
	if [[ $TRACED ]]; then
		check "4: $1: no event was lost" trace_lost_nothing
		check "4: $1: each step is one that is allowed" trace_steps whole
		trace_clear
	else
		skip "4: $1: each step is one that is allowed" \
			"needs tracefs (CONFIG_EVENT_TRACING)"
	fi
}

trace_lost_nothing()
{
	! grep -hE '^(overrun|dropped events): [1-9]' "$TRACE"/per_cpu/*/stats
}

# Compares the events of xfrm with the table "steps": object by object, and the phases of
# each unbind, which is what its task does outside of softirqs. Prints what is wrong.
# WHOLE: what began on the hardware has to be off it.
trace_steps() # [WHOLE]
{
	awk -v whole="${1:-}" '
	function fault(text) { if (++faults <= 20) print "# " text }
	function step(kind, id, to,	from) {
		from = at[kind, id]
		if (from == "")
			from = (kind, "new", to) in row ? "new" : ">" kind "_add"
		sub(/^>sa_/, ">state_", from)
		if (!((kind, from, to) in row))
			fault(kind " " name[id] " " id ": " to " after " from ", line " FNR)
		at[kind, id] = to
	}
	function aside(id, what,	from) {
		from = ("sa", id) in at ? at["sa", id] : ">state_add"
		if (!(("aside", from, what) in row || ("aside", "*", what) in row))
			fault("sa " name[id] " " id ": " what " when " from ", line " FNR)
		if (what == "reported" && reported[id]++)
			fault("sa " name[id] " " id ": reported twice, line " FNR)
	}
	function phase(to) { if (task && task in unbinding) step("unbind", task, to) }
	FNR == NR { if (NF == 3 && $1 !~ /^#/) row[$1, $2, $3]; next }
	/^#/ { next }
	{
		# TASK-PID [CPU] FLAGS CLOCK: EVENT: WORD=VALUE ...
		if (!match($0, /-[0-9]+ +\[[0-9]+\] [^ ]+ +[0-9.]+: xfrm_/))
			next
		head = substr($0, RSTART, RLENGTH - 5)
		split(head, part, /[- \[\]]+/)
		task = substr(part[4], 3, 1) == "." ? part[2] : ""
		n = split(substr($0, RSTART + RLENGTH), words, " ")
		event = words[1]
		sub(/:$/, "", event)
		delete value
		for (i = 2; i <= n; i++)
			if (equal = index(words[i], "="))
				value[substr(words[i], 1, equal - 1)] = substr(words[i], equal + 1)
		id = value["obj"]
	}
	event == "unbind_begin" {
		unbinding[task]
		at["unbind", task] = "begin"
		++unbinds
	}
	event == "unbind_end" { phase("end"); delete unbinding[task] }
	event ~ /^driver_/ && value["call"] !~ /update_stats|advance_esn/ {
		call = value["call"]
		kind = call ~ /^state/ ? "sa" : "policy"
		name[id] = value["id"]
		if (call ~ /_add$/)
			delete reported[id]
		else
			phase(kind == "sa" ? "stop-sa" : "stop-policy")
		mark = event == "driver_begin" ? "<" : value["err"] == "0" ? ">" : "!"
		step(kind, id, mark call)
		++steps
	}
	event ~ /^sa_(fenced|stopped|told|expired)$/ {
		name[id] = value["spi"]
		if (event == "sa_fenced")
			phase("fence")
		if (event == "sa_told")
			phase("tell")
		if (event == "sa_told" && value["reason"] ~ /^(key-unknown|refused)$/)
			at["sa", id] = "new"
		# again, of an SA that was INVALID before the trace began
		if (event == "sa_expired" && !(("sa", id) in at))
			at["sa", id] = "told"
		step("sa", id, substr(event, 4))
		++steps
	}
	event == "sa_migrated" && value["err"] == "0" { step("sa", id, "migrated") }
	event == "sa_migrated" && value["err"] != "0" { aside(id, "!migrated") }
	event == "sa_reported" { aside(id, "reported") }
	event == "policy_converted" {
		name[id] = value["index"]
		phase("convert")
		step("policy", id, "converted")
		++steps
	}
	END {
		for (key in at) {
			split(key, part, SUBSEP)
			++objects
			if (!(("ends", at[key], "-") in row) &&
			    (whole || at[key] !~ /^>(state|policy)_add$/))
				fault(part[1] " " name[part[2]] " " part[2] ": ends with " at[key])
		}
		printf "# %d steps of %d objects, %d unbinds, %d faults\n", steps, objects,
			unbinds, faults
		exit faults || !unbinds
	}' "$LIB/steps" "$TRACE/trace"
}
