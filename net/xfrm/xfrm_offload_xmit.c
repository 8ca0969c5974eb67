// SPDX-License-Identifier: GPL-2.0
/*
 * The path of a packet to a device that does packet offload.
 *
 * The packet is plain until the hardware encrypts it. It may wait in a qdisc, a
 * neighbour's queue or a netfilter queue, be routed elsewhere, or reach a
 * device whose SA is gone; a plain packet itself does not show that it must not
 * leave. So it is marked: it carries its SA in a sec_path, and
 * validate_xmit_xfrm(), the last test before a driver, drops it unless the SA
 * is valid and on that device. There the mark is hidden: xfrm_offload() does
 * not find it, and drivers see the packet as before.
 *
 * The hardware looks up the policy again, in its own tables and by the headers
 * that the packet has then. So a packet is marked only if its headers still
 * find its policy, and the mark records them. If tc, a qdisc or an upper device
 * has changed or encapsulated the packet since, it is dropped at the last test.
 * A marked packet has passed netfilter's hooks and passes none of them again.
 * If nothing is configured that changes packets, nothing is recorded or
 * compared.
 *
 * The test and the driver's ndo_start_xmit() run in one RCU read-side section.
 * An unbind clears @live and waits for a grace period before it touches the
 * hardware: no packet passes the test and finds the hardware stopped. A packet
 * that is requeued because the driver was busy is tested again.
 */

#include <kunit/visibility.h>
#include <linux/bpf-cgroup.h>
#include <linux/if_vlan.h>
#include <linux/jump_label.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/siphash.h>
#include <net/dst.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/ndisc.h>
#include <net/route.h>
#include <net/xfrm.h>
#include <net/xfrm_packet_offload.h>

#include "xfrm_offload.h"

/**
 * struct xfrm_packet_flow - what hardware compares with its policies
 * @addrs: source and destination; where they do not fit, a keyed hash of them
 * @ports: source and destination, or type and code of ICMP, or 0
 * @protocol: EtherType
 * @proto: protocol above IP
 * @later: a fragment that does not have the header with the ports
 * @by_ports: the policy was found by the ports, too
 * @recorded: the rest is set
 */
struct xfrm_packet_flow {
#if BITS_PER_LONG == 64
	u64	addrs[4];
#else
	u64	addrs[1];
#endif
	__be32	ports;
	__be16	protocol;
	u8	proto;
	bool	later : 1,
		by_ports : 1,
		recorded : 1;
};

/* Can anything change packets between their mark and the hardware? */
static DEFINE_STATIC_KEY_FALSE(xfrm_packet_offload_watched);

/**
 * xfrm_packet_offload_watch - compare packets with their mark from now on
 *
 * Called before anything is configured that may change marked packets: a hook
 * at the egress of a device, a filter, a qdisc. It stays on, because a changed
 * packet may be queued longer than that is configured.
 *
 * Context: process, may sleep.
 */
void xfrm_packet_offload_watch(void)
{
	static_branch_enable(&xfrm_packet_offload_watched);
}
EXPORT_SYMBOL_GPL(xfrm_packet_offload_watch);

/* A mark names one SA; the headers are stored in the rest of @xvec. */
static struct xfrm_packet_flow *xfrm_packet_flow_of(struct sec_path *sp)
{
	BUILD_BUG_ON(sizeof(struct xfrm_packet_flow) >
		     sizeof(sp->xvec) - sizeof(sp->xvec[0]));

	return (struct xfrm_packet_flow *)&sp->xvec[1];
}

static void xfrm_packet_flow_set_addrs(struct xfrm_packet_flow *flow,
				       const void *addrs, size_t len)
{
#if BITS_PER_LONG == 64
	memcpy(flow->addrs, addrs, len);
#else
	static siphash_key_t key __read_mostly;

	net_get_random_once(&key, sizeof(key));
	flow->addrs[0] = siphash(addrs, len, &key);
#endif
}

/* Hardware looks for ports within the length in the header. The segments of a
 * packet get lengths of their own.
 */
static bool xfrm_packet_flow_fits(const struct sk_buff *skb, int offset,
				  __be16 len)
{
	return skb->len - offset == ntohs(len) || skb_is_gso(skb);
}

static bool xfrm_packet_flow_read_ports(const struct sk_buff *skb, int offset,
					struct xfrm_packet_flow *flow)
{
	const void *head;
	__be32 buf;

