// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of a SAD in which some SAs are INVALID: what a packet finds, what
 * an addition replaces, what a migration takes. They use the tables of init_net,
 * a key manager that counts, and a device that is a table of callbacks.
 */

#include <kunit/test.h>
#include <linux/net.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>
#include <net/xfrm.h>
#include <net/xfrm_migrate_state.h>
#include <trace/events/lock.h>

#include "../xfrm_offload.h"
#include "fake.h"

#define HERE	cpu_to_be32(0x0a4b0001)
#define THERE	cpu_to_be32(0x0a4b0002)
#define ELSEWHERE	cpu_to_be32(0x0a4b0003)
#define SPI(n)	cpu_to_be32(0x4b01 + (n))
#define REQID	4711

struct sad_ctx {
	struct net_device *dev;
	struct xfrm_policy *pol;
	struct xfrm_tmpl *tmpl;
	struct flowi fl;
	int refs;
};

/* What the key manager heard, and what it does at an ACQUIRE. */
static struct {
	int acquire, expire, new_sa;
	void (*at_acquire)(struct kunit *test);
	struct kunit *test;
} km;

static struct {
	int adds;
	bool silent;
	void (*at_unbind)(struct kunit *test);
} nic;

static int km_notify(struct xfrm_state *x, const struct km_event *c)
{
	if (c->event == XFRM_MSG_EXPIRE)
		km.expire++;
	if (c->event == XFRM_MSG_NEWSA)
		km.new_sa++;
	return 0;
}

static int km_acquire(struct xfrm_state *x, struct xfrm_tmpl *tmpl,
		      struct xfrm_policy *xp)
{
	km.acquire++;
	if (km.at_acquire)
		km.at_acquire(km.test);
	return 0;
}

static bool km_alive(const struct km_event *c)
{
	return true;
}

static struct xfrm_mgr counting_km = {
	.notify		= km_notify,
	.acquire	= km_acquire,
	.is_alive	= km_alive,
};

static int nic_state_add(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	nic.adds++;
	return 0;
}

static void nic_state_delete(struct xfrm_state *x)
{
}

static int nic_state_unbind(struct net_device *dev, struct xfrm_state *x,
			    struct xfrm_dev_counters *final)
{
	if (nic.at_unbind)
		nic.at_unbind(km.test);
	final->seq = 41;
	final->bytes = 1000;
	final->packets = 10;
	return nic.silent ? -EIO : 0;
}

static const struct xfrmdev_ops nic_ops = {
	.xdo_dev_state_add	= nic_state_add,
	.xdo_dev_state_delete	= nic_state_delete,
	.xdo_dev_state_unbind	= nic_state_unbind,
};

/* A driver from before xdo_dev_state_unbind */
static const struct xfrmdev_ops nic_old_ops = {
	.xdo_dev_state_add	= nic_state_add,
	.xdo_dev_state_delete	= nic_state_delete,
};

static struct xfrm_policy *sad_policy(struct kunit *test)
{
	struct xfrm_policy *pol = xfrm_policy_alloc(&init_net, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pol);
	pol->family = AF_INET;
	pol->selector.family = AF_INET;
	pol->xfrm_nr = 1;
	pol->xfrm_vec[0] = (struct xfrm_tmpl){
		.id = { .proto = IPPROTO_ESP },
		.encap_family = AF_INET,
		.reqid = REQID,
		.mode = XFRM_MODE_TRANSPORT,
		.aalgos = ~0, .ealgos = ~0, .calgos = ~0,
	};

	return pol;
}

static int sad_init(struct kunit *test)
{
	struct sad_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	test->priv = ctx;
	ctx->dev = fake_nic(test, "fakenic%d", &nic_ops);
	ctx->refs = netdev_refcnt_read(ctx->dev);
	ctx->pol = sad_policy(test);
	ctx->tmpl = &ctx->pol->xfrm_vec[0];
	ctx->fl.u.ip4.saddr = HERE;
	ctx->fl.u.ip4.daddr = THERE;
	memset(&km, 0, sizeof(km));
	km.test = test;
	memset(&nic, 0, sizeof(nic));
	xfrm_register_km(&counting_km);

	return 0;
}

static void sad_exit(struct kunit *test)
{
	struct sad_ctx *ctx = test->priv;

	xfrm_unregister_km(&counting_km);
	ctx->pol->walk.dead = 1;
	xfrm_policy_destroy(ctx->pol);
	xfrm_state_flush(&init_net, 0, false);
	xfrm_offload_flush(ctx->dev);
	xfrm_flush_gc();
	KUNIT_EXPECT_EQ(test, netdev_refcnt_read(ctx->dev), ctx->refs);
	rcu_barrier();
	free_netdev(ctx->dev);
}

/* An SA that is not in the SAD yet. */
static struct xfrm_state *sad_state(struct kunit *test)
{
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);
	x->id.daddr.a4 = THERE;
	x->id.spi = SPI(0);
	x->id.proto = IPPROTO_ESP;
	x->props.saddr.a4 = HERE;
	x->props.family = AF_INET;
	x->props.mode = XFRM_MODE_TRANSPORT;
	x->props.reqid = REQID;
	x->km.state = XFRM_STATE_VALID;

	return x;
}

static struct xfrm_state *sad_insert(struct kunit *test, u8 state, u8 type)
{
	struct xfrm_state *x = sad_state(test);

	x->km.state = state;
	x->xso.type = type;
	xfrm_state_insert(x);

	return x;
}

static void policy_on_device(struct kunit *test)
{
	struct sad_ctx *ctx = test->priv;

	ctx->pol->xdo.type = XFRM_DEV_OFFLOAD_PACKET;
	ctx->pol->xdo.dir = XFRM_DEV_OFFLOAD_OUT;
	ctx->pol->xdo.dev = ctx->dev;
	ctx->pol->xdo.live = true;
}

