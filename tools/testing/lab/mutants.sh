#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Break the code on purpose, and see whether the tests notice. A mutant is one deliberate bug; the tests kill it if one
# of them fails.
#
# usage: mutants.sh [NAME...]         those of mutants/*.patch, or some; each has to fail the tests that it names
#        mutants.sh --random N [SEED] N that nobody chose, in our files of net/xfrm: killed or survived
#        QUICK=SEED mutants.sh        three of the first kind, drawn by this number
#
# A patch says above its diff what is broken, and which tests fail, one line for each program:
#
#	Fails: kunit CASE...
#	Fails: PROGRAM WORD...           words of what it says of a check that fails; none: any
#	Fails: lab_NAME WORD...          the same of a test of the lab itself
#	Hangs: kunit                     the guest does not end
#
# The kernel is built in build/um, from files that are changed in build/linux only; in the end it is what it was. The
# last line counts. Logs are in build/mutants/NAME: failed lists what failed.
set -u
. "$(dirname "$0")/lib.sh"

mutants=$TOP/mutants
selftests=$TOP/tools/testing/selftests/net/xfrm_offload
results=$BUILD/mutants
tree=$BUILD/linux
passed=0
failed=0
failures=()
changed=()

export XFRMCTL=$BUILD/xfrmctl/xfrmctl
[ ! -d /usr/lib/ccache ] || PATH=/usr/lib/ccache:$PATH

# --- the tree

# Files of ours are links into the repository: a copy takes their place.
change() { # FILE
	changed+=("$1")
	if [ -L "$tree/$1" ]; then
		cp --remove-destination "$(readlink -f "$tree/$1")" "$tree/$1"
	fi
	# ccache follows links: what it found knows the header by where the link leads to
	if [[ $1 == *.h ]]; then
		[ ! -e "$TOP/$1" ] || touch "$TOP/$1"
		export CCACHE_DISABLE=1
	fi
}

