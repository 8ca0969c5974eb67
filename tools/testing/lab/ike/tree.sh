#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make a tree with the IKE daemons of a release of Debian, as it ships them: build/ike/RELEASE.
#
# usage: tree.sh RELEASE    bookworm, trixie or sid
#
# strongSwan is installed. Libreswan, which does not want it beside itself, is unpacked over that, with what it depends
# on; sid has no Libreswan newer than trixie's.
set -u
. "$(dirname "$0")/../lib.sh"
. "$LAB/debian.sh"

release=${1:?}
tree=$BUILD/ike/$release
strongswan=(charon-systemd strongswan-swanctl libstrongswan-standard-plugins)
[ ! -e "$tree.complete" ] || exit 0
[ "$EUID" = 0 ] || die "trees of other releases can be made by root only: run 'sudo make test-ike'"

# What is done in the tree: outside nothing is seen of its mounts.
fill='
	set -e
	mount --make-rprivate /
	mount -t proc proc "$1/proc"
	cp /etc/resolv.conf "$1/etc/resolv.conf"
	printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d"
	chmod +x "$1/usr/sbin/policy-rc.d"
	run() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$@"; }
	# What a mirror has of sid may be older than its signature lasts.
	run "$1" apt-get -q update -o Acquire::Check-Valid-Until=$([ "$2" = sid ] && echo false || echo true)
	run "$1" apt-get -q -y --no-install-recommends install "${@:3}"
	[ "$2" = sid ] || run "$1" apt-get -q -y --no-install-recommends --download-only install libreswan
'

unpack_libreswan() {
	local deb

	for deb in "$tree"/var/cache/apt/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$tree" || return
	done
}

said=
say "a tree with the IKE daemons of $release"
clean_tree "$release" || die "there is no tree of $release: $said"
rm -rf "$tree"
mkdir -p "$BUILD/ike"
cp -a "$BUILD/releases/$release.clean" "$tree"
# Packages that were downloaded for the installation go: the rest is Libreswan's.
unshare --mount --propagation unchanged bash -c "$fill" fill "$tree" "$release" "${strongswan[@]}" >"$tree.log" 2>&1 ||
	die "the daemons of $release cannot be installed: $(tail -n 1 "$tree.log")"
[ "$release" = sid ] || unpack_libreswan || die "Libreswan of $release cannot be unpacked"
rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree/var/lib/apt/lists" "$tree/usr/share/locale"
chroot "$tree" dpkg-query -W -f '${Package} ${Version}\n' charon-systemd >"$tree.versions"
[ "$release" = sid ] || echo "libreswan $(chroot "$tree" ipsec --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+' | head -n 1)" >>"$tree.versions"
: >"$tree.complete"
