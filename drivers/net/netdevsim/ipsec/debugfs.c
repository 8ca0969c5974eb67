// SPDX-License-Identifier: GPL-2.0
/*
 * What the engine shows, as registers would: no keys. Per port in ipsec_hw/;
 * calls of all ports, deleted ones included, in netdevsim/ipsec_hw/ops.
 */

#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "engine.h"
#include "../netdevsim.h"

static const char * const nsim_ipsec_op_names[] = {
	[NSIM_IPSEC_STATE_ADD]		= "state_add",
	[NSIM_IPSEC_STATE_ADD_REFUSED]	= "state_add_refused",
	[NSIM_IPSEC_STATE_DELETE]	= "state_delete",
	[NSIM_IPSEC_STATE_FREE]		= "state_free",
	[NSIM_IPSEC_STATE_UNBIND]	= "state_unbind",
	[NSIM_IPSEC_POLICY_ADD]		= "policy_add",
	[NSIM_IPSEC_POLICY_ADD_REFUSED]	= "policy_add_refused",
	[NSIM_IPSEC_POLICY_DELETE]	= "policy_delete",
	[NSIM_IPSEC_POLICY_FREE]	= "policy_free",
	[NSIM_IPSEC_VIOLATION]		= "violations",
};

static_assert(ARRAY_SIZE(nsim_ipsec_op_names) == NSIM_IPSEC_OPS);

static const char * const nsim_ipsec_counter_names[] = {
	[NSIM_IPSEC_TX_ENCRYPTED]	= "tx_encrypted",
	[NSIM_IPSEC_TX_CRYPTO]		= "tx_crypto",
	[NSIM_IPSEC_TX_PLAIN]		= "tx_plain",
	[NSIM_IPSEC_TX_PLAIN_NO_SA]	= "tx_plain_no_sa",
	[NSIM_IPSEC_TX_BLOCKED]		= "tx_blocked",
	[NSIM_IPSEC_TX_STOPPED]		= "tx_stopped",
	[NSIM_IPSEC_TX_LIMIT]		= "tx_limit",
	[NSIM_IPSEC_TX_DROPPED]		= "tx_dropped",
	[NSIM_IPSEC_RX_DECRYPTED]	= "rx_decrypted",
	[NSIM_IPSEC_RX_CRYPTO]		= "rx_crypto",
	[NSIM_IPSEC_RX_PLAIN]		= "rx_plain",
	[NSIM_IPSEC_RX_NO_SA]		= "rx_no_sa",
	[NSIM_IPSEC_RX_ICV_FAILED]	= "rx_icv_failed",
	[NSIM_IPSEC_RX_REPLAYED]	= "rx_replayed",
	[NSIM_IPSEC_RX_STOPPED]		= "rx_stopped",
	[NSIM_IPSEC_RX_LIMIT]		= "rx_limit",
	[NSIM_IPSEC_RX_POLICY_DROPPED]	= "rx_policy_dropped",
	[NSIM_IPSEC_RX_DROPPED]		= "rx_dropped",
};

static_assert(ARRAY_SIZE(nsim_ipsec_counter_names) == NSIM_IPSEC_COUNTERS);

static atomic_long_t nsim_ipsec_all_ops[NSIM_IPSEC_OPS];

/* Count a call of the stack, for the port and for all ports. */
void nsim_ipsec_op(struct nsim_ipsec *hw, enum nsim_ipsec_op which)
{
	atomic_long_inc(&hw->ops[which]);
	atomic_long_inc(&nsim_ipsec_all_ops[which]);
}

static void nsim_ipsec_show_numbers(struct seq_file *m, const char * const *names,
				    const atomic_long_t *values, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		seq_printf(m, "%s %ld\n", names[i], atomic_long_read(&values[i]));
}