static struct xfrm_state *sad_find(struct kunit *test, int *err)
{
	struct sad_ctx *ctx = test->priv;
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

static int count_states(__be32 spi)
{
	struct xfrm_state_walk *w;
	int n = 0;

	spin_lock_bh(&init_net.xfrm.xfrm_state_lock);
	list_for_each_entry(w, &init_net.xfrm.state_all, all) {
		struct xfrm_state *x = container_of(w, struct xfrm_state, km);

		if (w->state != XFRM_STATE_DEAD && x->id.spi == spi &&
		    x->id.daddr.a4 == THERE)
			n++;
	}
	spin_unlock_bh(&init_net.xfrm.xfrm_state_lock);

	return n;
}

/* --- one name, one SA ---------------------------------------------------- */

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

/* Invariant 11. A template that names the SPI, as strongSwan's do. */
static void larval_takes_no_name(struct kunit *test)
{
	const struct named_param *p = test->param_value;
	struct sad_ctx *ctx = test->priv;
	struct xfrm_state *x = sad_state(test);
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
	KUNIT_EXPECT_EQ(test, count_states(SPI(0)), 1);
	KUNIT_EXPECT_EQ(test, nic.adds, 0);
}

static void add_at_acquire(struct kunit *test)
{
	sad_insert(test, XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
}

/* The key manager is as fast as it can be. */
static void larval_takes_no_name_that_came_meanwhile(struct kunit *test)
{
	struct sad_ctx *ctx = test->priv;
	int err;

	ctx->tmpl->id.spi = SPI(0);
	km.at_acquire = add_at_acquire;
	sad_find(test, &err);
	KUNIT_EXPECT_EQ(test, km.acquire, 1);
	KUNIT_EXPECT_EQ(test, count_states(SPI(0)), 1);
	KUNIT_EXPECT_EQ(test, count_states(0), 1);
}

static void larval_has_a_name_that_is_free(struct kunit *test)
{
	struct sad_ctx *ctx = test->priv;
	int err;

	ctx->tmpl->id.spi = SPI(0);
	KUNIT_EXPECT_NOT_NULL(test, sad_find(test, &err));
	KUNIT_EXPECT_EQ(test, km.acquire, 1);
	KUNIT_EXPECT_EQ(test, count_states(SPI(0)), 1);
}

/* --- ACQUIREs, and what blocks ------------------------------------------- */

struct asked_param {
	const char *name;
	u8 state, type;
	bool moving, policy_on_device;
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
	struct xfrm_state *x = sad_insert(test, p->state, p->type);
	int n, err;

	x->invalid.migrating = p->moving;
	if (p->policy_on_device)
		policy_on_device(test);

	/* the second time there may be a larval SA beside it */
	for (n = 0; n < 2; n++) {
		struct xfrm_state *found = sad_find(test, &err);

		if (p->stands) {
			KUNIT_EXPECT_NULL(test, found);
			KUNIT_EXPECT_EQ(test, err, -EKEYREVOKED);
		} else {
			KUNIT_EXPECT_NE(test, err, -EKEYREVOKED);
		}
	}
	KUNIT_EXPECT_EQ(test, km.acquire, p->asked);
	KUNIT_EXPECT_EQ(test, nic.adds, p->asked && p->policy_on_device);
	x->km.state = XFRM_STATE_VALID; /* for sad_exit() */
}

/* --- policy and SA on two sides ------------------------------------------- */

struct mismatch_param {
	const char *name;
	u8 type;
	bool policy_on_device, named, larval;
	int err, counted;
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
	  false, -ENXIO, 1 },
	{ "SA on the device", XFRM_DEV_OFFLOAD_PACKET, false, false,
	  true, -EKEYREVOKED, 1 },
};

KUNIT_ARRAY_PARAM_DESC(mismatch, mismatch_params, name);

static unsigned long mismatches(void)
{
	return snmp_fold_field((void __percpu *)init_net.mib.xfrm_statistics,
			       LINUX_MIB_XFRMOUTOFFLOADMISMATCH);
}

static void mismatch_is_told(struct kunit *test)
{
	const struct mismatch_param *p = test->param_value;
	struct sad_ctx *ctx = test->priv;
	unsigned long before = mismatches();
	struct xfrm_state *x;
	int err;

	x = sad_insert(test, XFRM_STATE_VALID, p->type);
	if (p->policy_on_device)
		policy_on_device(test);
	if (p->type != XFRM_DEV_OFFLOAD_UNSPECIFIED) {
		x->xso.dev = ctx->dev;
		x->xso.live = true;
	}
	ctx->tmpl->id.spi = p->named ? SPI(0) : 0;
	KUNIT_EXPECT_PTR_EQ(test, sad_find(test, &err), p->err ? NULL : x);
	KUNIT_EXPECT_EQ(test, err, p->err);
	KUNIT_EXPECT_EQ(test, km.acquire, p->larval);
	KUNIT_EXPECT_EQ(test, mismatches() - before, p->counted);

	/* what is known when the policy is added */
	ctx->tmpl->id.spi = SPI(0);
	ctx->pol->selector.daddr.a4 = THERE;
	KUNIT_EXPECT_EQ(test,
			xfrm_offload_suits_policy(ctx->pol, XFRM_POLICY_OUT,
						  p->policy_on_device ?
						  ctx->dev : NULL, NULL),
			p->err ? -ENXIO : 0);
	KUNIT_EXPECT_EQ(test,
			xfrm_offload_suits_policy(ctx->pol, XFRM_POLICY_IN,
						  p->policy_on_device ?
						  ctx->dev : NULL, NULL), 0);
	x->xso.live = false;
	x->xso.dev = NULL;
}

struct exact_param {
	const char *name;
	struct xfrm_mark mark;
	int found;	/* -1: none */
};

/* Two SAs of one SPI: mark 1/1 and mark 1/3 */
static const struct exact_param exact_params[] = {
	{ "the first", { 1, 1 }, 0 },
	{ "the second", { 1, 3 }, 1 },
	{ "its bits beyond the mask do not count", { 5, 3 }, 1 },
	{ "another mask", { 1, 7 }, -1 },
	{ "another mark", { 2, 3 }, -1 },
	{ "none", { 0, 0 }, -1 },
};

KUNIT_ARRAY_PARAM_DESC(exact, exact_params, name);

static void exact_mark_is_found(struct kunit *test)
{
	const struct exact_param *p = test->param_value;
	struct xfrm_state *x[2], *y;
	int i;

	for (i = 0; i < 2; i++) {
		x[i] = sad_state(test);
		x[i]->mark = exact_params[i].mark;
		xfrm_state_insert(x[i]);
	}
	spin_lock_bh(&init_net.xfrm.xfrm_state_lock);
	y = xfrm_state_lookup_exact(&init_net, &p->mark, &x[0]->id.daddr,
				    SPI(0), IPPROTO_ESP, AF_INET);
	spin_unlock_bh(&init_net.xfrm.xfrm_state_lock);
	KUNIT_EXPECT_PTR_EQ(test, y, p->found < 0 ? NULL : x[p->found]);
}

/* An SA of any source stands for a template, too. */
static void wildcard_source_stands(struct kunit *test)
{
	struct sad_ctx *ctx = test->priv;
	struct xfrm_state *x = sad_state(test);
	int err;

	x->props.saddr.a4 = 0;
	x->km.state = XFRM_STATE_INVALID;
	x->xso.type = XFRM_DEV_OFFLOAD_PACKET;
	xfrm_state_insert(x);
	ctx->tmpl->optional = 1;
	KUNIT_EXPECT_NULL(test, sad_find(test, &err));
	KUNIT_EXPECT_EQ(test, err, -EKEYREVOKED);
}

/* One that does not serve the flow says nothing about it. */
static void only_what_serves_stands(struct kunit *test)
{
	struct sad_ctx *ctx = test->priv;
	struct xfrm_state *x;

	x = sad_insert(test, XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
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
	rcu_read_unlock();
}

/* A mark is a part of the name. */
static void twin_has_the_same_mark(struct kunit *test)
{
	struct xfrm_state *x, *y = sad_state(test);

	x = sad_state(test);
	x->mark = (struct xfrm_mark){ .v = 1, .m = 1 };
	xfrm_state_insert(x);
	y->mark = (struct xfrm_mark){ .v = 2, .m = 3 };
	KUNIT_EXPECT_FALSE(test, xfrm_state_has_twin(y));
	y->mark.v = 3;
	KUNIT_EXPECT_TRUE(test, xfrm_state_has_twin(y));
	y->km.state = XFRM_STATE_DEAD;
	xfrm_state_put(y);
}

/* Packets find an SA by caches, too. */
static void invalid_is_in_no_cache(struct kunit *test)
{
	struct xfrm_state *x = sad_insert(test, XFRM_STATE_VALID,
					  XFRM_DEV_OFFLOAD_UNSPECIFIED);
	struct hlist_head cache = {}, input = {};

	hlist_add_head_rcu(&x->state_cache, &cache);
	hlist_add_head_rcu(&x->state_cache_input, &input);
	spin_lock_bh(&x->lock);
	xfrm_state_go_invalid(x, XFRM_INVALID_DEV_DOWN, NULL);
	spin_unlock_bh(&x->lock);
	KUNIT_EXPECT_TRUE(test, hlist_empty(&cache));
	KUNIT_EXPECT_TRUE(test, hlist_empty(&input));
	if (!hlist_unhashed(&x->state_cache))
		hlist_del_init_rcu(&x->state_cache);
	if (!hlist_unhashed(&x->state_cache_input))
		hlist_del_init_rcu(&x->state_cache_input);
}

/* One that is added as INVALID is told of; one that lost its device was. */
static void added_as_invalid_is_told(struct kunit *test)
{
	struct xfrm_state *x = sad_insert(test, XFRM_STATE_INVALID,
					  XFRM_DEV_OFFLOAD_UNSPECIFIED);

	x->invalid.reason = XFRM_INVALID_DEV_DOWN;
	xfrm_invalid_tell_added(x);
	KUNIT_EXPECT_EQ(test, km.expire, 0);
	x->invalid.reason = XFRM_INVALID_TAIL;
	xfrm_invalid_tell_added(x);
	KUNIT_EXPECT_EQ(test, km.expire, 1);
}

static void valid_beside_invalid_is_found(struct kunit *test)
{
	struct xfrm_state *x, *y;
	int err;

	x = sad_insert(test, XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = sad_state(test);
	y->id.spi = SPI(1);
	y->km.state = XFRM_STATE_INVALID;
	y->xso.type = XFRM_DEV_OFFLOAD_PACKET;
	xfrm_state_insert(y);
	KUNIT_EXPECT_PTR_EQ(test, sad_find(test, &err), x);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, km.acquire, 0);
}

static struct kunit_case find_cases[] = {
	KUNIT_CASE_PARAM(larval_takes_no_name, named_gen_params),
	KUNIT_CASE(larval_takes_no_name_that_came_meanwhile),
	KUNIT_CASE(larval_has_a_name_that_is_free),
	KUNIT_CASE_PARAM(asked_or_not, asked_gen_params),
	KUNIT_CASE_PARAM(mismatch_is_told, mismatch_gen_params),
	KUNIT_CASE(wildcard_source_stands),
	KUNIT_CASE_PARAM(exact_mark_is_found, exact_gen_params),
	KUNIT_CASE(only_what_serves_stands),
	KUNIT_CASE(twin_has_the_same_mark),
	KUNIT_CASE(invalid_is_in_no_cache),
	KUNIT_CASE(added_as_invalid_is_told),
	KUNIT_CASE(valid_beside_invalid_is_found),
	{}
};

static struct kunit_suite find_suite = {
	.name = "xfrm_state_find",
	.init = sad_init,
	.exit = sad_exit,
	.test_cases = find_cases,
};

/* --- what an addition replaces ------------------------------------------- */

#define MARK_5		{ 5, 0xff }
#define NO_MARK		{ 0, 0 }

struct add_param {
	const char *name;
	struct {
		u8 state, type;
		struct xfrm_mark mark;
		bool stays;
	} sa[2];
	int err, found;
};

/* Each adds one of mark 5/0xff; @found: of the two, -1: the new one. */
static const struct add_param add_params[] = {
	{ "INVALID of any mark, before a VALID one",
	  { { XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_PACKET, NO_MARK, true },
	    { XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_UNSPECIFIED, MARK_5, true } },
	  -EEXIST, 1 },
	{ "INVALID of any mark, before a larval one",
	  { { XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_PACKET, NO_MARK, true },
	    { XFRM_STATE_ACQ, XFRM_DEV_OFFLOAD_UNSPECIFIED, MARK_5, true } },
	  -EEXIST, 1 },
	{ "INVALID of the same mark",
	  { { XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_PACKET, MARK_5, false } },
	  0, -1 },
	{ "INVALID of any mark",
	  { { XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_PACKET, NO_MARK, true } },
	  0, -1 },
	{ "INVALID of any mark, and of the same",
	  { { XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_PACKET, NO_MARK, true },
	    { XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_CRYPTO, MARK_5, false } },
	  0, -1 },
	{ "INVALID of the same mark, before a VALID one of any",
	  { { XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_PACKET, MARK_5, true },
	    { XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_UNSPECIFIED, NO_MARK, true } },
	  -EEXIST, 1 },
};

KUNIT_ARRAY_PARAM_DESC(add, add_params, name);

static void add_replaces_its_own(struct kunit *test)
{
	const struct add_param *p = test->param_value;
	struct xfrm_state *x, *y[3] = {}, *found;
	xfrm_address_t daddr = { .a4 = THERE };
	int i;

	/* packet offload is at the head of its chain */
	for (i = 1; i >= 0; i--) {
		if (!p->sa[i].state)
			continue;
		y[i] = sad_state(test);
		y[i]->km.state = p->sa[i].state;
		y[i]->xso.type = p->sa[i].type;
		y[i]->mark = p->sa[i].mark;
		xfrm_state_hold(y[i]);
		xfrm_state_insert(y[i]);
	}
	x = sad_state(test);
	x->mark = (struct xfrm_mark)MARK_5;
	y[2] = x;
	xfrm_state_hold(x);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), p->err);

