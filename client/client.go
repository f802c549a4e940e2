package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"github.com/xbfd/xbfd/packet"
)

// Client talks to a daemon. Its methods return an *Error for what the daemon
// refused, and an error that is ErrNoDaemon when there is none.
type Client struct {
	path string
	http *http.Client
}

// New returns a Client for the socket at path. It opens nothing yet.
func New(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Close drops connections that are kept open.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Sessions returns the sessions that match, sorted by their peers' addresses.
func (c *Client) Sessions(ctx context.Context, f Filter) (list []Session, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/sessions"+suffix(f.Query()), nil, &list)
	return list, err
}

// Session returns one session.
func (c *Client) Session(ctx context.Context, t Target) (s Session, err error) {
	err = c.do(ctx, http.MethodGet, t.path(""), nil, &s)
	return s, err
}

// Add creates a session and returns it.
func (c *Client) Add(ctx context.Context, spec SessionSpec) (s Session, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/sessions", spec, &s)
	return s, err
}

// Change changes a session and returns it.
func (c *Client) Change(ctx context.Context, t Target, change SessionChange) (s Session, err error) {
	err = c.do(ctx, http.MethodPatch, t.path(""), change, &s)
	return s, err
}

// Delete removes a session.
func (c *Client) Delete(ctx context.Context, t Target) error {
	return c.do(ctx, http.MethodDelete, t.path(""), nil, nil)
}

// SetAuth changes the authentication of a session and returns it.
func (c *Client) SetAuth(ctx context.Context, t Target, change AuthChange) (s Session, err error) {
	err = c.do(ctx, http.MethodPost, t.path("/auth"), change, &s)
	return s, err
}

// Poll starts a Poll Sequence and returns the session.
func (c *Client) Poll(ctx context.Context, t Target) (s Session, err error) {
	err = c.do(ctx, http.MethodPost, t.path("/poll"), nil, &s)
	return s, err
}

// Clear makes the counters of a session start again and returns it.
func (c *Client) Clear(ctx context.Context, t Target) (s Session, err error) {
	err = c.do(ctx, http.MethodPost, t.path("/clear"), nil, &s)
	return s, err
}

// ClearPackets does so for its counters of packets alone: changes of state, margins
// and round trip times stay.
func (c *Client) ClearPackets(ctx context.Context, t Target) (s Session, err error) {
	err = c.do(ctx, http.MethodPost, t.path("/clear"), ClearQuery{OnlyPackets: true}, &s)
	return s, err
}

// ClearAll makes all counters start again.
func (c *Client) ClearAll(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/v1/counters/clear", nil, nil)
}

// Totals returns what all sessions and interfaces have counted.
func (c *Client) Totals(ctx context.Context) (t Totals, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/counters", nil, &t)
	return t, err
}

// Profiles returns the profiles, sorted by name.
func (c *Client) Profiles(ctx context.Context) (list []Profile, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/profiles", nil, &list)
	return list, err
}

// Signal tells a session what somebody outside knows of its path, and returns it:
// packet.DiagForwardingReset, DiagPathDown, DiagConcatPathDown or DiagReverseConcat,
// and DiagNone takes back the last three.
func (c *Client) Signal(ctx context.Context, t Target, d packet.Diag) (s Session, err error) {
	err = c.do(ctx, http.MethodPost, t.path("/diag"), map[string]string{"diagnostic": d.String()}, &s)
	return s, err
}

// SetClient makes name a client of a session, which it returns.
func (c *Client) SetClient(ctx context.Context, t Target, name string, spec ClientSpec) (s Session, err error) {
	err = c.do(ctx, http.MethodPut, t.path("/clients/"+url.PathEscape(name)), spec, &s)
	return s, err
}

// DeleteClient ends what a client asks of a session.
func (c *Client) DeleteClient(ctx context.Context, t Target, name string) error {
	return c.do(ctx, http.MethodDelete, t.path("/clients/"+url.PathEscape(name)), nil, nil)
}

// EchoSource returns where Echo packets come from.
func (c *Client) EchoSource(ctx context.Context) (e EchoSource, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/echo-source", nil, &e)
	return e, err
}

// SetEchoSource says where Echo packets are to come from.
func (c *Client) SetEchoSource(ctx context.Context, e EchoSource) (set EchoSource, err error) {
	err = c.do(ctx, http.MethodPut, "/v1/echo-source", e, &set)
	return set, err
}

// DeleteEchoSource leaves Echo without a source, which ends it.
func (c *Client) DeleteEchoSource(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/v1/echo-source", nil, nil)
}

// Keys returns the pool of keys, sorted by their ids.
func (c *Client) Keys(ctx context.Context) (list []Key, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/keys", nil, &list)
	return list, err
}

// SetKey adds a key to the pool, or changes one that no session uses.
func (c *Client) SetKey(ctx context.Context, id uint32, spec KeySpec) (k Key, err error) {
	err = c.do(ctx, http.MethodPut, keyPath(id), spec.body(), &k)
	return k, err
}

// DeleteKey removes a key that no session uses.
func (c *Client) DeleteKey(ctx context.Context, id uint32) error {
	return c.do(ctx, http.MethodDelete, keyPath(id), nil, nil)
}

func keyPath(id uint32) string { return fmt.Sprintf("/v1/keys/%d", id) }

// Reload makes the daemon read its file again.
func (c *Client) Reload(ctx context.Context) (r ReloadReport, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/reload", nil, &r)
	return r, err
}

// Config returns the running configuration: an object in the words of the file,
// whose secrets are masked.
func (c *Client) Config(ctx context.Context) (doc json.RawMessage, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/config", nil, &doc)
	return doc, err
}

// SetConfig makes the daemon run by another configuration, in JSON or YAML, all
// of it or nothing, until it reads its file again.
func (c *Client) SetConfig(ctx context.Context, document []byte) (r ReloadReport, err error) {
	err = c.send(ctx, http.MethodPut, "/v1/config", bytes.NewReader(document), &r)
	return r, err
}

// Debug returns what is logged in full.
func (c *Client) Debug(ctx context.Context) (d Debug, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/debug", nil, &d)
	return d, err
}

// SetDebug changes what is logged in full, until the daemon ends.
func (c *Client) SetDebug(ctx context.Context, change DebugChange) (d Debug, err error) {
	err = c.do(ctx, http.MethodPut, "/v1/debug", change, &d)
	return d, err
}

// Status returns the state of the daemon.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/status", nil, &s)
	return s, err
}

