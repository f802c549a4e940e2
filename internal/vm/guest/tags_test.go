//go:build vm

package guest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/internal/features"
	"github.com/xbfd/xbfd/internal/leftovers"
	"github.com/xbfd/xbfd/internal/rows"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/internal/vm/devices"
	"github.com/xbfd/xbfd/packet"
)

// rxTag is the feature by which a device takes tags off.
const rxTag = "rx-vlan-hw-parse"

// joint makes two namespaces with an interface each, which are joined.
type joint func(t *testing.T) (a, b stack, aif, bif string)

// links are a veth and a pair of the guest's cards of each driver, by driver.
func links() map[string]joint {
	all := map[string]joint{devices.Veth: func(t *testing.T) (a, b stack, aif, bif string) {
		a, b = ends(t, 1)
		return a, b, "x0", "y0"
	}}
	for _, driver := range devices.Drivers() {
		if driver == devices.Veth {
			continue
		}
		all[driver] = func(t *testing.T) (a, b stack, aif, bif string) {
			a, b = stack{devices.New(t, "a")}, stack{devices.New(t, "b")}
			cards := devices.Cards(t, driver)[0]
			a.Take(t, cards[0], "p0")
			b.Take(t, cards[1], "p0")
			return a, b, "p0", "p0"
		}
	}
	return all
}

// feature tells whether an interface has one on.
func (s stack) feature(t *testing.T, ifname, feature string) (on bool) {
	t.Helper()
	must(t, s.Do(func() error {
		d, err := features.Open(ifname)
		if err != nil {
			return err
		}
		defer d.Close()
		on, err = d.Active(feature)
		return err
	}))
	return on
}

// The same addresses on a VLAN and without a tag, and a peer whose kernel sends, as
// every other BFD does: what is handed over beside the frame, or taken off by a card,
// is never taken for a frame without a tag, and the session on the VLAN runs.
func TestTagsBesideFrames(t *testing.T) {
	for name, open := range links() {
		t.Run(name, func(t *testing.T) {
			testnet.NoLeaks(t)
			a, b, aif, bif := open(t)
			before := a.feature(t, aif, rxTag)
			for _, n := range []struct {
				stack
				parent, address string
			}{{a, aif, here}, {b, bif, there}} {
				n.VLAN(t, n.parent, "v7", 7, netlink.VLAN_PROTOCOL_8021Q)
				n.AddAddr(t, "v7", n.address+mask)
				n.AddAddr(t, n.parent, n.address+mask)
			}
			dir := t.TempDir()
			s, err := speaker.New(speaker.Options{In: a.Do, Journals: dir})
			must(t, err)
			far, err := speaker.New(speaker.Options{In: b.Do, Transport: func(string) string { return "udp" }})
			must(t, err)
			t.Cleanup(func() { must(t, far.Close()) })
			seven, bare := add(t, s, "v7", here, there), add(t, s, aif, here, there)
			other := add(t, far, "v7", there, here)
			seven.up()
			other.up()
			st := seven.on(aif)
			t.Logf("%s: %s, %s; %s was %v and is %v", aif, st.Transport, st.Reason, rxTag, before, a.feature(t, aif, rxTag))
			hidden := strings.Contains(st.Reason, "beside the frames")
			if hidden != (name == devices.Veth) || !hidden && a.feature(t, aif, rxTag) {
				t.Errorf("%s, %s; %s is %v", st.Transport, st.Reason, rxTag, a.feature(t, aif, rxTag))
			}
			if !hidden {
				seven.takes(aif)
			}
			if st := bare.status(); st.State != packet.Down || st.Counters.Rx != 0 || st.Counters.Up != 0 {
				t.Errorf("without a tag: %v after %d packets", st.State, st.Counters.Rx)
			}
			untagged := add(t, far, bif, there, here)
			bare.up()
			untagged.up()
			steady(t, seven)
			steady(t, bare)
			seven.cut(func() { b.SetDown(t, "v7") })
			steady(t, bare)
			must(t, s.Close())
			if after := a.feature(t, aif, rxTag); after != before {
				t.Errorf("%s was %v and is %v", rxTag, before, after)
			}
			if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
				t.Errorf("left in the journal: %v, %v", left, err)
			}
			rows.Covers(t, "ENV-L2-03", "5880-6.3-06", "5881-3-03")
		})
	}
}

