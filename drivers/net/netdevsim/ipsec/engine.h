/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The IPsec engine of netdevsim: what its files share.
 *
 *   main.c	the device as the stack sees it: xfrmdev_ops, features, set-up
 *   path.c	the path of a frame through the engine, out and in
 *   sa.c	SA table
 *   spd.c	policy table
 *   flow.c	the headers of a frame, and selectors
 *   esp.c	ESP: seal and open one frame
 *   replay.c	replay window
 *   secpath.c	which SA handled a frame, as the stack is told
 *   debugfs.c	registers
 *   faults.c	fault switches; see faults.h
 */
#ifndef _NSIM_IPSEC_ENGINE_H
#define _NSIM_IPSEC_ENGINE_H

#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/xfrm.h>

/* The stock kernel, with which this one is compared, has no such header. */
#ifdef XFRM_DEV_UNBIND
#include <net/xfrm_unbind.h>
#else
static inline void xfrm_dev_state_exhausted(struct xfrm_state *x) { }
#endif

#include "faults.h"

struct crypto_aead;
struct nsim_ipsec;

#define NSIM_IPSEC_DEFAULT_MAX	131072
#define NSIM_IPSEC_ICV_BITS	128
#define NSIM_IPSEC_ICV_LEN	(NSIM_IPSEC_ICV_BITS / 8)
#define NSIM_IPSEC_IV_LEN	8
#define NSIM_IPSEC_ESP_LEN	(sizeof(struct ip_esp_hdr) + NSIM_IPSEC_IV_LEN)
#define NSIM_IPSEC_SALT_LEN	4

/* A handle of 0 is "not offloaded" to the stack: set a bit beside the slot. */
#define NSIM_IPSEC_HANDLE(slot)	((unsigned long)(slot) | BIT(31))
#define NSIM_IPSEC_SLOT(handle)	((handle) & ~BIT(31))

/* Calls of the stack, counted per device and over all devices. */
enum nsim_ipsec_op {
	NSIM_IPSEC_STATE_ADD,
	NSIM_IPSEC_STATE_ADD_REFUSED,
	NSIM_IPSEC_STATE_DELETE,
	NSIM_IPSEC_STATE_FREE,
	NSIM_IPSEC_STATE_UNBIND,
	NSIM_IPSEC_POLICY_ADD,
	NSIM_IPSEC_POLICY_ADD_REFUSED,
	NSIM_IPSEC_POLICY_DELETE,
	NSIM_IPSEC_POLICY_FREE,
	NSIM_IPSEC_VIOLATION,
	NSIM_IPSEC_OPS,
};

/* What happened to the frames. */
enum nsim_ipsec_counter {
	NSIM_IPSEC_TX_ENCRYPTED,
	NSIM_IPSEC_TX_CRYPTO,
	NSIM_IPSEC_TX_PLAIN,
	NSIM_IPSEC_TX_PLAIN_NO_SA,
	NSIM_IPSEC_TX_BLOCKED,
	NSIM_IPSEC_TX_STOPPED,
	NSIM_IPSEC_TX_LIMIT,
	NSIM_IPSEC_TX_DROPPED,
	NSIM_IPSEC_RX_DECRYPTED,
	NSIM_IPSEC_RX_CRYPTO,
	NSIM_IPSEC_RX_PLAIN,
	NSIM_IPSEC_RX_NO_SA,
	NSIM_IPSEC_RX_ICV_FAILED,
	NSIM_IPSEC_RX_REPLAYED,
	NSIM_IPSEC_RX_STOPPED,
	NSIM_IPSEC_RX_LIMIT,
	NSIM_IPSEC_RX_POLICY_DROPPED,
	NSIM_IPSEC_RX_DROPPED,
	NSIM_IPSEC_COUNTERS,
};

/**
 * struct nsim_ipsec_flow - the headers of an IP packet
 * @saddr:	source address
 * @daddr:	destination address
 * @family:	AF_INET or AF_INET6
 * @proto:	upper protocol
 * @fragment:	the packet is a part of a fragmented one
 * @sport:	source port, or ICMP type; 0 where there is none
 * @dport:	destination port, or ICMP code; 0 where there is none
 * @len:	length of the IP packet, without link padding
 * @upper:	offset of the upper header in the IP packet
 * @upper_nexthdr:	offset of the byte that names the upper header
 * @insert:	offset at which an ESP header of transport mode belongs
 * @insert_nexthdr:	offset of the byte that names the header there
 */
