// SPDX-License-Identifier: GPL-2.0
/*
 * When the key managers learn that an SA became INVALID.
 *
 * At once: the audit record, the MIB counter, XFRM_MSG_UPDSA to the listeners of
 * the SAD (XFRMNLGRP_SA), and what a dump shows. IKE daemons listen to none of
 * these.
 *
 * The daemons get one expiry, a soft one: "negotiate a successor". The policies
 * and the SA stay until the successor is there. After a hard expiry daemons
 * delete both first, and what is sent in between leaves in clear.
 *
 * A daemon reacts to it with a request to its peer. An IKE SA has one request
 * under way at a time, so a request on a path that is gone keeps the daemon from
 * moving to another path (MOBIKE, RFC 4555) until it gives up, minutes later,
 * and deletes the policies. If the device took the path with it, the expiry
 * waits: until a device that is up has the local address of the SA. For the same
 * reason nobody is asked for a new SA in the meantime (XFRM_STANDS_SOON). An SA
 * that MOBIKE copies or that is deleted before needs no expiry.
 *
 * The SA's own lifetime still ends it with a hard expiry.
 */

#include <linux/audit.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <linux/workqueue.h>
#include <net/addrconf.h>
#include <net/ipv6_stubs.h>
#include <net/netns/generic.h>
#include <net/xfrm.h>

#include "xfrm_offload.h"

/* A new IPv6 address can be used after duplicate address detection, which ends
 * without a notification in the kernel.
 */
#define XFRM_HELD_LOOKS		5
#define XFRM_HELD_AGAIN		HZ
/* How long nothing must happen to the devices of the netns before the key managers
 * are told: a link that comes and goes would lose their requests. But not longer
 * than this altogether. An SA that was just added is known to its key manager by
 * then.
 */
#define XFRM_HELD_SETTLE	(HZ / 4)
#define XFRM_HELD_SETTLE_MAX	(5 * HZ)

/* SAs that are looked at with the lock held */
#define XFRM_HELD_BATCH		64

/**
 * struct xfrm_held - SAs of a netns whose expiry waits for a path
 * @lock: nests inside nothing; taken with bottom halves off
 * @states: not referenced; an SA leaves when it is freed
 * @work: looks for paths
 * @latest: jiffies at which it looks, whatever happens until then
 * @looks: how often the work still looks without a new event
 * @ended: the netns ends
 */
struct xfrm_held {
	spinlock_t		lock; /* of @states */
	struct hlist_head	states;
	struct delayed_work	work;
	unsigned long		latest;
	int			looks;
	bool			ended;
};

static unsigned int xfrm_held_net_id __read_mostly;

/* The address that was looked for last, and the answer. */
struct xfrm_local {
	xfrm_address_t	addr;
	u16		family;
	bool		up;
};

static bool xfrm_dev_is_up(const struct net_device *dev)
{
	return dev && netif_running(dev) && netif_carrier_ok(dev);
}

static bool xfrm_local_up_v4(struct net *net, __be32 addr)
{
	const struct in_ifaddr *ifa;
	struct net_device *dev;

	if (xfrm_dev_is_up(__ip_dev_find(net, addr, false)))
		return true;

	/* Two devices may have it. */
	for_each_netdev_rcu(net, dev) {
		struct in_device *in_dev = __in_dev_get_rcu(dev);

		if (!in_dev || !xfrm_dev_is_up(dev))
			continue;
		in_dev_for_each_ifa_rcu(ifa, in_dev)
			if (ifa->ifa_local == addr)
				return true;
	}

	return false;
}

static bool xfrm_local_up(struct net *net, const xfrm_address_t *addr,
			  u16 family, struct xfrm_local *last)
{
	if (last->family == family && xfrm_addr_equal(&last->addr, addr, family))
		return last->up;

	last->addr = *addr;
	last->family = family;
	rcu_read_lock();
	if (family == AF_INET)
		last->up = xfrm_local_up_v4(net, addr->a4);
	else
		last->up = xfrm_dev_is_up(ipv6_stub->ipv6_dev_find(net,
								   &addr->in6,
								   NULL));
	rcu_read_unlock();

	return last->up;
}

/* Feature off, a driver's report and the like leave the path as it is. */
static bool xfrm_invalid_took_path(const struct xfrm_state *x)
{
	switch (x->invalid.reason) {
	case XFRM_INVALID_DEV_DOWN:
	case XFRM_INVALID_DEV_UNREGISTER:
	case XFRM_INVALID_SLAVE_LOST:
		return true;
	default:
		return false;
	}
}

static bool xfrm_invalid_has_path(const struct xfrm_state *x,
				  struct xfrm_local *last)
{
	struct net *net = xs_net((struct xfrm_state *)x);
	const xfrm_address_t *local = &x->props.saddr;

	if (!xfrm_invalid_took_path(x))
		return true;
	if (x->xso.dir == XFRM_DEV_OFFLOAD_IN)
		local = &x->id.daddr;

