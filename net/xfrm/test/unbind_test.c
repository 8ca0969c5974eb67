// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of bindings, of what an unbind does to an SA and a policy, and of
 * the counters that it takes over. The device is a table of callbacks that
 * count.
 */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>
#include <net/xfrm_packet_offload.h>

#include "../xfrm_offload.h"
#include "fake.h"

struct fake_nic {
	int state_add, state_unbind, state_delete, state_free;
	int policy_add, policy_delete, policy_free;
	int room, full;	/* how many SAs, what one more is told */
	int refuse, refuse_policy;
	int unbind_says;
	u64 seq;
	struct rcu_gp_oldstate grace;
	bool drained, delete_drained, free_drained;
	u64 packets;
	struct net_device *lower;
	struct completion freed;
	void (*in_state_add)(struct xfrm_state *x);
	void (*in_policy_add)(struct xfrm_policy *xp);
};

static struct fake_nic nic;

static int fake_state_add(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	if (nic.room && nic.state_add - nic.state_delete >= nic.room)
		return nic.full;
	nic.state_add++;
	if (nic.lower)
		x->xso.real_dev = nic.lower;
	if (nic.in_state_add)
		nic.in_state_add(x);
	return nic.refuse;
}

static void fake_state_delete(struct xfrm_state *x)
{
	nic.state_delete++;
	nic.delete_drained = poll_state_synchronize_rcu_full(&nic.grace);
}

static void fake_state_free(struct xfrm_state *x)
{
	nic.state_free++;
	nic.free_drained = poll_state_synchronize_rcu_full(&nic.grace);
	complete(&nic.freed);
}

static int fake_state_unbind(struct net_device *dev, struct xfrm_state *x,
			     struct xfrm_dev_counters *final)
{
	nic.state_unbind++;
	nic.drained = poll_state_synchronize_rcu_full(&nic.grace);
	final->seq = nic.seq;
	final->bytes = 100;
	final->packets = 1;
	return nic.unbind_says;
}

static void fake_update_stats(struct xfrm_state *x)
{
	x->curlft.packets += nic.packets;
	nic.packets = 0;
}

static int fake_policy_add(struct xfrm_policy *xp,
			   struct netlink_ext_ack *extack)
{
	nic.policy_add++;
	if (nic.in_policy_add)
		nic.in_policy_add(xp);
	return nic.refuse_policy ?: nic.refuse;
}

static void fake_policy_delete(struct xfrm_policy *xp)
{
	nic.policy_delete++;
	nic.delete_drained = poll_state_synchronize_rcu_full(&nic.grace);
}

static void fake_policy_free(struct xfrm_policy *xp)
{
	nic.policy_free++;
}

static const struct xfrmdev_ops fake_ops = {
	.xdo_dev_state_add	= fake_state_add,
	.xdo_dev_state_delete	= fake_state_delete,
	.xdo_dev_state_free	= fake_state_free,
	.xdo_dev_state_unbind	= fake_state_unbind,
	.xdo_dev_state_update_stats = fake_update_stats,
	.xdo_dev_policy_add	= fake_policy_add,
	.xdo_dev_policy_delete	= fake_policy_delete,
	.xdo_dev_policy_free	= fake_policy_free,
};

/* A driver from before xdo_dev_state_unbind */
static const struct xfrmdev_ops fake_old_ops = {
	.xdo_dev_state_add	= fake_state_add,
	.xdo_dev_state_delete	= fake_state_delete,
};

struct offload_ctx {
	struct net_device *dev;
	int refs;
};

static int offload_init(struct kunit *test)
{
	struct offload_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	ctx->dev = fake_nic(test, "fakenic%d", &fake_ops);
	ctx->dev->ifindex = 4711;
	ctx->refs = netdev_refcnt_read(ctx->dev);
	nic = (struct fake_nic){};
	init_completion(&nic.freed);
	test->priv = ctx;

	return 0;
}

static void offload_exit(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;

	xfrm_flush_gc();
	KUNIT_EXPECT_EQ(test, netdev_refcnt_read(ctx->dev), ctx->refs);
	free_netdev(ctx->dev);
}

static void hold_dev(struct xfrm_dev_offload *xdo, struct net_device *dev,
		     u8 type)
{
	xdo->dev = dev;
	xdo->real_dev = dev;
	xdo->type = type;
	xdo->dir = XFRM_DEV_OFFLOAD_OUT;
	netdev_hold(dev, &xdo->dev_tracker, GFP_KERNEL);
}

static struct xfrm_state *new_state(struct kunit *test, u8 type)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);
	x->props.family = AF_INET;
	x->id.proto = IPPROTO_ESP;
	x->km.state = XFRM_STATE_VALID;
	hold_dev(&x->xso, ctx->dev, type);
	KUNIT_ASSERT_EQ(test, xfrm_offload_add_state(x, NULL), 0);

	return x;
}

static void drop_state(struct xfrm_state *x)
{
	struct net_device *dev = x->xso.dev;

	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	if (dev)
		xfrm_offload_flush(dev);
	xfrm_state_put(x);
}

static struct xfrm_policy *new_policy(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_policy *xp = xfrm_policy_alloc(&init_net, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, xp);
	xp->family = AF_INET;
	hold_dev(&xp->xdo, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_ASSERT_EQ(test, xfrm_offload_add_policy(xp, NULL), 0);

	return xp;
}

static void drop_policy(struct xfrm_policy *xp)
{
	struct net_device *dev = xp->xdo.dev;

	xp->walk.dead = 1;
	xfrm_dev_policy_delete(xp);
	if (dev)
		xfrm_offload_flush(dev);
	xfrm_pol_put(xp);
}

static void unbind(struct kunit *test, enum xfrm_invalid_reason reason)
{
	struct offload_ctx *ctx = test->priv;

	rtnl_lock();
	xfrm_dev_unbind(ctx->dev, reason);
	rtnl_unlock();
}

static void switch_feature(struct kunit *test, netdev_features_t features)
{
	struct offload_ctx *ctx = test->priv;

	rtnl_lock();
	xfrm_dev_features(ctx->dev, features);
	rtnl_unlock();
}

static void delete_then_free(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	struct offload_ctx *ctx = test->priv;

	KUNIT_EXPECT_TRUE(test, x->xso.live);
	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	xfrm_dev_state_delete(x);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	xfrm_offload_flush(ctx->dev);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
	KUNIT_EXPECT_EQ(test, nic.state_unbind, 0);
	/* a reference to the SA is none to the device */
	KUNIT_EXPECT_NULL(test, x->xso.dev);
	drop_state(x);
}

static void add_refused_leaves_nothing(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);
	hold_dev(&x->xso, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	nic.refuse = -ENOSPC;
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(x, NULL), -ENOSPC);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	netdev_put(ctx->dev, &x->xso.dev_tracker);
	x->xso.dev = NULL;
	drop_state(x);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 0);
}

static struct xfrm_state *larval_state(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);
	x->km.state = XFRM_STATE_ACQ;
	hold_dev(&x->xso, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	x->xso.flags = XFRM_DEV_OFFLOAD_FLAG_ACQ;

	return x;
}

static void says_broken(struct xfrm_state *x)
{
	xfrm_dev_state_invalidate(x, XFRM_INVALID_DRIVER);
}

/* The driver says so inside its add callback: nobody may find the SA there, and
 * nothing of it is left.
 */
static void add_of_a_broken_sa(struct kunit *test)
{
	static const u8 types[] = {
		XFRM_DEV_OFFLOAD_PACKET, XFRM_DEV_OFFLOAD_CRYPTO,
	};
	struct offload_ctx *ctx = test->priv;
	struct netlink_ext_ack extack = {};
	struct xfrm_state *x;
	int i;

	nic.in_state_add = says_broken;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		x = xfrm_state_alloc(&init_net);
		KUNIT_ASSERT_NOT_NULL(test, x);
		x->km.state = XFRM_STATE_VOID;
		hold_dev(&x->xso, ctx->dev, types[i]);
		KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(x, &extack), -EIO);
		KUNIT_EXPECT_NOT_NULL(test, extack._msg);
		KUNIT_EXPECT_FALSE(test, x->xso.live);
		KUNIT_EXPECT_EQ(test, nic.state_add, i + 1);
		KUNIT_EXPECT_EQ(test, nic.state_delete, i + 1);
		KUNIT_EXPECT_EQ(test, nic.state_free, i + 1);
		netdev_put(ctx->dev, &x->xso.dev_tracker);
		x->xso.dev = NULL;
		drop_state(x);
	}
	/* no callback is thought to be under way */
	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 2);
}

/* That ends what a driver said is broken. */
static void wait_for_the_work(struct kunit *test)
{
	KUNIT_ASSERT_GT(test, wait_for_completion_timeout(&nic.freed, 10 * HZ), 0);
	/* The work ends before it gives RTNL up. */
	rtnl_lock();
	rtnl_unlock();
}

/* One that stands for an ACQUIRE carries nothing: it is added, and the work that
 * waits for RTNL here takes it off the device.
 */
static void add_of_a_broken_larval_sa(struct kunit *test)
{
	struct xfrm_state *x = larval_state(test);

	nic.in_state_add = says_broken;
	rtnl_lock();
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(x, NULL), 0);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 0);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	rtnl_unlock();
	wait_for_the_work(test);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_ACQ);
	drop_state(x);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
}

static void add_refused_while_leaving(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);
	xfrm_dev_leave(ctx->dev);
	unbind(test, XFRM_INVALID_DEV_UNREGISTER);
	hold_dev(&x->xso, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(x, NULL), -ENODEV);
	KUNIT_EXPECT_EQ(test, nic.state_add, 0);

	xfrm_dev_enter(ctx->dev);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(x, NULL), 0);
	drop_state(x);
}

static void unbind_tears_down_once(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	nic.seq = 41;
	nic.packets = 10;
	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_TRUE(test, x->invalid.exact);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 41);
	KUNIT_EXPECT_EQ(test, x->curlft.bytes, 100);
	/* what was not read before, and the one after that */
	KUNIT_EXPECT_EQ(test, x->curlft.packets, 11);
	KUNIT_EXPECT_NULL(test, x->xso.dev);

	unbind(test, XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DEV_DOWN);
	drop_state(x);
	xfrm_flush_gc();
	KUNIT_EXPECT_EQ(test, nic.state_unbind, 1);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
}

/* A device that leaves is set down first. */
static void down_tells_what_is_behind_it(struct kunit *test)
{
	static const enum xfrm_invalid_reason reasons[] = {
		XFRM_INVALID_DEV_DOWN, XFRM_INVALID_DEV_UNREGISTER,
		XFRM_INVALID_DEV_UNREGISTER,
	};
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x;
	int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
		rtnl_lock();
		if (i == 1)
			xfrm_dev_leave(ctx->dev);
		ctx->dev->dismantle = i == 2;
		xfrm_dev_down(ctx->dev);
		ctx->dev->dismantle = false;
		xfrm_dev_enter(ctx->dev);
		rtnl_unlock();
		KUNIT_EXPECT_EQ_MSG(test, x->invalid.reason, reasons[i],
				    "way %d", i);
		drop_state(x);
	}
}

