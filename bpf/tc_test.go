package bpf

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// A frame that was marked goes no further than the tc program, also when the
// engine expects another by then; without the tc program it would.
func TestTCKeepsMarked(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "va", b, "vb")
	a.AddAddr(t, "va", local4.String()+"/24")
	tables, others := newTables(t), newTables(t)
	ifindex := a.Ifindex(t, "va")
	f := v4().your(discr)
	f.dstMAC, f.srcMAC = packet.MAC(a.MAC(t, "va")), packet.MAC(b.MAC(t, "vb"))
	f.src = netip.MustParseAddr("192.0.2.2")
	frame := f.bytes(t)
	must(t, tables.AddDiscr(discr, lane))
	l := tables.Lanes()
	l.Beat(monotonic(t))
	if !l.Expect(lane, frame, int32(ifindex), 1) || !l.Insure(lane, 1, 0, back(f).bytes(t)) {
		t.Fatal("the frame is none for a lane")
	}
	var p *Program
	var stack *net.UDPConn
	must(t, a.Do(func() (err error) {
		if stack, err = net.ListenUDP("udp4", &net.UDPAddr{Port: packet.PortControl}); err != nil {
			return err
		}
		p, err = Attach(tables, ifindex, ModeNative, 1)
		return err
	}))
	t.Cleanup(func() {
		must(t, p.Close())
		must(t, stack.Close())
	})
	fd := sender(t, b, "vb")
	reach := func(wait time.Duration) bool {
		_, err := unix.Write(fd, frame)
		must(t, err)
		must(t, stack.SetReadDeadline(time.Now().Add(wait)))
		_, err = stack.Read(make([]byte, 100))
		return err == nil
	}
	must(t, p.objs.Insurance.Set(uint8(InsureTC)))
	if !reach(2 * time.Second) {
		t.Error("without the tc program the frame did not reach the stack: this test proves nothing")
	}
	p.tables = others // where the lane expects nothing
	must(t, a.Do(func() error { return insureTC(p) }))
	for range 20 {
		if reach(2 * time.Millisecond) {
			t.Fatal("a frame that was marked reached the stack")
		}
	}
	if v, err := p.Verdicts(); err != nil || v["pass_to_tc"] != 21 || v["insured"] != 0 {
		t.Errorf("verdicts %v, %v", v, err)
	}
	must(t, p.Insure(InsureOff))
	must(t, a.Do(func() error {
		programs, err := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: ebpf.AttachTCXIngress})
		if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, unix.EINVAL) { // before Linux 6.6
			return nil
		}
		if err == nil && len(programs.Programs) != 0 {
			t.Errorf("%d programs at tc ingress after insurance was switched off", len(programs.Programs))
		}
		return err
	}))
	if reach(2 * time.Millisecond) {
		t.Error("what was heard reached the stack")
	}
}

// unwritten is a journal for namespaces that go with the test.
type unwritten struct{}

func (unwritten) Note(Remains) error   { return nil }
func (unwritten) Strike(Remains) error { return nil }

// insureTC insures by a link or, before Linux 6.6, by a filter.
func insureTC(p *Program) error {
	err := p.Insure(InsureTC)
	if errors.Is(err, ErrNoInsurance) {
		return p.InsureByFilter(unwritten{})
	}
	return err
}

// sender is a packet socket that sends from an interface.
func sender(t *testing.T, ns *testnet.NS, ifname string) (fd int) {
	t.Helper()
	ifindex := ns.Ifindex(t, ifname)
	must(t, ns.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: ifindex})
	}))
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}
