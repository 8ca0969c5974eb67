// SPDX-License-Identifier: GPL-2.0
/*
 * How offloads end: deletion of one SA or policy, which the hardware learns of
 * when no packet is on its way to it any more, and the claim of all that a
 * device holds, by an unbind, a failover or a migration.
 */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/wait_bit.h>
#include <net/xfrm.h>

#include "xfrm_offload.h"

/* How many offloads are claimed before the lock is released for a moment */
#define XFRM_OFFLOAD_BATCH	64

/* What differs between an SA and a policy. @node is xso_node or xdo_node. */
struct xfrm_offload_kind {
	struct xfrm_dev_offload *(*xdo)(struct hlist_node *node);
	void (*hold)(struct hlist_node *node);
	void (*put)(struct hlist_node *node);
	void (*fence)(struct net_device *dev, struct hlist_node *node);
	bool (*late)(struct hlist_node *node);
	void (*stop)(struct hlist_node *node);
	void (*delete)(const struct xfrmdev_ops *ops, struct hlist_node *node);
	void (*free)(const struct xfrmdev_ops *ops, struct hlist_node *node);
	struct hlist_head *(*deferred)(struct xfrm_dev_offloads *b);
};

static struct xfrm_state *xfrm_offload_state_of(struct hlist_node *node)
{
	return hlist_entry(node, struct xfrm_state, xso_node);
}

static struct xfrm_policy *xfrm_offload_policy_of(struct hlist_node *node)
{
	return hlist_entry(node, struct xfrm_policy, xdo_node);
}

static struct xfrm_dev_offload *xfrm_offload_state_xdo(struct hlist_node *node)
{
	return &xfrm_offload_state_of(node)->xso;
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

/* With crypto offload, an SA that was never in the SAD has carried nothing. */
static void xfrm_offload_close_tail(struct xfrm_state *x)
{
	if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET)
		xfrm_tail_close(x, false);
	else if (list_empty(&x->km.all))
		xfrm_tail_forget(x);
	else
		xfrm_tail_close(x, true);
}

/* XFRM_MSG_DELSA reports the counters read here. */
static void xfrm_offload_fence_state(struct net_device *dev,
				     struct hlist_node *node)
{
	struct xfrm_state *x = xfrm_offload_state_of(node);
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
	xfrm_offload_close_tail(x);
}

/* Outbound, the driver's delete callback runs after a grace period: a packet that
 * passed the tests before would leave the hardware in clear. Larval states
 * carry no packets. Inbound, it waits if the numbers are to be read, because it
 * erases them.
 */
static bool xfrm_offload_deletes_late(const struct xfrm_dev_offload *xdo)
{
	return xdo->dir == XFRM_DEV_OFFLOAD_OUT &&
	       !(xdo->flags & XFRM_DEV_OFFLOAD_FLAG_ACQ);
}

static bool xfrm_offload_late_state(struct hlist_node *node)
{
	struct xfrm_state *x = xfrm_offload_state_of(node);

	return xfrm_offload_deletes_late(&x->xso) || xfrm_tail_waits(x);
}

static void xfrm_offload_stop_state(struct hlist_node *node)
{
	struct xfrm_state *x = xfrm_offload_state_of(node);

	if (xfrm_tail_waits(x))
		xfrm_unbind_read_state(x);
}

static void xfrm_offload_delete_state(const struct xfrmdev_ops *ops,
				      struct hlist_node *node)
{
	ops->xdo_dev_state_delete(xfrm_offload_state_of(node));
}

static void xfrm_offload_free_state(const struct xfrmdev_ops *ops,
				    struct hlist_node *node)
{
	if (ops->xdo_dev_state_free)
		ops->xdo_dev_state_free(xfrm_offload_state_of(node));
}

static struct hlist_head *
xfrm_offload_deferred_states(struct xfrm_dev_offloads *b)
{
	return &b->deferred_states;
}

