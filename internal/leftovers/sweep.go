package leftovers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/netlinkmon"
)

// Outcome is what became of one thing that stands in a journal.
type Outcome struct {
	bpf.Remains
	Process   int    `json:"process"`             // that made it
	Namespace uint64 `json:"namespace,omitempty"` // network namespace that it is in; 0: not known
	State     State  `json:"state"`
	Text      string `json:"result"` // for people
}

// State says how an Outcome ended.
type State string

// The states.
const (
	Gone      State = "gone"      // removed, or it was not there
	Kept      State = "kept"      // nothing to do with a dead process any more: others use it
	Owned     State = "owned"     // its process lives
	Elsewhere State = "elsewhere" // its process lives in another network namespace
	Foreign   State = "foreign"   // of a dead process, in another network namespace
	Failed    State = "failed"
)

// Sweep removes what dead processes have left in the network namespace of the
// calling thread, as the journals in a directory say, and tells of each thing what
// became of it. What living processes have is not touched. A directory that does
// not exist holds no journals.
func Sweep(dir string) ([]Outcome, error) {
	ns, err := namespace()
	if err != nil {
		return nil, err
	}
	defer alone(dir)()
	bases, err := journals(dir)
	if err != nil {
		return nil, err
	}
	s := sweep{namespace: ns}
	for _, base := range bases {
		s.take(base)
	}
	for _, d := range s.dead {
		s.bury(d)
	}
	return s.outcomes, nil
}

// journals returns the paths, without suffix, of all journals in a directory.
func journals(dir string) (bases []string, err error) {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list journals: %w", err)
	}
	for _, f := range files {
		base, isBook := strings.CutSuffix(f.Name(), bookSuffix)
		if !isBook {
			var isLock bool
			if base, isLock = strings.CutSuffix(f.Name(), lockSuffix); !isLock {
				continue
			}
		}
		bases = append(bases, filepath.Join(dir, base))
	}
	slices.Sort(bases)
	return slices.Compact(bases), nil
}

type sweep struct {
	namespace uint64
	dead      []estate
	kept      bool // a living process has the kernel keep neighbours here
	outcomes  []Outcome
}

// estate is the journal of a dead process, whose lock is ours.
type estate struct {
	base string
	lock *os.File
	book book
}

// take finds out whether the owner of a journal lives.
func (s *sweep) take(base string) {
	lock, err := takeLock(base+lockSuffix, false)
	if err != nil && !errors.Is(err, errLocked) {
		s.outcomes = append(s.outcomes, Outcome{State: Failed, Text: err.Error()})
		return
	}
	b, readErr := read(base)
	switch {
	case readErr != nil:
		s.outcomes = append(s.outcomes, Outcome{State: Failed, Text: readErr.Error()})
		if lock != nil {
			lock.Close()
		}
	case err == nil:
		s.dead = append(s.dead, estate{base, lock, b})
	case b.Namespace != s.namespace:
		for _, r := range b.Remains {
			s.tell(&b, r, Elsewhere, fmt.Sprintf("left: process %d lives in another network namespace", b.Process))
		}
	default:
		for _, r := range b.Remains {
			s.tell(&b, r, Owned, fmt.Sprintf("left: process %d lives and removes it when it ends", b.Process))
			s.kept = s.kept || r.Kind == Neighbours
		}
	}
}

// bury removes what stands in the journal of a dead process, the last first, and
// the journal if nothing remains.
func (s *sweep) bury(d estate) {
	defer d.lock.Close()
	before := len(d.book.Remains)
	for i := before - 1; i >= 0; i-- {
		if s.remove(&d.book, d.book.Remains[i]) {
			d.book.Remains = slices.Delete(d.book.Remains, i, i+1)
		}
	}
	var err error
	switch len(d.book.Remains) {
	case 0:
		err = discard(d.base)
	case before:
	default:
		err = d.book.write(d.base)
	}
	if err != nil {
		s.outcomes = append(s.outcomes, Outcome{Process: d.book.Process, State: Failed, Text: err.Error()})
	}
}

// remove removes one thing and reports whether it need not be remembered.
func (s *sweep) remove(b *book, r bpf.Remains) (done bool) {
	switch {
	case b.Namespace != s.namespace && vanished(b.Namespace):
		s.tell(b, r, Gone, "was gone already, with its network namespace")
		return true
	case b.Namespace != s.namespace:
		s.tell(b, r, Foreign, fmt.Sprintf("left: it is in network namespace net:[%d], so it takes an xbfd cleanup there", b.Namespace))
		return false
	case r.Kind == Neighbours && s.kept:
		s.tell(b, r, Kept, string(bpf.InUse))
		return true
	}
	text, state, err := dispose(r)
	if err != nil {
		s.tell(b, r, Failed, err.Error())
		return false
	}
	s.tell(b, r, state, text)
	return true
}

func dispose(r bpf.Remains) (text string, state State, err error) {
	if r.Kind == Neighbours {
		n, err := netlinkmon.TakeBack()
		if err != nil {
			return "", "", err
		}
		return fmt.Sprintf("released: %d", n), Gone, nil
	}
	done, err := r.Remove()
	if done == bpf.InUse {
		return string(done), Kept, err
	}
	return string(done), Gone, err
}

func (s *sweep) tell(b *book, r bpf.Remains, state State, text string) {
	s.outcomes = append(s.outcomes, Outcome{Remains: r, Process: b.Process, Namespace: b.Namespace, State: state, Text: text})
}
