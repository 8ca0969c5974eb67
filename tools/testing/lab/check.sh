#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What building and running a guest needs of this machine, looked at before minutes are spent on the kernel. Silent when
# it is all there; packages and disk space are looked at by what needs them.
set -u
. "$(dirname "$0")/lib.sh"

needed_mb=1200

scratch=
probe=
trap 'rm -rf "$scratch" "$probe"' EXIT

check_processor() {
	[ "$(uname -m)" = x86_64 ] ||
		die "this machine is $(uname -m), but the lab's kernels run on x86-64 only: use such a machine"
}

check_mounts() {
	[ -e /proc/self/mountinfo ] || die "/proc is not mounted here: run 'mount -t proc proc /proc' as root"
	[ -c /dev/null ] || die "/dev/null is no device here: bind the machine's /dev to this tree's, as root"
}

check_places() {
	scratch=$(mktemp -d /tmp/lab-check.XXXXXX 2>/dev/null) && mkdir "$scratch/mem" ||
		die "cannot write to /tmp, where guests live: mount a file system there ('mount -t tmpfs tmpfs /tmp')"
	mkdir -p "$BUILD" 2>/dev/null && probe=$(mktemp "$BUILD/check.XXXXXX" 2>/dev/null) ||
		die "cannot write to $BUILD: run this as $(stat -c %U "$TOP"), or clone the repository to a place of your own"
	printf '#!/bin/sh\n' >"$probe"
	chmod +x "$probe"
	"$probe" 2>/dev/null ||
		die "programs in $BUILD cannot be run (is it mounted noexec?): clone the repository to another file system"
}

# What is free; or what is left of what this container may use.
check_memory() {
	local free max used group=/sys/fs/cgroup

	free=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
	max=$(cat "$group/memory.max" 2>/dev/null)
	used=$(awk '/^anon |^shmem / { n += $2 } END { print int(n) }' "$group/memory.stat" 2>/dev/null)
	if [[ $max =~ ^[0-9]+$ ]] && (((max - used) / 1048576 < free)); then
		free=$(((max - used) / 1048576))
	fi
	[ "$free" -ge "$needed_mb" ] ||
		die "a guest needs $needed_mb MB of memory, only $free MB are free: end other programs, or give this machine more"
}

check_namespaces() {
	! "${namespaces[@]}" true 2>"$scratch/said" || return 0
	if [ "$EUID" = 0 ]; then
		die "root cannot make mount and PID namespaces here, which keep a guest from writing to this machine: in a container it needs CAP_SYS_ADMIN (docker run --privileged)"
	fi
	die "this user cannot make namespaces here, which keep a guest from writing to this machine: run it as root (in a chroot there is no other way), or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000)"
}

# A process that traces another: how User-mode Linux runs its processes.
trace='
	my $pid = fork // exit 3;
	if (!$pid) {
		syscall(101, 0, 0, 0, 0) == 0 or exit 1;
		kill STOP => $$;
		exit 1;
	}
	# Of one that is not traced only the end is told, once.
	waitpid($pid, 0);
	kill KILL => $pid;
	exit(waitpid($pid, 0) == $pid ? 0 : 3);
'

# What is done with a guest, but for the guest.
check_confinement() {
	"${namespaces[@]}" "$LAB/confine.sh" "$scratch" / perl -e "$trace" 2>"$scratch/said"
	case $? in
	0) ;;
	3) die "a process cannot trace another one here, which User-mode Linux needs: in a container allow ptrace (docker run --privileged); on a machine see 'sysctl kernel.yama.ptrace_scope'" ;;
	*) die "this machine's file systems cannot be made read-only for a guest ($(tail -n 1 "$scratch/said")): in a container allow mounting (docker run --privileged)" ;;
	esac
}

check_processor
check_mounts
check_places
check_memory
check_namespaces
check_confinement
