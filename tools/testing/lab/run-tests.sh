#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the tests: the lab's own, KUnit, and each program of the kernel's selftests in a guest of its own. Or, on the
# kernel for more than one CPU: KUnit and the programs for which races matter, in one guest.
#
# usage: run-tests.sh [--smp] [NAME]      one of the names that it prints: kunit, wire or wire.sh, ...
#        QUICK=SEED run-tests.sh [--smp]  of programs that are long and much alike one, drawn by this number; on 2 CPUs
#                                         without the search for leaks, which takes minutes there; in an order that
#                                         it draws, too, and none begins after so many minutes
#
# Guests run side by side, one for each CPU. TAP is printed as it comes, program by program, failures again at the end.
# The last line counts.
set -u
. "$(dirname "$0")/lib.sh"

selftests=$TOP/tools/testing/selftests/net/xfrm_offload
results=$BUILD/test
smp=
if [ "${1-}" = --smp ]; then
	smp=yes
	results=$BUILD/test-smp
	shift
fi
only=${1-}

# Of the quick form, seconds.
enough=1500

passed=0
failed=0
skipped=0
ran=0
failures=()

export XFRMCTL=$BUILD/xfrmctl/xfrmctl
# With IPROUTE2 make ip has built them, and make stock the kernel of on_stock.
if [ -n "${IPROUTE2-}" ]; then
	export IPROUTE2_IP=$BUILD/iproute2/ip/ip/ip IPROUTE2_BEFORE=$BUILD/iproute2/before/ip/ip
fi

# --- counting

fail() { # PROGRAM WHAT [REASON]
	failed=$((failed + 1))
	failures+=("$1: $2${3:+ (${3:0:100})}")
}

# Reads a program's TAP, prints it, counts it. $2 is the indent of the lines that count, $1 the program's name. Ends
# at the end, or where several.sh says how the program ended: that is $ended then.
count() {
	local program=$1 indent=$2 line reason='' seen=0 planned=''

	ended=
	while IFS= read -r line; do
		line=${line%$'\r'}
		if [[ $line == ':end '* ]]; then
			ended=${line#:end }
			break
		fi
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
	124 | 125 | 126) guest_failed "$name" ;;
	*) program_ended "$name" "$status" "$before" ;;
	esac
}

guest_failed() { # NAME
	fail "$1" "$(sed -n '/^error: /{s///p;q}' "$results/$1/stderr")"
}

program_ended() { # NAME STATUS FAILURES-BEFORE
	case $2 in
	0 | 4) ;;
	*) [ "$failed" -gt "$3" ] || fail "$1" "exit status $2" "$(tail -n 1 "$results/$1/stderr")" ;;
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
	local status

	wanted kunit || return
	mkdir -p "$results/kunit"
	"$LAB/boot.sh" --kernel-arg kunit.enable=1 --keep-output "$results/kunit" -- true 2>"$results/kunit/stderr"
	status=$?
	count_kunit "$results/kunit/kernel.log"
	[ "$status" = 0 ] || {
		sed 's/^/# /' "$results/kunit/stderr"
		guest_failed kunit
	}
}

# From "[    0.120000]     ok 1 name" to what is after the time.
count_kunit() { # KERNEL.LOG
	count kunit '    ' < <(sed -nE 's/^(\[ *[0-9.]+\] ?)?(( {4})*(ok|not ok|# |KTAP|TAP|1\.\.).*)/\2/p' "$1" 2>/dev/null)
	grep -qE '# Subtest: (xfrm|nsim|netdevsim)' "$1" || fail kunit "no suite of ours ran"
}

# The programs that the selftests' Makefile has in this variable.
programs_in() { # VARIABLE
	make -s --no-print-directory -f - programs <<<"$(sed '/^include/d' "$selftests/Makefile")
programs: ; @echo \$($1)"
}

# The words for boot.sh, by what the program says of itself and where it stands in the Makefile.
declare -a boot_words=()
find_boot_words() { # PROGRAM
	local mem

	mem=$(sed -n 's/^# Memory: //p' "$1")
	boot_words=(--mem "${mem:-1G}" --keep-output "$results/${1%.sh}" --time-limit "${limit:-300}")
	case " $races " in
	*" $1 "*) boot_words+=(--env SEED --env ROUNDS --kernel-arg kmemleak=on) ;;
	esac
}

# Where machines are slow, the quick form ends all the same.
is_late() { [ -n "${QUICK-}" ] && [ -z "$only" ] && [ $((SECONDS - started)) -gt "$enough" ]; }

