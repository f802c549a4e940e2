package explain

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/packet"
)

// cases are frames of every sort, with the program's verdict and the engine's.
func cases() map[string]struct {
	frame       *sent
	xdp, engine string
} {
	type c = struct {
		frame       *sent
		xdp, engine string
	}
	control := func() *sent { return good(peer, local) }
	far := func(ttl uint8) *sent {
		return good(farPeer, farLocal).with(func(s *sent) { s.DstPort, s.TTL, s.YourDiscr = packet.PortMultihop, ttl, farDiscr })
	}
	return map[string]c{
		"up":                      {control(), "steered", "accepted"},
		"v6":                      {good(peer6, local6).with(func(s *sent) { s.YourDiscr, s.State = 0, packet.Down }), "steered", "accepted"},
		"by discriminator":        {good(stranger, local), "steered", "accepted"},
		"far":                     {far(255), "steered", "accepted"},
		"far and low":             {far(249), "ttl", "not-reached"},
		"TTL 254":                 {control().with(func(s *sent) { s.TTL = 254 }), "ttl", "not-reached"},
		"stranger":                {good(stranger, local).with(func(s *sent) { s.YourDiscr = 0; s.State = packet.Down }), "pass_foreign", "no_session"},
		"number of nobody":        {good(stranger, local).with(func(s *sent) { s.YourDiscr = 99 }), "pass_foreign", "unknown_your_discr"},
		"number of nobody, ours":  {control().with(func(s *sent) { s.YourDiscr = 99 }), "steered", "unknown_your_discr"},
		"ours":                    {good(local, peer).with(func(s *sent) { s.YourDiscr = 7 }), "pass_foreign", "not-reached"},
		"another station":         {control().with(func(s *sent) { s.DstMAC = packet.MAC{2, 9} }), "pass_mac", "not-reached"},
		"another port":            {control().with(func(s *sent) { s.DstPort = 53 }), "pass_other", "not-reached"},
		"tag":                     {control().with(func(s *sent) { s.VLAN = 5 }), "pass_vlan", "not-reached"},
		"options":                 {control().with(func(s *sent) { s.after = func(f []byte) { f[14] = 0x46 } }), "pass_options", "not-reached"},
		"fragment":                {control().with(func(s *sent) { s.after = func(f []byte) { f[20] = 0x20 } }), "pass_fragment", "not-reached"},
		"extension":               {good(peer6, local6).with(func(s *sent) { s.after = func(f []byte) { f[20] = 60 } }), "pass_extension", "not-reached"},
		"checksum":                {control().with(func(s *sent) { s.after = func(f []byte) { f[41] ^= 1 } }), "steered", "bad_checksum"},
		"own echo":                {echoed(stranger, local, 254, discr), "steered", "accepted"},
		"own echo, reflected":     {echoed(stranger, local, 255, discr), "ttl", "not-reached"},
		"peer's echo":             {echoed(peer, peer, 255, 3), "steered", "accepted"},
		"peer's echo to us":       {echoed(peer, local, 255, 3), "steered", "accepted"},
		"echo of who may not":     {echoed(peer6, peer6, 255, 3), "pass_foreign", "echo_refused"},
		"echo of nobody":          {echoed(stranger, stranger, 255, 3), "pass_foreign", "no_session"},
		"echo that was forwarded": {echoed(peer, peer, 254, 3), "pass_foreign", "unknown_your_discr"},
	}
}

// The production program and the rules in Go agree, and each frame is told.
func TestExplain(t *testing.T) {
	testnet.RequireRoot(t)
	testnet.NoLeaks(t)
	e := newExplainer(t, sessions())
	for name, c := range cases() {
		b := c.frame.bytes(t)
		r := e.Explain(Frame{Data: b})
		if r.XDP.Verdict != c.xdp || r.XDP.By != "program" || r.Engine.Verdict != c.engine {
			t.Errorf("%s: %s by %s, %s; want %s, %s (%v)", name, r.XDP.Verdict, r.XDP.By, r.Engine.Verdict, c.xdp, c.engine, e.Program())
		}
		if got := e.worldOf("eth0").rules(b); got != c.xdp {
			t.Errorf("%s: the rules say %s, the program %s", name, got, c.xdp)
		}
		if r.XDP.Reason == "" || r.Engine.Reason == "" || r.Summary == "" || r.Interface != "eth0" {
			t.Errorf("%s: not in words: %+v", name, r)
		}
	}
	if r := e.Explain(Frame{Data: []byte{1}}); r.XDP.Verdict != "pass_other" || r.XDP.By != "rules" {
		t.Errorf("one byte, which the kernel does not run: %+v", r.XDP)
	}
	if err := e.Program(); err != nil {
		t.Error(err)
	}
}

