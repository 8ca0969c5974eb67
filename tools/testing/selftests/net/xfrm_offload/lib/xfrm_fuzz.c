// SPDX-License-Identifier: GPL-2.0
/*
 * A fuzzer for XFRM_MSG_MIGRATE_STATE and for the attributes that belong to an
 * INVALID SA. It installs a few SAs, sends requests about them that are right,
 * and changes bits, lengths, the order and the number of the attributes of most.
 *
 * What it expects of the kernel: one answer to each request, which names an
 * errno that the documentation knows; and that the SAD can be listed all the
 * time. The rest is for KASAN, lockdep, and the books of the NIC.
 *
 * One seed gives one sequence of requests.
 */
#define _GNU_SOURCE /* strerrorname_np() */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/udp.h>
#include <linux/xfrm.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BUFFER		32768
#define N_SAS		8
#define FIRST_SPI	0x9000
#define KEY_LEN		20
#define MAX_ERRNO	4096

static struct {
	const char *dev;
	uint32_t seed;
	unsigned int requests;
	bool allocations;
} options = { .dev = "nic0", .seed = 1, .requests = 10000 };

static struct mnl_socket *nl;
static uint32_t dice;
static uint32_t sequence;
static char buf[BUFFER], answer[BUFFER], reply[BUFFER];
static unsigned int answers[MAX_ERRNO];

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("xfrm_fuzz: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static uint32_t roll(uint32_t sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 17;
	dice ^= dice << 5;
	return dice % sides;
}

static bool chance(unsigned int percent)
{
	return roll(100) < percent;
}

/* --- requests that are right ------------------------------------------------- */

static struct nlmsghdr *message(int type, uint16_t flags)
{
	struct nlmsghdr *nlh;

	memset(buf, 0, sizeof(buf));
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++sequence;
	return nlh;
}

/* Some addresses, so that SAs move, meet and come back. */
static xfrm_address_t some_address(uint16_t family)
{
	xfrm_address_t addr = {};

	if (family == AF_INET) {
		addr.a4 = htonl(0x0a080001 + roll(4));
	} else {
		addr.a6[0] = htonl(0xfd000008);
		addr.a6[3] = htonl(1 + roll(4));
	}
	return addr;
}

static void put_bytes(struct nlmsghdr *nlh, uint16_t type, size_t len)
{
	uint8_t bytes[64];
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = roll(256);
	mnl_attr_put(nlh, type, len, bytes);
}

static void put_offload(struct nlmsghdr *nlh)
{
	struct xfrm_user_offload xuo = {
		.ifindex = if_nametoindex(options.dev),
		.flags = roll(2) ? XFRM_OFFLOAD_PACKET : 0,
	};

	if (chance(30))
		xuo.flags |= XFRM_OFFLOAD_INBOUND;
	mnl_attr_put(nlh, XFRMA_OFFLOAD_DEV, sizeof(xuo), &xuo);
}

static void put_encap(struct nlmsghdr *nlh)
{
	struct xfrm_encap_tmpl encap = {
		.encap_type = roll(4) ? UDP_ENCAP_ESPINUDP : 0,
		.encap_sport = htons(4500),
		.encap_dport = htons(4500),
	};

	mnl_attr_put(nlh, XFRMA_ENCAP, sizeof(encap), &encap);
}

/* As the kernel would send it; from userspace it is refused. */
static void put_invalid(struct nlmsghdr *nlh)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, XFRMA_INVALID);

	put_bytes(nlh, roll(6), roll(20));
	put_bytes(nlh, roll(6), roll(20));
	mnl_attr_nest_end(nlh, nest);
}

static void put_attributes(struct nlmsghdr *nlh)
{
	struct xfrm_mark mark = { .v = roll(4), .m = roll(4) };

	if (chance(20))
		mnl_attr_put(nlh, XFRMA_MARK, sizeof(mark), &mark);
	if (chance(20))
		put_encap(nlh);
	if (chance(40))
		put_offload(nlh);
	if (chance(15))
		mnl_attr_put_u32(nlh, XFRMA_SET_MARK, roll(8));
	if (chance(15))
		mnl_attr_put_u32(nlh, XFRMA_SET_MARK_MASK, roll(8));
	if (chance(15))
		mnl_attr_put_u32(nlh, XFRMA_NAT_KEEPALIVE_INTERVAL, roll(30));
	if (chance(15))
		mnl_attr_put_u32(nlh, XFRMA_MTIMER_THRESH, roll(30));
}

