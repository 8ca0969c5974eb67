/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers and descriptors of the 82599, under the names of its datasheet
 * (Intel 82599 10 GbE Controller, 331520). Not taken from the driver: were
 * the two to share a mistake, no test would find it.
 */
#ifndef SIM82599_HW_H
#define SIM82599_HW_H

#include <linux/bits.h>
#include <linux/types.h>

#define SIM_BAR0_SIZE		0x20000		/* the registers */
#define SIM_MSIX_BAR		3		/* MSI-X table, pending bits */
#define SIM_BAR3_SIZE		0x4000
#define SIM_MSIX_VECTORS	64
#define SIM_MSIX_PBA		0x2000

/* General control: 8.2.3.1 */
#define CTRL			0x00000
#define   CTRL_GIO_DIS		BIT(2)
#define   CTRL_LRST		BIT(3)
#define   CTRL_RST		BIT(26)
#define STATUS			0x00008
#define   STATUS_GIO		BIT(19)

/* EEPROM: 8.2.3.2, its content: chapter 6 */
#define EEC			0x10010
#define   EEC_PRES		BIT(8)
#define   EEC_ARD		BIT(9)
#define   EEC_ADDR16		BIT(10)
#define   EEC_SIZE_SHIFT	11
#define EERD			0x10014
#define   EERD_START		BIT(0)
#define   EERD_DONE		BIT(1)
#define   EERD_ADDR_SHIFT	2
#define   EERD_DATA_SHIFT	16
#define SWSM			0x10140
#define   SWSM_SMBI		BIT(0)
#define FWSM			0x10148
#define   FWSM_VALID		BIT(15)

/* Interrupts: 8.2.3.5 */
#define EICR			0x00800
#define   EICR_LSC		BIT(20)
#define   EICR_QUEUES		GENMASK(15, 0)
#define EICS			0x00808
#define EIAC			0x00810
#define EIMS			0x00880
#define EIMC			0x00888
#define EIAM			0x00890
#define GPIE			0x00898
#define   GPIE_EIAME		BIT(30)
#define IVAR(n)			(0x00900 + 4 * (n))
#define   IVAR_VALID		BIT(7)
#define   IVAR_VECTOR		GENMASK(5, 0)
#define IVAR_MISC		0x00a00
#define EICS_EX0		0x00a90
#define EIMS_EX0		0x00aa0
#define EIMC_EX0		0x00ab0
#define EIAM_EX0		0x00ad0

/* Receive: 8.2.3.7, receive DMA: 8.2.3.8 */
#define SIM_QUEUES		128	/* each way; see sim_rxq() */
#define   RDBAL			0x00
#define   RDBAH			0x04
#define   RDLEN			0x08
#define   RDH			0x10
#define   RDT			0x18
#define   RXDCTL		0x28
#define     RXDCTL_ENABLE	BIT(25)
#define     RXDCTL_SWFLSH	BIT(26)
#define     RXDCTL_VME		BIT(30)
#define   SRRCTL_BSIZEPACKET	GENMASK(4, 0)
#define RDRXCTL			0x02f00
#define   RDRXCTL_DMAIDONE	BIT(3)
#define RXPBSIZE0		0x03c00		/* 512 KB, all of it */
#define RXCTRL			0x03000
#define   RXCTRL_RXEN		BIT(0)
#define FCTRL			0x05080
#define   FCTRL_MPE		BIT(8)
#define   FCTRL_UPE		BIT(9)
#define   FCTRL_BAM		BIT(10)
#define MCSTCTRL		0x05090
#define   MCSTCTRL_MFE		BIT(2)
#define   MCSTCTRL_MO		GENMASK(1, 0)
#define MTA(n)			(0x05200 + 4 * (n))
#define SIM_RARS		128	/* see sim_ral() */
#define   RAH_AV		BIT(31)

/* Of which the first 16, or 64, are elsewhere than the others. */
static inline u32 sim_rxq(unsigned int n, u32 reg)
{
	return (n < 64 ? 0x01000 : 0x0c000) + 0x40 * n + reg;
}

static inline u32 sim_srrctl(unsigned int n)
{
	return n < 16 ? 0x02100 + 4 * n : sim_rxq(n, 0x14);
}

static inline u32 sim_ral(unsigned int n)
{
	return (n < 16 ? 0x05400 : 0x0a200) + 8 * n;
}

static inline u32 sim_rah(unsigned int n)
{
	return sim_ral(n) + 4;
}

/* Transmit: 8.2.3.9 */
#define TXQ_STRIDE		0x40
#define TXQ(n, reg)		(0x06000 + TXQ_STRIDE * (n) + (reg))
#define   TDBAL			0x00
#define   TDBAH			0x04
#define   TDLEN			0x08
#define   TDH			0x10
#define   TDT			0x18
#define   TXDCTL		0x28
#define     TXDCTL_ENABLE	BIT(25)
#define     TXDCTL_SWFLSH	BIT(26)
#define DMATXCTL		0x04a80
#define   DMATXCTL_TE		BIT(0)

/* Security, both kinds: 8.2.3.12 */
#define SECTXCTRL		0x08800
#define   SECTXCTRL_SECTX_DIS	BIT(0)
#define   SECTXCTRL_TX_DIS	BIT(1)
#define SECTXSTAT		0x08804
#define SECTXBUFFAF		0x08808
#define SECTXMINIFG		0x08810
#define SECRXCTRL		0x08d00
#define   SECRXCTRL_SECRX_DIS	BIT(0)
#define   SECRXCTRL_RX_DIS	BIT(1)
#define SECRXSTAT		0x08d04
#define   SECSTAT_RDY		BIT(0)

