#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Look for trouble in a kernel's log. Prints what it finds with some lines around, and then exits with 1.
# usage: scan-log.sh KERNEL.LOG
set -u

trouble='WARNING:|BUG:|Oops|Kernel panic|KASAN|UBSAN|INFO: task .* blocked|possible circular locking|inconsistent lock'
trouble+='|suspicious RCU usage|bad unlock balance|held lock freed|self-detected stall|detected stalls|rcu_.*stall'
trouble+='|unregister_netdevice: waiting|leaked reference|refcount_t:|ODEBUG:|list_(add|del) corruption|Call Trace'
trouble+='|general protection|segfault at .* in linux|unable to handle|kmemleak: [0-9]+ new|scheduling while'
# Not that it had no memory for itself: failslab may take it.
trouble+='|ref_tracker: .*(users|released|in:|stats)'

grep -qE "$trouble" "$1" || exit 0
grep -nE -A 24 "$trouble" "$1" | head -n 120
exit 1
