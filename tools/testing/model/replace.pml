/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An optional template ("level use"): packets pass as they are while there is no
 * SA, but the loss of the SA with its device, and its replacement by a new one,
 * leave no such moment. At the end the new SA is found.
 */

byte gen;			/* net->xfrm.xfrm_state_hash_generation */
#ifndef NO_GENERATION
#define SAD_GONE	gen++
#endif

#include "xfrm.pml"

bool offloaded_policy = true;	/* xdo.type == XFRM_DEV_OFFLOAD_PACKET */
bool state_lock;		/* net->xfrm.xfrm_state_lock */
bool gone;			/* the unbind is over */
bool replaced;			/* the new SA is VALID */

#define MATCHES(s)	(x[s].in_sad && (offloaded_policy == x[s].packet))
#define USABLE(s)	(MATCHES(s) && x[s].state == VALID)

/* C: xfrm_state_stands(): a reason to drop the packet. An SA that is VALID by
 * now, or is about to be, was not found a moment ago. One in software counts
 * even if the policy is offloaded at the moment, and the other way round.
 */
#ifdef STANDS_INVALID_ONLY
#define STANDS(s)	(x[s].in_sad && x[s].state == INVALID)
#else
#ifdef STANDS_SAME_KIND_ONLY
#define STANDS(s)	(x[s].in_sad && (x[s].state == INVALID || x[s].state == VOID || x[s].state == DEAD || USABLE(s)))
#else
#ifdef STANDS_ALIVE_ONLY
#define STANDS(s)	(x[s].in_sad && (x[s].state == INVALID || x[s].state == VOID || x[s].state == VALID))
#else
#define STANDS(s)	(x[s].in_sad && (x[s].state == INVALID || x[s].state == VOID || x[s].state == DEAD || x[s].state == VALID))
#endif
#endif
#endif

/* One SA of the chain: xfrm_state_look_at(), then xfrm_state_stands() */
#ifdef STANDS_BEFORE_LOOK
#define LOOK(s)	\
	if :: STANDS(s) && !USABLE(s) -> stands = true :: else fi; \
	if :: USABLE(s) -> found = true :: else fi
#else
#define LOOK(s)	\
	if :: USABLE(s) -> found = true :: else fi; \
	if :: !found && STANDS(s) -> stands = true :: else fi
#endif

proctype transmit(byte me)
{
	bool found, stands;
	byte seen;

	/* C: xfrm_state_find(): no lock, one SA after the other */
	seen = gen;
	if
	:: true ->
		LOOK(0);
		LOOK(1)
	:: true ->
		LOOK(1);
		LOOK(0)
	fi;
	if
	:: found -> goto out
	:: else -> printf("sender: finds no SA that is VALID\n")
	fi;
	/* C: xfrm_tmpl_resolve_one() */
	if
	:: !stands && seen == gen ->
		printf("sender: the template is optional, the frame leaves as it is\n");
		REFUSE(cleartext)
	:: else
	fi;
out:
	skip
}

#ifdef POLICY_LEFT_OFFLOADED
#define CONVERT	skip
#else
#define CONVERT	offloaded_policy = false; printf("unbind: the policy is in software\n")
#endif

proctype cause()
{
	byte mine[NSA];

	LOCK(rtnl);
	xfrm_dev_unbind(NIC, 0, mine, CONVERT);
	UNLOCK(rtnl);
	gone = true
}

/* C: xfrm_add_sa() of a software SA with the address and SPI of SA 0 */
proctype new_sa()
{
	bool replaces, taken;

	/* C: xfrm_state_add(), xfrm_invalid_may_replace() */
	LOCK(state_lock);
	if
	:: x[0].in_sad && x[0].state == INVALID -> x[0].refs++; replaces = true
	:: else
	fi;
#ifdef OLD_OUT_BEFORE_NEW_IN
	if
	:: replaces -> UNLOCK(state_lock); xfrm_state_delete(1, 0, taken); xfrm_state_put(0); LOCK(state_lock)
	:: else
	fi;
#endif
	if
	:: replaces ->
		atomic { x[1].state = VOID; x[1].refs = 1; x[1].in_sad = true };
		printf("user: SA 1 is in\n")
	:: else
	fi;
	UNLOCK(state_lock);
	/* C: xfrm_invalid_replace(), xfrm_state_publish() */
	if
	:: replaces ->
		LOCK(x[1].lock);
		if :: x[1].state == VOID -> x[1].state = VALID :: else fi;
		UNLOCK(x[1].lock);
		printf("user: SA 1 is VALID\n");
		replaced = true
	:: else -> goto out	/* -EEXIST: SA 0 is VALID */
	fi;
#ifndef OLD_OUT_BEFORE_NEW_IN
	xfrm_state_delete(1, 0, taken);
	xfrm_state_put(0);
#endif
	gone;
	if
	:: !USABLE(1) -> REFUSE(not_healed)
	:: else
	fi;
out:
	skip
}

init {
	atomic {
		offloaded_sa(0, NIC, NIC);
		run transmit(0);
		run cause();
		run new_sa();
		run gc(0, 1);
		run xfrm_offload_work_fn(0, 3)
	}
}