// Whatever the bytes, the program and the rules agree.
func TestRulesAreThePrograms(t *testing.T) {
	testnet.RequireRoot(t)
	e := newExplainer(t, sessions())
	w := e.worldOf("eth0")
	w.setMAC(ourMAC)
	if w.err != nil {
		t.Fatal(w.err)
	}
	for name, c := range cases() {
		whole := c.frame.bytes(t)
		for i := range whole {
			mutant := append([]byte(nil), whole...)
			mutant[i] ^= 1 << (i % 8)
			for _, b := range [][]byte{mutant, whole[:max(i, 14)]} {
				if program, err := w.trial.Run(b); err != nil || program != w.rules(b) {
					t.Fatalf("%s, byte %d: the program says %s (%v), the rules %s", name, i, program, err, w.rules(b))
				}
			}
		}
	}
}

// What the XDP program hears is told by it and by the rules.
func TestHeard(t *testing.T) {
	testnet.RequireRoot(t)
	list := sessions()
	list[0].Expected = good(peer, local).bytes(t)
	e := newExplainer(t, list)
	for _, program := range []bool{true, false} {
		if w := e.worldOf("eth0"); !program {
			w.err = errors.New("not allowed")
		}
		same := e.Explain(Frame{Data: good(peer, local).bytes(t)})
		news := e.Explain(Frame{Data: good(peer, local).with(func(s *sent) { s.DetectMult = 5 }).bytes(t)})
		if same.XDP.Verdict != "heard" || same.Engine.Verdict != "heard" || news.XDP.Verdict != "steered" || (same.XDP.By == "program") != program {
			t.Errorf("program %v: %+v, %+v", program, same.XDP, news.XDP)
		}
	}
}

// Without the right to run the program the rules in Go do.
func TestWithoutProgram(t *testing.T) {
	e := New(Options{Sessions: sessions()})
	e.worlds["eth0"] = newWorldOfRules(sessions())
	for name, c := range cases() {
		want := c.xdp
		if name == "another station" {
			want = "steered" // nobody knows our own MAC
		}
		if r := e.Explain(Frame{Data: c.frame.bytes(t)}); r.XDP.Verdict != want || r.XDP.By != "rules" {
			t.Errorf("%s: %+v", name, r.XDP)
		}
	}
	if e.Program() == nil {
		t.Error("no reason why")
	}
}

// newWorldOfRules is a world that the kernel has no part in.
func newWorldOfRules(list []Session) *world {
	w := emptyWorld(len(list))
	w.err = errors.New("no rights")
	for i := range list {
		w.add(&list[i], i, "eth0", "")
	}
	return w
}

// What follows from a packet is what the session does.
func TestFollow(t *testing.T) {
	up := sessions()[0]
	at := func(state, remote packet.State) Session {
		s := up
		s.State, s.Remote = state, remote
		s.Params.AdminDown = state == packet.AdminDown
		return s
	}
	for _, c := range []struct {
		from, says packet.State
		poll       bool
		to         string
		then       int
	}{
		{packet.Down, packet.Down, false, "init", 0},
		{packet.Down, packet.Init, false, "up", 0},
		{packet.Down, packet.Up, false, "down", 0},
		{packet.Init, packet.Up, false, "up", 0},
		{packet.Init, packet.Down, false, "init", 0},
		{packet.Up, packet.Up, true, "up", 1},
		{packet.Up, packet.Down, false, "down", 1},
		{packet.Up, packet.AdminDown, false, "down", 1},
		{packet.AdminDown, packet.Up, false, "", 0},
	} {
		s := at(c.from, packet.Up)
		e := New(Options{Sessions: []Session{s}})
		v, _ := e.engine(good(peer, local).with(func(p *sent) { p.State, p.Poll = c.says, c.poll }).bytes(t), "eth0")
		if v.To != c.to || len(v.Then) != c.then || (c.to != "" && v.From != c.from.String()) {
			t.Errorf("%v hears %v: %+v", c.from, c.says, v)
		}
	}
}

// A file knows no discriminators, and no local address that the route decides.
func TestFromFile(t *testing.T) {
	s := sessions()[0]
	s.Discr, s.Interface, s.Local, s.State = 0, "", netip.Addr{}, packet.Down
	list, frames := []Session{s}, []Frame{{Data: good(peer, local).bytes(t)}}
	Complete(list, frames)
	e := New(Options{Sessions: list})
	e.worlds[""] = newWorldOfRules(list)
	r := e.Explain(frames[0])
	if r.XDP.Verdict != "steered" || r.Engine.Verdict != "accepted" || len(r.Engine.Unchecked) != 1 || r.Session == nil {
		t.Errorf("%+v", r)
	}
}

// Every verdict there is has words.
func TestWords(t *testing.T) {
	for d, w := range dropWords {
		if w.reason == "" {
			t.Errorf("%v has no words", packet.Drop(d))
		}
	}
	for _, name := range bpf.VerdictNames() {
		if xdpWords[name].reason == "" {
			t.Errorf("%s has no words", name)
		}
	}
	if len(xdpWords) != len(bpf.VerdictNames()) {
		t.Errorf("%d words for %d verdicts", len(xdpWords), len(bpf.VerdictNames()))
	}
}
