#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Why a packet was dropped, as dropwatch, perf and tracefs show it: the reason of
# skb:kfree_skb. What happened to SAs and policies: the events of xfrm. KUnit
# (xfrm_drop, xfrm_trace) has what traffic reaches only by chance, base_fixes the
# reason of fragments.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/trace.sh"

# COMMAND makes left drop packets; the first of them is to have REASON.
drops() # REASON WHAT COMMAND...
{
	trace_clear
	step "${*:3}"
	"${@:3}"
	check "$2: $1" wait_for 5 traced "^kfree_skb: .* reason: $1\$"
}

peer_sends() # N
{
	flow "$1"
	refused on right ping -n -q -c 2 -i 0.02 -W 0.05 -I "$ADDR_right" "$ADDR_left"
}

left_sends() # N
{
	flow "$1"
	refused on left ping -n -q -c 4 -i 0.02 -W 0.05 -I "$ADDR_left" "$ADDR_right"
}

flow_of() # FLOW-WORDS: the next flow, N, which works
{
	flow_add "$@" || return
	N=$((${#FLOWS[@]} - 1))
	pings "$N"
}

# --- SAs, in software: one flow, whose SAs and policies are changed one by one --

anew() # HOST DIR [SA-WORDS]
{
	sa "$1" delete "$N" "$2" || note "it has expired"
	SA_WORDS=${3:-} sa "$1" add "$N" "$2"
}

inbound()
{
	# An inbound policy wants what comes in plain to be protected.
	policy right delete "$N" out || return
	drops XFRM_POLICY "plain, against the policy" peer_sends "$N"
	policy right add "$N" out || return

	# Right begins again, and left has seen these numbers.
	anew right out || return
	drops XFRM_STATE_SEQ "a replay" peer_sends "$N"

	# Right has another key for the same SPI.
	sa right delete "$N" out || return
	find_sa right "$N"
	KEY=0x00${KEY:4}
	ctl right state add "${SA[@]}" reqid "$N" mode transport replay-oseq 100 \
		aead 'rfc4106(gcm(aes))' "$KEY" 128 || return
	drops XFRM_STATE_PROTO "not authentic" peer_sends "$N"

	anew left in 'encap espinudp 4500 4500 0.0.0.0' || return
	drops XFRM_STATE_MISMATCH "ESP, where the SA is of UDP" peer_sends "$N"

	sa left delete "$N" in || return
	drops XFRM_NO_STATE "no SA with this SPI" peer_sends "$N"
}

outbound()
{
	anew left out 'limit packet-hard 1' || return
	drops XFRM_STATE_EXPIRED "a hard limit of packets" left_sends "$N"
	anew left out 'replay-oseq 0xfffffffe' || return
	drops XFRM_STATE_SEQ "no sequence number left" left_sends "$N"
	sa left delete "$N" out || return
	drops XFRM_NO_STATE "no SA for the policy" left_sends "$N"
}

# --- offload: one flow ----------------------------------------------------------

by_another_device()
{
	left ip route add "$ADDR_right/32" via 192.168.2.2 dev back0 \
		src "$ADDR_left" || return
	drops XFRM_OFFLOAD_PATH "packet offload, routed to another device" \
		left_sends "$N"
	left ip route del "$ADDR_right/32"
}

changed()
{
	left nft "add table inet t
		add chain inet t c { type filter hook postrouting priority 0 ; }
		add rule inet t c ip daddr $ADDR_right ip daddr set 192.168.1.2" ||
		return
	drops XFRM_OFFLOAD_CHANGED "packet offload, changed by netfilter" \
		left_sends "$N"
	on left nft delete table inet t
	left tc qdisc add dev nic0 clsact &&
		left tc filter add dev nic0 egress protocol ip flower \
			dst_ip "$ADDR_right" \
			action pedit ex munge ip dst set 192.168.1.2 || return
	drops XFRM_OFFLOAD_CHANGED "packet offload, changed by tc" left_sends "$N"
	left tc qdisc del dev nic0 clsact
}

declare -r SLOW='rate 2kbit burst 1700 limit 1000000'
declare -r FAST='rate 1gbit burst 100000 limit 1000000'

# COMMAND while packets of flow N wait at the NIC; then they are let go.
while_packets_wait() # COMMAND...
{
	# shellcheck disable=SC2086 # words, on purpose
	left tc qdisc add dev nic0 root tbf $SLOW || return
	flow "$N"
	on left ping -n -q -c 6 -i 0.01 -W 0.01 -s 1200 -I "$ADDR_left" \
		"$ADDR_right" >/dev/null 2>&1
	"$@" || return
	# shellcheck disable=SC2086 # words, on purpose
	left tc qdisc change dev nic0 root tbf $FAST || return
	# A queue that sleeps learns from the next packet that it is faster now.
	on left ping -n -q -c 1 -W 0.05 192.168.1.2 >/dev/null 2>&1
	left tc qdisc del dev nic0 root
}

queued()
{
	drops XFRM_OFFLOAD_POLICY "packet offload, queued: the policy goes" \
		while_packets_wait policy left delete "$N" out
	policy left add "$N" out || return
	drops XFRM_OFFLOAD_FENCED "packet offload, queued: the feature goes" \
		while_packets_wait take_away feature
	# Its peer does not know that.
	drops XFRM_STATE_INVALID "inbound, the SA is INVALID" peer_sends "$N"
	drops XFRM_NO_STATE "outbound, the SA is INVALID" left_sends "$N"
	give_back feature
}

# Each allocation of one kind fails.
declare -r FAILSLAB=/sys/kernel/debug/failslab CACHE=/sys/kernel/slab/skbuff_ext_cache

without_memory() # COMMAND...
{
	echo 1 >"$CACHE/failslab" && echo Y >"$FAILSLAB/cache-filter" &&
		echo 0 >"$FAILSLAB/verbose" && echo -1 >"$FAILSLAB/times" &&
		echo 100 >"$FAILSLAB/probability"
	"$@"
	echo 0 >"$FAILSLAB/probability"
	echo 0 >"$CACHE/failslab"
	echo N >"$FAILSLAB/cache-filter"
}

no_memory()
{
	[[ -w $FAILSLAB/probability && -w $CACHE/failslab ]] ||
		{ skip "no memory: NOMEM" "needs failslab"; return; }
	drops NOMEM "packet offload, no memory for the mark" \
		without_memory left_sends "$N"
	drops NOMEM "inbound, no memory" without_memory peer_sends "$N"
}


# --- tracepoints of xfrm ------------------------------------------------------------

# What has been traced up to now is looked at many times.
look() { trace_lines >"$OUT/events"; }

has() { check "$1" grep -qE -e "$2" "$OUT/events"; } # WHAT REGEX

# The first event that matches A is before the first that matches B, and so on.
in_order() # REGEX...
{
	local regex at last=0

	for regex; do
		at=$(grep -nE -m 1 -e "$regex" "$OUT/events")
		at=${at%%:*}
		((at > last)) || { note "$regex: at '$at', after $last"; return 1; }
		last=$at
	done
}

# Of each callback the end follows the beginning, without an error.
paired()
{
	awk '
		$1 == "xfrm_driver_begin:" { open[$3, $NF]++; ++n }
		$1 == "xfrm_driver_end:" {
			if (!open[$3, $NF]-- || $5 != "err=0")
				bad = 1
			--n
		}
		END { exit bad || n || !NR }' "$OUT/events"
}

once_each() # N EVENT REGEX
{
	is "$2 $3: $1" "$(grep -cE -e "^$2: .*$3" "$OUT/events")" "$1"
}

device_down()
{
	local dev='dev=nic0 reason=device-down' step sa call

	flow_of transport v4 packet || return
	find_sa left "$N"
	sa="src=$ADDR_left dst=$ADDR_right proto=50 spi=0x0000${SPI#0x} reqid=$N dir=out $dev"
	trace_on xfrm
	trace_clear
	take_away down || return
	look
	has "an unbind begins" "^xfrm_unbind_begin: $dev states=2 policies=2$"
	has "it ends" "^xfrm_unbind_end: $dev states=2 policies=2 fence_ns="
	# The clock of a guest may be too coarse for the others.
	for step in fence_ns= convert_ns= drain_ns= stop_ns=[1-9] record_ns= tell_ns=; do
		has "it says how long its step took: ${step%=*}" "^xfrm_unbind_end: .* $step"
	done
	has "the SA is fenced" "^xfrm_sa_fenced: $sa exact=0 obj=[0-9a-f]+$"
	has "the hardware told its numbers" "^xfrm_sa_stopped: $sa exact=1 "
	has "it is told" "^xfrm_sa_told: $sa exact=1 "
	once_each 2 xfrm_policy_converted dev=nic0
	for call in state_unbind state_delete state_free policy_delete policy_free; do
		once_each 2 xfrm_driver_end "call=$call "
	done
	check "each callback that begins ends" paired
	check "the steps are in order" in_order ^xfrm_unbind_begin ^xfrm_sa_fenced \
		^xfrm_policy_converted 'begin: .* call=state_unbind' \
		^xfrm_sa_stopped 'begin: .* call=state_delete' \
		'begin: .* call=state_free' ^xfrm_sa_told \
		'begin: .* call=policy_delete' ^xfrm_unbind_end
	left_sends "$N"
	look
	has "a packet finds it, and no other" "^xfrm_sa_blocks: $sa exact=1 "
	check "its expiry, when there is a path" wait_for 5 \
		traced "^xfrm_sa_expired: $sa exact=1 "
	look
	check "each step is one that is allowed" trace_steps
	check "no key is in any event" refused grep -q "${KEY:2:12}" "$OUT/events"
	give_back down
}

broken_sa()
{
	flow_of transport v4 packet || return
	trace_clear
	take_away broken || return
	look
	check "each step is one that is allowed, after a report" trace_steps
	has "the driver reports an SA" "^xfrm_sa_reported: .* reqid=$N .* dev=nic0 reason=driver"
	has "and it is unbound" '^xfrm_unbind_end: dev=- reason=driver states=2 policies=0'
}

migrated()
{
	flow_of transport v4 packet || return
	policy left delete "$N" out || return
	find_sa left "$N"
	trace_clear
	ctl left state migrate "${SA[@]}" to software || return
	look
	line="^xfrm_sa_migrated: dst=$ADDR_right proto=50 spi=0x0000${SPI#0x} reqid=$N"
	has "a migration" "$line new_dst=$ADDR_right new_reqid=$N new_ifindex=0 err=0 "
	has "the old SA" "^xfrm_sa_fenced: .* reason=migrated"
	trace_off xfrm
}

# --- a watch for cleartext ----------------------------------------------------------

declare -r CLEAR='
import socket, struct, sys
src, dst = sys.argv[1:3]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
policy = bytearray(struct.pack("=56x 64x 32x II BBBB 4x", 0, 0, 1, 0, 0, 0))
struct.pack_into("=H", policy, 40, socket.AF_INET)
if sys.argv[3] == "clear":
    s.setsockopt(socket.IPPROTO_IP, 17, bytes(policy))
s.bind((src, 0))
for n in range(5):
    s.sendto(b"in clear", (dst, 9))
'

send_as() # esp|clear
{
	on left python3 -c "$CLEAR" "$ADDR_left" "$ADDR_right" "$1"
}

# Two flows of packet offload under way lose their NIC.
unplugged() # N
{
	PACE='-i 0.01' ping_flow "$1"
	PACE='-i 0.01' ping_flow $(($1 + 1))
	wait_traffic 50
	take_away delete || return
	wait_elsewhere 50
	stop "ping-$1" INT
	stop "ping-$(($1 + 1))" INT
}

watched()
{
	local watch=$HERE/../../../../net/xfrm_watch/xfrm_watch.py n

	[[ -r $watch ]] ||
		{ skip "a watch for cleartext" "needs tools/net/xfrm_watch"; return; }
	flow_of transport v4 packet && n=$N && flow_of tunnel v6 packet &&
		flow_of transport v4 none || return
	start watch left '^watching' python3 -u "$watch" || return
	# The second time by a socket with a policy of its own that lets all out.
	send_as esp && send_as clear && unplugged "$n" || return
	# A policy that a user deletes protects nothing any more.
	flow "$N"
	policy left delete "$N" out && send_as esp || return
	stop watch INT
	sed 's/^/# /' "$OUT/watch.log"
	check "the watch finds what leaves in clear" says watch \
		"^5 packets in clear by nic0: $ADDR_left > $ADDR_right"
	check "and nothing else, when the NIC goes, or a policy is deleted" \
		says watch '^5 packets in clear$'
}

tap_header
begin
trace_begin || skip_all "needs tracefs (CONFIG_EVENT_TRACING)"
trace_on skb/kfree_skb || skip_all "needs skb:kfree_skb"
hosts_up || skip_all "the hosts are not up"
for part in "flow_of transport v4 none" inbound outbound \
	"flow_of transport v4 packet" by_another_device changed no_memory queued \
	device_down broken_sa migrated watched; do
	# shellcheck disable=SC2086 # words, on purpose
	$part || not_ok "$part: set-up"
done
hosts_down
finish
