// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of what an addition or an update replaces, and of a request that
 * an unbind or a deletion overtakes.
 */

#include "fake.h"

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

/* An SA with mark 5/0xff is added beside these. @found: the one that packets
 * find then; -1: the new one
 */
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
		y[i] = fake_sad_state(test);
		y[i]->km.state = p->sa[i].state;
		y[i]->xso.type = p->sa[i].type;
		y[i]->mark = p->sa[i].mark;
		xfrm_state_hold(y[i]);
		xfrm_state_insert(y[i]);
	}
	x = fake_sad_state(test);
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
	if (p->err)
		fake_discard(x);
	for (i = 0; i < 3; i++)
		if (y[i])
			xfrm_state_put(y[i]);
}

/* The addition fails, so the INVALID SA goes on blocking. */
static void unbind_before_publish_replaces_nothing(struct kunit *test)
{
	struct xfrm_state *x = fake_sad_state(test), *old;

	old = fake_insert(test, XFRM_STATE_INVALID, XFRM_DEV_OFFLOAD_CRYPTO);
	x->km.state = XFRM_STATE_VOID;
	fake_offload(test, x, XFRM_DEV_OFFLOAD_PACKET);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), -ENODEV);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, old->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, fake_count(SPI(0)), 1);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 0);
	xfrm_state_put(x);
}

/* The mark is a part of the lookup key. */
static void twin_has_the_same_mark(struct kunit *test)
{
	struct xfrm_state *x, *y = fake_sad_state(test);

	x = fake_sad_state(test);
	x->mark = (struct xfrm_mark){ .v = 1, .m = 1 };
	xfrm_state_insert(x);
	y->mark = (struct xfrm_mark){ .v = 2, .m = 3 };
	KUNIT_EXPECT_FALSE(test, xfrm_state_has_twin(y));
	y->mark.v = 3;
	KUNIT_EXPECT_TRUE(test, xfrm_state_has_twin(y));
	fake_discard(y);
}

/* An SA in the SAD, and its duplicate from a request, as XFRM_MSG_UPDSA and
 * XFRM_MSG_NEWSA construct it. The device that the request names does not
 * exist: the request fails if the duplicate goes to a device.
 */
struct twins {
	struct xfrm_state *x, *y;
};

static struct twins new_twins(struct kunit *test)
{
	struct xfrm_user_offload xuo = {
		.ifindex = INT_MAX,
		.flags = XFRM_OFFLOAD_PACKET,
	};
	struct twins t;

	t.x = fake_sad_state(test);
	fake_offload(test, t.x, XFRM_DEV_OFFLOAD_PACKET);
	xfrm_state_hold(t.x);
	xfrm_state_insert(t.x);

	t.y = fake_sad_state(test);
	t.y->km.state = XFRM_STATE_VOID;
	KUNIT_EXPECT_EQ(test,
			xfrm_offload_new_sa(&init_net, t.y, &xuo, NULL), 0);
	xfrm_state_hold(t.y);

	return t;
}

static bool found(const struct xfrm_state *x)
{
	struct xfrm_state *y = fake_lookup(THERE, SPI(0));

	if (y)
		xfrm_state_put(y);

	return y == x;
}

static void drop_twins(struct twins *t)
{
	if (t->y->km.state != XFRM_STATE_DEAD)
		fake_discard(t->y);
	xfrm_state_put(t->y);
	xfrm_state_delete(t->x);
	xfrm_offload_flush(fake.dev);
	xfrm_state_put(t->x);
}

/* A larval SA with the same name is found first. */
static void twin_behind_a_larval_one(struct kunit *test)
{
	struct xfrm_user_offload xuo = {
		.ifindex = INT_MAX,
		.flags = XFRM_OFFLOAD_PACKET,
	};
	struct twins t = new_twins(test);
	struct xfrm_state *larval = fake_sad_state(test);

	t.x->mark = (struct xfrm_mark){ .v = 1, .m = 1 };
	t.y->mark = t.x->mark;
	larval->km.state = XFRM_STATE_ACQ;
	xfrm_state_hold(larval);
	xfrm_state_insert(larval);

	t.y->xso.flags = 0;
	KUNIT_EXPECT_EQ(test,
			xfrm_offload_new_sa(&init_net, t.y, &xuo, NULL), 0);
	KUNIT_EXPECT_TRUE(test, t.y->xso.flags == XFRM_DEV_OFFLOAD_FLAG_TWIN);
	KUNIT_EXPECT_EQ(test, fake.state_add, 1);

	larval->km.state = XFRM_STATE_VALID;
	xfrm_state_delete(larval);
	xfrm_state_put(larval);
	drop_twins(&t);
}

