/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * xbfd's XDP program: takes the BFD frames of configured sessions out of an
 * interface's traffic and hands them to the engine's AF_XDP sockets. All other
 * traffic goes to the kernel untouched, so that another BFD daemon with the
 * same addresses goes on working (RFC 5082 section 3: what is not ours is not
 * dropped).
 *
 *	frame -> parse.h   at most one VLAN tag, plain IP, UDP to a
 *	                   port of BFD's?                               no: PASS
 *	      -> match.h   is the tag's VLAN one of ours? None at all:
 *	                   of the interface, or of its bond or bridge,
 *	                   unless it may have lost one, or the bond
 *	                   does not use the interface                   no: PASS
 *	      -> hear.h    just the frame that a session expects?      DROP, noted
 *	                   and its reply is overdue (insure.h)?         TX, or PASS to tc.h
 *	      -> match.h   Control, ports 3784 and 4784: a session's
 *	                   addresses, or its discriminator to one
 *	                   of our addresses?                            no: PASS
 *	         echo.h    Echo, port 3785: ours that came back, or a
 *	                   peer's that we are to loop?                  no: PASS
 *	      -> sent to this interface's MAC?                          no: PASS
 *	      -> TTL or hop limit as it must be?                        no: DROP
 *	      -> stamp, redirect to the socket of the queue of arrival
 *	                   is there none?                               PASS
 *	         or, the peer's Echo where user space says so: turn it  TX
 *
 * What user space has the program send comes by another way
 * in (live.h).
 *
 * Each interface has an instance of its own, with its own sockets, counters and
 * MAC; the tables of match.h are shared by all of them.
 *
 * Under a dual licence and saying so to the kernel, because which helpers are
 * kept for GPL-compatible programs differs between kernels (bpf_ktime_get_ns
 * was one of them before 5.8).
 */
#include "echo.h"
#include "live.h"
#include "tc.h"

char __license[] SEC("license") = "Dual MIT/GPL";

/* The interface's AF_XDP sockets by queue. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

/*
 * Puts the time of arrival (CLOCK_MONOTONIC, ns) in front of the frame, as
 * metadata that travels with it into the socket's memory. A driver may refuse
 * metadata: the reader then finds no stamp and takes its own time.
 */
INLINE void stamp(struct xdp_md *ctx)
{
	/* An Ethernet header is two bytes off the words' places, and so is what
	 * stands before it; not every machine takes that. */
	struct {
		__u64 time;
	} __attribute__((packed, aligned(2))) *at;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*at)))
		return;
	at = (void *)(long)ctx->data_meta;
	if ((void *)(at + 1) > (void *)(long)ctx->data)
		return;
	at->time = bpf_ktime_get_ns();
}

INLINE enum verdict judge(struct xdp_md *ctx, enum looping *how)
{
	__u32 ifindex = ctx->ingress_ifindex;
	const struct owner *owner;
	struct datagram d;
	struct bytes b;
	enum verdict v;

	v = find_tag(&b, (void *)(long)ctx->data, (void *)(long)ctx->data_end);
	if (v != STEERED)
		return v;
	v = leave(&b);
	if (v != STEERED)
		return v;
	v = parse(&b, &d);
	if (v != STEERED)
		return v;
	owner = find_owner(ifindex, &b);
	if (!owner)
		return PASS_VLAN;
	if (owner->ifindex)
		ifindex = owner->ifindex;
	if (heard_on && d.discr && d.port != PORT_ECHO) {
		__u32 *lane = bpf_map_lookup_elem(&discrs, &d.discr);

		v = lane ? hear(ctx, ifindex, &b, *lane) : STEERED;
		if (v != STEERED)
			return v;
	}
	if (d.port == PORT_ECHO)
		return judge_echo(ifindex, owner, b.data, &d, how);
	return judge_control(ifindex, owner, b.data, &d);
}

SEC("xdp")
int xbfd(struct xdp_md *ctx)
{
	enum looping how = LOOP_NOT;
	int action = XDP_PASS;
	enum verdict v;

	if (live_frames && ctx->ingress_ifindex == LOOPBACK)
		return send_next(ctx);
	v = judge(ctx, &how);
	switch (v) {
	case STEERED:
		stamp(ctx);
		action = bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS);
		if (action != XDP_REDIRECT)
			v = PASS_NO_SOCKET;
		break;
	case ECHO_LOOPED:
		if (turn((void *)(long)ctx->data, (void *)(long)ctx->data_end, how))
			action = XDP_TX;
		else
			v = PASS_OTHER;
		break;
	case INSURED:
		action = XDP_TX;
		break;
	case HEARD:
	case DROP_TTL:
		action = XDP_DROP;
		break;
	default:
		break;
	}
	count(v);
	return action;
}
