// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of a packet on its way to the hardware: what reaches it, and
 * what is dropped.
 */

#include <linux/if_vlan.h>
#include <net/xfrm_packet_offload.h>

#include "fake.h"

static void packet_of_a_valid_sa_passes(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	skb->next = fake_packet(test, x);
	KUNIT_EXPECT_TRUE(test, x->xso.hw_only);
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	KUNIT_EXPECT_NULL(test, xfrm_offload(skb));
	KUNIT_EXPECT_NULL(test, xfrm_offload(skb->next));
	kfree_skb_list(skb);
	fake_drop_state(x);
}

static void packet_of_an_invalid_sa_is_dropped(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	fake_drop_state(x);
}

static void packet_of_a_deleted_sa_is_dropped(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	x->km.state = XFRM_STATE_DEAD;
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	fake_drop_state(x);
}

static void packet_at_the_wrong_device_is_dropped(struct kunit *test)
{
	struct net_device *other = fake_netdev(test, "other%d", NULL);
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	skb->dev = other;
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	free_netdev(other);
	fake_drop_state(x);
}

/* A VLAN leads to the device below it only. Another device may have a VLAN with
 * the same ID.
 */
static void packet_at_a_vlan_of_its_device_passes(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct net_device *below[2], *vlan[2];
	struct sk_buff *skb;
	int i;

	below[0] = fake.dev;
	below[1] = fake_netdev(test, "other%d", &fake_ops);
	for (i = 0; i < 2; i++) {
		vlan[i] = alloc_netdev(sizeof(struct vlan_dev_priv), "vlan%d",
				       NET_NAME_UNKNOWN, ether_setup);
		KUNIT_ASSERT_NOT_NULL(test, vlan[i]);
		fake_register(test, below[i]);
		fake_register(test, vlan[i]);
		rtnl_lock();
		KUNIT_ASSERT_EQ(test,
				netdev_upper_dev_link(below[i], vlan[i], NULL),
				0);
		rtnl_unlock();
		vlan_dev_priv(vlan[i])->real_dev = below[i];
		vlan_dev_priv(vlan[i])->vlan_proto = htons(ETH_P_8021Q);
		vlan_dev_priv(vlan[i])->vlan_id = 100;
		vlan[i]->priv_flags |= IFF_802_1Q_VLAN;

		skb = fake_packet(test, x);
		skb->dev = vlan[i];
		skb = fake_last_stop(skb, x);
		KUNIT_EXPECT_EQ(test, !skb, i);
		/* it is tested again at the device below */
		if (skb)
			KUNIT_EXPECT_NOT_NULL(test, xfrm_offload(skb));
		kfree_skb(skb);

		/* it is not registered with the VLAN code, whose notifier
		 * would act
		 */
		vlan[i]->priv_flags &= ~IFF_802_1Q_VLAN;
	}
	/* a device that is neither VLAN, bridge nor bond leads to none */
	skb = fake_packet(test, x);
	skb->dev = vlan[0];
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));

	fake_drop_state(x);
	for (i = 0; i < 2; i++) {
		rtnl_lock();
		netdev_upper_dev_unlink(below[i], vlan[i]);
		rtnl_unlock();
		unregister_netdev(vlan[i]);
		free_netdev(vlan[i]);
		unregister_netdev(below[i]);
	}
	free_netdev(below[1]);
	fake.refs = netdev_refcnt_read(fake.dev);
}

