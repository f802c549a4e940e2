package controltest

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/xbfd/xbfd/internal/control"
)

// Events implements control.Backend: what Happened, and the end.
func (b *Backend) Events(ctx context.Context, q control.EventQuery) (control.EventReader, error) {
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	defer b.mu.Unlock()
	r := &reader{ended: make(chan struct{})}
	for _, ev := range b.Happened {
		if q.Selects(ev.Type, ev.Session) && (q.Since == nil || ev.Seq > *q.Since) {
			r.left = append(r.left, ev)
		}
	}
	return r, nil
}

type reader struct {
	left  []control.Event
	ended chan struct{}
}

// Next delivers one event at a time.
func (r *reader) Next(_ context.Context, buf []control.Event) ([]control.Event, error) {
	if len(r.left) == 0 {
		return buf, io.EOF
	}
	buf, r.left = append(buf, r.left[0]), r.left[1:]
	return buf, nil
}

// Ended returns a channel that stays open.
func (r *reader) Ended() <-chan struct{} { return r.ended }

// Events are one of each shape there is.
func Events() []control.Event {
	s := &control.EventSession{
		Peer: netip.MustParseAddr("192.0.2.1"), Local: netip.MustParseAddr("192.0.2.9"),
		Interface: "eth0", VRF: "default", Discr: 11,
	}
	age, lost := uint64(160_250), uint64(17)
	at := func(seq uint64, kind string) control.Event {
		return control.Event{Seq: seq, Time: When.Add(time.Duration(seq) * time.Millisecond), Type: kind, Session: s}
	}
	up, down, changed, gone := at(100, "session-up"), at(101, "session-down"), at(102, "changed"), at(120, control.EventLost)
	near, more, stall := at(103, "near-miss"), at(121, "near-miss"), at(122, "stall")
	up.From, up.To, up.Diagnostic, up.Merged = "init", "up", "none", 2
	up.Cause = &control.Cause{Kind: "up"}
	down.From, down.To, down.Diagnostic, down.LastRx = "up", "down", "control-expiry", &age
	down.Cause = failure()
	changed.Cause = &control.Cause{Kind: "client-told", By: "ospf", Detail: "failure"}
	gone.Session, gone.Lost, gone.Restarted = nil, &lost, true
	gap, left, worker, late := uint64(25_500), int64(4_500), 0, uint64(41_000)
	near.LastRx, near.Cause = &gap, &control.Cause{Kind: "near-miss", DetectionTime: 30_000, Gap: gap, Left: &left, Count: 3}
	more.Session, more.Cause = nil, &control.Cause{Kind: "near-miss", Count: 412}
	stall.Session, stall.Cause = nil, &control.Cause{Kind: "stall", Stalled: &late, Worker: &worker, Count: 7}
	return []control.Event{up, down, changed, near, gone, more, stall}
}

func failure() *control.Cause {
	stalled := uint64(12_500)
	return &control.Cause{Kind: "control-expiry", DetectionTime: 150_000, Stalled: &stalled, Evidence: &control.Evidence{
		Suspect: "ring-overflow", PeerSilent: 160_250, RingOverflow: 96, RingOverflowWithin: 230_000, NearMisses: 2,
	}}
}

// Failed returns a session that has gone Down, with its history.
func Failed(id uint32, peer, local, ifname string) control.Session {
	s := Up(id, peer, local, ifname)
	s.State, s.RemoteState, s.Diagnostic, s.UptimeSeconds, s.Clients[0].State = "down", "down", "control-expiry", 0, "down"
	s.RemoteDiscriminator, s.Counters.Down, s.NegotiatedTx = 0, 1, 1_000_000
	events := Events()
	up, down, changed := events[0], events[1], events[2]
	up.Session, down.Session, changed.Session = nil, nil, nil
	s.LastChange = &control.LastChange{From: "up", To: "down", Cause: "control-expiry", At: down.Time, Evidence: failure()}
	s.History = []control.Event{changed, down, up}
	return s
}
