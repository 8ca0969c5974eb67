// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "replay.h"

#define REPLAY(field)	offsetof(struct replay_args, field)

const struct keyword replay_words[] = {
	{ .word = "replay-window", arg_opt_u32, REPLAY(window),
	  XFRMA_REPLAY_ESN_MAX },
	{ .word = "replay-seq", arg_opt_u32, REPLAY(seq), UINT32_MAX },
	{ .word = "replay-oseq", arg_opt_u32, REPLAY(oseq), UINT32_MAX },
	{ .word = "replay-seq-hi", arg_opt_u32, REPLAY(seq_hi), UINT32_MAX },
	{ .word = "replay-oseq-hi", arg_opt_u32, REPLAY(oseq_hi), UINT32_MAX },
	{ }
};

/* The window that the first form of the attribute can hold. */
#define WINDOW_SMALL	32

static void put_small(struct request *req, const struct replay_args *in)
{
	struct xfrm_replay_state rs = { .seq = in->seq.v, .oseq = in->oseq.v };

	if (in->seq.set || in->oseq.set)
		request_put(req, XFRMA_REPLAY_VAL, &rs, sizeof(rs));
}

static void put_large(struct request *req, const struct replay_args *in)
{
	struct {
		struct xfrm_replay_state_esn rs;
		u32 bmp[XFRMA_REPLAY_ESN_MAX / 32];
	} esn = {};
	u32 words = (in->window.v + 31) / 32;

	esn.rs.bmp_len = words;
	esn.rs.replay_window = in->window.v;
	esn.rs.seq = in->seq.v;
	esn.rs.oseq = in->oseq.v;
	esn.rs.seq_hi = in->seq_hi.v;
	esn.rs.oseq_hi = in->oseq_hi.v;
	request_put(req, XFRMA_REPLAY_ESN_VAL, &esn,
		    sizeof(esn.rs) + 4 * words);
}

/* Returns what belongs into the replay_window field of the SA itself. */
u8 replay_put(const struct args *a, struct request *req,
	      const struct replay_args *in, bool esn)
{
	if (!esn && (in->seq_hi.set || in->oseq_hi.set))
		usage_error(a, "\"%s\" needs flag esn",
			    in->seq_hi.set ? "replay-seq-hi" : "replay-oseq-hi");
	if (esn || in->window.v > WINDOW_SMALL) {
		put_large(req, in);
		return 0;
	}
	put_small(req, in);
	return in->window.v;
}

static const struct xfrm_replay_state_esn *large(const struct attrs *t)
{
	const struct xfrm_replay_state_esn *rs =
		attr_data(t, XFRMA_REPLAY_ESN_VAL, sizeof(*rs));

	if (rs && rs->bmp_len > (attr_size(t, XFRMA_REPLAY_ESN_VAL) -
				 sizeof(*rs)) / 4)
		return NULL;
	return rs;
}

u32 replay_window(const struct attrs *t, u8 legacy)
{
	const struct xfrm_replay_state_esn *rs = large(t);

	return rs ? rs->replay_window : legacy;
}

static void print_large(const struct xfrm_replay_state_esn *rs)
{
	printf("\tanti-replay esn context:\n"
	       "\t seq-hi 0x%x, seq 0x%x, oseq-hi 0x%x, oseq 0x%x\n"
	       "\t replay_window %u, bitmap-length %u\n",
	       rs->seq_hi, rs->seq, rs->oseq_hi, rs->oseq, rs->replay_window,
	       rs->bmp_len);
	for (u32 i = 0; i < rs->bmp_len; i++)
		printf("%s%08x%s", i % 8 ? " " : "\t ", rs->bmp[i],
		       i % 8 == 7 || i + 1 == rs->bmp_len ? "\n" : "");
}

void replay_print(const struct attrs *t)
{
	const struct xfrm_replay_state *rs =
		attr_data(t, XFRMA_REPLAY_VAL, sizeof(*rs));

	if (rs)
		printf("\tanti-replay context: seq 0x%x, oseq 0x%x, bitmap 0x%08x\n",
		       rs->seq, rs->oseq, rs->bitmap);
	if (large(t))
		print_large(large(t));
}

static void json_large(const struct xfrm_replay_state_esn *rs)
{
	json_number("seq", (u64)rs->seq_hi << 32 | rs->seq);
	json_number("oseq", (u64)rs->oseq_hi << 32 | rs->oseq);
	json_number("window", rs->replay_window);
	json_open("bitmap", '[');
	for (u32 i = 0; i < rs->bmp_len; i++)
		json_hex(NULL, rs->bmp[i]);
	json_close(']');
}

/* The same fields, whichever attribute they came in. */
void replay_json(const struct attrs *t)
{
	const struct xfrm_replay_state *rs =
		attr_data(t, XFRMA_REPLAY_VAL, sizeof(*rs));

	if (!rs && !large(t))
		return;
	json_open("replay", '{');
	if (large(t)) {
		json_large(large(t));
	} else {
		json_number("seq", rs->seq);
		json_number("oseq", rs->oseq);
		json_open("bitmap", '[');
		json_hex(NULL, rs->bitmap);
		json_close(']');
	}
	json_close('}');
}
