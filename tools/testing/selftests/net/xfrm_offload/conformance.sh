#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The conformance suite (../../drivers/net/hw/xfrm_offload) on left's NIC, or, with
# the argument "bond", on a bond of two of them; with "82599" on the kernel's ixgbe
# and a modelled 82599. The peer is right, in software.
# Nothing may fail; what has to be supported is, and the report is one. With the
# argument "faults_outbound", "faults_inbound" or "faults_counters" the NIC
# misbehaves, and what it breaks has to fail, by its ID.

. "$(dirname "$0")/lib/lib.sh"

SUITE=$(cd "$HERE/../../drivers/net/hw/xfrm_offload" 2>/dev/null && pwd) || {
	tap_header
	skip_all "needs the conformance suite (drivers/net/hw/xfrm_offload)"
}
declare -r SUITE BED=${1:-nic}

# What a NIC that comes back needs here, and nowhere else: its cable.
if [[ $BED == plug ]]; then
	QUIET=1
	nic_exists left && plug left "$2" cable cableL
	exit
fi
[[ $BED != bond ]] || . "$LIB/bond.sh"
[[ $BED != 82599 ]] || . "$LIB/ixgbe.sh"

# A device of PCI comes back in the first netns, not in left: what udev would do.
sent_to_left()
{
	local line

	ip -o monitor link | while read -r line; do
		[[ $line != *": eth0: "* ]] || ip link set eth0 netns left
	done
}

bed_up()
{
	case $BED in
	bond)
		bond_up && echo 32 >"$(nic_dir left)/max_sas" ;;
	82599)
		hosts_up || return
		# Its ring is seldom empty.
		card_switch left frame_us 1500
		sent_to_left 2>/dev/null &
		PID[sender]=$! ;;
	*)
		hosts_up && echo 32 >"$(nic_dir left)/max_sas" ;;
	esac
}

# As a vendor calls it. Its TAP is one test here: indented, as subtests are.
suite() # FOLDER [VARIABLE=VALUE...]
{
	mkdir -p "$1"
	on left env NETIF="${OFFLOAD_TO[left]}" REMOTE_TYPE=netns REMOTE_ARGS=right \
		LOCAL_V4=192.168.1.1 REMOTE_V4=192.168.1.2 \
		LOCAL_V6=fd00:168:1::1 REMOTE_V6=fd00:168:1::2 \
		DEVICE_BACK="$DEVICE_BACK" KEYS_LEFT="$KEYS_LEFT" OUT="$1" XFRMCTL="$XFRMCTL" \
		CYCLES=50 CAPACITY="${CAPACITY:-50}" MOVES=6 PACE="-i 0.012" "${@:2}" \
		"$SUITE/xfrm_offload.sh" 2>&1 | sed 's/^/    /' >&"$TOLD"
	return "${PIPESTATUS[0]}"
}

verdicts() # FOLDER VERDICT: how many
{
	jq --arg verdict "$2" '[.requirements[] | select(.verdict == $verdict)] | length' \
		"$1/report.json"
}

verdict_of() # FOLDER ID
{
	jq -r --arg id "$2" '.requirements[] | select(.id == $id) | .verdict' "$1/report.json"
}

# Of left: addresses, routes, devices, SAs and policies; in no order, without what
# the kernel makes of them.
as_found()
{
	{
		ip -n left -br addr show
		ip -n left route show
		ip -n left -6 route show
		ip -n left -br link show
		left ethtool -k "${OFFLOAD_TO[left]}" | grep '^esp-hw'
		on left "$XFRMCTL" state list
		on left "$XFRMCTL" policy list
	} | sed -E 's/ (rt_trap|rt_offload|linkdown)\>//g; s/ +/ /g; s/@if[0-9]+//' | sort
}

left_as_found()
{
	diff "$OUT/before" "$OUT/after" >"$OUT/changed" && return
	sed 's/^/#   /' "$OUT/changed"
	return 1
}

whole_suite()
{
	local report=$OUT/report

	QUIET=1
	as_found >"$OUT/before"
	check "the suite finds no failure" suite "$report"
	as_found >"$OUT/after"
	check "the interface is left as it was found" left_as_found
	is "requirements that failed" "$(verdicts "$report" fail)" 0
	more_than "requirements that passed" "$(verdicts "$report" pass)" "$LEAST"
	note "$(verdicts "$report" pass) pass, $(verdicts "$report" fail) fail," \
		"$(verdicts "$report" 'not supported') not supported"
	is "every requirement is in report.json" \
		"$(jq '.requirements | length' "$report/report.json")" "$REQUIREMENTS"
	is "every one of them is in report.md" \
		"$(grep -c '^| XO-' "$report/report.md")" "$REQUIREMENTS"
}

