package bench

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/xbfd/xbfd/internal/netns"
)

// The autonomous systems. The spare router's path is the longer one, and so the worse.
const (
	asDUT       = 65001
	asUplink    = 65010
	asSpare     = 65020
	asCollector = 65030
)

// speaker is a BGP neighbour of the engine under test, which connects to it: a router
// at the far end of an uplink that announces the prefixes, or one behind the engine
// that is told of them. Nothing but BFD notices its silence.
type speaker struct {
	*exits // as it was told; of a collector
	as     uint16
	addr   netip.Addr
	says   []byte // once a session is there

	listener net.Listener
	ended    sync.WaitGroup

	mu     sync.Mutex
	change *sync.Cond
	muted  bool // takes no connections
	closed bool
	conn   net.Conn
	up     bool
}

// startSpeaker has one listen at an address of a namespace. With announce it tells of
// that many prefixes by path, otherwise it is told of routes.
func startSpeaker(ns *netns.NS, addr netip.Addr, path []uint16, announce, routes int) (*speaker, error) {
	s := &speaker{exits: newExits(routes), as: path[0], addr: addr, says: announcements(announce, path, addr.As4())}
	s.change = sync.NewCond(&s.mu)
	err := ns.Do(func() (err error) {
		s.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp4", netip.AddrPortFrom(addr, bgpPort).String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start BGP neighbour: %w", err)
	}
	s.ended.Go(s.serve)
	return s, nil
}

func (s *speaker) serve() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		if s.begins(c) {
			s.talk(c)
		}
		s.mu.Lock()
		s.up = false
		s.mu.Unlock()
		c.Close()
		for k := range s.by {
			s.set(k, noExit, 0)
		}
	}
}

// begins waits until it may speak, and takes the connection.
func (s *speaker) begins(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.muted && !s.closed {
		s.change.Wait()
	}
	s.conn = c
	return !s.closed
}

// mute has it take no new connection while it is silent: one that its neighbour gives
// up ends.
func (s *speaker) mute(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.muted = silent
	s.change.Broadcast()
}

func (s *speaker) established() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up
}

// talk is one session, until the neighbour ends it.
func (s *speaker) talk(c net.Conn) {
	if _, err := c.Write(openMessage(s.as, s.addr.As4())); err != nil {
		return
	}
	buf := make([]byte, bgpMessage)
	for {
		kind, body, err := readMessage(c, buf)
		at := int64(now())
		if err != nil {
			return
		}
		switch kind {
		case bgpOpen:
			_, err = c.Write(message(bgpKeepalive, nil))
		case bgpKeepalive:
			s.mu.Lock()
			first := !s.up
			s.up = true
			s.mu.Unlock()
			if first {
				_, err = c.Write(s.says)
			}
		case bgpUpdate:
			err = s.told(body, at)
		case bgpNotification:
			return
		}
		if err != nil {
			return
		}
	}
}

// told takes in an UPDATE. What is withdrawn does not lead to the uplink any more,
// either.
func (s *speaker) told(body []byte, at int64) error {
	u, err := parseUpdate(body)
	if err != nil {
		return err
	}
	for _, k := range u.withdrawn {
		s.set(k, bySpare, at)
	}
	by := byUplink
	if slices.Contains(u.path, asSpare) {
		by = bySpare
	}
	for _, k := range u.announced {
		s.set(k, by, at)
	}
	return nil
}

func (s *speaker) close() error {
	s.mu.Lock()
	s.closed = true
	s.change.Broadcast()
	if s.conn != nil {
		s.conn.Close()
	}
	s.mu.Unlock()
	err := s.listener.Close()
	s.ended.Wait()
	return err
}
