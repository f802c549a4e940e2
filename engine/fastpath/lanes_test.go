package fastpath

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/packet"
)

// frame is a Control packet from one address to another.
func frame(v6 bool, discr uint32) []byte {
	path := packet.Path{SrcMAC: packet.MAC{2, 1}, DstMAC: packet.MAC{2, 2}, SrcPort: 50000, DstPort: packet.PortControl}
	path.Src[15], path.Dst[15] = 1, 2
	if !v6 {
		path.Src = packet.Addr{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: 1}
		path.Dst = packet.Addr{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: 2}
	}
	var t packet.Template
	t.Render(&path, &packet.Control{
		State: packet.Up, DetectMult: 3, MyDiscr: discr, YourDiscr: 7, DesiredMinTx: 10000, RequiredMinRx: 10000,
	}, nil)
	b := make([]byte, packet.MaxFrame)
	return b[:t.Put(b, 0)]
}

// A lane and what belongs to it is small: thousands of them are in use.
func TestLaneSize(t *testing.T) {
	if n := unsafe.Sizeof(Image{}) + unsafe.Sizeof(Heard{}) + unsafe.Sizeof(Reply{}); n != 464 {
		t.Errorf("%d bytes, want 464", n)
	}
}

func TestTake(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		l := New(2)
		theirs, ours := frame(v6, 1), frame(v6, 2)
		if heard, _ := l.Take(1, theirs, 3, 100); heard {
			t.Fatal("nothing is expected")
		}
		if !l.Expect(1, theirs, 3, 100) {
			t.Fatal("cannot be expected")
		}
		if !l.Insure(1, 400, 50, ours, 0) {
			t.Fatal("cannot be a reply")
		}
		for _, tt := range []struct {
			now     int64
			beat    int64
			replied bool
		}{
			{150, 0, false}, {399, 0, false}, {400, 0, true}, {449, 0, false}, {450, 0, true},
			{int64(DefaultPatience), 0, true}, {int64(DefaultPatience) + 51, 0, false},
			{int64(DefaultPatience) + 51, 51, true},
		} {
			l.Beat(tt.beat)
			heard, reply := l.Take(1, append(bytes.Clone(theirs), 9), 3, tt.now)
			if !heard || (reply != nil) != tt.replied {
				t.Errorf("v6 %v at %d: heard %v, reply %x", v6, tt.now, heard, reply)
			}
			if diff := cmp.Diff(ours, reply); tt.replied && diff != "" {
				t.Errorf("v6 %v (-want +got):\n%s", v6, diff)
			}
			if l.Last(1) != tt.now {
				t.Errorf("last %d, want %d", l.Last(1), tt.now)
			}
		}
		if l.Count(1) != 8 || l.Insured(1) != 4 || l.Gap(1) != int64(DefaultPatience)-450 {
			t.Errorf("heard %d, replied %d, gap %d", l.Count(1), l.Insured(1), l.Gap(1))
		}
		if l.Count(0)+l.Insured(0) != 0 {
			t.Error("the other lane was used")
		}
		if heard, _ := l.Take(1, theirs, 4, 1); heard {
			t.Error("heard on another interface")
		}
		l.Reset(1)
		if heard, _ := l.Take(1, theirs, 3, 1); heard || l.Count(1)+l.Insured(1) != 0 {
			t.Error("a lane made ready still hears")
		}
	}
}

// Each byte counts, but for those that change on the way.
func TestHolds(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		var im Image
		f := frame(v6, 1)
		if !im.Set(f, 3) || !im.Holds(f, 3) || im.Holds(f, 2) {
			t.Fatal("the frame itself")
		}
		for i := range f {
			mutant := bytes.Clone(f)
			mutant[i] ^= 0x40
			free := !v6 && (i == 18 || i == 19 || i == 24 || i == 25)
			if im.Holds(mutant, 3) != free {
				t.Errorf("v6 %v: byte %d counts: %v", v6, i, free)
			}
		}
		im.Clear()
		if im.Holds(f, 3) {
			t.Error("held after Clear")
		}
	}
}

// What has no place in an image is refused and leaves it as it was.
func TestSetRefuses(t *testing.T) {
	var im Image
	f := frame(false, 1)
	im.Set(f, 3)
	longer := append(bytes.Clone(f), 1, 2, 3, 4)
	binary.BigEndian.PutUint16(longer[16:], 56)
	options := bytes.Clone(f)
	options[14] = 0x46
	long6 := append(frame(true, 1), 1)
	long6[19]++
	for name, bad := range map[string][]byte{
		"none": nil, "cut": f[:65], "longer packet": longer, "options": options, "longer IPv6 packet": long6,
		"cut IPv6": frame(true, 1)[:85], "two tags": tag(tag(f, 1), 2), "cut tag": tag(f, 1)[:17], "cut behind a tag": tag(f, 1)[:69],
	} {
		if im.Set(bad, 3) || !im.Holds(f, 3) {
			t.Errorf("%s: was taken", name)
		}
	}
}

// tag puts an IEEE 802.1Q tag into a frame.
func tag(frame []byte, control uint16) []byte {
	return append(binary.BigEndian.AppendUint16(append(bytes.Clone(frame[:12]), 0x81, 0), control), frame[12:]...)
}

