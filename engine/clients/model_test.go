package clients_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// script turns bytes into choices; when it has run out every one is 0.
type script []byte

func (s *script) pick(n int) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % n
}

func (s *script) wish() clients.Wish {
	intervals := []uint32{1, 10_000, 33_000, 50_000, 100_000, 300_000, 1<<32 - 1}
	none := append([]uint32{0, 0}, intervals...)
	var w clients.Wish
	w.Params = session.Params{
		DesiredMinTx: intervals[s.pick(7)], RequiredMinRx: none[s.pick(9)], EchoTx: none[s.pick(9)],
		Ceiling: none[s.pick(9)], DetectMult: uint8(1 + s.pick(255)),
	}
	bits := s.pick(256)
	w.Params.AdminDown, w.Params.CPI, w.Strict = bits&1 != 0, bits&2 != 0, bits&4 != 0
	w.DependsOnlyOnBFD, w.AssumeCapable = bits&8 != 0, bits&16 != 0
	w.Params.Demand, w.Auth.On = bits&0xe0 == 0xe0, bits&0xe0 == 0xc0
	w.HoldOff = int64(s.pick(4)) * 200 * session.Millisecond
	return w
}

// expected is what the model knows of a client.
type expected struct {
	wish     clients.Wish
	up       bool         // as the client believes
	out      session.Time // when an outage began that is held back, 0 if none
	failures int
}

// model plays a script on a Book and holds it to what must be true after every
// step, which it works out from the history alone.
type model struct {
	*rig
	script  script
	want    map[string]*expected
	running *engine.Spec // the session, as the changes leave it
}

var owners = []string{"file", "api", "bgp", "route"}

func play(t *testing.T, s script) {
	m := &model{rig: newRig(t), script: s, want: make(map[string]*expected)}
	m.now = 1
	for len(m.script) > 0 && !t.Failed() {
		owner := owners[m.script.pick(len(owners))]
		switch m.script.pick(8) {
		case 0, 1:
			m.register(owner, m.script.wish())
		case 2:
			m.unregister(owner)
		case 3:
			m.pass(session.Time(m.script.pick(256)) * 5 * ms)
		default:
			m.change()
		}
		m.check()
	}
}

func (m *model) register(owner string, w clients.Wish) {
	e := m.want[owner]
	if e != nil { // what a held failure means to it stays out of this test
		w.HoldOff, w.DependsOnlyOnBFD = e.wish.HoldOff, e.wish.DependsOnlyOnBFD
	}
	before := m.b.Clients(key)
	c, err := m.b.Register(key, owner, w)
	if err != nil {
		var conflict *clients.ConflictError
		if !errors.As(err, &conflict) || m.want[conflict.Other] == nil || conflict.Other == owner {
			m.Fatalf("register %s: %v", owner, err)
		}
		if diff := cmp.Diff(before, m.b.Clients(key)); diff != "" {
			m.Errorf("refused, and yet (-before +after):\n%s", diff)
		}
		return
	}
	if m.running == nil {
		m.state = packet.Down
		if w.Params.AdminDown {
			m.state = packet.AdminDown
		}
	}
	if e == nil {
		e = &expected{up: m.state == packet.Up}
		m.want[owner] = e
	}
	e.wish = w
	m.obey(c)
}

func (m *model) unregister(owner string) {
	delete(m.want, owner)
	m.obey(m.b.Unregister(key, owner))
}

// obey does what a change asks for, which must make sense.
func (m *model) obey(c clients.Change) {
	was := engine.Spec{}
	if m.running != nil {
		was = *m.running
	}
	exists := m.running != nil
	ok := c.Was == was
	switch c.Do {
	case clients.Create:
		ok = ok && !exists
		m.running = &c.Spec
	case clients.Configure:
		ok = ok && exists && c.Spec != was
		m.running = &c.Spec
	case clients.Remove:
		ok = ok && exists && c.Spec == engine.Spec{}
		m.running = nil
	case clients.Nothing:
		ok = ok && c.Spec == was
	}
	if !ok {
		m.Errorf("asked to %d %+v from %+v, it was %+v", c.Do, c.Spec, c.Was, was)
	}
}

// pass lets time go by.
func (m *model) pass(d session.Time) {
	m.now += d
	for _, e := range m.want {
		if e.out != 0 && m.now-e.out >= session.Time(e.wish.HoldOff) {
			e.failures++
			e.up, e.out = false, 0
		}
	}
	m.got = append(m.got, m.b.Expire(m.now)...)
}

