package bpf

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/engine/fastpath"
	"github.com/xbfd/xbfd/packet"
)

// back is the frame that our session sends: the way of f back, with a payload of
// its own.
func back(f *frame) *frame {
	b := *f
	b.srcMAC, b.dstMAC, b.src, b.dst = f.dstMAC, f.srcMAC, f.dst, f.src
	b.srcPort, b.ttl = 50001, 255
	b.payload = make([]byte, packet.ControlLen)
	c := packet.Control{
		State: packet.Up, DetectMult: 5, Length: packet.ControlLen, MyDiscr: discr, YourDiscr: 7,
		DesiredMinTx: 10000, RequiredMinRx: 20000,
	}
	c.Put(b.payload)
	return &b
}

// From the gate on what is heard is answered with the session's own packet, once
// in each gap.
func TestProgramInsures(t *testing.T) {
	const gap = time.Hour // longer than any machine takes for the next frame
	for name, f := range heardFrames() {
		t.Run(name, func(t *testing.T) {
			b := newLaneRig(t)
			must(t, b.Insure(InsureTX))
			frame, reply := f.bytes(t), back(f).bytes(t)
			b.expect(t, frame)
			b.insure(t, 1, int64(gap), reply)
			for n := range 2 {
				before := monotonic(t)
				action, verdict, out := b.take(t, frame)
				if action != tx || verdict != "insured" {
					t.Fatalf("action %d, verdict %q", action, verdict)
				}
				if diff := cmp.Diff(reply, out); diff != "" {
					t.Fatalf("reply (-want +got):\n%s", diff)
				}
				gate := b.lanes.Heard[lane].Gate - int64(gap)
				if gate != b.lanes.Last(lane) || gate < before || gate > monotonic(t) {
					t.Errorf("at %d the gate was moved on to %d", before, gate)
				}
				if got := b.lanes.Insured(lane); got != uint64(n+1) {
					t.Errorf("%d replies, want %d", got, n+1)
				}
				if action, verdict, _ := b.take(t, frame); action != drop || verdict != "heard" {
					t.Errorf("within the gap: action %d, verdict %q", action, verdict)
				}
				b.each(func(l *fastpath.Lanes) { l.Shut(lane, monotonic(t)) }) // the gap is over
			}
			if count := b.lanes.Count(lane); count != 4 {
				t.Errorf("heard %d, want 4", count)
			}
			action, _, out := b.take(t, append(frame, 1, 2, 3))
			if action != tx || !bytes.Equal(out, append(reply, 1, 2, 3)) {
				t.Errorf("with a trailer: action %d, %x", action, out)
			}
			var d packet.Datagram
			if packet.ParseEthernet(out, &d); d.Drop != packet.DropNone || d.TTL != 255 || d.DstMAC != neighborMAC {
				t.Errorf("received as %+v", d)
			}
		})
	}
}

// What does not lead to a reply.
func TestProgramInsuresNothingElse(t *testing.T) {
	b := newLaneRig(t)
	f := v4().your(discr)
	frame, reply := f.bytes(t), back(f).bytes(t)
	now := monotonic(t)
	for _, tt := range []struct {
		name    string
		change  func(*fastpath.Lanes)
		verdict string
	}{
		{"nothing changed", func(*fastpath.Lanes) {}, "insured"},
		{"gate shut", func(l *fastpath.Lanes) { l.Shut(lane, now+int64(time.Hour)) }, "heard"},
		{"gate shut for a moment that is over", func(l *fastpath.Lanes) { l.Shut(lane, now) }, "insured"},
		{"engine dead", func(l *fastpath.Lanes) { l.Beat(now - int64(3100*time.Millisecond)) }, "heard"},
		{"engine late", func(l *fastpath.Lanes) { l.Beat(now - int64(2500*time.Millisecond)) }, "insured"},
		{"engine never alive", func(l *fastpath.Lanes) { l.Beat(0) }, "heard"},
		{"less patience", func(l *fastpath.Lanes) {
			l.Beat(now - int64(2500*time.Millisecond))
			l.SetPatience(2 * time.Second)
		}, "heard"},
		{"not insured any more", func(l *fastpath.Lanes) { l.Uninsure(lane) }, "heard"},
		{"not insured, the gate written once more", func(l *fastpath.Lanes) {
			l.Uninsure(lane)
			l.Shut(lane, 1)
		}, "heard"},
		{"a reply of the other IP version", func(l *fastpath.Lanes) {
			l.Insure(lane, 1, 0, back(v6()).bytes(t), 0)
		}, "heard"},
		{"a reply that is none", func(l *fastpath.Lanes) { l.Insure(lane, 1, 0, reply[:60], 0) }, "heard"},
		{"nothing expected", func(l *fastpath.Lanes) { l.Refuse(lane) }, "steered"},
		{"another frame expected", func(l *fastpath.Lanes) {
			l.Expect(lane, v4().your(discr).from(foreign4).bytes(t), loopback, now)
		}, "steered"},
		{"lane made ready for another", func(l *fastpath.Lanes) { l.Reset(lane) }, "steered"},
	} {
		must(t, b.Insure(InsureTX))
		b.each(func(l *fastpath.Lanes) {
			l.Beat(now)
			l.SetPatience(fastpath.DefaultPatience)
		})
		b.expect(t, frame)
		b.insure(t, 1, 0, reply)
		b.each(tt.change)
		if _, verdict, _ := b.take(t, frame); verdict != tt.verdict {
			t.Errorf("%s: verdict %q, want %q", tt.name, verdict, tt.verdict)
		}
		must(t, b.Insure(InsureOff))
		if _, verdict, _ := b.run(t, frame); tt.verdict == "insured" && verdict != "heard" {
			t.Errorf("%s, without insurance: verdict %q", tt.name, verdict)
		}
	}
}

