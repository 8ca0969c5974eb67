/* SPDX-License-Identifier: GPL-2.0 */
/* Why an SA is INVALID, and whether it can be carried on. */
#ifndef XFRMCTL_UNBOUND_H
#define XFRMCTL_UNBOUND_H

#include "netlink.h"

bool unbound_there(const struct attrs *t);
void unbound_print(const struct attrs *t);
void unbound_json(const struct attrs *t);

#endif
