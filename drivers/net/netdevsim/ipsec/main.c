// SPDX-License-Identifier: GPL-2.0
/*
 * The IPsec engine of netdevsim as the stack sees it: the offload callbacks,
 * the limits of the device, its set-up. See engine.h for the other files.
 */

#include <linux/moduleparam.h>

#include "engine.h"
#include "../netdevsim.h"

#define NSIM_IPSEC_FEATURES	(NETIF_F_HW_ESP | NETIF_F_HW_ESP_TX_CSUM)
#define NSIM_IPSEC_ALG		"rfc4106(gcm(aes))"

static unsigned int ipsec_max_sas = NSIM_IPSEC_DEFAULT_MAX;
module_param(ipsec_max_sas, uint, 0644);
MODULE_PARM_DESC(ipsec_max_sas, "capacity of the SA table of a new device");

static struct nsim_ipsec *nsim_ipsec_of(struct net_device *dev)
{
	struct netdevsim *ns = netdev_priv(dev);

	return ns->ipsec;
}

/* A bond names its slave in real_dev; a larval state has no real_dev yet. */
static struct nsim_ipsec *nsim_ipsec_of_state(const struct xfrm_state *x)
{
	return nsim_ipsec_of(x->xso.real_dev ?: x->xso.dev);
}

/* The stock kernel leaves real_dev of a policy empty. */
static struct nsim_ipsec *nsim_ipsec_of_policy(const struct xfrm_policy *xp)
{
	return nsim_ipsec_of(xp->xdo.real_dev ?: xp->xdo.dev);
}

static int nsim_ipsec_check_device(struct nsim_ipsec *hw,
				   struct netlink_ext_ack *extack)
{
	if (nsim_ipsec_is_gone(hw)) {
		NL_SET_ERR_MSG_MOD(extack, "The device is gone");
		return -ENODEV;
	}
	return nsim_ipsec_fault_call(hw, NSIM_IPSEC_CALL_ADD, extack);
}

static int nsim_ipsec_check_alg(const struct xfrm_algo_aead *alg, struct netlink_ext_ack *extack)
{
	if (!alg || strcmp(alg->alg_name, NSIM_IPSEC_ALG)) {
		NL_SET_ERR_MSG_MOD(extack, "The device encrypts with " NSIM_IPSEC_ALG " only");
		return -EINVAL;
	}
	if (alg->alg_icv_len != NSIM_IPSEC_ICV_BITS) {
		NL_SET_ERR_MSG_MOD(extack, "The device needs an ICV of 128 bits");
		return -EINVAL;
	}
	if (alg->alg_key_len != (16 + NSIM_IPSEC_SALT_LEN) * 8 &&
	    alg->alg_key_len != (32 + NSIM_IPSEC_SALT_LEN) * 8) {
		NL_SET_ERR_MSG_MOD(extack, "The device needs a key of 128 or 256 bits and salt");
		return -EINVAL;
	}
	return 0;
}

static int nsim_ipsec_check_state(struct nsim_ipsec *hw, const struct xfrm_state *x,
				  struct netlink_ext_ack *extack)
{
	if (x->xso.type != XFRM_DEV_OFFLOAD_CRYPTO && x->xso.type != XFRM_DEV_OFFLOAD_PACKET) {
		NL_SET_ERR_MSG_MOD(extack, "The device offers crypto and packet offload only");
		return -EINVAL;
	}
	if (x->id.proto != IPPROTO_ESP) {
		NL_SET_ERR_MSG_MOD(extack, "The device offers ESP only");
		return -EINVAL;
	}
	if (x->props.mode != XFRM_MODE_TRANSPORT && x->props.mode != XFRM_MODE_TUNNEL) {
		NL_SET_ERR_MSG_MOD(extack, "The device offers tunnel and transport mode only");
		return -EINVAL;
	}
	if (x->calg) {
		NL_SET_ERR_MSG_MOD(extack, "The device does not compress");
		return -EINVAL;
	}
	if (nsim_ipsec_fault_verdict(hw, NSIM_IPSEC_CHECK_ENCAP, NULL,
				     x->encap ? -EINVAL : 0)) {
		NL_SET_ERR_MSG_MOD(extack, "The device does not put ESP into UDP or TCP");
		return -EINVAL;
	}
	if (x->props.extra_flags & XFRM_SA_XFLAG_OSEQ_MAY_WRAP) {
		NL_SET_ERR_MSG_MOD(extack, "The device stops at the last sequence number");
		return -EINVAL;
	}
	return nsim_ipsec_check_alg(x->aead, extack);
}

