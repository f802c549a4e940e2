package speaker

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/engine/wire"
	"github.com/xbfd/xbfd/internal/leftovers"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/netlinkmon"
)

// A Speaker removes what the dead have noted before it does anything, answers by
// a filter where it is told to, and leaves no journal behind.
func TestJournal(t *testing.T) {
	testnet.NoLeaks(t)
	a, b := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	testnet.Veth(t, a, "va", b, "vb")
	a.AddAddr(t, "va", "192.0.2.1/24")
	dir := filepath.Join(t.TempDir(), "xbfd")
	must(t, a.Do(func() error {
		dead, err := leftovers.New(dir)
		must(t, err)
		return errors.Join(dead.Note(bpf.Remains{Kind: bpf.RemainsClsact, Interface: "gone0", Ifindex: 1 << 30}), dead.Close())
	}))
	s, err := New(Options{In: a.Do, Journals: dir, Insurance: wire.InsuranceClsact, DeadMan: time.Second})
	must(t, err)
	_, err = s.Add(netlinkmon.Target{Peer: netip.MustParseAddr("192.0.2.2"), Local: netip.MustParseAddr("192.0.2.1"), Interface: "va"},
		engine.Spec{Params: session.Params{DesiredMinTx: 50_000, RequiredMinRx: 50_000, DetectMult: 3}})
	must(t, err)
	testnet.Eventually(t, 5*time.Second, "the interface is insured by a filter", func() bool {
		list := s.Interfaces()
		return len(list) == 1 && list[0].Insurance == wire.InsuranceClsact && list[0].Uninsured == ""
	})
	noted := func() (kinds []bpf.RemainsKind) {
		must(t, a.Do(func() error {
			list, err := leftovers.Sweep(dir)
			for _, o := range list {
				if o.State != leftovers.Owned {
					t.Errorf("%+v", o)
				}
				kinds = append(kinds, o.Kind)
			}
			return err
		}))
		return kinds
	}
	if kinds := noted(); len(kinds) != 3 || kinds[0] != leftovers.Neighbours {
		t.Errorf("noted %v", kinds)
	}
	must(t, s.Close())
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// Where nothing can be written down nothing is made that would have to be, and
// sessions run all the same.
func TestJournalNotToBeHad(t *testing.T) {
	testnet.NoLeaks(t)
	a := testnet.NewNS(t, "a")
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	s, err := New(Options{In: a.Do, Journals: file})
	must(t, err)
	if s.wireJournal() != nil {
		t.Error("there is a journal")
	}
	must(t, s.Close())
}
