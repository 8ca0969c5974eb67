#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Type the commands that the pages of the project show (README, HACKING, manual page, Documentation), as they stand there.
# commands/list says for each block of literal text what becomes of it; a block that is not in it fails, and so does a
# line of it that matches no block. Prints TAP.
#
# usage: commands.sh [NAME]      only what has this in its name
set -u
. "$(dirname "$0")/lib.sh"
. "$LAB/tap.sh"
cd "$TOP" || exit 1

here=$LAB/commands
work=$BUILD/commands
# As deep as build/linux, as our files are links there.
tree=$BUILD/commands-tree
only=${1-}

pages() { git ls-files --cached --others --exclude-standard -- '*.md' '*.rst' '*.[1-8]' ':!patches'; }

# --- the list: an array for each column

entry_page=() entry_how=() entry_begins=() entry_reason=() entry_used=()

read_list() {
	local line page how begins

	while IFS= read -r line; do
		case $line in
		'' | '#'*) ;;
		[[:space:]]*) entry_reason[-1]+="${line#"${line%%[![:space:]]*}"} " ;;
		*)
			read -r page how begins <<<"$line"
			entry_page+=("$page") entry_how+=("$how") entry_begins+=("$begins")
			entry_reason+=('') entry_used+=('')
			;;
		esac
	done <"$here/list"
}

