#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Documentation/netlink/specs/xfrm.yaml says what this kernel says: ynl lists SAs
# and policies, writes back what it read, migrates an SA and hears of all of it, in
# Python and in C. Also on a kernel that knows neither INVALID SAs nor
# XFRM_MSG_MIGRATE_STATE.

. "$(dirname "$0")/lib/lib.sh"
. "$LIB/specs.sh"

declare -r PACKET=1 SOFTWARE=2

# A kernel without the feature has no such counter.
is_ours() { grep -q XfrmOffloadUnbind /proc/net/xfrm_stat; }

cli() # WORDS...
{
	step "left\$ cli.py $*"
	on left python3 "$YNL/cli.py" --spec "$YNL_SPEC" --output-json "$@"
}

operations() { cli --list-ops >"$OUT/operations"; }

# What both call the same thing.
ynl_sas()
{
	jq -Sc 'map({spi: .id.spi, reqid, mode, key: ."alg-aead"."alg-key",
		     bits: ."alg-aead"."alg-icv-len", esn: (.flags | contains(["esn"])),
		     offload: [."offload-dev" | select(.) | .ifindex, (.flags | sort)]}) |
		sort_by(.spi)'
}

xfrmctl_sas() # IFINDEX
{
	jq -Sc --argjson nic "$1" 'map({spi, reqid, mode, key: (.aead.key | ltrimstr("0x")),
		     bits: .aead.icv_bits, esn: (.flags // [] | contains(["esn"])),
		     offload: [.offload | select(.) | $nic,
			if .dir == "in" then ["inbound", "packet"] else ["packet"] end]}) |
		sort_by(.spi)'
}

listed()
{
	local mine theirs

	ctl left policy add src 10.77.0.1/32 dst 10.77.0.2/32 dir out priority 5 \
		tmpl proto comp reqid 8 mode transport level use \
		tmpl proto esp reqid 9 mode transport
	ynl dump getsa >"$OUT/sas"
	mine=$(ynl_sas <"$OUT/sas")
	theirs=$(sad left | xfrmctl_sas "$IFINDEX")
	is "SAs: as xfrmctl lists them" "$mine" "$theirs"
	is "and as cli.py does" "$(cli --dump getsa | ynl_sas)" "$theirs"

	ynl dump getpolicy >"$OUT/policies"
	mine=$(jq -Sc 'map({dir, priority, n: (.tmpl | length),
		reqid: .tmpl[0].reqid, mode: .tmpl[0].mode,
		offload: (."offload-dev" != null)}) | sort' "$OUT/policies")
	theirs=$(spd left | jq -Sc 'map({dir, priority, n: (.tmpls | length),
		reqid: .tmpls[0].reqid, mode: .tmpls[0].mode,
		offload: (.offload != null)}) | sort')
	is "policies: as xfrmctl lists them" "$mine" "$theirs"
	is "a dump of what serves no SA" \
		"$(ynl dump getsa '{"proto": 51}')" '[]'
}

# What names an SA of flow N that left sends under, as JSON.
sa_id() # N
{
	find_sa left "$1"
	printf '"daddr": "%s", "spi": %d, "family": 2, "proto": 50' \
		"$(ynl_address "$END_right")" "$SPI"
}

# jq rounds the largest numbers, those of no limit.
without() # KEY...
{
	python3 -c 'import json, sys
obj = json.load(sys.stdin)
for key in sys.argv[1:]:
    obj.pop(key, None)
print(json.dumps(obj, sort_keys=True))' "$@"
}

# What the kernel alone writes is left out.
configured() { without curlft stats lastused pad replay-val; }

written_back()
{
	local id before

	id=$(sa_id "$SOFTWARE")
	before=$(ynl ask getsa "{$id}" | configured)
	is "an SA is deleted" "$(ynl ask delsa "{$id}")" null
	is "and not there" "$(ynl ask getsa "{$id}")" "error ESRCH"
	is "what was read of it is written back" "$(ynl ask newsa "$before")" null
	is "and is the same" "$(ynl ask getsa "{$id}" | configured)" "$before"
	check "the flow sends" pings "$SOFTWARE"

	id=$(jq -c '[.[] | select(.dir == "out" and .tmpl[0].reqid == 2)][0] |
		{sel, dir, index}' "$OUT/policies")
	before=$(ynl ask getpolicy "$id" | without curlft)
	is "a policy is deleted" "$(ynl ask delpolicy "$id")" null
	is "and not there" "$(ynl ask getpolicy "$id")" "error ENOENT"
	is "and written back" "$(ynl ask newpolicy "$before")" null
	is "and is the same" "$(ynl ask getpolicy "$id" | without curlft)" "$before"
	check "the flow sends again" pings "$SOFTWARE"
	is "two numbers are told" "$(ynl ask getsadinfo '{}' | jq .cnt)" 4
}

events() { ynl events "$1" >"$OUT/events"; } # NUMBER

heard_names() { jq -c '[.[].name]' "$OUT/events"; }

listens()
{
	local id

	id=$(sa_id "$SOFTWARE")
	ynl listen sa policy expire migrate >/dev/null
	ctl left state delete "${SA[@]}"
	sa left add "$SOFTWARE" out
	policy left update "$SOFTWARE" out
	events 3
	is "events: their names" "$(heard_names)" \
		'["delsa-ntf","newsa-ntf","updpolicy-ntf"]'
	is "events: of which SA" "$(jq -c '[.[0].msg.spi, .[0].msg.sa.id.spi,
		.[1].msg.id.spi]' "$OUT/events")" "[$((SPI)),$((SPI)),$((SPI))]"
	is "events: the policy's templates" \
		"$(jq -c '.[2].msg.tmpl | map(.reqid)' "$OUT/events")" "[$SOFTWARE]"
}