# With faults the IDs fail that they break, and no other one of GROUP.
breaks() # SWITCHES VALUE GROUP ID...
{
	local report=$OUT/${1// /-}-$3 failed switch

	hosts_up && echo 32 >"$(nic_dir left)/max_sas" ||
		{ not_ok "$1: set-up"; hosts_down; return; }
	for switch in $1; do
		nic_fault left "$switch" "$2"
	done
	suite "$report" LOCAL_V6='' REMOTE_V6='' TEST_GROUPS="$3"
	failed=$(jq -r '[.requirements[] | select(.verdict == "fail") | .id] | join(" ")' \
		"$report/report.json")
	is "$1 ($3): what fails" "$failed" "${*:4}"
	hosts_down
}

# What the NIC does not tell is not supported: no more and no less.
not_told()
{
	local report=$OUT/no_counters

	hosts_up || { not_ok "no_counters: set-up"; hosts_down; return; }
	nic_fault left no_counters 1
	check "no_counters: nothing fails" suite "$report" LOCAL_V6='' REMOTE_V6='' \
		TEST_GROUPS="migrate counters"
	is "no_counters: where the device stopped" \
		"$(verdict_of "$report" XO-CTR-1)" "not supported"
	is "no_counters: migration of packet offload" \
		"$(verdict_of "$report" XO-MIG-2)" "not supported"
	is "no_counters: migration of crypto offload" "$(verdict_of "$report" XO-MIG-1)" pass
	is "no_counters: an INVALID SA is not carried on" "$(verdict_of "$report" XO-MIG-5)" pass
	hosts_down
}

# What ssh does, as far as the suite can tell: a shell there runs its last word.
by_ssh()
{
	local report=$OUT/ssh

	mkdir -p "$SCRATCH/bin"
	cat >"$SCRATCH/bin/ssh" <<-'EOF'
		#!/bin/bash
		[[ " $* " == *' -n '* ]] && exec </dev/null
		exec nsenter --net=/run/netns/right sh -c "${!#}"
	EOF
	chmod +x "$SCRATCH/bin/ssh"
	hosts_up || { not_ok "ssh: set-up"; hosts_down; return; }
	check "ssh: nothing fails" suite "$report" LOCAL_V6='' REMOTE_V6='' REMOTE_TYPE=ssh \
		REMOTE_ARGS='-p 22 right' PATH="$SCRATCH/bin:$PATH" TEST_GROUPS="inbound limits"
	is "ssh: requirements that passed" "$(verdicts "$report" pass)" 11
	hosts_down
}

faults_outbound()
{
	breaks refuse_add 1 kinds XO-CAP-1
	breaks plain_out 1 traffic XO-OUT-1 XO-OUT-2 XO-OUT-4 XO-IN-1 XO-AEAD-1 XO-ESN-1 XO-ESN-2
	breaks "wrong_csum any_encap" 1 traffic XO-OUT-4 XO-ENC-1
	breaks repeat_seq 1 traffic XO-OUT-3 XO-OUT-4 XO-AEAD-1 XO-ESN-1 XO-ESN-2
	breaks wrong_stats 1 traffic XO-CNT-1 XO-CNT-2
}

faults_inbound()
{
	by_ssh
	breaks no_window 1 inbound XO-IN-2 XO-CNT-3
	# The window is where the forged frames were: fresh ones are behind it.
	breaks any_icv 1 inbound XO-IN-3 XO-CNT-3 XO-IN-5
	breaks hide_refused 1 inbound XO-CNT-3
	# Whether the device asks its own policies, too, makes no difference.
	breaks any_sa 1 inbound
	breaks false_secpath 1 inbound XO-IN-4
	breaks no_secpath 1 inbound XO-IN-2 XO-IN-3 XO-IN-5
}

faults_counters()
{
	breaks no_limits 1 limits XO-LIM-1 XO-LIM-2
	breaks leak_room 1 capacity XO-FULL-3 XO-CYC-1
	breaks wrong_counters 1 migrate XO-MIG-2
	breaks wrong_counters 1 counters XO-CTR-2 XO-CTR-3 XO-MIG-5
	not_told
}

REQUIREMENTS=$(grep -vc '^#' "$SUITE/requirements.tsv")
# In the namespaces of this program, see lib.sh.
DEVICE_BACK="NAMES_IN=\$\$ exec $HERE/conformance.sh plug nic0"
KEYS_LEFT=
case $BED in
bond)
	LEAST=45 ;;
82599)
	# That of the slot: the netdev may be gone.
	KEYS_LEFT="grep -cE '^(tx|rx) ' $SIM/slot0/ipsec"
	# Its table is too long for here: ixgbe_unbind.sh fills it.
	LEAST=30 DEVICE_BACK= ;;
*)
	KEYS_LEFT="grep -c '^sa\\[.*mode=' $(nic_dir left)/sa"
	LEAST=60 ;;
esac
tap_header
begin
need python3 ethtool
[[ $BED != 82599 ]] || has_82599
if [[ $BED == faults_* ]]; then
	"$BED"
else
	bed_up || { not_ok "set-up"; finish; }
	whole_suite
	hosts_down
fi
finish
