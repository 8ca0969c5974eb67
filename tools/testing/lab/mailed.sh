#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Write the series as they would be mailed: build/series/DIR has a cover letter and numbered patches, our own files are in
# the patch that needs them. Each commit is compiled with W=1 and read by checkpatch --strict. Each that changes the core,
# and the last one of each series, boots: KUnit has to pass, and series-guest.sh.
#
# usage: mailed.sh [DIR...]   directories of patches/, all if none is named
#        QUICK=SEED           compile the changed objects of some commits only, and boot one, drawn by this number
#        BOOT=ends|no         boot only the last commit of each series, or none
#        SIGNOFF='Name <mail>' adds the line Signed-off-by
#
# patches/DIR/cover is the cover letter: its subject, an empty line, the text; scripts/get_maintainer.pl tells whom to
# write to. patches/DIR/files tells what files of ours a patch brings: its number and patterns. A patch of our own files
# only is NNNN-slug.commit: subject, empty line, message.
# What is only for the lab (00-lab, 01-lab-models, before-*) is not mailed; of it each commit is compiled with what
# User-mode Linux needs on current hosts.
set -eu
. "$(dirname "$0")/lib.sh"
. "$LAB/series.sh"

results=$BUILD/series
source=$BUILD/linux
tree=$results/linux
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
as_lab=(-c user.name=xfrm-unbind -c user.email=xfrm-unbind@localhost -c commit.gpgSign=false -c core.hooksPath=/dev/null)
# With an index of its own, so that the tree stays as it is.
git_source() { GIT_INDEX_FILE=$scratch/index git -C "$source" "${as_lab[@]}" "$@"; }

[ -e "$source/.git" ] || die "there is no $source: run 'make tree' first"
[ -z "${SIGNOFF-}" ] || [[ $SIGNOFF =~ ^[^\<\>]+\ \<[^\<\>\ ]+@[^\<\>\ ]+\>$ ]] ||
	die "SIGNOFF is '$SIGNOFF': write it as 'Name <mail@example.org>'"

# --- which series, and what each patch brings

is_mailed() { [[ $1 != 00-* && $1 != 01-* ]]; }

mapfile -t all < <(series_dirs | xargs -n 1 basename)
mailed=()
for dir in "${all[@]}"; do
	! is_mailed "$dir" || mailed+=("$dir")
