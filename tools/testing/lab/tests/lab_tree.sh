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
	mkdir -p "$top/tools/testing" "$top/patches" "$top/net/xfrm" "$top/drivers/net/netdevsim/ipsec"
	cp -r "$LAB" "$top/tools/testing/"
	echo /build/ >"$top/.gitignore"
	echo "6.12.1" >"$top/tools/testing/lab/linux-versions"
	make_patch 00-lab/0005-net-change-one.patch net/xfrm/one.c 10 ten
	make_patch 10-net/0100-net-change-two.patch net/xfrm/two.c 10 ten
	echo ours >"$top/net/xfrm/ours.c"
	echo ours >"$top/drivers/net/netdevsim/ipsec/main.c"
	git -C "$top" init -q
	git -C "$top" add -A
	git -C "$top" commit -qm all
}

make_patch() { # NAME FILE LINE NEW
	make_patch_by "$1" "$2" "s/^$3\$/$4/"
}

make_patch_by() { # NAME FILE SED-SCRIPT
	local work=$scratch/work subject

	subject=$(basename "$1" .patch)
	mkdir -p "$top/patches/${1%/*}"

	rm -rf "$work"
	cp -r "$scratch/linux-source-6.12" "$work"
	git -C "$work" init -q
	git -C "$work" add -A -f
	git -C "$work" commit -qm base
	sed -i "$3" "$work/$2"
	git -C "$work" commit -qam "net: $(cut -d- -f3- <<<"$subject" | tr - ' ')"
	git -C "$work" format-patch -q --zero-commit --no-signature -N --stdout -1 >"$top/patches/$1"
}

in_project() {
	try "${namespace[@]}" sh -c 'mkdir -p /usr/src 2>/dev/null; mount -t tmpfs tmpfs /usr/src &&
		cp -p "$1" /usr/src/ && shift && exec "$@"' - "$scratch/linux-source-6.12.tar.xz" "$@"
}
make_tree() { in_project "$top/tools/testing/lab/tree.sh" "$@"; }
refresh() { in_project "$top/tools/testing/lab/refresh.sh"; }

