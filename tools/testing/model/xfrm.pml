/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the models share: SAs, devices and their hardware, references, RCU, and
 * the pieces of net/xfrm/ that more than one of them runs. README.md tells what
 * is left out and why that is sound. "C:" names the function a step stands for.
 */

#define NSA	2	/* SAs: x[0], x[1] */
#define NIC	1	/* a device with packet offload; 0 is none */
#define WIRE	2	/* another device: the fallback route, or the second slave */
#define BOND	3	/* a device above both */
#define NDEV	4

/* C: enum in include/net/xfrm.h; ABSENT: not there yet, or memory given back */
mtype = { ABSENT, VOID, VALID, INVALID, DEAD };
/* C: enum xfrm_offload_stage */
mtype = { NONE, ADDED, DELETING, DEFERRED, UNBINDING, SUSPENDED };
/* An SA as the hardware sees it. STOPPED: drops what comes; REMOVED: there is
 * no rule any more, but the driver still has memory for it.
 */
mtype = { EMPTY, RUNNING, STOPPED, REMOVED };

/* C: enum xfrm_closed */
#define CLOSED_UNBIND		1
#define CLOSED_LEAVING		2
#define CLOSED_FEATURE		4
#define CLOSED_SUSPENDED	8

typedef sa {
	mtype state = ABSENT;	/* km.state */
	bool lock;		/* lock */
	bool in_sad;		/* bydst, byspi */
	byte refs;		/* refcnt */
	byte key;		/* which key: the SAs of one migration share one */
	byte oseq;		/* replay.oseq, the last number used */
	mtype stage = NONE;	/* xso.stage */
	byte dev;		/* xso.dev */
	byte live;		/* xso.live ? xso.dev : NULL */
	byte real;		/* xso.real_dev */
	bool hw_only;		/* xso.hw_only */
	bool packet;		/* xso.type == XFRM_DEV_OFFLOAD_PACKET */
	bool broken;		/* broken */
	byte invalidated;	/* became INVALID */
	byte told;		/* EXPIREs with XFRMA_INVALID */
}

typedef nic {
	bool gone;		/* memory given back */
	byte refs;		/* dev_hold() of xfrm */
	byte closed;		/* xfrm_offloads.closed */
	byte pending;		/* xfrm_offloads.pending */
	bool working;		/* xfrm_offloads.work runs */
	bool off;		/* esp-hw-offload: the hardware has stopped */
#ifdef POLICIES
	bool policy;		/* has the policy */
#endif
	mtype hw[NSA] = EMPTY;
	byte seq[NSA];		/* the hardware's own counter */
}

sa x[NSA];
nic dev[NDEV];
bool rtnl;

/* What must never be. One name each, so that spin's report says which. */
bool cleartext, iv_twice, torn_down_twice, used_after_free, not_told, told_twice, not_healed, not_in_time, no_room, sent_on_broken, not_allowed;

/* A protecting policy is there until a user removes it */
bool configured = true;

byte used[3];			/* by key: bit n: sequence number n has left */

#define REFUSE(property)	property = true; assert(!property)

/* --- the table of what may follow what, lib/steps of the selftests, which the events
 * of a kernel are compared with, too. model.sh makes macros of it.
 */
#ifdef STEPS
#include "steps.pml"

byte at[NSA];			/* where an SA is; AT_NEW at first */
byte phase;			/* where the unbind is; RTNL lets one run at a time */

#define STEP(s, to)	\
	atomic { \
		if \
		:: !SA_MAY(at[s], to) -> \
			printf("steps: SA %d, no row from %d to %d\n", s, at[s], to); \
			REFUSE(not_allowed) \
		:: else \
		fi; \
		at[s] = to \
	}
#define PHASE(to)	\
	atomic { \
		if \
		:: !UNBIND_MAY(phase, to) -> \
			printf("steps: unbind, no row from %d to %d\n", phase, to); \
			REFUSE(not_allowed) \
		:: else \
		fi; \
		phase = to \
	}
