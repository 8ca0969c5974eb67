# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # row.sh and judge.sh set what a row is made of, and read what is set here
# Libreswan, as row.sh runs it: pluto, and ipsec(8). Sourced by row.sh, which sets what a row is made of.

pluto_ready='listening for IKE messages'
pluto_deletes='deleting|sending.*[Dd]elete'
pluto_rekeys='initiating rekey|initiating Child SA|rekey'
pluto_moves='MOBIKE|UPDATE_SA'
pluto_acquires='acquire|initiate on.demand'

# What this release calls it; empty where it cannot do it.
pluto_offload() { # HOST
	case ${tree[$1]}.$offload in
	*.no) echo nic-offload=no ;;
	bookworm.crypto) echo nic-offload=yes ;;
	bookworm.auto) echo nic-offload=auto ;;
	*.auto) echo nic-offload=crypto ;;
	*) echo "nic-offload=$offload" ;;
	esac
}

pluto_start_action() { # HOST
	case $1.$start in
	*.trap) echo ondemand ;;
	left.start) echo start ;;
	*) echo add ;;
	esac
}

pluto_subnets() { # HOST
	[[ $mode == transport ]] || printf '%s\n' "leftsubnet=${inner[$1]}" "rightsubnet=${inner[${PEER[$1]}]}"
}

pluto_files() { # HOST DIR
	local me=$1 dir=$2 peer=${PEER[$1]}

	[[ $auth == psk ]] || give_up "pluto is not set up for auth=$auth"

	mkdir -p "$dir/ipsec.d/policies"
	# A section ends at a line that is not indented.
	sed -E '/^$/d; /^(config|conn) /!s/^/\t/' >"$dir/ipsec.conf" <<-END
		config setup
		logtime=no
		conn c
		left=${ike_address[$me]}
		right=${ike_address[$peer]}
		leftid=@$me
		rightid=@$peer
		authby=secret
		ikev2=yes
		type=$mode
		esp=aes_gcm128
		esn=no
		ike=aes128-sha2;dh19
		mobike=$([[ $mode == tunnel ]] && echo "$mobike" || echo no)
		$(pluto_offload "$me")
		$(pluto_subnets "$me")
		$([[ $dpd == off ]] || echo 'dpddelay=2s')
		$([[ $retries == default ]] || echo 'retransmit-timeout=6s')
		$([[ ! $rekey =~ ^[0-9]+$ ]] || printf '%s\n' "salifetime=$((rekey + 20))s" rekeymargin=20s)
		auto=$(pluto_start_action "$me")
	END
	echo '@left @right : PSK "not a secret, but long enough"' >"$dir/ipsec.secrets"
}

pluto_start() { # HOST
	pluto_files "$1" "$SCRATCH/etc-$1"
	# shellcheck disable=SC2016 # for the shell inside
	start "daemon-$1" "$1" '' unshare --mount "$IKE/root.sh" "$TREES/${tree[$1]}" "$SCRATCH/etc-$1" \
		sh -c 'certutil -N -d sql:/var/lib/ipsec/nss --empty-password 2>&1 ||
				ipsec initnss
			exec /usr/libexec/ipsec/pluto --nofork --stderrlog --config /etc/ipsec.conf' &&
		wait_for 60 says "daemon-$1" "$pluto_ready"
}

pluto_rekey() { inside "$1" ipsec whack --rekey-child --name c >>"$OUT/load-$1.log" 2>&1; } # HOST
