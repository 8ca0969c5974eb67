/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BOND_IPSEC_H
#define _BOND_IPSEC_H

struct xfrmdev_ops;

extern const struct xfrmdev_ops bond_ipsec_xfrmdev_ops;

#endif /* _BOND_IPSEC_H */
