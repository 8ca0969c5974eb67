// SPDX-License-Identifier: GPL-2.0
/*
 * Migrate SAs: other addresses, another mark or encapsulation, another device
 * or none, with the same keys. The sequence numbers and the replay window
 * continue, so that no IV is used and no packet accepted twice.
 *
 * A clone takes the place of the SA. The old SA is fenced as in an unbind, and
 * its numbers are read when nothing can change them any more:
 *
 *  1. Check. A refusal changes nothing. The clone is complete except for the
 *     numbers, so that later steps cannot fail because of it.
 *  2. Fence. The SA is XFRM_STATE_INVALID and marked as migrating: its packets
 *     wait or are dropped as if an ACQUIRE was pending, but none is sent.
 *  3. Drain. After a grace period no packet changes the old numbers.
 *  4. Stop the old hardware, which reports its numbers.
 *  5. Copy the numbers to the clone, then offload the clone.
 *  6. Insert the clone, delete the old SA, tell the listeners.
 *
 * A failure after step 2 leaves an INVALID SA, and the key managers are told.
 * If its numbers are exact, it can be migrated again.
 *
 * Documentation/networking/xfrm/xfrm_migrate_state.rst describes the message.
 */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>
#include <net/xfrm_migrate_state.h>
#include <trace/events/xfrm.h>

#include "xfrm_hash.h"
#include "xfrm_migrate.h"
#include "xfrm_offload.h"

/* Do their lookup keys overlap? */
static bool xfrm_migration_overlaps(const struct xfrm_state *x,
				    const struct xfrm_state *y)
{
	u32 diff = (x->mark.v & x->mark.m) ^ (y->mark.v & y->mark.m);

	return x->props.family == y->props.family && x->id.spi == y->id.spi &&
	       x->id.proto == y->id.proto &&
	       xfrm_addr_equal(&x->id.daddr, &y->id.daddr, x->props.family) &&
	       (!(diff & x->mark.m) || !(diff & y->mark.m));
}

static bool xfrm_migration_keeps_name(const struct xfrm_state *x,
				      const struct xfrm_state *xc)
{
	return x->props.family == xc->props.family &&
	       x->mark.m == xc->mark.m &&
	       !((x->mark.v ^ xc->mark.v) & xc->mark.m) &&
	       xfrm_addr_equal(&x->id.daddr, &xc->id.daddr, x->props.family);
}

/* Of protocols without an SPI (Mobile IPv6) the addresses are the name. */
static bool xfrm_migration_taken_byaddr(struct xfrm_state *const *x,
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
static bool xfrm_migration_taken(struct xfrm_state *const *x,
				 struct xfrm_state *const *xc, int n, int i)
{
	struct net *net = xs_net(xc[i]);
	struct xfrm_state *y = NULL;
	struct hlist_head *table;
	unsigned int h;
	int j;

	if (!xc[i]->id.spi)
		return xfrm_migration_taken_byaddr(x, xc[i], n);
	for (j = 0; j < i; j++)
		if (xfrm_migration_overlaps(xc[j], xc[i]))
			return true;
	if (xfrm_migration_keeps_name(x[i], xc[i]))
		return false;

	spin_lock_bh(&net->xfrm.xfrm_state_lock);

	table = rcu_dereference_protected(net->xfrm.state_byspi,
					  lockdep_is_held(&net->xfrm.xfrm_state_lock));
	h = __xfrm_spi_hash(&xc[i]->id.daddr, xc[i]->id.spi, xc[i]->id.proto,
			    xc[i]->props.family, net->xfrm.state_hmask);
	hlist_for_each_entry(y, table + h, byspi)
		if (xfrm_migration_overlaps(y, xc[i]) &&
		    !xfrm_migrate_has(x, n, y))
			break;

	spin_unlock_bh(&net->xfrm.xfrm_state_lock);

	return y;
}

#ifdef CONFIG_XFRM_OFFLOAD
static bool xfrm_migration_silent_device(const struct xfrm_state *x)
{
	return x->xso.stage != XFRM_STAGE_NONE &&
	       x->xso.type == XFRM_DEV_OFFLOAD_PACKET &&
	       !x->xso.dev->xfrmdev_ops->xdo_dev_state_unbind;
}

/* What it was asked for, or what it has. */
static void xfrm_migration_wanted_device(struct xfrm_migration *mv,
					 const struct xfrm_state *x)
{
	struct nlattr *attr = mv->attrs[XFRMA_OFFLOAD_DEV];

	if (attr) {
		mv->offload = *(struct xfrm_user_offload *)nla_data(attr);
		mv->offloaded = true;
	} else if (!(mv->um->flags & XFRM_MIGRATE_STATE_CLEAR_OFFLOAD) &&
		   x->xso.stage == XFRM_STAGE_ADDED) {
		mv->offload.ifindex = x->xso.dev->ifindex;
		if (x->xso.dir == XFRM_DEV_OFFLOAD_IN)
			mv->offload.flags |= XFRM_OFFLOAD_INBOUND;
		if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET)
			mv->offload.flags |= XFRM_OFFLOAD_PACKET;
		mv->offloaded = true;
	}
}

