package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
)

// TestHere looks at a real host: a namespace with another BFD daemon's port taken,
// another XDP program, a peer that is known and one that does not answer.
func TestHere(t *testing.T) {
	testnet.RequireRoot(t)
	ns, far := testnet.NewNS(t, "doctor"), testnet.NewNS(t, "far")
	testnet.Veth(t, ns, "v0", far, "v1")
	ns.AddAddr(t, "v0", "192.0.2.1/24")
	ns.Neigh(t, "v0", "192.0.2.2", net.HardwareAddr{2, 0, 0, 0, 0, 2})
	ns.Sysctl(t, "net/ipv4/conf/v0/rp_filter", "1")
	want := Want{From: "the test", Peers: []Peer{
		{Addr: netip.MustParseAddr("192.0.2.2"), Interface: "v0", Interval: 1_000_000, Mult: 3},
		{Addr: netip.MustParseAddr("198.51.100.1"), Multihop: true, Interval: 1_000_000, Mult: 3},
	}}

	var calm, busy Report
	look := func(only string) (r Report) {
		t.Helper()
		if err := ns.Do(func() error {
			h, err := Here(want, only)
			if err != nil {
				return err
			}
			if h.Wakeups, err = Measure(t.Context(), 20*time.Millisecond, 0, 0); err != nil {
				return err
			}
			r = Examine(h)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return r
	}
	calm = look("")

	if err := ns.Do(func() error {
		port, err := net.ListenPacket("udp4", ":3784")
		if err != nil {
			return err
		}
		t.Cleanup(func() { port.Close() })
		return attach(t, ns.Ifindex(t, "v0"))
	}); err != nil {
		t.Fatal(err)
	}
	busy = look("v0")

	for _, tt := range []struct {
		r       Report
		finding string
	}{
		{calm, "ok visibility : tcpdump"}, {calm, "ok xdp v0: driver veth offers native XDP"}, {calm, "ok other-daemons : nobody"},
		{calm, "ok neighbours : 1 of 1"}, {calm, "warn echo v0: net.ipv4.conf.v0.rp_filter is 1"}, {calm, "ok capabilities : "},
		{calm, "ok neighbour-table : the limit (gc_thresh3"},
		{calm, "ok af-xdp : "}, {calm, "ok bpf : "}, {busy, "generic, held by " + me(t)},
		{busy, `warn xdp-program v0: another XDP program is attached: "somebody", id `},
		{busy, fmt.Sprintf("other-daemons : %s has UDP port 3784", me(t))},
	} {
		if !strings.Contains(text(tt.r), tt.finding) {
			t.Errorf("nobody says %q in\n%s", tt.finding, text(tt.r))
		}
	}
	if w := calm.Wakeups; w.Samples == 0 || w.P50 <= 0 || w.P50 > w.P99 || w.P99 > w.Max || w.Lowest == 0 || w.CPU != 0 {
		t.Errorf("wake-ups: %+v", w)
	}
	if r := look("eth7"); r.Fails() == 0 || !strings.Contains(text(r), "fail xdp eth7: there is no such interface") {
		t.Errorf("an interface that is not there: %s", text(r))
	}
}

// TestMeasureFIFO: the measurement runs as the workers would, and what refuses
// that is said.
func TestMeasureFIFO(t *testing.T) {
	testnet.RequireRoot(t)
	w, err := Measure(t.Context(), 10*time.Millisecond, 60, -1)
	if err != nil || w.Scheduling != "fifo 60" || w.Samples == 0 {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := Measure(t.Context(), time.Millisecond, 100, -1); err == nil {
		t.Error("there is no priority of 100")
	}
	if _, err := Measure(t.Context(), time.Millisecond, 0, 4000); err == nil || !strings.Contains(err.Error(), "CPU 4000") {
		t.Errorf("CPU 4000: %v", err)
	}
}

// attach puts another's XDP program on an interface.
func attach(t *testing.T, index int) error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "somebody", Type: ebpf.XDP, License: "MIT",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}, // XDP_PASS
	})
	if err != nil {
		return err
	}
	t.Cleanup(func() { p.Close() })
	l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: index, Flags: link.XDPGenericMode})
	if err == nil {
		t.Cleanup(func() { l.Close() })
	}
	return err
}

// me is this process as the doctor calls it.
func me(t *testing.T) string {
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s (pid %d)", strings.TrimSpace(string(comm)), unix.Getpid())
}

func text(r Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s %s: %s\n", f.Verdict, f.Check, f.Interface, f.Text)
	}
	return b.String()
}
