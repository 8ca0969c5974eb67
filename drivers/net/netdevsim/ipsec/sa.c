// SPDX-License-Identifier: GPL-2.0
/* SA table of the simulated device: keys, sequence numbers, windows, limits. */

#include <crypto/aead.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "engine.h"

static const struct rhashtable_params nsim_ipsec_sa_params = {
	.key_len		= sizeof(struct nsim_ipsec_sa_name),
	.key_offset		= offsetof(struct nsim_ipsec_sa, name),
	.head_offset		= offsetof(struct nsim_ipsec_sa, node),
	.automatic_shrinking	= true,
};

static struct nsim_ipsec_sa_name nsim_ipsec_sa_name(u16 family, const xfrm_address_t *daddr, u32 id)
{
	struct nsim_ipsec_sa_name name = { .id = id, .family = family };

	if (family == AF_INET)
		name.daddr.a4 = daddr->a4;
	else
		name.daddr = *daddr;
	return name;
}

static struct rhltable *nsim_ipsec_sa_home(struct nsim_ipsec *hw, const struct nsim_ipsec_sa *sa)
{
	return sa->dir == XFRM_DEV_OFFLOAD_IN ? &hw->sa_in : &hw->sa_out;
}

static int nsim_ipsec_sa_link(struct nsim_ipsec *hw, struct nsim_ipsec_sa *sa)
{
	bool in = sa->dir == XFRM_DEV_OFFLOAD_IN;
	int err;

	sa->name = nsim_ipsec_sa_name(sa->family, &sa->daddr,
				      in ? (__force u32)sa->spi : sa->reqid);
	err = rhltable_insert(nsim_ipsec_sa_home(hw, sa), &sa->node, nsim_ipsec_sa_params);
	sa->linked = !err;
	return err;
}

/*
 * Outbound the newest SA is in use. Inbound the oldest is: a second one with
 * the same SPI exists only until the stack has compared them, and must not
 * start an empty replay window meanwhile.
 */
struct nsim_ipsec_sa *nsim_ipsec_sa_find_in(struct nsim_ipsec *hw,
					    const struct nsim_ipsec_flow *flow, __be32 spi)
{
	struct nsim_ipsec_sa_name name = nsim_ipsec_sa_name(flow->family, &flow->daddr,
							    (__force u32)spi);
	struct nsim_ipsec_sa *sa, *oldest = NULL;
	struct rhlist_head *list, *node;

	list = rhltable_lookup(&hw->sa_in, &name, nsim_ipsec_sa_params);
	rhl_for_each_entry_rcu(sa, node, list, node)
		oldest = sa;
	return oldest;
}

/* A template of transport mode has no addresses: use those of the packet. */
struct nsim_ipsec_sa *nsim_ipsec_sa_find_out(struct nsim_ipsec *hw,
					     const struct nsim_ipsec_policy *policy,
					     const struct nsim_ipsec_flow *flow)
{
	bool tunnel = policy->mode == XFRM_MODE_TUNNEL;
	const xfrm_address_t *saddr = tunnel ? &policy->tmpl_saddr : &flow->saddr;
	const xfrm_address_t *daddr = tunnel ? &policy->tmpl_daddr : &flow->daddr;
	u16 family = tunnel ? policy->tmpl_family : flow->family;
	struct nsim_ipsec_sa_name name = nsim_ipsec_sa_name(family, daddr, policy->reqid);
	struct rhlist_head *list, *node;
	struct nsim_ipsec_sa *sa;

	list = rhltable_lookup(&hw->sa_out, &name, nsim_ipsec_sa_params);
	rhl_for_each_entry_rcu(sa, node, list, node)
		if (sa->type == XFRM_DEV_OFFLOAD_PACKET && sa->mode == policy->mode &&
		    (xfrm_addr_any(&sa->saddr, family) || xfrm_addr_any(saddr, family) ||
		     xfrm_addr_equal(&sa->saddr, saddr, family)) &&
		    (!policy->spi || policy->spi == sa->spi) &&
		    nsim_ipsec_selector_match(&sa->sel, flow))
			return sa;
	return NULL;
}

static bool nsim_ipsec_sa_reaches(u64 value, u64 limit)
{
	return limit != XFRM_INF && value >= limit;
}

static bool nsim_ipsec_sa_crosses(u64 before, u64 after, u64 limit)
{
	return !nsim_ipsec_sa_reaches(before, limit) && nsim_ipsec_sa_reaches(after, limit);
}

