package client

import (
	"context"
	"net/http"
	"net/netip"
)

// Route is a route, a nexthop group, or an address of this host, that is there while
// the sessions it depends on are up.
type Route struct {
	Kind         string     `json:"kind"`      // route, nexthop-group or address
	Prefix       string     `json:"prefix"`    // destination; of an address, that with its length; of a nexthop group empty
	Interface    string     `json:"interface"` // that has the address; empty for a route
	VRF          string     `json:"vrf"`       // in whose table a route is; empty: in Table
	Table        uint32     `json:"table"`     // of a route, as is the metric
	Metric       uint32     `json:"metric"`
	NexthopGroup uint32     `json:"nexthop-group"` // its number; of a route, that of the one it leads to, which has the members; 0: none
	Source       netip.Addr `json:"source"`        // empty when the kernel chooses
	OnDown       string     `json:"on-down"`       // remove, or raise-metric and by how much
	Require      string     `json:"require"`       // of an address: any or all
	Initial      string     `json:"initial"`       // absent or present
	AdminDown    string     `json:"admin-down"`    // ignore or fail
	OnExit       string     `json:"on-exit"`       // keep or withdraw
	Hold         uint64     `json:"hold-us"`

	State   string `json:"state"`       // installed; raised: with the higher metric; absent; refused: not as it is to be
	Reason  string `json:"reason"`      // why it is refused
	Tries   int    `json:"tries"`       // that failed in a row
	RetryIn uint64 `json:"retry-in-us"` // until the next one
	Changes uint64 `json:"changes"`     // that were made to it
	Adopted bool   `json:"adopted"`     // a former process left it, and no session has confirmed it yet

	Members []RouteMember `json:"members"` // gateways of a route or nexthop group, peers of an address
}

// RouteMember is one gateway of a route, or one peer of an address.
type RouteMember struct {
	Gateway      netip.Addr   `json:"gateway"` // empty for an address
	Interface    string       `json:"interface"`
	Weight       int          `json:"weight"`
	Session      EventSession `json:"session"`       // local-discriminator 0: it does not run
	SessionState string       `json:"session-state"` // as the route sees it: up, down, admin-down, or unknown when it was not up yet
	Used         bool         `json:"used"`
	HoldLeft     uint64       `json:"hold-left-us"` // until it is used again
}

// RouteCounts are the numbers of routes and addresses by state, and what was done to
// them.
type RouteCounts struct {
	Total     int `json:"total"`
	Installed int `json:"installed"`
	Raised    int `json:"raised"`
	Absent    int `json:"absent"`
	Refused   int `json:"refused"`

	Changes uint64 `json:"changes"`
	Errors  uint64 `json:"errors"`  // changes that the kernel refused
	Retries uint64 `json:"retries"` // changes that worked after it had
}

// Routes returns the routes and addresses that sessions decide about, in the order
// of the file.
func (c *Client) Routes(ctx context.Context) (list []Route, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/routes", nil, &list)
	return list, err
}
