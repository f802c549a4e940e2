package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/xbfd/xbfd/internal/control"
)

// writeSession writes one session in full.
func writeSession(w io.Writer, s *control.Session) {
	state := s.State
	if s.State == "up" {
		state += " for " + ago(s.UptimeSeconds)
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " "))
	}
	line("Peer", "%s%s", s.Peer, sentFrom(s))
	line("Type", "%s", sessionType(s))
	line("Local", "%s", address(s.Local))
	strict := ""
	if s.Strict {
		strict = ", packets from this interface only"
	}
	line("Interface", "%s (VRF %s%s)", dash(s.Interface), s.VRF, strict)
	if s.Multihop {
		line("Minimum TTL", "%d", s.MinTTL)
	}
	line("Path", "%s", s.Path)
	if s.HoldDown {
		state += ", held there on purpose"
	}
	line("State", "%s", state)
	line("Diagnostic", "%s", s.Diagnostic)
	line("Remote state", "%s, diagnostic %s", s.RemoteState, s.RemoteDiagnostic)
	if c := s.LastChange; c != nil {
		line("Last change", "%s to %s: %s, at %s", c.From, c.To, c.Cause, instant(c.At))
		if c.Evidence != nil {
			line("", "%s", evidenceInWords(c.Evidence))
		}
	} else {
		line("Last change", "none")
	}
	line("Discriminator", "%d, remote %d", s.LocalDiscriminator, s.RemoteDiscriminator)
	line("Role", "%s", s.Role)
	line("Owner", "%s (profile %s)", s.Owner, dash(s.Profile))
	writeClients(line, s.Clients)
	writeTimers(line, s)
	writeEcho(line, s)
	writeDemand(line, &s.Demand)
	line("Authentication", "%s", authentication(s.Auth))
	line("Poll sequence", "%s", s.Poll)
	line("Transport", "%s (%s)", dash(s.Transport), dash(s.TransportReason))
	line("Arrival times", "%s", dash(s.Stamp))
	writeFastPath(line, s)
	writeCounters(line, &s.Counters)
	line("Ports", "from %d to %d", s.SourcePort, s.DestPort)
	line("Times", "created %s, last up %s, last down %s", when(s.Times.Created), when(s.Times.LastUp), when(s.Times.LastDown))
	line("Changes", "%d to up, %d to down, %d to admin-down", s.Counters.Up, s.Counters.Down, s.Counters.AdminDown)
	writeHistory(line, s.History)
}

// writeTimers writes what each end asks for, and what follows from it.
func writeTimers(line writer, s *control.Session) {
	line("We ask for", "transmit %s, receive %s, multiplier %d", interval(s.DesiredMinTx), interval(s.RequiredMinRx), s.DetectMult)
	if s.RemoteDetectMult > 0 {
		line("Peer asks for", "transmit %s, receive %s, echo receive %s, multiplier %d", interval(s.RemoteDesiredMinTx),
			interval(s.RemoteRequiredMinRx), interval(s.RemoteRequiredMinEchoRx), s.RemoteDetectMult)
	} else {
		line("Peer asks for", "nothing yet")
	}
	line("In use", "transmit %s, receive %s, detection time %s, %s", interval(s.NegotiatedTx), interval(negotiatedRx(s)), interval(s.DetectionTime), detectionMode(s))
	if s.Slowed > 0 {
		line("Slowed", "intervals doubled %s by congestion", plural(int(s.Slowed), "time"))
	}
}

// writeCounters writes how many packets there were.
func writeCounters(line writer, c *control.Counters) {
	line("Packets", "%d sent, %d not sent, %d received, %d heard by XDP",
		c.Tx, c.TxFailed, c.Rx, c.RxHeard)
	if c.EchoTx+c.EchoRx+c.EchoLooped > 0 {
		line("Echo packets", "%d sent, %d came back, %d of the peer's sent back", c.EchoTx, c.EchoRx, c.EchoLooped)
	}
	line("Discarded", "%s", counted(c.RxDiscarded))
}

// authentication returns in words how a session authenticates.
func authentication(a *control.SessionAuth) string {
	if a == nil {
		return "none"
	}
	text := authUse(a.AuthUse)
	if a.Pending != nil {
		text += "; once the peer uses it, " + authUse(*a.Pending)
	}
	switch a.PeerDigest {
	case "hmac":
		text += "; the peer makes HMAC digests, as FRR does"
	case "rfc":
		text += "; the peer makes digests as RFC 5880 says"
	}
	return text
}

func authUse(a control.AuthUse) string {
	if a.Type == "none" {
		return "none"
	}
	return fmt.Sprintf("%s with key %d, BFD key id %d", a.Type, a.Key, a.KeyID)
}

// writeClients writes who shares a session, unless it is one who is told all at
// once.
func writeClients(line writer, list []control.SessionClient) {
	if len(list) == 1 && list[0].HoldOff == 0 {
		return
	}
	for _, c := range list {
		text := c.Name + " sees it " + c.State
		if c.Failed {
			text += ", failed"
		}
		if c.HoldOff > 0 {
			text += ", hold-off " + interval(c.HoldOff)
		}
		if c.DependsOnlyOnBFD {
			text += ", depends only on BFD"
		}
		line("Client", "%s", text)
	}
}