	for (i = 0; i < 2 && y[i]; i++)
		KUNIT_EXPECT_EQ(test, y[i]->km.state, p->sa[i].stays ?
				p->sa[i].state : XFRM_STATE_DEAD);
	found = xfrm_state_lookup(&init_net, 5, &daddr, SPI(0), IPPROTO_ESP,
				  AF_INET);
	KUNIT_EXPECT_PTR_EQ(test, found, y[p->found < 0 ? 2 : p->found]);

	if (found)
		xfrm_state_put(found);
	if (p->err) {
		x->km.state = XFRM_STATE_DEAD;
		xfrm_state_put(x);
	}
	for (i = 0; i < 3; i++)
		if (y[i])
			xfrm_state_put(y[i]);
}

/* Put an SA on the device, as xfrm_dev_state_add() does. */
static void sad_offload(struct kunit *test, struct xfrm_state *x, u8 type)
{
	struct sad_ctx *ctx = test->priv;

	x->xso.dev = ctx->dev;
	x->xso.real_dev = ctx->dev;
	x->xso.type = type;
	x->xso.dir = XFRM_DEV_OFFLOAD_OUT;
	netdev_hold(ctx->dev, &x->xso.dev_tracker, GFP_KERNEL);
	KUNIT_ASSERT_EQ(test, xfrm_offload_add_state(x, NULL), 0);
}

static void sad_unbind(struct kunit *test)
{
	struct sad_ctx *ctx = test->priv;

	rtnl_lock();
	xfrm_dev_unbind(ctx->dev, XFRM_INVALID_DEV_DOWN);
	rtnl_unlock();
}

/* Invariant 6: nobody is told of the end of an SA that never was. */
static void unbind_before_publish_is_not_told(struct kunit *test)
{
	struct xfrm_state *x = sad_state(test);

	x->km.state = XFRM_STATE_VOID;
	sad_offload(test, x, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), 0);
	sad_unbind(test);
	KUNIT_EXPECT_EQ(test, km.expire, 0);
	KUNIT_EXPECT_EQ(test, xfrm_state_publish(x), -ENODEV);
	KUNIT_EXPECT_EQ(test, km.expire, 0);
}

/* ... or what was to be replaced goes on blocking. */
static void unbind_before_publish_replaces_nothing(struct kunit *test)
{
	struct xfrm_state *x = sad_state(test), *old;

	old = sad_insert(test, XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_CRYPTO);
	x->km.state = XFRM_STATE_VOID;
	sad_offload(test, x, XFRM_DEV_OFFLOAD_PACKET);
	sad_unbind(test);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), -ENODEV);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, old->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, count_states(SPI(0)), 1);
	KUNIT_EXPECT_EQ(test, km.expire, 0);
	xfrm_state_put(x);
}

