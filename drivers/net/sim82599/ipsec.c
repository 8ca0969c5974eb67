// SPDX-License-Identifier: GPL-2.0
/*
 * IPsec: 7.12 of the datasheet. The tables are reached through IPSTXIDX and
 * IPSRXIDX; AES-128-GCM is the only cipher, ESP behind an IP header without
 * options the only place. The engine checks nothing: a frame whose
 * descriptor names an entry without a key is encrypted under zeros, one that
 * asks for IPsec while the engine is off leaves as it is.
 *
 * The IV is the one in the frame.
 */

#include <crypto/aead.h>
#include <linux/bitfield.h>
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/unaligned.h>
#include <net/ip.h>

#include "sim82599.h"

#define ESP_AAD		8	/* SPI and sequence number: no ESN */
#define ESP_IV		8
#define ESP_HEADER	(ESP_AAD + ESP_IV)
#define ESP_ICV		16
#define KEY_LEN		16
#define SALT_LEN	4

/* --- tables */

static bool sim_key_is_zero(const struct sim_sa_key *key)
{
	return !memchr_inv(key, 0, sizeof(*key));
}

/* One key and its salt, as they are together: the cipher sleeps between them. */
static void sim_key_get(struct sim_card *card, const struct sim_sa_key *entry,
			struct sim_sa_key *key)
{
	unsigned long flags;

	spin_lock_irqsave(&card->base.lock, flags);
	*key = *entry;
	spin_unlock_irqrestore(&card->base.lock, flags);
}

/**
 * sim_ipsec_tx_index() - IPSTXIDX is written: 8.2.3.14
 * @card: the card
 * @value: enable bit, and an entry to be read or written
 *
 * Context: @card's lock is held.
 */
void sim_ipsec_tx_index(struct sim_card *card, u32 value)
{
	struct sim_sa_key *sa = &card->tx_sa[FIELD_GET(IPSIDX_INDEX, value)];
	int i;

	if (value & IPSIDX_WRITE) {
		for (i = 0; i < 4; i++)
			sa->key[i] = sim_reg(card, IPSTXKEY(i));
		sa->salt = sim_reg(card, IPSTXSALT);
	} else if (value & IPSIDX_READ) {
		for (i = 0; i < 4; i++)
			sim_set_reg(card, IPSTXKEY(i), sa->key[i]);
		sim_set_reg(card, IPSTXSALT, sa->salt);
	}
	sim_set_reg(card, IPSTXIDX, value & ~(IPSIDX_WRITE | IPSIDX_READ));
}

static void sim_ipsec_rx_write(struct sim_card *card, u32 table, u32 index)
{
	int i;

	switch (table) {
	case IPSRXIDX_IP:
		for (i = 0; i < 4 && index < SIM_RX_IPS; i++)
			card->rx_ip[index][i] = sim_reg(card, IPSRXIPADDR(i));
		break;
	case IPSRXIDX_SPI:
		card->rx_spi[index] = sim_reg(card, IPSRXSPI);
		card->rx_ip_index[index] = sim_reg(card, IPSRXIPIDX);
		break;
	case IPSRXIDX_KEY:
		for (i = 0; i < 4; i++)
			card->rx_key[index].key[i] = sim_reg(card, IPSRXKEY(i));
		card->rx_key[index].salt = sim_reg(card, IPSRXSALT);
		card->rx_mode[index] = sim_reg(card, IPSRXMOD);
		break;
	}
}

/**
 * sim_ipsec_rx_index() - IPSRXIDX is written: 8.2.3.14
 * @card: the card
 * @value: enable bit, and an entry of a table to be written
 *
 * Context: @card's lock is held.
 */
void sim_ipsec_rx_index(struct sim_card *card, u32 value)
{
	if (value & IPSIDX_WRITE)
		sim_ipsec_rx_write(card, FIELD_GET(IPSRXIDX_TABLE, value),
				   FIELD_GET(IPSIDX_INDEX, value));
	sim_set_reg(card, IPSRXIDX, value & ~IPSIDX_WRITE);
}

/**
 * sim_ipsec_power_on() - tables are memory, and start with arbitrary contents
 * @card: the card
 *
 * Nothing in them is valid: the driver has to clear them.
 */
void sim_ipsec_power_on(struct sim_card *card)
{
	memset(card->tx_sa, 0xa5, sizeof(card->tx_sa));
	memset(card->rx_key, 0xa5, sizeof(card->rx_key));
	memset(card->rx_spi, 0xa5, sizeof(card->rx_spi));
	memset(card->rx_ip, 0xa5, sizeof(card->rx_ip));
	memset(card->rx_ip_index, 0, sizeof(card->rx_ip_index));
	memset(card->rx_mode, 0, sizeof(card->rx_mode));
}

/**
 * sim_ipsec_show() - entries of the tables that are in use, without keys
 * @card: the card
 * @seq: where to
 */
