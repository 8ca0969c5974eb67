#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Requirements and what was found out about them. Evidence is collected while a
# group runs, good, bad, or that something is lacking; then each requirement of
# the group gets its verdict, in TAP, and for the report.
#
# To be sourced, after lib.sh.

IDS=()
declare -A GROUP_OF=() SENTENCE=() GOODS=() BADS=() LACKS=()

requirements_read() # FILE
{
	local id group contract sentence

	while IFS=$'\t' read -r id group contract sentence; do
		[[ $id != '#'* ]] || continue
		IDS+=("$id")
		GROUP_OF[$id]=$group
		SENTENCE[$id]=$sentence
	done <"$1"
	: >"$OUT/evidence.tsv"
	: >"$OUT/verdicts.tsv"
	: >"$OUT/facts.tsv"
}

# One line, with no key in it.
evidence() # ID good|bad|lack TEXT...
{
	local text=${*:3}

	[[ ${GROUP_OF[$1]:-} ]] || { note "there is no requirement $1"; exit 1; }
	while [[ $text =~ 0x[0-9a-f]{32,} ]]; do
		text=${text//"${BASH_REMATCH[0]}"/KEY}
	done
	text=${text//[$'\t\n']/ }
	text=${text//"$XFRMCTL"/xfrmctl}
	printf '%s\t%s\t%s\n' "$1" "$2" "$text" >>"$OUT/evidence.tsv"
	[[ $2 != bad && ! ${VERBOSE:-} ]] || note "$1, $2: $text"
}

good() { ((++GOODS[$1])); evidence "$1" good "${@:2}"; } # ID TEXT...
bad() { ((++BADS[$1])); evidence "$1" bad "${@:2}"; } # ID TEXT...
lack() { ((++LACKS[$1])); evidence "$1" lack "${@:2}"; } # ID TEXT...

lack_all() # TEXT ID...
{
	local id

	for id in "${@:2}"; do
		lack "$id" "$1"
	done
}

equal() # ID WHAT GOT WANTED
{
	if [[ $3 == "$4" ]]; then
		good "$1" "$2: $3"
	else
		bad "$1" "$2: $3, not $4"
	fi
}

expect() # ID WHAT COMMAND...
{
	if "${@:3}"; then
		good "$1" "$2"
	else
		bad "$1" "$2: no; what failed: ${*:3}"
	fi
}

# Runs COMMAND; SAID is what it said last, COMMAND_TRIED its words.
tried() # COMMAND...
{
	local status

	COMMAND_TRIED="$*"
	"$@" 2>"$OUT/said.log"
	status=$?
	SAID=
	read -r SAID <"$OUT/said.log"
	return "$status"
}

# What the device is, and how the suite was run.
fact() { printf '%s\t%s\n' "$1" "${2%"${2##*[! ]}"}" >>"$OUT/facts.tsv"; } # NAME VALUE

requirements_of() # GROUP
{
	local id

	for id in "${IDS[@]}"; do
		[[ ${GROUP_OF[$id]} != "$1" ]] || echo "$id"
	done
}

judge() # GROUP
{
	local id verdict

	for id in $(requirements_of "$1"); do
		((BADS[$id] + GOODS[$id] + LACKS[$id])) ||
			bad "$id" "the suite did not get to it: ${WHY:-the group ended early}"
		if ((BADS[$id])); then
			verdict=fail
			not_ok "$id ${SENTENCE[$id]}"
		elif ((GOODS[$id])); then
			verdict=pass
			ok "$id ${SENTENCE[$id]}"
		else
			verdict='not supported'
			skip "$id ${SENTENCE[$id]}" "not supported: $(lacking "$id")"
		fi
		printf '%s\t%s\n' "$id" "$verdict" >>"$OUT/verdicts.tsv"
	done
}

# The first thing that it lacks.
lacking() # ID
{
	awk -F '\t' -v id="$1" '$1 == id && $2 == "lack" { print $3; exit }' \
		"$OUT/evidence.tsv"
}
