// SPDX-License-Identifier: GPL-2.0
/*
 * The tail of a key: where its SA stopped, so that another SA with the same key
 * continues from there only.
 *
 * A key manager without XFRM_MSG_MIGRATE_STATE copies an SA by GETSA, DELSA and
 * NEWSA. The numbers that it reads are old by the time of the deletion, and
 * with packet offload the hardware keeps them. So each offloaded SA has a tail,
 * which outlives it. An addition looks for the tail of its key before anything
 * is offloaded, even if the new SA stays in software.
 *
 * The name of a tail is the direction and a keyed PRF of the encryption key
 * with its salt: the nonce of a packet depends on these and on its number only.
 * Inbound the SPI is part of the name, too: a frame with another SPI is not
 * authentic. Two SipHashes with different keys are the PRF of 128 bits, so a
 * collision of two keys need not be considered. The name reveals nothing about
 * the key, and no copy of the key is kept.
 *
 * SAs with one key share its tail. The tail is allocated before the SA is
 * offloaded, so that a deletion cannot fail. If a tail is found when an SA is
 * added, the SA uses that, also in software.
 *
 *	LIVE		an SA carries packets under the key
 *	PENDING		an SA has ended, its device has not reported its numbers yet
 *	FINAL		the numbers of all SAs that ended are known
 *	UNKNOWN		a device could not report them
 *
 * A tail is kept for a while after its last SA, see xfrm_tail_keep().
 */

#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/wait_bit.h>
#include <net/netns/generic.h>
#include <net/xfrm.h>

#include "xfrm_offload.h"

#define XFRM_TAIL_BITS		10
#define XFRM_TAIL_BATCH		64
#define XFRM_TAIL_KEEP_IN	(10 * HZ)
#define XFRM_TAIL_KEEP_OUT	(3600 * HZ)

/* Index of @kept; also @dir of a tail. */
enum { XFRM_TAIL_IN, XFRM_TAIL_OUT, XFRM_TAIL_DIRS };

struct xfrm_tail_name {
	u64	v[2];
	__be32	spi;
};

/**
 * struct xfrm_tail - what is known about a key
 * @node: entry of xfrm_tails.names
 * @kept: entry of xfrm_tails.kept, if no SA uses it
 * @stopping: SAs at XFRM_TAIL_STOPPING
 * @name: of the key
 * @refs: one of the table, and one of each SA that points here
 * @live: SAs at XFRM_TAIL_RUNNING or XFRM_TAIL_STOPPED
 * @dir: XFRM_TAIL_IN or XFRM_TAIL_OUT
 * @hashed: in the table
 * @known: @top and @replay include the numbers of an SA that ended
 * @unknown: the numbers of an SA that ended are not known
 * @expires: jiffies, if @kept
 * @top: the highest number that was sent or accepted
 * @window: bits of @replay
 * @replay: if bit n is set, @top - n must not be accepted
 *
 * Under xfrm_tails.lock.
 */
struct xfrm_tail {
	struct hlist_node	node;
	struct list_head	kept;
	struct hlist_head	stopping;
	struct xfrm_tail_name	name;
	refcount_t		refs;
	unsigned int		live;
	u8			dir;
	bool			hashed;
	bool			known;
	bool			unknown;
	unsigned long		expires;
	u64			top;
	u32			window;
	u32			replay[];
};

/**
 * struct xfrm_tails - the tails of a netns
 * @lock: nests inside the lock of an SA; xfrm_offload_lock nests inside it
 * @names: tails by name; NULL until something is offloaded
 * @users: SAs at XFRM_TAIL_RUNNING or XFRM_TAIL_STOPPED, by tail and SPI
 * @kept: tails without an SA, the oldest first
 * @nr: tails
 * @nr_kept: those that are in @kept
 * @key: keys of the PRF
 * @work: frees expired tails
 */
struct xfrm_tails {
	spinlock_t		lock; /* of all tails of the netns */
	struct hlist_head	*names;
	struct hlist_head	*users;
	struct list_head	kept[XFRM_TAIL_DIRS];
	unsigned int		nr;
	unsigned int		nr_kept;
	siphash_key_t		key[2];
	struct delayed_work	work;
};

static unsigned int xfrm_tail_net_id __read_mostly;

static struct xfrm_tails *xfrm_tails_of(const struct xfrm_state *x)
{
	return net_generic(xs_net((struct xfrm_state *)x), xfrm_tail_net_id);
}

/* --- numbers ------------------------------------------------------------- */

struct xfrm_tail_window {
	u64	top;
	u32	size;
	u32	seen[XFRMA_REPLAY_ESN_MAX / sizeof(u32) / 8];
};

static u64 xfrm_tail_limit(const struct xfrm_state *x)
{
	return x->props.flags & XFRM_STATE_ESN ? U64_MAX : U32_MAX;
}

