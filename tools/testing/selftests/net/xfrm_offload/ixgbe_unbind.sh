#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's ixgbe on a modelled 82599: it probes, brings its link up, carries
# traffic with and without IPsec, and loses its SAs for every cause that a PCI
# card has. What the card did is seen on its wire by tshark; what the driver
# told it, in its tables.

. "$(dirname "$0")/lib/lib.sh"
. "$(dirname "$0")/lib/stress.sh"
. "$(dirname "$0")/lib/ixgbe.sh"

CAUSES=(remove unbind unload pulled gone down move feature)

flows_up()
{
	flow_add transport v4 crypto:none && flow_add transport v6 crypto:none
}

# --- the driver does what it does on hardware ----------------------------------

# tshark sees the wire: with TSO and checksums, ESP of every size.
tcp_flow() # N
{
	flow "$1"
	start iperf3 right 'Server listening' \
		iperf3 -s -1 --forceflush -B "$ADDR_right" || return
	on left iperf3 -c "$ADDR_right" -B "$ADDR_left" -n "${2:-4M}" \
		>"$OUT/iperf3-client.log" 2>&1
	stop iperf3
}

works()
{
	local n

	hosts_up && flows_up || { not_ok "set-up"; return; }
	is "the driver is ixgbe" \
		"$(left ethtool -i nic0 | sed -n 's/^driver: //p')" ixgbe
	check "the link is up at 10 Gbit/s" says_speed 10000
	check "plain traffic passes" on left ping -q -c 5 -i 0.01 192.168.1.2
	for n in $(flow_numbers); do
		check "${FLOWS[n]}: echoes pass" pings "$n"
		check "${FLOWS[n]}: TCP passes, in segments" tcp_flow "$n"
		udp_flow "$n"
	done
	is "the card has the SAs" "$(entries left tx) $(entries left rx)" "2 2"
	more_than "it encrypted" "$(nic_counter left tx_ipsec)" 1000
	more_than "it decrypted" "$(nic_counter left rx_ipsec)" 100
	is "nothing failed" "$(nic_counter left rx_ipsec_failed)" 0
	check "tunnel mode is refused" refused_mode
	check "packet offload is refused" refused sa left add 1 out 1 packet
	for n in out in; do
		check "13: UDP encapsulation is refused, $n" refused_words "$n" \
			'UDP or TCP' "$KEY" 128 encap espinudp 4500 4500 0.0.0.0
		check "13: a key of 256 bits is refused, $n" refused_words "$n" \
			'128 bits and a salt' "0x$(printf '%072d' 1)" 128
		check "13: an ICV of 96 bits is refused, $n" refused_words "$n" \
			'ICV of 128 bits' "$KEY" 96
	done
	card_kept_faith "traffic" left
	hosts_down
}

two_cards()
{
	local n

	right_has_a_card
	if hosts_up && flow_add transport v4 crypto &&
		flow_add transport v6 crypto && mirror_up; then
		for n in $(flow_numbers); do
			check "two cards: ${FLOWS[n]}: echoes pass" pings "$n"
			check "two cards: ${FLOWS[n]}: TCP passes, in segments" tcp_flow "$n"
		done
		is "two cards: SAs on both" \
			"$(for card in left right; do
				entries "$card" tx
				entries "$card" rx
			done | paste -sd ' ')" "2 2 2 2"
		more_than "two cards: right's decrypted" "$(nic_counter right rx_ipsec)" 1000
		card_kept_faith "two cards, left's" left
		card_kept_faith "two cards, right's" right
		mirror_is_ciphertext
	else
		not_ok "two cards: set-up"
	fi
	hosts_down
	right_has_none
}

# What right's card gets, once more, and 20 ms later: the copies share their
# octets with the frames that the card deciphers.
mirror_up()
{
	ip -n cable link add late0 type dummy &&
		ip -n cable link set late0 addrgenmode none up &&
		tc -n cable qdisc add dev late0 root netem delay 20ms limit 100000 &&
		tc -n cable qdisc add dev cableR clsact &&
		tc -n cable filter add dev cableR egress flower \
			action mirred egress mirror dev late0 &&
		capture late cable -i late0
}

