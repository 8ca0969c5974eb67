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

#include <linux/llist.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>

#include "xfrm_offload.h"

/**
 * xfrm_unbind_carries - does an SA carry packets now, or later?
 * @x: SA
 *
 * Only such an SA becomes INVALID when its device goes; larval, expired and
 * dead ones just lose the device.
 *
 * Context: under @x->lock, if the answer must stay valid.
 * Return: true if @x is valid, or just being added.
 */
bool xfrm_unbind_carries(const struct xfrm_state *x)
{
	if (x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ)
		return false;

	return x->km.state == XFRM_STATE_VALID || x->km.state == XFRM_STATE_VOID;
}

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

/* Inbound: bit n of @final->replay tells whether seq - n was received. The
 * bitmaps of the stack are rings; the bit of the 64-bit number s is at
 * (s - 1) % window.
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
 * xfrm_dev_state_now - record the current numbers of an SA of packet offload
 * @x: the SA
 * @now: @seq, @window and @replay of this moment
 *
 * Drivers call it in xdo_dev_state_update_stats(). A key manager then reads
 * true numbers from a live SA, and may add another SA with this key from there.
 *
 * Context: that of xdo_dev_state_update_stats().
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
 * xfrm_replay_adopt - write a device's final numbers into the SA
 * @x: stopped SA of packet offload
 * @final: what the device reported
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
 * @x: fenced and drained SA whose offload the caller owns
 *
 * With packet offload the hardware keeps the numbers; with crypto offload
 * software does, and they are always exact.
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
	x->invalid.exact = !packet || !err;
	xfrm_tail_stopped(x);
	spin_unlock_bh(&x->lock);
}

/**
 * xfrm_unbind_stop_state - take an SA off the hardware and keep its numbers
 * @x: fenced and drained SA whose offload the caller owns
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
void xfrm_policy_unbind_convert(struct xfrm_policy *xp)
{
	struct net *net = xp_net(xp);

	spin_lock_bh(&net->xfrm.xfrm_policy_lock);
	WRITE_ONCE(xp->xdo.live, false);
	xp->xdo.ifindex = 0;
	xp->xdo.converted = 1;
	xp->xdo.type = XFRM_DEV_OFFLOAD_UNSPECIFIED;
	spin_unlock_bh(&net->xfrm.xfrm_policy_lock);

	atomic_inc(&xp->genid);
}

/**
 * xfrm_unbind_stop_policy - take a policy off the hardware
 * @xp: policy whose offload the caller owns
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

/* Steps 4 to 6. Suspended offloads are off the hardware already. */
static void xfrm_unbind_finish_states(struct hlist_head *states, bool suspended)
{
	struct hlist_node *tmp;
	struct xfrm_state *x;

	hlist_for_each_entry_safe(x, tmp, states, xso_node) {
		hlist_del_init(&x->xso_node);
		if (!suspended)
			xfrm_unbind_stop_state(x);
		xfrm_offload_release(&x->xso);
		xfrm_invalid_tell(x);
		xfrm_state_put(x);
		cond_resched();
	}
}

static void xfrm_unbind_finish_policies(struct hlist_head *policies,
					bool suspended)
{
	struct hlist_node *tmp;
	struct xfrm_policy *xp;

	hlist_for_each_entry_safe(xp, tmp, policies, xdo_node) {
		hlist_del_init(&xp->xdo_node);
		if (!suspended)
			xfrm_unbind_stop_policy(xp);
		xfrm_offload_release(&xp->xdo);
		xfrm_unbind_tell_policy(xp);
		xfrm_pol_put(xp);
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
 * @batch: offloads on the hardware
 * @suspended: offloads that xfrm_dev_suspend() took off it before
 * @reason: why, for the key managers
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_unbind_batch(struct xfrm_offload_batch *batch,
		       struct xfrm_offload_batch *suspended,
		       enum xfrm_invalid_reason reason)
{
	xfrm_unbind_fence_all(&batch->states, reason);
	xfrm_unbind_fence_all(&suspended->states, reason);
	xfrm_unbind_convert_all(&batch->policies);
	xfrm_unbind_convert_all(&suspended->policies);

	synchronize_net();

	xfrm_unbind_finish_states(&batch->states, false);
	xfrm_unbind_finish_states(&suspended->states, true);
	xfrm_unbind_finish_policies(&batch->policies, false);
	xfrm_unbind_finish_policies(&suspended->policies, true);
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
void xfrm_dev_unbind(struct net_device *dev, enum xfrm_invalid_reason reason)
{
	struct xfrm_offload_batch batch = {}, suspended = {}, deleted = {};

	if (xfrm_offload_close(dev, XFRM_CLOSED_UNBIND)) {
		xfrm_offload_claim(dev, &batch, &deleted);
		xfrm_offload_take_suspended(dev, &suspended);
		xfrm_unbind_batch(&batch, &suspended, reason);
		xfrm_offload_end_batch(dev, &deleted);
	}

	xfrm_offload_quiesce(dev);
	xfrm_offload_open(dev, XFRM_CLOSED_UNBIND);
}
EXPORT_SYMBOL_GPL(xfrm_dev_unbind);

/**
 * xfrm_unbind_down - a device was set down
 * @dev: the device
 *
 * Unregistering a device, or moving it to another namespace, sets it down
 * first. The key managers are then told of that, not of the device being down.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_unbind_down(struct net_device *dev)
{
	bool leaving = dev->dismantle ||
		       dev->xfrm_offloads.closed & XFRM_CLOSED_LEAVING;

	xfrm_dev_unbind(dev, leaving ? XFRM_INVALID_DEV_UNREGISTER :
				       XFRM_INVALID_DEV_DOWN);
}

/**
 * xfrm_unbind_unregister - a device leaves its network namespace, or the host
 * @dev: the device
 *
 * Nothing is offloaded to it any more until it is registered again.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_unbind_unregister(struct net_device *dev)
{
	xfrm_dev_leave(dev);
	xfrm_dev_unbind(dev, XFRM_INVALID_DEV_UNREGISTER);
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
		xfrm_offload_claim_state(x, &batch);
		xfrm_state_put(x);
		cond_resched();
	}
	if (!hlist_empty(&batch.states))
		xfrm_unbind_batch(&batch, &none, XFRM_INVALID_DRIVER);

	rtnl_unlock();
}

static DECLARE_WORK(xfrm_broken_work, xfrm_broken_work_fn);

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
