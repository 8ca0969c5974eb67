// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what a sec_path proves: what becomes one packet is what the
 * same SAs decrypted; what satisfies an inbound policy is the SA that decrypted
 * it. And of what is inside of ESP on the way out: still found where it is.
 */

#include <kunit/test.h>
#include <linux/rtnetlink.h>
#include <linux/tcp.h>
#include <net/gro.h>
#include <net/inet_frag.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/xfrm.h>

#include "fake.h"

#define PATH_SAS	2

/* The SAs that a packet came through, the outermost first: -1 ends them. */
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
	struct net_device *dev, *above;
	struct xfrm_state *sa[PATH_SAS];
	struct napi_struct napi;
};

static int no_poll(struct napi_struct *napi, int budget)
{
	return 0;
}

static int no_state_add(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	return -EOPNOTSUPP;
}

static void no_state_delete(struct xfrm_state *x)
{
}

static int any_policy_add(struct xfrm_policy *xp,
			  struct netlink_ext_ack *extack)
{
	return 0;
}

static const struct xfrmdev_ops policy_ops = {
	.xdo_dev_state_add	= no_state_add,
	.xdo_dev_state_delete	= no_state_delete,
	.xdo_dev_policy_add	= any_policy_add,
};

static int secpath_init(struct kunit *test)
{
	struct secpath_ctx *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	test->priv = ctx;
	for (i = 0; i < PATH_SAS; i++) {
		ctx->sa[i] = xfrm_state_alloc(&init_net);
		KUNIT_ASSERT_NOT_NULL(test, ctx->sa[i]);
	}
	ctx->dev = fake_nic(test, "fakenic%d", &policy_ops);
	ctx->dev->features |= NETIF_F_GRO;
	fake_nic_register(test, ctx->dev);
	netif_napi_add(ctx->dev, &ctx->napi, no_poll);
	ctx->above = fake_nic(test, "above%d", NULL);

	return 0;
}

static void secpath_exit(struct kunit *test)
{
	struct secpath_ctx *ctx = test->priv;
	int i;

	netif_napi_del(&ctx->napi);
	unregister_netdev(ctx->dev);
	free_netdev(ctx->dev);
	free_netdev(ctx->above);
	for (i = 0; i < PATH_SAS; i++) {
		ctx->sa[i]->type = NULL;
		ctx->sa[i]->km.state = XFRM_STATE_DEAD;
		xfrm_state_put(ctx->sa[i]);
	}
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
	struct secpath_ctx *ctx = test->priv;
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct iphdr *iph;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb->dev = ctx->dev;
	skb->protocol = htons(ETH_P_IP);
	skb_reserve(skb, 64);
	skb_reset_network_header(skb);
	iph = skb_put_zero(skb, sizeof(*iph));
	skb_put_zero(skb, FRAG_LEN);
	iph->version = 4;
	iph->ihl = 5;
	iph->ttl = 64;
	iph->protocol = IPPROTO_UDP;
	iph->id = htons(id);
	iph->saddr = htonl(0x0a630001);
	iph->daddr = htonl(0x0a630002);
	iph->tot_len = htons(skb->len);
	iph->frag_off = htons(nr * FRAG_LEN / 8 |
			      (nr < FRAGS - 1 ? IP_MF : 0));
	memset(IPCB(skb), 0, sizeof(struct inet_skb_parm));
	set_path(test, skb, path);

	return skb;
}

