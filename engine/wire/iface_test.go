package wire

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/testnet"
)

// Where another XDP program is attached it stays, and UDP sockets serve; where
// those are not wanted that is an error. Both name the program.
func TestForeignProgram(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	detach := r.a.foreignProgram(t)
	var log bytes.Buffer
	a := r.a.open(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	transport, reason := a.Transport()
	if transport != "udp" || !strings.Contains(reason, `another XDP program is attached: "somebody"`) {
		t.Errorf("transport %q, %q", transport, reason)
	}
	if !strings.Contains(log.String(), "transport=udp") {
		t.Errorf("log %q", log.String())
	}
	b := r.b.open(t, Options{Transport: TransportUDP})
	send(b.Port(0), r.b.template(v6), false, 1, 5)
	if n := len(receive(t, a.Port(0), 5)); n != 5 {
		t.Errorf("received %d of 5", n)
	}
	for _, transport := range []string{TransportXDP, TransportGeneric} {
		_, err := r.a.tryOpen(Options{Transport: transport})
		if !errors.Is(err, ErrNoXDP) || !strings.Contains(err.Error(), "somebody") {
			t.Errorf("transport %s: error %v", transport, err)
		}
	}
	stale := func(want string) {
		t.Helper()
		must(t, r.a.Do(func() error {
			if why := a.Stale(); why != want {
				t.Errorf("stale: %q, want %q", why, want)
			}
			return nil
		}))
	}
	stale("")
	must(t, detach())
	stale("the other XDP program is gone")
	r.a.foreignProgram(t)
	stale("the other XDP program has made room for another one")
}

// What is no Ethernet has no AF_XDP here: sockets serve, and say why.
func TestNotEthernet(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	must(t, r.a.Do(func() error {
		tun := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "tun0"}, Mode: netlink.TUNTAP_MODE_TUN}
		return errors.Join(netlink.LinkAdd(tun), netlink.LinkSetUp(tun))
	}))
	r.a.ifname, r.a.ifindex = "tun0", r.a.Ifindex(t, "tun0")
	a := r.a.open(t, Options{})
	if transport, reason := a.Transport(); transport != "udp" || !strings.Contains(reason, "not an Ethernet interface") {
		t.Errorf("transport %q, %q", transport, reason)
	}
	for _, transport := range []string{TransportXDP, TransportGeneric} {
		if _, err := r.a.tryOpen(Options{Transport: transport}); !errors.Is(err, ErrNoXDP) || !strings.Contains(err.Error(), "not an Ethernet interface") {
			t.Errorf("transport %s: error %v", transport, err)
		}
	}
}

// foreignProgram attaches a program that is not ours, until it is detached or the
// test ends.
func (e *end) foreignProgram(t *testing.T) (detach func() error) {
	t.Helper()
	must(t, e.Do(func() error {
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "somebody", Type: ebpf.XDP, License: "MIT",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()},
		})
		if err != nil {
			return err
		}
		l, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: e.ifindex})
		if err != nil {
			return err
		}
		detach = sync.OnceValue(l.Close)
		t.Cleanup(func() {
			must(t, p.Close())
			must(t, detach())
		})
		return nil
	}))
	return detach
}

// Each worker has a Port; the UDP sockets are one worker's, and all can send.
func TestUDPWorkers(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	o := Options{Transport: TransportUDP, Workers: 3}
	a, b := r.a.open(t, o), r.b.open(t, o)
	for w := range 3 {
		if failed := send(a.Port(w), r.a.template(v4), w == 0, 10*w, 1); failed != 0 {
			t.Errorf("worker %d: send failed", w)
		}
		owner := r.b.ifindex % 3
		list := receive(t, b.Port(owner), 1)
		if len(list) != 1 || list[0].number != 10*w {
			t.Errorf("worker %d received %d frames of worker %d, want 1", owner, len(list), w)
		}
		if n := b.Port((owner + 1) % 3).Receive(make([]engine.Rx, 64)); n != 0 {
			t.Errorf("worker %d received %d frames", (owner+1)%3, n)
		}
	}
}

// A route that leads elsewhere does not lead a session's packets away from its
// interface.
func TestRawStaysOnInterface(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	c := testnet.NewNS(t, "c")
	testnet.Veth(t, r.a.NS, "vc", c, "vd")
	r.a.AddAddr(t, "vc", "198.51.100.1/24")
	for family, bits := range []string{"/32", "/128"} {
		r.a.AddRoute(t, "vc", r.b.addr[family].String()+bits, "")
	}
	a, b := r.a.open(t, Options{Transport: TransportUDP}), r.b.open(t, Options{Transport: TransportUDP})
	for family := range 2 {
		send(a.Port(0), r.a.template(family), false, 3, 1)
		if list := receive(t, b.Port(0), 1); len(list) != 1 || list[0].number != 3 {
			t.Errorf("family %d: received %d of 1", family, len(list))
		}
	}
	rows.Covers(t, "5881-6-01")
}

