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

/**
 * xfrm_state_go_invalid - an SA becomes XFRM_STATE_INVALID
 * @x: SA that carries packets, or will
 * @reason: why
 * @dev: the device that it loses, or NULL
 *
 * Of one that is still being added the caller that adds it learns from
 * xfrm_state_publish(), and nobody else is told.
 *
 * Context: under @x->lock; takes the state lock of the netns.
 */
void xfrm_state_go_invalid(struct xfrm_state *x, enum xfrm_unbind_reason reason,
			   const struct net_device *dev)
{
	struct net *net = xs_net(x);

	lockdep_assert_held(&x->lock);

	x->unbound.reason = reason;
	if (dev) {
		x->unbound.ifindex = dev->ifindex;
		strscpy(x->unbound.ifname, dev->name);
	}
	if (x->km.state == XFRM_STATE_VOID)
		x->unbound.untold = true;
	/* Pairs with xfrm_state_is_invalid(): who sees the state sees why. */
	smp_store_release(&x->km.state, XFRM_STATE_INVALID);
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
 * Its device may have gone between the add on the hardware and here. Then the
 * addition has failed: the caller deletes @x.
 *
 * Context: any; takes @x->lock.
 * Return: 0, or -ENODEV.
 */
int xfrm_state_publish(struct xfrm_state *x)
{
	int err = 0;

	spin_lock_bh(&x->lock);
	if (x->km.state == XFRM_STATE_VOID)
		x->km.state = XFRM_STATE_VALID;
	else if (x->km.state == XFRM_STATE_INVALID && x->unbound.untold)
		err = -ENODEV;
	spin_unlock_bh(&x->lock);

	return err;
}
EXPORT_SYMBOL_GPL(xfrm_state_publish);

/**
 * xfrm_state_lookup_exact - find the SA that has exactly this mark
 * @net: network namespace
 * @mark: the mark
 * @daddr: destination
 * @spi: SPI
 * @proto: protocol
 * @family: address family
 *
 * Others may serve packets of that mark, too.
 *
 * Context: under the state lock of @net.
 * Return: the SA, without a reference, or NULL.
 */
struct xfrm_state *xfrm_state_lookup_exact(struct net *net,
					   const struct xfrm_mark *mark,
					   const xfrm_address_t *daddr,
					   __be32 spi, u8 proto,
					   unsigned short family)
{
	struct hlist_head *table;
	struct xfrm_state *x;
	unsigned int h;

	table = rcu_dereference_protected(net->xfrm.state_byspi,
					  lockdep_is_held(&net->xfrm.xfrm_state_lock));
	h = __xfrm_spi_hash(daddr, spi, proto, family, net->xfrm.state_hmask);
	hlist_for_each_entry(x, table + h, byspi)
		if (x->props.family == family && x->id.spi == spi &&
		    x->id.proto == proto &&
		    xfrm_addr_equal(&x->id.daddr, daddr, family) &&
		    x->mark.m == mark->m &&
		    !((x->mark.v ^ mark->v) & mark->m))
			return x;

	return NULL;
}

/**
 * xfrm_state_has_twin - does a VALID SA answer to the name of a new one?
 * @x: an SA, not in the SAD
 *
 * One that is larval or ends may stand before it.
 *
 * Context: process; takes the state lock of the netns.
 * Return: whether there is one.
 */
bool xfrm_state_has_twin(const struct xfrm_state *x)
{
	struct net *net = read_pnet(&x->xs_net);
	u16 family = x->props.family;
	struct hlist_head *table;
	struct xfrm_state *y;
	bool found = false;

	spin_lock_bh(&net->xfrm.xfrm_state_lock);
	table = rcu_dereference_protected(net->xfrm.state_byspi,
					  lockdep_is_held(&net->xfrm.xfrm_state_lock));
	table += __xfrm_spi_hash(&x->id.daddr, x->id.spi, x->id.proto, family,
				 net->xfrm.state_hmask);
	hlist_for_each_entry(y, table, byspi)
		found |= y->props.family == family && y->id.spi == x->id.spi &&
			 y->id.proto == x->id.proto &&
			 xfrm_addr_equal(&y->id.daddr, &x->id.daddr, family) &&
			 (x->mark.v & x->mark.m & y->mark.m) == y->mark.v &&
			 READ_ONCE(y->km.state) == XFRM_STATE_VALID;
	spin_unlock_bh(&net->xfrm.xfrm_state_lock);

	return found;
}

/**
 * xfrm_unbound_yield - may a new SA be added where an INVALID one is?
 * @x: the new SA
 * @old: in: an SA that the lookup key of @x finds, which is INVALID only if all
 *	are that it finds; out: the one that @x replaces, or NULL. A reference
 *	goes with it.
 *
 * An INVALID SA of another mark is another SA: it is not in the way, and goes
 * on blocking what it blocks.
 *
 * Context: under the state lock of the netns.
 * Return: 0 if @x can be added, and xfrm_unbound_replace() called with *@old;
 * -EEXIST if *@old is not INVALID; the error of a security module that does not
 * let the caller delete *@old.
 */
int xfrm_unbound_yield(const struct xfrm_state *x, struct xfrm_state **old)
{
	struct xfrm_state *exact = *old;
	int err;

	if (!xfrm_state_is_invalid(exact) || xfrm_state_kern(exact))
		return -EEXIST;

	if (xfrm_id_proto_match(x->id.proto, IPSEC_PROTO_ANY))
		exact = xfrm_state_lookup_exact(read_pnet(&x->xs_net),
						&x->mark,
						&x->id.daddr, x->id.spi,
						x->id.proto, x->props.family);
	if (exact)
		xfrm_state_hold(exact);
	xfrm_state_put(*old);
	*old = exact;
	if (!exact)
		return 0;

	if (!xfrm_state_is_invalid(exact) || xfrm_state_kern(exact))
		return -EEXIST;
	err = security_xfrm_state_delete(exact);
	if (err)
		xfrm_audit_state_delete(exact, 0, true);

	return err;
}

/**
 * xfrm_unbound_replace - a new SA is there, the INVALID one goes
 * @x: the new SA, in the SAD; valid if this succeeds
 * @old: from xfrm_unbound_yield()
 *
 * If the new one's device has gone meanwhile, the old one stays, with what it
 * blocks.
 *
 * Context: process; takes the locks of both, and the state lock of the netns.
 * Return: 0; -ENODEV with @x off the SAD, and the SAD's reference to it the
 * caller's again.
 */
int xfrm_unbound_replace(struct xfrm_state *x, struct xfrm_state *old)
{
	int err = xfrm_state_publish(x);

	if (err) {
		xfrm_state_hold(x);
		xfrm_state_delete(x);
		return err;
	}

	xfrm_state_delete(old);
	xfrm_audit_state_delete(old, 1, true);
	return 0;
}

/* A lookup did not take this SA for a packet. If it is VALID all the same, it
 * became so just now, or has another device than the policy: it may be in
 * software while the policy is offloaded, until an unbind has converted that,
 * or be offloaded before the policy is again.
 */
static bool xfrm_state_serves(struct xfrm_state *x,
			      const struct xfrm_policy *pol,
			      const struct flowi *fl, unsigned short family)
{
	return x->pcpu_num == UINT_MAX &&
	       (!x->sel.family ||
		(x->sel.family == family &&
		 xfrm_selector_match(&x->sel, fl, family))) &&
	       security_xfrm_state_pol_flow_match(x, (struct xfrm_policy *)pol,
						  &fl->u.__fl_common);
}

/**
 * xfrm_state_stands - does an SA stand for a template of which it takes no packet?
 * @pol: the template's policy
 * @x: an SA that matches the template, and was not taken for the packet
 * @fl: the flow
 * @family: address family of the flow
 *
 * An optional template ("level use") passes packets as they are while its SA
 * was never negotiated. Once there was one, its loss with a device must not
 * turn the flow into cleartext; nor its replacement, while one is going and the
 * other is not VALID yet. Where one is about to be VALID, no key manager is
 * asked for it.
 *
 * Ask after the lookup has looked at @x: an SA that becomes INVALID between the
 * two counts. One that is off the hash tables before the lookup comes to it has
 * changed their generation, see __xfrm_state_delete().
 *
 * Context: inside rcu_read_lock().
 * Return: 0; XFRM_STANDS if an optional template blocks; with
 * XFRM_STANDS_SOON, if an SA is about to carry its packets; with
 * XFRM_STANDS_ELSEWHERE, if one would, were it on the policy's device.
 */
u8 xfrm_state_stands(const struct xfrm_policy *pol, struct xfrm_state *x,
		     const struct flowi *fl, unsigned short family)
{
	switch (READ_ONCE(x->km.state)) {
	case XFRM_STATE_INVALID:
		if (READ_ONCE(x->unbound.moving))
			return XFRM_STANDS | XFRM_STANDS_SOON;
		return XFRM_STANDS;
	case XFRM_STATE_VOID:
	case XFRM_STATE_DEAD: /* its successor may be where we have been */
		return XFRM_STANDS | XFRM_STANDS_SOON;
	case XFRM_STATE_VALID:
		if (!xfrm_state_serves(x, pol, fl, family))
			return 0;
		return xfrm_offload_agrees(pol, x) ?
		       XFRM_STANDS | XFRM_STANDS_SOON :
		       XFRM_STANDS | XFRM_STANDS_ELSEWHERE;
	default:
		return 0;
	}
}

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
 * xfrm_replay_put - add the replay state to a message about an SA
 * @skb: the message
 * @x: the SA
 *
 * What a key manager reads here it may write into another SA with the same key.
 * So numbers that are not those of the last packet are not shown: of an SA that
 * is INVALID and not exact nothing is added. Of a live one they are those of
 * this moment, if its driver can tell; xfrm_tail_meet() knows those of the last
 * packet later.
 *
 * Context: any.
 * Return: 0, or -EMSGSIZE if there is no room.
 */
int xfrm_replay_put(struct sk_buff *skb, struct xfrm_state *x)
{
	if (xfrm_state_is_invalid(x) && !READ_ONCE(x->unbound.exact))
		return 0;

	if (x->xso.type == XFRM_DEV_OFFLOAD_PACKET)
		xfrm_dev_state_update_stats(x);
	if (!x->replay_esn)
		return nla_put(skb, XFRMA_REPLAY_VAL, sizeof(x->replay),
			       &x->replay);

	return nla_put(skb, XFRMA_REPLAY_ESN_VAL,
		       xfrm_replay_state_esn_len(x->replay_esn), x->replay_esn);
}
EXPORT_SYMBOL_GPL(xfrm_replay_put);

/**
 * xfrm_unbound_size - room that xfrm_unbound_put() may need
 * @x: the SA
 *
 * An SA may become INVALID after it was asked, so the answer does not depend on
 * its state.
 *
 * Return: bytes.
 */
unsigned int xfrm_unbound_size(const struct xfrm_state *x)
{
	return nla_total_size(nla_total_size(sizeof(u32)) +
			      nla_total_size(sizeof(u32)) +
			      nla_total_size(IFNAMSIZ) +
			      nla_total_size(0));
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
 *	at the same time, nor of one that was not yet published
 *
 * Context: process.
 */
void xfrm_unbound_tell(struct xfrm_state *x)
{
	if (!xfrm_state_is_invalid(x) || x->unbound.untold)
		return;

	XFRM_INC_STATS(xs_net(x), LINUX_MIB_XFRMSTATEUNBOUND);
	xfrm_unbound_audit(x);
	km_state_expired(x, 1, 0);
}

/**
 * xfrm_unbound_tell_added - tell of an SA that was added as INVALID
 * @x: a new SA, in the SAD
 *
 * Context: process.
 */
void xfrm_unbound_tell_added(struct xfrm_state *x)
{
	if (xfrm_state_is_invalid(x) && x->unbound.reason == XFRM_UNBIND_TAIL)
		xfrm_unbound_tell(x);
}
EXPORT_SYMBOL_GPL(xfrm_unbound_tell_added);