#define PHASE_BEGIN	phase = AT_BEGIN
#define ALREADY_THERE(s)	at[s] = AT_END_STATE_ADD
#else
#define STEP(s, to)	skip
#define PHASE(to)	skip
#define PHASE_BEGIN	skip
#define ALREADY_THERE(s)	skip
#endif

/* --- locks: one owner at a time, and each waiter gets its turn */

#define LOCK(l)			atomic { !(l); l = true }
#define UNLOCK(l)		l = false

/* --- RCU. A bit for each process that may be inside a read section. A grace
 * period waits for those that are inside when it starts, and for no others.
 */
#define WAITERS	5

byte inside;
byte awaited[WAITERS];

#define rcu_read_lock(me)	atomic { inside = inside | (1 << me) }
#define rcu_read_unlock(me)	\
	atomic { \
		inside = inside & ~(1 << me); \
		awaited[0] = awaited[0] & ~(1 << me); \
		awaited[1] = awaited[1] & ~(1 << me); \
		awaited[2] = awaited[2] & ~(1 << me); \
		awaited[3] = awaited[3] & ~(1 << me); \
		awaited[4] = awaited[4] & ~(1 << me) \
	}
#define synchronize_net(w)	\
	awaited[w] = inside; \
	awaited[w] == 0

/* --- references. The last one down hands the SA to the garbage collector. */

#define xfrm_state_put(s)	\
	atomic { \
		if :: x[s].refs == 0 -> REFUSE(used_after_free) :: else fi; \
		x[s].refs-- \
	}

/* --- the hardware, as drivers and the NIC behind them see it. The callbacks
 * may take long and run beside everything else; the answers are one step.
 */

/* C: xdo_dev_state_add(). Starts where the SA stands. */
#define driver_add(d, s)	\
	atomic { \
		if :: dev[d].gone -> REFUSE(used_after_free) :: else fi; \
		if :: dev[d].hw[s] != EMPTY -> REFUSE(torn_down_twice) :: else fi; \
		STEP(s, AT_BEGIN_STATE_ADD); \
		STEP(s, AT_END_STATE_ADD); \
		dev[d].hw[s] = RUNNING; \
		dev[d].seq[s] = x[s].oseq; \
		printf("device %d: add SA %d, continues after number %d\n", d, s, x[s].oseq) \
	}

/* C: xdo_dev_state_unbind(). Stops and tells the last number. */
#define driver_unbind(d, s)	\
	atomic { \
		if :: dev[d].gone -> REFUSE(used_after_free) :: else fi; \
		if :: dev[d].hw[s] != RUNNING -> REFUSE(torn_down_twice) :: else fi; \
		STEP(s, AT_BEGIN_STATE_UNBIND); \
		STEP(s, AT_END_STATE_UNBIND); \
		dev[d].hw[s] = STOPPED; \
		printf("device %d: stop SA %d after number %d\n", d, s, dev[d].seq[s]) \
	}

/* C: xdo_dev_state_delete() */
#define driver_delete(d, s)	\
	atomic { \
		if :: dev[d].gone -> REFUSE(used_after_free) :: else fi; \
		if :: x[s].state == ABSENT -> REFUSE(used_after_free) :: else fi; \
		if :: dev[d].hw[s] != RUNNING && dev[d].hw[s] != STOPPED -> REFUSE(torn_down_twice) :: else fi; \
		STEP(s, AT_BEGIN_STATE_DELETE); \
		STEP(s, AT_END_STATE_DELETE); \
		dev[d].hw[s] = REMOVED; \
		printf("device %d: delete SA %d\n", d, s) \
	}

/* C: xdo_dev_state_free() */
#define driver_free(d, s)	\
	atomic { \
		if :: dev[d].gone -> REFUSE(used_after_free) :: else fi; \
		if :: x[s].state == ABSENT -> REFUSE(used_after_free) :: else fi; \
		if :: dev[d].hw[s] != REMOVED -> REFUSE(torn_down_twice) :: else fi; \
		STEP(s, AT_BEGIN_STATE_FREE); \
		STEP(s, AT_END_STATE_FREE); \
		dev[d].hw[s] = EMPTY; \
		printf("device %d: free SA %d\n", d, s) \
	}

