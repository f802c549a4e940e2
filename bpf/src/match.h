/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Whose frame is it? The tables are filled by user space and shared by the
 * programs of all interfaces; their sizes here are placeholders that the loader
 * overrides.
 */
#pragma once

#include "parse.h"

struct peer_key {
	__u32 ifindex;
	struct addr local;
	struct addr peer;
};

struct local_key {
	__u32 ifindex;
	struct addr local;
};

/* Sessions by (interface, local address, peer address). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct peer_key);
	__type(value, __u8);
} peers SEC(".maps");

/* The local addresses of those sessions, each with its interface. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct local_key);
	__type(value, __u8);
} locals SEC(".maps");

/* Discriminators given to our sessions, in network order. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __be32);
	__type(value, __u8);
} discrs SEC(".maps");

/*
 * The interface's MAC, each instance of the program has its own. A frame for
 * another station, seen because the device is promiscuous, is none of ours; the
 * kernel discards it.
 */
__u8 host_mac[6] __attribute__((aligned(4))) = {};

INLINE int to_host(const struct ethernet *eth)
{
	const volatile __u8 *mac = host_mac;

	return eth->dst[0] == mac[0] && eth->dst[1] == mac[1] && eth->dst[2] == mac[2] &&
	       eth->dst[3] == mac[3] && eth->dst[4] == mac[4] && eth->dst[5] == mac[5];
}

/*
 * Ours are the frames between the two addresses of a session, and those that
 * name one of our discriminators (RFC 5880 section 6.3) and go to an address
 * that a session on this interface has: the peer's address may have changed.
 */
INLINE int is_ours(__u32 ifindex, const struct datagram *d)
{
	struct peer_key peer = {ifindex, d->local, d->peer};
	struct local_key local = {ifindex, d->local};

	if (bpf_map_lookup_elem(&peers, &peer))
		return 1;
	return d->your_discr && bpf_map_lookup_elem(&discrs, &d->your_discr) &&
	       bpf_map_lookup_elem(&locals, &local);
}