/* Packet offload is the last transformation of a packet. */
static void packet_of_nested_sas_is_dropped(struct kunit *test)
{
	static struct dst_ops ops = { .family = AF_INET };
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_dst *bundle, *child;
	struct sk_buff *skb;
	int nested;

	bundle = kunit_kzalloc(test, sizeof(*bundle), GFP_KERNEL);
	child = kunit_kzalloc(test, sizeof(*child), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bundle);
	KUNIT_ASSERT_NOT_NULL(test, child);
	/* the test owns the bundle: no put frees it */
	rcuref_init(&bundle->u.dst.__rcuref, 100);
	bundle->u.dst.ops = &ops;
	bundle->u.dst.xfrm = x;
	bundle->child = &child->u.dst;
	child->u.dst.dev = fake.dev;
	for (nested = 0; nested < 2; nested++) {
		skb = alloc_skb(256, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		fake_put_packet(skb, htons(ETH_P_IP));
		child->u.dst.xfrm = nested ? x : NULL;
		skb_dst_set(skb, &bundle->u.dst);
		if (nested) {
			KUNIT_EXPECT_EQ(test, xfrm_packet_offload_mark(skb, x),
					-EHOSTUNREACH);
		} else {
			KUNIT_EXPECT_EQ(test, xfrm_packet_offload_mark(skb, x),
					0);
			KUNIT_EXPECT_NOT_NULL(test, xfrm_offload(skb));
			kfree_skb(skb);
		}
	}
	fake_drop_state(x);
}

/* --- crypto offload */

static void queued_crypto_packet_is_dropped(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = fake_packet(test, x);

	KUNIT_EXPECT_FALSE(test, x->xso.hw_only);
	fake_unbind(XFRM_INVALID_DEV_DOWN);
	KUNIT_EXPECT_TRUE(test, x->xso.hw_only);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	fake_drop_state(x);
}

/* The fence alone is enough: the device may be live again. */
static void crypto_packet_that_saw_the_fence_is_dropped(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = fake_packet(test, x);

	x->xso.hw_only = 1;
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	x->xso.hw_only = 0;
	fake_drop_state(x);
}

/* The SA is deleted, for instance by a rekey, while a packet that has its ESP
 * header, and a payload in clear, is queued.
 */
static void queued_crypto_packet_of_a_deleted_sa_is_dropped(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = fake_packet(test, x);
	struct sk_buff *late = fake_packet(test, x);

	xfrm_offload(skb)->flags |= XFRM_XMIT;
	xfrm_offload(late)->flags |= XFRM_XMIT;
	KUNIT_EXPECT_PTR_EQ(test, fake_validate(skb), skb);

	x->km.state = XFRM_STATE_DEAD;
	xfrm_dev_state_delete(x);
	KUNIT_EXPECT_TRUE(test, x->xso.hw_only);
	KUNIT_EXPECT_NULL(test, fake_validate(skb));
	xfrm_offload_flush(fake.dev);
	KUNIT_EXPECT_NULL(test, fake_validate(late));
	xfrm_state_put(x);
}

/* The packet is at another device than its SA. */
static void crypto_packet_at_the_wrong_device_is_dropped(struct kunit *test)
{
	struct net_device *other = fake_netdev(test, "other%d", &fake_ops);
	struct xfrm_state *x;
	struct sk_buff *skb;

	fake.lower = fake_netdev(test, "lower%d", &fake_ops);
	x = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	skb = fake_packet(test, x);
	xfrm_offload(skb)->flags |= XFRM_XMIT;
	KUNIT_EXPECT_PTR_EQ(test, fake_validate(skb), skb);
	skb->dev = fake.lower;
	KUNIT_EXPECT_PTR_EQ(test, fake_validate(skb), skb);
	KUNIT_EXPECT_FALSE(test, x->xso.hw_only);
	skb->dev = other;
	KUNIT_EXPECT_NULL(test, fake_validate(skb));

	/* the SA is restored on the next slave, the packet is at the old one */
	skb = fake_packet(test, x);
	xfrm_offload(skb)->flags |= XFRM_XMIT;
	skb->dev = fake.lower;
	rtnl_lock();
	xfrm_dev_suspend(fake.dev);
	swap(fake.lower, other);
	xfrm_dev_restore(fake.dev, XFRM_INVALID_SLAVE_LOST);
	rtnl_unlock();
	KUNIT_EXPECT_EQ(test, x->km.state, XFRM_STATE_VALID);
	KUNIT_EXPECT_NULL(test, fake_validate(skb));
	fake_drop_state(x);
	free_netdev(fake.lower);
	free_netdev(other);
}

/* The flag says that the packet has passed esp_xmit(), which does not run
 * twice. The packet may still wait in the queue of a slave.
 */
static void queued_crypto_packet_is_dropped_below_a_bond(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = fake_packet(test, x);

	xfrm_offload(skb)->flags |= XFRM_XMIT;
	KUNIT_EXPECT_TRUE(test, xfrm_packet_offload_requeued(skb));
	KUNIT_EXPECT_PTR_EQ(test, fake_validate(skb), skb);
	fake_unbind(XFRM_INVALID_FEATURE_OFF);
	KUNIT_EXPECT_NULL(test, fake_validate(skb));
	fake_drop_state(x);
}

/* --- devices without a queue: __dev_queue_xmit() passes no @again */

static void sender_without_a_queue_is_told(struct kunit *test)
{
	static const u8 types[] = {
		XFRM_DEV_OFFLOAD_PACKET, XFRM_DEV_OFFLOAD_CRYPTO,
	};
	struct xfrm_state *x;
	struct sk_buff *skb;
	int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		x = fake_state(test, types[i]);
		skb = fake_packet(test, x);
		fake_unbind(XFRM_INVALID_DEV_DOWN);
		rcu_read_lock_bh();
		skb = validate_xmit_xfrm(skb, 0, NULL);
		rcu_read_unlock_bh();
		KUNIT_EXPECT_EQ(test, PTR_ERR(skb), -EHOSTUNREACH);
		fake_drop_state(x);
	}
}