times() { (cd "$tree" && stat -c '%Y.%y %n' Makefile net/xfrm/*.c drivers/net/netdevsim/ipsec.c drivers/net/netdevsim/ipsec/main.c); }
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
		[ "$(cat "$tree/net/xfrm/ours.c")" = ours ] && [ "$(cat "$tree/drivers/net/netdevsim/ipsec/main.c")" = ours ] &&
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
	make_patch 10-net/0100-net-change-two.patch net/xfrm/two.c 10 zehn
	make_tree
	ended_with 0 && grep -q zehn "$tree/net/xfrm/two.c" && [ "$(find "$tree/net" -name one.c -mmin +60)" ] &&
		[ ! "$(find "$tree/net" -name two.c -mmin +60)" ] && [ "$(cat "$tree/drivers/net/netdevsim/ipsec/main.c")" = ours ]
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
make_patch 10-net/0100-net-change-two.patch net/xfrm/two.c 10 dix
make_tree
check "commits that no patch has are not thrown away" one_sentence "run 'make refresh'"
git -C "$top" checkout -q patches

keeps_numbers() {
	refresh
	ended_with 0 && [ "$(cd "$top/patches" && echo */*)" = \
		"00-lab/0005-net-change-one.patch 10-net/0100-net-change-two.patch 10-net/0101-net-change-one-further.patch" ]
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
make_patch 10-net/0100-net-change-two.patch net/xfrm/two.c 10 diez
make_tree
check "and so does a new set of patches" one_sentence "one.c was edited and not committed"
git -C "$tree" checkout -q net/xfrm/one.c

make_patch 10-net/0100-net-change-two.patch net/xfrm/two.c 3 three
sed -i s/^.2$/-no-such-line/ "$top/patches/10-net/0100-net-change-two.patch"
sed -i 's/^ 2$/ nothing/; s/^ 4$/ like it/' "$top/patches/10-net/0100-net-change-two.patch"
make_tree
check "a patch that does not apply" one_sentence "patches/10-net/0100-net-change-two.patch does not apply to Linux 6.12.1"

make_kernel 2
make_project
other_version() {
	make_tree
	ended_with 0 && says "note: nobody has tried the patches on Linux 6.12.2 yet (known to work: 6.12.1)" &&
		grep -q ten "$tree/net/xfrm/one.c"
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
		[ ! -e "$top/build/stock-linux/net/xfrm/ours.c" ] && [ "$(cat "$top/build/stock-linux/drivers/net/netdevsim/ipsec/main.c")" = ours ]
}
check "the stock tree has the simulated NIC and nothing else of ours" stock

# --- the base moves

# Functions: what the patch changes in one of them is in the other, too.
write_calls() { # FILE CALL-AFTER-IT-IN-FIRST
	printf '%s\n' "int first(void)" "{" "	before();" "	old_call();" "	$2();" "}" "" \
		"int second(void)" "{" "	before();" "	old_call();" "	elsewhere();" "}" >"$1"
}

pack() { tar -C "$scratch" -cJf "$scratch/linux-source-6.12.tar.xz" linux-source-6.12; }

# Linux 6.12.1, and a project whose patch changes the call in first()
make_calls() {
	make_kernel 1
	write_calls "$scratch/linux-source-6.12/net/xfrm/calls.c" after
	pack
	make_project
	make_patch_by 10-net/0101-net-change-the-call.patch net/xfrm/calls.c 4s/old/new/
	"$LAB/hunks.py" narrow "$scratch/work" "$top/patches/10-net/0101-net-change-the-call.patch"
}

called() { # FUNCTION CALL
	sed -n "/^int $1(/,/^}/p" "$tree/net/xfrm/calls.c" | grep -q "$2();"
}

make_calls
less_context() {
	make_kernel 2
	write_calls "$scratch/linux-source-6.12/net/xfrm/calls.c" afterwards
	pack
	make_tree
	ended_with 0 && says "to Linux 6.12.2, with less context: 10-net/0101 (net/xfrm/calls.c:4)" && called first new_call && called second old_call
}
check "only context moved: the patch is applied with less of it, and the line says so" less_context

# The one place that is left is in the wrong function, or there are two.
no_place() { # SUBLEVEL COMMAND...
	make_kernel "$1"
	shift
	write_calls "$scratch/linux-source-6.12/net/xfrm/calls.c" afterwards
	"$@"
	pack
	rm -rf "$top/build"
	make_tree
	ended_with 1 && says "patches/10-net/0101-net-change-the-call.patch does not apply to Linux 6.12.$(sed -n 's/SUBLEVEL = //p' \
		"$scratch/linux-source-6.12/Makefile") at net/xfrm/calls.c:4" && [ ! -e "$tree" ]
}
wrong_function() { sed -i '4d' "$scratch/linux-source-6.12/net/xfrm/calls.c"; }
two_places() {
	awk '{ print } NR == 3 { before = $0 } NR == 4 { print before; print }' "$scratch/linux-source-6.12/net/xfrm/calls.c" >"$scratch/calls.c"
	cp "$scratch/calls.c" "$scratch/linux-source-6.12/net/xfrm/calls.c"
}
check "less context is not taken for a place in another function" no_place 3 wrong_function
check "... nor if there are two places" no_place 3 two_places

# An archive: what apt-get, apt-cache and dpkg-deb would say, with Linux 6.12.1 in it.
make_archive() {
	mkdir -p "$scratch/bin" "$scratch/deb/usr/src"
	cp "$scratch/linux-source-6.12.tar.xz" "$scratch/deb/usr/src/"
	tar -C "$scratch/deb" -cf "$scratch/archive.deb" ./usr
	cat >"$scratch/bin/apt-get" <<-EOF
		#!/bin/sh
		echo "\$@" >>$scratch/asked
		case "\$*" in
		*indextargets*) printf '%s\n' "bookworm main local:/debian" "bookworm-security main local:/security" ;;
		*update*) [ ! -e $scratch/offline ] || { echo "E: no network"; exit 100; } ;;
		*download*) cp $scratch/archive.deb linux-source-6.12_6.12.1-1_all.deb ;;
		esac
	EOF
	cat >"$scratch/bin/apt-cache" <<-EOF
		#!/bin/sh
		echo " linux-source-6.12 | 6.12.9-1 | local:/security trixie-security/main amd64 Packages"
		echo " linux-source-6.12 | 6.12.1-1 | local:/debian trixie/main amd64 Packages"
	EOF
	printf '#!/bin/sh\ncat "$2"\n' >"$scratch/bin/dpkg-deb"
	chmod +x "$scratch"/bin/*
	rm -f "$scratch/bin/df"
}
with_archive() { PATH=$scratch/bin:$PATH "$@"; }

make_calls
make_archive
cp -p "$scratch/linux-source-6.12.tar.xz" "$scratch/v1.tar.xz"
falls_back() {
	no_place 9 wrong_function >/dev/null
	rm -f "$scratch/asked"
	rm -rf "$top/build"
	with_archive make_tree
	ended_with 0 && says "patches/10-net/0101-net-change-the-call.patch does not apply to Linux 6.12.9 at net/xfrm/calls.c:4" &&
		says "taking linux-source-6.12 6.12.1-1 from Debian's archive instead" && says "to Linux 6.12.1" &&
		called first new_call && grep -q "download linux-source-6.12=6.12.1-1" "$scratch/asked" &&
		grep -q "local:/security trixie-security main" "$top/build/apt/sources.list" && ! grep -q " install " "$scratch/asked"
}
check "a conflict: the newest version that is known to work is taken from the archive, and said" falls_back

stays_there() {
	local before

	before=$(times)
	rm "$scratch/asked"
	with_archive make_tree
	ended_with 0 && [ -z "$said" ] && [ "$(times)" = "$before" ] && [ ! -e "$scratch/asked" ]
}
check "... once" stays_there

no_archive() {
	rm -rf "$top/build"
	touch "$scratch/offline"
	with_archive make_tree
	rm "$scratch/offline"
	one_sentence "cannot be reached (E: no network): check the network; LINUX=" && [ ! -e "$tree" ]
}
check "... and there is no archive" no_archive

# --- LINUX=

given() { LINUX=$1 make_tree; }

mkdir "$scratch/given"
cp -r "$scratch/linux-source-6.12/." "$scratch/given"
write_calls "$scratch/given/net/xfrm/calls.c" given
sed -i 's/^SUBLEVEL.*/SUBLEVEL = 4/' "$scratch/given/Makefile"
tar -C "$scratch" -czf "$scratch/given.tar.gz" given

