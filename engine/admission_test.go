package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

func limited(t *testing.T, c Config) *Engine {
	t.Helper()
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// rate is a session that makes so many packets per second, both ways.
func rate(n uint32) session.Params {
	return session.Params{DesiredMinTx: 2_000_000 / n, RequiredMinRx: 2_000_000 / n, DetectMult: 3}
}

// What a session makes: both directions, Echo through twice.
func TestLoad(t *testing.T) {
	for _, c := range []struct {
		p    session.Params
		want uint64
	}{
		{p50, 20 + 20},
		{session.Params{DesiredMinTx: 50_000, RequiredMinRx: 1 << 31, DetectMult: 3}, 20 + 1},
		{session.Params{DesiredMinTx: 50_000, DetectMult: 3}, 20},
		{session.Params{DesiredMinTx: 3_300, RequiredMinRx: 3_300, DetectMult: 3, EchoTx: 1 << 30}, 304 + 304 + 2*1},
		{echoParams(), 20 + 20 + 2*50 + 2*34},
	} {
		if got := loadOf(c.p); got != c.want {
			t.Errorf("%+v: %d packets/s, want %d", c.p, got, c.want)
		}
	}
	rows.Covers(t, "5880-7-03")
}

// A worker is given what it can serve and no more; what goes makes room again.
func TestAdmission(t *testing.T) {
	e := limited(t, Config{Workers: 2, Capacity: 100})
	var all []uint32
	for i := range 4 {
		d, err := e.Add(Spec{Params: rate(40)})
		if err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
		all = append(all, d)
	}
	if diff := cmp.Diff([]uint64{80, 80}, e.loads); diff != "" {
		t.Errorf("the workers' loads (-want +got):\n%s", diff)
	}
	var refused *LoadError
	want := LoadError{Need: 40, Load: 80, Capacity: 100}
	for range 3 {
		if d, err := e.Add(Spec{Params: rate(40)}); !errors.As(err, &refused) || *refused != want || d != 0 {
			t.Fatalf("session %#x, %v; want %+v", d, err, want)
		}
	}
	for _, figure := range []string{"40", "80", "100"} {
		if !strings.Contains(refused.Error(), figure) {
			t.Errorf("%q does not tell %s", refused, figure)
		}
	}
	if len(e.sessions) != 4 || e.loads[0]+e.loads[1] != 160 {
		t.Errorf("a refused session left something behind: %d, %v", len(e.sessions), e.loads)
	}
	if err := e.Configure(all[0], rate(100)); !errors.As(err, &refused) || *refused != (LoadError{Need: 100, Load: 40, Capacity: 100}) {
		t.Errorf("faster: %v", err)
	}
	for _, step := range []struct {
		rate uint32
		ok   bool
	}{{50, true}, {80, false}, {20, true}, {40, true}} {
		if err := e.Configure(all[0], rate(step.rate)); (err == nil) != step.ok {
			t.Errorf("at %d packets/s: %v", step.rate, err)
		}
	}
	if _, err := e.Add(Spec{Params: rate(20), Auth: Auth{On: true, Key: 77}}); !errors.Is(err, ErrKeyUnknown) {
		t.Errorf("a key that nobody has: %v", err)
	}
	if e.loads[0]+e.loads[1] != 160 {
		t.Errorf("a session without its key left its load: %v", e.loads)
	}
	if err := e.Remove(all[1], -1); err != nil {
		t.Fatal(err)
	}
	for _, w := range e.Workers() {
		w.Step(sec)
	}
	e.TakeEvents(nil)
	if _, err := e.Add(Spec{Params: rate(40)}); err != nil {
		t.Errorf("after one has gone: %v", err)
	}
	rows.Covers(t, "5880-7-03", "5880-6.4-02")
}

// A refused change leaves the session running as it was.
func TestRefusedChangeChangesNothing(t *testing.T) {
	r := newRig(t, 1)
	r.e.capacity = 50
	d := r.add(p50, 1)
	r.up(d, 1)
	r.ports[0].out = nil
	before := r.status(d)
	var refused *LoadError
	if err := r.e.Configure(d, rate(1000)); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	r.step()
	if diff := cmp.Diff(before, r.status(d)); diff != "" || len(r.ports[0].out) != 0 {
		t.Errorf("(-before +after):\n%s", diff)
	}
	rows.Covers(t, "5880-7-03")
}

// A limit slows what asks for more, in each of its intervals, and never the other
// way.
func TestMinInterval(t *testing.T) {
	for _, c := range []struct{ limit, ask, want uint32 }{
		{0, 1, 1}, {20_000, 10_000, 20_000}, {20_000, 20_000, 20_000}, {20_000, 50_000, 50_000}, {3_300, 3_299, 3_300}, {20_000, 0, 0},
	} {
		e := limited(t, Config{MinInterval: c.limit})
		p := session.Params{DesiredMinTx: max(c.ask, 1), RequiredMinRx: c.ask, EchoTx: c.ask, EchoRx: c.ask, DetectMult: 3}
		d, err := e.Add(Spec{Params: p})
		if err != nil {
			t.Fatal(err)
		}
		w := e.Workers()[0]
		for range 2 {
			w.Step(sec)
			st, _ := w.Status(d, sec)
			if got := st.Params; got.RequiredMinRx != c.want || got.EchoTx != c.want || got.EchoRx != c.want || got.DesiredMinTx != max(c.want, 1, min(c.limit, 20_000)) {
				t.Errorf("limit %d, asked for %d: %+v", c.limit, c.ask, got)
			}
			if err := e.Configure(d, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := newRig(t, 1)
	r.e.minInterval = 20_000
	d := r.add(session.Params{DesiredMinTx: 10_000, RequiredMinRx: 3_300, DetectMult: 3}, 1)
	r.up(d, 1)
	for _, s := range r.ports[0].sent(t) {
		if s.RequiredMinRx != 20_000 || s.DesiredMinTx != 20_000 && s.DesiredMinTx != 1_000_000 {
			t.Errorf("advertises %d and %d µs", s.DesiredMinTx, s.RequiredMinRx)
		}
	}
	rows.Covers(t, "7419-3-03")
}

// What others know of a path reaches the session and its peer.
func TestSignals(t *testing.T) {
	for _, c := range []struct {
		name  string
		diags []packet.Diag
		state packet.State
		diag  packet.Diag
	}{
		{"forwarding reset", []packet.Diag{4}, packet.Down, 4},
		{"path down", []packet.Diag{5}, packet.AdminDown, 5},
		{"path down and back", []packet.Diag{5, 0}, packet.Down, 5},
		{"concatenated", []packet.Diag{6}, packet.Up, 6},
		{"the other way", []packet.Diag{8}, packet.Up, 8},
		{"concatenated and back", []packet.Diag{6, 0}, packet.Up, 0},
		{"nothing to take back", []packet.Diag{0}, packet.Up, 0},
		{"reset outlasts the taking back", []packet.Diag{4, 0}, packet.Down, 4},
	} {
		r := newRig(t, 1)
		d := r.add(p50, 1)
		r.up(d, 1)
		r.ports[0].out = nil
		for _, diag := range c.diags {
			if err := r.e.Signal(d, diag); err != nil {
				t.Fatal(err)
			}
		}
		r.step()
		if st := r.status(d); st.State != c.state || st.Diag != c.diag {
			t.Errorf("%s: %v/%v, want %v/%v", c.name, st.State, st.Diag, c.state, c.diag)
		}
		sent := r.ports[0].sent(t)
		if len(sent) == 0 && c.diag != 0 || len(sent) > 0 && (sent[len(sent)-1].State != c.state || sent[len(sent)-1].Diag != c.diag) {
			t.Errorf("%s: sent %+v", c.name, sent)
		}
		for _, own := range []packet.Diag{1, 2, 3, 7, 9, 31} {
			if err := r.e.Signal(d, own); err == nil {
				t.Errorf("diagnostic %v can be set from outside", own)
			}
		}
	}
	r := newRig(t, 1)
	for name, err := range map[string]error{"Signal": r.e.Signal(1, 4), "Poll": r.e.Poll(1), "SetChecks": r.e.SetChecks(1, 0, true)} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("%s of no session: %v", name, err)
		}
	}
	rows.Covers(t, "5880-6.8.15-01", "5880-6.8.16-05", "5880-6.8.17-01")
}

// A Poll on command rides on the next packet and ends with its Final.
func TestPollOnCommand(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.up(d, 1)
	r.ports[0].out = nil
	if err := r.e.Poll(d); err != nil {
		t.Fatal(err)
	}
	if r.step(); len(r.ports[0].out) != 0 || !r.status(d).Polling {
		t.Errorf("%d packets beside the schedule, polling %v", len(r.ports[0].out), r.status(d).Polling)
	}
	r.run(100 * ms)
	sent := r.ports[0].sent(t)
	if len(sent) < 2 || !sent[0].Poll || !sent[1].Poll {
		t.Errorf("sent %+v", sent)
	}
	c := control(1, packet.Up, d)
	c.Final = true
	if r.hear(0, r.rx(1, c)); r.status(d).Polling {
		t.Error("goes on after the Final")
	}
	rows.Covers(t, "5880-6.6-07", "5880-6.5-02")
}
