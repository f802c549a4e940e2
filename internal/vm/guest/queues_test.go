//go:build vm

package guest

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/internal/vm/devices"
	"github.com/xbfd/xbfd/packet"
)

// Sessions over virtio_net with two queues, run by two workers: they hold while the
// transport walks from each to each other and while the number of queues changes,
// and they notice when the link is cut.
func TestManyQueues(t *testing.T) {
	const count = 8
	a, b := stack{devices.New(t, "a")}, stack{devices.New(t, "b")}
	const aif, bif = "p0", "p0"
	cards := devices.Cards(t, "virtio_net")[1] // whose queues are as few as the processors
	a.Take(t, cards[0], aif)
	b.Take(t, cards[1], bif)
	must(t, errors.Join(a.SetCombined(aif, 2), b.SetCombined(bif, 2)))
	one, two := a.workers(t, 2), b.workers(t, 2)
	var near, far []talk
	for n := range count {
		local, peer := netip.AddrFrom4([4]byte{198, 18, 0, byte(n + 1)}).String(), netip.AddrFrom4([4]byte{198, 19, 0, byte(n + 1)}).String()
		a.AddAddr(t, aif, local+"/15")
		b.AddAddr(t, bif, peer+"/15")
		near, far = append(near, add(t, one, aif, local, peer)), append(far, add(t, two, bif, peer, local))
	}
	all := append(near[:count:count], far...)
	for _, k := range all {
		k.up()
	}
	native := near[0].on(aif).Transport
	t.Logf("virtio_net: %s (%s), %d rings", native, near[0].on(aif).Reason, near[0].on(aif).Rings)
	if native != "xdp-native" || near[0].on(aif).Rings != 2 {
		t.Errorf("%+v", near[0].on(aif))
	}
	steady(t, all...)
	for _, asked := range []string{"xdp-generic", "udp", "xdp", "udp", "xdp-generic", "auto"} {
		must(t, one.Switch(t.Context(), aif, asked, "a test"))
		steady(t, all...)
		t.Logf("%s: %s", asked, near[0].on(aif).Transport)
	}
	// The driver changes no queues under a native program, nor the kernel any that
	// has an AF_XDP socket.
	if err := a.SetCombined(aif, 1); !errors.Is(err, unix.EINVAL) {
		t.Errorf("queues taken away under AF_XDP: %v", err)
	}
	must(t, one.Switch(t.Context(), aif, "udp", "fewer queues"))
	near[0].await("one queue", func() bool { return a.SetCombined(aif, 1) == nil })
	must(t, one.Switch(t.Context(), aif, "xdp-generic", "fewer queues"))
	if st := near[0].on(aif); st.Rings != 1 {
		t.Errorf("with one queue: %+v", st)
	}
	steady(t, all...)
	must(t, a.SetCombined(aif, 2)) // a generic program is no obstacle
	near[0].await("a ring for each queue", func() bool { return near[0].on(aif).Rings == 2 })
	steady(t, all...)
	for i, k := range all {
		if st := k.status(); st.Discards != (engine.Discards{}) {
			t.Errorf("session %d: discards %v", i, st.Discards)
		}
	}
	near[0].cut(func() { b.SetDown(t, bif) })
	for _, k := range near {
		k.await("every session is down", func() bool { return k.status().State == packet.Down })
	}
}

// workers starts a speaker with so many workers.
func (s stack) workers(t *testing.T, n int) *speaker.Speaker {
	t.Helper()
	sp, err := speaker.New(speaker.Options{In: s.Do, Workers: n, DeadMan: 3 * time.Second})
	must(t, err)
	t.Cleanup(func() { must(t, sp.Close()) })
	return sp
}