given_tree() {
	rm -rf "$top/build"
	given "$scratch/given"
	ended_with 0 && says "to Linux 6.12.4" && called first given && called first new_call &&
		[ -z "$(git -C "$tree" status --short)" ] && [ ! -e "$scratch/given/.git" ] && ! grep -q new_call "$scratch/given/net/xfrm/calls.c" &&
		given "$scratch/given" && ended_with 0 && [ -z "$said" ]
}
check "LINUX=TREE builds on that, and leaves it as it is" given_tree

given_edit() {
	echo "int third(void);" >>"$scratch/given/net/xfrm/calls.c"
	given "$scratch/given"
	ended_with 0 && grep -q third "$tree/net/xfrm/calls.c" && called first new_call
}
check "... as it is now: an edit there arrives here" given_edit

given_git() {
	git -C "$scratch/given" init -q
	git -C "$scratch/given" add -A
	git -C "$scratch/given" commit -qm all
	touch "$scratch/given/.config" "$scratch/given/net/xfrm/calls.o"
	sed -i 's/third/fourth/' "$scratch/given/net/xfrm/calls.c"
	given "$scratch/given"
	ended_with 0 && grep -q fourth "$tree/net/xfrm/calls.c" && [ ! -e "$tree/net/xfrm/calls.o" ]
}
check "LINUX=a git tree: the files that it tracks" given_git

given_tarball() {
	given "$scratch/given.tar.gz"
	ended_with 0 && says "moving build/linux from Linux 6.12.4 to 6.12.4" && called first new_call && ! grep -q fourth "$tree/net/xfrm/calls.c" &&
		given "$scratch/given.tar.gz" && ended_with 0 && [ -z "$said" ]
}
check "LINUX=TARBALL" given_tarball

cp -p "$scratch/v1.tar.xz" "$scratch/linux-source-6.12.tar.xz"
not_given() {
	make_tree
	ended_with 0 && says "moving build/linux from Linux 6.12.4 to 6.12.1" && called first after && called first new_call
}
check "without LINUX: Debian's source again" not_given

