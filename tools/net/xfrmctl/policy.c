// SPDX-License-Identifier: GPL-2.0
/* The SPD: add, update, get, delete, list and flush policies. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "json.h"
#include "lifetime.h"
#include "netlink.h"
#include "offload.h"
#include "policy.h"
#include "selector.h"
#include "xfrmctl.h"

/**
 * struct tmpl_args - templates as they were given
 * @list: in order
 * @n: how many
 */
struct tmpl_args {
	struct xfrm_user_tmpl list[TMPL_MAX];
	size_t n;
};

#define TMPL(field)	offsetof(struct xfrm_user_tmpl, field)

static const struct keyword tmpl_own_words[] = {
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
		{ sa_id_words, &id, 0 }, { tmpl_own_words, NULL, 0 }, { }
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

static const struct keyword tmpl_words[] = {
	{ .word = "tmpl", arg_tmpl, .repeats = true },
	{ }
};

static void tmpls_put(struct request *req, const struct tmpl_args *tmpls)
{
	if (tmpls->n)
		request_put(req, XFRMA_TMPL, tmpls->list,
			    tmpls->n * sizeof(tmpls->list[0]));
}

static void print_tmpl(const struct xfrm_user_tmpl *tmpl)
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

static void json_tmpl(const struct xfrm_user_tmpl *tmpl)
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

static void each_tmpl(const struct attrs *t,
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

static void tmpls_print(const struct attrs *t)
{
	each_tmpl(t, print_tmpl);
}

static void tmpls_json(const struct attrs *t)
{
	json_open("tmpls", '[');
	each_tmpl(t, json_tmpl);
	json_close(']');
}

/*
 * @header: what stands before the attributes. It starts with the policy, or it
 * is too short for that and the policy is an attribute.
 */
bool policy_read(struct policy *pol, const struct nlmsghdr *nlh, size_t header)
{
	const void *info = mnl_nlmsg_get_payload(nlh);

	attrs_read(&pol->t, nlh, header);
	if (header < sizeof(pol->info))
		info = attr_data(&pol->t, XFRMA_POLICY, sizeof(pol->info));
	else if (mnl_nlmsg_get_payload_len(nlh) < header)
		return false;
	if (!info)
		return false;
	memcpy(&pol->info, info, sizeof(pol->info));
	return true;
}

static u8 policy_type(const struct policy *pol)
{
	const struct xfrm_userpolicy_type *pt =
		attr_data(&pol->t, XFRMA_POLICY_TYPE, sizeof(*pt));

	return pt ? pt->type : XFRM_POLICY_TYPE_MAIN;
}

/* The kernel numbers directions of socket policies after the common ones. */
static bool policy_of_socket(const struct policy *pol)
{
	return pol->info.dir >= XFRM_POLICY_MAX;
}

static const char *direction(const struct policy *pol)
{
	return name_or_number(policy_dir_names,
			      pol->info.dir % XFRM_POLICY_MAX);
}

static void print_flags(u8 flags)
{
	if (!flags)
		return;
	fputs(" flag", stdout);
	for (const struct name *n = policy_flag_names; n->word; n++)
		if (flags & n->value)
			printf(" %s", n->word);
}

static void print_head(const struct policy *pol)
{
	const struct xfrm_userpolicy_info *i = &pol->info;

	selector_print(&i->sel);
	printf("\n\t%s %s", policy_of_socket(pol) ? "socket" : "dir",
	       direction(pol));
	if (i->action != XFRM_POLICY_ALLOW)
		printf(" action %s", name_or_number(action_names, i->action));
	if (options.stats)
		printf(" index %u", i->index);
	printf(" priority %u ptype %s", i->priority,
	       name_or_number(ptype_names, policy_type(pol)));
	if (options.stats)
		printf(" share %s", name_or_number(share_names, i->share));
	print_flags(i->flags);
	putchar('\n');
}

void policy_print(const struct policy *pol)
{
	print_head(pol);
	if (options.stats)
		lifetime_print(&pol->info.lft, &pol->info.curlft);
	marks_print(&pol->t);
	tmpls_print(&pol->t);
	offload_print(&pol->t, false);
	if_id_print(&pol->t);
}

/* The members of an object that the caller opened. */
void policy_json(const struct policy *pol)
{
	const struct xfrm_userpolicy_info *i = &pol->info;

	selector_json("sel", &i->sel);
	json_string("dir", direction(pol));
	json_bool("socket", policy_of_socket(pol));
	json_string("action", name_or_number(action_names, i->action));
	json_number("index", i->index);
	json_number("priority", i->priority);
	json_string("ptype", name_or_number(ptype_names, policy_type(pol)));
	json_string("share", name_or_number(share_names, i->share));
	json_flags("flags", policy_flag_names, i->flags);
	tmpls_json(&pol->t);
	marks_json(&pol->t);
	offload_json(&pol->t, false);
	lifetime_json(&i->lft, &i->curlft);
}

/**
 * struct policy_args - a policy, or a filter for policies, as it was given
 * @sel: which packets it is for
 * @dir: its direction
 * @index: its number
 * @ptype: main or sub
 * @action: allow or block
 * @priority: the lowest number is the first to be tried
 * @flags: XFRM_POLICY_*
 * @nosock: no policies of sockets
 * @lft: limits in bytes, packets and seconds
 * @tmpls: the transformations that it demands
 * @mark: the mark of its packets
 * @if_id: the xfrm interface that it is for
 * @offload: the device that holds it
 */
struct policy_args {
	struct selector_args sel;
	struct opt_u32 dir;
	struct opt_u32 index;
	struct opt_u32 ptype;
	struct opt_u32 action;
	struct opt_u32 priority;
	u32 flags;
	bool nosock;
	struct xfrm_lifetime_cfg lft;
	struct tmpl_args tmpls;
	struct mark_args mark;
	struct opt_u32 if_id;
	struct offload_args offload;
};

static void arg_opt_name(struct args *a, const struct keyword *kw, void *obj)
{
	struct opt_u32 *opt = (void *)((char *)obj + kw->offset);

	opt->v = name_value(a, kw->word, kw->names);
	opt->set = true;
}

#define POL(field)	offsetof(struct policy_args, field)

#define DIR_WORD	{ .word = "dir", arg_opt_name, POL(dir), \
			  .names = policy_dir_names }
#define INDEX_WORD	{ .word = "index", arg_opt_u32, POL(index), UINT32_MAX }
#define PTYPE_WORD	{ .word = "ptype", arg_opt_name, POL(ptype), \
			  .names = ptype_names }