	return xfrm_local_up(net, local, x->props.family, last);
}

static void xfrm_invalid_expire(struct xfrm_state *x)
{
	WRITE_ONCE(x->invalid.held, false);
	km_state_expired(x, 0, 0);
}

static void xfrm_invalid_hold(struct xfrm_state *x)
{
	struct xfrm_held *held = net_generic(xs_net(x), xfrm_held_net_id);

	spin_lock_bh(&held->lock);
	WRITE_ONCE(x->invalid.held, true);
	hlist_add_head(&x->invalid.held_node, &held->states);
	spin_unlock_bh(&held->lock);
}

/* Looks for paths when the devices have settled. */
static void xfrm_held_look(struct net *net)
{
	struct xfrm_held *held = net_generic(net, xfrm_held_net_id);
	unsigned long now = jiffies, when = now + XFRM_HELD_SETTLE;

	spin_lock_bh(&held->lock);
	if (!hlist_empty(&held->states) && !held->ended) {
		if (!delayed_work_pending(&held->work))
			held->latest = now + XFRM_HELD_SETTLE_MAX;
		if (time_after(when, held->latest))
			when = held->latest;
		held->looks = XFRM_HELD_LOOKS;
		mod_delayed_work(xfrm_gc_wq, &held->work,
				 time_after(when, now) ? when - now : 0);
	}
	spin_unlock_bh(&held->lock);
}

static void xfrm_invalid_audit(struct xfrm_state *x)
{
#ifdef CONFIG_AUDITSYSCALL
	struct audit_buffer *ab = xfrm_audit_start("SA-unbind");

	if (!ab)
		return;

	if (x->props.family == AF_INET)
		audit_log_format(ab, " src=%pI4 dst=%pI4", &x->props.saddr.a4,
				 &x->id.daddr.a4);
	else
		audit_log_format(ab, " src=%pI6 dst=%pI6", x->props.saddr.a6,
				 x->id.daddr.a6);

	audit_log_format(ab, " spi=%u(0x%x) dev=", ntohl(x->id.spi),
			 ntohl(x->id.spi));
	audit_log_untrustedstring(ab, x->invalid.ifname);
	audit_log_format(ab, " reason=%u exact=%u res=1", x->invalid.reason,
			 x->invalid.exact);
	audit_log_end(ab);
#endif
}

static void xfrm_invalid_note(struct xfrm_state *x)
{
	struct km_event c = { .event = XFRM_MSG_UPDSA };

	XFRM_INC_STATS(xs_net(x), LINUX_MIB_XFRMOFFLOADUNBIND);
	xfrm_invalid_audit(x);
	km_state_notify(x, &c);
}

/**
 * xfrm_invalid_tell - count, audit and report that an SA became INVALID
 * @x: the SA. Does nothing if it is not INVALID, as it may have been deleted at
 *	the same time, or was not published yet.
 *
 * Context: process.
 */
void xfrm_invalid_tell(struct xfrm_state *x)
{
	struct xfrm_local last = {};

	if (!xfrm_state_is_invalid(x) || x->invalid.untold)
		return;

	xfrm_invalid_note(x);
	if (xfrm_invalid_took_path(x) && !xfrm_invalid_has_path(x, &last)) {
		/* A device that comes up now finds it on the list, or the look
		 * finds the device.
		 */
		xfrm_invalid_hold(x);
		last = (struct xfrm_local){};
		if (xfrm_invalid_has_path(x, &last))
			xfrm_held_look(xs_net(x));
	} else {
		xfrm_invalid_expire(x);
	}
}

/**
 * xfrm_invalid_tell_added - report an SA that was added as INVALID
 * @x: a new SA, in the SAD
 *
 * The key manager that adds it may know the SA under its new addresses only when
 * the addition has returned: the expiry comes a moment later.
 *
 * Context: process.
 */
void xfrm_invalid_tell_added(struct xfrm_state *x)
{
	if (!xfrm_state_is_invalid(x) ||
	    (x->invalid.reason != XFRM_INVALID_TAIL &&
	     x->invalid.reason != XFRM_INVALID_REFUSED))
		return;

	xfrm_invalid_note(x);
	xfrm_invalid_hold(x);
	xfrm_held_look(xs_net(x));
}
EXPORT_SYMBOL_GPL(xfrm_invalid_tell_added);

/**
 * xfrm_invalid_forget - an SA is freed
 * @x: SA without a reference
 *
 * Context: process.
 */
void xfrm_invalid_forget(struct xfrm_state *x)
{
	struct xfrm_held *held;

	if (!READ_ONCE(x->invalid.held))
		return;

	held = net_generic(xs_net(x), xfrm_held_net_id);
	spin_lock_bh(&held->lock);
	hlist_del_init(&x->invalid.held_node);
	spin_unlock_bh(&held->lock);
}

/* --- paths that come back --------------------------------------------------- */

/* Returns the next SA of @from that has a path, referenced, and keeps the others
 * in @held; NULL after a batch, or when @from is empty.
 */
