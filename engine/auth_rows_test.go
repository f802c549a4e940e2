package engine_test

import (
	"testing"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// Packets that fail authentication are silence: the peer's discriminator goes
// back to 0 as if none had come.
func TestForgedPacketsKeepNoPeer(t *testing.T) {
	for kind, m := range authKinds {
		r := oneAuthEnd(t, m)
		r.up()
		r.say()
		r.port.out = nil
		last := r.now
		for r.now < last+2*authDT {
			r.run(20 * authMs)
			r.hear(func() letter { l := r.next(); l.spoilt = true; return l }())
		}
		sent := r.sent()
		if st := r.status(); st.State != packet.Down || st.Remote.Discr != 0 || st.Change.At != last+authDT {
			t.Errorf("%s: %v, peer %#x", kind, st.State, st.Remote.Discr)
		}
		for _, s := range sent {
			if (s.YourDiscr == 0) != (s.State == packet.Down) {
				t.Errorf("%s: sent %v to %#x", kind, s.State, s.YourDiscr)
			}
		}
	}
	rows.Covers(t, "5880-6.8.1-04")
}

// The reserved byte is 0 in what is sent and anything in what is received, as
// long as the digest covers it.
func TestReservedByte(t *testing.T) {
	for kind, m := range authKinds {
		if !m.Type.Sequenced() {
			continue
		}
		r := oneAuthEnd(t, m)
		r.up()
		before := r.status().Counters.Rx
		for i := range 256 {
			r.run(authMs)
			r.say(func(l *letter) { l.reserved = byte(i) })
		}
		if got := r.status().Counters.Rx - before; got != 256 {
			t.Errorf("%s: %d of 256 taken", kind, got)
		}
		for _, s := range r.sent() {
			if s.bfd[packet.ControlLen+3] != 0 {
				t.Fatalf("%s: sent % x", kind, s.bfd)
			}
		}
	}
	rows.Covers(t, "5880-4.4-01")
}

// The TTL is looked at before the digest costs anything, with authentication too.
func TestTTLBeforeDigest(t *testing.T) {
	for kind, m := range authKinds {
		r := oneAuthEnd(t, m)
		r.up()
		for _, spoilt := range []bool{false, true} {
			l := r.next()
			l.spoilt = spoilt
			r.deliver(l.bytes(), 254)
			r.step()
		}
		var want engine.Discards
		want[packet.DropTTL] = 2
		if got := r.status().Discards; got != want {
			t.Errorf("%s: discards %v", kind, got)
		}
	}
	rows.Covers(t, "5881-5-03")
}

// Unaffiliated Echo can be authenticated: what somebody else makes is not ours.
func TestUnaffiliatedAuthenticated(t *testing.T) {
	for kind, m := range authKinds {
		r := oneAuthEnd(t, m)
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(r.e.Remove(r.discr, -1))
		p := authP50
		p.Kind = session.Unaffiliated
		discr, err := r.e.Add(engine.Spec{Params: p, Auth: engine.Auth{On: true, Key: authKeyNumber, KeyID: authKeyID}})
		must(err)
		path := r.path
		path.EchoSource = authAddr("198.51.100.1")
		must(r.e.SetPath(discr, path))
		r.discr = discr
		forge, forged := false, 0
		for end := r.now + 3*authSec; r.now < end; r.now += authMs {
			r.step()
			for _, frame := range r.port.out {
				back := make([]byte, len(frame))
				packet.LoopEcho(back, frame, false)
				rx := engine.Rx{Arrival: r.now}
				packet.ParseEthernet(back, &rx.Datagram)
				if forge {
					rx.Payload[len(rx.Payload)-1] ^= 1
					forged++
				}
				r.port.in = append(r.port.in, rx)
			}
			r.port.out = nil
			if !forge && r.now > end-authSec {
				if st := r.status(); st.State != packet.Up || st.Discards != (engine.Discards{}) {
					t.Fatalf("%s: %v, discards %v", kind, st.State, st.Discards)
				}
				forge = true
			}
		}
		if st := r.status(); st.State != packet.Down || st.Diag != packet.DiagEchoFailed || forged == 0 || st.Discards[packet.DropAuthDigest] < uint64(forged-1) {
			t.Errorf("%s: %v/%v, %d forged, discards %v", kind, st.State, st.Diag, forged, st.Discards)
		}
	}
	rows.Covers(t, "9747-5-01", "9747-2-03")
}
