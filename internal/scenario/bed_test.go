package scenario

import (
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/sim"
	"github.com/xbfd/xbfd/packet"
)

// linkDelay is how long a frame takes from one end of a link to the other.
const linkDelay = 100 * sim.Microsecond

// variant is how a script is played besides as it stands.
type variant struct {
	multihop bool
	workers  int      // of D; with several, frames land on any of them
	fast     fastPath // if the script does not say which
}

// fastPath is what D's XDP program does by itself.
type fastPath uint8

const (
	ringsOnly fastPath = iota
	heardOnly          // hears what sessions expect
	insured            // and answers it while D stands still
)

var fastPaths = map[string]fastPath{"off": ringsOnly, "heard": heardOnly, "insured": insured}

// laneCount is more than a script has sessions.
const laneCount = 16

// bed is where a script plays: the device, its sessions, and the testers at the
// other ends of its links.
type bed struct {
	sc       *script
	world    *sim.World
	start    session.Time
	host     *sim.Host
	multihop bool
	spray    bool // frames land on any worker
	keys     map[string]*key
	sessions map[string]*device
	wires    map[int32]*wire
	testers  map[string]*tester
	heard    []heard // by all testers, in order
	events   []told
	routes   clients.Book
	acted    session.Time // instant of the latest act
	refused  error        // what D said to the latest act
	update   bool
	failures []error
}

// heard is a frame that D sent.
type heard struct {
	at    session.Time // when it left
	by    *tester
	dgram packet.Datagram
	frame []byte
	packet.Control
	isControl bool
	looped    int // it is a tester's own Echo packet: 1 + which
}

// told is an event that the reader of D's events got.
type told struct {
	at session.Time
	engine.Event
}

// newBed builds what a script's header describes.
func newBed(sc *script, v variant) (*bed, error) {
	w := sim.NewWorld(1)
	limits := sc.limits
	limits.Workers = v.workers
	if sc.told {
		v.fast = sc.fast
	}
	if v.fast != ringsOnly {
		limits.Lanes, limits.Insurance = fastpath.New(laneCount), v.fast == insured
	}
	b := &bed{
		sc: sc, world: w, start: w.Now(), host: w.NewHostOf("d", limits), multihop: v.multihop, spray: v.workers > 1,
		keys: map[string]*key{}, wires: map[int32]*wire{},
		sessions: map[string]*device{}, testers: map[string]*tester{},
	}
	b.host.OnEvent = b.tell
	for _, st := range sc.keys {
		if err := b.addKey(st.words); err != nil {
			return nil, st.errorf(sc, "%w", err)
		}
	}
	for _, st := range withDefaults(sc.parts) {
		var err error
		if st.who[0] == 'D' {
			err = b.addDevice(&st)
		} else {
			err = b.addTester(&st)
		}
		if err != nil {
			return nil, st.errorf(sc, "%w", err)
		}
	}
	return b, b.connect()
}

// tell is the reader of D's events.
func (b *bed) tell(ev *engine.Event) {
	b.events = append(b.events, told{b.now(), *ev})
	for _, d := range b.sessions {
		if d.discr == ev.Discr {
			d.observe(ev)
		}
	}
}

// withDefaults adds D and T where a script does not mention them.
func withDefaults(parts []statement) []statement {
	for _, name := range []string{"T", "D"} {
		found := false
		for _, st := range parts {
			found = found || st.who == name
		}
		if !found {
			parts = append([]statement{{who: name}}, parts...)
		}
	}
	return parts
}

// wire is a link of D's with one or several testers at its other end, each of
// whom hears what goes to its own MAC, or to none.
type wire struct {
	*sim.Link
	tap     *sim.Tap
	testers []*tester
}

func (b *bed) wire(ifindex int32) *wire {
	if b.wires[ifindex] == nil {
		l := &wire{Link: b.world.NewLink("link", sim.Conditions{Delay: linkDelay})}
		b.host.Plug(ifindex, l.There, l.Back).Spray = b.spray
		l.tap = b.world.NewTap(l.Back, l.There, l.hear)
		b.wires[ifindex] = l
	}
	return b.wires[ifindex]
}

func (l *wire) hear(frame []byte) {
	to := l.testers[0]
	for _, t := range l.testers {
		if packet.MAC(frame) == t.mac(0) {
			to = t
		}
	}
	to.hear(frame)
}

// connect starts the sessions.
func (b *bed) connect() error {
	for _, st := range withDefaults(b.sc.parts) {
		d := b.sessions[st.who]
		if d == nil || d.later {
			continue
		}
		if err := d.add(); err != nil {
			return st.errorf(b.sc, "%w", err)
		}
	}
	return nil
}

// now is the instant as scripts count.
func (b *bed) now() session.Time { return b.world.Now() - b.start }

// play runs the script to its end, or to the first line that cannot be played.
func (b *bed) play() error {
	for i := range b.sc.steps {
		st := b.sc.steps[i]
		b.world.RunUntil(b.start + st.at)
		if st.who == "expect" {
			if err := b.expect(&st); err != nil {
				return st.errorf(b.sc, "%w", err)
			}
			continue
		}
		if b.refused != nil {
			return st.errorf(b.sc, "the act before this was refused, which nobody expected: %w", b.refused)
		}
		b.acted = st.at
		if err := b.act(&st); err != nil {
			return st.errorf(b.sc, "%w", err)
		}
	}
	if b.refused != nil {
		return fmt.Errorf("%s: the last act was refused, which nobody expected: %w", b.sc.path, b.refused)
	}
	return nil
}

func (b *bed) act(st *statement) error {
	if d := b.sessions[st.who]; d != nil {
		return d.act(st)
	}
	if t := b.testers[st.who]; t != nil {
		return t.act(st)
	}
	return fmt.Errorf("nobody here is called %q", st.who)
}

// key is a key of D's pool, which testers know too.
type key struct {
	number uint32
	method packet.AuthMethod
	secret packet.Secret
}

var methods = map[string]packet.AuthMethod{
	"password":        {Type: packet.AuthSimple},
	"md5":             {Type: packet.AuthKeyedMD5},
	"meticulous-md5":  {Type: packet.AuthMeticulousMD5},
	"sha1":            {Type: packet.AuthKeyedSHA1},
	"meticulous-sha1": {Type: packet.AuthMeticulousSHA1},
	"hmac-sha1":       {Type: packet.AuthKeyedSHA1, HMAC: true},
}

func (b *bed) addKey(words []string) error {
	name, kind, secret := words[0], words[1], words[2]
	m, ok := methods[kind]
	if !ok {
		return fmt.Errorf("there is no type of key %q", kind)
	}
	k := &key{number: uint32(len(b.keys) + 1), method: m, secret: packet.NewSecret([]byte(secret))}
	b.keys[name] = k
	return b.host.Engine.SetKey(k.number, m, k.secret)
}

func (b *bed) key(name string) (*key, error) {
	if k := b.keys[name]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("there is no key %q", name)
}
