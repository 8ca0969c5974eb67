# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the lab's scripts share: where things are, and how they speak. Sourced.

# shellcheck disable=SC2034  # used by the scripts that source this
{
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P)
LAB=$TOP/tools/testing/lab
BUILD=$TOP/build
LINUX_PACKAGE=linux-source-6.12
KNOWN_VERSIONS=$(grep -v '^#' "$LAB/linux-versions")
# the newest of them
LINUX_VERSION=${KNOWN_VERSIONS%%$'\n'*}

# The words that run a command in namespaces of a guest. root is not needed for them.
namespaces=(unshare --mount --pid --kill-child=KILL --propagation unchanged)
[ "$EUID" = 0 ] || namespaces+=(--map-root-user)
}

# A step that takes a while: one line.
say() { printf '== %s\n' "$*"; }

# What one should know but need not act on.
note() { printf 'note: %s\n' "$*" >&2; }

# The one sentence that ends a command: what is wrong, and what to do.
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# 75 -> 1m15s
minutes() { printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); }

# The kernel's make refuses such paths with a riddle.
case $TOP in
*[[:space:]:]*) die "the repository's path, '$TOP', has a space or a colon, which the kernel's build cannot take: move it" ;;
esac
