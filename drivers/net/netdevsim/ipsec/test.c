// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the IPsec engine: of its parts, and of a port without a cable. */

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <linux/udp.h>

#include "engine.h"
#include "../netdevsim.h"

static void nsim_ipsec_test_window(struct kunit *test, struct nsim_ipsec_replay *replay,
				   u32 window, u64 top)
{
	KUNIT_ASSERT_EQ(test, nsim_ipsec_replay_init(replay, window, GFP_KERNEL), 0);
	if (top)
		nsim_ipsec_replay_advance(replay, top);
}

static void replay_accepts_each_number_once(struct kunit *test)
{
	static const u64 order[] = { 1, 2, 5, 3, 4, 70, 40, 39, 200, 169, 1000 };
	struct nsim_ipsec_replay replay;
	unsigned int i;

	nsim_ipsec_test_window(test, &replay, 32, 0);
	KUNIT_EXPECT_FALSE(test, nsim_ipsec_replay_fresh(&replay, 0));
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		KUNIT_EXPECT_TRUE_MSG(test, nsim_ipsec_replay_fresh(&replay, order[i]),
				      "%llu is new", order[i]);
		nsim_ipsec_replay_advance(&replay, order[i]);
		KUNIT_EXPECT_FALSE_MSG(test, nsim_ipsec_replay_fresh(&replay, order[i]),
				       "%llu was seen", order[i]);
	}
	nsim_ipsec_replay_free(&replay);
}

static void replay_refuses_what_left_the_window(struct kunit *test)
{
	struct nsim_ipsec_replay replay;

	/* Not a power of two: the ring is larger than the window. */
	nsim_ipsec_test_window(test, &replay, 100, 500);
	KUNIT_EXPECT_TRUE(test, nsim_ipsec_replay_fresh(&replay, 401));
	KUNIT_EXPECT_FALSE(test, nsim_ipsec_replay_fresh(&replay, 400));
	KUNIT_EXPECT_FALSE(test, nsim_ipsec_replay_fresh(&replay, 1));
	nsim_ipsec_replay_free(&replay);
}

/* A jump by the size of the ring must not leave bits of the last round. */
static void replay_forgets_the_last_round(struct kunit *test)
{
	struct nsim_ipsec_replay replay;
	u64 seq;

	nsim_ipsec_test_window(test, &replay, 32, 0);
	for (seq = 1; seq <= 32; seq++)
		nsim_ipsec_replay_advance(&replay, seq);
	nsim_ipsec_replay_advance(&replay, 63);
	for (seq = 33; seq < 63; seq++)
		KUNIT_EXPECT_TRUE_MSG(test, nsim_ipsec_replay_fresh(&replay, seq), "%llu", seq);
	nsim_ipsec_replay_advance(&replay, 63 + 32);
	for (seq = 64; seq < 63 + 32; seq++)
		KUNIT_EXPECT_TRUE_MSG(test, nsim_ipsec_replay_fresh(&replay, seq), "%llu", seq);
	nsim_ipsec_replay_free(&replay);
}

struct extend_case {
	const char *name;
	u64 top;
	u32 low;
	u64 seq;
};

static const struct extend_case extend_cases[] = {
	{ "start", 0, 1, 1 },
	{ "in the window", 1000, 990, 990 },
	{ "ahead", 1000, 2000, 2000 },
	{ "low half wrapped", 0xfffffff0, 5, 0x100000005 },
	{ "behind a wrap", 0x100000005, 0xfffffff0, 0xfffffff0 },
	{ "second wrap", 0x1fffffffe, 1, 0x200000001 },
	{ "oldest of the window", 0x500000100, 0x100 - 63, 0x500000000 + 0x100 - 63 },
	{ "older is the next round", 0x500000100, 0x100 - 64, 0x600000000 + 0x100 - 64 },
};

KUNIT_ARRAY_PARAM_DESC(extend, extend_cases, name);

