package bench

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

const (
	milli    = int64(1e6)
	interval = 10 * milli
)

// arrive shows w a packet of session k.
func arrive(w *watch, k int, at int64, c packet.Control) {
	c.DetectMult, c.MyDiscr, c.RequiredMinRx, c.DesiredMinTx, c.YourDiscr = 3, 7, 10_000, 10_000, 9
	if c.State == packet.Down { // not up, some ask for a packet a second
		c.YourDiscr, c.RequiredMinRx = 0, 1_000_000
	}
	payload := make([]byte, packet.ControlLen)
	c.Length = packet.ControlLen
	c.Put(payload)
	w.received(&engine.Rx{
		Datagram: packet.Datagram{Dst: packet.AddrFrom(remote(k)), Payload: payload}, Arrival: session.Time(at),
	})
}

func TestGaps(t *testing.T) {
	w := newWatch(1, interval, 3)
	at := int64(1e9)
	up := packet.Control{State: packet.Up}
	arrive(w, 0, at, up)
	for _, gap := range []int64{9 * milli, 10 * milli, 7*milli + milli/2, 7 * milli, 11 * milli, 31 * milli} {
		at += gap
		arrive(w, 0, at, up)
	}
	// A Final in between is no packet of the timer, but breaks a silence.
	arrive(w, 0, at+5*milli, packet.Control{State: packet.Up, Final: true})
	arrive(w, 0, at+9*milli, up)
	want := gapCounts{Count: 7, Inside: 4, Below: 1, AboveInterval: 2, AboveDetection: 1}
	if diff := cmp.Diff(want, w.gaps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if w.maxGap != 31*milli || w.rx != 9 {
		t.Errorf("longest %d, received %d", w.maxGap, w.rx)
	}
	if got := w.longest(at + 69*milli); got != 60*milli {
		t.Errorf("a silence that lasts on: %d", got)
	}
	w.reset(at + 50*milli)
	if got := w.longest(at + 69*milli); got != 19*milli {
		t.Errorf("a silence since the reset: %d", got)
	}
	arrive(w, 0, at+70*milli, up)
	if w.gaps != (gapCounts{}) || w.maxGap != 20*milli {
		t.Errorf("after a reset: %+v, longest %d", w.gaps, w.maxGap)
	}
}

// What is not a packet of a session is not looked at.
func TestStrangers(t *testing.T) {
	w := newWatch(1, interval, 3)
	w.received(&engine.Rx{Datagram: packet.Datagram{Dst: packet.AddrFrom(remote(1)), Payload: make([]byte, 24)}})
	w.received(&engine.Rx{Datagram: packet.Datagram{Dst: packet.AddrFrom(remote(0)), Drop: packet.DropShort}})
	w.received(&engine.Rx{Datagram: packet.Datagram{Dst: packet.AddrFrom(remote(0)), Payload: make([]byte, 24)}})
	if w.rx != 0 {
		t.Errorf("received %d", w.rx)
	}
}

func TestDetection(t *testing.T) {
	w := newWatch(3, interval, 3)
	for k := range 3 {
		arrive(w, k, 100*milli, packet.Control{State: packet.Up})
		w.own(k, true, 100*milli)
	}
	if w.both != 3 || w.allUpAt != 100*milli {
		t.Fatalf("%d up, at %d", w.both, w.allUpAt)
	}
	w.own(2, false, 101*milli) // it has failed already, so it cannot notice
	for k := range 3 {
		w.sessions[k].lastTx = 110 * milli
	}
	if up := w.cut(0, 3); up != 2 {
		t.Fatalf("%d sessions cut", up)
	}
	arrive(w, 0, 141*milli, packet.Control{State: packet.Down, Diag: packet.DiagControlExpiry})
	arrive(w, 0, 150*milli, packet.Control{State: packet.Down, Diag: packet.DiagControlExpiry})
	want := []detection{
		{Session: 0, LastTx: 110 * milli, DownAt: 141 * milli, Negotiated: 30 * milli},
		{Session: 1, LastTx: 110 * milli, Negotiated: 30 * milli},
	}
	if diff := cmp.Diff(want, w.detected(3)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if w.detections != 1 || w.downs != 1 || w.declared != 1 {
		t.Errorf("%d detections, %d Downs, %d declared", w.detections, w.downs, w.declared)
	}
	var res DetectResult
	h := newHistogram()
	res.add(want, h)
	if res.Detected != 1 || res.Missed != 1 || res.Early != 0 || res.DetectionTime != 30_000 || h.Max() != 1000 {
		t.Errorf("%+v, overshoot %d us", res, h.Max())
	}
}

// sink is a port that keeps what is sent.
type sink struct {
	buf     [engine.MaxFrame]byte
	sources []byte // last bytes of the source addresses
	flushes int
}

func (*sink) Receive([]engine.Rx) int { return 0 }
func (*sink) Ring() bool              { return true }
func (*sink) Lost() uint64            { return 0 }
func (s *sink) Alloc(bool) []byte     { return s.buf[:] }
func (s *sink) Commit(_, l3 int)      { s.sources = append(s.sources, s.buf[l3+15]) }
func (s *sink) Flush() int            { s.flushes++; return 0 }

// Frames leave after their session's own delay, unless it has fallen silent.
func TestTap(t *testing.T) {
	s := new(sink)
	w := newWatch(3, interval, 3)
	p := newTap(s, w, interval)
	p.delay = []int32{900_000, 0, 400_000}
	put := func(k int) {
		var frame packet.Template
		frame.Render(&packet.Path{SrcMAC: peerMAC, DstMAC: dutMAC, Src: packet.AddrFrom(remote(k)), Dst: packet.AddrFrom(local(k))},
			&packet.Control{State: packet.Down, DetectMult: 3, MyDiscr: 1}, nil)
		p.Commit(frame.Put(p.Alloc(true), 0), frame.L3())
	}
	for k := range 3 {
		put(k)
	}
	if len(s.sources) != 0 || p.held != 3 {
		t.Fatalf("%d left at once, %d wait", len(s.sources), p.held)
	}
	for end := now() + session.Time(100*milli); p.held > 0 && now() < end; {
		p.release()
	}
	if diff := cmp.Diff([]byte{3, 4, 2}, s.sources); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if w.sessions[0].lastTx == 0 || w.tx != 3 || p.sends.Frames != 3 || p.sends.Calls != uint64(s.flushes) {
		t.Errorf("stamp %d, %d sent, %+v, %d flushes", w.sessions[0].lastTx, w.tx, p.sends, s.flushes)
	}
	put(1)
	w.cut(0, 2)
	put(0)
	if p.held != 1 {
		t.Errorf("%d wait, the silent session's new frame among them", p.held)
	}
	for end := now() + session.Time(100*milli); p.held > 0 && now() < end; {
		p.release()
	}
	if len(s.sources) != 3 {
		t.Errorf("a silent session has sent: %v", s.sources)
	}
}

// A flood must hold nothing that an engine ought to believe.
func TestBogus(t *testing.T) {
	kinds := make(map[string]int)
	for i, frame := range bogus(10) {
		var d packet.Datagram
		packet.ParseEthernet(frame, &d)
		var c packet.Control
		drop := c.Decode(d.Payload)
		switch {
		case d.Drop != packet.DropNone:
			t.Errorf("frame %d: %v: the kernel would drop it", i, d.Drop)
		case d.TTL != 255:
			kinds["ttl"]++
		case drop != packet.DropNone:
			kinds[drop.String()]++
		case c.YourDiscr != 0:
			kinds["no session"]++
		default:
			if a := d.Src; sessionOf(a[13], a[14], a[15]) >= 0 {
				t.Errorf("frame %d is a good one", i)
			}
			kinds["stranger"]++
		}
	}
	if len(kinds) < 7 {
		t.Errorf("only %v", kinds)
	}
}
