// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of how an SA becomes INVALID: before it is in the SAD, while
 * others look at it, and what the key managers are told.
 */

#include <linux/net.h>
#include <linux/pfkeyv2.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>
#include <net/sock.h>
#include <net/xfrm_migrate_state.h>
#include <trace/events/lock.h>

#include "fake.h"

static void unbind_before_publish(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);

	x->km.state = XFRM_STATE_VOID;
	fake_unbind(XFRM_INVALID_DEV_UNREGISTER);
	xfrm_state_publish(x);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	fake_drop_state(x);
}

/* Invariant 6: no expiry is told for an SA that was not published. */
static void unbind_before_publish_is_not_told(struct kunit *test)
{
	struct xfrm_state *x = fake_sad_state(test);

	x->km.state = XFRM_STATE_VOID;
	fake_offload(test, x, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), 0);
	fake_unbind(XFRM_INVALID_FEATURE_OFF);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 0);
	KUNIT_EXPECT_EQ(test, fake_km.update, 0);
	KUNIT_EXPECT_EQ(test, xfrm_state_publish(x), -ENODEV);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 0);
}

static void set_lo(struct kunit *test, bool up)
{
	rtnl_lock();
	if (up)
		KUNIT_EXPECT_EQ(test, dev_open(init_net.loopback_dev, NULL), 0);
	else
		dev_close(init_net.loopback_dev);
	rtnl_unlock();
}

/* On the hardware, between addresses of lo. */
static struct xfrm_state *local_state(struct kunit *test, u32 spi)
{
	struct xfrm_state *x = fake_sad_state(test);

	x->id.spi = htonl(spi);
	x->props.saddr.a4 = htonl(INADDR_LOOPBACK);
	x->id.daddr.a4 = htonl(INADDR_LOOPBACK + 1);
	fake_offload(test, x, XFRM_DEV_OFFLOAD_PACKET);

	return x;
}

static void unbind_after_publish_is_told(struct kunit *test)
{
	struct xfrm_state *x = local_state(test, 1);
	unsigned long counted;

	set_lo(test, true);
	x->km.state = XFRM_STATE_VOID;
	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), 0);
	KUNIT_EXPECT_EQ(test, xfrm_state_publish(x), 0);
	/* A path is one when its device has been up for a while. */
	schedule_timeout_uninterruptible(HZ / 4 + 1);
	counted = fake_mib(LINUX_MIB_XFRMOFFLOADUNBIND);
	fake_unbind(XFRM_INVALID_FEATURE_OFF);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 1);
	KUNIT_EXPECT_EQ(test, fake_km.hard, 0);
	KUNIT_EXPECT_EQ(test, fake_mib(LINUX_MIB_XFRMOFFLOADUNBIND),
			counted + 1);
	KUNIT_EXPECT_EQ(test, xfrm_state_publish(x), 0);
	set_lo(test, false);
}

static void wait_until_told(int n)
{
	wait_event_timeout(fake_km_told, READ_ONCE(fake_km.expire) >= n, 5 * HZ);
}

/* @x: no device has its local address. @y tells when the expiries were due. */
static void expiry_waits_for_a_path(struct kunit *test)
{
	struct xfrm_state *x = fake_sad_state(test), *y = local_state(test, 2);

	set_lo(test, true);
	fake_offload(test, x, XFRM_DEV_OFFLOAD_PACKET);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), 0);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(y), 0);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, fake_km.update, 2);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 0);
	wait_until_told(1);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 1);
	KUNIT_EXPECT_TRUE(test, x->invalid.held);
	KUNIT_EXPECT_FALSE(test, y->invalid.held);
	set_lo(test, false);
}

/* lo has the address, and is down at first. */
static void expiry_comes_with_the_path(struct kunit *test)
{
	struct xfrm_state *x = local_state(test, 1), *y = local_state(test, 2);

	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), 0);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(y), 0);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 0);

	set_lo(test, true);
	wait_until_told(2);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 2);
	KUNIT_EXPECT_FALSE(test, x->invalid.held);
	set_lo(test, false);
}

static void was_told(struct xfrm_state *x, u8 times, unsigned long ago)
{
	x->invalid.told = times;
	WRITE_ONCE(x->invalid.blocks, true);
	WRITE_ONCE(x->invalid.since, jiffies - ago);
}

