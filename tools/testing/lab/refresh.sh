#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Turn the commits of build/linux since tag `base` into patches/. A patch keeps its number; a new one gets the number
# after the one before it, and later ones move up only if they must.
set -eu
. "$(dirname "$0")/lib.sh"
. "$LAB/series.sh"

tree=$BUILD/linux
[ -e "$tree/.git" ] || die "there is no $tree: run 'make tree' first"
for file in rebase-apply rebase-merge; do
	[ ! -e "$tree/.git/$file" ] || die "a 'git am' or 'git rebase' is under way in $tree: finish it first"
done
edited=$(git -C "$tree" diff --name-only HEAD -- . ':!drivers/net/netdevsim/ipsec.c' | head -n 1)
[ -z "$edited" ] || die "$tree/$edited was edited and not committed: commit it (git -C $tree commit -a), then run 'make refresh' again"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Our own files are in the repository already.
not_ours=()
while read -r file; do
	not_ours+=(":!$file")
done < <(git -C "$TOP" ls-files -- Documentation drivers include net security tools)

git -C "$tree" format-patch -q --abbrev=12 --zero-commit --no-signature -N --diff-algorithm=myers -o "$scratch" base..HEAD -- . "${not_ours[@]}"
# No more context than a hunk needs: the base moves.
python3 "$LAB/hunks.py" narrow "$tree" "$scratch"/*.patch

number_of() {
	local patch

	for patch in "$TOP"/patches/[0-9][0-9][0-9][0-9]-"$1"; do
		[ ! -e "$patch" ] || { basename "$patch" | cut -c 1-4; return; }
	done
	echo 0000
}

mkdir -p "$TOP/patches" "$scratch/named"
next=0
for patch in "$scratch"/*.patch; do
	slug=$(basename "$patch" | cut -c 6-)
	number=$((10#$(number_of "$slug")))
	[ "$number" -ge "$next" ] || number=$next
	mv "$patch" "$scratch/named/$(printf '%04d' "$number")-$slug"
	next=$((number + 1))
done

# Only what changed is written, so that git shows just that.
for patch in "$TOP"/patches/*.patch; do
	[ -e "$scratch/named/$(basename "$patch")" ] || { say "dropped $(basename "$patch")"; rm "$patch"; }
done
for patch in "$scratch"/named/*.patch; do
	cmp -s "$patch" "$TOP/patches/$(basename "$patch")" && continue
	say "wrote patches/$(basename "$patch")"
	cp "$patch" "$TOP/patches/"
done
git -C "$tree" tag -f patched >/dev/null
patches_id "$(git -C "$tree" rev-parse base)" "$TOP"/patches/*.patch >"$tree/.git/lab-patches"