static struct sk_buff *crypto_has;

static int async_xmit(struct xfrm_state *x, struct sk_buff *skb,
		      netdev_features_t features)
{
	crypto_has = skb;
	return -EINPROGRESS;
}

static const struct xfrm_type_offload async_offload = { .xmit = async_xmit };

/* A backlog of packets of other devices does not let a packet pass in clear. */
static void backlog_without_a_queue(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	struct sk_buff *skb = fake_packet(test, x), *back;
	struct sk_buff *waits = alloc_skb(64, GFP_KERNEL);
	struct sk_buff_head *backlog;
	bool again = false;

	KUNIT_ASSERT_NOT_NULL(test, waits);
	x->type_offload = &async_offload;
	crypto_has = NULL;

	rcu_read_lock_bh();
	backlog = &this_cpu_ptr(&softnet_data)->xfrm_backlog;
	skb_queue_tail(backlog, waits);
	back = validate_xmit_xfrm(skb, 0, &again);
	KUNIT_EXPECT_PTR_EQ(test, back, skb);
	KUNIT_EXPECT_TRUE(test, again);
	KUNIT_EXPECT_NULL(test, crypto_has);
	back = validate_xmit_xfrm(skb, 0, NULL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(back), -EINPROGRESS);
	KUNIT_EXPECT_PTR_EQ(test, crypto_has, skb);
	skb_unlink(waits, backlog);
	rcu_read_unlock_bh();

	kfree_skb(waits);
	/* xfrm_dev_resume() would drop the reference to the device */
	if (crypto_has)
		__dev_put(fake.dev);
	kfree_skb(skb);
	x->type_offload = NULL;
	fake_drop_state(x);
}

/* Asynchronous crypto has the packet, or each segment of it: the device is
 * referenced until xfrm_dev_resume() is called for it.
 */
static void crypto_references_the_device(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_CRYPTO);
	int refs = netdev_refcnt_read(fake.dev), segments;
	struct sk_buff *skb, *second;

	x->type_offload = &async_offload;
	for (segments = 1; segments <= 2; segments++) {
		skb = fake_packet(test, x);
		second = segments == 2 ? fake_packet(test, x) : NULL;
		skb->next = second;
		KUNIT_EXPECT_NULL(test, fake_validate(skb));
		KUNIT_EXPECT_EQ(test, netdev_refcnt_read(fake.dev),
				refs + segments);
		while (netdev_refcnt_read(fake.dev) > refs)
			__dev_put(fake.dev);
		kfree_skb(skb);
		kfree_skb(second);
	}
	x->type_offload = NULL;
	fake_drop_state(x);
}

