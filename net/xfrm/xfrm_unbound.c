// SPDX-License-Identifier: GPL-2.0
/*
 * Life of an SA after its device: what userspace sees of an INVALID SA, what it
 * still blocks, and what may take its place.
 */

#include <linux/audit.h>
#include <net/netlink.h>
#include <net/xfrm.h>

#include "xfrm_bind.h"
#include "xfrm_hash.h"

static bool xfrm_state_is_invalid(const struct xfrm_state *x)
{
	return READ_ONCE(x->km.state) == XFRM_STATE_INVALID;
}

/**
 * xfrm_state_go_invalid - an SA becomes XFRM_STATE_INVALID
 * @x: SA that carries packets, or will; the caller says why in @x->unbound
 *
 * Context: under @x->lock; takes the state lock of the netns.
 */
void xfrm_state_go_invalid(struct xfrm_state *x)
{
	struct net *net = xs_net(x);

	lockdep_assert_held(&x->lock);

	WRITE_ONCE(x->km.state, XFRM_STATE_INVALID);
	/* The hard EXPIRE says more than a soft one could later. */
	x->km.dying = 1;

	spin_lock(&net->xfrm.xfrm_state_lock);
	if (!hlist_unhashed(&x->state_cache))
		hlist_del_init_rcu(&x->state_cache);
	if (!hlist_unhashed(&x->state_cache_input))
		hlist_del_init_rcu(&x->state_cache_input);
	spin_unlock(&net->xfrm.xfrm_state_lock);
}

/**
 * xfrm_state_publish - a new SA may carry packets
 * @x: SA that has just been added
 *
 * Its device may have gone between the add on the hardware and here: then it
 * is INVALID already, and stays so.
 *
 * Context: any; takes @x->lock.
 */
void xfrm_state_publish(struct xfrm_state *x)
{
	spin_lock_bh(&x->lock);
	if (x->km.state == XFRM_STATE_VOID)
		x->km.state = XFRM_STATE_VALID;
	spin_unlock_bh(&x->lock);
}
EXPORT_SYMBOL_GPL(xfrm_state_publish);

/**
 * xfrm_unbound_yield - let a new SA take the place of an INVALID one
 * @x: the SA that has the address, SPI and protocol of the new one
 *
 * On success @x is found by address and SPI no more, but still blocks what it
 * blocked: the caller deletes it once the new SA is in.
 *
 * Context: under the state lock of the netns.
 * Return: 0 if @x made way; -EEXIST if it is not INVALID; the error of a
 * security module that does not let the caller delete it.
 */
int xfrm_unbound_yield(struct xfrm_state *x)
{
	int err;

	if (!xfrm_state_is_invalid(x) || xfrm_state_kern(x))
		return -EEXIST;

	err = security_xfrm_state_delete(x);
	if (err) {
		xfrm_audit_state_delete(x, 0, true);
		return err;
	}

	if (!hlist_unhashed(&x->byspi))
		hlist_del_init_rcu(&x->byspi);
	hlist_del_init_rcu(&x->bysrc);

	return 0;
}

/* What a lookup for an optional template was made for. */
struct xfrm_unbound_key {
	const struct xfrm_tmpl *tmpl;
	const struct xfrm_policy *pol;
	const struct flowi *fl;
	unsigned short family;
	const xfrm_address_t *daddr;
	const xfrm_address_t *saddr;
};

/* Would a lookup find this SA now that did not find it before? The one that
 * replaces an INVALID SA may have become valid between the two. It may be in
 * software while the policy is offloaded, until an unbind has converted that, or
 * be offloaded before the policy is again: it stands for the template all the
 * same.
 */
static bool xfrm_unbound_serves(struct xfrm_state *x,
				const struct xfrm_unbound_key *key)
{
	return x->pcpu_num == UINT_MAX &&
	       (!x->sel.family ||
		(x->sel.family == key->family &&
		 xfrm_selector_match(&x->sel, key->fl, key->family))) &&
	       security_xfrm_state_pol_flow_match(x, (struct xfrm_policy *)key->pol,
						  &key->fl->u.__fl_common);
}

