// SPDX-License-Identifier: GPL-2.0
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

static const char *when(u64 seconds)
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
