/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A bond fails over: its SA is suspended on one slave (device 1) and restored on
 * the other (device 2), or the latter refuses it, or refuses the policy.
 * Meanwhile a user deletes the SA, and frames wait in the queues of
 * the bond and of both slaves. The old slave stays up until its queues are
 * empty, then it is gone. At the end the bond is unregistered, which may also
 * come when it is suspended and no slave has followed.
 *
 * The SA stays VALID: it is not live, that is the fence. Hardware that has the SA,
 * and not the policy, sends as it is.
 *
 * -DADD: a user adds an SA, and deletes none. -DCRYPTO: with crypto offload. The bond writes the ESP header, the
 * slave's hardware encrypts.
 */

#ifndef CRYPTO
#define POLICIES
#endif

#include "xfrm.pml"

#define FIRST	NIC
#define SECOND	WIRE

byte primary = FIRST;		/* curr_active_slave */
bool offloaded_policy = true;	/* xdo.type == XFRM_DEV_OFFLOAD_PACKET */
bool first_down;		/* its queues are empty, nothing new gets in */

#ifdef CRYPTO
#define MATCHES(s)	(!x[s].packet)
#else
#define MATCHES(s)	(offloaded_policy && x[s].packet && x[s].dev == BOND)
#endif

/* "leads": may a frame of the SA leave through this device? */
#define xfrm_packet_offload_check(s, leads, live)	\
	live = x[s].live; \
	if :: !live -> goto out_free :: else fi; \
	if :: x[s].state != VALID -> goto out_free :: else fi; \
	if :: !(leads) -> goto out_free :: else fi

proctype transmit(byte me)
{
	byte s, out, live, number;
	bool again;

	/* C: xfrm_state_find() */
	rcu_read_lock(me);
	s = NSA;
	if
	:: x[0].state == VALID && MATCHES(0) -> s = 0
	:: x[1].state == VALID && MATCHES(1) -> s = 1
	:: else
	fi;
	atomic {
		if
		:: s < NSA && x[s].refs > 0 -> x[s].refs++
		:: else -> s = NSA
		fi
	};
	rcu_read_unlock(me);
	if :: s == NSA -> goto out_drop :: else fi;

#ifdef CRYPTO
	/* C: xfrm_output_one() */
	LOCK(x[s].lock);
	if
	:: x[s].state != VALID -> UNLOCK(x[s].lock); xfrm_state_put(s); goto out_drop
	:: else
	fi;
	x[s].oseq++;
	number = x[s].oseq;
	UNLOCK(x[s].lock);
#else
	/* C: xfrm_packet_offload_mark() */
	if :: x[s].state != VALID -> xfrm_state_put(s); goto out_drop :: else fi;
#endif
	printf("sender %d: a frame of SA %d starts its way\n", me, s);

	/* C: validate_xmit_xfrm() for the bond itself, then bond_start_xmit() */
	rcu_read_lock(me);
#ifdef CRYPTO
	if :: !x[s].hw_only -> goto write :: else fi;
#endif
	xfrm_packet_offload_check(s, true, live);
#ifdef CRYPTO
write:
	/* C: esp_xmit(), to software if the bond does not hold the SA any more */
	if
	:: x[s].dev != BOND -> atomic { emit(x[s].key, number) }; goto out_free
	:: else
	fi;
#endif
	out = primary;
	printf("sender %d: the bond hands the frame to device %d\n", me, out);
	rcu_read_unlock(me);

xmit:
	rcu_read_lock(me);
	if :: out == FIRST && first_down -> goto out_free :: else fi;
	/* C: validate_xmit_xfrm() for the slave */
#ifdef CRYPTO
	if :: !x[s].hw_only -> goto written :: else fi;
#endif
	xfrm_packet_offload_check(s, out == x[s].real, live);
	printf("sender %d: the frame passes xfrm_packet_offload_check()\n", me);
#ifdef CRYPTO
	goto driver;
written:
	/* C: XFRM_XMIT: the ESP header is for the hardware of real_dev */
#ifndef XMIT_ANYWHERE
	if :: out != x[s].real -> goto out_free :: else fi;
#endif
	printf("sender %d: the frame passes XFRM_XMIT\n", me);
driver:
#endif
	/* C: sch_direct_xmit(), xfrm_packet_offload_requeued() */
	if
	:: !again -> again = true; rcu_read_unlock(me); goto xmit
	:: true
	fi;
#ifdef CRYPTO
	hardware_crypto(out, s, number);
#else
	hardware(out);
#endif
out_free:
	xfrm_state_put(s);
	rcu_read_unlock(me);
out_drop:
	skip
}

/* C: xfrm_del_sa() */
proctype delete_sa(byte me)
{
	bool taken;

	atomic {
		if :: x[0].in_sad -> x[0].refs++ :: else -> goto out fi
	};
	xfrm_state_delete(me, 0, taken);
	xfrm_state_put(0);
out:
	skip
}

