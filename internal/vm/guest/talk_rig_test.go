//go:build vm

package guest

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/netlinkmon"
	"github.com/xbfd/xbfd/packet"
)

// interval of the sessions, us, and multiplier: an emulated machine that others share
// stands still for a second now and then. And how long their ends may take to come up.
const (
	interval = 300_000
	mult     = 6
	patience = 60 * time.Second

	detection = mult * interval * time.Microsecond
	late      = 2 * time.Second // a session may be found down after that
)

// talk is one end of a session.
type talk struct {
	t     *testing.T
	s     *speaker.Speaker
	discr uint32
}

func add(t *testing.T, s *speaker.Speaker, ifname, local, peer string) talk {
	t.Helper()
	return addTo(t, s, netlinkmon.Target{Interface: ifname}, local, peer)
}

// addFar adds a session over several hops.
func addFar(t *testing.T, s *speaker.Speaker, local, peer string) talk {
	t.Helper()
	return addTo(t, s, netlinkmon.Target{Multihop: true}, local, peer)
}

func addTo(t *testing.T, s *speaker.Speaker, to netlinkmon.Target, local, peer string) talk {
	t.Helper()
	params := session.Params{DesiredMinTx: interval, RequiredMinRx: interval, DetectMult: mult}
	if to.Multihop {
		params.Kind = session.Multihop
	}
	to.Local, to.Peer = netip.MustParseAddr(local), netip.MustParseAddr(peer)
	discr, err := s.Add(to, engine.Spec{Params: params})
	must(t, err)
	return talk{t, s, discr}
}

// pair runs a session between an interface of a and one of b, which it gives
// addresses, and waits until it is up.
func pair(t *testing.T, a stack, aif string, b stack, bif string) (one, two talk) {
	t.Helper()
	a.AddAddr(t, aif, here+mask)
	b.AddAddr(t, bif, there+mask)
	one, two = add(t, a.speak(t), aif, here, there), add(t, b.speak(t), bif, there, here)
	one.up()
	two.up()
	return one, two
}

func (k talk) status() engine.Status {
	k.t.Helper()
	st, err := k.s.Engine().Status(k.t.Context(), k.discr)
	must(k.t, err)
	return st
}

func (k talk) up() {
	k.t.Helper()
	k.await("the session is up", func() bool { return k.status().State == packet.Up })
}

func (k talk) await(what string, cond func() bool) {
	k.t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			k.t.Fatalf("%s: not so: %+v; path %+v; interfaces %+v", what, k.status(), k.s.Path(k.discr), k.s.Interfaces())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// steady says that sessions have been up all the time, and that packets go on arriving.
func steady(t *testing.T, all ...talk) {
	t.Helper()
	before := make([]uint64, len(all))
	for i, k := range all {
		before[i] = k.packets()
	}
	time.Sleep(3 * interval * time.Microsecond)
	for i, k := range all {
		if st := k.status(); st.State != packet.Up || st.Counters.Failures != 0 || k.packets() == before[i] {
			t.Errorf("the session is %v after %d failures, %d packets have come; interfaces %+v",
				st.State, st.Counters.Failures, k.packets()-before[i], k.s.Interfaces())
		}
	}
}

// steady is steady for one session.
func (k talk) steady() {
	k.t.Helper()
	steady(k.t, k)
}

// packets returns how many have come from the peer.
func (k talk) packets() uint64 {
	st := k.status()
	return st.Counters.Rx + st.RxHeard
}

// on returns what is known of an open interface.
func (k talk) on(ifname string) speaker.InterfaceStatus {
	list := k.s.Interfaces()
	if i := slices.IndexFunc(list, func(i speaker.InterfaceStatus) bool { return i.Name == ifname }); i >= 0 {
		return list[i]
	}
	return speaker.InterfaceStatus{}
}

// via returns the lower interface by which frames of one leave, "" if none.
func (k talk) via(ifname string) string {
	for _, l := range k.on(ifname).Lowers {
		if l.Via {
			return l.Name
		}
	}
	return ""
}

// taken returns how many frames XDP has taken on an interface.
func (k talk) taken(ifname string) uint64 {
	c := k.on(ifname).Counters
	return c["steered"] + c["heard"] + c["insured"]
}

// takes says that frames arrive by XDP on an interface.
func (k talk) takes(ifname string) {
	k.t.Helper()
	before := k.taken(ifname)
	k.await("frames come by "+ifname, func() bool { return k.taken(ifname) > before+1 })
}

// whole waits until both members of the bond below an interface are active.
func (k talk) whole(ifname string) {
	k.t.Helper()
	k.await("both members are active", func() bool {
		l := k.on(ifname).Lowers
		return len(l) == 2 && l[0].Active && l[1].Active && k.via(ifname) != ""
	})
}

// cut takes the link away and has the session notice in its Detection Time.
func (k talk) cut(how func()) {
	k.t.Helper()
	how()
	start := time.Now()
	k.await("the session is down", func() bool { return k.status().State == packet.Down })
	k.t.Logf("noticed after %v", time.Since(start))
	if took := time.Since(start); took > detection+late {
		k.t.Errorf("noticed after %v", took)
	}
}
