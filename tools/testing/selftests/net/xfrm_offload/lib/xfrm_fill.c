// SPDX-License-Identifier: GPL-2.0
/*
 * Many SAs and policies, fast, and a count of what became of them, for tests
 * that ask what numbers do. Entry i has an address and an SPI of its own, so
 * that all of them spread over the hash tables; the odd ones are inbound.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <linux/xfrm_invalid.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define ALIGN4(n)	(((n) + 3U) & ~3U)

#define HOST		0x0a010001	/* 10.1.0.1 */
#define FIRST_PEER	0x64400000	/* 100.64.0.0 */
#define FIRST_SPI	0x100000
#define REQID		1
#define KEY_BYTES	20
#define ICV_BITS	128

/* So many requests go to the kernel at once; it answers the last one. */
#define BATCH		32

static const char usage[] =
	"usage: xfrm_fill sas N FIRST [crypto|packet DEV]\n"
	"       xfrm_fill policies N FIRST [packet DEV]\n"
	"       xfrm_fill census\n";

struct batch {
	char bytes[BATCH * 1024];
	unsigned int used;
	unsigned int count;
	struct nlmsghdr *last;
};

static int nl;
static struct xfrm_user_offload offload;
static bool offloaded;

static void die(const char *what)
{
	fprintf(stderr, "xfrm_fill: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void die_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

/* --- requests -------------------------------------------------------------------- */

static void *room(struct batch *b, unsigned int size)
{
	void *at = &b->bytes[b->used];

	memset(at, 0, ALIGN4(size));
	b->used += ALIGN4(size);
	return at;
}

static void *begin(struct batch *b, unsigned int type, unsigned int flags,
		   unsigned int size)
{
	b->last = room(b, sizeof(*b->last));
	b->last->nlmsg_type = type;
	b->last->nlmsg_flags = NLM_F_REQUEST | flags;
	b->count++;
	return room(b, size);
}

static void *attr(struct batch *b, unsigned int type, unsigned int size)
{
	struct nlattr *a = room(b, sizeof(*a) + size);

	a->nla_type = type;
	a->nla_len = sizeof(*a) + size;
	return a + 1;
}

static void end(struct batch *b)
{
	b->last->nlmsg_len = &b->bytes[b->used] - (char *)b->last;
}

/* Until the kernel answers: 0, or the error of a request. */
static void wait_for_answer(void)
{
	char bytes[8192];
	const struct nlmsghdr *nlh = (void *)bytes;
	const struct nlmsgerr *err;
	ssize_t n = recv(nl, bytes, sizeof(bytes), 0);

	if (n < (ssize_t)(sizeof(*nlh) + sizeof(*err)) ||
	    nlh->nlmsg_type != NLMSG_ERROR)
		die("no answer");
	err = (const void *)(nlh + 1);
	errno = -err->error;
	if (errno)
		die("refused");
}

static void send_batch(struct batch *b)
{
	if (!b->count)
		return;
	b->last->nlmsg_flags |= NLM_F_ACK;
	if (send(nl, b->bytes, b->used, 0) < 0)
		die("send");
	b->used = 0;
	b->count = 0;
	wait_for_answer();
}

static bool outbound(unsigned int i)
{
	return i % 2 == 0;
}

static void set_addresses(unsigned int i, xfrm_address_t *src,
			  xfrm_address_t *dst)
{
	__be32 host = htonl(HOST), peer = htonl(FIRST_PEER + i);

	src->a4 = outbound(i) ? host : peer;
	dst->a4 = outbound(i) ? peer : host;
}

static void no_limits(struct xfrm_lifetime_cfg *lft)
{
	lft->soft_byte_limit = XFRM_INF;
	lft->hard_byte_limit = XFRM_INF;
	lft->soft_packet_limit = XFRM_INF;
	lft->hard_packet_limit = XFRM_INF;
}

static void put_key(struct batch *b, unsigned int i)
{
	static const char name[] = "rfc4106(gcm(aes))";
	struct xfrm_algo_aead *aead;

	aead = attr(b, XFRMA_ALG_AEAD, sizeof(*aead) + KEY_BYTES);
	memcpy(aead->alg_name, name, sizeof(name));
	aead->alg_key_len = KEY_BYTES * 8;
	aead->alg_icv_len = ICV_BITS;
	memset(aead->alg_key, 0xa5, KEY_BYTES);
	memcpy(aead->alg_key, &i, sizeof(i));
}

static void put_offload(struct batch *b, unsigned int i, bool with_dir)
{
	struct xfrm_user_offload *xuo;

	if (!offloaded)
		return;
	xuo = attr(b, XFRMA_OFFLOAD_DEV, sizeof(*xuo));
	*xuo = offload;
	if (with_dir && !outbound(i))
		xuo->flags |= XFRM_OFFLOAD_INBOUND;
}

static void put_sa(struct batch *b, unsigned int i)
{
	struct xfrm_usersa_info *sa;

	sa = begin(b, XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL, sizeof(*sa));
	set_addresses(i, &sa->saddr, &sa->id.daddr);
	/* The hash is address xor SPI: they must not count in step. */
	sa->id.spi = htonl(FIRST_SPI + 3 * i);
	sa->id.proto = IPPROTO_ESP;
	sa->family = AF_INET;
	sa->sel.family = AF_INET;
	sa->mode = XFRM_MODE_TRANSPORT;
	sa->reqid = REQID;
	no_limits(&sa->lft);
	put_key(b, i);
	put_offload(b, i, true);
	end(b);
}

static void put_policy(struct batch *b, unsigned int i)
{
	struct xfrm_userpolicy_info *pol;
	struct xfrm_user_tmpl *tmpl;

	pol = begin(b, XFRM_MSG_NEWPOLICY, NLM_F_CREATE | NLM_F_EXCL,
		    sizeof(*pol));
	set_addresses(i, &pol->sel.saddr, &pol->sel.daddr);
	pol->sel.prefixlen_s = 32;
	pol->sel.prefixlen_d = 32;
	pol->sel.family = AF_INET;
	pol->dir = outbound(i) ? XFRM_POLICY_OUT : XFRM_POLICY_IN;
	pol->priority = 100;
	no_limits(&pol->lft);

	tmpl = attr(b, XFRMA_TMPL, sizeof(*tmpl));
	tmpl->id.proto = IPPROTO_ESP;
	set_addresses(i, &tmpl->saddr, &tmpl->id.daddr);
	tmpl->family = AF_INET;
	tmpl->reqid = REQID;
	tmpl->mode = XFRM_MODE_TRANSPORT;
	tmpl->aalgos = ~0U;
	tmpl->ealgos = ~0U;
	tmpl->calgos = ~0U;
	put_offload(b, i, false);
	end(b);
}

static void fill(void (*put)(struct batch *, unsigned int), char **words, int n)
{
	static struct batch b;
	unsigned int i, count, first;

	if (n != 2 && n != 4)
		die_usage();
	count = strtoul(words[0], NULL, 0);
	first = strtoul(words[1], NULL, 0);
	if (n == 4) {
		offloaded = true;
		offload.ifindex = if_nametoindex(words[3]);
		if (!offload.ifindex)
			die(words[3]);
		if (!strcmp(words[2], "packet"))
			offload.flags = XFRM_OFFLOAD_PACKET;
	}
	for (i = first; i < first + count; i++) {
		put(&b, i);
		if (b.count == BATCH)
			send_batch(&b);
	}
	send_batch(&b);
}

/* --- census ---------------------------------------------------------------------- */

struct census {
	unsigned int sas;
	unsigned int sas_offloaded;
	unsigned int sas_invalid;
	unsigned int policies;
	unsigned int policies_offloaded;
};

static const void *find(const void *attrs, size_t left, unsigned int type)
{
	while (left >= sizeof(struct nlattr)) {
		const struct nlattr *a = attrs;

		if (a->nla_len < sizeof(*a) || a->nla_len > left)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a + 1;
		if (ALIGN4(a->nla_len) >= left)
			return NULL;
		left -= ALIGN4(a->nla_len);
		attrs = (const char *)attrs + ALIGN4(a->nla_len);
	}
	return NULL;
}

static const void *find_in(const struct nlmsghdr *nlh, size_t header,
			   unsigned int type)
{
	size_t skip = NLMSG_HDRLEN + ALIGN4(header);

	return find((const char *)nlh + skip, nlh->nlmsg_len - skip, type);
}

static void count_sa(struct census *c, const struct nlmsghdr *nlh)
{
	const size_t header = sizeof(struct xfrm_usersa_info);

	c->sas++;
	c->sas_offloaded += !!find_in(nlh, header, XFRMA_OFFLOAD_DEV);
	c->sas_invalid += !!find_in(nlh, header, XFRMA_INVALID);
}

static void count_policy(struct census *c, const struct nlmsghdr *nlh)
{
	const size_t header = sizeof(struct xfrm_userpolicy_info);

	c->policies++;
	c->policies_offloaded += !!find_in(nlh, header, XFRMA_OFFLOAD_DEV);
}

/* One datagram of a dump. Returns false at its end. */
static bool count_messages(struct census *c, const void *bytes, size_t left)
{
	const struct nlmsghdr *nlh = bytes;

	for (; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
		switch (nlh->nlmsg_type) {
		case XFRM_MSG_NEWSA:
			count_sa(c, nlh);
			break;
		case XFRM_MSG_NEWPOLICY:
			count_policy(c, nlh);
			break;
		case NLMSG_DONE:
			return false;
		default:
			errno = EPROTO;
			die("dump");
		}
	}
	return true;
}

static void dump(struct census *c, unsigned int type)
{
	static char bytes[1 << 16];
	struct batch b = {};
	ssize_t n;

	begin(&b, type, NLM_F_DUMP, 0);
	end(&b);
	if (send(nl, b.bytes, b.used, 0) < 0)
		die("send");
	do {
		n = recv(nl, bytes, sizeof(bytes), 0);
		if (n < 0)
			die("dump");
	} while (count_messages(c, bytes, n));
}

static void census(void)
{
	struct census c = {};

	dump(&c, XFRM_MSG_GETSA);
	dump(&c, XFRM_MSG_GETPOLICY);
	printf("sas %u\nsas_offloaded %u\nsas_invalid %u\n",
	       c.sas, c.sas_offloaded, c.sas_invalid);
	printf("policies %u\npolicies_offloaded %u\n", c.policies,
	       c.policies_offloaded);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		die_usage();
	nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM);
	if (nl < 0)
		die("no socket");
	if (!strcmp(argv[1], "sas"))
		fill(put_sa, argv + 2, argc - 2);
	else if (!strcmp(argv[1], "policies"))
		fill(put_policy, argv + 2, argc - 2);
	else if (!strcmp(argv[1], "census"))
		census();
	else
		die_usage();
	return 0;
}
