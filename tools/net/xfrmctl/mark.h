/* SPDX-License-Identifier: GPL-2.0 */
/* Marks, and the interface ID that plays the same part. */
#ifndef XFRMCTL_MARK_H
#define XFRMCTL_MARK_H

#include "args.h"
#include "netlink.h"

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
void marks_json(const struct attrs *t);

#endif
