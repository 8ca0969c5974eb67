#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Unmodified IKE daemons on simulated NICs: each row of ike/rows, in a guest of its own, beside the same daemon without
# offload. What they do on the wire is judged by tshark, out here.
#
# usage: ike.sh [WORDS...]       the rows that have all these words, five times each
#        ALL=1 ike.sh            all rows, five times each; hours
#        QUICK=SEED ike.sh       once each: rows that are marked, and others that this number draws, for eight minutes
#        without all of these    the same, with seed 1
# ENOUGH=SECONDS: other than eight minutes
# REPEATS=N: other than five times. CONTINUE=1: what ran before is not run again.
#
# TAP, and the medians as a table: build/ike/table.txt. What each run left is in build/ike/runs.
set -u
. "$(dirname "$0")/lib.sh"
. "$LAB/tap.sh"

IKE=$LAB/ike
runs=$BUILD/ike/runs
# Of a short form, seconds.
enough=${ENOUGH:-480}
[[ $enough =~ ^[0-9]+$ ]] || die "ENOUGH is '$enough': give it a number of seconds"
repeats=${REPEATS:-5}
[[ $repeats =~ ^[1-9][0-9]*$ ]] || die "REPEATS is '$repeats': give it a number of runs"
cpus=$(nproc)
export XFRMCTL=$BUILD/xfrmctl/xfrmctl

[ -x "$BUILD/um/linux" ] || die "there is no kernel at $BUILD/um/linux: run 'make kernel' first"

# --- what is to be run

rows() { sed -E '/^(#|$)/d' "$IKE/rows"; }

draw() {
	rows | sed -n 's/^quick //p'
	rows | grep -vE '^(quick|all) ' | shuf --random-source=<(yes "$1")
}

