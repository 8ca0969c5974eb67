/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __MLX5E_IPSEC_SEQ_H__
#define __MLX5E_IPSEC_SEQ_H__

#include <net/xfrm.h>

/**
 * struct mlx5e_ipsec_stop - what is known of a packet offload SA that stopped
 * @aso: its ASO context, as the device wrote it; struct mlx5_ifc_ipsec_aso_bits
 * @obj: its object, as the firmware answered; struct mlx5_ifc_ipsec_obj_bits
 * @esn_msb: upper half of the sequence number, as the driver keeps it
 * @esn_overlap: has the lower half passed 2^31, as the driver keeps it
 * @dir: XFRM_DEV_OFFLOAD_IN or XFRM_DEV_OFFLOAD_OUT
 * @esn: does the SA use extended sequence numbers
 */
struct mlx5e_ipsec_stop {
	const void	*aso;
	const void	*obj;
	u32		esn_msb;
	bool		esn_overlap;
	u8		dir;
	bool		esn;
};

/**
 * struct mlx5e_ipsec_left - packets until a limit
 * @hard: until the device has to stop, or XFRM_INF
 * @soft: until the key manager is to be told, or XFRM_INF
 * @numbers: sequence numbers end before the hard limit
 */
struct mlx5e_ipsec_left {
	u64	hard;
	u64	soft;
	bool	numbers;
};

void mlx5e_ipsec_next_seq(const struct xfrm_state *x, u32 *low, u32 *high);
int mlx5e_ipsec_validate_seq(const struct xfrm_state *x,
			     struct netlink_ext_ack *extack);
int mlx5e_ipsec_packets_left(const struct xfrm_state *x,
			     struct mlx5e_ipsec_left *left,
			     struct netlink_ext_ack *extack);
int mlx5e_ipsec_final_seq(const struct mlx5e_ipsec_stop *stop, u64 *seq);

#endif /* __MLX5E_IPSEC_SEQ_H__ */