static int nsim_ipsec_try_add(struct nsim_ipsec *hw, struct xfrm_state *x,
			      struct netlink_ext_ack *extack)
{
	int err = nsim_ipsec_check_device(hw, extack);

	if (err)
		return err;
	if (x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ)
		return nsim_ipsec_sa_add_larval(hw, x);
	return nsim_ipsec_check_state(hw, x, extack) ?: nsim_ipsec_sa_add(hw, x, extack);
}

static int nsim_ipsec_state_add(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	struct nsim_ipsec *hw = nsim_ipsec_of_state(x);
	int err = nsim_ipsec_try_add(hw, x, extack);

	nsim_ipsec_op(hw, err ? NSIM_IPSEC_STATE_ADD_REFUSED : NSIM_IPSEC_STATE_ADD);
	return err;
}

static void nsim_ipsec_state_delete(struct xfrm_state *x)
{
	struct nsim_ipsec *hw = nsim_ipsec_of_state(x);

	nsim_ipsec_op(hw, NSIM_IPSEC_STATE_DELETE);
	nsim_ipsec_fault_call(hw, NSIM_IPSEC_CALL_DELETE, NULL);
	if (!nsim_ipsec_sa_delete(hw, x))
		nsim_ipsec_op(hw, NSIM_IPSEC_VIOLATION);
}

static void nsim_ipsec_state_free(struct xfrm_state *x)
{
	struct nsim_ipsec *hw = nsim_ipsec_of_state(x);

	nsim_ipsec_op(hw, NSIM_IPSEC_STATE_FREE);
	nsim_ipsec_fault_call(hw, NSIM_IPSEC_CALL_FREE, NULL);
	if (!nsim_ipsec_sa_free(hw, x))
		nsim_ipsec_op(hw, NSIM_IPSEC_VIOLATION);
}

static bool nsim_ipsec_offload_ok(struct sk_buff *skb, struct xfrm_state *x)
{
	return !nsim_ipsec_is_gone(nsim_ipsec_of_state(x));
}

/* For crypto offload the stack tells the number that is expected next. Under x->lock. */
static void nsim_ipsec_advance_esn(struct xfrm_state *x)
{
	struct nsim_ipsec_sa *sa = nsim_ipsec_sa_of(nsim_ipsec_of_state(x), x);

	if (!sa || sa->type != XFRM_DEV_OFFLOAD_CRYPTO)
		return;
	spin_lock_bh(&sa->lock);
	sa->replay.top = (u64)x->replay_esn->seq_hi << 32 | x->replay_esn->seq;
	spin_unlock_bh(&sa->lock);
}

#ifdef XFRM_DEV_UNBIND
static void nsim_ipsec_tell_now(struct nsim_ipsec *hw, struct nsim_ipsec_sa *sa,
				struct xfrm_state *x)
{
	u32 replay[XFRMA_REPLAY_ESN_MAX / sizeof(u32) / 8] = {};
	struct xfrm_dev_counters now = { .replay = replay };

	if (!sa->aead ||
	    nsim_ipsec_fault_verdict(hw, NSIM_IPSEC_CHECK_COUNTERS, NULL, 0))
		return;

	if (sa->dir == XFRM_DEV_OFFLOAD_IN)
		now.window = sa->replay.window;
	spin_lock_bh(&sa->lock);
	now.seq = sa->dir == XFRM_DEV_OFFLOAD_OUT ? sa->seq : sa->replay.top;
	nsim_ipsec_replay_export(&sa->replay, replay, now.window);
	spin_unlock_bh(&sa->lock);

	xfrm_dev_state_now(x, &now);
}
#else
static void nsim_ipsec_tell_now(struct nsim_ipsec *hw, struct nsim_ipsec_sa *sa,
				struct xfrm_state *x)
{
}
#endif

/* Under x->lock. */
static void nsim_ipsec_update_stats(struct xfrm_state *x)
{
	struct nsim_ipsec *hw = nsim_ipsec_of_state(x);
	struct nsim_ipsec_sa *sa = nsim_ipsec_sa_of(hw, x);
	u64 bytes, packets;

	if (!sa || sa->type != XFRM_DEV_OFFLOAD_PACKET || nsim_ipsec_is_gone(hw))
		return;

	nsim_ipsec_sa_report_refused(sa);
	nsim_ipsec_tell_now(hw, sa, x);
	nsim_ipsec_sa_report(sa, &bytes, &packets);
	x->curlft.bytes += bytes;
	x->curlft.packets += packets;
	if (packets && !READ_ONCE(x->curlft.use_time))
		WRITE_ONCE(x->curlft.use_time, ktime_get_real_seconds());
}

