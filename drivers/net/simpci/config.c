// SPDX-License-Identifier: GPL-2.0
/*
 * Configuration space of a card: its IDs, windows and capabilities, and what of
 * it software may change.
 */

#include <linux/unaligned.h>

#include "internal.h"

static void simpci_config_capabilities(struct simpci_card *card)
{
	const struct simpci_model *model = card->model;
	u8 *pm = card->config + model->pm_cap;
	u8 *msix = card->config + model->msix_cap;
	u8 *pcie = card->config + model->pcie_cap;

	card->config[PCI_CAPABILITY_LIST] = model->pm_cap;
	pm[PCI_CAP_LIST_ID] = PCI_CAP_ID_PM;
	pm[PCI_CAP_LIST_NEXT] = model->msix_cap;
	pm[PCI_PM_PMC] = 3;

	msix[PCI_CAP_LIST_ID] = PCI_CAP_ID_MSIX;
	msix[PCI_CAP_LIST_NEXT] = model->pcie_cap;
	put_unaligned_le16(model->msix_vectors - 1, msix + PCI_MSIX_FLAGS);
	put_unaligned_le32(model->msix_table | model->msix_bar,
			   msix + PCI_MSIX_TABLE);
	put_unaligned_le32(model->msix_pba | model->msix_bar,
			   msix + PCI_MSIX_PBA);

	pcie[PCI_CAP_LIST_ID] = PCI_CAP_ID_EXP;
	put_unaligned_le16(2 | PCI_EXP_TYPE_ENDPOINT << 4,
			   pcie + PCI_EXP_FLAGS);
	put_unaligned_le32(model->link_cap, pcie + PCI_EXP_LNKCAP);
	put_unaligned_le16(model->link_status, pcie + PCI_EXP_LNKSTA);
}

/**
 * simpci_config_power_on() - configuration space as it is at power on
 * @card: the card, whose configuration space is zeroed
 */
void simpci_config_power_on(struct simpci_card *card)
{
	const struct simpci_model *model = card->model;
	u8 *config = card->config;

	put_unaligned_le16(model->vendor, config + PCI_VENDOR_ID);
	put_unaligned_le16(model->device, config + PCI_DEVICE_ID);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, config + PCI_STATUS);
	config[PCI_REVISION_ID] = model->revision;
	put_unaligned_le16(model->class, config + PCI_CLASS_DEVICE);
	put_unaligned_le16(model->vendor, config + PCI_SUBSYSTEM_VENDOR_ID);
	simpci_config_capabilities(card);
}

/**
 * simpci_config_read() - read from configuration space
 * @card: the card
 * @where: offset
 * @size: 1, 2 or 4 octets
 *
 * Return: the value.
 */
u32 simpci_config_read(const struct simpci_card *card, int where, int size)
{
	switch (size) {
	case 1:
		return card->config[where];
	case 2:
		return get_unaligned_le16(card->config + where);
	}
	return get_unaligned_le32(card->config + where);
}

/* The bits of a dword that software may change */
static u32 simpci_config_writable(const struct simpci_model *model, int where)
{
	u32 window;

	if (where >= PCI_BASE_ADDRESS_0 && where <= PCI_BASE_ADDRESS_5) {
		window = model->bar_size[(where - PCI_BASE_ADDRESS_0) / 4];
		return window ? ~(window - 1) : 0;
	}
	if (where == model->msix_cap)
		return (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) << 16;
	if (where == model->pcie_cap + PCI_EXP_DEVCTL ||
	    where == model->pcie_cap + PCI_EXP_DEVCTL2)
		return 0xffff;
	switch (where) {
	case PCI_COMMAND:
		return PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		       PCI_COMMAND_INTX_DISABLE;
	case PCI_CACHE_LINE_SIZE:
	case PCI_INTERRUPT_LINE:
		return 0xff;
	}
	return 0;
}

/**
 * simpci_config_write() - write to configuration space
 * @card: the card
 * @where: offset
 * @size: 1, 2 or 4 octets
 * @value: what
 */
void simpci_config_write(struct simpci_card *card, int where, int size,
			 u32 value)
{
	int shift = where % 4 * 8;
	u32 mask, dword;

	mask = size == 4 ? ~0u : GENMASK(size * 8 - 1, 0) << shift;
	where &= ~3;
	mask &= simpci_config_writable(card->model, where);
	dword = get_unaligned_le32(card->config + where);
	put_unaligned_le32((dword & ~mask) | (value << shift & mask),
			   card->config + where);
	simpci_kick(card);
}

/**
 * simpci_config_bar() - where a window of a card is
 * @card: the card
 * @bar: number of the window
 *
 * Return: its address, 0 if it has none.
 */
u32 simpci_config_bar(const struct simpci_card *card, unsigned int bar)
{
	return get_unaligned_le32(card->config + PCI_BASE_ADDRESS_0 + 4 * bar);
}

/**
 * simpci_config_msix() - did the host enable MSI-X?
 * @card: the card
 *
 * Return: true if MSI-X is enabled and not masked as a whole.
 */
bool simpci_config_msix(const struct simpci_card *card)
{
	u16 flags = get_unaligned_le16(card->config + card->model->msix_cap +
				       PCI_MSIX_FLAGS);

	return (flags & PCI_MSIX_FLAGS_ENABLE) &&
	       !(flags & PCI_MSIX_FLAGS_MASKALL);
}

/**
 * simpci_may_dma() - may the card be the bus's master?
 * @card: the card
 *
 * Return: true if the host enabled it, the card does not stop it, and is in its
 * slot.
 */
bool simpci_may_dma(const struct simpci_card *card)
{
	const struct simpci_model *model = card->model;

	return !READ_ONCE(card->gone) &&
	       card->config[PCI_COMMAND] & PCI_COMMAND_MASTER &&
	       !(model->dma_stopped && model->dma_stopped(card));
}
