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

/* Protects struct xfrm_bound of every device, and @node and @stage of every
 * struct xfrm_dev_offload. Innermost: taken under xfrm_state.lock; nothing is
 * taken inside it and no driver is called under it.
 */
static DEFINE_SPINLOCK(xfrm_bind_lock);

/* How many bindings an unbind takes over before it lets others have the lock */
#define XFRM_BIND_BATCH	64

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
		NL_SET_ERR_MSG(extack, "esp-hw-offload of the device is off");
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

/* Hang @xdo on @list of its device as @stage: the end of a callback. */
static void xfrm_bind_settle(struct net_device *dev,
			     struct xfrm_dev_offload *xdo,
			     enum xfrm_bind_stage stage,
			     struct hlist_head *list)
{
	spin_lock_bh(&xfrm_bind_lock);
	WRITE_ONCE(xdo->stage, stage);
	hlist_add_head(&xdo->node, list);
	__xfrm_bind_exit(&dev->xfrm_bound);
	spin_unlock_bh(&xfrm_bind_lock);
}

/* Take @xdo over if it is at @from: the start of a callback. The caller owns
 * the binding afterwards. Returns the device, or NULL if @xdo is not his.
 */
static struct net_device *xfrm_bind_take(struct xfrm_dev_offload *xdo,
					 enum xfrm_bind_stage from,
					 enum xfrm_bind_stage to)
{
	struct net_device *dev = NULL;

	/* Most SAs and policies of a host are never offloaded. */
	if (READ_ONCE(xdo->stage) == XFRM_BIND_NONE)
		return NULL;

	spin_lock_bh(&xfrm_bind_lock);
	if (xdo->stage == from) {
		dev = xdo->dev;
		hlist_del_init(&xdo->node);
		WRITE_ONCE(xdo->stage, to);
		dev->xfrm_bound.pending++;
	}
	spin_unlock_bh(&xfrm_bind_lock);

	return dev;
}

static void xfrm_bind_go_live(struct net_device *dev,
			      struct xfrm_dev_offload *xdo)
{
	xdo->hw_only = xdo->type == XFRM_DEV_OFFLOAD_PACKET;
	rcu_assign_pointer(xdo->live_dev, dev);

	/* Pairs with xfrm_dev_state_invalidate(), which marks, then fences. */
	smp_mb();
	if (READ_ONCE(xdo->broken))
		RCU_INIT_POINTER(xdo->live_dev, NULL);
}

/* Outbound, the driver's delete callback waits until no packet that passed a
 * test before is on its way to the hardware: that would send it as it is.
 * Larval states carry none.
 */
static bool xfrm_bind_dooms(const struct xfrm_dev_offload *xdo)
{
	return xdo->dir == XFRM_DEV_OFFLOAD_OUT &&
	       !(xdo->flags & XFRM_DEV_OFFLOAD_FLAG_ACQ);
}

/* Under xfrm_bind_lock; their nodes and all else of them belong to the work. */
static struct xfrm_bind_batch xfrm_doomed;

static void xfrm_doomed_work_fn(struct work_struct *work);
static DECLARE_WORK(xfrm_doomed_work, xfrm_doomed_work_fn);

static void xfrm_bind_doom(struct xfrm_dev_offload *xdo, struct hlist_head *list)
{
	spin_lock_bh(&xfrm_bind_lock);
	hlist_add_head(&xdo->node, list);
	spin_unlock_bh(&xfrm_bind_lock);

	queue_work(xfrm_gc_wq, &xfrm_doomed_work);
}

/**
 * xfrm_bind_flush_doomed - have the hardware forget what was deleted outbound
 *
 * Context: process, may sleep.
 * Return: true if there was something to wait for.
 */
bool xfrm_bind_flush_doomed(void)
{
	return flush_work(&xfrm_doomed_work);
}

/* What is deleted and not yet forgotten may be in the way of a new one. */
static bool xfrm_bind_made_room(int err)
{
	return (err == -EEXIST || err == -ENOSPC || err == -EBUSY) &&
	       xfrm_bind_flush_doomed();
}

