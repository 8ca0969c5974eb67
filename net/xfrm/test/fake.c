// SPDX-License-Identifier: GPL-2.0
/* The fake device of the unit tests, and what makes and drops its SAs, policies
 * and packets.
 */

#include <kunit/test-bug.h>
#include <net/xfrm_packet_offload.h>

#include "fake.h"

/* --- the fake device */

struct fake_device fake;

static int fake_state_add(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	if (fake.room && fake.state_add - fake.state_delete >= fake.room)
		return fake.full;
	fake.state_add++;
	if (fake.lower)
		x->xso.real_dev = fake.lower;
	if (fake.in_state_add)
		fake.in_state_add(x);

	return fake.refuse;
}

static void fake_state_delete(struct xfrm_state *x)
{
	fake.state_delete++;
	fake.delete_drained = poll_state_synchronize_rcu_full(&fake.grace);
	fake.unbind_first = fake.state_unbind;
}

static void fake_state_free(struct xfrm_state *x)
{
	fake.state_free++;
	fake.free_drained = poll_state_synchronize_rcu_full(&fake.grace);
	complete(&fake.freed);
}

static int fake_state_unbind(struct net_device *dev, struct xfrm_state *x,
			     struct xfrm_dev_counters *final)
{
	fake.state_unbind++;
	fake.unbind_drained = poll_state_synchronize_rcu_full(&fake.grace);
	if (fake.in_state_unbind)
		fake.in_state_unbind(x);
	final->seq = fake.seq + fake.late;
	final->bytes = fake.bytes;
	final->packets = fake.packets;
	if (final->window)
		final->replay[0] = fake.window;

	return fake.unbind_says;
}

static void fake_state_update_stats(struct xfrm_state *x)
{
	struct xfrm_dev_counters now = {
		.seq = fake.seq,
		.window = 32,
		.replay = &fake.window,
	};

	x->curlft.packets += fake.unread;
	fake.unread = 0;
	if (fake.shows_numbers && !fake.unbind_says &&
	    x->xso.type == XFRM_DEV_OFFLOAD_PACKET)
		xfrm_dev_state_now(x, &now);
}

static int fake_policy_add(struct xfrm_policy *xp,
			   struct netlink_ext_ack *extack)
{
	fake.policy_add++;
	if (fake.in_policy_add)
		fake.in_policy_add(xp);

	return fake.refuse_policy ?: fake.refuse;
}

static void fake_policy_delete(struct xfrm_policy *xp)
{
	fake.policy_delete++;
	fake.delete_drained = poll_state_synchronize_rcu_full(&fake.grace);
}

static void fake_policy_free(struct xfrm_policy *xp)
{
	fake.policy_free++;
}

const struct xfrmdev_ops fake_ops = {
	.xdo_dev_state_add	= fake_state_add,
	.xdo_dev_state_delete	= fake_state_delete,
	.xdo_dev_state_free	= fake_state_free,
	.xdo_dev_state_unbind	= fake_state_unbind,
	.xdo_dev_state_update_stats = fake_state_update_stats,
	.xdo_dev_policy_add	= fake_policy_add,
	.xdo_dev_policy_delete	= fake_policy_delete,
	.xdo_dev_policy_free	= fake_policy_free,
};

/* A driver without xdo_dev_state_unbind */
const struct xfrmdev_ops fake_old_ops = {
	.xdo_dev_state_add	= fake_state_add,
	.xdo_dev_state_delete	= fake_state_delete,
};

struct net_device *fake_netdev(struct kunit *test, const char *name,
			       const struct xfrmdev_ops *ops)
{
	struct net_device *dev = alloc_netdev(0, name, NET_NAME_UNKNOWN,
					      ether_setup);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	dev->xfrmdev_ops = ops;
	dev->features |= NETIF_F_HW_ESP;

	return dev;
}

int fake_init(struct kunit *test)
{
	fake = (struct fake_device){ .bytes = 100, .packets = 1 };
	init_completion(&fake.freed);
	fake.dev = fake_netdev(test, "fakenic%d", &fake_ops);
	fake.dev->ifindex = 4711;
	fake.refs = netdev_refcnt_read(fake.dev);

	return 0;
}

