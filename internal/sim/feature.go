package sim

import (
	"fmt"
	"net/netip"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// lanes are more than a host has sessions.
const lanes = 64

// fastPath draws how many workers a host has, and whether its XDP program hears
// packets by itself and answers while the host stands still. Sometimes not all
// sessions have a lane.
func fastPath(w *World) engine.Config {
	c := engine.Config{Workers: 1 + w.dice.IntN(3)}
	if how := w.dice.IntN(3); how > 0 {
		c.Insurance = how == 2
		c.Lanes = fastpath.New(lanes)
		if w.chance(0.1) {
			c.Lanes = fastpath.New(1)
		}
	}
	return c
}

// methods are all ways to authenticate. Their place counted from 1 is the number
// of the key that both hosts have for it; badKey more, and it is another secret
// on each host, and spareKey more, a second one that both have.
var methods = []packet.AuthMethod{
	{Type: packet.AuthSimple},
	{Type: packet.AuthKeyedMD5}, {Type: packet.AuthMeticulousMD5},
	{Type: packet.AuthKeyedSHA1}, {Type: packet.AuthMeticulousSHA1},
	{Type: packet.AuthMeticulousSHA1, HMAC: true},
}

const (
	badKey   = 100
	spareKey = 200
)

// addKeys fills the pools.
func (s *scenario) addKeys() {
	for i, m := range methods {
		for _, h := range []*Host{s.a, s.b} {
			n := uint32(i + 1)
			h.SetKey(n, m, "secret"[:1+i])
			h.SetKey(n+badKey, m, h.name+" is wrong")
			h.SetKey(n+spareKey, m, fmt.Sprint("spare ", i))
		}
	}
}

// auth draws how both ends of a session authenticate.
func (s *scenario) auth() engine.Auth {
	w := s.world
	if w.chance(0.6) {
		return engine.Auth{}
	}
	return engine.Auth{On: true, Key: 1 + uint32(w.dice.IntN(len(methods))), KeyID: uint8(w.dice.IntN(256))}
}

// echoSource is outside of every subnet.
var echoSource = map[bool]packet.Addr{
	true:  packet.AddrFrom(netip.MustParseAddr("192.0.2.200")),
	false: packet.AddrFrom(netip.MustParseAddr("2001:db8::200")),
}

// echoIntervals leave every round trip there is room.
var echoIntervals = []uint32{50_000, 60_000, 100_000, 100_000, 300_000, 1_000_000}

func (s *scenario) echoInterval() uint32 { return echoIntervals[s.world.dice.IntN(len(echoIntervals))] }

// echo draws who sends Echo and who loops it.
func (s *scenario) echo(a, b *session.Params) {
	w := s.world
	for _, way := range [][2]*session.Params{{a, b}, {b, a}} {
		if w.chance(0.6) {
			way[0].EchoTx = s.echoInterval()
		}
		if w.chance(0.8) {
			way[1].EchoRx = s.echoInterval()
		}
	}
}

// demand draws who asks for silence, and how often it looks.
func (s *scenario) demand(a, b *session.Params) {
	w := s.world
	for _, p := range []*session.Params{a, b} {
		if w.chance(0.7) {
			p.Demand, p.EchoTx = true, 0
			p.DemandPoll = []uint32{0, 100_000, 300_000, 1_000_000, 2_000_000}[w.dice.IntN(5)]
		}
	}
}

// features draws what the ends of pair i do besides the plain protocol, and of
// what kind they are.
func (s *scenario) features(a, b *session.Params) {
	w := s.world
	switch {
	case w.chance(0.15):
		a.Kind, b.Kind = session.Multihop, session.Multihop
	case w.chance(0.4):
		s.echo(a, b)
	}
	if w.chance(0.2) {
		s.demand(a, b)
	}
	if w.chance(0.1) {
		a.Ceiling = 300_000 + uint32(w.dice.IntN(1_000_000))
	}
	if w.chance(0.1) {
		b.CPI = true
	}
}

// addLonely adds a session of unaffiliated Echo, through a host of its own that
// only forwards.
func (s *scenario) addLonely() {
	w := s.world
	ifindex := int32(len(s.links) + 1)
	delay := w.between(20*Microsecond, 5*Millisecond)
	l := w.NewLink("far", s.weather(delay))
	s.a.Plug(ifindex, l.There, l.Back).Spray = w.chance(0.5)
	w.NewReflector(l.Back, l.There)
	s.far, s.farDelay = l, delay
	p := s.params(false)
	p.Kind, p.DesiredMinTx = session.Unaffiliated, max(p.DesiredMinTx, 50_000)
	local, peer := s.addresses(0, ifindex)
	at := path(ifindex, local, peer)
	at.EchoSource = echoSource[at.Local.Is4()]
	s.lonely = s.a.AddSpec(engine.Spec{Params: p, Auth: s.auth()}, at)
}
