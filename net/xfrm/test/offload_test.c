// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of what a device holds: how SAs and policies are added, deleted
 * and freed.
 */

#include "fake.h"

/* Families and modes that no device can do are refused before the driver is
 * asked.
 */
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
	struct netlink_ext_ack extack = {};
	struct xfrm_policy *xp;
	struct xfrm_state *x;
	char *name = fake.dev->name;

	x = fake_state_alloc(test);
	x->sel.family = p->inner;
	x->props.family = p->outer;
	x->props.mode = p->mode;
	x->km.state = XFRM_STATE_VALID;
	fake_hold(&x->xso, fake.dev, XFRM_DEV_OFFLOAD_PACKET);
	x->xso.dir = p->dir;
	KUNIT_EXPECT_EQ(test, fake_add_state(x, &extack), p->err);
	KUNIT_EXPECT_EQ(test, fake.state_add, !p->err);
	if (p->err) {
		KUNIT_EXPECT_NOT_NULL(test, extack._msg);
		KUNIT_EXPECT_NOT_NULL(test, strstr(extack._msg ?: "", name));
		xfrm_offload_release(&x->xso);
	}
	fake_drop_state(x);

	xp = fake_policy_alloc(test);
	xp->family = p->inner;
	xp->xfrm_nr = 1;
	xp->xfrm_vec[0].encap_family = p->outer;
	xp->xfrm_vec[0].mode = p->mode;
	fake_hold(&xp->xdo, fake.dev, XFRM_DEV_OFFLOAD_PACKET);
	xp->xdo.dir = p->dir;
	KUNIT_EXPECT_EQ(test, fake_add_policy(xp, NULL), p->err);
	KUNIT_EXPECT_EQ(test, fake.policy_add, !p->err);
	if (p->err)
		xfrm_offload_release(&xp->xdo);
	fake_drop_policy(xp);
}

/* Crypto offload can do them, and a selector without a family is accepted. */
static void what_software_does_is_taken(struct kunit *test)
{
	struct xfrm_state *x;
	int i;

	for (i = 0; i < 2; i++) {
		x = fake_state_alloc(test);
		x->sel.family = i ? AF_UNSPEC : AF_INET;
		x->props.family = AF_INET6;
		x->props.mode = XFRM_MODE_TUNNEL;
		x->km.state = XFRM_STATE_VALID;
		fake_hold(&x->xso, fake.dev, i ? XFRM_DEV_OFFLOAD_PACKET :
						XFRM_DEV_OFFLOAD_CRYPTO);
		x->xso.dir = XFRM_DEV_OFFLOAD_IN;
		KUNIT_EXPECT_EQ(test, fake_add_state(x, NULL), 0);
		fake_drop_state(x);
	}
}

/* Nor is a driver asked for what it is not told about. */
struct untold_param {
	const char *name;
	u32 extra_flags;
	u8 flags, offload;
	u32 if_id;
	int err;
};

