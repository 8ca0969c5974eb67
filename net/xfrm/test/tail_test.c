// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the tails of keys: what an addition gets, in both directions,
 * after each way in which an SA with its key may have ended.
 */

#include <linux/xfrm.h>

#include "fake.h"

#define KEY_LEN		20
#define IN		XFRM_DEV_OFFLOAD_IN
#define OUT		XFRM_DEV_OFFLOAD_OUT
#define PACKET		XFRM_DEV_OFFLOAD_PACKET
#define CRYPTO		XFRM_DEV_OFFLOAD_CRYPTO
#define SOFTWARE	XFRM_DEV_OFFLOAD_UNSPECIFIED

/* Each case has keys of its own. */
static u8 tail_key;

/* What the last addition said. */
static struct netlink_ext_ack extack;

static int tail_init(struct kunit *test)
{
	int err = fake_init(test);

	fake.shows_numbers = true;
	tail_key++;

	return err;
}

static struct xfrm_state *make(struct kunit *test, u8 dir, int spi)
{
	struct xfrm_state *x = fake_state_alloc(test);

	x->props.family = AF_INET;
	x->props.mode = XFRM_MODE_TRANSPORT;
	x->props.replay_window = dir == IN ? 32 : 0;
	x->id.proto = IPPROTO_ESP;
	x->id.spi = SPI(spi);
	x->id.daddr.a4 = dir == IN ? HERE : THERE;
	x->props.saddr.a4 = dir == IN ? THERE : HERE;
	x->dir = dir == IN ? XFRM_SA_DIR_IN : XFRM_SA_DIR_OUT;
	x->aead = kzalloc(sizeof(*x->aead) + KEY_LEN, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->aead);
	memset(x->aead->alg_key, tail_key, KEY_LEN);
	x->aead->alg_key_len = KEY_LEN * 8;

	return x;
}

static void with_esn(struct kunit *test, struct xfrm_state *x, u32 window)
{
	fake_replay_esn(test, x, window);
	x->props.flags |= XFRM_STATE_ESN;
}

/* The first part of an addition: look for the tail of the key. */
static int meet(struct kunit *test, struct xfrm_state *x, u8 type)
{
	struct xfrm_user_offload xuo = {};

	extack = (struct netlink_ext_ack){};
	if (x->dir == XFRM_SA_DIR_IN)
		xuo.flags |= XFRM_OFFLOAD_INBOUND;

	return xfrm_tail_meet(x, type == SOFTWARE ? NULL : &xuo, &extack);
}

static int offload(struct kunit *test, struct xfrm_state *x, u8 type)
{
	fake_hold(&x->xso, fake.dev, type);
	x->xso.dir = x->dir == XFRM_SA_DIR_IN ? IN : OUT;

	return fake_add_state(x, NULL);
}

/* The second part: offload, insert, publish. */
static void add(struct kunit *test, struct xfrm_state *x, u8 type)
{
	if (type != SOFTWARE && !xfrm_state_is_invalid(x))
		KUNIT_ASSERT_EQ(test, offload(test, x, type), 0);
	xfrm_state_hold(x);
	KUNIT_ASSERT_EQ(test, xfrm_state_add(x), 0);
	KUNIT_ASSERT_EQ(test, xfrm_state_publish(x), 0);
}

static struct xfrm_state *added(struct kunit *test, u8 dir, int spi, u8 type)
{
	struct xfrm_state *x = make(test, dir, spi);

	KUNIT_ASSERT_EQ(test, meet(test, x, type), 0);
	add(test, x, type);
	return x;
}

static void delete(struct xfrm_state *x)
{
	xfrm_state_delete(x);
	xfrm_state_put(x);
}

/* An SA of packet offload that is deleted when the device is at @seq. */
static void stopped_at(struct kunit *test, u8 dir, u64 seq)
{
	struct xfrm_state *x = added(test, dir, 0, PACKET);

	fake.seq = seq;
	delete(x);
}

