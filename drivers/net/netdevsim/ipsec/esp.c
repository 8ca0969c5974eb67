// SPDX-License-Identifier: GPL-2.0
/*
 * ESP with AES-GCM (RFC 4303, RFC 4106) on one frame. The IV is the 64-bit
 * sequence number: unique as long as the number is.
 */

#include <crypto/aead.h>
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/scatterlist.h>
#include <net/esp.h>
#include <net/inet_ecn.h>
#include <net/ip.h>

#include "engine.h"

#define NSIM_IPSEC_TUNNEL_TTL	64
#define NSIM_IPSEC_TRAILER_MAX	(3 + 2 + NSIM_IPSEC_ICV_LEN)

struct nsim_ipsec_crypt {
	struct {
		__be32 spi;
		__be32 seq[2];
		u8 iv[NSIM_IPSEC_IV_LEN];
	} __packed aad;
	u8 iv[NSIM_IPSEC_IV_LEN];
	struct scatterlist sg[2];
	struct aead_request req;
};

/*
 * The ESP header and the IV at @esp are in place. @len counts what follows:
 * to encrypt without the ICV, to decrypt with it.
 */
static int nsim_ipsec_esp_crypt(struct nsim_ipsec_sa *sa, u8 *esp, u64 seq, unsigned int len,
				bool encrypt)
{
	const struct ip_esp_hdr *esph = (const struct ip_esp_hdr *)esp;
	struct nsim_ipsec_crypt *crypt;
	u8 *iv = esp + sizeof(*esph);
	unsigned int aad_len;
	u8 *aad_iv;
	int err;

	crypt = kmalloc(struct_size(crypt, req.__ctx, 0) + crypto_aead_reqsize(sa->aead),
			GFP_ATOMIC);
	if (!crypt)
		return -ENOMEM;

	crypt->aad.spi = esph->spi;
	if (sa->esn) {
		crypt->aad.seq[0] = htonl(upper_32_bits(seq));
		crypt->aad.seq[1] = htonl(lower_32_bits(seq));
		aad_iv = crypt->aad.iv;
	} else {
		crypt->aad.seq[0] = esph->seq_no;
		aad_iv = (u8 *)&crypt->aad.seq[1];
	}
	memcpy(aad_iv, iv, NSIM_IPSEC_IV_LEN);
	memcpy(crypt->iv, iv, NSIM_IPSEC_IV_LEN);
	aad_len = aad_iv + NSIM_IPSEC_IV_LEN - (u8 *)&crypt->aad;

	sg_init_table(crypt->sg, 2);
	sg_set_buf(&crypt->sg[0], &crypt->aad, aad_len);
	sg_set_buf(&crypt->sg[1], iv + NSIM_IPSEC_IV_LEN,
		   len + (encrypt ? NSIM_IPSEC_ICV_LEN : 0));

	aead_request_set_tfm(&crypt->req, sa->aead);
	aead_request_set_callback(&crypt->req, 0, NULL, NULL);
	aead_request_set_ad(&crypt->req, aad_len);
	aead_request_set_crypt(&crypt->req, crypt->sg, crypt->sg, len, crypt->iv);
	err = encrypt ? crypto_aead_encrypt(&crypt->req) : crypto_aead_decrypt(&crypt->req);
	kfree_sensitive(crypt);
	return nsim_ipsec_fault_verdict(sa->hw, NSIM_IPSEC_CHECK_RX_ICV, NULL, err);
}

static int nsim_ipsec_esp_fill_csum(const struct nsim_ipsec_sa *sa, struct sk_buff *skb)
{
	if (!nsim_ipsec_fault_verdict(sa->hw, NSIM_IPSEC_CHECK_TX_CSUM, skb,
				      skb->ip_summed == CHECKSUM_PARTIAL))
		return 0;
	return skb_csum_hwoffload_help(skb, 0);
}

