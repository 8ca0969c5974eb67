#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 6: a key manager is told once for each SA and each policy
# that lost its device, by netlink and by PF_KEY, finds the same in a dump, and
# is told if there was more to tell than its socket holds. So is the audit log.

. "$(dirname "$0")/lib/lib.sh"

declare -r MANY=200 BURST=8000
declare -r SHORT_SPI=0x3fff SHORT_SOFT=4 SHORT_HARD=7

# SAs of no flow: only their number matters. The odd ones are outbound.
many_sas()
{
	local i src dst dir key

	note "left\$ xfrmctl state add ... ($MANY SAs)"
	for ((i = 1; i <= MANY; i++)); do
		src=10.1.0.1 dst=10.2.0.1 dir=out
		((i % 2)) || { src=10.2.0.1 dst=10.1.0.1 dir=in; }
		printf -v key '0x%040x' $((0x4000 + i))
		QUIET=1 batch ctl left state add src "$src" dst "$dst" \
			proto esp spi $((0x4000 + i)) reqid $((1000 + i)) \
			mode transport aead 'rfc4106(gcm(aes))' "$key" 128 \
			offload packet dev nic0 dir "$dir"
	done
	run_batch left
}

# An SA whose soft and hard lifetimes end soon after the NIC is gone.
short_sa()
{
	local key

	printf -v key '0x%040x' "$SHORT_SPI"
	ctl left state add src 10.1.0.1 dst 10.2.0.1 proto esp \
		spi "$SHORT_SPI" reqid 999 mode transport \
		aead 'rfc4106(gcm(aes))' "$key" 128 \
		limit time-soft "$SHORT_SOFT" limit time-hard "$SHORT_HARD" \
		offload packet dev nic0 dir out
}

listen_pfkey() # [BYTES]
{
	start pfkey left '^register' nice -n -20 pfkey listen "$@"
}

# Of all that PF_KEY said.
pfkey_count() # REGEX
{
	grep -cE "$1" "$OUT/pfkey.log"
}

# --- audit --------------------------------------------------------------------------

# The kernel's audit, and its multicast group, are in the first netns. Switches it
# on, prints the records of op=SA-unbind.
declare -r AUDIT_READER='
import socket, struct, sys
NETLINK_AUDIT, READLOG, SET, IPSEC_EVENT = 9, 1, 1001, 1415
ENABLED, BACKLOG_LIMIT = 1, 16
SO_RCVBUFFORCE = 33
status = struct.pack("=11I", ENABLED | BACKLOG_LIMIT, 1, 0, 0, 0, int(sys.argv[1]), 0, 0, 0, 0, 0)
header = struct.pack("=IHHII", 16 + len(status), SET, 1, 1, 0)
control = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
control.send(header + status)
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
s.bind((0, READLOG))
print("reading")
while True:
    msg = s.recv(65536)
    if struct.unpack_from("=H", msg, 4)[0] == IPSEC_EVENT:
        text = msg[16:].rstrip(b"\0").decode()
        if "op=SA-unbind" in text:
            print(text)
'

AUDIT_STATUS='
import socket, struct
GET, REQUEST = 1000, 1
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
s.send(struct.pack("=IHHII", 16, GET, REQUEST, 1, 0))
while True:
    msg = s.recv(65536)
    if struct.unpack_from("=H", msg, 4)[0] == GET:
        print(struct.unpack_from("=I", msg, 16 + 6 * 4)[0])
        break
'

audit_on() # BACKLOG-LIMIT
{
	[[ -e /proc/self/loginuid ]] || return
	[[ -e /run/netns/here ]] || ip netns attach here $$ || return
	start audit here reading python3 -u -c "$AUDIT_READER" "$1"
}

audit_count() # REGEX
{
	grep -cE "$1" "$OUT/audit.log"
}

# How many records the kernel had no room for, of any kind, since it booted.
audit_lost() { on here python3 -c "$AUDIT_STATUS"; }

# --- one for each ----------------------------------------------------------------------