/* What the reassembly of IPv4 makes of three fragments: in each order, the odd
 * one in each place. A fragment that finds its datagram refused waits for the
 * others until a timer drops it, so each datagram has an ID of its own.
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
	struct secpath_ctx *ctx = test->priv;
	struct sk_buff *skb = alloc_skb(512, GFP_KERNEL);
	struct tcphdr *th;
	int len = 100;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, 64);
	skb_reset_mac_header(skb);
	skb_put_zero(skb, ETH_HLEN);
	eth_hdr(skb)->h_proto = htons(ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	if (ipv6) {
		struct ipv6hdr *ip6h = skb_put_zero(skb, sizeof(*ip6h));

		ip6h->version = 6;
		ip6h->payload_len = htons(sizeof(*th) + len);
		ip6h->nexthdr = IPPROTO_TCP;
		ip6h->hop_limit = 64;
		ip6h->saddr.s6_addr[15] = 1;
		ip6h->daddr.s6_addr[15] = 2;
	} else {
		struct iphdr *iph = skb_put_zero(skb, sizeof(*iph));

		iph->version = 4;
		iph->ihl = 5;
		iph->ttl = 64;
		iph->frag_off = htons(IP_DF);
		iph->protocol = IPPROTO_TCP;
		iph->tot_len = htons(sizeof(*iph) + sizeof(*th) + len);
		iph->saddr = htonl(0x0a630001);
		iph->daddr = htonl(0x0a630002);
		iph->check = ip_fast_csum(iph, iph->ihl);
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
	skb->dev = ctx->dev;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = 0;
	skb->protocol = eth_type_trans(skb, ctx->dev);
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

/* --- inner headers of what leaves */

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
	unsigned int iplen = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	const struct inner_param *p = test->param_value;
	struct secpath_ctx *ctx = test->priv;
	struct xfrm_state *x = ctx->sa[0];
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

	/* the bundle and the route are the test's: no reference is the last */
	rcuref_init(&bundle->u.dst.__rcuref, 100);
	rcuref_init(&route->u.dst.__rcuref, 100);
	bundle->u.dst.ops = &ops;
	bundle->u.dst.dev = ctx->dev;
	bundle->u.dst.xfrm = x;
	bundle->child = &route->u.dst;
	bundle->child_mtu_cached = 1500;
	route->u.dst.ops = &ops;
	route->u.dst.dev = ctx->dev;
	skb_dst_set(skb, &bundle->u.dst);

	skb_reserve(skb, 128);
	skb_reset_network_header(skb);
	if (v6) {
		skb->protocol = htons(ETH_P_IPV6);
		*(struct ipv6hdr *)skb_put_zero(skb, iplen) = (struct ipv6hdr){
			.version = 6,
			.nexthdr = p->in_gre ? IPPROTO_GRE : IPPROTO_TCP,
		};
	} else {
		skb->protocol = htons(ETH_P_IP);
		*(struct iphdr *)skb_put_zero(skb, iplen) = (struct iphdr){
			.version = 4, .ihl = 5, .ttl = 64,
			.protocol = p->in_gre ? IPPROTO_GRE : IPPROTO_TCP,
		};
	}
	skb_set_transport_header(skb, iplen);
	if (p->in_gre) {
		skb_put_zero(skb, GRE_LEN);
		skb->encapsulation = 1;
		skb_set_inner_mac_header(skb, skb->len);
		skb_set_inner_network_header(skb, skb->len);
		skb_put_zero(skb, sizeof(struct iphdr));
	}
	/* GRO sets these, and nobody clears them */
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
}

static void inner_headers_stay_v4(struct kunit *test)
{
	inner_headers_stay(test, false);
}

static void inner_headers_stay_v6(struct kunit *test)
{
	inner_headers_stay(test, true);
}

