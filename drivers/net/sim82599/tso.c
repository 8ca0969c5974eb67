// SPDX-License-Identifier: GPL-2.0
/*
 * Segmentation: 7.2.4 of the datasheet. The headers are repeated before each
 * segment, with new lengths, identification, sequence numbers and checksums;
 * of ESP in transport mode too, which gets its trailer here.
 */

#include <linux/bitfield.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/unaligned.h>
#include <net/checksum.h>
#include <net/ip.h>

#include "sim82599.h"

#define ESP_HEADER	16	/* SPI, sequence number, IV */
#define ESP_ICV		16

struct sim_tso {
	unsigned int	l3;		/* where the headers begin */
	unsigned int	l4;
	unsigned int	headers;	/* octets before the payload */
	int		esp;		/* where the ESP header is, -1: there is none */
	bool		ipv4;
	u32		l4_type;
	u32		mss;
};

static void sim_tso_ip(const struct sim_tso *tso, u8 *frame, unsigned int len,
		       u32 n)
{
	struct ipv6hdr *ip6 = (struct ipv6hdr *)(frame + tso->l3);
	struct iphdr *ip = (struct iphdr *)(frame + tso->l3);

	if (!tso->ipv4) {
		ip6->payload_len = htons(len - tso->l3 - sizeof(*ip6));
		return;
	}
	ip->tot_len = htons(len - tso->l3);
	ip->id = htons(ntohs(ip->id) + n);
	ip->check = 0;
	ip->check = ip_fast_csum(ip, ip->ihl);
}

static void sim_tso_esp(const struct sim_tso *tso, u8 *frame, u32 n)
{
	u8 *esp = frame + tso->esp;

	put_unaligned_be32(get_unaligned_be32(esp + 4) + n, esp + 4);
	put_unaligned_be64(get_unaligned_be64(esp + 8) + n, esp + 8);
}

/* The pseudo header's sum in the field lacks the length: 7.2.4.7. */
static void sim_tso_l4(const struct sim_tso *tso, u8 *frame, unsigned int len,
		       u32 n, bool last)
{
	struct tcphdr *tcp = (struct tcphdr *)(frame + tso->l4);
	struct udphdr *udp = (struct udphdr *)(frame + tso->l4);
	__wsum length = (__force __wsum)htonl(len - tso->l4);

	if (tso->l4_type == TXC_L4T_TCP) {
		tcp->seq = htonl(ntohl(tcp->seq) + n * tso->mss);
		tcp->fin = tcp->fin && last;
		tcp->psh = tcp->psh && last;
		tcp->check =
			~csum_fold(csum_add(csum_unfold(tcp->check), length));
	} else {
		udp->len = htons(len - tso->l4);
		udp->check =
			~csum_fold(csum_add(csum_unfold(udp->check), length));
	}
	sim_tx_checksum(frame, len, tso->l4, tso->l4_type);
}

/* RFC 4303, 2.4 to 2.7. Returns the length with room for the ICV. */
static unsigned int sim_tso_trailer(const struct sim_tso *tso, u8 *frame,
				    unsigned int len)
{
	unsigned int pad = -(len - tso->esp - ESP_HEADER + 2) & 3;
	unsigned int i;

	for (i = 1; i <= pad; i++)
		frame[len++] = i;
	frame[len++] = pad;
	frame[len++] = tso->l4_type == TXC_L4T_TCP ? IPPROTO_TCP : IPPROTO_UDP;
	memset(frame + len, 0, ESP_ICV);
	return len + ESP_ICV;
}

static void sim_tso_segment(struct sim_card *card,
			    const struct sim_tx_context *context, u32 options,
			    const struct sim_tso *tso, u8 *frame,
			    unsigned int len, u32 n, bool last)
{
	sim_tso_l4(tso, frame, len, n, last);
	if (tso->esp >= 0) {
		sim_tso_esp(tso, frame, n);
		len = sim_tso_trailer(tso, frame, len);
	}
	sim_tso_ip(tso, frame, len, n);
	sim_tx_frame(card, context, options & ~(TXD_TXSM | TXD_IXSM), frame,
		     len);
}

/**
 * sim_tso() - send a packet in segments
 * @card: which sends
 * @context: the packet's
 * @options: status dword of its first data descriptor
 * @frame: headers and all payload
 * @len: its length, in octets
 */
void sim_tso(struct sim_card *card, const struct sim_tx_context *context,
	     u32 options, const u8 *frame, unsigned int len)
{
	u32 lengths = le32_to_cpu(context->lengths),
	    tucmd = le32_to_cpu(context->tucmd);
	u32 mss = le32_to_cpu(context->mss);
	struct sim_tso tso = {
		.l3 = FIELD_GET(TXC_MACLEN, lengths),
		.l4 = FIELD_GET(TXC_MACLEN, lengths) +
		      FIELD_GET(TXC_IPLEN, lengths),
		.esp = -1,
		.ipv4 = tucmd & TXC_IPV4,
		.l4_type = FIELD_GET(TXC_L4T, tucmd),
		.mss = FIELD_GET(TXC_MSS, mss),
	};
	unsigned int from, part;
	u8 *segment;
	u32 n = 0;

	tso.headers = tso.l4 + FIELD_GET(TXC_L4LEN, mss);
	if (options & TXD_IPSEC)
		tso.esp = sim_esp_offset(frame, len, tso.l3, tso.ipv4);
	if (!tso.mss || tso.headers >= len ||
	    tso.headers + tso.mss > SIM_WIRE_MAX - 64 ||
	    (options & TXD_IPSEC && tso.esp < 0)) {
		card->counters[SIM_TX_MALFORMED]++;
		return;
	}
	segment = kmalloc(SIM_WIRE_MAX, GFP_KERNEL);
	if (!segment)
		return;
	for (from = tso.headers; from < len; from += part, n++) {
		part = min(tso.mss, len - from);
		memcpy(segment, frame, tso.headers);
		memcpy(segment + tso.headers, frame + from, part);
		sim_tso_segment(card, context, options, &tso, segment,
				tso.headers + part, n, from + part == len);
	}
	kfree(segment);
}
