// SPDX-License-Identifier: GPL-2.0
/*
 * Messages about SAs as they come out of the socket, byte by byte. Built with
 * nolibc, so that a 32-bit program of it needs no 32-bit libraries: the kernel
 * translates what such a program reads and writes.
 *
 * A message is a line "message TYPE header BYTES", then one for each attribute,
 * "attr TYPE nla_type NLA_TYPE length LENGTH: PAYLOAD IN HEX".
 */
#include <asm/byteorder.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <linux/xfrm_invalid.h>

#define ALIGN4(n)	(((n) + 3U) & ~3U)

/* socket.h is not a part of nolibc. */
#define FAMILY_NETLINK		16
#define SOCKET_RAW		3
#define LEVEL_NETLINK		270

static const char usage[] =
	"usage: xfrm_wire dump\n"
	"       xfrm_wire get SPI\n"
	"       xfrm_wire forge SPI\n"
	"       xfrm_wire expire COUNT\n"
	"       xfrm_wire migrate SPI\n";

static union {
	struct nlmsghdr nlh;
	char bytes[1 << 16];
} answer;

static long nl;

static void die(const char *what, long err)
{
	printf("%s: error %d\n", what, (int)-err);
	exit(1);
}

static void print_hex(const void *bytes, unsigned int n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *at = bytes;
	unsigned int i;

	for (i = 0; i < n; i++) {
		putchar(digits[at[i] >> 4]);
		putchar(digits[at[i] & 15]);
	}
}

static void print_message(const struct nlmsghdr *nlh, unsigned int header)
{
	unsigned int at = NLMSG_HDRLEN + ALIGN4(header);
	const struct nlattr *a;

	printf("message %d header %d\n", nlh->nlmsg_type, (int)header);
	while (at < nlh->nlmsg_len) {
		a = (const void *)((const char *)nlh + at);
		if (at + sizeof(*a) > nlh->nlmsg_len ||
		    a->nla_len < sizeof(*a) ||
		    at + a->nla_len > nlh->nlmsg_len) {
			printf("broken at %d of %d\n", (int)at,
			       (int)nlh->nlmsg_len);
			exit(1);
		}
		printf("attr %d nla_type 0x%x length %d: ",
		       a->nla_type & NLA_TYPE_MASK, a->nla_type, a->nla_len);
		print_hex(a + 1, a->nla_len - sizeof(*a));
		putchar('\n');
		at += ALIGN4(a->nla_len);
	}
}

/* --- socket --------------------------------------------------------------------- */

/* A socket without an address is told nothing. */
static void open_socket(void)
{
	const struct sockaddr_nl any = { .nl_family = FAMILY_NETLINK };
	long err;

	nl = my_syscall3(__NR_socket, FAMILY_NETLINK, SOCKET_RAW, NETLINK_XFRM);
	if (nl < 0)
		die("socket", nl);
	err = my_syscall3(__NR_bind, nl, &any, sizeof(any));
	if (err < 0)
		die("bind", err);
}

static void send_request(const void *bytes, unsigned int n)
{
	long err = my_syscall6(__NR_sendto, nl, bytes, n, 0, 0, 0);

	if (err < 0)
		die("send", err);
}

static unsigned int receive(void)
{
	long n = my_syscall6(__NR_recvfrom, nl, &answer, sizeof(answer), 0, 0, 0);

	if (n < 0)
		die("receive", n);
	return n;
}

static void set_option(int option, int value)
{
	long err = my_syscall5(__NR_setsockopt, nl, LEVEL_NETLINK, option,
			       &value, sizeof(value));

	if (err < 0)
		die("setsockopt", err);
}

/* A refusal: the error, and the sentence for it. */
static void print_error(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = (const void *)(nlh + 1);
	const struct nlattr *a;
	unsigned int at = NLMSG_HDRLEN + sizeof(*e);

	printf("error %d", -e->error);
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		at += e->msg.nlmsg_len - sizeof(e->msg);
	while ((nlh->nlmsg_flags & NLM_F_ACK_TLVS) &&
	       at + sizeof(*a) <= nlh->nlmsg_len) {
		a = (const void *)((const char *)nlh + at);
		if ((a->nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG)
			printf(" %s", (const char *)(a + 1));
		at += ALIGN4(a->nla_len);
	}
	putchar('\n');
}

/* --- what is asked ----------------------------------------------------------------- */

/* Prints every SA, or finds the one with @spi. */
static int dump(__be32 spi, struct xfrm_usersa_info *found)
{
	struct nlmsghdr request = {
		.nlmsg_len = sizeof(request),
		.nlmsg_type = XFRM_MSG_GETSA,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
	};
	const struct xfrm_usersa_info *sa;
	const struct nlmsghdr *nlh;
	unsigned int left;
	int n = 0;

	send_request(&request, sizeof(request));
	for (;;) {
		left = receive();
		nlh = &answer.nlh;
		for (; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
			if (nlh->nlmsg_type == NLMSG_DONE)
				return n;
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				print_error(nlh);
				exit(1);
			}
			sa = NLMSG_DATA(nlh);
			if (!found) {
				print_message(nlh, sizeof(*sa));
			} else if (sa->id.spi == spi) {
				*found = *sa;
				n++;
			}
		}
	}
}

