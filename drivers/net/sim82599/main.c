// SPDX-License-Identifier: GPL-2.0
/*
 * The model of an 82599 as drivers/net/simpci knows it.
 */

#include <linux/init.h>
#include <linux/vmalloc.h>

#include "sim82599.h"

#define SIM_DEVICE	0x10f7	/* KX4 backplane: no PHY, no SFP+ */

static int sim_plug(struct simpci_card *base)
{
	struct sim_card *card = sim_card_of(base);
	int err;

	card->regs = vzalloc(SIM_BAR0_SIZE);
	card->frame = vmalloc(SIM_FRAME_MAX);
	if (!card->regs || !card->frame)
		return -ENOMEM;
	err = sim_ipsec_init(card);
	if (err)
		return err;
	sim_eeprom_fill(card);
	sim_ipsec_power_on(card);
	sim_regs_reset(card);
	sim_debugfs_add(card);
	return 0;
}

static void sim_unplug(struct simpci_card *base)
{
	struct sim_card *card = sim_card_of(base);

	sim_ipsec_exit(card);
	vfree(card->frame);
	vfree(card->regs);
}

static u32 sim_read(struct simpci_card *base, unsigned int bar, u32 offset)
{
	return bar ? 0 : sim_reg_read(sim_card_of(base), offset);
}

static void sim_write(struct simpci_card *base, unsigned int bar, u32 offset,
		      u32 value)
{
	if (!bar)
		sim_reg_write(sim_card_of(base), offset, value);
}

/* A batch of each direction, then the interrupts */
static bool sim_run(struct simpci_card *base)
{
	struct sim_card *card = sim_card_of(base);
	bool up = simpci_wire_up(base);
	bool more;

	if (up != card->link_was_up) {
		card->link_was_up = up;
		sim_irq_cause(card, EICR_LSC);
	}
	more = sim_tx_run(card);
	more |= sim_rx_run(card);
	sim_irq_deliver(card);
	return more;
}

static bool sim_dma_stopped(const struct simpci_card *base)
{
	return sim_reg(container_of_const(base, struct sim_card, base), CTRL) &
	       CTRL_GIO_DIS;
}

/* Capabilities are where 9.3 puts them: the driver looks for some itself. */
static struct simpci_model sim82599 = {
	.name		= "sim82599",
	.card_size	= sizeof(struct sim_card),

	.vendor		= PCI_VENDOR_ID_INTEL,
	.device		= SIM_DEVICE,
	.revision	= 1,
	.class		= PCI_CLASS_NETWORK_ETHERNET,
	.bar_size	= {
		[0] = SIM_BAR0_SIZE,
		[SIM_MSIX_BAR] = SIM_BAR3_SIZE,
	},
	.pm_cap		= 0x40,
	.msix_cap	= 0x70,
	.pcie_cap	= 0xa0,
	.link_cap	= PCI_EXP_LNKCAP_SLS_5_0GB | 8 << 4,
	.link_status	= PCI_EXP_LNKSTA_CLS_5_0GB | PCI_EXP_LNKSTA_NLW_X8,
	.msix_vectors	= SIM_MSIX_VECTORS,
	.msix_bar	= SIM_MSIX_BAR,
	.msix_pba	= SIM_MSIX_PBA,
	.frame_max	= SIM_WIRE_MAX,
	.registers	= sim_trace_names,

	.plug		= sim_plug,
	.unplug		= sim_unplug,
	.read		= sim_read,
	.write		= sim_write,
	.run		= sim_run,
	.dma_stopped	= sim_dma_stopped,
};

static int __init sim82599_init(void)
{
	return simpci_add_model(&sim82599);
}

/* After the bus whose interrupt domain simpci uses. */
late_initcall(sim82599_init);