/*
 * Returns 0, -EDQUOT at a hard limit, or a positive number if the packet is
 * the one that reaches a limit.
 */
static int nsim_ipsec_sa_check_limits(const struct nsim_ipsec_sa *sa,
				      unsigned int len)
{
	const struct xfrm_lifetime_cfg *limits = &sa->limits;
	u64 bytes = sa->bytes + len, packets = sa->packets + 1;

	if (nsim_ipsec_sa_reaches(sa->bytes, limits->hard_byte_limit) ||
	    nsim_ipsec_sa_reaches(sa->packets, limits->hard_packet_limit))
		return -EDQUOT;

	return nsim_ipsec_sa_crosses(sa->bytes, bytes, limits->soft_byte_limit) ||
	       nsim_ipsec_sa_crosses(sa->bytes, bytes, limits->hard_byte_limit) ||
	       nsim_ipsec_sa_crosses(sa->packets, packets, limits->soft_packet_limit) ||
	       nsim_ipsec_sa_crosses(sa->packets, packets, limits->hard_packet_limit);
}

/*
 * Counts a packet of packet offload, if the SA may still carry one: 0, or
 * -ESHUTDOWN after a stop, -EDQUOT at a hard limit. Sets @notify if the stack
 * has to be told of a limit.
 */
static int nsim_ipsec_sa_account(struct nsim_ipsec_sa *sa, unsigned int len, bool *notify)
{
	int limit;

	lockdep_assert_held(&sa->lock);

	if (sa->stopped)
		return -ESHUTDOWN;
	limit = nsim_ipsec_fault_verdict(sa->hw, NSIM_IPSEC_CHECK_LIMITS, NULL,
					 nsim_ipsec_sa_check_limits(sa, len));
	*notify = limit;
	if (limit < 0)
		return limit;

	sa->bytes += len;
	sa->packets++;
	return 0;
}

/* The stack keeps the limits of crypto offload: these counts are only shown. */
void nsim_ipsec_sa_count_crypto(struct nsim_ipsec_sa *sa, unsigned int len)
{
	spin_lock_bh(&sa->lock);
	sa->bytes += len;
	sa->packets++;
	spin_unlock_bh(&sa->lock);
}

/* Takes x->lock, inside which the stack asks for the counters: not under sa->lock. */
static void nsim_ipsec_sa_notify(struct nsim_ipsec_sa *sa)
{
	struct xfrm_state *x = sa->x;

	spin_lock_bh(&x->lock);
	if (x->km.state == XFRM_STATE_VALID)
		xfrm_state_check_expire(x);
	spin_unlock_bh(&x->lock);
}

/**
 * nsim_ipsec_sa_next_seq - take the sequence number for a packet
 * @sa: an outbound SA of packet offload; the caller is in an RCU read section
 * @len: length of the plain IP packet
 * @seq: the number
 *
 * On success nsim_ipsec_sa_sent() must follow.
 *
 * Return: 0, -ESHUTDOWN after a stop, -EDQUOT at a hard limit, -EOVERFLOW if no number is left.
 */
int nsim_ipsec_sa_next_seq(struct nsim_ipsec_sa *sa, unsigned int len, u64 *seq)
{
	bool notify = false;
	int err;

	spin_lock_bh(&sa->lock);
	if (sa->seq == (sa->esn ? U64_MAX : U32_MAX)) {
		err = -EOVERFLOW;
	} else {
		err = nsim_ipsec_sa_account(sa, len, &notify);
		if (!err) {
			sa->seq = nsim_ipsec_fault_number(sa, NSIM_IPSEC_NEXT_SEQ,
							  sa->seq + 1);
			*seq = sa->seq;
			atomic_inc(&sa->busy);
		}
	}
	spin_unlock_bh(&sa->lock);

	if (notify)
		nsim_ipsec_sa_notify(sa);
	if (err == -EOVERFLOW)
		xfrm_dev_state_exhausted(sa->x);
	return err;
}

void nsim_ipsec_sa_sent(struct nsim_ipsec_sa *sa)
{
	if (atomic_dec_and_test(&sa->busy))
		wake_up_var(&sa->busy);
}

/* Returns 0, or -EALREADY for a replay. Under @sa's lock. */
int nsim_ipsec_sa_check_window(struct nsim_ipsec_sa *sa, u64 seq)
{
	int err = nsim_ipsec_replay_fresh(&sa->replay, seq) ? 0 : -EALREADY;

	return nsim_ipsec_fault_verdict(sa->hw, NSIM_IPSEC_CHECK_RX_WINDOW,
					NULL, err);
}

