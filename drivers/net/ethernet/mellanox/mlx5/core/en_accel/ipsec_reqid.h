/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __MLX5E_IPSEC_REQID_H__
#define __MLX5E_IPSEC_REQID_H__

#include <linux/types.h>

struct mlx5_accel_esp_xfrm_attrs;
struct mlx5e_ipsec_sa_entry;
struct netlink_ext_ack;

bool mlx5e_ipsec_reqid_conflict(const struct mlx5_accel_esp_xfrm_attrs *a,
				const struct mlx5_accel_esp_xfrm_attrs *b);
int mlx5e_ipsec_reqid_claim(struct mlx5e_ipsec_sa_entry *sa_entry,
			    struct netlink_ext_ack *extack);
void mlx5e_ipsec_reqid_release(struct mlx5e_ipsec_sa_entry *sa_entry);

#endif /* __MLX5E_IPSEC_REQID_H__ */
