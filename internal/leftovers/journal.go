package leftovers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/xbfd/xbfd/bpf"
)

// Neighbours stands for all neighbour entries that the process has the kernel
// keep, since they are known by their mark.
const Neighbours bpf.RemainsKind = "neighbours"

const (
	bookSuffix = ".json"
	lockSuffix = ".lock"
	newSuffix  = ".new" // of a book that is being written
)

// book is the content of a journal.
type book struct {
	Process   int           `json:"process"`
	Namespace uint64        `json:"namespace"` // network namespace, as in /proc/PID/ns/net
	Remains   []bpf.Remains `json:"remains"`   // in the order in which it was made
}

// Journal is the account of this process. Its methods may be called from any
// goroutine.
type Journal struct {
	dir, base string // base: path without suffix

	mu   sync.Mutex
	book book
	lock *os.File // nil while nothing is noted
}

var _ bpf.Journal = (*Journal)(nil)

// New returns the journal of this process in a directory, for what it makes in
// the network namespace of the calling thread. Nothing is written before there is
// something to note.
func New(dir string) (*Journal, error) {
	ns, err := namespace()
	if err != nil {
		return nil, err
	}
	pid := os.Getpid()
	base := filepath.Join(dir, fmt.Sprintf("%d-%x", pid, time.Now().UnixNano()))
	return &Journal{dir: dir, base: base, book: book{Process: pid, Namespace: ns}}, nil
}

// Note writes down what is about to be made.
func (j *Journal) Note(r bpf.Remains) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if slices.Contains(j.book.Remains, r) {
		return nil
	}
	if j.lock == nil {
		if err := j.open(); err != nil {
			return err
		}
	}
	j.book.Remains = append(j.book.Remains, r)
	err := j.book.write(j.base)
	if err != nil { // nothing is made then
		j.book.Remains = j.book.Remains[:len(j.book.Remains)-1]
	}
	return err
}

// Strike takes back what is gone, or was not made after all.
func (j *Journal) Strike(r bpf.Remains) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.Index(j.book.Remains, r)
	if i < 0 {
		return nil
	}
	j.book.Remains = slices.Delete(j.book.Remains, i, i+1)
	if len(j.book.Remains) > 0 {
		return j.book.write(j.base)
	}
	return errors.Join(discard(j.base), j.unlock())
}

// Close lets go of the journal. What still stands in it is for the next Sweep.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.unlock()
}

func (j *Journal) unlock() (err error) {
	if j.lock != nil {
		err = j.lock.Close()
		j.lock = nil
	}
	return err
}

func (j *Journal) open() (err error) {
	if err := os.MkdirAll(j.dir, 0o755); err != nil {
		return fmt.Errorf("make directory of journals: %w", err)
	}
	j.lock, err = takeLock(j.base+lockSuffix, true)
	return err
}

// write replaces the book as a whole: whoever reads it sees this one or the last.
func (b *book) write(base string) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("encode journal: %w", err)
	}
	path := base + bookSuffix
	if err := os.WriteFile(path+newSuffix, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return fmt.Errorf("replace journal: %w", err)
	}
	return nil
}

// maxBook is more than the interfaces of any host fill.
const maxBook = 16 << 20

// read returns the book of a journal, an empty one if none was written yet.
func read(base string) (b book, err error) {
	f, err := os.Open(base + bookSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return book{}, nil
	}
	if err != nil {
		return book{}, fmt.Errorf("read journal: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBook))
	if err != nil {
		return book{}, fmt.Errorf("read journal: %w", err)
	}
	if b, err = parse(text); err != nil {
		return book{}, fmt.Errorf("read journal %s: %w: remove it when you know that nothing is left of its process", f.Name(), err)
	}
	return b, nil
}

func parse(text []byte) (b book, err error) {
	if err := json.Unmarshal(text, &b); err != nil {
		return book{}, err
	}
	for _, r := range b.Remains {
		if r.Kind == "" || r.Kind != Neighbours && r.Ifindex <= 0 {
			return book{}, fmt.Errorf("%q of interface %d is nothing that could be left", r.Kind, r.Ifindex)
		}
	}
	return b, nil
}

// discard removes the files of a journal. The caller holds its lock, which goes
// last: a book without a lock would have no owner.
func discard(base string) error {
	var errs []error
	for _, suffix := range []string{bookSuffix + newSuffix, bookSuffix, lockSuffix} {
		if err := os.Remove(base + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove journal: %w", err))
		}
	}
	return errors.Join(errs...)
}
