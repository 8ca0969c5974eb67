// SPDX-License-Identifier: GPL-2.0
/*
 * The path of a frame through the engine.
 *
 * Out: what the stack marked for crypto offload is encrypted in place. The
 * rest is looked up in the device's own policies, with no hint from the stack,
 * as on real hardware: a policy with its SA makes ESP of the frame, and a frame
 * that matches no such pair leaves unchanged.
 *
 * In: ESP of an SA of the device is opened, and compared with the policies of
 * the device. Everything else goes up unchanged: like the tables of real
 * hardware, those of this device see ESP only.
 */

#include <linux/etherdevice.h>
#include <net/arp.h>
#include <net/gso.h>
#include <net/ndisc.h>

#include "engine.h"
#include "../netdevsim.h"

static struct sk_buff *nsim_ipsec_drop(struct nsim_ipsec *hw, struct sk_buff *skb,
				       enum nsim_ipsec_counter why)
{
	nsim_ipsec_count(hw, why);
	kfree_skb(skb);
	return NULL;
}

static struct sk_buff *nsim_ipsec_drop_tx(struct nsim_ipsec *hw, struct sk_buff *skb,
					  enum nsim_ipsec_counter why)
{
	dev_core_stats_tx_dropped_inc(hw->netdev);
	return nsim_ipsec_drop(hw, skb, why);
}

static struct sk_buff *nsim_ipsec_drop_rx(struct nsim_ipsec *hw, struct sk_buff *skb,
					  enum nsim_ipsec_counter why)
{
	dev_core_stats_rx_dropped_inc(hw->netdev);
	return nsim_ipsec_drop(hw, skb, why);
}

static bool nsim_ipsec_is_on(const struct nsim_ipsec *hw)
{
	return hw->netdev->features & NETIF_F_HW_ESP;
}

static bool nsim_ipsec_neigh_addr(struct net_device *dev, u16 family, const xfrm_address_t *daddr,
				  u8 *addr)
{
	struct neighbour *neigh;

	if (family == AF_INET)
		neigh = __ipv4_neigh_lookup_noref(dev, (__force u32)daddr->a4);
	else
		neigh = __ipv6_neigh_lookup_noref_stub(dev, &daddr->in6);
	if (!neigh || !(READ_ONCE(neigh->nud_state) & NUD_VALID))
		return false;
	neigh_ha_snapshot(addr, neigh, dev);
	return true;
}

/*
 * In tunnel mode the stack may send a packet straight to the device with no
 * link header written: the memory in front of it is undefined. The receiver
 * is the other end of the tunnel if its address is known, else the port at the
 * other end of the cable.
 */
static int nsim_ipsec_write_link_header(struct nsim_ipsec *hw, struct sk_buff *skb, u16 family,
					const xfrm_address_t *daddr)
{
	struct netdevsim *ns = netdev_priv(hw->netdev);
	struct netdevsim *peer = rcu_dereference(ns->peer);
	struct ethhdr *eth;

	if (skb_cow_head(skb, 0))
		return -ENOMEM;

	skb_reset_mac_header(skb);
	eth = eth_hdr(skb);
	eth->h_proto = skb->protocol;
	ether_addr_copy(eth->h_source, hw->netdev->dev_addr);
	if (nsim_ipsec_neigh_addr(hw->netdev, family, daddr, eth->h_dest))
		return 0;
	if (peer)
		ether_addr_copy(eth->h_dest, peer->netdev->dev_addr);
	else
		eth_broadcast_addr(eth->h_dest);
	return 0;
}

static bool nsim_ipsec_has_link_header(struct nsim_ipsec *hw, struct sk_buff *skb)
{
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;

	return eth->h_proto == skb->protocol &&
	       ether_addr_equal(eth->h_source, hw->netdev->dev_addr);
}

static struct sk_buff *nsim_ipsec_tx_plain(struct nsim_ipsec *hw, struct sk_buff *skb,
					   enum nsim_ipsec_counter why)
{
	nsim_ipsec_count(hw, why);
	return skb;
}

