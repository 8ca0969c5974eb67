/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What happens to SAs and policies that a device holds. See
 * Documentation/networking/xfrm/xfrm_observe.rst. No key is in any event. "obj" is
 * the same in all events of one SA or policy: its address, hashed.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM xfrm

#if !defined(_TRACE_XFRM_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_XFRM_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netdevice.h>
#include <linux/tracepoint.h>
#include <net/xfrm.h>

#ifndef _TRACE_XFRM_TYPES
#define _TRACE_XFRM_TYPES

/**
 * enum xfrm_unbind_step - the steps of an unbind
 * @XFRM_STEP_FENCE: SAs become INVALID
 * @XFRM_STEP_CONVERT: policies become software policies
 * @XFRM_STEP_DRAIN: a grace period
 * @XFRM_STEP_STOP: the driver's callbacks
 * @XFRM_STEP_RECORD: the device is dropped
 * @XFRM_STEP_TELL: the key managers are told
 * @XFRM_STEPS: how many
 */
enum xfrm_unbind_step {
	XFRM_STEP_FENCE,
	XFRM_STEP_CONVERT,
	XFRM_STEP_DRAIN,
	XFRM_STEP_STOP,
	XFRM_STEP_RECORD,
	XFRM_STEP_TELL,
	XFRM_STEPS
};

/**
 * struct xfrm_unbind_times - how long an unbind took, if that is traced
 * @last: when the last step ended; 0 if it is not traced
 * @ns: nanoseconds of each step
 * @states: SAs
 * @policies: policies
 */
struct xfrm_unbind_times {
	u64	last;
	u64	ns[XFRM_STEPS];
	u32	states;
	u32	policies;
};

/* Room for an address as %pIS prints it */
#define XFRM_TRACE_ADDR		sizeof(struct sockaddr_in6)

static inline void xfrm_trace_addr(void *to, const xfrm_address_t *addr,
				   u16 family)
{
	struct sockaddr_in6 *sin6 = to;
	struct sockaddr_in *sin = to;

	memset(to, 0, sizeof(*sin6));
	sin->sin_family = family;
	if (family == AF_INET6)
		sin6->sin6_addr = addr->in6;
	else
		sin->sin_addr.s_addr = addr->a4;
}

#endif /* _TRACE_XFRM_TYPES */

TRACE_DEFINE_ENUM(XFRM_INVALID_DEV_DOWN);
TRACE_DEFINE_ENUM(XFRM_INVALID_DEV_UNREGISTER);
TRACE_DEFINE_ENUM(XFRM_INVALID_FEATURE_OFF);
TRACE_DEFINE_ENUM(XFRM_INVALID_SLAVE_LOST);
TRACE_DEFINE_ENUM(XFRM_INVALID_DRIVER);
TRACE_DEFINE_ENUM(XFRM_INVALID_MIGRATED);
TRACE_DEFINE_ENUM(XFRM_INVALID_TAIL);
TRACE_DEFINE_ENUM(XFRM_INVALID_EXHAUSTED);
TRACE_DEFINE_ENUM(XFRM_INVALID_REFUSED);

/* The words of xfrmctl */
#define xfrm_show_reason(reason)					\
	__print_symbolic(reason,					\
		{ 0,				"none" },		\
		{ XFRM_INVALID_DEV_DOWN,	"device-down" },	\
		{ XFRM_INVALID_DEV_UNREGISTER,	"device-unregistered" },\
		{ XFRM_INVALID_FEATURE_OFF,	"feature-off" },	\
		{ XFRM_INVALID_SLAVE_LOST,	"slave-lost" },		\
		{ XFRM_INVALID_DRIVER,		"driver" },		\
		{ XFRM_INVALID_MIGRATED,	"migrated" },		\
		{ XFRM_INVALID_TAIL,		"key-unknown" },	\
		{ XFRM_INVALID_EXHAUSTED,	"exhausted" },		\
		{ XFRM_INVALID_REFUSED,		"refused" })

#define xfrm_show_dir(dir)						\
	__print_symbolic(dir, { 0, "-" }, { 1, "in" }, { 2, "out" },	\
			 { 3, "fwd" })

/* --- a device */

TRACE_EVENT(xfrm_unbind_begin,
	    TP_PROTO(const struct net_device *dev, u8 reason, u32 states,
		     u32 policies),
	    TP_ARGS(dev, reason, states, policies),
	    TP_STRUCT__entry(__string(dev, dev ? dev->name : "-")
			     __field(u8, reason)
			     __field(u32, states)
			     __field(u32, policies)),
	    TP_fast_assign(__assign_str(dev);
			   __entry->reason = reason;
			   __entry->states = states;
			   __entry->policies = policies;),
	    TP_printk("dev=%s reason=%s states=%u policies=%u",
		      __get_str(dev), xfrm_show_reason(__entry->reason),
		      __entry->states, __entry->policies));

