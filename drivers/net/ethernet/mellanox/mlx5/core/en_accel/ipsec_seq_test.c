// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the sequence numbers that an SA begins and ends with. */

#include <kunit/test.h>
#include <linux/mlx5/device.h>
#include <linux/mlx5/mlx5_ifc.h>

#include "eswitch.h"
#include "ipsec.h"
#include "ipsec_seq.h"

/* What the device says; @msb and @overlap are also what the driver wrote. */
struct seq_case {
	const char *name;
	u32 low;
	u32 msb;
	bool overlap;
	bool fired;
	bool esn;
	int err;
	u64 seq;
};

static void fill_stop(const struct seq_case *c, u8 *aso, u8 *obj,
		      struct mlx5e_ipsec_stop *stop)
{
	MLX5_SET(ipsec_aso, aso, valid, 1);
	MLX5_SET(ipsec_aso, aso, mode, MLX5_IPSEC_ASO_INC_SN);
	MLX5_SET(ipsec_aso, aso, mode_parameter, c->low);
	MLX5_SET(ipsec_aso, aso, esn_event_arm, c->esn && !c->fired);
	MLX5_SET(ipsec_obj, obj, esn_en, c->esn);
	MLX5_SET(ipsec_obj, obj, esn_msb, c->msb);
	MLX5_SET(ipsec_obj, obj, esn_overlap, c->overlap);

	stop->aso = aso;
	stop->obj = obj;
	stop->esn_msb = c->msb;
	stop->esn_overlap = c->overlap;
	stop->dir = XFRM_DEV_OFFLOAD_OUT;
	stop->esn = c->esn;
}

static const struct seq_case seq_cases[] = {
	{ .name = "no ESN, nothing sent", .low = 1, .seq = 0 },
	{ .name = "no ESN, some sent", .low = 1001, .seq = 1000 },
	{ .name = "no ESN, all sent", .low = 0, .seq = U32_MAX },
	{ .name = "no ESN, beyond 2^31", .low = 0x80000001, .seq = 0x80000000 },
	{ .name = "nothing sent", .esn = true, .low = 1, .seq = 0 },
	{ .name = "some sent", .esn = true, .low = 1001, .seq = 1000 },
	{ .name = "in the third upper half", .esn = true, .low = 7, .msb = 2,
	  .seq = 0x200000006ULL },
	{ .name = "2^31 passed, driver knows", .esn = true, .low = 0x80000005,
	  .overlap = true, .seq = 0x80000004 },
	{ .name = "2^31 passed, driver does not know", .esn = true,
	  .low = 0x80000005, .fired = true, .seq = 0x80000004 },
	{ .name = "wrapped, driver does not know", .esn = true, .low = 5,
	  .msb = 3, .overlap = true, .fired = true, .seq = 0x400000004ULL },
	{ .name = "wrapped, not even told", .esn = true, .low = 5, .msb = 3,
	  .overlap = true, .seq = 0x400000004ULL },
	{ .name = "about to wrap", .esn = true, .low = 0, .msb = 3,
	  .overlap = true, .seq = 0x3ffffffffULL },
	{ .name = "wrapped, driver knows", .esn = true, .low = 5, .msb = 4,
	  .seq = 0x400000004ULL },
	{ .name = "number 0 is next", .esn = true, .low = 0, .err = -EIO },
	{ .name = "2^31 passed, then wrapped, nobody looked", .esn = true,
	  .low = 5, .fired = true, .err = -EIO },
	{ .name = "wrapped, then 2^31 passed, nobody looked", .esn = true,
	  .low = 0x80000005, .overlap = true, .fired = true, .err = -EIO },
};

static void seq_case_name(const struct seq_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(seq, seq_cases, seq_case_name);

static void final_seq_is_the_last_number(struct kunit *test)
{
	const struct seq_case *c = test->param_value;
	u8 __aligned(8) aso[MLX5_ST_SZ_BYTES(ipsec_aso)] = {};
	u8 __aligned(8) obj[MLX5_ST_SZ_BYTES(ipsec_obj)] = {};
	struct mlx5e_ipsec_stop stop;
	u64 seq = 0;

	fill_stop(c, aso, obj, &stop);

	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_final_seq(&stop, &seq), c->err);
	KUNIT_EXPECT_EQ(test, seq, c->seq);
}