by_netlink() # SAS POLICIES
{
	local all=$1 policies=$2 event

	check "6: an EXPIRE comes for every SA" \
		wait_for 10 at_least "$all" heard_count '.event == "expire-sa"'
	is "6: one for each, and no more" \
		"$(heard '.event == "expire-sa"' | jq -s '[.[].sa.spi] | unique | length')" \
		"$(heard_count '.event == "expire-sa"')"
	is "6: all are soft" \
		"$(heard_count '.event == "expire-sa" and (.hard | not)')" "$all"
	for event in expire-sa update-sa; do
		is "6: all say why ($event)" "$(heard_count ".event == \"$event\" and
			.sa.invalid.reason == \"device-unregistered\"")" "$all"
		is "6: all name the device ($event)" "$(heard_count ".event == \"$event\" and
			.sa.invalid.dev == \"nic0\"")" "$all"
		is "6: all number the device ($event)" "$(heard_count ".event == \"$event\" and
			.sa.invalid.ifindex == $IFINDEX")" "$all"
	done
	is "6: an UPDPOLICY for every policy that was offloaded" \
		"$(heard_count '.event == "update-policy"')" "$policies"
	is "6: one for each" \
		"$(heard '.event == "update-policy"' |
			jq -s '[.[].policy.index] | unique | length')" \
		"$policies"
	is "6: which says that it is in software" \
		"$(heard_count '.event == "update-policy" and (.policy.offload | not)')" \
		"$policies"
	is "6: nothing is said to be deleted" \
		"$(heard_count '.event | startswith("delete") or startswith("flush")')" 0
}

by_pfkey() # SAS POLICIES
{
	check "6: PF_KEY is told of every SA" \
		wait_for 10 at_least "$1" pfkey_count '^expire soft'
	is "6: once" "$(pfkey_count '^expire')" "$1"
	is "6: one for each" \
		"$(grep '^expire' "$OUT/pfkey.log" | sort -u | wc -l)" "$1"
	is "6: none as hard" "$(pfkey_count '^expire.* hard')" 0
	is "6: all as dead" "$(pfkey_count '^expire soft dead ')" "$1"
	check "6: PF_KEY is told of every policy that was offloaded" \
		wait_for 10 at_least "$2" pfkey_count '^spdupdate '
	is "6: once" "$(pfkey_count '^spd')" "$2"
	is "6: PF_KEY hears of no deletion" \
		"$(pfkey_count '^(delete|flush|spddelete|spdflush)')" 0
}

by_dump() # SAS
{
	is "6: a dump tells the same" \
		"$(count_sas left '.invalid.reason == "device-unregistered"')" "$1"
	is "6: and that software's counters are exact" \
		"$(count_sas left '.invalid.counters_exact and .reqid == 2')" 2
	is "6: PF_KEY's dump shows them as dead" \
		"$(on left pfkey dump | grep -c '^dump dead ')" "$1"
	is "6: an ip that knows nothing of it shows every SA" \
		"$(ip -n left xfrm state | grep -c '^src ')" "$1"
	is "6: the counter counts SAs" \
		"$(xfrm_stat left XfrmOffloadUnbind)" "$1"
}

by_audit() # SAS
{
	local spi=$((0x4001)) fields

	[[ ${PID[audit]:-} ]] ||
		{ skip "6: audit" "needs audit (CONFIG_AUDITSYSCALL)"; return; }
	check "6: an audit record comes for every SA" \
		wait_for 10 at_least "$1" audit_count 'op=SA-unbind'
	is "6: one for each" "$(grep -o ' spi=.*' "$OUT/audit.log" | sort -u | wc -l)" \
		"$(audit_count 'op=SA-unbind')"
	fields="src=10\\.1\\.0\\.1 dst=10\\.2\\.0\\.1 spi=$spi\\(0x4001\\)"
	fields+=' dev="nic0" reason=2 exact=1 res=1'
	is "6: it tells SA, device, reason, counters" \
		"$(audit_count "op=SA-unbind $fields\$")" 1
	fields='src=fd00:0009:.*0001 dst=fd00:0009:.*0002 spi=4098\(0x1002\)'
	fields+=' dev="nic0" reason=2 exact=1 res=1'
	is "6: an IPv6 address likewise" "$(audit_count "$fields\$")" 1
}

