/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line: words from left to right, each keyword looked up in the
 * vocabularies that a command understands. Whatever is wrong with a word ends
 * the program here, before anything is sent to the kernel.
 */
#ifndef XFRMCTL_ARGS_H
#define XFRMCTL_ARGS_H

#include "util.h"

enum {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,	/* the kernel, or this machine, said no */
	EXIT_USAGE = 2,		/* the command line is wrong */
};

struct args;
struct name;

/**
 * struct command - one verb of a noun
 * @verb: its word
 * @usage: what may follow the verb, on one line
 * @run: parses the rest and does it; returns the exit status
 */
struct command {
	const char *verb;
	const char *usage;
	int (*run)(struct args *a);
};

/**
 * struct noun - what the first word of a command line selects
 * @name: its word
 * @commands: ends with an entry without verb; a noun whose only command has
 *	the empty verb takes none
 * @grammar: the words that @commands refer to, for help
 */
struct noun {
	const char *name;
	const struct command *commands;
	const char *grammar;
};

struct args {
	char **word;
	int left;
	const struct noun *noun;
	const struct command *cmd;
};

/**
 * struct keyword - a word and how its value is read
 * @word: the keyword
 * @parse: reads the values that follow into the vocabulary's object
 * @offset: where in the object the value goes
 * @max: the highest number
 * @names: the words that the value may have
 * @repeats: may stand more than once
 * @synonym: means the same as the keyword before it
 */
struct keyword {
	const char *word;
	void (*parse)(struct args *a, const struct keyword *kw, void *obj);
	size_t offset;
	u64 max;
	const struct name *names;
	bool repeats;
	bool synonym;
};

/**
 * struct vocabulary - keywords and the object that they fill
 * @words: at most 64, ends with an entry without word; NULL ends an array of
 *	vocabularies
 * @obj: passed to each parse function
 * @seen: bit n set: @words[n], or a synonym of it, was read
 */
struct vocabulary {
	const struct keyword *words;
	void *obj;
	u64 seen;
};

/* What it means that a keyword comes again which does not repeat. */
enum again {
	AGAIN_IS_WRONG,
	AGAIN_ENDS,	/* it belongs to the vocabulary around this one */
};

void usage_line(const struct noun *noun, const struct command *cmd, bool first,
		void *stream);

__printf(2, 3) noreturn void
usage_error(const struct args *a, const char *fmt, ...);
__printf(1, 2) noreturn void
die(const char *fmt, ...);

const char *args_peek(const struct args *a);
const char *args_value(struct args *a, const char *keyword);
bool args_accept(struct args *a, const char *word);
void args_end(const struct args *a);

void args_parse(struct args *a, struct vocabulary *voc);
void args_parse_nested(struct args *a, const char *opener,
		       struct vocabulary *voc, enum again again);

u64 to_number(struct args *a, const char *keyword, const char *word,
	      u64 max);
u64 number_value(struct args *a, const char *keyword, u64 max);
u32 name_value(struct args *a, const char *keyword,
	       const struct name *names);

/* Parse functions for keyword tables, each for a field of that width. */
void arg_u32(struct args *a, const struct keyword *kw, void *obj);
void arg_opt_u32(struct args *a, const struct keyword *kw, void *obj);
void arg_name8(struct args *a, const struct keyword *kw, void *obj);
void arg_flags(struct args *a, const struct keyword *kw, void *obj);
void arg_true(struct args *a, const struct keyword *kw, void *obj);
void arg_ifindex(struct args *a, const struct keyword *kw, void *obj);

/**
 * struct opt_u32 - a number that may have been left out
 * @v: the number
 * @set: it was given
 */
struct opt_u32 {
	u32 v;
	bool set;
};

/* Words for numbers: the words of "ip xfrm". */
struct name {
	const char *word;
	u32 value;
};

extern const struct name sa_proto_names[];
extern const struct name upper_proto_names[];
extern const struct name mode_names[];
extern const struct name state_flag_names[];
extern const struct name extra_flag_names[];
extern const struct name policy_dir_names[];
extern const struct name sa_dir_names[];
extern const struct name action_names[];
extern const struct name policy_flag_names[];
extern const struct name ptype_names[];
extern const struct name level_names[];
extern const struct name share_names[];
extern const struct name encap_names[];

const struct name *name_by_word(const struct name *names, const char *word);
const char *name_of(const struct name *names, u32 value);
const char *name_or_number(const struct name *names, u32 value);
const char *device_name(int ifindex);

#endif
