package daemon

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/xbfd/xbfd/internal/bfddp"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/dplane"
)

// maxPlanes is how many bfdd may be connected at one address.
const maxPlanes = 16

// plane is one bfdd whose sessions run here: the owner of what it asks for. Of
// several that connect to one address the first free one is taken, so that after
// all have come back the same owners want the same sessions, whichever is which.
// Everything in it is guarded by the daemon's mu.
type plane struct {
	owner string
	at    config.DPlane
	conn  *dplane.Conn // nil while there is none

	sessions map[uint32]*planned    // by bfdd's discriminator
	paths    map[planePath]*planned // claimed or not
	deleted  []*planned             // in a moment: bfdd deletes one to add another for the same path
	since    time.Time              // of the connection, or of its loss
	release  time.Time              // when sessions that nobody has claimed are let go; zero: not at all
	burst    int                    // sessions handed over in the first second
	same     bool                   // the bfdd of the connection before: it has the same discriminators

	connections uint64
	errors      map[string]uint64
	lastError   string
}

// planePath is what tells one of bfdd's sessions from another.
type planePath struct {
	src, dst, ifname string
	multihop         bool
}

func pathOf(s *bfddp.Session) planePath {
	return planePath{s.Src.String(), s.Dst.String(), s.Ifname, s.Flags&bfddp.Multihop != 0}
}

// planned is a session of a plane's.
type planned struct {
	of      *plane
	asked   bfddp.Session
	key     config.Key // of the session that it has here, which somebody else may have made
	discr   uint32     // of that; 0 where it was refused
	refused string
	claimed bool // on this connection

	said   bfddp.State // what bfdd was told last
	told   bool        // anything, on this connection
	failed bool        // it was up and failed since
	dirty  bool        // it is in the list of those to be told about
}

// link is an address of the configuration, and its planes.
type link struct {
	d        *Daemon
	at       config.DPlane
	listener net.Listener // nil where it connects
	planes   []*plane
	unable   string // why there is no connection, as it was logged
}

// openPlanes makes what the configuration has, and listens where it says so.
func (d *Daemon) openPlanes() (err error) {
	d.reports.wake = make(chan struct{}, 1)
	d.planes, d.planned = make(map[string]*plane), make(map[uint32][]*planned)
	for _, at := range d.cfg.DataPlane {
		k := &link{d: d, at: at}
		if !at.Connect {
			if k.listener, err = d.listenForPlanes(at); err != nil {
				d.closePlanes()
				return fmt.Errorf("dplane %s: %w", at.Address, err)
			}
		}
		k.plane(0)
		d.links = append(d.links, k)
	}
	return nil
}

func (d *Daemon) closePlanes() {
	for _, k := range d.links {
		if k.listener != nil {
			_ = k.listener.Close()
		}
	}
}

// runPlanes connects and serves until stop is called, which waits for the end.
func (d *Daemon) runPlanes(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, k := range d.links {
		running.Go(func() {
			if k.listener != nil {
				dplane.Listen(ctx, k.listener, k)
				return
			}
			dplane.Connect(ctx, k.dial, k)
		})
	}
	if len(d.links) > 0 {
		running.Go(func() { d.reports.run(ctx, d) })
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// inside runs fn in the daemon's network namespace.
func (d *Daemon) inside(fn func() error) error {
	if d.o.In == nil {
		return fn()
	}
	return d.o.In(fn)
}

func (d *Daemon) listenForPlanes(at config.DPlane) (l net.Listener, err error) {
	if at.Address.Path != "" {
		return control.ListenUnix(config.Control{Path: at.Address.Path, Group: at.Group, Mode: config.DefaultControlMode})
	}
	err = d.inside(func() error {
		network, address := at.Address.Network()
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}

// dialTimeout bounds an attempt to connect.
const dialTimeout = time.Second

func (k *link) dial(ctx context.Context) (conn net.Conn, err error) {
	err = k.d.inside(func() error {
		network, address := k.at.Address.Network()
		conn, err = (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// plane returns the link's plane of that number, which it makes if need be.
func (k *link) plane(n int) *plane {
	if n < len(k.planes) {
		return k.planes[n]
	}
	p := &plane{
		owner: planeOwner + k.at.Address.String(), at: k.at, since: time.Now(),
		sessions: make(map[uint32]*planned), paths: make(map[planePath]*planned), errors: make(map[string]uint64),
	}
	if n > 0 {
		p.owner = fmt.Sprintf("%s#%d", p.owner, n+1)
	}
	k.planes = append(k.planes, p)
	k.d.planes[p.owner] = p
	return p
}

// of returns the plane of a connection.
func (k *link) of(c *dplane.Conn) *plane {
	for _, p := range k.planes {
		if p.conn == c {
			return p
		}
	}
	return nil
}

// Attached implements dplane.Handler.
func (k *link) Attached(c *dplane.Conn) bool {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	n := 0
	for n < len(k.planes) && k.planes[n].conn != nil {
		n++
	}
	if n == maxPlanes {
		k.planes[0].fault("too-many", fmt.Errorf("more than %d connect to %s", maxPlanes, k.at.Address))
		return false
	}
	p := k.plane(n)
	now := time.Now()
	if p.lastError == k.unable { // there is a connection now
		p.lastError = ""
	}
	p.conn, p.since, p.release, p.burst, p.same, k.unable = c, now, now.Add(p.at.Hold), 0, false, ""
	p.connections++
	for _, s := range p.sessions {
		s.claimed, s.told = false, false
	}
	k.d.log.Info("bfdd connected", "client", p.owner, "sessions-kept", len(p.sessions))
	return true
}

// Detached implements dplane.Handler.
func (k *link) Detached(c *dplane.Conn, err error) {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	p := k.of(c)
	p.lost(err)
	now := time.Now()
	p.conn, p.since, p.release = nil, now, now.Add(p.at.Hold)
	k.d.log.Warn("bfdd has gone, its sessions stay for the hold", "client", p.owner, "err", err, "sessions", len(p.sessions), "hold", p.at.Hold)
	if p.at.Hold == 0 {
		k.d.letGo(p, now)
	}
}

// Unreachable implements dplane.Handler.
func (k *link) Unreachable(err error) {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	p := k.planes[0]
	p.lastError = err.Error()
	if k.unable != p.lastError {
		k.unable = p.lastError
		k.d.log.Warn("no connection to bfdd, trying again", "client", p.owner, "err", err)
	}
}

// Malformed implements dplane.Handler.
func (k *link) Malformed(c *dplane.Conn, err error) {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	k.of(c).fault("malformed", err)
}