/* --- policies that are deleted or replaced */

/* The SA is still offloaded, but without the policy the hardware sends the
 * packet in clear.
 */
static void packet_of_a_deleted_policy_is_dropped(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);
	struct sk_buff *skb = fake_packet(test, x);

	get_state_synchronize_rcu_full(&fake.grace);
	fake_drop_policy(xp);
	KUNIT_EXPECT_TRUE(test, fake.delete_drained);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	fake_drop_state(x);
}

/* Add and delete @n policies with indices from @from. */
static void delete_policies(struct kunit *test, u32 from, u32 n)
{
	struct xfrm_policy *xp;

	while (n--) {
		xp = fake_policy(test);
		xp->index = from++;
		fake_drop_policy(xp);
	}
}

static const struct deletion_param {
	const char *name;
	u32 index, from, n;
	bool dies;
} deletion_params[] = {
	{ "another policy", 1, 2, 1, false },
	{ "its policy", 1, 1, 1, true },
	{ "its policy first", 1, 1, XFRM_OFFLOADS_RETIRED - 1, true },
	{ "its policy last", 30, 30 - (XFRM_OFFLOADS_RETIRED - 2),
	  XFRM_OFFLOADS_RETIRED - 1, true },
	{ "others, as many as are known", 1, 2, XFRM_OFFLOADS_RETIRED - 1,
	  false },
	{ "others, more than are known", 1, 2, XFRM_OFFLOADS_RETIRED, true },
	{ "others, many more", 1, 2, 3 * XFRM_OFFLOADS_RETIRED + 1, true },
	{ "policy unknown", 0, 2, 1, true },
};

KUNIT_ARRAY_PARAM_DESC(deletion, deletion_params, name);

static void deletion_drops_what_it_concerns(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	const struct deletion_param *p = test->param_value;
	u32 shift = p - deletion_params;
	struct sk_buff *skb, *passed;

	/* the record is a ring: try each place as its begin */
	delete_policies(test, 100, 5 * shift);
	skb = fake_packet(test, x);
	xfrm_offload(skb)->seq.hi = p->index;
	delete_policies(test, p->from, p->n);
	passed = fake_last_stop(skb, x);
	KUNIT_EXPECT_EQ(test, !passed, p->dies);
	kfree_skb(passed);
	fake_drop_state(x);
}

/* An index may be used again: later packets belong to the new policy. */
static void deletion_before_the_mark_drops_nothing(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb;

	delete_policies(test, 1, 3);
	skb = fake_packet(test, x);
	xfrm_offload(skb)->seq.hi = 2;
	delete_policies(test, 3, 1);
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	kfree_skb(skb);
	fake_drop_state(x);
}

static void deletion_on_another_device_drops_nothing(struct kunit *test)
{
	struct net_device *other = fake_netdev(test, "other%d", &fake_ops);
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);
	struct xfrm_policy *xp;

	xp = fake_policy_on(test, other);
	fake_drop_policy(xp);
	KUNIT_EXPECT_EQ(test, fake.policy_free, 1);
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	kfree_skb(skb);
	fake_drop_state(x);
	free_netdev(other);
}

/* XFRM_MSG_UPDPOLICY, as a daemon sends it when it rekeys */
static void replaced_policy_drops_nothing(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test), *by = fake_policy(test);
	struct sk_buff *skb = fake_packet(test, x);

	by->xfrm_nr = 1;
	xfrm_dev_policy_replaced(xp, by);
	fake_drop_policy(xp);
	KUNIT_EXPECT_EQ(test, fake.policy_free, 1);
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	kfree_skb(skb);

	/* a policy that blocks sends nothing in clear either */
	skb = fake_packet(test, x);
	xp = by;
	by = fake_policy(test);
	by->action = XFRM_POLICY_BLOCK;
	xfrm_dev_policy_replaced(xp, by);
	fake_drop_policy(xp);
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	kfree_skb(skb);

	skb = fake_packet(test, x);
	fake_drop_policy(by);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	fake_drop_state(x);
}

