#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make a tree with a daemon that has our patch: build/ike/patched-charon, sid's strongSwan whose plugin kernel-netlink has
# patches/strongswan, or build/ike/patched-pluto, trixie's Libreswan whose pluto has patches/libreswan. Rows of test-ike that
# begin with its name are run if it is there.
#
# usage: patched.sh DIR    the source of the strongSwan that build/ike/sid has, or of the Libreswan that build/ike/trixie
#                          has; it is copied
#
# pluto needs bison, flex, pkg-config, libnss3-dev, libevent-dev and libcap-ng-dev, and leaves out what a row does not use.
set -u
. "$(dirname "$0")/../lib.sh"

source=${1-}

strongswan() {
	name=patched-charon release=sid package=charon-systemd
	version=$(sed -n 's/^PACKAGE_VERSION=.\(.*\).$/\1/p' "$source/configure")
	file=usr/lib/ipsec/plugins/libstrongswan-kernel-netlink.so
	built=src/libcharon/plugins/kernel_netlink/.libs/libstrongswan-kernel-netlink.so
	mode=644
}

build_strongswan() {
	./configure --disable-defaults --enable-charon --enable-ikev2 --enable-kernel-netlink --enable-openssl &&
		make -j"$(nproc)" -C src/libstrongswan && make -j"$(nproc)" -C src/libcharon
}

libreswan() {
	name=patched-pluto release=trixie package=libreswan
	version=$(sed -n 's/^IPSECBASEVERSION?*=//p' "$source/mk/version.mk")
	file=usr/libexec/ipsec/pluto
	mode=755
}

build_libreswan() {
	local place words

	words=(PREFIX=/usr INITSYSTEM=docker NSSDIR=/var/lib/ipsec/nss WERROR_CFLAGS=
		USE_{DNSSEC,LIBCURL,LDAP,LINUX_AUDIT,SECCOMP,LABELED_IPSEC,AUTHPAM,SYSTEMD_WATCHDOG}"=false")
	for place in lib programs/pluto; do
		make -j"$(nproc)" "${words[@]}" -C "$place" base || return
	done
	# Named for the machine that it was built on.
	built=$(echo OBJ.*/programs/pluto/pluto)
}

if [ -x "$source/configure" ]; then
	kind=strongswan
elif [ -e "$source/mk/version.mk" ]; then
	kind=libreswan
else
	die "'$source' is neither: name the directory of the unpacked source of a release of strongSwan or Libreswan"
fi
"$kind"
work=$BUILD/ike/$kind
tree=$BUILD/ike/$name
log=$BUILD/ike/$name.log
"$LAB/ike/tree.sh" "$release" || exit
grep -qE "^$package $version(-|$)" "$BUILD/ike/$release.versions" ||
	die "$source is version $version, build/ike/$release has $(grep "^$package " "$BUILD/ike/$release.versions")"

say "building version $version with patches/$kind"
rm -rf "$work" "$tree" "$tree.complete"
cp -a "$source" "$work"
cd "$work" || exit
for patch in "$TOP/patches/$kind"/*.patch; do
	patch -p1 -s <"$patch" || die "$(basename "$patch") does not apply to version $version"
done
"build_$kind" >"$log" 2>&1 || die "it does not build: $(tail -n 1 "$log")"

cp -al "$BUILD/ike/$release/." "$tree"
rm "$tree/$file"
strip -o "$tree/$file" "$built" || exit
chmod "$mode" "$tree/$file"
: >"$tree.complete"