static const struct xfrm_offload_kind xfrm_offload_states = {
	.xdo		= xfrm_offload_state_xdo,
	.hold		= xfrm_offload_hold_state,
	.put		= xfrm_offload_put_state,
	.fence		= xfrm_offload_fence_state,
	.late		= xfrm_offload_late_state,
	.stop		= xfrm_offload_stop_state,
	.delete		= xfrm_offload_delete_state,
	.free		= xfrm_offload_free_state,
	.deferred	= xfrm_offload_deferred_states,
};

static struct xfrm_dev_offload *xfrm_offload_policy_xdo(struct hlist_node *node)
{
	return &xfrm_offload_policy_of(node)->xdo;
}

static void xfrm_offload_hold_policy(struct hlist_node *node)
{
	xfrm_pol_hold(xfrm_offload_policy_of(node));
}

static void xfrm_offload_put_policy(struct hlist_node *node)
{
	xfrm_pol_put(xfrm_offload_policy_of(node));
}

static void xfrm_offload_fence_policy(struct net_device *dev,
				      struct hlist_node *node)
{
	struct xfrm_policy *xp = xfrm_offload_policy_of(node);
	struct xfrm_dev_offload *xdo = &xp->xdo;

	WRITE_ONCE(xdo->live, false);
	if (xdo->dir == XFRM_DEV_OFFLOAD_OUT &&
	    !(xdo->flags & XFRM_DEV_OFFLOAD_FLAG_TWIN))
		xfrm_packet_offload_retire(dev, xp->index);
}

static bool xfrm_offload_late_policy(struct hlist_node *node)
{
	return xfrm_offload_deletes_late(&xfrm_offload_policy_of(node)->xdo);
}

static void xfrm_offload_stop_policy(struct hlist_node *node)
{
}

static void xfrm_offload_delete_policy(const struct xfrmdev_ops *ops,
				       struct hlist_node *node)
{
	if (ops->xdo_dev_policy_delete)
		ops->xdo_dev_policy_delete(xfrm_offload_policy_of(node));
}

static void xfrm_offload_free_policy(const struct xfrmdev_ops *ops,
				     struct hlist_node *node)
{
	if (ops->xdo_dev_policy_free)
		ops->xdo_dev_policy_free(xfrm_offload_policy_of(node));
}

static struct hlist_head *
xfrm_offload_deferred_policies(struct xfrm_dev_offloads *b)
{
	return &b->deferred_policies;
}

static const struct xfrm_offload_kind xfrm_offload_policies = {
	.xdo		= xfrm_offload_policy_xdo,
	.hold		= xfrm_offload_hold_policy,
	.put		= xfrm_offload_put_policy,
	.fence		= xfrm_offload_fence_policy,
	.late		= xfrm_offload_late_policy,
	.stop		= xfrm_offload_stop_policy,
	.delete		= xfrm_offload_delete_policy,
	.free		= xfrm_offload_free_policy,
	.deferred	= xfrm_offload_deferred_policies,
};

/* Claim an offload to delete it. Returns its device, or NULL if another context
 * owns the offload.
 */
static struct net_device *
xfrm_offload_claim_deletion(struct xfrm_dev_offload *xdo,
			    struct hlist_node *node)
{
	struct net_device *dev = NULL;

	/* Most SAs and policies of a host are never offloaded. */
	if (READ_ONCE(xdo->stage) == XFRM_STAGE_NONE)
		return NULL;

	spin_lock_bh(&xfrm_offload_lock);
	if (xdo->stage == XFRM_STAGE_ADDED) {
		dev = xdo->dev;
		hlist_del_init(node);
		WRITE_ONCE(xdo->stage, XFRM_STAGE_DELETING);
		dev->xfrm_offloads.pending++;
	}
	spin_unlock_bh(&xfrm_offload_lock);

	return dev;
}

/* The last callbacks for a deleted object, which no packet uses any more. */
static void xfrm_offload_end(struct net_device *dev, struct hlist_node *node,
			     const struct xfrm_offload_kind *kind)
{
	struct xfrm_dev_offload *xdo = kind->xdo(node);
	const struct xfrmdev_ops *ops = dev->xfrmdev_ops;
	bool late = kind->late(node);

	kind->stop(node);
	if (late)
		kind->delete(ops, node);
	kind->free(ops, node);
	xfrm_offload_release(xdo);
}

