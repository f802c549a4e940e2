package metrics_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/metrics"
	"github.com/xbfd/xbfd/internal/rows"
)

func TestSessionSeries(t *testing.T) {
	code, text := scrape(t, metrics.New(controltest.New(echoing(), far()), 10, nil))
	if code != http.StatusOK {
		t.Fatalf("status %d: %s", code, text)
	}
	want := strings.Split(`xbfd_session_admin_down_total{L} 1
xbfd_session_create_timestamp_seconds{L} 1.770091506e+09
xbfd_session_detection_time_us{L} 30000
xbfd_session_diag{L} 1
xbfd_session_down_total{L} 2
xbfd_session_echo_looped_total{L} 7
xbfd_session_echo_rtt_avg_us{L} 22.5
xbfd_session_echo_rtt_max_us{L} 300.25
xbfd_session_echo_rx_total{L} 99
xbfd_session_echo_tx_total{L} 100
xbfd_session_echo_tx_us{L} 60000
xbfd_session_info{interface="eth0",local="192.0.2.9",path_type="path-ip-sh",peer="192.0.2.1",profile="fast",role="active",rx_ttl="255",session_index="11",tx_ttl="255",vrf="default"} 1
xbfd_session_last_down_timestamp_seconds{L} 1.770091506e+09
xbfd_session_last_up_timestamp_seconds{L} 1.770091506e+09
xbfd_session_margin_min_us{L} 18250
xbfd_session_near_misses_total{L} 8
xbfd_session_negotiated_rx_us{L} 10000
xbfd_session_negotiated_tx_us{L} 10000
xbfd_session_remote_diag{L} 29
xbfd_session_remote_state{L} 3
xbfd_session_rx_gap_max_us{L} 11750
xbfd_session_rx_heard_total{L} 8294
xbfd_session_rx_invalid_total{L} 5
xbfd_session_rx_total{L} 8304
xbfd_session_state{L} 3
xbfd_session_tx_failed_total{L} 6
xbfd_session_tx_gap_max_us{L} 10250
xbfd_session_tx_insurance_total{L} 4
xbfd_session_tx_late_total{L} 3
xbfd_session_tx_total{L} 8304
xbfd_session_up_total{L} 1`, "\n")
	labels := `{interface="eth0",local="192.0.2.9",peer="192.0.2.1",vrf="default"}`
	for i := range want {
		want[i] = strings.Replace(want[i], "{L}", labels, 1)
	}
	if diff := cmp.Diff(want, series(text, `peer="192.0.2.1"`, `interface="eth0"`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The multihop session has the addresses of the other and an interface that
	// the route may change: its labels have none. What it has not said is left out.
	multihop := `{interface="",local="192.0.2.9",peer="192.0.2.1",vrf="default"}`
	for _, line := range []string{
		"xbfd_session_state" + multihop + " 2", "xbfd_session_remote_state" + multihop + " 1",
		`xbfd_session_info{interface="",local="192.0.2.9",path_type="path-ip-mh",peer="192.0.2.1",profile="",role="passive",rx_ttl="250",session_index="12",tx_ttl="255",vrf="default"} 1`,
		"xbfd_sessions 2", "xbfd_sessions_up 1", "xbfd_sessions_down 1", "xbfd_sessions_admin_down 0",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
	for _, name := range []string{"xbfd_session_margin_min_us", "xbfd_session_last_", "xbfd_session_echo_rtt"} {
		if got := series(text, name, `interface=""`); got != nil {
			t.Errorf("%s", got)
		}
	}
	rows.Covers(t, "9314-S-01", "9314-S-02", "9314-S-03", "9314-S-04", "9314-K-01", "9314-K-02", "9314-R-01", "9314-R-02", "9314-R-03",
		"9314-R-06", "9314-R-07", "9314-R-08", "9314-T-01", "9314-T-02", "9314-T-03", "9314-T-04", "9314-T-05", "9314-T-06", "9314-X-01")
}

// TestTotals: reasons, workers and interfaces are told for the daemon as a whole,
// and every reason there is from the start, so that a rate needs no first packet.
func TestTotals(t *testing.T) {
	_, text := scrape(t, metrics.New(controltest.New(echoing()), 10, nil))
	for _, line := range []string{
		`xbfd_build_info{version="v0.1.0"} 1`,
		`xbfd_rx_invalid_total{reason="no_session"} 5`, `xbfd_rx_invalid_total{reason="auth_digest"} 0`,
		`xbfd_tx_refused_total 2`, `xbfd_downs_total{cause="control-expiry"} 3`, `xbfd_downs_total{cause="neighbor-down"} 0`,
		`xbfd_worker_sessions{worker="0"} 1`, `xbfd_worker_stalls_total{worker="0"} 2`,
		`xbfd_interface_info{interface="eth0",stamp="xdp",transport="xdp-native"} 1`,
		`xbfd_interface_heard_active{interface="eth0"} 1`,
		`xbfd_interface_insurance_active{interface="eth0"} 1`,
		`xbfd_interface_events_total{event="steered",interface="eth0"} 7`,
		`xbfd_config_last_reload_successful 1`, `xbfd_warnings 1`, `xbfd_session_series_left_out 0`,
		"# TYPE go_gc_duration_seconds summary", "# TYPE process_cpu_seconds_total counter",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
	if got := series(text, "xbfd_session_", "reason="); got != nil {
		t.Errorf("reasons times sessions: %s", got)
	}
}

// TestLimit: with more sessions than allowed none has series, and the number says
// so; a session with another's labels is left out rather than the whole scrape.
func TestLimit(t *testing.T) {
	same := controltest.Up(13, "192.0.2.1", "192.0.2.9", "eth0")
	for limit, want := range map[int]string{0: "3", 2: "3", 3: "1", 100: "1"} {
		code, text := scrape(t, metrics.New(controltest.New(echoing(), far(), same), limit, nil))
		if !strings.Contains(text, "xbfd_session_series_left_out "+want+"\n") || code != http.StatusOK {
			t.Errorf("limit %d: status %d, %q", limit, code, series(text, "left_out"))
		}
		if n := len(series(text, "xbfd_session_state{")); n != 3-int(want[0]-'0') {
			t.Errorf("limit %d: %d sessions have series", limit, n)
		}
	}
}

// TestLint holds the conventions of Prometheus, but for the unit of BFD's own
// times, which is that of the API.
func TestLint(t *testing.T) {
	_, text := scrape(t, metrics.New(controltest.New(echoing()), 10, nil))
	var own strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, "xbfd_") {
			own.WriteString(line)
		}
	}
	problems, err := promlint.New(strings.NewReader(own.String())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !strings.HasSuffix(p.Metric, "_us") || !strings.Contains(p.Text, "abbreviated units") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestRefusals(t *testing.T) {
	b := controltest.New(echoing())
	b.Err = errors.New("marker")
	e := metrics.New(b, 10, nil)
	if code, text := scrape(t, e); code != http.StatusServiceUnavailable || strings.Contains(text, "marker") {
		t.Errorf("a source that fails: %d %q", code, text)
	}
	b.Err = nil
	for _, tt := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/", 404}, {"GET", "/v1/sessions", 404}, {"GET", "/v1/metrics", 404}, {"GET", "/metrics/", 404},
		{"POST", "/metrics", 405}, {"DELETE", "/metrics", 405}, {"GET", "/metrics?name=x", 200}, {"GET", "/metrics", 200},
	} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(tt.method, tt.target, strings.NewReader("{}")))
		if w.Code != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.target, w.Code, tt.status)
		}
	}
}

