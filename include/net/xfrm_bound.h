/* SPDX-License-Identifier: GPL-2.0 */
/* What struct net_device has of xfrm_unbind.h. */
#ifndef _NET_XFRM_BOUND_H
#define _NET_XFRM_BOUND_H

#include <linux/types.h>

struct xfrm_dev_counters;

/**
 * enum xfrm_closed - why nothing new may be bound to a device
 * @XFRM_CLOSED_UNBIND: an unbind runs
 * @XFRM_CLOSED_LEAVING: it is on its way out of its netns; until NETDEV_REGISTER
 * @XFRM_CLOSED_FEATURE: esp-hw-offload is off
 * @XFRM_CLOSED_SUSPENDED: between xfrm_dev_suspend() and xfrm_dev_rebind()
 *
 * Bits of @closed in struct xfrm_bound.
 */
enum xfrm_closed {
	XFRM_CLOSED_UNBIND	= 1 << 0,
	XFRM_CLOSED_LEAVING	= 1 << 1,
	XFRM_CLOSED_FEATURE	= 1 << 2,
	XFRM_CLOSED_SUSPENDED	= 1 << 3,
};

/**
 * struct xfrm_bound - what a net_device holds for xfrm
 * @states: SAs that are offloaded to the device
 * @policies: policies that are offloaded to it
 * @dying_states: SAs deleted from the hardware and not yet freed there
 * @dying_policies: policies of that kind
 * @parked_states: SAs taken off the hardware for xfrm_dev_rebind() to put back
 * @parked_policies: policies of that kind
 * @pending: callbacks of the driver that are under way on behalf of single SAs
 *	and policies, or about to be; an unbind waits until there are none
 * @closed: enum xfrm_closed
 *
 * All zero is the right start. xfrm_bind_lock, in net/xfrm/xfrm_bind.c,
 * protects every field; who holds RTNL may read @closed.
 */
struct xfrm_bound {
	struct hlist_head	states;
	struct hlist_head	policies;
	struct hlist_head	dying_states;
	struct hlist_head	dying_policies;
	struct hlist_head	parked_states;
	struct hlist_head	parked_policies;
	unsigned int		pending;
	u8			closed;
};

#endif /* _NET_XFRM_BOUND_H */
