// SPDX-License-Identifier: GPL-2.0
/* The command line, and the words of "ip xfrm" for numbers. */
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "util.h"

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

static const char *name_list(const struct name *names, char *buf, size_t size)
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

void usage_line(const struct noun *noun, const struct command *cmd, bool first,
		void *stream)
{
	fprintf(stream, "%s xfrmctl %s%s%s%s%s\n", first ? "Usage:" : "      ",
		noun->name, *cmd->verb ? " " : "", cmd->verb,
		*cmd->usage ? " " : "", cmd->usage);
}

void usage_error(const struct args *a, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("xfrmctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (a->cmd)
		usage_line(a->noun, a->cmd, true, stderr);
	else
		fprintf(stderr, "Usage: xfrmctl %s { COMMAND | help }\n",
			a->noun ? a->noun->name :
				  "[ OPTIONS ] { state | policy | monitor | probe }");
	exit(EXIT_USAGE);
}

void die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("xfrmctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_REFUSED);
}

const char *args_peek(const struct args *a)
{
	return a->left ? a->word[0] : NULL;
}

static const char *args_take(struct args *a)
{
	a->left--;
	return *a->word++;
}

/* The next word, which @keyword cannot do without. */
const char *args_value(struct args *a, const char *keyword)
{
	if (!a->left)
		usage_error(a, "\"%s\" needs a value after it", keyword);
	return args_take(a);
}

bool args_accept(struct args *a, const char *word)
{
	if (!a->left || strcmp(a->word[0], word))
		return false;
	args_take(a);
	return true;
}

void args_end(const struct args *a)
{
	if (a->left)
		usage_error(a, "\"%s\" is one word too many", a->word[0]);
}

static const struct keyword *find(struct vocabulary *voc, const char *word,
				  struct vocabulary **in)
{
	for (; voc->words; voc++)
		for (const struct keyword *kw = voc->words; kw->word; kw++)
			if (!strcmp(kw->word, word)) {
				*in = voc;
				return kw;
			}
	return NULL;
}

static bool parse_one(struct args *a, struct vocabulary *all,
		      enum again again)
{
	struct vocabulary *voc;
	const struct keyword *kw = find(all, a->word[0], &voc);
	const struct keyword *first = kw;
	u64 bit;

	if (!kw)
		return false;
	while (first->synonym)
		first--;
	bit = 1ULL << (first - voc->words);
	if (voc->seen & bit && !kw->repeats && again == AGAIN_ENDS)
		return false;
	if (voc->seen & bit && !kw->repeats)
		usage_error(a, "\"%s\" is given twice", kw->word);
	voc->seen |= bit;
	args_take(a);
	kw->parse(a, kw, voc->obj);
	return true;
}

/* Reads all that is left. */
void args_parse(struct args *a, struct vocabulary *voc)
{
	while (a->left)
		if (!parse_one(a, voc, AGAIN_IS_WRONG))
			usage_error(a, "\"%s\" is not a word that belongs here",
				    a->word[0]);
}

/* Reads up to the first word that is not in @voc: what @opener introduces. */
void args_parse_nested(struct args *a, const char *opener,
		       struct vocabulary *voc, enum again again)
{
	bool any = false;

	while (a->left && parse_one(a, voc, again))
		any = true;
	if (any)
		return;
	if (a->left)
		usage_error(a, "\"%s\" does not belong after \"%s\"",
			    a->word[0], opener);
	usage_error(a, "\"%s\" needs more words after it", opener);
}

u64 to_number(struct args *a, const char *keyword, const char *word,
	      u64 max)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(word, &end, 0);
	if (!isdigit((unsigned char)word[0]) || *end)
		usage_error(a, "\"%s\" after \"%s\" is not a number", word,
			    keyword);
	if (errno || v > max)
		usage_error(a, "\"%s\" after \"%s\" is too big: the most is %llu",
			    word, keyword, (unsigned long long)max);
	return v;
}

u64 number_value(struct args *a, const char *keyword, u64 max)
{
	return to_number(a, keyword, args_value(a, keyword), max);
}

u32 name_value(struct args *a, const char *keyword,
	       const struct name *names)
{
	const char *word = args_value(a, keyword);
	const struct name *n = name_by_word(names, word);
	char list[256];

	if (!n)
		usage_error(a, "\"%s\" after \"%s\" is none of %s", word,
			    keyword, name_list(names, list, sizeof(list)));
	return n->value;
}

static void *field(const struct keyword *kw, void *obj)
{
	return (char *)obj + kw->offset;
}

void arg_u32(struct args *a, const struct keyword *kw, void *obj)
{
	*(u32 *)field(kw, obj) = number_value(a, kw->word, kw->max);
}

void arg_opt_u32(struct args *a, const struct keyword *kw, void *obj)
{
	struct opt_u32 *opt = field(kw, obj);

	opt->v = number_value(a, kw->word, kw->max);
	opt->set = true;
}

void arg_name8(struct args *a, const struct keyword *kw, void *obj)
{
	*(u8 *)field(kw, obj) = name_value(a, kw->word, kw->names);
}

/* One flag or more: as many of the following words as are flags. */
void arg_flags(struct args *a, const struct keyword *kw, void *obj)
{
	u32 *flags = field(kw, obj);
	const struct name *n;

	*flags |= name_value(a, kw->word, kw->names);
	while (a->left && (n = name_by_word(kw->names, a->word[0]))) {
		*flags |= n->value;
		args_take(a);
	}
}

void arg_true(struct args *a, const struct keyword *kw, void *obj)
{
	(void)a;
	*(bool *)field(kw, obj) = true;
}

void arg_ifindex(struct args *a, const struct keyword *kw, void *obj)
{
	const char *word = args_value(a, kw->word);
	unsigned int ifindex;

	if (!*word || strlen(word) >= IF_NAMESIZE)
		usage_error(a, "\"%s\" cannot be the name of a device", word);
	ifindex = if_nametoindex(word);
	if (!ifindex)
		die("there is no device \"%s\"", word);
	*(int *)field(kw, obj) = ifindex;
}
