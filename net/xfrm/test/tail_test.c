// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the tails of keys: what an addition is answered, in both
 * directions, after each way in which an SA of its key may have ended. They use
 * the tables of init_net, and a device that is a table of callbacks.
 */

#include <kunit/test.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <net/netlink.h>
#include <net/xfrm.h>

#include "../xfrm_offload.h"
#include "fake.h"

#define HERE		cpu_to_be32(0x0a4c0001)
#define THERE		cpu_to_be32(0x0a4c0002)
#define ELSEWHERE	cpu_to_be32(0x0a4c0003)
#define SPI(n)		cpu_to_be32(0x4c01 + (n))
#define KEY_LEN		20
#define IN		XFRM_DEV_OFFLOAD_IN
#define OUT		XFRM_DEV_OFFLOAD_OUT
#define PACKET		XFRM_DEV_OFFLOAD_PACKET
#define CRYPTO		XFRM_DEV_OFFLOAD_CRYPTO
#define SOFTWARE	XFRM_DEV_OFFLOAD_UNSPECIFIED

static struct {
	u64 seq;
	u64 late;	/* packets after the counters were read last */
	u32 window;
	int says;
	int unbinds, deletes;
	struct rcu_gp_oldstate grace;
	bool drained, invalid_first;
	bool broken;	/* as the driver says when an SA is added */
} nic;

struct tail_ctx {
	struct net_device *dev;
	struct netlink_ext_ack extack;
	u8 key;
	int refs;
};

/* Each case has keys of its own. */
static u8 next_key;

static int nic_state_add(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	if (nic.broken)
		xfrm_dev_state_invalidate(x, XFRM_INVALID_DRIVER);
	return 0;
}

static void nic_state_delete(struct xfrm_state *x)
{
	nic.deletes++;
	nic.invalid_first = nic.unbinds;
}

static int nic_state_unbind(struct net_device *dev, struct xfrm_state *x,
			    struct xfrm_dev_counters *final)
{
	nic.unbinds++;
	nic.drained = poll_state_synchronize_rcu_full(&nic.grace);
	final->seq = nic.seq + nic.late;
	if (final->window)
		final->replay[0] = nic.window;
	return nic.says;
}

static void nic_update_stats(struct xfrm_state *x)
{
	struct xfrm_dev_counters now = {
		.seq = nic.seq,
		.window = 32,
		.replay = &nic.window,
	};

	if (!nic.says && x->xso.type == PACKET)
		xfrm_dev_state_now(x, &now);
}

static const struct xfrmdev_ops nic_ops = {
	.xdo_dev_state_add	= nic_state_add,
	.xdo_dev_state_delete	= nic_state_delete,
	.xdo_dev_state_unbind	= nic_state_unbind,
	.xdo_dev_state_update_stats = nic_update_stats,
};

/* A driver from before xdo_dev_state_unbind */
static const struct xfrmdev_ops nic_old_ops = {
	.xdo_dev_state_add	= nic_state_add,
	.xdo_dev_state_delete	= nic_state_delete,
};

static int tail_init(struct kunit *test)
{
	struct tail_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	test->priv = ctx;
	ctx->dev = fake_nic(test, "fakenic%d", &nic_ops);
	ctx->refs = netdev_refcnt_read(ctx->dev);
	ctx->key = ++next_key;
	memset(&nic, 0, sizeof(nic));

	return 0;
}

static void tail_exit(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;

	xfrm_offload_flush(ctx->dev);
	xfrm_flush_gc();
	KUNIT_EXPECT_EQ(test, netdev_refcnt_read(ctx->dev), ctx->refs);
	free_netdev(ctx->dev);
}

static struct xfrm_state *make(struct kunit *test, u8 dir, int spi)
{
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);
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
	memset(x->aead->alg_key, ctx->key, KEY_LEN);
	x->aead->alg_key_len = KEY_LEN * 8;

	return x;
}

