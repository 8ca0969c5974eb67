#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Packets of every kind of SA, both ways, and what must not be let in.
#
# To be sourced.

# Below the wrap of the lower half by so little that it comes in this group.
declare -r NEAR_WRAP=$((4294967296 - 12))
declare -rA HEADER=([v4]=20 [v6]=40)

# Echo requests of each SIZE, and their answers. Sets SENT, BACK, and PLAIN, the
# bytes of the IP packets one way.
echo_sizes() # N SIZE...
{
	local size

	flow "$1"
	SENT=0 BACK=0 PLAIN=0
	for size in "${@:2}"; do
		ping_count local "$1" 2 1 -s "$size"
		((SENT += 2, BACK += ANSWERS, PLAIN += 2 * (size + 8 + HEADER[$FAMILY])))
	done
}

# Flows to remember: by the requirement that they are for.
declare -A PURPOSE=() SENT_BY=() BACK_BY=() PLAIN_BY=()

flow_for() # ID FLOW-WORDS...
{
	PURPOSE[${#FLOWS[@]}]=$1
	flow_up "${@:2}"
}

traffic_flows()
{
	local offload mode family name words

	PURPOSE=()
	for name in "${KINDS[@]}"; do
		read -r offload mode family <<<"$name"
		flow_for XO-OUT-1 "$mode" "$family" "$offload:none" || return
	done
	while read -r offload mode family; do
		for name in "${ALGORITHM_NAMES[@]:1}"; do
			if [[ ${TAKES[$offload $name]:-} ]]; then
				flow_for XO-AEAD-1 "$mode" "$family" "$offload:none" "$name" ||
					bad XO-AEAD-1 "$offload $name: $WHY"
			else
				lack XO-AEAD-1 "$offload $name: not taken"
			fi
		done
		if [[ ! ${TAKES[$offload esn]:-} ]]; then
			lack_all "$offload: no SA with esn is taken" XO-ESN-1 XO-ESN-2
			continue
		fi
		flow_for XO-ESN-1 "$mode" "$family" "$offload:none" gcm-128 esn ||
			bad XO-ESN-1 "$offload: $WHY"
		words="replay-seq $NEAR_WRAP replay-seq-hi 0"
		SA_WORDS="$words replay-oseq $NEAR_WRAP replay-oseq-hi 0" \
			flow_for XO-ESN-2 "$mode" "$family" "$offload:none" gcm-128 esn ||
			bad XO-ESN-2 "$offload: $WHY"
	done < <(first_kinds)
}

# Datagrams to a port without a listener; the peer looks at the checksum first.
declare -r DATAGRAMS='
import socket, sys
src, dst = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if ":" in src else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((src, 0))
for size in range(1, 801, 25):
    s.sendto(bytes([size & 255]) * size, (dst, 9))
'

udp_of_remote() # COUNTER
{
	on remote cat /proc/net/snmp /proc/net/snmp6 | awk -v name="$1" '
		$1 == "Udp:" && !at { for (i = 2; i <= NF; i++) if ($i == name) at = i; next }
		$1 == "Udp:" { n += $at }
		$1 == "Udp6" name { n += $2 }
		END { print n + 0 }'
}

datagrams_came() { (($(udp_of_remote NoPorts) >= $1)); } # COUNT

datagrams_of() # N
{
	local came wrong kind

	flow "$1"
	kind=$(kind_of "$1")
	came=$(udp_of_remote NoPorts) wrong=$(udp_of_remote InCsumErrors)
	on local python3 -c "$DATAGRAMS" "$ADDR_local" "$ADDR_remote" 2>/dev/null
	expect XO-OUT-4 "$kind: 32 datagrams of 1 to 776 octets arrive" \
		within 3 datagrams_came $((came + 32))
	equal XO-OUT-4 "$kind: those whose checksum is wrong" \
		$(($(udp_of_remote InCsumErrors) - wrong)) 0
}

# Takes ESP out of UDP, as the socket of an IKE daemon does.
declare -r NATT='
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.setsockopt(socket.IPPROTO_UDP, 100, 2)
s.bind(("::", 4500))
print("ready", flush=True)
while True:
    s.recv(2048)
'

# Not recorded: what is in UDP looks as if it were in clear.
in_udp()
{
	local offload mode family n host

	for host in local remote; do
		start "natt-$host" "$host" ready python3 -u -c "$NATT" ||
			{ lack XO-ENC-1 "no socket for ESP in UDP at $host"; return; }
	done
	while read -r offload mode family; do
		n=${#FLOWS[@]}
		if [[ ! ${TAKES[$offload in UDP]:-} ]]; then
			lack XO-ENC-1 "$offload: no SA with ESP in UDP is taken"
		elif SA_WORDS="${IN_UDP[*]}" flow_up "$mode" "$family" "$offload:none"; then
			ping_count local "$n" 8 1
			equal XO-ENC-1 "$offload $mode $family: answers to 8 requests" "$ANSWERS" 8
		else
			bad XO-ENC-1 "$offload: $WHY"
		fi
	done < <(first_kinds)
	for host in local remote; do
		stop "natt-$host"
	done
}

# What the SAs of flow N counted, against the wire.
counted() # N
{
	local n=$1 kind id spi way least length most what

	flow "$n"
	kind="$OFFLOAD_local $MODE $FAMILY"
	# Software counts a transport mode packet from where ESP begins.
	least=$((PLAIN_BY[$n] - SENT_BY[$n] * HEADER[$FAMILY]))
	spis_of "$n"
	for way in "XO-CNT-1 $OUT_SPI outbound" "XO-CNT-2 $IN_SPI inbound"; do
		read -r id spi way <<<"$way"
		if ((PACKETS[$spi] == 0)) && [[ $kind == packet* ]]; then
			lack "$id" "$kind: the driver does not report what the hardware counts"
			continue
		fi
		equal "$id" "$kind: packets of the $way SA" "${PACKETS[$spi]}" "${FRAMES[$spi]:-0}"
		# Of what was lost the size is not known.
		((BACK_BY[$n] == SENT_BY[$n])) || continue
		length=${LENGTHS[$spi]} most=${BYTES[$spi]:-0}
		what="the packets carry $least, as ESP they have $most"
		if ((length >= least && length <= most)); then
			good "$id" "$kind: $length bytes $way: $what"
		else
			bad "$id" "$kind: $length bytes $way: $what"
		fi
	done
}

group_traffic()
{
	local n i=2 kind filters=() failed="$UNVERIFIED" out seen

	traffic_flows || return
	witness traffic || { WHY="the witness cannot record"; return; }
	note "echo requests on $((${#FLOWS[@]} - FIRST_FLOW)) flows"
	for n in $(flow_numbers); do
		if [[ ${PURPOSE[$n]} == XO-OUT-1 ]]; then
			echo_sizes "$n" 0 1 1000 $((MTU - 150))
		else
			echo_sizes "$n" 57 $((MTU - 150))
		fi
		[[ ${PURPOSE[$n]} != XO-ESN-2 ]] || {
			ping_count local "$n" 20 1
			((SENT += 20, BACK += ANSWERS))
		}
		SENT_BY[$n]=$SENT BACK_BY[$n]=$BACK PLAIN_BY[$n]=$PLAIN
		spis_of "$n"
		verifiable "$n" || failed+=" && !(esp.spi == $OUT_SPI) && !(esp.spi == $IN_SPI)"
		filters+=("esp.spi == $OUT_SPI && $VERIFIED" "esp.spi == $IN_SPI && $VERIFIED")
	done
	snapshot
	witness_end traffic "$CLEARTEXT" "$failed" "${filters[@]}" ||
		{ WHY="the recording is not complete"; return; }

	equal XO-OUT-2 "frames in clear" "${COUNTS[0]}" 0
	equal XO-OUT-1 "ESP frames with a wrong ICV" "${COUNTS[1]}" 0
	for n in $(flow_numbers); do
		kind=$(kind_of "$n")
		spis_of "$n"
		out="${FRAMES[$OUT_SPI]:-0} of ${SENT_BY[$n]} packets left as ESP,"
		out+=" ${BACK_BY[$n]} answers came back"
		case ${PURPOSE[$n]} in
		XO-OUT-1)
			equal XO-OUT-1 "$kind: of ${SENT_BY[$n]} packets tshark verified" \
				"${COUNTS[i]}" "${SENT_BY[$n]}"
			seen=${COUNTS[i + 1]}
			equal XO-IN-1 "$kind: of $seen frames that tshark verified came through" \
				"${BACK_BY[$n]}" "$seen"
			((seen)) || bad XO-IN-1 "$kind: the peer had nothing to answer"
			counted "$n" ;;
		XO-ESN-2)
			out="${BACK_BY[$n]} of ${SENT_BY[$n]} answers"
			expect XO-ESN-2 "$kind: $out, the last number sent was ${SENT[$OUT_SPI]}" \
				test "${BACK_BY[$n]}" = "${SENT_BY[$n]}" ;;
		*)
			expect "${PURPOSE[$n]}" "$kind ${FLOWS[n]##*:none }: $out" \
				test "${FRAMES[$OUT_SPI]:-0} ${BACK_BY[$n]}" = \
				"${SENT_BY[$n]} ${SENT_BY[$n]}" ;;
		esac
		((i += 2))
	done
	pairs_twice XO-OUT-3 traffic
	for n in $(flow_numbers); do
		[[ ${PURPOSE[$n]} != XO-OUT-1 ]] || datagrams_of "$n"
	done
	in_udp
}

