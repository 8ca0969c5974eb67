/* SPDX-License-Identifier: GPL-2.0 */
/* What struct net_device has of xfrm_unbind.h. */
#ifndef _NET_XFRM_BOUND_H
#define _NET_XFRM_BOUND_H

#include <linux/types.h>
#include <linux/workqueue_types.h>

struct xfrm_dev_counters;

/* For drivers that compile on older kernels, too: there is <net/xfrm_unbind.h>. */
#define XFRM_DEV_UNBIND	1

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

#define XFRM_BOUND_RETIRED	16

/**
 * struct xfrm_bound - what a net_device holds for xfrm
 * @generation: counts outbound policies that were taken off the hardware; read
 *	by packets, without a lock
 * @retired: indices of the last of these policies: the one that was counted
 *	when @generation was n is at n % XFRM_BOUND_RETIRED
 * @states: SAs that are offloaded to the device
 * @policies: policies that are offloaded to it
 * @parked_states: SAs taken off the hardware for xfrm_dev_rebind() to put back
 * @parked_policies: policies of that kind
 * @deferred_states: deleted SAs that wait for a grace period
 * @deferred_policies: policies of that kind
 * @ripe_states: deleted SAs whose grace period began before they came here
 * @ripe_policies: policies of that kind
 * @work: ends what is deferred
 * @pending: callbacks of the driver that are under way on behalf of single SAs
 *	and policies, or about to be; an unbind waits until there are none
 * @closed: enum xfrm_closed
 *
 * Zero-initialized, but for @work, which xfrm_bind_defer() initializes.
 * xfrm_bind_lock, in net/xfrm/xfrm_bind.c, protects every field but
 * @generation and @retired; with RTNL @closed may be read.
 */
struct xfrm_bound {
	u32			generation;
	u32			retired[XFRM_BOUND_RETIRED];
	struct hlist_head	states;
	struct hlist_head	policies;
	struct hlist_head	parked_states;
	struct hlist_head	parked_policies;
	struct hlist_head	deferred_states;
	struct hlist_head	deferred_policies;
	struct hlist_head	ripe_states;
	struct hlist_head	ripe_policies;
	struct work_struct	work;
	unsigned int		pending;
	u8			closed;
};

#endif /* _NET_XFRM_BOUND_H */