// For the tc program the frame goes on as it is, behind a mark with the lane;
// while it does, neither gate nor count move.
func TestProgramMarks(t *testing.T) {
	for name, f := range heardFrames() {
		b := newLaneRig(t)
		must(t, b.objs.Insurance.Set(uint8(InsureTC))) // without the tc program: nothing is attached
		frame := f.bytes(t)
		b.expect(t, frame)
		b.insure(t, 1, 0, back(f).bytes(t))
		action, verdict, out := b.run(t, frame)
		if action != pass || verdict != "pass_to_tc" {
			t.Fatalf("%s: action %d, verdict %q", name, action, verdict)
		}
		want := binary.NativeEndian.AppendUint32(nil, 0x78626664)
		want = binary.NativeEndian.AppendUint32(want, lane)
		want = binary.NativeEndian.AppendUint32(want, loopback)
		if diff := cmp.Diff(append(want, frame...), out); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if b.lanes.Insured(lane) != 0 || b.lanes.Heard[lane].Gate != 1 {
			t.Errorf("%s: the XDP program has answered: %+v", name, b.lanes.Heard[lane])
		}
		b.lanes.Shut(lane, monotonic(t)+int64(time.Hour))
		if action, verdict, _ := b.run(t, frame); action != drop || verdict != "heard" {
			t.Errorf("%s: gate shut: action %d, verdict %q", name, action, verdict)
		}
	}
}

// A driver that takes no metadata cannot hand the tc program a mark: the XDP program
// answers by itself. Here it is refused because there is as much already as goes.
func TestProgramAnswersWithoutMetadata(t *testing.T) {
	for name, f := range heardFrames() {
		b := newLaneRig(t)
		must(t, b.objs.Insurance.Set(uint8(InsureTC)))
		frame, reply := f.bytes(t), back(f).bytes(t)
		b.expect(t, frame)
		b.insure(t, 1, int64(time.Hour), reply)
		action, out := b.runBehind(t, fullMetadata(t, b.rig), frame)
		if action != tx {
			t.Fatalf("%s: action %d", name, action)
		}
		if diff := cmp.Diff(reply, out); diff != "" {
			t.Errorf("%s: reply (-want +got):\n%s", name, diff)
		}
		if n := b.lanes.Insured(lane); n != 1 {
			t.Errorf("%s: %d replies counted", name, n)
		}
	}
}

// fullMetadata is as much as the kernel lets a frame have: 32 bytes, later all of the
// room before it, 256 bytes, but for what the kernel itself keeps there.
func fullMetadata(t *testing.T, r rig) []byte {
	t.Helper()
	most := make([]byte, 216)
	if _, _, err := r.tryBehind(most, v4().bytes(t)); err == nil {
		return most
	}
	return make([]byte, 32)
}

// runBehind is run for a frame that has metadata already, and returns the frame.
func (r rig) runBehind(t *testing.T, metadata, frame []byte) (action uint32, out []byte) {
	t.Helper()
	action, out, err := r.tryBehind(metadata, frame)
	must(t, err)
	return action, out
}

func (r rig) tryBehind(metadata, frame []byte) (action uint32, out []byte, err error) {
	data := slices.Concat(metadata, frame)
	opts := ebpf.RunOptions{
		Data: data, DataOut: make([]byte, len(data)+64),
		Context: xdpMD{Data: uint32(len(metadata)), DataEnd: uint32(len(data)), IngressIfindex: loopback},
	}
	if action, err = r.objs.Xbfd.Run(&opts); err != nil {
		return 0, nil, err
	}
	return action, opts.DataOut[len(metadata):], nil
}

// The tc program leaves alone what was not marked: be it what a session expects.
func TestTCPassesUnmarked(t *testing.T) {
	b := newLaneRig(t)
	must(t, b.loadTC(ebpf.AttachTCXIngress))
	f := v4().your(discr)
	b.expect(t, f.bytes(t))
	b.insure(t, 1, 0, back(f).bytes(t))
	mark := binary.NativeEndian.AppendUint32(nil, 0x78626664)
	mark = binary.NativeEndian.AppendUint32(mark, lane)
	list := [][]byte{f.bytes(t), append(mark, f.bytes(t)...)}
	for _, tt := range frames() {
		list = append(list, tt.frame.bytes(t))
	}
	for _, frame := range list {
		opts := ebpf.RunOptions{Data: frame, DataOut: make([]byte, len(frame)+64)}
		action, err := b.tc.Program.Run(&opts)
		must(t, err)
		if int32(action) != -1 || !bytes.Equal(opts.DataOut, frame) { // TCX_NEXT
			t.Errorf("frame %x: action %d, %x", frame, int32(action), opts.DataOut)
		}
	}
	if n := b.lanes.Insured(lane); n != 0 {
		t.Errorf("%d replies", n)
	}
}
