# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The series of patches on one version of Linux. Sourced.

# 6.12.117, of the kernel in the directory $1
linux_version() {
	sed -nE 's/^(VERSION|PATCHLEVEL|SUBLEVEL) = (.*)/\2/p' "$1/Makefile" 2>/dev/null | paste -sd.
}

is_older() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$@" | sort -V | head -n 1)" = "$1" ]; }

# Each directory of patches/ whose name begins with two digits is a series; the digits tell the order.
series_dirs() {
	local dir

	for dir in "$TOP"/patches/[0-9][0-9]-*/; do
		[ ! -d "$dir" ] || echo "${dir%/}"
	done
}

# The patches of directories, or of all series.
patches_of() { # [DIR...]
	local dir patch dirs

	if [ $# = 0 ]; then
		mapfile -t dirs < <(series_dirs)
		set -- "${dirs[@]}"
	fi
	for dir; do
		for patch in "$dir"/[0-9]*.patch; do
			[ ! -e "$patch" ] || echo "$patch"
		done
	done
}

# 30-unbind/0003-slug.patch
patch_name() { echo "${1#"$TOP"/patches/}"; }

# What versions older than that of a directory's name lack, and the series builds on: it becomes a part of the base.
lead_for() { # VERSION
	local dir

	for dir in "$TOP"/patches/before-*/; do
		[ ! -d "$dir" ] || ! is_older "$1" "$(basename "${dir#*before-}")" || printf '%s\n' "$dir"*.patch
	done
}

# The files that patches change.
changed_by() { # PATCH...
	[ $# = 0 ] || sed -nE 's,^--- a/(.*),\1,p' "$@" | sort -u
}

# Makes patches fit the files below SOURCE, one after the other, and puts them into OUT, with a report.
fit() { # SOURCE OUT PATCH...
	local source=$1 out=$2

	shift 2
	rm -rf "$out"
	mkdir -p "$out"
	[ $# = 0 ] || python3 "$LAB/hunks.py" place "$source" "$out" "$@" >"$out/report"
}

# 30-unbind/0003 (net/sched/sch_generic.c:268), for each line of OUT's report that begins with WHAT
reported() { # OUT WHAT
	[ ! -e "$1/report" ] || sed -nE "s/^$2 ([^ ]*[0-9]{4})-[^ ]* (.*)/\1 (\2)/p" "$1/report" | paste -sd, | sed 's/,/, /g'
}

patches_id() { # BASE PATCH...
	{ echo "$1"; shift; [ $# = 0 ] || cat "$@"; } | sha256sum
}
