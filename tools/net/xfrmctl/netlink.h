/* SPDX-License-Identifier: GPL-2.0 */
/* A conversation with the kernel: one request at a time, or a subscription. */
#ifndef XFRMCTL_NETLINK_H
#define XFRMCTL_NETLINK_H

#include <libmnl/libmnl.h>

#include "util.h"

#define REQUEST_MAX	16384

/**
 * struct request - a message being built
 * @nlh: the message, in @buf
 * @buf: room for the message
 */
struct request {
	struct nlmsghdr *nlh;
	u64 buf[REQUEST_MAX / sizeof(u64)];
};

/**
 * struct answer - what the kernel said to a request
 * @err: 0, or a positive errno
 * @text: the sentence of its extended ACK, or empty
 */
struct answer {
	int err;
	char text[256];
};

typedef void (*message_fn)(const struct nlmsghdr *nlh, void *data);

void *request_start(struct request *req, u16 type, u16 flags,
		    size_t header);
void request_put(struct request *req, u16 type, const void *data,
		 size_t len);
void request_put_u8(struct request *req, u16 type, u8 v);
void request_put_u32(struct request *req, u16 type, u32 v);

struct mnl_socket *netlink_open(int family, unsigned int groups);
void netlink_ask_family(int family, struct request *req, struct answer *ans,
			message_fn fn, void *data);
void netlink_ask(struct request *req, struct answer *ans, message_fn fn,
		 void *data);
int netlink_do(struct request *req, const char *what, message_fn fn,
	       void *data);

/**
 * struct attrs - the attributes of a message, by type
 * @at: NULL for those that are not there
 */
struct attrs {
	const struct nlattr *at[ATTR_MAX + 1];
};

void attrs_read(struct attrs *t, const struct nlmsghdr *nlh, size_t header);
const void *attr_data(const struct attrs *t, u16 type, size_t min);
size_t attr_size(const struct attrs *t, u16 type);
const u32 *attr_u32(const struct attrs *t, u16 type);

#endif