#define ACTION_WORD	{ .word = "action", arg_opt_name, POL(action), \
			  .names = action_names }
#define PRIORITY_WORD	{ .word = "priority", arg_opt_u32, POL(priority), \
			  UINT32_MAX }
#define FLAG_WORD	{ .word = "flag", arg_flags, POL(flags), \
			  .names = policy_flag_names }

static const struct keyword add_words[] = {
	DIR_WORD, INDEX_WORD, PTYPE_WORD, ACTION_WORD, PRIORITY_WORD,
	FLAG_WORD, { }
};

static const struct keyword id_words[] = {
	DIR_WORD, INDEX_WORD, PTYPE_WORD, { }
};

static const struct keyword filter_words[] = {
	DIR_WORD, INDEX_WORD, PTYPE_WORD, ACTION_WORD, PRIORITY_WORD,
	FLAG_WORD, { .word = "nosock", arg_true, POL(nosock) }, { }
};

static const struct keyword ptype_words[] = { PTYPE_WORD, { } };

/* "offload" of a policy may say the direction, and then need not agree less. */
static void merge_directions(const struct args *a, struct policy_args *pol)
{
	u32 dir = pol->offload.dir == XFRM_SA_DIR_IN ? XFRM_POLICY_IN :
							    XFRM_POLICY_OUT;

	if (!pol->offload.dir)
		return;
	if (pol->dir.set && pol->dir.v != dir)
		usage_error(a, "\"offload\" has dir %s, but the policy has dir %s",
			    name_of(policy_dir_names, dir),
			    name_of(policy_dir_names, pol->dir.v));
	pol->dir.v = dir;
	pol->dir.set = true;
}

static void require_dir(const struct args *a, const struct policy_args *pol)
{
	if (!pol->dir.set)
		usage_error(a, "\"dir\" is missing");
}

/* Without an address, or with "any" for both, a selector is IPv4's, as ip's. */
static void build_selector(const struct args *a, const struct policy_args *pol,
			   struct xfrm_selector *sel)
{
	selector_build(a, &pol->sel, sel);
	if (!sel->family)
		sel->family = AF_INET;
}

static void put_ptype(struct request *req, const struct policy_args *pol)
{
	struct xfrm_userpolicy_type pt = { .type = pol->ptype.v };

	if (pol->ptype.set)
		request_put(req, XFRMA_POLICY_TYPE, &pt, sizeof(pt));
}

