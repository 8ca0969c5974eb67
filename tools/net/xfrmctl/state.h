/* SPDX-License-Identifier: GPL-2.0 */
/* An SA as the kernel sent it, and one that goes on elsewhere. */
#ifndef XFRMCTL_STATE_H
#define XFRMCTL_STATE_H

#include "args.h"
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
void numbers_print(const struct attrs *t);
void numbers_json(const struct attrs *t);
const char *sa_dir(const struct attrs *t);

/* One SA goes on elsewhere. */
#define MIGRATE_USAGE \
	"ID [ mark MARK [ mask MASK ] ] [ new-dst ADDR ] [ new-src ADDR ] " \
	"[ new-reqid REQID ] [ new-mark MARK [ mask MASK ] ] " \
	"[ set-mark MARK [ mask MASK ] ] " \
	"[ new-sel SELECTOR | update-h2h-sel ] [ encap ENCAP | no-encap ] " \
	"[ offload [ crypto | packet ] dev DEV dir SA-DIR | no-offload | " \
	"to { dev DEV | software } ] " \
	"[ nat-keepalive SECONDS ] [ mtimer-thresh SECONDS ]"

int state_migrate(struct args *a);

/* What the kernel tells of a migration: of one SA, of a policy and its SAs. */
void migrate_print(const struct migrate_state *um, const struct attrs *t);
void migrate_json(const struct migrate_state *um, const struct attrs *t);
void migrate_policy_show(const struct nlmsghdr *nlh);

#endif
