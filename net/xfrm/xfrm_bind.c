// SPDX-License-Identifier: GPL-2.0
/*
 * What a device holds for xfrm: the SAs and policies that are offloaded to it.
 *
 * A binding is made by the driver's add callback and ended by its delete and
 * free callbacks. It hangs on its device, so that a device which goes away
 * finds what it holds without a walk over the host's tables, and it has one
 * owner at each moment (enum xfrm_bind_stage), so that a deletion, the garbage
 * collector and an unbind which meet on it agree who calls the driver.
 */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/wait_bit.h>
#include <net/xfrm.h>

#include "xfrm_bind.h"

/* Protects struct xfrm_bound of every device and, of each SA and policy, the
 * node that is in a list there. @stage of struct xfrm_dev_offload changes under
 * it, but for the step to XFRM_BIND_NONE, which the owner takes. Taken under
 * xfrm_state.lock. Inside it are only the locks of wake_up_var() and
 * queue_work(); no driver is called under it.
 */
static DEFINE_SPINLOCK(xfrm_bind_lock);

/* How many bindings an unbind takes over before it lets others have the lock */
#define XFRM_BIND_BATCH	64

/* What differs between an SA and a policy. @node is xso_node or xdo_node. */
struct xfrm_bind_kind {
	struct xfrm_dev_offload *(*xdo)(struct hlist_node *node);
	void (*hold)(struct hlist_node *node);
	void (*put)(struct hlist_node *node);
	void (*fence)(struct net_device *dev, struct hlist_node *node);
	bool (*late)(struct hlist_node *node);
	void (*stop)(struct hlist_node *node);
	void (*delete)(const struct xfrmdev_ops *ops, struct hlist_node *node);
	void (*free)(const struct xfrmdev_ops *ops, struct hlist_node *node);
	struct hlist_head *(*deferred)(struct xfrm_bound *b);
};

static struct xfrm_state *xfrm_bind_state_of(struct hlist_node *node)
{
	return hlist_entry(node, struct xfrm_state, xso_node);
}

static struct xfrm_policy *xfrm_bind_policy_of(struct hlist_node *node)
{
	return hlist_entry(node, struct xfrm_policy, xdo_node);
}

static struct xfrm_dev_offload *xfrm_bind_state_xdo(struct hlist_node *node)
{
	return &xfrm_bind_state_of(node)->xso;
}

/* An offloaded object is referenced by the SAD, the SPD or the task inserting
 * it. All of them end the binding before they drop that reference.
 */
static void xfrm_bind_hold_state(struct hlist_node *node)
{
	xfrm_state_hold(xfrm_bind_state_of(node));
}

static void xfrm_bind_put_state(struct hlist_node *node)
{
	xfrm_state_put(xfrm_bind_state_of(node));
}

/* One that was never in the SAD, and not on hardware that counts, has carried
 * nothing.
 */
static void xfrm_bind_close_tail(struct xfrm_state *x)
{
	if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET)
		xfrm_tail_close(x, false);
	else if (list_empty(&x->km.all))
		xfrm_tail_forget(x);
	else
		xfrm_tail_close(x, true);
}

/* What is told of the deletion has the counters of this moment. */
static void xfrm_bind_fence_state(struct net_device *dev,
				  struct hlist_node *node)
{
	struct xfrm_state *x = xfrm_bind_state_of(node);
	const struct xfrmdev_ops *ops = dev->xfrmdev_ops;
	u64 packets = x->curlft.packets;

	if (ops->xdo_dev_state_update_stats &&
	    !(x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ)) {
		rcu_read_lock();
		ops->xdo_dev_state_update_stats(x);
		xfrm_dev_note_use(x, packets);
		rcu_read_unlock();
	}

	WRITE_ONCE(x->xso.live, false);
	x->xso.hw_only = 1;
	xfrm_bind_close_tail(x);
}

/* Outbound, the driver's delete callback waits until no packet that passed a
 * test before is on its way to the hardware: that would send it as it is.
 * Larval states carry none. Inbound it waits if the numbers are to be read, as
 * it erases them.
 */
static bool xfrm_bind_deletes_late(const struct xfrm_dev_offload *xdo)
{
	return xdo->dir == XFRM_DEV_OFFLOAD_OUT &&
	       !(xdo->flags & XFRM_DEV_OFFLOAD_FLAG_ACQ);
}

static bool xfrm_bind_late_state(struct hlist_node *node)
{
	struct xfrm_state *x = xfrm_bind_state_of(node);

	return xfrm_bind_deletes_late(&x->xso) || xfrm_tail_waits(x);
}

static void xfrm_bind_stop_state(struct hlist_node *node)
{
	struct xfrm_state *x = xfrm_bind_state_of(node);

	if (xfrm_tail_waits(x))
		xfrm_unbind_read_state(x);
}

static void xfrm_bind_delete_state(const struct xfrmdev_ops *ops,
				   struct hlist_node *node)
{
	ops->xdo_dev_state_delete(xfrm_bind_state_of(node));
}

static void xfrm_bind_free_state(const struct xfrmdev_ops *ops,
				 struct hlist_node *node)
{
	if (ops->xdo_dev_state_free)
		ops->xdo_dev_state_free(xfrm_bind_state_of(node));
}

