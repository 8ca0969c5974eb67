/* SPDX-License-Identifier: GPL-2.0 */
/* Limits of an SA's or policy's life, and how much of it has gone. */
#ifndef XFRMCTL_LIFETIME_H
#define XFRMCTL_LIFETIME_H

#include "args.h"
#include "uapi.h"

extern const struct keyword limit_words[];

void lifetime_init(struct xfrm_lifetime_cfg *cfg);
void lifetime_print(const struct xfrm_lifetime_cfg *cfg,
		    const struct xfrm_lifetime_cur *cur);
void lifetime_json(const struct xfrm_lifetime_cfg *cfg,
		   const struct xfrm_lifetime_cur *cur);

#endif
