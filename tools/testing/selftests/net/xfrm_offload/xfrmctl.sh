#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# xfrmctl on good and bad input: what it refuses itself, what the kernel refuses,
# SAs and policies in and out again, JSON, events. Runs in a netns of its own.
# Offload is tried on netdevsim where that is there.
#
# Most functions are called by check(), which shellcheck cannot see.
# shellcheck disable=SC2317

if [[ -z ${XFRMCTL_TEST_NETNS:-} && $EUID == 0 ]]; then
	XFRMCTL_TEST_NETNS=1 exec unshare --net -- "$0" "$@"
fi

# shellcheck source=lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/lib.sh"
. "$LIB/alone.sh"

KEY288=0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223
ID4="src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1000"
ID6="src 2001:db8::1 dst 2001:db8::2 proto esp spi 0x1001"
NIC_NUMBER=77
# Seconds until what did not come is not waited for any more
LONG=$((20 * ${LAB_SLOW:-1}))

set_up()
{
	((EUID == 0)) || skip_all "needs root"
	need ip jq python3 unshare
	begin_alone
}

run() { run_tool "$XFRMCTL" "$@"; } # WORD...

flush() { "$XFRMCTL" state flush && "$XFRMCTL" policy flush; }

nothing_there()
{
	[[ $("$XFRMCTL" -j state list | jq length) == 0 &&
	   $("$XFRMCTL" -j policy list | jq length) == 0 ]]
}

# --- wrong words ---------------------------------------------------------------

