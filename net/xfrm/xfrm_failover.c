// SPDX-License-Identifier: GPL-2.0
/*
 * Suspend and restore: a device changes its hardware. A bond, which offloads to
 * its active slave, gets another slave, or a driver reloads its firmware.
 *
 * xfrm_dev_suspend() takes SAs and policies off the old hardware and reads
 * their final numbers, xfrm_dev_restore() adds them to the new hardware with
 * those numbers. Fence, drain and stop are those of an unbind, but nothing
 * becomes INVALID yet: an SA that is not live carries no packet, and no plain
 * packet is accepted. What the new hardware refuses is treated as in an unbind.
 *
 * The SAs are added first, then the policies, and only then packets pass: a
 * device that has the SA of a packet, but not its policy, sends the packet in
 * clear. So if an outbound policy is refused, the outbound SAs are not restored
 * either.
 */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>
#include <trace/events/xfrm.h>

#include "xfrm_offload.h"

static void xfrm_failover_fence(struct xfrm_offload_batch *batch)
{
	struct xfrm_policy *xp;
	struct xfrm_state *x;

	hlist_for_each_entry(x, &batch->states, xso_node) {
		spin_lock_bh(&x->lock);
		WRITE_ONCE(x->xso.live, false);
		x->xso.hw_only = 1;
		spin_unlock_bh(&x->lock);
		cond_resched();
	}

	hlist_for_each_entry(xp, &batch->policies, xdo_node)
		WRITE_ONCE(xp->xdo.live, false);
}

static void xfrm_failover_stop(struct xfrm_offload_batch *batch,
			       const struct xfrm_offload_kind *kind)
{
	struct hlist_node *node;

	hlist_for_each(node, kind->list(batch)) {
		xfrm_offload_stop(node, kind);
		cond_resched();
	}
}

/**
 * xfrm_dev_suspend - take SAs and policies off a device's hardware for a while
 * @dev: device that offloads to a lower device
 *
 * Their packets are dropped until xfrm_dev_restore(). Call it while the old
 * hardware still answers, so that it can report its counters. Does nothing if
 * the device is suspended already.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_suspend(struct net_device *dev)
{
	struct xfrm_offload_batch batch = {}, deleted = {};

	if (dev->xfrm_offloads.closed & XFRM_CLOSED_SUSPENDED)
		return;
	if (!xfrm_offload_close(dev, XFRM_CLOSED_SUSPENDED))
		return;

	xfrm_offload_claim(dev, &batch, &deleted);
	xfrm_failover_fence(&batch);
	synchronize_net();

	xfrm_failover_stop(&batch, &xfrm_offload_states);
	xfrm_failover_stop(&batch, &xfrm_offload_policies);

	xfrm_offload_end_batch(&deleted);
	xfrm_offload_quiesce(dev);
	if (trace_xfrm_suspended_enabled())
		trace_xfrm_suspended(dev, xfrm_offload_count(&batch.states),
				     xfrm_offload_count(&batch.policies), 0);
	xfrm_offload_restage(&batch, &dev->xfrm_offloads.suspended,
			     XFRM_STAGE_SUSPENDED, false);
}
EXPORT_SYMBOL_GPL(xfrm_dev_suspend);

static void xfrm_failover_fail(struct hlist_node *node, struct hlist_head *failed)
{
	hlist_del(node);
	hlist_add_head(node, failed);
}

/* Packet offload without exact numbers would use an IV twice. */
static bool xfrm_failover_possible(struct hlist_node *node,
				   const struct xfrm_offload_kind *kind)
{
	const struct xfrm_state *x = xfrm_offload_state_of(node);

	return kind != &xfrm_offload_states ||
	       (!READ_ONCE(x->broken) &&
		(x->invalid.exact || x->xso.type != XFRM_DEV_OFFLOAD_PACKET));
}

static void xfrm_failover_add(struct net_device *dev,
			      const struct xfrm_offload_kind *kind,
			      struct xfrm_offload_batch *batch,
			      struct xfrm_offload_batch *failed)
{
	struct hlist_node *node, *tmp;

	hlist_for_each_safe(node, tmp, kind->list(batch)) {
		if (!kind->carries(node)) {
			hlist_del_init(node);
			xfrm_offload_release_held(node, kind);
			kind->put(node);
		} else if (!xfrm_failover_possible(node, kind) ||
			   kind->add(dev->xfrmdev_ops, node, NULL)) {
			xfrm_failover_fail(node, kind->list(failed));
		}
		cond_resched();
	}
}

/* A packet that is queued above the device was marked while its policy was
 * offloaded. xfrm_packet_offload_check() lets it pass if its SA is live: no
 * outbound SA of packet offload may be restored.
 */
static void xfrm_failover_fail_outbound(struct xfrm_offload_batch *batch,
					struct xfrm_offload_batch *added)
{
	struct hlist_node *tmp;
	struct xfrm_state *x;

	hlist_for_each_entry_safe(x, tmp, &batch->states, xso_node) {
		if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET &&
		    x->xso.dir == XFRM_DEV_OFFLOAD_OUT)
			xfrm_failover_fail(&x->xso_node, &added->states);
		cond_resched();
	}
}

static bool xfrm_failover_failed_outbound(const struct xfrm_offload_batch *failed)
{
	struct xfrm_policy *xp;

	hlist_for_each_entry(xp, &failed->policies, xdo_node)
		if (xp->xdo.dir == XFRM_DEV_OFFLOAD_OUT)
			return true;

	return false;
}

