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
/* C: enum xfrm_bind_stage */
mtype = { NONE, BOUND, DELETING, DELETED, FREEING, UNBINDING };
/* An SA as the hardware sees it. STOPPED: drops what comes; REMOVED: there is
 * no rule any more, but the driver still has memory for it.
 */
mtype = { EMPTY, RUNNING, STOPPED, REMOVED };

typedef sa {
	mtype state = ABSENT;	/* km.state */
	bool lock;		/* lock */
	bool in_sad;		/* bydst, byspi */
	byte refs;		/* refcnt */
	byte key;		/* which key: the SAs of one migration share one */
	byte oseq;		/* replay.oseq, the last number used */
	mtype stage = NONE;	/* xso.stage */
	byte dev;		/* xso.dev */
	byte live;		/* xso.live_dev */
	byte real;		/* xso.real_dev */
	bool hw_only;		/* xso.hw_only */
	bool packet;		/* xso.type == XFRM_DEV_OFFLOAD_PACKET */
	byte invalidated;	/* became INVALID */
	byte told;		/* EXPIREs with XFRMA_UNBOUND */
}

typedef nic {
	bool gone;		/* memory given back */
	byte refs;		/* dev_hold() of xfrm */
	bool closed;		/* xfrm_bound.closed */
	bool leaving;		/* xfrm_bound.leaving */
	byte pending;		/* xfrm_bound.pending */
	mtype hw[NSA] = EMPTY;
	byte seq[NSA];		/* the hardware's own counter */
}

sa x[NSA];
nic dev[NDEV];
bool rtnl;

/* What must never be. One name each, so that spin's report says which. */
bool cleartext, iv_twice, torn_down_twice, used_after_free, not_told, told_twice, not_healed, not_in_time;

/* A protecting policy is there until a user removes it */
bool configured = true;

byte used[3];			/* by key: bit n: sequence number n has left */

#define REFUSE(property)	property = true; assert(!property)

/* --- locks: an owner at a time, and everybody gets his turn */

#define LOCK(l)			atomic { !(l); l = true }
#define UNLOCK(l)		l = false

/* --- RCU. A bit for each process that may be inside a read section. A grace
 * period waits for those that are inside when it starts, and for no others.
 */
#define WAITERS	4

byte inside;
byte awaited[WAITERS];

#define rcu_read_lock(me)	atomic { inside = inside | (1 << me) }
#define rcu_read_unlock(me)	\
	atomic { \
		inside = inside & ~(1 << me); \
		awaited[0] = awaited[0] & ~(1 << me); \
		awaited[1] = awaited[1] & ~(1 << me); \
		awaited[2] = awaited[2] & ~(1 << me); \
		awaited[3] = awaited[3] & ~(1 << me) \
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
		dev[d].hw[s] = RUNNING; \
		dev[d].seq[s] = x[s].oseq; \
		printf("device %d: add SA %d, continues after number %d\n", d, s, x[s].oseq) \
	}

/* C: xdo_dev_state_unbind(). Stops and tells the last number. */
#define driver_unbind(d, s)	\
	atomic { \
		if :: dev[d].gone -> REFUSE(used_after_free) :: else fi; \
		if :: dev[d].hw[s] != RUNNING -> REFUSE(torn_down_twice) :: else fi; \
		dev[d].hw[s] = STOPPED; \
		printf("device %d: stop SA %d after number %d\n", d, s, dev[d].seq[s]) \
	}

/* C: xdo_dev_state_delete() */
#define driver_delete(d, s)	\
	atomic { \
		if :: dev[d].gone -> REFUSE(used_after_free) :: else fi; \
		if :: x[s].state == ABSENT -> REFUSE(used_after_free) :: else fi; \
		if :: dev[d].hw[s] != RUNNING && dev[d].hw[s] != STOPPED -> REFUSE(torn_down_twice) :: else fi; \
		dev[d].hw[s] = REMOVED; \
		printf("device %d: delete SA %d\n", d, s) \
	}

/* C: xdo_dev_state_free() */
#define driver_free(d, s)	\
	atomic { \
		if :: dev[d].gone -> REFUSE(used_after_free) :: else fi; \
		if :: x[s].state == ABSENT -> REFUSE(used_after_free) :: else fi; \
		if :: dev[d].hw[s] != REMOVED -> REFUSE(torn_down_twice) :: else fi; \
		dev[d].hw[s] = EMPTY; \
		printf("device %d: free SA %d\n", d, s) \
	}

/* A frame leaves under this key and number */
#define emit(k, n)	\
	if :: used[k] & (1 << (n)) -> REFUSE(iv_twice) :: else fi; \
	used[k] = used[k] | (1 << (n))

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
		:: dev[d].hw[0] == RUNNING -> \
			dev[d].seq[0] = dev[d].seq[0] + 1; \
			printf("device %d: sends ESP, key %d, number %d\n", d, x[0].key, dev[d].seq[0]); \
			emit(x[0].key, dev[d].seq[0]) \
		:: dev[d].hw[1] == RUNNING -> \
			dev[d].seq[1] = dev[d].seq[1] + 1; \
			printf("device %d: sends ESP, key %d, number %d\n", d, x[1].key, dev[d].seq[1]); \
			emit(x[1].key, dev[d].seq[1]) \
		:: else -> \
			if \
			:: dev[d].hw[0] == STOPPED || dev[d].hw[1] == STOPPED \
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

