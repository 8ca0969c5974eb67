#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build the lab's kernels from a prepared tree.
#
# usage: kernel.sh                     our kernel, for User-mode Linux: build/um/linux
#        kernel.sh --smp               ours for QEMU, with more checks: build/smp/vmlinux
#        kernel.sh --stock             the stock one, with our simulated NIC: build/um-stock/linux
#        kernel.sh --modular [LINE...] ours for User-mode Linux, of modules, but for these lines of configuration:
#                                      build/modular/linux; what is ours or patched with W=1 as errors
#        kernel.sh --drivers           nothing to run: every driver that we change, with W=1 and sparse
#        kernel.sh --base DIR OBJECT... nothing to run: objects of the kernel in DIR/linux, into DIR/um
#        kernel.sh --series OBJECT...  nothing to run: objects of build/series/linux with W=1
#        kernel.sh --again [modules]   ours as it is configured; prints what make says
#        kernel.sh --relink SOURCE...  the same, if nothing but these has changed since: in a third of the time
#        kernel.sh --series-boot [LINE...] build/series/linux for User-mode Linux, with these lines of configuration:
#                                      build/series/um/linux
#        kernel.sh --check OBJECT...   objects of our kernel with sparse and W=1; prints what they say
set -eu
. "$(dirname "$0")/lib.sh"

tree=$BUILD/linux
out=$BUILD/um
name=xfrm-unbind
arch=(ARCH=um SUBARCH=x86_64)
target=linux
objects=1470
strict=
fragments=("$LAB/guest.config" "$LAB/um.config" "$LAB/ours.config" "$LAB/um-ours.config")
case ${1-} in
'') ;;
--smp)
	out=$BUILD/smp
	arch=(ARCH=x86_64)
	target=vmlinux
	objects=1750
	fragments=("$LAB/guest.config" "$LAB/x86-smp.config" "$LAB/ours.config")
	;;
--stock)
	tree=$BUILD/stock-linux
	out=$BUILD/um-stock
	name=stock
	fragments=("$LAB/guest.config" "$LAB/um.config")
	;;
--drivers)
	out=$BUILD/drivers
	fragments+=("$LAB/drivers.config")
	;;
--modular)
	out=$BUILD/modular
	name=modular
	objects=1700
	fragments+=("$LAB/modular.config")
	;;
--base)
	tree=$2/linux
	out=$2/um
	fragments+=("$LAB/drivers.config")
	;;
--series)
	tree=$BUILD/series/linux
	out=$BUILD/series/objects
	name=series
	fragments+=("$LAB/drivers.config")
	;;
--series-boot)
	tree=$BUILD/series/linux
	out=$BUILD/series/um
	name=series
	objects=900
	fragments=("$LAB/guest.config" "$LAB/um.config" "$LAB/ours.config" "$LAB/series.config")
	;;
--again | --relink | --check) ;;
*) sed -n 's/^# \(usage:\|      \)/\1/p' "$0" >&2; exit 2 ;;
esac
log=$out.log

[ -d "$tree" ] || die "there is no $tree: run 'make tree' first"
mkdir -p "$out"

# Nothing of when, where and by whom goes into the objects: a second clone finds them all in the cache.
export LOCALVERSION=-$name KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab KBUILD_BUILD_TIMESTAMP=@0
export CCACHE_BASEDIR=$TOP CCACHE_NOHASHDIR=1 CCACHE_IGNOREOPTIONS='-fmacro-prefix-map=*'
[ ! -x /usr/lib/ccache/gcc ] || PATH=/usr/lib/ccache:$PATH
[ "$name" != modular ] || PATH=$out/strict:$PATH

kernel_make() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -C "$tree" O="$out" "${arch[@]}" "$@" </dev/null
}

# --- configuration

# The last line about a symbol counts. One that begins with "try" need not take effect.
configure() { # LINE...
	cat "${fragments[@]}" - <<<"$(printf '%s\n' "$@")" | awk '
		{ sub(/^try /, "") }
		/^(# )?CONFIG_/ {
			symbol = $1 == "#" ? $2 : $1
			sub(/=.*/, "", symbol)
			if (!(symbol in line))
				symbols[++count] = symbol
			line[symbol] = $0
		}
		END { for (i = 1; i <= count; i++) print line[symbols[i]] }' >"$out/fragment"
	if [ "$name" = modular ]; then
		cat "$tree/Kconfig" "$LAB/Kconfig.modular" >"$out/Kconfig"
		export KBUILD_KCONFIG=$out/Kconfig
	fi
	kernel_make -s KCONFIG_ALLCONFIG="$out/fragment" allnoconfig >"$log" 2>&1 || fail "cannot configure the kernel"
	# A commit of a series need not have all options yet.
	[ "$name" != series ] || return 0
	# Without one line, others that depend on it go, too.
	[ $# = 0 ] || printf '%s\n' "$@" | sed '/^try /d' >"$out/fragment"
	check_configuration
}

check_configuration() {
	local line symbol lost=

	while read -r line; do
		case $line in
		CONFIG_*=*) grep -qxF "$line" "$out/.config" || lost+=" ${line%%=*}" ;;
		'# CONFIG_'*' is not set')
			symbol=${line#\# }
			! grep -q "^${symbol%% *}=" "$out/.config" || lost+=" ${symbol%% *}"
			;;
		esac
	done <"$out/fragment"
	[ -z "$lost" ] ||
		die "these lines of ${fragments[*]#"$TOP"/} did not take effect:$lost; mend their dependencies there, or drop them"
}

