/* SPDX-License-Identifier: GPL-2.0 */
/* Algorithms and keys of an SA. */
#ifndef XFRMCTL_ALGO_H
#define XFRMCTL_ALGO_H

#include "args.h"
#include "netlink.h"

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

#endif
