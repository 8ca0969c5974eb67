#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# First process of a guest's namespaces (see boot.sh): make everything but RUN read-only, then run the machine. Not by
# exec: a machine that crashes ends itself by a signal that the first process of a PID namespace does not get.
# usage: confine.sh RUN COMMAND [ARG...]
set -eu

run=$1
shift

mount --bind "$run" "$run"

# field 5 of a line is where, field 6 how; a space in a path stands there as \040
while read -r _ _ _ _ where how _; do
	where=$(printf '%b' "$where")
	case $where,$how in
	"$run",* | *,ro | *,ro,*) continue ;;
	esac
	mount -o "remount,bind,ro${how#rw}" "$where" || {
		echo "cannot make $where read-only" >&2
		exit 1
	}
done </proc/self/mountinfo

# The guest's memory is a file: on a tmpfs of its own, wherever /dev/shm is small or missing.
mount -t tmpfs -o size=100%,mode=1777 tmpfs "$run/mem"
export TMPDIR=$run/mem
"$@"