static void with_esn(struct kunit *test, struct xfrm_state *x, u32 window)
{
	u32 words = DIV_ROUND_UP(window, 32);
	struct xfrm_replay_state_esn *esn;
	int i;

	for (i = 0; i < 2; i++) {
		esn = kzalloc(struct_size(esn, bmp, words), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, esn);
		esn->bmp_len = words;
		esn->replay_window = window;
		if (i)
			x->preplay_esn = esn;
		else
			x->replay_esn = esn;
	}
	x->props.flags |= XFRM_STATE_ESN;
}

/* The part of an addition that asks. */
static int meet(struct kunit *test, struct xfrm_state *x, u8 type)
{
	struct tail_ctx *ctx = test->priv;
	struct xfrm_user_offload xuo = {};

	ctx->extack = (struct netlink_ext_ack){};
	if (x->dir == XFRM_SA_DIR_IN)
		xuo.flags |= XFRM_OFFLOAD_INBOUND;

	return xfrm_tail_meet(x, type == SOFTWARE ? NULL : &xuo, &ctx->extack);
}

static int offload(struct kunit *test, struct xfrm_state *x, u8 type)
{
	struct tail_ctx *ctx = test->priv;

	x->xso.dev = ctx->dev;
	x->xso.real_dev = ctx->dev;
	x->xso.type = type;
	x->xso.dir = x->dir == XFRM_SA_DIR_IN ? IN : OUT;
	netdev_hold(ctx->dev, &x->xso.dev_tracker, GFP_KERNEL);

	return xfrm_offload_add_state(x, NULL);
}

/* The rest of it. */
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

static void drop(struct xfrm_state *x)
{
	x->km.state = XFRM_STATE_DEAD;
	xfrm_state_put(x);
}

static void delete(struct xfrm_state *x)
{
	xfrm_state_delete(x);
	xfrm_state_put(x);
}

static void unbind(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;

	rtnl_lock();
	xfrm_dev_unbind(ctx->dev, XFRM_INVALID_DEV_DOWN);
	rtnl_unlock();
}

/* An SA of packet offload that is deleted when the device is at @seq. */
static void stopped_at(struct kunit *test, u8 dir, u64 seq)
{
	struct xfrm_state *x = added(test, dir, 0, PACKET);

	nic.seq = seq;
	delete(x);
}

/* Another SA with the key goes on behind @oseq. */
static void goes_on_at(struct kunit *test, int spi, u8 type, u32 oseq)
{
	struct xfrm_state *y = make(test, OUT, spi);

	KUNIT_EXPECT_EQ(test, meet(test, y, type), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, oseq);
	drop(y);
}

static const char *sentence(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;

	return ctx->extack._msg ?: "";
}

/* none: as asked, and without a word */
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
	drop(out);
	drop(in);
}

/* One that was not added says nothing to the next one. */
static void tail_of_a_failure(struct kunit *test)
{
	struct xfrm_state *x = make(test, OUT, 0), *y = make(test, OUT, 0);

	x->replay.oseq = 1000;
	KUNIT_EXPECT_EQ(test, meet(test, x, CRYPTO), 0);
	KUNIT_EXPECT_NOT_NULL(test, x->invalid.tail);
	xfrm_tail_forget(x);
	KUNIT_EXPECT_EQ(test, meet(test, y, CRYPTO), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 0);
	drop(x);
	drop(y);
}

/* Nor one that a device had, and that did not get into the SAD. */
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

/* PENDING, then FINAL: the hardware has stopped when it tells, and is asked
 * before its entry is erased.
 */
