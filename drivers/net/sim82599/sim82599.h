/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A modelled 82599: what is on one card, and which file does what.
 *
 *	pci.c		the slots: host bridge, configuration space, MMIO
 *	regs.c		the register file, resets
 *	trace.c		the last accesses, for tests to read
 *	eeprom.c	the card's own settings and address
 *	irq.c		causes, masks, MSI-X messages
 *	tx.c, tso.c	descriptors to frames
 *	rx.c		frames to descriptors
 *	ipsec.c		SA tables and the two crypto engines
 *	wire.c		the network device at the other end of the cable
 *
 * The driver sees the card through registers and DMA alone. A card works when
 * the CPU is elsewhere: all that takes time on hardware is done by @work.
 */
#ifndef SIM82599_H
#define SIM82599_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "hw.h"

struct crypto_aead;
struct dentry;
struct pci_dev;
struct seq_file;

#define SIM_SLOTS	4
#define SIM_TRACE	8192
#define SIM_CONFIG_SIZE	4096
#define SIM_EEPROM_WORDS 256
#define SIM_FRAME_MAX	(256 * 1024)	/* one TSO: PAYLEN has 18 bits */
#define SIM_WIRE_MAX	9728		/* the longest frame on the wire: 82599 jumbo, 1.2 */
#define SIM_RX_FIFO	1024		/* frames that wait for a descriptor */

struct sim_sa_key {
	u32	key[4];
	u32	salt;
};

struct sim_trace_entry {
	u32	offset;
	u32	value;
	bool	write;
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
	SIM_DMA_ABORTED,
	SIM_COUNTERS
};

/**
 * struct sim_card - one card, in its slot
 * @slot: number of the slot, which is the PCI device number too
 * @plugged: there is a card in the slot; pci_lock_rescan_remove()
 * @gone: pulled out without a word: reads give ones, writes go nowhere
 * @lock: protects @regs, @msix, the tables of IPsec and @trace; taken with
 *	interrupts off
 * @config: PCI configuration space
 * @regs: BAR 0, by dword
 * @msix: BAR 3: the table
 * @eeprom: configuration and MAC address, by word
 * @contexts: two transmit contexts a queue: 7.2.3.2.3
 * @tx_ring_set: how often the driver set up a transmit ring, or reset the card;
 *	@lock
 * @resets: how often the driver reset the card; @lock
 * @tx_sa: keys and salts of the transmit table
 * @rx_key: keys and salts of the receive table
 * @rx_mode: mode word of each entry of the receive table
 * @rx_spi: SPI of each entry of the receive table
 * @rx_ip_index: index into @rx_ip of each entry of the receive table
 * @rx_ip: destination addresses of the receive table
 * @gcm: rfc4106(gcm(aes)), keyed for each frame
 * @wq: runs @work
 * @work: DMA, crypto and interrupts of the card
 * @frame: what is being assembled from descriptors; @work's
 * @hold_tx: the link partner pauses: no frame leaves
 * @frame_us: how long a frame takes from its descriptor to the wire, at least
 * @tx_busy: a frame is between the rings and the wire
 * @link_was_up: the state of the link that the host was told last
 * @wire: the interface at the other end of the cable
 * @from_wire: received, not yet in host memory
 * @trace: ring of the last accesses to CTRL and to the registers of IPsec
 * @traced: number of accesses since the trace was cleared
 * @counters: by enum sim_counter
 * @dir: directory in debugfs
 */
struct sim_card {
	unsigned int		slot;
	bool			plugged;
	bool			gone;

	spinlock_t		lock;	/* see above */
	u8			config[SIM_CONFIG_SIZE];
	u32			*regs;
	u32			msix[SIM_MSIX_VECTORS * 4];
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

	struct workqueue_struct	*wq;
	struct work_struct	work;
	u8			*frame;
	bool			hold_tx;
	u32			frame_us;
	bool			tx_busy;
	bool			link_was_up;

	struct net_device	*wire;
	struct sk_buff_head	from_wire;

	struct sim_trace_entry	*trace;
	u64			traced;
	u64			counters[SIM_COUNTERS];
	struct dentry		*dir;
};

extern struct sim_card sim_cards[SIM_SLOTS];

/* main.c */
int sim_plug(struct sim_card *card);
void sim_unplug(struct sim_card *card);
void sim_kick(struct sim_card *card);

/* pci.c */
int sim_pci_init(void);
void sim_pci_power_on(struct sim_card *card);
void sim_pci_found(struct sim_card *card);
void sim_pci_lost(struct sim_card *card);
bool sim_pci_may_dma(const struct sim_card *card);
bool sim_pci_msix_enabled(const struct sim_card *card);

/* regs.c */
void sim_regs_reset(struct sim_card *card);
u32 sim_reg_read(struct sim_card *card, u32 offset);
void sim_reg_write(struct sim_card *card, u32 offset, u32 value);

static inline u32 sim_reg(const struct sim_card *card, u32 offset)
{
	return READ_ONCE(card->regs[offset / 4]);
}

static inline void sim_set_reg(struct sim_card *card, u32 offset, u32 value)
{
	WRITE_ONCE(card->regs[offset / 4], value);
}

/* trace.c */
void sim_trace_access(struct sim_card *card, u32 offset, u32 value,
		      bool write);
void sim_trace_show(struct sim_card *card, struct seq_file *seq);
void sim_trace_clear(struct sim_card *card);

/* eeprom.c */
void sim_eeprom_fill(struct sim_card *card);
void sim_eeprom_mac(const struct sim_card *card, u8 *mac);

/* irq.c */
void sim_irq_cause(struct sim_card *card, u32 causes);
void sim_irq_queue(struct sim_card *card, unsigned int queue, bool tx);
void sim_irq_deliver(struct sim_card *card);

/* tx.c */
bool sim_tx_run(struct sim_card *card);
unsigned int sim_tx_waiting(const struct sim_card *card);
void sim_tx_frame(struct sim_card *card, const struct sim_tx_context *context,
		  u32 options, u8 *frame, unsigned int len);
void sim_tx_checksum(u8 *frame, unsigned int len, unsigned int start,
		     u32 l4_type);
void *sim_dma(struct sim_card *card, u64 addr, size_t len);

/* tso.c */
void sim_tso(struct sim_card *card, const struct sim_tx_context *context,
	     u32 options, const u8 *frame, unsigned int len);

/* rx.c */
bool sim_rx_run(struct sim_card *card);

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

/* wire.c */
int sim_wire_add(struct sim_card *card);
void sim_wire_del(struct sim_card *card);
void sim_wire_send(struct sim_card *card, const u8 *frame, unsigned int len);
bool sim_wire_up(const struct sim_card *card);

/* debugfs.c */
void sim_debugfs_init(void);
void sim_debugfs_add(struct sim_card *card);
void sim_debugfs_del(struct sim_card *card);

#endif
