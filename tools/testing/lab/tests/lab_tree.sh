#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016  # what is quoted is for another shell
# What tree.sh and refresh.sh do and refuse, on a kernel of four files.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../tap.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

namespace=(unshare --mount)
[ "$(id -u)" = 0 ] || namespace+=(--map-root-user)
"${namespace[@]}" true 2>/dev/null || {
	echo "1..0 # SKIP mount namespaces are not to be had here"
	exit 4
}

export GIT_CONFIG_GLOBAL=$scratch/gitconfig GIT_CONFIG_NOSYSTEM=1
git config --file "$GIT_CONFIG_GLOBAL" user.name somebody
git config --file "$GIT_CONFIG_GLOBAL" user.email somebody@localhost
git config --file "$GIT_CONFIG_GLOBAL" init.defaultBranch main

top=$scratch/top
tree=$top/build/linux

make_kernel() { # SUBLEVEL
	local source=$scratch/linux-source-6.12

	rm -rf "$source"
	mkdir -p "$source/net/xfrm" "$source/drivers/net/netdevsim"
	printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = %s\n' "$1" >"$source/Makefile"
	seq 20 >"$source/net/xfrm/one.c"
	seq 20 >"$source/net/xfrm/two.c"
	seq 20 >"$source/drivers/net/netdevsim/ipsec.c"
	tar -C "$scratch" -cJf "$scratch/linux-source-6.12.tar.xz" linux-source-6.12
}

# The project, with one patch and two files.
make_project() {
	rm -rf "$top"
	mkdir -p "$top/tools/testing" "$top/patches" "$top/net/xfrm" "$top/drivers/net/netdevsim"
	cp -r "$LAB" "$top/tools/testing/"
	echo /build/ >"$top/.gitignore"
	echo "6.12.1" >"$top/tools/testing/lab/linux-version"
	make_patch 0005-net-change-one.patch net/xfrm/one.c 10 ten
	make_patch 0100-net-change-two.patch net/xfrm/two.c 10 ten
	echo ours >"$top/net/xfrm/ours.c"
	echo ours >"$top/drivers/net/netdevsim/ipsec.c"
	git -C "$top" init -q
	git -C "$top" add -A
	git -C "$top" commit -qm all
}

make_patch() { # NAME FILE LINE NEW
	local work=$scratch/work subject=${1%.patch}

	rm -rf "$work"
	cp -r "$scratch/linux-source-6.12" "$work"
	git -C "$work" init -q
	git -C "$work" add -A -f
	git -C "$work" commit -qm base
	sed -i "s/^$3\$/$4/" "$work/$2"
	git -C "$work" commit -qam "net: $(cut -d- -f3- <<<"$subject" | tr - ' ')"
	git -C "$work" format-patch -q --zero-commit --no-signature -N --stdout -1 >"$top/patches/$1"
}

in_project() {
	try "${namespace[@]}" sh -c 'mkdir -p /usr/src 2>/dev/null; mount -t tmpfs tmpfs /usr/src &&
		cp "$1" /usr/src/ && shift && exec "$@"' - "$scratch/linux-source-6.12.tar.xz" "$@"
}
make_tree() { in_project "$top/tools/testing/lab/tree.sh" "$@"; }
refresh() { in_project "$top/tools/testing/lab/refresh.sh"; }