static struct xfrm_state *xfrm_held_next(struct xfrm_held *held,
					 struct hlist_head *from,
					 struct xfrm_local *last)
{
	struct xfrm_state *found = NULL;
	int n = XFRM_HELD_BATCH;

	spin_lock_bh(&held->lock);
	while (!found && n-- && !hlist_empty(from)) {
		struct xfrm_state *x = hlist_entry(from->first,
						   struct xfrm_state,
						   invalid.held_node);

		hlist_del_init(&x->invalid.held_node);
		if (!xfrm_invalid_has_path(x, last))
			hlist_add_head(&x->invalid.held_node, &held->states);
		else if (refcount_inc_not_zero(&x->refcnt))
			found = x;
	}
	spin_unlock_bh(&held->lock);

	return found;
}

static void xfrm_held_work_fn(struct work_struct *work)
{
	struct xfrm_held *held = container_of(to_delayed_work(work),
					      struct xfrm_held, work);
	struct hlist_head states;
	struct xfrm_state *x;
	struct xfrm_local last = {};

	spin_lock_bh(&held->lock);
	hlist_move_list(&held->states, &states);
	spin_unlock_bh(&held->lock);

	while (!hlist_empty(&states)) {
		x = xfrm_held_next(held, &states, &last);
		if (x) {
			if (xfrm_state_is_invalid(x))
				xfrm_invalid_expire(x);
			xfrm_state_put(x);
		}
		cond_resched();
	}

	spin_lock_bh(&held->lock);
	if (held->looks > 0 && !hlist_empty(&held->states) && !held->ended) {
		held->looks--;
		queue_delayed_work(xfrm_gc_wq, &held->work, XFRM_HELD_AGAIN);
	}
	spin_unlock_bh(&held->lock);
}

static int xfrm_held_dev_event(struct notifier_block *nb, unsigned long event,
			       void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	if (event == NETDEV_UP || event == NETDEV_DOWN ||
	    event == NETDEV_CHANGE)
		xfrm_held_look(dev_net(dev));

	return NOTIFY_DONE;
}

static int xfrm_held_inetaddr_event(struct notifier_block *nb,
				    unsigned long event, void *ptr)
{
	const struct in_ifaddr *ifa = ptr;

	if (event == NETDEV_UP)
		xfrm_held_look(dev_net(ifa->ifa_dev->dev));

	return NOTIFY_DONE;
}

static int xfrm_held_inet6addr_event(struct notifier_block *nb,
				     unsigned long event, void *ptr)
{
	const struct inet6_ifaddr *ifa = ptr;

	if (event == NETDEV_UP)
		xfrm_held_look(dev_net(ifa->idev->dev));

	return NOTIFY_DONE;
}

static struct notifier_block xfrm_held_dev_notifier = {
	.notifier_call = xfrm_held_dev_event,
};

static struct notifier_block xfrm_held_inetaddr_notifier = {
	.notifier_call = xfrm_held_inetaddr_event,
};

static struct notifier_block xfrm_held_inet6addr_notifier = {
	.notifier_call = xfrm_held_inet6addr_event,
};

static int __net_init xfrm_held_net_init(struct net *net)
{
	struct xfrm_held *held = net_generic(net, xfrm_held_net_id);

	spin_lock_init(&held->lock);
	INIT_HLIST_HEAD(&held->states);
	INIT_DELAYED_WORK(&held->work, xfrm_held_work_fn);

	return 0;
}

/* The SAD is empty. SAs that something still refers to leave the list here, not when
 * they are freed.
 */
static void __net_exit xfrm_held_net_exit(struct net *net)
{
	struct xfrm_held *held = net_generic(net, xfrm_held_net_id);

	spin_lock_bh(&held->lock);
	held->ended = true;
	spin_unlock_bh(&held->lock);
	cancel_delayed_work_sync(&held->work);

	spin_lock_bh(&held->lock);
	while (!hlist_empty(&held->states)) {
		struct xfrm_state *x = hlist_entry(held->states.first,
						   struct xfrm_state,
						   invalid.held_node);

		hlist_del_init(&x->invalid.held_node);
		WRITE_ONCE(x->invalid.held, false);
	}
	spin_unlock_bh(&held->lock);
}

static struct pernet_operations xfrm_held_net_ops = {
	.init = xfrm_held_net_init,
	.exit = xfrm_held_net_exit,
	.id   = &xfrm_held_net_id,
	.size = sizeof(struct xfrm_held),
};

/**
 * xfrm_invalid_tell_init - look for paths from now on
 *
 * Context: process, at boot.
 */
void __init xfrm_invalid_tell_init(void)
{
	if (register_pernet_subsys(&xfrm_held_net_ops))
		panic("xfrm: no memory for SAs whose expiry waits\n");

	register_netdevice_notifier(&xfrm_held_dev_notifier);
	register_inetaddr_notifier(&xfrm_held_inetaddr_notifier);
	register_inet6addr_notifier(&xfrm_held_inet6addr_notifier);
}