# --- build

# A compiler for what is ours or patched, with all warnings as errors: W=1 by itself would compile the rest anew, which
# is the same as in the first kernel.
strict_compiler() {
	local plain strict

	plain=$(warnings '')
	strict=$(warnings 1)
	mkdir -p "$out/strict"
	{
		printf '#!/bin/bash\nPATH=${PATH#*:}\ncase ${!#} in\n'
		changed 'net/*.c' 'drivers/*.c' 'security/*.c' | sed "s,.*,$tree/&) ;;,"
		printf '*) exec gcc "$@" ;;\nesac\n'
		printf 'for word; do\n\tcase " %s " in\n\t*" $word "*) ;;\n\t*) words+=("$word") ;;\n\tesac\ndone\n' "$plain"
		printf 'exec gcc "${words[@]}" %s -Werror\n' "$strict"
	} >"$out/strict/gcc.new"
	chmod +x "$out/strict/gcc.new"
	cmp -s "$out/strict/gcc.new" "$out/strict/gcc" || mv "$out/strict/gcc.new" "$out/strict/gcc"
}

# Most objects are those of the first kernel: kbuild takes them as they are, if they come with their dates. But those
# that are compiled strictly.
start_from_first() {
	if [ -e "$out/.config" ] || [ ! -x "$BUILD/um/linux" ]; then
		return
	fi
	cp -a --reflink=auto "$BUILD/um/." "$out"
	rm -rf "$out/root"
	changed 'net/*.c' 'drivers/*.c' 'security/*.c' | (cd "$out" && sed 's/c$/o/' | xargs rm -f)
}

# The warnings that kbuild asks for at this W=.
warnings() { # W
	(
		cd "$tree" # where kbuild's files include each other
		env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -f - <<-EOF
			srctree := .
			CC := gcc
			KBUILD_EXTRA_WARN := $1
			KBUILD_CPPFLAGS :=
			KBUILD_CFLAGS :=
			include $out/.config scripts/Kbuild.include scripts/Makefile.compiler
			include scripts/Makefile.extrawarn
			all: ; @echo \$(KBUILD_CPPFLAGS) \$(KBUILD_CFLAGS)
		EOF
	)
}

# The files of these patterns that patches or files of ours bring.
changed() { # PATTERN...
	{
		git -C "$tree" diff --name-only base HEAD -- "$@"
		git -C "$TOP" ls-files -- "$@"
	} | sort -u
}

# Copies make's output to the log, and tells how far it is: over and over on a terminal, else every 20 seconds.
progress() {
	local line count=0 started=$SECONDS shown=0 total=''

	[ -e "$out/kernel" ] || total=" of about $objects"
	while IFS= read -r line; do
		printf '%s\n' "$line"
		[[ $line =~ ^\ +(CC|AS|HOSTCC)\  ]] || continue
		count=$((count + 1))
		if [ -t 2 ]; then
			printf '\rkernel: %d%s objects, %s ' "$count" "$total" "$(minutes $((SECONDS - started)))" >&2
		elif [ $((SECONDS - shown)) -ge 20 ] && [ "$SECONDS" -gt "$started" ]; then
			printf 'kernel: %d%s objects, %s\n' "$count" "$total" "$(minutes $((SECONDS - started)))" >&2
			shown=$SECONDS
		fi
	done
	[ ! -t 2 ] || [ "$count" = 0 ] || printf '\n' >&2
}

fail() {
	{ grep -m 3 -E -A 4 'error:|undefined reference' "$log" || grep -m 9 -E 'ERROR: modpost' "$log" || grep -m 1 -E '\*\*\* ' "$log"; } | sed 's/^/  | /' >&2
	die "$1: the first error is above, everything is in $log"
}

build() {
	local started=$SECONDS targets=("$target")

	! grep -qx CONFIG_MODULES=y "$out/.config" || targets+=(modules)
	say "building $name's kernel ($(grep -c '=y$' "$out/.config") options, $(nproc) at a time)"
	kernel_make -j"$(nproc)" "${targets[@]}" 2>&1 | progress >"$log" || fail "the kernel does not build"
	if grep -qx CONFIG_MODULES=y "$out/.config"; then
		kernel_make -s INSTALL_MOD_PATH="$out/root" modules_install >>"$log" 2>&1 || fail "cannot install the modules"
	fi
	say "kernel ready after $(minutes $((SECONDS - started))): $out/$target"
}

