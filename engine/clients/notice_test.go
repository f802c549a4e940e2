package clients_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

const (
	progress = clients.Progress
	up       = clients.Up
	failure  = clients.Failure
	admin    = clients.Admin
)

// What each change means to a protocol, which has other ways to see that its
// peer lives, and to a static route, which has none.
func TestKinds(t *testing.T) {
	tests := []struct {
		name            string
		play            func(*rig)
		protocol, route []clients.Kind
		rows            []string
	}{
		{
			"bring-up", func(r *rig) { r.comesUp() },
			[]clients.Kind{progress, up}, []clients.Kind{progress, up},
			[]string{"5882-2-02", "5882-3.3-01"},
		},
		{
			"bring-up that stumbles", func(r *rig) { r.heard(); r.fails(); r.comesUp() },
			[]clients.Kind{progress, progress, progress, up}, []clients.Kind{progress, progress, progress, up},
			[]string{"5882-3.3-01"},
		},
		{
			"restart of this end", func(r *rig) { r.to(packet.Down, packet.DiagNone, packet.Up); r.comesUp() },
			[]clients.Kind{progress, up}, []clients.Kind{progress, up},
			[]string{"5882-3.3-02"},
		},
		{
			"failure", func(r *rig) {
				r.comesUp()
				r.fails()
				r.heard()
				r.fails()
				r.comesUp()
				r.fails()
			},
			[]clients.Kind{progress, up, failure, progress, progress, progress, up, failure},
			[]clients.Kind{progress, up, failure, progress, progress, progress, up, failure},
			[]string{"5882-2-02"},
		},
		{
			"the peer signals down", func(r *rig) { r.comesUp(); r.to(packet.Down, packet.DiagNeighborDown, packet.Down) },
			[]clients.Kind{progress, up, failure}, []clients.Kind{progress, up, failure}, nil,
		},
		{
			"AdminDown here", func(r *rig) { r.comesUp(); r.off(); r.on(); r.comesUp() },
			[]clients.Kind{progress, up, admin, progress, progress, up},
			[]clients.Kind{progress, up, failure, progress, progress, up},
			[]string{"5882-3.2-01", "5882-3.2-02", "5882-4.2-01"},
		},
		{
			"AdminDown at the peer", func(r *rig) { r.comesUp(); r.peerOff(); r.comesUp() },
			[]clients.Kind{progress, up, admin, progress, up},
			[]clients.Kind{progress, up, failure, progress, up},
			[]string{"5882-3.2-01", "5882-3.2-02", "5882-4.2-01"},
		},
		{
			"held down here", func(r *rig) { r.comesUp(); r.heldDown() },
			[]clients.Kind{progress, up, admin}, []clients.Kind{progress, up, failure},
			[]string{"5882-3.2-01", "5882-3.2-02"},
		},
		{
			"AdminDown after a failure", func(r *rig) { r.comesUp(); r.fails(); r.off(); r.on() },
			[]clients.Kind{progress, up, failure, admin, progress},
			[]clients.Kind{progress, up, failure, progress, progress},
			[]string{"5882-3.2-01"},
		},
		{
			"AdminDown before Up", func(r *rig) { r.off(); r.on(); r.heard(); r.peerOff() },
			[]clients.Kind{admin, progress, progress, admin}, []clients.Kind{progress, progress, progress, progress},
			[]string{"5882-3.2-01", "5882-3.3-01"},
		},
		{
			// Leaving AdminDown leaves the diagnostic as it was.
			"failure after AdminDown", func(r *rig) { r.comesUp(); r.off(); r.on(); r.comesUp(); r.fails() },
			[]clients.Kind{progress, up, admin, progress, progress, up, failure},
			[]clients.Kind{progress, up, failure, progress, progress, up, failure}, nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			for owner, w := range map[string]clients.Wish{"bgp": protocol, "ospf": protocol, "route": route} {
				r.join(owner, w)
			}
			tt.play(r)
			r.heardBy("bgp", tt.protocol...)
			r.heardBy("ospf", tt.protocol...)
			r.heardBy("route", tt.route...)
			rows.Covers(t, tt.rows...)
		})
	}
}

// Whatever its wishes, a client is told of the same changes at the same times.
func TestSameChanges(t *testing.T) {
	r := newRig(t)
	r.join("bgp", protocol)
	r.join("route", with(route, sureToo))
	for _, act := range []func(){r.comesUp, r.fails, r.comesUp, r.peerOff, r.peerOn, r.comesUp, r.off, r.on} {
		r.now += 10 * ms
		act()
	}
	changes := make(map[string][]clients.Transition)
	for _, n := range r.got {
		changes[n.Owner] = append(changes[n.Owner], n.Transition)
	}
	if diff := cmp.Diff(changes["bgp"], changes["route"]); diff != "" || len(changes["bgp"]) != 11 {
		t.Errorf("%d changes (-bgp +route):\n%s", len(changes["bgp"]), diff)
	}
	rows.Covers(t, "5882-2-02")
}

