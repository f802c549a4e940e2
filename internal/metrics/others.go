package metrics

import "github.com/xbfd/xbfd/internal/control"

func perPlane(f func(*control.DataPlane) float64) func(*snapshot, emit) {
	return func(s *snapshot, emit emit) {
		for i := range s.status.DataPlanes {
			emit(f(&s.status.DataPlanes[i]), s.status.DataPlanes[i].Client)
		}
	}
}

func ofGoBGP(f func(*control.GoBGPStatus) float64) func(*snapshot, emit) {
	return func(s *snapshot, emit emit) {
		if g := s.status.GoBGP; g != nil {
			emit(f(g))
		}
	}
}

// usualFaults of a connection with bfdd are told from the start.
var usualFaults = []string{"connection", "half-message", "malformed", "refused", "too-many", "unexpected", "unknown-session", "version"}

// otherFamilies are about what follows sessions: bfdd, gobgpd and the kernel's routes.
var otherFamilies = []family{
	{"xbfd_dplane_connected", "Whether a bfdd whose data plane this is is connected.", gauge, []string{"client"},
		perPlane(func(p *control.DataPlane) float64 { return float64(truth(p.Connected)) })},
	{"xbfd_dplane_connections_total", "Connections with bfdd that were made.", counter, []string{"client"},
		perPlane(func(p *control.DataPlane) float64 { return float64(p.Connections) })},
	{"xbfd_dplane_sessions", "Sessions that bfdd wants, those refused included.", gauge, []string{"client"},
		perPlane(func(p *control.DataPlane) float64 { return float64(p.Sessions) })},
	{"xbfd_dplane_sessions_refused", "Sessions that bfdd wants and that cannot run as it wants.", gauge, []string{"client"},
		perPlane(func(p *control.DataPlane) float64 { return float64(p.Refused) })},
	{"xbfd_dplane_sessions_unclaimed", "Sessions that bfdd has not asked for again since it came back.", gauge, []string{"client"},
		perPlane(func(p *control.DataPlane) float64 { return float64(p.Unclaimed) })},
	{"xbfd_dplane_errors_total", "What was wrong with bfdd's messages and connections, by kind.", counter, []string{"client", "kind"},
		func(s *snapshot, emit emit) {
			for i := range s.status.DataPlanes {
				p := &s.status.DataPlanes[i]
				for kind, n := range withZeros(p.Errors, usualFaults) {
					emit(float64(n), p.Client, kind)
				}
			}
		}},
	{"xbfd_dplane_messages_total", "Messages on the present connection, by direction: in from bfdd, out to it.", counter, []string{"client", "direction"},
		func(s *snapshot, emit emit) {
			for i := range s.status.DataPlanes {
				p := &s.status.DataPlanes[i]
				emit(float64(p.In.Messages), p.Client, "in")
				emit(float64(p.Out.Messages), p.Client, "out")
			}
		}},
	{"xbfd_dplane_messages_lost_total", "Messages to bfdd on the present connection for which there was no room.", counter, []string{"client"},
		perPlane(func(p *control.DataPlane) float64 { return float64(p.Out.Full) })},
	{"xbfd_gobgp_connected", "Whether gobgpd answers.", gauge, nil,
		ofGoBGP(func(g *control.GoBGPStatus) float64 { return float64(truth(g.Connected)) })},
	{"xbfd_gobgp_neighbors_disabled", "Neighbors that are disabled because their sessions have failed.", gauge, nil,
		ofGoBGP(func(g *control.GoBGPStatus) float64 { return float64(len(g.Disabled)) })},
	{"xbfd_gobgp_failures_total", "Times that gobgpd did not answer or not do as it was asked.", counter, nil,
		ofGoBGP(func(g *control.GoBGPStatus) float64 { return float64(g.Failures) })},
	{"xbfd_routes", "Routes, nexthop groups and addresses that sessions decide about, by state.", gauge, []string{"state"},
		func(s *snapshot, emit emit) {
			r := &s.status.Routes
			emit(float64(r.Installed), "installed")
			emit(float64(r.Raised), "raised")
			emit(float64(r.Absent), "absent")
			emit(float64(r.Refused), "refused")
		}},
	{"xbfd_route_changes_total", "Changes that were made to routes, nexthop groups and addresses in the kernel.", counter, nil,
		func(s *snapshot, emit emit) { emit(float64(s.status.Routes.Changes)) }},
	{"xbfd_route_errors_total", "Changes of routes, nexthop groups and addresses that the kernel has refused.", counter, nil,
		func(s *snapshot, emit emit) { emit(float64(s.status.Routes.Errors)) }},
}
