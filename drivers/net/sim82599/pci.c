// SPDX-License-Identifier: GPL-2.0
/*
 * The slots on the bus: a host bridge of our own beside that of
 * arch/um/drivers/virt-pci.c, whose MSI domain serves ours too, configuration
 * space (9.3 of the datasheet), and the two memory windows of a card.
 */

#include <linux/bitfield.h>
#include <linux/logic_iomem.h>
#include <linux/pci.h>
#include <linux/unaligned.h>

#include "sim82599.h"

#define SIM_BUS			1
#define SIM_DEVICE		0x10f7	/* KX4 backplane: no PHY, no SFP+ */

/* Where 9.3 puts the capabilities; the driver looks for some of them itself. */
#define CONFIG_PM		0x40
#define CONFIG_MSIX		0x70
#define CONFIG_PCIE		0xa0

static struct pci_host_bridge *sim_bridge;

static struct resource sim_bus_numbers = {
	.name	= "82599 models' bus",
	.start	= SIM_BUS,
	.end	= SIM_BUS,
	.flags	= IORESOURCE_BUS,
};

/* Between the RAM that a guest may have and the window of virt-pci. */
static struct resource sim_window = {
	.name	= "82599 models",
	.start	= 0xd0000000,
	.end	= 0xdfffffff,
	.flags	= IORESOURCE_MEM,
};

/* --- configuration space */

static struct sim_card *sim_card_at(unsigned int devfn)
{
	struct sim_card *card;

	if (PCI_FUNC(devfn) || PCI_SLOT(devfn) >= SIM_SLOTS)
		return NULL;
	card = &sim_cards[PCI_SLOT(devfn)];
	return card->plugged && !READ_ONCE(card->gone) ? card : NULL;
}

static int sim_config_read(struct pci_bus *bus, unsigned int devfn, int where,
			   int size, u32 *value)
{
	struct sim_card *card = sim_card_at(devfn);

	if (!card) {
		PCI_SET_ERROR_RESPONSE(value);
		return PCIBIOS_DEVICE_NOT_FOUND;
	}
	switch (size) {
	case 1:
		*value = card->config[where];
		break;
	case 2:
		*value = get_unaligned_le16(card->config + where);
		break;
	default:
		*value = get_unaligned_le32(card->config + where);
	}
	return PCIBIOS_SUCCESSFUL;
}

/* What of a dword software may change. */
static u32 sim_config_writable(int where)
{
	switch (where) {
	case PCI_COMMAND:
		return PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		       PCI_COMMAND_INTX_DISABLE;
	case PCI_CACHE_LINE_SIZE:
		return 0xff;
	case PCI_BASE_ADDRESS_0:
		return ~(SIM_BAR0_SIZE - 1);
	case PCI_BASE_ADDRESS_3:
		return ~(SIM_BAR3_SIZE - 1);
	case PCI_INTERRUPT_LINE:
		return 0xff;
	case CONFIG_MSIX:
		return (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) << 16;
	case CONFIG_PCIE + PCI_EXP_DEVCTL:
	case CONFIG_PCIE + PCI_EXP_DEVCTL2:
		return 0xffff;
	}
	return 0;
}

