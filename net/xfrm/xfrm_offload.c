// SPDX-License-Identifier: GPL-2.0
/*
 * What a device holds for xfrm: the SAs and policies that are offloaded to it.
 *
 * An offload begins with the driver's add callback and ends with its delete and
 * free callbacks, see xfrm_offload_gc.c. It is in a list of its device, so that
 * the cost of an unbind depends only on what the device holds, and it has one
 * owner at each moment (enum xfrm_offload_stage): only the owner calls the
 * driver.
 */

#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>

#include "xfrm_offload.h"

/* Protects struct xfrm_dev_offloads of every device and, of each SA and policy,
 * the node that is in a list there. @stage of struct xfrm_dev_offload changes
 * under it, except for the change to XFRM_STAGE_NONE, which the owner makes.
 * Nests inside xfrm_state.lock. Only the locks of wake_up_var() and
 * queue_work() nest inside it; no driver is called under it.
 */
DEFINE_SPINLOCK(xfrm_offload_lock);

/* Callbacks run outside of the lock. While one runs, @pending keeps an unbind of
 * the device waiting, and the device from going away.
 */
static int xfrm_offload_enter(struct net_device *dev,
			      struct netlink_ext_ack *extack)
{
	struct xfrm_dev_offloads *b = &dev->xfrm_offloads;
	int err;

	spin_lock_bh(&xfrm_offload_lock);
	err = xfrm_dev_ready(dev, extack);
	if (!err)
		b->pending++;
	spin_unlock_bh(&xfrm_offload_lock);

	return err;
}

/**
 * xfrm_dev_ready - can SAs and policies be offloaded to a device now?
 * @dev: the device; for the lower device of one that offloads to it, call
 *	this under RTNL or in a callback of the upper device
 * @extack: where a refusal is explained, or NULL
 *
 * Return: 0; -EOPNOTSUPP if esp-hw-offload is off; -ENODEV if the device is
 * going away, or has no hardware at the moment.
 */
int xfrm_dev_ready(const struct net_device *dev, struct netlink_ext_ack *extack)
{
	u8 closed = READ_ONCE(dev->xfrm_offloads.closed);

	if (!closed)
		return 0;

	if (closed == XFRM_CLOSED_FEATURE) {
		if (netif_is_bond_master(dev))
			NL_SET_ERR_MSG_FMT(extack,
					   "esp-hw-offload of %s is off: a bond has it in active-backup mode",
					   dev->name);
		else
			NL_SET_ERR_MSG_FMT(extack, "esp-hw-offload of %s is off",
					   dev->name);
		return -EOPNOTSUPP;
	}

	if (closed & XFRM_CLOSED_SUSPENDED)
		NL_SET_ERR_MSG(extack, "Device has no hardware at the moment");
	else
		NL_SET_ERR_MSG(extack, "Device is going away");

	return -ENODEV;
}
EXPORT_SYMBOL_GPL(xfrm_dev_ready);

/* A deleted SA or policy that still occupies the hardware may be the cause. */
static bool xfrm_offload_made_room(struct net_device *dev, int err)
{
	return (err == -EEXIST || err == -ENOSPC || err == -EBUSY) &&
	       xfrm_offload_flush(dev);
}

/* The offload is complete: an add callback, or a restore, has succeeded. */
static void xfrm_offload_link(struct net_device *dev, struct hlist_node *node,
			      const struct xfrm_offload_kind *kind)
{
	struct xfrm_dev_offload *xdo = kind->xdo(node);

	lockdep_assert_held(&xfrm_offload_lock);

	xdo->ifindex = dev->ifindex;
	WRITE_ONCE(xdo->stage, XFRM_STAGE_ADDED);
	hlist_add_head(node, kind->list(&dev->xfrm_offloads.added));
}

static atomic_t *xfrm_dev_held(struct net_device *dev, struct hlist_node *node,
			       const struct xfrm_offload_kind *kind)
{
	bool in = kind->xdo(node)->dir != XFRM_DEV_OFFLOAD_OUT;

	return &dev->xfrm_offloads.counts.held[kind == &xfrm_offload_policies][in];
}

/* The driver may have reported the SA broken since its add callback began. The
 * work of that report then found nothing to claim, under the same lock. Larval
 * states carry no packets.
 */
