package control

import (
	"net"
	"sync"
)

// limit is a listener that accepts a connection only while fewer than a number
// of them are open; the others wait in the kernel.
type limit struct {
	net.Listener
	free   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimit(l net.Listener, n int) *limit {
	return &limit{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

func (l *limit) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limited{Conn: c, release: sync.OnceFunc(func() { <-l.free })}, nil
}

func (l *limit) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limited struct {
	net.Conn
	release func()
}

func (c *limited) Close() error {
	defer c.release()
	return c.Conn.Close()
}