// slow is a writer whose client has stopped reading.
type slow struct {
	http.ResponseWriter
	stuck, release chan struct{}
}

func (s slow) Write(b []byte) (int, error) {
	select {
	case s.stuck <- struct{}{}:
	default:
	}
	<-s.release
	return len(b), nil
}

// TestScrapesAtOnce: clients that do not read use up the few scrapes that there
// may be at a time, and no more memory than those.
func TestScrapesAtOnce(t *testing.T) {
	e := metrics.New(controltest.New(echoing()), 10, nil)
	stuck, release := make(chan struct{}, 1), make(chan struct{})
	done := make(chan struct{})
	for range 4 {
		go func() {
			e.ServeHTTP(slow{httptest.NewRecorder(), stuck, release}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			done <- struct{}{}
		}()
		<-stuck
	}
	if code, text := scrape(t, e); code != http.StatusServiceUnavailable || !strings.Contains(text, "scrape less often") {
		t.Errorf("a fifth scrape: %d %s", code, text)
	}
	close(release)
	for range 4 {
		<-done
	}
	if code, _ := scrape(t, e); code != http.StatusOK {
		t.Errorf("afterwards: %d", code)
	}
}

// TestControlRoutes: the control socket has the metrics by two names, and answers
// as it does elsewhere.
func TestControlRoutes(t *testing.T) {
	server := control.NewServer(controltest.New(echoing()), nil)
	server.Metrics(metrics.New(controltest.New(echoing()), 10, nil).Answer)
	for _, tt := range []struct {
		method, target string
		status         int
		holds          string
	}{
		{"GET", "/v1/metrics", 200, "xbfd_sessions 1\n"},
		{"GET", "/metrics", 200, "xbfd_sessions 1\n"},
		{"GET", "/metrics?name=x", 400, `"field":"name"`},
		{"POST", "/v1/metrics", 405, "it takes GET"},
	} {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequest(tt.method, tt.target, nil))
		if body, _ := io.ReadAll(w.Body); w.Code != tt.status || !strings.Contains(string(body), tt.holds) {
			t.Errorf("%s %s: %d %.200s", tt.method, tt.target, w.Code, body)
		}
	}
}