/* One at a time, so that an unbind can claim the rest. */
static void xfrm_offload_end_ripe(struct net_device *dev,
				  struct hlist_head *ripe,
				  const struct xfrm_offload_kind *kind)
{
	struct hlist_node *node;

	for (;;) {
		spin_lock_bh(&xfrm_offload_lock);
		node = ripe->first;
		if (node) {
			hlist_del_init(node);
			WRITE_ONCE(kind->xdo(node)->stage, XFRM_STAGE_DELETING);
			dev->xfrm_offloads.pending++;
		}
		spin_unlock_bh(&xfrm_offload_lock);
		if (!node)
			return;

		xfrm_offload_end(dev, node, kind);
		xfrm_offload_exit(dev);
		kind->put(node);
		cond_resched();
	}
}

/* One grace period for everything deleted before it. An unbind of the device
 * claims what is deferred or ripe, and waits for this work: the work needs no
 * reference to the device.
 */
static void xfrm_offload_work_fn(struct work_struct *work)
{
	struct xfrm_dev_offloads *b =
		container_of(work, struct xfrm_dev_offloads, work);
	struct net_device *dev =
		container_of(b, struct net_device, xfrm_offloads);

	spin_lock_bh(&xfrm_offload_lock);
	hlist_move_list(&b->deferred_states, &b->ripe_states);
	hlist_move_list(&b->deferred_policies, &b->ripe_policies);
	spin_unlock_bh(&xfrm_offload_lock);

	synchronize_net();

	xfrm_offload_end_ripe(dev, &b->ripe_states, &xfrm_offload_states);
	xfrm_offload_end_ripe(dev, &b->ripe_policies, &xfrm_offload_policies);
}

/* The hardware may use @node for one more grace period. As soon as the lock is
 * released, an unbind may end the offload, and the device may go away.
 */
static void xfrm_offload_defer(struct net_device *dev, struct hlist_node *node,
			       const struct xfrm_offload_kind *kind)
{
	struct xfrm_dev_offloads *b = &dev->xfrm_offloads;

	kind->hold(node);

	spin_lock_bh(&xfrm_offload_lock);
	if (!b->work.func)
		INIT_WORK(&b->work, xfrm_offload_work_fn);
	WRITE_ONCE(kind->xdo(node)->stage, XFRM_STAGE_DEFERRED);
	hlist_add_head(node, kind->deferred(b));
	queue_work(xfrm_gc_wq, &b->work);
	__xfrm_offload_exit(b);
	spin_unlock_bh(&xfrm_offload_lock);
}

/* Returns true if this call deletes it. */
static bool xfrm_offload_delete(struct hlist_node *node,
				const struct xfrm_offload_kind *kind)
{
	struct xfrm_dev_offload *xdo = kind->xdo(node);
	struct net_device *dev;

	dev = xfrm_offload_claim_deletion(xdo, node);
	if (!dev)
		return false;

	kind->fence(dev, node);
	if (!kind->late(node))
		kind->delete(dev->xfrmdev_ops, node);
	xfrm_offload_defer(dev, node, kind);
	return true;
}

/**
 * xfrm_offload_flush - free what was deleted and still occupies the hardware
 * @dev: a device that cannot go meanwhile
 *
 * Context: process, may sleep.
 * Return: true if there was something to wait for.
 */
bool xfrm_offload_flush(struct net_device *dev)
{
	struct xfrm_dev_offloads *b = &dev->xfrm_offloads;

	return READ_ONCE(b->work.func) && flush_work(&b->work);
}

/**
 * xfrm_offload_claim_deferred - claim a deferred deletion
 * @x: a deleted SA that cannot be freed meanwhile
 * @batch: receives @x with the reference of the deletion, unless another
 *	context owns it
 *
 * Until xfrm_offload_end_claimed() an unbind of the device waits.
 *
 * Context: any.
 */
