#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build Documentation/networking/xfrm as the kernel builds its documentation: with its conf.py, its extensions and the
# kernel-doc comments of the prepared tree. The pages of the kernel that belong to them are built with them, so that
# links between the two can be followed.
set -eu
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<-EOF
	usage: pages.sh [--check]
	  --check   print warnings only, and fail if there are any
	EOF
}

quiet=
case ${1-} in
'') ;;
--check) quiet=yes ;;
*) usage >&2; exit 2 ;;
esac

tree=$BUILD/linux
out=$BUILD/pages
kernel_pages=(xfrm_device xfrm_proc xfrm_sync xfrm_sysctl)

[ -d "$tree/Documentation" ] || die "there is no $tree: run 'make tree' first"

# The kernel's build has one directory of Documentation as its source, in which no link leads out of that directory.
# Here it is the root of Documentation, with a few pages of it. include: what pages quote by a relative path.
arrange() {
	local networking=$out/source/Documentation/networking page

	rm -rf "$out"
	mkdir -p "$networking"
	ln -s "$tree/include" "$out/source/include"
	ln -s "$tree/Documentation/networking/xfrm" "$networking/xfrm"
	for page in "${kernel_pages[@]}"; do
		ln -s "$tree/Documentation/networking/$page.rst" "$networking/$page.rst"
	done
	{
		printf 'IPsec offload\n=============\n\n.. toctree::\n   :maxdepth: 2\n\n   networking/xfrm/index\n'
		printf '   networking/%s\n' "${kernel_pages[@]}"
	} >"$out/source/Documentation/index.rst"
}

# Always from nothing: Sphinx repeats no warning about a page that did not change.
build() {
	local version

	version=$(sed -nE 's/^(VERSION|PATCHLEVEL|SUBLEVEL) = (.*)/\2/p' "$tree/Makefile" | paste -sd.)
	env -u SPHINX_CONF PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8 BUILDDIR="$out" srctree="$tree" sphinx-build -q -E -a -b html \
		-c "$tree/Documentation" -d "$out/doctrees" -D version="$version" -D release="$version" \
		-D kerneldoc_srctree="$tree" -D kerneldoc_bin="$tree/scripts/kernel-doc" \
		"$out/source/Documentation" "$out/html"
}

# The kernel's configuration says which theme it uses, and warns of a program that draws figures. There are none here.
warnings() { grep -vE '^Using .* theme$|^WARNING: dot\(1\) not found' "$out/said" | sed "s,$out/source/,,"; }

# Files that export functions, and that no page has.
missing() {
	local file

	cd "$TOP"
	grep -l '^EXPORT_SYMBOL' net/xfrm/*.c | while read -r file; do
		grep -qrF ".. kernel-doc:: $file" Documentation || echo "$file exports functions: pull it into a page by kernel-doc::"
	done
}

arrange
built=yes
build >"$out/said" 2>&1 || built=
if [ -z "$built" ] || [ -n "$(warnings)" ]; then
	warnings >&2
	die "Sphinx warns about the pages: mend what is above"
fi
[ -z "$(missing)" ] || { missing >&2; die "the pages lack functions: mend what is above"; }
"$LAB/links.py" "$out/html" || die "links of the pages lead nowhere: mend what is above"
[ -n "$quiet" ] || say "pages: $out/html/index.html"
