/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What userspace sees of an SA that lost the device it was offloaded to.
 *
 * Such an SA is INVALID: it stays in the SAD and carries no packet. Its dump,
 * the answer to XFRM_MSG_GETSA and its XFRM_MSG_EXPIRE carry XFRMA_INVALID,
 * a nest of the attributes below; XFRMA_OFFLOAD_DEV is not there any more.
 * A request that carries XFRMA_INVALID is refused, except that a copy of an SA
 * (XFRM_MSG_NEWSA, XFRM_MSG_UPDSA) may have it. Without XFRMA_INVALID_EXACT the new
 * SA is INVALID, and an update is refused.
 */
#ifndef _UAPI_LINUX_XFRM_INVALID_H
#define _UAPI_LINUX_XFRM_INVALID_H

/**
 * enum xfrm_invalid_reason - why an SA lost its device
 * @XFRM_INVALID_UNSPEC: never sent
 * @XFRM_INVALID_DEV_DOWN: the device was set down
 * @XFRM_INVALID_DEV_UNREGISTER: the device was unregistered: its driver was
 *	unbound or unloaded, it was unplugged, or it moved to another netns
 * @XFRM_INVALID_FEATURE_OFF: esp-hw-offload was switched off
 * @XFRM_INVALID_SLAVE_LOST: a bond lost the slave that held the SA and had no
 *	successor for it
 * @XFRM_INVALID_DRIVER: the driver reported the SA broken
 * @XFRM_INVALID_MIGRATED: the SA was migrated away
 * @XFRM_INVALID_TAIL: the SA was added with a key of an earlier SA, and the device
 *	of that one did not tell where it stopped
 * @XFRM_INVALID_EXHAUSTED: the device has used the SA's last sequence number
 * @XFRM_INVALID_REFUSED: the SA was added as a copy of an earlier, offloaded SA, and
 *	its device did not take it
 */
enum xfrm_invalid_reason {
	XFRM_INVALID_UNSPEC,
	XFRM_INVALID_DEV_DOWN,
	XFRM_INVALID_DEV_UNREGISTER,
	XFRM_INVALID_FEATURE_OFF,
	XFRM_INVALID_SLAVE_LOST,
	XFRM_INVALID_DRIVER,
	XFRM_INVALID_MIGRATED,
	XFRM_INVALID_TAIL,
	XFRM_INVALID_EXHAUSTED,
	XFRM_INVALID_REFUSED,	/* private: */
	__XFRM_INVALID_MAX
};

#define XFRM_INVALID_MAX	(__XFRM_INVALID_MAX - 1)

/**
 * enum xfrm_invalid_attr - what XFRMA_INVALID nests
 * @XFRMA_INVALID_UNSPEC: never sent
 * @XFRMA_INVALID_REASON: u32, enum xfrm_invalid_reason
 * @XFRMA_INVALID_IFINDEX: u32, the interface index that the device had
 * @XFRMA_INVALID_IFNAME: string, the name that the device had
 * @XFRMA_INVALID_EXACT: flag; the SA's sequence numbers, replay window and
 *	lifetime counters are those of the last packet that the device handled,
 *	so the SA can be carried on without using an IV twice
 * @XFRMA_INVALID_PAD: nothing; aligns the next one
 * @XFRMA_INVALID_SINCE: u64; when the SA became INVALID, in seconds since 1970 of
 *	the clock that struct xfrm_lifetime_cur has its times from
 */
enum xfrm_invalid_attr {
	XFRMA_INVALID_UNSPEC,
	XFRMA_INVALID_REASON,
	XFRMA_INVALID_IFINDEX,
	XFRMA_INVALID_IFNAME,
	XFRMA_INVALID_EXACT,
	XFRMA_INVALID_PAD,
	XFRMA_INVALID_SINCE,	/* private: */
	__XFRMA_INVALID_MAX
};

#define XFRMA_INVALID_MAX	(__XFRMA_INVALID_MAX - 1)

#endif /* _UAPI_LINUX_XFRM_INVALID_H */
