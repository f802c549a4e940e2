package dplane

import (
	"net"
	"sync"
	"syscall"

	"github.com/xbfd/xbfd/internal/bfddp"
)

// Message is a message of the protocol.
type Message = bfddp.Message

// maxQueue is how many bytes may wait to be sent: state changes of 29,000 sessions.
const maxQueue = 1 << 20

// Traffic is one direction of a connection.
type Traffic struct {
	Bytes    uint64
	Messages uint64
	Peak     int    // most bytes that have waited at once
	Waiting  int    // bytes that wait
	Full     uint64 // messages that found no room
}

// Figures are what a connection has carried.
type Figures struct{ In, Out Traffic }

// Conn is a connection to one bfdd. Its methods may be called by any goroutine.
type Conn struct {
	conn net.Conn
	fd   int
	wake chan struct{}

	mu      sync.Mutex // guards everything below
	figures Figures
	queue   []byte
	closed  bool
}

func newConn(conn net.Conn) *Conn {
	c := &Conn{conn: conn, fd: -1, wake: make(chan struct{}, 1)}
	if s, ok := conn.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { c.fd = int(fd) })
		}
	}
	return c
}

// FD returns the number of the connection's descriptor.
func (c *Conn) FD() int { return c.fd }

// Figures returns what the connection has carried so far.
func (c *Conn) Figures() Figures {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.figures
	f.Out.Waiting = len(c.queue)
	return f
}

// Send queues a message, and answers false where there is no room for it.
func (c *Conn) Send(m *Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.queue)+bfddp.MaxSize > maxQueue {
		c.figures.Out.Full++
		return false
	}
	before := len(c.queue)
	c.queue = m.Append(c.queue)
	out := &c.figures.Out
	out.Messages++
	out.Bytes += uint64(len(c.queue) - before)
	out.Peak = max(out.Peak, len(c.queue))
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return true
}

// Close ends the connection; what waits to be sent is lost.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.wake)
		_ = c.conn.Close()
	}
}

// write sends what is queued, all of it at a time, until the connection ends.
func (c *Conn) write() {
	var spare []byte
	for range c.wake {
		c.mu.Lock()
		whole := c.queue
		if len(whole) > 0 {
			c.queue, spare = spare[:0], nil
		}
		c.mu.Unlock()
		if len(whole) == 0 {
			continue
		}
		if _, err := c.conn.Write(whole); err != nil {
			c.Close() // the reader finds out and says so
			return
		}
		spare = whole
	}
}

// read hands over every message until the connection ends, and returns why.
func (c *Conn) read(h Handler) error {
	ahead := newPump(c.conn)
	defer ahead.end()
	r := bfddp.NewReader(ahead)
	for {
		m, n, err := r.Next()
		if n > 0 {
			c.mu.Lock()
			in := &c.figures.In
			in.Messages++
			in.Bytes += uint64(n)
			in.Peak, in.Waiting = r.Peak, r.Waiting()
			c.mu.Unlock()
		}
		switch {
		case n > 0 && err != nil:
			h.Malformed(c, err)
		case err != nil:
			return err
		default:
			h.Received(c, &m)
		}
	}
}
