// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the numbers and limits of an offloaded SA: what is read is
 * what the device has, what is set reaches it or is refused.
 */

#include <net/netlink.h>

#include "fake.h"

#define IN		XFRM_SA_DIR_IN
#define OUT		XFRM_SA_DIR_OUT
#define PACKET		XFRM_DEV_OFFLOAD_PACKET
#define CRYPTO		XFRM_DEV_OFFLOAD_CRYPTO

static int numbers_init(struct kunit *test)
{
	int err = fake_sad_init(test);

	fake.shows_numbers = true;

	return err;
}

/* An SA in the SAD that the device holds. */
static struct xfrm_state *held(struct kunit *test, u8 dir, int spi, u8 type)
{
	struct xfrm_state *x = fake_sad_state(test);

	x->id.spi = SPI(spi);
	x->dir = dir;
	if (dir == IN)
		x->props.replay_window = 32;
	KUNIT_ASSERT_EQ(test, xfrm_init_replay(x, NULL), 0);
	fake_hold(&x->xso, fake.dev, type);
	if (dir == IN)
		x->xso.dir = XFRM_DEV_OFFLOAD_IN;
	KUNIT_ASSERT_EQ(test, fake_add_state(x, NULL), 0);
	xfrm_state_insert(x);

	return x;
}

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
	struct xfrm_state *out = held(test, OUT, 0, PACKET);
	struct xfrm_state *in = held(test, IN, 1, PACKET);
	struct xfrm_replay_state r = {};

	fake.seq = 41;
	fake.window = BIT(0) | BIT(3);
	KUNIT_EXPECT_EQ(test, shown(test, out, &r, sizeof(r)),
			XFRMA_REPLAY_VAL);
	KUNIT_EXPECT_EQ(test, r.oseq, 41);
	KUNIT_EXPECT_EQ(test, shown(test, in, &r, sizeof(r)), XFRMA_REPLAY_VAL);
	KUNIT_EXPECT_EQ(test, r.seq, 41);
	KUNIT_EXPECT_EQ(test, r.bitmap, BIT(0) | BIT(3));
}

static void replay_of_crypto_is_software(struct kunit *test)
{
	struct xfrm_state *x = held(test, OUT, 0, CRYPTO);
	struct xfrm_replay_state r = {};

	fake.seq = 41;
	x->replay.oseq = 3;
	KUNIT_EXPECT_EQ(test, shown(test, x, &r, sizeof(r)), XFRMA_REPLAY_VAL);
	KUNIT_EXPECT_EQ(test, r.oseq, 3);
}

static void replay_is_not_shown_unless_exact(struct kunit *test)
{
	struct xfrm_replay_state r = {};
	struct xfrm_state *x;

	x = held(test, OUT, 0, PACKET);
	fake.unbind_says = -EIO;
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, shown(test, x, &r, sizeof(r)), -1);

	fake.unbind_says = 0;
	fake.seq = 41;
	x = held(test, OUT, 1, CRYPTO);
	x->replay.oseq = 6;
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, shown(test, x, &r, sizeof(r)), XFRMA_REPLAY_VAL);
	KUNIT_EXPECT_EQ(test, r.oseq, 6);
}

static int update(struct kunit *test, void (*change)(struct xfrm_state *x))
{
	struct xfrm_state *x = fake_sad_state(test);
	int err;

	x->dir = OUT;
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
	struct xfrm_state *x;
	int i, j, err;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		x = held(test, OUT, 0, types[i]);
		x->encap = kzalloc(sizeof(*x->encap), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, x->encap);
		KUNIT_EXPECT_EQ(test, update(test, change_times), 0);
		KUNIT_EXPECT_EQ(test, x->lft.hard_add_expires_seconds, 1000);
		err = types[i] == PACKET ? -EOPNOTSUPP : 0;
		for (j = 0; j < ARRAY_SIZE(changes); j++)
			KUNIT_EXPECT_EQ_MSG(test, update(test, changes[j]), err,
					    "type %u, change %u", types[i], j);
		/* each update replaces all limits */
		KUNIT_EXPECT_EQ(test, x->lft.hard_packet_limit, XFRM_INF);
		KUNIT_EXPECT_EQ(test, x->if_id, err ? 0 : 3);
		xfrm_state_delete(x);
	}
}

static void numbers_of_a_device_are_not_set(struct kunit *test)
{
	struct xfrm_state *packet, *crypto;
	struct netlink_ext_ack extack = {};

	packet = held(test, OUT, 0, PACKET);
	crypto = held(test, OUT, 1, CRYPTO);
	KUNIT_EXPECT_EQ(test, xfrm_packet_offload_fixed(packet, &extack),
			-EOPNOTSUPP);
	KUNIT_ASSERT_NOT_NULL(test, extack._msg);
	KUNIT_EXPECT_TRUE(test, strstr(extack._msg, "numbers"));
	KUNIT_EXPECT_EQ(test, xfrm_packet_offload_fixed(crypto, NULL), 0);
}

static struct kunit_case numbers_cases[] = {
	KUNIT_CASE(replay_is_live),
	KUNIT_CASE(replay_of_crypto_is_software),
	KUNIT_CASE(replay_is_not_shown_unless_exact),
	KUNIT_CASE(update_reaches_the_device_or_fails),
	KUNIT_CASE(numbers_of_a_device_are_not_set),
	{}
};

static struct kunit_suite numbers_suite = {
	.name = "xfrm_numbers",
	.init = numbers_init,
	.exit = fake_sad_exit,
	.test_cases = numbers_cases,
};

kunit_test_suite(numbers_suite);