	flow->ports = 0;
	switch (flow->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		head = skb_header_pointer(skb, offset, sizeof(buf), &buf);
		if (unlikely(!head))
			return false;
		memcpy(&flow->ports, head, sizeof(flow->ports));
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		head = skb_header_pointer(skb, offset, 2, &buf);
		if (unlikely(!head))
			return false;
		memcpy(&flow->ports, head, 2);
		break;
	}

	return true;
}

static bool xfrm_packet_flow_read_v4(const struct sk_buff *skb, int offset,
				     struct xfrm_packet_flow *flow)
{
	const struct iphdr *iph;
	struct iphdr buf;

	iph = skb_header_pointer(skb, offset, sizeof(buf), &buf);
	if (unlikely(!iph || iph->version != 4 || iph->ihl < 5 ||
		     !xfrm_packet_flow_fits(skb, offset, iph->tot_len)))
		return false;

	xfrm_packet_flow_set_addrs(flow, &iph->saddr, 2 * sizeof(iph->saddr));
	flow->proto = iph->protocol;
	flow->later = (iph->frag_off & htons(IP_OFFSET)) != 0;

	return flow->later ||
	       xfrm_packet_flow_read_ports(skb, offset + iph->ihl * 4, flow);
}

static bool xfrm_packet_flow_read_v6(const struct sk_buff *skb, int offset,
				     struct xfrm_packet_flow *flow)
{
	const struct ipv6_opt_hdr *opt;
	const struct ipv6hdr *ip6h;
	struct ipv6_opt_hdr opt_buf;
	struct ipv6hdr buf;
	__be16 frag_off;

	ip6h = skb_header_pointer(skb, offset, sizeof(buf), &buf);
	if (unlikely(!ip6h || ip6h->version != 6 ||
		     !xfrm_packet_flow_fits(skb, offset + sizeof(*ip6h),
					    ip6h->payload_len)))
		return false;

	xfrm_packet_flow_set_addrs(flow, &ip6h->saddr,
				   2 * sizeof(ip6h->saddr));
	flow->proto = ip6h->nexthdr;
	flow->later = false;
	offset += sizeof(*ip6h);
	if (unlikely(ipv6_ext_hdr(flow->proto))) {
		offset = ipv6_skip_exthdr(skb, offset, &flow->proto, &frag_off);
		if (offset < 0)
			return false;
		if (flow->proto == NEXTHDR_FRAGMENT) {
			opt = skb_header_pointer(skb, offset, sizeof(opt_buf),
						 &opt_buf);
			if (!opt)
				return false;
			flow->proto = opt->nexthdr;
			flow->later = true;
		}
	}

	return flow->later || xfrm_packet_flow_read_ports(skb, offset, flow);
}

/* Read the headers of a packet whose IP header is at @offset. */
static bool xfrm_packet_flow_read(const struct sk_buff *skb, int offset,
				  __be16 protocol,
				  struct xfrm_packet_flow *flow)
{
	flow->protocol = protocol;

	switch (protocol) {
	case htons(ETH_P_IP):
		return xfrm_packet_flow_read_v4(skb, offset, flow);
	case htons(ETH_P_IPV6):
		return xfrm_packet_flow_read_v6(skb, offset, flow);
	}

	return false;
}

/**
 * xfrm_packet_flow_record - record the headers of a packet in its mark
 * @skb: packet with a sec_path of its own
 * @offset: where its IP header begins
 * @protocol: EtherType
 * @by_ports: the policy compares ports
 *
 * Context: any.
 * Return: 0; -EPERM if the headers cannot be read.
 */
VISIBLE_IF_KUNIT int xfrm_packet_flow_record(struct sk_buff *skb, int offset,
					     __be16 protocol, bool by_ports)
{
	struct xfrm_packet_flow *flow = xfrm_packet_flow_of(skb_sec_path(skb));

	if (!xfrm_packet_flow_read(skb, offset, protocol, flow))
		return -EPERM;

	flow->by_ports = by_ports;
	flow->recorded = true;
	return 0;
}

