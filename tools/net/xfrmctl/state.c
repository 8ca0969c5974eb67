// SPDX-License-Identifier: GPL-2.0
/* The SAD: add, update, get, delete, list and flush SAs; migrate.c migrates. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "algo.h"
#include "args.h"
#include "json.h"
#include "lifetime.h"
#include "netlink.h"
#include "offload.h"
#include "selector.h"
#include "state.h"
#include "xfrmctl.h"

/*
 * @header: what stands before the attributes. It starts with the SA, or it is
 * too short for that and the SA is an attribute.
 */
bool sa_read(struct sa *sa, const struct nlmsghdr *nlh, size_t header)
{
	const void *info = mnl_nlmsg_get_payload(nlh);

	attrs_read(&sa->t, nlh, header);
	if (header < sizeof(sa->info))
		info = attr_data(&sa->t, XFRMA_SA, sizeof(sa->info));
	else if (mnl_nlmsg_get_payload_len(nlh) < header)
		return false;
	if (!info)
		return false;
	memcpy(&sa->info, info, sizeof(sa->info));
	return true;
}

/* Attributes that are one number, in the order in which they are shown. */
static const struct {
	u16 attr;
	const char *text;
	const char *json;
} numbers[] = {
	{ XFRMA_NAT_KEEPALIVE_INTERVAL, "nat-keepalive", "nat_keepalive" },
	{ XFRMA_MTIMER_THRESH, "mtimer-thresh", "mtimer_thresh" },
	{ XFRMA_TFCPAD, "tfcpad", "tfcpad" },
};

void numbers_print(const struct attrs *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const u32 *v = attr_u32(t, numbers[i].attr);

		if (v)
			printf("\t%s %u\n", numbers[i].text, *v);
	}
}

void numbers_json(const struct attrs *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const u32 *v = attr_u32(t, numbers[i].attr);

		if (v)
			json_number(numbers[i].json, *v);
	}
}

static void print_pcpu(const struct sa *sa)
{
	const u32 *cpu = attr_u32(&sa->t, XFRMA_SA_PCPU);

	if (cpu)
		printf("\tpcpu-num %u\n", *cpu);
}

static void json_pcpu(const struct sa *sa)
{
	const u32 *cpu = attr_u32(&sa->t, XFRMA_SA_PCPU);

	if (cpu)
		json_number("pcpu_num", *cpu);
}

static u32 extra_flags(const struct sa *sa)
{
	const u32 *flags = attr_u32(&sa->t, XFRMA_SA_EXTRA_FLAGS);

	return flags ? *flags : 0;
}

/* NULL if it does not say. */
const char *sa_dir(const struct attrs *t)
{
	const u8 *dir = attr_data(t, XFRMA_SA_DIR, sizeof(*dir));

	return dir ? name_or_number(sa_dir_names, *dir) : NULL;
}

static const char *last_used(const struct sa *sa)
{
	const void *data = attr_data(&sa->t, XFRMA_LASTUSED, sizeof(u64));
	u64 seconds;

	if (!data)
		return NULL;
	memcpy(&seconds, data, sizeof(seconds));
	return when(seconds);
}

static void print_flags(const char *word, const struct name *names,
			u32 flags)
{
	if (!flags)
		return;
	printf("%s", word);
	for (; names->word; names++)
		if (flags & names->value) {
			printf(" %s", names->word);
			flags &= ~names->value;
		}
	if (flags)
		printf(" 0x%x", flags);
}

static void print_head(const struct sa *sa)
{
	const struct xfrm_usersa_info *i = &sa->info;

	printf("src %s dst %s\n", address_text(i->family, &i->saddr),
	       address_text(i->family, &i->id.daddr));
	printf("\tproto %s spi 0x%08x", name_or_number(sa_proto_names,
						       i->id.proto),
	       ntohl(i->id.spi));
	if (options.stats)
		printf("(%u)", ntohl(i->id.spi));
	printf(" reqid %u", i->reqid);
	if (options.stats)
		printf("(0x%08x)", i->reqid);
	printf(" mode %s\n", name_or_number(mode_names, i->mode));
	printf("\treplay-window %u", replay_window(&sa->t, i->replay_window));
	if (options.stats)
		printf(" seq 0x%08x", i->seq);
	print_flags(" flag", state_flag_names, i->flags);
	if (options.stats)
		print_flags(" extra_flag", extra_flag_names, extra_flags(sa));
	putchar('\n');
}

