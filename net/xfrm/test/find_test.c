// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of what an outbound packet finds in a SAD in which some SAs are
 * INVALID, and of what the key manager is asked.
 */

#include "fake.h"

struct find_ctx {
	struct xfrm_policy *pol;
	struct xfrm_tmpl *tmpl;
	struct flowi fl;
};

static int find_init(struct kunit *test)
{
	struct find_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	test->priv = ctx;
	ctx->pol = fake_sad_policy(test);
	ctx->tmpl = &ctx->pol->xfrm_vec[0];
	ctx->fl.u.ip4.saddr = HERE;
	ctx->fl.u.ip4.daddr = THERE;

	return fake_sad_init(test);
}

static void find_exit(struct kunit *test)
{
	struct find_ctx *ctx = test->priv;

	ctx->pol->xdo = (struct xfrm_dev_offload){};
	ctx->pol->walk.dead = 1;
	xfrm_policy_destroy(ctx->pol);
	fake_sad_exit(test);
}

static void policy_on_device(struct kunit *test)
{
	struct find_ctx *ctx = test->priv;

	ctx->pol->xdo.type = XFRM_DEV_OFFLOAD_PACKET;
	ctx->pol->xdo.dir = XFRM_DEV_OFFLOAD_OUT;
	ctx->pol->xdo.dev = fake.dev;
	ctx->pol->xdo.live = true;
}

static struct xfrm_state *sad_find(struct kunit *test, int *err)
{
	struct find_ctx *ctx = test->priv;
	xfrm_address_t daddr = { .a4 = THERE }, saddr = { .a4 = HERE };
	struct xfrm_state *x;

	*err = 0;
	local_bh_disable();
	x = xfrm_state_find(&daddr, &saddr, &ctx->fl, ctx->tmpl, ctx->pol, err,
			    AF_INET, 0);
	local_bh_enable();
	if (x)
		xfrm_state_put(x);

	return x;
}

/* --- one name, one SA */

struct named_param {
	const char *name;
	u8 state, type;
	bool policy_on_device;
	u32 reqid;
};

static const struct named_param named_params[] = {
	{ "INVALID, was packet offload; policy converted",
	  XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_PACKET },
	{ "INVALID, was crypto offload",
	  XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_CRYPTO },
	{ "INVALID, policy offloaded again",
	  XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_PACKET, true },
	{ "VALID in software, policy offloaded",
	  XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_UNSPECIFIED, true },
	{ "INVALID, of another template",
	  XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_PACKET, false, 1 },
	{ "VALID, packet offload; policy in software",
	  XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_PACKET },
};

KUNIT_ARRAY_PARAM_DESC(named, named_params, name);

/* Invariant 11, with a template that names the SPI, as those of strongSwan do
 */
static void larval_takes_no_name(struct kunit *test)
{
	const struct named_param *p = test->param_value;
	struct find_ctx *ctx = test->priv;
	struct xfrm_state *x = fake_sad_state(test);
	int err;

	x->km.state = p->state;
	x->xso.type = p->type;
	x->props.reqid += p->reqid;
	xfrm_state_insert(x);
	ctx->tmpl->id.spi = SPI(0);
	if (p->policy_on_device)
		policy_on_device(test);
	KUNIT_EXPECT_NULL(test, sad_find(test, &err));
	KUNIT_EXPECT_LT(test, err, 0);
	KUNIT_EXPECT_EQ(test, fake_count(SPI(0)), 1);
	KUNIT_EXPECT_EQ(test, fake.state_add, 0);
}

