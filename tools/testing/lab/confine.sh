#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# First process of a guest's namespaces (see boot.sh): make everything but RUN read-only, then run the machine. Not by
# exec: a machine that crashes ends itself by a signal that the first process of a PID namespace does not get.
# usage: confine.sh RUN ROOT COMMAND [ARG...]
#
# ROOT is the guest's. Where it is not /, the repository and RUN are put into it at their places.
set -eu
. "$(dirname "$0")/lib.sh"

run=$1
root=$2

# Nothing of what follows may be seen outside. Of a chroot whose root is no mount point that cannot be said, nor can such
# a root be made read-only: it is bound to a place first that is a mount, and is private: over /proc.
if ! mount --make-rprivate / 2>/dev/null; then
	mount --make-private /proc
	mount -t tmpfs tmpfs /proc
	mkdir /proc/root
	mount --rbind / /proc/root
	mount --make-rprivate /proc/root
	umount /proc/root/proc
	exec chroot /proc/root "$0" "$@"
fi
shift 2

mount --bind "$run" "$run"
if [ "$root" != / ]; then
	mount -t tmpfs tmpfs "$root/tmp"
	mkdir -p "$root$TOP" "$root$run"
	mount --bind "$TOP" "$root$TOP"
	mount --bind "$run" "$root$run"
fi

# Field 5 of a line is where, field 6 how; a space in a path stands there as \040. After the dash: the type.
mapfile -t mounts </proc/self/mountinfo
for line in "${mounts[@]}"; do
	read -r _ _ _ _ where how rest <<<"$line"
	where=$(printf '%b' "$where")
	case $where,$how in
	"$run",* | "${root%/}$run",* | *,ro | *,ro,*) ;;
	*)
		# One that another mount hides cannot be reached by anybody.
		mount -o "remount,bind,ro${how#rw}" "$where" || ! mountpoint -q "$where" || {
			echo "cannot make $where read-only" >&2
			exit 1
		}
		;;
	esac
	# A hostfs on /proc/PID/root would be what that process sees, and writes to: no process but those of the guest.
	[[ $rest != *'- proc '* ]] || mount -t proc -o ro,nosuid,nodev,noexec proc "$where"
done

# The guest's memory is a file: on a tmpfs of its own, wherever /dev/shm is small or missing.
mount -t tmpfs -o size=100%,mode=1777 tmpfs "$run/mem"
export TMPDIR=$run/mem
"$@"
