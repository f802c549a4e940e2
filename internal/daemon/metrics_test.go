package daemon

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/testnet"
)

// TestMetrics: Prometheus gets the running sessions by the control socket, and by
// TCP where that is configured; there it gets nothing else.
func TestMetrics(t *testing.T) {
	testnet.RequireRoot(t)
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "a", b, "b")
	a.AddAddr(t, "a", "192.0.2.1/24")
	b.AddAddr(t, "b", "192.0.2.2/24")
	one := run(t, a, "metrics: {listen: \"192.0.2.1:9784\"}"+fmt.Sprintf(sessionsFile, "50ms", "192.0.2.2"))
	two := run(t, b, fmt.Sprintf(sessionsFile, "50ms", "192.0.2.1"))
	defer one.end(t)
	one.up(t)

	dial := func(network, address string) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, _, _ string) (c net.Conn, err error) {
			err = b.Do(func() error {
				c, err = new(net.Dialer).DialContext(ctx, network, address)
				return err
			})
			return c, err
		}
	}
	get := func(d func(context.Context, string, string) (net.Conn, error), path string) (int, string) {
		t.Helper()
		c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: d, DisableKeepAlives: true}}
		res, err := c.Get("http://xbfd" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	tcp, socket := dial("tcp", "192.0.2.1:9784"), dial("unix", one.socket)
	up := `xbfd_session_state{interface="a",local="192.0.2.1",peer="192.0.2.2",vrf="default"} 3` + "\n"
	for name, answer := range map[string]func() (int, string){
		"tcp":        func() (int, string) { return get(tcp, "/metrics") },
		"socket":     func() (int, string) { return get(socket, "/v1/metrics") },
		"short name": func() (int, string) { return get(socket, "/metrics") },
	} {
		if code, text := answer(); code != http.StatusOK || !strings.Contains(text, up) {
			t.Errorf("%s: %d, %s", name, code, text)
		}
	}
	// A failure is counted by its cause, for the daemon as a whole too.
	two.end(t)
	testnet.Eventually(t, 5*time.Second, "the Down is counted", func() bool {
		_, text := get(tcp, "/metrics")
		return strings.Contains(text, `xbfd_downs_total{cause="remote-admin-down"} 1`+"\n") && strings.Contains(text, "xbfd_sessions_down 1\n")
	})
	if code, text := get(tcp, "/v1/sessions"); code != http.StatusNotFound || strings.Contains(text, "192.0.2") {
		t.Errorf("sessions over tcp: %d, %s", code, text)
	}
}

// TestMetricsAddressTaken: a start that cannot serve what it was asked to says so
// and leaves nothing behind.
func TestMetricsAddressTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg, err := config.Parse(fmt.Appendf(nil, "control: %s/sock\nmetrics: {listen: %q}", t.TempDir(), l.Addr()), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), cfg, Options{}); err == nil || !strings.Contains(err.Error(), "metrics.listen: ") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Run: %v", err)
	}
}