#ifdef XFRM_DEV_UNBIND
static int nsim_ipsec_state_unbind(struct net_device *dev, struct xfrm_state *x,
				   struct xfrm_dev_counters *final)
{
	struct nsim_ipsec *hw = nsim_ipsec_of(dev);
	struct nsim_ipsec_sa *sa;
	u64 seq;
	int err;

	nsim_ipsec_op(hw, NSIM_IPSEC_STATE_UNBIND);
	err = nsim_ipsec_fault_call(hw, NSIM_IPSEC_CALL_UNBIND, NULL);
	if (nsim_ipsec_is_gone(hw))
		return -ENODEV;
	if (err)
		return err;

	sa = nsim_ipsec_sa_of(hw, x);
	if (!sa) {
		nsim_ipsec_op(hw, NSIM_IPSEC_VIOLATION);
		return -ENOENT;
	}
	nsim_ipsec_sa_stop(sa);
	/*
	 * A larval state has counted nothing; software keeps the counters of
	 * crypto offload.
	 */
	if (sa->type != XFRM_DEV_OFFLOAD_PACKET || !sa->aead)
		return -EOPNOTSUPP;
	err = nsim_ipsec_fault_verdict(hw, NSIM_IPSEC_CHECK_COUNTERS, NULL, 0);
	if (err)
		return err;

	seq = sa->dir == XFRM_DEV_OFFLOAD_OUT ? sa->seq : sa->replay.top;
	final->seq = nsim_ipsec_fault_number(sa, NSIM_IPSEC_LAST_SEQ, seq);
	if (sa->dir == XFRM_DEV_OFFLOAD_IN && final->window)
		nsim_ipsec_replay_export(&sa->replay, final->replay, final->window);
	nsim_ipsec_sa_report(sa, &final->bytes, &final->packets);
	return 0;
}
#endif

static int nsim_ipsec_check_policy(const struct xfrm_policy *xp, struct netlink_ext_ack *extack)
{
	const struct xfrm_tmpl *tmpl = &xp->xfrm_vec[0];

	if (xp->xdo.dir != XFRM_DEV_OFFLOAD_IN && xp->xdo.dir != XFRM_DEV_OFFLOAD_OUT) {
		NL_SET_ERR_MSG_MOD(extack, "The device has no forward policies");
		return -EINVAL;
	}
	if (xp->type != XFRM_POLICY_TYPE_MAIN) {
		NL_SET_ERR_MSG_MOD(extack, "The device has no sub-policies");
		return -EINVAL;
	}
	if (xp->action == XFRM_POLICY_BLOCK || !xp->xfrm_nr)
		return 0;
	if (xp->xfrm_nr > 1) {
		NL_SET_ERR_MSG_MOD(extack, "The device applies one template only");
		return -EINVAL;
	}
	if (tmpl->id.proto != IPPROTO_ESP) {
		NL_SET_ERR_MSG_MOD(extack, "The device offers ESP only");
		return -EINVAL;
	}
	if (tmpl->mode != XFRM_MODE_TRANSPORT && tmpl->mode != XFRM_MODE_TUNNEL) {
		NL_SET_ERR_MSG_MOD(extack, "The device offers tunnel and transport mode only");
		return -EINVAL;
	}
	return 0;
}

static int nsim_ipsec_policy_op_add(struct xfrm_policy *xp, struct netlink_ext_ack *extack)
{
	struct nsim_ipsec *hw = nsim_ipsec_of_policy(xp);
	int err;

	err = nsim_ipsec_check_device(hw, extack) ?:
	      nsim_ipsec_check_policy(xp, extack) ?:
	      nsim_ipsec_policy_add(hw, xp, extack);
	nsim_ipsec_op(hw, err ? NSIM_IPSEC_POLICY_ADD_REFUSED : NSIM_IPSEC_POLICY_ADD);
	return err;
}

static void nsim_ipsec_policy_op_delete(struct xfrm_policy *xp)
{
	struct nsim_ipsec *hw = nsim_ipsec_of_policy(xp);

	nsim_ipsec_op(hw, NSIM_IPSEC_POLICY_DELETE);
	if (!nsim_ipsec_policy_delete(hw, xp))
		nsim_ipsec_op(hw, NSIM_IPSEC_VIOLATION);
}