/* The next SA with the key starts after @oseq. */
static void goes_on_at(struct kunit *test, int spi, u8 type, u32 oseq)
{
	struct xfrm_state *y = make(test, OUT, spi);

	KUNIT_EXPECT_EQ(test, meet(test, y, type), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, oseq);
	fake_discard(y);
}

static const char *sentence(struct kunit *test)
{
	return extack._msg ?: "";
}

/* Without a tail an SA is added as requested, without a message. */
static void tail_none(struct kunit *test)
{
	struct xfrm_state *out = make(test, OUT, 0), *in = make(test, IN, 1);

	out->replay.oseq = 7;
	in->replay.seq = 9;
	KUNIT_EXPECT_EQ(test, meet(test, out, PACKET), 0);
	KUNIT_EXPECT_EQ(test, out->replay.oseq, 7);
	KUNIT_EXPECT_STREQ(test, sentence(test), "");
	KUNIT_EXPECT_EQ(test, meet(test, in, CRYPTO), 0);
	KUNIT_EXPECT_EQ(test, in->replay.seq, 9);
	KUNIT_EXPECT_EQ(test, in->replay.bitmap, 0);
	fake_discard(out);
	fake_discard(in);
}

/* An SA whose addition failed leaves no tail. */
static void tail_of_a_failure(struct kunit *test)
{
	struct xfrm_state *x = make(test, OUT, 0), *y = make(test, OUT, 0);

	x->replay.oseq = 1000;
	KUNIT_EXPECT_EQ(test, meet(test, x, CRYPTO), 0);
	KUNIT_EXPECT_NOT_NULL(test, x->invalid.tail);
	xfrm_tail_forget(x);
	KUNIT_EXPECT_EQ(test, meet(test, y, CRYPTO), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 0);
	fake_discard(x);
	fake_discard(y);
}

/* Nor does one that a device held, and that was not inserted into the SAD. */
static void tail_of_one_that_was_never_there(struct kunit *test)
{
	struct xfrm_state *x = make(test, OUT, 0);

	x->replay.oseq = 1000;
	KUNIT_ASSERT_EQ(test, meet(test, x, CRYPTO), 0);
	KUNIT_ASSERT_EQ(test, offload(test, x, CRYPTO), 0);
	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	xfrm_state_put(x);
	goes_on_at(test, 0, CRYPTO, 0);
}

/* The number is final only after the hardware stopped, and is read before the
 * entry is deleted; an addition waits for it.
 */
static void tail_final_out(struct kunit *test)
{
	static const u8 types[] = { PACKET, CRYPTO, SOFTWARE };
	struct xfrm_state *x, *y;
	int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		tail_key++;
		fake.state_unbind = 0;
		fake.seq = 41;
		x = added(test, OUT, 0, PACKET);
		get_state_synchronize_rcu_full(&fake.grace);
		delete(x);
		y = make(test, OUT, 1);
		y->replay.oseq = 12;
		KUNIT_EXPECT_EQ(test, meet(test, y, types[i]), 0);
		KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
		KUNIT_EXPECT_TRUE(test, fake.unbind_drained);
		KUNIT_EXPECT_TRUE(test, fake.unbind_first);
		KUNIT_EXPECT_EQ(test, y->replay.oseq, 41);
		KUNIT_EXPECT_EQ(test, y->preplay.oseq, 41);
		KUNIT_EXPECT_TRUE(test, strstr(sentence(test), "behind 41"));
		fake_discard(y);
	}
}

static void tail_final_asks_for_more(struct kunit *test)
{
	struct xfrm_state *y;

	stopped_at(test, OUT, 41);
	y = make(test, OUT, 0);
	y->replay.oseq = 100;
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 100);
	KUNIT_EXPECT_STREQ(test, sentence(test), "");
	fake_discard(y);
}

