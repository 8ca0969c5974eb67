#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a guest that is slow to boot: run one test program after the other, each with an $OUT of its own.
# usage: several.sh TIME-LIMIT PROGRAM...
#
# What a program prints stands between the lines ":begin NAME" and ":end STATUS".

limit=$1
out=$OUT
shift
for program; do
	name=$(basename "$program" .sh)
	export OUT=$out/$name
	mkdir -p "$OUT"
	echo ":begin $name"
	timeout -k 10 "$limit" "$program" 2>"$OUT/stderr"
	status=$?
	sed 's/^/# /' "$OUT/stderr"
	echo ":end $status"
done
