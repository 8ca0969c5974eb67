#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Turn the commits of build/linux since tag `base` into patches/. A patch keeps its directory and its number; a new one
# goes where the one before it is, with the next number, and later ones move up only if they must.
set -eu
. "$(dirname "$0")/lib.sh"
. "$LAB/series.sh"

tree=$BUILD/linux
[ -e "$tree/.git" ] || die "there is no $tree: run 'make tree' first"
for file in rebase-apply rebase-merge; do
	[ ! -e "$tree/.git/$file" ] || die "a 'git am' or 'git rebase' is under way in $tree: finish it first"
done
edited=$(git -C "$tree" diff --name-only HEAD | head -n 1)
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

# The place that a patch has now: 30-unbind/0003
place_of() { # SLUG
	local patch

	for patch in "$TOP"/patches/[0-9][0-9]-*/[0-9][0-9][0-9][0-9]-"$1"; do
		[ ! -e "$patch" ] || { patch=$(patch_name "$patch"); echo "${patch%-"$1"}"; return; }
	done
}

mapfile -t dirs < <(series_dirs)
dir=$(basename "${dirs[0]:-10-patches}")
mkdir -p "$scratch/named"
next=1
for patch in "$scratch"/*.patch; do
	slug=$(basename "$patch" | cut -c 6-)
	place=$(place_of "$slug")
	if [ -n "$place" ] && [[ ${place%/*} > $dir ]]; then
		dir=${place%/*}
		next=1
	elif [ -n "$place" ] && [[ ${place%/*} < $dir ]]; then
		die "'$slug' is in patches/${place%/*} and its commit comes after one of patches/$dir: move the commit, or the file"
	fi
	number=$next
	[ -z "$place" ] || [ $((10#${place#*/})) -lt "$next" ] || number=$((10#${place#*/}))
	mkdir -p "$scratch/named/$dir"
	mv "$patch" "$scratch/named/$dir/$(printf '%04d' "$number")-$slug"
	next=$((number + 1))
done

# Only what changed is written, so that git shows just that.
mapfile -t old < <(patches_of)
for patch in "${old[@]}"; do
	[ -e "$scratch/named/$(patch_name "$patch")" ] || { say "dropped patches/$(patch_name "$patch")"; rm "$patch"; }
done
(cd "$scratch/named" && printf '%s\n' */*.patch) | while read -r patch; do
	cmp -s "$scratch/named/$patch" "$TOP/patches/$patch" && continue
	say "wrote patches/$patch"
	mkdir -p "$TOP/patches/${patch%/*}"
	cp "$scratch/named/$patch" "$TOP/patches/$patch"
done
git -C "$tree" tag -f patched >/dev/null
mapfile -t patches < <(patches_of)
patches_id "$(git -C "$tree" rev-parse base)" "${patches[@]}" >"$tree/.git/lab-patches"