static void unbind_after_publish_is_told(struct kunit *test)
{
	struct xfrm_state *x = sad_state(test);

	x->km.state = XFRM_STATE_VOID;
	sad_offload(test, x, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), 0);
	KUNIT_EXPECT_EQ(test, xfrm_state_publish(x), 0);
	sad_unbind(test);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, km.expire, 1);
	KUNIT_EXPECT_EQ(test, xfrm_state_publish(x), 0);
}

static struct kunit_case add_cases[] = {
	KUNIT_CASE_PARAM(add_replaces_its_own, add_gen_params),
	KUNIT_CASE(unbind_before_publish_is_not_told),
	KUNIT_CASE(unbind_before_publish_replaces_nothing),
	KUNIT_CASE(unbind_after_publish_is_told),
	{}
};

static struct kunit_suite add_suite = {
	.name = "xfrm_state_add",
	.init = sad_init,
	.exit = sad_exit,
	.test_cases = add_cases,
};

/* --- the moment at which an SA becomes INVALID --------------------------- */

/* Whoever takes a lock gives others a moment to look. */
static struct xfrm_state *watched;
static int seen_without_reason;

static void watch_lock(void *data, struct lockdep_map *lock,
		       unsigned int subclass, int trylock, int read, int check,
		       struct lockdep_map *next_lock, unsigned long ip)
{
	if (READ_ONCE(watched->km.state) == XFRM_STATE_INVALID &&
	    !watched->invalid.reason)
		seen_without_reason++;
}

static void watch(struct kunit *test, struct xfrm_state *x)
{
	watched = x;
	seen_without_reason = 0;
	KUNIT_ASSERT_EQ(test, register_trace_lock_acquire(watch_lock, NULL), 0);
}

static void unwatch(struct kunit *test)
{
	unregister_trace_lock_acquire(watch_lock, NULL);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_EQ(test, watched->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, seen_without_reason, 0);
}

static void fence_says_why_first(struct kunit *test)
{
	struct xfrm_state *x = sad_state(test);

	sad_offload(test, x, XFRM_DEV_OFFLOAD_PACKET);
	xfrm_state_insert(x);
	watch(test, x);
	sad_unbind(test);
	unwatch(test);
}

/* --- XFRM_MSG_MIGRATE ---------------------------------------------------- */

static const char aead_name[] = "rfc4106(gcm(aes))";

/* An SA that xfrm_state_clone() and xfrm_init_state() can make once more */
static struct xfrm_state *real_state(struct kunit *test, __be32 spi, u32 reqid)
{
	struct xfrm_state *x = sad_state(test);

	x->id.spi = spi;
	x->props.reqid = reqid;
	x->geniv = "seqiv";
	x->aead = kzalloc(sizeof(*x->aead) + 20, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->aead);
	strscpy(x->aead->alg_name, aead_name);
	x->aead->alg_key_len = 160;
	x->aead->alg_icv_len = 128;
	KUNIT_ASSERT_EQ(test, xfrm_init_state(x), 0);

	return x;
}

static struct xfrm_state *insert_real(struct kunit *test, __be32 spi, u32 reqid,
				      u8 type)
{
	struct xfrm_state *x = real_state(test, spi, reqid);

	x->replay.oseq = 7;
	if (type)
		sad_offload(test, x, type);
	xfrm_state_insert(x);
	xfrm_state_hold(x);

	return x;
}

static struct xfrm_state *moved_state(__be32 spi)
{
	xfrm_address_t daddr = { .a4 = ELSEWHERE };

	return xfrm_state_lookup(&init_net, 0, &daddr, spi, IPPROTO_ESP,
				 AF_INET);
}

static bool moved_carries(__be32 spi)
{
	struct xfrm_state *x = moved_state(spi);
	bool valid = x && x->km.state == XFRM_STATE_VALID;

	if (x)
		xfrm_state_put(x);
	return valid;
}

static const struct xfrm_migrate migrate_both[] = {
	{ .old_daddr.a4 = THERE, .old_saddr.a4 = HERE,
	  .new_daddr.a4 = ELSEWHERE, .new_saddr.a4 = HERE,
	  .old_family = AF_INET, .new_family = AF_INET,
	  .proto = IPPROTO_ESP, .mode = XFRM_MODE_TRANSPORT, .reqid = REQID },
	{ .old_daddr.a4 = THERE, .old_saddr.a4 = HERE,
	  .new_daddr.a4 = ELSEWHERE, .new_saddr.a4 = HERE,
	  .old_family = AF_INET, .new_family = AF_INET,
	  .proto = IPPROTO_ESP, .mode = XFRM_MODE_TRANSPORT, .reqid = REQID + 1 },
};

static struct xfrm_policy *migrated_policy(struct kunit *test, u32 reqid)
{
	struct xfrm_policy *pol = sad_policy(test);
	struct xfrm_selector *sel = &pol->selector;

