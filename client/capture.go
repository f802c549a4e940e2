package client

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"
)

// Capture is what a session's Control packets last said, the oldest first.
type Capture struct {
	Peer      netip.Addr      `json:"peer"`
	Local     netip.Addr      `json:"local"`
	Interface string          `json:"interface"`
	Discr     uint32          `json:"local-discriminator"`
	Frames    []CapturedFrame `json:"frames"`
}

// CapturedFrame is one frame that was received or sent. Times are UTC.
type CapturedFrame struct {
	Time      time.Time `json:"time"`
	Direction string    `json:"direction"` // rx or tx
	Discarded string    `json:"discarded"` // the reason; empty when it was not
	// Repeats are later frames that say the same, and are not listed; Last is when
	// the last of them came. Heard of them (of a rebuilt frame: of it and those before
	// it) were taken in by the XDP program alone.
	Repeats uint64    `json:"repeats"`
	Last    time.Time `json:"last"`
	Heard   uint64    `json:"heard"`
	Rebuilt bool      `json:"rebuilt"` // never recorded as a whole
	Masked  bool      `json:"masked"`  // a password in it was made unreadable
	Length  int       `json:"length"`  // in bytes; Frame may have fewer
	Frame   HexBytes  `json:"frame"`   // from the Ethernet header on
	Comment string    `json:"comment"` // what else there is to know of it
}

// HexBytes are hexadecimal digits in JSON.
type HexBytes []byte

// MarshalText returns the digits.
func (b HexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

// UnmarshalText takes them.
func (b *HexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.AppendDecode(nil, text)
	return err
}

// CaptureQuery says in which form somebody wants a capture.
type CaptureQuery struct {
	Format string `json:"format,omitempty"` // json or pcapng; empty is json
	// Live delivers, as pcapng, each packet as it passes instead of what was recorded.
	Live bool `json:"live,omitempty"`
}

// Capture returns what was recorded of a session's packets.
func (c *Client) Capture(ctx context.Context, t Target) (capture Capture, err error) {
	err = c.do(ctx, http.MethodPost, t.path("/capture"), CaptureQuery{}, &capture)
	return capture, err
}

// CaptureTo writes what was recorded of a session's packets to w as a pcapng file,
// or with live each packet as it passes until ctx ends, which is no error, or the
// session goes.
func (c *Client) CaptureTo(ctx context.Context, t Target, live bool, w io.Writer) error {
	body, err := json.Marshal(CaptureQuery{Format: "pcapng", Live: live})
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	res, err := c.request(ctx, http.MethodPost, t.path("/capture"), bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err = io.Copy(w, res.Body); live && errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("copy capture: %w", err)
	}
	return nil
}
