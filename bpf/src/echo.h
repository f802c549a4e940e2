/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Echo packets, port 3785 (RFC 5881 section 4). Two kinds cross a link: our
 * own that the peer sent back, and the peer's that we are to send back. The TTL
 * tells them apart. Whoever sends one sends 255, whoever loops it forwards it,
 * so that it is 254.
 */
#pragma once

#include "match.h"

/* The addresses of peers whose Echo packets are looped, by interface. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct addr_key);
	__type(value, __u8);
} loops SEC(".maps");

/* Not 0: the peer's Echo packets leave from here instead of by the engine. */
__u8 loop_tx = 0;

enum looping {
	LOOP_NOT,
	LOOP_FORWARD, /* addressed to the peer itself: forwarded as it is */
	LOOP_ANSWER,  /* addressed to us (FRR): addresses and ports change places */
};

/*
 * Only packets of peers with whom that is agreed: what we loop for others
 * makes us a tool in their hands. Those with another TTL were not sent on this
 * link, and are the kernel's to forward.
 */
INLINE enum looping find_loop(__u32 ifindex, const struct datagram *d)
{
	struct addr_key dst = {ifindex, d->local};
	const struct rule *rule;

	if (d->ttl != 255)
		return LOOP_NOT;
	if (bpf_map_lookup_elem(&loops, &dst))
		return LOOP_FORWARD;
	rule = session_rule(ifindex, d);
	return rule && rule->loop ? LOOP_ANSWER : LOOP_NOT;
}

INLINE enum verdict judge_echo(__u32 ifindex, const struct owner *owner,
			       const struct ethernet *eth, const struct datagram *d,
			       enum looping *how)
{
	*how = find_loop(ifindex, d);
	if (*how == LOOP_NOT && !names_session(ifindex, d))
		return PASS_FOREIGN;
	if (!to_host(eth, owner))
		return PASS_MAC;
	if (*how == LOOP_NOT)
		return d->ttl == 254 ? STEERED : DROP_TTL;
	return *(const volatile __u8 *)&loop_tx ? ECHO_LOOPED : STEERED;
}

#define SWAP(a, b)                       \
	do {                             \
		typeof(a) kept = (a);    \
		(a) = (b);               \
		(b) = kept;              \
	} while (0)

/*
 * The IPv4 header's checksum after its TTL has become one less: the sum has
 * lost 0x0100, so its complement gains that, carry and all (RFC 1624).
 */
INLINE __be16 check_after_hop(__be16 check)
{
	__u32 sum = (__u32)check + htons(0x0100);

	return sum + (sum >= 0xffff);
}

/*
 * Turns the frame into the one that goes back. The UDP checksum stays right as
 * it is: it covers no TTL, and of the addresses and ports the sum, in which
 * they may change places. False when the frame is not what parse has seen.
 */
INLINE int turn(void *data, void *end, enum looping how)
{
	struct ethernet *eth = data;
	struct ipv4 *ip4;
	struct ipv6 *ip6;
	struct udp *udp;
	struct bytes b;

	if (find_tag(&b, data, end) != STEERED || b.rest + sizeof(*eth) > end)
		return 0;
	ip4 = b.rest + sizeof(*eth);
	ip6 = b.rest + sizeof(*eth);
	if (((struct ethernet *)b.rest)->type == htons(ETH_P_IP)) {
		udp = (void *)(ip4 + 1);
		if ((void *)(udp + 1) > end)
			return 0;
		ip4->ttl--;
		ip4->check = check_after_hop(ip4->check);
		if (how == LOOP_ANSWER)
			SWAP(ip4->src, ip4->dst);
	} else {
		udp = (void *)(ip6 + 1);
		if ((void *)(udp + 1) > end)
			return 0;
		ip6->hop_limit--;
		if (how == LOOP_ANSWER)
			SWAP(ip6->src, ip6->dst);
	}
	if (how == LOOP_ANSWER)
		SWAP(udp->src, udp->dst);
	SWAP(eth->src, eth->dst);
	return 1;
}
