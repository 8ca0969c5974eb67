// SPDX-License-Identifier: GPL-2.0
/*
 * From one piece of hardware to the next: a device that offloads to another one
 * below it, a bond to its active slave, changes the one below.
 *
 * xfrm_dev_suspend() takes SAs and policies off the old hardware and reads where
 * it stopped, xfrm_dev_rebind() puts them on the new one, with those numbers.
 * Fence, drain and stop are those of an unbind, but nothing becomes INVALID yet:
 * what is not live carries no packet, and the policies vouch for none.
 * What the new hardware does not take is lost to it, like by an unbind.
 *
 * New hardware gets all SAs, then the policies, and packets only then: a packet
 * that meets a device with its SA and without its policy leaves as it is. For
 * that reason a policy that is lost takes the SAs with it.
 */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>

#include "xfrm_bind.h"

static void xfrm_rebind_fence(struct xfrm_bind_batch *batch)
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

/**
 * xfrm_dev_suspend - take SAs and policies off a device's hardware for a while
 * @dev: device that offloads to hardware below it
 *
 * Their packets are dropped until xfrm_dev_rebind(). Call it while the old
 * hardware still answers, so that it can say where it stopped. Nothing happens
 * if the device is suspended already.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_suspend(struct net_device *dev)
{
	struct xfrm_bind_batch batch = {}, deleted = {};
	struct xfrm_policy *xp;
	struct xfrm_state *x;

	if (dev->xfrm_bound.closed & XFRM_CLOSED_SUSPENDED)
		return;
	if (!xfrm_bind_close(dev, XFRM_CLOSED_SUSPENDED))
		return;

	xfrm_bind_claim(dev, &batch, &deleted);
	xfrm_rebind_fence(&batch);
	synchronize_net();

	hlist_for_each_entry(x, &batch.states, xso_node) {
		xfrm_unbind_stop_state(x);
		cond_resched();
	}
	hlist_for_each_entry(xp, &batch.policies, xdo_node) {
		xfrm_unbind_stop_policy(xp);
		cond_resched();
	}

	xfrm_bind_end_batch(dev, &deleted);
	xfrm_bind_quiesce(dev);
	xfrm_bind_park(dev, &batch);
}
EXPORT_SYMBOL_GPL(xfrm_dev_suspend);

static void xfrm_rebind_drop_state(struct xfrm_state *x)
{
	hlist_del_init(&x->xso_node);
	xfrm_bind_release(&x->xso);
	xfrm_state_put(x);
}

static void xfrm_rebind_lose(struct hlist_node *node, struct hlist_head *lost)
{
	hlist_del(node);
	hlist_add_head(node, lost);
}

/* Packet offload without exact numbers would use some of them again. */
static bool xfrm_rebind_possible(const struct xfrm_state *x)
{
	return !READ_ONCE(x->broken) &&
	       (x->unbound.exact || x->xso.type != XFRM_DEV_OFFLOAD_PACKET);
}

static void xfrm_rebind_add_states(struct net_device *dev,
				   struct xfrm_bind_batch *batch,
				   struct xfrm_bind_batch *lost)
{
	const struct xfrmdev_ops *ops = dev->xfrmdev_ops;
	struct hlist_node *tmp;
	struct xfrm_state *x;

	hlist_for_each_entry_safe(x, tmp, &batch->states, xso_node) {
		if (!xfrm_unbind_carries(x))
			xfrm_rebind_drop_state(x);
		else if (!xfrm_rebind_possible(x) ||
			 ops->xdo_dev_state_add(x, NULL))
			xfrm_rebind_lose(&x->xso_node, &lost->states);
		cond_resched();
	}
}

/* A packet that waits above the device was marked when the policy was offloaded.
 * It passes xfrm_packet_offload_check() if its SA is there; so none must be.
 */
static void xfrm_rebind_lose_outbound(struct xfrm_bind_batch *batch,
				      struct xfrm_bind_batch *bound)
{
	struct hlist_node *tmp;
	struct xfrm_state *x;

	hlist_for_each_entry_safe(x, tmp, &batch->states, xso_node) {
		if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET &&
		    x->xso.dir == XFRM_DEV_OFFLOAD_OUT)
			xfrm_rebind_lose(&x->xso_node, &bound->states);
		cond_resched();
	}
}

static bool xfrm_rebind_lost_outbound(const struct xfrm_bind_batch *lost)
{
	struct xfrm_policy *xp;

	hlist_for_each_entry(xp, &lost->policies, xdo_node)
		if (xp->xdo.dir == XFRM_DEV_OFFLOAD_OUT)
			return true;

	return false;
}

