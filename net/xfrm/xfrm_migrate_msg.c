// SPDX-License-Identifier: GPL-2.0
/*
 * XFRM_MSG_MIGRATE_STATE: parse the request, and tell the listeners.
 *
 * Documentation/networking/xfrm/xfrm_migrate_state.rst describes the message.
 */

#include <net/netlink.h>
#include <net/xfrm.h>
#include <net/xfrm_migrate_state.h>

#include "xfrm_migrate.h"
#include "xfrm_offload.h"

/* The attributes that the message takes, all of them strictly. */
const struct nla_policy xfrm_migrate_state_policy[XFRMA_MAX + 1] = {
	[XFRMA_UNSPEC]	= { .strict_start_type = XFRMA_UNSPEC + 1 },
	[XFRMA_ENCAP]	= NLA_POLICY_EXACT_LEN(sizeof(struct xfrm_encap_tmpl)),
	[XFRMA_MARK]	= NLA_POLICY_EXACT_LEN(sizeof(struct xfrm_mark)),
	[XFRMA_OFFLOAD_DEV] =
		NLA_POLICY_EXACT_LEN(sizeof(struct xfrm_user_offload)),
	[XFRMA_SET_MARK]	= { .type = NLA_U32 },
	[XFRMA_SET_MARK_MASK]	= { .type = NLA_U32 },
	[XFRMA_MTIMER_THRESH]	= { .type = NLA_U32 },
	[XFRMA_NAT_KEEPALIVE_INTERVAL] = { .type = NLA_U32 },
};
EXPORT_SYMBOL_GPL(xfrm_migrate_state_policy);

/* Refuse attributes beyond the highest known one, which the parser skips. */
static int xfrm_migration_known_attrs(const struct nlmsghdr *nlh, int hdrlen,
				      struct netlink_ext_ack *extack)
{
	const struct nlattr *nla;
	int rem;

	nlmsg_for_each_attr(nla, nlh, hdrlen, rem) {
		if (nla_type(nla) && nla_type(nla) <= XFRMA_MAX)
			continue;
		NL_SET_ERR_MSG_ATTR_FMT(extack, nla,
					"No such attribute: %d", nla_type(nla));
		return -EINVAL;
	}
	if (rem > 0) {
		NL_SET_ERR_MSG(extack, "Bytes after the last attribute");
		return -EINVAL;
	}

	return 0;
}

static int xfrm_migration_addresses(const struct xfrm_user_migrate_state *um,
				    struct netlink_ext_ack *extack)
{
	const struct xfrm_selector *sel = &um->new_sel;
	u8 longest = sel->family == AF_INET6 ? 128 : 32;

	if (um->new_family != AF_INET && um->new_family != AF_INET6) {
		NL_SET_ERR_MSG(extack, "new_family is neither IPv4 nor IPv6");
		return -EINVAL;
	}
	if (xfrm_addr_any(&um->new_daddr, um->new_family)) {
		NL_SET_ERR_MSG(extack, "new_daddr is no address of a host");
		return -EINVAL;
	}
	if (um->flags & XFRM_MIGRATE_STATE_UPDATE_H2H_SEL)
		return 0;

	if (sel->family != AF_UNSPEC && sel->family != AF_INET &&
	    sel->family != AF_INET6) {
		NL_SET_ERR_MSG(extack, "Family of new_sel is neither IPv4 nor IPv6");
		return -EINVAL;
	}
	if (sel->family && (sel->prefixlen_s > longest ||
			    sel->prefixlen_d > longest)) {
		NL_SET_ERR_MSG(extack, "Prefix of new_sel is longer than an address");
		return -EINVAL;
	}

	return 0;
}

