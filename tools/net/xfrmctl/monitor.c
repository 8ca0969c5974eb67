// SPDX-License-Identifier: GPL-2.0
/* What happens to the SAD and the SPD, as it happens. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "args.h"
#include "json.h"
#include "netlink.h"
#include "offload.h"
#include "policy.h"
#include "selector.h"
#include "state.h"
#include "xfrmctl.h"

#define NSEC_PER_SEC	1000000000LL

/* A burst of a hundred thousand unbinds should not overflow at once. */
#define SOCKET_BUFFER	(1024 * 1024)

/**
 * struct monitor_args - what to show, and until when
 * @groups: bit mask of multicast groups; 0: all
 * @count: end after this many events
 * @timeout: end after this many seconds
 * @nokeys: do not show keys
 * @exec: what to run for each SA that became INVALID and can be carried on
 */
struct monitor_args {
	u32 groups;
	struct opt_u32 count;
	struct opt_u32 timeout;
	bool nokeys;
	const char *exec;
};

/**
 * struct monitor - a monitor at work
 * @args: what it was asked for
 * @seen: events shown
 */
struct monitor {
	struct monitor_args args;
	u32 seen;
};

static u32 group_bit(unsigned int group)
{
	return 1U << (group - 1);
}

static void show_sa(const struct nlmsghdr *nlh, size_t header, bool keys)
{
	struct sa sa;

	if (!sa_read(&sa, nlh, header))
		return;
	if (!options.json) {
		sa_print(&sa, keys);
		return;
	}
	json_open("sa", '{');
	sa_json(&sa, keys);
	json_close('}');
}

static void show_policy(const struct nlmsghdr *nlh, size_t header, bool keys)
{
	struct policy pol;

	(void)keys;
	if (!policy_read(&pol, nlh, header))
		return;
	if (!options.json) {
		policy_print(&pol);
		return;
	}
	json_open("policy", '{');
	policy_json(&pol);
	json_close('}');
}

static void show_hard(bool hard)
{
	if (options.json)
		json_bool("hard", hard);
	else
		printf("\thard %d\n", hard);
}

static void show_expire(const struct nlmsghdr *nlh, size_t header, bool keys)
{
	const struct xfrm_user_expire *e = mnl_nlmsg_get_payload(nlh);

	show_sa(nlh, header, keys);
	show_hard(e->hard);
}

static void show_polexpire(const struct nlmsghdr *nlh, size_t header,
			   bool keys)
{
	const struct xfrm_user_polexpire *e = mnl_nlmsg_get_payload(nlh);

	show_policy(nlh, header, keys);
	show_hard(e->hard);
}

static void show_flush_sa(const struct nlmsghdr *nlh, size_t header, bool keys)
{
	const struct xfrm_usersa_flush *f = mnl_nlmsg_get_payload(nlh);
	const char *proto = f->proto ? name_or_number(sa_proto_names, f->proto) :
				       "any";

	(void)header;
	(void)keys;
	if (options.json)
		json_string("proto", proto);
	else
		printf("state proto %s\n", proto);
}

static void show_flush_policy(const struct nlmsghdr *nlh, size_t header,
			      bool keys)
{
	const struct xfrm_userpolicy_type *pt;
	const char *ptype;
	struct attrs t;

	(void)keys;
	attrs_read(&t, nlh, header);
	pt = attr_data(&t, XFRMA_POLICY_TYPE, sizeof(*pt));
	ptype = name_or_number(ptype_names, pt ? pt->type : 0);
	if (options.json)
		json_string("ptype", ptype);
	else
		printf("policy ptype %s\n", ptype);
}

static void acquire_head(const struct xfrm_user_acquire *acq)
{
	const char *proto = name_or_number(sa_proto_names, acq->id.proto);
	const char *src = address_text(acq->policy.sel.family, &acq->saddr);
	const char *dst = address_text(acq->policy.sel.family, &acq->id.daddr);

	if (options.json) {
		json_string("proto", proto);
		json_string("src", src);
		json_string("dst", dst);
		json_number("seq", acq->seq);
		selector_json("sel", &acq->sel);
		return;
	}
	printf("proto %s src %s dst %s seq 0x%08x\n\tsel ", proto, src, dst,
	       acq->seq);
	selector_print(&acq->sel);
	fputs("\n  policy ", stdout);
}

