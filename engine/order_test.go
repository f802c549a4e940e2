package engine

import (
	"slices"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// spread is a rig with a session that is Up, and the workers that do not run it.
func spread(t *testing.T) (r *rig, discr, owner uint32, others []int) {
	r = newRig(t, 3)
	discr = r.add(p50, 1)
	r.up(discr, 1)
	owner, _ = r.e.key.find(discr)
	return r, discr, owner, slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == int(owner) })
}

// rxAt is a packet of peer 1 that arrived at an instant.
func (r *rig) rxAt(at session.Time, discr uint32, edit func(*packet.Control)) Rx {
	c := control(1, packet.Up, discr)
	edit(&c)
	rx := r.rx(1, c)
	rx.Arrival = at
	return rx
}

// finals counts those that have left since it was asked last.
func (r *rig) finals() (n int) {
	for _, p := range r.ports {
		for _, s := range p.sent(r.t) {
			if s.Final {
				n++
			}
		}
	}
	return n
}

func mult(n uint8) func(*packet.Control) { return func(c *packet.Control) { c.DetectMult = n } }

// What waits in the rings of other workers and in ports is received in the order
// of arrival.
func TestHandOffKeepsOrder(t *testing.T) {
	r, d, owner, others := spread(t)
	r.now += 10 * ms
	at := r.now - ms
	// Odd ones in the owner's port, the others by turns in those of the others.
	for n := range session.Time(12) {
		p := r.ports[owner]
		if n%2 == 0 {
			p = r.ports[others[n/2%2]]
		}
		p.in = append(p.in, r.rxAt(at+n, d, mult(uint8(3+n))))
	}
	for _, o := range others {
		r.e.workers[o].Step(r.now)
	}
	before := r.status(d).Counters.Rx
	r.e.workers[owner].Step(r.now)
	st := r.status(d)
	if got := st.Counters.Rx - before; got != 12 || st.Remote.DetectMult != 3+11 || r.drops() != (Discards{}) {
		t.Errorf("%d of 12 packets received, the last with multiplier %d, want 14; discards %v", got, st.Remote.DetectMult, r.drops())
	}
}

// A packet that comes after a later one is received, and a Poll answered; but what
// it says of the peer is not believed, and its Final ends no Poll.
func TestOvertaken(t *testing.T) {
	r, d, owner, others := spread(t)
	r.now += 10 * ms
	r.hear(int(owner), r.rxAt(r.now, d, mult(14)))
	if err := r.e.Poll(d); err != nil {
		t.Fatal(err)
	}
	r.step()
	r.finals()
	before := r.status(d)
	for n, edit := range []func(*packet.Control){
		mult(99),
		func(c *packet.Control) { c.State, c.YourDiscr = packet.Down, 0 },
		func(c *packet.Control) { c.State, c.Poll = packet.AdminDown, true },
		func(c *packet.Control) { c.Final = true },
	} {
		r.hear(others[n%2], r.rxAt(r.now-ms, d, edit))
	}
	st := r.status(d)
	if st.State != packet.Up || st.Remote != before.Remote || st.LastRx != before.LastRx || !st.Polling {
		t.Errorf("%v, polling %v, the peer %+v, before %+v", st.State, st.Polling, st.Remote, before.Remote)
	}
	if got, finals := st.Counters.Rx-before.Counters.Rx, r.finals(); got != 4 || finals != 1 || st.Discards != (Discards{}) {
		t.Errorf("%d of 4 received, %d Finals for 1 Poll, discards %v", got, finals, st.Discards)
	}
	if err := r.e.Configure(d, session.Params{AdminDown: true, DesiredMinTx: 50_000, RequiredMinRx: 50_000, DetectMult: 3}); err != nil {
		t.Fatal(err)
	}
	r.step()
	r.hear(others[0], r.rxAt(r.now-ms, d, func(c *packet.Control) { c.Poll = true }))
	if st = r.status(d); r.finals() != 0 || st.Discards[packet.DropLocalAdminDown] != 1 {
		t.Errorf("while AdminDown: discards %v", st.Discards)
	}
}

// After a stall a ring holds what its worker took port after port: of a session whose
// packets came by two interfaces the later ones lie before the earlier. Every Poll is
// answered all the same, and the latest believed.
func TestHandOffPortByPort(t *testing.T) {
	r, d, owner, others := spread(t)
	o := others[0]
	second := new(port)
	r.e.AttachPort(o, ifindex+1, second)
	r.step()
	r.finals()
	before := r.status(d).Counters.Rx
	r.now += 10 * ms
	at := r.now - ms
	for n := range session.Time(8) {
		p := []*port{r.ports[owner], second, r.ports[o]}[n%3]
		p.in = append(p.in, r.rxAt(at+n, d, func(c *packet.Control) { c.Poll, c.DetectMult = true, uint8(3+n) }))
	}
	r.e.workers[o].Step(r.now)
	r.e.workers[owner].Step(r.now)
	st := r.status(d)
	if got, finals := st.Counters.Rx-before, r.finals(); got != 8 || finals != 8 || st.Remote.DetectMult != 3+7 || r.drops() != (Discards{}) {
		t.Errorf("%d of 8 received, %d Finals, multiplier %d, want 10; discards %v", got, finals, st.Remote.DetectMult, r.drops())
	}
}

// An overtaken packet whose authentication fits no more is dropped, and not counted
// as one that was made wrong.
func TestOvertakenAuthentication(t *testing.T) {
	r, d, owner, others := spread(t)
	r.now += 10 * ms
	r.hear(int(owner), r.rxAt(r.now, d, mult(14)))
	if err := r.e.SetKey(1, packet.AuthMethod{Type: packet.AuthMeticulousSHA1}, packet.NewSecret([]byte("in order"))); err != nil {
		t.Fatal(err)
	}
	if err := r.e.SetAuth(d, Auth{On: true, Key: 1, KeyID: 7}, false); err != nil {
		t.Fatal(err)
	}
	r.hear(others[0], r.rxAt(r.now-ms, d, mult(99)))
	want := Discards{packet.DropOvertaken: 1}
	if st := r.status(d); st.Discards != want || st.Remote.DetectMult != 14 {
		t.Errorf("discards %v, multiplier %d", st.Discards, st.Remote.DetectMult)
	}
}
