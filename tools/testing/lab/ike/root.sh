#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Give a daemon a root of its own: a tree of Debian, read-only, with etc, run and var in memory. To be run in a mount
# namespace of its own, inside a guest.
#
# usage: root.sh TREE FILES COMMAND [ARG...]    FILES: a folder whose content is laid over the tree's etc
set -e

tree=$1 files=$2
shift 2
root=$(mktemp -d /run/ike.XXXXXX)

mount --make-rprivate /
mount --bind "$tree" "$root"
for place in etc run var tmp; do
	mount -t tmpfs tmpfs "$root/$place"
done
# Without the documents: what the linker, the user database, TLS and the daemons read.
for name in passwd group nsswitch.conf ld.so.cache host.conf protocols services ssl pki crypto-policies libaudit.conf \
	strongswan.conf strongswan.d swanctl ipsec.conf ipsec.secrets ipsec.d libreswan.d unbound; do
	[ ! -e "$tree/etc/$name" ] || cp -a "$tree/etc/$name" "$root/etc/"
done
cp -a "$files/." "$root/etc/"
mkdir -p "$root"/var/{lib/ipsec/nss,lib/unbound,log,tmp,cache} "$root"/run/{pluto,lock} "$root/root"
ln -s /run "$root/var/run"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
cd "$root"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TZ=UTC0 ${PRELOAD:+LD_PRELOAD=$PRELOAD} chroot . "$@"
