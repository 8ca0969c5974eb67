#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each requirement fails where the simulated NIC breaks it, of which kinds it takes
# and what it sends: see conformance.sh.

exec "$(dirname "$0")/conformance.sh" faults_outbound
