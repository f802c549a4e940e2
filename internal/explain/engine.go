package explain

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/packet"
)

// arrival is a frame on its way through the engine's checks.
type arrival struct {
	packet.Datagram
	ifname    string
	control   packet.Control
	unchecked []string
}

// refusal is the engine's verdict of a frame that it discards. note tells more.
func refusal(d packet.Drop, note string) Engine {
	w := dropWords[d]
	if note != "" {
		w.reason += ": " + note
	}
	return Engine{Verdict: d.String(), Reason: w.reason, RFC: w.rfc}
}

// engine follows a frame through engine/receive.go. The session is nil when none
// was found.
func (e *Explainer) engine(b []byte, ifname string) (Engine, *Session) {
	a := arrival{ifname: ifname}
	packet.ParseEthernet(b, &a.Datagram)
	if a.Drop != packet.DropNone {
		return refusal(a.Drop, ""), e.byAddr(&a)
	}
	kind := session.SingleHop
	switch a.DstPort {
	case packet.PortControl:
	case packet.PortMultihop:
		kind = session.Multihop
	case packet.PortEcho:
		return e.echo(&a)
	default:
		return refusal(packet.DropFrame, "not a port of BFD's"), nil
	}
	if d := a.control.Decode(a.Payload); d != packet.DropNone {
		return refusal(d, ""), e.byAddr(&a)
	}
	s, d := e.find(&a, kind)
	if d != packet.DropNone {
		note := ""
		if s != nil {
			note = fmt.Sprintf("by its addresses it belongs to the session with %s", s.Peer)
		}
		return refusal(d, note), s
	}
	least := uint8(255)
	if kind == session.Multihop {
		least = s.MinTTL
	}
	switch {
	case a.TTL < least:
		return refusal(packet.DropTTL, fmt.Sprintf("it is %d, and must be %s", a.TTL, atLeast(least))), s
	case s.Strict && kind == session.SingleHop && s.Interface != ifname:
		return refusal(packet.DropWrongInterface, fmt.Sprintf("the session's is %s", s.Interface)), s
	case ifname != "" && s.VRF != e.vrfs[ifname]:
		return refusal(packet.DropWrongInterface, "the session's is in VRF "+cmp.Or(s.VRF, config.DefaultVRF)), s
	}
	return e.accept(&a, s), s
}

func atLeast(ttl uint8) string {
	if ttl == 255 {
		return "255"
	}
	return fmt.Sprintf("%d or more", ttl)
}

// find returns the session of a Control packet, or why there is none; then it may
// be the one that only the addresses name.
func (e *Explainer) find(a *arrival, kind session.Kind) (*Session, packet.Drop) {
	c := &a.control
	if c.YourDiscr == 0 {
		s := e.byAddr(a)
		switch {
		case c.State == packet.Init || c.State == packet.Up:
			return s, packet.DropZeroYourDiscrState
		case s == nil:
			return nil, packet.DropNoSession
		}
		return s, packet.DropNone
	}
	if s := e.byDiscr[c.YourDiscr]; s != nil && s.Params.Kind == kind {
		return s, packet.DropNone
	}
	s := e.byAddr(a)
	if s != nil && s.Discr == 0 {
		a.unchecked = append(a.unchecked, "Your Discriminator, which the daemon chooses")
		return s, packet.DropNone
	}
	return s, packet.DropUnknownYourDiscr
}

// byAddr returns the session whose addresses a frame has.
func (e *Explainer) byAddr(a *arrival) *Session {
	for i := range e.sessions {
		s := &e.sessions[i]
		multihop := s.Params.Kind == session.Multihop
		if s.Params.Kind == session.Unaffiliated || multihop != (a.DstPort == packet.PortMultihop) {
			continue
		}
		if packet.AddrFrom(s.Peer.WithZone("")) == a.Src && packet.AddrFrom(s.Local.WithZone("")) == a.Dst &&
			(multihop || s.Interface == "" || a.ifname == "" || s.Interface == a.ifname) &&
			(a.ifname == "" || s.VRF == e.vrfs[a.ifname]) {
			return s
		}
	}
	return nil
}

// accept is the authentication, and then what the session would make of it.
func (e *Explainer) accept(a *arrival, s *Session) Engine {
	d, note := a.authenticate(s)
	if d != packet.DropNone {
		return refusal(d, note)
	}
	v := follow(s, &a.control)
	v.Unchecked = a.unchecked
	return v
}

// authenticate is RFC 5880 §6.7 without what only the engine remembers. While a
// change is pending either of the two will do.
func (a *arrival) authenticate(s *Session) (d packet.Drop, note string) {
	if s.Pending != nil {
		if d, _ := a.verify(s.Pending); d == packet.DropNone {
			return d, ""
		}
	}
	return a.verify(&s.Auth)
}

func (a *arrival) verify(want *Auth) (d packet.Drop, note string) {
	switch {
	case !want.On && a.control.Auth:
		return packet.DropAuthUnexpected, ""
	case !want.On:
		return packet.DropNone, ""
	case !a.control.Auth:
		return packet.DropAuthMissing, ""
	}
	var section packet.Auth
	bfd := a.Payload[:a.control.Length]
	d = packet.DecodeAuth(bfd[packet.ControlLen:], &section)
	switch {
	case section.Type != want.Method.Type:
		return packet.DropAuthType, fmt.Sprintf("%d, and it must be %d", section.Type, want.Method.Type)
	case section.KeyID != want.KeyID:
		return packet.DropAuthKeyID, fmt.Sprintf("%d, and it must be %d", section.KeyID, want.KeyID)
	case d != packet.DropNone:
		return d, ""
	}
	if want.Method.Type.Sequenced() {
		a.unchecked = append(a.unchecked, "the sequence number, of which only the daemon knows the last one")
	}
	switch {
	case want.Secret == nil:
		a.unchecked = append(a.unchecked, "the digest or password: give the file with the key by -c")
	case want.Method.Type == packet.AuthSimple && int(section.N) != want.Secret.Len():
		return packet.DropAuthLen, ""
	case !want.Method.Verify(bfd, &section, want.Secret):
		return packet.DropAuthDigest, ""
	}
	return packet.DropNone, ""
}

