#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The verdicts of "make demo" and "make compare", on captures that are made here: what ends them with which status.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../tap.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# What a story leaves: captures of the two cables, keys, tcpdump's words, facts. tshark checks the ICV of any cipher: here
# it is an HMAC. All frames have one text under AES-CBC with a key of zeros; it ends in "no next header".
cat >"$scratch/story.py" <<'END'
import hashlib, hmac, ipaddress, os, random, struct, sys

out, nic, back = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
wrong = dict(word.split("=") for word in sys.argv[4:])
noise = random.Random(1)
key = bytes(range(20))
text = bytes.fromhex("000102030405060708090a0b0c0d0e0f"
                     "b947729747a29202e8e87d221090b0ca")
rekey = 1700000100


def ip(protocol, payload, src="10.1.0.1", dst="10.2.0.1"):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
                       ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed)
    return bytes(12) + b"\x08\0" + head + payload


def esp(spi, number, iv=None, damage=False):
    body = struct.pack("!II", spi, number) + (iv or noise.randbytes(16)) + text
    icv = hmac.new(key, body, hashlib.sha1).digest()[:12]
    return ip(50, body + (bytes(12) if damage else icv))


def plain():
    return ip(17, struct.pack("!HHHH", 7, 7, 16, 0) + b"in clear")


def capture(name, frames):
    said = len(frames) + int(wrong.get("tcpdump", 0))
    with open(f"{out}/{name}.pcap", "wb") as file:
        file.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for when, frame in frames:
            file.write(struct.pack("<IIII", when, 0, len(frame), len(frame)) + frame)
    with open(f"{out}/tcpdump-{name}.log", "w") as file:
        file.write(f"{said} packets captured\n{said} packets received by filter\n0 packets dropped by kernel\n")


os.makedirs(out)
capture("nic", [(rekey - 100 + n // 100, esp(0x1001, n + 1)) for n in range(nic)])
frames = [(rekey + n // 100, esp(0x1101, n + 1)) for n in range(back)]
if "clear" in wrong:
    frames.insert(int(wrong["clear"]), (rekey - 50 if wrong["clear"] == "0" else rekey + 1, plain()))
if "damage" in wrong:
    frames.append((rekey + 50, esp(0x1101, back + 1, damage=True)))
if "iv" in wrong:
    frames += [(rekey + 50, esp(0x1101, back + 1 + n, iv=bytes(16))) for n in range(2)]
capture("back", frames)
with open(f"{out}/esp_sa", "w") as file:
    for spi in ("0x00001001", "0x00001101"):
        file.write(f'"IPv4","10.1.0.1","10.2.0.1","{spi}","AES-CBC [RFC3602]","0x{bytes(16).hex()}",'
                   f'"HMAC-SHA-1-96 [RFC2404]","0x{key.hex()}"\n')
with open(f"{out}/preferences", "w") as file:
    file.write("esp.enable_encryption_decode: TRUE\nesp.enable_authentication_check: TRUE\n")
with open(f"{out}/facts", "w") as file:
    file.write(f"unplug_us={rekey - 60}000000\nunregister_ms=400\nsas=4\ninvalid=4\npolicies=4\ntold_ms=300.0\n"
               f"rekey_us={rekey}000000\n" + ("" if "open" in wrong else "complete=1\n"))
END

story() { # DIR NIC-FRAMES BACK-FRAMES WHAT-IS-WRONG...
	rm -rf "$1"
	python3 "$scratch/story.py" "$@"
	echo "Linux" >"$1/kernel.log"
}

demo() { # NIC-FRAMES BACK-FRAMES WHAT-IS-WRONG...
	story "$scratch/demo" "$@"
	try "$LAB/demo.sh" --verdict "$scratch/demo"
}

# In one line, the last, and not an error of the shell's.
verdict_is() { # STATUS WORDS
	ended_with "$1" && [[ $(tail -n 1 <<<"$said") == VERDICT:* ]] && says "$2" && ! grep -q 'line [0-9]*:' <<<"$said"
}

demo 1200 200
check "enough ESP, nothing in clear: status 0" verdict_is 0 "VERDICT: no cleartext. 1,400 ESP frames"
check "... counted by cable" says "fallback, with the new SAs                   200           0          0"

demo 1200 200 clear=0
check "one frame in clear before there are new SAs: status 1" verdict_is 1 "LEAK. 1 frames of the protected flow left in clear"
demo 1200 200 clear=150
check "one frame in clear later: status 1" verdict_is 1 "LEAK. 1 frames of the protected flow left in clear"
# Of a single frame tshark makes no statistics.
demo 1200 0 clear=0
check "one frame in clear and no other: status 1" verdict_is 1 "LEAK. 1 frames of the protected flow left in clear"
demo 1200 200 damage=1
check "an ESP frame that fails: status 1" verdict_is 1 "1 ESP frames failed"
demo 1200 200 iv=1
check "an IV that comes twice: status 1" verdict_is 1 "1 IVs came twice"

demo 999 200
check "too few frames before the unplug: status 1" verdict_is 1 "NOT SHOWN. Nothing leaked, but only 999 ESP frames"
demo 1200 0
check "no frame with the new SAs: status 1" verdict_is 1 "NOT SHOWN"

demo 1200 200 open=1
check "a story that did not end: status 1" one_sentence "did not come to its end"

cut() { # BYTES, from the end of back.pcap
	story "$scratch/demo" 1200 200
	truncate -s "-$1" "$scratch/demo/back.pcap"
	try "$LAB/demo.sh" --verdict "$scratch/demo"
}
cut 30
check "a capture that ends within a frame: status 1" one_sentence "tshark cannot read"
cut $((16 + 14 + 20 + 8 + 16 + 32 + 12))
check "a capture that ends a frame early: status 1" one_sentence "199 frames of the 200"

story "$scratch/demo" 1200 200
: >"$scratch/demo/nic.pcap"
try "$LAB/demo.sh" --verdict "$scratch/demo"
check "an empty file: status 1" one_sentence "has 0 frames of the 1200"
rm "$scratch/demo/nic.pcap"
try "$LAB/demo.sh" --verdict "$scratch/demo"
check "no file: status 1" one_sentence "tshark cannot read"

# A variable of this name is nobody's business here.
story "$scratch/demo" 1200 200
SCRATCH=/nowhere CAPTURES=/nowhere try "$LAB/demo.sh" --verdict "$scratch/demo"
check "whatever the environment says" verdict_is 0 "no cleartext"

compare() { # WHAT-IS-WRONG-WITH-OURS...
	rm -rf "$scratch/compare"
	mkdir "$scratch/compare"
	story "$scratch/compare/stock" 1200 200 clear=0
	story "$scratch/compare/ours" "$@"
	try "$LAB/compare.sh" --verdict "$scratch/compare"
}

compare 1200 200
check "compare: the stock core leaks, ours does not: status 0" verdict_is 0 "no cleartext"
check "... in one table" says "cleartext frames after the unplug                               1                        0"
compare 1200 200 clear=0
check "compare: ours leaks: status 1" verdict_is 1 "LEAK"
compare 10 200
check "compare: ours has too few frames: status 1" verdict_is 1 "NOT SHOWN"
compare 1200 200 open=1
check "compare: our story did not end: status 1" one_sentence "did not come to its end"
compare 1200 200 tcpdump=1
check "compare: a capture has a gap: status 1" one_sentence "1200 frames of the 1201"

done_testing