static const struct untold_param untold_params[] = {
	{ "nothing" },
	{ "dont-encap-dscp", XFRM_SA_XFLAG_DONT_ENCAP_DSCP, .err = -EINVAL },
	{ "decap-dscp", .flags = XFRM_STATE_DECAP_DSCP, .err = -EINVAL },
	{ "noecn, outbound", .flags = XFRM_STATE_NOECN },
	{ "noecn, inbound", .flags = XFRM_STATE_NOECN,
	  .offload = XFRM_OFFLOAD_INBOUND, .err = -EINVAL },
	{ "if_id, outbound", .if_id = 7 },
	{ "if_id, inbound", .if_id = 7, .offload = XFRM_OFFLOAD_INBOUND,
	  .err = -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(untold, untold_params, name);

static void what_no_driver_hears_is_refused(struct kunit *test)
{
	const struct untold_param *p = test->param_value;
	struct xfrm_user_offload xuo = { .flags = XFRM_OFFLOAD_PACKET };
	u8 dir = p->offload ? XFRM_POLICY_IN : XFRM_POLICY_OUT;
	struct xfrm_state *x = fake_real_state(test, SPI(0), REQID);
	struct xfrm_policy *xp = fake_policy_alloc(test);
	struct netlink_ext_ack extack = {};

	fake_register(test, fake.dev);
	xuo.ifindex = fake.dev->ifindex;
	xp->if_id = p->if_id;
	KUNIT_EXPECT_EQ(test,
			xfrm_dev_policy_add(&init_net, xp, &xuo, dir, NULL),
			p->if_id ? p->err : 0);
	fake_drop_policy(xp);

	xuo.flags |= p->offload;
	x->props.mode = XFRM_MODE_TUNNEL;
	x->props.extra_flags = p->extra_flags;
	x->props.flags = p->flags;
	x->if_id = p->if_id;
	KUNIT_EXPECT_EQ(test, xfrm_dev_state_add(&init_net, x, &xuo, &extack),
			p->err);
	KUNIT_EXPECT_EQ(test, fake.state_add, !p->err);
	KUNIT_EXPECT_EQ(test, !!extack._msg, !!p->err);
	fake_drop_state(x);
	fake_unregister();
}

static void device_without_offload_is_named(struct kunit *test)
{
	struct xfrm_user_offload xuo = { .flags = XFRM_OFFLOAD_PACKET };
	struct xfrm_state *x = fake_real_state(test, SPI(0), REQID);
	struct xfrm_policy *xp = fake_policy_alloc(test);
	struct netlink_ext_ack extack = {};

	fake.dev->xfrmdev_ops = NULL;
	fake.dev->features &= ~NETIF_F_HW_ESP;
	fake_register(test, fake.dev);
	xuo.ifindex = fake.dev->ifindex;
	KUNIT_EXPECT_EQ(test, xfrm_dev_state_add(&init_net, x, &xuo, &extack),
			-EINVAL);
	KUNIT_EXPECT_NOT_NULL(test,
			      strstr(extack._msg ?: "", fake.dev->name));
	extack._msg = NULL;
	KUNIT_EXPECT_EQ(test,
			xfrm_dev_policy_add(&init_net, xp, &xuo,
					    XFRM_POLICY_OUT, &extack), -EINVAL);
	KUNIT_EXPECT_NOT_NULL(test,
			      strstr(extack._msg ?: "", fake.dev->name));
	fake_drop_state(x);
	fake_drop_policy(xp);
	fake_unregister();
}

static void delete_then_free(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	KUNIT_EXPECT_TRUE(test, x->xso.live);
	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	xfrm_dev_state_delete(x);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	xfrm_offload_flush(fake.dev);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 0);
	/* the SA is still referenced; the device is not */
	KUNIT_EXPECT_NULL(test, x->xso.dev);
	fake_drop_state(x);
}

static void add_refused_leaves_nothing(struct kunit *test)
{
	struct xfrm_state *x = fake_state_alloc(test);

	fake_hold(&x->xso, fake.dev, XFRM_DEV_OFFLOAD_PACKET);
	fake.refuse = -ENOSPC;
	KUNIT_EXPECT_EQ(test, fake_add_state(x, NULL), -ENOSPC);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	xfrm_offload_release(&x->xso);
	fake_drop_state(x);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 0);
}

/* The driver reports the SA broken inside its add callback: the addition fails,
 * and the SA is taken off the device.
 */
static void add_of_a_broken_sa(struct kunit *test)
{
	static const u8 types[] = {
		XFRM_DEV_OFFLOAD_PACKET, XFRM_DEV_OFFLOAD_CRYPTO,
	};
	struct netlink_ext_ack extack = {};
	struct xfrm_state *x;
	int i;

	fake.in_state_add = fake_says_broken;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		x = fake_state_alloc(test);
		x->km.state = XFRM_STATE_VOID;
		fake_hold(&x->xso, fake.dev, types[i]);
		KUNIT_EXPECT_EQ(test, fake_add_state(x, &extack), -EIO);
		KUNIT_EXPECT_NOT_NULL(test, extack._msg);
		KUNIT_EXPECT_FALSE(test, x->xso.live);
		KUNIT_EXPECT_EQ(test, fake.state_add, i + 1);
		KUNIT_EXPECT_EQ(test, fake.state_delete, i + 1);
		KUNIT_EXPECT_EQ(test, fake.state_free, i + 1);
		xfrm_offload_release(&x->xso);
		fake_drop_state(x);
	}
	/* an unbind does not wait for a callback of it */
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 2);
}

static struct xfrm_state *larval_state(struct kunit *test)
{
	struct xfrm_state *x = fake_state_alloc(test);

	x->km.state = XFRM_STATE_ACQ;
	fake_hold(&x->xso, fake.dev, XFRM_DEV_OFFLOAD_PACKET);
	x->xso.flags = XFRM_DEV_OFFLOAD_FLAG_ACQ;

	return x;
}

/* A larval SA carries no packets: it is added, and the work, which waits for
 * RTNL here, takes it off the device.
 */
static void add_of_a_broken_larval_sa(struct kunit *test)
{
	struct xfrm_state *x = larval_state(test);

	fake.in_state_add = fake_says_broken;
	rtnl_lock();
	KUNIT_EXPECT_EQ(test, fake_add_state(x, NULL), 0);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 0);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	rtnl_unlock();
	fake_wait_freed(test);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_ACQ);
	fake_drop_state(x);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
}

