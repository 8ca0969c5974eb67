#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build xfrmctl, and the helpers of the tests written in C, against the headers that our kernel exports.
set -eu
. "$(dirname "$0")/lib.sh"

tree=$BUILD/linux
headers=$BUILD/headers
tests=$TOP/tools/testing/selftests/net/xfrm_offload
log=$BUILD/tool.log

[ -d "$tree" ] || die "there is no $tree: run 'make tree' first"
mkdir -p "$headers"

# make(1), but not as a part of the make that called us
plain_make() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s "$@" </dev/null; }

quietly() {
	local what=$1
	shift
	"$@" >"$log" 2>&1 || {
		tail -n 20 "$log" | sed 's/^/  | /' >&2
		die "$what does not build: mend what is above"
	}
	[ ! -s "$log" ] || cat "$log" >&2
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
quietly xfrmctl plain_make -C "$TOP/tools/net/xfrmctl" O="$BUILD/xfrmctl" KHDR="$headers/usr/include"

# kselftest's way to name programs that need compiling.
test_programs() { sed -nE 's/^TEST_GEN_(FILES|PROGS) *\+?:?= *//p' "$tests/Makefile" 2>/dev/null || true; }

# One that is built for 32 bits as well goes without a C library, of which there is none for them here.
nolibc=(-nostdlib -static -ffreestanding -fno-stack-protector -include "$tree/tools/include/nolibc/nolibc.h")

mkdir -p "$BUILD/selftests"
for program in $(test_programs); do
	source=$tests/${program%32}.c
	flags=()
	libraries=("-Wl,--as-needed" -lmnl -lpcap)
	! test_programs | grep -qw "${program%32}32" || { flags=("${nolibc[@]}") libraries=(); }
	[ "$program" = "${program%32}" ] || flags+=(-m32)
	[ "$BUILD/selftests/$program" -nt "$source" ] ||
		quietly "$program" gcc -O2 -Wall "${flags[@]}" -isystem "$headers/usr/include" \
			-o "$BUILD/selftests/$program" "$source" "${libraries[@]}"
done