/**
 * nsim_ipsec_sa_accept - record an authentic packet in the window
 * @sa: an inbound SA of packet offload; the caller is in an RCU read section
 * @seq: the packet's number
 * @len: length of the plain IP packet
 *
 * Return: 0, -EALREADY for a replay, -ESHUTDOWN after a stop, -EDQUOT at a hard limit.
 */
int nsim_ipsec_sa_accept(struct nsim_ipsec_sa *sa, u64 seq, unsigned int len)
{
	bool notify = false;
	int err;

	spin_lock_bh(&sa->lock);
	if (sa->stopped)
		err = -ESHUTDOWN;
	else
		err = nsim_ipsec_sa_check_window(sa, seq) ?:
		      nsim_ipsec_sa_account(sa, len, &notify);
	if (!err)
		nsim_ipsec_replay_advance(&sa->replay, seq);
	spin_unlock_bh(&sa->lock);

	if (notify)
		nsim_ipsec_sa_notify(sa);
	return err;
}

/* Process context: returns when no packet is between its number and the cable. */
void nsim_ipsec_sa_stop(struct nsim_ipsec_sa *sa)
{
	spin_lock_bh(&sa->lock);
	sa->stopped = true;
	spin_unlock_bh(&sa->lock);
	wait_var_event(&sa->busy, !atomic_read(&sa->busy));
}

/* Report what was handled since the last report. */
void nsim_ipsec_sa_report(struct nsim_ipsec_sa *sa, u64 *bytes, u64 *packets)
{
	spin_lock_bh(&sa->lock);
	*bytes = sa->bytes - sa->reported_bytes;
	*packets = nsim_ipsec_fault_number(sa, NSIM_IPSEC_CARRIED,
					   sa->packets - sa->reported_packets);
	sa->reported_bytes = sa->bytes;
	sa->reported_packets = sa->packets;
	spin_unlock_bh(&sa->lock);
}

/* Count a frame that was dropped with @err. */
void nsim_ipsec_sa_refused(struct nsim_ipsec_sa *sa, int err)
{
	spin_lock_bh(&sa->lock);
	sa->replayed += err == -EALREADY;
	sa->forged += err == -EBADMSG;
	spin_unlock_bh(&sa->lock);
}

/* Add refused frames to the counters that software ESP uses. Under x->lock. */
void nsim_ipsec_sa_report_refused(struct nsim_ipsec_sa *sa)
{
	struct xfrm_state *x = sa->x;
	u32 replayed, forged;

	spin_lock_bh(&sa->lock);
	replayed = nsim_ipsec_fault_number(sa, NSIM_IPSEC_REFUSED, sa->replayed);
	forged = nsim_ipsec_fault_number(sa, NSIM_IPSEC_REFUSED, sa->forged);
	sa->replayed -= replayed;
	sa->forged -= forged;
	spin_unlock_bh(&sa->lock);

	x->stats.replay += replayed;
	x->stats.integrity_failed += forged;
	XFRM_ADD_STATS(xs_net(x), LINUX_MIB_XFRMINSTATESEQERROR, replayed);
	XFRM_ADD_STATS(xs_net(x), LINUX_MIB_XFRMINSTATEPROTOERROR, forged);
}

static void nsim_ipsec_sa_destroy(struct nsim_ipsec_sa *sa)
{
	crypto_free_aead(sa->aead);
	nsim_ipsec_replay_free(&sa->replay);
	kfree_sensitive(sa);
}

static void nsim_ipsec_sa_free_work(struct work_struct *work)
{
	nsim_ipsec_sa_destroy(container_of(to_rcu_work(work), struct nsim_ipsec_sa, free_work));
}

static struct nsim_ipsec_sa *nsim_ipsec_sa_alloc(struct nsim_ipsec *hw, struct xfrm_state *x,
						 gfp_t gfp)
{
	struct nsim_ipsec_sa *sa = kzalloc(sizeof(*sa), gfp);

	if (!sa)
		return NULL;

	sa->x = x;
	sa->hw = hw;
	sa->type = x->xso.type;
	sa->dir = x->xso.dir;
	spin_lock_init(&sa->lock);
	INIT_RCU_WORK(&sa->free_work, nsim_ipsec_sa_free_work);
	return sa;
}