static void parse_add(struct args *a, struct policy_args *pol)
{
	struct vocabulary voc[] = {
		{ selector_words, &pol->sel, 0 },
		{ add_words, pol, 0 },
		{ limit_words, &pol->lft, 0 },
		{ tmpl_words, &pol->tmpls, 0 },
		{ mark_words, &pol->mark, 0 },
		{ if_id_words, &pol->if_id, 0 },
		{ offload_words, &pol->offload, 0 },
		{ }
	};

	lifetime_init(&pol->lft);
	args_parse(a, voc);
	merge_directions(a, pol);
	require_dir(a, pol);
}

static void fill_info(const struct args *a, struct xfrm_userpolicy_info *info,
		      const struct policy_args *pol)
{
	build_selector(a, pol, &info->sel);
	info->lft = pol->lft;
	info->priority = pol->priority.v;
	info->index = pol->index.v;
	info->dir = pol->dir.v;
	info->action = pol->action.v;
	info->flags = pol->flags;
}

static int add(struct args *a, u16 type, u16 flags, const char *what)
{
	static struct policy_args pol;
	static struct request req;
	struct xfrm_userpolicy_info *info;

	parse_add(a, &pol);
	info = request_start(&req, type, flags, sizeof(*info));
	fill_info(a, info, &pol);
	put_ptype(&req, &pol);
	tmpls_put(&req, &pol.tmpls);
	mark_put(&req, &pol.mark);
	if_id_put(&req, &pol.if_id);
	offload_put_policy(a, &req, &pol.offload);
	return netlink_do(&req, what, NULL, NULL);
}

static int policy_add(struct args *a)
{
	return add(a, XFRM_MSG_NEWPOLICY, NLM_F_CREATE | NLM_F_EXCL,
		   "policy add");
}

static int policy_update(struct args *a)
{
	return add(a, XFRM_MSG_UPDPOLICY, NLM_F_REPLACE, "policy update");
}

/* Parses what names one policy: its selector or its index. */
static void start_by_id(struct args *a, struct request *req, u16 type)
{
	static struct policy_args pol;
	struct vocabulary voc[] = {
		{ selector_words, &pol.sel, 0 },
		{ id_words, &pol, 0 },
		{ mark_words, &pol.mark, 0 },
		{ if_id_words, &pol.if_id, 0 },
		{ }
	};
	struct xfrm_userpolicy_id *id;

	args_parse(a, voc);
	require_dir(a, &pol);
	if (!voc[0].seen && !pol.index.v)
		usage_error(a, "a selector or \"index\" is missing");
	if (voc[0].seen && pol.index.set)
		usage_error(a, "\"index\" and a selector do not go together");
	id = request_start(req, type, 0, sizeof(*id));
	build_selector(a, &pol, &id->sel);
	id->index = pol.index.v;
	id->dir = pol.dir.v;
	put_ptype(req, &pol);
	mark_put(req, &pol.mark);
	if_id_put(req, &pol.if_id);
}

static void show(const struct policy *pol)
{
	if (!options.json) {
		policy_print(pol);
		return;
	}
	json_open(NULL, '{');
	policy_json(pol);
	json_close('}');
	putchar('\n');
}

static void show_one(const struct nlmsghdr *nlh, void *data)
{
	struct policy pol;

	(void)data;
	if (nlh->nlmsg_type == XFRM_MSG_NEWPOLICY &&
	    policy_read(&pol, nlh, sizeof(pol.info)))
		show(&pol);
}

static int policy_get(struct args *a)
{
	static struct request req;

	start_by_id(a, &req, XFRM_MSG_GETPOLICY);
	return netlink_do(&req, "policy get", show_one, NULL);
}

static int policy_delete(struct args *a)
{
	static struct request req;

	start_by_id(a, &req, XFRM_MSG_DELPOLICY);
	return netlink_do(&req, "policy delete", NULL, NULL);
}

static bool opt_is(const struct opt_u32 *want, u32 v)
{
	return !want->set || want->v == v;
}

static bool wanted(const struct policy_args *want, const struct policy *pol)
{
	const struct xfrm_userpolicy_info *i = &pol->info;

	return selector_matches(&want->sel, &i->sel) &&
	       opt_is(&want->dir, i->dir) &&
	       opt_is(&want->index, i->index) &&
	       opt_is(&want->ptype, policy_type(pol)) &&
	       opt_is(&want->action, i->action) &&
	       opt_is(&want->priority, i->priority) &&
	       (want->flags & i->flags) == want->flags &&
	       !(want->nosock && policy_of_socket(pol));
}

