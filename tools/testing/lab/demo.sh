#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The demo: tell the story in a guest, then let tshark, out here, be the witness of what was on the wires.
set -u
. "$(dirname "$0")/lib.sh"
. "$LAB/tables.sh"

OUT=$BUILD/demo
export XFRMCTL=$BUILD/xfrmctl/xfrmctl

rm -rf "$OUT"
"$LAB/boot.sh" --mem 1G --time-limit 180 --keep-output "$OUT" -- "$SELFTESTS/story.sh" ||
	die "the story did not come to its end; what there is of it is in ${OUT#"$TOP"/}"
ask_the_witness || die "tshark could not read the captures in ${OUT#"$TOP"/}"

cat <<EOF

The witness: both captures, read by tshark with the keys

EOF
witness_table
cat <<EOF

   Captures and keys are in ${OUT#"$TOP"/}. To look yourself:
   WIRESHARK_CONFIG_DIR=${OUT#"$TOP"/} tshark -r ${OUT#"$TOP"/}/back.pcap

EOF
verdict
