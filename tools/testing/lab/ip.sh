#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build ip with patches/iproute2, from a tree of iproute2 that IPROUTE2 names, and the same without them to compare with:
# build/iproute2/ip and build/iproute2/before. The tree itself stays as it is.
set -eu
. "$(dirname "$0")/lib.sh"

out=$BUILD/iproute2
patches=$TOP/patches/iproute2
log=$out/log

[ -n "${IPROUTE2-}" ] ||
	die "IPROUTE2 does not say where a tree of iproute2 is: get its git repository or the source of a release, then make ip IPROUTE2=DIR"
source=$(realpath -e -- "$IPROUTE2" 2>/dev/null) || die "IPROUTE2=$IPROUTE2 is not there: give a tree of iproute2"
[ -e "$source/ip/ipxfrm.c" ] || die "IPROUTE2=$IPROUTE2 is not a tree of iproute2: it has no ip/ipxfrm.c"

# make(1), but not as a part of the make that called us
plain_make() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make "$@" </dev/null; }

# Not what was built there, nor its history.
sources() { tar -C "$source" --exclude=.git --exclude='*.o' --exclude='*.a' --exclude=config.mk --exclude=ip/ip -cf - .; }
made_from() { { sources --mtime=@0; cat "$patches"/0*.patch "$patches"/before-*/0*.patch; } | sha256sum; }

fits() { (cd "$out/ip" && git apply --check "$@") >>"$log" 2>&1; }
apply() { (cd "$out/ip" && git apply "$1") >>"$log" 2>&1; }

# What a later version has: this one has it, or it fits.
lead() {
	local patch

	for patch in "$patches"/before-*/0*.patch; do
		if ! fits --reverse "$patch" && fits "$patch"; then
			apply "$patch"
		fi
	done
}

build() { # DIR
	(cd "$1" && ./configure && plain_make -j2 SUBDIRS="lib ip") >"$log" 2>&1 || {
		tail -n 20 "$log" | sed 's/^/  | /' >&2
		die "ip does not build in ${1#"$TOP"/}: mend what is above (its configure needs bison, flex, pkg-config and libmnl-dev)"
	}
	! grep -B 2 'ip/.*xfrm.*warning:' "$log" >&2
}

version() { sed -nE 's/.*version\[\] = "(.*)".*/\1/p' "$1/include/version.h"; }

mkdir -p "$out"
# A repository above it would have its say in what git apply does.
export GIT_CEILING_DIRECTORIES=$out
if [ "$(made_from)" != "$(cat "$out/made-from" 2>/dev/null)" ]; then
	rm -rf "$out"
	mkdir -p "$out/ip" "$out/before"
	: >"$log"
	say "building ip of iproute2 $(version "$source") with patches/iproute2"
	sources | tar -xf - -C "$out/before"
	sources | tar -xf - -C "$out/ip"
	lead
	for patch in "$patches"/0*.patch; do
		apply "$patch" || {
			tail -n 4 "$log" | sed 's/^/  | /' >&2
			die "patches/iproute2/$(basename "$patch") does not apply to iproute2 $(version "$source"): README.md names versions that it applies to"
		}
	done
	build "$out/before"
	build "$out/ip"
	made_from >"$out/made-from"
fi
say "ip ready: ${out#"$TOP"/}/ip/ip/ip"
