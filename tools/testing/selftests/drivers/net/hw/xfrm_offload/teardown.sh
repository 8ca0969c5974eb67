#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The device goes away under traffic, for every cause that it allows, with a
# witness on the other end and one on the way that packets would take instead.
#
# To be sourced.

declare -rA ID_OF=([down]=DOWN [feature]=FEAT [move]=MOVE [unbind]=DRV [remove]=GONE)
declare -rA REASON_OF=([down]=device-down [feature]=feature-off [move]=device-unregistered
	[unbind]=device-unregistered [remove]=device-unregistered)

# Nothing, or why this cause is not to be had.
cause_lacks() # CAUSE
{
	case $1 in
	feature)
		[[ $FEATURE != *fixed* ]] || echo "esp-hw-offload of $NETIF is fixed" ;;
	unbind)
		[[ -w $DRIVER_PATH/unbind ]] || echo "$NETIF is on no bus that unbinds drivers" ;;
	remove)
		[[ ${BUS:-} == netdevsim || -w ${DEVICE_PATH:-/none}/remove ]] ||
			echo "$NETIF is on no bus that removes devices" ;;
	esac
}

device_take() # CAUSE
{
	TAKEN=$1
	step "take $NETIF away: $1"
	case $1 in
	down)
		ip link set dev "$NETIF" down ;;
	feature)
		set_feature off ;;
	move)
		ip netns add "$ELSEWHERE" && ip link set dev "$NETIF" netns "$ELSEWHERE" ;;
	unbind)
		echo "$BUS_ID" >"$DRIVER_PATH/unbind" ;;
	remove)
		if [[ $BUS == netdevsim ]]; then
			echo "${BUS_ID#netdevsim}" >/sys/bus/netdevsim/del_device
		else
			echo 1 >"$DEVICE_PATH/remove"
		fi ;;
	esac
}

# From wherever it is, with the routes of the tests.
device_give_back() # CAUSE
{
	[[ $1 ]] || return 0
	step "give $NETIF back after: $1"
	case $1 in
	down)
		ip link set dev "$NETIF" up ;;
	feature)
		set_feature on ;;
	move)
		ip -n "$ELSEWHERE" link set dev "$NETIF" netns $$ 2>/dev/null
		ip netns del "$ELSEWHERE" ;;
	unbind)
		echo "$BUS_ID" >"$DRIVER_PATH/bind" && wait_for 60 came_back ;;
	remove)
		if [[ $BUS == netdevsim ]]; then
			echo "${BUS_ID#netdevsim} 1" >/sys/bus/netdevsim/new_device
		else
			echo 1 >"/sys/bus/$BUS/rescan"
		fi && wait_for 60 came_back ;;
	esac || return
	TAKEN=
	case $1 in
	unbind | remove)
		device_ready ;;
	*)
		interface_restore && routes_up && wait_for 30 reached ;;
	esac
}

# Four kinds of SA at most, which differ in all of their words.
teardown_kinds()
{
	local wanted

	for wanted in "packet transport v4" "packet tunnel v6" \
		"crypto tunnel v4" "crypto transport v6"; do
		printf '%s\n' "${KINDS[@]}" | grep -x "$wanted"
	done
}

policies_of_flows()
{
	spd local | jq '[.[]
		| select((.sel.src // .src // "") | tostring
			| test("^(198[.]18[.]|2001:2:0:[12]:)"))
		| select(.offload | not)] | length'
}

told_invalid() # N SAs
{
	(($(heard_count '.event == "update-sa" and .sa.invalid') >= $1))
}

# What the hardware itself says, where there is a way to ask it.
keys_are_gone() # ID
{
	local held=''

	[[ ! $KEYS_LEFT ]] || held=$(bash -c "$KEYS_LEFT" 2>/dev/null)
	if [[ $held =~ ^[0-9]+$ ]]; then
		equal "$1" "SAs that the hardware holds after the device went" "$held" 0
	else
		lack "$1" "nothing tells what the hardware holds (KEYS_LEFT)"
	fi
}

