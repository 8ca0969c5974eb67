#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Invariant 6: whoever manages keys is told once for each SA and each policy
# that lost its device, by netlink and by PF_KEY, and finds the same in a dump.

. "$(dirname "$0")/lib.sh"

declare -r MANY=200

# SAs of no flow: only their number matters. The odd ones are outbound.
many_sas()
{
	local i src dst dir key

	note "left\$ xfrmctl state add ... ($MANY SAs)"
	for ((i = 1; i <= MANY; i++)); do
		src=10.1.0.1 dst=10.2.0.1 dir=out
		((i % 2)) || { src=10.2.0.1 dst=10.1.0.1 dir=in; }
		printf -v key '0x%040x' $((0x4000 + i))
		QUIET=1 batch ctl left state add src "$src" dst "$dst" \
			proto esp spi $((0x4000 + i)) reqid $((1000 + i)) \
			mode transport aead 'rfc4106(gcm(aes))' "$key" 128 \
			offload packet dev nic0 dir "$dir"
	done
	run_batch left
}

# Prints one line for each SADB_EXPIRE: hard or soft, and the SPI.
pfkey_listener()
{
	start pfkey left registered python3 -u -c '
import socket, struct
REGISTER, EXPIRE, ESP, EXT_SA, EXT_HARD = 7, 8, 3, 1, 3
s = socket.socket(15, socket.SOCK_RAW, 2)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
s.send(struct.pack("=BBBBHHII", 2, REGISTER, 0, ESP, 2, 0, 1, 0))
s.recv(65536)
print("registered")
while True:
    msg = s.recv(65536)
    if msg[1] != EXPIRE:
        continue
    spi, kind, at = 0, "soft", 16
    while at < len(msg):
        words, ext = struct.unpack_from("=HH", msg, at)
        if ext == EXT_SA:
            spi = struct.unpack_from("!I", msg, at + 4)[0]
        if ext == EXT_HARD:
            kind = "hard"
        at += words * 8
    print("expire %s 0x%x" % (kind, spi))'
}

told_by_pfkey() # N
{
	(($(grep -c '^expire hard' "$OUT/pfkey.log") >= $1))
}

tap_header
begin
hosts_up && flow_add transport v4 packet && flow_add tunnel v6 crypto ||
	{ not_ok "set-up"; finish; }
many_sas && ok "set-up" || not_ok "set-up"
all=$((MANY + 4))
policies=$(spd left | jq '[.[] | select(.offload)] | length')
ifindex left nic0

listen left
check "a PF_KEY socket listens" pfkey_listener
nic_del left

check "6: an EXPIRE comes for every SA" \
	wait_for 10 at_least "$all" heard_count '.event == "expire-sa"'
is "6: one for each, and no more" \
	"$(heard '.event == "expire-sa"' | jq -s '[.[].sa.spi] | unique | length')" \
	"$(heard_count '.event == "expire-sa"')"
is "6: all are hard" "$(heard_count '.event == "expire-sa" and .hard')" "$all"
is "6: all say why" \
	"$(heard_count '.sa.unbound.reason == "device-unregistered"')" "$all"
is "6: all name the device" \
	"$(heard_count '.sa.unbound.dev == "nic0"')" "$all"
is "6: all number the device" \
	"$(heard_count ".sa.unbound.ifindex == $IFINDEX")" "$all"
is "6: an UPDPOLICY for every policy that was offloaded" \
	"$(heard_count '.event == "update-policy"')" "$policies"
is "6: which says that it is in software" \
	"$(heard_count '.event == "update-policy" and (.policy.offload | not)')" \
	"$policies"
is "6: nothing is said to be deleted" \
	"$(heard_count '.event | startswith("delete") or startswith("flush")')" 0

check "6: PF_KEY is told of every SA" wait_for 10 told_by_pfkey "$all"
is "6: once" "$(grep -c '^expire' "$OUT/pfkey.log")" "$all"

is "6: a dump tells the same" \
	"$(count_sas left '.unbound.reason == "device-unregistered"')" "$all"
is "6: and that software's counters are exact" \
	"$(count_sas left '.unbound.counters_exact and .reqid == 2')" 2
is "6: an ip that knows nothing of it shows every SA" \
	"$(ip -n left xfrm state | grep -c '^src ')" "$all"
is "6: and the extra flag" \
	"$(ip -n left -s xfrm state | grep -c 'extra_flag.*80000000')" "$all"
is "6: the counter counts SAs" \
	"$(xfrm_stat left XfrmStateUnbound)" "$all"
hosts_down
finish
