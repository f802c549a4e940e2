package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/routes"
)

// Routes returns the routes and addresses that sessions decide about.
func (d *Daemon) Routes(context.Context) ([]control.Route, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.unkept != nil:
		return nil, control.Errorf(control.CodeUnavailable, "routes and addresses are not kept: %v", d.unkept)
	case d.routes == nil:
		return nil, nil
	}
	statuses := d.routes.Statuses()
	list := make([]control.Route, len(statuses))
	for i := range statuses {
		list[i] = d.describeRoute(&statuses[i])
	}
	return list, nil
}

func (d *Daemon) describeRoute(s *routes.Status) control.Route {
	second := func(words []string, is bool) string { return words[map[bool]int{true: 1}[is]] }
	r := control.Route{
		Kind: "route", Prefix: s.Prefix.String(), Interface: s.Interface, VRF: s.VRF, Table: s.Table, Metric: s.Metric, Source: s.Source,
		OnDown: "remove", Initial: second(config.Initials, s.Present), AdminDown: second(config.AdminDowns, s.AdminFails),
		OnExit: second(config.OnExits, s.Withdraw), Hold: uint64(s.Hold.Microseconds()),
		NexthopGroup: cmp.Or(s.ID, s.Group),
		State:        string(s.Standing), Tries: s.Tries, RetryIn: us(s.RetryIn), Changes: s.Changes, Adopted: s.Adopted,
	}
	if s.Raise != 0 {
		r.OnDown = fmt.Sprintf("raise-metric %d", s.Raise)
	}
	switch {
	case s.Interface != "":
		r.Kind, r.Require = "address", second(config.Requires, s.All)
	case s.ID != 0:
		r.Kind, r.Prefix = "nexthop-group", ""
	case s.Group != 0: // which has the rest
		r.Initial, r.AdminDown = "", ""
	}
	if s.Err != nil {
		r.Reason = s.Err.Error()
	}
	for i, m := range s.Members {
		k := s.Spec.Members[i].Session
		member := control.RouteMember{
			Gateway: s.Spec.Members[i].Gateway, Interface: s.Spec.Members[i].Interface, Weight: s.Spec.Members[i].Weight,
			Session:      control.EventSession{Peer: k.Peer, Local: k.Local, Interface: k.Interface, VRF: k.VRF},
			SessionState: m.State.String(), Used: m.Used, HoldLeft: us(m.Holding),
		}
		if h := d.onPath(k); h != nil {
			member.Session.Discr = h.discr
			local, ifname := d.speaker.Where(h.discr)
			member.Session.Interface = cmp.Or(ifname, k.Interface)
			if local.IsValid() {
				member.Session.Local = local
			}
		}
		r.Members = append(r.Members, member)
	}
	return r
}

// onPath returns the session of a path, whatever its kind; nil where there is none.
func (d *Daemon) onPath(k clients.Key) *held {
	key := config.Key{Peer: k.Peer, Local: k.Local, Interface: k.Interface, VRF: k.VRF, Multihop: k.Multihop}
	if h := d.byKey.Get(key); h != nil {
		return h
	}
	key.Unaffiliated = true
	return d.byKey.Get(key)
}

// countRoutes returns the counters for the status, and warnings.
func (d *Daemon) countRoutes() (c control.RouteCounts, warnings []string) {
	for key, text := range d.unwatched {
		warnings = append(warnings, fmt.Sprintf("no session with %v for a route or address: %s", key.Peer, text))
	}
	slices.Sort(warnings)
	if d.unkept != nil {
		warnings = append(warnings, fmt.Sprintf("routes and addresses are not kept: %v", d.unkept))
	}
	if d.routes == nil {
		return c, warnings
	}
	n, err := d.routes.Totals()
	if err != nil {
		warnings = append(warnings, "routes and addresses cannot be kept for now: "+err.Error())
	}
	if n.Refused > 0 {
		warnings = append(warnings, fmt.Sprintf("routes and addresses that are not as they are to be: %d; \"xbfd routes\" says why", n.Refused))
	}
	return control.RouteCounts{
		Total: n.Total, Installed: n.Installed, Raised: n.Raised, Absent: n.Absent, Refused: n.Refused,
		Changes: n.Changes, Errors: n.Errors, Retries: n.Retries,
	}, warnings
}
