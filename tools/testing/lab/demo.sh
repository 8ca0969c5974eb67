#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The demo: tell the story in a guest, then let tshark, out here, be the witness of what was on the wires. The exit
# status is its verdict.
#
# usage: demo.sh                 the whole: build/demo
#        demo.sh --verdict DIR   only ask the witness again, about a story that was told before
set -u
. "$(dirname "$0")/lib.sh"
. "$LAB/tables.sh"

OUT=$BUILD/demo
case ${1-} in
'')
	export XFRMCTL=$BUILD/xfrmctl/xfrmctl
	rm -rf "$OUT"
	"$LAB/boot.sh" --mem 1G --time-limit 900 --keep-output "$OUT" -- "$SELFTESTS/story.sh" ||
		die "the story did not come to its end; what there is of it is in ${OUT#"$TOP"/}"
	;;
--verdict) OUT=${2:?} ;;
*) sed -n 's/^# \(usage:\|      \)/\1/p' "$0" >&2; exit 2 ;;
esac
ask_the_witness || die "$WHY_NOT"

cat <<END

The witness: both captures, read by tshark with the keys

END
witness_table
cat <<END

   Captures and keys are in ${OUT#"$TOP"/}. To look yourself:
   WIRESHARK_CONFIG_DIR=${OUT#"$TOP"/} tshark -r ${OUT#"$TOP"/}/back.pcap

END
verdict
