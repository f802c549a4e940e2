package daemon

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/eventlog"
	"github.com/xbfd/xbfd/packet"
)

// Session returns one session.
func (d *Daemon) Session(ctx context.Context, id uint32) (control.Session, error) {
	l := listings.Get().(*listing)
	l.discrs[0] = id
	if err := d.speaker.Engine().StatusesOf(ctx, l.discrs[:1], l.statuses[:1]); err != nil {
		return control.Session{}, err // the listing is lost: see EachSession
	}
	defer listings.Put(l)
	if s, ok := d.describe(&l.statuses[0]); ok {
		s.History = d.history(id)
		return s, nil
	}
	return control.Session{}, control.Errorf(control.CodeNotFound, "no session with local discriminator %d", id)
}

// describe joins what the engine, the speaker and the configuration know of a
// session; a session that is leaving is none any more.
func (d *Daemon) describe(st *engine.Status) (s control.Session, ok bool) {
	d.mu.Lock()
	h := d.byDiscr.Get(st.Discr)
	if h == nil || st.Removal {
		d.mu.Unlock()
		return s, false
	}
	peer, owner, auth, owners, heard, failure := *h.peer, h.owner(), d.describeAuth(st), d.describeClients(h), d.cfg.FastPath.Heard, h.failure
	at := h.times.describe()
	d.mu.Unlock()
	p := d.speaker.Path(st.Discr)
	s = control.Session{
		Owner: owner, Clients: owners, Auth: auth, Echo: describeEcho(st, &p),
		Transport: p.Transport, TransportReason: p.TransportReason, Stamp: p.Stamp, Path: "ready",
		FastPath: describeFastPath(st, &p, heard), Times: at,
	}
	describePeer(&s, peer)
	describeStatus(&s, st)
	if p.Path.Local.IsValid() {
		s.Local = p.Path.Local
	}
	if p.Path.Interface != "" {
		s.Interface = p.Path.Interface
	}
	s.VRF = cmp.Or(p.Path.VRF, s.VRF) // of a session that follows its interface
	if p.Waiting != "" {
		s.Path = p.Waiting
	} else if why := waitsForEcho(st, &p); why != "" {
		s.Path = why
	}
	describeTimes(st, failure, &s)
	return s, true
}

// describePeer fills in what the configuration says of a session.
func describePeer(s *control.Session, p config.Peer) {
	s.Peer, s.Local, s.Interface, s.VRF, s.Profile = p.Peer, p.Local, p.Interface, p.VRF, p.Profile
	s.Multihop, s.Unaffiliated = p.Multihop, p.Unaffiliated
}

// describeStatus fills in what the engine says of it.
func describeStatus(s *control.Session, st *engine.Status) {
	s.State, s.RemoteState = st.State.String(), st.Remote.State.String()
	s.Diagnostic, s.RemoteDiagnostic = st.Diag.String(), st.Remote.Diag.String()
	s.LocalDiscriminator, s.RemoteDiscriminator = st.Discr, st.Remote.Discr
	s.SourcePort, s.DestPort = st.SourcePort, destination(st.Params.Kind)
	s.PeerSource = st.PeerSource.Netip()
	s.Role, s.DSCP, s.HoldDown, s.Strict = role(st.Params.Passive), st.DSCP, st.Params.HoldDown, st.Strict
	if st.Params.Kind == session.Multihop {
		s.MinTTL = st.MinTTL
	}
	s.DetectMult, s.RemoteDetectMult = st.Params.DetectMult, st.Remote.DetectMult
	s.DesiredMinTx, s.RequiredMinRx = st.Params.DesiredMinTx, st.Params.RequiredMinRx
	s.RemoteDesiredMinTx, s.RemoteRequiredMinRx = st.Remote.DesiredMinTx, st.Remote.RequiredMinRx
	s.RemoteRequiredMinEchoRx = st.Remote.MinEchoRx
	s.NegotiatedTx, s.DetectionTime = st.TxInterval, uint64(st.DetectionTime/session.Microsecond)
	s.Slowed, s.Ceiling = st.Slowed, st.Params.Ceiling
	s.Demand, s.Poll = describeDemand(st), poll(st)
	s.Margin = describeMargin(&st.Margin)
	s.Counters = countersOf(st)
}

func describeTimes(st *engine.Status, failure *eventlog.Evidence, s *control.Session) {
	age := time.Duration(wire.Now() - st.Change.At)
	s.StateSeconds = age.Seconds()
	if st.State == packet.Up {
		s.UptimeSeconds = age.Seconds()
	}
	if st.Counters.Rx > 0 {
		silent := uint64(max(0, wire.Now()-st.LastRx) / session.Time(session.Microsecond))
		s.LastRx = &silent
	}
	if st.Change.From != st.Change.To {
		s.LastChange = &control.LastChange{
			From: st.Change.From.String(), To: st.Change.To.String(),
			Cause: causeOf(st.Change), At: time.Now().Add(-age).UTC(),
		}
		if failure != nil && failure.At == st.Change.At {
			s.LastChange.Evidence = &control.Cause{Kind: s.LastChange.Cause}
			failure.Describe(s.LastChange.Evidence)
		}
	}
}

