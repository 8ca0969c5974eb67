// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "encap.h"
#include "json.h"
#include "names.h"

/* encap TYPE SPORT DPORT OADDR */
static void arg_encap(struct args *a, const struct keyword *kw, void *obj)
{
	static const struct keyword oaddr = { .word = "encap", .offset = 0 };
	struct encap_args *encap = obj;

	encap->set = true;
	encap->tmpl.encap_type = name_value(a, kw->word, encap_names);
	encap->tmpl.encap_sport = htons(number_value(a, kw->word, UINT16_MAX));
	encap->tmpl.encap_dport = htons(number_value(a, kw->word, UINT16_MAX));
	arg_address(a, &oaddr, &encap->oa);
	encap->tmpl.encap_oa = encap->oa.a;
}

const struct keyword encap_words[] = {
	{ .word = "encap", arg_encap },
	{ }
};

/* "0.0.0.0" is the usual way to write no address, IPv6 or not. */
static bool no_address(const struct address *oa)
{
	return !oa->family || (oa->family == AF_INET && !oa->a.a4);
}

void encap_put(const struct args *a, struct request *req,
	       const struct encap_args *encap, u16 family)
{
	if (!encap->set)
		return;
	if (!no_address(&encap->oa) && encap->oa.family != family)
		usage_error(a, "the address after \"encap\" is not of the SA's family");
	request_put(req, XFRMA_ENCAP, &encap->tmpl, sizeof(encap->tmpl));
}

void encap_print(const struct attrs *t, u16 family)
{
	const struct xfrm_encap_tmpl *e = attr_data(t, XFRMA_ENCAP, sizeof(*e));

	if (e)
		printf("\tencap type %s sport %u dport %u addr %s\n",
		       name_or_number(encap_names, e->encap_type),
		       ntohs(e->encap_sport), ntohs(e->encap_dport),
		       address_text(family, &e->encap_oa));
}

void encap_json(const struct attrs *t, u16 family)
{
	const struct xfrm_encap_tmpl *e = attr_data(t, XFRMA_ENCAP, sizeof(*e));

	if (!e)
		return;
	json_open("encap", '{');
	json_string("type", name_or_number(encap_names, e->encap_type));
	json_number("sport", ntohs(e->encap_sport));
	json_number("dport", ntohs(e->encap_dport));
	json_string("addr", address_text(family, &e->encap_oa));
	json_close('}');
}
