#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016  # backticks, for a page
# What names.py finds: a made-up name of each kind, in a project of a few files.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../tap.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
top=$scratch/top
tree=$scratch/tree
export GIT_CONFIG_GLOBAL=$scratch/gitconfig GIT_CONFIG_NOSYSTEM=1
git config --file "$GIT_CONFIG_GLOBAL" user.name somebody
git config --file "$GIT_CONFIG_GLOBAL" user.email somebody@localhost

mkdir -p "$top"/{net/xfrm/test,mutants,Documentation} "$top/tools/testing/selftests/net/xfrm_offload" "$tree/net"
echo 'int of_the_kernel(void) { return 0; }' >"$tree/net/one.c"
git -C "$tree" init -q
git -C "$tree" add -A
git -C "$tree" commit -qm base
git -C "$tree" tag base
git -C "$tree" tag patched
printf '/* Calls of_the_kernel(). */\nint of_ours(void) { return 0; }\n' >"$top/net/xfrm/ours.c"
echo 'KUNIT_CASE(a_case)' >"$top/net/xfrm/test/ours_test.c"
echo true >"$top/tools/testing/selftests/net/xfrm_offload/a_program.sh"
printf 'A page\n======\n\nA section\n---------\n' >"$top/Documentation/page.rst"
echo 'XO-1	page.rst, A section' >"$top/requirements.tsv"
printf 'Fails: kunit a_case\nFails: a_program\n\n--- a/x\n' >"$top/mutants/one.patch"
echo '`of_ours()` is in `net/xfrm/ours.c`: make test T=a_program' >"$top/README.md"
git -C "$top" init -q
git -C "$top" add -A

look() { try "$LAB/names.py" "$top" "$tree"; }
look
check "what exists is fine" ended_with 0

finds() { # WHAT FILE LINE
	cp "$top/$2" "$scratch/kept"
	printf '%s\n' "$3" >"$top/$2"
	look
	cp "$scratch/kept" "$top/$2"
	check "$1" says "$2:1: made_up"
	[ "$status" = 1 ] || check "$1: exit status" ended_with 1
}
finds "a function in a document" README.md 'Calls made_up().'
finds "a function in a comment" net/xfrm/ours.c '/* Calls made_up(). */ int of_ours(void);'
finds "an identifier in a document" README.md 'Sets `made_up`.'
finds "a function in a patch's message" mutants/one.patch 'Without made_up().'
finds "a case of KUnit" mutants/one.patch 'Fails: kunit made_up'
finds "a test program" mutants/one.patch 'Fails: made_up'
finds "a test after make test" README.md 'make test T=made_up'
finds "a file" README.md 'See made_up.rst.'
finds "a path" README.md 'See `made_up/folder`.'

printf 'XO-1\tpage.rst, Made up\n' >"$top/requirements.tsv"
look
check "a section" says "page.rst, Made up: the page has no such section"
done_testing