static struct hlist_head *xfrm_bind_deferred_states(struct xfrm_bound *b)
{
	return &b->deferred_states;
}

static const struct xfrm_bind_kind xfrm_bind_states = {
	.xdo		= xfrm_bind_state_xdo,
	.hold		= xfrm_bind_hold_state,
	.put		= xfrm_bind_put_state,
	.fence		= xfrm_bind_fence_state,
	.late		= xfrm_bind_late_state,
	.stop		= xfrm_bind_stop_state,
	.delete		= xfrm_bind_delete_state,
	.free		= xfrm_bind_free_state,
	.deferred	= xfrm_bind_deferred_states,
};

static struct xfrm_dev_offload *xfrm_bind_policy_xdo(struct hlist_node *node)
{
	return &xfrm_bind_policy_of(node)->xdo;
}

static void xfrm_bind_hold_policy(struct hlist_node *node)
{
	xfrm_pol_hold(xfrm_bind_policy_of(node));
}

static void xfrm_bind_put_policy(struct hlist_node *node)
{
	xfrm_pol_put(xfrm_bind_policy_of(node));
}

static void xfrm_bind_fence_policy(struct net_device *dev,
				   struct hlist_node *node)
{
	struct xfrm_policy *xp = xfrm_bind_policy_of(node);
	struct xfrm_dev_offload *xdo = &xp->xdo;

	WRITE_ONCE(xdo->live, false);
	if (xdo->dir == XFRM_DEV_OFFLOAD_OUT &&
	    !(xdo->flags & XFRM_DEV_OFFLOAD_FLAG_TWIN))
		xfrm_packet_offload_retire(dev, xp->index);
}

static bool xfrm_bind_late_policy(struct hlist_node *node)
{
	return xfrm_bind_deletes_late(&xfrm_bind_policy_of(node)->xdo);
}

static void xfrm_bind_stop_policy(struct hlist_node *node)
{
}

static void xfrm_bind_delete_policy(const struct xfrmdev_ops *ops,
				    struct hlist_node *node)
{
	if (ops->xdo_dev_policy_delete)
		ops->xdo_dev_policy_delete(xfrm_bind_policy_of(node));
}

static void xfrm_bind_free_policy(const struct xfrmdev_ops *ops,
				  struct hlist_node *node)
{
	if (ops->xdo_dev_policy_free)
		ops->xdo_dev_policy_free(xfrm_bind_policy_of(node));
}

static struct hlist_head *xfrm_bind_deferred_policies(struct xfrm_bound *b)
{
	return &b->deferred_policies;
}

static const struct xfrm_bind_kind xfrm_bind_policies = {
	.xdo		= xfrm_bind_policy_xdo,
	.hold		= xfrm_bind_hold_policy,
	.put		= xfrm_bind_put_policy,
	.fence		= xfrm_bind_fence_policy,
	.late		= xfrm_bind_late_policy,
	.stop		= xfrm_bind_stop_policy,
	.delete		= xfrm_bind_delete_policy,
	.free		= xfrm_bind_free_policy,
	.deferred	= xfrm_bind_deferred_policies,
};

/* Callbacks run outside the lock. While one does, @pending holds back an
 * unbind of the device, and with it the device.
 */
static int xfrm_bind_enter(struct net_device *dev,
			   struct netlink_ext_ack *extack)
{
	struct xfrm_bound *b = &dev->xfrm_bound;
	int err;

	spin_lock_bh(&xfrm_bind_lock);
	err = xfrm_dev_ready(dev, extack);
	if (!err)
		b->pending++;
	spin_unlock_bh(&xfrm_bind_lock);

	return err;
}

/**
 * xfrm_dev_ready - may SAs and policies be bound to a device at the moment?
 * @dev: the device; for a device that binds on behalf of one above it, ask
 *	under RTNL or in a callback of the one above
 * @extack: where a refusal is explained, or NULL
 *
 * Return: 0; -EOPNOTSUPP if esp-hw-offload is off; -ENODEV if the device goes
 * away, or lost the hardware that it offloads to.
 */
