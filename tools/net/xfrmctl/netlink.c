// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "netlink.h"

/* Large enough for what the kernel puts into one piece of a dump. */
#define RECEIVE_MAX	65536

void *request_start(struct request *req, u16 type, u16 flags,
		    size_t header)
{
	memset(req->buf, 0, sizeof(req->buf));
	req->nlh = mnl_nlmsg_put_header(req->buf);
	req->nlh->nlmsg_type = type;
	req->nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	req->nlh->nlmsg_seq = 1;
	return header ? mnl_nlmsg_put_extra_header(req->nlh, header) : NULL;
}

void request_put(struct request *req, u16 type, const void *data,
		 size_t len)
{
	if (!mnl_attr_put_check(req->nlh, sizeof(req->buf), type, len, data))
		die("the request is too long");
}

void request_put_u8(struct request *req, u16 type, u8 v)
{
	request_put(req, type, &v, sizeof(v));
}

void request_put_u32(struct request *req, u16 type, u32 v)
{
	request_put(req, type, &v, sizeof(v));
}

static void turn_on(struct mnl_socket *nl, int option)
{
	int on = 1;

	/* An older kernel lacks these: its errors just say less. */
	mnl_socket_setsockopt(nl, option, &on, sizeof(on));
}

struct mnl_socket *netlink_open(int family, unsigned int groups)
{
	struct mnl_socket *nl = mnl_socket_open2(family, SOCK_CLOEXEC);

	if (!nl)
		die("this kernel has no netlink for IPsec (CONFIG_XFRM_USER): %s",
		    strerror(errno));
	turn_on(nl, NETLINK_EXT_ACK);
	turn_on(nl, NETLINK_CAP_ACK);
	if (mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) < 0)
		die("cannot listen to the kernel: %s", strerror(errno));
	return nl;
}

static int extack_text(const struct nlattr *attr, void *data)
{
	struct answer *ans = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
		snprintf(ans->text, sizeof(ans->text), "%.*s",
			 (int)mnl_attr_get_payload_len(attr),
			 (const char *)mnl_attr_get_payload(attr));
	return MNL_CB_OK;
}

static void read_ack(const struct nlmsghdr *nlh, struct answer *ans)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*ack);

	if (mnl_nlmsg_get_payload_len(nlh) < skip) {
		ans->err = EBADMSG;
		return;
	}
	ans->err = -ack->error;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += ack->msg.nlmsg_len - sizeof(ack->msg);
	if (mnl_nlmsg_get_payload_len(nlh) > skip)
		mnl_attr_parse(nlh, skip, extack_text, ans);
}

static void read_done(const struct nlmsghdr *nlh, struct answer *ans)
{
	const int *err = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err))
		return;
	ans->err = -*err;
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_parse(nlh, sizeof(*err), extack_text, ans);
}

/* Returns false at the message that ends the answer. */
static bool read_message(const struct nlmsghdr *nlh, struct answer *ans,
			 message_fn fn, void *data)
{
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		read_ack(nlh, ans);
		return false;
	}
	if (nlh->nlmsg_type == NLMSG_DONE) {
		read_done(nlh, ans);
		return false;
	}
	if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && fn)
		fn(nlh, data);
	return true;
}

static bool read_datagram(const void *buf, int len, struct answer *ans,
			  message_fn fn, void *data)
{
	const struct nlmsghdr *nlh = buf;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
		if (!read_message(nlh, ans, fn, data))
			return false;
	return true;
}

/* Sends @req and hands every message of the answer to @fn. */
void netlink_ask_family(int family, struct request *req, struct answer *ans,
			message_fn fn, void *data)
{
	static alignas(8) char buf[RECEIVE_MAX];
	struct mnl_socket *nl = netlink_open(family, 0);
	ssize_t len;

	memset(ans, 0, sizeof(*ans));
	if (mnl_socket_sendto(nl, req->nlh, req->nlh->nlmsg_len) < 0)
		die("cannot send to the kernel: %s", strerror(errno));
	do {
		len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (len < 0)
			die("cannot read the kernel's answer: %s",
			    strerror(errno));
	} while (read_datagram(buf, len, ans, fn, data));
	mnl_socket_close(nl);
}

void netlink_ask(struct request *req, struct answer *ans, message_fn fn,
		 void *data)
{
	netlink_ask_family(NETLINK_XFRM, req, ans, fn, data);
}

/* The same, and the kernel's refusal is shown. Returns the exit status. */
int netlink_do(struct request *req, const char *what, message_fn fn,
	       void *data)
{
	struct answer ans;

	netlink_ask(req, &ans, fn, data);
	if (!ans.err)
		return EXIT_OK;
	fflush(stdout);
	if (ans.text[0])
		fprintf(stderr, "xfrmctl: the kernel refused \"%s\": %s (%s)\n",
			what, ans.text, strerror(ans.err));
	else
		fprintf(stderr, "xfrmctl: the kernel refused \"%s\": %s\n",
			what, strerror(ans.err));
	return EXIT_REFUSED;
}

static int keep_attr(const struct nlattr *attr, void *data)
{
	struct attrs *t = data;
	u16 type = mnl_attr_get_type(attr);

	if (type <= ATTR_MAX)
		t->at[type] = attr;
	return MNL_CB_OK;
}

void attrs_read(struct attrs *t, const struct nlmsghdr *nlh, size_t header)
{
	memset(t, 0, sizeof(*t));
	if (mnl_nlmsg_get_payload_len(nlh) > header)
		mnl_attr_parse(nlh, header, keep_attr, t);
}

/* NULL if the attribute is not there or has less than @min bytes. */
const void *attr_data(const struct attrs *t, u16 type, size_t min)
{
	const struct nlattr *attr = t->at[type];

	if (!attr || mnl_attr_get_payload_len(attr) < min)
		return NULL;
	return mnl_attr_get_payload(attr);
}

size_t attr_size(const struct attrs *t, u16 type)
{
	return t->at[type] ? mnl_attr_get_payload_len(t->at[type]) : 0;
}

const u32 *attr_u32(const struct attrs *t, u16 type)
{
	return attr_data(t, type, sizeof(u32));
}
