package wire

import (
	"errors"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
)

// source is something that datagrams come from. Its methods belong to the
// worker.
type source interface {
	// refresh takes back what the last Receive delivered and looks for what has
	// arrived until now.
	refresh(now session.Time)
	// head returns when the next datagram arrived, session.Never without one.
	head() session.Time
	// take delivers that datagram.
	take(rx *engine.Rx)
	// lost returns how many there was no room for since it was opened.
	lost() uint64
}

// receiver merges what the sources of one worker's port deliver.
type receiver struct {
	sources []source
	active  []source // those with something waiting
	fds     []int    // to wait on
	queues  []*queue // those of sources that are rings
}

// Receive fills batch, of at most 64, in the order of arrival whatever the
// socket: a full batch ends at an instant before which nothing is left behind.
func (r *receiver) Receive(batch []engine.Rx) int {
	now := Now()
	r.active = r.active[:0]
	for _, s := range r.sources {
		if s.refresh(now); s.head() != session.Never {
			r.active = append(r.active, s)
		}
	}
	for n := range batch {
		i := r.earliest()
		if i < 0 {
			return n
		}
		s := r.active[i]
		if s.take(&batch[n]); s.head() == session.Never {
			last := len(r.active) - 1
			r.active[i] = r.active[last]
			r.active = r.active[:last]
		}
	}
	return len(batch)
}

// Lost returns how many frames the kernel had no room for in the rings and sockets.
func (r *receiver) Lost() (n uint64) {
	for _, s := range r.sources {
		n += s.lost()
	}
	return n
}

// earliest returns the index of the active source whose next datagram arrived
// first, -1 when none is active.
func (r *receiver) earliest() int {
	first, at := -1, session.Never
	for i, s := range r.active {
		if h := s.head(); first < 0 || h < at {
			first, at = i, h
		}
	}
	return first
}

// descriptors returns the sockets to wait on for reception.
func (r *receiver) descriptors() []int { return r.fds }

func (r *receiver) addQueue(q *queue) {
	r.sources = append(r.sources, q)
	r.fds = append(r.fds, q.fd)
	r.queues = append(r.queues, q)
}

func (r *receiver) addUDP(u *udpReader) {
	r.sources = append(r.sources, u)
	r.fds = append(r.fds, u.fd)
}

// port is the engine.Port of one worker on one interface: its AF_XDP queues,
// the interface's UDP sockets if they are this worker's, and the raw sockets.
type port struct {
	receiver

	tx     *queue  // nil: no AF_XDP queue is this worker's
	live   *liveTx // nil: no live frames; else all that tx sends comes from it
	raw    *rawTx
	viaXDP bool // where the last Alloc came from
}

var _ engine.Port = (*port)(nil)

// Ring reports whether an AF_XDP queue of this worker sends.
func (p *port) Ring() bool { return p.tx != nil }

// Alloc lends a frame of an AF_XDP queue for a frame with its Ethernet header,
// if there is one, and a raw socket's buffer otherwise.
func (p *port) Alloc(l2 bool) []byte {
	p.viaXDP = l2 && p.tx != nil
	switch {
	case p.viaXDP && p.live != nil:
		return p.live.alloc()
	case p.viaXDP:
		return p.tx.alloc()
	}
	return p.raw.alloc()
}

// Commit queues the frame; what goes by a raw socket goes without its Ethernet
// header.
func (p *port) Commit(n, l3 int) {
	switch {
	case p.viaXDP && p.live != nil:
		p.live.commit(n)
	case p.viaXDP:
		p.tx.commit(n)
	default:
		p.raw.commit(n, l3)
	}
}

// Flush sends what was committed.
func (p *port) Flush() (failed int) {
	switch {
	case p.live != nil:
		failed = p.live.flush()
	case p.tx != nil:
		failed = p.tx.flush()
	}
	return failed + p.raw.flush()
}

// closeAll closes what it is given and joins the errors.
func closeAll[T interface{ close() error }](list []T) error {
	var errs []error
	for _, c := range list {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}
