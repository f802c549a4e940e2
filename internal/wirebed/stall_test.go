package wirebed

import (
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/packet"
)

// D stands still, all of its process. With insurance T hardly notices, until the
// dead-man; without it T hears nothing. D itself loses no session either way: what
// T said meanwhile was heard, or waits.
func TestStall(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]setup{"IPv4": with(p50), "IPv6": with(p50).global6()} {
		for _, deadMan := range []time.Duration{time.Second, 0} {
			t.Run(name+" "+deadMan.String(), func(t *testing.T) {
				t.Parallel()
				c := childConfig{DeadMan: deadMan}
				if !fastPath {
					c.Lanes, c.DeadMan = -1, 0
				}
				repeat(t, func(r *trial) {
					onChild(r, s, c, func(b *bed, k *child) { stalls(b, k, c.DeadMan) })
				})
				rows.Covers(t, "5880-6.8.4-05")
			})
		}
	}
}

func stalls(b *bed, k *child, deadMan time.Duration) {
	b.Helper()
	b.tell(func(c *packet.Control) { c.State = packet.Up })
	from := now()
	b.talk(45 * time.Millisecond)
	up := func(h hearing) bool { return h.State == packet.Up && !h.Poll && !h.Final }
	if _, ok := b.await(from, 2*time.Second, up); !ok {
		b.tooLate("not Up in time")
	}
	b.keeps("before the stalls", b.during(500*time.Millisecond), packet.Up, 0)

	stopped := b.stop(k, 600*time.Millisecond)
	if deadMan > 0 {
		// A packet each time that T speaks, with the interval and a quarter before the first.
		b.gaps("insured", stopped, 10, 0, 150)
	} else if len(stopped) > 0 {
		b.Errorf("%d packets while nobody ran", len(stopped))
	}
	b.keeps("insured", stopped, packet.Up, 0)
	b.keeps("after the stall", b.during(500*time.Millisecond), packet.Up, 0)

	at := now()
	stopped = b.stop(k, 1600*time.Millisecond)
	if n := len(stopped); n > 0 {
		if last := stopped[n-1].at - at; deadMan == 0 || last > deadMan+slack || last < deadMan-150*time.Millisecond {
			b.Errorf("the last packet came %v after the stop, the dead-man being %v", last, deadMan)
		}
	} else if deadMan > 0 {
		b.Errorf("no packets in the long stall")
	}
	b.keeps("after the long stall", b.during(500*time.Millisecond), packet.Up, 0)
	st := k.end()
	if st.State != packet.Up || st.Counters.Down != 0 || (st.Answered > 0) != (deadMan > 0) {
		b.Errorf("D is %v, was Down %d times, %d answers, heard %v, insured %v (%s)", st.State, st.Counters.Down, st.Answered, st.Heard, st.Insured, st.Uninsured)
	}
}

// stop stops D for d and returns what left in its place.
func (b *bed) stop(k *child, d time.Duration) []hearing {
	b.Helper()
	k.signal(syscall.SIGSTOP)
	time.Sleep(2 * time.Millisecond) // a signal takes its time
	all := b.during(d)
	k.signal(syscall.SIGCONT)
	return all
}