static void tail_final_esn(struct kunit *test)
{
	struct xfrm_state *x = make(test, OUT, 0), *y = make(test, OUT, 0);

	with_esn(test, x, 0);
	with_esn(test, y, 0);
	KUNIT_ASSERT_EQ(test, meet(test, x, PACKET), 0);
	add(test, x, PACKET);
	fake.seq = 0x300000005;
	delete(x);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay_esn->oseq, 5);
	KUNIT_EXPECT_EQ(test, y->replay_esn->oseq_hi, 3);
	KUNIT_EXPECT_EQ(test, y->preplay_esn->oseq_hi, 3);
	xfrm_tail_forget(y);
	fake_discard(y);

	/* without ESN no number is left */
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), -EKEYEXPIRED);
	fake_discard(y);
}

static void tail_no_number_left(struct kunit *test)
{
	struct xfrm_state *y;

	stopped_at(test, OUT, U32_MAX);
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), -EKEYEXPIRED);
	KUNIT_EXPECT_TRUE(test, strstr(sentence(test), "rekeyed"));
	fake_discard(y);
}

static void last_number_is_told(struct kunit *test)
{
	struct xfrm_state *x = added(test, OUT, 0, PACKET), *y;

	fake.seq = U32_MAX;
	rtnl_lock();
	xfrm_dev_state_exhausted(x);
	xfrm_dev_state_exhausted(x);
	/* The work that makes it INVALID waits for RTNL. */
	KUNIT_EXPECT_EQ(test, x->broken, XFRM_INVALID_EXHAUSTED);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	xfrm_dev_unbind(fake.dev, XFRM_INVALID_DEV_DOWN);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_EXHAUSTED);
	KUNIT_EXPECT_TRUE(test, x->invalid.exact);
	y = make(test, OUT, 1);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), -EKEYEXPIRED);
	fake_discard(y);
	delete(x);
}

/* Crypto offload: software has the number, and an addition does not wait. */
static void tail_final_crypto(struct kunit *test)
{
	struct xfrm_state *x = added(test, OUT, 0, CRYPTO);

	x->replay.oseq = 77;
	delete(x);
	goes_on_at(test, 0, PACKET, 77);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 0);
}

/* An SA in software that took the number over updates the tail. */
static void tail_goes_on_in_software(struct kunit *test)
{
	struct xfrm_state *y;

	stopped_at(test, OUT, 41);
	y = added(test, OUT, 0, SOFTWARE);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 41);
	y->replay.oseq = 60;
	delete(y);
	goes_on_at(test, 0, PACKET, 60);
}

/* Inbound: the device received 38 and 40. */
static void tail_final_in(struct kunit *test)
{
	struct xfrm_state *y;

	fake.window = BIT(0) | BIT(2);
	stopped_at(test, IN, 40);
	y = make(test, IN, 0);
	y->replay.seq = 37;
	y->replay.bitmap = BIT(0);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
	KUNIT_EXPECT_TRUE(test, fake.unbind_first);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 40);
	/* 40, 38, 37 */
	KUNIT_EXPECT_EQ(test, y->replay.bitmap, BIT(0) | BIT(2) | BIT(3));
	fake_discard(y);
}

static void tail_final_in_esn(struct kunit *test)
{
	struct xfrm_state *x = make(test, IN, 0), *y;

	with_esn(test, x, 64);
	x->props.replay_window = 0;
	KUNIT_ASSERT_EQ(test, meet(test, x, PACKET), 0);
	add(test, x, PACKET);
	fake.seq = 40;
	fake.window = BIT(0) | BIT(2);
	delete(x);
	y = make(test, IN, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 40);
	KUNIT_EXPECT_EQ(test, y->replay.bitmap, BIT(0) | BIT(2));
	fake_discard(y);
}

/* Numbers that fell out of the smaller window count as received in the larger.
 */
