package engine

import (
	"testing"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// A removed session says AdminDown at once even when it has changed so often of
// late that no more packets between the periodic ones are allowed.
func TestRemoveAfterManyChanges(t *testing.T) {
	r := newRig(t, 1)
	d := r.add(p50, 1)
	r.step()
	r.up(d, 1)
	p := p50
	for i := range 20 {
		p.DetectMult = uint8(10 + i)
		if err := r.e.Configure(d, p); err != nil {
			t.Fatal(err)
		}
	}
	r.step()
	if n := len(r.ports[0].sent(t)); n >= 20 {
		t.Fatalf("%d packets for 20 changes: nothing bounds them", n)
	}
	if err := r.e.Remove(d, 0); err != nil {
		t.Fatal(err)
	}
	r.step()
	if got := r.ports[0].sent(t); len(got) != 1 || got[0].State != packet.AdminDown || got[0].DetectMult != p.DetectMult {
		t.Errorf("sent %+v, want AdminDown", got)
	}
	rows.Covers(t, "5880-6.8.16-06")
}

// A session that is Down has no peer that is Up and would wait for it, however
// long the slow rate makes the peer's detection time.
func TestRemoveDown(t *testing.T) {
	r := newRig(t, 1)
	p := p50
	p.DetectMult = 20
	d := r.add(p, 1)
	r.step()
	r.up(d, 1)
	r.hear(0, r.rx(1, control(1, packet.AdminDown, d)))
	r.ports[0].sent(t)
	if err := r.e.Remove(d, int64(sec)); err != nil {
		t.Fatal(err)
	}
	r.step()
	if got := r.ports[0].sent(t); len(got) != 1 || got[0].State != packet.AdminDown {
		t.Errorf("sent %+v, want AdminDown", got)
	}
	if took := r.gone(d); took < sec || took > sec+20*ms {
		t.Errorf("gone after %v s, want 1", float64(took)/1e9)
	}
}