	sel->saddr.a4 = HERE;
	sel->daddr.a4 = THERE;
	sel->prefixlen_s = 32;
	sel->prefixlen_d = 32;
	pol->xfrm_vec[0].reqid = reqid;
	pol->lft.soft_byte_limit = XFRM_INF;
	pol->lft.hard_byte_limit = XFRM_INF;
	pol->lft.soft_packet_limit = XFRM_INF;
	pol->lft.hard_packet_limit = XFRM_INF;
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

static void look_at_the_first(struct kunit *test)
{
	carried_meanwhile = moved_carries(SPI(0));
}

/* The second SA's device cannot tell where it stopped: the first one's clone
 * must not have carried a packet, or the first one's numbers are not true.
 */
static void migrate_of_two_second_fails(struct kunit *test)
{
	struct xfrm_state *x, *y;

	carried_meanwhile = false;
	nic.silent = true;
	nic.at_unbind = look_at_the_first;
	x = insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = insert_real(test, SPI(1), REQID + 1, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_LT(test, migrate(test, REQID, 2), 0);
	KUNIT_EXPECT_FALSE(test, carried_meanwhile);
	KUNIT_EXPECT_FALSE(test, moved_carries(SPI(0)));
	KUNIT_EXPECT_NULL(test, moved_state(SPI(0)));
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_TRUE(test, x->invalid.exact);
	KUNIT_EXPECT_FALSE(test, x->invalid.migrating);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 7);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_FALSE(test, y->invalid.exact);
	KUNIT_EXPECT_FALSE(test, y->invalid.migrating);
	KUNIT_EXPECT_EQ(test, km.expire, 2);
	xfrm_state_put(x);
	xfrm_state_put(y);
}

/* What can be known before is refused before anything is touched. */
static void migrate_of_two_first_is_untouched(struct kunit *test,
					      struct xfrm_state *x,
					      struct xfrm_state *y, u32 reqid)
{
	KUNIT_EXPECT_LT(test, migrate(test, reqid, 2), 0);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_FALSE(test, x->invalid.migrating);
	KUNIT_EXPECT_FALSE(test, moved_carries(SPI(0)));
	KUNIT_EXPECT_FALSE(test, moved_carries(SPI(1)));
	KUNIT_EXPECT_EQ(test, km.expire, 0);
	xfrm_state_put(x);
	xfrm_state_put(y);
}

static void migrate_old_driver(struct kunit *test)
{
	struct sad_ctx *ctx = test->priv;
	struct xfrm_state *x, *y;

	ctx->dev->xfrmdev_ops = &nic_old_ops;
	x = insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = insert_real(test, SPI(1), REQID + 1, XFRM_DEV_OFFLOAD_PACKET);
	migrate_of_two_first_is_untouched(test, x, y, REQID);
}

static void migrate_no_template(struct kunit *test)
{
	struct xfrm_state *x, *y;

	x = insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = insert_real(test, SPI(1), REQID + 1, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	migrate_of_two_first_is_untouched(test, x, y, REQID + 2);
}

static void migrate_target_taken(struct kunit *test)
{
	struct xfrm_state *x, *y, *taken;

	x = insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = insert_real(test, SPI(1), REQID + 1, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	taken = real_state(test, SPI(1), REQID);
	taken->id.daddr.a4 = ELSEWHERE;
	taken->km.state = XFRM_STATE_ERROR;
	xfrm_state_insert(taken);
	migrate_of_two_first_is_untouched(test, x, y, REQID);
}

static void migrate_takes_both(struct kunit *test)
{
	struct xfrm_state *x, *y, *xc, *yc;

	x = insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	y = insert_real(test, SPI(1), REQID + 1, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, migrate(test, REQID, 2), 0);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, km.expire, 0);
	xc = moved_state(SPI(0));
	yc = moved_state(SPI(1));
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

/* Two entries, and the second one means any reqid. */
static void migrate_of_one_twice(struct kunit *test)
{
	struct xfrm_state *x, *xc;

	x = insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, migrate_entries(test, REQID, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_DEAD);
	xc = moved_state(SPI(0));
	KUNIT_ASSERT_NOT_NULL(test, xc);
	KUNIT_EXPECT_EQ(test, xc->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, xc->replay.oseq, 41);
	xfrm_state_put(xc);
	xfrm_state_put(x);
}

/* --- which SA an entry of XFRM_MSG_MIGRATE means ------------------------- */

struct meant_param {
	const char *name;
	u8 state[3];
	int meant;	/* -1: none */
};

/* In the order in which they were added. */
static const struct meant_param meant_params[] = {
	{ "INVALID and VALID", { XFRM_STATE_VALID, XFRM_STATE_INVALID }, 0 },
	{ "VALID and INVALID", { XFRM_STATE_INVALID, XFRM_STATE_VALID }, 1 },
	{ "a larval one and VALID", { XFRM_STATE_VALID, XFRM_STATE_ACQ }, 0 },
	{ "a larval one and INVALID", { XFRM_STATE_INVALID, XFRM_STATE_ACQ }, 0 },
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
		x[i] = sad_state(test);
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

/* --- XFRM_MSG_MIGRATE_STATE ---------------------------------------------- */

/* A protocol that nobody else has here; a real one might be a module. */
static bool loaded_under_rtnl;

static int fake_init_state(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	loaded_under_rtnl |= rtnl_is_locked();
	return 0;
}

static void fake_destructor(struct xfrm_state *x)
{
}

static const struct xfrm_type fake_type = {
	.owner		= THIS_MODULE,
	.proto		= IPPROTO_ROUTING,
	.init_state	= fake_init_state,
	.destructor	= fake_destructor,
};

/* With one attribute, or with none: @type 0 */
static int migrate_state_attr(struct kunit *test,
			      struct xfrm_user_migrate_state *um, int type,
			      const void *data, int len, const char **said)
{
	struct netlink_ext_ack extack = {};
	struct nlattr *attrs[XFRMA_MAX + 1] = {};
	struct sk_buff *skb = nlmsg_new(sizeof(*um) + nla_total_size(len),
					GFP_KERNEL);
	struct nlmsghdr *nlh;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	nlh = nlmsg_put(skb, 0, 0, XFRM_MSG_MIGRATE_STATE, sizeof(*um), 0);
	KUNIT_ASSERT_NOT_NULL(test, nlh);
	*(struct xfrm_user_migrate_state *)nlmsg_data(nlh) = *um;
	if (type) {
		attrs[type] = (struct nlattr *)skb_tail_pointer(skb);
		KUNIT_ASSERT_EQ(test, nla_put(skb, type, len, data), 0);
		nlmsg_end(skb, nlh);
	}
	rcu_read_lock();
	skb->sk = rcu_dereference(init_net.xfrm.nlsk);
	rcu_read_unlock();
	mutex_lock(&init_net.xfrm.xfrm_cfg_mutex);
	err = xfrm_migrate_state(skb, nlh, attrs, &extack);
	mutex_unlock(&init_net.xfrm.xfrm_cfg_mutex);
	skb->sk = NULL;
	kfree_skb(skb);
	*said = extack._msg;

	return err;
}

static int migrate_state(struct kunit *test, struct xfrm_user_migrate_state *um,
			 const char **said)
{
	return migrate_state_attr(test, um, 0, NULL, 0, said);
}

static struct xfrm_user_migrate_state move_of(const struct xfrm_state *x)
{
	return (struct xfrm_user_migrate_state){
		.id = {
			.daddr = x->id.daddr,
			.spi = x->id.spi,
			.family = x->props.family,
			.proto = x->id.proto,
		},
		.new_daddr = x->id.daddr,
		.new_saddr = x->props.saddr,
		.new_reqid = x->props.reqid + 1,
		.new_family = x->props.family,
		.new_sel.family = x->props.family,
	};
}

/* One that goes on at another address. */
static struct xfrm_user_migrate_state move_away(const struct xfrm_state *x)
{
	struct xfrm_user_migrate_state um = move_of(x);

	um.new_daddr.a4 = ELSEWHERE;
	um.new_reqid = x->props.reqid;
	return um;
}

/* A user namespace may ask for it, and modprobe(8) may take its time. */
static void no_module_is_loaded_under_rtnl(struct kunit *test)
{
	struct xfrm_user_offload xuo = { .flags = XFRM_OFFLOAD_PACKET };
	struct sad_ctx *ctx = test->priv;
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x = sad_state(test);
	const char *said;

	KUNIT_ASSERT_EQ(test, xfrm_register_type(&fake_type, AF_INET6), 0);
	x->id.proto = IPPROTO_ROUTING;
	x->props.family = AF_INET6;
	KUNIT_ASSERT_EQ(test, xfrm_init_state(x), 0);
	xfrm_state_insert(x);
	loaded_under_rtnl = false;
	um = move_of(x);
	/* no device offloads it, and that is known before it stops */
	fake_nic_register(test, ctx->dev);
	xuo.ifindex = ctx->dev->ifindex;
	KUNIT_EXPECT_EQ(test,
			migrate_state_attr(test, &um, XFRMA_OFFLOAD_DEV, &xuo,
					   sizeof(xuo), &said), -EINVAL);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	unregister_netdev(ctx->dev);
	ctx->refs = netdev_refcnt_read(ctx->dev);

	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
	KUNIT_EXPECT_FALSE(test, loaded_under_rtnl);
	xfrm_state_flush(&init_net, 0, false);
	xfrm_flush_gc();
	xfrm_unregister_type(&fake_type, AF_INET6);
}

static void spi_0_is_impossible(struct kunit *test)
{
	struct xfrm_state *x = sad_insert(test, XFRM_STATE_VALID,
					  XFRM_DEV_OFFLOAD_UNSPECIFIED);
	struct xfrm_user_migrate_state um = move_of(x);
	const char *said;

	um.id.spi = 0;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), -EINVAL);
	KUNIT_EXPECT_NOT_NULL(test, said);
}

/* It is outbound, or may be; what it lacks is something else. */
static void keepalive_needs_encapsulation(struct kunit *test)
{
	struct xfrm_state *x = insert_real(test, SPI(0), REQID, 0);
	struct xfrm_user_migrate_state um = move_of(x);
	const char *said = NULL;
	u32 interval = 20;

	KUNIT_EXPECT_EQ(test,
			migrate_state_attr(test, &um,
					   XFRMA_NAT_KEEPALIVE_INTERVAL,
					   &interval, sizeof(interval), &said),
			-EINVAL);
	KUNIT_ASSERT_NOT_NULL(test, said);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(said, "encapsulation"), "%s",
				  said);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	xfrm_state_put(x);
}

/* Two SAs of one name but for the mark's mask: a packet of mark 1 finds either. */
static void migrate_means_the_exact_mark(struct kunit *test)
{
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x[2];
	const char *said;
	int i;

	for (i = 0; i < 2; i++) {
		x[i] = real_state(test, SPI(0), REQID);
		x[i]->mark = (struct xfrm_mark){ .v = 1, .m = i ? 3 : 1 };
		xfrm_state_insert(x[i]);
		xfrm_state_hold(x[i]);
	}
	um = move_away(x[0]);
	um.old_mark = (struct xfrm_mark){ .v = 1, .m = 7 };
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), -ESRCH);
	KUNIT_EXPECT_EQ(test, x[0]->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, x[1]->km.state, XFRM_STATE_VALID);
	/* the one that was added first is not found first */
	um.old_mark = x[0]->mark;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
	KUNIT_EXPECT_EQ(test, x[0]->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, x[1]->km.state, XFRM_STATE_VALID);
	/* its new name leaves no room for the other one */
	um.old_mark = x[1]->mark;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), -EEXIST);
	KUNIT_EXPECT_EQ(test, x[1]->km.state, XFRM_STATE_VALID);
	xfrm_state_put(x[0]);
	xfrm_state_put(x[1]);
}

