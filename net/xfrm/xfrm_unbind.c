// SPDX-License-Identifier: GPL-2.0
/*
 * Take SAs and policies off a device that goes away, or one SA off a device
 * whose driver reports it broken. No packet leaves in clear, no IV is used
 * twice, and the key managers are told.
 *
 * xfrm_dev_unbind() runs these steps, in this order:
 *
 *  1. Fence. Each SA becomes XFRM_STATE_INVALID and is not live any more. From
 *     here on the state tests of the data path refuse it, and
 *     xfrm_packet_offload_check() drops a packet of packet offload before it
 *     reaches the driver.
 *  2. Convert. Each policy becomes a software policy in place. It finds no
 *     valid SA, so it blocks.
 *  3. Drain. After one grace period no packet that passed a test before the
 *     fence can reach the driver any more.
 *  4. Stop the hardware.
 *  5. Record the final counters and drop the device.
 *  6. Tell the key managers.
 *
 * The control path uses xso.dev until step 5, because drivers use it in their
 * callbacks; everyone else uses xfrm_offload_live_dev(), under RCU.
 */

#include <kunit/visibility.h>
#include <linux/llist.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>
#include <trace/events/xfrm.h>

#include "xfrm_offload.h"

/**
 * xfrm_unbind_fence - let no packet start to use an SA
 * @x: SA whose offload the caller owns
 * @reason: why; the driver's own report of the SA, if any, takes precedence
 *
 * Context: process or softirq; takes @x->lock.
 */
void xfrm_unbind_fence(struct xfrm_state *x, enum xfrm_invalid_reason reason)
{
	const struct net_device *dev = x->xso.dev;

	spin_lock_bh(&x->lock);

	WRITE_ONCE(x->xso.live, false);
	x->xso.hw_only = 1;
	x->xso.ifindex = 0;

	if (xfrm_unbind_carries(x))
		xfrm_state_go_invalid(x, READ_ONCE(x->broken) ?: reason,
				      dev);
	xfrm_tail_close(x, false);

	spin_unlock_bh(&x->lock);
}

/**
 * xfrm_policy_unbind_convert - turn an offloaded policy into a software policy
 * @xp: the policy, claimed by an unbind
 *
 * Index, priority, selector and templates stay, and so does the place in the
 * chain: offload_first stays true. No lookup misses the policy or finds another
 * one, and the cost does not depend on what else is in the chain. Bundles built
 * under the policy become stale.
 *
 * Context: process or softirq; takes the policy lock of the netns.
 */
VISIBLE_IF_KUNIT void xfrm_policy_unbind_convert(struct xfrm_policy *xp)
{
	struct net *net = xp_net(xp);

	spin_lock_bh(&net->xfrm.xfrm_policy_lock);
	WRITE_ONCE(xp->xdo.live, false);
	xp->xdo.ifindex = 0;
	xp->xdo.converted = 1;
	xp->xdo.type = XFRM_DEV_OFFLOAD_UNSPECIFIED;
	trace_xfrm_policy_converted(xp, xp->xdo.dev->name);
	spin_unlock_bh(&net->xfrm.xfrm_policy_lock);

	atomic_inc(&xp->genid);
}

static void xfrm_unbind_tell_policy(struct xfrm_policy *xp)
{
	struct km_event c = { .event = XFRM_MSG_UPDPOLICY };

	if (READ_ONCE(xp->walk.dead) || !READ_ONCE(xp->index))
		return;

	km_policy_notify(xp, xfrm_policy_id2dir(xp->index), &c);
}

/* A trace of an unbind: what it is about, and then how long each step took. */
static void xfrm_unbind_time(struct xfrm_unbind_times *times,
			     enum xfrm_unbind_step step)
{
	u64 now;

	if (likely(!times->last))
		return;

	now = ktime_get_ns();
	times->ns[step] += now - times->last;
	times->last = now;
}

static void xfrm_unbind_trace_begin(struct xfrm_unbind_times *times,
				    const struct net_device *dev,
				    const struct xfrm_offload_batch *batch,
				    const struct xfrm_offload_batch *suspended,
				    enum xfrm_invalid_reason reason)
{
	if (!trace_xfrm_unbind_begin_enabled() &&
	    !trace_xfrm_unbind_end_enabled())
		return;

