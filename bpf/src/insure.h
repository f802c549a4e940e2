/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Insurance: while the engine does not come to send, what its peer goes on
 * sending is answered from here, so that the peer does not take a stall for the
 * loss of the path. Only a packet causes a reply, so nothing is sent between two
 * engines that both stand still.
 *
 * Each packet that the engine sends puts the gate of its session a little further
 * ahead than the next one: in normal running it never opens. Each reply puts it
 * ahead by the session's gap. An engine that has not been seen for its patience
 * is dead, and its sessions are to go down.
 */
#pragma once

#include "heard.h"

/* The layouts are those of package engine/fastpath. */
struct answer {
	__u64 len; /* 0: there is none. The upper half is the tag, 0 without one */
	__u64 out; /* the interface that it leaves by; 0: where what it answers came in */
	__u64 word[IMAGE_WORDS];
};

struct reply {
	__u64 gen; /* as that of struct image */
	__u64 gap;
	__u64 count;
	struct answer answer[2];
};

struct pulse {
	__u64 beat; /* the engine's last turn */
	__u64 patience;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct reply);
} replies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pulse);
} pulses SEC(".maps");

/* The reply of a session that has just been heard, if it is time for one. */
INLINE struct reply *due(__u32 lane, const struct heard *heard, __u64 now)
{
	__u64 gate = *(const volatile __u64 *)&heard->gate;
	const struct pulse *pulse;
	__u32 first = 0;

	if (!gate || (__s64)(now - gate) < 0)
		return 0;
	pulse = bpf_map_lookup_elem(&pulses, &first);
	if (!pulse || (__s64)(now - pulse->beat) > (__s64)pulse->patience)
		return 0;
	/* The engine opens the gate after it has laid down the reply. */
	lane += after(gate);
	return bpf_map_lookup_elem(&replies, &lane);
}

/* The tag of an answer whose length is given, as it stands in a frame. */
INLINE __be32 tag_in(__u64 len)
{
	return htonl((__u32)(len >> 32));
}

/* One VLAN, or no tag in either; the priorities may differ. */
INLINE int same_vlan(__be32 a, __be32 b)
{
	return !((a ^ b) & htonl(0xffff0000 | TAG_VLAN));
}

/* The first two words, around the tag that stands between their last halves. All
 * three return the bits of what they have read, for still(). */
INLINE __u64 put_head(const struct bytes *b, const struct answer *a)
{
	__u64 first = a->word[0];
	__u32 third = half_at(a->word, 2), fourth = half_at(a->word, 3);

	*(volatile __u64 *)b->data = first;
	*(volatile __u32 *)(b->data + 8) = third;
	*(volatile __u32 *)(b->rest + 12) = fourth;
	return first | third | fourth;
}

INLINE __u64 put4(const struct bytes *b, const struct answer *a)
{
	__u16 two = *(const __u16 *)&a->word[IMAGE_WORDS - 1];
	__u64 seen = put_head(b, a) | two;

	*(volatile __u16 *)(b->rest + 64) = two;
#pragma unroll
	for (int i = 2; i < 8; i++) {
		__u64 w = a->word[i];

		*(volatile __u64 *)(b->rest + 8 * i) = w;
		seen |= w;
	}
	return seen;
}

INLINE __u64 put6(const struct bytes *b, const struct answer *a)
{
	const void *last = &a->word[IMAGE_WORDS - 1];
	__u16 two = *(const __u16 *)last;
	__u32 four = *(const __u32 *)(last + 2);
	__u64 seen = put_head(b, a) | two | four;

#pragma unroll
	for (int i = 2; i < 10; i++) {
		__u64 w = a->word[i];

		*(volatile __u64 *)(b->rest + 8 * i) = w;
		seen |= w;
	}
	/* Four bytes last, not two as above: the compiler would make one store of
	 * both, at a chosen offset (see parse_udp). */
	*(volatile __u16 *)(b->rest + 80) = two;
	*(volatile __u32 *)(b->rest + 82) = four;
	return seen;
}

/*
 * Makes of a frame of len bytes the reply and returns the interface by which that
 * leaves; back says that it can only be the one that the frame came in by, ifindex,
 * and that a tag stands in the frame. 0 when that cannot be, or when the engine wrote
 * another meanwhile: the frame is then good for nothing.
 */
INLINE __u32 put_reply(const struct bytes *b, int back, __u32 ifindex, __u32 len,
		       struct reply *reply, struct heard *heard, __u64 now)
{
	__u64 gen = *(const volatile __u64 *)&reply->gen;
	const struct answer *a = &reply->answer[gen & 1];
	__u64 seen = *(const volatile __u64 *)&a->len;
	__u64 out = *(const volatile __u64 *)&a->out;
	__be32 tag = tag_in(seen);

	if ((__u32)seen != len || !same_vlan(tag, b->tag))
		return 0;
	if (!out)
		out = ifindex;
	if (back && out != ifindex)
		return 0;
	seen |= out;
	if (len == IMAGE_LEN4) {
		if (b->rest + IMAGE_LEN4 > b->end)
			return 0;
		seen |= put4(b, a);
	} else {
		if (b->rest + IMAGE_LEN6 > b->end)
			return 0;
		seen |= put6(b, a);
	}
	if (back && tag)
		*(volatile __be32 *)(b->data + 12) = tag;
	if (!still(&reply->gen, gen, seen))
		return 0;
	heard->gate = now + reply->gap;
	reply->count++;
	return out;
}
