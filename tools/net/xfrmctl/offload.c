// SPDX-License-Identifier: GPL-2.0
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "json.h"
#include "lifetime.h"
#include "offload.h"

static const struct keyword offload_parts[] = {
	{ .word = "dev", arg_ifindex, offsetof(struct offload_args, ifindex) },
	{ .word = "dir", arg_name8, offsetof(struct offload_args, dir),
	  .names = sa_dir_names },
	{ }
};

/* offload [packet|crypto] dev DEV [dir in|out] */
static void arg_offload(struct args *a, const struct keyword *kw, void *obj)
{
	struct offload_args *off = obj;
	struct vocabulary voc[] = { { offload_parts, off, 0 }, { } };

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

static void put_offload(struct request *req, const struct offload_args *off,
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
	put_offload(req, off, off->dir == XFRM_SA_DIR_IN ? XFRM_OFFLOAD_INBOUND : 0);
}

void offload_put_policy(const struct args *a, struct request *req,
			const struct offload_args *off)
{
	if (!off->set)
		return;
	if (!off->packet)
		usage_error(a, "\"offload\" of a policy needs \"packet\"");
	put_offload(req, off, 0);
}

static const char *offload_dir(const struct xfrm_user_offload *xuo)
{
	return xuo->flags & XFRM_OFFLOAD_INBOUND ? "in" : "out";
}

static const char *offload_mode(const struct xfrm_user_offload *xuo)
{
	return xuo->flags & XFRM_OFFLOAD_PACKET ? "packet" : "crypto";
}

/* @dir: it has a direction of its own. That of a policy's is the policy's. */
void offload_print(const struct attrs *t, bool dir)
{
	const struct xfrm_user_offload *xuo =
		attr_data(t, XFRMA_OFFLOAD_DEV, sizeof(*xuo));

	if (!xuo)
		return;
	printf("\t%s offload parameters: dev %s ", offload_mode(xuo),
	       device_name(xuo->ifindex));
	if (dir)
		printf("dir %s ", offload_dir(xuo));
	printf("mode %s\n", offload_mode(xuo));
}

void offload_json(const struct attrs *t, bool dir)
{
	const struct xfrm_user_offload *xuo =
		attr_data(t, XFRMA_OFFLOAD_DEV, sizeof(*xuo));

	if (!xuo)
		return;
	json_open("offload", '{');
	json_string("dev", device_name(xuo->ifindex));
	json_number("ifindex", xuo->ifindex);
	if (dir)
		json_string("dir", offload_dir(xuo));
	json_string("mode", offload_mode(xuo));
	json_close('}');
}

/**
 * struct invalid - XFRMA_INVALID, read
 * @reason: enum xfrm_invalid_reason
 * @ifindex: the number that the device had; 0: not told
 * @ifname: the name that the device had, as it may be printed; or empty
 * @since: seconds since 1970; 0: not told
 * @exact: the counters are the device's last
 */
struct invalid {
	u32 reason;
	u32 ifindex;
	char ifname[IF_NAMESIZE];
	u64 since;
	bool exact;
};

/* The words for scripts; sentences[] has the ones for people. */
static const struct name reasons[] = {
	{ "device-down", XFRM_INVALID_DEV_DOWN },
	{ "device-unregistered", XFRM_INVALID_DEV_UNREGISTER },
	{ "feature-off", XFRM_INVALID_FEATURE_OFF },
	{ "slave-lost", XFRM_INVALID_SLAVE_LOST },
	{ "driver", XFRM_INVALID_DRIVER },
	{ "migrated", XFRM_INVALID_MIGRATED },
	{ "key-unknown", XFRM_INVALID_TAIL },
	{ "exhausted", XFRM_INVALID_EXHAUSTED },
	{ "refused", XFRM_INVALID_REFUSED },
	{ }
};

static const char *const sentences[] = {
	[XFRM_INVALID_DEV_DOWN] = "was set down",
	[XFRM_INVALID_DEV_UNREGISTER] = "was unregistered",
	[XFRM_INVALID_FEATURE_OFF] = "had esp-hw-offload switched off",
	[XFRM_INVALID_SLAVE_LOST] = "lost the slave that held the SA",
	[XFRM_INVALID_DRIVER] = "reported the SA broken",
	[XFRM_INVALID_MIGRATED] = "gave the SA away in a migration",
	[XFRM_INVALID_EXHAUSTED] = "used the last sequence number",
	[XFRM_INVALID_REFUSED] = "did not take the copy of an SA",
};

static void read_ifname(const struct nlattr *attr, char *name)
{
	snprintf(name, IF_NAMESIZE, "%.*s", (int)mnl_attr_get_payload_len(attr),
		 (const char *)mnl_attr_get_payload(attr));
	for (; *name; name++)
		if ((unsigned char)*name < 0x20)
			*name = '?';
}

static u32 read_u32(const struct nlattr *attr)
{
	if (mnl_attr_get_payload_len(attr) < sizeof(u32))
		return 0;
	return mnl_attr_get_u32(attr);
}

static u64 read_u64(const struct nlattr *attr)
{
	if (mnl_attr_get_payload_len(attr) < sizeof(u64))
		return 0;
	return mnl_attr_get_u64(attr);
}

static int read_invalid_attr(const struct nlattr *attr, void *data)
{
	struct invalid *u = data;

	switch (mnl_attr_get_type(attr)) {
	case XFRMA_INVALID_REASON:
		u->reason = read_u32(attr);
		break;
	case XFRMA_INVALID_IFINDEX:
		u->ifindex = read_u32(attr);
		break;
	case XFRMA_INVALID_IFNAME:
		read_ifname(attr, u->ifname);
		break;
	case XFRMA_INVALID_EXACT:
		u->exact = true;
		break;
	case XFRMA_INVALID_SINCE:
		u->since = read_u64(attr);
		break;
	}
	return MNL_CB_OK;
}

bool invalid_there(const struct attrs *t)
{
	return t->at[XFRMA_INVALID];
}

static void read_invalid(const struct attrs *t, struct invalid *u)
{
	memset(u, 0, sizeof(*u));
	mnl_attr_parse_nested(t->at[XFRMA_INVALID], read_invalid_attr, u);
}

static void invalid_print_why(const struct invalid *u)
{
	if (u->reason == XFRM_INVALID_TAIL) {
		printf("where the key stopped is not known: rekey");
		return;
	}
	printf("device %s (ifindex %u) ", *u->ifname ? u->ifname : "?",
	       u->ifindex);
	if (name_of(reasons, u->reason))
		printf("%s; ", sentences[u->reason]);
	else
		printf("went for reason %u; ", u->reason);
	fputs(u->exact ? "counters exact: can be carried on" :
			 "counters unknown: rekey", stdout);
}

void invalid_print(const struct attrs *t)
{
	struct invalid u;

	if (!invalid_there(t))
		return;
	read_invalid(t, &u);
	printf("\tINVALID: ");
	invalid_print_why(&u);
	if (u.since)
		printf("; since %s", when(u.since));
	puts("");
}

void invalid_json(const struct attrs *t)
{
	struct invalid u;

	if (!invalid_there(t))
		return;
	read_invalid(t, &u);
	json_open("invalid", '{');
	json_string("reason", name_or_number(reasons, u.reason));
	json_string("dev", u.ifname);
	json_number("ifindex", u.ifindex);
	json_bool("counters_exact", u.exact);
	if (u.since)
		json_number("since", u.since);
	json_close('}');
}

/* Can the SA be carried on? Sets the word for the reason, and the device. */
bool invalid_exact(const struct attrs *t, const char **reason,
		   char dev[IF_NAMESIZE])
{
	struct invalid u;

	if (!invalid_there(t))
		return false;
	read_invalid(t, &u);
	*reason = name_or_number(reasons, u.reason);
	memcpy(dev, u.ifname, IF_NAMESIZE);
	return u.exact;
}