/* C: xfrm_add_sa() on the bond; bond_ipsec_state_add() */
proctype add_sa()
{
	byte slave;

	atomic {
		if
		:: CLOSED(BOND) -> goto out
		:: else ->
			dev[BOND].pending++;
			dev[BOND].refs++;
			x[1].state = VOID;
			x[1].refs = 2;
			x[1].key = 1;
			x[1].dev = BOND;
#ifndef CRYPTO
			x[1].packet = true
#endif
		fi
	};
	slave = primary;
	x[1].real = slave;
	driver_add(slave, 1);
	xfrm_offload_go_live(BOND, 1);
	atomic { x[1].stage = ADDED; dev[BOND].pending-- };
	x[1].in_sad = true;
	LOCK(x[1].lock);
	if :: x[1].state == VOID -> x[1].state = VALID :: else fi;
	UNLOCK(x[1].lock);
	xfrm_state_put(1);
out:
	skip
}

#ifdef POLICIES
#define POLICY_OFF	dev[primary].policy = false
#else
#define POLICY_OFF	skip
#endif

#ifdef RESTORE_REFUSAL_IS_SILENT
#define FAIL(s)		if :: mine[s] -> xfrm_unbind_fence(s); xfrm_offload_release(s); CLAIM_PUT(s); mine[s] = NOTHING :: else fi
#else
#define FAIL(s)		skip
#endif

/* Its SAs go with a policy that the new hardware does not take */
#ifdef RESTORE_KEEPS_SA_WITHOUT_POLICY
#define FAIL_WITH_POLICY(s)	skip
#else
#define FAIL_WITH_POLICY(s)	\
	if :: kept[s] -> REAL_LATE(s, SECOND); kept[s] = false; mine[s] = ON_HARDWARE :: else fi
#endif

/* C: xfrm_failover_add(): the one policy */
#ifdef CRYPTO
#define ADD_POLICY	skip
#else
#define ADD_POLICY	\
	if \
	:: offloaded_policy -> \
		if \
		:: dev[SECOND].policy = true \
		:: true -> \
			printf("device 2: refuses the policy\n"); \
			failed_policy = true; \
			FAIL_WITH_POLICY(0); \
			FAIL_WITH_POLICY(1) \
		fi \
	:: else \
	fi
#endif

/* C: xfrm_policy_unbind_convert() */
#define CONVERT	\
	if \
	:: failed_policy -> offloaded_policy = false; printf("unbind: the policy is in software\n") \
	:: else \
	fi

#define PUBLISH_ALL	\
	xfrm_failover_publish_state(BOND, SECOND, 0, kept, taken); \
	xfrm_failover_publish_state(BOND, SECOND, 1, kept, taken)

/* C: xfrm_dev_restore(), under RTNL */
#ifdef RESTORE_PUBLISH_BEFORE_POLICY
#define ADD_AND_PUBLISH		PUBLISH_ALL; ADD_POLICY
#else
#define ADD_AND_PUBLISH		ADD_POLICY
#endif
#define xfrm_dev_restore()	\
	xfrm_offload_take_suspended(BOND, mine); \
	IF_MINE(0, xfrm_failover_add_state(SECOND, 0, mine, kept)); \
	IF_MINE(1, xfrm_failover_add_state(SECOND, 1, mine, kept)); \
	ADD_AND_PUBLISH; \
	if \
	:: mine[0] || mine[1] || failed_policy -> \
		FAIL(0); \
		FAIL(1); \
		xfrm_unbind_batch(0, mine, CONVERT) \
	:: else \
	fi; \
	PUBLISH_ALL; \
	xfrm_offload_open(BOND, CLOSED_SUSPENDED)

proctype failover()
{
	bool taken, failed_policy;
	byte mine[NSA];
	bool kept[NSA];

	/* C: bond_change_active_slave() */
	LOCK(rtnl);
#ifdef RESTORE_ADD_BEFORE_STOP
	driver_add(SECOND, 0);
#endif
	xfrm_dev_suspend(BOND, 0, mine, POLICY_OFF);
	primary = SECOND;
	if
	:: xfrm_dev_restore()
	:: true		/* no slave follows */
	fi;
	check_told();
	/* The old slave is set down and unregistered */
	first_down = true;
	synchronize_net(0);
	dev[FIRST].gone = true;
	printf("device 1 is gone\n");
	/* The bond is unregistered */
	dev[BOND].closed = dev[BOND].closed | CLOSED_LEAVING;
	failed_policy = true;
	xfrm_dev_unbind(BOND, 0, mine, CONVERT);
	POLICY_OFF;
	if :: dev[BOND].refs != 0 -> REFUSE(not_in_time) :: else fi;
	UNLOCK(rtnl);
	dev[BOND].gone = true
}

init {
	atomic {
		offloaded_sa(0, BOND, FIRST);
#ifdef CRYPTO
		x[0].packet = false;
		x[0].hw_only = false;
		offloaded_policy = false;
#endif
#ifdef POLICIES
		dev[FIRST].policy = true;
#endif
		run transmit(0);
#ifdef TWO_SENDERS
		run transmit(1);
#else
#ifdef ADD
		run add_sa();
		run gc(1, 2);
#else
		run delete_sa(2);
		run gc(0, 1);
		run xfrm_offload_work_fn(0, 3);
#endif
#endif
		run failover()
	}
}