restore() {
	local file

	for file in "${changed[@]}"; do
		if [ -e "$TOP/$file" ]; then
			ln -sfr "$TOP/$file" "$tree/$file"
			# what was built from the copy is newer than what the link leads to
			[[ $file != *.h ]] || touch "$TOP/$file"
		else
			git -C "$tree" checkout -q -- "$file"
		fi
		[[ $file == tools/* ]] || stale+=("$file")
	done
	changed=()
	unset CCACHE_DISABLE
}

# What was built from a mutant is older than no source.
stale=()
forget_objects() {
	local file

	for file in "${stale[@]}"; do
		rm -f "$BUILD/um/${file%.c}.o"
	done
	stale=()
}

# The kernel that is there is a mutant: nobody boots it by mistake.
finish() {
	restore
	[ ${#stale[@]} = 0 ] || rm -f "$BUILD/um/linux"
	forget_objects
}
trap finish EXIT
trap 'exit 130' INT TERM

# Modules only if one is a mutant now, or was. A mutant below tools is no part of the kernel.
build() { # LOG
	local file files=("${stale[@]}") how=(--relink)

	for file in "${changed[@]}"; do
		[[ $file == tools/* ]] || files+=("$file")
	done
	[ ${#files[@]} -gt 0 ] || [ ${#changed[@]} = 0 ] || return 0
	for file in "${files[@]}"; do
		[[ $file != drivers/net/ethernet/intel/* ]] || how=(--again modules)
	done
	[ ${#files[@]} -gt 0 ] || how=(--again)
	if [ "${how[0]}" = --relink ]; then
		how+=("${files[@]}")
		stale=()
	fi
	forget_objects
	"$LAB/kernel.sh" "${how[@]}" >"$1" 2>&1 </dev/null
}

# --- the tests

# Each prints what failed, one line each; nothing if nothing did. The unit tests run before there is any file system.
run_kunit() { # OUTPUT
	local guest=("$BUILD/um/linux" mem=256M "uml_dir=$1/uml" con=null "con0=null,fd:1" console=tty0 panic=-1 noreboot)

	timeout -k 5 30 "${guest[@]}" loglevel=7 kunit.enable=1 kunit_shutdown=poweroff </dev/null >"$1/kernel.log" 2>&1
	case $? in
	124 | 137) echo hangs ;;
	*) grep -aq 'reboot: Power down' "$1/kernel.log" || echo "the guest died" ;;
	esac
	# a case that has failed may not come to its end
	sed -nE -e 's/^(\[ *[0-9.]+\] ?)? {4}not ok [0-9]+ ([a-z0-9_]+).*/\2/p' \
		-e 's/^(\[ *[0-9.]+\] ?)? {4,}# ([a-z0-9_]+): (EXPECTATION|ASSERTION) FAILED.*/\2/p' "$1/kernel.log" 2>/dev/null |
		sort -u
}

# Have all words failed? Without any, has something?
all_failed() { # FAILED WORD...
	local failed=$1 word

	[ -n "$failed" ] || return
	shift
	for word; do
		grep -qwF -- "$word" <<<"$failed" || return
	done
}

# What else would fail is not waited for: the guest is ended then.
run_program() { # NAME OUTPUT WORD...
	local tap=$2/$1.tap failed='' line out guest status

	exec {out}< <(cd "$selftests" &&
		exec "$LAB/boot.sh" --mem 1G --time-limit 1800 -- "./$1.sh" 2>&1 </dev/null)
	guest=$!
	shift 2
	while IFS= read -r line <&"$out"; do
		printf '%s\n' "$line"
		[[ $line == 'not ok '* ]] || continue
		failed+=$line$'\n'
		! all_failed "$failed" "$@" || kill "$guest" 2>/dev/null
	done >"$tap"
	exec {out}<&-
	wait "$guest"
	status=$?
	[ "$status" -lt 124 ] || [ "$status" = 143 ] || echo "the guest died, hung, or its kernel complained"
	printf %s "$failed"
}

# A test of the lab: it looks at the objects that were built, or at the selftests of the tree.
run_lab() { # NAME OUTPUT
	SELFTESTS=$tree/tools/testing/selftests/net/xfrm_offload "$LAB/tests/$1.sh" >"$2/$1.tap" 2>&1 </dev/null
	grep -a '^not ok ' "$2/$1.tap"
}

# --- mutants of mutants/

count() { # NAME PROBLEM
	if [ -z "$2" ]; then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) $1 is killed"
	else
		failed=$((failed + 1))
		failures+=("$1: $2")
		echo "not ok $((passed + failed)) $1: $2"
	fi
}

# Prints what of a line of the patch did not come true.
missing() { # OUTPUT VERB PROGRAM WORD...
	local output=$1 verb=$2 program=$3 failed word

	shift 3
	if [ "$program" = kunit ]; then
		failed=$(run_kunit "$output")
	elif [ -x "$LAB/tests/$program.sh" ]; then
		failed=$(run_lab "$program" "$output")
	else
		[ -x "$selftests/$program.sh" ] || { echo "there is no program $program"; return; }
		failed=$(run_program "$program" "$output" "$@")
	fi
	[ -z "$failed" ] || sed "s/^/$program: /" <<<"$failed" >>"$output/failed"
	if [ "$verb" = Hangs: ]; then
		[[ $failed == *hangs* ]] || echo "$program ends"
		return
	fi
	[ -n "$failed" ] || { echo "$program passes"; return; }
	for word; do
		grep -qwF -- "$word" <<<"$failed" || { echo "$program fails, but not $word"; return; }
	done
}

try() { # NAME
	local name=$1 patch=$mutants/$1.patch output=$results/$1 file problem='' verb words

	mkdir -p "$output"
	grep -qE '^(Fails|Hangs): ' "$patch" || { count "$name" "no line says what fails"; return; }
	while read -r file; do
		change "$file"
	done < <(sed -n 's,^+++ b/,,p' "$patch")
	if ! patch -s -f -p1 -d "$tree" <"$patch" >"$output/patch.log" 2>&1; then
		problem="does not apply: see build/mutants/$name/patch.log"
	elif ! build "$output/build.log"; then
		problem="does not compile: $(grep -m 1 error: "$output/build.log")"
	else
		while read -r verb words; do
			# shellcheck disable=SC2086 # words, on purpose
			problem=$(missing "$output" "$verb" $words)
			[ -z "$problem" ] || break
		done < <(grep -E '^(Fails|Hangs): ' "$patch")
	fi
	for file in "${changed[@]}"; do
		rm -f "$tree/$file.rej" "$tree/$file.orig"
	done
	restore
	count "$name" "$problem"
}

# --- mutants that nobody chose

# The programs that are run if KUnit passes, by what the file is about.
programs_for() { # FILE
	case $1 in
	*migrate*) echo migrate_state migrate_policy ;;
	*offload_xmit*) echo outbound_path inflight_wait ;;
	*tail*) echo migrate_state ;;
	*offload.c | *offload_gc.c | *unbind.c | *invalid.c) echo unbind_wire unbind_policy ;;
	*) echo unbind_wire ;;
	esac
}

