/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What became of a frame: an index into the counters. The Go side takes the
 * numbers from here through BTF and gives each its name (verdict.go), so the
 * two cannot disagree. Everything that begins with PASS went on to the kernel.
 */
#pragma once

#include "kernel.h"

enum verdict {
	HEARD,          /* just what a session expected: noted, and dropped */
	INSURED,        /* heard, and answered from here in the engine's place */
	STEERED,        /* one of ours: to the AF_XDP socket of its queue */
	ECHO_LOOPED,    /* the peer's Echo: sent back from here */
	PASS_TO_TC,     /* heard, and handed to the tc program to be answered */
	PASS_NO_SOCKET, /* one of ours, but its queue has no socket */
	DROP_TTL,       /* one of ours, but may have come from too far (RFC 5881 section 5) */
	PASS_OTHER,     /* not IP, not UDP, no port of BFD's, or too short to tell */
	PASS_VLAN,      /* of a VLAN on which we have no session, or may be; with two tags */
	PASS_OPTIONS,   /* IPv4 with options */
	PASS_FRAGMENT,  /* a fragment: cannot be trusted (RFC 5082 section 5.4) */
	PASS_EXTENSION, /* IPv6 whose next header is an extension header */
	PASS_FOREIGN,   /* a port of BFD's, but none of our sessions */
	PASS_MAC,       /* one of ours, but sent to another station's MAC */
	PASS_IDLE,      /* on a member that its bond does not use: the kernel drops BFD's there */
	VERDICTS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VERDICTS);
	__type(key, enum verdict);
	__type(value, __u64);
} verdicts SEC(".maps");

INLINE void count(enum verdict v)
{
	__u64 *n = bpf_map_lookup_elem(&verdicts, &v);

	if (n)
		++*n;
}