static int nsim_ipsec_all_ops_show(struct seq_file *m, void *v)
{
	nsim_ipsec_show_numbers(m, nsim_ipsec_op_names, nsim_ipsec_all_ops, NSIM_IPSEC_OPS);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(nsim_ipsec_all_ops);

static int nsim_ipsec_ops_show(struct seq_file *m, void *v)
{
	struct nsim_ipsec *hw = m->private;

	nsim_ipsec_show_numbers(m, nsim_ipsec_op_names, hw->ops, NSIM_IPSEC_OPS);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(nsim_ipsec_ops);

static int nsim_ipsec_counters_show(struct seq_file *m, void *v)
{
	struct nsim_ipsec *hw = m->private;

	nsim_ipsec_show_numbers(m, nsim_ipsec_counter_names, hw->counters, NSIM_IPSEC_COUNTERS);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(nsim_ipsec_counters);

/* Both tables are walked slot by slot, so that 131072 entries need no big buffer. */
static void *nsim_ipsec_slot_from(struct xarray *slots, loff_t *pos)
{
	unsigned long slot = *pos;
	void *entry;

	entry = xa_find(slots, &slot, ULONG_MAX, XA_PRESENT);
	*pos = slot;
	return entry;
}

static void *nsim_ipsec_slot_next(struct xarray *slots, loff_t *pos)
{
	++*pos;
	return nsim_ipsec_slot_from(slots, pos);
}

static void *nsim_ipsec_sa_seq_start(struct seq_file *m, loff_t *pos)
	__acquires(RCU)
{
	struct nsim_ipsec *hw = m->private;

	rcu_read_lock();
	return nsim_ipsec_slot_from(&hw->sa_slots, pos);
}

static void *nsim_ipsec_sa_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct nsim_ipsec *hw = m->private;

	return nsim_ipsec_slot_next(&hw->sa_slots, pos);
}

static void nsim_ipsec_seq_stop(struct seq_file *m, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
}

static void nsim_ipsec_show_addr(struct seq_file *m, const char *name, u16 family,
				 const xfrm_address_t *addr)
{
	if (family == AF_INET6)
		seq_printf(m, " %s=%pI6c", name, addr->a6);
	else
		seq_printf(m, " %s=%pI4", name, &addr->a4);
}

static const char *nsim_ipsec_mode(u8 mode)
{
	return mode == XFRM_MODE_TUNNEL ? "tunnel" : "transport";
}

static const char *nsim_ipsec_dir(u8 dir)
{
	return dir == XFRM_DEV_OFFLOAD_IN ? "in" : "out";
}

static int nsim_ipsec_sa_seq_show(struct seq_file *m, void *v)
{
	struct nsim_ipsec_sa *sa = v;
	u64 seq, bytes, packets;
	bool stopped;

	if (READ_ONCE(sa->stage) == NSIM_IPSEC_SA_DELETED)
		return SEQ_SKIP;

	if (!sa->aead) {
		seq_printf(m, "sa[%u] dir=%s larval\n", sa->slot, nsim_ipsec_dir(sa->dir));
		return 0;
	}

	spin_lock_bh(&sa->lock);
	seq = sa->dir == XFRM_DEV_OFFLOAD_IN ? sa->replay.top : sa->seq;
	bytes = sa->bytes;
	packets = sa->packets;
	stopped = sa->stopped;
	spin_unlock_bh(&sa->lock);

	seq_printf(m, "sa[%u] dir=%s mode=%s type=%s spi=0x%08x", sa->slot,
		   nsim_ipsec_dir(sa->dir), nsim_ipsec_mode(sa->mode),
		   sa->type == XFRM_DEV_OFFLOAD_PACKET ? "packet" : "crypto", ntohl(sa->spi));
	nsim_ipsec_show_addr(m, "src", sa->family, &sa->saddr);
	nsim_ipsec_show_addr(m, "dst", sa->family, &sa->daddr);
	seq_printf(m, " reqid=%u esn=%d seq=%llu window=%u bytes=%llu packets=%llu stopped=%d\n",
		   sa->reqid, sa->esn, seq, sa->replay.window, bytes, packets, stopped);
	return 0;
}

static const struct seq_operations nsim_ipsec_sa_sops = {
	.start	= nsim_ipsec_sa_seq_start,
	.next	= nsim_ipsec_sa_seq_next,
	.stop	= nsim_ipsec_seq_stop,
	.show	= nsim_ipsec_sa_seq_show,
};
DEFINE_SEQ_ATTRIBUTE(nsim_ipsec_sa);

static void *nsim_ipsec_policy_seq_start(struct seq_file *m, loff_t *pos)
	__acquires(RCU)
{
	struct nsim_ipsec *hw = m->private;

	rcu_read_lock();
	return nsim_ipsec_slot_from(&hw->policy_slots, pos);
}

static void *nsim_ipsec_policy_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct nsim_ipsec *hw = m->private;

	return nsim_ipsec_slot_next(&hw->policy_slots, pos);
}

static int nsim_ipsec_policy_seq_show(struct seq_file *m, void *v)
{
	const struct nsim_ipsec_policy *policy = v;
	const struct xfrm_selector *sel = &policy->sel;

	if (READ_ONCE(policy->stage) == NSIM_IPSEC_SA_DELETED)
		return SEQ_SKIP;

	seq_printf(m, "policy[%u] dir=%s priority=%u action=%s", policy->slot,
		   nsim_ipsec_dir(policy->dir), policy->priority,
		   policy->action == XFRM_POLICY_BLOCK ? "block" : "allow");
	nsim_ipsec_show_addr(m, "src", policy->family, &sel->saddr);
	seq_printf(m, "/%u", sel->prefixlen_s);
	nsim_ipsec_show_addr(m, "dst", policy->family, &sel->daddr);
	seq_printf(m, "/%u proto=%u sport=%u dport=%u", sel->prefixlen_d, sel->proto,
		   ntohs(sel->sport), ntohs(sel->dport));
	if (policy->protects)
		seq_printf(m, " mode=%s reqid=%u level=%s", nsim_ipsec_mode(policy->mode),
			   policy->reqid, policy->requires_esp ? "required" : "use");
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations nsim_ipsec_policy_sops = {
	.start	= nsim_ipsec_policy_seq_start,
	.next	= nsim_ipsec_policy_seq_next,
	.stop	= nsim_ipsec_seq_stop,
	.show	= nsim_ipsec_policy_seq_show,
};
DEFINE_SEQ_ATTRIBUTE(nsim_ipsec_policy);

/* The file of the stub that this engine replaces; rtnetlink.sh compares it word by word. */
static int nsim_ipsec_legacy_show(struct seq_file *m, void *v)
{
	struct nsim_ipsec *hw = m->private;
	struct nsim_ipsec_sa *sa;
	unsigned long slot;

	seq_printf(m, "SA count=%u tx=%ld\n", READ_ONCE(hw->crypto_count),
		   atomic_long_read(&hw->counters[NSIM_IPSEC_TX_CRYPTO]));

	rcu_read_lock();
	xa_for_each(&hw->sa_slots, slot, sa) {
		if (sa->type != XFRM_DEV_OFFLOAD_CRYPTO ||
		    READ_ONCE(sa->stage) == NSIM_IPSEC_SA_DELETED)
			continue;
		seq_printf(m, "sa[%lu] %cx", slot, sa->dir == XFRM_DEV_OFFLOAD_IN ? 'r' : 't');
		nsim_ipsec_show_addr(m, "ipaddr", sa->family, &sa->daddr);
		seq_printf(m, "\nsa[%lu]    spi=0x%08x proto=0x%x salt=0x%08x crypt=1\n", slot,
			   ntohl(sa->spi), IPPROTO_ESP, sa->salt);
		seq_printf(m, "sa[%lu]    key=0x%08x %08x %08x %08x\n", slot,
			   sa->key[0], sa->key[1], sa->key[2], sa->key[3]);
	}
	rcu_read_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(nsim_ipsec_legacy);

/* Removed with netdevsim's own directory. Callers hold the RTNL. */
static void nsim_ipsec_debugfs_add_all(void)
{
	static struct dentry *dir;
	struct dentry *top;

	if (dir)
		return;
	top = debugfs_lookup(DRV_NAME, NULL);
	dir = debugfs_create_dir("ipsec_hw", top);
	debugfs_create_file("ops", 0400, dir, NULL, &nsim_ipsec_all_ops_fops);
	dput(top);
}

void nsim_ipsec_debugfs_add(struct nsim_ipsec *hw, struct dentry *port)
{
	nsim_ipsec_debugfs_add_all();

	hw->legacy = debugfs_create_file("ipsec", 0400, port, hw, &nsim_ipsec_legacy_fops);
	hw->dir = debugfs_create_dir("ipsec_hw", port);
	debugfs_create_file("sa", 0400, hw->dir, hw, &nsim_ipsec_sa_fops);
	debugfs_create_file("policy", 0400, hw->dir, hw, &nsim_ipsec_policy_fops);
	debugfs_create_file("counters", 0400, hw->dir, hw, &nsim_ipsec_counters_fops);
	debugfs_create_file("ops", 0400, hw->dir, hw, &nsim_ipsec_ops_fops);
	debugfs_create_u32("max_sas", 0600, hw->dir, &hw->max_sas);
	debugfs_create_u32("max_policies", 0600, hw->dir, &hw->max_policies);
	nsim_ipsec_faults_add(hw, hw->dir);
}

void nsim_ipsec_debugfs_remove(struct nsim_ipsec *hw)
{
	debugfs_remove(hw->legacy);
	debugfs_remove(hw->dir);
	hw->legacy = NULL;
	hw->dir = NULL;
}
