/* SPDX-License-Identifier: GPL-2.0 */
/* XFRM_MSG_MIGRATE_STATE: between xfrm_migrate_msg.c and xfrm_migrate.c. */
#ifndef _XFRM_MIGRATE_H
#define _XFRM_MIGRATE_H

#include <linux/xfrm.h>

struct netlink_ext_ack;
struct nlattr;
struct xfrm_state;

/**
 * struct xfrm_migration - a request to migrate one SA
 * @um: the message's header
 * @attrs: the message's attributes
 * @extack: where a refusal is explained
 * @offload: the offload that the new SA is to have, if @offloaded
 * @offloaded: whether it is to have one
 * @hardware: a device holds the SA, or is to hold it
 *
 * xfrm_migrate_state_run() sets the last three.
 */
struct xfrm_migration {
	const struct xfrm_user_migrate_state *um;
	struct nlattr **attrs;
	struct netlink_ext_ack *extack;
	struct xfrm_user_offload offload;
	bool offloaded;
	bool hardware;
};

/* xfrm_migrate.c */
int xfrm_migrate_state_run(struct xfrm_migration *mv, struct xfrm_state *x,
			   struct xfrm_state **new);

#endif /* _XFRM_MIGRATE_H */
