// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of inbound packets: only the SA that decrypted a packet
 * satisfies a policy, and software decrypts nothing under an SA of packet
 * offload.
 */

#include <net/ip.h>

#include "fake.h"

struct inbound_ctx {
	struct net_device *above;
	struct xfrm_state *x;
};

static int inbound_init(struct kunit *test)
{
	struct inbound_ctx *ctx;

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	test->priv = ctx;
	ctx->x = fake_state_alloc(test);
	fake_init(test);
	fake_register(test, fake.dev);
	ctx->above = fake_netdev(test, "above%d", NULL);

	return 0;
}

static void inbound_exit(struct kunit *test)
{
	struct inbound_ctx *ctx = test->priv;

	ctx->x->type = NULL;
	fake_discard(ctx->x);
	free_netdev(ctx->above);
	fake_unregister();
	fake_exit(test);
}

#define IN_HERE		htonl(0xc6336401)
#define IN_THERE	htonl(0xc6336402)
#define IN_OTHER	htonl(0xc6336403)
#define IN_REQID	77
#define IN_SPI		htonl(0x7701)

/* How the packet, its SA or the policies differ from what is accepted. */
enum in_odd {
	IN_GOOD,
	IN_PLAIN,	/* no sec_path */
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
	IN_STILL_ESP,	/* crypto offload, before it is decapsulated */
};

struct in_param {
	const char *name;
	u8 type;
	bool tunnel;
	enum in_odd odd;
	int mib;
	bool optional;
	bool above;	/* skb->dev is the VRF above the device */
};

#define IN_HW	XFRM_DEV_OFFLOAD_PACKET
#define IN_CRYPT XFRM_DEV_OFFLOAD_CRYPTO
#define IN_SW	XFRM_DEV_OFFLOAD_UNSPECIFIED

/* @mib: the counter of a packet that is refused; 0: it is accepted */
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
	struct xfrm_policy *xp = fake_policy_alloc(test);

	xp->selector.family = AF_INET;
	xp->selector.saddr.a4 = IN_THERE;
	xp->selector.daddr.a4 = IN_HERE;
	xp->selector.prefixlen_s = any ? 24 : 32;
	xp->selector.prefixlen_d = any ? 24 : 32;
	xp->priority = priority;
	xp->action = action;

	return xp;
}

/* The policy is on the device that receives the packet. */
static void in_policy_tmpl(struct kunit *test, struct xfrm_policy *xp,
			   const struct in_param *p)
{
	struct xfrm_user_offload xuo = {
		.ifindex = fake.dev->ifindex,
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
	struct inbound_ctx *ctx = test->priv;
	struct xfrm_state *x = ctx->x;

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

/* Set what a driver reports for packet offload. What the stack decrypted
 * itself, and crypto offload after decapsulation, has no such record.
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
	struct inbound_ctx *ctx = test->priv;
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct sec_path *sp;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb->dev = p->above ? ctx->above : fake.dev;
	skb_reserve(skb, 64);
	skb_reset_network_header(skb);
	fake_put_ip(skb, htons(ETH_P_IP), IPPROTO_UDP, 64);
	skb_put_zero(skb, 64);
	ip_hdr(skb)->saddr = IN_THERE;
	ip_hdr(skb)->daddr = IN_HERE;
	memset(IPCB(skb), 0, sizeof(struct inet_skb_parm));
	if (p->odd != IN_PLAIN && p->odd != IN_BYPASSED) {
		sp = secpath_set(skb);
		KUNIT_ASSERT_NOT_NULL(test, sp);
		xfrm_state_hold(ctx->x);
		sp->xvec[sp->len++] = ctx->x;
	}
	if ((p->type == IN_HW && skb_sec_path(skb)) || p->odd == IN_STILL_ESP)
		in_offloaded(test, skb, p->odd);

	return skb;
}

static bool in_check(struct sk_buff *skb)
{
	bool ok;

	local_bh_disable();
	ok = xfrm_policy_check(NULL, XFRM_POLICY_IN, skb, AF_INET);
	local_bh_enable();

	return ok;
}

/* An inbound policy is satisfied by the SA that decrypted the packet, in the
 * same way for each kind of offload.
 */
static void policy_wants_the_sa(struct kunit *test)
{
	const struct in_param *p = test->param_value;
	struct xfrm_policy *xp = NULL, *better = NULL;
	struct xfrm_state *x = in_state(test, p);
	struct sk_buff *skb = in_packet(test, p);
	unsigned long count = p->mib ? fake_mib(p->mib) : 0;
	time64_t start = ktime_get_real_seconds();
	int i;

	/* without any policy the lookup is skipped */
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

	/* the result is the same each time */
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, in_check(skb), !p->mib);
		if (p->mib)
			KUNIT_EXPECT_EQ(test, fake_mib(p->mib), count + i + 1);
		/* The SA stays in the sec_path for the next check, but not
		 * as one that a device has yet to apply.
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

/* A copy of a packet shares its sec_path. */
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

/* A bridge or a redirect sends on a received packet without a policy check: no
 * device encrypts it, and it is dropped if a device failed to decrypt it.
 */
static void received_packet_is_sent_on(struct kunit *test)
{
	static const struct in_param params[] = {
		{ "", IN_HW, false, IN_GOOD },
		{ "", IN_HW, false, IN_ICV_ODD },
		{ "", IN_HW, false, IN_STATE_INVALID },
	};
	struct sk_buff *skb, *sent;
	struct xfrm_state *x;
	bool again = false;
	int i;

	for (i = 0; i < ARRAY_SIZE(params); i++) {
		x = in_state(test, &params[i]);
		x->xso.hw_only = 1;
		skb = in_packet(test, &params[i]);
		skb->dev = fake.dev;
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

/* Software has no replay window for an SA of packet offload. */
static void software_decrypts_its_own(struct kunit *test)
{
	const struct esp_param *p = test->param_value;
	xfrm_address_t daddr = { .a4 = IN_HERE };
	struct xfrm_state *x, *found;
	int i;

	x = fake_state_alloc(test);
	x->id.daddr = daddr;
	x->id.spi = IN_SPI;
	x->id.proto = IPPROTO_ESP;
	x->props.family = AF_INET;
	x->props.saddr.a4 = IN_THERE;
	x->xso.type = p->type;
	x->xso.dir = XFRM_DEV_OFFLOAD_IN;
	x->km.state = p->state;
	xfrm_state_insert(x);

	/* the second time the state cache may have it */
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

/* The device decrypted the outer ESP only. */
static void inner_esp_is_not_decrypted(struct kunit *test)
{
	static const struct xfrm_type_offload tail = {
		.input_tail = count_tail,
	};
	static const struct in_param good = { "", IN_HW, true, IN_GOOD };
	struct xfrm_state *x = in_state(test, &good);
	struct sk_buff *skb = in_packet(test, &good);
	unsigned long count = fake_mib(LINUX_MIB_XFRMINNOSTATES);

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
	KUNIT_EXPECT_EQ(test, fake_mib(LINUX_MIB_XFRMINNOSTATES), count + 1);
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
	.init = inbound_init,
	.exit = inbound_exit,
	.test_cases = inbound_cases,
};

kunit_test_suite(inbound_suite);