static bool xfrm_packet_flow_equal(const struct xfrm_packet_flow *now,
				   const struct xfrm_packet_flow *was)
{
	size_t len = sizeof(now->addrs);

	if (now->protocol != was->protocol || now->proto != was->proto)
		return false;

	if (BITS_PER_LONG == 64 && now->protocol == htons(ETH_P_IP))
		len = sizeof(now->addrs[0]);
	if (memcmp(now->addrs, was->addrs, len))
		return false;

	/* The stack fragments after the lookup. A later fragment has no ports,
	 * and finds no policy of the hardware that compares ports.
	 */
	if (now->later)
		return was->later || !was->by_ports;

	return !was->later && now->ports == was->ports;
}

static int xfrm_packet_offload_drop(struct sk_buff *skb, struct xfrm_state *x,
				    enum skb_drop_reason reason, int mib,
				    int err)
{
	XFRM_INC_STATS(xs_net(x), mib);
	kfree_skb_reason(skb, reason);
	return err;
}

/* Was the packet's policy retired since it was marked? True as well if too many
 * were retired since to tell.
 */
static bool xfrm_packet_offload_retired(const struct xfrm_dev_offloads *b,
					const struct xfrm_offload *xo)
{
	u32 now = READ_ONCE(b->generation), n = xo->seq.low;

	if (likely(now == n))
		return false;

	if (!xo->seq.hi || now - n >= XFRM_OFFLOADS_RETIRED)
		return true;

	/* Pairs with xfrm_packet_offload_retire(). */
	smp_rmb();
	for (; n != now; n++)
		if (READ_ONCE(b->retired[n % XFRM_OFFLOADS_RETIRED]) ==
		    xo->seq.hi)
			return true;

	/* Entries that were read may have been overwritten. */
	smp_rmb();
	return READ_ONCE(b->generation) - xo->seq.low >= XFRM_OFFLOADS_RETIRED;
}

/* Can a packet of an SA on @live leave through @dev? A bond passes it to
 * @real_dev. A VLAN, bridge or bond above @live passes it on, and it is tested
 * again there. Other upper devices may not: a macvlan hands a packet to a
 * sibling in clear.
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

/* A VLAN on top of another one. */
static bool xfrm_packet_offload_nested(const struct net_device *vlan)
{
#if IS_ENABLED(CONFIG_VLAN_8021Q)
	return is_vlan_dev(vlan_dev_priv(vlan)->real_dev);
#else
	return false;
#endif
}

/* Hardware looks behind one 802.1Q tag, which it inserts itself. */
static int xfrm_packet_offload_way(struct net_device *live,
				   struct net_device *real_dev,
				   struct net_device *dev)
{
	if (likely(dev == live || dev == real_dev))
		return 0;

	if (!xfrm_packet_offload_leads(live, real_dev, dev))
		return -EHOSTUNREACH;

	if (is_vlan_dev(dev) &&
	    (vlan_dev_vlan_proto(dev) != htons(ETH_P_8021Q) ||
	     xfrm_packet_offload_nested(dev) ||
	     !(live->features & NETIF_F_HW_VLAN_CTAG_TX)))
		return -EOPNOTSUPP;

	return 0;
}

/**
 * xfrm_packet_offload_routed - do the packets of an SA come by its device?
 * @net: network namespace
 * @x: SA that a key manager adds
 * @xuo: the offload that it asks for
 * @extack: where a refusal is explained
 *
 * A key manager offloads to the device that has its address. If the route to the
 * peer leads elsewhere, the hardware sees no packet of the SA: an outbound one
 * would be dropped, and an inbound one arrives by another device, where its
 * sequence number cannot be tested. The routing to and from the peer is taken to
 * be symmetric. Without a route, the answer is yes.
 *
 * Context: process.
 * Return: 0, or -EINVAL, upon which key managers use crypto offload or software.
 */
int xfrm_packet_offload_routed(struct net *net, struct xfrm_state *x,
			       const struct xfrm_user_offload *xuo,
			       struct netlink_ext_ack *extack)
{
	struct net_device *dev, *out;
	int err = 0;

	if (!(xuo->flags & XFRM_OFFLOAD_PACKET))
		return 0;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(net, xuo->ifindex);
	/* The refusal of a device that offloads nothing says so. */
	if (!dev || !dev->xfrmdev_ops)
		goto out;

