#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 1: packets are outside of the stack's own path when left loses the
# NIC. A program that netfilter asks has them, before or after the policy was
# asked; tc sent them to another device, where they wait; a flow table would keep
# the way by which they leave, past the hooks of forwarding, and is not given what
# policies protect in both directions.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/inflight.sh"

declare -r SLOW='rate 2kbit burst 1700 limit 1000000'
declare -r FAST='rate 1gbit burst 100000 limit 1000000'
declare -r QUEUE=1

places()
{
	local n=$FIRST_FLOW

	flow_in "nfqueue, output: packet offload" transport v4 packet &&
		flow_in "nfqueue, output: crypto offload" tunnel v6 crypto &&
		flow_in "nfqueue, postrouting: packet offload" \
			transport v4 packet &&
		flow_in "nfqueue, postrouting: ping6, packet offload" \
			tunnel v6 packet &&
		flow_in "nfqueue, postrouting: crypto offload" \
			transport v4 crypto &&
		LEVEL=use flow_in "nfqueue, output: optional template" \
			transport v4 packet &&
		flow_in "mirred: packet offload" transport v4 packet &&
		flow_in "mirred: crypto offload" transport v4 crypto &&
		flow_in "flow table: packet offload" tunnel v4 packet &&
		flow_in "flow table: crypto offload" tunnel v4 crypto || return
	OUTPUT=("$n" $((n + 1)) $((n + 5)))
	POSTROUTING=($((n + 2)) $((n + 3)) $((n + 4)))
	MIRRED=($((n + 6)) $((n + 7)))
	STREAMS=($((n + 8)) $((n + 9)))
	# What the NIC should encrypt cannot leave by another one.
	REFUSED[${MIRRED[0]}]=1
	SENT[${STREAMS[0]}]=1 SENT[${STREAMS[1]}]=1
	behind_up "${STREAMS[@]}" &&
		policy left add "${STREAMS[0]}" fwd none &&
		policy left add "${STREAMS[1]}" fwd none &&
		start sink right ready python3 "$LIB/sockets.py" sink &&
		start queue left ready python3 "$LIB/nfqueue.py" "$QUEUE" &&
		flow_table tcp
}

# What a hook hands over: new packets, not what they become. They are not tracked:
# of those that ask for the same new connection tracking keeps the first.
queue_rules() # FLOW...
{
	local n

	for n; do
		flow "$n"
		case $FAMILY in
		v4) echo "ip daddr $ADDR_right meta l4proto icmp queue num $QUEUE" ;;
		v6) echo "ip6 daddr $ADDR_right meta l4proto icmpv6 queue num $QUEUE" ;;
		esac
	done
}

queues()
{
	step "left\$ nft: pings to the program that is asked"
	on left nft -f - <<-EOF
		table inet asked {
			chain untracked {
				type filter hook output priority raw
				meta l4proto { icmp, icmpv6 } notrack
			}
			chain output {
				type filter hook output priority 0
				$(queue_rules "${OUTPUT[@]}")
			}
			chain postrouting {
				type filter hook postrouting priority 0
				$(queue_rules "${POSTROUTING[@]}")
			}
		}
	EOF
}

redirects()
{
	local n

	tc -n left qdisc add dev back0 root tbf $SLOW &&
		tc -n left qdisc add dev nic0 clsact || return
	for n in "${MIRRED[@]}"; do
		flow "$n"
		tc -n left filter add dev nic0 egress protocol ip flower \
			dst_ip "$END_right" action mirred egress redirect \
			dev back0 || return
	done
}

# Connections that the flow table has taken over.
offloaded() { on left grep -c OFFLOAD /proc/net/nf_conntrack; }

asked() { on left awk -v n="$QUEUE" '$1 == n { print $3 }' /proc/net/netfilter/nfnetlink_queue; }

fill()
{
	local n

	queues && redirects || return
	for n in "${STREAMS[@]}"; do
		flow "$n"
		start "stream-$n" behind ready python3 "$LIB/sockets.py" \
			stream "$ADDR_left" "$ADDR_right" || return
	done
	for n in "${OUTPUT[@]}" "${POSTROUTING[@]}"; do
		send_pings "$n"
	done
	# Enough for some to wait behind the first.
	for n in "${MIRRED[@]}"; do
		send_pings "$n" -s 1200
		send_pings "$n" -s 1200
	done
}

sits()
{
	local waiting

	waiting=$(qdisc_number left back0 qlen)
	note "$(asked) packets wait for the program, $waiting at back0;" \
	     "the flow table has $(offloaded) connections"
	WAITING=$((PINGS * (${#OUTPUT[@]} + ${#POSTROUTING[@]})))
	(($(asked) == WAITING && waiting > 2 &&
	  $(offloaded) == 0))
}

release() # CAUSE
{
	kill -USR1 "${PID[queue]}"
	tc -n left qdisc change dev back0 root tbf $FAST
	on left ping -n -q -c 1 -W 0.01 192.168.2.2 >/dev/null 2>&1
	return 0
}

released() { [[ $(asked) == 0 ]] && qdisc_empty left back0; }

inflight_all
