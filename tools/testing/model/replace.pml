/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An optional template ("level use"): packets pass as they are while there is no
 * SA, but the loss of the SA with its device, and its replacement by a new one,
 * leave no such moment. At the end the flow is well again: the new SA is found.
 */

#include "xfrm.pml"

bool offloaded_policy = true;	/* xdo.type == XFRM_DEV_OFFLOAD_PACKET */
bool state_lock;		/* net->xfrm.xfrm_state_lock */
bool unbound;			/* the unbind is over */
bool replaced;			/* the new SA is VALID */

#define MATCHES(s)	(x[s].in_sad && (offloaded_policy == x[s].packet))
#define USABLE(s)	(MATCHES(s) && x[s].state == VALID)

/* C: xfrm_unbound_stands(): a reason to drop the packet. An SA that is VALID by
 * now, or is about to be, was not found a moment ago. One in software counts
 * even if the policy is offloaded at the moment, and the other way round.
 */
#ifdef BLOCKS_INVALID_ONLY
#define BLOCKS(s)	(x[s].in_sad && x[s].state == INVALID)
#else
#ifdef BLOCKS_SAME_KIND_ONLY
#define BLOCKS(s)	(x[s].in_sad && (x[s].state == INVALID || x[s].state == VOID || USABLE(s)))
#else
#define BLOCKS(s)	(x[s].in_sad && (x[s].state == INVALID || x[s].state == VOID || x[s].state == VALID))
#endif
#endif

proctype transmit(byte me)
{
	bool found;

	/* C: xfrm_state_find(): no lock, one SA after the other */
	if
	:: true ->
		if :: USABLE(0) -> found = true :: else fi;
		if :: USABLE(1) -> found = true :: else fi
	:: true ->
		if :: USABLE(1) -> found = true :: else fi;
		if :: USABLE(0) -> found = true :: else fi
	fi;
	if
	:: found -> goto out
	:: else -> printf("sender: finds no SA that is VALID\n")
	fi;
	/* C: xfrm_tmpl_resolve_one(), xfrm_unbound_blocks() */
	LOCK(state_lock);
	found = BLOCKS(0) || BLOCKS(1);
	UNLOCK(state_lock);
	if
	:: !found ->
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
	unbound = true
}

/* C: xfrm_add_sa() of a software SA with the address and SPI of SA 0 */
proctype new_sa()
{
	bool yields, taken;

	/* C: xfrm_state_add(), xfrm_unbound_yield() */
	LOCK(state_lock);
	if
	:: x[0].in_sad && x[0].state == INVALID -> x[0].refs++; yields = true
	:: else
	fi;
#ifdef OLD_OUT_BEFORE_NEW_IN
	if
	:: yields -> UNLOCK(state_lock); xfrm_state_delete(1, 0, taken); xfrm_state_put(0); LOCK(state_lock)
	:: else
	fi;
#endif
	if
	:: yields ->
		atomic { x[1].state = VOID; x[1].refs = 1; x[1].in_sad = true };
		printf("user: SA 1 is in\n")
	:: else
	fi;
	UNLOCK(state_lock);
#ifndef OLD_OUT_BEFORE_NEW_IN
	if
	:: yields -> xfrm_state_delete(1, 0, taken); xfrm_state_put(0)
	:: else
	fi;
#endif
	/* C: xfrm_state_publish() */
	if
	:: yields ->
		LOCK(x[1].lock);
		if :: x[1].state == VOID -> x[1].state = VALID :: else fi;
		UNLOCK(x[1].lock);
		printf("user: SA 1 is VALID\n");
		replaced = true
	:: else -> goto out	/* -EEXIST: SA 0 is VALID */
	fi;
	unbound;
	if
	:: !USABLE(1) -> REFUSE(not_healed)
	:: else
	fi;
out:
	skip
}

init {
	atomic {
		bound_sa(0, NIC, NIC);
		run transmit(0);
		run cause();
		run new_sa();
		run gc(0, 1);
		run xfrm_bind_work_fn(0, 3)
	}
}
