// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts: 7.3 of the datasheet. Causes collect in EICR; those that EIMS
 * lets through become MSI-X messages. Only MSI-X is modelled: ixgbe asks for
 * it first.
 *
 * Vectors 0 to 15 have a bit of EICR each, to which IVAR maps the queues. What
 * is above bit 15 goes to the vector that IVAR_MISC names.
 */

#include <linux/bitfield.h>

#include "sim82599.h"

/**
 * sim_irq_cause() - set causes; sim_irq_deliver() tells of them
 * @card: the card
 * @causes: bits of EICR
 *
 * Context: any, @card's lock is not held.
 */
void sim_irq_cause(struct sim_card *card, u32 causes)
{
	unsigned long flags;

	spin_lock_irqsave(&card->base.lock, flags);
	sim_set_reg(card, EICR, sim_reg(card, EICR) | causes);
	spin_unlock_irqrestore(&card->base.lock, flags);
}

/**
 * sim_irq_queue() - descriptors of a queue are done
 * @card: the card
 * @queue: number of the queue
 * @tx: a transmit queue
 */
void sim_irq_queue(struct sim_card *card, unsigned int queue, bool tx)
{
	u32 entry = sim_reg(card, IVAR(queue / 2)) >>
		    (queue % 2 * 16 + (tx ? 8 : 0));

	if (entry & IVAR_VALID)
		sim_irq_cause(card,
			      BIT(FIELD_GET(IVAR_VECTOR, entry)) & EICR_QUEUES);
}

/* The causes that EIMS lets through; masked and cleared as the driver wants. */
static u32 sim_irq_take(struct sim_card *card)
{
	u32 causes, auto_mask;
	unsigned long flags;

	spin_lock_irqsave(&card->base.lock, flags);
	causes = sim_reg(card, EICR) & sim_reg(card, EIMS);
	sim_set_reg(card, EICR,
		    sim_reg(card, EICR) & ~(causes & sim_reg(card, EIAC)));
	if (sim_reg(card, GPIE) & GPIE_EIAME) {
		auto_mask = sim_reg(card, EIAM) |
			    (sim_reg(card, EIAM_EX0) & EICR_QUEUES);
		sim_set_reg(card, EIMS,
			    sim_reg(card, EIMS) & ~(causes & auto_mask));
	}
	/* The message for the rest is sent once, until the driver has looked. */
	sim_set_reg(card, EIMS, sim_reg(card, EIMS) & ~(causes & ~EICR_QUEUES));
	spin_unlock_irqrestore(&card->base.lock, flags);
	return causes;
}

/**
 * sim_irq_deliver() - send the messages that are due
 * @card: the card
 *
 * Context: the card's work.
 */
void sim_irq_deliver(struct sim_card *card)
{
	unsigned long vectors;
	unsigned int vector;
	u32 causes, misc;

	causes = sim_irq_take(card);
	vectors = causes & EICR_QUEUES;
	misc = sim_reg(card, IVAR_MISC) >> 8;
	if (causes & ~EICR_QUEUES && misc & IVAR_VALID)
		vectors |= BIT(FIELD_GET(IVAR_VECTOR, misc));
	for_each_set_bit(vector, &vectors, SIM_MSIX_VECTORS)
		simpci_msix_send(&card->base, vector);
}
