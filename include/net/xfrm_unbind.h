/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Offload SAs and policies to a device, and unbind them without a packet in
 * clear. See Documentation/networking/xfrm/xfrm_unbind.rst.
 */
#ifndef _NET_XFRM_UNBIND_H
#define _NET_XFRM_UNBIND_H

#include <linux/if.h>
#include <linux/netdev_features.h>
#include <linux/types.h>
#include <linux/xfrm.h>
#include <net/xfrm_dev_offloads.h>
#include <uapi/linux/xfrm_invalid.h>

struct flowi;
struct net;
struct net_device;
struct netlink_ext_ack;
struct sk_buff;
struct xfrm_dev_offload;
struct xfrm_policy;
struct xfrm_state;
struct xfrm_tail;
struct xfrm_tmpl;
struct xfrm_user_offload;

/**
 * struct xfrm_dev_counters - final numbers of an SA on a device
 * @seq: outbound: the sequence number of the last packet sent; inbound: the
 *	highest one accepted. 64 bits with ESN, otherwise the upper half is 0.
 * @bytes: bytes that the device handled and did not yet report through
 *	xdo_dev_state_update_stats(); the core adds them to the SA's lifetime
 * @packets: packets, counted likewise
 * @window: size of @replay in bits, set by the core: the replay window of an
 *	inbound SA; 0 if there is none
 * @replay: bit n (word n / 32, bit n % 32) is set if @seq - n was received.
 *	Allocated and zeroed by the core.
 */
struct xfrm_dev_counters {
	u64	seq;
	u64	bytes;
	u64	packets;
	u32	window;
	u32	*replay;
};

/**
 * struct xfrm_invalid - why an SA is XFRM_STATE_INVALID
 * @reason: enum xfrm_invalid_reason
 * @exact: the SA's counters are those of the last packet handled; also set for a
 *	suspended SA
 * @migrating: a migration is about to replace it; a packet that needs the SA waits
 * @untold: the key managers are not told: xfrm_state_publish() returns the error
 *	to the caller that adds the SA, or the migration that made it INVALID tells
 *	them if it fails
 * @continues: it was added with the key of an earlier, offloaded SA
 * @held: its expiry is still to come, see net/xfrm/xfrm_invalid_tell.c
 * @told: expiries that came, the last one at @since
 * @blocks: a packet needed it since then
 * @on_list: an expiry is still to come, or to come again
 * @since: jiffies since which it waits
 * @held_node: entry of the list of these
 * @ifindex: index of its last device, or of the one that refused it; 0: none
 * @ifname: name of that device
 * @time: when it became INVALID, in seconds since 1970
 *
 * @tail: the tail of the SA's key, or NULL
 * @tail_node: entry of a list of the tail's table, or of the tail
 * @tail_stage: enum xfrm_tail_stage
 *
 * The members that begin with @tail are described in net/xfrm/xfrm_tail.c. The
 * others are written once under the SA's lock, when the SA becomes INVALID
 * (@exact: when the hardware has stopped), except that a migration changes
 * @migrating and @untold under xfrm_cfg_mutex.
 */
struct xfrm_invalid {
	u8	reason;
	bool	exact;
	bool	migrating;
	bool	untold;
	bool	held;
	u8	told;
	bool	blocks;
	bool	on_list;
	bool	continues;
	u8	tail_stage;
	int	ifindex;
	char	ifname[IFNAMSIZ];
	time64_t		time;
	unsigned long		since;
	struct hlist_node	held_node;
	struct xfrm_tail	*tail;
	struct hlist_node	tail_node;
};

void xfrm_invalid_tell_init(void);
void xfrm_invalid_forget(struct xfrm_state *x);
bool xfrm_invalid_is_new(const struct xfrm_state *x);

#ifdef CONFIG_XFRM_OFFLOAD
int xfrm_offload_add_larval(struct xfrm_state *x,
			    const struct xfrm_policy *pol);
int xfrm_offload_new_sa(struct net *net, struct xfrm_state *x,
			struct xfrm_user_offload *xuo,
			struct netlink_ext_ack *extack);
int xfrm_offload_suits_policy(const struct xfrm_policy *xp, u8 dir,
			      const struct net_device *dev,
			      struct netlink_ext_ack *extack);