static void show_acquire(const struct nlmsghdr *nlh, size_t header, bool keys)
{
	struct xfrm_user_acquire acq;
	struct policy pol;

	(void)keys;
	memcpy(&acq, mnl_nlmsg_get_payload(nlh), sizeof(acq));
	acquire_head(&acq);
	attrs_read(&pol.t, nlh, header);
	pol.info = acq.policy;
	if (!options.json) {
		policy_print(&pol);
		return;
	}
	json_open("policy", '{');
	policy_json(&pol);
	json_close('}');
}

static void show_report(const struct nlmsghdr *nlh, size_t header, bool keys)
{
	struct xfrm_user_report report;
	const char *proto;

	(void)header;
	(void)keys;
	memcpy(&report, mnl_nlmsg_get_payload(nlh), sizeof(report));
	proto = name_or_number(upper_proto_names, report.proto);
	if (options.json) {
		json_string("proto", proto);
		selector_json("sel", &report.sel);
		return;
	}
	printf("proto %s\n\tsel ", proto);
	selector_print(&report.sel);
	putchar('\n');
}

static void show_migrate(const struct nlmsghdr *nlh, size_t header, bool keys)
{
	struct migrate_state um;
	struct attrs t;

	(void)keys;
	memcpy(&um, mnl_nlmsg_get_payload(nlh), sizeof(um));
	attrs_read(&t, nlh, header);
	if (options.json) {
		migrate_json(&um, &t);
		return;
	}
	migrate_print(&um, &t);
}

static void show_migrate_policy(const struct nlmsghdr *nlh, size_t header,
				bool keys)
{
	(void)header;
	(void)keys;
	migrate_policy_show(nlh);
}

/* What each message is called, and how it is shown. */
static const struct event {
	u16 type;
	const char *text;
	const char *json;
	size_t header;
	void (*show)(const struct nlmsghdr *nlh, size_t header, bool keys);
} events[] = {
	{ XFRM_MSG_NEWSA, "", "new-sa",
	  sizeof(struct xfrm_usersa_info), show_sa },
	{ XFRM_MSG_UPDSA, "Updated ", "update-sa",
	  sizeof(struct xfrm_usersa_info), show_sa },
	{ XFRM_MSG_DELSA, "Deleted ", "delete-sa",
	  sizeof(struct xfrm_usersa_id), show_sa },
	{ XFRM_MSG_EXPIRE, "Expired ", "expire-sa",
	  sizeof(struct xfrm_user_expire), show_expire },
	{ XFRM_MSG_FLUSHSA, "Flushed ", "flush-sa",
	  sizeof(struct xfrm_usersa_flush), show_flush_sa },
	{ XFRM_MSG_NEWPOLICY, "", "new-policy",
	  sizeof(struct xfrm_userpolicy_info), show_policy },
	{ XFRM_MSG_UPDPOLICY, "Updated ", "update-policy",
	  sizeof(struct xfrm_userpolicy_info), show_policy },
	{ XFRM_MSG_DELPOLICY, "Deleted ", "delete-policy",
	  sizeof(struct xfrm_userpolicy_id), show_policy },
	{ XFRM_MSG_POLEXPIRE, "Expired ", "expire-policy",
	  sizeof(struct xfrm_user_polexpire), show_polexpire },
	{ XFRM_MSG_FLUSHPOLICY, "Flushed ", "flush-policy",
	  0, show_flush_policy },
	{ XFRM_MSG_ACQUIRE, "acquire ", "acquire",
	  sizeof(struct xfrm_user_acquire), show_acquire },
	{ XFRM_MSG_REPORT, "report ", "report",
	  sizeof(struct xfrm_user_report), show_report },
	{ XFRM_MSG_MIGRATE, "Migrated ", "migrate-policy",
	  sizeof(struct xfrm_userpolicy_id), show_migrate_policy },
	{ MSG_MIGRATE_STATE, "Migrated ", "migrate-sa",
	  sizeof(struct migrate_state), show_migrate },
	{ }
};

