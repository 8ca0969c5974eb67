/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A bond fails over: its SA moves from the hardware of one slave (device 1) to
 * that of the other (device 2), or the latter refuses it. Meanwhile a user
 * deletes the SA or adds one, and frames wait in the queues of both slaves. The
 * old slave stays up until its queues are empty, then it is gone.
 *
 * The SA stays VALID: it is fenced by live_dev alone.
 */

#include "xfrm.pml"

#define FIRST	NIC
#define SECOND	WIRE

byte primary = FIRST;		/* curr_active_slave */
bool offloaded_policy = true;
bool first_down;		/* its queues are empty, nothing new gets in */

#define MATCHES(s)	(offloaded_policy && x[s].packet && x[s].dev == BOND)

proctype transmit(byte me)
{
	byte s, out, live;
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

	/* C: xfrm_packet_offload_mark() */
	if :: x[s].state != VALID -> xfrm_state_put(s); goto out_drop :: else fi;
	printf("sender %d: a frame of SA %d starts its way\n", me, s);

	/* C: validate_xmit_xfrm() for the bond itself, then bond_start_xmit() */
	if :: !x[s].live -> xfrm_state_put(s); goto out_drop :: else fi;
	out = primary;
	printf("sender %d: the bond hands the frame to device %d\n", me, out);

xmit:
	rcu_read_lock(me);
	if :: out == FIRST && first_down -> goto out_free :: else fi;
	/* C: xfrm_packet_offload_check() for the slave */
	live = x[s].live;
	if :: !live -> goto out_free :: else fi;
	if :: x[s].state != VALID -> goto out_free :: else fi;
	if :: out != x[s].real -> goto out_free :: else fi;
	printf("sender %d: the frame passes xfrm_packet_offload_check()\n", me);
	/* C: sch_direct_xmit() */
	if
	:: !again -> again = true; rcu_read_unlock(me); goto xmit
	:: true
	fi;
	hardware(out);
out_free:
	xfrm_state_put(s);
	rcu_read_unlock(me);
out_drop:
	skip
}

/* C: xfrm_del_sa() */
proctype delete_sa(byte me)
{
	byte d, h;

	atomic {
		if :: x[0].in_sad -> x[0].refs++ :: else -> goto out fi
	};
	xfrm_state_delete(me, 0, d, h);
	xfrm_state_put(0);
out:
	skip
}

/* C: xfrm_add_sa() on the bond: bond_ipsec_add_sa() picks the slave */
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
			x[1].packet = true
		fi
	};
	slave = primary;
	x[1].real = slave;
	driver_add(slave, 1);
	x[1].hw_only = true;
	x[1].live = BOND;
	atomic { x[1].stage = BOUND; dev[BOND].pending-- };
	x[1].in_sad = true;
	LOCK(x[1].lock);
	if :: x[1].state == VOID -> x[1].state = VALID :: else fi;
	UNLOCK(x[1].lock);
	xfrm_state_put(1);
out:
	skip
}

#ifdef REBIND_WITHOUT_DRAIN
#define SETTLE		skip
#else
#define SETTLE		synchronize_net(0)
#endif

#ifdef REBIND_WITHOUT_FENCE
#define PAUSE(s)	skip
#else
#define PAUSE(s)	LOCK(x[s].lock); x[s].live = 0; UNLOCK(x[s].lock)
#endif

/* The old hardware stops and tells where */
#ifdef REBIND_WITHOUT_COUNTERS
#define STOP_OLD(s)	\
	driver_delete(FIRST, s); \
	driver_free(FIRST, s)
#else
#define STOP_OLD(s)	\
	driver_unbind(FIRST, s); \
	LOCK(x[s].lock); \
	x[s].oseq = dev[FIRST].seq[s]; \
	UNLOCK(x[s].lock); \
	driver_delete(FIRST, s); \
	driver_free(FIRST, s)
#endif

/* Back to the packets, unless a user deleted the SA meanwhile: he found that
 * the binding was not his, so it is ours to end
 */
#ifdef REBIND_FORGETS_DEAD
#define DELETED_MEANWHILE(s)	false
#else
#define DELETED_MEANWHILE(s)	(x[s].state == DEAD)
#endif

#ifdef REBIND_LIVE_BEFORE_REAL
#define PUBLISH(s)	\
	LOCK(x[s].lock); \
	atomic { x[s].live = BOND; x[s].stage = BOUND }; \
	x[s].real = SECOND; \
	UNLOCK(x[s].lock)
