package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/xbfd/xbfd/packet"
)

// wording is a verdict in words, and where it is written that it must be so.
type wording struct{ reason, rfc string }

// xdpWords are those of the XDP program's verdicts.
var xdpWords = map[string]wording{
	"heard":          {"just what the session's peer repeats: its time is noted, and it goes no further", "RFC 5880 §6.8.4"},
	"insured":        {"heard, and answered because the engine stands still", "RFC 5880 §6.8.7"},
	"pass_to_tc":     {"heard, and handed to the tc program, which answers", "RFC 5880 §6.8.7"},
	"steered":        {"of one of our sessions: to the engine, through the AF_XDP ring", "RFC 5881 §3"},
	"echo_looped":    {"an Echo packet of a peer: sent back from here", "RFC 5881 §4"},
	"pass_no_socket": {"of one of our sessions, but its queue has no AF_XDP socket: to the engine, through the kernel's", "RFC 5881 §3"},
	"ttl":            {"of one of our sessions, but its TTL says that it may come from too far: dropped", "RFC 5881 §5, RFC 5082 §3"},
	"pass_other":     {"not UDP to a port of BFD's: left to the kernel", "RFC 5881 §4"},
	"pass_vlan":      {"of a VLAN: left to the kernel, unless sessions run on its device", ""},
	"pass_options":   {"IPv4 with options: left to the kernel", ""},
	"pass_fragment":  {"a fragment: left to the kernel", "RFC 5082 §5.4"},
	"pass_extension": {"IPv6 with an extension header: left to the kernel", ""},
	"pass_foreign":   {"to a port of BFD's, but of none of our sessions: left to the kernel, and to other BFD daemons", "RFC 5082 §3"},
	"pass_mac":       {"of one of our sessions, but sent to another station: the kernel discards it", ""},
	"pass_idle":      {"on a member that its bond does not use: left to the kernel, which drops it", ""},
}

const (
	verdictAccepted   = "accepted"
	verdictHeard      = "heard"
	verdictNotReached = "not-reached"
)

const receiving = "RFC 5880 §6.8.6"

// dropWords are those of the engine's reasons.
var dropWords = [packet.NumDrops]wording{
	packet.DropNone:               {"every check is passed", receiving},
	packet.DropFrame:              {"not a whole plain UDP packet: cut short, or its lengths contradict each other", "RFC 5881 §4"},
	packet.DropShort:              {"fewer than 24 bytes of UDP payload: no room for a Control packet", receiving},
	packet.DropBadChecksum:        {"the checksum of UDP or of the IPv4 header is wrong", "RFC 1122 §4.1.3.4"},
	packet.DropBadVersion:         {"the version is not 1", receiving},
	packet.DropBadLengthMin:       {"Length is below 24, or below 26 with the A bit", receiving},
	packet.DropBadLengthMax:       {"Length is more than UDP carries", receiving},
	packet.DropZeroMult:           {"Detect Mult is 0", receiving},
	packet.DropMultipoint:         {"the M bit is set", receiving},
	packet.DropZeroMyDiscr:        {"My Discriminator is 0", receiving},
	packet.DropUnknownYourDiscr:   {"Your Discriminator is none of ours", receiving},
	packet.DropZeroYourDiscrState: {"Your Discriminator is 0, and the state is neither Down nor AdminDown", receiving},
	packet.DropNoSession:          {"there is no session for its addresses and interface", receiving},
	packet.DropTTL:                {"its TTL says that it may come from too far", "RFC 5881 §5, RFC 5883 §5"},
	packet.DropAuthUnexpected:     {"the A bit is set, and the session does not authenticate", receiving},
	packet.DropAuthMissing:        {"the A bit is clear, and the session authenticates", receiving},
	packet.DropAuthType:           {"the authentication type is another than the session's", "RFC 5880 §6.7"},
	packet.DropAuthKeyID:          {"the key id is another than the session's", "RFC 5880 §6.7"},
	packet.DropAuthLen:            {"Auth Len does not fit the type", "RFC 5880 §6.7"},
	packet.DropAuthSeq:            {"the sequence number is not in the window", "RFC 5880 §6.7.3"},
	packet.DropAuthDigest:         {"the digest or password is not that of the key", "RFC 5880 §6.7"},
	packet.DropLocalAdminDown:     {"the session is shut down at this end: it is noted, and nothing more", receiving},
	packet.DropOvertaken:          {"a later packet, from another queue of the card, was received before it, and its authentication fits no more", ""},
	packet.DropHandoffFull:        {"the worker that has the session did not keep up", ""},
	packet.DropWrongInterface:     {"it arrived in another VRF, or on another interface and the session has strict-interface", "RFC 5881 §3"},
	packet.DropEchoAuth:           {"an Echo packet with our number that we never made", "RFC 5880 §6.8.8"},
	packet.DropEchoStale:          {"our Echo, but later than it may come back", "RFC 5880 §6.8.8"},
	packet.DropEchoReplayed:       {"our Echo, but it was back already", "RFC 5880 §6.8.8"},
	packet.DropEchoRefused:        {"an Echo packet of a peer to whom none were offered", "RFC 5880 §6.8.9"},
}

// summary says what a frame is, in words.
func summary(b []byte) string {
	var d packet.Datagram
	packet.ParseEthernet(b, &d)
	if d.DstPort == 0 {
		return fmt.Sprintf("%d bytes that are no plain UDP packet", len(b))
	}
	text := fmt.Sprintf("%s port %d to %s port %d, TTL %d", d.Src.Netip(), d.SrcPort, d.Dst.Netip(), d.DstPort, d.TTL)
	var c packet.Control
	switch d.DstPort {
	case packet.PortControl, packet.PortMultihop:
		if c.Decode(d.Payload) == packet.DropNone {
			text += ": " + controlWords(&c)
		}
	case packet.PortEcho:
		text += ": Echo"
	}
	return text
}

func controlWords(c *packet.Control) string {
	var bits strings.Builder
	for _, b := range []struct {
		letter string
		on     bool
	}{{"P", c.Poll}, {"F", c.Final}, {"C", c.CPI}, {"A", c.Auth}, {"D", c.Demand}} {
		if b.on {
			bits.WriteString(b.letter)
		}
	}
	return fmt.Sprintf("%s, flags %s, diagnostic %s, my %d, your %d, multiplier %d, min TX %d us, min RX %d us",
		c.State, cmp.Or(bits.String(), "none"), c.Diag, c.MyDiscr, c.YourDiscr, c.DetectMult, c.DesiredMinTx, c.RequiredMinRx)
}