TRACE_EVENT(xfrm_unbind_end,
	    TP_PROTO(const struct net_device *dev, u8 reason,
		     const struct xfrm_unbind_times *times),
	    TP_ARGS(dev, reason, times),
	    TP_STRUCT__entry(__string(dev, dev ? dev->name : "-")
			     __field(u8, reason)
			     __field(u32, states)
			     __field(u32, policies)
			     __field(u64, fence_ns)
			     __field(u64, convert_ns)
			     __field(u64, drain_ns)
			     __field(u64, stop_ns)
			     __field(u64, record_ns)
			     __field(u64, tell_ns)),
	    TP_fast_assign(__assign_str(dev);
			   __entry->reason = reason;
			   __entry->states = times->states;
			   __entry->policies = times->policies;
			   __entry->fence_ns = times->ns[XFRM_STEP_FENCE];
			   __entry->convert_ns = times->ns[XFRM_STEP_CONVERT];
			   __entry->drain_ns = times->ns[XFRM_STEP_DRAIN];
			   __entry->stop_ns = times->ns[XFRM_STEP_STOP];
			   __entry->record_ns = times->ns[XFRM_STEP_RECORD];
			   __entry->tell_ns = times->ns[XFRM_STEP_TELL];),
	    TP_printk("dev=%s reason=%s states=%u policies=%u fence_ns=%llu convert_ns=%llu drain_ns=%llu stop_ns=%llu record_ns=%llu tell_ns=%llu",
		      __get_str(dev), xfrm_show_reason(__entry->reason),
		      __entry->states, __entry->policies, __entry->fence_ns,
		      __entry->convert_ns, __entry->drain_ns,
		      __entry->stop_ns, __entry->record_ns, __entry->tell_ns));

DECLARE_EVENT_CLASS(xfrm_device,
		    TP_PROTO(const struct net_device *dev, u32 states,
			     u32 policies, u32 failed),
		    TP_ARGS(dev, states, policies, failed),
		    TP_STRUCT__entry(__string(dev, dev->name)
				     __field(u32, states)
				     __field(u32, policies)
				     __field(u32, failed)),
		    TP_fast_assign(__assign_str(dev);
				   __entry->states = states;
				   __entry->policies = policies;
				   __entry->failed = failed;),
		    TP_printk("dev=%s states=%u policies=%u failed=%u",
			      __get_str(dev), __entry->states,
			      __entry->policies, __entry->failed));

DEFINE_EVENT(xfrm_device, xfrm_suspended,
	     TP_PROTO(const struct net_device *dev, u32 states, u32 policies,
		      u32 failed),
	     TP_ARGS(dev, states, policies, failed));

DEFINE_EVENT(xfrm_device, xfrm_restored,
	     TP_PROTO(const struct net_device *dev, u32 states, u32 policies,
		      u32 failed),
	     TP_ARGS(dev, states, policies, failed));

/* --- one SA */

DECLARE_EVENT_CLASS(xfrm_sa,
		    TP_PROTO(const struct xfrm_state *x, const char *dev,
			     u8 reason),
		    TP_ARGS(x, dev, reason),
		    TP_STRUCT__entry(__array(u8, saddr, XFRM_TRACE_ADDR)
				     __array(u8, daddr, XFRM_TRACE_ADDR)
				     __field(u32, spi)
				     __field(u8, proto)
				     __field(u8, dir)
				     __field(u8, reason)
				     __field(bool, exact)
				     __field(u32, reqid)
				     __field(const void *, obj)
				     __string(dev, dev)),
		    TP_fast_assign(xfrm_trace_addr(__entry->saddr,
						   &x->props.saddr,
						   x->props.family);
				   xfrm_trace_addr(__entry->daddr,
						   &x->id.daddr,
						   x->props.family);
				   __entry->spi = ntohl(x->id.spi);
				   __entry->proto = x->id.proto;
				   __entry->dir = x->xso.dir ?: x->dir;
				   __entry->reason = reason;
				   __entry->exact = x->invalid.exact;
				   __entry->reqid = x->props.reqid;
				   __entry->obj = x;
				   __assign_str(dev);),
		    TP_printk("src=%pISc dst=%pISc proto=%u spi=0x%08x reqid=%u dir=%s dev=%s reason=%s exact=%d obj=%p",
			      __entry->saddr, __entry->daddr, __entry->proto,
			      __entry->spi, __entry->reqid,
			      xfrm_show_dir(__entry->dir), __get_str(dev),
			      xfrm_show_reason(__entry->reason),
			      __entry->exact, __entry->obj));

/* It became INVALID. */
DEFINE_EVENT(xfrm_sa, xfrm_sa_fenced,
	     TP_PROTO(const struct xfrm_state *x, const char *dev, u8 reason),
	     TP_ARGS(x, dev, reason));

/* Its hardware has stopped. */
DEFINE_EVENT(xfrm_sa, xfrm_sa_stopped,
	     TP_PROTO(const struct xfrm_state *x, const char *dev, u8 reason),
	     TP_ARGS(x, dev, reason));

