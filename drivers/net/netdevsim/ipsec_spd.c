// SPDX-License-Identifier: GPL-2.0
/* Policy table of the simulated device. */

#include <linux/jhash.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "ipsec.h"

static unsigned int nsim_ipsec_policy_dir(u8 dir)
{
	return dir == XFRM_DEV_OFFLOAD_OUT;
}

static struct list_head *nsim_ipsec_policy_chain(struct nsim_ipsec *hw, u8 dir, u16 family,
						 const xfrm_address_t *daddr,
						 const xfrm_address_t *saddr)
{
	u32 hash;

	if (family == AF_INET)
		hash = jhash_2words((__force u32)daddr->a4, (__force u32)saddr->a4, 0);
	else
		hash = jhash2((__force u32 *)daddr->a6, 4,
			      jhash2((__force u32 *)saddr->a6, 4, 0));
	return &hw->policy_exact[nsim_ipsec_policy_dir(dir)][hash >> (32 - NSIM_IPSEC_HASH_BITS)];
}

static bool nsim_ipsec_policy_is_exact(const struct nsim_ipsec_policy *policy)
{
	u8 full = policy->sel.family == AF_INET ? 32 : 128;

	return policy->sel.family && policy->sel.prefixlen_d == full &&
	       policy->sel.prefixlen_s == full;
}

static struct list_head *nsim_ipsec_policy_home(struct nsim_ipsec *hw,
						const struct nsim_ipsec_policy *policy)
{
	if (nsim_ipsec_policy_is_exact(policy))
		return nsim_ipsec_policy_chain(hw, policy->dir, policy->sel.family,
					       &policy->sel.daddr, &policy->sel.saddr);
	return &hw->policy_wild[nsim_ipsec_policy_dir(policy->dir)];
}

static bool nsim_ipsec_policy_before(const struct nsim_ipsec_policy *a,
				     const struct nsim_ipsec_policy *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->age < b->age;
}

/* From the end: policies are mostly added in their order. */
static void nsim_ipsec_policy_link(struct nsim_ipsec *hw, struct nsim_ipsec_policy *policy)
{
	struct list_head *home = nsim_ipsec_policy_home(hw, policy);
	struct nsim_ipsec_policy *other;

	list_for_each_entry_reverse(other, home, node)
		if (nsim_ipsec_policy_before(other, policy))
			break;
	list_add_rcu(&policy->node, &other->node);
}

static const struct nsim_ipsec_policy *
nsim_ipsec_policy_first(const struct list_head *list, const struct nsim_ipsec_flow *flow)
{
	const struct nsim_ipsec_policy *policy;

	list_for_each_entry_rcu(policy, list, node)
		if (policy->family == flow->family &&
		    nsim_ipsec_selector_match(&policy->sel, flow))
			return policy;
	return NULL;
}

/* The policy that a packet meets first. RCU read section. */
const struct nsim_ipsec_policy *nsim_ipsec_policy_find(struct nsim_ipsec *hw, u8 dir,
						       const struct nsim_ipsec_flow *flow)
{
	const struct nsim_ipsec_policy *exact, *wild;

	exact = nsim_ipsec_policy_first(nsim_ipsec_policy_chain(hw, dir, flow->family,
								&flow->daddr, &flow->saddr),
					flow);
	wild = nsim_ipsec_policy_first(&hw->policy_wild[nsim_ipsec_policy_dir(dir)], flow);
	if (exact && wild)
		return nsim_ipsec_policy_before(exact, wild) ? exact : wild;
	return exact ?: wild;
}

/* Does the policy let in what came under @sa? */
bool nsim_ipsec_policy_accepts(const struct nsim_ipsec_policy *policy,
			       const struct nsim_ipsec_sa *sa)
{
	if (policy->action == XFRM_POLICY_BLOCK)
		return false;
	if (!policy->protects)
		return sa->mode == XFRM_MODE_TRANSPORT;
	if (policy->mode != sa->mode || (policy->reqid && policy->reqid != sa->reqid) ||
	    (policy->spi && policy->spi != sa->spi))
		return false;
	return policy->mode == XFRM_MODE_TRANSPORT ||
	       (policy->tmpl_family == sa->family &&
		xfrm_addr_equal(&policy->tmpl_daddr, &sa->daddr, sa->family) &&
		xfrm_addr_equal(&policy->tmpl_saddr, &sa->saddr, sa->family));
}

static struct nsim_ipsec_policy *nsim_ipsec_policy_alloc(const struct xfrm_policy *xp)
{
	const struct xfrm_tmpl *tmpl = &xp->xfrm_vec[0];
	struct nsim_ipsec_policy *policy;

	policy = kzalloc(sizeof(*policy), GFP_KERNEL);
	if (!policy)
		return NULL;

	policy->xp = xp;
	policy->dir = xp->xdo.dir;
	policy->action = xp->action;
	policy->family = xp->family;
	policy->priority = xp->priority;
	policy->sel = xp->selector;
	policy->protects = xp->xfrm_nr;
	if (xp->xfrm_nr) {
		policy->requires_esp = !tmpl->optional;
		policy->mode = tmpl->mode;
		policy->reqid = tmpl->reqid;
		policy->spi = tmpl->id.spi;
		policy->tmpl_family = tmpl->encap_family;
		policy->tmpl_saddr = tmpl->saddr;
		policy->tmpl_daddr = tmpl->id.daddr;
	}
	return policy;
}