/* Make the frame one private buffer, with room on both sides. */
static int nsim_ipsec_esp_own(struct sk_buff *skb, unsigned int head, unsigned int tail)
{
	if (skb_linearize(skb))
		return -ENOMEM;
	head = head > skb_headroom(skb) ? head - skb_headroom(skb) : 0;
	tail = tail > skb_tailroom(skb) ? tail - skb_tailroom(skb) : 0;
	if (!head && !tail && !skb_cloned(skb))
		return 0;
	return pskb_expand_head(skb, SKB_DATA_ALIGN(head), tail, GFP_ATOMIC);
}

static void nsim_ipsec_esp_set_len(struct sk_buff *skb, unsigned int len)
{
	if (skb->protocol == htons(ETH_P_IP)) {
		ip_hdr(skb)->tot_len = htons(len);
		ip_send_check(ip_hdr(skb));
	} else {
		ipv6_hdr(skb)->payload_len = htons(len - sizeof(struct ipv6hdr));
	}
}

static u8 nsim_ipsec_esp_dsfield(const struct sk_buff *skb)
{
	if (skb->protocol == htons(ETH_P_IP))
		return ipv4_get_dsfield(ip_hdr(skb));
	return ipv6_get_dsfield(ipv6_hdr(skb));
}

static void nsim_ipsec_esp_put_outer_v4(struct nsim_ipsec_sa *sa, struct iphdr *outer, u8 dsfield,
					__be16 df, u64 seq)
{
	*outer = (struct iphdr){
		.version = 4,
		.ihl = sizeof(*outer) / 4,
		.tos = dsfield,
		.id = htons((u16)seq),
		.frag_off = df,
		.ttl = NSIM_IPSEC_TUNNEL_TTL,
		.protocol = IPPROTO_ESP,
		.saddr = sa->saddr.a4,
		.daddr = sa->daddr.a4,
	};
}

static void nsim_ipsec_esp_put_outer_v6(struct nsim_ipsec_sa *sa, struct ipv6hdr *outer, u8 dsfield)
{
	*outer = (struct ipv6hdr){
		.version = 6,
		.nexthdr = IPPROTO_ESP,
		.hop_limit = NSIM_IPSEC_TUNNEL_TTL,
		.saddr = sa->saddr.in6,
		.daddr = sa->daddr.in6,
	};
	ipv6_change_dsfield(outer, 0, dsfield);
}

/* Make room for ESP between the IP header and its payload. Returns the inner protocol. */
static u8 nsim_ipsec_esp_insert(struct sk_buff *skb, const struct nsim_ipsec_flow *flow)
{
	unsigned int nhoff = skb_network_offset(skb);
	u8 *named, proto;

	skb_push(skb, NSIM_IPSEC_ESP_LEN);
	memmove(skb->data, skb->data + NSIM_IPSEC_ESP_LEN, nhoff + flow->insert);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, nhoff);
	skb_set_transport_header(skb, nhoff + flow->insert);

	named = skb_network_header(skb) + flow->insert_nexthdr;
	proto = *named;
	*named = IPPROTO_ESP;
	return proto;
}

/* Put an IP header and ESP in front of the packet. Returns the inner protocol. */
static u8 nsim_ipsec_esp_wrap(struct nsim_ipsec_sa *sa, struct sk_buff *skb, u64 seq)
{
	bool v4 = sa->family == AF_INET, inner_v4 = skb->protocol == htons(ETH_P_IP);
	unsigned int outer_len = v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	unsigned int nhoff = skb_network_offset(skb);
	u8 dsfield = nsim_ipsec_esp_dsfield(skb);
	__be16 df = 0;

	if (sa->flags & XFRM_STATE_NOECN)
		dsfield &= ~INET_ECN_MASK;
	else
		dsfield = INET_ECN_encapsulate(dsfield, dsfield);
	if (inner_v4 && !(sa->flags & XFRM_STATE_NOPMTUDISC))
		df = ip_hdr(skb)->frag_off & htons(IP_DF);

	skb_push(skb, outer_len + NSIM_IPSEC_ESP_LEN);
	memmove(skb->data, skb->data + outer_len + NSIM_IPSEC_ESP_LEN, nhoff);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, nhoff);
	skb_set_transport_header(skb, nhoff + outer_len);

	skb->protocol = v4 ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	eth_hdr(skb)->h_proto = skb->protocol;
	if (v4)
		nsim_ipsec_esp_put_outer_v4(sa, ip_hdr(skb), dsfield, df, seq);
	else
		nsim_ipsec_esp_put_outer_v6(sa, ipv6_hdr(skb), dsfield);
	return inner_v4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

