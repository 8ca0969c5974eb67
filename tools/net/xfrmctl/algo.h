/* SPDX-License-Identifier: GPL-2.0 */
/* Algorithms and keys of an SA, and ESP in UDP or TCP. */
#ifndef XFRMCTL_ALGO_H
#define XFRMCTL_ALGO_H

#include "args.h"
#include "netlink.h"
#include "selector.h"

#define KEY_MAX		512	/* bytes */

/**
 * struct algo - one algorithm as it was given
 * @name: the kernel's name of it
 * @key: key, with the salt where the algorithm has one
 * @key_len: bytes in @key
 * @bits: length of the ICV
 * @set: it was given
 */
struct algo {
	char name[64];
	u8 key[KEY_MAX];
	size_t key_len;
	u32 bits;
	bool set;
};

struct algos {
	struct algo aead;
	struct algo auth;
	struct algo auth_trunc;
	struct algo enc;
	struct algo comp;
};

extern const struct keyword algo_words[];

void algos_put(struct request *req, const struct algos *algos);
void algos_print(const struct attrs *t, bool keys);
void algos_json(const struct attrs *t, bool keys);

/* ESP in UDP or TCP. */

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
