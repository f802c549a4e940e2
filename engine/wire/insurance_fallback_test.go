package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/xbfd/xbfd/bpf"
)

// unwritten is a journal for namespaces that go with the test.
type unwritten struct{}

func (unwritten) Note(bpf.Remains) error   { return nil }
func (unwritten) Strike(bpf.Remains) error { return nil }

// Where the kernel has no tc links a filter takes their place; where it has and
// refuses one, there is no insurance.
func TestInsuranceFallsBack(t *testing.T) {
	old := fmt.Errorf("attach tc program: %w", errors.Join(bpf.ErrNoInsurance, ebpf.ErrNotSupported))
	full := errors.New("too many links")
	unmade := fmt.Errorf("%w: read-only file system", bpf.ErrNoInsurance)
	for _, tt := range []struct {
		link, filter error
		how, reason  string
	}{
		{how: "tcx"},
		{link: full, reason: "too many links"},
		{link: old, how: "clsact"},
		{link: old, filter: unmade, reason: "Linux 6.6"},
		{link: old, filter: unmade, reason: "read-only file system"},
	} {
		way := func(how string, err error) func() (string, error) {
			return func() (string, error) { return how, err }
		}
		how, err := insureByEither(way("tcx", tt.link), way("clsact", tt.filter))
		if err == nil && how != tt.how || err != nil && (tt.how != "" || !strings.Contains(insuranceReason(err), tt.reason)) {
			t.Errorf("link %v, filter %v: %s, %v", tt.link, tt.filter, how, err)
		}
	}
}