# --- what must not be let in -----------------------------------------------------------

resend() # copy|forge: of each flow what remote sent in the recording "before"
{
	local n spis=()

	for n in $(flow_numbers); do
		spis_of "$n"
		spis+=("$IN_SPI")
	done
	step "remote\$ resend.py $1 $REMOTE_IF 3 SPI..."
	RESENT=$(INPUT=1 on remote python3 -c "$(<"$SUITE/resend.py")" \
		"$1" "$REMOTE_IF" 3 "${spis[@]}" <"$SCRATCH/before.pcap")
	: "${RESENT:=0}"
}

# Whatever is behind them on the wire is answered: what was before has been seen.
fresh_pings()
{
	local n

	FRESH=0
	for n in $(flow_numbers); do
		ping_count remote "$n" 1 1
		((FRESH += ANSWERS))
	done
}

# Local answers each request that it accepts: ESP under its own SPI.
answers_of_local()
{
	local n total=0

	for n in $(flow_numbers); do
		spis_of "$n"
		((total += ${FRAMES[$OUT_SPI]:-0}))
	done
	echo "$total"
}

resent() # ID copy|forge WHAT
{
	local flows=$((${#FLOWS[@]} - FIRST_FLOW))

	witness "$2" || { bad "$1" "the witness cannot record"; return; }
	resend "$2"
	fresh_pings
	witness_end "$2" "$CLEARTEXT" || { bad "$1" "the recording is not complete"; return; }
	equal "$1" "$3 sent, on $flows flows" "$RESENT" $((3 * flows))
	equal "$1" "fresh requests after them that were answered" "$FRESH" "$flows"
	equal "$1" "answers on the wire, those to the fresh requests among them" \
		"$(answers_of_local)" "$FRESH"
}

# Sum of what inbound SAs of packet offload refused: "replay" or "failed".
refused_by_local() # COUNTER
{
	sad local | jq --arg counter "$1" '[.[] | select(.offload.mode == "packet" and
		.offload.dir == "in") | .stats[$counter]] | add // 0'
}

# The stack does not see what a device with packet offload dropped.
refused_is_counted() # COUNTER OTHER COMMAND...
{
	local flows=0 n counter other

	for n in $(flow_numbers); do
		flow "$n"
		[[ $OFFLOAD_local != packet ]] || ((++flows))
	done
	counter=$(refused_by_local "$1") other=$(refused_by_local "$2")
	"${@:3}"
	((flows)) || { lack XO-CNT-3 "no SA of packet offload is taken"; return; }
	equal XO-CNT-3 "$((3 * flows)) frames sent to be refused: counted as $1" \
		$(($(refused_by_local "$1") - counter)) $((3 * flows))
	equal XO-CNT-3 "$((3 * flows)) frames sent to be refused: counted as $2" \
		$(($(refused_by_local "$2") - other)) 0
}

in_clear()
{
	local n sent=0

	witness clear || { bad XO-IN-4 "the witness cannot record"; return; }
	for n in $(flow_numbers); do
		batch policy remote delete "$n" out
	done
	run_batch remote
	for n in $(flow_numbers); do
		ping_count remote "$n" 2 0.1
		((sent += 2))
		batch policy remote add "$n" out
	done
	run_batch remote
	fresh_pings
	witness_end clear "$CLEARTEXT" || { bad XO-IN-4 "the recording is not complete"; return; }
	equal XO-IN-4 "requests in clear on the wire" "${COUNTS[0]}" "$sent"
	equal XO-IN-4 "answers on the wire, those to $FRESH protected requests among them" \
		"$(answers_of_local)" "$FRESH"
}

# What local decrypts, under a policy that asks for another SA.
for_another_sa()
{
	local n

	witness other || { bad XO-IN-5 "the witness cannot record"; return; }
	for n in $(flow_numbers); do
		REQID=$((n + 10000)) batch policy local update "$n" in
	done
	run_batch local
	for n in $(flow_numbers); do
		ping_count remote "$n" 2 0.1
		batch policy local update "$n" in
	done
	run_batch local
	fresh_pings
	witness_end other "$CLEARTEXT" || { bad XO-IN-5 "the recording is not complete"; return; }
	equal XO-IN-5 "fresh requests, under a policy for their SA, that were answered" \
		"$FRESH" $((${#FLOWS[@]} - FIRST_FLOW))
	equal XO-IN-5 "answers on the wire, those to the fresh requests among them" \
		"$(answers_of_local)" "$FRESH"
}

group_inbound()
{
	local n

	flows_of_kinds || return
	witness before || { WHY="the witness cannot record"; return; }
	for n in $(flow_numbers); do
		ping_count remote "$n" 3 1
		((ANSWERS == 3)) ||
			WHY="$(kind_of "$n"): $ANSWERS of 3 requests of the peer are answered"
	done
	capture_end before && fetch before && capture_end before-fallback || return
	refused_is_counted replay failed \
		resent XO-IN-2 copy "frames that were received before"
	refused_is_counted failed replay \
		resent XO-IN-3 forge "frames with a wrong ICV"
	in_clear
	for_another_sa
}
