package wire

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/internal/flowrules"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// madeUp is a card and a journal in one, so that their order shows.
type madeUp struct {
	rules  []flowrules.Rule
	notes  []bpf.Remains
	refuse func(flowrules.Rule) error
	name   string
	t      *testing.T
}

func (m *madeUp) Rename(ifname string) { m.name = ifname }
func (*madeUp) Close() error           { return nil }

func (m *madeUp) Add(r flowrules.Rule) (bool, error) {
	if n := len(m.notes); n == 0 || m.notes[n-1].Port != r.Port || m.notes[n-1].V6 != r.V6 {
		m.t.Errorf("%+v is made and not noted", r)
	}
	if slices.Contains(m.rules, r) {
		return false, nil
	}
	if m.refuse != nil {
		if err := m.refuse(r); err != nil {
			return false, err
		}
	}
	m.rules = append(m.rules, r)
	return true, nil
}

func (m *madeUp) Remove(r flowrules.Rule) (bool, error) {
	was := slices.Contains(m.rules, r)
	m.rules = slices.DeleteFunc(m.rules, func(o flowrules.Rule) bool { return o == r })
	return was, nil
}

func (m *madeUp) Note(r bpf.Remains) error {
	m.notes = append(m.notes, r)
	return nil
}

func (m *madeUp) Strike(r bpf.Remains) error {
	m.notes = slices.DeleteFunc(m.notes, func(o bpf.Remains) bool { return o == r })
	return nil
}

// Each rule is noted before it is made, and both are gone afterwards; what others
// had made stays, and a card that takes some is used for these.
func TestSteering(t *testing.T) {
	all := flowrules.Rules(2, 3784, 3785, 4784)
	theirs := flowrules.Rule{Port: 3785, Queue: 2}
	noV6 := func(r flowrules.Rule) error {
		if r.V6 {
			return unix.EINVAL
		}
		return nil
	}
	for name, tt := range map[string]struct {
		had    []flowrules.Rule
		refuse func(flowrules.Rule) error
		made   int
		says   string
	}{
		"all":          {nil, nil, 6, "queue 2"},
		"theirs":       {[]flowrules.Rule{theirs}, nil, 5, "queue 2"},
		"IPv4 only":    {nil, noV6, 3, "queue 2, in part: invalid argument"},
		"none of them": {nil, func(flowrules.Rule) error { return flowrules.ErrNone }, 0, flowrules.ErrNone.Error()},
	} {
		m := &madeUp{t: t, rules: slices.Clone(tt.had), refuse: tt.refuse}
		s := &steering{queue: 2}
		s.add(m, m, "eth0", 7)
		i := Interface{steering: s, options: Options{SteerTo: 3}}
		if got := i.Steering(); got != tt.says || len(s.made) != tt.made || len(m.notes) != tt.made {
			t.Errorf("%s: %q, %d made, %d noted", name, got, len(s.made), len(m.notes))
		}
		if tt.made == 6 {
			if diff := cmp.Diff(all, m.rules); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		must(t, s.remove(m, "eth1"))
		if diff := cmp.Diff(tt.had, m.rules); diff != "" && len(m.rules) != len(tt.had) || len(m.notes) != 0 || m.name != "eth1" {
			t.Errorf("%s: left %v, noted %v, name %q", name, m.rules, m.notes, m.name)
		}
	}
}

// A veth has no such rules, and not as many queues: both are said, and it serves.
func TestNotSteered(t *testing.T) {
	testnet.NoLeaks(t)
	for want, steerTo := range map[string]int{"takes no flow rules": 1, "there are 2 receive queues, and no queue 2": 3, "off": 0} {
		r := newRig(t, netns.VethOptions{Queues: 2})
		i, err := r.a.tryOpen(Options{SteerTo: steerTo, Journal: &madeUp{t: t}})
		must(t, err)
		if transport, _ := i.Transport(); transport != "xdp-native" || !strings.Contains(i.Steering(), want) {
			t.Errorf("%s: %q", transport, i.Steering())
		}
		must(t, i.Close())
	}
	if _, err := newRig(t, netns.VethOptions{}).a.tryOpen(Options{SteerTo: -1}); err == nil {
		t.Error("a queue below 0 was accepted")
	}
}