	out = xfrm_state_route(net, x, xuo->flags & XFRM_OFFLOAD_INBOUND, dev);
	if (!IS_ERR(out) && !(out->flags & IFF_LOOPBACK) &&
	    !xfrm_packet_offload_leads(dev, dev, out)) {
		NL_SET_ERR_MSG_FMT(extack,
				   "The route to the peer leads to %s, not to %s",
				   out->name, dev->name);
		err = -EINVAL;
	}
out:
	rcu_read_unlock();
	return err;
}

/* The mark has the policy's index, if there is one policy, and its generation. */
static int xfrm_packet_offload_stamp(struct sk_buff *skb, struct xfrm_state *x,
				     enum skb_drop_reason *reason)
{
	const struct xfrm_dst *xdst = (const struct xfrm_dst *)skb_dst(skb);
	struct xfrm_offload *xo = xfrm_offload(skb);
	struct net_device *dev, *real_dev;
	int i, err = -EINVAL;

	xo->seq.hi = 0;
	if (xdst->num_pols == 1 &&
	    xdst->pols[0]->xdo.type == XFRM_DEV_OFFLOAD_PACKET)
		xo->seq.hi = xdst->pols[0]->index;

	SKB_DR_SET(*reason, XFRM_OFFLOAD_FENCED);
	rcu_read_lock();
	dev = xfrm_offload_live_dev(&x->xso);
	if (dev) {
		SKB_DR_SET(*reason, XFRM_OFFLOAD_PATH);
		xo->seq.low = READ_ONCE(dev->xfrm_offloads.generation);
		real_dev = READ_ONCE(x->xso.real_dev);
		err = xfrm_packet_offload_way(dev, real_dev, xdst->child->dev);
	}
	rcu_read_unlock();
	if (err)
		return err;

	/* Pairs with xfrm_packet_offload_retire(): if the policy is live after
	 * the generation was read, it is retired later, and the generation
	 * differs then.
	 */
	smp_rmb();

	SKB_DR_SET(*reason, XFRM_OFFLOAD_POLICY);
	for (i = 0; i < xdst->num_pols; i++)
		if (xdst->pols[i]->xdo.converted ||
		    (xdst->pols[i]->xdo.type == XFRM_DEV_OFFLOAD_PACKET &&
		     !READ_ONCE(xdst->pols[i]->xdo.live)))
			return -EINVAL;

	return 0;
}

/* Netfilter may have changed the packet between the lookup and here. */
static bool xfrm_packet_offload_hooked(const struct net *net, u16 family)
{
#ifdef CONFIG_NETFILTER
	struct nf_hook_entries __rcu * const *hooks = net->nf.hooks_ipv4;

#if IS_ENABLED(CONFIG_IPV6)
	if (family == AF_INET6)
		hooks = net->nf.hooks_ipv6;
#endif
	return rcu_access_pointer(hooks[NF_INET_FORWARD]) ||
	       rcu_access_pointer(hooks[NF_INET_LOCAL_OUT]) ||
	       rcu_access_pointer(hooks[NF_INET_POST_ROUTING]);
#else
	return false;
#endif
}

static bool xfrm_packet_offload_by_upper(const struct xfrm_dst *xdst)
{
	const struct xfrm_selector *sel;
	int i;

	for (i = 0; i < xdst->num_pols; i++) {
		sel = &xdst->pols[i]->selector;
		if (sel->proto || sel->sport_mask | sel->dport_mask)
			return true;
	}

	return false;
}

/* The headers of packets of raw sockets, of ICMP errors and of IPv6 with a
 * routing header may differ from the flow that was looked up, as may the upper
 * protocol and ports of a tunnel's packet: UDP is added after the lookup.
 */
static bool xfrm_packet_offload_may_differ(const struct sk_buff *skb,
					   const struct net *net, u16 family)
{
	const struct xfrm_dst *xdst = (const struct xfrm_dst *)skb_dst(skb);
	const struct sock *sk = skb->sk;

	return xfrm_packet_offload_hooked(net, family) ||
	       xfrm_packet_offload_by_upper(xdst) ||
	       (sk && sk_fullsock(sk) && sk->sk_type == SOCK_RAW) ||
	       (family == AF_INET6 && ipv6_ext_hdr(ipv6_hdr(skb)->nexthdr));
}