static struct kunit_case secpath_cases[] = {
	KUNIT_CASE_PARAM(inner_headers_stay_v4, inner_gen_params),
	KUNIT_CASE_PARAM(inner_headers_stay_v6, inner_gen_params),
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

/* --- inbound policies */

#define IN_HERE		htonl(0xc6336401)
#define IN_THERE	htonl(0xc6336402)
#define IN_OTHER	htonl(0xc6336403)
#define IN_REQID	77
#define IN_SPI		htonl(0x7701)

/* How the packet, its SA or the policies differ from what is accepted. */
enum in_odd {
	IN_GOOD,
	IN_PLAIN,	/* no sec_path: not decrypted, or not told */
	IN_REQID_ODD,
	IN_SPI_ODD,
	IN_MODE_ODD,
	IN_PEER_ODD,	/* the tunnel of another peer */
	IN_SELECTOR_ODD,
	IN_STATE_INVALID,
	IN_STATE_EXPIRED,
	IN_STATE_DEAD,
	IN_DIR_ODD,
	IN_NOT_DONE,
	IN_ICV_ODD,
	IN_BLOCKED,	/* a block policy of better priority */
	IN_BYPASSED,	/* plain, by an allow policy of better priority */
	IN_NO_POLICY,
	IN_STILL_ESP,	/* crypto offload, before it is taken out of ESP */
};

struct in_param {
	const char *name;
	u8 type;
	bool tunnel;
	enum in_odd odd;
	int mib;
	bool optional;
	bool above;	/* a VRF has made the packet one of its own device */
};

#define IN_HW	XFRM_DEV_OFFLOAD_PACKET
#define IN_CRYPT XFRM_DEV_OFFLOAD_CRYPTO
#define IN_SW	XFRM_DEV_OFFLOAD_UNSPECIFIED

/* mib: what counts a packet that is refused, 0: it is accepted */
static const struct in_param in_params[] = {
	{ "packet, transport", IN_HW, false, IN_GOOD },
	{ "packet, tunnel", IN_HW, true, IN_GOOD },
	{ "crypto, tunnel", IN_CRYPT, true, IN_GOOD },
	{ "software, tunnel", IN_SW, true, IN_GOOD },
	{ "plain", IN_HW, false, IN_PLAIN, LINUX_MIB_XFRMINTMPLMISMATCH },
	{ "plain, tunnel", IN_HW, true, IN_PLAIN,
	  LINUX_MIB_XFRMINTMPLMISMATCH },
	{ "plain, optional", IN_HW, false, IN_PLAIN, 0, true },
	{ "packet, transport, VRF", IN_HW, false, IN_GOOD, .above = true },
	{ "packet, tunnel, VRF", IN_HW, true, IN_GOOD, .above = true },
	{ "plain, VRF", IN_HW, false, IN_PLAIN, LINUX_MIB_XFRMINTMPLMISMATCH,
	  .above = true },
	{ "plain, tunnel, VRF", IN_HW, true, IN_PLAIN,
	  LINUX_MIB_XFRMINTMPLMISMATCH, .above = true },
	{ "reqid", IN_HW, false, IN_REQID_ODD, LINUX_MIB_XFRMINTMPLMISMATCH },
	{ "reqid, tunnel", IN_HW, true, IN_REQID_ODD,
	  LINUX_MIB_XFRMINTMPLMISMATCH },
	{ "reqid, software", IN_SW, true, IN_REQID_ODD,
	  LINUX_MIB_XFRMINTMPLMISMATCH },
	{ "spi", IN_HW, false, IN_SPI_ODD, LINUX_MIB_XFRMINTMPLMISMATCH },
	{ "mode", IN_HW, false, IN_MODE_ODD, LINUX_MIB_XFRMINTMPLMISMATCH },
	{ "peer", IN_HW, true, IN_PEER_ODD, LINUX_MIB_XFRMINTMPLMISMATCH },
	{ "peer, software", IN_SW, true, IN_PEER_ODD,
	  LINUX_MIB_XFRMINTMPLMISMATCH },
	{ "selector", IN_HW, false, IN_SELECTOR_ODD,
	  LINUX_MIB_XFRMINSTATEMISMATCH },
	{ "selector, tunnel", IN_HW, true, IN_SELECTOR_ODD,
	  LINUX_MIB_XFRMINSTATEMISMATCH },
	{ "invalid", IN_HW, false, IN_STATE_INVALID,
	  LINUX_MIB_XFRMINSTATEINVALID },
	{ "expired", IN_HW, true, IN_STATE_EXPIRED,
	  LINUX_MIB_XFRMINSTATEINVALID },
	{ "dead", IN_HW, true, IN_STATE_DEAD, LINUX_MIB_XFRMINSTATEINVALID },
	{ "outbound SA", IN_HW, false, IN_DIR_ODD,
	  LINUX_MIB_XFRMINSTATEDIRERROR },
	{ "not decrypted", IN_HW, false, IN_NOT_DONE,
	  LINUX_MIB_XFRMINSTATEPROTOERROR },
	{ "ICV", IN_HW, true, IN_ICV_ODD, LINUX_MIB_XFRMINSTATEPROTOERROR },
	{ "ICV, optional", IN_HW, false, IN_ICV_ODD,
	  LINUX_MIB_XFRMINSTATEPROTOERROR, true },
	{ "blocked", IN_HW, false, IN_BLOCKED, LINUX_MIB_XFRMINPOLBLOCK },
	{ "blocked, tunnel", IN_HW, true, IN_BLOCKED,
	  LINUX_MIB_XFRMINPOLBLOCK },
	{ "blocked, software", IN_SW, true, IN_BLOCKED,
	  LINUX_MIB_XFRMINPOLBLOCK },
	{ "bypassed", IN_HW, false, IN_BYPASSED },
	{ "no policy, transport", IN_HW, false, IN_NO_POLICY },
	{ "no policy, tunnel", IN_HW, true, IN_NO_POLICY,
	  LINUX_MIB_XFRMINNOPOLS },
	{ "no policy, crypto", IN_CRYPT, true, IN_NO_POLICY,
	  LINUX_MIB_XFRMINNOPOLS },
	{ "no policy, crypto, ESP", IN_CRYPT, true, IN_STILL_ESP },
	{ "no policy, software", IN_SW, true, IN_NO_POLICY,
	  LINUX_MIB_XFRMINNOPOLS },
};

KUNIT_ARRAY_PARAM_DESC(in, in_params, name);

static struct xfrm_policy *in_policy(struct kunit *test, u32 priority,
				     u8 action, bool any)
{
	struct xfrm_policy *xp = xfrm_policy_alloc(&init_net, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, xp);
	xp->family = AF_INET;
	xp->selector.family = AF_INET;
	xp->selector.saddr.a4 = IN_THERE;
	xp->selector.daddr.a4 = IN_HERE;
	xp->selector.prefixlen_s = any ? 24 : 32;
	xp->selector.prefixlen_d = any ? 24 : 32;
	xp->priority = priority;
	xp->action = action;
	xp->lft.soft_byte_limit = XFRM_INF;
	xp->lft.hard_byte_limit = XFRM_INF;
	xp->lft.soft_packet_limit = XFRM_INF;
	xp->lft.hard_packet_limit = XFRM_INF;

	return xp;
}

/* Its policy is on the device that the packet comes in by. */
static void in_policy_tmpl(struct kunit *test, struct xfrm_policy *xp,
			   const struct in_param *p)
{
	struct secpath_ctx *ctx = test->priv;
	struct xfrm_user_offload xuo = {
		.ifindex = ctx->dev->ifindex,
		.flags = XFRM_OFFLOAD_PACKET,
	};
	struct xfrm_tmpl *tmpl = &xp->xfrm_vec[0];

	xp->xfrm_nr = 1;
	tmpl->id.proto = IPPROTO_ESP;
	tmpl->id.daddr.a4 = IN_HERE;
	tmpl->saddr.a4 = IN_THERE;
	tmpl->encap_family = AF_INET;
	tmpl->reqid = IN_REQID;
	tmpl->mode = p->tunnel ? XFRM_MODE_TUNNEL : XFRM_MODE_TRANSPORT;
	tmpl->allalgs = 1;
	tmpl->optional = p->optional;
	if (p->odd == IN_SPI_ODD)
		tmpl->id.spi = ~IN_SPI;
	if (p->type == IN_HW)
		KUNIT_ASSERT_EQ(test,
				xfrm_dev_policy_add(&init_net, xp, &xuo,
						    XFRM_POLICY_IN, NULL), 0);
}

static void in_policy_drop(struct xfrm_policy *xp)
{
	xfrm_policy_delete(xp, XFRM_POLICY_IN);
}

static struct xfrm_state *in_state(struct kunit *test, const struct in_param *p)
{
	static const struct xfrm_type esp = { .proto = IPPROTO_ESP };
	struct secpath_ctx *ctx = test->priv;
	struct xfrm_state *x = ctx->sa[0];

