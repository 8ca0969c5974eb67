// SPDX-License-Identifier: GPL-2.0
/*
 * Fault switches of the simulated device: what each does, and their files in
 * ipsec_hw/fault/ of a port.
 */

#include <linux/delay.h>
#include <linux/preempt.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "engine.h"
#include "../netdevsim.h"

/* --- what the faults do */

/* A call from a context that cannot sleep is not slow. */
static void nsim_ipsec_fault_delay(const struct nsim_ipsec *hw,
				   enum nsim_ipsec_call call)
{
	if (READ_ONCE(hw->faults.delay_target) != call)
		return;
	if (in_task() && !softirq_count() && !irqs_disabled())
		msleep(READ_ONCE(hw->faults.delay_ms));
}

/**
 * nsim_ipsec_fault_call() - delay or fail a call of the stack
 * @hw: the engine
 * @call: what the stack calls for
 * @extack: for the sentence if it fails; may be NULL
 *
 * Context: any; sleeps where the caller may.
 * Return: 0, or -EIO if the call has to fail.
 */
int nsim_ipsec_fault_call(struct nsim_ipsec *hw, enum nsim_ipsec_call call,
			  struct netlink_ext_ack *extack)
{
	const struct nsim_ipsec_faults *faults = &hw->faults;

	nsim_ipsec_fault_delay(hw, call);
	if (call == NSIM_IPSEC_CALL_ADD && READ_ONCE(faults->refuse_add)) {
		NL_SET_ERR_MSG_MOD(extack, "The device was told to refuse");
		return -EIO;
	}
	if (call == NSIM_IPSEC_CALL_UNBIND && READ_ONCE(faults->fail_unbind))
		return -EIO;
	return 0;
}

/* Name an SA that the inbound policy of a plain frame accepts. */
static void nsim_ipsec_fault_attach(struct nsim_ipsec *hw, struct sk_buff *skb)
{
	const struct nsim_ipsec_policy *policy;
	struct nsim_ipsec_flow flow;
	struct nsim_ipsec_sa *sa;
	unsigned long slot;

	if (!nsim_ipsec_flow_read(&flow, skb))
		return;
	policy = nsim_ipsec_policy_find(hw, XFRM_DEV_OFFLOAD_IN, &flow);
	if (!policy)
		return;
	xa_for_each(&hw->sa_slots, slot, sa)
		if (sa->dir == XFRM_DEV_OFFLOAD_IN &&
		    nsim_ipsec_policy_accepts(policy, sa) &&
		    nsim_ipsec_attach(sa, skb, CRYPTO_SUCCESS))
			return;
}

/**
 * nsim_ipsec_fault_verdict() - overrule a check of the engine
 * @hw: the engine
 * @check: which check
 * @skb: the frame that goes on; NULL for a check that has none
 * @verdict: of a correct device
 *
 * Context: RCU read section where the check has a frame.
 * Return: the verdict of this device: @verdict without a fault.
 */
int nsim_ipsec_fault_verdict(struct nsim_ipsec *hw, enum nsim_ipsec_check check,
			     struct sk_buff *skb, int verdict)
{
	const struct nsim_ipsec_faults *faults = &hw->faults;

	switch (check) {
	case NSIM_IPSEC_CHECK_ENCAP:
		return READ_ONCE(faults->any_encap) ? 0 : verdict;
	case NSIM_IPSEC_CHECK_COUNTERS:
		return READ_ONCE(faults->no_counters) ? -EOPNOTSUPP : verdict;
	case NSIM_IPSEC_CHECK_TX_LOOKUP:
		return READ_ONCE(faults->plain_out) ? -ENOENT : verdict;
	case NSIM_IPSEC_CHECK_TX_CSUM:
		return READ_ONCE(faults->wrong_csum) ? 0 : verdict;
	case NSIM_IPSEC_CHECK_LIMITS:
		return READ_ONCE(faults->no_limits) ? 0 : verdict;
	case NSIM_IPSEC_CHECK_RX_WINDOW:
		return READ_ONCE(faults->no_window) ? 0 : verdict;
	case NSIM_IPSEC_CHECK_RX_ICV:
		return READ_ONCE(faults->any_icv) && verdict == -EBADMSG ?
			       0 :
			       verdict;
	case NSIM_IPSEC_CHECK_RX_POLICY:
		return READ_ONCE(faults->any_sa) ? 0 : verdict;
	case NSIM_IPSEC_CHECK_RX_DONE:
		if (READ_ONCE(faults->no_secpath))
			secpath_reset(skb);
		return verdict;
	case NSIM_IPSEC_CHECK_RX_PLAIN:
		if (READ_ONCE(faults->false_secpath))
			nsim_ipsec_fault_attach(hw, skb);
		return verdict;
	}
	return verdict;
}

