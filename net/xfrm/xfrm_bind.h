/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _XFRM_BIND_H
#define _XFRM_BIND_H

#include <net/xfrm.h>

/**
 * enum xfrm_bind_stage - who answers for a binding's hardware
 * @XFRM_BIND_NONE: nobody, there is none
 * @XFRM_BIND_BOUND: whoever claims it first
 * @XFRM_BIND_DOOMED: the work that runs the driver's delete callback for what
 *	was deleted outbound, when no packet is on its way to it any more
 * @XFRM_BIND_DELETING: a task that deletes the SA or policy; it runs the
 *	driver's delete callback now
 * @XFRM_BIND_DELETED: the last reference to the SA or policy, or an unbind:
 *	whichever comes first runs the driver's free callback
 * @XFRM_BIND_FREEING: that one, now
 * @XFRM_BIND_UNBINDING: an unbind, for all that is left to do
 * @XFRM_BIND_PARKED: who suspended the device. It is off the hardware, delete
 *	and free have run; the device is still held.
 *
 * The stage changes under xfrm_bind_lock only, and each change hands the
 * binding to exactly one owner: no callback of a driver can run twice for one
 * binding, or be forgotten.
 */
enum xfrm_bind_stage {
	XFRM_BIND_NONE,
	XFRM_BIND_BOUND,
	XFRM_BIND_DOOMED,
	XFRM_BIND_DELETING,
	XFRM_BIND_DELETED,
	XFRM_BIND_FREEING,
	XFRM_BIND_UNBINDING,
	XFRM_BIND_PARKED,
};

/* Bindings at XFRM_BIND_UNBINDING. Each SA and policy is held. */
struct xfrm_bind_batch {
	struct hlist_head states;
	struct hlist_head policies;
};

bool xfrm_bind_close(struct net_device *dev, enum xfrm_closed why);
void xfrm_bind_open(struct net_device *dev, u8 why);
void xfrm_bind_claim(struct net_device *dev, struct xfrm_bind_batch *batch);
bool xfrm_bind_claim_state(struct xfrm_state *x, struct xfrm_bind_batch *batch);
void xfrm_bind_park(struct net_device *dev, struct xfrm_bind_batch *batch);
void xfrm_bind_unpark(struct net_device *dev, struct xfrm_bind_batch *batch);
void xfrm_bind_again(struct net_device *dev, struct xfrm_dev_offload *xdo,
		     struct hlist_head *list);
void xfrm_bind_release(struct xfrm_dev_offload *xdo);
void xfrm_bind_reap(struct net_device *dev);
bool xfrm_bind_on(struct net_device *dev, const struct net_device *lower);
bool xfrm_bind_flush_doomed(void);

u32 xfrm_packet_offload_generation(void);
void xfrm_packet_offload_retire(void);

bool xfrm_unbind_carries(const struct xfrm_state *x);
void xfrm_unbind_fence(struct xfrm_state *x, enum xfrm_unbind_reason reason);
void xfrm_unbind_stop_state(struct xfrm_state *x);
void xfrm_unbind_stop_policy(struct xfrm_policy *xp);
void xfrm_unbind_batch(struct xfrm_bind_batch *bound,
		       struct xfrm_bind_batch *parked,
		       enum xfrm_unbind_reason reason);

void xfrm_policy_unbind_convert(struct xfrm_policy *xp);
void xfrm_replay_adopt(struct xfrm_state *x,
		       const struct xfrm_dev_counters *final);
void xfrm_state_go_invalid(struct xfrm_state *x);
void xfrm_unbound_audit(struct xfrm_state *x);
void xfrm_unbound_tell(struct xfrm_state *x);

/* In xfrm_state.c: for what an unbind waits for. It may run on a workqueue that
 * memory reclaim depends on, as that of a bond does.
 */
extern struct workqueue_struct *xfrm_gc_wq;

/* in xfrm_state.c, with CONFIG_XFRM_MIGRATE */
struct xfrm_state *xfrm_state_clone(struct xfrm_state *orig,
				    struct xfrm_encap_tmpl *encap);

#endif /* _XFRM_BIND_H */