	times->states = xfrm_offload_count(&batch->states) +
			xfrm_offload_count(&suspended->states);
	times->policies = xfrm_offload_count(&batch->policies) +
			  xfrm_offload_count(&suspended->policies);
	trace_xfrm_unbind_begin(dev, reason, times->states, times->policies);
	times->last = ktime_get_ns();
}

static void xfrm_unbind_count(struct hlist_node *node,
			      const struct xfrm_offload_kind *kind)
{
	struct xfrm_dev_counts *counts = &kind->xdo(node)->dev->xfrm_offloads.counts;
	u8 reason;

	if (kind == &xfrm_offload_policies) {
		atomic_inc(&counts->converted);
		return;
	}

	reason = xfrm_offload_state_of(node)->invalid.reason;
	if (reason)
		atomic_inc(&counts->unbound[reason]);
}

/* Steps 4 to 6. Suspended offloads are off the hardware already. */
static void xfrm_unbind_finish(struct xfrm_offload_batch *batch,
			       const struct xfrm_offload_kind *kind,
			       bool suspended, struct xfrm_unbind_times *times)
{
	struct hlist_node *node, *tmp;

	hlist_for_each_safe(node, tmp, kind->list(batch)) {
		hlist_del_init(node);
		if (!suspended)
			xfrm_offload_stop(node, kind);
		xfrm_unbind_time(times, XFRM_STEP_STOP);
		xfrm_unbind_count(node, kind);
		xfrm_offload_release_held(node, kind);
		xfrm_unbind_time(times, XFRM_STEP_RECORD);
		if (kind == &xfrm_offload_states)
			xfrm_invalid_tell(xfrm_offload_state_of(node));
		else
			xfrm_unbind_tell_policy(xfrm_offload_policy_of(node));
		xfrm_unbind_time(times, XFRM_STEP_TELL);
		kind->put(node);
		cond_resched();
	}
}

static void xfrm_unbind_fence_all(struct hlist_head *states,
				  enum xfrm_invalid_reason reason)
{
	struct xfrm_state *x;

	hlist_for_each_entry(x, states, xso_node) {
		xfrm_unbind_fence(x, reason);
		cond_resched();
	}
}

static void xfrm_unbind_convert_all(struct hlist_head *policies)
{
	struct xfrm_policy *xp;

	hlist_for_each_entry(xp, policies, xdo_node) {
		xfrm_policy_unbind_convert(xp);
		cond_resched();
	}
}

/**
 * xfrm_unbind_batch - run all steps for claimed offloads
 * @dev: their device, for the trace; NULL if they are of several
 * @batch: offloads on the hardware
 * @suspended: offloads that xfrm_dev_suspend() took off it before
 * @reason: why, for the key managers
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_unbind_batch(const struct net_device *dev,
		       struct xfrm_offload_batch *batch,
		       struct xfrm_offload_batch *suspended,
		       enum xfrm_invalid_reason reason)
{
	struct xfrm_unbind_times times = {};

	xfrm_unbind_trace_begin(&times, dev, batch, suspended, reason);

	xfrm_unbind_fence_all(&batch->states, reason);
	xfrm_unbind_fence_all(&suspended->states, reason);
	xfrm_unbind_time(&times, XFRM_STEP_FENCE);
	xfrm_unbind_convert_all(&batch->policies);
	xfrm_unbind_convert_all(&suspended->policies);
	xfrm_unbind_time(&times, XFRM_STEP_CONVERT);

	synchronize_net();
	xfrm_unbind_time(&times, XFRM_STEP_DRAIN);

	xfrm_unbind_finish(batch, &xfrm_offload_states, false, &times);
	xfrm_unbind_finish(suspended, &xfrm_offload_states, true, &times);
	xfrm_unbind_finish(batch, &xfrm_offload_policies, false, &times);
	xfrm_unbind_finish(suspended, &xfrm_offload_policies, true, &times);

	if (times.last)
		trace_xfrm_unbind_end(dev, reason, &times);
}

/**
 * xfrm_dev_unbind - take all SAs and policies off a device
 * @dev: the device
 * @reason: why, for the key managers
 *
 * SAs that could carry packets become XFRM_STATE_INVALID and stay in the SAD,
 * policies stay in the SPD as software policies. When this returns, the driver
 * has been told of each exactly once, xfrm holds no reference to @dev, and the
 * key managers know. Nothing is deleted, so no security module is asked.
 *
 * Takes one grace period if the device holds anything, and time proportional to
 * what it holds.
 *
 * Context: process, may sleep, under RTNL.
 */
