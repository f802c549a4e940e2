package dplane

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Handler is told what happens on connections. The calls about one connection come
// one after the other, Attached first and Detached last.
type Handler interface {
	// Attached answers false for a connection that is one too many: it is closed,
	// and nothing more is told of it.
	Attached(c *Conn) bool
	Received(c *Conn, m *Message)
	Malformed(c *Conn, err error)
	Detached(c *Conn, err error)
	// Unreachable tells that there is no connection, and why.
	Unreachable(err error)
}

// Pauses between attempts to connect: short, because bfdd hands all of its sessions
// over to a data plane that is there before they are, and runs them by itself after
// one has gone.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
)

// Connect keeps one connection until ctx ends: dial makes it.
func Connect(ctx context.Context, dial func(context.Context) (net.Conn, error), h Handler) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		conn, err := dial(ctx)
		if err != nil {
			h.Unreachable(err)
		} else if served(ctx, conn, h) {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Listen serves those who connect to l until ctx ends; it closes l.
func Listen(ctx context.Context, l net.Listener, h Handler) {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if err == nil {
				_ = conn.Close()
			}
			return
		case err != nil: // out of descriptors, most likely
			h.Unreachable(err)
			select {
			case <-ctx.Done():
			case <-time.After(lastPause):
			}
		default:
			all.Go(func() { served(ctx, conn, h) })
		}
	}
}

// served serves a connection to its end, and tells whether anything came of it.
func served(ctx context.Context, conn net.Conn, h Handler) bool {
	c := newConn(conn)
	if !h.Attached(c) {
		_ = conn.Close()
		return false
	}
	stop := context.AfterFunc(ctx, c.Close)
	defer stop()
	var writer sync.WaitGroup
	writer.Go(c.write)
	err := c.read(h)
	c.Close()
	writer.Wait()
	h.Detached(c, err)
	return c.Figures().In.Messages > 0
}
