// SPDX-License-Identifier: GPL-2.0
/*
 * A driver says that an SA is broken on the hardware. It may do so anywhere; the
 * steps of an unbind need to sleep, so they run in a work.
 */

#include <linux/llist.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>

#include "xfrm_bind.h"

static LLIST_HEAD(xfrm_broken);

/* Which of them are still bound is known under RTNL. One that another unbind
 * has taken over, or a user has deleted, is in good hands.
 */
static void xfrm_broken_work_fn(struct work_struct *work)
{
	struct xfrm_bind_batch bound = {}, none = {};
	struct xfrm_state *x, *tmp;
	struct llist_node *broken;

	rtnl_lock();

	broken = llist_del_all(&xfrm_broken);
	llist_for_each_entry_safe(x, tmp, broken, broken_node) {
		xfrm_bind_claim_state(x, &bound);
		xfrm_state_put(x);
		cond_resched();
	}
	if (!hlist_empty(&bound.states))
		xfrm_unbind_batch(&bound, &none, XFRM_UNBIND_DRIVER);

	rtnl_unlock();
}

static DECLARE_WORK(xfrm_broken_work, xfrm_broken_work_fn);

/**
 * xfrm_dev_state_invalidate - an SA is broken on the hardware
 * @x: SA that the driver was given by xdo_dev_state_add() and not yet told to
 *	free
 * @reason: XFRM_UNBIND_DRIVER, or what tells the key manager more
 *
 * From here on no packet of packet offload starts on its way to the hardware,
 * but for a moment in which the SA is just being added. The SA becomes INVALID a
 * little later, with all the steps of an unbind, the driver's callbacks among
 * them. The first call for an SA counts.
 *
 * Context: any; takes no lock.
 */
void xfrm_dev_state_invalidate(struct xfrm_state *x,
			       enum xfrm_unbind_reason reason)
{
	if (cmpxchg(&x->broken, XFRM_UNBIND_UNSPEC, reason))
		return;

	/* Crypto offload is fenced by the work: its packets need hw_only too. */
	if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET)
		WRITE_ONCE(x->xso.live, false);

	if (!refcount_inc_not_zero(&x->refcnt))
		return;

	if (llist_add(&x->broken_node, &xfrm_broken))
		schedule_work(&xfrm_broken_work);
}
EXPORT_SYMBOL_GPL(xfrm_dev_state_invalidate);

/**
 * xfrm_dev_state_exhausted - a packet met an SA that has no number left
 * @x: outbound SA of packet offload; the driver drops the packet
 *
 * Counts the packet as software does. The SA becomes INVALID, so that a key
 * manager learns of it; which packets come later are counted there.
 *
 * Context: any; takes no lock.
 */
void xfrm_dev_state_exhausted(struct xfrm_state *x)
{
	XFRM_INC_STATS(xs_net(x), LINUX_MIB_XFRMOUTSTATESEQERROR);
	xfrm_dev_state_invalidate(x, XFRM_UNBIND_EXHAUSTED);
}
EXPORT_SYMBOL_GPL(xfrm_dev_state_exhausted);
