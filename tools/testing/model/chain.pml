/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One hash chain of policies, node by node: a lookup without a lock walks it
 * while an unbind turns a policy into a software policy, and while a
 * user puts another policy in its place. The lookup never comes back empty,
 * nor with the policy that stands behind and lets everything pass.
 */

#define HEAD	0
#define OTHER	1	/* offloaded, of another flow */
#define OLD	2	/* ours, offloaded until the unbind converts it */
#define BEFORE	3	/* in software, of another flow, with a better priority than OLD */
#define ALLOW	4	/* lets everything pass; OLD and NEW win because they come first */
#define NEW	5	/* takes OLD's place: offloaded, so it enters at the head */
#define END	6

byte next[6];			/* bydst; next[HEAD] is the chain's first */
byte generation;		/* xfrm_policy_hash_generation */
bool policy_lock;
bool linked[6];			/* on the SPD: walk.all */
bool dead[6];			/* without a reference */

bool cleartext;

#define LOCK(l)		atomic { !(l); l = true }
#define UNLOCK(l)	l = false

/* C: hlist_del_rcu(): a lookup at n still finds the next node */
#define hlist_del_rcu(n)	\
	d_step { \
		prev = HEAD; \
		do \
		:: next[prev] != n -> prev = next[prev] \
		:: else -> break \
		od; \
		next[prev] = next[n]; \
		prev = 0 \
	}
/* C: hlist_add_head_rcu(), hlist_add_behind_rcu(): first n, then the node before it */
#define hlist_add_behind_rcu(n, p)	\
	next[n] = next[p]; \
	next[p] = n

/* C: xfrm_policy_lookup_bytype(), under rcu_read_lock(): no node is freed */
proctype lookup()
{
	byte at, began;

retry:
	/* C: read_seqcount_begin() waits while a writer is at it */
	atomic { generation % 2 == 0; began = generation };
	at = next[HEAD];
	do
	:: at == END || at == ALLOW || at == OLD || at == NEW -> break
	:: else -> at = next[at]
	od;
	if
	:: generation != began -> goto retry
	:: else
	fi;
	if
	:: at != END && dead[at] -> goto retry	/* C: xfrm_pol_hold_rcu() */
	:: at == END || at == ALLOW ->
		printf("lookup: comes to %d (4: lets everything pass, 6: end of the chain)\n", at);
		cleartext = true;
		assert(!cleartext)
	:: else
	fi
}

#ifdef CONVERT_MOVES
/* As it would be sorted among software policies, without the seqcount */
#define MOVE	hlist_del_rcu(OLD); hlist_add_behind_rcu(OLD, BEFORE)
#else
#define MOVE	skip
#endif

/* C: xfrm_policy_unbind_convert(): the policy stays where it stands */
proctype convert()
{
	byte prev;

	LOCK(policy_lock);
	if
	:: linked[OLD] -> MOVE; printf("unbind: the policy is in software\n")
	:: else
	fi;
	UNLOCK(policy_lock)
}

#ifdef REPLACE_WITHOUT_SEQCOUNT
#define unlink_begin()	skip
#define unlink_end()	skip
#else
#define unlink_begin()	generation++
#define unlink_end()	generation++
#endif

/* C: xfrm_policy_insert() of a policy with the selector of OLD */
proctype replace()
{
	byte prev;

	LOCK(policy_lock);
	/* C: xfrm_policy_insert_list() */
	hlist_add_behind_rcu(NEW, HEAD);
	printf("user: the new policy is at the head\n");
	/* C: __xfrm_policy_unlink(), under xfrm_policy_hash_generation */
	unlink_begin();
	linked[OLD] = false;
	hlist_del_rcu(OLD);
	printf("user: the old policy is off the chain\n");
	unlink_end();
	UNLOCK(policy_lock);
	/* C: xfrm_policy_kill() */
	dead[OLD] = true
}

init {
	atomic {
		next[HEAD] = OTHER;
		next[OTHER] = OLD;
		next[OLD] = BEFORE;
		next[BEFORE] = ALLOW;
		next[ALLOW] = END;
		next[NEW] = END;
		linked[OLD] = true;
		run lookup();
		run lookup();
		run convert();
		run replace()
	}
}
