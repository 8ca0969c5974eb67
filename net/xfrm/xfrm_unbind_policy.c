// SPDX-License-Identifier: GPL-2.0
/*
 * Turning an offloaded policy into a software policy where it stands.
 */

#include <net/xfrm.h>

#include "xfrm_bind.h"

/**
 * xfrm_policy_unbind_convert - make an offloaded policy a software policy
 * @xp: the policy, claimed by an unbind
 *
 * Index, priority, selector and templates stay, and the place in the chain:
 * offload_first goes on to be true. So no lookup misses the policy or meets
 * another one, and the cost does not depend on what else is in the chain.
 * Bundles built under the policy become stale.
 *
 * Context: process or softirq; takes the policy lock of the netns.
 */
void xfrm_policy_unbind_convert(struct xfrm_policy *xp)
{
	struct net *net = xp_net(xp);

	spin_lock_bh(&net->xfrm.xfrm_policy_lock);
	WRITE_ONCE(xp->xdo.live, false);
	xp->xdo.ifindex = 0;
	xp->xdo.converted = 1;
	xp->xdo.type = XFRM_DEV_OFFLOAD_UNSPECIFIED;
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
