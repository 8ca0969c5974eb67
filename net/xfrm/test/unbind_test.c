// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of an unbind: what it does to SAs, policies and the device, for
 * each cause.
 */

#include <kunit/test-bug.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "fake.h"

static void unbind_tears_down_once(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	fake.seq = 41;
	fake.unread = 10;
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_TRUE(test, x->invalid.exact);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 41);
	KUNIT_EXPECT_EQ(test, x->curlft.bytes, 100);
	/* ten that were not read before, and the final one */
	KUNIT_EXPECT_EQ(test, x->curlft.packets, 11);
	KUNIT_EXPECT_NULL(test, x->xso.dev);

	fake_unbind(XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DEV_DOWN);
	fake_drop_state(x);
	xfrm_flush_gc();
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
}

/* A device that is unregistered is set down first: the reason names the cause.
 */
static void down_tells_what_is_behind_it(struct kunit *test)
{
	static const enum xfrm_invalid_reason reasons[] = {
		XFRM_INVALID_DEV_DOWN, XFRM_INVALID_DEV_UNREGISTER,
		XFRM_INVALID_DEV_UNREGISTER,
	};
	struct xfrm_state *x;
	int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
		rtnl_lock();
		if (i == 1)
			xfrm_dev_leave(fake.dev);
		fake.dev->dismantle = i == 2;
		xfrm_unbind_event(fake.dev, NETDEV_DOWN);
		fake.dev->dismantle = false;
		xfrm_unbind_event(fake.dev, NETDEV_REGISTER);
		rtnl_unlock();
		KUNIT_EXPECT_EQ_MSG(test, x->invalid.reason, reasons[i],
				    "way %d", i);
		fake_drop_state(x);
	}
}

/* A context that passed a test before the fence is in an RCU read-side
 * section.
 */
static void unbind_drains_before_it_stops(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	get_state_synchronize_rcu_full(&fake.grace);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
	KUNIT_EXPECT_TRUE(test, fake.unbind_drained);
	fake_drop_state(x);
}

static void finds_no_device(struct xfrm_state *x)
{
	KUNIT_EXPECT_NULL(kunit_get_current_test(),
			  xfrm_offload_live_dev(&x->xso));
}

/* A reader of statistics would call the driver for an SA that it has freed. */
static void unbind_ends_other_calls(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	fake.in_state_unbind = finds_no_device;
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
	fake_drop_state(x);
}

static void unbind_without_counters_is_not_exact(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	x->replay.oseq = 7;
	fake.seq = 41;
	fake.unbind_says = -EOPNOTSUPP;
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
	KUNIT_EXPECT_FALSE(test, x->invalid.exact);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 7);
	fake_drop_state(x);
}

static void unbind_of_an_old_driver(struct kunit *test)
{
	struct xfrm_state *packet, *crypto;

	fake.dev->xfrmdev_ops = &fake_old_ops;
	packet = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	crypto = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	crypto->replay.oseq = 9;
	fake_unbind(XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 2);
	KUNIT_EXPECT_FALSE(test, packet->invalid.exact);
	KUNIT_EXPECT_TRUE(test, crypto->invalid.exact);
	KUNIT_EXPECT_EQ(test, crypto->replay.oseq, 9);
	KUNIT_EXPECT_TRUE(test, crypto->xso.hw_only);
	fake_drop_state(packet);
	fake_drop_state(crypto);
}

static void unbind_flushes_the_deleted(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);

	xfrm_dev_state_delete(x);
	xfrm_dev_policy_delete(xp);
	fake_unbind(XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 0);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_free, 1);
	fake_drop_state(x);
	fake_drop_policy(xp);
	xfrm_flush_gc();
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_free, 1);
}

static void unbind_keeps_the_policy(struct kunit *test)
{
	struct xfrm_policy *xp = fake_policy(test);
	int genid = atomic_read(&xp->genid);

	fake_unbind(XFRM_INVALID_DEV_DOWN);
	/* bundles that were built for the hardware are stale */
	KUNIT_EXPECT_NE(test, atomic_read(&xp->genid), genid);
	KUNIT_EXPECT_TRUE(test, xp->xdo.type == XFRM_DEV_OFFLOAD_UNSPECIFIED);
	KUNIT_EXPECT_FALSE(test, xp->walk.dead);
	KUNIT_EXPECT_NULL(test, xp->xdo.dev);
	KUNIT_EXPECT_EQ(test, xfrm_policy_may_replace(xp), 0);
	fake_drop_policy(xp);
	KUNIT_EXPECT_EQ(test, fake.policy_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_free, 1);
}

static void unbind_leaves_larval_and_dead_alone(struct kunit *test)
{
	struct xfrm_state *larval = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *dead = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	larval->km.state = XFRM_STATE_ACQ;
	larval->xso.flags = XFRM_DEV_OFFLOAD_FLAG_ACQ;
	dead->km.state = XFRM_STATE_DEAD;
	fake_unbind(XFRM_INVALID_DEV_UNREGISTER);
	KUNIT_EXPECT_EQ(test, larval->km.state, XFRM_STATE_ACQ);
	KUNIT_EXPECT_EQ(test, dead->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 2);
	KUNIT_EXPECT_EQ(test, fake.state_free, 2);
	fake_drop_state(larval);
	fake_drop_state(dead);
}

