package client

import (
	"net/netip"
	"net/url"
	"strconv"
)

// States are the values Filter.State may have.
var States = []string{"admin-down", "down", "init", "up"}

// Filter selects sessions; a zero field selects all.
type Filter struct {
	Peer, Local    netip.Addr
	Interface, VRF string
	Multihop       *bool // nil: either
	State          string
	Profile, Owner string
}

// Match tells whether s is selected.
func (f Filter) Match(s *Session) bool {
	return (!f.Peer.IsValid() || f.Peer == s.Peer) &&
		(!f.Local.IsValid() || f.Local == s.Local) &&
		(f.Interface == "" || f.Interface == s.Interface) &&
		(f.VRF == "" || f.VRF == s.VRF) &&
		(f.Multihop == nil || *f.Multihop == s.Multihop) &&
		(f.State == "" || f.State == s.State) &&
		(f.Profile == "" || f.Profile == s.Profile) &&
		(f.Owner == "" || f.Owner == s.Owner)
}

// Query is the Filter as a URL has it.
func (f Filter) Query() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Peer.IsValid() {
		set("peer", f.Peer.String())
	}
	if f.Local.IsValid() {
		set("local", f.Local.String())
	}
	set("interface", f.Interface)
	set("vrf", f.VRF)
	if f.Multihop != nil {
		set("multihop", strconv.FormatBool(*f.Multihop))
	}
	set("state", f.State)
	set("profile", f.Profile)
	set("owner", f.Owner)
	return q
}

// Target names one session: X is the address of its peer or its local
// discriminator, narrowed by what else is given.
type Target struct {
	X, Interface, Local, VRF string
	Multihop                 *bool // nil: either
}

// path returns the path of the session, or of what lies below it.
func (t Target) path(below string) string {
	q := url.Values{}
	for name, value := range map[string]string{"interface": t.Interface, "local": t.Local, "vrf": t.VRF} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if t.Multihop != nil {
		q.Set("multihop", strconv.FormatBool(*t.Multihop))
	}
	return "/v1/sessions/" + url.PathEscape(t.X) + below + suffix(q)
}

func suffix(q url.Values) string {
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}
