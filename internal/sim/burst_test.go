package sim

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// counter stands at the end of a wire and counts the frames that left at one
// instant: in one go, whatever the number of Steps that they took.
type counter struct {
	end
	world *World
	at    session.Time
	n     int
	goes  []int              // of the frames of each instant
	each  func(session.Time) // gets the instant of each frame, unless nil
}

func (c *counter) arrive(f *frame) {
	if c.world.now != c.at {
		c.goes, c.at, c.n = append(c.goes, c.n), c.world.now, 0
	}
	c.n++
	if c.each != nil {
		c.each(c.at)
	}
	c.end.arrive(f)
}

// many are a lot of sessions between two hosts.
type many struct {
	*testing.T
	world *World
	hosts [2]*Host
	pairs [][2]*Session
	there *counter // counts what the first host sends
}

func newMany(t *testing.T) *many {
	w := NewWorld(1)
	m := &many{T: t, world: w, hosts: [2]*Host{w.NewHost("a", 1), w.NewHost("b", 1)}}
	link := w.NewLink("link", Conditions{Delay: 20 * Microsecond})
	for _, n := range []*NIC{m.hosts[0].Plug(1, link.There, link.Back), m.hosts[1].Plug(1, link.Back, link.There)} {
		n.RingCap = 1 << 14
	}
	m.there = &counter{end: link.There.far, world: w}
	link.There.far = m.there
	return m
}

// add adds n sessions at one end, all at one instant.
func (m *many) add(host, n int, p session.Params) {
	if m.pairs == nil {
		m.pairs = make([][2]*Session, n)
	}
	for i := range m.pairs {
		ends := [2]netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})}
		m.pairs[i][host] = m.hosts[host].Add(p, path(1, ends[host], ends[1-host]))
	}
}

func (m *many) wantUp(within session.Time) {
	m.Helper()
	began, up := m.world.now, 0
	for m.world.now-began < within && up < len(m.pairs) {
		m.world.Run(50 * Millisecond)
		up = 0
		for _, p := range m.pairs {
			if p[0].Status().State == packet.Up && p[1].Status().State == packet.Up {
				up++
			}
		}
	}
	if up < len(m.pairs) {
		m.Fatalf("%d of %d sessions are up after %.1f s", up, len(m.pairs), seconds(m.world.now-began))
	}
}

// worst returns the median and the largest number of frames that left in one go
// while d passes.
func (m *many) worst(d session.Time) (median, most int) {
	m.there.goes = nil
	m.world.Run(d)
	g := m.there.goes
	slices.Sort(g)
	return g[len(g)/2], g[len(g)-1]
}

// share returns the largest part of all sessions that send within one of 20 equal
// parts of an interval, as seen for d.
func (m *many) share(interval, d session.Time) float64 {
	var parts [20]int
	m.there.each = func(at session.Time) { parts[at%interval*20/interval]++ }
	m.world.Run(d)
	m.there.each = nil
	sum := 0
	for _, n := range parts {
		sum += n
	}
	return float64(slices.Max(parts[:])) / float64(sum)
}

// vethRoom is how many frames a veth takes before its other end has to run.
const vethRoom = 256

// However sessions come up, all at both ends at one instant or against a peer that
// has been there for long, they send at all times alike, and no more leave in one
// go than a veth takes.
func TestBursts(t *testing.T) {
	for _, tt := range []struct {
		name     string
		interval float64 // ms
		n        int
		later    session.Time // when the other end comes
		median   int          // with which the grid is not finer than it must be
	}{
		{"both at once", 10, 5000, 0, 100},
		{"one waits", 10, 2500, 1500 * Millisecond, 100},
		{"few", 10, 300, 0, 15},
		{"long intervals", 100, 10_000, 0, 80},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMany(t)
			p := ms(tt.interval, tt.interval, 3)
			m.add(0, tt.n, p)
			m.world.Run(tt.later)
			m.add(1, tt.n, p)
			m.wantUp(5 * Second)
			interval := session.Time(tt.interval * 1e6)
			m.world.Run(max(10*interval, 600*Millisecond)) // for jitter to do its work
			if part := m.share(interval, 4*interval); part > 0.1 {
				t.Errorf("%.0f %% of all packets leave in one part of 20 of an interval", 100*part)
			}
			median, most := m.worst(max(10*interval, 100*Millisecond))
			t.Logf("%d sessions: %d frames in one go, %d at most", tt.n, median, most)
			if most >= vethRoom || median < tt.median {
				t.Errorf("%d frames leave in one go, want at least %d; %d at most, want less than %d", median, tt.median, most, vethRoom)
			}
			for _, p := range m.pairs {
				if st := p[0].Status(); st.Counters.Down != 0 || st.Counters.TxFailed != 0 {
					t.Fatalf("%+v", st.Counters)
				}
			}
		})
	}
}
