// SPDX-License-Identifier: GPL-2.0
/* "state migrate": an SA goes on elsewhere. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "algo.h"
#include "args.h"
#include "json.h"
#include "netlink.h"
#include "offload.h"
#include "selector.h"
#include "state.h"
#include "xfrmctl.h"

/**
 * struct migrate_args - a migration as it was given
 * @id: the SA's name
 * @mark: the mark that it has
 * @dst: new destination
 * @src: new source
 * @reqid: new reqid
 * @new_mark: new mark
 * @set_mark: new output mark
 * @sel: new selector, if @has_sel
 * @h2h: the selector follows the addresses
 * @encap: new encapsulation
 * @no_encap: none any more
 * @offload: new device
 * @no_offload: none any more
 * @device: new device, by the short form
 * @keepalive: seconds between NAT keepalives
 * @mapping: seconds between reports of a new mapping
 * @has_sel: a new selector was given
 */
struct migrate_args {
	struct sa_id id;
	struct mark_args mark;
	struct address dst;
	struct address src;
	struct opt_u32 reqid;
	struct mark_args new_mark;
	struct mark_args set_mark;
	struct selector_args sel;
	bool has_sel;
	bool h2h;
	struct encap_args encap;
	bool no_encap;
	struct offload_args offload;
	bool no_offload;
	int device;
	struct opt_u32 keepalive;
	struct opt_u32 mapping;
};

static void arg_new_sel(struct args *a, const struct keyword *kw, void *obj)
{
	struct migrate_args *m = obj;
	struct vocabulary voc[] = { { selector_words, &m->sel, 0 }, { } };

	m->has_sel = true;
	args_parse_nested(a, kw->word, voc, AGAIN_ENDS);
}

/* new-mark MARK [mask MASK] */
static void arg_new_mark(struct args *a, const struct keyword *kw, void *obj)
{
	struct migrate_args *m = obj;

	m->new_mark.set = true;
	m->new_mark.m.v = number_value(a, kw->word, UINT32_MAX);
	m->new_mark.m.m = args_accept(a, "mask") ?
			  number_value(a, "mask", UINT32_MAX) : UINT32_MAX;
}

/* to software | to dev DEV */
static void arg_to(struct args *a, const struct keyword *kw, void *obj)
{
	static const struct keyword dev = { .word = "dev", .offset = 0 };
	struct migrate_args *m = obj;

	if (args_accept(a, "software"))
		m->no_offload = true;
	else if (args_accept(a, "dev"))
		arg_ifindex(a, &dev, &m->device);
	else
		usage_error(a, "after \"%s\" there has to be \"software\" or \"dev\"",
			    kw->word);
}

#define MIGRATE(field)	offsetof(struct migrate_args, field)

static const struct keyword words[] = {
	{ .word = "new-dst", arg_address, MIGRATE(dst) },
	{ .word = "new-src", arg_address, MIGRATE(src) },
	{ .word = "new-reqid", arg_opt_u32, MIGRATE(reqid), UINT32_MAX },
	{ .word = "new-mark", arg_new_mark },
	{ .word = "new-sel", arg_new_sel },
	{ .word = "update-h2h-sel", arg_true, MIGRATE(h2h) },
	{ .word = "no-encap", arg_true, MIGRATE(no_encap) },
	{ .word = "no-offload", arg_true, MIGRATE(no_offload) },
	{ .word = "nat-keepalive", arg_opt_u32, MIGRATE(keepalive),
	  UINT32_MAX },
	{ .word = "nat-keepalive-interval", arg_opt_u32, MIGRATE(keepalive),
	  UINT32_MAX, .synonym = true },
	{ .word = "mtimer-thresh", arg_opt_u32, MIGRATE(mapping), UINT32_MAX },
	{ .word = "mapping-threshold", arg_opt_u32, MIGRATE(mapping),
	  UINT32_MAX, .synonym = true },
	{ .word = "to", arg_to },
	{ }
};