# Flow PACKET's SA, to software.
migration()
{
	local id move

	find_sa left "$PACKET"
	id=$(sa_id "$PACKET")
	move=$(jq -c --arg to "$(ynl_address "$END_right")" \
		--arg from "$(ynl_address "$END_left")" '{id: ., "new-daddr": $to,
		"new-saddr": $from, "new-family": 2, "new-reqid": 7,
		flags: ["clear-offload"]}' <<<"{$id}")
	if ! is_ours; then
		is "this kernel knows no migration" \
			"$(ynl ask migrate-state "$move" | cut -d ' ' -f 1,2)" "error EINVAL"
		return
	fi
	is "an SA migrates" "$(ynl ask migrate-state "$move")" null
	is "and is told" "$(events 1; jq -c '.[0] | [.name, .msg.id.spi, .msg.flags]' \
		"$OUT/events")" "[\"migrate-state-ntf\",$((SPI)),[\"clear-offload\"]]"
	is "it is in software" "$(ynl ask getsa "{$(sa_id "$PACKET")}" |
		jq -c '[.reqid, ."offload-dev"]')" '[7,null]'
	is "a refusal names the attribute" "$(ynl ask migrate-state \
		"$(jq -c '."set-mark-mask" = 1' <<<"$move")" | cut -d ' ' -f 1-3)" \
		"error EINVAL XFRMA_SET_MARK_MASK"
}

# Left's NIC goes down: flow PACKET's SA for what comes in is INVALID.
unbound()
{
	local seen

	ip -n left link set nic0 down
	if ! is_ours; then
		is "this kernel deletes the SA" \
			"$(ynl dump getsa | jq '[.[] | select(.reqid == 1)] | length')" 0
		return
	fi
	events 3
	seen='{reason, ifname, exact, at: .ifindex}'
	ynl dump getsa >"$OUT/sas"
	is "an INVALID SA says why" \
		"$(jq -c "[.[] | select(.reqid == 1) | .invalid | $seen]" "$OUT/sas")" \
		"[{\"reason\":\"device-down\",\"ifname\":\"nic0\",\"exact\":true,\"at\":$IFINDEX}]"
	is "so does its event" "$(jq -c "[.[] | select(.name == \"updsa-ntf\") |
		.msg.invalid | $seen]" "$OUT/events")" \
		"[{\"reason\":\"device-down\",\"ifname\":\"nic0\",\"exact\":true,\"at\":$IFINDEX}]"
}

# The same by the library that is made for C.
in_c()
{
	local said

	is "C: SAs" "$(on left ynl_xfrm list | grep -c '^sa ')" \
		"$(sad left | jq length)"
	is "C: policies" "$(on left ynl_xfrm list | grep -c '^policy ')" \
		"$(spd left | jq length)"
	! is_ours || is "C: the INVALID one" \
		"$(on left ynl_xfrm list | grep -c 'INVALID: nic0, exact')" 1
	find_sa left "$SOFTWARE"
	is "C: it deletes an SA and hears of it" \
		"$(on left ynl_xfrm delete "$END_right" "$SPI" | xargs)" \
		"deleted told $((SPI))"
	said=$(on left ynl_xfrm delete "$END_right" "$SPI")
	is "C: a refusal" "$said" "error: No such process"
}

tap_header
begin
need_ynl
need ynl_xfrm
hosts_up && flow_add tunnel v4 packet && flow_add tunnel v4 none 128 esn ||
	skip_all "the flows cannot be set up"
ifindex left nic0
check "the schema takes the description" operations
ynl_start left || not_ok "ynl starts"
listed
written_back
listens
migration
unbound
in_c
hosts_down
finish
