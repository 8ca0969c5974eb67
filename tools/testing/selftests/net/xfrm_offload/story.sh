#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The story: a NIC that encrypts is unplugged under load. Printed for a person to
# watch; not a test. What happened stays in $OUT: the captures, the keys (so
# that tshark can be the witness afterwards) and, in "facts", what the host
# said about itself.
#
# Runs to its end on a stock kernel too, and shows what happens there.

. "$(dirname "$0")/lib/lib.sh"

QUIET=1
CHAPTER=0

chapter() { printf '\n%d. %s\n\n' $((++CHAPTER)) "$*"; }
tell() { printf '   %s\n' "$*"; }
fact() { echo "$1=$2" >>"$OUT/facts"; }

# Shows a command and what it prints.
show() # HOST COMMAND...
{
	tell "$1# ${*:2}"
	on "$1" "${@:2}" 2>&1 | sed 's/^/     /'
}

fail()
{
	tell "The story cannot go on: $*"
	exit 1
}

two_hosts()
{
	chapter "Two hosts, each with a NIC that encrypts (nic0) and a plain second port (back0)"
	hosts_up && flow_add transport v4 packet && flow_add transport v6 packet ||
		fail "the hosts could not be set up"
	tell "left  10.1.0.1 fd00:1::2     nic0 ======= nic0     10.2.0.1 fd00:2::2  right"
	tell "                            back0 ------- back0"
	echo
	tell "Packet offload: policies and SAs, both ways, IPv4 and IPv6, are on the NICs."
	sa_lines left
	show left ip route get 10.2.0.1 from 10.1.0.1
}

# --- traffic -----------------------------------------------------------------------

# One iperf3 in each direction, for as long as the story needs.
iperf() # NAME N PORT WORDS...
{
	flow "$2"
	start "server-$1" right 'Server listening' iperf3 --forceflush -s \
		-B "$ADDR_right" -p "$3"
	start "client-$1" left '' iperf3 --forceflush -c "$ADDR_right" \
		-B "$ADDR_left" -p "$3" --bidir -t 120 "${@:4}"
}

full_speed()
{
	chapter "Traffic at full speed, both ways; tcpdump records both paths" \
		"from before the first packet"
	capture_cable nic && capture_patch back || fail "tcpdump does not start"
	listen left
	iperf tcp4 1 5201
	iperf tcp6 2 5202
	iperf udp4 1 5203 -u -b 8M -l 1200
	iperf udp6 2 5204 -u -b 8M -l 1200
	ping_flow 1
	ping_flow 2
	wait_traffic 4000 || fail "there is no traffic"
	tell "iperf3: TCP and UDP over IPv4 and IPv6, and ping:" \
		"$(packets_by_nic) frames from left's NIC so far"
}

# --- the NIC goes --------------------------------------------------------------------

unplugged() { [[ -s $SCRATCH/unplugged ]]; }

unplug()
{
	local before ms

	chapter "left's NIC is unplugged under load"
	tell "left# echo ${NIC_ID[left]} >$NSIM/del_device"
	before=$(now_us)
	fact unplug_us "$before"
	{ nic_del left && now_us >"$SCRATCH/unplugged"; } &
	if within 10 unplugged; then
		ms=$((($(<"$SCRATCH/unplugged") - before + 500) / 1000))
		tell "The device is gone after $ms ms."
		fact unregister_ms "$ms"
	else
		tell "The device is not gone after 10 s: the kernel waits for what still holds it."
		fact unregister_ms never
	fi
	tell "The traffic does not stop, and the route leads over back0 now:"
	show left ip route get 10.2.0.1 from 10.1.0.1
	within 10 at_least $(($(packets_elsewhere) + 300)) packets_elsewhere ||
		tell "The hosts have fallen silent."
	tell "Since then left's kernel refused $(xfrm_stat left 'XfrmOut.*') packets," \
		"and back0 sent $(packets left back0 tx)."
}

# When the first SA was said to have expired, in microseconds since the epoch.
told_us()
{
	heard '.event == "expire-sa"' | jq -s 'if length > 0 then
		(.[0].time * 1000000 | floor) else halt_error end' 2>/dev/null
}

