// SPDX-License-Identifier: GPL-2.0
/* What counts an SA or a policy: limits, sequence numbers and the replay window. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "lifetime.h"

#define CFG(field)	offsetof(struct xfrm_lifetime_cfg, field)

/* Time limits are off at 0, the others at XFRM_INF. */
static const struct limit {
	const char *word;
	size_t offset;
	u64 off;
} limits[] = {
	{ "time-soft", CFG(soft_add_expires_seconds), 0 },
	{ "time-hard", CFG(hard_add_expires_seconds), 0 },
	{ "time-use-soft", CFG(soft_use_expires_seconds), 0 },
	{ "time-use-hard", CFG(hard_use_expires_seconds), 0 },
	{ "byte-soft", CFG(soft_byte_limit), XFRM_INF },
	{ "byte-hard", CFG(hard_byte_limit), XFRM_INF },
	{ "packet-soft", CFG(soft_packet_limit), XFRM_INF },
	{ "packet-hard", CFG(hard_packet_limit), XFRM_INF },
	{ }
};

static __u64 *limit_field(const struct limit *l, void *cfg)
{
	return (void *)((char *)cfg + l->offset);
}

static void arg_limit(struct args *a, const struct keyword *kw, void *obj)
{
	const char *word = args_value(a, kw->word);
	const struct limit *l;

	for (l = limits; l->word && strcmp(l->word, word); l++)
		;
	if (!l->word)
		usage_error(a, "\"%s\" after \"limit\" is not a limit", word);
	if (l->off && args_accept(a, "INF"))
		*limit_field(l, obj) = XFRM_INF;
	else
		*limit_field(l, obj) = number_value(a, word, UINT64_MAX);
}

const struct keyword limit_words[] = {
	{ .word = "limit", arg_limit, .repeats = true },
	{ }
};

void lifetime_init(struct xfrm_lifetime_cfg *cfg)
{
	for (const struct limit *l = limits; l->word; l++)
		*limit_field(l, cfg) = l->off;
}

static const char *amount(u64 v)
{
	static char text[2][24];
	static unsigned int turn;

	if (v == XFRM_INF)
		return "(INF)";
	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "%llu", v);
	return text[turn];
}

const char *when(u64 seconds)
{
	static char text[2][24];
	static unsigned int turn;
	time_t t = seconds;
	struct tm tm;

	if (!seconds || !localtime_r(&t, &tm))
		return "-";
	turn = !turn;
	strftime(text[turn], sizeof(text[turn]), "%F %T", &tm);
	return text[turn];
}

void lifetime_print(const struct xfrm_lifetime_cfg *cfg,
		    const struct xfrm_lifetime_cur *cur)
{
	printf("\tlifetime config:\n"
	       "\t  limit: soft %s(bytes), hard %s(bytes)\n",
	       amount(cfg->soft_byte_limit), amount(cfg->hard_byte_limit));
	printf("\t  limit: soft %s(packets), hard %s(packets)\n",
	       amount(cfg->soft_packet_limit), amount(cfg->hard_packet_limit));
	printf("\t  expire add: soft %llu(sec), hard %llu(sec)\n",
	       cfg->soft_add_expires_seconds,
	       cfg->hard_add_expires_seconds);
	printf("\t  expire use: soft %llu(sec), hard %llu(sec)\n",
	       cfg->soft_use_expires_seconds,
	       cfg->hard_use_expires_seconds);
	printf("\tlifetime current:\n"
	       "\t  %llu(bytes), %llu(packets)\n",
	       cur->bytes, cur->packets);
	printf("\t  add %s use %s\n", when(cur->add_time), when(cur->use_time));
}

void lifetime_json(const struct xfrm_lifetime_cfg *cfg,
		   const struct xfrm_lifetime_cur *cur)
{
	struct xfrm_lifetime_cfg copy = *cfg;

	json_open("limits", '{');
	for (const struct limit *l = limits; l->word; l++)
		if (*limit_field(l, &copy) != l->off)
			json_number(l->word, *limit_field(l, &copy));
	json_close('}');
	json_open("lifetime", '{');
	json_number("bytes", cur->bytes);
	json_number("packets", cur->packets);
	json_number("add_time", cur->add_time);
	json_number("use_time", cur->use_time);
	json_close('}');
}

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

static const struct xfrm_replay_state_esn *esn_of(const struct attrs *t)
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
	const struct xfrm_replay_state_esn *rs = esn_of(t);

	return rs ? rs->replay_window : legacy;
}

static void print_large(const struct xfrm_replay_state_esn *rs)
{
	printf("\tanti-replay esn context:\n"
	       "\t seq-hi 0x%x, seq 0x%x, oseq-hi 0x%x, oseq 0x%x\n"
	       "\t replay_window %u, bitmap-length %u\n",
	       rs->seq_hi, rs->seq, rs->oseq_hi, rs->oseq, rs->replay_window,
	       rs->bmp_len);
	/* The highest word first, as a number is written. */
	for (u32 i = 0; i < rs->bmp_len; i++)
		printf("%s%08x%s", i % 8 ? " " : "\t ",
		       rs->bmp[rs->bmp_len - 1 - i],
		       i % 8 == 7 || i + 1 == rs->bmp_len ? "\n" : "");
}

void replay_print(const struct attrs *t)
{
	const struct xfrm_replay_state *rs =
		attr_data(t, XFRMA_REPLAY_VAL, sizeof(*rs));

	if (rs)
		printf("\tanti-replay context: seq 0x%x, oseq 0x%x, bitmap 0x%08x\n",
		       rs->seq, rs->oseq, rs->bitmap);
	if (esn_of(t))
		print_large(esn_of(t));
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

	if (!rs && !esn_of(t))
		return;
	json_open("replay", '{');
	if (esn_of(t)) {
		json_large(esn_of(t));
	} else {
		json_number("seq", rs->seq);
		json_number("oseq", rs->oseq);
		json_open("bitmap", '[');
		json_hex(NULL, rs->bitmap);
		json_close(']');
	}
	json_close('}');
}
