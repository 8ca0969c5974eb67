/* SPDX-License-Identifier: GPL-2.0 */
/* The templates of a policy: the SAs that it asks for. */
#ifndef XFRMCTL_TMPL_H
#define XFRMCTL_TMPL_H

#include "args.h"
#include "netlink.h"

/**
 * struct tmpl_args - templates as they were given
 * @list: in order
 * @n: how many
 */
struct tmpl_args {
	struct xfrm_user_tmpl list[TMPL_MAX];
	size_t n;
};

extern const struct keyword tmpl_words[];

void tmpls_put(struct request *req, const struct tmpl_args *tmpls);
void tmpls_print(const struct attrs *t);
void tmpls_json(const struct attrs *t);

#endif
