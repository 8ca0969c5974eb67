/* SPDX-License-Identifier: GPL-2.0 */
/* An SA as the kernel sent it. */
#ifndef XFRMCTL_STATE_VIEW_H
#define XFRMCTL_STATE_VIEW_H

#include "netlink.h"

/**
 * struct sa - an SA as the kernel sent it
 * @info: its fixed part
 * @t: its attributes
 */
struct sa {
	struct xfrm_usersa_info info;
	struct attrs t;
};

bool sa_read(struct sa *sa, const struct nlmsghdr *nlh, size_t header);
void sa_print(const struct sa *sa, bool keys);
void sa_json(const struct sa *sa, bool keys);

#endif