/* Whoever passed a test before the fence is in an RCU read-side section. */
static void unbind_drains_before_it_stops(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	get_state_synchronize_rcu_full(&nic.grace);
	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, nic.state_unbind, 1);
	KUNIT_EXPECT_TRUE(test, nic.drained);
	drop_state(x);
}

static void unbind_without_counters_is_not_exact(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	x->replay.oseq = 7;
	nic.seq = 41;
	nic.unbind_says = -EOPNOTSUPP;
	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_FALSE(test, x->invalid.exact);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 7);
	drop_state(x);
}

static void unbind_of_an_old_driver(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *packet, *crypto;

	ctx->dev->xfrmdev_ops = &fake_old_ops;
	packet = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	crypto = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	crypto->replay.oseq = 9;
	unbind(test, XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 2);
	KUNIT_EXPECT_FALSE(test, packet->invalid.exact);
	KUNIT_EXPECT_TRUE(test, crypto->invalid.exact);
	KUNIT_EXPECT_EQ(test, crypto->replay.oseq, 9);
	KUNIT_EXPECT_TRUE(test, crypto->xso.hw_only);
	drop_state(packet);
	drop_state(crypto);
}

static void unbind_flushes_the_deleted(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);

	xfrm_dev_state_delete(x);
	xfrm_dev_policy_delete(xp);
	unbind(test, XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_EQ(test, nic.state_unbind, 0);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
	KUNIT_EXPECT_EQ(test, nic.policy_free, 1);
	drop_state(x);
	drop_policy(xp);
	xfrm_flush_gc();
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
	KUNIT_EXPECT_EQ(test, nic.policy_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.policy_free, 1);
}

static void unbind_keeps_the_policy(struct kunit *test)
{
	struct xfrm_policy *xp = new_policy(test);

	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_TRUE(test, xp->xdo.type == XFRM_DEV_OFFLOAD_UNSPECIFIED);
	KUNIT_EXPECT_FALSE(test, xp->walk.dead);
	KUNIT_EXPECT_NULL(test, xp->xdo.dev);
	KUNIT_EXPECT_EQ(test, xfrm_policy_may_replace(xp), 0);
	drop_policy(xp);
	KUNIT_EXPECT_EQ(test, nic.policy_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.policy_free, 1);
}

static void unbind_leaves_larval_and_dead_alone(struct kunit *test)
{
	struct xfrm_state *larval = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *dead = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	larval->km.state = XFRM_STATE_ACQ;
	larval->xso.flags = XFRM_DEV_OFFLOAD_FLAG_ACQ;
	dead->km.state = XFRM_STATE_DEAD;
	unbind(test, XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_EQ(test, larval->km.state, XFRM_STATE_ACQ);
	KUNIT_EXPECT_EQ(test, dead->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 2);
	KUNIT_EXPECT_EQ(test, nic.state_free, 2);
	drop_state(larval);
	drop_state(dead);
}

static void unbind_beats_publish(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	x->km.state = XFRM_STATE_VOID;
	unbind(test, XFRM_INVALID_DEV_UNREGISTER);
	xfrm_state_publish(x);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	drop_state(x);
}

static void unbind_takes_all_of_many(struct kunit *test)
{
	struct xfrm_state *x[200];
	int i;

	for (i = 0; i < ARRAY_SIZE(x); i++)
		x[i] = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, nic.state_free, ARRAY_SIZE(x));
	for (i = 0; i < ARRAY_SIZE(x); i++) {
		KUNIT_EXPECT_EQ(test, x[i]->km.state, XFRM_STATE_INVALID);
		drop_state(x[i]);
	}
}

/* What passed the last test before a deletion must find its SA. */
static void delete_drains_before_it_stops(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	get_state_synchronize_rcu_full(&nic.grace);
	drop_state(x);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	KUNIT_EXPECT_TRUE(test, nic.delete_drained);
}

static void deleted_makes_room(struct kunit *test)
{
	static const int full[] = { -ENOSPC, -EEXIST, -EBUSY };
	struct xfrm_state *x, *y;
	int i;

	nic.room = 1;
	for (i = 0; i < ARRAY_SIZE(full); i++) {
		nic.full = full[i];
		x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
		x->km.state = XFRM_STATE_DEAD;
		xfrm_dev_state_delete(x);
		y = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
		drop_state(y);
		xfrm_state_put(x);
	}
}

/* A packet adds it, and may not wait for room. */
static void larval_waits_for_no_room(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *larval = larval_state(test);
	struct offload_ctx *ctx = test->priv;
	int err;

	nic.room = 1;
	nic.full = -ENOSPC;
	x->km.state = XFRM_STATE_DEAD;
	local_bh_disable();
	xfrm_dev_state_delete(x);
	err = xfrm_offload_add_state(larval, NULL);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	if (err)
		netdev_put(ctx->dev, &larval->xso.dev_tracker);
	if (err)
		larval->xso.dev = NULL;
	drop_state(larval);
	drop_state(x);
}

/* No packet is on its way to one. */
static void larval_stops_at_once(struct kunit *test)
{
	struct xfrm_state *larval = larval_state(test);

	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(larval, NULL), 0);
	nic.packets = 3;
	local_bh_disable();
	xfrm_dev_state_delete(larval);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	local_bh_enable();
	/* the driver is asked for nothing that it does not have */
	KUNIT_EXPECT_EQ(test, larval->curlft.packets, 0);
	drop_state(larval);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.state_unbind, 0);
}

/* For the template of an offloaded policy. */
static void larval_that_is_refused(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_policy *xp = new_policy(test);
	struct xfrm_state *x = xfrm_state_alloc(&init_net);
	int refs = netdev_refcnt_read(ctx->dev);

	KUNIT_ASSERT_NOT_NULL(test, x);
	nic.refuse = -ENOSPC;
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_larval(x, xp), -ENOSPC);
	rcu_read_unlock();
	KUNIT_EXPECT_NULL(test, x->xso.dev);
	KUNIT_EXPECT_TRUE(test,
			  x->xso.type == XFRM_DEV_OFFLOAD_UNSPECIFIED);
	KUNIT_EXPECT_EQ(test, netdev_refcnt_read(ctx->dev), refs);

	nic.refuse = 0;
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_larval(x, xp), 0);
	rcu_read_unlock();
	KUNIT_EXPECT_PTR_EQ(test, x->xso.dev, ctx->dev);
	drop_state(x);
	drop_policy(xp);
}

/* One that is registered with esp-hw-offload off. */
static void device_enters_without_the_feature(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);
	hold_dev(&x->xso, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	ctx->dev->features &= ~NETIF_F_HW_ESP;
	xfrm_dev_enter(ctx->dev);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(x, NULL), -EOPNOTSUPP);
	switch_feature(test, NETIF_F_HW_ESP);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(x, NULL), 0);
	drop_state(x);
}

static void delete_inbound_stops_at_once(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	struct offload_ctx *ctx = test->priv;

	x->xso.dir = XFRM_DEV_OFFLOAD_IN;
	x->km.state = XFRM_STATE_DEAD;
	get_state_synchronize_rcu_full(&nic.grace);
	xfrm_dev_state_delete(x);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	xfrm_offload_flush(ctx->dev);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
	KUNIT_EXPECT_TRUE(test, nic.free_drained);
	xfrm_state_put(x);
}

static void feature_off_unbinds_and_refuses(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *y = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, y);
	switch_feature(test, 0);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_FEATURE_OFF);

	hold_dev(&y->xso, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(y, NULL), -EOPNOTSUPP);
	switch_feature(test, NETIF_F_HW_ESP);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(y, NULL), 0);
	drop_state(x);
	drop_state(y);
}

/* XFRM_MSG_DELSA and XFRM_MSG_DELPOLICY are built after the deletion. */
static void deletion_tells_counters_and_device(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);

	nic.packets = 10;
	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	xp->walk.dead = 1;
	xfrm_dev_policy_delete(xp);
	xfrm_offload_flush(ctx->dev);
	KUNIT_EXPECT_EQ(test, x->curlft.packets, 10);
	KUNIT_EXPECT_EQ(test, x->xso.ifindex, ctx->dev->ifindex);
	KUNIT_EXPECT_EQ(test, xp->xdo.ifindex, ctx->dev->ifindex);
	drop_state(x);
	drop_policy(xp);
}

/* Daemons close a tunnel whose last use is long ago, or never was. */
static void counters_that_move_tell_the_last_use(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *crypto = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	time64_t start = ktime_get_real_seconds();

	xfrm_dev_pull_stats(x);
	KUNIT_EXPECT_EQ(test, x->lastused, 0);
	KUNIT_EXPECT_EQ(test, x->curlft.use_time, 0);

	nic.packets = 3;
	xfrm_dev_pull_stats(x);
	KUNIT_EXPECT_GE(test, x->lastused, start);
	KUNIT_EXPECT_GE(test, x->curlft.use_time, start);

	x->lastused = 1;
	x->curlft.use_time = 2;
	xfrm_dev_pull_stats(x);
	KUNIT_EXPECT_EQ(test, x->lastused, 1);
	nic.packets = 1;
	xfrm_dev_pull_stats(x);
	KUNIT_EXPECT_GE(test, x->lastused, start);
	KUNIT_EXPECT_EQ(test, x->curlft.use_time, 2);

	/* Software notes it. */
	nic.packets = 1;
	xfrm_dev_pull_stats(crypto);
	KUNIT_EXPECT_EQ(test, crypto->lastused, 0);

	/* the packet that the device tells last */
	x->lastused = 1;
	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_GE(test, x->lastused, start);
	drop_state(x);
	drop_state(crypto);
}

static void deletion_tells_the_last_use(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	nic.packets = 1;
	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	KUNIT_EXPECT_NE(test, x->lastused, 0);
	drop_state(x);
}

static void invalid_names_no_device(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);

	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, x->xso.ifindex, 0);
	KUNIT_EXPECT_EQ(test, xp->xdo.ifindex, 0);
	drop_state(x);
	drop_policy(xp);
}

/* A device whose delete callback does not come back until it is let go. */
static struct {
	struct net_device *dev;
	struct completion entered, go;
	bool back;
} slow;

static void slow_wait(void)
{
	complete(&slow.entered);
	wait_for_completion_timeout(&slow.go, 20 * HZ);
	slow.back = true;
}

static void slow_state_delete(struct xfrm_state *x)
{
	slow_wait();
}

static int slow_state_add(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	if (nic.lower)
		slow_wait();
	return fake_state_add(x, extack);
}

static void slow_policy_delete(struct xfrm_policy *xp)
{
	slow_wait();
}

static const struct xfrmdev_ops slow_ops = {
	.xdo_dev_state_add	= slow_state_add,
	.xdo_dev_state_delete	= slow_state_delete,
	.xdo_dev_policy_add	= fake_policy_add,
	.xdo_dev_policy_delete	= slow_policy_delete,
};

static void slow_init(struct kunit *test)
{
	init_completion(&slow.entered);
	init_completion(&slow.go);
	slow.back = false;
	slow.dev = fake_nic(test, "slownic%d", &slow_ops);
}