# In the background; ends by saying how it ended.
begin_kselftest() { # PROGRAM
	local output=$results/${1%.sh} program=${1/-on-stock/} from=$SECONDS status

	mkdir -p "$output"
	if is_late; then
		: >"$output/late"
		return
	fi
	: >"$output/output.tap"
	find_boot_words "$program"
	[ "$program" = "$1" ] || boot_words+=(--kernel "$BUILD/um-stock/linux" --keep-output "$output")
	"$LAB/boot.sh" "${boot_words[@]}" -- "./$program" >>"$output/output.tap" 2>"$output/stderr" </dev/null
	status=$?
	printf '%d %s\n' $((SECONDS - from)) "${1%.sh}" >"$output/seconds"
	echo "$status" >"$output/status"
}

# One guest for each CPU: a guest has one.
begin_kselftests() { # PROGRAM...
	local program running=0

	for program; do
		if [ "$running" -ge "$(nproc)" ]; then
			wait -n
			running=$((running - 1))
		fi
		begin_kselftest "$program" &
		running=$((running + 1))
	done
	wait
}

# False if the program is not begun.
await_begin() { # NAME
	until [ -e "$results/$1/output.tap" ]; do
		[ ! -e "$results/$1/late" ] || return
		sleep 0.2
	done
}

# What a program prints, while it does; until it has ended.
follow() { # NAME
	local output=$results/$1 line=

	exec 4<"$output/output.tap"
	while :; do
		if IFS= read -r line <&4; then
			printf '%s\n' "$line"
		else
			# The beginning of a line that is being written.
			printf '%s' "$line"
			[ ! -e "$output/status" ] || break
			sleep 0.2
		fi
	done
	# What came between the last look and its end.
	cat <&4
	exec 4<&-
}

# Those that compare the stock kernel with ours are run on it, too.
on_stock() { [ -z "${IPROUTE2-}" ] || echo iproute2-on-stock.sh; }

# The quick form: one of each line.
alike() {
	echo conformance.sh conformance_bond.sh conformance_82599.sh conformance_faults_{outbound,inbound,counters}.sh
	echo unbind_bond.sh ixgbe_bond.sh
	programs_in TEST_PROGS_EXTENDED
}

