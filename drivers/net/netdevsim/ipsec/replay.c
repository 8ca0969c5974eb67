// SPDX-License-Identifier: GPL-2.0
/* Replay window of an inbound SA, as the device keeps it. */

#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "engine.h"

int nsim_ipsec_replay_init(struct nsim_ipsec_replay *replay, u32 window, gfp_t gfp)
{
	u32 size = window ? roundup_pow_of_two(window) : 1;

	replay->seen = bitmap_zalloc(size, gfp);
	if (!replay->seen)
		return -ENOMEM;
	replay->mask = size - 1;
	replay->window = window;
	replay->top = 0;
	return 0;
}

void nsim_ipsec_replay_free(struct nsim_ipsec_replay *replay)
{
	bitmap_free(replay->seen);
	replay->seen = NULL;
}

static bool nsim_ipsec_replay_seen_by_stack(const struct xfrm_state *x, u32 back)
{
	const struct xfrm_replay_state_esn *esn = x->replay_esn;
	u32 bit;

	if (!esn)
		return x->replay.bitmap & BIT(back);

	/* The stack's bitmap is a ring too: number n has bit (n - 1) % window. */
	bit = (esn->seq - 1) % esn->replay_window;
	bit = (bit + esn->replay_window - back) % esn->replay_window;
	return esn->bmp[bit / 32] & BIT(bit % 32);
}

/* A migrated SA is added with the window that it had: continue it. */
void nsim_ipsec_replay_load(struct nsim_ipsec_replay *replay, const struct xfrm_state *x)
{
	u32 back;

	replay->top = x->replay.seq;
	if (x->replay_esn) {
		replay->top = x->replay_esn->seq;
		if (x->props.flags & XFRM_STATE_ESN)
			replay->top |= (u64)x->replay_esn->seq_hi << 32;
	}

	for (back = 0; back < replay->window && back < replay->top; back++)
		if (nsim_ipsec_replay_seen_by_stack(x, back))
			__set_bit((replay->top - back) & replay->mask, replay->seen);
}

/*
 * The upper half of an extended number is not in the packet. It is the one
 * that puts the number into the window or, failing that, just beyond its top.
 */
u64 nsim_ipsec_replay_extend(const struct nsim_ipsec_replay *replay, u32 low)
{
	u64 bottom = replay->top - min_t(u64, replay->top, replay->window ? replay->window - 1 : 0);
	u64 seq = (bottom & ~(u64)U32_MAX) | low;

	if (seq < bottom)
		seq += BIT_ULL(32);
	return seq;
}

bool nsim_ipsec_replay_fresh(const struct nsim_ipsec_replay *replay, u64 seq)
{
	if (!replay->window)
		return true;
	if (!seq)
		return false;
	if (seq > replay->top)
		return true;
	if (replay->top - seq >= replay->window)
		return false;
	return !test_bit(seq & replay->mask, replay->seen);
}

void nsim_ipsec_replay_advance(struct nsim_ipsec_replay *replay, u64 seq)
{
	if (seq > replay->top) {
		if (seq - replay->top > replay->mask) {
			bitmap_zero(replay->seen, replay->mask + 1);
		} else {
			while (++replay->top < seq)
				__clear_bit(replay->top & replay->mask, replay->seen);
		}
		replay->top = seq;
	}
	__set_bit(seq & replay->mask, replay->seen);
}

/* Bit n of @bitmap: number top - n was received. @bitmap comes zeroed. */
void nsim_ipsec_replay_export(const struct nsim_ipsec_replay *replay, u32 *bitmap, u32 window)
{
	u32 back;

	window = min(window, replay->window);
	for (back = 0; back < window && back < replay->top; back++)
		if (test_bit((replay->top - back) & replay->mask, replay->seen))
			bitmap[back / 32] |= BIT(back % 32);
}
