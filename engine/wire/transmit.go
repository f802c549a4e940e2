package wire

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
)

// Values of Options.Transmit, and of what Interface.Transmit tells.
const (
	TransmitAuto = "auto" // live frames where that is safe, else xdp
	TransmitXDP  = "xdp"  // by the AF_XDP ring alone
	TransmitLive = "live" // large batches by live frames (Linux 5.18), also on veth
	transmitUDP  = "udp"  // what there is without AF_XDP
)

// transmit is how an interface sends frames with their Ethernet header.
type transmit struct {
	how, reason string    // as far as settled when the interface was opened
	stats       *ethStats // nil: no live frames
	proof       *proof    // the same
}

// wantsLive reports whether the native program that is about to be attached is
// to have live frames, and lays down why not.
func (i *Interface) wantsLive() bool {
	i.transmit.reason = i.noLive()
	return i.transmit.reason == ""
}

// noLive says why there are to be no live frames, "" if there are. A veth loses
// them while its far end has no native XDP program, which may come and go: only
// who has both ends in hand knows better.
func (i *Interface) noLive() string {
	if i.options.Transmit == TransmitXDP {
		return "as configured"
	}
	if i.transmit.stats == nil {
		s, err := openEthStats(i.name)
		if err != nil {
			return reason(err)
		}
		i.transmit.stats = s
	}
	if i.options.Transmit == TransmitLive {
		return ""
	}
	name := driver(i.name)
	if name == "veth" {
		return "live frames reach the far end of a veth only where that has a native XDP program"
	}
	if _, ok := i.liveCount(); !ok {
		return fmt.Sprintf("driver %s does not count live frames, so their loss would not be seen", name)
	}
	return ""
}

// liveCount is the driver's counter of live frames.
func (i *Interface) liveCount() (uint64, bool) {
	stats, err := i.transmit.stats.read()
	if err != nil {
		return 0, false
	}
	return xmitted(stats)
}

// settleTransmit makes the best of what the ladder ended at.
func (i *Interface) settleTransmit() {
	t := &i.transmit
	switch {
	case i.program == nil:
		t.how, t.reason = transmitUDP, i.reason
	case i.program.Mode() != bpf.ModeNative:
		t.how, t.reason = TransmitXDP, "live frames need native XDP"
	case t.reason != "":
		t.how = TransmitXDP
	default:
		if _, err := i.program.Live(0); err != nil {
			t.how, t.reason = TransmitXDP, liveReason(err)
			return
		}
		t.how, t.proof = TransmitLive, newProof(i.liveCount)
	}
}

func liveReason(err error) string {
	if errors.Is(err, bpf.ErrNoLive) && errors.Is(err, unix.EINVAL) {
		return fmt.Sprintf("live frames take Linux 5.18 (%v)", err)
	}
	return reason(err)
}

// newLiveTx returns what sends a worker's live frames, nil where there are none.
func (i *Interface) newLiveTx(worker int, q *queue) *liveTx {
	if i.transmit.proof == nil || q == nil {
		return nil
	}
	l, err := i.program.Live(worker)
	if err != nil {
		return nil
	}
	return &liveTx{Live: l, queue: q, proof: i.transmit.proof}
}

// Transmit returns how frames with their Ethernet header leave: "live" (large
// batches as live frames, small ones by the ring), "xdp" or "udp", and for people
// why. Live frames are tried before they are trusted, and given up while they
// are seen to be lost: what is returned changes.
func (i *Interface) Transmit() (how, reason string) {
	t := &i.transmit
	if t.proof == nil {
		return t.how, t.reason
	}
	switch t.proof.state.Load() {
	case resting, gone:
		how = TransmitXDP
	default:
		how = TransmitLive
	}
	return how, t.proof.reason()
}

// addTo adds the counters of live frames: those that were handed to the
// interface, those of them that its driver has not counted as sent (a veth's
// full ring is among the causes; always 0 for a driver that does not count), those
// that could not be handed over, calls that ended early, and calls that the kernel
// held up for milliseconds.
func (t *transmit) addTo(c map[string]uint64, ports []*port) {
	if t.proof == nil {
		return
	}
	c["live_tx"] += t.proof.sent.Load()
	c["live_tx_lost"] += t.proof.lost.Load()
	c["live_tx_stalls"] += t.proof.stalls.Load()
	for _, p := range ports {
		if p.live != nil {
			c["live_tx_refused"] += p.live.count.refused.Load()
			c["live_tx_error"] += p.live.count.errors.Load()
		}
	}
}

func (t *transmit) close() error {
	if t.proof != nil {
		t.proof.close()
	}
	var err error
	if t.stats != nil {
		err = t.stats.close()
	}
	*t = transmit{how: t.how, reason: t.reason}
	return err
}
