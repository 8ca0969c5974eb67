#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does a device with IPsec offload do what the stack's contract asks of it? See
# README.md beside this file: variables, equipment, what is touched.

SUITE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Namespaces are the caller's.
NAMES_IN=$$
# Where the suite is installed, what it shares with net/xfrm_offload is beside it.
SHARED=$SUITE
[[ -r $SHARED/lib.sh ]] || SHARED=$SUITE/../../../../net/xfrm_offload/lib
# shellcheck source=../../../../net/xfrm_offload/lib/lib.sh
. "$SHARED/lib.sh"
# What was built with the suite comes before what was built for other tests.
PATH=$SUITE:$PATH
. "$SUITE/verdict.sh"
. "$SUITE/ends.sh"
. "$SUITE/kinds.sh"
. "$SUITE/traffic.sh"
. "$SUITE/changes.sh"
. "$SUITE/capacity.sh"
. "$SUITE/migrate.sh"
. "$SUITE/teardown.sh"

declare -ra ALL_GROUPS=(kinds traffic inbound changes limits capacity migrate counters
	down feature move unbind remove log)

# From net.config beside this file, unless the environment says otherwise.
read_config() # FILE
{
	local name value

	[[ -r $1 ]] || return
	while IFS='=' read -r name value; do
		[[ $name =~ ^[A-Z_0-9]+$ && ! -v $name ]] || continue
		value=${value#\"}
		declare -g "$name=${value%\"}"
	done <"$1"
}

configure()
{
	read_config "$SUITE/net.config"
	: "${NETIF:=}" "${LOCAL_V4:=}" "${REMOTE_V4:=}" "${LOCAL_V6:=}" "${REMOTE_V6:=}"
	: "${REMOTE_TYPE:=}" "${REMOTE_ARGS:=}" "${REPORT_DATE:=}"
	: "${DEVICE_BACK:=}" "${KEYS_LEFT:=}"
	: "${CYCLES:=1000}" "${CAPACITY:=4096}" "${MOVES:=40}"
	: "${TEARDOWNS:=down feature move unbind remove}" "${TEST_GROUPS:=${ALL_GROUPS[*]}}"
	[[ ! ${VERBOSE:-} ]] && QUIET=1
	[[ $NETIF ]] || skip_all "NETIF does not name an interface: see README.md"
	[[ $REMOTE_TYPE == netns || $REMOTE_TYPE == ssh ]] ||
		skip_all "REMOTE_TYPE has to be netns or ssh: see README.md"
	[[ $REMOTE_ARGS ]] || skip_all "REMOTE_ARGS does not say where the remote end is"
	[[ $LOCAL_V4 && $REMOTE_V4 || $LOCAL_V6 && $REMOTE_V6 ]] ||
		skip_all "LOCAL_V4 and REMOTE_V4, or LOCAL_V6 and REMOTE_V6, have to be set"
	# shellcheck disable=SC2034 # flows.sh
	OFFLOAD_TO=([local]=$NETIF)
	FAMILIES=()
	[[ ! $LOCAL_V4 || ! $REMOTE_V4 ]] || FAMILIES+=(v4)
	[[ ! $LOCAL_V6 || ! $REMOTE_V6 ]] || FAMILIES+=(v6)
}

look_for_the_device()
{
	ip link show dev "$NETIF" >/dev/null 2>&1 || skip_all "there is no interface $NETIF"
	[[ $(ip -j link show dev "$NETIF" | jq -r '.[0].master // ""') == "" ]] ||
		skip_all "$NETIF is a port of another interface: name that one"
	[[ $(feature) ]] || skip_all "$NETIF has no esp-hw-offload: it does not offload IPsec"
	"$XFRMCTL" -j probe | jq -e '.unbind.supported == "yes"' >/dev/null ||
		skip_all "this kernel does not unbind SAs (XFRMA_INVALID)"
}

look_for_the_remote()
{
	local cmd

	on remote true || skip_all "the remote end ($REMOTE_TYPE $REMOTE_ARGS) is not reached"
	for cmd in ip tcpdump ping python3; do
		on remote sh -c "command -v $cmd" >/dev/null ||
			skip_all "the remote end has no $cmd"
	done
	REMOTE_IF=$(on remote ip -o addr show to "${REMOTE_V4:-$REMOTE_V6}" |
		awk '{ print $2; exit }')
	[[ $REMOTE_IF ]] || skip_all "the remote end has no interface with ${REMOTE_V4:-$REMOTE_V6}"
	[[ $REMOTE_TYPE != ssh ]] || on remote mkdir -p "$SCRATCH"
}

state_the_facts()
{
	fact interface "$NETIF"
	fact driver "$(device_word driver)"
	fact "driver version" "$(device_word version)"
	fact firmware "$(device_word firmware-version)"
	fact bus "${BUS:-none}"
	fact "address on the bus" "${BUS_ID:-none}"
	fact features "$(ethtool -k "$NETIF" | sed -nE \
		's/^(esp-hw-offload|esp-tx-csum-hw-offload|tx-esp-segmentation): /\1 /p' |
		paste -sd, | sed 's/,/, /g')"
	fact kernel "$(uname -srm)"
	fact "remote end" "$REMOTE_TYPE, interface $REMOTE_IF"
	[[ ! $REPORT_DATE ]] || fact date "$REPORT_DATE"
	fact groups "$TEST_GROUPS"
	fact "causes of a teardown" "$TEARDOWNS"
}

# Where the suite has to be put back to.
all_down() { ends_down; }

group_log()
{
	if kernel_log_is_clean; then
		good XO-LOG-1 "nothing in $(kernel_log | wc -l) lines"
	else
		bad XO-LOG-1 "$(kernel_log |
			grep -m 1 -E 'WARNING:|BUG:|Oops|refcount_t:|waiting for')"
	fi
}

# Kinds are needed by all others. Without any there is nothing to test.
run_group() # GROUP
{
	local from

	[[ " kinds $TEST_GROUPS " == *" $1 "* ]] || return
	((${#KINDS[@]})) || [[ $1 == kinds || $1 == log ]] || return
	from=$(now_us)
	WHY=
	note "$1"
	case $1 in
	down | feature | move | unbind | remove)
		group_teardown "$1" ;;
	*)
		"group_$1" ;;
	esac
	stop monitor
	for n in "${!PID[@]}"; do
		stop "$n" INT
	done
	flows_down
	judge "$1"
	note "$1: $((($(now_us) - from) / 1000)) ms"
}

tap_header
((EUID == 0)) || skip_all "needs root"
configure
need ip ethtool ping jq python3 tcpdump tshark
find_tool || skip_all "needs xfrmctl: see README.md"
command -v esp_pairs >/dev/null || skip_all "needs esp_pairs: see README.md"
begin_here
requirements_read "$SUITE/requirements.tsv"
look_for_the_device
look_for_the_remote
interface_save
set_feature on 2>/dev/null
state_the_facts
ends_up || { not_ok "the ends reach each other"; plan; exit "$KSFT_FAIL"; }
for group in "${ALL_GROUPS[@]}"; do
	run_group "$group"
done
python3 "$SUITE/report.py" "$SUITE/requirements.tsv" "$OUT" ||
	not_ok "the report is written"
plan
ktap_print_totals
[[ $OUT == "$SCRATCH" ]] || note "report: $OUT/report.md, $OUT/report.json"
((KTAP_CNT_FAIL == 0)) || exit "$KSFT_FAIL"
((KTAP_CNT_PASS)) || exit "$KSFT_SKIP"
exit 0