void xfrm_offload_claim_deferred(struct xfrm_state *x,
				 struct xfrm_offload_batch *batch)
{
	spin_lock_bh(&xfrm_offload_lock);
	if (x->xso.stage == XFRM_STAGE_DEFERRED) {
		hlist_del(&x->xso_node);
		hlist_add_head(&x->xso_node, &batch->states);
		WRITE_ONCE(x->xso.stage, XFRM_STAGE_DELETING);
		x->xso.dev->xfrm_offloads.pending++;
	}
	spin_unlock_bh(&xfrm_offload_lock);
}

/**
 * xfrm_offload_end_claimed - end claimed deletions
 * @batch: from xfrm_offload_claim_deferred(), a grace period ago
 *
 * Context: process, may sleep.
 */
void xfrm_offload_end_claimed(struct xfrm_offload_batch *batch)
{
	struct net_device *dev;
	struct hlist_node *tmp;
	struct xfrm_state *x;

	hlist_for_each_entry_safe(x, tmp, &batch->states, xso_node) {
		dev = x->xso.dev;
		hlist_del_init(&x->xso_node);
		xfrm_offload_end(dev, &x->xso_node, &xfrm_offload_states);
		xfrm_offload_exit(dev);
		xfrm_state_put(x);
		cond_resched();
	}
}

/**
 * xfrm_dev_state_delete - delete an SA from its hardware
 * @x: SA that is dead, or was never put in the SAD
 *
 * Does nothing if the SA is not offloaded or an unbind owns the offload. The
 * driver's callbacks may run a grace period later.
 *
 * Context: any, usually under @x->lock; takes xfrm_offload_lock.
 */
void xfrm_dev_state_delete(struct xfrm_state *x)
{
	if (!xfrm_offload_delete(&x->xso_node, &xfrm_offload_states))
		xfrm_offload_close_tail(x);
}
EXPORT_SYMBOL_GPL(xfrm_dev_state_delete);

/**
 * xfrm_dev_policy_delete - delete a policy from its hardware
 * @xp: policy that is off the SPD, or was never in it
 *
 * Does nothing if the policy is not offloaded or an unbind owns the offload.
 * The driver's callbacks may run a grace period later.
 *
 * Context: process or softirq; takes xfrm_offload_lock.
 */
void xfrm_dev_policy_delete(struct xfrm_policy *xp)
{
	xfrm_offload_delete(&xp->xdo_node, &xfrm_offload_policies);
}
EXPORT_SYMBOL_GPL(xfrm_dev_policy_delete);

static bool xfrm_offload_idle(struct xfrm_dev_offloads *b)
{
	bool idle;

	spin_lock_bh(&xfrm_offload_lock);
	idle = !b->pending;
	spin_unlock_bh(&xfrm_offload_lock);

	return idle;
}

/**
 * xfrm_offload_close - let nothing new be offloaded to a device
 * @dev: the device
 * @why: reason, for xfrm_offload_open() and xfrm_dev_ready()
 *
 * When it returns, no add callback is under way any more, and none starts
 * before xfrm_offload_open(). No xdo_dev_state_add() or xdo_dev_policy_add()
 * may wait for RTNL, which the caller holds.
 *
 * Context: process, may sleep, under RTNL.
 * Return: true if the device holds anything.
 */
bool xfrm_offload_close(struct net_device *dev, enum xfrm_closed why)
{
	struct xfrm_dev_offloads *b = &dev->xfrm_offloads;
	bool any;

	ASSERT_RTNL();

	spin_lock_bh(&xfrm_offload_lock);
	b->closed |= why;
	spin_unlock_bh(&xfrm_offload_lock);

	wait_var_event(&b->pending, xfrm_offload_idle(b));

	spin_lock_bh(&xfrm_offload_lock);
	any = !hlist_empty(&b->states) || !hlist_empty(&b->policies) ||
	      !hlist_empty(&b->suspended_states) ||
	      !hlist_empty(&b->suspended_policies) ||
	      !hlist_empty(&b->deferred_states) ||
	      !hlist_empty(&b->deferred_policies) ||
	      !hlist_empty(&b->ripe_states) ||
	      !hlist_empty(&b->ripe_policies) || b->pending;
	spin_unlock_bh(&xfrm_offload_lock);

	return any;
}

/**
 * xfrm_offload_open - end of xfrm_offload_close(), unless another reason is left
 * @dev: the device
 * @why: reasons that are over, enum xfrm_closed
 *
 * Context: process, under RTNL.
 */
