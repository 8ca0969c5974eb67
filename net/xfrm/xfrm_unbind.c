// SPDX-License-Identifier: GPL-2.0
/*
 * Taking SAs and policies off a device that goes away, so that no packet leaves
 * in clear, none leaves twice under one IV, and the key managers learn of it.
 *
 * xfrm_dev_unbind() is the whole; the order of its steps is what makes it safe:
 *
 *  1. Fence. Each SA becomes XFRM_STATE_INVALID and is not live any more. The
 *     state tests of the data path refuse it from here on; a packet offload
 *     packet is refused by xfrm_packet_offload_check() on its way to a driver.
 *  2. Convert. Each policy becomes a software policy in place. It finds no
 *     valid SA, so it blocks.
 *  3. Drain. After one grace period no packet that passed a test before the
 *     fence is on its way to the driver any more.
 *  4. Stop the hardware, which by now has nothing to do.
 *  5. Record the final counters and drop the device.
 *  6. Tell the key managers.
 *
 * The control path sees xso.dev until step 5, because drivers use it in their
 * callbacks; others see it through xfrm_offload_live_dev(), under RCU.
 */

#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>

#include "xfrm_bind.h"

/**
 * xfrm_unbind_carries - does this SA carry packets, or will it?
 * @x: SA
 *
 * Those that do become INVALID when they lose their device. Larval, expired
 * and dead ones never will: they go their way without it.
 *
 * Context: under @x->lock, if the answer is to stand.
 * Return: true if it does or will.
 */
bool xfrm_unbind_carries(const struct xfrm_state *x)
{
	if (x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ)
		return false;

	return x->km.state == XFRM_STATE_VALID || x->km.state == XFRM_STATE_VOID;
}

/**
 * xfrm_unbind_fence - no packet starts to use this SA any more
 * @x: SA whose binding the caller owns
 * @reason: why; what the driver said of the SA, if it did, tells more
 *
 * Context: process or softirq; takes @x->lock.
 */
void xfrm_unbind_fence(struct xfrm_state *x, enum xfrm_unbind_reason reason)
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

/* Inbound: bit n of @final->replay says whether seq - n was received. The
 * bitmaps of the stack are rings in which number s, with all its 64 bits, has
 * place (s - 1) % window.
 */
static void xfrm_replay_adopt_ring(struct xfrm_replay_state_esn *esn,
				   const struct xfrm_dev_counters *final)
{
	u32 n, place;

	esn->seq = lower_32_bits(final->seq);
	esn->seq_hi = upper_32_bits(final->seq);
	memset(esn->bmp, 0, esn->bmp_len * sizeof(u32));

	for (n = 0; n < esn->replay_window && n < final->seq; n++) {
		div_u64_rem(final->seq - n - 1, esn->replay_window, &place);
		if (final->replay[n / 32] & BIT(n % 32))
			esn->bmp[place / 32] |= BIT(place % 32);
	}
}

/**
 * xfrm_dev_state_now - a driver tells where an SA of packet offload stands
 * @x: the SA
 * @now: @seq, @window and @replay of this moment
 *
 * For xdo_dev_state_update_stats(): what is read of a live SA is then true, also
 * for a key manager that writes it into the next SA with this key.
 *
 * Context: that of the callback.
 */
void xfrm_dev_state_now(struct xfrm_state *x,
			const struct xfrm_dev_counters *now)
{
	struct xfrm_replay_state_esn *esn = x->replay_esn;

	if (x->xso.dir == XFRM_DEV_OFFLOAD_OUT) {
		if (esn) {
			esn->oseq = lower_32_bits(now->seq);
			esn->oseq_hi = upper_32_bits(now->seq);
		} else {
			x->replay.oseq = lower_32_bits(now->seq);
		}
	} else if (esn) {
		xfrm_replay_adopt_ring(esn, now);
	} else {
		x->replay.seq = lower_32_bits(now->seq);
		x->replay.bitmap = now->window ? now->replay[0] : 0;
	}
}
EXPORT_SYMBOL_GPL(xfrm_dev_state_now);

/**
 * xfrm_replay_adopt - make a device's final numbers the SA's own
 * @x: packet offloaded SA, stopped
 * @final: what the device said
 *
 * Context: under @x->lock.
 */
