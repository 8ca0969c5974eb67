// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of failover and reload: SAs and policies are suspended, and
 * restored on the same hardware or on another device below.
 */

#include "fake.h"

static void restore_carries_the_numbers(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);
	struct sk_buff *skb = fake_packet(test, x);

	fake.seq = 41;
	get_state_synchronize_rcu_full(&fake.grace);
	fake_suspend();
	fake_suspend();
	KUNIT_EXPECT_TRUE(test, fake.unbind_drained);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_free, 1);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));

	fake_restore();
	fake_restore();
	KUNIT_EXPECT_EQ(test, fake.state_add, 2);
	KUNIT_EXPECT_EQ(test, fake.policy_add, 2);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 41);
	KUNIT_EXPECT_TRUE(test, xp->xdo.type == XFRM_DEV_OFFLOAD_PACKET);
	skb = fake_packet(test, x);
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	kfree_skb(skb);
	fake_drop_state(x);
	fake_drop_policy(xp);
	xfrm_flush_gc();
	KUNIT_EXPECT_EQ(test, fake.state_delete, 2);
	KUNIT_EXPECT_EQ(test, fake.state_free, 2);
	KUNIT_EXPECT_EQ(test, fake.policy_free, 2);
}

static void restore_fails_what_is_refused(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);

	fake_suspend();
	fake.refuse = -EIO;
	fake_restore();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_SLAVE_LOST);
	KUNIT_EXPECT_TRUE(test, x->invalid.exact);
	KUNIT_EXPECT_TRUE(test, xp->xdo.converted);
	fake_drop_state(x);
	fake_drop_policy(xp);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_delete, 1);
}

/* Without an outbound policy the new hardware sends its packets in clear: its
 * SAs become INVALID, so that packets that are marked already are dropped. An
 * inbound policy protects nothing that is sent.
 */
static void restore_refuses_the_policy(struct kunit *test, u8 dir)
{
	struct xfrm_state *out = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *in = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *crypto = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = fake_packet(test, out);
	struct xfrm_policy *xp = fake_policy(test);
	bool lost = dir == XFRM_DEV_OFFLOAD_OUT;

	in->xso.dir = XFRM_DEV_OFFLOAD_IN;
	xp->xdo.dir = dir;
	fake_suspend();
	fake.refuse_policy = -ENOSPC;
	fake_restore();
	KUNIT_EXPECT_TRUE(test, xp->xdo.converted);
	KUNIT_EXPECT_EQ(test, out->km.state,
			lost ? XFRM_STATE_INVALID : XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, in->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, crypto->km.state, XFRM_STATE_VALID);
	skb = fake_last_stop(skb, out);
	KUNIT_EXPECT_EQ(test, !skb, lost);
	kfree_skb(skb);
	fake_drop_policy(xp);
	fake_drop_state(out);
	fake_drop_state(in);
	fake_drop_state(crypto);
	KUNIT_EXPECT_EQ(test, fake.policy_delete, 1);
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
	struct xfrm_state *packet = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *crypto = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);

	fake.unbind_says = -EIO;
	fake_suspend();
	fake_restore();
	KUNIT_EXPECT_EQ(test, packet->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_FALSE(test, packet->invalid.exact);
	KUNIT_EXPECT_EQ(test, crypto->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, fake.state_add, 3);
	fake_drop_state(packet);
	fake_drop_state(crypto);
}

static void restore_forgets_the_deleted(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);

	fake_suspend();
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_delete, 1);
	fake_drop_state(x);
	fake_drop_policy(xp);
	fake_restore();
	KUNIT_EXPECT_EQ(test, fake.state_add, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_add, 1);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_delete, 1);
}

/* The new hardware is adding it while it is deleted. */
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
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);

	fake_suspend();
	fake.in_state_add = deleted_in_add;
	fake.in_policy_add = policy_deleted_in_add;
	fake_restore();
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	KUNIT_EXPECT_FALSE(test, xp->xdo.live);
	xfrm_offload_flush(fake.dev);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 2);
	KUNIT_EXPECT_EQ(test, fake.state_free, 2);
	KUNIT_EXPECT_EQ(test, fake.policy_delete, 2);
	KUNIT_EXPECT_EQ(test, fake.policy_free, 2);
	fake_drop_state(x);
	fake_drop_policy(xp);
}

/* The driver reports the SA broken inside its add callback: no packet uses it
 * from then on, and the work, which waits for RTNL, unbinds it.
 */
static void restore_of_a_broken_sa(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	fake_suspend();
	reinit_completion(&fake.freed);
	fake.in_state_add = fake_says_broken;
	rtnl_lock();
	xfrm_dev_restore(fake.dev, XFRM_INVALID_SLAVE_LOST);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	rtnl_unlock();
	fake_wait_freed(test);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DRIVER);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 2);
	fake_drop_state(x);
}

