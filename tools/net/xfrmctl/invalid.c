// SPDX-License-Identifier: GPL-2.0
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "names.h"
#include "invalid.h"

/**
 * struct invalid - XFRMA_INVALID, read
 * @reason: enum xfrm_invalid_reason
 * @ifindex: the number that the device had; 0: not told
 * @ifname: the name that the device had, as it may be printed; or empty
 * @exact: the counters are the device's last
 */
struct invalid {
	u32 reason;
	u32 ifindex;
	char ifname[IF_NAMESIZE];
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

static int read_one(const struct nlattr *attr, void *data)
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
	}
	return MNL_CB_OK;
}

bool invalid_there(const struct attrs *t)
{
	return t->at[XFRMA_INVALID];
}

static void read_all(const struct attrs *t, struct invalid *u)
{
	memset(u, 0, sizeof(*u));
	mnl_attr_parse_nested(t->at[XFRMA_INVALID], read_one, u);
}

void invalid_print(const struct attrs *t)
{
	struct invalid u;

	if (!invalid_there(t))
		return;
	read_all(t, &u);
	if (u.reason == XFRM_INVALID_TAIL) {
		puts("\tINVALID: where the key stopped is not known: rekey");
		return;
	}
	printf("\tINVALID: device %s (ifindex %u) ",
	       *u.ifname ? u.ifname : "?", u.ifindex);
	if (name_of(reasons, u.reason))
		printf("%s; ", sentences[u.reason]);
	else
		printf("went for reason %u; ", u.reason);
	puts(u.exact ? "counters exact: can be carried on" :
		       "counters unknown: rekey");
}

void invalid_json(const struct attrs *t)
{
	struct invalid u;

	if (!invalid_there(t))
		return;
	read_all(t, &u);
	json_open("invalid", '{');
	json_string("reason", name_or_number(reasons, u.reason));
	json_string("dev", u.ifname);
	json_number("ifindex", u.ifindex);
	json_bool("counters_exact", u.exact);
	json_close('}');
}