/* An inbound policy does not protect outbound packets. */
static void deleted_inbound_policy_drops_nothing(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test);
	struct sk_buff *skb = fake_packet(test, x);

	xp->xdo.dir = XFRM_DEV_OFFLOAD_IN;
	fake_drop_policy(xp);
	KUNIT_EXPECT_EQ(test, fake.policy_free, 1);
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	kfree_skb(skb);
	fake_drop_state(x);
}

/* The new policy is on another device. */
static void policy_replaced_on_another_device(struct kunit *test)
{
	struct net_device *other = fake_netdev(test, "other%d", &fake_ops);
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test), *by;
	struct sk_buff *skb = fake_packet(test, x);

	by = fake_policy_on(test, other);
	by->xfrm_nr = 1;
	xfrm_dev_policy_replaced(xp, by);
	fake_drop_policy(xp);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	fake_drop_policy(by);
	fake_drop_state(x);
	free_netdev(other);
}

/* The new policy lets packets pass in clear, or is not on the hardware. */
static void policy_replaced_by_another_kind(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct xfrm_policy *xp = fake_policy(test), *by = fake_policy(test);
	struct sk_buff *skb = fake_packet(test, x);

	xfrm_dev_policy_replaced(xp, by);
	fake_drop_policy(xp);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));

	skb = fake_packet(test, x);
	xp = fake_policy_alloc(test);
	xp->xfrm_nr = 1;
	xfrm_dev_policy_replaced(by, xp);
	fake_drop_policy(by);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	xp->walk.dead = 1;
	xfrm_policy_destroy(xp);
	fake_drop_state(x);
}

/* --- packets that are copied, requeued or changed */

/* A copy of a packet shares its sec_path, and may go to another device. */
static void copy_of_a_packet_keeps_its_mark(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);
	struct sk_buff *copy = skb_clone(skb, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	KUNIT_EXPECT_NULL(test, xfrm_offload(skb));
	KUNIT_EXPECT_NOT_NULL(test, xfrm_offload(copy));
	kfree_skb(skb);
	kfree_skb(copy);
	fake_drop_state(x);
}

static void requeued_packet_is_tested_again(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	KUNIT_EXPECT_TRUE(test, xfrm_packet_offload_requeued(skb));
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	KUNIT_EXPECT_TRUE(test, xfrm_packet_offload_requeued(skb));
	fake_unbind(XFRM_INVALID_FEATURE_OFF);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	fake_drop_state(x);
}

static const __be16 packet_protocols[] = {
	htons(ETH_P_IP),
	htons(ETH_P_IPV6),
};

/* Does a packet pass after @len octets at @at are replaced? */
static bool passes_with(struct kunit *test, struct xfrm_state *x,
			__be16 protocol, int at, int len, const void *octets)
{
	struct sk_buff *skb = fake_packet_of(test, x, protocol, false);

	memcpy(skb->data + at, octets, len);
	skb = fake_last_stop(skb, x);
	kfree_skb(skb);

	return skb;
}

