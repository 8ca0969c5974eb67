#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 5: a security module that refuses every deletion is not called
# when a device goes, and does not keep a netns from going; but a task still needs
# its permission to delete what became INVALID, or to replace it.

. "$(dirname "$0")/lib/lib.sh"

declare -r VETO=/sys/kernel/debug/xfrm_veto

veto() # 0|1
{
	step "echo $1 >$VETO/deny"
	echo "$1" >"$VETO/deny"
}

asked() # state|policy
{
	cat "$VETO/asked_$1"
}

asked_all() { echo $(($(asked state) + $(asked policy))); }

# All SAs and policies of a host.
everything() # HOST
{
	sad "$1" && spd "$1"
}

set_up()
{
	FLOWS=("")
	hosts_up && flow_add transport v4 packet && flow_add tunnel v6 packet &&
		flow_add transport v4 crypto
}

# --- an unbind calls no security hook --------------------------------------------

by_cause() # CAUSE
{
	local before indices

	set_up || { not_ok "$1: set-up"; return; }
	indices=$(spd left | jq -c '[.[].index]')
	veto 1
	before=$(asked_all)
	take_away "$1"
	is "5: $1: nobody was asked" "$(asked_all)" "$before"
	is "5: $1: every SA is INVALID" \
		"$(count_sas left ".invalid.reason == \"$(reason_of "$1")\"")" 6
	is "5: $1: every policy is there" "$(spd left | jq -c '[.[].index]')" \
		"$indices"
	# A driver's word concerns SAs: the policies stay on their device.
	if [[ $1 == broken ]]; then
		nic_del left
	fi
	is "5: $1: in software" \
		"$(spd left | jq '[.[] | select(.offload)] | length')" 0
	balanced "$1"
	veto 0
	hosts_down
}

# --- a netns exits ----------------------------------------------------------------

in_netns() { [[ -e /run/netns/$1 ]]; }
root_has() { [[ -e /sys/class/net/$1 ]]; }
root_lacks() { ! root_has "$1"; }

# Namespaces end one batch after the other: when a second one has lost its
# device, all of the first has ended.
netns_exit() # NAME
{
	ip netns del "$1"
	[[ $1 != left ]] || wait_for 20 left_is_empty
	ip netns add after &&
		ip link add after0 type veth peer name inside netns after &&
		ip netns del after
	wait_for 20 root_lacks after0
}

# Its device, if it had one, has come to the first netns.
left_is_empty()
{
	! nic_exists left ||
		[[ -n $(ls "$NSIM/devices/netdevsim${NIC_ID[left]}/net" 2>/dev/null) ]]
}

exit_of() # WHAT [CAUSE]
{
	local before

	set_up || { not_ok "$1: set-up"; return; }
	[[ -z ${2:-} ]] || take_away "$2"
	sa left add 1 out 1 none && sa left add 2 in 1 none &&
		policy left add 1 fwd none || not_ok "$1: more SAs, in software"
	veto 1
	before=$(asked_all)
	check "5: $1: a netns exits" netns_exit left
	is "5: $1: nobody was asked" "$(asked_all)" "$before"
	! nic_exists left || nic_del left
	balanced "$1"
	check "5: $1: nothing was left behind" kernel_log_is_clean
	veto 0
	hosts_down
}

# --- a task asks, and is checked ----------------------------------------------------

# pfkey's words for an SA, a policy.
pfkey_sa() # VERB N out|in
{
	local from=left

	[[ $3 == out ]] || from=right
	find_sa "$from" "$2"
	step "left\$ pfkey $1 ${SA[1]} ${SA[3]} $SPI"
	on left pfkey "$1" "${SA[1]}" "${SA[3]}" "$SPI"
}

pfkey_policy() # VERB N out|in
{
	local words

	flow "$2"
	words=("$ADDR_left/$PREFIX" "$ADDR_right/$PREFIX")
	[[ $3 == out ]] || words=("$ADDR_right/$PREFIX" "$ADDR_left/$PREFIX")
	words+=("$3")
	[[ $1 == spddelete ]] || words+=("$2")
	step "left\$ pfkey $1 ${words[*]}"
	on left pfkey "$1" "${words[@]}"
}

