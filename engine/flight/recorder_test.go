package flight

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/packet"
)

// framed is a Control packet that a peer sends, as a whole frame.
func framed(state packet.State, mult uint8, auth *packet.Auth) []byte {
	path := packet.Path{SrcMAC: packet.MAC{2, 1}, DstMAC: packet.MAC{2, 2}, SrcPort: 50000, DstPort: packet.PortControl}
	path.Src = packet.Addr{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: 1}
	path.Dst = packet.Addr{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: 2}
	var t packet.Template
	t.Render(&path, &packet.Control{State: state, DetectMult: mult, MyDiscr: 1, YourDiscr: 7, DesiredMinTx: 1, RequiredMinRx: 1}, auth)
	b := make([]byte, packet.MaxFrame)
	return b[:t.Put(b, 0)]
}

func seen(frame []byte, at int64, drop packet.Drop) Seen {
	var d packet.Datagram
	packet.ParseEthernet(frame, &d)
	return Seen{Datagram: &d, Frame: frame, Drop: drop, At: at}
}

// told is a Frame in short.
type told struct {
	At      int64
	Sent    bool
	Drop    packet.Drop
	Repeats uint64
	Last    int64
	Heard   uint64
	Rebuilt bool
	State   packet.State
}

func tell(frames []Frame) (list []told) {
	for _, f := range frames {
		list = append(list, told{f.At, f.Sent, f.Drop, f.Repeats, f.Last, f.Heard, f.Rebuilt, packet.State(f.Data[43] >> 6)})
	}
	return list
}

func newRecorder(frames, pool int) *Recorder {
	r := New(Options{Frames: frames, Pool: pool}, 1)
	r.Grow(64)
	return r
}

