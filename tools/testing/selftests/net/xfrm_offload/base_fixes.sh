#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Fixes of the base, seen from outside. Invariant 1, inbound: a datagram of
# fragments is accepted only if the same SA decrypted each of them. Invariants 1
# and 2, outbound: software does not encrypt under the SA of a device. Invariant
# 4: no reference to a device is left behind.

. "$(dirname "$0")/lib.sh"

declare -r PORT=4000
ID=100

# Prints what each datagram that reaches a socket of left begins with.
server()
{
	start server left listening python3 -u -c '
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", int(sys.argv[1])))
print("listening")
while True:
    print("got", s.recv(2048).split()[0].decode())' "$PORT"
}

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
        s.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP, 35 if v6 else 17, bytes(policy))
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

got() { says server "^got $1\$"; } # TAG

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

	sa left add "$N" in 1 &&
		fragments "$ADDR_right" "$ADDR_left" "$tag" "$id" p0 &&
		sa right delete "$N" out && sa right add "$N" out 1 &&
		fragments "$ADDR_right" "$ADDR_left" "$tag" "$id" p1 p2 &&
		settled || { not_ok "1: ${FLOWS[N]}: rekey"; return; }
	check "1: ${FLOWS[N]}: fragments of two SAs are refused" refused got "$tag"
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

tap_header
begin
need python3
hosts_up && flow_add tunnel v4 none:none && flow_add tunnel v6 none:none &&
	flow_add tunnel v4 crypto:none && flow_add tunnel v6 crypto:none &&
	flow_add tunnel v4 packet:none && flow_add tunnel v6 packet:none &&
	flow_add transport v4 packet:none && flow_add transport v6 packet:none ||
	{ not_ok "set-up"; finish; }
server

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
acquire_gives_back
hosts_down
finish