void fake_exit(struct kunit *test)
{
	xfrm_offload_flush(fake.dev);
	xfrm_flush_gc();
	KUNIT_EXPECT_EQ(test, netdev_refcnt_read(fake.dev), fake.refs);
	rcu_barrier();
	free_netdev(fake.dev);
}

/* The device is never up; unregister_netdev() ends this. */
void fake_register(struct kunit *test, struct net_device *dev)
{
	static const struct net_device_ops no_ops = {};

	dev->ifindex = 0;
	dev->netdev_ops = &no_ops;
	KUNIT_ASSERT_EQ(test, register_netdev(dev), 0);
}

/* Unregister the device of the test. */
void fake_unregister(void)
{
	unregister_netdev(fake.dev);
	xfrm_flush_gc();
	fake.refs = netdev_refcnt_read(fake.dev);
}

void fake_unbind(enum xfrm_invalid_reason reason)
{
	rtnl_lock();
	xfrm_dev_unbind(fake.dev, reason);
	rtnl_unlock();
}

void fake_suspend(void)
{
	rtnl_lock();
	xfrm_dev_suspend(fake.dev);
	rtnl_unlock();
}

void fake_restore(void)
{
	rtnl_lock();
	xfrm_dev_restore(fake.dev, XFRM_INVALID_SLAVE_LOST);
	rtnl_unlock();
}

void fake_set_features(netdev_features_t features)
{
	rtnl_lock();
	xfrm_dev_features(fake.dev, features);
	rtnl_unlock();
}

/* For @in_state_add: the driver reports the SA broken. */
void fake_says_broken(struct xfrm_state *x)
{
	xfrm_dev_state_invalidate(x, XFRM_INVALID_DRIVER);
}

/* Wait for the work that takes a broken SA off the device. */
void fake_wait_freed(struct kunit *test)
{
	KUNIT_ASSERT_GT(test,
			wait_for_completion_timeout(&fake.freed, 10 * HZ), 0);
	/* the work ends before it drops RTNL */
	rtnl_lock();
	rtnl_unlock();
}

/* --- the slow device */

struct fake_slow fake_slow;

static void slow_call(void)
{
	complete(&fake_slow.entered);
	wait_for_completion_timeout(&fake_slow.go, 20 * HZ);
	fake_slow.back = true;
}

/* An addition waits only if there is a lower device to report. */
static int slow_state_add(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	if (fake.lower)
		slow_call();

	return fake_state_add(x, extack);
}

static void slow_state_delete(struct xfrm_state *x)
{
	slow_call();
}

static void slow_policy_delete(struct xfrm_policy *xp)
{
	slow_call();
}

static const struct xfrmdev_ops slow_ops = {
	.xdo_dev_state_add	= slow_state_add,
	.xdo_dev_state_delete	= slow_state_delete,
	.xdo_dev_policy_add	= fake_policy_add,
	.xdo_dev_policy_delete	= slow_policy_delete,
};

static void slow_go(struct work_struct *work)
{
	complete_all(&fake_slow.go);
}

static DECLARE_DELAYED_WORK(slow_go_work, slow_go);

void fake_slow_init(struct kunit *test)
{
	init_completion(&fake_slow.entered);
	init_completion(&fake_slow.go);
	fake_slow.back = false;
	fake_slow.dev = fake_netdev(test, "slownic%d", &slow_ops);
}

/* Wait until a callback has begun. */
void fake_slow_wait(struct kunit *test)
{
	KUNIT_ASSERT_GT(test,
			wait_for_completion_timeout(&fake_slow.entered,
						    10 * HZ), 0);
}

/* Begin the deletion of an SA that does not end before the device is released.
 */
void fake_slow_delete(struct kunit *test)
{
	struct xfrm_state *x = fake_state_on(test, fake_slow.dev,
					     XFRM_DEV_OFFLOAD_PACKET);

	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	xfrm_state_put(x);
	fake_slow_wait(test);
}

/* Release it while the caller waits. */
void fake_slow_release_soon(void)
{
	schedule_delayed_work(&slow_go_work, HZ / 10);
}

void fake_slow_exit(void)
{
	flush_delayed_work(&slow_go_work);
	complete_all(&fake_slow.go);
	xfrm_offload_flush(fake_slow.dev);
	free_netdev(fake_slow.dev);
}

/* --- SAs and policies */

struct xfrm_state *fake_state_alloc(struct kunit *test)
{
	struct xfrm_state *x = xfrm_state_alloc(&init_net);

