package interop

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// What a single session of 300 ms owes its peer, and how often: even with the
// scheduler out of the way, a busy machine keeps packets waiting now and then.
const (
	promptly = 2 * time.Millisecond
	asked    = 20
	onTime   = 18
	rounds   = 5
)

// TestAnswersAtOnce asks a session that has nothing else to do for 300 ms at a
// time: the Final to a Poll, and the packet that tells of a change, do not wait
// for the next periodic one. Both ends of each measurement are stamps of the
// kernel at the far end of the link.
func TestAnswersAtOnce(t *testing.T) {
	for _, transport := range []string{"xdp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel() // with the other of the two; no other test runs meanwhile
			a, b := newLink(t)
			p := newTester(t, b, a, 300*time.Millisecond)
			d := start(t, a, "transport: "+transport+"\n"+oneSession(b, 300*time.Millisecond, ""))
			p.talk(t, 250*time.Millisecond)
			d.waitState(t, b.v4, "up")
			settled(t, d, b)
			d.preempt(t)
			measure(t, "Final", func(int) time.Duration {
				mark := p.mark()
				poll := p.change(func(*packet.Control) {})
				poll.Poll = true
				p.send(poll)
				return p.took(t, mark, func(s sighting) bool { return s.Poll }, func(s sighting) bool { return s.Final })
			})
			measure(t, "change of the peer's discriminator", func(i int) time.Duration {
				mark := p.mark()
				now := p.change(func(c *packet.Control) { c.MyDiscr++ })
				p.send(now)
				return p.took(t, mark, func(s sighting) bool { return s.MyDiscr == now.MyDiscr },
					func(s sighting) bool { return s.YourDiscr == now.MyDiscr })
			})
			if n := d.session(t, b.v4).Counters; n.Down != 0 {
				t.Errorf("counters %+v", n)
			}
			rows.Covers(t, "5880-6.8.7-25", "5880-6.8.7-29", "5880-6.8.6-17", "5880-6.8.6-28", "5880-6.3-04", "5880-6.8.7-12")
		})
	}
}

// preempt gives the daemon's threads real-time priority where that is allowed:
// what is measured then is how long the daemon waits, and not how long it has to
// wait for a core.
func (d *daemon) preempt(t testing.TB) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", d.cmd.Process.Pid))
	must(t, err)
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		must(t, err)
		err = unix.SchedSetAttr(tid, &unix.SchedAttr{Policy: unix.SCHED_FIFO, Priority: 1}, 0)
		if err != nil && !errors.Is(err, unix.ESRCH) { // that thread has ended
			t.Logf("measured at normal priority: %v", err)
			return
		}
	}
}

// measure takes rounds of measurements until one is as good as promised.
func measure(t *testing.T, what string, once func(i int) time.Duration) {
	t.Helper()
	var all []time.Duration
	for range rounds {
		var times []time.Duration
		for i := range asked {
			// At every phase of the 300 ms, and never twice in the 100 ms after
			// which another packet may go out between the periodic ones.
			time.Sleep(110*time.Millisecond + time.Duration(i)*3*time.Millisecond)
			times = append(times, once(i))
		}
		slices.Sort(times)
		if all = times; times[onTime-1] <= promptly {
			t.Logf("%s: median %v, %d of %d within %v, worst %v", what, times[asked/2], onTime, asked, times[onTime-1], times[asked-1])
			return
		}
	}
	t.Errorf("%s: want %d of %d within %v, last round %v", what, onTime, asked, promptly, all)
}

// took returns the time between the tester's packet and xbfd's answer.
func (p *tester) took(t *testing.T, mark int, question, answer func(sighting) bool) time.Duration {
	t.Helper()
	var q, a sighting
	a = p.wait(t, mark, "an answer", func(s sighting) bool { return !s.out && answer(s) })
	q, _ = first(p.all(mark), func(s sighting) bool { return s.out && question(s) })
	return a.at - q.at
}
