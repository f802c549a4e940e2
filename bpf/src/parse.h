/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * From bytes to the few fields that decide: nothing is guessed. A frame whose
 * UDP header is not found at its one plain place goes to the kernel.
 */
#pragma once

#include "verdict.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define IPPROTO_UDP 17
#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */
#define PORT_CONTROL 3784
#define PORT_ECHO 3785
#define PORT_MULTIHOP 4784
#define CONTROL_LEN 24

struct mac {
	__be16 word[3];
};

struct ethernet {
	struct mac dst;
	struct mac src;
	__be16 type;
};

/* What stands between the addresses and the type of a frame of a VLAN. */
struct tag {
	__be16 type;
	__be16 control; /* priority (3 bits), drop eligible (1), VLAN (12) */
};

/*
 * The bytes of a frame. From the type on, all of it is read at its usual place
 * after rest. That is where the frame begins, or as much further as a tag is long.
 */
struct bytes {
	void *data;
	void *rest;
	void *end;
	__be32 tag; /* of IEEE 802.1Q, as it stands in the frame; 0: there is none */
};

#define TAG_VLAN 0x0fff

/*
 * An address: IPv4 mapped into IPv6, in network order. What is laid down on the
 * stack is of 8 bytes throughout: without CAP_PERFMON Linux 6.1 refuses a store
 * to a part of a word in another part of which it knows a number.
 */
struct addr {
	__u64 half[2];
};

/* The same in a packet, where it may be anywhere. */
struct in6 {
	__be32 word[4];
};

struct ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 len;
	__be16 id;
	__be16 frag;
	__u8 ttl;
	__u8 protocol;
	__be16 check;
	__be32 src;
	__be32 dst;
};

struct ipv6 {
	__be32 flow;
	__be16 len;
	__u8 next;
	__u8 hop_limit;
	struct in6 src;
	struct in6 dst;
};

struct udp {
	__be16 src;
	__be16 dst;
	__be16 len;
	__be16 check;
};

struct control {
	__u8 vers_diag, bits, mult, length;
	__be32 my_discr;
	__be32 your_discr;
};

/* An Echo packet as far as this program cares: our own have our discriminator
 * where a Control packet has its sender's, so that both kinds of packet that
 * come back to us (RFC 9747's are Control packets) are found alike. */
struct echo {
	__be32 key;
	__be32 discr;
};

/* What the tables are asked for, and what is judged once they know the frame. */
struct datagram {
	struct addr local; /* destination address */
	struct addr peer;  /* source address */
	__u64 port;        /* destination port */
	__u64 ttl;
	__be32 discr; /* which may be ours; 0 when the payload is too short for it */
};

INLINE struct addr mapped(__be32 v4)
{
	return (struct addr){{0, PAIR(htonl(0xffff), v4)}};
}

INLINE struct addr plain(const struct in6 *a)
{
	return (struct addr){{PAIR(a->word[0], a->word[1]), PAIR(a->word[2], a->word[3])}};
}

INLINE int is_mapped(const struct in6 *a)
{
	return !a->word[0] && !a->word[1] && a->word[2] == htonl(0xffff);
}

/* True when size bytes of payload are there, and UDP says that they are. */
INLINE int holds(const struct udp *udp, const void *end, __u16 size)
{
	return (void *)(udp + 1) + size <= end && ntohs(udp->len) >= sizeof(*udp) + size;
}

/* The UDP header at l4: true when it is one for a port of BFD's. */
INLINE int parse_udp(void *l4, void *end, struct datagram *d)
{
	struct udp *udp = l4;
	struct control *control = (void *)(udp + 1);
	struct echo *echo = (void *)(udp + 1);
	__be32 sent = 0, named = 0;

	if ((void *)(udp + 1) > end)
		return 0;
	d->port = ntohs(udp->dst);
	if (d->port != PORT_CONTROL && d->port != PORT_MULTIHOP && d->port != PORT_ECHO)
		return 0;
	/* Each of the two is read at its own constant offset: one that is chosen
	 * first, and then added to the packet's address, takes CAP_PERFMON. */
	if (holds(udp, end, sizeof(*echo)))
		sent = echo->discr;
	if (holds(udp, end, CONTROL_LEN))
		named = control->your_discr;
	d->discr = d->port == PORT_ECHO ? sent : named;
	return 1;
}

