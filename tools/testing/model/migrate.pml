/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XFRM_MSG_MIGRATE_STATE: SA 1 continues the key of SA 0, in software or on
 * another device, while packets flow, the old or the new device goes, and a
 * user deletes the old SA. No number is used twice under the key.
 *
 * Policies are left out: a lookup finds any SA that is VALID, which allows more
 * than the kernel does.
 */

#include "xfrm.pml"

#define TARGET	WIRE		/* the new device; NIC is the old one */

bool state_lock;

proctype transmit(byte me)
{
	byte s, live;
	byte frames = 2;
	bool plain;

next_frame:
	if :: frames == 0 -> goto out :: else -> frames-- fi;
	/* C: xfrm_state_find() */
	rcu_read_lock(me);
	s = NSA;
	if
	:: x[0].in_sad && x[0].state == VALID -> s = 0
	:: x[1].in_sad && x[1].state == VALID -> s = 1
	:: else
	fi;
	atomic {
		if
		:: s < NSA && x[s].refs > 0 -> x[s].refs++
		:: else -> s = NSA
		fi
	};
	rcu_read_unlock(me);
	if :: s == NSA -> goto next_frame :: else fi;

	if
	:: !x[s].packet ->
		/* C: xfrm_output_one(): software numbers and encrypts */
		LOCK(x[s].lock);
		if
		:: x[s].state == VALID ->
			atomic {
				x[s].oseq++;
				printf("sender %d: software sends ESP, key %d, number %d\n", me, x[s].key, x[s].oseq);
				emit(x[s].key, x[s].oseq)
			}
		:: else
		fi;
		UNLOCK(x[s].lock)
	:: else ->
		/* C: xfrm_packet_offload_check() */
		rcu_read_lock(me);
		live = x[s].live;
		plain = live && x[s].state == VALID;
		if :: plain -> hardware(live) :: else fi;
		rcu_read_unlock(me)
	fi;
	xfrm_state_put(s);
	goto next_frame;
out:
	skip
}

/* The offload is claimed as in an unbind, and the call to the driver is counted
 * (xfrm_offloads.pending), so that the device's unbind waits for the migration.
 */
#ifdef MIGRATE_WITHOUT_PENDING
#define PENDING(n)	skip
#else
#define PENDING(n)	dev[NIC].pending = dev[NIC].pending + n
#endif

#ifdef MIGRATE_WITHOUT_FENCE
#define MIGRATE_FENCE	skip
#else
#define MIGRATE_FENCE	xfrm_unbind_fence(0)
#endif

#ifdef MIGRATE_WITHOUT_DRAIN
#define MIGRATE_DRAIN	skip
#else
#define MIGRATE_DRAIN	synchronize_net(3)
#endif

/* The new SA, with the numbers of the old one, in the SAD beside it */
#define NEW_SA(oseq_of_old)	\
	atomic { \
		x[1].state = VOID; \
		x[1].refs = 2; \
		x[1].oseq = oseq_of_old; \
		printf("migrate: SA 1 continues after number %d\n", x[1].oseq); \
		x[1].in_sad = true \
	}

#ifdef MIGRATE_WITHOUT_COUNTERS
#define STOP_OLD(h)	\
	driver_delete(h, 0); \
	driver_free(h, 0)
#else
#define STOP_OLD(h)	xfrm_unbind_stop_state(0)
#endif

/* C: xfrm_state_publish() */
#define PUBLISH	\
	LOCK(x[1].lock); \
	if :: x[1].state == VOID -> x[1].state = VALID :: else fi; \
	UNLOCK(x[1].lock)

#ifdef MIGRATE_PUBLISH_BEFORE_ADD
#define EARLY	PUBLISH
#else
#define EARLY	skip
#endif

