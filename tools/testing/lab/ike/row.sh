#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One row of the table, in a guest: two hosts, a daemon on each, traffic, and left loses its NIC. What happened stays in
# $OUT: the captures, the keys, the daemons' logs, and "facts", what was measured in here. judge.sh, outside, says what
# it means.
#
# usage: row.sh TREES WORD=VALUE...    TREES: the folder of Debian's trees. What the words mean, and their values: rows.

# shellcheck disable=SC2034,SC2153,SC2154  # the selftests' library and the daemons' files set and read them

IKE=$(cd "$(dirname "$0")" && pwd)
SELFTESTS=$IKE/../../selftests/net/xfrm_offload
# shellcheck source=../../selftests/net/xfrm_offload/lib/lib.sh
. "$SELFTESTS/lib/lib.sh"
# shellcheck source=../../selftests/net/xfrm_offload/lib/bond.sh
. "$SELFTESTS/lib/bond.sh"
# shellcheck source=charon.sh
. "$IKE/charon.sh"
# shellcheck source=pluto.sh
. "$IKE/pluto.sh"
QUIET=1
TREES=$1
shift

# --- what a row is made of

declare -A row=([daemon]=trixie-charon [offload]=auto [start]=start [mode]=tunnel [family]=v4 [cause]=down [load]=100
	[dpd]=off [mobike]=yes [auth]=psk [rekey]=no [retries]=2 [watch]=9 [peer]=stays [end]=no [lost]=no)
for word; do
	[[ -v row[${word%%=*}] ]] || { echo "error: there is no word '${word%%=*}' in a row: ${!row[*]}" >&2; exit 2; }
	row[${word%%=*}]=${word#*=}
done
offload=${row[offload]} start=${row[start]} mode=${row[mode]} dpd=${row[dpd]} mobike=${row[mobike]} auth=${row[auth]}
rekey=${row[rekey]} retries=${row[retries]}
declare -A tree daemon ike_address inner
left=${row[daemon]%:*} right=${row[daemon]#*:}
# A patched daemon has a tree of its own.
tree_of() { [[ $1 == patched-* ]] && echo "$1" || echo "${1%%-*}"; } # RELEASE-DAEMON
tree=(["left"]=$(tree_of "$left") ["right"]=$(tree_of "$right"))
daemon=(["left"]=${left#*-} ["right"]=${right#*-})
OFFLOAD_TO["left"]=$([[ ${row[cause]} == bond ]] && echo bond0 || echo nic0)

addresses() {
	local host k

	for host in left right; do
		k=${NUMBER[$host]}
		ike_address[$host]=192.168.1.$k
		inner[$host]=10.$k.0.1/32
		[[ ${row[family]} != v6* ]] || ike_address[$host]=fd00:168:1::$k
		[[ ${row[family]} != v6 ]] || inner[$host]=fd00:$k::1/128
		[[ $mode == tunnel ]] || inner[$host]=${ike_address[$host]}
	done
}

fact() { echo "$1=$2" >>"$OUT/facts"; }

give_up() {
	fact error "$*"
	echo "error: $*" >&2
	exit 1
}

run() { "${daemon[$2]}_$1" "${@:2}"; } # start|rekey HOST

# Where that host's daemon runs.
inside() { # HOST COMMAND...
	on "$1" nsenter --target "${PID[daemon-$1]}" --mount --root --wdns=/ env PATH=/usr/sbin:/usr/bin:/sbin:/bin "${@:2}"
}

# --- set-up

# Where the NIC's network is to be had without the NIC: by the other path. What an operator has as a second uplink.
fallback() { # HOST
	ip -n "$1" -batch - <<-END
		route add 192.168.1.0/24 via 192.168.2.${NUMBER[${PEER[$1]}]} dev back0 metric 500
		route add fd00:168:1::/64 via fd00:168:2::${NUMBER[${PEER[$1]}]} dev back0 metric 500
	END
}

certificates() {
	local host

	CERTIFICATES=$SCRATCH/certificates
	mkdir -p "$CERTIFICATES"
	cd "$CERTIFICATES" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10000 -subj /CN=ca -keyout ca.key \
		-out ca.pem 2>/dev/null
	for host in left right; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$host" -keyout "$host.key" \
			-out "$host.csr" 2>/dev/null
		openssl x509 -req -in "$host.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 10000 -out "$host.pem" \
			-extfile <(echo "subjectAltName=DNS:$host") 2>/dev/null || return
	done
}

hosts() {
	local host

	if [[ ${row[cause]} == bond ]]; then
		bond_up
	else
		hosts_up
	fi || return
	for host in left right; do
		[[ $mode == transport ]] || ip -n "$host" addr add "${inner[$host]}" dev lo || return
		fallback "$host"
		on "$host" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	done
}

# Every key, as the daemon gives it to the kernel.
keys() { # HOST
	start "keys-$1" "$1" '' stdbuf -oL ip xfrm monitor all
}

has_traps() { (($(spd "$1" | jq '[.[] | select(.tmpls)] | length') >= 2)); } # HOST
has_sas() { (($(count_sas "$1" '.spi != 0 and (.invalid | not)') >= 2)); } # HOST

# --- traffic: an echo both ways

traffic() {
	local interval

	interval=$(awk -v n="${row[load]}" 'BEGIN { print 1 / n }')
	start traffic left '' ping -n -D -O -W 1 -i "$interval" -I "${inner["left"]%/*}" "${inner["right"]%/*}"
}

answers() { grep -c 'bytes from' "$OUT/traffic.log"; }

# --- what happens to left's NIC, and to the daemon

flap() { # SECONDS
	take_away down
	sleep "$1"
	ip -n left link set nic0 up
	ip -n left addr add fd00:168:1::1/64 dev nic0 nodad 2>/dev/null
	nic_port_up left
}

happens() {
	case ${row[cause]} in
	none) ;;
	unplugged) take_away delete ;;
	moved) take_away move ;;
	driver) nic_fault left break_sa 0 ;;
	bond) both_down ;;
	again) flap 4 ;;
	flaps)
		for _ in 1 2 3; do
			flap 1
			sleep 1
		done ;;
	hundred)
		for _ in {1..100}; do
			flap 0.2
			sleep 0.2
		done ;;
	address)
		ip -n left addr add 192.168.1.7/24 dev nic0
		ip -n left addr del 192.168.1.1/24 dev nic0
		ip -n left route replace 10.2.0.0/16 via 192.168.1.2 dev nic0 metric 10 ;;
	down | move | feature) take_away "${row[cause]}" ;;
	*) give_up "there is no cause '${row[cause]}'" ;;
	esac
}

