// SPDX-License-Identifier: GPL-2.0
/*
 * What plugs a card into a slot and pulls it. In debugfs, in the directory of a
 * model:
 *
 *	plug, unplug	write the number of a slot
 *	slotN/trace	accesses to the registers that are traced; writing
 *			clears them
 *	slotN/gone	1: the card is pulled; the driver is not told
 *
 * A model adds its own files to slotN.
 */

#include <linux/debugfs.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/vmalloc.h>

#include "internal.h"

/* Only one task plugs or unplugs at a time. */
static DEFINE_MUTEX(simpci_slots_lock);

/*
 * One pass of a card. Work goes on while there is something to do, other work
 * of the CPU in between.
 */
static void simpci_run(struct work_struct *work)
{
	struct simpci_card *card = container_of(work, struct simpci_card, work);

	if (!READ_ONCE(card->gone) && card->model->run(card))
		simpci_kick(card);
}

/* --- files of a slot */

static int simpci_trace_file_show(struct seq_file *seq, void *unused)
{
	simpci_trace_show(seq->private, seq);
	return 0;
}

static int simpci_trace_file_open(struct inode *inode, struct file *file)
{
	return single_open(file, simpci_trace_file_show, inode->i_private);
}

static ssize_t simpci_trace_file_write(struct file *file,
				       const char __user *from, size_t len,
				       loff_t *pos)
{
	struct seq_file *seq = file->private_data;

	simpci_trace_clear(seq->private);
	return len;
}

static const struct file_operations simpci_trace_fops = {
	.owner		= THIS_MODULE,
	.open		= simpci_trace_file_open,
	.read		= seq_read,
	.write		= simpci_trace_file_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static int simpci_gone_get(void *data, u64 *value)
{
	struct simpci_card *card = data;

	*value = card->gone;
	return 0;
}

static int simpci_gone_set(void *data, u64 value)
{
	struct simpci_card *card = data;

	/* A card that was pulled comes back by being plugged in again. */
	if (value != 1)
		return -EINVAL;
	WRITE_ONCE(card->gone, true);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(simpci_gone_fops, simpci_gone_get, simpci_gone_set,
			 "%llu\n");

/* --- plugging */

static void simpci_free(struct simpci_card *card)
{
	simpci_wire_del(card);
	if (card->wq)
		destroy_workqueue(card->wq);
	card->model->unplug(card);
	simpci_trace_exit(card);
	simpci_msix_exit(card);
	vfree(card);
}

static int simpci_power_on(struct simpci_card *card)
{
	char name[] = "slot0";
	int err;

	card->wq = alloc_workqueue("%s-%u", WQ_HIGHPRI | WQ_MEM_RECLAIM, 1,
				   card->model->name, card->slot);
	if (!card->wq)
		return -ENOMEM;
	err = simpci_msix_init(card);
	if (!err)
		err = simpci_trace_init(card);
	if (err)
		return err;
	simpci_config_power_on(card);
	name[4] += card->slot;
	card->dir = debugfs_create_dir(name, card->model->dir);
	debugfs_create_file("trace", 0600, card->dir, card, &simpci_trace_fops);
	debugfs_create_file_unsafe("gone", 0600, card->dir, card,
				   &simpci_gone_fops);
	err = card->model->plug(card);
	if (!err)
		err = simpci_wire_add(card);
	return err;
}

static int simpci_plug_locked(const struct simpci_model *model,
			      unsigned int slot)
{
	struct simpci_card *card;
	int err;

	if (simpci_bus_card(slot))
		return -EBUSY;
	card = vzalloc(model->card_size);
	if (!card)
		return -ENOMEM;
	card->model = model;
	card->slot = slot;
	spin_lock_init(&card->lock);
	skb_queue_head_init(&card->from_wire);
	INIT_WORK(&card->work, simpci_run);
	err = simpci_power_on(card);
	if (err) {
		debugfs_remove_recursive(card->dir);
		simpci_free(card);
		return err;
	}
	simpci_bus_add(card);
	return 0;
}

/*
 * The hardware is gone first, as when a card is pulled: the driver finds out by
 * reading ones.
 */
static void simpci_unplug_locked(struct simpci_card *card)
{
	WRITE_ONCE(card->gone, true);
	simpci_bus_del(card);
	debugfs_remove_recursive(card->dir);
	/* With @gone set, work that is queued later does nothing. */
	cancel_work_sync(&card->work);
	simpci_free(card);
}

static int simpci_plug_set(void *data, u64 slot)
{
	int err;

	if (slot >= SIMPCI_SLOTS)
		return -EINVAL;
	mutex_lock(&simpci_slots_lock);
	err = simpci_plug_locked(data, slot);
	mutex_unlock(&simpci_slots_lock);
	return err;
}
DEFINE_DEBUGFS_ATTRIBUTE(simpci_plug_fops, NULL, simpci_plug_set, "%llu\n");

static int simpci_unplug_set(void *data, u64 slot)
{
	struct simpci_card *card;

	if (slot >= SIMPCI_SLOTS)
		return -EINVAL;
	mutex_lock(&simpci_slots_lock);
	card = simpci_bus_card(slot);
	if (card && card->model == data)
		simpci_unplug_locked(card);
	mutex_unlock(&simpci_slots_lock);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(simpci_unplug_fops, NULL, simpci_unplug_set, "%llu\n");

/**
 * simpci_add_model() - let cards of a model be plugged in
 * @model: the model
 *
 * Context: an initcall after those of the device level, which make the
 * interrupt domain that the bus uses.
 * Return: 0, -ENOMEM, or an error of the PCI core: there is no bus then.
 */
int __init simpci_add_model(struct simpci_model *model)
{
	static bool has_bus;
	int err;

	if (!has_bus) {
		err = simpci_bus_init();
		if (err)
			return err;
		has_bus = true;
	}
	model->dir = debugfs_create_dir(model->name, NULL);
	debugfs_create_file_unsafe("plug", 0200, model->dir, model,
				   &simpci_plug_fops);
	debugfs_create_file_unsafe("unplug", 0200, model->dir, model,
				   &simpci_unplug_fops);
	return 0;
}
