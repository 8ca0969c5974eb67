// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "json.h"
#include "names.h"
#include "offload.h"

static const struct keyword parts[] = {
	{ .word = "dev", arg_ifindex, offsetof(struct offload_args, ifindex) },
	{ .word = "dir", arg_name8, offsetof(struct offload_args, dir),
	  .names = sa_dir_names },
	{ }
};

/* offload [packet|crypto] dev DEV [dir in|out] */
static void arg_offload(struct args *a, const struct keyword *kw, void *obj)
{
	struct offload_args *off = obj;
	struct vocabulary voc[] = { { parts, off, 0 }, { } };

	off->set = true;
	off->packet = args_accept(a, "packet");
	if (!off->packet)
		args_accept(a, "crypto");
	args_parse_nested(a, kw->word, voc, AGAIN_ENDS);
	if (!off->ifindex)
		usage_error(a, "\"offload\" needs \"dev\" and a device");
}

const struct keyword offload_words[] = {
	{ .word = "offload", arg_offload },
	{ }
};

static void put(struct request *req, const struct offload_args *off,
		u8 flags)
{
	struct xfrm_user_offload xuo = { .ifindex = off->ifindex };

	xuo.flags = flags | (off->packet ? XFRM_OFFLOAD_PACKET : 0);
	request_put(req, XFRMA_OFFLOAD_DEV, &xuo, sizeof(xuo));
}

void offload_put_state(const struct args *a, struct request *req,
		       const struct offload_args *off, u8 sa_dir)
{
	if (!off->set)
		return;
	if (!off->dir)
		usage_error(a, "\"offload\" of an SA needs \"dir\" in or out");
	if (sa_dir && sa_dir != off->dir)
		usage_error(a, "\"offload\" has dir %s, but the SA has dir %s",
			    name_of(sa_dir_names, off->dir),
			    name_of(sa_dir_names, sa_dir));
	put(req, off, off->dir == XFRM_SA_DIR_IN ? XFRM_OFFLOAD_INBOUND : 0);
}

void offload_put_policy(const struct args *a, struct request *req,
			const struct offload_args *off)
{
	if (!off->set)
		return;
	if (!off->packet)
		usage_error(a, "\"offload\" of a policy needs \"packet\"");
	put(req, off, 0);
}

static const char *sa_dir(const struct xfrm_user_offload *xuo)
{
	return xuo->flags & XFRM_OFFLOAD_INBOUND ? "in" : "out";
}

static const char *mode(const struct xfrm_user_offload *xuo)
{
	return xuo->flags & XFRM_OFFLOAD_PACKET ? "packet" : "crypto";
}

void offload_print(const struct attrs *t, const char *dir)
{
	const struct xfrm_user_offload *xuo =
		attr_data(t, XFRMA_OFFLOAD_DEV, sizeof(*xuo));

	if (xuo)
		printf("\tcrypto offload parameters: dev %s dir %s mode %s\n",
		       device_name(xuo->ifindex), dir ? dir : sa_dir(xuo),
		       mode(xuo));
}

void offload_json(const struct attrs *t, const char *dir)
{
	const struct xfrm_user_offload *xuo =
		attr_data(t, XFRMA_OFFLOAD_DEV, sizeof(*xuo));

	if (!xuo)
		return;
	json_open("offload", '{');
	json_string("dev", device_name(xuo->ifindex));
	json_number("ifindex", xuo->ifindex);
	json_string("dir", dir ? dir : sa_dir(xuo));
	json_string("mode", mode(xuo));
	json_close('}');
}
