#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each requirement fails where the simulated NIC breaks it, of what it receives:
# see conformance.sh.

exec "$(dirname "$0")/conformance.sh" faults_inbound
