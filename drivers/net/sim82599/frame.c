// SPDX-License-Identifier: GPL-2.0
/*
 * A frame on its way to the wire: checksums (7.2.5 of the datasheet), then
 * IPsec.
 */

#include <linux/bitfield.h>
#include <linux/sctp.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/sctp/checksum.h>

#include "sim82599.h"

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
	simpci_wire_send(&card->base, frame, len);
}
