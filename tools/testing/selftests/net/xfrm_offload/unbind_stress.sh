#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariants 1, 2 and 4 under races: see stress.sh.

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/stress.sh"

tap_header
begin
stress unbind_stress
finish
