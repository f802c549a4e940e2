package wirebed

import (
	"slices"
	"time"

	"github.com/xbfd/xbfd/packet"
)

// says waits for D to send a packet at once, which slack bounds.
func (b *bed) says(what string, from time.Duration, wanted func(h hearing) bool) hearing {
	b.Helper()
	h, ok := b.await(from, slack, wanted)
	if !ok {
		st := b.status()
		b.tooLate("%s: not within %v; D is %v/%d", what, slack, st.State, st.Diag)
	}
	return h
}

// stands checks by the API that the session has a state and a diagnostic, or soon
// gets them.
func (b *bed) stands(what string, state packet.State, diag packet.Diag) {
	b.Helper()
	for deadline := time.Now().Add(slack); ; time.Sleep(time.Millisecond) {
		st := b.status()
		if st.State == state && st.Diag == diag {
			return
		}
		if time.Now().After(deadline) {
			b.Errorf("%s: %v/%d, want %v/%d", what, st.State, st.Diag, state, diag)
			return
		}
	}
}

// keeps checks that D says nothing but one state and diagnostic.
func (b *bed) keeps(what string, all []hearing, state packet.State, diag packet.Diag) {
	b.Helper()
	for _, h := range all {
		if h.State != state || h.Diag != diag {
			b.Errorf("%s: says %v/%d, want %v/%d", what, h.State, h.Diag, state, diag)
			return
		}
	}
}

// gaps checks that every gap between consecutive packets lies in a window, in
// milliseconds, and that there are enough of them. The machine may stretch a gap,
// but not the middle one of all.
func (b *bed) gaps(what string, all []hearing, atLeast int, lo, hi float64) {
	b.Helper()
	if len(all) <= atLeast {
		b.slow("%s: %d packets, want more than %d", what, len(all), atLeast)
	}
	var list []float64
	for i := 1; i < len(all); i++ {
		list = append(list, millis(all[i].at-all[i-1].at))
	}
	if len(list) == 0 {
		return
	}
	if short := shortest(list, lo); short < lo-millis(ahead) {
		b.tooEarly("%s: a gap of %.3f ms, want %.3f to %.3f", what, short, lo, hi)
	}
	slices.Sort(list)
	if last := list[len(list)-1]; last > hi+millis(slack) {
		b.slow("%s: a gap of %.3f ms, want %.3f to %.3f", what, last, lo, hi)
	}
	if middle := list[len(list)/2]; middle > hi+max(2, hi/50) {
		b.slow("%s: the middle gap is %.3f ms, want %.3f to %.3f", what, middle, lo, hi)
	}
}

// shortest returns the shortest gap. A packet that the machine held up on its way
// out makes the gap before it longer and the one behind it shorter, so one gap of
// fifty may be short if the two together are not.
func shortest(gaps []float64, lo float64) float64 {
	least, excused := gaps[0], 0
	for i, g := range gaps[1:] {
		if g < lo && gaps[i]+g >= 2*lo && excused < 1+len(gaps)/50 {
			excused++
			continue
		}
		least = min(least, g)
	}
	return least
}

func millis(d time.Duration) float64 { return float64(d) / 1e6 }

// silent checks that D sends nothing for a time.
func (b *bed) silent(what string, d time.Duration) {
	b.Helper()
	if all := b.during(d); len(all) != 0 {
		b.Errorf("%s: %d packets in %v, the first %+v", what, len(all), d, all[0].Control)
	}
}

// polled checks that all packets but Finals have P as wanted.
func (b *bed) polled(what string, all []hearing, want bool) {
	b.Helper()
	for _, h := range periodic(all) {
		if h.Poll != want {
			b.Errorf("%s: P is %v, want %v", what, h.Poll, want)
			return
		}
	}
}

// answered checks that T's Poll, changed by edit, gets one Final, at once and
// without P, and returns when T sent it.
func (b *bed) answered(what string, edit func(c *packet.Control)) hearing {
	b.Helper()
	from := now()
	b.once(func(c *packet.Control) {
		c.Poll = true
		if edit != nil {
			edit(c)
		}
	})
	h := b.says(what+": Final", from, func(h hearing) bool { return h.Final })
	if h.Poll {
		b.Errorf("%s: a Final with P", what)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.at < b.lastAt {
		b.Errorf("%s: a Final before the Poll", what)
	}
	return h
}

// downAfter waits for D's packet that says Down, and checks that it has
// diagnostic 1 and comes a Detection Time after T's last packet, given in
// milliseconds. T has to be silent.
func (b *bed) downAfter(what string, detection float64) hearing {
	b.Helper()
	b.settle()
	b.mu.Lock()
	last := b.lastAt
	b.mu.Unlock()
	return b.downSince(what, last, detection)
}

// downSince is downAfter for another beginning.
func (b *bed) downSince(what string, last time.Duration, detection float64) hearing {
	b.Helper()
	want := time.Duration(detection * 1e6)
	h, ok := b.await(last, last+want+2*slack-now(), func(h hearing) bool { return h.State != packet.Up && h.State != packet.Init })
	if !ok {
		b.tooLate("%s: not Down %v after the last packet, want %v; D has %v", what, now()-last, want, time.Duration(b.status().DetectionTime))
	}
	took := h.at - last
	switch {
	case h.State != packet.Down || h.Diag != packet.DiagControlExpiry:
		b.Errorf("%s: says %v/%d", what, h.State, h.Diag)
	case took < want-ahead:
		b.tooEarly("%s: Down %v after the last packet, want %v", what, took, want)
	case took > want+slack:
		b.slow("%s: Down %v after the last packet, want %v", what, took, want)
	}
	return h
}
