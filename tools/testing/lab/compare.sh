#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The demo's story on two kernels, the stock core and ours, in one table. The simulated NIC is the same in both. The exit
# status is the verdict on ours.
#
# usage: compare.sh                 the whole: build/compare
#        compare.sh --verdict DIR   only the table, of stories that were told before
set -u
. "$(dirname "$0")/lib.sh"
. "$LAB/tables.sh"

results=$BUILD/compare
told_before=
case ${1-} in
'') ;;
--verdict)
	results=${2:?}
	told_before=yes
	;;
*) sed -n 's/^# \(usage:\|      \)/\1/p' "$0" >&2; exit 2 ;;
esac
export XFRMCTL=$BUILD/xfrmctl/xfrmctl

tell_story() { # NAME KERNEL WHAT-IT-IS
	local log=$results/$1.log

	rm -rf "$OUT"
	say "the story on $3"
	"$LAB/boot.sh" --kernel "$2" --mem 1G --time-limit 900 --keep-output "$OUT" -- "$SELFTESTS/story.sh" >"$log" 2>&1
	status=$?
	# The stock kernel may complain of itself: that is a part of the comparison.
	[ "$1,$status" != stock,125 ] || [ -z "$(fact complete)" ] || status=0
	[ "$status" = 0 ] ||
		die "the story did not come to its end on $3: see ${log#"$TOP"/}"
	mv "$log" "$OUT/story.log"
}

# Tells the story on one kernel and leaves a column of the table in COLUMN.
column() { # NAME KERNEL WHAT-IT-IS
	OUT=$results/$1
	[ -n "$told_before" ] || tell_story "$@"
	ask_the_witness || die "$WHY_NOT"

	COLUMN=(
		"$(thousands $((NIC_CLEAR + BACK_CLEAR)))"
		"$(thousands "$GOOD")"
		"$(thousands "$BAD")"
		"$(sas_left)"
		"$(fact policies) of 4"
		"$(told)"
		"$(unregistered)"
		"$(complaints)"
		"$(thousands "$IV_TWICE")"
		"$(thousands "$NEW_GOOD") ESP, $(thousands "$NEW_CLEAR") clear"
	)
}

sas_left() {
	local sas invalid

	sas=$(fact sas) invalid=$(fact invalid)
	if ((invalid > 0)); then
		echo "$sas of 4, $invalid INVALID"
	else
		echo "$sas of 4"
	fi
}

told() {
	[[ $(fact told_ms) == never ]] && echo never || echo "after $(fact told_ms) ms"
}

# "unregister_netdevice: waiting for nic0 to become free", once every ten seconds.
complaints() {
	local n

	n=$(grep -c 'unregister_netdevice: waiting' "$OUT/kernel.log")
	[ "$n" = 0 ] && echo no || echo "yes"
}

unregistered() {
	[[ $(fact unregister_ms) == never ]] && echo "hangs" || echo "after $(fact unregister_ms) ms"
}

# What describes the messages of our kernel has to hold for those of the stock core, too.
described() {
	local log=$results/ynl.log

	say "the messages of the stock core, by ynl"
	"$LAB/boot.sh" --kernel "$BUILD/um-stock/linux" --mem 1G --time-limit 900 -- "$SELFTESTS/ynl.sh" >"$log" 2>&1 &&
		! grep -q '^1\.\.0' "$log" ||
		die "ynl and the stock core do not agree: $(grep -m 1 '^not ok' "$log" || tail -n 1 "$log"), see ${log#"$TOP"/}"
}

titles=(
	"cleartext frames after the unplug"
	"ESP frames that tshark verified"
	"ESP frames that failed"
	"SAs left on the host"
	"policies left on the host"
	"key manager told"
	"device unregistered"
	"the kernel complained of a leaked device"
	"IVs used twice under one key"
	"after the rekey, over the fallback"
)

mkdir -p "$results"
[ -n "$told_before" ] || described
column stock "$BUILD/um-stock/linux" "the stock core"
stock=("${COLUMN[@]}")
column ours "$BUILD/um/linux" "our kernel"

echo
printf '%-42s %22s %24s\n' "A NIC with packet offload is unplugged" "stock core" "with xfrm-unbind"
for i in "${!titles[@]}"; do
	printf '%-42s %22s %24s\n' "${titles[i]}" "${stock[i]}" "${COLUMN[i]}"
done
echo
echo "Captures, keys and the two stories are in ${results#"$TOP"/}."
echo
# Of what was read last: ours.
verdict