# Status 2, one sentence that names the word, the usage line, nothing else.
wrong_is_told() # WORD LINE
{
	local lines

	run "$2"
	mapfile -t lines <"$OUT/err"
	[[ $STATUS == 2 && ! -s $OUT/out && ${#lines[@]} == 2 &&
	   ${lines[0]} == "xfrmctl: "*"$1"* &&
	   ${lines[1]} == "Usage: xfrmctl "* ]] && return
	note "status $STATUS: $(head -c 400 "$OUT/err")"
	return 1
}

wrong() { check "wrong: $2" wrong_is_told "$1" "$2"; } # WORD LINE

wrong_frames()
{
	wrong "noun" ""
	wrong '"stat"' "stat list"
	wrong '"-x"' "-x state list"
	wrong '"state"' "state"
	wrong '"lst"' "state lst"
	wrong '"addd"' "policy addd"
	wrong '""' "policy EMPTY"
	wrong '"now"' "probe now"
	wrong '"everything"' "monitor everything"
	wrong '"--count"' "monitor --count"
	wrong '"many"' "monitor --count many"
	wrong '"5"' "state list 5"
	wrong '"bytes"' "state flush bytes"
}

wrong_ids()
{
	wrong '"dst"' "state add"
	wrong '"dst"' "state delete proto esp spi 1"
	wrong '"proto"' "state delete dst 192.0.2.1 spi 1"
	wrong '"spi"' "state get dst 192.0.2.1 proto esp"
	wrong '"spi"' "state add dst 192.0.2.1 proto esp spi"
	wrong '"192.0.2"' "state add dst 192.0.2 proto esp spi 1"
	wrong '"192.0.2.256"' "state add dst 192.0.2.256 proto esp spi 1"
	wrong '"192.0.2.1/24"' "state add dst 192.0.2.1/24 proto esp spi 1"
	wrong '"2001:db8::g"' "state add dst 2001:db8::g proto esp spi 1"
	wrong 'IPv6' "state add src 2001:db8::1 dst 192.0.2.1 proto esp spi 1"
	wrong '"tcp"' "state add dst 192.0.2.1 proto tcp spi 1"
	wrong '"-1"' "state add dst 192.0.2.1 proto esp spi -1"
	wrong '"0x"' "state add dst 192.0.2.1 proto esp spi 0x"
	wrong '"1x"' "state add dst 192.0.2.1 proto esp spi 1x"
	wrong '""' "state add dst 192.0.2.1 proto esp spi EMPTY"
	wrong '"4294967296"' "state add dst 192.0.2.1 proto esp spi 4294967296"
	wrong '0x10000' "state add dst 192.0.2.1 proto comp spi 0x10000 comp deflate"
	wrong '"dst"' "state add $ID4 dst 192.0.2.3 $GCM"
	wrong '"src"' "state add dst 2001:db8::1 proto route2"
}

wrong_algorithms()
{
	wrong '"aead"' "state add $ID4 aead"
	wrong '"aead"' "state add $ID4 aead rfc4106(gcm(aes))"
	wrong '"aead"' "state add $ID4 aead rfc4106(gcm(aes)) $KEY160"
	wrong 'rfc4106(gcm(aes))' "state add $ID4 aead rfc4106(gcm(aes)) ${KEY160}00 128"
	wrong 'rfc4106(gcm(aes))' "state add $ID4 aead rfc4106(gcm(aes)) EMPTY 128"
	wrong 'rfc4106(gcm(aes))' "state add $ID4 aead rfc4106(gcm(aes)) ${KEY160#0x} 128"
	wrong 'odd' "state add $ID4 aead rfc4106(gcm(aes)) ${KEY160}0 128"
	wrong 'hexadecimal' "state add $ID4 aead rfc4106(gcm(aes)) ${KEY160%3}g 128"
	wrong '127' "state add $ID4 aead rfc4106(gcm(aes)) $KEY160 127"
	wrong '32' "state add $ID4 aead rfc4106(gcm(aes)) $KEY160 32"
	wrong '"x"' "state add $ID4 aead rfc4106(gcm(aes)) $KEY160 x"
	wrong 'cbc(aes)' "state add $ID4 enc cbc(aes) $KEY160"
	wrong 'hmac(sha256)' "state add $ID4 auth hmac(sha256) $KEY128"
	wrong 'hmac(sha256)' "state add $ID4 auth-trunc hmac(sha256) $KEY128 96"
	wrong '"96x"' "state add $ID4 auth-trunc hmac(sha256) $KEY256 96x"
	wrong 'too long' "state add $ID4 enc new $(printf '0x%01026d' 0)"
	wrong 'name' "state add $ID4 enc $(printf '%064d' 0) 0x00"
}

wrong_state_words()
{
	wrong '"modus"' "state add $ID4 $GCM modus tunnel"
	wrong '"tunel"' "state add $ID4 $GCM mode tunel"
	wrong '"esp"' "state add $ID4 $GCM flag esp"
	wrong '"wrap"' "state add $ID4 $GCM extra-flag wrap"
	wrong '"mapping-threshold" is given twice' \
		"state add $ID4 $GCM mtimer-thresh 5 mapping-threshold 6"
	wrong '"nat-keepalive" is given twice' \
		"state add $ID4 $GCM nat-keepalive-interval 5 nat-keepalive 6"
	wrong '"set-mark" is given twice' "state add $ID4 $GCM output-mark 5 set-mark 6"
	wrong 'what is new' "state migrate $ID4"
	wrong '"4097"' "state add $ID4 $GCM flag esn replay-window 4097"
	wrong '"replay-seq-hi"' "state add $ID4 $GCM replay-seq-hi 1"
	wrong '"fwd"' "state add $ID4 $GCM dir fwd"
	wrong '"time"' "state add $ID4 $GCM limit time 5"
	wrong '"INF"' "state add $ID4 $GCM limit time-hard INF"
	wrong '"18446744073709551616"' \
		"state add $ID4 $GCM limit byte-hard 18446744073709551616"
	wrong '"0x1g"' "state add $ID4 $GCM mark 0x1g"
	wrong '"4294967296"' "state add $ID4 $GCM mark 1 mask 4294967296"
	wrong '"espinip"' "state add $ID4 $GCM encap espinip 1 2 0.0.0.0"
	wrong '"65536"' "state add $ID4 $GCM encap espinudp 65536 2 0.0.0.0"
	wrong '"encap"' "state add $ID4 $GCM encap espinudp 4500 4500 ::1"
	wrong '"coa"' "state add $ID4 $GCM coa 2001:db8::1"
	wrong '"sel"' "state add $ID4 $GCM sel"
	wrong '"mode"' "state add $ID4 $GCM sel mode tunnel"
	wrong '"sport"' "state add $ID4 $GCM sel proto icmp sport 5"
	wrong '"dev"' "state add $ID4 $GCM offload packet dir out"
	wrong '"dir"' "state add $ID4 $GCM offload packet dev lo"
	wrong 'dir out' "state add $ID4 $GCM dir in offload dev lo dir out"
	wrong '"offload"' "state add $ID4 $GCM offload"
	wrong '"hardware"' "state add $ID4 $GCM offload hardware dev lo dir out"
}

wrong_policy_words()
{
	local sel="src 192.0.2.0/24 dst 198.51.100.0/24"

	wrong '"dir"' "policy add $sel"
	wrong '"both"' "policy add $sel dir both"
	wrong '"33"' "policy add src 192.0.2.0/33 dir out"
	wrong '"129"' "policy add src 2001:db8::/129 dir out"
	wrong 'IPv6' "policy add src 2001:db8::/64 dst 192.0.2.0/24 dir out"
	wrong '"udpx"' "policy add $sel dir out proto udpx"
	wrong '"256"' "policy add $sel dir out proto 256"
	wrong '"65536"' "policy add $sel dir out proto udp dport 65536"
	wrong '"dport"' "policy add $sel dir out dport 5"
	wrong '"key"' "policy add $sel dir out proto tcp key 5"
	wrong '"type"' "policy add $sel dir out proto tcp type 5"
	wrong '"deny"' "policy add $sel dir out action deny"
	wrong '"low"' "policy add $sel dir out priority low"
	wrong '"third"' "policy add $sel dir out ptype third"
	wrong '"local"' "policy add $sel dir out flag local"
	wrong '"tmpl"' "policy add $sel dir out tmpl"
	wrong '"proto"' "policy add $sel dir out tmpl mode tunnel"
	wrong '"maybe"' "policy add $sel dir out tmpl proto esp level maybe"
	wrong '"tmpl"' "policy add $sel dir out $(printf 'tmpl proto esp %.0s' {1..7})"
	wrong '"packet"' "policy add $sel dir out offload dev lo"
	wrong 'dir in' "policy add $sel dir out offload packet dev lo dir in"
	wrong '"index"' "policy delete dir out"
	wrong '"index"' "policy get $sel index 8 dir out"
}

wrong_words()
{
	wrong_frames
	wrong_ids
	wrong_algorithms
	wrong_state_words
	wrong_policy_words
	check "nothing of it reached the kernel" nothing_there
}

# --- what the kernel refuses -----------------------------------------------------

refusal_is_told() # TEXT LINE
{
	run "$2"
	[[ $STATUS == 1 && ! -s $OUT/out && $(<"$OUT/err") == "xfrmctl: "*"$1"* ]] &&
		return
	note "status $STATUS: $(head -c 400 "$OUT/err")"
	return 1
}

told() { check "refused: $2" refusal_is_told "$1" "$2"; } # TEXT LINE

refusals()
{
	told "No such process" "state delete $ID4"
	told "No such process" "state get $ID4"
	told "No such file or directory" "policy delete src 192.0.2.0/24 dir out"
	told "Requested AEAD algorithm not found (Function not implemented)" \
		"state add $ID4 aead rfc9999(xyz) $KEY160 128"
	told "Missing required attribute for ESP" "state add $ID4"
	told "Missing required attribute for COMP" \
		"state add dst 192.0.2.1 proto comp spi 5"
	told "Replay window should be 0 for output SA (Invalid argument)" \
		"state add $ID4 $GCM dir out replay-window 32"
	told 'no device "nodev0"' \
		"state add $ID4 $GCM offload packet dev nodev0 dir out"
	told "lo does not offload IPsec (Invalid argument)" \
		"state add $ID4 $GCM offload packet dev lo dir out"
	told "lo does not offload policies (Invalid argument)" \
		"policy add src 192.0.2.0/24 dir out offload packet dev lo"
	told "(Invalid argument)" "policy add src 192.0.2.0/24 dir out index 8"
	run "state add $ID4 $GCM"
	told "File exists" "state add $ID4 $GCM"
	run "state flush"
	check "nothing of it is left" nothing_there
}

# --- SAs, in and out again -------------------------------------------------------

# What both ip and xfrmctl show of an SA or a policy, sorted.
# ip 6.1 knows no packet offload, and shows the window of ESN elsewhere. Without
# /etc/protocols (netbase) it shows numbers of protocols.
comparable()
{
	sed -E 's/[ \t]+$//; s/^[ \t]+//; s/^replay-window [0-9]+/replay-window/
		s/ proto 1 / proto icmp /; s/ proto 6 / proto tcp /
		s/ proto 17 / proto udp /; s/ proto 47 / proto gre /
		s/^(crypto offload .*) mode (crypto|packet)$/\1/' |
		grep -vE '^(dir (in|out)|nat-keepalive|mtimer-thresh|pcpu-num|lastused)' |
		sort
}

same_as_ip() # NOUN
{
	diff <("$XFRMCTL" "$1" list | comparable) \
	     <(ip xfrm "$1" list | comparable) >"$OUT/diff" && return
	note "ours < > ip's:"
	sed 's/^/#   /' "$OUT/diff"
	return 1
}

holds() { jq -e "$@" >/dev/null; } # WORD...

# json.tool is strict about what JSON is.
json_says() # NOUN JQ-CONDITION
{
	"$XFRMCTL" -j "$1" list >"$OUT/json" &&
		python3 -m json.tool "$OUT/json" >/dev/null &&
		jq -e "length == 1 and (.[0] | $2)" "$OUT/json" >/dev/null &&
		return
	note "not so: $2: $(head -c 2000 "$OUT/json")"
	return 1
}

sa() # NAME JQ-CONDITION ID WORDS
{
	check "$1: add" run "state add $3 $4"
	check "$1: the same as ip shows" same_as_ip state
	check "$1: JSON" json_says state "$2"
	check "$1: get" run "state get $3"
	check "$1: get shows what list shows" \
		diff "$OUT/out" <("$XFRMCTL" state list)
	check "$1: update" run "state update $3 $4"
	check "$1: delete" run "state delete $3"
	check "$1: gone" nothing_there
}

states()
{
	sa "transport v4" '.src == "192.0.2.1" and .dst == "192.0.2.2" and
		.proto == "esp" and .spi == 4096 and .reqid == 7 and .seq == 9 and
		.mode == "transport" and .state == "valid" and
		.aead == {name: "rfc4106(gcm(aes))", key_bits: 160,
			  key: "'$KEY160'", icv_bits: 128}' \
		"$ID4" "reqid 7 seq 9 mode transport $GCM"
	sa "tunnel v6" '.src == "2001:db8::1" and .mode == "tunnel" and
		.aead.key_bits == 288 and .aead.icv_bits == 96 and
		.sel == {src: "2001:db8:1::/48", dst: "2001:db8:2::/48",
			 proto: "udp", sport: 53, dport: 5353, dev: "lo"}' \
		"$ID6" "mode tunnel aead rfc4106(gcm(aes)) $KEY288 96
		sel src 2001:db8:1::/48 dst 2001:db8:2::/48 dev lo proto udp sport 53 dport 5353"
	sa "v4 in v6" '.sel.src == "10.0.0.0/8" and .flags == ["af-unspec"]' \
		"$ID6" "mode tunnel flag af-unspec $GCM sel src 10.0.0.0/8"
	sa "beet" '.mode == "beet"' "$ID4" "mode beet $GCM"
	sa "ESN inwards" '.flags == ["align4", "esn"] and .replay_window == 64 and
		.replay.seq == 4294967301 and .replay.oseq == 0 and
		.replay.bitmap == ["0x0", "0x0"] and .dir == "in"' \
		"$ID4" "$GCM dir in flag esn align4 replay-window 64 replay-seq 5 replay-seq-hi 1"
	sa "ESN outwards" '.dir == "out" and .replay.oseq == 8589934598 and
		.extra_flags == ["dont-encap-dscp", "oseq-may-wrap"]' \
		"$ID4" "dir out flag esn replay-oseq 6 replay-oseq-hi 2 $GCM
		extra-flag oseq-may-wrap dont-encap-dscp"
	sa "large window" '.replay_window == 200 and
		(.replay.bitmap | length) == 7' "$ID4" "$GCM replay-window 200"
	sa "small window" '.replay_window == 32 and .replay.seq == 3 and
		.replay.oseq == 4' \
		"$ID4" "$GCM replay-window 32 replay-seq 3 replay-oseq 4"
	sa "enc and auth-trunc" '.enc.name == "cbc(aes)" and
		.auth_trunc.name == "hmac(sha256)" and .auth_trunc.icv_bits == 96' \
		"$ID4" "enc cbc(aes) $KEY128 auth-trunc hmac(sha256) $KEY256 96"
	sa "enc and auth" '.auth_trunc.key == "'$KEY256'"' \
		"$ID4" "auth hmac(sha256) $KEY256 enc cbc(aes) $KEY256"
	sa "limits" '.limits == {"time-soft": 1000, "time-hard": 2000,
		"time-use-soft": 3000, "time-use-hard": 4000, "byte-soft": 5,
		"packet-soft": 7, "packet-hard": 8}' \
		"$ID4" "$GCM limit time-soft 1000 limit time-hard 2000
		limit time-use-soft 3000 limit time-use-hard 4000 limit byte-soft 5
		limit byte-hard INF limit packet-soft 7 limit packet-hard 8"
	sa "output-mark and if_id" '.output_mark == {value: "0x5", mask: "0xf"} and
		.if_id == "0x9"' "$ID4" "$GCM output-mark 5 mask 0xf if_id 9"
	sa "UDP encapsulation" '.encap == {type: "espinudp", sport: 4500,
		dport: 4501, addr: "0.0.0.0"} and .nat_keepalive == 20' \
		"$ID4" "dir out $GCM encap espinudp 4500 4501 0.0.0.0 nat-keepalive-interval 20"
	check "extra flags in words, with -s" extra_flags_shown
	sa "NAT keepalive by ip's word" '.nat_keepalive == 20' \
		"$ID4" "dir out $GCM encap espinudp 4500 4501 0.0.0.0 nat-keepalive 20"
	sa "mapping threshold" '.mtimer_thresh == 5' \
		"$ID4" "dir in $GCM encap espinudp 4500 4501 0.0.0.0 mtimer-thresh 5"
	sa "padding and CPU" '.tfcpad == 100 and .pcpu_num == 0' \
		"$ID4" "dir out mode tunnel $GCM tfcpad 100 pcpu-num 0"
	sa "flags" '.flags == ["noecn", "decap-dscp", "nopmtudisc", "wildrecv", "icmp"]' \
		"$ID4" "mode tunnel $GCM flag noecn decap-dscp nopmtudisc wildrecv icmp"
	sa "ESP in TCP" '.encap == {type: "espintcp", sport: 4500, dport: 4501,
		addr: "0.0.0.0"}' "$ID4" "$GCM encap espintcp 4500 4501 0.0.0.0"
	sa "selector of ICMPv6" '.sel == {src: "::/0", dst: "2001:db8::/32",
		proto: "ipv6-icmp", type: 128, code: 0}' "$ID6" \
		"$GCM sel dst 2001:db8::/32 proto ipv6-icmp type 128 code 0"
	sa "output-mark by its older word" '.output_mark ==
		{value: "0x6", mask: "0x7"}' "$ID4" "$GCM set-mark 6 mask 7"
	sa "mark without a mask" '.mark == {value: "0x5", mask: "0xffffffff"}' \
		"$ID4 mark 5" "$GCM"
	sa "mark with a slash" '.mark == {value: "0x5", mask: "0xff"}' \
		"$ID4 mark 5/0xff" "$GCM"
	sa "output-mark without a mask" '.output_mark ==
		{value: "0x6", mask: "0xffffffff"}' "$ID4" "$GCM output-mark 6"
	sa "care-of address" '.coa == "2001:db8::9"' "$ID6" "$GCM coa 2001:db8::9"
	sa "order of words" '.reqid == 4' "spi 5 proto esp dst 192.0.2.9" \
		"limit packet-hard 9 $GCM mode tunnel reqid 4"
}