static void nsim_ipsec_esp_put_trailer(struct sk_buff *skb, unsigned int pad, u8 proto)
{
	u8 *tail = skb_put(skb, pad + 2);
	unsigned int i;

	for (i = 0; i < pad; i++)
		tail[i] = i + 1;
	tail[pad] = pad;
	tail[pad + 1] = proto;
	skb_put(skb, NSIM_IPSEC_ICV_LEN);
}

/**
 * nsim_ipsec_esp_seal - put ESP on a plain frame
 * @sa: outbound SA of packet offload
 * @skb: a single frame, data at the link header; changed in place
 * @flow: its packet
 *
 * Context: RCU read section, bottom halves off.
 * Return: 0, -EINVAL if ESP cannot carry the packet, -ENOMEM, the errors of
 *	   nsim_ipsec_sa_next_seq() and of the crypto API. On error the frame must be dropped.
 */
int nsim_ipsec_esp_seal(struct nsim_ipsec_sa *sa, struct sk_buff *skb,
			const struct nsim_ipsec_flow *flow)
{
	unsigned int nhoff = skb_network_offset(skb), plain, pad;
	bool tunnel = sa->mode == XFRM_MODE_TUNNEL;
	struct ip_esp_hdr *esph;
	u8 proto;
	u64 seq;
	int err;

	if (!tunnel && flow->fragment)
		return -EINVAL;
	if (nsim_ipsec_esp_fill_csum(sa, skb))
		return -EINVAL;
	if (nsim_ipsec_esp_own(skb, sizeof(struct ipv6hdr) + NSIM_IPSEC_ESP_LEN,
			       NSIM_IPSEC_TRAILER_MAX))
		return -ENOMEM;

	skb_trim(skb, nhoff + flow->len);
	plain = tunnel ? flow->len : flow->len - flow->insert;
	if (plain + NSIM_IPSEC_TRAILER_MAX + NSIM_IPSEC_ESP_LEN + sizeof(struct ipv6hdr) > U16_MAX)
		return -EINVAL;

	err = nsim_ipsec_sa_next_seq(sa, flow->len, &seq);
	if (err)
		return err;

	proto = tunnel ? nsim_ipsec_esp_wrap(sa, skb, seq) : nsim_ipsec_esp_insert(skb, flow);
	pad = -(plain + 2) & 3;
	nsim_ipsec_esp_put_trailer(skb, pad, proto);
	nsim_ipsec_esp_set_len(skb, skb->len - nhoff);

	esph = ip_esp_hdr(skb);
	esph->spi = sa->spi;
	esph->seq_no = htonl(lower_32_bits(seq));
	*(__be64 *)(esph + 1) = cpu_to_be64(seq);
	err = nsim_ipsec_esp_crypt(sa, (u8 *)esph, seq, plain + pad + 2, true);

	skb->ip_summed = CHECKSUM_NONE;
	skb->encapsulation = 0;
	skb_clear_hash(skb);
	nsim_ipsec_sa_sent(sa);
	return err;
}

/* The length of what follows the IV, up to the end of the packet; -EINVAL for no proper ESP. */
static int nsim_ipsec_esp_payload_len(const struct nsim_ipsec_flow *flow)
{
	int len = (int)flow->len - (int)(flow->upper + NSIM_IPSEC_ESP_LEN);

	return len < (int)NSIM_IPSEC_ICV_LEN + 4 || len % 4 ? -EINVAL : len;
}