#else
#define PUBLISH(s)	\
	x[s].real = SECOND; \
	LOCK(x[s].lock); \
	if \
	:: DELETED_MEANWHILE(s) -> \
		UNLOCK(x[s].lock); \
		driver_delete(SECOND, s); \
		driver_free(SECOND, s); \
		xfrm_bind_release(s) \
	:: else -> \
		atomic { x[s].live = BOND; x[s].stage = BOUND }; \
		UNLOCK(x[s].lock); \
		printf("bond: SA %d goes on\n", s) \
	fi
#endif

#ifdef REBIND_REFUSAL_IS_SILENT
#define REFUSED(s)	xfrm_unbind_fence(s); xfrm_bind_release(s)
#else
#define REFUSED(s)	xfrm_unbind_fence(s); xfrm_bind_release(s); TELL(s)
#endif

#ifdef REBIND_ADD_BEFORE_STOP
#define MOVE(s)	\
	driver_add(SECOND, s); \
	STOP_OLD(s); \
	PUBLISH(s)
#else
#define MOVE(s)	\
	STOP_OLD(s); \
	if \
	:: driver_add(SECOND, s); PUBLISH(s) \
	:: true -> \
		printf("device 2: refuses SA %d\n", s); \
		offloaded_policy = false; \
		REFUSED(s) \
	fi
#endif

#ifdef REBIND_WITHOUT_CLOSE
#define REBIND_CLOSE	skip
#else
#define REBIND_CLOSE	xfrm_bind_close(BOND)
#endif

/* What deletions left on the old slave is freed before that goes; and before the
 * first SA is back: one that is deleted then has had no grace period yet.
 */
#ifdef REBIND_WITHOUT_REAP
#define REAP_EARLY	skip
#define REAP_LATE	skip
#else
#ifdef REBIND_REAP_LAST
#define REAP_EARLY	skip
#define REAP_LATE	REAP(BOND, h, dying)
#else
#define REAP_EARLY	REAP(BOND, h, dying)
#define REAP_LATE	skip
#endif
#endif

proctype failover()
{
	byte h;
	bool mine[NSA], dying[NSA];

	LOCK(rtnl);
	REBIND_CLOSE;
	xfrm_bind_claim_one(BOND, 0, mine);
	xfrm_bind_claim_one(BOND, 1, mine);
	IF_MINE(0, PAUSE(0));
	IF_MINE(1, PAUSE(1));
	primary = SECOND;
	SETTLE;
	REAP_EARLY;
	IF_MINE(0, MOVE(0));
	IF_MINE(1, MOVE(1));
	IF_MINE(0, CLAIM_PUT(0));
	IF_MINE(1, CLAIM_PUT(1));
	REAP_LATE;
	check_told();
	xfrm_bind_open(BOND);
	/* The old slave is set down and unregistered */
	first_down = true;
	synchronize_net(0);
	dev[FIRST].gone = true;
	printf("device 1 is gone\n");
	mine[0] = false;
	mine[1] = false;
	/* The bond is unregistered */
	xfrm_bind_close(BOND);
	xfrm_bind_claim_one(BOND, 0, mine);
	xfrm_bind_claim_one(BOND, 1, mine);
	IF_MINE(0, FENCE(0));
	IF_MINE(1, FENCE(1));
	offloaded_policy = false;
	DRAIN(0);
	IF_MINE(0, xfrm_unbind_stop_state(SECOND, 0));
	IF_MINE(1, xfrm_unbind_stop_state(SECOND, 1));
	IF_MINE(0, TELL(0); CLAIM_PUT(0));
	IF_MINE(1, TELL(1); CLAIM_PUT(1));
	REAP(BOND, h, mine);
	check_told();
	if :: dev[BOND].refs != 0 -> REFUSE(not_in_time) :: else fi;
	UNLOCK(rtnl);
	dev[BOND].refs == 0;
	dev[BOND].gone = true
}

init {
	atomic {
		bound_sa(0, BOND, FIRST);
		run transmit(0);
#ifdef TWO_SENDERS
		run transmit(1);
#else
		run add_sa();
		run gc(1, 2);
#endif
		run delete_sa(2);
		run gc(0, 1);
		run failover()
	}
}
