#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Why a packet was dropped, as dropwatch, perf and tracefs show it: the reason of
# skb:kfree_skb. KUnit (xfrm_drop) has the places that traffic reaches only by
# chance, base_fixes those of fragments.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/trace.sh"

# COMMAND makes left drop packets; the first of them is to have REASON.
drops() # REASON WHAT COMMAND...
{
	trace_clear
	step "${*:3}"
	"${@:3}"
	check "$2: $1" wait_for 5 traced "^kfree_skb: .* reason: $1\$" && return
	trace_lines | tail -n 5 | sed 's/^/# /'
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


tap_header
begin
trace_begin || skip_all "needs tracefs (CONFIG_EVENT_TRACING)"
trace_on skb/kfree_skb || skip_all "needs skb:kfree_skb"
hosts_up || skip_all "the hosts are not up"
for part in "flow_of transport v4 none" inbound outbound \
	"flow_of transport v4 packet" by_another_device changed no_memory queued; do
	# shellcheck disable=SC2086 # words, on purpose
	$part || not_ok "$part: set-up"
done
hosts_down
finish