static void exclude(const struct args *a, bool one, const char *first,
		    bool other, const char *second)
{
	if (one && other)
		usage_error(a, "\"%s\" and \"%s\" contradict each other", first,
			    second);
}

/* Of the vocabularies behind those of the SA's name and mark. */
static bool any_new(const struct vocabulary *voc)
{
	for (voc += 2; voc->words; voc++)
		if (voc->seen)
			return true;
	return false;
}

static void parse(struct args *a, struct migrate_args *m)
{
	struct vocabulary voc[] = {
		{ sa_id_words, &m->id, 0 },
		{ mark_words, &m->mark, 0 },
		{ words, m, 0 },
		{ set_mark_words, &m->set_mark, 0 },
		{ encap_words, &m->encap, 0 },
		{ offload_words, &m->offload, 0 },
		{ }
	};

	args_parse(a, voc);
	sa_id_require(a, &m->id);
	exclude(a, m->offload.set, "offload", m->no_offload,
		"no-offload\" or \"to software");
	exclude(a, m->device, "to dev", m->no_offload,
		"no-offload\" or \"to software");
	exclude(a, m->device, "to dev", m->offload.set, "offload");
	exclude(a, m->encap.set, "encap", m->no_encap, "no-encap");
	exclude(a, m->has_sel, "new-sel", m->h2h, "update-h2h-sel");
	if (!any_new(voc))
		usage_error(a, "what is new of the SA is missing");
}

/* --- what the SA has, for all that is not given --------------------------- */

/**
 * struct current - what of an SA outlives its message
 * @info: its fixed part
 * @xuo: its offload, if @offloaded
 * @dir: its direction, enum xfrm_sa_dir; 0: it does not say
 * @offloaded: it has an offload
 */
struct current {
	struct xfrm_usersa_info info;
	struct xfrm_user_offload xuo;
	bool offloaded;
	u8 dir;
};

static void keep_current(const struct nlmsghdr *nlh, void *data)
{
	const struct xfrm_user_offload *xuo;
	struct current *cur = data;
	const u8 *dir;
	struct sa sa;

	if (nlh->nlmsg_type != XFRM_MSG_NEWSA ||
	    !sa_read(&sa, nlh, sizeof(sa.info)))
		return;
	cur->info = sa.info;
	xuo = attr_data(&sa.t, XFRMA_OFFLOAD_DEV, sizeof(*xuo));
	if (xuo) {
		cur->xuo = *xuo;
		cur->offloaded = true;
	}
	dir = attr_data(&sa.t, XFRMA_SA_DIR, sizeof(*dir));
	if (dir)
		cur->dir = *dir;
}

static int read_current(const struct args *a, const struct migrate_args *m,
			struct current *cur)
{
	static struct request req;
	struct xfrm_usersa_id *id;

	id = request_start(&req, XFRM_MSG_GETSA, 0, sizeof(*id));
	id->family = common_family(a, &m->id.src, &m->id.dst);
	id->daddr = m->id.dst.a;
	id->spi = htonl(m->id.spi.v);
	id->proto = m->id.proto;
	mark_put(&req, &m->mark);
	return netlink_do(&req, "state migrate", keep_current, cur);
}

/* --- the request ----------------------------------------------------------- */

static void fill_addresses(const struct args *a, const struct migrate_args *m,
			   const struct current *cur, struct migrate_state *um)
{
	um->new_family = common_family(a, &m->src, &m->dst);
	if (!um->new_family)
		um->new_family = cur->info.family;
	if (um->new_family != cur->info.family && !(m->src.set && m->dst.set))
		usage_error(a, "another address family needs \"new-dst\" and \"new-src\"");
	um->new_daddr = m->dst.set ? m->dst.a : cur->info.id.daddr;
	um->new_saddr = m->src.set ? m->src.a : cur->info.saddr;
}

