#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build what distributions configure: everything that can be a module as one, then with options of IPsec off. Linked,
# checked by modpost, what is ours or patched with W=1 as errors; the modular kernel boots and passes tests, its modules
# loaded on demand.
#
# usage: configs.sh [NAME]    one of the names that it prints
#        QUICK=SEED           the modular one only, and of the programs that it has to pass one
#        RANDOM_SEED=SEED     what the configuration "random" is drawn by (QUICK, or 1)
#
# TAP; build/configs has the logs. One directory, build/modular: only what depends on a changed option is built again.
set -u
. "$(dirname "$0")/lib.sh"

only=${1-}
results=$BUILD/configs
selftests=$TOP/tools/testing/selftests/net/xfrm_offload
[[ ${QUICK-0} =~ ^[0-9]+$ ]] || die "QUICK is '$QUICK': give it a number, the seed that draws"

# A name, then what differs from the modular configuration. What these lines take with them, kconfig knows.
table='
modular
debian           NET_SWITCHDEV=y MLX5_ESWITCH=y SECURITY_SELINUX=y INET_ESPINTCP=n INET6_ESPINTCP=n
ipv6-module      IPV6=m
no-offload       INET_ESP_OFFLOAD=n INET6_ESP_OFFLOAD=n XFRM_OFFLOAD=n
no-esp4-offload  INET_ESP_OFFLOAD=n
no-migrate       NET_KEY_MIGRATE=n XFRM_MIGRATE=n
no-sub-policy    XFRM_SUB_POLICY=n
no-lsm           SECURITY_NETWORK_XFRM=n
no-vlan          VLAN_8021Q=n
random
'
# What the modular kernel has to pass.
programs=(unbind_wire unbind_policy migrate_policy)

# --- configurations

names() { awk 'NF { print $1 }' <<<"$table"; }

wanted() {
	if [ -n "$only" ]; then
		names | grep -x "$only"
	elif [ -n "${QUICK-}" ]; then
		echo modular
	else
		names
	fi
}

# IPV6=m -> CONFIG_IPV6=m
as_lines() { # SYMBOL=VALUE...
	local word

	for word; do
		case $word in
		*=n) printf '# CONFIG_%s is not set\n' "${word%=n}" ;;
		*) printf 'CONFIG_%s\n' "$word" ;;
		esac
	done
}

# Every symbol of IPsec, each on, off or a module; what cannot be so, kconfig mends.
random_words() {
	awk -v seed="${RANDOM_SEED-${QUICK-1}}" 'BEGIN {
		count = split("XFRM_USER XFRM_INTERFACE NET_KEY INET_AH INET_ESP INET_ESP_OFFLOAD INET_IPCOMP INET6_AH INET6_ESP \
			INET6_ESP_OFFLOAD INET6_IPCOMP BONDING NETDEVSIM MLX5_CORE IXGBE IXGBEVF NFP CHELSIO_IPSEC_INLINE", tristate)
		srand(seed)
		for (i = 1; i <= count; i++)
			print tristate[i] "=" substr("nmy", int(rand() * 3) + 1, 1)
		count = split("XFRM_MIGRATE XFRM_SUB_POLICY XFRM_STATISTICS NET_KEY_MIGRATE SECURITY_NETWORK_XFRM \
			INET_ESPINTCP INET6_ESPINTCP", bool)
		for (i = 1; i <= count; i++)
			print bool[i] "=" substr("ny", int(rand() * 2) + 1, 1)
	}'
}

build() { # NAME
	local words lines=()

	if [ "$1" = random ]; then
		mapfile -t words < <(random_words)
		mapfile -t lines < <(as_lines "${words[@]}" | sed 's/^/try /')
	else
		read -r -a words < <(awk -v name="$1" '$1 == name { $1 = ""; print }' <<<"$table")
		mapfile -t lines < <(as_lines "${words[@]}")
	fi
	"$LAB/kernel.sh" --modular "${lines[@]}"
}

# --- TAP

passed=0
failed=0

result() { # STATUS WHAT LOG
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) $2"
	else
		failed=$((failed + 1))
		tail -n 20 "$3" | sed 's/^/# /'
		echo "not ok $((passed + failed)) $2"
	fi
}

try_configuration() { # NAME
	local status log=$results/$1.log started=$SECONDS

	build "$1" >"$log" 2>&1
	status=$?
	cat "$BUILD/modular.log" >"$results/$1.make.log" 2>/dev/null
	result "$status" "$1: builds, links, W=1 says nothing ($(minutes $((SECONDS - started))))" "$log"
	[ "$1" != modular ] || [ "$status" != 0 ] || try_programs
}

# What is skipped here is a module that did not come.
try_programs() {
	local program output limit

	limit=$(sed -n 's/^timeout=//p' "$selftests/settings")
	cd "$selftests" || return
	if [ -n "${QUICK-}" ] && [ -z "$only" ]; then
		RANDOM=$QUICK
		programs=("${programs[RANDOM % ${#programs[@]}]}")
	fi
	for program in "${programs[@]}"; do
		output=$results/$program
		mkdir -p "$output"
		"$LAB/boot.sh" --kernel "$BUILD/modular/linux" --mem 1G --time-limit "$limit" --keep-output "$output" -- \
			"./$program.sh" >"$output/output.tap" 2>&1 </dev/null && ! grep -q '^1\.\.0' "$output/output.tap"
		result $? "modular: passes $program" "$output/output.tap"
	done
}

mapfile -t wanted < <(wanted)
[ ${#wanted[@]} -gt 0 ] || die "there is no configuration '$only': $(names | tr '\n' ' ')"
rm -rf "$results"
mkdir -p "$results"
export XFRMCTL=$BUILD/xfrmctl/xfrmctl
echo "TAP version 13"
for name in "${wanted[@]}"; do
	try_configuration "$name"
done
echo "1..$((passed + failed))"
echo "$passed $failed 0" >"$results/counts"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