// BenchmarkScrape says what a scrape costs with many sessions.
func BenchmarkScrape(b *testing.B) {
	list := make([]control.Session, 1000)
	for i := range list {
		list[i] = echoing()
		list[i].LocalDiscriminator = uint32(i + 1)
		list[i].VRF = "v" + string(rune('a'+i%26)) + string(rune('a'+i/26))
	}
	e := metrics.New(controltest.New(list...), len(list), nil)
	b.ReportAllocs()
	for b.Loop() {
		e.ServeHTTP(nobody{}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
}

// nobody takes an answer and keeps nothing of it.
type nobody struct{}

func (nobody) Header() http.Header         { return http.Header{} }
func (nobody) Write(b []byte) (int, error) { return len(b), nil }
func (nobody) WriteHeader(int)             {}

// What follows sessions has series too, from the first scrape on.
func TestOtherSeries(t *testing.T) {
	_, text := scrape(t, metrics.New(controltest.New(echoing()), 10, nil))
	const client = `{client="bfdd:unix:/run/frr/bfdd_dplane.sock"`
	for _, line := range []string{
		"xbfd_dplane_connected" + client + "} 1", "xbfd_dplane_connections_total" + client + "} 3",
		"xbfd_dplane_sessions" + client + "} 2", "xbfd_dplane_sessions_unclaimed" + client + "} 1", "xbfd_dplane_sessions_refused" + client + "} 0",
		"xbfd_dplane_errors_total" + client + `,kind="malformed"} 1`, "xbfd_dplane_errors_total" + client + `,kind="version"} 0`,
		"xbfd_dplane_messages_total" + client + `,direction="in"} 3`, "xbfd_dplane_messages_total" + client + `,direction="out"} 5`,
		"xbfd_dplane_messages_lost_total" + client + "} 0",
		"xbfd_gobgp_connected 1", "xbfd_gobgp_neighbors_disabled 1", "xbfd_gobgp_failures_total 0",
		`xbfd_routes{state="installed"} 2`, `xbfd_routes{state="refused"} 1`, "xbfd_route_changes_total 7", "xbfd_route_errors_total 4",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
}
