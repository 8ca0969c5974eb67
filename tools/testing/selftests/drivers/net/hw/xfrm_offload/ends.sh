#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The two ends. Local has the device under test; remote does ESP in software and
# is the witness, as a capture on the local end sees packets before hardware
# encrypts them.
#
#	local					remote
#
#	lo 198.18.0.n				lo 198.18.1.n
#	   2001:2:0:1::n			   2001:2:0:2::n
#	   198.18.2.1, 2001:2:0:3::1		   198.18.3.1, 2001:2:0:4::1
#	$NETIF $LOCAL_V4 ------------ $REMOTE_V4 (its interface)
#	       $LOCAL_V6              $REMOTE_V6
#	xo-fallback				xo-opened
#
# Policies protect what the numbered addresses on lo say to each other (addresses of
# RFC 2544 and RFC 5180, for tests), and nothing else; tunnels are between the
# others. Local's routes to all of them lead over $NETIF and, when that is gone,
# over xo-fallback, a dummy device on which everything is recorded that takes
# another way.
#
# A tunnel's packets that remote's software has opened would be seen once more, in
# clear, on the interface that they came by. So its inbound SAs belong to xo-opened,
# an xfrm interface, by which they enter.
#
# To be sourced, after lib.sh, some functions of which are replaced here.

declare -r FALLBACK=xo-fallback ELSEWHERE=xo-elsewhere OPENED=xo-opened OPENED_ID=0x786f
MORE_WORDS=(['remote in tunnel']="if_id $OPENED_ID")
declare -r NETS='198.18.0.0/24 198.18.1.0/24 2001:2:0:1::/64 2001:2:0:2::/64'
# shellcheck disable=SC2086 # words, on purpose
CLEARTEXT=$(clear_of $NETS)

PEER=([local]=remote [remote]=local)
NUMBER=([local]=1 [remote]=2)

declare -A HOST_OF=() PID_THERE=()

# --- how to run things there -------------------------------------------------

# INPUT=1: COMMAND reads standard input. Or else ssh would read that of our loops.
way() # HOST COMMAND...
{
	local before='exec' input='-n' quoted='' word

	[[ ! ${INPUT:-} ]] || input='-T'

	case $1:$REMOTE_TYPE in
	local:*)
		WAY=("${@:2}") ;;
	remote:netns)
		WAY=(nsenter --net="/run/netns/$REMOTE_ARGS" "${@:2}") ;;
	remote:ssh)
		# For any shell: bash's own quoting is not known to all of them.
		for word in "${@:2}"; do
			quoted+=" '${word//\'/\'\\\'\'}'"
		done
		[[ ! ${BACKGROUND:-} ]] || before='echo "pid $$"; exec'
		# shellcheck disable=SC2206 # words, on purpose
		WAY=(ssh "$input" -o BatchMode=yes $REMOTE_ARGS "$before$quoted") ;;
	esac
}

by_ssh() { [[ $REMOTE_TYPE == ssh && ${HOST_OF[$1]:-} == remote ]]; } # NAME

signal() # NAME SIGNAL
{
	if by_ssh "$1"; then
		on remote kill "-$2" "${PID_THERE[$1]}"
	else
		kill "-$2" "${PID[$1]}"
	fi 2>/dev/null
}

# The stock tool is enough for the end that does ESP in software.
tool() # HOST
{
	if [[ $1 == local ]]; then
		TOOL=("$XFRMCTL")
	else
		TOOL=(ip xfrm)
	fi
}

