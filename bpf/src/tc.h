/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The tc program sends the replies that XDP_TX could not bring to the peer. It
 * touches nothing but frames that the XDP program has marked, and none of those
 * goes on into the stack.
 */
#pragma once

#include "hear.h"

#define TC_PRIO_CONTROL 7

/* More than all headers of a frame. */
#define SLACK 64

/*
 * Makes the frame len bytes long and forgets what the kernel knows of its
 * checksum: from a peer on this host it may be one that a device was to
 * complete, which would then happen to the reply's. A longer tail takes a sum
 * over the whole, and a head cut off takes the place where a sum was to begin.
 */
INLINE int renew(struct __sk_buff *skb, __u32 len)
{
	return !bpf_skb_change_tail(skb, len + SLACK, 0) &&
	       !bpf_skb_adjust_room(skb, -SLACK, BPF_ADJ_ROOM_MAC, 0);
}

INLINE int answer_for(struct __sk_buff *skb, __u32 lane)
{
	const struct image *image = bpf_map_lookup_elem(&images, &lane);
	struct heard *heard = bpf_map_lookup_elem(&heards, &lane);
	__u64 now = bpf_ktime_get_ns();
	struct reply *reply;
	__u32 len;

	/* The mark says who; whether still is asked again: two frames may have
	 * been marked before the first reply moved the gate. And only here is a
	 * VLAN tag seen that came beside the frame. */
	if (!image || !heard || skb->vlan_present)
		return 0;
	len = matches(skb->ifindex, (void *)(long)skb->data, (void *)(long)skb->data_end, image);
	if (!len)
		return 0;
	reply = due(lane, heard, now);
	if (!reply || !renew(skb, len))
		return 0;
	return put_reply((void *)(long)skb->data, (void *)(long)skb->data_end, len, reply, heard, now);
}

SEC("tcx/ingress")
int xbfd_tc(struct __sk_buff *skb)
{
	const struct mark *mark = (void *)(long)skb->data_meta;

	if ((void *)(mark + 1) > (void *)(long)skb->data || mark->magic != MARK)
		return TCX_NEXT;
	if (!answer_for(skb, mark->lane))
		return TCX_DROP;
	skb->priority = TC_PRIO_CONTROL; /* no queue of the device's may hold it up */
	count(INSURED);
	return bpf_redirect(skb->ifindex, 0);
}
