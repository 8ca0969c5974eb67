#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The conformance suite on a bond: see conformance.sh.

exec "$(dirname "$0")/conformance.sh" bond
