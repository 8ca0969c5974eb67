#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016  # what is quoted is for another shell
# What check.sh says, before anything is built, of a machine on which no guest would run. As far as it can be had the
# machine is really like that, in a namespace; a command is stood in for where it cannot.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../tap.sh"

"${namespaces[@]}" true 2>/dev/null || {
	echo "1..0 # SKIP mount namespaces are not to be had here"
	exit 4
}

scratch=$(mktemp -d /var/tmp/lab-test.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
top=$scratch/top
mkdir -p "$top/tools/testing" "$scratch/bin"
cp -r "$LAB" "$top/tools/testing/"
check=$top/tools/testing/lab/check.sh

stand_in() { # COMMAND SCRIPT
	printf '#!/bin/sh\n%s\n' "$2" >"$scratch/bin/$1"
	chmod +x "$scratch/bin/$1"
}

# Runs it after what makes the machine unfit.
after() { # SCRIPT
	mkdir -p "$top/build"
	try env PATH="$scratch/bin:$PATH" "${namespaces[@]}" bash -c "mount --make-rprivate /; $1"'; exec "$0"' "$check"
	rm -f "${scratch:?}"/bin/*
}

after :
check "here it is silent" [ "$status,$said" = 0, ]
nothing_left() { [ -z "$(ls -A "$top/build")" ] && [ -z "$(find /tmp -maxdepth 1 -name 'lab-check.*' -newer "$check")" ]; }
check "... and leaves nothing" nothing_left

stand_in uname 'echo aarch64'
after :
check "another processor" one_sentence "this machine is aarch64"

after 'mount -t tmpfs tmpfs /proc'
check "no /proc" one_sentence "run 'mount -t proc proc /proc'"

after 'mount -t tmpfs tmpfs /dev; touch /dev/null'
check "no /dev" one_sentence "/dev/null is no device here"

after 'mount -t tmpfs -o ro tmpfs /tmp'
check "a /tmp that cannot be written" one_sentence "cannot write to /tmp"
after 'mount -t tmpfs -o noexec tmpfs /tmp'
check "a /tmp from which nothing can be run will do" [ "$status,$said" = 0, ]
after 'mount -t tmpfs tmpfs /dev; mknod -m 666 /dev/null c 1 3 || exit 0'
check "no /dev/shm will do" [ "$status,$said" = 0, ]

after 'mount -t tmpfs -o ro tmpfs '"$top/build"
check "a repository that cannot be written" one_sentence "cannot write to $top/build"
after 'mount -t tmpfs -o noexec tmpfs '"$top/build"
check "a repository from which nothing can be run" one_sentence "mounted noexec"

echo 'MemAvailable: 300000 kB' >"$scratch/meminfo"
after "mount --bind $scratch/meminfo /proc/meminfo"
check "too little memory" one_sentence "only 292 MB are free"
container() { # MAX ANON, as a container of cgroup2 sees it
	mkdir -p "$scratch/group"
	echo "$1" >"$scratch/group/memory.max"
	printf 'anon %s\nshmem 0\n' "$2" >"$scratch/group/memory.stat"
	after "mount --bind $scratch/group /sys/fs/cgroup"
}
container $((2000 << 20)) $((1500 << 20))
check "a container that may use little memory" one_sentence "only 500 MB are free"
container max 0
check "... or all of it" [ "$status,$said" = 0, ]

# The limits of a user namespace are its root's to set.
if unshare --user --map-root-user true 2>/dev/null; then
	try unshare --user --map-root-user --mount bash -c 'echo 0 >/proc/sys/user/max_mnt_namespaces && exec "$0"' "$check"
	check "root that may not make namespaces" one_sentence "root cannot make mount and PID namespaces here"
else
	skip "root that may not make namespaces" "user namespaces are not to be had here"
fi

stand_in perl 'exit 3'
after :
check "no ptrace" one_sentence "a process cannot trace another one here"
stand_in mount 'case "$*" in *remount*) echo "mount: permission denied" >&2; exit 1 ;; esac; exec /bin/mount "$@"'
after :
check "mounts that cannot be made read-only" one_sentence "file systems cannot be made read-only for a guest (cannot make"

if [ "$EUID" != 0 ]; then
	skip "an ordinary user without namespaces" "this is one, with them"
else
	chmod -R a+rX "$scratch"
	chmod 777 "$top/build"
	stand_in unshare 'exit 1'
	try env PATH="$scratch/bin:$PATH" setpriv --reuid=65534 --regid=65534 --clear-groups "$check"
	check "an ordinary user without namespaces" one_sentence "this user cannot make namespaces here"
	rm -f "$scratch/bin/unshare"
	chmod 755 "$top/build"
	try setpriv --reuid=65534 --regid=65534 --clear-groups "$check"
	check "an ordinary user in the repository of another" one_sentence "run this as $(id -un)"
fi

done_testing
