#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A root shell in our kernel, with the hosts of the demo set up.
set -eu
. "$(dirname "$0")/lib.sh"

[ -t 0 ] || die "a shell needs a terminal"
export XFRMCTL=$BUILD/xfrmctl/xfrmctl
exec "$LAB/boot.sh" --tty --time-limit 0 -- bash --rcfile "$TOP/tools/testing/selftests/net/xfrm_offload/shell-setup.sh" -i
