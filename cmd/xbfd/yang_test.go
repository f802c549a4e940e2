package main

import (
	"testing"

	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/control/controltest"
	"github.com/xbfd/xbfd/internal/rows"
)

func TestYANG(t *testing.T) {
	secret := controltest.Up(12, "192.0.2.3", "192.0.2.9", "eth0")
	secret.Auth = &control.SessionAuth{AuthUse: control.AuthUse{Type: "meticulous-keyed-sha1", Key: 7, KeyID: 13}}
	secret.Echo.Mode, secret.Echo.Interval, secret.Echo.TxInterval = "active", 50_000, 50_000
	far := controltest.Up(13, "198.51.100.1", "192.0.2.9", "")
	far.Multihop, far.MinTTL, far.DestPort, far.State, far.RemoteDiscriminator, far.Times.LastUp = true, 250, 4784, "admin-down", 0, nil
	b := controltest.New(controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0"), secret, far)
	golden(t, "yang", transcript(t, b,
		"session show 11 -o json --yang", "session show 12 -o json --yang", "session show 13 -o yaml --yang", "session show 11 --yang"))
	rows.Covers(t, "9314-K-01", "9314-K-02", "9314-C-01", "9314-C-02", "9314-C-03", "9314-C-05", "9314-C-06", "9314-C-07",
		"9314-O-01", "9314-O-02", "9314-O-03", "9314-O-04", "9314-O-05", "9314-O-06",
		"9314-R-01", "9314-R-02", "9314-R-03", "9314-R-04", "9314-R-05", "9314-R-06", "9314-R-07", "9314-R-08",
		"9314-T-01", "9314-T-02", "9314-T-03", "9314-T-04", "9314-T-05", "9314-T-06", "9314-X-01")
}

// TestYANGWidens: what does not fit a leaf, and the words that differ.
func TestYANGWidens(t *testing.T) {
	s := controltest.Up(11, "192.0.2.1", "192.0.2.9", "eth0")
	s.DetectionTime, s.Demand.LocalActive = 1_095_216_660_225, true
	if r := yangRun(&s); r.Detection != 4_294_967_295 || r.Mode != "demand-without-echo" || r.Rx != 0 {
		t.Errorf("%+v", r)
	}
	for key, want := range map[string]string{
		"simple-password": "simple-password", "keyed-md5": "keyed-md5", "meticulous-keyed-md5": "meticulous-keyed-md5",
		"keyed-sha1": "keyed-sha-1", "meticulous-keyed-sha1": "meticulous-keyed-sha-1", "frr-hmac-sha1": "keyed-sha-1",
	} {
		if got := authType(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}
