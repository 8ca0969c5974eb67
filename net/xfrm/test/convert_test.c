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

static struct kunit_case convert_cases[] = {
	KUNIT_CASE_PARAM(convert_keeps_the_order, convert_gen_params),
	KUNIT_CASE(only_converted_policies_are_replaced),
	{}
};

static struct kunit_suite convert_suite = {
	.name = "xfrm_convert",
	.test_cases = convert_cases,
};

kunit_test_suite(convert_suite);
