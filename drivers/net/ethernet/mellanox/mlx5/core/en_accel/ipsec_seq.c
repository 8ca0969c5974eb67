// SPDX-License-Identifier: GPL-2.0
/*
 * Where a packet offload SA begins on the device, and where it stopped there.
 *
 * Outbound the ASO context counts in mode_parameter: the lower half of the
 * number that the next packet gets. The upper half, with ESN, is esn_msb of the
 * object, which the driver increments when the device reports a wrap; so that
 * the device is right before the driver is, esn_overlap tells it while the
 * lower half is beyond 2^31 that small numbers belong to the next upper half.
 */

#include <linux/mlx5/device.h>
#include <linux/mlx5/mlx5_ifc.h>

#include "ipsec_seq.h"

/**
 * mlx5e_ipsec_next_seq - the number that the next packet of an SA gets
 * @x: outbound SA
 * @low: lower half of the number
 * @high: upper half; without ESN, 1 if there is none left
 */
void mlx5e_ipsec_next_seq(const struct xfrm_state *x, u32 *low, u32 *high)
{
	u64 last = x->replay.oseq;

	if (x->replay_esn)
		last = (u64)x->replay_esn->oseq_hi << 32 | x->replay_esn->oseq;

	*low = lower_32_bits(last + 1);
	*high = upper_32_bits(last + 1);
}

static u32 mlx5e_ipsec_window(const struct xfrm_state *x)
{
	return x->replay_esn ? x->replay_esn->replay_window
			     : x->props.replay_window;
}

static bool mlx5e_ipsec_window_used(const struct xfrm_state *x)
{
	u32 i;

	if (!x->replay_esn)
		return x->props.replay_window && x->replay.bitmap;

	for (i = 0; i < x->replay_esn->bmp_len; i++)
		if (x->replay_esn->bmp[i])
			return true;

	return false;
}

/**
 * mlx5e_ipsec_validate_seq - can the device go on where an SA stands?
 * @x: packet offload SA
 * @extack: where a refusal is explained, or NULL
 *
 * Inbound, the driver programs a replay window with ESN only: whether the object
 * keeps one without it is documented nowhere in public. And what the stack has
 * received cannot be put into the device's window, and would be accepted a
 * second time.
 *
 * Return: 0; -EOPNOTSUPP if it wants a window without ESN, or has received
 * anything; -EOVERFLOW if an outbound SA without ESN has used all its numbers.
 */
int mlx5e_ipsec_validate_seq(const struct xfrm_state *x,
			     struct netlink_ext_ack *extack)
{
	u32 low, high;

	if (x->xso.dir == XFRM_DEV_OFFLOAD_IN) {
		if (mlx5e_ipsec_window(x) &&
		    !(x->props.flags & XFRM_STATE_ESN)) {
			NL_SET_ERR_MSG_MOD(extack, "No replay window without ESN: set it to 0");
			return -EOPNOTSUPP;
		}
		if (!mlx5e_ipsec_window_used(x))
			return 0;
		NL_SET_ERR_MSG_MOD(extack, "Device cannot take over a replay window");
		return -EOPNOTSUPP;
	}

	mlx5e_ipsec_next_seq(x, &low, &high);
	if (high && !(x->props.flags & XFRM_STATE_ESN)) {
		NL_SET_ERR_MSG_MOD(extack, "All sequence numbers are used up");
		return -EOVERFLOW;
	}

	return 0;
}

/* What is left of a limit; 0 for one that was passed. */
static u64 mlx5e_ipsec_limit_left(u64 limit, u64 used)
{
	if (limit == XFRM_INF)
		return XFRM_INF;

	return limit > used ? limit - used : 0;
}

/**
 * mlx5e_ipsec_packets_left - how many packets of an SA the device may handle
 * @x: the SA, with what it has counted so far
 * @left: filled in
 * @extack: where a refusal is explained, or NULL
 *
 * The device counts from the moment that it has the SA. It does not stop at the
 * last sequence number by itself: without ESN the next one is 0 again, and IVs
 * repeat. So the numbers that are left are a hard limit, too.
 *
 * Return: 0; -EOVERFLOW if the SA has reached its hard limit.
 */