void xfrm_dev_leave(struct net_device *dev);
void xfrm_unbind_event(struct net_device *dev, unsigned long event);
void xfrm_dev_features(struct net_device *dev, netdev_features_t features);
void xfrm_dev_suspend(struct net_device *dev);
void xfrm_dev_restore(struct net_device *dev, enum xfrm_invalid_reason reason);
int xfrm_dev_counts_number(const struct net_device *dev);
void xfrm_dev_counts_names(u8 *data);
void xfrm_dev_counts_read(struct net_device *dev, u64 *data);
void xfrm_dev_suspend_hw(struct net_device *dev);
void xfrm_dev_restore_hw(struct net_device *dev);
int xfrm_dev_ready(const struct net_device *dev, struct netlink_ext_ack *extack);
void xfrm_dev_state_invalidate(struct xfrm_state *x,
			       enum xfrm_invalid_reason reason);
void xfrm_dev_state_exhausted(struct xfrm_state *x);
void xfrm_dev_state_now(struct xfrm_state *x,
			const struct xfrm_dev_counters *now);

void xfrm_tail_init(void);
int xfrm_tail_meet(struct xfrm_state *x, const struct xfrm_user_offload *xuo,
		   struct netlink_ext_ack *extack);
void xfrm_tail_copied(struct xfrm_state *x, const struct nlattr *attr,
		      struct netlink_ext_ack *extack);
void xfrm_tail_forget(struct xfrm_state *x);
void xfrm_tail_put(struct xfrm_state *x);

void xfrm_dev_pull_stats(struct xfrm_state *x);
void xfrm_dev_push_esn(struct xfrm_state *x);

int xfrm_packet_offload_mark(struct sk_buff *skb, struct xfrm_state *x);
int xfrm_packet_offload_direct(struct sock *sk, struct sk_buff *skb,
			       struct xfrm_state *x);
struct sk_buff *xfrm_packet_offload_check(struct sk_buff *skb,
					  struct xfrm_state *x);
bool xfrm_packet_offload_requeued(struct sk_buff *skb);
#else
static inline int xfrm_offload_new_sa(struct net *net, struct xfrm_state *x,
				      struct xfrm_user_offload *xuo,
				      struct netlink_ext_ack *extack)
{
	return 0;
}

static inline int xfrm_offload_suits_policy(const struct xfrm_policy *xp,
					    u8 dir,
					    const struct net_device *dev,
					    struct netlink_ext_ack *extack)
{
	return 0;
}

static inline void xfrm_dev_leave(struct net_device *dev)
{
}

static inline void xfrm_unbind_event(struct net_device *dev,
				     unsigned long event)
{
}

static inline void xfrm_dev_features(struct net_device *dev,
				     netdev_features_t features)
{
}

static inline void xfrm_dev_suspend(struct net_device *dev)
{
}

static inline void xfrm_dev_restore(struct net_device *dev,
				    enum xfrm_invalid_reason reason)
{
}

static inline void xfrm_dev_state_invalidate(struct xfrm_state *x,
					     enum xfrm_invalid_reason reason)
{
}

static inline void xfrm_tail_init(void)
{
}

static inline int xfrm_tail_meet(struct xfrm_state *x,
				 const struct xfrm_user_offload *xuo,
				 struct netlink_ext_ack *extack)
{
	return 0;
}

static inline void xfrm_tail_copied(struct xfrm_state *x,
				    const struct nlattr *attr,
				    struct netlink_ext_ack *extack)
{
}

static inline void xfrm_tail_forget(struct xfrm_state *x)
{
}

static inline void xfrm_tail_put(struct xfrm_state *x)
{
}

static inline int xfrm_packet_offload_mark(struct sk_buff *skb,
					   struct xfrm_state *x)
{
	return 0;
}

static inline int xfrm_packet_offload_direct(struct sock *sk,
					     struct sk_buff *skb,
					     struct xfrm_state *x)
{
	return 0;
}

static inline bool xfrm_packet_offload_requeued(struct sk_buff *skb)
{
	return false;
}

static inline int xfrm_dev_counts_number(const struct net_device *dev)
{
	return 0;
}

static inline void xfrm_dev_counts_names(u8 *data)
{
}

static inline void xfrm_dev_counts_read(struct net_device *dev, u64 *data)
{
}
#endif /* CONFIG_XFRM_OFFLOAD */

int xfrm_state_publish(struct xfrm_state *x);
int xfrm_invalid_may_replace(const struct xfrm_state *x,
			     struct xfrm_state **old);
int xfrm_invalid_replace(struct xfrm_state *x, struct xfrm_state *old);
bool xfrm_invalid_says_exact(const struct nlattr *attr);
int xfrm_invalid_accept(int type, const struct nlattr *attr,
			struct netlink_ext_ack *extack);
int xfrm_replay_put(struct sk_buff *skb, struct xfrm_state *x);
void xfrm_invalid_tell_added(struct xfrm_state *x);

#endif /* _NET_XFRM_UNBIND_H */
