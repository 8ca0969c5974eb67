#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016  # what is quoted is for the guest
# What boot.sh promises: a guest that cannot hurt its host, and that cannot hide how it ended.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../tap.sh"

boot=$LAB/boot.sh
scratch=$(mktemp -d /var/tmp/lab-test.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"

carries_the_status() {
	try "$boot" -- sh -c 'exit 7'
	ended_with 7
}
check "the command's exit status is carried out" carries_the_status

brings_output_back() {
	try "$boot" --keep-output "$scratch/kept" -- sh -c 'mkdir $OUT/d && echo words >$OUT/d/f && echo said'
	ended_with 0 && says said && [ "$(cat "$scratch/kept/d/f")" = words ] && [ -s "$scratch/kept/kernel.log" ]
}
check "what is in \$OUT comes back, and the kernel's log" brings_output_back

# All that root in a guest may think of, at a place where root of the host can write.
cannot_write() {
	echo before >"$scratch/victim"
	cat >"$scratch/attack" <<-EOF
		mount -o remount,rw /
		mount -t hostfs -o / none /mnt
		for root in '' /mnt; do
			echo after >\$root$scratch/victim
			echo new >\$root$scratch/new
			rm -f \$root$scratch/victim
			chmod 777 \$root$scratch/victim
			mkdir \$root/etc/lab-guest-was-here
			touch \$root$TOP/lab-guest-was-here
		done
		true
	EOF
	try "$boot" -- bash "$scratch/attack"
	ended_with 0 && says "Read-only file system" && [ "$(cat "$scratch/victim")" = before ] && [ ! -e "$scratch/new" ] &&
		[ ! -e /etc/lab-guest-was-here ] && [ ! -e "$TOP/lab-guest-was-here" ] &&
		[ "$(stat -c %a "$scratch/victim")" = 644 ]
}
check "root of the guest cannot write to the host, not even after a remount" cannot_write

# What a process of the host sees, by the name that the kernel has for it.
cannot_reach_processes() {
	echo before >"$scratch/victim"
	cat >"$scratch/attack" <<-EOF
		hostfs() { perl -e 'my (\$a, \$b, \$c) = ("none", "/mnt", "hostfs"); exit syscall(165, \$a, \$b, \$c, 0, \$ARGV[0]) != 0' \$1; }
		hostfs /proc
		processes=\$(cd /mnt && echo [0-9]*)
		umount /mnt
		for process in \$processes; do
			hostfs /proc/\$process/root || continue
			echo after >/mnt$scratch/victim
			umount /mnt
		done
		echo tried \$processes
	EOF
	try "$boot" -- bash "$scratch/attack"
	ended_with 0 && says "tried 1 " && [ "$(cat "$scratch/victim")" = before ]
}
check "... not by a process of the host either" cannot_reach_processes

has_own_tmp() {
	try "$boot" -- sh -c 'for d in /tmp /run /var/tmp /root /mnt /dev/shm; do echo x >$d/lab-guest-was-here || exit 1; done'
	ended_with 0 && [ ! -e /tmp/lab-guest-was-here ] && [ ! -e /var/tmp/lab-guest-was-here ]
}
check "it has writable places of its own" has_own_tmp

has_a_sane_world() {
	try "$boot" -- bash -c '[ "$(id -u)" = 0 ] && ping -c 1 -q 127.0.0.1 && cat <(hostname) && command -v ip && echo "$HOME" &&
		[ -d /sys/kernel/debug/netdevsim ] || [ -d /sys/bus/netdevsim ] && ip netns add a && ip netns exec a true'
	ended_with 0 && says /root
}
check "root, loopback, proc, sys, debugfs, PATH and namespaces are in order" has_a_sane_world

hang_is_ended() {
	try "$boot" --time-limit 4 -- sh -c 'echo step one; echo step two; sleep 1000'
	ended_with 124 && says 'time limit of 4 s' && says '"step two"' && says 'it ran "sleep 1000"' && ! says 'kernel reported trouble' >/dev/null
}
check "a guest that hangs is ended, and said where it was" hang_is_ended

stray_processes_end() {
	try "$boot" --time-limit 20 -- sh -c 'sleep 1000 & setsid sleep 1000 & echo done'
	ended_with 0
}
check "what the command left running does not keep the guest" stray_processes_end

warning_fails() {
	try "$boot" -- sh -c 'echo "WARNING: CPU: 0 PID: 1 at net/xfrm/nowhere.c:1" >/dev/kmsg'
	ended_with 125 && says 'kernel reported trouble' && says nowhere.c
}
check "a warning of the kernel fails the run and is shown" warning_fails

crash_fails() {
	try "$boot" --time-limit 30 -- sh -c 'echo going; echo c >/proc/sysrq-trigger; sleep 20'
	ended_with 125 && says going && says 'the guest died' && says 'Kernel panic'
}
check "a crash fails the run and is shown" crash_fails

guests_do_not_meet() {
	"$boot" -- sh -c 'echo a >/tmp/a; ip link add d9 type dummy; sleep 1; ip link show d9' >"$scratch/one" 2>&1 &
	try "$boot" -- sh -c 'sleep 0.5; [ ! -e /tmp/a ] && ! ip link show d9'
	wait $! && ended_with 0
}
check "guests that run at the same time do not meet" guests_do_not_meet

leaves_nothing() {
	local before pid

	before=$(find /tmp -maxdepth 1 -name 'lab-guest.*' | sort)
	mkfifo "$scratch/ready"
	"$boot" -- sh -c 'echo ready; sleep 1000' >"$scratch/ready" 2>/dev/null &
	pid=$!
	read -r _ <"$scratch/ready"
	kill "$pid"
	wait "$pid"
	[ "$(find /tmp -maxdepth 1 -name 'lab-guest.*' | sort)" = "$before" ]
}
check "a boot.sh that is stopped takes its guest along and cleans up" leaves_nothing

gives_a_terminal() {
	try script -qec "$boot --tty --time-limit 0 -- bash -c 'tty; stty size; test -t 0 && set -m && sleep 0 & wait; echo job over'" /dev/null
	says /dev/tty0 && says "job over"
}
check "a shell has a terminal" gives_a_terminal

shell_runs() { # COMMANDS STATUS WORDS
	said=$("$LAB/shell.sh" 2>&1 <<<"$1")
	status=$?
	ended_with "$2" && says "$3" && says "Two hosts, left and right"
}
if [ -x "$BUILD/xfrmctl/xfrmctl" ]; then
	check "make shell runs what comes in, beside the two hosts" \
		shell_runs 'left ping -c 1 -I 10.1.0.1 10.2.0.1; left $XFRMCTL state list; exit 9' 9 "src 10.1.0.1 dst 10.2.0.1"
else
	skip "make shell runs what comes in, beside the two hosts" "there is no xfrmctl yet: make tool"
fi

leaves_others_alone() {
	cat >"$scratch/program" <<-EOF
		. "$TOP/tools/testing/selftests/net/xfrm_offload/lib/lib.sh"
		begin
		hosts_up && flow_add transport v4 packet && on left ip link show nic0
	EOF
	cat >"$scratch/user" <<-EOF
		ip netns add left
		ip netns add cable
		ip -n left link add theirs type dummy
		echo "1 1" >/sys/bus/netdevsim/new_device
		bash "$scratch/program" || exit
		ip -n left link show theirs && echo /run/netns/* /sys/bus/netdevsim/devices/*
	EOF
	try "$boot" --mem 1G -- bash "$scratch/user"
	ended_with 0 && says nic0 && says theirs && [ "$(tail -n 1 <<<"$said" | tr -d '\r')" = \
		"/run/netns/cable /run/netns/left /sys/bus/netdevsim/devices/netdevsim1" ]
}
if [ -x "$BUILD/xfrmctl/xfrmctl" ]; then
	check "tests take no name of a namespace or a netdevsim that is in use" leaves_others_alone
else
	skip "tests take no name of a namespace or a netdevsim that is in use" "there is no xfrmctl yet: make tool"
fi

# A guest can be kept from writing there, and nothing is left of it in the mounts of others.
in_chroot() {
	try "${namespaces[@]}" bash -c '
		set -e
		mount --make-rprivate /
		mount -t tmpfs tmpfs "$1"
		mkdir "$1/root"
		cd "$1/root"
		for place in usr etc var dev proc sys; do
			mkdir $place
			mount --rbind /$place $place
		done
		for place in bin sbin lib lib64; do
			[ ! -L /$place ] || cp -d /$place $place
		done
		mkdir -p tmp run root mnt ".$2"
		mount --bind "$2" ".$2"
		cp /proc/self/mountinfo ../before
		status=0
		chroot . "$3" -- sh -c "touch /new /etc/new /var/new; ip link add d1 type dummy; exit 5" || status=$?
		cmp ../before /proc/self/mountinfo
		exit $status' - "$scratch/mount" "$TOP" "$boot"
	ended_with 5 && says "cannot touch '/new': Read-only" && says "'/etc/new': Read-only" && says "'/var/new': Read-only"
}
mkdir "$scratch/mount"
if [ "$EUID" != 0 ] || ! [ -L /bin ]; then
	skip "a chroot whose root is no mount point will do" "needs root, and /bin in /usr"
else
	check "a chroot whose root is no mount point will do" in_chroot
fi

if [ "$(id -u)" != 0 ]; then
	skip "an ordinary user may boot a guest" "this is one already"
elif ! setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$boot" ||
	! setpriv --reuid=65534 --regid=65534 --clear-groups unshare --user --map-root-user true; then
	skip "an ordinary user may boot a guest" "the repository is not open to one, or user namespaces are not"
else
	user_boots() {
		try setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/ "$boot" -- sh -c 'id -u; ip link add d1 type dummy; exit 3'
		ended_with 3 && says 0
	}
	check "an ordinary user may boot a guest" user_boots
fi

done_testing
