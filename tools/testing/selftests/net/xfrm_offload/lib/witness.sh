#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The witness: tcpdump records, tshark, given the keys, says what was on the
# wire. Nothing of what it says is computed here or comes from the kernel
# under test.
#
# To be sourced. Captures and keys are files in $OUT once the program has ended;
# "tshark" with WIRESHARK_CONFIG_DIR=$OUT (or Wireshark) shows the same to a
# person. Reads:
#	OUT	folder of the keys, and of what tcpdump and tshark say
#	CAPTURES	folder of the captures: while a program records, one of its
#		own ($OUT may be a share of the host, which takes an emulated
#		machine minutes to read); afterwards $OUT
#
# tshark 4.0 cannot check the ICV of an SA with extended sequence numbers: it
# does not know their upper half. Tests of ESN use the software stack as peer.

# The name under which tshark checks the ICV too, for keys of every size.
declare -r TSHARK_AEAD='AES-GCM with 16 octet ICV [RFC4106]'

witness_key() # src A dst B proto esp spi S KEY
{
	local family=IPv4 line

	[[ $2 != *:* ]] || family=IPv6
	printf -v line '"%s","%s","%s","%s","%s","%s","NULL",""' \
		"$family" "$2" "$4" "$8" "$TSHARK_AEAD" "$9"
	grep -qsxF "$line" "$OUT/esp_sa" || echo "$line" >>"$OUT/esp_sa"
	cat >"$OUT/preferences" <<-EOF
		esp.enable_encryption_decode: TRUE
		esp.enable_authentication_check: TRUE
	EOF
}

# Records from now on, at a higher priority than the senders: a capture with gaps
# is none. A snapshot is longer than any ESP frame here. Returns when tcpdump has opened the device.
capture() # NAME HOST TCPDUMP-WORDS...
{
	start "tcpdump-$1" "$2" 'listening on' nice -n -20 tcpdump -Z root \
		-n -s 2048 -B 32768 -w "$CAPTURES/$1.pcap" "${@:3}"
}

# Every frame once: as it enters the cable.
capture_cable() { capture "$1" cable -i any inbound; } # NAME, of the NICs' frames
capture_patch() { capture "$1" patch -i any inbound; } # NAME, of the second path

captured_all() # NAME
{
	local log=$OUT/tcpdump-$1.log

	: >"$log"
	signal "tcpdump-$1" USR1 || return
	wait_for 2 says "tcpdump-$1" 'dropped by kernel' || return
	awk '{ exit !($2 == $5 && $2 != "") }' \
		<(tr -d , <"$log" | grep 'received by filter' | tail -n 1)
}