static void add_at_acquire(struct kunit *test)
{
	fake_insert(test, XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
}

/* The key manager adds the SA inside the ACQUIRE. */
static void larval_takes_no_name_that_came_meanwhile(struct kunit *test)
{
	struct find_ctx *ctx = test->priv;
	int err;

	ctx->tmpl->id.spi = SPI(0);
	fake_km.at_acquire = add_at_acquire;
	sad_find(test, &err);
	KUNIT_EXPECT_EQ(test, fake_km.acquire, 1);
	KUNIT_EXPECT_EQ(test, fake_count(SPI(0)), 1);
	KUNIT_EXPECT_EQ(test, fake_count(0), 1);
}

static void larval_has_a_name_that_is_free(struct kunit *test)
{
	struct find_ctx *ctx = test->priv;
	int err;

	ctx->tmpl->id.spi = SPI(0);
	KUNIT_EXPECT_NOT_NULL(test, sad_find(test, &err));
	KUNIT_EXPECT_EQ(test, fake_km.acquire, 1);
	KUNIT_EXPECT_EQ(test, fake_count(SPI(0)), 1);
}

/* --- ACQUIREs, and SAs that block */

struct asked_param {
	const char *name;
	u8 state, type;
	bool migrating, policy_on_device;
	int asked, stands;
};

static const struct asked_param asked_params[] = {
	{ "lost its device", XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_PACKET,
	  false, false, 1, true },
	{ "lost its device, the policy is on one", XFRM_STATE_INVALID,
	  XFRM_DEV_OFFLOAD_PACKET, false, true, 1, true },
	{ "lost its device, crypto offload", XFRM_STATE_INVALID,
	  XFRM_DEV_OFFLOAD_CRYPTO, false, false, 1, true },
	{ "migrates, the policy is on a device", XFRM_STATE_INVALID,
	  XFRM_DEV_OFFLOAD_PACKET, true, true, 0, true },
	{ "migrates off the device", XFRM_STATE_INVALID,
	  XFRM_DEV_OFFLOAD_PACKET, true, false, 0, true },
	{ "migrates in software", XFRM_STATE_INVALID,
	  XFRM_DEV_OFFLOAD_UNSPECIFIED, true, false, 0, true },
	{ "migrates in software, the policy is on a device", XFRM_STATE_INVALID,
	  XFRM_DEV_OFFLOAD_UNSPECIFIED, true, true, 0, true },
	{ "is being added", XFRM_STATE_VOID, XFRM_DEV_OFFLOAD_UNSPECIFIED,
	  false, false, 0, true },
	{ "is being added, the policy is on a device", XFRM_STATE_VOID,
	  XFRM_DEV_OFFLOAD_UNSPECIFIED, false, true, 0, true },
	{ "in software, the policy is on a device", XFRM_STATE_VALID,
	  XFRM_DEV_OFFLOAD_UNSPECIFIED, false, true, 1, true },
	{ "is being deleted", XFRM_STATE_DEAD, XFRM_DEV_OFFLOAD_UNSPECIFIED,
	  false, false, 0, true },
	{ "expired", XFRM_STATE_EXPIRED, XFRM_DEV_OFFLOAD_UNSPECIFIED,
	  false, false, 0, false },
	{ "never negotiated", XFRM_STATE_ACQ, XFRM_DEV_OFFLOAD_UNSPECIFIED,
	  false, false, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(asked, asked_params, name);

static void asked_or_not(struct kunit *test)
{
	const struct asked_param *p = test->param_value;
	struct xfrm_state *x = fake_insert(test, p->state, p->type);
	int n, err;

	x->invalid.migrating = p->migrating;
	if (p->policy_on_device)
		policy_on_device(test);

	/* the second time a larval SA may exist */
	for (n = 0; n < 2; n++) {
		struct xfrm_state *found = sad_find(test, &err);

		if (p->stands) {
			KUNIT_EXPECT_NULL(test, found);
			KUNIT_EXPECT_EQ(test, err, -EKEYREVOKED);
		} else {
			KUNIT_EXPECT_NE(test, err, -EKEYREVOKED);
		}
	}
	KUNIT_EXPECT_EQ(test, fake_km.acquire, p->asked);
	KUNIT_EXPECT_EQ(test, fake.state_add, p->asked && p->policy_on_device);
	x->km.state = XFRM_STATE_VALID; /* for fake_sad_exit() */
}

/* An INVALID SA with any source address blocks an optional template too. */
static void wildcard_source_stands(struct kunit *test)
{
	struct find_ctx *ctx = test->priv;
	struct xfrm_state *x = fake_sad_state(test);
	int err;

	x->props.saddr.a4 = 0;
	x->km.state = XFRM_STATE_INVALID;
	x->xso.type = XFRM_DEV_OFFLOAD_PACKET;
	xfrm_state_insert(x);
	ctx->tmpl->optional = 1;
	KUNIT_EXPECT_NULL(test, sad_find(test, &err));
	KUNIT_EXPECT_EQ(test, err, -EKEYREVOKED);
}

/* An SA that does not serve the flow does not block it. */
static void only_what_serves_stands(struct kunit *test)
{
	struct find_ctx *ctx = test->priv;
	struct xfrm_state *x;

	x = fake_insert(test, XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	policy_on_device(test);
	rcu_read_lock();
	KUNIT_EXPECT_NE(test, xfrm_state_stands(ctx->pol, x, &ctx->fl, AF_INET),
			0);
	x->pcpu_num = 3;
	KUNIT_EXPECT_EQ(test, xfrm_state_stands(ctx->pol, x, &ctx->fl, AF_INET),
			0);
	x->pcpu_num = UINT_MAX;
	x->sel.family = AF_INET;
	x->sel.daddr.a4 = ELSEWHERE;
	x->sel.prefixlen_d = 32;
	KUNIT_EXPECT_EQ(test, xfrm_state_stands(ctx->pol, x, &ctx->fl, AF_INET),
			0);
	x->sel.daddr.a4 = THERE;
	KUNIT_EXPECT_NE(test, xfrm_state_stands(ctx->pol, x, &ctx->fl, AF_INET),
			0);
	x->sel.family = AF_INET6;
	KUNIT_EXPECT_EQ(test, xfrm_state_stands(ctx->pol, x, &ctx->fl, AF_INET),
			0);
	rcu_read_unlock();
}

static void valid_beside_invalid_is_found(struct kunit *test)
{
	struct xfrm_state *x, *y;
	int err;

	x = fake_insert(test, XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = fake_sad_state(test);
	y->id.spi = SPI(1);
	y->km.state = XFRM_STATE_INVALID;
	y->xso.type = XFRM_DEV_OFFLOAD_PACKET;
	xfrm_state_insert(y);
	KUNIT_EXPECT_PTR_EQ(test, sad_find(test, &err), x);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, fake_km.acquire, 0);
}

/* --- policy and SA on different devices */

struct mismatch_param {
	const char *name;
	u8 type;
	bool policy_on_device, named, larval;
	int err, counted;
	bool follows;
};

static const struct mismatch_param mismatch_params[] = {
	{ "both in software", XFRM_DEV_OFFLOAD_UNSPECIFIED },
	{ "both on the device", XFRM_DEV_OFFLOAD_PACKET, true },
	{ "SA in software, named", XFRM_DEV_OFFLOAD_UNSPECIFIED, true, true,
	  false, -ENXIO, 1 },
	{ "SA in software", XFRM_DEV_OFFLOAD_UNSPECIFIED, true, false,
	  true, -EKEYREVOKED, 1 },
	{ "SA of crypto offload, named", XFRM_DEV_OFFLOAD_CRYPTO, true, true,
	  false, -ENXIO, 1 },
	{ "SA on the device, named", XFRM_DEV_OFFLOAD_PACKET, false, true,
	  false, -ENXIO, 1, IS_ENABLED(CONFIG_XFRM_MIGRATE) },
	{ "SA on the device", XFRM_DEV_OFFLOAD_PACKET, false, false,
	  true, -EKEYREVOKED, 1, IS_ENABLED(CONFIG_XFRM_MIGRATE) },
};

KUNIT_ARRAY_PARAM_DESC(mismatch, mismatch_params, name);

static void mismatch_is_told(struct kunit *test)
{
	const struct mismatch_param *p = test->param_value;
	struct find_ctx *ctx = test->priv;
	const int mib = LINUX_MIB_XFRMOUTOFFLOADMISMATCH;
	unsigned long before = fake_mib(mib);
	struct xfrm_state *x;
	int err;

	x = fake_insert(test, XFRM_STATE_VALID, p->type);
	if (p->policy_on_device)
		policy_on_device(test);
	if (p->type != XFRM_DEV_OFFLOAD_UNSPECIFIED) {
		x->xso.dev = fake.dev;
		x->xso.live = true;
	}
	ctx->tmpl->id.spi = p->named ? SPI(0) : 0;
	KUNIT_EXPECT_PTR_EQ(test, sad_find(test, &err), p->err ? NULL : x);
	KUNIT_EXPECT_EQ(test, err, p->err);
	KUNIT_EXPECT_EQ(test, fake_km.acquire, p->larval);
	KUNIT_EXPECT_EQ(test, fake_mib(mib) - before, p->counted);

	/* it is refused if it is known when the policy is added and cannot follow */
	ctx->tmpl->id.spi = SPI(0);
	ctx->pol->selector.daddr.a4 = THERE;
	KUNIT_EXPECT_EQ(test,
			xfrm_offload_suits_policy(ctx->pol, XFRM_POLICY_OUT,
						  p->policy_on_device ?
						  fake.dev : NULL, NULL),
			p->err && !p->follows ? -ENXIO : 0);
	if (p->follows) {
		fake.dev->xfrmdev_ops = &fake_old_ops;
		KUNIT_EXPECT_EQ(test,
				xfrm_offload_suits_policy(ctx->pol,
							  XFRM_POLICY_OUT, NULL,
							  NULL), -ENXIO);
	}
	KUNIT_EXPECT_EQ(test,
			xfrm_offload_suits_policy(ctx->pol, XFRM_POLICY_IN,
						  p->policy_on_device ?
						  fake.dev : NULL, NULL), 0);
	x->xso.live = false;
	x->xso.dev = NULL;
}

static struct kunit_case find_cases[] = {
	KUNIT_CASE_PARAM(larval_takes_no_name, named_gen_params),
	KUNIT_CASE(larval_takes_no_name_that_came_meanwhile),
	KUNIT_CASE(larval_has_a_name_that_is_free),
	KUNIT_CASE_PARAM(asked_or_not, asked_gen_params),
	KUNIT_CASE(wildcard_source_stands),
	KUNIT_CASE(only_what_serves_stands),
	KUNIT_CASE(valid_beside_invalid_is_found),
	KUNIT_CASE_PARAM(mismatch_is_told, mismatch_gen_params),
	{}
};

static struct kunit_suite find_suite = {
	.name = "xfrm_find",
	.init = find_init,
	.exit = find_exit,
	.test_cases = find_cases,
};

kunit_test_suite(find_suite);
