package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/capture"
)

// FrameReader delivers a session's packets to one reader as they pass.
type FrameReader interface {
	// Head is what the file begins with; it has no frames.
	Head() Capture
	// Next appends frames to buf, for which it may wait, and returns how many were
	// lost just before them. The error is io.EOF after the last one, or the context's.
	Next(ctx context.Context, buf []CapturedFrame) (frames []CapturedFrame, lost uint64, err error)
	// Close ends it.
	Close()
}

const (
	capturePath = "/v1/sessions/{id}/capture"
	pcapngType  = "application/x-pcapng"
	fileMaker   = "xbfd"

	// A reader that takes nothing for so long is gone.
	watcherPatience = 10 * time.Second
)

// decodeCapture reads the body of POST /v1/sessions/{id}/capture, which may be
// empty.
func decodeCapture(body []byte) (q client.CaptureQuery, err error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return q, nil
	}
	err = decode(body, keys{
		"format": is(&q.Format, "json or pcapng"),
		"live":   is(&q.Live, "true or false"),
	})
	switch {
	case err != nil:
	case q.Format != "" && q.Format != "json" && q.Format != "pcapng":
		err = &Error{Code: CodeBadRequest, Field: "format", Message: fmt.Sprintf("%q is not json or pcapng", q.Format)}
	case q.Live && q.Format != "pcapng":
		err = &Error{Code: CodeBadRequest, Field: "live", Message: "packets are delivered live as pcapng only: ask for that format"}
	}
	return q, err
}

// capture answers with what was recorded of a session, or with its packets as they
// pass, until the reader or the session goes.
func (s *Server) capture(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		s.refuseMethod(w, r, methods{http.MethodPost: nil})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), backendTime)
	defer cancel()
	q, found, err := s.captureOf(r.WithContext(ctx))
	if err != nil {
		s.fail(w, err)
		return
	}
	if q.Live {
		s.watch(w, r, found.LocalDiscriminator)
		return
	}
	c, err := s.backend.Capture(ctx, found.LocalDiscriminator)
	if err != nil {
		s.fail(w, err)
		return
	}
	if q.Format != "pcapng" {
		c.Frames = list(c.Frames)
		s.reply(w, http.StatusOK, c)
		return
	}
	w.Header().Set("Content-Type", pcapngType)
	if err := capture.File(w, &c, fileMaker); err != nil {
		s.log.Debug("capture was not taken", "err", err)
	}
}

func (s *Server) captureOf(r *http.Request) (q client.CaptureQuery, found Session, err error) {
	body, err := bodyOf(r)
	if err != nil {
		return q, found, err
	}
	if q, err = decodeCapture(body); err != nil {
		return q, found, err
	}
	found, err = s.running(r)
	return q, found, err
}

func (s *Server) watch(w http.ResponseWriter, r *http.Request, id uint32) {
	reader, err := s.backend.Watch(r.Context(), id)
	if err != nil {
		s.fail(w, err)
		return
	}
	defer reader.Close()
	s.streams.Add(1)
	defer s.streams.Add(-1)
	c := http.NewResponseController(w)
	_ = errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Now().Add(watcherPatience)))
	w.Header().Set("Content-Type", pcapngType)
	head := reader.Head()
	out, err := capture.NewWriter(w, &head, fileMaker)
	if err == nil {
		err = c.Flush()
	}
	for buf := []CapturedFrame(nil); err == nil; {
		var lost uint64
		if buf, lost, err = reader.Next(r.Context(), buf[:0]); err != nil {
			return
		}
		_ = c.SetWriteDeadline(time.Now().Add(watcherPatience))
		for i := range buf {
			if err = out.Write(&buf[i], lost); err != nil {
				return
			}
			lost = 0
		}
		err = c.Flush()
	}
}