/* An SA that is being added, perhaps in the place of an INVALID one, counts. */
static bool xfrm_unbound_stands(struct xfrm_state *x,
				const struct xfrm_unbound_key *key)
{
	switch (READ_ONCE(x->km.state)) {
	case XFRM_STATE_INVALID:
	case XFRM_STATE_VOID:
		return true;
	case XFRM_STATE_VALID:
		return xfrm_unbound_serves(x, key);
	default:
		return false;
	}
}

static bool xfrm_unbound_matches(struct xfrm_state *x,
				 const struct xfrm_unbound_key *key)
{
	const struct xfrm_tmpl *tmpl = key->tmpl;
	u32 mark = key->pol->mark.v & key->pol->mark.m;

	return x->props.family == tmpl->encap_family &&
	       x->props.mode == tmpl->mode &&
	       x->props.reqid == tmpl->reqid &&
	       x->id.proto == tmpl->id.proto &&
	       (!tmpl->id.spi || x->id.spi == tmpl->id.spi) &&
	       x->if_id == key->pol->if_id &&
	       (mark & x->mark.m) == x->mark.v &&
	       xfrm_addr_equal(&x->id.daddr, key->daddr, tmpl->encap_family) &&
	       (xfrm_addr_any(&x->props.saddr, tmpl->encap_family) ||
		xfrm_addr_equal(&x->props.saddr, key->saddr,
				tmpl->encap_family)) &&
	       xfrm_unbound_stands(x, key);
}

static bool xfrm_unbound_in_chain(struct net *net,
				  const struct xfrm_unbound_key *key,
				  const xfrm_address_t *saddr)
{
	const struct xfrm_tmpl *tmpl = key->tmpl;
	struct hlist_head *table;
	struct xfrm_state *x;
	unsigned int h;

	table = rcu_dereference_protected(net->xfrm.state_bydst,
					  lockdep_is_held(&net->xfrm.xfrm_state_lock));
	h = __xfrm_dst_hash(key->daddr, saddr, tmpl->reqid, tmpl->encap_family,
			    net->xfrm.state_hmask);

	hlist_for_each_entry(x, table + h, bydst)
		if (xfrm_unbound_matches(x, key))
			return true;

	return false;
}

/**
 * xfrm_unbound_blocks - does an INVALID SA stand for this template?
 * @net: network namespace
 * @tmpl: optional template ("level use") for which no valid SA was found
 * @pol: its policy
 * @fl: the flow
 * @family: address family of the flow
 * @daddr: where the template's SA would lead to
 * @saddr: where it would come from
 *
 * An optional template passes packets as they are while its SA was never
 * negotiated. Once there was one, its loss with a device must not turn the
 * flow into cleartext.
 *
 * Context: softirq or process; takes the state lock of the netns. Off the path
 * of every packet that has its SA.
 * Return: true if the packet has to be dropped.
 */
bool xfrm_unbound_blocks(struct net *net, const struct xfrm_tmpl *tmpl,
			 const struct xfrm_policy *pol, const struct flowi *fl,
			 unsigned short family, const xfrm_address_t *daddr,
			 const xfrm_address_t *saddr)
{
	static const xfrm_address_t any;
	const struct xfrm_unbound_key key = {
		.tmpl = tmpl,
		.pol = pol,
		.fl = fl,
		.family = family,
		.daddr = daddr,
		.saddr = saddr,
	};
	bool blocks;

	spin_lock_bh(&net->xfrm.xfrm_state_lock);
	blocks = xfrm_unbound_in_chain(net, &key, saddr) ||
		 xfrm_unbound_in_chain(net, &key, &any);
	spin_unlock_bh(&net->xfrm.xfrm_state_lock);

	return blocks;
}

