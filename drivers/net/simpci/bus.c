// SPDX-License-Identifier: GPL-2.0
/*
 * The bus: a host bridge beside that of arch/um/drivers/virt-pci.c, its slots,
 * the memory windows of the cards in them, and their DMA.
 */

#include <linux/io.h>
#include <linux/logic_iomem.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "internal.h"

#define SIMPCI_BUS	1

static struct pci_host_bridge *simpci_bridge;
static struct simpci_card __rcu *simpci_cards[SIMPCI_SLOTS];

static struct resource simpci_bus_numbers = {
	.name	= "bus of modelled cards",
	.start	= SIMPCI_BUS,
	.end	= SIMPCI_BUS,
	.flags	= IORESOURCE_BUS,
};

/* Between the RAM that a guest may have and the window of virt-pci. */
static struct resource simpci_window = {
	.name	= "modelled cards",
	.start	= 0xd0000000,
	.end	= 0xdfffffff,
	.flags	= IORESOURCE_MEM,
};

/* --- configuration space: under pci_lock, interrupts are off */

static struct simpci_card *simpci_bus_find(unsigned int devfn)
{
	struct simpci_card *card = NULL;

	if (!PCI_FUNC(devfn) && PCI_SLOT(devfn) < SIMPCI_SLOTS)
		card = simpci_bus_card(PCI_SLOT(devfn));
	return card && !READ_ONCE(card->gone) ? card : NULL;
}

static int simpci_bus_config_read(struct pci_bus *bus, unsigned int devfn,
				  int where, int size, u32 *value)
{
	const struct simpci_card *card = simpci_bus_find(devfn);

	if (!card) {
		PCI_SET_ERROR_RESPONSE(value);
		return PCIBIOS_DEVICE_NOT_FOUND;
	}
	*value = simpci_config_read(card, where, size);
	return PCIBIOS_SUCCESSFUL;
}

static int simpci_bus_config_write(struct pci_bus *bus, unsigned int devfn,
				   int where, int size, u32 value)
{
	struct simpci_card *card = simpci_bus_find(devfn);

	if (!card)
		return PCIBIOS_DEVICE_NOT_FOUND;
	simpci_config_write(card, where, size, value);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops simpci_bus_ops = {
	.read	= simpci_bus_config_read,
	.write	= simpci_bus_config_write,
};

/* --- memory windows */

static unsigned long simpci_mmio_read(void *priv, unsigned int offset, int size)
{
	const struct simpci_window *window = priv;
	struct simpci_card *card = window->card;
	u32 value;

	if (READ_ONCE(card->gone))
		return ~0ul;
	if (!simpci_msix_read(card, window->bar, offset & ~3, &value))
		value = card->model->read(card, window->bar, offset & ~3);
	value >>= offset % 4 * 8;
	return size >= 4 ? value : value & GENMASK(size * 8 - 1, 0);
}

static void simpci_mmio_write(void *priv, unsigned int offset, int size,
			      unsigned long value)
{
	const struct simpci_window *window = priv;
	struct simpci_card *card = window->card;

	/* Registers are written by the dword. */
	if (READ_ONCE(card->gone) || WARN_ON_ONCE(size != 4 || offset % 4))
		return;
	if (!simpci_msix_write(card, window->bar, offset, value))
		card->model->write(card, window->bar, offset, value);
}

static const struct logic_iomem_ops simpci_mmio = {
	.read	= simpci_mmio_read,
	.write	= simpci_mmio_write,
};

/* The window of a card that has all of an area, NULL if none has. */
static struct simpci_window *simpci_bus_window(struct simpci_card *card,
					       u64 addr, size_t size)
{
	const u32 *sizes = card->model->bar_size;
	unsigned int bar;
	u64 start;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		start = simpci_config_bar(card, bar);
		if (start && addr >= start && addr + size <= start + sizes[bar])
			return &card->windows[bar];
	}
	return NULL;
}

/* Called by the driver of a card, which loses the device before the card goes */
static long simpci_bus_map(unsigned long offset, size_t size,
			   const struct logic_iomem_ops **ops, void **priv)
{
	u64 addr = simpci_window.start + offset;
	struct simpci_window *window;
	struct simpci_card *card;
	unsigned int slot;

	for (slot = 0; slot < SIMPCI_SLOTS; slot++) {
		card = simpci_bus_card(slot);
		window = card ? simpci_bus_window(card, addr, size) : NULL;
		if (window) {
			*ops = &simpci_mmio;
			*priv = window;
			return addr - simpci_config_bar(card, window->bar);
		}
	}
	return -ENOENT;
}

static const struct logic_iomem_region_ops simpci_window_ops = {
	.map	= simpci_bus_map,
};

/**
 * simpci_dma() - the memory behind a bus address
 * @card: the card that reads or writes
 * @addr: bus address
 * @len: how much, in octets
 *
 * Return: where, NULL if the card may not, or there is no memory.
 */
void *simpci_dma(struct simpci_card *card, u64 addr, size_t len)
{
	if (simpci_may_dma(card) && len && pfn_valid(PHYS_PFN(addr)) &&
	    pfn_valid(PHYS_PFN(addr + len - 1)))
		return phys_to_virt(addr);
	card->dma_aborted++;
	return NULL;
}

/* --- slots */

/**
 * simpci_bus_card() - the card in a slot
 * @slot: number of the slot
 *
 * Context: under pci_lock with interrupts off, by the driver of the card, or by
 * the task that plugs and unplugs: the card does not go meanwhile.
 * Return: the card, NULL if the slot is empty.
 */
struct simpci_card *simpci_bus_card(unsigned int slot)
{
	return rcu_dereference_raw(simpci_cards[slot]);
}

/**
 * simpci_bus_add() - put a card into its slot, and let the bus find it
 * @card: the card
 */
void simpci_bus_add(struct simpci_card *card)
{
	unsigned int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		card->windows[bar].card = card;
		card->windows[bar].bar = bar;
	}
	rcu_assign_pointer(simpci_cards[card->slot], card);
	pci_lock_rescan_remove();
	pci_rescan_bus(simpci_bridge->bus);
	pci_unlock_rescan_remove();
}

/**
 * simpci_bus_del() - remove the device of a card that is gone, empty its slot
 * @card: the card, which can be freed then
 */
void simpci_bus_del(struct simpci_card *card)
{
	struct pci_dev *pdev =
		pci_get_slot(simpci_bridge->bus, PCI_DEVFN(card->slot, 0));

	if (pdev) {
		pci_stop_and_remove_bus_device_locked(pdev);
		pci_dev_put(pdev);
	}
	rcu_assign_pointer(simpci_cards[card->slot], NULL);
	/* Readers of configuration space have interrupts off. */
	synchronize_rcu();
}

/**
 * simpci_bus_init() - make the bus
 *
 * Return: 0, -ENOMEM, or an error of the PCI core.
 */
int __init simpci_bus_init(void)
{
	int err;

	err = logic_iomem_add_region(&simpci_window, &simpci_window_ops);
	if (err)
		return err;
	simpci_bridge = pci_alloc_host_bridge(0);
	if (!simpci_bridge)
		return -ENOMEM;
	simpci_bridge->busnr = SIMPCI_BUS;
	simpci_bridge->ops = &simpci_bus_ops;
	pci_add_resource(&simpci_bridge->windows, &simpci_window);
	pci_add_resource(&simpci_bridge->windows, &simpci_bus_numbers);
	err = pci_host_probe(simpci_bridge);
	if (err) {
		pci_free_resource_list(&simpci_bridge->windows);
		pci_free_host_bridge(simpci_bridge);
	}
	return err;
}
