# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the pages take for granted where they show commands: the beds. For each, in a guest, NAME_up sets it up, and
# NAME_seen says whether the commands did what they are for; $said has what they printed. Sourced, by guest.sh.

NSIM=/sys/bus/netdevsim
KEY=0x000102030405060708090a0b0c0d0e0f10111213
SA_WORDS=(proto esp mode transport replay-window 64 aead 'rfc4106(gcm(aes))' "$KEY" 128)

until_true() { # COMMAND...
	local end=$((SECONDS + 20))

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || { echo "# not within 20 s: $*"; return 1; }
		read -r -t 0.02 _ <>"$scratch/never" || :
	done
}

in_remote() { nsenter --net=/run/netns/remote "$@"; }

# --- the machine of the pages: 192.0.2.1, and its peer in the namespace "remote"

links() { "$@" ip -o link show | sed -E 's/^[0-9]+: ([^:@]+).*/\1/' | sort; } # COMMAND TO RUN IT BY...

# A simulated NIC on the bus gets the name NAME.
nic() { # NUMBER NAME [COMMAND TO RUN IT BY...]
	local before name

	before=$(links "${@:3}")
	"${@:3}" bash -c "echo '$1 1' >$NSIM/new_device" || return
	name=$(comm -13 <(echo "$before") <(links "${@:3}"))
	[ "$name" = "$2" ] || "${@:3}" ip link set "$name" name "$2" || return
	"${@:3}" ip link set "$2" address "02:00:00:00:00:0$1"
}

# The cable between our NIC NAME and the remote one.
plug() { # NAME
	local here there fd_here fd_there

	read -r here _ < <(ip -o link show dev "$1") || return
	read -r there _ < <(in_remote ip -o link show dev wire) || return
	exec {fd_here}</proc/self/ns/net {fd_there}</run/netns/remote
	echo "$fd_here:${here%:} $fd_there:${there%:}" >"$NSIM/link_device"
	exec {fd_here}<&- {fd_there}<&-
}

# NAME is 192.0.2.1 and 2001:db8::1, on one cable with 192.0.2.2 and 2001:db8::2.
machine() { # NAME
	modprobe -q netdevsim
	ip netns add remote &&
		in_remote ip link set lo up &&
		nic 1 "$1" &&
		nic 2 wire in_remote &&
		plug "$1" &&
		ip link set "$1" up &&
		in_remote ip link set wire up &&
		ip addr add 192.0.2.1/24 dev "$1" &&
		ip addr add 2001:db8::1/64 dev "$1" nodad &&
		in_remote ip addr add 192.0.2.2/24 dev wire &&
		in_remote ip addr add 2001:db8::2/64 dev wire nodad &&
		until_true answers 192.0.2.2 &&
		until_true answers 2001:db8::2
}

answers() { ping -q -c 1 -W 0.2 "$1" >/dev/null; } # ADDRESS

# What is on the device: "sa out", "policy in", ..., a line each.
offloaded() { # DEVICE
	{
		xfrmctl -j state list | jq -r --arg dev "$1" '.[] | select(.offload.dev == $dev) | "sa \(.offload.dir)"'
		xfrmctl -j policy list | jq -r --arg dev "$1" '.[] | select(.offload.dev == $dev) | "policy \(.dir)"'
	} | sort
}

state_of() { # SPI
	xfrmctl -j state list | jq -r --argjson spi "$(($1))" '.[] | select(.spi == $spi) |
		"\(.dst) \(.state) \(.offload.dev // "software")"'
}

# --- README.md: an SA and a policy on the card

card_up() { machine eth0; }

card_seen() {
	same "on the card" "$(offloaded eth0)" $'policy out\nsa out' &&
		ip link set eth0 down &&
		same "after ip link set eth0 down" "$(state_of 0x1001)" "192.0.2.2 invalid software"
}

# --- xfrmctl.8

eth1_up() { machine eth1; }
eth1_out_seen() { same "on eth1" "$(offloaded eth1)" $'policy out\nsa out'; }
eth1_in_seen() { same "on eth1" "$(offloaded eth1)" 'sa in'; }
eth1_out_up() { eth1_up; }
eth1_in_up() { eth1_up; }

sa_on_eth1() {
	machine eth1 &&
		xfrmctl state add src 192.0.2.1 dst 192.0.2.2 spi 0x1000 reqid 7 "${SA_WORDS[@]}" offload packet dev eth1 dir out
}

# The SA loses its device while the monitor runs.
expiry_up() {
	sa_on_eth1 || return
	{
		until_true grep -q 'xfrmctl: monitoring' "$said"
		ip link set eth1 down
	} &
}
expiry_seen() { same "what the monitor says" "$(sed -n '/^{/p' "$said" | jq -r .event)" update-sa; }

