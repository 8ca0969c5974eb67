/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of net/xfrm that deal with offload share. */
#ifndef _XFRM_OFFLOAD_H
#define _XFRM_OFFLOAD_H

#include <linux/netdevice.h>
#include <linux/security.h>
#include <linux/spinlock.h>
#include <linux/tracepoint-defs.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <net/netlink.h>
#include <net/xfrm.h>

struct xfrmdev_ops;

/**
 * enum xfrm_offload_stage - the owner of an offload
 * @XFRM_STAGE_NONE: not offloaded
 * @XFRM_STAGE_ADDED: on the hardware; the first context that claims it
 * @XFRM_STAGE_DELETING: the task that deletes the SA or policy, or the device's
 *	work, which is running callbacks of the driver
 * @XFRM_STAGE_DEFERRED: the device's work or an unbind, whichever comes first:
 *	the SA or policy was deleted, and the last callbacks wait for a grace
 *	period
 * @XFRM_STAGE_UNBINDING: an unbind, until the end
 * @XFRM_STAGE_SUSPENDED: the context that suspended the device. It is off the
 *	hardware, delete and free have been called; the device is still held.
 *
 * The stage changes under xfrm_offload_lock. Each change makes one context the
 * owner, so that no callback of a driver runs twice for an offload, or never.
 * The owner makes the last change, to XFRM_STAGE_NONE.
 */
enum xfrm_offload_stage {
	XFRM_STAGE_NONE,
	XFRM_STAGE_ADDED,
	XFRM_STAGE_DELETING,
	XFRM_STAGE_DEFERRED,
	XFRM_STAGE_UNBINDING,
	XFRM_STAGE_SUSPENDED,
};

/**
 * struct xfrm_offload_kind - what differs between an SA and a policy
 * @xdo: its offload
 * @list: the list of its kind in a batch
 * @hold: take a reference
 * @put: drop a reference
 * @carries: does it carry packets, now or later?
 * @suits: can its device do what it needs?
 * @go_live: let packets go through the device
 * @add: the driver's callback of that name
 * @delete: likewise
 * @free: likewise
 *
 * An object is named by its @xso_node or @xdo_node.
 */
struct xfrm_offload_kind {
	struct xfrm_dev_offload *(*xdo)(struct hlist_node *node);
	struct hlist_head *(*list)(struct xfrm_offload_batch *batch);
	void (*hold)(struct hlist_node *node);
	void (*put)(struct hlist_node *node);
	bool (*carries)(struct hlist_node *node);
	int (*suits)(struct hlist_node *node, struct netlink_ext_ack *extack);
	void (*go_live)(struct hlist_node *node);
	int (*add)(const struct xfrmdev_ops *ops, struct hlist_node *node,
		   struct netlink_ext_ack *extack);
	void (*delete)(const struct xfrmdev_ops *ops, struct hlist_node *node);
	void (*free)(const struct xfrmdev_ops *ops, struct hlist_node *node);
};

/* Returns the device that packets may go through, or NULL. Call it and use the
 * device inside rcu_read_lock().
 */
static inline struct net_device *
xfrm_offload_live_dev(const struct xfrm_dev_offload *xdo)
{
	return READ_ONCE(xdo->live) ? READ_ONCE(xdo->dev) : NULL;
}

static inline struct xfrm_state *xfrm_offload_state_of(struct hlist_node *node)
{
	return hlist_entry(node, struct xfrm_state, xso_node);
}

static inline struct xfrm_policy *
xfrm_offload_policy_of(struct hlist_node *node)
{
	return hlist_entry(node, struct xfrm_policy, xdo_node);
}

/* Will an SA carry packets, now or later? Only such an SA becomes INVALID when its
 * device goes; larval, expired and dead ones just lose the device. The answer
 * stays valid under @x->lock.
 */
static inline bool xfrm_unbind_carries(const struct xfrm_state *x)
{
	if (x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ)
		return false;

	return x->km.state == XFRM_STATE_VALID || x->km.state == XFRM_STATE_VOID;
}

