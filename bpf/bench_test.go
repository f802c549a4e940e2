package bpf

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/xbfd/xbfd/engine/fastpath"
)

// What the program costs for one frame, by PROG_RUN. Each run starts from the
// same frame, which takes a program in front that writes it anew; ns/packet, of
// the best of several rounds, is without that one's share.
func BenchmarkProgram(b *testing.B) {
	r := newLaneRig(b)
	must(b, r.SetLoop(true))
	must(b, r.Insure(InsureTX))
	for _, tt := range []struct {
		name, verdict string
		frame         *frame
	}{
		{"heard", "heard", v4().your(discr)},
		{"heard-v6", "heard", v6().your(discr)},
		{"insured", "insured", v4().your(discr)},
		{"insured-v6", "insured", v6().your(discr)},
		{"dropped", "ttl", v4().hops(254)},
		{"other-port", "pass_other", v4().port(443)},
		{"foreign", "pass_foreign", v4().from(foreign4)},
		{"steered", "steered", v4()},
		{"steered-v6", "steered", v6()},
		{"steered-multihop", "steered", newMultihop(farPeer4, farLocal4)},
		{"own-echo", "steered", newEcho(foreign4, local4, discr)},
		{"echo-looped", "echo_looped", newEcho(looper4, looper4, 0).hops(255)},
		{"echo-looped-v6", "echo_looped", newEcho(looper6, looper6, 0).hops(255)},
		{"echo-answered", "echo_looped", newEcho(looper4, local4, 0).hops(255)},
		{"echo-answered-v6", "echo_looped", newEcho(looper6, local6, 0).hops(255)},
		{"tagged-heard", "heard", v4().your(discr).on(6)},
		{"tagged-heard-v6", "heard", v6().your(discr).on(6)},
		{"tagged-insured", "insured", v4().your(discr).on(6)},
		{"tagged-other-port", "pass_other", v4().port(443).on(6)},
		{"tagged-foreign", "pass_foreign", v4().from(foreign4).on(6)},
		{"tagged-other-vlan", "pass_vlan", v4().with(tags(10))},
		{"tagged-steered", "steered", v4().on(6)},
		{"tagged-steered-v6", "steered", v6().on(6)},
		{"tagged-echo-looped", "echo_looped", newEcho(looper4, looper4, 0).hops(255).on(6)},
	} {
		b.Run(tt.name, func(b *testing.B) {
			frame := tt.frame.bytes(b)
			switch tt.verdict {
			case "heard":
				r.expect(b, frame)
				r.lanes.Uninsure(lane)
			case "insured":
				r.expect(b, frame)
				r.insure(b, 1, 0, back(tt.frame).bytes(b))
				r.each(func(l *fastpath.Lanes) { l.SetPatience(time.Hour) })
			}
			whole, empty := inFront(b, r.objs.Xbfd, frame), inFront(b, noProgram(b), frame)
			before, err := r.Verdicts()
			must(b, err)
			b.ResetTimer()
			took := least(b, whole, frame)
			b.StopTimer()
			after, err := r.Verdicts()
			must(b, err)
			if n := after[tt.verdict] - before[tt.verdict]; n != uint64(rounds*b.N) {
				b.Fatalf("%d of %d frames met the fate %s", n, rounds*b.N, tt.verdict)
			}
			b.ReportMetric(float64(took-least(b, empty, frame)), "ns/packet")
		})
	}
}

// rounds is how often a measurement is repeated: others use the machine, too.
const rounds = 10

// least is the shortest time that a run of a program on a frame took, on the average
// of b.N of them.
func least(b *testing.B, p *ebpf.Program, frame []byte) time.Duration {
	shortest := repeat(b, p, frame)
	for range rounds - 1 {
		shortest = min(shortest, repeat(b, p, frame))
	}
	return shortest
}

// repeat runs a program b.N times on a frame that arrives on the loopback interface.
// The kernel takes the time: a call takes some milliseconds besides, in which it makes
// the program known to its dispatcher.
func repeat(b *testing.B, p *ebpf.Program, frame []byte) time.Duration {
	_, took, err := p.Benchmark(frame, b.N, nil)
	must(b, err)
	return took
}

// inFront returns a program that undoes what p has done to the frame and to its metadata, and goes on to p.
func inFront(b *testing.B, p *ebpf.Program, frame []byte) *ebpf.Program {
	next, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	must(b, err)
	b.Cleanup(func() { must(b, next.Close()) })
	must(b, next.Put(uint32(0), p))
	words := len(frame) &^ 7
	code := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.Mov.Imm(asm.R2, 8),
		asm.FnXdpAdjustMeta.Call(),
		asm.LoadMem(asm.R2, asm.R6, 0, asm.Word), // data
		asm.LoadMem(asm.R3, asm.R6, 4, asm.Word), // data_end
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, int32(len(frame))),
		asm.JGT.Reg(asm.R4, asm.R3, "end"),
	}
	for at := 0; at < words; at += 8 {
		code = append(code,
			asm.LoadImm(asm.R4, int64(binary.NativeEndian.Uint64(frame[at:])), asm.DWord),
			asm.StoreMem(asm.R2, int16(at), asm.R4, asm.DWord))
	}
	for at := words; at+2 <= len(frame); at += 2 {
		code = append(code, asm.StoreImm(asm.R2, int16(at), int64(binary.NativeEndian.Uint16(frame[at:])), asm.Half))
	}
	code = append(code,
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.LoadMapPtr(asm.R2, next.FD()),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnTailCall.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return())
	return newProgram(b, code)
}

// noProgram passes every frame.
func noProgram(b testing.TB) *ebpf.Program {
	return newProgram(b, asm.Instructions{asm.Mov.Imm(asm.R0, pass), asm.Return()})
}

func newProgram(b testing.TB, code asm.Instructions) *ebpf.Program {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.XDP, AttachType: ebpf.AttachXDP, License: "GPL", Instructions: code,
	})
	must(b, err)
	b.Cleanup(func() { must(b, p.Close()) })
	return p
}