static bool xfrm_offload_is_sound(struct hlist_node *node,
				  const struct xfrm_offload_kind *kind)
{
	const struct xfrm_state *x = xfrm_offload_state_of(node);

	return kind != &xfrm_offload_states || !READ_ONCE(x->broken) ||
	       x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ;
}

static bool xfrm_offload_settle(struct net_device *dev, struct hlist_node *node,
				const struct xfrm_offload_kind *kind)
{
	bool sound;

	spin_lock_bh(&xfrm_offload_lock);
	sound = xfrm_offload_is_sound(node, kind);
	if (sound) {
		atomic_inc(xfrm_dev_held(dev, node, kind));
		xfrm_offload_link(dev, node, kind);
		__xfrm_offload_exit(&dev->xfrm_offloads);
	}
	spin_unlock_bh(&xfrm_offload_lock);

	return sound;
}

/* The hardware may have used some numbers, and did not tell which. */
static void xfrm_offload_undo_state(struct net_device *dev,
				    struct xfrm_state *x)
{
	WRITE_ONCE(x->xso.live, false);
	spin_lock_bh(&x->lock);
	x->invalid.exact = x->xso.type != XFRM_DEV_OFFLOAD_PACKET;
	xfrm_tail_close(x, false);
	xfrm_tail_stopped(x);
	spin_unlock_bh(&x->lock);
	xfrm_offload_states.delete(dev->xfrmdev_ops, &x->xso_node);
	xfrm_offload_states.free(dev->xfrmdev_ops, &x->xso_node);
	xfrm_offload_exit(dev);
}

/* No driver tells its device the family of the packets in a tunnel, and the
 * stack routes a packet of packet offload by the inner family only.
 */
static int xfrm_offload_suits_tunnel(const struct net_device *dev, u16 inner,
				     u16 outer, struct netlink_ext_ack *extack)
{
	if (inner == outer)
		return 0;

	NL_SET_ERR_MSG_FMT(extack,
			   "%s cannot do packet offload of IPv%d in an IPv%d tunnel",
			   dev->name, inner == AF_INET ? 4 : 6,
			   outer == AF_INET ? 4 : 6);
	return -EOPNOTSUPP;
}

/* Packet offload: can the device carry packets of this SA? If the selector has no
 * family, the check of the policy decides.
 */
static int xfrm_offload_suits_state(struct hlist_node *node,
				    struct netlink_ext_ack *extack)
{
	const struct xfrm_state *x = xfrm_offload_state_of(node);

	if (x->xso.type != XFRM_DEV_OFFLOAD_PACKET ||
	    x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ ||
	    x->props.mode == XFRM_MODE_TRANSPORT || !x->sel.family)
		return 0;

	return xfrm_offload_suits_tunnel(x->xso.dev, x->sel.family,
					 x->props.family, extack);
}

/**
 * xfrm_offload_named_state - the SA that a template names by its SPI
 * @xp: outbound policy
 * @tmpl: a template of it
 *
 * Context: any.
 * Return: the SA that the policy's packets find, referenced, or NULL.
 */
struct xfrm_state *xfrm_offload_named_state(const struct xfrm_policy *xp,
					    const struct xfrm_tmpl *tmpl)
{
	const xfrm_address_t *daddr = &tmpl->id.daddr;

	if (!tmpl->id.spi)
		return NULL;
	if (tmpl->mode == XFRM_MODE_TRANSPORT)
		daddr = &xp->selector.daddr;

	return xfrm_state_lookup(xp_net(xp), xp->mark.v & xp->mark.m, daddr,
				 tmpl->id.spi, tmpl->id.proto,
				 tmpl->encap_family);
}

/* A software policy takes such an SA with it, see xfrm_migrate_to_policy(). */
static bool xfrm_offload_is_movable(const struct net_device *from,
				    const struct net_device *to)
{
	return IS_ENABLED(CONFIG_XFRM_MIGRATE) && from && !to &&
	       from->xfrmdev_ops->xdo_dev_state_unbind;
}

