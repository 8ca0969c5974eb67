#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Memory: 2G
#
# Invariant 8: an unbind of 100,000 SAs stalls no other task and drops no
# notification in silence; and an unbind of a few costs what the few cost,
# whatever else the host holds. Times are printed, never judged.

. "$(dirname "$0")/lib/lib.sh"

declare -r ALL_SAS=100000 ALL_POLICIES=10000 FEW=1000 ROUNDS=5
# Filled in steps; no further step with less memory than that, or after so long.
declare -r STEP=10000 LEAST_KB=$((150 * 1024)) FILL_SECONDS=90

# Entries of a host never get a number twice.
declare -A FILLED=([sas]=0 [policies]=0)

fill() # sas|policies N [packet DEV]
{
	QUIET=1 left xfrm_fill "$1" "$2" "${FILLED[$1]}" "${@:3}" || return
	((FILLED[$1] += $2))
}

free_kb() { awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo; }

# As many as there is room and time for; see FILLED.
fill_up() # sas|policies N [packet DEV]
{
	local until=$((SECONDS + FILL_SECONDS))

	while ((FILLED[$1] < $2 && SECONDS < until && $(free_kb) > LEAST_KB)); do
		fill "$1" "$STEP" "${@:3}" || return
	done
}

# Sets CENSUS: what the host holds, by name.
declare -A CENSUS=()
take_census()
{
	local name n

	while read -r name n; do
		CENSUS[$name]=$n
	done < <(on left xfrm_fill census)
}

ms_of() # COMMAND...: sets MS
{
	local begin

	begin=$(now_us)
	"$@"
	MS=$((($(now_us) - begin) / 1000))
}

# Sets FASTEST of a few rounds: SAs and policies onto the NIC, the NIC down.
time_few()
{
	local round ms=()

	for ((round = 0; round < ROUNDS; round++)); do
		ip -n left link set nic0 up
		fill sas "$FEW" packet nic0 && fill policies "$FEW" packet nic0 ||
			return
		QUIET=1 ms_of left ip link set nic0 down
		ms+=("$MS")
	done
	FASTEST=$(printf '%s\n' "${ms[@]}" | sort -n | head -n 1)
	note "unbinding $FEW SAs and $FEW policies: ${ms[*]} ms"
}

few_alone()
{
	check "a few alone" time_few
	ALONE=$FASTEST
	on left "$XFRMCTL" state flush
	on left "$XFRMCTL" policy flush
}

# --- all -----------------------------------------------------------------------------

# Another process, which runs a hundred times a second; see ticks.
start_ticker()
{
	start ticker left tick bash -c '
		exec {never}<> <(:)
		while :; do echo tick; read -rt 0.01 -u "$never"; done'
}

ticks() { grep -c tick "$OUT/ticker.log"; }

told() { (($(heard_count '.event == "expire-sa"') == $1)) || lost_told; } # N
told_pfkey() { (($(grep -c '^expire soft' "$OUT/pfkey.log") == $1)) || says pfkey '^lost'; } # N

# What a kernel that is held up too long says.
nobody_stalled()
{
	! kernel_log | grep -E 'soft lockup|stall|blocked for more than|hung_task'
}

all_at_once()
{
	local sas policies unbinds before ran

	ip -n left link set nic0 up
	unbinds=$(xfrm_stat left XfrmOffloadUnbind)
	FILLED[sas]=0 FILLED[policies]=0
	ms_of fill_up sas "$ALL_SAS" packet nic0
	note "${FILLED[sas]} SAs in $MS ms"
	ms_of fill_up policies "$ALL_POLICIES" packet nic0
	note "${FILLED[policies]} policies in $MS ms"
	sas=${FILLED[sas]} policies=${FILLED[policies]}
	if ((sas == ALL_SAS)); then
		ok "8: the NIC holds $ALL_SAS SAs"
	else
		skip "8: the NIC holds $ALL_SAS SAs" \
			"memory or time was enough for $sas only"
	fi
	take_census
	is "8: all that were asked for are on it" \
		"${CENSUS[sas_offloaded]} ${CENSUS[policies_offloaded]}" \
		"$sas $policies"

	listen left
	start pfkey left '^register' pfkey listen
	start_ticker
	# So that they cannot help losing some.
	kill -STOP "${PID[monitor]}" "${PID[pfkey]}"
	before=$(ticks)
	ms_of left ip link set nic0 down
	ran=$(($(ticks) - before))
	kill -CONT "${PID[monitor]}" "${PID[pfkey]}"
	stop ticker
	note "unbinding $sas SAs and $policies policies: $MS ms;" \
		"another process ran $ran times meanwhile"
	more_than "8: others run while it lasts" "$ran" $((MS / 100))

	take_census
	is "8: every SA is there, INVALID" \
		"${CENSUS[sas]} ${CENSUS[sas_invalid]}" "$sas $sas"
	is "8: every policy is there, in software" \
		"${CENSUS[policies]} ${CENSUS[policies_offloaded]}" "$policies 0"
	is "8: the counter counts every SA" \
		"$(($(xfrm_stat left XfrmOffloadUnbind) - unbinds))" "$sas"
	check "6: netlink told of each, or that it did not" \
		wait_for 60 told "$sas"
	check "6: PF_KEY told of each, or that it did not" \
		wait_for 60 told_pfkey "$sas"
	note "heard $(heard_count '.event == "expire-sa"') by netlink," \
		"$(grep -c '^expire soft' "$OUT/pfkey.log") by PF_KEY"
	stop monitor
	stop pfkey
	balanced "a hundred thousand"
	check "8: nobody stalled" nobody_stalled
	ms_of nic_del left
	note "deleting the device then: $MS ms"
}

# --- a few beside many ---------------------------------------------------------------

# The others are what is left of all, in software now, and more policies.
few_beside_many()
{
	nic_add "left" left nic0 || { not_ok "a new NIC"; return; }
	fill_up policies $((FILLED[sas]))
	take_census
	note "beside ${CENSUS[sas]} other SAs and ${CENSUS[policies]} other policies"
	check "a few beside many" time_few
	note "the fastest round with the others to that without: $FASTEST ms / $ALONE ms =" \
		"$(awk "BEGIN { printf \"%.2f\", $FASTEST / ($ALONE ? $ALONE : 1) }")"
	ms_of on left "$XFRMCTL" state flush
	note "flushing the SAs: $MS ms"
	is "5: flush leaves nothing" "$(on left xfrm_fill census | head -n 1)" \
		"sas 0"
	on left "$XFRMCTL" policy flush
}

tap_header
begin
need pfkey xfrm_fill
hosts_up || { not_ok "set-up"; finish; }
few_alone
all_at_once
few_beside_many
hosts_down
finish
