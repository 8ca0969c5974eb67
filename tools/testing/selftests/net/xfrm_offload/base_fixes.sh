#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Fixes of the base, seen from outside. Invariant 1, inbound: a datagram of
# fragments is accepted only if the same SA decrypted each of them. Invariants 1
# and 2, outbound: software does not encrypt under the SA of a device. Invariant
# 4: no reference to a device is left behind.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/trace.sh"

declare -r PORT=4000
ID=100

# A datagram in three fragments. Those named p0, p1, p2 leave as the policy
# wants it, c0, c1, c2 past IPsec: by a policy of the socket that lets
# everything out.
declare -r SEND='
import socket, struct, sys
src, dst, port, ident, tag = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5]), sys.argv[5]
v6 = ":" in src
family = socket.AF_INET6 if v6 else socket.AF_INET
addrs = socket.inet_pton(family, src) + socket.inet_pton(family, dst)
LEN, OUT, ALLOW = 64, 1, 0

def sock(clear):
    s = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    if clear:
        policy = bytearray(struct.pack("=56x 64x 32x II BBBB 4x", 0, 0, OUT, ALLOW, 0, 0))
        struct.pack_into("=H", policy, 40, family)
        level, option = (socket.IPPROTO_IPV6, 35) if v6 else (socket.IPPROTO_IP, 17)
        s.setsockopt(level, option, bytes(policy))
    s.bind((src, 0))
    return s