static void replay_extends_sequence_numbers(struct kunit *test)
{
	const struct extend_case *c = test->param_value;
	struct nsim_ipsec_replay replay;

	nsim_ipsec_test_window(test, &replay, 64, c->top);
	KUNIT_EXPECT_EQ(test, nsim_ipsec_replay_extend(&replay, c->low), c->seq);
	nsim_ipsec_replay_free(&replay);
}

static void replay_exports_what_it_saw(struct kunit *test)
{
	struct nsim_ipsec_replay replay;
	u32 bitmap[2] = {};

	nsim_ipsec_test_window(test, &replay, 64, 0x100000010);
	nsim_ipsec_replay_advance(&replay, 0x10000000f);
	nsim_ipsec_replay_advance(&replay, 0x100000010 - 40);
	nsim_ipsec_replay_export(&replay, bitmap, 64);
	KUNIT_EXPECT_EQ(test, bitmap[0], 0x3);
	KUNIT_EXPECT_EQ(test, bitmap[1], BIT(40 - 32));
	nsim_ipsec_replay_free(&replay);
}

/* A window of the stack, number n at bit (n - 1) % 48: 100 on top, 99 and 60 seen. */
static void replay_loads_the_window_of_the_stack(struct kunit *test)
{
	struct xfrm_replay_state_esn *esn;
	struct nsim_ipsec_replay replay;
	struct xfrm_state *x;
	u64 seq;

	x = kunit_kzalloc(test, sizeof(*x), GFP_KERNEL);
	esn = kunit_kzalloc(test, struct_size(esn, bmp, 2), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x);
	KUNIT_ASSERT_NOT_NULL(test, esn);
	esn->bmp_len = 2;
	esn->replay_window = 48;
	esn->seq = 100;
	esn->seq_hi = 3;
	esn->bmp[0] = BIT(99 % 48) | BIT(98 % 48) | BIT(59 % 48);
	x->replay_esn = esn;
	x->props.flags = XFRM_STATE_ESN;

	nsim_ipsec_test_window(test, &replay, 48, 0);
	nsim_ipsec_replay_load(&replay, x);
	KUNIT_EXPECT_EQ(test, replay.top, 0x300000064);
	for (seq = 100 - 47; seq <= 100; seq++)
		KUNIT_EXPECT_EQ_MSG(test, nsim_ipsec_replay_fresh(&replay, 0x300000000 | seq),
				    seq != 100 && seq != 99 && seq != 60, "%llu", seq);
	nsim_ipsec_replay_free(&replay);
}

static struct sk_buff *nsim_ipsec_test_udp4(struct kunit *test, __be16 frag_off)
{
	unsigned int len = sizeof(struct iphdr) + sizeof(struct udphdr);
	struct sk_buff *skb = alloc_skb(ETH_HLEN + len, GFP_KERNEL);
	struct iphdr *iph;
	struct udphdr *udp;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, ETH_HLEN);
	skb_reset_network_header(skb);
	skb->protocol = htons(ETH_P_IP);
	iph = skb_put_zero(skb, len);
	iph->version = 4;
	iph->ihl = 5;
	iph->tot_len = htons(len);
	iph->frag_off = frag_off;
	iph->protocol = IPPROTO_UDP;
	iph->saddr = htonl(0x0a000001);
	iph->daddr = htonl(0x0a000002);
	udp = (struct udphdr *)(iph + 1);
	udp->source = htons(1000);
	udp->dest = htons(53);
	return skb;
}

static void flow_reads_ports_of_whole_packets_only(struct kunit *test)
{
	struct nsim_ipsec_flow flow;
	struct sk_buff *skb;

	skb = nsim_ipsec_test_udp4(test, 0);
	KUNIT_EXPECT_TRUE(test, nsim_ipsec_flow_read(&flow, skb));
	KUNIT_EXPECT_EQ(test, ntohs(flow.dport), 53);
	KUNIT_EXPECT_FALSE(test, flow.fragment);
	KUNIT_EXPECT_EQ(test, flow.upper, sizeof(struct iphdr));

	/* Link padding does not count, a cut packet is none. */
	ip_hdr(skb)->tot_len = htons(24);
	KUNIT_EXPECT_TRUE(test, nsim_ipsec_flow_read(&flow, skb));
	KUNIT_EXPECT_EQ(test, flow.len, 24);
	ip_hdr(skb)->tot_len = htons(29);
	KUNIT_EXPECT_FALSE(test, nsim_ipsec_flow_read(&flow, skb));
	kfree_skb(skb);

	skb = nsim_ipsec_test_udp4(test, htons(185));
	KUNIT_EXPECT_TRUE(test, nsim_ipsec_flow_read(&flow, skb));
	KUNIT_EXPECT_TRUE(test, flow.fragment);
	KUNIT_EXPECT_EQ(test, ntohs(flow.dport), 0);
	kfree_skb(skb);
}