// do sends in as JSON, unless it is nil, and decodes the answer into out.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	return c.send(ctx, method, path, body, out)
}

func (c *Client) send(ctx context.Context, method, path string, body io.Reader, out any) error {
	res, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("read answer of xbfd: %w", err)
	}
	return nil
}

// request sends a request and returns the answer, whose body the caller closes. One
// that is refused is an error.
func (c *Client) request(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://xbfd"+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, refusal(res)
	}
	return res, nil
}

// explain says what a failure to reach the socket means.
func (c *Client) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w answers on %s: start one with \"xbfd run\", or name its socket with --control", ErrNoDaemon, c.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to use %s: run as root or as a member of the socket's group", c.path)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("xbfd does not answer on %s in time", c.path)
	}
	return fmt.Errorf("talk to xbfd on %s: %w", c.path, err)
}

// maxRefusal is more than any refusal is long, in bytes.
const maxRefusal = 1 << 20

func refusal(res *http.Response) error {
	var e Envelope
	if err := json.NewDecoder(io.LimitReader(res.Body, maxRefusal)).Decode(&e); err != nil || e.Error == nil {
		return fmt.Errorf("xbfd answered %s, and not in its own words: is it xbfd?", res.Status)
	}
	e.Error.Status = res.StatusCode
	return e.Error
}
