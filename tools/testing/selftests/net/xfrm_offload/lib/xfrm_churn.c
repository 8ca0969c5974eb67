// SPDX-License-Identifier: GPL-2.0
/*
 * Changes the SAs and policies of this network namespace at random, from many
 * threads at a time, while another process removes their device: adds, deletes,
 * updates, migrates, expires, reads, dumps and flushes. Whether a request
 * succeeds does not matter, since the device may be gone by then; that nothing
 * breaks does.
 *
 * A flow of the caller is described by
 *	MODE,SRC,DST,END-SRC,END-DST,REQID,OFFLOAD,SPI-OUT,SPI-IN
 * as flows.sh has it. Its policies are updated and never removed: what the flow
 * says must not leave in clear at any moment. No outbound SA is installed twice,
 * since that would be an IV used twice; each has an SPI of its own, and the key
 * that flows.sh would give to that SPI. Besides there are bystanders, SAs and
 * policies that no packet ever matches; with them anything goes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_FLOWS	16
#define MAX_THREADS	16
#define RECENT		8
#define BUFFER		65536
#define KEY_LEN		20
#define SEL_PRIORITY	100

/* SAs and policies without traffic: few, so that threads meet on them. */
#define BYSTANDERS	12
#define BYSTANDER_SPI	0xb000

struct flow {
	int family;
	int mode;
	xfrm_address_t src;
	xfrm_address_t dst;
	xfrm_address_t end_src;
	xfrm_address_t end_dst;
	char end_src_name[INET6_ADDRSTRLEN];
	char end_dst_name[INET6_ADDRSTRLEN];
	unsigned int reqid;
	char offload[8];
	uint32_t spi_in;
	uint32_t recent[RECENT];	/* outbound SPIs, the last ones installed */
};

struct worker {
	pthread_t thread;
	struct mnl_socket *nl;
	uint32_t random;
	char buf[BUFFER];
	char answer[BUFFER];
};

static struct {
	const char *dev;
	uint32_t seed;
	unsigned int threads;
	bool flush_policies;
	bool fail;
} options = { .dev = "nic0", .seed = 1, .threads = 3 };

static struct flow flows[MAX_FLOWS];
static unsigned int n_flows;
static uint32_t next_spi = 0x100000;
static int key_file = -1;
static bool ended;

static bool has_ended(void)
{
	return __atomic_load_n(&ended, __ATOMIC_RELAXED);
}

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("xfrm_churn: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

/* xorshift: each thread has its own, so that one seed gives one sequence of
 * deeds per thread, whatever the others do.
 */
static uint32_t roll(struct worker *w, uint32_t sides)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random % sides;
}

static bool chance(struct worker *w, uint32_t percent)
{
	return roll(w, 100) < percent;
}

/* --- messages ------------------------------------------------------------ */

static struct nlmsghdr *message(struct worker *w, int type, int flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(w->buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = 1;
	return nlh;
}

/* Sends and reads up to the end of what comes back. True if it was no error. */
static bool ask(struct worker *w, struct nlmsghdr *nlh)
{
	bool dump = nlh->nlmsg_flags & NLM_F_DUMP;

	if (!dump)
		nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(w->nl, nlh, nlh->nlmsg_len) < 0)
		return false;

	for (;;) {
		ssize_t len = mnl_socket_recvfrom(w->nl, w->answer, sizeof(w->answer));
		const struct nlmsghdr *got = (void *)w->answer;
		int left = len;

		if (len < 0) {
			if (errno == EINTR && !has_ended())
				continue;
			return false;
		}
		for (; mnl_nlmsg_ok(got, left); got = mnl_nlmsg_next(got, &left)) {
			if (got->nlmsg_type == NLMSG_DONE)
				return true;
			if (got->nlmsg_type == NLMSG_ERROR)
				return !((struct nlmsgerr *)mnl_nlmsg_get_payload(got))->error;
		}
	}
}