draw_programs() {
	local group programs drawn

	RANDOM=$QUICK
	while read -r group; do
		read -ra programs <<<"$group"
		drawn=${programs[RANDOM % ${#programs[@]}]}
		group=" $group "
		left_out+=${group/ $drawn / }
	done < <(alike)
	say "QUICK=$QUICK leaves out $left_out"
}

kselftests() {
	local left_out='' late=''
	local program name limit races before status programs=()

	limit=$(sed -n 's/^timeout=//p' "$selftests/settings" 2>/dev/null)
	cd "$selftests" || return
	races=$(programs_in TEST_PROGS_EXTENDED)
	# Of the races one round: they have a bed of their own.
	export ROUNDS=${ROUNDS-1}
	[ -n "$only" ] || [ -z "${QUICK-}" ] || draw_programs
	for program in $(programs_in TEST_PROGS) $(on_stock) $races; do
		name=${program%.sh}
		case " $left_out " in
		*" $program "*) continue ;;
		esac
		[ -n "$only" ] && [ "${name%-on-stock}" != "${only%.sh}" ] || programs+=("$program")
	done
	[ ${#programs[@]} -gt 0 ] || return
	[ -n "$only" ] || [ -z "${QUICK-}" ] ||
		mapfile -t programs < <(printf '%s\n' "${programs[@]}" | shuf --random-source=<(yes "$QUICK"))
	begin_kselftests "${programs[@]}" &
	for program in "${programs[@]}"; do
		name=${program%.sh}
		if ! await_begin "$name"; then
			skipped=$((skipped + 1))
			late+=" $name"
			continue
		fi
		ran=$((ran + 1))
		printf '\n== %s\n' "$name"
		before=$failed
		count "$name" '' < <(follow "$name")
		sed 's/^/# /' "$results/$name/stderr"
		status=$(cat "$results/$name/status")
		case $status in
		124 | 125 | 126) guest_failed "$name" ;;
		*) program_ended "$name" "$status" "$before" ;;
		esac
	done
	wait
	[ -z "$late" ] || say "after $((enough / 60)) minutes not begun:$late"
}

# The races, and where it does not take an hour what else is worth a second look on more than one CPU. Any other program
# is run if it is asked for. With QUICK, one of the races, drawn by that number.
smp_programs() {
	local program programs

	if [ -z "$only" ] && [ -n "${QUICK-}" ]; then
		RANDOM=$QUICK
		programs=(unbind_stress.sh unbind_stress_bond.sh migrate_fuzz.sh)
		echo "${programs[RANDOM % ${#programs[@]}]}"
		return
	fi
	if [ -z "$only" ]; then
		printf '%s\n' unbind_stress.sh unbind_stress_bond.sh migrate_fuzz.sh
		[ "$("$LAB/accel.sh" "$BUILD/smp/vmlinux")" = tcg ] ||
			printf '%s\n' unbind_stress_faults.sh unbind_teardown.sh unbind_notify.sh unbind_state.sh
		return
	fi
	for program in $(programs_in TEST_PROGS) $(programs_in TEST_PROGS_EXTENDED); do
		[ "$program" != "${only%.sh}.sh" ] || echo "$program"
	done
}

# All of them in one guest, as it takes its time to boot, and KUnit in the same.
smp_tests() {
	local programs program line status guest limit=5400 arguments=() with_kunit=

	mapfile -t programs < <(smp_programs)
	if [ -z "$only" ] || [ "$only" = kunit ]; then
		with_kunit=yes
		arguments+=(--kernel-arg kunit.enable=1)
	fi
	[ ${#programs[@]} -gt 0 ] || [ -n "$with_kunit" ] || return
	# The programs look into the kernel's log: all of a run has to be there.
	arguments+=(--kernel-arg log_buf_len=4M --env SEED --env ROUNDS --env STRIKES)
	if [ -n "${QUICK-}" ]; then
		export STRIKES=${STRIKES-1}
	else
		arguments+=(--kernel-arg kmemleak=on)
	fi

	cd "$selftests" || return
	mkdir -p "$results/guest"
	mkfifo "$results/pipe"
	say "booting a guest with 2 CPUs (run by $("$LAB/accel.sh" "$BUILD/smp/vmlinux")), log: ${results#"$TOP"/}/kernel.log"
	"$LAB/boot.sh" --machine smp --mem 2G --time-limit "$limit" --keep-output "$results" "${arguments[@]}" -- \
		"$LAB/several.sh" "$limit" "${programs[@]/#/./}" >"$results/pipe" 2>"$results/guest/stderr" </dev/null &
	exec {guest}<"$results/pipe"
	while read -r line <&"$guest"; do
		smp_program "${line%$'\r'}" <&"$guest"
	done
	exec {guest}<&-
	wait $!
	status=$?

	if [ -n "$with_kunit" ]; then
		wanted kunit
		mkdir -p "$results/kunit"
		count_kunit "$results/kernel.log"
	fi
	sed 's/^/# /' "$results/guest/stderr"
	case $status in
	124 | 125 | 126) guest_failed guest ;;
	esac
	for program in "${programs[@]%.sh}"; do
		[ -d "$results/$program" ] || fail "$program" "did not run"
	done
}

# From the line ":begin NAME" to ":end STATUS".
smp_program() { # LINE
	local name=${1#:begin } before=$failed

	[[ $1 == ':begin '* ]] || return
	wanted "$name"
	mkdir -p "$results/$name"
	count "$name" ''
	case ${ended:=126} in
	0 | 4) ;;
	124) fail "$name" "did not end in its time" ;;
	*) [ "$failed" -gt "$before" ] || fail "$name" "exit status $ended" ;;
	esac
}

# --- all of it

started=$SECONDS
rm -rf "$results"
mkdir -p "$results"
if [ -n "$smp" ]; then
	smp_tests
else
	lab_tests
	kunit
	kselftests
fi

echo
if [ "$ran" = 0 ]; then
	fail "${only:-all}" "there is no such test"
fi
if [ ${#failures[@]} -gt 0 ]; then
	echo "== failed (everything is in ${results#"$TOP"/})"
	printf '  %s\n' "${failures[@]}" | tee "$results/failures"
fi
slowest=$(cat "$results"/*/seconds 2>/dev/null | sort -rn | head -n 8 | awk '{ printf "%s%s %d s", sep, $2, $1; sep = ", " }')
[ -z "$slowest" ] || echo "== longest: $slowest"
echo "== $(minutes $((SECONDS - started)))"
echo "$passed $failed $skipped" >"$results/counts"
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
# One that is asked for may be skipped.
[ "$failed" = 0 ] && { [ "$passed" -gt 0 ] || [ -n "$only" ]; }