extra_flags_shown()
{
	run "state add $ID4 $GCM extra-flag oseq-may-wrap dont-encap-dscp"
	shows "extra_flag dont-encap-dscp oseq-may-wrap" -s state list
	STATUS=$?
	flush
	return "$STATUS"
}

marked_state()
{
	run "state add $ID4 mark 0x10/0xff $GCM"
	check "mark: JSON" json_says state '.mark == {value: "0x10", mask: "0xff"}'
	check "mark: the same as ip shows" same_as_ip state
	check "mark: delete needs it" refused "$XFRMCTL" state delete \
		dst 192.0.2.2 proto esp spi 0x1000
	check "mark: delete" run "state delete $ID4 mark 0x10 mask 0xff"
}

listed() # COUNT WORD...: that many SAs match
{
	[[ $("$XFRMCTL" -j state list "${@:2}" | jq length) == "$1" ]]
}

filters()
{
	run "state add $ID4 reqid 1 $GCM"
	run "state add $ID6 reqid 2 mode tunnel flag esn replay-window 32 $GCM"
	check "list: all" listed 2
	check "list: src" listed 1 src 192.0.2.1
	check "list: dst" listed 1 dst 2001:db8::2
	check "list: spi" listed 1 spi 4096
	check "list: proto" listed 0 proto ah
	check "list: reqid" listed 1 reqid 2
	check "list: mode" listed 1 mode transport
	check "list: flag" listed 1 flag esn
	check "list: two words" listed 0 mode transport reqid 2
	check "nokeys hides keys" no_key_in state list nokeys
	check "nokeys hides keys in JSON" no_key_in -j state list nokeys
	check "-s shows lifetimes" shows "lifetime current" -s state list
	check "flush: proto" run "state flush proto ah"
	check "flush: proto ah leaves esp" listed 2
	check "flush" run "state flush"
	check "flush: all gone" nothing_there
}

