//go:build vm

package guest

import (
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/internal/vm/devices"
)

// The addresses of the two ends in all tests of stacked interfaces.
const (
	here, there = "192.0.2.1", "192.0.2.2"
	mask        = "/24"
)

// stack is a namespace with interfaces that are made of others.
type stack struct{ devices.NS }

// ends are two hosts, joined by n veths x0-y0, x1-y1, ….
func ends(t *testing.T, n int) (a, b stack) {
	t.Helper()
	a, b = stack{devices.New(t, "a")}, stack{devices.New(t, "b")}
	for i := range n {
		testnet.Veth(t, a.NS.NS, named("x", i), b.NS.NS, named("y", i))
	}
	return a, b
}

func named(name string, i int) string { return name + string(rune('0'+i)) }

// speak starts a speaker in a namespace.
func (s stack) speak(t *testing.T) *speaker.Speaker {
	t.Helper()
	sp, err := speaker.New(speaker.Options{In: s.Do, DeadMan: 3 * time.Second})
	must(t, err)
	t.Cleanup(func() { must(t, sp.Close()) })
	return sp
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
