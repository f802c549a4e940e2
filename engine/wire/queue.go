package wire

import (
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// queue receives and sends frames by one AF_XDP socket. The worker that owns
// it calls everything but counters and stamped.
type queue struct {
	*xsk
	umem   *umem
	uppers *bpf.Uppers // whose frames arrive
	opened session.Time

	now   session.Time  // of the present Receive
	next  unix.XDPDesc  // the frame that take will deliver
	frame uint32        // its frame
	data  []byte        // its bytes
	at    session.Time  // its arrival; Never when none waits
	lent  []lentFrame   // delivered since the last refresh
	bare  atomic.Uint32 // 1 after a frame without a stamp, 0 after one with

	writing int    // the frame that alloc lent, or -1
	stale   uint32 // descriptors in the transmit ring that abandon voided
	failed  int    // frames given up since the last flush
	dead    bool   // the interface is gone
	dropped uint64 // what lost answered last

	count queueCounters
}

type lentFrame struct {
	frame uint32
	data  uint64
}

// queueCounters are of rare events only.
type queueCounters struct {
	rxBad, txBad, txLinkDown, txRefused, txError atomic.Uint64
}

// newQueue opens a queue and gives the kernel its receive frames.
func newQueue(ifindex, id, rx, tx int, zeroCopy bool, patience time.Duration) (*queue, error) {
	u, err := newUmem(rx, tx)
	if err != nil {
		return nil, err
	}
	x, err := openXSK(ifindex, id, u, zeroCopy, patience)
	if err != nil {
		return nil, errors.Join(err, u.close())
	}
	x.raiseBudget()
	q := &queue{xsk: x, umem: u, opened: Now(), at: session.Never, writing: -1}
	q.lent = make([]lentFrame, 0, rx)
	for i := range rx {
		q.fill.push(u.give(uint32(i), 0))
	}
	q.fill.publish()
	return q, nil
}

func (q *queue) close() error {
	return errors.Join(q.xsk.close(), q.umem.close())
}

// refresh takes the frames back that were delivered and looks for new ones.
func (q *queue) refresh(now session.Time) {
	for _, l := range q.lent {
		q.fill.push(q.umem.give(l.frame, l.data))
	}
	if len(q.lent) > 0 {
		q.lent = q.lent[:0]
		q.fill.publish()
		if q.fill.needWakeup() {
			q.wake()
		}
	}
	q.now = now
	if q.rx.refresh() > 0 && q.at == session.Never {
		q.advance()
	}
}

// head returns when the next frame arrived, Never when there is none.
func (q *queue) head() session.Time { return q.at }

// take delivers the next frame.
func (q *queue) take(rx *engine.Rx) {
	packet.ParseEthernet(q.data, &rx.Datagram)
	rx.Arrival, rx.Frame, rx.Ifindex = q.at, q.data, q.uppers.Of(rx.VLAN)
	q.lent = append(q.lent, lentFrame{q.frame, q.next.Addr})
	q.advance()
}

// advance makes the frame behind the present one the next.
func (q *queue) advance() {
	q.at = session.Never
	for q.at == session.Never {
		if q.rx.waiting() == 0 {
			q.rx.release() // at once: poll calls a ring readable until then
			return
		}
		q.next = q.rx.pop()
		var ok bool
		if q.frame, q.data, ok = q.umem.take(q.next.Addr, q.next.Len); !ok {
			q.count.rxBad.Add(1)
			continue
		}
		q.at = q.arrival(q.umem.stamp(q.next.Addr))
	}
}

// arrival judges a stamp. A frame that came while Receive was at work counts as
// arrived at its start: then nothing that Receive leaves behind can have
// arrived before anything that it delivered.
func (q *queue) arrival(stamp int64) session.Time {
	at := session.Time(stamp)
	bare := uint32(0)
	if at-q.opened < 0 || at-q.now > session.Time(session.Second) {
		at, bare = q.now, 1
	}
	if q.bare.Load() != bare {
		q.bare.Store(bare)
	}
	return min(at, q.now)
}

// stamped reports whether the frames that arrive carry a stamp, as far as is
// known.
func (q *queue) stamped() bool { return q.bare.Load() == 0 }
