// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of XFRM_MSG_MIGRATE_STATE: which SA it means, what it refuses,
 * what the new SA has, and what listeners are told.
 */

#include <linux/net.h>
#include <net/netlink.h>
#include <net/sock.h>
#include <net/xfrm_migrate_state.h>

#include "fake.h"

/* A protocol of the test's own, whose init_state is watched */
static int inits, inits_under_rtnl;

static int watched_init_state(struct xfrm_state *x,
			      struct netlink_ext_ack *extack)
{
	inits++;
	inits_under_rtnl += rtnl_is_locked();
	return 0;
}

static void watched_destructor(struct xfrm_state *x)
{
}

static const struct xfrm_type watched_type = {
	.owner		= THIS_MODULE,
	.proto		= IPPROTO_ROUTING,
	.init_state	= watched_init_state,
	.destructor	= watched_destructor,
};

/* With one attribute; without one if @type is 0 */
static int migrate_state_attr(struct kunit *test,
			      struct xfrm_user_migrate_state *um, int type,
			      const void *data, int len, const char **said)
{
	struct netlink_ext_ack extack = {};
	struct nlattr *attrs[XFRMA_MAX + 1] = {};
	struct sk_buff *skb = nlmsg_new(sizeof(*um) + nla_total_size(len),
					GFP_KERNEL);
	struct nlmsghdr *nlh;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	nlh = nlmsg_put(skb, 0, 0, XFRM_MSG_MIGRATE_STATE, sizeof(*um), 0);
	KUNIT_ASSERT_NOT_NULL(test, nlh);
	*(struct xfrm_user_migrate_state *)nlmsg_data(nlh) = *um;
	if (type) {
		attrs[type] = (struct nlattr *)skb_tail_pointer(skb);
		KUNIT_ASSERT_EQ(test, nla_put(skb, type, len, data), 0);
		nlmsg_end(skb, nlh);
	}
	rcu_read_lock();
	skb->sk = rcu_dereference(init_net.xfrm.nlsk);
	rcu_read_unlock();
	mutex_lock(&init_net.xfrm.xfrm_cfg_mutex);
	err = xfrm_migrate_state(skb, nlh, attrs, &extack);
	mutex_unlock(&init_net.xfrm.xfrm_cfg_mutex);
	skb->sk = NULL;
	kfree_skb(skb);
	*said = extack._msg;

	return err;
}

static int migrate_state(struct kunit *test, struct xfrm_user_migrate_state *um,
			 const char **said)
{
	return migrate_state_attr(test, um, 0, NULL, 0, said);
}

static struct xfrm_user_migrate_state migrate_here(const struct xfrm_state *x)
{
	return (struct xfrm_user_migrate_state){
		.id = {
			.daddr = x->id.daddr,
			.spi = x->id.spi,
			.family = x->props.family,
			.proto = x->id.proto,
		},
		.new_daddr = x->id.daddr,
		.new_saddr = x->props.saddr,
		.new_reqid = x->props.reqid + 1,
		.new_family = x->props.family,
		.new_sel.family = x->props.family,
	};
}

/* The SA goes to another address. */
static struct xfrm_user_migrate_state migrate_away(const struct xfrm_state *x)
{
	struct xfrm_user_migrate_state um = migrate_here(x);

	um.new_daddr.a4 = ELSEWHERE;
	um.new_reqid = x->props.reqid;
	return um;
}

/* --- the SA that a message names */

struct exact_param {
	const char *name;
	struct xfrm_mark mark;
	int found;	/* -1: none */
};

/* Two SAs have one SPI, and marks 1/1 and 1/3. */
static const struct exact_param exact_params[] = {
	{ "the first", { 1, 1 }, 0 },
	{ "the second", { 1, 3 }, 1 },
	{ "its bits beyond the mask do not count", { 5, 3 }, 1 },
	{ "another mask", { 1, 7 }, -1 },
	{ "another mark", { 2, 3 }, -1 },
	{ "none", { 0, 0 }, -1 },
};

