#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 1, inbound: what the policy wants protected is not accepted in
# clear: not before the NIC goes, not while it goes, not afterwards. It is
# accepted under the SA that the policy asks for, and under no other. The NIC lets
# plain packets in, as real ones do, so that IKE passes by a policy of software
# or of its socket. Half of it is done with a NIC that leaves its policies to the
# stack for what it decrypted, too. And ESP for an SA that is INVALID, or that the
# NIC has not decrypted, is dropped and counted.

. "$(dirname "$0")/lib/lib.sh"

declare -r PORT=4000 IKE=500

# Sends datagrams past IPsec, the way an IKE daemon does: a policy of the
# socket that lets everything out. COUNT 0: until stopped.
declare -r SPEAK='
import socket, struct, sys, time
src, dst, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
v6 = ":" in src
family = socket.AF_INET6 if v6 else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((src, 0))
OUT, ALLOW = 1, 0
policy = struct.pack("=56x 64x 32x II BBBB 4x", 0, 0, OUT, ALLOW, 0, 0)
sel = bytearray(policy)
struct.pack_into("=H", sel, 40, family)
s.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP, 35 if v6 else 17, bytes(sel))
print("speaking", flush=True)
sent = 0
while count == 0 or sent < count:
    s.sendto(b"in clear", (dst, port))
    sent += 1
    time.sleep(0.002)
'

speak() # N COUNT
{
	flow "$1"
	on right python3 -u -c "$SPEAK" "$ADDR_right" "$ADDR_left" "$PORT" "$2" \
		>/dev/null
}

speak_on() # N
{
	flow "$1"
	start "speak-$1" right speaking python3 -u -c "$SPEAK" "$ADDR_right" \
		"$ADDR_left" "$PORT" 0
}

arrived() # ADDRESS [RECEIVER]
{
	grep -c "^from $1 got" "$OUT/${2:-receiver}.log"
}

# Refused by the stack of left.
refused_in()
{
	xfrm_stat left 'XfrmIn(TmplMismatch|NoPols|PolBlock)'
}

# As Libreswan has it: a bypass for IKE, in software, and the rest on the NIC.
bypassed() # N
{
	local selector before

	flow "$1"
	selector=(src "$ADDR_right/$PREFIX" dst "$ADDR_left/$PREFIX" \
		proto udp dport "$IKE")
	ctl left policy add "${selector[@]}" dir in priority 10
	before=$(arrived "$ADDR_right" ike)
	on right python3 -u -c "$SPEAK" "$ADDR_right" "$ADDR_left" "$IKE" 5 \
		>/dev/null
	check "${FLOWS[$1]}: five of IKE arrive by a bypass in software" \
		wait_for 5 at_least $((before + 5)) arrived "$ADDR_right" ike
	ctl left policy delete "${selector[@]}" dir in
}

try_all() # WHEN
{
	local n before

	for n in $(flow_numbers); do
		flow "$n"
		before=$(refused_in)
		speak "$n" 5
		check "1: $1, ${FLOWS[n]}: five in clear are refused" \
			wait_for 5 at_least $((before + 5)) refused_in
		is "1: $1, ${FLOWS[n]}: and reach no socket" \
			"$(arrived "$ADDR_right")" 0
	done
}

# Plain datagrams behind two VLAN tags, which the NIC does not look behind.
two_tags()
{
	local host n before

	for host in left right; do
		ip -n "$host" -batch - <<-EOF || return
			link add link nic0 name tag1 type vlan id 100
			link add link tag1 name tag2 type vlan id 200
			link set tag1 up
			link set tag2 up
			addr add 192.168.30.${NUMBER[$host]}/24 dev tag2
			addr add fd00:168:30::${NUMBER[$host]}/64 dev tag2 nodad
		EOF
	done
	for n in $(flow_numbers); do
		flow "$n"
		if [[ $FAMILY == v4 ]]; then
			ip -n right route add "$ADDR_left/32" via 192.168.30.1
		else
			ip -n right route add "$ADDR_left/128" via fd00:168:30::1
		fi
		before=$(refused_in)
		speak "$n" 5
		check "1: two VLAN tags, ${FLOWS[n]}: five in clear are refused" \
			wait_for 5 at_least $((before + 5)) refused_in
		ip -n right route del "$ADDR_left/$PREFIX" dev tag2
	done
	ip -n left link del tag1
	ip -n right link del tag1
}

