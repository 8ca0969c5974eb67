#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A reason has one word, wherever it is told: the one that the table of xfrm_unbind.rst has.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../tap.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
page=Documentation/networking/xfrm/xfrm_unbind.rst

compare() { # TOP
	python3 "$LAB/reasons.py" "$1" "$1/$page" | sed 's/^/# /'
	return "${PIPESTATUS[0]}"
}

notices() { # FILE SED-SCRIPT
	rm -rf "$scratch/top"
	mkdir "$scratch/top"
	cp -r "$TOP"/{Documentation,include,net,patches,tools} "$scratch/top"
	# shellcheck disable=SC2086 # a pattern
	sed -i -E "$2" "$scratch/top"/$1
	! compare "$scratch/top"
}

check "one word everywhere" compare "$TOP"
check "another word in the tracepoints is noticed" notices include/trace/events/xfrm.h 's/"device-down"/"dev-down"/'
check "another word in xfrmctl is noticed" notices tools/net/xfrmctl/offload.c 's/"key-unknown"/"tail"/'
check "another word in iproute2 is noticed" notices 'patches/iproute2/*-show-why-*' 's/"refused"/"declined"/'
check "another word in ynl is noticed" notices Documentation/netlink/specs/xfrm.yaml 's/^( *- )slave-lost/\1lost/'
check "another word in ethtool -S is noticed" notices net/xfrm/xfrm_offload.c 's/xfrm_unbind_driver/xfrm_unbind_broken/'
check "a wrong number on the page is noticed" notices "$page" 's/`` \(8\)/`` (7)/'
check "a row that is missing is noticed" notices "$page" '/\* - exhausted/,+2d'
done_testing