static u64 xfrm_tail_oseq(const struct xfrm_state *x)
{
	const struct xfrm_replay_state_esn *esn = x->replay_esn;

	if (!esn)
		return x->replay.oseq;
	if (!(x->props.flags & XFRM_STATE_ESN))
		return esn->oseq;

	return (u64)esn->oseq_hi << 32 | esn->oseq;
}

static void xfrm_tail_set_oseq(struct xfrm_state *x, u64 oseq)
{
	if (x->replay_esn) {
		x->replay_esn->oseq = lower_32_bits(oseq);
		x->replay_esn->oseq_hi = upper_32_bits(oseq);
		x->preplay_esn->oseq = x->replay_esn->oseq;
		x->preplay_esn->oseq_hi = x->replay_esn->oseq_hi;
	} else {
		x->replay.oseq = oseq;
		x->preplay.oseq = oseq;
	}
}

static u32 xfrm_tail_place(const struct xfrm_replay_state_esn *esn, u64 seq)
{
	u32 place;

	div_u64_rem(seq - 1, esn->replay_window, &place);
	return place;
}

static void xfrm_tail_get_window(const struct xfrm_state *x,
				 struct xfrm_tail_window *w)
{
	const struct xfrm_replay_state_esn *esn = x->replay_esn;
	u32 n, place;

	memset(w->seen, 0, sizeof(w->seen));
	if (!esn) {
		w->top = x->replay.seq;
		w->size = x->props.replay_window;
		w->seen[0] = x->replay.bitmap;
		return;
	}

	w->top = esn->seq;
	if (x->props.flags & XFRM_STATE_ESN)
		w->top |= (u64)esn->seq_hi << 32;
	w->size = esn->replay_window;
	for (n = 0; n < w->size && n < w->top; n++) {
		place = xfrm_tail_place(esn, w->top - n);
		if (esn->bmp[place / 32] & BIT(place % 32))
			w->seen[n / 32] |= BIT(n % 32);
	}
}

static void xfrm_tail_set_window(struct xfrm_state *x,
				 const struct xfrm_tail_window *w)
{
	struct xfrm_replay_state_esn *esn = x->replay_esn;
	u32 n, place;

	if (!esn) {
		x->replay.seq = w->top;
		x->replay.bitmap = w->seen[0];
		x->preplay = x->replay;
		return;
	}

	esn->seq = lower_32_bits(w->top);
	esn->seq_hi = upper_32_bits(w->top);
	memset(esn->bmp, 0, esn->bmp_len * sizeof(u32));
	for (n = 0; n < w->size && n < w->top; n++) {
		place = xfrm_tail_place(esn, w->top - n);
		if (w->seen[n / 32] & BIT(n % 32))
			esn->bmp[place / 32] |= BIT(place % 32);
	}
	memcpy(x->preplay_esn, esn, xfrm_replay_state_esn_len(esn));
}

static bool xfrm_tail_refuses(u64 top, u32 size, const u32 *seen, u64 seq)
{
	u64 back = top - seq;

	if (!size || seq > top)
		return false;

	return back >= size || seen[back / 32] & BIT(back % 32);
}

/* Merge two windows: the higher top, and every number that either refuses. A
 * window of size 0 refuses nothing.
 */
static void xfrm_tail_merge(struct xfrm_tail_window *w,
			    const struct xfrm_tail *t, u64 limit)
{
	u32 seen[ARRAY_SIZE(w->seen)] = {};
	u64 top = max(w->top, t->top);
	u64 seq;
	u32 n;

	if (!w->size || !t->window)
		return;

	top = min(top, limit);
	for (n = 0; n < w->size && n < top; n++) {
		seq = top - n;
		if (xfrm_tail_refuses(w->top, w->size, w->seen, seq) ||
		    xfrm_tail_refuses(t->top, t->window, t->replay, seq))
			seen[n / 32] |= BIT(n % 32);
	}

	w->top = top;
	memcpy(w->seen, seen, sizeof(w->seen));
}

/* An SA without a window refuses nothing. */
static void xfrm_tail_adopt(struct xfrm_tail *t, struct xfrm_tail_window *w)
{
	if (!w->size)
		return;

	xfrm_tail_merge(w, t, U64_MAX);
	t->top = w->top;
	t->window = w->size;
	memcpy(t->replay, w->seen, sizeof(w->seen));
	t->known = true;
}

/* --- the table ----------------------------------------------------------- */

static void xfrm_tail_drop(struct xfrm_tail *t)
{
	if (refcount_dec_and_test(&t->refs))
		kfree(t);
}

static struct hlist_head *xfrm_tail_home(struct xfrm_tails *tails,
					 const struct xfrm_tail_name *name)
{
	return &tails->names[name->v[0] & (BIT(XFRM_TAIL_BITS) - 1)];
}

static struct hlist_head *xfrm_tail_users(struct xfrm_tails *tails,
					  const struct xfrm_tail *t, __be32 spi)
{
	u32 hash = (u32)t->name.v[1] ^ (__force u32)spi;

	return &tails->users[hash_32(hash, XFRM_TAIL_BITS)];
}

