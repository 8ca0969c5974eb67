#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the kernel's own rtnetlink.sh expects of netdevsim's IPsec offload still
# holds. The program is the kernel's, in its tree.

. "$(dirname "$0")/lib/lib.sh"

find_program()
{
	local dir

	for dir in "$HERE/.." \
		   "$HERE/../../../../../build/linux/tools/testing/selftests/net"; do
		[[ ! -x $dir/rtnetlink.sh ]] || { cd "$dir" && return; }
	done
	return 1
}

passes() # TEST
{
	./rtnetlink.sh -v -t "$1" >"$OUT/rtnetlink.log" 2>&1 &&
		grep -q "^PASS: ${1#kci_test_}" "$OUT/rtnetlink.log" && return
	sed 's/^/#   /' "$OUT/rtnetlink.log"
	return 1
}

tap_header
begin
need tc
find_program || skip_all "needs rtnetlink.sh of the kernel's tree"
check "kci_test_ipsec" passes kci_test_ipsec
check "kci_test_ipsec_offload" passes kci_test_ipsec_offload
finish
