// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "address.h"
#include "algo.h"
#include "encap.h"
#include "json.h"
#include "lifetime.h"
#include "mark.h"
#include "names.h"
#include "offload.h"
#include "replay.h"
#include "selector.h"
#include "state_view.h"
#include "invalid.h"
#include "xfrmctl.h"

/*
 * @header: what stands before the attributes. It starts with the SA, or it is
 * too short for that and the SA is an attribute.
 */
bool sa_read(struct sa *sa, const struct nlmsghdr *nlh, size_t header)
{
	const void *info = mnl_nlmsg_get_payload(nlh);

	attrs_read(&sa->t, nlh, header);
	if (header < sizeof(sa->info))
		info = attr_data(&sa->t, XFRMA_SA, sizeof(sa->info));
	else if (mnl_nlmsg_get_payload_len(nlh) < header)
		return false;
	if (!info)
		return false;
	memcpy(&sa->info, info, sizeof(sa->info));
	return true;
}

/* Attributes that are one number, in the order in which they are shown. */
static const struct {
	u16 attr;
	const char *text;
	const char *json;
} numbers[] = {
	{ XFRMA_TFCPAD, "tfcpad", "tfcpad" },
	{ XFRMA_NAT_KEEPALIVE_INTERVAL, "nat-keepalive-interval",
	  "nat_keepalive_interval" },
	{ XFRMA_MTIMER_THRESH, "mapping-threshold", "mapping_threshold" },
	{ XFRMA_SA_PCPU, "pcpu-num", "pcpu_num" },
};

static void print_numbers(const struct sa *sa)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const u32 *v = attr_u32(&sa->t, numbers[i].attr);

		if (v)
			printf("\t%s %u\n", numbers[i].text, *v);
	}
}

static void json_numbers(const struct sa *sa)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const u32 *v = attr_u32(&sa->t, numbers[i].attr);

		if (v)
			json_number(numbers[i].json, *v);
	}
}

static u32 extra_flags(const struct sa *sa)
{
	const u32 *flags = attr_u32(&sa->t, XFRMA_SA_EXTRA_FLAGS);

	return flags ? *flags : 0;
}

static const char *sa_dir(const struct sa *sa)
{
	const u8 *dir = attr_data(&sa->t, XFRMA_SA_DIR, sizeof(*dir));

	return dir ? name_or_number(sa_dir_names, *dir) : NULL;
}

static const char *last_used(const struct sa *sa)
{
	static char text[24];
	const void *data = attr_data(&sa->t, XFRMA_LASTUSED, sizeof(u64));
	u64 seconds;
	struct tm tm;
	time_t t;

	if (!data)
		return NULL;
	memcpy(&seconds, data, sizeof(seconds));
	t = seconds;
	if (!localtime_r(&t, &tm))
		return NULL;
	strftime(text, sizeof(text), "%F %T", &tm);
	return text;
}

static void print_flags(const char *word, const struct name *names,
			u32 flags)
{
	if (!flags)
		return;
	printf("%s", word);
	for (; names->word; names++)
		if (flags & names->value) {
			printf(" %s", names->word);
			flags &= ~names->value;
		}
	if (flags)
		printf(" 0x%x", flags);
}

static void print_head(const struct sa *sa)
{
	const struct xfrm_usersa_info *i = &sa->info;

	printf("src %s dst %s\n", address_text(i->family, &i->saddr),
	       address_text(i->family, &i->id.daddr));
	printf("\tproto %s spi 0x%08x", name_or_number(sa_proto_names,
						       i->id.proto),
	       ntohl(i->id.spi));
	if (options.stats)
		printf("(%u)", ntohl(i->id.spi));
	printf(" reqid %u", i->reqid);
	if (options.stats)
		printf("(0x%08x)", i->reqid);
	printf(" mode %s\n", name_or_number(mode_names, i->mode));
	printf("\treplay-window %u", replay_window(&sa->t, i->replay_window));
	if (options.stats)
		printf(" seq 0x%08x", i->seq);
	print_flags(" flag", state_flag_names, i->flags);
	putchar('\n');
	print_flags("\textra-flag", extra_flag_names, extra_flags(sa));
	if (extra_flags(sa))
		putchar('\n');
}