static void xfrm_tail_unkeep(struct xfrm_tails *tails, struct xfrm_tail *t)
{
	if (list_empty(&t->kept))
		return;
	list_del_init(&t->kept);
	tails->nr_kept--;
}

static void xfrm_tail_remove(struct xfrm_tails *tails, struct xfrm_tail *t)
{
	xfrm_tail_unkeep(tails, t);
	hlist_del(&t->node);
	t->hashed = false;
	WRITE_ONCE(tails->nr, tails->nr - 1);
	xfrm_tail_drop(t);
}

/* Evict inbound tails first: an IV that is used twice cannot be undone. */
static void xfrm_tail_evict(struct net *net, struct xfrm_tails *tails)
{
	struct list_head *list;

	while (tails->nr_kept > XFRM_TAIL_MAX) {
		list = &tails->kept[XFRM_TAIL_IN];
		if (list_empty(list))
			list = &tails->kept[XFRM_TAIL_OUT];
		xfrm_tail_remove(tails, list_first_entry(list, struct xfrm_tail,
							 kept));
		XFRM_INC_STATS(net, LINUX_MIB_XFRMTAILEVICTED);
	}
}

/* Outbound, the hard lifetime of the key, at most an hour. Inbound only a short
 * time: a replayed frame does less harm, and a peer may restart its numbers.
 */
static unsigned long xfrm_tail_time(const struct xfrm_tail *t,
				    const struct xfrm_state *x)
{
	u64 hard = x->lft.hard_add_expires_seconds;
	s64 left = XFRM_TAIL_KEEP_OUT / HZ;

	if (t->dir == XFRM_TAIL_IN)
		return XFRM_TAIL_KEEP_IN;
	if (hard && hard < S32_MAX)
		left = min_t(s64, left, (s64)hard + (s64)x->curlft.add_time -
			     ktime_get_real_seconds());

	return max_t(s64, left * HZ, XFRM_TAIL_KEEP_IN);
}

/* @x was the last SA that uses @t. */
static void xfrm_tail_keep(struct xfrm_tails *tails, struct xfrm_tail *t,
			   const struct xfrm_state *x)
{
	if (t->live || !hlist_empty(&t->stopping) || !t->hashed)
		return;
	if (!t->known && !t->unknown) {
		xfrm_tail_remove(tails, t);
		return;
	}

	t->expires = jiffies + xfrm_tail_time(t, x);
	list_add_tail(&t->kept, &tails->kept[t->dir]);
	tails->nr_kept++;
	xfrm_tail_evict(xs_net((struct xfrm_state *)x), tails);
	schedule_delayed_work(&tails->work, XFRM_TAIL_KEEP_IN);
}

/* In batches; the order does not change. */
static void xfrm_tail_work_fn(struct work_struct *work)
{
	struct xfrm_tails *tails = container_of(to_delayed_work(work),
						struct xfrm_tails, work);
	struct xfrm_tail *t;
	unsigned int todo, n;
	int dir;

	for (dir = 0; dir < XFRM_TAIL_DIRS; dir++) {
		todo = READ_ONCE(tails->nr_kept);
		while (todo) {
			spin_lock_bh(&tails->lock);
			for (n = 0; todo && n < XFRM_TAIL_BATCH; n++, todo--) {
				t = list_first_entry_or_null(&tails->kept[dir],
							     struct xfrm_tail,
							     kept);
				if (!t)
					todo = 1;
				else if (time_after_eq(jiffies, t->expires))
					xfrm_tail_remove(tails, t);
				else
					list_move_tail(&t->kept,
						       &tails->kept[dir]);
			}
			spin_unlock_bh(&tails->lock);
			cond_resched();
		}
	}

	if (READ_ONCE(tails->nr_kept))
		schedule_delayed_work(&tails->work, XFRM_TAIL_KEEP_IN);
}

/* An expired tail counts as freed. */
static struct xfrm_tail *xfrm_tail_find(struct xfrm_tails *tails,
					const struct xfrm_tail_name *name,
					int dir)
{
	struct xfrm_tail *t;

	if (!tails->names)
		return NULL;

	hlist_for_each_entry(t, xfrm_tail_home(tails, name), node) {
		if (t->dir != dir || t->name.v[0] != name->v[0] ||
		    t->name.v[1] != name->v[1] ||
		    (dir == XFRM_TAIL_IN && t->name.spi != name->spi))
			continue;
		if (list_empty(&t->kept) || time_before(jiffies, t->expires))
			return t;
		xfrm_tail_remove(tails, t);
		return NULL;
	}

	return NULL;
}

static bool xfrm_tail_name(struct xfrm_tails *tails, const struct xfrm_state *x,
			   struct xfrm_tail_name *name)
{
	unsigned int bits = 0;
	const void *key;
	int i;

	if (x->aead) {
		key = x->aead->alg_key;
		bits = x->aead->alg_key_len;
	} else if (x->ealg && x->ealg->alg_key_len) {
		key = x->ealg->alg_key;
		bits = x->ealg->alg_key_len;
	} else if (x->aalg) {
		key = x->aalg->alg_key;
		bits = x->aalg->alg_key_len;
	}
	if (!bits)
		return false;