/* A frame leaves under this key and number */
#define emit(k, n)	\
	if :: used[k] & (1 << (n)) -> REFUSE(iv_twice) :: else fi; \
	used[k] = used[k] | (1 << (n))

#ifdef POLICIES
#define RULE(d, s)	(!dev[d].off && dev[d].hw[s] == RUNNING && dev[d].policy)
#else
#define RULE(d, s)	(!dev[d].off && dev[d].hw[s] == RUNNING)
#endif
#define SILENT(d, s)	(!dev[d].off && dev[d].hw[s] == STOPPED)

/* C: ndo_start_xmit() of device d, and the NIC: it encrypts under the SA that
 * its selector gives it, drops for an SA that was stopped, and forwards as it
 * is what matches no rule.
 */
#define hardware(d)	\
	atomic { \
		if \
		:: dev[d].gone -> REFUSE(used_after_free) \
		:: else \
		fi; \
		if \
		:: RULE(d, 0) -> \
			dev[d].seq[0] = dev[d].seq[0] + 1; \
			printf("device %d: sends ESP, key %d, number %d\n", d, x[0].key, dev[d].seq[0]); \
			emit(x[0].key, dev[d].seq[0]) \
		:: !RULE(d, 0) && RULE(d, 1) -> \
			dev[d].seq[1] = dev[d].seq[1] + 1; \
			printf("device %d: sends ESP, key %d, number %d\n", d, x[1].key, dev[d].seq[1]); \
			emit(x[1].key, dev[d].seq[1]) \
		:: else -> \
			if \
			:: SILENT(d, 0) || SILENT(d, 1) \
			:: else -> \
				if \
				:: configured -> \
					printf("device %d: no rule for the frame, sends it AS IT IS\n", d); \
					REFUSE(cleartext) \
				:: else \
				fi \
			fi \
		fi \
	}

/* The same under crypto offload: a frame of SA s with its ESP header and its
 * number, and a payload that is still to be encrypted.
 */
#define hardware_crypto(d, s, number)	\
	atomic { \
		if \
		:: dev[d].gone -> REFUSE(used_after_free) \
		:: else \
		fi; \
		if \
		:: RULE(d, s) -> emit(x[s].key, number) \
		:: SILENT(d, s) \
		:: else -> \
			printf("device %d: ESP header, clear payload\n", d); \
			REFUSE(cleartext) \
		fi \
	}

/* --- net/xfrm/xfrm_offload.c. Each atomic is a section under xfrm_offload_lock. */

/* C: xfrm_offload_state_go_live() */
#ifdef GO_LIVE_WITHOUT_LOOK
#define xfrm_offload_go_live(d, s)	\
	x[s].hw_only = x[s].packet; \
	x[s].live = d
#else
#define xfrm_offload_go_live(d, s)	\
	x[s].hw_only = x[s].packet; \
	x[s].live = d; \
	if :: x[s].broken -> x[s].live = 0 :: else fi
#endif

/* C: xfrm_offload_release() */
#define xfrm_offload_release(s)	\
	x[s].live = 0; \
	atomic { \
		dev[x[s].dev].refs--; \
		x[s].dev = 0; \
		x[s].real = 0; \
		x[s].stage = NONE \
	}

/* "pending" counts a deletion until it is deferred */
#ifdef DELETE_WITHOUT_PENDING
#define HOLD_DEVICE(d)	skip
#define LET_DEVICE(d)	skip
#else
#define HOLD_DEVICE(d)	dev[d].pending++
#define LET_DEVICE(d)	dev[d].pending--
#endif

