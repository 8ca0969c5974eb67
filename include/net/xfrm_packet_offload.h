/* SPDX-License-Identifier: GPL-2.0 */
/* What transmit path and tc ask of net/xfrm/xfrm_offload_xmit.c. */
#ifndef _NET_XFRM_PACKET_OFFLOAD_H
#define _NET_XFRM_PACKET_OFFLOAD_H

struct sk_buff;

#ifdef CONFIG_XFRM_OFFLOAD
void xfrm_packet_offload_watch(void);
int xfrm_packet_offload_egress(struct sk_buff *skb);
#else
static inline void xfrm_packet_offload_watch(void)
{
}

static inline int xfrm_packet_offload_egress(struct sk_buff *skb)
{
	return 0;
}
#endif

#endif /* _NET_XFRM_PACKET_OFFLOAD_H */
