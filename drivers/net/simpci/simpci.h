/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What models of network cards share: a PCI bus with slots, configuration
 * space, MSI-X, DMA, the cable, a trace of register accesses, debugfs.
 *
 * A model gives a struct simpci_model and embeds a struct simpci_card at the
 * beginning of its card. It includes this header and calls what is declared
 * here; simpci calls a model only by the functions of its struct simpci_model.
 *
 * The driver sees a card through registers, DMA and MSI-X alone. A card works
 * when the CPU is elsewhere: all that takes time on hardware is done by @run of
 * the model, on a workqueue of the card.
 */
#ifndef SIMPCI_H
#define SIMPCI_H

#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct dentry;
struct simpci_card;
struct simpci_trace_entry;

/**
 * struct simpci_register - name of a register in the trace
 * @offset: in its BAR
 * @name: as the datasheet has it
 * @secret: the trace tells only whether the value is zero
 */
struct simpci_register {
	u32		offset;
	const char	*name;
	bool		secret;
};

/**
 * struct simpci_model - what a model tells of its cards
 * @name: directory in debugfs
 * @card_size: size of the model's card, which begins with struct simpci_card
 * @vendor: vendor ID, of the subsystem too
 * @device: device ID
 * @revision: revision ID
 * @class: base class and subclass
 * @bar_size: size of each memory window, a power of two; 0: there is none.
 *	Windows are of 32 bits.
 * @pm_cap: where configuration space has the power management capability
 * @msix_cap: the same of MSI-X
 * @pcie_cap: the same of PCI Express
 * @link_cap: speed and width in the link capabilities register
 * @link_status: speed and width in the link status register
 * @msix_vectors: number of entries of the MSI-X table
 * @msix_bar: window of the MSI-X table and its pending bits
 * @msix_table: offset of the table there
 * @msix_pba: offset of the pending bits there
 * @frame_max: the longest frame on the cable, in octets
 * @registers: names for the trace; the last entry has none
 * @plug: make the state of a card that has been zeroed, as after power on, and
 *	its files in @dir. Returns 0 or a negative errno; then @unplug follows.
 * @unplug: free what @plug made, all of it or a part. @run has ended, and no
 *	register is accessed any more.
 * @read: the driver reads a dword of a window, which is not of MSI-X. Any
 *	context.
 * @write: the driver writes a dword of a window. Any context.
 * @run: one pass of work; true asks for another one. Process context.
 * @dma_stopped: optional; true if a register of the card stops DMA
 * @dir: private: @name's directory
 */
struct simpci_model {
	const char	*name;
	size_t		card_size;

	u16		vendor;
	u16		device;
	u8		revision;
	u16		class;
	u32		bar_size[PCI_STD_NUM_BARS];
	u8		pm_cap;
	u8		msix_cap;
	u8		pcie_cap;
	u32		link_cap;
	u16		link_status;
	unsigned int	msix_vectors;
	unsigned int	msix_bar;
	u32		msix_table;
	u32		msix_pba;
	unsigned int	frame_max;
	const struct simpci_register *registers;

	int	(*plug)(struct simpci_card *card);
	void	(*unplug)(struct simpci_card *card);
	u32	(*read)(struct simpci_card *card, unsigned int bar, u32 offset);
	void	(*write)(struct simpci_card *card, unsigned int bar, u32 offset,
			 u32 value);
	bool	(*run)(struct simpci_card *card);
	bool	(*dma_stopped)(const struct simpci_card *card);

	struct dentry	*dir;
};

/**
 * struct simpci_window - what an access to a window is for
 * @card: the card
 * @bar: number of the window
 */
struct simpci_window {
	struct simpci_card	*card;
	unsigned int		bar;
};

/**
 * struct simpci_card - one card, in its slot
 * @model: the card's
 * @slot: number of the slot, which is the PCI device number too
 * @gone: pulled; the driver is not told: reads give ones, writes do nothing
 * @lock: protects @trace and @traced; the model puts its registers under it.
 *	Taken with interrupts off.
 * @dir: directory in debugfs
 * @dma_aborted: number of DMA accesses that failed
 * @wire: private, as is all that follows: network device of the other end
 * @from_wire: frames that the card has not received yet
 * @config: configuration space
 * @windows: of each BAR
 * @msix: the MSI-X table
 * @wq: runs @work
 * @work: calls the model's run()
 * @trace: ring of the last accesses
 * @traced: number of accesses since the trace was cleared
 */
struct simpci_card {
	const struct simpci_model *model;
	unsigned int		slot;
	bool			gone;
	spinlock_t		lock;	/* see above */
	struct dentry		*dir;
	u64			dma_aborted;

	struct net_device	*wire;
	struct sk_buff_head	from_wire;
	u8			config[PCI_CFG_SPACE_EXP_SIZE];
	struct simpci_window	windows[PCI_STD_NUM_BARS];
	u32			*msix;
	struct workqueue_struct	*wq;
	struct work_struct	work;
	struct simpci_trace_entry *trace;
	u64			traced;
};

/**
 * simpci_kick() - have the model's run() called
 * @card: the card
 *
 * Context: any.
 */
static inline void simpci_kick(struct simpci_card *card)
{
	queue_work(card->wq, &card->work);
}

/* slot.c */
int simpci_add_model(struct simpci_model *model);

/* bus.c */
void *simpci_dma(struct simpci_card *card, u64 addr, size_t len);

/* config.c */
bool simpci_may_dma(const struct simpci_card *card);

/* msix.c */
void simpci_msix_send(struct simpci_card *card, unsigned int vector);

/* wire.c */
bool simpci_wire_up(const struct simpci_card *card);
void simpci_wire_send(struct simpci_card *card, const u8 *frame,
		      unsigned int len);
struct sk_buff *simpci_wire_receive(struct simpci_card *card);

/* trace.c */
void simpci_trace(struct simpci_card *card, u32 offset, u32 value, bool write);

#endif