/* --- net/xfrm/xfrm_bind.c. Each atomic is a section under xfrm_bind_lock. */

/* C: xfrm_bind_release() */
#define xfrm_bind_release(s)	\
	x[s].live = 0; \
	atomic { \
		dev[x[s].dev].refs--; \
		x[s].dev = 0; \
		x[s].real = 0; \
		x[s].stage = NONE \
	}

/* C: xfrm_bind_free_state(), with the delete that a deletion left to it */
#define xfrm_bind_free_state(d, hwdev, s)	\
	DEFERRED_DELETE(hwdev, s); \
	driver_free(hwdev, s); \
	xfrm_bind_release(s); \
	dev[d].pending--

#ifdef DELETE_AT_ONCE
#define DEFERRED_DELETE(hwdev, s)	skip
#else
#define DEFERRED_DELETE(hwdev, s)	driver_delete(hwdev, s)
#endif

/* C: xfrm_dev_state_delete(), under x->lock. The fence is part of the taking:
 * an unbind that finds the SA taken finds it fenced, too.
 */
#ifdef DELETE_AT_ONCE
#define xfrm_dev_state_delete(s, d, hwdev)	\
	atomic { \
		d = 0; \
		if \
		:: x[s].stage == BOUND -> \
			x[s].stage = DELETING; d = x[s].dev; hwdev = x[s].real; dev[d].pending++ \
		:: else \
		fi \
	}; \
	if \
	:: d -> \
		x[s].live = 0; \
		x[s].hw_only = 1; \
		driver_delete(hwdev, s); \
		atomic { x[s].stage = DELETED; dev[d].pending-- } \
	:: else \
	fi
#else
#ifdef FENCE_OUTSIDE_LOCK
#define xfrm_dev_state_delete(s, d, hwdev)	\
	atomic { \
		d = 0; \
		if :: x[s].stage == BOUND -> x[s].stage = DELETED; d = 1 :: else fi \
	}; \
	if :: d -> x[s].live = 0; x[s].hw_only = 1 :: else fi
#else
#define xfrm_dev_state_delete(s, d, hwdev)	\
	atomic { \
		if \
		:: x[s].stage == BOUND -> x[s].live = 0; x[s].hw_only = 1; x[s].stage = DELETED \
		:: else \
		fi \
	}
#endif
#endif

/* C: __xfrm_state_delete() under x->lock, of xfrm_state_delete(). BH is off: a
 * grace period waits for it.
 */
#define xfrm_state_delete(me, s, d, hwdev)	\
	rcu_read_lock(me); \
	LOCK(x[s].lock); \
	if \
	:: x[s].state != DEAD -> \
		x[s].state = DEAD; \
		x[s].in_sad = false; \
		printf("user: SA %d is dead\n", s); \
		xfrm_dev_state_delete(s, d, hwdev); \
		xfrm_state_put(s) \
	:: else \
	fi; \
	UNLOCK(x[s].lock); \
	rcu_read_unlock(me)

/* C: xfrm_state_gc_task(), xfrm_state_gc_destroy(), xfrm_dev_state_free() */
proctype gc(byte s; byte w)
{
	byte d, h;

end_idle:
	(x[s].state == DEAD && x[s].refs == 0);
	synchronize_net(w);
	atomic {
		d = 0;
		if
		:: x[s].stage == DELETED ->
			x[s].stage = FREEING; d = x[s].dev; h = x[s].real; dev[d].pending++
		:: else
		fi
	};
	if
	:: d -> xfrm_bind_free_state(d, h, s)
	:: else
	fi;
	atomic {
		if :: x[s].refs != 0 -> REFUSE(used_after_free) :: else fi;
		x[s].state = ABSENT;
		printf("gc: SA %d is freed\n", s)
	}
}

/* C: xfrm_bind_close(); xfrm_bind_enter() asks CLOSED() */
#ifdef NO_CLOSE
#define CLOSED(d)		false
#define xfrm_bind_close(d)	skip
#else
#define CLOSED(d)		dev[d].closed
#define xfrm_bind_close(d)	\
	dev[d].closed = true; \
	dev[d].pending == 0
#endif

/* C: xfrm_bind_open() */
#define xfrm_bind_open(d)	dev[d].closed = dev[d].leaving

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
#define CLAIMABLE(s, d)	(x[s].dev == d && x[s].stage == BOUND)
#define CLAIM_STAGE(s)	x[s].stage = UNBINDING
#endif

