// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "args.h"
#include "json.h"

/* Whether the next value follows another one in the same object or array. */
static bool follows;

static void quoted(const char *s)
{
	putchar('"');
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			printf("\\u%04x", (unsigned char)*s);
		else
			putchar(*s);
	putchar('"');
}

static void start(const char *key)
{
	if (follows)
		putchar(',');
	follows = true;
	if (!key)
		return;
	quoted(key);
	putchar(':');
}

void json_open(const char *key, char bracket)
{
	start(key);
	putchar(bracket);
	follows = false;
}

void json_close(char bracket)
{
	putchar(bracket);
	follows = true;
}

/* Ends a line of output; the next value starts afresh. */
void json_line(void)
{
	putchar('\n');
	follows = false;
}

void json_string(const char *key, const char *value)
{
	start(key);
	quoted(value);
}

void json_number(const char *key, u64 value)
{
	start(key);
	printf("%llu", value);
}

void json_hex(const char *key, u64 value)
{
	start(key);
	printf("\"0x%llx\"", value);
}

void json_bool(const char *key, bool value)
{
	start(key);
	fputs(value ? "true" : "false", stdout);
}

void json_time(const char *key, u64 sec, u32 nsec)
{
	start(key);
	printf("%llu.%09u", sec, nsec);
}

/* Bits without a name are shown together, as a number. */
void json_flags(const char *key, const struct name *names, u32 flags)
{
	json_open(key, '[');
	for (; names->word; names++)
		if (flags & names->value) {
			json_string(NULL, names->word);
			flags &= ~names->value;
		}
	if (flags)
		json_hex(NULL, flags);
	json_close(']');
}
