package sim

import (
	"net/netip"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// scenario is what a seed makes: two hosts, one or two links between them, some
// sessions, and a time of faults.
type scenario struct {
	world *World
	watch *Watch
	a, b  *Host
	links []*Link
	delay []session.Time
	pairs []pair

	noEcho   map[*Link]bool // looping has never worked there
	far      *Link          // to a host that only forwards, or nil
	farDelay session.Time
	lonely   *Session // the session through it

	quiet session.Time // when all faults end
}

// pair is a session: its two ends, and how they should authenticate.
type pair struct {
	a, b *Session
	auth engine.Auth
}

// Every so many seeds there is a crowd instead of a few sessions.
const (
	crowdEvery = 20
	crowd      = 50
)

func newScenario(w *World) *scenario {
	s := &scenario{
		world: w,
		a:     w.NewHostOf("a", fastPath(w)),
		b:     w.NewHostOf("b", fastPath(w)),

		noEcho: make(map[*Link]bool),
	}
	s.watch = NewWatch(w, s.a, s.b)
	s.a.Late, s.b.Late = s.late, s.late
	n, faults := 1+w.dice.IntN(3), w.between(8*Second, 20*Second)
	if w.Seed%crowdEvery == crowdEvery-1 {
		n, faults = crowd, 5*Second
	}
	s.quiet = w.now + faults
	s.addKeys()
	for i := range 1 + w.dice.IntN(2) {
		s.addLink(i)
	}
	for i := range n {
		s.addPair(i, n == crowd)
	}
	if w.chance(0.2) {
		s.addLonely()
	}
	return s
}

// late is how late a thread wakes up: mostly not much, now and then by
// scheduler ticks.
func (s *scenario) late() session.Time {
	switch d := s.world.dice.IntN(1000); {
	case d == 0:
		return s.world.upTo(15 * Millisecond)
	case d < 20:
		return s.world.upTo(Millisecond)
	}
	return s.world.upTo(80 * Microsecond)
}

func (s *scenario) addLink(i int) {
	w := s.world
	delay := w.between(20*Microsecond, 200*Microsecond)
	if w.chance(0.3) {
		delay = w.upTo(20 * Millisecond)
	}
	l := w.NewLink([]string{"link0", "link1"}[i], s.weather(delay))
	ifindex := int32(i + 1)
	for _, n := range []*NIC{s.a.Plug(ifindex, l.There, l.Back), s.b.Plug(ifindex, l.Back, l.There)} {
		n.Spray = w.chance(0.5)
	}
	if w.chance(0.15) {
		s.noEcho[l] = true
		l.There.NoEcho = true
	}
	if w.chance(0.4) {
		l.There.tape, l.Back.tape = new(tape), new(tape)
	}
	s.links, s.delay = append(s.links, l), append(s.delay, delay)
}

// weather is what a link is like while there are faults, incidents apart.
func (s *scenario) weather(delay session.Time) Conditions {
	w := s.world
	c := Conditions{Delay: delay}
	if w.chance(0.5) {
		c.Jitter = w.upTo(5 * Millisecond)
	}
	if w.chance(0.5) {
		c.Loss = w.dice.Float64() * 0.2
	}
	if w.chance(0.3) {
		c.Duplicate = w.dice.Float64() * 0.1
	}
	if w.chance(0.3) {
		c.Corrupt = w.dice.Float64() * 0.05
	}
	return c
}

func (s *scenario) addPair(i int, crowded bool) {
	w := s.world
	pa, pb := s.params(crowded), s.params(crowded)
	if w.chance(0.1) {
		pb.Passive = true // one end at most (RFC 5880 §6.1)
	}
	ifindex := int32(1 + i%len(s.links))
	if i >= len(s.links) {
		ifindex = int32(1 + w.dice.IntN(len(s.links)))
	}
	s.features(&pa, &pb)
	a, b := s.addresses(i, ifindex)
	here, there := path(ifindex, a, b), path(ifindex, b, a)
	if pa.Kind == session.Multihop {
		// Without an interface addresses must tell all, but not the kind.
		here.Local, here.Peer = routed(i, 1), routed(i, 2)
		if n := len(s.pairs); n > 0 && s.pairs[n-1].a.Params.Kind == session.SingleHop && !s.pairs[n-1].a.Path.Local.Netip().IsLinkLocalUnicast() {
			here = s.pairs[n-1].a.Path
		}
		there.Ifindex, there.Local, there.Peer = here.Ifindex, here.Peer, here.Local
	}
	there.LocalMAC, there.PeerMAC = here.PeerMAC, here.LocalMAC
	for _, p := range []*engine.Path{&here, &there} {
		p.EchoSource = echoSource[p.Local.Is4()]
	}
	auth := s.auth()
	s.pairs = append(s.pairs, pair{
		s.a.AddSpec(engine.Spec{Params: pa, Auth: auth}, here), s.b.AddSpec(engine.Spec{Params: pb, Auth: auth}, there), auth,
	})
}

// addresses of pair i. The first pairs of two links have the same ones when
// they are link-local: the interface tells them apart (RFC 5881 §6).
func (s *scenario) addresses(i int, ifindex int32) (a, b netip.Addr) {
	n := byte(i)
	switch s.world.dice.IntN(3) {
	case 0:
		return netip.AddrFrom4([4]byte{10, byte(ifindex), n, 1}), netip.AddrFrom4([4]byte{10, byte(ifindex), n, 2})
	case 1:
		return netip.AddrFrom16([16]byte{0: 0xfd, 13: byte(ifindex), 14: n, 15: 1}), netip.AddrFrom16([16]byte{0: 0xfd, 13: byte(ifindex), 14: n, 15: 2})
	}
	if i < len(s.links) {
		n = 0
	}
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 14: n, 15: 1}), netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 14: n, 15: 2})
}

// routed is an address that is no other pair's on any link.
func routed(i int, end byte) packet.Addr {
	return packet.AddrFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), end}))
}

func path(ifindex int32, local, peer netip.Addr) engine.Path {
	return engine.Path{
		Ifindex: ifindex, Local: packet.AddrFrom(local), Peer: packet.AddrFrom(peer),
		LocalMAC: packet.MAC{2, 0, 0, 0, 0, 1}, PeerMAC: packet.MAC{2, 0, 0, 0, 0, 2}, MACKnown: true,
	}
}

// intervals in microseconds that sessions are given, most of them common ones
// (RFC 7419).
var intervals = []uint32{10_000, 20_000, 50_000, 50_000, 100_000, 100_000, 300_000, 300_000, 1_000_000}

func (s *scenario) params(crowded bool) session.Params {
	w := s.world
	pick := func() uint32 {
		us := intervals[w.dice.IntN(len(intervals))]
		if w.chance(0.2) {
			us += uint32(w.dice.IntN(int(us)/2)) - us/4 // not every operator likes round numbers
		}
		if crowded {
			us = max(us, 100_000)
		}
		return us
	}
	return session.Params{DesiredMinTx: pick(), RequiredMinRx: pick(), DetectMult: []uint8{1, 2, 3, 3, 3, 5}[w.dice.IntN(6)]}
}
