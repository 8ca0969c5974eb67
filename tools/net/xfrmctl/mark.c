// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "mark.h"

/* VALUE, VALUE/MASK or VALUE mask MASK */
static void arg_mark(struct args *a, const struct keyword *kw, void *obj)
{
	struct mark_args *mark = obj;
	const char *word = args_value(a, kw->word);
	const char *slash = strchr(word, '/');
	char value[32];

	snprintf(value, sizeof(value), "%.*s",
		 slash ? (int)(slash - word) : (int)strlen(word), word);
	mark->set = true;
	mark->m.m = UINT32_MAX;
	mark->m.v = to_number(a, kw->word, value, UINT32_MAX);
	if (slash)
		mark->m.m = to_number(a, kw->word, slash + 1, UINT32_MAX);
	else if (args_accept(a, "mask"))
		mark->m.m = number_value(a, "mask", UINT32_MAX);
}

const struct keyword mark_words[] = {
	{ .word = "mark", arg_mark },
	{ }
};

/* "ip" knows the mark of outgoing packets by its older word only. */
const struct keyword set_mark_words[] = {
	{ .word = "output-mark", arg_mark },
	{ .word = "set-mark", arg_mark },
	{ }
};

const struct keyword if_id_words[] = {
	{ .word = "if_id", arg_opt_u32, .max = UINT32_MAX },
	{ }
};

void mark_put(struct request *req, const struct mark_args *mark)
{
	if (mark->set)
		request_put(req, XFRMA_MARK, &mark->m, sizeof(mark->m));
}

void set_mark_put(struct request *req, const struct mark_args *mark)
{
	if (!mark->set)
		return;
	request_put_u32(req, XFRMA_SET_MARK, mark->m.v);
	request_put_u32(req, XFRMA_SET_MARK_MASK, mark->m.m);
}

void if_id_put(struct request *req, const struct opt_u32 *if_id)
{
	if (if_id->set)
		request_put_u32(req, XFRMA_IF_ID, if_id->v);
}

static u32 set_mark_mask(const struct attrs *t)
{
	const u32 *mask = attr_u32(t, XFRMA_SET_MARK_MASK);

	return mask ? *mask : UINT32_MAX;
}

void marks_print(const struct attrs *t)
{
	const struct xfrm_mark *mark = attr_data(t, XFRMA_MARK, sizeof(*mark));
	const u32 *set = attr_u32(t, XFRMA_SET_MARK);
	const u32 *if_id = attr_u32(t, XFRMA_IF_ID);

	if (mark)
		printf("\tmark 0x%x/0x%x\n", mark->v, mark->m);
	if (set)
		printf("\toutput-mark 0x%x/0x%x\n", *set, set_mark_mask(t));
	if (if_id)
		printf("\tif_id 0x%x\n", *if_id);
}

static void json_mark(const char *key, u32 v, u32 m)
{
	json_open(key, '{');
	json_hex("value", v);
	json_hex("mask", m);
	json_close('}');
}

void marks_json(const struct attrs *t)
{
	const struct xfrm_mark *mark = attr_data(t, XFRMA_MARK, sizeof(*mark));
	const u32 *set = attr_u32(t, XFRMA_SET_MARK);
	const u32 *if_id = attr_u32(t, XFRMA_IF_ID);

	if (mark)
		json_mark("mark", mark->v, mark->m);
	if (set)
		json_mark("output_mark", *set, set_mark_mask(t));
	if (if_id)
		json_hex("if_id", *if_id);
}