	for (i = 0; i < ARRAY_SIZE(name->v); i++)
		name->v[i] = siphash(key, (bits + 7) / 8, &tails->key[i]);
	name->spi = x->id.spi;
	return true;
}

static void xfrm_tail_attach(struct xfrm_tails *tails, struct xfrm_tail *t,
			     struct xfrm_state *x)
{
	refcount_inc(&t->refs);
	xfrm_tail_unkeep(tails, t);
	t->live++;
	x->invalid.tail = t;
	WRITE_ONCE(x->invalid.tail_stage, XFRM_TAIL_RUNNING);
	hlist_add_head(&x->invalid.tail_node,
		       xfrm_tail_users(tails, t, x->id.spi));
}

static void xfrm_tail_insert(struct xfrm_tails *tails, struct xfrm_tail *t,
			     const struct xfrm_tail_name *name)
{
	t->name = *name;
	t->hashed = true;
	hlist_add_head(&t->node, xfrm_tail_home(tails, name));
	WRITE_ONCE(tails->nr, tails->nr + 1);
}

/* --- an SA ends ---------------------------------------------------------- */

/* Merge its numbers into the tail. */
static void xfrm_tail_settle(struct xfrm_tails *tails, struct xfrm_state *x,
			     bool exact)
{
	struct xfrm_tail *t = x->invalid.tail;
	struct xfrm_tail_window w;

	if (x->invalid.tail_stage != XFRM_TAIL_STOPPING)
		t->live--;
	hlist_del_init(&x->invalid.tail_node);
	WRITE_ONCE(x->invalid.tail_stage, XFRM_TAIL_NONE);

	if (!exact) {
		t->unknown = true;
	} else if (t->dir == XFRM_TAIL_OUT) {
		t->top = max(t->top, xfrm_tail_oseq(x));
		t->known = true;
	} else {
		xfrm_tail_get_window(x, &w);
		xfrm_tail_adopt(t, &w);
	}

	xfrm_tail_keep(tails, t, x);
	wake_up_var(&t->stopping);
}

/**
 * xfrm_tail_close - end an SA's use of its key
 * @x: SA
 * @known: its numbers are known, and exact; otherwise xfrm_tail_stopped()
 *	follows, unless it has been called
 *
 * Context: under @x->lock.
 */
void xfrm_tail_close(struct xfrm_state *x, bool known)
{
	struct xfrm_tails *tails;

	if (READ_ONCE(x->invalid.tail_stage) == XFRM_TAIL_NONE)
		return;

	tails = xfrm_tails_of(x);
	spin_lock_bh(&tails->lock);

	if (x->invalid.tail_stage == XFRM_TAIL_STOPPED) {
		xfrm_tail_settle(tails, x, x->invalid.exact);
	} else if (x->invalid.tail_stage == XFRM_TAIL_RUNNING && known) {
		xfrm_tail_settle(tails, x, true);
	} else if (x->invalid.tail_stage == XFRM_TAIL_RUNNING) {
		x->invalid.tail->live--;
		hlist_del(&x->invalid.tail_node);
		hlist_add_head(&x->invalid.tail_node,
			       &x->invalid.tail->stopping);
		WRITE_ONCE(x->invalid.tail_stage, XFRM_TAIL_STOPPING);
	}

	spin_unlock_bh(&tails->lock);
}

/**
 * xfrm_tail_step - see xfrm_tail_stopped() and xfrm_tail_resumed()
 * @x: SA; if it has ended, its numbers are merged
 * @from: its stage
 * @to: its next stage
 *
 * Context: under @x->lock.
 */
void xfrm_tail_step(struct xfrm_state *x, enum xfrm_tail_stage from,
		    enum xfrm_tail_stage to)
{
	struct xfrm_tails *tails;

	if (READ_ONCE(x->invalid.tail_stage) == XFRM_TAIL_NONE)
		return;

	tails = xfrm_tails_of(x);
	spin_lock_bh(&tails->lock);
	if (x->invalid.tail_stage == from)
		WRITE_ONCE(x->invalid.tail_stage, to);
	else if (x->invalid.tail_stage == XFRM_TAIL_STOPPING &&
		 to == XFRM_TAIL_STOPPED)
		xfrm_tail_settle(tails, x, x->invalid.exact);
	spin_unlock_bh(&tails->lock);
}

/**
 * xfrm_tail_forget - release the tail of an SA that was not added
 * @x: SA that never carried a packet
 *
 * Context: any.
 */
