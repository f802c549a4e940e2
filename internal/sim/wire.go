package sim

import (
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// frame is an Ethernet frame somewhere between two hosts.
type frame struct {
	buf     [engine.MaxFrame]byte
	long    []byte // in place of buf when the frame is longer
	n       int
	to      *Wire // while it travels
	arrival session.Time
	dgram   packet.Datagram // as parsed on arrival
}

func (f *frame) bytes() []byte {
	if f.long != nil {
		return f.long[:f.n]
	}
	return f.buf[:f.n]
}

func (w *World) newFrame() *frame {
	if n := len(w.spare); n > 0 {
		f := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return f
	}
	return new(frame)
}

func (w *World) copyFrame(b []byte) *frame {
	f := w.newFrame()
	f.n = len(b)
	if len(b) > len(f.buf) {
		f.long = append([]byte(nil), b...)
		return f
	}
	copy(f.buf[:], b)
	return f
}

func (w *World) giveBack(f *frame) {
	f.long = nil
	w.spare = append(w.spare, f)
}

// Conditions are what a wire does to the frames it carries.
type Conditions struct {
	Delay     session.Time // every frame takes this long,
	Jitter    session.Time // and a random part of this more; frames overtake when it exceeds their spacing
	Loss      float64      // probabilities, per frame
	Duplicate float64
	Corrupt   float64 // one bit of it flips
	Dark      bool    // nothing gets through
	NoEcho    bool    // nothing of the Echo port does
}

// Carried counts frames: Offered + Duplicated = Lost + Delivered + Travelling.
type Carried struct {
	Offered, Duplicated, Lost, Corrupted, Delivered, Travelling uint64
	Injected                                                    uint64 // part of Offered: by nobody at its end
}

// end is where a wire leads.
type end interface {
	arrive(f *frame) // which it now owns
}

// Wire carries frames one way.
type Wire struct {
	Conditions
	Carried

	world *World
	name  string
	far   end
	tape  *tape // unless nil, keeps some of the frames
}

// Link is a wire each way between two ends.
type Link struct {
	There, Back *Wire
}

// NewLink returns a link whose ends are still loose.
func (w *World) NewLink(name string, c Conditions) *Link {
	return &Link{
		There: &Wire{Conditions: c, world: w, name: name + ">"},
		Back:  &Wire{Conditions: c, world: w, name: name + "<"},
	}
}

// Set gives both directions the same conditions.
func (l *Link) Set(c Conditions) { l.There.Conditions, l.Back.Conditions = c, c }

// Dark makes both directions dark, or lets them shine again.
func (l *Link) Dark(dark bool) { l.There.Dark, l.Back.Dark = dark, dark }

// send takes a frame over from its sender.
func (l *Wire) send(f *frame) {
	w := l.world
	l.Offered++
	if l.tape != nil {
		l.tape.record(w, f)
	}
	if !l.Dark && w.chance(l.Duplicate) {
		l.Duplicated++
		l.launch(w.copyFrame(f.bytes()))
	}
	l.launch(f)
}

func (l *Wire) launch(f *frame) {
	w := l.world
	if l.Dark || l.NoEcho && isEcho(f.bytes()) || w.chance(l.Loss) {
		l.Lost++
		w.noteFrame(l.name, "lost", f)
		w.giveBack(f)
		return
	}
	if w.chance(l.Corrupt) {
		l.Corrupted++
		bit := w.dice.IntN(f.n * 8)
		f.bytes()[bit/8] ^= 1 << (bit % 8)
		w.noteFrame(l.name, "corrupted", f)
	}
	l.Travelling++
	f.to = l
	w.at(w.now+l.Delay+w.upTo(l.Jitter), f)
}

// act is the arrival of a frame.
func (f *frame) act() {
	l := f.to
	l.Travelling--
	if l.Dark { // cut while the frame was on its way
		l.Lost++
		l.world.noteFrame(l.name, "lost", f)
		l.world.giveBack(f)
		return
	}
	l.Delivered++
	f.arrival = l.world.now
	packet.ParseEthernet(f.bytes(), &f.dgram)
	l.far.arrive(f)
}
