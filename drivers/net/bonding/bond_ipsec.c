// SPDX-License-Identifier: GPL-2.0
/*
 * IPsec offload of a bond: the active slave of active-backup does the work.
 *
 * What the bond holds is on the slave that xso.real_dev and xdo.real_dev name.
 * The stack moves all of it when the active slave changes (xfrm_dev_suspend(),
 * then xfrm_dev_restore()), under RTNL and while no callback runs: between the two
 * real_dev is NULL, otherwise it does not change.
 */

#include <linux/netdevice.h>
#include <net/bonding.h>
#include <net/xfrm.h>

#include "bond_ipsec.h"

/* The slave that takes an SA or policy, held; or an error. */
static struct net_device *bond_ipsec_slave(struct net_device *bond_dev,
					   netdevice_tracker *tracker,
					   struct netlink_ext_ack *extack)
{
	struct bonding *bond = netdev_priv(bond_dev);
	struct net_device *dev;
	struct slave *slave;
	int err;

	if (BOND_MODE(bond) != BOND_MODE_ACTIVEBACKUP) {
		NL_SET_ERR_MSG_MOD(extack, "IPsec offload needs active-backup mode");
		return ERR_PTR(-EOPNOTSUPP);
	}

	rcu_read_lock();
	slave = rcu_dereference(bond->curr_active_slave);
	dev = slave ? slave->dev : NULL;
	netdev_hold(dev, tracker, GFP_ATOMIC);
	rcu_read_unlock();

	if (!dev) {
		NL_SET_ERR_MSG_MOD(extack, "The bond has no active slave");
		return ERR_PTR(-ENODEV);
	}

	if (!netif_running(dev)) {
		NL_SET_ERR_MSG_MOD(extack, "The active slave is down");
		err = -ENETDOWN;
	} else if (netif_is_bond_master(dev) || !dev->xfrmdev_ops) {
		NL_SET_ERR_MSG_MOD(extack, "The active slave does not offload IPsec");
		err = -EOPNOTSUPP;
	} else {
		err = xfrm_dev_ready(dev, extack);
	}

	if (err) {
		netdev_put(dev, tracker);
		return ERR_PTR(err);
	}

	return dev;
}

static int bond_ipsec_state_add(struct xfrm_state *x,
				struct netlink_ext_ack *extack)
{
	struct net_device *before = x->xso.real_dev;
	netdevice_tracker tracker;
	struct net_device *dev;
	int err = -EOPNOTSUPP;

	dev = bond_ipsec_slave(x->xso.dev, &tracker, extack);
	if (IS_ERR(dev))
		return PTR_ERR(dev);

	if (dev->xfrmdev_ops->xdo_dev_state_add) {
		x->xso.real_dev = dev;
		err = dev->xfrmdev_ops->xdo_dev_state_add(x, extack);
		if (err)
			x->xso.real_dev = before;
	}

	netdev_put(dev, &tracker);
	return err;
}

static void bond_ipsec_state_delete(struct xfrm_state *x)
{
	x->xso.real_dev->xfrmdev_ops->xdo_dev_state_delete(x);
}

static void bond_ipsec_state_free(struct xfrm_state *x)
{
	struct net_device *dev = x->xso.real_dev;

	if (dev->xfrmdev_ops->xdo_dev_state_free)
		dev->xfrmdev_ops->xdo_dev_state_free(x);
	WRITE_ONCE(x->xso.real_dev, NULL);
}

static int bond_ipsec_state_unbind(struct net_device *bond_dev,
				   struct xfrm_state *x,
				   struct xfrm_dev_counters *final)
{
	struct net_device *dev = x->xso.real_dev;

	if (!dev->xfrmdev_ops->xdo_dev_state_unbind)
		return -EOPNOTSUPP;

	return dev->xfrmdev_ops->xdo_dev_state_unbind(dev, x, final);
}

/* Those that ask about a packet or a counter run beside a change of slaves. */
static const struct xfrmdev_ops *bond_ipsec_ops(const struct xfrm_state *x)
{
	struct net_device *dev = READ_ONCE(x->xso.real_dev);

	return dev ? dev->xfrmdev_ops : NULL;
}

static bool bond_ipsec_offload_ok(struct sk_buff *skb, struct xfrm_state *x)
{
	const struct xfrmdev_ops *ops = bond_ipsec_ops(x);

	if (!ops)
		return false;

	return !ops->xdo_dev_offload_ok || ops->xdo_dev_offload_ok(skb, x);
}

static void bond_ipsec_advance_esn(struct xfrm_state *x)
{
	const struct xfrmdev_ops *ops = bond_ipsec_ops(x);

	if (ops && ops->xdo_dev_state_advance_esn)
		ops->xdo_dev_state_advance_esn(x);
}

static void bond_ipsec_update_stats(struct xfrm_state *x)
{
	const struct xfrmdev_ops *ops = bond_ipsec_ops(x);

	if (ops && ops->xdo_dev_state_update_stats)
		ops->xdo_dev_state_update_stats(x);
}

static int bond_ipsec_policy_add(struct xfrm_policy *xp,
				 struct netlink_ext_ack *extack)
{
	struct net_device *before = xp->xdo.real_dev;
	netdevice_tracker tracker;
	struct net_device *dev;
	int err = -EOPNOTSUPP;

	dev = bond_ipsec_slave(xp->xdo.dev, &tracker, extack);
	if (IS_ERR(dev))
		return PTR_ERR(dev);

	if (dev->xfrmdev_ops->xdo_dev_policy_add) {
		xp->xdo.real_dev = dev;
		err = dev->xfrmdev_ops->xdo_dev_policy_add(xp, extack);
		if (err)
			xp->xdo.real_dev = before;
	} else {
		NL_SET_ERR_MSG_MOD(extack, "The active slave does not offload policies");
	}

	netdev_put(dev, &tracker);
	return err;
}

static void bond_ipsec_policy_delete(struct xfrm_policy *xp)
{
	struct net_device *dev = xp->xdo.real_dev;

	if (dev->xfrmdev_ops->xdo_dev_policy_delete)
		dev->xfrmdev_ops->xdo_dev_policy_delete(xp);
}

static void bond_ipsec_policy_free(struct xfrm_policy *xp)
{
	struct net_device *dev = xp->xdo.real_dev;

	if (dev->xfrmdev_ops->xdo_dev_policy_free)
		dev->xfrmdev_ops->xdo_dev_policy_free(xp);
	xp->xdo.real_dev = NULL;
}

const struct xfrmdev_ops bond_ipsec_xfrmdev_ops = {
	.xdo_dev_state_add		= bond_ipsec_state_add,
	.xdo_dev_state_delete		= bond_ipsec_state_delete,
	.xdo_dev_state_free		= bond_ipsec_state_free,
	.xdo_dev_state_unbind		= bond_ipsec_state_unbind,
	.xdo_dev_offload_ok		= bond_ipsec_offload_ok,
	.xdo_dev_state_advance_esn	= bond_ipsec_advance_esn,
	.xdo_dev_state_update_stats	= bond_ipsec_update_stats,
	.xdo_dev_policy_add		= bond_ipsec_policy_add,
	.xdo_dev_policy_delete		= bond_ipsec_policy_delete,
	.xdo_dev_policy_free		= bond_ipsec_policy_free,
};