/* Do the packet's headers find the policy of its bundle? */
static bool xfrm_packet_offload_found(struct sk_buff *skb, struct net *net,
				      u16 family)
{
	const struct xfrm_dst *xdst = (const struct xfrm_dst *)skb_dst(skb);
	const struct xfrm_policy *pol = xdst->pols[0];
	struct xfrm_policy *now;
	struct flowi fl;
	bool same;

	memset(&fl, 0, sizeof(fl));
	if (xfrm_decode_session(net, skb, &fl, family) < 0)
		return false;

	/* These are not of the packet: the hardware does not look at them. */
	fl.flowi_mark = pol->mark.v;
	if (pol->selector.ifindex)
		fl.flowi_oif = pol->selector.ifindex;

	now = xfrm_policy_lookup(net, &fl, family, XFRM_POLICY_OUT, pol->if_id);
	if (IS_ERR_OR_NULL(now))
		return false;

	/* One that replaced it meanwhile wants the same. */
	same = now == pol ||
	       !memcmp(&now->selector, &pol->selector, sizeof(now->selector));
	xfrm_pol_put(now);

	return same;
}

static bool xfrm_packet_offload_by_ports(const struct xfrm_dst *xdst)
{
	const struct xfrm_selector *sel;
	int i;

	for (i = 0; i < xdst->num_pols; i++) {
		sel = &xdst->pols[i]->selector;
		if (sel->sport_mask | sel->dport_mask)
			return true;
	}

	return false;
}

/* The stack itself cuts datagrams, and devices above add tags. */
static int xfrm_packet_offload_record(struct sk_buff *skb,
				      struct xfrm_state *x)
{
	const struct xfrm_dst *xdst = (const struct xfrm_dst *)skb_dst(skb);
	bool by_ports = xfrm_packet_offload_by_ports(xdst);
	u16 family = xdst->u.dst.ops->family;
	struct net *net = xs_net(x);
	bool may_differ;
	__be16 protocol;
	int err;

	may_differ = xfrm_packet_offload_may_differ(skb, net, family);
	if (!static_branch_unlikely(&xfrm_packet_offload_watched) &&
	    !may_differ &&
	    xdst->child->dev == READ_ONCE(x->xso.dev)) {
		xfrm_packet_flow_of(skb_sec_path(skb))->recorded = false;
		return 0;
	}

	protocol = family == AF_INET6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	err = xfrm_packet_flow_record(skb, skb_network_offset(skb), protocol,
				      by_ports);
	if (!err && may_differ && !xfrm_packet_offload_found(skb, net, family))
		err = -EPERM;

	return err;
}

/**
 * xfrm_packet_offload_mark - mark a packet for the hardware
 * @skb: plain packet; its dst is the bundle of @x
 * @x: SA of packet offload
 *
 * Context: softirq or process.
 * Return: 0; after an error @skb is freed and counted: -EINVAL if the SA is not
 * valid or the policy is not on the hardware any more, -EHOSTUNREACH if the
 * hardware is not the last to transform the packet, which no hardware could do,
 * or the route does not lead to it, -EOPNOTSUPP if VLAN tags would hide the
 * packet from it, -EPERM if the packet's headers do not find the policy,
 * -ENOMEM.
 */
int xfrm_packet_offload_mark(struct sk_buff *skb, struct xfrm_state *x)
{
	enum skb_drop_reason reason;
	struct sec_path *sp;
	int err;

	if (unlikely(READ_ONCE(x->km.state) != XFRM_STATE_VALID))
		return xfrm_packet_offload_drop(skb, x,
						SKB_DROP_REASON_XFRM_STATE_INVALID,
						LINUX_MIB_XFRMOUTOFFLOADINVALID,
						-EINVAL);

	if (unlikely(xfrm_dst_child(skb_dst(skb))->xfrm))
		return xfrm_packet_offload_drop(skb, x,
						SKB_DROP_REASON_XFRM_NESTED,
						LINUX_MIB_XFRMOUTERROR,
						-EHOSTUNREACH);

	secpath_reset(skb);
	sp = secpath_set(skb);
	if (unlikely(!sp))
		return xfrm_packet_offload_drop(skb, x, SKB_DROP_REASON_NOMEM,
						LINUX_MIB_XFRMOUTERROR,
						-ENOMEM);

	sp->olen++;
	sp->xvec[sp->len++] = x;
	xfrm_state_hold(x);

	err = xfrm_packet_offload_stamp(skb, x, &reason);
	if (!err) {
		SKB_DR_SET(reason, XFRM_OFFLOAD_CHANGED);
		err = xfrm_packet_offload_record(skb, x);
	}
	if (unlikely(err))
		return xfrm_packet_offload_drop(skb, x, reason,
						LINUX_MIB_XFRMOUTOFFLOADINVALID, err);

	return 0;
}