/* Does the device write checksums inside of ESP? */
static inline bool xfrm_dev_fills_csum(struct xfrm_state *x)
{
	struct net_device *dev;
	bool fills;

	rcu_read_lock();
	dev = xfrm_offload_live_dev(&x->xso);
	fills = dev && (dev->features & NETIF_F_HW_ESP_TX_CSUM);
	rcu_read_unlock();

	return fills;
}

#ifdef CONFIG_XFRM_OFFLOAD
/* Ask the driver whether it can offload a packet. Without xdo_dev_offload_ok() it
 * can.
 */
static inline bool xfrm_dev_agrees(struct sk_buff *skb, struct xfrm_state *x)
{
	struct net_device *dev;
	bool ok = true;

	rcu_read_lock();
	dev = xfrm_offload_live_dev(&x->xso);
	if (dev && dev->xfrmdev_ops && dev->xfrmdev_ops->xdo_dev_offload_ok)
		ok = dev->xfrmdev_ops->xdo_dev_offload_ok(skb, x);
	rcu_read_unlock();

	return ok;
}

/* Test a packet, or list of segments, of crypto offload that has its ESP header and
 * a payload in clear, written for the hardware of @x (XFRM_XMIT). A bond passes
 * it to the slave that has @x; a packet in the queue of a slave must not leave
 * after @x was restored on another slave. Returns NULL if it was dropped.
 */
static inline struct sk_buff *xfrm_crypto_offload_check(struct sk_buff *skb,
							struct xfrm_state *x)
{
	struct net_device *dev = skb->dev;

	if (likely(READ_ONCE(x->xso.real_dev) == dev ||
		   READ_ONCE(x->xso.dev) == dev))
		return skb;

	XFRM_INC_STATS(xs_net(x), LINUX_MIB_XFRMOUTOFFLOADINVALID);
	dev_core_stats_tx_dropped_inc(dev);
	kfree_skb_list_reason(skb, SKB_DROP_REASON_XFRM_OFFLOAD_PATH);
	return NULL;
}
#endif

/* The device keeps numbers and counters of an SA of packet offload. */
static inline int xfrm_packet_offload_fixed(const struct xfrm_state *x,
					    struct netlink_ext_ack *extack)
{
	if (x->xso.type != XFRM_DEV_OFFLOAD_PACKET)
		return 0;

	NL_SET_ERR_MSG(extack,
		       "The device keeps numbers and counters of an SA of packet offload, they cannot be set");
	return -EOPNOTSUPP;
}

/* The policy @by takes the place of @xp, which is about to be deleted. If @by
 * protects or blocks the packets of @xp on the same hardware, none is sent in
 * clear when @xp is deleted; packets that are queued for it need not be dropped.
 * Under the policy lock of the netns.
 */
static inline void xfrm_dev_policy_replaced(struct xfrm_policy *xp,
					    const struct xfrm_policy *by)
{
	const struct net_device *dev = xfrm_offload_live_dev(&by->xdo);

	if (dev && dev == xfrm_offload_live_dev(&xp->xdo) &&
	    (by->xfrm_nr || by->action == XFRM_POLICY_BLOCK))
		xp->xdo.flags |= XFRM_DEV_OFFLOAD_FLAG_TWIN;
}

/* May a new policy with the selector of @pol, added exclusively, replace it? On a
 * stock kernel policies were deleted with their device, and programs add them
 * again. So it replaces a converted one, if the security module lets the caller
 * delete that. Under the policy lock of the netns.
 */
static inline int xfrm_policy_may_replace(const struct xfrm_policy *pol)
{
	if (!pol->xdo.converted)
		return -EEXIST;

	return security_xfrm_policy_delete(pol->security);
}

/* xfrm_trace.c */
DECLARE_TRACEPOINT(xfrm_driver_begin);
DECLARE_TRACEPOINT(xfrm_driver_end);

u64 __xfrm_driver_begin(const struct net_device *dev, const char *call,
			const void *obj, u32 id);
void __xfrm_driver_end(const struct net_device *dev, const char *call,
		       const void *obj, u32 id, int err, u64 began);