static enum nsim_ipsec_counter nsim_ipsec_tx_why(int err)
{
	switch (err) {
	case -ESHUTDOWN:
		return NSIM_IPSEC_TX_STOPPED;
	case -EDQUOT:
	case -EOVERFLOW:
		return NSIM_IPSEC_TX_LIMIT;
	default:
		return NSIM_IPSEC_TX_DROPPED;
	}
}

static struct sk_buff *nsim_ipsec_tx_seal(struct nsim_ipsec *hw, struct nsim_ipsec_sa *sa,
					  struct sk_buff *skb)
{
	struct nsim_ipsec_flow flow;
	int err = -EINVAL;

	if (nsim_ipsec_flow_read(&flow, skb))
		err = nsim_ipsec_esp_seal(sa, skb, &flow);
	if (err)
		return nsim_ipsec_drop_tx(hw, skb, nsim_ipsec_tx_why(err));

	nsim_ipsec_count(hw, NSIM_IPSEC_TX_ENCRYPTED);
	return skb;
}

/* Returns a list of the frames, sealed, in their order. */
static struct sk_buff *nsim_ipsec_tx_seal_segments(struct nsim_ipsec *hw, struct nsim_ipsec_sa *sa,
						   struct sk_buff *skb)
{
	struct sk_buff *segs, *next, *first = NULL, **last = &first;

	segs = skb_gso_segment(skb, 0);
	if (IS_ERR_OR_NULL(segs))
		return nsim_ipsec_drop_tx(hw, skb, NSIM_IPSEC_TX_DROPPED);
	consume_skb(skb);

	skb_list_walk_safe(segs, segs, next) {
		skb_mark_not_on_list(segs);
		*last = nsim_ipsec_tx_seal(hw, sa, segs);
		if (*last)
			last = &(*last)->next;
	}
	return first;
}

static struct sk_buff *nsim_ipsec_tx_packet(struct nsim_ipsec *hw, struct sk_buff *skb)
{
	const struct nsim_ipsec_policy *policy;
	struct nsim_ipsec_flow flow;
	struct nsim_ipsec_sa *sa;
	bool bare;

	if (!nsim_ipsec_is_on(hw) ||
	    nsim_ipsec_fault_verdict(hw, NSIM_IPSEC_CHECK_TX_LOOKUP, skb, 0) ||
	    skb_network_offset(skb) != ETH_HLEN ||
	    !nsim_ipsec_flow_read(&flow, skb))
		return nsim_ipsec_tx_plain(hw, skb, NSIM_IPSEC_TX_PLAIN);

	bare = ((const struct ethhdr *)skb->data)->h_proto != skb->protocol;
	if (bare && nsim_ipsec_write_link_header(hw, skb, flow.family, &flow.daddr))
		return nsim_ipsec_drop_tx(hw, skb, NSIM_IPSEC_TX_DROPPED);

	policy = nsim_ipsec_policy_find(hw, XFRM_DEV_OFFLOAD_OUT, &flow);
	if (!policy)
		return nsim_ipsec_tx_plain(hw, skb, NSIM_IPSEC_TX_PLAIN);
	if (policy->action == XFRM_POLICY_BLOCK)
		return nsim_ipsec_drop_tx(hw, skb, NSIM_IPSEC_TX_BLOCKED);
	if (!policy->protects)
		return nsim_ipsec_tx_plain(hw, skb, NSIM_IPSEC_TX_PLAIN);

	sa = nsim_ipsec_sa_find_out(hw, policy, &flow);
	if (!sa)
		return nsim_ipsec_tx_plain(hw, skb, NSIM_IPSEC_TX_PLAIN_NO_SA);

	if (sa->mode == XFRM_MODE_TUNNEL && (bare || !nsim_ipsec_has_link_header(hw, skb)) &&
	    nsim_ipsec_write_link_header(hw, skb, sa->family, &sa->daddr))
		return nsim_ipsec_drop_tx(hw, skb, NSIM_IPSEC_TX_DROPPED);
	if (skb_is_gso(skb))
		return nsim_ipsec_tx_seal_segments(hw, sa, skb);
	return nsim_ipsec_tx_seal(hw, sa, skb);
}