static void slow_exit(void)
{
	complete_all(&slow.go);
	xfrm_offload_flush(slow.dev);
	free_netdev(slow.dev);
}

static struct xfrm_state *new_state_on(struct kunit *test,
				       struct net_device *dev)
{
	struct offload_ctx *ctx = test->priv;
	struct net_device *own = ctx->dev;
	struct xfrm_state *x;

	ctx->dev = dev;
	x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	ctx->dev = own;

	return x;
}

static void slow_delete(struct kunit *test)
{
	struct xfrm_state *x = new_state_on(test, slow.dev);

	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	xfrm_state_put(x);
	KUNIT_ASSERT_GT(test, wait_for_completion_timeout(&slow.entered, 10 * HZ),
			0);
}

static void unbind_waits_for_no_other_device(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);

	slow_init(test);
	slow_delete(test);
	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	xp->walk.dead = 1;
	xfrm_dev_policy_delete(xp);
	get_state_synchronize_rcu_full(&nic.grace);
	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_FALSE(test, slow.back);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
	KUNIT_EXPECT_EQ(test, nic.policy_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.policy_free, 1);
	xfrm_state_put(x);
	xfrm_pol_put(xp);
	slow_exit();
}

static void deletion_waits_for_no_other_device(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	slow_init(test);
	slow_delete(test);
	drop_state(x);
	KUNIT_EXPECT_FALSE(test, slow.back);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
	slow_exit();
}

static void slow_go(struct work_struct *work)
{
	complete_all(&slow.go);
}

static DECLARE_DELAYED_WORK(slow_go_work, slow_go);

/* Nothing of the driver's may run when the device goes. */
static void unbind_waits_for_its_own_callbacks(struct kunit *test)
{
	slow_init(test);
	slow_delete(test);
	schedule_delayed_work(&slow_go_work, HZ / 10);
	rtnl_lock();
	xfrm_dev_unbind(slow.dev, XFRM_INVALID_DEV_UNREGISTER);
	rtnl_unlock();
	KUNIT_EXPECT_TRUE(test, slow.back);
	flush_delayed_work(&slow_go_work);
	slow_exit();
}

/* What no device does, whatever its driver says. */
struct suit_param {
	const char *name;
	u16 inner, outer;
	u8 dir, mode;
	int err;
};

static const struct suit_param suit_params[] = {
	{ "IPv4 in IPv4", AF_INET, AF_INET, XFRM_DEV_OFFLOAD_OUT,
	  XFRM_MODE_TUNNEL, 0 },
	{ "IPv6 in IPv6, inbound", AF_INET6, AF_INET6, XFRM_DEV_OFFLOAD_IN,
	  XFRM_MODE_TUNNEL, 0 },
	{ "IPv4 in IPv6", AF_INET, AF_INET6, XFRM_DEV_OFFLOAD_OUT,
	  XFRM_MODE_TUNNEL, -EOPNOTSUPP },
	{ "IPv6 in IPv4, inbound", AF_INET6, AF_INET, XFRM_DEV_OFFLOAD_IN,
	  XFRM_MODE_TUNNEL, -EOPNOTSUPP },
	{ "IPv6 in IPv4, BEET", AF_INET6, AF_INET, XFRM_DEV_OFFLOAD_OUT,
	  XFRM_MODE_BEET, -EOPNOTSUPP },
};

KUNIT_ARRAY_PARAM_DESC(suit, suit_params, name);

static void only_what_works_is_taken(struct kunit *test)
{
	const struct suit_param *p = test->param_value;
	struct offload_ctx *ctx = test->priv;
	struct netlink_ext_ack extack = {};
	struct xfrm_policy *xp;
	struct xfrm_state *x;
	char *name = ctx->dev->name;

	x = xfrm_state_alloc(&init_net);
	KUNIT_ASSERT_NOT_NULL(test, x);
	x->sel.family = p->inner;
	x->props.family = p->outer;
	x->props.mode = p->mode;
	x->km.state = XFRM_STATE_VALID;
	hold_dev(&x->xso, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	x->xso.dir = p->dir;
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(x, &extack), p->err);
	KUNIT_EXPECT_EQ(test, nic.state_add, !p->err);
	if (p->err) {
		KUNIT_EXPECT_NOT_NULL(test, extack._msg);
		KUNIT_EXPECT_NOT_NULL(test, strstr(extack._msg ?: "", name));
		xfrm_offload_release(&x->xso);
	}
	drop_state(x);

	xp = xfrm_policy_alloc(&init_net, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, xp);
	xp->family = p->inner;
	xp->xfrm_nr = 1;
	xp->xfrm_vec[0].encap_family = p->outer;
	xp->xfrm_vec[0].mode = p->mode;
	hold_dev(&xp->xdo, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	xp->xdo.dir = p->dir;
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_policy(xp, NULL), p->err);
	KUNIT_EXPECT_EQ(test, nic.policy_add, !p->err);
	if (p->err)
		xfrm_offload_release(&xp->xdo);
	drop_policy(xp);
}

/* Software and crypto offload do all of it, and a selector need not say. */
static void what_software_does_is_taken(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x;
	int i;

	for (i = 0; i < 2; i++) {
		x = xfrm_state_alloc(&init_net);
		KUNIT_ASSERT_NOT_NULL(test, x);
		x->sel.family = i ? AF_UNSPEC : AF_INET;
		x->props.family = AF_INET6;
		x->props.mode = XFRM_MODE_TUNNEL;
		x->km.state = XFRM_STATE_VALID;
		hold_dev(&x->xso, ctx->dev, i ? XFRM_DEV_OFFLOAD_PACKET :
						XFRM_DEV_OFFLOAD_CRYPTO);
		x->xso.dir = XFRM_DEV_OFFLOAD_IN;
		KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(x, NULL), 0);
		drop_state(x);
	}
}

static struct kunit_case offload_cases[] = {
	KUNIT_CASE_PARAM(only_what_works_is_taken, suit_gen_params),
	KUNIT_CASE(what_software_does_is_taken),
	KUNIT_CASE(delete_then_free),
	KUNIT_CASE(add_refused_leaves_nothing),
	KUNIT_CASE(add_of_a_broken_sa),
	KUNIT_CASE(add_of_a_broken_larval_sa),
	KUNIT_CASE(add_refused_while_leaving),
	KUNIT_CASE(unbind_tears_down_once),
	KUNIT_CASE(down_tells_what_is_behind_it),
	KUNIT_CASE(unbind_drains_before_it_stops),
	KUNIT_CASE(unbind_without_counters_is_not_exact),
	KUNIT_CASE(unbind_of_an_old_driver),
	KUNIT_CASE(unbind_flushes_the_deleted),
	KUNIT_CASE(unbind_keeps_the_policy),
	KUNIT_CASE(unbind_leaves_larval_and_dead_alone),
	KUNIT_CASE(unbind_beats_publish),
	KUNIT_CASE(unbind_takes_all_of_many),
	KUNIT_CASE(delete_drains_before_it_stops),
	KUNIT_CASE(deleted_makes_room),
	KUNIT_CASE(larval_waits_for_no_room),
	KUNIT_CASE(larval_stops_at_once),
	KUNIT_CASE(larval_that_is_refused),
	KUNIT_CASE(device_enters_without_the_feature),
	KUNIT_CASE(delete_inbound_stops_at_once),
	KUNIT_CASE(feature_off_unbinds_and_refuses),
	KUNIT_CASE(deletion_tells_counters_and_device),
	KUNIT_CASE(counters_that_move_tell_the_last_use),
	KUNIT_CASE(deletion_tells_the_last_use),
	KUNIT_CASE(invalid_names_no_device),
	KUNIT_CASE(unbind_waits_for_no_other_device),
	KUNIT_CASE(deletion_waits_for_no_other_device),
	KUNIT_CASE(unbind_waits_for_its_own_callbacks),
	{}
};

static struct kunit_suite offload_suite = {
	.name = "xfrm_offload",
	.init = offload_init,
	.exit = offload_exit,
	.test_cases = offload_cases,
};

/* Ethernet, IP and the ports of UDP. */
static void put_headers(struct sk_buff *skb, __be16 protocol)
{
	struct ethhdr *eth;
	struct ipv6hdr *ip6h;
	struct iphdr *iph;
	__be16 *ports;

	skb_reserve(skb, 64);
	eth = skb_put_zero(skb, sizeof(*eth));
	eth_zero_addr(eth->h_dest);
	eth->h_source[0] = 2;
	eth->h_proto = protocol;
	skb->protocol = protocol;
	skb_set_network_header(skb, ETH_HLEN);
	if (protocol == htons(ETH_P_IP)) {
		iph = skb_put_zero(skb, sizeof(*iph));
		iph->version = 4;
		iph->ihl = 5;
		iph->tot_len = htons(sizeof(*iph) + 8);
		iph->protocol = IPPROTO_UDP;
		iph->saddr = htonl(0x0a010001);
		iph->daddr = htonl(0x0a020001);
	} else {
		ip6h = skb_put_zero(skb, sizeof(*ip6h));
		ip6h->version = 6;
		ip6h->payload_len = htons(8);
		ip6h->nexthdr = IPPROTO_UDP;
		ip6h->saddr.s6_addr[15] = 1;
		ip6h->daddr.s6_addr[15] = 2;
	}
	ports = skb_put_zero(skb, 8);
	ports[0] = htons(1000);
	ports[1] = htons(2000);
}

/* A packet on its way to the hardware, as xfrm_packet_offload_mark() leaves it */
static struct sk_buff *marked_packet_of(struct kunit *test,
					struct xfrm_state *x, __be16 protocol,
					bool by_ports)
{
	struct offload_ctx *ctx = test->priv;
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct sec_path *sp;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	put_headers(skb, protocol);
	skb->dev = ctx->dev;
	sp = secpath_set(skb);
	KUNIT_ASSERT_NOT_NULL(test, sp);
	sp->olen++;
	sp->xvec[sp->len++] = x;
	xfrm_state_hold(x);
	xfrm_offload(skb)->seq.low = ctx->dev->xfrm_offloads.generation;
	KUNIT_ASSERT_EQ(test, 0, xfrm_packet_flow_record(skb, ETH_HLEN,
							 protocol, by_ports));

	return skb;
}

static struct sk_buff *marked_packet(struct kunit *test, struct xfrm_state *x)
{
	return marked_packet_of(test, x, htons(ETH_P_IP), false);
}

static struct sk_buff *last_stop(struct sk_buff *skb, struct xfrm_state *x)
{
	rcu_read_lock_bh();
	skb = xfrm_packet_offload_check(skb, x);
	rcu_read_unlock_bh();

	return skb;
}

static void packet_of_a_valid_sa_passes(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);

	skb->next = marked_packet(test, x);
	KUNIT_EXPECT_TRUE(test, x->xso.hw_only);
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	KUNIT_EXPECT_NULL(test, xfrm_offload(skb));
	KUNIT_EXPECT_NULL(test, xfrm_offload(skb->next));
	kfree_skb_list(skb);
	drop_state(x);
}

static void packet_of_an_invalid_sa_dies(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);

	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	drop_state(x);
}

static void packet_of_a_deleted_sa_dies(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);

	x->km.state = XFRM_STATE_DEAD;
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	drop_state(x);
}