static void tail_final_out(struct kunit *test)
{
	static const u8 types[] = { PACKET, CRYPTO, SOFTWARE };
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x, *y;
	int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		ctx->key = ++next_key;
		nic.unbinds = 0;
		nic.seq = 41;
		x = added(test, OUT, 0, PACKET);
		get_state_synchronize_rcu_full(&nic.grace);
		delete(x);
		y = make(test, OUT, 1);
		y->replay.oseq = 12;
		KUNIT_EXPECT_EQ(test, meet(test, y, types[i]), 0);
		KUNIT_EXPECT_EQ(test, nic.unbinds, 1);
		KUNIT_EXPECT_TRUE(test, nic.drained);
		KUNIT_EXPECT_TRUE(test, nic.invalid_first);
		KUNIT_EXPECT_EQ(test, y->replay.oseq, 41);
		KUNIT_EXPECT_EQ(test, y->preplay.oseq, 41);
		KUNIT_EXPECT_TRUE(test, strstr(sentence(test), "behind 41"));
		drop(y);
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
	drop(y);
}

static void tail_final_esn(struct kunit *test)
{
	struct xfrm_state *x = make(test, OUT, 0), *y = make(test, OUT, 0);

	with_esn(test, x, 0);
	with_esn(test, y, 0);
	KUNIT_ASSERT_EQ(test, meet(test, x, PACKET), 0);
	add(test, x, PACKET);
	nic.seq = 0x300000005;
	delete(x);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay_esn->oseq, 5);
	KUNIT_EXPECT_EQ(test, y->replay_esn->oseq_hi, 3);
	KUNIT_EXPECT_EQ(test, y->preplay_esn->oseq_hi, 3);
	xfrm_tail_forget(y);
	drop(y);

	/* without ESN there is no number behind it */
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), -EKEYEXPIRED);
	drop(y);
}

static void tail_no_number_left(struct kunit *test)
{
	struct xfrm_state *y;

	stopped_at(test, OUT, U32_MAX);
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), -EKEYEXPIRED);
	KUNIT_EXPECT_TRUE(test, strstr(sentence(test), "rekeyed"));
	drop(y);
}

/* Crypto offload: what software counted, and nothing is waited for. */
static void tail_final_crypto(struct kunit *test)
{
	struct xfrm_state *x = added(test, OUT, 0, CRYPTO);

	x->replay.oseq = 77;
	delete(x);
	goes_on_at(test, 0, PACKET, 77);
	KUNIT_EXPECT_EQ(test, nic.unbinds, 0);
}

/* An SA in software that met the tail belongs to it. */
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

/* Inbound: the device has 38 and 40 of 40; 39 may still come. */
static void tail_final_in(struct kunit *test)
{
	struct xfrm_state *y;

	nic.window = BIT(0) | BIT(2);
	stopped_at(test, IN, 40);
	y = make(test, IN, 0);
	y->replay.seq = 37;
	y->replay.bitmap = BIT(0);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, nic.unbinds, 1);
	KUNIT_EXPECT_TRUE(test, nic.invalid_first);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 40);
	/* 40, 38, 37 */
	KUNIT_EXPECT_EQ(test, y->replay.bitmap, BIT(0) | BIT(2) | BIT(3));
	drop(y);
}

static void tail_final_in_esn(struct kunit *test)
{
	struct xfrm_state *x = make(test, IN, 0), *y;

	with_esn(test, x, 64);
	x->props.replay_window = 0;
	KUNIT_ASSERT_EQ(test, meet(test, x, PACKET), 0);
	add(test, x, PACKET);
	nic.seq = 40;
	nic.window = BIT(0) | BIT(2);
	delete(x);
	y = make(test, IN, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 40);
	KUNIT_EXPECT_EQ(test, y->replay.bitmap, BIT(0) | BIT(2));
	drop(y);
}

/* What the smaller window has lost counts as seen in the larger one. */
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
	drop(y);
}

/* What is asked for may be the higher one. */
static void tail_final_in_asks_for_more(struct kunit *test)
{
	struct xfrm_state *y;

	nic.window = BIT(0);
	stopped_at(test, IN, 40);
	y = make(test, IN, 0);
	y->replay.seq = 50;
	y->replay.bitmap = BIT(1);
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), 0);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 50);
	/* 49 and 40, and what the window of 32 of the tail has lost: none here */
	KUNIT_EXPECT_EQ(test, y->replay.bitmap, BIT(1) | BIT(10));
	drop(y);
}