// destination is the port that a session's packets go to.
func destination(k session.Kind) uint16 {
	switch k {
	case session.Multihop:
		return packet.PortMultihop
	case session.Unaffiliated:
		return packet.PortEcho
	}
	return packet.PortControl
}

func role(passive bool) string {
	if passive {
		return "passive"
	}
	return "active"
}

func poll(st *engine.Status) string {
	switch {
	case st.PollQueued:
		return "queued"
	case st.Polling:
		return "active"
	}
	return "none"
}

// byReason names the counters that are not 0, nil for none.
func byReason(c *engine.Discards) (m map[string]uint64) {
	for d, n := range c {
		if n > 0 {
			if m == nil {
				m = make(map[string]uint64)
			}
			m[packet.Drop(d).String()] = n
		}
	}
	return m
}

// census counts the sessions.
type census struct {
	states     control.SessionCounts
	interfaces map[string]int
	workers    []int
	warnings   []string
}

func (d *Daemon) census(ctx context.Context) (c census, err error) {
	e := d.speaker.Engine()
	c.interfaces, c.workers = make(map[string]int), make([]int, len(e.Workers()))
	err = e.EachStatus(ctx, func(st *engine.Status) {
		if st.Removal {
			return
		}
		countState(&c.states, st.State)
		_, ifname := d.speaker.Where(st.Discr)
		c.interfaces[ifname]++
		c.workers[e.WorkerOf(st.Discr)]++
		if !st.Auth.OtherDigest {
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if h, digest := d.byDiscr.Get(st.Discr), d.peerDigest(st); h != nil && digest != "" {
			c.warnings = append(c.warnings, fmt.Sprintf("session with peer %v: %s", h.peer.Peer, digestAdvice(digest)))
		}
	})
	return c, err
}

// Status returns the daemon as a whole.
func (d *Daemon) Status(ctx context.Context) (control.Status, error) {
	count, err := d.census(ctx)
	if err != nil {
		return control.Status{}, err
	}
	totals, err := d.speaker.Engine().WorkerTotals(ctx)
	if err != nil {
		return control.Status{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	st := control.Status{
		Version: d.o.Version, PID: os.Getpid(), Started: d.started.UTC(), UptimeSeconds: time.Since(d.started).Seconds(),
		ConfigFile: d.cfg.File, LastReload: d.reloaded, Control: d.cfg.Control.Path,
		Process: describeProcess(), Downs: maps.Clone(d.downs),
	}
	st.Sessions, st.Warnings = count.states, count.warnings
	st.Workers = d.workers(totals)
	for i := range st.Workers {
		st.Workers[i].Sessions = count.workers[i]
	}
	sum := engine.Sum(totals)
	st.RxDiscarded, st.TxRefused = byReason(&sum.Drops), sum.Refused
	refused := len(d.refusedSessions(control.Filter{}))
	st.Sessions.Total += refused
	st.Sessions.Down += refused
	st.Warnings = append(st.Warnings, d.capacityWarnings()...)
	for _, why := range d.speaker.Refusals() {
		st.Warnings = append(st.Warnings, "sessions have to wait: "+why)
	}
	counts, warnings := d.countRoutes()
	st.Routes, st.Warnings = counts, append(st.Warnings, warnings...)
	st.Warnings = append(st.Warnings, d.captures.warnings()...)
	st.Hooks = d.hooks.Status()
	st.Warnings = append(st.Warnings, d.hooks.Warnings()...)
	st.DataPlanes = d.describePlanes()
	st.Warnings = append(st.Warnings, d.planeWarnings()...)
	interfaces := d.speaker.Interfaces()
	st.Warnings = append(st.Warnings, missed(d.cfg.FastPath, interfaces)...)
	for _, w := range d.cfg.Warnings {
		st.Warnings = append(st.Warnings, w.String())
	}
	d.describeGoBGP(&st)
	for _, key := range d.restart {
		st.Warnings = append(st.Warnings, key+": changed in the file, waits for the next start")
	}
	for i := range interfaces {
		st.Warnings = append(st.Warnings, interfaceWarnings(&interfaces[i])...)
		st.Interfaces = append(st.Interfaces, describeInterface(&interfaces[i], count.interfaces[interfaces[i].Name]))
	}
	return st, nil
}

func (d *Daemon) workers(totals []engine.Totals) []control.WorkerStatus {
	list := make([]control.WorkerStatus, len(d.speaker.Engine().Workers()))
	for i := range list {
		n := d.speaker.Waits(i)
		list[i] = control.WorkerStatus{
			ID: i, CPU: -1, Scheduling: d.cfg.Workers.Scheduling, Priority: d.cfg.Workers.FIFO(),
			Wait: d.cfg.Workers.Wait, Sleeps: n.Sleeps, Spins: n.Spins, Caught: n.Caught,
			Stalls: totals[i].Stalls, LongestStall: uint64(totals[i].MaxStall / session.Microsecond),
		}
		if i < len(d.cfg.Workers.CPUs) {
			list[i].CPU = d.cfg.Workers.CPUs[i]
		}
	}
	return list
}

func countState(c *control.SessionCounts, s packet.State) {
	c.Total++
	switch s {
	case packet.Up:
		c.Up++
	case packet.Init:
		c.Init++
	case packet.Down:
		c.Down++
	case packet.AdminDown:
		c.AdminDown++
	}
}