static void add_refused_while_leaving(struct kunit *test)
{
	struct xfrm_state *x = fake_state_alloc(test);

	xfrm_dev_leave(fake.dev);
	fake_unbind(XFRM_INVALID_DEV_UNREGISTER);
	fake_hold(&x->xso, fake.dev, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, fake_add_state(x, NULL), -ENODEV);
	KUNIT_EXPECT_EQ(test, fake.state_add, 0);

	xfrm_unbind_event(fake.dev, NETDEV_REGISTER);
	KUNIT_EXPECT_EQ(test, fake_add_state(x, NULL), 0);
	fake_drop_state(x);
}

/* A device is registered with esp-hw-offload off. */
static void device_enters_without_the_feature(struct kunit *test)
{
	struct xfrm_state *x = fake_state_alloc(test);

	fake_hold(&x->xso, fake.dev, XFRM_DEV_OFFLOAD_PACKET);
	fake.dev->features &= ~NETIF_F_HW_ESP;
	xfrm_unbind_event(fake.dev, NETDEV_REGISTER);
	KUNIT_EXPECT_EQ(test, fake_add_state(x, NULL), -EOPNOTSUPP);
	fake_set_features(NETIF_F_HW_ESP);
	KUNIT_EXPECT_EQ(test, fake_add_state(x, NULL), 0);
	fake_drop_state(x);
}

/* A packet that passed the last test before the deletion finds its SA on the
 * hardware.
 */
static void delete_drains_before_it_stops(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	get_state_synchronize_rcu_full(&fake.grace);
	fake_drop_state(x);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	KUNIT_EXPECT_TRUE(test, fake.delete_drained);
}

static void delete_inbound_stops_at_once(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	x->xso.dir = XFRM_DEV_OFFLOAD_IN;
	x->km.state = XFRM_STATE_DEAD;
	get_state_synchronize_rcu_full(&fake.grace);
	xfrm_dev_state_delete(x);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	xfrm_offload_flush(fake.dev);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
	KUNIT_EXPECT_TRUE(test, fake.free_drained);
	xfrm_state_put(x);
}

static void deleted_makes_room(struct kunit *test)
{
	static const int full[] = { -ENOSPC, -EEXIST, -EBUSY };
	struct xfrm_state *x, *y;
	int i;

	fake.room = 1;
	for (i = 0; i < ARRAY_SIZE(full); i++) {
		fake.full = full[i];
		x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
		x->km.state = XFRM_STATE_DEAD;
		xfrm_dev_state_delete(x);
		y = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
		KUNIT_EXPECT_EQ(test, fake.state_delete, 2 * i + 1);
		fake_drop_state(y);
		xfrm_state_put(x);
	}
}

/* What the device lacks is not room: the deletion is not waited for. */
static void refusal_waits_for_no_deletion(struct kunit *test)
{
	struct xfrm_state *y = fake_state_alloc(test);

	fake.room = 1;
	fake.full = -EINVAL;
	fake_slow_init(test);
	fake_slow_delete(test);
	fake_hold(&y->xso, fake_slow.dev, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, fake_add_state(y, NULL), -EINVAL);
	KUNIT_EXPECT_FALSE(test, fake_slow.back);
	if (!y->xso.live)
		xfrm_offload_release(&y->xso);
	fake_drop_state(y);
	fake_slow_exit();
}

static void deletion_waits_for_no_other_device(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	fake_slow_init(test);
	fake_slow_delete(test);
	fake_drop_state(x);
	KUNIT_EXPECT_FALSE(test, fake_slow.back);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
	fake_slow_exit();
}

/* A packet adds it, in a context that cannot wait for deferred deletions. */
static void larval_waits_for_no_room(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *larval = larval_state(test);
	int err;

	fake.room = 1;
	fake.full = -ENOSPC;
	x->km.state = XFRM_STATE_DEAD;
	local_bh_disable();
	xfrm_dev_state_delete(x);
	err = fake_add_state(larval, NULL);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	if (err)
		xfrm_offload_release(&larval->xso);
	fake_drop_state(larval);
	fake_drop_state(x);
}

/* No packet is on its way to a larval SA: no grace period is needed. */
static void larval_stops_at_once(struct kunit *test)
{
	struct xfrm_state *larval = larval_state(test);

	KUNIT_EXPECT_EQ(test, fake_add_state(larval, NULL), 0);
	fake.unread = 3;
	local_bh_disable();
	xfrm_dev_state_delete(larval);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	local_bh_enable();
	/* no counters are read: the driver has none */
	KUNIT_EXPECT_EQ(test, larval->curlft.packets, 0);
	fake_drop_state(larval);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 0);
}

