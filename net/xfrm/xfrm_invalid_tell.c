// SPDX-License-Identifier: GPL-2.0
/*
 * When the key managers learn that an SA became INVALID.
 *
 * At once: the audit record, the MIB counter, XFRM_MSG_UPDSA to the listeners of
 * the SAD (XFRMNLGRP_SA), and what a dump shows. IKE daemons listen to none of
 * these.
 *
 * The daemons get an expiry, a soft one: "negotiate a successor". The policies
 * and the SA stay until the successor is there. After a hard expiry daemons
 * delete both first, and what is sent in between leaves in clear.
 *
 * A daemon's socket may be full, above all when a device with many SAs is lost,
 * and no daemon looks through the SAD then. So the expiry of an SA that packets
 * still need comes again, a few times, after ever longer pauses. A daemon that
 * negotiates ignores it.
 *
 * A daemon reacts to it with a request to its peer. An IKE SA has one request
 * under way at a time, so a request on a path that is gone keeps the daemon from
 * moving to another path (MOBIKE, RFC 4555) until it gives up, minutes later,
 * and deletes the policies. So the expiry waits until a device that is up has the
 * local address of the SA, and a route leads to the peer. For the same reason
 * nobody is asked for a new SA in the meantime (XFRM_STANDS_SOON). An SA that
 * MOBIKE copies or that is deleted before needs no expiry.
 *
 * The SA's own lifetime still ends it with a hard expiry.
 */

#include <linux/audit.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <linux/workqueue.h>
#include <net/addrconf.h>
#include <net/ipv6_stubs.h>
#include <net/l3mdev.h>
#include <net/netns/generic.h>
#include <net/xfrm.h>
#include <trace/events/xfrm.h>

#include "xfrm_offload.h"

/* How long nothing must happen to the devices of a path before the key managers are
 * told: a link that comes and goes would lose their requests. An SA waits at least
 * so long, too: what its loss does to VLANs and bridges above the device is over
 * then, and an SA that was just added is known to its key manager. Events of other
 * devices put the look at the paths off, but not longer than the maximum.
 */
#define XFRM_HELD_SETTLE	(HZ / 4)
#define XFRM_HELD_SETTLE_MAX	(5 * HZ)
/* Duplicate address detection ends without an event, and routes come later than
 * devices: without an event it looks again after 1/4, 1/2, 1 .. 64 s, and so on.
 */
#define XFRM_HELD_AGAIN_MIN	XFRM_HELD_SETTLE
#define XFRM_HELD_AGAIN_MAX	(64 * HZ)

/* How long a key manager has to negotiate a successor before a packet asks for one */
#define XFRM_TOLD_ANSWER	(2 * HZ)

/* If a packet needs the SA, the expiry comes again after so long, then after twice as
 * long, and so on; so many times in all.
 */
#define XFRM_TOLD_AGAIN		(5 * HZ)
#define XFRM_TOLD_TIMES		6

/* Expiries in one go, and the pause until the next: a socket whose buffer has the
 * default size takes as many, and its daemon reads them in that time.
 */
#define XFRM_TOLD_BATCH		128
#define XFRM_TOLD_PAUSE		(HZ / 50 + 1)

/* A device shares the time of its last event with others, which may put an expiry off. */
#define XFRM_HELD_DEVS		64

/* SAs that are looked at with the lock held */
#define XFRM_HELD_BATCH		16

/**
 * struct xfrm_held - SAs of a netns whose expiry waits, or comes again
 * @lock: taken with bottom halves off; no lock but those of route lookups nests
 *	inside
 * @states: not referenced; an SA leaves when it is freed
 * @looked_at: those of @states that the work has still to look at, likewise
 * @work: looks for paths
 * @latest: jiffies at which it looks, whatever happens until then
 * @again: jiffies until it looks again without an event
 * @changed: jiffies of the last event, by interface index
 * @looking: the work is between two SAs
 * @ended: the netns ends
 */
