// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of which outbound SAs may have one reqid. */

#include <kunit/test.h>

#include "ipsec.h"
#include "ipsec_reqid.h"

static const struct mlx5_accel_esp_xfrm_attrs first = {
	.mode = XFRM_MODE_TUNNEL,
	.dir = XFRM_DEV_OFFLOAD_OUT,
	.type = XFRM_DEV_OFFLOAD_PACKET,
	.spi = 1,
	.reqid = 7,
	.addrs = {
		.family = AF_INET,
		.saddr.a4 = cpu_to_be32(0xc0000201),
		.daddr.a4 = cpu_to_be32(0xc0000202),
	},
};

static void expect_conflict(struct kunit *test,
			    const struct mlx5_accel_esp_xfrm_attrs *a,
			    const struct mlx5_accel_esp_xfrm_attrs *b,
			    bool conflict)
{
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_reqid_conflict(a, b), conflict);
	KUNIT_EXPECT_EQ(test, mlx5e_ipsec_reqid_conflict(b, a), conflict);
}

static void rekeyed_sa_is_taken(struct kunit *test)
{
	struct mlx5_accel_esp_xfrm_attrs second = first;

	second.spi = 2;
	expect_conflict(test, &first, &second, false);
}

static void another_peer_is_refused(struct kunit *test)
{
	struct mlx5_accel_esp_xfrm_attrs second = first;

	second.addrs.daddr.a4 = htonl(0xc0000203);
	expect_conflict(test, &first, &second, true);

	second.reqid = 8;
	expect_conflict(test, &first, &second, false);

	second = first;
	second.addrs.saddr.a4 = htonl(0xc0000203);
	expect_conflict(test, &first, &second, true);

	second = first;
	second.addrs.family = AF_INET6;
	expect_conflict(test, &first, &second, true);

	second = first;
	second.addrs.family = AF_INET6;
	second.addrs.daddr.a6[3] = htonl(9);
	expect_conflict(test, &first, &second, true);

	second = first;
	second.mode = XFRM_MODE_TRANSPORT;
	expect_conflict(test, &first, &second, true);
}

static void another_protocol_or_port_is_taken(struct kunit *test)
{
	struct mlx5_accel_esp_xfrm_attrs a = first, b = first;

	b.addrs.daddr.a4 = htonl(0xc0000203);
	a.upspec.proto = IPPROTO_UDP;
	expect_conflict(test, &a, &b, true);
	b.upspec.proto = IPPROTO_TCP;
	expect_conflict(test, &a, &b, false);

	b.upspec.proto = IPPROTO_UDP;
	a.upspec.dport = 500;
	a.upspec.dport_mask = 0xffff;
	expect_conflict(test, &a, &b, true);
	b.upspec.dport = 501;
	b.upspec.dport_mask = 0xffff;
	expect_conflict(test, &a, &b, false);
	b.upspec.dport_mask = 0xfff0;
	expect_conflict(test, &a, &b, true);

	b.upspec.dport_mask = 0xffff;
	b.upspec.dport = 500;
	a.upspec.sport = 1;
	a.upspec.sport_mask = 0xffff;
	expect_conflict(test, &a, &b, true);
	b.upspec.sport = 2;
	b.upspec.sport_mask = 0xffff;
	expect_conflict(test, &a, &b, false);
}

static struct kunit_case mlx5e_ipsec_reqid_cases[] = {
	KUNIT_CASE(rekeyed_sa_is_taken),
	KUNIT_CASE(another_peer_is_refused),
	KUNIT_CASE(another_protocol_or_port_is_taken),
	{}
};

static struct kunit_suite mlx5e_ipsec_reqid_suite = {
	.name = "mlx5e_ipsec_reqid",
	.test_cases = mlx5e_ipsec_reqid_cases,
};

kunit_test_suite(mlx5e_ipsec_reqid_suite);