/* The larval SA for a template of an offloaded policy */
static void larval_that_is_refused(struct kunit *test)
{
	struct xfrm_policy *xp = fake_policy(test);
	struct xfrm_state *x = fake_state_alloc(test);
	int refs = netdev_refcnt_read(fake.dev);

	fake.refuse = -ENOSPC;
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_larval(x, xp), -ENOSPC);
	rcu_read_unlock();
	KUNIT_EXPECT_NULL(test, x->xso.dev);
	KUNIT_EXPECT_TRUE(test,
			  x->xso.type == XFRM_DEV_OFFLOAD_UNSPECIFIED);
	KUNIT_EXPECT_EQ(test, netdev_refcnt_read(fake.dev), refs);

	fake.refuse = 0;
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, xfrm_offload_add_larval(x, xp), 0);
	rcu_read_unlock();
	KUNIT_EXPECT_PTR_EQ(test, x->xso.dev, fake.dev);
	fake_drop_state(x);
	fake_drop_policy(xp);
}

/* XFRM_MSG_DELSA and XFRM_MSG_DELPOLICY are built after the deletion: they find
 * the counters and the device there.
 */
static void deletion_tells_counters_and_device(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);

	fake.unread = 10;
	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	xp->walk.dead = 1;
	xfrm_dev_policy_delete(xp);
	xfrm_offload_flush(fake.dev);
	KUNIT_EXPECT_EQ(test, x->curlft.packets, 10);
	KUNIT_EXPECT_EQ(test, x->xso.ifindex, fake.dev->ifindex);
	KUNIT_EXPECT_EQ(test, xp->xdo.ifindex, fake.dev->ifindex);
	fake_drop_state(x);
	fake_drop_policy(xp);
}

/* Daemons close a tunnel that is not in use. */
static void counters_that_move_tell_the_last_use(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_state *crypto = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	time64_t start = ktime_get_real_seconds();

	xfrm_dev_pull_stats(x);
	KUNIT_EXPECT_EQ(test, x->lastused, 0);
	KUNIT_EXPECT_EQ(test, x->curlft.use_time, 0);

	fake.unread = 3;
	xfrm_dev_pull_stats(x);
	KUNIT_EXPECT_GE(test, x->lastused, start);
	KUNIT_EXPECT_GE(test, x->curlft.use_time, start);

	x->lastused = 1;
	x->curlft.use_time = 2;
	xfrm_dev_pull_stats(x);
	KUNIT_EXPECT_EQ(test, x->lastused, 1);
	fake.unread = 1;
	xfrm_dev_pull_stats(x);
	KUNIT_EXPECT_GE(test, x->lastused, start);
	KUNIT_EXPECT_EQ(test, x->curlft.use_time, 2);

	/* software notes the use of crypto offload */
	fake.unread = 1;
	xfrm_dev_pull_stats(crypto);
	KUNIT_EXPECT_EQ(test, crypto->lastused, 0);

	/* the last packet, which the device reports when it stops */
	x->lastused = 1;
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_GE(test, x->lastused, start);
	fake_drop_state(x);
	fake_drop_state(crypto);
}

static void deletion_tells_the_last_use(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	fake.unread = 1;
	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	KUNIT_EXPECT_NE(test, x->lastused, 0);
	fake_drop_state(x);
}

static struct kunit_case offload_cases[] = {
	KUNIT_CASE_PARAM(only_what_works_is_taken, suit_gen_params),
	KUNIT_CASE(what_software_does_is_taken),
	KUNIT_CASE_PARAM(what_no_driver_hears_is_refused, untold_gen_params),
	KUNIT_CASE(device_without_offload_is_named),
	KUNIT_CASE(delete_then_free),
	KUNIT_CASE(add_refused_leaves_nothing),
	KUNIT_CASE(add_of_a_broken_sa),
	KUNIT_CASE(add_of_a_broken_larval_sa),
	KUNIT_CASE(add_refused_while_leaving),
	KUNIT_CASE(device_enters_without_the_feature),
	KUNIT_CASE(delete_drains_before_it_stops),
	KUNIT_CASE(delete_inbound_stops_at_once),
	KUNIT_CASE(deleted_makes_room),
	KUNIT_CASE(refusal_waits_for_no_deletion),
	KUNIT_CASE(deletion_waits_for_no_other_device),
	KUNIT_CASE(larval_waits_for_no_room),
	KUNIT_CASE(larval_stops_at_once),
	KUNIT_CASE(larval_that_is_refused),
	KUNIT_CASE(deletion_tells_counters_and_device),
	KUNIT_CASE(counters_that_move_tell_the_last_use),
	KUNIT_CASE(deletion_tells_the_last_use),
	{}
};

static struct kunit_suite offload_suite = {
	.name = "xfrm_offload",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = offload_cases,
};

kunit_test_suite(offload_suite);