/* hop-by-hop, destination options, routing, destination options, UDP: ESP goes behind routing. */
static void flow_finds_the_place_for_esp(struct kunit *test)
{
	static const u8 chain[] = { NEXTHDR_HOP, NEXTHDR_DEST, NEXTHDR_ROUTING, NEXTHDR_DEST };
	unsigned int len = sizeof(struct ipv6hdr) + 8 * ARRAY_SIZE(chain) + sizeof(struct udphdr);
	struct sk_buff *skb = alloc_skb(len, GFP_KERNEL);
	struct nsim_ipsec_flow flow;
	struct ipv6hdr *ip6h;
	unsigned int i;
	u8 *named;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reset_network_header(skb);
	skb->protocol = htons(ETH_P_IPV6);
	ip6h = skb_put_zero(skb, len);
	ip6h->version = 6;
	ip6h->payload_len = htons(len - sizeof(*ip6h));
	named = &ip6h->nexthdr;
	for (i = 0; i < ARRAY_SIZE(chain); i++) {
		*named = chain[i];
		named = (u8 *)(ip6h + 1) + 8 * i;
	}
	*named = NEXTHDR_UDP;

	KUNIT_EXPECT_TRUE(test, nsim_ipsec_flow_read(&flow, skb));
	KUNIT_EXPECT_EQ(test, flow.proto, IPPROTO_UDP);
	KUNIT_EXPECT_EQ(test, flow.upper, sizeof(*ip6h) + 32);
	KUNIT_EXPECT_EQ(test, flow.upper_nexthdr, sizeof(*ip6h) + 24);
	KUNIT_EXPECT_EQ(test, flow.insert, sizeof(*ip6h) + 24);
	KUNIT_EXPECT_EQ(test, flow.insert_nexthdr, sizeof(*ip6h) + 16);
	kfree_skb(skb);
}

struct selector_case {
	const char *name;
	u16 family;
	u32 daddr;
	u8 prefixlen_d;
	u8 proto;
	u16 dport;
	bool match;
};

static const struct selector_case selector_cases[] = {
	{ "no family means all", AF_UNSPEC, 0, 0, 0, 0, true },
	{ "the other family", AF_INET6, 0, 0, 0, 0, false },
	{ "any address", AF_INET, 0, 0, 0, 0, true },
	{ "exact address", AF_INET, 0x0a000002, 32, 0, 0, true },
	{ "another address", AF_INET, 0x0a000003, 32, 0, 0, false },
	{ "prefix", AF_INET, 0x0a000000, 24, 0, 0, true },
	{ "another prefix", AF_INET, 0x0a000100, 24, 0, 0, false },
	{ "prefix that ends inside a byte", AF_INET, 0x0a000003, 31, 0, 0, true },
	{ "protocol", AF_INET, 0, 0, IPPROTO_UDP, 0, true },
	{ "another protocol", AF_INET, 0, 0, IPPROTO_TCP, 0, false },
	{ "port", AF_INET, 0, 0, IPPROTO_UDP, 53, true },
	{ "another port", AF_INET, 0, 0, IPPROTO_UDP, 54, false },
};

KUNIT_ARRAY_PARAM_DESC(selector, selector_cases, name);

