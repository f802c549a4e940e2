package wire

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// replies is how many of them each test of delivery waits for.
const replies = 500

// By tc the replies reach a host that has no program at all, from native and
// from generic XDP, and whoever completes checksums on the way.
func TestInsuranceByTC(t *testing.T) {
	for _, tt := range []struct {
		transport, ask, how string
		offload             bool
	}{
		{TransportXDP, InsuranceTC, byTC(t), true},
		{TransportXDP, InsuranceTC, byTC(t), false},
		{TransportGeneric, InsuranceTC, byTC(t), true},
		{TransportGeneric, InsuranceTC, byTC(t), false},
		{TransportXDP, InsuranceClsact, "clsact", true},
		{TransportXDP, InsuranceClsact, "clsact", false},
		{TransportGeneric, InsuranceClsact, "clsact", true},
	} {
		t.Run(fmt.Sprintf("%s, %s, offload %v", tt.transport, tt.ask, tt.offload), func(t *testing.T) {
			testnet.NoLeaks(t)
			r := newRig(t, netns.VethOptions{})
			if !tt.offload {
				r.a.noChecksums(t)
			}
			a := r.a.open(t, Options{Transport: tt.transport, Insurance: tt.ask, Journal: unwritten{}})
			if how, reason := a.Insurance(); how != tt.how || reason != "" {
				t.Fatalf("insurance %s, %s", how, reason)
			}
			lanes := r.a.insure(t, 0)
			fd := r.b.packetSocket(t)
			for family := range 2 {
				lanes.Beat(int64(Now()))
				if n := r.b.answers(t, fd, r.b.says(family), r.a.says(family), replies); n != replies {
					t.Errorf("family %d: %d of %d replies", family, n, replies)
				}
				if n := lanes.Insured(family); n != replies || lanes.Count(family) != n {
					t.Errorf("family %d: %d replies counted, %d packets heard", family, n, lanes.Count(family))
				}
			}
			if c := a.Counters(); c["insured"] != 2*replies || c["pass_to_tc"] != 2*replies || c["heard"] != 0 {
				t.Errorf("counters %v", c)
			}
			a.wantNothing(t)
		})
	}
}

// byTC is how this kernel insures when it is left the choice.
func byTC(t *testing.T) string {
	t.Helper()
	version, err := features.LinuxVersionCode()
	must(t, err)
	if version < 6<<16|6<<8 { // the first with links at tc ingress
		return InsuranceClsact
	}
	return InsuranceTCX
}

// wantNothing fails when anything has come as far as the engine.
func (i *Interface) wantNothing(t *testing.T) {
	t.Helper()
	time.Sleep(5 * time.Millisecond)
	if n := i.Port(0).Receive(make([]engine.Rx, 64)); n != 0 {
		t.Errorf("%d of the packets reached the engine", n)
	}
}

// A peer whose packets come from a socket of its kernel leaves their checksums
// to devices; the reply's must not be completed by one.
func TestInsuranceOfSocket(t *testing.T) {
	for _, offload := range []bool{true, false} {
		r := newRig(t, netns.VethOptions{})
		if !offload {
			r.a.noChecksums(t)
		}
		a := r.a.open(t, Options{Transport: TransportXDP, Insurance: InsuranceTC, Journal: unwritten{}})
		lanes := r.a.insure(t, 0)
		fd := r.b.packetSocket(t)
		for family := range 2 {
			s := r.b.socket(t, family)
			payload := r.b.says(family)
			payload = payload[len(payload)-24:]
			var expected bool
			for range 20 {
				_, err := s.Write(payload)
				must(t, err)
				if !expected {
					list := receive(t, a.Port(0), 1) // as the socket's kernel writes it
					expected = len(list) == 1 && lanes.Expect(family, list[0].frame, int32(r.a.ifindex), int64(Now()))
					continue
				}
				if !r.b.arrives(t, fd, r.a.says(family)) {
					t.Fatalf("offload %v, family %d: no reply", offload, family)
				}
			}
		}
		a.wantNothing(t)
	}
}

// socket is one of the end's kernel that sends to the neighbour's.
func (e *end) socket(t *testing.T, family int) (s *net.UDPConn) {
	t.Helper()
	must(t, e.Do(func() (err error) {
		s, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(e.addr[family], 49152)),
			net.UDPAddrFromAddrPort(netip.AddrPortFrom(e.neighbor.addr[family], 3784)))
		return err
	}))
	t.Cleanup(func() { s.Close() })
	raw, err := s.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		if family == v4 {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, 255)
		} else {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, 255)
		}
	}))
	must(t, err)
	return s
}

// Both ways reach a peer with a native program.
func TestInsuranceOfNative(t *testing.T) {
	for _, how := range []string{InsuranceXDP, InsuranceTC} {
		t.Run(how, func(t *testing.T) {
			testnet.NoLeaks(t)
			r := newRig(t, netns.VethOptions{})
			a := r.a.open(t, Options{Transport: TransportXDP, Insurance: how, Journal: unwritten{}})
			b := r.b.open(t, Options{Transport: TransportXDP})
			lanes := r.a.insure(t, 0)
			for family := range 2 {
				tmpl := r.b.says(family)
				count := 0
				for range replies {
					lanes.Beat(int64(Now()))
					buf := b.Port(0).Alloc(true)
					b.Port(0).Commit(copy(buf, tmpl), 14)
					if b.Port(0).Flush() != 0 {
						t.Fatal("not sent")
					}
					list := receive(t, b.Port(0), 1)
					if len(list) == 1 && list[0].TTL == 255 && string(list[0].frame) == string(r.a.says(family)) {
						count++
					}
				}
				if count != replies {
					t.Errorf("family %d: %d of %d replies", family, count, replies)
				}
			}
			if c := a.Counters(); c["insured"] != 2*replies {
				t.Errorf("counters %v", c)
			}
		})
	}
}