KUNIT_ARRAY_PARAM_DESC(exact, exact_params, name);

static void exact_mark_is_found(struct kunit *test)
{
	const struct exact_param *p = test->param_value;
	struct xfrm_state *x[2], *y;
	int i;

	for (i = 0; i < 2; i++) {
		x[i] = fake_sad_state(test);
		x[i]->mark = exact_params[i].mark;
		xfrm_state_insert(x[i]);
	}
	spin_lock_bh(&init_net.xfrm.xfrm_state_lock);
	y = xfrm_state_lookup_exact(&init_net, &p->mark, &x[0]->id.daddr,
				    SPI(0), IPPROTO_ESP, AF_INET);
	spin_unlock_bh(&init_net.xfrm.xfrm_state_lock);
	KUNIT_EXPECT_PTR_EQ(test, y, p->found < 0 ? NULL : x[p->found]);
}

/* Two SAs whose names differ in the mask of the mark: mark 1 matches both. */
static void migrate_means_the_exact_mark(struct kunit *test)
{
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x[2];
	const char *said;
	int i;

	for (i = 0; i < 2; i++) {
		x[i] = fake_real_state(test, SPI(0), REQID);
		x[i]->mark = (struct xfrm_mark){ .v = 1, .m = i ? 3 : 1 };
		xfrm_state_insert(x[i]);
		xfrm_state_hold(x[i]);
	}
	um = migrate_away(x[0]);
	um.old_mark = (struct xfrm_mark){ .v = 1, .m = 7 };
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), -ESRCH);
	KUNIT_EXPECT_EQ(test, x[0]->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, x[1]->km.state, XFRM_STATE_VALID);
	/* the one that was added first is not found first */
	um.old_mark = x[0]->mark;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
	KUNIT_EXPECT_EQ(test, x[0]->km.state, XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, x[1]->km.state, XFRM_STATE_VALID);
	/* marks overlap: the other one cannot go there too */
	um.old_mark = x[1]->mark;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), -EEXIST);
	KUNIT_EXPECT_EQ(test, x[1]->km.state, XFRM_STATE_VALID);
	xfrm_state_put(x[0]);
	xfrm_state_put(x[1]);
}

/* The mask is a part of the name: with another mask the name may be taken. */
static void migrate_to_a_mask_that_is_taken(struct kunit *test)
{
	static const struct xfrm_mark mask_3 = { .v = 1, .m = 3 };
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x, *y;
	const char *said;

	x = fake_real_state(test, SPI(0), REQID);
	x->mark = (struct xfrm_mark){ .v = 1, .m = 1 };
	xfrm_state_insert(x);
	y = fake_real_state(test, SPI(0), REQID);
	y->mark = mask_3;
	xfrm_state_insert(y);
	um = migrate_here(x);
	um.old_mark = x->mark;
	KUNIT_EXPECT_EQ(test,
			migrate_state_attr(test, &um, XFRMA_MARK, &mask_3,
					   sizeof(mask_3), &said), -EEXIST);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, y->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_EQ(test, fake_count(SPI(0)), 2);
}

/* --- what is refused */

static void spi_0_is_impossible(struct kunit *test)
{
	struct xfrm_state *x = fake_insert(test, XFRM_STATE_VALID,
					  XFRM_DEV_OFFLOAD_UNSPECIFIED);
	struct xfrm_user_migrate_state um = migrate_here(x);
	const char *said;

	um.id.spi = 0;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), -EINVAL);
	KUNIT_EXPECT_NOT_NULL(test, said);
}

/* The SA may be outbound: what it lacks is the encapsulation. */
static void keepalive_needs_encapsulation(struct kunit *test)
{
	struct xfrm_state *x = fake_insert_real(test, SPI(0), REQID, 0);
	struct xfrm_user_migrate_state um = migrate_here(x);
	const char *said = NULL;
	u32 interval = 20;

	KUNIT_EXPECT_EQ(test,
			migrate_state_attr(test, &um,
					   XFRMA_NAT_KEEPALIVE_INTERVAL,
					   &interval, sizeof(interval), &said),
			-EINVAL);
	KUNIT_ASSERT_NOT_NULL(test, said);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(said, "encapsulation"), "%s",
				  said);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	xfrm_state_put(x);
}

