// SPDX-License-Identifier: GPL-2.0
/* Policy table of the simulated device. */

#include <linux/rculist.h>
#include <linux/slab.h>

#include "engine.h"

static const struct rhashtable_params nsim_ipsec_pair_params = {
	.key_len		= sizeof(struct nsim_ipsec_pair_name),
	.key_offset		= offsetof(struct nsim_ipsec_pair, name),
	.head_offset		= offsetof(struct nsim_ipsec_pair, node),
	.automatic_shrinking	= true,
};

static bool nsim_ipsec_policy_is_out(u8 dir)
{
	return dir == XFRM_DEV_OFFLOAD_OUT;
}

static struct nsim_ipsec_pair_name nsim_ipsec_pair_name(u8 dir, u16 family,
							const xfrm_address_t *daddr,
							const xfrm_address_t *saddr)
{
	struct nsim_ipsec_pair_name name = {
		.family = family,
		.out = nsim_ipsec_policy_is_out(dir),
	};

	if (family == AF_INET) {
		name.daddr.a4 = daddr->a4;
		name.saddr.a4 = saddr->a4;
	} else {
		name.daddr = *daddr;
		name.saddr = *saddr;
	}
	return name;
}

static bool nsim_ipsec_policy_is_exact(const struct nsim_ipsec_policy *policy)
{
	u8 full = policy->sel.family == AF_INET ? 32 : 128;

	return policy->sel.family && policy->sel.prefixlen_d == full &&
	       policy->sel.prefixlen_s == full;
}

static bool nsim_ipsec_policy_before(const struct nsim_ipsec_policy *a,
				     const struct nsim_ipsec_policy *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->age < b->age;
}

/* From the end: policies are mostly added in their order. */
static void nsim_ipsec_policy_sort_in(struct list_head *list, struct nsim_ipsec_policy *policy)
{
	struct nsim_ipsec_policy *other;

	list_for_each_entry_reverse(other, list, node)
		if (nsim_ipsec_policy_before(other, policy))
			break;
	list_add_rcu(&policy->node, &other->node);
}

/* @policy comes with a pair of its own, which is freed if there is one already. */
static int nsim_ipsec_policy_link(struct nsim_ipsec *hw, struct nsim_ipsec_policy *policy)
{
	struct nsim_ipsec_pair *pair = policy->pair, *old;

	if (!pair) {
		nsim_ipsec_policy_sort_in(&hw->policy_wild[nsim_ipsec_policy_is_out(policy->dir)],
					  policy);
		return 0;
	}

	/* A lookup that finds the pair finds a policy in it. */
	list_add_rcu(&policy->node, &pair->policies);
	old = rhashtable_lookup_get_insert_fast(&hw->policy_exact, &pair->node,
						nsim_ipsec_pair_params);
	if (IS_ERR(old))
		return PTR_ERR(old);
	if (old) {
		policy->pair = old;
		kfree(pair);
		nsim_ipsec_policy_sort_in(&old->policies, policy);
	}
	return 0;
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

/* Find the first policy that matches a packet. RCU read section. */
const struct nsim_ipsec_policy *nsim_ipsec_policy_find(struct nsim_ipsec *hw, u8 dir,
						       const struct nsim_ipsec_flow *flow)
{
	const struct nsim_ipsec_policy *exact = NULL, *wild;
	struct nsim_ipsec_pair_name name;
	const struct nsim_ipsec_pair *pair;

	name = nsim_ipsec_pair_name(dir, flow->family, &flow->daddr, &flow->saddr);
	pair = rhashtable_lookup(&hw->policy_exact, &name, nsim_ipsec_pair_params);
	if (pair)
		exact = nsim_ipsec_policy_first(&pair->policies, flow);
	wild = nsim_ipsec_policy_first(&hw->policy_wild[nsim_ipsec_policy_is_out(dir)], flow);
	if (exact && wild)
		return nsim_ipsec_policy_before(exact, wild) ? exact : wild;
	return exact ?: wild;
}

/* Test whether a policy accepts what @sa decrypted. */
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
	if (!nsim_ipsec_policy_is_exact(policy))
		return policy;

	policy->pair = kzalloc(sizeof(*policy->pair), GFP_KERNEL);
	if (!policy->pair) {
		kfree(policy);
		return NULL;
	}
	INIT_LIST_HEAD(&policy->pair->policies);
	policy->pair->name = nsim_ipsec_pair_name(policy->dir, policy->sel.family,
						  &policy->sel.daddr, &policy->sel.saddr);
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
	if (!err) {
		policy->age = ++hw->policy_age;
		err = nsim_ipsec_policy_link(hw, policy);
		if (err)
			xa_erase_bh(&hw->policy_slots, policy->slot);
	}
	if (err)
		hw->policy_count--;
	else
		xp->xdo.offload_handle = NSIM_IPSEC_HANDLE(policy->slot);
	spin_unlock_bh(&hw->lock);
	if (!err)
		return 0;
free:
	kfree(policy->pair);
	kfree_rcu(policy, rcu);
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
	if (!policy->pair || !list_empty(&policy->pair->policies))
		return;
	rhashtable_remove_fast(&hw->policy_exact, &policy->pair->node, nsim_ipsec_pair_params);
	kfree_rcu(policy->pair, rcu);
}

/* Any context. Returns false if the policy is not there. */
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

/* Any context. Returns false if the policy is not there or was not deleted. */
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
	unsigned int dir;

	xa_init_flags(&hw->policy_slots, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_BH);
	for (dir = 0; dir < ARRAY_SIZE(hw->policy_wild); dir++)
		INIT_LIST_HEAD(&hw->policy_wild[dir]);
	return rhashtable_init(&hw->policy_exact, &nsim_ipsec_pair_params);
}

static void nsim_ipsec_pair_free(void *pair, void *unused)
{
	kfree(pair);
}

/* No packet is in the port, and the stack holds no reference to it. */
void nsim_ipsec_policy_table_destroy(struct nsim_ipsec *hw)
{
	struct nsim_ipsec_policy *policy;
	unsigned long slot;

	xa_for_each(&hw->policy_slots, slot, policy)
		kfree(policy);
	xa_destroy(&hw->policy_slots);
	if (hw->policy_exact.tbl)
		rhashtable_free_and_destroy(&hw->policy_exact, nsim_ipsec_pair_free, NULL);
}