one_for_each()
{
	local policies all=$((MANY + 4))

	hosts_up && flow_add transport v4 packet && flow_add tunnel v6 crypto &&
		many_sas || { not_ok "set-up"; return; }
	policies=$(spd left | jq '[.[] | select(.offload)] | length')
	ifindex left nic0
	audit_on 8192
	check "key managers listen" eval 'listen left && listen_pfkey'
	is "2 policies are offloaded" "$policies" 2
	nic_del left

	# at once: its messages have no time
	by_pfkey "$all" "$policies"
	by_netlink "$all" "$policies"
	by_dump "$all"
	by_audit "$all"
}

short_events() # JQ-CONDITION
{
	heard_count ".event == \"expire-sa\" and .sa.spi == $((SHORT_SPI)) and ($1)"
}

# What remains of the life of an INVALID SA: it ends as that of any other.
lifetime()
{
	nic_add "left" left nic0 && nic_port_up left && short_sa &&
		nic_del left || { not_ok "lifetime: set-up"; return; }
	check "6: an INVALID SA ends with its hard lifetime" \
		wait_for $((SHORT_HARD + 20)) at_least 1 \
		short_events '.hard and (.sa.invalid | not)'
	is "6: which is told once" \
		"$(short_events '.hard and (.sa.invalid | not)')" 1
	is "6: after its unbind was" "$(short_events '(.hard | not) and .sa.invalid')" 1
	is "6: and nobody hears of its soft lifetime" \
		"$(short_events '(.hard | not) and (.sa.invalid | not)')" 0
	stop audit
	hosts_down
}

# --- the path goes with the device ------------------------------------------------------

expiries() # [JQ-CONDITION]
{
	heard_count ".event == \"expire-sa\" and (.hard | not) and .sa.invalid and ${1:-true}"
}

# To ADDRESS or from it, and key, of SPI.
sa_words() # SRC DST SPI
{
	WORDS=(src "$1" dst "$2" proto esp spi "$3" reqid 77 mode transport
		aead 'rfc4106(gcm(aes))' "0x$(printf '%040x' "$3")" 128)
}

# SAs between the NICs' own addresses: what an IKE daemon negotiates.
sas_of_the_nic()
{
	sa_words 192.168.1.1 192.168.1.2 0x7001
	ctl left state add "${WORDS[@]}" offload packet dev nic0 dir out || return
	sa_words fd00:168:1::2 fd00:168:1::1 0x7002
	ctl left state add "${WORDS[@]}" offload packet dev nic0 dir in
}

# And one whose addresses are on lo: the other path leads to its peer.
sa_with_a_path()
{
	sa_words 10.9.0.1 10.9.0.2 0x7003
	ctl left state add "${WORDS[@]}" offload packet dev nic0 dir out
}

declare -r OF_LO=".sa.spi == $((0x7003))" OF_THE_NIC=".sa.spi != $((0x7003))"

# While a request of the daemon on a dead path would block its move to another one.
path() # CAUSE
{
	FLOWS=("")
	hosts_up && sas_of_the_nic && sa_with_a_path ||
		{ not_ok "path, $1: set-up"; return; }
	listen left
	take_away "$1"
	check "6: $1: a listener of the SAD hears at once" wait_for 10 at_least 3 \
		heard_count '.event == "update-sa" and .sa.invalid'
	check "6: $1: key managers hear of an SA that has another path" \
		wait_for 10 at_least 1 expiries "$OF_LO"
	is "6: $1: and of none whose path is gone" "$(expiries "$OF_THE_NIC")" 0
	give_back "$1" || { not_ok "path, $1: give back"; return; }
	check "6: $1: of these when a device with the address is up" \
		wait_for 10 at_least 2 expiries "$OF_THE_NIC"
	is "6: $1: once for each" "$(expiries)" 3
	hosts_down
}

# Not faster: netdevsim's queue of changes of routes holds the device until it is empty.
flap() { printf 'link set nic0 down\nlink set nic0 up\n' | ip -n left -batch -; }