static int xfrm_migration_check_device(const struct xfrm_migration *mv,
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
	    (x->xso.stage == XFRM_STAGE_ADDED &&
	     x->xso.dir ==
		     (inbound ? XFRM_DEV_OFFLOAD_OUT : XFRM_DEV_OFFLOAD_IN))) {
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
static bool xfrm_migration_silent_device(const struct xfrm_state *x)
{
	return false;
}

static void xfrm_migration_wanted_device(struct xfrm_migration *mv,
					 const struct xfrm_state *x)
{
	mv->offloaded = mv->attrs[XFRMA_OFFLOAD_DEV];
}

static int xfrm_migration_check_device(const struct xfrm_migration *mv,
				       struct xfrm_state *x)
{
	NL_SET_ERR_MSG(mv->extack, "This kernel does not offload SAs");
	return -EINVAL;
}
#endif

/* Before it is cloned. */
static int xfrm_migration_check_sa(const struct xfrm_migration *mv,
				   struct xfrm_state *x)
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

/* Are the SA's final numbers known, or can the device tell them? */
static int xfrm_migration_check_numbers(struct xfrm_state *x,
					struct netlink_ext_ack *extack)
{
	if (xfrm_state_is_invalid(x) && !x->invalid.exact) {
		NL_SET_ERR_MSG(extack,
			       "Where the SA stopped is not known: it has to be rekeyed");
		return -EOPNOTSUPP;
	}
	if (xfrm_migration_silent_device(x)) {
		NL_SET_ERR_MSG(extack,
			       "The driver cannot tell where the SA stops: it has to be rekeyed");
		return -EOPNOTSUPP;
	}

	return xfrm_tail_is_free(x, extack);
}

static int xfrm_migration_check_target(struct xfrm_state *const *x,
				       struct xfrm_state *const *xc, int n,
				       int i, struct netlink_ext_ack *extack)
{
	if (!xfrm_migration_taken(x, xc, n, i))
		return 0;

	NL_SET_ERR_MSG(extack,
		       "Another SA has this address, SPI, protocol and mark");
	return -EEXIST;
}

/* The last checks of step 1. Under RTNL if a device is involved. */
static int xfrm_migration_check(struct xfrm_migration *mv, struct xfrm_state *x,
				struct xfrm_state *xc)
{
	struct netlink_ext_ack *extack = mv->extack;
	int err;

	err = xfrm_migration_check_numbers(x, extack);
	if (err)
		return err;

	xfrm_migration_wanted_device(mv, x);
	if (mv->offloaded) {
		err = xfrm_migration_check_device(mv, x);
		if (err)
			return err;
	}
	if (mv->offloaded && !xc->type_offload) {
		NL_SET_ERR_MSG(extack, "SAs of this protocol are not offloaded");
		return -EINVAL;
	}

	err = xfrm_migration_check_target(&x, &xc, 1, 0, extack);
	if (err)
		return err;

	err = security_xfrm_state_delete(x);
	if (err)
		xfrm_audit_state_delete(x, 0, true);
	return err;
}

/* --- the clone ----------------------------------------------------------- */

static bool xfrm_migration_is_h2h(const struct xfrm_state *x)
{
	const struct xfrm_selector *sel = &x->sel;
	u8 whole = x->props.family == AF_INET6 ? 128 : 32;

	return sel->family == x->props.family && sel->prefixlen_s == whole &&
	       sel->prefixlen_d == whole &&
	       xfrm_addr_equal(&sel->saddr, &x->props.saddr, sel->family) &&
	       xfrm_addr_equal(&sel->daddr, &x->id.daddr, sel->family);
}

static int xfrm_migration_selector(const struct xfrm_migration *mv,
				   const struct xfrm_state *x,
				   struct xfrm_state *xc)
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
	if (!xfrm_migration_is_h2h(x)) {
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
static void xfrm_migration_decapsulate(struct xfrm_state *xc)
{
	kfree(xc->encap);
	xc->encap = NULL;
	xc->mapping_maxage = 0;
	xc->nat_keepalive_interval = 0;
}

static int xfrm_migration_nat(const struct xfrm_migration *mv,
			      struct xfrm_state *xc)
{
	struct nlattr **attrs = mv->attrs;

	if (attrs[XFRMA_ENCAP] && !xc->encap->encap_type)
		xfrm_migration_decapsulate(xc);
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

static void xfrm_migration_marks(const struct xfrm_migration *mv,
				 struct xfrm_state *xc)
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

static int xfrm_migration_shape(const struct xfrm_migration *mv,
				struct xfrm_state *x, struct xfrm_state *xc)
{
	const struct xfrm_user_migrate_state *um = mv->um;
	int err;

	xc->id.daddr = um->new_daddr;
	xc->props.saddr = um->new_saddr;
	xc->props.family = um->new_family;
	xc->props.reqid = um->new_reqid;
	xfrm_migration_marks(mv, xc);
	err = xfrm_migration_selector(mv, x, xc);
	if (!err)
		err = xfrm_migration_nat(mv, xc);
	if (!err)
		err = __xfrm_init_state(xc, true, mv->hardware, mv->extack);

	return err;
}

static void xfrm_migration_drop(struct xfrm_state *xc)
{
	xfrm_tail_forget(xc);
	xc->km.state = XFRM_STATE_DEAD;
	xfrm_state_put(xc);
}

static struct xfrm_state *xfrm_migration_clone(const struct xfrm_migration *mv,
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
	err = xfrm_migration_shape(mv, x, xc);
	if (err) {
		xfrm_migration_drop(xc);
		return ERR_PTR(err);
	}

	return xc;
}

/* Step 5: what packets may have changed since the clone was made. */
static int xfrm_migration_numbers(struct xfrm_state *x, struct xfrm_state *xc,
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

/* --- the old SA ---------------------------------------------------------- */

/* Step 2 for an SA in software. An INVALID one keeps its reason. */
static int xfrm_migration_fence(struct xfrm_state *x)
{
	int err = 0;

	spin_lock_bh(&x->lock);
	WRITE_ONCE(x->invalid.migrating, true);
	if (x->km.state == XFRM_STATE_VALID) {
		x->invalid.untold = true;
		/* xfrm_dev_suspend() has set it for a suspended one */
		if (x->xso.stage == XFRM_STAGE_NONE)
			x->invalid.exact = true;
		xfrm_state_go_invalid(x, XFRM_INVALID_MIGRATED, NULL);
		xfrm_tail_close(x, true);
	} else if (x->km.state != XFRM_STATE_INVALID) {
		err = -ESRCH;
	}
	spin_unlock_bh(&x->lock);

	return err;
}

#ifdef CONFIG_XFRM_OFFLOAD
/* Step 2 for an SA that a device holds. */
static bool xfrm_migration_claim(struct xfrm_state *x,
				 struct xfrm_offload_batch *batch)
{
	if (!xfrm_offload_claim_state(x, XFRM_STAGE_ADDED, batch))
		return false;

	WRITE_ONCE(x->invalid.migrating, true);
	x->invalid.untold = true;
	xfrm_unbind_fence(x, XFRM_INVALID_MIGRATED);
	return true;
}

static void xfrm_migration_stop_hardware(struct xfrm_offload_batch *batch)
{
	struct hlist_node *tmp;
	struct xfrm_state *x;

	hlist_for_each_entry_safe(x, tmp, &batch->states, xso_node) {
		hlist_del_init(&x->xso_node);
		xfrm_offload_stop(&x->xso_node, &xfrm_offload_states);
		xfrm_offload_release_held(&x->xso_node, &xfrm_offload_states);
		xfrm_state_put(x);
	}
}

static int xfrm_migration_to_device(struct xfrm_migration *mv,
				    struct xfrm_state *xc)
{
	return xfrm_dev_state_add(xs_net(xc), xc, &mv->offload, mv->extack);
}
#else
static bool xfrm_migration_claim(struct xfrm_state *x,
				 struct xfrm_offload_batch *batch)
{
	return false;
}

static void xfrm_migration_stop_hardware(struct xfrm_offload_batch *batch)
{
}

static int xfrm_migration_to_device(struct xfrm_migration *mv,
				    struct xfrm_state *xc)
{
	return -EOPNOTSUPP;
}
#endif

/* Outbound, the state is tested and the sequence number taken in one critical
 * section of the SA's lock: none is taken after the fence. Inbound, the test
 * and the update of the window are in two critical sections, within one RCU
 * read-side section.
 */
static bool xfrm_migration_has_window(const struct xfrm_state *x)
{
	return x->dir != XFRM_SA_DIR_OUT &&
	       (x->replay_esn ? x->replay_esn->replay_window
			      : x->props.replay_window);
}

/* Steps 2 to 4 for @n SAs, with one grace period. Under RTNL if a device holds,
 * or may hold, one of them.
 */
static int xfrm_migration_stop(struct xfrm_state *const *x, int n,
			       bool hardware)
{
	struct xfrm_offload_batch batch = {};
	bool window = false;
	int i, err = 0;

	for (i = 0; i < n; i++) {
		window |= xfrm_migration_has_window(x[i]);
		if (!xfrm_migration_claim(x[i], &batch))
			err = xfrm_migration_fence(x[i]) ?: err;
	}

	if (hardware)
		synchronize_net();
	else if (window)
		synchronize_rcu_expedited();

	xfrm_migration_stop_hardware(&batch);
	return err;
}

/* After step 4. */
static int xfrm_migration_stopped(const struct xfrm_state *x,
				  struct netlink_ext_ack *extack)
{
	if (!xfrm_state_is_invalid(x)) {
		NL_SET_ERR_MSG(extack, "The SA ended meanwhile");
		return -ESRCH;
	}
	if (!x->invalid.exact) {
		NL_SET_ERR_MSG(extack,
			       "The device did not tell where the SA stopped: the SA is INVALID, it has to be rekeyed");
		return -EOPNOTSUPP;
	}

	return 0;
}

/* Step 6. The clone is inserted before the old SA is deleted, so that a lookup by
 * SPI always finds one of them. Neither carries packets until then, and no key
 * manager is asked for another SA.
 */
static void xfrm_migration_insert(struct xfrm_state *xc)
{
	xc->invalid.migrating = true;
	xfrm_state_insert(xc);
}

/* If the old SA expires first, return -ESRCH: the clone ends, too. */
static int xfrm_migration_finish(struct xfrm_state *x, struct xfrm_state *xc)
{
	int err = xfrm_state_delete(x);

	if (!err)
		err = xfrm_state_publish(xc);
	WRITE_ONCE(xc->invalid.migrating, false);

	return err;
}

/**
 * xfrm_migrate_begin - stop SAs and insert their clones
 * @x: SAs of an XFRM_MSG_MIGRATE or PF_KEY SADB_X_MIGRATE request
 * @xc: a clone of each, not in the SAD yet
 * @n: how many
 * @extack: where a refusal is explained, or NULL
 *
 * Runs the checks of step 1 for all of them, then steps 2 to 5, and inserts the
 * clones. Neither SAs nor clones carry packets before xfrm_migrate_end(). If
 * this or a later step of the request fails, the caller calls
 * xfrm_migrate_abort().
 *
 * Context: process, may sleep, under xfrm_cfg_mutex; takes RTNL if a device
 * holds one of them.
 * Return: 0; -EOPNOTSUPP if the final numbers of an SA are not known; -EEXIST
 * if a clone has the address, SPI, protocol and mark of another clone, or of an
 * SA that is not migrated; -ESRCH if an SA has ended.
 */
int xfrm_migrate_begin(struct xfrm_state **x, struct xfrm_state **xc, int n,
		       struct netlink_ext_ack *extack)
{
	bool hardware = false;
	int i, err = 0;

	for (i = 0; i < n; i++)
		hardware |= READ_ONCE(x[i]->xso.stage) != XFRM_STAGE_NONE;

	if (hardware)
		rtnl_lock();
	for (i = 0; i < n && !err; i++)
		err = xfrm_migration_check_numbers(x[i], extack) ?:
		      xfrm_migration_check_target(x, xc, n, i, extack);
	if (!err)
		err = xfrm_migration_stop(x, n, hardware);
	if (hardware)
		rtnl_unlock();

	for (i = 0; i < n && !err; i++)
		err = xfrm_migration_stopped(x[i], extack);
	for (i = 0; i < n && !err; i++) {
		err = xfrm_migration_numbers(x[i], xc[i], extack);
		if (!err)
			xfrm_migration_insert(xc[i]);
	}

	return err;
}

/**
 * xfrm_migrate_end - let the clones of xfrm_migrate_begin() carry packets
 * @x: the SAs, which are deleted
 * @xc: their clones
 * @n: how many
 *
 * Context: process, under xfrm_cfg_mutex.
 */
void xfrm_migrate_end(struct xfrm_state **x, struct xfrm_state **xc, int n)
{
	int i, err;

	for (i = 0; i < n; i++) {
		err = xfrm_migration_finish(x[i], xc[i]);
		trace_xfrm_sa_migrated(x[i], xc[i], err);
		if (err)
			xfrm_state_delete(xc[i]);
	}
}

/* If the migration made it INVALID, tell the key managers. */
static void xfrm_migration_give_up(struct xfrm_state *x)
{
	WRITE_ONCE(x->invalid.migrating, false);
	if (!x->invalid.untold)
		return;

	x->invalid.untold = false;
	xfrm_invalid_tell(x);
}

/**
 * xfrm_migrate_abort - end a failed migration
 * @x: the SAs, fenced or not; those that are fenced stay INVALID
 * @n: how many
 * @xc: the clones made so far, inserted or not; all are deleted
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
			xfrm_migration_drop(xc[i]);
		else
			xfrm_state_delete(xc[i]);
	}
	for (i = 0; i < n; i++)
		xfrm_migration_give_up(x[i]);
}

static int xfrm_migration_on(struct xfrm_migration *mv, struct xfrm_state *x,
			     struct xfrm_state *xc)
{
	int err = 0;

	if (mv->offloaded && !x->invalid.tail)
		err = xfrm_tail_provide(xc, &mv->offload);
	if (err)
		return err;

	err = xfrm_migration_stop(&x, 1, mv->hardware) ?:
	      xfrm_migration_stopped(x, mv->extack);
	if (err)
		return err;

	err = xfrm_migration_numbers(x, xc, mv->extack);
	if (err)
		return err;
	if (mv->offloaded) {
		err = xfrm_migration_to_device(mv, xc);
		if (err) {
			NL_SET_ERR_MSG_WEAK(mv->extack,
					    "The device refuses the SA, which is INVALID now");
			return err;
		}
	}

	xfrm_migration_insert(xc);
	err = xfrm_migration_finish(x, xc);
	if (err) {
		NL_SET_ERR_MSG(mv->extack, "The SA ended meanwhile");
		xfrm_state_hold(xc); /* the SAD's, for xfrm_migration_drop() */
		xfrm_state_delete(xc);
	}

	return err;
}

/**
 * xfrm_migrate_state_run - migrate one SA
 * @mv: the request, with @um, @attrs and @extack
 * @x: the SA that it names
 * @new: receives the SA that took its place, with a reference
 *
 * The clone is made without RTNL, because that may load modules.
 *
 * Context: process, may sleep, under xfrm_cfg_mutex; takes RTNL if a device
 * holds the SA or is to hold it.
 * Return: 0 or an error of xfrm_migrate_state().
 */
int xfrm_migrate_state_run(struct xfrm_migration *mv, struct xfrm_state *x,
			   struct xfrm_state **new)
{
	struct xfrm_state *xc;
	int err;

	err = xfrm_migration_check_sa(mv, x);
	if (err)
		return err;

	mv->hardware = mv->attrs[XFRMA_OFFLOAD_DEV] ||
		       READ_ONCE(x->xso.stage) != XFRM_STAGE_NONE;
	xc = xfrm_migration_clone(mv, x);
	if (IS_ERR(xc))
		return PTR_ERR(xc);

	xfrm_state_hold(xc);

	if (mv->hardware)
		rtnl_lock();
	err = xfrm_migration_check(mv, x, xc);
	if (!err) {
		err = xfrm_migration_on(mv, x, xc);
		trace_xfrm_sa_migrated(x, xc, err);
		xfrm_audit_state_add(xc, err ? 0 : 1, true);
		if (err)
			xfrm_migration_give_up(x);
	}
	if (mv->hardware)
		rtnl_unlock();

	if (err) {
		xfrm_migration_drop(xc);
		xfrm_state_put(xc);
		return err;
	}

	*new = xc;
	return 0;
}

#ifdef CONFIG_XFRM_OFFLOAD
/* The index of the device that holds an SA of packet offload, or 0 */
static int xfrm_migrate_held_by(const struct xfrm_state *x)
{
	const struct net_device *dev = NULL;
	int ifindex;

	rcu_read_lock();
	if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET &&
	    READ_ONCE(x->km.state) == XFRM_STATE_VALID)
		dev = xfrm_offload_live_dev(&x->xso);
	ifindex = dev ? dev->ifindex : 0;
	rcu_read_unlock();

	return ifindex;
}

static void xfrm_migrate_to_software(struct xfrm_state *x, int ifindex,
				     struct netlink_ext_ack *extack)
{
	const struct xfrm_user_migrate_state um = {
		.new_daddr	= x->id.daddr,
		.new_saddr	= x->props.saddr,
		.new_family	= x->props.family,
		.new_reqid	= x->props.reqid,
		.new_sel	= x->sel,
		.flags		= XFRM_MIGRATE_STATE_CLEAR_OFFLOAD,
	};
	struct nlattr *attrs[XFRMA_MAX + 1] = {};
	struct xfrm_migration mv = {
		.um = &um,
		.attrs = attrs,
		.extack = extack,
	};
	struct km_event c = { .event = XFRM_MSG_UPDSA };
	struct xfrm_state *new;

	if (xfrm_migrate_state_run(&mv, x, &new))
		return;

	NL_SET_ERR_MSG_FMT(extack,
			   "The SA with SPI 0x%x is in software now, as is the policy that names it",
			   ntohl(new->id.spi));
	km_state_notify(new, &c);
	xfrm_unbind_policies_of(new, ifindex);
	xfrm_state_put(new);
}

/**
 * xfrm_migrate_to_policy - take SAs into software that a software policy names
 * @xp: a policy that was added and is not offloaded
 * @dir: its direction, XFRM_POLICY_*
 * @extack: tells what was done, or why not
 *
 * A device that takes an SA may refuse the policy: it sees only then what family
 * is in a tunnel, or its table is full. Key managers that offload what they can
 * add the policy in software then, and never look at the SA again. Other policies
 * that name the SA and are on its device follow into software, as in an unbind.
 *
 * An SA whose device does not tell its last number becomes INVALID; the key
 * managers are told. One that a security module keeps stays where it is: packets
 * count as XfrmOutOffloadMismatch.
 *
 * Context: process, may sleep, under xfrm_cfg_mutex; takes RTNL if there is
 * such an SA.
 */
void xfrm_migrate_to_policy(const struct xfrm_policy *xp, u8 dir,
			    struct netlink_ext_ack *extack)
{
	struct xfrm_state *x;
	int i, ifindex;

	if (dir != XFRM_POLICY_OUT || xp->xdo.type == XFRM_DEV_OFFLOAD_PACKET)
		return;

	for (i = 0; i < xp->xfrm_nr; i++) {
		x = xfrm_offload_named_state(xp, &xp->xfrm_vec[i]);
		if (!x)
			continue;
		ifindex = xfrm_migrate_held_by(x);
		if (ifindex)
			xfrm_migrate_to_software(x, ifindex, extack);
		xfrm_state_put(x);
	}
}
EXPORT_SYMBOL_GPL(xfrm_migrate_to_policy);
#endif