u32 xfrm_offload_count(const struct hlist_head *list);

/* Around a callback of a driver: @call is its name without xdo_dev_, @obj the SA or
 * the policy, @id the SPI or the index of it. Returns 0 if nobody traces it.
 */
static inline u64 xfrm_driver_begin(const struct net_device *dev,
				    const char *call, const void *obj, u32 id)
{
	if (tracepoint_enabled(xfrm_driver_begin) ||
	    tracepoint_enabled(xfrm_driver_end))
		return __xfrm_driver_begin(dev, call, obj, id);

	return 0;
}

static inline void xfrm_driver_end(const struct net_device *dev,
				   const char *call, const void *obj, u32 id,
				   int err, u64 began)
{
	if (began)
		__xfrm_driver_end(dev, call, obj, id, err, began);
}

/* xfrm_offload.c */
extern spinlock_t xfrm_offload_lock;
extern const struct xfrm_offload_kind xfrm_offload_states;
extern const struct xfrm_offload_kind xfrm_offload_policies;

int xfrm_offload_add(struct hlist_node *node,
		     const struct xfrm_offload_kind *kind,
		     struct netlink_ext_ack *extack);
void xfrm_offload_restore(struct net_device *dev, struct hlist_node *node,
			  const struct xfrm_offload_kind *kind);
void xfrm_offload_release(struct xfrm_dev_offload *xdo);
void xfrm_offload_release_held(struct hlist_node *node,
			       const struct xfrm_offload_kind *kind);
struct xfrm_state *xfrm_offload_named_state(const struct xfrm_policy *xp,
					    const struct xfrm_tmpl *tmpl);

#ifdef CONFIG_XFRM_OFFLOAD
/* End of a callback that @pending counts; under xfrm_offload_lock. */
static inline void __xfrm_offload_exit(struct xfrm_dev_offloads *b)
{
	if (!--b->pending)
		wake_up_var(&b->pending);
}

static inline void xfrm_offload_exit(struct net_device *dev)
{
	spin_lock_bh(&xfrm_offload_lock);
	__xfrm_offload_exit(&dev->xfrm_offloads);
	spin_unlock_bh(&xfrm_offload_lock);
}

/* Free what was deleted and still occupies the hardware of a device, which cannot
 * go meanwhile. May sleep. Returns true if there was something to wait for.
 */
static inline bool xfrm_offload_flush(struct net_device *dev)
{
	struct xfrm_dev_offloads *b = &dev->xfrm_offloads;

	return READ_ONCE(b->work.func) && flush_work(&b->work);
}
#endif

/* xfrm_offload_gc.c */
void xfrm_offload_stop(struct hlist_node *node,
		       const struct xfrm_offload_kind *kind);
bool xfrm_offload_close(struct net_device *dev, enum xfrm_closed why);
void xfrm_offload_open(struct net_device *dev, u8 why);
void xfrm_offload_claim(struct net_device *dev,
			struct xfrm_offload_batch *batch,
			struct xfrm_offload_batch *deleted);
void xfrm_offload_end_batch(struct xfrm_offload_batch *deleted);
void xfrm_offload_quiesce(struct net_device *dev);
bool xfrm_offload_claim_state(struct xfrm_state *x,
			      enum xfrm_offload_stage from,
			      struct xfrm_offload_batch *batch);
void xfrm_offload_claim_policies(struct net_device *dev,
				 const struct xfrm_state *x,
				 struct xfrm_offload_batch *batch);
void xfrm_offload_restage(struct xfrm_offload_batch *from,
			  struct xfrm_offload_batch *to,
			  enum xfrm_offload_stage stage, bool hold);
bool xfrm_offload_on_lower(struct net_device *dev,
			   const struct net_device *lower);

/* xfrm_offload_xmit.c */
int xfrm_packet_offload_routed(struct net *net, struct xfrm_state *x,
			       const struct xfrm_user_offload *xuo,
			       struct netlink_ext_ack *extack);