static void put_key(struct nlmsghdr *nlh, uint32_t spi)
{
	struct {
		struct xfrm_algo_aead algo;
		uint32_t key[KEY_LEN / 4];
	} aead = { .algo = { .alg_name = "rfc4106(gcm(aes))",
			     .alg_key_len = KEY_LEN * 8, .alg_icv_len = 128 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(aead.key); i++)
		aead.key[i] = htonl(spi * 2654435761u + i * 2246822519u);
	mnl_attr_put(nlh, XFRMA_ALG_AEAD, sizeof(aead.algo) + KEY_LEN, &aead);
}

/* Allocations fail for a thread of its own accord, and not while it does what has
 * to succeed: the file of the keys may stand on a file system that allocates.
 */
static __thread int make_it_fail = -1;

static void open_make_it_fail(void)
{
	if (!options.fail)
		return;
	make_it_fail = open("/proc/thread-self/make-it-fail", O_WRONLY | O_CLOEXEC);
	if (make_it_fail < 0)
		die("cannot let allocations fail: %s", strerror(errno));
}

static void let_allocations_fail(bool yes)
{
	if (make_it_fail >= 0 && pwrite(make_it_fail, yes ? "1" : "0", 1, 0) != 1)
		die("cannot let allocations %s: %s", yes ? "fail" : "succeed", strerror(errno));
}

/* What tshark needs to verify the SA's packets. One write: a line stays whole. */
static void tell_key(const struct flow *f, uint32_t spi)
{
	char line[320];
	int len, i;

	if (key_file < 0)
		return;
	len = snprintf(line, sizeof(line),
		       "\"%s\",\"%s\",\"%s\",\"0x%x\",\"AES-GCM with 16 octet ICV [RFC4106]\",\"0x",
		       f->family == AF_INET ? "IPv4" : "IPv6", f->end_src_name,
		       f->end_dst_name, spi);
	for (i = 0; i < KEY_LEN / 4; i++)
		len += snprintf(line + len, sizeof(line) - len, "%08x",
				spi * 2654435761u + i * 2246822519u);
	len += snprintf(line + len, sizeof(line) - len, "\",\"NULL\",\"\"\n");
	let_allocations_fail(false);
	if (write(key_file, line, len) != len)
		die("cannot write the keys: %s", strerror(errno));
	let_allocations_fail(true);
}

static void put_offload(struct nlmsghdr *nlh, const char *offload, bool in)
{
	struct xfrm_user_offload xuo = {
		.ifindex = if_nametoindex(options.dev),
		.flags = in ? XFRM_OFFLOAD_INBOUND : 0,
	};

	if (!strcmp(offload, "none"))
		return;
	if (!strcmp(offload, "packet"))
		xuo.flags |= XFRM_OFFLOAD_PACKET;
	mnl_attr_put(nlh, XFRMA_OFFLOAD_DEV, sizeof(xuo), &xuo);
}

static void no_limits(struct xfrm_lifetime_cfg *lft)
{
	lft->soft_byte_limit = XFRM_INF;
	lft->hard_byte_limit = XFRM_INF;
	lft->soft_packet_limit = XFRM_INF;
	lft->hard_packet_limit = XFRM_INF;
}

/* Some SAs end by themselves: by time, or by the packets they carried. */
static void some_limits(struct worker *w, struct xfrm_lifetime_cfg *lft)
{
	no_limits(lft);
	switch (roll(w, 6)) {
	case 0:
		lft->hard_packet_limit = 3 + roll(w, 50);
		lft->soft_packet_limit = lft->hard_packet_limit / 2;
		break;
	case 1:
		lft->hard_add_expires_seconds = 1 + roll(w, 2);
		break;
	}
}

static void fill_sa(struct xfrm_usersa_info *sa, const struct flow *f, uint32_t spi, bool in)
{
	sa->saddr = in ? f->end_dst : f->end_src;
	sa->id.daddr = in ? f->end_src : f->end_dst;
	sa->id.spi = htonl(spi);
	sa->id.proto = IPPROTO_ESP;
	sa->family = f->family;
	sa->mode = f->mode;
	sa->reqid = f->reqid;
	sa->replay_window = 32;
}

static bool put_sa(struct worker *w, int type, const struct flow *f, uint32_t spi, bool in,
		   const char *offload)
{
	struct nlmsghdr *nlh = message(w, type, 0);
	struct xfrm_usersa_info *sa = mnl_nlmsg_put_extra_header(nlh, sizeof(*sa));

	fill_sa(sa, f, spi, in);
	if (in)
		no_limits(&sa->lft);
	else
		some_limits(w, &sa->lft);
	put_key(nlh, spi);
	put_offload(nlh, offload, in);
	return ask(w, nlh);
}

/* A message about one SA whose payload starts with its id. */
static bool sa_by_id(struct worker *w, int type, const struct flow *f, uint32_t spi, bool in)
{
	struct nlmsghdr *nlh = message(w, type, 0);
	struct xfrm_usersa_id *id = mnl_nlmsg_put_extra_header(nlh, sizeof(*id));

	id->daddr = in ? f->end_src : f->end_dst;
	id->spi = htonl(spi);
	id->family = f->family;
	id->proto = IPPROTO_ESP;
	return ask(w, nlh);
}

static bool sa_expire(struct worker *w, const struct flow *f, uint32_t spi, bool in)
{
	struct nlmsghdr *nlh = message(w, XFRM_MSG_EXPIRE, 0);
	struct xfrm_user_expire *expire = mnl_nlmsg_put_extra_header(nlh, sizeof(*expire));

	fill_sa(&expire->state, f, spi, in);
	expire->hard = chance(w, 70);
	return ask(w, nlh);
}

static void fill_selector(struct xfrm_selector *sel, const struct flow *f, bool in)
{
	sel->saddr = in ? f->dst : f->src;
	sel->daddr = in ? f->src : f->dst;
	sel->family = f->family;
	sel->prefixlen_s = f->family == AF_INET ? 32 : 128;
	sel->prefixlen_d = sel->prefixlen_s;
}

static bool put_policy(struct worker *w, int type, const struct flow *f, bool in,
		       const char *offload)
{
	struct nlmsghdr *nlh = message(w, type, 0);
	struct xfrm_userpolicy_info *xp = mnl_nlmsg_put_extra_header(nlh, sizeof(*xp));
	struct xfrm_user_tmpl tmpl = {
		.saddr = in ? f->end_dst : f->end_src,
		.id = { .daddr = in ? f->end_src : f->end_dst, .proto = IPPROTO_ESP },
		.family = f->family,
		.mode = f->mode,
		.reqid = f->reqid,
		.aalgos = ~0u,
		.ealgos = ~0u,
		.calgos = ~0u,
	};

	fill_selector(&xp->sel, f, in);
	xp->dir = in ? XFRM_POLICY_IN : XFRM_POLICY_OUT;
	xp->priority = SEL_PRIORITY;
	xp->share = XFRM_SHARE_ANY;
	no_limits(&xp->lft);
	mnl_attr_put(nlh, XFRMA_TMPL, sizeof(tmpl), &tmpl);
	if (!strcmp(offload, "packet"))
		put_offload(nlh, offload, in);
	return ask(w, nlh);
}

static bool policy_by_id(struct worker *w, int type, const struct flow *f, bool in)
{
	struct nlmsghdr *nlh = message(w, type, 0);
	struct xfrm_userpolicy_id *id = mnl_nlmsg_put_extra_header(nlh, sizeof(*id));

	fill_selector(&id->sel, f, in);
	id->dir = in ? XFRM_POLICY_IN : XFRM_POLICY_OUT;
	return ask(w, nlh);
}

static bool policy_expire(struct worker *w, const struct flow *f, bool in, bool hard)
{
	struct nlmsghdr *nlh = message(w, XFRM_MSG_POLEXPIRE, 0);
	struct xfrm_user_polexpire *expire = mnl_nlmsg_put_extra_header(nlh, sizeof(*expire));

	fill_selector(&expire->pol.sel, f, in);
	expire->pol.dir = in ? XFRM_POLICY_IN : XFRM_POLICY_OUT;
	expire->hard = hard;
	return ask(w, nlh);
}

/* --- deeds ----------------------------------------------------------------- */

static struct flow *some_flow(struct worker *w)
{
	return &flows[roll(w, n_flows)];
}

static uint32_t some_spi(struct worker *w, const struct flow *f, bool in)
{
	if (in)
		return f->spi_in;
	return __atomic_load_n(&f->recent[roll(w, RECENT)], __ATOMIC_RELAXED);
}

/* As a key manager would: mostly on the device, at times in software. */
static const char *some_offload(struct worker *w, const struct flow *f)
{
	return chance(w, 25) ? "none" : f->offload;
}

static bool add_out_for(struct worker *w, struct flow *f)
{
	uint32_t spi = __atomic_fetch_add(&next_spi, 1, __ATOMIC_RELAXED);

	tell_key(f, spi);
	if (!put_sa(w, XFRM_MSG_NEWSA, f, spi, false, some_offload(w, f)))
		return false;
	__atomic_store_n(&f->recent[roll(w, RECENT)], spi, __ATOMIC_RELAXED);
	return true;
}

static bool add_out(struct worker *w)
{
	return add_out_for(w, some_flow(w));
}

static bool add_in(struct worker *w)
{
	struct flow *f = some_flow(w);

	return put_sa(w, chance(w, 50) ? XFRM_MSG_NEWSA : XFRM_MSG_UPDSA, f, f->spi_in, true,
		      some_offload(w, f));
}

static bool delete_sa(struct worker *w)
{
	struct flow *f = some_flow(w);
	bool in = chance(w, 20);

	return sa_by_id(w, XFRM_MSG_DELSA, f, some_spi(w, f, in), in);
}

static bool get_sa(struct worker *w)
{
	struct flow *f = some_flow(w);
	bool in = chance(w, 30);

	return sa_by_id(w, XFRM_MSG_GETSA, f, some_spi(w, f, in), in);
}

static bool expire_sa(struct worker *w)
{
	struct flow *f = some_flow(w);
	bool in = chance(w, 20);

	return sa_expire(w, f, some_spi(w, f, in), in);
}

/* To software, to the device, or where it is, which makes a new one all the same. */
static bool migrate_sa(struct worker *w)
{
	struct flow *f = some_flow(w);
	bool in = chance(w, 25);
	struct nlmsghdr *nlh = message(w, XFRM_MSG_MIGRATE_STATE, 0);
	struct xfrm_user_migrate_state *um = mnl_nlmsg_put_extra_header(nlh, sizeof(*um));

	um->id.daddr = in ? f->end_src : f->end_dst;
	um->id.spi = htonl(some_spi(w, f, in));
	um->id.family = f->family;
	um->id.proto = IPPROTO_ESP;
	um->new_daddr = um->id.daddr;
	um->new_saddr = in ? f->end_dst : f->end_src;
	um->new_family = f->family;
	um->new_reqid = f->reqid;
	switch (roll(w, 3)) {
	case 0:
		um->flags = XFRM_MIGRATE_STATE_CLEAR_OFFLOAD;
		break;
	case 1:
		put_offload(nlh, f->offload, in);
		break;
	}
	return ask(w, nlh);
}

/* After an unbind this brings the policy back to the device, in most cases. */
static bool update_policy(struct worker *w)
{
	struct flow *f = some_flow(w);

	return put_policy(w, XFRM_MSG_UPDPOLICY, f, chance(w, 40), some_offload(w, f));
}

static bool get_policy(struct worker *w)
{
	return policy_by_id(w, XFRM_MSG_GETPOLICY, some_flow(w), chance(w, 50));
}

/* Soft: a hard one deletes it. */
static bool expire_policy(struct worker *w)
{
	return policy_expire(w, some_flow(w), chance(w, 50), false);
}

static bool dump(struct worker *w, int type)
{
	return ask(w, message(w, type, NLM_F_DUMP));
}

static bool dump_sas(struct worker *w)
{
	return dump(w, XFRM_MSG_GETSA);
}

static bool dump_policies(struct worker *w)
{
	return dump(w, XFRM_MSG_GETPOLICY);
}

static bool flush_sas(struct worker *w)
{
	struct nlmsghdr *nlh = message(w, XFRM_MSG_FLUSHSA, 0);
	struct xfrm_usersa_flush *flush = mnl_nlmsg_put_extra_header(nlh, sizeof(*flush));

	flush->proto = IPPROTO_ESP;
	return ask(w, nlh);
}

static bool flush_policies(struct worker *w)
{
	if (!options.flush_policies)
		return false;
	return ask(w, message(w, XFRM_MSG_FLUSHPOLICY, 0));
}

/* --- bystanders: 172.16.0.1 and 172.16.1.n ---------------------------------- */

static struct flow bystander(struct worker *w)
{
	struct flow f = {
		.family = AF_INET,
		.mode = chance(w, 50) ? XFRM_MODE_TUNNEL : XFRM_MODE_TRANSPORT,
		.reqid = 1000 + roll(w, 3),
	};

	f.src.a4 = htonl(0xac100001);
	f.dst.a4 = htonl(0xac100100 + roll(w, BYSTANDERS));
	f.end_src = f.src;
	f.end_dst = f.dst;
	snprintf(f.offload, sizeof(f.offload), "%s", chance(w, 70) ? "packet" : "crypto");
	return f;
}

static bool bystander_sa(struct worker *w)
{
	uint32_t spi = BYSTANDER_SPI + roll(w, BYSTANDERS);
	struct flow f = bystander(w);
	bool in = chance(w, 50);

	switch (roll(w, 8)) {
	case 0:
	case 1:
	case 2:
		return put_sa(w, XFRM_MSG_NEWSA, &f, spi, in, f.offload);
	case 3:
	case 4:
		return put_sa(w, XFRM_MSG_UPDSA, &f, spi, in, f.offload);
	case 5:
		return sa_by_id(w, XFRM_MSG_DELSA, &f, spi, in);
	case 6:
		return sa_expire(w, &f, spi, in);
	default:
		return sa_by_id(w, XFRM_MSG_GETSA, &f, spi, in);
	}
}

static bool bystander_policy(struct worker *w)
{
	struct flow f = bystander(w);
	bool in = chance(w, 50);

	switch (roll(w, 6)) {
	case 0:
	case 1:
		return put_policy(w, XFRM_MSG_NEWPOLICY, &f, in, f.offload);
	case 2:
		return put_policy(w, XFRM_MSG_UPDPOLICY, &f, in, f.offload);
	case 3:
	case 4:
		return policy_by_id(w, XFRM_MSG_DELPOLICY, &f, in);
	default:
		return policy_expire(w, &f, in, true);
	}
}

/* A larval SA, which its UPDSA may or may not meet. */
static bool alloc_spi(struct worker *w)
{
	struct nlmsghdr *nlh = message(w, XFRM_MSG_ALLOCSPI, 0);
	struct xfrm_userspi_info *spi = mnl_nlmsg_put_extra_header(nlh, sizeof(*spi));
	struct flow f = bystander(w);

	fill_sa(&spi->info, &f, 0, true);
	spi->min = BYSTANDER_SPI;
	spi->max = BYSTANDER_SPI + BYSTANDERS - 1;
	return ask(w, nlh);
}

/* How often each comes: in parts of the sum. */
static struct deed {
	const char *name;
	bool (*act)(struct worker *w);
	unsigned int share;
	unsigned int done;
	unsigned int refused;
} deeds[] = {
	{ "add-out",		add_out,		24 },
	{ "add-in",		add_in,			12 },
	{ "delete",		delete_sa,		12 },
	{ "expire",		expire_sa,		8 },
	{ "get",		get_sa,			6 },
	{ "dump",		dump_sas,		4 },
	{ "flush",		flush_sas,		1 },
	{ "migrate",		migrate_sa,		14 },
	{ "alloc-spi",		alloc_spi,		3 },
	{ "update-policy",	update_policy,		12 },
	{ "expire-policy",	expire_policy,		3 },
	{ "get-policy",		get_policy,		3 },
	{ "dump-policies",	dump_policies,		2 },
	{ "flush-policies",	flush_policies,		1 },
	{ "bystander-sa",	bystander_sa,		24 },
	{ "bystander-policy",	bystander_policy,	12 },
};

static struct deed *some_deed(struct worker *w)
{
	unsigned int sum = 0, at, i;

	for (i = 0; i < ARRAY_SIZE(deeds); i++)
		sum += deeds[i].share;
	at = roll(w, sum);
	for (i = 0; at >= deeds[i].share; i++)
		at -= deeds[i].share;
	return &deeds[i];
}

/* --- threads ------------------------------------------------------------------ */

static void open_socket(struct worker *w, unsigned int groups)
{
	struct timeval second = { .tv_sec = 1 };

	w->nl = mnl_socket_open(NETLINK_XFRM);
	if (!w->nl || mnl_socket_bind(w->nl, groups, MNL_SOCKET_AUTOPID) < 0)
		die("no netlink for IPsec: %s", strerror(errno));
	setsockopt(mnl_socket_get_fd(w->nl), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
}

static void pause_a_little(struct worker *w)
{
	struct timespec time = { .tv_nsec = roll(w, 3000) * 1000 };

	if (chance(w, 60))
		nanosleep(&time, NULL);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	open_make_it_fail();
	let_allocations_fail(true);
	while (!has_ended()) {
		struct deed *deed = some_deed(w);

		__atomic_fetch_add(deed->act(w) ? &deed->done : &deed->refused, 1,
				   __ATOMIC_RELAXED);
		pause_a_little(w);
	}
	return NULL;
}

static unsigned int acquires, expires;

static struct flow *flow_of(const struct xfrm_user_acquire *acquire)
{
	unsigned int i;

	for (i = 0; i < n_flows; i++)
		if (flows[i].family == acquire->policy.sel.family &&
		    !memcmp(&flows[i].dst, &acquire->sel.daddr,
			    flows[i].family == AF_INET ? 4 : 16))
			return &flows[i];
	return NULL;
}

/* The key manager: listens, overflows, and answers each ACQUIRE with an SA. */
static void *manage_keys(void *arg)
{
	struct worker *w = arg;
	struct worker *asker = calloc(1, sizeof(*asker));

	if (!asker)
		die("no memory");
	asker->random = w->random + 1;
	open_socket(asker, 0);
	while (!has_ended()) {
		ssize_t len = mnl_socket_recvfrom(w->nl, w->buf, sizeof(w->buf));
		const struct nlmsghdr *got = (void *)w->buf;
		int left = len;

		for (; len > 0 && mnl_nlmsg_ok(got, left); got = mnl_nlmsg_next(got, &left)) {
			struct flow *f;

			if (got->nlmsg_type == XFRM_MSG_EXPIRE)
				expires++;
			if (got->nlmsg_type != XFRM_MSG_ACQUIRE)
				continue;
			acquires++;
			f = flow_of(mnl_nlmsg_get_payload(got));
			if (f)
				add_out_for(asker, f);
		}
	}
	return NULL;
}

static void end(int signal)
{
	__atomic_store_n(&ended, true, __ATOMIC_RELAXED);
}

/* --- command line ---------------------------------------------------------------- */

static void read_address(int family, const char *word, xfrm_address_t *addr)
{
	if (inet_pton(family, word, addr) != 1)
		die("'%s' is no address", word);
}

static void read_flow(char *words)
{
	struct flow *f = &flows[n_flows];
	char *word[9];
	unsigned int i;

	if (n_flows == MAX_FLOWS)
		die("more than %d flows", MAX_FLOWS);
	for (i = 0; i < ARRAY_SIZE(word); i++) {
		word[i] = strsep(&words, ",");
		if (!word[i])
			die("a flow has %zu words, not %u", ARRAY_SIZE(word), i);
	}
	f->mode = strcmp(word[0], "tunnel") ? XFRM_MODE_TRANSPORT : XFRM_MODE_TUNNEL;
	f->family = strchr(word[1], ':') ? AF_INET6 : AF_INET;
	read_address(f->family, word[1], &f->src);
	read_address(f->family, word[2], &f->dst);
	read_address(f->family, word[3], &f->end_src);
	read_address(f->family, word[4], &f->end_dst);
	snprintf(f->end_src_name, sizeof(f->end_src_name), "%s", word[3]);
	snprintf(f->end_dst_name, sizeof(f->end_dst_name), "%s", word[4]);
	f->reqid = strtoul(word[5], NULL, 0);
	snprintf(f->offload, sizeof(f->offload), "%s", word[6]);
	for (i = 0; i < RECENT; i++)
		f->recent[i] = strtoul(word[7], NULL, 0);
	f->spi_in = strtoul(word[8], NULL, 0);
	n_flows++;
}

static void refuse(void)
{
	fputs("usage: xfrm_churn [OPTION...] FLOW...\n"
	      "  -s SEED     what is done is a function of it (1)\n"
	      "  -t THREADS  (3)\n"
	      "  -d DEVICE   what SAs are offloaded to (nic0)\n"
	      "  -n SPI      the first of those for outbound SAs (0x100000)\n"
	      "  -k FILE     append the keys of outbound SAs, for tshark\n"
	      "  -p          flush policies too: flows then leave in clear\n"
	      "  -f          let allocations fail (failslab with task-filter)\n"
	      "Ends at SIGTERM, and then says how often it did what.\n", stderr);
	exit(2);
}

static void read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "s:t:d:n:k:pf")) != -1) {
		switch (option) {
		case 's':
			options.seed = strtoul(optarg, NULL, 0);
			break;
		case 't':
			options.threads = strtoul(optarg, NULL, 0);
			break;
		case 'd':
			options.dev = optarg;
			break;
		case 'n':
			next_spi = strtoul(optarg, NULL, 0);
			break;
		case 'k':
			key_file = open(optarg, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
			if (key_file < 0)
				die("cannot open %s: %s", optarg, strerror(errno));
			break;
		case 'p':
			options.flush_policies = true;
			break;
		case 'f':
			options.fail = true;
			break;
		default:
			refuse();
		}
	}
	if (optind == argc || !options.threads || options.threads > MAX_THREADS)
		refuse();
	for (; optind < argc; optind++)
		read_flow(argv[optind]);
}

