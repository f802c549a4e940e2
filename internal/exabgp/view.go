package exabgp

import (
	"time"

	"github.com/xbfd/xbfd/client"
)

// view is what is known of the path of a route.
type view uint8

const (
	unseen  view = iota // nobody has looked yet
	away                // no daemon answers
	missing             // the daemon has no such session, or it has not been up yet
	up
	failed
	admin // down on purpose, which says nothing about the path (RFC 5882 §3.2)
)

// judge returns what a session says of its path, and, where the file's hold-off
// keeps a failure back for now, after how long to look again.
func judge(s *client.Session) (v view, again time.Duration) {
	if s.State == "up" {
		return up, 0
	}
	if s.State == "admin-down" {
		return admin, 0
	}
	if len(s.Clients) > 0 {
		switch c := s.Clients[0]; {
		case c.Failed:
			return failed, 0
		case c.Administrative:
			return admin, 0
		case c.State == "up": // to it, still
			return up, max(time.Duration(c.HoldOff)*time.Microsecond, time.Millisecond)
		}
	}
	if s.Times.LastUp != nil {
		return admin, 0 // on the way up again: a failure would have been told
	}
	return missing, 0
}

// judgeAll returns what several sessions say: of ways to one peer, one that is up
// is enough.
func judgeAll(list []client.Session) (v view, again time.Duration) {
	v = missing
	for i := range list {
		one, wait := judge(&list[i])
		if wait > 0 && (again == 0 || wait < again) {
			again = wait
		}
		if rank[one] > rank[v] {
			v = one
		}
	}
	return v, again
}

var rank = map[view]int{missing: 0, failed: 1, admin: 2, up: 3}