	x->type = &esp;
	x->id.proto = IPPROTO_ESP;
	x->id.spi = IN_SPI;
	x->id.daddr.a4 = IN_HERE;
	x->props.saddr.a4 = p->odd == IN_PEER_ODD ? IN_OTHER : IN_THERE;
	x->props.family = AF_INET;
	x->props.reqid = IN_REQID + (p->odd == IN_REQID_ODD);
	x->props.mode = p->tunnel != (p->odd == IN_MODE_ODD) ?
			XFRM_MODE_TUNNEL : XFRM_MODE_TRANSPORT;
	x->sel.family = AF_INET;
	x->sel.saddr.a4 = p->odd == IN_SELECTOR_ODD ? IN_OTHER : IN_THERE;
	x->sel.prefixlen_s = 32;
	x->xso.type = p->type;
	x->xso.dir = p->odd == IN_DIR_ODD ? XFRM_DEV_OFFLOAD_OUT :
					    XFRM_DEV_OFFLOAD_IN;
	x->km.state = p->odd == IN_STATE_INVALID ? XFRM_STATE_INVALID :
		      p->odd == IN_STATE_EXPIRED ? XFRM_STATE_EXPIRED :
		      p->odd == IN_STATE_DEAD ? XFRM_STATE_DEAD :
						XFRM_STATE_VALID;

