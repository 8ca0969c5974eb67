// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of replay windows, and of what a device is told about the
 * numbers that an SA sends.
 */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/math64.h>
#include <net/xfrm.h>

static struct xfrm_state *replay_state(struct kunit *test, u32 window, bool esn)
{
	u32 words = DIV_ROUND_UP(window, 32);
	struct xfrm_replay_state_esn *replay;
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);
	x->dir = window ? XFRM_SA_DIR_IN : XFRM_SA_DIR_OUT;
	x->props.flags = esn ? XFRM_STATE_ESN : 0;
	x->replay_esn = kzalloc(struct_size(replay, bmp, words), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->replay_esn);
	x->replay_esn->bmp_len = words;
	x->replay_esn->replay_window = window;
	x->preplay_esn = kmemdup(x->replay_esn,
				 xfrm_replay_state_esn_len(x->replay_esn),
				 GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->preplay_esn);
	KUNIT_ASSERT_EQ(test, xfrm_init_replay(x, NULL), 0);

	return x;
}

static void drop_replay_state(struct xfrm_state *x)
{
	x->km.state = XFRM_STATE_DEAD;
	xfrm_state_put(x);
}

/* --- windows */

struct window_param {
	u32 window;
	bool esn;
	u64 start;	/* the window's top before the first packet */
};

/* The first packet of all, the ones before the lower half wraps, and those far
 * from either.
 */
static const struct window_param window_params[] = {
	{ 32, false, 0 }, { 33, false, 0 }, { 64, false, 0 }, { 96, false, 0 },
	{ 100, false, 0 }, { 1000, false, 0 },
	{ 33, false, 5000 }, { 100, false, 0x80000000 },
	{ 100, false, 0xfffff000 },
	{ 32, true, 0 }, { 33, true, 0 }, { 96, true, 0 }, { 100, true, 0 },
	{ 64, true, 0xfffffff8 }, { 33, true, 0xfffffff8 },
	{ 96, true, 0xfffffff8 }, { 100, true, 0xfffffff8 },
	{ 1000, true, 0xfffffff8 },
	{ 100, true, 0x7fffffff8 }, { 1000, true, 0xffffffffff8 },
	{ 100, true, 0x500000000 },
};

static void window_desc(const struct window_param *p, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %u, from %#llx",
		 p->esn ? "esn" : "bitmap", p->window, p->start);
}

KUNIT_ARRAY_PARAM(window, window_params, window_desc);

#define SEEN	4096

struct seen {
	u64 first;
	u64 top;
	DECLARE_BITMAP(numbers, SEEN);
};

static void expect_number(struct kunit *test, struct xfrm_state *x,
			  struct seen *seen, u64 number)
{
	bool again = number - seen->first < SEEN &&
		     test_bit(number - seen->first, seen->numbers);
	bool old = number + x->replay_esn->replay_window <= seen->top;
	__be32 seq = htonl(lower_32_bits(number));

	if (old)
		return;

	KUNIT_EXPECT_EQ_MSG(test, !!xfrm_replay_check(x, NULL, seq), again,
			    "number %#llx, top %#llx", number, seen->top);
}

static void receive_number(struct kunit *test, struct xfrm_state *x,
			   struct seen *seen, u64 number)
{
	__be32 seq = htonl(lower_32_bits(number));

	expect_number(test, x, seen, number);
	if (xfrm_replay_check(x, NULL, seq))
		return;

	if (x->props.flags & XFRM_STATE_ESN)
		KUNIT_EXPECT_EQ(test, xfrm_replay_seqhi(x, seq),
				upper_32_bits(number));
	xfrm_replay_advance(x, seq);
	set_bit(number - seen->first, seen->numbers);
	seen->top = max(seen->top, number);
	expect_number(test, x, seen, number);
}