static void packet_at_the_wrong_device_dies(struct kunit *test)
{
	struct net_device *other = alloc_netdev(0, "other%d", NET_NAME_UNKNOWN,
						ether_setup);
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);

	KUNIT_ASSERT_NOT_NULL(test, other);
	skb->dev = other;
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	free_netdev(other);
	drop_state(x);
}

/* A VLAN leads to the device below it. Not to another one, which may have a VLAN
 * of that number, too.
 */
static void packet_at_a_vlan_of_its_device_passes(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct net_device *below[2], *vlan[2];
	struct sk_buff *skb;
	int i;

	below[0] = ctx->dev;
	below[1] = fake_nic(test, "other%d", &fake_ops);
	for (i = 0; i < 2; i++) {
		vlan[i] = alloc_netdev(sizeof(struct vlan_dev_priv), "vlan%d",
				       NET_NAME_UNKNOWN, ether_setup);
		KUNIT_ASSERT_NOT_NULL(test, vlan[i]);
		fake_nic_register(test, below[i]);
		fake_nic_register(test, vlan[i]);
		rtnl_lock();
		KUNIT_ASSERT_EQ(test,
				netdev_upper_dev_link(below[i], vlan[i], NULL),
				0);
		rtnl_unlock();
		vlan_dev_priv(vlan[i])->real_dev = below[i];
		vlan_dev_priv(vlan[i])->vlan_proto = htons(ETH_P_8021Q);
		vlan_dev_priv(vlan[i])->vlan_id = 100;
		vlan[i]->priv_flags |= IFF_802_1Q_VLAN;

		skb = marked_packet(test, x);
		skb->dev = vlan[i];
		skb = last_stop(skb, x);
		KUNIT_EXPECT_EQ(test, !skb, i);
		/* the device below asks again */
		if (skb)
			KUNIT_EXPECT_NOT_NULL(test, xfrm_offload(skb));
		kfree_skb(skb);

		/* the notifiers of an unregistration would take it for one of theirs */
		vlan[i]->priv_flags &= ~IFF_802_1Q_VLAN;
	}
	/* nor does a device lead on that is neither VLAN nor bridge nor bond */
	skb = marked_packet(test, x);
	skb->dev = vlan[0];
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));

	drop_state(x);
	for (i = 0; i < 2; i++) {
		rtnl_lock();
		netdev_upper_dev_unlink(below[i], vlan[i]);
		rtnl_unlock();
		unregister_netdev(vlan[i]);
		free_netdev(vlan[i]);
		unregister_netdev(below[i]);
	}
	free_netdev(below[1]);
	ctx->refs = netdev_refcnt_read(ctx->dev);
}

/* The device transforms it last: what is to be done after that, it cannot do. */
static void packet_of_nested_sas_dies(struct kunit *test)
{
	static struct dst_ops ops = { .family = AF_INET };
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_dst *bundle, *child;
	struct sk_buff *skb;
	int nested;

	bundle = kunit_kzalloc(test, sizeof(*bundle), GFP_KERNEL);
	child = kunit_kzalloc(test, sizeof(*child), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bundle);
	KUNIT_ASSERT_NOT_NULL(test, child);
	/* the bundle is the test's: no reference is the last */
	rcuref_init(&bundle->u.dst.__rcuref, 100);
	bundle->u.dst.ops = &ops;
	bundle->u.dst.xfrm = x;
	bundle->child = &child->u.dst;
	child->u.dst.dev = ctx->dev;
	for (nested = 0; nested < 2; nested++) {
		skb = alloc_skb(256, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		put_headers(skb, htons(ETH_P_IP));
		child->u.dst.xfrm = nested ? x : NULL;
		skb_dst_set(skb, &bundle->u.dst);
		if (nested) {
			KUNIT_EXPECT_EQ(test, xfrm_packet_offload_mark(skb, x),
					-EHOSTUNREACH);
		} else {
			KUNIT_EXPECT_EQ(test, xfrm_packet_offload_mark(skb, x),
					0);
			KUNIT_EXPECT_NOT_NULL(test, xfrm_offload(skb));
			kfree_skb(skb);
		}
	}
	drop_state(x);
}

static void queued_crypto_packet_dies(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = marked_packet(test, x);

	KUNIT_EXPECT_FALSE(test, x->xso.hw_only);
	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_TRUE(test, x->xso.hw_only);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	drop_state(x);
}

/* The device may be live again when a packet that saw the fence gets there. */
static void crypto_packet_that_saw_the_fence_dies(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = marked_packet(test, x);

	x->xso.hw_only = 1;
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	x->xso.hw_only = 0;
	drop_state(x);
}

static struct sk_buff *validated(struct sk_buff *skb)
{
	bool again = false;

	rcu_read_lock_bh();
	skb = validate_xmit_xfrm(skb, 0, &again);
	rcu_read_unlock_bh();

	return skb;
}

/* --- devices without a queue: __dev_queue_xmit() passes no @again */

static void sender_without_a_queue_hears(struct kunit *test)
{
	static const u8 types[] = {
		XFRM_DEV_OFFLOAD_PACKET, XFRM_DEV_OFFLOAD_CRYPTO,
	};
	struct xfrm_state *x;
	struct sk_buff *skb;
	int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		x = new_state(test, types[i]);
		skb = marked_packet(test, x);
		unbind(test, XFRM_INVALID_DEV_DOWN);
		rcu_read_lock_bh();
		skb = validate_xmit_xfrm(skb, 0, NULL);
		rcu_read_unlock_bh();
		KUNIT_EXPECT_EQ(test, PTR_ERR(skb), -EHOSTUNREACH);
		drop_state(x);
	}
}

static struct sk_buff *crypto_has;

static int async_xmit(struct xfrm_state *x, struct sk_buff *skb,
		      netdev_features_t features)
{
	crypto_has = skb;
	return -EINPROGRESS;
}

static const struct xfrm_type_offload async_offload = { .xmit = async_xmit };

/* What waits for another driver is no reason to send a packet as it is. */
static void backlog_without_a_queue(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = marked_packet(test, x), *back;
	struct sk_buff *waits = alloc_skb(64, GFP_KERNEL);
	struct offload_ctx *ctx = test->priv;
	struct sk_buff_head *backlog;
	bool again = false;

	KUNIT_ASSERT_NOT_NULL(test, waits);
	x->type_offload = &async_offload;
	crypto_has = NULL;

	rcu_read_lock_bh();
	backlog = &this_cpu_ptr(&softnet_data)->xfrm_backlog;
	skb_queue_tail(backlog, waits);
	back = validate_xmit_xfrm(skb, 0, &again);
	KUNIT_EXPECT_PTR_EQ(test, back, skb);
	KUNIT_EXPECT_TRUE(test, again);
	KUNIT_EXPECT_NULL(test, crypto_has);
	back = validate_xmit_xfrm(skb, 0, NULL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(back), -EINPROGRESS);
	KUNIT_EXPECT_PTR_EQ(test, crypto_has, skb);
	skb_unlink(waits, backlog);
	rcu_read_unlock_bh();

	kfree_skb(waits);
	/* xfrm_dev_resume() would: of the device that crypto comes back to */
	if (crypto_has)
		__dev_put(ctx->dev);
	kfree_skb(skb);
	x->type_offload = NULL;
	drop_state(x);
}

/* By an ordinary deletion, or a rekey: the hardware is about to forget it, and
 * the packet's payload is clear. It has its ESP header already.
 */
static void queued_crypto_packet_of_a_deleted_sa_dies(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = marked_packet(test, x);
	struct sk_buff *late = marked_packet(test, x);

	xfrm_offload(skb)->flags |= XFRM_XMIT;
	xfrm_offload(late)->flags |= XFRM_XMIT;
	KUNIT_EXPECT_PTR_EQ(test, validated(skb), skb);

	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	KUNIT_EXPECT_TRUE(test, x->xso.hw_only);
	KUNIT_EXPECT_NULL(test, validated(skb));
	xfrm_offload_flush(ctx->dev);
	KUNIT_EXPECT_NULL(test, validated(late));
	xfrm_state_put(x);
}

/* The SA is where it was; the packet is not. */
static void crypto_packet_at_the_wrong_device_dies(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct net_device *other = fake_nic(test, "other%d", &fake_ops);
	struct xfrm_state *x;
	struct sk_buff *skb;

	nic.lower = fake_nic(test, "lower%d", &fake_ops);
	x = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	skb = marked_packet(test, x);
	xfrm_offload(skb)->flags |= XFRM_XMIT;
	KUNIT_EXPECT_PTR_EQ(test, validated(skb), skb);
	skb->dev = nic.lower;
	KUNIT_EXPECT_PTR_EQ(test, validated(skb), skb);
	KUNIT_EXPECT_FALSE(test, x->xso.hw_only);
	skb->dev = other;
	KUNIT_EXPECT_NULL(test, validated(skb));

	/* the SA has moved to the next slave, where it is offloaded again */
	skb = marked_packet(test, x);
	xfrm_offload(skb)->flags |= XFRM_XMIT;
	skb->dev = nic.lower;
	rtnl_lock();
	xfrm_dev_suspend(ctx->dev);
	swap(nic.lower, other);
	xfrm_dev_restore(ctx->dev, XFRM_INVALID_SLAVE_LOST);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_NULL(test, validated(skb));
	drop_state(x);
	free_netdev(nic.lower);
	free_netdev(other);
}

/* Its SA lives on, but hardware without the policy sends the packet as it is. */
static void packet_of_a_deleted_policy_dies(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);
	struct sk_buff *skb = marked_packet(test, x);

	get_state_synchronize_rcu_full(&nic.grace);
	drop_policy(xp);
	KUNIT_EXPECT_TRUE(test, nic.delete_drained);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	drop_state(x);
}

/* @n policies, whose indices are @from and what follows. */
static void delete_policies(struct kunit *test, u32 from, u32 n)
{
	struct xfrm_policy *xp;

	while (n--) {
		xp = new_policy(test);
		xp->index = from++;
		drop_policy(xp);
	}
}

static const struct deletion_param {
	const char *name;
	u32 index, from, n;
	bool dies;
} deletion_params[] = {
	{ "another policy", 1, 2, 1, false },
	{ "its policy", 1, 1, 1, true },
	{ "its policy first", 1, 1, XFRM_OFFLOADS_RETIRED - 1, true },
	{ "its policy last", 30, 30 - (XFRM_OFFLOADS_RETIRED - 2),
	  XFRM_OFFLOADS_RETIRED - 1, true },
	{ "others, as many as are known", 1, 2, XFRM_OFFLOADS_RETIRED - 1,
	  false },
	{ "others, more than are known", 1, 2, XFRM_OFFLOADS_RETIRED, true },
	{ "others, many more", 1, 2, 3 * XFRM_OFFLOADS_RETIRED + 1, true },
	{ "policy unknown", 0, 2, 1, true },
};

KUNIT_ARRAY_PARAM_DESC(deletion, deletion_params, name);