#ifdef DEFER_WITHOUT_HOLD
#define DEFER_HOLD(s)	skip
#define DEFER_PUT(s)	skip
#else
#define DEFER_HOLD(s)	x[s].refs++
#define DEFER_PUT(s)	xfrm_state_put(s)
#endif

#ifdef DEFER_WITHOUT_DRAIN
#define DEFER_DRAIN(w)	skip
#else
#define DEFER_DRAIN(w)	synchronize_net(w)
#endif

/* DELETE_AT_ONCE: the hardware deletes the SA before a grace period has passed */
#ifdef DELETE_AT_ONCE
#define DELETE_EARLY(s)	driver_delete(x[s].real, s)
#define DELETE_LATE(s)	skip
#else
#define DELETE_EARLY(s)	skip
#define DELETE_LATE(s)	driver_delete(x[s].real, s)
#endif

/* C: xfrm_offload_defer() */
#define xfrm_offload_defer(s)	\
	atomic { DEFER_HOLD(s); x[s].stage = DEFERRED; LET_DEVICE(x[s].dev) }

/* C: xfrm_dev_state_delete(), under x->lock; xfrm_offload_claim_deletion(). After that no
 * other task owns the offload, and "pending" holds its device, so that the fence
 * needs no lock.
 */
#define xfrm_dev_state_delete(s, taken)	\
	atomic { \
		taken = (x[s].stage == ADDED); \
		if \
		:: taken -> x[s].stage = DELETING; HOLD_DEVICE(x[s].dev) \
		:: else \
		fi \
	}; \
	if \
	:: taken -> \
		taken = false; \
		x[s].live = 0; \
		x[s].hw_only = true; \
		DELETE_EARLY(s); \
		xfrm_offload_defer(s) \
	:: else \
	fi

/* C: xfrm_offload_end() */
#define xfrm_offload_end(s)	\
	DELETE_LATE(s); \
	driver_free(x[s].real, s); \
	xfrm_offload_release(s)

/* The work uses the device's memory. */
#define working_on(d)	\
	if :: dev[d].gone -> REFUSE(used_after_free) :: else fi

/* C: xfrm_offload_work_fn(), xfrm_offload_end_ripe() */
proctype xfrm_offload_work_fn(byte s; byte w)
{
	byte d;
	bool ours;

end_idle:
	atomic { x[s].stage == DEFERRED; d = x[s].dev; dev[d].working = true };
	DEFER_DRAIN(w);
	atomic {
		working_on(d);
		ours = (x[s].stage == DEFERRED);
		if :: ours -> x[s].stage = DELETING; dev[d].pending++ :: else fi
	};
	if
	:: ours -> xfrm_offload_end(s); dev[d].pending--; DEFER_PUT(s)
	:: else
	fi;
	atomic { working_on(d); dev[d].working = false }
}

/* C: xfrm_offload_flush() */
#define xfrm_offload_flush(d)	\
	!dev[d].working && x[0].stage != DEFERRED && x[1].stage != DEFERRED

/* What a lookup that found nothing compares */
#ifndef SAD_GONE
#define SAD_GONE	skip
#endif

/* C: __xfrm_state_delete() under x->lock, of xfrm_state_delete(). BH is off: a
 * grace period waits for it.
 */
#define xfrm_state_delete(me, s, taken)	\
	rcu_read_lock(me); \
	LOCK(x[s].lock); \
	if \
	:: x[s].state != DEAD -> \
		x[s].state = DEAD; \
		atomic { SAD_GONE; x[s].in_sad = false }; \
		printf("user: SA %d is dead\n", s); \
		xfrm_dev_state_delete(s, taken); \
		xfrm_state_put(s) \
	:: else \
	fi; \
	UNLOCK(x[s].lock); \
	rcu_read_unlock(me)

/* C: xfrm_state_gc_task(), xfrm_state_gc_destroy() */
proctype gc(byte s; byte w)
{
end_idle:
	(x[s].state == DEAD && x[s].refs == 0);
	synchronize_net(w);
	atomic {
		if :: x[s].refs != 0 -> REFUSE(used_after_free) :: else fi;
		x[s].state = ABSENT;
		printf("gc: SA %d is freed\n", s)
	}
}