func TestNoTables(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	o := Options{NoXDP: errors.New("create BPF map peers: out of luck")}
	a := r.a.open(t, o)
	if transport, reason := a.Transport(); transport != "udp" || !strings.Contains(reason, "out of luck") {
		t.Errorf("transport %q, %q", transport, reason)
	}
	o.Transport = TransportXDP
	if _, err := r.b.tryOpen(o); !errors.Is(err, ErrNoXDP) {
		t.Errorf("error %v, want ErrNoXDP", err)
	}
}

// The loopback interface has no native XDP, and says so.
func TestGenericForWantOfNative(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	r.a.ifname, r.a.ifindex = "lo", 1
	a := r.a.open(t, Options{})
	transport, reason := a.Transport()
	if transport != "xdp-generic" || !strings.Contains(reason, "has no native XDP") {
		t.Errorf("transport %q, %q", transport, reason)
	}
}

// A queue that another AF_XDP socket has is not taken from it.
func TestQueueTaken(t *testing.T) {
	r := newRig(t, netns.VethOptions{Queues: 2})
	u, err := newUmem(8, 8)
	must(t, err)
	t.Cleanup(func() { must(t, u.close()) })
	must(t, r.a.Do(func() error {
		x, err := openXSK(r.a.ifindex, 1, u, false, busyPatience)
		if err == nil {
			t.Cleanup(func() { must(t, x.close()) })
		}
		return err
	}))
	a := r.a.open(t, Options{})
	if transport, reason := a.Transport(); transport != "udp" || !strings.Contains(reason, "queue 1") {
		t.Errorf("transport %q, %q", transport, reason)
	}
}

func TestBadOptions(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	for _, o := range []Options{{Transport: "dpdk"}, {Workers: -1}, {RxFrames: -1}} {
		if _, err := r.a.tryOpen(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	r.a.ifname = "nosuch0"
	if _, err := r.a.tryOpen(Options{}); err == nil || !strings.Contains(err.Error(), "nosuch0") {
		t.Errorf("missing interface: error %v", err)
	}
	r.a.ifname = "a-name-too-long-for-linux"
	if _, err := r.a.tryOpen(Options{}); err == nil {
		t.Error("an impossible interface name was accepted")
	}
}

// Without the capabilities for XDP there are sockets, without those for
// sockets an error; both say what is missing.
func TestCapabilities(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	i, err := r.a.openWithout(Options{}, unix.CAP_NET_ADMIN, unix.CAP_BPF, unix.CAP_SYS_ADMIN)
	must(t, err)
	t.Cleanup(func() { must(t, i.Close()) })
	transport, reason := i.Transport()
	if transport != "udp" || !strings.Contains(reason, "no CAP_NET_ADMIN, CAP_BPF") {
		t.Errorf("transport %q, %q", transport, reason)
	}
	_, err = r.b.openWithout(Options{}, unix.CAP_NET_RAW)
	if err == nil || !strings.Contains(err.Error(), "no CAP_NET_RAW") {
		t.Errorf("no raw sockets: error %v", err)
	}
}

// openWithout opens the end's interface on a thread that has lost
// capabilities, and dies afterwards.
func (e *end) openWithout(o Options, caps ...uint) (i *Interface, err error) {
	o.Tables = e.tables
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Setns(e.FD(), unix.CLONE_NEWNET); err != nil {
			return
		}
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		if err = unix.Capget(&hdr, &data[0]); err != nil {
			return
		}
		for _, c := range caps {
			data[c/32].Effective &^= 1 << (c % 32)
		}
		if err = unix.Capset(&hdr, &data[0]); err != nil {
			return
		}
		i, err = Open(e.ifindex, e.ifname, o)
	}()
	<-done
	return i, err
}

// Opening and closing many times leaves no descriptor, goroutine, mapping or
// attached program behind.
func TestNoLeaks(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	cycle := func(transport string) {
		i, err := r.a.tryOpen(Options{Transport: transport, RxFrames: 512, TxFrames: 64})
		must(t, err)
		send(i.Port(0), r.a.template(v4), true, 1, 10)
		send(i.Port(0), r.a.template(v4), false, 1, 10)
		i.Port(0).Receive(make([]engine.Rx, 64))
		must(t, i.Close())
	}
	cycle(TransportAuto)
	runtime.GC()
	before := mappings(t)
	for n := range 50 {
		cycle([]string{TransportAuto, TransportGeneric, TransportUDP}[n%3])
	}
	testnet.Eventually(t, 2*time.Second, "mappings of rings and BPF maps are gone", func() bool {
		runtime.GC() // package ebpf leaves some of its own to the collector
		return mappings(t) <= before
	})
}

// mappings counts the process's mappings of AF_XDP rings and BPF maps.
func mappings(t *testing.T) (n int) {
	t.Helper()
	for _, line := range strings.Split(readFile(t, "/proc/self/maps"), "\n") {
		if strings.Contains(line, "socket:") || strings.Contains(line, "bpf-map") {
			n++
		}
	}
	return n
}
