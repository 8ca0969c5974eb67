// SPDX-License-Identifier: GPL-2.0
/*
 * What this kernel supports. Some of it can only be learnt by asking for it,
 * and a kernel that does not know an attribute does the rest of the request.
 * So everything is asked in a network namespace that is made for the question
 * and goes away with it: nothing that this machine uses can change.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "json.h"
#include "netlink.h"
#include "xfrmctl.h"

#define XFRM_STAT	"/proc/net/xfrm_stat"
#define UNBIND_COUNTER	"XfrmOutOffloadInvalid"
#define LOOPBACK	1		/* its index in every netns */

enum verdict { NOT_THERE, CONFIGURED_OUT, THERE, UNKNOWN };

static const char *const verdict_words[] = {
	[NOT_THERE] = "no",
	[CONFIGURED_OUT] = "configured out",
	[THERE] = "yes",
	[UNKNOWN] = "unknown",
};

/**
 * struct finding - the answer to one question
 * @verdict: what the kernel supports
 * @how: how that was found out
 */
struct finding {
	enum verdict verdict;
	char how[400];
};

__printf(3, 4) static void
found(struct finding *f, enum verdict answer, const char *fmt, ...)
{
	va_list ap;

	f->verdict = answer;
	va_start(ap, fmt);
	vsnprintf(f->how, sizeof(f->how), fmt, ap);
	va_end(ap);
}

/* What the kernel said, for a person. */
static const char *said(const struct answer *ans)
{
	static char text[sizeof(ans->text) + 80];

	if (!ans->err)
		return "accepted";
	if (ans->text[0])
		snprintf(text, sizeof(text), "\"%s\" (%s)", ans->text,
			 strerror(ans->err));
	else
		snprintf(text, sizeof(text), "%s", strerror(ans->err));
	return text;
}

/* A policy on the loopback device, which no kernel can offload to. */
static void ask_packet_offload(struct finding *f)
{
	static struct request req;
	struct xfrm_user_offload xuo = {
		.ifindex = LOOPBACK, .flags = XFRM_OFFLOAD_PACKET,
	};
	struct xfrm_userpolicy_info *info;
	struct answer ans;
	enum verdict offload = UNKNOWN;

	info = request_start(&req, XFRM_MSG_NEWPOLICY, NLM_F_CREATE,
			     sizeof(*info));
	info->sel.family = AF_INET;
	info->dir = XFRM_POLICY_OUT;
	request_put(&req, XFRMA_OFFLOAD_DEV, &xuo, sizeof(xuo));
	netlink_ask(&req, &ans, NULL, NULL);
	if (!ans.err)
		offload = NOT_THERE;
	else if (ans.err == EINVAL || ans.err == EOPNOTSUPP)
		offload = THERE;
	found(f, offload, "XFRM_MSG_NEWPOLICY with XFRMA_OFFLOAD_DEV lo in a netns of its own: %s",
	      said(&ans));
}

/* Only a kernel that knows the attribute minds that a request carries it. */
static void ask_unbind(struct finding *f)
{
	static struct request req;
	struct xfrm_usersa_id *id;
	struct answer ans;

	id = request_start(&req, XFRM_MSG_GETSA, 0, sizeof(*id));
	id->family = AF_INET;
	id->proto = IPPROTO_ESP;
	request_put(&req, XFRMA_INVALID | NLA_F_NESTED, NULL, 0);
	netlink_ask(&req, &ans, NULL, NULL);
	found(f, ans.err == ESRCH ? NOT_THERE : ans.err ? THERE : UNKNOWN,
	      "XFRM_MSG_GETSA with XFRMA_INVALID in a netns of its own: %s",
	      said(&ans));
}

static enum verdict migrate_verdict(const struct answer *ans)
{
	if (ans->err == ENOPROTOOPT)
		return CONFIGURED_OUT;
	if (ans->err == EINVAL && !ans->text[0])
		return NOT_THERE;
	return ans->err == ESRCH || ans->err == EINVAL ? THERE : UNKNOWN;
}