/* C: xfrm_offload_close(); xfrm_offload_enter() asks CLOSED() */
#ifdef NO_CLOSE
#define CLOSED(d)		false
#define xfrm_offload_close(d, why)	skip
#else
#define CLOSED(d)		(dev[d].closed != 0)
#define xfrm_offload_close(d, why)	\
	dev[d].closed = dev[d].closed | (why); \
	dev[d].pending == 0
#endif

/* C: xfrm_offload_open() */
#define xfrm_offload_open(d, why)	dev[d].closed = dev[d].closed & ~(why)

#ifdef CLAIM_WITHOUT_HOLD
#define CLAIM_HOLD(s)	skip
#define CLAIM_PUT(s)	skip
#else
#define CLAIM_HOLD(s)	x[s].refs++
#define CLAIM_PUT(s)	xfrm_state_put(s)
#endif

/* As the stock core, which goes by xso.dev alone */
#ifdef NO_STAGE
#define CLAIMABLE(s, d)	(x[s].dev == d && x[s].stage != NONE && x[s].refs > 0)
#define CLAIM_STAGE(s)	skip
#else
#define CLAIMABLE(s, d)	(x[s].dev == d && x[s].stage == ADDED)
#define CLAIM_STAGE(s)	x[s].stage = UNBINDING
#endif

/* A batch, mine[s]: what of SA s is this task's */
#define NOTHING		0
#define ON_HARDWARE	1	/* claimed in stage ADDED */
#define OFF_HARDWARE	2	/* taken in stage SUSPENDED, or failed */
#define DELETED		3	/* claimed in stage DEFERRED */

/* C: xfrm_offload_claim(), which lets go of the lock between batches */
#define xfrm_offload_claim_one(d, s, mine)	\
	atomic { \
		if \
		:: CLAIMABLE(s, d) -> \
			if :: x[s].state == ABSENT || x[s].refs == 0 -> REFUSE(used_after_free) :: else fi; \
			CLAIM_HOLD(s); CLAIM_STAGE(s); mine[s] = ON_HARDWARE \
		:: else \
		fi \
	}
#ifdef CLAIM_LEAVES_DELETED
#define CLAIM_DELETED(d, s, mine)	skip
#else
#define CLAIM_DELETED(d, s, mine)	\
	atomic { \
		if \
		:: x[s].dev == d && x[s].stage == DEFERRED -> x[s].stage = UNBINDING; mine[s] = DELETED \
		:: else \
		fi \
	}
#endif
#ifdef CLAIM_WITHOUT_WAIT
#define CLAIM_WAIT(d)	skip
#else
#define CLAIM_WAIT(d)	dev[d].pending == 0
#endif
#define xfrm_offload_claim(d, mine)	\
	xfrm_offload_claim_one(d, 0, mine); \
	xfrm_offload_claim_one(d, 1, mine); \
	CLAIM_WAIT(d); \
	CLAIM_DELETED(d, 0, mine); \
	CLAIM_DELETED(d, 1, mine)

/* C: xfrm_offload_end_batch() */
#define xfrm_offload_end_batch(s, mine)	\
	if \
	:: mine[s] == DELETED -> mine[s] = NOTHING; xfrm_offload_end(s); DEFER_PUT(s) \
	:: else \
	fi

/* C: xfrm_offload_quiesce() */
#ifdef NO_QUIESCE
#define xfrm_offload_quiesce(d)	skip
#else
#define xfrm_offload_quiesce(d)	!dev[d].working
#endif

/* C: xfrm_offload_restage(), by xfrm_dev_suspend() */
#define xfrm_offload_suspend_one(s, mine)	\
	atomic { if :: mine[s] -> x[s].stage = SUSPENDED; mine[s] = NOTHING :: else fi }

