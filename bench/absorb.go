package bench

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
)

// liveAbove is from how many packets a second on the load peer sends live
// frames, where the engine under test is one whose end takes them: its ring
// would be the limit of what can be measured.
const liveAbove = 400_000

// peerLive says whether the load peer sends live frames. They reach the far end
// of a veth only where that has a native XDP program.
func (o Options) peerLive(dut string, sessions int) bool {
	pps := float64(sessions) / o.Interval.Seconds()
	return dut == "xbfd" && !o.everyPacket && pps >= liveAbove
}

// absorb drops every frame at the end of the engine under test, which does not
// run yet, as early as an XDP program can: live frames that it drops cost what
// any do, without an engine.
func (l *lab) absorb() (release func() error, err error) {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "absorb", Type: ebpf.XDP, License: "MIT",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}, // XDP_DROP
	})
	if err != nil {
		return nil, fmt.Errorf("load a program that drops: %w", err)
	}
	var attached link.Link
	err = l.dut.Do(func() error {
		i, err := net.InterfaceByName(ifname)
		if err != nil {
			return err
		}
		attached, err = link.AttachXDP(link.XDPOptions{Program: prog, Interface: i.Index, Flags: link.XDPDriverMode})
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("attach a program that drops: %w", err), prog.Close())
	}
	return func() error { return errors.Join(attached.Close(), prog.Close()) }, nil
}

// trustPatience is how long it may take until live frames are trusted: they are
// tried a second after opening.
const trustPatience = 5 * time.Second

// trustLive sends batches until the wire sends them as live frames.
func (t *tap) trustLive(w *wire.Interface) error {
	frame := nobodys()
	for end := time.Now().Add(trustPatience); time.Now().Before(end); sleepUntil(now() + session.Time(5*session.Millisecond)) {
		for range flushAt {
			t.Port.Commit(frame.Put(t.Port.Alloc(true), 0), frame.L3())
		}
		t.Port.Flush()
		if c := w.Counters(); c["live_tx"] > 2*flushAt && c["live_tx_lost"] == 0 {
			return nil
		}
	}
	_, reason := w.Transmit()
	return fmt.Errorf("the load peer cannot send live frames: %s", reason)
}