static void selector_matches(struct kunit *test)
{
	const struct selector_case *c = test->param_value;
	struct xfrm_selector sel = {
		.family = c->family,
		.daddr.a4 = htonl(c->daddr),
		.prefixlen_d = c->prefixlen_d,
		.proto = c->proto,
		.dport = htons(c->dport),
		.dport_mask = c->dport ? htons(0xffff) : 0,
	};
	struct sk_buff *skb = nsim_ipsec_test_udp4(test, 0);
	struct nsim_ipsec_flow flow;

	KUNIT_ASSERT_TRUE(test, nsim_ipsec_flow_read(&flow, skb));
	KUNIT_EXPECT_EQ(test, nsim_ipsec_selector_match(&sel, &flow), c->match);
	kfree_skb(skb);
}

/* --- a port */

/* Without files in debugfs. */
static struct netdevsim *nsim_ipsec_test_port(struct kunit *test)
{
	struct nsim_dev_port *port = kunit_kzalloc(test, sizeof(*port), GFP_KERNEL);
	struct net_device *dev;
	struct netdevsim *ns;

	KUNIT_ASSERT_NOT_NULL(test, port);
	port->ddir = ERR_PTR(-ENOENT);
	dev = alloc_netdev(sizeof(*ns), "nsimtest%d", NET_NAME_UNKNOWN, ether_setup);
	KUNIT_ASSERT_NOT_NULL(test, dev);
	ns = netdev_priv(dev);
	ns->netdev = dev;
	ns->nsim_dev_port = port;
	rtnl_lock();
	nsim_ipsec_init(ns);
	rtnl_unlock();
	KUNIT_ASSERT_NOT_NULL(test, ns->ipsec);
	return ns;
}

static void nsim_ipsec_test_port_del(struct netdevsim *ns)
{
	nsim_ipsec_teardown(ns);
	free_netdev(ns->netdev);
}

static struct xfrm_state *nsim_ipsec_test_state(struct kunit *test, struct netdevsim *ns)
{
	struct xfrm_state *x = kunit_kzalloc(test, sizeof(*x), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, x);
	spin_lock_init(&x->lock);
	write_pnet(&x->xs_net, &init_net);
	x->id.proto = IPPROTO_ESP;
	x->id.spi = htonl(0x4711);
	x->props.family = AF_INET;
	x->props.mode = XFRM_MODE_TRANSPORT;
	x->lft.soft_byte_limit = XFRM_INF;
	x->lft.hard_byte_limit = XFRM_INF;
	x->lft.soft_packet_limit = XFRM_INF;
	x->lft.hard_packet_limit = XFRM_INF;
	x->xso.dev = ns->netdev;
	x->xso.real_dev = ns->netdev;
	x->xso.type = XFRM_DEV_OFFLOAD_PACKET;
	x->xso.dir = XFRM_DEV_OFFLOAD_IN;
	x->aead = kunit_kzalloc(test, sizeof(*x->aead) + 20, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->aead);
	strscpy(x->aead->alg_name, "rfc4106(gcm(aes))");
	x->aead->alg_key_len = 160;
	x->aead->alg_icv_len = NSIM_IPSEC_ICV_BITS;
	return x;
}

static void port_refuses_what_it_cannot_do(struct kunit *test)
{
	struct netdevsim *ns = nsim_ipsec_test_port(test);
	const struct xfrmdev_ops *ops = ns->netdev->xfrmdev_ops;
	struct xfrm_state *x = nsim_ipsec_test_state(test, ns);
	struct xfrm_encap_tmpl encap = { .encap_type = UDP_ENCAP_ESPINUDP };
	struct netlink_ext_ack extack = {};

	x->encap = &encap;
	KUNIT_EXPECT_EQ(test, ops->xdo_dev_state_add(x, &extack), -EINVAL);
	KUNIT_ASSERT_NOT_NULL(test, extack._msg);
	KUNIT_EXPECT_NOT_NULL(test, strstr(extack._msg, "UDP or TCP"));
	nsim_ipsec_test_port_del(ns);
}

