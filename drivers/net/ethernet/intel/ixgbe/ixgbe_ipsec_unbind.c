// SPDX-License-Identifier: GPL-2.0
/*
 * What ixgbe owes the stack when an SA leaves the hardware: frames that were
 * handed to it before are on the wire under the SA's key before the key is
 * cleared, and no reader of the receive path holds on to the SA.
 *
 * The 82599 asks no one. A frame in a ring names its entry of the Tx SA table
 * by number: it is encrypted under whatever key the entry has when its turn
 * comes, zeros if that was cleared, and leaves as it is if the engine was
 * switched off (datasheet 331520, section 7.12).
 */

#include <linux/delay.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <net/esp.h>
#include <net/xfrm.h>

#include "ixgbe.h"

/* --- receive: from SPI and address to the SA */

/*
 * What a reader of the hash steps on. Not part of the Rx table: an entry of
 * that is cleared and used again while a reader may stand on it.
 */
struct ixgbe_ipsec_lookup {
	struct hlist_node hlist;
	struct xfrm_state *xs;
	struct rcu_head rcu;
};

/**
 * ixgbe_ipsec_publish - let the receive path find an SA
 * @ipsec: the adapter's
 * @xs: inbound SA of the stack, not one made up for a VF
 *
 * Context: @ipsec->lock is held.
 * Return: 0 or -ENOMEM.
 */
int ixgbe_ipsec_publish(struct ixgbe_ipsec *ipsec, struct xfrm_state *xs)
{
	struct ixgbe_ipsec_lookup *lookup;

	lookup = kzalloc(sizeof(*lookup), GFP_ATOMIC);
	if (!lookup)
		return -ENOMEM;
	lookup->xs = xs;
	hash_add_rcu(ipsec->rx_sa_list, &lookup->hlist,
		     (__force u32)xs->id.spi);
	return 0;
}

/**
 * ixgbe_ipsec_hide - let the receive path find an SA no more
 * @ipsec: the adapter's
 * @xs: inbound SA; nothing happens if it was not published
 *
 * A reader that has found it holds a reference of its own; the stack frees an
 * SA's memory after a grace period.
 *
 * Context: @ipsec->lock is held.
 */
void ixgbe_ipsec_hide(struct ixgbe_ipsec *ipsec, struct xfrm_state *xs)
{
	struct ixgbe_ipsec_lookup *lookup;

	hash_for_each_possible(ipsec->rx_sa_list, lookup, hlist,
			       (__force u32)xs->id.spi) {
		if (lookup->xs != xs)
			continue;
		hash_del_rcu(&lookup->hlist);
		kfree_rcu(lookup, rcu);
		return;
	}
}

/**
 * ixgbe_ipsec_find - the SA that the hardware used on a frame
 * @ipsec: the adapter's
 * @daddr: outer destination, 4 or 16 octets
 * @proto: IPPROTO_ESP or IPPROTO_AH
 * @spi: of the frame
 * @ip4: @daddr is an IPv4 address
 *
 * Context: softirq.
 * Return: the SA, with a reference for the caller; NULL if there is none, or
 * it is on its way out.
 */
struct xfrm_state *ixgbe_ipsec_find(struct ixgbe_ipsec *ipsec,
				    const __be32 *daddr, u8 proto, __be32 spi,
				    bool ip4)
{
	size_t len = ip4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	u16 family = ip4 ? AF_INET : AF_INET6;
	struct ixgbe_ipsec_lookup *lookup;
	struct xfrm_state *found = NULL;

	rcu_read_lock();
	hash_for_each_possible_rcu(ipsec->rx_sa_list, lookup, hlist,
				   (__force u32)spi) {
		struct xfrm_state *xs = lookup->xs;

		if (xs->id.spi != spi || xs->id.proto != proto ||
		    xs->props.family != family ||
		    memcmp(&xs->id.daddr, daddr, len))
			continue;
		if (refcount_inc_not_zero(&xs->refcnt))
			found = xs;
		break;
	}
	rcu_read_unlock();
	return found;
}

/**
 * ixgbe_ipsec_rx_status - what the hardware made of a frame's protection
 * @staterr: status and error bits of the frame's descriptor
 *
 * Frames with an error come this far only with NETIF_F_RXALL.
 *
 * Return: value for the status of struct xfrm_offload.
 */
u32 ixgbe_ipsec_rx_status(u32 staterr)
{
	switch (staterr & IXGBE_RXDADV_ERR_IPSEC_AUTH_FAILED) {
	case 0:
		return CRYPTO_SUCCESS;
	case IXGBE_RXDADV_ERR_IPSEC_INV_PROTOCOL:
		return CRYPTO_INVALID_PROTOCOL;
	case IXGBE_RXDADV_ERR_IPSEC_INV_LENGTH:
		return CRYPTO_INVALID_PACKET_SYNTAX;
	default:
		return CRYPTO_TRANSPORT_ESP_AUTH_FAILED;
	}
}

