package leftovers

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/internal/testnet"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	someFilter = bpf.Remains{Kind: bpf.RemainsFilter, Interface: "eth0", Ifindex: 1 << 30, Priority: 1, Handle: 7, Program: 99}
	someClsact = bpf.Remains{Kind: bpf.RemainsClsact, Interface: "eth0", Ifindex: 1 << 30}
)

func newJournal(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := New(dir)
	must(t, err)
	t.Cleanup(func() { must(t, j.Close()) })
	return j
}

// files lists what is in a directory, by suffix.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if !errors.Is(err, os.ErrNotExist) {
		must(t, err)
	}
	for _, e := range entries {
		list = append(list, strings.Join(strings.SplitAfter(e.Name(), ".")[1:], ""))
	}
	return list
}

// A journal is there while it has something to say, and says that and no more.
func TestJournal(t *testing.T) {
	testnet.NoLeaks(t)
	dir := filepath.Join(t.TempDir(), "run", "xbfd")
	j := newJournal(t, dir)
	check := func(what string, want ...bpf.Remains) {
		t.Helper()
		b, err := read(j.base)
		must(t, err)
		if diff := cmp.Diff(want, b.Remains); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		var there []string
		if want != nil {
			there = []string{"json", "lock"}
			if ns, _ := namespace(); b.Process != os.Getpid() || b.Namespace != ns {
				t.Errorf("%s: process %d, namespace %d", what, b.Process, b.Namespace)
			}
		}
		if diff := cmp.Diff(there, files(t, dir)); diff != "" {
			t.Errorf("%s: files (-want +got):\n%s", what, diff)
		}
	}
	must(t, j.Strike(someFilter))
	check("nothing")
	must(t, j.Note(someClsact))
	must(t, j.Note(someFilter))
	must(t, j.Note(someFilter))
	check("two, one noted twice", someClsact, someFilter)
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o755 {
		t.Errorf("directory %v, %v", st, err)
	}
	must(t, j.Strike(someClsact))
	check("one", someFilter)
	must(t, j.Strike(someFilter))
	check("none any more")
	must(t, j.Note(someClsact))
	check("and again", someClsact)
	must(t, j.Strike(someClsact))
	check("and at the end")
}

// What cannot be written down is an error, and is not taken for noted.
func TestJournalRefused(t *testing.T) {
	testnet.NoLeaks(t)
	dir := t.TempDir()
	j := newJournal(t, filepath.Join(dir, "file", "below"))
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	if err := j.Note(someFilter); err == nil || !strings.Contains(err.Error(), "make directory") {
		t.Errorf("no directory: %v", err)
	}
	j = newJournal(t, dir)
	must(t, os.Mkdir(j.base+bookSuffix, 0o700))
	if err := j.Note(someFilter); err == nil || len(j.book.Remains) != 0 {
		t.Errorf("no book: %v, %+v", err, j.book)
	}
	must(t, os.Remove(j.base+bookSuffix))
	must(t, errors.Join(j.Note(someFilter), j.Strike(someFilter)))
}

// sweeping returns the outcomes without the texts for people.
func sweeping(t *testing.T, dir string) (list []Outcome) {
	t.Helper()
	list, err := Sweep(dir)
	must(t, err)
	for i := range list {
		if list[i].Text == "" {
			t.Errorf("%+v has no text", list[i])
		}
		list[i].Text = ""
	}
	return list
}

