package frrview

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/xbfd/xbfd/client"
)

// Show returns what FRR answers to all but Distributed. Of one peer, list holds its session and nothing
// else; otherwise it holds all sessions.
func (c Command) Show(list []client.Session) string {
	var b strings.Builder
	switch c.What {
	case Brief:
		// bfdd counts all sessions, whatever the VRF.
		if !c.JSON {
			briefHead(&b, len(list))
		}
	case Peers, PeersCounters:
		if !c.JSON {
			b.WriteString("BFD Peers:\n")
		}
	case Peer:
		if !c.JSON {
			b.WriteString("BFD Peer:\n")
		}
	}
	chosen := c.Of(list)
	if c.JSON {
		one := c.What == Peer || c.What == PeerCounters
		writeJSON(&b, chosen, c.What == PeersCounters || c.What == PeerCounters, !one)
		return b.String()
	}
	for i := range chosen {
		switch s := &chosen[i]; c.What {
		case Brief:
			brief(&b, s)
		case PeersCounters, PeerCounters:
			counters(&b, s)
		default:
			peer(&b, s)
		}
	}
	return b.String()
}

// Of returns those sessions of list that are in the command's VRF.
func (c Command) Of(list []client.Session) []client.Session {
	var chosen []client.Session
	for _, s := range list {
		if c.VRF == "" || s.VRF == c.VRF {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// NotFound returns what FRR answers where there is no such peer.
func (c Command) NotFound() string {
	text := "% Unable to find 'peer " + c.Peer
	for _, part := range [][2]string{{"interface", c.Interface}, {"local-address", c.Local}, {"vrf", c.VRF}} {
		if part[1] != "" {
			text += " " + part[0] + " " + part[1]
		}
	}
	return text + "'\n"
}

func briefHead(b *strings.Builder, count int) {
	fmt.Fprintf(b, "Session count: %d\n", count)
	briefLine(b, "SessionId", "LocalAddress", "PeerAddress", "Status")
	briefLine(b, "=========", "============", "===========", "======")
}

func briefLine(b *strings.Builder, id, local, peer, state string) {
	fmt.Fprintf(b, "%-10s %-40s %-40s%-15s\n", id, local, peer, state)
}

func brief(b *strings.Builder, s *client.Session) {
	local := s.Local
	if !local.IsValid() {
		local = netip.IPv4Unspecified()
		if s.Peer.Is6() {
			local = netip.IPv6Unspecified()
		}
	}
	briefLine(b, fmt.Sprint(s.LocalDiscriminator), local.String(), s.Peer.String(), s.State)
}

// head writes the line that says which session it is.
func head(b *strings.Builder, s *client.Session) {
	fmt.Fprintf(b, "\tpeer %s", s.Peer)
	if s.Multihop {
		b.WriteString(" multihop")
	}
	if s.Local.IsValid() {
		fmt.Fprintf(b, " local-address %s", s.Local)
	}
	if s.VRF != "" {
		fmt.Fprintf(b, " vrf %s", s.VRF)
	}
	if name := ifname(s); name != "" {
		fmt.Fprintf(b, " interface %s", name)
	}
	b.WriteByte('\n')
}

// ifname is the interface that belongs to the session; the one that a multihop
// session leaves by is the route's.
func ifname(s *client.Session) string {
	if s.Multihop {
		return ""
	}
	return s.Interface
}

func peer(b *strings.Builder, s *client.Session) {
	head(b, s)
	line := func(format string, args ...any) { fmt.Fprintf(b, "\t\t"+format+"\n", args...) }
	line("ID: %d", s.LocalDiscriminator)
	line("Remote ID: %d", s.RemoteDiscriminator)
	if s.Role == "passive" {
		line("Passive mode")
	} else {
		line("Active mode")
	}
	if s.Multihop {
		line("Minimum TTL: %d", s.MinTTL)
	}
	line("Status: %s", status(s.State))
	switch s.State {
	case "down":
		line("Downtime: %s", age(uint64(s.StateSeconds)))
	case "up":
		line("Uptime: %s", age(uint64(s.UptimeSeconds)))
	}
	line("Diagnostics: %s", diagnostic(s.Diagnostic))
	line("Remote diagnostics: %s", diagnostic(s.RemoteDiagnostic))
	line("Peer Type: %s", kind(s))
	rtt := &s.Echo.RTT
	line("RTT min/avg/max: %d/%d/%d usec", uint64(rtt.Min), uint64(rtt.Avg), uint64(rtt.Max))
	line("Local timers:")
	line("\tDetect-multiplier: %d", s.DetectMult)
	line("\tReceive interval: %dms", ms(s.RequiredMinRx))
	line("\tTransmission interval: %dms", ms(s.DesiredMinTx))
	line("\tEcho receive interval: %s", interval(s.Echo.RxInterval))
	line("\tEcho transmission interval: %s", interval(s.Echo.TxInterval))
	line("Remote timers:")
	line("\tDetect-multiplier: %d", s.RemoteDetectMult)
	line("\tReceive interval: %dms", ms(s.RemoteRequiredMinRx))
	line("\tTransmission interval: %dms", ms(s.RemoteDesiredMinTx))
	line("\tEcho receive interval: %s", interval(s.RemoteRequiredMinEchoRx))
	b.WriteByte('\n')
}

func counters(b *strings.Builder, s *client.Session) {
	head(b, s)
	line := func(format string, n uint64) { fmt.Fprintf(b, "\t\t"+format+"\n", n) }
	line("Control packet input: %d packets", received(s))
	line("Control packet output: %d packets", sent(s))
	line("Echo packet input: %d packets", s.Counters.EchoRx)
	line("Echo packet output: %d packets", s.Counters.EchoTx)
	line("Session up events: %d", s.Counters.Up)
	line("Session down events: %d", s.Counters.Down)
	line("Zebra notifications: %d", 0)
	b.WriteByte('\n')
}
