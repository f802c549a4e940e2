/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the XDP program does with a packet that names one of our sessions, before
 * anything else is asked.
 */
#pragma once

#include "insure.h"

enum insurance {
	INSURE_OFF,
	INSURE_TC, /* the tc program answers: reaches every kind of peer; XDP_TX without metadata */
	INSURE_TX, /* XDP_TX: on veth only a peer with native XDP gets it */
};

/* Of this interface, an enum insurance. */
__u8 insurance = INSURE_OFF;

/* In front of a frame that is handed to the tc program: it cannot come from the
 * wire. Drivers that do not carry metadata to the stack refuse it. */
struct mark {
	__u32 magic;
	__u32 lane;
	__u32 ifindex; /* whose frame it is: the stack's view of it comes later */
};

#define MARK 0x78626664

INLINE int put_mark(struct xdp_md *ctx, __u32 lane, __u32 ifindex)
{
	struct mark *mark;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*mark)))
		return 0;
	mark = (void *)(long)ctx->data_meta;
	if ((void *)(mark + 1) > (void *)(long)ctx->data)
		return 0;
	mark->magic = MARK;
	mark->lane = lane;
	mark->ifindex = ifindex;
	return 1;
}

/* STEERED: no session expects the frame. */
INLINE enum verdict hear(struct xdp_md *ctx, __u32 ifindex, const struct bytes *b, __u32 lane)
{
	const struct image *image = bpf_map_lookup_elem(&images, &lane);
	struct heard *heard = bpf_map_lookup_elem(&heards, &lane);
	__u8 how = *(const volatile __u8 *)&insurance;
	struct bytes again = *b;
	struct reply *reply;
	__u32 len;
	__u64 now;

	if (!image || !heard)
		return STEERED;
	len = matches(ifindex, b, image);
	if (!len)
		return STEERED;
	now = bpf_ktime_get_ns();
	note(heard, now);
	if (how == INSURE_OFF)
		return HEARD;
	reply = due(lane, heard, now);
	if (!reply)
		return HEARD;
	if (how == INSURE_TC) {
		if (put_mark(ctx, lane, ifindex))
			return PASS_TO_TC;
		/* As with vmxnet3. Such a driver sends by XDP_TX, which reaches every kind
		 * of peer but on veth, and that takes the mark. */
		if (find_tag(&again, (void *)(long)ctx->data, (void *)(long)ctx->data_end) != STEERED)
			return HEARD;
	}
	return put_reply(&again, 1, ctx->ingress_ifindex, len, reply, heard, now) ? INSURED : HEARD;
}
