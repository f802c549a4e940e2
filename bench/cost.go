package bench

import (
	"context"
	"fmt"
	"time"
)

// cost is what the engine under test took over a while.
type cost struct {
	wall           time.Duration
	threads        float64 // cores that its threads had
	softirq        float64 // cores that interrupts took beside any thread, on its core
	reception      float64 // cores that its reception took inside the load peer's sends
	peer           float64 // cores that the load peer used, without that
	others         float64 // cores that the rest of the host used: noise
	stolen         float64 // cores that the hypervisor gave to somebody else
	waits          uint64
	sent, received uint64 // packets of the engine under test
}

func (c *cost) cores() float64 { return c.threads + c.softirq + c.reception }

// moment is everything that a cost is the difference of.
type moment struct {
	at       time.Time
	dut      usage
	ksoftirq int64 // ns, of the engine's core
	peer     int64
	host     hostLoad
	seen     reply
}

func (r *rig) moment() (m moment, err error) {
	if m.seen, err = r.peer.look(); err != nil {
		return m, err
	}
	if m.dut, err = usageOf(r.dut.process().pid); err != nil {
		return m, err
	}
	pid, err := softirqThread(r.lab.dutCPU)
	if err != nil {
		return m, err
	}
	if pid != 0 {
		u, err := usageOf(pid)
		if err != nil {
			return m, err
		}
		m.ksoftirq = u.cpu
	}
	u, err := usageOf(r.peer.part.cmd.Process.Pid)
	if err != nil {
		return m, err
	}
	m.peer = u.cpu
	if m.host, err = readHostLoad(); err != nil {
		return m, err
	}
	m.at = time.Now()
	return m, nil
}

// measureCost lets the engine run for a while, beside idle counters on both
// cores.
func (r *rig) measureCost(ctx context.Context, d time.Duration) (c cost, err error) {
	before, err := r.moment()
	if err != nil {
		return c, err
	}
	var counters [2]*part
	for i, cpu := range []int{r.lab.dutCPU, r.lab.loadCPU} {
		if counters[i], err = startPart(r.lab.load, cpu, r.program, "soak", soakOptions{For: d}); err != nil {
			return c, err
		}
		defer counters[i].cmd.Process.Kill()
	}
	if err := r.watchFor(ctx, d, "measuring its cost"); err != nil {
		return c, err
	}
	after, err := r.moment()
	if err != nil {
		return c, err
	}
	var found [2]soaked
	for i, p := range counters {
		if err := p.out.Decode(&found[i]); err != nil {
			return c, fmt.Errorf("ask the idle counter: %w", err)
		}
		if err := p.end(); err != nil {
			return c, err
		}
	}
	return costOf(before, after, found, r.price), nil
}

// costOf makes a cost of its beginning and end, of what the idle counters found
// meanwhile, and of what the load peer's sends would have taken without it.
func costOf(before, after moment, found [2]soaked, paid price) cost {
	wall := after.at.Sub(before.at)
	share := func(ns int64) float64 { return float64(ns) / float64(wall) }
	c := cost{
		wall: wall, threads: share(after.dut.cpu - before.dut.cpu), waits: after.dut.waits - before.dut.waits,
		sent: after.seen.Rx - before.seen.Rx, received: after.seen.Tx - before.seen.Tx,
	}
	c.softirq = share(after.ksoftirq - before.ksoftirq)
	if found[0].Wall > 0 {
		c.softirq += float64(found[0].Lost) / float64(found[0].Wall)
	}
	sent := after.seen.Sends.since(before.seen.Sends)
	c.reception = max(share(sent.Spent-int64(paid.of(sent))), 0)
	peer := share(after.peer - before.peer)
	c.peer = max(peer-c.reception, 0)
	const hostTick = 10 * time.Millisecond // USER_HZ is 100 on every architecture that Go knows
	busy := int64(after.host.busy-before.host.busy)*int64(hostTick) - found[0].Ran - found[1].Ran
	c.others = max(share(busy)-c.threads-peer, 0)
	c.stolen = share(int64(after.host.stolen-before.host.stolen) * int64(hostTick))
	return c
}
