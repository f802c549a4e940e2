package bpf

import (
	"testing"

	"github.com/xbfd/xbfd/internal/testnet"
)

// A flow rule in a journal whose card is gone, or has no rules, is gone too.
func TestRuleGone(t *testing.T) {
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "va", b, "vb")
	for _, ifindex := range []int{a.Ifindex(t, "va"), 4711} {
		must(t, a.Do(func() error {
			done, err := Remains{Kind: RemainsRule, Interface: "va", Ifindex: ifindex, Port: 3784, Queue: 1}.Remove()
			if done != Absent {
				t.Errorf("interface %d: %q", ifindex, done)
			}
			return err
		}))
	}
}
