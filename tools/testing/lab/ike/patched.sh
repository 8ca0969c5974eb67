#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make a tree with sid's strongSwan whose plugin kernel-netlink has patches/strongswan: build/ike/patched. Rows of test-ike
# that begin with "patched-charon" are run if it is there.
#
# usage: patched.sh DIR    the source of the strongSwan that build/ike/sid has; it is copied
set -u
. "$(dirname "$0")/../lib.sh"

source=${1-}
work=$BUILD/ike/strongswan
tree=$BUILD/ike/patched
plugin=usr/lib/ipsec/plugins/libstrongswan-kernel-netlink.so
log=$BUILD/ike/patched.log

[ -x "$source/configure" ] || die "'$source' has no configure: name the directory of the unpacked source of a release of strongSwan"
"$LAB/ike/tree.sh" sid || exit
version=$(sed -n 's/^PACKAGE_VERSION=.\(.*\).$/\1/p' "$source/configure")
grep -q "^charon-systemd $version-" "$BUILD/ike/sid.versions" ||
	die "$source is strongSwan $version, build/ike/sid has $(cut -d ' ' -f 2 "$BUILD/ike/sid.versions")"

say "building strongSwan $version with patches/strongswan"
rm -rf "$work" "$tree" "$tree.complete"
cp -a "$source" "$work"
cd "$work" || exit
for patch in "$TOP"/patches/strongswan/*.patch; do
	patch -p1 -s <"$patch" || die "$(basename "$patch") does not apply to strongSwan $version"
done
{
	./configure --disable-defaults --enable-charon --enable-ikev2 --enable-kernel-netlink --enable-openssl &&
		make -j"$(nproc)" -C src/libstrongswan && make -j"$(nproc)" -C src/libcharon
} >"$log" 2>&1 || die "strongSwan does not build: $(tail -n 1 "$log")"

cp -al "$BUILD/ike/sid" "$tree"
rm "$tree/$plugin"
strip -o "$tree/$plugin" "src/libcharon/plugins/kernel_netlink/.libs/$(basename "$plugin")" || exit
chmod 644 "$tree/$plugin"
: >"$tree.complete"
