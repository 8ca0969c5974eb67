// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of XFRM_MSG_MIGRATE: several SAs and a policy go to other
 * addresses, all of them or none.
 */

#include "fake.h"

static const struct xfrm_migrate migrate_both[] = {
	{ .old_daddr.a4 = THERE, .old_saddr.a4 = HERE,
	  .new_daddr.a4 = ELSEWHERE, .new_saddr.a4 = HERE,
	  .old_family = AF_INET, .new_family = AF_INET,
	  .proto = IPPROTO_ESP, .mode = XFRM_MODE_TRANSPORT, .reqid = REQID },
	{ .old_daddr.a4 = THERE, .old_saddr.a4 = HERE,
	  .new_daddr.a4 = ELSEWHERE, .new_saddr.a4 = HERE,
	  .old_family = AF_INET, .new_family = AF_INET,
	  .proto = IPPROTO_ESP, .mode = XFRM_MODE_TRANSPORT,
	  .reqid = REQID + 1 },
};

static struct xfrm_policy *migrated_policy(struct kunit *test, u32 reqid)
{
	struct xfrm_policy *pol = fake_sad_policy(test);
	struct xfrm_selector *sel = &pol->selector;

	sel->saddr.a4 = HERE;
	sel->daddr.a4 = THERE;
	sel->prefixlen_s = 32;
	sel->prefixlen_d = 32;
	pol->xfrm_vec[0].reqid = reqid;
	KUNIT_ASSERT_EQ(test, xfrm_policy_insert(XFRM_POLICY_OUT, pol, 1), 0);

	return pol;
}

static int migrate_entries(struct kunit *test, u32 reqid, int entries,
			   u32 second)
{
	struct xfrm_policy *pol = migrated_policy(test, reqid);
	struct xfrm_selector sel = pol->selector;
	struct netlink_ext_ack extack = {};
	struct xfrm_migrate m[2];
	int err;

	memcpy(m, migrate_both, sizeof(m));
	m[1].reqid = second;
	mutex_lock(&init_net.xfrm.xfrm_cfg_mutex);
	err = xfrm_migrate(&sel, XFRM_POLICY_OUT, XFRM_POLICY_TYPE_MAIN, m,
			   entries, NULL, &init_net, NULL, 0, &extack);
	mutex_unlock(&init_net.xfrm.xfrm_cfg_mutex);
	xfrm_policy_delete(pol, XFRM_POLICY_OUT);

	return err;
}

static int migrate(struct kunit *test, u32 reqid, int entries)
{
	return migrate_entries(test, reqid, entries, REQID + 1);
}

static bool carried_meanwhile;

static void look_at_the_first(struct xfrm_state *x)
{
	carried_meanwhile = fake_carries(ELSEWHERE, SPI(0));
}

/* The device of the second SA cannot tell its last number. The clone of the
 * first one must not carry packets before that is known, or the numbers that
 * the first one is left with are wrong.
 */
static void migrate_of_two_second_fails(struct kunit *test)
{
	struct xfrm_state *x, *y;

	carried_meanwhile = false;
	fake.unbind_says = -EIO;
	fake.in_state_unbind = look_at_the_first;
	x = fake_insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = fake_insert_real(test, SPI(1), REQID + 1, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_LT(test, migrate(test, REQID, 2), 0);
	KUNIT_EXPECT_FALSE(test, carried_meanwhile);
	KUNIT_EXPECT_FALSE(test, fake_carries(ELSEWHERE, SPI(0)));
	KUNIT_EXPECT_NULL(test, fake_lookup(ELSEWHERE, SPI(0)));
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_TRUE(test, x->invalid.exact);
	KUNIT_EXPECT_FALSE(test, x->invalid.migrating);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 7);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_FALSE(test, y->invalid.exact);
	KUNIT_EXPECT_FALSE(test, y->invalid.migrating);
	KUNIT_EXPECT_EQ(test, fake_km.update, 2);
	xfrm_state_put(x);
	xfrm_state_put(y);
}

/* A request that cannot succeed is refused before anything is touched. */
static void migrate_of_two_first_is_untouched(struct kunit *test,
					      struct xfrm_state *x,
					      struct xfrm_state *y, u32 reqid,
					      int err)
{
	KUNIT_EXPECT_EQ(test, migrate(test, reqid, 2), err);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_FALSE(test, x->invalid.migrating);
	KUNIT_EXPECT_FALSE(test, fake_carries(ELSEWHERE, SPI(0)));
	KUNIT_EXPECT_FALSE(test, fake_carries(ELSEWHERE, SPI(1)));
	KUNIT_EXPECT_EQ(test, fake_km.expire, 0);
	xfrm_state_put(x);
	xfrm_state_put(y);
}

static void migrate_old_driver(struct kunit *test)
{
	struct xfrm_state *x, *y;

	fake.dev->xfrmdev_ops = &fake_old_ops;
	x = fake_insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = fake_insert_real(test, SPI(1), REQID + 1, XFRM_DEV_OFFLOAD_PACKET);
	migrate_of_two_first_is_untouched(test, x, y, REQID, -EOPNOTSUPP);
}

