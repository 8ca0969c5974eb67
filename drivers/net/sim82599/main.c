// SPDX-License-Identifier: GPL-2.0
/*
 * The slots of the modelled machine, and what plugs a card into one.
 */

#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "sim82599.h"

struct sim_card sim_cards[SIM_SLOTS];

/* One plugs or unplugs at a time. */
static DEFINE_MUTEX(sim_slots_lock);

/*
 * One pass of the card: a batch of each direction, then the interrupts. It
 * goes on while there is something to do, other work of the CPU in between.
 */
static void sim_run(struct work_struct *work)
{
	struct sim_card *card = container_of(work, struct sim_card, work);
	bool more, up;

	if (READ_ONCE(card->gone))
		return;

	up = sim_wire_up(card);
	if (up != card->link_was_up) {
		card->link_was_up = up;
		sim_irq_cause(card, EICR_LSC);
	}
	more = sim_tx_run(card);
	more |= sim_rx_run(card);
	sim_irq_deliver(card);
	if (more)
		sim_kick(card);
}

/**
 * sim_kick() - let the card look at its registers and its wire
 * @card: the card
 *
 * Context: any.
 */
void sim_kick(struct sim_card *card)
{
	queue_work(card->wq, &card->work);
}

static void sim_free(struct sim_card *card)
{
	if (card->wq)
		destroy_workqueue(card->wq);
	card->wq = NULL;
	sim_ipsec_exit(card);
	skb_queue_purge(&card->from_wire);
	vfree(card->trace);
	vfree(card->frame);
	vfree(card->regs);
}

static int sim_alloc(struct sim_card *card)
{
	int err;

	card->regs = vzalloc(SIM_BAR0_SIZE);
	card->frame = vmalloc(SIM_FRAME_MAX);
	card->trace = vcalloc(SIM_TRACE, sizeof(*card->trace));
	card->wq = alloc_workqueue("sim82599-%u", WQ_HIGHPRI | WQ_MEM_RECLAIM,
				   1, card->slot);
	if (!card->regs || !card->frame || !card->trace || !card->wq)
		return -ENOMEM;
	err = sim_ipsec_init(card);
	if (err)
		return err;
	return sim_wire_add(card);
}

static int sim_plug_locked(struct sim_card *card)
{
	unsigned int slot = card->slot;
	int err;

	if (card->plugged)
		return -EBUSY;

	memset(card, 0, sizeof(*card));
	card->slot = slot;
	spin_lock_init(&card->lock);
	skb_queue_head_init(&card->from_wire);
	INIT_WORK(&card->work, sim_run);
	err = sim_alloc(card);
	if (err) {
		sim_free(card);
		return err;
	}
	sim_eeprom_fill(card);
	sim_pci_power_on(card);
	sim_ipsec_power_on(card);
	sim_regs_reset(card);
	card->plugged = true;
	sim_debugfs_add(card);
	sim_pci_found(card);
	return 0;
}

/**
 * sim_plug() - put a card into a slot, and let the bus find it
 * @card: the slot's
 *
 * Return: 0, -EBUSY: there is one already, -ENOMEM, or what the wire's
 * registration says.
 */
int sim_plug(struct sim_card *card)
{
	int err;

	mutex_lock(&sim_slots_lock);
	err = sim_plug_locked(card);
	mutex_unlock(&sim_slots_lock);
	return err;
}

/**
 * sim_unplug() - pull the card, the driver told or not
 * @card: the slot's
 *
 * The hardware is gone first, as when a card is pulled: the driver
 * finds out by reading ones.
 */
void sim_unplug(struct sim_card *card)
{
	mutex_lock(&sim_slots_lock);
	if (card->plugged) {
		WRITE_ONCE(card->gone, true);
		sim_pci_lost(card);
		card->plugged = false;
		sim_debugfs_del(card);
		/* With @gone set, work that is queued later does nothing. */
		cancel_work_sync(&card->work);
		sim_wire_del(card);
		sim_free(card);
	}
	mutex_unlock(&sim_slots_lock);
}

static int __init sim82599_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < SIM_SLOTS; i++)
		sim_cards[i].slot = i;
	err = sim_pci_init();
	if (err)
		return err;
	sim_debugfs_init();
	return 0;
}

/* After the bus whose interrupt domain we share. */
late_initcall(sim82599_init);