struct nsim_ipsec_flow {
	xfrm_address_t saddr;
	xfrm_address_t daddr;
	u16 family;
	u8 proto;
	bool fragment;
	__be16 sport;
	__be16 dport;
	unsigned int len;
	unsigned int upper;
	unsigned int upper_nexthdr;
	unsigned int insert;
	unsigned int insert_nexthdr;
};

bool nsim_ipsec_flow_read(struct nsim_ipsec_flow *flow, const struct sk_buff *skb);
bool nsim_ipsec_selector_match(const struct xfrm_selector *sel, const struct nsim_ipsec_flow *flow);

/**
 * struct nsim_ipsec_replay - sequence numbers seen by an inbound SA
 * @top:	highest number accepted, 64 bits with ESN
 * @window:	how many numbers up to @top can be told apart; 0: no replay check
 * @seen:	ring of bits, number n at bit n modulo the ring's size
 * @mask:	size of the ring - 1, the ring is a power of two and holds the window
 */
struct nsim_ipsec_replay {
	u64 top;
	u32 window;
	u32 mask;
	unsigned long *seen;
};

int nsim_ipsec_replay_init(struct nsim_ipsec_replay *replay, u32 window, gfp_t gfp);
void nsim_ipsec_replay_load(struct nsim_ipsec_replay *replay, const struct xfrm_state *x);
void nsim_ipsec_replay_free(struct nsim_ipsec_replay *replay);
u64 nsim_ipsec_replay_extend(const struct nsim_ipsec_replay *replay, u32 low);
bool nsim_ipsec_replay_fresh(const struct nsim_ipsec_replay *replay, u64 seq);
void nsim_ipsec_replay_advance(struct nsim_ipsec_replay *replay, u64 seq);
void nsim_ipsec_replay_export(const struct nsim_ipsec_replay *replay, u32 *bitmap, u32 window);

enum nsim_ipsec_sa_stage {
	NSIM_IPSEC_SA_LIVE,
	NSIM_IPSEC_SA_DELETED,
};

/**
 * struct nsim_ipsec_sa_name - lookup key of an SA
 * @daddr:	of the SA; unused octets are zero
 * @id:		inbound its SPI, outbound its reqid
 * @family:	of @daddr
 */
struct nsim_ipsec_sa_name {
	xfrm_address_t daddr;
	u32 id;
	u32 family;
};

/**
 * struct nsim_ipsec_sa - one entry of the device's SA table
 * @node:	in the table of its direction; writers hold &nsim_ipsec.lock, readers RCU
 * @name:	its key there
 * @linked:	@node is in that table; under &nsim_ipsec.lock
 * @x:		the stack's state, for what is handed up and for reports; the data path
 *		reads no counter of it. It outlives the entry's last reader
 * @hw:		its engine
 * @aead:	keyed rfc4106(gcm(aes)); NULL in an entry that waits for its keys (larval)
 * @slot:	index in the table
 * @stage:	under &nsim_ipsec.lock
 * @type:	crypto or packet offload, XFRM_DEV_OFFLOAD_*
 * @dir:	direction, XFRM_DEV_OFFLOAD_IN or XFRM_DEV_OFFLOAD_OUT
 * @mode:	transport or tunnel, XFRM_MODE_*
 * @esn:	sequence numbers have 64 bits
 * @family:	of @saddr and @daddr
 * @spi:	its SPI
 * @reqid:	links it to templates of policies
 * @flags:	XFRM_STATE_* of the stack's state
 * @saddr:	source address
 * @daddr:	destination address
 * @sel:	selector
 * @limits:	lifetime in bytes and packets
 * @key:	as the "ipsec" file of crypto offload shows it
 * @salt:	as that file shows it
 * @lock:	protects the members below it
 * @stopped:	carries no packet
 * @seq:	number of the last packet sent
 * @replay:	inbound window
 * @bytes:	handled, counted as plain IP packets
 * @packets:	handled
 * @reported_bytes:	part of @bytes that the stack knows
 * @reported_packets:	part of @packets that the stack knows
 * @replayed:	frames refused as replays, not yet reported
 * @forged:	frames refused for their ICV, not yet reported
 * @busy:	packets between their sequence number and the cable
 * @free_work:	frees the entry after a grace period
 */
struct nsim_ipsec_sa {
	struct rhlist_head node;
	struct nsim_ipsec_sa_name name;
	bool linked;
	struct xfrm_state *x;
	struct nsim_ipsec *hw;
	struct crypto_aead *aead;
	u32 slot;
	enum nsim_ipsec_sa_stage stage;

	u8 type;
	u8 dir;
	u8 mode;
	bool esn;
	u16 family;
	__be32 spi;
	u32 reqid;
	u32 flags;
	xfrm_address_t saddr;
	xfrm_address_t daddr;
	struct xfrm_selector sel;
	struct xfrm_lifetime_cfg limits;
	u32 key[4];
	u32 salt;

