// SPDX-License-Identifier: GPL-2.0
/*
 * How offloads end: the final numbers of an SA, deletion of one SA or policy,
 * which the hardware learns of when no packet is on its way to it any more, and
 * the claim of all that a device holds, by an unbind, a failover or a migration.
 */

#include <kunit/visibility.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>
#include <trace/events/xfrm.h>

#include "xfrm_offload.h"

/* How many offloads are claimed before the lock is released for a moment */
#define XFRM_OFFLOAD_BATCH	64

/* --- numbers ------------------------------------------------------------- */

/* Set an SA's last use if its device's counters moved since it had @packets.
 * Packets of packet offload do not pass the code that sets it in software. The
 * time at which a change is seen is never too early.
 */
static void xfrm_dev_note_use(struct xfrm_state *x, u64 packets)
{
	time64_t now;

	if (x->xso.type != XFRM_DEV_OFFLOAD_PACKET ||
	    x->curlft.packets == packets)
		return;

	now = ktime_get_real_seconds();
	WRITE_ONCE(x->lastused, now);
	if (!READ_ONCE(x->curlft.use_time))
		WRITE_ONCE(x->curlft.use_time, now);
}

static void xfrm_dev_update_stats(struct net_device *dev, struct xfrm_state *x)
{
	u64 began;

	began = xfrm_driver_begin(dev, "state_update_stats", x,
				  ntohl(x->id.spi));
	dev->xfrmdev_ops->xdo_dev_state_update_stats(x);
	xfrm_driver_end(dev, "state_update_stats", x, ntohl(x->id.spi), 0,
			began);
}

/**
 * xfrm_dev_pull_stats - update an SA's counters from its driver
 * @x: offloaded SA
 *
 * Context: any in which xdo_dev_state_update_stats() may be called.
 */