static const struct event *event_of(const struct nlmsghdr *nlh)
{
	for (const struct event *e = events; e->type; e++)
		if (e->type == nlh->nlmsg_type &&
		    mnl_nlmsg_get_payload_len(nlh) >= e->header)
			return e;
	return NULL;
}

static void event_start(const char *text, const char *json)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (options.json) {
		json_open(NULL, '{');
		json_string("event", json);
	}
	if (options.timestamp && options.json)
		json_time("time", now.tv_sec, now.tv_nsec);
	else if (options.timestamp)
		printf("[%lld.%09ld] ", (long long)now.tv_sec, now.tv_nsec);
	if (!options.json)
		fputs(text, stdout);
}

/* Each event is out before the next one is waited for. */
static void event_end(void)
{
	if (options.json) {
		json_close('}');
		json_line();
	}
	if (fflush(stdout))
		die("the output could not be written");
}

static void set(const char *name, const char *value)
{
	if (setenv(name, value, 1))
		die("no memory");
}

/* The words that name an SA, as xfrmctl state takes them. */
static void set_sa(const struct sa *sa)
{
	const struct xfrm_usersa_info *i = &sa->info;
	const struct xfrm_mark *mark = attr_data(&sa->t, XFRMA_MARK,
						 sizeof(*mark));
	char words[256], src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	int n;

	snprintf(src, sizeof(src), "%s", address_text(i->family, &i->saddr));
	snprintf(dst, sizeof(dst), "%s", address_text(i->family, &i->id.daddr));
	n = snprintf(words, sizeof(words), "src %s dst %s proto %s spi 0x%x",
		     src, dst, name_or_number(sa_proto_names, i->id.proto),
		     ntohl(i->id.spi));
	if (mark)
		snprintf(words + n, sizeof(words) - n, " mark 0x%x mask 0x%x",
			 mark->v, mark->m);
	set("XFRM_SA", words);
}

/* The kernel tells it by XFRM_MSG_UPDSA at once, whether the path went or not. */
static void run_exec(const struct monitor *m, const struct nlmsghdr *nlh)
{
	const char *reason;
	char dev[IF_NAMESIZE];
	struct sa sa;

	if (!m->args.exec || nlh->nlmsg_type != XFRM_MSG_UPDSA ||
	    !sa_read(&sa, nlh, sizeof(struct xfrm_usersa_info)) ||
	    !invalid_exact(&sa.t, &reason, dev))
		return;
	set_sa(&sa);
	set("XFRM_REASON", reason);
	set("XFRM_DEV", dev);
	if (system(m->args.exec))
		fprintf(stderr, "xfrmctl: the command failed for the SA %s\n",
			getenv("XFRM_SA"));
}

static bool enough(const struct monitor *m)
{
	return m->args.count.set && m->seen >= m->args.count.v;
}

static void handle(struct monitor *m, const struct nlmsghdr *nlh)
{
	const struct event *e = event_of(nlh);

	if (!e || enough(m))
		return;
	event_start(e->text, e->json);
	e->show(nlh, e->header, !m->args.nokeys);
	event_end();
	m->seen++;
	run_exec(m, nlh);
}

static void report_loss(void)
{
	event_start("events were lost; read the SAD again\n", "lost");
	event_end();
}

static void receive(struct monitor *m, struct mnl_socket *nl)
{
	static alignas(8) char buf[65536];
	ssize_t got = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	const struct nlmsghdr *nlh = (const void *)buf;
	int len = got;

	if (got < 0 && errno == ENOBUFS)
		report_loss();
	else if (got < 0 && errno != EINTR)
		die("cannot read events: %s", strerror(errno));
	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
		handle(m, nlh);
}

static s64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* Waits for an event, or for @deadline; 0: none. False if that has come. */
static bool wait_event(struct mnl_socket *nl, s64 deadline)
{
	struct pollfd fd = { .fd = mnl_socket_get_fd(nl), .events = POLLIN };
	struct timespec left;
	s64 ns = deadline - now_ns();

	if (deadline && ns <= 0)
		return false;
	left.tv_sec = ns / NSEC_PER_SEC;
	left.tv_nsec = ns % NSEC_PER_SEC;
	return ppoll(&fd, 1, deadline ? &left : NULL, NULL) != 0;
}

