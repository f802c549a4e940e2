package sim

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/xbfd/xbfd/packet"
)

// Trace is the record of everything that happened in a World: always a hash, by
// which two runs are compared, and the text too when there is somewhere to
// write it.
type Trace struct {
	Out  io.Writer
	hash uint64
}

// FNV-1a with words of 64 bits in place of bytes.
const (
	fnvBasis = 0xcbf29ce484222325
	fnvPrime = 0x00000100000001b3
)

// Hash returns the hash of the trace so far.
func (t *Trace) Hash() uint64 { return t.hash }

// number also folds the upper half down: a product carries upwards only.
func (t *Trace) number(v uint64) {
	h := (t.hash ^ v) * fnvPrime
	t.hash = h ^ h>>32
}

func (t *Trace) text(s string) {
	for i := range len(s) {
		t.number(uint64(s[i]))
	}
}

func (t *Trace) bytes(b []byte) {
	t.number(uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		t.number(binary.LittleEndian.Uint64(b))
	}
	for _, c := range b {
		t.number(uint64(c))
	}
}

// frame notes what happened to a frame.
func (w *World) noteFrame(who, what string, f *frame) {
	t := &w.Trace
	t.number(uint64(w.now))
	t.text(who)
	t.text(what)
	t.bytes(f.bytes())
	if t.Out != nil {
		w.write(who, what, describe(f.bytes()))
	}
}

// note notes anything else. The arguments are only formatted when somebody
// reads the text.
func (w *World) note(who, what string, args ...any) {
	t := &w.Trace
	t.number(uint64(w.now))
	t.text(who)
	t.text(what)
	if t.Out != nil {
		w.write(who, fmt.Sprintf(what, args...), "")
	}
}

func (w *World) write(who, what, more string) {
	fmt.Fprintf(w.Trace.Out, "%12.6f  %-8s %-10s %s\n", seconds(w.Elapsed()), who, what, more)
}

// describe gives one line about a frame.
func describe(b []byte) string {
	var d packet.Datagram
	packet.ParseEthernet(b, &d)
	if d.Drop == packet.DropNone && d.DstPort == packet.PortEcho && packet.IsEcho(d.Payload) && len(d.Payload) >= 8 {
		return fmt.Sprintf("%s > %s echo of %08x, TTL %d", d.Src.Netip(), d.Dst.Netip(), binary.BigEndian.Uint32(d.Payload[4:]), d.TTL)
	}
	var c packet.Control
	if d.Drop == packet.DropNone {
		d.Drop = c.Decode(d.Payload)
	}
	if d.Drop != packet.DropNone {
		return fmt.Sprintf("%v", d.Drop)
	}
	flags := ""
	if c.Poll {
		flags += "P"
	}
	if c.Final {
		flags += "F"
	}
	if c.Demand {
		flags += "D"
	}
	return fmt.Sprintf("%s > %s %s/%d %s mult %d my %08x your %08x tx %d rx %d",
		d.Src.Netip(), d.Dst.Netip(), c.State, uint8(c.Diag), flags,
		c.DetectMult, c.MyDiscr, c.YourDiscr, c.DesiredMinTx, c.RequiredMinRx)
}

func seconds[T ~int64](d T) float64 { return float64(d) / 1e9 }
