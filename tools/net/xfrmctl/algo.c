// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "algo.h"
#include "args.h"
#include "json.h"

/**
 * struct algo_rule - what an algorithm takes
 * @name: the kernel's name of it
 * @key_bits: the lengths that a key may have, salt included; a single 0: none
 * @icv_bits: the lengths that an ICV may have; empty: any
 *
 * A name without a rule goes to the kernel as it is: the kernel knows what it
 * was built with.
 */
struct algo_rule {
	const char *name;
	u16 key_bits[16];
	u16 icv_bits[4];
};

static const struct algo_rule aead_rules[] = {
	{ "rfc4106(gcm(aes))", { 160, 224, 288 }, { 64, 96, 128 } },
	{ "rfc4543(gcm(aes))", { 160, 224, 288 }, { 128 } },
	{ "rfc4309(ccm(aes))", { 152, 216, 280 }, { 64, 96, 128 } },
	{ "rfc7539esp(chacha20,poly1305)", { 288 }, { 128 } },
	{ }
};

static const struct algo_rule auth_rules[] = {
	{ "digest_null", { 0 }, { } },
	{ "hmac(md5)", { 128 }, { } },
	{ "hmac(sha1)", { 160 }, { } },
	{ "hmac(sha256)", { 256 }, { } },
	{ "hmac(sha384)", { 384 }, { } },
	{ "hmac(sha512)", { 512 }, { } },
	{ "hmac(rmd160)", { 160 }, { } },
	{ "hmac(sm3)", { 256 }, { } },
	{ "xcbc(aes)", { 128 }, { } },
	{ "cmac(aes)", { 128 }, { } },
	{ }
};

static const struct algo_rule enc_rules[] = {
	{ "ecb(cipher_null)", { 0 }, { } },
	{ "cbc(des)", { 64 }, { } },
	{ "cbc(des3_ede)", { 192 }, { } },
	{ "cbc(cast5)", { 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128 },
	  { } },
	{ "cbc(aes)", { 128, 192, 256 }, { } },
	{ "cbc(serpent)", { 128, 192, 256 }, { } },
	{ "cbc(camellia)", { 128, 192, 256 }, { } },
	{ "cbc(twofish)", { 128, 192, 256 }, { } },
	{ "rfc3686(ctr(aes))", { 160, 224, 288 }, { } },
	{ "cbc(sm4)", { 128 }, { } },
	{ }
};

static const struct algo_rule no_rules[] = { { } };

/**
 * struct algo_kind - what follows a keyword that names an algorithm
 * @word: the keyword
 * @attr: the attribute that carries it
 * @offset: where struct algos has it
 * @rules: what is known of its algorithms
 * @has_key: a key follows the name
 * @icv: what the number after the key is called; NULL: there is none
 * @json: its name in JSON
 */
struct algo_kind {
	const char *word;
	u16 attr;
	size_t offset;
	const struct algo_rule *rules;
	bool has_key;
	const char *icv;
	const char *json;
};

#define IN_ALGOS(field)	offsetof(struct algos, field)

static const struct algo_kind kinds[] = {
	{ "aead", XFRMA_ALG_AEAD, IN_ALGOS(aead), aead_rules, true,
	  "ICV length", "aead" },
	{ "auth-trunc", XFRMA_ALG_AUTH_TRUNC, IN_ALGOS(auth_trunc), auth_rules,
	  true, "truncation length", "auth_trunc" },
	{ "auth", XFRMA_ALG_AUTH, IN_ALGOS(auth), auth_rules, true, NULL,
	  "auth" },
	{ "enc", XFRMA_ALG_CRYPT, IN_ALGOS(enc), enc_rules, true, NULL, "enc" },
	{ "comp", XFRMA_ALG_COMP, IN_ALGOS(comp), no_rules, false, NULL,
	  "comp" },
	{ }
};

static const struct algo_rule *rule_of(const struct algo_kind *kind,
				       const char *name)
{
	for (const struct algo_rule *r = kind->rules; r->name; r++)
		if (!strcmp(r->name, name))
			return r;
	return NULL;
}

static int hex_digit(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return tolower((unsigned char)c) - 'a' + 10;
}

static void parse_hex(struct args *a, const char *keyword, const char *hex,
		      struct algo *algo)
{
	size_t digits = strlen(hex);

	if (strspn(hex, "0123456789abcdefABCDEF") != digits)
		usage_error(a, "the key after \"%s\" starts with 0x and is not hexadecimal",
			    keyword);
	if (digits % 2)
		usage_error(a, "the key after \"%s\" has an odd number of hex digits: %zu",
			    keyword, digits);
	algo->key_len = digits / 2;
	if (algo->key_len > KEY_MAX)
		usage_error(a, "the key after \"%s\" is too long: the most is %d bytes",
			    keyword, KEY_MAX);
	for (size_t i = 0; i < algo->key_len; i++)
		algo->key[i] = hex_digit(hex[2 * i]) << 4 |
			       hex_digit(hex[2 * i + 1]);
}

