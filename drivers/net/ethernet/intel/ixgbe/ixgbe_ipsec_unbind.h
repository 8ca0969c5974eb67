/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IXGBE_IPSEC_UNBIND_H_
#define _IXGBE_IPSEC_UNBIND_H_

#include <linux/types.h>

struct ixgbe_adapter;
struct ixgbe_ipsec;
struct sk_buff;
struct xfrm_state;

int ixgbe_ipsec_publish(struct ixgbe_ipsec *ipsec, struct xfrm_state *xs);
void ixgbe_ipsec_hide(struct ixgbe_ipsec *ipsec, struct xfrm_state *xs);
struct xfrm_state *ixgbe_ipsec_find(struct ixgbe_ipsec *ipsec,
				    const __be32 *daddr, u8 proto, __be32 spi,
				    bool ip4);

bool ixgbe_ipsec_drain_tx(struct ixgbe_adapter *adapter);
void ixgbe_ipsec_write_iv(struct sk_buff *skb);
u32 ixgbe_ipsec_rx_status(u32 staterr);

#endif