# Sets VERDICT: killed, survived, or why the mutant is none.
judge_random() { # FILE OUTPUT
	local object=$BUILD/um/${1%.c}.o program found

	cp "$object" "$2/before.o"
	if ! build "$2/build.log"; then
		VERDICT="does not compile"
		return
	fi
	if cmp -s "$object" "$2/before.o"; then
		VERDICT="is the same code"
		return
	fi
	found=$(run_kunit "$2" | head -n 1)
	for program in $(programs_for "$1"); do
		[ -z "$found" ] || break
		found=$(run_program "$program" "$2" | head -n 1)
	done
	VERDICT=${found:+killed by ${found#not ok }}
	VERDICT=${VERDICT:-survived}
}

random() { # N SEED
	local n=$1 seed=$2 i=0 file line killed=0 survived=0 output

	say "make mutants RANDOM=$n SEED=$seed makes the same ones"
	build "$results/build.log" || die "the kernel does not build: $(grep -m 1 error: "$results/build.log")"
	while [ $((killed + survived)) -lt "$n" ] && [ "$i" -lt $((4 * n)) ]; do
		output=$results/random-$i
		mkdir -p "$output"
		IFS=$'\t' read -r file line < <("$LAB/mutate.py" "$TOP" "$seed" "$i" "$output/mutant.c")
		change "$file"
		cp --remove-destination "$output/mutant.c" "$tree/$file"
		judge_random "$file" "$output"
		diff -u --label "a/$file" --label "b/$file" "$TOP/$file" "$tree/$file" >"$output/mutant.patch"
		restore
		build "$results/build.log"
		case $VERDICT in
		killed*) killed=$((killed + 1)) ;;
		survived) survived=$((survived + 1)) ;;
		esac
		printf '%-3d %s: %s: %s\n' "$i" "$file" "$line" "$VERDICT"
		i=$((i + 1))
	done
	[ $((killed + survived)) -gt 0 ] || die "no mutant of seed $seed compiles"
	say "of $((killed + survived)) mutants $killed were killed ($((100 * killed / (killed + survived))) %)," \
		"$survived survived; build/mutants/random-*/mutant.patch"
	echo "$killed passed, $survived failed"
	[ "$survived" = 0 ]
}

# --- which

git -C "$tree" diff --quiet || die "build/linux has changes that are not committed: commit or revert them"
rm -rf "$results" "$BUILD/um/.link.cmd"
mkdir -p "$results"

if [ "${1-}" = --random ]; then
	[[ ${2-} =~ ^[1-9][0-9]*$ ]] || die "RANDOM is a number of mutants, not '${2-}'"
	[[ ${3:-1} =~ ^[0-9]+$ ]] || die "SEED is a number, not '$3'"
	random "$2" "${3:-$(date +%s)}"
	exit
fi

names=("${@%.patch}")
if [ $# = 0 ]; then
	names=("$mutants"/*.patch)
	names=("${names[@]##*/}")
	names=("${names[@]%.patch}")
fi
for name in "${names[@]}"; do
	[ -e "$mutants/$name.patch" ] || die "there is no mutant '$name': ls mutants"
done
if [ -n "${QUICK-}" ] && [ $# = 0 ]; then
	mapfile -t names < <(printf '%s\n' "${names[@]}" | shuf -n 3 --random-source=<(yes "$QUICK"))
	say "three of the mutants, drawn by QUICK=$QUICK: ${names[*]}"
fi
echo 'TAP version 13'
for name in "${names[@]}"; do
	try "$name"
done
echo "1..$((passed + failed))"
[ "$failed" = 0 ] || printf 'failed: %s\n' "${failures[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
