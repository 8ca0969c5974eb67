// SPDX-License-Identifier: GPL-2.0
/*
 * SAs and policies by the library that ynl makes of the description of xfrm.
 *
 * usage: ynl_xfrm list
 *	  ynl_xfrm delete ADDRESS SPI	an ESP SA to an IPv4 address; waits for
 *					the event
 */

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ynl.h>
#include "xfrm-user.h"

#define TIMEOUT_MS	20000

static int complain(const struct ynl_sock *ys)
{
	printf("error: %s\n", ys->err.msg);
	return 1;
}

static int list_sas(struct ynl_sock *ys)
{
	struct xfrm_getsa_req_dump req = {};
	struct xfrm_getsa_list *sas = xfrm_getsa_dump(ys, &req);

	if (!sas)
		return complain(ys);

	ynl_dump_foreach(sas, sa) {
		printf("sa 0x%x", ntohl(sa->_hdr.id.spi));
		if (sa->_present.invalid)
			printf(" INVALID: %s%s", sa->invalid.ifname,
			       sa->invalid._present.exact ? ", exact" : "");
		putchar('\n');
	}
	xfrm_getsa_list_free(sas);

	return 0;
}

static int list_policies(struct ynl_sock *ys)
{
	struct xfrm_getpolicy_list *policies = xfrm_getpolicy_dump(ys);

	if (!policies)
		return complain(ys);

	ynl_dump_foreach(policies, policy)
		printf("policy %u, templates: %zu\n", policy->_hdr.index,
		       policy->_present.tmpl_len / sizeof(struct xfrm_user_tmpl));
	xfrm_getpolicy_list_free(policies);

	return 0;
}

static int delete_sa(struct ynl_sock *ys, const char *address, const char *spi)
{
	struct xfrm_delsa_req *req = xfrm_delsa_req_alloc();
	struct pollfd pfd = { .fd = ynl_socket_get_fd(ys), .events = POLLIN };
	struct xfrm_delsa_ntf *told;
	int err;

	if (ynl_subscribe(ys, "sa"))
		return complain(ys);

	inet_pton(AF_INET, address, &req->_hdr.daddr);
	req->_hdr.spi = htonl(strtoul(spi, NULL, 0));
	req->_hdr.family = AF_INET;
	req->_hdr.proto = IPPROTO_ESP;
	err = xfrm_delsa(ys, req);
	xfrm_delsa_req_free(req);
	if (err)
		return complain(ys);
	puts("deleted");

	if (!ynl_has_ntf(ys) && poll(&pfd, 1, TIMEOUT_MS) > 0)
		ynl_ntf_check(ys);
	told = (struct xfrm_delsa_ntf *)ynl_ntf_dequeue(ys);
	if (!told)
		return complain(ys);
	printf("told %u\n", ntohl(told->obj._hdr.spi));
	xfrm_delsa_ntf_free(told);

	return 0;
}

int main(int argc, char **argv)
{
	struct ynl_error error;
	struct ynl_sock *ys = ynl_sock_create(&ynl_xfrm_family, &error);
	int err;

	if (!ys) {
		printf("error: %s\n", error.msg);
		return 1;
	}

	if (argc == 2 && !strcmp(argv[1], "list")) {
		err = list_sas(ys) || list_policies(ys);
	} else if (argc == 4 && !strcmp(argv[1], "delete")) {
		err = delete_sa(ys, argv[2], argv[3]);
	} else {
		fprintf(stderr, "usage: ynl_xfrm list | delete ADDRESS SPI\n");
		err = 2;
	}
	ynl_sock_destroy(ys);

	return err;
}
