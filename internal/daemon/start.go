package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/eventlog"
	"github.com/xbfd/xbfd/internal/hooks"
	"github.com/xbfd/xbfd/internal/speaker"
)

// settleTime bounds how long a start looks for interfaces and paths before it
// calls itself started: on a host that is slow or has many of them the rest follows.
var settleTime = 10 * time.Second

// Run is the daemon from start to end: it returns nil after a signal or the end
// of ctx, once every peer was told, and an error if it could not start or go on.
func Run(ctx context.Context, cfg config.Config, o Options) error {
	d := &Daemon{
		o: o, cfg: cfg, logs: newLogs(o.LogTo, cfg.Log), started: time.Now(),
		byKey: heldByKey(), byDiscr: heldByDiscr(),
		keys: make(map[uint32]*heldKey), refused: make(map[config.Key]refusal), downs: make(map[string]uint64), gone: make(chan struct{}, 1),
		unwatched: make(map[config.Key]string),
	}
	d.log, d.mark.at = d.logs.logger(topicNone), d.started
	d.debugPeer, d.debugEvents = d.logs.logger(topicPeer), d.logs.logger(topicEvents)
	d.changes = newChangeLog(d.debugEvents, time.Now)
	d.events = eventlog.New(keptEvents, d.started)
	d.captures = newCaptures(d.log, cfg.Capture)
	d.hooks = hooks.New(hooks.Options{Log: d.log, In: o.In})
	d.hooks.Set(cfg.Hooks)
	for _, w := range cfg.Warnings {
		d.log.Warn("configuration", "warning", w.String())
	}
	// The socket comes first: where another xbfd runs, nothing is touched.
	listener, err := control.Listen(cfg.Control)
	if err != nil {
		return err
	}
	if err := d.openMetrics(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	defer d.closeMetrics()
	if err := d.openPlanes(); err != nil {
		return errors.Join(err, listener.Close())
	}
	defer d.closePlanes()
	if err := d.openGoBGP(); err != nil {
		return errors.Join(err, listener.Close())
	}
	s := watchSignals(ctx, o.Signals)
	defer s.end()
	defer d.closeRoutes()
	if err := d.start(s.stop); err != nil {
		return errors.Join(err, listener.Close())
	}
	if o.Alone {
		var end func()
		d.garbage, end = newCollector(d.speaker.Release)
		defer end()
	}
	err = d.serve(s, listener)
	return errors.Join(err, d.speaker.Close())
}

// start opens everything and creates the file's sessions.
func (d *Daemon) start(ctx context.Context) (err error) {
	cfg := d.cfg // what it says of workers holds until the next start
	d.speaker, err = speaker.New(speaker.Options{
		Workers: cfg.Workers.Count, CPUs: cfg.Workers.CPUs, Priority: cfg.Workers.FIFO(), Adaptive: cfg.Workers.Adaptive(), Keep: d.o.Alone,
		Lanes: lanes(cfg), DeadMan: deadMan(cfg.FastPath), Transmit: transmit(cfg.FastPath),
		Transport: cfg.TransportFor, EchoLoop: cfg.EchoLoopFor, SteerTo: cfg.SteerToFor,
		Expected: len(cfg.Peers), Capacity: uint64(cfg.Workers.Capacity), MinInterval: cfg.Workers.MinInterval,
		Record: recorded(cfg.Capture), Journals: d.o.Journals,
		Logger: d.logs.logger(topicNetwork), In: d.o.In, OnEvents: d.note, OnNotes: d.noteRare,
	})
	if err != nil {
		return err
	}
	var discrs []uint32
	d.speaker.Release(func() { // reading and adding many takes several collections
		if discrs, err = d.addAll(); err == nil {
			settle, cancel := context.WithTimeout(ctx, settleTime)
			defer cancel()
			err = d.speaker.Settle(settle, discrs)
			switch {
			case ctx.Err() != nil:
				err = nil // told to stop meanwhile: that is for serve to do
			case errors.Is(err, context.DeadlineExceeded):
				d.log.Warn("started before all paths are known", "err", err)
				err = nil
			}
		}
		debug.FreeOSMemory() // what reading the file took is several times what stays
	})
	if err != nil {
		return errors.Join(err, d.speaker.Close())
	}
	d.logWaiting(discrs)
	for _, w := range missed(cfg.FastPath, d.speaker.Interfaces()) {
		d.log.Warn("configuration", "warning", w)
	}
	if d.o.DropPrivileges != nil {
		if err := d.o.DropPrivileges(); err != nil {
			d.log.Warn("privileges stay as they are", "err", err)
		}
	}
	d.log.Info("started", "version", d.o.Version, "sessions", len(discrs), "control", d.cfg.Control.Path)
	return nil
}

// addAll creates what the file has.
func (d *Daemon) addAll() (discrs []uint32, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.setKeys(d.cfg); err != nil {
		return nil, err
	}
	d.setEchoSource(d.cfg.EchoSource)
	for i := range d.cfg.Peers {
		p := &d.cfg.Peers[i]
		h, err := d.register(want{owner: ownerFile, peer: p})
		switch {
		case err == nil:
			discrs = append(discrs, h.discr)
		case !d.refuse(*p, err):
			return discrs, fmt.Errorf("peer %v: %w", p.Peer, err)
		}
	}
	d.watchRoutes(d.cfg)
	for h := range d.byKey.All() {
		if h.owner() == ownerRoutes {
			discrs = append(discrs, h.discr)
		}
	}
	d.keepRoutes()
	return discrs, nil
}

// logWaiting says what sessions wait for, each reason once.
func (d *Daemon) logWaiting(discrs []uint32) {
	waiting := make(map[string]int)
	for _, discr := range discrs {
		if w := d.speaker.Path(discr).Waiting; w != "" {
			waiting[w]++
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(waiting)) {
		d.log.Warn("sessions wait", "reason", reason, "count", waiting[reason])
	}
}