static struct sk_buff *nsim_ipsec_tx_crypto(struct nsim_ipsec *hw, struct sk_buff *skb,
					    const struct xfrm_offload *xo)
{
	struct nsim_ipsec_sa *sa = nsim_ipsec_sa_of(hw, xfrm_input_state(skb));
	struct nsim_ipsec_flow flow;
	int err;

	if (!sa || sa->type != XFRM_DEV_OFFLOAD_CRYPTO || skb_is_gso(skb) ||
	    !nsim_ipsec_flow_read(&flow, skb))
		return nsim_ipsec_drop_tx(hw, skb, NSIM_IPSEC_TX_DROPPED);

	if (READ_ONCE(sa->stopped))
		return nsim_ipsec_drop_tx(hw, skb, NSIM_IPSEC_TX_STOPPED);

	err = nsim_ipsec_esp_encrypt_payload(sa, skb, &flow, xo);
	if (err)
		return nsim_ipsec_drop_tx(hw, skb, nsim_ipsec_tx_why(err));
	nsim_ipsec_sa_count_crypto(sa, flow.len);
	nsim_ipsec_count(hw, NSIM_IPSEC_TX_CRYPTO);
	return skb;
}

/**
 * nsim_ipsec_tx - handle a frame before it goes onto the cable
 * @ns: the port
 * @skb: frame; consumed
 *
 * Return: list of frames to send, NULL if nothing is left to send.
 */
struct sk_buff *nsim_ipsec_tx(struct netdevsim *ns, struct sk_buff *skb)
{
	struct nsim_ipsec *hw = ns->ipsec;
	struct xfrm_offload *xo;

	if (!hw)
		return skb;

	rcu_read_lock();
	xo = xfrm_offload(skb);
	if (nsim_ipsec_is_gone(hw))
		skb = nsim_ipsec_drop_tx(hw, skb, NSIM_IPSEC_TX_DROPPED);
	else if (xo && xo->flags & XFRM_XMIT)
		skb = nsim_ipsec_tx_crypto(hw, skb, xo);
	else
		skb = nsim_ipsec_tx_packet(hw, skb);
	rcu_read_unlock();

	return skb;
}

static enum nsim_ipsec_counter nsim_ipsec_rx_why(int err)
{
	switch (err) {
	case -EBADMSG:
		return NSIM_IPSEC_RX_ICV_FAILED;
	case -EALREADY:
		return NSIM_IPSEC_RX_REPLAYED;
	case -ESHUTDOWN:
		return NSIM_IPSEC_RX_STOPPED;
	case -EDQUOT:
		return NSIM_IPSEC_RX_LIMIT;
	default:
		return NSIM_IPSEC_RX_DROPPED;
	}
}

static struct sk_buff *nsim_ipsec_rx_packet(struct nsim_ipsec *hw, struct nsim_ipsec_sa *sa,
					    struct sk_buff *skb, const struct nsim_ipsec_flow *flow)
{
	const struct nsim_ipsec_policy *policy;
	struct nsim_ipsec_flow inner;
	int err;

	err = nsim_ipsec_esp_open(sa, skb, flow);
	if (!err && !nsim_ipsec_flow_read(&inner, skb))
		err = -EINVAL;
	if (err) {
		nsim_ipsec_sa_refused(sa, err);
		return nsim_ipsec_drop_rx(hw, skb, nsim_ipsec_rx_why(err));
	}

	policy = nsim_ipsec_policy_find(hw, XFRM_DEV_OFFLOAD_IN, &inner);
	err = policy && !nsim_ipsec_policy_accepts(policy, sa) ? -EACCES : 0;
	if (nsim_ipsec_fault_verdict(hw, NSIM_IPSEC_CHECK_RX_POLICY, skb, err))
		return nsim_ipsec_drop_rx(hw, skb, NSIM_IPSEC_RX_POLICY_DROPPED);
	if (!nsim_ipsec_attach(sa, skb, CRYPTO_SUCCESS))
		return nsim_ipsec_drop_rx(hw, skb, NSIM_IPSEC_RX_DROPPED);