wanted=()
if [ $# -gt 0 ]; then
	while IFS= read -r row; do
		for word; do
			[[ " $row " == *" $word "* ]] || continue 2
		done
		wanted+=("$row")
	done < <(rows | sed -E 's/^(quick|all) //')
	[ ${#wanted[@]} -gt 0 ] || die "no row has the words '$*': see ${IKE#"$TOP"/}/rows"
	enough=
elif [ -n "${ALL-}" ]; then
	mapfile -t wanted < <(rows | sed -E 's/^(quick|all) //')
	enough=
else
	[[ ${QUICK:=1} =~ ^[0-9]+$ ]] || die "QUICK is '$QUICK': give it a number, the seed that draws"
	mapfile -t wanted < <(draw "$QUICK")
	repeats=1
	say "rows that QUICK=$QUICK draws, for $((enough / 60)) minutes"
fi

# A daemon with our patch has to be built from its source first.
for daemon in patched-charon patched-pluto; do
	[ ! -e "$BUILD/ike/$daemon.complete" ] || continue
	mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | grep -v "^$daemon")
	[ ${#wanted[@]} -gt 0 ] || die "there is no $daemon: run ${IKE#"$TOP"/}/patched.sh with its source"
done

# --- running them

# The same row without offload.
control() { # ROW
	sed -E 's/ (offload|limit)=[^ ]*//g; s/$/ offload=no/' <<<"$1"
}

# A folder's name.
slug() { tr ' :=' '_+-' <<<"$1"; }

# A guest whose daemons did not come up tells nothing, and gets a second try.
guest() { # ROW N
	local dir words try

	dir=$runs/$(slug "$1").$2
	[ ! -s "$dir/result.json" ] || return 0
	read -r -a words <<<"$(sed -E 's/ limit=[^ ]*//g' <<<"$1")"
	for try in 1 2; do
		rm -rf "$dir"
		mkdir -p "$dir"
		"$LAB/boot.sh" --mem 768M --time-limit 900 --keep-output "$dir" -- "$IKE/row.sh" "$BUILD/ike" \
			"daemon=${words[0]}" "${words[@]:1}" >"$dir/output" 2>&1 </dev/null
		echo $? >"$dir/status"
		"$IKE/judge.sh" "$dir" >"$dir/result.json" 2>"$dir/judge.log"
		jq -e '.error | not' "$dir/result.json" >/dev/null 2>&1 && break
		say "$1: $(tail -n 1 "$dir/output"), try $try of 2"
	done
	# A capture of a row in order is megabytes that nobody reads.
	[ -n "${KEEP-}" ] || rm -f "$dir"/*.pcap "$dir"/*.tshark
}

# Trees that the row needs.
trees() { # ROW
	local half

	for half in $(tr ':' ' ' <<<"${1%% *}"); do
		[[ $half != patched-* ]] || continue
		"$IKE/tree.sh" "${half%%-*}" >&2 || return
	done
}

run_row() { # ROW: it and its control, side by side
	local n other

	other=$(control "$1")
	for ((n = 1; n <= repeats; n++)); do
		guest "$other" "$n" &
		[ "$cpus" -gt 1 ] || wait
		guest "$1" "$n"
		wait
	done
}

# --- judging them

# One object for all repeats: medians, but of what must never be the worst.
merge() { # ROW
	local files=() n

	for ((n = 1; n <= repeats; n++)); do
		files+=("$runs/$(slug "$1").$n/result.json")
	done
	jq -s --argjson status "$(cat "$runs/$(slug "$1")".*/status | jq -s 'max')" '
		def median: map(if . == null then infinite else . end) | sort | .[(length - 1) / 2 | floor] |
			if . > 1e300 then null else . end;
		{error: (map(.error // empty) | first), status: $status, runs: length,
		 offloaded: (map(.offloaded) | unique | join("/")), verified: map(.verified) | min, alive: map(.alive) | min, clear_nic: map(.clear_nic) | max, clear_back: map(.clear_back) | max,
		 repeated: map(.repeated) | max, unverified: map(.unverified) | max,
		 first_ms: map(.first_ms) | median, answered_ms: map(.answered_ms) | median,
		 did: .[0].did, invalid: map(.invalid) | max, larval: map(.larval) | max, sas: map(.sas) | max}' "${files[@]}"
}

get() { jq -r "$2" <<<"$1"; } # JSON EXPRESSION

# To its end, each time, with traffic that tshark could verify, and offloaded or not as is said: what would else make a
# broken kernel or bed look well.
ran() { # JSON OFFLOADED-REGEX
	[ "$(get "$1" .error)" = null ] && [ "$(get "$1" .status)" = 0 ] && [ "$(get "$1" .runs)" = "$repeats" ] &&
		[ "$(get "$1" .verified)" -ge 10 ] && [ "$(get "$1" .unverified)" = 0 ] &&
		[[ $(get "$1" .offloaded) =~ ^$2$ ]] && return
	echo "#   $(get "$1" '.error // tojson')"
	return 1
}

clear_of() { get "$1" '.clear_nic + .clear_back'; } # JSON

# Where the daemon itself gives up its policies, when it does so differs by a part of a second from run to run: then a
# second's requests and replies are no difference. None stays none.
no_more_clear() { # ROW MINE OTHER
	local load=100

	[[ $1 != *' load='* ]] || { load=${1##* load=}; load=${load%% *}; }
	[ "$2" -le $(($3 > 0 ? $3 + 2 * load : 0)) ]
}

# null is never.
no_later() { # JSON CONTROL MILLISECONDS
	jq -en --argjson a "$1" --argjson b "$2" --argjson more "$3" '
		$b.answered_ms == null or ($a.answered_ms != null and $a.answered_ms <= $b.answered_ms + $more)' >/dev/null
}

judge() { # ROW
	local row=$1 mine other trap='' later=1 before=$broken

	mine=$(merge "$row")
	other=$(merge "$(control "$row")")
	table_line "$row" "$mine" "$other" >>"$table"
	tail -n 1 "$table" | sed 's/^/# /'
	if [ "$(get "$other" .error)" != null ] && [ "$(get "$mine" .error)" != null ]; then
		skip "$row" "without offload the daemons do not come up here either: $(get "$other" .error)"
		skipped=$((skipped + 1))
		not_up=$((not_up + 1))
		return
	fi
	ran=$((ran + 1))
	check "$row: the row and its control ran" eval 'ran "$mine" "(crypto|packet)" && ran "$other" no'
	[ "$broken" = "$before" ] || return
	check "$row: no pair of SPI and IV twice" test "$(get "$mine" .repeated)" = 0
	[[ $row != *' start=trap'* || $row == *' end='* ]] || trap=yes
	[ -z "$trap" ] || check "$row: nothing in clear" test "$(clear_of "$mine")" = 0
	[[ $row != *' limit='* ]] || {
		echo "# only the daemon can do better; what holds: ${row##* limit=}"
		return
	}
	if [ -z "$trap" ]; then
		check "$row: no more in clear than without offload" no_more_clear "$row" "$(clear_of "$mine")" "$(clear_of "$other")"
	fi
	# The kernel tells again of a notification that is lost, after some seconds.
	[[ $row != *' lost=yes'* ]] || later=12
	check "$row: an answer no later than $later s after one without offload" no_later "$mine" "$other" "${later}000"
	[ "$(get "$other" .alive)" -lt 2 ] ||
		check "$row: and answers to the end" test "$(get "$mine" .alive)" -gt 0
	check "$row: no more INVALID SAs than children" test "$(get "$mine" .invalid)" -le 2
}

table_head() {
	printf '%-64s %-7s %11s %11s %11s %11s %5s %9s  %s\n' row is 'clear n/b' control answered control twice \
		'INV/larval' 'did: deletes rekeys moves acquires'
}

table_line() { # ROW JSON CONTROL
	printf '%-64s %-7s %11s %11s %11s %11s %5s %9s  %s\n' "${1%% limit=*}" "$(get "$2" .offloaded)" \
		"$(get "$2" '"\(.clear_nic)/\(.clear_back)"')" "$(get "$3" '"\(.clear_nic)/\(.clear_back)"')" \
		"$(get "$2" '.answered_ms // "never"')" "$(get "$3" '.answered_ms // "never"')" "$(get "$2" .repeated)" \
		"$(get "$2" '"\(.invalid)/\(.larval)"')" "$(get "$2" '.did | "\(.deletes) \(.rekeys) \(.moves) \(.acquires)"')"
}

# --- all of it

[ -n "${CONTINUE-}" ] || rm -rf "$runs"
mkdir -p "$runs"
table=$BUILD/ike/table.txt
table_head >"$table"
skipped=0
# Controls run on our kernel, too: if no daemon comes up at all, that is no slow machine.
ran=0
not_up=0
for row in "${wanted[@]}"; do
	if [ -n "$enough" ] && [ "$SECONDS" -gt "$enough" ]; then
		say "the other rows: ALL=1"
		break
	fi
	if ! trees "$row"; then
		skip "$row" "no tree with the daemons of ${row%%-*}"
		skipped=$((skipped + 1))
		continue
	fi
	run_row "$row"
	judge "$row"
done
[ "$not_up" = 0 ] || check "the daemons of some row come up" test "$ran" -gt 0
echo
sed 's/^/# /' "$table"
done_testing
status=$?
echo "$((tests - broken - skipped)) passed, $broken failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
exit "$status"