	return x;
}

/* What a driver says of packet offload; the stack takes it off what it has
 * decrypted itself, and off crypto offload.
 */
static void in_offloaded(struct kunit *test, struct sk_buff *skb,
			 enum in_odd odd)
{
	struct sec_path *sp = skb_sec_path(skb);
	struct xfrm_offload *xo;

	sp->olen = sp->len;
	xo = xfrm_offload(skb);
	KUNIT_ASSERT_NOT_NULL(test, xo);
	xo->flags = odd == IN_NOT_DONE ? 0 : CRYPTO_DONE;
	xo->status = odd == IN_ICV_ODD ? CRYPTO_TUNNEL_ESP_AUTH_FAILED :
					 CRYPTO_SUCCESS;
}

static struct sk_buff *in_packet(struct kunit *test, const struct in_param *p)
{
	struct secpath_ctx *ctx = test->priv;
	struct sk_buff *skb;
	struct iphdr *iph;

	skb = new_frag(test, 0, 0, p->odd == IN_PLAIN || p->odd == IN_BYPASSED ?
				   &plain : &by_0);
	iph = ip_hdr(skb);
	iph->frag_off = 0;
	iph->saddr = IN_THERE;
	iph->daddr = IN_HERE;
	if (p->above)
		skb->dev = ctx->above;
	if ((p->type == IN_HW && skb_sec_path(skb)) || p->odd == IN_STILL_ESP)
		in_offloaded(test, skb, p->odd);