static void deletion_drops_what_it_concerns(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	const struct deletion_param *p = test->param_value;
	u32 shift = p - deletion_params;
	struct sk_buff *skb, *passed;

	/* Wherever the record begins. */
	delete_policies(test, 100, 5 * shift);
	skb = marked_packet(test, x);
	xfrm_offload(skb)->seq.hi = p->index;
	delete_policies(test, p->from, p->n);
	passed = last_stop(skb, x);
	KUNIT_EXPECT_EQ(test, !passed, p->dies);
	kfree_skb(passed);
	drop_state(x);
}

/* The name may be given again: later packets are of the new one. */
static void deletion_before_the_mark_drops_nothing(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb;

	delete_policies(test, 1, 3);
	skb = marked_packet(test, x);
	xfrm_offload(skb)->seq.hi = 2;
	delete_policies(test, 3, 1);
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	kfree_skb(skb);
	drop_state(x);
}

static void deletion_on_another_device_drops_nothing(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct net_device *own = ctx->dev;
	struct net_device *other = alloc_netdev(0, "other%d", NET_NAME_UNKNOWN,
						ether_setup);
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);
	struct xfrm_policy *xp;

	KUNIT_ASSERT_NOT_NULL(test, other);
	other->xfrmdev_ops = &fake_ops;
	ctx->dev = other;
	xp = new_policy(test);
	ctx->dev = own;
	drop_policy(xp);
	KUNIT_EXPECT_EQ(test, nic.policy_free, 1);
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	kfree_skb(skb);
	drop_state(x);
	free_netdev(other);
}

/* What a daemon does with XFRM_MSG_UPDPOLICY when it rekeys. */
static void replaced_policy_drops_nothing(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test), *by = new_policy(test);
	struct sk_buff *skb = marked_packet(test, x);

	by->xfrm_nr = 1;
	xfrm_dev_policy_replaced(xp, by);
	drop_policy(xp);
	KUNIT_EXPECT_EQ(test, nic.policy_free, 1);
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	kfree_skb(skb);

	/* what blocks sends nothing either */
	skb = marked_packet(test, x);
	xp = by;
	by = new_policy(test);
	by->action = XFRM_POLICY_BLOCK;
	xfrm_dev_policy_replaced(xp, by);
	drop_policy(xp);
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	kfree_skb(skb);

	skb = marked_packet(test, x);
	drop_policy(by);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	drop_state(x);
}

/* It protects nothing that leaves. */
static void deleted_inbound_policy_drops_nothing(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);
	struct sk_buff *skb = marked_packet(test, x);

	xp->xdo.dir = XFRM_DEV_OFFLOAD_IN;
	drop_policy(xp);
	KUNIT_EXPECT_EQ(test, nic.policy_free, 1);
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	kfree_skb(skb);
	drop_state(x);
}

/* By one of another device. */
static void policy_replaced_on_another_device(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct net_device *own = ctx->dev;
	struct net_device *other = fake_nic(test, "other%d", &fake_ops);
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test), *by;
	struct sk_buff *skb = marked_packet(test, x);

	ctx->dev = other;
	by = new_policy(test);
	ctx->dev = own;
	by->xfrm_nr = 1;
	xfrm_dev_policy_replaced(xp, by);
	drop_policy(xp);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	drop_policy(by);
	drop_state(x);
	free_netdev(other);
}

/* By one that lets packets pass as they are, or that the hardware has not. */
static void policy_replaced_by_another_kind(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test), *by = new_policy(test);
	struct sk_buff *skb = marked_packet(test, x);

	xfrm_dev_policy_replaced(xp, by);
	drop_policy(xp);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));

	skb = marked_packet(test, x);
	xp = xfrm_policy_alloc(&init_net, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, xp);
	xp->xfrm_nr = 1;
	xfrm_dev_policy_replaced(by, xp);
	drop_policy(by);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	xp->walk.dead = 1;
	xfrm_policy_destroy(xp);
	drop_state(x);
}

/* A copy of a packet shares its mark, and may go to another device. */
static void copy_of_a_packet_keeps_its_mark(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);
	struct sk_buff *copy = skb_clone(skb, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	KUNIT_EXPECT_NULL(test, xfrm_offload(skb));
	KUNIT_EXPECT_NOT_NULL(test, xfrm_offload(copy));
	kfree_skb(skb);
	kfree_skb(copy);
	drop_state(x);
}

static void requeued_packet_is_tested_again(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);

	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	KUNIT_EXPECT_TRUE(test, xfrm_packet_offload_requeued(skb));
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	KUNIT_EXPECT_TRUE(test, xfrm_packet_offload_requeued(skb));
	unbind(test, XFRM_INVALID_FEATURE_OFF);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	drop_state(x);
}

/* It has passed esp_xmit(), which is not asked twice: the flag says so. It may
 * wait in the queue of a bond's slave all the same.
 */
static void queued_crypto_packet_dies_below_a_bond(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = marked_packet(test, x);

	xfrm_offload(skb)->flags |= XFRM_XMIT;
	KUNIT_EXPECT_TRUE(test, xfrm_packet_offload_requeued(skb));
	KUNIT_EXPECT_PTR_EQ(test, validated(skb), skb);
	unbind(test, XFRM_INVALID_FEATURE_OFF);
	KUNIT_EXPECT_NULL(test, validated(skb));
	drop_state(x);
}

static const __be16 packet_protocols[] = {
	htons(ETH_P_IP),
	htons(ETH_P_IPV6),
};

/* Does a packet pass of which @len octets at @at are other ones? */
static bool passes_with(struct kunit *test, struct xfrm_state *x,
			__be16 protocol, int at, int len, const void *octets)
{
	struct sk_buff *skb = marked_packet_of(test, x, protocol, false);

	memcpy(skb->data + at, octets, len);
	skb = last_stop(skb, x);
	kfree_skb(skb);

	return skb;
}

/* What hardware compares is what the policy was found for. */
static void changed_packet_dies(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	const u8 other[] = { 99, 88 };

	static const struct {
		int at[2];
		bool passes;
	} cases[] = {
		{ { 12, 8 } },		/* the first of the source */
		{ { 15, 23 } },		/* the last of it */
		{ { 16, 24 } },		/* the first of the destination */
		{ { 19, 39 } },		/* the last of it */
		{ { 9, 6 } },		/* protocol */
		{ { 20, 40 } },		/* source port */
		{ { 23, 43 } },		/* destination port */
		{ { 2, 4 } },		/* the first of the length */
		{ { 3, 5 } },		/* the last of it */
		{ { 8, 7 }, true },	/* TTL, hop limit */
		{ { 4, 1 }, true },	/* ID, flow label */
		{ { 25, 45 }, true },	/* length of UDP */
	};
	int i, v6;

	for (v6 = 0; v6 < 2; v6++)
		for (i = 0; i < ARRAY_SIZE(cases); i++)
			KUNIT_EXPECT_EQ_MSG(test, cases[i].passes,
					    passes_with(test, x,
							packet_protocols[v6],
							ETH_HLEN +
							cases[i].at[v6], 1,
							other),
					    "v6 %d, case %d", v6, i);
	drop_state(x);
}

/* Hardware looks behind one tag, which it writes itself. */
static void hidden_packet_dies(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	static const u8 bare[ETH_HLEN];
	__be16 mpls = htons(ETH_P_MPLS_UC);
	struct sk_buff *skb;
	__be16 protocol;
	int i;

	for (i = 0; i < ARRAY_SIZE(packet_protocols); i++) {
		protocol = packet_protocols[i];
		KUNIT_EXPECT_FALSE(test, passes_with(test, x, protocol, 12, 2,
						     &mpls));
		KUNIT_EXPECT_FALSE(test, passes_with(test, x, protocol, 12, 2,
						     bare));
		KUNIT_EXPECT_FALSE(test, passes_with(test, x, protocol, 0,
						     ETH_HLEN, bare));

		skb = marked_packet_of(test, x, protocol, false);
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), 5);
		KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
		kfree_skb(skb);

		skb = marked_packet_of(test, x, protocol, false);
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021AD), 5);
		KUNIT_EXPECT_NULL(test, last_stop(skb, x));

		skb = marked_packet_of(test, x, protocol, false);
		skb_reset_mac_header(skb);
		skb = vlan_insert_tag_set_proto(skb, htons(ETH_P_8021Q), 5);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	}
	drop_state(x);
}

/* The stack cuts it after the policy was found by all of it. */
static void later_fragment_has_no_ports(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb;

	skb = marked_packet_of(test, x, htons(ETH_P_IP), false);
	((struct iphdr *)(skb->data + ETH_HLEN))->frag_off = htons(10);
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	kfree_skb(skb);

	skb = marked_packet_of(test, x, htons(ETH_P_IP), true);
	((struct iphdr *)(skb->data + ETH_HLEN))->frag_off = htons(IP_MF);
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	kfree_skb(skb);

	skb = marked_packet_of(test, x, htons(ETH_P_IP), true);
	((struct iphdr *)(skb->data + ETH_HLEN))->frag_off = htons(10);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	drop_state(x);
}

/* It was marked when there was nothing that could change it. */
static void unrecorded_packet_dies_once_watched(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);
	struct sec_path *sp = skb_sec_path(skb);

	memset(&sp->xvec[1], 0, sizeof(sp->xvec) - sizeof(sp->xvec[0]));
	xfrm_packet_offload_watch();
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	drop_state(x);
}

static int behind_hooks(struct sk_buff *skb)
{
	int err;

	rcu_read_lock_bh();
	err = xfrm_packet_offload_egress(skb);
	rcu_read_unlock_bh();

	return err;
}

/* tc and netfilter changed it: the sender is told, if it was marked. */
static void egress_tells_the_sender(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);

	KUNIT_EXPECT_EQ(test, behind_hooks(skb), 0);
	skb->data[ETH_HLEN + 16]++;
	KUNIT_EXPECT_EQ(test, behind_hooks(skb), -EPERM);

	skb = marked_packet(test, x);
	secpath_reset(skb);
	skb->data[ETH_HLEN + 16]++;
	KUNIT_EXPECT_EQ(test, behind_hooks(skb), 0);
	kfree_skb(skb);
	drop_state(x);
}

static struct kunit_case packet_cases[] = {
	KUNIT_CASE(changed_packet_dies),
	KUNIT_CASE(hidden_packet_dies),
	KUNIT_CASE(later_fragment_has_no_ports),
	KUNIT_CASE(unrecorded_packet_dies_once_watched),
	KUNIT_CASE(egress_tells_the_sender),
	KUNIT_CASE(packet_of_a_valid_sa_passes),
	KUNIT_CASE(packet_of_an_invalid_sa_dies),
	KUNIT_CASE(packet_of_a_deleted_sa_dies),
	KUNIT_CASE(packet_at_the_wrong_device_dies),
	KUNIT_CASE(packet_at_a_vlan_of_its_device_passes),
	KUNIT_CASE(packet_of_nested_sas_dies),
	KUNIT_CASE(queued_crypto_packet_dies),
	KUNIT_CASE(crypto_packet_that_saw_the_fence_dies),
	KUNIT_CASE(sender_without_a_queue_hears),
	KUNIT_CASE(backlog_without_a_queue),
	KUNIT_CASE(queued_crypto_packet_of_a_deleted_sa_dies),
	KUNIT_CASE(crypto_packet_at_the_wrong_device_dies),
	KUNIT_CASE(packet_of_a_deleted_policy_dies),
	KUNIT_CASE_PARAM(deletion_drops_what_it_concerns, deletion_gen_params),
	KUNIT_CASE(deletion_before_the_mark_drops_nothing),
	KUNIT_CASE(deletion_on_another_device_drops_nothing),
	KUNIT_CASE(replaced_policy_drops_nothing),
	KUNIT_CASE(deleted_inbound_policy_drops_nothing),
	KUNIT_CASE(policy_replaced_on_another_device),
	KUNIT_CASE(policy_replaced_by_another_kind),
	KUNIT_CASE(copy_of_a_packet_keeps_its_mark),
	KUNIT_CASE(requeued_packet_is_tested_again),
	KUNIT_CASE(queued_crypto_packet_dies_below_a_bond),
	{}
};