/* C: xfrm_offload_add() */
#define ADD_TO_TARGET	\
	atomic { \
		refused = CLOSED(TARGET); \
		if \
		:: !refused -> \
			dev[TARGET].pending++; dev[TARGET].refs++; \
			x[1].dev = TARGET; x[1].real = TARGET \
		:: else \
		fi \
	}; \
	if \
	:: refused \
	:: !refused -> \
		if \
		:: driver_add(TARGET, 1); \
			x[1].packet = true; \
			xfrm_offload_go_live(TARGET, 1); \
			atomic { x[1].stage = ADDED; dev[TARGET].pending-- } \
		:: true -> \
			refused = true; \
			atomic { x[1].dev = 0; dev[TARGET].refs--; dev[TARGET].pending-- } \
		fi \
	fi

proctype migrate(byte me)
{
	byte h;
	bool refused, to_device, taken;

	if :: to_device = true :: to_device = false fi;

	/* Only an SA that is offloaded and not being deleted, or INVALID with
	 * exact counters since an unbind, can be migrated
	 */
	atomic {
		if :: x[0].in_sad -> x[0].refs++ :: else -> goto out fi
	};
	atomic {
		if
		:: x[0].stage == ADDED -> x[0].stage = UNBINDING; h = x[0].real; PENDING(1)
		:: x[0].stage == NONE && x[0].state == INVALID
		:: else -> goto fail
		fi
	};
#ifdef MIGRATE_ADD_BEFORE_STOP
	NEW_SA(x[0].oseq);
	if :: to_device -> ADD_TO_TARGET :: else fi;
#endif
	if
	:: h ->
		MIGRATE_FENCE;
		MIGRATE_DRAIN;
		STOP_OLD(h);
		xfrm_offload_release(0);
		PENDING(-1)
	:: else
	fi;
	LOCK(state_lock);
#ifndef MIGRATE_ADD_BEFORE_STOP
	NEW_SA(x[0].oseq);
#endif
	UNLOCK(state_lock);
	EARLY;
#ifndef MIGRATE_ADD_BEFORE_STOP
	if :: to_device -> ADD_TO_TARGET :: else fi;
#endif
	if
	:: refused ->
		printf("migrate: the new device refuses\n");
		rcu_read_lock(me);
		LOCK(x[1].lock);
		x[1].state = DEAD;
		x[1].in_sad = false;
		UNLOCK(x[1].lock);
		rcu_read_unlock(me);
		xfrm_state_put(1);
		/* The old SA stays, INVALID; the answer tells the caller, an EXPIRE
		 * the others
		 */
		if :: h -> TELL(0) :: else fi
	:: else ->
		PUBLISH;
		xfrm_state_delete(me, 0, taken)
	fi;
	xfrm_state_put(1);
	/* The task that made the SA INVALID tells of it: an unbind, or this one */
	atomic {
		if
		:: h && x[0].state == INVALID && x[0].told != x[0].invalidated -> REFUSE(not_told)
		:: else
		fi
	};
fail:
	xfrm_state_put(0);
out:
	skip
}

/* The old device, or the new one, is set down and unregistered */
proctype cause()
{
	byte d;
	byte mine[NSA];

	if :: d = NIC :: d = TARGET fi;
	LOCK(rtnl);
	dev[d].closed = CLOSED_LEAVING;
	xfrm_offload_close(d, CLOSED_UNBIND);
	xfrm_offload_claim(d, mine);
	xfrm_unbind_batch(0, mine, skip);
	xfrm_offload_end_batch(0, mine);
	xfrm_offload_end_batch(1, mine);
	xfrm_offload_quiesce(d);
	check_in_time(d);
	if :: dev[d].refs != 0 -> REFUSE(not_in_time) :: else fi;
	UNLOCK(rtnl);
	dev[d].refs == 0;
	dev[d].gone = true;
	printf("device %d is gone\n", d)
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

init {
	atomic {
		offloaded_sa(0, NIC, NIC);
		run transmit(0);
		run delete_sa(2);
		run migrate(3);
		run gc(0, 1);
		run gc(1, 2);
		run xfrm_offload_work_fn(0, 4);
		run cause()
	}
}
