# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Trees of other releases of Debian, in build/releases. Sourced, after lib.sh.

# The machine's own sources of Debian, for another release. sid has one only.
sources() { # RELEASE
	# shellcheck disable=SC2016  # apt's words
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
		sed -nE "s/^Debian (\S+) [a-z]+(-security|-updates|) main$/\1 $1\2/p" | sort -u | grep -v '^[^ ]* sid-'
}

mirror() { # RELEASE
	sources "$1" | awk -v name="$1" '$2 == name { print $1; exit }'
}

# A clean tree: what a container of that release has, make and git. Sets said where it fails.
clean_tree() { # RELEASE
	local tree=$BUILD/releases/$1.clean from

	[ ! -e "$tree.complete" ] || return 0
	mkdir -p "$BUILD/releases"
	from=$(mirror "$1")
	[ -n "$from" ] || {
		said="error: apt knows no archive of Debian here"
		return 1
	}
	rm -rf "$tree"
	debootstrap --variant=minbase --include=make,git "$1" "$tree" "$from" >"$tree.log" 2>&1 || {
		said=$(tail -n 5 "$tree.log")
		rm -rf "$tree"
		return 1
	}
	sources "$1" | sed 's/^/deb /; s/$/ main/' >"$tree/etc/apt/sources.list"
	apt-config dump --format '%F "%v";%n' Acquire::http Acquire::https >"$tree/etc/apt/apt.conf.d/lab"
	# The tree need not survive a power cut, and nobody reads there.
	printf '%s\n' force-unsafe-io path-exclude=/usr/share/{doc,man,locale,info}/'*' >"$tree/etc/dpkg/dpkg.cfg.d/lab"
	mkdir -p "$tree$TOP"
	: >"$tree.complete"
}
