#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What can run the CPUs of a QEMU guest here: prints kvm or tcg.
# usage: accel.sh KERNEL
#
# A machine may have /dev/kvm and not run a kernel by it. So the kernel is started, without a root: what counts is that
# it comes to its end, a panic, within the time limit. The answer is kept until the machine is booted anew.
set -u
. "$(dirname "$0")/lib.sh"

kernel=$1
answer=$BUILD/accel.$(cat /proc/sys/kernel/random/boot_id)

runs_by_kvm() {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return
	timeout -k 1 20 qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot -nic none -smp 2 -m 512M \
		-accel kvm -cpu host -kernel "$kernel" -serial stdio -append "console=ttyS0 panic=-1" </dev/null 2>/dev/null |
		grep -q 'Kernel panic - not syncing: VFS'
}

if [ ! -e "$answer" ]; then
	rm -f "$BUILD"/accel.*
	if runs_by_kvm; then echo kvm; else echo tcg; fi >"$answer"
fi
cat "$answer"
