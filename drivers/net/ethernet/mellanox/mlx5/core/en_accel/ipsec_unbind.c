// SPDX-License-Identifier: GPL-2.0
/*
 * Taking an SA off the device so that no packet of it leaves as it is, and
 * reading where it stopped.
 *
 * The steering tables pass on what matches no rule. A packet that waits in a
 * send queue when the rule of its SA goes leaves in clear, so the queues have
 * to be empty of what they held before.
 */

#include <linux/delay.h>
#include <linux/rtnetlink.h>
#include <net/xfrm.h>

#include "en.h"
#include "ipsec.h"
#include "ipsec_seq.h"
#include "ipsec_unbind.h"
#include "mlx5_core.h"

/* Far more than a queue needs that is not held up, by pause frames for example */
#define MLX5E_IPSEC_DRAIN	msecs_to_jiffies(500)

/* Waits until the device has done with what is in the queue now. */
static int mlx5e_ipsec_drain_sq(struct mlx5e_txqsq *sq, unsigned long deadline)
{
	u16 done = READ_ONCE(sq->cc);
	u16 left = READ_ONCE(sq->pc) - done;
	u16 now;

	while (left) {
		if (time_after(jiffies, deadline))
			return -ETIMEDOUT;

		usleep_range(20, 50);
		now = READ_ONCE(sq->cc);
		left -= min_t(u16, left, now - done);
		done = now;
	}

	return 0;
}

/* Under priv->state_lock, which keeps the queues. */
static int mlx5e_ipsec_drain_sqs(struct mlx5e_priv *priv, unsigned long wait)
{
	unsigned long deadline = jiffies + wait;
	struct mlx5e_txqsq *sq;
	unsigned int i;
	int err;

	if (!test_bit(MLX5E_STATE_OPENED, &priv->state))
		return 0;

	for (i = 0; i < priv->netdev->real_num_tx_queues; i++) {
		sq = priv->txq2sq[i];
		err = sq ? mlx5e_ipsec_drain_sq(sq, deadline) : 0;
		if (err)
			return err;
	}

	return 0;
}

/* Marks the SAs that the stack has fenced. After the grace period no packet of
 * one of them comes into a send queue any more.
 */
static void mlx5e_ipsec_mark_fenced(struct mlx5e_ipsec *ipsec)
{
	struct mlx5e_ipsec_sa_entry *sa_entry;
	unsigned long id;

	xa_lock_bh(&ipsec->sadb);
	xa_for_each(&ipsec->sadb, id, sa_entry)
		sa_entry->fenced = READ_ONCE(sa_entry->x->km.state) ==
				   XFRM_STATE_INVALID;
	xa_unlock_bh(&ipsec->sadb);

	synchronize_net();
}

static void mlx5e_ipsec_mark_drained(struct mlx5e_ipsec *ipsec)
{
	struct mlx5e_ipsec_sa_entry *sa_entry;
	unsigned long id;

	xa_lock_bh(&ipsec->sadb);
	xa_for_each(&ipsec->sadb, id, sa_entry)
		if (sa_entry->fenced)
			sa_entry->drained = true;
	xa_unlock_bh(&ipsec->sadb);
}

/* Queues that stand still are opened anew once, for all SAs that go. */
static int mlx5e_ipsec_drain_by_force(struct mlx5e_priv *priv,
				      struct mlx5e_ipsec *ipsec)
{
	int err;

	mlx5e_ipsec_mark_fenced(ipsec);
	err = mlx5e_safe_reopen_channels(priv);
	if (!err)
		mlx5e_ipsec_mark_drained(ipsec);

	return err;
}

/* Empties the send queues of packets of an SA that gets no new ones; by force if
 * the caller holds RTNL, which that takes. A device that is down sends nothing.
 */
static int mlx5e_ipsec_drain(struct mlx5e_ipsec_sa_entry *sa_entry, bool force)
{
	struct mlx5e_priv *priv = netdev_priv(sa_entry->dev);
	struct mlx5e_ipsec *ipsec = sa_entry->ipsec;
	int err = 0;

	if (sa_entry->attrs.dir != XFRM_DEV_OFFLOAD_OUT || sa_entry->drained ||
	    mlx5_cmd_is_down(ipsec->mdev))
		return 0;

	mutex_lock(&priv->state_lock);
	err = mlx5e_ipsec_drain_sqs(priv, ipsec->stalled ?
				    1 : MLX5E_IPSEC_DRAIN);
	if (err && force)
		err = mlx5e_ipsec_drain_by_force(priv, ipsec);
	ipsec->stalled = err;
	mutex_unlock(&priv->state_lock);

	sa_entry->drained = !err;
	return err;
}

/**
 * mlx5e_ipsec_sa_drain - before the rules of an SA go
 * @sa_entry: SA that gets no new packets
 *
 * A packet holds its SA; so if the stack frees an SA that was deleted, there is
 * none. Only a device that is closed frees an SA of which there may be some.
 *
 * Context: process, may sleep; takes priv->state_lock.
 */
void mlx5e_ipsec_sa_drain(struct mlx5e_ipsec_sa_entry *sa_entry)
{
	if (mlx5e_ipsec_drain(sa_entry, false))
		netdev_warn_once(sa_entry->dev,
				 "send queues stand still, IPsec rules go all the same\n");
}

/**
 * mlx5e_ipsec_sa_quiesce - no work acts on an SA any more
 * @sa_entry: the SA
 *
 * The notifiers and the Rx path find an SA under RCU: they may still queue works
 * of one that is off the table already.
 *
 * Context: process, may sleep; the works take x->lock.
 */
