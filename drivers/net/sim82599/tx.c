// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit: 7.2 of the datasheet. Descriptors are fetched from the head to the
 * tail of each ring; a packet goes through segmentation and frame.c to the wire,
 * then its descriptor is written back.
 */

#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/if_vlan.h>

#include "sim82599.h"

#define SIM_TX_BATCH	64

static unsigned int sim_tx_vlan(u8 *frame, unsigned int len, u32 lengths)
{
	__be16 *tag = (__be16 *)(frame + 2 * ETH_ALEN);

	memmove(frame + 2 * ETH_ALEN + VLAN_HLEN, frame + 2 * ETH_ALEN,
		len - 2 * ETH_ALEN);
	tag[0] = htons(ETH_P_8021Q);
	tag[1] = htons(FIELD_GET(TXC_VLAN, lengths));
	return len + VLAN_HLEN;
}

static void sim_tx_packet(struct sim_card *card, struct sim_tx_context context,
			  u32 cmd, u32 options, unsigned int len)
{
	u32 lengths = le32_to_cpu(context.lengths);

	if (len < ETH_HLEN) {
		card->counters[SIM_TX_MALFORMED]++;
		return;
	}
	if (cmd & TXD_VLE) {
		len = sim_tx_vlan(card->frame, len, lengths);
		/* The other headers have moved with it. */
		lengths += FIELD_PREP(TXC_MACLEN, VLAN_HLEN);
		context.lengths = cpu_to_le32(lengths);
	}
	if (cmd & TXD_TSE)
		sim_tso(card, &context, options, card->frame, len);
	else
		sim_tx_frame(card, &context, options, card->frame, len);
}

/* Assembles what descriptors point to. Returns the next length. */
static unsigned int sim_tx_append(struct sim_card *card,
				  const struct sim_tx_desc *desc,
				  unsigned int len)
{
	unsigned int more = FIELD_GET(TXD_LENGTH, le32_to_cpu(desc->cmd));
	void *from = simpci_dma(&card->base, le64_to_cpu(desc->addr), more);

	if (!from || len + more > SIM_FRAME_MAX - VLAN_HLEN)
		return len;
	memcpy(card->frame + len, from, more);
	return len + more;
}

/* Of two. Descriptors of both kinds have it in the same place. */
static unsigned int sim_context_index(u32 word)
{
	return FIELD_GET(TXD_CONTEXT_INDEX, word) & 1;
}

static bool sim_tx_ready(struct sim_card *card)
{
	return sim_reg(card, DMATXCTL) & DMATXCTL_TE &&
	       !(sim_reg(card, SECTXCTRL) & SECTXCTRL_TX_DIS) &&
	       !READ_ONCE(card->hold_tx) && simpci_wire_up(&card->base) &&
	       simpci_may_dma(&card->base);
}

/* A ring as the registers describe it. */
struct sim_tx_ring {
	struct sim_tx_desc *desc;
	u32 count;
	u32 head;
	u32 tail;
};

/* Returns false if the ring is off, empty or not in memory. */
static bool sim_tx_ring(struct sim_card *card, unsigned int queue,
			struct sim_tx_ring *ring)
{
	u64 base = (u64)sim_reg(card, TXQ(queue, TDBAH)) << 32 |
		   sim_reg(card, TXQ(queue, TDBAL));

	ring->count = sim_reg(card, TXQ(queue, TDLEN)) / sizeof(*ring->desc);
	ring->head = sim_reg(card, TXQ(queue, TDH));
	ring->tail = sim_reg(card, TXQ(queue, TDT));
	if (!(sim_reg(card, TXQ(queue, TXDCTL)) & TXDCTL_ENABLE) ||
	    ring->head == ring->tail || ring->head >= ring->count ||
	    ring->tail >= ring->count)
		return false;
	ring->desc = simpci_dma(&card->base, base, ring->count * sizeof(*ring->desc));
	return ring->desc;
}

/* What is between a ring and the wire; its octets are in the card's frame. */
struct sim_tx_packet {
	struct sim_tx_context context;
	u32 cmd;
	u32 options;
	unsigned int len;
	bool whole;		/* the last descriptor was there */
	u32 last;		/* index of that descriptor */
	u32 next;		/* the head, once it is sent */
	u32 ring_set;		/* @tx_ring_set of the queue, then */
	u32 resets;
};

/*
 * From a packet's context to its last descriptor. The tail is behind a
 * packet's last descriptor always.
 */
static void sim_tx_collect(struct sim_card *card, unsigned int queue,
			   const struct sim_tx_ring *ring,
			   struct sim_tx_packet *packet)
{
	struct sim_tx_context *contexts = card->contexts[queue];
	struct sim_tx_desc *desc;
	u32 head, dtype;