static struct kunit_suite packet_suite = {
	.name = "xfrm_packet_offload",
	.init = offload_init,
	.exit = offload_exit,
	.test_cases = packet_cases,
};

static void suspend(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;

	rtnl_lock();
	xfrm_dev_suspend(ctx->dev);
	rtnl_unlock();
}

static void restore(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;

	rtnl_lock();
	xfrm_dev_restore(ctx->dev, XFRM_INVALID_SLAVE_LOST);
	rtnl_unlock();
}

static void restore_carries_the_numbers(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);
	struct sk_buff *skb = marked_packet(test, x);

	nic.seq = 41;
	get_state_synchronize_rcu_full(&nic.grace);
	suspend(test);
	suspend(test);
	KUNIT_EXPECT_TRUE(test, nic.drained);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
	KUNIT_EXPECT_EQ(test, nic.policy_free, 1);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));

	restore(test);
	restore(test);
	KUNIT_EXPECT_EQ(test, nic.state_add, 2);
	KUNIT_EXPECT_EQ(test, nic.policy_add, 2);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 41);
	KUNIT_EXPECT_TRUE(test, xp->xdo.type == XFRM_DEV_OFFLOAD_PACKET);
	skb = marked_packet(test, x);
	KUNIT_EXPECT_PTR_EQ(test, last_stop(skb, x), skb);
	kfree_skb(skb);
	drop_state(x);
	drop_policy(xp);
	xfrm_flush_gc();
	KUNIT_EXPECT_EQ(test, nic.state_delete, 2);
	KUNIT_EXPECT_EQ(test, nic.state_free, 2);
	KUNIT_EXPECT_EQ(test, nic.policy_free, 2);
}

static void restore_fails_what_is_refused(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);

	suspend(test);
	nic.refuse = -EIO;
	restore(test);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_SLAVE_LOST);
	KUNIT_EXPECT_TRUE(test, x->invalid.exact);
	KUNIT_EXPECT_TRUE(test, xp->xdo.converted);
	drop_state(x);
	drop_policy(xp);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.policy_delete, 1);
}

/* Without the policy the new hardware sends packets of it as they are: of those
 * that are marked already, none may find an SA. Inbound nothing can be sent.
 */
static void restore_refuses_the_policy(struct kunit *test, u8 dir)
{
	struct xfrm_state *out = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *in = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *crypto = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = marked_packet(test, out);
	struct xfrm_policy *xp = new_policy(test);
	bool lost = dir == XFRM_DEV_OFFLOAD_OUT;

	in->xso.dir = XFRM_DEV_OFFLOAD_IN;
	xp->xdo.dir = dir;
	suspend(test);
	nic.refuse_policy = -ENOSPC;
	restore(test);
	KUNIT_EXPECT_TRUE(test, xp->xdo.converted);
	KUNIT_EXPECT_EQ(test, out->km.state,
			lost ? XFRM_STATE_INVALID : XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, in->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, crypto->km.state, XFRM_STATE_VALID);
	skb = last_stop(skb, out);
	KUNIT_EXPECT_EQ(test, !skb, lost);
	kfree_skb(skb);
	drop_policy(xp);
	drop_state(out);
	drop_state(in);
	drop_state(crypto);
	KUNIT_EXPECT_EQ(test, nic.policy_delete, 1);
}

static void restore_refuses_an_outbound_policy(struct kunit *test)
{
	restore_refuses_the_policy(test, XFRM_DEV_OFFLOAD_OUT);
}

static void restore_refuses_an_inbound_policy(struct kunit *test)
{
	restore_refuses_the_policy(test, XFRM_DEV_OFFLOAD_IN);
}

static void restore_needs_the_numbers(struct kunit *test)
{
	struct xfrm_state *packet = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *crypto = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);

	nic.unbind_says = -EIO;
	suspend(test);
	restore(test);
	KUNIT_EXPECT_EQ(test, packet->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_FALSE(test, packet->invalid.exact);
	KUNIT_EXPECT_EQ(test, crypto->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, nic.state_add, 3);
	drop_state(packet);
	drop_state(crypto);
}

static void restore_forgets_the_deleted(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);

	suspend(test);
	drop_state(x);
	drop_policy(xp);
	restore(test);
	KUNIT_EXPECT_EQ(test, nic.state_add, 1);
	KUNIT_EXPECT_EQ(test, nic.policy_add, 1);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	KUNIT_EXPECT_EQ(test, nic.policy_delete, 1);
}

/* While the new hardware takes it. */
static void deleted_in_add(struct xfrm_state *x)
{
	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
}

static void policy_deleted_in_add(struct xfrm_policy *xp)
{
	xp->walk.dead = 1;
	xfrm_dev_policy_delete(xp);
}

static void restore_meets_a_deletion(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);

	suspend(test);
	nic.in_state_add = deleted_in_add;
	nic.in_policy_add = policy_deleted_in_add;
	restore(test);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	KUNIT_EXPECT_FALSE(test, xp->xdo.live);
	xfrm_offload_flush(ctx->dev);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 2);
	KUNIT_EXPECT_EQ(test, nic.state_free, 2);
	KUNIT_EXPECT_EQ(test, nic.policy_delete, 2);
	KUNIT_EXPECT_EQ(test, nic.policy_free, 2);
	drop_state(x);
	drop_policy(xp);
}

/* The new hardware takes it and says at once that it is broken. The work that
 * ends it waits for RTNL; no packet does.
 */
static void restore_of_a_broken_sa(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	suspend(test);
	reinit_completion(&nic.freed);
	nic.in_state_add = says_broken;
	rtnl_lock();
	xfrm_dev_restore(ctx->dev, XFRM_INVALID_SLAVE_LOST);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	rtnl_unlock();
	wait_for_the_work(test);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DRIVER);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 2);
	drop_state(x);
}

/* Between the two no packet of crypto offload leaves either, and no policy says
 * that the hardware protects anything.
 */
static void suspended_sends_nothing(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct xfrm_policy *xp = new_policy(test);
	struct sk_buff *skb = marked_packet(test, x);

	xfrm_offload(skb)->flags |= XFRM_XMIT;
	suspend(test);
	KUNIT_EXPECT_NULL(test, validated(skb));
	KUNIT_EXPECT_FALSE(test, xp->xdo.live);
	restore(test);
	skb = marked_packet(test, x);
	xfrm_offload(skb)->flags |= XFRM_XMIT;
	KUNIT_EXPECT_PTR_EQ(test, validated(skb), skb);
	kfree_skb(skb);
	KUNIT_EXPECT_FALSE(test, x->xso.hw_only);
	KUNIT_EXPECT_TRUE(test, xp->xdo.live);
	drop_state(x);
	drop_policy(xp);
}

/* Of the slaves of a bond, the one that has what the bond holds. */
static void lower_device_suspends(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct net_device *slave[2];
	struct xfrm_state *x;
	struct sk_buff *skb;
	int i;

	for (i = 0; i < 2; i++) {
		slave[i] = fake_nic(test, "lower%d", &fake_ops);
		fake_nic_register(test, slave[i]);
	}
	fake_nic_register(test, ctx->dev);
	nic.lower = slave[0];
	x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	skb = marked_packet(test, x);
	nic.seq = 7;

	rtnl_lock();
	for (i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test,
				netdev_master_upper_dev_link(slave[i], ctx->dev,
							     NULL, NULL, NULL),
				0);
	/* the backup slave: nothing of the bond's is there */
	xfrm_dev_suspend_hw(slave[1]);
	KUNIT_EXPECT_EQ(test, nic.state_unbind, 0);
	KUNIT_EXPECT_TRUE(test, x->xso.live);
	xfrm_dev_restore_hw(slave[1]);

	xfrm_dev_suspend_hw(slave[0]);
	KUNIT_EXPECT_EQ(test, nic.state_unbind, 1);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	xfrm_dev_restore_hw(slave[0]);
	KUNIT_EXPECT_EQ(test, nic.state_add, 2);
	KUNIT_EXPECT_TRUE(test, x->xso.live);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 7);

	/* or is told to offload no more, and the bond has no other slave */
	nic.refuse = -EOPNOTSUPP;
	xfrm_dev_features(slave[1], 0);
	KUNIT_EXPECT_TRUE(test, x->xso.live);
	xfrm_dev_features(slave[0], 0);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_FEATURE_OFF);

	for (i = 0; i < 2; i++)
		netdev_upper_dev_unlink(slave[i], ctx->dev);
	rtnl_unlock();
	drop_state(x);
	for (i = 0; i < 2; i++) {
		unregister_netdev(slave[i]);
		free_netdev(slave[i]);
	}
	unregister_netdev(ctx->dev);
	ctx->refs = netdev_refcnt_read(ctx->dev);
}

static void suspended_device_takes_nothing(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *y = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, y);
	suspend(test);
	hold_dev(&y->xso, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(y, NULL), -ENODEV);
	restore(test);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(y, NULL), 0);
	drop_state(x);
	drop_state(y);
}

static void unbind_takes_the_suspended(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = new_policy(test);

	suspend(test);
	unbind(test, XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_TRUE(test, xp->xdo.converted);
	KUNIT_EXPECT_EQ(test, nic.state_unbind, 1);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
	restore(test);
	KUNIT_EXPECT_EQ(test, nic.state_add, 1);
	drop_state(x);
	drop_policy(xp);
}

/* The driver frees its tables between the two, whatever a user does meanwhile. */
static void unbind_keeps_the_suspension(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *y = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, y);
	hold_dev(&y->xso, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	suspend(test);
	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(y, NULL), -ENODEV);
	switch_feature(test, 0);
	switch_feature(test, NETIF_F_HW_ESP);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(y, NULL), -ENODEV);
	xfrm_dev_leave(ctx->dev);
	unbind(test, XFRM_INVALID_DEV_UNREGISTER);
	xfrm_dev_enter(ctx->dev);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(y, NULL), -ENODEV);
	KUNIT_EXPECT_EQ(test, nic.state_add, 1);
	restore(test);
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_state(y, NULL), 0);
	drop_state(x);
	drop_state(y);
}

static bool bound_on_lower(struct kunit *test, struct net_device *dev,
			   struct net_device *lower)
{
	bool on;