invalid_up() {
	sa_on_eth1 && ip link set eth1 down
}
invalid_seen() { same "SPIs" "$(cat "$said")" $((0x1000)); }

# --- xfrm_migrate_state.rst: 192.0.2.1 has an SA to 192.0.2.2, on eth0

migrate_up() { # [SPI]
	machine eth0 &&
		nic 3 eth1 &&
		ip link set eth1 up &&
		xfrmctl state add src 192.0.2.1 dst 192.0.2.2 spi "${1:-0x1001}" reqid 1 "${SA_WORDS[@]}" offload packet dev eth0 dir out
}

round_trip_up() { migrate_up; }
round_trip_seen() { same "the SA" "$(state_of 0x1001)" "192.0.2.2 valid eth0"; }
other_nic_up() { migrate_up; }
other_nic_seen() { same "the SA" "$(state_of 0x1001)" "192.0.2.2 valid eth1"; }

nat_up() {
	machine eth0 &&
		xfrmctl state add src 192.0.2.1 dst 192.0.2.2 spi 0x1001 reqid 1 "${SA_WORDS[@]/64/0}" dir out
}
nat_seen() {
	same "the SA" "$(state_of 0x1001)" "198.51.100.7 valid software" &&
		xfrmctl state list | grep -q 'espinudp.*4500.*4500'
}

gone_up() {
	migrate_up 0x1002 && echo 1 >"$NSIM/del_device" &&
		same "the SA without its NIC" "$(state_of 0x1002)" "192.0.2.2 invalid software"
}
gone_seen() { same "the SA" "$(state_of 0x1002)" "192.0.2.2 valid software"; }

# --- xfrm_netlink.rst, at the top of the kernel's tree

linux_tree() { cd "${beds%/tools/testing/lab/*}/build/linux" || return; }

ynl_lists_up() { sa_on_eth1 && ip link set eth1 down && linux_tree; }
ynl_lists_seen() {
	same "what is listed" "$(jq -c '.[] | [.id.spi, .invalid.ifname]' "$said")" "[$((0x1000)),\"eth1\"]"
}

ynl_asks_up() { machine eth1 && linux_tree; }
ynl_asks_seen() {
	same "SAs" "$(xfrmctl -j state list)" '[]' && grep -q c0000203000000000000000000000000 "$said"
}

ynl_listens_up() {
	sa_on_eth1 && linux_tree || return
	# Once it has subscribed: bit 3 of the groups that /proc/net/netlink shows.
	{
		until_true listens_to_sas
		ip link set eth1 down
	} &
}
listens_to_sas() { awk '$2 == 6 && substr($4, 8) ~ /[4-7c-f]/ { n++ } END { exit !n }' /proc/net/netlink; }
ynl_listens_seen() {
	same "what it hears" "$(jq -c '.[] | [.name, .msg.invalid.reason]' "$said")" '["updsa-ntf","device-down"]'
}

# --- xfrm_observe.rst: 192.0.2.1 has an SA and a policy on eth0, which goes