	return skb;
}

static unsigned long in_count(int mib)
{
	return snmp_fold_field((void __percpu *)init_net.mib.xfrm_statistics,
			       mib);
}

static bool in_check(struct sk_buff *skb)
{
	bool ok;

	local_bh_disable();
	ok = xfrm_policy_check(NULL, XFRM_POLICY_IN, skb, AF_INET);
	local_bh_enable();

	return ok;
}

/* An inbound policy asks for the SA that decrypted the packet, the same of each
 * kind of offload.
 */
static void policy_wants_the_sa(struct kunit *test)
{
	const struct in_param *p = test->param_value;
	struct xfrm_policy *xp = NULL, *better = NULL;
	struct xfrm_state *x = in_state(test, p);
	struct sk_buff *skb = in_packet(test, p);
	unsigned long count = p->mib ? in_count(p->mib) : 0;
	time64_t start = ktime_get_real_seconds();
	int i;

	/* One policy at least: the others are not asked without. */
	if (p->odd == IN_BLOCKED || p->odd >= IN_NO_POLICY)
		better = in_policy(test, 10, XFRM_POLICY_BLOCK, true);
	else if (p->odd == IN_BYPASSED)
		better = in_policy(test, 10, XFRM_POLICY_ALLOW, true);
	if (p->odd >= IN_NO_POLICY)
		better->selector.saddr.a4 = htonl(0x0a000001);
	if (better)
		KUNIT_ASSERT_EQ(test,
				xfrm_policy_insert(XFRM_POLICY_IN, better, 1),
				0);
	if (p->odd < IN_NO_POLICY) {
		xp = in_policy(test, 100, XFRM_POLICY_ALLOW, false);
		in_policy_tmpl(test, xp, p);
		KUNIT_ASSERT_EQ(test,
				xfrm_policy_insert(XFRM_POLICY_IN, xp, 1), 0);
	}

	/* As often as it is asked */
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, in_check(skb), !p->mib);
		if (p->mib)
			KUNIT_EXPECT_EQ(test, in_count(p->mib), count + i + 1);
		/* The SA stays for who asks next, and does not look as if a
		 * device had to send it.
		 */
		KUNIT_EXPECT_EQ(test, !!skb_sec_path(skb),
				p->odd != IN_PLAIN && p->odd != IN_BYPASSED);
		if (!p->mib)
			KUNIT_EXPECT_EQ(test, !!xfrm_offload(skb),
					p->odd == IN_STILL_ESP);
	}

	/* Daemons close a tunnel whose policies are idle. */
	if (!p->mib && p->odd == IN_GOOD)
		KUNIT_EXPECT_GE(test, xp->curlft.use_time, start);

	kfree_skb(skb);
	if (xp)
		in_policy_drop(xp);
	if (better)
		in_policy_drop(better);
	x->km.state = XFRM_STATE_VALID;
}

