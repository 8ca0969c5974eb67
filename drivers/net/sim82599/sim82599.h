/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A modelled 82599: what is on one card, and which file does what. What it has
 * in common with other models is in drivers/net/simpci.
 *
 *	trace.c		which registers tests can see
 *	eeprom.c	the card's own settings and address
 *	irq.c		causes, masks, vectors
 *	ipsec.c		SA tables and the two crypto engines
 *	frame.c		a frame: checksums, IPsec, to the wire
 *	tso.c		segments
 *	tx.c		descriptors to frames
 *	rx.c		frames to descriptors
 *	regs.c		the register file, resets
 *	debugfs.c	what tests do and see
 *	main.c		the model, for simpci
 *
 * A file calls only those that stand before it.
 */
#ifndef SIM82599_H
#define SIM82599_H

#include "../simpci/simpci.h"
#include "hw.h"

struct crypto_aead;
struct seq_file;

#define SIM_EEPROM_WORDS 256
#define SIM_FRAME_MAX	(256 * 1024)	/* one TSO: PAYLEN has 18 bits */
#define SIM_WIRE_MAX	9728		/* the longest frame on the wire: 82599 jumbo, 1.2 */

struct sim_sa_key {
	u32	key[4];
	u32	salt;
};

enum sim_counter {
	SIM_TX_FRAMES,
	SIM_TX_IPSEC,		/* encrypted under a key */
	SIM_TX_IPSEC_NO_KEY,	/* encrypted under the key of an empty entry: all zero */
	SIM_TX_IPSEC_BYPASSED,	/* IPsec asked for, the engine is off: left as it was */
	SIM_TX_MALFORMED,
	SIM_RX_FRAMES,
	SIM_RX_IPSEC,
	SIM_RX_IPSEC_FAILED,
	SIM_RX_FILTERED,
	SIM_RX_MISSED,
	SIM_COUNTERS
};

/**
 * struct sim_card - one card
 * @base: the part of every model; its lock protects @regs and the tables of
 *	IPsec
 * @regs: BAR 0, by dword
 * @eeprom: configuration and MAC address, by word
 * @contexts: two transmit contexts a queue: 7.2.3.2.3
 * @tx_ring_set: how often the driver set up a transmit ring, or reset the card;
 *	@base.lock
 * @resets: how often the driver reset the card; @base.lock
 * @tx_sa: keys and salts of the transmit table
 * @rx_key: keys and salts of the receive table
 * @rx_mode: mode word of each entry of the receive table
 * @rx_spi: SPI of each entry of the receive table
 * @rx_ip_index: index into @rx_ip of each entry of the receive table
 * @rx_ip: destination addresses of the receive table
 * @gcm: rfc4106(gcm(aes)), keyed for each frame
 * @frame: what is being assembled from descriptors, in sim_run()
 * @hold_tx: the link partner pauses: no frame leaves
 * @frame_us: how long a frame takes from its descriptor to the wire, at least
 * @tx_busy: a frame is between the rings and the wire
 * @link_was_up: the state of the link that the host was told last
 * @counters: by enum sim_counter
 */
struct sim_card {
	struct simpci_card	base;	/* first */

	u32			*regs;
	u16			eeprom[SIM_EEPROM_WORDS];
	struct sim_tx_context	contexts[SIM_QUEUES][2];
	u32			tx_ring_set[SIM_QUEUES];
	u32			resets;

	struct sim_sa_key	tx_sa[SIM_SAS];
	struct sim_sa_key	rx_key[SIM_SAS];
	u32			rx_mode[SIM_SAS];
	u32			rx_spi[SIM_SAS];
	u32			rx_ip_index[SIM_SAS];
	u32			rx_ip[SIM_RX_IPS][4];
	struct crypto_aead	*gcm;

	u8			*frame;
	bool			hold_tx;
	u32			frame_us;
	bool			tx_busy;
	bool			link_was_up;

	u64			counters[SIM_COUNTERS];
};

static inline struct sim_card *sim_card_of(struct simpci_card *base)
{
	return container_of(base, struct sim_card, base);
}

static inline u32 sim_reg(const struct sim_card *card, u32 offset)
{
	return READ_ONCE(card->regs[offset / 4]);
}

static inline void sim_set_reg(struct sim_card *card, u32 offset, u32 value)
{
	WRITE_ONCE(card->regs[offset / 4], value);
}

/* trace.c */
extern const struct simpci_register sim_trace_names[];
bool sim_is_traced(u32 offset);

/* eeprom.c */
void sim_eeprom_fill(struct sim_card *card);
void sim_eeprom_mac(const struct sim_card *card, u8 *mac);

/* irq.c */
void sim_irq_cause(struct sim_card *card, u32 causes);
void sim_irq_queue(struct sim_card *card, unsigned int queue, bool tx);
void sim_irq_deliver(struct sim_card *card);

/* ipsec.c */
int sim_ipsec_init(struct sim_card *card);
void sim_ipsec_exit(struct sim_card *card);
void sim_ipsec_power_on(struct sim_card *card);
void sim_ipsec_tx_index(struct sim_card *card, u32 value);
void sim_ipsec_rx_index(struct sim_card *card, u32 value);
bool sim_ipsec_tx(struct sim_card *card, const struct sim_tx_context *context,
		  u8 *frame, unsigned int len);
u32 sim_ipsec_rx(struct sim_card *card, struct sk_buff *skb, u16 *type);
void sim_ipsec_show(struct sim_card *card, struct seq_file *seq);
int sim_esp_offset(const u8 *frame, unsigned int len, unsigned int l3,
		   bool ipv4);

/* frame.c */
void sim_tx_frame(struct sim_card *card, const struct sim_tx_context *context,
		  u32 options, u8 *frame, unsigned int len);
void sim_tx_checksum(u8 *frame, unsigned int len, unsigned int start,
		     u32 l4_type);

/* tso.c */
void sim_tso(struct sim_card *card, const struct sim_tx_context *context,
	     u32 options, const u8 *frame, unsigned int len);

/* tx.c */
bool sim_tx_run(struct sim_card *card);
unsigned int sim_tx_waiting(const struct sim_card *card);

/* rx.c */
bool sim_rx_run(struct sim_card *card);

/* regs.c */
void sim_regs_reset(struct sim_card *card);
u32 sim_reg_read(struct sim_card *card, u32 offset);
void sim_reg_write(struct sim_card *card, u32 offset, u32 value);

/* debugfs.c */
void sim_debugfs_add(struct sim_card *card);

#endif