	spinlock_t lock; /* protects what follows */
	bool stopped;
	u64 seq;
	struct nsim_ipsec_replay replay;
	u64 bytes;
	u64 packets;
	u64 reported_bytes;
	u64 reported_packets;
	u32 replayed;
	u32 forged;
	atomic_t busy;

	struct rcu_work free_work;
};

/**
 * struct nsim_ipsec_pair - the policies for one pair of addresses, one way
 * @node:	in &nsim_ipsec.policy_exact
 * @name:	its key there; unused octets are zero
 * @policies:	sorted; never empty
 * @rcu:	frees it after a grace period
 */
struct nsim_ipsec_pair {
	struct rhash_head node;
	struct nsim_ipsec_pair_name {
		xfrm_address_t daddr;
		xfrm_address_t saddr;
		u32 family;
		u32 out;
	} name;
	struct list_head policies;
	struct rcu_head rcu;
};

/**
 * struct nsim_ipsec_policy - one entry of the device's policy table
 * @node:	in the list of @pair or in that of wildcards, sorted;
 *		writers hold &nsim_ipsec.lock, readers RCU
 * @pair:	the policies for its pair of addresses; NULL for a wildcard
 * @xp:		the stack's policy, to compare with; not read by the data path
 * @slot:	index in the table
 * @stage:	under &nsim_ipsec.lock
 * @age:	grows with every policy added; the older one wins at equal priority
 * @dir:	direction, XFRM_DEV_OFFLOAD_*
 * @action:	XFRM_POLICY_ALLOW or XFRM_POLICY_BLOCK
 * @mode:	mode of the template, XFRM_MODE_*
 * @requires_esp:	has a template that is not optional
 * @protects:	has a template
 * @family:	of the packets
 * @tmpl_family:	of the template's addresses
 * @priority:	the lowest one wins
 * @reqid:	of the template
 * @spi:	of the template; 0: any
 * @tmpl_saddr:	source address of the template
 * @tmpl_daddr:	destination address of the template
 * @sel:	which packets it is for
 * @rcu:	frees the entry after a grace period
 */
struct nsim_ipsec_policy {
	struct list_head node;
	struct nsim_ipsec_pair *pair;
	const struct xfrm_policy *xp;
	u32 slot;
	enum nsim_ipsec_sa_stage stage;
	u64 age;

	u8 dir;
	u8 action;
	u8 mode;
	bool requires_esp;
	bool protects;
	u16 family;
	u16 tmpl_family;
	u32 priority;
	u32 reqid;
	__be32 spi;
	xfrm_address_t tmpl_saddr;
	xfrm_address_t tmpl_daddr;
	struct xfrm_selector sel;

	struct rcu_head rcu;
};

/**
 * struct nsim_ipsec - the engine of one port
 * @netdev:	its port
 * @lock:	chains and stages of both tables, @sa_count, @policy_count. Taken
 *		inside x->lock, with bottom halves off
 * @sa_slots:	all SAs that are not freed
 * @sa_in:	inbound SAs by (daddr, SPI); the newest of equal ones first
 * @sa_out:	outbound SAs by (daddr, reqid); the newest first
 * @sa_count:	live entries
 * @crypto_count:	live entries for crypto offload
 * @max_sas:	capacity
 * @policy_slots:	all policies that are not freed
 * @policy_exact:	policies for one pair of addresses: struct nsim_ipsec_pair
 * @policy_wild:	by direction: the others
 * @policy_count:	live entries
 * @max_policies:	capacity
 * @policy_age:	of the newest policy
 * @free_wq:	frees SAs in process context after their last reader
 * @faults:	what goes wrong on request
 * @ops:	calls of the stack
 * @counters:	what happened to frames
 * @legacy:	the file "ipsec"
 * @dir:	the directory "ipsec_hw"
 */
struct nsim_ipsec {
	struct net_device *netdev;
	spinlock_t lock; /* see above */

	struct xarray sa_slots;
	struct rhltable sa_in;
	struct rhltable sa_out;
	u32 sa_count;
	u32 crypto_count;
	u32 max_sas;

	struct xarray policy_slots;
	struct rhashtable policy_exact;
	struct list_head policy_wild[2];
	u32 policy_count;
	u32 max_policies;
	u64 policy_age;

	struct workqueue_struct *free_wq;
	struct nsim_ipsec_faults faults;
	atomic_long_t ops[NSIM_IPSEC_OPS];
	atomic_long_t counters[NSIM_IPSEC_COUNTERS];
	struct dentry *legacy;
	struct dentry *dir;
};

