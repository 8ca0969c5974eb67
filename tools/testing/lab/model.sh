#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check the models of tools/testing/model with spin: each holds in every interleaving, and each mutation of it does not.
#
# usage: model.sh [NAME]      what has NAME in its name only: device, NO_DRAIN, ...
#
# A mutation leaves its shortest counterexample in build/model/NAME.txt. The last line counts.
set -u
. "$(dirname "$0")/lib.sh"

models=$TOP/tools/testing/model
results=$BUILD/model
only=${1-}
# spin's verifier gives up beyond this
memory_mb=1900

tests=0
passed=0
failed=0

# Build the verifier of a model. $1: the model; $2: options of the verifier; then those of the model.
build() {
	local model=$1 verifier=$2

	shift 2
	rm -rf "$results/$name.d"
	mkdir -p "$results/$name.d"
	cp "$models"/*.pml "$results/$name.d"
	cd "$results/$name.d" || return
	# shellcheck disable=SC2086  # a list
	spin "$@" -a "$model.pml" >log 2>&1 &&
		gcc -O2 -w -DCOLLAPSE -DNOFAIR -DMEMLIM="$memory_mb" $verifier -o pan pan.c >>log 2>&1
}

result() { # ok|not ok, WHAT
	tests=$((tests + 1))
	echo "$1 $tests $2"
	case $1 in
	ok) passed=$((passed + 1)) ;;
	*)
		failed=$((failed + 1))
		tail -n 5 "$results/$name.d/log" | sed 's/^/# /'
		;;
	esac
	cd "$TOP" || exit
	[ "$1" != ok ] || rm -rf "$results/$name.d"
}

wanted() {
	name="$1${2:+ $2}"
	name=${name// /_}
	name=${name//-D/}
	[[ $name == *"$only"* ]]
}

states() { sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' log; }

# Every interleaving, and no property is hurt: $1 is the model, the rest its options.
holds() {
	local model=$1

	wanted "$model" "${*:2}" || return
	shift
	if build "$model" -DSAFETY "$@" && ./pan -m100000 >>log 2>&1 &&
		grep -q 'errors: 0' log && ! grep -qE 'out of memory|max search depth|MEMLIM' log; then
		result ok "$model${*:+ $*} holds: $(states) states"
	else
		result 'not ok' "$model${*:+ $*} holds"
	fi
}

# No process of the model goes round for ever.
ends() {
	local model=$1

	wanted "$model" ends || return
	if build "$model" -DNP && ./pan -l -m100000 >>log 2>&1 && grep -q 'errors: 0' log; then
		result ok "$model comes to an end, always"
	else
		result 'not ok' "$model comes to an end, always"
	fi
}

# With a step taken out, this property is hurt: $1 is the model, $2 the property, the rest options, the mutation first.
hurts() {
	local model=$1 property=$2 found

	wanted "$model" "${*:3}" || return
	shift 2
	if ! build "$model" "-DSAFETY -DBFS" "$@"; then
		result 'not ok' "$model $* hurts $property"
		return
	fi
	./pan >>log 2>&1
	found=$(sed -nE 's/^pan:1: assertion violated +!\((.*)\) \(at.*/\1/p; s/^pan:1: (invalid end state).*/deadlock/p' log)
	spin "$@" -T -t "$model.pml" 2>/dev/null | grep -E '^[a-z0-9 ]+: ' | grep -v '^spin: ' >"$results/$name.txt"
	if [ "$found" = "$property" ]; then
		result ok "$model $* hurts $property"
	else
		echo "# found: ${found:-nothing}"
		result 'not ok' "$model $* hurts $property"
	fi
}

started=$SECONDS
mkdir -p "$results"
echo "TAP version 13"

holds device
holds device -DTWO_SENDERS
holds device -DCRYPTO
hurts device cleartext -DNO_FENCE
hurts device cleartext -DNO_DRAIN -DNO_USER
hurts device cleartext -DNO_CONVERT -DNO_USER
hurts device cleartext -DSTOP_BEFORE_FENCE -DNO_USER
hurts device not_told -DNO_TELL
hurts device deadlock -DNO_CLOSE -DNO_USER
hurts device used_after_free -DCLAIM_WITHOUT_HOLD
hurts device deadlock -DNO_REAP
hurts device cleartext -DDELETE_AT_ONCE
hurts device cleartext -DSTRIP_AT_CHECK -DNO_USER
hurts device cleartext -DDELETE_AT_ONCE -DCRYPTO
hurts device cleartext -DXMIT_BEFORE_HW_ONLY -DCRYPTO -DNO_USER
hurts device cleartext -DFENCE_OUTSIDE_LOCK -DCRYPTO

holds chain
ends chain
hurts chain cleartext -DNO_SEQCOUNT
hurts chain cleartext -DREPLACE_WITHOUT_SEQCOUNT

holds replace
hurts replace cleartext -DBLOCKS_INVALID_ONLY
hurts replace cleartext -DOLD_OUT_BEFORE_NEW_IN
hurts replace not_healed -DPOLICY_LEFT_OFFLOADED

holds rebind
holds rebind -DTWO_SENDERS
hurts rebind cleartext -DREBIND_WITHOUT_FENCE
hurts rebind cleartext -DREBIND_WITHOUT_DRAIN
hurts rebind cleartext -DREBIND_LIVE_BEFORE_REAL
hurts rebind cleartext -DREBIND_REAP_LAST
hurts rebind iv_twice -DREBIND_WITHOUT_COUNTERS -DTWO_SENDERS
hurts rebind iv_twice -DREBIND_ADD_BEFORE_STOP -DTWO_SENDERS
hurts rebind not_told -DREBIND_REFUSAL_IS_SILENT
hurts rebind used_after_free -DREBIND_FORGETS_DEAD
hurts rebind used_after_free -DREBIND_WITHOUT_REAP
hurts rebind torn_down_twice -DREBIND_WITHOUT_CLOSE

holds migrate
hurts migrate cleartext -DMIGRATE_WITHOUT_FENCE
hurts migrate cleartext -DMIGRATE_WITHOUT_DRAIN
hurts migrate iv_twice -DMIGRATE_WITHOUT_COUNTERS
hurts migrate iv_twice -DMIGRATE_ADD_BEFORE_STOP
hurts migrate iv_twice -DMIGRATE_PUBLISH_BEFORE_ADD
hurts migrate not_in_time -DMIGRATE_WITHOUT_PENDING
hurts migrate torn_down_twice -DNO_STAGE

echo "1..$tests"
if [ "$tests" = 0 ]; then
	echo "error: nothing has '$only' in its name" >&2
	failed=1
fi
echo "== $(minutes $((SECONDS - started)))"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