static void migrate_no_template(struct kunit *test)
{
	struct xfrm_state *x, *y;

	x = fake_insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = fake_insert_real(test, SPI(1), REQID + 1,
			     XFRM_DEV_OFFLOAD_UNSPECIFIED);
	migrate_of_two_first_is_untouched(test, x, y, REQID + 2, -ENODATA);
}

static void migrate_target_taken(struct kunit *test)
{
	struct xfrm_state *x, *y, *taken;

	x = fake_insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = fake_insert_real(test, SPI(1), REQID + 1,
			     XFRM_DEV_OFFLOAD_UNSPECIFIED);
	taken = fake_real_state(test, SPI(1), REQID);
	taken->id.daddr.a4 = ELSEWHERE;
	taken->km.state = XFRM_STATE_ERROR;
	xfrm_state_insert(taken);
	migrate_of_two_first_is_untouched(test, x, y, REQID, -EEXIST);
}

static void migrate_takes_both(struct kunit *test)
{
	struct xfrm_state *x, *y, *xc, *yc;

	x = fake_insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = fake_insert_real(test, SPI(1), REQID + 1, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, migrate(test, REQID, 2), 0);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 0);
	xc = fake_lookup(ELSEWHERE, SPI(0));
	yc = fake_lookup(ELSEWHERE, SPI(1));
	KUNIT_ASSERT_NOT_NULL(test, xc);
	KUNIT_ASSERT_NOT_NULL(test, yc);
	KUNIT_EXPECT_EQ(test, xc->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, yc->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_FALSE(test, xc->invalid.migrating);
	KUNIT_EXPECT_EQ(test, xc->replay.oseq, 7);
	KUNIT_EXPECT_EQ(test, yc->replay.oseq, 41);
	xfrm_state_put(xc);
	xfrm_state_put(yc);
	xfrm_state_put(x);
	xfrm_state_put(y);
}

/* The second of two entries names any reqid, and so the same SA. */
static void migrate_of_one_twice(struct kunit *test)
{
	struct xfrm_state *x, *xc;

	x = fake_insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, migrate_entries(test, REQID, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_DEAD);
	xc = fake_lookup(ELSEWHERE, SPI(0));
	KUNIT_ASSERT_NOT_NULL(test, xc);
	KUNIT_EXPECT_EQ(test, xc->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, xc->replay.oseq, 41);
	xfrm_state_put(xc);
	xfrm_state_put(x);
}

/* --- the SA that an entry names */

struct meant_param {
	const char *name;
	u8 state[3];
	int meant;	/* -1: none */
};

/* Each is listed in the order of addition. */
static const struct meant_param meant_params[] = {
	{ "INVALID and VALID", { XFRM_STATE_VALID, XFRM_STATE_INVALID }, 0 },
	{ "VALID and INVALID", { XFRM_STATE_INVALID, XFRM_STATE_VALID }, 1 },
	{ "a larval one and VALID", { XFRM_STATE_VALID, XFRM_STATE_ACQ }, 0 },
	{ "a larval one and INVALID",
	  { XFRM_STATE_INVALID, XFRM_STATE_ACQ }, 0 },
	{ "INVALID, expired, VALID",
	  { XFRM_STATE_VALID, XFRM_STATE_EXPIRED, XFRM_STATE_INVALID }, 0 },
	{ "the newest of those that are VALID",
	  { XFRM_STATE_VALID, XFRM_STATE_VALID, XFRM_STATE_INVALID }, 1 },
	{ "a larval one", { XFRM_STATE_ACQ }, -1 },
};

KUNIT_ARRAY_PARAM_DESC(meant, meant_params, name);

static void entry_means(struct kunit *test)
{
	const struct meant_param *p = test->param_value;
	struct xfrm_state *x[3] = {}, *found;
	struct xfrm_migrate m = migrate_both[0];
	int i;

	for (i = 0; i < 3 && p->state[i]; i++) {
		x[i] = fake_sad_state(test);
		x[i]->id.spi = SPI(i);
		x[i]->km.state = p->state[i];
		if (p->state[i] == XFRM_STATE_INVALID)
			x[i]->xso.type = XFRM_DEV_OFFLOAD_PACKET;
		xfrm_state_insert(x[i]);
	}
	for (i = 0; i < 2; i++) {
		found = xfrm_migrate_state_find(&m, &init_net, 0);
		KUNIT_EXPECT_PTR_EQ_MSG(test, found,
					p->meant < 0 ? NULL : x[p->meant],
					"reqid %u", m.reqid);
		if (found)
			xfrm_state_put(found);
		m.reqid = 0;
	}
}

static struct kunit_case migrate_policy_cases[] = {
	KUNIT_CASE(migrate_of_two_second_fails),
	KUNIT_CASE(migrate_old_driver),
	KUNIT_CASE(migrate_no_template),
	KUNIT_CASE(migrate_target_taken),
	KUNIT_CASE(migrate_takes_both),
	KUNIT_CASE(migrate_of_one_twice),
	KUNIT_CASE_PARAM(entry_means, meant_gen_params),
	{}
};

static struct kunit_suite migrate_policy_suite = {
	.name = "xfrm_migrate_policy",
	.init = fake_sad_init,
	.exit = fake_sad_exit,
	.test_cases = migrate_policy_cases,
};

kunit_test_suite(migrate_policy_suite);