no_key_in() { ! "$XFRMCTL" "$@" | grep -q 000102; } # WORD...
shows() { "$XFRMCTL" "${@:2}" | grep -q "$1"; } # TEXT WORD...

# --- policies, in and out again -----------------------------------------------------

policy() # NAME JQ-CONDITION SELECTOR+DIR WORDS
{
	check "$1: add" run "policy add $3 $4"
	check "$1: the same as ip shows" same_as_ip policy
	check "$1: JSON" json_says policy "$2"
	check "$1: get" run "policy get $3"
	check "$1: get shows what list shows" \
		diff "$OUT/out" <("$XFRMCTL" policy list)
	check "$1: update" run "policy update $3 $4"
	check "$1: delete" run "policy delete $3"
	check "$1: gone" nothing_there
}

policies()
{
	local tmpl="tmpl src 192.0.2.1 dst 192.0.2.2 proto esp"

	policy "policy v4" '.sel.src == "10.0.0.0/8" and .sel.dst == "10.9.0.0/16" and
		.dir == "out" and .priority == 50 and .action == "allow" and
		.ptype == "main" and .socket == false and
		.tmpls == [{src: "192.0.2.1", dst: "192.0.2.2", proto: "esp",
			    spi: 17, reqid: 3, mode: "tunnel", level: "required"}]' \
		"src 10.0.0.0/8 dst 10.9.0.0/16 dir out" \
		"priority 50 $tmpl spi 17 reqid 3 mode tunnel"
	policy "policy v6" '.sel.src == "::/0" and .dir == "fwd" and
		.action == "block" and .flags == ["localok", "icmp"]' \
		"src ::/0 dst 2001:db8::/32 dir fwd" \
		"action block flag localok icmp"
	policy "level use" '.tmpls[0].level == "use"' \
		"src 10.0.0.0/8 dir in" "$tmpl mode tunnel level use"
	policy "two templates" '[.tmpls[].mode] == ["tunnel", "transport"]' \
		"src 10.0.0.0/8 dir out" "$tmpl mode tunnel $tmpl"
	policy "ports" '.sel.proto == "tcp" and .sel.sport == 1 and
		.sel.dport == 65535' \
		"src 10.0.0.0/8 proto tcp sport 1 dport 65535 dir in" ""
	policy "ICMP" '.sel.type == 8 and .sel.code == 0' \
		"dst 10.0.0.0/8 proto icmp type 8 code 0 dir out" ""
	policy "SCTP" '.sel.proto == "sctp" and .sel.sport == 7 and .sel.dport == 8' \
		"dst 10.0.0.0/8 proto sctp sport 7 dport 8 dir out" ""
	policy "DCCP" '.sel.proto == "dccp" and .sel.dport == 9' \
		"dst 10.0.0.0/8 proto dccp dport 9 dir out" ""
	policy "Mobile IPv6" '.sel.proto == "mobility-header" and .sel.type == 5' \
		"dst 2001:db8::/32 proto mobility-header type 5 dir out" ""
	policy "GRE" '.sel.proto == "gre" and .sel.key == 16909060' \
		"dst 10.0.0.0/8 proto gre key 1.2.3.4 dir out" ""
	policy "limits" '.limits == {"time-hard": 900}' \
		"dst 10.0.0.0/8 dir out" "limit time-hard 900"
	policy "device and if_id" '.sel.dev == "lo" and .if_id == "0x3"' \
		"dst 10.0.0.0/8 dev lo dir out if_id 3" ""
	policy "mark without a mask" '.mark ==
		{value: "0x7", mask: "0xffffffff"}' "dst 10.0.0.0/8 dir out mark 7" ""
	policy "sub policy" '.ptype == "sub"' "dst 10.0.0.0/8 dir out ptype sub" ""
	policy "mark" '.mark == {value: "0x1", mask: "0x1"}' \
		"dst 10.0.0.0/8 dir out mark 1 mask 1" ""
}

