// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the conversion of a device's policies: which policy wins after
 * it, and which one may be replaced.
 */

#include "fake.h"

/* Offloaded policies win over software policies of any priority, and a
 * converted one still does. 'o' is offloaded to another device, 's' is in
 * software, '*' is converted.
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

static void convert_keeps_the_order(struct kunit *test)
{
	const struct convert_param *p = test->param_value;
	struct xfrm_policy *pol[5], *found;
	struct hlist_head chain = {};
	int n = strlen(p->chain);
	LIST_HEAD(all);
	int i, genid;

	for (i = n - 1; i >= 0; i--) {
		pol[i] = fake_policy_alloc(test);
		/* the converted one has the worst priority */
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
	struct xfrm_policy *xp = fake_policy_alloc(test);

	KUNIT_EXPECT_EQ(test, xfrm_policy_may_replace(xp), -EEXIST);
	xp->walk.dead = 1;
	xfrm_policy_destroy(xp);
}

/* A device follows its own policies, whatever software prefers: an offloaded
 * policy wins over those in software, and among offloaded ones priority decides,
 * not how they are hashed.
 */
struct rank_param {
	const char *name;
	struct {
		u32 priority;
		bool offloaded;
	} exact, inexact;
	bool exact_wins;
};

static const struct rank_param rank_params[] = {
	{ "software", { 100 }, { 1 }, false },
	{ "exact one offloaded", { 100, true }, { 1 }, true },
	{ "inexact one offloaded", { 1 }, { 100, true }, false },
	{ "both, exact one better", { 1, true }, { 100, true }, true },
	{ "both, inexact one better", { 100, true }, { 1, true }, false },
};

KUNIT_ARRAY_PARAM_DESC(rank, rank_params, name);

static struct xfrm_policy *rank_policy(struct kunit *test, u32 priority,
				       bool offloaded, u8 prefixlen)
{
	struct xfrm_policy *pol = fake_policy_alloc(test);

	pol->priority = priority;
	pol->offload_first = offloaded;
	pol->selector.family = AF_INET;
	pol->selector.saddr.a4 = HERE;
	pol->selector.daddr.a4 = THERE;
	pol->selector.prefixlen_s = prefixlen;
	pol->selector.prefixlen_d = prefixlen;
	KUNIT_ASSERT_EQ(test, xfrm_policy_insert(XFRM_POLICY_OUT, pol, 1), 0);

	return pol;
}

static void offloaded_policies_win(struct kunit *test)
{
	const struct rank_param *p = test->param_value;
	struct xfrm_policy *exact, *inexact, *found;
	struct flowi fl = {
		.u.ip4.saddr = HERE,
		.u.ip4.daddr = THERE,
	};

	exact = rank_policy(test, p->exact.priority, p->exact.offloaded, 32);
	inexact = rank_policy(test, p->inexact.priority, p->inexact.offloaded,
			      24);
	found = xfrm_policy_lookup(&init_net, &fl, AF_INET, XFRM_POLICY_OUT, 0);
	KUNIT_EXPECT_PTR_EQ(test, found, p->exact_wins ? exact : inexact);
	if (!IS_ERR_OR_NULL(found))
		xfrm_pol_put(found);
	xfrm_policy_delete(exact, XFRM_POLICY_OUT);
	xfrm_policy_delete(inexact, XFRM_POLICY_OUT);
	xfrm_pol_put(exact);
	xfrm_pol_put(inexact);
}

static struct kunit_case convert_cases[] = {
	KUNIT_CASE_PARAM(convert_keeps_the_order, convert_gen_params),
	KUNIT_CASE(only_converted_policies_are_replaced),
	KUNIT_CASE_PARAM(offloaded_policies_win, rank_gen_params),
	{}
};

static struct kunit_suite convert_suite = {
	.name = "xfrm_convert",
	.test_cases = convert_cases,
};

kunit_test_suite(convert_suite);
