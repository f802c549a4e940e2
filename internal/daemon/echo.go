package daemon

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/packet"
)

// describeEcho fills in both directions of a session's Echo.
func describeEcho(st *engine.Status, p *speaker.Path) control.Echo {
	e := &st.Echo
	return control.Echo{
		Mode: e.State.String(), Reason: echoReason(st, p),
		TxInterval: st.Params.EchoTx, RxInterval: st.Params.EchoRx,
		Interval: e.Interval, DetectionTime: uint64(e.DetectionTime / session.Microsecond),
		Source: st.Path.EchoSource.Netip(), Sent: e.Sent, Returned: e.Returned, RTT: describeRTT(&e.RTT),
		Loop: control.Loop{State: e.Loop.String(), Offered: e.Offered, Looped: e.Looped},
	}
}

// echoReason says what keeps either direction from running, nothing of one that
// nobody has asked for.
func echoReason(st *engine.Status, p *speaker.Path) string {
	var reasons []string
	if why := notSent(st, p); why != "" {
		reasons = append(reasons, why)
	}
	if why := notLooped(st, p); why != "" {
		reasons = append(reasons, "not looped: "+why)
	}
	return strings.Join(reasons, "; ")
}

func notSent(st *engine.Status, p *speaker.Path) string {
	switch st.Echo.State {
	case engine.EchoNotUp:
		return "not sent: the session is not up"
	case engine.EchoUnwanted:
		return "not sent: the peer's Required Min Echo RX is 0"
	case engine.EchoNoSource:
		return "not sent: " + noSource(p)
	case engine.EchoNoPath:
		if why := noRing(p); why != "" {
			return "not sent: " + why
		}
		return "not sent: the peer's Ethernet address is not known"
	case engine.EchoProbing:
		return "sent, but none has come back yet: their loss is no failure"
	}
	return ""
}

// waitsForEcho says what keeps an unaffiliated session, which sends nothing but
// echoes, from sending any; empty for all others.
func waitsForEcho(st *engine.Status, p *speaker.Path) string {
	switch {
	case st.Params.Kind != session.Unaffiliated:
		return ""
	case st.Path.EchoSource == packet.Addr{}:
		return noSource(p)
	}
	return noRing(p)
}

func noSource(p *speaker.Path) string {
	if p.EchoReason != "" {
		return p.EchoReason
	}
	return "there is no echo source"
}

func notLooped(st *engine.Status, p *speaker.Path) string {
	switch {
	case st.Params.Kind != session.SingleHop || st.Echo.Loop == engine.LoopReady:
		return ""
	case st.Echo.Loop == engine.LoopOff:
		return "echo-receive-interval is disabled"
	}
	if why := noRing(p); why != "" {
		return why
	}
	return "no session has proven since the interface was opened that frames come and go by its rings"
}

// noRing says why a path has no rings, as far as that is known.
func noRing(p *speaker.Path) string {
	switch p.Transport {
	case "":
		return "there is no path"
	case "udp":
		return "transport udp cannot: " + p.TransportReason
	}
	return ""
}

// noteLooping logs on which interfaces peers' Echo packets begin to be sent back.
// Only who looks for it pays for it.
func (d *Daemon) noteLooping(ctx context.Context) {
	if !d.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	all, err := d.speaker.Engine().Statuses(ctx, nil)
	if err != nil {
		return // the daemon is stopping
	}
	ready := make(map[string]bool)
	for i := range all {
		if all[i].Echo.Loop == engine.LoopReady {
			ready[d.speaker.Path(all[i].Discr).Interface] = true
		}
	}
	for _, ifname := range slices.Sorted(maps.Keys(ready)) {
		if !d.looping[ifname] {
			d.log.Debug("peers' echoes are sent back", "ifname", ifname)
		}
	}
	d.looping = ready
}

func describeRTT(r *session.RTT) control.RTT {
	us := func(ns int64) float64 { return float64(ns) / 1000 }
	out := control.RTT{Count: r.Count, Last: us(r.Last), Min: us(r.Min), Avg: us(r.Mean()), Max: us(r.Max), Histogram: []control.Bucket{}}
	for i, n := range r.Buckets {
		if n == 0 {
			continue
		}
		b := control.Bucket{Count: uint64(n)}
		if end := session.RTTBucketEnd(i); end != 0 {
			le := us(end)
			b.LE = &le
		}
		out.Histogram = append(out.Histogram, b)
	}
	return out
}

func describeDemand(st *engine.Status) control.Demand {
	mode := "off"
	if st.Params.Demand {
		mode = "on"
	}
	return control.Demand{
		Mode: mode, LocalActive: st.Demand.Local, RemoteActive: st.Demand.Remote,
		PollInterval: st.Params.DemandPoll, Bound: uint64(st.Demand.Bound / session.Microsecond),
	}
}
