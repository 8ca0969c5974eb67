#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the tests: the lab's own, KUnit, and each program of the kernel's selftests in a guest of its own.
#
# usage: run-tests.sh [NAME]      one of the names that it prints: kunit, wire or wire.sh, ...
#
# TAP is printed as it comes, failures again at the end. The last line counts.
set -u
. "$(dirname "$0")/lib.sh"

selftests=$TOP/tools/testing/selftests/net/xfrm_offload
results=$BUILD/test
only=${1-}

passed=0
failed=0
skipped=0
ran=0
failures=()

export XFRMCTL=$BUILD/xfrmctl/xfrmctl

# --- counting

fail() { # PROGRAM WHAT [REASON]
	failed=$((failed + 1))
	failures+=("$1: $2${3:+ (${3:0:100})}")
}

# Reads a program's TAP, prints it, counts it. $2 is the indent of the lines that count, $1 the program's name.
count() {
	local program=$1 indent=$2 line reason='' seen=0 planned=''

	while IFS= read -r line; do
		line=${line%$'\r'}
		printf '%s\n' "$line"
		case $line in
		"${indent}ok "*'# SKIP'* | "${indent}1..0"*SKIP*)
			skipped=$((skipped + 1))
			seen=$((seen + 1))
			;;
		"${indent}ok "*)
			passed=$((passed + 1))
			seen=$((seen + 1))
			;;
		"${indent}not ok "*'# TODO'*) seen=$((seen + 1)) ;;
		"${indent}not ok "*)
			fail "$program" "${line#"$indent"}" "$reason"
			seen=$((seen + 1))
			;;
		"${indent}1.."*) planned=${line#"$indent"1..} ;;
		*'# '*) reason=${line#*'# '} ;;
		esac
		[[ $line == *'# '* ]] || reason=
	done
	planned=${planned%% *}
	if [ "$seen" = 0 ]; then
		fail "$program" "ran no test"
	elif [ "$indent" = '' ] && [ -n "$planned" ] && [ "$planned" -gt 0 ] && [ "$planned" != "$seen" ]; then
		fail "$program" "planned $planned tests, $seen came"
	fi
}

# Whether the program is wanted; says its name if so.
wanted() {
	local name=${1%.sh}

	[ -z "$only" ] || [ "$name" = "${only%.sh}" ] || return
	ran=$((ran + 1))
	printf '\n== %s\n' "$name"
}

# Run a program that speaks TAP, and judge how it ended too.
run() { # NAME COMMAND...
	local name=$1 before=$failed status
	local output=$results/$1

	shift
	mkdir -p "$output"
	mkfifo "$output/pipe"
	"$@" >"$output/pipe" 2>"$output/stderr" </dev/null &
	count "$name" '' < <(tee "$output/output.tap" <"$output/pipe")
	wait $!
	status=$?
	rm "$output/pipe"
	sed 's/^/# /' "$output/stderr"
	case $status in
	0) ;;
	4) [ "$failed" -gt "$before" ] || return 0 ;;
	124 | 125 | 126) fail "$name" "$(sed -n '/^error: /{s///p;q}' "$output/stderr")" ;;
	*) [ "$failed" -gt "$before" ] || fail "$name" "exit status $status" "$(tail -n 1 "$output/stderr")" ;;
	esac
}

# --- what there is to run

lab_tests() {
	local program

	for program in "$LAB"/tests/*.sh; do
		wanted "$(basename "$program")" && run "$(basename "$program" .sh)" "$program"
	done
}

# The suites that are built into the kernel run before its first process.
kunit() {
	local log=$results/kunit/kernel.log status

	wanted kunit || return
	mkdir -p "$results/kunit"
	"$LAB/boot.sh" --kernel-arg kunit.enable=1 --keep-output "$results/kunit" -- true 2>"$results/kunit/stderr"
	status=$?
	# From "[    0.120000]     ok 1 name" to what is after the time.
	count kunit '    ' < <(sed -nE 's/^(\[ *[0-9.]+\] ?)?(( {4})*(ok|not ok|# |KTAP|TAP|1\.\.).*)/\2/p' "$log" 2>/dev/null)
	grep -qE '# Subtest: (xfrm|nsim|netdevsim)' "$log" || fail kunit "no suite of ours ran"
	[ "$status" = 0 ] || {
		sed 's/^/# /' "$results/kunit/stderr"
		fail kunit "$(sed -n '/^error: /{s///p;q}' "$results/kunit/stderr")"
	}
}

kselftests() {
	local program limit mem

	limit=$(sed -n 's/^timeout=//p' "$selftests/settings" 2>/dev/null)
	cd "$selftests" || return
	for program in $(make -s --no-print-directory -f - programs <<<"$(sed '/^include/d' Makefile)
programs: ; @echo \$(TEST_PROGS)"); do
		mem=$(sed -n 's/^# Memory: //p' "$program")
		wanted "$program" &&
			run "${program%.sh}" "$LAB/boot.sh" --mem "${mem:-1G}" --time-limit "${limit:-300}" \
				--keep-output "$results/${program%.sh}" -- "./$program"
	done
}

# --- all of it

started=$SECONDS
rm -rf "$results"
mkdir -p "$results"
lab_tests
kunit
kselftests

echo
if [ "$ran" = 0 ]; then
	fail "${only:-all}" "there is no such test"
fi
if [ ${#failures[@]} -gt 0 ]; then
	echo "== failed (everything is in ${results#"$TOP"/})"
	printf '  %s\n' "${failures[@]}"
fi
echo "== $(minutes $((SECONDS - started)))"
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