static void print_coa(const struct sa *sa)
{
	const xfrm_address_t *coa = attr_data(&sa->t, XFRMA_COADDR,
					      sizeof(*coa));

	if (coa)
		printf("\tcoa %s\n", address_text(sa->info.family, coa));
}

static void print_stats(const struct sa *sa)
{
	const struct xfrm_stats *s = &sa->info.stats;

	lifetime_print(&sa->info.lft, &sa->info.curlft);
	printf("\tstats:\n\t  replay-window %u replay %u failed %u\n",
	       s->replay_window, s->replay, s->integrity_failed);
}

void sa_print(const struct sa *sa, bool keys)
{
	print_head(sa);
	marks_print(&sa->t);
	algos_print(&sa->t, keys);
	encap_print(&sa->t, sa->info.family);
	print_coa(sa);
	if (last_used(sa))
		printf("\tlastused %s\n", last_used(sa));
	replay_print(&sa->t);
	offload_print(&sa->t, true);
	invalid_print(&sa->t);
	if_id_print(&sa->t);
	numbers_print(&sa->t);
	if (sa_dir(&sa->t))
		printf("\tdir %s\n", sa_dir(&sa->t));
	print_pcpu(sa);
	fputs("\tsel ", stdout);
	selector_print(&sa->info.sel);
	putchar('\n');
	if (options.stats)
		print_stats(sa);
}

static void json_head(const struct sa *sa)
{
	const struct xfrm_usersa_info *i = &sa->info;

	json_string("src", address_text(i->family, &i->saddr));
	json_string("dst", address_text(i->family, &i->id.daddr));
	json_string("proto", name_or_number(sa_proto_names, i->id.proto));
	json_number("spi", ntohl(i->id.spi));
	json_number("reqid", i->reqid);
	json_string("mode", name_or_number(mode_names, i->mode));
	json_string("state", invalid_there(&sa->t) ? "invalid" : "valid");
	json_number("seq", i->seq);
	json_number("replay_window", replay_window(&sa->t, i->replay_window));
	json_flags("flags", state_flag_names, i->flags);
	json_flags("extra_flags", extra_flag_names, extra_flags(sa));
	if (sa_dir(&sa->t))
		json_string("dir", sa_dir(&sa->t));
}

static void json_coa(const struct sa *sa)
{
	const xfrm_address_t *coa = attr_data(&sa->t, XFRMA_COADDR,
					      sizeof(*coa));

	if (coa)
		json_string("coa", address_text(sa->info.family, coa));
}

static void json_last_used(const struct sa *sa)
{
	const void *data = attr_data(&sa->t, XFRMA_LASTUSED, sizeof(u64));
	u64 seconds;

	if (!data)
		return;
	memcpy(&seconds, data, sizeof(seconds));
	json_number("lastused", seconds);
}

static void json_stats(const struct xfrm_stats *s)
{
	json_open("stats", '{');
	json_number("replay_window", s->replay_window);
	json_number("replay", s->replay);
	json_number("failed", s->integrity_failed);
	json_close('}');
}

/* The members of an object that the caller opened. */
void sa_json(const struct sa *sa, bool keys)
{
	json_head(sa);
	marks_json(&sa->t);
	algos_json(&sa->t, keys);
	encap_json(&sa->t, sa->info.family);
	numbers_json(&sa->t);
	json_pcpu(sa);
	json_coa(sa);
	json_last_used(sa);
	replay_json(&sa->t);
	offload_json(&sa->t, true);
	invalid_json(&sa->t);
	selector_json("sel", &sa->info.sel);
	lifetime_json(&sa->info.lft, &sa->info.curlft);
	json_stats(&sa->info.stats);
}

