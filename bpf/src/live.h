/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Live frames: user space runs the program itself (BPF_PROG_RUN with
 * BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18) and has it send a frame by each run.
 * That costs a quarter of what the transmit ring costs, where it is many frames
 * to a call.
 *
 * Such a run arrives from the loopback interface of the caller's network
 * namespace, so that the one program does both: a real frame never takes this
 * half, because the program is attached to one interface only, which is not a
 * loopback where this half is loaded. It must be the same program: on x86 a run
 * of one that is attached nowhere costs 25 ms, in which the kernel makes it known
 * to its dispatcher. A run waits for as long, too, while any other program is
 * attached or detached on the host, to whichever interface.
 *
 * The frames wait in arrays that user space writes. Nothing of a page is what it
 * was before: the kernel takes it again as the last frame left it, so all of a
 * frame is written.
 */
#pragma once

#include "verdict.h"

#define LOOPBACK 1
#define FRAME_MAX 192
#define WORDS_SHORT 12 /* enough for a Control packet over IPv6 with a VLAN tag */

/* The layouts are those of live.go. */
struct frame {
	__u64 len;
	__u64 word[FRAME_MAX / 8];
};

/* What a worker has the program do: frames next to end - 1 of its own. */
struct order {
	__u64 next;
	__u64 end;
	__u64 lost;   /* could not be handed to the interface */
	__u64 pad[5]; /* no two workers share a cache line */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct frame);
} frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct order);
} orders SEC(".maps");

/* The interface. Not by its number: that would be one of the caller's namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} outlet SEC(".maps");

/* How many frames each worker has, laid down at load time. With 0 the verifier
 * never looks at what is here. */
const volatile __u32 live_frames = 0;

/* False when the room is too short. */
INLINE int put_frame(void *data, void *end, const struct frame *f)
{
	if (data + FRAME_MAX > end)
		return 0;
#pragma unroll
	for (int i = 0; i < WORDS_SHORT; i++)
		*(volatile __u64 *)(data + 8 * i) = f->word[i];
	if (f->len <= 8 * WORDS_SHORT)
		return 1;
#pragma unroll
	for (int i = WORDS_SHORT; i < FRAME_MAX / 8; i++)
		*(volatile __u64 *)(data + 8 * i) = f->word[i];
	return 1;
}

/*
 * Sends the next frame of the worker whose number is the length of the room that
 * it gives, over the longest frame: nothing else of a run's input is there again
 * in each of its repetitions.
 */
INLINE int send_next(struct xdp_md *ctx)
{
	__u32 room = bpf_xdp_get_buff_len(ctx), worker = room - FRAME_MAX, first = 0, at;
	struct order *order = bpf_map_lookup_elem(&orders, &worker);
	const struct frame *f;

	if (!order || order->next >= order->end)
		return XDP_DROP;
	at = worker * live_frames + order->next++;
	f = bpf_map_lookup_elem(&frames, &at);
	if (f && put_frame((void *)(long)ctx->data, (void *)(long)ctx->data_end, f) &&
	    !bpf_xdp_adjust_tail(ctx, (int)f->len - (int)room) &&
	    bpf_redirect_map(&outlet, first, XDP_DROP) == XDP_REDIRECT)
		return XDP_REDIRECT;
	order->lost++;
	return XDP_DROP;
}
