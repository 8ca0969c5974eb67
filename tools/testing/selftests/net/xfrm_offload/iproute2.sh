#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ip xfrm with patches/iproute2: text as it was for what is not ours, JSON that a
# parser takes, "state migrate", and what an operator reads when a NIC went. Runs in
# a netns of its own, on any kernel: what the kernel cannot do is skipped.
#
# Reads from the environment:
#	IPROUTE2_IP		the ip with the patches; without it the one in PATH
#	IPROUTE2_BEFORE		the same without them: its text is the measure
#
# Most functions are called by check(), which shellcheck cannot see.
# shellcheck disable=SC2317

if [[ -z ${IPROUTE2_TEST_NETNS:-} && $EUID == 0 ]]; then
	IPROUTE2_TEST_NETNS=1 exec unshare --net -- "$0" "$@"
fi

# shellcheck source=lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"
# shellcheck source=lib/specs.sh
. "$LIB/specs.sh"
# shellcheck source=lib/alone.sh
. "$LIB/alone.sh"

IP=${IPROUTE2_IP:-ip}
BEFORE=${IPROUTE2_BEFORE:-}

SRC4="src 192.0.2.1 dst 192.0.2.2 proto esp"
SRC6="src 2001:db8::1 dst 2001:db8::2 proto esp"
ID="dst 192.0.2.2 proto esp spi 0x1000"
NIC_NUMBER=78

set_up()
{
	((EUID == 0)) || skip_all "needs root"
	need jq python3 unshare
	command -v "$IP" >/dev/null && xfrm state help 2>&1 | grep -q 'state migrate' ||
		skip_all "needs an ip with patches/iproute2: make ip IPROUTE2=DIR"
	begin_alone
}

xfrm() { "$IP" xfrm "$@"; } # WORD...

run() { run_tool "$IP" "$@"; } # WORD...

flush() { xfrm state flush && xfrm policy flush; }

everything() { xfrm state; xfrm policy; }

migrates_sas()
{
	"$XFRMCTL" -j probe | jq -e '.migrate_state.supported == "yes"' >/dev/null
}

unbinds()
{
	"$XFRMCTL" -j probe | jq -e '.unbind.supported == "yes"' >/dev/null
}

# --- what there is to see --------------------------------------------------------

STATES=(
	"$SRC4 spi 0x1000 reqid 7 mode transport $GCM"
	"$SRC4 spi 2 mode tunnel flag esn align4 replay-window 300 $GCM dir in
		replay-seq 5 replay-seq-hi 1"
	"$SRC6 spi 3 mode tunnel enc cbc(aes) $KEY128 auth-trunc hmac(sha256) $KEY256 96
		extra-flag oseq-may-wrap dont-encap-dscp dir out tfcpad 100"
	"$SRC4 spi 4 $GCM mark 0x10 mask 0xff output-mark 5 mask 0xf if_id 9
		sel src 10.0.0.0/8 dst 10.1.0.0/16 proto tcp sport 4 dport 5 dev lo"
	"$SRC4 spi 5 $GCM output-mark 5 encap espinudp 4500 4501 0.0.0.0
		limit byte-soft 5 limit packet-hard 7 limit time-hard 1000 limit time-use-soft 77"
	"src 192.0.2.1 dst 192.0.2.2 proto comp spi 6 comp deflate"
	"src 192.0.2.1 dst 192.0.2.2 proto ah spi 7 auth hmac(sha256) $KEY256 replay-window 32"
	"$SRC4 spi 8 mode beet $GCM flag noecn decap-dscp nopmtudisc wildrecv icmp"
	"$SRC6 spi 9 $GCM sel src ::/0 proto ipv6-icmp type 5 code 6"
)

TMPL="tmpl src 192.0.2.1 dst 192.0.2.2 proto esp"
POLICIES=(
	"src 10.0.0.0/8 dst 10.9.0.0/16 dir out priority 50 $TMPL spi 17 reqid 3 mode tunnel
		$TMPL level use"
	"src ::/0 dst 2001:db8::/32 dir fwd action block flag localok icmp"
	"dst 10.0.0.0/8 proto gre key 1.2.3.4 dir out mark 7 if_id 3"
	"dst 10.0.0.0/8 proto icmp type 8 code 0 dir in ptype sub limit time-hard 900"
	"dst 2001:db8::/32 proto mobility-header type 5 dir out"
)

