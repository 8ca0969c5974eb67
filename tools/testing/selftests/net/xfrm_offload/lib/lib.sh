#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the programs here share: how they speak (TAP), wait, and run things on the
# two hosts of hosts.sh.
#
# To be sourced. Reads from the environment:
#	OUT	folder for logs and captures; without it, a temporary one that goes
#		when the program ends
#	XFRMCTL	the tool; looked for in PATH and in the source tree without it
#	LAB_SLOW	how many times longer than usual to wait for something: for
#		a machine that is emulated

LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The folder of the tests. The conformance suite is installed without lib/.
HERE=${LIB%/lib}

# Network namespaces have their names in /run/netns. A program that makes some
# has a /run/netns of its own, so that the "left" of anything else stays: it is
# run once more, in a mount namespace. Programs that use those of others set
# NAMES_IN to their process, as the second run does.
if ((EUID == 0)) && [[ -f $0 && ${NAMES_IN:-} != "$$" ]]; then
	NAMES_IN=$$ exec unshare --mount sh -c 'mkdir -p /run/netns &&
		mount -t tmpfs none /run/netns && exec "$@"' - "$BASH" "$0" "$@"
fi
# Where kselftest builds the programs in C, and xfrmctl.
PATH=$HERE:$PATH

declare -A PID=()
BATCH=

# --- what a person reads ---------------------------------------------------

# QUIET=1: steps are run but not shown.
# Not into the output that a caller may want to read.
exec {TOLD}>&1
note() { echo "# $*" >&"$TOLD"; }
# Of a script on the command line only the first line.
step()
{
	local line="$*"

	[[ ${QUIET:-} ]] || note "${line%%$'\n'*}"
}

# --- TAP -------------------------------------------------------------------

# The kernel's helpers: in its tree, where kselftest is installed, or by PATH.
# shellcheck source=/dev/null
PATH=$HERE/../../kselftest:$HERE/../../../../kselftest:$PATH . ktap_helpers.sh || {
	echo "1..0 # SKIP there is no ktap_helpers.sh: run this in the kernel's tree"
	exit 4
}

# They leave names behind, and words of a text as patterns to the shell.
ktap() # HELPER ARGUMENT...
{
	local - result description directive

	set -f
	"$@"
}

tap_header() { ktap_print_header; }
ok() { ktap ktap_test_pass "$*"; }
not_ok() { ktap ktap_test_fail "$*"; }

# With the reason, which the helper for it does not take.
skip() # WHAT WHY...
{
	ktap __ktap_test ok "$1" "SKIP ${*:2}"
	((++KTAP_CNT_SKIP))
}

# The whole program cannot run here.
skip_all() # WHY...
{
	ktap ktap_skip_all "$*"
	exit "$KSFT_SKIP"
}

# The plan comes last, as what is tested depends on what there is.
plan() { ktap_set_plan $((KTAP_TESTNO - 1)); }

check() # WHAT COMMAND...
{
	if "${@:2}"; then
		ok "$1"
	else
		note "failed: ${*:2}"
		not_ok "$1"
	fi
}

is() # WHAT GOT WANTED
{
	[[ $2 == "$3" ]] || note "$1: got '$2', wanted '$3'"
	check "$1" test "$2" = "$3"
}

# For commands that the kernel has to refuse; what it says goes to a log.
refused() { ! "$@" >"$OUT/refused.log" 2>&1; }

more_than() # WHAT GOT LEAST
{
	[[ $2 -gt $3 ]] || note "$1: got $2, wanted more than $3"
	check "$1" test "$2" -gt "$3"
}

# Last line of every test program: what the kernel logged counts too.
finish()
{
	kernel_log_is_clean && ok "kernel log is clean" ||
		not_ok "kernel log is clean"
	plan
	ktap_finished
}

kernel_log() { dmesg | tail -n "+$((LOG_START + 1))"; }

kernel_log_is_clean()
{
	local bad
	bad=$(kernel_log | grep -E -e 'WARNING:|BUG:|Oops|refcount_t:|leaked reference' \
		-e 'waiting for .* to become free|possible (recursive|circular)' \
		-e 'suspicious RCU|scheduling while atomic')
	[[ -z $bad ]] && return
	note "the kernel logged:"
	kernel_log | tail -n 60 | sed 's/^/#   /'
	return 1
}

# --- waiting -----------------------------------------------------------------

# The time between two looks at a condition, without a process for it.
look_again() { read -rt 0.01 -u "$NEVER" || :; }

within() # SECONDS COMMAND...
{
	local until=$((${EPOCHREALTIME/./} + $1 * ${LAB_SLOW:-1} * 1000000))

	while ! "${@:2}"; do
		((${EPOCHREALTIME/./} < until)) || return
		look_again
	done
}

wait_for() # SECONDS COMMAND...
{
	within "$@" || { note "waited $(($1 * ${LAB_SLOW:-1})) s in vain for: ${*:2}"; return 1; }
}

says() { grep -qE -e "$2" "$OUT/$1.log"; } # NAME REGEX

now_us() { echo "${EPOCHREALTIME/./}"; }

# --- running things on a host ------------------------------------------------

# Sets WAY, the words that run COMMAND there. Not "ip netns exec": that hides
# debugfs behind a new /sys. BACKGROUND=1: signals have to find it.
way() { WAY=(nsenter --net="/run/netns/$1" "${@:2}"); } # HOST COMMAND...

on() # HOST COMMAND...
{
	local WAY

	way "$@"
	"${WAY[@]}"
}

left() { step "left\$ $*"; on left "$@"; }
right() { step "right\$ $*"; on right "$@"; }
cable() { step "cable\$ $*"; on cable "$@"; }

