// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of what the hardware compares with a packet's addresses. */

#include <kunit/test.h>
#include <linux/mlx5/device.h>
#include <linux/mlx5/mlx5_ifc.h>

#include "ipsec.h"

enum addr_side { SRC, DST };

/* The hardware's rule: a packet matches if it equals @value wherever @mask
 * has a bit. An IPv4 address stands at the end of the field.
 */
struct addr_rule {
	u8 mask[2][16];
	u8 value[2][16];
	u8 version_mask;
	u8 version;
	u8 enabled;
};

static const u8 addr_of[2][16] = {
	[SRC] = { 0xfd, 0xa5, 0x5a, 0xff, 0x01, 0x80, 0x7f, 0xfe,
		  0x33, 0xcc, 0x0f, 0xf0, 0xc0, 0xa8, 0xff, 0x55 },
	[DST] = { 0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0x55, 0xaa,
		  0x81, 0x7e, 0x18, 0xe7, 0x0a, 0x5f, 0xb3, 0xfd },
};

static unsigned int addr_bits(u8 family)
{
	return family == AF_INET6 ? 128 : 32;
}

/* The field as it is for a packet with address @addr. */
static void addr_field(u8 family, const u8 *addr, u8 *field)
{
	unsigned int len = addr_bits(family) / 8;

	memset(field, 0, 16);
	memcpy(field + 16 - len, addr, len);
}

#define field_of(headers, field) \
	MLX5_ADDR_OF(fte_match_set_lyr_2_4, headers, field)

static void read_rule(struct kunit *test, const struct mlx5e_ipsec_addr *addrs,
		      struct addr_rule *rule)
{
	struct mlx5_flow_spec *spec;
	void *mask, *value;

	spec = kunit_kzalloc(test, sizeof(*spec), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, spec);
	mlx5e_ipsec_match_addrs(spec, addrs);

	mask = MLX5_ADDR_OF(fte_match_param, spec->match_criteria,
			    outer_headers);
	value = MLX5_ADDR_OF(fte_match_param, spec->match_value, outer_headers);
	memcpy(rule->mask[SRC], field_of(mask, src_ipv4_src_ipv6), 16);
	memcpy(rule->mask[DST], field_of(mask, dst_ipv4_dst_ipv6), 16);
	memcpy(rule->value[SRC], field_of(value, src_ipv4_src_ipv6), 16);
	memcpy(rule->value[DST], field_of(value, dst_ipv4_dst_ipv6), 16);
	rule->version_mask = MLX5_GET(fte_match_param, spec->match_criteria,
				      outer_headers.ip_version);
	rule->version = MLX5_GET(fte_match_param, spec->match_value,
				 outer_headers.ip_version);
	rule->enabled = spec->match_criteria_enable;
	kunit_kfree(test, spec);
}

static bool rule_matches(const struct addr_rule *rule, enum addr_side side,
			 const u8 *field)
{
	int i;

	for (i = 0; i < 16; i++) {
		if ((field[i] & rule->mask[side][i]) != rule->value[side][i])
			return false;
	}
	return true;
}

/* One bit of the packet's address differs from the selector's. */
static void expect_prefix(struct kunit *test, const struct addr_rule *rule,
			  enum addr_side side, u8 family,
			  unsigned int prefixlen)
{
	u8 addr[16], field[16];
	unsigned int bit;

	memcpy(addr, addr_of[side], sizeof(addr));
	addr_field(family, addr, field);
	KUNIT_EXPECT_TRUE_MSG(test, rule_matches(rule, side, field),
			      "family %u side %d /%u: the address itself",
			      family, side, prefixlen);

	for (bit = 0; bit < addr_bits(family); bit++) {
		addr[bit / 8] ^= 0x80 >> bit % 8;
		addr_field(family, addr, field);
		KUNIT_EXPECT_EQ_MSG(test, rule_matches(rule, side, field),
				    bit >= prefixlen,
				    "family %u side %d /%u: bit %u differs",
				    family, side, prefixlen, bit);
		addr[bit / 8] ^= 0x80 >> bit % 8;
	}
}

static void expect_family(struct kunit *test, const struct addr_rule *rule,
			  u8 family)
{
	KUNIT_EXPECT_EQ(test, rule->enabled & MLX5_MATCH_OUTER_HEADERS,
			MLX5_MATCH_OUTER_HEADERS);
	KUNIT_EXPECT_EQ(test, rule->version_mask, 0xf);
	KUNIT_EXPECT_EQ(test, rule->version, family == AF_INET6 ? 6 : 4);
}