/**
 * struct state_args - an SA, or a filter for SAs, as it was given
 * @id: its name
 * @mode: XFRM_MODE_*
 * @reqid: links it to templates
 * @seq: number of the acquire that it answers
 * @flags: XFRM_STATE_*
 * @extra_flags: XFRM_SA_XFLAG_*
 * @dir: enum xfrm_sa_dir; 0: not given
 * @tfcpad: pad to this length
 * @keepalive: seconds between NAT keepalives
 * @mapping: seconds between reports of a new mapping
 * @pcpu: number of the CPU that it is for
 * @nokeys: do not show keys
 * @coa: the care-of address of Mobile IPv6
 * @sel: which packets it is for
 * @has_sel: a selector was given
 * @lft: limits in bytes, packets and seconds
 * @algos: its algorithms
 * @mark: the mark of its packets
 * @set_mark: the mark that its packets get
 * @if_id: the xfrm interface that it is for
 * @encap: its encapsulation in UDP
 * @offload: the device that holds it
 * @replay: its sequence numbers and replay window
 */
struct state_args {
	struct sa_id id;
	u8 mode;
	u32 reqid;
	u32 seq;
	u32 flags;
	u32 extra_flags;
	u8 dir;
	struct opt_u32 tfcpad;
	struct opt_u32 keepalive;
	struct opt_u32 mapping;
	struct opt_u32 pcpu;
	bool nokeys;
	struct address coa;
	struct selector_args sel;
	bool has_sel;
	struct xfrm_lifetime_cfg lft;
	struct algos algos;
	struct mark_args mark;
	struct mark_args set_mark;
	struct opt_u32 if_id;
	struct encap_args encap;
	struct offload_args offload;
	struct replay_args replay;
};

static void arg_sel(struct args *a, const struct keyword *kw, void *obj)
{
	struct state_args *sa = obj;
	struct vocabulary voc[] = { { selector_words, &sa->sel, 0 }, { } };

	sa->has_sel = true;
	args_parse_nested(a, kw->word, voc, AGAIN_IS_WRONG);
}

#define SA(field)	offsetof(struct state_args, field)

#define MODE_WORD	{ .word = "mode", arg_name8, SA(mode), .names = mode_names }
#define REQID_WORD	{ .word = "reqid", arg_u32, SA(reqid), UINT32_MAX }
#define FLAG_WORD	{ .word = "flag", arg_flags, SA(flags), \
			  .names = state_flag_names }

static const struct keyword add_words[] = {
	MODE_WORD,
	REQID_WORD,
	FLAG_WORD,
	{ .word = "seq", arg_u32, SA(seq), UINT32_MAX },
	{ .word = "extra-flag", arg_flags, SA(extra_flags),
	  .names = extra_flag_names },
	{ .word = "dir", arg_name8, SA(dir), .names = sa_dir_names },
	{ .word = "sel", arg_sel },
	{ .word = "coa", arg_address, SA(coa) },
	{ .word = "tfcpad", arg_opt_u32, SA(tfcpad), UINT32_MAX },
	{ .word = "nat-keepalive", arg_opt_u32, SA(keepalive), UINT32_MAX },
	{ .word = "nat-keepalive-interval", arg_opt_u32, SA(keepalive),
	  UINT32_MAX, .synonym = true },
	{ .word = "mtimer-thresh", arg_opt_u32, SA(mapping), UINT32_MAX },
	{ .word = "mapping-threshold", arg_opt_u32, SA(mapping), UINT32_MAX,
	  .synonym = true },
	{ .word = "pcpu-num", arg_opt_u32, SA(pcpu), UINT32_MAX },
	{ }
};

static const struct keyword nokeys_words[] = {
	{ .word = "nokeys", arg_true, SA(nokeys) },
	{ }
};

static const struct keyword filter_words[] = {
	MODE_WORD,
	REQID_WORD,
	FLAG_WORD,
	{ }
};

static const struct keyword proto_words[] = {
	{ .word = "proto", arg_name8, SA(id.proto), .names = sa_proto_names },
	{ }
};