by_index()
{
	local index

	run "policy add dst 10.0.0.0/8 dir out"
	run "policy add dst 10.1.0.0/16 dir in priority 9"
	index=$("$XFRMCTL" -j policy list dir out | jq '.[0].index')
	check "policy get by index" run "policy get index $index dir out"
	check "policy get by index: the right one" grep -q 10.0.0.0/8 "$OUT/out"
	is "policy list: priority" \
		"$("$XFRMCTL" -j policy list priority 9 | jq length)" 1
	is "policy list: dst" \
		"$("$XFRMCTL" -j policy list dst 10.1.0.0/16 | jq length)" 1
	check "policy delete by index" run "policy delete index $index dir out"
	check "policy flush" run "policy flush ptype main"
	check "policies all gone" nothing_there
}

# --- each word of "state migrate" ----------------------------------------------------

migrated() # NAME JQ-CONDITION ID+WORDS-OF-THE-SA WORDS
{
	run "state add $3 $GCM"
	check "migrate, $1" run "state migrate $4"
	check "migrate, $1: JSON" json_says state "$2"
	run "state flush"
}

migrates()
{
	local udp="encap espinudp 4500 4501 0.0.0.0"
	local udp_json='.encap == {type: "espinudp", sport: 4500, dport: 4501,
		addr: "0.0.0.0"}'

	"$XFRMCTL" -j probe | jq -e '.migrate_state.supported == "yes"' >/dev/null || {
		skip "words of state migrate" "this kernel has no XFRM_MSG_MIGRATE_STATE"
		return
	}
	migrated "addresses" '.src == "192.0.2.8" and .dst == "192.0.2.9"' \
		"$ID4 reqid 3" "$ID4 new-src 192.0.2.8 new-dst 192.0.2.9"
	migrated "reqid" '.reqid == 4' "$ID4 reqid 3" "$ID4 new-reqid 4"
	migrated "old mark" '.mark == {value: "0x3", mask: "0xf"} and .reqid == 5' \
		"$ID4 mark 3 mask 15" "$ID4 mark 3 mask 15 new-reqid 5"
	migrated "mark without a mask" '.mark ==
		{value: "0x8", mask: "0xffffffff"}' "$ID4" "$ID4 new-mark 8"
	migrated "mark with a mask" '.mark == {value: "0x8", mask: "0xf"}' \
		"$ID4" "$ID4 new-mark 8 mask 15"
	migrated "no mark" 'has("mark") | not' \
		"$ID4 mark 3" "$ID4 mark 3 new-mark 0 mask 0"
	migrated "selector" '.sel.src == "10.0.0.0/8" and .sel.dst == "10.9.0.0/16"' \
		"$ID4" "$ID4 new-sel src 10.0.0.0/8 dst 10.9.0.0/16"
	migrated "selector of two hosts" '.sel.src == "192.0.2.8/32" and
		.sel.dst == "192.0.2.9/32"' \
		"$ID4 sel src 192.0.2.1 dst 192.0.2.2" \
		"$ID4 new-src 192.0.2.8 new-dst 192.0.2.9 update-h2h-sel"
	migrated "output mark without a mask" '.output_mark ==
		{value: "0x5", mask: "0xffffffff"}' "$ID4" "$ID4 output-mark 5"
	migrated "output mark with a mask" '.output_mark == {value: "0x5", mask: "0xf"}' \
		"$ID4" "$ID4 output-mark 5 mask 0xf"
	migrated "into UDP" "$udp_json"' and .nat_keepalive == 30' \
		"$ID4 dir out" "$ID4 $udp nat-keepalive-interval 30"
	migrated "mapping threshold" "$udp_json"' and .mtimer_thresh == 7' \
		"$ID4 dir in" "$ID4 $udp mapping-threshold 7"
	migrated "out of UDP" 'has("encap") | not' "$ID4 $udp" "$ID4 no-encap"
	migrated "nothing but its way" '.reqid == 6 and (has("offload") | not)' \
		"$ID4 reqid 6" "$ID4 to software"
	migrated "off a device that it is not on" 'has("offload") | not' \
		"$ID4" "$ID4 no-offload"
}

