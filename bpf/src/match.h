/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Whose frame is it? The tables are filled by user space and shared by the
 * programs of all interfaces; their sizes here are placeholders that the loader
 * overrides, and room in them costs nothing before it is used.
 */
#pragma once

#include "parse.h"

/* The VRF of an interface that is in none. */
#define DEFAULT_VRF 0

struct peer_key {
	__u64 ifindex; /* of a multihop session, which has none: its VRF */
	struct addr local;
	struct addr peer;
};

struct addr_key {
	__u64 ifindex;
	struct addr addr;
};

/* What holds for the frames of one session. */
struct rule {
	__u8 min_ttl; /* least TTL or hop limit of its Control packets */
	__u8 loop;    /* the peer may have its Echo packets looped */
};

/* Sessions by (interface, local address, peer address). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct peer_key);
	__type(value, struct rule);
} peers SEC(".maps");

/* The local addresses of those sessions, each with its interface. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct addr_key);
	__type(value, __u8);
} locals SEC(".maps");

/* Discriminators given to our sessions, in network order, and the lane of each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __be32);
	__type(value, __u32);
} discrs SEC(".maps");

/* The interfaces that are in a VRF, each with the index of the VRF's device. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} vrfs SEC(".maps");

INLINE __u32 vrf_of(__u32 ifindex)
{
	__u32 *vrf = bpf_map_lookup_elem(&vrfs, &ifindex);

	return vrf ? *vrf : DEFAULT_VRF;
}

/* An interface that frames are for, and its MAC. */
struct owner {
	__u32 ifindex;
	struct mac mac;
};

/* The VLAN devices of sessions, by the interface that lies under them and the
 * VLAN, as a pair. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct owner);
} uppers SEC(".maps");

/* What this instance of the program knows of its interface: bits of enum standing. */
enum standing {
	TAGS_KNOWN = 1,      /* some of uppers lie over it */
	TAGS_LOST = 2,       /* a frame without a tag may have lost one on the way here */
	TAGS_OUTER_LOST = 4, /* and one with a tag another before it */
	MEMBER_IDLE = 8,     /* it is a member that its bond does not use now */
};

enum standing standing = 0;

/*
 * Whether the kernel is to have the frame. On a member that a bond does not use it
 * drops what any session might be meant by. And veth and devices that take tags off
 * hand them over beside the frame, where XDP does not look: the kernel then knows
 * whose it is, and we do not.
 */
INLINE enum verdict leave(const struct bytes *b)
{
	__u32 how = *(const volatile __u32 *)&standing;
	__u32 lost = vlan_of(b) ? !(how & TAGS_KNOWN) || how & TAGS_OUTER_LOST : how & TAGS_LOST;

	if (how & MEMBER_IDLE)
		return PASS_IDLE;
	return lost ? PASS_VLAN : STEERED;
}

/*
 * Whose frames without a tag are: those of this instance's interface (0), or of
 * the bond or bridge that it is part of.
 */
struct owner untagged = {};

/* Whose frame it is, 0 if it is of a VLAN on which we have no session. */
INLINE const struct owner *find_owner(__u32 ifindex, const struct bytes *b)
{
	__u64 key = PAIR(ifindex, vlan_of(b));

	return vlan_of(b) ? bpf_map_lookup_elem(&uppers, &key) : &untagged;
}

/*
 * A frame for another station, seen because the device is promiscuous, is none of
 * ours; the kernel discards it.
 */
INLINE int to_host(const struct ethernet *eth, const struct owner *owner)
{
	const volatile struct mac *mac = &owner->mac;

	return eth->dst.word[0] == mac->word[0] && eth->dst.word[1] == mac->word[1] &&
	       eth->dst.word[2] == mac->word[2];
}

/* The rule of the session between the two addresses of a frame. */
INLINE const struct rule *session_rule(__u32 ifindex, const struct datagram *d)
{
	struct peer_key key = {ifindex, d->local, d->peer};

	return bpf_map_lookup_elem(&peers, &key);
}

/* Does the frame name one of our discriminators, and go to an address that a
 * session on the interface has? */
INLINE int names_session(__u32 ifindex, const struct datagram *d)
{
	struct addr_key local = {ifindex, d->local};

	return d->discr && bpf_map_lookup_elem(&discrs, &d->discr) &&
	       bpf_map_lookup_elem(&locals, &local);
}

/*
 * Control packets. Ours are the frames between the two addresses of a session,
 * and those that name one (RFC 5880 section 6.3): the peer's address may have
 * changed. Whether a session is multihop is part of its key, so neither port
 * leads to a session of the other (RFC 5883 section 5). A multihop packet that
 * only names its session may have any TTL here: the engine knows which session
 * that is, and its floor.
 */
INLINE enum verdict judge_control(__u32 ifindex, const struct owner *owner,
				  const struct ethernet *eth, const struct datagram *d)
{
	const struct rule *rule;
	__u8 min_ttl = 255;

	if (d->port == PORT_MULTIHOP) {
		ifindex = vrf_of(ifindex);
		min_ttl = 0;
	}
	rule = session_rule(ifindex, d);
	if (rule)
		min_ttl = rule->min_ttl;
	else if (!names_session(ifindex, d))
		return PASS_FOREIGN;
	if (!to_host(eth, owner))
		return PASS_MAC;
	return d->ttl < min_ttl ? DROP_TTL : STEERED;
}