/* One without a window has seen nothing, and makes nothing unseen. */
static void tail_in_without_a_window(struct kunit *test)
{
	struct xfrm_state *x, *y;

	nic.window = BIT(0) | BIT(2);
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
	drop(y);
}

/* A frame of another SPI is not authentic: the peer may begin anew. */
static void tail_in_of_another_spi(struct kunit *test)
{
	struct xfrm_state *y;

	stopped_at(test, IN, 40);
	y = make(test, IN, 1);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 0);
	drop(y);
}

static void tail_other_key_or_direction(struct kunit *test)
{
	struct xfrm_state *y;

	stopped_at(test, OUT, 41);
	y = make(test, OUT, 0);
	y->aead->alg_key[KEY_LEN - 1]++;
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 0);
	drop(y);
	y = make(test, IN, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.seq, 0);
	drop(y);
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
	/* it is in the SAD, and does not become VALID */
	add(test, y, type);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_NULL(test, y->xso.dev);
	delete(y);

	/* nor does the next one */
	y = make(test, dir, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, type), 0);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_INVALID);
	drop(y);
}

static void tail_unknown(struct kunit *test)
{
	static const u8 types[] = { PACKET, CRYPTO, SOFTWARE };
	struct tail_ctx *ctx = test->priv;
	int i;

	nic.says = -EIO;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		ctx->key = ++next_key;
		unknown(test, OUT, types[i]);
		ctx->key = ++next_key;
		unknown(test, IN, types[i]);
	}
}

static void tail_unknown_of_an_old_driver(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;

	ctx->dev->xfrmdev_ops = &nic_old_ops;
	unknown(test, OUT, PACKET);
	ctx->key = ++next_key;
	unknown(test, IN, PACKET);
}

/* The device says that an SA is broken while it is added. Under packet offload it
 * may have used the key, and has not said how far.
 */
static void tail_of_one_broken_when_added(struct kunit *test)
{
	static const u8 types[] = { PACKET, CRYPTO };
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x, *y;
	int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		ctx->key = ++next_key;
		x = make(test, OUT, 0);
		x->replay.oseq = 5;
		KUNIT_ASSERT_EQ(test, meet(test, x, types[i]), 0);
		nic.broken = true;
		KUNIT_EXPECT_EQ(test, offload(test, x, types[i]), -EIO);
		nic.broken = false;
		netdev_put(ctx->dev, &x->xso.dev_tracker);
		x->xso.dev = NULL;
		drop(x);

		y = make(test, OUT, 0);
		KUNIT_EXPECT_EQ(test, meet(test, y, types[i]), 0);
		KUNIT_EXPECT_EQ(test, xfrm_state_is_invalid(y),
				types[i] == PACKET);
		if (types[i] == CRYPTO)
			KUNIT_EXPECT_EQ(test, y->replay.oseq, 5);
		drop(y);
	}
}

/* LIVE */
static void tail_live(struct kunit *test)
{
	static const u8 dirs[] = { OUT, IN };
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x, *y;
	int i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		ctx->key = ++next_key;
		x = added(test, dirs[i], 0, PACKET);

		y = make(test, dirs[i], 0);
		y->id.daddr.a4 = ELSEWHERE;
		KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), -EEXIST);
		KUNIT_EXPECT_TRUE(test, strstr(sentence(test), "key"));
		KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), -EEXIST);
		y->dir = 0;
		KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), -EEXIST);
		drop(y);

		/* another SPI is as today */
		y = make(test, dirs[i], 1);
		KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
		KUNIT_EXPECT_EQ(test, y->replay.oseq, 0);
		xfrm_tail_forget(y);
		drop(y);

		/* one that updates it brings no numbers */
		y = make(test, dirs[i], 0);
		KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
		KUNIT_EXPECT_NULL(test, y->invalid.tail);
		drop(y);
		delete(x);
	}
}

