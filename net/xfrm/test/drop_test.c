// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the reasons for which packets are dropped, read from the
 * tracepoint that tools read. observe.sh of the selftests has those that traffic
 * reaches.
 */

#include <trace/events/skb.h>

#include "fake.h"

static struct {
	enum skb_drop_reason reason;
	int packets;
} dropped;

static void drop_probe(void *data, struct sk_buff *skb, void *location,
		       enum skb_drop_reason reason, struct sock *rx_sk)
{
	if (skb->dev != fake.dev && skb->dev != fake.lower)
		return;

	dropped.reason = reason;
	dropped.packets++;
}

static int drop_init(struct kunit *test)
{
	int err = fake_init(test);

	dropped.packets = 0;
	return err ?: register_trace_kfree_skb(drop_probe, NULL);
}

static void drop_exit(struct kunit *test)
{
	unregister_trace_kfree_skb(drop_probe, NULL);
	tracepoint_synchronize_unregister();
	fake_exit(test);
}

static void drop_expect(struct kunit *test, enum skb_drop_reason reason)
{
	KUNIT_EXPECT_EQ(test, dropped.packets, 1);
	KUNIT_EXPECT_EQ(test, dropped.reason, reason);
	dropped.packets = 0;
}

/* --- the last test before a driver */

static void fenced(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	drop_expect(test, SKB_DROP_REASON_XFRM_OFFLOAD_FENCED);
	fake_drop_state(x);
}

static void crypto_that_saw_the_fence(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = fake_packet(test, x);

	x->xso.hw_only = 1;
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	drop_expect(test, SKB_DROP_REASON_XFRM_OFFLOAD_FENCED);
	x->xso.hw_only = 0;
	fake_drop_state(x);
}

static void deleted(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	x->km.state = XFRM_STATE_DEAD;
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	drop_expect(test, SKB_DROP_REASON_XFRM_STATE_INVALID);
	fake_drop_state(x);
}

static void policy_off_the_hardware(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	fake.dev->xfrm_offloads.generation++;
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	drop_expect(test, SKB_DROP_REASON_XFRM_OFFLOAD_POLICY);
	fake_drop_state(x);
}

static void another_device(struct kunit *test, u8 type)
{
	struct xfrm_state *x = fake_state(test, type);
	struct sk_buff *skb = fake_packet(test, x);
	struct net_device *other = fake_netdev(test, "other%d", NULL);

	if (type == XFRM_DEV_OFFLOAD_CRYPTO)
		xfrm_offload(skb)->flags |= XFRM_XMIT;
	fake.lower = other; /* for the probe */
	skb->dev = other;
	KUNIT_EXPECT_NULL(test, fake_validate(skb));
	drop_expect(test, SKB_DROP_REASON_XFRM_OFFLOAD_PATH);
	fake.lower = NULL;
	free_netdev(other);
	fake_drop_state(x);
}

static void packet_at_another_device(struct kunit *test)
{
	another_device(test, XFRM_DEV_OFFLOAD_PACKET);
}

static void crypto_at_another_device(struct kunit *test)
{
	another_device(test, XFRM_DEV_OFFLOAD_CRYPTO);
}

static void other_headers(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	((struct iphdr *)skb_network_header(skb))->daddr ^= htonl(1);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	drop_expect(test, SKB_DROP_REASON_XFRM_OFFLOAD_CHANGED);
	fake_drop_state(x);
}

/* Each segment of a list has the reason. */
static void segments(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	skb->next = fake_packet(test, x);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	KUNIT_EXPECT_EQ(test, dropped.packets--, 2);
	drop_expect(test, SKB_DROP_REASON_XFRM_OFFLOAD_FENCED);
	fake_drop_state(x);
}

static void received_without_evidence(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	x->xso.dir = XFRM_DEV_OFFLOAD_IN;
	KUNIT_EXPECT_NULL(test, fake_validate(skb));
	drop_expect(test, SKB_DROP_REASON_XFRM_POLICY);
	x->xso.dir = XFRM_DEV_OFFLOAD_OUT;
	fake_drop_state(x);
}

/* --- where a packet gets its mark */

struct drop_bundle {
	struct xfrm_dst bundle, child;
	struct dst_ops ops;
};

static struct sk_buff *drop_packet(struct kunit *test, struct drop_bundle *b,
				   struct xfrm_state *x)
{
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	fake_put_packet(skb, htons(ETH_P_IP));
	skb->dev = fake.dev;

	/* the test owns the bundle: no put frees it */
	b->ops.family = AF_INET;
	rcuref_init(&b->bundle.u.dst.__rcuref, 100);
	b->bundle.u.dst.ops = &b->ops;
	b->bundle.u.dst.xfrm = x;
	b->bundle.u.dst.dev = fake.dev;
	b->bundle.child = &b->child.u.dst;
	b->child.u.dst.dev = fake.dev;
	skb_dst_set(skb, &b->bundle.u.dst);

