#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Prepare a kernel tree: the pristine source as tag `base`, the patches on top, our files linked into their places.
#
# Nothing is touched that need not be, so a build that follows compiles only what changed. Work that is only in the
# tree (commits, edits) is never thrown away: then this ends with a sentence.
set -eu
. "$(dirname "$0")/lib.sh"
. "$LAB/series.sh"
. "$LAB/archive.sh"
. "$LAB/source.sh"

usage() {
	cat <<-EOF
	usage: tree.sh [--stock]
	  --stock   the other tree, build/stock-linux: the kernel as it is, with our simulated NIC only
	LINUX=PATH makes it of that kernel tree or tarball, not of Debian's source.
	EOF
}

# Which patches, which of our files, and where.
tree=$BUILD/linux
branch=lab
patched=patched
mapfile -t patches < <(patches_of)
ours=(Documentation drivers include net security tools/net tools/testing/selftests)
remake="make tree"
case ${1-} in
'') ;;
--stock)
	tree=$BUILD/stock-linux
	branch=stock
	patched=stock-patched
	remake="tree.sh --stock"
	mapfile -t patches < <(patches_of "$TOP/patches/00-lab")
	ours=(drivers/net/netdevsim)
	;;
*) usage >&2; exit 2 ;;
esac

as_lab=(-c user.name=xfrm-unbind -c user.email=xfrm-unbind@localhost -c commit.gpgSign=false -c core.hooksPath=/dev/null)
git_tree() { git -C "$tree" "${as_lab[@]}" "$@"; }

# --- the pristine source