/* Listeners of the SAD and the audit log have it. */
DEFINE_EVENT(xfrm_sa, xfrm_sa_told,
	     TP_PROTO(const struct xfrm_state *x, const char *dev, u8 reason),
	     TP_ARGS(x, dev, reason));

/* The key managers have its expiry. */
DEFINE_EVENT(xfrm_sa, xfrm_sa_expired,
	     TP_PROTO(const struct xfrm_state *x, const char *dev, u8 reason),
	     TP_ARGS(x, dev, reason));

/* The lookup of a packet found it, and no other. */
DEFINE_EVENT(xfrm_sa, xfrm_sa_blocks,
	     TP_PROTO(const struct xfrm_state *x, const char *dev, u8 reason),
	     TP_ARGS(x, dev, reason));

/* A driver says that it is broken. */
DEFINE_EVENT(xfrm_sa, xfrm_sa_reported,
	     TP_PROTO(const struct xfrm_state *x, const char *dev, u8 reason),
	     TP_ARGS(x, dev, reason));

TRACE_EVENT(xfrm_sa_migrated,
	    TP_PROTO(const struct xfrm_state *x, const struct xfrm_state *to,
		     int err),
	    TP_ARGS(x, to, err),
	    TP_STRUCT__entry(__array(u8, daddr, XFRM_TRACE_ADDR)
			     __array(u8, new_daddr, XFRM_TRACE_ADDR)
			     __field(u32, spi)
			     __field(u8, proto)
			     __field(u32, reqid)
			     __field(u32, new_reqid)
			     __field(int, ifindex)
			     __field(int, err)
			     __field(const void *, obj)),
	    TP_fast_assign(xfrm_trace_addr(__entry->daddr,
					   &x->id.daddr,
					   x->props.family);
			   xfrm_trace_addr(__entry->new_daddr,
					   &to->id.daddr,
					   to->props.family);
			   __entry->spi = ntohl(x->id.spi);
			   __entry->proto = x->id.proto;
			   __entry->reqid = x->props.reqid;
			   __entry->new_reqid = to->props.reqid;
			   __entry->ifindex = to->xso.ifindex;
			   __entry->err = err;
			   __entry->obj = x;),
	    TP_printk("dst=%pISc proto=%u spi=0x%08x reqid=%u new_dst=%pISc new_reqid=%u new_ifindex=%d err=%d obj=%p",
		      __entry->daddr, __entry->proto, __entry->spi,
		      __entry->reqid, __entry->new_daddr, __entry->new_reqid,
		      __entry->ifindex, __entry->err, __entry->obj));

/* --- one policy */

TRACE_EVENT(xfrm_policy_converted,
	    TP_PROTO(const struct xfrm_policy *xp, const char *dev),
	    TP_ARGS(xp, dev),
	    TP_STRUCT__entry(__field(u32, index)
			     __field(u32, priority)
			     __field(u8, dir)
			     __field(const void *, obj)
			     __string(dev, dev)),
	    TP_fast_assign(__entry->index = xp->index;
			   __entry->priority = xp->priority;
			   __entry->dir = xp->xdo.dir;
			   __entry->obj = xp;
			   __assign_str(dev);),
	    TP_printk("index=%u priority=%u dir=%s dev=%s obj=%p",
		      __entry->index, __entry->priority,
		      xfrm_show_dir(__entry->dir), __get_str(dev),
		      __entry->obj));

/* --- a driver's callbacks; @id is the SPI of an SA, or the index of a policy */

TRACE_EVENT(xfrm_driver_begin,
	    TP_PROTO(const struct net_device *dev, const char *call,
		     const void *obj, u32 id),
	    TP_ARGS(dev, call, obj, id),
	    TP_STRUCT__entry(__string(dev, dev->name)
			     __string(call, call)
			     __field(const void *, obj)
			     __field(u32, id)),
	    TP_fast_assign(__assign_str(dev);
			   __assign_str(call);
			   __entry->obj = obj;
			   __entry->id = id;),
	    TP_printk("dev=%s call=%s id=0x%08x obj=%p", __get_str(dev),
		      __get_str(call), __entry->id, __entry->obj));

TRACE_EVENT(xfrm_driver_end,
	    TP_PROTO(const struct net_device *dev, const char *call,
		     const void *obj, u32 id, int err, u64 ns),
	    TP_ARGS(dev, call, obj, id, err, ns),
	    TP_STRUCT__entry(__string(dev, dev->name)
			     __string(call, call)
			     __field(const void *, obj)
			     __field(u32, id)
			     __field(int, err)
			     __field(u64, ns)),
	    TP_fast_assign(__assign_str(dev);
			   __assign_str(call);
			   __entry->obj = obj;
			   __entry->id = id;
			   __entry->err = err;
			   __entry->ns = ns;),
	    TP_printk("dev=%s call=%s id=0x%08x err=%d ns=%llu obj=%p",
		      __get_str(dev), __get_str(call), __entry->id,
		      __entry->err, __entry->ns, __entry->obj));

#endif /* _TRACE_XFRM_H */

#include <trace/define_trace.h>
