#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What may be a module uses only what is exported of net/xfrm: else the kernel of a distribution does not link. `make
# configs` builds one, in minutes.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../tap.sh"

cd "$BUILD/um" || exit 1

# Objects that are modules in tools/testing/lab/modular.config, as far as the kernel of User-mode Linux has them.
modules=(net/xfrm/xfrm_{algo,user,interface_core,ipcomp}.o net/key/af_key.o net/ipv4/{esp4,esp4_offload,ah4}.o
	net/ipv6/{esp6,esp6_offload,ah6}.o drivers/net/bonding/bond_{main,ipsec,options}.o
	drivers/net/netdevsim/ipsec/{main,sa,path}.o drivers/net/ethernet/intel/ixgbe/ixgbe_ipsec.o)

# Objects that are a part of the kernel.
mapfile -t builtin < <(ar t net/xfrm/built-in.a | sed "s,^$BUILD/um/,," | grep '^net/xfrm/xfrm_' |
	grep -vxFf <(printf '%s\n' "${modules[@]}"))

symbols() { nm --defined-only "${builtin[@]}" 2>/dev/null; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
symbols | awk '$2 ~ /[TDBR]/ { print $3 }' | sort -u >"$scratch/defined"
symbols | sed -n 's/.* __export_symbol_//p' | sort -u >"$scratch/exported"
comm -23 "$scratch/defined" "$scratch/exported" >"$scratch/internal"

uses_only_exports() { # OBJECT
	nm -u "$1" | awk '{ print $2 }' | sort -u | comm -12 - "$scratch/internal" >"$scratch/used"
	sed 's/^/# not exported: /' "$scratch/used"
	[ ! -s "$scratch/used" ]
}

check "net/xfrm exports something" [ -s "$scratch/exported" ]
check "net/xfrm has more than it exports" [ -s "$scratch/internal" ]
for object in "${modules[@]}"; do
	if [ -e "$object" ]; then
		check "$object: uses what is exported" uses_only_exports "$object"
	else
		skip "$object" "this kernel does not have it"
	fi
done
done_testing
