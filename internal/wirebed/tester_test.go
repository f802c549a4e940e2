package wirebed

import (
	"time"

	"github.com/xbfd/xbfd/packet"
)

// tester is T: it says what the test tells it to and keeps everything that D
// sends to it, with the instant at which it came.
type tester struct {
	*station
	local, peer packet.Addr // D's own address, and T's as D knows it
	src         packet.Addr // T's as it is
	toMAC       packet.MAC
	fromMAC     packet.MAC
	srcPort     uint16
	dstPort     uint16

	// Guarded by the station's mu.
	say      packet.Control // what T says; Your Discriminator is filled in
	answer   bool           // whether it answers Polls, at once
	sign     func(c packet.Control) []byte
	talks    int           // how often talk was called
	lastAt   time.Duration // when T's last valid packet left
	loopedAt time.Duration // when T's last Echo packet went back
	heard    []hearing
	echoes   []hearing        // to port 3785
	relay    func(h *hearing) // what T does with an Echo packet
}

// hearing is a packet that T received.
type hearing struct {
	packet.Control
	at    time.Duration
	dgram packet.Datagram
	frame []byte
	drop  packet.Drop // what is wrong with it
}

const testerDiscr = 0x7e57e700

// takes tells whether a frame from D is for this tester.
func (t *tester) takes(h *hearing) bool {
	if h.dgram.DstPort == packet.PortEcho {
		return h.dgram.Dst == t.local || h.dgram.Dst == t.peer
	}
	return h.dgram.DstPort == t.dstPort && h.dgram.Dst == t.peer && h.dgram.Src == t.local
}

// hear keeps a packet, and answers it if it is a Poll.
func (t *tester) hear(h *hearing) {
	if h.dgram.DstPort == packet.PortEcho {
		t.echoes = append(t.echoes, *h)
		if t.relay != nil {
			t.relay(h)
		}
		return
	}
	if h.drop = h.dgram.Drop; h.drop == packet.DropNone {
		h.drop = h.Decode(h.dgram.Payload)
	}
	t.heard = append(t.heard, *h)
	if h.drop == packet.DropNone && h.Poll && t.answer {
		final := t.control()
		final.Final = true
		t.valid(final)
	}
}

// control is what T says now. It knows D's discriminator once it heard one. The
// caller holds mu.
func (t *tester) control() packet.Control {
	c := t.say
	if n := len(t.heard); n > 0 && c.YourDiscr == 0 {
		c.YourDiscr = t.heard[n-1].MyDiscr
	}
	return c
}

// valid sends a packet that D has to accept; the caller holds mu.
func (t *tester) valid(c packet.Control) { t.validFrame(t.frameOf(c).bytes()) }

func (t *tester) validFrame(frame []byte) {
	t.send(frame, func(at time.Duration) { t.lastAt = at })
}

// tell changes what T says from now on.
func (t *tester) tell(edit func(c *packet.Control)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	edit(&t.say)
}

// said is what T would say now.
func (t *tester) said() packet.Control {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.control()
}

// once sends one packet of what T says now, changed by edit.
func (t *tester) once(edit func(c *packet.Control)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.control()
	if edit != nil {
		edit(&c)
	}
	t.valid(c)
}

// inject sends a frame that is not among T's valid ones.
func (t *tester) inject(d *draft) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.send(d.bytes(), nil)
}

// replies turns the answers to D's Polls on or off.
func (t *tester) replies(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answer = on
}

// talk makes T say what it has to say now and every so often from then on;
// every 0 silences it, after which nothing more leaves.
func (t *tester) talk(every time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.talks++
	if every == 0 {
		return
	}
	t.valid(t.control())
	go t.chatter(t.talks, every)
}

func (t *tester) chatter(turn int, every time.Duration) {
	for due := time.Now().Add(every); ; due = due.Add(every) {
		time.Sleep(time.Until(due))
		t.mu.Lock()
		if t.talks != turn {
			t.mu.Unlock()
			return
		}
		t.valid(t.control())
		t.mu.Unlock()
	}
}

// hush makes T fall silent: it neither talks nor answers. It returns when T's
// last packet has left.
func (t *tester) hush() {
	t.talk(0)
	t.replies(false)
	t.settle()
}

// all returns everything that D has sent so far.
func (t *tester) all() []hearing {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heard[:len(t.heard):len(t.heard)]
}

// await waits for a packet from D that is wanted, at or after an instant.
func (t *tester) await(from, within time.Duration, wanted func(h hearing) bool) (h hearing, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := 0
	ok = t.wait(within, func() bool {
		for ; seen < len(t.heard); seen++ {
			if h = t.heard[seen]; h.at >= from && wanted(h) {
				return true
			}
		}
		return false
	})
	return h, ok
}

// since returns what D sent at or after an instant.
func (t *tester) since(from time.Duration) []hearing {
	all := t.all()
	for i, h := range all {
		if h.at >= from {
			return all[i:]
		}
	}
	return nil
}

// during lets d pass and returns what D sent in that time.
func (t *tester) during(d time.Duration) []hearing {
	from := now()
	time.Sleep(d)
	t.settle()
	all := t.since(from)
	for i, h := range all {
		if h.at > from+d {
			return all[:i]
		}
	}
	return all
}

// periodic leaves the Finals out.
func periodic(all []hearing) (some []hearing) {
	for _, h := range all {
		if !h.Final {
			some = append(some, h)
		}
	}
	return some
}

// finals leaves everything else out.
func finals(all []hearing) (some []hearing) {
	for _, h := range all {
		if h.Final {
			some = append(some, h)
		}
	}
	return some
}