VISIBLE_IF_KUNIT void xfrm_dev_unbind(struct net_device *dev,
				      enum xfrm_invalid_reason reason)
{
	struct xfrm_offload_batch batch = {}, suspended = {}, deleted = {};

	if (xfrm_offload_close(dev, XFRM_CLOSED_UNBIND)) {
		xfrm_offload_claim(dev, &batch, &deleted);
		xfrm_offload_restage(&dev->xfrm_offloads.suspended, &suspended,
				     XFRM_STAGE_UNBINDING, false);
		xfrm_unbind_batch(dev, &batch, &suspended, reason);
		xfrm_offload_end_batch(&deleted);
	}

	xfrm_offload_quiesce(dev);
	xfrm_offload_open(dev, XFRM_CLOSED_UNBIND);
}

/**
 * xfrm_unbind_policies_of - take the policies off a device that name an SA
 * @x: the SA, which has left the device
 * @ifindex: index of the device; it may be gone
 *
 * Context: process, may sleep; takes RTNL.
 */
void xfrm_unbind_policies_of(struct xfrm_state *x, int ifindex)
{
	struct xfrm_offload_batch batch = {}, none = {};
	struct net_device *dev;

	rtnl_lock();
	dev = __dev_get_by_index(xs_net(x), ifindex);
	if (dev)
		xfrm_offload_claim_policies(dev, x, &batch);
	if (!hlist_empty(&batch.policies))
		xfrm_unbind_batch(dev, &batch, &none,
				  XFRM_INVALID_MIGRATED);
	rtnl_unlock();
}

/* An upper device offloads to the hardware of @dev, and its own esp-hw-offload is
 * still on. It restores what it can elsewhere.
 */
static void xfrm_dev_lower_feature_off(struct net_device *dev)
{
	struct net_device *upper = netdev_master_upper_dev_get(dev);

	if (!upper || !xfrm_offload_on_lower(upper, dev))
		return;

	xfrm_dev_suspend(upper);
	xfrm_dev_restore(upper, XFRM_INVALID_FEATURE_OFF);
}

/**
 * xfrm_dev_features - the features of a device are about to change, or changed
 * @dev: the device
 * @features: the new features
 *
 * Called before ndo_set_features(): a driver may switch ESP off at once, and
 * would send queued packets in clear. If the driver then refuses the change,
 * the SAs stay INVALID, and new ones can be added.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_features(struct net_device *dev, netdev_features_t features)
{
	if (features & NETIF_F_HW_ESP) {
		xfrm_offload_open(dev, XFRM_CLOSED_FEATURE);
		return;
	}

	if (!(dev->xfrm_offloads.closed & XFRM_CLOSED_FEATURE) &&
	    xfrm_offload_close(dev, XFRM_CLOSED_FEATURE))
		xfrm_dev_unbind(dev, XFRM_INVALID_FEATURE_OFF);

	xfrm_dev_lower_feature_off(dev);
}

static void xfrm_dev_enter(struct net_device *dev)
{
	struct xfrm_dev_offloads *b = &dev->xfrm_offloads;

	spin_lock_bh(&xfrm_offload_lock);
	/* Only xfrm_dev_restore() ends a suspension. */
	b->closed &= XFRM_CLOSED_SUSPENDED;
	if (!(dev->features & NETIF_F_HW_ESP))
		b->closed |= XFRM_CLOSED_FEATURE;
	spin_unlock_bh(&xfrm_offload_lock);
}

/* Unregistering a device, or moving it to another namespace, sets it down first.
 * The key managers are then told of that, not of the device being down.
 */
static void xfrm_unbind_down(struct net_device *dev)
{
	bool leaving = dev->dismantle ||
		       dev->xfrm_offloads.closed & XFRM_CLOSED_LEAVING;

	xfrm_dev_unbind(dev, leaving ? XFRM_INVALID_DEV_UNREGISTER :
				       XFRM_INVALID_DEV_DOWN);
}

