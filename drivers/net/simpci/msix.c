// SPDX-License-Identifier: GPL-2.0
/*
 * MSI-X: the table, and the messages. The domain is that of
 * arch/um/drivers/virt-pci.c, where a message is a write of the interrupt's
 * number.
 */

#include <linux/hardirq.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/slab.h>

#include "internal.h"

#define MSIX_DWORDS	(PCI_MSIX_ENTRY_SIZE / 4)

/**
 * simpci_msix_init() - allocate the table of a card
 * @card: the card
 *
 * Return: 0 or -ENOMEM.
 */
int simpci_msix_init(struct simpci_card *card)
{
	card->msix = kcalloc(card->model->msix_vectors, PCI_MSIX_ENTRY_SIZE,
			     GFP_KERNEL);
	return card->msix ? 0 : -ENOMEM;
}

/**
 * simpci_msix_exit() - free the table of a card
 * @card: the card
 */
void simpci_msix_exit(struct simpci_card *card)
{
	kfree(card->msix);
}

static bool simpci_msix_in_table(const struct simpci_model *model,
				 unsigned int bar, u32 offset)
{
	return bar == model->msix_bar && offset >= model->msix_table &&
	       offset - model->msix_table <
		       model->msix_vectors * PCI_MSIX_ENTRY_SIZE;
}

/* A bit for each vector, in quadwords. No message ever waits. */
static bool simpci_msix_in_pba(const struct simpci_model *model,
			       unsigned int bar, u32 offset)
{
	return bar == model->msix_bar && offset >= model->msix_pba &&
	       offset - model->msix_pba <
		       DIV_ROUND_UP(model->msix_vectors, 64) * 8;
}

/**
 * simpci_msix_read() - read a dword of a window
 * @card: the card
 * @bar: number of the window
 * @offset: of the dword
 * @value: result
 *
 * Return: false if the dword is not of MSI-X.
 */
bool simpci_msix_read(const struct simpci_card *card, unsigned int bar,
		      u32 offset, u32 *value)
{
	const struct simpci_model *model = card->model;

	if (simpci_msix_in_table(model, bar, offset))
		*value = READ_ONCE(card->msix[(offset - model->msix_table) / 4]);
	else if (simpci_msix_in_pba(model, bar, offset))
		*value = 0;
	else
		return false;
	return true;
}

/**
 * simpci_msix_write() - write a dword of a window
 * @card: the card
 * @bar: number of the window
 * @offset: of the dword
 * @value: what
 *
 * Return: false if the dword is not of MSI-X.
 */
bool simpci_msix_write(struct simpci_card *card, unsigned int bar, u32 offset,
		       u32 value)
{
	const struct simpci_model *model = card->model;

	if (simpci_msix_in_pba(model, bar, offset))
		return true;
	if (!simpci_msix_in_table(model, bar, offset))
		return false;
	WRITE_ONCE(card->msix[(offset - model->msix_table) / 4], value);
	simpci_kick(card);
	return true;
}

/**
 * simpci_msix_send() - send the message of a vector
 * @card: the card
 * @vector: which; nothing is sent if the host masks it
 *
 * Context: the model's run().
 */
void simpci_msix_send(struct simpci_card *card, unsigned int vector)
{
	const u32 *entry = &card->msix[vector * MSIX_DWORDS];
	u32 irq = READ_ONCE(entry[PCI_MSIX_ENTRY_DATA / 4]);
	u32 control = READ_ONCE(entry[PCI_MSIX_ENTRY_VECTOR_CTRL / 4]);
	unsigned long flags;

	local_irq_save(flags);
	if (simpci_config_msix(card) && simpci_may_dma(card) && irq &&
	    !(control & PCI_MSIX_ENTRY_CTRL_MASKBIT)) {
		irq_enter();
		generic_handle_irq(irq);
		irq_exit();
	}
	local_irq_restore(flags);
}