static struct nlmsghdr *migrate_request(void)
{
	struct nlmsghdr *nlh = message(XFRM_MSG_MIGRATE_STATE, 0);
	struct xfrm_user_migrate_state *um;
	unsigned int n = roll(N_SAS);

	um = mnl_nlmsg_put_extra_header(nlh, sizeof(*um));
	um->id.family = n % 2 ? AF_INET6 : AF_INET;
	um->id.daddr = some_address(um->id.family);
	um->id.spi = htonl(FIRST_SPI + n);
	um->id.proto = IPPROTO_ESP;
	um->new_family = chance(90) ? um->id.family : AF_INET;
	um->new_daddr = some_address(um->new_family);
	um->new_saddr = some_address(um->new_family);
	um->new_reqid = roll(4);
	if (chance(20))
		um->old_mark = (struct xfrm_mark){ .v = roll(4), .m = roll(4) };
	um->flags = chance(30) ? roll(4) : 0;
	put_attributes(nlh);
	return nlh;
}

/* A key that no other SA has had, here or in a run before: a key goes on only from
 * where it stopped.
 */
static uint64_t fresh_key(void)
{
	static uint32_t keys;

	return (uint64_t)getpid() << 32 | ++keys;
}

/* Once at each of the addresses, or there may soon be nothing to migrate. */
static struct nlmsghdr *sa_request(int type, uint64_t key)
{
	struct {
		struct xfrm_algo_aead algo;
		char key[KEY_LEN];
	} aead = { .algo = { .alg_name = "rfc4106(gcm(aes))",
			     .alg_key_len = KEY_LEN * 8, .alg_icv_len = 128 } };
	struct nlmsghdr *nlh = message(type, 0);
	struct xfrm_usersa_info *sa = mnl_nlmsg_put_extra_header(nlh, sizeof(*sa));
	unsigned int n = roll(N_SAS);

	memcpy(aead.key, &key, sizeof(key));
	sa->family = n % 2 ? AF_INET6 : AF_INET;
	sa->saddr = some_address(sa->family);
	sa->id.daddr = some_address(sa->family);
	sa->id.spi = htonl(FIRST_SPI + n);
	sa->id.proto = IPPROTO_ESP;
	sa->mode = XFRM_MODE_TUNNEL;
	sa->replay_window = 32;
	sa->lft.soft_byte_limit = XFRM_INF;
	sa->lft.hard_byte_limit = XFRM_INF;
	sa->lft.soft_packet_limit = XFRM_INF;
	sa->lft.hard_packet_limit = XFRM_INF;
	mnl_attr_put(nlh, XFRMA_ALG_AEAD, sizeof(aead), &aead);
	if (chance(50))
		put_offload(nlh);
	if (chance(10))
		mnl_attr_put_u32(nlh, XFRMA_SA_EXTRA_FLAGS, 1u << 31);
	if (chance(10))
		put_invalid(nlh);
	return nlh;
}

static struct nlmsghdr *delete_request(void)
{
	struct nlmsghdr *nlh = message(XFRM_MSG_DELSA, 0);
	struct xfrm_usersa_id *id = mnl_nlmsg_put_extra_header(nlh, sizeof(*id));
	unsigned int n = roll(N_SAS);

	id->family = n % 2 ? AF_INET6 : AF_INET;
	id->daddr = some_address(id->family);
	id->spi = htonl(FIRST_SPI + n);
	id->proto = IPPROTO_ESP;
	return nlh;
}

/* --- what is done to them ------------------------------------------------------ */

static void flip_bits(struct nlmsghdr *nlh)
{
	unsigned int n = 1 + roll(6);
	uint8_t *bytes = mnl_nlmsg_get_payload(nlh);
	size_t len = mnl_nlmsg_get_payload_len(nlh);

	while (n-- && len)
		bytes[roll(len)] ^= 1 << roll(8);
}

/* Half of a word of the header is enough to leave what the kernel knows. */
static void strange_number(struct nlmsghdr *nlh)
{
	static const uint32_t numbers[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff };
	uint32_t number = numbers[roll(ARRAY_SIZE(numbers))];
	size_t len = mnl_nlmsg_get_payload_len(nlh);
	char *bytes = mnl_nlmsg_get_payload(nlh);

	if (len > sizeof(number))
		memcpy(bytes + (roll(len - sizeof(number)) & ~3u), &number, sizeof(number));
}

