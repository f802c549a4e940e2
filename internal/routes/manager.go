package routes

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/xbfd/xbfd/engine/session"
)

// Options make a Manager.
type Options struct {
	Kernel Kernel
	Now    func() session.Time
	Logger *slog.Logger

	// Changed is told of changes that nobody's call has made, from one goroutine.
	Changed func([]Change)
}

// Manager keeps a Kernel as a Table says. Its methods may be called from any
// goroutine.
type Manager struct {
	o Options

	mu     sync.Mutex // guards everything below, and the Kernel but for News
	table  Table
	broken error // why the kernel could not be listed; nil: it could
	said   error // as of the log
	closed bool

	kick chan struct{} // there may be another deadline
	done chan struct{}
}

// settle is how long news have to wait for the next look at the kernel: a program
// that removes a thousand routes tells of them one by one.
const settle = 10 * time.Millisecond

// NewManager returns a Manager that has nothing to keep yet. Close ends it.
func NewManager(o Options) *Manager {
	m := &Manager{o: o, kick: make(chan struct{}, 1), done: make(chan struct{})}
	go m.run()
	return m
}

// Set makes it keep specs and nothing else, and returns what that has changed.
// states are those of the sessions that the specs depend on, as far as known.
func (m *Manager) Set(specs []Spec, states []Told) []Change {
	f := Followed{Prefixes: make(map[netip.Prefix]bool), Groups: make(map[uint32]bool)}
	keep := make(map[Hop]bool)
	for i := range specs {
		s := &specs[i]
		if s.ID == 0 {
			f.Prefixes[s.Prefix] = true
			continue
		}
		f.Groups[s.ID] = true
		for _, g := range s.Members {
			keep[g.Hop.bare()] = true
		}
	}
	return m.do(func(now session.Time) {
		m.o.Kernel.Follow(f)
		m.table.Set(specs, states, now)
		m.look(now)
		m.carryOut(now)
		m.sweep(keep)
	})
}

// sweep removes the nexthops that are left of former groups.
func (m *Manager) sweep(keep map[Hop]bool) {
	if err := m.o.Kernel.Sweep(keep); err != nil {
		m.o.Logger.Warn("remove nexthops of former groups", "err", err)
	}
}

// Tell takes in what became of sessions. When it returns the kernel has been
// changed.
func (m *Manager) Tell(told []Told) []Change {
	return m.do(func(now session.Time) { m.table.Observe(told, now) })
}

// Statuses returns how everything stands.
func (m *Manager) Statuses() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.table.Statuses(m.o.Now())
}

// Totals returns the counters, and why the kernel cannot be looked at, if it cannot.
func (m *Manager) Totals() (Totals, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.table.Totals(), m.broken
}

// Close withdraws what does not stay, ends, and returns what that has changed.
func (m *Manager) Close() []Change {
	changes := m.do(func(now session.Time) {
		m.table.Freeze()
		m.carryOut(now)
		m.sweep(nil)
	})
	m.mu.Lock()
	again := m.closed
	m.closed = true
	m.mu.Unlock()
	if again {
		return nil
	}
	if err := m.o.Kernel.Close(); err != nil {
		m.o.Logger.Warn("close netlink sockets of routes", "err", err)
	}
	<-m.done
	return changes
}

// do changes the table and then the kernel.
func (m *Manager) do(fn func(now session.Time)) []Change {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	now := m.o.Now()
	fn(now)
	m.carryOut(now)
	select {
	case m.kick <- struct{}{}:
	default:
	}
	changes := m.table.Take()
	if len(changes) > 0 {
		at := m.o.Now()
		for i := range changes {
			changes[i].At = at
		}
	}
	return changes
}

// carryOut brings the kernel to what the table wants.
func (m *Manager) carryOut(now session.Time) {
	for range 8 { // two steps are what anything takes; more, when others interfere
		ops := m.table.Plan(now)
		if len(ops) == 0 {
			return
		}
		if err := m.o.Kernel.Apply(ops); err != nil {
			m.fail(err)
			m.look(now)
			continue
		}
		m.table.Done(ops, now)
		m.complain(ops)
	}
}

// complain logs what the kernel has begun to refuse: not each attempt, and not a
// thousand at a time.
func (m *Manager) complain(ops []Op) {
	lines := 0
	for i := range ops {
		if op := &ops[i]; op.Err != nil && op.of != nil && op.of.tries == 1 && lines < 5 {
			lines++
			m.o.Logger.Warn("cannot be "+op.Verb.String()+" for now", "what", op.Object.Describe(), "err", op.Err)
		}
	}
}

// look takes in what there is in the kernel.
func (m *Manager) look(now session.Time) {
	objects, err := m.o.Kernel.List()
	if m.broken = err; err != nil {
		m.fail(err)
		return
	}
	m.said = nil
	m.table.Found(objects, now)
}

// fail logs what went wrong, each thing once until it works again.
func (m *Manager) fail(err error) {
	if m.said == nil || m.said.Error() != err.Error() {
		m.o.Logger.Error("routes and addresses cannot be kept for now", "err", err)
	}
	m.said = err
}

// run follows the kernel and the time.
func (m *Manager) run() {
	defer close(m.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var changes []Change
		select {
		case news, open := <-m.o.Kernel.News():
			if !open {
				return
			}
			time.Sleep(settle)
			changes = m.do(func(now session.Time) {
				m.look(now)
				m.table.Retry(news.Links)
			})
		case <-timer.C:
			changes = m.do(func(now session.Time) {
				if m.broken != nil {
					m.look(now)
				}
				m.table.Expire(now)
			})
		case <-m.kick:
		}
		if len(changes) > 0 && m.o.Changed != nil {
			m.o.Changed(changes)
		}
		timer.Reset(m.wait())
	}
}

// wait returns how long nothing is due.
func (m *Manager) wait() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return time.Second
	}
	at := m.table.Deadline()
	if at == session.Never {
		return time.Hour
	}
	return max(time.Duration(at-m.o.Now()), 0)
}

// Describe returns a change in words, such as "198.51.100.0/24 via 192.0.2.1 metric
// 20".
func (o *Object) Describe() string {
	text := o.Prefix.String()
	switch {
	case o.Interface != "":
		return text + " on " + o.Interface
	case o.ID != 0:
		text = fmt.Sprintf("nexthop group %d", o.ID)
	case o.Group != 0:
		text += fmt.Sprintf(" by nexthop group %d", o.Group)
	}
	for i, h := range o.Hops {
		if i == 0 {
			text += " via"
		} else {
			text += " and"
		}
		text += " " + h.Gateway.String()
		if h.Interface != "" {
			text += "%" + h.Interface
		}
	}
	if o.ID != 0 {
		return text
	}
	text += fmt.Sprintf(" metric %d", o.Metric)
	switch {
	case o.VRF != "":
		text += " vrf " + o.VRF
	case o.Table != MainTable:
		text += fmt.Sprintf(" table %d", o.Table)
	}
	return text
}

// MainTable is the number of the table that all routes are in unless told otherwise.
const MainTable = 254
