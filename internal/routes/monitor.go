package routes

import (
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// monitor follows what others do to the routes and links.
type monitor struct {
	interfaces
	file    *os.File
	port    uint32 // of our own requests, whose effects are no news
	follows atomic.Pointer[Followed]
	others  beside
	news    chan News
}

// What decides whether routes by an interface work.
const linkFlags = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP

func newMonitor(port uint32) (*monitor, error) {
	fd, err := socket()
	if err != nil {
		return nil, err
	}
	for _, group := range []int{
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE,
	} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group); err != nil {
			unix.Close(fd)
			return nil, err
		}
	}
	// Before Linux 5.3 there are no nexthops to follow.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, unix.RTNLGRP_NEXTHOP)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	m := &monitor{
		interfaces: interfaces{
			names: make(map[uint32]string), indexes: make(map[string]uint32), flags: make(map[uint32]uint32), tables: make(map[uint32]uint32),
		},
		file: os.NewFile(uintptr(fd), "netlink"), port: port,
		news: make(chan News, 1),
	}
	m.follows.Store(&Followed{})
	return m, nil
}

// News implements Kernel.
func (m *monitor) News() <-chan News { return m.news }

// Follow implements Kernel.
func (m *monitor) Follow(f Followed) { m.follows.Store(&f) }

// run reads until shut. It ends with news closed.
func (m *monitor) run() {
	defer close(m.news)
	buf := make([]byte, 64<<10)
	for {
		n, err := m.file.Read(buf)
		switch {
		case isOverrun(err):
			m.others.noteAll()
			m.tell(News{Links: true}) // some were lost: look at everything
			continue
		case err != nil:
			return
		}
		for msg := range messages(buf[:n]) {
			m.take(msg)
		}
	}
}

func isOverrun(err error) bool {
	pe, ok := err.(*os.PathError)
	return ok && pe.Err == unix.ENOBUFS
}

// shut ends run, if it was started.
func (m *monitor) shut() { m.file.Close() }

// take looks at a notification.
func (m *monitor) take(msg received) {
	switch msg.kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		if m.link(msg) {
			m.tell(News{Links: true})
		}
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		if msg.port != m.port {
			m.tell(News{Links: true})
		}
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		o, protocol, ok := parseRoute(msg.body, m.name)
		if !ok || msg.port == m.port {
			return
		}
		followed := m.follows.Load().Prefixes[o.Prefix]
		if followed && protocol != Protocol && msg.kind == unix.RTM_NEWROUTE {
			m.others.note(&o)
		}
		if followed || protocol == Protocol {
			m.tell(News{})
		}
	case unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		n, ok := parseNexthop(msg.body)
		if ok && msg.port != m.port && (n.protocol == Protocol || m.follows.Load().Groups[n.id]) {
			m.tell(News{})
		}
	}
}

// link takes in an interface, and reports whether that changes anything for routes.
func (m *monitor) link(msg received) bool {
	index, flags, name, ok := parseLink(msg.body)
	if !ok {
		return false
	}
	table := parseVRF(msg.body)
	m.mu.Lock()
	defer m.mu.Unlock()
	was, known := m.names[index], m.flags[index]
	if m.indexes[was] == index {
		delete(m.indexes, was)
	}
	if msg.kind == unix.RTM_DELLINK {
		delete(m.names, index)
		delete(m.flags, index)
		delete(m.tables, index)
		return true
	}
	m.names[index], m.indexes[name], m.flags[index] = name, index, flags
	if table != 0 {
		m.tables[index] = table
	}
	return was != name || (known^flags)&linkFlags != 0
}

// tell leaves a word for whoever reads News, and never waits: words that were not
// read yet become one.
func (m *monitor) tell(n News) {
	for {
		select {
		case m.news <- n:
			return
		case had := <-m.news:
			n.Links = n.Links || had.Links
		}
	}
}

// interfaces are the names and indexes of the interfaces there are.
type interfaces struct {
	mu      sync.Mutex
	names   map[uint32]string
	indexes map[string]uint32
	flags   map[uint32]uint32
	tables  map[uint32]uint32 // of VRFs' devices
}

// tableOf returns the number of the table that a route is in, 0 while its VRF does
// not exist.
func (i *interfaces) tableOf(o *Object) uint32 {
	if o.VRF == "" {
		return o.Table
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.tables[i.indexes[o.VRF]]
}

// vrfOf returns the VRF that has a table, "" if none has.
func (i *interfaces) vrfOf(table uint32) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	for index, t := range i.tables {
		if t == table {
			return i.names[index]
		}
	}
	return ""
}

func (i *interfaces) name(index uint32) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.names[index]
}

func (i *interfaces) index(name string) uint32 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.indexes[name]
}