# Plain datagrams for an address that no policy protects, which left writes anew:
# what the NIC saw is not what the policy is asked for.
rewritten()
{
	local before arrive

	flow 1
	on left nft -f - <<-EOF
		table ip rewrite {
			chain pre {
				type filter hook prerouting priority -300
				ip daddr 10.1.200.1 ip daddr set $ADDR_left
			}
		}
	EOF
	arrive=$(arrived "$ADDR_right") before=$(refused_in)
	on right python3 -u -c "$SPEAK" "$ADDR_right" 10.1.200.1 "$PORT" 5 >/dev/null
	check "1: rewritten by nftables, ${FLOWS[1]}: five in clear are refused" \
		wait_for 5 at_least $((before + 5)) refused_in
	is "1: rewritten by nftables, ${FLOWS[1]}: and reach no socket" \
		"$(arrived "$ADDR_right")" "$arrive"
	on left nft delete table ip rewrite
}

# What left forwards came by an SA: nftables sees that. Without a policy for
# forwarded packets nothing is.
forwarded() # N
{
	local before words

	flow "$1"
	words=(src "$ADDR_right/32" dst 10.1.201.1/32)
	ip -n left link add out0 type dummy
	ip -n left -batch - <<-EOF
		link set out0 up
		addr add 192.168.31.1/24 dev out0
		neigh add 192.168.31.2 lladdr 02:00:00:00:00:31 dev out0
		route add 10.1.201.0/24 via 192.168.31.2
	EOF
	on left sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	on left nft -f - <<-EOF
		table ip seen {
			chain sent_on {
				type filter hook forward priority 0
				oifname "out0" meta secpath exists counter
			}
		}
	EOF
	ctl right policy add "${words[@]}" dir out tmpl src "$END_right" dst "$END_left" \
		proto esp reqid "$1" mode tunnel
	dropped_as "${FLOWS[$1]}, forwarded without a policy" XfrmInNoPols \
		"$ADDR_right" 10.1.201.1
	ctl left policy add "${words[@]}" dir fwd tmpl src "$END_right" dst "$END_left" \
		proto esp reqid "$1" mode tunnel
	before=$(packets left out0 tx)
	peer_pings "$ADDR_right" 10.1.201.1
	check "1: ${FLOWS[$1]}, forwarded: sent on" \
		wait_for 5 at_least $((before + 5)) packets left out0 tx
	check "1: ${FLOWS[$1]}, forwarded: nftables sees that it was protected" \
		at_least 5 seen_protected
	on left nft delete table ip seen
	ctl left policy delete "${words[@]}" dir fwd
	ctl right policy delete "${words[@]}" dir out
	ip -n left link del out0
}

seen_protected()
{
	on left nft list table ip seen | sed -n 's/.* packets \([0-9]*\) .*/\1/p'
}

# A policy of better priority, for more addresses, that blocks.
blocked() # N
{
	local selector

	flow "$1"
	if [[ $FAMILY == v4 ]]; then
		selector=(src 10.2.0.0/24 dst 10.1.0.0/24)
	else
		selector=(src fd00:2::/64 dst fd00:1::/64)
	fi
	ctl left policy add "${selector[@]}" dir in action block priority 10
	dropped_as "${FLOWS[$1]}, blocked" XfrmInPolBlock "$ADDR_right" "$ADDR_left"
	ctl left policy delete "${selector[@]}" dir in
	check "1: ${FLOWS[$1]}: not blocked any more" peer_pings "$ADDR_right" "$ADDR_left"
}

