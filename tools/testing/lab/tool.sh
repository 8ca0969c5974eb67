#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build xfrmctl, and the helpers of the tests written in C, against the headers that our kernel exports: by their own
# Makefiles, as in any kernel tree, into build/xfrmctl and build/selftests.
set -eu
. "$(dirname "$0")/lib.sh"

tree=$BUILD/linux
headers=$BUILD/headers
log=$BUILD/tool.log

[ -d "$tree" ] || die "there is no $tree: run 'make tree' first"
mkdir -p "$headers"

# make(1), but not as a part of the make that called us
plain_make() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s "$@" </dev/null; }

# What the compiler says of it is shown; a make of kselftest is never silent.
quietly() {
	local what=$1
	shift
	"$@" >"$log" 2>&1 || {
		tail -n 20 "$log" | sed 's/^/  | /' >&2
		die "$what does not build: mend what is above"
	}
	! grep -q 'warning:' "$log" || cat "$log" >&2
}

# What the exported headers are made from: the patched tree, and our own headers in it.
made_from() {
	git -C "$tree" rev-parse HEAD
	git -C "$tree" diff HEAD -- include/uapi
	find "$TOP/include/uapi" -type f -exec sha256sum {} + 2>/dev/null
}

if [ "$(made_from)" != "$(cat "$headers/made-from" 2>/dev/null)" ]; then
	say "exporting the kernel's headers"
	quietly "the kernel's headers" plain_make -C "$tree" O="$headers" ARCH=x86 headers
	made_from >"$headers/made-from"
fi

mkdir -p "$BUILD/selftests"
quietly "xfrmctl or a helper of the tests" plain_make -C "$tree/tools/testing/selftests/net/xfrm_offload" \
	OUTPUT="$BUILD/selftests" XFRMCTL_OUTPUT="$BUILD/xfrmctl" KHDR_INCLUDES="-isystem $headers/usr/include"
