package interop

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// tester is a scripted peer on a raw socket: it says what it is told to, right
// or wrong.
type tester struct {
	*tap
	t           testing.TB
	fd, ifindex int
	port3784    net.PacketConn
	to          packet.MAC
	from        *host
	peer        *host
	src, dst    netip.Addr
	port        uint16
	ttl         uint8

	mu      sync.Mutex
	say     packet.Control // what goes out periodically
	quiet   bool
	seen    int // place in the tap up to which packets were answered
	stopped chan struct{}
}

// testerDiscr is the tester's discriminator.
const testerDiscr = 0x7e57e4

// newTester makes host from a scripted peer of host to. It is silent until
// talk.
func newTester(t testing.TB, from, to *host, interval time.Duration) *tester {
	t.Helper()
	us := uint32(interval.Microseconds())
	p := &tester{
		t: t, tap: newTap(t, from), from: from, peer: to, ifindex: from.Ifindex(t, from.ifname), to: packet.MAC(to.MAC(t, to.ifname)),
		src: from.v4, dst: to.v4, port: packet.PortControl, ttl: 255,
		say: packet.Control{
			State: packet.Down, DetectMult: mult, Length: packet.ControlLen, MyDiscr: testerDiscr, DesiredMinTx: us, RequiredMinRx: us,
		},
	}
	must(t, from.Do(func() (err error) {
		p.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		// Without a socket that has the port, the kernel would answer each packet by an error.
		p.port3784, err = net.ListenPacket("udp", ":3784")
		return err
	}))
	t.Cleanup(func() {
		_ = p.port3784.Close()
		_ = unix.Close(p.fd)
	})
	return p
}

// talk says p.say each interval, and answers like a peer, until the test ends.
func (p *tester) talk(t testing.TB, interval time.Duration) {
	p.stopped = make(chan struct{})
	stop := make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		<-p.stopped
	})
	go func() {
		defer close(p.stopped)
		answer := time.NewTicker(5 * time.Millisecond)
		defer answer.Stop()
		var due time.Time
		for {
			select {
			case <-stop:
				return
			case now := <-answer.C:
				p.answer()
				if now.After(due) {
					due = now.Add(interval)
					p.periodic()
				}
			}
		}
	}()
}

func (p *tester) periodic() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.quiet {
		p.send(p.say)
	}
}

// answer goes along the state machine as far as Up and answers Polls.
func (p *tester) answer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.all(p.seen) {
		p.seen++
		if s.out || p.quiet {
			continue
		}
		p.say.YourDiscr = s.MyDiscr
		switch {
		case s.State == packet.Down:
			p.say.State = packet.Init
		case s.State != packet.AdminDown:
			p.say.State = packet.Up
		}
		if s.Poll {
			final := p.say
			final.Final = true
			p.send(final)
		}
	}
}

// change edits what goes out periodically and returns it.
func (p *tester) change(edit func(c *packet.Control)) packet.Control {
	p.mu.Lock()
	defer p.mu.Unlock()
	edit(&p.say)
	return p.say
}

// silence stops everything that talk does.
func (p *tester) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quiet = true
}

// send sends a packet as it should be. A full queue is the only reason to fail,
// and then the packet is lost as on any link.
func (p *tester) send(c packet.Control) {
	payload := make([]byte, packet.ControlLen)
	c.Put(payload)
	d := datagram{
		mac: packet.MAC{2, 0, 0, 0, 0, 1}, to: p.to, src: p.src, dst: p.dst,
		srcPort: 49152, dstPort: p.port, ttl: p.ttl, payload: payload,
	}
	_ = unix.Sendto(p.fd, d.bytes(p.t), 0, &unix.SockaddrLinklayer{Ifindex: p.ifindex})
}

// over6 makes it talk between its hosts' IPv6 addresses.
func (p *tester) over6() *tester {
	p.src, p.dst = p.from.v6, p.peer.v6
	return p
}

// frame sends a payload in a frame that edit may spoil; the IPv4 header's
// checksum is right afterwards, UDP's is absent.
func (p *tester) frame(payload []byte, edit func(f []byte)) {
	const l3, l4 = 14, 34
	f := make([]byte, l4+8+len(payload))
	copy(f, p.to[:])
	copy(f[6:], []byte{2, 0, 0, 0, 0, 1})
	binary.BigEndian.PutUint16(f[12:], unix.ETH_P_IP)
	f[l3], f[l3+8], f[l3+9] = 0x45, 255, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(f[l3+2:], uint16(len(f)-l3))
	copy(f[l3+12:], p.from.v4.AsSlice())
	copy(f[l3+16:], p.peer.v4.AsSlice())
	binary.BigEndian.PutUint16(f[l4:], 49152)
	binary.BigEndian.PutUint16(f[l4+2:], packet.PortControl)
	binary.BigEndian.PutUint16(f[l4+4:], uint16(8+len(payload)))
	copy(f[l4+8:], payload)
	if edit != nil {
		edit(f)
	}
	var sum uint32
	for i := l3; i < l4; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(f[l3+10:], ^uint16(sum+sum>>16))
	// A full queue is the only reason to fail, and then the packet is lost as on any link.
	_ = unix.Sendto(p.fd, f, 0, &unix.SockaddrLinklayer{Ifindex: p.ifindex})
}