/* C: xfrm_bind_claim(), which lets go of the lock between batches */
#define xfrm_bind_claim_one(d, s, mine)	\
	atomic { \
		if \
		:: CLAIMABLE(s, d) -> \
			if :: x[s].state == ABSENT || x[s].refs == 0 -> REFUSE(used_after_free) :: else fi; \
			CLAIM_HOLD(s); CLAIM_STAGE(s); mine[s] = true \
		:: else \
		fi \
	}

/* C: xfrm_unbind_fence() */
#define xfrm_unbind_fence(s)	\
	if :: x[s].state == ABSENT -> REFUSE(used_after_free) :: else fi; \
	LOCK(x[s].lock); \
	x[s].live = 0; \
	x[s].hw_only = 1; \
	if \
	:: x[s].state == VALID || x[s].state == VOID -> \
		x[s].state = INVALID; \
		x[s].invalidated++; \
		printf("unbind: SA %d is INVALID\n", s) \
	:: else \
	fi; \
	UNLOCK(x[s].lock)

/* C: xfrm_unbind_stop_state(), with xfrm_replay_adopt() */
#define xfrm_unbind_stop_state(h, s)	\
	driver_unbind(h, s); \
	LOCK(x[s].lock); \
	x[s].oseq = dev[h].seq[s]; \
	UNLOCK(x[s].lock); \
	driver_delete(h, s); \
	driver_free(h, s); \
	xfrm_bind_release(s)

/* C: xfrm_unbind_tell_state() */
#define xfrm_unbind_tell_state(s)	\
	if \
	:: x[s].state == INVALID -> \
		x[s].told++; \
		printf("key manager: EXPIRE of SA %d\n", s) \
	:: else \
	fi

/* C: xfrm_bind_reap(). One dying SA: it still has users, or none. */
#define xfrm_bind_reap_one(d, h, s, mine)	\
	atomic { \
		mine[s] = false; \
		if \
		:: x[s].dev == d && x[s].stage == DELETED && x[s].refs > 0 -> \
			x[s].refs++; x[s].stage = FREEING; h = x[s].real; dev[d].pending++; mine[s] = true \
		:: else \
		fi \
	}; \
	if \
	:: mine[s] -> xfrm_bind_free_state(d, h, s); xfrm_state_put(s) \
	:: else \
	fi

#define DYING(s, d)	(x[s].dev == d && x[s].stage == DELETED)

/* C: xfrm_bind_gone() */
#define xfrm_bind_gone(d)	(dev[d].pending == 0 && !DYING(0, d) && !DYING(1, d))

#ifdef NO_REAP
#define REAP(d, h, mine)	skip
#else
#define REAP(d, h, mine)	\
	xfrm_bind_reap_one(d, h, 0, mine); \
	xfrm_bind_reap_one(d, h, 1, mine); \
	xfrm_bind_gone(d)
#endif

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

#define IF_MINE(s, step)	if :: mine[s] -> step :: else fi

#ifdef STOP_BEFORE_FENCE
#define STEPS(d, w, mine, convert)	\
	DRAIN(w); \
	IF_MINE(0, xfrm_unbind_stop_state(d, 0)); \
	IF_MINE(1, xfrm_unbind_stop_state(d, 1)); \
	IF_MINE(0, FENCE(0)); \
	IF_MINE(1, FENCE(1)); \
	convert
#else
#define STEPS(d, w, mine, convert)	\
	IF_MINE(0, FENCE(0)); \
	IF_MINE(1, FENCE(1)); \
	convert; \
	DRAIN(w); \
	IF_MINE(0, xfrm_unbind_stop_state(d, 0)); \
	IF_MINE(1, xfrm_unbind_stop_state(d, 1))
#endif

/* By the time that an unbind returns, who became INVALID was told of once */
#define check_told()	\
	atomic { \
		if \
		:: (x[0].state == INVALID && x[0].told < x[0].invalidated) || \
		   (x[1].state == INVALID && x[1].told < x[1].invalidated) -> REFUSE(not_told) \
		:: x[0].told > x[0].invalidated || x[1].told > x[1].invalidated -> REFUSE(told_twice) \
		:: else \
		fi \
	}

/* C: xfrm_dev_unbind(), under RTNL */
#define xfrm_dev_unbind(d, w, h, mine, convert)	\
	xfrm_bind_close(d); \
	xfrm_bind_claim_one(d, 0, mine); \
	xfrm_bind_claim_one(d, 1, mine); \
	STEPS(d, w, mine, convert); \
	IF_MINE(0, TELL(0); CLAIM_PUT(0)); \
	IF_MINE(1, TELL(1); CLAIM_PUT(1)); \
	REAP(d, h, mine); \
	mine[0] = false; \
	mine[1] = false; \
	check_told(); \
	xfrm_bind_open(d)

/* An SA on its device, in the SAD, and VALID: how most models start */
#define bound_sa(s, d, h)	\
	x[s].state = VALID; x[s].in_sad = true; x[s].refs = 1; x[s].packet = true; \
	x[s].dev = d; x[s].live = d; x[s].real = h; x[s].hw_only = true; \
	x[s].stage = BOUND; dev[d].refs++; dev[h].hw[s] = RUNNING