# In a tunnel, with an inner source that no policy of left allows.
foreign_source() # N
{
	local addr

	flow "$1"
	[[ $FAMILY == v4 ]] && addr=10.2.1.$1 || addr=fd00:2:1::$1
	on right ip addr add "$addr/$PREFIX" dev lo
	ctl right policy add src "$addr/$PREFIX" dst "$ADDR_left/$PREFIX" dir out \
		tmpl src "$END_right" dst "$END_left" proto esp reqid "$1" mode tunnel
	dropped_as "${FLOWS[$1]}, an inner source without a policy" XfrmInNoPols \
		"$addr" "$ADDR_left"
	ctl right policy delete src "$addr/$PREFIX" dst "$ADDR_left/$PREFIX" dir out
	on right ip addr del "$addr/$PREFIX" dev lo
}

# The packets of one flow under the SA of another one.
other_sa() # N N
{
	flow "$1"
	REQID=$2 policy right update "$1" out
	dropped_as "${FLOWS[$1]}, under the SA of ${FLOWS[$2]}" XfrmInTmplMismatch \
		"$ADDR_right" "$ADDR_left"
	policy right update "$1" out
	check "1: ${FLOWS[$1]}: under its own SA" peer_pings "$ADDR_right" "$ADDR_left"
}

# ESP of a flow that comes in by a port which does not decrypt.
other_port() # N
{
	flow "$1"
	if [[ $FAMILY == v4 ]]; then
		ip -n right route add "$END_left/32" via 192.168.2.1 metric 5
	else
		ip -n right route add "$END_left/128" via fd00:168:2::1 metric 5
	fi
	dropped_as "${FLOWS[$1]}, by another port" XfrmInNoStates \
		"$ADDR_right" "$ADDR_left"
	ip -n right route del "$END_left/$PREFIX" dev back0 metric 5
	check "1: ${FLOWS[$1]}: by the NIC" peer_pings "$ADDR_right" "$ADDR_left"
}

# ESP under an SA that right still has, in software now, and left has not.
esp_for_invalid() # N
{
	local before

	before=$(xfrm_stat left XfrmInStateInvalid)
	sa right delete "$1" out && sa right add "$1" out 0 none &&
		policy right update "$1" out none
	flow "$1"
	on right ping -n -q -c 5 -i 0.02 -W 0.1 -I "$ADDR_right" "$ADDR_left" \
		>/dev/null
	check "ESP for an INVALID SA is dropped and counted, ${FLOWS[$1]}" \
		wait_for 5 at_least $((before + 5)) \
		xfrm_stat left XfrmInStateInvalid
}

tap_header
begin
need python3 nft
hosts_up && flow_add transport v4 packet:none &&
	flow_add tunnel v6 packet:none &&
	flow_add tunnel v4 crypto:none && flow_add transport v6 crypto:none &&
	flow_add tunnel v4 packet:none ||
	{ not_ok "set-up"; finish; }
receiver "$PORT"
receiver "$IKE" ike
pings 1 && pings 2 && pings 3 && pings 4 && pings 5 && ok "flows work" ||
	not_ok "flows work"

# The tools do what they are for: without a policy it arrives.
on right python3 -u -c "$SPEAK" 10.9.0.2 10.9.0.1 $PORT 5 >/dev/null
check "what no policy protects arrives" wait_for 5 at_least 5 arrived 10.9.0.2

try_all "before"
bypassed 1
bypassed 2
bypassed 3
two_tags
rewritten
blocked 1
foreign_source 3
forwarded 5
nic_fault left any_sa 1
try_all "the NIC asks no policy"
rewritten
blocked 1
blocked 2
foreign_source 2
foreign_source 5
other_sa 3 5
other_sa 5 3
other_port 1
other_port 2
for n in $(flow_numbers); do
	speak_on "$n"
done
wait_for 5 at_least $(($(refused_in) + 40)) refused_in
nic_del left
nic_route_del right
wait_for 10 at_least $(($(refused_in) + 40)) refused_in
for n in $(flow_numbers); do
	stop "speak-$n"
done
try_all "afterwards"
for n in $(flow_numbers); do
	flow "$n"
	is "1: in all the time nothing arrived, ${FLOWS[n]}" \
		"$(arrived "$ADDR_right")" 0
done
for n in $(flow_numbers); do
	esp_for_invalid "$n"
done
hosts_down
finish