void xfrm_replay_adopt(struct xfrm_state *x,
		       const struct xfrm_dev_counters *final)
{
	lockdep_assert_held(&x->lock);

	xfrm_dev_state_now(x, final);
	x->curlft.bytes += final->bytes;
	x->curlft.packets += final->packets;
}

static u32 xfrm_unbind_window(const struct xfrm_state *x)
{
	if (x->xso.dir == XFRM_DEV_OFFLOAD_OUT)
		return 0;

	return x->replay_esn ? x->replay_esn->replay_window
			     : x->props.replay_window;
}

/**
 * xfrm_unbind_read_state - stop the hardware of an SA and keep its numbers
 * @x: SA whose binding the caller owns, fenced and drained
 *
 * The hardware keeps the numbers of a packet offload SA, software those of a
 * crypto offload SA: the latter are exact as they are.
 *
 * Context: process, may sleep; under RTNL unless @x was deleted.
 */
void xfrm_unbind_read_state(struct xfrm_state *x)
{
	struct net_device *dev = x->xso.dev;
	const struct xfrmdev_ops *ops = dev->xfrmdev_ops;
	bool packet = x->xso.type == XFRM_DEV_OFFLOAD_PACKET;
	u32 replay[XFRMA_REPLAY_ESN_MAX / sizeof(u32) / 8] = {};
	struct xfrm_dev_counters final = {
		.window = xfrm_unbind_window(x),
		.replay = replay,
	};
	int err = -EOPNOTSUPP;
	u64 packets;

	if (ops->xdo_dev_state_unbind)
		err = ops->xdo_dev_state_unbind(dev, x, &final);

	spin_lock_bh(&x->lock);
	packets = x->curlft.packets;
	if (packet && ops->xdo_dev_state_update_stats)
		ops->xdo_dev_state_update_stats(x);
	if (packet && !err)
		xfrm_replay_adopt(x, &final);
	xfrm_dev_note_use(x, packets);
	x->unbound.exact = !packet || !err;
	xfrm_tail_stopped(x);
	spin_unlock_bh(&x->lock);
}

/**
 * xfrm_unbind_stop_state - take an SA off the hardware and keep its numbers
 * @x: SA whose binding the caller owns, fenced and drained
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_unbind_stop_state(struct xfrm_state *x)
{
	const struct xfrmdev_ops *ops = x->xso.dev->xfrmdev_ops;

	xfrm_unbind_read_state(x);
	ops->xdo_dev_state_delete(x);
	if (ops->xdo_dev_state_free)
		ops->xdo_dev_state_free(x);
}

/**
 * xfrm_unbind_stop_policy - take a policy off the hardware
 * @xp: policy whose binding the caller owns
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_unbind_stop_policy(struct xfrm_policy *xp)
{
	const struct xfrmdev_ops *ops = xp->xdo.dev->xfrmdev_ops;

	if (ops->xdo_dev_policy_delete)
		ops->xdo_dev_policy_delete(xp);
	if (ops->xdo_dev_policy_free)
		ops->xdo_dev_policy_free(xp);
}

static void xfrm_unbind_tell_policy(struct xfrm_policy *xp)
{
	struct km_event c = { .event = XFRM_MSG_UPDPOLICY };

	if (READ_ONCE(xp->walk.dead) || !READ_ONCE(xp->index))
		return;

	km_policy_notify(xp, xfrm_policy_id2dir(xp->index), &c);
}

/* Steps 4 to 6; what is parked has been through step 4. */
static void xfrm_unbind_finish_states(struct hlist_head *states, bool parked)
{
	struct hlist_node *tmp;
	struct xfrm_state *x;

	hlist_for_each_entry_safe(x, tmp, states, xso_node) {
		hlist_del_init(&x->xso_node);
		if (!parked)
			xfrm_unbind_stop_state(x);
		xfrm_bind_release(&x->xso);
		xfrm_unbound_tell(x);
		xfrm_state_put(x);
		cond_resched();
	}
}

static void xfrm_unbind_finish_policies(struct hlist_head *policies,
					bool parked)
{
	struct hlist_node *tmp;
	struct xfrm_policy *xp;

	hlist_for_each_entry_safe(xp, tmp, policies, xdo_node) {
		hlist_del_init(&xp->xdo_node);
		if (!parked)
			xfrm_unbind_stop_policy(xp);
		xfrm_bind_release(&xp->xdo);
		xfrm_unbind_tell_policy(xp);
		xfrm_pol_put(xp);
		cond_resched();
	}
}