int xfrm_dev_ready(const struct net_device *dev, struct netlink_ext_ack *extack)
{
	u8 closed = READ_ONCE(dev->xfrm_bound.closed);

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

static void __xfrm_bind_exit(struct xfrm_bound *b)
{
	if (!--b->pending)
		wake_up_var(&b->pending);
}

static void xfrm_bind_exit(struct net_device *dev)
{
	spin_lock_bh(&xfrm_bind_lock);
	__xfrm_bind_exit(&dev->xfrm_bound);
	spin_unlock_bh(&xfrm_bind_lock);
}

/* Become the owner of a binding, to run a callback. Returns the device, or NULL
 * if another context owns the binding.
 */
static struct net_device *xfrm_bind_take(struct xfrm_dev_offload *xdo,
					 struct hlist_node *node)
{
	struct net_device *dev = NULL;

	/* Most SAs and policies of a host are never offloaded. */
	if (READ_ONCE(xdo->stage) == XFRM_BIND_NONE)
		return NULL;

	spin_lock_bh(&xfrm_bind_lock);
	if (xdo->stage == XFRM_BIND_BOUND) {
		dev = xdo->dev;
		hlist_del_init(node);
		WRITE_ONCE(xdo->stage, XFRM_BIND_DELETING);
		dev->xfrm_bound.pending++;
	}
	spin_unlock_bh(&xfrm_bind_lock);

	return dev;
}

static void xfrm_bind_go_live(struct xfrm_dev_offload *xdo)
{
	/* After real_dev: pairs with xfrm_packet_offload_check() */
	smp_store_release(&xdo->live, true);
}

static void xfrm_bind_state_go_live(struct xfrm_state *x)
{
	x->xso.hw_only = x->xso.type == XFRM_DEV_OFFLOAD_PACKET;
	xfrm_bind_go_live(&x->xso);

	/* Pairs with xfrm_dev_state_invalidate(), which marks, then fences. */
	smp_mb();
	if (READ_ONCE(x->broken))
		WRITE_ONCE(x->xso.live, false);
}

/* The last callbacks of what was deleted. No packet uses it any more. */
static void xfrm_bind_end(struct net_device *dev, struct hlist_node *node,
			  const struct xfrm_bind_kind *kind)
{
	struct xfrm_dev_offload *xdo = kind->xdo(node);
	const struct xfrmdev_ops *ops = dev->xfrmdev_ops;
	bool late = kind->late(node);

	kind->stop(node);
	if (late)
		kind->delete(ops, node);
	kind->free(ops, node);
	xfrm_bind_release(xdo);
}

/* One at a time, so that an unbind can take over what is left. */
static void xfrm_bind_end_ripe(struct net_device *dev, struct hlist_head *ripe,
			       const struct xfrm_bind_kind *kind)
{
	struct hlist_node *node;

	for (;;) {
		spin_lock_bh(&xfrm_bind_lock);
		node = ripe->first;
		if (node) {
			hlist_del_init(node);
			WRITE_ONCE(kind->xdo(node)->stage, XFRM_BIND_DELETING);
			dev->xfrm_bound.pending++;
		}
		spin_unlock_bh(&xfrm_bind_lock);
		if (!node)
			return;

		xfrm_bind_end(dev, node, kind);
		xfrm_bind_exit(dev);
		kind->put(node);
		cond_resched();
	}
}

/* One grace period for all that was deleted before it. An unbind of the device
 * takes over what it finds deferred or ripe, and waits for this work: the work
 * needs no reference to the device.
 */
static void xfrm_bind_work_fn(struct work_struct *work)
{
	struct xfrm_bound *b = container_of(work, struct xfrm_bound, work);
	struct net_device *dev = container_of(b, struct net_device, xfrm_bound);

	spin_lock_bh(&xfrm_bind_lock);
	hlist_move_list(&b->deferred_states, &b->ripe_states);
	hlist_move_list(&b->deferred_policies, &b->ripe_policies);
	spin_unlock_bh(&xfrm_bind_lock);

	synchronize_net();

	xfrm_bind_end_ripe(dev, &b->ripe_states, &xfrm_bind_states);
	xfrm_bind_end_ripe(dev, &b->ripe_policies, &xfrm_bind_policies);
}

/* The hardware may go on with @node for a grace period. Once the lock is given
 * up, an unbind may end the binding, and the device may go.
 */
static void xfrm_bind_defer(struct net_device *dev, struct hlist_node *node,
			    const struct xfrm_bind_kind *kind)
{
	struct xfrm_bound *b = &dev->xfrm_bound;

	kind->hold(node);

	spin_lock_bh(&xfrm_bind_lock);
	if (!b->work.func)
		INIT_WORK(&b->work, xfrm_bind_work_fn);
	WRITE_ONCE(kind->xdo(node)->stage, XFRM_BIND_DEFERRED);
	hlist_add_head(node, kind->deferred(b));
	queue_work(xfrm_gc_wq, &b->work);
	__xfrm_bind_exit(b);
	spin_unlock_bh(&xfrm_bind_lock);
}

/* Returns whether this call deletes it. */
static bool xfrm_bind_delete(struct hlist_node *node,
			     const struct xfrm_bind_kind *kind)
{
	struct xfrm_dev_offload *xdo = kind->xdo(node);
	struct net_device *dev;

	dev = xfrm_bind_take(xdo, node);
	if (!dev)
		return false;

	kind->fence(dev, node);
	if (!kind->late(node))
		kind->delete(dev->xfrmdev_ops, node);
	xfrm_bind_defer(dev, node, kind);
	return true;
}

/**
 * xfrm_bind_flush - wait until a device has forgotten what was deleted
 * @dev: a device that cannot go meanwhile
 *
 * Context: process, may sleep.
 * Return: true if there was something to wait for.
 */
bool xfrm_bind_flush(struct net_device *dev)
{
	struct xfrm_bound *b = &dev->xfrm_bound;

	return READ_ONCE(b->work.func) && flush_work(&b->work);
}

/* What is deleted and not yet forgotten may be in the way of a new one. */
static bool xfrm_bind_made_room(struct net_device *dev, int err)
{
	return (err == -EEXIST || err == -ENOSPC || err == -EBUSY) &&
	       xfrm_bind_flush(dev);
}

/**
 * xfrm_bind_claim_deferred - become the owner of a deletion, if nobody is yet
 * @x: a deleted SA that cannot be freed meanwhile
 * @batch: receives it, with the reference of the deletion
 *
 * Until xfrm_bind_end_claimed() an unbind of the device waits.
 *
 * Context: any.
 */
void xfrm_bind_claim_deferred(struct xfrm_state *x,
			      struct xfrm_bind_batch *batch)
{
	spin_lock_bh(&xfrm_bind_lock);
	if (x->xso.stage == XFRM_BIND_DEFERRED) {
		hlist_del(&x->xso_node);
		hlist_add_head(&x->xso_node, &batch->states);
		WRITE_ONCE(x->xso.stage, XFRM_BIND_DELETING);
		x->xso.dev->xfrm_bound.pending++;
	}
	spin_unlock_bh(&xfrm_bind_lock);
}

/**
 * xfrm_bind_end_claimed - have the hardware forget what was deleted
 * @batch: from xfrm_bind_claim_deferred(), a grace period ago
 *
 * Context: process, may sleep.
 */
void xfrm_bind_end_claimed(struct xfrm_bind_batch *batch)
{
	struct net_device *dev;
	struct hlist_node *tmp;
	struct xfrm_state *x;

	hlist_for_each_entry_safe(x, tmp, &batch->states, xso_node) {
		dev = x->xso.dev;
		hlist_del_init(&x->xso_node);
		xfrm_bind_end(dev, &x->xso_node, &xfrm_bind_states);
		xfrm_bind_exit(dev);
		xfrm_state_put(x);
		cond_resched();
	}
}

/* On the list of its device: the end of an add callback, or of a rebind. */
static void xfrm_bind_hang(struct net_device *dev, struct xfrm_dev_offload *xdo,
			   struct hlist_node *node, struct hlist_head *list)
{
	lockdep_assert_held(&xfrm_bind_lock);

	xdo->ifindex = dev->ifindex;
	WRITE_ONCE(xdo->stage, XFRM_BIND_BOUND);
	hlist_add_head(node, list);
}

/* The end of an add callback, unless the driver has said meanwhile that the SA
 * is broken: its work found nothing to claim, under the same lock. Larval states
 * carry nothing.
 */
static bool xfrm_bind_settle_state(struct net_device *dev, struct xfrm_state *x)
{
	struct xfrm_bound *b = &dev->xfrm_bound;
	bool sound;

	spin_lock_bh(&xfrm_bind_lock);
	sound = !READ_ONCE(x->broken) ||
		x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ;
	if (sound) {
		xfrm_bind_hang(dev, &x->xso, &x->xso_node, &b->states);
		__xfrm_bind_exit(b);
	}
	spin_unlock_bh(&xfrm_bind_lock);

	return sound;
}

static void xfrm_bind_settle_policy(struct net_device *dev,
				    struct xfrm_policy *xp)
{
	struct xfrm_bound *b = &dev->xfrm_bound;

	spin_lock_bh(&xfrm_bind_lock);
	xfrm_bind_hang(dev, &xp->xdo, &xp->xdo_node, &b->policies);
	__xfrm_bind_exit(b);
	spin_unlock_bh(&xfrm_bind_lock);
}

/* The hardware may have used it, and has not said how far. */
static void xfrm_bind_undo_state(struct net_device *dev, struct xfrm_state *x)
{
	WRITE_ONCE(x->xso.live, false);
	spin_lock_bh(&x->lock);
	x->unbound.exact = x->xso.type != XFRM_DEV_OFFLOAD_PACKET;
	xfrm_tail_close(x, false);
	xfrm_tail_stopped(x);
	spin_unlock_bh(&x->lock);
	dev->xfrmdev_ops->xdo_dev_state_delete(x);
	if (dev->xfrmdev_ops->xdo_dev_state_free)
		dev->xfrmdev_ops->xdo_dev_state_free(x);
	xfrm_bind_exit(dev);
}

/* No driver tells its device the family of what is in a tunnel, and the stack
 * routes a packet of packet offload by the inner family only.
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

/* Packet offload: could packets of this SA ever pass the device? A selector
 * without a family leaves the answer to the policy.
 */
static int xfrm_offload_suits_state(const struct xfrm_state *x,
				    struct netlink_ext_ack *extack)
{
	if (x->xso.type != XFRM_DEV_OFFLOAD_PACKET ||
	    x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ ||
	    x->props.mode == XFRM_MODE_TRANSPORT || !x->sel.family)
		return 0;

	return xfrm_offload_suits_tunnel(x->xso.dev, x->sel.family,
					 x->props.family, extack);
}

/* The SA that outbound packets of a template with an SPI find, or NULL */
static struct xfrm_state *xfrm_offload_named_state(const struct xfrm_policy *xp,
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

/**
 * xfrm_offload_suits_policy - would a policy find what its templates name?
 * @xp: policy that is about to be added
 * @dir: its direction, XFRM_POLICY_*
 * @dev: the device that it is to be offloaded to, or NULL
 * @extack: where a refusal is explained
 *
 * A policy finds SAs of its own device only. One that names an SA by its SPI
 * while that is elsewhere would drop every packet. An SA that comes later is
 * not known here; then XfrmOutOffloadMismatch counts the packets.
 *
 * Context: process, under net->xfrm.xfrm_cfg_mutex.
 * Return: 0; -EOPNOTSUPP if the device lacks what the policy needs; -ENXIO if
 * an SA that it names is elsewhere.
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
		if (READ_ONCE(x->km.state) == XFRM_STATE_VALID && on != dev) {
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

/**
 * xfrm_bind_state - offload an SA to its device
 * @x: SA with xso.dev, xso.real_dev, xso.type and xso.dir filled in, and a
 *	tracked reference to the device; not bound yet
 * @extack: where a refusal is explained, or NULL
 *
 * Calls xdo_dev_state_add() and, if the driver agrees, hangs the SA on the
 * device. An unbind that starts later finds it; one that has started already
 * makes the call fail. After a failure the caller undoes what it filled in.
 *
 * Context: any that the driver's xdo_dev_state_add() can stand; takes
 * xfrm_bind_lock.
 * Return: 0; -ENODEV if the device is being unbound or leaves; -EIO if the driver
 * called xfrm_dev_state_invalidate() for @x; an error of the driver.
 */
int xfrm_bind_state(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	bool larval = x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ;
	struct net_device *dev = x->xso.dev;
	int err;

	err = xfrm_offload_suits_state(x, extack);
	if (err)
		return err;

	err = xfrm_bind_enter(dev, extack);
	if (err)
		return err;

	err = dev->xfrmdev_ops->xdo_dev_state_add(x, extack);
	if (err && !larval && xfrm_bind_made_room(dev, err))
		err = dev->xfrmdev_ops->xdo_dev_state_add(x, extack);
	if (err) {
		xfrm_bind_exit(dev);
		return err;
	}

	xfrm_bind_state_go_live(x);
	if (!xfrm_bind_settle_state(dev, x)) {
		NL_SET_ERR_MSG(extack, "The device says that the SA is broken");
		xfrm_bind_undo_state(dev, x);
		return -EIO;
	}

	return 0;
}

/**
 * xfrm_bind_policy - offload a policy to its device
 * @xp: policy with xdo.dev, xdo.type and xdo.dir filled in, and a tracked
 *	reference to the device; not bound yet
 * @extack: where a refusal is explained, or NULL
 *
 * What xfrm_bind_state() is for an SA, with xdo_dev_policy_add().
 *
 * Context: process; takes xfrm_bind_lock.
 * Return: 0; -ENODEV if the device is being unbound or leaves; an error of the
 * driver.
 */
int xfrm_bind_policy(struct xfrm_policy *xp, struct netlink_ext_ack *extack)
{
	struct net_device *dev = xp->xdo.dev;
	u8 dir = xp->xdo.dir == XFRM_DEV_OFFLOAD_OUT ? XFRM_POLICY_OUT :
						       XFRM_POLICY_IN;
	int err;

	err = xfrm_offload_suits_policy(xp, dir, dev, extack);
	if (err)
		return err;

	err = xfrm_bind_enter(dev, extack);
	if (err)
		return err;

	xp->xdo.real_dev = dev;
	err = dev->xfrmdev_ops->xdo_dev_policy_add(xp, extack);
	if (err && xfrm_bind_made_room(dev, err))
		err = dev->xfrmdev_ops->xdo_dev_policy_add(xp, extack);
	if (err) {
		xp->xdo.real_dev = NULL;
		xfrm_bind_exit(dev);
		return err;
	}

	xfrm_bind_go_live(&xp->xdo);
	xfrm_bind_settle_policy(dev, xp);
	return 0;
}

/**
 * xfrm_bind_new_state - offload an SA that a request adds or updates
 * @net: netns
 * @x: the SA, complete
 * @xuo: the offload that is asked for
 * @extack: where a refusal is explained
 *
 * Which of two SAs of one address, SPI and protocol the hardware takes for a
 * packet is open, and the second one begins to count at its beginning: an IV
 * would come twice. So the second one must not be there for one moment, neither
 * until the stack finds that it has one already, nor until it has copied what an
 * update changes. It stays off the hardware; xfrm_state_add() and
 * xfrm_state_update() keep it out of the SAD, should the first one have lost its
 * device, or gone, meanwhile.
 *
 * One that xfrm_tail_meet() made INVALID is not offloaded either.
 *
 * Context: process, under net->xfrm.xfrm_cfg_mutex.
 * Return: 0, or what xfrm_dev_state_add() returns.
 */
int xfrm_bind_new_state(struct net *net, struct xfrm_state *x,
			struct xfrm_user_offload *xuo,
			struct netlink_ext_ack *extack)
{
	if (x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_TWIN ||
	    xfrm_state_is_invalid(x))
		return 0;
	if (xfrm_state_has_twin(x)) {
		x->xso.flags = XFRM_DEV_OFFLOAD_FLAG_TWIN;
		return 0;
	}

	return xfrm_dev_state_add(net, x, xuo, extack);
}
EXPORT_SYMBOL_GPL(xfrm_bind_new_state);

/**
 * xfrm_bind_larval - offload the state that stands for an ACQUIRE
 * @x: the larval state, not in the SAD yet
 * @pol: the offloaded policy whose template is to be resolved
 *
 * An unbind may take the device off the policy at any time, so it is read
 * once, under RCU.
 *
 * Context: softirq or process, inside rcu_read_lock().
 * Return: 0, also if @pol is not offloaded; -ENODEV if its device goes away;
 * an error of the driver.
 */
int xfrm_bind_larval(struct xfrm_state *x, const struct xfrm_policy *pol)
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

	err = xfrm_bind_state(x, NULL);
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
 * xfrm_bind_release - end of a binding
 * @xdo: a binding that the caller owns and whose driver callbacks are done
 *
 * Context: any.
 */
void xfrm_bind_release(struct xfrm_dev_offload *xdo)
{
	struct net_device *dev = xdo->dev;

	WRITE_ONCE(xdo->live, false);
	WRITE_ONCE(xdo->dev, NULL);
	xdo->real_dev = NULL;
	xdo->offload_handle = 0;
	WRITE_ONCE(xdo->stage, XFRM_BIND_NONE);
	netdev_put(dev, &xdo->dev_tracker);
}

/**
 * xfrm_dev_state_delete - delete an SA from its hardware
 * @x: SA that is dead, or was never put in the SAD
 *
 * Nothing to do if the SA is not bound, or an unbind has taken it over. The
 * hardware may hear of it a grace period later.
 *
 * Context: any, usually under @x->lock; takes xfrm_bind_lock.
 */
void xfrm_dev_state_delete(struct xfrm_state *x)
{
	if (!xfrm_bind_delete(&x->xso_node, &xfrm_bind_states))
		xfrm_bind_close_tail(x);
}
EXPORT_SYMBOL_GPL(xfrm_dev_state_delete);

/**
 * xfrm_dev_policy_delete - delete a policy from its hardware
 * @xp: policy that is off the SPD, or was never in it
 *
 * Nothing to do if the policy is not bound, or an unbind has taken it over. The
 * hardware may hear of it a grace period later.
 *
 * Context: process or softirq; takes xfrm_bind_lock.
 */
void xfrm_dev_policy_delete(struct xfrm_policy *xp)
{
	xfrm_bind_delete(&xp->xdo_node, &xfrm_bind_policies);
}
EXPORT_SYMBOL_GPL(xfrm_dev_policy_delete);

/**
 * xfrm_dev_policy_replaced - another policy of its selector is on the hardware
 * @xp: policy that is about to be deleted
 * @by: the policy that takes its place
 *
 * The hardware does not send packets of @xp as they are when it is deleted, if
 * @by is there and protects or blocks them. Those that wait on their way to it
 * then go on.
 *
 * Context: under the policy lock of the netns.
 */
void xfrm_dev_policy_replaced(struct xfrm_policy *xp,
			      const struct xfrm_policy *by)
{
	const struct net_device *dev = xfrm_offload_live_dev(&by->xdo);

	if (dev && dev == xfrm_offload_live_dev(&xp->xdo) &&
	    (by->xfrm_nr || by->action == XFRM_POLICY_BLOCK))
		xp->xdo.flags |= XFRM_DEV_OFFLOAD_FLAG_TWIN;
}

static bool xfrm_bind_idle(struct xfrm_bound *b)
{
	bool idle;

	spin_lock_bh(&xfrm_bind_lock);
	idle = !b->pending;
	spin_unlock_bh(&xfrm_bind_lock);

	return idle;
}

/**
 * xfrm_bind_close - let nothing new be bound to a device
 * @dev: the device
 * @why: what closes it
 *
 * When it returns, no add callback is under way any more, and none starts
 * before xfrm_bind_open(). No xdo_dev_state_add() or xdo_dev_policy_add() may
 * wait for RTNL, which the caller holds.
 *
 * Context: process, may sleep, under RTNL.
 * Return: true if the device holds anything.
 */
bool xfrm_bind_close(struct net_device *dev, enum xfrm_closed why)
{
	struct xfrm_bound *b = &dev->xfrm_bound;
	bool any;

	ASSERT_RTNL();

	spin_lock_bh(&xfrm_bind_lock);
	b->closed |= why;
	spin_unlock_bh(&xfrm_bind_lock);

	wait_var_event(&b->pending, xfrm_bind_idle(b));

	spin_lock_bh(&xfrm_bind_lock);
	any = !hlist_empty(&b->states) || !hlist_empty(&b->policies) ||
	      !hlist_empty(&b->parked_states) ||
	      !hlist_empty(&b->parked_policies) ||
	      !hlist_empty(&b->deferred_states) ||
	      !hlist_empty(&b->deferred_policies) ||
	      !hlist_empty(&b->ripe_states) ||
	      !hlist_empty(&b->ripe_policies) || b->pending;
	spin_unlock_bh(&xfrm_bind_lock);

	return any;
}

/**
 * xfrm_bind_open - end of xfrm_bind_close(), unless something else closes it
 * @dev: the device
 * @why: what does not close it any more, enum xfrm_closed
 *
 * Context: process, under RTNL.
 */
void xfrm_bind_open(struct net_device *dev, u8 why)
{
	spin_lock_bh(&xfrm_bind_lock);
	dev->xfrm_bound.closed &= ~why;
	spin_unlock_bh(&xfrm_bind_lock);
}

/**
 * xfrm_dev_leave - a device is about to leave its network namespace
 * @dev: the device, which may still be up
 *
 * From here on nothing is bound to it, and what it loses by being set down is
 * lost for the reason that it leaves. xfrm_dev_enter() ends it.
 *
 * Context: process, under RTNL.
 */
void xfrm_dev_leave(struct net_device *dev)
{
	spin_lock_bh(&xfrm_bind_lock);
	dev->xfrm_bound.closed |= XFRM_CLOSED_LEAVING;
	spin_unlock_bh(&xfrm_bind_lock);
}

/**
 * xfrm_dev_enter - a device was registered in a network namespace
 * @dev: the device
 *
 * Context: process, under RTNL.
 */
void xfrm_dev_enter(struct net_device *dev)
{
	struct xfrm_bound *b = &dev->xfrm_bound;

	spin_lock_bh(&xfrm_bind_lock);
	/* Its hardware comes back by xfrm_dev_rebind() only. */
	b->closed &= XFRM_CLOSED_SUSPENDED;
	if (!(dev->features & NETIF_F_HW_ESP))
		b->closed |= XFRM_CLOSED_FEATURE;
	spin_unlock_bh(&xfrm_bind_lock);
}

/* Batch by batch, so that others get the lock. */
static void xfrm_bind_restage(const struct xfrm_bind_kind *kind,
			      struct hlist_head *from, struct hlist_head *to,
			      enum xfrm_bind_stage stage, bool hold)
{
	struct hlist_node *node;
	int n;

	do {
		spin_lock_bh(&xfrm_bind_lock);
		for (n = 0; n < XFRM_BIND_BATCH && !hlist_empty(from); n++) {
			node = from->first;
			hlist_del(node);
			hlist_add_head(node, to);
			WRITE_ONCE(kind->xdo(node)->stage, stage);
			if (hold)
				kind->hold(node);
		}
		spin_unlock_bh(&xfrm_bind_lock);
		cond_resched();
	} while (n == XFRM_BIND_BATCH);
}

/**
 * xfrm_bind_claim - take over all that a device holds, but for what is parked
 * @dev: a device that xfrm_bind_close() has closed
 * @batch: empty lists, which receive the bindings; each of their SAs and
 *	policies is held by a reference of the caller's
 * @deleted: empty lists, for xfrm_bind_end_batch(): deleted SAs and policies
 *	which the device's work has not come to
 *
 * Waits for callbacks of this device only.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_bind_claim(struct net_device *dev, struct xfrm_bind_batch *batch,
		     struct xfrm_bind_batch *deleted)
{
	struct xfrm_bound *b = &dev->xfrm_bound;

	xfrm_bind_restage(&xfrm_bind_states, &b->states, &batch->states,
			  XFRM_BIND_UNBINDING, true);
	xfrm_bind_restage(&xfrm_bind_policies, &b->policies, &batch->policies,
			  XFRM_BIND_UNBINDING, true);

	/* What was deleted after xfrm_bind_close() joins the deferred. */
	wait_var_event(&b->pending, xfrm_bind_idle(b));

	xfrm_bind_restage(&xfrm_bind_states, &b->deferred_states,
			  &deleted->states, XFRM_BIND_UNBINDING, false);
	xfrm_bind_restage(&xfrm_bind_states, &b->ripe_states,
			  &deleted->states, XFRM_BIND_UNBINDING, false);
	xfrm_bind_restage(&xfrm_bind_policies, &b->deferred_policies,
			  &deleted->policies, XFRM_BIND_UNBINDING, false);
	xfrm_bind_restage(&xfrm_bind_policies, &b->ripe_policies,
			  &deleted->policies, XFRM_BIND_UNBINDING, false);
}

static void xfrm_bind_end_list(struct net_device *dev, struct hlist_head *list,
			       const struct xfrm_bind_kind *kind)
{
	struct hlist_node *node, *tmp;

	hlist_for_each_safe(node, tmp, list) {
		hlist_del_init(node);
		xfrm_bind_end(dev, node, kind);
		kind->put(node);
		cond_resched();
	}
}

/**
 * xfrm_bind_end_batch - have the hardware forget what was deleted
 * @dev: the device
 * @deleted: from xfrm_bind_claim(), a grace period ago
 *
 * Bundles, sockets and queued packets may hold a deleted SA or policy for long.
 * When this returns, none of them holds the device, nor does its work use it.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_bind_end_batch(struct net_device *dev,
			 struct xfrm_bind_batch *deleted)
{
	xfrm_bind_end_list(dev, &deleted->states, &xfrm_bind_states);
	xfrm_bind_end_list(dev, &deleted->policies, &xfrm_bind_policies);
}

/**
 * xfrm_bind_quiesce - let a device's work end
 * @dev: a device that xfrm_bind_close() has closed and of which all is claimed
 *
 * The work has nothing left to do, but it may wait for its grace period, or run
 * a callback for what it took a moment before xfrm_bind_claim() came to that.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_bind_quiesce(struct net_device *dev)
{
	if (dev->xfrm_bound.work.func)
		cancel_work_sync(&dev->xfrm_bound.work);
}

/**
 * xfrm_bind_claim_state - take over one SA, if it is bound
 * @x: an SA of which the caller holds a reference
 * @batch: receives the binding, and a reference of its own
 *
 * Context: process, under RTNL.
 * Return: whether it was bound.
 */
bool xfrm_bind_claim_state(struct xfrm_state *x, struct xfrm_bind_batch *batch)
{
	bool bound;

	spin_lock_bh(&xfrm_bind_lock);
	bound = x->xso.stage == XFRM_BIND_BOUND;
	if (bound) {
		hlist_del(&x->xso_node);
		hlist_add_head(&x->xso_node, &batch->states);
		WRITE_ONCE(x->xso.stage, XFRM_BIND_UNBINDING);
		xfrm_state_hold(x);
	}
	spin_unlock_bh(&xfrm_bind_lock);

	return bound;
}

/**
 * xfrm_bind_park - put bindings aside that are off the hardware
 * @dev: their device
 * @batch: the bindings; empty afterwards
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_bind_park(struct net_device *dev, struct xfrm_bind_batch *batch)
{
	xfrm_bind_restage(&xfrm_bind_states, &batch->states,
			  &dev->xfrm_bound.parked_states, XFRM_BIND_PARKED,
			  false);
	xfrm_bind_restage(&xfrm_bind_policies, &batch->policies,
			  &dev->xfrm_bound.parked_policies, XFRM_BIND_PARKED,
			  false);
}

/**
 * xfrm_bind_unpark - end of xfrm_bind_park()
 * @dev: the device
 * @batch: empty lists, which receive the bindings
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_bind_unpark(struct net_device *dev, struct xfrm_bind_batch *batch)
{
	xfrm_bind_restage(&xfrm_bind_states, &dev->xfrm_bound.parked_states,
			  &batch->states, XFRM_BIND_UNBINDING, false);
	xfrm_bind_restage(&xfrm_bind_policies,
			  &dev->xfrm_bound.parked_policies, &batch->policies,
			  XFRM_BIND_UNBINDING, false);
}

/**
 * xfrm_bind_state_again - an SA is on the hardware again
 * @dev: its device
 * @x: SA whose binding the caller owns, on no list
 *
 * Context: process, under RTNL and @x->lock.
 */
void xfrm_bind_state_again(struct net_device *dev, struct xfrm_state *x)
{
	/* The tail of one that ended meanwhile has its last number. */
	if (xfrm_unbind_carries(x)) {
		xfrm_tail_resumed(x);
		xfrm_bind_state_go_live(x);
	}

	spin_lock_bh(&xfrm_bind_lock);
	xfrm_bind_hang(dev, &x->xso, &x->xso_node, &dev->xfrm_bound.states);
	spin_unlock_bh(&xfrm_bind_lock);
}

/**
 * xfrm_bind_policy_again - a policy is on the hardware again
 * @dev: its device
 * @xp: policy whose binding the caller owns, on no list
 *
 * Context: process, under RTNL.
 */
void xfrm_bind_policy_again(struct net_device *dev, struct xfrm_policy *xp)
{
	xfrm_bind_go_live(&xp->xdo);

	spin_lock_bh(&xfrm_bind_lock);
	xfrm_bind_hang(dev, &xp->xdo, &xp->xdo_node, &dev->xfrm_bound.policies);
	spin_unlock_bh(&xfrm_bind_lock);
}

static bool xfrm_bind_first_on(const struct hlist_head *list,
			       const struct xfrm_bind_kind *kind,
			       const struct net_device *lower)
{
	return list->first && kind->xdo(list->first)->real_dev == lower;
}

/**
 * xfrm_bind_on - is what a device holds on the hardware of a lower device?
 * @dev: device that offloads to one lower device at a time
 * @lower: the lower device, closed: no add callback of @dev that starts now
 *	leads to it
 *
 * What is deleted counts until the lower device has forgotten it. A callback that
 * is under way may be one of @lower's: waits for those.
 *
 * Context: process, may sleep, under RTNL.
 * Return: true if @dev holds something, and @lower is the hardware below it.
 */
bool xfrm_bind_on(struct net_device *dev, const struct net_device *lower)
{
	struct xfrm_bound *b = &dev->xfrm_bound;
	bool on;

	wait_var_event(&b->pending, xfrm_bind_idle(b));

	spin_lock_bh(&xfrm_bind_lock);
	on = xfrm_bind_first_on(&b->states, &xfrm_bind_states, lower) ||
	     xfrm_bind_first_on(&b->deferred_states, &xfrm_bind_states, lower) ||
	     xfrm_bind_first_on(&b->ripe_states, &xfrm_bind_states, lower) ||
	     xfrm_bind_first_on(&b->policies, &xfrm_bind_policies, lower) ||
	     xfrm_bind_first_on(&b->deferred_policies, &xfrm_bind_policies,
				lower) ||
	     xfrm_bind_first_on(&b->ripe_policies, &xfrm_bind_policies, lower);
	spin_unlock_bh(&xfrm_bind_lock);

	return on;
}
