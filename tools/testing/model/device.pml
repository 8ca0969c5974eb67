/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An unbind runs while packets are on their way to the device, a user adds one SA
 * and deletes another, and the garbage collector frees what has no reference.
 *
 * The device goes down and is unregistered, or it stays up and an unbind runs
 * because esp-hw-offload is switched off. The latter is the hard case: whatever
 * is queued for it is still sent.
 *
 * -DCRYPTO: the same with crypto offload, where software numbers the packets
 * and the hardware encrypts. -DFULL: the hardware has room for one SA; the user
 * deletes that SA and adds another one.
 */

#include "xfrm.pml"

bool offloaded_policy;		/* xdo.type == XFRM_DEV_OFFLOAD_PACKET */
bool no_policy;			/* only the stock core deletes it */
bool down;			/* the device; its queues are empty then */
bool unlisted;			/* not found by dev_get_by_index() any more */

#ifdef CRYPTO
#define MATCHES(s)	(!x[s].packet)
#else
#define MATCHES(s)	(offloaded_policy && x[s].packet && x[s].dev == NIC)
#endif

proctype transmit(byte me)
{
	byte s, out, number, live;
	bool marked, out_of_sight, written, again;

	/* C: xfrm_policy_lookup_bytype(); chain.pml shows that it never misses */
	if
	:: no_policy ->
		printf("sender %d: no policy, sends the frame as it is\n", me);
		REFUSE(cleartext)
	:: else
	fi;

	/* C: xfrm_state_find(); or a cached bundle, of which xfrm_bundle_ok()
	 * asks the same
	 */
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
	/* C: xfrm_packet_offload_mark(), from xfrm_output() */
#ifndef NO_FENCE
	if
	:: x[s].state != VALID -> xfrm_state_put(s); goto out_drop
	:: else
	fi;
#endif
#endif
	marked = true;
	printf("sender %d: a frame of SA %d starts its way\n", me, s);

	/* A queue: of the device, of another one that the route leads to now, or
	 * for ever
	 */
	if
	:: out = NIC
	:: out = WIRE
	:: goto end_stuck
	fi;

xmit:
	/* C: __dev_queue_xmit(), or qdisc_restart() later */
	rcu_read_lock(me);
	if :: out == NIC && down -> goto out_free :: else fi;

	/* C: validate_xmit_xfrm(); xfrm_offload() finds no mark that is hidden */
	if
	:: marked && !out_of_sight ->
#ifdef CRYPTO
#ifdef XMIT_BEFORE_HW_ONLY
		if :: written -> goto driver :: else fi;
#endif
		if :: !x[s].hw_only -> goto write :: else fi;
#endif
		/* C: xfrm_packet_offload_check() */
		live = x[s].live;
		if :: !live -> goto out_free :: else fi;
#ifndef NO_FENCE
		if :: x[s].state != VALID -> goto out_free :: else fi;
#endif
		if :: out != x[s].real -> goto out_free :: else fi;
		out_of_sight = true;
		printf("sender %d: the frame passes xfrm_packet_offload_check()\n", me)
	:: else
	fi;
#ifdef CRYPTO
	goto driver;
write:
	/* C: XFRM_XMIT; esp_xmit(): on another device software encrypts */
	if
	:: written
	:: !written && out != x[s].dev -> atomic { emit(x[s].key, number) }; goto out_free
	:: else -> written = true
	fi;
#endif

driver:
	/* C: sch_direct_xmit(), dev_requeue_skb(): the queue is stopped, or the
	 * driver busy
	 */
	if
	:: !again ->
		again = true;
		rcu_read_unlock(me);
		printf("sender %d: device %d is busy, the frame goes back into the queue\n", me, out);
		/* C: xfrm_packet_offload_requeued(), from dequeue_skb() */
#ifndef REQUEUED_UNTESTED
		if :: x[s].hw_only -> out_of_sight = false :: else fi;
#endif
		goto xmit
	:: true
	fi;
#ifdef CRYPTO
	hardware_crypto(out, s, number);
#else
	hardware(out);
#endif
out_free:
	if :: marked -> xfrm_state_put(s) :: else fi;
	rcu_read_unlock(me);
out_drop:
	goto out_end;
end_stuck:
	false;
out_end:
	skip
}

#ifdef NO_CONVERT
#define CONVERT	no_policy = true; printf("unbind: the policy is deleted\n")
#else
#define CONVERT	offloaded_policy = false; printf("unbind: the policy is in software\n")
#endif

/* C: ndo_set_features(): the hardware may stop at once */
#define ESP_OFF		dev[NIC].off = true; printf("device 1: ESP is off\n")

