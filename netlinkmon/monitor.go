package netlinkmon

import (
	"fmt"
	"log/slog"
	"runtime"
	"sync"
)

// Options chooses the particulars of a Monitor; the zero value is fit for use.
type Options struct {
	Logger *slog.Logger // nil discards
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Monitor keeps the paths of watched sessions. Its methods may be called from
// any goroutine.
type Monitor struct {
	commands chan func()
	updates  chan Update
	quit     chan struct{}
	done     chan struct{}
	once     sync.Once
	loop     *loop // its goroutine's alone
}

// New starts a Monitor of the network namespace that the calling thread is in.
// Keeping neighbours resolved needs CAP_NET_ADMIN; without it the rest works,
// and a warning is logged.
func New(o Options) (_ *Monitor, err error) {
	o = o.withDefaults()
	runtime.LockOSThread() // both sockets belong to the same namespace
	defer runtime.UnlockOSThread()
	k, err := openKernel()
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	f, err := openFeed()
	if err != nil {
		k.close()
		return nil, fmt.Errorf("subscribe to network events: %w", err)
	}
	m := &Monitor{
		commands: make(chan func()),
		updates:  make(chan Update),
		quit:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	m.loop = &loop{
		log: o.Logger, feed: f, kernel: k,
		state: newState(), deps: newDependencies(),
		neighs: newNeighbours(k, o.Logger), asks: &asker{route: k.route, log: o.Logger},
		commands: m.commands, updates: m.updates, quit: m.quit,
		targets: make(map[uint32]*target), touched: make(map[subject]struct{}),
	}
	if err := m.loop.load(); err != nil {
		f.socket.Close()
		k.close()
		return nil, err
	}
	go f.run()
	go func() {
		defer close(m.done)
		m.loop.run()
	}()
	return m, nil
}

// Watch follows the path of a session from now on, in place of what was watched
// under the same id. A first Update comes soon, then one for each change.
func (m *Monitor) Watch(id uint32, t Target) {
	m.command(func() { m.loop.watch(id, t) })
}

// Resolve returns the path that a session would have now, as far as it is known
// without asking the kernel anything: there is no neighbour in it, and of a multihop
// session no more than what the target says. It returns the zero Path after Close.
func (m *Monitor) Resolve(t Target) Path {
	var p Path
	m.command(func() {
		if want := t.normal(); want.Multihop {
			p = Path{Peer: want.Peer, Local: want.Local}
		} else {
			p = m.loop.state.resolve(want, func(subject) {})
		}
	})
	m.command(func() {}) // the one before has been carried out
	return p
}

// Unwatch stops following a session. No Update for it is sent once Unwatch has
// returned.
func (m *Monitor) Unwatch(id uint32) {
	m.command(func() { m.loop.unwatch(id) })
}

// Doubt says that packets of a session seem not to reach its peer: the kernel is asked to
// verify the Ethernet address that frames go to.
func (m *Monitor) Doubt(id uint32) {
	m.command(func() { m.loop.doubt(id) })
}

// SetEchoSource says where the source addresses of echo packets come from, for
// all single-hop sessions, in place of what was said before.
func (m *Monitor) SetEchoSource(e EchoSource) {
	e = e.normal()
	m.command(func() { m.loop.setEchoSource(e) })
}

// command hands fn to the loop. The channel has no buffer, so whatever the loop
// does next comes after fn.
func (m *Monitor) command(fn func()) {
	select {
	case m.commands <- fn:
	case <-m.done:
	}
}

// Updates returns the channel on which changed paths are told. A slow reader
// loses intermediate paths of a session but never the latest, with one
// exception: when the interface of the path it was told last is deleted, it is
// always told a path with Ifindex 0 next, though another of the same name or
// even the same index may be there already. So who holds sockets or programs on
// interfaces needs to count the latest paths by Ifindex and nothing else.
// Close closes the channel.
func (m *Monitor) Updates() <-chan Update { return m.updates }

// Close ends the Monitor and takes back what it asked of the kernel. It returns
// when everything is released; the error is always nil.
func (m *Monitor) Close() error {
	m.once.Do(func() { close(m.quit) })
	<-m.done
	return nil
}