/**
 * xfrm_offload_suits_policy - check that a policy can find the SAs it names
 * @xp: policy that is about to be added
 * @dir: its direction, XFRM_POLICY_*
 * @dev: the device that it is to be offloaded to, or NULL
 * @extack: where a refusal is explained
 *
 * A policy finds SAs of its own device only. If it names an SA by its SPI, and
 * that SA is elsewhere, every packet is dropped: refuse it, unless the SA can
 * follow the policy into software. If the SA is added later,
 * XfrmOutOffloadMismatch counts the packets.
 *
 * Context: process, under net->xfrm.xfrm_cfg_mutex.
 * Return: 0; -EOPNOTSUPP if the device lacks what the policy needs; -ENXIO if
 * an SA that it names is on another device, or on none.
 */
int xfrm_offload_suits_policy(const struct xfrm_policy *xp, u8 dir,
			      const struct net_device *dev,
			      struct netlink_ext_ack *extack)
{
	const struct xfrm_tmpl *tmpl;
	struct xfrm_state *x;
	int err = 0;
	int i;

	for (i = 0; dev && !err && i < xp->xfrm_nr; i++) {
		tmpl = &xp->xfrm_vec[i];
		if (tmpl->mode != XFRM_MODE_TRANSPORT)
			err = xfrm_offload_suits_tunnel(dev, xp->family,
							tmpl->encap_family,
							extack);
	}

	for (i = 0; dir == XFRM_POLICY_OUT && !err && i < xp->xfrm_nr; i++) {
		const struct net_device *on = NULL;

		tmpl = &xp->xfrm_vec[i];
		x = xfrm_offload_named_state(xp, tmpl);
		if (!x)
			continue;

		rcu_read_lock();
		if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET)
			on = xfrm_offload_live_dev(&x->xso);
		if (READ_ONCE(x->km.state) == XFRM_STATE_VALID && on != dev &&
		    !xfrm_offload_is_movable(on, dev)) {
			err = -ENXIO;
			if (on)
				NL_SET_ERR_MSG_FMT(extack,
						   "The SA with SPI 0x%x that the policy names is on %s",
						   ntohl(tmpl->id.spi), on->name);
			else
				NL_SET_ERR_MSG_FMT(extack,
						   "%s does not have the SA with SPI 0x%x that the policy names",
						   dev->name, ntohl(tmpl->id.spi));
		}
		rcu_read_unlock();
		xfrm_state_put(x);
	}

	return err;
}
EXPORT_SYMBOL_GPL(xfrm_offload_suits_policy);

/* --- SAs ------------------------------------------------------------------ */

static struct xfrm_dev_offload *xfrm_offload_state_xdo(struct hlist_node *node)
{
	return &xfrm_offload_state_of(node)->xso;
}

static struct hlist_head *
xfrm_offload_state_list(struct xfrm_offload_batch *batch)
{
	return &batch->states;
}

/* An offloaded object is referenced by the SAD, the SPD or the task inserting
 * it. All of them end the offload before they drop that reference.
 */
static void xfrm_offload_hold_state(struct hlist_node *node)
{
	xfrm_state_hold(xfrm_offload_state_of(node));
}

static void xfrm_offload_put_state(struct hlist_node *node)
{
	xfrm_state_put(xfrm_offload_state_of(node));
}

static bool xfrm_offload_state_carries(struct hlist_node *node)
{
	return xfrm_unbind_carries(xfrm_offload_state_of(node));
}

static void xfrm_offload_go_live(struct xfrm_dev_offload *xdo)
{
	/* After real_dev: pairs with xfrm_packet_offload_check() */
	smp_store_release(&xdo->live, true);
}

static void xfrm_offload_state_go_live(struct hlist_node *node)
{
	struct xfrm_state *x = xfrm_offload_state_of(node);

	x->xso.hw_only = x->xso.type == XFRM_DEV_OFFLOAD_PACKET;
	xfrm_offload_go_live(&x->xso);

	/* Pairs with xfrm_dev_state_invalidate(), which marks, then fences. */
	smp_mb();
	if (READ_ONCE(x->broken))
		WRITE_ONCE(x->xso.live, false);
}

static int xfrm_offload_add_state(const struct xfrmdev_ops *ops,
				  struct hlist_node *node,
				  struct netlink_ext_ack *extack)
{
	struct xfrm_state *x = xfrm_offload_state_of(node);
	u64 began;
	int err;

