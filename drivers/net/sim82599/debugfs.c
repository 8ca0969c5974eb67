// SPDX-License-Identifier: GPL-2.0
/*
 * What tests do to the cards, and see of them, in sim82599/:
 *
 *	plug, unplug	write the number of a slot
 *	slotN/ipsec	entries of the SA tables in use, no keys
 *	slotN/trace	accesses to the IPsec registers; writing forgets them
 *	slotN/counters	what the card did, and how many descriptors wait
 *	slotN/hold_tx	1: the link partner pauses, frames wait in their rings
 *	slotN/frame_us	microseconds that a frame takes, for rings that are not empty
 *	slotN/gone	1: the card is pulled; the driver is not told
 */

#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

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
	[SIM_DMA_ABORTED]	= "dma_aborted",
};

static_assert(ARRAY_SIZE(sim_counter_names) == SIM_COUNTERS);

static struct dentry *sim_dir;

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
	seq_printf(seq, "tx_waiting %u\n", sim_tx_waiting(card));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sim_counters);

static int sim_trace_file_show(struct seq_file *seq, void *unused)
{
	sim_trace_show(seq->private, seq);
	return 0;
}

static int sim_trace_file_open(struct inode *inode, struct file *file)
{
	return single_open(file, sim_trace_file_show, inode->i_private);
}

static ssize_t sim_trace_file_write(struct file *file, const char __user *from,
				    size_t len, loff_t *pos)
{
	struct seq_file *seq = file->private_data;

	sim_trace_clear(seq->private);
	return len;
}

static const struct file_operations sim_trace_file_fops = {
	.owner		= THIS_MODULE,
	.open		= sim_trace_file_open,
	.read		= seq_read,
	.write		= sim_trace_file_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

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
	sim_kick(card);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(sim_hold_fops, sim_hold_get, sim_hold_set, "%llu\n");

static int sim_gone_get(void *data, u64 *value)
{
	struct sim_card *card = data;

	*value = card->gone;
	return 0;
}

static int sim_gone_set(void *data, u64 value)
{
	struct sim_card *card = data;

	/* A card that was pulled comes back by being plugged in again. */
	if (value != 1)
		return -EINVAL;
	WRITE_ONCE(card->gone, true);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(sim_gone_fops, sim_gone_get, sim_gone_set, "%llu\n");

/**
 * sim_debugfs_add() - show a card
 * @card: the card
 */
void sim_debugfs_add(struct sim_card *card)
{
	char name[] = "slot0";

	name[4] += card->slot;
	card->dir = debugfs_create_dir(name, sim_dir);
	debugfs_create_file("ipsec", 0400, card->dir, card,
			    &sim_ipsec_file_fops);
	debugfs_create_file("counters", 0400, card->dir, card,
			    &sim_counters_fops);
	debugfs_create_file("trace", 0600, card->dir, card,
			    &sim_trace_file_fops);
	debugfs_create_file_unsafe("hold_tx", 0600, card->dir, card,
				   &sim_hold_fops);
	debugfs_create_u32("frame_us", 0600, card->dir, &card->frame_us);
	debugfs_create_file_unsafe("gone", 0600, card->dir, card,
				   &sim_gone_fops);
}

/**
 * sim_debugfs_del() - show a card no more
 * @card: the card
 */
void sim_debugfs_del(struct sim_card *card)
{
	debugfs_remove_recursive(card->dir);
	card->dir = NULL;
}

static int sim_plug_set(void *data, u64 slot)
{
	return slot < SIM_SLOTS ? sim_plug(&sim_cards[slot]) : -EINVAL;
}
DEFINE_DEBUGFS_ATTRIBUTE(sim_plug_fops, NULL, sim_plug_set, "%llu\n");

static int sim_unplug_set(void *data, u64 slot)
{
	if (slot >= SIM_SLOTS)
		return -EINVAL;
	sim_unplug(&sim_cards[slot]);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(sim_unplug_fops, NULL, sim_unplug_set, "%llu\n");

/**
 * sim_debugfs_init() - the directory of all slots
 */
void __init sim_debugfs_init(void)
{
	sim_dir = debugfs_create_dir("sim82599", NULL);
	debugfs_create_file_unsafe("plug", 0200, sim_dir, NULL, &sim_plug_fops);
	debugfs_create_file_unsafe("unplug", 0200, sim_dir, NULL,
				   &sim_unplug_fops);
}