def udp():
    data = tag.encode().ljust(3 * LEN - 8)
    head = struct.pack("!HHHH", 9999, port, 3 * LEN, 0)
    if not v6:
        return head + data
    words = addrs + struct.pack("!IxxxB", 3 * LEN, 17) + head + data
    total = sum(struct.unpack("!%dH" % (len(words) // 2), words))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return head[:6] + struct.pack("!H", ~total & 0xffff or 0xffff) + data

whole, socks = udp(), [sock(False), sock(True)]
for frag in sys.argv[6:]:
    n = int(frag[1])
    part = whole[n * LEN:(n + 1) * LEN]
    if v6:
        head = struct.pack("!IHBB", 6 << 28, 8 + LEN, 44, 64) + addrs
        head += struct.pack("!BxHI", 17, n * LEN | (n < 2), ident)
    else:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + LEN, ident,
                           n * LEN // 8 | (n < 2) << 13, 64, 17, 0) + addrs
    socks[frag[0] == "c"].sendto(head + part, (dst, 0))
'

fragments() # SOURCE TARGET TAG ID FRAGMENT...
{
	on right python3 -c "$SEND" "$1" "$2" "$PORT" "$4" "$3" "${@:5}"
}

got() { says receiver " got $1\$"; } # TAG

# What was sent before has been through: a datagram after it has come.
settled()
{
	local tag=after-$((++ID))

	fragments "$ADDR_right" "$ADDR_left" "$tag" "$ID" p0 p1 p2 &&
		wait_for 5 got "$tag"
}

accepted() # WORDS: the fragments, in order
{
	local tag=whole-$((++ID))

	# shellcheck disable=SC2086 # words, on purpose
	fragments "$ADDR_right" "$ADDR_left" "$tag" "$ID" $1
	check "1: ${FLOWS[N]}: fragments $1 are a datagram" wait_for 5 got "$tag"
}

not_accepted() # WORDS
{
	local tag=mixed-$((++ID))

	# shellcheck disable=SC2086 # words, on purpose
	fragments "$ADDR_right" "$ADDR_left" "$tag" "$ID" $1
	settled || { not_ok "1: ${FLOWS[N]}: fragments after $1 arrive"; return; }
	check "1: ${FLOWS[N]}: fragments $1 are refused" refused got "$tag"
}

# Both SAs are good, but no datagram is sent under two.
rekeyed_between()
{
	local tag=rekeyed-$((++ID)) id=$ID

	[[ ! -d $TRACE ]] || trace_clear
	sa left add "$N" in 1 &&
		fragments "$ADDR_right" "$ADDR_left" "$tag" "$id" p0 &&
		sa right delete "$N" out && sa right add "$N" out 1 &&
		fragments "$ADDR_right" "$ADDR_left" "$tag" "$id" p1 p2 &&
		settled || { not_ok "1: ${FLOWS[N]}: rekey"; return; }
	check "1: ${FLOWS[N]}: fragments of two SAs are refused" refused got "$tag"
	if [[ -d $TRACE ]]; then
		check "1: ${FLOWS[N]}: fragments of two SAs: XFRM_FRAGS" \
			traced "^kfree_skb: .* reason: XFRM_FRAGS\$"
	else
		skip "1: ${FLOWS[N]}: fragments of two SAs: XFRM_FRAGS" \
			"needs tracefs (CONFIG_EVENT_TRACING)"
	fi
}

declare -r SEND_ONE='
import socket, sys
src, dst, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ":" in src else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((src, 0))
s.sendto(bytes(size), (dst, 9))
'

# The device makes no fragments. For a tunnel of IPv6 the stack makes them.
too_large() # N
{
	flow "$1"
	check "13: ${FLOWS[$1]}: a datagram that fits is sent" \
		on left python3 -c "$SEND_ONE" "$ADDR_left" "$ADDR_right" 1300
	refused on left python3 -c "$SEND_ONE" "$ADDR_left" "$ADDR_right" 4000
	check "14: ${FLOWS[$1]}: too large a datagram is called that" \
		grep -q 'Message too long' "$OUT/refused.log"
}

bundle_errors() { xfrm_stat left XfrmOutBundleGenError; }

# A sub policy with an SA of software, over a policy that is on the NIC.
sub_policy() # WHAT
{
	local before pol=(src "$ADDR_left/$PREFIX" dst "$ADDR_right/$PREFIX")
	local sa=(src "$ADDR_left" dst "$ADDR_right" proto esp spi 0x7777)

	left ip xfrm state add "${sa[@]}" reqid 7777 mode transport \
		aead 'rfc4106(gcm(aes))' \
		0x000102030405060708090a0b0c0d0e0f10111213 128 &&
		left ip xfrm policy add "${pol[@]}" dir out ptype sub \
			tmpl src "$ADDR_left" dst "$ADDR_right" proto esp \
			reqid 7777 mode transport ||
		{ not_ok "set-up of a sub policy"; return; }
	before=$(bundle_errors)
	check "2: ${FLOWS[N]}, $1: nothing leaves" refused on left \
		ping -n -q -c 3 -i 0.02 -W 0.1 -I "$ADDR_left" "$ADDR_right"
	check "2: ${FLOWS[N]}, $1: no bundle of both SAs" \
		at_least $((before + 3)) bundle_errors
	left ip xfrm policy delete "${pol[@]}" dir out ptype sub
	left ip xfrm state delete "${sa[@]}"
	check "2: ${FLOWS[N]}, $1: without it the flow works" pings "$N"
}

# A request that asks the key managers with a policy that is made for it, here
# one on the NIC.
declare -r ACQUIRE='
import socket, struct, sys
src, dst, ifindex = sys.argv[1], sys.argv[2], int(sys.argv[3])
ACQUIRE, TMPL, OFFLOAD_DEV, ESP, OUT, PACKET = 0x17, 5, 28, 50, 1, 4
src, dst = socket.inet_aton(src).ljust(16, b"\0"), socket.inet_aton(dst).ljust(16, b"\0")
ident = dst + struct.pack("=IB3x", 0, ESP)
sel = dst + src + struct.pack("=HHHHHBBBxxxiI", 0, 0, 0, 0, socket.AF_INET, 32, 32, 0, 0, 0)
policy = sel + struct.pack("=4Q32x", *[2**64 - 1] * 4) + bytes(32)
policy += struct.pack("=IIBBBB4x", 100, 0, OUT, 0, 0, 0)
tmpl = ident + struct.pack("=Hxx", socket.AF_INET) + src
tmpl += struct.pack("=IBBBx3I", 1, 0, 0, 0, *[2**32 - 1] * 3)
body = ident + src + sel + policy + struct.pack("=4I", *[2**32 - 1] * 3, 1)
for kind, data in (TMPL, tmpl), (OFFLOAD_DEV, struct.pack("=iB3x", ifindex, PACKET)):
    body += struct.pack("=HH", 4 + len(data), kind) + data
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_XFRM)
s.bind((0, 0))
s.send(struct.pack("=IHHII", 16 + len(body), ACQUIRE, 5, 1, 0) + body)
sys.exit(-struct.unpack_from("=i", s.recv(4096), 16)[0])
'

gone() { ! nic_exists left; }

# Else the NIC waits for the policy for ever.
acquire_gives_back()
{
	ifindex left nic0
	check "4: an ACQUIRE request with a policy on the NIC is answered" \
		on left python3 -c "$ACQUIRE" 10.1.0.9 10.2.0.9 "$IFINDEX"
	nic_del left &
	check "4: and the NIC can go after it" wait_for 10 gone
}

# --- the next hop of a tunnel ------------------------------------------------

# A third host on the cable, a router between the tunnel's ends; and one behind
# left. FAMILY is that of the tunnel.
router_up()
{
	ip netns add elsewhere && ip netns add behind &&
		ip -n cable link add cableE type veth peer name port netns elsewhere &&
		ip -n cable link set cableE addrgenmode none master br0 up &&
		ip -n left link add host0 type veth peer name left0 netns behind ||
		return
	on elsewhere sh -c 'cd /proc/sys/net
		echo 0 >ipv6/conf/all/accept_dad; echo 0 >ipv6/conf/port/accept_dad
		echo 0 >ipv4/conf/all/send_redirects; echo 0 >ipv4/conf/port/send_redirects
		echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding'
	ip -n elsewhere -batch - <<-EOF
		link set port address 02:00:00:00:00:fe up
		addr add 192.168.1.254/24 dev port
		addr add fd00:168:1::fe/64 dev port nodad
		route add 10.9.0.1/32 via 192.168.1.1
		route add 10.9.0.2/32 via 192.168.1.2
		route add fd00:9::1/128 via fd00:168:1::1
		route add fd00:9::2/128 via fd00:168:1::2
	EOF
	on left sh -c 'cd /proc/sys/net
		echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding'
	ip -n left -batch - <<-EOF
		link set host0 up
		addr add 192.168.7.1/24 dev host0
		addr add fd00:168:7::1/64 dev host0 nodad
		route replace 10.9.0.2/32 via 192.168.1.254 dev nic0 metric 10
		route replace fd00:9::2/128 via fd00:168:1::fe dev nic0 metric 10
	EOF
	ip -n behind -batch - <<-EOF
		link set lo up
		link set left0 mtu 1400 up
		addr add 192.168.7.2/24 dev left0
		addr add fd00:168:7::2/64 dev left0 nodad
		route add default via 192.168.7.1
		route add default via fd00:168:7::1
	EOF
}

# The addresses of flow N on left become those of the host behind it.
move_behind() # N
{
	local via=192.168.7.2

	flow "$1"
	[[ $FAMILY == v4 ]] || via=fd00:168:7::2
	ip -n left addr del "$ADDR_left/$PREFIX" dev lo
	ip -n left route add "$ADDR_left/$PREFIX" via "$via"
	ip -n behind addr add "$ADDR_left/$PREFIX" dev lo
	policy left add "$1" fwd none
}

# Of flows from ON_LINK on, the tunnel's ends are the addresses on the link: no
# route has a gateway.
eval "$(declare -f flow | sed '1s/flow/flow_of_lo/')"
# shellcheck disable=SC2034 # what lib.sh reads
flow() # N
{
	flow_of_lo "$1"
	(($1 >= ${ON_LINK:-1000})) || return 0
	if [[ $FAMILY == v4 ]]; then
		END_left=192.168.1.1 END_right=192.168.1.2
	else
		END_left=fd00:168:1::1 END_right=fd00:168:1::2
	fi
}

from_behind() # N
{
	flow "$1"
	on behind ping -n -q -c 4 -i 0.02 -W 1 -I "$ADDR_left" "$ADDR_right" \
		>"$OUT/ping.log" 2>&1
}

routed()
{
	on elsewhere awk '/^Ip: [0-9]/ { n += $7 } $1 == "Ip6OutForwDatagrams" { n += $2 }
		END { print n + 0 }' /proc/net/snmp /proc/net/snmp6
}

next_hops()
{
	local n before

	hosts_up && router_up && flow_add tunnel v4 packet:none &&
		flow_add tunnel v6 packet:none &&
		flow_add tunnel v4 packet:none && flow_add tunnel v6 packet:none &&
		ON_LINK=${#FLOWS[@]} && flow_add tunnel v4 packet:none &&
		flow_add tunnel v6 packet:none && capture_cable hops ||
		{ not_ok "13: next hops: set-up"; hosts_down; return; }
	move_behind $((FIRST_FLOW + 2))
	move_behind $((FIRST_FLOW + 3))
	for n in 0 1; do
		before=$(routed)
		check "13: ${FLOWS[FIRST_FLOW + n]}, router: local packets" \
			pings $((FIRST_FLOW + n))
		check "13: ${FLOWS[FIRST_FLOW + n]}, router: forwarded packets" \
			from_behind $((FIRST_FLOW + n + 2))
		more_than "13: ${FLOWS[FIRST_FLOW + n]}: they went by the router" \
			$(($(routed) - before)) 7
	done
	for n in "$ON_LINK" $((ON_LINK + 1)); do
		check "13: ${FLOWS[n]}, on the link: local packets" pings "$n"
		move_behind "$n"
		ip -n left neigh flush dev nic0
		check "13: ${FLOWS[n]}, on the link: forwarded packets, asked for first" \
			from_behind "$n"
	done
	check "13: next hops: the capture is whole" capture_end hops
	read -ra n < <(frames hops "$CLEARTEXT" "arp.dst.proto_ipv4 == 10.2.0.0/16 ||
		icmpv6.nd.ns.target_address == fd00:2::/32" "$ESP")
	is "1: next hops: nothing in clear" "${n[0]}" 0
	is "13: next hops: nobody asks for an inner address" "${n[1]}" 0
	more_than "there was traffic to judge" "${n[2]}" 60
	hosts_down
	ip netns del behind
	ip -n cable link del cableE 2>/dev/null
}

tap_header
begin
need python3
trace_begin && trace_on skb/kfree_skb
hosts_up && flow_add tunnel v4 none:none && flow_add tunnel v6 none:none &&
	flow_add tunnel v4 crypto:none && flow_add tunnel v6 crypto:none &&
	flow_add tunnel v4 packet:none && flow_add tunnel v6 packet:none &&
	flow_add transport v4 packet:none && flow_add transport v6 packet:none ||
	{ not_ok "set-up"; finish; }
receiver "$PORT"

# The tool does what it is for: without a policy it arrives.
fragments 10.9.0.2 10.9.0.1 clear-4 1 c0 c1 c2
check "what no policy protects arrives, v4" wait_for 5 got clear-4
fragments fd00:9::2 fd00:9::1 clear-6 1 c0 c1 c2
check "what no policy protects arrives, v6" wait_for 5 got clear-6

for N in 1 2 3 4 5 6; do
	flow "$N"
	accepted "p0 p1 p2"
	accepted "p2 p0 p1"
	not_accepted "p0 p1 c2"
	not_accepted "p0 c1 p2"
	not_accepted "p0 c2 c1"
	not_accepted "c0 p1 p2"
	not_accepted "c1 c2 p0"
	not_accepted "c0 c1 c2"
	rekeyed_between
done
for N in 7 8; do
	flow "$N"
	sub_policy "a sub policy in software"
done
for N in 5 7 8; do
	too_large "$N"
done
acquire_gives_back
hosts_down
next_hops
finish