static struct worker *new_worker(unsigned int number, unsigned int groups)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		die("no memory");
	w->random = (options.seed * 2654435761u + number * 40503u) | 1;
	open_socket(w, groups);
	return w;
}

int main(int argc, char **argv)
{
	struct worker *workers[MAX_THREADS], *manager;
	struct sigaction action = { .sa_handler = end };
	unsigned int i;

	read_options(argc, argv);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);

	manager = new_worker(MAX_THREADS, XFRMGRP_ACQUIRE | XFRMGRP_EXPIRE);
	for (i = 0; i < options.threads; i++)
		workers[i] = new_worker(i, 0);
	if (pthread_create(&manager->thread, NULL, manage_keys, manager))
		die("cannot start a thread");
	for (i = 0; i < options.threads; i++)
		if (pthread_create(&workers[i]->thread, NULL, work, workers[i]))
			die("cannot start a thread");
	puts("ready");
	fflush(stdout);

	for (i = 0; i < options.threads; i++)
		pthread_join(workers[i]->thread, NULL);
	pthread_join(manager->thread, NULL);

	for (i = 0; i < ARRAY_SIZE(deeds); i++)
		printf("%s %u %u\n", deeds[i].name, deeds[i].done, deeds[i].refused);
	printf("acquire %u 0\nexpires %u 0\n", acquires, expires);
	return 0;
}