# Sets TOOL, the words that run the tool on that host.
tool() { TOOL=("$XFRMCTL"); } # HOST

ctl() # HOST WORDS...: xfrmctl on that host
{
	local line TOOL

	tool "$1"
	step "$1\$ ${TOOL[*]##*/} ${*:2}"
	if [[ ${BATCHING:-} ]]; then
		printf -v line '%q ' "${TOOL[@]}" "${@:2}"
		BATCH+="$line || exit"$'\n'
	else
		on "$1" "${TOOL[@]}" "${@:2}"
	fi
}

# What COMMAND would have ctl() do is done by run_batch, in one go: a namespace
# is entered once for many commands. Up to the first that fails.
batch() { BATCHING=1 "$@"; } # COMMAND...

run_batch() # HOST
{
	local commands=$BATCH

	BATCH=
	on "$1" bash -c "$commands"
}

# Runs in the background until stop; its output goes to NAME.log. Returns
# once the log has a line that matches READY.
start() # NAME HOST READY COMMAND...
{
	local WAY

	step "$2\$ ${*:4} &"
	: >"$OUT/$1.log"
	BACKGROUND=1 way "$2" "${@:4}"
	"${WAY[@]}" >>"$OUT/$1.log" 2>&1 </dev/null &
	PID[$1]=$!
	[[ -z $3 ]] || wait_for 20 says "$1" "$3"
}

signal() { kill "-$2" "${PID[$1]}" 2>/dev/null; } # NAME SIGNAL

stop() # NAME [SIGNAL]
{
	local pid=${PID[$1]:-}

	[[ $pid ]] || return 0
	signal "$1" "${2:-TERM}"
	wait "$pid" 2>/dev/null
	unset "PID[$1]"
	return 0
}

running() { kill -0 "${PID[$1]}" 2>/dev/null; }

# --- what a host knows ----------------------------------------------------------------------

sad() { on "$1" "$XFRMCTL" -j state list; } # HOST
spd() { on "$1" "$XFRMCTL" -j policy list; } # HOST

count_sas() # HOST JQ-CONDITION
{
	sad "$1" | jq "[.[] | select($2)] | length"
}

# Left's SAD, SPD and what its NIC was told, but for what counts packets and time.
all_there_is()
{
	sad left | jq -S 'del(.[] | .lifetime, .stats, .lastused)'
	spd left | jq -S 'del(.[] | .lifetime)'
	nic_counter left state_add
	nic_counter left state_delete
}

# What key managers are told, from now on: one JSON document for each event.
listen() # HOST [GROUP...]
{
	start monitor "$1" 'xfrmctl: monitoring' nice -n -20 "$XFRMCTL" -j -ts \
		monitor "${@:2}"
}

# The expiry of an INVALID SA that packets need comes again after 5 s.
declare -r ONLY_FIRST='foreach inputs as $e ({};
	(if $e.event == "expire-sa" and $e.sa.invalid and ($e.hard | not)
	then "\($e.sa.spi) \($e.sa.dst)" else null end) as $sa |
	.again = ($sa != null and .[$sa] != null and $e.time - .[$sa] > 4) |
	if $sa then .[$sa] = $e.time else . end;
	select(.again | not) | $e)'

# Those of the events that match.
heard() # JQ-CONDITION
{
	grep '^{' "$OUT/monitor.log" | jq -c -n "$ONLY_FIRST | select($1)"
}

heard_count() { heard "$1" | wc -l; } # JQ-CONDITION

# The socket held less than came; xfrmctl says so.
lost_told() { grep -q '"event":"lost"' "$OUT/monitor.log"; }

# Sum of the host's XfrmStatistics whose name matches.
xfrm_stat() # HOST REGEX
{
	on "$1" awk -v want="^($2)\$" '$1 ~ want { n += $2 } END { print n + 0 }' \
		/proc/net/xfrm_stat
}

packets() # HOST IFACE rx|tx
{
	on "$1" awk -v dev="$2:" -v col="$([[ $3 == rx ]] && echo 3 || echo 11)" \
		'$1 == dev { print $col }' /proc/net/dev
}

# --- beginning and end ---------------------------------------------------------------

find_tool()
{
	local path

	for path in "${XFRMCTL:-}" "$(command -v xfrmctl)" \
		    "$HERE/../../../../net/xfrmctl/xfrmctl"; do
		[[ ! -x $path ]] || { XFRMCTL=$path && return; }
	done
	return 1
}

need() # COMMAND...
{
	local cmd

	for cmd; do
		command -v "$cmd" >/dev/null || skip_all "$cmd is not installed"
	done
}

begin()
{
	((EUID == 0)) || skip_all "needs root"
	need ip nsenter ping jq tcpdump tshark
	[[ -w $NSIM/new_device ]] || modprobe -q netdevsim
	[[ -w $NSIM/new_device ]] || skip_all "needs netdevsim (CONFIG_NETDEVSIM)"
	find_tool || skip_all "needs xfrmctl (tools/net/xfrmctl)"
	begin_here
}

# What does not depend on the hosts.
begin_here()
{
	SCRATCH=$(mktemp -d)
	OUT=${OUT:-$SCRATCH}
	CAPTURES=$SCRATCH
	mkdir -p "$OUT"
	exec {NEVER}<> <(:)
	LOG_START=$(dmesg | wc -l)
	trap 'all_down; keep_captures; rm -rf "$SCRATCH"' EXIT
	trap 'exit 130' INT TERM
}

# shellcheck source=hosts.sh
. "$LIB/hosts.sh"
# shellcheck source=flows.sh
. "$LIB/flows.sh"
# shellcheck source=witness.sh
. "$LIB/witness.sh"