/* Many SPIs, so that some have the place of the first one in the table. */
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
	drop(y);
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

/* The key of a cipher counts, whatever authenticates beside it. */
static void tail_of_a_cipher(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x[3];
	int i;

	for (i = 0; i < ARRAY_SIZE(x); i++) {
		x[i] = make(test, OUT, 0);
		kfree(x[i]->aead);
		x[i]->aead = NULL;
		x[i]->ealg = cipher(test, ctx->key + (i == 2 ? 100 : 0));
		x[i]->aalg = kzalloc(sizeof(*x[i]->aalg) + KEY_LEN, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, x[i]->aalg);
		memset(x[i]->aalg->alg_key, i == 1 ? 200 : 201, KEY_LEN);
		x[i]->aalg->alg_key_len = KEY_LEN * 8;
	}
	KUNIT_ASSERT_EQ(test, meet(test, x[0], PACKET), 0);
	add(test, x[0], PACKET);
	nic.seq = 41;
	delete(x[0]);
	KUNIT_EXPECT_EQ(test, meet(test, x[1], PACKET), 0);
	KUNIT_EXPECT_EQ(test, x[1]->replay.oseq, 41);
	KUNIT_EXPECT_EQ(test, meet(test, x[2], PACKET), 0);
	KUNIT_EXPECT_EQ(test, x[2]->replay.oseq, 0);
	drop(x[1]);
	drop(x[2]);
}

/* One key for both directions, as people have it who type it. */
static void tail_live_reverse(struct kunit *test)
{
	struct xfrm_state *x = added(test, OUT, 0, CRYPTO), *y;

	y = make(test, IN, 0);
	y->dir = 0;
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), 0);
	drop(y);

	/* one that says its direction need not be guessed by its addresses */
	y = make(test, IN, 0);
	y->id.daddr.a4 = ELSEWHERE;
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), 0);
	drop(y);
	delete(x);
}

/* An unbind is an end, too: exact, or not. */
static void tail_after_an_unbind(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x, *y;

	nic.seq = 41;
	x = added(test, OUT, 0, PACKET);
	unbind(test);
	y = make(test, OUT, 0);
	y->id.daddr.a4 = ELSEWHERE;
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 41);
	drop(y);
	delete(x);

	ctx->key = ++next_key;
	nic.says = -EOPNOTSUPP;
	x = added(test, OUT, 0, PACKET);
	unbind(test);
	/* also in its own place */
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, SOFTWARE), 0);
	KUNIT_EXPECT_EQ(test, y->invalid.reason, XFRM_INVALID_TAIL);
	drop(y);
	delete(x);
}

/* A suspended SA has told its numbers, goes on, and tells them again. */
static void tail_of_a_suspended(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x, *y;

	nic.seq = 41;
	x = added(test, OUT, 0, PACKET);
	rtnl_lock();
	xfrm_dev_suspend(ctx->dev);
	rtnl_unlock();
	y = make(test, OUT, 0);
	y->id.daddr.a4 = ELSEWHERE;
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), -EEXIST);
	rtnl_lock();
	xfrm_dev_restore(ctx->dev, XFRM_INVALID_DEV_DOWN);
	rtnl_unlock();
	KUNIT_EXPECT_TRUE(test, x->xso.live);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), -EEXIST);
	nic.seq = 50;
	nic.late = 5;
	delete(x);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 55);
	drop(y);
}

static void tail_of_one_deleted_while_suspended(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x, *y;

	nic.seq = 41;
	x = added(test, OUT, 0, PACKET);
	rtnl_lock();
	xfrm_dev_suspend(ctx->dev);
	delete(x);
	rtnl_unlock();
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 41);
	drop(y);
	rtnl_lock();
	xfrm_dev_restore(ctx->dev, XFRM_INVALID_DEV_DOWN);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, nic.unbinds, 1);
}

