# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Which kernel source a tree is made of: what LINUX= names, or the source that is installed, or, if the series does not
# fit that one, the newest that it is known to fit, from Debian's archive. Sourced by tree.sh, which has $tree and $scratch.

installed=/usr/src/$LINUX_PACKAGE.tar.xz
unpacked=$BUILD/linux.unpacking

# Measured: source 1.7 GB, its git objects 0.6 GB, a build 0.2 GB; the stock tree shares the objects.
need_disk() {
	local free

	mkdir -p "$BUILD"
	free=$(df --output=avail -m "$BUILD" | tail -n 1)
	[ "$free" -ge "$1" ] || die "$BUILD needs $1 MB, only $free MB are free there: make room, or move the repository"
}

# --- LINUX=

named_source() {
	local path

	path=$(realpath -e -- "$LINUX" 2>/dev/null) || die "LINUX=$LINUX is not there: give a kernel tree or a tarball of one"
	case $path/ in
	"$BUILD"/*) die "LINUX=$LINUX is in $BUILD, which the lab makes: give a tree of your own" ;;
	esac
	if [ -d "$path" ]; then
		is_kernel "$path" || die "LINUX=$LINUX is not a kernel tree: its Makefile names no version"
		tracked "$path" || [ ! -e "$path/.config" ] && [ ! -e "$path/include/config" ] ||
			die "LINUX=$LINUX has been built in: run 'make mrproper' there, or give a git tree, of which only tracked files are taken"
	elif ! tar -tf "$path" 2>/dev/null | head -n 1 | grep -q .; then
		die "LINUX=$LINUX is neither a directory nor a tarball: give a kernel tree or a tarball of one"
	fi
	printf '%s\n' "$path"
}

is_kernel() { [[ $(linux_version "$1") == *.*.* ]]; }

# Is $1 a git tree of its own?
tracked() { [ "$(git -C "$1" -c safe.directory='*' rev-parse --show-toplevel 2>/dev/null)" = "$1" ]; }

# --- from a source to files

# What tells whether a tarball is another one than last time.
key_of() { stat -c '%n %s %Y' "$1"; }

unpack() { # TARBALL WHAT-TO-DO-IF-THAT-FAILS
	local with=()

	need_disk 3000
	say "unpacking $1"
	rm -rf "$unpacked"
	mkdir "$unpacked"
	[[ $1 != *.xz ]] || with=(-I "xz -T0")
	tar -C "$unpacked" --strip-components=1 "${with[@]}" -xf "$1" 2>"$scratch/tar" || die "unpacking $1 failed: $2"
	fresh=$unpacked
}

# Does the series fit the files in $fresh? Leaves what to say of that.
fits_fresh() {
	local lead patches_now=("${patches[@]}")

	version=$(linux_version "$fresh")
	mapfile -t lead < <(lead_for "$version")
	fit "$fresh" "$scratch/trial" "${lead[@]}" "${patches_now[@]}" && return
	describe_misfit "$scratch/trial" "$version"
	return 1
}

describe_misfit() { # OUT VERSION
	local patch place more

	read -r _ patch place <<<"$(grep -m 1 '^none ' "$1/report")"
	more=$(grep -c '^none ' "$1/report")
	misfit="patches/$patch does not apply to Linux $2 at $place"
	[ "$more" = 1 ] || misfit+=" (and $((more - 1)) more)"
}

is_known() { grep -qxF "$1" <<<"$KNOWN_VERSIONS"; }

# Sets $fresh to a directory with the source that the series fits, and $origin to what that is.
open_named() {
	local path=$1

	origin=$path
	if [ -d "$path" ]; then
		fresh=$path
	else
		unpack "$path" "give a tarball of a kernel tree"
		is_kernel "$fresh" || die "LINUX=$LINUX is not a kernel's tarball: no Makefile at its top names a version"
	fi
	fits_fresh || die "$misfit; nothing was changed. Give another version, for example $LINUX_VERSION"
}

open_default() {
	[ -e "$installed" ] || die "the kernel source $installed is missing: run 'make setup', which installs $LINUX_PACKAGE"
	unpack "$installed" "reinstall it with 'apt-get install --reinstall $LINUX_PACKAGE'"
	origin="Debian's $LINUX_PACKAGE $(dpkg-query -W -f '${Version}' "$LINUX_PACKAGE" 2>/dev/null)" || origin="Debian's $LINUX_PACKAGE"
	fallback=
	fits_fresh || is_known "$version" || open_known "$version"
}

# The newest version in the archives that the series is known to fit, but for $1.
open_known() {
	local candidate='' package release deb help

	help="LINUX=/path/to/tree-or-tarball builds on another source"
	say "$misfit"
	update_lists || die "the patches do not apply to Linux $1, and Debian's archive, which has versions that they are known to apply to, cannot be reached ($(tail -n 1 "$apt_dir/log")): check the network; $help"
	while read -r package release; do
		[ "$(upstream "$package")" != "$1" ] && is_known "$(upstream "$package")" || continue
		candidate=$package
		break
	done < <(archive_versions)
	[ -n "$candidate" ] || die "the patches do not apply to Linux $1, and Debian's archive has none of the versions that they are known to apply to ($(echo $KNOWN_VERSIONS)): $help"
	say "taking $LINUX_PACKAGE $candidate from Debian's archive instead: the patches are known to work with it"
	deb=$(download_deb "$candidate" "$BUILD/apt/deb") || die "$LINUX_PACKAGE $candidate cannot be downloaded ($(tail -n 1 "$BUILD/apt/deb/log")): check the network; $help"
	tarball_of "$deb" >"$BUILD/apt/deb/$LINUX_PACKAGE.tar.xz"
	unpack "$BUILD/apt/deb/$LINUX_PACKAGE.tar.xz" "run this again"
	rm -r "$BUILD/apt/deb"
	origin="Debian's $LINUX_PACKAGE $candidate"
	fallback=instead
	fits_fresh || die "$misfit, although tools/testing/lab/linux-versions lists it: mend the patch or the list"
}

# --- from files to git

# The tree object of the files in $1, in the repository $2. A list of its own makes it quick the second time.
tree_of() { # DIRECTORY GITDIR
	local git=(git -C "$1" --git-dir="$2" --work-tree="$1" -c core.compression=1 -c core.fsync=none -c core.autocrlf=false)

	export GIT_INDEX_FILE=$2/lab-source-index
	if [ "$2" != "$1/.git" ] && tracked "$1"; then
		git -C "$1" -c safe.directory='*' ls-files -z | sort -zu >"$scratch/tracked"
		comm -z -13 "$scratch/tracked" <("${git[@]}" ls-files -z | sort -zu) | "${git[@]}" update-index -z --force-remove --stdin
		"${git[@]}" update-index --add --remove -z --stdin <"$scratch/tracked"
	else
		"${git[@]}" add -A -f .
	fi
	"${git[@]}" write-tree
	unset GIT_INDEX_FILE
}
