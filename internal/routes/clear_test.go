package routes

import (
	"slices"
	"testing"
)

// TestClear: what a process has left goes, whoever leads there too, and others' stays.
func TestClear(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	vip := route("192.0.2.53/32", func(s *Spec) { s.Interface, s.Table, s.Metric = "lo", 0, 0 }, a)
	specs := []Spec{
		route(dst, nil, a), route("198.51.101.0/24", func(s *Spec) { s.Table = 100 }, a, b), route("2001:db8:1::/48", nil, v6),
		group(7, nil, a, b), by("198.51.102.0/24", 7), vip,
	}
	p.m.Set(specs, up(a, b, v6))
	p.kill()
	p.ip("route add 203.0.113.0/24 via 192.0.2.1 proto static")
	p.ip("addr add 192.0.2.54/32 dev lo")
	clear := func() (gone []string) {
		t.Helper()
		err := p.ns.Do(func() error {
			list, err := Clear()
			for i := range list {
				gone = append(gone, list[i].Describe())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return gone
	}
	if gone := clear(); len(gone) != len(specs) || !slices.Contains(gone, "192.0.2.53/32 on lo") || !slices.Contains(gone, "198.51.102.0/24 by nexthop group 7 metric 20") {
		t.Errorf("gone are %q", gone)
	}
	p.has("cleared", "-4 "+ours, 0)
	p.has("cleared", "-6 "+ours, 0)
	p.has("cleared", "nexthop list protocol 184", 0)
	p.has("cleared", "-o addr show dev lo to 192.0.2.53", 0)
	p.has("others'", "route show proto static", 1)
	p.has("others'", "-o addr show dev lo to 192.0.2.54", 1)
	if gone := clear(); len(gone) != 0 {
		t.Errorf("gone once more: %q", gone)
	}
}