// A session's story is told once: repeats are counted, whatever comes between.
func TestStory(t *testing.T) {
	r := newRecorder(16, 64)
	down, init, up := framed(packet.Down, 3, nil), framed(packet.Init, 3, nil), framed(packet.Up, 3, nil)
	r.Sent(0, down, 42, true, false, 1)
	r.Received(0, seen(down, 2, packet.DropNone))
	r.Sent(0, init, 42, true, false, 3)
	r.Sent(0, init, 42, false, false, 4)
	r.Received(0, seen(up, 5, packet.DropTTL))
	r.Received(0, seen(down, 6, packet.DropNone))
	r.Received(0, seen(up, 7, packet.DropTTL))
	r.Received(0, seen(up, 8, packet.DropAuthMissing))
	r.Received(0, seen(up, 9, packet.DropNone))
	r.Expect(0, 100)
	if n := r.Heard(0, 160, 20); n != 0 {
		t.Errorf("%d frames are missing", n)
	}
	r.Fresh(0)
	r.Sent(0, init, 42, false, false, 21)
	r.Fresh(0)
	r.Sent(0, up, 42, false, false, 22)
	want := []told{
		{At: 1, Sent: true, Last: 1, State: packet.Down},
		{At: 2, Last: 6, Repeats: 1, State: packet.Down},
		{At: 3, Sent: true, Last: 21, Repeats: 2, State: packet.Init},
		{At: 5, Drop: packet.DropTTL, Last: 7, Repeats: 1, State: packet.Up},
		{At: 8, Drop: packet.DropAuthMissing, Last: 8, State: packet.Up},
		{At: 9, Last: 20, Repeats: 60, Heard: 60, State: packet.Up},
		{At: 22, Sent: true, Last: 22, State: packet.Up},
	}
	if diff := cmp.Diff(want, tell(r.Frames(0, nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.Forget(0)
	if left := r.Frames(0, nil); len(left) != 0 {
		t.Errorf("%d frames of a session that is gone", len(left))
	}
}

// Nobody has more than his share, the oldest go first, and the pool is never
// outgrown; a frame whose repeats are still told may be the one that goes.
func TestBounded(t *testing.T) {
	r := newRecorder(4, 10)
	for i := range uint8(7) {
		r.Received(0, seen(framed(packet.Up, 1+i, nil), int64(i), packet.DropNone))
	}
	var at []int64
	for _, f := range r.Frames(0, nil) {
		at = append(at, f.At)
	}
	if diff := cmp.Diff([]int64{3, 4, 5, 6}, at); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	frame := framed(packet.Up, 3, nil)
	for slot := range uint32(64) {
		r.Received(slot, seen(frame, 10, packet.DropTTL))
		r.Sent(slot, frame, 42, true, false, 11)
	}
	total, newest := 0, len(r.Frames(63, nil))
	for slot := range uint32(64) {
		frames := r.Frames(slot, nil)
		if total += len(frames); len(frames) > 4 {
			t.Errorf("session %d has %d frames", slot, len(frames))
		}
		r.Received(slot, seen(frame, 12, packet.DropTTL))
		r.Sent(slot, frame, 42, false, false, 12)
		if n := len(r.Frames(slot, nil)); n != len(frames) {
			t.Errorf("session %d: repeats made %d frames of %d", slot, n, len(frames))
		}
	}
	if total != 10 || newest != 2 {
		t.Errorf("%d frames are kept, %d of the last session", total, newest)
	}
	for slot := range uint32(64) {
		r.Forget(slot)
	}
	for i := range uint8(10) {
		r.Received(uint32(i), seen(framed(packet.Up, 1+i, nil), 20, packet.DropNone))
	}
	for i := range uint32(10) {
		if n := len(r.Frames(i, nil)); n != 1 {
			t.Errorf("session %d has %d frames after all were forgotten", i, n)
		}
	}
}

// However many forged frames there are, what was accepted and sent stays.
func TestForged(t *testing.T) {
	r := newRecorder(4, 10)
	r.Received(0, seen(framed(packet.Down, 3, nil), 1, packet.DropNone))
	r.Received(0, seen(framed(packet.Up, 3, nil), 2, packet.DropTTL))
	r.Sent(0, framed(packet.Up, 3, nil), 42, true, false, 3)
	for i := range uint8(50) {
		r.Received(0, seen(framed(packet.Up, 10+i, nil), 10+int64(i), packet.DropTTL))
	}
	var at []int64
	for _, f := range r.Frames(0, nil) {
		at = append(at, f.At)
	}
	if diff := cmp.Diff([]int64{1, 3, 58, 59}, at); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	one := newRecorder(1, 10)
	for i := range uint8(3) {
		one.Received(0, seen(framed(packet.Up, 10+i, nil), int64(i), packet.DropTTL))
		one.Sent(0, framed(packet.Up, 10+i, nil), 42, true, false, int64(i))
	}
	if frames := one.Frames(0, nil); len(frames) != 1 || !frames[0].Sent {
		t.Errorf("of one place: %+v", frames)
	}
}

// What of a frame is something new, and what is not.
func TestSays(t *testing.T) {
	base := framed(packet.Up, 3, nil)
	for name, c := range map[string]struct {
		edit func(f []byte, s *Seen)
		new  bool
	}{
		"identification": {func(f []byte, _ *Seen) { f[18]++ }, false},
		"state":          {func(f []byte, _ *Seen) { f[43] ^= 0x40 }, true},
		"P":              {func(f []byte, _ *Seen) { f[43] ^= packet.BitPoll }, true},
		"diagnostic":     {func(f []byte, _ *Seen) { f[42]++ }, true},
		"interval":       {func(f []byte, _ *Seen) { f[60]++ }, true},
		"discriminator":  {func(f []byte, _ *Seen) { f[50]++ }, true},
		"TTL":            {func(_ []byte, s *Seen) { s.TTL-- }, true},
		"source":         {func(_ []byte, s *Seen) { s.Src[15]++ }, true},
		"port":           {func(_ []byte, s *Seen) { s.SrcPort++ }, true},
	} {
		r := newRecorder(4, 10)
		r.Received(0, seen(base, 1, packet.DropNone))
		f := bytes.Clone(base)
		s := seen(f, 2, packet.DropNone)
		c.edit(f, &s)
		r.Received(0, s)
		if n := len(r.Frames(0, nil)); (n == 2) != c.new {
			t.Errorf("%s: %d frames", name, n)
		}
	}
	r := newRecorder(4, 10)
	for seq := range uint32(3) {
		a := packet.Auth{Type: packet.AuthKeyedSHA1, KeyID: 1, Seq: seq, N: 20, Data: [20]byte{byte(seq)}}
		r.Received(0, seen(framed(packet.Up, 3, &a), 1, packet.DropNone))
	}
	if n := len(r.Frames(0, nil)); n != 1 {
		t.Errorf("sequence numbers make %d frames", n)
	}
}

// A frame that came by a socket gets the headers that it must have had; a long one
// is cut; one that was heard after its own was lost is put together.
func TestPutTogether(t *testing.T) {
	r := newRecorder(4, 10)
	frame := framed(packet.Up, 3, nil)
	bare := seen(frame, 1, packet.DropNone)
	bare.Frame, bare.SrcMAC, bare.DstMAC = nil, packet.MAC{}, packet.MAC{}
	r.Received(0, bare)
	long := append(bytes.Clone(frame), make([]byte, 100)...)
	r.Sent(0, long, 42, true, true, 2)
	r.Rebuilt(0, frame, 5, 3)
	frames := r.Frames(0, nil)
	var d packet.Datagram
	packet.ParseEthernet(frames[0].Data, &d)
	if d.Drop != packet.DropNone || d.TTL != 255 || d.Src != bare.Src || d.SrcPort != 50000 || !bytes.Equal(d.Payload, bare.Payload) || !frames[0].NoLink {
		t.Errorf("a socket's: %+v", d)
	}
	if f := frames[1]; len(f.Data) != room || f.Len != len(long) || !f.NoLink {
		t.Errorf("a long one: %d of %d bytes", len(f.Data), f.Len)
	}
	if f := frames[2]; !bytes.Equal(f.Data, frame) || !f.Rebuilt || f.Heard != 5 || f.At != 3 {
		t.Errorf("an image: %+v", f)
	}
	frames = r.Template(0, frame, 42, false, 9, nil)
	if len(frames) != 0 {
		t.Error("what was sent is kept, and a template besides")
	}
	if frames = r.Template(1, frame, 42, false, 9, nil); len(frames) != 1 || !frames[0].Rebuilt || !frames[0].Sent || frames[0].At != 9 {
		t.Errorf("a template: %+v", frames)
	}
}

// A password is in no frame, sent or received, whole or broken, unless asked for.
func TestPasswords(t *testing.T) {
	secret := "hunter2"
	a := packet.Auth{Type: packet.AuthSimple, KeyID: 1, N: uint8(len(secret))}
	copy(a.Data[:], secret)
	frame := framed(packet.Up, 3, &a)
	for _, shown := range []bool{false, true} {
		r := New(Options{Frames: 8, Pool: 8, Passwords: shown}, 1)
		r.Grow(1)
		tap := NewTap(shown)
		broken := bytes.Clone(frame)
		broken[42+25] = 99 // Auth Len
		r.Received(0, seen(frame, 1, packet.DropNone))
		r.Received(0, seen(broken, 2, packet.DropAuthLen))
		r.Sent(0, frame, 42, true, false, 3)
		tap.Received(seen(frame, 1, packet.DropNone))
		tap.Sent(frame, 42, false, 3)
		all := append(r.Frames(0, nil), tap.Take(nil)...)
		all = New(Options{Frames: 8, Pool: 8, Passwords: shown}, 1).with(frame, all)
		for i, f := range all {
			if bytes.Contains(f.Data, []byte(secret)) != shown || f.Masked == shown {
				t.Errorf("frame %d, shown %v: %q", i, shown, f.Data)
			}
			var d packet.Datagram
			if packet.ParseEthernet(f.Data, &d); !shown && d.Drop != packet.DropNone {
				t.Errorf("frame %d: masked, and %v", i, d.Drop)
			}
		}
		if len(all) != 6 {
			t.Errorf("%d frames", len(all))
		}
	}
}

// with appends the template of a session that has sent nothing that is kept.
func (r *Recorder) with(frame []byte, frames []Frame) []Frame {
	r.Grow(1)
	return r.Template(0, frame, 42, false, 1, frames)
}

// What is switched off costs and keeps nothing.
func TestOff(t *testing.T) {
	for _, r := range []*Recorder{New(Options{}, 1), New(Options{Frames: 4}, 1), New(Options{Pool: 4}, 1)} {
		frame := framed(packet.Up, 3, nil)
		r.Grow(10)
		r.Received(3, seen(frame, 1, packet.DropNone))
		r.Sent(3, frame, 42, true, false, 1)
		r.Fresh(3)
		r.Expect(3, 1)
		r.Rebuilt(3, frame, r.Heard(3, 4, 1), 1)
		r.Forget(3)
		if n := len(r.Template(3, frame, 42, false, 1, r.Frames(3, nil))); n != 0 || r.sessions != nil || r.pool != nil {
			t.Errorf("%d frames, %d sessions, a pool of %d", n, len(r.sessions), len(r.pool))
		}
	}
}