/* The mask is a part of the name: another one is another name, which may be taken. */
static void migrate_to_a_mask_that_is_taken(struct kunit *test)
{
	static const struct xfrm_mark mask_3 = { .v = 1, .m = 3 };
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x, *y;
	const char *said;

	x = real_state(test, SPI(0), REQID);
	x->mark = (struct xfrm_mark){ .v = 1, .m = 1 };
	xfrm_state_insert(x);
	y = real_state(test, SPI(0), REQID);
	y->mark = mask_3;
	xfrm_state_insert(y);
	um = move_of(x);
	um.old_mark = x->mark;
	KUNIT_EXPECT_EQ(test,
			migrate_state_attr(test, &um, XFRMA_MARK, &mask_3,
					   sizeof(mask_3), &said), -EEXIST);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, count_states(SPI(0)), 2);
}

/* A packet that came in writes the window within a read-side section. */
static void migrate_waits_for_what_came_in(struct kunit *test)
{
	struct xfrm_user_migrate_state um;
	struct rcu_gp_oldstate grace;
	struct xfrm_state *x;
	const char *said;

	x = insert_real(test, SPI(0), REQID, 0);
	x->dir = XFRM_SA_DIR_IN;
	x->props.replay_window = 32;
	um = move_away(x);
	get_state_synchronize_rcu_full(&grace);
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
	KUNIT_EXPECT_TRUE(test, poll_state_synchronize_rcu_full(&grace));
	xfrm_state_put(x);
}

struct told_param {
	const char *name;
	u8 dir;
	bool encap, marks, device;
};

static const struct told_param told_params[] = {
	{ "nothing", 0 },
	{ "inbound, in UDP", XFRM_SA_DIR_IN, true },
	{ "outbound, in UDP", XFRM_SA_DIR_OUT, true },
	{ "marks", 0, false, true },
	{ "on a device", XFRM_SA_DIR_OUT, false, false, true },
};

KUNIT_ARRAY_PARAM_DESC(told, told_params, name);

static u32 told_u32(const struct nlmsghdr *nlh, int type)
{
	const struct nlattr *attr;

	attr = nlmsg_find_attr(nlh, sizeof(struct xfrm_user_migrate_state),
			       type);
	return attr ? nla_get_u32(attr) : 0;
}

static const void *told_data(const struct nlmsghdr *nlh, int type)
{
	const struct nlattr *attr;

	attr = nlmsg_find_attr(nlh, sizeof(struct xfrm_user_migrate_state),
			       type);
	return attr ? nla_data(attr) : NULL;
}

/* A listener learns all that the SA has now, not only what was asked for. */
static void migrate_is_told(struct kunit *test)
{
	const struct told_param *p = test->param_value;
	struct sockaddr_nl groups = {
		.nl_family = AF_NETLINK,
		.nl_groups = BIT(XFRMNLGRP_MIGRATE - 1),
	};
	const struct xfrm_user_migrate_state *told;
	const struct xfrm_user_offload *offload;
	const struct xfrm_encap_tmpl *encap;
	struct xfrm_user_migrate_state um;
	const struct xfrm_mark *mark;
	const struct nlattr *attr;
	struct xfrm_user_offload xuo = {};
	struct sad_ctx *ctx = test->priv;
	struct nlmsghdr *nlh;
	struct msghdr msg = {};
	struct socket *sock;
	struct xfrm_state *x;
	struct kvec vec;
	const char *said;
	int len;

	vec.iov_len = 1024;
	vec.iov_base = kunit_kzalloc(test, vec.iov_len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vec.iov_base);
	nlh = vec.iov_base;
	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, PF_NETLINK, SOCK_RAW,
					       NETLINK_XFRM, &sock), 0);
	KUNIT_ASSERT_EQ(test, kernel_bind(sock, (struct sockaddr *)&groups,
					  sizeof(groups)), 0);
	if (p->device)
		fake_nic_register(test, ctx->dev);

	x = insert_real(test, SPI(0), REQID, 0);
	x->dir = p->dir;
	if (p->encap) {
		x->encap = kzalloc(sizeof(*x->encap), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, x->encap);
		x->encap->encap_type = UDP_ENCAP_ESPINUDP;
		x->encap->encap_sport = htons(4500);
		x->encap->encap_dport = htons(4501);
		if (p->dir == XFRM_SA_DIR_IN)
			x->mapping_maxage = 7;
		else
			x->nat_keepalive_interval = 20;
	}
	if (p->marks) {
		x->mark = (struct xfrm_mark){ .v = 5, .m = 0xff };
		x->props.smark = (struct xfrm_mark){ .v = 6, .m = 0xf };
	}
	um = move_away(x);
	um.old_mark = x->mark;
	xuo.ifindex = ctx->dev->ifindex;
	xuo.flags = XFRM_OFFLOAD_PACKET;
	KUNIT_EXPECT_EQ(test,
			migrate_state_attr(test, &um,
					   p->device ? XFRMA_OFFLOAD_DEV : 0,
					   &xuo, sizeof(xuo), &said), 0);

	len = kernel_recvmsg(sock, &msg, &vec, 1, vec.iov_len, MSG_DONTWAIT);
	KUNIT_ASSERT_GE(test, len, (int)nlmsg_total_size(sizeof(*told)));
	KUNIT_EXPECT_EQ(test, nlh->nlmsg_type, XFRM_MSG_MIGRATE_STATE);
	told = nlmsg_data(nlh);
	KUNIT_EXPECT_TRUE(test, told->id.spi == SPI(0));
	KUNIT_EXPECT_TRUE(test, told->new_daddr.a4 == ELSEWHERE);

	mark = told_data(nlh, XFRMA_MARK);
	KUNIT_EXPECT_EQ(test, mark ? mark->v : 0, p->marks ? 5 : 0);
	KUNIT_EXPECT_EQ(test, mark ? mark->m : 0, p->marks ? 0xff : 0);
	KUNIT_EXPECT_EQ(test, told_u32(nlh, XFRMA_SET_MARK), p->marks ? 6 : 0);
	KUNIT_EXPECT_EQ(test, told_u32(nlh, XFRMA_SET_MARK_MASK),
			p->marks ? 0xf : 0);
	encap = told_data(nlh, XFRMA_ENCAP);
	KUNIT_EXPECT_EQ(test, encap ? ntohs(encap->encap_dport) : 0,
			p->encap ? 4501 : 0);
	KUNIT_EXPECT_EQ(test, told_u32(nlh, XFRMA_MTIMER_THRESH),
			p->encap && p->dir == XFRM_SA_DIR_IN ? 7 : 0);
	KUNIT_EXPECT_EQ(test, told_u32(nlh, XFRMA_NAT_KEEPALIVE_INTERVAL),
			p->encap && p->dir == XFRM_SA_DIR_OUT ? 20 : 0);
	attr = nlmsg_find_attr(nlh, sizeof(*told), XFRMA_SA_DIR);
	KUNIT_EXPECT_EQ(test, attr ? nla_get_u8(attr) : 0, p->dir);
	offload = told_data(nlh, XFRMA_OFFLOAD_DEV);
	KUNIT_EXPECT_EQ(test, !!offload, p->device);
	if (offload)
		KUNIT_EXPECT_EQ(test, offload->ifindex, ctx->dev->ifindex);

	/* once */
	KUNIT_EXPECT_EQ(test, kernel_recvmsg(sock, &msg, &vec, 1, vec.iov_len,
					     MSG_DONTWAIT), -EAGAIN);
	sock_release(sock);
	xfrm_state_put(x);
	xfrm_state_flush(&init_net, 0, false);
	if (p->device) {
		unregister_netdev(ctx->dev);
		xfrm_flush_gc();
		ctx->refs = netdev_refcnt_read(ctx->dev);
	}
}

