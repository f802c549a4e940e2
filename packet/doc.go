// Package packet turns BFD's bytes into values and back: Control packets and
// their authentication sections (RFC 5880 §4), and the Ethernet, 802.1Q, IPv4,
// IPv6 and UDP headers around them (RFC 5881 §4).
//
// It owns no socket, no clock and no session. Decoding never allocates and
// writes into values of the caller's; sending is a copy of a pre-built Template
// with a few bits patched. A packet that must be discarded is not an error but
// a Drop, which is a counter's name everywhere in this project.
package packet
