/* SPDX-License-Identifier: GPL-2.0 */
/* ESP in UDP or TCP. */
#ifndef XFRMCTL_ENCAP_H
#define XFRMCTL_ENCAP_H

#include "address.h"
#include "netlink.h"

/**
 * struct encap_args - an encapsulation as it was given
 * @tmpl: what the kernel takes
 * @oa: the original address
 * @set: it was given
 */
struct encap_args {
	struct xfrm_encap_tmpl tmpl;
	struct address oa;
	bool set;
};

extern const struct keyword encap_words[];

void encap_put(const struct args *a, struct request *req,
	       const struct encap_args *encap, u16 family);
void encap_print(const struct attrs *t, u16 family);
void encap_json(const struct attrs *t, u16 family);

#endif