static void nsim_ipsec_policy_op_free(struct xfrm_policy *xp)
{
	struct nsim_ipsec *hw = nsim_ipsec_of_policy(xp);

	nsim_ipsec_op(hw, NSIM_IPSEC_POLICY_FREE);
	if (!nsim_ipsec_policy_free(hw, xp))
		nsim_ipsec_op(hw, NSIM_IPSEC_VIOLATION);
}

static const struct xfrmdev_ops nsim_ipsec_ops = {
	.xdo_dev_state_add		= nsim_ipsec_state_add,
	.xdo_dev_state_delete		= nsim_ipsec_state_delete,
	.xdo_dev_state_free		= nsim_ipsec_state_free,
	.xdo_dev_offload_ok		= nsim_ipsec_offload_ok,
	.xdo_dev_state_advance_esn	= nsim_ipsec_advance_esn,
	.xdo_dev_state_update_stats	= nsim_ipsec_update_stats,
	.xdo_dev_policy_add		= nsim_ipsec_policy_op_add,
	.xdo_dev_policy_delete		= nsim_ipsec_policy_op_delete,
	.xdo_dev_policy_free		= nsim_ipsec_policy_op_free,
#ifdef XFRM_DEV_UNBIND
	.xdo_dev_state_unbind		= nsim_ipsec_state_unbind,
#endif
};

/* The stack refuses checksums inside ESP on a device without ESP. */
netdev_features_t nsim_ipsec_fix_features(struct net_device *dev, netdev_features_t features)
{
	if (!(features & NETIF_F_HW_ESP))
		features &= ~NETIF_F_HW_ESP_TX_CSUM;
	return features;
}

static void nsim_ipsec_destroy(struct nsim_ipsec *hw)
{
	nsim_ipsec_debugfs_remove(hw);
	nsim_ipsec_sa_table_destroy(hw);
	nsim_ipsec_policy_table_destroy(hw);
	kfree(hw);
}

/* Called when nothing refers to the port any more: late frees by the stack find the tables. */
static void nsim_ipsec_priv_destructor(struct net_device *dev)
{
	struct netdevsim *ns = netdev_priv(dev);

	if (ns->ipsec)
		nsim_ipsec_destroy(ns->ipsec);
	ns->ipsec = NULL;
}

/* Without memory for its tables a port has no IPsec. */
void nsim_ipsec_init(struct netdevsim *ns)
{
	struct net_device *dev = ns->netdev;
	struct nsim_ipsec *hw;
	int err;

	hw = kzalloc(sizeof(*hw), GFP_KERNEL);
	if (!hw)
		return;

	hw->netdev = dev;
	hw->max_sas = READ_ONCE(ipsec_max_sas);
	hw->max_policies = NSIM_IPSEC_DEFAULT_MAX;
	nsim_ipsec_faults_init(hw);
	spin_lock_init(&hw->lock);
	err = nsim_ipsec_sa_table_init(hw);
	err = nsim_ipsec_policy_table_init(hw) ?: err;
	if (err) {
		nsim_ipsec_destroy(hw);
		return;
	}

	ns->ipsec = hw;
	dev->priv_destructor = nsim_ipsec_priv_destructor;
	dev->xfrmdev_ops = &nsim_ipsec_ops;
	dev->features |= NSIM_IPSEC_FEATURES;
	dev->hw_features |= NSIM_IPSEC_FEATURES;
	/* The tag of a VLAN comes beside the frame: the engine sees what is behind it. */
	dev->features |= NETIF_F_HW_VLAN_CTAG_TX;
	dev->hw_enc_features |= NSIM_IPSEC_FEATURES | NETIF_F_SG | NETIF_F_HW_CSUM;
	/* Frames are changed in place. */
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	nsim_ipsec_debugfs_add(hw, ns->nsim_dev_port->ddir);
}

void nsim_ipsec_teardown(struct netdevsim *ns)
{
	struct nsim_ipsec *hw = ns->ipsec;

	if (!hw)
		return;
	nsim_ipsec_debugfs_remove(hw);
	if (hw->sa_count || hw->policy_count)
		netdev_err(ns->netdev, "removed with %u SAs and %u policies left\n",
			   hw->sa_count, hw->policy_count);
	if (ns->netdev->reg_state == NETREG_UNINITIALIZED)
		nsim_ipsec_priv_destructor(ns->netdev);
}
