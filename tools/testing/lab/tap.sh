# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The lab's tests of itself speak TAP with this. Sourced.

tests=0
broken=0

check() { # WHAT COMMAND...
	local what=$1

	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests $what"
	else
		broken=$((broken + 1))
		echo "# failed: $*"
		echo "not ok $tests $what"
	fi
}

skip() { # WHAT WHY
	tests=$((tests + 1))
	echo "ok $tests $1 # SKIP $2"
}

done_testing() {
	echo "1..$tests"
	[ "$broken" = 0 ]
}

# Runs a command; $status and $said are how it ended and all that it printed.
try() {
	said=$("$@" 2>&1 </dev/null)
	status=$?
}

# $said has these words; prints it where it has not.
says() {
	[[ $said == *"$1"* ]] && return
	printf '%s\n' "$said" | sed 's/^/#   /'
	return 1
}

ended_with() {
	[ "$status" = "$1" ] && return
	printf '%s\n' "$said" | sed 's/^/#   /'
	echo "# exit status $status"
	return 1
}

# It failed, with one sentence.
one_sentence() {
	ended_with 1 && [ "$(grep -c '^error: ' <<<"$said")" = 1 ] && says "$1"
}
