# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # row.sh and judge.sh set what a row is made of, and read what is set here
# strongSwan, as row.sh runs it: charon-systemd and swanctl. Sourced by row.sh, which sets what a row is made of.

# In its log.
charon_deletes='sending DELETE|closing CHILD_SA|deleting IKE_SA'
charon_rekeys='establishing CHILD_SA|generating CREATE_CHILD_SA'
charon_moves='requesting address change|sending address list update|generating INFORMATIONAL request.*UPD_SA'
charon_acquires='creating acquire job|received a XFRM_MSG_ACQUIRE'

# Two retransmissions where the default is five: what happens after the last one is part of what is watched.
charon_retries() {
	[[ $retries == default ]] || printf '%s\n' 'retransmit_tries = 2' 'retransmit_timeout = 1'
}

# Its netlink sockets hold megabytes by default, which take a while to fill, and to read.
charon_buffer() {
	[[ ${row[lost]} == no ]] || echo 'plugins { kernel-netlink { receive_buffer_size = 32768 } }'
}

# What patches/strongswan adds.
charon_patched() { # HOST
	[[ ${tree[$1]} != patched-charon ]] || echo 'plugins { kernel-netlink { hw_offload_fallback = yes } }'
}

charon_auth() { # HOST
	if [[ $auth == psk ]]; then
		echo "local { auth = psk
			id = $1 }
		remote { auth = psk
			id = ${PEER[$1]} }"
	else
		echo "local { auth = pubkey
			certs = $1.pem
			id = $1 }
		remote { auth = pubkey
			id = ${PEER[$1]} }"
	fi
}

charon_start_action() { # HOST
	case $1.$start in
	*.trap) echo trap ;;
	left.start) echo start ;;
	*) echo none ;;
	esac
}

charon_files() { # HOST DIR
	local me=$1 dir=$2

	mkdir -p "$dir"/swanctl/{conf.d,x509,x509ca,private}
	[[ $auth == psk ]] || {
		cp "$CERTIFICATES/$me.pem" "$dir/swanctl/x509/"
		cp "$CERTIFICATES/ca.pem" "$dir/swanctl/x509ca/"
		cp "$CERTIFICATES/$me.key" "$dir/swanctl/private/"
	}
	cat >"$dir/strongswan.conf" <<-END
		charon-systemd {
			load = random nonce aes sha1 sha2 hmac kdf openssl x509 pubkey pem pkcs1 constraints kernel-netlink socket-default updown vici
			$(charon_retries)
			$(charon_patched "$me")
			$(charon_buffer)
			filelog {
				stdout {
					default = 1
					knl = 1
					time_format = %s
					flush_line = yes
				}
			}
		}
		swanctl {
			load = random nonce aes sha1 sha2 hmac openssl x509 pubkey pem pkcs1
		}
	END
	cat >"$dir/swanctl/swanctl.conf" <<-END
		connections {
			c {
				version = 2
				local_addrs = ${ike_address[$me]}
				remote_addrs = ${ike_address[${PEER[$me]}]}
				mobike = $mobike
				dpd_delay = $([[ $dpd == off ]] && echo 0 || echo 2)
				$(charon_auth "$me")
				children {
					c {
						mode = $mode
						local_ts = ${inner[$me]}
						remote_ts = ${inner[${PEER[$me]}]}
						esp_proposals = aes128gcm16-ecp256
						hw_offload = $offload
						start_action = $(charon_start_action "$me")
						$([[ $dpd != restart ]] || echo 'dpd_action = restart')
						$([[ $start != trap || $dpd == off ]] || echo 'dpd_action = trap')
						$([[ ! $rekey =~ ^[0-9]+$ ]] || echo "rekey_time = $rekey")
					}
				}
			}
		}
		secrets {
			ike-1 {
				secret = "not a secret, but long enough"
			}
		}
	END
}

charon_start() { # HOST
	charon_files "$1" "$SCRATCH/etc-$1"
	start "daemon-$1" "$1" '' unshare --mount "$IKE/root.sh" "$TREES/${tree[$1]}" "$SCRATCH/etc-$1" \
		/usr/sbin/charon-systemd && wait_for 60 charon_socket "$1" && charon_load "$1"
}

charon_socket() { [[ -S /proc/${PID[daemon-$1]}/root/run/charon.vici ]]; } # HOST

charon_load() { # HOST
	inside "$1" swanctl --load-all --noprompt >>"$OUT/load-$1.log" 2>&1
}

charon_rekey() { inside "$1" swanctl --rekey --child c >>"$OUT/load-$1.log" 2>&1; } # HOST
