package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/gobgp"
	"github.com/xbfd/xbfd/internal/hooks"
	"github.com/xbfd/xbfd/internal/lookup"
	"github.com/xbfd/xbfd/internal/routes"
	"github.com/xbfd/xbfd/internal/speaker"
)

// Options are what a Daemon is besides its configuration.
type Options struct {
	Version string
	LogTo   io.Writer                     // nil logs nothing
	Load    func() (config.Config, error) // reads the file again; nil when there is none
	Signals <-chan os.Signal              // SIGHUP reloads, the first other one ends with AdminDown, the second at once
	In      func(func() error) error      // runs a function in the network namespace; nil means this one
	Alone   bool                          // the process is the daemon's: it decides when garbage is collected
	// Journals is the directory for what would outlive the process, as in
	// speaker.Options.
	Journals string

	// DropPrivileges is called once everything is open; nil drops none.
	DropPrivileges func() error

	Supervisor Supervisor
}

// settleTime bounds how long a start looks for interfaces and paths before it
// calls itself started.
const settleTime = 10 * time.Second

// Daemon is a running xbfd. It is the control socket's Backend.
type Daemon struct {
	o    Options
	logs *logs
	log  *slog.Logger // of what belongs to no topic

	debugPeer, debugEvents *slog.Logger

	speaker *speaker.Speaker
	started time.Time
	changes *changeLog
	events  *eventLog

	captures *captures
	hooks    *hooks.Runner
	gobgp    *gobgp.Keeper   // nil: the file names no gobgpd
	scrapes  net.Listener    // for metrics; nil when there is no address for them
	looping  map[string]bool // interfaces of which the log says so; serve's own
	garbage  *collector      // nil: the runtime's own affair; serve's own

	mu       sync.Mutex // guards everything below
	cfg      config.Config
	byKey    lookup.Table[config.Key, held]
	byDiscr  lookup.Table[uint32, held] // those that are leaving included
	book     clients.Book               // who wants what of which session
	refused  map[config.Key]refusal
	keys     map[uint32]*heldKey
	reloaded *control.LastReload
	downs    map[string]uint64 // how often sessions left Up, by cause
	restart  []string          // keys that wait for the next start
	gone     chan struct{}
	mark     mark // of the latest ClearAll

	echoSource   config.EchoSource // what is in use: the file's, or the API's
	unaffiliated int               // how many of the sessions are
	moves        uint64            // how often sessions came, went, or changed their state
	misses       nearMisses
	gobgpFaults  []string // neighbors that have no session

	links   []*link // to bfdd; made at the start
	planes  map[string]*plane
	planned map[uint32][]*planned // what they have, by our discriminator
	reports reports
	leaving bool

	routes    *routes.Manager       // nil until the configuration has routes or addresses
	unwatched map[config.Key]string // sessions that they need and cannot have, and why
	told      []routes.Told         // memory for what they are told
	holds     *time.Timer           // when a failure that is held back is due
}

// The owners of sessions.
const (
	ownerFile = "file"
	ownerAPI  = "api"

	ownerRoutes = "routes" // of sessions that are there for a route or an address alone
)

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
	d.events = newEventLog(keptEvents, d.started)
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
	if err := d.startGoBGP(); err != nil {
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
	cfg := d.cfg // what it says of interfaces and workers holds until the next start
	d.speaker, err = speaker.New(speaker.Options{
		Workers: cfg.Workers.Count, CPUs: cfg.Workers.CPUs, Priority: cfg.Workers.FIFO(), Adaptive: cfg.Workers.Adaptive(), Keep: d.o.Alone,
		Lanes: lanes(cfg), DeadMan: deadMan(cfg.FastPath), Transmit: transmit(cfg.FastPath),
		Transport: cfg.TransportFor, EchoLoop: cfg.EchoLoopFor,
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
			if ctx.Err() != nil {
				err = nil // told to stop meanwhile: that is for serve to do
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

// serve answers until it is told to stop, and then takes leave of the peers.
func (d *Daemon) serve(s *signals, listener net.Listener) error {
	ctx, cancel := context.WithCancel(s.stop)
	defer cancel()
	served := make(chan error, 1)
	server := control.NewServer(d, d.log)
	d.serveMetrics(ctx, server)
	go func() { served <- server.Serve(ctx, listener) }()
	watched, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	defer unwatch()
	go d.o.Supervisor.watch(watched, d.workersAnswer)
	defer d.runPlanes(context.WithoutCancel(ctx))()
	d.phase(Ready)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	defer d.flushChanges(true)
	defer d.events.end()
	defer d.captures.run(d.downCapture)()
	defer d.runHooks(s.now)()
	defer d.runGoBGP(ctx)()
	for {
		select {
		case <-s.hup:
			if _, err := d.Reload(ctx); err != nil {
				d.log.Error("reload refused, the running configuration stays", "err", err)
			}
		case <-tick.C:
			d.everySecond(ctx)
		case err := <-d.speaker.Failed():
			return err
		case err := <-served:
			return err
		case <-ctx.Done():
			d.phase(Stopping)
			d.leave(s.now)
			d.events.end()
			d.captures.end()
			return <-served
		}
	}
}

func (d *Daemon) everySecond(ctx context.Context) {
	if d.garbage != nil {
		d.garbage.tick(time.Now(), d.moved())
	}
	d.flushChanges(false)
	d.checkDigests(ctx)
	d.noteLooping(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.retryRefused()
	d.retryRoutes()
	d.expireHolds()
	d.tendPlanes(time.Now())
	d.flushNearMisses(time.Now())
}

func (d *Daemon) moved() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moves
}

// leave says AdminDown to every peer and waits until each has had the time to
// hear it, or until told to go at once.
func (d *Daemon) leave(now context.Context) {
	d.closeRoutes()
	d.mu.Lock()
	d.log.Info("stopping: AdminDown to all peers", "sessions", d.byKey.Len(), "hold", d.cfg.ShutdownHold)
	d.leaving = true
	for _, h := range slices.Collect(d.byKey.All()) {
		d.remove(h)
	}
	d.mu.Unlock()
	for {
		d.mu.Lock()
		left := d.byDiscr.Len()
		d.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-d.gone:
		case <-now.Done():
			d.log.Warn("stopped before every peer was told", "sessions", left)
			return
		}
	}
}
