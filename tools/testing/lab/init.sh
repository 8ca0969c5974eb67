#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Process 1 of a guest: mount, run one command in a session of its own, say how it ended, power off.
# LAB_RUN, from the kernel's command line, is the directory on the host that boot.sh made for this guest.

top='' cwd='' tty='' limit='' rows='' columns='' console='' off='' modules='' share=() command=()
# shellcheck source=/dev/null
. "$LAB_RUN/command"

export PATH=$top/build/xfrmctl:$top/build/selftests:$top/build/linux/tools/testing/selftests/kselftest:$top/build/linux/tools/net/ynl:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 USER=root LOGNAME=root SHELL=/bin/bash OUT=/run/lab/out
unset LAB_RUN
# The host's root has no modules of ours.
export MODPROBE_OPTIONS="-d $modules"

# mount(2) itself, for what mount(8) cannot be asked.
mount_by_hand() { # SOURCE TARGET TYPE FLAGS DATA
	perl -e 'my ($source, $target, $type, $flags, $data) = @ARGV;
		exit syscall(165, $source, $target, $type, $flags + 0, $data) != 0' "$@"
}

# Where an ordinary user boots, root's files seem to be nobody's, and a set-user-id mount(8) gives root away. So none is
# honoured: MS_BIND, MS_REMOUNT, MS_NOSUID, MS_RDONLY.
ignore_suid() { mount_by_hand none / none $((4096 | 32 | 2 | 1)) ''; }

# $share is type, data, source. By hand, as hostfs knows its data (a path) as one word of mount(2) only, and newer
# mount(8)s hand each word over by a call of its own.
mount_share() { mount_by_hand "${share[2]}" /run/lab "${share[0]}" 0 "${share[1]}"; }

mount_all() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t debugfs debugfs /sys/kernel/debug
	mkdir -p /dev/pts /dev/shm
	mount -t devpts -o ptmxmode=666 devpts /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	ln -sfn /proc/self/fd /dev/fd
	ln -sfn /proc/self/fd/0 /dev/stdin
	ln -sfn /proc/self/fd/1 /dev/stdout
	ln -sfn /proc/self/fd/2 /dev/stderr

	mount -t tmpfs tmpfs /run
	mkdir -p /run/lab /run/netns /run/lock /run/host
	mount --bind / /run/host
	mount_share
	for place in /tmp /var/tmp /root /mnt; do
		mount -t tmpfs tmpfs "$place"
	done
	# What the command needs of the host may lie under what was just covered.
	for place in "$top" "$cwd" "${command[@]}"; do
		[[ $place = /* && ! -e $place ]] || continue
		[ -d "/run/host$place" ] || place=$(dirname "$place")
		if [ -e "$place" ] || [ ! -d "/run/host$place" ]; then
			continue
		fi
		mkdir -p "$place"
		mount --bind "/run/host$place" "$place"
	done
	umount /run/host
}

# The kernel asks for modules without our environment.
load_on_demand() {
	[ -w /proc/sys/kernel/modprobe ] || return 0
	printf '#!/bin/sh\nexec modprobe -d %q "$@"\n' "$modules" >/run/modprobe
	chmod +x /run/modprobe
	echo /run/modprobe >/proc/sys/kernel/modprobe
}

# By reboot(2), with the word of boot.sh for it: what ends the machine.
power_off() {
	sync
	exec perl -e "syscall(169, 0xfee1dead, 0x28121969, $off, 0)"
}

# The youngest descendant of the command, and its state. Tasks that hang in the kernel leave their stacks in its log.
where_it_is() {
	local pid=1 child=1

	while [ -n "$child" ]; do
		pid=$child
		child=$(tr ' ' '\n' <"/proc/$pid/task/$pid/children" | grep -vx -e '' -e "$BASHPID" -e "$1" | tail -n 1)
	done
	tr '\0' ' ' <"/proc/$pid/cmdline"
	echo
	sed -nE 's/^State:.*\((.*)\)/\1/p' "/proc/$pid/status"
	echo w >/proc/sysrq-trigger
}

end_in_time() {
	[ "$limit" -gt 0 ] || return
	mkfifo /run/never
	read -r -t "$limit" _ <>/run/never
	where_it_is "$BASHPID" >/run/lab/timed-out
	power_off
}

# Machines differ by a factor of ten in what a process of a guest costs: 4 ms and 40 ms were seen. Where it is more than 8,
# everything is waited for longer.
measure_slowness() {
	local _ each from=${EPOCHREALTIME/./}

	for _ in {1..10}; do
		/bin/true
	done
	each=$(((${EPOCHREALTIME/./} - from) / 10000))
	[ $((each / 8)) -gt "$LAB_SLOW" ] || return 0
	LAB_SLOW=$((each < 64 ? each / 8 : 8))
	echo "lab: a process takes $each ms: everything is waited for $LAB_SLOW times as long" >/dev/kmsg
}

# Or else whoever prints a time asks the file system for the zone, each time.
export TZ=UTC0

ignore_suid
mount_all
load_on_demand
measure_slowness
end_in_time &
hostname lab
ip link set lo up
cd "$cwd" || cd /

if [ -n "$tty" ]; then
	stty rows "$rows" cols "$columns" <"$console"
else
	stty -opost <"$console"
fi
setsid --ctty --wait "${command[@]}" <>"$console" >&0 2>&1
status=$?

# What the command left running ends here, so that its devices and namespaces go while the log is still read.
kill -KILL -1 2>/dev/null
wait
echo "$status" >/run/lab/status
umount /run/lab
power_off
