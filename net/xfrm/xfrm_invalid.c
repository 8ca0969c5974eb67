// SPDX-License-Identifier: GPL-2.0
/*
 * INVALID SAs: how an SA becomes one, what user space sees of it, what it still
 * blocks, and what replaces it.
 */

#include <net/netlink.h>
#include <net/xfrm.h>
#include <trace/events/xfrm.h>

#include "xfrm_offload.h"
#include "xfrm_hash.h"

/**
 * xfrm_state_go_invalid - an SA becomes XFRM_STATE_INVALID
 * @x: SA that carries packets now, or later
 * @reason: why
 * @dev: its device, or NULL
 *
 * If @x is still being added, xfrm_state_publish() tells the caller that adds
 * it, and nobody else is told.
 *
 * Context: under @x->lock; takes the state lock of the netns.
 */
void xfrm_state_go_invalid(struct xfrm_state *x,
			   enum xfrm_invalid_reason reason,
			   const struct net_device *dev)
{
	struct net *net = xs_net(x);

	lockdep_assert_held(&x->lock);

	x->invalid.reason = reason;
	x->invalid.time = ktime_get_real_seconds();
	if (dev) {
		x->invalid.ifindex = dev->ifindex;
		strscpy(x->invalid.ifname, dev->name);
	}
	if (x->km.state == XFRM_STATE_VOID)
		x->invalid.untold = true;
	/* Nobody is asked for another SA until the key managers are told. */
	x->invalid.held = true;
	/* Pairs with xfrm_state_is_invalid(): the reason is visible first. */
	smp_store_release(&x->km.state, XFRM_STATE_INVALID);
	/* Its soft lifetime is over: no second soft EXPIRE. */
	x->km.dying = 1;
	trace_xfrm_sa_fenced(x, x->invalid.ifname, reason);

	spin_lock(&net->xfrm.xfrm_state_lock);
	if (!hlist_unhashed(&x->state_cache))
		hlist_del_init_rcu(&x->state_cache);
	if (!hlist_unhashed(&x->state_cache_input))
		hlist_del_init_rcu(&x->state_cache_input);
	spin_unlock(&net->xfrm.xfrm_state_lock);
}

/**
 * xfrm_state_publish - let a new SA carry packets
 * @x: SA that has just been added
 *
 * Its device may have gone away since the SA was offloaded. Then the addition
 * has failed, and the caller deletes @x.
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
	else if (x->km.state == XFRM_STATE_INVALID && x->invalid.untold)
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
 * Another SA may match packets with that mark, too.
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
 * xfrm_state_has_twin - does a new SA duplicate a VALID one?
 * @x: SA that is not in the SAD
 *
 * All SAs of the hash chain are compared: a larval or expired one may precede
 * the VALID one.
 *
 * Context: process; takes the state lock of the netns.
 * Return: true if a lookup of a packet could find either of them.
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
 * xfrm_invalid_may_replace - check that a new SA may replace an INVALID one
 * @x: the new SA
 * @old: in: an SA that the lookup key of @x finds, which is INVALID only if all
 *	SAs with that key are; out: the SA that @x replaces, or NULL. A
 *	reference is passed both ways.
 *
 * An INVALID SA with another mark is another SA: it stays.
 *
 * Context: under the state lock of the netns.
 * Return: 0 if @x can be added, and xfrm_invalid_replace() called with *@old;
 * -EEXIST if *@old is not INVALID; the error of a security module that does not
 * let the caller delete *@old.
 */
int xfrm_invalid_may_replace(const struct xfrm_state *x,
			     struct xfrm_state **old)
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
 * xfrm_invalid_replace - publish a new SA and delete the INVALID one
 * @x: the new SA, in the SAD; valid if this succeeds
 * @old: from xfrm_invalid_may_replace()
 *
 * If the device of the new SA has gone away in the meantime, the INVALID SA
 * stays.
 *
 * Context: process; takes the locks of both, and the state lock of the netns.
 * Return: 0; -ENODEV with @x off the SAD, and the SAD's reference to it the
 * caller's again.
 */
int xfrm_invalid_replace(struct xfrm_state *x, struct xfrm_state *old)
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