static void parse_add(struct args *a, struct state_args *sa)
{
	struct vocabulary voc[] = {
		{ sa_id_words, &sa->id, 0 },
		{ add_words, sa, 0 },
		{ algo_words, &sa->algos, 0 },
		{ replay_words, &sa->replay, 0 },
		{ limit_words, &sa->lft, 0 },
		{ mark_words, &sa->mark, 0 },
		{ set_mark_words, &sa->set_mark, 0 },
		{ if_id_words, &sa->if_id, 0 },
		{ encap_words, &sa->encap, 0 },
		{ offload_words, &sa->offload, 0 },
		{ }
	};

	memset(sa, 0, sizeof(*sa));
	lifetime_init(&sa->lft);
	args_parse(a, voc);
	sa_id_require(a, &sa->id);
}

static void put_opt(struct request *req, u16 type,
		    const struct opt_u32 *opt)
{
	if (opt->set)
		request_put_u32(req, type, opt->v);
}

static void put_coa(const struct args *a, struct request *req,
		    const struct state_args *sa, u16 family)
{
	if (!sa->coa.set)
		return;
	if (sa->coa.family != family)
		usage_error(a, "the address after \"coa\" is not of the SA's family");
	request_put(req, XFRMA_COADDR, &sa->coa.a, sizeof(sa->coa.a));
}

static void put_attrs(const struct args *a, struct request *req,
		      const struct state_args *sa, u16 family)
{
	algos_put(req, &sa->algos);
	encap_put(a, req, &sa->encap, family);
	put_coa(a, req, sa, family);
	mark_put(req, &sa->mark);
	set_mark_put(req, &sa->set_mark);
	if_id_put(req, &sa->if_id);
	put_opt(req, XFRMA_TFCPAD, &sa->tfcpad);
	put_opt(req, XFRMA_NAT_KEEPALIVE_INTERVAL, &sa->keepalive);
	put_opt(req, XFRMA_MTIMER_THRESH, &sa->mapping);
	put_opt(req, XFRMA_SA_PCPU, &sa->pcpu);
	if (sa->extra_flags)
		request_put_u32(req, XFRMA_SA_EXTRA_FLAGS, sa->extra_flags);
	if (sa->dir)
		request_put_u8(req, XFRMA_SA_DIR, sa->dir);
	offload_put_state(a, req, &sa->offload, sa->dir);
}

static void fill_info(const struct args *a, struct xfrm_usersa_info *info,
		      const struct state_args *sa)
{
	info->family = common_family(a, &sa->id.src, &sa->id.dst);
	info->saddr = sa->id.src.a;
	info->id.daddr = sa->id.dst.a;
	info->id.spi = htonl(sa->id.spi.v);
	info->id.proto = sa->id.proto;
	info->mode = sa->mode;
	info->reqid = sa->reqid;
	info->seq = sa->seq;
	info->flags = sa->flags;
	info->lft = sa->lft;
	if (sa->has_sel)
		selector_build(a, &sa->sel, &info->sel);
}

static int add(struct args *a, u16 type, u16 flags, const char *what)
{
	static struct state_args sa;
	static struct request req;
	struct xfrm_usersa_info *info;

	parse_add(a, &sa);
	info = request_start(&req, type, flags, sizeof(*info));
	fill_info(a, info, &sa);
	put_attrs(a, &req, &sa, info->family);
	info->replay_window = replay_put(a, &req, &sa.replay,
					 sa.flags & XFRM_STATE_ESN);
	return netlink_do(&req, what, NULL, NULL);
}

static int state_add(struct args *a)
{
	return add(a, XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL, "state add");
}

static int state_update(struct args *a)
{
	return add(a, XFRM_MSG_UPDSA, NLM_F_REPLACE, "state update");
}

static void start_by_id(struct args *a, struct request *req, u16 type,
			struct state_args *sa, bool may_nokeys)
{
	struct vocabulary voc[] = {
		{ sa_id_words, &sa->id, 0 },
		{ mark_words, &sa->mark, 0 },
		{ may_nokeys ? nokeys_words : NULL, sa, 0 },
		{ }
	};
	struct xfrm_usersa_id *id;

