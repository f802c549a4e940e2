package session_test

import (
	"fmt"
	"math"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// body is what the session has to say, but for P and F.
func (r *rig) body() packet.Control {
	var c packet.Control
	r.s.Control(&c)
	c.Poll = false
	return c
}

// periodic are the packets sent that are no Finals.
func (r *rig) periodic() []frame {
	return slices.DeleteFunc(slices.Clone(r.sent), func(f frame) bool { return f.Final })
}

// finals are the packets sent that are Finals.
func (r *rig) finals() []frame {
	return slices.DeleteFunc(slices.Clone(r.sent), func(f frame) bool { return !f.Final })
}

// last is the last packet sent.
func (r *rig) last() frame {
	r.t.Helper()
	if len(r.sent) == 0 {
		r.t.Fatal("nothing was sent")
	}
	return r.sent[len(r.sent)-1]
}

// gaps between periodic packets; one that a change of content cut short is left
// out, the one after it is not.
func (r *rig) gaps() []int64 {
	var g []int64
	p := r.periodic()
	for i := 1; i < len(p); i++ {
		if !p[i].extra {
			g = append(g, int64(p[i].at-p[i-1].at))
		}
	}
	return g
}

// wantGaps wants at least n gaps, each within the window of a negotiated
// interval T: [0.75 T, T], or [0.75 T, 0.9 T] with a multiplier of 1 (RFC 5880 §6.8.7).
func (r *rig) wantGaps(what string, interval int64, n int) {
	r.t.Helper()
	hi := interval
	if r.s.Params().DetectMult == 1 {
		hi = interval / 10 * 9
	}
	g := r.gaps()
	if len(g) < n {
		r.t.Errorf("%s: %d gaps, want at least %d", what, len(g), n)
	}
	for i, d := range g {
		if d < interval/4*3 || d > hi {
			r.t.Errorf("%s: gap %d of %d is %s, want %s to %s", what, i, len(g), span(d), span(interval/4*3), span(hi))
			return
		}
	}
}

// wantDown silences the tester and wants the session to go Down with diagnostic
// 1 exactly so long after the last packet it heard.
func (r *rig) wantDown(what string, after int64) {
	r.t.Helper()
	r.silence()
	r.moves = nil
	last := r.s.LastRx()
	together(last+session.Time(after), r)
	want := []move{{packet.Down, packet.DiagControlExpiry, last + session.Time(after)}}
	if diff := cmp.Diff(want, r.moves); diff != "" {
		r.t.Errorf("%s: silent for %s (-want +got):\n%s", what, span(after), diff)
	}
}

// wantState wants no change of state since the record was cleared.
func (r *rig) wantState(what string, st packet.State) {
	r.t.Helper()
	if r.s.State() != st || len(r.moves) != 0 {
		r.t.Errorf("%s: state %v after %+v, want %v all along", what, r.s.State(), r.moves, st)
	}
}

// span prints nanoseconds for people.
func span(ns int64) string {
	if ns == math.MaxInt64 {
		return "never"
	}
	return fmt.Sprintf("%gms", float64(ns)/float64(ms))
}
