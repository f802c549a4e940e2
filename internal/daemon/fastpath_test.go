package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/speaker"
)

// TestFastPathInWords: whatever keeps a session from being heard is said, and how
// its packets leave.
func TestFastPathInWords(t *testing.T) {
	ring := &speaker.Path{Transport: "xdp-native", Ring: true}
	udp := &speaker.Path{Transport: "udp", Unheard: "no XDP program"}
	known := engine.Path{MACKnown: true}
	for _, tt := range []struct {
		name  string
		st    engine.Status
		path  *speaker.Path
		asked string
		want  control.FastPath
	}{
		{"all is well", engine.Status{Heard: engine.HeardActive, Path: known}, ring, "auto",
			control.FastPath{Heard: "active", Insurance: "off", Transmit: "xdp"}},
		{"insured", engine.Status{Heard: engine.HeardActive, Insured: true, Path: known}, ring, "on",
			control.FastPath{Heard: "active", Insurance: "on", Transmit: "xdp"}},
		{"no MAC yet", engine.Status{Heard: engine.HeardNotUp}, ring, "auto",
			control.FastPath{Heard: "not-up", Insurance: "off", Transmit: "raw", Reason: "not heard: both ends must be up"}},
		{"no path", engine.Status{Heard: engine.HeardNoPath}, &speaker.Path{}, "auto",
			control.FastPath{Heard: "no-path", Insurance: "off", Reason: "not heard: there is no path"}},
		{"sockets", engine.Status{Heard: engine.HeardWaiting, Path: known}, udp, "auto",
			control.FastPath{Heard: "off", Insurance: "off", Transmit: "raw", Reason: "not heard: no XDP program"}},
		{"a worker without a ring", engine.Status{Heard: engine.HeardActive, Path: known}, &speaker.Path{Transport: "xdp-native"}, "auto",
			control.FastPath{Heard: "active", Insurance: "off", Transmit: "raw"}},
		{"switched off", engine.Status{Path: known}, ring, "off",
			control.FastPath{Heard: "off", Insurance: "off", Transmit: "xdp", Reason: "not heard: fast-path.heard is off in the configuration"}},
		{"its own packets", engine.Status{Path: known, Params: session.Params{Kind: session.Unaffiliated}}, ring, "auto",
			control.FastPath{Heard: "off", Insurance: "off", Transmit: "xdp", Reason: "not heard: the session has no packets but its own"}},
		{"no lane left", engine.Status{Path: known}, ring, "auto",
			control.FastPath{Heard: "off", Insurance: "off", Transmit: "xdp", Reason: "not heard: more sessions want it than there is room for"}},
	} {
		if diff := cmp.Diff(tt.want, describeFastPath(&tt.st, tt.path, tt.asked)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	for state := engine.HeardOff; state < engine.HeardActive; state++ {
		if f := describeFastPath(&engine.Status{Heard: state}, ring, "auto"); f.Reason == "" || f.Heard == "active" {
			t.Errorf("%v: %+v", state, f)
		}
	}
}

func TestMarginInWords(t *testing.T) {
	if diff := cmp.Diff(control.Margin{LongestTx: 4}, describeMargin(&engine.Margin{LongestTx: 4999})); diff != "" {
		t.Errorf("before the first packet (-want +got):\n%s", diff)
	}
	want := control.Margin{Min: ptr(int64(-20)), LongestRx: 30_020, LongestTx: 10_250, LateTx: 3}
	got := describeMargin(&engine.Margin{Least: -20_000, LongestRx: 30_020_000, LongestTx: 10_250_999, LateTx: 3})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMissed(t *testing.T) {
	deaf := speaker.InterfaceStatus{Name: "eth0", Transport: "udp", Reason: "asked for", Unheard: "no XDP program"}
	hears := speaker.InterfaceStatus{Name: "eth1", Transport: "xdp-native"}
	for _, tt := range []struct {
		asked string
		open  []speaker.InterfaceStatus
		want  string
	}{
		{"auto", []speaker.InterfaceStatus{deaf}, ""},
		{"off", []speaker.InterfaceStatus{deaf}, ""},
		{"on", []speaker.InterfaceStatus{deaf, hears}, ""},
		{"on", []speaker.InterfaceStatus{deaf}, "fast-path.heard is on, but no interface offers it: eth0: no XDP program (udp: asked for)"},
		{"on", nil, "fast-path.heard is on, but no interface is open"},
	} {
		if got := strings.Join(missed(config.FastPath{Heard: tt.asked, Insurance: "auto"}, tt.open), "\n"); got != tt.want {
			t.Errorf("%s with %d interfaces: %q, want %q", tt.asked, len(tt.open), got, tt.want)
		}
	}
}

// What heard is not, insurance is not either, each by its own reason.
func TestMissedInsurance(t *testing.T) {
	open := []speaker.InterfaceStatus{{Name: "eth0", Transport: "xdp-native", Reason: "best", Uninsured: "links at tc ingress take Linux 6.6"}}
	want := []string{"fast-path.insurance is on, but no interface offers it: eth0: links at tc ingress take Linux 6.6 (xdp-native: best)"}
	if diff := cmp.Diff(want, missed(config.FastPath{Heard: "on", Insurance: "on"}, open)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, f := range []config.FastPath{{Heard: "off", Insurance: "on", DeadMan: 1}, {Heard: "on", Insurance: "off", DeadMan: 1}} {
		if d := deadMan(f); d != 0 {
			t.Errorf("%+v: the kernel answers for %v", f, d)
		}
	}
}

func TestLanes(t *testing.T) {
	peers := make([]config.Peer, 20_000)
	for _, tt := range []struct {
		heard string
		peers []config.Peer
		want  int
	}{{"off", peers, -1}, {"auto", nil, speaker.DefaultLanes}, {"on", peers, 25_000}} {
		if got := lanes(config.Config{Peers: tt.peers, FastPath: config.FastPath{Heard: tt.heard}}); got != tt.want {
			t.Errorf("%s with %d peers: %d, want %d", tt.heard, len(tt.peers), got, tt.want)
		}
	}
}

// TestHeardLive: one end hears, the other is told not to; both show it, and their
// counters add up.
func TestHeardLive(t *testing.T) {
	t.Parallel()
	a, b := twoOver(t, "xdp", "\nfast-path: {heard: on}", "\nfast-path: {heard: off}")
	waitUp(t, a, b)
	s := a.sees("packets are heard", func(s control.Session) bool { return s.FastPath.Heard == "active" && s.Counters.RxHeard > 5 })
	if s.FastPath.Transmit != "xdp" || s.FastPath.Reason != "" || s.Margin.Min == nil || *s.Margin.Min > detection.Microseconds() || s.Margin.LongestRx == 0 {
		t.Errorf("%+v, %+v", s.FastPath, s.Margin)
	}
	rx, heard := s.Counters.Rx, s.Counters.RxHeard
	time.Sleep(300 * time.Millisecond)
	s = a.session()
	if s.Counters.Rx > rx+1 || s.Counters.RxHeard < heard+3 {
		t.Errorf("in 300 ms: rx %d to %d, heard %d to %d", rx, s.Counters.Rx, heard, s.Counters.RxHeard)
	}
	other := b.session()
	if sent := other.Counters.Tx; s.Counters.Rx+s.Counters.RxHeard > sent || s.Counters.Rx+s.Counters.RxHeard+3 < sent {
		t.Errorf("%d sent, %+v", sent, s.Counters)
	}
	if f := other.FastPath; f.Heard != "off" || !strings.Contains(f.Reason, "off in the configuration") || other.Counters.RxHeard != 0 {
		t.Errorf("the other end: %+v, %+v", f, other.Counters)
	}
	st, err := a.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if i := st.Interfaces[0]; i.Heard != "on" || i.Counters["heard"] < heard || len(st.Warnings) > 0 {
		t.Errorf("status %+v, warnings %q", i, st.Warnings)
	}
	if st, err = b.Status(t.Context()); err != nil || st.Interfaces[0].Heard == "on" || st.Interfaces[0].Counters["heard"] > 0 {
		t.Errorf("status of the other end: %+v, %v", st.Interfaces, err)
	}
}

// TestHeardNotToBeHad: what was asked for by name and cannot be is said twice.
func TestHeardNotToBeHad(t *testing.T) {
	t.Parallel()
	a, b := two(t, "\nfast-path: {heard: on}", "")
	waitUp(t, a, b)
	const want = "fast-path.heard is on, but no interface offers it: eth0: no XDP program"
	st, err := a.Status(t.Context())
	if err != nil || !strings.Contains(strings.Join(st.Warnings, "\n"), want) || !strings.Contains(a.log.String(), want) {
		t.Errorf("warnings %q, %v, log\n%s", st.Warnings, err, &a.log)
	}
	if f := b.session().FastPath; f.Heard != "off" || f.Transmit != "raw" || f.Reason != "not heard: no XDP program" {
		t.Errorf("%+v", f)
	}
	if st, err := b.Status(t.Context()); err != nil || len(st.Warnings) > 0 {
		t.Errorf("nobody asked for it, and yet: %q, %v", st.Warnings, err)
	}
}
