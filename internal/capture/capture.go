package capture

import (
	"fmt"
	"strings"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/engine/flight"
	"github.com/xbfd/xbfd/packet"
)

// Frame returns a recorded frame in the words of the API; wall turns the engine's
// time into that of the day.
func Frame(f *flight.Frame, wall func(ns int64) time.Time) client.CapturedFrame {
	c := client.CapturedFrame{
		Time: wall(f.At).UTC(), Direction: "rx", Repeats: f.Repeats, Last: wall(max(f.At, f.Last)).UTC(), Heard: f.Heard,
		Rebuilt: f.Rebuilt, Masked: f.Masked, Length: f.Len, Frame: f.Data, Comment: comment(f),
	}
	if f.Sent {
		c.Direction = "tx"
	}
	if f.Drop != packet.DropNone {
		c.Discarded = f.Drop.String()
	}
	return c
}

func comment(f *flight.Frame) string {
	var words []string
	say := func(on bool, format string, args ...any) {
		if on {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	say(f.Drop != packet.DropNone, "discarded: %s", f.Drop)
	say(f.Rebuilt && f.Sent, "rebuilt from the template of what is sent again and again; sequence number and digest are left out")
	say(f.Rebuilt && !f.Sent, "rebuilt from the image of what the XDP program hears: the last of %d such frames", f.Heard)
	say(f.NoLink && f.Sent, "sent by a socket: the Ethernet header was the kernel's")
	say(f.NoLink && !f.Sent, "received by a socket: the headers around the packet are rebuilt")
	say(f.Masked, "the password is masked")
	return strings.Join(words, "; ")
}

// repeat returns the last of a frame's repeats.
func repeat(c client.CapturedFrame) client.CapturedFrame {
	text := fmt.Sprintf("rebuilt: the last of %d repeats", c.Repeats)
	if c.Heard > 0 {
		text += fmt.Sprintf(", of which the XDP program heard %d", c.Heard)
	}
	text += "; what changes from one to the next, as sequence numbers and digests, is as in the first"
	if c.Comment != "" {
		text += "; " + c.Comment
	}
	c.Time, c.Comment, c.Rebuilt = c.Last, text, true
	return c
}
