package metrics

import (
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/packet"
)

// snapshot is the daemon at one instant, as a prometheus.Collector.
type snapshot struct {
	status control.Status
	named  map[key]bool // the sessions that have series of their own
	series []prometheus.Metric
}

// family is one metric of the daemon and what it says.
type family struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	collect    func(s *snapshot, emit emit)
}

// emit adds one series to a family.
type emit func(value float64, labels ...string)

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

func number(f func(*snapshot) int) func(*snapshot, emit) {
	return func(s *snapshot, emit emit) { emit(float64(f(s))) }
}

func perWorker(f func(*control.WorkerStatus) float64) func(*snapshot, emit) {
	return func(s *snapshot, emit emit) {
		for i := range s.status.Workers {
			emit(f(&s.status.Workers[i]), strconv.Itoa(s.status.Workers[i].ID))
		}
	}
}

func perHook(f func(*control.HookStatus) float64) func(*snapshot, emit) {
	return func(s *snapshot, emit emit) {
		for i := range s.status.Hooks {
			emit(f(&s.status.Hooks[i]), s.status.Hooks[i].Name)
		}
	}
}

// usualCauses are told from the start, so that a rate needs no first failure.
var usualCauses = []string{"control-expiry", "neighbor-down", "echo-failed", "path-down", "admin-down", "remote-admin-down"}

func withZeros(counts map[string]uint64, names []string) map[string]uint64 {
	all := make(map[string]uint64)
	for _, name := range names {
		all[name] = 0
	}
	maps.Copy(all, counts)
	return all
}

