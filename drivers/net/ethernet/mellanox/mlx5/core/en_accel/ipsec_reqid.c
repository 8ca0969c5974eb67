// SPDX-License-Identifier: GPL-2.0
/*
 * One peer for each reqid.
 *
 * On the way out a policy's rule writes its reqid into a register, and the rule
 * of a packet offload SA matches this register. Nothing in the packet tells the
 * rules of two SAs with one reqid apart, so both SAs must lead to one peer.
 */

#include "ipsec.h"
#include "ipsec_reqid.h"

static bool mlx5e_ipsec_ports_meet(u16 a, u16 a_mask, u16 b, u16 b_mask)
{
	/* A rule does not look at port 0. */
	return !a || !b || !((a ^ b) & a_mask & b_mask);
}

static bool mlx5e_ipsec_upspecs_meet(const struct upspec *a,
				     const struct upspec *b)
{
	if (!a->proto || !b->proto)
		return true;

	return a->proto == b->proto &&
	       mlx5e_ipsec_ports_meet(a->sport, a->sport_mask,
				      b->sport, b->sport_mask) &&
	       mlx5e_ipsec_ports_meet(a->dport, a->dport_mask,
				      b->dport, b->dport_mask);
}

static bool mlx5e_ipsec_same_peer(const struct mlx5_accel_esp_xfrm_attrs *a,
				  const struct mlx5_accel_esp_xfrm_attrs *b)
{
	return a->mode == b->mode &&
	       a->addrs.family == b->addrs.family &&
	       !memcmp(&a->addrs.saddr, &b->addrs.saddr,
		       sizeof(a->addrs.saddr)) &&
	       !memcmp(&a->addrs.daddr, &b->addrs.daddr,
		       sizeof(a->addrs.daddr));
}

/**
 * mlx5e_ipsec_reqid_conflict - can a packet meet the rule of the wrong SA?
 * @a: an outbound packet offload SA
 * @b: another one
 *
 * Two SAs of one peer, as during a rekey, are no conflict.
 *
 * Return: whether the rule of @a matches packets of @b and they differ in the
 * peer, the device's own address or the mode.
 */
bool mlx5e_ipsec_reqid_conflict(const struct mlx5_accel_esp_xfrm_attrs *a,
				const struct mlx5_accel_esp_xfrm_attrs *b)
{
	return a->reqid == b->reqid &&
	       mlx5e_ipsec_upspecs_meet(&a->upspec, &b->upspec) &&
	       !mlx5e_ipsec_same_peer(a, b);
}

static bool mlx5e_ipsec_has_reqid(const struct mlx5e_ipsec_sa_entry *sa_entry)
{
	return sa_entry->attrs.type == XFRM_DEV_OFFLOAD_PACKET &&
	       sa_entry->attrs.dir == XFRM_DEV_OFFLOAD_OUT;
}

/**
 * mlx5e_ipsec_reqid_claim - before the rule of an SA is added
 * @sa_entry: the SA
 * @extack: where a refusal is explained
 *
 * Context: process, may sleep; takes ipsec->modify_lock.
 * Return: 0; -EBUSY if the rule of another SA matches its packets. An SA that
 * was deleted counts until its rule is gone.
 */
int mlx5e_ipsec_reqid_claim(struct mlx5e_ipsec_sa_entry *sa_entry,
			    struct netlink_ext_ack *extack)
{
	struct mlx5e_ipsec *ipsec = sa_entry->ipsec;
	struct mlx5e_ipsec_sa_entry *other;
	int err = 0;

	if (!mlx5e_ipsec_has_reqid(sa_entry))
		return 0;

	mutex_lock(&ipsec->modify_lock);

	hash_for_each_possible(ipsec->reqids, other, reqid_node,
			       sa_entry->attrs.reqid) {
		if (!mlx5e_ipsec_reqid_conflict(&other->attrs,
						&sa_entry->attrs))
			continue;
		NL_SET_ERR_MSG_MOD(extack, "This reqid leads to another peer: use another one");
		err = -EBUSY;
		break;
	}
	if (!err)
		hash_add(ipsec->reqids, &sa_entry->reqid_node,
			 sa_entry->attrs.reqid);

	mutex_unlock(&ipsec->modify_lock);
	return err;
}

/**
 * mlx5e_ipsec_reqid_release - after the rule of an SA is gone
 * @sa_entry: the SA, which mlx5e_ipsec_reqid_claim() took
 *
 * Context: process, may sleep; takes ipsec->modify_lock.
 */
void mlx5e_ipsec_reqid_release(struct mlx5e_ipsec_sa_entry *sa_entry)
{
	if (!mlx5e_ipsec_has_reqid(sa_entry))
		return;

	mutex_lock(&sa_entry->ipsec->modify_lock);
	hash_del(&sa_entry->reqid_node);
	mutex_unlock(&sa_entry->ipsec->modify_lock);
}
