// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit: 7.2 of the datasheet. Descriptors are fetched from the head to the
 * tail of each ring; a frame goes through segmentation, checksums and IPsec to
 * the wire, then its descriptor is written back.
 */

#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/if_vlan.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sctp.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/sctp/checksum.h>

#include "sim82599.h"

#define SIM_TX_BATCH	64

/**
 * sim_dma() - the memory behind a bus address
 * @card: which wants to read or write
 * @addr: bus address
 * @len: how much, in octets
 *
 * Return: where, NULL if the card may not, or there is no memory.
 */
void *sim_dma(struct sim_card *card, u64 addr, size_t len)
{
	if (sim_pci_may_dma(card) && len && pfn_valid(PHYS_PFN(addr)) &&
	    pfn_valid(PHYS_PFN(addr + len - 1)))
		return phys_to_virt(addr);
	card->counters[SIM_DMA_ABORTED]++;
	return NULL;
}

/**
 * sim_tx_checksum() - put the checksum into a transport header
 * @frame: the frame; the field holds the pseudo header's sum
 * @len: its length, in octets
 * @start: where the transport header begins
 * @l4_type: L4T of the context
 */
void sim_tx_checksum(u8 *frame, unsigned int len, unsigned int start,
		     u32 l4_type)
{
	unsigned int field = l4_type == TXC_L4T_TCP ?
				     offsetof(struct tcphdr, check) :
				     offsetof(struct udphdr, check);
	__sum16 *check = (__sum16 *)(frame + start + field);
	__sum16 sum;

	if (start + field + sizeof(*check) > len)
		return;
	sum = csum_fold(csum_partial(frame + start, len - start, 0));
	*check = l4_type == TXC_L4T_UDP && !sum ? CSUM_MANGLED_0 : sum;
}

/* A SCTP checksum is a CRC32c over all from the header on. */
static void sim_tx_crc32c(u8 *frame, unsigned int len, unsigned int start)
{
	struct sctphdr *sctp = (struct sctphdr *)(frame + start);

	if (start + sizeof(*sctp) > len)
		return;
	sctp->checksum = 0;
	sctp->checksum = cpu_to_le32(~crc32c(~0u, sctp, len - start));
}

/* Where the transport's checksum ends: before the ESP trailer and the ICV. */
static unsigned int sim_l4_end(const struct sim_tx_context *context,
			       u32 options, unsigned int len)
{
	unsigned int trailer =
		options & TXD_IPSEC ?
			FIELD_GET(TXC_ESP_LEN, le32_to_cpu(context->tucmd)) :
			0;

	return len - min(trailer, len);
}

/**
 * sim_tx_frame() - one frame, all but its protection done
 * @card: which sends
 * @context: the frame's context
 * @options: status dword of its data descriptor
 * @frame: the frame, which has room for a VLAN tag behind it
 * @len: its length, in octets
 */
void sim_tx_frame(struct sim_card *card, const struct sim_tx_context *context,
		  u32 options, u8 *frame, unsigned int len)
{
	u32 lengths = le32_to_cpu(context->lengths);
	u32 l4_type = FIELD_GET(TXC_L4T, le32_to_cpu(context->tucmd));
	unsigned int start =
		FIELD_GET(TXC_MACLEN, lengths) + FIELD_GET(TXC_IPLEN, lengths);

	if (options & TXD_TXSM && l4_type == TXC_L4T_SCTP)
		sim_tx_crc32c(frame, sim_l4_end(context, options, len), start);
	else if (options & TXD_TXSM)
		sim_tx_checksum(frame, sim_l4_end(context, options, len), start,
				l4_type);
	if (options & TXD_IPSEC && !sim_ipsec_tx(card, context, frame, len)) {
		card->counters[SIM_TX_MALFORMED]++;
		return;
	}
	card->counters[SIM_TX_FRAMES]++;
	sim_set_reg(card, GPTC, sim_reg(card, GPTC) + 1);
	sim_wire_send(card, frame, len);
}

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
	void *from = sim_dma(card, le64_to_cpu(desc->addr), more);

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

/*
 * One packet of a ring, from its context to its last descriptor. Returns the
 * new head. The tail is behind a packet's last descriptor always.
 */
static u32 sim_tx_one(struct sim_card *card, unsigned int queue,
		      struct sim_tx_desc *ring, u32 count, u32 head, u32 tail)
{
	struct sim_tx_context *contexts = card->contexts[queue];
	struct sim_tx_context context = {};
	u32 cmd = 0, options = 0, dtype;
	struct sim_tx_desc *desc;
	unsigned int len = 0;

	for (; head != tail; head = (head + 1) % count) {
		desc = ring + head;
		cmd = le32_to_cpu(desc->cmd);
		dtype = FIELD_GET(TXD_DTYP, cmd);
		if (dtype == TXD_CONTEXT) {
			struct sim_tx_context *new =
				(struct sim_tx_context *)desc;

			contexts[sim_context_index(le32_to_cpu(new->mss))] = *new;
			continue;
		}
		if (dtype != TXD_DATA || !(cmd & TXD_DEXT)) {
			card->counters[SIM_TX_MALFORMED]++;
			continue;
		}
		if (!len) {
			options = le32_to_cpu(desc->status);
			if (options & TXD_CC || cmd & (TXD_VLE | TXD_TSE))
				context = contexts[sim_context_index(options)];
		}
		len = sim_tx_append(card, desc, len);
		if (!(cmd & TXD_EOP))
			continue;
		sim_tx_packet(card, context, cmd, options, len);
		if (cmd & TXD_RS)
			desc->status = cpu_to_le32(TXD_DD);
		return (head + 1) % count;
	}
	return head;
}

static bool sim_tx_ready(struct sim_card *card)
{
	return sim_reg(card, DMATXCTL) & DMATXCTL_TE &&
	       !(sim_reg(card, SECTXCTRL) & SECTXCTRL_TX_DIS) &&
	       !READ_ONCE(card->hold_tx) && sim_wire_up(card) &&
	       sim_pci_may_dma(card);
}

static unsigned int sim_tx_queue(struct sim_card *card, unsigned int queue,
				 unsigned int budget)
{
	u64 base = (u64)sim_reg(card, TXQ(queue, TDBAH)) << 32 |
		   sim_reg(card, TXQ(queue, TDBAL));
	u32 count =
		sim_reg(card, TXQ(queue, TDLEN)) / sizeof(struct sim_tx_desc);
	struct sim_tx_desc *ring;
	unsigned int done = 0;
	u32 head, tail;

	ring = count ? sim_dma(card, base, count * sizeof(*ring)) : NULL;
	if (!ring)
		return 0;
	while (done < budget && sim_tx_ready(card) &&
	       sim_reg(card, TXQ(queue, TXDCTL)) & TXDCTL_ENABLE) {
		head = sim_reg(card, TXQ(queue, TDH));
		tail = sim_reg(card, TXQ(queue, TDT));
		if (head == tail || head >= count || tail >= count)
			break;
		WRITE_ONCE(card->tx_busy, true);
		if (card->frame_us)
			usleep_range(card->frame_us, 2 * card->frame_us);
		sim_set_reg(card, TXQ(queue, TDH),
			    sim_tx_one(card, queue, ring, count, head, tail));
		WRITE_ONCE(card->tx_busy, false);
		done++;
	}
	if (done)
		sim_irq_queue(card, queue, true);
	return done;
}

/**
 * sim_tx_run() - send a batch from each ring
 * @card: which
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
