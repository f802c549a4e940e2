package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EventReader delivers events to one reader.
type EventReader interface {
	// Next appends events to buf, at least one, for which it may wait. The error
	// is io.EOF after the last one, or the context's.
	Next(ctx context.Context, buf []Event) ([]Event, error)
	// Ended returns a channel that is closed when there will be no more events.
	Ended() <-chan struct{}
}

const eventsPath = "/v1/events"

// parseEventQuery reads the query of GET /v1/events. The error is an *Error of
// CodeBadRequest.
func parseEventQuery(raw string) (q EventQuery, err error) {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return q, Errorf(CodeBadRequest, "the query cannot be read: %s", err)
	}
	var f Filter
	for _, name := range slices.Sorted(maps.Keys(v)) {
		value, wrong := v.Get(name), ""
		switch {
		case len(v[name]) > 1:
			wrong = "stands more than once"
		case name == "since":
			n, err := strconv.ParseUint(value, 10, 64)
			if q.Since = &n; err != nil {
				wrong = fmt.Sprintf("%q is not the seq of an event", value)
			}
		case name == "follow" && value != "true" && value != "false":
			wrong = fmt.Sprintf("%q is not true or false", value)
		case name == "follow":
			q.Once = value == "false"
		case name == "type":
			q.Types = strings.Split(value, ",")
			wrong = unknownType(q.Types)
		case name == "peer":
			wrong = setAddr(&f, &f.Peer, value)
		case name == "local":
			wrong = setAddr(&f, &f.Local, value)
		case name == "interface":
			f.Interface = value
		default:
			wrong = unknown("parameter", name, []string{"follow", "interface", "local", "peer", "since", "type"})
		}
		if wrong != "" {
			return EventQuery{}, &Error{Code: CodeBadRequest, Field: name, Message: wrong}
		}
	}
	q.Peer, q.Local, q.Interface = f.Peer, f.Local, f.Interface
	return q, nil
}

func unknownType(types []string) (wrong string) {
	for _, t := range types {
		if !slices.Contains(EventTypes, t) {
			return fmt.Sprintf("%q is not one of %s", t, strings.Join(EventTypes, ", "))
		}
	}
	return ""
}

// events answers with one event a line until the reader goes or the Backend ends.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		s.refuseMethod(w, r, methods{http.MethodGet: nil})
		return
	}
	q, err := parseEventQuery(r.URL.RawQuery)
	if err != nil {
		s.fail(w, err)
		return
	}
	reader, err := s.backend.Events(r.Context(), q)
	if err != nil {
		s.fail(w, err)
		return
	}
	s.streams.Add(1)
	defer s.streams.Add(-1)
	// A reader may take its time; who waits is only this goroutine.
	c := http.NewResponseController(w)
	_ = errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}))
	gone := make(chan struct{})
	defer close(gone)
	go func() {
		select {
		case <-gone:
		case <-reader.Ended():
			_ = c.SetWriteDeadline(time.Now().Add(streamEndTime)) // nobody waits longer for one that does not read
		}
	}()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	_ = c.Flush() // so that the reader knows from when on it gets everything
	enc := json.NewEncoder(w)
	for buf := []Event(nil); err == nil; {
		if buf, err = reader.Next(r.Context(), buf[:0]); err != nil {
			return
		}
		for i := range buf {
			if err = enc.Encode(&buf[i]); err != nil {
				return
			}
		}
		err = c.Flush()
	}
}
