/* SPDX-License-Identifier: GPL-2.0 */
/* Why an SA is INVALID, and whether it can be carried on. */
#ifndef XFRMCTL_INVALID_H
#define XFRMCTL_INVALID_H

#include "netlink.h"

bool invalid_there(const struct attrs *t);
void invalid_print(const struct attrs *t);
void invalid_json(const struct attrs *t);

#endif