static void final_seq_of_inbound_is_unknown(struct kunit *test)
{
	const struct seq_case *c = test->param_value;
	u8 __aligned(8) aso[MLX5_ST_SZ_BYTES(ipsec_aso)] = {};
	u8 __aligned(8) obj[MLX5_ST_SZ_BYTES(ipsec_obj)] = {};
	struct mlx5e_ipsec_stop stop;
	u64 seq = 0;

	fill_stop(c, aso, obj, &stop);
	MLX5_SET(ipsec_aso, aso, mode, MLX5_IPSEC_ASO_REPLAY_PROTECTION);
	stop.dir = XFRM_DEV_OFFLOAD_IN;

	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_final_seq(&stop, &seq), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, seq, 0ULL);
}

static void final_seq_believes_no_nonsense(struct kunit *test)
{
	static const struct seq_case c = { .esn = true, .low = 9, .msb = 1 };
	u8 __aligned(8) aso[MLX5_ST_SZ_BYTES(ipsec_aso)] = {};
	u8 __aligned(8) obj[MLX5_ST_SZ_BYTES(ipsec_obj)] = {};
	struct mlx5e_ipsec_stop stop;
	u64 seq;

	fill_stop(&c, aso, obj, &stop);
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_final_seq(&stop, &seq), 0);

	MLX5_SET(ipsec_aso, aso, valid, 0);
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_final_seq(&stop, &seq), -EIO);

	fill_stop(&c, aso, obj, &stop);
	MLX5_SET(ipsec_aso, aso, mode, MLX5_IPSEC_ASO_REPLAY_PROTECTION);
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_final_seq(&stop, &seq), -EIO);

	fill_stop(&c, aso, obj, &stop);
	MLX5_SET(ipsec_obj, obj, esn_en, 0);
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_final_seq(&stop, &seq), -EIO);
}

/* A modification that failed, or came late. */
static void final_seq_wants_what_was_written(struct kunit *test)
{
	static const struct seq_case c = { .esn = true, .low = 9, .msb = 1 };
	u8 __aligned(8) aso[MLX5_ST_SZ_BYTES(ipsec_aso)] = {};
	u8 __aligned(8) obj[MLX5_ST_SZ_BYTES(ipsec_obj)] = {};
	struct mlx5e_ipsec_stop stop;
	u64 seq;

	fill_stop(&c, aso, obj, &stop);
	stop.esn_msb = 2;
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_final_seq(&stop, &seq), -EIO);

	fill_stop(&c, aso, obj, &stop);
	stop.esn_overlap = true;
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_final_seq(&stop, &seq), -EIO);
}

static struct xfrm_state *new_state(struct kunit *test, u8 dir, bool esn)
{
	struct xfrm_replay_state_esn *replay;
	struct xfrm_state *x;

	x = kunit_kzalloc(test, sizeof(*x), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x);
	x->xso.dir = dir;
	if (!esn)
		return x;

	replay = kunit_kzalloc(test, sizeof(*replay) + 2 * sizeof(u32),
			       GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, replay);
	replay->bmp_len = 2;
	replay->replay_window = 64;
	x->replay_esn = replay;
	x->props.flags = XFRM_STATE_ESN;
	return x;
}

static void next_seq_follows_the_last(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_OUT, false);
	u32 low, high;

	mlx5e_ipsec_next_seq(x, &low, &high);
	KUNIT_EXPECT_EQ(test, low, 1U);

	x->replay.oseq = 1000;
	mlx5e_ipsec_next_seq(x, &low, &high);
	KUNIT_EXPECT_EQ(test, low, 1001U);
	KUNIT_EXPECT_EQ(test, high, 0U);
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), 0);

	x = new_state(test, XFRM_DEV_OFFLOAD_OUT, true);
	x->replay_esn->oseq = U32_MAX;
	x->replay_esn->oseq_hi = 4;
	mlx5e_ipsec_next_seq(x, &low, &high);
	KUNIT_EXPECT_EQ(test, low, 0U);
	KUNIT_EXPECT_EQ(test, high, 5U);
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), 0);
}

