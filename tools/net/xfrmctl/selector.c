// SPDX-License-Identifier: GPL-2.0
/* Addresses, marks and selectors: what tells SAs, policies and their packets apart. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "json.h"
#include "selector.h"

static bool parse_address(const char *text, struct address *addr)
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

	if (!parse_address(word, address_field(kw, obj)))
		usage_error(a, "\"%s\" after \"%s\" is not an address", word,
			    kw->word);
}

/* ADDRESS or ADDRESS/LENGTH */
static void arg_prefix(struct args *a, const struct keyword *kw, void *obj)
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
	if (len >= sizeof(text) || !parse_address(text, addr))
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

/* ip says "output-mark" for a new SA, and "set-mark" where one migrates. */
const struct keyword set_mark_words[] = {
	{ .word = "output-mark", arg_mark },
	{ .word = "set-mark", arg_mark, .synonym = true },
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

/* On one line, as ip prints them. */
void marks_print(const struct attrs *t)
{
	const struct xfrm_mark *mark = attr_data(t, XFRMA_MARK, sizeof(*mark));
	const u32 *set = attr_u32(t, XFRMA_SET_MARK);

	if (!mark && !set)
		return;
	putchar('\t');
	if (mark)
		printf("mark %#x/%#x%s", mark->v, mark->m, set ? " " : "");
	if (set)
		printf("output-mark 0x%x/0x%x", *set, set_mark_mask(t));
	putchar('\n');
}

void if_id_print(const struct attrs *t)
{
	const u32 *if_id = attr_u32(t, XFRMA_IF_ID);

	if (if_id)
		printf("\tif_id %#x\n", *if_id);
}

void mark_json(const char *key, const struct xfrm_mark *mark)
{
	json_open(key, '{');
	json_hex("value", mark->v);
	json_hex("mask", mark->m);
	json_close('}');
}

void marks_json(const struct attrs *t)
{
	const struct xfrm_mark *mark = attr_data(t, XFRMA_MARK, sizeof(*mark));
	const u32 *set = attr_u32(t, XFRMA_SET_MARK);
	const u32 *if_id = attr_u32(t, XFRMA_IF_ID);

	if (mark)
		mark_json("mark", mark);
	if (set)
		mark_json("output_mark", &(struct xfrm_mark){
				  .v = *set, .m = set_mark_mask(t) });
	if (if_id)
		json_hex("if_id", *if_id);
}

enum upper_kind { UPPER_OTHER, UPPER_PORTS, UPPER_TYPE_CODE, UPPER_KEY };

static enum upper_kind upper_kind(u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return UPPER_PORTS;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
	case IPPROTO_MH:
		return UPPER_TYPE_CODE;
	case IPPROTO_GRE:
		return UPPER_KEY;
	default:
		return UPPER_OTHER;
	}
}

static void arg_upper_proto(struct args *a, const struct keyword *kw,
			    void *obj)
{
	struct selector_args *sel = obj;
	const char *word = args_value(a, kw->word);
	const struct name *n = name_by_word(upper_proto_names, word);
	const struct protoent *known;

	sel->proto.set = true;
	if (n) {
		sel->proto.v = n->value;
		return;
	}
	if (isdigit((unsigned char)*word)) {
		sel->proto.v = to_number(a, kw->word, word, UINT8_MAX);
		return;
	}
	known = getprotobyname(word);
	if (!known)
		usage_error(a, "\"%s\" after \"proto\" is not a protocol", word);
	sel->proto.v = known->p_proto;
}

/* A number, or four in the dotted form. */
static void arg_gre_key(struct args *a, const struct keyword *kw, void *obj)
{
	struct selector_args *sel = obj;
	const char *word = args_value(a, kw->word);
	struct in_addr dotted;

	sel->key.set = true;
	if (strchr(word, '.') && inet_pton(AF_INET, word, &dotted) == 1)
		sel->key.v = ntohl(dotted.s_addr);
	else
		sel->key.v = to_number(a, kw->word, word, UINT32_MAX);
}

#define SEL(field)	offsetof(struct selector_args, field)

const struct keyword selector_words[] = {
	{ .word = "src", arg_prefix, SEL(src) },
	{ .word = "dst", arg_prefix, SEL(dst) },
	{ .word = "dev", arg_ifindex, SEL(ifindex) },
	{ .word = "proto", arg_upper_proto },
	{ .word = "sport", arg_opt_u32, SEL(sport), UINT16_MAX },
	{ .word = "dport", arg_opt_u32, SEL(dport), UINT16_MAX },
	{ .word = "type", arg_opt_u32, SEL(type), UINT8_MAX },
	{ .word = "code", arg_opt_u32, SEL(code), UINT8_MAX },
	{ .word = "key", arg_gre_key },
	{ }
};

static void refuse_unless(const struct args *a, const char *word, bool given,
			  bool belongs, const char *protos)
{
	if (given && !belongs)
		usage_error(a, "\"%s\" needs proto %s", word, protos);
}

static void check_upper(const struct args *a, const struct selector_args *in)
{
	enum upper_kind kind = upper_kind(in->proto.v);

	refuse_unless(a, "sport", in->sport.set, kind == UPPER_PORTS,
		      "tcp, udp, sctp or dccp");
	refuse_unless(a, "dport", in->dport.set, kind == UPPER_PORTS,
		      "tcp, udp, sctp or dccp");
	refuse_unless(a, "type", in->type.set, kind == UPPER_TYPE_CODE,
		      "icmp, ipv6-icmp or mobility-header");
	refuse_unless(a, "code", in->code.set, kind == UPPER_TYPE_CODE,
		      "icmp, ipv6-icmp or mobility-header");
	refuse_unless(a, "key", in->key.set, kind == UPPER_KEY, "gre");
}

