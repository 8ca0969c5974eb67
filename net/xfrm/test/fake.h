/* SPDX-License-Identifier: GPL-2.0 */
/* What the unit tests of net/xfrm share. Each test has one fake device, and
 * uses the tables of init_net.
 */
#ifndef _NET_XFRM_TEST_FAKE_H
#define _NET_XFRM_TEST_FAKE_H

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>

#include "../xfrm_offload.h"

#define HERE		cpu_to_be32(0x0a4b0001)
#define THERE		cpu_to_be32(0x0a4b0002)
#define ELSEWHERE	cpu_to_be32(0x0a4b0003)
#define SPI(n)		cpu_to_be32(0x4b01 + (n))
#define REQID		4711

/* --- the fake device */

/* The device of a test: it counts calls, and does what the test sets here. */
struct fake_device {
	struct net_device *dev;
	int refs;	/* references to it when the test began */

	/* calls */
	int state_add, state_unbind, state_delete, state_free;
	int policy_add, policy_delete, policy_free;

	/* what an addition gets */
	int room, full;	/* if not 0: SAs that fit; the error for one more */
	int refuse, refuse_policy;
	struct net_device *lower;	/* the device below, with its SAs */

	/* what it reports */
	int unbind_says;	/* what xdo_dev_state_unbind returns */
	u64 seq, late;	/* its last number; how many follow until it stops */
	u32 window;	/* the first 32 bits of its replay window */
	u64 bytes, packets;	/* that it counted, when it stops */
	u64 unread;	/* packets that its statistics show next */
	bool shows_numbers;	/* its statistics show @seq and @window */

	struct rcu_gp_oldstate grace;	/* set by the test */
	/* whether @grace had ended when the callback was called */
	bool unbind_drained, delete_drained, free_drained;
	bool unbind_first;	/* xdo_dev_state_unbind before the deletion */
	struct completion freed;	/* by xdo_dev_state_free */

	/* called in its callbacks */
	void (*in_state_add)(struct xfrm_state *x);
	void (*in_state_unbind)(struct xfrm_state *x);
	void (*in_policy_add)(struct xfrm_policy *xp);
};

extern struct fake_device fake;
extern const struct xfrmdev_ops fake_ops;
extern const struct xfrmdev_ops fake_old_ops;

/* init and exit of a suite: the device, to which no reference may be left */
int fake_init(struct kunit *test);
void fake_exit(struct kunit *test);

/* Another device; the test calls free_netdev(). */
struct net_device *fake_netdev(struct kunit *test, const char *name,
			       const struct xfrmdev_ops *ops);

/* For tests that find a device by its index, or stack devices */
void fake_register(struct kunit *test, struct net_device *dev);
void fake_unregister(void);

void fake_unbind(enum xfrm_invalid_reason reason);
void fake_suspend(void);
void fake_restore(void);
void fake_set_features(netdev_features_t features);

void fake_says_broken(struct xfrm_state *x);
void fake_wait_freed(struct kunit *test);

/* --- a second device, whose callbacks wait until it is released */

struct fake_slow {
	struct net_device *dev;
	struct completion entered, go;
	bool back;
};

extern struct fake_slow fake_slow;

void fake_slow_init(struct kunit *test);
void fake_slow_wait(struct kunit *test);
void fake_slow_delete(struct kunit *test);
void fake_slow_release_soon(void);
void fake_slow_exit(void);

/* --- SAs and policies */

struct xfrm_state *fake_state_alloc(struct kunit *test);
void fake_discard(struct xfrm_state *x);
void fake_replay_esn(struct kunit *test, struct xfrm_state *x, u32 window);

static inline int fake_add_state(struct xfrm_state *x,
				 struct netlink_ext_ack *extack)
{
	return xfrm_offload_add(&x->xso_node, &xfrm_offload_states, extack);
}

static inline int fake_add_policy(struct xfrm_policy *xp,
				  struct netlink_ext_ack *extack)
{
	return xfrm_offload_add(&xp->xdo_node, &xfrm_offload_policies, extack);
}

void fake_hold(struct xfrm_dev_offload *xdo, struct net_device *dev, u8 type);
struct xfrm_state *fake_state(struct kunit *test, u8 type);
struct xfrm_state *fake_state_on(struct kunit *test, struct net_device *dev,
				 u8 type);
void fake_drop_state(struct xfrm_state *x);

struct xfrm_policy *fake_policy_alloc(struct kunit *test);
struct xfrm_policy *fake_policy(struct kunit *test);
struct xfrm_policy *fake_policy_on(struct kunit *test, struct net_device *dev);
void fake_drop_policy(struct xfrm_policy *xp);

/* --- SAs in the SAD, and a key manager that counts */

struct fake_km {
	int acquire, expire, hard, update, update_policy;
	void (*at_acquire)(struct kunit *test);
};

extern struct fake_km fake_km;
extern wait_queue_head_t fake_km_told;

/* init and exit of a suite: the device, the key manager, and an empty SAD */
int fake_sad_init(struct kunit *test);
void fake_sad_exit(struct kunit *test);

struct xfrm_state *fake_sad_state(struct kunit *test);
struct xfrm_policy *fake_sad_policy(struct kunit *test);
struct xfrm_state *fake_insert(struct kunit *test, u8 state, u8 type);
struct xfrm_state *fake_real_state_of(struct kunit *test, u16 family,
				      __be32 spi, u32 reqid);
struct xfrm_state *fake_real_state(struct kunit *test, __be32 spi, u32 reqid);
struct xfrm_state *fake_insert_real(struct kunit *test, __be32 spi, u32 reqid,
				    u8 type);
void fake_offload(struct kunit *test, struct xfrm_state *x, u8 type);
struct xfrm_state *fake_lookup(__be32 daddr, __be32 spi);
bool fake_carries(__be32 daddr, __be32 spi);
int fake_count(__be32 spi);

static inline unsigned long fake_mib(int field)
{
	return snmp_fold_field((void __percpu *)init_net.mib.xfrm_statistics,
			       field);
}

/* --- packets */

void fake_put_ip(struct sk_buff *skb, __be16 protocol, u8 next, int len);
void fake_put_packet(struct sk_buff *skb, __be16 protocol);
struct sk_buff *fake_packet_of(struct kunit *test, struct xfrm_state *x,
			       __be16 protocol, bool by_ports);
struct sk_buff *fake_packet(struct kunit *test, struct xfrm_state *x);
struct sk_buff *fake_last_stop(struct sk_buff *skb, struct xfrm_state *x);
struct sk_buff *fake_validate(struct sk_buff *skb);

#endif /* _NET_XFRM_TEST_FAKE_H */