/* Loading a module for a type may take long, and a user namespace can ask for
 * it.
 */
static void no_module_is_loaded_under_rtnl(struct kunit *test)
{
	struct xfrm_user_offload xuo = { .flags = XFRM_OFFLOAD_PACKET };
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x = fake_sad_state(test);
	const char *said;

	KUNIT_ASSERT_EQ(test, xfrm_register_type(&watched_type, AF_INET6), 0);
	x->id.proto = IPPROTO_ROUTING;
	x->props.family = AF_INET6;
	KUNIT_ASSERT_EQ(test, xfrm_init_state(x), 0);
	xfrm_state_insert(x);
	inits = 0;
	inits_under_rtnl = 0;
	um = migrate_here(x);
	/* no device offloads this type: refused before anything is touched */
	fake_register(test, fake.dev);
	xuo.ifindex = fake.dev->ifindex;
	KUNIT_EXPECT_EQ(test,
			migrate_state_attr(test, &um, XFRMA_OFFLOAD_DEV, &xuo,
					   sizeof(xuo), &said), -EINVAL);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	fake_unregister();

	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
	KUNIT_EXPECT_GT(test, inits, 0);
	KUNIT_EXPECT_EQ(test, inits_under_rtnl, 0);
	xfrm_state_flush(&init_net, 0, false);
	xfrm_flush_gc();
	xfrm_unregister_type(&watched_type, AF_INET6);
}

struct prefix_param {
	const char *name;
	u16 family;
	u8 source, target;
	int err;
};

static const struct prefix_param prefix_params[] = {
	{ "IPv4", AF_INET, 32, 32, 0 },
	{ "IPv4, source", AF_INET, 33, 32, -EINVAL },
	{ "IPv4, target", AF_INET, 32, 33, -EINVAL },
	{ "IPv6, source", AF_INET6, 129, 128, -EINVAL },
	{ "IPv6, target", AF_INET6, 128, 129, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(prefix, prefix_params, name);

static void migrate_refuses_a_longer_prefix(struct kunit *test)
{
	const struct prefix_param *p = test->param_value;
	struct xfrm_state *x = fake_insert_real(test, SPI(0), REQID, 0);
	struct xfrm_user_migrate_state um = migrate_away(x);
	const char *said = NULL;

	um.new_sel.family = p->family;
	um.new_sel.prefixlen_s = p->source;
	um.new_sel.prefixlen_d = p->target;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), p->err);
	KUNIT_EXPECT_EQ(test, x->km.state,
			p->err ? XFRM_STATE_VALID : XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, !!said, !!p->err);
	xfrm_state_put(x);
}

/* An SA in software goes to a device, unless it needs what no device can do. */
static void migrate_to_a_device(struct kunit *test, u32 tfcpad, u8 dir)
{
	bool bad = tfcpad || dir == XFRM_SA_DIR_IN;
	struct xfrm_user_offload xuo = { .flags = XFRM_OFFLOAD_PACKET };
	struct xfrm_state *x = fake_insert_real(test, SPI(0), REQID, 0);
	struct xfrm_user_migrate_state um = migrate_away(x);
	const char *said = NULL;
	int err;

	fake_register(test, fake.dev);
	xuo.ifindex = fake.dev->ifindex;
	x->tfcpad = tfcpad;
	x->dir = dir;
	err = migrate_state_attr(test, &um, XFRMA_OFFLOAD_DEV, &xuo,
				 sizeof(xuo), &said);
	KUNIT_EXPECT_EQ(test, err, bad ? -EINVAL : 0);
	KUNIT_EXPECT_EQ(test, x->km.state,
			bad ? XFRM_STATE_VALID : XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, fake.state_add, !bad);
	KUNIT_EXPECT_EQ(test, !!said, bad);
	KUNIT_EXPECT_EQ(test, fake_carries(ELSEWHERE, SPI(0)), !bad);
	xfrm_state_put(x);
	xfrm_state_flush(&init_net, 0, false);
	fake_unregister();
}