struct xfrm_held {
	spinlock_t		lock; /* of @states and @looked_at */
	struct hlist_head	states;
	struct hlist_head	looked_at;
	struct delayed_work	work;
	unsigned long		latest;
	unsigned long		again;
	unsigned long		changed[XFRM_HELD_DEVS];
	bool			looking;
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

static unsigned long *xfrm_dev_changed(const struct net_device *dev)
{
	struct xfrm_held *held = net_generic(dev_net(dev), xfrm_held_net_id);

	return &held->changed[dev->ifindex % XFRM_HELD_DEVS];
}

/* Is it up, and has it been for a while? */
static bool xfrm_dev_is_steady(const struct net_device *dev)
{
	unsigned long changed;

	if (!xfrm_dev_is_up(dev))
		return false;

	changed = READ_ONCE(*xfrm_dev_changed(dev));
	return !time_in_range_open(jiffies, changed, changed + XFRM_HELD_SETTLE);
}

static bool xfrm_has_addr_v4(const struct net_device *dev, __be32 addr)
{
	const struct in_device *in_dev = __in_dev_get_rcu(dev);
	const struct in_ifaddr *ifa;

	if (!in_dev)
		return false;
	in_dev_for_each_ifa_rcu(ifa, in_dev)
		if (ifa->ifa_local == addr)
			return true;

	return false;
}

static struct net_device *xfrm_find_addr(struct net *net,
					 const xfrm_address_t *addr, u16 family,
					 struct net_device *on)
{
	struct net_device *dev;

	if (family == AF_INET) {
		if (on)
			return xfrm_has_addr_v4(on, addr->a4) ? on : NULL;
		return __ip_dev_find(net, addr->a4, false);
	}

	dev = ipv6_stub->ipv6_dev_find(net, &addr->in6, on);
	return IS_ERR_OR_NULL(dev) || (on && dev != on) ? NULL : dev;
}

/**
 * xfrm_local_dev - the device that has a local address
 * @net: network namespace
 * @addr: the address
 * @family: its family
 *
 * If several devices have it, one that is up.
 *
 * Context: inside rcu_read_lock().
 * Return: the device, or NULL.
 */
struct net_device *xfrm_local_dev(struct net *net, const xfrm_address_t *addr,
				  u16 family)
{
	struct net_device *dev, *first = xfrm_find_addr(net, addr, family, NULL);

	if (xfrm_dev_is_up(first))
		return first;

	/* Others have it, too, or are in a VRF. */
	for_each_netdev_rcu(net, dev)
		if (xfrm_dev_is_up(dev) &&
		    xfrm_find_addr(net, addr, family, dev))
			return dev;

	return first;
}

/* A lookup without an interface says nothing of such an address. */
static bool xfrm_addr_needs_dev(const xfrm_address_t *addr, u16 family)
{
	if (family == AF_INET)
		return ipv4_is_multicast(addr->a4) || ipv4_is_lbcast(addr->a4);

	return ipv6_addr_type(&addr->in6) &
	       (IPV6_ADDR_LINKLOCAL | IPV6_ADDR_MULTICAST);
}

/* As the lookup of a packet does: in transport mode it has its flow's mark. */
static void xfrm_state_route_params(struct xfrm_state *x, bool inbound,
				    struct xfrm_dst_lookup_params *params)
{
	u32 mark = 0;