/* The next hop towards the other end of the tunnel. The destination in the
 * packet's own header is behind the peer and no neighbour of this host.
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
 * @x: SA of packet offload in tunnel mode
 *
 * The link layer header is that of the outer packet: the hardware puts the
 * outer header behind it.
 *
 * Context: softirq or process.
 * Return: what the neighbour's output returns; -EHOSTUNREACH if the device is
 * gone, -EPERM if a program of the cgroup refuses the packet, -ENOMEM.
 */
int xfrm_packet_offload_direct(struct sock *sk, struct sk_buff *skb,
			       struct xfrm_state *x)
{
	struct dst_entry *dst = skb_dst(skb);
	struct neighbour *neigh;
	struct net_device *dev;
	int err, room, verdict;

	/* As in the output function of the address family, which is bypassed. */
	verdict = BPF_CGROUP_RUN_PROG_INET_EGRESS(sk, skb);
	if (unlikely(verdict && verdict != NET_XMIT_CN)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_BPF_CGROUP_EGRESS);
		return verdict;
	}

	rcu_read_lock();
	if (!xfrm_offload_live_dev(&x->xso)) {
		err = xfrm_packet_offload_drop(skb, x,
					       SKB_DROP_REASON_XFRM_OFFLOAD_FENCED,
					       LINUX_MIB_XFRMOUTOFFLOADINVALID,
					       -EHOSTUNREACH);
		goto out;
	}

	dev = READ_ONCE(dst->dev);
	neigh = xfrm_packet_offload_neigh(dst, dev, x);
	if (IS_ERR(neigh)) {
		err = xfrm_packet_offload_drop(skb, x,
					       SKB_DROP_REASON_NEIGH_CREATEFAIL,
					       LINUX_MIB_XFRMOUTERROR,
					       PTR_ERR(neigh));
		goto out;
	}

	room = LL_RESERVED_SPACE(dev);
	if (unlikely(skb_headroom(skb) < room) && skb_cow_head(skb, room)) {
		err = xfrm_packet_offload_drop(skb, x, SKB_DROP_REASON_NOMEM,
					       LINUX_MIB_XFRMOUTERROR, -ENOMEM);
		goto out;
	}

	/* An unresolved neighbour would be looked up again by the packet's own
	 * destination.
	 */
	skb_dst_drop(skb);
	skb->dev = dev;
	err = neigh_output(neigh, skb, true);
out:
	rcu_read_unlock();

	return err ?: verdict;
}

/* Does the frame still have the headers that its mark records? */
static bool xfrm_packet_offload_is_same(const struct sk_buff *skb,
					struct sec_path *sp)
{
	const struct xfrm_packet_flow *was = xfrm_packet_flow_of(sp);
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;
	struct xfrm_packet_flow now;

	/* Marked before xfrm_packet_offload_watch(): it may have changed. */
	if (!was->recorded)
		return !static_branch_unlikely(&xfrm_packet_offload_watched);

	if (unlikely(skb_headlen(skb) < ETH_HLEN ||
		     eth->h_proto != was->protocol ||
		     (skb_vlan_tag_present(skb) &&
		      skb->vlan_proto != htons(ETH_P_8021Q))))
		return false;

	return xfrm_packet_flow_read(skb, ETH_HLEN, was->protocol, &now) &&
	       xfrm_packet_flow_equal(&now, was);
}

/**
 * xfrm_packet_offload_egress - test a packet behind the egress hooks
 * @skb: packet that tc or netfilter may have changed
 *
 * xfrm_packet_offload_check() would drop it later, possibly behind a queue,
 * where the sender cannot be told.
 *
 * Context: rcu_read_lock_bh(), with BH off.
 * Return: 0; -EPERM if the packet differs from its mark: it is freed then.
 */