static void sa_without_numbers_is_refused(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_OUT, false);

	x->replay.oseq = U32_MAX;
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), -EOVERFLOW);
}

static void used_window_is_refused(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_IN, true);

	x->replay_esn->seq = 1000;
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), 0);
	x->replay_esn->bmp[1] = 1;
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), -EOPNOTSUPP);

	x = new_state(test, XFRM_DEV_OFFLOAD_IN, false);
	x->replay.bitmap = 1;
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), 0);
}

static void window_without_esn_is_refused(struct kunit *test)
{
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_IN, false);

	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), 0);
	x->props.replay_window = 32;
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), -EOPNOTSUPP);

	/* XFRMA_REPLAY_ESN_VAL without XFRM_STATE_ESN */
	x = new_state(test, XFRM_DEV_OFFLOAD_IN, true);
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), 0);
	x->props.flags = 0;
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), -EOPNOTSUPP);
	x->replay_esn->replay_window = 0;
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), 0);

	/* An outbound SA keeps no window, whatever it asks for. */
	x = new_state(test, XFRM_DEV_OFFLOAD_OUT, false);
	x->props.replay_window = 32;
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_validate_seq(x, NULL), 0);
}

struct left_case {
	const char *name;
	u64 hard;
	u64 soft;
	u64 used;
	u32 oseq;
	bool esn;
	bool in;
	bool crypto;
	int err;
	struct mlx5e_ipsec_left left;
};

static const struct left_case left_cases[] = {
	{ .name = "ESN, no limit", .esn = true, .hard = XFRM_INF,
	  .soft = XFRM_INF, .used = 5000, .oseq = 5000,
	  .left = { XFRM_INF, XFRM_INF, false } },
	{ .name = "ESN, limits, nothing sent", .esn = true, .hard = 2000,
	  .soft = 1000, .left = { 2000, 1000, false } },
	{ .name = "ESN, limits, some sent", .esn = true, .hard = 2000,
	  .soft = 1000, .used = 300, .left = { 1700, 700, false } },
	{ .name = "ESN, beyond the soft limit", .esn = true, .hard = 2000,
	  .soft = 1000, .used = 1000, .left = { 1000, XFRM_INF, false } },
	{ .name = "ESN, beyond the soft limit, far from the hard one",
	  .esn = true, .hard = 1ULL << 34, .soft = 1000, .used = 2000,
	  .left = { (1ULL << 34) - 2000, 1, false } },
	{ .name = "ESN, one packet left", .esn = true, .hard = 2000,
	  .soft = 1000, .used = 1999, .left = { 1, XFRM_INF, false } },
	{ .name = "ESN, at the hard limit", .esn = true, .hard = 2000,
	  .soft = 1000, .used = 2000, .err = -EOVERFLOW },
	{ .name = "ESN, beyond the hard limit", .esn = true, .hard = 2000,
	  .soft = 1000, .used = 2001, .err = -EOVERFLOW },
	{ .name = "no ESN, no limit", .hard = XFRM_INF, .soft = XFRM_INF,
	  .left = { U32_MAX, XFRM_INF, true } },
	{ .name = "no ESN, no limit, some sent", .hard = XFRM_INF,
	  .soft = XFRM_INF, .used = 9, .oseq = 1000,
	  .left = { U32_MAX - 1000, XFRM_INF, true } },
	{ .name = "no ESN, one number left", .hard = XFRM_INF,
	  .soft = XFRM_INF, .oseq = U32_MAX - 1,
	  .left = { 1, XFRM_INF, true } },
	{ .name = "no ESN, limit before the numbers end", .hard = 2000,
	  .soft = 1000, .used = 100, .oseq = 100,
	  .left = { 1900, 900, false } },
	{ .name = "no ESN, limit as the numbers end", .hard = U32_MAX,
	  .soft = 1000, .left = { U32_MAX, 1000, false } },
	{ .name = "no ESN, numbers end before the limit", .hard = 1ULL << 33,
	  .soft = 1000, .left = { U32_MAX, 1000, true } },
	{ .name = "no ESN, numbers end before both limits", .hard = 1ULL << 34,
	  .soft = 1ULL << 33, .left = { U32_MAX, XFRM_INF, true } },
	{ .name = "no ESN, inbound", .in = true, .hard = XFRM_INF,
	  .soft = XFRM_INF, .left = { XFRM_INF, XFRM_INF, false } },
	{ .name = "no ESN, crypto offload", .crypto = true, .hard = XFRM_INF,
	  .soft = XFRM_INF, .left = { XFRM_INF, XFRM_INF, false } },
};