static void unbind_takes_all_of_many(struct kunit *test)
{
	struct xfrm_state *x[200];
	int i;

	for (i = 0; i < ARRAY_SIZE(x); i++)
		x[i] = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, fake.state_free, ARRAY_SIZE(x));
	for (i = 0; i < ARRAY_SIZE(x); i++) {
		KUNIT_EXPECT_EQ(test, x[i]->km.state, XFRM_STATE_INVALID);
		fake_drop_state(x[i]);
	}
}

/* A more urgent task that wants the CPU */
static struct task_struct *urgent;
static bool urgent_ran, urgent_ran_before;

static int urgent_runs(void *unused)
{
	WRITE_ONCE(urgent_ran, true);

	return 0;
}

static void wakes_urgent(struct xfrm_state *x)
{
	urgent_ran_before = READ_ONCE(urgent_ran);
	if (fake.state_unbind == 1)
		wake_up_process(urgent);
}

/* It has the CPU before the next SA is stopped: an unbind of 100,000 takes
 * seconds.
 */
static void unbind_lets_others_run(struct kunit *test)
{
	struct xfrm_state *x[2];
	int i;

	for (i = 0; i < ARRAY_SIZE(x); i++)
		x[i] = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	urgent = kthread_create(urgent_runs, NULL, "urgent");
	KUNIT_ASSERT_FALSE(test, IS_ERR(urgent));
	sched_set_fifo(urgent);
	urgent_ran = false;
	fake.in_state_unbind = wakes_urgent;

	migrate_disable();
	kthread_bind(urgent, smp_processor_id());
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 2);
	KUNIT_EXPECT_TRUE(test, urgent_ran_before);
	for (i = 0; i < ARRAY_SIZE(x); i++)
		fake_drop_state(x[i]);
}

static void feature_off_unbinds_and_refuses(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *y = fake_state_alloc(test);

	fake_set_features(0);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_FEATURE_OFF);

	fake_hold(&y->xso, fake.dev, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, fake_add_state(y, NULL), -EOPNOTSUPP);
	fake_set_features(NETIF_F_HW_ESP);
	KUNIT_EXPECT_EQ(test, fake_add_state(y, NULL), 0);
	fake_drop_state(x);
	fake_drop_state(y);
}

static void unbind_waits_for_no_other_device(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);

	fake_slow_init(test);
	fake_slow_delete(test);
	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	xp->walk.dead = 1;
	xfrm_dev_policy_delete(xp);
	get_state_synchronize_rcu_full(&fake.grace);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_FALSE(test, fake_slow.back);
	KUNIT_EXPECT_TRUE(test, fake.delete_drained);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.policy_free, 1);
	xfrm_state_put(x);
	xfrm_pol_put(xp);
	fake_slow_exit();
}

/* No callback of the driver runs after an unbind. */
static void unbind_waits_for_its_own_callbacks(struct kunit *test)
{
	fake_slow_init(test);
	fake_slow_delete(test);
	fake_slow_release_soon();
	rtnl_lock();
	xfrm_dev_unbind(fake_slow.dev, XFRM_INVALID_DEV_UNREGISTER);
	rtnl_unlock();
	KUNIT_EXPECT_TRUE(test, fake_slow.back);
	fake_slow_exit();
}

/* A driver may report it with interrupts off. */
static void broken_sa_is_invalid(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	rtnl_lock();
	local_irq_disable();
	xfrm_dev_state_invalidate(x, XFRM_INVALID_DRIVER);
	xfrm_dev_state_invalidate(x, XFRM_INVALID_MIGRATED);
	local_irq_enable();
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	rtnl_unlock();

	fake_wait_freed(test);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_DRIVER);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
	fake_drop_state(x);
}

static struct kunit_case unbind_cases[] = {
	KUNIT_CASE(unbind_tears_down_once),
	KUNIT_CASE(down_tells_what_is_behind_it),
	KUNIT_CASE(unbind_drains_before_it_stops),
	KUNIT_CASE(unbind_ends_other_calls),
	KUNIT_CASE(unbind_without_counters_is_not_exact),
	KUNIT_CASE(unbind_of_an_old_driver),
	KUNIT_CASE(unbind_flushes_the_deleted),
	KUNIT_CASE(unbind_keeps_the_policy),
	KUNIT_CASE(unbind_leaves_larval_and_dead_alone),
	KUNIT_CASE(unbind_takes_all_of_many),
	KUNIT_CASE(unbind_lets_others_run),
	KUNIT_CASE(feature_off_unbinds_and_refuses),
	KUNIT_CASE(unbind_waits_for_no_other_device),
	KUNIT_CASE(unbind_waits_for_its_own_callbacks),
	KUNIT_CASE(broken_sa_is_invalid),
	{}
};

static struct kunit_suite unbind_suite = {
	.name = "xfrm_unbind",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = unbind_cases,
};

kunit_test_suite(unbind_suite);