struct prefix_param {
	const char *name;
	u16 family;
	u8 source, target;
	int err;
};

static const struct prefix_param prefix_params[] = {
	{ "IPv4", AF_INET, 32, 32, 0 },
	{ "IPv4, source", AF_INET, 33, 32, -EINVAL },
	{ "IPv4, target", AF_INET, 32, 33, -EINVAL },
	{ "IPv6, source", AF_INET6, 129, 128, -EINVAL },
	{ "IPv6, target", AF_INET6, 128, 129, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(prefix, prefix_params, name);

static void migrate_refuses_a_longer_prefix(struct kunit *test)
{
	const struct prefix_param *p = test->param_value;
	struct xfrm_state *x = insert_real(test, SPI(0), REQID, 0);
	struct xfrm_user_migrate_state um = move_away(x);
	const char *said = NULL;

	um.new_sel.family = p->family;
	um.new_sel.prefixlen_s = p->source;
	um.new_sel.prefixlen_d = p->target;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), p->err);
	KUNIT_EXPECT_EQ(test, x->km.state,
			p->err ? XFRM_STATE_VALID : XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, !!said, !!p->err);
	xfrm_state_put(x);
}

/* An SA in software goes to a device, unless it does what no device does. */
static void migrate_to_a_device(struct kunit *test, u32 tfcpad, u8 dir)
{
	bool bad = tfcpad || dir == XFRM_SA_DIR_IN;
	struct xfrm_user_offload xuo = { .flags = XFRM_OFFLOAD_PACKET };
	struct sad_ctx *ctx = test->priv;
	struct xfrm_state *x = insert_real(test, SPI(0), REQID, 0);
	struct xfrm_user_migrate_state um = move_away(x);
	const char *said = NULL;
	int err;

	fake_nic_register(test, ctx->dev);
	xuo.ifindex = ctx->dev->ifindex;
	x->tfcpad = tfcpad;
	x->dir = dir;
	err = migrate_state_attr(test, &um, XFRMA_OFFLOAD_DEV, &xuo,
				 sizeof(xuo), &said);
	KUNIT_EXPECT_EQ(test, err, bad ? -EINVAL : 0);
	KUNIT_EXPECT_EQ(test, x->km.state,
			bad ? XFRM_STATE_VALID : XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, nic.adds, !bad);
	KUNIT_EXPECT_EQ(test, !!said, bad);
	KUNIT_EXPECT_EQ(test, moved_carries(SPI(0)), !bad);
	xfrm_state_put(x);
	xfrm_state_flush(&init_net, 0, false);
	unregister_netdev(ctx->dev);
	xfrm_flush_gc();
	ctx->refs = netdev_refcnt_read(ctx->dev);
}

static void migrate_takes_it_to_a_device(struct kunit *test)
{
	migrate_to_a_device(test, 0, XFRM_SA_DIR_OUT);
}

static void migrate_keeps_the_direction(struct kunit *test)
{
	migrate_to_a_device(test, 0, XFRM_SA_DIR_IN);
}

static void migrate_takes_no_padding_to_a_device(struct kunit *test)
{
	migrate_to_a_device(test, 64, XFRM_SA_DIR_OUT);
}

static void migrate_of_what_belongs_to_the_kernel(struct kunit *test)
{
	struct xfrm_state *x = insert_real(test, SPI(0), REQID, 0);
	struct xfrm_user_migrate_state um = move_away(x);
	const char *said = NULL;

	atomic_set(&x->tunnel_users, 1);
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), -EPERM);
	KUNIT_EXPECT_NOT_NULL(test, said);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	atomic_set(&x->tunnel_users, 0);
	xfrm_state_put(x);
}

/* What belongs to the encapsulation goes with it. */
static void migrate_out_of_udp(struct kunit *test)
{
	struct xfrm_state *x = insert_real(test, SPI(0), REQID, 0), *xc;
	struct xfrm_user_migrate_state um = move_away(x);
	struct xfrm_encap_tmpl none = {};
	const char *said;

	x->dir = XFRM_SA_DIR_OUT;
	x->nat_keepalive_interval = 20;
	x->encap = kzalloc(sizeof(*x->encap), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->encap);
	x->encap->encap_type = UDP_ENCAP_ESPINUDP;
	KUNIT_EXPECT_EQ(test,
			migrate_state_attr(test, &um, XFRMA_ENCAP, &none,
					   sizeof(none), &said), 0);
	xc = moved_state(SPI(0));
	KUNIT_ASSERT_NOT_NULL(test, xc);
	KUNIT_EXPECT_NULL(test, xc->encap);
	KUNIT_EXPECT_EQ(test, xc->nat_keepalive_interval, 0);
	xfrm_state_put(xc);
	xfrm_state_put(x);
}

/* Two SAs of one SPI and two addresses, and where they are to be. */
static int migrate_two(struct kunit *test, __be32 first, __be32 second,
		       struct xfrm_state **x)
{
	struct xfrm_state *xc[2];
	int i, err;

	for (i = 0; i < 2; i++) {
		x[i] = real_state(test, SPI(0), REQID);
		x[i]->id.daddr.a4 = i ? ELSEWHERE : THERE;
		xfrm_state_insert(x[i]);
		xfrm_state_hold(x[i]);
		xc[i] = real_state(test, SPI(0), REQID);
		xc[i]->id.daddr.a4 = i ? second : first;
		xc[i]->km.state = XFRM_STATE_VOID;
	}
	mutex_lock(&init_net.xfrm.xfrm_cfg_mutex);
	err = xfrm_migrate_begin(x, xc, 2, NULL);
	if (err)
		xfrm_migrate_abort(x, 2, xc, 2);
	else
		xfrm_migrate_end(x, xc, 2);
	mutex_unlock(&init_net.xfrm.xfrm_cfg_mutex);

	return err;
}

static void migrate_of_two_to_one_name(struct kunit *test)
{
	__be32 third = cpu_to_be32(0x0a4b0004);
	struct xfrm_state *x[2];
	int i;

	KUNIT_EXPECT_EQ(test, migrate_two(test, third, third, x), -EEXIST);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, x[i]->km.state, XFRM_STATE_VALID);
		xfrm_state_put(x[i]);
	}
}

