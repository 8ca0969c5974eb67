#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The style of what is ours: checkpatch, sparse, W=1 and kernel-doc on C, shellcheck on scripts, mandoc on manual pages, Sphinx
# on Documentation.
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

# MAINTAINERS is the kernel's, its history is not here, and nobody signs patches off here. --no-tree: else it wants Python modules for SPDX lines.
checkpatch() {
	perl "$tree/scripts/checkpatch.pl" --no-tree --strict --quiet --terse --no-summary --show-types \
		--ignore FILE_PATH_CHANGES,MISSING_SIGN_OFF,NO_AUTHOR_SIGN_OFF,ENOSYS,UNKNOWN_COMMIT_ID "$@"
}

# Git's limit for a message, which checkpatch reads in a mail only.
wide_messages() {
	awk 'length($0) > 75 { print FILENAME ":" FNR ": more than 75 columns" }' patches/*/*.commit
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

# -none: all comments are read and nothing is written but warnings.
kernel_doc() { perl "$tree/scripts/kernel-doc" -none -Wall "$@"; }

# The same for what patches add to the kernel's files, which have warnings of their own.
kernel_doc_of_patches() {
	local files

	mapfile -t files < <(git -C "$tree" diff --name-only --diff-filter=M base patched -- '*.[ch]')
	[ ${#files[@]} -gt 0 ] || return 0
	mkdir "$scratch/base" "$scratch/patched"
	git -C "$tree" archive base -- "${files[@]}" | tar -x -C "$scratch/base"
	git -C "$tree" archive patched -- "${files[@]}" | tar -x -C "$scratch/patched"
	comm -13 <(cd "$scratch/base" && kernel_doc_lines "${files[@]}") <(cd "$scratch/patched" && kernel_doc_lines "${files[@]}")
}
kernel_doc_lines() { kernel_doc "$@" 2>&1 | sed -E 's/:[0-9]+:/:/' | sort; }

# Functions that modules may call, without a kernel-doc comment.
undocumented() {
	local file name

	for file in $(ours 'net/*.c' 'drivers/*.c' 'security/*.c'); do
		sed -nE 's/^EXPORT_SYMBOL(_GPL)?\((.*)\);/\2/p' "$file" | while read -r name; do
			grep -qE "^ \* $name(\(\))? - |\b$name\[" "$file" || echo "$file: $name() is exported and has no kernel-doc comment"
		done
	done
}

mapfile -t sources < <(c_files)
check "checkpatch on files" checkpatch -f "${sources[@]}"
# What else the series bring, messages without a patch included: make series would complain.
mapfile -t others < <(ours Documentation 'tools/net/*' 'tools/testing/selftests/*' | grep -vE '\.(c|h|svg|png)$')
check "checkpatch on scripts and pages" checkpatch -f "${others[@]}"
check "width of messages" wide_messages
check "kernel-doc" kernel_doc "${sources[@]}"
check "kernel-doc on patches" kernel_doc_of_patches
check "kernel-doc of exported functions" undocumented
# Copies: a file that git knows is taken for a source file, whatever its name.
cp -r patches "$scratch"
# iproute2 has the kernel's style, strongSwan its own.
check "checkpatch on patches" checkpatch "$scratch"/patches/{[0-9]*,before-*,iproute2,iproute2/*}/[0-9]*.patch
check "sparse and W=1" compile_strictly
for file in $(shell_scripts | sort -u); do
	unseen=SC2317
	# What a library sets, others use.
	[ -x "$file" ] || unseen+=,SC2034,SC2154
	check "shellcheck $file" shellcheck -S warning -x -P SCRIPTDIR:SCRIPTDIR/lib -e "$unseen" "$file"
done
for page in $(ours '*.[1-8]'); do
	check "mandoc $page" mandoc -T lint -W warning "$page"
done
check "names" "$LAB/names.py" "$TOP" "$tree"
check "pages" "$LAB/pages.sh" --check

[ "$bad" = 0 ] || die "style: mend what is above"
say "style: fine"