void xfrm_dev_pull_stats(struct xfrm_state *x)
{
	u64 packets = x->curlft.packets;
	struct net_device *dev;

	rcu_read_lock();
	dev = xfrm_offload_live_dev(&x->xso);
	if (dev && dev->xfrmdev_ops->xdo_dev_state_update_stats) {
		xfrm_dev_update_stats(dev, x);
		xfrm_dev_note_use(x, packets);
	}
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(xfrm_dev_pull_stats);

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
VISIBLE_IF_KUNIT void xfrm_replay_adopt(struct xfrm_state *x,
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

static int xfrm_unbind_ask(struct net_device *dev, struct xfrm_state *x,
			   struct xfrm_dev_counters *final)
{
	u64 began;
	int err;

	if (!dev->xfrmdev_ops->xdo_dev_state_unbind)
		return -EOPNOTSUPP;

	began = xfrm_driver_begin(dev, "state_unbind", x, ntohl(x->id.spi));
	err = dev->xfrmdev_ops->xdo_dev_state_unbind(dev, x, final);
	xfrm_driver_end(dev, "state_unbind", x, ntohl(x->id.spi), err, began);

	return err;
}

/* Stop the hardware of a fenced and drained SA and keep its numbers. With packet
 * offload the hardware keeps them; with crypto offload software does, and they
 * are always exact. May sleep; under RTNL unless @x was deleted.
 */
static void xfrm_unbind_read_state(struct xfrm_state *x)
{
	struct net_device *dev = x->xso.dev;
	const struct xfrmdev_ops *ops = dev->xfrmdev_ops;
	bool packet = x->xso.type == XFRM_DEV_OFFLOAD_PACKET;
	u32 replay[XFRMA_REPLAY_ESN_MAX / sizeof(u32) / 8] = {};
	struct xfrm_dev_counters final = {
		.window = xfrm_unbind_window(x),
		.replay = replay,
	};
	u64 packets;
	int err;

	err = xfrm_unbind_ask(dev, x, &final);

	spin_lock_bh(&x->lock);
	packets = x->curlft.packets;
	if (packet && ops->xdo_dev_state_update_stats)
		xfrm_dev_update_stats(dev, x);
	if (packet && !err)
		xfrm_replay_adopt(x, &final);
	xfrm_dev_note_use(x, packets);
	x->invalid.exact = !packet || !err;
	xfrm_tail_stopped(x);
	trace_xfrm_sa_stopped(x, dev->name, x->invalid.reason);
	spin_unlock_bh(&x->lock);
}

/**
 * xfrm_offload_stop - take an SA or policy off the hardware
 * @node: @xso_node or @xdo_node of one that is fenced and drained, and whose
 *	offload the caller owns
 * @kind: xfrm_offload_states or xfrm_offload_policies
 *
 * The numbers of an SA are kept.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_offload_stop(struct hlist_node *node,
		       const struct xfrm_offload_kind *kind)
{
	const struct xfrmdev_ops *ops = kind->xdo(node)->dev->xfrmdev_ops;

	if (kind == &xfrm_offload_states)
		xfrm_unbind_read_state(xfrm_offload_state_of(node));
	kind->delete(ops, node);
	kind->free(ops, node);
}

/* --- deletion ------------------------------------------------------------ */

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
				     struct xfrm_state *x)
{
	const struct xfrmdev_ops *ops = dev->xfrmdev_ops;
	u64 packets = x->curlft.packets;

	if (ops->xdo_dev_state_update_stats &&
	    !(x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ)) {
		rcu_read_lock();
		xfrm_dev_update_stats(dev, x);
		xfrm_dev_note_use(x, packets);
		rcu_read_unlock();
	}

	WRITE_ONCE(x->xso.live, false);
	x->xso.hw_only = 1;
	xfrm_offload_close_tail(x);
}

/* Drop queued packets of an outbound policy of @dev that is not live any more.
 * Hardware that has the SA of a packet but not its policy sends it in clear. The
 * policy is deleted on the hardware a grace period later; packets that were
 * marked before and are still queued then must not reach it.
 */
static void xfrm_packet_offload_retire(struct net_device *dev, u32 index)
{
	static DEFINE_SPINLOCK(lock);
	struct xfrm_dev_offloads *b = &dev->xfrm_offloads;

	spin_lock_bh(&lock);
	WRITE_ONCE(b->retired[b->generation % XFRM_OFFLOADS_RETIRED], index);
	/* Pairs with xfrm_packet_offload_stamp(): the policy's @live is false
	 * before the number changes; and with xfrm_packet_offload_retired().
	 */
	smp_wmb();
	WRITE_ONCE(b->generation, b->generation + 1);
	spin_unlock_bh(&lock);
}

static void xfrm_offload_fence_policy(struct net_device *dev,
				      struct xfrm_policy *xp)
{
	WRITE_ONCE(xp->xdo.live, false);
	if (xp->xdo.dir == XFRM_DEV_OFFLOAD_OUT &&
	    !(xp->xdo.flags & XFRM_DEV_OFFLOAD_FLAG_TWIN))
		xfrm_packet_offload_retire(dev, xp->index);
}

static void xfrm_offload_fence(struct net_device *dev, struct hlist_node *node,
			       const struct xfrm_offload_kind *kind)
{
	if (kind == &xfrm_offload_states)
		xfrm_offload_fence_state(dev, xfrm_offload_state_of(node));
	else
		xfrm_offload_fence_policy(dev, xfrm_offload_policy_of(node));
}

/* Are the numbers of a deleted SA still to be read? */
static bool xfrm_offload_waits(struct hlist_node *node,
			       const struct xfrm_offload_kind *kind)
{
	return kind == &xfrm_offload_states &&
	       xfrm_tail_waits(xfrm_offload_state_of(node));
}

/* Outbound, the driver's delete callback runs after a grace period: a packet that
 * passed the tests before would leave the hardware in clear. Larval states
 * carry no packets. Inbound, it waits if the numbers are to be read, because it
 * erases them.
 */
static bool xfrm_offload_deletes_late(struct hlist_node *node,
				      const struct xfrm_offload_kind *kind)
{
	const struct xfrm_dev_offload *xdo = kind->xdo(node);

	return (xdo->dir == XFRM_DEV_OFFLOAD_OUT &&
		!(xdo->flags & XFRM_DEV_OFFLOAD_FLAG_ACQ)) ||
	       xfrm_offload_waits(node, kind);
}

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
	const struct xfrmdev_ops *ops = dev->xfrmdev_ops;
	bool late = xfrm_offload_deletes_late(node, kind);

	if (xfrm_offload_waits(node, kind))
		xfrm_unbind_read_state(xfrm_offload_state_of(node));
	if (late)
		kind->delete(ops, node);
	kind->free(ops, node);
	xfrm_offload_release_held(node, kind);
}

