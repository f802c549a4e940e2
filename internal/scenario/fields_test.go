package scenario

import (
	"bytes"
	"fmt"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// fields are what a frame of D's can be asked for.
var fields = map[string]func(h *heard, q *query) seen{
	"state":   func(h *heard, _ *query) seen { return word("%v", h.State) },
	"diag":    func(h *heard, _ *query) seen { return word("%v", h.Diag) },
	"P":       func(h *heard, _ *query) seen { return yesNo(h.Poll) },
	"F":       func(h *heard, _ *query) seen { return yesNo(h.Final) },
	"C":       func(h *heard, _ *query) seen { return yesNo(h.CPI) },
	"D":       func(h *heard, _ *query) seen { return yesNo(h.Demand) },
	"mult":    func(h *heard, _ *query) seen { return count(h.DetectMult) },
	"tx":      func(h *heard, _ *query) seen { return interval(h.DesiredMinTx) },
	"rx":      func(h *heard, _ *query) seen { return interval(h.RequiredMinRx) },
	"echo-rx": func(h *heard, _ *query) seen { return interval(h.RequiredMinEchoRx) },
	"your":    func(h *heard, q *query) seen { return q.b.who(h.YourDiscr) },
	"auth":    func(h *heard, q *query) seen { return q.authOf(h) },
	"reserved": func(h *heard, _ *query) seen {
		return count(h.dgram.Payload[min(packet.ControlLen+3, len(h.dgram.Payload)-1)])
	},
	"at":    func(h *heard, _ *query) seen { return span(h.at, h.at) },
	"after": func(h *heard, q *query) seen { return span(h.at-q.since, h.at-q.since) }, // the act
	// Around the packet.
	"ttl":  func(h *heard, _ *query) seen { return count(h.dgram.TTL) },
	"src":  func(h *heard, _ *query) seen { return word("%v", h.dgram.Src.Netip()) },
	"dst":  func(h *heard, _ *query) seen { return word("%v", h.dgram.Dst.Netip()) },
	"port": func(h *heard, _ *query) seen { return count(h.dgram.DstPort) },
	"on":   func(h *heard, _ *query) seen { return count(h.by.on) },           // interface
	"host": func(h *heard, _ *query) seen { return count(h.dgram.DstMAC[5]) }, // whose MAC it goes to
	"mac":  func(h *heard, _ *query) seen { return yesNo(h.dgram.DstMAC != packet.MAC{}) },
	"dscp": func(h *heard, _ *query) seen { return count(h.dscp()) },
}

func field(h *heard, q *query, name string) (seen, error) {
	if f := fields[name]; f != nil {
		return f(h, q), nil
	}
	return seen{}, errUnknownName
}

// who names a discriminator.
func (b *bed) who(discr uint32) seen {
	for name, d := range b.sessions {
		if d.discr == discr && discr != 0 {
			return word("%s", name)
		}
	}
	for name, t := range b.testers {
		if t.voice.MyDiscr == discr {
			return word("%s", name)
		}
	}
	return word("%#x", discr)
}

func (h *heard) dscp() uint8 {
	if h.dgram.Src.Is4() {
		return h.frame[15] >> 2
	}
	return h.frame[14]<<4>>2 | h.frame[15]>>6
}

// authOf names the key that made a packet's authentication section.
func (q *query) authOf(h *heard) seen {
	if !h.Auth {
		return word("none")
	}
	var a packet.Auth
	bfd := h.dgram.Payload[:h.Length]
	if d := packet.DecodeAuth(bfd[packet.ControlLen:], &a); d != packet.DropNone {
		return word("%v", d)
	}
	for name, k := range q.b.keys {
		if k.method.Verify(bfd, &a, &k.secret) {
			return word("%s:%d", name, a.KeyID)
		}
	}
	return word("unknown")
}

// facts are what the API can be asked for.
var facts = map[string]func(st *engine.Status, q *query) seen{
	"state":         func(st *engine.Status, _ *query) seen { return word("%v", st.State) },
	"diag":          func(st *engine.Status, _ *query) seen { return word("%v", st.Diag) },
	"detection":     func(st *engine.Status, _ *query) seen { return nanoseconds(st.DetectionTime) },
	"tx":            func(st *engine.Status, _ *query) seen { return interval(st.TxInterval) },
	"polling":       func(st *engine.Status, _ *query) seen { return yesNo(st.Polling) },
	"poll-queued":   func(st *engine.Status, _ *query) seen { return yesNo(st.PollQueued) },
	"remote":        func(st *engine.Status, _ *query) seen { return word("%v", st.Remote.State) },
	"remote-diag":   func(st *engine.Status, _ *query) seen { return word("%v", st.Remote.Diag) },
	"peer":          func(st *engine.Status, q *query) seen { return q.b.who(st.Remote.Discr) },
	"peer-source":   func(st *engine.Status, _ *query) seen { return word("%v", st.PeerSource.Netip()) },
	"changed":       func(st *engine.Status, q *query) seen { return q.instant(st.Change.At) },
	"silence":       func(st *engine.Status, q *query) seen { return q.silence(st) },
	"rx-packets":    func(st *engine.Status, _ *query) seen { return count(st.Counters.Rx + st.RxHeard) }, // by either way
	"rx-ring":       func(st *engine.Status, _ *query) seen { return count(st.Counters.Rx) },
	"rx-heard":      func(st *engine.Status, _ *query) seen { return count(st.RxHeard) },
	"heard":         func(st *engine.Status, _ *query) seen { return word("%v", st.Heard) },
	"insured":       func(st *engine.Status, _ *query) seen { return yesNo(st.Insured) },
	"answered":      func(st *engine.Status, _ *query) seen { return count(st.Answered) },
	"near-misses":   func(st *engine.Status, _ *query) seen { return count(st.Margin.NearMisses) },
	"longest-gap":   func(st *engine.Status, _ *query) seen { return nanoseconds(st.Margin.LongestRx) },
	"least-margin":  func(st *engine.Status, _ *query) seen { return nanoseconds(st.Margin.Least) },
	"late-tx":       func(st *engine.Status, _ *query) seen { return count(st.Margin.LateTx) },
	"tx-packets":    func(st *engine.Status, _ *query) seen { return count(st.Counters.Tx) },
	"failures":      func(st *engine.Status, _ *query) seen { return count(st.Counters.Failures) },
	"auth-waits":    func(st *engine.Status, _ *query) seen { return yesNo(st.Auth.Armed) },
	"echo":          func(st *engine.Status, _ *query) seen { return word("%v", st.Echo.State) },
	"echo-interval": func(st *engine.Status, _ *query) seen { return interval(st.Echo.Interval) },
	"echo-sent":     func(st *engine.Status, _ *query) seen { return count(st.Echo.Sent) },
	"echo-returned": func(st *engine.Status, _ *query) seen { return count(st.Echo.Returned) },
	"echo-detection": func(st *engine.Status, _ *query) seen {
		return nanoseconds(st.Echo.DetectionTime)
	},
	"echo-lost": func(st *engine.Status, _ *query) seen { return count(st.Echo.Sent - st.Echo.Returned) },
	"rtt": func(st *engine.Status, _ *query) seen {
		return span(session.Time(st.Echo.RTT.Min), session.Time(st.Echo.RTT.Max))
	},
	"loop":          func(st *engine.Status, _ *query) seen { return word("%v", st.Echo.Loop) },
	"offered":       func(st *engine.Status, _ *query) seen { return interval(st.Echo.Offered) },
	"looped":        func(st *engine.Status, _ *query) seen { return count(st.Echo.Looped) },
	"demand":        func(st *engine.Status, _ *query) seen { return yesNo(st.Demand.Local) },
	"remote-demand": func(st *engine.Status, _ *query) seen { return yesNo(st.Demand.Remote) },
	"bound":         func(st *engine.Status, _ *query) seen { return nanoseconds(st.Demand.Bound) },
	"slowed":        func(st *engine.Status, _ *query) seen { return count(st.Slowed) },
	"min-ttl":       func(st *engine.Status, _ *query) seen { return count(st.MinTTL) },
}

func (q *query) session(name string) (seen, error) {
	st, ok := q.b.host.Status(q.d.discr)
	if name == "exists" {
		return yesNo(ok), nil
	}
	if !ok {
		return seen{}, fmt.Errorf("there is no session %s", q.d.name)
	}
	if f := facts[name]; f != nil {
		return f(&st, q), nil
	}
	return seen{}, errUnknownName
}

func (q *query) instant(at session.Time) seen { return span(at-q.b.start, at-q.b.start) }

// silence is how long before the latest change D's tester was last heard of: the
// arrival of its latest packet, whatever D made of it.
func (q *query) silence(st *engine.Status) seen {
	d := st.Change.At - q.b.start - q.b.testerOf(q.d).lastAt
	return span(d, d)
}

// testerOf returns the tester at the other end of a session's interface.
func (b *bed) testerOf(d *device) *tester {
	for _, t := range b.testers {
		if t.on == d.path.Ifindex && t.host == d.path.PeerMAC[5] {
			return t
		}
	}
	return b.testers["T"]
}

// unaffiliated tells whether D has an unaffiliated session with this source port.
func (b *bed) unaffiliated(port uint16) bool {
	for _, d := range b.sessions {
		st, ok := b.host.Status(d.discr)
		if ok && st.SourcePort == port && st.Params.Kind == session.Unaffiliated {
			return true
		}
	}
	return false
}

// looped are the testers' own Echo packets that D sent back.
func (q *query) looped(name string) (seen, error) {
	all := q.mine(func(h *heard) bool { return h.looped != 0 })
	if name == "n" {
		return count(len(all)), nil
	}
	if len(all) == 0 {
		return seen{}, errNoPacket
	}
	switch name {
	case "delay":
		var longest session.Time
		for _, h := range all {
			longest = max(longest, h.at-h.by.sentAt[h.looped-1])
		}
		return span(longest, longest), nil
	case "same":
		for _, h := range all {
			if !bytes.Equal(h.dgram.Payload, h.by.echoed[h.looped-1]) {
				return yesNo(false), nil
			}
		}
		return yesNo(true), nil
	}
	return q.same(all, name)
}
