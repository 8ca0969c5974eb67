#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run a command as root inside the lab's kernel, on a root that is this machine's or another tree, read-only. The machine
# is User-mode Linux, or, where two CPUs are wanted, QEMU.
#
# The guest's writable places are tmpfs; $OUT is the one directory whose content comes back. Its exit status is the
# command's; 125 if the kernel reported trouble, 124 if the time limit ended it, 126 if the guest died on its own.
set -u
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<-EOF
	usage: boot.sh [OPTION...] [--] COMMAND [ARG...]
	  --machine NAME      um: User-mode Linux; smp: QEMU with 2 CPUs (um)
	  --accel NAME        what runs QEMU's CPUs: kvm or tcg (kvm, if it is seen to work; see accel.sh)
	  --kernel PATH       the kernel to boot (build/um/linux, build/smp/vmlinux)
	  --root DIR          a tree with another userland, which is the guest's root (/)
	  --mem SIZE          memory of the guest (512M)
	  --time-limit SEC    end the guest after so long (300; 0: never)
	  --keep-output DIR   where the content of \$OUT goes, and kernel.log (default: thrown away)
	  --kernel-arg ARG    one more argument for the kernel (repeatable)
	  --env NAME          hand this variable on, if it is set (repeatable)
	  --tty               the command gets this terminal
	EOF
}

machine=um
accel=
kernel=
root=/
mem=512M
limit=300
keep=
tty=
kernel_args=()
environment=(TERM XFRMCTL IPROUTE2_IP IPROUTE2_BEFORE)

while [ $# -gt 0 ]; do
	case $1 in
	--machine) machine=$2; shift 2 ;;
	--accel) accel=$2; shift 2 ;;
	--kernel) kernel=$2; shift 2 ;;
	--root) root=$2; shift 2 ;;
	--mem) mem=$2; shift 2 ;;
	--time-limit) limit=$2; shift 2 ;;
	--keep-output) keep=$2; shift 2 ;;
	--kernel-arg) kernel_args+=("$2"); shift 2 ;;
	--env) environment+=("$2"); shift 2 ;;
	--tty) tty=yes; shift ;;
	--help) usage; exit 0 ;;
	--) shift; break ;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
case $machine in
um) : "${kernel:=$BUILD/um/linux}" ;;
smp) : "${kernel:=$BUILD/smp/vmlinux}" ;;
*) usage >&2; exit 2 ;;
esac
[ -x "$kernel" ] || die "there is no kernel at $kernel: run 'make kernel' first ('make kernel-smp' for QEMU's)"
root=$(realpath -e "$root" 2>/dev/null) && [ -x "$root/bin/bash" ] || die "there is no tree with a shell at '$root'"
[ "$machine" = um ] || : "${accel:=$("$LAB/accel.sh" "$kernel")}"

# --- where this guest lives: everything that it can write is in here

run=$(mktemp -d /tmp/lab-guest.XXXXXX)
watchdog=
saved_tty=

leave() {
	[ -z "$watchdog" ] || kill "$watchdog" 2>/dev/null
	[ ! -e "$run/pid" ] || kill -KILL "$(cat "$run/pid")" 2>/dev/null
	[ -z "$saved_tty" ] || stty "$saved_tty" </dev/tty
	rm -rf "$run"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir "$run/share" "$run/share/out" "$run/mem"

# --- the machines: how to start one ($vmm), its terminal ($console), how it mounts what it hands back ($share), which
# command of reboot(2) ends it ($off), and how many times longer than on real hardware its programs should wait for
# something ($slow). fd 3 is the kernel's log.

common=("init=$LAB/init.sh" "LAB_RUN=$run" ro panic=-1 quiet loglevel=7 "${kernel_args[@]}")

um() {
	local input=null

	[ -z "$tty" ] || input=fd:0
	mkdir "$run/uml"
	vmm=("$kernel" "mem=$mem" rootfstype=hostfs "rootflags=$root" "uml_dir=$run/uml" console=tty1 con=null "con1=null,fd:3"
		noreboot "con0=$input,fd:1" "${common[@]}")
	console=/dev/tty0
	off=0x4321fedc # power off
	share=(hostfs "$run/share" hostfs)
	slow=1
}

# Both file systems come over 9p, the root read-only in QEMU already; confine.sh holds QEMU itself. A cache is fine for
# the root, nobody writes there while a guest runs.
smp() {
	local p9=trans=virtio,version=9p2000.L,msize=262144

	vmm=(qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot -smp 2 -m "$mem"
		-kernel "$kernel" -nic none -serial file:/dev/fd/3
		-fsdev "local,id=root,path=$root,security_model=none,readonly=on,multidevs=remap"
		-device "virtio-9p-pci,fsdev=root,mount_tag=root"
		-fsdev "local,id=share,path=$run/share,security_model=none"
		-device "virtio-9p-pci,fsdev=share,mount_tag=share"
		-chardev "stdio,id=command,signal=off" -device virtio-serial-pci -device "virtconsole,chardev=command")
	case $accel in
	kvm) vmm+=(-accel kvm -cpu host) slow=1 ;;
	# An emulated CPU's timestamps are the host's, in step; the other clocks would cost a way out of it for each
	# look. ACPI's interpreter gives up after 30 s, on a busy machine before it has found the devices: the older
	# tables tell enough.
	*) vmm+=(-accel "tcg,thread=multi" -cpu qemu64) slow=8 common+=(tsc=reliable acpi=off) ;;
	esac
	vmm+=(-append "root=root rootfstype=9p rootflags=$p9,cache=loose console=ttyS0 ${common[*]}")
	console=/dev/hvc0
	off=0x01234567 # restart, which -no-reboot makes the end
	share=(9p "$p9,cache=none" share)
}