static void ask_migrate_state(struct finding *f)
{
	static struct request req;
	struct migrate_state *m;
	struct answer ans;

	m = request_start(&req, MSG_MIGRATE_STATE, 0, sizeof(*m));
	m->id.family = AF_INET;
	m->id.proto = IPPROTO_ESP;
	m->id.spi = htonl(0x100);
	m->new_family = AF_INET;
	netlink_ask(&req, &ans, NULL, NULL);
	found(f, migrate_verdict(&ans),
	      "XFRM_MSG_MIGRATE_STATE of an SA that is not there, in a netns of its own: %s",
	      said(&ans));
}

/* The counter needs no privilege, but CONFIG_XFRM_STATISTICS. */
static bool has_counter(void)
{
	FILE *file = fopen(XFRM_STAT, "r");
	char line[128];
	bool has = false;

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		has |= !strncmp(line, UNBIND_COUNTER, strlen(UNBIND_COUNTER));
	fclose(file);
	return has;
}

static const struct question {
	const char *text;
	const char *json;
	void (*ask)(struct finding *f);
} questions[] = {
	{ "packet offload of policies", "packet_offload", ask_packet_offload },
	{ "unbind of SAs (XFRMA_INVALID)", "unbind", ask_unbind },
	{ "migration of one SA (XFRM_MSG_MIGRATE_STATE)", "migrate_state",
	  ask_migrate_state },
};

static void ask_one(const struct question *q, struct finding *f, int no_netns)
{
	if (q->ask == ask_unbind && has_counter())
		found(f, THERE, "%s counts %s", XFRM_STAT, UNBIND_COUNTER);
	else if (no_netns)
		found(f, UNKNOWN, "no netns of its own could be made for it (%s)",
		      strerror(no_netns));
	else
		q->ask(f);
}

static void show_finding(const struct question *q, const struct finding *f)
{
	if (!options.json) {
		printf("%s: %s\n\t%s\n", q->text, verdict_words[f->verdict],
		       f->how);
		return;
	}
	json_open(q->json, '{');
	json_string("supported", verdict_words[f->verdict]);
	json_string("how", f->how);
	json_close('}');
}

static const char *const offloads_words[] = {
	[OFFLOADS_CANNOT] = "cannot",
	[OFFLOADS_COULD] = "could",
	[OFFLOADS_NOW] = "now",
};

static void show_device(const struct device *dev)
{
	if (!options.json) {
		printf("offload by %s: %s\n\t%s\n", dev->name,
		       offloads_words[dev->offloads], dev->how);
		return;
	}
	json_open(NULL, '{');
	json_string("dev", dev->name);
	json_string("offload", offloads_words[dev->offloads]);
	if (dev->why)
		json_string("why", dev->why);
	if (*dev->at)
		json_string("at", dev->at);
	json_string("how", dev->how);
	json_bool("on", dev->on);
	json_bool("fixed", dev->fixed);
	json_close('}');
}

static void show_devices(void)
{
	struct devices all;

	devices_read(&all);
	if (options.json)
		json_open("devices", '[');
	for (size_t i = 0; i < all.count; i++)
		show_device(&all.at[i]);
	if (options.json)
		json_close(']');
	devices_free(&all);
}

static int probe_run(struct args *a)
{
	struct finding findings[ARRAY_SIZE(questions)];
	int no_netns;

	args_end(a);
	if (options.json)
		json_open(NULL, '{');
	show_devices();
	no_netns = unshare(CLONE_NEWNET) ? errno : 0;
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		ask_one(&questions[i], &findings[i], no_netns);
		show_finding(&questions[i], &findings[i]);
	}
	if (options.json) {
		json_close('}');
		json_line();
	}
	return EXIT_OK;
}

static const struct command commands[] = {
	{ "", "", probe_run },
	{ }
};

const struct noun probe_noun = {
	"probe", commands,
	"Says what this kernel supports and how that was found out. It asks in a network\n"
	"namespace of its own, for which it needs root, and changes nothing.\n"
};
