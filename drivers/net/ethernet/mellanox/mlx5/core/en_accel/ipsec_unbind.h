/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __MLX5E_IPSEC_UNBIND_H__
#define __MLX5E_IPSEC_UNBIND_H__

struct mlx5e_ipsec_sa_entry;
struct net_device;
struct xfrm_dev_counters;
struct xfrm_state;

#ifdef CONFIG_MLX5_EN_IPSEC
int mlx5e_ipsec_unbind_state(struct net_device *dev, struct xfrm_state *x,
			     struct xfrm_dev_counters *final);
void mlx5e_ipsec_sa_quiesce(struct mlx5e_ipsec_sa_entry *sa_entry);
void mlx5e_ipsec_sa_drain(struct mlx5e_ipsec_sa_entry *sa_entry);

void mlx5e_ipsec_suspend(struct net_device *dev);
void mlx5e_ipsec_resume(struct net_device *dev);
#else
static inline void mlx5e_ipsec_suspend(struct net_device *dev)
{
}

static inline void mlx5e_ipsec_resume(struct net_device *dev)
{
}
#endif /* CONFIG_MLX5_EN_IPSEC */

#endif /* __MLX5E_IPSEC_UNBIND_H__ */