/* Remove ESP from behind the IP header. */
static void nsim_ipsec_esp_remove(struct sk_buff *skb, const struct nsim_ipsec_flow *flow,
				  unsigned int len, u8 proto)
{
	unsigned int front = skb->data - skb_mac_header(skb) + flow->upper;
	u8 *mac = skb_mac_header(skb);

	memmove(mac + NSIM_IPSEC_ESP_LEN, mac, front);
	skb->mac_header += NSIM_IPSEC_ESP_LEN;
	skb_pull(skb, NSIM_IPSEC_ESP_LEN);
	skb_trim(skb, flow->upper + len);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, flow->upper);
	skb_network_header(skb)[flow->upper_nexthdr] = proto;
	nsim_ipsec_esp_set_len(skb, skb->len);
}

/* Remove the outer IP header and ESP. */
static int nsim_ipsec_esp_unwrap(struct sk_buff *skb, const struct nsim_ipsec_flow *flow,
				 unsigned int len, u8 proto)
{
	bool ce = INET_ECN_is_ce(nsim_ipsec_esp_dsfield(skb));
	struct ethhdr *eth = eth_hdr(skb);

	if (proto == IPPROTO_IPIP && len >= sizeof(struct iphdr))
		skb->protocol = htons(ETH_P_IP);
	else if (proto == IPPROTO_IPV6 && len >= sizeof(struct ipv6hdr))
		skb->protocol = htons(ETH_P_IPV6);
	else
		return -EINVAL;

	skb_pull(skb, flow->upper + NSIM_IPSEC_ESP_LEN);
	skb_trim(skb, len);
	skb_reset_network_header(skb);
	skb_reset_transport_header(skb);
	memmove(skb->data - ETH_HLEN, eth, ETH_HLEN);
	skb_set_mac_header(skb, -ETH_HLEN);
	eth_hdr(skb)->h_proto = skb->protocol;

	if (ce && proto == IPPROTO_IPIP)
		IP_ECN_set_ce(ip_hdr(skb));
	else if (ce)
		IP6_ECN_set_ce(skb, ipv6_hdr(skb));
	return 0;
}

/**
 * nsim_ipsec_esp_open - take ESP off a received frame
 * @sa: inbound SA of packet offload
 * @skb: frame that carries ESP of this SA, data at the IP header; changed in place
 * @flow: its packet
 *
 * Context: RCU read section, bottom halves off.
 * Return: 0, -EINVAL if it is no proper ESP, -EBADMSG for a wrong ICV, -EALREADY for a replay,
 *	   -ENOMEM, the errors of nsim_ipsec_sa_accept(). On error the frame must be dropped.
 */
int nsim_ipsec_esp_open(struct nsim_ipsec_sa *sa, struct sk_buff *skb,
			const struct nsim_ipsec_flow *flow)
{
	int len = nsim_ipsec_esp_payload_len(flow);
	const struct ip_esp_hdr *esph;
	const u8 *tail;
	u8 proto;
	u64 seq;
	int err;

	if (len < 0)
		return len;
	if (nsim_ipsec_esp_own(skb, 0, 0))
		return -ENOMEM;
	skb_trim(skb, flow->len);

	esph = (const struct ip_esp_hdr *)(skb->data + flow->upper);
	seq = ntohl(esph->seq_no);
	spin_lock_bh(&sa->lock);
	if (sa->esn)
		seq = nsim_ipsec_replay_extend(&sa->replay, seq);
	err = nsim_ipsec_sa_check_window(sa, seq);
	spin_unlock_bh(&sa->lock);
	if (err)
		return err;

	err = nsim_ipsec_esp_crypt(sa, skb->data + flow->upper, seq, len, false);
	if (err)
		return err;

	tail = skb_tail_pointer(skb) - NSIM_IPSEC_ICV_LEN - 2;
	proto = tail[1];
	len -= NSIM_IPSEC_ICV_LEN + 2 + tail[0];
	if (len < 0)
		return -EINVAL;

	err = nsim_ipsec_sa_accept(sa, seq, sa->mode == XFRM_MODE_TUNNEL ? len : flow->upper + len);
	if (err)
		return err;

	/* A dummy packet (RFC 4303, 2.6) only hides how much is sent. */
	if (proto == IPPROTO_NONE)
		return -EINVAL;
	if (sa->mode == XFRM_MODE_TUNNEL)
		err = nsim_ipsec_esp_unwrap(skb, flow, len, proto);
	else
		nsim_ipsec_esp_remove(skb, flow, len, proto);

	skb->ip_summed = CHECKSUM_NONE;
	skb->encapsulation = 0;
	skb_reset_mac_len(skb);
	skb_clear_hash(skb);
	return err;
}