static void broken_sa_is_not_restored(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	rtnl_lock();
	xfrm_dev_suspend(fake.dev);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	xfrm_dev_state_invalidate(x, XFRM_INVALID_DRIVER);
	xfrm_dev_restore(fake.dev, XFRM_INVALID_SLAVE_LOST);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DRIVER);
	KUNIT_EXPECT_EQ(test, fake.state_add, 1);
	fake_drop_state(x);
}

/* While the device is suspended no packet of crypto offload leaves, and its
 * policies are not live.
 */
static void suspended_sends_nothing(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct xfrm_policy *xp = fake_policy(test);
	struct sk_buff *skb = fake_packet(test, x);

	xfrm_offload(skb)->flags |= XFRM_XMIT;
	fake_suspend();
	KUNIT_EXPECT_NULL(test, fake_validate(skb));
	KUNIT_EXPECT_FALSE(test, xp->xdo.live);
	fake_restore();
	skb = fake_packet(test, x);
	xfrm_offload(skb)->flags |= XFRM_XMIT;
	KUNIT_EXPECT_PTR_EQ(test, fake_validate(skb), skb);
	kfree_skb(skb);
	KUNIT_EXPECT_FALSE(test, x->xso.hw_only);
	KUNIT_EXPECT_TRUE(test, xp->xdo.live);
	fake_drop_state(x);
	fake_drop_policy(xp);
}

static void suspended_device_takes_nothing(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *y = fake_state_alloc(test);

	fake_suspend();
	fake_hold(&y->xso, fake.dev, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, fake_add_state(y, NULL), -ENODEV);
	fake_restore();
	KUNIT_EXPECT_EQ(test, fake_add_state(y, NULL), 0);
	fake_drop_state(x);
	fake_drop_state(y);
}

static void unbind_takes_the_suspended(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);

	fake_suspend();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	fake_unbind(XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_TRUE(test, xp->xdo.converted);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	fake_restore();
	KUNIT_EXPECT_EQ(test, fake.state_add, 1);
	fake_drop_state(x);
	fake_drop_policy(xp);
}

/* The driver may have no tables while it is suspended: nothing that a user does
 * opens it.
 */
static void unbind_keeps_the_suspension(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *y = fake_state_alloc(test);

	fake_hold(&y->xso, fake.dev, XFRM_DEV_OFFLOAD_PACKET);
	fake_suspend();
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, fake_add_state(y, NULL), -ENODEV);
	fake_set_features(0);
	fake_set_features(NETIF_F_HW_ESP);
	KUNIT_EXPECT_EQ(test, fake_add_state(y, NULL), -ENODEV);
	xfrm_dev_leave(fake.dev);
	fake_unbind(XFRM_INVALID_DEV_UNREGISTER);
	xfrm_unbind_event(fake.dev, NETDEV_REGISTER);
	KUNIT_EXPECT_EQ(test, fake_add_state(y, NULL), -ENODEV);
	KUNIT_EXPECT_EQ(test, fake.state_add, 1);
	fake_restore();
	KUNIT_EXPECT_EQ(test, fake_add_state(y, NULL), 0);
	fake_drop_state(x);
	fake_drop_state(y);
}

/* A driver suspends the device while it reloads firmware. */
static void reloaded_device_goes_on(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	fake.seq = 7;
	rtnl_lock();
	xfrm_dev_suspend_hw(fake.dev);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	xfrm_dev_restore_hw(fake.dev);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, fake.state_add, 2);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 7);
	fake_drop_state(x);
}

static void reloaded_device_that_refuses(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	rtnl_lock();
	xfrm_dev_suspend_hw(fake.dev);
	fake.refuse = -EIO;
	xfrm_dev_restore_hw(fake.dev);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DEV_DOWN);
	fake_drop_state(x);
}

/* --- devices below */

/* Only the slave that has the bond's SAs suspends them. */
static void lower_device_suspends(struct kunit *test)
{
	struct net_device *slave[2];
	struct xfrm_state *x;
	struct sk_buff *skb;
	int i;

	for (i = 0; i < 2; i++) {
		slave[i] = fake_netdev(test, "lower%d", &fake_ops);
		fake_register(test, slave[i]);
	}
	fake_register(test, fake.dev);
	fake.lower = slave[0];
	x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	skb = fake_packet(test, x);
	fake.seq = 7;

	rtnl_lock();
	for (i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test,
				netdev_master_upper_dev_link(slave[i], fake.dev,
							     NULL, NULL, NULL),
				0);
	/* the backup slave has none of them */
	xfrm_dev_suspend_hw(slave[1]);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 0);
	KUNIT_EXPECT_TRUE(test, x->xso.live);
	xfrm_dev_restore_hw(slave[1]);

	xfrm_dev_suspend_hw(slave[0]);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	xfrm_dev_restore_hw(slave[0]);
	KUNIT_EXPECT_EQ(test, fake.state_add, 2);
	KUNIT_EXPECT_TRUE(test, x->xso.live);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 7);

	/* its feature is switched off, and the bond has no other slave */
	fake.refuse = -EOPNOTSUPP;
	xfrm_dev_features(slave[1], 0);
	KUNIT_EXPECT_TRUE(test, x->xso.live);
	xfrm_dev_features(slave[0], 0);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_FEATURE_OFF);

	for (i = 0; i < 2; i++)
		netdev_upper_dev_unlink(slave[i], fake.dev);
	rtnl_unlock();
	fake_drop_state(x);
	for (i = 0; i < 2; i++) {
		unregister_netdev(slave[i]);
		free_netdev(slave[i]);
	}
	fake_unregister();
}