keep_captures()
{
	[[ $OUT == "$CAPTURES" ]] || mv "$CAPTURES"/*.pcap "$OUT/" 2>/dev/null
}

# Ends a recording. Fails if it is not complete.
capture_end() # NAME
{
	local whole=0

	wait_for 10 captured_all "$1" || whole=1
	stop "tcpdump-$1" INT
	if ! says "tcpdump-$1" '^0 packets dropped by kernel'; then
		note "capture $1 is not complete:"
		sed 's/^/#   /' "$OUT/tcpdump-$1.log"
		whole=1
	fi
	return "$whole"
}

declare -r PCAP_HEADER=24

# ESP, but for what an ICMP error quotes of it: that was on the wire before, and
# its end is missing.
declare -r ESP='(esp && !(frame.protocols matches "icmp(v6)?:([^:]+:)*esp(:|$)"))'

# Without what only looks inside of ESP: where the dissector of iperf3 in tshark
# 4.4 gives up, the verdict on the frame's ICV is lost.
asks() # TSHARK-WORDS...
{
	WIRESHARK_CONFIG_DIR=$OUT tshark -n --disable-protocol tcp \
		--disable-protocol iperf3 "$@"
}

# How many frames of a capture match each filter, in one line. In the same
# pass, because tshark is slow to start, a list of all ESP frames for
# repeated(). Fails, with one line of why, if tshark cannot read it to its end.
frames() # NAME FILTER...
{
	local name=$1 stat="io,stat,0" filter

	[[ -r $CAPTURES/$name.pcap ]] || {
		echo "tshark: there is no capture $name" >&2
		return 1
	}
	# Of a capture with no frame in it tshark makes no statistics.
	if (($(stat -c %s "$CAPTURES/$name.pcap") == PCAP_HEADER)); then
		: >"$OUT/$name.tshark"
		printf '0 %.0s' "${@:2}"
		echo
		return
	fi
	for filter in "${@:2}"; do
		stat+=",$filter"
	done
	asks -r "$CAPTURES/$name.pcap" -Y "$ESP" \
		-T fields -e esp.spi -e esp.iv -e esp.sequence -e frame.len -z "$stat" \
		>"$OUT/$name.tshark" 2>"$OUT/$name.tshark.err" || {
		sed 's/^/# tshark: /' "$OUT/$name.tshark.err" >&2
		return 1
	}
	awk -F '|' -v n=$(($# - 1)) '
		/<>/ {
			for (i = 0; i < n; i++)
				printf "%d ", $(3 + 2 * i)
			print ""
			found = 1
		}
		END { exit !found }' "$OUT/$name.tshark" && return
	# Nor of frames that all have the same time: of a single one, that is.
	for filter in "${@:2}"; do
		printf '%d ' "$(asks -r "$CAPTURES/$name.pcap" -Y "$filter" \
			2>/dev/null | wc -l)"
	done
	echo
}

# Filters. #1 is the first header of its family, which may be inside of ESP, or
# in what an ICMP error quotes. No filter has a comma, where tshark takes them apart, or a
# line's end, where programs here do.
declare -r VERIFIED="($ESP && esp.icv_good == 1)"
declare -r UNVERIFIED="($ESP && !(esp.icv_good == 1))"
# A fragment of an IPv6 packet names ESP in its own header.
declare -r ESP_V6='(ipv6.nxt#1 == 50 || (ipv6.nxt#1 == 44 && ipv6.fraghdr.nxt#1 == 50))'
declare -r OUTER='frame.protocols matches "^((?!esp:|icmp:|icmpv6:)[^:]+:)*'
declare -r OUTER_V4="$OUTER"'ip(:|$)"' OUTER_V6="$OUTER"'ipv6(:|$)"'
declare -r NOT_ESP="(($OUTER_V4 && !(ip.proto#1 == 50)) || ($OUTER_V6 && !$ESP_V6))"
# What an ICMP error says of ESP.
QUOTES_ESP="(($OUTER_V4 && ip.proto#1 == 1 && ip.proto#2 == 50)"
QUOTES_ESP+=" || ($OUTER_V6 && ipv6.nxt#1 == 58 && ipv6.nxt#2 == 50))"
declare -r QUOTES_ESP

# The outermost header has one of these addresses.
outer_has() # addr|src ADDRESS...
{
	local addr v4="" v6=""

	for addr in "${@:2}"; do
		if [[ $addr == *:* ]]; then
			v6+=" || ipv6.$1#1 == $addr"
		else
			v4+=" || ip.$1#1 == $addr"
		fi
	done
	[[ ! $v4 ]] || v4="($OUTER_V4 && (${v4# || }))"
	[[ ! $v6 ]] || v6="($OUTER_V6 && (${v6# || }))"
	echo "($v4${v4:+${v6:+ || }}$v6)"
}

from_or_to() { outer_has addr "$@"; } # ADDRESS...

# What these addresses say or hear outside of ESP. A router between the tunnel's
# ends may tell one of them about ESP.
clear_of() # ADDRESS...
{
	echo "($(from_or_to "$@") && $NOT_ESP && !($QUOTES_ESP && !$(outer_has src "$@")))"
}

# ESP of flow N, both ways, first generation.
flow_frames() # N
{
	local from

	find_sa left "$1"
	from=$SPI
	find_sa right "$1"
	echo "(esp.spi == $from || esp.spi == $SPI)"
}

# Verified, failed and cleartext frames of flow N, a filter a line.
filters_of() # N
{
	local esp

	esp=$(flow_frames "$1")
	flow "$1"
	echo "$esp && $VERIFIED"
	echo "$esp && $UNVERIFIED"
	clear_of "$ADDR_left" "$ADDR_right"
}

# What the captures nic and back have to pass. BY_NIC and BY_BACK get the counts
# of further filters, then those of filters_of() for each flow.
judge_wires() # FILTER...
{
	local n filters=("$CLEARTEXT" "$UNVERIFIED" "$@")

	for n in $(seq 1 $((${#FLOWS[@]} - 1))); do
		mapfile -t -O "${#filters[@]}" filters < <(filters_of "$n")
	done
	read -ra BY_NIC < <(frames nic "${filters[@]}")
	read -ra BY_BACK < <(frames back "${filters[@]}")
	is "1: no frame in clear by the NIC" "${BY_NIC[0]}" 0
	is "1: no frame in clear by back0" "${BY_BACK[0]}" 0
	is "1: no ESP frame that fails" $((BY_NIC[1] + BY_BACK[1])) 0
	is "2: no IV twice" "$(repeated iv nic back)" 0
	BY_NIC=("${BY_NIC[@]:2}")
	BY_BACK=("${BY_BACK[@]:2}")
}

# Whatever the protected addresses say to each other outside of ESP.
declare -r PROTECTED='10.1.0.0/16 10.2.0.0/16 fd00:1::/32 fd00:2::/32'
# shellcheck disable=SC2086 # words, on purpose
CLEARTEXT=$(clear_of $PROTECTED)

# How many pairs of SPI and IV (or SPI and sequence number) came more than once,
# over all the captures named; frames() has been asked about each. tshark tells the
# IV of an SA only if it has the key.
repeated() # iv|sequence NAME...
{
	local column=2 name files=()

	[[ $1 == iv ]] || column=3
	for name in "${@:2}"; do
		files+=("$OUT/$name.tshark")
	done
	awk -F '\t' -v column="$column" '/^0x/ && $column != "" { print $1, $column }' \
		"${files[@]}" | sort | uniq -d | wc -l
}

# The same from the captures themselves, by a program that knows nothing of tshark
# or of keys (esp_pairs.c). Prints what is wrong.
no_pair_twice() # NAME...
{
	local name files=()

	for name; do
		files+=("$CAPTURES/$name.pcap")
	done
	esp_pairs "${files[@]}" >"$OUT/esp_pairs.log" 2>&1 && {
		note "esp_pairs: $(tail -n 1 "$OUT/esp_pairs.log")"
		return
	}
	tail -n 20 "$OUT/esp_pairs.log" | sed 's/^/#   /'
	return 1
}