	began = xfrm_driver_begin(x->xso.dev, "state_add", x, ntohl(x->id.spi));
	err = ops->xdo_dev_state_add(x, extack);
	xfrm_driver_end(x->xso.dev, "state_add", x, ntohl(x->id.spi), err,
			began);

	return err;
}

static void xfrm_offload_delete_state(const struct xfrmdev_ops *ops,
				      struct hlist_node *node)
{
	struct xfrm_state *x = xfrm_offload_state_of(node);
	u64 began;

	began = xfrm_driver_begin(x->xso.dev, "state_delete", x,
				  ntohl(x->id.spi));
	ops->xdo_dev_state_delete(x);
	xfrm_driver_end(x->xso.dev, "state_delete", x, ntohl(x->id.spi), 0,
			began);
}

static void xfrm_offload_free_state(const struct xfrmdev_ops *ops,
				    struct hlist_node *node)
{
	struct xfrm_state *x = xfrm_offload_state_of(node);
	u64 began;

	if (!ops->xdo_dev_state_free)
		return;

	began = xfrm_driver_begin(x->xso.dev, "state_free", x, ntohl(x->id.spi));
	ops->xdo_dev_state_free(x);
	xfrm_driver_end(x->xso.dev, "state_free", x, ntohl(x->id.spi), 0,
			began);
}

const struct xfrm_offload_kind xfrm_offload_states = {
	.xdo		= xfrm_offload_state_xdo,
	.list		= xfrm_offload_state_list,
	.hold		= xfrm_offload_hold_state,
	.put		= xfrm_offload_put_state,
	.carries	= xfrm_offload_state_carries,
	.suits		= xfrm_offload_suits_state,
	.go_live	= xfrm_offload_state_go_live,
	.add		= xfrm_offload_add_state,
	.delete		= xfrm_offload_delete_state,
	.free		= xfrm_offload_free_state,
};

/* --- policies ------------------------------------------------------------- */

static struct xfrm_dev_offload *xfrm_offload_policy_xdo(struct hlist_node *node)
{
	return &xfrm_offload_policy_of(node)->xdo;
}

static struct hlist_head *
xfrm_offload_policy_list(struct xfrm_offload_batch *batch)
{
	return &batch->policies;
}

static void xfrm_offload_hold_policy(struct hlist_node *node)
{
	xfrm_pol_hold(xfrm_offload_policy_of(node));
}

static void xfrm_offload_put_policy(struct hlist_node *node)
{
	xfrm_pol_put(xfrm_offload_policy_of(node));
}

static bool xfrm_offload_policy_carries(struct hlist_node *node)
{
	return !READ_ONCE(xfrm_offload_policy_of(node)->walk.dead);
}

static int xfrm_offload_policy_suits(struct hlist_node *node,
				     struct netlink_ext_ack *extack)
{
	const struct xfrm_policy *xp = xfrm_offload_policy_of(node);
	u8 dir = xp->xdo.dir == XFRM_DEV_OFFLOAD_OUT ? XFRM_POLICY_OUT :
						       XFRM_POLICY_IN;

	return xfrm_offload_suits_policy(xp, dir, xp->xdo.dev, extack);
}

static void xfrm_offload_policy_go_live(struct hlist_node *node)
{
	xfrm_offload_go_live(&xfrm_offload_policy_of(node)->xdo);
}

static int xfrm_offload_add_policy(const struct xfrmdev_ops *ops,
				   struct hlist_node *node,
				   struct netlink_ext_ack *extack)
{
	struct xfrm_policy *xp = xfrm_offload_policy_of(node);
	u64 began;
	int err;

	began = xfrm_driver_begin(xp->xdo.dev, "policy_add", xp, xp->index);
	err = ops->xdo_dev_policy_add(xp, extack);
	xfrm_driver_end(xp->xdo.dev, "policy_add", xp, xp->index, err, began);

	return err;
}

static void xfrm_offload_delete_policy(const struct xfrmdev_ops *ops,
				       struct hlist_node *node)
{
	struct xfrm_policy *xp = xfrm_offload_policy_of(node);
	u64 began;

	if (!ops->xdo_dev_policy_delete)
		return;

