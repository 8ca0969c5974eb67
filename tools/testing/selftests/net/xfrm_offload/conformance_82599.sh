#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The conformance suite on a modelled 82599, through the kernel's ixgbe: see
# conformance.sh.

exec "$(dirname "$0")/conformance.sh" 82599