// VLANs that come while the interface is open, and go; and one within another, whose
// inner tag alone is seen.
func TestTagsFollowed(t *testing.T) {
	a, b := ends(t, 1)
	one, two := pair(t, a, "x0", b, "y0")
	reason := func() string { return one.on("x0").Reason }
	const bare, all = "beside the frames: frames without a tag in them are left to the kernel", "and with VLANs over VLANs all others"
	if strings.Contains(reason(), bare) {
		t.Errorf("without VLANs: %s", reason())
	}
	one.takes("x0")
	a.VLAN(t, "x0", "v7", 7, netlink.VLAN_PROTOCOL_8021Q)
	one.await("a VLAN is seen", func() bool { return strings.HasSuffix(reason(), bare) })
	steady(t, one)
	a.VLAN(t, "v7", "v8", 8, netlink.VLAN_PROTOCOL_8021Q)
	one.await("a VLAN over it is seen", func() bool { return strings.HasSuffix(reason(), all) })
	steady(t, one)
	a.DelLink(t, "v7")
	one.await("none is seen", func() bool { return !strings.Contains(reason(), bare) })
	one.takes("x0")
	steady(t, one)
	steady(t, two)
}

// A card with sessions is left as it is when VLANs come; opened anew it leaves the tags.
func TestTagsOfRunningCard(t *testing.T) {
	for driver, open := range links() {
		if driver == devices.Veth {
			continue
		}
		t.Run(driver, func(t *testing.T) {
			a, b, aif, bif := open(t)
			if !a.feature(t, aif, rxTag) {
				t.Log("it does not take tags off")
				return
			}
			a.AddAddr(t, aif, here+mask)
			b.AddAddr(t, bif, there+mask)
			s, err := speaker.New(speaker.Options{In: a.Do, Journals: t.TempDir()})
			must(t, err)
			t.Cleanup(func() { must(t, s.Close()) })
			one, two := add(t, s, aif, here, there), add(t, b.speak(t), bif, there, here)
			one.up()
			two.up()
			one.takes(aif)
			a.VLAN(t, aif, "v7", 7, netlink.VLAN_PROTOCOL_8021Q)
			const left = "takes VLAN tags off until the interface is opened anew"
			one.await("the VLAN is seen", func() bool { return strings.Contains(one.on(aif).Reason, left) })
			steady(t, one)
			if !a.feature(t, aif, rxTag) {
				t.Error("the card was changed under a session")
			}
			must(t, s.Switch(t.Context(), aif, "auto", "test"))
			if a.feature(t, aif, rxTag) || strings.Contains(one.on(aif).Reason, left) {
				t.Errorf("opened anew: %s", one.on(aif).Reason)
			}
			one.takes(aif)
		})
	}
}

// What a crash leaves switched off is switched on by the next start, or by cleanup.
func TestFeatureOfDead(t *testing.T) {
	for name, open := range links() {
		if name == devices.Veth {
			continue
		}
		t.Run(name, func(t *testing.T) {
			a, _, aif, _ := open(t)
			if !a.feature(t, aif, rxTag) {
				t.Log("it does not take tags off")
				return
			}
			dir := t.TempDir()
			must(t, a.Do(func() error {
				j, err := leftovers.New(dir)
				if err != nil {
					return err
				}
				r := bpf.Remains{Kind: bpf.RemainsFeature, Interface: aif, Ifindex: a.Ifindex(t, aif), Feature: rxTag}
				if err := j.Note(r); err != nil {
					return err
				}
				d, err := features.Open(aif)
				if err != nil {
					return err
				}
				if err := d.Set(rxTag, false); err != nil {
					return err
				}
				return j.Close() // and so it ends
			}))
			if a.feature(t, aif, rxTag) {
				t.Fatal("it is on: this test proves nothing")
			}
			must(t, a.Do(func() error {
				list, err := leftovers.Sweep(dir)
				if err == nil && (len(list) != 1 || list[0].State != leftovers.Gone) {
					t.Errorf("%+v", list)
				}
				return err
			}))
			testnet.Eventually(t, 5*time.Second, "it is on again", func() bool { return a.feature(t, aif, rxTag) })
			if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
				t.Errorf("left: %v, %v", entries, err)
			}
		})
	}
}
