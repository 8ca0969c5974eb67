// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of what becomes one packet: only fragments and segments that the
 * same SAs decrypted.
 */

#include <linux/tcp.h>
#include <net/gro.h>
#include <net/inet_frag.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>

#include "fake.h"

#define PATH_SAS	2

/* The SAs that decrypted a packet, the outermost first; -1 ends the list. */
struct sa_path {
	s8 sa[PATH_SAS];
};

static const struct sa_path plain = { { -1, -1 } };
static const struct sa_path by_0 = { { 0, -1 } };
static const struct sa_path by_1 = { { 1, -1 } };
static const struct sa_path by_0_1 = { { 0, 1 } };
static const struct sa_path by_1_0 = { { 1, 0 } };

struct merge_param {
	const char *name;
	const struct sa_path *first, *second;
	bool merged;
};

static const struct merge_param merge_params[] = {
	{ "plain, plain", &plain, &plain, true },
	{ "protected, protected", &by_0, &by_0, true },
	{ "nested, nested", &by_0_1, &by_0_1, true },
	{ "protected, plain", &by_0, &plain, false },
	{ "plain, protected", &plain, &by_0, false },
	{ "another SA", &by_0, &by_1, false },
	{ "nested, outer only", &by_0_1, &by_0, false },
	{ "outer only, nested", &by_0, &by_0_1, false },
	{ "nested, the other way round", &by_0_1, &by_1_0, false },
	{ "nested, plain", &by_0_1, &plain, false },
};

KUNIT_ARRAY_PARAM_DESC(merge, merge_params, name);

struct secpath_ctx {
	struct xfrm_state *sa[PATH_SAS];
	struct napi_struct napi;
};

static int no_poll(struct napi_struct *napi, int budget)
{
	return 0;
}

static int secpath_init(struct kunit *test)
{
	struct secpath_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	test->priv = ctx;
	for (i = 0; i < PATH_SAS; i++)
		ctx->sa[i] = fake_state_alloc(test);
	fake_init(test);
	fake.dev->features |= NETIF_F_GRO;
	fake_register(test, fake.dev);
	netif_napi_add(fake.dev, &ctx->napi, no_poll);

	return 0;
}

static void secpath_exit(struct kunit *test)
{
	struct secpath_ctx *ctx = test->priv;
	int i;

	netif_napi_del(&ctx->napi);
	for (i = 0; i < PATH_SAS; i++)
		fake_discard(ctx->sa[i]);
	fake_unregister();
	fake_exit(test);
}

static void set_path(struct kunit *test, struct sk_buff *skb,
		     const struct sa_path *path)
{
	struct secpath_ctx *ctx = test->priv;
	struct sec_path *sp;
	int i;

	for (i = 0; i < PATH_SAS && path->sa[i] >= 0; i++) {
		sp = secpath_set(skb);
		KUNIT_ASSERT_NOT_NULL(test, sp);
		xfrm_state_hold(ctx->sa[path->sa[i]]);
		sp->xvec[sp->len++] = ctx->sa[path->sa[i]];
	}
}

/* --- fragments */

#define FRAG_LEN	64
#define FRAGS		3

static struct sk_buff *new_frag(struct kunit *test, u16 id, int nr,
				const struct sa_path *path)
{
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct iphdr *iph;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb->dev = fake.dev;
	skb_reserve(skb, 64);
	skb_reset_network_header(skb);
	fake_put_ip(skb, htons(ETH_P_IP), IPPROTO_UDP, FRAG_LEN);
	skb_put_zero(skb, FRAG_LEN);
	iph = ip_hdr(skb);
	iph->id = htons(id);
	iph->frag_off = htons(nr * FRAG_LEN / 8 |
			      (nr < FRAGS - 1 ? IP_MF : 0));
	memset(IPCB(skb), 0, sizeof(struct inet_skb_parm));
	set_path(test, skb, path);

	return skb;
}

/* IPv4 reassembles three fragments, in each order, with the odd one in each
 * place. Fragments of a refused datagram wait for a timer, so each datagram
 * has an ID of its own.
 */
