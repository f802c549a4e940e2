package explain

import (
	"slices"
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// port gives the engine frames, as an AF_XDP ring would.
type port struct {
	in  [][]byte
	buf [engine.MaxFrame]byte
}

func (p *port) Receive(batch []engine.Rx) int {
	n := min(len(batch), len(p.in))
	for i, frame := range p.in[:n] {
		batch[i] = engine.Rx{Frame: frame, Arrival: now}
		packet.ParseEthernet(frame, &batch[i].Datagram)
	}
	p.in = p.in[n:]
	return n
}

func (p *port) Alloc(bool) []byte { return p.buf[:] }
func (*port) Commit(int, int)     {}
func (*port) Ring() bool          { return true }
func (*port) Flush() int          { return 0 }
func (*port) Lost() uint64        { return 0 }

const now = session.Time(1000 * session.Second)

// real is the engine with one session of each kind, and the same as a list.
type real struct {
	e    *engine.Engine
	port *port
	list []Session
}

func newReal(t *testing.T, auth *packet.AuthMethod, edit func(*session.Params)) *real {
	t.Helper()
	e, err := engine.New(engine.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := &real{e: e, port: new(port), list: sessions()}
	e.AttachPort(0, 1, r.port)
	secret := packet.NewSecret([]byte("secret"))
	for i := range r.list {
		s := &r.list[i]
		if i == 0 && edit != nil {
			edit(&s.Params)
		}
		s.State, s.Remote, s.RemoteDiscr = packet.Down, packet.Down, 0
		spec := engine.Spec{Params: s.Params, MinTTL: s.MinTTL, Strict: i == 1}
		s.Strict = i == 1
		if i == 0 && auth != nil {
			if err := e.SetKey(1, *auth, secret); err != nil {
				t.Fatal(err)
			}
			spec.Auth = engine.Auth{On: true, Key: 1, KeyID: 9}
			s.Auth = Auth{On: true, Method: *auth, KeyID: 9, Secret: &secret}
		}
		if s.Discr, err = e.Add(spec); err != nil {
			t.Fatal(err)
		}
		if s.Params.AdminDown {
			s.State = packet.AdminDown
		}
		path := engine.Path{Ifindex: 1, Local: packet.AddrFrom(s.Local), Peer: packet.AddrFrom(s.Peer), LocalMAC: ourMAC, MACKnown: true}
		if i == 1 {
			path.Ifindex = 2
			s.Interface = "eth1"
		}
		if err := e.SetPath(s.Discr, path); err != nil {
			t.Fatal(err)
		}
	}
	e.Workers()[0].Step(now)
	return r
}

// drop is why the engine discards a frame.
func (r *real) drop(t *testing.T, frame []byte) string {
	t.Helper()
	w := r.e.Workers()[0]
	before := w.Totals()
	r.port.in = append(r.port.in, slices.Clone(frame))
	w.Step(now)
	after := w.Totals()
	for d := range after.Drops {
		if after.Drops[d] != before.Drops[d] {
			return packet.Drop(d).String()
		}
	}
	if after.Rx == before.Rx {
		t.Fatal("the frame is neither accepted nor discarded")
	}
	return verdictAccepted
}

// discard is a frame to the first session, by its difference from a good one, and
// what becomes of it.
type discard struct {
	auth *packet.AuthMethod
	edit func(*session.Params)
	make func(*sent)
	want string
}

// discards are one for every reason that a frame to one session alone can bring
// about.
func discards() map[string]discard {
	sha1 := &packet.AuthMethod{Type: packet.AuthMeticulousSHA1}
	simple := &packet.AuthMethod{Type: packet.AuthSimple}
	touched := func(at int, b byte) func(*sent) {
		return func(s *sent) { s.raw(func(f []byte, bfd int) { f[bfd+at] = b }) }
	}
	section := func(a packet.Auth) func(*sent) { return func(s *sent) { s.auth = &a } }
	password := func(text string) packet.Auth {
		a := packet.Auth{Type: packet.AuthSimple, KeyID: 9, N: uint8(len(text))}
		copy(a.Data[:], text)
		return a
	}
	return map[string]discard{
		"accepted":              {nil, nil, func(*sent) {}, "accepted"},
		"bad_frame":             {nil, nil, func(s *sent) { s.after = func(f []byte) { f[14] = 0x46 } }, "bad_frame"},
		"another port":          {nil, nil, func(s *sent) { s.DstPort = 99 }, "bad_frame"},
		"short":                 {nil, nil, func(s *sent) { s.after = func(f []byte) { f[39] = 20 } }, "short"},
		"bad_checksum":          {nil, nil, func(s *sent) { s.after = func(f []byte) { f[60] ^= 1 } }, "bad_checksum"},
		"bad_version":           {nil, nil, touched(0, 0x40), "bad_version"},
		"bad_length_min":        {nil, nil, touched(3, 23), "bad_length_min"},
		"bad_length_max":        {nil, nil, touched(3, 25), "bad_length_max"},
		"zero_mult":             {nil, nil, touched(2, 0), "zero_mult"},
		"multipoint":            {nil, nil, touched(1, 0xc1), "multipoint"},
		"zero_my_discr":         {nil, nil, func(s *sent) { s.MyDiscr = 0 }, "zero_my_discr"},
		"unknown_your_discr":    {nil, nil, func(s *sent) { s.YourDiscr ^= 1 << 5 }, "unknown_your_discr"},
		"hop types mixed":       {nil, nil, func(s *sent) { s.DstPort = packet.PortMultihop }, "unknown_your_discr"},
		"zero_your_discr_state": {nil, nil, func(s *sent) { s.YourDiscr = 0 }, "zero_your_discr_state"},
		"no_session": {nil, nil, func(s *sent) { s.YourDiscr, s.State, s.Src = 0, packet.Down, packet.AddrFrom(stranger) },
			"no_session"},
		"ttl":              {nil, nil, func(s *sent) { s.TTL = 254 }, "ttl"},
		"auth_unexpected":  {nil, nil, section(password("secret")), "auth_unexpected"},
		"auth_missing":     {simple, nil, func(*sent) {}, "auth_missing"},
		"auth_type":        {simple, nil, section(packet.Auth{Type: packet.AuthKeyedMD5, KeyID: 9, N: 16}), "auth_type"},
		"auth_keyid":       {simple, nil, func(s *sent) { a := password("secret"); a.KeyID = 8; s.auth = &a }, "auth_keyid"},
		"auth_len":         {simple, nil, section(password("secrets")), "auth_len"},
		"auth_digest":      {simple, nil, section(password("Secret")), "auth_digest"},
		"SHA1":             {sha1, nil, section(packet.Auth{Type: packet.AuthMeticulousSHA1, KeyID: 9, N: 20}), "auth_digest"},
		"right":            {simple, nil, section(password("secret")), "accepted"},
		"local_admin_down": {nil, func(p *session.Params) { p.AdminDown = true }, func(*sent) {}, "local_admin_down"},
	}
}

// Explain says what the engine does with the same frame.
func TestAgreesWithEngine(t *testing.T) {
	for name, c := range discards() {
		r := newReal(t, c.auth, c.edit)
		f := good(peer, local)
		f.YourDiscr = r.list[0].Discr
		c.make(f)
		check(t, name, r, f.bytes(t), c.want)
	}
	r := newReal(t, nil, nil)
	wrong := good(peer6, local6).with(func(s *sent) { s.YourDiscr, s.State = 0, packet.Down })
	check(t, "another interface has none", r, wrong.bytes(t), "no_session")
	wrong.YourDiscr = r.list[1].Discr
	check(t, "wrong_interface", r, wrong.bytes(t), "wrong_interface")
	far := good(farPeer, farLocal).with(func(s *sent) {
		s.DstPort, s.TTL, s.YourDiscr = packet.PortMultihop, 249, r.list[2].Discr
	})
	check(t, "far and low", r, far.bytes(t), "ttl")
	check(t, "echo_refused", r, echoed(peer, peer, 255, 3).bytes(t), "echo_refused")
	check(t, "echo of nobody", r, echoed(stranger, stranger, 255, 3).bytes(t), "no_session")
	check(t, "echo, reflected", r, echoed(stranger, local, 255, r.list[0].Discr).bytes(t), "ttl")
	check(t, "echo, forwarded", r, echoed(stranger, local, 254, 5).bytes(t), "unknown_your_discr")
}

func check(t *testing.T, name string, r *real, frame []byte, want string) {
	t.Helper()
	for i := range r.list {
		r.list[i].Loops = false // the engine offers none here
	}
	e := New(Options{Sessions: r.list})
	got, _ := e.engine(frame, "eth0")
	if engine := r.drop(t, frame); got.Verdict != engine || engine != want {
		t.Errorf("%s: explain says %s, the engine %s; want %s", name, got.Verdict, engine, want)
	}
}