/* More or less than there is: the length of the message stays true. */
static void change_length(struct nlmsghdr *nlh)
{
	uint32_t len = nlh->nlmsg_len;

	if (chance(50))
		len -= roll(len - NLMSG_HDRLEN + 1);
	else
		len += 1 + roll(64);
	nlh->nlmsg_len = len;
}

static void more_attributes(struct nlmsghdr *nlh)
{
	unsigned int n = 1 + roll(3);

	while (n--)
		switch (roll(4)) {
		case 0:
			put_attributes(nlh);
			break;
		case 1:
			put_invalid(nlh);
			break;
		default:
			put_bytes(nlh, roll(chance(90) ? XFRMA_MAX + 8 : 0x10000), roll(33));
			break;
		}
}

static void lie_about_an_attribute(struct nlmsghdr *nlh, size_t header)
{
	struct nlattr *attr;
	unsigned int skip = roll(6);

	mnl_attr_for_each(attr, nlh, header) {
		if (skip--)
			continue;
		attr->nla_len = chance(50) ? roll(24) : roll(0x10000);
		return;
	}
}

static void change(struct nlmsghdr *nlh, size_t header)
{
	unsigned int n = 1 + roll(3);

	while (n--)
		switch (roll(6)) {
		case 0:
		case 1:
			flip_bits(nlh);
			break;
		case 2:
			strange_number(nlh);
			break;
		case 3:
			more_attributes(nlh);
			break;
		case 4:
			lie_about_an_attribute(nlh, header);
			break;
		default:
			change_length(nlh);
			return;
		}
}

/* --- the kernel's part --------------------------------------------------------- */

/* The number that it answers, an errno or 0. */
static int ask(const struct nlmsghdr *nlh)
{
	const struct nlmsghdr *got = (void *)answer;
	const struct nlmsgerr *err;
	ssize_t len;

	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		die("request %u cannot be sent: %s", sequence, strerror(errno));
	do {
		len = mnl_socket_recvfrom(nl, answer, sizeof(answer));
		if (len < 0)
			die("no answer to request %u, type 0x%x: %s", sequence, nlh->nlmsg_type,
			    strerror(errno));
	} while (got->nlmsg_type != NLMSG_ERROR || got->nlmsg_seq != nlh->nlmsg_seq);

	err = mnl_nlmsg_get_payload(got);
	if (err->error > 0 || err->error <= -MAX_ERRNO)
		die("request %u: the answer %d is no errno", sequence, err->error);
	answers[-err->error]++;
	return -err->error;
}

static unsigned int sad_entries(void)
{
	struct nlmsghdr *nlh = message(XFRM_MSG_GETSA, NLM_F_DUMP);
	const struct nlmsghdr *got;
	unsigned int n = 0;
	ssize_t len;
	int left;

	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		die("no dump: %s", strerror(errno));
	for (;;) {
		len = mnl_socket_recvfrom(nl, answer, sizeof(answer));
		if (len < 0)
			die("the dump does not end: %s", strerror(errno));
		got = (void *)answer;
		left = len;
		for (; mnl_nlmsg_ok(got, left); got = mnl_nlmsg_next(got, &left)) {
			if (got->nlmsg_type == NLMSG_DONE)
				return n;
			if (got->nlmsg_type == NLMSG_ERROR)
				die("the dump is refused");
			n++;
		}
	}
}

/* What else comes is worth a look. EIO is what the simulated NIC refuses with. */
static bool documented(int error)
{
	static const int known[] = {
		0, EINVAL, ERANGE, ESRCH, EEXIST, EOPNOTSUPP, ENODEV, ENOENT, ENOSYS, ENOSPC,
		EPROTONOSUPPORT, ENOMEM, EPERM, EAFNOSUPPORT, EBUSY, EMSGSIZE, EIO,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i] == error)
			return true;
	return false;
}

static void empty_the_sad(void)
{
	struct nlmsghdr *nlh = message(XFRM_MSG_FLUSHSA, 0);
	struct xfrm_usersa_flush *f = mnl_nlmsg_put_extra_header(nlh, sizeof(*f));
	int error;

	f->proto = 0;
	error = ask(nlh);
	if (error && error != ESRCH)
		die("the SAD cannot be emptied: %s", strerror(error));
}

