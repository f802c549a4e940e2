package daemon

import (
	"context"
	"maps"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/control"
)

// mark is what had been counted when all counters were cleared: the workers' and
// the interfaces' own never go back.
type mark struct {
	at         time.Time
	drops      engine.Discards
	interfaces map[string]map[string]uint64
}

// Totals returns what all sessions and interfaces have counted since the start
// or the latest ClearAll.
func (d *Daemon) Totals(ctx context.Context) (control.Totals, error) {
	var t control.Totals
	err := d.speaker.Engine().EachStatus(ctx, func(st *engine.Status) {
		c := countersOf(st)
		t.Sessions.Add(&c)
	})
	if err != nil {
		return control.Totals{}, err
	}
	totals, err := d.speaker.Engine().Totals(ctx)
	if err != nil {
		return control.Totals{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t.Since = d.mark.at.UTC()
	for i, n := range d.mark.drops {
		totals.Drops[i] -= n
	}
	t.RxDiscarded = byReason(&totals.Drops)
	for _, i := range d.speaker.Interfaces() {
		t.Interfaces = append(t.Interfaces, control.InterfaceCounters{Name: i.Name, Counters: beyond(i.Counters, d.mark.interfaces[i.Name])})
	}
	return t, nil
}

// beyond returns what now has beyond before. An interface that was opened again
// meanwhile counts from nothing.
func beyond(now, before map[string]uint64) map[string]uint64 {
	now = maps.Clone(now)
	for name, n := range before {
		if now[name] >= n {
			now[name] -= n
		}
	}
	return now
}

// Clear makes the counters and margins of one session start again, or only its
// counters of packets.
func (d *Daemon) Clear(ctx context.Context, id uint32, onlyPackets bool) (control.Session, error) {
	d.mu.Lock()
	_, err := d.find(id)
	if err == nil {
		err = d.speaker.Engine().Clear(id, onlyPackets)
	}
	d.mu.Unlock()
	if err != nil {
		return control.Session{}, err
	}
	return d.Session(ctx, id)
}

// ClearAll does so for every session, and for Totals.
func (d *Daemon) ClearAll(ctx context.Context) error {
	totals, err := d.speaker.Engine().Totals(ctx)
	if err != nil {
		return err
	}
	d.speaker.Engine().ClearAll()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mark = mark{at: time.Now(), drops: totals.Drops, interfaces: make(map[string]map[string]uint64)}
	for _, i := range d.speaker.Interfaces() {
		d.mark.interfaces[i.Name] = i.Counters
	}
	d.log.Info("counters cleared")
	return nil
}

func countersOf(st *engine.Status) control.Counters {
	return control.Counters{
		Tx: st.Counters.Tx, TxFailed: st.Counters.TxFailed, Insurance: st.Answered,
		Rx: st.Counters.Rx, RxHeard: st.RxHeard, RxDiscarded: byReason(&st.Discards),
		EchoTx: st.Echo.Sent, EchoRx: st.Echo.Returned, EchoLooped: st.Echo.Looped,
		Up: st.Counters.Up, Down: st.Counters.Down, AdminDown: st.Counters.AdminDown,
	}
}