# Refuses, and nothing is touched.
refuses() { # WORDS LINUX
	local before

	before=$(times; git -C "$tree" rev-parse HEAD base)
	given "$2"
	one_sentence "$1" && [ "$(times; git -C "$tree" rev-parse HEAD base)" = "$before" ] && [ ! -e "$top/build/linux.unpacking" ]
}
check "LINUX=nothing that is there" refuses "is not there" "$scratch/nothing"
check "LINUX=a directory that is no kernel" refuses "is not a kernel tree" "$top"
check "LINUX=a file that is no tarball" refuses "neither a directory nor a tarball" "$scratch/gitconfig"
tar -C "$scratch" -cf "$scratch/other.tar" bin
check "LINUX=a tarball of something else" refuses "is not a kernel's tarball" "$scratch/other.tar"
check "LINUX=the lab's own tree" refuses "which the lab makes" "$tree"
rm -rf "$scratch/given/.git"
check "LINUX=a tree that was built in" refuses "has been built in: run 'make mrproper'" "$scratch/given"
rm "$scratch/given/.config"
sed -i 4d "$scratch/given/net/xfrm/calls.c"
check "LINUX=a version that the patches do not fit" refuses "does not apply to Linux 6.12.4 at net/xfrm/calls.c:4; nothing was changed" "$scratch/given"
write_calls "$scratch/given/net/xfrm/calls.c" given
git -C "$tree" commit -q --allow-empty -m "net: something"
check "LINUX=another source, while build/linux has commits that no patch has" refuses "run 'make refresh'" "$scratch/given"
git -C "$tree" reset -q --soft HEAD^

# --- an upgrade

make_kernel 5
write_calls "$scratch/linux-source-6.12/net/xfrm/calls.c" after
pack
upgraded() {
	local before

	before=$(times)
	make_tree
	ended_with 0 && says "note: linux-source-6.12 has been upgraded, build/linux is still Linux 6.12.1: 'make tree LINUX=/usr/src/linux-source-6.12.tar.xz'" &&
		[ "$(times)" = "$before" ]
}
check "the source was upgraded: said, and the tree stays" upgraded

follows() {
	local old

	old=$(git -C "$tree" rev-parse HEAD)
	git -C "$tree" branch mine
	given /usr/src/linux-source-6.12.tar.xz
	ended_with 0 && says "moving build/linux from Linux 6.12.1 to 6.12.5" && called first new_call &&
		[ "$(git -C "$tree" rev-parse mine)" = "$old" ] && make_tree && ended_with 0 && [ -z "$said" ]
}
check "... until it is told to move; commits on other branches stay" follows

make_kernel 6
write_calls "$scratch/linux-source-6.12/net/xfrm/calls.c" anew
pack
make_patch 10-net/0101-net-change-the-call.patch net/xfrm/calls.c '\tanew();' '\tnew_anew();'
moves_by_itself() {
	make_tree
	ended_with 0 && says "does not apply to Linux 6.12.5" && says "moving build/linux from Linux 6.12.5 to 6.12.6" && called first new_anew
}
check "the patches changed and fit the upgraded source only: the tree moves" moves_by_itself

# --- a version that lacks something

older_base() {
	make_kernel 3
	make_project
	mkdir "$top/patches/before-6.12.4"
	mv "$top/patches/00-lab/0005-net-change-one.patch" "$top/patches/before-6.12.4"
	make_tree
	ended_with 0 && says "adding what Linux 6.12.3 lacks: 1 of patches/before-6.12.4" && grep -q ten "$tree/net/xfrm/one.c" &&
		[ "$(subjects)" = "net: change two" ] && refresh && ended_with 0 &&
		[ "$(cd "$top/patches" && echo */*)" = "10-net/0100-net-change-two.patch before-6.12.4/0005-net-change-one.patch" ]
}
check "an older version gets what it lacks, as a part of the base" older_base
newer_base() {
	make_kernel 4
	rm -rf "$top/build"
	make_tree
	ended_with 0 && ! grep -q ten "$tree/net/xfrm/one.c" && grep -q ten "$tree/net/xfrm/two.c"
}
check "... and a newer one does not" newer_base

done_testing
