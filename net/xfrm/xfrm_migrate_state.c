// SPDX-License-Identifier: GPL-2.0
/*
 * XFRM_MSG_MIGRATE_STATE: one SA goes on elsewhere. Other addresses, another
 * mark or encapsulation, another device or none; the same keys, and the numbers
 * of the last packet, so that no IV and no replayed packet is taken twice.
 *
 * The SA that goes on is a new one, a clone. Its old self is fenced like by an
 * unbind, and the numbers are read when nothing can change them any more:
 *
 *  1. Refuse what can be refused; nothing was touched so far. The clone is
 *     complete but for the numbers, so that nothing of it can fail later.
 *  2. Fence. The SA is XFRM_STATE_INVALID, and marked as moving: a packet that
 *     looks for it waits or dies as if a key manager was about to bring one,
 *     and none is asked to.
 *  3. Drain. After a grace period no packet changes the old numbers.
 *  4. Stop the old hardware, which says where it stopped.
 *  5. Give the numbers to the clone, then the clone to its hardware.
 *  6. Insert the clone, delete the old one, tell.
 *
 * What fails after step 2 leaves an INVALID SA, of which the key managers are
 * told; if its numbers are exact, it can be migrated again.
 *
 * Documentation/networking/xfrm/xfrm_migrate_state.rst tells the rest.
 */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>
#include <net/xfrm.h>
#include <net/xfrm_migrate_state.h>

#include "xfrm_bind.h"
#include "xfrm_hash.h"

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

/* A request, as far as it can be understood without its SA. */
struct xfrm_move {
	const struct xfrm_user_migrate_state *um;
	struct nlattr **attrs;
	struct netlink_ext_ack *extack;
	struct xfrm_user_offload offload;	/* wanted, if @offloaded */
	bool offloaded;
	bool hardware;	/* a device holds the SA, or is to hold it */
};

