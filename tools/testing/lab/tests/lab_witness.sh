#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the witness calls cleartext, ESP, and ESP that fails, on captures that are made here.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../tap.sh"
. "${SELFTESTS:-$TOP/tools/testing/selftests/net/xfrm_offload}/lib/witness.sh"

OUT=$(mktemp -d)
# shellcheck disable=SC2034 # for witness.sh
CAPTURES=$OUT
trap 'rm -rf "$OUT"' EXIT

# ESP without encryption: tshark finds what is inside of it, by the SA's name.
cat >"$OUT/frames.py" <<'END'
import hashlib, hmac, ipaddress, struct, sys

key = bytes(range(20))
out, *words = sys.argv[1:]


def pack(addr):
    return ipaddress.ip_address(addr).packed


def ip(src, dst, protocol, payload):
    if ":" in src:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + pack(src) + pack(dst) + payload
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + pack(src) + pack(dst) + payload


def esp(spi, inner, protocol, damage=False):
    text = inner + bytes(range(1, -(len(inner) + 2) % 4 + 1))
    body = struct.pack("!II", spi, 1) + text + bytes([-(len(inner) + 2) % 4, protocol])
    icv = hmac.new(key, body, hashlib.sha1).digest()[:12]
    return body + (bytes(12) if damage else icv)


udp = struct.pack("!HHHH", 7, 7, 16, 0) + b"a secret"
echo = bytes.fromhex("0800f7ff00000000")
LEFT, RIGHT, LEFT6, RIGHT6 = "10.1.0.1", "10.2.0.1", "fd00:1::1", "fd00:2::1"
END, PEER, END6, PEER6 = "10.9.0.1", "10.9.0.2", "fd00:9::1", "fd00:9::2"
ROUTER, ROUTER6 = "192.168.1.254", "fd00:168:1::fe"


def unreachable(src, dst, quoted):
    kind = b"\x01\x00" if ":" in src else b"\x03\x01"
    return ip(src, dst, 58 if ":" in src else 1, kind + bytes(6) + quoted)


def tunnel(spi, src, dst, inner, protocol, **more):
    return ip(src, dst, 50, esp(spi, inner, protocol, **more))


plain, plain6 = ip(LEFT, RIGHT, 17, udp), ip(LEFT6, RIGHT6, 17, udp)
pings, pings6 = ip(LEFT, RIGHT, 1, echo), ip(LEFT6, RIGHT6, 58, b"\x80" + echo[1:])
in4, in6 = tunnel(0x41, END, PEER, plain, 4), tunnel(0x61, END6, PEER6, plain6, 41)
frames = {
    "plain": plain,
    "plain6": plain6,
    "tagged": b"\x81\0\0\x07" + plain,
    "labelled": b"\x88\x47\x00\x01\x01\x40" + plain,
    "ipip": ip(END, PEER, 4, plain),
    "in4": in4,
    "in6": in6,
    "transport": tunnel(0x42, LEFT, RIGHT, udp, 17),
    "transport6": tunnel(0x62, LEFT6, RIGHT6, udp, 17),
    "4in6": tunnel(0x61, END6, PEER6, plain, 4),
    "6in4": tunnel(0x41, END, PEER, plain6, 41),
    "echo4in6": tunnel(0x61, END6, PEER6, pings, 4),
    "echo6in4": tunnel(0x41, END, PEER, pings6, 41),
    "damaged4in6": tunnel(0x61, END6, PEER6, pings, 4, damage=True),
    "quoted": unreachable(ROUTER, END, in4),
    "quoted6": unreachable(ROUTER6, END6, in6),
    "quoted6in4": unreachable(ROUTER, END, tunnel(0x41, END, PEER, plain6, 41)),
    "quoted4in6": unreachable(ROUTER6, END6, tunnel(0x61, END6, PEER6, plain, 4)),
    "told": unreachable(ROUTER, LEFT, tunnel(0x42, LEFT, RIGHT, udp, 17)[:28]),
    "told6": unreachable(ROUTER6, LEFT6, tunnel(0x62, LEFT6, RIGHT6, udp, 17)),
    # The peer says it itself: its policy protects that.
    "peer": unreachable(RIGHT, LEFT, tunnel(0x42, LEFT, RIGHT, udp, 17)[:28]),
    # What it quotes was never to be seen.
    "disclosed": unreachable(ROUTER, LEFT, plain),
    "disclosed6": unreachable(ROUTER6, LEFT6, plain6),
}
with open(f"{out}/esp_sa", "w") as file:
    for spi, src, dst in ((0x41, END, PEER), (0x42, LEFT, RIGHT), (0x61, END6, PEER6), (0x62, LEFT6, RIGHT6)):
        file.write(f'"{"IPv6" if ":" in src else "IPv4"}","{src}","{dst}","0x{spi:08x}","NULL","",'
                   f'"HMAC-SHA-1-96 [RFC2404]","0x{key.hex()}"\n')
with open(f"{out}/preferences", "w") as file:
    file.write("esp.enable_encryption_decode: TRUE\nesp.enable_authentication_check: TRUE\n"
               "esp.enable_null_encryption_decode_heuristic: FALSE\n")
with open(f"{out}/made.pcap", "wb") as file:
    file.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for n, word in enumerate(words):
        packet = frames[word]
        kind = b"" if packet[0] in (0x81, 0x88) else b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0"
        if packet[0] == 0x81:
            packet = packet[:4] + b"\x08\0" + packet[4:]
        packet = bytes(12) + kind + packet
        file.write(struct.pack("<IIII", n, 0, len(packet), len(packet)) + packet)
END

command -v tshark >/dev/null || { skip "the witness" "tshark is not installed"; done_testing; exit; }

clear="plain plain6 tagged labelled peer disclosed disclosed6"
failed="damaged4in6"
verified="in4 in6 transport transport6 4in6 6in4 echo4in6 echo6in4"
neither="quoted quoted6 quoted6in4 quoted4in6 told told6"
read -ra all <<<"$clear $failed $verified $neither"
python3 "$OUT/frames.py" "$OUT" "${all[@]}"

# Sets VERDICT of each frame, of all filters that it passes.
declare -A VERDICT=()
ask() { # WORD FILTER
	local n

	while read -r n; do
		VERDICT[${all[n - 1]}]+="$1 "
	done < <(asks -r "$OUT/made.pcap" -Y "$2" -T fields -e frame.number 2>/dev/null)
}

ask clear "$CLEARTEXT"
ask failed "$UNVERIFIED"
ask verified "$VERIFIED"
is_called() { # FRAME VERDICT
	[ "${VERDICT[$1]:-}" = "$2" ] || { echo "# $1 is called '${VERDICT[$1]:-}'"; return 1; }
}
for name in $clear; do
	check "cleartext: $name" is_called "$name" "clear "
done
for name in $failed; do
	check "ESP that fails, whatever is in it: $name" is_called "$name" "failed "
done
for name in $verified; do
	check "ESP, whatever is in it: $name" is_called "$name" "verified "
done
for name in $neither; do
	check "an ICMP error about ESP is neither: $name" is_called "$name" ""
done
try frames made "$CLEARTEXT" "$UNVERIFIED" "$VERIFIED"
check "frames() counts the same" says "7 1 8"
check "a filter is a line without a comma" [ "$(grep -c . <<<"$CLEARTEXT")$(grep -c , <<<"$CLEARTEXT")" = 10 ]
done_testing
