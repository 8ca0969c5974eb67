#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 1, outbound: what reaches the hardware is what its policy was found
# for. Between the lookup and the hardware netfilter, tc, VLANs and routes change a
# packet or its way; the hardware looks it up again, as it is then. KUnit tries each
# field (changed_packet_is_dropped); here is one of each place. Each datagram says in its
# text which case it belongs to, so the witness finds it whatever its headers became.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/inflight.sh"

declare -r COUNT=3 PORT=9

# Sends the datagrams of a line, answers "ok" or the name of the error.
declare -r SEND='
import errno, socket, struct, sys
def head(family, src, dst, port, text):
    addrs = socket.inet_pton(family, src) + socket.inet_pton(family, dst)
    udp = struct.pack("!HHHH", 9999, port, 8 + len(text), 0)
    if family == socket.AF_INET6:
        return struct.pack("!IHBB", 6 << 28, 8 + len(text), 17, 64) + addrs + udp
    return struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(text), 0, 0, 64, 17, 0) + addrs + udp
def send(src, dst, port, text, way, count):
    family = socket.AF_INET6 if ":" in src else socket.AF_INET
    other = "fd00:168:1::2" if ":" in src else "192.168.1.2"
    text = text.encode()
    got = "ok"
    if way == "hdrincl":
        s = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        text = head(family, src, other, int(port), text) + text
    else:
        s = socket.socket(family, socket.SOCK_DGRAM)
        if way == "rthdr":
            s.setsockopt(41, 57, struct.pack("!BBBBBBH16x", 0, 4, 4, 1, 1, 0, 0) +
                         socket.inet_pton(family, other))
    with s:
        s.bind((src, 0))
        for n in range(int(count)):
            try:
                s.sendto(text, (dst, int(port)))
            except OSError as e:
                got = "EOPNOTSUPP" if e.errno == 95 else errno.errorcode[e.errno]
    return got
for line in sys.stdin:
    try:
        print(send(*line.split()), flush=True)
    except Exception as e:
        print(repr(e), flush=True)
'

sender_up()
{
	coproc SENDER {
		exec nsenter --net=/run/netns/left python3 -c "$SEND" \
			2>>"$OUT/sender.log"
	}
	PID["sender"]=$SENDER_PID
}

stopped() { xfrm_stat left "$STAT"; }
STAT=XfrmOutOffloadInvalid

# Sends for the flow that is set (flow()); sets GOT.
CASES=()
send() # CASE [WAY [COUNT]]
{
	CASES+=("$1")
	echo "$ADDR_left $ADDR_right $PORT case=$1; ${2:-plain} ${3:-$COUNT}" \
		>&"${SENDER[1]}"
	read -rt 60 -u "${SENDER[0]}" GOT
}

# What is not protected any more dies, is counted, and ERROR is what send() says.
dies() # ERROR CASE [WAY]
{
	local before

	before=$(stopped)
	send "${@:2}"
	is "1: $2: the sender is told" "$GOT" "$1"
	check "1: $2: it is counted" wait_for 2 at_least $((before + COUNT)) stopped
}

# And by the SA of the flow, as the witness says later.
PASSES=() BY=()
passes() # CASE [WAY]
{
	find_sa left "$N"
	PASSES+=("$1") BY+=("$SPI")
	send "$@"
	is "1: $1: is sent" "$GOT" ok
}

# Words of ping for a packet that says its case.
says_case() # CASE
{
	printf 'case=%s;' "$1" | od -An -v -tx1 | tr -d ' \n'
}

# With a rule of nft where packets pass HOOK.
with_rule() # HOOK RULE COMMAND...
{
	left nft "add table inet t
		add chain inet t c { type filter hook $1 priority 0 ; }
		add rule inet t c $2" ||
		{ not_ok "nft: $2"; return; }
	"${@:3}"
	on left nft delete table inet t
}

with_tc() # "ACTION WORDS" COMMAND...
{
	# shellcheck disable=SC2086 # words, on purpose
	left tc filter add dev nic0 egress protocol ip flower action $1 ||
		{ not_ok "tc: $1"; return; }
	"${@:2}"
	on left tc filter del dev nic0 egress
}

