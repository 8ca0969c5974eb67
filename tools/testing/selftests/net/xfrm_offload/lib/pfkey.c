// SPDX-License-Identifier: GPL-2.0
/*
 * PF_KEY (RFC 2367) for the tests: says what key managers are told by it, and
 * asks for what such a key manager asks for. Its SAs are ESP in transport mode,
 * AES-CBC with HMAC-SHA-256, and the keys are of no secret.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ipsec.h>
#include <linux/pfkeyv2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define KEY_BYTES	32
#define ANY_PROTO	255
#define SOCKET_BUFFER	(4 << 20)

static const char usage[] =
	"usage: pfkey listen [BYTES]\n"
	"       pfkey dump | flush | spdflush\n"
	"       pfkey add | update | get | delete SRC DST SPI\n"
	"       pfkey spdadd | spdupdate SRC/LEN DST/LEN in|out REQID\n"
	"       pfkey spddelete SRC/LEN DST/LEN in|out\n"
	"       pfkey spddelete2 in|out INDEX\n";

static const char *const type_names[] = {
	[SADB_GETSPI] = "getspi", [SADB_UPDATE] = "update", [SADB_ADD] = "add",
	[SADB_DELETE] = "delete", [SADB_GET] = "get",
	[SADB_ACQUIRE] = "acquire", [SADB_REGISTER] = "register",
	[SADB_EXPIRE] = "expire", [SADB_FLUSH] = "flush", [SADB_DUMP] = "dump",
	[SADB_X_SPDUPDATE] = "spdupdate", [SADB_X_SPDADD] = "spdadd",
	[SADB_X_SPDDELETE] = "spddelete", [SADB_X_SPDGET] = "spdget",
	[SADB_X_SPDFLUSH] = "spdflush", [SADB_X_SPDDELETE2] = "spddelete2",
};

static const char *const sa_states[] = { "larval", "mature", "dying", "dead" };
static const char *const dirs[] = {
	[IPSEC_DIR_INBOUND] = "in", [IPSEC_DIR_OUTBOUND] = "out",
	[IPSEC_DIR_FWD] = "fwd",
};

/* A message with room for what is put into it. */
union message {
	struct sadb_msg hdr;
	__u64 words[8192];
};

/* What each extension of a message is about; NULL: it is not there. */
struct extensions {
	const void *at[SADB_EXT_MAX + 1];
};

