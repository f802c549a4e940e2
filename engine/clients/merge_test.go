package clients_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
)

// However many clients, one session; it lives from the first to the last.
func TestOneSessionPerPath(t *testing.T) {
	r := newRig(t)
	slow, fast := wish(300, 3), wish(100, 3)
	other := key
	other.Interface = "eth1"

	do := func(what string, got clients.Change, want clients.Change) {
		t.Helper()
		got.View = clients.View{}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	do("first", r.join("file", slow), clients.Change{Do: clients.Create, Spec: slow.Spec})
	do("faster", r.join("api", fast), clients.Change{Do: clients.Configure, Was: slow.Spec, Spec: fast.Spec})
	do("no faster", r.join("bgp", slow), clients.Change{Was: fast.Spec, Spec: fast.Spec})
	do("again", r.join("bgp", slow), clients.Change{Was: fast.Spec, Spec: fast.Spec})
	if n := len(r.b.Clients(key)); n != 3 {
		t.Errorf("%d clients, want 3", n)
	}
	elsewhere, err := r.b.Register(other, "file", slow)
	if err != nil {
		t.Fatal(err)
	}
	do("other path", elsewhere, clients.Change{Do: clients.Create, Spec: slow.Spec})
	rows.Covers(t, "5882-2-01", "5882-4.4-01")

	do("fast one leaves", r.b.Unregister(key, "api"), clients.Change{Do: clients.Configure, Was: fast.Spec, Spec: slow.Spec})
	rows.Covers(t, "5882-2-03")
	do("unknown", r.b.Unregister(key, "api"), clients.Change{Was: slow.Spec, Spec: slow.Spec})
	do("next", r.b.Unregister(key, "file"), clients.Change{Was: slow.Spec, Spec: slow.Spec})
	do("last", r.b.Unregister(key, "bgp"), clients.Change{Do: clients.Remove, Was: slow.Spec})
	do("nothing there", r.b.Unregister(key, "bgp"), clients.Change{})
	if _, ok := r.b.Spec(key); ok || r.b.Clients(key) != nil {
		t.Error("the session outlives its clients")
	}
	if _, ok := r.b.Spec(other); !ok {
		t.Error("another path's session went, too")
	}
}

// The strictest wish wins, setting by setting, in whatever order they come.
func TestMerge(t *testing.T) {
	const no, yes = false, true
	params := func(p session.Params) clients.Wish {
		if p.DesiredMinTx == 0 {
			p.DesiredMinTx, p.DetectMult = 100, 3
		}
		return clients.Wish{Spec: engine.Spec{Params: p}}
	}
	timers := func(tx, rx uint32, mult uint8) clients.Wish {
		return params(session.Params{DesiredMinTx: tx, RequiredMinRx: rx, DetectMult: mult})
	}
	echo := func(tx uint32, mult uint8, echo uint32) clients.Wish {
		return params(session.Params{DesiredMinTx: tx, RequiredMinRx: tx, DetectMult: mult, EchoTx: echo})
	}
	spec := func(s engine.Spec) clients.Wish {
		s.Params = params(session.Params{}).Params
		return clients.Wish{Spec: s}
	}
	tests := []struct {
		name       string
		a, b, want clients.Wish
	}{
		{"shorter intervals", timers(300, 50, 3), timers(100, 200, 3), timers(100, 50, 3)},
		{"detection time kept", timers(100, 100, 3), timers(50, 50, 10), timers(50, 50, 6)},
		{"rounded down", timers(100, 100, 3), timers(70, 70, 250), timers(70, 70, 4)},
		{"shorter by its multiplier", timers(10, 10, 10), timers(100, 100, 3), timers(10, 10, 10)},
		{"same intervals", timers(100, 100, 5), timers(100, 100, 3), timers(100, 100, 3)},
		{"longest there is", timers(1<<32-1, 0, 255), timers(1, 1, 255), timers(1, 1, 255)},
		{"one asks for silence", timers(100, 0, 3), timers(100, 50, 3), timers(100, 50, 3)},
		{"both ask for silence", timers(100, 0, 3), timers(200, 0, 3), timers(100, 0, 3)},

		{"echo by one", echo(300, 3, 50), echo(300, 3, 0), echo(300, 3, 50)},
		{"echo by both", echo(300, 3, 50), echo(300, 3, 20), echo(300, 3, 20)},
		{"echo slower than the other's packets", echo(500, 3, 400), echo(100, 3, 0), echo(100, 3, 100)},
		{"multiplier of echo", echo(100, 3, 50), echo(50, 10, 0), echo(50, 3, 50)},
		{"echo to return", params(session.Params{EchoRx: 50}), params(session.Params{EchoRx: 20}), params(session.Params{EchoRx: 20})},
		{"echo returned for one", params(session.Params{}), params(session.Params{EchoRx: 20}), params(session.Params{EchoRx: 20})},
		{
			"demand", params(session.Params{Demand: yes}), params(session.Params{Demand: yes, DemandPoll: 7}),
			params(session.Params{Demand: yes, DemandPoll: 7}),
		},
		{"ceiling", params(session.Params{Ceiling: 900}), params(session.Params{Ceiling: 700}), params(session.Params{Ceiling: 700})},
		{"one allows no stretching", params(session.Params{Ceiling: 900}), params(session.Params{}), params(session.Params{})},
		{
			"one enables",
			params(session.Params{AdminDown: yes, HoldDown: yes, Passive: yes, CPI: yes}), params(session.Params{}), params(session.Params{}),
		},
		{
			"all disable",
			params(session.Params{AdminDown: yes, HoldDown: yes, Passive: no, CPI: yes}),
			params(session.Params{AdminDown: yes, HoldDown: yes, Passive: yes, CPI: yes}),
			params(session.Params{AdminDown: yes, HoldDown: yes, Passive: no, CPI: yes}),
		},
		{"class", spec(engine.Spec{DSCP: 46}), spec(engine.Spec{DSCP: 48}), spec(engine.Spec{DSCP: 48})},
		{"strict", spec(engine.Spec{Strict: yes}), spec(engine.Spec{}), spec(engine.Spec{Strict: yes})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, order := range [][]clients.Wish{{tt.a, tt.b}, {tt.b, tt.a}, {tt.a, tt.b, tt.a}} {
				r := newRig(t)
				for i, w := range order {
					r.join(string(rune('a'+i)), w)
				}
				got, _ := r.b.Spec(key)
				if diff := cmp.Diff(tt.want.Spec, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
			rows.Covers(t, "5882-2-03")
		})
	}
}

// What cannot be merged is refused, and nothing has changed.
func TestConflict(t *testing.T) {
	multihop := key
	multihop.Multihop = true
	hops := func(ttl uint8) clients.Wish {
		return with(protocol, func(w *clients.Wish) { w.Params.Kind, w.MinTTL = session.Multihop, ttl })
	}
	tests := []struct {
		field   string
		key     clients.Key
		have, w clients.Wish
	}{
		{"authentication", key, protocol, with(protocol, func(w *clients.Wish) { w.Auth = engine.Auth{On: true, Key: 1} })},
		{"kind", key, protocol, with(protocol, func(w *clients.Wish) { w.Params.Kind = session.Unaffiliated })},
		{"demand mode", key, protocol, with(protocol, func(w *clients.Wish) { w.Params.Demand = true })},
		{"minimum TTL", multihop, hops(0), hops(250)},
	}
	for _, tt := range tests {
		t.Run(tt.field, func(t *testing.T) {
			r := newRig(t)
			if _, err := r.b.Register(tt.key, "file", tt.have); err != nil {
				t.Fatal(err)
			}
			_, err := r.b.Register(tt.key, "bgp", tt.w)
			want := &clients.ConflictError{Key: tt.key, Owner: "bgp", Other: "file", Field: tt.field}
			var got *clients.ConflictError
			if !errors.As(err, &got) || *got != *want {
				t.Fatalf("got %v, want %v", err, want)
			}
			for _, part := range []string{`"bgp"`, `"file"`, tt.field, "192.0.2.2"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not name %s", err, part)
				}
			}
			if n := len(r.b.Clients(tt.key)); n != 1 {
				t.Errorf("%d clients afterwards", n)
			}
			// Alone, the owner may change its mind, but a session keeps its kind.
			c, err := r.b.Register(tt.key, "file", tt.w)
			if tt.field == "kind" {
				if !errors.As(err, &got) || got.Other != "file" {
					t.Errorf("to change the kind: %v, %v", c.Do, err)
				}
			} else if err != nil || c.Do != clients.Configure {
				t.Errorf("to change alone: %v, %v", c.Do, err)
			}
		})
	}
	r := newRig(t)
	for owner, ttl := range map[string]uint8{"file": 0, "bgp": 254} {
		if _, err := r.b.Register(multihop, owner, hops(ttl)); err != nil {
			t.Errorf("the minimum TTL that 0 stands for: %v", err)
		}
	}
}

func TestBadWish(t *testing.T) {
	multihop := key
	multihop.Multihop = true
	tests := []struct {
		name, want string
		key        clients.Key
		owner      string
		w          clients.Wish
	}{
		{"no owner", "name", key, "", protocol},
		{"no peer", "peer address", clients.Key{}, "file", protocol},
		{"no interval", "min tx", key, "file", with(protocol, func(w *clients.Wish) { w.Params.DesiredMinTx = 0 })},
		{"no multiplier", "multiplier", key, "file", with(protocol, func(w *clients.Wish) { w.Params.DetectMult = 0 })},
		{"negative hold-off", "hold-off", key, "file", with(protocol, func(w *clients.Wish) { w.HoldOff = -1 })},
		{"single hop on a multihop path", "multihop", multihop, "file", protocol},
		{"multihop on a single hop's path", "multihop", key, "file", with(protocol, func(w *clients.Wish) { w.Params.Kind = session.Multihop })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b clients.Book
			c, err := b.Register(tt.key, tt.owner, tt.w)
			if err == nil || !strings.Contains(err.Error(), tt.want) || c != (clients.Change{}) {
				t.Errorf("got %+v, %v; want an error about %q", c, err, tt.want)
			}
			if b.Clients(tt.key) != nil {
				t.Error("it was registered all the same")
			}
		})
	}
}

// Clients are listed in the order in which they came, whatever they change later.
func TestClients(t *testing.T) {
	r := newRig(t)
	r.join("file", protocol)
	r.join("bgp", route)
	r.join("file", patient)
	var owners []string
	for _, c := range r.b.Clients(key) {
		owners = append(owners, c.Owner)
	}
	if !slices.Equal(owners, []string{"file", "bgp"}) {
		t.Errorf("owners %q", owners)
	}
	if got := r.b.Clients(key)[0].Wish; got != patient {
		t.Errorf("wish %+v", got)
	}
}
