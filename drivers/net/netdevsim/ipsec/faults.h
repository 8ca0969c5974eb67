/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault switches of the simulated device. The engine is that of a correct
 * device; it calls one of three hooks:
 *
 *   nsim_ipsec_fault_call()	when the stack calls the device
 *   nsim_ipsec_fault_verdict()	when a check decides on a frame or an SA
 *   nsim_ipsec_fault_number()	when it counts, or tells the stack a number
 */
#ifndef _NSIM_IPSEC_FAULTS_H
#define _NSIM_IPSEC_FAULTS_H

#include <linux/atomic.h>
#include <linux/types.h>

struct dentry;
struct netlink_ext_ack;
struct nsim_ipsec;
struct nsim_ipsec_sa;
struct sk_buff;

/* Calls of the stack. */
enum nsim_ipsec_call {
	NSIM_IPSEC_CALL_NONE,
	NSIM_IPSEC_CALL_UNBIND,
	NSIM_IPSEC_CALL_DELETE,
	NSIM_IPSEC_CALL_FREE,
	NSIM_IPSEC_CALL_ADD,
};

/* Checks of the engine. */
enum nsim_ipsec_check {
	NSIM_IPSEC_CHECK_ENCAP,		/* the ESP of an SA goes into UDP */
	NSIM_IPSEC_CHECK_COUNTERS,	/* the device can tell where it stopped */
	NSIM_IPSEC_CHECK_TX_LOOKUP,	/* a frame meets the policies */
	NSIM_IPSEC_CHECK_TX_CSUM,	/* a checksum is left to the device */
	NSIM_IPSEC_CHECK_LIMITS,	/* an SA reaches a limit */
	NSIM_IPSEC_CHECK_RX_WINDOW,	/* a frame is a replay */
	NSIM_IPSEC_CHECK_RX_ICV,	/* a frame is authentic */
	NSIM_IPSEC_CHECK_RX_POLICY,	/* a policy lets in what was decrypted */
	NSIM_IPSEC_CHECK_RX_DONE,	/* the SA of a decrypted frame is told */
	NSIM_IPSEC_CHECK_RX_PLAIN,	/* a frame without ESP goes up */
};

/* Numbers of the engine. */
enum nsim_ipsec_number {
	NSIM_IPSEC_NEXT_SEQ,		/* of the packet that is sent next */
	NSIM_IPSEC_LAST_SEQ,		/* where the device stopped */
	NSIM_IPSEC_CARRIED,		/* packets carried since the last report */
	NSIM_IPSEC_REFUSED,		/* frames refused since the last report */
	NSIM_IPSEC_PLACES,		/* freed in the table by a deletion */
};

/**
 * struct nsim_ipsec_faults - what goes wrong on request
 * @refuse_add: refuse SAs and policies
 * @fail_unbind: do not answer when the stack takes an SA off
 * @no_counters: do not tell where an SA stopped
 * @vanish: be gone, without telling the host; see nsim_ipsec_is_gone()
 * @plain_out: send frames unchanged, whatever policy protects them
 * @wrong_csum: do not fill in the checksums that the stack leaves to the device
 * @any_encap: take SAs whose ESP goes into UDP, and send it without UDP
 * @any_sa: compare decrypted frames with no policy of the device
 * @no_secpath: do not tell the stack which SA decrypted a frame
 * @false_secpath: tell the stack that the SA that a policy requires decrypted
 *	a plain frame
 * @any_icv: accept any ICV
 * @no_window: accept a frame twice
 * @no_limits: carry packets beyond the limits of an SA
 * @repeat_seq: send every fourth packet under the number of the one before
 * @wrong_stats: leave one packet out of what an SA carried
 * @hide_refused: do not report the frames that an SA refused
 * @wrong_counters: report the last sequence number as one less
 * @leak_room: do not free the place of a deleted SA in the table
 * @tx_room: number of frames for which the ring has room; negative: any number
 * @delay_ms: time that the call @delay_target takes
 * @delay_target: the call that is slow
 */
struct nsim_ipsec_faults {
	bool refuse_add;
	bool fail_unbind;
	bool no_counters;
	bool vanish;
	bool plain_out;
	bool wrong_csum;
	bool any_encap;
	bool any_sa;
	bool no_secpath;
	bool false_secpath;
	bool any_icv;
	bool no_window;
	bool no_limits;
	bool repeat_seq;
	bool wrong_stats;
	bool hide_refused;
	bool wrong_counters;
	bool leak_room;
	atomic_t tx_room;
	u32 delay_ms;
	enum nsim_ipsec_call delay_target;
};

int nsim_ipsec_fault_call(struct nsim_ipsec *hw, enum nsim_ipsec_call call,
			  struct netlink_ext_ack *extack);
int nsim_ipsec_fault_verdict(struct nsim_ipsec *hw, enum nsim_ipsec_check check,
			     struct sk_buff *skb, int verdict);
u64 nsim_ipsec_fault_number(const struct nsim_ipsec_sa *sa,
			    enum nsim_ipsec_number which, u64 number);

void nsim_ipsec_faults_init(struct nsim_ipsec *hw);
void nsim_ipsec_faults_add(struct nsim_ipsec *hw, struct dentry *dir);

#endif
