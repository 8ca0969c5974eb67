/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's numbers, with what older exported headers lack. */
#ifndef XFRMCTL_UAPI_H
#define XFRMCTL_UAPI_H

#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <linux/xfrm_unbound.h>

/* An enum value in patched headers; the same number, whichever is seen. */
#ifndef XFRMA_UNBOUND
#define XFRMA_UNBOUND		64
#endif

/* The highest attribute that the tool reads. */
#define ATTR_MAX		XFRMA_UNBOUND

/* What mainline numbers next after XFRM_MSG_GETDEFAULT; only probed here. */
#define MSG_MIGRATE_STATE	(XFRM_MSG_GETDEFAULT + 1)

/* The kernel's limit on templates in a policy. */
#define TMPL_MAX		6

#endif