/* C: xfrm_offload_restage(), by xfrm_dev_restore() and xfrm_dev_unbind() */
#define xfrm_offload_take_suspended_one(d, s, mine)	\
	atomic { \
		if \
		:: x[s].dev == d && x[s].stage == SUSPENDED -> x[s].stage = UNBINDING; mine[s] = OFF_HARDWARE \
		:: else \
		fi \
	}
#define xfrm_offload_take_suspended(d, mine)	\
	xfrm_offload_take_suspended_one(d, 0, mine); \
	xfrm_offload_take_suspended_one(d, 1, mine)

/* C: xfrm_offload_restore() */
#define xfrm_offload_restore_state(d, s)	\
	xfrm_offload_go_live(d, s); \
	x[s].stage = ADDED

/* --- net/xfrm/xfrm_unbind.c */

/* C: xfrm_unbind_carries() */
#define CARRIES(s)	(x[s].state == VALID || x[s].state == VOID)

/* C: xfrm_unbind_fence() */
#define xfrm_unbind_fence(s)	\
	if :: x[s].state == ABSENT -> REFUSE(used_after_free) :: else fi; \
	LOCK(x[s].lock); \
	x[s].live = 0; \
	x[s].hw_only = true; \
	if \
	:: CARRIES(s) -> \
		atomic { STEP(s, AT_FENCED); x[s].state = INVALID }; \
		x[s].invalidated++; \
		printf("unbind: SA %d is INVALID\n", s) \
	:: else \
	fi; \
	UNLOCK(x[s].lock)

/* C: xfrm_offload_stop(), with xfrm_replay_adopt(). Software keeps the
 * numbers of crypto offload.
 */
#define xfrm_unbind_stop_state(s)	\
	driver_unbind(x[s].real, s); \
	if \
	:: x[s].packet -> \
		LOCK(x[s].lock); \
		x[s].oseq = dev[x[s].real].seq[s]; \
		UNLOCK(x[s].lock) \
	:: else \
	fi; \
	STEP(s, AT_STOPPED); \
	driver_delete(x[s].real, s); \
	driver_free(x[s].real, s)

/* C: xfrm_invalid_tell() */
#define xfrm_unbind_tell_state(s)	\
	if \
	:: x[s].state == INVALID -> \
		atomic { STEP(s, AT_TOLD); x[s].told++ }; \
		printf("key manager: EXPIRE of SA %d\n", s) \
	:: else \
	fi

#ifdef NO_TELL
#define TELL(s)			skip
#else
#define TELL(s)			xfrm_unbind_tell_state(s)
#endif

#ifdef NO_DRAIN
#define DRAIN(w)		skip
#else
#define DRAIN(w)		synchronize_net(w)
#endif

#ifdef NO_FENCE
#define FENCE(s)		skip
#else
#define FENCE(s)		xfrm_unbind_fence(s)
#endif

#define IF_MINE(s, step)	\
	if :: mine[s] == ON_HARDWARE || mine[s] == OFF_HARDWARE -> step :: else fi

/* C: xfrm_unbind_finish() for one SA */
#define STOP(s)	\
	if :: mine[s] == ON_HARDWARE -> PHASE(AT_STOP_SA); xfrm_unbind_stop_state(s) :: else fi
#define FINISH(s)	\
	xfrm_offload_release(s); \
	PHASE(AT_TELL); \
	TELL(s); \
	CLAIM_PUT(s); \
	mine[s] = NOTHING

/* C: xfrm_unbind_fence_all() */
#define FENCE_ALL(mine)	\
	IF_MINE(0, PHASE(AT_FENCE); FENCE(0)); \
	IF_MINE(1, PHASE(AT_FENCE); FENCE(1))

