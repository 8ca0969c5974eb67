// SPDX-License-Identifier: GPL-2.0
/*
 * Which registers are in the trace, and their names. Keys are secret.
 */

#include "sim82599.h"

const struct simpci_register sim_trace_names[] = {
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
	{ }
};

/**
 * sim_is_traced() - is a register in the trace?
 * @offset: in BAR 0
 *
 * Return: true for CTRL and the registers of IPsec.
 */
bool sim_is_traced(u32 offset)
{
	return offset == CTRL ||
	       (offset >= SECTXCTRL && offset <= IPSTXKEY(3)) ||
	       (offset >= SECRXCTRL && offset <= IPSRXMOD);
}