static void migrate_takes_it_to_a_device(struct kunit *test)
{
	migrate_to_a_device(test, 0, XFRM_SA_DIR_OUT);
}

static void migrate_keeps_the_direction(struct kunit *test)
{
	migrate_to_a_device(test, 0, XFRM_SA_DIR_IN);
}

static void migrate_takes_no_padding_to_a_device(struct kunit *test)
{
	migrate_to_a_device(test, 64, XFRM_SA_DIR_OUT);
}

static void migrate_of_what_belongs_to_the_kernel(struct kunit *test)
{
	struct xfrm_state *x = fake_insert_real(test, SPI(0), REQID, 0);
	struct xfrm_user_migrate_state um = migrate_away(x);
	const char *said = NULL;

	atomic_set(&x->tunnel_users, 1);
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), -EPERM);
	KUNIT_EXPECT_NOT_NULL(test, said);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	atomic_set(&x->tunnel_users, 0);
	xfrm_state_put(x);
}

/* Migrate two SAs with one SPI and two addresses. */
static int migrate_two(struct kunit *test, __be32 first, __be32 second,
		       struct xfrm_state **x)
{
	struct xfrm_state *xc[2];
	int i, err;

	for (i = 0; i < 2; i++) {
		x[i] = fake_real_state(test, SPI(0), REQID);
		x[i]->id.daddr.a4 = i ? ELSEWHERE : THERE;
		xfrm_state_insert(x[i]);
		xfrm_state_hold(x[i]);
		xc[i] = fake_real_state(test, SPI(0), REQID);
		xc[i]->id.daddr.a4 = i ? second : first;
		xc[i]->km.state = XFRM_STATE_VOID;
	}
	mutex_lock(&init_net.xfrm.xfrm_cfg_mutex);
	err = xfrm_migrate_begin(x, xc, 2, NULL);
	if (err)
		xfrm_migrate_abort(x, 2, xc, 2);
	else
		xfrm_migrate_end(x, xc, 2);
	mutex_unlock(&init_net.xfrm.xfrm_cfg_mutex);

	return err;
}

static void migrate_of_two_to_one_name(struct kunit *test)
{
	__be32 third = cpu_to_be32(0x0a4b0004);
	struct xfrm_state *x[2];
	int i;

	KUNIT_EXPECT_EQ(test, migrate_two(test, third, third, x), -EEXIST);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, x[i]->km.state, XFRM_STATE_VALID);
		xfrm_state_put(x[i]);
	}
}

/* The two SAs change names. */
static void migrate_of_two_crosswise(struct kunit *test)
{
	struct xfrm_state *x[2];
	int i;

	KUNIT_EXPECT_EQ(test, migrate_two(test, ELSEWHERE, THERE, x), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, x[i]->km.state, XFRM_STATE_DEAD);
		xfrm_state_put(x[i]);
	}
	KUNIT_EXPECT_TRUE(test, fake_carries(ELSEWHERE, SPI(0)));
}

/* Refused before the device is asked. For crypto offload software counts. */
static void migrate_off_an_old_driver(struct kunit *test)
{
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x;
	const char *said = NULL;

	fake.dev->xfrmdev_ops = &fake_old_ops;
	x = fake_insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_PACKET);
	um = migrate_away(x);
	um.flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), -EOPNOTSUPP);
	KUNIT_EXPECT_NOT_NULL(test, said);
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_TRUE(test, x->xso.live);
	xfrm_state_put(x);

	x = fake_insert_real(test, SPI(1), REQID, XFRM_DEV_OFFLOAD_CRYPTO);
	um = migrate_away(x);
	um.flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
	KUNIT_EXPECT_TRUE(test, fake_carries(ELSEWHERE, SPI(1)));
	xfrm_state_put(x);
}

/* --- what the new SA has */