void xfrm_tail_forget(struct xfrm_state *x)
{
	struct xfrm_tails *tails;
	struct xfrm_tail *t;

	if (READ_ONCE(x->invalid.tail_stage) == XFRM_TAIL_NONE)
		return;

	tails = xfrm_tails_of(x);
	spin_lock_bh(&tails->lock);
	t = x->invalid.tail;
	if (x->invalid.tail_stage != XFRM_TAIL_NONE) {
		if (x->invalid.tail_stage != XFRM_TAIL_STOPPING)
			t->live--;
		hlist_del_init(&x->invalid.tail_node);
		WRITE_ONCE(x->invalid.tail_stage, XFRM_TAIL_NONE);
		xfrm_tail_keep(tails, t, x);
	}
	spin_unlock_bh(&tails->lock);
}
EXPORT_SYMBOL_GPL(xfrm_tail_forget);

/**
 * xfrm_tail_put - release the tail of an SA that is freed
 * @x: SA
 *
 * Context: process.
 */
void xfrm_tail_put(struct xfrm_state *x)
{
	if (!x->invalid.tail)
		return;

	xfrm_tail_forget(x);
	xfrm_tail_drop(x->invalid.tail);
	x->invalid.tail = NULL;
}

/* --- an SA is added ------------------------------------------------------ */

static bool xfrm_tail_is_settled(struct xfrm_tails *tails, struct xfrm_tail *t)
{
	bool settled;

	spin_lock_bh(&tails->lock);
	settled = hlist_empty(&t->stopping);
	spin_unlock_bh(&tails->lock);

	return settled;
}

/* Wait until the numbers of @t are known. Deletions that are only deferred are
 * ended here, with one grace period.
 */
static void xfrm_tail_finish(struct xfrm_tails *tails, struct xfrm_tail *t)
{
	struct xfrm_offload_batch batch = {};
	struct xfrm_state *x;

	spin_lock_bh(&tails->lock);
	hlist_for_each_entry(x, &t->stopping, invalid.tail_node)
		xfrm_offload_claim_state(x, XFRM_STAGE_DEFERRED, &batch);
	spin_unlock_bh(&tails->lock);

	if (!hlist_empty(&batch.states)) {
		synchronize_rcu_expedited();
		xfrm_offload_end_batch(&batch);
	}

	wait_var_event(&t->stopping, xfrm_tail_is_settled(tails, t));
}

/* Of an SA without a direction: is it the other direction of @y? */
static bool xfrm_tail_reverse(const struct xfrm_state *x,
			      const struct xfrm_state *y, int dir)
{
	const xfrm_address_t *ours, *theirs;

	if (x->props.family != y->props.family)
		return false;

	ours = dir == XFRM_TAIL_OUT ? &x->id.daddr : &x->props.saddr;
	theirs = dir == XFRM_TAIL_OUT ? &y->props.saddr : &y->id.daddr;
	return xfrm_addr_equal(ours, theirs, x->props.family);
}

/* Returns -EEXIST if an SA of this key and SPI carries packets, 1 if @t means
 * the other direction.
 */
static int xfrm_tail_check_live(struct xfrm_tails *tails, struct xfrm_tail *t,
				const struct xfrm_state *x, bool any_dir,
				struct netlink_ext_ack *extack)
{
	struct xfrm_state *y;

	hlist_for_each_entry(y, xfrm_tail_users(tails, t, x->id.spi),
			     invalid.tail_node) {
		if (y == x || y->invalid.tail != t || y->id.spi != x->id.spi)
			continue;
		if (any_dir && xfrm_tail_reverse(x, y, t->dir))
			return 1;
		NL_SET_ERR_MSG(extack,
			       "Another SA uses this key and SPI: delete it first, or rekey");
		return -EEXIST;
	}

	return 0;
}

static int xfrm_tail_go_on_out(struct xfrm_state *x, const struct xfrm_tail *t,
			       struct netlink_ext_ack *extack)
{
	if (t->top >= xfrm_tail_limit(x)) {
		NL_SET_ERR_MSG(extack,
			       "The key has no sequence number left: it has to be rekeyed");
		return -EKEYEXPIRED;
	}
	if (xfrm_tail_oseq(x) >= t->top)
		return 0;

	xfrm_tail_set_oseq(x, t->top);
	NL_SET_ERR_MSG_FMT(extack,
			   "The key goes on behind %llu, where an SA with it stopped",
			   t->top);
	return 0;
}

static int xfrm_tail_go_on_in(struct xfrm_state *x, const struct xfrm_tail *t)
{
	struct xfrm_tail_window w;

	xfrm_tail_get_window(x, &w);
	if (w.size) {
		xfrm_tail_merge(&w, t, xfrm_tail_limit(x));
		xfrm_tail_set_window(x, &w);
	}

	return 0;
}

static int xfrm_tail_go_on(struct xfrm_state *x, const struct xfrm_tail *t,
			   struct netlink_ext_ack *extack)
{
	x->invalid.continues = true;
	return t->dir == XFRM_TAIL_OUT ? xfrm_tail_go_on_out(x, t, extack)
				       : xfrm_tail_go_on_in(x, t);
}