/**
 * nsim_ipsec_policy_add - put a policy into the table
 * @hw: the engine
 * @xp: a policy that the device's limits allow
 * @extack: for the sentence if it fails
 *
 * Context: process context.
 * Return: 0, -ENOSPC if the table is full, -ENOMEM.
 */
int nsim_ipsec_policy_add(struct nsim_ipsec *hw, struct xfrm_policy *xp,
			  struct netlink_ext_ack *extack)
{
	struct nsim_ipsec_policy *policy;
	int err;

	policy = nsim_ipsec_policy_alloc(xp);
	if (!policy)
		return -ENOMEM;

	spin_lock_bh(&hw->lock);
	err = hw->policy_count < READ_ONCE(hw->max_policies) ? 0 : -ENOSPC;
	if (!err)
		hw->policy_count++;
	spin_unlock_bh(&hw->lock);
	if (err) {
		NL_SET_ERR_MSG_MOD(extack, "The policy table of the device is full");
		goto free;
	}

	err = xa_alloc_bh(&hw->policy_slots, &policy->slot, policy, xa_limit_31b, GFP_KERNEL);
	spin_lock_bh(&hw->lock);
	if (err) {
		hw->policy_count--;
	} else {
		policy->age = ++hw->policy_age;
		nsim_ipsec_policy_link(hw, policy);
		xp->xdo.offload_handle = NSIM_IPSEC_HANDLE(policy->slot);
	}
	spin_unlock_bh(&hw->lock);
	if (!err)
		return 0;
free:
	kfree(policy);
	return err;
}

static struct nsim_ipsec_policy *nsim_ipsec_policy_of(struct nsim_ipsec *hw,
						      const struct xfrm_policy *xp)
{
	struct nsim_ipsec_policy *policy = NULL;

	if (xp->xdo.offload_handle)
		policy = xa_load(&hw->policy_slots, NSIM_IPSEC_SLOT(xp->xdo.offload_handle));
	return policy && policy->xp == xp ? policy : NULL;
}

static void nsim_ipsec_policy_unlink(struct nsim_ipsec *hw, struct nsim_ipsec_policy *policy)
{
	if (policy->stage == NSIM_IPSEC_SA_DELETED)
		return;
	policy->stage = NSIM_IPSEC_SA_DELETED;
	list_del_rcu(&policy->node);
	hw->policy_count--;
}

/* Any context. False: the stack deletes what is not there. */
bool nsim_ipsec_policy_delete(struct nsim_ipsec *hw, struct xfrm_policy *xp)
{
	struct nsim_ipsec_policy *policy;
	bool known;

	spin_lock_bh(&hw->lock);
	policy = nsim_ipsec_policy_of(hw, xp);
	known = policy && policy->stage == NSIM_IPSEC_SA_LIVE;
	if (known)
		nsim_ipsec_policy_unlink(hw, policy);
	spin_unlock_bh(&hw->lock);
	return known;
}

/* Any context. False: the stack frees what is not there, or was not deleted. */
bool nsim_ipsec_policy_free(struct nsim_ipsec *hw, struct xfrm_policy *xp)
{
	struct nsim_ipsec_policy *policy;
	bool deleted;

	spin_lock_bh(&hw->lock);
	policy = nsim_ipsec_policy_of(hw, xp);
	deleted = policy && policy->stage == NSIM_IPSEC_SA_DELETED;
	if (policy) {
		nsim_ipsec_policy_unlink(hw, policy);
		xa_erase_bh(&hw->policy_slots, policy->slot);
		xp->xdo.offload_handle = 0;
	}
	spin_unlock_bh(&hw->lock);

	if (policy)
		kfree_rcu(policy, rcu);
	return deleted;
}

int nsim_ipsec_policy_table_init(struct nsim_ipsec *hw)
{
	unsigned int dir, i;

	xa_init_flags(&hw->policy_slots, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_BH);
	for (dir = 0; dir < ARRAY_SIZE(hw->policy_exact); dir++) {
		INIT_LIST_HEAD(&hw->policy_wild[dir]);
		hw->policy_exact[dir] = kvmalloc_array(BIT(NSIM_IPSEC_HASH_BITS),
						       sizeof(*hw->policy_exact[dir]), GFP_KERNEL);
		if (!hw->policy_exact[dir])
			return -ENOMEM;
		for (i = 0; i < BIT(NSIM_IPSEC_HASH_BITS); i++)
			INIT_LIST_HEAD(&hw->policy_exact[dir][i]);
	}
	return 0;
}

/* The port carries no packet any more and the stack holds no reference to it. */
void nsim_ipsec_policy_table_destroy(struct nsim_ipsec *hw)
{
	struct nsim_ipsec_policy *policy;
	unsigned long slot;
	unsigned int dir;

	xa_for_each(&hw->policy_slots, slot, policy)
		kfree(policy);
	xa_destroy(&hw->policy_slots);
	for (dir = 0; dir < ARRAY_SIZE(hw->policy_exact); dir++)
		kvfree(hw->policy_exact[dir]);
}