# The commit of the source in $fresh, in the repository $1: what the tag `base` is for.
base_commit() {
	local when='2024-11-17 00:00:00 +0000' commit lead

	commit=$(tree_of "$fresh" "$1")
	commit=$(GIT_AUTHOR_DATE=$when GIT_COMMITTER_DATE=$when git --git-dir="$1" "${as_lab[@]}" \
		commit-tree "$commit" -m "Linux $version, as in $origin")
	mapfile -t lead < <(lead_for "$version")
	[ ${#lead[@]} = 0 ] || {
		say "adding what Linux $version lacks: ${#lead[@]} of $(dirname "${lead[0]#"$TOP"/}")" >&2
		commit=$(commit_series "$1" "$commit" "$scratch/trial" "${lead[@]}")
	}
	echo "$commit"
}

make_tree() {
	local made=$unpacked

	say "making it a git tree (87,000 files)"
	[ "$fresh" = "$unpacked" ] || { need_disk 3000; rm -rf "$made"; mkdir "$made"; }
	git -C "$made" init -q -b "$branch"
	# so many loose objects are fine, packing them takes minutes
	git -C "$made" config gc.auto 0
	git -C "$made" update-ref "refs/heads/$branch" "$(base_commit "$made/.git")"
	git -C "$made" tag base
	# The list of files is that of the source: of these very files, or of the ones to write.
	[ "$fresh" != "$made" ] || cp "$made/.git/lab-source-index" "$made/.git/index"
	git -C "$made" reset -q --hard
	mv "$made" "$tree"
}

# The tree goes on to another source. Its old commits stay in its repository.
change_base() {
	local base

	say "moving build/linux from Linux $(linux_version "$tree") to $version"
	base=$(base_commit "$tree/.git")
	git_tree reset -q --keep "$base"
	git_tree tag -f base >/dev/null
	git_tree tag -f "$patched" >/dev/null
	[ "$fresh" != "$unpacked" ] || rm -rf "$unpacked"
}

# What the tree was made of: "installed" or "named", whether another one had to stand in, and the key of what was wanted.
write_record() { printf '%s\n' "$1" "${fallback:-}" "$2" >"$record"; }
recorded() { sed -n "$1p" "$record" 2>/dev/null; }

# Makes the tree, or moves it, if it is not of the source that is wanted.
get_source() {
	local path='' key='' kind=installed

	if [ -n "${LINUX-}" ]; then
		path=$(named_source)
		kind=named
		[ "$path" != "$(realpath "$installed" 2>/dev/null)" ] || kind=installed
	fi
	if [ ! -e "$tree/.git" ]; then
		if [ -n "$path" ]; then open_named "$path"; else open_default; fi
		make_tree
		record=$tree/.git/lab-source
	else
		[ -e "$record" ] || adopt
		key=$(wanted_key "$path")
		if [ -z "$path" ] && [ "$(recorded 1)" = installed ]; then
			[ -z "$key" ] || [ "$key" = "$(recorded 3)" ] || note_upgrade
			return 0
		fi
		[ "$key" != "$(recorded 3)" ] || [ -n "$(recorded 2)" ] || return 0
		refuse_lost_work
		if [ -n "$path" ]; then open_named "$path"; else open_default; fi
		change_base
	fi
	write_record "$kind" "$(wanted_key "$path")"
}

wanted_key() { # PATH
	local path=${1:-$installed}

	if [ -d "$path" ]; then
		echo "$path $(tree_of "$path" "$tree/.git")"
	elif [ -e "$path" ]; then
		key_of "$path"
	fi
}

# A tree that was made before there were records is of the installed source, unless that has another version.
adopt() {
	local package

	package=$(dpkg-query -W -f '${Version}' "$LINUX_PACKAGE" 2>/dev/null) || package=
	if [[ $(git_tree log -1 --format=%s base) == *" $package" ]]; then
		write_record installed "$(wanted_key '')"
	else
		write_record installed unknown
	fi
}

note_upgrade() {
	note "$LINUX_PACKAGE has been upgraded, build/linux is still Linux $(linux_version "$tree"): 'make tree LINUX=$installed' moves it to the new one (a rebuild of about 10 minutes)"
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

# The commit that a patch becomes on top of $2 in the repository $1, made without touching the tree's files.
commit_patch() { # GITDIR PARENT PATCH
	local git=(git --git-dir="$1" "${as_lab[@]}") parent=$2 new_tree

	"${git[@]}" mailinfo "$scratch/message" "$scratch/diff" <"$3" >"$scratch/info" &&
		"${git[@]}" apply --cached --whitespace=nowarn "$scratch/diff" &&
		new_tree=$("${git[@]}" write-tree) || return
	field() { sed -n "s/^$1: //p" "$scratch/info"; }
	{ field Subject; echo; cat "$scratch/message"; } >"$scratch/text"
	GIT_AUTHOR_NAME=$(field Author) GIT_AUTHOR_EMAIL=$(field Email) GIT_AUTHOR_DATE=$(field Date) \
		GIT_COMMITTER_DATE=$(field Date) "${git[@]}" commit-tree "$new_tree" -p "$parent" -F "$scratch/text"
}

# The last commit of patches that were made to fit, in OUT, on top of PARENT.
commit_series() { # GITDIR PARENT OUT PATCH...
	local gitdir=$1 head=$2 out=$3 patch

	shift 3
	export GIT_INDEX_FILE=$scratch/index
	git --git-dir="$gitdir" read-tree "$head"
	for patch in "$@"; do
		head=$(commit_patch "$gitdir" "$head" "$out/$(patch_name "$patch")") ||
			die "patches/$(patch_name "$patch") cannot be committed: see what git says above"
	done
	unset GIT_INDEX_FILE
	echo "$head"
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
	edited=$(git_tree diff --name-only HEAD | head -n 1)
	[ -z "$edited" ] ||
		die "$tree/$edited was edited and not committed: commit it and run 'make refresh', or undo it with 'git -C $tree checkout $edited'"
}

# The files of the base that patches change, in $scratch/base
base_files() {
	local files

	mapfile -t files < <(comm -12 <(changed_by "${patches[@]}") <(git_tree ls-tree -r --name-only base | sort))
	mkdir -p "$scratch/base"
	[ ${#files[@]} = 0 ] || git_tree archive base -- "${files[@]}" | tar -C "$scratch/base" -xf -
}

apply_patches() {
	local head less

	refuse_lost_work
	base_files
	if ! fit "$scratch/base" "$scratch/fitted" "${patches[@]}"; then
		describe_misfit "$scratch/fitted" "$(linux_version "$tree")"
		# Where a known version does not take them, the patches are at fault.
		if [ "$branch" = stock ] || [ -n "${LINUX-}" ] || is_known "$(linux_version "$tree")"; then
			die "$misfit: do 'git -C $tree reset --keep base', 'git -C $tree am -3 $TOP/patches/[0-9]*/[0-9]*.patch', mend what it stops at, then 'make refresh'"
		fi
		elsewhere
	fi
	is_known "$(linux_version "$tree")" ||
		note "nobody has tried the patches on Linux $(linux_version "$tree") yet (known to work: $LINUX_VERSION); going on, they apply"
	less=$(reported "$scratch/fitted" less)
	say "applying ${#patches[@]} patches to Linux $(linux_version "$tree")${less:+, with less context: $less}"
	head=$(commit_series "$(git_tree rev-parse --path-format=absolute --git-common-dir)" "$(git_tree rev-parse base)" \
		"$scratch/fitted" "${patches[@]}")
	# Only files that differ between the two commits are written.
	git_tree reset -q --keep "$head"
	git_tree tag -f "$patched" >/dev/null
	base_and_patches >"$applied"
}

# The patches were changed, and fit this source no more: perhaps the one that is installed now, or one of the archive.
elsewhere() {
	if [ -e "$installed" ] && [ "$(wanted_key '')" != "$(recorded 3)" ]; then
		say "$misfit"
		open_default
	else
		open_known "$(linux_version "$tree")"
	fi
	change_base
	write_record installed "$(wanted_key '')"
	base_files
	fit "$scratch/base" "$scratch/fitted" "${patches[@]}"
}

base_and_patches() { patches_id "$(git_tree rev-parse base)" "${patches[@]}"; }

# --- our files

link_ours() {
	local file target put=0

	git -C "$TOP" ls-files --cached --others --exclude-standard -- "${ours[@]}" | sort >"$links.new"
	while read -r file; do
		[ -e "$TOP/$file" ] || continue
		target=$tree/$file
		[ ! "$target" -ef "$TOP/$file" ] || continue
		if [ -e "$target" ] || [ -L "$target" ]; then
			refuse_lost_file "$file"
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
	done
	mv "$links.new" "$links"

	# Both trees share this list; the stock one has a part of our files.
	[ "$branch" = stock ] ||
		sed 's,^,/,' "$links" >"$(git_tree rev-parse --path-format=absolute --git-path info/exclude)"
	[ "$put" = 0 ] || say "linked $put of our files into the tree"
}

refuse_lost_file() {
	local file=$1

	if git_tree cat-file -e "HEAD:$file" 2>/dev/null; then
		die "our $file would stand in the place of a kernel file: give it another name, and let a patch build it"
	fi
	[ -L "$tree/$file" ] || cmp -s "$tree/$file" "$TOP/$file" ||
		die "$tree/$file was edited apart from $TOP/$file: copy it there if you want to keep it, or remove it"
}

# --- what is there, what is missing

scratch=$(mktemp -d)
trap 'rm -rf "$scratch" "$unpacked"' EXIT
record=$BUILD/linux/.git/lab-source

if [ "$branch" != stock ]; then
	get_source
elif [ ! -e "$tree/.git" ]; then
	branch_off
fi
applied=$(git_tree rev-parse --path-format=absolute --git-path lab-patches)
links=$(git_tree rev-parse --path-format=absolute --git-path lab-links)

if [ "$(base_and_patches)" != "$(cat "$applied" 2>/dev/null)" ]; then
	apply_patches
fi
link_ours
