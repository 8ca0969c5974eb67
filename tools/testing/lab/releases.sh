#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016  # what is quoted is for another shell
# The lab on the releases of Debian that the README names, whichever this machine runs: in a clean tree of each the set-up
# installs what is missing, and what it installed builds; then the tree is the root of guests of this machine's kernel.
#
# usage: releases.sh [NAME...]    bookworm, trixie (both)
#        QUICK=SEED releases.sh   a tree of the one without which there is no userland for guests, trixie, and of the other
#                                 one if this number draws it; one program in a guest
#
# Trees are in build/releases, and what was downloaded, for the next time. Prints TAP and counts.
set -u
. "$(dirname "$0")/lib.sh"
. "$LAB/tap.sh"
. "$LAB/debian.sh"

results=$BUILD/releases
all=(bookworm trixie)
# A few programs of each kind: SAs and policies, captures, jq, Python, tc and nft.
programs=(xfrmctl.sh unbind_wire.sh inflight_hooks.sh)

# --- something done in it, by root; outside nothing is seen of its mounts, and build/ stays as it is

in_tree='
	set -e
	tree=$1 top=$2 debs=$3
	shift 3
	mount --make-rprivate /
	mount --bind "$tree" "$tree"
	mount -t proc proc "$tree/proc"
	mount -t sysfs -o ro sysfs "$tree/sys"
	mount --rbind /dev "$tree/dev"
	mount -t tmpfs tmpfs "$tree/mnt"
	mkdir -p "$tree/mnt/new" "$tree/mnt/work" "$debs"
	mount -t overlay -o "lowerdir=$top,upperdir=$tree/mnt/new,workdir=$tree/mnt/work,xino=on" overlay "$tree$top"
	mount --bind "$debs" "$tree/var/cache/apt/archives"
	[ ! -d ~/.cache/ccache ] || { mkdir -p "$tree/root/.cache/ccache"; mount --bind ~/.cache/ccache "$tree/root/.cache/ccache"; }
	cp /etc/resolv.conf "$tree/etc/resolv.conf"
	cd /
	exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 chroot "$tree" sh -c "cd \"\$0\" && exec \"\$@\"" "$top" "$@"
'

inside() { # RELEASE COMMAND...
	try unshare --mount --pid --fork --kill-child=KILL --propagation unchanged \
		bash -c "$in_tree" in_tree "$results/$1" "$TOP" "$results/$1.debs" "${@:2}"
	printf '%s\n' "$said" >>"$results/$1.log"
}

set_up() { # RELEASE
	rm -rf "${results:?}/$1"
	cp -a "$results/$1.clean" "$results/$1"
	inside "$1" make setup
	ended_with 0 && says "installed; $LINUX_PACKAGE is "
}

set_up_again() { # RELEASE
	inside "$1" make setup
	ended_with 0 && [ -z "$said" ]
}

# Every program that building needs runs once, and this release's compiler sees what is ours.
builds() { # RELEASE
	inside "$1" bash -ec '
		rm -rf build/xfrmctl build/selftests build/headers build/um
		make tool
		mkdir build/um
		cat tools/testing/lab/{guest,um,ours,um-ours}.config >build/um/fragment
		words=(-s -C build/linux O="$PWD/build/um" ARCH=um SUBARCH=x86_64)
		PATH=/usr/lib/ccache:$PATH
		make "${words[@]}" KCONFIG_ALLCONFIG="$PWD/build/um/fragment" allnoconfig
		make "${words[@]}" -j"$(nproc)" W=1 net/xfrm/ drivers/net/netdevsim/ drivers/net/bonding/ drivers/net/simpci/ drivers/net/sim82599/ 2>&1'
	ended_with 0 && ! grep -E '\.[ch]:[0-9:]+ (warning|error):' <<<"$said"
}

# Nothing is downloaded; apt only says whether it could.
can_set_up() { # RELEASE
	local state=$results/$1.apt

	mkdir -p "$state/lists/partial" "$state/cache"
	: >"$state/status"
	sources "$1" | sed 's,^,deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ,; s/$/ main/' >"$state/sources.list"
	set -- -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::State::lists="$state/lists" \
		-o Dir::Cache="$state/cache" -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::Etc::preferencesparts=-
	try apt-get "$@" -q update
	ended_with 0 || return
	# shellcheck disable=SC2046  # one word per package
	try apt-get "$@" -q -s install --no-install-recommends $(grep -v '^#' "$LAB/packages")
	ended_with 0 && says "Inst $LINUX_PACKAGE "
}

# --- its userland in guests

story() { # RELEASE
	export XFRMCTL=$BUILD/xfrmctl/xfrmctl

	rm -rf "$BUILD/releases/$1.demo"
	try "$LAB/boot.sh" --root "$results/$1" --mem 1G --time-limit 900 --keep-output "$results/$1.demo" -- \
		"$SELFTESTS/story.sh"
	ended_with 0 && says "5. New SAs, in software"
}

# What this release's tshark says of it.
witness() { # RELEASE
	inside "$1" "$LAB/demo.sh" --verdict "$results/$1.demo"
	ended_with 0 && says "VERDICT: no cleartext"
}

kselftest() { # RELEASE PROGRAM
	try "$LAB/boot.sh" --root "$results/$1" --mem 1G --time-limit 1800 -- "$SELFTESTS/$2"
	ended_with 0 && says " fail:0 "
}

guests() { # RELEASE
	local program

	[ -x "$BUILD/um/linux" ] || die "there is no kernel at $BUILD/um/linux: run 'make kernel' first"
	check "$1: the demo's story with its userland" story "$1"
	check "$1: ... and what its tshark says of it" witness "$1"
	for program in "${programs[@]}"; do
		check "$1: $program with its userland" kselftest "$1" "$program"
	done
}

# --- all of it

SELFTESTS=$TOP/tools/testing/selftests/net/xfrm_offload
[ "$EUID" = 0 ] || die "trees of other releases can be made by root only: run 'sudo make test-releases'"
[ $# -gt 0 ] || set -- "${all[@]}"
mkdir -p "$results"
wanted=("$@")
if [ -n "${QUICK-}" ]; then
	RANDOM=$QUICK
	programs=("${programs[RANDOM % ${#programs[@]}]}")
	((RANDOM % 4 == 0)) || wanted=(trixie)
	say "trees of ${wanted[*]} (QUICK=$QUICK)"
fi

for release; do
	case " ${all[*]} " in
	*" $release "*) ;;
	*) die "the lab knows nothing of a release '$release', but of ${all[*]}" ;;
	esac
	: >"$results/$release.log"
	check "$release: all packages of the list can be had" can_set_up "$release"
	[[ " ${wanted[*]} " == *" $release "* ]] || continue
	check "$release: a clean tree" clean_tree "$release"
	check "$release: make setup installs what is missing" set_up "$release"
	check "$release: ... and then nothing" set_up_again "$release"
	check "$release: what it installed builds, without a warning" builds "$release"
	guests "$release"
done
done_testing
status=$?
echo "$((tests - broken)) passed, $broken failed"
exit "$status"