static void enlarge_buffer(struct mnl_socket *nl)
{
	int fd = mnl_socket_get_fd(nl);
	int size = SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int finish(const struct monitor *m)
{
	if (!m->args.count.set || enough(m))
		return EXIT_OK;
	fprintf(stderr, "xfrmctl: %u of %u events came within %u seconds\n",
		m->seen, m->args.count.v, m->args.timeout.v);
	return EXIT_REFUSED;
}

static int monitor(struct monitor *m)
{
	struct mnl_socket *nl = netlink_open(NETLINK_XFRM, m->args.groups);
	s64 deadline = 0;

	enlarge_buffer(nl);
	/* A caller that waits for this line misses no event. */
	fputs("xfrmctl: monitoring\n", stderr);
	if (m->args.timeout.set)
		deadline = now_ns() + m->args.timeout.v * NSEC_PER_SEC;
	while (!enough(m) && wait_event(nl, deadline))
		receive(m, nl);
	mnl_socket_close(nl);
	return finish(m);
}

static const struct name group_names[] = {
	{ "sa", XFRMNLGRP_SA },
	{ "SA", XFRMNLGRP_SA },
	{ "policy", XFRMNLGRP_POLICY },
	{ "expire", XFRMNLGRP_EXPIRE },
	{ "acquire", XFRMNLGRP_ACQUIRE },
	{ "report", XFRMNLGRP_REPORT },
	{ "migrate", XFRMNLGRP_MIGRATE },
	{ }
};

static u32 all_groups(void)
{
	u32 groups = 0;

	for (const struct name *n = group_names; n->word; n++)
		groups |= group_bit(n->value);
	return groups;
}

static void arg_group(struct args *a, const struct keyword *kw, void *obj)
{
	struct monitor_args *args = obj;
	const struct name *n = name_by_word(group_names, kw->word);

	(void)a;
	args->groups |= n ? group_bit(n->value) : all_groups();
}

static void arg_timestamp(struct args *a, const struct keyword *kw, void *obj)
{
	(void)a;
	(void)kw;
	(void)obj;
	options.timestamp = true;
}

static void arg_exec(struct args *a, const struct keyword *kw, void *obj)
{
	struct monitor_args *args = obj;

	args->exec = args_value(a, kw->word);
}

#define MON(field)	offsetof(struct monitor_args, field)

static const struct keyword words[] = {
	{ .word = "sa", arg_group },
	{ .word = "SA", arg_group },
	{ .word = "policy", arg_group },
	{ .word = "expire", arg_group },
	{ .word = "acquire", arg_group },
	{ .word = "report", arg_group },
	{ .word = "migrate", arg_group },
	{ .word = "all", arg_group },
	{ .word = "nokeys", arg_true, MON(nokeys) },
	{ .word = "-t", arg_timestamp },
	{ .word = "-ts", arg_timestamp },
	{ .word = "--exec", arg_exec },
	{ .word = "--count", arg_opt_u32, MON(count), UINT32_MAX },
	{ .word = "--timeout", arg_opt_u32, MON(timeout), 1000000 },
	{ }
};

static int monitor_run(struct args *a)
{
	struct monitor m = {};
	struct vocabulary voc[] = { { words, &m.args, 0 }, { } };

	args_parse(a, voc);
	if (!m.args.groups)
		m.args.groups = all_groups();
	return monitor(&m);
}

#define USAGE \
	"[ -t ] [ nokeys ] [ --count N ] [ --timeout SECONDS ] [ --exec COMMAND ] " \
	"[ all | [ sa ] [ policy ] [ expire ] [ acquire ] [ report ] [ migrate ] ]"

static const struct command commands[] = {
	{ "", USAGE, monitor_run },
	{ }
};

const struct noun monitor_noun = {
	"monitor", commands,
	"-t         when each event came: [seconds.nanoseconds] since 1970\n"
	"--count    end after N events\n"
	"--timeout  end after SECONDS; with exit status 1 if --count was not reached\n"
	"--exec     run COMMAND by the shell for each SA that lost its device and can be carried on:\n"
	"           $XFRM_SA has the words that name it, $XFRM_DEV the device, $XFRM_REASON why\n"
	"\"xfrmctl: monitoring\" on standard error says that no event is missed from now on.\n"
};
