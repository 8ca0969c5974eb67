// SPDX-License-Identifier: GPL-2.0
/*
 * The register file: 8.2.3 of the datasheet. Most registers keep what was
 * written; those that change otherwise are below.
 */

#include <linux/bitfield.h>
#include <linux/etherdevice.h>
#include <linux/unaligned.h>

#include "sim82599.h"

/**
 * sim_regs_reset() - what a software or a link reset leaves: 4.2.1
 * @card: the card
 *
 * The rings stop, masks close, the EEPROM's defaults are loaded. The IPsec
 * tables are memory: a reset leaves them.
 *
 * Context: @card's lock is held, or @card is not visible yet.
 */
void sim_regs_reset(struct sim_card *card)
{
	unsigned int queue;
	u8 mac[ETH_ALEN];

	for (queue = 0; queue < SIM_QUEUES; queue++)
		card->tx_ring_set[queue]++;
	WRITE_ONCE(card->resets, card->resets + 1);
	memset(card->regs, 0, SIM_BAR0_SIZE);
	memset(card->contexts, 0, sizeof(card->contexts));
	sim_set_reg(card, STATUS, STATUS_GIO);
	sim_set_reg(card, EEC,
		    EEC_PRES | EEC_ARD | EEC_ADDR16 | 2 << EEC_SIZE_SHIFT);
	sim_set_reg(card, FWSM, FWSM_VALID);
	sim_set_reg(card, AUTOC, AUTOC_LMS_10G_NO_AN);
	sim_set_reg(card, ANLP1, ANLP1_AN_RUNS);
	sim_set_reg(card, RDRXCTL, RDRXCTL_DMAIDONE);
	sim_set_reg(card, RXPBSIZE0, 0x80000);
	sim_set_reg(card, SECTXCTRL, SECTXCTRL_SECTX_DIS);
	sim_set_reg(card, SECRXCTRL, SECRXCTRL_SECRX_DIS);
	sim_set_reg(card, SECTXBUFFAF, 0x250);
	sim_set_reg(card, SECTXMINIFG, 1);

	sim_eeprom_mac(card, mac);
	sim_set_reg(card, sim_ral(0), get_unaligned_le32(mac));
	sim_set_reg(card, sim_rah(0), get_unaligned_le16(mac + 4) | RAH_AV);
}

static u32 sim_eeprom_read(const struct sim_card *card, u32 request)
{
	u32 word = (request >> EERD_ADDR_SHIFT) & 0x3fff;
	u32 data = word < SIM_EEPROM_WORDS ? card->eeprom[word] : 0xffff;

	return data << EERD_DATA_SHIFT | word << EERD_ADDR_SHIFT | EERD_DONE;
}

static u32 sim_take_reg(struct sim_card *card, u32 offset, u32 left)
{
	u32 value = sim_reg(card, offset);

	sim_set_reg(card, offset, left);
	return value;
}

static u32 sim_read_locked(struct sim_card *card, u32 offset)
{
	u32 value = sim_reg(card, offset);

	switch (offset) {
	case STATUS:
		return sim_reg(card, CTRL) & CTRL_GIO_DIS ?
			       value & ~STATUS_GIO :
			       value;
	case EICR:
	case GPRC:
	case GPTC:
		return sim_take_reg(card, offset, 0);
	case EICS:
		return sim_reg(card, EICR);
	case EIMS_EX0:
		return sim_reg(card, EIMS) & EICR_QUEUES;
	case SWSM:
		return sim_take_reg(card, offset, value | SWSM_SMBI);
	case LINKS:
		return simpci_wire_up(&card->base) ? LINKS_UP | LINKS_10G : 0;
	case MSRWD:
		/* A backplane: there is no PHY on the MDIO bus. */
		return 0xffff0000 | (value & 0xffff);
	case SECTXSTAT:
		return READ_ONCE(card->tx_busy) ? 0 : SECSTAT_RDY;
	case SECRXSTAT:
		return SECSTAT_RDY;
	}
	return value;
}