	began = xfrm_driver_begin(xp->xdo.dev, "policy_delete", xp, xp->index);
	ops->xdo_dev_policy_delete(xp);
	xfrm_driver_end(xp->xdo.dev, "policy_delete", xp, xp->index, 0, began);
}

static void xfrm_offload_free_policy(const struct xfrmdev_ops *ops,
				     struct hlist_node *node)
{
	struct xfrm_policy *xp = xfrm_offload_policy_of(node);
	u64 began;

	if (!ops->xdo_dev_policy_free)
		return;

	began = xfrm_driver_begin(xp->xdo.dev, "policy_free", xp, xp->index);
	ops->xdo_dev_policy_free(xp);
	xfrm_driver_end(xp->xdo.dev, "policy_free", xp, xp->index, 0, began);
}

const struct xfrm_offload_kind xfrm_offload_policies = {
	.xdo		= xfrm_offload_policy_xdo,
	.list		= xfrm_offload_policy_list,
	.hold		= xfrm_offload_hold_policy,
	.put		= xfrm_offload_put_policy,
	.carries	= xfrm_offload_policy_carries,
	.suits		= xfrm_offload_policy_suits,
	.go_live	= xfrm_offload_policy_go_live,
	.add		= xfrm_offload_add_policy,
	.delete		= xfrm_offload_delete_policy,
	.free		= xfrm_offload_free_policy,
};

/* --- both ----------------------------------------------------------------- */

/**
 * xfrm_offload_add - offload an SA or policy to its device
 * @node: @xso_node or @xdo_node of an SA or policy that is not offloaded yet; dev,
 *	type and dir of its offload are filled in, with a tracked reference to
 *	the device
 * @kind: xfrm_offload_states or xfrm_offload_policies
 * @extack: where a refusal is explained, or NULL
 *
 * Calls the driver's add callback and, if that succeeds, adds the object to the
 * device's list. An unbind that starts later finds it; while an unbind runs, the
 * call fails. After a failure the caller undoes what it filled in.
 *
 * Context: any in which the driver's add callback may be called; takes
 * xfrm_offload_lock.
 * Return: 0; -ENODEV if the device is going away or an unbind runs; -EIO if the
 * driver called xfrm_dev_state_invalidate() for the SA; -EOPNOTSUPP if the
 * device lacks what the object needs; -ENXIO from xfrm_offload_suits_policy();
 * an error of the driver.
 */
int xfrm_offload_add(struct hlist_node *node,
		     const struct xfrm_offload_kind *kind,
		     struct netlink_ext_ack *extack)
{
	struct xfrm_dev_offload *xdo = kind->xdo(node);
	bool larval = xdo->flags & XFRM_DEV_OFFLOAD_FLAG_ACQ;
	struct net_device *dev = xdo->dev;
	int err;

	err = kind->suits(node, extack);
	if (err)
		return err;

	err = xfrm_offload_enter(dev, extack);
	if (err)
		return err;

	xdo->real_dev = dev;
	err = kind->add(dev->xfrmdev_ops, node, extack);
	if (err && !larval && xfrm_offload_made_room(dev, err))
		err = kind->add(dev->xfrmdev_ops, node, extack);
	if (err) {
		xdo->real_dev = NULL;
		xfrm_offload_exit(dev);
		return err;
	}

	kind->go_live(node);
	if (!xfrm_offload_settle(dev, node, kind)) {
		NL_SET_ERR_MSG(extack, "The device says that the SA is broken");
		xfrm_offload_undo_state(dev, xfrm_offload_state_of(node));
		return -EIO;
	}

	return 0;
}

/**
 * xfrm_offload_restore - an SA or policy is on the hardware again
 * @dev: its device
 * @node: @xso_node or @xdo_node of one whose offload the caller owns, on no list
 * @kind: xfrm_offload_states or xfrm_offload_policies
 *
 * Context: process, under RTNL, and under the lock of an SA.
 */
void xfrm_offload_restore(struct net_device *dev, struct hlist_node *node,
			  const struct xfrm_offload_kind *kind)
{
	/* If an SA has ended, its tail has the last number already. */
	if (kind->carries(node)) {
		if (kind == &xfrm_offload_states)
			xfrm_tail_resumed(xfrm_offload_state_of(node));
		kind->go_live(node);
	}

	spin_lock_bh(&xfrm_offload_lock);
	xfrm_offload_link(dev, node, kind);
	spin_unlock_bh(&xfrm_offload_lock);
}