static void tail_final_in_larger_window(struct kunit *test)
{
	struct xfrm_replay_state_esn *esn;
	struct xfrm_state *y;
	u32 n, place;
	bool seen;

	stopped_at(test, IN, 200);
	y = make(test, IN, 0);
	with_esn(test, y, 100);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	esn = y->replay_esn;
	KUNIT_EXPECT_EQ(test, esn->seq, 200);
	for (n = 0; n < 100; n++) {
		place = (200 - n - 1) % 100;
		seen = esn->bmp[place / 32] & BIT(place % 32);
		KUNIT_EXPECT_EQ_MSG(test, seen, n >= 32, "number %u", 200 - n);
	}
	fake_discard(y);
}

/* The requested number may be the higher one. */
static void tail_final_in_asks_for_more(struct kunit *test)
{
	struct xfrm_state *y;

	fake.window = BIT(0);
	stopped_at(test, IN, 40);
	y = make(test, IN, 0);
	y->replay.seq = 50;
	y->replay.bitmap = BIT(1);
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), 0);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 50);
	/* 49 and 40; the window of the tail has lost none */
	KUNIT_EXPECT_EQ(test, y->replay.bitmap, BIT(1) | BIT(10));
	fake_discard(y);
}

/* An SA without a window leaves the window of the tail as it is. */
static void tail_in_without_a_window(struct kunit *test)
{
	struct xfrm_state *x, *y;

	fake.window = BIT(0) | BIT(2);
	stopped_at(test, IN, 40);
	x = make(test, IN, 0);
	x->props.replay_window = 0;
	KUNIT_ASSERT_EQ(test, meet(test, x, SOFTWARE), 0);
	add(test, x, SOFTWARE);
	delete(x);
	y = make(test, IN, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), 0);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 40);
	KUNIT_EXPECT_EQ(test, y->replay.bitmap, BIT(0) | BIT(2));
	fake_discard(y);
}

/* Inbound, another SPI is another number space: old frames are not authentic.
 */
static void tail_in_of_another_spi(struct kunit *test)
{
	struct xfrm_state *y;

	stopped_at(test, IN, 40);
	y = make(test, IN, 1);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 0);
	fake_discard(y);
}

static void tail_other_key_or_direction(struct kunit *test)
{
	struct xfrm_state *y;

	stopped_at(test, OUT, 41);
	y = make(test, OUT, 0);
	y->aead->alg_key[KEY_LEN - 1]++;
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 0);
	fake_discard(y);
	y = make(test, IN, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 0);
	fake_discard(y);
}

static void unknown(struct kunit *test, u8 dir, u8 type)
{
	struct xfrm_state *x = added(test, dir, 0, PACKET), *y;

	delete(x);
	y = make(test, dir, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, type), 0);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, y->invalid.reason, XFRM_INVALID_TAIL);
	KUNIT_EXPECT_FALSE(test, y->invalid.exact);
	KUNIT_EXPECT_TRUE(test, y->km.dying);
	KUNIT_EXPECT_TRUE(test, strstr(sentence(test), "rekeyed"));
	/* it is inserted, and stays INVALID */
	add(test, y, type);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_NULL(test, y->xso.dev);
	delete(y);

	/* so does the next one */
	y = make(test, dir, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, type), 0);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_INVALID);
	fake_discard(y);
}

static void tail_unknown(struct kunit *test)
{
	static const u8 types[] = { PACKET, CRYPTO, SOFTWARE };
	int i;

	fake.unbind_says = -EIO;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		tail_key++;
		unknown(test, OUT, types[i]);
		tail_key++;
		unknown(test, IN, types[i]);
	}
}

static void tail_unknown_of_an_old_driver(struct kunit *test)
{
	fake.dev->xfrmdev_ops = &fake_old_ops;
	unknown(test, OUT, PACKET);
	tail_key++;
	unknown(test, IN, PACKET);
}

/* The driver reports an SA broken inside its add callback. With packet offload
 * the device may have used the key up to an unknown number.
 */