# One line for each SA that has a key: a person can take that in.
sa_lines() # HOST
{
	local src dst spi what

	while read -r src dst spi what; do
		printf '     %-10s -> %-10s  spi 0x%x  %s\n' "$src" "$dst" "$spi" \
			"$what"
	done < <(sad "$1" | jq -r 'sort_by(.spi)[] | select(.spi != 0) |
		"\(.src) \(.dst) \(.spi) " +
		if .invalid then
			"INVALID: \(.invalid.dev) \(.invalid.reason)"
		elif .offload then
			"\(.offload.mode) offload on \(.offload.dev)"
		else
			"software"
		end')
}

# What the key manager heard, and when.
heard_lines()
{
	heard '.event == "expire-sa" or .event == "update-policy"' | jq -r '
		(.time % 86400 | strftime("%T")) + " " +
		if .sa then
			"SA expired: " + .sa.src + " -> " + .sa.dst + ", " +
			.sa.invalid.dev + " " + .sa.invalid.reason
		else
			"policy updated: " + .policy.sel.src + " -> " +
			.policy.sel.dst + " " + .policy.dir + ", in software"
		end'
}

what_left_knows()
{
	local told sas invalid policies

	chapter "What left knows now: xfrmctl state list"
	sa_lines left
	sas=$(count_sas left '.spi != 0') # 0: those that only wait for a key
	invalid=$(count_sas left .invalid)
	policies=$(spd left | jq length)
	tell "$sas of 4 SAs are there, $invalid of them INVALID; $policies of 4 policies."
	echo
	if ((invalid > 0)); then
		find_sa left 1
		tell "left# xfrmctl state get ${SA[*]}"
		on left "$XFRMCTL" state get "${SA[@]}" | sed 's/^/     /'
		echo
	fi
	fact sas "$sas"
	fact invalid "$invalid"
	fact policies "$policies"

	# Key managers are told when the devices have settled.
	within 5 told_us >/dev/null
	if told=$(told_us); then
		told=$(((told - $(sed -n 's/^unplug_us=//p' "$OUT/facts")) / 100))
		told=$((told / 10)).$((told % 10))
		tell "The key manager was told $told ms after the unplug:"
		heard_lines | sed 's/^/     /'
	else
		told=never
		tell "The key manager was not told: xfrmctl monitor printed nothing."
	fi
	fact told_ms "$told"
}

# --- a new SA --------------------------------------------------------------------------

# What the two key managers do: new SPIs, new keys, software. left keeps its
# policies as they are. right's NIC is still there, but its cable leads nowhere:
# right moves its policies and its route off it.
new_sas()
{
	local n host

	chapter "New SAs, in software"
	for n in tcp4 tcp6 udp4 udp6; do
		stop "client-$n" KILL
		stop "server-$n" KILL
	done
	fact rekey_us "$(now_us)"
	tell "Both key managers add SAs with new SPIs and keys." \
		"left keeps its policies as they are."
	echo
	for n in 1 2; do
		for host in left right; do
			remember_key "$host" "$n" 1
			sa "$host" add "$n" in 1 none || fail "no new SA"
			sa "$host" add "$n" out 1 none || fail "no new SA"
		done
		policy right update "$n" out none
		policy right update "$n" in none
	done
	nic_route_del right
	sa_lines left
	for n in 1 2; do
		flow "$n"
		start "server-$n" right 'Server listening' iperf3 --forceflush \
			-s -B "$ADDR_right" -p "521$n"
		echo
		tell "left# iperf3 -c $ADDR_right -n 2M"
		on left timeout 10 iperf3 -c "$ADDR_right" -B "$ADDR_left" \
			-p "521$n" -n 2M --connect-timeout 3000 2>&1 |
			grep -E 'receiver|error' | sed 's/^/     /'
	done
}

end()
{
	stop ping-1 INT
	stop ping-2 INT
	capture_end nic || fail "the capture on the cable has gaps"
	capture_end back || fail "the capture on back0 has gaps"
	stop monitor
	fact complete 1
}

begin
two_hosts
full_speed
unplug
what_left_knows
new_sas
end