observe_up() {
	[ -d /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing || return
	machine eth0 &&
		xfrmctl state add src 192.0.2.1 dst 192.0.2.2 spi 0x1001 reqid 1 "${SA_WORDS[@]}" offload packet dev eth0 dir out &&
		xfrmctl policy add src 192.0.2.1/32 dst 192.0.2.2/32 dir out offload packet dev eth0 tmpl src 192.0.2.1 \
			dst 192.0.2.2 proto esp reqid 1 mode transport || return
	# One of the driver's calls takes two milliseconds.
	echo unbind >/sys/kernel/debug/netdevsim/netdevsim1/ports/0/ipsec_hw/fault/delay_target &&
		echo 2 >/sys/kernel/debug/netdevsim/netdevsim1/ports/0/ipsec_hw/fault/delay_ms
}

still_up() {
	observe_up || return
	# Nothing answers: the other end has no SA.
	ping -q -c 2 -i 0.1 -W 0.1 192.0.2.2
	ethtool -K eth0 esp-hw-offload off
}
moves_on_up() { still_up >/dev/null; }
moves_on_seen() { same "the SA" "$(state_of 0x1001)" "192.0.2.2 valid software"; }
still_seen() { grep -q 'spi 0x00001001' "$said"; }

# What the last command of a block looks for.
observe_seen() {
	grep -qE -e 'xfrm_unbind_end: +dev=eth0 reason=device-down states=1 policies=1 fence_ns=' \
		-e 'call=state_unbind id=0x00001001 err=0 ns=[0-9]{7}' \
		-e 'xfrm_sa_stopped: .* spi=0x00001001 .* exact=1' \
		-e 'xfrm_sa_blocks: .* spi=0x00001001 .* reason=feature-off exact=1' "$said"
}

# The NIC loses its SA while packets are sent, and back.
in_clear_up() {
	observe_up || return
	{
		until_true grep -q '^watching' "$said"
		ping -q -c 5 -i 0.02 -W 0.1 192.0.2.2
		ethtool -K eth0 esp-hw-offload off
		ping -q -c 5 -i 0.02 -W 0.1 192.0.2.2
	} >/dev/null &
}
in_clear_seen() { grep -qx '0 packets in clear' "$said"; }

# --- the conformance suite, as a vendor types it: in the tree that the host built it in

# How much of it: the NIC of the tests has room for 32 SAs, and nobody has all day.
small() {
	machine eth1 || return
	echo 32 >/sys/kernel/debug/netdevsim/netdevsim1/ports/0/ipsec_hw/max_sas
	export CYCLES=50 CAPACITY=50 MOVES=6 PACE='-i 0.012'
	# Without its cable a simulated NIC comes back, which no real one does.
	printf '#!/bin/bash\n. %q\nplug eth1\n' "$beds" >/tmp/plug
	chmod +x /tmp/plug
	export DEVICE_BACK=/tmp/plug
}

passed_at_least() { # HOW MANY
	local verdicts

	verdicts=$(jq -r '[.requirements[].verdict] | "\(map(select(. == "pass")) | length) \(map(select(. == "fail")) | length)"' \
		/tmp/report/report.json) || return
	echo "# $verdicts: requirements that passed, that failed"
	[ "${verdicts#* }" = 0 ] && [ "${verdicts% *}" -ge "$1" ]
}

suite_netns_up() {
	small || return
	export TEST_GROUPS='traffic migrate down remove log'
}
suite_netns_seen() { passed_at_least 20; }

# The remote end is reached by another way than the device, and by keys that are made here. root's account may be locked
# on this machine.
suite_ssh_up() {
	small || return
	export TEST_GROUPS='inbound down log'
	ip link add way type veth peer name way netns remote
	ip addr add 198.51.100.1/24 dev way
	in_remote ip addr add 198.51.100.7/24 dev way
	ip link set way up
	in_remote ip link set way up
	printf 'root:*:19000:0:99999:7:::\n' >"$scratch/shadow"
	mount --bind "$scratch/shadow" /etc/shadow
	chmod 700 /root
	mkdir -m 700 /root/.ssh
	dropbearkey -t ed25519 -f "$scratch/hostkey" >"$scratch/hostkey.log" 2>&1
	ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
	cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
	sed -n 's/^\(ssh-ed25519 [^ ]*\).*/198.51.100.7 \1/p' "$scratch/hostkey.log" >/root/.ssh/known_hosts
	in_remote dropbear -F -E -s -r "$scratch/hostkey" -p 22 -P "$scratch/dropbear.pid" 2>"$scratch/dropbear.log" &
	until_true ssh -o BatchMode=yes root@198.51.100.7 true 2>"$scratch/ssh.log"
}
suite_ssh_seen() { passed_at_least 10; }

# Installed with kselftest's own words; both suites, each from its place.
installed_up() {
	small || return
	mkdir -p /tmp/kselftest
	mount -t tmpfs tmpfs /tmp/kselftest
	cp -a "$work/tmp/kselftest/." /tmp/kselftest/
	cat >/tmp/kselftest/drivers/net/hw/xfrm_offload/net.config <<-EOF
		NETIF=eth1
		LOCAL_V4=192.0.2.1
		REMOTE_V4=192.0.2.2
		REMOTE_TYPE=netns
		REMOTE_ARGS=remote
		OUT=/tmp/report
		TEST_GROUPS=traffic down
	EOF
	unset XFRMCTL OUT
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
}
installed_seen() {
	grep -q '^ok 1 selftests: drivers/net/hw/xfrm_offload: xfrm_offload.sh$' "$said" && passed_at_least 10 || return
	ip netns del remote
	echo 1 >"$NSIM/del_device"
	/tmp/kselftest/run_kselftest.sh -t net/xfrm_offload:xfrmctl.sh -t net/xfrm_offload:unbind_input.sh >"$scratch/two"
	grep -c '^ok [12] selftests: net/xfrm_offload: [a-z_]*.sh$' "$scratch/two" | grep -qx 2 || {
		grep -E 'not ok|SKIP' "$scratch/two"
		return 1
	}
}

# --- sim82599.rst

sim82599_up() { :; }
sim82599_seen() {
	grep -qx eth0 "$said" && [ -e /sys/class/net/wire0 ] && until_true grep -qx 1 /sys/class/net/eth0/carrier
}

same() { # WHAT GOT WANTED
	[ "$2" = "$3" ] && return
	printf '# %s: got "%s", wanted "%s"\n' "$1" "$2" "$3"
	return 1
}