static void tail_of_one_broken_when_added(struct kunit *test)
{
	static const u8 types[] = { PACKET, CRYPTO };
	struct xfrm_state *x, *y;
	int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		tail_key++;
		x = make(test, OUT, 0);
		x->replay.oseq = 5;
		KUNIT_ASSERT_EQ(test, meet(test, x, types[i]), 0);
		fake.in_state_add = fake_says_broken;
		KUNIT_EXPECT_EQ(test, offload(test, x, types[i]), -EIO);
		fake.in_state_add = NULL;
		xfrm_offload_release(&x->xso);
		fake_discard(x);

		y = make(test, OUT, 0);
		KUNIT_EXPECT_EQ(test, meet(test, y, types[i]), 0);
		KUNIT_EXPECT_EQ(test, xfrm_state_is_invalid(y),
				types[i] == PACKET);
		if (types[i] == CRYPTO)
			KUNIT_EXPECT_EQ(test, y->replay.oseq, 5);
		fake_discard(y);
	}
}

/* The key is in use. */
static void tail_live(struct kunit *test)
{
	static const u8 dirs[] = { OUT, IN };
	struct xfrm_state *x, *y;
	int i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		tail_key++;
		x = added(test, dirs[i], 0, PACKET);

		y = make(test, dirs[i], 0);
		y->id.daddr.a4 = ELSEWHERE;
		KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), -EEXIST);
		KUNIT_EXPECT_TRUE(test, strstr(sentence(test), "key"));
		KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), -EEXIST);
		y->dir = 0;
		KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), -EEXIST);
		fake_discard(y);

		/* another SPI is accepted */
		y = make(test, dirs[i], 1);
		KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
		KUNIT_EXPECT_EQ(test, y->replay.oseq, 0);
		xfrm_tail_forget(y);
		fake_discard(y);

		/* an update of the SA does not get a tail */
		y = make(test, dirs[i], 0);
		KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
		KUNIT_EXPECT_NULL(test, y->invalid.tail);
		fake_discard(y);
		delete(x);
	}
}

/* Some of many SPIs share a hash chain with the first one. */
static void tail_live_of_many_spis(struct kunit *test)
{
	struct xfrm_state *x = added(test, OUT, 0, CRYPTO), *y;
	int i, refused = 0;

	y = make(test, OUT, 1);
	for (i = 1; i < 4096; i++) {
		y->id.spi = SPI(i);
		refused += !!meet(test, y, SOFTWARE);
		xfrm_tail_forget(y);
	}
	KUNIT_EXPECT_EQ(test, refused, 0);
	fake_discard(y);
	delete(x);
}

static struct xfrm_algo *cipher(struct kunit *test, u8 byte)
{
	struct xfrm_algo *algo = kzalloc(sizeof(*algo) + KEY_LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, algo);
	memset(algo->alg_key, byte, KEY_LEN);
	algo->alg_key_len = KEY_LEN * 8;
	return algo;
}

/* The key of the cipher names a tail, not that of the authentication. */
static void tail_of_a_cipher(struct kunit *test)
{
	struct xfrm_state *x[3];
	int i;

	for (i = 0; i < ARRAY_SIZE(x); i++) {
		x[i] = make(test, OUT, 0);
		kfree(x[i]->aead);
		x[i]->aead = NULL;
		x[i]->ealg = cipher(test, tail_key + (i == 2 ? 100 : 0));
		x[i]->aalg = kzalloc(sizeof(*x[i]->aalg) + KEY_LEN, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, x[i]->aalg);
		memset(x[i]->aalg->alg_key, i == 1 ? 200 : 201, KEY_LEN);
		x[i]->aalg->alg_key_len = KEY_LEN * 8;
	}
	KUNIT_ASSERT_EQ(test, meet(test, x[0], PACKET), 0);
	add(test, x[0], PACKET);
	fake.seq = 41;
	delete(x[0]);
	KUNIT_EXPECT_EQ(test, meet(test, x[1], PACKET), 0);
	KUNIT_EXPECT_EQ(test, x[1]->replay.oseq, 41);
	KUNIT_EXPECT_EQ(test, meet(test, x[2], PACKET), 0);
	KUNIT_EXPECT_EQ(test, x[2]->replay.oseq, 0);
	fake_discard(x[1]);
	fake_discard(x[2]);
}