	KUNIT_ASSERT_NOT_NULL(test, x);

	return x;
}

/* Drop an SA that no table and no device holds. */
void fake_discard(struct xfrm_state *x)
{
	x->km.state = XFRM_STATE_DEAD;
	xfrm_state_put(x);
}

/* Keep the SA's numbers as they are kept with ESN, and with large windows. */
void fake_replay_esn(struct kunit *test, struct xfrm_state *x, u32 window)
{
	u32 words = DIV_ROUND_UP(window, 32);
	struct xfrm_replay_state_esn *esn;

	esn = kzalloc(struct_size(esn, bmp, words), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, esn);
	esn->bmp_len = words;
	esn->replay_window = window;
	x->replay_esn = esn;
	x->preplay_esn = kmemdup(esn, xfrm_replay_state_esn_len(esn),
				 GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->preplay_esn);
}

/* What a request for outbound offload does before it calls the driver */
void fake_hold(struct xfrm_dev_offload *xdo, struct net_device *dev, u8 type)
{
	xdo->dev = dev;
	xdo->real_dev = dev;
	xdo->type = type;
	xdo->dir = XFRM_DEV_OFFLOAD_OUT;
	netdev_hold(dev, &xdo->dev_tracker, GFP_KERNEL);
}

/* An SA that a device holds, and that is not in the SAD. */
struct xfrm_state *fake_state_on(struct kunit *test, struct net_device *dev,
				 u8 type)
{
	struct xfrm_state *x = fake_state_alloc(test);

	x->props.family = AF_INET;
	x->id.proto = IPPROTO_ESP;
	x->km.state = XFRM_STATE_VALID;
	fake_hold(&x->xso, dev, type);
	KUNIT_ASSERT_EQ(test, fake_add_state(x, NULL), 0);

	return x;
}

struct xfrm_state *fake_state(struct kunit *test, u8 type)
{
	return fake_state_on(test, fake.dev, type);
}

void fake_drop_state(struct xfrm_state *x)
{
	struct net_device *dev = x->xso.dev;

	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	if (dev)
		xfrm_offload_flush(dev);
	xfrm_state_put(x);
}

struct xfrm_policy *fake_policy_alloc(struct kunit *test)
{
	struct xfrm_policy *xp = xfrm_policy_alloc(&init_net, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, xp);
	xp->family = AF_INET;
	xp->lft.soft_byte_limit = XFRM_INF;
	xp->lft.hard_byte_limit = XFRM_INF;
	xp->lft.soft_packet_limit = XFRM_INF;
	xp->lft.hard_packet_limit = XFRM_INF;

	return xp;
}

/* A policy that a device holds, and that is not in the SPD. */
struct xfrm_policy *fake_policy_on(struct kunit *test, struct net_device *dev)
{
	struct xfrm_policy *xp = fake_policy_alloc(test);

	fake_hold(&xp->xdo, dev, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_ASSERT_EQ(test, fake_add_policy(xp, NULL), 0);

	return xp;
}

struct xfrm_policy *fake_policy(struct kunit *test)
{
	return fake_policy_on(test, fake.dev);
}

void fake_drop_policy(struct xfrm_policy *xp)
{
	struct net_device *dev = xp->xdo.dev;

	xp->walk.dead = 1;
	xfrm_dev_policy_delete(xp);
	if (dev)
		xfrm_offload_flush(dev);
	xfrm_pol_put(xp);
}

/* --- SAs in the SAD, and a key manager that counts */

struct fake_km fake_km;
DECLARE_WAIT_QUEUE_HEAD(fake_km_told);

static int km_notify(struct xfrm_state *x, const struct km_event *c)
{
	if (c->event == XFRM_MSG_EXPIRE) {
		fake_km.expire++;
		fake_km.hard += !!c->data.hard;
		wake_up(&fake_km_told);
	} else if (c->event == XFRM_MSG_UPDSA) {
		fake_km.update++;
	}

	return 0;
}

static int km_notify_policy(struct xfrm_policy *xp, int dir,
			    const struct km_event *c)
{
	if (c->event == XFRM_MSG_UPDPOLICY)
		fake_km.update_policy++;

	return 0;
}

static int km_acquire(struct xfrm_state *x, struct xfrm_tmpl *tmpl,
		      struct xfrm_policy *xp)
{
	fake_km.acquire++;
	if (fake_km.at_acquire)
		fake_km.at_acquire(kunit_get_current_test());