/* --- transmit */

/**
 * ixgbe_ipsec_write_iv - give a frame the IV of its own sequence number
 * @skb: ESP packet whose headers are writable; with GSO, the first segment
 *
 * RFC 4106, section 3.1, wants an IV that is never used twice under a key.
 * Nobody else writes the field: the stack leaves it to who encrypts, and what
 * it holds is left over from other headers. ESN is not offloaded, so 32 bits
 * of sequence number are all there are.
 */
void ixgbe_ipsec_write_iv(struct sk_buff *skb)
{
	struct ip_esp_hdr *esph = ip_esp_hdr(skb);

	put_unaligned_be64(ntohl(esph->seq_no), esph->enc_data);
}

struct ixgbe_ring_mark {
	u16 seen;	/* next_to_clean, when last looked at */
	u16 left;	/* descriptors ahead of the mark */
};

static void ixgbe_ring_mark(const struct ixgbe_ring *ring,
			    struct ixgbe_ring_mark *mark)
{
	u16 to = READ_ONCE(ring->next_to_use);

	mark->seen = READ_ONCE(ring->next_to_clean);
	mark->left = (to + ring->count - mark->seen) % ring->count;
}

/* Is all that was in the ring at the time of the mark on the wire, or gone?
 * A ring that is being taken down moves on no more; it is emptied in the end.
 */
static bool ixgbe_ring_passed(const struct ixgbe_ring *ring,
			      struct ixgbe_ring_mark *mark, bool down)
{
	u16 now = READ_ONCE(ring->next_to_clean);
	u16 done = (now + ring->count - mark->seen) % ring->count;

	if (READ_ONCE(ring->next_to_use) == now)
		mark->left = 0;
	else if (!down)
		mark->left -= min(done, mark->left);
	mark->seen = now;
	return !mark->left;
}

/* Rings are replaced under RTNL, which the caller may not have, and freed by
 * RCU.
 */
static void ixgbe_rings_mark(struct ixgbe_adapter *adapter,
			     struct ixgbe_ring_mark *marks, unsigned int n)
{
	const struct ixgbe_ring *ring;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < n; i++) {
		ring = READ_ONCE(adapter->tx_ring[i]);
		if (ring)
			ixgbe_ring_mark(ring, &marks[i]);
	}
	rcu_read_unlock();
}

static bool ixgbe_rings_passed(struct ixgbe_adapter *adapter,
			       struct ixgbe_ring_mark *marks, unsigned int n)
{
	bool down = test_bit(__IXGBE_DOWN, &adapter->state);
	const struct ixgbe_ring *ring;
	bool passed = true;
	unsigned int i;

	/* What is not there sends nothing. */
	if (ixgbe_removed(READ_ONCE(adapter->hw.hw_addr)))
		return true;

	rcu_read_lock();
	for (i = 0; i < n; i++) {
		ring = READ_ONCE(adapter->tx_ring[i]);
		if (ring)
			passed &= ixgbe_ring_passed(ring, &marks[i],
						    down);
	}
	rcu_read_unlock();
	return passed;
}

/**
 * ixgbe_ipsec_drain_tx - wait until the hardware has sent what it was given
 * @adapter: whose rings
 *
 * The stack gives the driver no more packets of the SA that is deleted; those
 * of others may go on. 100 ms are many times what full rings take at 10 Gbit/s,
 * unless the link partner pauses. Who waited in vain asks for a reset: until
 * that has been, nobody else waits.
 *
 * Context: process, may sleep.
 * Return: true; false if the rings did not move on in time.
 */
bool ixgbe_ipsec_drain_tx(struct ixgbe_adapter *adapter)
{
	unsigned long end = jiffies + msecs_to_jiffies(100);
	unsigned int n = READ_ONCE(adapter->num_tx_queues);
	struct ixgbe_ring_mark *marks;
	bool passed;

	marks = kcalloc(n, sizeof(*marks), GFP_KERNEL);
	if (!marks)
		return false;
	ixgbe_rings_mark(adapter, marks, n);
	for (;;) {
		passed = ixgbe_rings_passed(adapter, marks, n);
		if (passed || time_after(jiffies, end) ||
		    test_bit(__IXGBE_RESET_REQUESTED, &adapter->state))
			break;
		usleep_range(50, 100);
	}
	kfree(marks);
	return passed;
}
