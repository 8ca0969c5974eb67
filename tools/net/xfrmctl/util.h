/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's words for what every file needs. */
#ifndef XFRMCTL_UTIL_H
#define XFRMCTL_UTIL_H

#include <linux/types.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#endif