/* A lookup has not used this SA for a packet. If it is VALID, either it became so
 * since, or policy and SA are not on one device: an unbind has not converted
 * the policy yet, or the policy is not offloaded again yet.
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
 * xfrm_state_stands - does an unusable SA make its template mandatory?
 * @pol: the template's policy
 * @x: SA that matches the template and was not used for the packet
 * @fl: the flow
 * @family: address family of the flow
 *
 * An optional template ("level use") lets packets pass in clear until its SA
 * has been negotiated. After that, neither an unbind of the SA nor its
 * replacement, while the old SA is being deleted and the new one is not VALID
 * yet, may turn the flow into cleartext. If an SA is about to become VALID, or
 * its expiry is held back (xfrm_invalid_tell.c), no key manager is asked for one.
 *
 * Call it after the lookup has tested @x, so that an SA that becomes INVALID in
 * between is not missed. An SA that is unhashed before the lookup reaches it
 * has changed the generation of the hash tables, see __xfrm_state_delete().
 *
 * Context: inside rcu_read_lock().
 * Return: 0; XFRM_STANDS if an optional template blocks; in addition
 * XFRM_STANDS_SOON if an SA is about to carry its packets, or
 * XFRM_STANDS_ELSEWHERE if there is one, but not on the policy's device.
 */
u8 xfrm_state_stands(const struct xfrm_policy *pol, struct xfrm_state *x,
		     const struct flowi *fl, unsigned short family)
{
	switch (READ_ONCE(x->km.state)) {
	case XFRM_STATE_INVALID:
		trace_xfrm_sa_blocks(x, x->invalid.ifname, x->invalid.reason);
		if (!READ_ONCE(x->invalid.blocks))
			WRITE_ONCE(x->invalid.blocks, true);
		if (READ_ONCE(x->invalid.migrating) || xfrm_invalid_is_new(x))
			return XFRM_STANDS | XFRM_STANDS_SOON;
		return XFRM_STANDS;
	case XFRM_STATE_VOID:
	case XFRM_STATE_DEAD: /* its successor may precede it in the chain */
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
 * xfrm_invalid_says_exact - are the last numbers of an SA known?
 * @attr: its XFRMA_INVALID
 *
 * Context: any.
 * Return: whether they are.
 */
bool xfrm_invalid_says_exact(const struct nlattr *attr)
{
	return nla_find_nested(attr, XFRMA_INVALID_EXACT);
}

/**
 * xfrm_invalid_accept - check an XFRMA_INVALID that user space sends
 * @type: the request, XFRM_MSG_*
 * @attr: the attribute, or NULL
 * @extack: says what is wrong
 *
 * A key manager that copies an SA (GETSA, DELSA, NEWSA: MOBIKE) sends back all
 * attributes that it read. If the numbers of the INVALID SA are exact, the copy
 * can carry on, and the attribute has no effect. If they are not, nobody knows
 * them: a new SA becomes INVALID, see xfrm_tail_copied(), and an update is refused.
 *
 * Context: process.
 * Return: 0 or -EINVAL.
 */
int xfrm_invalid_accept(int type, const struct nlattr *attr,
			struct netlink_ext_ack *extack)
{
	if (!attr)
		return 0;

	if (type != XFRM_MSG_NEWSA && type != XFRM_MSG_UPDSA) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "Only a copy of an INVALID SA has XFRMA_INVALID");
		return -EINVAL;
	}

	if (type == XFRM_MSG_UPDSA && !xfrm_invalid_says_exact(attr)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "The device did not report the last sequence numbers of this SA: negotiate a new one");
		return -EINVAL;
	}

	return 0;
}
EXPORT_SYMBOL_GPL(xfrm_invalid_accept);

/**
 * xfrm_replay_put - add the replay state to a message about an SA
 * @skb: the message
 * @x: the SA
 *
 * A key manager may copy the numbers into another SA with the same key. So
 * nothing is added if the SA is INVALID and its numbers are not exact. The
 * numbers of a live SA are current if its driver reports them; when the key is
 * used again, xfrm_tail_meet() applies the final ones.
 *
 * Context: any.
 * Return: 0, or -EMSGSIZE if there is no room.
 */
int xfrm_replay_put(struct sk_buff *skb, struct xfrm_state *x)
{
	if (xfrm_state_is_invalid(x) && !READ_ONCE(x->invalid.exact))
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