/* C: xfrm_unbind_batch() */
#ifdef STOP_BEFORE_FENCE
#define xfrm_unbind_batch(w, mine, convert)	\
	PHASE_BEGIN; \
	DRAIN(w); \
	IF_MINE(0, STOP(0)); \
	IF_MINE(1, STOP(1)); \
	FENCE_ALL(mine); \
	PHASE(AT_CONVERT); \
	convert; \
	IF_MINE(0, FINISH(0)); \
	IF_MINE(1, FINISH(1)); \
	PHASE(AT_END)
#else
#ifdef CONVERT_BEFORE_FENCE
#define xfrm_unbind_batch(w, mine, convert)	\
	PHASE_BEGIN; \
	PHASE(AT_CONVERT); \
	convert; \
	FENCE_ALL(mine); \
	DRAIN(w); \
	IF_MINE(0, STOP(0); FINISH(0)); \
	IF_MINE(1, STOP(1); FINISH(1)); \
	PHASE(AT_END)
#else
#define xfrm_unbind_batch(w, mine, convert)	\
	PHASE_BEGIN; \
	FENCE_ALL(mine); \
	PHASE(AT_CONVERT); \
	convert; \
	DRAIN(w); \
	IF_MINE(0, STOP(0); FINISH(0)); \
	IF_MINE(1, STOP(1); FINISH(1)); \
	PHASE(AT_END)
#endif
#endif

/* When an unbind returns, each SA that became INVALID was told of once */
#define check_told()	\
	atomic { \
		if \
		:: (x[0].state == INVALID && x[0].told < x[0].invalidated) || \
		   (x[1].state == INVALID && x[1].told < x[1].invalidated) -> REFUSE(not_told) \
		:: x[0].told > x[0].invalidated || x[1].told > x[1].invalidated -> REFUSE(told_twice) \
		:: else \
		fi \
	}

/* ... and the device, still closed, has nothing */
#define check_in_time(d)	\
	atomic { \
		if \
		:: (x[0].dev == d && x[0].stage != NONE) || \
		   (x[1].dev == d && x[1].stage != NONE) -> REFUSE(not_in_time) \
		:: else \
		fi \
	}

/* C: xfrm_dev_unbind(), under RTNL */
#define xfrm_dev_unbind(d, w, mine, convert)	\
	xfrm_offload_close(d, CLOSED_UNBIND); \
	xfrm_offload_claim(d, mine); \
	xfrm_offload_take_suspended(d, mine); \
	xfrm_unbind_batch(w, mine, convert); \
	xfrm_offload_end_batch(0, mine); \
	xfrm_offload_end_batch(1, mine); \
	xfrm_offload_quiesce(d); \
	check_told(); \
	check_in_time(d); \
	xfrm_offload_open(d, CLOSED_UNBIND)

/* --- net/xfrm/xfrm_failover.c */

/* C: xfrm_failover_fence() */
#ifdef SUSPEND_WITHOUT_FENCE
#define xfrm_failover_fence(s)	skip
#else
#define xfrm_failover_fence(s)	\
	LOCK(x[s].lock); \
	x[s].live = 0; \
	x[s].hw_only = true; \
	UNLOCK(x[s].lock)
#endif

#ifdef SUSPEND_WITHOUT_DRAIN
#define SUSPEND_DRAIN(w)	skip
#else
#define SUSPEND_DRAIN(w)	synchronize_net(w)
#endif

#ifdef SUSPEND_WITHOUT_CLOSE
#define SUSPEND_CLOSE(d)	skip
#else
#define SUSPEND_CLOSE(d)	xfrm_offload_close(d, CLOSED_SUSPENDED)
#endif

#ifdef SUSPEND_LEAVES_DELETED
#define SUSPEND_END(s)	\
	atomic { if :: mine[s] == DELETED -> x[s].stage = DEFERRED; mine[s] = NOTHING :: else fi }
#else
#define SUSPEND_END(s)	xfrm_offload_end_batch(s, mine)
#endif

#ifdef SUSPEND_WITHOUT_QUIESCE
#define SUSPEND_QUIESCE(d)	skip
#else
#define SUSPEND_QUIESCE(d)	xfrm_offload_quiesce(d)
#endif