/**
 * nsim_ipsec_fault_number() - change a number of the engine
 * @sa: the SA that it belongs to
 * @which: what it counts
 * @number: that of a correct device
 *
 * Context: @sa's lock is held, or nothing changes its numbers; for
 *	NSIM_IPSEC_PLACES the lock of the engine.
 * Return: the number of this device: @number without a fault.
 */
u64 nsim_ipsec_fault_number(const struct nsim_ipsec_sa *sa,
			    enum nsim_ipsec_number which, u64 number)
{
	const struct nsim_ipsec_faults *faults = &sa->hw->faults;

	switch (which) {
	case NSIM_IPSEC_NEXT_SEQ:
		if (READ_ONCE(faults->repeat_seq) && sa->packets % 4 == 0)
			number--;
		break;
	case NSIM_IPSEC_LAST_SEQ:
		if (READ_ONCE(faults->wrong_counters) && number)
			number--;
		break;
	case NSIM_IPSEC_CARRIED:
		if (READ_ONCE(faults->wrong_stats) && !sa->reported_packets &&
		    number)
			number--;
		break;
	case NSIM_IPSEC_REFUSED:
		if (READ_ONCE(faults->hide_refused))
			number = 0;
		break;
	case NSIM_IPSEC_PLACES:
		if (READ_ONCE(faults->leak_room))
			number = 0;
		break;
	}
	return number;
}

/**
 * nsim_ipsec_tx_full - test whether the ring of a port is full
 * @ns: the port
 * @skb: the frame, as the stack hands it over
 *
 * Stops the queue if it is, as drivers do. The stack keeps the frame, which
 * has passed all of its checks.
 *
 * Return: true if the driver has to return NETDEV_TX_BUSY.
 */
bool nsim_ipsec_tx_full(struct netdevsim *ns, struct sk_buff *skb)
{
	struct nsim_ipsec *hw = ns->ipsec;

	if (!hw || atomic_read(&hw->faults.tx_room) < 0 ||
	    atomic_dec_if_positive(&hw->faults.tx_room) >= 0)
		return false;

	netif_tx_stop_queue(skb_get_tx_queue(ns->netdev, skb));
	return true;
}

/**
 * nsim_ipsec_faults_init() - set all switches to those of a correct device
 * @hw: the engine
 */
void nsim_ipsec_faults_init(struct nsim_ipsec *hw)
{
	hw->faults = (struct nsim_ipsec_faults){
		.tx_room = ATOMIC_INIT(-1),
	};
}

/* --- debugfs */

/* The calls that can be slow. */
static const char * const nsim_ipsec_fault_call_names[] = {
	[NSIM_IPSEC_CALL_NONE]		= "none",
	[NSIM_IPSEC_CALL_UNBIND]	= "unbind",
	[NSIM_IPSEC_CALL_DELETE]	= "delete",
	[NSIM_IPSEC_CALL_FREE]		= "free",
};

static int nsim_ipsec_delay_target_show(struct seq_file *m, void *v)
{
	struct nsim_ipsec *hw = m->private;

	seq_printf(m, "%s\n", nsim_ipsec_fault_call_names[READ_ONCE(hw->faults.delay_target)]);
	return 0;
}

static int nsim_ipsec_delay_target_open(struct inode *inode, struct file *file)
{
	return single_open(file, nsim_ipsec_delay_target_show, inode->i_private);
}

static ssize_t nsim_ipsec_delay_target_write(struct file *file, const char __user *data,
					     size_t count, loff_t *ppos)
{
	struct nsim_ipsec *hw = ((struct seq_file *)file->private_data)->private;
	char name[16];
	ssize_t len;
	int target;

	len = simple_write_to_buffer(name, sizeof(name) - 1, ppos, data, count);
	if (len < 0)
		return len;
	name[len] = 0;

	target = sysfs_match_string(nsim_ipsec_fault_call_names, name);
	if (target < 0)
		return target;
	WRITE_ONCE(hw->faults.delay_target, target);
	return count;
}

