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
	__u64 len; /* 0: there is none */
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

/* Both return the bits of what they have read, for still(). */
INLINE __u64 put4(void *data, const struct answer *a)
{
	__u64 seen = *(const __u16 *)&a->word[IMAGE_WORDS - 1];

	*(volatile __u16 *)(data + 64) = seen;
#pragma unroll
	for (int i = 0; i < 8; i++) {
		__u64 w = a->word[i];

		*(volatile __u64 *)(data + 8 * i) = w;
		seen |= w;
	}
	return seen;
}

INLINE __u64 put6(void *data, const struct answer *a)
{
	const void *rest = &a->word[IMAGE_WORDS - 1];
	__u16 two = *(const __u16 *)rest;
	__u32 four = *(const __u32 *)(rest + 2);
	__u64 seen = two | four;

#pragma unroll
	for (int i = 0; i < 10; i++) {
		__u64 w = a->word[i];

		*(volatile __u64 *)(data + 8 * i) = w;
		seen |= w;
	}
	/* Four bytes last, not two as above: the compiler would make one store of
	 * both, at a chosen offset (see parse_udp). */
	*(volatile __u16 *)(data + 80) = two;
	*(volatile __u32 *)(data + 82) = four;
	return seen;
}

/*
 * Makes of a frame of len bytes the reply. False when that cannot be, or when
 * the engine wrote another meanwhile: the frame is then good for nothing.
 */
INLINE int put_reply(void *data, void *end, __u32 len, struct reply *reply, struct heard *heard,
		     __u64 now)
{
	__u64 gen = *(const volatile __u64 *)&reply->gen;
	const struct answer *a = &reply->answer[gen & 1];
	__u64 seen = *(const volatile __u64 *)&a->len;

	if (seen != len)
		return 0;
	if (len == IMAGE_LEN4) {
		if (data + IMAGE_LEN4 > end)
			return 0;
		seen |= put4(data, a);
	} else {
		if (data + IMAGE_LEN6 > end)
			return 0;
		seen |= put6(data, a);
	}
	if (!still(&reply->gen, gen, seen))
		return 0;
	heard->gate = now + reply->gap;
	reply->count++;
	return 1;
}