#ifdef SUSPEND_WITHOUT_COUNTERS
#define SUSPEND_STOP(s)	\
	driver_delete(x[s].real, s); \
	driver_free(x[s].real, s)
#else
#define SUSPEND_STOP(s)	xfrm_unbind_stop_state(s)
#endif

/* C: bond_ipsec_state_free(), bond_ipsec_state_add() */
#ifdef RESTORE_LIVE_BEFORE_REAL
#define NO_REAL(s)		skip
#define REAL_EARLY(s, hw)	skip
#define REAL_LATE(s, hw)	x[s].real = hw
#else
#define NO_REAL(s)		x[s].real = 0
#define REAL_EARLY(s, hw)	x[s].real = hw
#define REAL_LATE(s, hw)	skip
#endif

/* C: xfrm_dev_suspend(), under RTNL. policy: its policies stop, too */
#define xfrm_dev_suspend(d, w, mine, policy)	\
	SUSPEND_CLOSE(d); \
	xfrm_offload_claim(d, mine); \
	IF_MINE(0, xfrm_failover_fence(0)); \
	IF_MINE(1, xfrm_failover_fence(1)); \
	SUSPEND_DRAIN(w); \
	IF_MINE(0, SUSPEND_STOP(0); NO_REAL(0)); \
	IF_MINE(1, SUSPEND_STOP(1); NO_REAL(1)); \
	policy; \
	SUSPEND_END(0); \
	SUSPEND_END(1); \
	SUSPEND_QUIESCE(d); \
	xfrm_offload_suspend_one(0, mine); \
	xfrm_offload_suspend_one(1, mine); \
	printf("device %d is suspended\n", d)

/* C: xfrm_failover_possible() */
#define POSSIBLE(s)	!x[s].broken

#ifdef RESTORE_ADD_BEFORE_STOP
#define RESTORE_ADD(hw, s)	skip
#else
#define RESTORE_ADD(hw, s)	driver_add(hw, s)
#endif

/* C: xfrm_failover_add() for one SA;
 * xfrm_failover_fail(). What did not fail goes to "kept".
 */
#define xfrm_failover_add_state(hw, s, mine, kept)	\
	if \
	:: !CARRIES(s) -> xfrm_offload_release(s); CLAIM_PUT(s); mine[s] = NOTHING \
	:: else -> \
		if \
		:: POSSIBLE(s) -> \
			REAL_EARLY(s, hw); RESTORE_ADD(hw, s); mine[s] = NOTHING; kept[s] = true \
		:: true -> printf("device %d: SA %d has failed\n", hw, s) \
		fi \
	fi

/* C: xfrm_failover_publish_state() for one SA. A task that deleted it meanwhile
 * did not find it in stage ADDED, and left the offload alone.
 */
#ifdef RESTORE_FORGETS_DEAD
#define DELETED_MEANWHILE(s)	false
#else
#define DELETED_MEANWHILE(s)	!CARRIES(s)
#endif
#define xfrm_failover_publish_state(d, hw, s, kept, taken)	\
	if \
	:: kept[s] -> \
		LOCK(x[s].lock); \
		xfrm_offload_restore_state(d, s); \
		REAL_LATE(s, hw); \
		printf("device %d has SA %d again\n", d, s); \
		if :: DELETED_MEANWHILE(s) -> xfrm_dev_state_delete(s, taken) :: else fi; \
		UNLOCK(x[s].lock); \
		CLAIM_PUT(s); \
		kept[s] = false \
	:: else \
	fi

/* An SA on its device, in the SAD, and VALID: how most models start */
#define offloaded_sa(s, d, h)	\
	x[s].state = VALID; x[s].in_sad = true; x[s].refs = 1; x[s].packet = true; \
	x[s].dev = d; x[s].live = d; x[s].real = h; x[s].hw_only = true; \
	x[s].stage = ADDED; dev[d].refs++; dev[h].hw[s] = RUNNING; ALREADY_THERE(s)
