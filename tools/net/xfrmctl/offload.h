/* SPDX-License-Identifier: GPL-2.0 */
/* The device of an SA or a policy: what it holds, and why an SA lost it. */
#ifndef XFRMCTL_OFFLOAD_H
#define XFRMCTL_OFFLOAD_H

#include <net/if.h>

#include "args.h"
#include "netlink.h"

/**
 * struct offload_args - an offload as it was given
 * @ifindex: the device
 * @packet: packet offload, and otherwise crypto offload
 * @dir: the word after "dir" as enum xfrm_sa_dir; 0: not given
 * @set: it was given
 */
struct offload_args {
	int ifindex;
	bool packet;
	u8 dir;
	bool set;
};

extern const struct keyword offload_words[];

void offload_put_state(const struct args *a, struct request *req,
		       const struct offload_args *off, u8 sa_dir);
void offload_put_policy(const struct args *a, struct request *req,
			const struct offload_args *off);

/* @dir is the policy's direction; NULL for an SA, whose flags tell it. */
void offload_print(const struct attrs *t, bool dir);
void offload_json(const struct attrs *t, bool dir);

/* Why an SA is INVALID, and whether it can be carried on. */
bool invalid_there(const struct attrs *t);
bool invalid_exact(const struct attrs *t, const char **reason,
		   char dev[IF_NAMESIZE]);
void invalid_print(const struct attrs *t);
void invalid_json(const struct attrs *t);

#endif