// No reply leaves before the gate, from a dead engine, or where insurance is off;
// what was heard is dropped all the same.
func TestInsuranceKeepsSilent(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	for _, how := range []string{InsuranceTC, InsuranceClsact, InsuranceXDP, InsuranceOff} {
		a, err := r.a.tryOpen(Options{Transport: TransportXDP, Insurance: how, Journal: unwritten{}})
		must(t, err)
		lanes := r.a.insure(t, 0)
		fd := r.b.packetSocket(t)
		patience(t, fd, time.Millisecond)
		check := func(name string, want int) {
			t.Helper()
			if n := r.b.answers(t, fd, r.b.says(v4), r.a.says(v4), 10); n != want {
				t.Errorf("%s, %s: %d replies, want %d", how, name, n, want)
			}
		}
		if how == InsuranceTC || how == InsuranceClsact {
			patience(t, fd, time.Second)
			check("gate open", 10)
			patience(t, fd, time.Millisecond)
		}
		lanes.Shut(v4, int64(Now())+int64(time.Hour))
		check("gate shut", 0)
		lanes.Shut(v4, 1)
		lanes.Beat(int64(Now()) - int64(4*time.Second))
		check("engine dead", 0)
		lanes.Beat(int64(Now()))
		lanes.Uninsure(v4)
		check("not insured", 0)
		if how == InsuranceOff {
			r.a.insure(t, 0)
			check("off", 0)
		}
		if n := lanes.Count(v4); n < 30 {
			t.Errorf("%s: heard %d", how, n)
		}
		a.wantNothing(t)
		must(t, a.Close())
		lanes.Reset(v4)
	}
}

// An interface says how it insures, and why it does not.
func TestInsuranceReason(t *testing.T) {
	testnet.NoLeaks(t)
	r := newRig(t, netns.VethOptions{})
	if _, err := r.a.tryOpen(Options{Insurance: "maybe"}); err == nil || !strings.Contains(err.Error(), "maybe") {
		t.Errorf("error %v", err)
	}
	deaf, err := bpf.NewTables(4, 0)
	must(t, err)
	t.Cleanup(func() { must(t, deaf.Close()) })
	for _, tt := range []struct {
		o           Options
		deaf        bool
		how, reason string
		heard       bool
	}{
		{o: Options{}, how: "off", reason: "as configured", heard: true},
		{o: Options{Insurance: InsuranceTC, Journal: unwritten{}}, how: byTC(t), heard: true},
		{o: Options{Insurance: InsuranceXDP}, how: "xdp", heard: true},
		{o: Options{Insurance: InsuranceClsact, Journal: unwritten{}}, how: "clsact", heard: true},
		{o: Options{Insurance: InsuranceClsact}, how: "off", reason: "without a journal", heard: true},
		{o: Options{Insurance: InsuranceTC, Transport: TransportUDP}, how: "off", reason: "no XDP"},
		{o: Options{Insurance: InsuranceTC}, deaf: true, how: "off", reason: "without hearing: switched off"},
	} {
		tables := r.a.tables
		if tt.deaf {
			r.a.tables = deaf
		}
		a, err := r.a.tryOpen(tt.o)
		r.a.tables = tables
		must(t, err)
		how, reason := a.Insurance()
		if heard, why := a.Heard(); how != tt.how || !strings.Contains(reason, tt.reason) || heard != tt.heard {
			t.Errorf("%+v: insurance %s, %q; heard %v, %q", tt.o, how, reason, heard, why)
		}
		must(t, a.Close())
	}
}

// A VLAN tag that veth hands over beside the frame is nothing that XDP can see;
// the reply would leave without it, so there is none.
func TestInsuranceNotTagged(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	a := r.a.open(t, Options{Transport: TransportXDP, Insurance: InsuranceTC, Journal: unwritten{}})
	lanes := r.a.insure(t, 0)
	fd := r.b.packetSocket(t)
	tag := r.b.tagged(t)
	patience(t, fd, 2*time.Millisecond)
	if n := r.b.answers(t, fd, r.b.says(v4), r.a.says(v4), 10); n != 0 || lanes.Insured(v4) != 0 {
		t.Errorf("%d replies to tagged frames", n)
	}
	a.wantNothing(t)
	must(t, tag.Close())
	patience(t, fd, 2*time.Second)
	if n := r.b.answers(t, fd, r.b.says(v4), r.a.says(v4), 10); n != 10 {
		t.Errorf("%d replies to 10 frames without tag", n)
	}
}

// tagged gives what leaves by the end's interface a VLAN tag.
func (e *end) tagged(t *testing.T) (l link.Link) {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R2, int32(binary.NativeEndian.Uint16([]byte{0x81, 0}))),
		asm.Mov.Imm(asm.R3, 10),
		asm.FnSkbVlanPush.Call(),
		asm.Mov.Imm(asm.R0, -1), // TCX_NEXT
		asm.Return(),
	}})
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	must(t, e.Do(func() error {
		l, err = link.AttachTCX(link.TCXOptions{Interface: e.ifindex, Program: p, Attach: ebpf.AttachTCXEgress})
		return err
	}))
	return l
}