static void update_needs_no_hardware(struct kunit *test)
{
	struct twins t = new_twins(test);

	t.y->lft.hard_add_expires_seconds = 815;
	KUNIT_EXPECT_EQ(test, xfrm_state_update(t.y), 0);
	KUNIT_EXPECT_EQ(test, t.x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, t.x->lft.hard_add_expires_seconds, 815);
	KUNIT_EXPECT_EQ(test, t.y->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, fake.state_add, 1);
	drop_twins(&t);
}

static void update_raced_by_an_unbind(struct kunit *test)
{
	struct twins t = new_twins(test);

	fake.seq = 41;
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, xfrm_state_update(t.y), -EAGAIN);
	KUNIT_EXPECT_EQ(test, t.x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_TRUE(test, t.x->invalid.exact);
	KUNIT_EXPECT_EQ(test, t.x->replay.oseq, 41);
	KUNIT_EXPECT_TRUE(test, found(t.x));
	KUNIT_EXPECT_EQ(test, fake.state_add, 1);
	KUNIT_EXPECT_EQ(test, fake.state_free, 1);
	drop_twins(&t);
	KUNIT_EXPECT_EQ(test, fake.state_delete, 1);
}

static void update_raced_by_a_deletion(struct kunit *test)
{
	struct twins t = new_twins(test);

	xfrm_state_delete(t.x);
	KUNIT_EXPECT_EQ(test, xfrm_state_update(t.y), -ESRCH);
	KUNIT_EXPECT_FALSE(test, found(t.y));
	drop_twins(&t);
}

static void add_beside_a_valid_one(struct kunit *test)
{
	struct twins t = new_twins(test);

	KUNIT_EXPECT_EQ(test, xfrm_state_add(t.y), -EEXIST);
	KUNIT_EXPECT_EQ(test, fake.state_add, 1);
	KUNIT_EXPECT_TRUE(test, found(t.x));
	drop_twins(&t);
}

/* The duplicate is not on a device: added, it would carry packets in software.
 */
static void add_raced_by_an_unbind(struct kunit *test)
{
	struct twins t = new_twins(test);

	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(t.y), -EEXIST);
	KUNIT_EXPECT_EQ(test, t.x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_TRUE(test, found(t.x));
	drop_twins(&t);
}

static void add_raced_by_a_deletion(struct kunit *test)
{
	struct twins t = new_twins(test);

	xfrm_state_delete(t.x);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(t.y), -EEXIST);
	KUNIT_EXPECT_FALSE(test, found(t.y));
	drop_twins(&t);
}

/* A lookup has passed the place of the new SA, and comes to that of the old one
 * when it is deleted: it has to begin again, or it finds neither.
 */
static void lookup_beside_a_deletion_begins_again(struct kunit *test)
{
	struct xfrm_state *x = fake_insert(test, XFRM_STATE_INVALID,
					  XFRM_DEV_OFFLOAD_UNSPECIFIED);
	seqcount_spinlock_t *lookups = &init_net.xfrm.xfrm_state_hash_generation;
	unsigned int sequence = read_seqcount_begin(lookups);

	KUNIT_EXPECT_EQ(test, xfrm_state_delete(x), 0);
	KUNIT_EXPECT_TRUE(test, read_seqcount_retry(lookups, sequence));
}

static struct kunit_case replace_cases[] = {
	KUNIT_CASE_PARAM(add_replaces_its_own, add_gen_params),
	KUNIT_CASE(unbind_before_publish_replaces_nothing),
	KUNIT_CASE(twin_has_the_same_mark),
	KUNIT_CASE(twin_behind_a_larval_one),
	KUNIT_CASE(update_needs_no_hardware),
	KUNIT_CASE(update_raced_by_an_unbind),
	KUNIT_CASE(update_raced_by_a_deletion),
	KUNIT_CASE(add_beside_a_valid_one),
	KUNIT_CASE(add_raced_by_an_unbind),
	KUNIT_CASE(add_raced_by_a_deletion),
	KUNIT_CASE(lookup_beside_a_deletion_begins_again),
	{}
};

static struct kunit_suite replace_suite = {
	.name = "xfrm_replace",
	.init = fake_sad_init,
	.exit = fake_sad_exit,
	.test_cases = replace_cases,
};

kunit_test_suite(replace_suite);