void sim_ipsec_show(struct sim_card *card, struct seq_file *seq)
{
	unsigned int i;

	seq_printf(seq, "engine tx %s rx %s\n",
		   sim_reg(card, IPSTXIDX) & IPSIDX_EN ? "on" : "off",
		   sim_reg(card, IPSRXIDX) & IPSIDX_EN ? "on" : "off");
	for (i = 0; i < SIM_SAS; i++)
		if (!sim_key_is_zero(&card->tx_sa[i]))
			seq_printf(seq, "tx %u\n", i);
	for (i = 0; i < SIM_SAS; i++)
		if (!sim_key_is_zero(&card->rx_key[i]) || card->rx_mode[i] ||
		    card->rx_spi[i])
			seq_printf(seq, "rx %u spi %08x ip %u mode %02x\n", i,
				   swab32(card->rx_spi[i]),
				   card->rx_ip_index[i], card->rx_mode[i]);
	for (i = 0; i < SIM_RX_IPS; i++)
		if (memchr_inv(card->rx_ip[i], 0, sizeof(card->rx_ip[i])))
			seq_printf(seq, "ip %u\n", i);
}

/* --- the cipher */

/*
 * The words of a key are numbers, the last register the most significant:
 * 8.2.3.14.
 */
static int sim_set_key(struct sim_card *card, const struct sim_sa_key *sa)
{
	u8 key[KEY_LEN];
	int i;

	for (i = 0; i < 4; i++)
		put_unaligned_be32(sa->key[3 - i], key + 4 * i);
	return crypto_aead_setkey(card->gcm, key, sizeof(key));
}

/*
 * RFC 4106: the nonce is salt and IV; SPI and sequence number are
 * authenticated only.
 */
static int sim_gcm(struct sim_card *card, const struct sim_sa_key *sa, u8 *esp,
		   unsigned int len, bool encrypt)
{
	u8 iv[SALT_LEN + ESP_IV], aad[ESP_AAD];
	struct aead_request *request;
	struct scatterlist sg[2];
	int err;

	err = sim_set_key(card, sa);
	if (err)
		return err;
	request = aead_request_alloc(card->gcm, GFP_KERNEL);
	if (!request)
		return -ENOMEM;
	put_unaligned_be32(sa->salt, iv);
	memcpy(iv + SALT_LEN, esp + ESP_AAD, ESP_IV);
	memcpy(aad, esp, ESP_AAD);
	sg_init_table(sg, ARRAY_SIZE(sg));
	sg_set_buf(&sg[0], aad, sizeof(aad));
	sg_set_buf(&sg[1], esp + ESP_HEADER, len - ESP_HEADER);
	aead_request_set_ad(request, sizeof(aad));
	aead_request_set_crypt(request, sg, sg,
			       len - ESP_HEADER - (encrypt ? ESP_ICV : 0), iv);
	err = encrypt ? crypto_aead_encrypt(request) :
			crypto_aead_decrypt(request);
	aead_request_free(request);
	return err;
}

/**
 * sim_esp_offset() - where the ESP header is
 * @frame: the frame
 * @len: its length, in octets
 * @l3: where its IP header begins
 * @ipv4: of which version
 *
 * Return: the offset, -1 if there is no ESP where the engine looks for it.
 */
int sim_esp_offset(const u8 *frame, unsigned int len, unsigned int l3,
		   bool ipv4)
{
	const struct ipv6hdr *ip6 = (struct ipv6hdr *)(frame + l3);
	const struct iphdr *ip = (struct iphdr *)(frame + l3);
	unsigned int esp = l3 + (ipv4 ? sizeof(*ip) : sizeof(*ip6));

	if (esp + ESP_HEADER + ESP_ICV > len)
		return -1;
	if (!ipv4)
		return ip6->nexthdr == IPPROTO_ESP ? esp : -1;
	if (ip->ihl != 5 || ip->frag_off & htons(IP_MF | IP_OFFSET))
		return -1;
	return ip->protocol == IPPROTO_ESP ? esp : -1;
}

/**
 * sim_ipsec_tx() - protect a frame whose descriptor asks for it
 * @card: which sends
 * @context: the frame's
 * @frame: the frame
 * @len: its length, in octets
 *
 * Return: whether it may leave. That it is protected is not said.
 */
bool sim_ipsec_tx(struct sim_card *card, const struct sim_tx_context *context,
		  u8 *frame, unsigned int len)
{
	u32 tucmd = le32_to_cpu(context->tucmd);
	unsigned int l3 = FIELD_GET(TXC_MACLEN, le32_to_cpu(context->lengths));
	u32 index = FIELD_GET(TXC_SA, le32_to_cpu(context->sa_index));
	struct sim_sa_key sa;
	int esp;

	if (!(sim_reg(card, IPSTXIDX) & IPSIDX_EN) ||
	    sim_reg(card, SECTXCTRL) & SECTXCTRL_SECTX_DIS) {
		card->counters[SIM_TX_IPSEC_BYPASSED]++;
		return true;
	}
	if (!(tucmd & TXC_ESP) || !(tucmd & TXC_ENCRYPT))
		return false;
	esp = sim_esp_offset(frame, len, l3, tucmd & TXC_IPV4);
	if (esp < 0)
		return false;
	sim_key_get(card, &card->tx_sa[index], &sa);
	card->counters[sim_key_is_zero(&sa) ? SIM_TX_IPSEC_NO_KEY :
					      SIM_TX_IPSEC]++;
	return !sim_gcm(card, &sa, frame + esp, len - esp, true);
}