static int sim_config_write(struct pci_bus *bus, unsigned int devfn, int where,
			    int size, u32 value)
{
	struct sim_card *card = sim_card_at(devfn);
	int shift = where % 4 * 8;
	u32 mask, dword;

	if (!card)
		return PCIBIOS_DEVICE_NOT_FOUND;
	mask = size == 4 ? ~0u : GENMASK(size * 8 - 1, 0) << shift;
	where &= ~3;
	mask &= sim_config_writable(where);
	dword = get_unaligned_le32(card->config + where);
	put_unaligned_le32((dword & ~mask) | (value << shift & mask),
			   card->config + where);
	sim_kick(card);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops sim_pci_ops = {
	.read	= sim_config_read,
	.write	= sim_config_write,
};

/**
 * sim_pci_power_on() - configuration space as the EEPROM sets it up
 * @card: the card
 */
void sim_pci_power_on(struct sim_card *card)
{
	u8 *config = card->config;

	put_unaligned_le16(PCI_VENDOR_ID_INTEL, config + PCI_VENDOR_ID);
	put_unaligned_le16(SIM_DEVICE, config + PCI_DEVICE_ID);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, config + PCI_STATUS);
	config[PCI_REVISION_ID] = 1;
	put_unaligned_le16(PCI_CLASS_NETWORK_ETHERNET,
			   config + PCI_CLASS_DEVICE);
	put_unaligned_le16(PCI_VENDOR_ID_INTEL,
			   config + PCI_SUBSYSTEM_VENDOR_ID);

	config[PCI_CAPABILITY_LIST] = CONFIG_PM;
	config[CONFIG_PM] = PCI_CAP_ID_PM;
	config[CONFIG_PM + PCI_CAP_LIST_NEXT] = CONFIG_MSIX;
	config[CONFIG_PM + PCI_PM_PMC] = 3;

	config[CONFIG_MSIX] = PCI_CAP_ID_MSIX;
	config[CONFIG_MSIX + PCI_CAP_LIST_NEXT] = CONFIG_PCIE;
	put_unaligned_le16(SIM_MSIX_VECTORS - 1,
			   config + CONFIG_MSIX + PCI_MSIX_FLAGS);
	put_unaligned_le32(3, config + CONFIG_MSIX + PCI_MSIX_TABLE);
	put_unaligned_le32(SIM_MSIX_PBA | 3,
			   config + CONFIG_MSIX + PCI_MSIX_PBA);

	config[CONFIG_PCIE] = PCI_CAP_ID_EXP;
	put_unaligned_le16(2 | PCI_EXP_TYPE_ENDPOINT << 4,
			   config + CONFIG_PCIE + PCI_EXP_FLAGS);
	put_unaligned_le32(PCI_EXP_LNKCAP_SLS_5_0GB | 8 << 4,
			   config + CONFIG_PCIE + PCI_EXP_LNKCAP);
	put_unaligned_le16(PCI_EXP_LNKSTA_CLS_5_0GB | PCI_EXP_LNKSTA_NLW_X8,
			   config + CONFIG_PCIE + PCI_EXP_LNKSTA);
}

/**
 * sim_pci_may_dma() - may the card be the bus's master?
 * @card: the card
 *
 * Return: true if the host enabled it and the card is in its slot.
 */
bool sim_pci_may_dma(const struct sim_card *card)
{
	return !READ_ONCE(card->gone) &&
	       card->config[PCI_COMMAND] & PCI_COMMAND_MASTER &&
	       !(sim_reg(card, CTRL) & CTRL_GIO_DIS);
}

/**
 * sim_pci_msix_enabled() - did the host enable MSI-X?
 * @card: the card
 *
 * Return: true if MSI-X is enabled and not masked as a whole.
 */
bool sim_pci_msix_enabled(const struct sim_card *card)
{
	u16 flags =
		get_unaligned_le16(card->config + CONFIG_MSIX + PCI_MSIX_FLAGS);

	return (flags & PCI_MSIX_FLAGS_ENABLE) &&
	       !(flags & PCI_MSIX_FLAGS_MASKALL);
}

/* --- memory windows */

static unsigned long sim_regs_mmio_read(void *priv, unsigned int offset,
					int size)
{
	u32 value = sim_reg_read(priv, offset & ~3) >> (offset % 4 * 8);

	return size == 4 ? value : value & GENMASK(size * 8 - 1, 0);
}

static void sim_regs_mmio_write(void *priv, unsigned int offset, int size,
				unsigned long value)
{
	/* 8.1: CSRs are written by the dword. */
	if (!WARN_ON_ONCE(size != 4 || offset % 4))
		sim_reg_write(priv, offset, value);
}