static void fill(const struct args *a, const struct migrate_args *m,
		 const struct current *cur, struct migrate_state *um)
{
	um->id.daddr = cur->info.id.daddr;
	um->id.spi = cur->info.id.spi;
	um->id.proto = cur->info.id.proto;
	um->id.family = cur->info.family;
	um->old_mark = m->mark.m;
	fill_addresses(a, m, cur, um);
	um->new_reqid = m->reqid.set ? m->reqid.v : cur->info.reqid;
	um->new_sel = cur->info.sel;
	if (m->has_sel)
		selector_build(a, &m->sel, &um->new_sel);
	if (m->h2h)
		um->flags |= MIGRATE_STATE_UPDATE_H2H_SEL;
	if (m->no_offload)
		um->flags |= MIGRATE_STATE_CLEAR_OFFLOAD;
}

/* The short form keeps the kind of offload, and the direction. */
static void put_device(const struct args *a, struct request *req,
		       const struct migrate_args *m, const struct current *cur)
{
	struct xfrm_user_offload xuo = cur->xuo;

	if (!cur->offloaded)
		usage_error(a, "the SA is in software: \"offload\" with all its words says how");
	xuo.ifindex = m->device;
	request_put(req, XFRMA_OFFLOAD_DEV, &xuo, sizeof(xuo));
}

static void put_attrs(const struct args *a, struct request *req,
		      const struct migrate_args *m, const struct current *cur)
{
	static const struct xfrm_encap_tmpl none;
	struct offload_args offload = m->offload;

	mark_put(req, &m->new_mark);
	set_mark_put(req, &m->set_mark);
	encap_put(a, req, &m->encap, cur->info.family);
	if (m->no_encap)
		request_put(req, XFRMA_ENCAP, &none, sizeof(none));
	if (m->keepalive.set)
		request_put_u32(req, XFRMA_NAT_KEEPALIVE_INTERVAL,
				m->keepalive.v);
	if (m->mapping.set)
		request_put_u32(req, XFRMA_MTIMER_THRESH, m->mapping.v);
	if (m->device)
		put_device(a, req, m, cur);
	if (!offload.dir)
		offload.dir = cur->dir;
	offload_put_state(a, req, &offload, cur->dir);
}

int state_migrate(struct args *a)
{
	static struct migrate_args m;
	static struct request req;
	struct current cur = {};
	int status;

	parse(a, &m);
	status = read_current(a, &m, &cur);
	if (status)
		return status;

	fill(a, &m, &cur, request_start(&req, MSG_MIGRATE_STATE, 0,
					sizeof(struct migrate_state)));
	put_attrs(a, &req, &m, &cur);
	return netlink_do(&req, "state migrate", NULL, NULL);
}

/* --- what is told ------------------------------------------------------------ */

static bool marked(const struct migrate_state *um)
{
	return um->old_mark.v || um->old_mark.m;
}

void migrate_print(const struct migrate_state *um, const struct attrs *t)
{
	printf("dst %s proto %s spi 0x%08x",
	       address_text(um->id.family, &um->id.daddr),
	       name_or_number(sa_proto_names, um->id.proto), ntohl(um->id.spi));
	if (marked(um))
		printf(" mark %#x/%#x", um->old_mark.v, um->old_mark.m);
	printf("\n\tnew src %s dst %s reqid %u\n",
	       address_text(um->new_family, &um->new_saddr),
	       address_text(um->new_family, &um->new_daddr), um->new_reqid);
	marks_print(t);
	encap_print(t, um->new_family);
	offload_print(t, true);
	numbers_print(t);
	if (sa_dir(t))
		printf("\tdir %s\n", sa_dir(t));
	if (um->flags & MIGRATE_STATE_CLEAR_OFFLOAD)
		puts("\tno-offload");
	fputs("\tsel ", stdout);
	selector_print(&um->new_sel);
	putchar('\n');
}

