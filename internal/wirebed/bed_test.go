package wirebed

import (
	"net/netip"
	"testing"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/packet"
)

// What a measurement may be off by. A packet that comes too soon is a fault; one
// that comes late may have waited for the machine.
const (
	ahead = 500 * time.Microsecond
	slack = 40 * time.Millisecond
)

// bed is D with one session, and the tester at the other end.
type bed struct {
	*trial
	d      *device
	discr  uint32
	params session.Params
	ifname string
	*tester
}

var (
	addr4D, addr4T = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	addr6D, addr6T = netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::2")
)

// ms makes the parameters of a session in milliseconds.
func ms(tx, rx float64, mult uint8) session.Params {
	return session.Params{DesiredMinTx: uint32(tx * 1000), RequiredMinRx: uint32(rx * 1000), DetectMult: mult}
}

var p50, p100 = ms(50, 50, 3), ms(100, 100, 3)

// setup says what the bed of a test is like.
type setup struct {
	engine.Spec
	local, peer netip.Addr
	options     speaker.Options // of D
	unadded     bool            // the test adds the session itself
}

func with(p session.Params) setup {
	return setup{Spec: engine.Spec{Params: p}, local: addr4D, peer: addr4T}
}

// v6 takes link-local addresses, global6 others.
func (s setup) v6() setup { return s.between(addr6D, addr6T) }

func (s setup) global6() setup {
	return s.between(netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"))
}

func (s setup) between(local, peer netip.Addr) setup {
	s.local, s.peer = local, peer
	return s
}

// on runs a test's script on a new bed whose session has just been added, as
// often as it takes for a trial that counts. T says Down with the same timers,
// once it is told to talk.
func on(t *testing.T, s setup, script func(b *bed)) {
	t.Helper()
	repeat(t, func(r *trial) {
		d := newDevice(r, s.options)
		defer d.close()
		b := &bed{trial: r, d: d}
		b.connect("d0", d.plug("d0"), s)
		if !s.unadded {
			b.add(s)
		}
		defer b.judge()
		script(b)
	})
}

// beside gives D a second session with a tester of its own: on the same link if
// ifname is the bed's, on another one otherwise.
func (b *bed) beside(ifname string, s setup) *bed {
	o := &bed{trial: b.trial, d: b.d}
	link := b.station
	if ifname != b.ifname {
		link = b.d.plug(ifname)
	}
	o.connect(ifname, link, s)
	o.say.MyDiscr++
	o.add(s)
	return o
}

func (b *bed) connect(ifname string, link *station, s setup) {
	b.d.address(ifname, link, s.local, s.peer)
	b.ifname, b.params = ifname, s.Params
	b.tester = &tester{
		station: link, local: packet.AddrFrom(s.local), peer: packet.AddrFrom(s.peer), src: packet.AddrFrom(s.peer),
		toMAC: packet.MAC(b.d.MAC(b.T, ifname)), fromMAC: link.mac, srcPort: 50_000, dstPort: portOf(s.Params.Kind), answer: true,
		say: packet.Control{
			State: packet.Down, DetectMult: s.Params.DetectMult, Length: packet.ControlLen, MyDiscr: testerDiscr,
			DesiredMinTx: max(s.Params.DesiredMinTx, 1), RequiredMinRx: s.Params.RequiredMinRx,
		},
	}
	link.mu.Lock()
	defer link.mu.Unlock()
	link.testers = append(link.testers, b.tester)
}

func portOf(k session.Kind) uint16 {
	if k == session.Multihop {
		return packet.PortMultihop
	}
	return packet.PortControl
}

func (b *bed) add(s setup) { b.discr = b.d.add(b.ifname, s.local, s.peer, s.Spec) }

// judge ends a trial: T stops, and what D sent is looked at once more.
func (b *bed) judge() {
	b.talk(0)
	all := b.all()
	for _, h := range all {
		if h.drop != packet.DropNone {
			b.Errorf("D sent a frame that must be dropped: %v", h.drop)
			break
		}
	}
	b.mu.Lock()
	sent := b.lastAt != 0
	b.mu.Unlock()
	if c := b.d.counters(); sent && len(c) > 0 && c["steered"] == 0 {
		b.Errorf("no packet of T's came by AF_XDP")
	}
}

// up brings the session Up and its Polls to an end. T then talks every interval
// less 10 %.
func (b *bed) up() {
	b.Helper()
	b.replies(true)
	b.handshake()
	b.tell(func(c *packet.Control) { c.State = packet.Up })
	b.stay()
}

// stay makes T talk and waits until D is Up and has ended its Polls.
func (b *bed) stay() {
	b.Helper()
	interval := time.Duration(max(b.said().DesiredMinTx, b.params.RequiredMinRx)) * time.Microsecond
	from := now()
	b.talk(interval * 9 / 10)
	if _, ok := b.await(from, time.Second, func(h hearing) bool { return h.State == packet.Up && !h.Poll && !h.Final }); !ok {
		st := b.status()
		b.tooLate("session is %v/%d, polling %v, after the handshake", st.State, st.Diag, st.Polling)
	}
	time.Sleep(min(max(100*time.Millisecond, 2*interval), 600*time.Millisecond)) // extra packets are saved up again
}

// handshake makes T say Down until D is in Init.
func (b *bed) handshake() {
	b.Helper()
	b.talk(0)
	b.tell(func(c *packet.Control) { c.State = packet.Down })
	for range 100 {
		from := now()
		b.once(nil)
		if _, ok := b.await(from, 30*time.Millisecond, func(h hearing) bool { return h.State == packet.Init }); ok {
			return
		}
	}
	b.tooLate("no Init after T's Down")
}

// bring puts the session into a state with its diagnostic 0, or 7 in AdminDown.
// T is heard but says nothing by itself.
func (b *bed) bring(state packet.State) {
	b.Helper()
	b.awaitFirst()
	b.replies(false)
	say := func(s, until packet.State) {
		from := now()
		b.once(func(c *packet.Control) { c.State = s })
		b.says("on the way", from, func(h hearing) bool { return h.State == until })
	}
	switch state {
	case packet.Init:
		say(packet.Down, packet.Init)
	case packet.Up:
		say(packet.Down, packet.Init)
		say(packet.Up, packet.Up)
	case packet.AdminDown:
		p := b.params
		p.AdminDown = true
		from := now()
		b.configure(p)
		b.says("on the way", from, func(h hearing) bool { return h.State == packet.AdminDown })
	}
}

// awaitFirst waits for D's first packet.
func (b *bed) awaitFirst() hearing {
	b.Helper()
	return b.says("its first packet", 0, func(hearing) bool { return true })
}

func (b *bed) status() engine.Status { return b.d.session(b.discr) }

// received is how many packets D has accepted, by the ring or by its XDP program
// alone.
func (b *bed) received() uint64 {
	st := b.status()
	return st.Counters.Rx + st.RxHeard
}

func (b *bed) drops() engine.Discards { return b.d.drops() }

// configure changes D's parameters.
func (b *bed) configure(p session.Params) {
	b.params = p
	b.d.must(b.d.Configure(b.discr, p))
}
