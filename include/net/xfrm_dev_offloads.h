/* SPDX-License-Identifier: GPL-2.0 */
/* The offloads of a net_device. */
#ifndef _NET_XFRM_DEV_OFFLOADS_H
#define _NET_XFRM_DEV_OFFLOADS_H

#include <linux/atomic.h>
#include <linux/types.h>
#include <linux/workqueue_types.h>
#include <uapi/linux/xfrm_invalid.h>

struct xfrm_dev_counters;

/* For drivers that compile on older kernels, too: <net/xfrm_unbind.h> exists. */
#define XFRM_DEV_UNBIND	1

/**
 * enum xfrm_closed - why nothing new can be offloaded to a device
 * @XFRM_CLOSED_UNBIND: an unbind is running
 * @XFRM_CLOSED_LEAVING: it is leaving its netns; until NETDEV_REGISTER
 * @XFRM_CLOSED_FEATURE: esp-hw-offload is off
 * @XFRM_CLOSED_SUSPENDED: between xfrm_dev_suspend() and xfrm_dev_restore()
 *
 * Bits of @closed in struct xfrm_dev_offloads.
 */
enum xfrm_closed {
	XFRM_CLOSED_UNBIND	= 1 << 0,
	XFRM_CLOSED_LEAVING	= 1 << 1,
	XFRM_CLOSED_FEATURE	= 1 << 2,
	XFRM_CLOSED_SUSPENDED	= 1 << 3,
};

#define XFRM_OFFLOADS_RETIRED	16

/* SAs, by @xso_node, and policies, by @xdo_node */
struct xfrm_offload_batch {
	struct hlist_head states;
	struct hlist_head policies;
};

/**
 * struct xfrm_dev_counts - what ethtool -S shows of a device
 * @held: SAs, then policies, in each direction: out, in (forward is in)
 * @unbound: SAs that became INVALID, by enum xfrm_invalid_reason
 * @converted: policies that went on in software
 * @not_restored: SAs and policies that were suspended and not restored
 * @fenced: packets dropped in front of the driver, as their SA, policy or path
 *	was not the one that they were found for
 *
 * Since the device was registered. No packet that leaves is counted.
 */
struct xfrm_dev_counts {
	atomic_t	held[2][2];
	atomic_t	unbound[XFRM_INVALID_MAX + 1];
	atomic_t	converted;
	atomic_t	not_restored;
	atomic_t	fenced;
};

/**
 * struct xfrm_dev_offloads - the SAs and policies that a net_device holds
 * @generation: number of outbound policies taken off the hardware so far; read
 *	for each packet, without a lock
 * @retired: indices of the last of these policies: the n-th is at
 *	n % XFRM_OFFLOADS_RETIRED, counted from 0
 * @added: what is offloaded to the device
 * @suspended: what xfrm_dev_suspend() took off the hardware
 * @deferred: what was deleted and waits for a grace period
 * @ripe: what was deleted and whose grace period has begun
 * @work: ends deferred deletions
 * @pending: callbacks of the driver for single SAs and policies that are running,
 *	or about to run; an unbind waits until there are none
 * @closed: enum xfrm_closed
 * @counts: for ethtool -S, without a lock
 *
 * Zero-initialized, except @work, which xfrm_offload_defer() initializes.
 * xfrm_offload_lock protects every member except @generation, @retired and
 * @counts; @closed can be read under RTNL, too.
 */
struct xfrm_dev_offloads {
	u32			generation;
	u32			retired[XFRM_OFFLOADS_RETIRED];
	struct xfrm_offload_batch added;
	struct xfrm_offload_batch suspended;
	struct xfrm_offload_batch deferred;
	struct xfrm_offload_batch ripe;
	struct work_struct	work;
	unsigned int		pending;
	u8			closed;
	struct xfrm_dev_counts	counts;
};

#endif /* _NET_XFRM_DEV_OFFLOADS_H */