/* An inbound packet writes the window within an RCU read-side section. */
static void migrate_waits_for_what_came_in(struct kunit *test)
{
	struct xfrm_user_migrate_state um;
	struct rcu_gp_oldstate grace;
	struct xfrm_state *x;
	const char *said;

	x = fake_insert_real(test, SPI(0), REQID, 0);
	x->dir = XFRM_SA_DIR_IN;
	x->props.replay_window = 32;
	um = migrate_away(x);
	get_state_synchronize_rcu_full(&grace);
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
	KUNIT_EXPECT_TRUE(test, poll_state_synchronize_rcu_full(&grace));
	xfrm_state_put(x);
}

/* The keepalive belongs to the encapsulation. */
static void migrate_out_of_udp(struct kunit *test)
{
	struct xfrm_state *x = fake_insert_real(test, SPI(0), REQID, 0), *xc;
	struct xfrm_user_migrate_state um = migrate_away(x);
	struct xfrm_encap_tmpl none = {};
	const char *said;

	x->dir = XFRM_SA_DIR_OUT;
	x->nat_keepalive_interval = 20;
	x->encap = kzalloc(sizeof(*x->encap), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->encap);
	x->encap->encap_type = UDP_ENCAP_ESPINUDP;
	KUNIT_EXPECT_EQ(test,
			migrate_state_attr(test, &um, XFRMA_ENCAP, &none,
					   sizeof(none), &said), 0);
	xc = fake_lookup(ELSEWHERE, SPI(0));
	KUNIT_ASSERT_NOT_NULL(test, xc);
	KUNIT_EXPECT_NULL(test, xc->encap);
	KUNIT_EXPECT_EQ(test, xc->nat_keepalive_interval, 0);
	xfrm_state_put(xc);
	xfrm_state_put(x);
}

/* Invariant 2: the device was asked when it was suspended, and may not know. */
static void migrate_of_a_suspended(struct kunit *test, bool silent)
{
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x, *xc;
	const char *said = NULL;

	fake.unbind_says = silent ? -EIO : 0;
	x = fake_insert_real(test, SPI(0), REQID, XFRM_DEV_OFFLOAD_PACKET);
	fake_suspend();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	um = migrate_away(x);
	um.flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said),
			silent ? -EOPNOTSUPP : 0);
	xc = fake_lookup(ELSEWHERE, SPI(0));
	KUNIT_EXPECT_EQ(test, !xc, silent);
	if (xc) {
		KUNIT_EXPECT_EQ(test, xc->replay.oseq, 41);
		xfrm_state_put(xc);
	}
	KUNIT_EXPECT_EQ(test, fake_km.update, silent);
	KUNIT_EXPECT_EQ(test, x->km.state,
			silent ? XFRM_STATE_INVALID : XFRM_STATE_DEAD);
	KUNIT_EXPECT_EQ(test, x->invalid.exact, !silent);
	fake_restore();
	KUNIT_EXPECT_EQ(test, fake.state_add, 1);
	xfrm_state_put(x);
}

static void migrate_of_a_suspended_one(struct kunit *test)
{
	migrate_of_a_suspended(test, false);
}

static void migrate_of_a_suspended_one_that_is_not_exact(struct kunit *test)
{
	migrate_of_a_suspended(test, true);
}

