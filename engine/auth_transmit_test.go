package engine_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Every frame that leaves in a life of coming up, Polls of both sides, changes
// and going down is signed as an independent computation signs it, over IPv4
// and IPv6, and its UDP checksum is right (ParseEthernet would drop it).
func TestAuthSentFrames(t *testing.T) {
	for kind, m := range authKinds {
		for family, addrs := range map[string][2]string{"v4": {"192.0.2.1", "192.0.2.2"}, "v6": {"fe80::1", "fe80::2"}} {
			t.Run(kind+"/"+family, func(t *testing.T) {
				r := newAuthEnd(t, 7, m, addrs[0], addrs[1])
				all := r.life()
				variants := make(map[uint8]int)
				for _, s := range all {
					wantSigned(t, s, m)
					variants[s.bfd[1]&(packet.BitPoll|packet.BitFinal)]++
				}
				if variants[0] < 10 || variants[packet.BitPoll] < 2 || variants[packet.BitFinal] < 2 || len(variants) != 3 {
					t.Errorf("frames by P and F: %v", variants)
				}
				switch {
				case m.Type.Meticulous():
					wantConsecutive(t, all)
				case m.Type.Sequenced():
					wantRises(t, all)
				}
			})
		}
	}
	rows.Covers(t, "5880-6.7.2-01", "5880-6.7.3-01", "5880-6.7.3-02", "5880-6.7.3-03", "5880-6.7.3-08",
		"5880-6.7.4-01", "5880-6.7.4-02", "5880-6.7.4-13", "5880-6.7.4-14", "5880-6.7.4-15", "5880-6.7.4-16")
}

// life lets a session send everything that there is to send and returns it.
func (r *authEnd) life() (all []authSent) {
	r.run(3 * authSec) // Down, at the slow rate
	all = r.sent()
	r.say(func(l *letter) { l.YourDiscr = 0 })
	r.peer.State = packet.Up
	r.say()
	for range 3 {
		r.run(20 * authMs)
		r.say(func(l *letter) { l.Final = true })
		r.say(func(l *letter) { l.Poll = true })
	}
	r.talk(authSec, 50*authMs)
	p := authP50
	p.DesiredMinTx = 80_000
	r.must(r.e.Configure(r.discr, p))
	r.talk(authSec, 50*authMs) // Poll unanswered
	r.say(func(l *letter) { l.Final = true })
	r.talk(authSec, 50*authMs)
	r.run(authSec) // silence: Down
	return append(all, r.sent()...)
}

func wantSigned(t testing.TB, s authSent, m packet.AuthMethod) {
	t.Helper()
	length := map[packet.AuthType]int{1: 24 + 3 + len("secret"), 2: 48, 3: 48, 4: 52, 5: 52}[m.Type]
	if !s.Control.Auth || s.Type != m.Type || s.KeyID != authKeyID || len(s.bfd) != length || len(s.Payload) != length || s.TTL != 255 {
		t.Fatalf("type %d, key id %d, %d bytes, TTL %d: % x", s.Type, s.KeyID, len(s.bfd), s.TTL, s.bfd)
	}
	if m.Type == packet.AuthSimple {
		if string(s.bfd[27:]) != "secret" {
			t.Fatalf("password is % x", s.bfd[27:])
		}
		return
	}
	if want := letterDigest(s.bfd, m, "secret"); !bytes.Equal(s.bfd[32:], want) || s.bfd[27] != 0 {
		t.Fatalf("reserved %#x, digest\n     % x, want\n     % x", s.bfd[27], s.bfd[32:], want)
	}
	if bytes.Contains(s.Payload, []byte("secret")) {
		t.Fatalf("the key is in the packet: % x", s.Payload)
	}
}

// wantConsecutive wants sequence numbers that rise by exactly 1.
func wantConsecutive(t testing.TB, all []authSent) {
	t.Helper()
	for i := 1; i < len(all); i++ {
		if all[i].Seq != all[i-1].Seq+1 {
			t.Fatalf("packet %d of %d has number %#x after %#x", i, len(all), all[i].Seq, all[i-1].Seq)
		}
	}
	if len(all) < 10 {
		t.Errorf("only %d packets", len(all))
	}
}