	rtnl_lock();
	on = xfrm_offload_on_lower(dev, lower);
	rtnl_unlock();

	return on;
}

/* Of an upper device: a lower one that goes must know what is still there. */
static void lower_device_sees_the_deleted(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x;
	struct xfrm_policy *xp;

	nic.lower = alloc_netdev(0, "lower%d", NET_NAME_UNKNOWN, ether_setup);
	KUNIT_ASSERT_NOT_NULL(test, nic.lower);
	KUNIT_EXPECT_FALSE(test, bound_on_lower(test, ctx->dev, nic.lower));
	x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_TRUE(test, bound_on_lower(test, ctx->dev, nic.lower));
	KUNIT_EXPECT_FALSE(test, bound_on_lower(test, ctx->dev, ctx->dev));

	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	KUNIT_EXPECT_TRUE(test, nic.state_free ||
			  bound_on_lower(test, ctx->dev, nic.lower));
	xfrm_offload_flush(ctx->dev);
	KUNIT_EXPECT_FALSE(test, bound_on_lower(test, ctx->dev, nic.lower));
	drop_state(x);

	/* a device that holds nothing but policies */
	xp = new_policy(test);
	xp->xdo.real_dev = nic.lower;
	KUNIT_EXPECT_TRUE(test, bound_on_lower(test, ctx->dev, nic.lower));
	KUNIT_EXPECT_FALSE(test, bound_on_lower(test, ctx->dev, ctx->dev));
	xp->walk.dead = 1;
	xfrm_dev_policy_delete(xp);
	KUNIT_EXPECT_TRUE(test, nic.policy_free ||
			  bound_on_lower(test, ctx->dev, nic.lower));
	drop_policy(xp);
	free_netdev(nic.lower);
}

static struct xfrm_state *slow_added;

static void slow_add(struct work_struct *work)
{
	xfrm_offload_add_state(slow_added, NULL);
}

static DECLARE_WORK(slow_add_work, slow_add);

static void lower_device_sees_the_first_add(struct kunit *test)
{
	slow_init(test);
	nic.lower = alloc_netdev(0, "lower%d", NET_NAME_UNKNOWN, ether_setup);
	KUNIT_ASSERT_NOT_NULL(test, nic.lower);
	slow_added = xfrm_state_alloc(&init_net);
	KUNIT_ASSERT_NOT_NULL(test, slow_added);
	hold_dev(&slow_added->xso, slow.dev, XFRM_DEV_OFFLOAD_PACKET);
	schedule_work(&slow_add_work);
	KUNIT_ASSERT_GT(test, wait_for_completion_timeout(&slow.entered, 10 * HZ),
			0);
	schedule_delayed_work(&slow_go_work, HZ / 10);
	KUNIT_EXPECT_TRUE(test, bound_on_lower(test, slow.dev, nic.lower));
	flush_work(&slow_add_work);
	flush_delayed_work(&slow_go_work);
	drop_state(slow_added);
	slow_exit();
	free_netdev(nic.lower);
}

/* What a driver does around a reload of its firmware. */
static void reloaded_device_goes_on(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);

	nic.seq = 7;
	rtnl_lock();
	xfrm_dev_suspend_hw(ctx->dev);
	KUNIT_EXPECT_EQ(test, nic.state_unbind, 1);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	xfrm_dev_restore_hw(ctx->dev);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, nic.state_add, 2);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 7);
	drop_state(x);
}

static void reloaded_device_that_refuses(struct kunit *test)
{
	struct offload_ctx *ctx = test->priv;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);

	rtnl_lock();
	xfrm_dev_suspend_hw(ctx->dev);
	nic.refuse = -EIO;
	xfrm_dev_restore_hw(ctx->dev);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DEV_DOWN);
	drop_state(x);
}

/* Where nothing may sleep, and no lock may be taken that others take with
 * interrupts on.
 */
static void broken_sa_is_invalid(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = marked_packet(test, x);

	rtnl_lock();
	local_irq_disable();
	xfrm_dev_state_invalidate(x, XFRM_INVALID_DRIVER);
	xfrm_dev_state_invalidate(x, XFRM_INVALID_MIGRATED);
	local_irq_enable();
	KUNIT_EXPECT_NULL(test, last_stop(skb, x));
	rtnl_unlock();

	wait_for_the_work(test);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DRIVER);
	KUNIT_EXPECT_EQ(test, nic.state_unbind, 1);
	drop_state(x);
}

static void broken_sa_is_not_restored(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct offload_ctx *ctx = test->priv;

	rtnl_lock();
	xfrm_dev_suspend(ctx->dev);
	xfrm_dev_state_invalidate(x, XFRM_INVALID_DRIVER);
	xfrm_dev_restore(ctx->dev, XFRM_INVALID_SLAVE_LOST);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DRIVER);
	KUNIT_EXPECT_EQ(test, nic.state_add, 1);
	drop_state(x);
}

static struct kunit_case restore_cases[] = {
	KUNIT_CASE(restore_carries_the_numbers),
	KUNIT_CASE(restore_fails_what_is_refused),
	KUNIT_CASE(restore_refuses_an_outbound_policy),
	KUNIT_CASE(restore_refuses_an_inbound_policy),
	KUNIT_CASE(restore_needs_the_numbers),
	KUNIT_CASE(restore_forgets_the_deleted),
	KUNIT_CASE(restore_meets_a_deletion),
	KUNIT_CASE(restore_of_a_broken_sa),
	KUNIT_CASE(suspended_sends_nothing),
	KUNIT_CASE(lower_device_suspends),
	KUNIT_CASE(suspended_device_takes_nothing),
	KUNIT_CASE(unbind_takes_the_suspended),
	KUNIT_CASE(unbind_keeps_the_suspension),
	KUNIT_CASE(lower_device_sees_the_deleted),
	KUNIT_CASE(lower_device_sees_the_first_add),
	KUNIT_CASE(reloaded_device_goes_on),
	KUNIT_CASE(reloaded_device_that_refuses),
	KUNIT_CASE(broken_sa_is_invalid),
	KUNIT_CASE(broken_sa_is_not_restored),
	{}
};

static struct kunit_suite restore_suite = {
	.name = "xfrm_failover",
	.init = offload_init,
	.exit = offload_exit,
	.test_cases = restore_cases,
};

/* An SA in the SAD, and a request for one of its name, as XFRM_MSG_UPDSA and
 * XFRM_MSG_NEWSA construct it. The device of that request does not exist: it
 * fails if it is asked.
 */
struct twins {
	struct xfrm_state *x, *y;
};

static void name_state(struct xfrm_state *x)
{
	x->id.daddr.a4 = htonl(0x0a000001);
	x->id.spi = htonl(0x4711);
	x->id.proto = IPPROTO_ESP;
	x->props.family = AF_INET;
}

static struct twins new_twins(struct kunit *test)
{
	struct xfrm_user_offload xuo = {
		.ifindex = INT_MAX,
		.flags = XFRM_OFFLOAD_PACKET,
	};
	struct offload_ctx *ctx = test->priv;
	struct twins t;

	t.x = xfrm_state_alloc(&init_net);
	KUNIT_ASSERT_NOT_NULL(test, t.x);
	name_state(t.x);
	t.x->km.state = XFRM_STATE_VALID;
	hold_dev(&t.x->xso, ctx->dev, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_ASSERT_EQ(test, xfrm_offload_add_state(t.x, NULL), 0);
	xfrm_state_hold(t.x);
	xfrm_state_insert(t.x);

	t.y = xfrm_state_alloc(&init_net);
	KUNIT_ASSERT_NOT_NULL(test, t.y);
	name_state(t.y);
	KUNIT_EXPECT_EQ(test, xfrm_offload_new_sa(&init_net, t.y, &xuo, NULL),
			0);
	xfrm_state_hold(t.y);

	return t;
}

static bool found(const struct xfrm_state *x)
{
	struct xfrm_state *y;

	y = xfrm_state_lookup(&init_net, 0, &x->id.daddr, x->id.spi, x->id.proto,
			      AF_INET);
	if (y)
		xfrm_state_put(y);

	return y == x;
}

static void drop_twins(struct kunit *test, struct twins *t)
{
	struct offload_ctx *ctx = test->priv;

	if (t->y->km.state != XFRM_STATE_DEAD) {
		t->y->km.state = XFRM_STATE_DEAD;
		xfrm_state_put(t->y);
	}
	xfrm_state_put(t->y);
	xfrm_state_delete(t->x);
	xfrm_offload_flush(ctx->dev);
	xfrm_state_put(t->x);
}

static void update_needs_no_hardware(struct kunit *test)
{
	struct twins t = new_twins(test);

	t.y->lft.hard_add_expires_seconds = 815;
	KUNIT_EXPECT_EQ(test, xfrm_state_update(t.y), 0);
	KUNIT_EXPECT_EQ(test, t.x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, t.x->lft.hard_add_expires_seconds, 815);
	KUNIT_EXPECT_EQ(test, t.y->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, nic.state_add, 1);
	drop_twins(test, &t);
}

static void update_raced_by_an_unbind(struct kunit *test)
{
	struct twins t = new_twins(test);

	nic.seq = 41;
	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, xfrm_state_update(t.y), -EAGAIN);
	KUNIT_EXPECT_EQ(test, t.x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_TRUE(test, t.x->invalid.exact);
	KUNIT_EXPECT_EQ(test, t.x->replay.oseq, 41);
	KUNIT_EXPECT_TRUE(test, found(t.x));
	KUNIT_EXPECT_EQ(test, nic.state_add, 1);
	KUNIT_EXPECT_EQ(test, nic.state_free, 1);
	drop_twins(test, &t);
	KUNIT_EXPECT_EQ(test, nic.state_delete, 1);
}

static void update_raced_by_a_deletion(struct kunit *test)
{
	struct twins t = new_twins(test);

	xfrm_state_delete(t.x);
	KUNIT_EXPECT_EQ(test, xfrm_state_update(t.y), -ESRCH);
	KUNIT_EXPECT_FALSE(test, found(t.y));
	drop_twins(test, &t);
}

static void add_beside_a_valid_one(struct kunit *test)
{
	struct twins t = new_twins(test);

	KUNIT_EXPECT_EQ(test, xfrm_state_add(t.y), -EEXIST);
	KUNIT_EXPECT_EQ(test, nic.state_add, 1);
	KUNIT_EXPECT_TRUE(test, found(t.x));
	drop_twins(test, &t);
}

/* It would be in software, and nobody asked for that. */
static void add_raced_by_an_unbind(struct kunit *test)
{
	struct twins t = new_twins(test);

	unbind(test, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(t.y), -EEXIST);
	KUNIT_EXPECT_EQ(test, t.x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_TRUE(test, found(t.x));
	drop_twins(test, &t);
}

static void add_raced_by_a_deletion(struct kunit *test)
{
	struct twins t = new_twins(test);

	xfrm_state_delete(t.x);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(t.y), -EEXIST);
	KUNIT_EXPECT_FALSE(test, found(t.y));
	drop_twins(test, &t);
}

/* Of the SAs that answer to a name, one that carries nothing is found first. */
static void twin_behind_a_larval_one(struct kunit *test)
{
	struct xfrm_user_offload xuo = {
		.ifindex = INT_MAX,
		.flags = XFRM_OFFLOAD_PACKET,
	};
	struct twins t = new_twins(test);
	struct xfrm_state *larval = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, larval);
	t.x->mark = (struct xfrm_mark){ .v = 1, .m = 1 };
	t.y->mark = t.x->mark;
	name_state(larval);
	larval->km.state = XFRM_STATE_ACQ;
	xfrm_state_hold(larval);
	xfrm_state_insert(larval);