void xfrm_offload_open(struct net_device *dev, u8 why)
{
	spin_lock_bh(&xfrm_offload_lock);
	dev->xfrm_offloads.closed &= ~why;
	spin_unlock_bh(&xfrm_offload_lock);
}

/* In batches, so that the lock is never held for long. */
static void xfrm_offload_restage(const struct xfrm_offload_kind *kind,
				 struct hlist_head *from, struct hlist_head *to,
				 enum xfrm_offload_stage stage, bool hold)
{
	struct hlist_node *node;
	int n;

	do {
		spin_lock_bh(&xfrm_offload_lock);
		for (n = 0; n < XFRM_OFFLOAD_BATCH && !hlist_empty(from); n++) {
			node = from->first;
			hlist_del(node);
			hlist_add_head(node, to);
			WRITE_ONCE(kind->xdo(node)->stage, stage);
			if (hold)
				kind->hold(node);
		}
		spin_unlock_bh(&xfrm_offload_lock);
		cond_resched();
	} while (n == XFRM_OFFLOAD_BATCH);
}

/**
 * xfrm_offload_claim - claim all that a device holds, except suspended offloads
 * @dev: a device that xfrm_offload_close() has closed
 * @batch: empty lists, which receive the offloads; the caller gets a reference
 *	to each SA and policy
 * @deleted: empty lists, for xfrm_offload_end_batch(): deleted SAs and policies
 *	that the device's work has not handled yet
 *
 * Waits for callbacks of this device only.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_offload_claim(struct net_device *dev,
			struct xfrm_offload_batch *batch,
			struct xfrm_offload_batch *deleted)
{
	struct xfrm_dev_offloads *b = &dev->xfrm_offloads;

	xfrm_offload_restage(&xfrm_offload_states, &b->states, &batch->states,
			     XFRM_STAGE_UNBINDING, true);
	xfrm_offload_restage(&xfrm_offload_policies, &b->policies,
			     &batch->policies, XFRM_STAGE_UNBINDING, true);

	/* What was deleted after xfrm_offload_close() joins the deferred. */
	wait_var_event(&b->pending, xfrm_offload_idle(b));

	xfrm_offload_restage(&xfrm_offload_states, &b->deferred_states,
			     &deleted->states, XFRM_STAGE_UNBINDING, false);
	xfrm_offload_restage(&xfrm_offload_states, &b->ripe_states,
			     &deleted->states, XFRM_STAGE_UNBINDING, false);
	xfrm_offload_restage(&xfrm_offload_policies, &b->deferred_policies,
			     &deleted->policies, XFRM_STAGE_UNBINDING, false);
	xfrm_offload_restage(&xfrm_offload_policies, &b->ripe_policies,
			     &deleted->policies, XFRM_STAGE_UNBINDING, false);
}

static void xfrm_offload_end_list(struct net_device *dev,
				  struct hlist_head *list,
				  const struct xfrm_offload_kind *kind)
{
	struct hlist_node *node, *tmp;

	hlist_for_each_safe(node, tmp, list) {
		hlist_del_init(node);
		xfrm_offload_end(dev, node, kind);
		kind->put(node);
		cond_resched();
	}
}

/**
 * xfrm_offload_end_batch - end the claimed deletions of a device
 * @dev: the device
 * @deleted: from xfrm_offload_claim(), a grace period ago
 *
 * Bundles, sockets and queued packets may hold a deleted SA or policy for long.
 * When this returns, none of these references the device, and the device's work
 * does not use it.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_offload_end_batch(struct net_device *dev,
			    struct xfrm_offload_batch *deleted)
{
	xfrm_offload_end_list(dev, &deleted->states, &xfrm_offload_states);
	xfrm_offload_end_list(dev, &deleted->policies, &xfrm_offload_policies);
}

/**
 * xfrm_offload_quiesce - wait for a device's work
 * @dev: a device that xfrm_offload_close() has closed and of which all is claimed
 *
 * The work has nothing left to do, but it may wait for a grace period, or run a
 * callback for an offload that it claimed before xfrm_offload_claim().
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_offload_quiesce(struct net_device *dev)
{
	if (dev->xfrm_offloads.work.func)
		cancel_work_sync(&dev->xfrm_offloads.work);
}

/**
 * xfrm_offload_claim_state - claim one SA, if it is offloaded
 * @x: an SA of which the caller holds a reference
 * @batch: receives the offload and another reference
 *
 * Context: process, under RTNL.
 * Return: true if it was offloaded and nobody owned the offload.
 */
