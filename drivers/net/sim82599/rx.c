// SPDX-License-Identifier: GPL-2.0
/*
 * Receive: 7.1 of the datasheet. A frame passes the address filter and the
 * IPsec engine, and is written to the buffers of queue 0's descriptors. There
 * is no RSS, no flow director: with one CPU the driver sets up one queue.
 */

#include <linux/bitfield.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/unaligned.h>
#include <net/ip.h>

#include "sim82599.h"

#define SIM_RX_BATCH	64
#define SIM_RX_QUEUE	0

struct sim_rx_ring {
	union sim_rx_desc *desc;
	u32 count;
	u32 head;
	u32 tail;
	u32 buffer;		/* octets behind each descriptor */
};

/* 7.1.1.1: the exact addresses. */
static bool sim_rx_own(const struct sim_card *card, const u8 *mac)
{
	u32 low = get_unaligned_le32(mac), high = get_unaligned_le16(mac + 4);
	int i;

	for (i = 0; i < SIM_RARS; i++)
		if (sim_reg(card, sim_rah(i)) & RAH_AV &&
		    (sim_reg(card, sim_rah(i)) & 0xffff) == high &&
		    sim_reg(card, sim_ral(i)) == low)
			return true;
	return false;
}

/* 7.1.1.2: by 12 bits of the address, which 12 is for MCSTCTRL to say. */
static bool sim_rx_multicast(const struct sim_card *card, const u8 *mac)
{
	static const u8 shifts[] = { 4, 3, 2, 0 };
	u32 control = sim_reg(card, MCSTCTRL), vector;

	if (!(control & MCSTCTRL_MFE))
		return false;
	vector = (get_unaligned_le16(mac + 4) >>
		  shifts[FIELD_GET(MCSTCTRL_MO, control)]) &
		 0xfff;
	return sim_reg(card, MTA(vector / 32)) & BIT(vector % 32);
}

static bool sim_rx_wanted(const struct sim_card *card,
			  const struct sk_buff *skb)
{
	u32 control = sim_reg(card, FCTRL);

	if (is_broadcast_ether_addr(skb->data))
		return control & FCTRL_BAM;
	if (is_multicast_ether_addr(skb->data))
		return control & FCTRL_MPE || sim_rx_own(card, skb->data) ||
		       sim_rx_multicast(card, skb->data);
	return control & FCTRL_UPE || sim_rx_own(card, skb->data);
}

static u16 sim_rx_vlan(const struct sim_card *card, struct sk_buff *skb,
		       u32 *status)
{
	struct vlan_ethhdr *veth = (struct vlan_ethhdr *)skb->data;
	u16 tag;

	if (!(sim_reg(card, sim_rxq(SIM_RX_QUEUE, RXDCTL)) & RXDCTL_VME) ||
	    skb->len < VLAN_ETH_HLEN ||
	    veth->h_vlan_proto != htons(ETH_P_8021Q))
		return 0;
	tag = ntohs(veth->h_vlan_TCI);
	memmove(skb->data + VLAN_HLEN, skb->data, 2 * ETH_ALEN);
	__skb_pull(skb, VLAN_HLEN);
	*status |= RXD_VP;
	return tag;
}

/* 7.1.6.2: what the parser saw. */
static u16 sim_rx_type(const struct sk_buff *skb)
{
	const struct ethhdr *eth = (struct ethhdr *)skb->data;
	const struct iphdr *ip = (struct iphdr *)(eth + 1);
	const struct ipv6hdr *ip6 = (struct ipv6hdr *)(eth + 1);
	u8 protocol;
	u16 type;

	if (eth->h_proto == htons(ETH_P_IP) &&
	    skb->len >= ETH_HLEN + sizeof(*ip)) {
		type = RXD_IPV4;
		protocol = ip->frag_off & htons(IP_MF | IP_OFFSET) ?
				   0 :
				   ip->protocol;
	} else if (eth->h_proto == htons(ETH_P_IPV6) &&
		   skb->len >= ETH_HLEN + sizeof(*ip6)) {
		type = RXD_IPV6;
		protocol = ip6->nexthdr;
	} else {
		return 0;
	}
	if (protocol == IPPROTO_TCP)
		type |= RXD_TCP;
	else if (protocol == IPPROTO_UDP)
		type |= RXD_UDP;
	else if (protocol == IPPROTO_ESP)
		type |= RXD_ESP;
	return type;
}