/* The checksum covers the payload without the trailer, which the stack has appended. */
static int nsim_ipsec_esp_payload_csum(const struct nsim_ipsec_sa *sa, struct sk_buff *skb,
				       unsigned int payload_len)
{
	unsigned int trailer = NSIM_IPSEC_ICV_LEN + 2;
	int err;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return 0;
	trailer += *(skb_tail_pointer(skb) - trailer);
	if (trailer > payload_len)
		return -EINVAL;

	skb_trim(skb, skb->len - trailer);
	err = nsim_ipsec_esp_fill_csum(sa, skb);
	skb_put(skb, trailer);
	return err;
}

/**
 * nsim_ipsec_esp_encrypt_payload - crypto offload: fill in IV, ciphertext and ICV
 * @sa: outbound SA of crypto offload
 * @skb: a single frame in which the stack left room for them, data at the link header
 * @flow: its packet
 * @xo: what the stack says about it
 *
 * Return: 0, -EINVAL, -ENOMEM, or the crypto API's error. On error the frame must be dropped.
 */
int nsim_ipsec_esp_encrypt_payload(struct nsim_ipsec_sa *sa, struct sk_buff *skb,
				   const struct nsim_ipsec_flow *flow,
				   const struct xfrm_offload *xo)
{
	int len = nsim_ipsec_esp_payload_len(flow);
	struct ip_esp_hdr *esph;
	u32 low, high;
	int err;

	if (len < 0 || flow->proto != IPPROTO_ESP || flow->fragment ||
	    skb->len - skb_network_offset(skb) != flow->len)
		return -EINVAL;
	if (nsim_ipsec_esp_own(skb, 0, 0))
		return -ENOMEM;
	err = nsim_ipsec_esp_payload_csum(sa, skb, len);
	if (err)
		return err;

	/* For a segment of a GSO packet the stack has already moved on to the next number. */
	esph = (struct ip_esp_hdr *)(skb_network_header(skb) + flow->upper);
	low = ntohl(esph->seq_no);
	high = sa->esn ? xo->seq.hi - (xo->seq.low < low) : 0;
	*(__be64 *)(esph + 1) = cpu_to_be64((u64)high << 32 | low);

	err = nsim_ipsec_esp_crypt(sa, (u8 *)esph, (u64)high << 32 | low,
				   len - NSIM_IPSEC_ICV_LEN, true);
	skb->ip_summed = CHECKSUM_NONE;
	return err;
}

/**
 * nsim_ipsec_esp_decrypt_payload - crypto offload: decrypt, leave the headers to the stack
 * @sa: inbound SA of crypto offload
 * @skb: frame that carries ESP of this SA, data at the IP header
 * @flow: its packet
 *
 * Return: 0, -EINVAL, -ENOMEM (frame unchanged), or the crypto API's error.
 */
int nsim_ipsec_esp_decrypt_payload(struct nsim_ipsec_sa *sa, struct sk_buff *skb,
				   const struct nsim_ipsec_flow *flow)
{
	int len = nsim_ipsec_esp_payload_len(flow);
	const struct ip_esp_hdr *esph;
	u64 seq;
	int err;

	if (len < 0)
		return len;
	if (nsim_ipsec_esp_own(skb, 0, 0))
		return -ENOMEM;

	esph = (const struct ip_esp_hdr *)(skb->data + flow->upper);
	seq = ntohl(esph->seq_no);
	spin_lock_bh(&sa->lock);
	if (sa->esn)
		seq = nsim_ipsec_replay_extend(&sa->replay, seq);
	spin_unlock_bh(&sa->lock);

	err = nsim_ipsec_esp_crypt(sa, skb->data + flow->upper, seq, len, false);
	skb->ip_summed = CHECKSUM_NONE;
	return err;
}
