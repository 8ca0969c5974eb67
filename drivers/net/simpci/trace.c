// SPDX-License-Identifier: GPL-2.0
/*
 * The last accesses to the registers that a model traces: a test reads here
 * that the driver's teardown reached the hardware. Of a key it sees whether it
 * was set or zero.
 */

#include <linux/seq_file.h>
#include <linux/vmalloc.h>

#include "internal.h"

#define SIMPCI_TRACE	8192

struct simpci_trace_entry {
	u32	offset;
	u32	value;
	bool	write;
};

/**
 * simpci_trace_init() - allocate the trace of a card
 * @card: the card
 *
 * Return: 0 or -ENOMEM.
 */
int simpci_trace_init(struct simpci_card *card)
{
	card->trace = vcalloc(SIMPCI_TRACE, sizeof(*card->trace));
	return card->trace ? 0 : -ENOMEM;
}

/**
 * simpci_trace_exit() - free the trace of a card
 * @card: the card
 */
void simpci_trace_exit(struct simpci_card *card)
{
	vfree(card->trace);
}

/**
 * simpci_trace() - record an access
 * @card: the card
 * @offset: the register's
 * @value: written or read
 * @write: which of the two
 *
 * Context: @card's lock is held.
 */
void simpci_trace(struct simpci_card *card, u32 offset, u32 value, bool write)
{
	card->trace[card->traced++ % SIMPCI_TRACE] = (struct simpci_trace_entry){
		.offset	= offset,
		.value	= value,
		.write	= write,
	};
}

static const struct simpci_register *
simpci_trace_register(const struct simpci_model *model, u32 offset)
{
	const struct simpci_register *reg;

	for (reg = model->registers; reg->name; reg++)
		if (reg->offset == offset)
			return reg;
	return NULL;
}

static void simpci_trace_show_one(const struct simpci_card *card,
				  struct seq_file *seq,
				  const struct simpci_trace_entry *entry)
{
	const struct simpci_register *reg =
		simpci_trace_register(card->model, entry->offset);
	char op = entry->write ? 'W' : 'R';

	if (!reg)
		seq_printf(seq, "%c %05x %08x\n", op, entry->offset,
			   entry->value);
	else if (reg->secret)
		seq_printf(seq, "%c %s %s\n", op, reg->name,
			   entry->value ? "set" : "zero");
	else
		seq_printf(seq, "%c %s %08x\n", op, reg->name, entry->value);
}

/**
 * simpci_trace_show() - print the last accesses, oldest first
 * @card: the card
 * @seq: where to
 */
void simpci_trace_show(struct simpci_card *card, struct seq_file *seq)
{
	struct simpci_trace_entry entry;
	unsigned long flags;
	u64 i, end;

	spin_lock_irqsave(&card->lock, flags);
	end = card->traced;
	spin_unlock_irqrestore(&card->lock, flags);
	if (end > SIMPCI_TRACE)
		seq_printf(seq, "# %llu older ones are lost\n",
			   end - SIMPCI_TRACE);
	for (i = end > SIMPCI_TRACE ? end - SIMPCI_TRACE : 0; i < end; i++) {
		spin_lock_irqsave(&card->lock, flags);
		entry = card->trace[i % SIMPCI_TRACE];
		spin_unlock_irqrestore(&card->lock, flags);
		simpci_trace_show_one(card, seq, &entry);
	}
}

/**
 * simpci_trace_clear() - empty the trace
 * @card: the card
 */
void simpci_trace_clear(struct simpci_card *card)
{
	unsigned long flags;

	spin_lock_irqsave(&card->lock, flags);
	card->traced = 0;
	spin_unlock_irqrestore(&card->lock, flags);
}