int xfrm_packet_offload_egress(struct sk_buff *skb)
{
	struct sec_path *sp = skb_sec_path(skb);
	struct xfrm_packet_flow now;
	struct xfrm_state *x;
	bool same;

	if (!xfrm_offload(skb))
		return 0;

	x = sp->xvec[sp->len - 1];
	if (x->xso.type != XFRM_DEV_OFFLOAD_PACKET ||
	    x->xso.dir != XFRM_DEV_OFFLOAD_OUT)
		return 0;

	if (skb->dev == READ_ONCE(x->xso.real_dev))
		same = xfrm_packet_offload_is_same(skb, sp);
	else
		same = xfrm_packet_flow_of(sp)->recorded &&
		       xfrm_packet_flow_read(skb, skb_network_offset(skb),
					     skb->protocol, &now) &&
		       xfrm_packet_flow_equal(&now, xfrm_packet_flow_of(sp));
	if (same)
		return 0;

	dev_core_stats_tx_dropped_inc(skb->dev);
	return xfrm_packet_offload_drop(skb, x,
					SKB_DROP_REASON_XFRM_OFFLOAD_CHANGED,
					LINUX_MIB_XFRMOUTOFFLOADINVALID,
					-EPERM);
}

/* Hide the mark from the driver. It may be shared with copies of the packet,
 * which take another path: then a private copy is made.
 */
static enum skb_drop_reason xfrm_packet_offload_hide(struct sk_buff *skb)
{
	struct sec_path *sp;

	for (; skb; skb = skb->next) {
		sp = skb_sec_path(skb);
		if (!sp || !xfrm_packet_offload_is_same(skb, sp))
			return SKB_DROP_REASON_XFRM_OFFLOAD_CHANGED;
		sp = secpath_set(skb);
		if (!sp)
			return SKB_DROP_REASON_NOMEM;
		sp->olen = 0;
	}

	return SKB_NOT_DROPPED_YET;
}

static enum skb_drop_reason xfrm_packet_offload_test(struct sk_buff *skb,
						     struct xfrm_state *x)
{
	struct net_device *live = xfrm_offload_live_dev(&x->xso);
	struct net_device *dev = skb->dev;
	struct net_device *real_dev;

	/* Pairs with xfrm_offload_go_live(): real_dev is set before. */
	smp_rmb();
	real_dev = READ_ONCE(x->xso.real_dev);

	/* A packet of crypto offload whose SA has just been fenced: it has an
	 * ESP header and no mark.
	 */
	if (unlikely(!live || x->xso.type != XFRM_DEV_OFFLOAD_PACKET))
		return SKB_DROP_REASON_XFRM_OFFLOAD_FENCED;
	if (unlikely(READ_ONCE(x->km.state) != XFRM_STATE_VALID))
		return SKB_DROP_REASON_XFRM_STATE_INVALID;
	if (unlikely(xfrm_packet_offload_retired(&live->xfrm_offloads,
						 xfrm_offload(skb))))
		return SKB_DROP_REASON_XFRM_OFFLOAD_POLICY;
	if (unlikely(!xfrm_packet_offload_leads(live, real_dev, dev)))
		return SKB_DROP_REASON_XFRM_OFFLOAD_PATH;
	if (dev == real_dev)
		return xfrm_packet_offload_hide(skb);

	return SKB_NOT_DROPPED_YET;
}

/**
 * xfrm_packet_offload_requeued - does this packet have to be tested again?
 * @skb: packet that was tested, and then found its driver busy
 *
 * Shows the hidden mark again. Crypto offload does not hide it.
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
 * xfrm_packet_offload_check - last test before a driver
 * @skb: packet or list of segments, each carrying @x in its sec_path
 * @x: SA whose packets go through its hardware or not at all (xso.hw_only)
 *
 * Context: rcu_read_lock_bh(), with BH off.
 * Return: @skb, or NULL if it was dropped.
 */
struct sk_buff *xfrm_packet_offload_check(struct sk_buff *skb,
					  struct xfrm_state *x)
{
	enum skb_drop_reason reason = xfrm_packet_offload_test(skb, x);

	if (likely(reason == SKB_NOT_DROPPED_YET))
		return skb;

	XFRM_INC_STATS(xs_net(x), LINUX_MIB_XFRMOUTOFFLOADINVALID);
	dev_core_stats_tx_dropped_inc(skb->dev);
	atomic_inc(&skb->dev->xfrm_offloads.counts.fenced);
	kfree_skb_list_reason(skb, reason);
	return NULL;
}