// A living process keeps what it has made. What is in another namespace waits for
// a sweep there, what cannot be read for somebody to look at it; neither keeps
// others from being removed.
func TestSweep(t *testing.T) {
	testnet.NoLeaks(t)
	ns, other := testnet.NewNS(t, "a"), testnet.NewNS(t, "b")
	var there uint64
	must(t, other.Do(func() (err error) {
		there, err = namespace()
		return err
	}))
	must(t, ns.Do(func() error {
		here, err := namespace()
		must(t, err)
		dir := t.TempDir()
		if list := sweeping(t, filepath.Join(dir, "none")); list != nil {
			t.Errorf("nowhere: %+v", list)
		}
		living, dead, away, lost := newJournal(t, dir), newJournal(t, dir), newJournal(t, dir), newJournal(t, dir)
		neighbour := newJournal(t, dir)
		neighbour.book.Namespace = there
		must(t, neighbour.Note(bpf.Remains{Kind: Neighbours}))
		away.book.Namespace, lost.book.Namespace = there, 1
		must(t, errors.Join(lost.Note(someFilter), lost.Close()))
		must(t, errors.Join(living.Note(bpf.Remains{Kind: Neighbours}), dead.Note(bpf.Remains{Kind: Neighbours}), dead.Note(someFilter)))
		must(t, errors.Join(away.Note(someClsact), away.Close(), dead.Close()))
		must(t, os.WriteFile(filepath.Join(dir, "z.json"), []byte("{"), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "orphan.lock"), nil, 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "README"), nil, 0o600))

		pid := os.Getpid()
		owned := Outcome{Remains: bpf.Remains{Kind: Neighbours}, Process: pid, Namespace: here, State: Owned}
		foreign := Outcome{Remains: someClsact, Process: pid, Namespace: there, State: Foreign}
		elsewhere := Outcome{Remains: bpf.Remains{Kind: Neighbours}, Process: pid, Namespace: there, State: Elsewhere}
		want := []Outcome{
			owned, elsewhere, {State: Failed},
			{Remains: someFilter, Process: pid, Namespace: here, State: Gone},
			{Remains: bpf.Remains{Kind: Neighbours}, Process: pid, Namespace: here, State: Kept},
			foreign,
			{Remains: someFilter, Process: pid, Namespace: 1, State: Gone},
		}
		if diff := cmp.Diff(want, sweeping(t, dir)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]Outcome{owned, elsewhere, {State: Failed}, foreign}, sweeping(t, dir)); diff != "" {
			t.Errorf("once more (-want +got):\n%s", diff)
		}
		must(t, living.Strike(bpf.Remains{Kind: Neighbours}))
		if n := len(files(t, dir)); n != 7 { // away's two, neighbour's two, z's two and README
			t.Errorf("files %v", files(t, dir))
		}
		return nil
	}))
}

// Sweeps in two namespaces at once do not take each other for the owners of the
// journals that they look at.
func TestSweepsTogether(t *testing.T) {
	testnet.NoLeaks(t)
	dir := t.TempDir()
	both := []*testnet.NS{testnet.NewNS(t, "a"), testnet.NewNS(t, "b")}
	for range 10 {
		for _, ns := range both {
			must(t, ns.Do(func() error {
				dead, err := New(dir)
				must(t, err)
				return errors.Join(dead.Note(bpf.Remains{Kind: Neighbours}), dead.Close())
			}))
		}
		owned := make(chan []Outcome)
		for _, ns := range both {
			go func() {
				var list []Outcome
				_ = ns.Do(func() (err error) {
					list, err = Sweep(dir)
					return err
				})
				owned <- slices.DeleteFunc(list, func(o Outcome) bool { return o.State != Owned })
			}()
		}
		for range both {
			if list := <-owned; len(list) != 0 {
				t.Fatalf("taken for living: %+v", list)
			}
		}
		if left := files(t, dir); left != nil {
			t.Fatalf("journals %v", left)
		}
	}
}

// A lock file that was removed while somebody waited for it is nobody's.
func TestLockOfRemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	first, err := takeLock(path, false)
	must(t, err)
	if _, err := takeLock(path, false); !errors.Is(err, errLocked) {
		t.Errorf("a second lock: %v", err)
	}
	waited := make(chan error)
	go func() {
		second, err := takeLock(path, true)
		if err == nil && !isAt(second, path) {
			err = errors.New("the lock is on a file that is gone")
		}
		waited <- errors.Join(err, second.Close())
	}()
	must(t, os.Remove(path))
	must(t, first.Close())
	must(t, <-waited)
}

// FuzzParse: whatever stands in a journal, reading it either fails or gives what
// can be looked for.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "{", "null", `{"process":1}`,
		`{"process":4242,"namespace":4026531840,"remains":[{"kind":"filter","interface":"eth0","ifindex":3,"priority":1,"handle":7,"program":99}]}`,
		`{"remains":[{"kind":"neighbours"}]}`, `{"remains":[{"kind":"clsact"}]}`, `{"remains":[{"ifindex":-1}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := parse(text)
		for _, r := range b.Remains {
			if err != nil || r.Kind == "" || r.Kind != Neighbours && r.Ifindex <= 0 {
				t.Errorf("%+v, %v", r, err)
			}
		}
	})
}
