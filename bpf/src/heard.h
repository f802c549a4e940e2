/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A session that is Up gets the same packet again and again. The engine lays
 * down which frame that is; when just that frame arrives, its time is noted and
 * user space need not wake up. Nothing is understood here: what differs in any
 * byte is the engine's to judge. The lengths are among the bytes, so what
 * Ethernet appends to them does not matter.
 *
 * It is laid down without a VLAN tag, and the frame is compared without its own:
 * the interface says which VLAN it must be, and the priority does not matter.
 */
#pragma once

#include "match.h"

#define IMAGE_WORDS 11
#define IMAGE_LEN4 66 /* Ethernet, IPv4, UDP, a Control packet */
#define IMAGE_LEN6 86

/* The layouts are those of package engine/fastpath. The last word holds what of
 * the frame is left after whole words, in its first bytes. */
struct half {
	__u32 ifindex; /* the session's, whichever interface lies under it */
	__u32 len;     /* 0: no frame is expected. The upper half is for user space */
	__u64 word[IMAGE_WORDS];
};

struct image {
	__u64 gen; /* its lowest bit names the half that counts */
	struct half half[2];
};

struct heard {
	__u64 last;
	__u64 count;
	__u64 gap;
	__u64 gate; /* of insurance, see insure.h: kept where the cache line is warm */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct image);
} images SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct heard);
} heards SEC(".maps");

/*
 * Laid down at load time. With 0 the verifier never looks at what is here: for
 * kernels that refuse it.
 */
const volatile __u8 heard_on = 1;

/* The IPv4 identification (bytes 2 and 3 of the third word) and the header
 * checksum (bytes 0 and 1 of the fourth) differ from packet to packet. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BUT_ID ~0xffff0000ULL
#define BUT_CHECK ~0xffffULL
#define LAST_SIX(w) ((w) >> 16)
#else
#define BUT_ID ~0x0000ffff00000000ULL
#define BUT_CHECK ~0xffff000000000000ULL
#define LAST_SIX(w) ((w) << 16)
#endif

/* Eight bytes of a frame at once, whatever their alignment: a kernel of a machine
 * that has no such reads refuses this. */
INLINE __u64 word_at(const void *data, int i)
{
	return *(const volatile __u64 *)(data + 8 * i);
}

INLINE __u32 half_at(const void *data, int i)
{
	return *(const volatile __u32 *)(data + 4 * i);
}

/*
 * 0, but only once v is known. A processor of a weakly ordered machine, such as
 * arm64, lets a load overtake those before it, and no barrier for the compiler
 * changes that; but a load whose address is made of what others returned comes
 * after them. The bits of everything that must have been read go in here, and what
 * comes out into the address of what is to be read after it: no kernel is too old
 * for that, and it costs one instruction.
 */
INLINE __u64 after(__u64 v)
{
	asm volatile("%0 &= 0" : "+r"(v));
	return v;
}

/* Whether *gen is still what it was, once everything that made up seen was read. */
INLINE int still(const __u64 *gen, __u64 was, __u64 seen)
{
	return *(const volatile __u64 *)((const void *)gen + after(seen)) == was;
}

/* 0 when the first two words, between whose last halves a tag may stand, are those
 * in h. */
INLINE __u64 differs_head(const struct bytes *b, const struct half *h)
{
	return (word_at(b->data, 0) ^ h->word[0]) |
	       (half_at(b->data, 2) ^ half_at(h->word, 2)) |
	       (half_at(b->rest, 3) ^ half_at(h->word, 3));
}

/* 0 when the frame is the one in h. */
INLINE __u64 differs4(const struct bytes *b, const struct half *h)
{
	__u64 differs = differs_head(b, h);

	differs |= *(const volatile __u16 *)(b->rest + 64) ^ *(const __u16 *)&h->word[IMAGE_WORDS - 1];
#pragma unroll
	for (int i = 2; i < 8; i++) {
		__u64 w = word_at(b->rest, i);

		if (i == 2)
			w &= BUT_ID;
		if (i == 3)
			w &= BUT_CHECK;
		differs |= w ^ h->word[i];
	}
	return differs;
}

INLINE __u64 differs6(const struct bytes *b, const struct half *h)
{
	__u64 differs = differs_head(b, h);

	/* The last six bytes, with the two before them moved out of sight. */
	differs |= LAST_SIX(*(const volatile __u64 *)(b->rest + 78)) ^ h->word[IMAGE_WORDS - 1];
#pragma unroll
	for (int i = 2; i < 10; i++)
		differs |= word_at(b->rest, i) ^ h->word[i];
	return differs;
}

/*
 * The length of the image when the frame is the one that is expected, else 0.
 * The engine writes the half that does not count, so one change while this runs
 * is harmless; after a second one the half may have been a mixture, and
 * whichever frame it was equal to is not taken.
 *
 * The order of it, on any machine: the engine stores the words of a half, then gen,
 * then the words of the other half, each of them by a store-release. Here gen is
 * read, then the half at an address made of it, so that no word is older than gen;
 * then gen again, after every word. Had a word been newer than gen by two changes,
 * the change between them would be seen now.
 */
INLINE __u32 matches(__u32 ifindex, const struct bytes *b, const struct image *image)
{
	__u64 gen = *(const volatile __u64 *)&image->gen;
	const struct half *h = &image->half[gen & 1];
	__u32 laid = *(const volatile __u32 *)&h->len, len = laid & 0xffff;
	__u64 differs = *(const volatile __u32 *)&h->ifindex ^ ifindex;

	if (len == IMAGE_LEN4) {
		if (b->rest + IMAGE_LEN4 > b->end)
			return 0;
		differs |= differs4(b, h);
	} else {
		if (len != IMAGE_LEN6 || b->rest + IMAGE_LEN6 > b->end)
			return 0;
		differs |= differs6(b, h);
	}
	/* The length that counts is this one, because differs holds it. */
	differs |= *(const volatile __u32 *)&h->len ^ laid;
	return !differs && still(&image->gen, gen, differs) ? len : 0;
}

/* Loses a count where two processors hear for one lane at once, and may give a gap
 * again that the engine is just taking; the time is one store, never a mixture. */
INLINE void note(struct heard *heard, __u64 now)
{
	__s64 gap = now - heard->last;

	if (gap > (__s64)heard->gap)
		heard->gap = gap;
	heard->last = now;
	heard->count++;
}
