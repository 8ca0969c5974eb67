#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the captures of a row say: tshark, with the keys that the daemons gave to their kernels. Prints one JSON object.
#
# usage: judge.sh DIR    what row.sh left
set -u
IKE=$(cd "$(dirname "$0")" && pwd)
OUT=$(cd "$1" && pwd) || exit
CAPTURES=$OUT
# shellcheck source=../../selftests/net/xfrm_offload/lib/witness.sh
. "$IKE/../../selftests/net/xfrm_offload/lib/witness.sh"
# shellcheck source=charon.sh
. "$IKE/charon.sh"
# shellcheck source=pluto.sh
. "$IKE/pluto.sh"

declare -A fact=()
while IFS='=' read -r name value; do
	fact[$name]=$value
done <"$OUT/facts"

die() {
	jq -nc --arg why "$1" '{error: $why}'
	exit 1
}
[[ -v fact[complete] ]] || die "${fact[error]:-the row did not end}"

# "src A dst B", then "proto esp spi S", then "aead NAME KEY 128": ip-xfrm(8).
keys() {
	awk '{ sub(/^(Updated|Deleted|Expired|\[[^]]*\]) */, "") }
		$1 == "src" { src = $2; dst = $4 }
		$1 == "proto" { spi = $4 }
		$1 == "aead" { print src, dst, spi, $3 }' "$OUT"/keys-*.log | sort -u
}

rm -f "$OUT/esp_sa"
while read -r _ dst spi key; do
	# An SA that moves keeps its key: any address will do.
	family=IPv4
	[[ $dst != *:* ]] || family=IPv6
	printf '"%s","*","*","%s","%s","%s","NULL",""\n' "$family" "$spi" "$TSHARK_AEAD" "$key"
done < <(keys) | sort -u >"$OUT/esp_sa"
cat >"$OUT/preferences" <<-END
	esp.enable_encryption_decode: TRUE
	esp.enable_authentication_check: TRUE
END

seconds() { awk -v us="$1" 'BEGIN { printf "%.6f", us / 1000000 }'; }

# An echo that stands outside of ESP, after the policies were there.
ready=$(seconds "${fact[ready_us]}")
gone=$(seconds "${fact[gone_us]}")
echo_frames='((icmp.type == 8 || icmp.type == 0 || icmpv6.type == 128 || icmpv6.type == 129) && !esp)'
clear="($echo_frames && frame.time_epoch >= $ready)"
after="frame.time_epoch >= $gone"
from_left='(ip.src == 192.168.1.1 || ip.src == 192.168.1.7 || ip.src == 192.168.2.1 || ipv6.src == fd00:168:1::1 || ipv6.src == fd00:168:2::1)'

read -ra nic < <(frames nic "$clear" "$VERIFIED" "$UNVERIFIED")
read -ra back < <(frames back "$clear" "$VERIFIED" "$UNVERIFIED")
((${#nic[@]} == 3 && ${#back[@]} == 3)) || die "tshark cannot read the captures"

first() { # CAPTURE
	asks -r "$OUT/$1.pcap" -Y "$VERIFIED && $from_left && $after" -T fields -e frame.time_epoch 2>/dev/null | head -n 1
}
first=$({ first nic; first back; } | sort -n | head -n 1)
answered=$(sed -nE 's/^\[([0-9.]+)\] .*bytes from.*/\1/p' "$OUT/traffic.log" | awk -v t="$gone" '$1 > t { print $1; exit }')

# Of the last two seconds that were watched.
alive=$(sed -nE 's/^\[([0-9.]+)\] .*bytes from.*/\1/p' "$OUT/traffic.log" |
	awk -v end="$(seconds "${fact[end_us]}")" '$1 > end - 2 { n++ } END { print n + 0 }')

after() { # WHAT: how often left's daemon did that
	local pattern=${fact[daemon]}_$1

	awk -v from="${fact[log_begin]}" -v to="${fact[log_end]}" 'NR > from && NR <= to' "$OUT/daemon-left.log" |
		grep -cE "${!pattern}"
}

did=$(for what in deletes rekeys moves acquires; do
	printf '"%s":%d,' "$what" "$(after "$what")"
done)

milliseconds() { # SECONDS or nothing
	[[ ${1-} ]] && awk -v a="$1" -v b="$gone" 'BEGIN { printf "%d", (a - b) * 1000 }' || echo null
}

verified=$((nic[1] + back[1]))
unverified=$((nic[2] + back[2]))
cat <<-END
	{"offloaded":"${fact[offloaded]}","clear_nic":${nic[0]},"clear_back":${back[0]},"verified":$verified,"unverified":$unverified,"repeated":$(repeated iv nic back),"first_ms":$(milliseconds "$first"),"answered_ms":$(milliseconds "$answered"),"alive":$alive,"did":{${did%,}},"invalid":${fact[invalid_left]},"larval":${fact[larval_left]},"sas":${fact[sas_left]},"policies":${fact[policies_left]}}
END
