/* SPDX-License-Identifier: GPL-2.0 */
/* Writes JSON to standard output. A NULL key is for elements of an array. */
#ifndef XFRMCTL_JSON_H
#define XFRMCTL_JSON_H

#include "util.h"

struct name;

void json_open(const char *key, char bracket);
void json_close(char bracket);
void json_line(void);
void json_string(const char *key, const char *value);
void json_number(const char *key, u64 value);
void json_hex(const char *key, u64 value);
void json_bool(const char *key, bool value);
void json_time(const char *key, u64 sec, u32 nsec);
void json_flags(const char *key, const struct name *names, u32 flags);

#endif