static void die(const char *what)
{
	fprintf(stderr, "pfkey: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void die_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

static unsigned int number_of(const char *const *names, size_t n,
			      const char *name)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (names[i] && !strcmp(names[i], name))
			return i;
	die_usage();
	return 0;
}

static const char *name_of(const char *const *names, size_t n, unsigned int i)
{
	return i < n && names[i] ? names[i] : "?";
}

static int open_socket(int bytes)
{
	int fd = socket(PF_KEY, SOCK_RAW, PF_KEY_V2);

	if (fd < 0)
		die("no socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	return fd;
}

/* --- what is asked ----------------------------------------------------------- */

static void begin(union message *m, unsigned int type, unsigned int satype)
{
	memset(m, 0, sizeof(*m));
	m->hdr.sadb_msg_version = PF_KEY_V2;
	m->hdr.sadb_msg_type = type;
	m->hdr.sadb_msg_satype = satype;
	m->hdr.sadb_msg_len = sizeof(m->hdr) / 8;
	m->hdr.sadb_msg_seq = 1;
	m->hdr.sadb_msg_pid = getpid();
}

static void *put(union message *m, unsigned int type, size_t size)
{
	struct sadb_ext *ext = (void *)&m->words[m->hdr.sadb_msg_len];
	size_t words = (size + 7) / 8;

	ext->sadb_ext_len = words;
	ext->sadb_ext_type = type;
	m->hdr.sadb_msg_len += words;
	return ext;
}

static void put_address(union message *m, unsigned int type, char *text)
{
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	char *slash = strchr(text, '/');
	struct sadb_address *a;
	void *bytes;

	if (family == AF_INET6) {
		struct sockaddr_in6 *in6;

		a = put(m, type, sizeof(*a) + sizeof(*in6));
		in6 = (void *)(a + 1);
		in6->sin6_family = family;
		bytes = &in6->sin6_addr;
	} else {
		struct sockaddr_in *in;

		a = put(m, type, sizeof(*a) + sizeof(*in));
		in = (void *)(a + 1);
		in->sin_family = family;
		bytes = &in->sin_addr;
	}
	if (slash) {
		*slash = '\0';
		a->sadb_address_prefixlen = atoi(slash + 1);
		a->sadb_address_proto = ANY_PROTO;
	}
	if (inet_pton(family, text, bytes) != 1)
		die_usage();
}

static void put_key(union message *m, unsigned int type)
{
	struct sadb_key *key = put(m, type, sizeof(*key) + KEY_BYTES);

	key->sadb_key_bits = KEY_BYTES * 8;
	memset(key + 1, 0x5a, KEY_BYTES);
}

static void put_sa(union message *m, const char *spi, bool whole)
{
	struct sadb_sa *sa = put(m, SADB_EXT_SA, sizeof(*sa));

	sa->sadb_sa_spi = htonl(strtoul(spi, NULL, 0));
	sa->sadb_sa_state = SADB_SASTATE_MATURE;
	if (!whole)
		return;
	sa->sadb_sa_auth = SADB_X_AALG_SHA2_256HMAC;
	sa->sadb_sa_encrypt = SADB_X_EALG_AESCBC;
	put_key(m, SADB_EXT_KEY_AUTH);
	put_key(m, SADB_EXT_KEY_ENCRYPT);
}

static void put_policy(union message *m, unsigned int dir, unsigned int index,
		       const char *reqid)
{
	struct sadb_x_ipsecrequest *rq;
	struct sadb_x_policy *pol;

	pol = put(m, SADB_X_EXT_POLICY,
		  sizeof(*pol) + (reqid ? sizeof(*rq) : 0));
	pol->sadb_x_policy_type = IPSEC_POLICY_IPSEC;
	pol->sadb_x_policy_dir = dir;
	pol->sadb_x_policy_id = index;
	if (!reqid)
		return;
	rq = (void *)(pol + 1);
	rq->sadb_x_ipsecrequest_len = sizeof(*rq);
	rq->sadb_x_ipsecrequest_proto = IPPROTO_ESP;
	rq->sadb_x_ipsecrequest_mode = IPSEC_MODE_TRANSPORT;
	rq->sadb_x_ipsecrequest_level = IPSEC_LEVEL_UNIQUE;
	rq->sadb_x_ipsecrequest_reqid = atoi(reqid);
}

static unsigned int dir_of(const char *name)
{
	return number_of(dirs, ARRAY_SIZE(dirs), name);
}

static void write_request(union message *m, unsigned int type, char **words,
			  int n)
{
	begin(m, type, SADB_SATYPE_UNSPEC);
	switch (type) {
	case SADB_DUMP:
	case SADB_FLUSH:
	case SADB_X_SPDFLUSH:
		if (n == 0)
			return;
		break;
	case SADB_ADD:
	case SADB_UPDATE:
	case SADB_GET:
	case SADB_DELETE:
		if (n != 3)
			break;
		m->hdr.sadb_msg_satype = SADB_SATYPE_ESP;
		put_sa(m, words[2], type == SADB_ADD || type == SADB_UPDATE);
		put_address(m, SADB_EXT_ADDRESS_SRC, words[0]);
		put_address(m, SADB_EXT_ADDRESS_DST, words[1]);
		return;
	case SADB_X_SPDADD:
	case SADB_X_SPDUPDATE:
	case SADB_X_SPDDELETE:
		if (n != (type == SADB_X_SPDDELETE ? 3 : 4))
			break;
		put_address(m, SADB_EXT_ADDRESS_SRC, words[0]);
		put_address(m, SADB_EXT_ADDRESS_DST, words[1]);
		put_policy(m, dir_of(words[2]), 0, n == 4 ? words[3] : NULL);
		return;
	case SADB_X_SPDDELETE2:
		if (n != 2)
			break;
		put_policy(m, dir_of(words[0]), atoi(words[1]), NULL);
		return;
	}
	die_usage();
}

/* --- what is told ------------------------------------------------------------- */

static void find_extensions(struct extensions *e, const union message *m)
{
	const __u64 *at = &m->words[sizeof(m->hdr) / 8];
	const __u64 *end = &m->words[m->hdr.sadb_msg_len];

	memset(e, 0, sizeof(*e));
	while (at < end) {
		const struct sadb_ext *ext = (const void *)at;

		if (!ext->sadb_ext_len)
			return;
		if (ext->sadb_ext_type <= SADB_EXT_MAX)
			e->at[ext->sadb_ext_type] = ext;
		at += ext->sadb_ext_len;
	}
}

static void print_address(const struct sadb_address *a, bool prefix)
{
	const struct sockaddr *sa = (const void *)(a + 1);
	char text[INET6_ADDRSTRLEN] = "?";

	if (sa->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)sa)->sin_addr,
			  text, sizeof(text));
	else
		inet_ntop(AF_INET6,
			  &((const struct sockaddr_in6 *)sa)->sin6_addr,
			  text, sizeof(text));
	printf(" %s", text);
	if (prefix)
		printf("/%u", a->sadb_address_prefixlen);
}

