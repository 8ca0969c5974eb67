// SPDX-License-Identifier: GPL-2.0
/*
 * What tests do to a card, and see of it, in sim82599/slotN, beside the files
 * of drivers/net/simpci:
 *
 *	ipsec		entries of the SA tables in use, no keys
 *	counters	what the card did, and how many descriptors wait
 *	hold_tx		1: the link partner pauses, frames wait in their rings
 *	frame_us	microseconds that a frame takes, for rings that are not empty
 */

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "sim82599.h"

static const char * const sim_counter_names[] = {
	[SIM_TX_FRAMES]		= "tx_frames",
	[SIM_TX_IPSEC]		= "tx_ipsec",
	[SIM_TX_IPSEC_NO_KEY]	= "tx_ipsec_no_key",
	[SIM_TX_IPSEC_BYPASSED]	= "tx_ipsec_bypassed",
	[SIM_TX_MALFORMED]	= "tx_malformed",
	[SIM_RX_FRAMES]		= "rx_frames",
	[SIM_RX_IPSEC]		= "rx_ipsec",
	[SIM_RX_IPSEC_FAILED]	= "rx_ipsec_failed",
	[SIM_RX_FILTERED]	= "rx_filtered",
	[SIM_RX_MISSED]		= "rx_missed",
};

static_assert(ARRAY_SIZE(sim_counter_names) == SIM_COUNTERS);

static int sim_ipsec_file_show(struct seq_file *seq, void *unused)
{
	sim_ipsec_show(seq->private, seq);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sim_ipsec_file);

static int sim_counters_show(struct seq_file *seq, void *unused)
{
	struct sim_card *card = seq->private;
	int i;

	for (i = 0; i < SIM_COUNTERS; i++)
		seq_printf(seq, "%s %llu\n", sim_counter_names[i],
			   card->counters[i]);
	seq_printf(seq, "dma_aborted %llu\n", card->base.dma_aborted);
	seq_printf(seq, "tx_waiting %u\n", sim_tx_waiting(card));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sim_counters);

static int sim_hold_get(void *data, u64 *value)
{
	struct sim_card *card = data;

	*value = card->hold_tx;
	return 0;
}

static int sim_hold_set(void *data, u64 value)
{
	struct sim_card *card = data;

	if (value > 1)
		return -EINVAL;
	WRITE_ONCE(card->hold_tx, value);
	simpci_kick(&card->base);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(sim_hold_fops, sim_hold_get, sim_hold_set, "%llu\n");

/**
 * sim_debugfs_add() - add the files of a card to its directory
 * @card: the card
 */
void sim_debugfs_add(struct sim_card *card)
{
	struct dentry *dir = card->base.dir;

	debugfs_create_file("ipsec", 0400, dir, card, &sim_ipsec_file_fops);
	debugfs_create_file("counters", 0400, dir, card, &sim_counters_fops);
	debugfs_create_file_unsafe("hold_tx", 0600, dir, card, &sim_hold_fops);
	debugfs_create_u32("frame_us", 0600, dir, &card->frame_us);
}