static int nsim_ipsec_sa_set_key(struct nsim_ipsec_sa *sa, const struct xfrm_algo_aead *alg)
{
	unsigned int len = alg->alg_key_len / 8;
	int err;

	sa->aead = crypto_alloc_aead(alg->alg_name, 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(sa->aead)) {
		err = PTR_ERR(sa->aead);
		sa->aead = NULL;
		return err;
	}

	/* Only the file "ipsec", of crypto offload, shows keys. */
	if (sa->type == XFRM_DEV_OFFLOAD_CRYPTO) {
		memcpy(sa->key, alg->alg_key, sizeof(sa->key));
		memcpy(&sa->salt, alg->alg_key + len - NSIM_IPSEC_SALT_LEN, sizeof(sa->salt));
	}

	err = crypto_aead_setkey(sa->aead, alg->alg_key, len);
	return err ?: crypto_aead_setauthsize(sa->aead, NSIM_IPSEC_ICV_LEN);
}

static void nsim_ipsec_sa_load(struct nsim_ipsec_sa *sa, const struct xfrm_state *x)
{
	sa->mode = x->props.mode;
	sa->family = x->props.family;
	sa->esn = x->props.flags & XFRM_STATE_ESN;
	sa->flags = x->props.flags;
	sa->spi = x->id.spi;
	sa->reqid = x->props.reqid;
	sa->saddr = x->props.saddr;
	sa->daddr = x->id.daddr;
	sa->sel = x->sel;
	sa->limits = x->lft;

	sa->seq = x->replay.oseq;
	if (x->replay_esn) {
		sa->seq = x->replay_esn->oseq;
		if (sa->esn)
			sa->seq |= (u64)x->replay_esn->oseq_hi << 32;
	}
	sa->bytes = x->curlft.bytes;
	sa->packets = x->curlft.packets;
	sa->reported_bytes = sa->bytes;
	sa->reported_packets = sa->packets;
	nsim_ipsec_replay_load(&sa->replay, x);
}

static int nsim_ipsec_sa_take_slot(struct nsim_ipsec *hw, struct nsim_ipsec_sa *sa, gfp_t gfp)
{
	int err = xa_alloc_bh(&hw->sa_slots, &sa->slot, sa, xa_limit_31b, gfp);

	if (!err)
		sa->x->xso.offload_handle = NSIM_IPSEC_HANDLE(sa->slot);
	return err;
}

/**
 * nsim_ipsec_sa_add - put an SA into the table
 * @hw: the engine
 * @x: a state that the device's limits allow
 * @extack: for the sentence if it fails
 *
 * Context: process context.
 * Return: 0, -ENOSPC if the table is full, -ENOMEM, or the crypto API's error.
 */
int nsim_ipsec_sa_add(struct nsim_ipsec *hw, struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	u32 window = x->replay_esn ? x->replay_esn->replay_window : x->props.replay_window;
	struct nsim_ipsec_sa *sa;
	int err = -ENOMEM;

	sa = nsim_ipsec_sa_alloc(hw, x, GFP_KERNEL);
	if (!sa)
		return err;
	err = nsim_ipsec_replay_init(&sa->replay, window, GFP_KERNEL);
	if (err)
		goto free;
	err = nsim_ipsec_sa_set_key(sa, x->aead);
	if (err) {
		NL_SET_ERR_MSG_MOD(extack, "The device could not load the key");
		goto free;
	}
	nsim_ipsec_sa_load(sa, x);

	spin_lock_bh(&hw->lock);
	err = hw->sa_count < READ_ONCE(hw->max_sas) ? 0 : -ENOSPC;
	if (!err)
		hw->sa_count++;
	spin_unlock_bh(&hw->lock);
	if (err) {
		NL_SET_ERR_MSG_MOD(extack, "The SA table of the device is full");
		goto free;
	}

	err = nsim_ipsec_sa_take_slot(hw, sa, GFP_KERNEL);
	spin_lock_bh(&hw->lock);
	if (!err) {
		err = nsim_ipsec_sa_link(hw, sa);
		if (err)
			xa_erase_bh(&hw->sa_slots, sa->slot);
	}
	if (err)
		hw->sa_count--;
	else
		hw->crypto_count += sa->type == XFRM_DEV_OFFLOAD_CRYPTO;
	spin_unlock_bh(&hw->lock);
	if (err) {
		x->xso.offload_handle = 0;
		queue_rcu_work(hw->free_wq, &sa->free_work);
	}
	return err;
free:
	nsim_ipsec_sa_destroy(sa);
	return err;
}

/*
 * A larval state (no SPI, no keys yet) takes a slot so that its teardown is
 * checked like every other, but no packet finds it. Any context.
 */
