#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 1, inbound: what the policy wants protected is not accepted in
# clear: not before the NIC goes, not while it goes, not afterwards. And ESP
# for an SA that is INVALID is dropped and counted.

. "$(dirname "$0")/lib.sh"

declare -r PORT=4000

# Prints the sender of every datagram that reaches a socket of left.
server()
{
	start server left listening python3 -u -c '
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", int(sys.argv[1])))
print("listening")
while True:
    print("from", s.recvfrom(2048)[1][0].removeprefix("::ffff:"))' "$PORT"
}

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

arrived() # ADDRESS
{
	grep -c "^from $1\$" "$OUT/server.log"
}

# Refused by the stack of left, or by its NIC.
refused_in()
{
	local by_nic=0

	! nic_exists left || by_nic=$(nic_counter left rx_policy_dropped)
	echo $((by_nic + $(xfrm_stat left 'XfrmIn(TmplMismatch|NoPols|PolBlock)')))
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
need python3
hosts_up && flow_add transport v4 packet:none &&
	flow_add tunnel v6 packet:none &&
	flow_add tunnel v4 crypto:none && flow_add transport v6 crypto:none ||
	{ not_ok "set-up"; finish; }
server
pings 1 && pings 2 && pings 3 && pings 4 && ok "flows work" ||
	not_ok "flows work"

# The tools do what they are for: without a policy it arrives.
on right python3 -u -c "$SPEAK" 10.9.0.2 10.9.0.1 $PORT 5 >/dev/null
check "what no policy protects arrives" wait_for 5 at_least 5 arrived 10.9.0.2

try_all "before"
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