	t.y->xso.flags = 0;
	KUNIT_EXPECT_EQ(test,
			xfrm_offload_new_sa(&init_net, t.y, &xuo, NULL), 0);
	KUNIT_EXPECT_TRUE(test, t.y->xso.flags == XFRM_DEV_OFFLOAD_FLAG_TWIN);
	KUNIT_EXPECT_EQ(test, nic.state_add, 1);

	larval->km.state = XFRM_STATE_VALID;
	xfrm_state_delete(larval);
	xfrm_state_put(larval);
	drop_twins(test, &t);
}

static struct kunit_case twin_cases[] = {
	KUNIT_CASE(twin_behind_a_larval_one),
	KUNIT_CASE(update_needs_no_hardware),
	KUNIT_CASE(update_raced_by_an_unbind),
	KUNIT_CASE(update_raced_by_a_deletion),
	KUNIT_CASE(add_beside_a_valid_one),
	KUNIT_CASE(add_raced_by_an_unbind),
	KUNIT_CASE(add_raced_by_a_deletion),
	{}
};

static struct kunit_suite twin_suite = {
	.name = "xfrm_offload_twins",
	.init = offload_init,
	.exit = offload_exit,
	.test_cases = twin_cases,
};

/* Offloaded policies win, whatever priority software policies have: so one that
 * is converted goes on to stand before them. 'o' is offloaded to another device,
 * 's' software, '*' is converted.
 */
struct convert_param {
	const char *name, *chain;
};

static const struct convert_param convert_params[] = {
	{ "alone", "*" },
	{ "before software", "*s" },
	{ "behind software that came later", "s*s" },
	{ "among offloaded ones", "o*os" },
	{ "two", "*o*ss" },
};

KUNIT_ARRAY_PARAM_DESC(convert, convert_params, name);

static void convert_moves_nothing(struct kunit *test)
{
	const struct convert_param *p = test->param_value;
	struct xfrm_policy *pol[5], *found;
	struct hlist_head chain = {};
	int n = strlen(p->chain);
	LIST_HEAD(all);
	int i, genid;

	for (i = n - 1; i >= 0; i--) {
		pol[i] = xfrm_policy_alloc(&init_net, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, pol[i]);
		/* the converted one is the worst of all */
		pol[i]->priority = p->chain[i] == '*' ? 100 : 10 + i;
		pol[i]->xdo.type = p->chain[i] == 's' ?
				   XFRM_DEV_OFFLOAD_UNSPECIFIED :
				   XFRM_DEV_OFFLOAD_PACKET;
		pol[i]->offload_first = p->chain[i] != 's';
		hlist_add_head(&pol[i]->bydst, &chain);
		list_add(&pol[i]->walk.all, &all);
	}

	for (i = 0; i < n; i++) {
		if (p->chain[i] != '*')
			continue;
		genid = atomic_read(&pol[i]->genid);
		xfrm_policy_unbind_convert(pol[i]);
		KUNIT_EXPECT_TRUE(test, pol[i]->xdo.type ==
				  XFRM_DEV_OFFLOAD_UNSPECIFIED);
		KUNIT_EXPECT_NE(test, atomic_read(&pol[i]->genid), genid);
		KUNIT_EXPECT_EQ(test, xfrm_policy_may_replace(pol[i]), 0);
	}

	i = 0;
	hlist_for_each_entry(found, &chain, bydst) {
		KUNIT_EXPECT_PTR_EQ_MSG(test, found, pol[i], "place %d", i);
		KUNIT_EXPECT_EQ(test, found->offload_first,
				p->chain[i] != 's');
		i++;
	}
	KUNIT_EXPECT_EQ(test, i, n);

	for (i = 0; i < n; i++) {
		pol[i]->walk.dead = 1;
		xfrm_policy_destroy(pol[i]);
	}
}

static void only_converted_policies_are_replaced(struct kunit *test)
{
	struct xfrm_policy *xp = xfrm_policy_alloc(&init_net, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, xp);
	KUNIT_EXPECT_EQ(test, xfrm_policy_may_replace(xp), -EEXIST);
	xp->walk.dead = 1;
	xfrm_policy_destroy(xp);
}

static struct kunit_case convert_cases[] = {
	KUNIT_CASE_PARAM(convert_moves_nothing, convert_gen_params),
	KUNIT_CASE(only_converted_policies_are_replaced),
	{}
};

static struct kunit_suite convert_suite = {
	.name = "xfrm_unbind_policy",
	.test_cases = convert_cases,
};

/* The SA that took over a device's numbers has to refuse what the device
 * received, and only that.
 */
struct adopt_param {
	const char *name;
	u32 window;	/* 0: legacy, 32 bits */
	u64 seq;
	u32 replay[4];
	bool esn;
};

static const struct adopt_param adopt_params[] = {
	{ "legacy", 0, 1000, { 0x00000005 } },
	{ "legacy, young", 0, 3, { 0x00000007 } },
	{ "legacy, the oldest", 0, 1000, { 0x80000001 } },
	{ "legacy, the first of all", 0, 32, { 0x80000001 } },
	{ "bitmap, 64", 64, 5000, { 0x80000001, 0x1 } },
	{ "bitmap, the oldest", 64, 5000, { 0x1, 0x80000000 } },
	{ "bitmap, 96, the oldest", 96, 12345, { 0x1, 0, 0x80000000 } },
	{ "esn, the oldest, of before the wrap", 128, 0x20000007eULL,
	  { 0x1, 0, 0, 0x80000000 }, true },
	{ "bitmap, young", 64, 2, { 0x3 } },
	{ "bitmap, not a power of two", 96, 12345, { 0xdeadbeef, 0x55, 0x1 } },
	{ "esn, 128", 128, 0x1ffffffffULL, { 1, 2, 4, 8 }, true },
	{ "esn, just wrapped", 128, 0x200000003ULL, { 0xff, 0, 0, 1 }, true },
	{ "esn, 96, just wrapped", 96, 0x200000003ULL,
	  { 0xff, 0x80000000, 0xf }, true },
	{ "esn, 96, far from a wrap", 96, 0x380000003ULL,
	  { 0xff, 0x80000000, 0xf }, true },
};

KUNIT_ARRAY_PARAM_DESC(adopt, adopt_params, name);

static void adopt_keeps_the_window(struct kunit *test)
{
	const struct adopt_param *p = test->param_value;
	u32 window = p->window ?: 32;
	struct xfrm_replay_state_esn *esn = NULL;
	u32 replay[4];
	struct xfrm_dev_counters final = {
		.seq = p->seq, .window = window, .replay = replay,
	};
	struct xfrm_state *x = xfrm_state_alloc(&init_net);
	u32 n;

	KUNIT_ASSERT_NOT_NULL(test, x);
	memcpy(replay, p->replay, sizeof(replay));
	x->xso.dir = XFRM_DEV_OFFLOAD_IN;
	x->props.replay_window = 32;

	if (p->window) {
		x->replay_esn = kzalloc(struct_size(esn, bmp, window / 32),
					GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, x->replay_esn);
		x->replay_esn->bmp_len = window / 32;
		x->replay_esn->replay_window = window;
		x->preplay_esn = kmemdup(x->replay_esn,
					 xfrm_replay_state_esn_len(x->replay_esn),
					 GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, x->preplay_esn);
	}
	if (p->esn)
		x->props.flags |= XFRM_STATE_ESN;
	KUNIT_ASSERT_EQ(test, xfrm_init_replay(x, NULL), 0);

	spin_lock_bh(&x->lock);
	xfrm_replay_adopt(x, &final);
	spin_unlock_bh(&x->lock);

	for (n = 0; n < window && n < p->seq; n++) {
		bool received = p->replay[n / 32] & BIT(n % 32);
		__be32 seq = htonl(lower_32_bits(p->seq - n));

		KUNIT_EXPECT_EQ_MSG(test, !!xfrm_replay_check(x, NULL, seq),
				    received, "seq - %u", n);
	}
	KUNIT_EXPECT_EQ(test,
			xfrm_replay_check(x, NULL,
					  htonl(lower_32_bits(p->seq + 1))), 0);

	x->km.state = XFRM_STATE_DEAD;
	xfrm_state_put(x);
	xfrm_flush_gc();
}

static void adopt_goes_on_sending(struct kunit *test)
{
	struct xfrm_dev_counters final = { .seq = 0x1ffffffffULL };
	struct xfrm_replay_state_esn esn = {};
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);
	x->xso.dir = XFRM_DEV_OFFLOAD_OUT;
	x->replay_esn = &esn;
	spin_lock_bh(&x->lock);
	xfrm_replay_adopt(x, &final);
	spin_unlock_bh(&x->lock);
	KUNIT_EXPECT_EQ(test, esn.oseq, 0xffffffff);
	KUNIT_EXPECT_EQ(test, esn.oseq_hi, 1);
	x->replay_esn = NULL;
	x->km.state = XFRM_STATE_DEAD;
	xfrm_state_put(x);
}

/* Without ESN there is no upper half, whatever holds the numbers. */
static void adopt_without_esn(struct kunit *test)
{
	struct xfrm_dev_counters final = {
		.seq = 0xfffffffeULL, .bytes = 1000, .packets = 10,
	};
	struct xfrm_replay_state_esn esn = {};
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);
	x->xso.dir = XFRM_DEV_OFFLOAD_OUT;
	x->curlft.bytes = 1;
	x->curlft.packets = 2;
	spin_lock_bh(&x->lock);
	xfrm_replay_adopt(x, &final);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 0xfffffffe);
	x->replay_esn = &esn;
	xfrm_replay_adopt(x, &final);
	spin_unlock_bh(&x->lock);
	KUNIT_EXPECT_EQ(test, esn.oseq, 0xfffffffe);
	KUNIT_EXPECT_EQ(test, esn.oseq_hi, 0);
	/* what was counted before stays, each time */
	KUNIT_EXPECT_EQ(test, x->curlft.bytes, 2001);
	KUNIT_EXPECT_EQ(test, x->curlft.packets, 22);
	x->replay_esn = NULL;
	x->km.state = XFRM_STATE_DEAD;
	xfrm_state_put(x);
}

static struct kunit_case adopt_cases[] = {
	KUNIT_CASE(adopt_without_esn),
	KUNIT_CASE_PARAM(adopt_keeps_the_window, adopt_gen_params),
	KUNIT_CASE(adopt_goes_on_sending),
	{}
};

static struct kunit_suite adopt_suite = {
	.name = "xfrm_unbind_replay",
	.test_cases = adopt_cases,
};

kunit_test_suites(&offload_suite, &packet_suite, &restore_suite, &twin_suite,
		  &convert_suite, &adopt_suite);