# Sets STOOD_STILL if the link may have been up for a quarter of a second in between.
flaps_for() # SECONDS
{
	local end=$((SECONDS + $1)) from before

	STOOD_STILL=
	from=$(now_us)
	while ((SECONDS < end)); do
		# It was up from somewhere in the last flap to somewhere in this one.
		before=$from from=$(now_us)
		flap
		(($(now_us) - before < 240000)) || STOOD_STILL=yes
	done
}

# For longer than the events of other devices could put it off, twice: the request of a
# daemon would be lost on such a link. If the guest stood still, once more.
link_that_flaps()
{
	local told

	FLOWS=("")
	for _ in 1 2 3 4; do
		hosts_up && sas_of_the_nic || { not_ok "flaps: set-up"; return; }
		listen left
		flaps_for 12
		told=$(expiries)
		((told)) && [[ $STOOD_STILL ]] || break
		note "$told expiries, and the guest stood still"
		hosts_down
	done
	if ((told)) && [[ $STOOD_STILL ]]; then
		skip "6: no key manager hears of an SA while its link flaps" \
			"a flap takes a quarter of a second here"
		return
	fi
	is "6: no key manager hears of an SA while its link flaps" "$told" 0
	check "6: and then" wait_for 10 at_least 1 expiries
	is "6: of each that has its address, once" "$(expiries)" 1
	hosts_down
}

# Its direction is that of the address which is here.
inbound_in_software()
{
	FLOWS=("")
	sa_words 192.168.1.2 192.168.1.1 0x7004
	hosts_up && ctl left state add "${WORDS[@]}" || { not_ok "software: set-up"; return; }
	listen left
	nic_fault left refuse_add 1
	check "6: an inbound SA in software is stopped, and the NIC refuses it" refused \
		ctl left state migrate "${WORDS[@]:0:8}" offload packet dev nic0 dir in
	check "6: the key managers are told" wait_for 10 at_least 1 expiries
	hosts_down
}

path_stays()
{
	FLOWS=("")
	hosts_up && sas_of_the_nic || { not_ok "path stays: set-up"; return; }
	listen left
	take_away feature
	check "6: feature: the path stays, key managers are told at once" \
		wait_for 10 at_least 2 expiries
	hosts_down
}

# --- rescue without a key manager -----------------------------------------------------------

both_answer() { pings 1 && pings 2; }

rescue() # CAUSE
{
	FLOWS=("")
	hosts_up && flow_add transport v4 packet && flow_add tunnel v6 crypto || {
		not_ok "rescue, $1: set-up"
		return
	}
	start rescue left 'xfrmctl: monitoring' "$XFRMCTL" monitor sa --exec \
		"exec $XFRMCTL state migrate \$XFRM_SA to software"
	take_away "$1"
	check "12: $1: all SAs go on in software" wait_for 10 no_invalid
	[[ $1 == down ]] || check "12: $1: both flows do" wait_for 10 both_answer
	stop rescue
	hosts_down
}

no_invalid() { [[ $(count_sas left .invalid) == 0 && $(count_sas left '.spi != 0') == 4 ]]; }

# --- the path never led to the device -----------------------------------------------------

nic_sa() # VERB SPI OFFLOAD out|in
{
	local ends=(192.168.1.1 192.168.1.2)

	[[ $4 == out ]] || ends=(192.168.1.2 192.168.1.1)
	sa_words "${ends[@]}" "$2"
	ctl left state "$1" "${WORDS[@]}" replay-window 32 offload "$3" dev nic0 dir "$4"
}