/* The fields that hardware compares are those that the policy was found for. */
static void changed_packet_is_dropped(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	const u8 other[] = { 99, 88 };

	static const struct {
		int at[2];
		bool passes;
	} cases[] = {
		{ { 12, 8 } },		/* the first of the source */
		{ { 15, 23 } },		/* the last of it */
		{ { 16, 24 } },		/* the first of the destination */
		{ { 19, 39 } },		/* the last of it */
		{ { 9, 6 } },		/* protocol */
		{ { 20, 40 } },		/* source port */
		{ { 23, 43 } },		/* destination port */
		{ { 2, 4 } },		/* the first of the length */
		{ { 3, 5 } },		/* the last of it */
		{ { 8, 7 }, true },	/* TTL, hop limit */
		{ { 4, 1 }, true },	/* ID, flow label */
		{ { 25, 45 }, true },	/* length of UDP */
	};
	int i, v6;

	for (v6 = 0; v6 < 2; v6++)
		for (i = 0; i < ARRAY_SIZE(cases); i++)
			KUNIT_EXPECT_EQ_MSG(test, cases[i].passes,
					    passes_with(test, x,
							packet_protocols[v6],
							ETH_HLEN +
							cases[i].at[v6], 1,
							other),
					    "v6 %d, case %d", v6, i);
	fake_drop_state(x);
}

/* Hardware finds the IP header behind no tag but the one that it inserts. */
static void hidden_packet_is_dropped(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	static const u8 bare[ETH_HLEN];
	__be16 mpls = htons(ETH_P_MPLS_UC);
	struct sk_buff *skb;
	__be16 protocol;
	int i;

	for (i = 0; i < ARRAY_SIZE(packet_protocols); i++) {
		protocol = packet_protocols[i];
		KUNIT_EXPECT_FALSE(test, passes_with(test, x, protocol, 12, 2,
						     &mpls));
		KUNIT_EXPECT_FALSE(test, passes_with(test, x, protocol, 12, 2,
						     bare));
		KUNIT_EXPECT_FALSE(test, passes_with(test, x, protocol, 0,
						     ETH_HLEN, bare));

		skb = fake_packet_of(test, x, protocol, false);
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), 5);
		KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
		kfree_skb(skb);

		skb = fake_packet_of(test, x, protocol, false);
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021AD), 5);
		KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));

		skb = fake_packet_of(test, x, protocol, false);
		skb_reset_mac_header(skb);
		skb = vlan_insert_tag_set_proto(skb, htons(ETH_P_8021Q), 5);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	}
	fake_drop_state(x);
}

/* The stack fragments a packet after the policy was found. */
static void later_fragment_has_no_ports(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb;

	skb = fake_packet_of(test, x, htons(ETH_P_IP), false);
	((struct iphdr *)(skb->data + ETH_HLEN))->frag_off = htons(10);
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	kfree_skb(skb);

	skb = fake_packet_of(test, x, htons(ETH_P_IP), true);
	((struct iphdr *)(skb->data + ETH_HLEN))->frag_off = htons(IP_MF);
	KUNIT_EXPECT_PTR_EQ(test, fake_last_stop(skb, x), skb);
	kfree_skb(skb);

	skb = fake_packet_of(test, x, htons(ETH_P_IP), true);
	((struct iphdr *)(skb->data + ETH_HLEN))->frag_off = htons(10);
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	fake_drop_state(x);
}

/* The packet was marked before anything that can change packets was set up. */
static void unrecorded_packet_is_dropped_once_watched(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);
	struct sec_path *sp = skb_sec_path(skb);

	memset(&sp->xvec[1], 0, sizeof(sp->xvec) - sizeof(sp->xvec[0]));
	xfrm_packet_offload_watch();
	KUNIT_EXPECT_NULL(test, fake_last_stop(skb, x));
	fake_drop_state(x);
}

static int behind_hooks(struct sk_buff *skb)
{
	int err;

	rcu_read_lock_bh();
	err = xfrm_packet_offload_egress(skb);
	rcu_read_unlock_bh();

	return err;
}

/* tc or netfilter changed the packet: the sender of a marked one is told. */
static void egress_tells_the_sender(struct kunit *test)
{
	struct xfrm_state *x = fake_state(test, XFRM_DEV_OFFLOAD_PACKET);
	struct sk_buff *skb = fake_packet(test, x);

	KUNIT_EXPECT_EQ(test, behind_hooks(skb), 0);
	skb->data[ETH_HLEN + 16]++;
	KUNIT_EXPECT_EQ(test, behind_hooks(skb), -EPERM);

	skb = fake_packet(test, x);
	secpath_reset(skb);
	skb->data[ETH_HLEN + 16]++;
	KUNIT_EXPECT_EQ(test, behind_hooks(skb), 0);
	kfree_skb(skb);
	fake_drop_state(x);
}

