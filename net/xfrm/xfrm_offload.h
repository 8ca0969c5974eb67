/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of net/xfrm that deal with offload share. */
#ifndef _XFRM_OFFLOAD_H
#define _XFRM_OFFLOAD_H

#include <linux/spinlock.h>
#include <net/xfrm.h>

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

/* Claimed offloads. Each SA and policy is held. */
struct xfrm_offload_batch {
	struct hlist_head states;
	struct hlist_head policies;
};

/* Returns the device that packets may go through, or NULL. Call it and use the
 * device inside rcu_read_lock().
 */
static inline struct net_device *
xfrm_offload_live_dev(const struct xfrm_dev_offload *xdo)
{
	return READ_ONCE(xdo->live) ? READ_ONCE(xdo->dev) : NULL;
}

/* xfrm_offload.c */
extern spinlock_t xfrm_offload_lock;

void __xfrm_offload_exit(struct xfrm_dev_offloads *b);
void xfrm_offload_exit(struct net_device *dev);
void xfrm_offload_release(struct xfrm_dev_offload *xdo);
void xfrm_offload_restore_state(struct net_device *dev, struct xfrm_state *x);
void xfrm_offload_restore_policy(struct net_device *dev,
				 struct xfrm_policy *xp);
void xfrm_dev_note_use(struct xfrm_state *x, u64 packets);

/* xfrm_offload_gc.c */
bool xfrm_offload_flush(struct net_device *dev);
bool xfrm_offload_close(struct net_device *dev, enum xfrm_closed why);
void xfrm_offload_open(struct net_device *dev, u8 why);
void xfrm_offload_claim(struct net_device *dev,
			struct xfrm_offload_batch *batch,
			struct xfrm_offload_batch *deleted);
void xfrm_offload_end_batch(struct net_device *dev,
			    struct xfrm_offload_batch *deleted);
void xfrm_offload_quiesce(struct net_device *dev);
bool xfrm_offload_claim_state(struct xfrm_state *x,
			      struct xfrm_offload_batch *batch);
void xfrm_offload_claim_deferred(struct xfrm_state *x,
				 struct xfrm_offload_batch *batch);
void xfrm_offload_end_claimed(struct xfrm_offload_batch *batch);
void xfrm_offload_suspend(struct net_device *dev,
			  struct xfrm_offload_batch *batch);
void xfrm_offload_take_suspended(struct net_device *dev,
				 struct xfrm_offload_batch *batch);
bool xfrm_offload_on_lower(struct net_device *dev,
			   const struct net_device *lower);

/* xfrm_offload_xmit.c */
void xfrm_packet_offload_retire(struct net_device *dev, u32 index);
int xfrm_packet_flow_record(struct sk_buff *skb, int offset, __be16 protocol,
			    bool by_ports);

/* xfrm_unbind.c */
bool xfrm_unbind_carries(const struct xfrm_state *x);
void xfrm_unbind_fence(struct xfrm_state *x, enum xfrm_invalid_reason reason);
void xfrm_unbind_read_state(struct xfrm_state *x);
void xfrm_unbind_stop_state(struct xfrm_state *x);
void xfrm_unbind_stop_policy(struct xfrm_policy *xp);
void xfrm_unbind_batch(struct xfrm_offload_batch *batch,
		       struct xfrm_offload_batch *suspended,
		       enum xfrm_invalid_reason reason);
void xfrm_policy_unbind_convert(struct xfrm_policy *xp);
void xfrm_replay_adopt(struct xfrm_state *x,
		       const struct xfrm_dev_counters *final);

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
void xfrm_invalid_audit(struct xfrm_state *x);
void xfrm_invalid_tell(struct xfrm_state *x);

/* xfrm_policy.c */
struct xfrm_policy *xfrm_policy_lookup(struct net *net, const struct flowi *fl,
				       u16 family, u8 dir, u32 if_id);

/* xfrm_tail.c; the most that a netns keeps without an SA */
#define XFRM_TAIL_MAX		8192

#ifdef CONFIG_XFRM_OFFLOAD
void xfrm_tail_close(struct xfrm_state *x, bool known);
bool xfrm_tail_waits(const struct xfrm_state *x);
void xfrm_tail_stopped(struct xfrm_state *x);
void xfrm_tail_resumed(struct xfrm_state *x);
int xfrm_tail_is_free(struct xfrm_state *x, struct netlink_ext_ack *extack);
int xfrm_tail_inherit(struct xfrm_state *x, struct xfrm_state *xc,
		      struct netlink_ext_ack *extack);
int xfrm_tail_provide(struct xfrm_state *xc,
		      const struct xfrm_user_offload *xuo);
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

#endif /* _XFRM_OFFLOAD_H */
