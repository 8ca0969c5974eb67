#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A root shell in our kernel, with the hosts of the demo set up. Where there is no terminal, it runs what comes in on its
# standard input instead.
set -eu
. "$(dirname "$0")/lib.sh"

setup=$TOP/tools/testing/selftests/net/xfrm_offload/lib/shell-setup.sh
export XFRMCTL=$BUILD/xfrmctl/xfrmctl
[ ! -t 0 ] || exec "$LAB/boot.sh" --tty --time-limit 0 -- bash --rcfile "$setup" -i
commands=$(cat)
# shellcheck disable=SC2016  # for the inner shell
exec "$LAB/boot.sh" -- bash -c '. "$1"; eval "$2"' shell "$setup" "$commands"
