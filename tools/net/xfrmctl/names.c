// SPDX-License-Identifier: GPL-2.0
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "names.h"
#include "uapi.h"

#define IPPROTO_DCCP_	33
#define IPPROTO_MH_	135

const struct name sa_proto_names[] = {
	{ "esp", IPPROTO_ESP },
	{ "ah", IPPROTO_AH },
	{ "comp", IPPROTO_COMP },
	{ "route2", IPPROTO_ROUTING },
	{ "hao", IPPROTO_DSTOPTS },
	{ }
};

const struct name upper_proto_names[] = {
	{ "icmp", IPPROTO_ICMP },
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "dccp", IPPROTO_DCCP_ },
	{ "gre", IPPROTO_GRE },
	{ "esp", IPPROTO_ESP },
	{ "ah", IPPROTO_AH },
	{ "ipv6-icmp", IPPROTO_ICMPV6 },
	{ "sctp", IPPROTO_SCTP },
	{ "mobility-header", IPPROTO_MH_ },
	{ "any", 0 },
	{ }
};

const struct name mode_names[] = {
	{ "transport", XFRM_MODE_TRANSPORT },
	{ "tunnel", XFRM_MODE_TUNNEL },
	{ "ro", XFRM_MODE_ROUTEOPTIMIZATION },
	{ "in_trigger", XFRM_MODE_IN_TRIGGER },
	{ "beet", XFRM_MODE_BEET },
	{ }
};

const struct name state_flag_names[] = {
	{ "noecn", XFRM_STATE_NOECN },
	{ "decap-dscp", XFRM_STATE_DECAP_DSCP },
	{ "nopmtudisc", XFRM_STATE_NOPMTUDISC },
	{ "wildrecv", XFRM_STATE_WILDRECV },
	{ "icmp", XFRM_STATE_ICMP },
	{ "af-unspec", XFRM_STATE_AF_UNSPEC },
	{ "align4", XFRM_STATE_ALIGN4 },
	{ "esn", XFRM_STATE_ESN },
	{ }
};

/* Without the bit that marks an INVALID SA: only the kernel sets it. */
const struct name extra_flag_names[] = {
	{ "dont-encap-dscp", XFRM_SA_XFLAG_DONT_ENCAP_DSCP },
	{ "oseq-may-wrap", XFRM_SA_XFLAG_OSEQ_MAY_WRAP },
	{ }
};

const struct name policy_dir_names[] = {
	{ "in", XFRM_POLICY_IN },
	{ "out", XFRM_POLICY_OUT },
	{ "fwd", XFRM_POLICY_FWD },
	{ }
};

const struct name sa_dir_names[] = {
	{ "in", XFRM_SA_DIR_IN },
	{ "out", XFRM_SA_DIR_OUT },
	{ }
};

const struct name action_names[] = {
	{ "allow", XFRM_POLICY_ALLOW },
	{ "block", XFRM_POLICY_BLOCK },
	{ }
};

const struct name policy_flag_names[] = {
	{ "localok", XFRM_POLICY_LOCALOK },
	{ "icmp", XFRM_POLICY_ICMP },
	{ "cpu-acquire", XFRM_POLICY_CPU_ACQUIRE },
	{ }
};

const struct name ptype_names[] = {
	{ "main", XFRM_POLICY_TYPE_MAIN },
	{ "sub", XFRM_POLICY_TYPE_SUB },
	{ }
};

const struct name level_names[] = {
	{ "required", 0 },
	{ "use", 1 },
	{ }
};

const struct name share_names[] = {
	{ "any", XFRM_SHARE_ANY },
	{ "session", XFRM_SHARE_SESSION },
	{ "user", XFRM_SHARE_USER },
	{ "unique", XFRM_SHARE_UNIQUE },
	{ }
};

/* The values are UDP_ENCAP_* and TCP_ENCAP_* of the socket option. */
const struct name encap_names[] = {
	{ "espinudp-nonike", 1 },
	{ "espinudp", 2 },
	{ "espintcp", 7 },
	{ }
};

const struct name *name_by_word(const struct name *names, const char *word)
{
	for (; names->word; names++)
		if (!strcmp(names->word, word))
			return names;
	return NULL;
}

const char *name_of(const struct name *names, u32 value)
{
	for (; names->word; names++)
		if (names->value == value)
			return names->word;
	return NULL;
}

/* The number is in a static buffer, good until the fourth call after it. */
const char *name_or_number(const struct name *names, u32 value)
{
	static char number[4][12];
	static unsigned int turn;
	const char *word = name_of(names, value);

	if (word)
		return word;
	turn = (turn + 1) % 4;
	snprintf(number[turn], sizeof(number[turn]), "%u", value);
	return number[turn];
}

const char *name_list(const struct name *names, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (; names->word && used < size; names++)
		used += snprintf(buf + used, size - used, "%s%s",
				 used ? ", " : "", names->word);
	return buf;
}

/* Remembers the last answer: a dump of the SAD asks for few devices, often. */
const char *device_name(int ifindex)
{
	static char name[IF_NAMESIZE + 8];
	static int known;

	if (ifindex == known && known)
		return name;
	known = ifindex;
	if (!if_indextoname(ifindex, name))
		snprintf(name, sizeof(name), "if%d", ifindex);
	return name;
}
