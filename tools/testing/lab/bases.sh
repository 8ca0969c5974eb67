#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Does the series fit each version of Debian's kernel source that the archives of both releases hold? For each, only the
# files that patches change are unpacked; of the newest one the objects that patches change are compiled, too.
#
# usage: bases.sh            all of them
#        QUICK=SEED bases.sh the newest of each release, and an older one that the seed draws
set -eu
. "$(dirname "$0")/lib.sh"
. "$LAB/series.sh"
. "$LAB/archive.sh"

bases=$BUILD/bases
started=$SECONDS
mapfile -t patches < <(patches_of)
mapfile -t wanted < <({ changed_by "${patches[@]}" "$TOP"/patches/before-*/*.patch; echo Makefile; } | sort -u)

# What takes most of the space and no object here needs; Kconfig files are kept.
not_compiled=()
for part in alpha arc arm arm64 csky hexagon loongarch m68k microblaze mips nios2 openrisc parisc powerpc riscv s390 sh \
	sparc xtensa; do
	not_compiled+=("--exclude=*/arch/$part/*.[chS]" "--exclude=*/arch/$part/boot/*")
done
for part in drivers/{accel,gpu,infiniband,media,scsi,staging,usb,iio,clk,pinctrl,mtd,hwmon,input,regulator,soc,spi,i2c} sound fs; do
	not_compiled+=("--exclude=*/$part/*.[ch]")
done
for part in Documentation/devicetree Documentation/translations tools/perf tools/testing/selftests/bpf; do
	not_compiled+=("--exclude=*/$part")
done

# --- which versions

# 6.12.117-1~deb12u1 is 6.12.117-1, built for the older release: the same source.
source_of() { echo "${1%~deb*}"; }

declare -A in_releases package_of newest
versions=()

list_versions() {
	local package release source

	update_lists || die "Debian's archive cannot be reached ($(tail -n 1 "$apt_dir/log")): check the network and apt's configuration"
	while read -r package release; do
		source=$(source_of "$package")
		[ -n "${in_releases[$source]-}" ] || versions+=("$source")
		[[ " ${in_releases[$source]-} " == *" $release "* ]] || in_releases[$source]+=${in_releases[$source]:+ }$release
		package_of[$source]=${package_of[$source]:-$package}
		newest[$release]=${newest[$release]:-$source}
	done < <(archive_versions)
	for release in "${releases[@]}"; do
		[ -n "${newest[$release]-}" ] || die "Debian's archive has no $LINUX_PACKAGE for $release: see $apt_dir/log"
	done
}

is_newest() {
	local release

	for release in "${releases[@]}"; do
		[ "${newest[$release]}" != "$1" ] || return 0
	done
	return 1
}

# Of the versions that are no release's newest, one.
draw() {
	local version older=() chosen=()

	for version in "${versions[@]}"; do
		if is_newest "$version"; then chosen+=("$version"); else older+=("$version"); fi
	done
	RANDOM=$1
	[ ${#older[@]} = 0 ] || chosen+=("${older[RANDOM % ${#older[@]}]}")
	versions=("${chosen[@]}")
	say "quick, seed $1: ${versions[*]}"
}

# --- one version

# The files that patches change, in build/bases/VERSION/files; of the newest version the whole tree, too, in linux beside
# it. What is there from last time is not fetched again.
fetch() { # VERSION
	local dir=$bases/$1

	printf '%s\n' "${wanted[@]}" >"$dir/wanted"
	if [ "$1" = "${versions[0]}" ] && [ ! -e "$dir/linux.done" ]; then
		unpack "$1" "$dir/linux" "${not_compiled[@]}" || return
		rm -rf "$dir/files"
		touch "$dir/linux.done"
	fi
	[ -z "$(comm -13 <(sort "$dir/files.done" 2>/dev/null) "$dir/wanted")" ] && return
	if [ -e "$dir/linux.done" ]; then
		take_from_tree "$dir"
	else
		# A version may lack one of the files: then its patch says so.
		unpack "$1" "$dir/files" --no-recursion -T <(sed "s,^,$LINUX_PACKAGE/," "$dir/wanted") || return
	fi
	cp "$dir/wanted" "$dir/files.done"
}

unpack() { # VERSION TO TAR-ARGUMENT...
	local dir=$bases/$1 to=$2 version=$1

	shift 2
	rm -rf "$to"
	mkdir -p "$to"
	source_tarball "$version" | xz -dc -T0 | tar -C "$to" --strip-components=1 -x "$@" 2>"$dir/tar.log" || :
	rm -rf "$dir/deb"
	[ -e "$to/Makefile" ] || { tail -n 1 "$dir/tar.log" >&2; return 1; }
}

# Files of the tree that no patch has touched yet: the others are in files from before.
take_from_tree() { # DIR
	local file

	while read -r file; do
		[ -e "$1/linux/$file" ] && [ ! -e "$1/files/$file" ] || continue
		mkdir -p "$(dirname "$1/files/$file")"
		cp -p "$1/linux/$file" "$1/files/$file"
	done <"$1/wanted"
}

source_tarball() {
	local deb

	if [ "$(source_of "$(dpkg-query -W -f '${Version}' "$LINUX_PACKAGE" 2>/dev/null)")" = "$1" ]; then
		cat "/usr/src/$LINUX_PACKAGE.tar.xz"
	else
		deb=$(download_deb "${package_of[$1]}" "$bases/$1/deb") || { tail -n 1 "$bases/$1/deb/log" >&2; return 1; }
		tarball_of "$deb"
	fi
}

try() { # VERSION
	local dir=$bases/$1 lead

	mkdir -p "$dir"
	rm -f "$dir/result"
	fetch "$1" 2>"$dir/fetch.log" || return 0
	mapfile -t lead < <(lead_for "$(linux_version "$dir/files")")
	fit "$dir/files" "$dir/fitted" "${lead[@]}" "${patches[@]}" || :
	echo ${#lead[@]} >"$dir/result"
}

# Patches of a version that were applied so.
patches_with() { cut -d ' ' -f 1,2 "$bases/$1/fitted/report" | sort -u | grep -c "^$2 "; }

row() { # VERSION
	local lead none='?' less='?' applied='not to be had'

	if lead=$(cat "$bases/$1/result" 2>/dev/null); then
		none=$(patches_with "$1" none) || :
		less=$(patches_with "$1" less) || :
		applied=$((${#patches[@]} + lead - none))
	fi
	printf '%-14s %-18s %8s %18s %10s\n' "$1" "${in_releases[$1]}" "$applied" "$less" "$none"
}

fits() { [ -e "$bases/$1/result" ] && ! grep -q '^none ' "$bases/$1/fitted/report"; }

# --- the newest version, compiled

# Puts the series and our files into its tree, and compiles the objects of files that patches change.
compile() { # VERSION
	local dir=$bases/$1 lead patch

	rm -rf "$dir/patched"
	cp -r "$dir/files" "$dir/patched"
	mapfile -t lead < <(lead_for "$(linux_version "$dir/files")")
	for patch in "${lead[@]}" "${patches[@]}"; do
		(cd "$dir/patched" && GIT_CEILING_DIRECTORIES=$dir git apply --whitespace=nowarn "$dir/fitted/$(patch_name "$patch")") || return
	done
	git -C "$TOP" ls-files -z --cached --others --exclude-standard -- drivers include net security |
		tar -C "$TOP" --null -T - -cf - | tar -C "$dir/patched" -xf -
	# Only what changed is written, so that the second time is quick.
	(cd "$dir/patched" && find . -type f) | while read -r patch; do
		cmp -s "$dir/patched/$patch" "$dir/linux/$patch" && continue
		mkdir -p "$(dirname "$dir/linux/$patch")"
		cp "$dir/patched/$patch" "$dir/linux/$patch"
	done
	mapfile -t objects < <(changed_by "${patches[@]}" | sed -n '/^\(drivers\|net\|security\)/s/\.c$/.o/p')
	"$LAB/kernel.sh" --base "$dir" "${objects[@]}"
}

list_versions
[ -z "${QUICK-}" ] || draw "$QUICK"
say "trying ${#patches[@]} patches on ${#versions[@]} versions of $LINUX_PACKAGE"
mkdir -p "$bases"
for version in "${versions[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
	try "$version" &
done
wait

printf '\n%-14s %-18s %8s %18s %10s\n' version releases applied "with less context" conflicts
for version in "${versions[@]}"; do row "$version"; done
echo
bad=0
for version in "${versions[@]}"; do
	if [ ! -e "$bases/$version/result" ]; then
		say "$version could not be fetched: $(tail -n 1 "$bases/$version/fetch.log")"
	else
		sed -E "s/^less (.*) (.*)/== $version: \1, with less context at \2/; s/^none (.*) (.*)/== $version: \1 conflicts at \2/" \
			"$bases/$version/fitted/report"
	fi
	if fits "$version"; then
		grep -qxF "$(upstream "$version")" <<<"$KNOWN_VERSIONS" ||
			note "$(upstream "$version") works and is not in tools/testing/lab/linux-versions: add it there"
	elif is_newest "$version"; then
		bad=1
	elif grep -qxF "$(upstream "$version")" <<<"$KNOWN_VERSIONS"; then
		note "$(upstream "$version") is in tools/testing/lab/linux-versions and does not work: drop it there"
	fi
done
if fits "${versions[0]}"; then compile "${versions[0]}" || bad=1; fi
[ "$bad" = 0 ] || die "the series does not work on the newest version of each release: mend the patches named above (make tree LINUX=…, see HACKING.md)"
say "bases: fine, after $(minutes $((SECONDS - started)))"