/* One key may be used in both directions, as in configurations by hand. */
static void tail_live_reverse(struct kunit *test)
{
	struct xfrm_state *x = added(test, OUT, 0, CRYPTO), *y;

	y = make(test, IN, 0);
	y->dir = 0;
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), 0);
	fake_discard(y);

	/* the direction, if known, counts, not the addresses */
	y = make(test, IN, 0);
	y->id.daddr.a4 = ELSEWHERE;
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), 0);
	fake_discard(y);
	delete(x);
}

/* An unbind leaves a tail, exact or not. */
static void tail_after_an_unbind(struct kunit *test)
{
	struct xfrm_state *x, *y;

	fake.seq = 41;
	x = added(test, OUT, 0, PACKET);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	y = make(test, OUT, 0);
	y->id.daddr.a4 = ELSEWHERE;
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 41);
	fake_discard(y);
	delete(x);

	tail_key++;
	fake.unbind_says = -EOPNOTSUPP;
	x = added(test, OUT, 0, PACKET);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	/* even if it replaces the INVALID SA */
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), 0);
	KUNIT_EXPECT_EQ(test, y->invalid.reason, XFRM_INVALID_TAIL);
	fake_discard(y);
	delete(x);
}

/* A copy that its device refuses comes up INVALID, and says which device that is,
 * if there is one.
 */
static void refused_copy_names_the_device(struct kunit *test)
{
	struct xfrm_dev_counts *counts = &fake.dev->xfrm_offloads.counts;
	struct xfrm_user_offload xuo = { .flags = XFRM_OFFLOAD_PACKET };
	struct xfrm_state *y[2];
	int i, ifindex;

	stopped_at(test, OUT, 41);
	fake_register(test, fake.dev);
	ifindex = fake.dev->ifindex;
	fake.refuse = -ENOSPC;
	for (i = 0; i < ARRAY_SIZE(y); i++) {
		y[i] = make(test, OUT, i);
		KUNIT_EXPECT_EQ(test, meet(test, y[i], PACKET), 0);
		xuo.ifindex = i ? INT_MAX : ifindex;
		KUNIT_EXPECT_EQ(test, xfrm_offload_new_sa(&init_net, y[i], &xuo,
							  &extack), 0);
		KUNIT_EXPECT_EQ(test, y[i]->km.state, XFRM_STATE_INVALID);
		KUNIT_EXPECT_EQ(test, y[i]->invalid.reason,
				XFRM_INVALID_REFUSED);
		KUNIT_EXPECT_TRUE(test, y[i]->invalid.exact);
		KUNIT_EXPECT_EQ(test, y[i]->invalid.ifindex, i ? 0 : ifindex);
		KUNIT_EXPECT_STREQ(test, y[i]->invalid.ifname,
				   i ? "" : fake.dev->name);
		KUNIT_EXPECT_EQ(test,
				atomic_read(&counts->unbound[XFRM_INVALID_REFUSED]),
				1);
		fake_discard(y[i]);
	}
	fake_unregister();
}

/* A suspended SA still uses its key: the tail is final after its deletion
 * only.
 */
static void tail_of_a_suspended(struct kunit *test)
{
	struct xfrm_state *x, *y;

	fake.seq = 41;
	x = added(test, OUT, 0, PACKET);
	fake_suspend();
	y = make(test, OUT, 0);
	y->id.daddr.a4 = ELSEWHERE;
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), -EEXIST);
	fake_restore();
	KUNIT_EXPECT_TRUE(test, x->xso.live);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), -EEXIST);
	fake.seq = 50;
	fake.late = 5;
	delete(x);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 55);
	fake_discard(y);
}