/* The SA is not offloaded, and carries no packet. */
static void xfrm_tail_add_invalid(struct xfrm_state *x,
				  enum xfrm_invalid_reason reason, bool exact)
{
	x->invalid.reason = reason;
	x->invalid.time = ktime_get_real_seconds();
	x->invalid.exact = exact;
	x->invalid.held = true;
	x->km.dying = 1;
	/* Pairs with xfrm_state_is_invalid(). */
	smp_store_release(&x->km.state, XFRM_STATE_INVALID);
}

static void xfrm_tail_refuse(struct xfrm_state *x,
			     struct netlink_ext_ack *extack)
{
	xfrm_tail_add_invalid(x, XFRM_INVALID_TAIL, false);
	NL_SET_ERR_MSG(extack,
		       "It is not known where this key stopped: the SA is INVALID, it has to be rekeyed");
}

/**
 * xfrm_tail_copied - a new SA is a copy of an INVALID one
 * @x: a new SA, complete but for its offload
 * @attr: the XFRMA_INVALID of the original, or NULL
 * @extack: where the result is explained, or NULL
 *
 * If the last numbers of the original are not known, the copy becomes INVALID and
 * expires: the key manager has deleted the original already.
 *
 * Context: process, under net->xfrm.xfrm_cfg_mutex, before xfrm_tail_meet().
 */
void xfrm_tail_copied(struct xfrm_state *x, const struct nlattr *attr,
		      struct netlink_ext_ack *extack)
{
	if (attr && !xfrm_invalid_says_exact(attr))
		xfrm_tail_refuse(x, extack);
}
EXPORT_SYMBOL_GPL(xfrm_tail_copied);

/* Returns 0, an error, or -EAGAIN with *@pending and a reference to it. */
static int xfrm_tail_answer(struct xfrm_tails *tails, struct xfrm_state *x,
			    const struct xfrm_tail_name *name, int dir,
			    bool any_dir, struct xfrm_tail **pending,
			    struct netlink_ext_ack *extack)
{
	struct xfrm_tail *t = xfrm_tail_find(tails, name, dir);
	int err;

	if (!t)
		return 0;

	err = xfrm_tail_check_live(tails, t, x, any_dir, extack);
	if (err)
		return min(err, 0);
	if (!hlist_empty(&t->stopping)) {
		refcount_inc(&t->refs);
		*pending = t;
		return -EAGAIN;
	}
	if (t->unknown) {
		if (!xfrm_state_is_invalid(x))
			xfrm_tail_refuse(x, extack);
		return 0;
	}
	if (t->known) {
		err = xfrm_tail_go_on(x, t, extack);
		if (err)
			return err;
	}
	if (!x->invalid.tail)
		xfrm_tail_attach(tails, t, x);

	return 0;
}

/* Bits: BIT(XFRM_TAIL_IN), BIT(XFRM_TAIL_OUT), or both. */
static unsigned int xfrm_tail_dirs(const struct xfrm_state *x,
				   const struct xfrm_user_offload *xuo)
{
	if (xuo)
		return xuo->flags & XFRM_OFFLOAD_INBOUND ? BIT(XFRM_TAIL_IN)
							 : BIT(XFRM_TAIL_OUT);
	if (x->dir == XFRM_SA_DIR_IN)
		return BIT(XFRM_TAIL_IN);
	if (x->dir == XFRM_SA_DIR_OUT)
		return BIT(XFRM_TAIL_OUT);

	return BIT(XFRM_TAIL_IN) | BIT(XFRM_TAIL_OUT);
}

static int xfrm_tail_make_tables(struct xfrm_tails *tails)
{
	struct hlist_head *names, *users;

	if (READ_ONCE(tails->names))
		return 0;

	names = kcalloc(BIT(XFRM_TAIL_BITS), sizeof(*names),
			GFP_KERNEL_ACCOUNT);
	users = kcalloc(BIT(XFRM_TAIL_BITS), sizeof(*users),
			GFP_KERNEL_ACCOUNT);
	if (!names || !users) {
		kfree(names);
		kfree(users);
		return -ENOMEM;
	}

	spin_lock_bh(&tails->lock);
	if (!tails->names) {
		tails->users = users;
		WRITE_ONCE(tails->names, names);
		names = NULL;
		users = NULL;
	}
	spin_unlock_bh(&tails->lock);
	kfree(names);
	kfree(users);

	return 0;
}

static struct xfrm_tail *xfrm_tail_alloc(struct xfrm_tails *tails, int dir)
{
	unsigned int words = 0;
	struct xfrm_tail *t;

	if (xfrm_tail_make_tables(tails))
		return NULL;
	if (dir == XFRM_TAIL_IN)
		words = sizeof_field(struct xfrm_tail_window, seen) /
			sizeof(u32);

	t = kzalloc(struct_size(t, replay, words), GFP_KERNEL_ACCOUNT);
	if (!t)
		return NULL;

	refcount_set(&t->refs, 1);
	INIT_LIST_HEAD(&t->kept);
	t->dir = dir;
	return t;
}