	return 0;
}

static bool km_alive(const struct km_event *c)
{
	return true;
}

static struct xfrm_mgr counting_km = {
	.notify		= km_notify,
	.acquire	= km_acquire,
	.notify_policy	= km_notify_policy,
	.is_alive	= km_alive,
};

int fake_sad_init(struct kunit *test)
{
	int err = fake_init(test);

	fake.seq = 41;
	fake.bytes = 1000;
	fake.packets = 10;
	fake_km = (struct fake_km){};
	xfrm_register_km(&counting_km);

	return err;
}

void fake_sad_exit(struct kunit *test)
{
	xfrm_unregister_km(&counting_km);
	xfrm_state_flush(&init_net, 0, false);
	fake_exit(test);
}

/* An SA from here to there that is not in the SAD yet. */
struct xfrm_state *fake_sad_state(struct kunit *test)
{
	struct xfrm_state *x = fake_state_alloc(test);

	x->id.daddr.a4 = THERE;
	x->id.spi = SPI(0);
	x->id.proto = IPPROTO_ESP;
	x->props.saddr.a4 = HERE;
	x->props.family = AF_INET;
	x->props.mode = XFRM_MODE_TRANSPORT;
	x->props.reqid = REQID;
	x->km.state = XFRM_STATE_VALID;

	return x;
}

/* A policy whose template these SAs fit. */
struct xfrm_policy *fake_sad_policy(struct kunit *test)
{
	struct xfrm_policy *pol = fake_policy_alloc(test);

	pol->selector.family = AF_INET;
	pol->xfrm_nr = 1;
	pol->xfrm_vec[0] = (struct xfrm_tmpl){
		.id = { .proto = IPPROTO_ESP },
		.encap_family = AF_INET,
		.reqid = REQID,
		.mode = XFRM_MODE_TRANSPORT,
		.aalgos = ~0, .ealgos = ~0, .calgos = ~0,
	};

	return pol;
}

/* One in the SAD. It has the type of offload only; no device holds it. */
struct xfrm_state *fake_insert(struct kunit *test, u8 state, u8 type)
{
	struct xfrm_state *x = fake_sad_state(test);

	x->km.state = state;
	x->xso.type = type;
	xfrm_state_insert(x);

	return x;
}

/* An SA that xfrm_state_clone() and xfrm_init_state() can make once more. */
struct xfrm_state *fake_real_state_of(struct kunit *test, u16 family,
				      __be32 spi, u32 reqid)
{
	static const char aead_name[] = "rfc4106(gcm(aes))";
	struct xfrm_state *x = fake_sad_state(test);

	x->id.spi = spi;
	x->props.reqid = reqid;
	x->props.family = family;
	x->geniv = "seqiv";
	x->aead = kzalloc(sizeof(*x->aead) + 20, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->aead);
	strscpy(x->aead->alg_name, aead_name);
	x->aead->alg_key_len = 160;
	x->aead->alg_icv_len = 128;
	KUNIT_ASSERT_EQ(test, xfrm_init_state(x), 0);

	return x;
}

struct xfrm_state *fake_real_state(struct kunit *test, __be32 spi, u32 reqid)
{
	return fake_real_state_of(test, AF_INET, spi, reqid);
}

/* One in the SAD that has sent 7 packets. The caller puts it. */
struct xfrm_state *fake_insert_real(struct kunit *test, __be32 spi, u32 reqid,
				    u8 type)
{
	struct xfrm_state *x = fake_real_state(test, spi, reqid);

	x->replay.oseq = 7;
	if (type)
		fake_offload(test, x, type);
	xfrm_state_insert(x);
	xfrm_state_hold(x);

	return x;
}

/* Put an SA on the device, as xfrm_dev_state_add() does. */
void fake_offload(struct kunit *test, struct xfrm_state *x, u8 type)
{
	fake_hold(&x->xso, fake.dev, type);
	KUNIT_ASSERT_EQ(test, fake_add_state(x, NULL), 0);
}

struct xfrm_state *fake_lookup(__be32 daddr, __be32 spi)
{
	xfrm_address_t addr = { .a4 = daddr };

