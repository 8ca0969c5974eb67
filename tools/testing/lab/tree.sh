#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Prepare a kernel tree: the pristine source as tag `base`, the patches on top, our files linked into their places.
#
# Nothing is touched that need not be, so a build that follows compiles only what changed. Work that is only in the
# tree (commits, edits) is never thrown away: then this ends with a sentence.
set -eu
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<-EOF
	usage: tree.sh [--stock]
	  --stock   the other tree, build/stock-linux: the kernel as it is, with our simulated NIC only
	EOF
}

# Which patches, which of our files, and where.
tree=$BUILD/linux
branch=lab
patched=patched
patches=("$TOP"/patches/*.patch)
ours=(Documentation drivers include net security tools/net tools/testing/selftests)
remake="make tree"
case ${1-} in
'') ;;
--stock)
	tree=$BUILD/stock-linux
	branch=stock
	patched=stock-patched
	remake="tree.sh --stock"
	patches=("$TOP"/patches/000*.patch)
	ours=(drivers/net/netdevsim)
	;;
*) usage >&2; exit 2 ;;
esac
[ -e "${patches[0]}" ] || patches=()

# Kernel files that a file of ours may stand in for.
replaceable=(drivers/net/netdevsim/ipsec.c)

as_lab=(-c user.name=xfrm-unbind -c user.email=xfrm-unbind@localhost -c commit.gpgSign=false -c core.hooksPath=/dev/null)
git_tree() { git -C "$tree" "${as_lab[@]}" "$@"; }
is_replaceable() { [[ " ${replaceable[*]} " == *" $1 "* ]]; }

# --- the pristine source

# Measured: source 1.7 GB, its git objects 0.6 GB, a build 0.2 GB; the stock tree shares the objects.
need_disk() {
	local free

	mkdir -p "$BUILD"
	free=$(df --output=avail -m "$BUILD" | tail -n 1)
	[ "$free" -ge "$1" ] || die "$BUILD needs $1 MB, only $free MB are free there: make room, or move the repository"
}

unpack() {
	local source=/usr/src/$LINUX_PACKAGE.tar.xz fresh=$BUILD/linux.unpacking package when='2024-11-17 00:00:00 +0000'

	[ -e "$source" ] || die "the kernel source $source is missing: run 'make setup', which installs $LINUX_PACKAGE"
	need_disk 3000
	say "unpacking $source"
	mkdir -p "$BUILD"
	rm -rf "$fresh"
	mkdir "$fresh"
	tar -C "$fresh" --strip-components=1 -I "xz -T0" -xf "$source" ||
		die "unpacking $source failed: reinstall it with 'apt-get install --reinstall $LINUX_PACKAGE'"
	package=$(dpkg-query -W -f '${Version}' "$LINUX_PACKAGE" 2>/dev/null) || package=unknown

	say "making it a git tree (87,000 files)"
	git -C "$fresh" init -q -b "$branch"
	# so many loose objects are fine, packing them takes minutes
	git -C "$fresh" config gc.auto 0
	git -C "$fresh" -c core.compression=1 -c core.fsync=none add -A -f
	GIT_AUTHOR_DATE=$when GIT_COMMITTER_DATE=$when git -C "$fresh" "${as_lab[@]}" \
		commit -q -m "Linux $(linux_version "$fresh"), as in Debian's $LINUX_PACKAGE $package"
	git -C "$fresh" tag base
	mv "$fresh" "$tree"
}

linux_version() {
	sed -nE 's/^(VERSION|PATCHLEVEL|SUBLEVEL) = (.*)/\2/p' "$1/Makefile" | paste -sd.
}

# The stock tree shares the other's objects.
branch_off() {
	[ -e "$BUILD/linux/.git" ] || die "there is no build/linux yet: run 'make tree' first"
	need_disk 2000
	say "checking out the stock source"
	git -C "$BUILD/linux" worktree prune
	git -C "$BUILD/linux" worktree add -q --force -B "$branch" "$tree" base
}

# --- patches

# The commit that $1 becomes on top of $2, made without touching the tree's files.
commit_patch() {
	local patch=$1 parent=$2 new_tree

	git_tree mailinfo "$scratch/message" "$scratch/diff" <"$patch" >"$scratch/info"
	git_tree apply --cached --whitespace=nowarn "$scratch/diff" 2>"$scratch/errors" || return
	new_tree=$(git_tree write-tree)
	field() { sed -n "s/^$1: //p" "$scratch/info"; }
	{ field Subject; echo; cat "$scratch/message"; } >"$scratch/text"
	GIT_AUTHOR_NAME=$(field Author) GIT_AUTHOR_EMAIL=$(field Email) GIT_AUTHOR_DATE=$(field Date) \
		GIT_COMMITTER_DATE=$(field Date) git_tree commit-tree "$new_tree" -p "$parent" -F "$scratch/text"
}

refuse_lost_work() {
	local head edited file

	for file in rebase-apply rebase-merge; do
		[ ! -e "$(git_tree rev-parse --path-format=absolute --git-path "$file")" ] ||
			die "a 'git am' or 'git rebase' is under way in $tree: finish or abort it, then run '$remake' again"
	done
	head=$(git_tree rev-parse HEAD)
	[ "$head" = "$(git_tree rev-parse "$patched" 2>/dev/null)" ] || [ "$head" = "$(git_tree rev-parse base)" ] ||
		die "$tree has commits that are not in patches/: run 'make refresh' to keep them, or 'git -C $tree reset --keep base' to drop them"
	edited=$(git_tree diff --name-only HEAD -- . "${replaceable[@]/#/:!}" | head -n 1)
	[ -z "$edited" ] ||
		die "$tree/$edited was edited and not committed: commit it and run 'make refresh', or undo it with 'git -C $tree checkout $edited'"
}

apply_patches() {
	local patch head scratch

	refuse_lost_work
	scratch=$(mktemp -d)
	# shellcheck disable=SC2064  # the directory of now
	trap "rm -rf $scratch" EXIT
	export GIT_INDEX_FILE=$scratch/index
	head=$(git_tree rev-parse base)
	git_tree read-tree "$head"
	say "applying ${#patches[@]} patches to Linux $(linux_version "$tree")"
	for patch in "${patches[@]}"; do
		head=$(commit_patch "$patch" "$head") || {
			sed 's/^/  | /' "$scratch/errors" >&2
			die "patches/$(basename "$patch") does not apply to Linux $(linux_version "$tree")$(made_for): do 'git -C $tree reset --keep base', 'git -C $tree am -3 $TOP/patches/*.patch', mend what it stops at, then 'make refresh'"
		}
	done
	unset GIT_INDEX_FILE
	# Only files that differ between the two commits are written.
	git_tree reset -q --keep "$head"
	git_tree tag -f "$patched" >/dev/null
	patches_id >"$applied"
}

made_for() {
	[ "$(linux_version "$tree")" = "$LINUX_VERSION" ] || printf ' (they were made for %s)' "$LINUX_VERSION"
}

patches_id() {
	[ ${#patches[@]} = 0 ] || cat "${patches[@]}" | sha256sum
}

# --- our files

link_ours() {
	local file target put=0

	git -C "$TOP" ls-files --cached --others --exclude-standard -- "${ours[@]}" | sort >"$links.new"
	while read -r file; do
		[ -e "$TOP/$file" ] || continue
		target=$tree/$file
		[ ! "$target" -ef "$TOP/$file" ] || continue
		if [ -e "$target" ] || [ -L "$target" ]; then
			may_replace "$file"
			rm "$target"
		fi
		mkdir -p "$(dirname "$target")"
		ln -s "$(realpath -s --relative-to="$(dirname "$target")" "$TOP/$file")" "$target"
		put=$((put + 1))
	done <"$links.new"

	# What we no longer have goes from the tree too, where it is still our link.
	touch "$links"
	comm -23 "$links" "$links.new" | while read -r file; do
		[ ! -L "$tree/$file" ] || rm "$tree/$file"
		! is_replaceable "$file" || git_tree checkout -q -- "$file"
	done
	mv "$links.new" "$links"

	for file in "${replaceable[@]}"; do
		[ ! -L "$tree/$file" ] || git_tree update-index --skip-worktree "$file"
	done
	# Both trees share this list; the stock one has a part of our files.
	[ "$branch" = stock ] ||
		sed 's,^,/,' "$links" >"$(git_tree rev-parse --path-format=absolute --git-path info/exclude)"
	[ "$put" = 0 ] || say "linked $put of our files into the tree"
}

may_replace() {
	local file=$1

	! is_replaceable "$file" || return 0
	if git_tree cat-file -e "HEAD:$file" 2>/dev/null; then
		die "our $file would stand in the place of a kernel file: give it another name, and let a patch build it"
	fi
	[ -L "$tree/$file" ] || cmp -s "$tree/$file" "$TOP/$file" ||
		die "$tree/$file was edited apart from $TOP/$file: copy it there if you want to keep it, or remove it"
}

# --- what is there, what is missing

if [ ! -e "$tree/.git" ]; then
	if [ "$branch" = stock ]; then branch_off; else unpack; fi
fi
applied=$(git_tree rev-parse --path-format=absolute --git-path lab-patches)
links=$(git_tree rev-parse --path-format=absolute --git-path lab-links)

[ "$(linux_version "$tree")" = "$LINUX_VERSION" ] ||
	note "the source is Linux $(linux_version "$tree"), the patches were made for $LINUX_VERSION; going on, they may apply all the same"
if [ "$(patches_id)" != "$(cat "$applied" 2>/dev/null)" ]; then
	apply_patches
fi
link_ours
