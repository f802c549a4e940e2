package engine_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// wire is an engine.Port in memory: what one end flushes the other receives.
type wire struct {
	far     *wire
	clock   *session.Time
	cut     bool
	waiting [][]byte // frames to receive
	lent    [][]byte // frames whose payloads the worker may still look at
	buf     [engine.MaxFrame]byte
	out     [][]byte
}

func (p *wire) Receive(batch []engine.Rx) int {
	n := min(len(batch), len(p.waiting))
	p.lent, p.waiting = p.waiting[:n], p.waiting[n:]
	for i, frame := range p.lent {
		packet.ParseEthernet(frame, &batch[i].Datagram)
		batch[i].Arrival = *p.clock
	}
	return n
}

func (p *wire) Alloc(bool) []byte { return p.buf[:] }

func (p *wire) Commit(n, _ int) { p.out = append(p.out, append([]byte(nil), p.buf[:n]...)) }

func (*wire) Ring() bool { return true }

func (*wire) Lost() uint64 { return 0 }

func (p *wire) Flush() (failed int) {
	if !p.cut {
		p.far.waiting = append(p.far.waiting, p.out...)
	}
	p.out = nil
	return 0
}

// Two engines in one process, each with one worker and one session, joined by a
// wire in memory and driven in virtual time.
func Example() {
	var now session.Time
	ends := [2]*wire{{clock: &now}, {clock: &now}}
	ends[0].far, ends[1].far = ends[1], ends[0]
	addrs := [2]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}

	var engines [2]*engine.Engine
	for i := range engines {
		e, err := engine.New(engine.Config{Seed: uint64(i)})
		if err != nil {
			fmt.Println(err)
			return
		}
		engines[i] = e
		e.AttachPort(0, 1, ends[i])
		discr, err := e.Add(engine.Spec{Params: session.Params{
			DesiredMinTx: 10_000, RequiredMinRx: 10_000, DetectMult: 3,
		}})
		if err == nil {
			err = e.SetPath(discr, engine.Path{
				Ifindex: 1, Local: packet.AddrFrom(addrs[i]), Peer: packet.AddrFrom(addrs[1-i]),
			})
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}

	// A worker's Step says when it wants to be called again; a frame that
	// arrives is a reason to call it sooner.
	run := func(until time.Duration) {
		for now < session.Time(until) {
			next := session.Time(until)
			for i, e := range engines {
				next = min(next, e.Workers()[0].Step(now))
				for _, ev := range e.TakeEvents(nil) {
					fmt.Printf("%v: %v is %v (%v)\n",
						time.Duration(ev.Change.At).Round(10*time.Millisecond), addrs[i], ev.Change.To, ev.Change.Diag)
				}
			}
			if len(ends[0].waiting)+len(ends[1].waiting) == 0 {
				now = max(now, next)
			}
		}
	}
	run(500 * time.Millisecond)
	ends[0].cut = true
	run(800 * time.Millisecond)

	// Output:
	// 0s: 192.0.2.2 is init (none)
	// 0s: 192.0.2.1 is up (none)
	// 0s: 192.0.2.2 is up (none)
	// 520ms: 192.0.2.2 is down (control-expiry)
	// 520ms: 192.0.2.1 is down (neighbor-down)
}
