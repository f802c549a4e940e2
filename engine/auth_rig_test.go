package engine_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

const (
	authMs  = session.Time(session.Millisecond)
	authSec = session.Time(session.Second)

	authKeyNumber = 10 // in the pool of every end
	authKeyID     = 5  // on the wire
	authPeerDiscr = 0xbfd0001
)

// authP50 is a session at 50 ms, multiplier 3.
var authP50 = session.Params{DesiredMinTx: 50_000, RequiredMinRx: 50_000, DetectMult: 3}

// authKinds are all ways to authenticate.
var authKinds = map[string]packet.AuthMethod{
	"simple":         {Type: packet.AuthSimple},
	"keyed-md5":      {Type: packet.AuthKeyedMD5},
	"meticulous-md5": {Type: packet.AuthMeticulousMD5},
	"keyed-sha1":     {Type: packet.AuthKeyedSHA1},
	"sha1":           {Type: packet.AuthMeticulousSHA1},
	"hmac-sha1":      {Type: packet.AuthKeyedSHA1, HMAC: true},
}

// authPort is a Port whose two sides are slices.
type authPort struct {
	in   []engine.Rx
	out  [][]byte
	full bool // Alloc has no room
	buf  [engine.MaxFrame]byte
}

func (p *authPort) Receive(batch []engine.Rx) int {
	n := copy(batch, p.in)
	p.in = p.in[n:]
	return n
}

func (p *authPort) Alloc(bool) []byte {
	if p.full {
		return nil
	}
	return p.buf[:]
}

func (p *authPort) Commit(n, _ int) { p.out = append(p.out, slices.Clone(p.buf[:n])) }
func (*authPort) Ring() bool        { return true }
func (*authPort) Lost() uint64      { return 0 }

func (p *authPort) Flush() int { return 0 }

// authEnd is an engine with one worker, one session and one key, in virtual
// time, and the letter that its scripted peer wrote last.
type authEnd struct {
	t     testing.TB
	e     *engine.Engine
	w     *engine.Worker
	port  *authPort
	now   session.Time
	path  engine.Path
	discr uint32
	peer  letter
}

func authAddr(s string) packet.Addr { return packet.AddrFrom(netip.MustParseAddr(s)) }

