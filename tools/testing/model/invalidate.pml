/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A driver reports that an SA is broken, any time after it was given the SA: while
 * the add callback runs, or later. Meanwhile the SA is added, deleted, made INVALID
 * by an unbind, or suspended and restored. Once it is offloaded, no frame starts on
 * its way to the hardware any more, and the SA does not stay in the SAD without its key manager being
 * told.
 */

#include "xfrm.pml"

bool given;		/* the driver has the SA */
bool declared;		/* xfrm_dev_state_invalidate() has returned */
bool listed;		/* x->xso.broken_node is in xfrm_broken, the work queued */
bool added, settled;	/* xfrm_add_sa() is done; the unbinds are */
bool refused;		/* xfrm_add_sa() failed */

/* C: xfrm_packet_offload_mark() to ndo_start_xmit() */
proctype transmit(byte me)
{
	byte live;
	bool late;

	atomic {
		late = declared && x[0].stage == ADDED;
		if :: x[0].in_sad && x[0].refs > 0 -> x[0].refs++ :: else -> goto out fi
	};
	rcu_read_lock(me);
	/* C: xfrm_packet_offload_check() */
	live = x[0].live;
	if :: !live -> goto out_free :: else fi;
	if :: x[0].state != VALID -> goto out_free :: else fi;
	if :: live != x[0].real -> goto out_free :: else fi;
	if
	:: late -> printf("sender: the frame passes, of an SA that is broken\n"); REFUSE(sent_on_broken)
	:: else
	fi;
	hardware(live);
out_free:
	xfrm_state_put(0);
	rcu_read_unlock(me);
out:
	skip
}

#ifdef BROKEN_WITHOUT_HOLD
#define BROKEN_HOLD	skip
#define BROKEN_PUT	skip
#else
#define BROKEN_HOLD	x[0].refs++
#define BROKEN_PUT	xfrm_state_put(0)
#endif

/* The driver. C: xfrm_dev_state_invalidate() */
proctype invalidate()
{
end_idle:
	atomic { given -> x[0].broken = true };
	printf("driver: SA 0 is broken\n");
	x[0].live = 0;
	atomic {
		if
		:: x[0].refs > 0 -> BROKEN_HOLD; listed = true
		:: else
		fi
	};
	declared = true
}

#ifdef BROKEN_CLAIMS_ANY
#define CLAIM_STATE	x[0].dev != 0
#else
#define CLAIM_STATE	x[0].stage == ADDED
#endif

/* C: xfrm_broken_work_fn() */
proctype broken_work()
{
	byte mine[NSA];

end_idle:
	listed;
	LOCK(rtnl);
	/* C: xfrm_offload_claim_state() */
	atomic {
		if :: x[0].state == ABSENT -> REFUSE(used_after_free) :: else fi;
		if
		:: CLAIM_STATE -> x[0].stage = UNBINDING; x[0].refs++; mine[0] = ON_HARDWARE
		:: else
		fi
	};
	BROKEN_PUT;
	xfrm_unbind_batch(4, mine, skip);
	UNLOCK(rtnl);
	listed = false
}

/* C: xfrm_add_sa() */
proctype add_sa()
{
	bool broken;

	atomic {
		if
		:: CLOSED(NIC) -> refused = true; goto out
		:: else ->
			dev[NIC].pending++;
			dev[NIC].refs++;
			x[0].state = VOID;
			x[0].refs = 2;
			x[0].dev = NIC;
			x[0].real = NIC;
			x[0].packet = true
		fi
	};
	/* C: xfrm_offload_add() */
	driver_add(NIC, 0);
	given = true;
	xfrm_offload_go_live(NIC, 0);
	/* C: xfrm_offload_settle() */
	atomic {
#ifndef ADD_FORGETS_BROKEN
		broken = x[0].broken;
#endif
		if
		:: !broken -> x[0].stage = ADDED; dev[NIC].pending--
		:: else
		fi
	};
	if
	:: broken ->
		driver_delete(NIC, 0);
		driver_free(NIC, 0);
		xfrm_offload_release(0);
		dev[NIC].pending--;
		printf("user: SA 0 is refused, the device reports that it is broken\n");
		x[0].state = DEAD;
		xfrm_state_put(0);
		refused = true
	:: else ->
		/* C: xfrm_state_add(), xfrm_state_publish() */
		x[0].in_sad = true;
		LOCK(x[0].lock);
		if :: x[0].state == VOID -> x[0].state = VALID :: else fi;
		UNLOCK(x[0].lock)
	fi;
	xfrm_state_put(0);
out:
	added = true
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

/* What happens to the device, under RTNL */
proctype cause()
{
	bool taken;
	byte mine[NSA];
	bool kept[NSA];

	if
	:: true ->
		LOCK(rtnl);
		xfrm_dev_unbind(NIC, 0, mine, skip);
		UNLOCK(rtnl)
	:: true ->
		LOCK(rtnl);
		xfrm_dev_suspend(NIC, 0, mine, skip);
		UNLOCK(rtnl);
		/* A slave comes up later. C: bond_slave_netdev_event() */
		LOCK(rtnl);
		xfrm_offload_take_suspended(NIC, mine);
		IF_MINE(0, xfrm_failover_add_state(NIC, 0, mine, kept));
		if
		:: mine[0] -> xfrm_unbind_batch(0, mine, skip)
		:: else
		fi;
		xfrm_failover_publish_state(NIC, NIC, 0, kept, taken);
		xfrm_offload_open(NIC, CLOSED_SUSPENDED);
		UNLOCK(rtnl)
	:: true
	fi;
	settled = true
}

/* At the end an SA that is broken is not VALID, and was told of */
proctype audit()
{
end_idle:
	atomic {
		settled && added && declared && !listed;
		if
		:: x[0].in_sad && (x[0].state == VALID || x[0].state == VOID) ->
			printf("SA 0 is broken and VALID, and no key manager was told\n");
			REFUSE(not_told)
		:: else
		fi
	};
	check_told()
}

init {
	atomic {
		run transmit(0);
		run invalidate();
		run broken_work();
		run add_sa();
		run delete_sa(2);
		run cause();
		run gc(0, 1);
		run xfrm_offload_work_fn(0, 3);
		run audit()
	}
}
