/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NET_XFRM_MIGRATE_STATE_H
#define _NET_XFRM_MIGRATE_STATE_H

#include <linux/errno.h>
#include <linux/types.h>
#include <net/netlink.h>

struct netlink_ext_ack;
struct nlmsghdr;
struct sk_buff;
struct xfrm_policy;
struct xfrm_state;

/* Two entries of one request may mean the same SA. */
static inline bool xfrm_migrate_has(struct xfrm_state *const *x, int n,
				    const struct xfrm_state *y)
{
	while (n--)
		if (x[n] == y)
			return true;
	return false;
}

#ifdef CONFIG_XFRM_MIGRATE
extern const struct nla_policy xfrm_migrate_state_policy[];

int xfrm_migrate_state(struct sk_buff *skb, struct nlmsghdr *nlh,
		       struct nlattr **attrs, struct netlink_ext_ack *extack);
int xfrm_migrate_begin(struct xfrm_state **x, struct xfrm_state **xc, int n,
		       struct netlink_ext_ack *extack);
void xfrm_migrate_end(struct xfrm_state **x, struct xfrm_state **xc, int n);
void xfrm_migrate_abort(struct xfrm_state **x, int n, struct xfrm_state **xc,
			int nc);
#else
#define xfrm_migrate_state_policy	NULL

static inline int xfrm_migrate_state(struct sk_buff *skb, struct nlmsghdr *nlh,
				     struct nlattr **attrs,
				     struct netlink_ext_ack *extack)
{
	return -ENOPROTOOPT;
}
#endif

#if defined(CONFIG_XFRM_MIGRATE) && defined(CONFIG_XFRM_OFFLOAD)
void xfrm_migrate_to_policy(const struct xfrm_policy *xp, u8 dir,
			    struct netlink_ext_ack *extack);
#else
static inline void xfrm_migrate_to_policy(const struct xfrm_policy *xp, u8 dir,
					  struct netlink_ext_ack *extack)
{
}
#endif

#endif /* _NET_XFRM_MIGRATE_STATE_H */
