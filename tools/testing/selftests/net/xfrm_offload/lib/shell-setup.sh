# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Start-up file of the shell of "make shell": sets the two hosts up as in the
# story, and says what is there. A script ends if they cannot be set up.

[[ ! -r /etc/bash.bashrc ]] || . /etc/bash.bashrc

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

QUIET=1
begin
set +u
hosts_up && flow_add transport v4 packet && flow_add tunnel v6 packet || {
	echo "The hosts could not be set up; what is there may still be of use."
	[[ $- == *i* ]] || exit 1
}
QUIET=
PS1='lab \w# '

xfrmctl() { "$XFRMCTL" "$@"; }

cat <<'EOF'

  Two hosts, left and right. Each has a NIC that encrypts and a plain second port.

    left  10.1.0.1  nic0  ====cable==== nic0   10.2.0.1  right     transport mode
          fd00:1::2 back0 ----patch---- back0  fd00:2::2           tunnel mode

  Packet-offload SAs and policies protect what these addresses say to each other.
  Commands on a host:      left COMMAND...    right COMMAND...
  On the wire, beside it:  cable COMMAND...   on patch COMMAND...

  Try:
    left ping -c 3 -I 10.1.0.1 10.2.0.1
    left $XFRMCTL state list
    cat $(nic_dir left)/sa                    the NIC's own table
    cable tcpdump -c 4 -ni cableL esp & left ping -c 2 -I 10.1.0.1 10.2.0.1
    listen left; take_away delete; heard true | jq .event
    left $XFRMCTL state list; left ip route get 10.2.0.1 from 10.1.0.1
    rekey 1 1 none; policy right update 1 out none; policy right update 1 in none
    nic_route_del right; left ping -c 3 -I 10.1.0.1 10.2.0.1

  exit, or control-D, ends the machine.

EOF