/* A deletion in the meantime found the policy suspended and called no driver.
 * Either the deletion sees that the policy is offloaded again, or this function
 * sees that it is dead.
 */
static void xfrm_failover_publish_policy(struct net_device *dev,
					 struct xfrm_policy *xp)
{
	xfrm_offload_restore(dev, &xp->xdo_node, &xfrm_offload_policies);
	if (READ_ONCE(xp->walk.dead))
		xfrm_dev_policy_delete(xp);
}

static void xfrm_failover_publish_state(struct net_device *dev,
					struct xfrm_state *x)
{
	spin_lock_bh(&x->lock);
	xfrm_offload_restore(dev, &x->xso_node, &xfrm_offload_states);
	if (!xfrm_unbind_carries(x))
		xfrm_dev_state_delete(x);
	spin_unlock_bh(&x->lock);
}

static void xfrm_failover_count(struct net_device *dev,
				const struct xfrm_offload_batch *failed)
{
	atomic_add(xfrm_offload_count(&failed->states) +
		   xfrm_offload_count(&failed->policies),
		   &dev->xfrm_offloads.counts.not_restored);
}

static void xfrm_failover_trace(const struct net_device *dev,
				const struct xfrm_offload_batch *batch,
				const struct xfrm_offload_batch *failed,
				const struct xfrm_offload_batch *added)
{
	if (!trace_xfrm_restored_enabled())
		return;

	trace_xfrm_restored(dev, xfrm_offload_count(&batch->states),
			    xfrm_offload_count(&batch->policies),
			    xfrm_offload_count(&failed->states) +
			    xfrm_offload_count(&failed->policies) +
			    xfrm_offload_count(&added->states));
}

static void xfrm_failover_publish(struct net_device *dev,
				  const struct xfrm_offload_kind *kind,
				  struct xfrm_offload_batch *batch)
{
	struct hlist_node *node, *tmp;

	hlist_for_each_safe(node, tmp, kind->list(batch)) {
		hlist_del_init(node);
		if (kind == &xfrm_offload_states)
			xfrm_failover_publish_state(dev,
						    xfrm_offload_state_of(node));
		else
			xfrm_failover_publish_policy(dev,
						     xfrm_offload_policy_of(node));
		kind->put(node);
		cond_resched();
	}
}

/**
 * xfrm_dev_restore - add what was suspended to the device's hardware again
 * @dev: the device, whose add callbacks now lead to other hardware, or to none
 * @reason: reason for SAs that the device refuses, and for those whose numbers the
 *	old hardware did not report
 *
 * Does nothing if the device is not suspended.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_restore(struct net_device *dev, enum xfrm_invalid_reason reason)
{
	struct xfrm_offload_batch batch = {}, failed = {}, added = {};

	ASSERT_RTNL();

	if (!(dev->xfrm_offloads.closed & XFRM_CLOSED_SUSPENDED))
		return;

	xfrm_offload_restage(&dev->xfrm_offloads.suspended, &batch,
			     XFRM_STAGE_UNBINDING, false);
	xfrm_failover_add(dev, &xfrm_offload_states, &batch, &failed);
	xfrm_failover_add(dev, &xfrm_offload_policies, &batch, &failed);
	if (xfrm_failover_failed_outbound(&failed))
		xfrm_failover_fail_outbound(&batch, &added);
	xfrm_failover_trace(dev, &batch, &failed, &added);
	xfrm_failover_count(dev, &failed);
	xfrm_failover_count(dev, &added);
	if (!hlist_empty(&failed.states) || !hlist_empty(&failed.policies))
		xfrm_unbind_batch(dev, &added, &failed, reason);

	xfrm_failover_publish(dev, &xfrm_offload_policies, &batch);
	xfrm_failover_publish(dev, &xfrm_offload_states, &batch);
	xfrm_offload_open(dev, XFRM_CLOSED_SUSPENDED);
}
EXPORT_SYMBOL_GPL(xfrm_dev_restore);

/**
 * xfrm_dev_suspend_hw - a registered device stops using its hardware for a while
 * @dev: the device, for example one whose driver reloads the firmware
 *
 * Suspends the device, and a bond that offloads to it. The bond may restore on
 * another slave in the meantime.
 *
 * Context: process, may sleep, under RTNL, while the hardware still answers.
 */
void xfrm_dev_suspend_hw(struct net_device *dev)
{
	struct net_device *upper = netdev_master_upper_dev_get(dev);

	xfrm_dev_suspend(dev);
	if (upper && xfrm_offload_on_lower(upper, dev))
		xfrm_dev_suspend(upper);
}
EXPORT_SYMBOL_GPL(xfrm_dev_suspend_hw);

/**
 * xfrm_dev_restore_hw - end of xfrm_dev_suspend_hw()
 * @dev: the device, whose driver accepts SAs and policies again
 *
 * SAs that it refuses now, or whose numbers it did not report, become INVALID
 * as if it had been set down.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_restore_hw(struct net_device *dev)
{
	struct net_device *upper = netdev_master_upper_dev_get(dev);

	xfrm_dev_restore(dev, XFRM_INVALID_DEV_DOWN);
	if (upper)
		xfrm_dev_restore(upper, XFRM_INVALID_SLAVE_LOST);
}
EXPORT_SYMBOL_GPL(xfrm_dev_restore_hw);
