// SPDX-License-Identifier: GPL-2.0
/*
 * A security module for tests: it refuses, when told to, that IPsec SAs and
 * policies are deleted, and counts how often it is asked.
 *
 * /sys/kernel/debug/xfrm_veto/
 *	deny		write 1: every deletion is refused with -EPERM
 *	asked_state	how often it was asked about an SA
 *	asked_policy	how often it was asked about a policy
 */

#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/lsm_hooks.h>

/* Not one of <uapi/linux/lsm.h>: no program looks for this module. */
#define XFRM_VETO_ID	0x7665746f

static bool xfrm_veto_deny;
static atomic_t xfrm_veto_asked_state = ATOMIC_INIT(0);
static atomic_t xfrm_veto_asked_policy = ATOMIC_INIT(0);

static int xfrm_veto_answer(atomic_t *asked)
{
	atomic_inc(asked);

	return READ_ONCE(xfrm_veto_deny) ? -EPERM : 0;
}

static int xfrm_veto_state_delete(struct xfrm_state *x)
{
	return xfrm_veto_answer(&xfrm_veto_asked_state);
}

static int xfrm_veto_policy_delete(struct xfrm_sec_ctx *ctx)
{
	return xfrm_veto_answer(&xfrm_veto_asked_policy);
}

static const struct lsm_id xfrm_veto_lsmid = {
	.name = "xfrm_veto",
	.id = XFRM_VETO_ID,
};

static struct security_hook_list xfrm_veto_hooks[] __ro_after_init = {
	LSM_HOOK_INIT(xfrm_state_delete_security, xfrm_veto_state_delete),
	LSM_HOOK_INIT(xfrm_policy_delete_security, xfrm_veto_policy_delete),
};

static int __init xfrm_veto_init(void)
{
	security_add_hooks(xfrm_veto_hooks, ARRAY_SIZE(xfrm_veto_hooks),
			   &xfrm_veto_lsmid);
	return 0;
}

DEFINE_LSM(xfrm_veto) = {
	.name = "xfrm_veto",
	.init = xfrm_veto_init,
};

/* Security modules start long before debugfs. */
static int __init xfrm_veto_debugfs(void)
{
	struct dentry *dir = debugfs_create_dir("xfrm_veto", NULL);

	debugfs_create_bool("deny", 0600, dir, &xfrm_veto_deny);
	debugfs_create_atomic_t("asked_state", 0400, dir,
				&xfrm_veto_asked_state);
	debugfs_create_atomic_t("asked_policy", 0400, dir,
				&xfrm_veto_asked_policy);
	return 0;
}
late_initcall(xfrm_veto_debugfs);