/* One at a time, so that an unbind can claim the rest. */
static void xfrm_offload_end_ripe(struct net_device *dev,
				  const struct xfrm_offload_kind *kind)
{
	struct hlist_head *ripe = kind->list(&dev->xfrm_offloads.ripe);
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
	hlist_move_list(&b->deferred.states, &b->ripe.states);
	hlist_move_list(&b->deferred.policies, &b->ripe.policies);
	spin_unlock_bh(&xfrm_offload_lock);

	synchronize_net();

	xfrm_offload_end_ripe(dev, &xfrm_offload_states);
	xfrm_offload_end_ripe(dev, &xfrm_offload_policies);
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
	hlist_add_head(node, kind->list(&b->deferred));
	queue_work(xfrm_gc_wq, &b->work);
	__xfrm_offload_exit(b);
	spin_unlock_bh(&xfrm_offload_lock);
}

/* Returns true if this call deletes it. */
static bool xfrm_offload_delete(struct hlist_node *node,
				const struct xfrm_offload_kind *kind)
{
	struct net_device *dev;

	dev = xfrm_offload_claim_deletion(kind->xdo(node), node);
	if (!dev)
		return false;

	xfrm_offload_fence(dev, node, kind);
	if (!xfrm_offload_deletes_late(node, kind))
		kind->delete(dev->xfrmdev_ops, node);
	xfrm_offload_defer(dev, node, kind);
	return true;
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

/* --- claim --------------------------------------------------------------- */

static bool xfrm_offload_idle(struct xfrm_dev_offloads *b)
{
	bool idle;

	spin_lock_bh(&xfrm_offload_lock);
	idle = !b->pending;
	spin_unlock_bh(&xfrm_offload_lock);

	return idle;
}

static bool xfrm_offload_any(const struct xfrm_offload_batch *batch)
{
	return !hlist_empty(&batch->states) || !hlist_empty(&batch->policies);
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
	any = xfrm_offload_any(&b->added) || xfrm_offload_any(&b->suspended) ||
	      xfrm_offload_any(&b->deferred) || xfrm_offload_any(&b->ripe) ||
	      b->pending;
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
static void xfrm_offload_restage_kind(const struct xfrm_offload_kind *kind,
				      struct xfrm_offload_batch *from,
				      struct xfrm_offload_batch *to,
				      enum xfrm_offload_stage stage, bool hold)
{
	struct hlist_head *list = kind->list(from);
	struct hlist_node *node;
	int n;

	do {
		spin_lock_bh(&xfrm_offload_lock);
		for (n = 0; n < XFRM_OFFLOAD_BATCH && !hlist_empty(list); n++) {
			node = list->first;
			hlist_del(node);
			hlist_add_head(node, kind->list(to));
			WRITE_ONCE(kind->xdo(node)->stage, stage);
			if (hold)
				kind->hold(node);
		}
		spin_unlock_bh(&xfrm_offload_lock);
		cond_resched();
	} while (n == XFRM_OFFLOAD_BATCH);
}

/**
 * xfrm_offload_restage - move offloads from one list to another
 * @from: list of a device, or offloads that the caller owns; empty afterwards
 * @to: receives them
 * @stage: their stage from then on
 * @hold: whether to take a reference to each
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_offload_restage(struct xfrm_offload_batch *from,
			  struct xfrm_offload_batch *to,
			  enum xfrm_offload_stage stage, bool hold)
{
	xfrm_offload_restage_kind(&xfrm_offload_states, from, to, stage, hold);
	xfrm_offload_restage_kind(&xfrm_offload_policies, from, to, stage,
				  hold);
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

	xfrm_offload_restage(&b->added, batch, XFRM_STAGE_UNBINDING, true);

	/* What was deleted after xfrm_offload_close() joins the deferred. */
	wait_var_event(&b->pending, xfrm_offload_idle(b));

	xfrm_offload_restage(&b->deferred, deleted, XFRM_STAGE_UNBINDING,
			     false);
	xfrm_offload_restage(&b->ripe, deleted, XFRM_STAGE_UNBINDING, false);
}

/* Does a template of the policy name the SA by its SPI? */
static bool xfrm_offload_policy_names(const struct xfrm_policy *xp,
				      const struct xfrm_state *x)
{
	struct xfrm_state *named;
	int i;

	for (i = 0; i < xp->xfrm_nr; i++) {
		named = xfrm_offload_named_state(xp, &xp->xfrm_vec[i]);
		if (named)
			xfrm_state_put(named);
		if (named == x)
			return true;
	}

	return false;
}

/**
 * xfrm_offload_claim_policies - claim the outbound policies that name an SA
 * @dev: their device
 * @x: outbound SA with an SPI, in the SAD
 * @batch: empty lists, which receive the policies; the caller gets a reference to
 *	each
 *
 * Context: process, under RTNL.
 */
void xfrm_offload_claim_policies(struct net_device *dev,
				 const struct xfrm_state *x,
				 struct xfrm_offload_batch *batch)
{
	struct hlist_node *tmp;
	struct xfrm_policy *xp;

	spin_lock_bh(&xfrm_offload_lock);
	hlist_for_each_entry_safe(xp, tmp, &dev->xfrm_offloads.added.policies,
				  xdo_node) {
		if (xp->xdo.dir != XFRM_DEV_OFFLOAD_OUT ||
		    !xfrm_offload_policy_names(xp, x))
			continue;
		hlist_del(&xp->xdo_node);
		hlist_add_head(&xp->xdo_node, &batch->policies);
		WRITE_ONCE(xp->xdo.stage, XFRM_STAGE_UNBINDING);
		xfrm_pol_hold(xp);
	}
	spin_unlock_bh(&xfrm_offload_lock);
}

static void xfrm_offload_end_list(struct hlist_head *list,
				  const struct xfrm_offload_kind *kind)
{
	struct hlist_node *node, *tmp;
	struct net_device *dev;
	bool pending;

	hlist_for_each_safe(node, tmp, list) {
		dev = kind->xdo(node)->dev;
		pending = kind->xdo(node)->stage == XFRM_STAGE_DELETING;
		hlist_del_init(node);
		xfrm_offload_end(dev, node, kind);
		if (pending)
			xfrm_offload_exit(dev);
		kind->put(node);
		cond_resched();
	}
}

/**
 * xfrm_offload_end_batch - end claimed deletions
 * @deleted: from xfrm_offload_claim() or xfrm_offload_claim_state(), a grace
 *	period ago
 *
 * Bundles, sockets and queued packets may hold a deleted SA or policy for long.
 * When this returns, none of these references the device.
 *
 * Context: process, may sleep.
 */
void xfrm_offload_end_batch(struct xfrm_offload_batch *deleted)
{
	xfrm_offload_end_list(&deleted->states, &xfrm_offload_states);
	xfrm_offload_end_list(&deleted->policies, &xfrm_offload_policies);
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
 * xfrm_offload_claim_state - claim one SA, if its offload has a given stage
 * @x: an SA of which the caller holds a reference, or which cannot be freed
 * @from: XFRM_STAGE_ADDED, under RTNL: the caller gets another reference, to
 *	unbind or migrate @x; XFRM_STAGE_DEFERRED: it gets the reference of the
 *	deletion, and an unbind of the device waits until
 *	xfrm_offload_end_batch()
 * @batch: receives the offload
 *
 * Context: any.
 * Return: true if the caller owns the offload now.
 */
bool xfrm_offload_claim_state(struct xfrm_state *x,
			      enum xfrm_offload_stage from,
			      struct xfrm_offload_batch *batch)
{
	bool claimed;

	spin_lock_bh(&xfrm_offload_lock);
	claimed = x->xso.stage == from;
	if (claimed) {
		hlist_del(&x->xso_node);
		hlist_add_head(&x->xso_node, &batch->states);
	}
	if (claimed && from == XFRM_STAGE_DEFERRED) {
		WRITE_ONCE(x->xso.stage, XFRM_STAGE_DELETING);
		x->xso.dev->xfrm_offloads.pending++;
	} else if (claimed) {
		WRITE_ONCE(x->xso.stage, XFRM_STAGE_UNBINDING);
		xfrm_state_hold(x);
	}
	spin_unlock_bh(&xfrm_offload_lock);

	return claimed;
}

static bool xfrm_offload_first_on(struct xfrm_offload_batch *batch,
				  const struct xfrm_offload_kind *kind,
				  const struct net_device *lower)
{
	struct hlist_node *node = kind->list(batch)->first;

	return node && kind->xdo(node)->real_dev == lower;
}

static bool xfrm_offload_kind_on(struct xfrm_dev_offloads *b,
				 const struct xfrm_offload_kind *kind,
				 const struct net_device *lower)
{
	return xfrm_offload_first_on(&b->added, kind, lower) ||
	       xfrm_offload_first_on(&b->deferred, kind, lower) ||
	       xfrm_offload_first_on(&b->ripe, kind, lower);
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
	on = xfrm_offload_kind_on(b, &xfrm_offload_states, lower) ||
	     xfrm_offload_kind_on(b, &xfrm_offload_policies, lower);
	spin_unlock_bh(&xfrm_offload_lock);

	return on;
}
