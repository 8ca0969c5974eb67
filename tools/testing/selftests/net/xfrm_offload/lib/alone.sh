#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# For programs that run a tool on lines of words, in a network namespace of their own,
# without hosts.
#
# To be sourced, after lib.sh.

# shellcheck disable=SC2034 # the programs read these

KEY160=0x000102030405060708090a0b0c0d0e0f10111213
KEY128=0x000102030405060708090a0b0c0d0e0f
KEY256=0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
GCM="aead rfc4106(gcm(aes)) $KEY160 128"

# NIC_NUMBER: of the simulated NIC that the program may make; NIC is its name then.
begin_alone()
{
	find_tool || skip_all "needs xfrmctl (tools/net/xfrmctl)"
	OUT=${OUT:-$(mktemp -d)}
	mkdir -p "$OUT"
	exec {NEVER}<> <(:)
	LOG_START=$(dmesg | wc -l)
	trap tear_down EXIT
	trap 'exit 130' INT TERM
	ip link set lo up
}

tear_down()
{
	local job

	for job in $(jobs -p); do
		kill "$job" 2>/dev/null
	done
	[[ -z ${NIC:-} ]] || echo "$NIC_NUMBER" >"$NSIM/del_device"
}

# On a line of words; EMPTY stands for an empty one. What is said is in out and err.
run_tool() # TOOL WORD...
{
	local words i

	read -rd '' -a words <<<"${*:2}"
	for i in "${!words[@]}"; do
		[[ ${words[i]} != EMPTY ]] || words[i]=
	done
	"$1" "${words[@]}" >"$OUT/out" 2>"$OUT/err"
	STATUS=$?
	return "$STATUS"
}