/* The socket of a key manager may have been full: after 5, 10 .. 80 s the expiry
 * comes again. @y tells that @x was looked at.
 */
static void expiry_comes_again(struct kunit *test)
{
	struct xfrm_state *x = local_state(test, 1), *y;

	set_lo(test, true);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), 0);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	wait_until_told(1);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 1);

	was_told(x, 1, HZ);
	y = local_state(test, 2);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(y), 0);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	wait_until_told(2);
	was_told(y, 1, 5 * HZ);
	wait_until_told(3);
	KUNIT_EXPECT_EQ(test, y->invalid.told, 2);
	KUNIT_EXPECT_EQ(test, x->invalid.told, 1);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 3);

	was_told(x, 1, 5 * HZ);
	wait_until_told(4);
	KUNIT_EXPECT_EQ(test, x->invalid.told, 2);
	KUNIT_EXPECT_EQ(test, fake_km.hard, 0);

	/* The packets of one are gone. */
	was_told(y, 2, 10 * HZ);
	WRITE_ONCE(y->invalid.blocks, false);
	was_told(x, 5, 80 * HZ);
	wait_until_told(5);
	KUNIT_EXPECT_EQ(test, x->invalid.told, 6);
	KUNIT_EXPECT_EQ(test, y->invalid.told, 2);
	/* That was the last time. */
	KUNIT_EXPECT_FALSE(test, READ_ONCE(x->invalid.on_list));
	KUNIT_EXPECT_TRUE(test, READ_ONCE(y->invalid.on_list));
	set_lo(test, false);
}

/* More than are told in one go. */
static void expiries_come_in_parts(struct kunit *test)
{
	struct xfrm_state *x;
	int i;

	set_lo(test, true);
	for (i = 1; i <= 300; i++) {
		x = local_state(test, i);
		KUNIT_ASSERT_EQ(test, xfrm_state_add(x), 0);
	}
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 0);
	wait_until_told(300);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 300);
	set_lo(test, false);
}

/* What is above the device may not know yet that it went. */
static void expiry_waits_a_moment(struct kunit *test)
{
	struct xfrm_state *x = local_state(test, 1);

	set_lo(test, true);
	KUNIT_EXPECT_EQ(test, xfrm_state_add(x), 0);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 0);
	KUNIT_EXPECT_TRUE(test, x->invalid.held);
	wait_until_told(1);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 1);
	set_lo(test, false);
}

static void invalid_is_held_from_the_fence_on(struct kunit *test)
{
	struct xfrm_state *x = fake_insert(test, XFRM_STATE_VALID,
					  XFRM_DEV_OFFLOAD_UNSPECIFIED);

	spin_lock_bh(&x->lock);
	xfrm_state_go_invalid(x, XFRM_INVALID_DEV_DOWN, NULL);
	spin_unlock_bh(&x->lock);
	KUNIT_EXPECT_TRUE(test, x->invalid.held);
}

/* In the meantime nobody is asked for a new SA, and for 2 s after the expiry. */
static void held_means_soon(struct kunit *test)
{
	struct xfrm_policy *xp = fake_policy(test);
	struct xfrm_state *x = fake_insert(test, XFRM_STATE_INVALID,
					  XFRM_DEV_OFFLOAD_UNSPECIFIED);
	struct flowi fl = {};

	KUNIT_EXPECT_EQ(test, xfrm_state_stands(xp, x, &fl, AF_INET),
			XFRM_STANDS);
	KUNIT_EXPECT_TRUE(test, x->invalid.blocks);
	x->invalid.held = true;
	KUNIT_EXPECT_EQ(test, xfrm_state_stands(xp, x, &fl, AF_INET),
			XFRM_STANDS | XFRM_STANDS_SOON);
	x->invalid.held = false;
	x->invalid.told = true;
	x->invalid.since = jiffies;
	KUNIT_EXPECT_EQ(test, xfrm_state_stands(xp, x, &fl, AF_INET),
			XFRM_STANDS | XFRM_STANDS_SOON);
	x->invalid.since = jiffies - 3 * HZ;
	KUNIT_EXPECT_EQ(test, xfrm_state_stands(xp, x, &fl, AF_INET),
			XFRM_STANDS);
	fake_drop_policy(xp);
}

