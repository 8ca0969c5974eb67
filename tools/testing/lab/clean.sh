#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Remove build/, unless that would lose somebody's work.
set -eu
. "$(dirname "$0")/lib.sh"

tree=$BUILD/linux
if [ -e "$tree/.git" ]; then
	[ "$(git -C "$tree" rev-parse HEAD)" = "$(git -C "$tree" rev-parse -q --verify patched || git -C "$tree" rev-parse base)" ] ||
		die "$tree has commits that are not in patches/: run 'make refresh' to keep them, or remove $BUILD yourself"
	[ -z "$(git -C "$tree" diff --name-only HEAD)" ] ||
		die "$tree has edits that are not committed: commit them and run 'make refresh', or remove $BUILD yourself"
fi
rm -rf "$BUILD"
