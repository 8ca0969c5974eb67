#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run every command of the project, in an order in which what is most likely to be broken for everybody comes first. The
# last line counts.
#
# usage: every.sh              all of each: `make check-all`
#        QUICK=SEED every.sh   of the long ones a part that this number draws: .ci/run
#
# What a command prints is in build/every/NAME.log, too.
set -u
. "$(dirname "$0")/lib.sh"
cd "$TOP" || exit 1

results=$BUILD/every
passed=0
failed=0
skipped=0
failures=()
times=()

# In the quick form no step begins after so many minutes, and all ends after so many. Where the kernels have to be built
# from nothing on a slow machine, that leaves out the last ones, and says so. What was cut off by that fails if a test had
# failed before.
last_begin=62
last_end=82

# A command counts what it tests in its last line; one that does not is one test itself.
count() { # NAME STATUS
	local line before=$failed

	line=$(tail -n 20 "$results/$1.log" | tr -d '\r' | grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' | tail -n 1)
	if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
	elif [ "$2" = 0 ]; then
		passed=$((passed + 1))
	fi
	[ "$2" != 0 ] || [ "$failed" -gt "$before" ] || return 0
	[ "$failed" -gt "$before" ] || failed=$((failed + 1))
	failures+=("$1 (status $2): $(tail -n 1 "$results/$1.log" | cut -c 1-120)")
}

step() { # NAME MINUTES COMMAND...
	local name=$1 limit=$2 from=$SECONDS status line cut=

	shift 2
	if [ -n "${QUICK-}" ]; then
		if [ "$SECONDS" -gt $((last_begin * 60)) ]; then
			skipped=$((skipped + 1))
			printf -v line '%-10s %8s  skipped: %d minutes are over, run "%s"' "$name" - "$last_begin" "$*"
			times+=("$line")
			return
		fi
		if [ "$limit" -gt $((last_end - SECONDS / 60)) ]; then
			limit=$((last_end - SECONDS / 60))
			cut=yes
		fi
	fi
	printf '\n=== %s: %s\n' "$(minutes "$SECONDS")" "$*"
	timeout -k 30 "${limit}m" "$@" </dev/null 2>&1 | tee "$results/$name.log"
	status=${PIPESTATUS[0]}
	if [ "$status$cut" = 124yes ] && ! grep -q '^not ok ' "$results/$name.log"; then
		skipped=$((skipped + 1))
		printf -v line '%-10s %8s  skipped: cut off after %d minutes of all, run "%s"' \
			"$name" "$(minutes $((SECONDS - from)))" "$last_end" "$*"
		times+=("$line")
		return
	fi
	[ "$status" != 124 ] || echo "error: $name did not end within $limit minutes" | tee -a "$results/$name.log"
	count "$name" "$status"
	printf -v line '%-10s %8s  %s' "$name" "$(minutes $((SECONDS - from)))" \
		"$([ "$status" = 0 ] && echo passed || echo failed)"
	times+=("$line")
	[ "$status" = 0 ]
}

shell() {
	printf '%s\n' 'left ping -c 1 -I 10.1.0.1 10.2.0.1' exit | make shell
}

summary() {
	local name

	echo
	printf '%s\n' "${times[@]}"
	for name in test test-smp; do
		sed "s/^ */not ok in $name: /" "build/$name/failures" 2>/dev/null
	done
	[ ${#failures[@]} = 0 ] || printf 'failed: %s\n' "${failures[@]}"
	echo
	if [ "$skipped" -gt 0 ]; then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	[ "$failed" = 0 ]
	exit
}

# In full, all rows.
ike() {
	if [ -n "${QUICK-}" ]; then
		make test-ike ENOUGH=240
	else
		make test-ike ALL=1
	fi
}

# Three commands build kernels of their own, ten minutes each: in the quick form one of them is drawn.
in_turn() { # NAME MINUTES COMMAND...
	local names=(smp configs series) line drawn

	if [ -n "${QUICK-}" ]; then
		RANDOM=$QUICK
		drawn=${names[RANDOM % ${#names[@]}]}
		if [ "$drawn" != "$1" ]; then
			skipped=$((skipped + 1))
			printf -v line '%-10s %8s  skipped: QUICK=%s draws %s, run "%s"' "$1" - "$QUICK" "$drawn" "${*:3}"
			times+=("$line")
			return
		fi
	fi
	step "$@"
}

export -f shell ike
rm -rf "$results" build/test build/test-smp
mkdir -p "$results"
[ -z "${QUICK-}" ] || say "of long commands a part is drawn: QUICK=$QUICK $0 draws the same"

# Without a kernel there is nothing to do for the rest.
step demo 50 make demo || summary
step shell 10 bash -c shell
step style 30 make style
step bases 30 make bases
step test 60 make test
step commands 60 make commands
step compare 40 make compare
step releases 60 make test-releases
step ike 720 bash -c ike
step drivers 30 make drivers
step model 60 make model
step mutants 60 make mutants
in_turn smp 90 make test-smp
in_turn configs 90 make configs
in_turn series 360 make series
summary