/* The end of an add callback, unless the driver has said meanwhile that the SA is
 * broken: whoever looked into that found nothing to claim. He looks under the
 * same lock. Larval states carry nothing.
 */
static bool xfrm_bind_settle_sound(struct net_device *dev, struct xfrm_state *x)
{
	bool sound;

	spin_lock_bh(&xfrm_bind_lock);
	sound = !READ_ONCE(x->xso.broken) ||
		x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ;
	if (sound) {
		WRITE_ONCE(x->xso.stage, XFRM_BIND_BOUND);
		hlist_add_head(&x->xso.node, &dev->xfrm_bound.states);
		__xfrm_bind_exit(&dev->xfrm_bound);
	}
	spin_unlock_bh(&xfrm_bind_lock);

	return sound;
}

static void xfrm_bind_undo_state(struct net_device *dev, struct xfrm_state *x)
{
	RCU_INIT_POINTER(x->xso.live_dev, NULL);
	dev->xfrmdev_ops->xdo_dev_state_delete(x);
	if (dev->xfrmdev_ops->xdo_dev_state_free)
		dev->xfrmdev_ops->xdo_dev_state_free(x);
	xfrm_bind_exit(dev);
}

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

	err = xfrm_bind_enter(dev, extack);
	if (err)
		return err;

	err = dev->xfrmdev_ops->xdo_dev_state_add(x, extack);
	if (err && !larval && xfrm_bind_made_room(err))
		err = dev->xfrmdev_ops->xdo_dev_state_add(x, extack);
	if (err) {
		xfrm_bind_exit(dev);
		return err;
	}

	xfrm_bind_go_live(dev, &x->xso);
	if (!xfrm_bind_settle_sound(dev, x)) {
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
	int err;

	err = xfrm_bind_enter(dev, extack);
	if (err)
		return err;

	xp->xdo.real_dev = dev;
	err = dev->xfrmdev_ops->xdo_dev_policy_add(xp, extack);
	if (err && xfrm_bind_made_room(err))
		err = dev->xfrmdev_ops->xdo_dev_policy_add(xp, extack);
	if (err) {
		xp->xdo.real_dev = NULL;
		xfrm_bind_exit(dev);
		return err;
	}

	xfrm_bind_go_live(dev, &xp->xdo);
	xfrm_bind_settle(dev, &xp->xdo, XFRM_BIND_BOUND,
			 &dev->xfrm_bound.policies);
	return 0;
}

