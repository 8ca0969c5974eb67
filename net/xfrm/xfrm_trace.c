// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints of offload, see include/trace/events/xfrm.h. What is computed
 * for an event only is computed here, after the test that it is on.
 */

#include <linux/ktime.h>
#include <linux/netdevice.h>
#include <net/xfrm.h>

#include "xfrm_offload.h"

#define CREATE_TRACE_POINTS
#include <trace/events/xfrm.h>

#ifdef CONFIG_XFRM_OFFLOAD
/**
 * __xfrm_driver_begin - trace that a callback of a driver begins
 * @dev: the device
 * @call: name of the callback, without xdo_dev_
 * @obj: the SA or policy
 * @id: its SPI, or its index
 *
 * Context: that of the callback.
 * Return: the time, for __xfrm_driver_end().
 */
u64 __xfrm_driver_begin(const struct net_device *dev, const char *call,
			const void *obj, u32 id)
{
	trace_xfrm_driver_begin(dev, call, obj, id);
	return ktime_get_ns();
}

/**
 * __xfrm_driver_end - trace that it has ended
 * @dev: as for __xfrm_driver_begin(), as are @call, @obj and @id
 * @call: see there
 * @obj: see there
 * @id: see there
 * @err: what the callback returned
 * @began: what __xfrm_driver_begin() returned
 *
 * Context: that of the callback.
 */
void __xfrm_driver_end(const struct net_device *dev, const char *call,
		       const void *obj, u32 id, int err, u64 began)
{
	trace_xfrm_driver_end(dev, call, obj, id, err, ktime_get_ns() - began);
}

/**
 * xfrm_offload_count - how many SAs, or policies, are in a list
 * @list: a list that nothing else changes
 *
 * Context: process.
 * Return: the number.
 */
u32 xfrm_offload_count(const struct hlist_head *list)
{
	const struct hlist_node *node;
	u32 n = 0;

	hlist_for_each(node, list)
		n++;

	return n;
}
#endif
