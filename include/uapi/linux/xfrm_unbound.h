/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What userspace sees of an SA that lost the device it was offloaded to.
 *
 * Such an SA is INVALID: it stays in the SAD and carries no packet. Its dump,
 * the answer to XFRM_MSG_GETSA and its XFRM_MSG_EXPIRE carry XFRMA_UNBOUND,
 * a nest of the attributes below; XFRMA_OFFLOAD_DEV is not there any more.
 * Only the kernel writes XFRMA_UNBOUND: a request that carries it is refused.
 */
#ifndef _UAPI_LINUX_XFRM_UNBOUND_H
#define _UAPI_LINUX_XFRM_UNBOUND_H

/**
 * enum xfrm_unbind_reason - why an SA lost its device
 * @XFRM_UNBIND_UNSPEC: never sent
 * @XFRM_UNBIND_DEV_DOWN: the device was set down
 * @XFRM_UNBIND_DEV_UNREGISTER: the device was unregistered: its driver was
 *	unbound or unloaded, it was unplugged, or it moved to another netns
 * @XFRM_UNBIND_FEATURE_OFF: esp-hw-offload was switched off
 * @XFRM_UNBIND_SLAVE_LOST: a bond lost the slave that held the SA and had no
 *	successor for it
 * @XFRM_UNBIND_DRIVER: the driver reported the SA broken
 * @XFRM_UNBIND_MIGRATED: the SA was migrated away
 * @XFRM_UNBIND_TAIL: the SA was added with a key of an earlier SA, and the device
 *	of that one did not tell where it stopped
 * @XFRM_UNBIND_EXHAUSTED: the device has used the SA's last sequence number
 */
enum xfrm_unbind_reason {
	XFRM_UNBIND_UNSPEC,
	XFRM_UNBIND_DEV_DOWN,
	XFRM_UNBIND_DEV_UNREGISTER,
	XFRM_UNBIND_FEATURE_OFF,
	XFRM_UNBIND_SLAVE_LOST,
	XFRM_UNBIND_DRIVER,
	XFRM_UNBIND_MIGRATED,
	XFRM_UNBIND_TAIL,
	XFRM_UNBIND_EXHAUSTED,	/* private: */
	__XFRM_UNBIND_MAX
};

#define XFRM_UNBIND_MAX	(__XFRM_UNBIND_MAX - 1)

/**
 * enum xfrm_unbound_attr - what XFRMA_UNBOUND nests
 * @XFRMA_UNBOUND_UNSPEC: never sent
 * @XFRMA_UNBOUND_REASON: u32, enum xfrm_unbind_reason
 * @XFRMA_UNBOUND_IFINDEX: u32, the interface index that the device had
 * @XFRMA_UNBOUND_IFNAME: string, the name that the device had
 * @XFRMA_UNBOUND_EXACT: flag; the SA's sequence numbers, replay window and
 *	lifetime counters are those of the last packet that the device handled,
 *	so the SA can be carried on without using an IV twice
 */
enum xfrm_unbound_attr {
	XFRMA_UNBOUND_UNSPEC,
	XFRMA_UNBOUND_REASON,
	XFRMA_UNBOUND_IFINDEX,
	XFRMA_UNBOUND_IFNAME,
	XFRMA_UNBOUND_EXACT,	/* private: */
	__XFRMA_UNBOUND_MAX
};

#define XFRMA_UNBOUND_MAX	(__XFRMA_UNBOUND_MAX - 1)

#endif /* _UAPI_LINUX_XFRM_UNBOUND_H */