	return xfrm_state_lookup(&init_net, 0, &addr, spi, IPPROTO_ESP,
				 AF_INET);
}

/* Does an SA of that name carry packets? */
bool fake_carries(__be32 daddr, __be32 spi)
{
	struct xfrm_state *x = fake_lookup(daddr, spi);
	bool valid = x && x->km.state == XFRM_STATE_VALID;

	if (x)
		xfrm_state_put(x);

	return valid;
}

/* The SAs to there that have this SPI, in any state but DEAD. */
int fake_count(__be32 spi)
{
	struct xfrm_state_walk *w;
	int n = 0;

	spin_lock_bh(&init_net.xfrm.xfrm_state_lock);
	list_for_each_entry(w, &init_net.xfrm.state_all, all) {
		struct xfrm_state *x = container_of(w, struct xfrm_state, km);

		if (w->state != XFRM_STATE_DEAD && x->id.spi == spi &&
		    x->id.daddr.a4 == THERE)
			n++;
	}
	spin_unlock_bh(&init_net.xfrm.xfrm_state_lock);

	return n;
}

/* --- packets */

/* Put an IPv4 or IPv6 header before a payload of @len octets. */
void fake_put_ip(struct sk_buff *skb, __be16 protocol, u8 next, int len)
{
	struct ipv6hdr *ip6h;
	struct iphdr *iph;

	skb->protocol = protocol;
	if (protocol == htons(ETH_P_IP)) {
		iph = skb_put_zero(skb, sizeof(*iph));
		iph->version = 4;
		iph->ihl = 5;
		iph->tot_len = htons(sizeof(*iph) + len);
		iph->ttl = 64;
		iph->protocol = next;
		iph->saddr = HERE;
		iph->daddr = THERE;
	} else {
		ip6h = skb_put_zero(skb, sizeof(*ip6h));
		ip6h->version = 6;
		ip6h->payload_len = htons(len);
		ip6h->nexthdr = next;
		ip6h->hop_limit = 64;
		ip6h->saddr.s6_addr[15] = 1;
		ip6h->daddr.s6_addr[15] = 2;
	}
}

/* Put Ethernet, IP and UDP. */
void fake_put_packet(struct sk_buff *skb, __be16 protocol)
{
	struct ethhdr *eth;
	__be16 *ports;

	skb_reserve(skb, 64);
	eth = skb_put_zero(skb, sizeof(*eth));
	eth->h_source[0] = 2;
	eth->h_proto = protocol;
	skb_set_network_header(skb, ETH_HLEN);
	fake_put_ip(skb, protocol, IPPROTO_UDP, 8);
	ports = skb_put_zero(skb, 8);
	ports[0] = htons(1000);
	ports[1] = htons(2000);
}

/* A packet on its way to the hardware, as xfrm_packet_offload_mark() leaves
 * it.
 */
struct sk_buff *fake_packet_of(struct kunit *test, struct xfrm_state *x,
			       __be16 protocol, bool by_ports)
{
	struct sk_buff *skb = alloc_skb(256, GFP_KERNEL);
	struct sec_path *sp;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	fake_put_packet(skb, protocol);
	skb->dev = fake.dev;
	sp = secpath_set(skb);
	KUNIT_ASSERT_NOT_NULL(test, sp);
	sp->olen++;
	sp->xvec[sp->len++] = x;
	xfrm_state_hold(x);
	xfrm_offload(skb)->seq.low = fake.dev->xfrm_offloads.generation;
	KUNIT_ASSERT_EQ(test,
			xfrm_packet_flow_record(skb, ETH_HLEN, protocol,
						by_ports), 0);

	return skb;
}

struct sk_buff *fake_packet(struct kunit *test, struct xfrm_state *x)
{
	return fake_packet_of(test, x, htons(ETH_P_IP), false);
}

/* The last test of a packet before its device has it. */
struct sk_buff *fake_last_stop(struct sk_buff *skb, struct xfrm_state *x)
{
	rcu_read_lock_bh();
	skb = xfrm_packet_offload_check(skb, x);
	rcu_read_unlock_bh();

	return skb;
}

struct sk_buff *fake_validate(struct sk_buff *skb)
{
	bool again = false;

	rcu_read_lock_bh();
	skb = validate_xmit_xfrm(skb, 0, &again);
	rcu_read_unlock_bh();

	return skb;
}