done
wanted=("$@")
[ $# -gt 0 ] || wanted=("${mailed[@]}")
for dir in "${wanted[@]}"; do
	[[ " ${mailed[*]} " == *" $dir "* ]] || die "there is no series '$dir': ${mailed[*]}"
done

parts_of() { # DIR
	find "$TOP/patches/$1" -name '[0-9]*.patch' -o -name '[0-9]*.commit' | sort
}

# The files of ours that a part brings.
files_of() { # PART
	local list number pattern

	list=$(dirname "$1")/files
	number=$(basename "$1" | cut -c 1-4)
	[ -e "$list" ] || return 0
	while read -r pattern; do
		git -C "$TOP" ls-files --cached --others --exclude-standard -- ":(glob)$pattern"
	done < <(awk -v number="$number" '$1 == number { for (i = 2; i <= NF; i++) print $i }' "$list") | sort -u
}

# Each file of ours belongs to one part.
check_files() {
	local dir part

	git -C "$TOP" ls-files -- Documentation drivers include net security tools/net tools/testing/selftests | sort >"$scratch/ours"
	for dir in "${all[@]}"; do
		while read -r part; do
			files_of "$part"
		done < <(parts_of "$dir")
	done | sort >"$scratch/brought"
	sort "$scratch/brought" | uniq -d >"$scratch/twice"
	[ ! -s "$scratch/twice" ] || die "$(head -n 1 "$scratch/twice") is named twice in patches/*/files"
	sort -u "$scratch/brought" | comm -23 "$scratch/ours" - >"$scratch/missing"
	[ ! -s "$scratch/missing" ] || die "$(head -n 1 "$scratch/missing") is in no patches/*/files: name the patch that brings it"
}

# --- commits

# The message of a part, without the line that git adds.
message_of() { # PART
	if [[ $1 == *.commit ]]; then
		cat "$1"
	else
		git mailinfo "$scratch/body" "$scratch/diff" <"$1" >"$scratch/info"
		sed -n 's/^Subject: //p' "$scratch/info"
		echo
		cat "$scratch/body"
	fi
	[ -z "${SIGNOFF-}" ] || printf '\nSigned-off-by: %s\n' "$SIGNOFF"
}

# The commit of a part on top of PARENT.
commit_part() { # PART PARENT
	local part=$1 file files mode blob tree_id

	message_of "$part" >"$scratch/message"
	[[ $part == *.commit ]] || git_source apply --cached --whitespace=nowarn "$scratch/diff" || return
	mapfile -t files < <(files_of "$part")
	for file in "${files[@]}"; do
		mode=100644
		[ ! -x "$TOP/$file" ] || mode=100755
		blob=$(git_source hash-object -w "$TOP/$file")
		printf '%s %s\t%s\n' "$mode" "$blob" "$file"
	done >"$scratch/entries"
	[ ${#files[@]} = 0 ] || git_source update-index --add --index-info <"$scratch/entries"
	tree_id=$(git_source write-tree)
	git_source commit-tree "$tree_id" -p "$2" -F "$scratch/message"
}

make_commits() {
	local dir part head

	head=$(git_source rev-parse base)
	git_source read-tree base
	: >"$scratch/commits"
	for dir in "${mailed[@]}"; do
		while read -r part; do
			head=$(commit_part "$part" "$head") || die "patches/$(patch_name "$part") does not apply to the ones before it"
			printf '%s %s %s\n' "$dir" "$head" "$(basename "$part")" >>"$scratch/commits"
		done < <(parts_of "$dir")
	done
	git_source update-ref refs/heads/series "$head"
}

# Whom scripts/get_maintainer.pl names, as lines of a mail's header.
recipients() { # PATCH...
	local ask=(perl scripts/get_maintainer.pl --no-git --no-git-fallback --no-rolestats)

	(
		cd "$source"
		"${ask[@]}" --no-l "$@" 2>/dev/null | sed 's/^/To: /'
		"${ask[@]}" --no-m --no-r "$@" 2>/dev/null | sed 's/^/Cc: /'
	)
}

write_series() { # DIR
	local first last out=$results/$1

	rm -rf "$out"
	mkdir -p "$out"
	first=$(awk -v dir="$1" '$1 == dir { print $2; exit }' "$scratch/commits")
	last=$(awk -v dir="$1" '$1 == dir { last = $2 } END { print last }' "$scratch/commits")
	git_source format-patch -q --cover-letter --no-signature --diff-algorithm=myers -o "$out" "$first^..$last"
	recipients "$out"/0*.patch >"$scratch/recipients"
	python3 - "$out"/0000-*.patch "$TOP/patches/$1/cover" "$scratch/recipients" <<-'END'
		import sys
		letter, cover, recipients = (open(name).read() for name in sys.argv[1:])
		subject, _, text = cover.partition('\n')
		head, _, body = letter.replace('*** SUBJECT HERE ***', subject).partition('\n\n')
		body = body.replace('*** BLURB HERE ***', text.strip())
		open(sys.argv[1], 'w').write(f'{head}\n{recipients}\n{body}')
	END
}

# --- checks

# On top of a commit: what User-mode Linux needs.
lab_commit() { # COMMIT
	local tree_id

	git_source read-tree "$1"
	git_source apply --cached "$TOP"/patches/00-lab/0001-um-*.patch
	tree_id=$(git_source write-tree)
	git_source commit-tree "$tree_id" -p "$1" -m 'For the lab'
}

check_out() { # COMMIT
	local commit

	commit=$(lab_commit "$1")
	if [ ! -e "$tree/.git" ]; then
		git_source worktree prune
		env -u GIT_INDEX_FILE git -C "$source" worktree add -q --force --detach "$tree" "$commit"
	fi
	git -C "$tree" checkout -q --force --detach "$commit"
}

# The objects of files that are changed between two commits; in the quick form from the one before, else from the base.
objects_of() { # COMMIT
	local from=base

	[ -z "${QUICK-}" ] || from=$1^
	git_source diff --name-only --diff-filter=d "$from" "$1" -- 'net/*.c' 'drivers/*.c' 'security/*.c' | sed 's/c$/o/'
}

# What the kernel has to build beside counts for nothing.
warnings() {
	sed -nE 's,^\.\./linux/((net|drivers|security|include)/\S+):[0-9]+:[0-9]+: (warning|error): ,\1: ,p' "$results/objects.log" | sort -u
}

compile() { # COMMIT
	local objects

	mapfile -t objects < <(objects_of "$1")
	[ ${#objects[@]} -gt 0 ] || return 0
	"$LAB/kernel.sh" --series "${objects[@]}" >"$scratch/said" 2>&1 || {
		cat "$scratch/said"
		return 1
	}
	warnings | comm -13 "$scratch/known" - >"$scratch/new"
	cat "$scratch/new"
	[ ! -s "$scratch/new" ]
}

# What stock code says of itself with W=1, of the files that COMMITs change.
known_warnings() { # COMMIT...
	local commit objects=()

	check_out base
	mapfile -t objects < <(for commit; do objects_of "$commit"; done | sort -u |
		while read -r object; do [ ! -e "$tree/${object%o}c" ] || echo "$object"; done)
	: >"$scratch/known"
	[ ${#objects[@]} -gt 0 ] || return 0
	"$LAB/kernel.sh" --series "${objects[@]}" >"$scratch/said" 2>&1 || {
		cat "$scratch/said" >&2
		die "the base does not compile"
	}
	warnings >"$scratch/known"
}

# mlx5 has unit tests; no commit of the core needs its objects.
more_options() { # DIR
	case $1 in
	20-* | 35-* | 40-*) grep -E '^CONFIG_(.*VIRTIO|PCI|NET_VENDOR_MELLANOX|MLX5)' "$LAB/um-ours.config" ;;
	esac
}

# Prints how many tests of KUnit passed.
boot() { # DIR LOG
	local options log=$2 kept=$scratch/guest

	mapfile -t options < <(more_options "$1")
	"$LAB/kernel.sh" --series-boot "${options[@]}" >"$log" 2>&1 || return
	"$LAB/boot.sh" --kernel "$results/um/linux" --kernel-arg kunit.enable=1 --keep-output "$kept" -- \
		"$LAB/series-guest.sh" >>"$log" 2>&1 || return
	sed -nE 's/^(\[ *[0-9.]+\] ?)?(( {4})+(ok|not ok) [0-9]+ .*)/\2/p' "$kept/kernel.log" >"$scratch/kunit"
	grep '^ *not ok' "$scratch/kunit" >>"$log" && return 1
	grep -c '^    ok' "$scratch/kunit" || { echo "KUnit ran no test" >>"$log"; return 1; }
}

# --- which commits are compiled, and which are booted

is_code() { git_source diff --name-only "$1^" "$1" | grep -qE '^(net|drivers|security|include)/.*\.[ch]$'; }
is_core() { git_source diff --name-only "$1^" "$1" | grep -qE '^(net|include)/.*\.[ch]$'; }

# What is to be done, lines of DIR COMMIT compile|boot. The last commit of a series is the last one with code.
plan() {
	local dir commit last

	while read -r dir commit _; do
		if [[ " ${wanted[*]} " == *" $dir "* ]] && is_code "$commit"; then
			echo "$dir $commit"
		fi
	done <"$scratch/commits" >"$scratch/code"
	while read -r dir commit; do
		echo "$dir $commit compile"
		last=$(awk -v dir="$dir" '$1 == dir { last = $2 } END { print last }' "$scratch/code")
		case ${BOOT-} in
		no) ;;
		ends) [ "$commit" != "$last" ] || echo "$dir $commit boot" ;;
		*) if [ "$commit" = "$last" ] || is_core "$commit"; then echo "$dir $commit boot"; fi ;;
		esac
	done <"$scratch/code" >"$scratch/plan"
	[ -z "${QUICK-}" ] || draw
}

# Some commits of what was planned; one of the core to boot.
draw() {
	local commits boots i

	RANDOM=$QUICK
	mapfile -t commits < <(grep ' compile$' "$scratch/plan")
	mapfile -t boots < <(grep ' boot$' "$scratch/plan" | while read -r dir commit _; do
		! is_core "$commit" || echo "$dir $commit boot"; done)
	{
		for ((i = 0; i < drawn_compiles; i++)); do
			echo "${commits[RANDOM % ${#commits[@]}]}"
		done
		[ ${#boots[@]} = 0 ] || echo "${boots[RANDOM % ${#boots[@]}]}"
	} | sort -u >"$scratch/drawn"
	mv "$scratch/drawn" "$scratch/plan"
	say "QUICK=$QUICK draws $(grep -c ' compile$' "$scratch/plan") commits of ${#commits[@]} to compile, and one of ${#boots[@]} to boot"
}

planned() { grep -qxF "$*" "$scratch/plan"; } # DIR COMMIT compile|boot

# The cover letter has lines of git's.
checkpatch() { # DIR
	find "$results/$1" -name '0*.patch' ! -name '0000-*' -print0 | sort -z |
		xargs -0 perl "$source/scripts/checkpatch.pl" --strict --quiet --terse --no-summary --show-types --no-tree \
			--ignore FILE_PATH_CHANGES,MISSING_SIGN_OFF,NO_AUTHOR_SIGN_OFF,ENOSYS,UNKNOWN_COMMIT_ID
}

# --- all of it

drawn_compiles=6
bad=0
failed() { # WHAT LOG
	bad=1
	echo "$1: ${2#"$TOP"/}"
	tail -n 5 "$2" | sed 's/^/  | /'
}

# Sets $compiled, $booted and $tests; what they are of is in the plan.
check_commits() { # DIR
	local commit part log

	compiled=0 booted=0 tests=0
	while read -r _ commit part; do
		log=$results/$1/${part%.*}
		planned "$1" "$commit" compile || planned "$1" "$commit" boot || continue
		check_out "$commit"
		if planned "$1" "$commit" compile; then
			if compile "$commit" >"$log.log" 2>&1; then
				compiled=$((compiled + 1))
				rm "$log.log"
			else
				failed "$1/$part does not compile without a warning" "$log.log"
				continue
			fi
		fi
		planned "$1" "$commit" boot || continue
		if passed=$(boot "$1" "$log.boot.log"); then
			booted=$((booted + 1))
			tests=$passed
			say "$1/${part%.*}: boots, $passed tests pass"
		else
			failed "$1/$part does not boot to what it should" "$log.boot.log"
		fi
	done < <(grep "^$1 " "$scratch/commits")
}

check_files
say "making the commits of ${#mailed[@]} series"
mkdir -p "$results"
make_commits
plan
say "compiling what stock Linux has of it, for its own warnings"
mapfile -t compiles < <(sed -n 's/^\S* \(\S*\) compile$/\1/p' "$scratch/plan")
known_warnings "${compiles[@]}"
: >"$scratch/table"
for dir in "${wanted[@]}"; do
	[ -e "$TOP/patches/$dir/cover" ] || die "patches/$dir/cover is missing: the subject of the series, an empty line, its text"
	write_series "$dir"
	total=$(grep -c "^$dir " "$scratch/commits")
	[ "$total" -le 15 ] || { echo "$dir: $total patches, and 15 are the most that somebody reviews"; bad=1; }
	check_commits "$dir"
	to_compile=$(grep -c "^$dir .* compile$" "$scratch/plan") || :
	to_boot=$(grep -c "^$dir .* boot$" "$scratch/plan") || :
	style=silent
	checkpatch "$dir" >"$results/$dir/checkpatch.log" 2>&1 || {
		bad=1
		style="$(wc -l <"$results/$dir/checkpatch.log") complaints"
		head -n 5 "$results/$dir/checkpatch.log" | sed 's/^/  | /'
	}
	printf '%-20s %8d %12s %12s %7s %15s\n' "$dir" "$total" "$compiled of $to_compile" "$booted of $to_boot" \
		"$([ "$tests" = 0 ] || echo "$tests")" "$style" >>"$scratch/table"
	say "$dir: $compiled of $to_compile compile, $booted of $to_boot boot, checkpatch $style"
done
printf '\n%-20s %8s %12s %12s %7s %15s\n' series patches compiled booted KUnit checkpatch
cat "$scratch/table"
[ "$bad" = 0 ] || die "the series cannot be mailed: mend what is above"
