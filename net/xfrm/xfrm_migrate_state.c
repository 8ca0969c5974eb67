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
	struct hlist_head *table;
	struct xfrm_state *x;
	unsigned int h;

	spin_lock_bh(&net->xfrm.xfrm_state_lock);

	table = rcu_dereference_protected(net->xfrm.state_byspi,
					  lockdep_is_held(&net->xfrm.xfrm_state_lock));
	h = __xfrm_spi_hash(&id->daddr, id->spi, id->proto, id->family,
			    net->xfrm.state_hmask);
	hlist_for_each_entry(x, table + h, byspi)
		if (x->props.family == id->family && x->id.spi == id->spi &&
		    x->id.proto == id->proto &&
		    xfrm_addr_equal(&x->id.daddr, &id->daddr, id->family) &&
		    x->mark.m == um->old_mark.m &&
		    x->mark.v == (um->old_mark.v & um->old_mark.m))
			break;
	if (x)
		xfrm_state_hold(x);

	spin_unlock_bh(&net->xfrm.xfrm_state_lock);

	return x;
}

/* Would a packet for the one find the other? Whoever adds SAs holds
 * xfrm_cfg_mutex, so the answer stands.
 */
static bool xfrm_move_taken(const struct xfrm_state *x, struct xfrm_state *xc)
{
	struct net *net = xs_net(xc);
	u32 mark = xc->mark.v & xc->mark.m;
	struct hlist_head *table;
	struct xfrm_state *y;
	unsigned int h;

	spin_lock_bh(&net->xfrm.xfrm_state_lock);

	table = rcu_dereference_protected(net->xfrm.state_byspi,
					  lockdep_is_held(&net->xfrm.xfrm_state_lock));
	h = __xfrm_spi_hash(&xc->id.daddr, xc->id.spi, xc->id.proto,
			    xc->props.family, net->xfrm.state_hmask);
	hlist_for_each_entry(y, table + h, byspi)
		if (y != x && y->props.family == xc->props.family &&
		    y->id.spi == xc->id.spi && y->id.proto == xc->id.proto &&
		    xfrm_addr_equal(&y->id.daddr, &xc->id.daddr,
				    xc->props.family) &&
		    ((mark & y->mark.m) == y->mark.v ||
		     (y->mark.v & xc->mark.m) == mark))
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

static int xfrm_move_check(struct xfrm_move *mv, struct xfrm_state *x)
{
	struct netlink_ext_ack *extack = mv->extack;
	int err;

	if (xfrm_state_kern(x)) {
		NL_SET_ERR_MSG(extack, "The SA belongs to the kernel");
		return -EPERM;
	}

	switch (READ_ONCE(x->km.state)) {
	case XFRM_STATE_VALID:
		break;
	case XFRM_STATE_INVALID:
		if (x->unbound.exact)
			break;
		NL_SET_ERR_MSG(extack,
			       "Where the SA stopped is not known: it has to be rekeyed");
		return -EOPNOTSUPP;
	default:
		NL_SET_ERR_MSG(extack, "The SA carries no packets");
		return -ESRCH;
	}
	if (xfrm_move_silent_device(x)) {
		NL_SET_ERR_MSG(extack,
			       "The driver cannot tell where the SA stops: it has to be rekeyed");
		return -EOPNOTSUPP;
	}

	xfrm_move_wanted_device(mv, x);
	if (mv->offloaded) {
		err = xfrm_move_check_device(mv, x);
		if (err)
			return err;
	}

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
		err = __xfrm_init_state(xc, true, mv->offloaded, mv->extack);
	if (err)
		return err;

	if (mv->offloaded && !xc->type_offload) {
		NL_SET_ERR_MSG(mv->extack, "SAs of this protocol are not offloaded");
		return -EINVAL;
	}
	if (xfrm_move_taken(x, xc)) {
		NL_SET_ERR_MSG(mv->extack,
			       "Another SA has this address, SPI, protocol and mark");
		return -EEXIST;
	}

	return 0;
}

static void xfrm_move_drop(struct xfrm_state *xc)
{
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
static void xfrm_move_numbers(struct xfrm_state *x, struct xfrm_state *xc)
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
}

/* --- the old self -------------------------------------------------------- */

/* Step 2 for an SA in software. One that is INVALID keeps its reason. */
static int xfrm_move_fence(struct xfrm_state *x)
{
	int err = 0;

	spin_lock_bh(&x->lock);
	x->unbound.moving = true;
	if (x->km.state == XFRM_STATE_VALID) {
		xfrm_state_go_invalid(x);
		x->unbound.untold = true;
		x->unbound.reason = XFRM_UNBIND_MIGRATED;
		/* of one that is parked, its hardware has said it */
		if (x->xso.stage == XFRM_BIND_NONE)
			x->unbound.exact = true;
	} else if (x->km.state != XFRM_STATE_INVALID) {
		err = -ESRCH;
	}
	spin_unlock_bh(&x->lock);

	return err;
}

#ifdef CONFIG_XFRM_OFFLOAD
/* Steps 2 to 4. */
static int xfrm_move_stop(struct xfrm_state *x)
{
	struct xfrm_bind_batch batch = {};
	int err = 0;

	if (xfrm_bind_claim_state(x, &batch)) {
		WRITE_ONCE(x->unbound.moving, true);
		x->unbound.untold = true;
		xfrm_unbind_fence(x, XFRM_UNBIND_MIGRATED);
		synchronize_net();

		hlist_del_init(&x->xso_node);
		xfrm_unbind_stop_state(x);
		xfrm_bind_release(&x->xso);
		xfrm_state_put(x);
	} else {
		err = xfrm_move_fence(x);
		synchronize_net();
	}

	return err;
}

static int xfrm_move_to_device(struct xfrm_move *mv, struct xfrm_state *xc)
{
	return xfrm_dev_state_add(xs_net(xc), xc, &mv->offload, mv->extack);
}
#else
static int xfrm_move_stop(struct xfrm_state *x)
{
	int err = xfrm_move_fence(x);

	synchronize_net();
	return err;
}

static int xfrm_move_to_device(struct xfrm_move *mv, struct xfrm_state *xc)
{
	return -EOPNOTSUPP;
}
#endif

/**
 * xfrm_migrate_stop - an SA carries no packet any more, and its numbers are final
 * @x: SA that XFRM_MSG_MIGRATE or PF_KEY's SADB_X_MIGRATE is about to clone
 *
 * Steps 2 to 4 of the order above. Whoever calls it deletes @x, or gives up.
 *
 * Context: process, may sleep, under xfrm_cfg_mutex; takes RTNL.
 * Return: 0; -EOPNOTSUPP if it is not known where the SA stopped, without any
 * change where the driver cannot tell it; -ESRCH if the SA carries no packets.
 */
int xfrm_migrate_stop(struct xfrm_state *x)
{
	int err = -EOPNOTSUPP;

	rtnl_lock();
	if (!xfrm_move_silent_device(x))
		err = xfrm_move_stop(x);
	rtnl_unlock();

	if (err)
		return err;
	return x->unbound.exact ? 0 : -EOPNOTSUPP;
}

/**
 * xfrm_migrate_give_up - a migration failed; its SA stays where it stopped
 * @x: the SA; it may be one that was not touched yet
 *
 * One that the migration made INVALID is told of; it can be migrated again if
 * its numbers are exact.
 *
 * Context: process, under xfrm_cfg_mutex.
 */
void xfrm_migrate_give_up(struct xfrm_state *x)
{
	WRITE_ONCE(x->unbound.moving, false);
	if (!x->unbound.untold)
		return;

	x->unbound.untold = false;
	xfrm_unbound_tell(x);
}

static int xfrm_move_on(struct xfrm_move *mv, struct xfrm_state *x,
			struct xfrm_state *xc)
{
	int err;

	err = xfrm_move_stop(x);
	if (!err && READ_ONCE(x->km.state) != XFRM_STATE_INVALID)
		err = -ESRCH;
	if (err) {
		NL_SET_ERR_MSG(mv->extack, "The SA ended meanwhile");
		return err;
	}
	if (!x->unbound.exact) {
		NL_SET_ERR_MSG(mv->extack,
			       "The device did not tell where the SA stopped: the SA is INVALID, it has to be rekeyed");
		return -EOPNOTSUPP;
	}

	xfrm_move_numbers(x, xc);
	if (mv->offloaded) {
		err = xfrm_move_to_device(mv, xc);
		if (err) {
			NL_SET_ERR_MSG_WEAK(mv->extack,
					    "The device refuses the SA, which is INVALID now");
			return err;
		}
	}

	/* By the table of SPIs there is always one, and as long as it is not
	 * valid no key manager is asked for another. The old one may come to
	 * the end of its lifetime at any moment: then that was it.
	 */
	xc->unbound.moving = true;
	xfrm_state_insert(xc);
	if (xfrm_state_delete(x)) {
		NL_SET_ERR_MSG(mv->extack, "The SA ended meanwhile");
		xfrm_state_hold(xc); /* the SAD's, for xfrm_move_drop() */
		xfrm_state_delete(xc);
		return -ESRCH;
	}
	xfrm_state_publish(xc);
	WRITE_ONCE(xc->unbound.moving, false);

	return 0;
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

/* The SA stays alive for what is told of it. */
static int xfrm_move(struct xfrm_move *mv, struct xfrm_state *x,
		     const struct nlmsghdr *nlh)
{
	struct xfrm_state *xc;
	int err;

	err = xfrm_move_check(mv, x);
	if (err)
		return err;

	xc = xfrm_move_clone(mv, x);
	if (IS_ERR(xc))
		return PTR_ERR(xc);

	xfrm_state_hold(xc);
	err = xfrm_move_on(mv, x, xc);
	xfrm_audit_state_add(xc, err ? 0 : 1, true);
	if (err) {
		xfrm_migrate_give_up(x);
		xfrm_move_drop(xc);
	} else if (xfrm_move_tell(mv, xc, nlh->nlmsg_pid, nlh->nlmsg_seq)) {
		NL_SET_ERR_MSG_WEAK(mv->extack,
				    "Migrated, but not all listeners were told");
	}
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
 * Context: process, may sleep, under xfrm_cfg_mutex; takes RTNL, so that no
 * device goes meanwhile.
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

	rtnl_lock();
	x = xfrm_move_find(net, mv.um);
	if (x) {
		err = xfrm_move(&mv, x, nlh);
		xfrm_state_put(x);
	} else {
		NL_SET_ERR_MSG(extack,
			       "No SA has this address, SPI, protocol and mark");
		err = -ESRCH;
	}
	rtnl_unlock();

	return err;
}
EXPORT_SYMBOL_GPL(xfrm_migrate_state);
