/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's words and numbers, with what older exported headers lack. */
#ifndef XFRMCTL_UTIL_H
#define XFRMCTL_UTIL_H

#include <assert.h>
#include <linux/netlink.h>
#include <linux/types.h>
#include <linux/xfrm.h>
#include <linux/xfrm_invalid.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* An enum value in patched headers; the same number, whichever is seen. */
#ifndef XFRMA_INVALID
#define XFRMA_INVALID		64
#endif

/* The highest attribute that the tool reads. */
#define ATTR_MAX		XFRMA_INVALID

/* XFRM_MSG_MIGRATE_STATE, which only patched headers have: its number, header and
 * flags.
 */
#define MSG_MIGRATE_STATE	(XFRM_MSG_GETDEFAULT + 1)

struct migrate_state {
	struct xfrm_usersa_id id;
	xfrm_address_t new_daddr;
	xfrm_address_t new_saddr;
	struct xfrm_mark old_mark;
	struct xfrm_selector new_sel;
	__u32 new_reqid;
	__u32 flags;
	__u16 new_family;
	__u16 reserved;
};

static_assert(sizeof(struct migrate_state) == 132, "the kernel's ABI");

#define MIGRATE_STATE_CLEAR_OFFLOAD	1
#define MIGRATE_STATE_UPDATE_H2H_SEL	2

/* The kernel's limit on templates in a policy. */
#define TMPL_MAX		6

#endif