mirror_is_ciphertext()
{
	local n

	check "two cards: the capture of the mirror is whole" capture_end late
	read -ra n < <(frames late "$UNVERIFIED" "$VERIFIED")
	is "two cards: a card deciphers its own copy of a frame" "${n[0]}" 0
	more_than "two cards: there were copies to judge" "${n[1]}" 1000
	ip -n cable link del late0
}

says_speed() { on left ethtool nic0 | grep -q "Speed: $1Mb/s"; }

refused_mode()
{
	refused ctl left state add src 10.1.0.1 dst 10.2.0.1 proto esp \
		spi 0x4711 reqid 9 mode tunnel aead 'rfc4106(gcm(aes))' \
		"$KEY" 128 offload crypto dev nic0 dir out &&
		grep -q 'Unsupported mode' "$OUT/refused.log"
}

# The sentence names what the card lacks.
# An SA that is taken all the same does not stay in the way of the next.
refused_words() # DIR SENTENCE KEY ICV WORDS...
{
	local id=(src 10.1.0.1 dst 10.2.0.1 proto esp spi 0x4712)

	refused ctl left state add "${id[@]}" reqid 9 mode transport "${@:5}" \
		aead 'rfc4106(gcm(aes))' "$3" "$4" offload crypto dev nic0 dir "$1" || {
		ctl left state delete "${id[@]}"
		return 1
	}
	grep -q "$2" "$OUT/refused.log"
}

# Datagrams of odd and even lengths, with the card's checksum in them.
declare -r DATAGRAMS='
import socket, sys
src, dst = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if ":" in src else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((src, 0))
s.connect((dst, 9))
for size in range(1, 1301, 13):
    s.send(bytes([size & 255]) * size)
'

udp_counts() # NAME
{
	on right awk -v name="$1" '
		/^Udp:/ && !at { for (i = 2; i <= NF; i++) if ($i == name) at = i; next }
		/^Udp:/ { n += $at }
		$1 == "Udp6" name { n += $2 }
		END { print n + 0 }' /proc/net/snmp /proc/net/snmp6
}

udp_flow() # N
{
	local came failed

	flow "$1"
	start sink right ready python3 "$LIB/sockets.py" sink || return
	came=$(udp_counts InDatagrams) failed=$(udp_counts InErrors)
	on left python3 -c "$DATAGRAMS" "$ADDR_left" "$ADDR_right"
	check "13: ${FLOWS[$1]}: UDP passes" wait_for 5 \
		at_least $((came + 100)) udp_counts InDatagrams
	is "13: ${FLOWS[$1]}: no datagram has a wrong checksum" \
		"$(udp_counts InErrors)" "$failed"
	stop sink
}

# A reset under load: the card forgets, the driver loads its tables again.
reset_under_load()
{
	local n

	hosts_up && flows_up || { not_ok "reset: set-up"; return; }
	for n in $(flow_numbers); do
		ping_flow "$n"
	done
	wait_traffic 200
	for _ in 1 2 3; do
		check "reset: the driver resets the card" left ethtool -r nic0
		check "reset: traffic goes on" wait_traffic 200
	done
	is "reset: the card has the SAs" "$(entries left tx) $(entries left rx)" "2 2"
	is "reset: no SA is INVALID" "$(count_sas left .invalid)" 0
	card_kept_faith "reset" left
	hosts_down
}

# The ring is made anew while a frame of the old one is under way.
new_ring_under_way()
{
	local what="a new ring, a frame is under way"

	hosts_up && flows_up || { not_ok "$what: set-up"; return; }
	check "$what: traffic" pings "$FIRST_FLOW"
	card_switch left frame_us 200000
	fill_the_ring "$FIRST_FLOW"
	more_than "$what: frames wait in the ring" "$(nic_counter left tx_waiting)" 2
	check "$what: another size" left ethtool -G nic0 tx 256
	card_switch left frame_us 0
	check "$what: the card works on" wait_for 10 plain_passes
	check "$what: its head and tail are those of the new ring" \
		wait_for 5 nothing_waits
	is "$what: no descriptor was garbage" "$(nic_counter left tx_malformed)" 0
	check "$what: traffic, afterwards" pings "$FIRST_FLOW"
	card_kept_faith "$what" left
	hosts_down
}

nothing_waits() { (($(nic_counter left tx_waiting) == 0)); }

