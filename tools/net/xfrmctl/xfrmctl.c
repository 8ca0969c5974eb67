// SPDX-License-Identifier: GPL-2.0
/* xfrmctl - IPsec SAs and policies, and the devices that they are offloaded to. */
#include <stdio.h>
#include <string.h>

#include "xfrmctl.h"

struct options options;

static const struct noun *const nouns[] = {
	&state_noun, &policy_noun, &monitor_noun, &probe_noun, NULL
};

static const struct {
	const char *word;
	bool *on;
} flags[] = {
	{ "-j", &options.json },
	{ "-json", &options.json },
	{ "-s", &options.stats },
	{ "-stats", &options.stats },
	{ "-t", &options.timestamp },
	{ "-ts", &options.timestamp },
};

static void usages(const struct noun *noun, bool first)
{
	for (const struct command *c = noun->commands; c->verb; c++) {
		usage_line(noun, c, first, stdout);
		first = false;
	}
}

static int explain_all(void)
{
	puts("Usage: xfrmctl [ OPTIONS ] NOUN { COMMAND | help }\n"
	     "OPTIONS := -j (JSON) | -s (lifetimes and statistics) | -t (when each event came)\n");
	for (size_t i = 0; nouns[i]; i++)
		usages(nouns[i], i == 0);
	puts("\n\"xfrmctl NOUN help\" explains the words; so does xfrmctl(8).");
	return EXIT_OK;
}

static int explain_noun(const struct noun *noun)
{
	usages(noun, true);
	fputs(noun->grammar, stdout);
	return EXIT_OK;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "help") || !strcmp(word, "-h") ||
	       !strcmp(word, "-help") || !strcmp(word, "--help");
}

static bool option(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (!strcmp(flags[i].word, word)) {
			*flags[i].on = true;
			return true;
		}
	return false;
}

static void parse_options(struct args *a)
{
	const char *word;

	while ((word = args_peek(a)) && *word == '-' && !is_help(word)) {
		if (!option(word))
			usage_error(a, "\"%s\" is not an option", word);
		args_accept(a, word);
	}
}

static const struct noun *find_noun(const struct args *a, const char *word)
{
	for (size_t i = 0; nouns[i]; i++)
		if (!strcmp(nouns[i]->name, word))
			return nouns[i];
	usage_error(a, "\"%s\" is none of state, policy, monitor, probe", word);
}

static const struct command *find_command(struct args *a)
{
	const struct command *c = a->noun->commands;
	const char *word;

	if (!*c->verb)
		return c;
	word = args_peek(a);
	if (!word)
		usage_error(a, "\"%s\" needs a command", a->noun->name);
	for (; c->verb; c++)
		if (args_accept(a, c->verb))
			return c;
	usage_error(a, "\"%s\" is not a command of \"%s\"", word, a->noun->name);
}

static int run(struct args *a)
{
	parse_options(a);
	if (!args_peek(a))
		usage_error(a, "a noun is missing");
	if (is_help(args_peek(a)))
		return explain_all();
	a->noun = find_noun(a, args_value(a, "xfrmctl"));
	if (args_peek(a) && is_help(args_peek(a)))
		return explain_noun(a->noun);
	a->cmd = find_command(a);
	if (args_peek(a) && is_help(args_peek(a))) {
		usage_line(a->noun, a->cmd, true, stdout);
		return EXIT_OK;
	}
	return a->cmd->run(a);
}

int main(int argc, char **argv)
{
	struct args a = { .word = argv + 1, .left = argc > 0 ? argc - 1 : 0 };
	int status = run(&a);

	if (fflush(stdout) || ferror(stdout))
		die("the output could not be written");
	return status;
}
