package config

import (
	"math"
	"net"
	"net/netip"
	"strconv"
)

// DefaultMetricsSessions is how many sessions may have series of their own: some
// 60,000 series.
const DefaultMetricsSessions = 2000

// Metrics says what Prometheus gets.
type Metrics struct {
	Listen   string // host:port to answer on, beside the control socket; empty for none
	Sessions int    // with more sessions than this none has series of its own
}

func (d *document) metrics(into *Metrics) func(value) {
	return func(v value) {
		d.mapping(v, fields{
			"listen":   d.listen(&into.Listen),
			"sessions": d.number(&into.Sessions, 0, math.MaxInt32),
		})
	}
}

// listen is for a TCP address, or an empty one for none.
func (d *document) listen(into *string) func(value) {
	return func(v value) {
		s, ok := d.text(v)
		if !ok || s == "" {
			return
		}
		host, port, err := net.SplitHostPort(s)
		if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 {
			d.fault(v, "%q is not host:port: write it as 127.0.0.1:9784 or \"[::1]:9784\"", s)
			return
		}
		if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
			d.warn(v, "%s lets everybody who reaches this host read the metrics: name one of its addresses", s)
		}
		*into = s
	}
}