# Remote's words are all for ip, which reads them itself: one process for many.
# FORCE: goes on after one that fails.
run_batch() # HOST
{
	local commands=$BATCH

	BATCH=
	if [[ $1 == remote ]]; then
		INPUT=1 on remote ip ${FORCE:+-force} -batch - \
			<<<"$(sed 's/^ip //; s/ || exit$//; s/\\//g' <<<"$commands")"
		return
	fi
	[[ ! ${FORCE:-} ]] || commands=${commands//|| exit/}
	bash -c "$commands"
}

# What the witness on the remote end recorded comes here.
fetch() # NAME
{
	[[ $REMOTE_TYPE != ssh ]] ||
		{ on remote cat "$SCRATCH/$1.pcap" >"$SCRATCH/fetched" &&
			mv "$SCRATCH/fetched" "$SCRATCH/$1.pcap"; }
}

# Both ends of a recording: what the other end sees, what takes another way.
witness() # NAME
{
	HOST_OF[tcpdump-$1]=remote
	HOST_OF[tcpdump-$1-fallback]=local
	capture "$1" remote -i "$REMOTE_IF" || return
	PID_THERE[tcpdump-$1]=$(sed -n 's/^pid //p' "$OUT/tcpdump-$1.log")
	capture "$1-fallback" local -i "$FALLBACK" net 198.18.0.0/15 or net 2001:2::/48
}

# Sets COUNTS, the frames that match each FILTER, for both recordings together;
# and for each SPI, in decimal, FRAMES, TOP (highest sequence number) and BYTES
# (of the IP packets), of what came by the wire.
witness_end() # NAME FILTER...
{
	local name=$1 back i spi n top bytes
	declare -gA FRAMES=() TOP=() BYTES=()

	capture_end "$name" && fetch "$name" && capture_end "$name-fallback" || return
	read -ra COUNTS < <(frames "$@")
	read -ra back < <(frames "$name-fallback" "${@:2}")
	((${#COUNTS[@]} == $# - 1 && ${#back[@]} == $# - 1)) || return
	for ((i = 0; i < ${#back[@]}; i++)); do
		((COUNTS[i] += back[i]))
	done
	while read -r spi n top bytes; do
		FRAMES[$((spi))]=$n
		TOP[$((spi))]=$top
		BYTES[$((spi))]=$bytes
	done < <(awk -F '\t' '/^0x/ {
			n[$1]++
			bytes[$1] += $4 - 14
			if ($3 > top[$1])
				top[$1] = $3
		} END {
			for (spi in n)
				print spi, n[spi], top[spi], bytes[spi]
		}' "$OUT/$name.tshark")
}

# How many pairs of SPI and IV came twice says esp_pairs, which knows no key, and of
# SPI and sequence number tshark. With SPIs, what these sent.
pairs_twice() # ID NAME [SPI...]
{
	local only='' twice numbers frames

	[[ ! ${*:3} ]] || only=$(printf '^0x%08x[[:space:]]|' "${@:3}")
	esp_pairs "$SCRATCH/$2.pcap" "$SCRATCH/$2-fallback.pcap" >"$OUT/$2.pairs" 2>&1
	(($? <= 1)) || { bad "$1" "esp_pairs: $(tail -n 1 "$OUT/$2.pairs")"; return; }
	twice=$(grep ' again$' "$OUT/$2.pairs" | grep -cE "${only%|}")
	numbers=$(awk -F '\t' '/^0x/ { print $1, $3 }' "$OUT/$2.tshark" "$OUT/$2-fallback.tshark" |
		grep -E "${only%|}" | sort | uniq -d | wc -l)
	frames=$(frames_of "${@:3}")
	equal "$1" "pairs of SPI and IV, of SPI and number that came twice, in $frames ESP frames" \
		"$twice, $numbers" "0, 0"
	((twice == 0)) || bad "$1" "the first of them: $(grep -E "${only%|}" "$OUT/$2.pairs" |
		grep -m 1 ' again$' | sed "s,$SCRATCH/,,")"
}

# Of these, or of all that were on the wire.
frames_of() # [SPI...]
{
	local n=0 spi

	for spi in "${@:-${!FRAMES[@]}}"; do
		((n += ${FRAMES[$spi]:-0}))
	done
	echo "$n"
}

# --- flows ---------------------------------------------------------------------

# The words of flow N: MODE, FAMILY, OFFLOAD (LOCAL:REMOTE), ALGORITHM, ESN.
flow() # N
{
	local n=$1

	# shellcheck disable=SC2034 # ESN: lib.sh
	read -r MODE FAMILY OFFLOAD ALGORITHM ESN <<<"${FLOWS[n]}"
	: "${ALGORITHM:=gcm-128}"
	OFFLOAD_local=${OFFLOAD%:*} OFFLOAD_remote=${OFFLOAD#*:}
	if [[ $FAMILY == v4 ]]; then
		ADDR_local=198.18.0.$n ADDR_remote=198.18.1.$n PREFIX=32
		END_local=198.18.2.1 END_remote=198.18.3.1
	else
		ADDR_local=2001:2:0:1::$n ADDR_remote=2001:2:0:2::$n PREFIX=128
		END_local=2001:2:0:3::1 END_remote=2001:2:0:4::1
	fi
	if [[ $MODE == transport ]]; then
		END_local=$ADDR_local END_remote=$ADDR_remote
	fi
}

# Bytes of key material, salt included, and the words that they go into.
declare -rA ALGORITHMS=(
	[gcm-128]='20 aead rfc4106(gcm(aes)) 128'
	[gcm-192]='28 aead rfc4106(gcm(aes)) 128'
	[gcm-256]='36 aead rfc4106(gcm(aes)) 128'
	[gcm-128-icv-64]='20 aead rfc4106(gcm(aes)) 64'
	[gmac-128]='20 aead rfc4543(gcm(aes)) 128'
	[chacha20-poly1305]='36 aead rfc7539esp(chacha20,poly1305) 128'
	[cbc-128-sha-256]='48 cbc hmac(sha256) 128')
declare -ra ALGORITHM_NAMES=(gcm-128 gcm-192 gcm-256 gcm-128-icv-64 gmac-128
	chacha20-poly1305 cbc-128-sha-256)

# Sets ALGO, the words of ALGORITHM, with a key that no other SPI has.
algorithm_words() # ALGORITHM SPI
{
	local bytes kind name icv i word

	read -r bytes kind name icv <<<"${ALGORITHMS[$1]}"
	KEY=0x
	for ((i = 0; i < bytes / 4; i++)); do
		printf -v word '%08x' $((($2 * 2654435761 + i * 2246822519) & 0xffffffff))
		KEY+=$word
	done
	ALGO=(aead "$name" "$KEY" "$icv")
	[[ $kind == aead ]] ||
		ALGO=(enc 'cbc(aes)' "${KEY:0:34}" auth-trunc "$name" "0x${KEY:34}" "$icv")
}

find_sa() # HOST N [GENERATION]
{
	local src=END_$1 dst=END_${PEER[$1]}

	flow "$2"
	printf -v SPI '0x%x' $((NUMBER[$1] << 12 | ${3:-0} << 8 | $2))
	algorithm_words "$ALGORITHM" "$SPI"
	SA=(src "${!src}" dst "${!dst}" proto esp spi "$SPI")
}

# tshark verifies AES-GCM with a full ICV, without extended sequence numbers.
verifiable() # N
{
	flow "$1"
	[[ ! $ESN && $ALGORITHM =~ ^gcm-[0-9]+$ ]]
}

# Flows that have had a second generation of SAs.
declare -A REKEYED=()

remember_key() # HOST N GENERATION
{
	[[ $3 == 0 ]] || REKEYED[$2]=1
	! verifiable "$2" || { find_sa "$@" && witness_key "${SA[@]}" "$KEY"; }
}

# As flow_add; WHY says why not.
flow_up() # MODE FAMILY OFFLOAD [ALGORITHM [esn]]
{
	flow_add "$@" 2>"$OUT/flow.log" && return
	WHY="a flow ($*) cannot be set up: $(head -n 1 "$OUT/flow.log")"
	note "$WHY"
	return 1
}

# All that a group set up, or what is left of it. Numbers are not used again:
# neither are keys.
flows_down()
{
	local host n dir gen addr

	((FIRST_FLOW < ${#FLOWS[@]})) || return 0
	traffic_down
	for host in local remote; do
		for n in $(flow_numbers); do
			for dir in "in" out; do
				batch policy "$host" delete "$n" "$dir"
				for gen in 0 1; do
					[[ $gen == 0 || ${REKEYED[$n]:-} ]] || continue
					batch sa "$host" delete "$n" "$dir" "$gen"
				done
			done
			addr=ADDR_$host
			BATCH+="ip addr del ${!addr}/$PREFIX dev lo || exit"$'\n'
		done
		FORCE=1 run_batch "$host" 2>/dev/null
	done
	FIRST_FLOW=${#FLOWS[@]}
}

# One flow for each kind of SA that the device takes, or as many of them as said.
flows_of_kinds() # [KIND...]
{
	local kind offload mode family

	for kind in "${@:-${KINDS[@]}}"; do
		read -r offload mode family <<<"$kind"
		flow_up "$mode" "$family" "$offload:none" || return
	done
}

# "packet transport v4"
kind_of() # N
{
	flow "$1"
	echo "$OFFLOAD_local $MODE $FAMILY"
}

# Sets OUT_SPI and IN_SPI of flow N, in decimal.
spis_of() # N [GENERATION]
{
	find_sa remote "$@"
	IN_SPI=$((SPI))
	find_sa local "$@"
	OUT_SPI=$((SPI))
}

# What the kernel says of local's SAs. For each SPI, in decimal: STATE, OFFLOADED
# (kind, direction), PACKETS, LENGTHS, SENT and RECEIVED (highest numbers), WINDOW
# (packets in it), REASON, EXACT.
snapshot()
{
	local spi state offloaded packets bytes sent received window reason exact

	declare -gA STATE=() OFFLOADED=() PACKETS=() LENGTHS=() SENT=() RECEIVED=() \
		WINDOW=() REASON=() EXACT=()
	# shellcheck disable=SC2034 # for the groups
	while IFS='|' read -r spi state offloaded packets bytes \
		sent received window reason exact; do
		STATE[$spi]=$state OFFLOADED[$spi]=$offloaded
		PACKETS[$spi]=$packets LENGTHS[$spi]=$bytes
		SENT[$spi]=$sent RECEIVED[$spi]=$received WINDOW[$spi]=$window
		REASON[$spi]=$reason EXACT[$spi]=$exact
	done < <(sad local | jq -r '
		def ones: [recurse(if . > 1 then . / 2 | floor else empty end) % 2] | add;
		def hex: ltrimstr("0x") | explode | reduce .[] as $c (0; . * 16 +
			if $c > 96 then $c - 87 elif $c > 64 then $c - 55 else $c - 48 end);
		.[] | [.spi, .state,
			if .offload then "\(.offload.mode) \(.offload.dir)" else "" end,
			.lifetime.packets, .lifetime.bytes, .replay.oseq // 0, .replay.seq // 0,
			([.replay.bitmap[]? | hex | ones] | add // 0),
			.invalid.reason // "", .invalid.counters_exact // false]
		| map(tostring) | join("|")')
}

# --- traffic -------------------------------------------------------------------

PACE=${PACE:--i 0.004}

# What remote answers, which it does to ESP that it could open.
packets_by_nic() { packets remote "$REMOTE_IF" tx; }

packets_elsewhere()
{
	echo $(($(xfrm_stat local 'XfrmOut.*') + $(packets local "$FALLBACK" tx)))
}

ping_flow() # N
{
	flow "$1"
	HOST_OF[ping-$1]=local
	# shellcheck disable=SC2086 # words, on purpose
	start "ping-$1" local '' ping -n -q $PACE -I "$ADDR_local" "$ADDR_remote"
}

# Sets ANSWERS: how many of the pings were answered.
ping_count() # HOST N COUNT WAIT [WORDS...]
{
	local from=ADDR_$1 to=ADDR_${PEER[$1]} said

	flow "$2"
	said=$(on "$1" ping -n -q -c "$3" -i 0.01 -W "$4" "${@:5}" -I "${!from}" \
		"${!to}" 2>/dev/null)
	ANSWERS=0
	[[ ! $said =~ ([0-9]+)\ received ]] || ANSWERS=${BASH_REMATCH[1]}
}

pings() # N
{
	ping_count local "$1" 4 1
	((ANSWERS == 4))
}

no_answer() # N
{
	ping_count local "$1" 4 0.1
	((ANSWERS == 0))
}

traffic_up()
{
	local n

	for n in $(flow_numbers); do
		pings "$n" || { WHY="$(kind_of "$n"): $ANSWERS of 4 pings are answered"; return 1; }
	done
	for n in $(flow_numbers); do
		ping_flow "$n"
	done
	wait_traffic 200 || { WHY="no traffic reaches the other end"; return 1; }
}

traffic_down()
{
	local n

	for n in $(flow_numbers); do
		stop "ping-$n" INT
	done
}

# --- the device and its interface ----------------------------------------------------

device_word() # NAME: of ethtool -i
{
	ethtool -i "$NETIF" 2>/dev/null | sed -n "s/^$1: *//p"
}

feature() { ethtool -k "$NETIF" 2>/dev/null | sed -n 's/^esp-hw-offload: //p'; }
set_feature() { ethtool -K "$NETIF" esp-hw-offload "$1" >/dev/null; } # on|off

# Where sysfs has the device; nothing if it is on no bus.
device_path()
{
	local path

	for path in /sys/bus/*/devices/"$BUS_ID"; do
		[[ ! $BUS_ID || ! -e $path ]] || { echo "$path"; return; }
	done
}

routes() # -4|-6
{
	ip "$1" route show dev "$NETIF" | grep -vE 'proto kernel|^fe80|^ff00|^multicast' |
		sed -E 's/ (linkdown|dead|trap|rt_trap|offload|rt_offload|rt_offload_failed)\>//g'
}

# As it was found.
interface_save()
{
	read -r MAC MTU UP < <(ip -j link show dev "$NETIF" |
		jq -r '.[0] | "\(.address) \(.mtu) \(.flags | index("UP") != null)"')
	FEATURE=$(feature)
	ADDRESSES=$(ip -o addr show dev "$NETIF" scope global | awk '{ print $4 }')
	ROUTES_4=$(routes -4)
	ROUTES_6=$(routes -6)
	BUS_ID=$(device_word bus-info)
	DEVICE_PATH=$(device_path)
	[[ ! $DEVICE_PATH ]] || BUS=$(basename "$(dirname "$(dirname "$DEVICE_PATH")")")
	DRIVER_PATH=$(readlink -f "$DEVICE_PATH/driver" 2>/dev/null)
}

# What belongs to the interface; nothing is done twice.
interface_restore()
{
	local now line

	now=$(ip -j link show dev "$NETIF" | jq -r '.[0] | "\(.address) \(.mtu)"') || return
	[[ $now == "$MAC "* ]] || ip link set dev "$NETIF" address "$MAC"
	[[ $now == *" $MTU" ]] || ip link set dev "$NETIF" mtu "$MTU"
	[[ $UP != true ]] || ip link set dev "$NETIF" up
	for line in $ADDRESSES; do
		if [[ $line == *:* ]]; then
			ip addr replace "$line" dev "$NETIF" nodad
		else
			ip addr replace "$line" dev "$NETIF"
		fi
	done
	while read -r line; do
		# shellcheck disable=SC2086 # words, on purpose
		[[ ! $line ]] || ip route replace $line dev "$NETIF"
	done <<<"$ROUTES_4"
	while read -r line; do
		# shellcheck disable=SC2086 # words, on purpose
		[[ ! $line ]] || ip -6 route replace $line dev "$NETIF"
	done <<<"$ROUTES_6"
}

# The interface of the device has come back, under any name.
came_back()
{
	local name

	while read -r name; do
		[[ $(ethtool -i "$name" 2>/dev/null | sed -n 's/^bus-info: //p') == "$BUS_ID" ]] ||
			continue
		[[ $name == "$NETIF" ]] || {
			ip link set dev "$name" down
			ip link set dev "$name" name "$NETIF"
		}
		return
	done < <(ip -o link show | sed -E 's/^[0-9]+: ([^:@]+)[:@].*/\1/')
	return 1
}

# The device works again, with the routes of the tests.
device_ready()
{
	if [[ $DEVICE_BACK ]]; then
		bash -c "$DEVICE_BACK" || return
	fi
	interface_restore && set_feature on 2>/dev/null
	routes_up && wait_for 30 reached
}

reached()
{
	local address

	for address in $REMOTE_V4 $REMOTE_V6; do
		ping -n -q -c 1 -W 0.3 "$address" >/dev/null 2>&1 || return
	done
}

declare -ra ENDS_OF_LOCAL=(198.18.2.1/32 2001:2:0:3::1/128)
declare -ra ENDS_OF_REMOTE=(198.18.3.1/32 2001:2:0:4::1/128)

# Of one family: HOST's addresses and ends over VIA, and over the fallback.
routes_over() # add|del NET END VIA
{
	local to

	for to in "$2" "$3"; do
		ip route "$1" "$to" via "$4" dev "$NETIF" metric 10 &&
			ip route "$1" "$to" dev "$FALLBACK" metric 20 || return
	done
}

routes_back() # add|del NET END VIA
{
	local to

	for to in "$2" "$3"; do
		on remote ip route "$1" "$to" via "$4" dev "$REMOTE_IF" || return
	done
}

# One family may not be there.
routes_up()
{
	[[ ! $LOCAL_V4 ]] ||
		routes_over replace 198.18.1.0/24 "${ENDS_OF_REMOTE[0]}" "$REMOTE_V4" || return
	[[ ! $LOCAL_V6 ]] ||
		routes_over replace 2001:2:0:2::/64 "${ENDS_OF_REMOTE[1]}" "$REMOTE_V6"
}

routes_up_remote()
{
	[[ ! $LOCAL_V4 ]] ||
		routes_back replace 198.18.0.0/24 "${ENDS_OF_LOCAL[0]}" "$LOCAL_V4" || return
	[[ ! $LOCAL_V6 ]] ||
		routes_back replace 2001:2:0:1::/64 "${ENDS_OF_LOCAL[1]}" "$LOCAL_V6"
}

routes_down()
{
	routes_over del 198.18.1.0/24 "${ENDS_OF_REMOTE[0]}" "$REMOTE_V4"
	routes_over del 2001:2:0:2::/64 "${ENDS_OF_REMOTE[1]}" "$REMOTE_V6"
	routes_back del 198.18.0.0/24 "${ENDS_OF_LOCAL[0]}" "$LOCAL_V4"
	routes_back del 2001:2:0:1::/64 "${ENDS_OF_LOCAL[1]}" "$LOCAL_V6"
}

ends_up()
{
	local address

	ip link add "$FALLBACK" type dummy && ip link set "$FALLBACK" addrgenmode none up &&
		on remote ip link add "$OPENED" type xfrm dev "$REMOTE_IF" if_id "$OPENED_ID" &&
		on remote ip link set "$OPENED" up || return
	# Loose: the way back is another one.
	on remote sh -c "echo 2 >/proc/sys/net/ipv4/conf/$OPENED/rp_filter"
	for address in "${ENDS_OF_LOCAL[@]}"; do
		ip addr add "$address" dev lo || return
	done
	for address in "${ENDS_OF_REMOTE[@]}"; do
		on remote ip addr add "$address" dev lo || return
	done
	routes_up && routes_up_remote && wait_for 10 reached
}

links_down()
{
	local address

	for address in "${ENDS_OF_LOCAL[@]}"; do
		ip addr del "$address" dev lo
	done
	for address in "${ENDS_OF_REMOTE[@]}"; do
		on remote ip addr del "$address" dev lo
	done
	ip link del "$FALLBACK"
	on remote ip link del "$OPENED"
}

# Whatever state things are in; errors are of what is not there.
ends_down()
{
	local name

	for name in "${!PID[@]}"; do
		stop "$name" INT
	done
	[[ ${REMOTE_IF:-} ]] || return
	{
		flows_down
		fill_down
		device_give_back "${TAKEN:-}"
		interface_restore
		[[ ! $FEATURE ]] || set_feature "${FEATURE%% *}"
		[[ $UP == true ]] || ip link set dev "$NETIF" down
		routes_down
		links_down
		[[ $REMOTE_TYPE != ssh ]] || on remote rm -rf "$SCRATCH"
	} >/dev/null 2>&1
}
