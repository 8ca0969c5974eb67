#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What is counted where, and the reason of each drop, are in the code as xfrm_observe.rst has them.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../tap.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
page=$TOP/Documentation/networking/xfrm/xfrm_observe.rst
tree=$BUILD/linux

[ -f "$tree/net/xfrm/xfrm_proc.c" ] || { echo "1..0 # SKIP there is no build/linux: run 'make tree' first"; exit 4; }

compare() { # PAGE
	python3 "$LAB/counters.py" "$tree" "$1" | sed 's/^/# /'
	return "${PIPESTATUS[0]}"
}

notices() { # SED-SCRIPT
	sed -E "$1" "$page" >"$scratch/page.rst"
	! cmp -s "$page" "$scratch/page.rst" && ! compare "$scratch/page.rst"
}

check "the page has what the code has" compare "$page"
check "a place that is missing is noticed" notices '/- XfrmOutOffloadMismatch/,+2d'
check "a reason that is missing is noticed" notices 's/XFRM_STATE_SEQ/XFRM_STATE_PROTO/'
check "a place too many is noticed" notices 's/\* - XfrmTailEvicted/&2/'
check "a function too many is noticed" notices 's/ip6_frag_queue\(\)/&, ip_rcv()/'
done_testing