func sureToo(w *clients.Wish) { w.AssumeCapable = true }

// A static route is taken down only for a peer that is known to speak BFD: by
// having been Up, or by the operator's word.
func TestStaticRoute(t *testing.T) {
	r := newRig(t)
	r.join("route", route)
	r.join("sure", with(route, sureToo))
	failed := func(route, sure bool) {
		t.Helper()
		if got := [2]bool{r.view("route").Failed, r.view("sure").Failed}; got != [2]bool{route, sure} {
			t.Errorf("failed %v, want [%v %v]", got, route, sure)
		}
	}
	failed(false, true)
	r.heard()
	failed(false, true)
	r.fails()
	failed(false, true)
	r.comesUp()
	failed(false, false)
	r.fails()
	failed(true, true)
	r.heard()
	failed(true, true)
	r.up()
	failed(false, false)
	r.peerOff()
	failed(true, true)
	r.join("late", route)
	if !r.view("late").Failed {
		t.Error("a route added while a peer known to speak BFD is not Up is not taken for broken")
	}
	rows.Covers(t, "5882-5-01", "5882-3.2-02")

	// After a restart nothing is known again.
	again := newRig(t)
	again.join("route", route)
	again.heard()
	if again.view("route").Failed {
		t.Error("broken before it was ever Up")
	}
	rows.Covers(t, "5882-3.3-02")
}

// A client that comes late sees the session as it is, and hears what follows.
func TestLateClient(t *testing.T) {
	r := newRig(t)
	r.join("file", protocol)
	r.comesUp()
	if got, want := r.join("bgp", protocol).View, (clients.View{State: packet.Up, AdjacencyAllowed: true}); got != want {
		t.Errorf("sees %+v, want %+v", got, want)
	}
	r.fails()
	r.join("api", protocol)
	r.heardBy("bgp", failure)
	r.heardBy("api")
	r.sees("bgp", clients.View{State: packet.Down, Failed: true})
	r.sees("api", clients.View{State: packet.Down})
	r.b.Unregister(key, "bgp")
	r.comesUp()
	r.heardBy("bgp")
	r.heardBy("api", progress, up)
	rows.Covers(t, "5882-2-02", "5882-3.3-01")
}

// The C bits of both ends decide what a failure means to a graceful restart.
func TestGracefulRestart(t *testing.T) {
	tests := []struct {
		name          string
		local, remote bool
		aborts        bool
		row           string
	}{
		{"both independent", true, true, true, "5882-4.3-01"},
		{"this end shares fate", false, true, false, "5882-4.3-02"},
		{"the peer shares fate", true, false, false, "5882-4.3-02"},
		{"both share fate", false, false, false, "5882-4.3-02"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.cpi = tt.remote
			r.join("bgp", with(protocol, func(w *clients.Wish) { w.Params.CPI = tt.local }))
			r.comesUp()
			r.fails()
			r.peerOff()
			for _, n := range r.got {
				if n.LocalCPI != tt.local || n.RemoteCPI != tt.remote {
					t.Errorf("%v: C bits %v and %v, want %v and %v", n.Kind, n.LocalCPI, n.RemoteCPI, tt.local, tt.remote)
				}
				if want := tt.aborts && n.Kind == failure; n.AbortsRestart() != want {
					t.Errorf("%v aborts a restart: %v, want %v", n.Kind, n.AbortsRestart(), want)
				}
			}
			r.heardBy("bgp", progress, up, failure, admin)
			rows.Covers(t, tt.row)
		})
	}
}

func TestKindString(t *testing.T) {
	for k, want := range map[clients.Kind]string{progress: "progress", up: "up", failure: "failure", admin: "admin"} {
		if k.String() != want {
			t.Errorf("%d is %q, want %q", k, k, want)
		}
	}
}

// Under another key a path has the clients, and the news, that it had.
func TestRename(t *testing.T) {
	r := newRig(t)
	r.join("bfdd", protocol)
	is, other := key, key
	is.Interface, other.Interface = "", "eth1"
	if _, err := r.b.Register(other, "file", protocol); err != nil {
		t.Fatal(err)
	}
	r.b.Rename(key, other)
	if len(r.b.Clients(key)) != 1 || len(r.b.Clients(other)) != 1 {
		t.Error("a key that is taken was given away")
	}
	r.b.Rename(key, is)
	if c, err := r.b.Register(is, "file", protocol); err != nil || c.Do != clients.Nothing || len(r.b.Clients(is)) != 2 || r.b.Clients(key) != nil {
		t.Errorf("%+v, %v; it has %d clients", c, err, len(r.b.Clients(is)))
	}
	up := clients.Transition{Change: engine.Change{From: packet.Init, To: packet.Up}}
	if n := r.b.Observe(is, up); len(n) != 2 || n[0].Key != is || n[0].Kind != clients.Up {
		t.Errorf("%+v", n)
	}
}