static void copy_of_an_invalid_sa(struct kunit *test)
{
	struct netlink_ext_ack extack = {};
	struct nlattr *nest, *bare;
	struct xfrm_state *x;
	struct sk_buff *skb;

	skb = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	bare = nla_nest_start(skb, XFRMA_INVALID);
	nla_put_u32(skb, XFRMA_INVALID_REASON, XFRM_INVALID_DEV_DOWN);
	nla_nest_end(skb, bare);
	nest = nla_nest_start(skb, XFRMA_INVALID);
	nla_put_flag(skb, XFRMA_INVALID_EXACT);
	nla_nest_end(skb, nest);

	KUNIT_EXPECT_EQ(test, xfrm_invalid_accept(XFRM_MSG_NEWSA, nest,
						  &extack), 0);
	KUNIT_EXPECT_EQ(test, xfrm_invalid_accept(XFRM_MSG_UPDSA, NULL,
						  &extack), 0);
	KUNIT_EXPECT_EQ(test, xfrm_invalid_accept(XFRM_MSG_NEWSA, bare,
						  &extack), 0);
	KUNIT_EXPECT_EQ(test, xfrm_invalid_accept(XFRM_MSG_UPDSA, bare,
						  &extack), -EINVAL);
	KUNIT_EXPECT_EQ(test, xfrm_invalid_accept(XFRM_MSG_GETSA, nest,
						  &extack), -EINVAL);

	x = fake_state_alloc(test);
	x->km.state = XFRM_STATE_VALID;
	xfrm_tail_copied(x, NULL, &extack);
	xfrm_tail_copied(x, nest, &extack);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	xfrm_tail_copied(x, bare, &extack);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_EQ(test, x->invalid.reason, XFRM_INVALID_TAIL);
	KUNIT_EXPECT_FALSE(test, x->invalid.exact);
	KUNIT_EXPECT_GT(test, x->invalid.time, 0);
	fake_discard(x);
	kfree_skb(skb);
}

/* An SA that is added as INVALID is told, a moment later: the key manager may not
 * know it yet. One that lost its device has been.
 */
static void added_as_invalid_is_told(struct kunit *test)
{
	struct xfrm_state *x = fake_insert(test, XFRM_STATE_INVALID,
					  XFRM_DEV_OFFLOAD_UNSPECIFIED);

	x->invalid.reason = XFRM_INVALID_DEV_DOWN;
	xfrm_invalid_tell_added(x);
	KUNIT_EXPECT_EQ(test, fake_km.update, 0);
	KUNIT_EXPECT_FALSE(test, x->invalid.on_list);
	x->invalid.reason = XFRM_INVALID_TAIL;
	xfrm_invalid_tell_added(x);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 0);
	wait_until_told(1);
	KUNIT_EXPECT_EQ(test, fake_km.expire, 1);
}

/* One that is not in the SPD, or not any more, is not. */
static void converted_policy_is_told(struct kunit *test)
{
	struct xfrm_policy *xp[3];
	int i;

	for (i = 0; i < ARRAY_SIZE(xp); i++)
		xp[i] = fake_policy(test);
	xp[0]->index = 8 + XFRM_POLICY_OUT;
	xp[1]->index = xp[0]->index;
	xp[1]->walk.dead = 1;
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, fake_km.update_policy, 1);
	for (i = 0; i < ARRAY_SIZE(xp); i++)
		fake_drop_policy(xp[i]);
}

static void invalid_names_no_device(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);

	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_TRUE(test, xp->xdo.converted);
	/* nor when it is deleted later */
	xfrm_dev_state_delete(x);
	xfrm_dev_policy_delete(xp);
	KUNIT_EXPECT_EQ(test, x->xso.ifindex, 0);
	KUNIT_EXPECT_EQ(test, xp->xdo.ifindex, 0);
	fake_drop_state(x);
	fake_drop_policy(xp);
}

static struct socket *pfkey_socket(struct kunit *test)
{
	struct socket *sock;
	int err;

	err = sock_create_kern(&init_net, PF_KEY, SOCK_RAW, PF_KEY_V2, &sock);
	if (err == -EAFNOSUPPORT)
		kunit_skip(test, "needs CONFIG_NET_KEY");
	KUNIT_ASSERT_EQ(test, err, 0);

	return sock;
}