static void frags_of_one_path(struct kunit *test)
{
	static const u8 orders[][FRAGS] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	const struct merge_param *p = test->param_value;
	int order, odd, i, done;
	struct sk_buff *skb;
	static u16 id;

	for (order = 0; order < ARRAY_SIZE(orders); order++) {
		for (odd = 0; odd < FRAGS; odd++) {
			done = 0;
			id++;
			for (i = 0; i < FRAGS; i++) {
				int nr = orders[order][i];

				skb = new_frag(test, id, nr,
					       nr == odd ? p->second :
							   p->first);
				local_bh_disable();
				if (!ip_defrag(&init_net, skb,
					       IP_DEFRAG_LOCAL_DELIVER)) {
					done++;
					kfree_skb(skb);
				}
				local_bh_enable();
			}
			KUNIT_EXPECT_EQ_MSG(test, done, p->merged,
					    "order %d, odd one %d", order, odd);
		}
	}
}

/* --- GRO */

static struct sk_buff *new_segment(struct kunit *test, int nr, bool ipv6,
				   const struct sa_path *path)
{
	struct sk_buff *skb = alloc_skb(512, GFP_KERNEL);
	struct tcphdr *th;
	int len = 100;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, 64);
	skb_reset_mac_header(skb);
	skb_put_zero(skb, ETH_HLEN);
	eth_hdr(skb)->h_proto = htons(ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	skb_set_network_header(skb, skb->len);
	fake_put_ip(skb, eth_hdr(skb)->h_proto, IPPROTO_TCP, sizeof(*th) + len);
	if (!ipv6) {
		ip_hdr(skb)->frag_off = htons(IP_DF);
		ip_send_check(ip_hdr(skb));
	}
	th = skb_put_zero(skb, sizeof(*th));
	th->source = htons(1000);
	th->dest = htons(2000);
	th->seq = htonl(5000 + nr * len);
	th->ack_seq = htonl(1);
	th->ack = 1;
	th->doff = sizeof(*th) / 4;
	th->window = htons(1000);
	skb_put_zero(skb, len);
	skb->dev = fake.dev;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = 0;
	skb->protocol = eth_type_trans(skb, fake.dev);
	skb_record_rx_queue(skb, 0);
	set_path(test, skb, path);

	return skb;
}

static bool segments_merge(struct kunit *test, bool ipv6,
			   const struct merge_param *p)
{
	struct secpath_ctx *ctx = test->priv;
	struct sk_buff *skb = new_segment(test, 0, ipv6, p->first);
	struct sk_buff *next = new_segment(test, 1, ipv6, p->second);
	gro_result_t first, second;

	local_bh_disable();
	first = napi_gro_receive(&ctx->napi, skb);
	second = napi_gro_receive(&ctx->napi, next);
	napi_gro_flush(&ctx->napi, false);
	gro_normal_list(&ctx->napi);
	local_bh_enable();

	KUNIT_EXPECT_EQ(test, first, GRO_HELD);
	KUNIT_EXPECT_TRUE(test,
			  second == GRO_HELD || second == GRO_MERGED ||
			  second == GRO_MERGED_FREE);

	return second != GRO_HELD;
}

static void segments_of_one_path(struct kunit *test)
{
	const struct merge_param *p = test->param_value;

	KUNIT_EXPECT_EQ(test, segments_merge(test, false, p), p->merged);
	KUNIT_EXPECT_EQ(test, segments_merge(test, true, p), p->merged);
}

static struct kunit_case secpath_cases[] = {
	KUNIT_CASE_PARAM(frags_of_one_path, merge_gen_params),
	KUNIT_CASE_PARAM(segments_of_one_path, merge_gen_params),
	{}
};

static struct kunit_suite secpath_suite = {
	.name = "xfrm_secpath",
	.init = secpath_init,
	.exit = secpath_exit,
	.test_cases = secpath_cases,
};

kunit_test_suite(secpath_suite);
