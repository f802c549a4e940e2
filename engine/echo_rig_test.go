package engine

import (
	"slices"
	"testing"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// echoParams are those of p50 with Echo both ways.
func echoParams() session.Params {
	p := p50
	p.EchoTx, p.EchoRx = 20_000, 30_000
	return p
}

// echoPathTo is pathTo with a source for Echo packets.
func echoPathTo(n int) Path {
	p := pathTo(n)
	p.EchoSource = addr("198.51.100.1")
	return p
}

// loopBed is an engine with one session whose scripted peer, number 1, talks
// every 40 ms, answers Polls, and loops Echo packets, all in whole frames.
type loopBed struct {
	*rig
	discr   uint32
	path    Path
	peer    packet.Control
	nextSay session.Time
	quiet   bool // the peer says nothing and answers nothing
	rtt     session.Time
	loop    func(frame []byte) bool // which Echo packets the peer loops

	way      []Rx // on its way to us
	queue    int  // the worker whose port it arrives at
	echoes   [][]byte
	controls []sentPacket
	at       []session.Time // when each of echoes left
}

// newLoopBed is a bed with the session Up and its Echo coming back, unless its
// parameters or its path forbid one of the two.
func newLoopBed(t testing.TB, workers int, p session.Params, path Path) *loopBed {
	t.Helper()
	return newLoopBedOn(newRig(t, workers), p, path)
}

func newLoopBedOn(r *rig, p session.Params, path Path) *loopBed {
	t := r.t
	t.Helper()
	b := &loopBed{rig: r, path: path, rtt: ms}
	b.loop = func([]byte) bool { return true }
	var err error
	if b.discr, err = b.e.Add(Spec{Params: p, DSCP: 48}); err != nil {
		t.Fatal(err)
	}
	b.queue = b.e.WorkerOf(b.discr)
	b.peer = control(1, packet.Down, 0)
	b.peer.RequiredMinEchoRx = 20_000
	b.set(path)
	b.step()
	b.let(2 * sec)
	if st := b.status(b.discr); st.State != packet.Up && p.Kind != session.Unaffiliated {
		t.Fatalf("session is %v", st.State)
	}
	b.clear()
	return b
}

func (b *loopBed) clear() { b.echoes, b.controls, b.at = nil, nil, nil }

func (b *loopBed) set(path Path) {
	b.t.Helper()
	b.path = path
	if err := b.e.SetPath(b.discr, path); err != nil {
		b.t.Fatal(err)
	}
}

func (b *loopBed) configure(edit func(p *session.Params)) {
	b.t.Helper()
	p := b.status(b.discr).Params
	edit(&p)
	if err := b.e.Configure(b.discr, p); err != nil {
		b.t.Fatal(err)
	}
}

// let lets d pass. What has arrived by an instant lies in the ports when the
// engine is stepped.
func (b *loopBed) let(d session.Time) {
	b.t.Helper()
	for end := b.now + d; ; {
		if b.now >= b.nextSay {
			b.nextSay = b.now + 40*ms
			b.say(b.peer)
		}
		b.way = slices.DeleteFunc(b.way, func(rx Rx) bool {
			if rx.Arrival > b.now {
				return false
			}
			if !b.hearsAlone(rx) {
				b.ports[b.queue].in = append(b.ports[b.queue].in, rx)
			}
			return true
		})
		next := min(b.step(), b.nextSay)
		b.collect()
		for i := range b.way {
			next = min(next, b.way[i].Arrival)
		}
		if next > end {
			b.now = end
			return
		}
		b.now = max(b.now, next)
	}
}

// say has the peer send c, unless it is quiet.
func (b *loopBed) say(c packet.Control) {
	if !b.quiet {
		b.way = append(b.way, b.framed(c))
	}
}

// framed is a packet of the peer's as a whole frame that arrives now.
func (b *loopBed) framed(c packet.Control) Rx {
	var t packet.Template
	port := uint16(packet.PortControl)
	if b.status(b.discr).Params.Kind == session.Multihop {
		port = packet.PortMultihop
	}
	t.Render(&packet.Path{
		SrcMAC: b.path.PeerMAC, DstMAC: b.path.LocalMAC, Src: b.path.Peer, Dst: b.path.Local, SrcPort: 50_000, DstPort: port,
		VLAN: b.path.VLAN, PCP: 3,
	}, &c, nil)
	frame := make([]byte, MaxFrame)
	bits := uint8(0)
	if c.Poll {
		bits |= packet.BitPoll
	}
	if c.Final {
		bits |= packet.BitFinal
	}
	return b.received(frame[:t.Put(frame, bits)])
}

// received is a frame that arrives now, on interface 1 or with vlan10's tag.
func (r *rig) received(frame []byte) Rx {
	rx := Rx{Frame: frame, Arrival: r.now}
	if packet.ParseEthernet(frame, &rx.Datagram); rx.Drop != packet.DropNone {
		r.t.Fatalf("a frame that must be dropped: %v", rx.Drop)
	}
	if rx.VLAN == vlan10 {
		rx.Ifindex = device10
	}
	return rx
}

// collect takes what the engine has sent, loops its Echo packets, answers its
// Polls and follows its state.
func (b *loopBed) collect() {
	b.t.Helper()
	for _, p := range b.ports {
		for _, frame := range p.out {
			var d packet.Datagram
			if packet.ParseEthernet(frame, &d); d.Drop != packet.DropNone {
				b.t.Fatalf("sent a frame that must be dropped: %v", d.Drop)
			}
			if d.DstPort == packet.PortEcho {
				b.echoes, b.at = append(b.echoes, frame), append(b.at, b.now)
				if b.loop(frame) {
					rx := b.received(loopedBack(b.t, frame))
					rx.Arrival = b.now + b.rtt
					b.way = append(b.way, rx)
				}
				continue
			}
			s := sentPacket{Datagram: d}
			if drop := s.Decode(d.Payload); drop != packet.DropNone {
				b.t.Fatalf("sent a packet that must be dropped: %v", drop)
			}
			b.controls = append(b.controls, s)
			b.answer(&s.Control)
		}
		p.out = nil
	}
}

// answer is the peer's side of the handshake and of Polls.
func (b *loopBed) answer(c *packet.Control) {
	if c.MyDiscr != b.discr {
		return
	}
	was := b.peer.State
	b.peer.YourDiscr = c.MyDiscr
	switch c.State {
	case packet.Init, packet.Up:
		b.peer.State = packet.Up
	default:
		b.peer.State = packet.Down
	}
	if c.Poll || b.peer.State != was {
		f := b.peer
		f.Final = c.Poll
		b.say(f)
	}
}

// loopedBack is what comes of a frame that a neighbour forwards back.
func loopedBack(t testing.TB, frame []byte) []byte {
	t.Helper()
	back := make([]byte, MaxFrame)
	n := packet.LoopEcho(back, frame, false)
	if n == 0 {
		t.Fatal("a frame that cannot be looped")
	}
	return back[:n]
}

// wantEcho wants the session's Echo to stand like that.
func (b *loopBed) wantEcho(what string, want EchoState) {
	b.t.Helper()
	if st := b.status(b.discr); st.Echo.State != want {
		b.t.Errorf("%s: Echo is %v, want %v; session %v/%v", what, st.Echo.State, want, st.State, st.Diag)
	}
}

// deliver gives a frame to the session's worker at this instant.
func (b *loopBed) deliver(frame []byte) {
	b.t.Helper()
	b.hear(b.queue, b.received(frame))
}