/* The final counters are carried on, with the soft limit that they reach. */
static void migrate_carries_the_counters(struct kunit *test)
{
	struct xfrm_user_migrate_state um;
	struct xfrm_state *x, *xc;
	const char *said;
	int dying;

	for (dying = 0; dying < 2; dying++) {
		x = fake_insert_real(test, SPI(dying), REQID,
				     XFRM_DEV_OFFLOAD_PACKET);
		x->curlft.packets = 2;
		x->curlft.bytes = 200;
		x->curlft.use_time = 3;
		x->lft.soft_packet_limit = 12;
		x->lft.hard_packet_limit = 20;
		x->lft.soft_byte_limit = XFRM_INF;
		x->lft.hard_byte_limit = XFRM_INF;
		x->stats.replay = 4;
		x->stats.integrity_failed = 5;
		x->lastused = 1;
		x->km.dying = dying;
		um = migrate_away(x);
		um.flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
		KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
		xc = fake_lookup(ELSEWHERE, SPI(dying));
		KUNIT_ASSERT_NOT_NULL(test, xc);
		KUNIT_EXPECT_EQ(test, xc->replay.oseq, 41);
		KUNIT_EXPECT_EQ(test, xc->preplay.oseq, x->preplay.oseq);
		KUNIT_EXPECT_EQ(test, xc->curlft.packets, 12);
		KUNIT_EXPECT_EQ(test, xc->curlft.bytes, 1200);
		KUNIT_EXPECT_EQ(test, xc->curlft.use_time, 3);
		KUNIT_EXPECT_EQ(test, xc->stats.replay, 4);
		KUNIT_EXPECT_EQ(test, xc->stats.integrity_failed, 5);
		KUNIT_EXPECT_GT(test, xc->lastused, 1);
		KUNIT_EXPECT_EQ(test, xc->km.dying, dying);
		/* the soft limit is told once */
		fake_km.expire = 0;
		spin_lock_bh(&xc->lock);
		KUNIT_EXPECT_EQ(test, xfrm_state_check_expire(xc), 0);
		KUNIT_EXPECT_EQ(test, xfrm_state_check_expire(xc), 0);
		spin_unlock_bh(&xc->lock);
		KUNIT_EXPECT_EQ(test, fake_km.expire, !dying);
		xfrm_state_put(xc);
		xfrm_state_put(x);
	}
}

/* What the device reports after the clone was made, with ESN */
static void migrate_carries_the_numbers_of_esn(struct kunit *test)
{
	struct xfrm_state *x = fake_insert_real(test, SPI(0), REQID,
					       XFRM_DEV_OFFLOAD_PACKET), *xc;
	struct xfrm_user_migrate_state um = migrate_away(x);
	const char *said;

	x->props.flags |= XFRM_STATE_ESN;
	fake_replay_esn(test, x, 32);
	fake.seq = 0x100000029;
	um.flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
	KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
	xc = fake_lookup(ELSEWHERE, SPI(0));
	KUNIT_ASSERT_NOT_NULL(test, xc);
	KUNIT_EXPECT_EQ(test, xc->replay_esn->oseq, 0x29);
	KUNIT_EXPECT_EQ(test, xc->replay_esn->oseq_hi, 1);
	xfrm_state_put(xc);
	xfrm_state_put(x);
}

/* --- what listeners are told */

static struct socket *listener(struct kunit *test)
{
	struct sockaddr_nl groups = {
		.nl_family = AF_NETLINK,
		.nl_groups = BIT(XFRMNLGRP_MIGRATE - 1),
	};
	struct socket *sock;

	KUNIT_ASSERT_EQ(test,
			sock_create_kern(&init_net, PF_NETLINK, SOCK_RAW,
					 NETLINK_XFRM, &sock), 0);
	KUNIT_ASSERT_EQ(test,
			kernel_bind(sock, (struct sockaddr *)&groups,
				    sizeof(groups)), 0);

	return sock;
}

/* First there is no listener, then one with room for one message: only the
 * message that it missed is worth a sentence.
 */
static void migrate_says_that_a_listener_missed_it(struct kunit *test)
{
	struct xfrm_user_migrate_state um;
	struct socket *sock = NULL;
	struct xfrm_state *x;
	const char *said;
	int i, on = 1;

	for (i = 0; i < 3; i++) {
		x = fake_insert_real(test, SPI(i), REQID, 0);
		um = migrate_away(x);
		said = NULL;
		KUNIT_EXPECT_EQ(test, migrate_state(test, &um, &said), 0);
		KUNIT_EXPECT_EQ_MSG(test, !!said, i == 2, "%d: %s", i, said);
		xfrm_state_put(x);
		if (sock)
			continue;

		sock = listener(test);
		KUNIT_EXPECT_EQ(test,
				sock->ops->setsockopt(sock, SOL_NETLINK,
						      NETLINK_BROADCAST_ERROR,
						      KERNEL_SOCKPTR(&on),
						      sizeof(on)), 0);
		sock->sk->sk_rcvbuf = 0;
	}
	sock_release(sock);
}

