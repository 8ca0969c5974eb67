#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check the models of tools/testing/model with spin: each holds in every interleaving, and each mutation of it does not.
#
# usage: model.sh [NAME]      what has NAME in its name only: device, NO_DRAIN, ...
#        QUICK=SEED           a few of them only, drawn by this number
#
# A mutation leaves its shortest counterexample in build/model/NAME.txt. The last line counts.
set -u
. "$(dirname "$0")/lib.sh"

models=$TOP/tools/testing/model
steps=$TOP/tools/testing/selftests/net/xfrm_offload/lib/steps
results=$BUILD/model
only=${1-}
QUICK=${QUICK-}
[[ $QUICK =~ ^[0-9]*$ ]] || die "QUICK is '$QUICK': give it a number, the seed that draws"
[ -z "$QUICK" ] || [ -z "$only" ] || die "QUICK draws from all checks: leave out either QUICK or the name"

# QUICK draws so many of the checks that are left in the list below.
to_draw=8
left=$(grep -c '^check ' "$0")
RANDOM=${QUICK:-0}
# spin's verifier gives up beyond this
memory_mb=1900

# Two checks run at a time. A result waits in a file until its turn to be printed.
declare -a jobs=()
tests=0
failed=0

# The table of the selftests, as macros: what an SA, and what an unbind, may do next.
steps_of() {
	awk '
	function token(word) {
		sub(/^</, "begin_", word)
		sub(/^>/, "end_", word)
		sub(/^!/, "failed_", word)
		gsub(/-/, "_", word)
		word = "AT_" toupper(word)
		if (!(word in number)) {
			number[word] = numbers++
			print "#define " word "\t" number[word]
		}
		return word
	}
	BEGIN { token("new") }
	NF == 3 && ($1 == "sa" || $1 == "unbind") {
		may[$1] = may[$1] (may[$1] ? " || " : "") \
			"((from) == " token($2) " && (to) == " token($3) ")"
	}
	END {
		for (kind in may)
			print "#define " toupper(kind) "_MAY(from, to)\t(" may[kind] ")"
		exit !may["sa"] || !may["unbind"]
	}' "$steps"
}