/* A clone is the handover of the key, not another user of it. */
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
	drop(y);
	add(test, xc, SOFTWARE);
	xc->replay.oseq = 35;
	delete(xc);
	y = make(test, OUT, 0);
	KUNIT_EXPECT_EQ(test, meet(test, y, CRYPTO), 0);
	KUNIT_EXPECT_EQ(test, y->replay.oseq, 35);
	drop(y);
}

/* An INVALID SA is no way around what its key did since. */
static void tail_of_a_late_clone(struct kunit *test)
{
	struct xfrm_state *x, *y, *xc = make(test, OUT, 0);

	nic.seq = 41;
	x = added(test, OUT, 0, PACKET);
	unbind(test);
	KUNIT_EXPECT_EQ(test, xfrm_tail_is_free(x, NULL), 0);
	y = make(test, OUT, 0);
	y->id.daddr.a4 = ELSEWHERE;
	KUNIT_ASSERT_EQ(test, meet(test, y, PACKET), 0);
	add(test, y, PACKET);
	KUNIT_EXPECT_EQ(test, xfrm_tail_is_free(x, NULL), -EEXIST);
	nic.seq = 60;
	xfrm_state_delete(y);
	xfrm_state_put(y);
	xfrm_offload_flush(((struct tail_ctx *)test->priv)->dev);
	KUNIT_EXPECT_EQ(test, xfrm_tail_is_free(x, NULL), 0);
	xc->replay.oseq = 41;
	KUNIT_EXPECT_EQ(test, xfrm_tail_inherit(x, xc, NULL), 0);
	KUNIT_EXPECT_EQ(test, xc->replay.oseq, 60);
	xfrm_tail_forget(xc);
	drop(xc);
	delete(x);
}

/* Nor if it is not known what it did. */
static void tail_of_a_late_clone_is_unknown(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x, *y;

	nic.seq = 41;
	x = added(test, OUT, 0, PACKET);
	unbind(test);
	y = make(test, OUT, 0);
	y->id.daddr.a4 = ELSEWHERE;
	KUNIT_ASSERT_EQ(test, meet(test, y, PACKET), 0);
	add(test, y, PACKET);
	nic.says = -EIO;
	delete(y);
	xfrm_offload_flush(ctx->dev);
	KUNIT_EXPECT_EQ(test, xfrm_tail_is_free(x, &ctx->extack), -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, strstr(sentence(test), "rekeyed"));
	delete(x);
}

/* An SA in software goes to a device: what is known about its key stays known. */
static void tail_of_one_that_goes_to_a_device(struct kunit *test)
{
	struct xfrm_user_offload xuo = {};
	struct xfrm_state *xc;

	stopped_at(test, OUT, 41);
	xfrm_offload_flush(((struct tail_ctx *)test->priv)->dev);
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
	drop(y);
	return oseq;
}

/* Many inbound ones cannot push out one that is outbound; outbound ones can. */
static void tail_evicts_inbound_first(struct kunit *test)
{
	unsigned long before = xfrm_tail_evicted(&init_net);
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
	/* none was kept long enough before the last one came, unless it is slow */
	if (time_before(jiffies, start + 9 * HZ))
		KUNIT_EXPECT_GE(test, xfrm_tail_evicted(&init_net), before + 8);
	KUNIT_EXPECT_EQ(test, oseq_of_key(test, 0xa0000000), 5);
}

/* --- what is read --------------------------------------------------------- */

static int shown(struct kunit *test, struct xfrm_state *x, void *data, int len)
{
	struct sk_buff *skb = alloc_skb(1024, GFP_KERNEL);
	int n = -1, i;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_EXPECT_EQ(test, xfrm_replay_put(skb, x), 0);
	if (skb->len) {
		struct nlattr *attr = (struct nlattr *)skb->data;

		n = nla_type(attr);
		i = min(len, nla_len(attr));
		memcpy(data, nla_data(attr), i);
	}
	kfree_skb(skb);
	return n;
}