	args_parse(a, voc);
	sa_id_require(a, &sa->id);
	id = request_start(req, type, 0, sizeof(*id));
	id->family = common_family(a, &sa->id.src, &sa->id.dst);
	id->daddr = sa->id.dst.a;
	id->spi = htonl(sa->id.spi.v);
	id->proto = sa->id.proto;
	mark_put(req, &sa->mark);
	if (sa->id.src.family)
		request_put(req, XFRMA_SRCADDR, &sa->id.src.a,
			    sizeof(sa->id.src.a));
}

static void show(const struct sa *sa, bool keys)
{
	if (!options.json) {
		sa_print(sa, keys);
		return;
	}
	json_open(NULL, '{');
	sa_json(sa, keys);
	json_close('}');
	putchar('\n');
}

static void show_one(const struct nlmsghdr *nlh, void *data)
{
	const struct state_args *args = data;
	struct sa sa;

	if (nlh->nlmsg_type == XFRM_MSG_NEWSA &&
	    sa_read(&sa, nlh, sizeof(sa.info)))
		show(&sa, !args->nokeys);
}

static int state_get(struct args *a)
{
	static struct state_args sa;
	static struct request req;

	start_by_id(a, &req, XFRM_MSG_GETSA, &sa, true);
	return netlink_do(&req, "state get", show_one, &sa);
}

static int state_delete(struct args *a)
{
	static struct state_args sa;
	static struct request req;

	start_by_id(a, &req, XFRM_MSG_DELSA, &sa, false);
	return netlink_do(&req, "state delete", NULL, NULL);
}

/**
 * struct filter - what "state list" shows
 * @want: the SA must have these values
 * @mode: the mode counts
 * @reqid: the reqid counts
 * @invalid: only those that lost their device
 */
struct filter {
	struct state_args want;
	bool mode;
	bool reqid;
	bool invalid;
};

static const struct keyword invalid_words[] = {
	{ .word = "invalid", arg_true, offsetof(struct filter, invalid) },
	{ }
};

static bool address_is(const struct address *want, u16 family,
		       const xfrm_address_t *a)
{
	return !want->family || (want->family == family &&
				 address_equal(family, &want->a, a));
}

static bool wanted(const struct filter *f, const struct xfrm_usersa_info *i)
{
	const struct state_args *want = &f->want;

	return address_is(&want->id.src, i->family, &i->saddr) &&
	       address_is(&want->id.dst, i->family, &i->id.daddr) &&
	       (!want->id.proto || want->id.proto == i->id.proto) &&
	       (!want->id.spi.set || want->id.spi.v == ntohl(i->id.spi)) &&
	       (!f->mode || want->mode == i->mode) &&
	       (!f->reqid || want->reqid == i->reqid) &&
	       (want->flags & i->flags) == want->flags;
}

static void list_one(const struct nlmsghdr *nlh, void *data)
{
	const struct filter *f = data;
	struct sa sa;

	if (nlh->nlmsg_type == XFRM_MSG_NEWSA &&
	    sa_read(&sa, nlh, sizeof(sa.info)) && wanted(f, &sa.info) &&
	    (!f->invalid || invalid_there(&sa.t)))
		show(&sa, !f->want.nokeys);
}

static int state_list(struct args *a)
{
	static struct filter f;
	static struct request req;
	struct vocabulary voc[] = {
		{ filter_words, &f.want, 0 },
		{ sa_id_words, &f.want.id, 0 },
		{ nokeys_words, &f.want, 0 },
		{ invalid_words, &f, 0 },
		{ }
	};
	int status;

	args_parse(a, voc);
	common_family(a, &f.want.id.src, &f.want.id.dst);
	f.mode = voc[0].seen & 1;
	f.reqid = voc[0].seen & 2;
	request_start(&req, XFRM_MSG_GETSA, NLM_F_DUMP, 0);
	/* A kernel that ignores this lists all. */
	if (f.invalid)
		request_put(&req, XFRMA_INVALID | NLA_F_NESTED, NULL, 0);
	if (options.json)
		json_open(NULL, '[');
	status = netlink_do(&req, "state list", list_one, &f);
	if (options.json) {
		json_close(']');
		json_line();
	}
	return status;
}

