// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of what ESP makes of a packet: its inner headers are still found
 * where they are, and a segment of it is what software makes of such a packet.
 */

#include <linux/tcp.h>
#include <net/ip.h>

#include "fake.h"

#define GRE_LEN		4

struct inner_param {
	const char *name;
	bool in_gre;	/* TCP in IPv4 in GRE, else TCP */
	bool was_in_gre;
};

static const struct inner_param inner_params[] = {
	{ "TCP", false, false },
	{ "TCP that came out of GRE", false, true },
	{ "TCP in GRE", true, false },
};

KUNIT_ARRAY_PARAM_DESC(inner, inner_params, name);

static struct {
	const unsigned char *tcp;
	bool gso;
} left;

static void encap_sees(struct xfrm_state *x, struct sk_buff *skb)
{
	left.tcp = skb_inner_transport_header(skb);
	left.gso = skb_is_gso(skb);
}

static int no_way_out(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	kfree_skb(skb);
	return -ENETUNREACH;
}

static void inner_headers_stay(struct kunit *test, bool v6)
{
	static const struct xfrm_type_offload offload = { .encap = encap_sees };
	static const struct xfrm_type type = { .proto = IPPROTO_AH };
	static struct dst_ops ops = { .local_out = no_way_out };
	const struct inner_param *p = test->param_value;
	struct xfrm_state *x = fake_state_alloc(test);
	struct xfrm_dst *bundle, *route;
	const unsigned char *tcp;
	struct sk_buff *skb;

	bundle = kunit_kzalloc(test, sizeof(*bundle), GFP_KERNEL);
	route = kunit_kzalloc(test, sizeof(*route), GFP_KERNEL);
	skb = alloc_skb(512, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bundle);
	KUNIT_ASSERT_NOT_NULL(test, route);
	KUNIT_ASSERT_NOT_NULL(test, skb);

	x->km.state = XFRM_STATE_VALID;
	x->type = &type;
	x->type_offload = &offload;
	x->props.mode = XFRM_MODE_TRANSPORT;
	x->props.header_len = 16;
	x->props.family = v6 ? AF_INET6 : AF_INET;
	x->outer_mode.encap = XFRM_MODE_TRANSPORT;
	x->outer_mode.family = v6 ? AF_INET6 : AF_INET;
	ops.family = x->outer_mode.family;

	/* the test owns the bundle and the route: no put frees them */
	rcuref_init(&bundle->u.dst.__rcuref, 100);
	rcuref_init(&route->u.dst.__rcuref, 100);
	bundle->u.dst.ops = &ops;
	bundle->u.dst.dev = fake.dev;
	bundle->u.dst.xfrm = x;
	bundle->child = &route->u.dst;
	bundle->child_mtu_cached = 1500;
	route->u.dst.ops = &ops;
	route->u.dst.dev = fake.dev;
	skb_dst_set(skb, &bundle->u.dst);

	skb_reserve(skb, 128);
	skb_reset_network_header(skb);
	fake_put_ip(skb, htons(v6 ? ETH_P_IPV6 : ETH_P_IP),
		    p->in_gre ? IPPROTO_GRE : IPPROTO_TCP, 0);
	skb_set_transport_header(skb, skb->len);
	if (p->in_gre) {
		skb_put_zero(skb, GRE_LEN);
		skb->encapsulation = 1;
		skb_set_inner_mac_header(skb, skb->len);
		skb_set_inner_network_header(skb, skb->len);
		skb_put_zero(skb, sizeof(struct iphdr));
	}
	/* GRO sets this, and it is not cleared on forwarding */
	if (p->in_gre || p->was_in_gre)
		skb_set_inner_protocol(skb, htons(ETH_P_IP));
	if (p->in_gre)
		skb_set_inner_transport_header(skb, skb->len);
	tcp = skb_put_zero(skb, sizeof(struct tcphdr));
	skb_put_zero(skb, 100);
	skb_shinfo(skb)->gso_size = 50;
	skb_shinfo(skb)->gso_segs = 2;
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4 |
				    (p->in_gre ? SKB_GSO_GRE : 0);

	left.tcp = NULL;
	KUNIT_EXPECT_EQ(test, xfrm_output(NULL, skb), -ENETUNREACH);
	KUNIT_EXPECT_TRUE(test, left.gso);
	KUNIT_EXPECT_PTR_EQ(test, left.tcp, tcp);
	x->type = NULL;
	x->type_offload = NULL;
	fake_discard(x);
}