add_all()
{
	local line

	# Older versions do not have the word.
	! xfrm state help 2>&1 | grep -q pcpu-num || STATES+=("$SRC4 spi 10 $GCM dir in pcpu-num 0")
	for line in "${STATES[@]}"; do
		run "xfrm state add $line" || { note "$line: $(<"$OUT/err")"; return 1; }
	done
	for line in "${POLICIES[@]}"; do
		run "xfrm policy add $line" || { note "$line: $(<"$OUT/err")"; return 1; }
	done
}

# Until it is ended: an outbound one. No tool sets it.
socket_policy()
{
	: >"$OUT/socket.log"
	python3 -c 'import socket, struct, signal
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
selector = bytes(40) + struct.pack("=HBBB3xiI", socket.AF_INET, 0, 0, 0, 0, 0)
limits = b"\xff" * 32 + bytes(32)
s.setsockopt(socket.SOL_IP, 17, selector + limits + bytes(32) +
             struct.pack("=IIBBBB4x", 0, 0, 1, 0, 0, 0))
print("ready", flush=True)
signal.pause()' >"$OUT/socket.log" 2>&1 </dev/null &
	PID[socket]=$!
	wait_for 20 says socket ready && xfrm policy | grep -q "socket out"
}

# What shows SAs and policies, with the options that change how.
OPTIONS=("" "-s -s" "-o -s" "-d -6")
JSON_OPTIONS=("" "-s -s" "-p -4")
SHOWS=("state" "state list nokeys" "state list mode tunnel" "state list proto ah"
	"state list spi 99" "state count" "state get $ID" "policy" "policy list nosock"
	"policy list dir in" "policy count" "policy getdefault"
	"policy get src ::/0 dst 2001:db8::/32 dir fwd")

as_before() # OPTIONS
{
	local show

	for show in "${SHOWS[@]}"; do
		# shellcheck disable=SC2086 # two lists of words
		diff <("$IP" $1 xfrm $show 2>&1) <("$BEFORE" $1 xfrm $show 2>&1) \
			>"$OUT/diff" && continue
		note "ip $1 xfrm $show: now < > before:"
		sed 's/^/#   /' "$OUT/diff"
		return 1
	done
}