// wantRises wants sequence numbers that rise by 1 when the packet is another,
// and not otherwise.
func wantRises(t testing.TB, all []authSent) {
	t.Helper()
	same := 0
	for i := 1; i < len(all); i++ {
		rise := uint32(1)
		if bytes.Equal(all[i].bfd[:packet.ControlLen], all[i-1].bfd[:packet.ControlLen]) {
			rise = 0
			same++
		}
		if all[i].Seq != all[i-1].Seq+rise {
			t.Fatalf("packet %d of %d has number %#x after %#x, want %d more:\n% x\n% x", i, len(all), all[i].Seq, all[i-1].Seq, rise, all[i-1].bfd, all[i].bfd)
		}
	}
	if same < 10 {
		t.Errorf("only %d packets say the same as the one before", same)
	}
}

// Numbers are not used up by packets that find no room, and new content that
// found none raises the number of the packet that brings it in the end.
func TestAuthNoRoom(t *testing.T) {
	for _, kind := range []string{"sha1", "keyed-sha1"} {
		r := oneAuthEnd(t, authKinds[kind])
		r.up()
		r.talk(authSec, 50*authMs)
		before := r.sent()
		r.port.full = true
		p := authP50
		p.DetectMult = 7
		r.must(r.e.Configure(r.discr, p))
		r.talk(authSec, 50*authMs)
		if st := r.status(); len(r.port.out) != 0 || st.Counters.TxFailed < 10 {
			t.Fatalf("%s: %d frames sent, %d found no room", kind, len(r.port.out), st.Counters.TxFailed)
		}
		r.port.full = false
		r.talk(authSec, 50*authMs)
		after := r.sent()
		if last, next := before[len(before)-1].Seq, after[0].Seq; next != last+1 || after[0].Control.DetectMult != 7 {
			t.Errorf("%s: number %#x after %#x", kind, next, last)
		}
	}
	rows.Covers(t, "5880-6.7.4-16")
}

// Speakers that start anew do not begin where they, or others, began before.
func TestAuthFirstNumber(t *testing.T) {
	var first []uint32
	for seed := range uint64(20) {
		r := newAuthEnd(t, seed, authKinds["sha1"], "192.0.2.1", "192.0.2.2")
		r.run(2 * authSec)
		first = append(first, r.sent()[0].Seq)
	}
	var quarters [4]bool
	for _, seq := range first {
		quarters[seq>>30] = true
	}
	sorted := slices.Clone(first)
	slices.Sort(sorted)
	if quarters != [4]bool{true, true, true, true} || len(slices.Compact(sorted)) != 20 || sorted[0] < 1000 || slices.IsSorted(first) {
		t.Errorf("first numbers %#x", first)
	}
	rows.Covers(t, "5880-6.8.1-12")
}

// Passwords of every length fit the packet.
func TestAuthPasswordLengths(t *testing.T) {
	for _, password := range []string{"p", "0123456789abcdef"} {
		r := oneAuthEnd(t, packet.AuthMethod{})
		r.setKey(1, packet.AuthMethod{Type: packet.AuthSimple}, password)
		r.must(r.e.SetAuth(r.discr, engine.Auth{On: true, Key: 1, KeyID: 3}, false))
		r.port.out = nil
		r.run(2 * authSec)
		for _, s := range r.sent() {
			if want := "\x01" + string(rune(3+len(password))) + "\x03" + password; string(s.bfd[24:]) != want {
				t.Errorf("section % x, want % x", s.bfd[24:], want)
			}
		}
		r.peer.method, r.peer.secret, r.peer.keyID = packet.AuthMethod{Type: packet.AuthSimple}, password, 3
		r.up()
	}
	rows.Covers(t, "5880-6.7.2-01")
}

// Each worker knows every key.
func TestAuthEveryWorker(t *testing.T) {
	e, err := engine.New(engine.Config{Workers: 3, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	m := authKinds["sha1"]
	if err := e.SetKey(1, m, packet.NewSecret([]byte("secret"))); err != nil {
		t.Fatal(err)
	}
	for i, w := range e.Workers() {
		r := &authEnd{t: t, e: e, w: w, port: new(authPort), now: 1000 * authSec}
		e.AttachPort(i, 1, r.port)
		r.discr = r.add(engine.Auth{On: true, Key: 1, KeyID: authKeyID})
		r.path = engine.Path{Ifindex: 1, Local: authAddr("192.0.2.1"), Peer: authAddr("192.0.2.1" + string('0'+rune(i))), MACKnown: true}
		r.must(e.SetPath(r.discr, r.path))
		r.run(2 * authSec)
		all := r.sent()
		if e.WorkerOf(r.discr) != i || len(all) == 0 {
			t.Fatalf("worker %d runs no session, or one that does not send", i)
		}
		for _, s := range all {
			wantSigned(t, s, m)
		}
	}
}