static int xfrm_tail_ask(struct xfrm_tails *tails, struct xfrm_state *x,
			 const struct xfrm_tail_name *name, unsigned int dirs,
			 struct xfrm_tail **fresh,
			 struct xfrm_tail **pending,
			 struct netlink_ext_ack *extack)
{
	bool any_dir = hweight32(dirs) > 1;
	int dir, err = 0;

	spin_lock_bh(&tails->lock);
	for (dir = XFRM_TAIL_DIRS - 1; dir >= 0 && !err; dir--)
		if (dirs & BIT(dir))
			err = xfrm_tail_answer(tails, x, name, dir, any_dir,
					       pending, extack);
	if (!err && *fresh && !x->invalid.tail && !xfrm_state_is_invalid(x)) {
		xfrm_tail_insert(tails, *fresh, name);
		xfrm_tail_attach(tails, *fresh, x);
		*fresh = NULL;
	}
	spin_unlock_bh(&tails->lock);

	return err;
}

/**
 * xfrm_tail_meet - find where a new SA has to continue its key
 * @x: a new SA, complete but for its offload
 * @xuo: the requested offload, or NULL
 * @extack: where the result is explained, or NULL
 *
 * @x continues from where its key stopped. If that is not known, @x becomes
 * INVALID and expires: the key manager has deleted the old SA already, and an
 * error of the addition would not make it rekey.
 *
 * An update of a valid SA is not checked: it has no numbers.
 *
 * Context: process, may sleep, under net->xfrm.xfrm_cfg_mutex, not under RTNL.
 * Waits for deletions of SAs with the same key.
 * Return: 0, also if @x is INVALID; -EEXIST if another SA uses the key with
 * this SPI; -EKEYEXPIRED if no number is left; -ENOMEM.
 */
int xfrm_tail_meet(struct xfrm_state *x, const struct xfrm_user_offload *xuo,
		   struct netlink_ext_ack *extack)
{
	struct xfrm_tails *tails = xfrm_tails_of(x);
	struct xfrm_tail *fresh = NULL, *pending;
	struct xfrm_tail_name name;
	unsigned int dirs;
	int err;

	if (!xuo && !READ_ONCE(tails->nr))
		return 0;
	if (!xfrm_tail_name(tails, x, &name))
		return 0;
	if (xfrm_state_has_twin(x)) {
		x->xso.flags = XFRM_DEV_OFFLOAD_FLAG_TWIN;
		return 0;
	}

	dirs = xfrm_tail_dirs(x, xuo);
	if (xuo) {
		fresh = xfrm_tail_alloc(tails, ilog2(dirs));
		if (!fresh)
			return -ENOMEM;
	}

	for (;;) {
		pending = NULL;
		err = xfrm_tail_ask(tails, x, &name, dirs, &fresh, &pending,
				    extack);
		if (!pending)
			break;
		xfrm_tail_finish(tails, pending);
		xfrm_tail_drop(pending);
	}
	if (err || xfrm_state_is_invalid(x))
		xfrm_tail_forget(x);

	kfree(fresh);
	return err;
}
EXPORT_SYMBOL_GPL(xfrm_tail_meet);

/* Say which device did not take the SA, unless there is none with this index. */
static void xfrm_tail_refused_by(struct xfrm_state *x, int ifindex)
{
	struct xfrm_dev_counts *counts;
	struct net_device *dev;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(xs_net(x), ifindex);
	if (dev) {
		counts = &dev->xfrm_offloads.counts;
		atomic_inc(&counts->unbound[XFRM_INVALID_REFUSED]);
		x->invalid.ifindex = ifindex;
		strscpy(x->invalid.ifname, dev->name);
	}
	rcu_read_unlock();
}

/**
 * xfrm_tail_refused - the device did not take a new SA
 * @x: the new SA, after xfrm_tail_meet() and xfrm_dev_state_add()
 * @ifindex: index of the device that was asked for
 *
 * A key manager that copies an SA (MOBIKE) has deleted it already, and most of
 * them ignore what the addition of the copy returns. So a copy is added as
 * INVALID: it expires, and a successor is negotiated. Its numbers are exact, unless
 * the device may have used some.
 *
 * Context: process, under net->xfrm.xfrm_cfg_mutex.
 * Return: true if @x is a copy, and INVALID now.
 */
bool xfrm_tail_refused(struct xfrm_state *x, int ifindex)
{
	const struct xfrm_tail *t = x->invalid.tail;
	bool exact = t && !READ_ONCE(t->unknown);

	if (!x->invalid.continues)
		return false;

	xfrm_tail_forget(x);
	xfrm_tail_refused_by(x, ifindex);
	xfrm_tail_add_invalid(x, XFRM_INVALID_REFUSED, exact);
	return true;
}

/**
 * xfrm_tail_is_free - check that no other SA has used the key since
 * @x: the SA
 * @extack: where a refusal is explained, or NULL
 *
 * Since @x became INVALID, another SA may have been added with its key.
 *
 * Context: process, may sleep, under net->xfrm.xfrm_cfg_mutex.
 * Return: 0; -EEXIST if another SA uses the key with this SPI; -EOPNOTSUPP if
 * an SA has used it and its numbers are not known.
 */