int nsim_ipsec_sa_add_larval(struct nsim_ipsec *hw, struct xfrm_state *x)
{
	struct nsim_ipsec_sa *sa;
	int err;

	sa = nsim_ipsec_sa_alloc(hw, x, GFP_ATOMIC);
	if (!sa)
		return -ENOMEM;

	sa->stopped = true;
	err = nsim_ipsec_sa_take_slot(hw, sa, GFP_ATOMIC);
	if (err)
		kfree(sa);
	return err;
}

/* The entry of @x, live or deleted; NULL if the device does not know it. */
struct nsim_ipsec_sa *nsim_ipsec_sa_of(struct nsim_ipsec *hw, const struct xfrm_state *x)
{
	struct nsim_ipsec_sa *sa = NULL;

	if (x->xso.offload_handle)
		sa = xa_load(&hw->sa_slots, NSIM_IPSEC_SLOT(x->xso.offload_handle));
	return sa && sa->x == x ? sa : NULL;
}

static void nsim_ipsec_sa_unlink(struct nsim_ipsec *hw, struct nsim_ipsec_sa *sa)
{
	sa->stage = NSIM_IPSEC_SA_DELETED;
	if (!sa->linked)
		return;
	rhltable_remove(nsim_ipsec_sa_home(hw, sa), &sa->node, nsim_ipsec_sa_params);
	sa->linked = false;
	hw->sa_count -= nsim_ipsec_fault_number(sa, NSIM_IPSEC_PLACES, 1);
	hw->crypto_count -= sa->type == XFRM_DEV_OFFLOAD_CRYPTO;
}

/* Any context. Returns false if the SA is not there. */
bool nsim_ipsec_sa_delete(struct nsim_ipsec *hw, struct xfrm_state *x)
{
	struct nsim_ipsec_sa *sa;
	bool known;

	spin_lock_bh(&hw->lock);
	sa = nsim_ipsec_sa_of(hw, x);
	known = sa && sa->stage == NSIM_IPSEC_SA_LIVE;
	if (known)
		nsim_ipsec_sa_unlink(hw, sa);
	spin_unlock_bh(&hw->lock);

	if (known) {
		spin_lock_bh(&sa->lock);
		sa->stopped = true;
		spin_unlock_bh(&sa->lock);
	}
	return known;
}

/*
 * Process context. The entry is freed after its last reader. @x outlives that
 * reader as well: the stack waits for a grace period between deleting a state
 * and freeing its memory.
 * Returns false if the SA is not there or was not deleted.
 */
bool nsim_ipsec_sa_free(struct nsim_ipsec *hw, struct xfrm_state *x)
{
	struct nsim_ipsec_sa *sa;
	bool deleted;

	spin_lock_bh(&hw->lock);
	sa = nsim_ipsec_sa_of(hw, x);
	deleted = sa && sa->stage == NSIM_IPSEC_SA_DELETED;
	if (sa) {
		nsim_ipsec_sa_unlink(hw, sa);
		xa_erase_bh(&hw->sa_slots, sa->slot);
		x->xso.offload_handle = 0;
	}
	spin_unlock_bh(&hw->lock);

	if (sa)
		queue_rcu_work(hw->free_wq, &sa->free_work);
	return deleted;
}

int nsim_ipsec_sa_table_init(struct nsim_ipsec *hw)
{
	xa_init_flags(&hw->sa_slots, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_BH);
	hw->free_wq = alloc_workqueue("nsim_ipsec", WQ_UNBOUND, 0);
	if (!hw->free_wq)
		return -ENOMEM;
	return rhltable_init(&hw->sa_in, &nsim_ipsec_sa_params) ?:
	       rhltable_init(&hw->sa_out, &nsim_ipsec_sa_params);
}

/* No packet is in the port, and the stack holds no reference to it. */
void nsim_ipsec_sa_table_destroy(struct nsim_ipsec *hw)
{
	struct nsim_ipsec_sa *sa;
	unsigned long slot;

	if (hw->free_wq) {
		rcu_barrier();
		destroy_workqueue(hw->free_wq);
	}
	xa_for_each(&hw->sa_slots, slot, sa)
		nsim_ipsec_sa_destroy(sa);
	xa_destroy(&hw->sa_slots);
	if (hw->sa_in.ht.tbl)
		rhltable_destroy(&hw->sa_in);
	if (hw->sa_out.ht.tbl)
		rhltable_destroy(&hw->sa_out);
}
