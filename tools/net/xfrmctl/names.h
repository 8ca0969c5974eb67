/* SPDX-License-Identifier: GPL-2.0 */
/* Words for numbers: the words of "ip xfrm". */
#ifndef XFRMCTL_NAMES_H
#define XFRMCTL_NAMES_H

#include "util.h"

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
const char *name_list(const struct name *names, char *buf, size_t size);
const char *device_name(int ifindex);

#endif