"$machine"

# What init.sh is to run, and where.
{
	printf 'command=('
	printf ' %q' "$@"
	printf ' )\n'
	printf 'top=%q cwd=%q tty=%q limit=%q\n' "$TOP" "$PWD" "$tty" "$limit"
	printf 'console=%q off=%q share=( %s )\n' "$console" "$off" "${share[*]@Q}"
	printf 'modules=%q\n' "$(dirname "$kernel")/root"
	printf 'export LAB_SLOW=%q\n' "$slow"
	for name in "${environment[@]}"; do
		[ -z "${!name-}" ] || printf 'export %s=%q\n' "$name" "${!name}"
	done
	if [ -n "$tty" ]; then
		read -r rows columns < <(stty size </dev/tty)
		printf 'rows=%q columns=%q\n' "$rows" "$columns"
	fi
} >"$run/command"

# --- the guest

# The guest watches its time itself; this is for one that cannot. sleep(1) would outlive us, and hold our caller's pipes.
backstop() {
	read -r -t $((limit + 10)) _ <>"$run/never"
	: >"$run/timed-out"
	kill -KILL "$(cat "$run/pid")"
}

# A mount namespace in which all but $run is read-only, so that not even a remount inside the guest opens the host; a
# PID namespace, so that killing its first process ends every process of the guest.
confined=("${namespaces[@]}" "$LAB/confine.sh" "$run" "$root" "${vmm[@]}")

if [ -n "$tty" ]; then
	saved_tty=$(stty -g </dev/tty)
	"${confined[@]}" </dev/tty 3>"$run/kernel.log" 2>"$run/vmm.log"
else
	mkfifo "$run/never"
	{
		echo "$BASHPID" >"$run/pid"
		exec "${confined[@]}" </dev/null 3>"$run/kernel.log" 2>"$run/vmm.log"
	} | tee "$run/output" &
	output=$!
	[ "$limit" = 0 ] || { backstop & watchdog=$!; }
	wait "$output"
fi

# --- the verdict

say_where() {
	local last_line

	last_line=$(tail -n 1 "$run/output" | tr -d '\r')
	printf 'error: the guest was ended after its time limit of %s s' "$limit"
	[ -z "$last_line" ] || printf ', the last line it printed was "%s"' "$last_line"
	if [ -s "$run/share/timed-out" ]; then
		printf ', and it ran "%s" (%s)\n' "$(sed -n '1s/ *$//p' "$run/share/timed-out")" \
			"$(sed -n 2p "$run/share/timed-out")"
	else
		printf ', and its kernel did not answer any more\n'
	fi
}

if [ -n "$keep" ]; then
	mkdir -p "$keep"
	cp -a "$run/share/out/." "$keep/"
	cp "$run/kernel.log" "$keep/kernel.log"
fi

status=$(cat "$run/share/status" 2>/dev/null)
if [ -e "$run/timed-out" ] || [ -e "$run/share/timed-out" ]; then
	say_where >&2
	status=124
elif [ -z "$status" ]; then
	# Where none can be made, for the reason.
	"$LAB/check.sh" || exit 126
	printf 'error: the guest died before its command ended; its last words:\n' >&2
	cat "$run/vmm.log" "$run/kernel.log" | tail -n 30 | sed 's/^/  | /' >&2
	status=126
fi
if ! "$LAB/scan-log.sh" "$run/kernel.log" >"$run/report"; then
	printf 'error: the kernel reported trouble:\n' >&2
	sed 's/^/  | /' "$run/report" >&2
	[ "$status" = 124 ] || status=125
fi
exit "$status"
