#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run a command as root inside the lab's kernel (User-mode Linux), on a root that is this machine's, read-only.
#
# The guest's writable places are tmpfs; $OUT is the one directory whose content comes back. Its exit status is the
# command's; 125 if the kernel reported trouble, 124 if the time limit ended it, 126 if the guest died on its own.
set -u
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<-EOF
	usage: boot.sh [OPTION...] [--] COMMAND [ARG...]
	  --kernel PATH       the kernel to boot (build/um/linux)
	  --mem SIZE          memory of the guest (512M)
	  --time-limit SEC    end the guest after so long (300; 0: never)
	  --keep-output DIR   where the content of \$OUT goes, and kernel.log (default: thrown away)
	  --kernel-arg ARG    one more argument for the kernel (repeatable)
	  --tty               the command gets this terminal
	EOF
}

kernel=$BUILD/um/linux
mem=512M
limit=300
keep=
tty=
kernel_args=()

while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift 2 ;;
	--mem) mem=$2; shift 2 ;;
	--time-limit) limit=$2; shift 2 ;;
	--keep-output) keep=$2; shift 2 ;;
	--kernel-arg) kernel_args+=("$2"); shift 2 ;;
	--tty) tty=yes; shift ;;
	--help) usage; exit 0 ;;
	--) shift; break ;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
[ -x "$kernel" ] || die "there is no kernel at $kernel: run 'make kernel' first"

# --- where this guest lives: everything that it can write is in here

run=$(mktemp -d /tmp/lab-guest.XXXXXX)
watchdog=
saved_tty=

leave() {
	[ -z "$watchdog" ] || kill "$watchdog" 2>/dev/null
	[ ! -e "$run/pid" ] || kill -KILL "$(cat "$run/pid")" 2>/dev/null
	[ -z "$saved_tty" ] || stty "$saved_tty" </dev/tty
	rm -rf "$run"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir "$run/share" "$run/share/out" "$run/mem" "$run/uml"

# What init.sh is to run, and where.
{
	printf 'command=('
	printf ' %q' "$@"
	printf ' )\n'
	printf 'run=%q top=%q cwd=%q tty=%q limit=%q\n' "$run" "$TOP" "$PWD" "$tty" "$limit"
	printf 'export TERM=%q XFRMCTL=%q\n' "${TERM:-dumb}" "${XFRMCTL:-}"
	if [ -n "$tty" ]; then
		read -r rows columns < <(stty size </dev/tty)
		printf 'rows=%q columns=%q\n' "$rows" "$columns"
	fi
} >"$run/command"

# --- the guest

# The guest watches its time itself; this is for one that cannot. sleep(1) would outlive us, and hold our caller's pipes.
backstop() {
	read -r -t $((limit + 10)) _ <>"$run/never"
	: >"$run/timed-out"
	kill -KILL "$(cat "$run/pid")"
}

arguments=("mem=$mem" rootfstype=hostfs rootflags=/ ro "init=$LAB/init.sh" "LAB_RUN=$run"
	"uml_dir=$run/uml" console=tty1 con=null "con1=null,fd:3"
	panic=-1 noreboot quiet loglevel=7 "${kernel_args[@]}")

# A mount namespace in which all but $run is read-only, so that not even a remount inside the guest opens the host; a
# PID namespace, so that killing its first process ends every process of the guest. root is not needed for either.
namespaces=(unshare --mount --pid --kill-child=KILL --propagation private)
[ "$(id -u)" = 0 ] || namespaces+=(--map-root-user)
"${namespaces[@]}" true 2>/dev/null ||
	die "cannot make mount namespaces here, which keep the guest from writing to this machine: run it as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"

if [ -n "$tty" ]; then
	saved_tty=$(stty -g </dev/tty)
	"${namespaces[@]}" "$LAB/confine.sh" "$run" "$kernel" "${arguments[@]}" con0=fd:0,fd:1 \
		</dev/tty 3>"$run/kernel.log" 2>"$run/uml.log"
else
	mkfifo "$run/never"
	{
		echo "$BASHPID" >"$run/pid"
		exec "${namespaces[@]}" "$LAB/confine.sh" "$run" "$kernel" "${arguments[@]}" con0=null,fd:1 \
			</dev/null 3>"$run/kernel.log" 2>"$run/uml.log"
	} | tee "$run/output" &
	output=$!
	[ "$limit" = 0 ] || { backstop & watchdog=$!; }
	wait "$output"
fi

# --- the verdict

say_where() {
	local last_line

	last_line=$(tail -n 1 "$run/output" | tr -d '\r')
	printf 'error: the guest was ended after its time limit of %s s' "$limit"
	[ -z "$last_line" ] || printf ', the last line it printed was "%s"' "$last_line"
	if [ -s "$run/share/timed-out" ]; then
		printf ', and it ran "%s" (%s)\n' "$(sed -n '1s/ *$//p' "$run/share/timed-out")" \
			"$(sed -n 2p "$run/share/timed-out")"
	else
		printf ', and its kernel did not answer any more\n'
	fi
}

if [ -n "$keep" ]; then
	mkdir -p "$keep"
	cp -a "$run/share/out/." "$keep/"
	cp "$run/kernel.log" "$keep/kernel.log"
fi

status=$(cat "$run/share/status" 2>/dev/null)
if [ -e "$run/timed-out" ] || [ -e "$run/share/timed-out" ]; then
	say_where >&2
	status=124
elif [ -z "$status" ]; then
	printf 'error: the guest died before its command ended; its last words:\n' >&2
	cat "$run/uml.log" "$run/kernel.log" | tail -n 30 | sed 's/^/  | /' >&2
	status=126
fi
if ! "$LAB/scan-log.sh" "$run/kernel.log" >"$run/report"; then
	printf 'error: the kernel reported trouble:\n' >&2
	sed 's/^/  | /' "$run/report" >&2
	[ "$status" = 124 ] || status=125
fi
exit "$status"