static void one_request(void)
{
	size_t header = sizeof(struct xfrm_usersa_info);
	struct nlmsghdr *nlh;
	int error;

	switch (roll(10)) {
	case 0:
		nlh = sa_request(XFRM_MSG_NEWSA, chance(20) ? 0 : fresh_key());
		break;
	case 1:
		nlh = sa_request(XFRM_MSG_UPDSA, chance(20) ? 0 : fresh_key());
		break;
	case 2:
		nlh = delete_request();
		header = sizeof(struct xfrm_usersa_id);
		break;
	default:
		nlh = migrate_request();
		header = sizeof(struct xfrm_user_migrate_state);
		break;
	}
	if (chance(70))
		change(nlh, header);
	error = ask(nlh);
	if (!documented(error))
		die("request %u, type 0x%x: %s", sequence, nlh->nlmsg_type, strerror(error));
}

/* --- one allocation after the other fails ---------------------------------------- */

#define NTH_SPI		0x9100
#define NTH_REQID	77

/* What is moved from where to where. */
static const struct kind {
	const char *name;
	bool from_device;
	bool to_device;
	bool encap;
} kinds[] = {
	{ .name = "in software, with an encapsulation", .encap = true },
	{ .name = "to the device", .to_device = true },
	{ .name = "from the device", .from_device = true },
	{ .name = "from device to device", .from_device = true, .to_device = true },
};

static xfrm_address_t host(unsigned int n)
{
	return (xfrm_address_t){ .a4 = htonl(0x0a080100 + n) };
}

static void put_packet_offload(struct nlmsghdr *nlh)
{
	struct xfrm_user_offload xuo = {
		.ifindex = if_nametoindex(options.dev),
		.flags = XFRM_OFFLOAD_PACKET,
	};

	mnl_attr_put(nlh, XFRMA_OFFLOAD_DEV, sizeof(xuo), &xuo);
}

static void nth_add(const struct kind *kind)
{
	struct nlmsghdr *nlh = sa_request(XFRM_MSG_NEWSA, fresh_key());
	struct xfrm_usersa_info *sa = mnl_nlmsg_get_payload(nlh);
	struct nlattr *attr;
	int error;

	/* what the dice put after the key goes */
	mnl_attr_for_each(attr, nlh, sizeof(*sa))
		if (mnl_attr_get_type(attr) == XFRMA_ALG_AEAD)
			nlh->nlmsg_len = (char *)mnl_attr_next(attr) - (char *)nlh;
	sa->family = AF_INET;
	sa->saddr = host(1);
	sa->id.daddr = host(2);
	sa->id.spi = htonl(NTH_SPI);
	sa->reqid = NTH_REQID;
	if (kind->from_device)
		put_packet_offload(nlh);
	error = ask(nlh);
	if (error)
		die("%s: the SA cannot be added: %s", kind->name, strerror(error));
}

static struct nlmsghdr *nth_id(int type, unsigned int daddr)
{
	struct nlmsghdr *nlh = message(type, 0);
	struct xfrm_usersa_id *id = mnl_nlmsg_put_extra_header(nlh, sizeof(*id));

	id->daddr = host(daddr);
	id->spi = htonl(NTH_SPI);
	id->family = AF_INET;
	id->proto = IPPROTO_ESP;
	return nlh;
}

/* Deleting says whether it was there. */
static bool nth_delete(unsigned int daddr)
{
	int error = ask(nth_id(XFRM_MSG_DELSA, daddr));

	if (error && error != ESRCH)
		die("an SA cannot be deleted: %s", strerror(error));
	return !error;
}

static void nth_write(int fd, unsigned int n)
{
	char number[16];
	int len = snprintf(number, sizeof(number), "%u", n);

	if (pwrite(fd, number, len, 0) != len)
		die("no fault can be set: %s", strerror(errno));
}

/* What was done, but not all of what belongs to it: a sentence beside a success. */
static bool warned(const struct nlmsghdr *got)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(got);
	size_t header = sizeof(*err);
	const struct nlattr *attr;

	if (!(got->nlmsg_flags & NLM_F_ACK_TLVS))
		return false;
	if (!(got->nlmsg_flags & NLM_F_CAPPED))
		header += err->msg.nlmsg_len - NLMSG_HDRLEN;
	mnl_attr_for_each(attr, got, header)
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			return true;
	return false;
}

/* Returns whether an allocation failed; @outcome is an errno, 0, or less if the
 * kernel could not even answer.
 */
