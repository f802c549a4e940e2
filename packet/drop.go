package packet

// Drop is the reason why a received packet was discarded; the zero value means
// that it was not. The order is the order of the checks (RFC 5880 §6.8.6), so a
// packet with several faults is counted under the smallest of its reasons.
type Drop uint8

// The reasons. String gives the name that counters, JSON, metrics and the XDP
// program use.
const (
	DropNone Drop = iota

	// Before BFD: the frame around the packet.
	DropFrame       // not a well-formed Ethernet/IP/UDP frame, or not for BFD
	DropShort       // UDP payload of fewer than 24 bytes
	DropBadChecksum // UDP (or IPv4 header) checksum wrong

	// RFC 5880 §6.8.6, no session needed.
	DropBadVersion   // version is not 1
	DropBadLengthMin // Length below 24, or below 26 with the A bit
	DropBadLengthMax // Length beyond the UDP payload
	DropZeroMult     // Detect Mult is 0
	DropMultipoint   // M bit set
	DropZeroMyDiscr  // My Discriminator is 0

	// RFC 5880 §6.8.6, finding the session.
	DropUnknownYourDiscr   // Your Discriminator selects no session
	DropZeroYourDiscrState // Your Discriminator 0 in state Init or Up
	DropNoSession          // Your Discriminator 0 and no session for these addresses
	DropTTL                // single hop and TTL or Hop Limit is not 255 (RFC 5881 §5)

	// RFC 5880 §6.7.
	DropAuthUnexpected // A bit set, session has no authentication
	DropAuthMissing    // A bit clear, session has authentication
	DropAuthType
	DropAuthKeyID
	DropAuthLen
	DropAuthSeq
	DropAuthDigest

	// Accepted as valid, but not received: the session is AdminDown.
	DropLocalAdminDown

	// Ours: no room to pass the frame to the worker that owns the session.
	DropHandoffFull

	// A later packet of the session, from another queue, was received already, and
	// the sequence number is behind that one's.
	DropOvertaken

	// Arrived on an interface that is not the session's, which insists on it.
	DropWrongInterface

	// Echo, ours that comes back and the peer's that we are to loop.
	DropEchoAuth     // our payload, but nobody who knows the secret made it
	DropEchoStale    // came back after the time in which it had to
	DropEchoReplayed // counted before
	DropEchoRefused  // the peer's, while Required Min Echo RX is 0

	NumDrops
)

var dropNames = [NumDrops]string{
	"none", "bad_frame", "short", "bad_checksum",
	"bad_version", "bad_length_min", "bad_length_max", "zero_mult", "multipoint", "zero_my_discr",
	"unknown_your_discr", "zero_your_discr_state", "no_session", "ttl",
	"auth_unexpected", "auth_missing", "auth_type", "auth_keyid", "auth_len", "auth_seq", "auth_digest",
	"local_admin_down", "handoff_full", "overtaken", "wrong_interface",
	"echo_bad_auth", "echo_stale", "echo_replayed", "echo_refused",
}

// String returns the counter name, for example "zero_my_discr".
func (d Drop) String() string {
	if d < NumDrops {
		return dropNames[d]
	}
	return "unknown"
}
