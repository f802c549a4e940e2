package bench

import (
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// Each prefix counts once, with the first time that it left the uplink for the spare.
func TestExits(t *testing.T) {
	x := newExits(3)
	for k := range 3 {
		x.set(k, byUplink, 1)
	}
	x.arm()
	if !x.whole() {
		t.Error("all are by the uplink")
	}
	x.set(1, noExit, 5)
	x.set(1, bySpare, 7)
	x.set(0, bySpare, 9)
	x.set(0, byUplink, 10)
	x.set(0, bySpare, 11)
	x.set(3, bySpare, 12) // nobody's
	if diff := cmp.Diff(moves{2, 7, 9}, x.look(), cmp.AllowUnexported(moves{})); diff != "" || x.whole() {
		t.Error(diff)
	}
}

// Of several routes to a prefix that with the lowest metric counts; without any the
// one that covers all, if there is one.
func TestBestRoute(t *testing.T) {
	f := &fib{exits: newExits(1), known: []map[uint32]uint32{{}}, uplink: 7, spare: 8}
	change := func(kind uint16, metric, link uint32) exit {
		body := []byte{unix.AF_INET, prefixBits, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_BGP, 0, unix.RTN_UNICAST, 0, 0, 0, 0}
		for _, a := range []struct {
			kind  uint16
			value []byte
		}{
			{unix.RTA_DST, []byte{10, 0, 0, 0}},
			{unix.RTA_PRIORITY, native.AppendUint32(nil, metric)},
			{unix.RTA_OIF, native.AppendUint32(nil, link)},
		} {
			body = native.AppendUint16(native.AppendUint16(body, 8), a.kind)
			body = append(body, a.value...)
		}
		f.take(&syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: kind}, Data: body}, 1)
		return f.by[0]
	}
	for i, step := range []struct {
		kind         uint16
		metric, link uint32
		want         exit
	}{
		{unix.RTM_NEWROUTE, 20, 7, byUplink},
		{unix.RTM_NEWROUTE, 10, 8, bySpare},
		{unix.RTM_DELROUTE, 10, 8, byUplink},
		{unix.RTM_NEWROUTE, 20, 8, bySpare}, // in its place
		{unix.RTM_DELROUTE, 20, 8, noExit},
	} {
		if got := change(step.kind, step.metric, step.link); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
	f.covered = true
	if f.best(0) != bySpare {
		t.Error("the route that covers all does not count")
	}
}

func TestHeaviest(t *testing.T) {
	hop := func(weight byte, link uint32) []byte {
		b := native.AppendUint32([]byte{16, 0, 0, weight - 1}, link)
		native.PutUint16(b, 16)
		return append(b, 8, 0, unix.RTA_GATEWAY, 0, 192, 0, 2, 1)
	}
	if got := heaviest(append(append(hop(1, 8), hop(200, 7)...), 16, 0, 0)); got != 7 {
		t.Errorf("interface %d, want 7", got)
	}
}

func TestOutage(t *testing.T) {
	p := &probe{arrivals: []arrival{{1, false, 10}, {2, false, 20}, {3, false, 30}, {6, true, 60}, {5, true, 50}, {7, true, 70}}}
	if ns, lost := p.outage(20); ns != 30 || lost != 2 {
		t.Errorf("%d ns, %d lost; want 30 and 2", ns, lost)
	}
	if ns, lost := p.outage(70); ns != 0 || lost != 0 {
		t.Errorf("nothing came afterwards: %d ns, %d lost", ns, lost)
	}
}

// Engines are compared with FRR, wherever it stands among them.
func TestFailoverRatio(t *testing.T) {
	result := func(dut string, last ...float64) *FailoverResult {
		res := &FailoverResult{Engine: Engine{DUT: dut}, Routes: 2}
		for _, at := range last {
			res.All = append(res.All, FailoverCut{DetectionTime: 150_000, Down: 150_001, FIB: Moves{2, at - 1, at}})
		}
		res.sum(true, false)
		return res
	}
	xbfd, frr := result("xbfd", 151_000, 150_500, 159_000), result("frr", 300_000, 152_000, 154_000)
	xbfd.All = append(xbfd.All, FailoverCut{DetectionTime: 150_000, FIB: Moves{1, 5, 5}})
	var out strings.Builder
	compare([]*FailoverResult{xbfd, frr}, newPrinter(&out, io.Discard, false))
	if want := (&FailoverRatio{Last: 151. / 154, Beyond: 0.25}); !cmp.Equal(want, xbfd.Ratio) {
		t.Error(cmp.Diff(want, xbfd.Ratio))
	}
	if !strings.Contains(out.String(), "0.98 of FRR's time to the last route; beyond the Detection Time 0.250") {
		t.Errorf("said %q", out.String())
	}
	if d := frr.Last; d.P50 != 154_000 || d.Max != 300_000 || d.Count != 3 || frr.Incomplete != 0 {
		t.Errorf("%+v", frr)
	}
	xbfd.All = append(xbfd.All, FailoverCut{DetectionTime: 150_000, Down: 150_001, FIB: Moves{2, -70, 5}}, FailoverCut{})
	if xbfd.sum(true, false); xbfd.Incomplete != 1 || xbfd.Early != 2 || xbfd.Last.Count != 4 || xbfd.Down.Count != 3 {
		t.Errorf("%+v", xbfd)
	}
}

// smokeFailover is not about speed: only that all is seen, in the order in which it
// must be.
func smokeFailover(t *testing.T, o Options) {
	o.Sessions, o.Routes, o.Mult = []int{2}, []int{3}, 20
	for _, name := range []string{"xbfd", "frr"} {
		t.Run(name, func(t *testing.T) {
			installed(t, name)
			o := o
			o.DUTs = []string{name}
			list := objects[FailoverResult](t, o, Failover)
			for tries := 0; tries < 2 && len(list) == 1 && list[0].Early > 0; tries++ {
				t.Log("the session failed by itself before the cut: this machine is busy")
				list = objects[FailoverResult](t, o, Failover)
			}
			if len(list) != 1 || list[0].Incomplete+list[0].Early != 0 || len(list[0].All) != 1 {
				t.Fatalf("%+v", list)
			}
			c := list[0].All[0]
			limit := float64(20 * time.Second.Microseconds())
			if c.DetectionTime != 1_000_000 || c.Down < 1_000_000 || c.Down > limit ||
				c.FIB.Count != 3 || c.FIB.First < c.Down-5000 || c.FIB.Last < c.FIB.First || c.FIB.Last > limit ||
				c.Outage < 1_000_000 || c.Outage > limit || c.Lost < 100 {
				t.Errorf("%+v", c)
			}
			if told := c.Onward.Count; name == "frr" && told != 3 || name == "xbfd" && told != 0 {
				t.Errorf("%d routes told onward", told)
			}
		})
	}
	picture(t, o, "failover.svg")
}