	return skb;
}

static struct drop_bundle *drop_bundle(struct kunit *test)
{
	struct drop_bundle *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	return b;
}

static void nested(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct drop_bundle *b = drop_bundle(test);
	struct sk_buff *skb = drop_packet(test, b, x);

	b->child.u.dst.xfrm = x;
	KUNIT_EXPECT_EQ(test, xfrm_packet_offload_mark(skb, x), -EHOSTUNREACH);
	drop_expect(test, SKB_DROP_REASON_XFRM_NESTED);
	fake_drop_state(x);
}

static void invalid_when_marked(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = drop_packet(test, drop_bundle(test), x);

	fake_unbind(XFRM_INVALID_FEATURE_OFF);
	KUNIT_EXPECT_EQ(test, xfrm_packet_offload_mark(skb, x), -EINVAL);
	drop_expect(test, SKB_DROP_REASON_XFRM_STATE_INVALID);
	fake_drop_state(x);
}

/* Suspended: VALID, and off the hardware. */
static void suspended_when_marked(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = drop_packet(test, drop_bundle(test), x);

	WRITE_ONCE(x->xso.live, false);
	KUNIT_EXPECT_EQ(test, xfrm_packet_offload_mark(skb, x), -EINVAL);
	drop_expect(test, SKB_DROP_REASON_XFRM_OFFLOAD_FENCED);
	WRITE_ONCE(x->xso.live, true);
	fake_drop_state(x);
}

static void policy_converted_when_marked(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);
	struct drop_bundle *b = drop_bundle(test);
	struct sk_buff *skb = drop_packet(test, b, x);

	b->bundle.num_pols = 1;
	b->bundle.pols[0] = xp;
	WRITE_ONCE(xp->xdo.live, false);
	KUNIT_EXPECT_EQ(test, xfrm_packet_offload_mark(skb, x), -EINVAL);
	drop_expect(test, SKB_DROP_REASON_XFRM_OFFLOAD_POLICY);
	WRITE_ONCE(xp->xdo.live, true);
	fake_drop_policy(xp);
	fake_drop_state(x);
}

static void route_elsewhere_when_marked(struct kunit *test)
{
	struct net_device *other = fake_netdev(test, "other%d", NULL);
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct drop_bundle *b = drop_bundle(test);
	struct sk_buff *skb = drop_packet(test, b, x);

	b->child.u.dst.dev = other;
	KUNIT_EXPECT_EQ(test, xfrm_packet_offload_mark(skb, x), -EHOSTUNREACH);
	drop_expect(test, SKB_DROP_REASON_XFRM_OFFLOAD_PATH);
	free_netdev(other);
	fake_drop_state(x);
}

static unsigned int drop_mtu(const struct dst_entry *dst)
{
	return 1500;
}

/* The driver does not take it: here, because the type cannot be offloaded. */
static void refused_by_the_driver(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	const struct xfrm_type_offload *type = x->type_offload;
	struct drop_bundle *b = drop_bundle(test);
	struct sk_buff *skb = drop_packet(test, b, x);

	b->bundle.child_mtu_cached = 1500;
	b->ops.mtu = drop_mtu;
	x->type_offload = NULL;
	KUNIT_EXPECT_EQ(test, xfrm_output(NULL, skb), -EHOSTUNREACH);
	drop_expect(test, SKB_DROP_REASON_XFRM_OFFLOAD_REFUSED);
	x->type_offload = type;
	fake_drop_state(x);
}

static struct kunit_case drop_cases[] = {
	KUNIT_CASE(fenced),
	KUNIT_CASE(crypto_that_saw_the_fence),
	KUNIT_CASE(deleted),
	KUNIT_CASE(policy_off_the_hardware),
	KUNIT_CASE(packet_at_another_device),
	KUNIT_CASE(crypto_at_another_device),
	KUNIT_CASE(other_headers),
	KUNIT_CASE(segments),
	KUNIT_CASE(received_without_evidence),
	KUNIT_CASE(nested),
	KUNIT_CASE(invalid_when_marked),
	KUNIT_CASE(suspended_when_marked),
	KUNIT_CASE(policy_converted_when_marked),
	KUNIT_CASE(route_elsewhere_when_marked),
	KUNIT_CASE(refused_by_the_driver),
	{}
};

static struct kunit_suite drop_suite = {
	.name = "xfrm_drop",
	.init = drop_init,
	.exit = drop_exit,
	.test_cases = drop_cases,
};

kunit_test_suite(drop_suite);

MODULE_DESCRIPTION("KUnit tests of the reasons for which xfrm drops packets");
MODULE_LICENSE("GPL");