struct told_param {
	const char *name;
	u8 dir;
	bool encap, marks, device;
};

static const struct told_param told_params[] = {
	{ "nothing", 0 },
	{ "inbound, in UDP", XFRM_SA_DIR_IN, true },
	{ "outbound, in UDP", XFRM_SA_DIR_OUT, true },
	{ "marks", 0, false, true },
	{ "on a device", XFRM_SA_DIR_OUT, false, false, true },
};

KUNIT_ARRAY_PARAM_DESC(told, told_params, name);

static u32 told_u32(const struct nlmsghdr *nlh, int type)
{
	const struct nlattr *attr;

	attr = nlmsg_find_attr(nlh, sizeof(struct xfrm_user_migrate_state),
			       type);
	return attr ? nla_get_u32(attr) : 0;
}

static const void *told_data(const struct nlmsghdr *nlh, int type)
{
	const struct nlattr *attr;

	attr = nlmsg_find_attr(nlh, sizeof(struct xfrm_user_migrate_state),
			       type);
	return attr ? nla_data(attr) : NULL;
}

/* A listener is told all attributes of the new SA, not only those of the
 * request.
 */
static void migrate_is_told(struct kunit *test)
{
	const struct told_param *p = test->param_value;
	const struct xfrm_user_migrate_state *told;
	const struct xfrm_user_offload *offload;
	const struct xfrm_encap_tmpl *encap;
	struct xfrm_user_migrate_state um;
	const struct xfrm_mark *mark;
	const struct nlattr *attr;
	struct xfrm_user_offload xuo = {};
	struct nlmsghdr *nlh;
	struct msghdr msg = {};
	struct socket *sock;
	struct xfrm_state *x;
	struct kvec vec;
	const char *said;
	int len;

	vec.iov_len = 1024;
	vec.iov_base = kunit_kzalloc(test, vec.iov_len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vec.iov_base);
	nlh = vec.iov_base;
	sock = listener(test);
	if (p->device)
		fake_register(test, fake.dev);

	x = fake_insert_real(test, SPI(0), REQID, 0);
	x->dir = p->dir;
	if (p->encap) {
		x->encap = kzalloc(sizeof(*x->encap), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, x->encap);
		x->encap->encap_type = UDP_ENCAP_ESPINUDP;
		x->encap->encap_sport = htons(4500);
		x->encap->encap_dport = htons(4501);
		if (p->dir == XFRM_SA_DIR_IN)
			x->mapping_maxage = 7;
		else
			x->nat_keepalive_interval = 20;
	}
	if (p->marks) {
		x->mark = (struct xfrm_mark){ .v = 5, .m = 0xff };
		x->props.smark = (struct xfrm_mark){ .v = 6, .m = 0xf };
	}
	um = migrate_away(x);
	um.old_mark = x->mark;
	xuo.ifindex = fake.dev->ifindex;
	xuo.flags = XFRM_OFFLOAD_PACKET;
	KUNIT_EXPECT_EQ(test,
			migrate_state_attr(test, &um,
					   p->device ? XFRMA_OFFLOAD_DEV : 0,
					   &xuo, sizeof(xuo), &said), 0);

	len = kernel_recvmsg(sock, &msg, &vec, 1, vec.iov_len, MSG_DONTWAIT);
	KUNIT_ASSERT_GE(test, len, (int)nlmsg_total_size(sizeof(*told)));
	KUNIT_EXPECT_EQ(test, nlh->nlmsg_type, XFRM_MSG_MIGRATE_STATE);
	told = nlmsg_data(nlh);
	KUNIT_EXPECT_TRUE(test, told->id.spi == SPI(0));
	KUNIT_EXPECT_TRUE(test, told->new_daddr.a4 == ELSEWHERE);

	mark = told_data(nlh, XFRMA_MARK);
	KUNIT_EXPECT_EQ(test, mark ? mark->v : 0, p->marks ? 5 : 0);
	KUNIT_EXPECT_EQ(test, mark ? mark->m : 0, p->marks ? 0xff : 0);
	KUNIT_EXPECT_EQ(test, told_u32(nlh, XFRMA_SET_MARK), p->marks ? 6 : 0);
	KUNIT_EXPECT_EQ(test, told_u32(nlh, XFRMA_SET_MARK_MASK),
			p->marks ? 0xf : 0);
	encap = told_data(nlh, XFRMA_ENCAP);
	KUNIT_EXPECT_EQ(test, encap ? ntohs(encap->encap_dport) : 0,
			p->encap ? 4501 : 0);
	KUNIT_EXPECT_EQ(test, told_u32(nlh, XFRMA_MTIMER_THRESH),
			p->encap && p->dir == XFRM_SA_DIR_IN ? 7 : 0);
	KUNIT_EXPECT_EQ(test, told_u32(nlh, XFRMA_NAT_KEEPALIVE_INTERVAL),
			p->encap && p->dir == XFRM_SA_DIR_OUT ? 20 : 0);
	attr = nlmsg_find_attr(nlh, sizeof(*told), XFRMA_SA_DIR);
	KUNIT_EXPECT_EQ(test, attr ? nla_get_u8(attr) : 0, p->dir);
	offload = told_data(nlh, XFRMA_OFFLOAD_DEV);
	KUNIT_EXPECT_EQ(test, !!offload, p->device);
	if (offload)
		KUNIT_EXPECT_EQ(test, offload->ifindex, fake.dev->ifindex);

	/* and told once */
	KUNIT_EXPECT_EQ(test, kernel_recvmsg(sock, &msg, &vec, 1, vec.iov_len,
					     MSG_DONTWAIT), -EAGAIN);
	sock_release(sock);
	xfrm_state_put(x);
	xfrm_state_flush(&init_net, 0, false);
	if (p->device)
		fake_unregister();
}