static const struct logic_iomem_ops sim_regs_mmio = {
	.read	= sim_regs_mmio_read,
	.write	= sim_regs_mmio_write,
};

static unsigned long sim_msix_mmio_read(void *priv, unsigned int offset,
					int size)
{
	struct sim_card *card = priv;

	if (READ_ONCE(card->gone) || size != 4)
		return ~0ul;
	return offset / 4 < ARRAY_SIZE(card->msix) ?
		       READ_ONCE(card->msix[offset / 4]) :
		       0;
}

static void sim_msix_mmio_write(void *priv, unsigned int offset, int size,
				unsigned long value)
{
	struct sim_card *card = priv;

	if (READ_ONCE(card->gone) || size != 4 ||
	    offset / 4 >= ARRAY_SIZE(card->msix))
		return;
	WRITE_ONCE(card->msix[offset / 4], value);
	sim_kick(card);
}

static const struct logic_iomem_ops sim_msix_mmio = {
	.read	= sim_msix_mmio_read,
	.write	= sim_msix_mmio_write,
};

static bool sim_decodes(const struct sim_card *card, int bar, u64 addr,
			size_t size, size_t window)
{
	u64 base = get_unaligned_le32(card->config + bar);

	return base && addr >= base && addr + size <= base + window;
}

static long sim_window_map(unsigned long offset, size_t size,
			   const struct logic_iomem_ops **ops, void **priv)
{
	u64 addr = sim_window.start + offset;
	struct sim_card *card;

	for (card = sim_cards; card < sim_cards + SIM_SLOTS; card++) {
		if (!card->plugged)
			continue;
		*priv = card;
		if (sim_decodes(card, PCI_BASE_ADDRESS_0, addr, size,
				SIM_BAR0_SIZE)) {
			*ops = &sim_regs_mmio;
			return addr - get_unaligned_le32(card->config +
							 PCI_BASE_ADDRESS_0);
		}
		if (sim_decodes(card, PCI_BASE_ADDRESS_3, addr, size,
				SIM_BAR3_SIZE)) {
			*ops = &sim_msix_mmio;
			return addr - get_unaligned_le32(card->config +
							 PCI_BASE_ADDRESS_3);
		}
	}
	return -ENOENT;
}

static const struct logic_iomem_region_ops sim_window_ops = {
	.map	= sim_window_map,
};

/* --- plugging */

/**
 * sim_pci_found() - the bus looks what is new
 * @card: a card that has just been plugged in
 */
void sim_pci_found(struct sim_card *card)
{
	pci_lock_rescan_remove();
	pci_rescan_bus(sim_bridge->bus);
	pci_unlock_rescan_remove();
}

/**
 * sim_pci_lost() - the bus takes the device of a card away that is not there
 * @card: the card
 */
void sim_pci_lost(struct sim_card *card)
{
	struct pci_dev *pdev =
		pci_get_slot(sim_bridge->bus, PCI_DEVFN(card->slot, 0));

	if (!pdev)
		return;
	pci_stop_and_remove_bus_device_locked(pdev);
	pci_dev_put(pdev);
}

/**
 * sim_pci_init() - make the bus
 *
 * Return: 0, -ENOMEM, or what the PCI core says.
 */
int __init sim_pci_init(void)
{
	int err;

	err = logic_iomem_add_region(&sim_window, &sim_window_ops);
	if (err)
		return err;
	sim_bridge = pci_alloc_host_bridge(0);
	if (!sim_bridge)
		return -ENOMEM;
	sim_bridge->busnr = SIM_BUS;
	sim_bridge->ops = &sim_pci_ops;
	pci_add_resource(&sim_bridge->windows, &sim_window);
	pci_add_resource(&sim_bridge->windows, &sim_bus_numbers);
	err = pci_host_probe(sim_bridge);
	if (err) {
		pci_free_resource_list(&sim_bridge->windows);
		pci_free_host_bridge(sim_bridge);
	}
	return err;
}