/* xfrm_unbind.c */
void xfrm_unbind_fence(struct xfrm_state *x, enum xfrm_invalid_reason reason);
void xfrm_unbind_policies_of(struct xfrm_state *x, int ifindex);
void xfrm_unbind_batch(const struct net_device *dev,
		       struct xfrm_offload_batch *batch,
		       struct xfrm_offload_batch *suspended,
		       enum xfrm_invalid_reason reason);

/* xfrm_invalid.c */
void xfrm_state_go_invalid(struct xfrm_state *x,
			   enum xfrm_invalid_reason reason,
			   const struct net_device *dev);
struct xfrm_state *xfrm_state_lookup_exact(struct net *net,
					   const struct xfrm_mark *mark,
					   const xfrm_address_t *daddr,
					   __be32 spi, u8 proto,
					   unsigned short family);
bool xfrm_state_has_twin(const struct xfrm_state *x);
u8 xfrm_state_stands(const struct xfrm_policy *pol, struct xfrm_state *x,
		     const struct flowi *fl, unsigned short family);

/* xfrm_invalid_tell.c */
void xfrm_invalid_tell(struct xfrm_state *x);
struct net_device *xfrm_local_dev(struct net *net, const xfrm_address_t *addr,
				  u16 family);
struct net_device *xfrm_state_route(struct net *net, struct xfrm_state *x,
				    bool inbound, struct net_device *dev);

/* xfrm_policy.c */
struct xfrm_policy *xfrm_policy_lookup(struct net *net, const struct flowi *fl,
				       u16 family, u8 dir, u32 if_id);

/* xfrm_tail.c; the most that a netns keeps without an SA */
#define XFRM_TAIL_MAX		8192

/**
 * enum xfrm_tail_stage - relation of an SA to its tail
 * @XFRM_TAIL_NONE: no tail, or the tail has the SA's final numbers
 * @XFRM_TAIL_RUNNING: the SA carries packets now, or later
 * @XFRM_TAIL_STOPPED: the SA is off the hardware, which has reported its
 *	numbers, and may be restored
 * @XFRM_TAIL_STOPPING: the SA has ended, and the hardware has not reported its
 *	numbers yet
 *
 * Changes under the lock of the table, and once the SA is in the SAD under the
 * SA's own as well.
 */
enum xfrm_tail_stage {
	XFRM_TAIL_NONE,
	XFRM_TAIL_RUNNING,
	XFRM_TAIL_STOPPED,
	XFRM_TAIL_STOPPING,
};

#ifdef CONFIG_XFRM_OFFLOAD
void xfrm_tail_close(struct xfrm_state *x, bool known);
void xfrm_tail_step(struct xfrm_state *x, enum xfrm_tail_stage from,
		    enum xfrm_tail_stage to);
bool xfrm_tail_refused(struct xfrm_state *x, int ifindex);
int xfrm_tail_is_free(struct xfrm_state *x, struct netlink_ext_ack *extack);
int xfrm_tail_inherit(struct xfrm_state *x, struct xfrm_state *xc,
		      struct netlink_ext_ack *extack);
int xfrm_tail_provide(struct xfrm_state *xc,
		      const struct xfrm_user_offload *xuo);

/* Are the numbers of a deleted SA still to be read? Until xfrm_tail_stopped(). */
static inline bool xfrm_tail_waits(const struct xfrm_state *x)
{
	return READ_ONCE(x->invalid.tail_stage) == XFRM_TAIL_STOPPING;
}

/* The hardware of an SA has stopped; @x has the numbers that it reported, if
 * x->invalid.exact. Under @x->lock.
 */
static inline void xfrm_tail_stopped(struct xfrm_state *x)
{
	xfrm_tail_step(x, XFRM_TAIL_RUNNING, XFRM_TAIL_STOPPED);
}

/* A suspended SA was restored. Under @x->lock. */
static inline void xfrm_tail_resumed(struct xfrm_state *x)
{
	xfrm_tail_step(x, XFRM_TAIL_STOPPED, XFRM_TAIL_RUNNING);
}
#else
static inline void xfrm_tail_close(struct xfrm_state *x, bool known)
{
}

