// SPDX-License-Identifier: GPL-2.0
/*
 * Turning an offloaded policy into a software policy where it stands.
 */

#include <net/xfrm.h>

#include "xfrm_bind.h"

/* The order of software policies in a chain: by priority, and the older one
 * first among equals.
 */
static bool xfrm_policy_after(const struct xfrm_policy *xp,
			      const struct xfrm_policy *other)
{
	if (xp->priority != other->priority)
		return xp->priority > other->priority;

	return xp->pos > other->pos;
}

/* Offloaded policies stand at the head of their chain in no order, software
 * policies behind them in theirs. A policy that changes sides moves only
 * towards the tail: whatever stands before it was offloaded later, or was put
 * there because its priority is better. It does not pass a software policy that
 * has to come after it, even if a split of the chain left better ones behind
 * that.
 */
static void xfrm_policy_sort_in(struct xfrm_policy *xp)
{
	struct xfrm_policy *pos = xp, *prev = NULL;

	hlist_for_each_entry_continue(pos, bydst) {
		if (xfrm_policy_after(xp, pos))
			prev = pos;
		else if (pos->xdo.type != XFRM_DEV_OFFLOAD_PACKET)
			break;
	}

	if (!prev)
		return;

	hlist_del_rcu(&xp->bydst);
	hlist_add_behind_rcu(&xp->bydst, &prev->bydst);
}

/**
 * xfrm_policy_unbind_convert - make an offloaded policy a software policy
 * @xp: the policy, claimed by an unbind
 *
 * Index, priority, selector and templates stay. Readers run without a lock:
 * one that walks the chain meanwhile sees the hash generation change and looks
 * again, so that there is no moment at which the policy is not found. Bundles
 * built under the policy become stale.
 *
 * Context: process or softirq; takes the policy lock of the netns.
 */
void xfrm_policy_unbind_convert(struct xfrm_policy *xp)
{
	struct net *net = xp_net(xp);

	spin_lock_bh(&net->xfrm.xfrm_policy_lock);
	write_seqcount_begin(&net->xfrm.xfrm_policy_hash_generation);

	RCU_INIT_POINTER(xp->xdo.live_dev, NULL);
	xp->xdo.type = XFRM_DEV_OFFLOAD_UNSPECIFIED;
	xp->xdo.converted = 1;

	/* Neither one that is not inserted yet nor one that is off the SPD is
	 * in a chain.
	 */
	if (!list_empty(&xp->walk.all))
		xfrm_policy_sort_in(xp);

	write_seqcount_end(&net->xfrm.xfrm_policy_hash_generation);
	spin_unlock_bh(&net->xfrm.xfrm_policy_lock);

	atomic_inc(&xp->genid);
}

/**
 * xfrm_unbound_policy_yield - may a new policy replace this one?
 * @pol: policy on whose selector another one is to be added, exclusively
 *
 * A program that found its policies deleted when a device went adds them again;
 * so a converted policy makes way, if the security module would let the caller
 * delete it.
 *
 * Context: under the policy lock of the netns.
 * Return: 0 if the new policy takes its place; -EEXIST if @pol was not
 * converted by an unbind; the security module's error.
 */
int xfrm_unbound_policy_yield(const struct xfrm_policy *pol)
{
	if (!pol->xdo.converted)
		return -EEXIST;

	return security_xfrm_policy_delete(pol->security);
}