static int resumed;

static netdev_tx_t resumed_xmit(struct sk_buff *skb, struct net_device *dev)
{
	resumed++;
	consume_skb(skb);

	return NETDEV_TX_OK;
}

/* What asynchronous crypto is done with leaves by a device that is up, and
 * references it no more.
 */
static void resumed_packet_needs_a_device_that_is_up(struct kunit *test)
{
	static const struct net_device_ops ops = {
		.ndo_start_xmit = resumed_xmit,
	};
	struct sk_buff *skb;
	int up;

	fake.dev->netdev_ops = &ops;
	resumed = 0;
	for (up = 0; up < 2; up++) {
		if (up)
			set_bit(__LINK_STATE_START, &fake.dev->state);
		skb = alloc_skb(ETH_ZLEN, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		skb->dev = fake.dev;
		__dev_hold(fake.dev);
		local_bh_disable();
		xfrm_dev_resume(skb);
		local_bh_enable();
		KUNIT_EXPECT_EQ(test, resumed, up);
		KUNIT_EXPECT_EQ(test, netdev_refcnt_read(fake.dev), fake.refs);
	}
	clear_bit(__LINK_STATE_START, &fake.dev->state);
}

static struct kunit_case xmit_cases[] = {
	KUNIT_CASE(packet_of_a_valid_sa_passes),
	KUNIT_CASE(packet_of_an_invalid_sa_is_dropped),
	KUNIT_CASE(packet_of_a_deleted_sa_is_dropped),
	KUNIT_CASE(packet_at_the_wrong_device_is_dropped),
	KUNIT_CASE(packet_at_a_vlan_of_its_device_passes),
	KUNIT_CASE(packet_of_nested_sas_is_dropped),
	KUNIT_CASE(queued_crypto_packet_is_dropped),
	KUNIT_CASE(crypto_packet_that_saw_the_fence_is_dropped),
	KUNIT_CASE(queued_crypto_packet_of_a_deleted_sa_is_dropped),
	KUNIT_CASE(crypto_packet_at_the_wrong_device_is_dropped),
	KUNIT_CASE(queued_crypto_packet_is_dropped_below_a_bond),
	KUNIT_CASE(sender_without_a_queue_is_told),
	KUNIT_CASE(backlog_without_a_queue),
	KUNIT_CASE(crypto_references_the_device),
	KUNIT_CASE(packet_of_a_deleted_policy_is_dropped),
	KUNIT_CASE_PARAM(deletion_drops_what_it_concerns, deletion_gen_params),
	KUNIT_CASE(deletion_before_the_mark_drops_nothing),
	KUNIT_CASE(deletion_on_another_device_drops_nothing),
	KUNIT_CASE(replaced_policy_drops_nothing),
	KUNIT_CASE(deleted_inbound_policy_drops_nothing),
	KUNIT_CASE(policy_replaced_on_another_device),
	KUNIT_CASE(policy_replaced_by_another_kind),
	KUNIT_CASE(copy_of_a_packet_keeps_its_mark),
	KUNIT_CASE(requeued_packet_is_tested_again),
	KUNIT_CASE(changed_packet_is_dropped),
	KUNIT_CASE(hidden_packet_is_dropped),
	KUNIT_CASE(later_fragment_has_no_ports),
	KUNIT_CASE(unrecorded_packet_is_dropped_once_watched),
	KUNIT_CASE(egress_tells_the_sender),
	KUNIT_CASE(resumed_packet_needs_a_device_that_is_up),
	{}
};

static struct kunit_suite xmit_suite = {
	.name = "xfrm_xmit",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = xmit_cases,
};

kunit_test_suite(xmit_suite);
