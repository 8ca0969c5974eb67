#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Left's NICs are modelled 82599s here (drivers/net/sim82599), driven by the
# kernel's own ixgbe. The other end of a card's cable is a network device that
# comes and goes with the card. Right's NIC is a netdevsim, unless it has a
# SLOT.
#
# ixgbe offloads crypto in transport mode.
#
# To be sourced, after lib.sh.

declare -r SIM=/sys/kernel/debug/sim82599
declare -r PCI=/sys/bus/pci
declare -A SLOT=([left]=0 [spare]=1)
declare -rA CABLE_OF=([left]=cableL [spare]=cableS [right]=cableR)

has_82599()
{
	[[ -w $SIM/plug ]] || skip_all "needs the model of an 82599 (CONFIG_SIM82599)"
	modprobe -q ixgbe
	[[ -d $PCI/drivers/ixgbe ]] || skip_all "needs ixgbe (CONFIG_IXGBE)"
}

is_82599() { [[ ${SLOT[$1]:-} ]]; } # NIC
pci_address() { echo "0000:01:0${SLOT[$1]}.0"; } # NIC

# The card is found, and the driver has made a device of it.
nic_netdev() # NIC
{
	local path

	for path in "$PCI/devices/$(pci_address "$1")/net/"*; do
		[[ ! -e $path ]] || echo "${path##*/}"
	done
}

has_netdev() { [[ $(nic_netdev "$1") ]]; } # NIC

# --- what hosts.sh does with netdevsim ---------------------------------------

nic_dir()
{
	if is_82599 "$1"; then
		echo "$SIM/slot${SLOT[$1]}"
	else
		echo "$NSIM_DEBUGFS/netdevsim${NIC_ID[$1]}/ports/0/ipsec_hw"
	fi
}

nic_exists()
{
	if is_82599 "$1"; then
		[[ -d $(nic_dir "$1") ]]
	else
		[[ -e $NSIM/devices/netdevsim${NIC_ID[$1]} ]]
	fi
}

# The device of a NIC that the driver found is in the first namespace.
nic_claim() # NIC HOST IFACE
{
	wait_for 5 has_netdev "$1" &&
		ip link set "$(nic_netdev "$1")" netns "$2" name "$3"
}

nic_add()
{
	local id=${NIC_ID[$1]}

	[[ $1 != cableL && $1 != cableS ]] || return 0
	if is_82599 "$1"; then
		step "plug an 82599 into slot ${SLOT[$1]}, for $2:$3"
		echo "${SLOT[$1]}" >"$SIM/plug" && nic_claim "$@"
	else
		step "$2\$ echo '$id 1' >$NSIM/new_device"
		on "$2" bash -c "echo '$id 1' >$NSIM/new_device &&
			ip link set eth0 name $3 address $(nic_address "$1")"
	fi
}

# Pulls a card: the driver is not told.
nic_del()
{
	if is_82599 "$1"; then
		step "pull the 82599 out of slot ${SLOT[$1]}"
		echo "${SLOT[$1]}" >"$SIM/unplug"
	else
		step "echo ${NIC_ID[$1]} >$NSIM/del_device"
		echo "${NIC_ID[$1]}" >"$NSIM/del_device"
	fi
}

cable_card() # NIC
{
	step "plug slot ${SLOT[$1]} into cable:${CABLE_OF[$1]}"
	ip link set "wire${SLOT[$1]}" netns cable name "${CABLE_OF[$1]}" &&
		ip -n cable link set "${CABLE_OF[$1]}" addrgenmode none master br0 up
}

plug()
{
	local a b fd_a fd_b

	case $2.$4 in
	*.cableL)
		cable_card left
		return ;;
	*.cableS)
		cable_card spare
		return ;;
	cableR.nic0)
		if is_82599 right; then
			# A netdevsim is there for the others.
			ip -n cable link set cableR name unused down
			cable_card right
			return
		fi ;;
	esac
	ifindex "$1" "$2" && a=$IFINDEX || return
	ifindex "$3" "$4" && b=$IFINDEX || return
	exec {fd_a}<"/run/netns/$1" {fd_b}<"/run/netns/$3"
	step "plug $1:$2 into $3:$4"
	echo "$fd_a:$a $fd_b:$b" >"$NSIM/link_device"
	exec {fd_a}<&- {fd_b}<&-
}

cable_for_spare() { :; }

# Two cards on one cable.
right_has_a_card() { SLOT[right]=2; }
right_has_none()
{
	unset "SLOT[right]"
	ip -n cable link set unused name cableR
}

# --- what only a card can ------------------------------------------------------

# Entries of the SA tables in use.
entries() # NIC tx|rx|ip
{
	grep -c "^$2 " "$(nic_dir "$1")/ipsec"
}

no_entries() # NIC
{
	! grep -qE '^(tx|rx|ip) ' "$(nic_dir "$1")/ipsec"
}

card_switch() # NIC SWITCH VALUE
{
	step "echo $3 >$(nic_dir "$1")/$2"
	echo "$3" >"$(nic_dir "$1")/$2"
}

# What a frame that the card protected wrongly, or not, would leave behind.
card_kept_faith() # WHAT NIC
{
	is "1: $1: no frame left as it was, IPsec asked for" \
		"$(nic_counter "$2" tx_ipsec_bypassed)" 0
	is "1: $1: no frame was encrypted under zeros" \
		"$(nic_counter "$2" tx_ipsec_no_key)" 0
	is "4: $1: no access to memory that the card may not touch" \
		"$(nic_counter "$2" dma_aborted)" 0
}