	if (x->props.mode == XFRM_MODE_TRANSPORT)
		mark = x->mark.v & x->mark.m;
	params->saddr = inbound ? &x->id.daddr : &x->props.saddr;
	params->daddr = inbound ? &x->props.saddr : &x->id.daddr;
	params->mark = xfrm_smark_get(mark, x);
	params->ipproto = x->id.proto;
	if (x->encap) {
		params->ipproto = IPPROTO_UDP;
		params->uli.ports.sport = inbound ? x->encap->encap_dport :
						    x->encap->encap_sport;
		params->uli.ports.dport = inbound ? x->encap->encap_sport :
						    x->encap->encap_dport;
	}
}

/**
 * xfrm_state_route - the device by which packets to the peer of an SA leave
 * @net: network namespace
 * @x: SA with its addresses, marks and encapsulation
 * @inbound: the peer is its source
 * @dev: a device of the VRF of the addresses, or NULL
 *
 * Context: inside rcu_read_lock().
 * Return: the device; -EOPNOTSUPP if a route cannot tell; the error of the lookup
 * if there is no route.
 */
struct net_device *xfrm_state_route(struct net *net, struct xfrm_state *x,
				    bool inbound, struct net_device *dev)
{
	struct xfrm_dst_lookup_params params = { .net = net };
	struct net_device *local, *out;
	struct dst_entry *dst;

	xfrm_state_route_params(x, inbound, &params);
	if (xfrm_addr_needs_dev(params.daddr, x->props.family))
		return ERR_PTR(-EOPNOTSUPP);

	if (dev)
		params.oif = l3mdev_master_ifindex_rcu(dev);
	local = xfrm_local_dev(net, params.saddr, x->props.family);
	if (!params.oif && local)
		params.oif = l3mdev_master_ifindex_rcu(local);

	dst = __xfrm_dst_lookup(x->props.family, &params);
	if (IS_ERR(dst))
		return ERR_CAST(dst);

	out = READ_ONCE(dst->dev);
	dst_release(dst);

	return out;
}

/* Wildcards and groups are no device's. */
static bool xfrm_addr_is_local(const xfrm_address_t *addr, u16 family)
{
	if (family == AF_INET)
		return addr->a4 && !ipv4_is_multicast(addr->a4);

	return !(ipv6_addr_any(&addr->in6) || ipv6_addr_is_multicast(&addr->in6));
}

static bool xfrm_local_up(struct net *net, const xfrm_address_t *addr,
			  u16 family, struct xfrm_local *last)
{
	if (!xfrm_addr_is_local(addr, family))
		return true;
	if (last->family == family && xfrm_addr_equal(&last->addr, addr, family))
		return last->up;

	last->addr = *addr;
	last->family = family;
	last->up = xfrm_dev_is_steady(xfrm_local_dev(net, addr, family));

	return last->up;
}

static bool xfrm_invalid_was_added(const struct xfrm_state *x)
{
	return x->invalid.reason == XFRM_INVALID_TAIL ||
	       x->invalid.reason == XFRM_INVALID_REFUSED;
}

/* An SA in software that a migration stopped may not say its direction: then it is
 * that of the address that a device has.
 */
static bool xfrm_state_is_inbound(struct net *net, const struct xfrm_state *x)
{
	if (x->xso.dir)
		return x->xso.dir == XFRM_DEV_OFFLOAD_IN;
	if (x->dir)
		return x->dir == XFRM_SA_DIR_IN;

	return xfrm_local_dev(net, &x->id.daddr, x->props.family) &&
	       !xfrm_local_dev(net, &x->props.saddr, x->props.family);
}

/* Is there a device with the local address, and a route to the peer? */
static bool xfrm_invalid_has_path(struct xfrm_state *x, struct xfrm_local *last)
{
	struct net *net = xs_net(x);
	struct net_device *out;
	bool inbound, up;

	rcu_read_lock();
	inbound = xfrm_state_is_inbound(net, x);
	up = xfrm_local_up(net, inbound ? &x->id.daddr : &x->props.saddr,
			   x->props.family, last);
	if (up) {
		out = xfrm_state_route(net, x, inbound, NULL);
		up = IS_ERR(out) ? PTR_ERR(out) == -EOPNOTSUPP :
				   xfrm_dev_is_steady(out);
	}
	rcu_read_unlock();

	return up;
}

static void xfrm_invalid_expire(struct xfrm_state *x)
{
	WRITE_ONCE(x->invalid.since, jiffies);
	WRITE_ONCE(x->invalid.told, x->invalid.told + 1);
	WRITE_ONCE(x->invalid.blocks, false);
	WRITE_ONCE(x->invalid.held, false);
	trace_xfrm_sa_expired(x, x->invalid.ifname, x->invalid.reason);
	km_state_expired(x, 0, 0);
}

/**
 * xfrm_invalid_is_new - is a successor of an INVALID SA to be expected?
 * @x: the SA
 *
 * Until its expiry, and for a moment after that, nobody is asked for another SA
 * (ACQUIRE): Libreswan negotiates two then, each of which lives on.
 *
 * Context: any.
 * Return: true if a packet waits for the successor.
 */
bool xfrm_invalid_is_new(const struct xfrm_state *x)
{
	unsigned long since = READ_ONCE(x->invalid.since);

	if (READ_ONCE(x->invalid.held))
		return true;

	return READ_ONCE(x->invalid.told) == 1 &&
	       time_in_range_open(jiffies, since, since + XFRM_TOLD_ANSWER);
}

/* Under the lock. An event begins a new series when the last one is over. */
static void xfrm_held_schedule(struct xfrm_held *held)
{
	unsigned long now = jiffies, when = now + XFRM_HELD_SETTLE;

	if (held->ended)
		return;
	if (!delayed_work_pending(&held->work) ||
	    time_after_eq(now, held->latest))
		held->latest = now + XFRM_HELD_SETTLE_MAX;
	if (time_after(when, held->latest))
		when = held->latest;
	held->again = XFRM_HELD_AGAIN_MIN;
	mod_delayed_work(xfrm_gc_wq, &held->work,
			 time_after(when, now) ? when - now : 0);
}

/* Something happened to the devices of @net. */
static void xfrm_held_look(struct net *net)
{
	struct xfrm_held *held = net_generic(net, xfrm_held_net_id);

	spin_lock_bh(&held->lock);
	if (!hlist_empty(&held->states) || !hlist_empty(&held->looked_at) ||
	    held->looking)
		xfrm_held_schedule(held);
	spin_unlock_bh(&held->lock);
}

/* Under the lock. */
static void xfrm_held_list(struct xfrm_held *held, struct xfrm_state *x)
{
	WRITE_ONCE(x->invalid.on_list, true);
	hlist_add_head(&x->invalid.held_node, &held->states);
}

static void xfrm_invalid_hold(struct xfrm_state *x)
{
	struct xfrm_held *held = net_generic(xs_net(x), xfrm_held_net_id);

	spin_lock_bh(&held->lock);
	if (!held->ended) {
		WRITE_ONCE(x->invalid.since, jiffies);
		xfrm_held_list(held, x);
		xfrm_held_schedule(held);
	}
	spin_unlock_bh(&held->lock);
}

/* Under the lock. The last access: the netns may end before the SA is freed. */
static void xfrm_held_unlist(struct xfrm_state *x)
{
	hlist_del_init(&x->invalid.held_node);
	WRITE_ONCE(x->invalid.on_list, false);
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
	trace_xfrm_sa_told(x, x->invalid.ifname, x->invalid.reason);
}

/* Where the device took the path with it, what is above the device may not know
 * that yet: the answer is asked for later.
 */
static bool xfrm_invalid_has_path_now(struct xfrm_state *x)
{
	struct xfrm_local last = {};

	switch (x->invalid.reason) {
	case XFRM_INVALID_DEV_DOWN:
	case XFRM_INVALID_DEV_UNREGISTER:
	case XFRM_INVALID_SLAVE_LOST:
		return false;
	default:
		return xfrm_invalid_has_path(x, &last);
	}
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
	if (!xfrm_state_is_invalid(x) || x->invalid.untold)
		return;

	xfrm_invalid_note(x);
	if (xfrm_invalid_has_path_now(x))
		xfrm_invalid_expire(x);
	xfrm_invalid_hold(x);
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
	if (!xfrm_state_is_invalid(x) || !xfrm_invalid_was_added(x))
		return;

	xfrm_invalid_note(x);
	xfrm_invalid_hold(x);
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

	if (!READ_ONCE(x->invalid.on_list))
		return;

	held = net_generic(xs_net(x), xfrm_held_net_id);
	spin_lock_bh(&held->lock);
	xfrm_held_unlist(x);
	spin_unlock_bh(&held->lock);
}

/* --- paths that come back --------------------------------------------------- */

static bool xfrm_held_is_due(struct xfrm_state *x, struct xfrm_local *last)
{
	unsigned long wait = XFRM_HELD_SETTLE;

	if (x->invalid.told) {
		if (!READ_ONCE(x->invalid.blocks))
			return false;
		wait = XFRM_TOLD_AGAIN << (x->invalid.told - 1);
	}
	if (time_before(jiffies, x->invalid.since + wait))
		return false;

	return xfrm_invalid_was_added(x) || xfrm_invalid_has_path(x, last);
}

/* Returns the next SA that is due, referenced, and keeps the others; NULL after a
 * batch, or when all have been looked at.
 */
static struct xfrm_state *xfrm_held_next(struct xfrm_held *held,
					 struct xfrm_local *last)
{
	struct xfrm_state *found = NULL;
	int n = XFRM_HELD_BATCH;

