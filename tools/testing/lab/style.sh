#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The style of what is ours: checkpatch, sparse and W=1 on C, shellcheck on scripts, mandoc on manual pages.
set -u
. "$(dirname "$0")/lib.sh"
cd "$TOP" || exit 1

tree=$BUILD/linux
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bad=0

# Silent when the command is, else it counts.
check() {
	local what=$1
	shift
	"$@" >"$scratch/said" 2>&1 && [ ! -s "$scratch/said" ] && return
	printf '%s:\n' "$what" >&2
	sed 's/^/  | /' "$scratch/said" >&2
	bad=1
}

ours() { git ls-files -- "$@"; }

# MAINTAINERS is the kernel's, and nobody signs patches off here. --no-tree: else it wants Python modules for SPDX lines.
checkpatch() {
	perl "$tree/scripts/checkpatch.pl" --no-tree --strict --quiet --terse --no-summary --show-types \
		--ignore FILE_PATH_CHANGES,MISSING_SIGN_OFF,NO_AUTHOR_SIGN_OFF,ENOSYS "$@"
}

c_files() { ours '*.c' '*.h' | grep -v '^build/'; }
shell_scripts() { git grep -lE '^#!.*(ba)?sh$' -- . ':!patches'; ours 'tools/testing/*.sh' '.ci/run'; }

# Our objects again, this time with sparse and all warnings; the next build takes the others from the cache.
compile_strictly() {
	local objects

	objects=$(ours 'net/*.c' 'drivers/*.c' 'security/*.c' | sed 's/c$/o/' | while read -r object; do
		[ ! -e "$BUILD/um/$object" ] || echo "$object"
	done)
	[ -n "$objects" ] || return 0
	# shellcheck disable=SC2086  # a list
	"$LAB/kernel.sh" --check $objects
}

mapfile -t sources < <(c_files)
check "checkpatch on files" checkpatch -f "${sources[@]}"
# Copies: a file that git knows is taken for a source file, whatever its name.
cp -r patches "$scratch"
check "checkpatch on patches" checkpatch "$scratch"/patches/*.patch
check "sparse and W=1" compile_strictly
for file in $(shell_scripts | sort -u); do
	unseen=SC2317
	# What a library sets, others use.
	[ -x "$file" ] || unseen+=,SC2034,SC2154
	check "shellcheck $file" shellcheck -S warning -x -P SCRIPTDIR -e "$unseen" "$file"
done
for page in $(ours '*.[1-8]'); do
	check "mandoc $page" mandoc -T lint -W warning "$page"
done

[ "$bad" = 0 ] || die "style: mend what is above"
say "style: fine"
