package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/packet"
)

// sessionFamilies are the metrics that every session has. value returns false
// where there is nothing to say.
var sessionFamilies = []struct {
	name, help string
	kind       prometheus.ValueType
	value      func(*control.Session) (float64, bool)
}{
	{"xbfd_session_state", "State: 0 AdminDown, 1 Down, 2 Init, 3 Up.", gauge,
		func(s *control.Session) (float64, bool) { return state(s.State) }},
	{"xbfd_session_remote_state", "State of the peer as its last packet said.", gauge,
		func(s *control.Session) (float64, bool) { return state(s.RemoteState) }},
	{"xbfd_session_diag", "Diagnostic code (RFC 5880 section 4.1): why the session last left Up; 0 none, 1 detection time " +
		"expired, 3 the peer signalled Down.", gauge,
		func(s *control.Session) (float64, bool) { return diag(s.Diagnostic) }},
	{"xbfd_session_remote_diag", "Diagnostic code that the peer sends.", gauge,
		func(s *control.Session) (float64, bool) { return diag(s.RemoteDiagnostic) }},
	{"xbfd_session_negotiated_tx_us", "Interval at which packets are sent now, before jitter, in microseconds; 0: none are.", gauge,
		func(s *control.Session) (float64, bool) { return float64(s.NegotiatedTx), true }},
	{"xbfd_session_negotiated_rx_us", "Interval at which the peer is expected to send, in microseconds; 0 until it was heard.", gauge,
		func(s *control.Session) (float64, bool) {
			return float64(s.DetectionTime) / float64(max(s.RemoteDetectMult, 1)), true
		}},
	{"xbfd_session_detection_time_us", "How long the peer's silence is borne, in microseconds; 0 until it was heard.", gauge,
		func(s *control.Session) (float64, bool) { return float64(s.DetectionTime), true }},
	{"xbfd_session_echo_tx_us", "Interval of our Echo packets now, in microseconds; 0: none are sent.", gauge,
		func(s *control.Session) (float64, bool) { return float64(s.Echo.Interval), true }},
	{"xbfd_session_create_timestamp_seconds", "When the session was created.", gauge, when(func(s *control.Session) *time.Time { return s.Times.Created })},
	{"xbfd_session_last_up_timestamp_seconds", "When the session last entered Up.", gauge, when(func(s *control.Session) *time.Time { return s.Times.LastUp })},
	{"xbfd_session_last_down_timestamp_seconds", "When the session last entered Down.", gauge, when(func(s *control.Session) *time.Time { return s.Times.LastDown })},

	{"xbfd_session_up_total", "How often Up was entered.", counter, count(func(s *control.Session) uint64 { return s.Counters.Up })},
	{"xbfd_session_down_total", "How often Down was entered, whatever the cause.", counter, count(func(s *control.Session) uint64 { return s.Counters.Down })},
	{"xbfd_session_admin_down_total", "How often AdminDown was entered.", counter, count(func(s *control.Session) uint64 { return s.Counters.AdminDown })},
	{"xbfd_session_rx_total", "Packets received, invalid ones included.", counter, count(func(s *control.Session) uint64 {
		return s.Counters.Rx + s.Counters.RxHeard + sum(s.Counters.RxDiscarded)
	})},
	{"xbfd_session_rx_heard_total", "Packets accepted by the XDP program alone.", counter, count(func(s *control.Session) uint64 { return s.Counters.RxHeard })},
	{"xbfd_session_rx_invalid_total", "Packets received and discarded; " +
		"xbfd_rx_invalid_total has the reasons.", counter, count(func(s *control.Session) uint64 { return sum(s.Counters.RxDiscarded) })},
	{"xbfd_session_tx_total", "Packets sent, by workers and by insurance.", counter, count(func(s *control.Session) uint64 { return s.Counters.Tx + s.Counters.Insurance })},
	{"xbfd_session_tx_insurance_total", "Packets that the kernel sent while the worker stalled.", counter, count(func(s *control.Session) uint64 { return s.Counters.Insurance })},
	{"xbfd_session_tx_failed_total", "Packets that could not be sent.", counter, count(func(s *control.Session) uint64 { return s.Counters.TxFailed })},
	{"xbfd_session_tx_late_total", "Packets sent more than the interval after the one before.", counter, count(func(s *control.Session) uint64 { return s.Margin.LateTx })},
	{"xbfd_session_near_misses_total", "Packets of the peer but for which the session would have failed.", counter, count(func(s *control.Session) uint64 { return uint64(s.Margin.NearMisses) })},

	{"xbfd_session_margin_min_us", "The least of the detection time that was left when a packet came, in microseconds.", gauge,
		func(s *control.Session) (float64, bool) {
			if s.Margin.Min == nil {
				return 0, false
			}
			return float64(*s.Margin.Min), true
		}},
	{"xbfd_session_rx_gap_max_us", "Longest time between two packets of the peer while Up, in microseconds.", gauge,
		func(s *control.Session) (float64, bool) { return float64(s.Margin.LongestRx), true }},
	{"xbfd_session_tx_gap_max_us", "Longest time between two packets of ours while Up, in microseconds.", gauge,
		func(s *control.Session) (float64, bool) { return float64(s.Margin.LongestTx), true }},

	{"xbfd_session_echo_tx_total", "Echo packets sent.", counter, echo(func(e *control.Echo) float64 { return float64(e.Sent) })},
	{"xbfd_session_echo_rx_total", "Echo packets that came back in time.", counter, echo(func(e *control.Echo) float64 { return float64(e.Returned) })},
	{"xbfd_session_echo_looped_total", "Echo packets of the peer that rings sent back.", counter, echo(func(e *control.Echo) float64 { return float64(e.Loop.Looped) })},
	{"xbfd_session_echo_rtt_avg_us", "Mean round trip time of Echo packets, in microseconds.", gauge, echo(func(e *control.Echo) float64 { return e.RTT.Avg })},
	{"xbfd_session_echo_rtt_max_us", "Longest round trip time of Echo packets, in microseconds.", gauge, echo(func(e *control.Echo) float64 { return e.RTT.Max })},
}

func count(f func(*control.Session) uint64) func(*control.Session) (float64, bool) {
	return func(s *control.Session) (float64, bool) { return float64(f(s)), true }
}

func when(f func(*control.Session) *time.Time) func(*control.Session) (float64, bool) {
	return func(s *control.Session) (float64, bool) {
		t := f(s)
		if t == nil {
			return 0, false
		}
		return float64(t.Unix()), true
	}
}

// echo is for what only sessions with Echo have, of one direction or the other.
func echo(f func(*control.Echo) float64) func(*control.Session) (float64, bool) {
	return func(s *control.Session) (float64, bool) {
		e := &s.Echo
		return f(e), e.Sent > 0 || e.Loop.Looped > 0 || e.TxInterval > 0
	}
}

func sum(m map[string]uint64) (total uint64) {
	for _, n := range m {
		total += n
	}
	return total
}

var states = byName(packet.AdminDown, packet.Up)

func state(name string) (float64, bool) { n, known := states[name]; return n, known }

var diags = byName(packet.DiagNone, 31)

func diag(name string) (float64, bool) { n, known := diags[name]; return n, known }

// byName maps the names of the codes from first to last to their numbers.
func byName[C interface {
	~uint8
	String() string
}](first, last C) map[string]float64 {
	m := make(map[string]float64)
	for c := first; c <= last; c++ {
		m[c.String()] = float64(c)
	}
	return m
}
