// Package fastpath is the memory that the engine shares with the BPF programs, so
// that a packet which says nothing new costs user space nothing, and a stall of
// user space costs no session.
//
// Each session that takes part has a lane. Its Image is the frame that the peer
// is expected to repeat, written by the engine; its Heard is where the XDP program
// notes that such a frame arrived. The program compares whole frames and
// understands nothing: whatever differs in any byte but those that routers and
// stacks may change (the IPv4 identification and header checksum) goes through
// the ring to the engine, which then expects the new one. An exact copy of the
// expected frame made by somebody else on the link is heard as well, as in any
// BFD without authentication.
//
// A lane may be insured: it then has a Reply, the frame that the session itself
// repeats, and a gate, the time from which the programs answer what is heard with
// it. The engine shuts the gate for a little longer than its interval with each
// packet that it sends, so the gate opens only when the engine is late. The Pulse
// bounds that: an engine that has made no turn for long is not spoken for.
//
// The one writer of Image and Reply is the worker that has the session.
//
// Lanes may be any slices: package bpf maps those of the programs, and the
// simulator makes its own and plays the programs' part with Take.
package fastpath
