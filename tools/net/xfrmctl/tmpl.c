// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "json.h"
#include "names.h"
#include "tmpl.h"

#define TMPL(field)	offsetof(struct xfrm_user_tmpl, field)

static const struct keyword own_words[] = {
	{ .word = "mode", arg_name8, TMPL(mode), .names = mode_names },
	{ .word = "reqid", arg_u32, TMPL(reqid), UINT32_MAX },
	{ .word = "level", arg_name8, TMPL(optional), .names = level_names },
	{ }
};

static void arg_tmpl(struct args *a, const struct keyword *kw, void *obj)
{
	struct tmpl_args *tmpls = obj;
	struct xfrm_user_tmpl *tmpl;
	struct sa_id id = {};
	struct vocabulary voc[] = {
		{ sa_id_words, &id, 0 }, { own_words, NULL, 0 }, { }
	};

	if (tmpls->n == TMPL_MAX)
		usage_error(a, "a policy has at most %d of \"tmpl\"", TMPL_MAX);
	tmpl = &tmpls->list[tmpls->n++];
	voc[1].obj = tmpl;
	args_parse_nested(a, kw->word, voc, AGAIN_IS_WRONG);
	if (!id.proto)
		usage_error(a, "\"tmpl\" needs \"proto\"");
	tmpl->family = common_family(a, &id.src, &id.dst);
	tmpl->saddr = id.src.a;
	tmpl->id.daddr = id.dst.a;
	tmpl->id.spi = htonl(id.spi.v);
	tmpl->id.proto = id.proto;
	tmpl->aalgos = UINT32_MAX;
	tmpl->ealgos = UINT32_MAX;
	tmpl->calgos = UINT32_MAX;
}

const struct keyword tmpl_words[] = {
	{ .word = "tmpl", arg_tmpl, .repeats = true },
	{ }
};

void tmpls_put(struct request *req, const struct tmpl_args *tmpls)
{
	if (tmpls->n)
		request_put(req, XFRMA_TMPL, tmpls->list,
			    tmpls->n * sizeof(tmpls->list[0]));
}

static void print_one(const struct xfrm_user_tmpl *tmpl)
{
	printf("\ttmpl src %s dst %s\n",
	       address_text(tmpl->family, &tmpl->saddr),
	       address_text(tmpl->family, &tmpl->id.daddr));
	printf("\t\tproto %s", name_or_number(sa_proto_names, tmpl->id.proto));
	if (tmpl->id.spi)
		printf(" spi 0x%08x", ntohl(tmpl->id.spi));
	printf(" reqid %u mode %s", tmpl->reqid,
	       name_or_number(mode_names, tmpl->mode));
	if (tmpl->optional)
		printf("\n\t\tlevel %s",
		       name_or_number(level_names, tmpl->optional));
	putchar('\n');
}

static void json_one(const struct xfrm_user_tmpl *tmpl)
{
	json_open(NULL, '{');
	json_string("src", address_text(tmpl->family, &tmpl->saddr));
	json_string("dst", address_text(tmpl->family, &tmpl->id.daddr));
	json_string("proto", name_or_number(sa_proto_names, tmpl->id.proto));
	json_number("spi", ntohl(tmpl->id.spi));
	json_number("reqid", tmpl->reqid);
	json_string("mode", name_or_number(mode_names, tmpl->mode));
	json_string("level", name_or_number(level_names, tmpl->optional));
	json_close('}');
}

static void each(const struct attrs *t,
		 void (*fn)(const struct xfrm_user_tmpl *tmpl))
{
	const char *data = attr_data(t, XFRMA_TMPL, 0);
	size_t n = attr_size(t, XFRMA_TMPL) / sizeof(struct xfrm_user_tmpl);
	struct xfrm_user_tmpl tmpl;

	for (; n; n--, data += sizeof(tmpl)) {
		memcpy(&tmpl, data, sizeof(tmpl));
		fn(&tmpl);
	}
}

void tmpls_print(const struct attrs *t)
{
	each(t, print_one);
}

void tmpls_json(const struct attrs *t)
{
	json_open("tmpls", '[');
	each(t, json_one);
	json_close(']');
}