static inline int xfrm_tail_is_free(struct xfrm_state *x,
				    struct netlink_ext_ack *extack)
{
	return 0;
}

static inline int xfrm_tail_inherit(struct xfrm_state *x, struct xfrm_state *xc,
				    struct netlink_ext_ack *extack)
{
	return 0;
}

static inline int xfrm_tail_provide(struct xfrm_state *xc,
				    const struct xfrm_user_offload *xuo)
{
	return 0;
}
#endif

/* If so, what xfrm_state_go_invalid() recorded can be read. */
static inline bool xfrm_state_is_invalid(const struct xfrm_state *x)
{
	/* Pairs with the release in xfrm_state_go_invalid(). */
	return smp_load_acquire(&x->km.state) == XFRM_STATE_INVALID;
}

/* Add XFRMA_INVALID to a message about an SA, if it is INVALID. */
static inline int xfrm_invalid_put(struct sk_buff *skb,
				   const struct xfrm_state *x)
{
	const struct xfrm_invalid *u = &x->invalid;
	struct nlattr *nest;

	if (!xfrm_state_is_invalid(x))
		return 0;

	nest = nla_nest_start(skb, XFRMA_INVALID);
	if (!nest)
		return -EMSGSIZE;

	if (nla_put_u32(skb, XFRMA_INVALID_REASON, u->reason) ||
	    nla_put_u32(skb, XFRMA_INVALID_IFINDEX, u->ifindex) ||
	    nla_put_string(skb, XFRMA_INVALID_IFNAME, u->ifname) ||
	    (u->exact && nla_put_flag(skb, XFRMA_INVALID_EXACT)) ||
	    nla_put_u64_64bit(skb, XFRMA_INVALID_SINCE, u->time,
			      XFRMA_INVALID_PAD)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}

	nla_nest_end(skb, nest);
	return 0;
}

/* The most that xfrm_invalid_put() adds. The SA may become INVALID between the
 * two calls, so this does not depend on its state.
 */
static inline unsigned int xfrm_invalid_size(const struct xfrm_state *x)
{
	return nla_total_size(nla_total_size(sizeof(u32)) +
			      nla_total_size(sizeof(u32)) +
			      nla_total_size(IFNAMSIZ) +
			      nla_total_size(0) +
			      nla_total_size_64bit(sizeof(u64)));
}

/* Results of xfrm_state_stands() */
#define XFRM_STANDS		1	/* an optional template blocks */
#define XFRM_STANDS_SOON	2	/* an SA is about to be there */
#define XFRM_STANDS_ELSEWHERE	4	/* on another device, or on none */

/* Packet offload: are policy and SA on one device? */
static inline bool xfrm_offload_agrees(const struct xfrm_policy *pol,
				       const struct xfrm_state *x)
{
#ifdef CONFIG_XFRM_OFFLOAD
	if (pol->xdo.type == XFRM_DEV_OFFLOAD_PACKET)
		return x->xso.type == XFRM_DEV_OFFLOAD_PACKET &&
		       pol->xdo.dev == x->xso.dev;
	return x->xso.type != XFRM_DEV_OFFLOAD_PACKET;
#else
	return true;
#endif
}

/* xfrm_state.c. An unbind waits for this queue, and may itself run on one that
 * memory reclaim depends on, as that of a bond does.
 */
extern struct workqueue_struct *xfrm_gc_wq;

/* xfrm_state.c, with CONFIG_XFRM_MIGRATE */
struct xfrm_state *xfrm_state_clone(struct xfrm_state *orig,
				    struct xfrm_encap_tmpl *encap);

#if IS_ENABLED(CONFIG_KUNIT)
/* Static without KUnit */
int xfrm_packet_flow_record(struct sk_buff *skb, int offset, __be16 protocol,
			    bool by_ports);
void xfrm_dev_unbind(struct net_device *dev, enum xfrm_invalid_reason reason);
void xfrm_policy_unbind_convert(struct xfrm_policy *xp);
void xfrm_replay_adopt(struct xfrm_state *x,
		       const struct xfrm_dev_counters *final);
#endif

#endif /* _XFRM_OFFLOAD_H */
