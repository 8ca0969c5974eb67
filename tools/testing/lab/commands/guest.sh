#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a guest: make what a page takes for granted, run its commands, see what became of it.
# usage: guest.sh BED COMMANDS WORK     WORK is where the host put what it built

bed=$1
commands=$2
work=$3
beds=$(cd "$(dirname "$0")" && pwd)/beds.sh
scratch=$(mktemp -d)
said=$scratch/said
mkfifo "$scratch/never"
: >"$said"
# shellcheck source=beds.sh
. "$beds"

# xfrmctl takes the words of ip xfrm, where this machine's ip is too old for what the pages say.
ip() {
	if [ "${1-}" = xfrm ] && ! command ip xfrm state help 2>&1 | grep -q 'state migrate'; then
		xfrmctl "${@:2}"
	else
		command ip "$@"
	fi
}
export -f ip

"${bed}_up" || { echo "# the set-up failed"; exit 1; }
set -o pipefail
bash -eu -o pipefail "$commands" >>"$said" 2>&1 </dev/null
status=$?
[ "$status" = 0 ] || echo "# exit status $status"
[ "$status" = 0 ] && "${bed}_seen"
status=$?
[ "$status" = 0 ] || sed 's/^/#   /' "$said" | tail -n 40
exit "$status"
