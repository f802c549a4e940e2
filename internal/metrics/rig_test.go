package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
)

// scrape returns one answer to Prometheus.
func scrape(t testing.TB, h http.Handler) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Code, w.Body.String()
}

// families parses what scrape returns.
func families(t testing.TB, text string) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	list, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// series returns the lines of xbfd's own metrics that hold each of words.
func series(text string, words ...string) (found []string) {
lines:
	for line := range strings.Lines(text) {
		for _, w := range append(words, "xbfd_") {
			if strings.HasPrefix(line, "#") || !strings.Contains(line, w) {
				continue lines
			}
		}
		found = append(found, strings.TrimSpace(line))
	}
	return found
}

// echoing is a session with all that a session can have series for.
func echoing() control.Session {
	s := controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0")
	s.Profile = "fast"
	s.Echo.TxInterval, s.Echo.Interval, s.Echo.Sent, s.Echo.Returned = 50_000, 60_000, 100, 99
	s.Echo.RTT = control.RTT{Count: 99, Avg: 22.5, Max: 300.25}
	s.Echo.Loop.Looped = 7
	s.Counters.Insurance, s.Counters.TxFailed, s.Counters.Down, s.Counters.AdminDown = 4, 6, 2, 1
	s.Counters.RxDiscarded = map[string]uint64{"ttl": 2, "auth_seq": 3}
	s.Margin.NearMisses, s.Times.LastDown = 8, &controltest.When
	s.Diagnostic, s.RemoteDiagnostic = "control-expiry", "29"
	return s
}

func far() control.Session {
	s := controltest.Up(12, "192.0.2.1", "192.0.2.9", "eth0") // the keys of echoing, but for
	s.Multihop, s.MinTTL, s.Role = true, 250, "passive"
	s.State, s.RemoteState, s.NegotiatedTx, s.DetectionTime, s.Margin, s.LastChange = "init", "down", 0, 0, control.Margin{}, nil
	s.Times.LastUp = nil
	return s
}