bool xfrm_offload_claim_state(struct xfrm_state *x,
			      struct xfrm_offload_batch *batch)
{
	bool claimed;

	spin_lock_bh(&xfrm_offload_lock);
	claimed = x->xso.stage == XFRM_STAGE_ADDED;
	if (claimed) {
		hlist_del(&x->xso_node);
		hlist_add_head(&x->xso_node, &batch->states);
		WRITE_ONCE(x->xso.stage, XFRM_STAGE_UNBINDING);
		xfrm_state_hold(x);
	}
	spin_unlock_bh(&xfrm_offload_lock);

	return claimed;
}

/**
 * xfrm_offload_suspend - keep offloads that are off the hardware for a while
 * @dev: their device
 * @batch: the offloads; empty afterwards
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_offload_suspend(struct net_device *dev,
			  struct xfrm_offload_batch *batch)
{
	xfrm_offload_restage(&xfrm_offload_states, &batch->states,
			     &dev->xfrm_offloads.suspended_states,
			     XFRM_STAGE_SUSPENDED, false);
	xfrm_offload_restage(&xfrm_offload_policies, &batch->policies,
			     &dev->xfrm_offloads.suspended_policies,
			     XFRM_STAGE_SUSPENDED, false);
}

/**
 * xfrm_offload_take_suspended - end of xfrm_offload_suspend()
 * @dev: the device
 * @batch: empty lists, which receive the offloads
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_offload_take_suspended(struct net_device *dev,
				 struct xfrm_offload_batch *batch)
{
	xfrm_offload_restage(&xfrm_offload_states,
			     &dev->xfrm_offloads.suspended_states,
			     &batch->states, XFRM_STAGE_UNBINDING, false);
	xfrm_offload_restage(&xfrm_offload_policies,
			     &dev->xfrm_offloads.suspended_policies,
			     &batch->policies, XFRM_STAGE_UNBINDING, false);
}

static bool xfrm_offload_first_on(const struct hlist_head *list,
				  const struct xfrm_offload_kind *kind,
				  const struct net_device *lower)
{
	return list->first && kind->xdo(list->first)->real_dev == lower;
}

/**
 * xfrm_offload_on_lower - does a device offload to this lower device?
 * @dev: device that offloads to one lower device at a time
 * @lower: the lower device, closed: no add callback of @dev that starts now
 *	leads to it
 *
 * Deleted objects count as long as they occupy the lower device. Callbacks that
 * are running may be those of @lower: waits for them.
 *
 * Context: process, may sleep, under RTNL.
 * Return: true if @dev holds anything, and @lower is its hardware.
 */
bool xfrm_offload_on_lower(struct net_device *dev,
			   const struct net_device *lower)
{
	struct xfrm_dev_offloads *b = &dev->xfrm_offloads;
	bool on;

	wait_var_event(&b->pending, xfrm_offload_idle(b));

	spin_lock_bh(&xfrm_offload_lock);
	on = xfrm_offload_first_on(&b->states, &xfrm_offload_states, lower) ||
	     xfrm_offload_first_on(&b->deferred_states, &xfrm_offload_states,
				   lower) ||
	     xfrm_offload_first_on(&b->ripe_states, &xfrm_offload_states,
				   lower) ||
	     xfrm_offload_first_on(&b->policies, &xfrm_offload_policies,
				   lower) ||
	     xfrm_offload_first_on(&b->deferred_policies,
				   &xfrm_offload_policies, lower) ||
	     xfrm_offload_first_on(&b->ripe_policies, &xfrm_offload_policies,
				   lower);
	spin_unlock_bh(&xfrm_offload_lock);

	return on;
}