int mlx5e_ipsec_packets_left(const struct xfrm_state *x,
			     struct mlx5e_ipsec_left *left,
			     struct netlink_ext_ack *extack)
{
	u64 used = x->curlft.packets;
	u32 numbers;

	left->hard = mlx5e_ipsec_limit_left(x->lft.hard_packet_limit, used);
	left->soft = mlx5e_ipsec_limit_left(x->lft.soft_packet_limit, used);
	left->numbers = false;

	if (!left->hard) {
		NL_SET_ERR_MSG_MOD(extack, "The SA has reached its hard packet limit");
		return -EOVERFLOW;
	}
	/* The stack tells at its next look. Without a soft limit the device's
	 * hard limit has 32 bits.
	 */
	if (!left->soft)
		left->soft = left->hard > U32_MAX ? 1 : XFRM_INF;

	if (x->xso.type != XFRM_DEV_OFFLOAD_PACKET ||
	    x->xso.dir != XFRM_DEV_OFFLOAD_OUT ||
	    x->props.flags & XFRM_STATE_ESN)
		return 0;

	numbers = U32_MAX - (x->replay_esn ? x->replay_esn->oseq
					   : x->replay.oseq);
	if (left->hard <= numbers)
		return 0;

	left->hard = numbers;
	left->numbers = true;
	if (left->soft >= numbers)
		left->soft = XFRM_INF;

	return 0;
}

/* An event that nobody has answered: the lower half has passed 2^31, or wrapped,
 * since @overlap was set. Then it is on the other side of 2^31 now. If it is not,
 * it has passed 2^31 twice, and how often nobody knows.
 */
static bool mlx5e_ipsec_event_lost(const void *aso, bool overlap, bool beyond)
{
	return !MLX5_GET(ipsec_aso, aso, esn_event_arm) && overlap == beyond;
}

static int mlx5e_ipsec_next_msb(const struct mlx5e_ipsec_stop *stop, u32 low,
				u32 *msb)
{
	bool overlap = MLX5_GET(ipsec_obj, stop->obj, esn_overlap);
	bool beyond = low & BIT(31);

	*msb = MLX5_GET(ipsec_obj, stop->obj, esn_msb);
	if (*msb != stop->esn_msb || overlap != stop->esn_overlap)
		return -EIO;
	if (mlx5e_ipsec_event_lost(stop->aso, overlap, beyond))
		return -EIO;

	*msb += overlap && !beyond;
	return 0;
}

/**
 * mlx5e_ipsec_final_seq - the sequence number of the last packet of an SA
 * @stop: what is known of the SA
 * @seq: the number, if 0 is returned
 *
 * Inbound that is not known: it is not documented whether mode_parameter is the
 * highest number received, the one after it, or the end of the window, nor in
 * which order the bits of the window lie. A guess would accept replays.
 *
 * Return: 0; -EOPNOTSUPP for an inbound SA; -EIO if the device's answer makes no
 * sense, or is not what the driver has written to it.
 */
int mlx5e_ipsec_final_seq(const struct mlx5e_ipsec_stop *stop, u64 *seq)
{
	u32 low = MLX5_GET(ipsec_aso, stop->aso, mode_parameter);
	u32 msb;
	int err;

	if (stop->dir != XFRM_DEV_OFFLOAD_OUT)
		return -EOPNOTSUPP;

	if (!MLX5_GET(ipsec_aso, stop->aso, valid) ||
	    MLX5_GET(ipsec_aso, stop->aso, mode) != MLX5_IPSEC_ASO_INC_SN ||
	    MLX5_GET(ipsec_obj, stop->obj, esn_en) != stop->esn)
		return -EIO;

	if (!stop->esn) {
		*seq = low - 1;
		return 0;
	}

	err = mlx5e_ipsec_next_msb(stop, low, &msb);
	if (err)
		return err;
	/* The first packet has number 1. */
	if (!msb && !low)
		return -EIO;

	*seq = ((u64)msb << 32 | low) - 1;
	return 0;
}
