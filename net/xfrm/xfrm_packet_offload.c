// SPDX-License-Identifier: GPL-2.0
/*
 * The way of a packet to a device that does all of IPsec, and what the data
 * path may ask of such a device.
 *
 * Until the hardware encrypts it, the packet is plain. It may wait in a qdisc,
 * a neighbour's queue or a netfilter queue, be routed elsewhere, or meet a
 * device that lost its SA; nothing about a plain packet tells that it must not
 * leave. So it carries its SA in a sec_path, and validate_xmit_xfrm(), the last
 * stop before a driver, drops it unless the SA is valid and lives on the device
 * at hand. There the mark is put out of sight: xfrm_offload() does not find it,
 * and drivers see the packet as they always have.
 *
 * The test and the driver's ndo_start_xmit() run in one RCU read-side section.
 * An unbind clears @live and waits for a grace period before it touches the
 * hardware: no packet passes the test and finds the hardware stopped. One that
 * the driver was too busy for goes back into the queue: it is tested again.
 */

#include <linux/bpf-cgroup.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <net/dst.h>
#include <net/ip6_route.h>
#include <net/ndisc.h>
#include <net/route.h>
#include <net/xfrm.h>

#include "xfrm_bind.h"

static int xfrm_packet_offload_drop(struct sk_buff *skb, struct xfrm_state *x,
				    int mib, int err)
{
	XFRM_INC_STATS(xs_net(x), mib);
	kfree_skb(skb);
	return err;
}

/**
 * xfrm_packet_offload_retire - packets marked up to now do not reach a device
 * @dev: device of an outbound policy that is not live any more
 *
 * The hardware without the policy sends a packet of it as it is, though the SA is
 * there. So packets that were marked before, and still wait, must not get to it
 * when it forgets the policy, a grace period later.
 *
 * Context: any; the device is held.
 */
void xfrm_packet_offload_retire(struct net_device *dev)
{
	static DEFINE_SPINLOCK(lock);
	struct xfrm_bound *b = &dev->xfrm_bound;

	spin_lock_bh(&lock);
	/* Pairs with xfrm_packet_offload_stamp(): the policy's @live is false
	 * before the number changes.
	 */
	smp_wmb();
	WRITE_ONCE(b->generation, b->generation + 1);
	spin_unlock_bh(&lock);
}

static bool xfrm_packet_offload_stamp(struct sk_buff *skb,
				      struct xfrm_state *x)
{
	const struct xfrm_dst *xdst = (const struct xfrm_dst *)skb_dst(skb);
	const struct net_device *dev;
	int i;

	rcu_read_lock();
	dev = xfrm_offload_live_dev(&x->xso);
	if (dev)
		xfrm_offload(skb)->seq.low =
			READ_ONCE(dev->xfrm_bound.generation);
	rcu_read_unlock();
	if (!dev)
		return false;

	/* Pairs with xfrm_packet_offload_retire(): a policy that is live after
	 * the number was read is counted as gone later, if ever: then the number
	 * does not match any more.
	 */
	smp_rmb();

	for (i = 0; i < xdst->num_pols; i++)
		if (xdst->pols[i]->xdo.converted ||
		    (xdst->pols[i]->xdo.type == XFRM_DEV_OFFLOAD_PACKET &&
		     !READ_ONCE(xdst->pols[i]->xdo.live)))
			return false;

	return true;
}

/**
 * xfrm_packet_offload_mark - a packet starts its way to the hardware
 * @skb: plain packet; its dst is the bundle of @x
 * @x: packet offloaded SA
 *
 * Context: softirq or process.
 * Return: 0; after an error @skb is freed: -EINVAL if the SA is not valid or the
 * policy is not on the hardware any more, -EHOSTUNREACH if the hardware is not
 * the last to transform the packet, which no hardware could do, -ENOMEM.
 */
int xfrm_packet_offload_mark(struct sk_buff *skb, struct xfrm_state *x)
{
	struct sec_path *sp;

	if (unlikely(READ_ONCE(x->km.state) != XFRM_STATE_VALID))
		return xfrm_packet_offload_drop(skb, x,
						LINUX_MIB_XFRMOUTUNBOUND,
						-EINVAL);

	if (unlikely(xfrm_dst_child(skb_dst(skb))->xfrm))
		return xfrm_packet_offload_drop(skb, x, LINUX_MIB_XFRMOUTERROR,
						-EHOSTUNREACH);

	secpath_reset(skb);
	sp = secpath_set(skb);
	if (unlikely(!sp))
		return xfrm_packet_offload_drop(skb, x, LINUX_MIB_XFRMOUTERROR,
						-ENOMEM);

	sp->olen++;
	sp->xvec[sp->len++] = x;
	xfrm_state_hold(x);

	if (unlikely(!xfrm_packet_offload_stamp(skb, x)))
		return xfrm_packet_offload_drop(skb, x,
						LINUX_MIB_XFRMOUTUNBOUND,
						-EINVAL);

	return 0;
}