/* IPsec: 8.2.3.14, what it does: 7.12 */
#define IPSTXIDX		0x08900
#define   IPSIDX_EN		BIT(0)
#define   IPSRXIDX_TABLE	GENMASK(2, 1)
#define     IPSRXIDX_IP		1
#define     IPSRXIDX_SPI	2
#define     IPSRXIDX_KEY	3
#define   IPSIDX_INDEX		GENMASK(12, 3)
#define   IPSIDX_READ		BIT(30)
#define   IPSIDX_WRITE		BIT(31)
#define IPSTXSALT		0x08904
#define IPSTXKEY(n)		(0x08908 + 4 * (n))
#define IPSRXIDX		0x08e00
#define IPSRXIPADDR(n)		(0x08e04 + 4 * (n))
#define IPSRXSPI		0x08e14
#define IPSRXIPIDX		0x08e18
#define IPSRXKEY(n)		(0x08e1c + 4 * (n))
#define IPSRXSALT		0x08e2c
#define IPSRXMOD		0x08e30
#define   IPSRXMOD_VALID	BIT(0)
#define   IPSRXMOD_ESP		BIT(2)
#define   IPSRXMOD_DECRYPT	BIT(3)
#define   IPSRXMOD_IPV6		BIT(4)
#define SIM_SAS			1024
#define SIM_RX_IPS		128

/* Flow director: 8.2.3.21 */
#define FDIRCTRL		0x0ee00
#define   FDIRCTRL_INIT_DONE	BIT(3)
#define FDIRCMD			0x0ee2c
#define   FDIRCMD_CMD		GENMASK(1, 0)

/* Link: 8.2.3.22 */
#define HLREG0			0x04240
#define MSCA			0x0425c
#define   MSCA_MDICMD		BIT(30)
#define MSRWD			0x04260
#define AUTOC			0x042a0
#define   AUTOC_LMS_10G_NO_AN	BIT(13)
#define   AUTOC_RESTART_AN	BIT(12)
#define LINKS			0x042a4
#define   LINKS_UP		BIT(30)
#define   LINKS_10G		GENMASK(29, 28)
#define ANLP1			0x042b0
#define   ANLP1_AN_RUNS		(4 << 16)

/* Statistics, cleared when read: 8.2.3.23 */
#define GPRC			0x04074
#define GPTC			0x04080

/* Transmit descriptors: 7.2.3.2.3 (context), 7.2.3.2.4 (data) */
struct sim_tx_desc {
	__le64	addr;
	__le32	cmd;
	__le32	status;
};

struct sim_tx_context {
	__le32	lengths;	/* VLAN 31:16, MACLEN 15:9, IPLEN 8:0 */
	__le32	sa_index;	/* 9:0 */
	__le32	tucmd;
	__le32	mss;		/* MSS 31:16, L4LEN 15:8, index 6:4 */
};

#define TXD_DTYP		GENMASK(23, 20)
#define   TXD_CONTEXT		2
#define   TXD_DATA		3
#define TXD_LENGTH		GENMASK(15, 0)
#define TXD_EOP			BIT(24)
#define TXD_RS			BIT(27)
#define TXD_DEXT		BIT(29)
#define TXD_VLE			BIT(30)
#define TXD_TSE			BIT(31)
#define TXD_DD			BIT(0)
#define TXD_CONTEXT_INDEX	GENMASK(6, 4)
#define TXD_CC			BIT(7)
#define TXD_IXSM		BIT(8)
#define TXD_TXSM		BIT(9)
#define TXD_IPSEC		BIT(10)

#define TXC_VLAN		GENMASK(31, 16)
#define TXC_MACLEN		GENMASK(15, 9)
#define TXC_IPLEN		GENMASK(8, 0)
#define TXC_SA			GENMASK(9, 0)
#define TXC_ESP_LEN		GENMASK(8, 0)
#define TXC_IPV4		BIT(10)
#define TXC_L4T			GENMASK(12, 11)
#define   TXC_L4T_UDP		0
#define   TXC_L4T_TCP		1
#define   TXC_L4T_SCTP		2
#define TXC_ESP			BIT(13)
#define TXC_ENCRYPT		BIT(14)
#define TXC_MSS			GENMASK(31, 16)
#define TXC_L4LEN		GENMASK(15, 8)

/* Receive descriptors, one buffer: 7.1.6.1 (read), 7.1.6.2 (write-back) */
union sim_rx_desc {
	struct {
		__le64	packet;
		__le64	header;
	} read;
	struct {
		__le16	type;
		__le16	header_info;
		__le32	rss;
		__le32	status;
		__le16	length;
		__le16	vlan;
	} done;
};

#define RXD_IPV4		BIT(4)
#define RXD_IPV6		BIT(6)
#define RXD_TCP			BIT(8)
#define RXD_UDP			BIT(9)
#define RXD_ESP			BIT(12)
#define RXD_DD			BIT(0)
#define RXD_EOP			BIT(1)
#define RXD_VP			BIT(3)
#define RXD_SECP		BIT(17)
#define RXD_SECERR		GENMASK(28, 27)
#define   RXD_SECERR_PROTOCOL	1
#define   RXD_SECERR_LENGTH	2
#define   RXD_SECERR_AUTH	3

#endif
