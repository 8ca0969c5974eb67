/* SPDX-License-Identifier: GPL-2.0 */
/* A selector: which packets a policy or an SA is for. */
#ifndef XFRMCTL_SELECTOR_H
#define XFRMCTL_SELECTOR_H

#include "address.h"

/**
 * struct selector_args - a selector as it was given
 * @src: source prefix
 * @dst: destination prefix
 * @ifindex: device, 0 for any
 * @proto: upper protocol; not set: any
 * @sport: source port
 * @dport: destination port
 * @type: ICMP or mobility header type
 * @code: ICMP code
 * @key: GRE key
 */
struct selector_args {
	struct address src;
	struct address dst;
	int ifindex;
	struct opt_u32 proto;
	struct opt_u32 sport;
	struct opt_u32 dport;
	struct opt_u32 type;
	struct opt_u32 code;
	struct opt_u32 key;
};

extern const struct keyword selector_words[];

void selector_build(const struct args *a, const struct selector_args *in,
		    struct xfrm_selector *sel);
bool selector_matches(const struct selector_args *in,
		      const struct xfrm_selector *sel);
void selector_print(const struct xfrm_selector *sel);
void selector_json(const char *key, const struct xfrm_selector *sel);

#endif