static void tail_of_one_deleted_while_suspended(struct kunit *test)
{
	struct xfrm_state *x, *y;

	fake.seq = 41;
	x = added(test, OUT, 0, PACKET);
	rtnl_lock();
	xfrm_dev_suspend(fake.dev);
	delete(x);
	rtnl_unlock();
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 41);
	fake_discard(y);
	fake_restore();
	KUNIT_EXPECT_EQ(test, fake.state_unbind, 1);
}

/* A clone takes the key over. */
static void tail_of_a_clone(struct kunit *test)
{
	struct xfrm_state *x = added(test, OUT, 0, CRYPTO);
	struct xfrm_state *xc = make(test, OUT, 0), *y;

	x->replay.oseq = 30;
	xfrm_state_delete(x);
	KUNIT_EXPECT_EQ(test, xfrm_tail_inherit(x, xc, NULL), 0);
	KUNIT_EXPECT_PTR_EQ(test, x->invalid.tail, xc->invalid.tail);
	xfrm_state_put(x);
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, CRYPTO), -EEXIST);
	fake_discard(y);
	add(test, xc, SOFTWARE);
	xc->replay.oseq = 35;
	delete(xc);
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, CRYPTO), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 35);
	fake_discard(y);
}

/* A clone of an INVALID SA starts after the numbers that its key was used for
 * since.
 */
static void tail_of_a_late_clone(struct kunit *test)
{
	struct xfrm_state *x, *y, *xc = make(test, OUT, 0);

	fake.seq = 41;
	x = added(test, OUT, 0, PACKET);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, xfrm_tail_is_free(x, NULL), 0);
	y = make(test, OUT, 0);
	y->id.daddr.a4 = ELSEWHERE;
	KUNIT_ASSERT_EQ(test, meet(test, y, PACKET), 0);
	add(test, y, PACKET);
	KUNIT_EXPECT_EQ(test, xfrm_tail_is_free(x, NULL), -EEXIST);
	fake.seq = 60;
	xfrm_state_delete(y);
	xfrm_state_put(y);
	xfrm_offload_flush(fake.dev);
	KUNIT_EXPECT_EQ(test, xfrm_tail_is_free(x, NULL), 0);
	xc->replay.oseq = 41;
	KUNIT_EXPECT_EQ(test, xfrm_tail_inherit(x, xc, NULL), 0);
	KUNIT_EXPECT_EQ(test, xc->replay.oseq, 60);
	xfrm_tail_forget(xc);
	fake_discard(xc);
	delete(x);
}

/* It is refused if these numbers are unknown. */
static void tail_of_a_late_clone_is_unknown(struct kunit *test)
{
	struct xfrm_state *x, *y;

	fake.seq = 41;
	x = added(test, OUT, 0, PACKET);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	y = make(test, OUT, 0);
	y->id.daddr.a4 = ELSEWHERE;
	KUNIT_ASSERT_EQ(test, meet(test, y, PACKET), 0);
	add(test, y, PACKET);
	fake.unbind_says = -EIO;
	delete(y);
	xfrm_offload_flush(fake.dev);
	KUNIT_EXPECT_EQ(test, xfrm_tail_is_free(x, &extack), -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, strstr(sentence(test), "rekeyed"));
	delete(x);
}

/* An SA in software that goes to a device does not reset the tail of its key.
 */
static void tail_of_one_that_goes_to_a_device(struct kunit *test)
{
	struct xfrm_user_offload xuo = {};
	struct xfrm_state *xc;

	stopped_at(test, OUT, 41);
	xfrm_offload_flush(fake.dev);
	xc = make(test, OUT, 1);
	KUNIT_EXPECT_EQ(test, xfrm_tail_provide(xc, &xuo), 0);
	add(test, xc, CRYPTO);
	xc->replay.oseq = 30;
	delete(xc);
	goes_on_at(test, 0, PACKET, 41);
}

