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
	{ .word = "nat-keepalive-interval", arg_opt_u32, MIGRATE(keepalive),
	  UINT32_MAX },
	{ .word = "mapping-threshold", arg_opt_u32, MIGRATE(mapping),
	  UINT32_MAX },
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

static const char *direction(const struct attrs *t)
{
	const u8 *dir = attr_data(t, XFRMA_SA_DIR, sizeof(*dir));

	return dir ? name_of(sa_dir_names, *dir) : NULL;
}

void migrate_print(const struct migrate_state *um, const struct attrs *t)
{
	const char *dir = direction(t);

	printf("dst %s proto %s spi 0x%08x\n",
	       address_text(um->id.family, &um->id.daddr),
	       name_or_number(sa_proto_names, um->id.proto), ntohl(um->id.spi));
	printf("\tnew src %s dst %s reqid %u%s%s\n",
	       address_text(um->new_family, &um->new_saddr),
	       address_text(um->new_family, &um->new_daddr), um->new_reqid,
	       dir ? " dir " : "", dir ? dir : "");
	marks_print(t);
	encap_print(t, um->new_family);
	offload_print(t, NULL);
	fputs("\tsel ", stdout);
	selector_print(&um->new_sel);
	putchar('\n');
}

void migrate_json(const struct migrate_state *um, const struct attrs *t)
{
	const char *dir = direction(t);

	json_string("proto", name_or_number(sa_proto_names, um->id.proto));
	json_number("spi", ntohl(um->id.spi));
	json_string("dst", address_text(um->id.family, &um->id.daddr));
	json_string("new_src", address_text(um->new_family, &um->new_saddr));
	json_string("new_dst", address_text(um->new_family, &um->new_daddr));
	json_number("new_reqid", um->new_reqid);
	if (dir)
		json_string("dir", dir);
	marks_json(t);
	encap_json(t, um->new_family);
	offload_json(t, NULL);
	selector_json("sel", &um->new_sel);
}