/* What attributes the parser skipped: beyond the highest one it knows. */
static int xfrm_move_known_attrs(const struct nlmsghdr *nlh, int hdrlen,
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

static int xfrm_move_addresses(const struct xfrm_user_migrate_state *um,
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

static int xfrm_move_contradictions(const struct xfrm_move *mv)
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

static int xfrm_move_encap(const struct xfrm_move *mv)
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
static struct xfrm_state *xfrm_move_find(struct net *net,
					 const struct xfrm_user_migrate_state *um)
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

/* Would the lookup key of the one find the other? */
static bool xfrm_move_overlaps(const struct xfrm_state *x,
			       const struct xfrm_state *y)
{
	u32 diff = (x->mark.v & x->mark.m) ^ (y->mark.v & y->mark.m);

	return x->props.family == y->props.family && x->id.spi == y->id.spi &&
	       x->id.proto == y->id.proto &&
	       xfrm_addr_equal(&x->id.daddr, &y->id.daddr, x->props.family) &&
	       (!(diff & x->mark.m) || !(diff & y->mark.m));
}

static bool xfrm_move_keeps_name(const struct xfrm_state *x,
				 const struct xfrm_state *xc)
{
	return x->props.family == xc->props.family &&
	       x->mark.m == xc->mark.m &&
	       !((x->mark.v ^ xc->mark.v) & xc->mark.m) &&
	       xfrm_addr_equal(&x->id.daddr, &xc->id.daddr, x->props.family);
}

/* Of protocols without an SPI (Mobile IPv6) the addresses are the name. */
static bool xfrm_move_taken_byaddr(struct xfrm_state *const *x,
				   struct xfrm_state *xc, int n)
{
	struct xfrm_state *y;

	y = xfrm_state_lookup_byaddr(xs_net(xc), xc->mark.v & xc->mark.m,
				     &xc->id.daddr, &xc->props.saddr,
				     xc->id.proto, xc->props.family);
	if (!y)
		return false;

	xfrm_state_put(y);
	return !xfrm_migrate_has(x, n, y);
}

/* Is the name of a clone taken by an SA that stays, or by another clone? SAs
 * are added under xfrm_cfg_mutex, so the answer stands.
 */
static bool xfrm_move_taken(struct xfrm_state *const *x,
			    struct xfrm_state *const *xc, int n, int i)
{
	struct net *net = xs_net(xc[i]);
	struct xfrm_state *y = NULL;
	struct hlist_head *table;
	unsigned int h;
	int j;

	if (!xc[i]->id.spi)
		return xfrm_move_taken_byaddr(x, xc[i], n);
	for (j = 0; j < i; j++)
		if (xfrm_move_overlaps(xc[j], xc[i]))
			return true;
	if (xfrm_move_keeps_name(x[i], xc[i]))
		return false;

	spin_lock_bh(&net->xfrm.xfrm_state_lock);

	table = rcu_dereference_protected(net->xfrm.state_byspi,
					  lockdep_is_held(&net->xfrm.xfrm_state_lock));
	h = __xfrm_spi_hash(&xc[i]->id.daddr, xc[i]->id.spi, xc[i]->id.proto,
			    xc[i]->props.family, net->xfrm.state_hmask);
	hlist_for_each_entry(y, table + h, byspi)
		if (xfrm_move_overlaps(y, xc[i]) && !xfrm_migrate_has(x, n, y))
			break;

	spin_unlock_bh(&net->xfrm.xfrm_state_lock);

	return y;
}

#ifdef CONFIG_XFRM_OFFLOAD
static bool xfrm_move_silent_device(const struct xfrm_state *x)
{
	return x->xso.stage != XFRM_BIND_NONE &&
	       x->xso.type == XFRM_DEV_OFFLOAD_PACKET &&
	       !x->xso.dev->xfrmdev_ops->xdo_dev_state_unbind;
}

/* What it was asked for, or what it has. */
static void xfrm_move_wanted_device(struct xfrm_move *mv,
				    const struct xfrm_state *x)
{
	struct nlattr *attr = mv->attrs[XFRMA_OFFLOAD_DEV];

	if (attr) {
		mv->offload = *(struct xfrm_user_offload *)nla_data(attr);
		mv->offloaded = true;
	} else if (!(mv->um->flags & XFRM_MIGRATE_STATE_CLEAR_OFFLOAD) &&
		   x->xso.stage == XFRM_BIND_BOUND) {
		mv->offload.ifindex = x->xso.dev->ifindex;
		if (x->xso.dir == XFRM_DEV_OFFLOAD_IN)
			mv->offload.flags |= XFRM_OFFLOAD_INBOUND;
		if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET)
			mv->offload.flags |= XFRM_OFFLOAD_PACKET;
		mv->offloaded = true;
	}
}

static int xfrm_move_check_device(const struct xfrm_move *mv,
				  struct xfrm_state *x)
{
	bool inbound = mv->offload.flags & XFRM_OFFLOAD_INBOUND;
	struct netlink_ext_ack *extack = mv->extack;
	const struct net_device *dev;

	dev = __dev_get_by_index(xs_net(x), mv->offload.ifindex);
	if (!dev) {
		NL_SET_ERR_MSG_FMT(extack, "There is no device of index %d",
				   mv->offload.ifindex);
		return -EINVAL;
	}
	if (mv->offload.flags & ~(XFRM_OFFLOAD_IPV6 | XFRM_OFFLOAD_INBOUND |
				  XFRM_OFFLOAD_PACKET)) {
		NL_SET_ERR_MSG(extack, "Unknown flags of the offload");
		return -EINVAL;
	}
	if (x->dir == (inbound ? XFRM_SA_DIR_OUT : XFRM_SA_DIR_IN) ||
	    (x->xso.stage == XFRM_BIND_BOUND &&
	     x->xso.dir == (inbound ? XFRM_DEV_OFFLOAD_OUT
				    : XFRM_DEV_OFFLOAD_IN))) {
		NL_SET_ERR_MSG(extack, "The direction of an SA does not change");
		return -EINVAL;
	}
	if (x->tfcpad) {
		NL_SET_ERR_MSG(extack, "An SA with TFC padding is not offloaded");
		return -EINVAL;
	}
	if (!dev->xfrmdev_ops || !dev->xfrmdev_ops->xdo_dev_state_add) {
		NL_SET_ERR_MSG_FMT(extack, "%s does not offload SAs", dev->name);
		return -EINVAL;
	}

	return xfrm_dev_ready(dev, extack);
}
#else
static bool xfrm_move_silent_device(const struct xfrm_state *x)
{
	return false;
}

static void xfrm_move_wanted_device(struct xfrm_move *mv,
				    const struct xfrm_state *x)
{
	mv->offloaded = mv->attrs[XFRMA_OFFLOAD_DEV];
}

static int xfrm_move_check_device(const struct xfrm_move *mv,
				  struct xfrm_state *x)
{
	NL_SET_ERR_MSG(mv->extack, "This kernel does not offload SAs");
	return -EINVAL;
}
#endif

/* Before a clone is made of it. */
static int xfrm_move_check_sa(const struct xfrm_move *mv, struct xfrm_state *x)
{
	u8 state = READ_ONCE(x->km.state);

	if (xfrm_state_kern(x)) {
		NL_SET_ERR_MSG(mv->extack, "The SA belongs to the kernel");
		return -EPERM;
	}
	if (state != XFRM_STATE_VALID && state != XFRM_STATE_INVALID) {
		NL_SET_ERR_MSG(mv->extack, "The SA carries no packets");
		return -ESRCH;
	}

	return 0;
}

/* Is it known where the SA stops? */
static int xfrm_move_check_numbers(struct xfrm_state *x,
				   struct netlink_ext_ack *extack)
{
	if (xfrm_state_is_invalid(x) && !x->unbound.exact) {
		NL_SET_ERR_MSG(extack,
			       "Where the SA stopped is not known: it has to be rekeyed");
		return -EOPNOTSUPP;
	}
	if (xfrm_move_silent_device(x)) {
		NL_SET_ERR_MSG(extack,
			       "The driver cannot tell where the SA stops: it has to be rekeyed");
		return -EOPNOTSUPP;
	}

	return xfrm_tail_is_free(x, extack);
}

static int xfrm_move_check_target(struct xfrm_state *const *x,
				  struct xfrm_state *const *xc, int n, int i,
				  struct netlink_ext_ack *extack)
{
	if (!xfrm_move_taken(x, xc, n, i))
		return 0;

	NL_SET_ERR_MSG(extack,
		       "Another SA has this address, SPI, protocol and mark");
	return -EEXIST;
}

/* The last refusals that leave all as it is. Under RTNL if hardware is in it. */
static int xfrm_move_check(struct xfrm_move *mv, struct xfrm_state *x,
			   struct xfrm_state *xc)
{
	struct netlink_ext_ack *extack = mv->extack;
	int err;

	err = xfrm_move_check_numbers(x, extack);
	if (err)
		return err;

	xfrm_move_wanted_device(mv, x);
	if (mv->offloaded) {
		err = xfrm_move_check_device(mv, x);
		if (err)
			return err;
	}
	if (mv->offloaded && !xc->type_offload) {
		NL_SET_ERR_MSG(extack, "SAs of this protocol are not offloaded");
		return -EINVAL;
	}

	err = xfrm_move_check_target(&x, &xc, 1, 0, extack);
	if (err)
		return err;

	err = security_xfrm_state_delete(x);
	if (err)
		xfrm_audit_state_delete(x, 0, true);
	return err;
}

/* --- the clone ----------------------------------------------------------- */

static bool xfrm_move_is_h2h(const struct xfrm_state *x)
{
	const struct xfrm_selector *sel = &x->sel;
	u8 whole = x->props.family == AF_INET6 ? 128 : 32;

	return sel->family == x->props.family && sel->prefixlen_s == whole &&
	       sel->prefixlen_d == whole &&
	       xfrm_addr_equal(&sel->saddr, &x->props.saddr, sel->family) &&
	       xfrm_addr_equal(&sel->daddr, &x->id.daddr, sel->family);
}

static int xfrm_move_selector(const struct xfrm_move *mv,
			      const struct xfrm_state *x, struct xfrm_state *xc)
{
	const struct xfrm_user_migrate_state *um = mv->um;
	struct xfrm_selector *sel = &xc->sel;

	if (!(um->flags & XFRM_MIGRATE_STATE_UPDATE_H2H_SEL)) {
		*sel = um->new_sel;
		/* as for a new SA */
		if (!sel->family && !(xc->props.flags & XFRM_STATE_AF_UNSPEC))
			sel->family = um->new_family;
		return 0;
	}
	if (!xfrm_move_is_h2h(x)) {
		NL_SET_ERR_MSG(mv->extack,
			       "UPDATE_H2H_SEL: the selector is not that of the two hosts");
		return -EINVAL;
	}

	sel->family = um->new_family;
	sel->saddr = um->new_saddr;
	sel->daddr = um->new_daddr;
	sel->prefixlen_s = um->new_family == AF_INET6 ? 128 : 32;
	sel->prefixlen_d = sel->prefixlen_s;
	return 0;
}

/* What belongs to the encapsulation goes with it. */
static void xfrm_move_decapsulate(struct xfrm_state *xc)
{
	kfree(xc->encap);
	xc->encap = NULL;
	xc->mapping_maxage = 0;
	xc->nat_keepalive_interval = 0;
}

static int xfrm_move_nat(const struct xfrm_move *mv, struct xfrm_state *xc)
{
	struct nlattr **attrs = mv->attrs;

	if (attrs[XFRMA_ENCAP] && !xc->encap->encap_type)
		xfrm_move_decapsulate(xc);
	if (attrs[XFRMA_NAT_KEEPALIVE_INTERVAL])
		xc->nat_keepalive_interval =
			nla_get_u32(attrs[XFRMA_NAT_KEEPALIVE_INTERVAL]);
	if (xc->nat_keepalive_interval && !xc->encap) {
		NL_SET_ERR_MSG(mv->extack,
			       "XFRMA_NAT_KEEPALIVE_INTERVAL needs an encapsulation");
		return -EINVAL;
	}
	if (!attrs[XFRMA_MTIMER_THRESH])
		return 0;

	if (!xc->encap) {
		NL_SET_ERR_MSG(mv->extack,
			       "XFRMA_MTIMER_THRESH needs an encapsulation");
		return -EINVAL;
	}
	if (xc->dir == XFRM_SA_DIR_OUT) {
		NL_SET_ERR_MSG(mv->extack,
			       "XFRMA_MTIMER_THRESH is for inbound SAs");
		return -EINVAL;
	}
	xc->mapping_maxage = nla_get_u32(attrs[XFRMA_MTIMER_THRESH]);
	return 0;
}

static void xfrm_move_marks(const struct xfrm_move *mv, struct xfrm_state *xc)
{
	struct nlattr **attrs = mv->attrs;

	if (attrs[XFRMA_MARK]) {
		xc->mark = *(struct xfrm_mark *)nla_data(attrs[XFRMA_MARK]);
		xc->mark.v &= xc->mark.m;
	}
	if (attrs[XFRMA_SET_MARK]) {
		xc->props.smark.v = nla_get_u32(attrs[XFRMA_SET_MARK]);
		xc->props.smark.m = U32_MAX;
	}
	if (attrs[XFRMA_SET_MARK_MASK])
		xc->props.smark.m = nla_get_u32(attrs[XFRMA_SET_MARK_MASK]);
}

static int xfrm_move_shape(const struct xfrm_move *mv, struct xfrm_state *x,
			   struct xfrm_state *xc)
{
	const struct xfrm_user_migrate_state *um = mv->um;
	int err;

	xc->id.daddr = um->new_daddr;
	xc->props.saddr = um->new_saddr;
	xc->props.family = um->new_family;
	xc->props.reqid = um->new_reqid;
	xfrm_move_marks(mv, xc);
	err = xfrm_move_selector(mv, x, xc);
	if (!err)
		err = xfrm_move_nat(mv, xc);
	if (!err)
		err = __xfrm_init_state(xc, true, mv->hardware, mv->extack);

	return err;
}

static void xfrm_move_drop(struct xfrm_state *xc)
{
	xfrm_tail_forget(xc);
	xc->km.state = XFRM_STATE_DEAD;
	xfrm_state_put(xc);
}

static struct xfrm_state *xfrm_move_clone(const struct xfrm_move *mv,
					  struct xfrm_state *x)
{
	bool valid = READ_ONCE(x->km.state) == XFRM_STATE_VALID;
	struct nlattr *encap = mv->attrs[XFRMA_ENCAP];
	struct xfrm_state *xc;
	int err;

	xc = xfrm_state_clone(x, encap ? nla_data(encap) : NULL);
	if (!xc)
		return ERR_PTR(-ENOMEM);

	xc->km.state = XFRM_STATE_VOID;
	xc->km.dying = valid && x->km.dying;
	err = xfrm_move_shape(mv, x, xc);
	if (err) {
		xfrm_move_drop(xc);
		return ERR_PTR(err);
	}

	return xc;
}

/* Step 5: what packets may have changed since the clone was made. */
static int xfrm_move_numbers(struct xfrm_state *x, struct xfrm_state *xc,
			     struct netlink_ext_ack *extack)
{
	spin_lock_bh(&x->lock);
	xc->replay = x->replay;
	xc->preplay = x->preplay;
	if (x->replay_esn) {
		memcpy(xc->replay_esn, x->replay_esn,
		       xfrm_replay_state_esn_len(x->replay_esn));
		memcpy(xc->preplay_esn, x->preplay_esn,
		       xfrm_replay_state_esn_len(x->preplay_esn));
	}
	xc->curlft = x->curlft;
	xc->stats = x->stats;
	xc->lastused = x->lastused;
	spin_unlock_bh(&x->lock);

	return xfrm_tail_inherit(x, xc, extack);
}

/* --- the old self -------------------------------------------------------- */

/* Step 2 for an SA in software. One that is INVALID keeps its reason. */
static int xfrm_move_fence(struct xfrm_state *x)
{
	int err = 0;

	spin_lock_bh(&x->lock);
	WRITE_ONCE(x->unbound.moving, true);
	if (x->km.state == XFRM_STATE_VALID) {
		x->unbound.untold = true;
		/* of one that is parked, its hardware has said it */
		if (x->xso.stage == XFRM_BIND_NONE)
			x->unbound.exact = true;
		xfrm_state_go_invalid(x, XFRM_UNBIND_MIGRATED, NULL);
		xfrm_tail_close(x, true);
	} else if (x->km.state != XFRM_STATE_INVALID) {
		err = -ESRCH;
	}
	spin_unlock_bh(&x->lock);

	return err;
}

#ifdef CONFIG_XFRM_OFFLOAD
/* Step 2 for an SA that a device holds. */
static bool xfrm_move_claim(struct xfrm_state *x, struct xfrm_bind_batch *batch)
{
	if (!xfrm_bind_claim_state(x, batch))
		return false;

	WRITE_ONCE(x->unbound.moving, true);
	x->unbound.untold = true;
	xfrm_unbind_fence(x, XFRM_UNBIND_MIGRATED);
	return true;
}

static void xfrm_move_stop_hardware(struct xfrm_bind_batch *batch)
{
	struct hlist_node *tmp;
	struct xfrm_state *x;

	hlist_for_each_entry_safe(x, tmp, &batch->states, xso_node) {
		hlist_del_init(&x->xso_node);
		xfrm_unbind_stop_state(x);
		xfrm_bind_release(&x->xso);
		xfrm_state_put(x);
	}
}

static int xfrm_move_to_device(struct xfrm_move *mv, struct xfrm_state *xc)
{
	return xfrm_dev_state_add(xs_net(xc), xc, &mv->offload, mv->extack);
}
#else
static bool xfrm_move_claim(struct xfrm_state *x, struct xfrm_bind_batch *batch)
{
	return false;
}

static void xfrm_move_stop_hardware(struct xfrm_bind_batch *batch)
{
}

static int xfrm_move_to_device(struct xfrm_move *mv, struct xfrm_state *xc)
{
	return -EOPNOTSUPP;
}
#endif

/* A sequence number is taken for a packet that leaves, after a look at the
 * state, under one hold of the SA's lock: after the fence none is. A packet that
 * came in is looked at, decrypted, and written into the window under another
 * hold of the lock, all within one RCU read-side section.
 */
static bool xfrm_move_has_window(const struct xfrm_state *x)
{
	return x->dir != XFRM_SA_DIR_OUT &&
	       (x->replay_esn ? x->replay_esn->replay_window
			      : x->props.replay_window);
}

/* Steps 2 to 4 for @n SAs, with one grace period. Under RTNL if a device holds,
 * or may hold, one of them.
 */
static int xfrm_move_stop(struct xfrm_state *const *x, int n, bool hardware)
{
	struct xfrm_bind_batch batch = {};
	bool window = false;
	int i, err = 0;

	for (i = 0; i < n; i++) {
		window |= xfrm_move_has_window(x[i]);
		if (!xfrm_move_claim(x[i], &batch))
			err = xfrm_move_fence(x[i]) ?: err;
	}

	if (hardware)
		synchronize_net();
	else if (window)
		synchronize_rcu_expedited();

	xfrm_move_stop_hardware(&batch);
	return err;
}

/* After step 4. */
static int xfrm_move_stopped(const struct xfrm_state *x,
			     struct netlink_ext_ack *extack)
{
	if (!xfrm_state_is_invalid(x)) {
		NL_SET_ERR_MSG(extack, "The SA ended meanwhile");
		return -ESRCH;
	}
	if (!x->unbound.exact) {
		NL_SET_ERR_MSG(extack,
			       "The device did not tell where the SA stopped: the SA is INVALID, it has to be rekeyed");
		return -EOPNOTSUPP;
	}

	return 0;
}

/* Step 6. The clone is in the SAD while the old SA still is, so that by the
 * table of SPIs there is always one, and neither carries a packet. As long as
 * that is so, no key manager is asked for another.
 */
static void xfrm_move_insert(struct xfrm_state *xc)
{
	xc->unbound.moving = true;
	xfrm_state_insert(xc);
}

/* If the old SA expires first, return -ESRCH: its clone ends as well. */
static int xfrm_move_finish(struct xfrm_state *x, struct xfrm_state *xc)
{
	int err = xfrm_state_delete(x);

	if (!err)
		err = xfrm_state_publish(xc);
	WRITE_ONCE(xc->unbound.moving, false);

	return err;
}

/**
 * xfrm_migrate_begin - SAs carry no packet any more, and their clones may follow
 * @x: SAs that XFRM_MSG_MIGRATE or PF_KEY's SADB_X_MIGRATE found
 * @xc: a clone of each, not in the SAD yet
 * @n: how many
 * @extack: where a refusal is explained, or NULL
 *
 * What can be refused is refused before anything is touched. Then steps 2 to 5
 * of the order above for all of them, and the clones are put into the SAD; none
 * carries a packet before xfrm_migrate_end(). After a failure, and if what
 * follows fails, the caller calls xfrm_migrate_abort().
 *
 * Context: process, may sleep, under xfrm_cfg_mutex; takes RTNL if a device
 * holds one of them.
 * Return: 0; -EOPNOTSUPP if it is not known where an SA stopped, -EEXIST if an
 * SA that stays has the address, SPI, protocol and mark of a clone, or two
 * clones have, -ESRCH if an SA carries no packets.
 */
int xfrm_migrate_begin(struct xfrm_state **x, struct xfrm_state **xc, int n,
		       struct netlink_ext_ack *extack)
{
	bool hardware = false;
	int i, err = 0;

	for (i = 0; i < n; i++)
		hardware |= READ_ONCE(x[i]->xso.stage) != XFRM_BIND_NONE;

	if (hardware)
		rtnl_lock();
	for (i = 0; i < n && !err; i++)
		err = xfrm_move_check_numbers(x[i], extack) ?:
		      xfrm_move_check_target(x, xc, n, i, extack);
	if (!err)
		err = xfrm_move_stop(x, n, hardware);
	if (hardware)
		rtnl_unlock();

	for (i = 0; i < n && !err; i++)
		err = xfrm_move_stopped(x[i], extack);
	for (i = 0; i < n && !err; i++) {
		err = xfrm_move_numbers(x[i], xc[i], extack);
		if (!err)
			xfrm_move_insert(xc[i]);
	}

	return err;
}

/**
 * xfrm_migrate_end - the clones of xfrm_migrate_begin() carry packets
 * @x: the SAs, which are deleted
 * @xc: their clones
 * @n: how many
 *
 * Context: process, under xfrm_cfg_mutex.
 */
void xfrm_migrate_end(struct xfrm_state **x, struct xfrm_state **xc, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (xfrm_move_finish(x[i], xc[i]))
			xfrm_state_delete(xc[i]);
}

/* One that the migration made INVALID is told of; it can be migrated again if
 * its numbers are exact.
 */
static void xfrm_move_give_up(struct xfrm_state *x)
{
	WRITE_ONCE(x->unbound.moving, false);
	if (!x->unbound.untold)
		return;

	x->unbound.untold = false;
	xfrm_unbound_tell(x);
}

/**
 * xfrm_migrate_abort - a migration failed; its SAs stay where they stopped
 * @x: the SAs; they may not have been touched yet
 * @n: how many
 * @xc: clones that were made, with or without xfrm_migrate_begin(); gone after it
 * @nc: how many, @n or fewer
 *
 * Context: process, under xfrm_cfg_mutex.
 */
void xfrm_migrate_abort(struct xfrm_state **x, int n, struct xfrm_state **xc,
			int nc)
{
	int i;

	for (i = 0; i < nc; i++) {
		if (list_empty(&xc[i]->km.all))
			xfrm_move_drop(xc[i]);
		else
			xfrm_state_delete(xc[i]);
	}
	for (i = 0; i < n; i++)
		xfrm_move_give_up(x[i]);
}

static int xfrm_move_on(struct xfrm_move *mv, struct xfrm_state *x,
			struct xfrm_state *xc)
{
	int err = 0;

	if (mv->offloaded && !x->unbound.tail)
		err = xfrm_tail_provide(xc, &mv->offload);
	if (err)
		return err;

	err = xfrm_move_stop(&x, 1, mv->hardware) ?:
	      xfrm_move_stopped(x, mv->extack);
	if (err)
		return err;

	err = xfrm_move_numbers(x, xc, mv->extack);
	if (err)
		return err;
	if (mv->offloaded) {
		err = xfrm_move_to_device(mv, xc);
		if (err) {
			NL_SET_ERR_MSG_WEAK(mv->extack,
					    "The device refuses the SA, which is INVALID now");
			return err;
		}
	}

	xfrm_move_insert(xc);
	err = xfrm_move_finish(x, xc);
	if (err) {
		NL_SET_ERR_MSG(mv->extack, "The SA ended meanwhile");
		xfrm_state_hold(xc); /* the SAD's, for xfrm_move_drop() */
		xfrm_state_delete(xc);
	}

	return err;
}

/* --- what is told -------------------------------------------------------- */

static int xfrm_move_put(struct sk_buff *skb, const struct xfrm_state *xc)
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
static int xfrm_move_put_offload(struct sk_buff *skb,
				 const struct xfrm_move *mv,
				 const struct xfrm_state *xc)
{
#ifdef CONFIG_XFRM_OFFLOAD
	if (mv->offloaded && READ_ONCE(xc->xso.live))
		return nla_put(skb, XFRMA_OFFLOAD_DEV, sizeof(mv->offload),
			       &mv->offload);
#endif
	return 0;
}

static int xfrm_move_tell(const struct xfrm_move *mv, struct xfrm_state *xc,
			  u32 portid, u32 seq)
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
	if (xfrm_move_put(skb, xc) || xfrm_move_put_offload(skb, mv, xc))
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

/* The clone is made without RTNL: that may load modules. */
static int xfrm_move(struct xfrm_move *mv, struct xfrm_state *x,
		     const struct nlmsghdr *nlh)
{
	struct xfrm_state *xc;
	int err;

	err = xfrm_move_check_sa(mv, x);
	if (err)
		return err;

	mv->hardware = mv->attrs[XFRMA_OFFLOAD_DEV] ||
		       READ_ONCE(x->xso.stage) != XFRM_BIND_NONE;
	xc = xfrm_move_clone(mv, x);
	if (IS_ERR(xc))
		return PTR_ERR(xc);

	/* It stays alive for what is told of it. */
	xfrm_state_hold(xc);

	if (mv->hardware)
		rtnl_lock();
	err = xfrm_move_check(mv, x, xc);
	if (!err) {
		err = xfrm_move_on(mv, x, xc);
		xfrm_audit_state_add(xc, err ? 0 : 1, true);
		if (err)
			xfrm_move_give_up(x);
	}
	if (mv->hardware)
		rtnl_unlock();

	if (err)
		xfrm_move_drop(xc);
	else if (xfrm_move_tell(mv, xc, nlh->nlmsg_pid, nlh->nlmsg_seq))
		NL_SET_ERR_MSG_WEAK(mv->extack,
				    "Migrated, but not all listeners were told");
	xfrm_state_put(xc);

	return err;
}

/**
 * xfrm_migrate_state - XFRM_MSG_MIGRATE_STATE
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
	struct xfrm_move mv = {
		.um = nlmsg_data(nlh),
		.attrs = attrs,
		.extack = extack,
	};
	struct xfrm_state *x;
	int err;

	err = xfrm_move_known_attrs(nlh, sizeof(*mv.um), extack);
	if (!err)
		err = xfrm_move_contradictions(&mv);
	if (!err)
		err = xfrm_move_addresses(mv.um, extack);
	if (!err)
		err = xfrm_move_encap(&mv);
	if (err)
		return err;

	x = xfrm_move_find(net, mv.um);
	if (x) {
		err = xfrm_move(&mv, x, nlh);
		xfrm_state_put(x);
	} else {
		NL_SET_ERR_MSG(extack,
			       "No SA has this address, SPI, protocol and mark");
		err = -ESRCH;
	}

	return err;
}
EXPORT_SYMBOL_GPL(xfrm_migrate_state);
