package netlinkmon

import (
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"
)

// neighbours keeps the neighbour entries of watched paths resolved. Whatever
// becomes of an entry, all it does is to look at it again: tend compares what
// is with what is wanted. An entry is tended at most once a second, so that
// nobody who insists on something else is drawn into a race.
type neighbours struct {
	kernel   *kernel
	log      *slog.Logger
	todo     []neighKey
	queued   map[neighKey]struct{}
	doubted  map[neighKey]struct{} // to be verified when they are tended
	cooling  map[neighKey]bool     // tended lately; whether it has to be again
	tick     <-chan time.Time      // ends the cooling of all
	reported bool                  // an error was logged and errors go on
}

const (
	tendInterval = time.Second
	tendChunk    = 32 // entries between two looks at other work
)

func newNeighbours(k *kernel, log *slog.Logger) *neighbours {
	return &neighbours{
		kernel: k, log: log,
		queued: make(map[neighKey]struct{}), doubted: make(map[neighKey]struct{}), cooling: make(map[neighKey]bool),
	}
}

// look has an entry tended soon.
func (n *neighbours) look(key neighKey) {
	if _, ok := n.cooling[key]; ok {
		n.cooling[key] = true
		return
	}
	n.lookNow(key)
}

// lookNow has an entry tended next, however often it was.
func (n *neighbours) lookNow(key neighKey) {
	if _, ok := n.queued[key]; !ok {
		n.queued[key] = struct{}{}
		n.todo = append(n.todo, key)
	}
}

// doubt has the kernel find out whether an entry is still right.
func (n *neighbours) doubt(key neighKey) {
	n.doubted[key] = struct{}{}
	n.lookNow(key)
}

// cooled is to be called when tick fires.
func (n *neighbours) cooled() {
	n.tick, n.reported = nil, n.reported && len(n.cooling) > 0
	for key, again := range n.cooling {
		delete(n.cooling, key)
		if again {
			n.lookNow(key)
		}
	}
	n.cooling = make(map[neighKey]bool) // likewise
}

// work tends some of the entries in the queue.
func (n *neighbours) work(s *state, d *dependencies, touch func(subject)) {
	count := min(len(n.todo), tendChunk)
	for _, key := range n.todo[:count] {
		delete(n.queued, key)
		if d.wanted(key.subject()) {
			n.tend(s, key, touch)
		} else {
			delete(s.neighs, key)
			n.release(key)
		}
		delete(n.doubted, key)
	}
	if n.todo = n.todo[count:]; len(n.todo) == 0 && count > 0 {
		n.todo, n.queued = nil, make(map[neighKey]struct{}) // a map that once was large stays so
	}
}

// tend reads a wanted entry and has the kernel keep it, unless somebody else
// sees to that already or has entered it for good.
func (n *neighbours) tend(s *state, key neighKey, touch func(subject)) {
	entry, exists, err := n.kernel.neigh(key)
	if err == nil {
		s.applyNeigh(neighEvent{key: key, gone: !exists, neigh: entry}, touch)
		_, doubted := n.doubted[key]
		switch {
		case entry.unattended():
			err = n.kernel.keep(key, exists)
		case doubted && entry.verifiable():
			err = n.kernel.verify(key)
		default:
			return
		}
	}
	n.cooling[key] = err != nil
	if n.tick == nil {
		n.tick = time.After(tendInterval)
	}
	n.report(key, err)
}

// unattended says that the entry has to be asked for: nobody keeps it resolved,
// or it could not be resolved and the kernel would only try again seconds later.
func (n neigh) unattended() bool {
	return !n.fixed() && (!n.managed || (n.ours && n.state&unix.NUD_FAILED != 0))
}

// verifiable says that the entry is one that we have the kernel keep, and that it
// takes it for right without asking.
func (n neigh) verifiable() bool {
	return n.ours && n.managed && !n.fixed() && n.state&(unix.NUD_REACHABLE|unix.NUD_STALE|unix.NUD_DELAY) != 0
}

// report logs an error, unless it goes on from one that was. Entries that came
// or went between two requests are no error.
func (n *neighbours) report(key neighKey, err error) {
	if err == nil || n.reported || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOENT) {
		return
	}
	n.reported = true
	if errors.Is(err, unix.ENOBUFS) {
		n.log.Warn("neighbour table is full, raise net.ipv4.neigh.default.gc_thresh3 or net.ipv6's",
			"peer", key.ip, "error", err)
		return
	}
	n.log.Warn("ask kernel to resolve neighbour", "peer", key.ip, "ifindex", key.index, "error", err)
}

// release takes back what was asked for. A resolved entry goes on as an
// ordinary one, since other traffic may use it; one without an address is of
// no use to anybody.
func (n *neighbours) release(key neighKey) {
	delete(n.cooling, key)
	entry, exists, err := n.kernel.neigh(key)
	if err != nil || !exists || !entry.ours || entry.fixed() {
		return
	}
	switch {
	case !entry.known():
		err = n.kernel.remove(key)
	case entry.managed:
		err = n.kernel.letGo(key)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		n.log.Debug("release neighbour", "peer", key.ip, "ifindex", key.index, "error", err)
	}
}

func (k neighKey) subject() subject {
	return subject{kind: neighbour, index: k.index, ip: k.ip}
}