# --- events ----------------------------------------------------------------------

watch() # NAME WORD...: in the background, and listening
{
	: >"$OUT/$1.err"
	"$XFRMCTL" "${@:2}" >"$OUT/$1.events" 2>"$OUT/$1.err" </dev/null &
	PID[$1]=$!
	wait_for 10 grep -q '^xfrmctl: monitoring$' "$OUT/$1.err"
}

ended() # NAME: its exit status
{
	wait "${PID[$1]}"
	STATUS=$?
	unset "PID[$1]"
	return "$STATUS"
}

events() # NAME: what came, in order
{
	jq -r .event "$OUT/$1.events" | paste -sd ' '
}

one_object_per_line() # NAME
{
	local line

	while read -r line; do
		python3 -m json.tool <<<"$line" >/dev/null || return
	done <"$OUT/$1.events"
}

touch_everything()
{
	run "state add $ID4 $GCM reqid 5"
	run "state update $ID4 $GCM reqid 5"
	run "policy add dst 10.0.0.0/8 dir out"
	run "policy update dst 10.0.0.0/8 dir out priority 3"
	run "policy delete dst 10.0.0.0/8 dir out"
	run "state delete $ID4"
	run "state add $ID4 $GCM"
	run "state flush"
	run "policy add dst 10.0.0.0/8 dir out"
	run "policy flush"
}

policy_events() # COUNT: those of one policy's life
{
	case $1 in
	2) echo "new-policy flush-policy" ;;
	3) echo "new-policy update-policy delete-policy" ;;
	esac
}

monitors()
{
	watch all -j -t monitor --count 10 --timeout "$LONG"
	watch text -ts monitor sa policy --count 10 --timeout "$LONG"
	watch policy -j monitor policy --count 5 --timeout "$LONG"
	touch_everything
	check "monitor ends after --count events" ended all
	check "monitor sa policy ends, too" ended text
	check "monitor policy ends, too" ended policy
	is "events" "$(events all)" \
		"new-sa update-sa $(policy_events 3) delete-sa new-sa flush-sa $(policy_events 2)"
	is "events of policies" "$(events policy)" \
		"$(policy_events 3) $(policy_events 2)"
	check "an object on each line" one_object_per_line all
	check "the SA is in its event" holds -s '.[0].sa.reqid == 5' "$OUT/all.events"
	check "each event has its time" holds -s \
		'all(.time > 1000000000)' "$OUT/all.events"
	is "text has the time, too" \
		"$(grep -cE '^\[[0-9]+\.[0-9]{9}\] ' "$OUT/text.events")" 10
	check "text names the deletion" grep -qF '] Deleted src 192.0.2.1' \
		"$OUT/text.events"
}