index_of() # N out|in
{
	local from=left

	[[ $2 == out ]] || from=right
	flow "$1"
	local src=ADDR_$from
	spd left | jq ".[] | select(.dir == \"$2\" and
		(.sel.src | startswith(\"${!src}/\"))) | .index"
}

delete_by_index() # N out|in
{
	ctl left policy delete index "$(index_of "$@")" dir "$2"
}

pfkey_delete_by_index() # N out|in
{
	on left pfkey spddelete2 "$2" "$(index_of "$@")"
}

# What a task can do to what became INVALID: what it deletes, its name, how.
declare -r DELETIONS=(
	"state	XFRM_MSG_DELSA			sa left delete 1 out"
	"state	XFRM_MSG_NEWSA in its place	sa left add 1 in 0 none"
	"state	XFRM_MSG_NEWSA, tunnel, IPv6	sa left add 2 out 0 none"
	"state	XFRM_MSG_UPDSA in its place	sa left update 2 in 0 none"
	"state	SADB_DELETE			pfkey_sa delete 3 out"
	"state	SADB_DELETE, IPv6		pfkey_sa delete 4 out"
	"state	SADB_ADD in its place		pfkey_sa add 3 in"
	"state	SADB_UPDATE in its place	pfkey_sa update 4 in"
	"policy	XFRM_MSG_DELPOLICY		policy left delete 1 out"
	"policy	XFRM_MSG_DELPOLICY by index	delete_by_index 1 in"
	"policy	XFRM_MSG_NEWPOLICY in its place	policy left add 2 out none"
	"policy	SADB_X_SPDDELETE		pfkey_policy spddelete 3 out"
	"policy	SADB_X_SPDDELETE2		pfkey_delete_by_index 4 in"
	"policy	SADB_X_SPDADD in its place	pfkey_policy spdadd 3 in"
	"state	XFRM_MSG_FLUSHSA		ctl left state flush"
	"policy	XFRM_MSG_FLUSHPOLICY		ctl left policy flush"
)

declare -r PFKEY_FLUSHES=(
	"state	SADB_FLUSH			on left pfkey flush"
	"policy	SADB_X_SPDFLUSH			on left pfkey spdflush"
)

# Sets KIND, NAME, COMMAND.
deletion() # ENTRY
{
	IFS=$'\t' read -r KIND NAME COMMAND < <(tr -s '\t' <<<"$1")
}

refused_eperm() # WORDS
{
	# shellcheck disable=SC2086 # words, on purpose
	! $1 >"$OUT/refused.log" 2>&1 &&
		grep -q 'Operation not permitted' "$OUT/refused.log"
}

# The other kind is not asked about: that counts, too.
task_is_refused()
{
	local entry before state policy

	before=$(everything left)
	veto 1
	for entry in "${DELETIONS[@]}" "${PFKEY_FLUSHES[@]}"; do
		deletion "$entry"
		state=$(asked state) policy=$(asked policy)
		check "5: $NAME is refused" refused_eperm "$COMMAND"
		((${KIND}++))
		is "5: $NAME asked once" "$(asked state) $(asked policy)" \
			"$state $policy"
		is "5: $NAME changes nothing" "$(everything left)" "$before"
	done
	veto 0
}

task_is_allowed() # ENTRY...
{
	local entry before

	for entry; do
		deletion "$entry"
		before=$(everything left)
		# shellcheck disable=SC2086 # words, on purpose
		check "5: $NAME is allowed" $COMMAND
		check "5: $NAME does something" \
			test "$(everything left)" != "$before"
	done
}

task()
{
	FLOWS=("")
	hosts_up && flow_add transport v4 packet && flow_add tunnel v6 packet &&
		flow_add transport v4 packet && flow_add transport v6 packet ||
		{ not_ok "a task: set-up"; return; }
	nic_del left
	task_is_refused
	task_is_allowed "${DELETIONS[@]}"
	is "5: nothing is left" "$(sad left | jq length) $(spd left | jq length)" \
		"0 0"
	pfkey_sa add 1 out && pfkey_policy spdadd 1 out
	task_is_allowed "${PFKEY_FLUSHES[@]}"
	is "5: nothing is left" "$(sad left | jq length) $(spd left | jq length)" \
		"0 0"
	hosts_down
}

tap_header
begin
need pfkey
[[ -w $VETO/deny ]] ||
	skip_all "needs CONFIG_SECURITY_XFRM_VETO, and xfrm_veto in CONFIG_LSM or lsm="
veto 0
for cause in "${CAUSES[@]}"; do
	by_cause "$cause"
done
exit_of "netns exit with its device"
exit_of "netns exit after the device" delete
exit_of "netns exit, device elsewhere" move
task
finish