/* Is there a valid SA that a packet for @x would find? */
static bool xfrm_bind_has_twin(struct xfrm_state *x)
{
	struct xfrm_state *y;
	bool valid;

	y = xfrm_state_lookup(xs_net(x), x->mark.v & x->mark.m, &x->id.daddr,
			      x->id.spi, x->id.proto, x->props.family);
	if (!y)
		return false;
	valid = READ_ONCE(y->km.state) == XFRM_STATE_VALID;
	xfrm_state_put(y);

	return valid;
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
 * Context: process, under net->xfrm.xfrm_cfg_mutex.
 * Return: 0, or what xfrm_dev_state_add() returns.
 */
int xfrm_bind_new_state(struct net *net, struct xfrm_state *x,
			struct xfrm_user_offload *xuo,
			struct netlink_ext_ack *extack)
{
	if (xfrm_bind_has_twin(x)) {
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

	dev = rcu_dereference(pol->xdo.live_dev);
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

	RCU_INIT_POINTER(xdo->live_dev, NULL);
	WRITE_ONCE(xdo->dev, NULL);
	xdo->real_dev = NULL;
	xdo->offload_handle = 0;
	WRITE_ONCE(xdo->stage, XFRM_BIND_NONE);
	netdev_put(dev, &xdo->dev_tracker);
}

static void xfrm_bind_delete_state(struct net_device *dev, struct xfrm_state *x)
{
	dev->xfrmdev_ops->xdo_dev_state_delete(x);
	xfrm_bind_settle(dev, &x->xso, XFRM_BIND_DELETED,
			 &dev->xfrm_bound.dying_states);
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
	struct xfrm_dev_offload *xso = &x->xso;
	bool doom = xfrm_bind_dooms(xso);
	struct net_device *dev;

	dev = xfrm_bind_take(xso, XFRM_BIND_BOUND,
			     doom ? XFRM_BIND_DOOMED : XFRM_BIND_DELETING);
	if (!dev)
		return;

	RCU_INIT_POINTER(xso->live_dev, NULL);
	xso->hw_only = 1;
	if (doom) {
		xfrm_state_hold(x);
		xfrm_bind_doom(xso, &xfrm_doomed.states);
		return;
	}

	xfrm_bind_delete_state(dev, x);
}
EXPORT_SYMBOL_GPL(xfrm_dev_state_delete);

/* The driver's free callback, the last of a binding. */
static void xfrm_bind_free_state(struct net_device *dev, struct xfrm_state *x)
{
	if (dev->xfrmdev_ops->xdo_dev_state_free)
		dev->xfrmdev_ops->xdo_dev_state_free(x);

	xfrm_bind_release(&x->xso);
	xfrm_bind_exit(dev);
}

static void xfrm_bind_free_policy(struct net_device *dev,
				  struct xfrm_policy *xp)
{
	if (dev->xfrmdev_ops->xdo_dev_policy_free)
		dev->xfrmdev_ops->xdo_dev_policy_free(xp);

	xfrm_bind_release(&xp->xdo);
	xfrm_bind_exit(dev);
}

/**
 * xfrm_dev_state_free - give up what the hardware keeps for a deleted SA
 * @x: SA without users
 *
 * Nothing to do if there is nothing left, as after an unbind.
 *
 * Context: process; takes xfrm_bind_lock.
 */
void xfrm_dev_state_free(struct xfrm_state *x)
{
	struct net_device *dev;

	dev = xfrm_bind_take(&x->xso, XFRM_BIND_DELETED, XFRM_BIND_FREEING);
	if (dev)
		xfrm_bind_free_state(dev, x);
}

static void xfrm_bind_delete_policy(struct net_device *dev,
				    struct xfrm_policy *xp)
{
	if (dev->xfrmdev_ops->xdo_dev_policy_delete)
		dev->xfrmdev_ops->xdo_dev_policy_delete(xp);
	xfrm_bind_settle(dev, &xp->xdo, XFRM_BIND_DELETED,
			 &dev->xfrm_bound.dying_policies);
}

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
	struct xfrm_dev_offload *xdo = &xp->xdo;
	bool doom = xfrm_bind_dooms(xdo);
	struct net_device *dev;

	dev = xfrm_bind_take(xdo, XFRM_BIND_BOUND,
			     doom ? XFRM_BIND_DOOMED : XFRM_BIND_DELETING);
	if (!dev)
		return;

	RCU_INIT_POINTER(xdo->live_dev, NULL);
	if (doom) {
		xfrm_packet_offload_retire();
		xfrm_pol_hold(xp);
		xfrm_bind_doom(xdo, &xfrm_doomed.policies);
		return;
	}

	xfrm_bind_delete_policy(dev, xp);
}
EXPORT_SYMBOL_GPL(xfrm_dev_policy_delete);

/**
 * xfrm_dev_policy_free - give up what the hardware keeps for a deleted policy
 * @xp: policy without users
 *
 * Context: process or softirq; takes xfrm_bind_lock.
 */
void xfrm_dev_policy_free(struct xfrm_policy *xp)
{
	struct net_device *dev;

	dev = xfrm_bind_take(&xp->xdo, XFRM_BIND_DELETED, XFRM_BIND_FREEING);
	if (dev)
		xfrm_bind_free_policy(dev, xp);
}

/* One grace period for all that was deleted before it. */
static void xfrm_doomed_work_fn(struct work_struct *work)
{
	struct xfrm_bind_batch doomed = {};
	struct hlist_node *tmp;
	struct xfrm_policy *xp;
	struct xfrm_state *x;

	spin_lock_bh(&xfrm_bind_lock);
	hlist_move_list(&xfrm_doomed.states, &doomed.states);
	hlist_move_list(&xfrm_doomed.policies, &doomed.policies);
	spin_unlock_bh(&xfrm_bind_lock);

	synchronize_net();

	hlist_for_each_entry_safe(x, tmp, &doomed.states, xso.node) {
		hlist_del_init(&x->xso.node);
		xfrm_bind_delete_state(x->xso.dev, x);
		xfrm_state_put(x);
		cond_resched();
	}

	hlist_for_each_entry_safe(xp, tmp, &doomed.policies, xdo.node) {
		hlist_del_init(&xp->xdo.node);
		xfrm_bind_delete_policy(xp->xdo.dev, xp);
		xfrm_pol_put(xp);
		cond_resched();
	}
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
	      !hlist_empty(&b->dying_states) ||
	      !hlist_empty(&b->dying_policies) || b->pending;
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
static void xfrm_bind_restage(struct hlist_head *from, struct hlist_head *to,
			      enum xfrm_bind_stage stage,
			      void (*hold)(struct xfrm_dev_offload *xdo))
{
	struct xfrm_dev_offload *xdo;
	int n;

	do {
		spin_lock_bh(&xfrm_bind_lock);
		for (n = 0; n < XFRM_BIND_BATCH && !hlist_empty(from); n++) {
			xdo = hlist_entry(from->first, struct xfrm_dev_offload,
					  node);
			hlist_del(&xdo->node);
			hlist_add_head(&xdo->node, to);
			WRITE_ONCE(xdo->stage, stage);
			if (hold)
				hold(xdo);
		}
		spin_unlock_bh(&xfrm_bind_lock);
		cond_resched();
	} while (n == XFRM_BIND_BATCH);
}

/* Who is bound has a reference: the one that the SAD, the SPD or the task
 * which is about to insert it there holds. All of them end the binding before
 * they drop it.
 */
static void xfrm_bind_hold_state(struct xfrm_dev_offload *xdo)
{
	xfrm_state_hold(container_of(xdo, struct xfrm_state, xso));
}

static void xfrm_bind_hold_policy(struct xfrm_dev_offload *xdo)
{
	xfrm_pol_hold(container_of(xdo, struct xfrm_policy, xdo));
}

/**
 * xfrm_bind_claim - take over all that is bound to a device
 * @dev: a device that xfrm_bind_close() has closed
 * @batch: empty lists, which receive the bindings; each of their SAs and
 *	policies is held by a reference of the caller's
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_bind_claim(struct net_device *dev, struct xfrm_bind_batch *batch)
{
	xfrm_bind_restage(&dev->xfrm_bound.states, &batch->states,
			  XFRM_BIND_UNBINDING, xfrm_bind_hold_state);
	xfrm_bind_restage(&dev->xfrm_bound.policies, &batch->policies,
			  XFRM_BIND_UNBINDING, xfrm_bind_hold_policy);
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
		hlist_del(&x->xso.node);
		hlist_add_head(&x->xso.node, &batch->states);
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
	xfrm_bind_restage(&batch->states, &dev->xfrm_bound.parked_states,
			  XFRM_BIND_PARKED, NULL);
	xfrm_bind_restage(&batch->policies, &dev->xfrm_bound.parked_policies,
			  XFRM_BIND_PARKED, NULL);
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
	xfrm_bind_restage(&dev->xfrm_bound.parked_states, &batch->states,
			  XFRM_BIND_UNBINDING, NULL);
	xfrm_bind_restage(&dev->xfrm_bound.parked_policies, &batch->policies,
			  XFRM_BIND_UNBINDING, NULL);
}

/**
 * xfrm_bind_again - a binding is on the hardware again
 * @dev: its device
 * @xdo: a binding of the caller's, on no list
 * @list: the device's list of its kind
 *
 * Context: process, under RTNL; for an SA under its lock.
 */
void xfrm_bind_again(struct net_device *dev, struct xfrm_dev_offload *xdo,
		     struct hlist_head *list)
{
	xfrm_bind_go_live(dev, xdo);

	spin_lock_bh(&xfrm_bind_lock);
	WRITE_ONCE(xdo->stage, XFRM_BIND_BOUND);
	hlist_add_head(&xdo->node, list);
	spin_unlock_bh(&xfrm_bind_lock);
}

/**
 * xfrm_bind_on - is what a device holds on the hardware of a lower device?
 * @dev: device that offloads to one lower device at a time
 * @lower: the lower device
 *
 * Context: process, under RTNL.
 * Return: true if @dev holds something, and @lower is the hardware below it.
 */
bool xfrm_bind_on(struct net_device *dev, const struct net_device *lower)
{
	struct xfrm_bound *b = &dev->xfrm_bound;
	struct hlist_node *first;
	bool on = false;

	spin_lock_bh(&xfrm_bind_lock);
	first = b->states.first ?: b->policies.first;
	if (first)
		on = hlist_entry(first, struct xfrm_dev_offload,
				 node)->real_dev == lower;
	spin_unlock_bh(&xfrm_bind_lock);

	return on;
}

/* Take a deleted SA or policy off @list that still has users, and with it the
 * duty to free it on the hardware. One that has none is about to be freed by
 * whoever dropped the last reference.
 */
static struct xfrm_dev_offload *
xfrm_bind_take_dying(struct xfrm_bound *b, struct hlist_head *list,
		     bool (*hold)(struct xfrm_dev_offload *xdo))
{
	struct xfrm_dev_offload *xdo, *found = NULL;

	spin_lock_bh(&xfrm_bind_lock);
	hlist_for_each_entry(xdo, list, node) {
		if (!hold(xdo))
			continue;
		hlist_del_init(&xdo->node);
		WRITE_ONCE(xdo->stage, XFRM_BIND_FREEING);
		b->pending++;
		found = xdo;
		break;
	}
	spin_unlock_bh(&xfrm_bind_lock);

	return found;
}

static bool xfrm_bind_try_state(struct xfrm_dev_offload *xdo)
{
	return refcount_inc_not_zero(&container_of(xdo, struct xfrm_state,
						   xso)->refcnt);
}

static bool xfrm_bind_try_policy(struct xfrm_dev_offload *xdo)
{
	return refcount_inc_not_zero(&container_of(xdo, struct xfrm_policy,
						   xdo)->refcnt);
}

static bool xfrm_bind_gone(struct xfrm_bound *b)
{
	bool gone;

	spin_lock_bh(&xfrm_bind_lock);
	gone = !b->pending && hlist_empty(&b->dying_states) &&
	       hlist_empty(&b->dying_policies);
	spin_unlock_bh(&xfrm_bind_lock);

	return gone;
}

/**
 * xfrm_bind_reap - free on the hardware what was deleted and is still in use
 * @dev: a device that xfrm_bind_close() has closed and that has nothing bound
 *
 * Bundles, sockets and queued packets may hold a deleted SA or policy for long.
 * When this returns, none of them holds the device.
 *
 * Context: process, may sleep, under RTNL.
 */
void xfrm_bind_reap(struct net_device *dev)
{
	struct xfrm_bound *b = &dev->xfrm_bound;
	struct xfrm_dev_offload *xdo;

	if (xfrm_bind_gone(b))
		return;

	/* What was deleted after xfrm_bind_close(), and before the rest was
	 * claimed, is still doomed: it is among the dying when its work is done.
	 */
	wait_var_event(&b->pending, xfrm_bind_idle(b));

	/* The garbage collector frees the SAs that have no users. */
	xfrm_flush_gc();

	while ((xdo = xfrm_bind_take_dying(b, &b->dying_states,
					   xfrm_bind_try_state))) {
		struct xfrm_state *x = container_of(xdo, struct xfrm_state, xso);

		xfrm_bind_free_state(dev, x);
		xfrm_state_put(x);
		cond_resched();
	}

	while ((xdo = xfrm_bind_take_dying(b, &b->dying_policies,
					   xfrm_bind_try_policy))) {
		struct xfrm_policy *xp = container_of(xdo, struct xfrm_policy,
						      xdo);

		xfrm_bind_free_policy(dev, xp);
		xfrm_pol_put(xp);
		cond_resched();
	}

	/* What is left lost its last user meanwhile and is being freed. */
	wait_var_event(&b->pending, xfrm_bind_gone(b));
}
