/* SPDX-License-Identifier: GPL-2.0 */
/* What all nouns share: the options before the noun. */
#ifndef XFRMCTL_H
#define XFRMCTL_H

#include "args.h"

/**
 * struct options - the options before the noun
 * @json: print JSON (-j)
 * @stats: print lifetimes and statistics (-s)
 * @timestamp: print when each event came (-t, -ts)
 */
struct options {
	bool json;
	bool stats;
	bool timestamp;
};

extern struct options options;

extern const struct noun state_noun;
extern const struct noun policy_noun;
extern const struct noun monitor_noun;
extern const struct noun probe_noun;

#endif
