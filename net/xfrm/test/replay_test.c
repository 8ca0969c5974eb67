// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of replay windows, of what a device is told about the numbers
 * that an SA sends, and of the numbers that an SA takes over from a device.
 */

#include <linux/math64.h>

#include "fake.h"

static struct xfrm_state *replay_state(struct kunit *test, u32 window, bool esn)
{
	struct xfrm_state *x = fake_state_alloc(test);

	x->dir = window ? XFRM_SA_DIR_IN : XFRM_SA_DIR_OUT;
	x->props.flags = esn ? XFRM_STATE_ESN : 0;
	fake_replay_esn(test, x, window);
	KUNIT_ASSERT_EQ(test, xfrm_init_replay(x, NULL), 0);

	return x;
}

/* --- windows */

struct window_param {
	u32 window;
	bool esn;
	u64 start;	/* the window's top before the first packet */
};

/* From the first packet, just before the lower half wraps, and far from both.
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

/* After each packet, check all numbers in the window. */
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
		/* a late packet */
		if (i % 3 == 2 && number - 2 > p->start)
			receive_number(test, x, seen, number - 2);
		n = seen->top - min(seen->top, p->window);
		for (n = max(seen->first, n); n <= seen->top; n++)
			expect_number(test, x, seen, n);
	}

	fake_discard(x);
}

/* The number jumps over most of the range of the lower half. */
static void window_after_a_jump(struct kunit *test)
{
	struct xfrm_state *x = replay_state(test, 100, true);

	x->replay_esn->seq = 99;
	xfrm_replay_advance(x, htonl(0xffffffe0));
	KUNIT_EXPECT_EQ(test, x->replay_esn->seq, 0xffffffe0);
	KUNIT_EXPECT_NE(test, xfrm_replay_check(x, NULL, htonl(0xffffffe0)), 0);
	KUNIT_EXPECT_EQ(test, xfrm_replay_check(x, NULL, htonl(0xffffffdf)), 0);
	fake_discard(x);
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
	u32 segments;	/* 0: in software, one packet at a time */
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

	dev = fake_netdev(test, "fakenic%d", &told_ops);

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
	fake_discard(x);
	free_netdev(dev);
}

/* --- numbers that come from a device */

/* An SA that took over a device's numbers refuses what the device received, and
 * only that.
 */
struct adopt_param {
	const char *name;
	u32 window;	/* 0: legacy, 32 bits */
	u64 seq;
	u32 replay[4];
	bool esn;
};

static const struct adopt_param adopt_params[] = {
	{ "legacy", 0, 1000, { 0x00000005 } },
	{ "legacy, young", 0, 3, { 0x00000007 } },
	{ "legacy, the oldest", 0, 1000, { 0x80000001 } },
	{ "legacy, the first of all", 0, 32, { 0x80000001 } },
	{ "bitmap, 64", 64, 5000, { 0x80000001, 0x1 } },
	{ "bitmap, the oldest", 64, 5000, { 0x1, 0x80000000 } },
	{ "bitmap, 96, the oldest", 96, 12345, { 0x1, 0, 0x80000000 } },
	{ "esn, the oldest, of before the wrap", 128, 0x20000007eULL,
	  { 0x1, 0, 0, 0x80000000 }, true },
	{ "bitmap, young", 64, 2, { 0x3 } },
	{ "bitmap, not a power of two", 96, 12345, { 0xdeadbeef, 0x55, 0x1 } },
	{ "esn, 128", 128, 0x1ffffffffULL, { 1, 2, 4, 8 }, true },
	{ "esn, just wrapped", 128, 0x200000003ULL, { 0xff, 0, 0, 1 }, true },
	{ "esn, 96, just wrapped", 96, 0x200000003ULL,
	  { 0xff, 0x80000000, 0xf }, true },
	{ "esn, 96, far from a wrap", 96, 0x380000003ULL,
	  { 0xff, 0x80000000, 0xf }, true },
};

KUNIT_ARRAY_PARAM_DESC(adopt, adopt_params, name);