// daemonFamilies are those that do not grow with the sessions.
var daemonFamilies = []family{
	{"xbfd_build_info", "Always 1; the label says which xbfd this is.", gauge, []string{"version"},
		func(s *snapshot, emit emit) { emit(1, s.status.Version) }},
	{"xbfd_sessions", "Sessions in any state.", gauge, nil,
		number(func(s *snapshot) int { return s.status.Sessions.Total })},
	{"xbfd_sessions_up", "Sessions that are Up.", gauge, nil,
		number(func(s *snapshot) int { return s.status.Sessions.Up })},
	{"xbfd_sessions_down", "Sessions that are Down or Init.", gauge, nil,
		number(func(s *snapshot) int { return s.status.Sessions.Down + s.status.Sessions.Init })},
	{"xbfd_sessions_admin_down", "Sessions that are AdminDown.", gauge, nil,
		number(func(s *snapshot) int { return s.status.Sessions.AdminDown })},
	{"xbfd_session_series_left_out", "Sessions without series of their own: there are more than metrics.sessions allows, or " +
		"they have the labels of another.", gauge, nil,
		number(func(s *snapshot) int { return s.status.Sessions.Total - len(s.named) })},
	{"xbfd_warnings", "Warnings in xbfd status: what is not as it was asked for.", gauge, nil,
		number(func(s *snapshot) int { return len(s.status.Warnings) })},
	{"xbfd_config_last_reload_successful", "Whether the last reload was taken; 1 before the first.", gauge, nil,
		number(func(s *snapshot) int { return truth(s.status.LastReload == nil || s.status.LastReload.Error == "") })},
	{"xbfd_rx_invalid_total", "Discarded BFD packets by reason, those of sessions included.", counter, []string{"reason"},
		func(s *snapshot, emit emit) {
			for d := packet.DropNone + 1; d < packet.NumDrops; d++ {
				emit(float64(s.status.RxDiscarded[d.String()]), d.String())
			}
		}},
	{"xbfd_tx_refused_total", "Packets that sessions counted as sent and that the system then refused.", counter, nil,
		func(s *snapshot, emit emit) { emit(float64(s.status.TxRefused)) }},
	{"xbfd_downs_total", "Times that sessions left Up, by cause; those that are gone included.", counter, []string{"cause"},
		func(s *snapshot, emit emit) {
			for cause, n := range withZeros(s.status.Downs, usualCauses) {
				emit(float64(n), cause)
			}
		}},
	{"xbfd_hook_events_total", "Events that hooks are for, by what became of them: done, failed, dropped (no room to wait) or " +
		"suppressed (the session flaps).", counter, []string{"hook", "result"},
		func(s *snapshot, emit emit) {
			for _, h := range s.status.Hooks {
				emit(float64(h.Done), h.Name, "done")
				emit(float64(h.Failed), h.Name, "failed")
				emit(float64(h.Dropped), h.Name, "dropped")
				emit(float64(h.Suppressed), h.Name, "suppressed")
			}
		}},
	{"xbfd_hook_timeouts_total", "Runs of hooks that failed because they took too long.", counter, []string{"hook"},
		perHook(func(h *control.HookStatus) float64 { return float64(h.TimedOut) })},
	{"xbfd_hook_retries_total", "Requests of hooks that were repeated.", counter, []string{"hook"},
		perHook(func(h *control.HookStatus) float64 { return float64(h.Retried) })},
	{"xbfd_hook_pending", "Events that wait for hooks, those held back and those at work included.", gauge, []string{"hook"},
		perHook(func(h *control.HookStatus) float64 { return float64(h.Waiting + h.Held + h.Running) })},
	{"xbfd_worker_sessions", "Sessions of each worker.", gauge, []string{"worker"},
		perWorker(func(w *control.WorkerStatus) float64 { return float64(w.Sessions) })},
	{"xbfd_worker_stalls_total", "Times that a worker was called a millisecond or more late.", counter, []string{"worker"},
		perWorker(func(w *control.WorkerStatus) float64 { return float64(w.Stalls) })},
	{"xbfd_worker_stall_max_us", "How late a worker was called at the most, in microseconds.", gauge, []string{"worker"},
		perWorker(func(w *control.WorkerStatus) float64 { return float64(w.LongestStall) })},
	{"xbfd_worker_sleeps_total", "Times that a worker slept.", counter, []string{"worker"},
		perWorker(func(w *control.WorkerStatus) float64 { return float64(w.Sleeps) })},
	{"xbfd_worker_spins_total", "Times that a worker looked for packets instead of sleeping.", counter, []string{"worker"},
		perWorker(func(w *control.WorkerStatus) float64 { return float64(w.Spins) })},
	{"xbfd_interface_info", "Always 1; the labels say how packets travel and where " +
		"arrival times come from.", gauge, []string{"interface", "transport", "stamp"},
		func(s *snapshot, emit emit) {
			for _, i := range s.status.Interfaces {
				emit(1, i.Name, i.Transport, i.Stamp)
			}
		}},
	{"xbfd_interface_sessions", "Sessions over each interface.", gauge, []string{"interface"},
		func(s *snapshot, emit emit) {
			for _, i := range s.status.Interfaces {
				emit(float64(i.Sessions), i.Name)
			}
		}},
	{"xbfd_interface_heard_active", "Whether the XDP program takes in packets that say nothing new by itself.", gauge, []string{"interface"},
		func(s *snapshot, emit emit) {
			for _, i := range s.status.Interfaces {
				emit(float64(truth(i.Heard == "on")), i.Name)
			}
		}},
	{"xbfd_interface_insurance_active", "Whether the kernel would answer for a worker that stands still.", gauge, []string{"interface"},
		func(s *snapshot, emit emit) {
			for _, i := range s.status.Interfaces {
				emit(float64(truth(slices.Contains([]string{"tcx", "clsact", "xdp"}, i.Insurance))), i.Name)
			}
		}},
	{"xbfd_interface_events_total", "Verdicts of the XDP program on frames, and what went wrong " +
		"with rings and sockets.", counter, []string{"interface", "event"},
		func(s *snapshot, emit emit) {
			for _, i := range s.status.Interfaces {
				for name, n := range i.Counters {
					emit(float64(n), i.Name, name)
				}
			}
		}},
}

var allFamilies = slices.Concat(daemonFamilies, otherFamilies)

var daemonDescs = func() []*prometheus.Desc {
	descs := make([]*prometheus.Desc, len(allFamilies))
	for i, f := range allFamilies {
		descs[i] = prometheus.NewDesc(f.name, f.help, f.labels, nil)
	}
	return descs
}()

// Describe implements prometheus.Collector.
func (s *snapshot) Describe(to chan<- *prometheus.Desc) {
	for _, d := range daemonDescs {
		to <- d
	}
	for _, d := range sessionDescs {
		to <- d
	}
	to <- infoDesc
}

// Collect implements prometheus.Collector.
func (s *snapshot) Collect(to chan<- prometheus.Metric) {
	for i, f := range allFamilies {
		f.collect(s, func(value float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(daemonDescs[i], f.kind, value, labels...)
		})
	}
	for _, m := range s.series {
		to <- m
	}
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
