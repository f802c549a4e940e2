package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	firstPause  = time.Second // before the first repetition; then twice as long each time
	longest     = 30 * time.Second
	maxAnswer   = 64 << 10 // bytes read of an answer, to use its connection again
	maxRedirect = 3
)

// webClient returns the client of all requests: it trusts whom the system trusts,
// uses no proxy, and stays with the host that it was sent to.
func webClient(in func(func() error) error) *http.Client {
	dialer := &net.Dialer{}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, addr string) (c net.Conn, err error) {
				err = in(func() (err error) {
					c, err = dialer.DialContext(ctx, network, addr)
					return err
				})
				return c, err
			},
			MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: maxAnswer, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			from := via[len(via)-1]
			switch {
			case to.URL.Host != from.URL.Host || to.URL.Scheme != from.URL.Scheme:
				return fmt.Errorf("redirected to %s: only its own host is followed, so change the hook's url", to.URL.Host)
			case to.Method != http.MethodPost:
				return errors.New("redirected by a status that does not repeat the body: use 307 or 308, or change the hook's url")
			case len(via) > maxRedirect:
				return fmt.Errorf("redirected more than %d times", maxRedirect)
			}
			return nil
		},
	}
}

// post sends the event, again if it fails in a way that may pass.
func (r *Runner) post(ctx context.Context, j *job) (res result) {
	body := j.ev.body()
	for pause := firstPause; ; pause = min(2*pause, longest) {
		again := false
		again, res.timedOut, res.err = r.postOnce(ctx, j, body)
		if !again || res.retries >= j.hook.Retries {
			return res
		}
		select {
		case <-time.After(pause):
			res.retries++
		case <-ctx.Done():
			return res
		}
	}
}

func (r *Runner) postOnce(ctx context.Context, j *job, body []byte) (again, timedOut bool, err error) {
	limited, cancel := context.WithTimeout(ctx, j.hook.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodPost, j.hook.URL, bytes.NewReader(body))
	if err != nil {
		return false, false, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "xbfd")
	if h := j.hook.Header; h.Name != "" {
		req.Header.Set(h.Name, h.Value.Reveal())
	}
	answer, err := r.web.Do(req)
	if err != nil {
		// The address may have a secret in its path: the operator knows it by the name.
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		timedOut = limited.Err() != nil && ctx.Err() == nil
		if timedOut {
			err = fmt.Errorf("no answer within %v", j.hook.Timeout)
		}
		return answer == nil, timedOut, err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode/100 == 2 {
		return false, false, nil
	}
	// 5xx and 429 may pass; what else is wrong stays wrong.
	again = answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests
	return again, false, fmt.Errorf("answered %s", answer.Status)
}