# Python is strict about what JSON is. Of what failed there is none: -4 and -6 are
# for one of the two that get asks for.
parsed_as_json() # OPTIONS
{
	local show

	mkdir -p "$OUT/json.d"
	rm -f "$OUT/json.d"/*
	for show in "${SHOWS[@]}"; do
		# shellcheck disable=SC2086 # two lists of words
		"$IP" -j $1 xfrm $show >"$OUT/json.d/${show//\//_}" 2>"$OUT/err" ||
			[[ -s $OUT/json.d/${show//\//_} || ! -s $OUT/err ]] ||
			rm "$OUT/json.d/${show//\//_}"
	done
	python3 - "$OUT/json.d"/* <<-'END'
		import json, sys
		for name in sys.argv[1:]:
		    text = open(name).read()
		    try:
		        assert isinstance(json.loads(text), list)
		    except (ValueError, AssertionError) as error:
		        sys.exit(f'# {name}: {error}: {text[:300]}')
	END
}

# Each member that xfrmctl prints is there, and has the same value.
as_xfrmctl_says() # NOUN
{
	diff <("$IP" -j -s xfrm "$1" | jq -S "$JQ_KNOWN") \
	     <("$XFRMCTL" -j "$1" list | jq -S "$JQ_KNOWN") >"$OUT/diff" && return
	note "ip's < > xfrmctl's:"
	sed 's/^/#   /' "$OUT/diff"
	return 1
}

# With -s ip says more of templates.
JQ_KNOWN='map(del(.tmpls[]? | .share, .enc_mask, .auth_mask, .comp_mask))'

# Without blanks at the end of lines. ip shows ESN's window elsewhere.
lines()
{
	sed -E 's/[ \t]+$//; s/^(\treplay-window) [0-9]+/\1/'
}

in_the_lines_of_xfrmctl() # NOUN
{
	diff <(xfrm "$1" | lines) <("$XFRMCTL" "$1" list | lines) >"$OUT/diff" && return
	note "ip's < > xfrmctl's:"
	sed 's/^/#   /' "$OUT/diff"
	return 1
}

shown()
{
	local options

	check "SAs and policies of many kinds" add_all
	check "a socket with a policy of its own" socket_policy
	for options in "${OPTIONS[@]}"; do
		if [[ $BEFORE ]]; then
			check "text is what it was: ip ${options:+$options }xfrm" \
				as_before "$options"
		else
			skip "text is what it was: ip ${options:+$options }xfrm" \
				"needs the ip without the patches"
		fi
	done
	for options in "${JSON_OPTIONS[@]}"; do
		check "JSON: ip -j ${options:+$options }xfrm" parsed_as_json "$options"
	done
	check "JSON: SAs are what xfrmctl says" as_xfrmctl_says state
	check "JSON: policies are what xfrmctl says" as_xfrmctl_says policy
	check "text: SAs in the lines of xfrmctl" in_the_lines_of_xfrmctl state
	check "text: policies in the lines of xfrmctl" in_the_lines_of_xfrmctl policy
	is "JSON: nokeys hides keys" \
		"$("$IP" -j xfrm state list nokeys | grep -c 000102)" 0
	is "JSON: what nokeys leaves" "$("$IP" -j xfrm state list nokeys spi 0x1000 |
		jq -c '.[0].aead')" '{"name":"rfc4106(gcm(aes))","key_bits":160,"icv_bits":128}'
	is "JSON: nothing there" "$("$IP" -j xfrm state list spi 99 | jq -c .)" '[]'
	is "JSON: count" "$("$IP" -j xfrm state count | jq '.[0].count')" "${#STATES[@]}"
	stop socket
	flush
}

# --- events -----------------------------------------------------------------------

# A monitor does not say when it listens; it does when it has told of this.
watch() # NAME IP OPTION... -- WORD...
{
	local name=$1 options=() ip=$2

	shift 2
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	: >"$OUT/$name.events"
	"$ip" "${options[@]}" xfrm monitor "${@:2}" >"$OUT/$name.events" \
		2>"$OUT/$name.err" </dev/null &
	PID[$name]=$!
	wait_for 10 mark_is_told "$name"
}

mark_is_told() # NAME
{
	xfrm policy add dst 10.255.0.0/16 dir fwd
	xfrm policy delete dst 10.255.0.0/16 dir fwd
	xfrm state add dst 192.0.2.255 proto comp spi 255 comp deflate
	xfrm state delete dst 192.0.2.255 proto comp spi 255
	grep -q -e 10.255.0.0 -e 192.0.2.255 "$OUT/$1.events"
}

# Up to an end that each of them has told.
all_told() # NAME...
{
	local name

	xfrm state flush proto route2
	xfrm policy add dst 10.254.0.0/16 dir fwd
	xfrm policy flush
	for name; do
		wait_for 10 grep -q 10.254.0.0 "$OUT/$name.events" || return
		wait_for 10 end_of_log "$name" || return
	done
}

# The flush comes after it.
end_of_log() { tail -n 2 "$OUT/$1.events" | grep -qi flush; } # NAME

events() # NAME JQ-CONDITION
{
	jq -c "select($2)" "$OUT/$1.events"
}

touch_everything()
{
	run "xfrm state add ${STATES[0]}"
	run "xfrm state update ${STATES[0]} limit time-hard 1"
	run "xfrm state add ${STATES[1]}"
	run "xfrm state add ${STATES[2]}"
	run "xfrm policy add ${POLICIES[0]}"
	run "xfrm policy update ${POLICIES[0]} priority 3"
	run "xfrm policy add ${POLICIES[1]}"
	run "xfrm policy delete src ::/0 dst 2001:db8::/32 dir fwd"
	run "xfrm policy setdefault fwd block"
	run "xfrm policy setdefault fwd accept"
	run "xfrm state allocspi $SRC4 min 100 max 100"
	wait_for 10 expired
	run "xfrm state delete $SRC4 spi 2"
	flush
}

# shellcheck disable=SC2086 # words, on purpose
expired() { ! xfrm state get $ID >/dev/null 2>&1; }

# The marks of each monitor are its own.
of_the_story() # FILE
{
	sed -n '/^src 192.0.2.1 dst 192.0.2.2/,$p' "$1"
}

monitored_as_before()
{
	diff <(of_the_story "$OUT/now.events") <(of_the_story "$OUT/before.events") \
		>"$OUT/diff" && return
	note "monitor: now < > before:"
	sed 's/^/#   /' "$OUT/diff"
	return 1
}

object_in_each_line() # NAME
{
	python3 -c 'import json, sys
for line in sys.stdin: assert isinstance(json.loads(line), dict)' <"$OUT/$1.events"
}

monitors()
{
	local all=(now json secret)

	watch now "$IP" -- && watch json "$IP" -j -- && watch secret "$IP" -- nokeys || return
	[[ ! $BEFORE ]] || { watch before "$BEFORE" -- && all+=(before); }
	touch_everything
	check "monitor: all is told" all_told "${all[@]}"
	if [[ $BEFORE ]]; then
		check "monitor: text is what it was" monitored_as_before
	else
		skip "monitor: text is what it was" "needs the ip without the patches"
	fi
	check "monitor: JSON: an object in each line" object_in_each_line json
	is "monitor: JSON: what happened" "$(jq -r .event "$OUT/json.events" |
		sort -u | paste -sd ' ')" \
		"$(echo default delete-policy delete-sa expire-sa flush-policy flush-sa \
			new-policy new-sa update-policy update-sa)"
	is "monitor: JSON: the expiry is hard" \
		"$(events json '.event == "expire-sa" and .sa.spi == 4096' | jq .hard)" true
	is "monitor: nokeys hides keys" "$(grep -c 000102 "$OUT/secret.events")" 0
	check "monitor: otherwise there are keys" grep -q 000102 "$OUT/now.events"
	stop now
	stop json
	stop secret
	stop before
	flush
}

# --- state migrate: words -----------------------------------------------------------

# Not done, one sentence with this in it, and nothing changed.
refused_with() # TEXT WORDS
{
	local now

	run "xfrm state migrate $2"
	now=$(everything)
	[[ $STATUS != 0 && ! -s $OUT/out && $(<"$OUT/err") == *"$1"* &&
	   $now == "$ALL" ]] && return
	note "status $STATUS: $(head -c 400 "$OUT/err")"
	[[ $now == "$ALL" ]] || diff <(echo "$ALL") <(echo "$now") | sed 's/^/#   /'
	return 1
}

one_line() # WORDS
{
	run "xfrm state migrate $1"
	[[ $(wc -l <"$OUT/err") == 1 ]]
}

wrong() { check "migrate: refused: $2" refused_with "$1" "$2"; } # TEXT WORDS

wrong_words()
{
	run "xfrm state add $SRC4 spi 0x1000 reqid 7 $GCM"
	run "xfrm state add $SRC4 spi 0x1001 mark 3 mask 15 $GCM"
	run "xfrm state add src 192.0.2.1 dst 192.0.2.3 proto esp spi 0x1000 $GCM"
	ALL=$(everything)
	wrong "ID with dst, proto and spi is required" ""
	wrong "ID with dst, proto and spi is required" "new-reqid 5"
	wrong "ID with dst, proto and spi is required" "dst 192.0.2.2 proto esp new-reqid 5"
	wrong "ID with dst, proto and spi is required" "src 192.0.2.1 proto esp spi 1 new-reqid 5"
	wrong "XFRM-PROTO" "dst 192.0.2.2 spi 0x1000 new-reqid 5"
	wrong "an address, not a prefix" "dst 192.0.2.2/24 proto esp spi 0x1000 new-reqid 5"
	wrong "what is new of the SA is required" "$ID"
	wrong '"5x" after "new-reqid" is not a number' "$ID new-reqid 5x"
	wrong '"4294967296" after "new-reqid"' "$ID new-reqid 4294967296"
	wrong "not complete" "$ID new-reqid"
	wrong "not complete" "$ID offload packet dev"
	wrong "192.0.2" "$ID new-dst 192.0.2.256"
	wrong "192.0.2.1/24" "$ID new-dst 192.0.2.1/24"
	wrong "different address families" "$ID new-dst 192.0.2.9 new-src 2001:db8::9"
	wrong 'needs "new-dst" and "new-src"' "$ID new-dst 2001:db8::9"
	wrong '"new-reqid"' "$ID new-reqid 5 new-reqid 6"
	wrong '"old-dst" is wrong' "$ID new-reqid 5 old-dst 192.0.2.9"
	wrong "MARK value is invalid" "$ID new-mark 0x1g"
	wrong "MASK value is invalid" "$ID set-mark 1 mask 4294967296"
	wrong "contradict" "$ID offload packet dev lo dir out no-offload"
	wrong "contradict" "$ID encap espinudp 4500 4500 0.0.0.0 no-encap"
	wrong "contradict" "$ID update-h2h-sel new-sel src 10.0.0.0/8"
	wrong "Invalid device name" "$ID offload packet dev nodev0 dir out"
	wrong "Missing dev" "$ID offload hardware dev lo dir out"
	wrong "Missing DIR" "$ID offload packet dev lo no-encap"
	wrong "DIR value" "$ID offload packet dev lo dir fwd"
	wrong "ENCAP-TYPE" "$ID encap espinip 1 2 0.0.0.0"
	wrong "DPORT" "$ID encap espinudp 4500 65536 0.0.0.0"
	wrong '"soon" after "nat-keepalive"' "$ID nat-keepalive soon"
	wrong '"-1" after "mtimer-thresh"' "$ID mtimer-thresh -1"
	wrong "No such process" "dst 192.0.2.2 proto esp spi 0x1002 new-reqid 5"
	wrong "No such process" "dst 192.0.2.2 proto esp spi 0x1001 new-reqid 5"
	wrong "No such process" "dst 192.0.2.2 proto esp spi 0x1001 mark 4 mask 15 new-reqid 5"
	if migrates_sas; then
		wrong "lo" "$ID offload packet dev lo dir out"
		wrong "XFRMA_NAT_KEEPALIVE_INTERVAL needs" "$ID nat-keepalive 20"
		wrong "XFRMA_MTIMER_THRESH needs" "$ID mtimer-thresh 20"
		wrong "Another SA has this address" "$ID new-dst 192.0.2.3"
		check "migrate: a reason of the kernel stands alone" one_line "$ID nat-keepalive 20"
	else
		wrong "may not know XFRM_MSG_MIGRATE_STATE" "$ID new-reqid 5"
	fi
	flush
}

# --- state migrate: each word ---------------------------------------------------------

is_now() # JQ-CONDITION
{
	"$IP" -j xfrm state list proto esp >"$OUT/json" &&
		jq -e "length == 1 and (.[0] | $1)" "$OUT/json" >/dev/null && return
	note "not so: $1: $(head -c 2000 "$OUT/json")"
	return 1
}

# By ip, and the same by xfrmctl: the words are the same.
migrated() # NAME JQ-CONDITION SA-WORDS WORDS
{
	run "xfrm state add $3 $GCM"
	check "migrate: $1" run "xfrm state migrate $4"
	check "migrate: $1: it is" is_now "$2"
	xfrm state flush
	run "xfrm state add $3 $GCM"
	# shellcheck disable=SC2086 # words, on purpose
	check "migrate: $1: by xfrmctl" "$XFRMCTL" state migrate $4
	check "migrate: $1: by xfrmctl: it is" is_now "$2"
	xfrm state flush
}

migrates()
{
	local udp="encap espinudp 4500 4501 0.0.0.0"
	local udp_json='.encap == {type: "espinudp", sport: 4500, dport: 4501,
		addr: "0.0.0.0"}'

	migrates_sas || {
		skip "migrate: words" "this kernel has no XFRM_MSG_MIGRATE_STATE"
		return
	}
	migrated "addresses" '.src == "192.0.2.8" and .dst == "192.0.2.9"' \
		"$SRC4 spi 0x1000" "$ID new-src 192.0.2.8 new-dst 192.0.2.9"
	migrated "address family" '.src == "2001:db8::8" and .dst == "2001:db8::9"' \
		"$SRC4 spi 0x1000 mode tunnel" "$ID new-src 2001:db8::8 new-dst 2001:db8::9"
	migrated "reqid" '.reqid == 4' "$SRC4 spi 0x1000 reqid 3" "$ID new-reqid 4"
	migrated "old mark" '.mark == {value: "0x3", mask: "0xf"} and .reqid == 5' \
		"$SRC4 spi 0x1000 mark 3 mask 15" "$ID mark 3 mask 15 new-reqid 5"
	migrated "mark" '.mark == {value: "0x8", mask: "0xf"}' \
		"$SRC4 spi 0x1000" "$ID new-mark 8 mask 15"
	migrated "no mark" 'has("mark") | not' \
		"$SRC4 spi 0x1000 mark 3" "$ID mark 3 new-mark 0 mask 0"
	migrated "output mark" '.output_mark == {value: "0x5", mask: "0xf"}' \
		"$SRC4 spi 0x1000" "$ID set-mark 5 mask 0xf"
	migrated "selector" '.sel.src == "10.0.0.0/8" and .sel.dst == "10.9.0.0/16"' \
		"$SRC4 spi 0x1000" "$ID new-sel src 10.0.0.0/8 dst 10.9.0.0/16"
	migrated "selector of two hosts" '.sel.src == "192.0.2.8/32" and
		.sel.dst == "192.0.2.9/32"' \
		"$SRC4 spi 0x1000 sel src 192.0.2.1 dst 192.0.2.2" \
		"$ID new-src 192.0.2.8 new-dst 192.0.2.9 update-h2h-sel"
	migrated "into UDP" "$udp_json"' and .nat_keepalive == 30' \
		"$SRC4 spi 0x1000 dir out" "$ID $udp nat-keepalive 30"
	migrated "mapping threshold" "$udp_json"' and .mtimer_thresh == 7' \
		"$SRC4 spi 0x1000 dir in" "$ID $udp mtimer-thresh 7"
	migrated "out of UDP" 'has("encap") | not' "$SRC4 spi 0x1000 $udp" "$ID no-encap"
	migrated "off a device that it is not on" 'has("offload") | not' \
		"$SRC4 spi 0x1000" "$ID no-offload"
	added_words
}

added_words()
{
	check "add: nat-keepalive, mtimer-thresh" run "xfrm state add $SRC4 spi 0x1000 $GCM
		dir out encap espinudp 4500 4501 0.0.0.0 nat-keepalive 20"
	check "add: nat-keepalive is" is_now '.nat_keepalive == 20'
	xfrm state flush
	check "add: mtimer-thresh" run "xfrm state add $SRC4 spi 0x1000 $GCM dir in
		encap espinudp 4500 4501 0.0.0.0 mtimer-thresh 5"
	check "add: mtimer-thresh is" is_now '.mtimer_thresh == 5'
	check "add: in the lines of xfrmctl" in_the_lines_of_xfrmctl state
	xfrm state flush
}

# --- migrations, told -----------------------------------------------------------------

telling() # FILE TEXT
{
	wait_for 10 grep -qE "$2" "$OUT/$1.events"
}

migrations_are_told()
{
	watch words "$IP" -- && watch words-json "$IP" -j -- || return
	if migrates_sas; then
		sa_migration
	else
		skip "monitor: a migration of an SA" "this kernel has no XFRM_MSG_MIGRATE_STATE"
	fi
	policy_migration
	check "monitor: nothing is unknown" all_are_known
	stop words
	stop words-json
	flush
}

sa_migration()
{
	run "xfrm state add $SRC4 spi 0x1000 reqid 7 dir out mark 3 mask 15 $GCM"
	run "xfrm state migrate $ID mark 3 mask 15 new-dst 192.0.2.9 new-reqid 8 set-mark 5
		encap espinudp 4500 4501 0.0.0.0 nat-keepalive 20 no-offload"
	check "monitor: a migration of an SA" telling words \
		"^Migrated dst 192.0.2.2 proto esp spi 0x00001000 mark 0x3/0xf"
	check "monitor: where to" telling words "^	new src 192.0.2.1 dst 192.0.2.9 reqid 8"
	check "monitor: with its mark" telling words "^	mark 0x3/0xf output-mark 0x5"
	check "monitor: with its encapsulation" telling words \
		"^	encap type espinudp sport 4500 dport 4501"
	check "monitor: off its device" telling words "^	no-offload"
	check "monitor: JSON: a migration of an SA" telling words-json migrate-sa
	is "monitor: JSON: what is new" "$(events words-json '.event == "migrate-sa"' |
		jq -c '[.dst, .spi, .old_mark.value, .new_src, .new_dst, .new_reqid, .dir,
			.output_mark.value, .encap.type, .nat_keepalive, .no_offload]')" \
		'["192.0.2.2",4096,"0x3","192.0.2.1","192.0.2.9",8,"out","0x5","espinudp",20,true]'
}

# No tool but ynl sends it.
migrate_policy()
{
	local address

	for address in 10.1.0.1 10.2.0.1 10.8.0.1 10.8.0.2 10.8.0.3; do
		ynl_address "$address"
	done >"$OUT/addresses"
	jq -Rnrc '[inputs] as [$src, $dst, $left, $right, $new] | "ask migrate " + ({
		sel: {saddr: $src, daddr: $dst, family: 2, "prefixlen-s": 32, "prefixlen-d": 32},
		dir: "out",
		migrate: [{"old-daddr": $right, "old-saddr": $left, "new-daddr": $new,
			"new-saddr": $left, proto: 50, mode: "tunnel", reqid: 9,
			"old-family": 2, "new-family": 2}]} | tojson)' "$OUT/addresses" |
		python3 "$LIB/ynl_talk.py" "$YNL" "$YNL_SPEC" >"$OUT/ynl" 2>&1
	[[ $(tail -n 1 "$OUT/ynl") == null ]] || { sed 's/^/#   /' "$OUT/ynl"; return 1; }
}

policy_migration()
{
	find_ynl && python3 -c 'import yaml, jsonschema' 2>/dev/null || {
		skip "monitor: a migration of a policy" \
			"needs tools/net/ynl, python3-yaml and python3-jsonschema"
		return
	}
	run "xfrm state add src 10.8.0.1 dst 10.8.0.2 proto esp spi 0x1003 reqid 9 mode tunnel $GCM"
	run "xfrm policy add src 10.1.0.1 dst 10.2.0.1 dir out tmpl src 10.8.0.1 dst 10.8.0.2
		proto esp reqid 9 mode tunnel"
	check "XFRM_MSG_MIGRATE" migrate_policy
	check "monitor: a migration of a policy" telling words \
		"^Migrated src 10.1.0.1/32 dst 10.2.0.1/32"
	check "monitor: its SA before" telling words \
		"^	old src 10.8.0.1 dst 10.8.0.2 proto esp reqid 9 mode tunnel"
	check "monitor: its SA after" telling words "^	new src 10.8.0.1 dst 10.8.0.3"
	check "monitor: JSON: a migration of a policy" telling words-json migrate-policy
	is "monitor: JSON: its SA" "$(events words-json '.event == "migrate-policy"' |
		jq -c '[.sel.dst, .dir, .ptype, (.migrated[] | .old_dst, .new_dst, .reqid)]')" \
		'["10.2.0.1/32","out","main","10.8.0.2","10.8.0.3",9]'
}

all_are_known() { ! grep -qi unknown "$OUT/words.events" "$OUT/words-json.events"; }

# --- a NIC, and without it --------------------------------------------------------------

nic_there()
{
	local new

	[[ -w $NSIM/new_device ]] || modprobe -q netdevsim
	[[ -w $NSIM/new_device ]] || return
	echo "$NIC_NUMBER 1" >"$NSIM/new_device" || return
	new=$("$IP" -o link | awk -F ': ' 'END { print $2 }')
	export NIC=$new
	"$IP" link set "$NIC" up
	"$IP" addr add 192.0.2.1/24 dev "$NIC" metric 10
	# The other way to the peer, on which a key manager could rekey.
	"$IP" link add back0 type dummy && "$IP" link set back0 up &&
		"$IP" addr add 192.0.2.1/24 dev back0 metric 20
}

nic()
{
	local sel="src 192.0.2.1 dst 192.0.2.2"

	nic_there || { skip "offload" "needs netdevsim (CONFIG_NETDEVSIM)"; return; }
	run "xfrm state add $SRC4 spi 0x1000 $GCM offload dev $NIC dir out"
	if [[ $BEFORE ]]; then
		check "text is what it was: crypto offload" as_before ""
	fi
	check "crypto offload is called crypto" grep -q \
		"crypto offload parameters: dev $NIC dir out mode crypto" <(xfrm state)
	check "JSON: crypto offload" is_now '.offload.mode == "crypto"'
	xfrm state flush

	check "packet offload of an SA" run "xfrm state add $SRC4 spi 0x1000 reqid 7 dir out
		flag esn $GCM offload packet dev $NIC dir out"
	check "packet offload of a policy" run "xfrm policy add $sel dir out $TMPL reqid 7
		offload packet dev $NIC"
	check "packet offload is called packet" grep -q \
		"^	packet offload parameters: dev $NIC dir out mode packet" <(xfrm state)
	check "packet offload of a policy is called packet" grep -q \
		"^	packet offload parameters: dev $NIC mode packet" <(xfrm policy)
	check "JSON: packet offload" is_now ".offload.dev == \"$NIC\" and
		.offload.dir == \"out\" and .offload.mode == \"packet\" and .state == \"valid\""
	check "in the lines of xfrmctl: packet offload" in_the_lines_of_xfrmctl state
	check "in the lines of xfrmctl: policy" in_the_lines_of_xfrmctl policy
	check "JSON: xfrmctl says the same of the policy" as_xfrmctl_says policy
	lost
	flush
}

lost()
{
	unbinds || { skip "INVALID" "this kernel does not unbind"; return; }
	watch lost "$IP" -- && watch lost-json "$IP" -j -- || return
	echo "$NIC_NUMBER" >"$NSIM/del_device"
	local said="^	INVALID: device $NIC \(ifindex [0-9]+\) was unregistered;"
	check "INVALID: why, which device, exact" \
		grep -qE "$said counters exact: can be carried on; since [0-9: -]{19}\$" \
		<(xfrm state)
	check "INVALID: with -d too" grep -q INVALID <("$IP" -d xfrm state)
	check "JSON: INVALID" is_now '.state == "invalid" and .invalid.dev == env.NIC and
		.invalid.reason == "device-unregistered" and .invalid.counters_exact and
		now - .invalid.since < 600 and
		(has("offload") | not)'
	check "JSON: xfrmctl says the same" as_xfrmctl_says state
	check "in the lines of xfrmctl: INVALID" in_the_lines_of_xfrmctl state
	check "monitor: the reason in the expiry" expiry_says_why
	check "monitor: JSON: the reason in the expiry" telling lost-json expire-sa
	is "monitor: JSON: why" "$(events lost-json '.event == "expire-sa"' |
		jq -c '[.sa.spi, .sa.invalid.reason, .sa.invalid.dev == env.NIC, .hard]')" \
		'[4096,"device-unregistered",true,false]'
	NIC=
	goes_on_in_software
	stop lost
	stop lost-json
}

# In the record that begins with "Expired".
expiry_says_why()
{
	wait_for 20 grep -q '^Expired' "$OUT/lost.events" &&
		sed -n '/^Expired/,/hard/p' "$OUT/lost.events" |
		grep -q "INVALID: device $NIC .* was unregistered"
}

goes_on_in_software()
{
	check "to software: ip xfrm state migrate" run "xfrm state migrate $ID no-offload"
	check "it is valid, in software" is_now '.state == "valid" and
		(has("invalid") or has("offload") | not)'
	check "monitor: it migrated" telling lost \
		"^Migrated dst 192.0.2.2 proto esp spi 0x00001000"
}

tap_header
set_up
shown
monitors
wrong_words
migrates
migrations_are_told
nic
finish