/* A ring's: the flush request clears itself. Returns whether it was one. */
static bool sim_write_ring(struct sim_card *card, u32 offset, u32 value)
{
	bool rx = (offset >= sim_rxq(0, 0) && offset <= sim_rxq(63, 0x3c)) ||
		  (offset >= sim_rxq(64, 0) && offset <= sim_rxq(127, 0x3c));
	bool tx = offset >= TXQ(0, 0) && offset < TXQ(SIM_QUEUES, 0);

	if (!rx && !tx)
		return false;
	/* Another ring: a frame under way is of the one before. */
	if (tx && (offset & 0x3f) != TDT && (offset & 0x3f) != TXDCTL)
		card->tx_ring_set[(offset - TXQ(0, 0)) / TXQ_STRIDE]++;
	if ((offset & 0x3f) == TXDCTL)
		value &= ~TXDCTL_SWFLSH;
	sim_set_reg(card, offset, value);
	return true;
}

/* Returns whether the card has something to look at now. */
static bool sim_write_locked(struct sim_card *card, u32 offset, u32 value)
{
	switch (offset) {
	case CTRL:
		if (value & (CTRL_RST | CTRL_LRST))
			sim_regs_reset(card);
		else
			sim_set_reg(card, CTRL, value);
		return true;
	case STATUS:
	case EEC:
	case FWSM:
	case LINKS:
	case ANLP1:
	case SECTXSTAT:
	case SECRXSTAT:
		return false;
	case EERD:
		sim_set_reg(card, EERD,
			    value & EERD_START ? sim_eeprom_read(card, value) :
						 value);
		return false;
	case MSCA:
		sim_set_reg(card, MSCA, value & ~MSCA_MDICMD);
		return false;
	case AUTOC:
		sim_set_reg(card, AUTOC, value & ~AUTOC_RESTART_AN);
		return true;
	case EICR:
		sim_set_reg(card, EICR, sim_reg(card, EICR) & ~value);
		return false;
	case EICS_EX0:
		value &= EICR_QUEUES;
		fallthrough;
	case EICS:
		sim_set_reg(card, EICR, sim_reg(card, EICR) | value);
		return true;
	case EIMS_EX0:
		value &= EICR_QUEUES;
		fallthrough;
	case EIMS:
		sim_set_reg(card, EIMS, sim_reg(card, EIMS) | value);
		return true;
	case EIMC_EX0:
		value &= EICR_QUEUES;
		fallthrough;
	case EIMC:
		sim_set_reg(card, EIMS, sim_reg(card, EIMS) & ~value);
		return false;
	case RDRXCTL:
		sim_set_reg(card, RDRXCTL, value | RDRXCTL_DMAIDONE);
		return false;
	case FDIRCTRL:
		sim_set_reg(card, FDIRCTRL, value | FDIRCTRL_INIT_DONE);
		return false;
	case FDIRCMD:
		sim_set_reg(card, FDIRCMD, value & ~FDIRCMD_CMD);
		return false;
	case IPSTXIDX:
		sim_ipsec_tx_index(card, value);
		return false;
	case IPSRXIDX:
		sim_ipsec_rx_index(card, value);
		return false;
	}
	if (sim_write_ring(card, offset, value))
		return true;
	sim_set_reg(card, offset, value);
	return offset == DMATXCTL || offset == RXCTRL || offset == SECTXCTRL ||
	       offset == SECRXCTRL;
}

/**
 * sim_reg_read() - the driver reads a register
 * @card: the card
 * @offset: in BAR 0
 *
 * Context: any.
 * Return: its value.
 */
u32 sim_reg_read(struct sim_card *card, u32 offset)
{
	unsigned long flags;
	u32 value;

	spin_lock_irqsave(&card->base.lock, flags);
	value = sim_read_locked(card, offset);
	if (sim_is_traced(offset))
		simpci_trace(&card->base, offset, value, false);
	spin_unlock_irqrestore(&card->base.lock, flags);
	return value;
}

/**
 * sim_reg_write() - the driver writes a register
 * @card: the card
 * @offset: in BAR 0
 * @value: what
 *
 * Context: any.
 */
void sim_reg_write(struct sim_card *card, u32 offset, u32 value)
{
	unsigned long flags;
	bool kick;

	spin_lock_irqsave(&card->base.lock, flags);
	if (sim_is_traced(offset))
		simpci_trace(&card->base, offset, value, true);
	kick = sim_write_locked(card, offset, value);
	spin_unlock_irqrestore(&card->base.lock, flags);
	if (kick)
		simpci_kick(&card->base);
}
