#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Install the Debian packages of the list beside this file that are missing. Quick and silent when none is.
set -eu
. "$(dirname "$0")/lib.sh"

log=$BUILD/setup.log
needed_mb=1000

# LINUX= names another kernel source than Debian's.
wanted() { grep -v -e '^#' ${LINUX:+-e "^$LINUX_PACKAGE\$"} "$LAB/packages"; }

# The packages of the list that are not installed. dpkg-query prints nothing of those it never heard of.
missing() {
	# shellcheck disable=SC2046  # one word per package
	comm -23 <(wanted | sort) <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $(wanted) 2>/dev/null |
		sed -n 's/^installed //p' | sort)
}

check_distribution() {
	local ID='' VERSION_ID='' PRETTY_NAME='an unknown system'

	# shellcheck source=/dev/null
	[ ! -r /etc/os-release ] || . /etc/os-release
	case $ID-$VERSION_ID in
	debian-12 | debian-13) return ;;
	esac
	die "this is $PRETTY_NAME, but the lab needs Debian 12 or 13, whose package $LINUX_PACKAGE is the kernel it patches: use such a machine, container or chroot"
}

check_root() {
	as_root=()
	[ "$(id -u)" != 0 ] || return 0
	as_root=(sudo)
	[ -t 0 ] || as_root=(sudo -n)
	{ command -v sudo && "${as_root[@]}" true; } >/dev/null ||
		die "installing needs root and sudo does not give it: run 'apt-get install $*' as root, then this again"
}

check_disk() {
	local free

	free=$(df --output=avail -m / | tail -n 1)
	[ "$free" -ge "$needed_mb" ] ||
		die "the packages need $needed_mb MB on /, only $free MB are free: make room"
}

apt_get() {
	DEBIAN_FRONTEND=noninteractive "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1 </dev/null
}

install() {
	mkdir -p "$BUILD"
	: >"$log"
	say "installing: $*"
	apt_get update || explain "$@"
	apt_get install --no-install-recommends "$@" || explain "$@"
}

explain() {
	local unknown

	grep -E '^(E|W|Err)' "$log" | tail -n 5 | sed 's/^/  | /' >&2
	unknown=$(sed -nE 's/^E: Unable to locate package (.*)/\1/p' "$log" | head -n 1)
	if [ "$unknown" = "$LINUX_PACKAGE" ]; then
		die "Debian's package $LINUX_PACKAGE is not to be had here: add Debian's security archive (bookworm-security or trixie-security, main) to /etc/apt/sources.list"
	elif [ -n "$unknown" ]; then
		die "Debian's package $unknown is not to be had here: mend /etc/apt/sources.list"
	elif grep -qE 'enough free space|No space left' "$log"; then
		die "there is too little disk space for the packages: make room, $needed_mb MB on /"
	elif grep -qE 'Could not (resolve|connect)|Failed to fetch|Temporary failure|Unable to connect|timed out' "$log"; then
		die "Debian's archive cannot be reached: check the network (or the proxy in apt's configuration), then run this again"
	elif grep -qE 'Could not get lock|is another process using it' "$log"; then
		die "another program is installing packages: wait for it, then run this again"
	fi
	die "apt-get failed: see $log, mend it, then run this again"
}

mapfile -t packages < <(missing)
[ ${#packages[@]} -gt 0 ] || exit 0
check_distribution
check_root "${packages[@]}"
check_disk
install "${packages[@]}"
if [ -n "${LINUX-}" ]; then
	say "installed"
else
	say "installed; $LINUX_PACKAGE is $(dpkg-query -W -f '${Version}' "$LINUX_PACKAGE")"
fi
