package bench

import (
	"math/rand/v2"
	"slices"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/packet"
)

// tap is the load peer's port: everything that comes and goes is seen, and what
// goes is spread over time. The engine behind it sends many sessions' packets at
// once, which as many routers would not do, and which would let the engine under
// test take them in at once, too.
type tap struct {
	engine.Port
	watch *watch

	writing [engine.MaxFrame]byte
	delay   []int32 // ns, by session: always the same, so that gaps stay what they were
	slots   [numSlots][]waiting
	cursor  int64 // the slot up to which everything has left
	held    int   // frames that wait

	pending [flushAt]int32 // sessions of the frames committed and not flushed
	n       int
	failed  int
	sends   sends
}

// sends is what was handed over, and what that took.
type sends struct {
	Calls  uint64 `json:"calls"`
	Frames uint64 `json:"frames"`
	Spent  int64  `json:"spent"` // ns of processor time
}

// price is what sends take when nobody takes the frames, in ns of processor time.
type price struct {
	Call  float64 `json:"call"`
	Frame float64 `json:"frame"`
}

func (p price) of(s sends) float64 { return p.Call*float64(s.Calls) + p.Frame*float64(s.Frames) }

func (s sends) since(before sends) sends {
	return sends{s.Calls - before.Calls, s.Frames - before.Frames, s.Spent - before.Spent}
}

// waiting is a frame in its slot.
type waiting struct {
	session int32
	n, l3   uint8
	frame   [packet.MaxFrame]byte
}

const (
	slotBits = 16 // a slot is 65 us: about what a sleep can do
	numSlots = 32
	// spread is how long a frame waits at most: about as long as the engine puts
	// off packets to send them together.
	spread = 1 << 20

	// flushAt is how many frames are handed over at once at most, so that the
	// stamps of the first and the last lie close together.
	flushAt = 32
)

func newTap(p engine.Port, w *watch, interval int64) *tap {
	t := &tap{Port: p, watch: w, cursor: int64(now()) >> slotBits, delay: make([]int32, len(w.sessions))}
	for k := range t.delay {
		t.delay[k] = rand.Int32N(int32(min(spread, max(interval/16, 1))))
	}
	return t
}

// Receive lets the watch see what has come.
func (t *tap) Receive(batch []engine.Rx) int {
	n := t.Port.Receive(batch)
	for i := range batch[:n] {
		t.watch.received(&batch[i])
	}
	return n
}

// Alloc lends the buffer for the next frame.
func (t *tap) Alloc(bool) []byte { return t.writing[:] }

// Commit puts the frame into its slot, or nowhere if its session is silent.
func (t *tap) Commit(n, l3 int) {
	src := t.writing[l3+12 : l3+16]
	k := sessionOf(src[1], src[2], src[3])
	if k < 0 || k >= len(t.delay) || t.watch.sessions[k].quiet {
		return
	}
	at := max((int64(now())+int64(t.delay[k]))>>slotBits, t.cursor+1)
	slot := &t.slots[at%numSlots]
	*slot = append(*slot, waiting{session: int32(k), n: uint8(n), l3: uint8(l3)})
	copy((*slot)[len(*slot)-1].frame[:], t.writing[:n])
	t.held++
}

// Flush tells of frames that found no room since the last call: release sends.
func (t *tap) Flush() (failed int) {
	failed, t.failed = t.failed, 0
	return failed
}

// release sends the frames whose slot has come.
func (t *tap) release() {
	due := int64(now()) >> slotBits
	for t.cursor = max(t.cursor, due-numSlots); t.cursor < due; {
		t.cursor++
		slot := &t.slots[t.cursor%numSlots]
		for i := range *slot {
			t.one(&(*slot)[i])
		}
		t.held -= len(*slot)
		*slot = (*slot)[:0]
	}
	t.send()
}

func (t *tap) one(w *waiting) {
	if t.watch.sessions[w.session].quiet {
		return
	}
	buf := t.Port.Alloc(true)
	if buf == nil {
		t.failed++
		return
	}
	t.Port.Commit(copy(buf, w.frame[:w.n]), int(w.l3))
	t.pending[t.n] = w.session
	if t.n++; t.n == flushAt {
		t.send()
	}
}

// send stamps every frame with the clock just before the call that sends it. A
// veth gives no transmit stamps to AF_XDP; the true instant is up to the length
// of the call later, so an overshoot is told too long by that, never too short.
func (t *tap) send() {
	if t.n == 0 {
		return
	}
	at := int64(now())
	for _, k := range t.pending[:t.n] {
		t.watch.sessions[k].lastTx = at
	}
	t.watch.tx += uint64(t.n)
	t.sends.Calls++
	t.sends.Frames += uint64(t.n)
	t.n = 0
	before := ownTime()
	t.failed += t.Port.Flush()
	t.sends.Spent += ownTime() - before
}

// price finds out what sends take when nobody takes the frames: sent to nobody's
// MAC they are dropped before any engine could see them. What they take beyond
// that while an engine runs is the engine's reception, because a veth delivers
// inside the sender's call. Nearly all live frames go in full batches.
func (t *tap) price(live bool) price {
	if live {
		return price{Frame: t.perFrame(flushAt)}
	}
	one, many := t.perFrame(1), t.perFrame(flushAt)
	call := max(one-many, 0) * flushAt / (flushAt - 1)
	return price{Call: call, Frame: one - call}
}

// nobodys is a frame to a MAC that no interface has.
func nobodys() *packet.Template {
	frame := new(packet.Template)
	frame.Render(&packet.Path{
		SrcMAC: peerMAC, DstMAC: packet.MAC{0x02, 0, 0, 0, 0x18, 0xff}, Src: packet.AddrFrom(remote(0)), Dst: packet.AddrFrom(local(0)),
		SrcPort: 49152, DstPort: packet.PortControl, DSCP: 48,
	}, &packet.Control{State: packet.Down, DetectMult: 3, MyDiscr: 1, DesiredMinTx: 1e6, RequiredMinRx: 1e6}, nil)
	return frame
}

// perFrame is what a frame takes, in ns, with so many in a call.
func (t *tap) perFrame(batch int) float64 {
	frame := nobodys()
	const rounds, calls = 9, 64
	var costs []float64
	for range rounds {
		before := ownTime()
		for range calls {
			for range batch {
				t.Port.Commit(frame.Put(t.Port.Alloc(true), 0), frame.L3())
			}
			t.Port.Flush()
		}
		costs = append(costs, float64(ownTime()-before)/float64(calls*batch))
	}
	slices.Sort(costs)
	return costs[rounds/2]
}

var _ engine.Port = (*tap)(nil)