/* Each takes the name of the other one, which leaves it. */
static void migrate_of_two_crosswise(struct kunit *test)
{
	struct xfrm_state *x[2];
	int i;

	KUNIT_EXPECT_EQ(test, migrate_two(test, ELSEWHERE, THERE, x), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, x[i]->km.state, XFRM_STATE_DEAD);
		xfrm_state_put(x[i]);
	}
	KUNIT_EXPECT_TRUE(test, moved_carries(SPI(0)));
}

/* It is known before the device is asked. Crypto offload is software's. */
static void migrate_off_an_old_driver(struct kunit *test)
{
	struct sad_ctx *ctx = test->priv;
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x;
	const char *said = NULL;

	ctx->dev->xfrmdev_ops = &nic_old_ops;
	x = insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_PACKET);
	um = move_away(x);
	um.flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), -EOPNOTSUPP);
	KUNIT_EXPECT_NOT_NULL(test, said);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_TRUE(test, x->xso.live);
	xfrm_state_put(x);

	x = insert_real(test, SPI(1), REQID, XFRM_DEV_OFFLOAD_CRYPTO);
	um = move_away(x);
	um.flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
	KUNIT_EXPECT_TRUE(test, moved_carries(SPI(1)));
	xfrm_state_put(x);
}

/* Invariant 2: its device was asked when it was suspended, and could not tell. */
static void migrate_of_a_suspended(struct kunit *test, bool silent)
{
	struct sad_ctx *ctx = test->priv;
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x, *xc;
	const char *said = NULL;

	nic.silent = silent;
	x = insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_PACKET);
	rtnl_lock();
	xfrm_dev_suspend(ctx->dev);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	um = move_away(x);
	um.flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said),
			silent ? -EOPNOTSUPP : 0);
	xc = moved_state(SPI(0));
	KUNIT_EXPECT_EQ(test, !xc, silent);
	if (xc) {
		KUNIT_EXPECT_EQ(test, xc->replay.oseq, 41);
		xfrm_state_put(xc);
	}
	KUNIT_EXPECT_EQ(test, km.expire, silent);
	KUNIT_EXPECT_EQ(test, x->km.state,
			silent ? XFRM_STATE_INVALID : XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, x->invalid.exact, !silent);
	rtnl_lock();
	xfrm_dev_restore(ctx->dev, XFRM_INVALID_SLAVE_LOST);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, nic.adds, 1);
	xfrm_state_put(x);
}

static void migrate_of_a_suspended_one(struct kunit *test)
{
	migrate_of_a_suspended(test, false);
}

static void migrate_of_a_suspended_one_that_is_not_exact(struct kunit *test)
{
	migrate_of_a_suspended(test, true);
}

/* What the device tells last counts, and the soft limit that it reaches. */
static void migrate_carries_the_counters(struct kunit *test)
{
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x, *xc;
	const char *said;
	int dying;

	for (dying = 0; dying < 2; dying++) {
		x = insert_real(test, SPI(dying), REQID, XFRM_DEV_OFFLOAD_PACKET);
		x->curlft.packets = 2;
		x->curlft.bytes = 200;
		x->curlft.use_time = 3;
		x->lft.soft_packet_limit = 12;
		x->lft.hard_packet_limit = 20;
		x->lft.soft_byte_limit = XFRM_INF;
		x->lft.hard_byte_limit = XFRM_INF;
		x->stats.replay = 4;
		x->stats.integrity_failed = 5;
		x->lastused = 1;
		x->km.dying = dying;
		um = move_away(x);
		um.flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
		KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
		xc = moved_state(SPI(dying));
		KUNIT_ASSERT_NOT_NULL(test, xc);
		KUNIT_EXPECT_EQ(test, xc->replay.oseq, 41);
		KUNIT_EXPECT_EQ(test, xc->preplay.oseq, x->preplay.oseq);
		KUNIT_EXPECT_EQ(test, xc->curlft.packets, 12);
		KUNIT_EXPECT_EQ(test, xc->curlft.bytes, 1200);
		KUNIT_EXPECT_EQ(test, xc->curlft.use_time, 3);
		KUNIT_EXPECT_EQ(test, xc->stats.replay, 4);
		KUNIT_EXPECT_EQ(test, xc->stats.integrity_failed, 5);
		KUNIT_EXPECT_GT(test, xc->lastused, 1);
		KUNIT_EXPECT_EQ(test, xc->km.dying, dying);
		/* told once */
		km.expire = 0;
		spin_lock_bh(&xc->lock);
		KUNIT_EXPECT_EQ(test, xfrm_state_check_expire(xc), 0);
		KUNIT_EXPECT_EQ(test, xfrm_state_check_expire(xc), 0);
		spin_unlock_bh(&xc->lock);
		KUNIT_EXPECT_EQ(test, km.expire, !dying);
		xfrm_state_put(xc);
		xfrm_state_put(x);
	}
}

static void software_fence_says_why_first(struct kunit *test)
{
	struct xfrm_state *x = insert_real(test, SPI(0), REQID, 0);
	struct xfrm_state *xc = real_state(test, SPI(0), REQID);

	xc->km.state = XFRM_STATE_VOID;
	watch(test, x);
	KUNIT_EXPECT_EQ(test, xfrm_migrate_begin(&x, &xc, 1, NULL), 0);
	unwatch(test);
	xfrm_migrate_abort(&x, 1, &xc, 1);
	xfrm_state_put(x);
}

static struct kunit_case migrate_cases[] = {
	KUNIT_CASE(fence_says_why_first),
	KUNIT_CASE(software_fence_says_why_first),
	KUNIT_CASE(migrate_of_two_second_fails),
	KUNIT_CASE(migrate_old_driver),
	KUNIT_CASE(migrate_no_template),
	KUNIT_CASE(migrate_target_taken),
	KUNIT_CASE(migrate_takes_both),
	KUNIT_CASE(migrate_of_one_twice),
	KUNIT_CASE_PARAM(entry_means, meant_gen_params),
	KUNIT_CASE(no_module_is_loaded_under_rtnl),
	KUNIT_CASE(spi_0_is_impossible),
	KUNIT_CASE(keepalive_needs_encapsulation),
	KUNIT_CASE(migrate_means_the_exact_mark),
	KUNIT_CASE(migrate_to_a_mask_that_is_taken),
	KUNIT_CASE(migrate_waits_for_what_came_in),
	KUNIT_CASE_PARAM(migrate_is_told, told_gen_params),
	KUNIT_CASE_PARAM(migrate_refuses_a_longer_prefix, prefix_gen_params),
	KUNIT_CASE(migrate_takes_it_to_a_device),
	KUNIT_CASE(migrate_keeps_the_direction),
	KUNIT_CASE(migrate_takes_no_padding_to_a_device),
	KUNIT_CASE(migrate_of_what_belongs_to_the_kernel),
	KUNIT_CASE(migrate_out_of_udp),
	KUNIT_CASE(migrate_of_two_to_one_name),
	KUNIT_CASE(migrate_of_two_crosswise),
	KUNIT_CASE(migrate_off_an_old_driver),
	KUNIT_CASE(migrate_of_a_suspended_one),
	KUNIT_CASE(migrate_of_a_suspended_one_that_is_not_exact),
	KUNIT_CASE(migrate_carries_the_counters),
	{}
};

static struct kunit_suite migrate_suite = {
	.name = "xfrm_migrate",
	.init = sad_init,
	.exit = sad_exit,
	.test_cases = migrate_cases,
};

kunit_test_suites(&find_suite, &add_suite, &migrate_suite);