INLINE enum verdict parse_ipv4(void *l3, void *end, struct datagram *d)
{
	struct ipv4 *ip = l3;

	if ((void *)(ip + 1) > end || ip->version_ihl >> 4 != 4 || ip->protocol != IPPROTO_UDP)
		return PASS_OTHER;
	if (ip->version_ihl != 0x45)
		return PASS_OPTIONS;
	if (ip->frag & htons(IP_FRAGMENT))
		return PASS_FRAGMENT;
	if (!parse_udp(ip + 1, end, d))
		return PASS_OTHER;
	d->local = mapped(ip->dst);
	d->peer = mapped(ip->src);
	d->ttl = ip->ttl;
	return STEERED;
}

/* Next headers that may stand between IPv6 and UDP (IANA's list of extension
 * headers): hop-by-hop, routing, fragment, ESP, AH, destination options,
 * mobility, HIP, shim6. */
INLINE int is_extension(__u8 next)
{
	return next == 0 || next == 43 || next == 44 || next == 50 || next == 51 ||
	       next == 60 || next == 135 || next == 139 || next == 140;
}

INLINE enum verdict parse_ipv6(void *l3, void *end, struct datagram *d)
{
	struct ipv6 *ip = l3;

	if ((void *)(ip + 1) > end || *(__u8 *)l3 >> 4 != 6)
		return PASS_OTHER;
	if (is_extension(ip->next))
		return PASS_EXTENSION;
	if (ip->next != IPPROTO_UDP || !parse_udp(ip + 1, end, d))
		return PASS_OTHER;
	d->local = plain(&ip->dst);
	d->peer = plain(&ip->src);
	d->ttl = ip->hop_limit;
	/* Belongs on no wire, and would be taken for the IPv4 address. */
	return is_mapped(&ip->dst) ? PASS_OTHER : STEERED;
}

/* The VLAN that the tag names. None, for a tag that says but a priority. */
INLINE __u32 vlan_of(const struct bytes *b)
{
	return ntohl(b->tag) & TAG_VLAN;
}

/* STEERED: b is filled in. */
INLINE enum verdict find_tag(struct bytes *b, void *data, void *end)
{
	struct ethernet *eth = data;

	b->data = data;
	b->rest = data;
	b->end = end;
	b->tag = 0;
	if ((void *)(eth + 1) > end)
		return PASS_OTHER;
	if (eth->type != htons(ETH_P_8021Q))
		return STEERED;
	if ((void *)(eth + 1) + sizeof(struct tag) > end)
		return PASS_OTHER;
	b->tag = *(__be32 *)&eth->type;
	b->rest = data + sizeof(struct tag);
	/* Two places for the compiler, too: see parse_udp about chosen offsets. */
	asm volatile("" : "+r"(b->rest));
	return STEERED;
}

/* STEERED: a whole datagram to a port of BFD's with d filled in. Otherwise the
 * reason why the kernel gets the frame. */
INLINE enum verdict parse(const struct bytes *b, struct datagram *d)
{
	struct ethernet *eth = b->rest;

	if ((void *)(eth + 1) > b->end)
		return PASS_OTHER;
	switch (eth->type) {
	case htons(ETH_P_IP):
		return parse_ipv4(eth + 1, b->end, d);
	case htons(ETH_P_IPV6):
		return parse_ipv6(eth + 1, b->end, d);
	case htons(ETH_P_8021Q):
	case htons(ETH_P_8021AD):
		return PASS_VLAN;
	default:
		return PASS_OTHER;
	}
}
