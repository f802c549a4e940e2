package scenario

import (
	"fmt"
	"net/netip"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/sim"
	"github.com/xbfd/xbfd/packet"
)

// tester is at the other end of a link of D's. What it can do:
//
//	T talks every=270ms           says what it says, from now on
//	T quiet                       no more talk
//	T silent                      no more talk, no more Finals
//	T says NAME=VALUE…            what its packets carry from now on, see voice
//	T sends [n=5 every=20ms] NAME=VALUE…    single packets, with these changes
//	T follows                     its state is again what RFC 5880 §6.2 makes of D's
//	T answers | T ignores         D's Polls
//	T loops NAME=VALUE… | T loops off       D's Echo packets, see looping
//	T echoes n=10 every=50ms …    its own Echo packets, see ownEcho
//	T restarts                    has forgotten D, and has another discriminator
//	T link dark=yes loss=0.05 delay=20ms    in both directions
//
// On its line it may have on=2, the interface of D's that it is at the other end
// of, host=2, the last byte of its MAC where two are on one interface, and ip=6.
//
// It answers Polls and follows D's state until told otherwise, and loops nothing.
type tester struct {
	bed  *bed
	name string
	on   int32
	host uint8 // last byte of its MAC; on if not told
	link *wire

	voice   voice
	follows bool
	answers bool
	every   session.Time // between packets; 0: says nothing
	turn    int          // of talking: the latest is the one that goes on
	lastAt  session.Time // when the latest packet arrives at D

	loops  looping
	echoed [][]byte // payloads of its own Echo packets
	sentAt []session.Time
}

func (b *bed) addTester(st *statement) error {
	t := &tester{bed: b, name: st.who, on: 1, follows: true, answers: true}
	t.voice = usualVoice(b)
	b.testers[t.name] = t
	if on, ok := st.take("on"); ok {
		n, err := integer(on, 31)
		if err != nil {
			return err
		}
		t.on = int32(n)
	}
	t.host = uint8(t.on)
	if host, ok := st.take("host"); ok {
		n, err := integer(host, 8)
		if err != nil {
			return err
		}
		t.host = uint8(n)
	}
	t.voice.MyDiscr += uint32(t.host) - 1
	t.link = b.wire(t.on)
	t.link.testers = append(t.link.testers, t)
	if _, ok := st.take("ip"); ok {
		t.voice.src, t.voice.dst = netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8::1")
	}
	return t.voice.change(b, st.args)
}

func (t *tester) act(st *statement) error {
	switch st.verb {
	case "talks":
		every, err := durationArg(st, "every", 270*sim.Millisecond)
		if err != nil {
			return err
		}
		t.answers = true
		t.talk(every)
	case "quiet":
		t.talk(0)
	case "silent":
		t.talk(0)
		t.answers = false
	case "follows":
		t.follows = true
	case "answers", "ignores":
		t.answers = st.verb == "answers"
	case "restarts":
		t.voice.MyDiscr += 0x100
		t.voice.YourDiscr, t.voice.State, t.follows = 0, packet.Down, true
	default:
		return t.speak(st)
	}
	return st.leftOver()
}

// speak is what takes the names of a voice.
func (t *tester) speak(st *statement) error {
	switch st.verb {
	case "says":
		t.follows = t.follows && !names(st, "state")
		return t.voice.change(t.bed, st.args)
	case "sends":
		return t.sends(st)
	case "loops":
		return t.loops.change(st)
	case "echoes":
		return t.echoes(st)
	case "link":
		return t.changeLink(st)
	}
	return fmt.Errorf("T cannot %q", st.verb)
}

func names(st *statement, name string) bool {
	for _, a := range st.args {
		if a.name == name {
			return true
		}
	}
	return false
}

func (t *tester) changeLink(st *statement) error {
	c := t.link.There.Conditions
	for _, a := range st.args {
		var err error
		switch a.name {
		case "dark":
			c.Dark, err = onOff(a.value)
		case "loss":
			c.Loss, err = parseNumber(a.value, false)
		case "delay":
			c.Delay, err = parseDuration(a.value)
		default:
			err = fmt.Errorf("a link has no %q", a.name)
		}
		if err != nil {
			return err
		}
	}
	t.link.Set(c)
	return nil
}

// repeated does something n times, now and then every so often, as st says.
func (t *tester) repeated(st *statement, usual session.Time, do func()) error {
	n, every := uint64(1), usual
	if v, ok := st.take("n"); ok {
		var err error
		if n, err = integer(v, 16); err != nil {
			return err
		}
	}
	every, err := durationArg(st, "every", every)
	for i := range n {
		t.bed.world.After(session.Time(i)*every, do)
	}
	return err
}

// talk sends what T says now and every so often from then on; 0 ends it.
func (t *tester) talk(every session.Time) {
	t.every = every
	t.turn++
	turn := t.turn
	var next func()
	next = func() {
		if t.turn == turn && t.every != 0 {
			t.send(&t.voice, 0)
			t.bed.world.After(t.every, next)
		}
	}
	next()
}

// sends sends single packets that differ from what T says. They take sequence
// numbers of T's unless they name one.
func (t *tester) sends(st *statement) error {
	var failed error
	err := t.repeated(st, 20*sim.Millisecond, func() {
		one := t.voice
		var flags uint8
		failed = one.changeOnce(t.bed, st.args, &flags)
		if failed == nil {
			t.send(&one, flags)
		}
		if !names(st, "seq") {
			t.voice.seq = one.seq
		}
	})
	if err == nil {
		probe, flags := t.voice, uint8(0)
		err = probe.changeOnce(t.bed, st.args, &flags)
	}
	return err
}

func (t *tester) send(v *voice, flags uint8) {
	t.lastAt = t.bed.now() + t.link.Back.Delay
	t.link.tap.Send(v.frame(t, flags))
}

// hear is a frame of D's.
func (t *tester) hear(frame []byte) {
	h := heard{at: t.bed.now() - t.link.There.Delay, by: t, frame: append([]byte(nil), frame...)}
	packet.ParseEthernet(h.frame, &h.dgram)
	if h.dgram.Drop != packet.DropNone {
		t.bed.fail("%s hears a frame that must be dropped: %v", t.name, h.dgram.Drop)
		return
	}
	if h.dgram.DstPort == packet.PortEcho || h.dgram.SrcPort == packet.PortEcho {
		t.hearEcho(&h)
		return
	}
	if d := h.Decode(h.dgram.Payload); d != packet.DropNone {
		t.bed.fail("%s hears a packet that must be dropped: %v", t.name, d)
		return
	}
	h.isControl = true
	t.bed.heard = append(t.bed.heard, h)
	t.voice.learn(&h)
	if t.follows {
		t.voice.State = followed(t.voice.State, h.State)
	}
	if h.Poll && t.answers {
		t.send(&t.voice, packet.BitFinal)
	}
}

// followed is the state machine of RFC 5880 §6.2 for a tester that is never
// AdminDown.
func followed(own, heard packet.State) packet.State {
	switch {
	case heard == packet.AdminDown:
		return packet.Down
	case own == packet.Down && heard == packet.Down:
		return packet.Init
	case own == packet.Down && heard == packet.Init, own == packet.Init && heard >= packet.Init:
		return packet.Up
	case own == packet.Up && heard == packet.Down:
		return packet.Down
	}
	return own
}

// fail notes something that no script may have.
func (b *bed) fail(format string, args ...any) {
	b.failures = append(b.failures, fmt.Errorf("%s: at %v: %w", b.sc.path, span(b.now(), b.now()), fmt.Errorf(format, args...)))
}
