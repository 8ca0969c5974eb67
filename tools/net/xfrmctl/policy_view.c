// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "lifetime.h"
#include "mark.h"
#include "names.h"
#include "offload.h"
#include "policy_view.h"
#include "selector.h"
#include "tmpl.h"
#include "xfrmctl.h"

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

u8 policy_type(const struct policy *pol)
{
	const struct xfrm_userpolicy_type *pt =
		attr_data(&pol->t, XFRMA_POLICY_TYPE, sizeof(*pt));

	return pt ? pt->type : XFRM_POLICY_TYPE_MAIN;
}

/* The kernel numbers directions of socket policies after the common ones. */
bool policy_of_socket(const struct policy *pol)
{
	return pol->info.dir >= XFRM_POLICY_MAX;
}

static const char *direction(const struct policy *pol)
{
	return name_or_number(policy_dir_names, pol->info.dir % 4);
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
	tmpls_print(&pol->t);
	marks_print(&pol->t);
	offload_print(&pol->t, direction(pol));
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
	offload_json(&pol->t, direction(pol));
	lifetime_json(&i->lft, &i->curlft);
}