/* The next hop on the way to the other end of the tunnel. What the packet's own
 * header names is behind it: no neighbour of this host.
 */
static struct neighbour *xfrm_packet_offload_neigh(struct dst_entry *dst,
						   struct net_device *dev,
						   struct xfrm_state *x)
{
	const struct rtable *rt;

	if (dst->ops->family == AF_INET6) {
		struct rt6_info *rt6 = dst_rt6_info(dst);

		return ip_neigh_gw6(dev, rt6_nexthop(rt6, &x->id.daddr.in6));
	}

	rt = dst_rtable(dst);
	if (rt->rt_gw_family == AF_INET6)
		return ip_neigh_gw6(dev, &rt->rt_gw6);

	return ip_neigh_gw4(dev, rt->rt_gw_family ? rt->rt_gw4 :
						    x->id.daddr.a4);
}

/**
 * xfrm_packet_offload_direct - send a marked packet to its hardware
 * @sk: socket that it is sent for, or NULL
 * @skb: plain packet; its dst is the route to the other end of the tunnel
 * @x: packet offloaded SA in tunnel mode
 *
 * The link layer header is that of the outer packet: the hardware puts the outer
 * header behind it.
 *
 * Context: softirq or process.
 * Return: what the neighbour's output returns; -EHOSTUNREACH if the device is
 * gone, -EPERM if a program of the cgroup says no, -ENOMEM.
 */
int xfrm_packet_offload_direct(struct sock *sk, struct sk_buff *skb,
			       struct xfrm_state *x)
{
	struct dst_entry *dst = skb_dst(skb);
	struct neighbour *neigh;
	struct net_device *dev;
	int err, room, verdict;

	/* The output function of the address family, which would ask, is not
	 * on the way.
	 */
	verdict = BPF_CGROUP_RUN_PROG_INET_EGRESS(sk, skb);
	if (unlikely(verdict && verdict != NET_XMIT_CN)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_BPF_CGROUP_EGRESS);
		return verdict;
	}

	rcu_read_lock();
	if (!xfrm_offload_live_dev(&x->xso)) {
		err = xfrm_packet_offload_drop(skb, x, LINUX_MIB_XFRMOUTUNBOUND,
					       -EHOSTUNREACH);
		goto out;
	}

	dev = READ_ONCE(dst->dev);
	neigh = xfrm_packet_offload_neigh(dst, dev, x);
	if (IS_ERR(neigh)) {
		err = xfrm_packet_offload_drop(skb, x, LINUX_MIB_XFRMOUTERROR,
					       PTR_ERR(neigh));
		goto out;
	}

	room = LL_RESERVED_SPACE(dev);
	if (unlikely(skb_headroom(skb) < room)) {
		skb = skb_expand_head(skb, room);
		if (!skb) {
			XFRM_INC_STATS(xs_net(x), LINUX_MIB_XFRMOUTERROR);
			err = -ENOMEM;
			goto out;
		}
	}

	/* A neighbour that is still to be resolved would ask the route for the
	 * one of the packet's own address.
	 */
	skb_dst_drop(skb);
	skb->dev = dev;
	err = neigh_output(neigh, skb, true);
out:
	rcu_read_unlock();

	return err ?: verdict;
}

/* May a packet of an SA that lives on @live leave through @dev? A bond passes it
 * to @real_dev. A VLAN, bridge or bond above @live passes it on, and it is asked
 * again below. Other devices above may keep it: a macvlan gives a packet for its
 * sibling to that one, as it is.
 */
static bool xfrm_packet_offload_leads(struct net_device *live,
				      struct net_device *real_dev,
				      struct net_device *dev)
{
	bool above;

	if (dev == live || dev == real_dev)
		return true;

	if (!is_vlan_dev(dev) && !netif_is_bridge_master(dev) &&
	    !netif_is_lag_master(dev))
		return false;