// A tagged frame is expected of its interface without the tag, told with it, and
// answered with the session's own tag or not at all.
func TestTags(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		l := New(1)
		l.SetPatience(time.Hour)
		theirs, ours := frame(v6, 1), frame(v6, 2)
		if !l.Expect(0, tag(theirs, 3<<13|7), 5, 1) {
			t.Fatal("cannot be expected")
		}
		gen := l.Images[0].Gen
		for what, f := range map[string][]byte{
			"with another priority": tag(theirs, 7), "with a trailer": append(tag(theirs, 3<<13|7), 1, 2, 3, 4, 5),
		} {
			if !l.Expect(0, f, 5, 1) || l.Images[0].Gen != gen {
				t.Errorf("v6 %v: %s it is another frame", v6, what)
			}
		}
		b := make([]byte, packet.MaxFrame)
		got := b[:l.Images[0].Frame(b)]
		if diff := cmp.Diff(tag(theirs, 3<<13|7), zeroID(got, theirs)); diff != "" {
			t.Errorf("v6 %v: told (-want +got):\n%s", v6, diff)
		}
		l.Insure(0, 1, 0, tag(ours, 6<<13|7), 0)
		for what, c := range map[string]struct {
			frame, reply []byte
		}{
			"tagged":           {tag(theirs, 3<<13|7), tag(ours, 6<<13|7)},
			"another priority": {tag(theirs, 7), tag(ours, 6<<13|7)},
			"another VLAN":     {tag(theirs, 8), nil},
			"untagged":         {theirs, nil},
			"priority tag":     {tag(theirs, 3<<13), nil},
		} {
			heard, reply := l.Take(0, c.frame, 5, 1000)
			if diff := cmp.Diff(c.reply, reply); diff != "" || !heard {
				t.Errorf("v6 %v, %s: heard %v, reply (-want +got):\n%s", v6, what, heard, diff)
			}
		}
		l.Insure(0, 1, 0, ours, 0)
		if _, reply := l.Take(0, tag(theirs, 3<<13), 5, 1000); reply != nil {
			t.Errorf("v6 %v: a reply without a tag to a priority tag", v6)
		}
		if heard, _ := l.Take(0, tag(theirs, 7), 6, 1000); heard {
			t.Errorf("v6 %v: heard on another interface", v6)
		}
	}
}

// zeroID gives an IPv4 frame made from an image the bytes that are not compared.
func zeroID(tagged, frame []byte) []byte {
	if len(frame) == len4 {
		copy(tagged[22:24], frame[18:20])
		copy(tagged[28:30], frame[24:26])
	}
	return tagged
}

// A packet from the ring is measured from as well; one that arrived earlier is not.
func TestExpectNotesArrival(t *testing.T) {
	l := New(1)
	l.Expect(0, frame(false, 1), 3, 100)
	l.Take(0, frame(false, 1), 3, 150)
	l.Expect(0, frame(false, 1), 3, 170)
	l.Expect(0, frame(false, 2), 3, 160)
	l.Expect(0, frame(false, 3), 3, 140)
	if l.Gap(0) != 50 || l.Last(0) != 170 {
		t.Errorf("gap %d, last %d", l.Gap(0), l.Last(0))
	}
	l.Take(0, frame(false, 3), 3, 180)
	if gap, again := l.TakeGap(0), l.TakeGap(0); gap != 50 || again != 0 {
		t.Errorf("gap %d, and then %d", gap, again)
	}
	if l.Take(0, frame(false, 3), 3, 190); l.Gap(0) != 10 {
		t.Errorf("gap %d of 10 since it was taken", l.Gap(0))
	}
}

// The reply may be another at any time; one that is none ends insurance.
func TestInsure(t *testing.T) {
	l := New(1)
	l.SetPatience(time.Hour)
	l.Expect(0, frame(false, 1), 3, 1)
	take := func() []byte {
		_, reply := l.Take(0, frame(false, 1), 3, 1000)
		return reply
	}
	l.Insure(0, 1, 0, frame(false, 5), 0)
	gen := l.Replies[0].Gen
	l.Insure(0, 1, 0, frame(false, 5), 0)
	if l.Replies[0].Gen != gen {
		t.Error("the same reply was written again")
	}
	l.Insure(0, 1, 0, frame(false, 6), 0)
	if diff := cmp.Diff(frame(false, 6), take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	l.Insure(0, 1, 0, frame(false, 6), 8)
	if r := &l.Replies[0]; r.Answer[r.Gen&1].Out != 8 {
		t.Errorf("the reply leaves by %d, want 8", r.Answer[r.Gen&1].Out)
	}
	if l.Insure(0, 1, 0, frame(false, 6)[:50], 0) || take() != nil {
		t.Error("half a frame was taken")
	}
	l.Insure(0, 1, 0, frame(true, 6), 0)
	if take() != nil {
		t.Error("a reply of the other IP version")
	}
	l.Insure(0, 1, 0, frame(false, 6), 0)
	l.Uninsure(0)
	l.Shut(0, 1)
	if take() != nil {
		t.Error("a reply of a lane that is not insured")
	}
}

func TestAllocations(t *testing.T) {
	l := New(1)
	a, b, tagged := frame(false, 1), frame(false, 2), tag(frame(true, 3), 7)
	if n := testing.AllocsPerRun(100, func() {
		l.Expect(0, a, 3, 1)
		l.Expect(0, b, 3, 1)
		l.Insure(0, 1, 1, a, 0)
		l.Insure(0, 1, 1, b, 0)
		l.Expect(0, tagged, 3, 1)
		l.Insure(0, 1, 1, tagged, 0)
		l.Take(0, b, 3, 0)
		l.Shut(0, 2)
		l.Beat(1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkExpectSame(b *testing.B) {
	l := New(1)
	f := frame(false, 1)
	for b.Loop() {
		l.Expect(0, f, 3, 1)
	}
}

func BenchmarkInsureSame(b *testing.B) {
	l := New(1)
	f := frame(false, 1)
	for b.Loop() {
		l.Insure(0, 1, 1, f, 0)
	}
}