/* Everything that the window holds, asked for after each packet. */
static void window_refuses_what_came(struct kunit *test)
{
	static const u8 steps[] = { 1, 1, 3, 1, 7, 2, 40, 1, 5, 1, 120, 1, 33 };
	const struct window_param *p = test->param_value;
	struct xfrm_state *x = replay_state(test, p->window, p->esn);
	struct seen *seen;
	u64 number = p->start, n;
	u32 i;

	seen = kunit_kzalloc(test, sizeof(*seen), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	seen->first = p->start + 1 > p->window ? p->start + 1 - p->window : 1;
	seen->top = p->start;
	x->replay_esn->seq = lower_32_bits(p->start);
	x->replay_esn->seq_hi = p->esn ? upper_32_bits(p->start) : 0;

	for (i = 0; i < 4 * ARRAY_SIZE(steps); i++) {
		number += steps[i % ARRAY_SIZE(steps)];
		receive_number(test, x, seen, number);
		/* late ones */
		if (i % 3 == 2 && number - 2 > p->start)
			receive_number(test, x, seen, number - 2);
		n = seen->top - min(seen->top, p->window);
		for (n = max(seen->first, n); n <= seen->top; n++)
			expect_number(test, x, seen, n);
	}

	drop_replay_state(x);
}

/* A jump over most of the numbers that the lower half has. */
static void window_after_a_jump(struct kunit *test)
{
	struct xfrm_state *x = replay_state(test, 100, true);

	x->replay_esn->seq = 99;
	xfrm_replay_advance(x, htonl(0xffffffe0));
	KUNIT_EXPECT_EQ(test, x->replay_esn->seq, 0xffffffe0);
	KUNIT_EXPECT_NE(test, xfrm_replay_check(x, NULL, htonl(0xffffffe0)), 0);
	KUNIT_EXPECT_EQ(test, xfrm_replay_check(x, NULL, htonl(0xffffffdf)), 0);
	drop_replay_state(x);
}

/* --- what the device is told */

struct told {
	int count;
	u32 oseq, oseq_hi;
};

static struct told told;

static void told_of_numbers(struct xfrm_state *x)
{
	told.count++;
	told.oseq = x->replay_esn->oseq;
	told.oseq_hi = x->replay_esn->oseq_hi;
}

static const struct xfrmdev_ops told_ops = {
	.xdo_dev_state_advance_esn = told_of_numbers,
};

static const struct xfrm_type counted_type = {
	.flags = XFRM_TYPE_REPLAY_PROT,
};

struct oseq_param {
	const char *name;
	u64 last;	/* before the packet */
	u32 segments;	/* 0: software, which does one packet at a time */
	bool told;
	bool refused;
};

static const struct oseq_param oseq_params[] = {
	{ "first number", 0, 1, false },
	{ "in between", 0x12345678, 1, false },
	{ "a quarter", 0x3fffffff, 1, true },
	{ "after a quarter", 0x40000000, 1, false },
	{ "half", 0x7fffffff, 1, true },
	{ "three quarters", 0xbfffffff, 1, true },
	{ "last before the wrap", 0xfffffffe, 1, false },
	{ "the wrap", 0xffffffff, 1, true },
	{ "after the wrap", 0x100000000, 1, false },
	{ "a later wrap", 0x8ffffffff, 1, true },
	{ "segments over a quarter", 0x3ffffff0, 44, true },
	{ "segments over half", 0x7ffffff0, 44, true },
	{ "segments up to the wrap", 0xfffffff0, 15, false },
	{ "segments over the wrap", 0xfffffff0, 44, true },
	{ "segments in between", 0x12345678, 44, false },
	{ "in software, first number", 0, 0, false },
	{ "in software, in between", 0x12345678, 0, false },
	{ "in software, a quarter", 0x3fffffff, 0, true },
	{ "in software, half", 0x7fffffff, 0, true },
	{ "in software, the wrap", 0xffffffff, 0, true },
	{ "in software, after the wrap", 0x100000000, 0, false },
	{ "no number is left", 0xffffffffffffffffULL, 1, false, true },
	{ "no number is left, in software", 0xffffffffffffffffULL, 0, false,
	  true },
};

KUNIT_ARRAY_PARAM_DESC(oseq, oseq_params, name);

static struct sk_buff *sent_packet(struct kunit *test, u32 segments)
{
	struct sk_buff *skb = alloc_skb(64, GFP_KERNEL);
	struct sec_path *sp;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	if (!segments)
		return skb;

	sp = secpath_set(skb);
	KUNIT_ASSERT_NOT_NULL(test, sp);
	sp->len = 0;
	sp->olen = 0;
	if (segments > 1) {
		skb_shinfo(skb)->gso_size = 1400;
		skb_shinfo(skb)->gso_segs = segments;
	}

	return skb;
}

static void device_is_told_of_numbers(struct kunit *test)
{
	const struct oseq_param *p = test->param_value;
	struct xfrm_state *x = replay_state(test, 0, true);
	struct sk_buff *skb = sent_packet(test, p->segments);
	u64 first = p->last + 1, last = p->last + (p->segments ?: 1);
	struct net_device *dev;
	struct sec_path *sp;
	int err;

	dev = alloc_netdev(0, "fakenic%d", NET_NAME_UNKNOWN, ether_setup);
	KUNIT_ASSERT_NOT_NULL(test, dev);
	dev->xfrmdev_ops = &told_ops;

	x->type = &counted_type;
	x->xso.dev = dev;
	x->xso.live = true;
	x->xso.type = XFRM_DEV_OFFLOAD_CRYPTO;
	x->xso.dir = XFRM_DEV_OFFLOAD_OUT;
	x->replay_esn->oseq = lower_32_bits(p->last);
	x->replay_esn->oseq_hi = upper_32_bits(p->last);
	sp = skb_sec_path(skb);
	if (sp) {
		xfrm_state_hold(x);
		sp->xvec[sp->len++] = x;
		sp->olen++;
	}
	told = (struct told){};

	spin_lock_bh(&x->lock);
	err = xfrm_replay_overflow(x, skb);
	spin_unlock_bh(&x->lock);

	KUNIT_EXPECT_EQ(test, err, p->refused ? -EOVERFLOW : 0);
	KUNIT_EXPECT_EQ(test, told.count, p->told);
	if (p->told) {
		KUNIT_EXPECT_EQ(test, told.oseq, lower_32_bits(last));
		KUNIT_EXPECT_EQ(test, told.oseq_hi, upper_32_bits(last));
	}
	if (!p->refused) {
		KUNIT_EXPECT_EQ(test, x->replay_esn->oseq, lower_32_bits(last));
		KUNIT_EXPECT_EQ(test, x->replay_esn->oseq_hi,
				upper_32_bits(last));
		KUNIT_EXPECT_EQ(test, XFRM_SKB_CB(skb)->seq.output.low,
				lower_32_bits(first));
		KUNIT_EXPECT_EQ(test, XFRM_SKB_CB(skb)->seq.output.hi,
				upper_32_bits(first));
	}

	kfree_skb(skb);
	x->type = NULL;
	x->xso.dev = NULL;
	x->xso.live = false;
	x->xso.type = XFRM_DEV_OFFLOAD_UNSPECIFIED;
	drop_replay_state(x);
	free_netdev(dev);
}

static struct kunit_case replay_cases[] = {
	KUNIT_CASE_PARAM(window_refuses_what_came, window_gen_params),
	KUNIT_CASE(window_after_a_jump),
	KUNIT_CASE_PARAM(device_is_told_of_numbers, oseq_gen_params),
	{}
};

static struct kunit_suite replay_suite = {
	.name = "xfrm_replay",
	.test_cases = replay_cases,
};

kunit_test_suite(replay_suite);