	rcu_read_lock();
	above = netdev_has_upper_dev_all_rcu(live, dev);
	rcu_read_unlock();

	return above;
}

/* The mark is shared with copies of the packet, which may go elsewhere. */
static bool xfrm_packet_offload_hide(struct sk_buff *skb)
{
	struct sec_path *sp;

	for (; skb; skb = skb->next) {
		sp = secpath_set(skb);
		if (!sp)
			return false;
		sp->olen = 0;
	}

	return true;
}

/**
 * xfrm_packet_offload_requeued - does this packet have to be tested again?
 * @skb: packet that was tested, and then found its driver busy
 *
 * Brings the mark of a packet for the hardware back. Crypto offload keeps it.
 *
 * Context: softirq or process, under the lock of the queue.
 * Return: true if validate_xmit_xfrm() has to see it.
 */
bool xfrm_packet_offload_requeued(struct sk_buff *skb)
{
	struct sec_path *sp = skb_sec_path(skb);
	const struct xfrm_state *x;

	if (!sp || !sp->len)
		return false;

	x = sp->xvec[sp->len - 1];
	if (x->xso.hw_only && x->xso.dir == XFRM_DEV_OFFLOAD_OUT)
		sp->olen = sp->len;

	return xfrm_offload(skb);
}

/**
 * xfrm_packet_offload_check - last stop before a driver
 * @skb: packet or list of segments, each carrying @x in its sec_path
 * @x: SA whose packets go through its hardware or not at all (xso.hw_only)
 *
 * Context: rcu_read_lock_bh(), with BH off.
 * Return: @skb, or NULL if it was dropped.
 */
struct sk_buff *xfrm_packet_offload_check(struct sk_buff *skb,
					  struct xfrm_state *x)
{
	struct net_device *live = xfrm_offload_live_dev(&x->xso);
	struct net_device *dev = skb->dev;
	struct net_device *real_dev;

	/* Pairs with xfrm_bind_go_live(): a rebind sets real_dev before. */
	smp_rmb();
	real_dev = READ_ONCE(x->xso.real_dev);

	if (!live || READ_ONCE(x->km.state) != XFRM_STATE_VALID ||
	    xfrm_offload(skb)->seq.low !=
	    READ_ONCE(live->xfrm_bound.generation) ||
	    !xfrm_packet_offload_leads(live, real_dev, dev) ||
	    (dev == real_dev && !xfrm_packet_offload_hide(skb))) {
		XFRM_INC_STATS(xs_net(x), LINUX_MIB_XFRMOUTUNBOUND);
		dev_core_stats_tx_dropped_inc(dev);
		kfree_skb_list(skb);
		return NULL;
	}

	return skb;
}

/**
 * xfrm_crypto_offload_check - a packet with its ESP header meets another driver
 * @skb: packet or list of segments, written for the hardware of @x (XFRM_XMIT)
 * @x: SA of crypto offload
 *
 * Its payload is clear. A bond gives it to the slave that has @x; one that waited
 * in the queue of a slave must not leave when the SA has moved to the next.
 *
 * Context: rcu_read_lock_bh(), with BH off.
 * Return: @skb, or NULL if it was dropped.
 */
struct sk_buff *xfrm_crypto_offload_check(struct sk_buff *skb,
					  struct xfrm_state *x)
{
	struct net_device *dev = skb->dev;

	if (likely(READ_ONCE(x->xso.real_dev) == dev ||
		   READ_ONCE(x->xso.dev) == dev))
		return skb;

	XFRM_INC_STATS(xs_net(x), LINUX_MIB_XFRMOUTUNBOUND);
	dev_core_stats_tx_dropped_inc(dev);
	kfree_skb_list(skb);
	return NULL;
}

/**
 * xfrm_dev_agrees - ask the driver whether it takes a packet
 * @skb: the packet
 * @x: offloaded SA
 *
 * Context: softirq or process.
 * Return: what xdo_dev_offload_ok() says; true if there is no one to ask.
 */
bool xfrm_dev_agrees(struct sk_buff *skb, struct xfrm_state *x)
{
	struct net_device *dev;
	bool ok = true;

	rcu_read_lock();
	dev = xfrm_offload_live_dev(&x->xso);
	if (dev && dev->xfrmdev_ops && dev->xfrmdev_ops->xdo_dev_offload_ok)
		ok = dev->xfrmdev_ops->xdo_dev_offload_ok(skb, x);
	rcu_read_unlock();

	return ok;
}

