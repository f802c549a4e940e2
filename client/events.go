package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// EventQuery says which events somebody wants.
type EventQuery struct {
	// Since is the Seq of the last event the reader has: 0 for all that are kept,
	// nil for those that happen from now on.
	Since *uint64
	// Once ends the answer with the latest event instead of waiting for more.
	Once  bool
	Peer  netip.Addr // zero fields select all
	Local netip.Addr
	// Interface selects the events of the sessions on it.
	Interface string
	Types     []string
}

// Selects tells whether a type of event, about s unless that is nil, is wanted.
func (q *EventQuery) Selects(kind string, s *EventSession) bool {
	if len(q.Types) > 0 && !slices.Contains(q.Types, kind) {
		return false
	}
	if !q.Peer.IsValid() && !q.Local.IsValid() && q.Interface == "" {
		return true
	}
	return s != nil && (!q.Peer.IsValid() || q.Peer == s.Peer) &&
		(!q.Local.IsValid() || q.Local == s.Local) && (q.Interface == "" || q.Interface == s.Interface)
}

// values is q as a URL has it.
func (q *EventQuery) values() url.Values {
	v := Filter{Peer: q.Peer, Local: q.Local, Interface: q.Interface}.Query()
	if q.Since != nil {
		v.Set("since", strconv.FormatUint(*q.Since, 10))
	}
	if q.Once {
		v.Set("follow", "false")
	}
	if len(q.Types) > 0 {
		v.Set("type", strings.Join(q.Types, ","))
	}
	return v
}

// ErrEnded is in the error of Client.Events when the daemon has ended. It is
// ErrNoDaemon too.
var ErrEnded = fmt.Errorf("the events end here: %w answers any more", ErrNoDaemon)

// Events calls fn with every event that q selects, one after the other, until ctx
// ends or fn fails, whose error it returns. Without q.Once it returns an error in
// any case: ErrEnded when the daemon ends.
func (c *Client) Events(ctx context.Context, q EventQuery, fn func(Event) error) error {
	res, err := c.request(ctx, http.MethodGet, "/v1/events"+suffix(q.values()), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := json.NewDecoder(bufio.NewReader(res.Body))
	for {
		var ev Event
		err := lines.Decode(&ev)
		switch {
		case err == nil:
		case q.Once && err == io.EOF:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			return ErrEnded
		}
		if err := fn(ev); err != nil {
			return err
		}
	}
}