static void left_case_name(const struct left_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(left, left_cases, left_case_name);

static void limits_count_from_where_the_sa_stands(struct kunit *test)
{
	const struct left_case *c = test->param_value;
	struct mlx5e_ipsec_left left;
	struct xfrm_state *x;

	x = new_state(test, c->in ? XFRM_DEV_OFFLOAD_IN : XFRM_DEV_OFFLOAD_OUT,
		      c->esn);
	x->xso.type = c->crypto ? XFRM_DEV_OFFLOAD_CRYPTO
				: XFRM_DEV_OFFLOAD_PACKET;
	x->lft.hard_packet_limit = c->hard;
	x->lft.soft_packet_limit = c->soft;
	x->curlft.packets = c->used;
	x->replay.oseq = c->oseq;

	KUNIT_ASSERT_EQ(test, mlx5e_ipsec_packets_left(x, &left, NULL), c->err);
	if (c->err)
		return;

	KUNIT_EXPECT_EQ(test, left.hard, c->left.hard);
	KUNIT_EXPECT_EQ(test, left.soft, c->left.soft);
	KUNIT_EXPECT_EQ(test, left.numbers, c->left.numbers);
}

/* Where the device stopped is where it begins again. */
static void numbers_go_there_and_back(struct kunit *test)
{
	const struct seq_case *c = test->param_value;
	struct xfrm_state *x = new_state(test, XFRM_DEV_OFFLOAD_OUT, c->esn);
	u8 __aligned(8) aso[MLX5_ST_SZ_BYTES(ipsec_aso)] = {};
	u8 __aligned(8) obj[MLX5_ST_SZ_BYTES(ipsec_obj)] = {};
	struct mlx5e_ipsec_stop stop;
	u32 low, high;
	u64 seq;

	fill_stop(c, aso, obj, &stop);
	if (mlx5e_ipsec_final_seq(&stop, &seq))
		kunit_skip(test, "an error, without a number");

	x->replay.oseq = lower_32_bits(seq);
	if (x->replay_esn) {
		x->replay_esn->oseq = lower_32_bits(seq);
		x->replay_esn->oseq_hi = upper_32_bits(seq);
	}

	mlx5e_ipsec_next_seq(x, &low, &high);
	KUNIT_EXPECT_EQ(test, low, c->low);
	if (c->esn)
		KUNIT_EXPECT_EQ(test, high, c->msb + (c->overlap && !(c->low & BIT(31))));
}

/* Without an E-Switch no VF can have IPsec: nothing is in the way. */
static void no_eswitch_refuses_nothing(struct kunit *test)
{
	struct mlx5_core_dev *mdev;

	mdev = kunit_kzalloc(test, sizeof(*mdev), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mdev);
	KUNIT_EXPECT_TRUE(test, mlx5_eswitch_block_ipsec(mdev));
	mlx5_eswitch_unblock_ipsec(mdev);
}

/* What the hardware puts above the lower half of a number. */
static u32 upper_of(const struct mlx5e_ipsec_esn_state *state, u32 low)
{
	return state->esn_msb + (state->overlap && !(low & BIT(31)));
}

static void expect_upper(struct kunit *test,
			 const struct mlx5e_ipsec_esn_state *state, u64 first,
			 u64 last)
{
	u64 numbers[] = {
		first, first + 1, (first + last) / 2, last - 1, last
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    upper_of(state, lower_32_bits(numbers[i])),
				    upper_32_bits(numbers[i]), "number %#llx",
				    numbers[i]);
}

/* In the rings when the hardware's object changes; sent before it changes. */
#define UNDER_WAY	BIT(24)

/* Crypto offload: the stack counts, and tells the driver each 2^30 numbers. */
static void esn_follows_what_was_sent(struct kunit *test)
{
	static const u64 starts[] = {
		0, 0x3ffffff0, 0x80000000, 0xfffffff0, 0x100000000,
		0x123456789a, 0x5fffffffff,
	};
	struct mlx5e_ipsec_sa_entry *sa_entry;
	struct mlx5e_ipsec_esn_state before;
	int i, step, window;
	u64 seq;

	sa_entry = kunit_kzalloc(test, sizeof(*sa_entry), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sa_entry);

	for (i = 0; i < ARRAY_SIZE(starts) * 2; i++) {
		struct xfrm_state *x;

		x = new_state(test, XFRM_DEV_OFFLOAD_OUT, true);
		window = i % 2 ? 64 : 0;
		seq = starts[i / 2];
		memset(sa_entry, 0, sizeof(*sa_entry));
		sa_entry->x = x;
		x->xso.type = XFRM_DEV_OFFLOAD_CRYPTO;
		x->replay_esn->replay_window = window;
		x->replay_esn->oseq = lower_32_bits(seq);
		x->replay_esn->oseq_hi = upper_32_bits(seq);
		mlx5e_ipsec_track_esn(sa_entry);
		expect_upper(test, &sa_entry->esn_state, seq + 1,
			     (seq | (BIT(30) - 1)) + UNDER_WAY);

		for (step = 0; step < 10; step++) {
			seq = (seq | (BIT(30) - 1)) + 1;
			before = sa_entry->esn_state;
			x->replay_esn->oseq = lower_32_bits(seq);
			x->replay_esn->oseq_hi = upper_32_bits(seq);
			if (!mlx5e_ipsec_track_esn(sa_entry))
				KUNIT_EXPECT_EQ(test, before.esn_msb,
						sa_entry->esn_state.esn_msb);
			expect_upper(test, &before, seq, seq + UNDER_WAY);
			expect_upper(test, &sa_entry->esn_state,
				     seq - UNDER_WAY,
				     seq + BIT(30) + UNDER_WAY);
		}
	}
}

static struct kunit_case mlx5e_ipsec_seq_cases[] = {
	KUNIT_CASE_PARAM(final_seq_is_the_last_number, seq_gen_params),
	KUNIT_CASE_PARAM(final_seq_of_inbound_is_unknown, seq_gen_params),
	KUNIT_CASE(final_seq_believes_no_nonsense),
	KUNIT_CASE(final_seq_wants_what_was_written),
	KUNIT_CASE(next_seq_follows_the_last),
	KUNIT_CASE(sa_without_numbers_is_refused),
	KUNIT_CASE(used_window_is_refused),
	KUNIT_CASE(window_without_esn_is_refused),
	KUNIT_CASE_PARAM(limits_count_from_where_the_sa_stands, left_gen_params),
	KUNIT_CASE_PARAM(numbers_go_there_and_back, seq_gen_params),
	KUNIT_CASE(no_eswitch_refuses_nothing),
	KUNIT_CASE(esn_follows_what_was_sent),
	{}
};

static struct kunit_suite mlx5e_ipsec_seq_suite = {
	.name = "mlx5e_ipsec_seq",
	.test_cases = mlx5e_ipsec_seq_cases,
};

kunit_test_suite(mlx5e_ipsec_seq_suite);