/* Hexadecimal after 0x, and otherwise the characters themselves. */
static void parse_key(struct args *a, const char *keyword, struct algo *algo)
{
	const char *word = args_value(a, keyword);

	if (!strncmp(word, "0x", 2) || !strncmp(word, "0X", 2)) {
		parse_hex(a, keyword, word + 2, algo);
		return;
	}
	algo->key_len = strlen(word);
	if (algo->key_len > KEY_MAX)
		usage_error(a, "the key after \"%s\" is too long: the most is %d bytes",
			    keyword, KEY_MAX);
	memcpy(algo->key, word, algo->key_len);
}

static bool is_among(const u16 *list, size_t n, u32 v)
{
	for (size_t i = 0; i < n && (list[i] || !i); i++)
		if (list[i] == v)
			return true;
	return false;
}

static const char *lengths(const u16 *list, size_t n, char *buf,
			   size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < n && (list[i] || !i) && used < size; i++)
		used += snprintf(buf + used, size - used, "%s%u",
				 i ? ", " : "", list[i]);
	return buf;
}

static void check_key(struct args *a, const struct algo_rule *rule,
		      const struct algo *algo)
{
	size_t n = ARRAY_SIZE(rule->key_bits), bits = algo->key_len * 8;
	char buf[128];

	if (is_among(rule->key_bits, n, bits))
		return;
	usage_error(a, "%s takes a key of %s bits, not of %zu (hexadecimal starts with 0x)",
		    rule->name, lengths(rule->key_bits, n, buf, sizeof(buf)),
		    bits);
}

static void check_icv(struct args *a, const struct algo_rule *rule,
		      const struct algo *algo)
{
	size_t n = ARRAY_SIZE(rule->icv_bits);
	char buf[64];

	if (!rule->icv_bits[0] || is_among(rule->icv_bits, n, algo->bits))
		return;
	usage_error(a, "%s has an ICV of %s bits, not %u", rule->name,
		    lengths(rule->icv_bits, n, buf, sizeof(buf)), algo->bits);
}

static const struct algo_kind *kind_of(const char *word)
{
	const struct algo_kind *kind = kinds;

	while (strcmp(kind->word, word))
		kind++;
	return kind;
}

static void parse_icv(struct args *a, const struct algo_kind *kind,
		      struct algo *algo)
{
	const char *word;

	if (!kind->icv)
		return;
	if (!args_peek(a))
		usage_error(a, "\"%s\" needs an %s after the key", kind->word,
			    kind->icv);
	word = args_value(a, kind->word);
	algo->bits = to_number(a, kind->word, word, 8 * KEY_MAX);
	if (algo->bits % 8)
		usage_error(a, "the %s \"%s\" after \"%s\" is no multiple of 8",
			    kind->icv, word, kind->word);
}

static void arg_algo(struct args *a, const struct keyword *kw, void *obj)
{
	const struct algo_kind *kind = kind_of(kw->word);
	struct algo *algo = (void *)((char *)obj + kind->offset);
	const char *name = args_value(a, kw->word);
	const struct algo_rule *rule = rule_of(kind, name);

	if (!*name || strlen(name) >= sizeof(algo->name))
		usage_error(a, "\"%s\" cannot be the name of an algorithm",
			    name);
	snprintf(algo->name, sizeof(algo->name), "%s", name);
	algo->set = true;
	if (kind->has_key)
		parse_key(a, kw->word, algo);
	if (rule)
		check_key(a, rule, algo);
	parse_icv(a, kind, algo);
	if (rule)
		check_icv(a, rule, algo);
}

const struct keyword algo_words[] = {
	{ .word = "aead", arg_algo },
	{ .word = "auth", arg_algo },
	{ .word = "auth-trunc", arg_algo },
	{ .word = "enc", arg_algo },
	{ .word = "comp", arg_algo },
	{ }
};

/* The three structures of the kernel differ in the ICV length only. */
static void put_algo(struct request *req, const struct algo_kind *kind,
		     const struct algo *algo)
{
	char buf[sizeof(struct xfrm_algo_aead) + KEY_MAX] = "";
	struct xfrm_algo *plain = (void *)buf;
	struct xfrm_algo_aead *with_icv = (void *)buf;
	size_t header = kind->icv ? sizeof(*with_icv) : sizeof(*plain);

	memcpy(plain->alg_name, algo->name, sizeof(plain->alg_name));
	plain->alg_key_len = algo->key_len * 8;
	if (kind->icv)
		with_icv->alg_icv_len = algo->bits;
	memcpy(buf + header, algo->key, algo->key_len);
	request_put(req, kind->attr, buf, header + algo->key_len);
}

void algos_put(struct request *req, const struct algos *algos)
{
	for (const struct algo_kind *kind = kinds; kind->word; kind++) {
		const struct algo *algo = (const void *)((const char *)algos +
							 kind->offset);

		if (algo->set)
			put_algo(req, kind, algo);
	}
}