static int xfrm_migration_contradictions(const struct xfrm_migration *mv)
{
	const struct xfrm_user_migrate_state *um = mv->um;
	struct netlink_ext_ack *extack = mv->extack;
	struct nlattr **attrs = mv->attrs;
	u32 unknown = um->flags & ~(XFRM_MIGRATE_STATE_CLEAR_OFFLOAD |
				    XFRM_MIGRATE_STATE_UPDATE_H2H_SEL);

	if (unknown) {
		NL_SET_ERR_MSG_FMT(extack, "Unknown flags: 0x%x", unknown);
		return -EINVAL;
	}
	if (!um->id.spi) {
		NL_SET_ERR_MSG(extack, "An SA has an SPI other than 0");
		return -EINVAL;
	}
	if (um->reserved) {
		NL_SET_ERR_MSG(extack, "The reserved field has to be 0");
		return -EINVAL;
	}
	if (um->flags & XFRM_MIGRATE_STATE_CLEAR_OFFLOAD &&
	    attrs[XFRMA_OFFLOAD_DEV]) {
		NL_SET_ERR_MSG(extack,
			       "CLEAR_OFFLOAD contradicts XFRMA_OFFLOAD_DEV");
		return -EINVAL;
	}
	if (attrs[XFRMA_SET_MARK_MASK] && !attrs[XFRMA_SET_MARK]) {
		NL_SET_ERR_MSG(extack,
			       "XFRMA_SET_MARK_MASK needs XFRMA_SET_MARK");
		return -EINVAL;
	}

	return 0;
}

static int xfrm_migration_encap(const struct xfrm_migration *mv)
{
	const struct xfrm_encap_tmpl *encap;

	if (!mv->attrs[XFRMA_ENCAP])
		return 0;

	encap = nla_data(mv->attrs[XFRMA_ENCAP]);
	switch (encap->encap_type) {
	case 0:
	case UDP_ENCAP_ESPINUDP:
	case TCP_ENCAP_ESPINTCP:
		return 0;
	}

	NL_SET_ERR_MSG_ATTR_FMT(mv->extack, mv->attrs[XFRMA_ENCAP],
				"Unknown encapsulation: %u", encap->encap_type);
	return -EINVAL;
}

/* The SA that has exactly this mark, not the first that serves packets of it. */
static struct xfrm_state *
xfrm_migration_find(struct net *net, const struct xfrm_user_migrate_state *um)
{
	const struct xfrm_usersa_id *id = &um->id;
	struct xfrm_state *x;

	spin_lock_bh(&net->xfrm.xfrm_state_lock);
	x = xfrm_state_lookup_exact(net, &um->old_mark, &id->daddr, id->spi,
				    id->proto, id->family);
	if (x)
		xfrm_state_hold(x);
	spin_unlock_bh(&net->xfrm.xfrm_state_lock);

	return x;
}

static int xfrm_migration_put(struct sk_buff *skb, const struct xfrm_state *xc)
{
	const struct xfrm_mark *smark = &xc->props.smark;

	if (xfrm_mark_put(skb, &xc->mark))
		return -EMSGSIZE;
	if (smark->v | smark->m &&
	    (nla_put_u32(skb, XFRMA_SET_MARK, smark->v) ||
	     nla_put_u32(skb, XFRMA_SET_MARK_MASK, smark->m)))
		return -EMSGSIZE;
	if (xc->encap &&
	    nla_put(skb, XFRMA_ENCAP, sizeof(*xc->encap), xc->encap))
		return -EMSGSIZE;
	if (xc->mapping_maxage &&
	    nla_put_u32(skb, XFRMA_MTIMER_THRESH, xc->mapping_maxage))
		return -EMSGSIZE;
	if (xc->nat_keepalive_interval &&
	    nla_put_u32(skb, XFRMA_NAT_KEEPALIVE_INTERVAL,
			xc->nat_keepalive_interval))
		return -EMSGSIZE;
	if (xc->dir && nla_put_u8(skb, XFRMA_SA_DIR, xc->dir))
		return -EMSGSIZE;

	return 0;
}

/* The offload is what the SA has: a device need not take it for crypto. */
static int xfrm_migration_put_offload(struct sk_buff *skb,
				      const struct xfrm_migration *mv,
				      const struct xfrm_state *xc)
{
#ifdef CONFIG_XFRM_OFFLOAD
	if (mv->offloaded && READ_ONCE(xc->xso.live))
		return nla_put(skb, XFRMA_OFFLOAD_DEV, sizeof(mv->offload),
			       &mv->offload);
#endif
	return 0;
}

