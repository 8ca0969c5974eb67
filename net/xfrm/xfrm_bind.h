/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _XFRM_BIND_H
#define _XFRM_BIND_H

#include <net/xfrm.h>

/**
 * enum xfrm_bind_stage - who answers for a binding's hardware
 * @XFRM_BIND_NONE: nobody, there is none
 * @XFRM_BIND_BOUND: whoever claims it first
 * @XFRM_BIND_DELETING: the task that deletes the SA or policy, or the device's
 *	work; it runs callbacks of the driver now
 * @XFRM_BIND_DEFERRED: the device's work, or an unbind: whichever comes first
 *	runs the last callbacks of what was deleted, when no packet is on its way
 *	to it any more
 * @XFRM_BIND_UNBINDING: an unbind, for all that is left to do
 * @XFRM_BIND_PARKED: who suspended the device. It is off the hardware, delete
 *	and free have run; the device is still held.
 *
 * The stage changes under xfrm_bind_lock, and each change hands the binding to
 * exactly one owner: no callback of a driver can run twice for one binding, or
 * be forgotten. The last change, to XFRM_BIND_NONE, is the owner's.
 */
enum xfrm_bind_stage {
	XFRM_BIND_NONE,
	XFRM_BIND_BOUND,
	XFRM_BIND_DELETING,
	XFRM_BIND_DEFERRED,
	XFRM_BIND_UNBINDING,
	XFRM_BIND_PARKED,
};

/* Bindings at XFRM_BIND_UNBINDING. Each SA and policy is held. */
struct xfrm_bind_batch {
	struct hlist_head states;
	struct hlist_head policies;
};

/* The device that packets may go through, or NULL. It stays for a grace period:
 * call it, and use what it returns, inside rcu_read_lock().
 */
static inline struct net_device *
xfrm_offload_live_dev(const struct xfrm_dev_offload *xdo)
{
	return READ_ONCE(xdo->live) ? READ_ONCE(xdo->dev) : NULL;
}

bool xfrm_bind_close(struct net_device *dev, enum xfrm_closed why);
void xfrm_bind_open(struct net_device *dev, u8 why);
void xfrm_bind_claim(struct net_device *dev, struct xfrm_bind_batch *batch,
		     struct xfrm_bind_batch *deleted);
void xfrm_bind_end_batch(struct net_device *dev,
			 struct xfrm_bind_batch *deleted);
void xfrm_bind_quiesce(struct net_device *dev);
bool xfrm_bind_claim_state(struct xfrm_state *x, struct xfrm_bind_batch *batch);
void xfrm_bind_park(struct net_device *dev, struct xfrm_bind_batch *batch);
void xfrm_bind_unpark(struct net_device *dev, struct xfrm_bind_batch *batch);
void xfrm_bind_state_again(struct net_device *dev, struct xfrm_state *x);
void xfrm_bind_policy_again(struct net_device *dev, struct xfrm_policy *xp);
void xfrm_bind_release(struct xfrm_dev_offload *xdo);
bool xfrm_bind_on(struct net_device *dev, const struct net_device *lower);
bool xfrm_bind_flush(struct net_device *dev);
void xfrm_bind_claim_deferred(struct xfrm_state *x,
			      struct xfrm_bind_batch *batch);
void xfrm_bind_end_claimed(struct xfrm_bind_batch *batch);

void xfrm_packet_offload_retire(struct net_device *dev, u32 index);
void xfrm_dev_note_use(struct xfrm_state *x, u64 packets);
int xfrm_packet_flow_record(struct sk_buff *skb, int offset, __be16 protocol,
			    bool by_ports);

/* net/xfrm/xfrm_policy.c */
struct xfrm_policy *xfrm_policy_lookup(struct net *net, const struct flowi *fl,
				       u16 family, u8 dir, u32 if_id);

bool xfrm_unbind_carries(const struct xfrm_state *x);
void xfrm_unbind_fence(struct xfrm_state *x, enum xfrm_unbind_reason reason);
void xfrm_unbind_read_state(struct xfrm_state *x);
void xfrm_unbind_stop_state(struct xfrm_state *x);
void xfrm_unbind_stop_policy(struct xfrm_policy *xp);
void xfrm_unbind_batch(struct xfrm_bind_batch *bound,
		       struct xfrm_bind_batch *parked,
		       enum xfrm_unbind_reason reason);

void xfrm_policy_unbind_convert(struct xfrm_policy *xp);
void xfrm_replay_adopt(struct xfrm_state *x,
		       const struct xfrm_dev_counters *final);
void xfrm_state_go_invalid(struct xfrm_state *x, enum xfrm_unbind_reason reason,
			   const struct net_device *dev);
struct xfrm_state *xfrm_state_lookup_exact(struct net *net,
					   const struct xfrm_mark *mark,
					   const xfrm_address_t *daddr,
					   __be32 spi, u8 proto,
					   unsigned short family);
bool xfrm_state_has_twin(const struct xfrm_state *x);
u8 xfrm_state_stands(const struct xfrm_policy *pol, struct xfrm_state *x,
		     const struct flowi *fl, unsigned short family);
void xfrm_unbound_audit(struct xfrm_state *x);
void xfrm_unbound_tell(struct xfrm_state *x);

/* in xfrm_tail.c: how many a netns keeps without an SA */
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

/* If so, what xfrm_state_go_invalid() has recorded is there, too. */
static inline bool xfrm_state_is_invalid(const struct xfrm_state *x)
{
	/* Pairs with the release in xfrm_state_go_invalid(). */
	return smp_load_acquire(&x->km.state) == XFRM_STATE_INVALID;
}

/* What stands for a template, and carries no packet of it, in xfrm_state_find() */
#define XFRM_STANDS		1	/* an optional template blocks */
#define XFRM_STANDS_SOON	2	/* an SA is about to be there */
#define XFRM_STANDS_ELSEWHERE	4	/* on another device, or on none */

/* Packet offload: do policy and SA have the same device? */
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

/* In xfrm_state.c: for what an unbind waits for. It may run on a workqueue that
 * memory reclaim depends on, as that of a bond does.
 */
extern struct workqueue_struct *xfrm_gc_wq;

/* in xfrm_state.c, with CONFIG_XFRM_MIGRATE */
struct xfrm_state *xfrm_state_clone(struct xfrm_state *orig,
				    struct xfrm_encap_tmpl *encap);

#endif /* _XFRM_BIND_H */