static void pfkey_register_for_esp(struct kunit *test, struct socket *sock)
{
	struct sadb_msg msg = {
		.sadb_msg_version = PF_KEY_V2,
		.sadb_msg_type = SADB_REGISTER,
		.sadb_msg_satype = SADB_SATYPE_ESP,
		.sadb_msg_len = sizeof(msg) / sizeof(u64),
	};
	struct kvec vec = { .iov_base = &msg, .iov_len = sizeof(msg) };
	struct msghdr how = {};

	KUNIT_ASSERT_EQ(test, kernel_sendmsg(sock, &how, &vec, 1, sizeof(msg)),
			sizeof(msg));
}

/* A socket of PF_KEY that has registered hears of it if a message did not fit:
 * then the daemon dumps the SAD.
 */
static void pfkey_tells_of_lost_messages(struct kunit *test)
{
	enum { FULL, ROOM, UNREGISTERED, SOCKETS };
	struct km_event deleted = {
		.event = XFRM_MSG_DELSA, .net = &init_net,
	};
	struct socket *sock[SOCKETS];
	struct xfrm_state *x;
	int i;

	for (i = 0; i < SOCKETS; i++) {
		sock[i] = pfkey_socket(test);
		if (i != UNREGISTERED)
			pfkey_register_for_esp(test, sock[i]);
		if (i != ROOM)
			sock[i]->sk->sk_rcvbuf = -1;
	}
	x = fake_insert(test, XFRM_STATE_VALID, XFRM_DEV_OFFLOAD_UNSPECIFIED);
	km_state_expired(x, 0, 0);
	/* every socket is to hear of this */
	km_state_notify(x, &deleted);
	for (i = 0; i < SOCKETS; i++) {
		KUNIT_EXPECT_EQ_MSG(test, sock[i]->sk->sk_err,
				    i == FULL ? ENOBUFS : 0, "socket %d", i);
		sock_release(sock[i]);
	}
}

/* What user space reads of an INVALID SA: why, where it was, and whether its
 * numbers are those of its last packet.
 */