int xfrm_tail_is_free(struct xfrm_state *x, struct netlink_ext_ack *extack)
{
	struct xfrm_tails *tails = xfrm_tails_of(x);
	struct xfrm_tail *t = x->invalid.tail;
	int err;

	if (!t)
		return 0;
	if (!xfrm_tail_is_settled(tails, t))
		xfrm_tail_finish(tails, t);

	spin_lock_bh(&tails->lock);
	err = xfrm_tail_check_live(tails, t, x, false, extack);
	if (!err && t->unknown && xfrm_state_is_invalid(x)) {
		NL_SET_ERR_MSG(extack,
			       "It is not known where this key stopped: it has to be rekeyed");
		err = -EOPNOTSUPP;
	}
	spin_unlock_bh(&tails->lock);

	return err;
}

/**
 * xfrm_tail_inherit - pass the tail of a migrated SA to its clone
 * @x: the SA, closed
 * @xc: its clone, with its numbers, not in the SAD yet
 * @extack: where a refusal is explained, or NULL
 *
 * If the key was used after @x stopped, @xc continues from there.
 *
 * Context: process, under net->xfrm.xfrm_cfg_mutex.
 * Return: 0; -EKEYEXPIRED if no number is left.
 */
int xfrm_tail_inherit(struct xfrm_state *x, struct xfrm_state *xc,
		      struct netlink_ext_ack *extack)
{
	struct xfrm_tails *tails = xfrm_tails_of(x);
	struct xfrm_tail *t = x->invalid.tail;
	int err = 0;

	if (!t || xc->invalid.tail)
		return 0;

	spin_lock_bh(&tails->lock);
	if (t->hashed) {
		if (t->known)
			err = xfrm_tail_go_on(xc, t, extack);
		if (!err)
			xfrm_tail_attach(tails, t, xc);
	}
	spin_unlock_bh(&tails->lock);

	return err;
}

/**
 * xfrm_tail_provide - allocate a tail for a software SA that is to be offloaded
 * @xc: the SA, not in the SAD yet
 * @xuo: the offload
 *
 * It has the numbers of the SA that it replaces: no tail need be looked up.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENOMEM.
 */
int xfrm_tail_provide(struct xfrm_state *xc,
		      const struct xfrm_user_offload *xuo)
{
	struct xfrm_tails *tails = xfrm_tails_of(xc);
	struct xfrm_tail_name name;
	struct xfrm_tail *t, *fresh;
	int dir;

	if (xc->invalid.tail || !xfrm_tail_name(tails, xc, &name))
		return 0;

	dir = ilog2(xfrm_tail_dirs(xc, xuo));
	fresh = xfrm_tail_alloc(tails, dir);
	if (!fresh)
		return -ENOMEM;

	spin_lock_bh(&tails->lock);
	t = xfrm_tail_find(tails, &name, dir);
	if (!t) {
		t = fresh;
		fresh = NULL;
		xfrm_tail_insert(tails, t, &name);
	}
	xfrm_tail_attach(tails, t, xc);
	spin_unlock_bh(&tails->lock);
	kfree(fresh);

	return 0;
}

/* --- netns --------------------------------------------------------------- */

static int __net_init xfrm_tail_net_init(struct net *net)
{
	struct xfrm_tails *tails = net_generic(net, xfrm_tail_net_id);
	int dir;

	spin_lock_init(&tails->lock);
	for (dir = 0; dir < XFRM_TAIL_DIRS; dir++)
		INIT_LIST_HEAD(&tails->kept[dir]);
	get_random_bytes(tails->key, sizeof(tails->key));
	INIT_DELAYED_WORK(&tails->work, xfrm_tail_work_fn);
	return 0;
}

/* The SAD is empty, and no device of the netns is left. */
static void __net_exit xfrm_tail_net_exit(struct net *net)
{
	struct xfrm_tails *tails = net_generic(net, xfrm_tail_net_id);
	struct hlist_node *tmp;
	struct xfrm_tail *t;
	int i;

	cancel_delayed_work_sync(&tails->work);
	for (i = 0; tails->names && i < BIT(XFRM_TAIL_BITS); i++)
		hlist_for_each_entry_safe(t, tmp, &tails->names[i], node)
			xfrm_tail_remove(tails, t);
	kfree(tails->names);
	kfree(tails->users);
}

static struct pernet_operations xfrm_tail_net_ops = {
	.init	= xfrm_tail_net_init,
	.exit	= xfrm_tail_net_exit,
	.id	= &xfrm_tail_net_id,
	.size	= sizeof(struct xfrm_tails),
};

/**
 * xfrm_tail_init - register the tables of tails
 *
 * Called before the SAD registers, so that the tails of a netns are freed after
 * its SAs.
 */
void __init xfrm_tail_init(void)
{
	if (register_pernet_subsys(&xfrm_tail_net_ops))
		panic("xfrm: no memory for tails\n");
}