/* 7.12: SPI and destination choose the SA. Returns its index, -1 for none. */
static int sim_ipsec_find(const struct sim_card *card, const u8 *esp,
			  const u8 *daddr, bool ipv4)
{
	u32 addr[4] = {};
	u32 ip_index;
	int i;

	if (ipv4)
		addr[3] = get_unaligned_le32(daddr);
	else
		for (i = 0; i < 4; i++)
			addr[i] = get_unaligned_le32(daddr + 4 * i);
	for (i = 0; i < SIM_SAS; i++) {
		if (!(card->rx_mode[i] & IPSRXMOD_VALID) ||
		    !(card->rx_mode[i] & IPSRXMOD_ESP) ||
		    !(card->rx_mode[i] & IPSRXMOD_IPV6) != ipv4 ||
		    card->rx_spi[i] != get_unaligned_le32(esp))
			continue;
		ip_index = card->rx_ip_index[i];
		if (ip_index < SIM_RX_IPS &&
		    !memcmp(card->rx_ip[ip_index], addr, sizeof(addr)))
			return i;
	}
	return -1;
}

/* Deciphers in place; what fails stays as it came. */
static u32 sim_ipsec_open(struct sim_card *card, int index, u8 *esp,
			  unsigned int len)
{
	u32 error = RXD_SECP | FIELD_PREP(RXD_SECERR, RXD_SECERR_AUTH);
	struct sim_sa_key sa;
	u8 *copy;

	if (!(card->rx_mode[index] & IPSRXMOD_DECRYPT))
		return RXD_SECP | FIELD_PREP(RXD_SECERR, RXD_SECERR_PROTOCOL);
	copy = kmemdup(esp, len, GFP_KERNEL);
	if (!copy)
		return error;
	sim_key_get(card, &card->rx_key[index], &sa);
	if (!sim_gcm(card, &sa, copy, len, false)) {
		memcpy(esp, copy, len - ESP_ICV);
		error = RXD_SECP;
	}
	kfree(copy);
	card->counters[error == RXD_SECP ? SIM_RX_IPSEC : SIM_RX_IPSEC_FAILED]++;
	return error;
}

/**
 * sim_ipsec_rx() - decipher a frame that one of the SAs is for
 * @card: which receives
 * @skb: the frame, linear
 * @type: packet type of the descriptor; ESP is taken out of it, unless an SA
 *	was found
 *
 * Return: bits for the status of the descriptor.
 */
u32 sim_ipsec_rx(struct sim_card *card, struct sk_buff *skb, u16 *type)
{
	const struct ipv6hdr *ip6 = (struct ipv6hdr *)(skb->data + ETH_HLEN);
	const struct iphdr *ip = (struct iphdr *)(skb->data + ETH_HLEN);
	bool ipv4 = *type & RXD_IPV4;
	unsigned int len = skb->len;
	int esp, index;

	if (!(*type & RXD_ESP))
		return 0;
	*type &= ~RXD_ESP;
	if (!(sim_reg(card, IPSRXIDX) & IPSIDX_EN) ||
	    sim_reg(card, SECRXCTRL) & SECRXCTRL_SECRX_DIS)
		return 0;
	/* Padding of the Ethernet is not the packet's. */
	if (ipv4)
		len = min_t(unsigned int, len, ETH_HLEN + ntohs(ip->tot_len));
	else
		len = min_t(unsigned int, len, ETH_HLEN + sizeof(*ip6) +
			    ntohs(ip6->payload_len));
	esp = sim_esp_offset(skb->data, len, ETH_HLEN, ipv4);
	if (esp < 0)
		return 0;
	index = sim_ipsec_find(card, skb->data + esp,
			       skb->data + ETH_HLEN + (ipv4 ? 16 : 24), ipv4);
	if (index < 0)
		return 0;
	*type |= RXD_ESP;
	return sim_ipsec_open(card, index, skb->data + esp, len - esp);
}

/**
 * sim_ipsec_init() - get the cipher
 * @card: the card
 *
 * Return: 0, or what the crypto API says.
 */
int sim_ipsec_init(struct sim_card *card)
{
	struct crypto_aead *gcm =
		crypto_alloc_aead("gcm(aes)", 0, CRYPTO_ALG_ASYNC);

	if (IS_ERR(gcm))
		return PTR_ERR(gcm);
	card->gcm = gcm;
	return crypto_aead_setauthsize(gcm, ESP_ICV);
}

/**
 * sim_ipsec_exit() - give the cipher back
 * @card: the card
 */
void sim_ipsec_exit(struct sim_card *card)
{
	crypto_free_aead(card->gcm);
	card->gcm = NULL;
}