// change takes the session to a state that can follow the one it is in.
func (m *model) change() {
	m.pass(0)
	before := len(m.got)
	switch m.state {
	case packet.AdminDown:
		m.on()
	case packet.Down:
		[]func(){m.heard, m.up, m.off, m.peerOff}[m.script.pick(4)]()
	case packet.Init:
		[]func(){m.up, m.fails, m.off, m.peerOff}[m.script.pick(4)]()
	case packet.Up:
		[]func(){m.fails, m.fails, m.off, m.peerOff, m.heldDown}[m.script.pick(5)]()
	}
	if m.running == nil {
		m.state = packet.Down
		if len(m.got) != before {
			m.Errorf("somebody was told of a session that nobody has")
		}
		return
	}
	c := m.b.Clients(key)
	for i := range c {
		m.expect(c[i].Owner, m.want[c[i].Owner])
	}
}

// expect works out what the latest change means to a client.
func (m *model) expect(owner string, e *expected) {
	told := 0
	for _, n := range m.got {
		if n.Owner == owner && n.At == m.now {
			told++
		}
	}
	hidden := e.out != 0
	switch {
	case m.state == packet.Up:
		e.up, e.out = true, 0
	case hidden || !e.up:
	case m.last.Administrative() && !e.wish.DependsOnlyOnBFD:
		e.up = false
	case e.wish.HoldOff > 0:
		e.out, hidden = m.now, true
	default:
		e.up = false
		e.failures++
	}
	switch {
	case hidden && told != 0:
		m.Errorf("%s was told of the change to %v, which is hidden from it", owner, m.state)
	case !hidden && told != 1 && m.last.From != m.last.To:
		m.Errorf("%s was told %d times of the change to %v", owner, told, m.state)
	}
}

// check holds the Book to what must be true at any time.
func (m *model) check() {
	list := m.b.Clients(key)
	spec, exists := m.b.Spec(key)
	if len(list) != len(m.want) || exists != (len(m.want) > 0) || exists != (m.running != nil) {
		m.Fatalf("%d clients of %d, session exists %v, runs %v", len(list), len(m.want), exists, m.running != nil)
	}
	due := session.Never
	for _, c := range list {
		e := m.want[c.Owner]
		if e.out != 0 {
			due = min(due, e.out+session.Time(e.wish.HoldOff))
		}
		m.served(c, &spec)
		if c.Wish != e.wish || (c.View.State == packet.Up) != e.up {
			m.Errorf("%s: wish %+v, sees %+v; the model has %+v", c.Owner, c.Wish, c.View, *e)
		}
	}
	if got := m.b.Deadline(); got != due {
		m.Errorf("deadline %d, want %d", got, due)
	}
	failures := make(map[string]int)
	for _, n := range m.got {
		if n.Kind == clients.Failure {
			failures[n.Owner]++
		}
	}
	m.got = m.got[:0]
	for owner, e := range m.want {
		if failures[owner] != e.failures {
			m.Errorf("%s was told of %d failures, want %d", owner, failures[owner], e.failures)
		}
		e.failures = 0
	}
}

// served checks that a client gets no less than it asked for.
func (m *model) served(c clients.Client, spec *engine.Spec) {
	have, want := &spec.Params, &c.Wish.Params
	detection := func(mult uint8, interval uint32) uint64 { return uint64(mult) * uint64(interval) }
	switch {
	case have.DesiredMinTx > want.DesiredMinTx,
		want.RequiredMinRx != 0 && (have.RequiredMinRx == 0 || have.RequiredMinRx > want.RequiredMinRx),
		want.EchoTx != 0 && (have.EchoTx == 0 || have.EchoTx > want.EchoTx),
		have.EchoTx != 0 && want.EchoTx == 0 && have.EchoTx > want.DesiredMinTx,
		have.DetectMult == 0,
		detection(have.DetectMult, have.DesiredMinTx) > detection(want.DetectMult, want.DesiredMinTx),
		want.EchoTx != 0 && detection(have.DetectMult, have.EchoTx) > detection(want.DetectMult, want.EchoTx),
		have.Ceiling > want.Ceiling,
		have.AdminDown && !want.AdminDown, have.CPI && !want.CPI, c.Wish.Strict && !spec.Strict,
		have.Demand != want.Demand, spec.Auth != c.Wish.Auth:
		m.Errorf("%s asked for %+v and gets %+v", c.Owner, c.Wish.Spec, *spec)
	}
}

// TestRandom plays scripts that chance has written; the seed names the one that
// failed.
func TestRandom(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 5882))
		s := make(script, 1500)
		for i := range s {
			s[i] = byte(rng.Uint32())
		}
		if play(t, s); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	rows.Covers(t, "5882-2-01", "5882-2-02", "5882-2-03", "5882-3.1-01", "5882-3.1-02")
}

func FuzzBook(f *testing.F) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := make([]byte, 100<<(seed%4))
		for i := range s {
			s[i] = byte(rng.Uint32())
		}
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s []byte) { play(t, s[:min(len(s), 4096)]) })
}