# The route to the peer of the flow is ROUTE.
by() # "ROUTE WORDS" COMMAND...
{
	# shellcheck disable=SC2086 # words, on purpose
	left ip route add "$ADDR_right/32" metric 1 $1 src "$ADDR_left" ||
		{ not_ok "ip route: $1"; return; }
	"${@:2}"
	on left ip route del "$ADDR_right/32" metric 1
}

over() # DEVICE COMMAND...
{
	on left ip neigh replace 192.168.1.2 lladdr "$(nic_address right)" dev "$1"
	by "via 192.168.1.2 dev $1 onlink" "${@:2}"
}

netfilter()
{
	with_rule output "ip daddr $ADDR_right ip saddr set 192.168.1.1" \
		dies EPERM nft-output
	with_rule postrouting "ip daddr $ADDR_right ip daddr set 192.168.1.2" \
		dies EPERM nft-postrouting
	with_rule output "udp dport $PORT udp dport set 99" passes nft-port
}

tc_egress()
{
	left tc qdisc add dev nic0 clsact
	with_tc "pedit ex munge ip dst set 192.168.1.2" dies EPERM tc-pedit-dst
	with_tc "pedit ex munge ip tos set 8" passes tc-pedit-tos
	with_tc "nat egress $ADDR_left 192.168.1.1" dies EPERM tc-nat
	with_tc "vlan push protocol 802.1Q id 7" passes tc-vlan
	with_tc "vlan push protocol 802.1ad id 7" dies EPERM tc-802.1ad
	with_tc "vlan push id 7 pipe action vlan push id 8" dies EPERM tc-two-tags
	with_tc "mpls push label 77" dies EPERM tc-mpls
	on left tc qdisc del dev nic0 clsact
}

netdev_egress()
{
	left nft "add table netdev t
		add chain netdev t c { type filter hook egress device nic0 priority 0 ; }
		add rule netdev t c ip daddr $ADDR_right ip daddr set 192.168.1.2" \
		2>"$OUT/nft.log" ||
		{ skip "1: nft-netdev-egress" CONFIG_NETFILTER_EGRESS; return; }
	dies EPERM nft-netdev-egress
	on left nft delete table netdev t
}

# The actions of a filter of a qdisc run when the packet has been taken: the sender
# cannot be told any more.
qdiscs()
{
	left tc qdisc replace dev nic0 root handle 1: prio &&
		left tc filter add dev nic0 parent 1: protocol ip flower action \
			pedit ex munge ip dst set 192.168.1.2
	dies ok qdisc-pedit
	left tc qdisc replace dev nic0 root netem corrupt 100%
	send qdisc-corrupt plain 200
	on left tc qdisc del dev nic0 root
}

vlan() # NAME LOWER WORDS...
{
	on left ip link add link "$2" name "$1" type vlan "${@:3}" &&
		on left ip link set "$1" up
}

routes()
{
	vlan nic0.5 nic0 id 5
	vlan nic0.5.6 nic0.5 id 6
	vlan ad0 nic0 protocol 802.1ad id 8
	on left ip link add link nic0 name mv0 type macvlan mode bridge
	on left ip link set mv0 up
	over nic0.5 passes vlan-one
	over nic0.5.6 dies EOPNOTSUPP vlan-two
	over ad0 dies EOPNOTSUPP vlan-802.1ad
	over mv0 dies EHOSTUNREACH macvlan
	if on left test -e /proc/sys/net/mpls; then
		STAT=XfrmOutBundleGenError \
			by "encap mpls 77 via 192.168.1.2 dev nic0" \
			dies EOPNOTSUPP encap
	else
		skip "1: encap" CONFIG_MPLS_IPTUNNEL
	fi
}

transport()
{
	passes nothing
	# First: what changes packets later has the stack compare them for good.
	qdiscs
	netfilter
	tc_egress
	netdev_egress
	routes
	dies EPERM hdrincl "hdrincl"
	snat
	snat_forwarded
}

tunnel_over() # DEVICE ERROR CASE
{
	left ip route add "$END_right/32" metric 1 via 192.168.1.2 dev "$1" onlink
	dies "${@:2}"
	on left ip route del "$END_right/32" metric 1
}