static int xfrm_migration_tell(const struct xfrm_migration *mv,
			       struct xfrm_state *xc, u32 portid, u32 seq)
{
	struct xfrm_user_migrate_state *um;
	struct net *net = xs_net(xc);
	struct nlmsghdr *nlh;
	struct sk_buff *skb;
	struct sock *nlsk;
	int err = -EPIPE;

	skb = nlmsg_new(sizeof(*um) + nla_total_size(sizeof(struct xfrm_mark)) +
			5 * nla_total_size(sizeof(u32)) +
			nla_total_size(sizeof(struct xfrm_encap_tmpl)) +
			nla_total_size(sizeof(struct xfrm_user_offload)),
			GFP_KERNEL);
	if (!skb)
		return -ENOMEM;

	nlh = nlmsg_put(skb, portid, seq, XFRM_MSG_MIGRATE_STATE, sizeof(*um), 0);
	if (!nlh)
		goto out_free;
	um = nlmsg_data(nlh);
	*um = *mv->um;
	um->new_sel = xc->sel;
	if (xfrm_migration_put(skb, xc) ||
	    xfrm_migration_put_offload(skb, mv, xc))
		goto out_free;
	nlmsg_end(skb, nlh);

	rcu_read_lock();
	nlsk = rcu_dereference(net->xfrm.nlsk);
	if (nlsk) {
		err = nlmsg_multicast(nlsk, skb, 0, XFRMNLGRP_MIGRATE,
				      GFP_ATOMIC);
		skb = NULL;
	}
	rcu_read_unlock();
	if (!skb)
		return err == -ESRCH ? 0 : err;

out_free:
	kfree_skb(skb);
	return err;
}

/**
 * xfrm_migrate_state - handle XFRM_MSG_MIGRATE_STATE
 * @skb: the request, of a task that may change SAs
 * @nlh: its message, struct xfrm_user_migrate_state
 * @attrs: parsed by xfrm_migrate_state_policy
 * @extack: where a refusal is explained
 *
 * Context: process, may sleep, under xfrm_cfg_mutex; takes RTNL if a device
 * holds the SA or is to hold it, so that it does not go meanwhile.
 * Return: 0; without any change: -ESRCH if there is no such SA, -EEXIST if
 * another one has its new tuple, -EINVAL for what is contradictory or
 * impossible, -EPERM for an SA of the kernel's own, -ENOMEM, the error of a
 * security module that does not let the SA be replaced, -EOPNOTSUPP if
 * esp-hw-offload of the new device is off, -ENODEV if it goes away; without a
 * change or with an INVALID SA: -EOPNOTSUPP if it is not known where the SA
 * stopped; with an INVALID SA: an error of the new device's driver.
 */
int xfrm_migrate_state(struct sk_buff *skb, struct nlmsghdr *nlh,
		       struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct net *net = sock_net(skb->sk);
	struct xfrm_migration mv = {
		.um = nlmsg_data(nlh),
		.attrs = attrs,
		.extack = extack,
	};
	struct xfrm_state *x, *new;
	int err;

	err = xfrm_migration_known_attrs(nlh, sizeof(*mv.um), extack);
	if (!err)
		err = xfrm_migration_contradictions(&mv);
	if (!err)
		err = xfrm_migration_addresses(mv.um, extack);
	if (!err)
		err = xfrm_migration_encap(&mv);
	if (err)
		return err;

	x = xfrm_migration_find(net, mv.um);
	if (!x) {
		NL_SET_ERR_MSG(extack,
			       "No SA has this address, SPI, protocol and mark");
		return -ESRCH;
	}

	err = xfrm_migrate_state_run(&mv, x, &new);
	xfrm_state_put(x);
	if (err)
		return err;

	if (xfrm_migration_tell(&mv, new, nlh->nlmsg_pid, nlh->nlmsg_seq))
		NL_SET_ERR_MSG_WEAK(extack,
				    "Migrated, but not all listeners were told");
	xfrm_state_put(new);

	return 0;
}
EXPORT_SYMBOL_GPL(xfrm_migrate_state);