// newAuthEnd is an end with a session that authenticates by m, not at all if m
// has no type.
func newAuthEnd(t testing.TB, seed uint64, m packet.AuthMethod, local, peer string) *authEnd {
	t.Helper()
	e, err := engine.New(engine.Config{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	r := &authEnd{t: t, e: e, w: e.Workers()[0], port: new(authPort), now: 1000 * authSec}
	r.path = engine.Path{Ifindex: 1, Local: authAddr(local), Peer: authAddr(peer), MACKnown: true}
	r.peer = letter{
		method: m, keyID: authKeyID, seq: 0xfffffff8, secret: "secret", // the number wraps soon
		Control: packet.Control{
			State: packet.Down, DetectMult: 3, MyDiscr: authPeerDiscr, DesiredMinTx: 50_000, RequiredMinRx: 50_000,
		},
	}
	e.AttachPort(0, 1, r.port)
	var use engine.Auth
	if m.Type != 0 {
		r.setKey(authKeyNumber, m, "secret")
		use = engine.Auth{On: true, Key: authKeyNumber, KeyID: authKeyID}
	}
	r.discr = r.add(use)
	r.must(e.SetPath(r.discr, r.path))
	r.step()
	return r
}

// oneAuthEnd is an end for tests to which addresses do not matter.
func oneAuthEnd(t testing.TB, m packet.AuthMethod) *authEnd {
	t.Helper()
	return newAuthEnd(t, 1, m, "192.0.2.1", "192.0.2.2")
}

func (r *authEnd) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *authEnd) setKey(id uint32, m packet.AuthMethod, secret string) {
	r.t.Helper()
	r.must(r.e.SetKey(id, m, packet.NewSecret([]byte(secret))))
}

func (r *authEnd) add(a engine.Auth) uint32 {
	r.t.Helper()
	discr, err := r.e.Add(engine.Spec{Params: authP50, Auth: a})
	r.must(err)
	return discr
}

// step lets the worker do all there is to do now.
func (r *authEnd) step() (next session.Time) {
	for next = r.w.Step(r.now); next <= r.now; next = r.w.Step(r.now) {
	}
	return next
}

// run lets d pass.
func (r *authEnd) run(d session.Time) {
	end := r.now + d
	for next := r.step(); next <= end; next = r.step() {
		r.now = next
	}
	r.now = end
	r.step()
}

// next is the letter the peer would write next: it counts every packet.
func (r *authEnd) next() letter {
	l := r.peer
	l.YourDiscr = r.discr
	l.seq++
	return l
}

// say sends the peer's next letter, changed by each edit.
func (r *authEnd) say(edits ...func(*letter)) {
	r.peer.seq++
	l := r.peer
	l.YourDiscr = r.discr
	for _, edit := range edits {
		edit(&l)
	}
	r.hear(l)
}

func (r *authEnd) hear(l letter) {
	r.deliver(l.bytes(), 255)
	r.step()
}

// deliver puts a payload into the port.
func (r *authEnd) deliver(payload []byte, ttl uint8) {
	r.port.in = append(r.port.in, engine.Rx{Arrival: r.now, Datagram: packet.Datagram{
		Src: r.path.Peer, Dst: r.path.Local, SrcPort: 50_000, DstPort: packet.PortControl, TTL: ttl, Payload: payload,
	}})
}

func (r *authEnd) status() engine.Status {
	r.t.Helper()
	st, ok := r.w.Status(r.discr, r.now)
	if !ok {
		r.t.Fatal("no session")
	}
	return st
}

// up brings the session Up and its Polls to an end.
func (r *authEnd) up() {
	r.t.Helper()
	r.run(10 * authMs)
	r.say(func(l *letter) { l.YourDiscr = 0 })
	r.peer.State = packet.Up
	r.say()
	for range 3 {
		r.run(20 * authMs)
		r.say(func(l *letter) { l.Final = true })
		r.say()
	}
	if st := r.status(); st.State != packet.Up || st.Polling || st.Discards != (engine.Discards{}) {
		r.t.Fatalf("session is %v, polling %v, after discards %v", st.State, st.Polling, st.Discards)
	}
	r.port.out = nil
}

// talk has the peer say its next letter every so often for d.
func (r *authEnd) talk(d, every session.Time) {
	for end := r.now + d; r.now < end; {
		r.run(every)
		r.say()
	}
}

// finals takes what was sent and counts the Finals in it.
func (r *authEnd) finals() (n int) {
	r.t.Helper()
	for _, s := range r.sent() {
		if s.Final {
			n++
		}
	}
	return n
}

// authSent is a frame that left, parsed.
type authSent struct {
	packet.Datagram
	packet.Control
	packet.Auth
	bfd []byte // of the packet's Length
}

// sent takes what left the port; every frame must be a good one.
func (r *authEnd) sent() (all []authSent) {
	r.t.Helper()
	for _, frame := range r.port.out {
		var s authSent
		if packet.ParseEthernet(frame, &s.Datagram); s.Drop != packet.DropNone {
			r.t.Fatalf("sent a frame that must be dropped: %v", s.Drop)
		}
		if d := s.Control.Decode(s.Payload); d != packet.DropNone {
			r.t.Fatalf("sent a packet that must be dropped: %v", d)
		}
		s.bfd = s.Payload[:s.Length]
		if s.Control.Auth {
			if d := packet.DecodeAuth(s.bfd[packet.ControlLen:], &s.Auth); d != packet.DropNone {
				r.t.Fatalf("sent a section that must be dropped: %v", d)
			}
		}
		all = append(all, s)
	}
	r.port.out = nil
	return all
}
