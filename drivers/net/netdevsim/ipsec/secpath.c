// SPDX-License-Identifier: GPL-2.0
/* Which SA of the device handled a frame, as the stack is told. */

#include "engine.h"

/**
 * nsim_ipsec_attach() - tell the stack under which SA a frame was handled
 * @sa: the SA
 * @skb: the frame
 * @status: CRYPTO_SUCCESS, or what is wrong with the frame
 *
 * Context: RCU read section.
 * Return: false if the frame cannot carry that, or the stack frees the SA.
 */
bool nsim_ipsec_attach(struct nsim_ipsec_sa *sa, struct sk_buff *skb,
		       u32 status)
{
	struct xfrm_offload *xo;
	struct sec_path *sp;

	sp = secpath_set(skb);
	if (!sp || sp->len == XFRM_MAX_DEPTH ||
	    !refcount_inc_not_zero(&sa->x->refcnt))
		return false;

	sp->xvec[sp->len++] = sa->x;
	sp->olen++;
	xo = xfrm_offload(skb);
	xo->flags = CRYPTO_DONE;
	xo->status = status;
	return true;
}