static bool held_on_lower(struct net_device *dev, struct net_device *lower)
{
	bool on;

	rtnl_lock();
	on = xfrm_offload_on_lower(dev, lower);
	rtnl_unlock();

	return on;
}

/* A lower device that goes away finds all that an upper device still has on
 * it.
 */
static void lower_device_sees_the_deleted(struct kunit *test)
{
	struct xfrm_state *x;
	struct xfrm_policy *xp;

	fake.lower = fake_netdev(test, "lower%d", NULL);
	KUNIT_EXPECT_FALSE(test, held_on_lower(fake.dev, fake.lower));
	x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_TRUE(test, held_on_lower(fake.dev, fake.lower));
	KUNIT_EXPECT_FALSE(test, held_on_lower(fake.dev, fake.dev));

	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	KUNIT_EXPECT_TRUE(test, fake.state_free ||
			  held_on_lower(fake.dev, fake.lower));
	xfrm_offload_flush(fake.dev);
	KUNIT_EXPECT_FALSE(test, held_on_lower(fake.dev, fake.lower));
	fake_drop_state(x);

	/* a device that holds nothing but policies */
	xp = fake_policy(test);
	xp->xdo.real_dev = fake.lower;
	KUNIT_EXPECT_TRUE(test, held_on_lower(fake.dev, fake.lower));
	KUNIT_EXPECT_FALSE(test, held_on_lower(fake.dev, fake.dev));
	xp->walk.dead = 1;
	xfrm_dev_policy_delete(xp);
	KUNIT_EXPECT_TRUE(test, fake.policy_free ||
			  held_on_lower(fake.dev, fake.lower));
	fake_drop_policy(xp);
	free_netdev(fake.lower);
}

static struct xfrm_state *slow_added;

static void slow_add(struct work_struct *work)
{
	fake_add_state(slow_added, NULL);
}

static DECLARE_WORK(slow_add_work, slow_add);

static void lower_device_sees_the_first_add(struct kunit *test)
{
	fake_slow_init(test);
	fake.lower = fake_netdev(test, "lower%d", NULL);
	slow_added = fake_state_alloc(test);
	fake_hold(&slow_added->xso, fake_slow.dev, XFRM_DEV_OFFLOAD_PACKET);
	schedule_work(&slow_add_work);
	fake_slow_wait(test);
	fake_slow_release_soon();
	KUNIT_EXPECT_TRUE(test, held_on_lower(fake_slow.dev, fake.lower));
	flush_work(&slow_add_work);
	fake_drop_state(slow_added);
	fake_slow_exit();
	free_netdev(fake.lower);
}

static struct kunit_case failover_cases[] = {
	KUNIT_CASE(restore_carries_the_numbers),
	KUNIT_CASE(restore_fails_what_is_refused),
	KUNIT_CASE(restore_refuses_an_outbound_policy),
	KUNIT_CASE(restore_refuses_an_inbound_policy),
	KUNIT_CASE(restore_needs_the_numbers),
	KUNIT_CASE(restore_forgets_the_deleted),
	KUNIT_CASE(restore_meets_a_deletion),
	KUNIT_CASE(restore_of_a_broken_sa),
	KUNIT_CASE(broken_sa_is_not_restored),
	KUNIT_CASE(suspended_sends_nothing),
	KUNIT_CASE(suspended_device_takes_nothing),
	KUNIT_CASE(unbind_takes_the_suspended),
	KUNIT_CASE(unbind_keeps_the_suspension),
	KUNIT_CASE(reloaded_device_goes_on),
	KUNIT_CASE(reloaded_device_that_refuses),
	KUNIT_CASE(lower_device_suspends),
	KUNIT_CASE(lower_device_sees_the_deleted),
	KUNIT_CASE(lower_device_sees_the_first_add),
	{}
};

static struct kunit_suite failover_suite = {
	.name = "xfrm_failover",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = failover_cases,
};

kunit_test_suite(failover_suite);