static void adopt_keeps_the_window(struct kunit *test)
{
	const struct adopt_param *p = test->param_value;
	u32 window = p->window ?: 32;
	u32 replay[4];
	struct xfrm_dev_counters final = {
		.seq = p->seq, .window = window, .replay = replay,
	};
	struct xfrm_state *x = fake_state_alloc(test);
	u32 n;

	memcpy(replay, p->replay, sizeof(replay));
	x->xso.dir = XFRM_DEV_OFFLOAD_IN;
	x->props.replay_window = 32;

	if (p->window)
		fake_replay_esn(test, x, window);
	if (p->esn)
		x->props.flags |= XFRM_STATE_ESN;
	KUNIT_ASSERT_EQ(test, xfrm_init_replay(x, NULL), 0);

	spin_lock_bh(&x->lock);
	xfrm_replay_adopt(x, &final);
	spin_unlock_bh(&x->lock);

	for (n = 0; n < window && n < p->seq; n++) {
		bool received = p->replay[n / 32] & BIT(n % 32);
		__be32 seq = htonl(lower_32_bits(p->seq - n));

		KUNIT_EXPECT_EQ_MSG(test, !!xfrm_replay_check(x, NULL, seq),
				    received, "seq - %u", n);
	}
	KUNIT_EXPECT_EQ(test,
			xfrm_replay_check(x, NULL,
					  htonl(lower_32_bits(p->seq + 1))), 0);

	fake_discard(x);
	xfrm_flush_gc();
}

static void adopt_goes_on_sending(struct kunit *test)
{
	struct xfrm_dev_counters final = { .seq = 0x1ffffffffULL };
	struct xfrm_replay_state_esn esn = {};
	struct xfrm_state *x = fake_state_alloc(test);

	x->xso.dir = XFRM_DEV_OFFLOAD_OUT;
	x->replay_esn = &esn;
	spin_lock_bh(&x->lock);
	xfrm_replay_adopt(x, &final);
	spin_unlock_bh(&x->lock);
	KUNIT_EXPECT_EQ(test, esn.oseq, 0xffffffff);
	KUNIT_EXPECT_EQ(test, esn.oseq_hi, 1);
	x->replay_esn = NULL;
	fake_discard(x);
}

/* Without ESN there is no upper half, whichever structure has the numbers. */
static void adopt_without_esn(struct kunit *test)
{
	struct xfrm_dev_counters final = {
		.seq = 0xfffffffeULL, .bytes = 1000, .packets = 10,
	};
	struct xfrm_replay_state_esn esn = {};
	struct xfrm_state *x = fake_state_alloc(test);

	x->xso.dir = XFRM_DEV_OFFLOAD_OUT;
	x->curlft.bytes = 1;
	x->curlft.packets = 2;
	spin_lock_bh(&x->lock);
	xfrm_replay_adopt(x, &final);
	KUNIT_EXPECT_EQ(test, x->replay.oseq, 0xfffffffe);
	x->replay_esn = &esn;
	xfrm_replay_adopt(x, &final);
	spin_unlock_bh(&x->lock);
	KUNIT_EXPECT_EQ(test, esn.oseq, 0xfffffffe);
	KUNIT_EXPECT_EQ(test, esn.oseq_hi, 0);
	/* the final counters are added each time */
	KUNIT_EXPECT_EQ(test, x->curlft.bytes, 2001);
	KUNIT_EXPECT_EQ(test, x->curlft.packets, 22);
	x->replay_esn = NULL;
	fake_discard(x);
}

static struct kunit_case replay_cases[] = {
	KUNIT_CASE_PARAM(window_refuses_what_came, window_gen_params),
	KUNIT_CASE(window_after_a_jump),
	KUNIT_CASE_PARAM(device_is_told_of_numbers, oseq_gen_params),
	KUNIT_CASE_PARAM(adopt_keeps_the_window, adopt_gen_params),
	KUNIT_CASE(adopt_goes_on_sending),
	KUNIT_CASE(adopt_without_esn),
	{}
};

static struct kunit_suite replay_suite = {
	.name = "xfrm_replay",
	.test_cases = replay_cases,
};

kunit_test_suite(replay_suite);