# Build the verifier of a model. $1: the model; $2: options of the verifier; then those of the model.
build() {
	local model=$1 verifier=$2

	shift 2
	rm -rf "$results/$name.d"
	mkdir -p "$results/$name.d"
	cp "$models"/*.pml "$results/$name.d"
	cd "$results/$name.d" || return
	steps_of >steps.pml || return
	# shellcheck disable=SC2086  # a list
	spin "$@" -a "$model.pml" >log 2>&1 &&
		gcc -O2 -w -DCOLLAPSE -DNOFAIR -DMEMLIM="$memory_mb" $verifier -o pan pan.c >>log 2>&1
}

result() { # ok|not ok, WHAT
	echo "$1 - $2"
	if [ "$1" = ok ]; then
		rm -rf "$results/$name.d"
	else
		tail -n 5 "$results/$name.d/log" | sed 's/^/# /'
	fi
}

# Selection sampling: each set of checks has the same chance.
drawn() {
	[ -n "$QUICK" ] || return 0
	left=$((left - 1))
	[ $((RANDOM % (left + 1))) -lt "$to_draw" ] || return
	to_draw=$((to_draw - 1))
}

# Runs one of the checks below if it is asked for. It has a name, and a file for its result.
check() {
	local kind=$1

	shift
	case $kind in
	holds) name="$*" ;;
	ends) name="$1 ends" ;;
	hurts) name="$1 ${*:3}" ;;
	esac
	name=${name// /_}
	name=${name//-D/}
	[[ $name == *"$only"* ]] && drawn || return
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
		wait -n
	done
	report
	jobs+=("$name")
	{
		"$kind" "$@" >"$results/$name.part"
		mv "$results/$name.part" "$results/$name.tap"
	} &
}

# Print the results whose turn it is.
report() {
	local file

	while [ "$tests" -lt "${#jobs[@]}" ]; do
		file="$results/${jobs[tests]}.tap"
		[ -e "$file" ] || return
		tests=$((tests + 1))
		sed -E "s/^(ok|not ok) - /\1 $tests /" "$file"
		grep -q '^ok ' "$file" || failed=$((failed + 1))
		rm -f "$file"
	done
}

states() { sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' log; }

# Every interleaving, and no property is hurt: $1 is the model, the rest its options. Each step is one that the table
# has; a mutation is not asked that, unless it says so, as it may do something else first.
holds() {
	local model=$1

	shift
	if build "$model" -DSAFETY -DSTEPS "$@" && ./pan -m100000 >>log 2>&1 &&
		grep -q 'errors: 0' log && ! grep -qE 'out of memory|max search depth|MEMLIM' log; then
		result ok "$model${*:+ $*} holds: $(states) states"
	else
		result 'not ok' "$model${*:+ $*} holds"
	fi
}

# No process of the model goes round for ever.
ends() {
	local model=$1

	if build "$model" -DNP && ./pan -l -m100000 >>log 2>&1 && grep -q 'errors: 0' log; then
		result ok "$model comes to an end, always"
	else
		result 'not ok' "$model comes to an end, always"
	fi
}

# With a step taken out, this property is hurt: $1 is the model, $2 the property, the rest options, the mutation first.
hurts() {
	local model=$1 property=$2 found

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
rm -f "$results"/*.part "$results"/*.tap
[ -z "$QUICK" ] || say "$to_draw of $left checks, drawn by QUICK=$QUICK"
echo "TAP version 13"

check holds device
check holds device -DTWO_SENDERS
check holds device -DCRYPTO
check holds device -DFULL
check hurts device cleartext -DNO_FENCE
check hurts device cleartext -DNO_DRAIN -DNO_USER
check hurts device cleartext -DNO_CONVERT -DNO_USER
check hurts device cleartext -DSTOP_BEFORE_FENCE -DNO_USER
check hurts device not_allowed -DCONVERT_BEFORE_FENCE -DSTEPS -DNO_USER
check hurts device cleartext -DFEATURE_OFF_BEFORE_UNBIND -DNO_USER
check hurts device not_told -DNO_TELL
check hurts device not_in_time -DNO_CLOSE -DNO_USER
check hurts device used_after_free -DCLAIM_WITHOUT_HOLD
check hurts device not_in_time -DCLAIM_LEAVES_DELETED
check hurts device not_in_time -DCLAIM_WITHOUT_WAIT
check hurts device not_in_time -DNO_QUIESCE
check hurts device cleartext -DDELETE_AT_ONCE
check hurts device cleartext -DDELETE_AT_ONCE -DCRYPTO
check hurts device cleartext -DDEFER_WITHOUT_DRAIN
check hurts device not_in_time -DDELETE_WITHOUT_PENDING
check hurts device used_after_free -DDEFER_WITHOUT_HOLD
check hurts device no_room -DADD_WITHOUT_FLUSH -DFULL
check hurts device cleartext -DREQUEUED_UNTESTED -DNO_USER
check hurts device cleartext -DXMIT_BEFORE_HW_ONLY -DCRYPTO -DNO_USER

check holds chain
check ends chain
check hurts chain cleartext -DCONVERT_MOVES
check hurts chain cleartext -DREPLACE_WITHOUT_SEQCOUNT

check holds replace
check hurts replace cleartext -DSTANDS_INVALID_ONLY
check hurts replace cleartext -DSTANDS_SAME_KIND_ONLY
check hurts replace cleartext -DSTANDS_ALIVE_ONLY
check hurts replace cleartext -DSTANDS_BEFORE_LOOK
check hurts replace cleartext -DNO_GENERATION
check hurts replace cleartext -DOLD_OUT_BEFORE_NEW_IN
check hurts replace not_healed -DPOLICY_LEFT_OFFLOADED

check holds failover
check holds failover -DADD
check holds failover -DCRYPTO
check holds failover -DTWO_SENDERS
check hurts failover cleartext -DSUSPEND_WITHOUT_FENCE
check hurts failover cleartext -DSUSPEND_WITHOUT_DRAIN
check hurts failover used_after_free -DSUSPEND_WITHOUT_CLOSE -DADD
check hurts failover used_after_free -DSUSPEND_LEAVES_DELETED
check hurts failover used_after_free -DSUSPEND_WITHOUT_QUIESCE
check hurts failover iv_twice -DSUSPEND_WITHOUT_COUNTERS -DTWO_SENDERS
check hurts failover iv_twice -DRESTORE_ADD_BEFORE_STOP -DTWO_SENDERS
check hurts failover cleartext -DRESTORE_LIVE_BEFORE_REAL
check hurts failover cleartext -DRESTORE_PUBLISH_BEFORE_POLICY
check hurts failover cleartext -DRESTORE_KEEPS_SA_WITHOUT_POLICY
check hurts failover not_told -DRESTORE_REFUSAL_IS_SILENT
check hurts failover used_after_free -DRESTORE_FORGETS_DEAD
check hurts failover cleartext -DXMIT_ANYWHERE -DCRYPTO

check holds invalidate
check hurts invalidate sent_on_broken -DGO_LIVE_WITHOUT_LOOK
check hurts invalidate used_after_free -DBROKEN_WITHOUT_HOLD
check hurts invalidate torn_down_twice -DBROKEN_CLAIMS_ANY
check hurts invalidate not_told -DADD_FORGETS_BROKEN

check holds migrate
check hurts migrate cleartext -DMIGRATE_WITHOUT_FENCE
check hurts migrate cleartext -DMIGRATE_WITHOUT_DRAIN
check hurts migrate iv_twice -DMIGRATE_WITHOUT_COUNTERS
check hurts migrate iv_twice -DMIGRATE_ADD_BEFORE_STOP
check hurts migrate iv_twice -DMIGRATE_PUBLISH_BEFORE_ADD
check hurts migrate not_in_time -DMIGRATE_WITHOUT_PENDING
check hurts migrate torn_down_twice -DNO_STAGE

wait
report
passed=$((tests - failed))

echo "1..$tests"
if [ "$tests" = 0 ]; then
	echo "error: nothing has '$only' in its name" >&2
	failed=1
fi
echo "== $(minutes $((SECONDS - started)))"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
