// SPDX-License-Identifier: GPL-2.0
/*
 * The other end of the cable: a network device. What the card sends is
 * received by it, what it sends the card receives. Two cards are connected by
 * bridging their wires; tests capture there.
 */

#include <linux/etherdevice.h>

#include "internal.h"

#define SIMPCI_FIFO	1024	/* frames that wait for the card */

struct simpci_wire {
	struct simpci_card *card;
};

static struct simpci_card *simpci_wire_card(struct net_device *dev)
{
	struct simpci_wire *wire = netdev_priv(dev);

	return wire->card;
}

static netdev_tx_t simpci_wire_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct simpci_card *card = simpci_wire_card(dev);

	skb_tx_timestamp(skb);
	if (READ_ONCE(card->gone) || skb->len > card->model->frame_max ||
	    skb_queue_len(&card->from_wire) >= SIMPCI_FIFO) {
		kfree_skb(skb);
		goto dropped;
	}
	/* The card deciphers in place, and the frame may be shared. */
	skb = skb_unshare(skb, GFP_ATOMIC);
	if (!skb || skb_put_padto(skb, ETH_ZLEN))
		goto dropped;
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	skb_orphan(skb);
	nf_reset_ct(skb);
	skb_ext_reset(skb);
	skb_queue_tail(&card->from_wire, skb);
	simpci_kick(card);
	return NETDEV_TX_OK;

dropped:
	dev_core_stats_tx_dropped_inc(dev);
	return NETDEV_TX_OK;
}

static int simpci_wire_open(struct net_device *dev)
{
	netif_carrier_on(dev);
	simpci_kick(simpci_wire_card(dev));
	return 0;
}

static int simpci_wire_stop(struct net_device *dev)
{
	netif_carrier_off(dev);
	simpci_kick(simpci_wire_card(dev));
	return 0;
}

static const struct net_device_ops simpci_wire_ops = {
	.ndo_open		= simpci_wire_open,
	.ndo_stop		= simpci_wire_stop,
	.ndo_start_xmit		= simpci_wire_xmit,
	.ndo_set_mac_address	= eth_mac_addr,
	.ndo_validate_addr	= eth_validate_addr,
};

static void simpci_wire_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &simpci_wire_ops;
	dev->needs_free_netdev = true;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	/* Frames are what hardware gets: in one piece, checksums in them. */
	dev->features = 0;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	eth_hw_addr_random(dev);
}

/**
 * simpci_wire_up() - is the other end of the cable up?
 * @card: the card
 *
 * Return: true if it is and the card is in its slot.
 */
bool simpci_wire_up(const struct simpci_card *card)
{
	return card->wire && netif_running(card->wire) &&
	       !READ_ONCE(card->gone);
}

/**
 * simpci_wire_send() - send a frame from the card
 * @card: the card
 * @frame: the frame
 * @len: its length, in octets
 *
 * Context: the model's run().
 */
void simpci_wire_send(struct simpci_card *card, const u8 *frame,
		      unsigned int len)
{
	struct net_device *dev = card->wire;
	struct sk_buff *skb;

	if (!simpci_wire_up(card) || len > card->model->frame_max)
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
 * simpci_wire_receive() - take the next frame that has come over the cable
 * @card: the card
 *
 * When a frame comes, the model's run() is called.
 *
 * Return: the frame, which the caller frees; NULL if there is none.
 */
struct sk_buff *simpci_wire_receive(struct simpci_card *card)
{
	return skb_dequeue(&card->from_wire);
}

/**
 * simpci_wire_add() - make the wire of a card: wireN in the first netns
 * @card: the card
 *
 * Return: 0, -ENOMEM, or an error of register_netdev().
 */
int simpci_wire_add(struct simpci_card *card)
{
	struct simpci_wire *wire;
	struct net_device *dev;
	char name[IFNAMSIZ];
	int err;

	snprintf(name, sizeof(name), "wire%u", card->slot);
	dev = alloc_netdev(sizeof(*wire), name, NET_NAME_ENUM,
			   simpci_wire_setup);
	if (!dev)
		return -ENOMEM;
	wire = netdev_priv(dev);
	wire->card = card;
	dev->max_mtu = card->model->frame_max - ETH_HLEN;
	netif_carrier_off(dev);
	card->wire = dev;
	err = register_netdev(dev);
	if (err) {
		card->wire = NULL;
		free_netdev(dev);
	}
	return err;
}

/**
 * simpci_wire_del() - delete the wire of a card, and what came over it
 * @card: the card
 *
 * Context: process; run() has ended and does not use the wire again.
 */
void simpci_wire_del(struct simpci_card *card)
{
	struct net_device *dev = card->wire;

	spin_lock_irq(&card->lock);
	card->wire = NULL;
	spin_unlock_irq(&card->lock);
	if (dev)
		unregister_netdev(dev);
	skb_queue_purge(&card->from_wire);
}
