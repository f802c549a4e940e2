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

/*
 * The stack has taken the tag off the frame and keeps it beside, as it also does
 * with one that a device or a veth has handed over so, which XDP did not see. A
 * frame that is sent gets the one beside it.
 */
INLINE __be32 tag_beside(const struct __sk_buff *skb)
{
	return skb->vlan_present ? htonl(ntohs((__u16)skb->vlan_proto) << 16 | skb->vlan_tci) : 0;
}

/* Gives the frame another tag, or none, in place of what it has. */
INLINE int retag(struct __sk_buff *skb, __be32 tag)
{
	return !bpf_skb_vlan_pop(skb) &&
	       (!tag || !bpf_skb_vlan_push(skb, htons(ETH_P_8021Q), ntohl(tag)));
}

INLINE void view(struct bytes *b, const struct __sk_buff *skb)
{
	b->data = (void *)(long)skb->data;
	b->rest = b->data;
	b->end = (void *)(long)skb->data_end;
}

/* Makes the reply of a frame and returns the interface by which it leaves, 0 if there is
 * none. */
INLINE __u32 answer_for(struct __sk_buff *skb, __u32 lane, __u32 ifindex)
{
	const struct image *image = bpf_map_lookup_elem(&images, &lane);
	struct heard *heard = bpf_map_lookup_elem(&heards, &lane);
	struct bytes b = {.tag = tag_beside(skb)};
	__u64 now = bpf_ktime_get_ns();
	const struct answer *a;
	struct reply *reply;
	__be32 tag;
	__u32 len;

	/* The mark says who; whether still is asked again: two frames may have
	 * been marked before the first reply moved the gate. */
	if (!image || !heard)
		return 0;
	view(&b, skb);
	len = matches(ifindex, &b, image);
	if (!len)
		return 0;
	reply = due(lane, heard, now);
	if (!reply)
		return 0;
	a = &reply->answer[reply->gen & 1];
	tag = tag_in(a->len);
	if (!a->out && !same_vlan(tag, b.tag)) /* one link is one VLAN; another may be any */
		return 0;
	if ((tag != b.tag && !retag(skb, tag)) || !renew(skb, len))
		return 0;
	b.tag = tag;
	view(&b, skb);
	return put_reply(&b, 0, skb->ifindex, len, reply, heard, now);
}

SEC("tcx/ingress")
int xbfd_tc(struct __sk_buff *skb)
{
	const struct mark *mark = (void *)(long)skb->data_meta;
	__u32 out;

	if ((void *)(mark + 1) > (void *)(long)skb->data || mark->magic != MARK)
		return TCX_NEXT;
	out = answer_for(skb, mark->lane, mark->ifindex);
	if (!out)
		return TCX_DROP;
	skb->priority = TC_PRIO_CONTROL; /* no queue of the device's may hold it up */
	count(INSURED);
	return bpf_redirect(out, 0);
}