// follow has a session in the state of s receive a packet.
func follow(s *Session, c *packet.Control) Engine {
	rng := rand.NewPCG(1, 1)
	live := session.New(s.Params, max(s.Discr, 1), 0, rng)
	before := packet.Control{
		DetectMult: max(s.RemoteMult, 1), MyDiscr: max(s.RemoteDiscr, 1), YourDiscr: max(s.Discr, 1), DesiredMinTx: s.RemoteTx, RequiredMinRx: 1,
	}
	if s.RemoteDiscr != 0 || s.State > packet.Down {
		steps := map[packet.State][]packet.State{
			packet.Init: {packet.Down}, packet.Up: {packet.Down, packet.Up}, packet.Down: {packet.AdminDown},
		}
		for _, st := range steps[s.State] {
			before.State = st
			live.Receive(0, 0, &before, rng)
		}
	}
	v := Engine{Verdict: verdictAccepted, Reason: dropWords[packet.DropNone].reason, RFC: receiving, From: live.State().String()}
	detection, interval := live.DetectionTime(), live.TxInterval()
	out := live.Receive(1, 1, c, rng)
	if out&session.Discarded != 0 {
		return refusal(packet.DropLocalAdminDown, "")
	}
	v.To = live.State().String()
	if out&session.Changed != 0 {
		v.RFC = "RFC 5880 §6.2, §6.8.6"
		if live.State() == packet.Down {
			v.Then = append(v.Then, "the session goes down with diagnostic "+live.Diag().String())
		}
	}
	if out&session.SendFinal != 0 {
		v.Then = append(v.Then, "it is answered by a packet with F (RFC 5880 §6.5)")
	}
	if now := live.DetectionTime(); now != detection && live.State() != packet.Down {
		v.Then = append(v.Then, fmt.Sprintf("the detection time is %d us from it on (RFC 5880 §6.8.4)", now/session.Microsecond))
	}
	if now := live.TxInterval(); now == 0 && interval != 0 {
		v.Then = append(v.Then, "no periodic packets are sent, as it asks (RFC 5880 §6.8.7)")
	}
	return v
}

// echo follows a packet to the Echo port.
func (e *Explainer) echo(a *arrival) (Engine, *Session) {
	const returned = 254
	var s *Session
	if len(a.Payload) >= 8 {
		s = e.byDiscr[binary.BigEndian.Uint32(a.Payload[4:])]
	}
	ours := s != nil && (a.TTL == returned || packet.AddrFrom(s.Local) == a.Dst)
	switch {
	case a.TTL != returned && !ours:
		return e.loop(a)
	case !ours:
		return refusal(packet.DropUnknownYourDiscr, ""), nil
	case a.TTL != returned:
		return refusal(packet.DropTTL, fmt.Sprintf("it is %d, and must be 254 after the peer has forwarded it", a.TTL)), s
	case s.Params.Kind == session.Unaffiliated:
		if d := a.control.Decode(a.Payload); d != packet.DropNone {
			return refusal(d, ""), s
		}
		return e.returned(a, s), s
	}
	return Engine{
		Verdict: verdictAccepted, Reason: "our own Echo has come back", RFC: "RFC 5880 §6.8.8",
		Unchecked: []string{"seal, number and time in the payload, for which only the daemon has the key"},
	}, s
}

// returned follows a Control packet of our own that has come back (RFC 9747 §2).
func (e *Explainer) returned(a *arrival, s *Session) Engine {
	c := &a.control
	switch {
	case c.YourDiscr != 0 && c.YourDiscr != c.MyDiscr:
		return refusal(packet.DropUnknownYourDiscr, "")
	case c.YourDiscr == 0 && (c.State == packet.Init || c.State == packet.Up):
		return refusal(packet.DropZeroYourDiscrState, "")
	}
	return e.accept(a, s)
}

// loop follows an Echo packet of a peer.
func (e *Explainer) loop(a *arrival) (Engine, *Session) {
	for i := range e.sessions {
		s := &e.sessions[i]
		peer, local := packet.AddrFrom(s.Peer.WithZone("")), packet.AddrFrom(s.Local.WithZone(""))
		if s.Params.Kind == session.Multihop || peer != a.Dst && (local != a.Dst || peer != a.Src) {
			continue
		}
		switch {
		case a.TTL != 255:
			return refusal(packet.DropTTL, fmt.Sprintf("it is %d, and must be 255", a.TTL)), s
		case !s.Loops:
			return refusal(packet.DropEchoRefused, ""), s
		}
		return Engine{
			Verdict: verdictAccepted, Reason: "the peer's Echo: sent back", RFC: "RFC 5881 §4",
			Unchecked: []string{"whether looping is proven on the interface, without which none is offered"},
		}, s
	}
	return refusal(packet.DropNoSession, ""), nil
}

// sentByUs returns the session that sends a frame, nil if none does.
func (e *Explainer) sentByUs(b []byte) *Session {
	var d packet.Datagram
	packet.ParseEthernet(b, &d)
	for i := range e.sessions {
		s := &e.sessions[i]
		if packet.AddrFrom(s.Local.WithZone("")) == d.Src && packet.AddrFrom(s.Peer.WithZone("")) == d.Dst && d.DstPort != packet.PortEcho && s.Local.IsValid() {
			return s
		}
	}
	return nil
}
