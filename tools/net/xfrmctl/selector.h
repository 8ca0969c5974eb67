/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses, marks and selectors: what tells SAs, policies and their packets apart. */
#ifndef XFRMCTL_SELECTOR_H
#define XFRMCTL_SELECTOR_H

#include <netinet/in.h>

#include "args.h"
#include "netlink.h"

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
u16 common_family(const struct args *a, const struct address *src,
		  const struct address *dst);
void sa_id_require(const struct args *a, const struct sa_id *id);

const char *address_text(u16 family, const xfrm_address_t *a);
bool address_equal(u16 family, const xfrm_address_t *a,
		   const xfrm_address_t *b);

/* Marks, and the interface ID that plays the same part. */

/**
 * struct mark_args - a mark as it was given
 * @m: value and mask
 * @set: it was given
 */
struct mark_args {
	struct xfrm_mark m;
	bool set;
};

extern const struct keyword mark_words[];
extern const struct keyword set_mark_words[];
extern const struct keyword if_id_words[];

void mark_put(struct request *req, const struct mark_args *mark);
void set_mark_put(struct request *req, const struct mark_args *mark);
void if_id_put(struct request *req, const struct opt_u32 *if_id);

void marks_print(const struct attrs *t);
void if_id_print(const struct attrs *t);
void marks_json(const struct attrs *t);
void mark_json(const char *key, const struct xfrm_mark *mark);

/* A selector: which packets a policy or an SA is for. */

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
