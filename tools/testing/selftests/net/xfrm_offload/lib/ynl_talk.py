#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What ynl and the description of xfrm make of lines of the standard input.

usage: ynl_talk.py YNL SPEC             YNL: tools/net/ynl of a kernel's tree

       ask OPERATION JSON               a request; the answer is a line of JSON,
       dump OPERATION [JSON]            null if there is none, or
                                        "error ERRNO SENTENCE ATTRIBUTE"
       listen GROUP...                  from now on events of these groups are kept
       events NUMBER                    wait for so many, and print them as a list
"""

import errno
import json
import select
import sys

TIMEOUT = 20


def plain(value):
    return value.hex() if isinstance(value, bytes) else sorted(value)


def request(family, words):
    vals = json.loads(words[2]) if len(words) > 2 else {}
    try:
        if words[0] == "ask":
            return family.do(words[1], vals)
        return family.dump(words[1], vals)
    except NlError as err:
        said = err.nl_msg.extack or {}
        return " ".join(filter(None, ["error", errno.errorcode[err.error],
                                      said.get("msg"), said.get("bad-attr")]))


class Listener:
    def __init__(self, family, groups):
        self.family = family
        # It binds the socket, which can be done once.
        family.ntf_subscribe(groups[0])
        for group in groups[1:]:
            family.sock.setsockopt(
                Netlink.SOL_NETLINK, Netlink.NETLINK_ADD_MEMBERSHIP,
                family.nlproto.get_mcast_id(group, family.mcast_groups))

    def events(self, number):
        queue = self.family.async_msg_queue
        while len(queue) < number:
            if not select.select([self.family.sock], [], [], TIMEOUT)[0]:
                break
            self.family.check_ntf()
        found, self.family.async_msg_queue = queue, []
        return found


def main():
    listener = None
    family = YnlFamily(sys.argv[2])
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.strip().split(maxsplit=2)
        if words[0] == "listen":
            listener = Listener(YnlFamily(sys.argv[2]), line.split()[1:])
            said = None
        elif words[0] == "events":
            said = listener.events(int(words[1]))
        else:
            said = request(family, words)
        if not isinstance(said, str):
            said = json.dumps(said, default=plain)
        print(said, flush=True)


if len(sys.argv) != 3:
    sys.exit(__doc__)
sys.path.insert(0, sys.argv[1])
from lib import Netlink, NlError, YnlFamily  # noqa: E402

main()
