package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/xbfd/xbfd/internal/control"
)

// Labels are sorted by their names, as the text format has them.
var (
	sessionLabels = []string{"interface", "local", "peer", "vrf"}
	infoLabels    = []string{"interface", "local", "path_type", "peer", "profile", "role", "rx_ttl", "session_index", "tx_ttl", "vrf"}

	infoDesc = prometheus.NewDesc("xbfd_session_info",
		"Always 1; the labels say what kind of session it is. session_index is the local discriminator; 0: the session does not run.", infoLabels, nil)
	sessionDescs = func() []*prometheus.Desc {
		descs := make([]*prometheus.Desc, len(sessionFamilies))
		for i, f := range sessionFamilies {
			descs[i] = prometheus.NewDesc(f.name, f.help, sessionLabels, nil)
		}
		return descs
	}()
)

func pairs(names []string, values ...string) []*dto.LabelPair {
	list := make([]*dto.LabelPair, len(names))
	for i := range names {
		list[i] = &dto.LabelPair{Name: &names[i], Value: &values[i]}
	}
	return list
}

// key is what the labels of a session say.
type key struct{ peer, local, iface, vrf string }

func keyOf(s *control.Session) key {
	k := key{s.Peer.String(), "", s.Interface, s.VRF}
	if s.Local.IsValid() {
		k.local = s.Local.String()
	}
	if s.Multihop {
		k.iface = ""
	}
	return k
}

// add makes the series of one session, unless another has its labels: two peers of
// the file can become alike when the route has chosen for them.
func (s *snapshot) add(of *control.Session) error {
	k := keyOf(of)
	if s.named[k] {
		return nil
	}
	s.named[k] = true
	path, rxTTL := "path-ip-sh", uint8(255)
	if of.Multihop {
		path, rxTTL = "path-ip-mh", of.MinTTL
	}
	s.series = append(s.series, &series{desc: infoDesc, value: 1, kind: gauge, labels: pairs(infoLabels, k.iface, k.local, path, k.peer, of.Profile, of.Role,
		strconv.Itoa(int(rxTTL)), strconv.FormatUint(uint64(of.LocalDiscriminator), 10), "255", k.vrf)})
	labels := pairs(sessionLabels, k.iface, k.local, k.peer, k.vrf)
	for i := range sessionFamilies {
		f := &sessionFamilies[i]
		if v, ok := f.value(of); ok {
			s.series = append(s.series, &series{desc: sessionDescs[i], labels: labels, value: v, kind: f.kind})
		}
	}
	return nil
}

// series is a value whose labels are shared by all of its session, which halves
// what a scrape of thousands of sessions allocates.
type series struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair
	value  float64
	kind   prometheus.ValueType
}

// Desc implements prometheus.Metric.
func (s *series) Desc() *prometheus.Desc { return s.desc }

// Write implements prometheus.Metric.
func (s *series) Write(out *dto.Metric) error {
	out.Label = s.labels
	if s.kind == counter {
		out.Counter = &dto.Counter{Value: &s.value}
	} else {
		out.Gauge = &dto.Gauge{Value: &s.value}
	}
	return nil
}