/* A copy of a packet has a sec_path that it shares. */
static void copy_keeps_its_sa(struct kunit *test)
{
	static const struct in_param good = { "", IN_HW, false, IN_GOOD };
	struct xfrm_policy *xp = in_policy(test, 100, XFRM_POLICY_ALLOW, false);
	struct xfrm_state *x = in_state(test, &good);
	struct sk_buff *skb = in_packet(test, &good);
	struct sk_buff *copy = skb_clone(skb, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	in_policy_tmpl(test, xp, &good);
	KUNIT_ASSERT_EQ(test, xfrm_policy_insert(XFRM_POLICY_IN, xp, 1), 0);
	KUNIT_EXPECT_TRUE(test, in_check(skb));
	KUNIT_EXPECT_NULL(test, xfrm_offload(skb));
	KUNIT_EXPECT_NOT_NULL(test, xfrm_offload(copy));
	kfree_skb(skb);

	x->km.state = XFRM_STATE_INVALID;
	KUNIT_EXPECT_FALSE(test, in_check(copy));
	kfree_skb(copy);
	in_policy_drop(xp);
	x->km.state = XFRM_STATE_VALID;
}

/* What a bridge or a redirect sends on, unchecked, is nothing that the device
 * has to encrypt; what a device could not decrypt goes nowhere.
 */
static void received_packet_is_sent_on(struct kunit *test)
{
	static const struct in_param params[] = {
		{ "", IN_HW, false, IN_GOOD },
		{ "", IN_HW, false, IN_ICV_ODD },
		{ "", IN_HW, false, IN_STATE_INVALID },
	};
	struct secpath_ctx *ctx = test->priv;
	struct sk_buff *skb, *sent;
	struct xfrm_state *x;
	bool again = false;
	int i;

	for (i = 0; i < ARRAY_SIZE(params); i++) {
		x = in_state(test, &params[i]);
		x->xso.hw_only = 1;
		skb = in_packet(test, &params[i]);
		skb->dev = ctx->dev;
		local_bh_disable();
		sent = validate_xmit_xfrm(skb, NETIF_F_HW_ESP, &again);
		local_bh_enable();
		KUNIT_EXPECT_EQ(test, !!sent, params[i].odd == IN_GOOD);
		if (sent) {
			KUNIT_EXPECT_NULL(test, xfrm_offload(sent));
			KUNIT_EXPECT_NOT_NULL(test, skb_sec_path(sent));
		}
		kfree_skb(sent);
	}
	x->xso.hw_only = 0;
	x->km.state = XFRM_STATE_VALID;
}

/* --- ESP that the device did not decrypt */

struct esp_param {
	const char *name;
	u8 type;
	u8 state;
	bool found;
};

static const struct esp_param esp_params[] = {
	{ "packet", IN_HW, XFRM_STATE_VALID, false },
	{ "packet, invalid", IN_HW, XFRM_STATE_INVALID, true },
	{ "crypto", IN_CRYPT, XFRM_STATE_VALID, true },
	{ "software", IN_SW, XFRM_STATE_VALID, true },
};

KUNIT_ARRAY_PARAM_DESC(esp, esp_params, name);

/* Software has no window for an SA of packet offload: it does not decrypt. */
static void software_decrypts_its_own(struct kunit *test)
{
	const struct esp_param *p = test->param_value;
	xfrm_address_t daddr = { .a4 = IN_HERE };
	struct xfrm_state *x, *found;
	int i;

	x = xfrm_state_alloc(&init_net);
	KUNIT_ASSERT_NOT_NULL(test, x);
	x->id.daddr = daddr;
	x->id.spi = IN_SPI;
	x->id.proto = IPPROTO_ESP;
	x->props.family = AF_INET;
	x->props.saddr.a4 = IN_THERE;
	x->xso.type = p->type;
	x->xso.dir = XFRM_DEV_OFFLOAD_IN;
	x->km.state = p->state;
	xfrm_state_insert(x);

	/* The second time a cache may answer. */
	for (i = 0; i < 2; i++) {
		local_bh_disable();
		rcu_read_lock();
		found = xfrm_input_state_lookup(&init_net, 0, &daddr, IN_SPI,
						IPPROTO_ESP, AF_INET);
		rcu_read_unlock();
		local_bh_enable();
		KUNIT_EXPECT_PTR_EQ(test, found, p->found ? x : NULL);
		if (found)
			xfrm_state_put(found);
	}
	xfrm_state_delete(x);
}

static int in_tails;

static int count_tail(struct xfrm_state *x, struct sk_buff *skb)
{
	in_tails++;
	return -EINVAL;
}

/* The device decrypted the outer ESP. It has not seen the inner one. */
static void inner_esp_is_not_decrypted(struct kunit *test)
{
	static const struct xfrm_type_offload tail = {
		.input_tail = count_tail,
	};
	static const struct in_param good = { "", IN_HW, true, IN_GOOD };
	struct xfrm_state *x = in_state(test, &good);
	struct sk_buff *skb = in_packet(test, &good);
	unsigned long count = in_count(LINUX_MIB_XFRMINNOSTATES);

	x->type_offload = &tail;
	in_tails = 0;
	ip_hdr(skb)->protocol = IPPROTO_ESP;
	__skb_pull(skb, sizeof(struct iphdr));
	skb_reset_transport_header(skb);
	XFRM_TUNNEL_SKB_CB(skb)->tunnel.ip4 = NULL;
	XFRM_SPI_SKB_CB(skb)->family = AF_INET;
	XFRM_SPI_SKB_CB(skb)->daddroff = offsetof(struct iphdr, daddr);
	local_bh_disable();
	rcu_read_lock();
	xfrm_input(skb, IPPROTO_ESP, 0, 0);
	rcu_read_unlock();
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, in_tails, 0);
	KUNIT_EXPECT_EQ(test, in_count(LINUX_MIB_XFRMINNOSTATES), count + 1);
	x->type_offload = NULL;
}

static struct kunit_case inbound_cases[] = {
	KUNIT_CASE_PARAM(policy_wants_the_sa, in_gen_params),
	KUNIT_CASE(copy_keeps_its_sa),
	KUNIT_CASE(received_packet_is_sent_on),
	KUNIT_CASE_PARAM(software_decrypts_its_own, esp_gen_params),
	KUNIT_CASE(inner_esp_is_not_decrypted),
	{}
};

static struct kunit_suite inbound_suite = {
	.name = "xfrm_inbound",
	.init = secpath_init,
	.exit = secpath_exit,
	.test_cases = inbound_cases,
};

kunit_test_suites(&secpath_suite, &inbound_suite);