static void replay_is_live(struct kunit *test)
{
	struct xfrm_state *out = added(test, OUT, 0, PACKET);
	struct xfrm_state *in = added(test, IN, 1, PACKET);
	struct xfrm_replay_state r = {};

	nic.seq = 41;
	nic.window = BIT(0) | BIT(3);
	KUNIT_EXPECT_EQ(test, shown(test, out, &r, sizeof(r)),
			XFRMA_REPLAY_VAL);
	KUNIT_EXPECT_EQ(test, r.oseq, 41);
	KUNIT_EXPECT_EQ(test, shown(test, in, &r, sizeof(r)), XFRMA_REPLAY_VAL);
	KUNIT_EXPECT_EQ(test, r.seq, 41);
	KUNIT_EXPECT_EQ(test, r.bitmap, BIT(0) | BIT(3));
	delete(out);
	delete(in);
}

static void replay_of_crypto_is_software(struct kunit *test)
{
	struct xfrm_state *x = added(test, OUT, 0, CRYPTO);
	struct xfrm_replay_state r = {};

	nic.seq = 41;
	x->replay.oseq = 3;
	KUNIT_EXPECT_EQ(test, shown(test, x, &r, sizeof(r)), XFRMA_REPLAY_VAL);
	KUNIT_EXPECT_EQ(test, r.oseq, 3);
	delete(x);
}

static void replay_is_not_shown_unless_exact(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;
	struct xfrm_replay_state r = {};
	struct xfrm_state *x;

	x = added(test, OUT, 0, PACKET);
	nic.says = -EIO;
	unbind(test);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, shown(test, x, &r, sizeof(r)), -1);
	delete(x);

	nic.says = 0;
	nic.seq = 41;
	ctx->key = ++next_key;
	x = added(test, OUT, 1, CRYPTO);
	x->replay.oseq = 6;
	unbind(test);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, shown(test, x, &r, sizeof(r)), XFRMA_REPLAY_VAL);
	KUNIT_EXPECT_EQ(test, r.oseq, 6);
	delete(x);
}

/* --- what reaches the device, or is refused -------------------------------- */

static int update(struct kunit *test, void (*change)(struct xfrm_state *x))
{
	struct xfrm_state *x = make(test, OUT, 0);
	int err;

	x->encap = kzalloc(sizeof(*x->encap), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->encap);
	change(x);
	xfrm_state_hold(x);
	err = xfrm_state_update(x);
	if (err)
		x->km.state = XFRM_STATE_DEAD;
	if (err)
		xfrm_state_put(x);
	xfrm_state_put(x);
	return err;
}

static void change_times(struct xfrm_state *x)
{
	x->lft.hard_add_expires_seconds = 1000;
}

static void change_packets(struct xfrm_state *x)
{
	x->lft.hard_packet_limit = 50;
}

static void change_bytes(struct xfrm_state *x)
{
	x->lft.soft_byte_limit = 50;
}

static void change_port(struct xfrm_state *x)
{
	x->encap->encap_dport = cpu_to_be16(4501);
}

static void change_mark(struct xfrm_state *x)
{
	x->props.smark.v = 1;
	x->props.smark.m = 1;
}

static void change_interface(struct xfrm_state *x)
{
	x->if_id = 3;
}

static void (* const changes[])(struct xfrm_state *x) = {
	change_packets, change_bytes, change_port, change_mark,
	change_interface,
};

