#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariants 4 and 5: what is offloaded to a device is torn down on it exactly
# once, and the device goes at once, whatever of xfrm is on it: live SAs,
# larval ones, deleted ones that are still referenced. Each step on the way is one
# that lib/steps has.

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/trace.sh"

# An unregister that waits for a reference is reported after ten seconds.
declare -r PROMPT_MS=$((2000 * ${LAB_SLOW:-1}))

timed() # COMMAND...: sets MS
{
	local begin

	begin=$(now_us)
	"$@"
	MS=$((($(now_us) - begin) / 1000))
}

prompt() # WHAT COMMAND...
{
	timed "${@:2}"
	note "$1: $MS ms"
	check "4: $1 is prompt" test "$MS" -lt "$PROMPT_MS"
}

set_up()
{
	FLOWS=("")
	hosts_up && flow_add transport v4 packet && flow_add tunnel v6 packet &&
		flow_add transport v6 crypto && flow_add tunnel v4 crypto
}

live()
{
	set_up || { not_ok "live: set-up"; return; }
	ping_flow 1 && ping_flow 2 && ping_flow 3 && ping_flow 4
	wait_traffic 200
	prompt "deleting a device under load" nic_del left
	balanced "live SAs"
	hosts_down
	steps_judged "live SAs"
}

# A packet that finds a policy and no SA leaves a larval SA on the device.
larval()
{
	set_up || { not_ok "larval: set-up"; return; }
	sa left delete 1 out && sa left delete 2 out
	listen left acquire
	no_answer 1
	no_answer 2
	more_than "4: there are larval SAs" \
		"$(ip -n left xfrm state | grep -c 'spi 0x00000000')" 0
	prompt "deleting a device with larval SAs" nic_del left
	balanced "larval SAs"
	hosts_down
	steps_judged "larval SAs"
}

# Sockets that are connected keep the SA of their last packet.
hold() # N
{
	flow "$1"
	start "hold-$1" left ready python3 -c "
import signal, socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
s.connect((sys.argv[2], 9))
s.send(b'x')
print('ready', flush=True)
signal.pause()" "$ADDR_left" "$ADDR_right"
}

held()
{
	local n dir

	set_up || { not_ok "held: set-up"; return; }
	for n in $(flow_numbers); do
		hold "$n"
	done
	for n in $(flow_numbers); do
		for dir in out in; do
			sa left delete "$n" "$dir"
			policy left delete "$n" "$dir"
		done
	done
	is "4: SAs are deleted, though held" "$(sad left | jq length)" 0
	prompt "deleting a device with deleted SAs that are held" nic_del left
	balanced "held SAs"
	hosts_down
	steps_judged "held SAs"
}

# What the key managers do when the device is back.
again() # GENERATION
{
	local n

	for n in $(flow_numbers); do
		policy left update "$n" out && policy left update "$n" in &&
			rekey "$n" "$1" || return
	done
}

up_and_down()
{
	local round bad=0

	set_up || { not_ok "up and down: set-up"; return; }
	for round in 1 2 3 4 5; do
		ping_flow 1 && ping_flow 3
		wait_traffic 50 || bad=1
		ip -n left link set nic0 down
		stop ping-1 INT
		stop ping-3 INT
		nic_port_up left && again "$round" || bad=1
		pings 1 && pings 2 && pings 3 && pings 4 || bad=1
		((bad == 0)) || break
	done
	[[ $bad == 0 ]] || note "failed in round $round"
	is "4: a device that goes down and up is as good as new" "$bad" 0
	prompt "deleting it in the end" nic_del left
	balanced "down and up"
	hosts_down
	steps_judged "down and up"
}

comes_back()
{
	set_up || { not_ok "comes back: set-up"; return; }
	nic_del left
	nic_back && nic_port_up left
	check "a NIC that comes back takes the SAs again" again 1
	check "and encrypts" pings 1
	check "and encrypts, crypto offload" pings 4
	is "the SAs are on it" \
		"$(sad left | jq '[.[] | select(.offload)] | length')" 8
	prompt "deleting it again" nic_del left
	balanced "back again"
	hosts_down
	steps_judged "back again"
}

# Nothing was deleted before.
netns_exit()
{
	set_up || { not_ok "netns exit: set-up"; return; }
	pings 1 && pings 3
	ip netns del left
	check "5: a netns exits with SAs on its device" wait_for 10 left_moved
	prompt "deleting the device then" nic_del left
	balanced "netns exit"
	hosts_down
	steps_judged "netns exit"
}

tap_header
begin
steps_begin
live
larval
held
up_and_down
comes_back
netns_exit
finish
