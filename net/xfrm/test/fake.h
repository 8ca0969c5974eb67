/* SPDX-License-Identifier: GPL-2.0 */
/* What the KUnit tests of net/xfrm share. */
#ifndef _NET_XFRM_TEST_FAKE_H
#define _NET_XFRM_TEST_FAKE_H

#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>

/* A device that is a table of callbacks; free_netdev() ends it. */
static inline struct net_device *fake_nic(struct kunit *test, const char *name,
					  const struct xfrmdev_ops *ops)
{
	struct net_device *dev = alloc_netdev(0, name, NET_NAME_UNKNOWN,
					      ether_setup);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	dev->xfrmdev_ops = ops;
	dev->features |= NETIF_F_HW_ESP;

	return dev;
}

/* Where it is looked for by its index, or has others above it. It is never up;
 * unregister_netdev() ends it, then free_netdev().
 */
static inline void fake_nic_register(struct kunit *test, struct net_device *dev)
{
	static const struct net_device_ops no_ops = {};

	dev->netdev_ops = &no_ops;
	KUNIT_ASSERT_EQ(test, register_netdev(dev), 0);
}

#endif /* _NET_XFRM_TEST_FAKE_H */