static u32 oseq_of_key(struct kunit *test, u32 key)
{
	struct xfrm_state *y = make(test, OUT, 0);
	u32 oseq;

	memcpy(y->aead->alg_key, &key, sizeof(key));
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), 0);
	oseq = y->replay.oseq;
	xfrm_tail_forget(y);
	fake_discard(y);
	return oseq;
}

/* Inbound tails do not evict an outbound one. */
static void tail_evicts_inbound_first(struct kunit *test)
{
	unsigned long before = fake_mib(LINUX_MIB_XFRMTAILEVICTED);
	unsigned long start = jiffies;
	struct xfrm_state *x;
	u32 i, key;

	x = make(test, OUT, 0);
	key = 0xa0000000;
	memcpy(x->aead->alg_key, &key, sizeof(key));
	KUNIT_ASSERT_EQ(test, meet(test, x, CRYPTO), 0);
	add(test, x, CRYPTO);
	x->replay.oseq = 5;
	delete(x);
	for (i = 0; i < XFRM_TAIL_MAX + 8; i++) {
		x = make(test, IN, 0);
		key = 0xb0000000 + i;
		memcpy(x->aead->alg_key, &key, sizeof(key));
		KUNIT_ASSERT_EQ(test, meet(test, x, CRYPTO), 0);
		add(test, x, CRYPTO);
		delete(x);
		if (!(i % 256))
			xfrm_flush_gc();
	}
	/* if all were added before the first one expired, 8 had to go */
	if (time_before(jiffies, start + 9 * HZ))
		KUNIT_EXPECT_GE(test, fake_mib(LINUX_MIB_XFRMTAILEVICTED), before + 8);
	KUNIT_EXPECT_EQ(test, oseq_of_key(test, 0xa0000000), 5);
}

static struct kunit_case tail_cases[] = {
	KUNIT_CASE(tail_none),
	KUNIT_CASE(tail_of_a_failure),
	KUNIT_CASE(tail_of_one_that_was_never_there),
	KUNIT_CASE(tail_final_out),
	KUNIT_CASE(tail_final_asks_for_more),
	KUNIT_CASE(tail_final_esn),
	KUNIT_CASE(tail_no_number_left),
	KUNIT_CASE(last_number_is_told),
	KUNIT_CASE(tail_final_crypto),
	KUNIT_CASE(tail_goes_on_in_software),
	KUNIT_CASE(tail_final_in),
	KUNIT_CASE(tail_final_in_esn),
	KUNIT_CASE(tail_final_in_larger_window),
	KUNIT_CASE(tail_final_in_asks_for_more),
	KUNIT_CASE(tail_in_without_a_window),
	KUNIT_CASE(tail_in_of_another_spi),
	KUNIT_CASE(tail_other_key_or_direction),
	KUNIT_CASE(tail_unknown),
	KUNIT_CASE(tail_unknown_of_an_old_driver),
	KUNIT_CASE(tail_of_one_broken_when_added),
	KUNIT_CASE(tail_live),
	KUNIT_CASE(tail_live_of_many_spis),
	KUNIT_CASE(tail_of_a_cipher),
	KUNIT_CASE(tail_live_reverse),
	KUNIT_CASE(tail_after_an_unbind),
	KUNIT_CASE(refused_copy_names_the_device),
	KUNIT_CASE(tail_of_a_suspended),
	KUNIT_CASE(tail_of_one_deleted_while_suspended),
	KUNIT_CASE(tail_of_a_clone),
	KUNIT_CASE(tail_of_a_late_clone),
	KUNIT_CASE(tail_of_a_late_clone_is_unknown),
	KUNIT_CASE(tail_of_one_that_goes_to_a_device),
	KUNIT_CASE(tail_evicts_inbound_first),
	{}
};

static struct kunit_suite tail_suite = {
	.name = "xfrm_tail",
	.init = tail_init,
	.exit = fake_exit,
	.test_cases = tail_cases,
};

kunit_test_suite(tail_suite);