static bool sim_rx_ring(struct sim_card *card, struct sim_rx_ring *ring)
{
	u64 base = (u64)sim_reg(card, sim_rxq(SIM_RX_QUEUE, RDBAH)) << 32 |
		   sim_reg(card, sim_rxq(SIM_RX_QUEUE, RDBAL));

	ring->count =
		sim_reg(card, sim_rxq(SIM_RX_QUEUE, RDLEN)) / sizeof(*ring->desc);
	ring->head = sim_reg(card, sim_rxq(SIM_RX_QUEUE, RDH));
	ring->tail = sim_reg(card, sim_rxq(SIM_RX_QUEUE, RDT));
	ring->buffer = FIELD_GET(SRRCTL_BSIZEPACKET,
				 sim_reg(card, sim_srrctl(SIM_RX_QUEUE))) *
		       1024;
	if (!ring->count || ring->head >= ring->count ||
	    ring->tail >= ring->count || !ring->buffer)
		return false;
	ring->desc = simpci_dma(&card->base, base, ring->count * sizeof(*ring->desc));
	return ring->desc;
}

/* Into as many descriptors as it needs: 7.1.10. */
static void sim_rx_write(struct sim_card *card, struct sim_rx_ring *ring,
			 const struct sk_buff *skb, u16 type, u32 status,
			 u16 vlan)
{
	unsigned int from, part;
	union sim_rx_desc *desc;
	void *buffer;
	u32 bits;

	for (from = 0; from < skb->len; from += part) {
		part = min(skb->len - from, ring->buffer);
		desc = ring->desc + ring->head;
		buffer = simpci_dma(&card->base, le64_to_cpu(desc->read.packet), part);
		if (buffer)
			memcpy(buffer, skb->data + from, part);
		desc->done.type = cpu_to_le16(type);
		desc->done.header_info = 0;
		desc->done.rss = 0;
		desc->done.length = cpu_to_le16(part);
		desc->done.vlan = cpu_to_le16(vlan);
		/* The driver looks at length and status: last. */
		dma_wmb();
		bits = RXD_DD;
		if (from + part == skb->len)
			bits |= RXD_EOP | status;
		desc->done.status = cpu_to_le32(bits);
		ring->head = (ring->head + 1) % ring->count;
	}
	sim_set_reg(card, sim_rxq(SIM_RX_QUEUE, RDH), ring->head);
}

static bool sim_rx_ready(const struct sim_card *card)
{
	return sim_reg(card, RXCTRL) & RXCTRL_RXEN &&
	       !(sim_reg(card, SECRXCTRL) & SECRXCTRL_RX_DIS) &&
	       sim_reg(card, sim_rxq(SIM_RX_QUEUE, RXDCTL)) & RXDCTL_ENABLE &&
	       simpci_may_dma(&card->base);
}

/* Returns false if there is no ring, or too little room in it. */
static bool sim_rx_put(struct sim_card *card, const struct sk_buff *skb,
		       u16 type, u32 status, u16 vlan)
{
	struct sim_rx_ring ring;
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&card->base.lock, flags);
	room = sim_rx_ready(card) && sim_rx_ring(card, &ring) &&
	       (ring.tail + ring.count - ring.head) % ring.count >=
		       DIV_ROUND_UP(skb->len, ring.buffer);
	if (room) {
		sim_set_reg(card, GPRC, sim_reg(card, GPRC) + 1);
		sim_rx_write(card, &ring, skb, type, status, vlan);
	}
	spin_unlock_irqrestore(&card->base.lock, flags);
	return room;
}

static void sim_rx_one(struct sim_card *card, struct sk_buff *skb)
{
	u32 status = 0;
	u16 type, vlan;

	if (!sim_rx_wanted(card, skb)) {
		card->counters[SIM_RX_FILTERED]++;
		return;
	}
	vlan = sim_rx_vlan(card, skb, &status);
	type = sim_rx_type(skb);
	/* 7.12: a tagged frame is not looked into. */
	if (!(status & RXD_VP))
		status |= sim_ipsec_rx(card, skb, &type);
	/* That may have slept: the ring is looked up only now. */
	if (sim_rx_put(card, skb, type, status, vlan))
		card->counters[SIM_RX_FRAMES]++;
	else
		card->counters[SIM_RX_MISSED]++;
}

/**
 * sim_rx_run() - receive a batch
 * @card: the card
 *
 * Context: the card's work.
 * Return: whether there is more.
 */
bool sim_rx_run(struct sim_card *card)
{
	struct sim_rx_ring ring;
	struct sk_buff *skb;
	int done;

	for (done = 0; done < SIM_RX_BATCH; done++) {
		if (!sim_rx_ready(card) || !sim_rx_ring(card, &ring))
			break;
		skb = simpci_wire_receive(&card->base);
		if (!skb)
			break;
		sim_rx_one(card, skb);
		kfree_skb(skb);
	}
	if (done)
		sim_irq_queue(card, SIM_RX_QUEUE, false);
	return done == SIM_RX_BATCH;
}