static struct kunit_case migrate_cases[] = {
	KUNIT_CASE_PARAM(exact_mark_is_found, exact_gen_params),
	KUNIT_CASE(migrate_means_the_exact_mark),
	KUNIT_CASE(migrate_to_a_mask_that_is_taken),
	KUNIT_CASE(spi_0_is_impossible),
	KUNIT_CASE(keepalive_needs_encapsulation),
	KUNIT_CASE(no_module_is_loaded_under_rtnl),
	KUNIT_CASE_PARAM(migrate_refuses_a_longer_prefix, prefix_gen_params),
	KUNIT_CASE(migrate_takes_it_to_a_device),
	KUNIT_CASE(migrate_keeps_the_direction),
	KUNIT_CASE(migrate_takes_no_padding_to_a_device),
	KUNIT_CASE(migrate_of_what_belongs_to_the_kernel),
	KUNIT_CASE(migrate_of_two_to_one_name),
	KUNIT_CASE(migrate_of_two_crosswise),
	KUNIT_CASE(migrate_off_an_old_driver),
	KUNIT_CASE(migrate_waits_for_what_came_in),
	KUNIT_CASE(migrate_out_of_udp),
	KUNIT_CASE(migrate_of_a_suspended_one),
	KUNIT_CASE(migrate_of_a_suspended_one_that_is_not_exact),
	KUNIT_CASE(migrate_carries_the_counters),
	KUNIT_CASE(migrate_carries_the_numbers_of_esn),
	KUNIT_CASE(migrate_says_that_a_listener_missed_it),
	KUNIT_CASE_PARAM(migrate_is_told, told_gen_params),
	{}
};

static struct kunit_suite migrate_suite = {
	.name = "xfrm_migrate",
	.init = fake_sad_init,
	.exit = fake_sad_exit,
	.test_cases = migrate_cases,
};

kunit_test_suite(migrate_suite);
