package daemon

import (
	"slices"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// The owners of sessions; others are clients that the API has named.
const (
	ownerFile   = "file"
	ownerAPI    = "api"
	ownerRoutes = "routes" // of sessions that are there for a route or an address alone
	ownerGoBGP  = "gobgp"  // of those that gobgpd's neighbors ask for
	planeOwner  = "bfdd:"  // begins the names of owners that are bfdd
)

// want is what one owner asks of a session. Several may share one, and the
// strictest of what they ask for is what it is (RFC 5882 §2).
type want struct {
	owner string
	peer  *config.Peer // never changed: most are the configuration's own
	flags control.ClientFlags
	cpi   bool    // the owner may go and the session stay
	own   *chosen // the API's where there is a profile; nil otherwise
}

func (w want) wish() clients.Wish {
	s := spec(*w.peer)
	s.Params.CPI = w.cpi
	return clients.Wish{
		Spec: s, HoldOff: int64(w.peer.HoldOff) * session.Microsecond,
		DependsOnlyOnBFD: w.flags.DependsOnlyOnBFD, AssumeCapable: w.flags.AssumeCapable,
	}
}

func path(p config.Peer) clients.Key {
	return clients.Key{Peer: p.Peer, Local: p.Local, Interface: p.Interface, VRF: p.VRF, Multihop: p.Multihop}
}

// at returns where h keeps what an owner asks for, -1 if that asks for nothing.
func (h *held) at(owner string) int {
	return slices.IndexFunc(h.wants, func(w want) bool { return w.owner == owner })
}

// put changes what is asked for at a place of wants.
func (h *held) put(i int, w want) {
	h.wants[i] = w
	h.peer = h.wants[0].peer
}

// owner is whoever was there first.
func (h *held) owner() string { return h.wants[0].owner }

// operator returns what the file or else the API asks for, nil where only
// clients are left.
func (h *held) operator() *want {
	for _, owner := range []string{ownerFile, ownerAPI} {
		if i := h.at(owner); i >= 0 {
			return &h.wants[i]
		}
	}
	return nil
}

// chief is whose wishes change when nobody says whose: the API's if it has some.
func (h *held) chief() string {
	if h.at(ownerAPI) >= 0 {
		return ownerAPI
	}
	return h.owner()
}

// obey returns w with what the operator says of being down, which holds for all:
// no client keeps a session up against that.
func (h *held) obey(w want) want {
	if o := h.operator(); o != nil && w.owner != ownerFile && w.owner != ownerAPI {
		p := *w.peer
		p.Shutdown, p.HoldDown = o.peer.Shutdown, o.peer.HoldDown
		w.peer = &p
	}
	return w
}

// lends is who has a session that the file takes over: the API, or else routes;
// "" for neither.
func (h *held) lends() string {
	for _, owner := range []string{ownerAPI, ownerRoutes} {
		if h.at(ownerFile) < 0 && h.at(owner) >= 0 {
			return owner
		}
	}
	return ""
}

// chosen are the settings that somebody chose for a session that has a profile,
// which supplies the rest.
type chosen struct{ config.Settings }

// with returns c with what more is chosen; nil, for a session without a profile
// to follow, stays nil.
func (c *chosen) with(more config.Settings) *chosen {
	if c == nil {
		return nil
	}
	return &chosen{more.Over(c.Settings)}
}