# A daemon offloads to the device that has its address, wherever its packets go.
elsewhere()
{
	FLOWS=("")
	hosts_up && nic_sa add 0x7101 packet out || { not_ok "elsewhere: set-up"; return; }
	ip -n left route add 192.168.1.2/32 via 192.168.2.2 dev back0
	check "13: packet offload to a device that the route does not lead to is refused" \
		refused nic_sa add 0x7102 packet out
	check "13: by a sentence that names both" \
		grep -q 'leads to back0, not to nic0' "$OUT/refused.log"
	check "13: inbound, too" refused nic_sa add 0x7103 packet in
	check "13: crypto offload is taken" nic_sa add 0x7104 crypto out
	ip -n left route add fe80::2/128 dev back0
	sa_words fe80::1 fe80::2 0x7105
	check "13: of a link-local address a route says nothing" \
		ctl left state add "${WORDS[@]}" offload packet dev nic0 dir out

	# What MOBIKE does, which does not look at what the addition returns.
	listen left
	ip -n left xfrm state delete src 192.168.1.1 dst 192.168.1.2 proto esp spi 0x7101
	check "12: a copy of an SA is taken all the same" nic_sa add 0x7101 packet out
	is "12: as INVALID, with exact numbers" "$(count_sas left ".spi == $((0x7101)) and
		.invalid.reason == \"refused\" and .invalid.counters_exact")" 1
	is "14: and it names the device" \
		"$(count_sas left ".invalid.reason == \"refused\" and .invalid.dev == \"nic0\"")" 1
	check "12: and the key manager is told to rekey it" \
		wait_for 10 at_least 1 expiries
	is "12: once" "$(expiries)" 1
	hosts_down
}

# --- deleted while it is offloaded ----------------------------------------------------

# The deletion of an SA or policy, as it was when it was deleted.
deleted() # JQ-CONDITION
{
	heard_count "(.event | startswith(\"delete\")) and ($1)"
}

deletion() # packet|crypto
{
	FLOWS=("")
	hosts_up && flow_add transport v4 "$1" && flow_add tunnel v6 "$1" &&
		pings 1 && pings 2 || { not_ok "deletion, $1: set-up"; return; }
	listen left
	check "14: $1: delete all SAs" ip -n left xfrm state deleteall
	check "14: $1: DELSA comes for each" wait_for 10 at_least 4 \
		heard_count '.event == "delete-sa"'
	is "14: $1: each names the device" \
		"$(deleted '.sa.offload.dev == "nic0"')" 4
	is "14: $1: each counts the packets" \
		"$(deleted '.sa.lifetime.packets == 4')" 4
	is "14: $1: and the bytes" \
		"$(deleted '.sa.lifetime.bytes >= 4 * 64')" 4
	[[ $1 == crypto ]] && { hosts_down; return; }
	check "14: delete all policies" ip -n left xfrm policy deleteall
	check "14: DELPOLICY comes for each" wait_for 10 at_least 4 \
		heard_count '.event == "delete-policy"'
	is "14: those that were offloaded name the device" \
		"$(deleted '.policy.offload.dev == "nic0"')" 4
	hosts_down
}

# --- more than a socket holds ---------------------------------------------------------

burst()
{
	local lost=0

	FLOWS=("")
	hosts_up && on left xfrm_fill sas "$BURST" 0 packet nic0 ||
		{ not_ok "burst: set-up"; return; }
	listen left
	listen_pfkey 65536
	audit_on 64 && lost=$(audit_lost)
	kill -STOP "${PID[monitor]}" "${PID[pfkey]}"
	nic_del left
	kill -CONT "${PID[monitor]}" "${PID[pfkey]}"

	check "6: a burst beyond the socket's buffer: netlink tells of the loss" \
		wait_for 20 lost_told
	check "6: PF_KEY does too" wait_for 20 says pfkey '^lost'
	is "6: then a dump tells all" "$(on left xfrm_fill census |
		grep -E '^sas(_invalid)? ')" \
		"sas $BURST
sas_invalid $BURST"
	is "6: so does PF_KEY's" "$(on left pfkey dump | grep -c '^dump dead ')" \
		"$BURST"
	is "6: the counter counts all" \
		"$(xfrm_stat left XfrmOffloadUnbind)" "$BURST"
	if [[ ${PID[audit]:-} ]]; then
		lost=$(($(audit_lost) - lost))
		note "of $BURST audit records $lost were beyond the backlog limit of 64"
		check "6: the audit records that are not there are counted as lost" \
			wait_for 20 at_least $((BURST - lost)) \
			audit_count 'op=SA-unbind'
	fi
	hosts_down
}

tap_header
begin
need python3 pfkey xfrm_fill
one_for_each
lifetime
path down
path delete
link_that_flaps
path_stays
inbound_in_software
elsewhere
rescue feature
rescue down
deletion packet
deletion crypto
burst
[[ ! -e /run/netns/here ]] || ip netns del here
finish