proctype cause()
{
	byte mine[NSA];

	if
	:: true ->
		/* C: __netdev_update_features(), xfrm_dev_features() */
		LOCK(rtnl);
#ifdef FEATURE_OFF_BEFORE_UNBIND
		ESP_OFF;
#endif
		xfrm_offload_close(NIC, CLOSED_FEATURE);
		xfrm_dev_unbind(NIC, 0, mine, CONVERT);
#ifndef FEATURE_OFF_BEFORE_UNBIND
		ESP_OFF;
#endif
		UNLOCK(rtnl)
	:: true ->
		/* C: unregister_netdevice_many_notify(): dev_close_many() first */
		LOCK(rtnl);
		down = true;
		synchronize_net(0);
		/* C: xfrm_unbind_down() */
		xfrm_dev_unbind(NIC, 0, mine, CONVERT);
		/* C: xfrm_unbind_unregister() */
		unlisted = true;
		dev[NIC].closed = dev[NIC].closed | CLOSED_LEAVING;
		xfrm_dev_unbind(NIC, 0, mine, CONVERT);
		UNLOCK(rtnl);
		/* C: netdev_wait_allrefs_any() */
		dev[NIC].refs == 0;
		atomic {
			dev[NIC].gone = true;
			printf("the device is gone\n")
		}
	fi
}

/* C: xfrm_del_sa() */
#define DEL_SA(me)	\
	atomic { held = x[0].in_sad; if :: held -> x[0].refs++ :: else fi }; \
	if \
	:: held -> xfrm_state_delete(me, 0, taken); xfrm_state_put(0) \
	:: else \
	fi

proctype delete_sa(byte me)
{
	bool held, taken;

	DEL_SA(me)
}

#ifdef FULL
#define NO_ROOM		(dev[NIC].hw[0] == RUNNING || dev[NIC].hw[0] == STOPPED)
#else
#define NO_ROOM		false
#endif

/* C: xfrm_add_sa() */
proctype add_sa(byte me)
{
	bool held, taken, room;

#ifdef FULL
	DEL_SA(me);
	if :: !taken && !held -> goto out :: else fi;
#endif
	/* C: xfrm_dev_state_add(): dev_get_by_index() */
	atomic {
		if
		:: unlisted -> goto out
		:: else ->
			dev[NIC].refs++;
			x[1].state = VOID;
			x[1].refs = 2;
			x[1].key = 1;
			x[1].dev = NIC;
			x[1].real = NIC;
#ifndef CRYPTO
			x[1].packet = true
#endif
		fi
	};
	/* C: xfrm_offload_enter() */
	atomic {
		if
		:: CLOSED(NIC) ->
			dev[NIC].refs--;
			x[1].dev = 0;
			x[1].refs = 0;
			x[1].state = DEAD;
			printf("user: SA 1 is refused, the device is closed\n");
			goto out
		:: else -> dev[NIC].pending++
		fi
	};
#ifdef FULL
	/* C: xfrm_offload_made_room() */
	room = !NO_ROOM;
#ifndef ADD_WITHOUT_FLUSH
	if
	:: !room -> xfrm_offload_flush(NIC); room = !NO_ROOM
	:: else
	fi;
#endif
	if :: !room -> REFUSE(no_room) :: else fi;
#endif
	driver_add(NIC, 1);
	xfrm_offload_go_live(NIC, 1);
	/* C: xfrm_offload_settle() */
	atomic { x[1].stage = ADDED; dev[NIC].pending-- };
	/* C: xfrm_state_add() */
	x[1].in_sad = true;
	/* C: xfrm_state_publish() */
	LOCK(x[1].lock);
	if :: x[1].state == VOID -> x[1].state = VALID :: else fi;
	UNLOCK(x[1].lock);
	xfrm_state_put(1);
out:
	skip
}

init {
	atomic {
#ifdef CRYPTO
		offloaded_sa(0, NIC, NIC);
		x[0].packet = false;
		x[0].hw_only = false;
#else
		offloaded_sa(0, NIC, NIC);
		offloaded_policy = true;
#endif
		run transmit(0);
#ifdef TWO_SENDERS
		run transmit(1);
#endif
#ifdef FULL
		run add_sa(2);
		run xfrm_offload_work_fn(0, 3);
#else
#ifndef TWO_SENDERS
#ifndef NO_USER
		run delete_sa(2);
		run xfrm_offload_work_fn(0, 3);
#endif
		run add_sa(3);
#endif
#endif
		run gc(0, 1);
		run gc(1, 2);
		run cause()
	}
}