	for (head = ring->head; head != ring->tail && !packet->whole;
	     head = (head + 1) % ring->count) {
		desc = ring->desc + head;
		packet->cmd = le32_to_cpu(desc->cmd);
		dtype = FIELD_GET(TXD_DTYP, packet->cmd);
		if (dtype == TXD_CONTEXT) {
			struct sim_tx_context *new =
				(struct sim_tx_context *)desc;

			contexts[sim_context_index(le32_to_cpu(new->mss))] = *new;
			continue;
		}
		if (dtype != TXD_DATA || !(packet->cmd & TXD_DEXT)) {
			card->counters[SIM_TX_MALFORMED]++;
			continue;
		}
		if (!packet->len) {
			packet->options = le32_to_cpu(desc->status);
			if (packet->options & TXD_CC ||
			    packet->cmd & (TXD_VLE | TXD_TSE))
				packet->context = contexts[sim_context_index(packet->options)];
		}
		packet->len = sim_tx_append(card, desc, packet->len);
		packet->whole = packet->cmd & TXD_EOP;
		packet->last = head;
	}
	packet->next = head;
}

/* Returns false if there is nothing to fetch. */
static bool sim_tx_fetch(struct sim_card *card, unsigned int queue,
			 struct sim_tx_packet *packet)
{
	struct sim_tx_ring ring;
	unsigned long flags;
	bool found;

	*packet = (struct sim_tx_packet){};
	spin_lock_irqsave(&card->base.lock, flags);
	found = sim_tx_ready(card) && sim_tx_ring(card, queue, &ring);
	if (found) {
		sim_tx_collect(card, queue, &ring, packet);
		packet->ring_set = card->tx_ring_set[queue];
		packet->resets = card->resets;
		WRITE_ONCE(card->tx_busy, true);
	}
	spin_unlock_irqrestore(&card->base.lock, flags);
	return found;
}

/*
 * Writes the descriptor back and moves the head. Since the packet was fetched
 * the driver may have reset the card, or set this ring up anew and freed the
 * memory of the old one: then nothing is written.
 */
static void sim_tx_complete(struct sim_card *card, unsigned int queue,
			    const struct sim_tx_packet *packet)
{
	struct sim_tx_ring ring;
	unsigned long flags;

	spin_lock_irqsave(&card->base.lock, flags);
	if (packet->ring_set == card->tx_ring_set[queue] &&
	    sim_tx_ring(card, queue, &ring)) {
		if (packet->whole && packet->cmd & TXD_RS)
			ring.desc[packet->last].status = cpu_to_le32(TXD_DD);
		sim_set_reg(card, TXQ(queue, TDH), packet->next);
	}
	WRITE_ONCE(card->tx_busy, false);
	spin_unlock_irqrestore(&card->base.lock, flags);
}

/* From here to its end it may sleep: registers and rings may change. */
static void sim_tx_send(struct sim_card *card,
			const struct sim_tx_packet *packet)
{
	if (card->frame_us)
		usleep_range(card->frame_us, 2 * card->frame_us);
	/* A reset empties the pipeline: 4.2.1. */
	if (packet->whole && packet->resets == READ_ONCE(card->resets))
		sim_tx_packet(card, packet->context, packet->cmd,
			      packet->options, packet->len);
}

static unsigned int sim_tx_queue(struct sim_card *card, unsigned int queue,
				 unsigned int budget)
{
	struct sim_tx_packet packet;
	unsigned int done = 0;

	while (done < budget && sim_tx_fetch(card, queue, &packet)) {
		sim_tx_send(card, &packet);
		sim_tx_complete(card, queue, &packet);
		done++;
	}
	if (done)
		sim_irq_queue(card, queue, true);
	return done;
}

/**
 * sim_tx_run() - send a batch from each ring
 * @card: the card
 *
 * Context: the card's work.
 * Return: whether there may be more.
 */
bool sim_tx_run(struct sim_card *card)
{
	unsigned int queue;
	bool more = false;

	for (queue = 0; queue < SIM_QUEUES; queue++)
		if (sim_reg(card, TXQ(queue, TXDCTL)) & TXDCTL_ENABLE)
			more |= sim_tx_queue(card, queue, SIM_TX_BATCH) ==
				SIM_TX_BATCH;
	return more;
}

/**
 * sim_tx_waiting() - descriptors that were given and not yet fetched
 * @card: the card
 *
 * Return: their number, of all queues.
 */
unsigned int sim_tx_waiting(const struct sim_card *card)
{
	unsigned int queue, count, waiting = 0;

	for (queue = 0; queue < SIM_QUEUES; queue++) {
		count = sim_reg(card, TXQ(queue, TDLEN)) /
			sizeof(struct sim_tx_desc);
		if (count)
			waiting += (sim_reg(card, TXQ(queue, TDT)) + count -
				    sim_reg(card, TXQ(queue, TDH))) %
				   count;
	}
	return waiting;
}