time_out()
{
	check "monitor --timeout alone is no failure" run "monitor --timeout 0"
	run "monitor --count 1 --timeout 0"
	is "monitor that saw too little fails" "$STATUS" 1
	check "and says so" grep -q "0 of 1 events" "$OUT/err"
}

expiry()
{
	watch expire -j monitor expire --count 1 --timeout "$LONG"
	run "state add $ID4 $GCM limit time-hard 1"
	check "monitor expire" ended expire
	check "a hard expiry of the SA" holds -s \
		'.[0].event == "expire-sa" and .[0].hard and .[0].sa.spi == 4096' \
		"$OUT/expire.events"
	run "state flush"
}

acquire()
{
	ip link add probe0 type dummy 2>/dev/null ||
		{ skip "monitor acquire" "needs dummy devices (CONFIG_DUMMY)"; return; }
	ip addr add 192.0.2.1/24 dev probe0
	ip link set probe0 up
	run "policy add dst 192.0.2.9 dir out tmpl proto esp reqid 6"
	watch acquire -j monitor acquire --count 1 --timeout "$LONG"
	# Whether the datagram can go is not the question.
	{ echo >/dev/udp/192.0.2.9/9; } 2>/dev/null
	check "monitor acquire" ended acquire
	check "what is to be protected" holds -s \
		'.[0].event == "acquire" and .[0].policy.tmpls[0].reqid == 6 and
		 .[0].dst == "192.0.2.9"' "$OUT/acquire.events"
	flush
	ip link del probe0
}

# Until what was queued is read, the kernel drops what is new.
goes_on()
{
	run "policy update dst 10.1.0.0/16 dir in priority 77777"
	grep -q 77777 "$OUT/flood.events"
}

# More events than any socket holds, while no process reads them.
overflow()
{
	watch flood -j monitor policy --timeout $((12 * LONG))
	kill -STOP "${PID[flood]}"
	for ((i = 0; i < 20000; i++)); do
		echo "xfrm policy update dst 10.0.0.0/8 dir out priority $i"
	done | ip -batch -
	kill -CONT "${PID[flood]}"
	check "lost events are told" wait_for 60 \
		grep -q '"event":"lost"' "$OUT/flood.events"
	check "monitoring goes on after it" wait_for 30 goes_on
	kill "${PID[flood]}"
	wait "${PID[flood]}" 2>/dev/null
	unset 'PID[flood]'
	flush
}

# --- without privilege, probe --------------------------------------------------------

helps()
{
	local nobody="setpriv --reuid=65534 --clear-groups --inh-caps=-all"

	command -v setpriv >/dev/null ||
		{ skip "help without root" "setpriv is not installed"; return; }
	for words in help "state help" "state add help" "policy help" \
		     "monitor help" "probe help"; do
		# shellcheck disable=SC2086 # two lists of words
		check "$words, without root" shown_to_nobody $nobody -- \
			"$XFRMCTL" $words
	done
}

shown_to_nobody() { "$@" | grep -q '^Usage: xfrmctl '; } # COMMAND...

probing()
{
	run "state add $ID4 $GCM"
	check "probe" run "probe"
	check "probe: JSON" run "-j probe"
	check "probe: JSON is valid" python3 -m json.tool "$OUT/out" "$OUT/probe"
	check "probe: each answer says how" holds \
		'[.packet_offload, .unbind, .migrate_state] |
		 all(.supported != "unknown" and (.how | length) > 10)' "$OUT/probe"
	check "probe: packet offload" holds \
		'.packet_offload.supported == "yes"' "$OUT/probe"
	is "probe leaves the SAD alone" \
		"$("$XFRMCTL" -j state list | jq length)" 1
	is "probe leaves the SPD alone" \
		"$("$XFRMCTL" -j policy list | jq length)" 0
	run "state flush"
}

# --- on a simulated NIC ------------------------------------------------------------

nic_there()
{
	local new

	[[ -w $NSIM/new_device ]] || return
	echo "$NIC_NUMBER 1" >"$NSIM/new_device" || return
	NIC=$(ls "/sys/bus/netdevsim/devices/netdevsim$NIC_NUMBER/net" 2>/dev/null)
	# /sys may show the devices of another netns.
	new=$(ip -o link | awk -F ': ' 'END { print $2 }')
	export NIC=${NIC:-$new}
	ip link set "$NIC" up
}

