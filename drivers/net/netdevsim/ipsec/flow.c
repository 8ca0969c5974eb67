// SPDX-License-Identifier: GPL-2.0
/* The headers of a frame, and selectors. */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "engine.h"

#define NSIM_IPSEC_MAX_EXTHDRS	8

static void nsim_ipsec_flow_read_ports(struct nsim_ipsec_flow *flow, const struct sk_buff *skb,
				       int nhoff)
{
	const __be16 *ports;
	__be16 buf[2];
	const u8 *icmp;

	switch (flow->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		ports = skb_header_pointer(skb, nhoff + flow->upper, sizeof(buf), buf);
		if (!ports)
			return;
		flow->sport = ports[0];
		flow->dport = ports[1];
		return;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		icmp = skb_header_pointer(skb, nhoff + flow->upper, 2, buf);
		if (!icmp)
			return;
		flow->sport = htons(icmp[0]);
		flow->dport = htons(icmp[1]);
		return;
	}
}

static bool nsim_ipsec_flow_read_v4(struct nsim_ipsec_flow *flow, const struct sk_buff *skb,
				    int nhoff)
{
	const struct iphdr *iph;
	struct iphdr buf;

	iph = skb_header_pointer(skb, nhoff, sizeof(buf), &buf);
	if (!iph || iph->version != 4 || iph->ihl < 5)
		return false;

	flow->family = AF_INET;
	flow->saddr.a4 = iph->saddr;
	flow->daddr.a4 = iph->daddr;
	flow->proto = iph->protocol;
	flow->fragment = ip_is_fragment(iph);
	flow->len = iph_totlen(skb, iph);
	flow->upper = iph->ihl * 4;
	flow->upper_nexthdr = offsetof(struct iphdr, protocol);
	flow->insert = flow->upper;
	flow->insert_nexthdr = flow->upper_nexthdr;
	if (flow->len < flow->upper)
		return false;

	if (!(iph->frag_off & htons(IP_OFFSET)))
		nsim_ipsec_flow_read_ports(flow, skb, nhoff);
	return true;
}

/*
 * ESP of transport mode follows the headers that routers read: hop-by-hop
 * options, a routing header, and destination options in front of that.
 */
static bool nsim_ipsec_flow_read_v6(struct nsim_ipsec_flow *flow, const struct sk_buff *skb,
				    int nhoff)
{
	unsigned int at = sizeof(struct ipv6hdr), named = offsetof(struct ipv6hdr, nexthdr), n;
	const struct ipv6hdr *ip6h;
	const struct ipv6_opt_hdr *opt;
	struct frag_hdr frag_buf;
	const struct frag_hdr *frag;
	struct ipv6hdr buf;
	bool later_fragment = false;
	u8 nexthdr;

	ip6h = skb_header_pointer(skb, nhoff, sizeof(buf), &buf);
	if (!ip6h || ip6h->version != 6)
		return false;

	flow->family = AF_INET6;
	flow->saddr.in6 = ip6h->saddr;
	flow->daddr.in6 = ip6h->daddr;
	flow->len = sizeof(*ip6h) + ntohs(ip6h->payload_len);
	if (skb_is_gso(skb))
		flow->len = skb->len - nhoff;
	flow->insert = at;
	flow->insert_nexthdr = named;
	nexthdr = ip6h->nexthdr;

	for (n = 0; ipv6_ext_hdr(nexthdr) && nexthdr != NEXTHDR_NONE && !later_fragment; n++) {
		unsigned int len;

		if (n == NSIM_IPSEC_MAX_EXTHDRS)
			return false;
		opt = skb_header_pointer(skb, nhoff + at, sizeof(frag_buf), &frag_buf);
		if (!opt)
			return false;

		switch (nexthdr) {
		case NEXTHDR_FRAGMENT:
			frag = (const struct frag_hdr *)opt;
			later_fragment = frag->frag_off & htons(IP6_OFFSET);
			flow->fragment = frag->frag_off & htons(IP6_OFFSET | IP6_MF);
			len = sizeof(*frag);
			break;
		case NEXTHDR_AUTH:
			len = ipv6_authlen(opt);
			break;
		default:
			len = ipv6_optlen(opt);
		}

		named = at;
		at += len;
		if (nexthdr == NEXTHDR_HOP || nexthdr == NEXTHDR_ROUTING) {
			flow->insert = at;
			flow->insert_nexthdr = named;
		}
		nexthdr = opt->nexthdr;
	}

	flow->proto = nexthdr;
	flow->upper = at;
	flow->upper_nexthdr = named;
	if (flow->len < at)
		return false;

	if (!later_fragment)
		nsim_ipsec_flow_read_ports(flow, skb, nhoff);
	return true;
}

/**
 * nsim_ipsec_flow_read - read the headers of a frame
 * @flow: filled in
 * @skb: frame with its network header set
 *
 * Return: false if the frame is not a complete IP packet.
 */
bool nsim_ipsec_flow_read(struct nsim_ipsec_flow *flow, const struct sk_buff *skb)
{
	int nhoff = skb_network_offset(skb);
	bool ok = false;

	memset(flow, 0, sizeof(*flow));
	if (nhoff < 0)
		return false;
	if (skb->protocol == htons(ETH_P_IP))
		ok = nsim_ipsec_flow_read_v4(flow, skb, nhoff);
	else if (skb->protocol == htons(ETH_P_IPV6))
		ok = nsim_ipsec_flow_read_v6(flow, skb, nhoff);

	return ok && flow->len <= skb->len - nhoff;
}

/**
 * nsim_ipsec_selector_match - compare a packet with a selector
 * @sel: selector of a policy or SA
 * @flow: the packet
 *
 * A selector without a family matches every packet.
 *
 * Return: true if it matches.
 */
bool nsim_ipsec_selector_match(const struct xfrm_selector *sel, const struct nsim_ipsec_flow *flow)
{
	if (!sel->family)
		return true;

	return sel->family == flow->family &&
	       addr_match(&flow->daddr, &sel->daddr, sel->prefixlen_d) &&
	       addr_match(&flow->saddr, &sel->saddr, sel->prefixlen_s) &&
	       (!sel->proto || sel->proto == flow->proto) &&
	       !((flow->sport ^ sel->sport) & sel->sport_mask) &&
	       !((flow->dport ^ sel->dport) & sel->dport_mask);
}