# The way of tunnel mode leads past the output of the address family.
tunnel()
{
	passes tunnel
	with_rule postrouting "ip daddr $ADDR_right ip daddr set 192.168.1.2" \
		dies EPERM tunnel-nft
	left tc qdisc add dev nic0 clsact
	with_tc "pedit ex munge ip dst set 192.168.1.2" dies EPERM tunnel-tc
	on left tc qdisc del dev nic0 clsact
	over mv0 passes tunnel-inner-route
	tunnel_over mv0 EHOSTUNREACH tunnel-macvlan
	tunnel_over nic0.5.6 EOPNOTSUPP tunnel-vlan-two
}

# It is encrypted before anything there: ESP to another address is ESP.
crypto()
{
	with_rule postrouting "ip daddr $ADDR_right ip daddr set 192.168.1.2" \
		send crypto-nft
	is "1: crypto-nft: is sent" "$GOT" ok
}

# A policy that is found by ports: the hardware does not find it for fragments.
by_ports()
{
	passes by-ports
	with_rule output "udp dport $PORT udp dport set 99" \
		dies EPERM by-ports-nft
}

# A tunnel puts UDP around its packet after the policy of IPIP was found for it.
by_protocol()
{
	local ADDR_right=$ADDR_right

	left ip link add fou0 type ipip local "$ADDR_left" remote "$ADDR_right" \
		encap fou encap-sport auto encap-dport 5555 ||
		{ skip "1: fou" CONFIG_NET_FOU_IP_TUNNELS; return; }
	on left ip link set fou0 up && on left ip route add 10.4.0.1/32 dev fou0
	ADDR_right=10.4.0.1
	dies ok fou
	on left ip link del fou0
}

v6()
{
	passes v6
	dies EPERM rthdr "rthdr"
	dies EPERM v6-hdrincl hdrincl
}

# A source that no policy has becomes one: the answers find their way back.
CASES+=(snat snat-fwd)
snat()
{
	left nft "add table ip n
		add chain ip n p { type nat hook postrouting priority srcnat ; }
		add rule ip n p ip daddr $ADDR_right ip saddr { 10.3.0.1, 10.3.0.2 } \
		snat to $ADDR_left"
	on left ip addr add 10.3.0.1/32 dev lo
	check "1: snat, local: answers come" on left ping -n -q -c 3 -i 0.02 -W 1 \
		-p "$(says_case snat)" -I 10.3.0.1 "$ADDR_right"
}

snat_forwarded()
{
	on behind ip addr add 10.3.0.2/32 dev lo &&
		on left ip route add 10.3.0.2/32 via 192.168.7.2
	check "1: snat, forwarded: answers come" on behind ping -n -q -c 3 -i 0.02 -W 1 \
		-p "$(says_case snat-fwd)" -I 10.3.0.2 "$ADDR_right"
	on left nft delete table ip n
}

judge()
{
	local filters=('frame contains "case="') counts=() passed i

	check "the capture is whole" capture_end nic
	for i in "${!PASSES[@]}"; do
		passed="esp.decrypted_data contains \"case=${PASSES[i]};\""
		filters+=("$VERIFIED && esp.spi == ${BY[i]} && $passed")
	done
	read -ra counts < <(frames nic "${filters[@]}")
	is "1: of ${#CASES[@]} cases nothing leaves in clear" "${counts[0]}" 0
	[[ ${counts[0]} == 0 ]] ||
		grep -aoE 'case=[^;]*;' "$CAPTURES/nic.pcap" | sort | uniq -c |
			sed 's/^/# in clear: /'
	for i in "${!PASSES[@]}"; do
		is "1: ${PASSES[i]}: leaves as ESP" "${counts[i + 1]}" "$COUNT"
	done
}

tap_header
begin
need python3 nft tc
hosts_up && flow_add transport v4 packet && flow_add tunnel v4 packet &&
	flow_add transport v4 crypto &&
	UPSPEC="proto udp dport $PORT" flow_add transport v4 packet &&
	UPSPEC='proto 4' flow_add transport v4 packet &&
	flow_add transport v6 packet && behind_up && sender_up &&
	start sink right ready python3 "$LIB/sockets.py" sink &&
	capture_cable nic || { not_ok "set-up"; finish; }

N=0
for part in transport tunnel crypto by_ports by_protocol v6; do
	flow $((++N))
	"$part"
done
judge
hosts_down
ip netns del behind
finish