# Frames shorter than the Ethernet allows, into a wire whose card takes none.
runts()
{
	local held

	hosts_up || { not_ok "runts: set-up"; return; }
	left ip link set nic0 down
	held=$(on cable python3 "$LIB/sockets.py" runts cableL 1200)
	is "runts: the wire keeps what the card has room for" "${held:-none}" 0
	card_switch left gone 1
	held=$(on cable python3 "$LIB/sockets.py" runts cableL 100)
	is "runts: nothing is kept for a card that is gone" "${held:-none}" 0
	echo 1 >"$PCI/devices/$(pci_address left)/remove"
	nic_del left
	hosts_down
}

# --- the SAs go ----------------------------------------------------------------

take_the_card() # CAUSE
{
	step "take nic0 away from left: $1"
	case $1 in
	remove)
		echo 1 >"$PCI/devices/$(pci_address left)/remove" ;;
	unbind)
		pci_address left >"$PCI/drivers/ixgbe/unbind" ;;
	unload)
		modprobe -r ixgbe ;;
	pulled)
		nic_del left ;;
	gone)
		# The driver finds out by itself, the bus is told later.
		card_switch left gone 1 && wait_for 10 noticed &&
			echo 1 >"$PCI/devices/$(pci_address left)/remove" &&
			nic_del left ;;
	down)
		ip -n left link set nic0 down ;;
	move)
		ip netns add elsewhere &&
			ip -n left link set nic0 netns elsewhere ;;
	feature)
		left ethtool -K nic0 esp-hw-offload off ;;
	esac
}

noticed() { kernel_log | grep -q 'Adapter removed'; }

bring_it_back() # CAUSE
{
	local card=left

	step "give nic0 back to left after: $1"
	case $1 in
	remove)
		echo 1 >"$PCI/rescan" && nic_claim "$card" left nic0 || return ;;
	unbind)
		pci_address left >"$PCI/drivers/ixgbe/bind" &&
			nic_claim "$card" left nic0 || return ;;
	unload)
		modprobe ixgbe && nic_claim "$card" left nic0 || return ;;
	pulled | gone)
		nic_back || return ;;
	move)
		ip -n elsewhere link set nic0 netns left &&
			ip netns del elsewhere || return ;;
	feature)
		left ethtool -K nic0 esp-hw-offload on || return ;;
	esac
	nic_port_up left && wait_for 10 paths_carry
}

lose() # CAUSE
{
	local n why

	hosts_up && flows_up || { not_ok "$1: set-up"; return; }
	for n in $(flow_numbers); do
		ping_flow "$n"
	done
	wait_traffic 500
	echo >"$(nic_dir left)/trace"
	check "$1: the card goes under load" take_the_card "$1"
	why=$(reason_of "$1")
	is "6: $1: the SAs are INVALID and say why" \
		"$(count_sas left ".invalid.reason == \"$why\"")" 4
	is "6: $1: their numbers are exact" \
		"$(count_sas left '.invalid.counters_exact')" 4
	is "1: $1: the policies stay" "$(spd left | jq length)" 4
	for n in $(flow_numbers); do
		stop "ping-$n" INT
		check "1: $1: ${FLOWS[n]}: blocked" no_answer "$n"
	done
	[[ $1 == pulled || $1 == gone ]] || judge_card "$1"
	check "$1: it comes back" bring_it_back "$1"
	check "$1: what was lost can be carried on" carried_on
	hosts_down
}

skip_cause() # CAUSE WHY
{
	local cause left=()

	skip "$1" "$2"
	for cause in "${CAUSES[@]}"; do
		[[ $cause == "$1" ]] || left+=("$cause")
	done
	CAUSES=("${left[@]}")
}

judge_card() # CAUSE
{
	check "4: $1: no entry is left in the card's tables" no_entries left
	check "4: $1: the driver wrote zeros to them" keys_zeroed
	card_kept_faith "$1" left
}

# Each of the two outbound SAs: key words, salt, then the index with WRITE.
keys_zeroed()
{
	awk '/^W IPSTXKEY[0-3] zero|^W IPSTXSALT zero/ { zero++; next }
	     /^W IPSTXKEY|^W IPSTXSALT/ { zero = 0; next }
	     /^W IPSTXIDX [89a-f]/ { if (zero >= 5) done++; zero = 0 }
	     END { exit done < 2 }' "$(nic_dir left)/trace"
}