/* Once each: what was reported is not reported again. */
static void port_reports_refused_frames(struct kunit *test)
{
	struct netdevsim *ns = nsim_ipsec_test_port(test);
	const struct xfrmdev_ops *ops = ns->netdev->xfrmdev_ops;
	struct xfrm_state *x = nsim_ipsec_test_state(test, ns);
	struct nsim_ipsec_sa *sa;
	int i;

	KUNIT_ASSERT_EQ(test, ops->xdo_dev_state_add(x, NULL), 0);
	sa = nsim_ipsec_sa_of(ns->ipsec, x);
	KUNIT_ASSERT_NOT_NULL(test, sa);
	nsim_ipsec_sa_refused(sa, -EALREADY);
	nsim_ipsec_sa_refused(sa, -EALREADY);
	nsim_ipsec_sa_refused(sa, -EBADMSG);
	for (i = 0; i < 2; i++) {
		ops->xdo_dev_state_update_stats(x);
		KUNIT_EXPECT_EQ(test, x->stats.replay, 2);
		KUNIT_EXPECT_EQ(test, x->stats.integrity_failed, 1);
	}
	ops->xdo_dev_state_delete(x);
	ops->xdo_dev_state_free(x);
	nsim_ipsec_test_port_del(ns);
}

/* The stack drops it, if nothing in it says that it was protected. */
static void port_hands_plain_frames_up(struct kunit *test)
{
	struct netdevsim *ns = nsim_ipsec_test_port(test);
	const struct xfrmdev_ops *ops = ns->netdev->xfrmdev_ops;
	struct xfrm_policy *xp = kunit_kzalloc(test, sizeof(*xp), GFP_KERNEL);
	struct sk_buff *skb = nsim_ipsec_test_udp4(test, 0);

	KUNIT_ASSERT_NOT_NULL(test, xp);
	xp->family = AF_INET;
	xp->type = XFRM_POLICY_TYPE_MAIN;
	xp->action = XFRM_POLICY_ALLOW;
	xp->selector.family = AF_INET;
	xp->xfrm_nr = 1;
	xp->xfrm_vec[0].id.proto = IPPROTO_ESP;
	xp->xfrm_vec[0].mode = XFRM_MODE_TRANSPORT;
	xp->xdo.dev = ns->netdev;
	xp->xdo.real_dev = ns->netdev;
	xp->xdo.dir = XFRM_DEV_OFFLOAD_IN;
	KUNIT_ASSERT_EQ(test, ops->xdo_dev_policy_add(xp, NULL), 0);

	local_bh_disable();
	KUNIT_EXPECT_PTR_EQ(test, nsim_ipsec_rx(ns, skb), skb);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test,
			atomic_long_read(&ns->ipsec->counters[NSIM_IPSEC_RX_PLAIN]), 1);
	if (atomic_long_read(&ns->ipsec->counters[NSIM_IPSEC_RX_PLAIN]))
		kfree_skb(skb);
	ops->xdo_dev_policy_delete(xp);
	ops->xdo_dev_policy_free(xp);
	nsim_ipsec_test_port_del(ns);
}

static struct kunit_case nsim_ipsec_cases[] = {
	KUNIT_CASE(replay_accepts_each_number_once),
	KUNIT_CASE(replay_refuses_what_left_the_window),
	KUNIT_CASE(replay_forgets_the_last_round),
	KUNIT_CASE_PARAM(replay_extends_sequence_numbers, extend_gen_params),
	KUNIT_CASE(replay_exports_what_it_saw),
	KUNIT_CASE(replay_loads_the_window_of_the_stack),
	KUNIT_CASE(flow_reads_ports_of_whole_packets_only),
	KUNIT_CASE(flow_finds_the_place_for_esp),
	KUNIT_CASE_PARAM(selector_matches, selector_gen_params),
	KUNIT_CASE(port_refuses_what_it_cannot_do),
	KUNIT_CASE(port_reports_refused_frames),
	KUNIT_CASE(port_hands_plain_frames_up),
	{}
};

static struct kunit_suite nsim_ipsec_suite = {
	.name = "nsim_ipsec",
	.test_cases = nsim_ipsec_cases,
};

kunit_test_suite(nsim_ipsec_suite);