/**
 * xfrm_dev_fills_csum - does the device write checksums inside of ESP?
 * @x: SA
 *
 * Context: softirq or process.
 * Return: true if @x lives on a device with esp-tx-csum-hw-offload.
 */
bool xfrm_dev_fills_csum(struct xfrm_state *x)
{
	struct net_device *dev;
	bool fills;

	rcu_read_lock();
	dev = xfrm_offload_live_dev(&x->xso);
	fills = dev && (dev->features & NETIF_F_HW_ESP_TX_CSUM);
	rcu_read_unlock();

	return fills;
}

/**
 * xfrm_dev_note_use - an SA was used if its device's counters have moved
 * @x: offloaded SA
 * @packets: what it had counted before they were read
 *
 * No packet of packet offload passes where software notes the time. The time at
 * which a movement is seen is never too early.
 *
 * Context: where the driver was asked.
 */
void xfrm_dev_note_use(struct xfrm_state *x, u64 packets)
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

/**
 * xfrm_dev_pull_stats - have the driver bring the SA's counters up to date
 * @x: offloaded SA
 *
 * Context: any that drivers know for xdo_dev_state_update_stats().
 */
void xfrm_dev_pull_stats(struct xfrm_state *x)
{
	u64 packets = x->curlft.packets;
	struct net_device *dev;

	rcu_read_lock();
	dev = xfrm_offload_live_dev(&x->xso);
	if (dev && dev->xfrmdev_ops->xdo_dev_state_update_stats) {
		dev->xfrmdev_ops->xdo_dev_state_update_stats(x);
		xfrm_dev_note_use(x, packets);
	}
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(xfrm_dev_pull_stats);

/**
 * xfrm_dev_push_esn - tell the driver that the upper half of ESN moved
 * @x: offloaded SA with ESN
 *
 * Context: under @x->lock.
 */
void xfrm_dev_push_esn(struct xfrm_state *x)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = xfrm_offload_live_dev(&x->xso);
	if (dev && dev->xfrmdev_ops->xdo_dev_state_advance_esn)
		dev->xfrmdev_ops->xdo_dev_state_advance_esn(x);
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(xfrm_dev_push_esn);

/**
 * xfrm_packet_offload_keeps - may an SA become what an update asks for?
 * @x: valid SA
 * @update: what it is to become
 *
 * With packet offload limits, ports, marks and the interface are the device's,
 * which has no way to learn of other ones. The times of a lifetime are the
 * stack's.
 *
 * Context: under the lock of @x.
 * Return: 0, or -EOPNOTSUPP if the device would go on with the old ones.
 */
int xfrm_packet_offload_keeps(const struct xfrm_state *x,
			      const struct xfrm_state *update)
{
	const struct xfrm_lifetime_cfg *old = &x->lft, *new = &update->lft;
	const struct xfrm_mark *smark = &update->props.smark;

	if (x->xso.type != XFRM_DEV_OFFLOAD_PACKET)
		return 0;
	if (old->soft_byte_limit != new->soft_byte_limit ||
	    old->hard_byte_limit != new->hard_byte_limit ||
	    old->soft_packet_limit != new->soft_packet_limit ||
	    old->hard_packet_limit != new->hard_packet_limit)
		return -EOPNOTSUPP;
	if (x->encap && update->encap &&
	    (x->encap->encap_sport != update->encap->encap_sport ||
	     x->encap->encap_dport != update->encap->encap_dport))
		return -EOPNOTSUPP;
	if ((smark->v || smark->m) && (smark->v != x->props.smark.v ||
				       smark->m != x->props.smark.m))
		return -EOPNOTSUPP;
	if (update->if_id && update->if_id != x->if_id)
		return -EOPNOTSUPP;

	return 0;
}

/**
 * xfrm_packet_offload_fixed - does the device have the numbers of an SA?
 * @x: SA
 * @extack: where a refusal is explained
 *
 * Return: 0, or -EOPNOTSUPP if the numbers of @x cannot be set.
 */
int xfrm_packet_offload_fixed(struct xfrm_state *x,
			      struct netlink_ext_ack *extack)
{
	if (x->xso.type != XFRM_DEV_OFFLOAD_PACKET)
		return 0;

	NL_SET_ERR_MSG(extack,
		       "The device keeps numbers and counters of an SA of packet offload, they cannot be set");
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(xfrm_packet_offload_fixed);