carried_on()
{
	local n

	for n in $(flow_numbers); do
		find_sa left "$n" &&
			ctl left state migrate "${SA[@]}" offload crypto dev nic0 dir out &&
			find_sa right "$n" &&
			ctl left state migrate "${SA[@]}" offload crypto dev nic0 dir in &&
			pings "$n" || return
	done
	[[ "$(entries left tx) $(entries left rx)" == "2 2" ]]
}

# --- the tables, to their end -----------------------------------------------------

full_tables()
{
	local from

	hosts_up || { not_ok "full: set-up"; return; }
	check "full: 1,024 SAs each way" left xfrm_fill sas 2048 0 crypto nic0
	is "full: they are on the card" "$(entries left tx) $(entries left rx)" "1024 1024"
	FLOWS+=("transport v4 crypto")
	check "full: one more out is refused" no_room out
	check "full: one more in is refused" no_room in
	check "full: one is deleted" ip -n left xfrm state delete dst 100.64.0.0 \
		proto esp spi 0x100000
	check "full: there is room again" wait_for 5 sa left add $((${#FLOWS[@]} - 1)) out
	# A ring that stands still is waited for once, not 1,024 times.
	card_switch left hold_tx 1
	on left ping -n -q -c 20 -i 0.001 -W 0.05 192.168.1.2 >/dev/null
	from=$(now_us)
	check "full: the feature goes off" left ethtool -K nic0 esp-hw-offload off
	note "2,048 SAs went within $((($(now_us) - from) / 1000)) ms"
	card_switch left hold_tx 0
	check "4: full: in the end no entry is left in the card's tables" \
		wait_for 10 no_entries left
	is "full: all are INVALID" \
		"$(on left xfrm_fill census | sed -n 's/^sas_invalid //p')" 2048
	hosts_down
}

no_room() # DIR
{
	refused sa left add $((${#FLOWS[@]} - 1)) "$1" && grep -q 'No space' "$OUT/refused.log"
}

# --- frames in the rings ---------------------------------------------------------

# The link partner pauses: what the driver was given stays in its ring.
fill_the_ring() # N
{
	flow "$1"
	on left ping -n -q -c 20 -i 0.001 -W 0.05 -I "$ADDR_left" "$ADDR_right" \
		>/dev/null 2>&1
	:
}

in_the_ring() # WHAT COMMAND...
{
	local n

	hosts_up && flows_up || { not_ok "$1: set-up"; return; }
	n=$FIRST_FLOW
	check "$1: traffic" pings "$n"
	echo >"$(nic_dir left)/trace"
	card_switch left hold_tx 1
	fill_the_ring "$n"
	more_than "$1: frames wait in the ring" "$(nic_counter left tx_waiting)" 20
	step "${*:2}"
	check "$1: done" "${@:2}"
	card_switch left hold_tx 0
	check "4: $1: in the end no key is left" wait_for 10 gone_from_card
	check "$1: the card works on" wait_for 10 plain_passes
	card_kept_faith "$1" left
	hosts_down
}

# A key that waits for a reset which does not come any more.
driver_goes_first()
{
	local what="frames in the ring, the SA is deleted, the driver goes"

	hosts_up && flows_up || { not_ok "$what: set-up"; return; }
	card_switch left hold_tx 1
	fill_the_ring "$FIRST_FLOW"
	more_than "$what: frames wait in the ring" "$(nic_counter left tx_waiting)" 20
	check "$what: done" sa_deleted
	is "$what: the key waits for the frames" "$(entries left tx)" 2
	take_the_card unbind
	card_switch left hold_tx 0
	check "4: $what: no entry is left in the card's tables" no_entries left
	card_kept_faith "$what" left
	hosts_down
}

# Left's inbound SA has another key: what comes fails on the card. With rx-all
# the driver sees it nevertheless.
forged() # WHAT
{
	local n

	hosts_up && flows_up || { not_ok "$1: set-up"; return; }
	n=$FIRST_FLOW
	sa left delete "$n" in
	ctl left state add "${SA[@]}" reqid "$n" mode transport replay-window 64 \
		aead 'rfc4106(gcm(aes))' "0x$(printf '%040d' 1)" 128 \
		offload crypto dev nic0 dir in
	[[ $1 != *rx-all* ]] || left ethtool -K nic0 rx-all on
	wait_for 10 paths_carry
	check "$1: no answer is accepted" no_answer "$n"
	more_than "$1: the card finds them forged" "$(nic_counter left rx_ipsec_failed)" 3
	[[ $1 != *rx-all* ]] ||
		more_than "$1: so does the stack" "$(integrity_failures)" 3
	hosts_down
}

# Two inbound SAs of one SPI: the address is a part of the name, the card says by
# which of its addresses a frame came. After the witness, which finds a key by its SPI.
one_spi()
{
	local first=$((${#FLOWS[@]})) second=$((${#FLOWS[@]} + 1)) spi n decrypted

	hosts_up && flow_add transport v4 crypto:none &&
		flow_add transport v4 crypto:none || { not_ok "one SPI: set-up"; return; }
	find_sa right "$first"
	spi=$SPI
	sa left delete "$second" in && sa right delete "$second" out
	SA[7]=$spi
	ctl left state add "${SA[@]}" reqid "$second" mode transport \
		replay-window 64 "${ALGO[@]}" offload crypto dev nic0 dir in
	ctl right state add "${SA[@]}" reqid "$second" mode transport "${ALGO[@]}"
	is "one SPI: the card has both" "$(entries left rx)" 2
	for n in "$second" "$first"; do
		decrypted=$(nic_counter left rx_ipsec)
		check "one SPI: ${FLOWS[n]}, flow $n: echoes pass" pings "$n"
		more_than "one SPI: flow $n: the card decrypts" \
			$(($(nic_counter left rx_ipsec) - decrypted)) 3
	done
	is "one SPI: nothing failed" "$(nic_counter left rx_ipsec_failed)" 0
	is "one SPI: each SA was used" "$(count_sas left \
		'.offload.dir == "in" and .lifetime.packets >= 4')" 2
	card_kept_faith "one SPI" left
	hosts_down
}

integrity_failures()
{
	sad left | jq '[.[] | .stats.failed] | add'
}

plain_passes() { on left ping -q -c 1 -W 0.5 192.168.1.2 >/dev/null 2>&1; }
gone_from_card() { (($(entries left tx) <= KEYS_LEFT)); }

sa_deleted() { sa left delete "$FIRST_FLOW" out; }
all_deleted() { on left ip xfrm state flush; }
feature_off() { left ethtool -K nic0 esp-hw-offload off; }
to_software()
{
	find_sa left "$FIRST_FLOW"
	ctl left state migrate "${SA[@]}" to software
}

witness()
{
	check "the capture by the NIC is whole" capture_end nic
	check "the capture by back0 is whole" capture_end back
	read -ra BY_NIC < <(frames nic "$CLEARTEXT" "$UNVERIFIED" "$VERIFIED")
	read -ra BY_BACK < <(frames back "$CLEARTEXT" "$UNVERIFIED")
	is "1: no frame in clear by the card" "${BY_NIC[0]}" 0
	is "1: no frame in clear by back0" "${BY_BACK[0]}" 0
	is "1: no ESP frame that fails" $((BY_NIC[1] + BY_BACK[1])) 0
	more_than "there was traffic to judge" "${BY_NIC[2]}" 10000
	is "2: no IV twice" "$(repeated iv nic back)" 0
	is "2: no sequence number twice" "$(repeated sequence nic back)" 0
	check "2: no IV twice, says esp_pairs" no_pair_twice nic back
}

tap_header
begin
need iperf3 ethtool xfrm_fill
has_82599
need esp_pairs
cables_up && capture_cable nic && capture_patch back || skip_all "no capture"
works
two_cards
reset_under_load
new_ring_under_way
runts
full_tables
[[ -d /sys/module/ixgbe/holders ]] || skip_cause unload "ixgbe is not a module"
for cause in "${CAUSES[@]}"; do
	lose "$cause"
done
KEYS_LEFT=1 in_the_ring "frames in the ring, the SA is deleted" sa_deleted
KEYS_LEFT=0 in_the_ring "frames in the ring, all SAs are deleted" all_deleted
KEYS_LEFT=0 in_the_ring "frames in the ring, the feature goes off" feature_off
KEYS_LEFT=1 in_the_ring "frames in the ring, the SA goes to software" to_software
driver_goes_first
forged "forged frames"
forged "forged frames, rx-all"
witness
one_spi
finish
