// SPDX-License-Identifier: GPL-2.0
/*
 * The last accesses to the registers that matter to IPsec: a test reads here
 * that the driver's teardown reached the hardware. Keys are shown as set or
 * zero.
 */

#include <linux/seq_file.h>

#include "sim82599.h"

static const struct {
	u32 offset;
	const char *name;
	bool secret;
} sim_names[] = {
	{ CTRL,			"CTRL" },
	{ SECTXCTRL,		"SECTXCTRL" },
	{ SECTXSTAT,		"SECTXSTAT" },
	{ SECTXBUFFAF,		"SECTXBUFFAF" },
	{ SECTXMINIFG,		"SECTXMINIFG" },
	{ SECRXCTRL,		"SECRXCTRL" },
	{ SECRXSTAT,		"SECRXSTAT" },
	{ IPSTXIDX,		"IPSTXIDX" },
	{ IPSTXSALT,		"IPSTXSALT", true },
	{ IPSTXKEY(0),		"IPSTXKEY0", true },
	{ IPSTXKEY(1),		"IPSTXKEY1", true },
	{ IPSTXKEY(2),		"IPSTXKEY2", true },
	{ IPSTXKEY(3),		"IPSTXKEY3", true },
	{ IPSRXIDX,		"IPSRXIDX" },
	{ IPSRXIPADDR(0),	"IPSRXIPADDR0" },
	{ IPSRXIPADDR(1),	"IPSRXIPADDR1" },
	{ IPSRXIPADDR(2),	"IPSRXIPADDR2" },
	{ IPSRXIPADDR(3),	"IPSRXIPADDR3" },
	{ IPSRXSPI,		"IPSRXSPI" },
	{ IPSRXIPIDX,		"IPSRXIPIDX" },
	{ IPSRXKEY(0),		"IPSRXKEY0", true },
	{ IPSRXKEY(1),		"IPSRXKEY1", true },
	{ IPSRXKEY(2),		"IPSRXKEY2", true },
	{ IPSRXKEY(3),		"IPSRXKEY3", true },
	{ IPSRXSALT,		"IPSRXSALT", true },
	{ IPSRXMOD,		"IPSRXMOD" },
};

static bool sim_traced(u32 offset)
{
	return offset == CTRL ||
	       (offset >= SECTXCTRL && offset <= IPSTXKEY(3)) ||
	       (offset >= SECRXCTRL && offset <= IPSRXMOD);
}

/**
 * sim_trace_access() - note an access
 * @card: the card
 * @offset: the register's
 * @value: written or read
 * @write: which of the two
 *
 * Context: @card's lock is held.
 */
void sim_trace_access(struct sim_card *card, u32 offset, u32 value, bool write)
{
	struct sim_trace_entry *entry;

	if (!sim_traced(offset))
		return;
	entry = &card->trace[card->traced++ % SIM_TRACE];
	entry->offset = offset;
	entry->value = value;
	entry->write = write;
}

static void sim_trace_show_one(struct seq_file *seq,
			       const struct sim_trace_entry *entry)
{
	char op = entry->write ? 'W' : 'R';
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sim_names); i++) {
		if (sim_names[i].offset != entry->offset)
			continue;
		if (sim_names[i].secret)
			seq_printf(seq, "%c %s %s\n", op, sim_names[i].name,
				   entry->value ? "set" : "zero");
		else
			seq_printf(seq, "%c %s %08x\n", op, sim_names[i].name,
				   entry->value);
		return;
	}
	seq_printf(seq, "%c %05x %08x\n", op, entry->offset, entry->value);
}

/**
 * sim_trace_show() - print the last accesses, oldest first
 * @card: the card
 * @seq: where to
 */
void sim_trace_show(struct sim_card *card, struct seq_file *seq)
{
	struct sim_trace_entry entry;
	unsigned long flags;
	u64 i, end;

	spin_lock_irqsave(&card->lock, flags);
	end = card->traced;
	spin_unlock_irqrestore(&card->lock, flags);
	if (end > SIM_TRACE)
		seq_printf(seq, "# %llu older ones are lost\n",
			   end - SIM_TRACE);
	for (i = end > SIM_TRACE ? end - SIM_TRACE : 0; i < end; i++) {
		spin_lock_irqsave(&card->lock, flags);
		entry = card->trace[i % SIM_TRACE];
		spin_unlock_irqrestore(&card->lock, flags);
		sim_trace_show_one(seq, &entry);
	}
}

/**
 * sim_trace_clear() - forget them all
 * @card: the card
 */
void sim_trace_clear(struct sim_card *card)
{
	unsigned long flags;

	spin_lock_irqsave(&card->lock, flags);
	card->traced = 0;
	spin_unlock_irqrestore(&card->lock, flags);
}
