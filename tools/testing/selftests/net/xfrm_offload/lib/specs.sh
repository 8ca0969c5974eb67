#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's ynl, with the description of xfrm, on a host. To be sourced, after
# lib.sh.

# ynl of the tree that this is in, or of the one that PATH leads to.
find_ynl()
{
	local gen

	for gen in "$HERE/../../../../net/ynl/ynl-gen-c.py" \
		   "$(command -v ynl-gen-c.py)"; do
		YNL=${gen%/*}
		YNL_SPEC=$YNL/../../../Documentation/netlink/specs/xfrm.yaml
		[[ ! -x $gen || ! -f $YNL_SPEC ]] || return 0
	done
	return 1
}

need_ynl()
{
	find_ynl ||
		skip_all "there is no tools/net/ynl that knows xfrm: run this in the kernel's tree"
	python3 -c 'import yaml, jsonschema' 2>/dev/null ||
		skip_all "needs python3-yaml and python3-jsonschema"
}

# One process for all requests: it reads the description once.
ynl_start() # HOST
{
	local WAY ready

	BACKGROUND=1 way "$1" python3 "$LIB/ynl_talk.py" "$YNL" "$YNL_SPEC"
	coproc YNL_TALK { exec "${WAY[@]}" 2>"$OUT/ynl_talk.log"; }
	PID[ynl]=$!
	# A subshell does not have those of a coprocess.
	exec {YNL_SAYS}<&"${YNL_TALK[0]}" {YNL_HEARS}>&"${YNL_TALK[1]}"
	read -rt $((30 * ${LAB_SLOW:-1})) ready <&"$YNL_SAYS"
	[[ $ready == ready ]] || { sed 's/^/# /' "$OUT/ynl_talk.log"; return 1; }
}

# Prints the answer.
ynl() # WORDS...
{
	local answer

	step "left\$ ynl $*"
	echo "$*" >&"$YNL_HEARS"
	read -rt $((30 * ${LAB_SLOW:-1})) answer <&"$YNL_SAYS" ||
		answer=$(tail -n 1 "$OUT/ynl_talk.log")
	echo "$answer"
}

# An address of IPv4 in the 16 bytes that the structs of xfrm have for it.
ynl_address() # ADDRESS
{
	# shellcheck disable=SC2086 # four words, on purpose
	printf '%02x%02x%02x%02x%024d\n' ${1//./ } 0
}