times() { (cd "$tree" && stat -c '%Y.%y %n' Makefile net/xfrm/*.c drivers/net/netdevsim/ipsec.c); }
subjects() { git -C "$tree" log --reverse --format=%s base..HEAD; }

make_kernel 1
make_project

little_disk() {
	mkdir -p "$scratch/bin"
	printf '#!/bin/sh\necho Avail; echo 12\n' >"$scratch/bin/df"
	chmod +x "$scratch/bin/df"
	PATH=$scratch/bin:$PATH make_tree
	one_sentence "needs 3000 MB, only 12 MB are free"
}
check "too little disk" little_disk

no_source() {
	try "${namespace[@]}" sh -c 'mount -t tmpfs tmpfs /usr/src && exec "$@"' - "$top/tools/testing/lab/tree.sh"
	one_sentence "run 'make setup'"
}
check "no kernel source" no_source

from_nothing() {
	make_tree
	ended_with 0 && [ "$(subjects)" = $'net: change one\nnet: change two' ] &&
		[ "$(cat "$tree/net/xfrm/ours.c")" = ours ] && [ "$(cat "$tree/drivers/net/netdevsim/ipsec.c")" = ours ] &&
		grep -q ten "$tree/net/xfrm/one.c" && [ "$(git -C "$tree" rev-parse patched)" = "$(git -C "$tree" rev-parse HEAD)" ] &&
		[ -z "$(git -C "$tree" status --short)" ]
}
check "from nothing: source, patches, our files" from_nothing

again() {
	local before

	before=$(times)
	make_tree
	ended_with 0 && [ -z "$said" ] && [ "$(times)" = "$before" ]
}
check "again: silent, and nothing is touched" again

own_edit() {
	touch -d yesterday "$tree"/net/xfrm/*.c
	echo changed >"$top/net/xfrm/ours.c"
	make_tree
	ended_with 0 && [ "$(cat "$tree/net/xfrm/ours.c")" = changed ]
}
check "an edit of our file is in the tree at once" own_edit

changed_patch() {
	touch -d yesterday "$tree"/net/xfrm/*.c
	make_patch 0100-net-change-two.patch net/xfrm/two.c 10 zehn
	make_tree
	ended_with 0 && grep -q zehn "$tree/net/xfrm/two.c" && [ "$(find "$tree/net" -name one.c -mmin +60)" ] &&
		[ ! "$(find "$tree/net" -name two.c -mmin +60)" ] && [ "$(cat "$tree/drivers/net/netdevsim/ipsec.c")" = ours ]
}
check "a changed patch touches its own file only" changed_patch

file_gone() {
	git -C "$top" mv net/xfrm/ours.c net/xfrm/renamed.c
	make_tree
	ended_with 0 && [ ! -e "$tree/net/xfrm/ours.c" ] && [ ! -L "$tree/net/xfrm/ours.c" ] && [ -e "$tree/net/xfrm/renamed.c" ]
}
check "a file that we drop goes from the tree" file_gone

sed -i s/15/fifteen/ "$tree/net/xfrm/one.c"
git -C "$tree" commit -qam "net: change one further"
make_patch 0100-net-change-two.patch net/xfrm/two.c 10 dix
make_tree
check "commits that no patch has are not thrown away" one_sentence "run 'make refresh'"
git -C "$top" checkout -q patches

keeps_numbers() {
	refresh
	ended_with 0 && [ "$(cd "$top/patches" && echo *)" = \
		"0005-net-change-one.patch 0100-net-change-two.patch 0101-net-change-one-further.patch" ]
}
check "refresh makes them patches, and the others keep their numbers" keeps_numbers

after_refresh() {
	local before

	before=$(times)
	make_tree
	ended_with 0 && [ "$(times)" = "$before" ]
}
check "... after which the tree is as it should be" after_refresh

refresh_drops_ours() {
	git -C "$tree" add -f net/xfrm/renamed.c
	git -C "$tree" commit -qm "net: what is not for a patch"
	refresh
	ended_with 0 && ! grep -rq renamed.c "$top/patches"
	git -C "$tree" reset -q --soft HEAD^
	git -C "$tree" reset -q
	refresh
}
check "refresh leaves our own files out" refresh_drops_ours

sed -i s/17/seventeen/ "$tree/net/xfrm/one.c"
refresh
check "refresh refuses an edit that is not committed" one_sentence "one.c was edited and not committed"
make_patch 0100-net-change-two.patch net/xfrm/two.c 10 diez
make_tree
check "and so does a new set of patches" one_sentence "one.c was edited and not committed"
git -C "$tree" checkout -q net/xfrm/one.c

make_patch 0100-net-change-two.patch net/xfrm/two.c 3 three
sed -i s/^.2$/-no-such-line/ "$top/patches/0100-net-change-two.patch"
sed -i 's/^ 2$/ nothing/; s/^ 4$/ like it/' "$top/patches/0100-net-change-two.patch"
make_tree
check "a patch that does not apply" one_sentence "patches/0100-net-change-two.patch does not apply to Linux 6.12.1"

make_kernel 2
rm -rf "$top/build"
make_tree
check "... to another version than it was made for" one_sentence "6.12.2 (they were made for 6.12.1)"

make_project
echo "6.12.1" >"$top/tools/testing/lab/linux-version"
other_version() {
	make_tree
	ended_with 0 && says "note: the source is Linux 6.12.2, the patches were made for 6.12.1" && grep -q ten "$tree/net/xfrm/one.c"
}
check "another version to which they apply: said, and on it goes" other_version

echo copy >"$top/net/xfrm/two.c"
make_tree
check "a file of ours in a kernel file's place" one_sentence "net/xfrm/two.c would stand in the place of a kernel file"
rm "$top/net/xfrm/two.c"

rm "$tree/net/xfrm/ours.c"
echo "edited in the wrong place" >"$tree/net/xfrm/ours.c"
make_tree
check "an edit that is in the tree only" one_sentence "was edited apart from"
rm "$tree/net/xfrm/ours.c"

stock() {
	make_tree
	make_tree --stock
	ended_with 0 && grep -q ten "$top/build/stock-linux/net/xfrm/one.c" && ! grep -q ten "$top/build/stock-linux/net/xfrm/two.c" &&
		[ ! -e "$top/build/stock-linux/net/xfrm/ours.c" ] && [ "$(cat "$top/build/stock-linux/drivers/net/netdevsim/ipsec.c")" = ours ]
}
check "the stock tree has the simulated NIC and nothing else of ours" stock

done_testing