	spin_lock_bh(&held->lock);
	while (!found && n-- && !hlist_empty(&held->looked_at)) {
		struct xfrm_state *x = hlist_entry(held->looked_at.first,
						   struct xfrm_state,
						   invalid.held_node);

		if (xfrm_state_is_invalid(x) && !xfrm_held_is_due(x, last)) {
			hlist_del_init(&x->invalid.held_node);
			hlist_add_head(&x->invalid.held_node, &held->states);
			continue;
		}
		if (refcount_inc_not_zero(&x->refcnt))
			found = x;
		xfrm_held_unlist(x);
	}
	spin_unlock_bh(&held->lock);

	return found;
}

/* The expiry of an SA that the caller refers to, and room for the next one. */
static void xfrm_held_expire(struct xfrm_held *held, struct xfrm_state *x)
{
	xfrm_invalid_expire(x);
	if (x->invalid.told >= XFRM_TOLD_TIMES)
		return;

	spin_lock_bh(&held->lock);
	if (!held->ended)
		xfrm_held_list(held, x);
	spin_unlock_bh(&held->lock);
}

static void xfrm_held_work_fn(struct work_struct *work)
{
	struct xfrm_held *held = container_of(to_delayed_work(work),
					      struct xfrm_held, work);
	struct xfrm_local last = {};
	struct xfrm_state *x;
	int told = 0;

	/* The work alone lists what it looks at. */
	spin_lock_bh(&held->lock);
	held->looking = true;
	if (hlist_empty(&held->looked_at))
		hlist_move_list(&held->states, &held->looked_at);
	spin_unlock_bh(&held->lock);

	while (!hlist_empty(&held->looked_at) && told < XFRM_TOLD_BATCH) {
		x = xfrm_held_next(held, &last);
		if (x) {
			if (xfrm_state_is_invalid(x)) {
				xfrm_held_expire(held, x);
				told++;
			}
			xfrm_state_put(x);
		}
		cond_resched();
	}

	spin_lock_bh(&held->lock);
	held->looking = false;
	if (!held->ended && !hlist_empty(&held->looked_at)) {
		mod_delayed_work(xfrm_gc_wq, &held->work, XFRM_TOLD_PAUSE);
	} else if (!held->ended && !hlist_empty(&held->states) &&
		   !delayed_work_pending(&held->work)) {
		queue_delayed_work(xfrm_gc_wq, &held->work, held->again);
		held->again = min(2 * held->again, XFRM_HELD_AGAIN_MAX);
	}
	spin_unlock_bh(&held->lock);
}

static int xfrm_held_dev_event(struct notifier_block *nb, unsigned long event,
			       void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	if (event == NETDEV_UP || event == NETDEV_DOWN ||
	    event == NETDEV_CHANGE) {
		WRITE_ONCE(*xfrm_dev_changed(dev), jiffies);
		xfrm_held_look(dev_net(dev));
	}

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
	int i;

	spin_lock_init(&held->lock);
	INIT_HLIST_HEAD(&held->states);
	INIT_HLIST_HEAD(&held->looked_at);
	INIT_DELAYED_WORK(&held->work, xfrm_held_work_fn);
	for (i = 0; i < XFRM_HELD_DEVS; i++)
		held->changed[i] = jiffies - XFRM_HELD_SETTLE;

	return 0;
}

/* Under the lock. */
static void xfrm_held_unlist_all(struct hlist_head *list)
{
	while (!hlist_empty(list)) {
		struct xfrm_state *x = hlist_entry(list->first,
						   struct xfrm_state,
						   invalid.held_node);

		xfrm_held_unlist(x);
	}
}

/* The SAD is empty. SAs that something still refers to leave the lists here, not when
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
	xfrm_held_unlist_all(&held->states);
	xfrm_held_unlist_all(&held->looked_at);
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