# The socket that left's daemon listens on has lost something. pluto listens to ACQUIRE and EXPIRE, charon to MIGRATE and
# MAPPING, too.
overflowed() { on left awk '$2 == 6 && $4 ~ /^000000[0c]3$/ && $9 > 0 { n++ } END { exit !n }' /proc/net/netlink; }

# SAs that no daemon knows.
none_unknown() { ! ip -n left xfrm state list src 198.51.100.1 | grep -q .; }

# What left's kernel told of SAs that a daemon knows.
told() { grep '^Expired' "$OUT/keys-left.log" | grep -vc ' 198.51.100.1 '; }

# The daemon stands still while its socket fills with expiries of SAs that it does not know, so it hears nothing of its own. The
# control is told nothing: it stands still for a second.
happens_unheard() {
	local before n k

	signal daemon-left STOP
	for n in {1..10}; do
		for k in {1..300}; do
			echo "xfrm state add src 198.51.100.1 dst 198.51.100.2 proto esp spi $((n << 16 | k)) mode tunnel" \
				"auth digest_null '' enc ecb(cipher_null) '' limit time-hard 1"
		done | ip -n left -batch - || give_up "no SAs to expire"
		wait_for 60 none_unknown
		! overflowed || break
	done
	overflowed || give_up "the socket of left's daemon does not fill"
	before=$(told)
	happens
	if [[ $offload == no ]]; then
		sleep 1
	else
		wait_for 30 at_least $((before + 2)) told || give_up "left's kernel tells of no expiry"
	fi
	signal daemon-left CONT
}

ends() {
	case ${row[end]} in
	no) return ;;
	TERM | KILL)
		stop "daemon-left" "${row[end]}"
		sleep 1
		run start left ;;
	*) give_up "a daemon ends by TERM or KILL, not '${row[end]}'" ;;
	esac
}

# --- the row

begin_row() {
	local host

	addresses
	[[ $auth == psk ]] || certificates || give_up "no certificates"
	cables_up && capture_cable nic && capture_patch back || give_up "tcpdump does not start"
	hosts || give_up "the hosts could not be set up"
	for host in right left; do
		keys "$host"
		run start "$host" || give_up "the daemon of $host does not start"
	done
	if [[ $start == trap ]]; then
		wait_for 60 has_traps left && wait_for 60 has_traps right || give_up "no trap policies"
	else
		wait_for 60 has_sas left && wait_for 60 has_sas right || give_up "no SAs"
	fi
	fact ready_us "$(now_us)"
	traffic
	wait_for 60 has_sas left && wait_for 60 at_least 20 answers || give_up "no traffic"
	fact offloaded "$(sad left | jq -c '[.[].offload.mode // "no"] | unique | join("+")' | tr -d '"')"
}

remember_log() { # FACT: where left's is now
	fact "$1" "$(wc -l <"$OUT/daemon-left.log")"
}

what_is_left() {
	local host

	for host in left right; do
		fact "invalid_$host" "$(count_sas "$host" .invalid)"
		fact "larval_$host" "$(count_sas "$host" '.spi == 0')"
		fact "sas_$host" "$(count_sas "$host" '.spi != 0')"
		fact "policies_$host" "$(spd "$host" | jq '[.[] | select(.tmpls)] | length')"
		sad "$host" >"$OUT/sad-$host.json"
		spd "$host" >"$OUT/spd-$host.json"
	done
	on left cat /proc/net/xfrm_stat >"$OUT/xfrm_stat"
}

begin
begin_row
if [[ ${row[rekey]} == now ]]; then
	run rekey left &
fi
remember_log log_begin
fact daemon "${daemon["left"]}"
if [[ ${row[lost]} == yes ]]; then
	happens_unheard
else
	happens
fi
fact gone_us "$(now_us)"
[[ ${row[peer]} == stays ]] || ip -n right link set nic0 down
ends
sleep "${row[watch]}"
fact end_us "$(now_us)"
what_is_left
remember_log log_end
stop traffic INT
# What they still have to write.
for host in left right; do
	stop "daemon-$host"
done
capture_end nic || give_up "the capture on the cable has gaps"
capture_end back || give_up "the capture on back0 has gaps"
fact complete 1
kernel_log_is_clean || exit 1