static void set_port(__be16 *port, __be16 *mask, const struct opt_u32 *v)
{
	if (!v->set)
		return;
	*port = htons(v->v);
	*mask = htons(0xffff);
}

/* The selector has two 16-bit fields for whatever the protocol has there. */
static void build_upper(const struct selector_args *in,
			struct xfrm_selector *sel)
{
	struct opt_u32 high = { in->key.v >> 16, in->key.set };
	struct opt_u32 low = { in->key.v & 0xffff, in->key.set };

	sel->proto = in->proto.v;
	set_port(&sel->sport, &sel->sport_mask, &in->sport);
	set_port(&sel->dport, &sel->dport_mask, &in->dport);
	set_port(&sel->sport, &sel->sport_mask, &in->type);
	set_port(&sel->dport, &sel->dport_mask, &in->code);
	set_port(&sel->sport, &sel->sport_mask, &high);
	set_port(&sel->dport, &sel->dport_mask, &low);
}

void selector_build(const struct args *a, const struct selector_args *in,
		    struct xfrm_selector *sel)
{
	memset(sel, 0, sizeof(*sel));
	sel->family = common_family(a, &in->src, &in->dst);
	sel->saddr = in->src.a;
	sel->daddr = in->dst.a;
	sel->prefixlen_s = in->src.prefix;
	sel->prefixlen_d = in->dst.prefix;
	sel->ifindex = in->ifindex;
	check_upper(a, in);
	build_upper(in, sel);
}

static bool prefix_matches(const struct address *in, u16 family,
			   const xfrm_address_t *a, u8 prefix)
{
	if (!in->set || !in->family)
		return true;
	return in->family == family && in->prefix == prefix &&
	       address_equal(family, &in->a, a);
}

/* What was not given matches everything. */
bool selector_matches(const struct selector_args *in,
		      const struct xfrm_selector *sel)
{
	struct xfrm_selector want = {};

	build_upper(in, &want);
	return prefix_matches(&in->src, sel->family, &sel->saddr,
			      sel->prefixlen_s) &&
	       prefix_matches(&in->dst, sel->family, &sel->daddr,
			      sel->prefixlen_d) &&
	       (!in->ifindex || in->ifindex == sel->ifindex) &&
	       (!in->proto.set || want.proto == sel->proto) &&
	       (!want.sport_mask || want.sport == sel->sport) &&
	       (!want.dport_mask || want.dport == sel->dport);
}

static void print_masked(const char *word, __be16 v, __be16 mask)
{
	if (!mask)
		return;
	printf(" %s %u", word, ntohs(v));
	if (mask != htons(0xffff))
		printf("/0x%x", ntohs(mask));
}

static u32 gre_key(const struct xfrm_selector *sel)
{
	return (u32)ntohs(sel->sport) << 16 | ntohs(sel->dport);
}

static void print_upper(const struct xfrm_selector *sel)
{
	if (sel->proto)
		printf(" proto %s", name_or_number(upper_proto_names,
						   sel->proto));
	switch (upper_kind(sel->proto)) {
	case UPPER_TYPE_CODE:
		print_masked("type", sel->sport, sel->sport_mask);
		print_masked("code", sel->dport, sel->dport_mask);
		break;
	case UPPER_KEY:
		if (sel->sport_mask || sel->dport_mask)
			printf(" key %u", gre_key(sel));
		break;
	default:
		print_masked("sport", sel->sport, sel->sport_mask);
		print_masked("dport", sel->dport, sel->dport_mask);
	}
}

void selector_print(const struct xfrm_selector *sel)
{
	printf("src %s/%u dst %s/%u", address_text(sel->family, &sel->saddr),
	       sel->prefixlen_s, address_text(sel->family, &sel->daddr),
	       sel->prefixlen_d);
	print_upper(sel);
	if (sel->ifindex)
		printf(" dev %s", device_name(sel->ifindex));
}

static void json_masked(const char *key, __be16 v, __be16 mask)
{
	if (mask)
		json_number(key, ntohs(v));
}

static void json_upper(const struct xfrm_selector *sel)
{
	if (sel->proto)
		json_string("proto", name_or_number(upper_proto_names,
						    sel->proto));
	switch (upper_kind(sel->proto)) {
	case UPPER_TYPE_CODE:
		json_masked("type", sel->sport, sel->sport_mask);
		json_masked("code", sel->dport, sel->dport_mask);
		break;
	case UPPER_KEY:
		if (sel->sport_mask || sel->dport_mask)
			json_number("key", gre_key(sel));
		break;
	default:
		json_masked("sport", sel->sport, sel->sport_mask);
		json_masked("dport", sel->dport, sel->dport_mask);
	}
}

void selector_json(const char *key, const struct xfrm_selector *sel)
{
	char text[ADDRESS_TEXT];

	json_open(key, '{');
	snprintf(text, sizeof(text), "%s/%u",
		 address_text(sel->family, &sel->saddr), sel->prefixlen_s);
	json_string("src", text);
	snprintf(text, sizeof(text), "%s/%u",
		 address_text(sel->family, &sel->daddr), sel->prefixlen_d);
	json_string("dst", text);
	json_upper(sel);
	if (sel->ifindex)
		json_string("dev", device_name(sel->ifindex));
	json_close('}');
}