static void print_coa(const struct sa *sa)
{
	const xfrm_address_t *coa = attr_data(&sa->t, XFRMA_COADDR,
					      sizeof(*coa));

	if (coa)
		printf("\tcoa %s\n", address_text(sa->info.family, coa));
}

static void print_stats(const struct sa *sa)
{
	const struct xfrm_stats *s = &sa->info.stats;

	lifetime_print(&sa->info.lft, &sa->info.curlft);
	printf("\tstats:\n\t  replay-window %u replay %u failed %u\n",
	       s->replay_window, s->replay, s->integrity_failed);
}

void sa_print(const struct sa *sa, bool keys)
{
	print_head(sa);
	marks_print(&sa->t);
	algos_print(&sa->t, keys);
	encap_print(&sa->t, sa->info.family);
	print_numbers(sa);
	print_coa(sa);
	if (last_used(sa))
		printf("\tlastused %s\n", last_used(sa));
	replay_print(&sa->t);
	offload_print(&sa->t, NULL);
	invalid_print(&sa->t);
	if (sa_dir(sa))
		printf("\tdir %s\n", sa_dir(sa));
	fputs("\tsel ", stdout);
	selector_print(&sa->info.sel);
	putchar('\n');
	if (options.stats)
		print_stats(sa);
}

static void json_head(const struct sa *sa)
{
	const struct xfrm_usersa_info *i = &sa->info;

	json_string("src", address_text(i->family, &i->saddr));
	json_string("dst", address_text(i->family, &i->id.daddr));
	json_string("proto", name_or_number(sa_proto_names, i->id.proto));
	json_number("spi", ntohl(i->id.spi));
	json_number("reqid", i->reqid);
	json_string("mode", name_or_number(mode_names, i->mode));
	json_string("state", invalid_there(&sa->t) ? "invalid" : "valid");
	json_number("seq", i->seq);
	json_number("replay_window", replay_window(&sa->t, i->replay_window));
	json_flags("flags", state_flag_names, i->flags);
	json_flags("extra_flags", extra_flag_names, extra_flags(sa));
	if (sa_dir(sa))
		json_string("dir", sa_dir(sa));
}

static void json_coa(const struct sa *sa)
{
	const xfrm_address_t *coa = attr_data(&sa->t, XFRMA_COADDR,
					      sizeof(*coa));

	if (coa)
		json_string("coa", address_text(sa->info.family, coa));
}

static void json_last_used(const struct sa *sa)
{
	const void *data = attr_data(&sa->t, XFRMA_LASTUSED, sizeof(u64));
	u64 seconds;

	if (!data)
		return;
	memcpy(&seconds, data, sizeof(seconds));
	json_number("lastused", seconds);
}

static void json_stats(const struct xfrm_stats *s)
{
	json_open("stats", '{');
	json_number("replay_window", s->replay_window);
	json_number("replay", s->replay);
	json_number("failed", s->integrity_failed);
	json_close('}');
}

/* The members of an object that the caller opened. */
void sa_json(const struct sa *sa, bool keys)
{
	json_head(sa);
	marks_json(&sa->t);
	algos_json(&sa->t, keys);
	encap_json(&sa->t, sa->info.family);
	json_numbers(sa);
	json_coa(sa);
	json_last_used(sa);
	replay_json(&sa->t);
	offload_json(&sa->t, NULL);
	invalid_json(&sa->t);
	selector_json("sel", &sa->info.sel);
	lifetime_json(&sa->info.lft, &sa->info.curlft);
	json_stats(&sa->info.stats);
}
