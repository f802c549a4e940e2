package frrview

import (
	"encoding/json"
	"strings"

	"github.com/xbfd/xbfd/client"
)

// object is a JSON object that keeps the order of its keys.
type object []member

type member struct {
	key   string
	value any // string, bool or a number
}

func (o *object) add(key string, value any) { *o = append(*o, member{key, value}) }

// writeJSON lays sessions out as json-c does: two spaces a level, and none after
// the colon. Without an array, list has one session.
func writeJSON(b *strings.Builder, list []client.Session, counters, array bool) {
	indent := ""
	if array {
		b.WriteString("[\n")
		indent = "  "
	}
	for i := range list {
		if i > 0 {
			b.WriteString(",\n")
		}
		o := peerObject(&list[i])
		if counters {
			o = countersObject(&list[i])
		}
		o.write(b, indent)
	}
	if array && len(list) > 0 {
		b.WriteByte('\n')
	}
	if array {
		b.WriteByte(']')
	}
	b.WriteByte('\n')
}

func (o object) write(b *strings.Builder, indent string) {
	b.WriteString(indent + "{")
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + indent + "  " + text(m.key) + ":" + text(m.value))
	}
	b.WriteString("\n" + indent + "}")
}

// text is a single value in JSON; strings, booleans and numbers all have one.
func text(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}

func headObject(s *client.Session) (o object) {
	o.add("multihop", s.Multihop)
	o.add("peer", s.Peer.String())
	if s.Local.IsValid() {
		o.add("local", s.Local.String())
	}
	if s.VRF != "" {
		o.add("vrf", s.VRF)
	}
	if name := ifname(s); name != "" {
		o.add("interface", name)
	}
	return o
}

func peerObject(s *client.Session) object {
	o := headObject(s)
	o.add("id", s.LocalDiscriminator)
	o.add("remote-id", s.RemoteDiscriminator)
	o.add("passive-mode", s.Role == "passive")
	if s.Multihop {
		o.add("minimum-ttl", s.MinTTL)
	}
	o.add("status", status(s.State))
	switch s.State {
	case "down":
		o.add("downtime", uint64(s.StateSeconds))
	case "up":
		o.add("uptime", uint64(s.UptimeSeconds))
	}
	o.add("diagnostic", diagnostic(s.Diagnostic))
	o.add("remote-diagnostic", diagnostic(s.RemoteDiagnostic))
	o.add("receive-interval", ms(s.RequiredMinRx))
	o.add("transmit-interval", ms(s.DesiredMinTx))
	o.add("echo-receive-interval", ms(s.Echo.RxInterval))
	o.add("echo-transmit-interval", ms(s.Echo.TxInterval))
	o.add("detect-multiplier", s.DetectMult)
	o.add("remote-receive-interval", ms(s.RemoteRequiredMinRx))
	o.add("remote-transmit-interval", ms(s.RemoteDesiredMinTx))
	o.add("remote-echo-receive-interval", ms(s.RemoteRequiredMinEchoRx))
	o.add("remote-detect-multiplier", s.RemoteDetectMult)
	o.add("rtt-min", uint64(s.Echo.RTT.Min))
	o.add("rtt-avg", uint64(s.Echo.RTT.Avg))
	o.add("rtt-max", uint64(s.Echo.RTT.Max))
	return o
}

func countersObject(s *client.Session) object {
	o := headObject(s)
	o.add("control-packet-input", received(s))
	o.add("control-packet-output", sent(s))
	o.add("echo-packet-input", s.Counters.EchoRx)
	o.add("echo-packet-output", s.Counters.EchoTx)
	o.add("session-up", s.Counters.Up)
	o.add("session-down", s.Counters.Down)
	o.add("zebra-notifications", 0)
	return o
}