/**
 * xfrm_offload_new_sa - offload an SA that a request adds or updates
 * @net: netns
 * @x: the SA, complete
 * @xuo: the offload that is asked for
 * @extack: where a refusal is explained
 *
 * It is undefined which of two SAs with one address, SPI and protocol the
 * hardware uses for a packet, and the second one starts to count anew: an IV
 * would be used twice. So a duplicate is never offloaded, not even until the
 * stack finds the first one, or until an update has copied what it changes. If
 * the first one loses its device or is deleted in the meantime,
 * xfrm_state_add() and xfrm_state_update() refuse to insert the duplicate.
 *
 * An SA that xfrm_tail_meet() made INVALID is not offloaded either. A copy of an
 * SA that the device refuses becomes INVALID, see xfrm_tail_refused().
 *
 * Context: process, under net->xfrm.xfrm_cfg_mutex.
 * Return: 0, or what xfrm_packet_offload_routed() or xfrm_dev_state_add()
 * returns.
 */
int xfrm_offload_new_sa(struct net *net, struct xfrm_state *x,
			struct xfrm_user_offload *xuo,
			struct netlink_ext_ack *extack)
{
	int err;

	if (x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_TWIN ||
	    xfrm_state_is_invalid(x))
		return 0;
	if (xfrm_state_has_twin(x)) {
		x->xso.flags = XFRM_DEV_OFFLOAD_FLAG_TWIN;
		return 0;
	}

	err = xfrm_packet_offload_routed(net, x, xuo, extack);
	if (!err)
		err = xfrm_dev_state_add(net, x, xuo, extack);
	if (err && xfrm_tail_refused(x, xuo->ifindex))
		err = 0;

	return err;
}
EXPORT_SYMBOL_GPL(xfrm_offload_new_sa);

/**
 * xfrm_offload_add_larval - offload the larval state of an ACQUIRE
 * @x: the larval state, not in the SAD yet
 * @pol: the offloaded policy whose template is to be resolved
 *
 * An unbind may take the device off the policy at any time, so it is read
 * once, under RCU.
 *
 * Context: softirq or process, inside rcu_read_lock().
 * Return: 0, also if @pol is not offloaded; -ENODEV if its device is going
 * away; an error of the driver.
 */
int xfrm_offload_add_larval(struct xfrm_state *x, const struct xfrm_policy *pol)
{
	struct xfrm_dev_offload *xso = &x->xso;
	struct net_device *dev;
	int err;

	if (pol->xdo.type != XFRM_DEV_OFFLOAD_PACKET)
		return 0;

	dev = xfrm_offload_live_dev(&pol->xdo);
	if (!dev)
		return -ENODEV;

	xso->type = XFRM_DEV_OFFLOAD_PACKET;
	xso->dir = pol->xdo.dir;
	xso->flags = XFRM_DEV_OFFLOAD_FLAG_ACQ;
	xso->dev = dev;
	xso->real_dev = dev;
	netdev_hold(dev, &xso->dev_tracker, GFP_ATOMIC);

	err = xfrm_offload_add(&x->xso_node, &xfrm_offload_states, NULL);
	if (err) {
		xso->type = XFRM_DEV_OFFLOAD_UNSPECIFIED;
		xso->dir = 0;
		xso->flags = 0;
		xso->dev = NULL;
		xso->real_dev = NULL;
		netdev_put(dev, &xso->dev_tracker);
	}

	return err;
}

/**
 * xfrm_offload_release - end an offload and drop its device
 * @xdo: an offload that the caller owns; delete and free have been called
 *
 * Context: any.
 */
void xfrm_offload_release(struct xfrm_dev_offload *xdo)
{
	struct net_device *dev = xdo->dev;

	WRITE_ONCE(xdo->live, false);
	WRITE_ONCE(xdo->dev, NULL);
	xdo->real_dev = NULL;
	xdo->offload_handle = 0;
	WRITE_ONCE(xdo->stage, XFRM_STAGE_NONE);
	netdev_put(dev, &xdo->dev_tracker);
}