static void list_one(const struct nlmsghdr *nlh, void *data)
{
	struct policy pol;

	if (nlh->nlmsg_type == XFRM_MSG_NEWPOLICY &&
	    policy_read(&pol, nlh, sizeof(pol.info)) && wanted(data, &pol))
		show(&pol);
}

static int policy_list(struct args *a)
{
	static struct policy_args want;
	static struct request req;
	struct vocabulary voc[] = {
		{ selector_words, &want.sel, 0 },
		{ filter_words, &want, 0 },
		{ }
	};
	int status;

	args_parse(a, voc);
	common_family(a, &want.sel.src, &want.sel.dst);
	request_start(&req, XFRM_MSG_GETPOLICY, NLM_F_DUMP, 0);
	if (options.json)
		json_open(NULL, '[');
	status = netlink_do(&req, "policy list", list_one, &want);
	if (options.json) {
		json_close(']');
		json_line();
	}
	return status;
}

static int policy_flush(struct args *a)
{
	static struct policy_args pol;
	static struct request req;
	struct vocabulary voc[] = { { ptype_words, &pol, 0 }, { } };

	args_parse(a, voc);
	request_start(&req, XFRM_MSG_FLUSHPOLICY, 0, 0);
	put_ptype(&req, &pol);
	return netlink_do(&req, "policy flush", NULL, NULL);
}

#define ADD_USAGE \
	"SELECTOR dir DIR [ mark MARK [ mask MASK ] ] [ index INDEX ] " \
	"[ ptype PTYPE ] [ action ACTION ] [ priority PRIORITY ] " \
	"[ flag FLAG-LIST ] [ if_id IF_ID ] [ LIMIT-LIST ] [ TMPL-LIST ] " \
	"[ offload packet dev DEV [ dir DIR ] ]"

#define ID_USAGE \
	"{ SELECTOR | index INDEX } dir DIR [ mark MARK [ mask MASK ] ] " \
	"[ ptype PTYPE ] [ if_id IF_ID ]"

#define LIST_USAGE \
	"[ nosock ] [ SELECTOR ] [ dir DIR ] [ index INDEX ] " \
	"[ ptype PTYPE ] [ action ACTION ] [ priority PRIORITY ] " \
	"[ flag FLAG-LIST ]"

static const struct command commands[] = {
	{ "add", ADD_USAGE, policy_add },
	{ "update", ADD_USAGE, policy_update },
	{ "get", ID_USAGE, policy_get },
	{ "delete", ID_USAGE, policy_delete },
	{ "list", LIST_USAGE, policy_list },
	{ "flush", "[ ptype PTYPE ]", policy_flush },
	{ }
};

const struct noun policy_noun = {
	"policy", commands,
	"SELECTOR := [ src ADDR[/PLEN] ] [ dst ADDR[/PLEN] ] [ dev DEV ] [ UPSPEC ]\n"
	"UPSPEC := proto { { tcp | udp | sctp | dccp } [ sport PORT ] [ dport PORT ] |\n"
	"                  { icmp | ipv6-icmp | mobility-header } [ type NUMBER ] [ code NUMBER ] |\n"
	"                  gre [ key { DOTTED-QUAD | NUMBER } ] | PROTO }\n"
	"DIR := in | out | fwd\n"
	"PTYPE := main | sub\n"
	"ACTION := allow | block\n"
	"FLAG := localok | icmp | cpu-acquire\n"
	"LIMIT-LIST := [ LIMIT-LIST ] limit LIMIT\n"
	"LIMIT := { time-soft | time-hard | time-use-soft | time-use-hard } SECONDS |\n"
	"         { byte-soft | byte-hard | packet-soft | packet-hard } { NUMBER | INF }\n"
	"TMPL-LIST := [ TMPL-LIST ] tmpl TMPL\n"
	"TMPL := [ src ADDR ] [ dst ADDR ] proto XFRM-PROTO [ spi SPI ] [ mode MODE ]\n"
	"        [ reqid REQID ] [ level { required | use } ]\n"
	"XFRM-PROTO := esp | ah | comp | route2 | hao\n"
	"MODE := transport | tunnel | beet | ro | in_trigger\n"
};
