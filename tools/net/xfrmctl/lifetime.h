/* SPDX-License-Identifier: GPL-2.0 */
/* What counts an SA or a policy: limits, sequence numbers and the replay window. */
#ifndef XFRMCTL_LIFETIME_H
#define XFRMCTL_LIFETIME_H

#include "args.h"
#include "netlink.h"

extern const struct keyword limit_words[];

/**
 * when - a time as ip prints it, of the zone that this machine is in
 * @seconds: since 1970
 *
 * Return: the text, valid until the second next call; "-" for 0.
 */
const char *when(u64 seconds);

void lifetime_init(struct xfrm_lifetime_cfg *cfg);
void lifetime_print(const struct xfrm_lifetime_cfg *cfg,
		    const struct xfrm_lifetime_cur *cur);
void lifetime_json(const struct xfrm_lifetime_cfg *cfg,
		   const struct xfrm_lifetime_cur *cur);

/* Sequence numbers and the replay window. */

/**
 * struct replay_args - replay state as it was given
 * @window: size of the window in packets
 * @seq: highest sequence number received
 * @oseq: last sequence number sent
 * @seq_hi: upper half of @seq, with ESN
 * @oseq_hi: upper half of @oseq, with ESN
 */
struct replay_args {
	struct opt_u32 window;
	struct opt_u32 seq;
	struct opt_u32 oseq;
	struct opt_u32 seq_hi;
	struct opt_u32 oseq_hi;
};

extern const struct keyword replay_words[];

u8 replay_put(const struct args *a, struct request *req,
	      const struct replay_args *in, bool esn);
u32 replay_window(const struct attrs *t, u8 legacy);
void replay_print(const struct attrs *t);
void replay_json(const struct attrs *t);

#endif