static int state_flush(struct args *a)
{
	static struct state_args sa;
	static struct request req;
	struct vocabulary voc[] = { { proto_words, &sa, 0 }, { } };
	struct xfrm_usersa_flush *flush;

	args_parse(a, voc);
	flush = request_start(&req, XFRM_MSG_FLUSHSA, 0, sizeof(*flush));
	flush->proto = sa.id.proto;
	return netlink_do(&req, "state flush", NULL, NULL);
}

#define ADD_USAGE \
	"ID [ ALGO-LIST ] [ mode MODE ] [ mark MARK [ mask MASK ] ] " \
	"[ reqid REQID ] [ seq SEQ ] [ replay-window SIZE ] " \
	"[ replay-seq SEQ ] [ replay-oseq SEQ ] [ replay-seq-hi SEQ ] " \
	"[ replay-oseq-hi SEQ ] [ flag FLAG-LIST ] " \
	"[ extra-flag EXTRA-FLAG-LIST ] [ sel SELECTOR ] [ LIMIT-LIST ] " \
	"[ encap ENCAP ] [ coa ADDR ] [ output-mark MARK [ mask MASK ] ] " \
	"[ if_id IF_ID ] [ tfcpad LENGTH ] [ dir SA-DIR ] " \
	"[ offload [ crypto | packet ] dev DEV dir SA-DIR ] " \
	"[ nat-keepalive SECONDS ] [ mtimer-thresh SECONDS ] [ pcpu-num CPU ]"

static const struct command commands[] = {
	{ "add", ADD_USAGE, state_add },
	{ "update", ADD_USAGE, state_update },
	{ "migrate", MIGRATE_USAGE, state_migrate },
	{ "get", "ID [ nokeys ] [ mark MARK [ mask MASK ] ]", state_get },
	{ "delete", "ID [ mark MARK [ mask MASK ] ]", state_delete },
	{ "list", "[ nokeys ] [ invalid ] [ ID ] [ mode MODE ] [ reqid REQID ] [ flag FLAG-LIST ]",
	  state_list },
	{ "flush", "[ proto XFRM-PROTO ]", state_flush },
	{ }
};

const struct noun state_noun = {
	"state", commands,
	"ID := [ src ADDR ] dst ADDR proto XFRM-PROTO spi SPI\n"
	"XFRM-PROTO := esp | ah | comp | route2 | hao\n"
	"ALGO-LIST := [ ALGO-LIST ] ALGO\n"
	"ALGO := { enc | auth } NAME KEY | auth-trunc NAME KEY TRUNC-BITS |\n"
	"        aead NAME KEY ICV-BITS | comp NAME\n"
	"MODE := transport | tunnel | beet | ro | in_trigger\n"
	"SA-DIR := in | out\n"
	"FLAG-LIST := [ FLAG-LIST ] FLAG\n"
	"FLAG := noecn | decap-dscp | nopmtudisc | wildrecv | icmp | af-unspec | align4 | esn\n"
	"EXTRA-FLAG := dont-encap-dscp | oseq-may-wrap\n"
	"SELECTOR := [ src ADDR[/PLEN] ] [ dst ADDR[/PLEN] ] [ dev DEV ] [ UPSPEC ]\n"
	"UPSPEC := proto { { tcp | udp | sctp | dccp } [ sport PORT ] [ dport PORT ] |\n"
	"                  { icmp | ipv6-icmp | mobility-header } [ type NUMBER ] [ code NUMBER ] |\n"
	"                  gre [ key { DOTTED-QUAD | NUMBER } ] | PROTO }\n"
	"LIMIT-LIST := [ LIMIT-LIST ] limit LIMIT\n"
	"LIMIT := { time-soft | time-hard | time-use-soft | time-use-hard } SECONDS |\n"
	"         { byte-soft | byte-hard | packet-soft | packet-hard } { NUMBER | INF }\n"
	"ENCAP := { espinudp | espinudp-nonike | espintcp } SPORT DPORT OADDR\n"
};