static void xfrm_rebind_add_policies(struct net_device *dev,
				     struct xfrm_bind_batch *batch,
				     struct xfrm_bind_batch *lost)
{
	const struct xfrmdev_ops *ops = dev->xfrmdev_ops;
	struct hlist_node *tmp;
	struct xfrm_policy *xp;

	hlist_for_each_entry_safe(xp, tmp, &batch->policies, xdo_node) {
		if (READ_ONCE(xp->walk.dead)) {
			hlist_del_init(&xp->xdo_node);
			xfrm_bind_release(&xp->xdo);
			xfrm_pol_put(xp);
		} else if (ops->xdo_dev_policy_add(xp, NULL)) {
			xfrm_rebind_lose(&xp->xdo_node, &lost->policies);
		}
		cond_resched();
	}
}

/* Who deleted it meanwhile found it parked and left the hardware alone. Either
 * he sees that it is bound again, or we see that it is dead.
 */
static void xfrm_rebind_publish_policies(struct net_device *dev,
					 struct hlist_head *policies)
{
	struct hlist_node *tmp;
	struct xfrm_policy *xp;

	hlist_for_each_entry_safe(xp, tmp, policies, xdo_node) {
		hlist_del_init(&xp->xdo_node);
		xfrm_bind_policy_again(dev, xp);
		if (READ_ONCE(xp->walk.dead))
			xfrm_dev_policy_delete(xp);
		xfrm_pol_put(xp);
		cond_resched();
	}
}

static void xfrm_rebind_publish_states(struct net_device *dev,
				       struct hlist_head *states)
{
	struct hlist_node *tmp;
	struct xfrm_state *x;

	hlist_for_each_entry_safe(x, tmp, states, xso_node) {
		hlist_del_init(&x->xso_node);
		spin_lock_bh(&x->lock);
		xfrm_bind_state_again(dev, x);
		if (!xfrm_unbind_carries(x))
			xfrm_dev_state_delete(x);
		spin_unlock_bh(&x->lock);
		xfrm_state_put(x);
		cond_resched();
	}
}

/**
 * xfrm_dev_rebind - put what was suspended on the device's hardware again
 * @dev: the device, whose add callbacks now lead to other hardware, or to none
 * @reason: what key managers are told of SAs that it does not take, and of those
 *	whose numbers the old hardware did not tell
 *
 * Nothing happens if the device is not suspended.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_rebind(struct net_device *dev, enum xfrm_unbind_reason reason)
{
	struct xfrm_bind_batch batch = {}, lost = {}, bound = {};

	ASSERT_RTNL();

	if (!(dev->xfrm_bound.closed & XFRM_CLOSED_SUSPENDED))
		return;

	xfrm_bind_unpark(dev, &batch);
	xfrm_rebind_add_states(dev, &batch, &lost);
	xfrm_rebind_add_policies(dev, &batch, &lost);
	if (xfrm_rebind_lost_outbound(&lost))
		xfrm_rebind_lose_outbound(&batch, &bound);
	if (!hlist_empty(&lost.states) || !hlist_empty(&lost.policies))
		xfrm_unbind_batch(&bound, &lost, reason);

	xfrm_rebind_publish_policies(dev, &batch.policies);
	xfrm_rebind_publish_states(dev, &batch.states);
	xfrm_bind_open(dev, XFRM_CLOSED_SUSPENDED);
}
EXPORT_SYMBOL_GPL(xfrm_dev_rebind);

/**
 * xfrm_dev_lose - a device loses its hardware for a while, and stays registered
 * @dev: the device, whose driver reloads the firmware, for example
 *
 * What it holds, and what a bond holds on it, leaves the hardware, with its
 * numbers. The bond may put it on another slave meanwhile.
 *
 * Context: process, may sleep, under RTNL, while the hardware still answers.
 */
void xfrm_dev_lose(struct net_device *dev)
{
	struct net_device *upper = netdev_master_upper_dev_get(dev);

	xfrm_dev_suspend(dev);
	if (upper && xfrm_bind_on(upper, dev))
		xfrm_dev_suspend(upper);
}
EXPORT_SYMBOL_GPL(xfrm_dev_lose);

/**
 * xfrm_dev_regain - end of xfrm_dev_lose()
 * @dev: the device, whose driver takes SAs and policies again
 *
 * What it does not take any more, or could not tell the numbers of, is lost to
 * it as if it had been set down.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_regain(struct net_device *dev)
{
	struct net_device *upper = netdev_master_upper_dev_get(dev);

	xfrm_dev_rebind(dev, XFRM_UNBIND_DEV_DOWN);
	if (upper)
		xfrm_dev_rebind(upper, XFRM_UNBIND_SLAVE_LOST);
}
EXPORT_SYMBOL_GPL(xfrm_dev_regain);