static const struct file_operations nsim_ipsec_delay_target_fops = {
	.owner		= THIS_MODULE,
	.open		= nsim_ipsec_delay_target_open,
	.read		= seq_read,
	.write		= nsim_ipsec_delay_target_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

#ifdef XFRM_DEV_UNBIND
/* Find an SA broken: stop it, and say so. 0: all SAs. */
static int nsim_ipsec_break_sa(void *data, u64 spi)
{
	struct nsim_ipsec *hw = data;
	struct nsim_ipsec_sa *sa;
	unsigned long slot;

	rcu_read_lock();
	xa_for_each(&hw->sa_slots, slot, sa) {
		if (!sa->aead || (spi && ntohl(sa->spi) != spi) ||
		    READ_ONCE(sa->stage) == NSIM_IPSEC_SA_DELETED)
			continue;
		spin_lock_bh(&sa->lock);
		sa->stopped = true;
		spin_unlock_bh(&sa->lock);
		xfrm_dev_state_invalidate(sa->x, XFRM_INVALID_DRIVER);
	}
	rcu_read_unlock();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(nsim_ipsec_break_sa_fops, NULL, nsim_ipsec_break_sa, "%llu\n");
#endif

static int nsim_ipsec_tx_room_get(void *data, u64 *val)
{
	struct nsim_ipsec *hw = data;

	*val = atomic_read(&hw->faults.tx_room);
	return 0;
}

/* The queues of the stack start again, as when a ring has drained. */
static int nsim_ipsec_tx_room_set(void *data, u64 val)
{
	struct nsim_ipsec *hw = data;

	atomic_set(&hw->faults.tx_room, (int)val);
	netif_tx_wake_all_queues(hw->netdev);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE_SIGNED(nsim_ipsec_tx_room_fops, nsim_ipsec_tx_room_get,
				nsim_ipsec_tx_room_set, "%lld\n");

/**
 * nsim_ipsec_faults_add() - create the switches in debugfs
 * @hw: the engine
 * @parent: its directory
 */
void nsim_ipsec_faults_add(struct nsim_ipsec *hw, struct dentry *parent)
{
	struct dentry *dir = debugfs_create_dir("fault", parent);

	debugfs_create_bool("refuse_add", 0600, dir, &hw->faults.refuse_add);
	debugfs_create_bool("fail_unbind", 0600, dir, &hw->faults.fail_unbind);
	debugfs_create_bool("no_counters", 0600, dir, &hw->faults.no_counters);
	debugfs_create_bool("vanish", 0600, dir, &hw->faults.vanish);
	debugfs_create_bool("plain_out", 0600, dir, &hw->faults.plain_out);
	debugfs_create_bool("any_encap", 0600, dir, &hw->faults.any_encap);
	debugfs_create_bool("any_sa", 0600, dir, &hw->faults.any_sa);
	debugfs_create_bool("wrong_csum", 0600, dir, &hw->faults.wrong_csum);
	debugfs_create_bool("no_secpath", 0600, dir, &hw->faults.no_secpath);
	debugfs_create_bool("false_secpath", 0600, dir, &hw->faults.false_secpath);
	debugfs_create_bool("any_icv", 0600, dir, &hw->faults.any_icv);
	debugfs_create_bool("no_window", 0600, dir, &hw->faults.no_window);
	debugfs_create_bool("no_limits", 0600, dir, &hw->faults.no_limits);
	debugfs_create_bool("repeat_seq", 0600, dir, &hw->faults.repeat_seq);
	debugfs_create_bool("wrong_stats", 0600, dir, &hw->faults.wrong_stats);
	debugfs_create_bool("hide_refused", 0600, dir, &hw->faults.hide_refused);
	debugfs_create_bool("wrong_counters", 0600, dir, &hw->faults.wrong_counters);
	debugfs_create_bool("leak_room", 0600, dir, &hw->faults.leak_room);
	debugfs_create_file("tx_room", 0600, dir, hw, &nsim_ipsec_tx_room_fops);
	debugfs_create_u32("delay_ms", 0600, dir, &hw->faults.delay_ms);
	debugfs_create_file("delay_target", 0600, dir, hw, &nsim_ipsec_delay_target_fops);
#ifdef XFRM_DEV_UNBIND
	debugfs_create_file("break_sa", 0200, dir, hw, &nsim_ipsec_break_sa_fops);
#endif
}