static bool nth_migrate(const struct kind *kind, int fd, unsigned int nth, int *outcome)
{
	struct nlmsghdr *nlh = message(XFRM_MSG_MIGRATE_STATE, 0);
	const struct nlmsghdr *got = (void *)answer;
	const struct nlmsgerr *err;
	struct xfrm_user_migrate_state *um;
	char left[16] = "";
	ssize_t len;

	um = mnl_nlmsg_put_extra_header(nlh, sizeof(*um));
	um->id.daddr = host(2);
	um->id.spi = htonl(NTH_SPI);
	um->id.family = AF_INET;
	um->id.proto = IPPROTO_ESP;
	um->new_family = AF_INET;
	um->new_saddr = host(1);
	um->new_daddr = host(3);
	um->new_reqid = NTH_REQID;
	if (kind->to_device)
		put_packet_offload(nlh);
	else if (kind->from_device)
		um->flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
	if (kind->encap)
		put_encap(nlh);

	nth_write(fd, nth);
	len = mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	*outcome = len < 0 ? errno : -1;
	if (pread(fd, left, sizeof(left) - 1, 0) < 1)
		die("no fault can be read: %s", strerror(errno));
	nth_write(fd, 0);
	if (len < 0)
		return true;

	len = mnl_socket_recvfrom(nl, answer, sizeof(answer));
	if (len > 0 && got->nlmsg_type == NLMSG_ERROR) {
		err = mnl_nlmsg_get_payload(got);
		*outcome = -err->error;
		memcpy(reply, answer, len);
	}
	return !strtoul(left, NULL, 0);
}

/* Whatever fails, there is one SA: the old one, or the new one if it succeeded. */
static void fail_one_by_one(const struct kind *kind)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	unsigned int nth = 0, refused = 0, warnings = 0;
	bool failed, old, new;
	int outcome;

	if (fd < 0)
		die("allocations cannot be made to fail: %s", strerror(errno));
	do {
		nth_add(kind);
		failed = nth_migrate(kind, fd, ++nth, &outcome);
		old = nth_delete(2);
		new = nth_delete(3);
		refused += outcome > 0;
		warnings += !outcome && warned((void *)reply);
		if (old == new)
			die("%s, allocation %u: %s", kind->name, nth,
			    old ? "there are two SAs" : "there is no SA");
		if (outcome >= 0 && new != !outcome)
			die("%s, allocation %u: the answer is %s, but there is the %s SA",
			    kind->name, nth, strerror(outcome), new ? "new" : "old");
	} while (failed);
	if (outcome)
		die("%s: refused though nothing failed: %s", kind->name, strerror(outcome));
	close(fd);
	if (!warnings)
		die("%s: nothing was said of a listener that could not be told", kind->name);
	printf("%s: %u allocations, %u refusals, %u warnings\n", kind->name, nth - 1, refused,
	       warnings);
}

static void wrong_words(void)
{
	fputs("usage: xfrm_fuzz [-s SEED] [-n REQUESTS] [-d DEVICE]\n"
	      "       xfrm_fuzz -a [-d DEVICE]      each allocation of a migration fails once\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct timeval patience = { .tv_sec = 60 };
	unsigned int i;
	int opt;

	while ((opt = getopt(argc, argv, "s:n:d:a")) != -1)
		switch (opt) {
		case 's':
			options.seed = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			options.requests = strtoul(optarg, NULL, 0);
			break;
		case 'a':
			options.allocations = true;
			break;
		case 'd':
			options.dev = optarg;
			break;
		default:
			wrong_words();
		}
	if (optind != argc)
		wrong_words();

	dice = (options.seed * 2654435761u) | 1;
	nl = mnl_socket_open(NETLINK_XFRM);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		die("no netlink for IPsec: %s", strerror(errno));
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));

	if (options.allocations) {
		int yes = 1;

		setsockopt(mnl_socket_get_fd(nl), SOL_NETLINK, NETLINK_EXT_ACK, &yes, sizeof(yes));
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			fail_one_by_one(&kinds[i]);
		return 0;
	}

	for (i = 0; i < options.requests; i++) {
		one_request();
		if (i % 1000 == 999) {
			printf("%u of %u requests, %u SAs\n", i + 1, options.requests,
			       sad_entries());
			fflush(stdout);
		}
	}
	empty_the_sad();
	if (sad_entries())
		die("SAs are left after a flush");
	for (i = 0; i < MAX_ERRNO; i++)
		if (answers[i])
			printf("%s: %u\n", i ? strerrorname_np(i) : "OK", answers[i]);
	return 0;
}
