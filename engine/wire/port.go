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
}

// port is the engine.Port of one worker on one interface: its AF_XDP queues,
// the interface's UDP sockets if they are this worker's, and the raw sockets.
type port struct {
	sources []source
	active  []source // those with something waiting
	fds     []int    // to wait on

	tx     *queue // nil: no AF_XDP queue is this worker's
	raw    *rawTx
	viaXDP bool // where the last Alloc came from
}

var _ engine.Port = (*port)(nil)

// Receive fills batch, of at most 64, in the order of arrival whatever the
// socket: a full batch ends at an instant before which nothing is left behind.
func (p *port) Receive(batch []engine.Rx) int {
	now := Now()
	p.active = p.active[:0]
	for _, s := range p.sources {
		if s.refresh(now); s.head() != session.Never {
			p.active = append(p.active, s)
		}
	}
	for n := range batch {
		i := p.earliest()
		if i < 0 {
			return n
		}
		s := p.active[i]
		if s.take(&batch[n]); s.head() == session.Never {
			last := len(p.active) - 1
			p.active[i] = p.active[last]
			p.active = p.active[:last]
		}
	}
	return len(batch)
}

// earliest returns the index of the active source whose next datagram arrived
// first, -1 when none is active.
func (p *port) earliest() int {
	first, at := -1, session.Never
	for i, s := range p.active {
		if h := s.head(); first < 0 || h < at {
			first, at = i, h
		}
	}
	return first
}

// Alloc lends a frame of an AF_XDP queue for a frame with its Ethernet header,
// if there is one, and a raw socket's buffer otherwise.
func (p *port) Alloc(l2 bool) []byte {
	p.viaXDP = l2 && p.tx != nil
	if p.viaXDP {
		return p.tx.alloc()
	}
	return p.raw.alloc()
}

// Commit queues the frame; what goes by a raw socket goes without its Ethernet
// header.
func (p *port) Commit(n, l3 int) {
	if p.viaXDP {
		p.tx.commit(n)
		return
	}
	p.raw.commit(n, l3)
}

// Flush sends what was committed.
func (p *port) Flush() (failed int) {
	if p.tx != nil {
		failed = p.tx.flush()
	}
	return failed + p.raw.flush()
}

// descriptors returns the sockets to wait on for reception.
func (p *port) descriptors() []int { return p.fds }

func (p *port) addQueue(q *queue) {
	p.sources = append(p.sources, q)
	p.fds = append(p.fds, q.fd)
}

func (p *port) addUDP(r *udpReader) {
	p.sources = append(p.sources, r)
	p.fds = append(p.fds, r.fd)
}

// closeAll closes what it is given and joins the errors.
func closeAll[T interface{ close() error }](list []T) error {
	var errs []error
	for _, c := range list {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}