# Under traffic, to the moment when everything was told. Flows stay.
lose() # CAUSE
{
	local id=XO-${ID_OF[$1]} kinds=() sas n filter

	mapfile -t kinds < <(teardown_kinds)
	((${#kinds[@]})) || kinds=("${KINDS[0]}")
	flows_of_kinds "${kinds[@]}" || return
	sas=$((2 * ${#kinds[@]}))
	HOST_OF[monitor]=local
	traffic_up && listen local sa || return
	if ! tried device_take "$1"; then
		lack_all "${COMMAND_TRIED#device_take }: $SAID" "$id"-{1..8}
		TAKEN=
		[[ $1 != move ]] || ip netns del "$ELSEWHERE"
		stop monitor
		return
	fi
	wait_elsewhere 50 || bad "$id-4" "no packet was refused after the device went"
	within 10 told_invalid "$sas"
	stop monitor
	traffic_down
	keys_are_gone "$id-8"
	snapshot
	# New sockets, beside those that were open.
	for n in $(flow_numbers); do
		ping_count local "$n" 4 0.05
		equal "$id-4" "$(kind_of "$n"): pings that are answered after the device went" \
			"$ANSWERS" 0
		is_invalid "$id-3" "$n" "$1"
	done
	equal "$id-4" "policies that are there, in software" "$(policies_of_flows)" "$sas"
	filter=".event == \"update-sa\" and .sa.invalid.dev == \"$NETIF\""
	equal "$id-5" "UPDSAs that name the device" "$(heard_count "$filter")" "$sas"
	good "$id-1" "taken under traffic, with $sas SAs: $(printf '%s, ' "${kinds[@]}")both ways"
}

is_invalid() # ID N CAUSE
{
	local out in

	spis_of "$2"
	out="${STATE[$OUT_SPI]:-gone} ${REASON[$OUT_SPI]:-}"
	in="${STATE[$IN_SPI]:-gone} ${REASON[$IN_SPI]:-}"
	equal "$1" "$(kind_of "$2"), out and in" "$out, $in" \
		"invalid ${REASON_OF[$3]}, invalid ${REASON_OF[$3]}"
}

# New SAs in the place of the INVALID ones, as a key manager does.
works_again() # CAUSE
{
	local id=XO-${ID_OF[$1]}-7 n kind dir

	for n in $(flow_numbers); do
		kind=$(kind_of "$n")
		QUIET=1 tried rekey "$n" 1 ||
			{ bad "$id" "$kind: $COMMAND_TRIED: $SAID"; continue; }
		for dir in out in; do
			[[ $kind != packet* ]] ||
				QUIET=1 tried policy local update "$n" "$dir" ||
				bad "$id" "$kind: $COMMAND_TRIED: $SAID"
		done
		pings "$n"
		equal "$id" "$kind: new SAs on the device, pings that are answered, of 4" \
			"$ANSWERS" 4
	done
}

group_teardown() # CAUSE
{
	local id=XO-${ID_OF[$1]} why n what sent top told=''

	why=$(cause_lacks "$1")
	if [[ $why || " $TEARDOWNS " != *" $1 "* ]]; then
		lack_all "${why:-left out (TEARDOWNS=\"$TEARDOWNS\")}" "$id"-{1..8}
		return
	fi
	witness "$1" || { WHY="the witness cannot record"; return; }
	lose "$1" || { [[ ! $TAKEN ]] || device_give_back "$TAKEN"; return; }
	[[ $TAKEN ]] || { traffic_down; return; }
	if device_give_back "$1"; then
		works_again "$1"
	else
		bad "$id-7" "the device does not come back"
	fi
	witness_end "$1" "$CLEARTEXT" "$UNVERIFIED" ||
		{ bad "$id-1" "the recording is not complete"; return; }
	equal "$id-1" "frames in clear, by the device or another way" "${COUNTS[0]}" 0
	equal "$id-2" "ESP frames with a wrong ICV" "${COUNTS[1]}" 0
	pairs_twice "$id-2" "$1"
	for n in $(flow_numbers); do
		spis_of "$n"
		[[ ${EXACT[$OUT_SPI]:-} == true ]] || continue
		told=yes
		sent=${SENT[$OUT_SPI]} top=${TOP[$OUT_SPI]:-0}
		what="the last number told is $sent, the last on the wire was $top"
		expect "$id-6" "$(kind_of "$n"): $what" test "$top" -le "$sent"
	done
	[[ $told ]] || lack "$id-6" "no counters are exact"
}
