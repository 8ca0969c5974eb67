/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of simpci call of each other, in an order in which each calls
 * only files that stand before it: trace.c and wire.c, config.c, msix.c, bus.c,
 * slot.c.
 */
#ifndef SIMPCI_INTERNAL_H
#define SIMPCI_INTERNAL_H

#include "simpci.h"

struct seq_file;

#define SIMPCI_SLOTS	4

/* trace.c */
int simpci_trace_init(struct simpci_card *card);
void simpci_trace_exit(struct simpci_card *card);
void simpci_trace_show(struct simpci_card *card, struct seq_file *seq);
void simpci_trace_clear(struct simpci_card *card);

/* wire.c */
int simpci_wire_add(struct simpci_card *card);
void simpci_wire_del(struct simpci_card *card);

/* config.c */
void simpci_config_power_on(struct simpci_card *card);
u32 simpci_config_read(const struct simpci_card *card, int where, int size);
void simpci_config_write(struct simpci_card *card, int where, int size,
			 u32 value);
u32 simpci_config_bar(const struct simpci_card *card, unsigned int bar);
bool simpci_config_msix(const struct simpci_card *card);

/* msix.c */
int simpci_msix_init(struct simpci_card *card);
void simpci_msix_exit(struct simpci_card *card);
bool simpci_msix_read(const struct simpci_card *card, unsigned int bar,
		      u32 offset, u32 *value);
bool simpci_msix_write(struct simpci_card *card, unsigned int bar, u32 offset,
		       u32 value);

/* bus.c */
int simpci_bus_init(void);
struct simpci_card *simpci_bus_card(unsigned int slot);
void simpci_bus_add(struct simpci_card *card);
void simpci_bus_del(struct simpci_card *card);

#endif
