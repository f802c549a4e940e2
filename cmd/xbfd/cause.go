package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// whatHappened is an event in words.
func whatHappened(ev *control.Event) string {
	if ev.Type == control.EventLost {
		text := "events that are not kept any more"
		if ev.Lost != nil {
			text = plural(int(*ev.Lost), "event") + " before this one cannot be read any more"
		}
		if ev.Restarted {
			text += ", nor what the daemon before this one told"
		}
		return text
	}
	var words []string
	if ev.To != "" {
		words = append(words, ev.From+" to "+ev.To+":")
	}
	if c := ev.Cause; c != nil {
		words = append(words, causeInWords(c))
	}
	if ev.Merged > 0 {
		words = append(words, fmt.Sprintf("(after %s)", plural(int(ev.Merged), "other change")))
	}
	return strings.Join(words, " ")
}

// causeInWords is a cause with its evidence.
func causeInWords(c *control.Cause) string {
	switch {
	case c.Left != nil:
		return fmt.Sprintf("no packet for %s, %s; %s so far", span(c.Gap), leftOf(*c.Left, c.DetectionTime), misses(c.Count))
	case c.Worker != nil && c.Stalled != nil:
		return fmt.Sprintf("worker %d was called %s late; %s so far", *c.Worker, span(*c.Stalled), plural(int(c.Count), "stall"))
	case c.Count > 0:
		return fmt.Sprintf("%d more, of sessions not named here", c.Count)
	}
	text := c.Kind
	if c.By != "" {
		text += " by " + c.By
	}
	if c.Detail != "" {
		text += " (" + c.Detail + ")"
	}
	if c.Evidence != nil {
		text += ", " + evidenceInWords(c)
	}
	return text
}

func misses(n uint64) string {
	if n == 1 {
		return "1 near miss"
	}
	return fmt.Sprintf("%d near misses", n)
}

// leftOf says how much of a detection time was left.
func leftOf(left int64, detection uint64) string {
	if left < 0 {
		return fmt.Sprintf("%s over the detection time of %s", span(uint64(-left)), span(detection))
	}
	return fmt.Sprintf("%s of %s left", span(uint64(left)), span(detection))
}

func evidenceInWords(c *control.Cause) string {
	silent := "peer silent for %s of %s"
	if c.Kind == "echo-failed" {
		silent = "nothing came back for %s of %s"
	}
	text := fmt.Sprintf(silent, span(c.PeerSilent), span(c.DetectionTime))
	if c.RemoteDiagnostic != "" {
		text += ", the peer says " + c.RemoteDiagnostic
	}
	if c.Stalled != nil && *c.Stalled > 0 {
		text += ", we were stalled for " + span(*c.Stalled)
	} else {
		text += ", we were not stalled"
	}
	if c.RingOverflow > 0 {
		return text + fmt.Sprintf(", our rings lost %s within %s", plural(int(c.RingOverflow), "frame"), span(c.RingOverflowWithin))
	}
	return text + ", our rings lost nothing"
}

// span returns a time in microseconds for people.
func span(us uint64) string {
	if us > 10_000_000 {
		return ago(float64(us) / float64(time.Second/time.Microsecond))
	}
	return config.FormatInterval(us)
}

// writeHistory writes the latest events of a session.
func writeHistory(line writer, list []control.Event) {
	for i := range list {
		name := ""
		if i == 0 {
			name = "History"
		}
		line(name, "%s  %s  %s", instant(list[i].Time), list[i].Type, whatHappened(&list[i]))
	}
}