# What probe says of DEV: whether it offloads, why not, and which device that is about.
offload_of() # DEV
{
	"$XFRMCTL" -j probe | jq -r --arg dev "$1" '.devices[] | select(.dev == $dev) |
		[.offload, .why // "-", .at // "-"] | join(" ")'
}

offloads() # WHAT DEV WORD WHY AT
{
	is "probe: $1" "$(offload_of "$2")" "$3 $4 $5"
}

# What has no hardware for it.
others_offload()
{
	offloads "loopback" lo cannot no-feature -
	if ip link add probe0 type veth peer name probe1 2>/dev/null; then
		offloads "veth" probe0 cannot no-feature -
		ip link del probe0
	else
		skip "probe: veth" "needs veth (CONFIG_VETH)"
	fi
	if ip link add probe0 type dummy 2>/dev/null; then
		offloads "dummy" probe0 cannot no-feature -
		ip link del probe0
	else
		skip "probe: dummy" "needs dummy devices (CONFIG_DUMMY)"
	fi
}

nic_offloads()
{
	check "probe names the device" holds \
		'.devices[] | select(.dev == env.NIC) | .on' \
		<("$XFRMCTL" -j probe)
	offloads "a NIC" "$NIC" now - -
	check "probe: in words" shows "^offload by $NIC: now$" probe
	if ip link add link "$NIC" name probe0 type vlan id 5 2>/dev/null; then
		offloads "a VLAN" probe0 cannot vlan "$NIC"
		ip link del probe0
	else
		skip "probe: a VLAN" "needs VLANs (CONFIG_VLAN_8021Q)"
	fi
	ethtool -K "$NIC" esp-hw-offload off
	offloads "the feature is off" "$NIC" could feature-off -
	ethtool -K "$NIC" esp-hw-offload on
	ip link set "$NIC" down
	offloads "the NIC is down" "$NIC" could down -
	ip link set "$NIC" up
}

bond_offloads()
{
	ip link add probe0 type bond mode balance-rr 2>/dev/null ||
		{ skip "probe: a bond" "needs bonds (CONFIG_BONDING)"; return; }
	offloads "a bond in another mode" probe0 cannot mode -
	ip link set probe0 type bond mode active-backup
	offloads "a bond that is down" probe0 could down -
	ip link set probe0 up
	offloads "a bond without a slave" probe0 could no-slave -
	ip link set "$NIC" down
	ip link set "$NIC" master probe0
	ip link set probe0 type bond active_slave "$NIC"
	offloads "a bond" probe0 now - -
	ethtool -K "$NIC" esp-hw-offload off
	offloads "a bond whose slave's feature is off" probe0 could feature-off "$NIC"
	ethtool -K "$NIC" esp-hw-offload on
	ethtool -K probe0 esp-hw-offload off
	offloads "a bond whose feature is off" probe0 could feature-off -
	ethtool -K probe0 esp-hw-offload on
	if ip link add probe1 type dummy && ip link set probe1 master probe0; then
		offloads "a bond with a spare slave that cannot" probe0 now spare probe1
		ip link set probe0 type bond active_slave probe1
		offloads "a bond whose slave cannot" probe0 cannot no-feature probe1
		ip link del probe1
	else
		skip "probe: a bond with a slave that cannot" \
			"needs dummy devices (CONFIG_DUMMY)"
	fi
	ip link del probe0
	ip link set "$NIC" up
}

offloaded()
{
	others_offload
	nic_there ||
		{ skip "offload" "needs netdevsim (CONFIG_NETDEVSIM)"; return; }
	if command -v ethtool >/dev/null; then
		nic_offloads
		bond_offloads
	else
		skip "probe: a NIC, a bond" "ethtool is not installed"
	fi
	sa "crypto offload" ".offload.dev == \"$NIC\" and
		.offload.dir == \"in\" and .offload.mode == \"crypto\"" \
		"$ID4" "$GCM offload dev $NIC dir in"
	packet_offloaded
}

packet_offloaded()
{
	local sel="src 192.0.2.1 dst 192.0.2.2"
	local tmpl="tmpl src 192.0.2.1 dst 192.0.2.2 proto esp reqid 7"

	run "state add $ID4 reqid 7 dir out flag esn $GCM offload packet dev $NIC dir out"
	if ((STATUS)); then
		skip "packet offload" "this netdevsim does none: $(<"$OUT/err")"
		return
	fi
	check "packet offload of an SA" json_says state \
		".offload.dev == \"$NIC\" and .offload.mode == \"packet\" and
		 .offload.dir == \"out\""
	check "packet offload in words" shows \
		"^	packet offload parameters: dev $NIC dir out mode packet" state list
	check "packet offload of a policy" \
		run "policy add $sel $tmpl offload packet dev $NIC dir out"
	check "the policy has the offload's direction" json_says policy \
		".dir == \"out\" and .offload.mode == \"packet\""
	lost_device
	flush
}

lost_device()
{
	local verdict="(exact: can be carried on|unknown: rekey); since [0-9-]{10} [0-9:]{8}"

	if ! "$XFRMCTL" -j probe | jq -e '.unbind.supported == "yes"' >/dev/null; then
		skip "INVALID SA" "this kernel does not unbind"
		return
	fi
	watch lost -j monitor sa --count 1 --timeout "$LONG"
	watch words monitor sa --count 1 --timeout "$LONG"
	export BEFORE=$EPOCHSECONDS
	echo "$NIC_NUMBER" >"$NSIM/del_device"
	check "monitor tells of the lost device" ended lost
	check "and in words" ended words
	check "the event says why" holds -s --arg dev "$NIC" \
		'.[0].event == "update-sa" and
		 .[0].sa.invalid.reason == "device-unregistered" and
		 .[0].sa.invalid.dev == env.NIC' "$OUT/lost.events"
	check "and since when" holds -s '.[0].sa.invalid.since >= (env.BEFORE | tonumber) and
		.[0].sa.invalid.since <= now' "$OUT/lost.events"
	check "the words say why" grep -qE \
		"INVALID: device $NIC \(ifindex [0-9]+\) was unregistered; counters $verdict\$" \
		"$OUT/words.events"
	check "the SA is INVALID and on no device" json_says state \
		'.state == "invalid" and has("invalid") and (has("offload") | not)'
	check "state list says why" shows "INVALID: device $NIC" state list
	check "the policy is on no device" json_says policy \
		'has("offload") | not'
	NIC=
}

tap_header
set_up
wrong_words
refusals
states
marked_state
filters
policies
by_index
migrates
monitors
time_out
expiry
acquire
overflow
helps
probing
offloaded
finish