static void inner_headers_stay_v4(struct kunit *test)
{
	inner_headers_stay(test, false);
}

static void inner_headers_stay_v6(struct kunit *test)
{
	inner_headers_stay(test, true);
}

/* A datagram with room for ESP in front of it, where ESP expects that. */
static struct sk_buff *before_esp(struct kunit *test, const struct xfrm_state *x)
{
	bool v6 = x->props.family == AF_INET6;
	struct sk_buff *skb = alloc_skb(512, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb->dev = fake.dev;
	skb_reserve(skb, 128);
	skb_reset_network_header(skb);
	fake_put_ip(skb, htons(v6 ? ETH_P_IPV6 : ETH_P_IP), IPPROTO_UDP, 0);
	skb_set_mac_header(skb, v6 ? offsetof(struct ipv6hdr, nexthdr) :
				     offsetof(struct iphdr, protocol));
	skb_set_transport_header(skb, skb->len);
	skb_put_zero(skb, x->props.header_len + 64);
	__skb_pull(skb, skb_transport_offset(skb) + x->props.header_len);

	return skb;
}

/* With ESN, the last packet before its lower half wraps has the IV and the ICV
 * of its own number, not of the next one's upper half.
 */
static void segment_before_esn_wraps(struct kunit *test, u16 family)
{
	struct xfrm_state *x = fake_real_state_of(test, family, SPI(0), REQID);
	struct sk_buff *software, *segment;
	struct xfrm_offload *xo;
	struct sec_path *sp;

	x->props.flags |= XFRM_STATE_ESN;
	if (!x->type_offload) {
		fake_discard(x);
		kunit_skip(test, "needs ESP offload of the family");
	}
	software = before_esp(test, x);
	memset(XFRM_SKB_CB(software), 0, sizeof(*XFRM_SKB_CB(software)));
	XFRM_SKB_CB(software)->seq.output.low = U32_MAX;
	KUNIT_ASSERT_EQ(test, x->type->output(x, software), 0);

	/* its header names ESP already */
	segment = before_esp(test, x);
	*skb_mac_header(segment) = IPPROTO_ESP;
	sp = secpath_set(segment);
	KUNIT_ASSERT_NOT_NULL(test, sp);
	sp->xvec[sp->len++] = x;
	sp->olen++;
	xfrm_state_hold(x);
	xo = xfrm_offload(segment);
	xo->flags = XFRM_GSO_SEGMENT;
	xo->seq.low = U32_MAX;
	xo->proto = IPPROTO_UDP;
	KUNIT_ASSERT_EQ(test, x->type_offload->xmit(x, segment, 0), 0);

	KUNIT_ASSERT_EQ(test, segment->len, software->len);
	KUNIT_EXPECT_MEMEQ(test, skb_transport_header(segment),
			   skb_transport_header(software),
			   software->len - skb_transport_offset(software));
	kfree_skb(software);
	kfree_skb(segment);
	fake_discard(x);
}

static void segment_before_esn_wraps_v4(struct kunit *test)
{
	segment_before_esn_wraps(test, AF_INET);
}

static void segment_before_esn_wraps_v6(struct kunit *test)
{
	segment_before_esn_wraps(test, AF_INET6);
}

static struct kunit_case output_cases[] = {
	KUNIT_CASE_PARAM(inner_headers_stay_v4, inner_gen_params),
	KUNIT_CASE_PARAM(inner_headers_stay_v6, inner_gen_params),
	KUNIT_CASE(segment_before_esn_wraps_v4),
	KUNIT_CASE(segment_before_esn_wraps_v6),
	{}
};

static struct kunit_suite output_suite = {
	.name = "xfrm_output",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = output_cases,
};

kunit_test_suite(output_suite);