static struct xfrm_usersa_id only_sa(unsigned int spi, struct xfrm_usersa_info *sa)
{
	struct xfrm_usersa_id id = {};

	if (dump(__cpu_to_be32(spi), sa) != 1) {
		printf("not one SA has SPI 0x%x\n", spi);
		exit(1);
	}
	id.daddr = sa->id.daddr;
	id.family = sa->family;
	id.proto = sa->id.proto;
	id.spi = sa->id.spi;
	return id;
}

struct get_request {
	struct nlmsghdr nlh;
	struct xfrm_usersa_id id;
	struct nlattr invalid;
};

/* @forge: with the attribute that only the kernel writes. */
static void get(unsigned int spi, int forge)
{
	const struct nlmsghdr *nlh = &answer.nlh;
	struct xfrm_usersa_info sa;
	struct get_request request = {
		.nlh.nlmsg_len = sizeof(request) -
				 (forge ? 0 : sizeof(request.invalid)),
		.nlh.nlmsg_type = XFRM_MSG_GETSA,
		.nlh.nlmsg_flags = NLM_F_REQUEST,
		.invalid.nla_len = sizeof(request.invalid),
		.invalid.nla_type = XFRMA_INVALID | NLA_F_NESTED,
	};

	request.id = only_sa(spi, &sa);
	set_option(NETLINK_EXT_ACK, 1);
	send_request(&request, request.nlh.nlmsg_len);
	receive();
	if (nlh->nlmsg_type == NLMSG_ERROR)
		print_error(nlh);
	else
		print_message(nlh, sizeof(struct xfrm_usersa_info));
}

/* To where it is, with all that it has: what is told of that, and the answer. */
static void migrate(unsigned int spi)
{
	struct {
		struct nlmsghdr nlh;
		struct xfrm_user_migrate_state um;
	} request = {
		.nlh.nlmsg_len = sizeof(request),
		.nlh.nlmsg_type = XFRM_MSG_MIGRATE_STATE,
		.nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
	};
	const struct nlmsghdr *nlh = &answer.nlh;
	struct xfrm_usersa_info sa;

	request.um.id = only_sa(spi, &sa);
	request.um.new_daddr = sa.id.daddr;
	request.um.new_saddr = sa.saddr;
	request.um.new_sel = sa.sel;
	request.um.new_reqid = sa.reqid;
	request.um.new_family = sa.family;
	set_option(NETLINK_EXT_ACK, 1);
	set_option(NETLINK_ADD_MEMBERSHIP, XFRMNLGRP_MIGRATE);
	send_request(&request, sizeof(request));
	for (;;) {
		receive();
		if (nlh->nlmsg_type == NLMSG_ERROR)
			break;
		print_message(nlh, sizeof(request.um));
	}
	print_error(nlh);
}

static void expire(unsigned int count)
{
	const struct nlmsghdr *nlh = &answer.nlh;

	set_option(NETLINK_ADD_MEMBERSHIP, XFRMNLGRP_EXPIRE);
	printf("listening\n");
	while (count) {
		receive();
		if (nlh->nlmsg_type != XFRM_MSG_EXPIRE)
			continue;
		print_message(nlh, sizeof(struct xfrm_user_expire));
		count--;
	}
}

int main(int argc, char **argv)
{
	open_socket();
	if (argc == 2 && !strcmp(argv[1], "dump"))
		dump(0, NULL);
	else if (argc == 3 && !strcmp(argv[1], "get"))
		get(strtoul(argv[2], NULL, 0), 0);
	else if (argc == 3 && !strcmp(argv[1], "forge"))
		get(strtoul(argv[2], NULL, 0), 1);
	else if (argc == 3 && !strcmp(argv[1], "migrate"))
		migrate(strtoul(argv[2], NULL, 0));
	else if (argc == 3 && !strcmp(argv[1], "expire"))
		expire(atoi(argv[2]));
	else
		printf("%s", usage);
	return 0;
}
