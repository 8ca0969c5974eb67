// SPDX-License-Identifier: GPL-2.0
/*
 * The EEPROM: chapter 6 of the datasheet. Words that no driver reads are 0,
 * pointers to sections that are not there too.
 */

#include <linux/etherdevice.h>

#include "sim82599.h"

#define EEPROM_SAN_MAC		0x28
#define EEPROM_CAPS		0x2c
#define   EEPROM_CAPS_NO_CROSSTALK	BIT(7)
#define EEPROM_VERSION		0x29
#define EEPROM_CHECKSUM		0x3f
#define EEPROM_SUM		0xbaba

/**
 * sim_eeprom_mac() - the address that a card was made with
 * @card: the card
 * @mac: where to, 6 octets
 */
void sim_eeprom_mac(const struct sim_card *card, u8 *mac)
{
	static const u8 ours[ETH_ALEN] = { 0x02, 0x82, 0x59, 0x90 };

	memcpy(mac, ours, ETH_ALEN);
	mac[5] = card->base.slot;
}

/**
 * sim_eeprom_fill() - write an EEPROM, its checksum right
 * @card: the card
 */
void sim_eeprom_fill(struct sim_card *card)
{
	u16 sum = 0;
	int i;

	card->eeprom[EEPROM_SAN_MAC] = 0xffff;
	card->eeprom[EEPROM_VERSION] = 0x8259;
	card->eeprom[EEPROM_CAPS] = EEPROM_CAPS_NO_CROSSTALK;
	for (i = 0; i < EEPROM_CHECKSUM; i++)
		sum += card->eeprom[i];
	card->eeprom[EEPROM_CHECKSUM] = EEPROM_SUM - sum;
}
