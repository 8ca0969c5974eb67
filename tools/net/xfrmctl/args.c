// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "names.h"

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
	u64 bit;

	if (!kw)
		return false;
	bit = 1ULL << (kw - voc->words);
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

void arg_u8(struct args *a, const struct keyword *kw, void *obj)
{
	*(u8 *)field(kw, obj) = number_value(a, kw->word, kw->max);
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