static void selector_is_matched(struct kunit *test, u8 family,
				unsigned int prefixlen_s,
				unsigned int prefixlen_d)
{
	struct xfrm_selector sel = {
		.family = family,
		.prefixlen_s = prefixlen_s,
		.prefixlen_d = prefixlen_d,
	};
	struct mlx5e_ipsec_addr addrs;
	struct addr_rule rule;

	memcpy(&sel.saddr, addr_of[SRC], addr_bits(family) / 8);
	memcpy(&sel.daddr, addr_of[DST], addr_bits(family) / 8);
	mlx5e_ipsec_set_policy_addrs(&addrs, &sel);
	read_rule(test, &addrs, &rule);

	expect_family(test, &rule, family);
	expect_prefix(test, &rule, SRC, family, prefixlen_s);
	expect_prefix(test, &rule, DST, family, prefixlen_d);
}

static void policy_matches_its_subnets(struct kunit *test)
{
	static const u8 families[] = { AF_INET, AF_INET6 };
	unsigned int i, prefixlen, bits;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		bits = addr_bits(families[i]);
		for (prefixlen = 0; prefixlen <= bits; prefixlen++) {
			selector_is_matched(test, families[i], prefixlen, bits);
			selector_is_matched(test, families[i], bits, prefixlen);
			selector_is_matched(test, families[i], prefixlen, 0);
			selector_is_matched(test, families[i], 0, prefixlen);
			selector_is_matched(test, families[i], prefixlen,
					    bits - prefixlen);
		}
	}
}

/* 0.0.0.0/1 and ::/1 are half of the addresses, not all of them. */
static void policy_of_a_zero_prefix(struct kunit *test)
{
	static const u8 families[] = { AF_INET, AF_INET6 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct xfrm_selector sel = {
			.family = families[i],
			.prefixlen_s = 1,
			.prefixlen_d = 1,
		};
		struct mlx5e_ipsec_addr addrs;
		struct addr_rule rule;
		u8 low[16] = { 0x7f }, high[16] = { 0x80 };
		u8 field[16];

		mlx5e_ipsec_set_policy_addrs(&addrs, &sel);
		read_rule(test, &addrs, &rule);
		addr_field(families[i], low, field);
		KUNIT_EXPECT_TRUE(test, rule_matches(&rule, SRC, field));
		KUNIT_EXPECT_TRUE(test, rule_matches(&rule, DST, field));
		addr_field(families[i], high, field);
		KUNIT_EXPECT_FALSE(test, rule_matches(&rule, SRC, field));
		KUNIT_EXPECT_FALSE(test, rule_matches(&rule, DST, field));
	}
}

static void state_matches_its_hosts(struct kunit *test)
{
	static const u8 families[] = { AF_INET, AF_INET6 };
	struct mlx5e_ipsec_addr addrs;
	struct addr_rule rule;
	struct xfrm_state *x;
	unsigned int i, bits;

	x = kunit_kzalloc(test, sizeof(*x), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x);

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		bits = addr_bits(families[i]);
		x->props.family = families[i];
		memcpy(&x->props.saddr, addr_of[SRC], bits / 8);
		memcpy(&x->id.daddr, addr_of[DST], bits / 8);
		mlx5e_ipsec_set_state_addrs(&addrs, x);
		read_rule(test, &addrs, &rule);
		expect_family(test, &rule, families[i]);
		expect_prefix(test, &rule, SRC, families[i], bits);
		expect_prefix(test, &rule, DST, families[i], bits);

		/* any source */
		memset(&x->props.saddr, 0, sizeof(x->props.saddr));
		mlx5e_ipsec_set_state_addrs(&addrs, x);
		read_rule(test, &addrs, &rule);
		expect_prefix(test, &rule, SRC, families[i], 0);
		expect_prefix(test, &rule, DST, families[i], bits);
	}
}

static struct kunit_case mlx5e_ipsec_addr_cases[] = {
	KUNIT_CASE(policy_matches_its_subnets),
	KUNIT_CASE(policy_of_a_zero_prefix),
	KUNIT_CASE(state_matches_its_hosts),
	{}
};

static struct kunit_suite mlx5e_ipsec_addr_suite = {
	.name = "mlx5e_ipsec_addr",
	.test_cases = mlx5e_ipsec_addr_cases,
};

kunit_test_suite(mlx5e_ipsec_addr_suite);
