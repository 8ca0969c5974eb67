#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a guest does on a commit of a series, beside KUnit: two hosts exchange ESP, while stock's simulated NIC with an SA
# of crypto offload comes and goes. Nothing here needs more than stock Linux.
set -eu

nsim=/sys/bus/netdevsim

sa() { # HOST SRC DST SPI [WORDS...]
	ip -n "$1" xfrm state add src "$2" dst "$3" proto esp spi "$4" reqid 1 mode transport replay-window 32 \
		aead 'rfc4106(gcm(aes))' "$(printf '0x%040x' "$4")" 128 "${@:5}"
}

policy() { # HOST SRC DST DIR
	ip -n "$1" xfrm policy add src "$2" dst "$3" dir "$4" tmpl proto esp reqid 1 mode transport
}

protect() { # HOST ADDRESS PEER
	sa "$1" 192.0.2.1 192.0.2.2 0x101
	sa "$1" 192.0.2.2 192.0.2.1 0x102
	policy "$1" "$2" "$3" out
	policy "$1" "$3" "$2" in
}

ping_through() {
	ip netns exec one ping -n -q -c 3 -i 0.1 -W 5 192.0.2.2
	ip -n two -s xfrm state get src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x101 | grep -E "^\s+[0-9]+\(bytes\), $1\(packets\)"
}

ip netns add one
ip netns add two
ip link add veth1 netns one type veth peer name veth2 netns two
ip -n one addr add 192.0.2.1/24 dev veth1
ip -n two addr add 192.0.2.2/24 dev veth2
ip -n one link set veth1 up
ip -n two link set veth2 up
protect one 192.0.2.1 192.0.2.2
protect two 192.0.2.2 192.0.2.1
ping_through 3

ip netns exec one sh -c "echo '1 1' >$nsim/new_device"
ip -n one link set eth0 up
sa one 192.0.2.1 192.0.2.3 0x103 offload dev eth0 dir out
ip -n one xfrm state get src 192.0.2.1 dst 192.0.2.3 proto esp spi 0x103 | grep 'dev eth0'
echo 1 >$nsim/del_device
[ ! -e $nsim/devices/netdevsim1 ]
ping_through 6