/* An algorithm as the kernel sent it; false if it is not there, or cut off. */
static bool get_algo(const struct attrs *t, const struct algo_kind *kind,
		     struct algo *algo)
{
	size_t header = kind->icv ? sizeof(struct xfrm_algo_aead) :
				    sizeof(struct xfrm_algo);
	const char *data = attr_data(t, kind->attr, header);
	struct xfrm_algo_aead fixed = {};

	/* The kernel sends both; the truncated form says more. */
	if (kind->attr == XFRMA_ALG_AUTH && t->at[XFRMA_ALG_AUTH_TRUNC])
		return false;
	if (!data)
		return false;
	memcpy(&fixed, data, header);
	memset(algo, 0, sizeof(*algo));
	snprintf(algo->name, sizeof(algo->name), "%.63s", fixed.alg_name);
	algo->bits = kind->icv ? fixed.alg_icv_len : 0;
	algo->key_len = fixed.alg_key_len / 8 + !!(fixed.alg_key_len % 8);
	if (algo->key_len > KEY_MAX ||
	    algo->key_len > attr_size(t, kind->attr) - header)
		return false;
	memcpy(algo->key, data + header, algo->key_len);
	return true;
}

static const char *key_text(const struct algo *algo, bool keys)
{
	static char text[2 * KEY_MAX + 3];

	if (!keys)
		return "<<Keys hidden>>";
	sprintf(text, "%s", algo->key_len ? "0x" : "");
	for (size_t i = 0; i < algo->key_len; i++)
		sprintf(text + 2 + 2 * i, "%02x", algo->key[i]);
	return text;
}

void algos_print(const struct attrs *t, bool keys)
{
	struct algo algo;

	for (const struct algo_kind *kind = kinds; kind->word; kind++) {
		if (!get_algo(t, kind, &algo))
			continue;
		printf("\t%s %s", kind->word, algo.name);
		if (kind->has_key)
			printf(" %s", key_text(&algo, keys));
		if (kind->icv)
			printf(" %u", algo.bits);
		putchar('\n');
	}
}

void algos_json(const struct attrs *t, bool keys)
{
	struct algo algo;

	for (const struct algo_kind *kind = kinds; kind->word; kind++) {
		if (!get_algo(t, kind, &algo))
			continue;
		json_open(kind->json, '{');
		json_string("name", algo.name);
		if (kind->has_key)
			json_number("key_bits", algo.key_len * 8);
		if (kind->has_key && keys)
			json_string("key", key_text(&algo, true));
		if (kind->icv)
			json_number("icv_bits", algo.bits);
		json_close('}');
	}
}

/* encap TYPE SPORT DPORT OADDR */
static void arg_encap(struct args *a, const struct keyword *kw, void *obj)
{
	static const struct keyword oaddr = { .word = "encap", .offset = 0 };
	struct encap_args *encap = obj;

	encap->set = true;
	encap->tmpl.encap_type = name_value(a, kw->word, encap_names);
	encap->tmpl.encap_sport = htons(number_value(a, kw->word, UINT16_MAX));
	encap->tmpl.encap_dport = htons(number_value(a, kw->word, UINT16_MAX));
	arg_address(a, &oaddr, &encap->oa);
	encap->tmpl.encap_oa = encap->oa.a;
}

const struct keyword encap_words[] = {
	{ .word = "encap", arg_encap },
	{ }
};

/* "0.0.0.0" is the usual way to write no address, IPv6 or not. */
static bool no_address(const struct address *oa)
{
	return !oa->family || (oa->family == AF_INET && !oa->a.a4);
}

void encap_put(const struct args *a, struct request *req,
	       const struct encap_args *encap, u16 family)
{
	if (!encap->set)
		return;
	if (!no_address(&encap->oa) && encap->oa.family != family)
		usage_error(a, "the address after \"encap\" is not of the SA's family");
	request_put(req, XFRMA_ENCAP, &encap->tmpl, sizeof(encap->tmpl));
}

void encap_print(const struct attrs *t, u16 family)
{
	const struct xfrm_encap_tmpl *e = attr_data(t, XFRMA_ENCAP, sizeof(*e));

	if (e)
		printf("\tencap type %s sport %u dport %u addr %s\n",
		       name_or_number(encap_names, e->encap_type),
		       ntohs(e->encap_sport), ntohs(e->encap_dport),
		       address_text(family, &e->encap_oa));
}

void encap_json(const struct attrs *t, u16 family)
{
	const struct xfrm_encap_tmpl *e = attr_data(t, XFRMA_ENCAP, sizeof(*e));

	if (!e)
		return;
	json_open("encap", '{');
	json_string("type", name_or_number(encap_names, e->encap_type));
	json_number("sport", ntohs(e->encap_sport));
	json_number("dport", ntohs(e->encap_dport));
	json_string("addr", address_text(family, &e->encap_oa));
	json_close('}');
}