void mlx5e_ipsec_sa_quiesce(struct mlx5e_ipsec_sa_entry *sa_entry)
{
	disable_work_sync(&sa_entry->event_work);
	if (sa_entry->work)
		disable_work_sync(&sa_entry->work->work);
	if (sa_entry->dwork)
		disable_delayed_work_sync(&sa_entry->dwork->dwork);
}

static int mlx5e_ipsec_query_obj(struct mlx5e_ipsec_sa_entry *sa_entry,
				 u32 *out, int outlen)
{
	u32 in[MLX5_ST_SZ_DW(general_obj_in_cmd_hdr)] = {};

	MLX5_SET(general_obj_in_cmd_hdr, in, opcode,
		 MLX5_CMD_OP_QUERY_GENERAL_OBJECT);
	MLX5_SET(general_obj_in_cmd_hdr, in, obj_type,
		 MLX5_GENERAL_OBJECT_TYPES_IPSEC);
	MLX5_SET(general_obj_in_cmd_hdr, in, obj_id, sa_entry->ipsec_obj_id);

	return mlx5_cmd_exec(mlx5e_ipsec_sa2dev(sa_entry), in, sizeof(in),
			     out, outlen);
}

static int mlx5e_ipsec_read_final(struct mlx5e_ipsec_sa_entry *sa_entry,
				  u64 *seq)
{
	u32 out[MLX5_ST_SZ_DW(query_ipsec_obj_out)] = {};
	struct mlx5e_ipsec_stop stop = {
		.aso = sa_entry->ctx,
		.obj = MLX5_ADDR_OF(query_ipsec_obj_out, out, ipsec_object),
		.esn_msb = sa_entry->esn_state.esn_msb,
		.esn_overlap = sa_entry->esn_state.overlap,
		.dir = sa_entry->attrs.dir,
		.esn = sa_entry->attrs.replay_esn.trigger,
	};
	int err;

	err = mlx5e_ipsec_query_obj(sa_entry, out, sizeof(out));
	if (err)
		return err;

	spin_lock_bh(&sa_entry->x->lock);
	err = mlx5e_ipsec_aso_query(sa_entry, NULL);
	spin_unlock_bh(&sa_entry->x->lock);
	if (err)
		return err;

	return mlx5e_ipsec_final_seq(&stop, seq);
}

/**
 * mlx5e_ipsec_unbind_state - the device loses an SA
 * @dev: the device
 * @x: the SA
 * @final: where it stopped. What the rules counted is reported by
 *	xdo_dev_state_update_stats(), which is called after it.
 *
 * What the send queues hold leaves encrypted. Then the rules drop what matches
 * them, so that no packet takes a number that was read.
 *
 * Context: process, may sleep, under RTNL unless a user deletes the SA, for which
 * queues that stand still are not opened anew; takes priv->state_lock.
 * Return: 0; -EOPNOTSUPP for inbound SAs, see mlx5e_ipsec_final_seq(), for
 * larval ones, and for crypto offload, where the stack has the numbers; -EIO or
 * -ETIMEDOUT if the device does not answer, or nothing that makes sense; an
 * error of its commands.
 */
int mlx5e_ipsec_unbind_state(struct net_device *dev, struct xfrm_state *x,
			     struct xfrm_dev_counters *final)
{
	struct mlx5e_ipsec_sa_entry *sa_entry =
		(struct mlx5e_ipsec_sa_entry *)x->xso.offload_handle;
	int err;

	if (x->xso.flags & XFRM_DEV_OFFLOAD_FLAG_ACQ)
		return -EOPNOTSUPP;

	mlx5e_ipsec_sa_quiesce(sa_entry);
	if (mlx5_cmd_is_down(sa_entry->ipsec->mdev))
		return -EIO;

	/* RTNL is held unless a user deletes the SA. */
	err = mlx5e_ipsec_drain(sa_entry,
				READ_ONCE(x->km.state) != XFRM_STATE_DEAD);
	if (err)
		return err;

	sa_entry->attrs.drop = true;
	err = mlx5e_accel_ipsec_fs_modify(sa_entry);
	if (err)
		return err;

	if (x->xso.type != XFRM_DEV_OFFLOAD_PACKET ||
	    x->xso.dir != XFRM_DEV_OFFLOAD_OUT)
		return -EOPNOTSUPP;

	return mlx5e_ipsec_read_final(sa_entry, &final->seq);
}

/**
 * mlx5e_ipsec_suspend - the hardware goes, its device stays
 * @dev: the device, which need not have been registered
 *
 * System sleep and a change between the NIC's and the representor's profile tear
 * down what SAs and policies live in without setting the device down for the
 * stack. A reload, a reset and a recovery of the firmware unregister it instead.
 *
 * Context: process, may sleep, without RTNL.
 */
void mlx5e_ipsec_suspend(struct net_device *dev)
{
	if (dev->reg_state != NETREG_REGISTERED)
		return;

	rtnl_lock();
	xfrm_dev_suspend_hw(dev);
	rtnl_unlock();
}

/**
 * mlx5e_ipsec_resume - the hardware is back
 * @dev: the device, which need not be registered yet
 *
 * What it could not tell at mlx5e_ipsec_suspend(), or does not take any more,
 * becomes INVALID.
 *
 * Context: process, may sleep, without RTNL.
 */
void mlx5e_ipsec_resume(struct net_device *dev)
{
	if (dev->reg_state != NETREG_REGISTERED)
		return;

	rtnl_lock();
	xfrm_dev_restore_hw(dev);
	rtnl_unlock();
}