static void invalid_says_why(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	time64_t before = ktime_get_real_seconds();
	struct nlattr *attrs[XFRMA_INVALID_MAX + 1];
	const struct nlattr *nest;
	struct sk_buff *skb;
	int exact;

	fake_unbind(XFRM_INVALID_FEATURE_OFF);
	for (exact = 0; exact < 2; exact++) {
		skb = nlmsg_new(xfrm_invalid_size(x), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		x->invalid.exact = exact;
		KUNIT_EXPECT_EQ(test, xfrm_invalid_put(skb, x), 0);
		nest = (const struct nlattr *)skb->data;
		KUNIT_ASSERT_TRUE(test, nla_ok(nest, skb->len));
		KUNIT_EXPECT_EQ(test, nla_type(nest), XFRMA_INVALID);
		KUNIT_ASSERT_EQ(test,
				nla_parse_nested_deprecated(attrs,
							    XFRMA_INVALID_MAX,
							    nest, NULL, NULL),
				0);
		KUNIT_ASSERT_NOT_NULL(test, attrs[XFRMA_INVALID_REASON]);
		KUNIT_EXPECT_EQ(test, nla_get_u32(attrs[XFRMA_INVALID_REASON]),
				XFRM_INVALID_FEATURE_OFF);
		KUNIT_ASSERT_NOT_NULL(test, attrs[XFRMA_INVALID_IFINDEX]);
		KUNIT_EXPECT_EQ(test, nla_get_u32(attrs[XFRMA_INVALID_IFINDEX]),
				fake.dev->ifindex);
		KUNIT_ASSERT_NOT_NULL(test, attrs[XFRMA_INVALID_IFNAME]);
		KUNIT_EXPECT_STREQ(test,
				   nla_data(attrs[XFRMA_INVALID_IFNAME]),
				   fake.dev->name);
		KUNIT_EXPECT_EQ(test, !!attrs[XFRMA_INVALID_EXACT], exact);
		KUNIT_ASSERT_NOT_NULL(test, attrs[XFRMA_INVALID_SINCE]);
		KUNIT_EXPECT_GE(test, nla_get_u64(attrs[XFRMA_INVALID_SINCE]),
				before);
		KUNIT_EXPECT_LE(test, nla_get_u64(attrs[XFRMA_INVALID_SINCE]),
				ktime_get_real_seconds());
		kfree_skb(skb);
	}
	fake_drop_state(x);
}

/* Packets find an SA in the state caches too. */
static void invalid_is_in_no_cache(struct kunit *test)
{
	struct xfrm_state *x = fake_insert(test, XFRM_STATE_VALID,
					  XFRM_DEV_OFFLOAD_UNSPECIFIED);
	struct hlist_head cache = {}, input = {};

	hlist_add_head_rcu(&x->state_cache, &cache);
	hlist_add_head_rcu(&x->state_cache_input, &input);
	spin_lock_bh(&x->lock);
	xfrm_state_go_invalid(x, XFRM_INVALID_DEV_DOWN, NULL);
	spin_unlock_bh(&x->lock);
	KUNIT_EXPECT_TRUE(test, hlist_empty(&cache));
	KUNIT_EXPECT_TRUE(test, hlist_empty(&input));
	if (!hlist_unhashed(&x->state_cache))
		hlist_del_init_rcu(&x->state_cache);
	if (!hlist_unhashed(&x->state_cache_input))
		hlist_del_init_rcu(&x->state_cache_input);
}

/* An SA that is looked at each time a lock is taken, as another CPU might
 * look.
 */
static struct xfrm_state *watched;
static int seen_invalid, seen_without_reason;

static void watch_lock(void *data, struct lockdep_map *lock,
		       unsigned int subclass, int trylock, int read, int check,
		       struct lockdep_map *next_lock, unsigned long ip)
{
	if (READ_ONCE(watched->km.state) != XFRM_STATE_INVALID)
		return;
	seen_invalid++;
	if (!watched->invalid.reason)
		seen_without_reason++;
}

static void watch(struct kunit *test, struct xfrm_state *x)
{
	watched = x;
	seen_invalid = 0;
	seen_without_reason = 0;
	KUNIT_ASSERT_EQ(test, register_trace_lock_acquire(watch_lock, NULL), 0);
}

static void unwatch(struct kunit *test)
{
	unregister_trace_lock_acquire(watch_lock, NULL);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_EQ(test, watched->km.state, XFRM_STATE_INVALID);
	KUNIT_EXPECT_GT(test, seen_invalid, 0);
	KUNIT_EXPECT_EQ(test, seen_without_reason, 0);
}

static void fence_says_why_first(struct kunit *test)
{
	struct xfrm_state *x = fake_sad_state(test);

	fake_offload(test, x, XFRM_DEV_OFFLOAD_PACKET);
	xfrm_state_insert(x);
	watch(test, x);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	unwatch(test);
}

static void software_fence_says_why_first(struct kunit *test)
{
	struct xfrm_state *x = fake_insert_real(test, SPI(0), REQID, 0);
	struct xfrm_state *xc = fake_real_state(test, SPI(0), REQID);

	xc->km.state = XFRM_STATE_VOID;
	watch(test, x);
	KUNIT_EXPECT_EQ(test, xfrm_migrate_begin(&x, &xc, 1, NULL), 0);
	unwatch(test);
	xfrm_migrate_abort(&x, 1, &xc, 1);
	xfrm_state_put(x);
}

static struct kunit_case invalid_cases[] = {
	KUNIT_CASE(unbind_before_publish),
	KUNIT_CASE(unbind_before_publish_is_not_told),
	KUNIT_CASE(unbind_after_publish_is_told),
	KUNIT_CASE(expiry_waits_for_a_path),
	KUNIT_CASE(expiry_comes_with_the_path),
	KUNIT_CASE(expiry_comes_again),
	KUNIT_CASE(expiries_come_in_parts),
	KUNIT_CASE(expiry_waits_a_moment),
	KUNIT_CASE(invalid_is_held_from_the_fence_on),
	KUNIT_CASE(held_means_soon),
	KUNIT_CASE(copy_of_an_invalid_sa),
	KUNIT_CASE(added_as_invalid_is_told),
	KUNIT_CASE(converted_policy_is_told),
	KUNIT_CASE(invalid_names_no_device),
	KUNIT_CASE(pfkey_tells_of_lost_messages),
	KUNIT_CASE(invalid_says_why),
	KUNIT_CASE(invalid_is_in_no_cache),
	KUNIT_CASE(fence_says_why_first),
	KUNIT_CASE(software_fence_says_why_first),
	{}
};

static struct kunit_suite invalid_suite = {
	.name = "xfrm_invalid",
	.init = fake_sad_init,
	.exit = fake_sad_exit,
	.test_cases = invalid_cases,
};

kunit_test_suite(invalid_suite);
