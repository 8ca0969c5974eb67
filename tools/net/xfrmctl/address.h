/* SPDX-License-Identifier: GPL-2.0 */
/* An IPv4 or IPv6 address, and the ID of an SA that is made of two. */
#ifndef XFRMCTL_ADDRESS_H
#define XFRMCTL_ADDRESS_H

#include <netinet/in.h>

#include "args.h"
#include "uapi.h"

/* Long enough for an IPv6 address with its prefix length. */
#define ADDRESS_TEXT	(INET6_ADDRSTRLEN + 4)

/**
 * struct address - an address as it was given
 * @a: in network byte order
 * @family: AF_UNSPEC for "any"
 * @prefix: prefix length
 * @set: it was given
 */
struct address {
	xfrm_address_t a;
	u16 family;
	u8 prefix;
	bool set;
};

/**
 * struct sa_id - what names an SA
 * @src: its source
 * @dst: its destination
 * @spi: in host byte order
 * @proto: IPPROTO_ESP and the like; 0: not given
 */
struct sa_id {
	struct address src;
	struct address dst;
	struct opt_u32 spi;
	u8 proto;
};

extern const struct keyword sa_id_words[];

void arg_address(struct args *a, const struct keyword *kw, void *obj);
void arg_prefix(struct args *a, const struct keyword *kw, void *obj);
u16 common_family(const struct args *a, const struct address *src,
		  const struct address *dst);
void sa_id_require(const struct args *a, const struct sa_id *id);

const char *address_text(u16 family, const xfrm_address_t *a);
bool address_equal(u16 family, const xfrm_address_t *a,
		   const xfrm_address_t *b);

#endif
