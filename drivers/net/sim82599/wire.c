// SPDX-License-Identifier: GPL-2.0
/*
 * The other end of the cable: a network device. What the card sends is
 * received by it, what it sends the card receives. Two cards are connected by
 * bridging their wires; tests capture there.
 */

#include <linux/etherdevice.h>

#include "sim82599.h"

struct sim_wire {
	struct sim_card *card;
};

static struct sim_card *sim_wire_card(struct net_device *dev)
{
	struct sim_wire *wire = netdev_priv(dev);

	return wire->card;
}

static netdev_tx_t sim_wire_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct sim_card *card = sim_wire_card(dev);

	skb_tx_timestamp(skb);
	if (READ_ONCE(card->gone) || skb->len > SIM_WIRE_MAX ||
	    skb_queue_len(&card->from_wire) >= SIM_RX_FIFO) {
		kfree_skb(skb);
		goto dropped;
	}
	/* The card deciphers in place, and others may have this frame too. */
	skb = skb_unshare(skb, GFP_ATOMIC);
	if (!skb || skb_put_padto(skb, ETH_ZLEN))
		goto dropped;
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	skb_orphan(skb);
	nf_reset_ct(skb);
	skb_ext_reset(skb);
	skb_queue_tail(&card->from_wire, skb);
	sim_kick(card);
	return NETDEV_TX_OK;

dropped:
	dev_core_stats_tx_dropped_inc(dev);
	return NETDEV_TX_OK;
}

static int sim_wire_open(struct net_device *dev)
{
	netif_carrier_on(dev);
	sim_kick(sim_wire_card(dev));
	return 0;
}

static int sim_wire_stop(struct net_device *dev)
{
	netif_carrier_off(dev);
	sim_kick(sim_wire_card(dev));
	return 0;
}

static const struct net_device_ops sim_wire_ops = {
	.ndo_open		= sim_wire_open,
	.ndo_stop		= sim_wire_stop,
	.ndo_start_xmit		= sim_wire_xmit,
	.ndo_set_mac_address	= eth_mac_addr,
	.ndo_validate_addr	= eth_validate_addr,
};

static void sim_wire_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &sim_wire_ops;
	dev->needs_free_netdev = true;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->max_mtu = SIM_WIRE_MAX - ETH_HLEN;
	/* Frames are what hardware gets: in one piece, checksums in them. */
	dev->features = 0;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	eth_hw_addr_random(dev);
}

/**
 * sim_wire_up() - is the other end of the cable up?
 * @card: the card
 *
 * Return: true if it is and the card is in its slot.
 */
bool sim_wire_up(const struct sim_card *card)
{
	return card->wire && netif_running(card->wire) &&
	       !READ_ONCE(card->gone);
}

/**
 * sim_wire_send() - a frame leaves the card
 * @card: the card
 * @frame: the frame
 * @len: its length, in octets
 *
 * Context: the card's work.
 */
void sim_wire_send(struct sim_card *card, const u8 *frame, unsigned int len)
{
	struct net_device *dev = card->wire;
	struct sk_buff *skb;

	if (!sim_wire_up(card) || len > SIM_WIRE_MAX)
		return;
	skb = netdev_alloc_skb_ip_align(dev, max(len, ETH_ZLEN));
	if (!skb)
		return;
	skb_put_data(skb, frame, len);
	if (len < ETH_ZLEN)
		skb_put_zero(skb, ETH_ZLEN - len);
	dev_sw_netstats_rx_add(dev, skb->len);
	skb->protocol = eth_type_trans(skb, dev);
	netif_rx(skb);
}

/**
 * sim_wire_add() - make the wire of a card: wireN in the first netns
 * @card: the card
 *
 * Return: 0, -ENOMEM, or what register_netdev() says.
 */
int sim_wire_add(struct sim_card *card)
{
	struct net_device *dev;
	struct sim_wire *wire;
	char name[IFNAMSIZ];
	int err;

	snprintf(name, sizeof(name), "wire%u", card->slot);
	dev = alloc_netdev(sizeof(*wire), name, NET_NAME_ENUM, sim_wire_setup);
	if (!dev)
		return -ENOMEM;
	wire = netdev_priv(dev);
	wire->card = card;
	netif_carrier_off(dev);
	err = register_netdev(dev);
	if (err) {
		free_netdev(dev);
		return err;
	}
	card->wire = dev;
	return 0;
}

/**
 * sim_wire_del() - take the wire of a card away
 * @card: the card
 *
 * Context: process; @card's work has ended and does not use the wire again.
 */
void sim_wire_del(struct sim_card *card)
{
	struct net_device *dev = card->wire;

	spin_lock_irq(&card->lock);
	card->wire = NULL;
	spin_unlock_irq(&card->lock);
	if (dev)
		unregister_netdev(dev);
}