static void print_message(const union message *m)
{
	const struct sadb_x_policy *pol;
	const struct sadb_sa *sa;
	struct extensions e;
	int i;

	find_extensions(&e, m);
	pol = e.at[SADB_X_EXT_POLICY];
	sa = e.at[SADB_EXT_SA];

	fputs(name_of(type_names, ARRAY_SIZE(type_names),
		      m->hdr.sadb_msg_type), stdout);
	if (m->hdr.sadb_msg_type == SADB_EXPIRE)
		printf("%s%s", e.at[SADB_EXT_LIFETIME_HARD] ? " hard" : "",
		       e.at[SADB_EXT_LIFETIME_SOFT] ? " soft" : "");
	if (sa)
		printf(" %s 0x%x", name_of(sa_states, ARRAY_SIZE(sa_states),
					   sa->sadb_sa_state),
		       ntohl(sa->sadb_sa_spi));
	if (pol)
		printf(" %s", name_of(dirs, ARRAY_SIZE(dirs),
				      pol->sadb_x_policy_dir));
	for (i = SADB_EXT_ADDRESS_SRC; i <= SADB_EXT_ADDRESS_DST; i++)
		if (e.at[i])
			print_address(e.at[i], pol);
	putchar('\n');
}

/* Returns false if messages were lost instead. */
static bool receive(int fd, union message *m)
{
	ssize_t n = recv(fd, m, sizeof(*m), 0);

	if (n < 0 && errno == ENOBUFS)
		return false;
	if (n < (ssize_t)sizeof(m->hdr) || n != m->hdr.sadb_msg_len * 8)
		die("receive");
	return true;
}

static void send_request(int fd, const union message *m)
{
	if (send(fd, m, m->hdr.sadb_msg_len * 8, 0) < 0)
		die("send");
}

/* Only a registered socket is told of SADB_EXPIRE and SADB_ACQUIRE. */
static void listen_on(int fd)
{
	union message m;

	setvbuf(stdout, NULL, _IOLBF, 0);
	begin(&m, SADB_REGISTER, SADB_SATYPE_ESP);
	send_request(fd, &m);
	for (;;) {
		if (receive(fd, &m))
			print_message(&m);
		else
			puts("lost");
	}
}

static void dump(int fd)
{
	union message m;

	do {
		if (!receive(fd, &m))
			die("dump");
		print_message(&m);
	} while (m.hdr.sadb_msg_seq);
}

/* The kernel answers before send(2) returns, and says by one message more if
 * something went wrong.
 */
static int answer_to(int fd, unsigned int type)
{
	union message m;
	int err = 0;

	while (recv(fd, &m, sizeof(m), MSG_DONTWAIT) > 0) {
		if (m.hdr.sadb_msg_pid != (__u32)getpid() ||
		    m.hdr.sadb_msg_type != type)
			continue;
		if (m.hdr.sadb_msg_errno)
			err = m.hdr.sadb_msg_errno;
		else if (type == SADB_GET)
			print_message(&m);
	}
	return err;
}

int main(int argc, char **argv)
{
	unsigned int type;
	union message m;
	int fd;

	if (argc < 2)
		die_usage();
	if (!strcmp(argv[1], "listen"))
		listen_on(open_socket(argc > 2 ? atoi(argv[2]) : SOCKET_BUFFER));

	fd = open_socket(SOCKET_BUFFER);
	type = number_of(type_names, ARRAY_SIZE(type_names), argv[1]);
	write_request(&m, type, argv + 2, argc - 2);
	send_request(fd, &m);
	if (type == SADB_DUMP) {
		dump(fd);
		return 0;
	}
	errno = answer_to(fd, type);
	if (errno)
		die(argv[1]);
	return 0;
}