void migrate_json(const struct migrate_state *um, const struct attrs *t)
{
	json_string("dst", address_text(um->id.family, &um->id.daddr));
	json_string("proto", name_or_number(sa_proto_names, um->id.proto));
	json_number("spi", ntohl(um->id.spi));
	if (marked(um))
		mark_json("old_mark", &um->old_mark);
	json_string("new_src", address_text(um->new_family, &um->new_saddr));
	json_string("new_dst", address_text(um->new_family, &um->new_daddr));
	json_number("new_reqid", um->new_reqid);
	marks_json(t);
	encap_json(t, um->new_family);
	offload_json(t, true);
	numbers_json(t);
	if (sa_dir(t))
		json_string("dir", sa_dir(t));
	if (um->flags & MIGRATE_STATE_CLEAR_OFFLOAD)
		json_bool("no_offload", true);
	selector_json("sel", &um->new_sel);
}

static void one_migrated(const struct xfrm_user_migrate *um)
{
	const char *old_src = address_text(um->old_family, &um->old_saddr);
	const char *old_dst = address_text(um->old_family, &um->old_daddr);
	const char *new_src = address_text(um->new_family, &um->new_saddr);
	const char *new_dst = address_text(um->new_family, &um->new_daddr);
	const char *proto = name_or_number(sa_proto_names, um->proto);

	if (!options.json) {
		printf("\told src %s dst %s proto %s reqid %u ", old_src, old_dst,
		       proto, um->reqid);
		printf("mode %s\n\tnew src %s dst %s\n",
		       name_or_number(mode_names, um->mode), new_src, new_dst);
		return;
	}
	json_open(NULL, '{');
	json_string("old_src", old_src);
	json_string("old_dst", old_dst);
	json_string("proto", proto);
	json_number("reqid", um->reqid);
	json_string("mode", name_or_number(mode_names, um->mode));
	json_string("new_src", new_src);
	json_string("new_dst", new_dst);
	json_close('}');
}

/* The message has an attribute of this type for each of them. */
static int read_migrated(const struct nlattr *attr, void *data)
{
	struct xfrm_user_migrate um;

	(void)data;
	if (mnl_attr_get_type(attr) != XFRMA_MIGRATE ||
	    mnl_attr_get_payload_len(attr) < sizeof(um))
		return MNL_CB_OK;
	memcpy(&um, mnl_attr_get_payload(attr), sizeof(um));
	one_migrated(&um);
	return MNL_CB_OK;
}

static void show_kmaddress(const struct attrs *t)
{
	const struct xfrm_user_kmaddress *k =
		attr_data(t, XFRMA_KMADDRESS, sizeof(*k));
	const char *local, *remote;

	if (!k)
		return;
	local = address_text(k->family, &k->local);
	remote = address_text(k->family, &k->remote);
	if (!options.json) {
		printf("\tkmaddress local %s remote %s\n", local, remote);
		return;
	}
	json_open("kmaddress", '{');
	json_string("local", local);
	json_string("remote", remote);
	json_close('}');
}

void migrate_policy_show(const struct nlmsghdr *nlh)
{
	const struct xfrm_userpolicy_id *id = mnl_nlmsg_get_payload(nlh);
	const struct xfrm_userpolicy_type *pt;
	const char *dir = name_or_number(policy_dir_names, id->dir);
	const char *ptype;
	struct attrs t;

	attrs_read(&t, nlh, sizeof(*id));
	pt = attr_data(&t, XFRMA_POLICY_TYPE, sizeof(*pt));
	ptype = name_or_number(ptype_names, pt ? pt->type : 0);
	if (options.json) {
		selector_json("sel", &id->sel);
		json_string("dir", dir);
		json_string("ptype", ptype);
		json_open("migrated", '[');
	} else {
		selector_print(&id->sel);
		printf("\n\tdir %s ptype %s\n", dir, ptype);
	}
	mnl_attr_parse(nlh, sizeof(*id), read_migrated, NULL);
	if (options.json)
		json_close(']');
	show_kmaddress(&t);
	if (options.json)
		encap_json(&t, id->sel.family);
	else
		encap_print(&t, id->sel.family);
}