/* Nothing is offloaded to it any more until it is registered again. */
static void xfrm_unbind_unregister(struct net_device *dev)
{
	xfrm_dev_leave(dev);
	xfrm_dev_unbind(dev, XFRM_INVALID_DEV_UNREGISTER);
}

/**
 * xfrm_unbind_event - something happened to a device
 * @dev: the device
 * @event: NETDEV_REGISTER, _UNREGISTER, _DOWN or _FEAT_CHANGE; others are ignored
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_unbind_event(struct net_device *dev, unsigned long event)
{
	switch (event) {
	case NETDEV_REGISTER:
		xfrm_dev_enter(dev);
		break;
	case NETDEV_FEAT_CHANGE:
		xfrm_dev_features(dev, dev->features);
		break;
	case NETDEV_DOWN:
		xfrm_unbind_down(dev);
		break;
	case NETDEV_UNREGISTER:
		xfrm_unbind_unregister(dev);
		break;
	}
}

static LLIST_HEAD(xfrm_broken);

/* SAs whose offload another unbind or a deletion owns are not claimed: those end
 * the offload themselves.
 */
static void xfrm_broken_work_fn(struct work_struct *work)
{
	struct xfrm_offload_batch batch = {}, none = {};
	struct xfrm_state *x, *tmp;
	struct llist_node *broken;

	rtnl_lock();

	broken = llist_del_all(&xfrm_broken);
	llist_for_each_entry_safe(x, tmp, broken, broken_node) {
		xfrm_offload_claim_state(x, XFRM_STAGE_ADDED, &batch);
		xfrm_state_put(x);
		cond_resched();
	}
	if (!hlist_empty(&batch.states))
		xfrm_unbind_batch(NULL, &batch, &none, XFRM_INVALID_DRIVER);

	rtnl_unlock();
}

static DECLARE_WORK(xfrm_broken_work, xfrm_broken_work_fn);

/* The device stays where it is meanwhile, or the report comes too late. */
static void xfrm_unbind_trace_report(const struct xfrm_state *x,
				     enum xfrm_invalid_reason reason)
{
	const struct net_device *dev;

	if (!trace_xfrm_sa_reported_enabled())
		return;

	rcu_read_lock();
	dev = READ_ONCE(x->xso.dev);
	trace_xfrm_sa_reported(x, dev ? dev->name : "-", reason);
	rcu_read_unlock();
}

/**
 * xfrm_dev_state_invalidate - report that an SA is broken on the hardware
 * @x: SA between xdo_dev_state_add() and xdo_dev_state_free()
 * @reason: XFRM_INVALID_DRIVER, or a more specific reason
 *
 * From here on no packet of packet offload is handed to the hardware, unless
 * the SA is being added at this moment. The SA becomes INVALID later, from a
 * work, with all the steps of an unbind, including the driver's callbacks. Only
 * the first call for an SA has an effect.
 *
 * Context: any; takes no lock.
 */
void xfrm_dev_state_invalidate(struct xfrm_state *x,
			       enum xfrm_invalid_reason reason)
{
	if (cmpxchg(&x->broken, XFRM_INVALID_UNSPEC, reason))
		return;
	xfrm_unbind_trace_report(x, reason);

	/* The work fences crypto offload: its packets need hw_only too. */
	if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET)
		WRITE_ONCE(x->xso.live, false);

	if (!refcount_inc_not_zero(&x->refcnt))
		return;

	if (llist_add(&x->broken_node, &xfrm_broken))
		schedule_work(&xfrm_broken_work);
}
EXPORT_SYMBOL_GPL(xfrm_dev_state_invalidate);

/**
 * xfrm_dev_state_exhausted - an outbound SA has no sequence number left
 * @x: SA of packet offload; the driver drops the packet
 *
 * Counts the packet as software does. The SA becomes INVALID, so that a key
 * manager is told; later packets are counted as XfrmOutOffloadInvalid.
 *
 * Context: any; takes no lock.
 */
void xfrm_dev_state_exhausted(struct xfrm_state *x)
{
	XFRM_INC_STATS(xs_net(x), LINUX_MIB_XFRMOUTSTATESEQERROR);
	xfrm_dev_state_invalidate(x, XFRM_INVALID_EXHAUSTED);
}
EXPORT_SYMBOL_GPL(xfrm_dev_state_exhausted);