	nsim_ipsec_fault_verdict(hw, NSIM_IPSEC_CHECK_RX_DONE, skb, 0);
	nsim_ipsec_count(hw, NSIM_IPSEC_RX_DECRYPTED);
	return skb;
}

static struct sk_buff *nsim_ipsec_rx_crypto(struct nsim_ipsec *hw, struct nsim_ipsec_sa *sa,
					    struct sk_buff *skb, const struct nsim_ipsec_flow *flow)
{
	u32 status = CRYPTO_SUCCESS;
	int err;

	err = nsim_ipsec_esp_decrypt_payload(sa, skb, flow);
	if (err && err != -EBADMSG)
		return nsim_ipsec_drop_rx(hw, skb, NSIM_IPSEC_RX_DROPPED);

	/* The stack counts and audits a wrong ICV. */
	if (err) {
		nsim_ipsec_count(hw, NSIM_IPSEC_RX_ICV_FAILED);
		status = sa->mode == XFRM_MODE_TUNNEL ? CRYPTO_TUNNEL_ESP_AUTH_FAILED :
							CRYPTO_TRANSPORT_ESP_AUTH_FAILED;
	} else {
		nsim_ipsec_sa_count_crypto(sa, flow->len);
	}
	if (!nsim_ipsec_attach(sa, skb, status))
		return nsim_ipsec_drop_rx(hw, skb, NSIM_IPSEC_RX_DROPPED);

	nsim_ipsec_count(hw, NSIM_IPSEC_RX_CRYPTO);
	return skb;
}

static struct sk_buff *nsim_ipsec_rx_esp(struct nsim_ipsec *hw, struct sk_buff *skb,
					 const struct nsim_ipsec_flow *flow)
{
	const struct ip_esp_hdr *esph;
	struct nsim_ipsec_sa *sa;
	struct ip_esp_hdr buf;

	esph = skb_header_pointer(skb, flow->upper, sizeof(buf), &buf);
	sa = esph ? nsim_ipsec_sa_find_in(hw, flow, esph->spi) : NULL;
	if (!sa) {
		nsim_ipsec_count(hw, NSIM_IPSEC_RX_NO_SA);
		return skb;
	}
	if (READ_ONCE(sa->stopped))
		return nsim_ipsec_drop_rx(hw, skb, NSIM_IPSEC_RX_STOPPED);
	if (sa->type == XFRM_DEV_OFFLOAD_CRYPTO)
		return nsim_ipsec_rx_crypto(hw, sa, skb, flow);
	return nsim_ipsec_rx_packet(hw, sa, skb, flow);
}

static struct sk_buff *nsim_ipsec_rx_plain(struct nsim_ipsec *hw, struct sk_buff *skb)
{
	nsim_ipsec_fault_verdict(hw, NSIM_IPSEC_CHECK_RX_PLAIN, skb, 0);
	nsim_ipsec_count(hw, NSIM_IPSEC_RX_PLAIN);
	return skb;
}

/**
 * nsim_ipsec_rx - handle a frame before the stack sees it
 * @ns: the port
 * @skb: frame from the cable, data at the network header; consumed
 *
 * Context: NAPI.
 * Return: the frame for the stack, NULL if it was dropped.
 */
struct sk_buff *nsim_ipsec_rx(struct netdevsim *ns, struct sk_buff *skb)
{
	struct nsim_ipsec *hw = ns->ipsec;
	struct nsim_ipsec_flow flow;

	if (!hw)
		return skb;
	if (nsim_ipsec_is_gone(hw))
		return nsim_ipsec_drop_rx(hw, skb, NSIM_IPSEC_RX_DROPPED);
	if (!nsim_ipsec_is_on(hw))
		return skb;

	skb_reset_network_header(skb);
	if (!nsim_ipsec_flow_read(&flow, skb))
		return skb;

	rcu_read_lock();
	if (flow.proto == IPPROTO_ESP && !flow.fragment)
		skb = nsim_ipsec_rx_esp(hw, skb, &flow);
	else
		skb = nsim_ipsec_rx_plain(hw, skb);
	rcu_read_unlock();

	return skb;
}