/**
 * xfrm_offload_release_held - end the offload of what the hardware had
 * @node: an SA or policy whose offload the caller owns
 * @kind: xfrm_offload_states or xfrm_offload_policies
 *
 * Context: any.
 */
void xfrm_offload_release_held(struct hlist_node *node,
			       const struct xfrm_offload_kind *kind)
{
	struct xfrm_dev_offload *xdo = kind->xdo(node);

	atomic_dec(xfrm_dev_held(xdo->dev, node, kind));
	xfrm_offload_release(xdo);
}

/* In the order of struct xfrm_dev_counts. */
static const char xfrm_dev_count_names[][ETH_GSTRING_LEN] = {
	"xfrm_sa_out",
	"xfrm_sa_in",
	"xfrm_policy_out",
	"xfrm_policy_in",
	"xfrm_unbind_unspec",
	"xfrm_unbind_device_down",
	"xfrm_unbind_device_unregistered",
	"xfrm_unbind_feature_off",
	"xfrm_unbind_slave_lost",
	"xfrm_unbind_driver",
	"xfrm_unbind_migrated",
	"xfrm_unbind_key_unknown",
	"xfrm_unbind_exhausted",
	"xfrm_unbind_refused",
	"xfrm_policy_converted",
	"xfrm_not_restored",
	"xfrm_tx_fenced",
};

static_assert(sizeof(struct xfrm_dev_counts) ==
	      ARRAY_SIZE(xfrm_dev_count_names) * sizeof(atomic_t));

/**
 * xfrm_dev_counts_number - how many numbers xfrm has of a device
 * @dev: the device
 *
 * Context: any.
 * Return: the same for as long as the device is registered; 0 if it does not
 * offload.
 */
int xfrm_dev_counts_number(const struct net_device *dev)
{
	return dev->xfrmdev_ops ? ARRAY_SIZE(xfrm_dev_count_names) : 0;
}

/**
 * xfrm_dev_counts_names - the names of these numbers
 * @data: room for xfrm_dev_counts_number() names of ETH_GSTRING_LEN octets
 *
 * Context: any.
 */
void xfrm_dev_counts_names(u8 *data)
{
	memcpy(data, xfrm_dev_count_names, sizeof(xfrm_dev_count_names));
}

/**
 * xfrm_dev_counts_read - read these numbers
 * @dev: the device
 * @data: room for xfrm_dev_counts_number() of them
 *
 * Context: any.
 */
void xfrm_dev_counts_read(struct net_device *dev, u64 *data)
{
	const atomic_t *count = (atomic_t *)&dev->xfrm_offloads.counts;
	int i;

	for (i = 0; i < ARRAY_SIZE(xfrm_dev_count_names); i++)
		data[i] = (u32)atomic_read(&count[i]);
}

/**
 * xfrm_dev_leave - a device is about to leave its network namespace
 * @dev: the device, which may still be up
 *
 * From here on nothing is offloaded to it, and SAs that it holds when it is set
 * down become INVALID with XFRM_INVALID_DEV_UNREGISTER. xfrm_dev_enter() ends
 * this.
 *
 * Context: process, under RTNL.
 */
void xfrm_dev_leave(struct net_device *dev)
{
	spin_lock_bh(&xfrm_offload_lock);
	dev->xfrm_offloads.closed |= XFRM_CLOSED_LEAVING;
	spin_unlock_bh(&xfrm_offload_lock);
}

/**
 * xfrm_dev_push_esn - tell the driver that the upper half of ESN moved
 * @x: offloaded SA with ESN
 *
 * Context: under @x->lock.
 */
void xfrm_dev_push_esn(struct xfrm_state *x)
{
	struct net_device *dev;
	u64 began;

	rcu_read_lock();
	dev = xfrm_offload_live_dev(&x->xso);
	if (dev && dev->xfrmdev_ops->xdo_dev_state_advance_esn) {
		began = xfrm_driver_begin(dev, "state_advance_esn", x,
					  ntohl(x->id.spi));
		dev->xfrmdev_ops->xdo_dev_state_advance_esn(x);
		xfrm_driver_end(dev, "state_advance_esn", x,
				ntohl(x->id.spi), 0, began);
	}
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(xfrm_dev_push_esn);
