// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <string.h>

#include "address.h"
#include "names.h"

static bool parse(const char *text, struct address *addr)
{
	memset(&addr->a, 0, sizeof(addr->a));
	addr->prefix = 0;
	addr->family = AF_UNSPEC;
	if (!strcmp(text, "any") || !strcmp(text, "default"))
		return true;
	addr->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	addr->prefix = addr->family == AF_INET6 ? 128 : 32;
	return inet_pton(addr->family, text, &addr->a) == 1;
}

static struct address *address_field(const struct keyword *kw, void *obj)
{
	struct address *addr = (void *)((char *)obj + kw->offset);

	addr->set = true;
	return addr;
}

void arg_address(struct args *a, const struct keyword *kw, void *obj)
{
	const char *word = args_value(a, kw->word);

	if (!parse(word, address_field(kw, obj)))
		usage_error(a, "\"%s\" after \"%s\" is not an address", word,
			    kw->word);
}

/* ADDRESS or ADDRESS/LENGTH */
void arg_prefix(struct args *a, const struct keyword *kw, void *obj)
{
	struct address *addr = address_field(kw, obj);
	const char *word = args_value(a, kw->word);
	const char *slash = strchr(word, '/');
	char text[INET6_ADDRSTRLEN];
	size_t len = slash ? (size_t)(slash - word) : strlen(word);

	if (len < sizeof(text)) {
		memcpy(text, word, len);
		text[len] = '\0';
	}
	if (len >= sizeof(text) || !parse(text, addr))
		usage_error(a, "\"%s\" after \"%s\" is not an address or prefix",
			    word, kw->word);
	if (slash)
		addr->prefix = to_number(a, kw->word, slash + 1, addr->prefix);
}

/* AF_UNSPEC if neither address says. */
u16 common_family(const struct args *a, const struct address *src,
		  const struct address *dst)
{
	if (src->family && dst->family && src->family != dst->family)
		usage_error(a, "\"src\" is an %s address and \"dst\" an %s one",
			    src->family == AF_INET6 ? "IPv6" : "IPv4",
			    dst->family == AF_INET6 ? "IPv6" : "IPv4");
	return src->family ? src->family : dst->family;
}

static void arg_sa_proto(struct args *a, const struct keyword *kw, void *obj)
{
	struct sa_id *id = obj;

	id->proto = name_value(a, kw->word, sa_proto_names);
}

const struct keyword sa_id_words[] = {
	{ .word = "src", arg_address, offsetof(struct sa_id, src) },
	{ .word = "dst", arg_address, offsetof(struct sa_id, dst) },
	{ .word = "proto", arg_sa_proto },
	{ .word = "spi", arg_opt_u32, offsetof(struct sa_id, spi), UINT32_MAX },
	{ }
};

static bool has_spi(u8 proto)
{
	return proto != IPPROTO_ROUTING && proto != IPPROTO_DSTOPTS;
}

/* An SA is named by dst, proto and SPI, and without an SPI by src. */
void sa_id_require(const struct args *a, const struct sa_id *id)
{
	if (!id->dst.family)
		usage_error(a, "\"dst\" and an address are missing");
	if (!id->proto)
		usage_error(a, "\"proto\" is missing");
	if (has_spi(id->proto) && !id->spi.set)
		usage_error(a, "\"spi\" is missing");
	if (!has_spi(id->proto) && id->spi.set)
		usage_error(a, "\"spi\" does not belong to proto %s",
			    name_of(sa_proto_names, id->proto));
	if (!has_spi(id->proto) && !id->src.family)
		usage_error(a, "\"src\" and an address are missing");
	if (id->proto == IPPROTO_COMP && id->spi.v > UINT16_MAX)
		usage_error(a, "\"spi\" 0x%x is too big for proto comp: it has 16 bits",
			    id->spi.v);
}

/* In a static buffer, good until the fourth call after it. */
const char *address_text(u16 family, const xfrm_address_t *a)
{
	static char text[4][INET6_ADDRSTRLEN];
	static unsigned int turn;

	turn = (turn + 1) % 4;
	if (!inet_ntop(family == AF_INET6 ? AF_INET6 : AF_INET, a, text[turn],
		       sizeof(text[turn])))
		return "?";
	return text[turn];
}

bool address_equal(u16 family, const xfrm_address_t *a,
		   const xfrm_address_t *b)
{
	return !memcmp(a, b, family == AF_INET6 ? sizeof(a->a6) : sizeof(a->a4));
}