# Sets entry, the one whose words are the longest of those that COMMAND begins with.
find_entry() { # PAGE COMMAND
	local i longest=0

	entry=
	for i in "${!entry_page[@]}"; do
		[ "${entry_page[i]}" = "$1" ] && [[ $2 == "${entry_begins[i]}"* ]] &&
			[ ${#entry_begins[i]} -gt "$longest" ] || continue
		entry=$i
		longest=${#entry_begins[i]}
	done
	[ -n "$entry" ] && entry_used[entry]=yes
}

# --- blocks

# The commands of a block, one a line: lines that a backslash joins are one, comments and prompts are none.
commands_of() { # FILE
	sed -e ':join' -e '/\\$/{N;s/[[:space:]]*\\\n[[:space:]]*/ /;b join}' -e '/^[[:space:]]*\(#.*\)\?$/d' "$1"
}

# Puts each block into parts that become of it together: $work/parts/NN.M, with the lines of "jobs": PART PAGE HOW ENTRY.
sort_out() {
	local file page line first command part before number

	while IFS=$'\t' read -r file page line first; do
		number=0 before=
		if find_entry "$page" "$first" && [ "${entry_how[entry]}" = text ]; then
			continue
		fi
		while IFS= read -r command; do
			find_entry "$page" "$command" || {
				unlisted+=("$page, line $line: $command")
				before=
				continue
			}
			if [ "${entry_how[entry]}" != "$before" ]; then
				number=$((number + 1))
				part=$work/parts/$(basename "$file").$number
				printf '%s\t%s\t%s\t%s\n' "$part" "$page" "${entry_how[entry]}" "$entry" >>"$work/jobs"
			fi
			before=${entry_how[entry]}
			printf '%s\n' "$command" >>"$part"
			cp "$part" "$part.typed"
		done < <(commands_of "$file")
		# Where all of it goes one way it is typed as it stands.
		[ "$number" != 1 ] || cp "$file" "$part.typed"
	done < <(pages | xargs python3 "$here/blocks.py" "$work/blocks")
}

# --- what becomes of a part; each prints what is wrong

# .ci/run, and the script of the lab that it runs, without comments.
ci_text() {
	# shellcheck disable=SC2046  # a list
	sed '/^[[:space:]]*#/d' .ci/run $(sed '/^[[:space:]]*#/d' .ci/run | grep -oE 'tools/testing/lab/[a-z-]+\.sh' | sort -u)
}

# "make TARGET", or what its recipe runs, is in .ci/run; T names a test that there is.
run_by_ci() { # PART
	local command target recipe words word

	while IFS= read -r command; do
		command=${command%%[[:space:]]#*}
		read -ra words <<<"$command"
		target=
		for word in "${words[@]:1}"; do
			case $word in
			T=*) is_a_test "$target" "${word#T=}" || { echo "# there is no test ${word#T=}"; return 1; } ;;
			*=*) ;;
			*) target=$word ;;
			esac
		done
		recipe=$(env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -n -s "$target" T= 2>/dev/null | tail -n 1)
		recipe=${recipe%"${recipe##*[![:space:]]}"}
		[ -n "$recipe" ] || { echo "# Makefile has no target $target"; return 1; }
		ci_text | grep -qE "\bmake( [^;&|]*)? $target($|[^a-z-])" ||
			ci_text | grep -qE -- "${recipe//./\\.}( *$| *[;&|)]| [^ -])" || {
			echo "# .ci/run runs neither 'make $target' nor '$recipe'"
			return 1
		}
	done <"$1"
}

is_a_test() { # TARGET NAME
	case $1 in
	model) grep -qw -- "$2" "$LAB/model.sh" tools/testing/model/*.pml ;;
	*) [ "$2" = kunit ] || [ -x "tools/testing/selftests/net/xfrm_offload/$2.sh" ] || [ -x "$LAB/tests/$2.sh" ] ;;
	esac
}

# Each of the commands is on another page, too, where it is typed.
same_as() { # PART PAGE
	local other page how entry command

	while IFS= read -r command; do
		while IFS=$'\t' read -r other page how entry; do
			[ "$page" = "$2" ] && [[ $how == guest:* || $how == host:* ]] && grep -qxF -- "$command" "$other" && continue 2
		done <"$work/jobs"
		echo "# $2 has no such command: $command"
		return 1
	done <"$1"
}

# --- commands for this machine; /tmp is a folder below build/ for them

# Not as a part of the make that called us.
typed() { # COMMAND...
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u XFRMCTL "$@"
}

in_private_tmp() { # COMMAND...
	local namespace=(unshare --mount --propagation private)

	[ "$(id -u)" = 0 ] || namespace+=(--map-root-user)
	# shellcheck disable=SC2016  # for the inner shell
	typed "${namespace[@]}" bash -c 'mount --bind "$1" /tmp && shift && exec "$@"' - "$work/tmp" "$@"
}

# In a tree with our series: of the prepared one, what these commands touch.
on_host_tree() { # PART
	mkdir "$tree"
	tar -C "$BUILD/linux" -c Makefile Kbuild Kconfig COPYING include scripts usr arch/x86 tools/arch tools/build \
		tools/include tools/scripts tools/net tools/testing/selftests | tar -C "$tree" -x || return
	(cd "$tree" && typed bash -eu "$1.typed" </dev/null) && [ -x "$tree/tools/testing/selftests/drivers/net/hw/xfrm_offload/xfrmctl" ]
}

# In a tree with our series: of the prepared one, what ynl is built from.
on_host_ynl() { # PART
	rm -rf "$tree"
	mkdir "$tree"
	tar -C "$BUILD/linux" -c --exclude=libynl.a --exclude='*.o' MAINTAINERS include/uapi tools/net/ynl \
		Documentation/netlink | tar -C "$tree" -x || return
	(cd "$tree" && typed bash -eu "$1.typed" </dev/null) && [ -f "$tree/tools/net/ynl/libynl.a" ]
}

# In the prepared tree itself, because they write elsewhere.
on_host_beside() { # PART
	local before

	before=$(cd "$BUILD/linux" && find usr include tools/net tools/testing/selftests | sha256sum)
	(cd "$BUILD/linux" && in_private_tmp bash -eu "$1.typed" </dev/null) || return
	[ "$before" = "$(cd "$BUILD/linux" && find usr include tools/net tools/testing/selftests | sha256sum)" ] ||
		{ echo "# it left something in $BUILD/linux"; return 1; }
	[ -x "$work/tmp/kselftest/run_kselftest.sh" ]
}

# Here, in the repository.
on_host_here() { in_private_tmp bash -eu "$1.typed" </dev/null; } # PART

on_host_output() { on_host_here "$1" && [ "$(cat "$work/tmp/out/file")" = kept ]; } # PART

# On a terminal, which is left once there is a prompt.
on_host_terminal() { # PART
	local keys script status

	mkfifo "$1.keys" "$1.never"
	typed timeout --foreground -k 5 300 script -qefc "$(cat "$1.typed")" "$1.terminal" <"$1.keys" >/dev/null &
	script=$!
	exec {keys}>"$1.keys"
	until tail -c 10 "$1.terminal" 2>/dev/null | grep -q '# $'; do
		kill -0 "$script" || return
		read -r -t 0.1 _ <>"$1.never"
	done
	printf 'echo "I am $(id -un) of $(hostname)"\nexit\n' >&"$keys"
	wait "$script"
	status=$?
	exec {keys}>&-
	tr -d '\r' <"$1.terminal"
	[ "$status" = 0 ] && grep -q 'I am root of lab' "$1.terminal"
}

# --- commands for a guest

in_guest() { # BED PART
	local where=$TOP

	[ "${1#suite}" = "$1" ] || where=$tree
	(cd "$where" && "$LAB/boot.sh" --mem 1G --time-limit 900 --keep-output "$2.out" -- \
		"$here/guest.sh" "$1" "$2.typed" "$work" </dev/null)
}

# In the background: the result goes to PART.status, what it said to PART.said.
begin() { # PART HOW ENTRY
	case $2 in
	ci) run_by_ci "$1" ;;
	none) [ -n "${entry_reason[$3]}" ] || { echo "# the list gives no reason"; false; } ;;
	same:*) same_as "$1" "${2#same:}" ;;
	host:*) "on_host_${2#host:}" "$1" ;;
	guest:*) in_guest "${2#guest:}" "$1" ;;
	*) echo "# the list says $2, which means nothing"; false ;;
	esac >"$1.said" 2>&1
	echo $? >"$1.status"
}

# --- what else can be said of commands without typing them

# "make TARGET" within a line is a target of ours, or of the kernel's.
unknown_targets() {
	local target

	# shellcheck disable=SC2016  # no command
	pages | xargs grep -ohE '`make [^`]*`' | tr -d '`' | tr '&' '\n' | sed -nE 's/^ *make (.*)/\1/p' | tr ' ' '\n' |
		grep -vE '^-|=|/|^$' | sort -u | while read -r target; do
		grep -qE "^$target:" Makefile || grep -qE "^(PHONY \+= .*\b)?$target\b" "$BUILD/linux/Makefile" ||
			echo "make $target"
	done
}

nothing() { # WORDS
	[ -z "$1" ] && return
	printf '%s\n' "$1" | sed 's/^/#   /'
	return 1
}

# --- all of it

chosen() { # PART PAGE HOW
	case "$2 $3 $(head -n 1 "$1")" in
	*"$only"*) return ;;
	esac
	# What the others need.
	[ "$3" = host:tree ] || [ "$3" = host:beside ]
}

rm -rf "$work" "$tree"
mkdir -p "$work/blocks" "$work/parts" "$work/tmp"
: >"$work/jobs"
unlisted=()
read_list
sort_out

# What the host does comes first, one after the other; guests side by side, one for each CPU.
running=0
while IFS=$'\t' read -r part page how entry; do
	chosen "$part" "$page" "$how" || continue
	[[ $how == guest:* ]] || begin "$part" "$how" "$entry"
done <"$work/jobs"
while IFS=$'\t' read -r part page how entry; do
	chosen "$part" "$page" "$how" && [[ $how == guest:* ]] || continue
	if [ "$running" -ge "$(nproc)" ]; then
		wait -n
		running=$((running - 1))
	fi
	begin "$part" "$how" "$entry" &
	running=$((running + 1))
done <"$work/jobs"
wait

# What a part is called: the page, and how it begins.
name_of() { # PART PAGE HOW
	local command

	read -r command <"$1"
	command=${command%%[[:space:]]#*}
	printf '%s: %s (%s)' "$2" "$(tr -s ' ' <<<"${command:0:72}")" "${3%%:*}"
}

ended_well() { # PART
	[ "$(cat "$1.status")" = 0 ] && return
	tail -n 40 "$1.said" | sed 's/^/#   /'
	return 1
}

skipped=0
while IFS=$'\t' read -r part page how entry; do
	chosen "$part" "$page" "$how" || continue
	case $how in
	none)
		skipped=$((skipped + 1))
		skip "$(name_of "$part" "$page" "$how")" "${entry_reason[entry]% }"
		;;
	*) check "$(name_of "$part" "$page" "$how")" ended_well "$part" ;;
	esac
done <"$work/jobs"
if [ -z "$only" ]; then
	check "each block of literal text is in commands/list" nothing "$(printf '%s\n' "${unlisted[@]}")"
	check "each line of commands/list matches a block" nothing "$(for i in "${!entry_page[@]}"; do
		[ -n "${entry_used[i]}" ] || echo "${entry_page[i]} ${entry_begins[i]}"
	done)"
	check "each 'make TARGET' in a text is a target" nothing "$(unknown_targets)"
fi
done_testing
status=$?
echo "$((tests - broken - skipped)) passed, $broken failed, $skipped skipped"
exit "$status"