/**
 * xfrm_unbound_xflags - the extra flags of an SA as userspace sees them
 * @x: the SA
 *
 * Return: props.extra_flags, and XFRM_SA_XFLAG_INVALID if the SA is INVALID.
 */
u32 xfrm_unbound_xflags(const struct xfrm_state *x)
{
	return x->props.extra_flags |
	       (xfrm_state_is_invalid(x) ? XFRM_SA_XFLAG_INVALID : 0);
}
EXPORT_SYMBOL_GPL(xfrm_unbound_xflags);

/**
 * xfrm_unbound_put - add XFRMA_UNBOUND to a message about an SA
 * @skb: the message
 * @x: the SA; nothing is added unless it is INVALID
 *
 * Return: 0, or -EMSGSIZE if there is no room.
 */
int xfrm_unbound_put(struct sk_buff *skb, const struct xfrm_state *x)
{
	const struct xfrm_unbound *u = &x->unbound;
	struct nlattr *nest;

	if (!xfrm_state_is_invalid(x))
		return 0;

	nest = nla_nest_start(skb, XFRMA_UNBOUND);
	if (!nest)
		return -EMSGSIZE;

	if (nla_put_u32(skb, XFRMA_UNBOUND_REASON, u->reason) ||
	    nla_put_u32(skb, XFRMA_UNBOUND_IFINDEX, u->ifindex) ||
	    nla_put_string(skb, XFRMA_UNBOUND_IFNAME, u->ifname) ||
	    (u->exact && nla_put_flag(skb, XFRMA_UNBOUND_EXACT))) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}

	nla_nest_end(skb, nest);
	return 0;
}
EXPORT_SYMBOL_GPL(xfrm_unbound_put);

/**
 * xfrm_unbound_size - room that xfrm_unbound_put() may need
 * @x: the SA
 *
 * Counts the extra flags of an INVALID SA in, too. An SA may become INVALID
 * after it was asked, so the answer does not depend on its state.
 *
 * Return: bytes.
 */
unsigned int xfrm_unbound_size(const struct xfrm_state *x)
{
	return nla_total_size(nla_total_size(sizeof(u32)) +
			      nla_total_size(sizeof(u32)) +
			      nla_total_size(IFNAMSIZ) +
			      nla_total_size(0)) +
	       (x->props.extra_flags ? 0 : nla_total_size(sizeof(u32)));
}
EXPORT_SYMBOL_GPL(xfrm_unbound_size);

/**
 * xfrm_unbound_audit - leave an audit record of an SA that became INVALID
 * @x: the SA
 *
 * Context: process.
 */
void xfrm_unbound_audit(struct xfrm_state *x)
{
#ifdef CONFIG_AUDITSYSCALL
	struct audit_buffer *ab = xfrm_audit_start("SA-unbind");

	if (!ab)
		return;

	if (x->props.family == AF_INET)
		audit_log_format(ab, " src=%pI4 dst=%pI4", &x->props.saddr.a4,
				 &x->id.daddr.a4);
	else
		audit_log_format(ab, " src=%pI6 dst=%pI6", x->props.saddr.a6,
				 x->id.daddr.a6);

	audit_log_format(ab, " spi=%u(0x%x) dev=", ntohl(x->id.spi),
			 ntohl(x->id.spi));
	audit_log_untrustedstring(ab, x->unbound.ifname);
	audit_log_format(ab, " reason=%u exact=%u res=1", x->unbound.reason,
			 x->unbound.exact);
	audit_log_end(ab);
#endif
}

/**
 * xfrm_unbound_tell - count, record and tell that an SA became INVALID
 * @x: the SA; nothing is told of one that is not INVALID, as it may have ended
 *	at the same time
 *
 * Context: process.
 */
void xfrm_unbound_tell(struct xfrm_state *x)
{
	if (!xfrm_state_is_invalid(x))
		return;

	XFRM_INC_STATS(xs_net(x), LINUX_MIB_XFRMSTATEUNBOUND);
	xfrm_unbound_audit(x);
	km_state_expired(x, 1, 0);
}