static void xfrm_unbind_fence_all(struct hlist_head *states,
				  enum xfrm_unbind_reason reason)
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
 * xfrm_unbind_batch - all steps for what was claimed
 * @bound: what is on the hardware
 * @parked: what xfrm_dev_suspend() took off it before
 * @reason: why, for the key managers
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_unbind_batch(struct xfrm_bind_batch *bound,
		       struct xfrm_bind_batch *parked,
		       enum xfrm_unbind_reason reason)
{
	xfrm_unbind_fence_all(&bound->states, reason);
	xfrm_unbind_fence_all(&parked->states, reason);
	xfrm_unbind_convert_all(&bound->policies);
	xfrm_unbind_convert_all(&parked->policies);

	synchronize_net();

	xfrm_unbind_finish_states(&bound->states, false);
	xfrm_unbind_finish_states(&parked->states, true);
	xfrm_unbind_finish_policies(&bound->policies, false);
	xfrm_unbind_finish_policies(&parked->policies, true);
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
 * Costs one grace period, if the device holds anything, and time in proportion
 * to what it holds.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_unbind(struct net_device *dev, enum xfrm_unbind_reason reason)
{
	struct xfrm_bind_batch bound = {}, parked = {}, deleted = {};

	if (xfrm_bind_close(dev, XFRM_CLOSED_UNBIND)) {
		xfrm_bind_claim(dev, &bound, &deleted);
		xfrm_bind_unpark(dev, &parked);
		xfrm_unbind_batch(&bound, &parked, reason);
		xfrm_bind_end_batch(dev, &deleted);
	}

	xfrm_bind_quiesce(dev);
	xfrm_bind_open(dev, XFRM_CLOSED_UNBIND);
}
EXPORT_SYMBOL_GPL(xfrm_dev_unbind);

/**
 * xfrm_dev_down - a device was set down
 * @dev: the device
 *
 * Unregistering a device, or moving it to another namespace, sets it down first.
 * The key managers are told the cause that they can act upon.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_down(struct net_device *dev)
{
	bool leaving = dev->dismantle ||
		       dev->xfrm_bound.closed & XFRM_CLOSED_LEAVING;

	xfrm_dev_unbind(dev, leaving ? XFRM_UNBIND_DEV_UNREGISTER
				     : XFRM_UNBIND_DEV_DOWN);
}

/**
 * xfrm_dev_unregister - a device leaves its network namespace, or the host
 * @dev: the device
 *
 * Nothing is bound to it any more until it is registered again.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_unregister(struct net_device *dev)
{
	xfrm_dev_leave(dev);
	xfrm_dev_unbind(dev, XFRM_UNBIND_DEV_UNREGISTER);
}

/* A device above offloads to the hardware of @dev. Its own esp-hw-offload is
 * still on; what it cannot put back is lost.
 */
static void xfrm_dev_lower_feature_off(struct net_device *dev)
{
	struct net_device *upper = netdev_master_upper_dev_get(dev);

	if (!upper || !xfrm_bind_on(upper, dev))
		return;

	xfrm_dev_suspend(upper);
	xfrm_dev_rebind(upper, XFRM_UNBIND_FEATURE_OFF);
}

/**
 * xfrm_dev_features - the features of a device change, or have changed
 * @dev: the device
 * @features: those that it will have
 *
 * Called before the driver learns of it: a driver that is told to switch ESP
 * off may do so at once, and would send what is left for it in clear. If it
 * then refuses, the SAs are INVALID all the same; new ones are taken.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_dev_features(struct net_device *dev, netdev_features_t features)
{
	if (features & NETIF_F_HW_ESP) {
		xfrm_bind_open(dev, XFRM_CLOSED_FEATURE);
		return;
	}

	if (!(dev->xfrm_bound.closed & XFRM_CLOSED_FEATURE) &&
	    xfrm_bind_close(dev, XFRM_CLOSED_FEATURE))
		xfrm_dev_unbind(dev, XFRM_UNBIND_FEATURE_OFF);

	xfrm_dev_lower_feature_off(dev);
}