/* A device that was pulled: it answers nothing, and the host is not told. */
static inline bool nsim_ipsec_is_gone(const struct nsim_ipsec *hw)
{
	return READ_ONCE(hw->faults.vanish);
}

static inline void nsim_ipsec_count(struct nsim_ipsec *hw, enum nsim_ipsec_counter which)
{
	atomic_long_inc(&hw->counters[which]);
}

/* SA table */
int nsim_ipsec_sa_table_init(struct nsim_ipsec *hw);
void nsim_ipsec_sa_table_destroy(struct nsim_ipsec *hw);
int nsim_ipsec_sa_add(struct nsim_ipsec *hw, struct xfrm_state *x, struct netlink_ext_ack *extack);
int nsim_ipsec_sa_add_larval(struct nsim_ipsec *hw, struct xfrm_state *x);
struct nsim_ipsec_sa *nsim_ipsec_sa_of(struct nsim_ipsec *hw, const struct xfrm_state *x);
bool nsim_ipsec_sa_delete(struct nsim_ipsec *hw, struct xfrm_state *x);
bool nsim_ipsec_sa_free(struct nsim_ipsec *hw, struct xfrm_state *x);
void nsim_ipsec_sa_stop(struct nsim_ipsec_sa *sa);
void nsim_ipsec_sa_report(struct nsim_ipsec_sa *sa, u64 *bytes, u64 *packets);
void nsim_ipsec_sa_refused(struct nsim_ipsec_sa *sa, int err);
void nsim_ipsec_sa_report_refused(struct nsim_ipsec_sa *sa);
struct nsim_ipsec_sa *nsim_ipsec_sa_find_in(struct nsim_ipsec *hw,
					    const struct nsim_ipsec_flow *flow, __be32 spi);
struct nsim_ipsec_sa *nsim_ipsec_sa_find_out(struct nsim_ipsec *hw,
					     const struct nsim_ipsec_policy *policy,
					     const struct nsim_ipsec_flow *flow);
void nsim_ipsec_sa_count_crypto(struct nsim_ipsec_sa *sa, unsigned int len);
int nsim_ipsec_sa_next_seq(struct nsim_ipsec_sa *sa, unsigned int len, u64 *seq);
void nsim_ipsec_sa_sent(struct nsim_ipsec_sa *sa);
int nsim_ipsec_sa_check_window(struct nsim_ipsec_sa *sa, u64 seq);
int nsim_ipsec_sa_accept(struct nsim_ipsec_sa *sa, u64 seq, unsigned int len);

/* policy table */
int nsim_ipsec_policy_table_init(struct nsim_ipsec *hw);
void nsim_ipsec_policy_table_destroy(struct nsim_ipsec *hw);
int nsim_ipsec_policy_add(struct nsim_ipsec *hw, struct xfrm_policy *xp,
			  struct netlink_ext_ack *extack);
bool nsim_ipsec_policy_delete(struct nsim_ipsec *hw, struct xfrm_policy *xp);
bool nsim_ipsec_policy_free(struct nsim_ipsec *hw, struct xfrm_policy *xp);
const struct nsim_ipsec_policy *nsim_ipsec_policy_find(struct nsim_ipsec *hw, u8 dir,
						       const struct nsim_ipsec_flow *flow);
bool nsim_ipsec_policy_accepts(const struct nsim_ipsec_policy *policy,
			       const struct nsim_ipsec_sa *sa);

/* ESP */
int nsim_ipsec_esp_seal(struct nsim_ipsec_sa *sa, struct sk_buff *skb,
			const struct nsim_ipsec_flow *flow);
int nsim_ipsec_esp_open(struct nsim_ipsec_sa *sa, struct sk_buff *skb,
			const struct nsim_ipsec_flow *flow);
int nsim_ipsec_esp_encrypt_payload(struct nsim_ipsec_sa *sa, struct sk_buff *skb,
				   const struct nsim_ipsec_flow *flow,
				   const struct xfrm_offload *xo);
int nsim_ipsec_esp_decrypt_payload(struct nsim_ipsec_sa *sa, struct sk_buff *skb,
				   const struct nsim_ipsec_flow *flow);

/* secpath */
bool nsim_ipsec_attach(struct nsim_ipsec_sa *sa, struct sk_buff *skb,
		       u32 status);

/* debugfs */
void nsim_ipsec_op(struct nsim_ipsec *hw, enum nsim_ipsec_op which);
void nsim_ipsec_debugfs_add(struct nsim_ipsec *hw, struct dentry *port);
void nsim_ipsec_debugfs_remove(struct nsim_ipsec *hw);

#endif
