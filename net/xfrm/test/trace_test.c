// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the events of xfrm that need hardware to come back, or time to be
 * looked at. observe.sh of the selftests has the others.
 */

#include <trace/events/xfrm.h>

#include "fake.h"

static struct {
	u32 suspended, restored, failed, policies;
	int events;
	struct xfrm_unbind_times times;
} traced;

static void trace_suspended(void *data, const struct net_device *dev,
			    u32 states, u32 policies, u32 failed)
{
	traced.events++;
	traced.suspended = states;
	traced.policies = policies;
}

static void trace_restored(void *data, const struct net_device *dev,
			   u32 states, u32 policies, u32 failed)
{
	traced.events++;
	traced.restored = states;
	traced.policies = policies;
	traced.failed = failed;
}

static void trace_unbound(void *data, const struct net_device *dev, u8 reason,
			  const struct xfrm_unbind_times *times)
{
	traced.events++;
	traced.times = *times;
}

static int trace_init(struct kunit *test)
{
	memset(&traced, 0, sizeof(traced));
	return fake_init(test) ?:
	       register_trace_xfrm_suspended(trace_suspended, NULL) ?:
	       register_trace_xfrm_restored(trace_restored, NULL) ?:
	       register_trace_xfrm_unbind_end(trace_unbound, NULL);
}

static void trace_exit(struct kunit *test)
{
	unregister_trace_xfrm_unbind_end(trace_unbound, NULL);
	unregister_trace_xfrm_restored(trace_restored, NULL);
	unregister_trace_xfrm_suspended(trace_suspended, NULL);
	tracepoint_synchronize_unregister();
	fake_exit(test);
}

static void suspend_and_restore_are_traced(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);

	fake_suspend();
	KUNIT_EXPECT_EQ(test, traced.events, 1);
	KUNIT_EXPECT_EQ(test, traced.suspended, 1);
	KUNIT_EXPECT_EQ(test, traced.policies, 1);

	fake_restore();
	KUNIT_EXPECT_EQ(test, traced.events, 2);
	KUNIT_EXPECT_EQ(test, traced.restored, 1);
	KUNIT_EXPECT_EQ(test, traced.policies, 1);
	KUNIT_EXPECT_EQ(test, traced.failed, 0);
	fake_drop_policy(xp);
	fake_drop_state(x);
}

static void what_is_not_restored_is_traced(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);

	fake_suspend();
	fake.refuse = -ENOSPC;
	fake_restore();
	/* and its unbind */
	KUNIT_EXPECT_EQ(test, traced.events, 3);
	KUNIT_EXPECT_EQ(test, traced.restored, 0);
	KUNIT_EXPECT_EQ(test, traced.policies, 0);
	KUNIT_EXPECT_EQ(test, traced.failed, 2);
	KUNIT_EXPECT_EQ(test, traced.times.states, 1);
	KUNIT_EXPECT_EQ(test, traced.times.policies, 1);
	fake_drop_policy(xp);
	fake_drop_state(x);
}

static void takes_its_time(struct xfrm_state *x)
{
	/* the clock may be that of jiffies still */
	msleep(30);
}

/* The time of a callback counts for the step that calls it. */
static void slow_driver_is_the_step_that_stops(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	const u64 *ns = traced.times.ns;
	int i;

	fake.in_state_unbind = takes_its_time;
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, traced.events, 1);
	KUNIT_EXPECT_GE(test, ns[XFRM_STEP_STOP], 20 * NSEC_PER_MSEC);
	for (i = 0; i < XFRM_STEPS; i++)
		if (i != XFRM_STEP_STOP)
			KUNIT_EXPECT_LT(test, ns[i], ns[XFRM_STEP_STOP]);
	fake_drop_state(x);
}

static struct kunit_case trace_cases[] = {
	KUNIT_CASE(suspend_and_restore_are_traced),
	KUNIT_CASE(what_is_not_restored_is_traced),
	KUNIT_CASE(slow_driver_is_the_step_that_stops),
	{}
};

static struct kunit_suite trace_suite = {
	.name = "xfrm_trace",
	.init = trace_init,
	.exit = trace_exit,
	.test_cases = trace_cases,
};

kunit_test_suite(trace_suite);

MODULE_DESCRIPTION("KUnit tests of the tracepoints of xfrm");
MODULE_LICENSE("GPL");
