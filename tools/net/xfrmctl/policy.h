/* SPDX-License-Identifier: GPL-2.0 */
/* A policy as the kernel sent it. */
#ifndef XFRMCTL_POLICY_H
#define XFRMCTL_POLICY_H

#include "netlink.h"

/**
 * struct policy - a policy as the kernel sent it
 * @info: its fixed part
 * @t: its attributes
 */
struct policy {
	struct xfrm_userpolicy_info info;
	struct attrs t;
};

bool policy_read(struct policy *pol, const struct nlmsghdr *nlh,
		 size_t header);
void policy_print(const struct policy *pol);
void policy_json(const struct policy *pol);

#endif