static void update_reaches_the_device_or_fails(struct kunit *test)
{
	static const u8 types[] = { PACKET, CRYPTO };
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x;
	int i, j, err;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		ctx->key = ++next_key;
		x = make(test, OUT, 0);
		x->encap = kzalloc(sizeof(*x->encap), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, x->encap);
		KUNIT_ASSERT_EQ(test, meet(test, x, types[i]), 0);
		add(test, x, types[i]);
		KUNIT_EXPECT_EQ(test, update(test, change_times), 0);
		KUNIT_EXPECT_EQ(test, x->lft.hard_add_expires_seconds, 1000);
		for (j = 0; j < ARRAY_SIZE(changes); j++) {
			err = types[i] == PACKET ? -EOPNOTSUPP : 0;
			KUNIT_EXPECT_EQ_MSG(test, update(test, changes[j]), err,
					    "type %u, change %u", types[i], j);
		}
		if (types[i] == PACKET) {
			KUNIT_EXPECT_EQ(test, x->lft.hard_packet_limit,
					XFRM_INF);
			KUNIT_EXPECT_EQ(test, x->if_id, 0);
		}
		delete(x);
	}
}

static void numbers_of_a_device_are_not_set(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *packet = added(test, OUT, 0, PACKET);
	struct xfrm_state *crypto = added(test, OUT, 1, CRYPTO);

	ctx->extack = (struct netlink_ext_ack){};
	KUNIT_EXPECT_EQ(test, xfrm_packet_offload_fixed(packet, &ctx->extack),
			-EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, strstr(sentence(test), "numbers"));
	KUNIT_EXPECT_EQ(test, xfrm_packet_offload_fixed(crypto, NULL), 0);
	delete(packet);
	delete(crypto);
}

static void last_number_is_told(struct kunit *test)
{
	struct tail_ctx *ctx = test->priv;
	struct xfrm_state *x = added(test, OUT, 0, PACKET), *y;

	nic.seq = U32_MAX;
	rtnl_lock();
	xfrm_dev_state_exhausted(x);
	xfrm_dev_state_exhausted(x);
	/* The work that makes it INVALID waits for RTNL. */
	KUNIT_EXPECT_EQ(test, x->broken, XFRM_INVALID_EXHAUSTED);
	KUNIT_EXPECT_FALSE(test, x->xso.live);
	xfrm_dev_unbind(ctx->dev, XFRM_INVALID_DEV_DOWN);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_EXHAUSTED);
	KUNIT_EXPECT_TRUE(test, x->invalid.exact);
	y = make(test, OUT, 1);
	KUNIT_EXPECT_EQ(test, meet(test, y, PACKET), -EKEYEXPIRED);
	drop(y);
	delete(x);
}

static struct kunit_case tail_cases[] = {
	KUNIT_CASE(tail_none),
	KUNIT_CASE(tail_of_a_failure),
	KUNIT_CASE(tail_of_one_that_was_never_there),
	KUNIT_CASE(tail_final_out),
	KUNIT_CASE(tail_final_asks_for_more),
	KUNIT_CASE(tail_final_esn),
	KUNIT_CASE(tail_no_number_left),
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
	KUNIT_CASE(tail_of_a_suspended),
	KUNIT_CASE(tail_of_one_deleted_while_suspended),
	KUNIT_CASE(tail_of_a_clone),
	KUNIT_CASE(tail_of_a_late_clone),
	KUNIT_CASE(tail_of_a_late_clone_is_unknown),
	KUNIT_CASE(tail_of_one_that_goes_to_a_device),
	KUNIT_CASE(replay_is_live),
	KUNIT_CASE(replay_of_crypto_is_software),
	KUNIT_CASE(replay_is_not_shown_unless_exact),
	KUNIT_CASE(tail_evicts_inbound_first),
	KUNIT_CASE(update_reaches_the_device_or_fails),
	KUNIT_CASE(numbers_of_a_device_are_not_set),
	KUNIT_CASE(last_number_is_told),
	{}
};

static struct kunit_suite tail_suite = {
	.name = "xfrm_tail",
	.init = tail_init,
	.exit = tail_exit,
	.test_cases = tail_cases,
};

kunit_test_suite(tail_suite);
