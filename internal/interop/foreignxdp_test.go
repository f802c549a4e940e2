package interop

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
)

// somebody is an XDP program that is not xbfd's and lets every frame pass.
type somebody struct {
	how     string
	name    string
	mode    string
	program *ebpf.Program
	id      uint32
	detach  func() error
}

// come puts it on a host's interface, by a link or by netlink, until detach or the
// test's end.
func (s *somebody) come(t testing.TB, h *host) {
	t.Helper()
	must(t, h.Do(func() (err error) {
		s.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: s.name, Type: ebpf.XDP, License: "MIT",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()},
		})
		if err != nil {
			return err
		}
		info, err := s.program.Info()
		if err != nil {
			return err
		}
		id, _ := info.ID()
		s.id = uint32(id)
		at, err := netlink.LinkByName(h.ifname)
		if err != nil {
			return err
		}
		flags := map[string]int{"native": unix.XDP_FLAGS_DRV_MODE, "generic": unix.XDP_FLAGS_SKB_MODE}[s.mode]
		if s.how == "netlink" {
			s.detach = func() error { return h.Do(func() error { return netlink.LinkSetXdpFdWithFlags(at, -1, flags) }) }
			return netlink.LinkSetXdpFdWithFlags(at, s.program.FD(), flags)
		}
		l, err := link.AttachXDP(link.XDPOptions{Program: s.program, Interface: at.Attrs().Index, Flags: link.XDPAttachFlags(flags)})
		if err == nil {
			s.detach = l.Close
		}
		return err
	}))
	t.Cleanup(func() { must(t, s.program.Close()) })
}

// attached returns the id of the XDP program on a host's interface, 0 for none.
func (h *host) attached(t testing.TB) (id uint32) {
	t.Helper()
	must(t, h.Do(func() error {
		l, err := netlink.LinkByName(h.ifname)
		if err == nil && l.Attrs().Xdp != nil && l.Attrs().Xdp.Attached {
			id = l.Attrs().Xdp.ProgId
		}
		return err
	}))
	return id
}

// Another XDP program on the interface stays, however it got there. Sessions run
// over UDP sockets, status and doctor name it and the remedy, and when it goes away
// xbfd takes the interface without a flap. What insists on AF_XDP is refused.
func TestForeignXDPProgram(t *testing.T) {
	t.Parallel()
	for _, s := range []*somebody{
		{how: "link", mode: "native", name: "somebody"},
		{how: "netlink", mode: "native", name: "somebody"},
		{how: "netlink", mode: "generic", name: "somebody"},
		{how: "link", mode: "native", name: "xdp_dispatcher"},
	} {
		t.Run(s.how+" "+s.mode+" "+s.name, func(t *testing.T) {
			t.Parallel()
			a, b := newLink(t)
			s.come(t, a)
			twin := start(t, b, oneSession(a, 100*time.Millisecond, ""))
			named := fmt.Sprintf(`another XDP program is attached: "%s", id %d, tag [0-9a-f]{16}, %s, held by \S+ \(pid %d\)`, s.name, s.id, s.mode, os.Getpid())
			remedy := `: stop \S+ \(pid \d+\), or detach it \(ip link set a xdp off\), and xbfd takes the interface`
			if s.name == "xdp_dispatcher" {
				remedy = `, which is libxdp's dispatcher: unload what it runs \(xdp-loader unload a --all\), and xbfd takes the interface`
			}
			launch(t, a, "transport: xdp\n"+oneSession(b, 100*time.Millisecond, "")).refused(t, "^xbfd: .*"+named)

			d := start(t, a, oneSession(b, 100*time.Millisecond, ""))
			d.waitUp(t)
			twin.waitUp(t)
			if i := d.status(t).Interfaces[0]; i.Transport != "udp" || !regexp.MustCompile("^UDP sockets: "+`(attach native XDP program: )?`+named+remedy+"$").MatchString(i.TransportReason) {
				t.Errorf("interface by %s: %s", i.Transport, i.TransportReason)
			}
			if r := xbfd(t, a, "doctor", "--control", d.control); !regexp.MustCompile(`(?m)^warn +xdp-program a +` + named).MatchString(r.stdout) {
				t.Errorf("the doctor does not name it:\n%s%s", r.stdout, r.stderr)
			}
			if id := a.attached(t); id != s.id {
				t.Errorf("program %d is attached, and was %d", id, s.id)
			}

			must(t, s.detach())
			eventually(t, patience, "xbfd takes the interface", func() bool { return d.status(t).Interfaces[0].Transport == "xdp-native" })
			before := d.steered(t)
			eventually(t, patience, "XDP takes packets", func() bool { return d.steered(t) > before+5 })
			for _, d := range []*daemon{d, twin} {
				for _, s := range d.sessions(t) {
					if s.State != "up" || s.Counters.Down != 0 {
						t.Errorf("session with %s: %+v", s.Peer, s)
					}
				}
			}
			if code := d.stop(t); code != 0 || a.attached(t) != 0 {
				t.Errorf("exit status %d, program %d is left", code, a.attached(t))
			}
		})
	}
}

// A session that insists on AF_XDP, and whose interface comes when xbfd runs already,
// waits while that cannot be had; the status says so, and it comes up once it can. The
// name of what is in the way it may not ask for any more.
func TestInsistsOnXDP(t *testing.T) {
	t.Parallel()
	a, b := newHost(t, "a"), newHost(t, "b")
	d := start(t, a, "transport: xdp\n"+oneSession(b, 100*time.Millisecond, ""))
	start(t, b, oneSession(a, 100*time.Millisecond, ""))
	testnet.Veth(t, a.NS, a.ifname, b.NS, b.ifname)
	s := &somebody{how: "netlink", mode: "native", name: "somebody"}
	s.come(t, a)
	a.address(t)
	b.address(t)
	why := regexp.MustCompile(fmt.Sprintf(`^sessions have to wait: open interface a: AF_XDP cannot be used: .*id %d .*ip link set a xdp off`, s.id))
	eventually(t, patience, "the status says what is in the way", func() bool {
		return slices.ContainsFunc(d.status(t).Warnings, why.MatchString)
	})
	if s := d.session(t, b.v4); s.State != "down" || s.Transport != "" {
		t.Errorf("session %+v", s)
	}
	must(t, s.detach())
	d.waitUp(t)
	d.waitTransport(t, "xdp-native")
	if w := d.status(t).Warnings; slices.ContainsFunc(w, why.MatchString) {
		t.Errorf("the status still warns: %q", w)
	}
}
