/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NET_XFRM_MIGRATE_STATE_H
#define _NET_XFRM_MIGRATE_STATE_H

#include <linux/errno.h>

struct netlink_ext_ack;
struct nla_policy;
struct nlattr;
struct nlmsghdr;
struct sk_buff;
struct xfrm_state;

#ifdef CONFIG_XFRM_MIGRATE
extern const struct nla_policy xfrm_migrate_state_policy[];

int xfrm_migrate_state(struct sk_buff *skb, struct nlmsghdr *nlh,
		       struct nlattr **attrs, struct netlink_ext_ack *extack);
int xfrm_migrate_stop(struct xfrm_state *x);
void xfrm_migrate_give_up(struct xfrm_state *x);
#else
#define xfrm_migrate_state_policy	NULL

static inline int xfrm_migrate_state(struct sk_buff *skb, struct nlmsghdr *nlh,
				     struct nlattr **attrs,
				     struct netlink_ext_ack *extack)
{
	return -ENOPROTOOPT;
}
#endif

#endif /* _NET_XFRM_MIGRATE_STATE_H */