# Remembers how kbuild links, for the next time.
again() { # [modules]
	rm -f "$out/$target" "$out/vmlinux"
	kernel_make V=1 -j"$(nproc)" "$target" "$@" 2>&1 | tee "$log" | grep -E '(error|warning): |\*\*\*' || :
	sed -n 's/^+ \(gcc .* -o vmlinux .*\)/\1/p' "$log" >"$out/.link.cmd"
	[ -x "$out/$target" ] || fail "the kernel does not build"
	[ $# = 0 ] || kernel_make -s INSTALL_MOD_PATH="$out/root" modules_install
}

# By kbuild's own commands, without the search for what else to do. The addresses of kallsyms stay those of before.
relink() { # SOURCE...
	local source object

	cd "$out"
	for source in "$@"; do
		object=${source%.c}.o
		eval "$(sed -n 's/^savedcmd_[^ ]* := //p' "${object%/*}/.${object##*/}.cmd")"
	done
	eval "$(cat .link.cmd)"
	ln -f vmlinux "$target"
}

# Is the source one object of the kernel, not of a module, nor a part of a larger object, nor a header?
is_an_object() { # SOURCE
	[[ $1 == *.c && -s $out/.link.cmd ]] &&
		grep -qxF "${1%.c}.o" <<<"$(cd "$out" && ar t "${1%/*}/built-in.a" 2>/dev/null)"
}

# Only what make says on the side: the warnings.
check() {
	kernel_make -s C=2 W=1 "$@" >/dev/null
}

# What W=1 and sparse say of the drivers that we change, stock code's lines too.
drivers() {
	local started=$SECONDS objects=()

	mapfile -t objects < <(changed 'drivers/net/ethernet/*.c' | sed 's/c$/o/')
	say "compiling ${#objects[@]} objects of the drivers with W=1 and sparse"
	kernel_make -j"$(nproc)" C=2 W=1 "${objects[@]}" 2>&1 | tee "$log" | grep -E 'warning:|error:|\*\*\*' || :
	if grep -qE 'error:|\*\*\*' "$log"; then
		die "they do not compile: $log"
	fi
	say "compiled after $(minutes $((SECONDS - started))): $log"
}

# Does the configuration build an object? Where no Makefile names an option for it or a directory above it, it does.
is_configured() { # OBJECT
	local path=$1 part option

	part=${path##*/}
	while [[ $path == */* ]]; do
		path=${path%/*}
		option=$(sed -nE "s,.*\\$\\((CONFIG_\\w+)\\)\\s*[+:]?=(.*\\s)?$part(\\s.*)?$,\\1,p" "$tree/$path/Makefile" 2>/dev/null |
			head -n 1) || :
		[ -z "$option" ] || grep -qE "^$option=[ym]" "$out/.config" || return 1
		part=${path##*/}/
	done
}

# Objects of a tree that nothing is linked from.
only() { # OBJECT...
	local started=$SECONDS object wanted=()

	for object in "$@"; do
		if is_configured "$object"; then
			wanted+=("$object")
		else
			say "not compiled, as User-mode Linux has no use for it: $object"
		fi
	done
	set -- "${wanted[@]}"
	say "compiling $# objects of Linux $(sed -nE 's/^(VERSION|PATCHLEVEL|SUBLEVEL) = //p' "$tree/Makefile" | paste -sd.)"
	kernel_make -j"$(nproc)" ${strict:+W=1} "$@" >"$log" 2>&1 || fail "they do not compile"
	say "compiled after $(minutes $((SECONDS - started))): $log"
}

set -o pipefail
if [ "${1-}" = --base ]; then
	shift 2
	configure
	only "$@"
elif [ "${1-}" = --series ]; then
	shift
	configure
	strict=yes
	only "$@"
elif [ "${1-}" = --series-boot ]; then
	shift
	configure "$@"
	build
elif [ "${1-}" = --check ]; then
	shift
	check "$@"
elif [ "${1-}" = --again ]; then
	shift
	again "$@"
elif [ "${1-}" = --relink ]; then
	shift
	can=relink
	for source; do
		is_an_object "$source" || can=again
	done
	if [ "$can" = relink ]; then
		relink "$@"
	else
		(cd "$out" && rm -f "${@/%.c/.o}")
		again
	fi
elif [ "${1-}" = --drivers ]; then
	configure
	drivers
elif [ "${1-}" = --modular ]; then
	shift
	start_from_first
	configure "$@"
	strict_compiler
	build
else
	configure
	build
fi
