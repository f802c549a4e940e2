package dplane

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xbfd/xbfd/internal/bfddp"
	"github.com/xbfd/xbfd/internal/testnet"
)

// spy answers each request for counters, and keeps what it was told.
type spy struct {
	mu     sync.Mutex
	told   []string
	err    error
	refuse bool
}

func (s *spy) tell(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, what)
}

func (s *spy) Attached(*Conn) bool {
	s.tell("attached")
	return !s.refuse
}

func (s *spy) Received(c *Conn, m *Message) {
	s.tell("received")
	c.Send(&Message{Type: bfddp.SessionCounters, ID: m.ID, Counters: bfddp.Counters{LID: m.LID}})
}

func (s *spy) Malformed(*Conn, error) { s.tell("malformed") }

func (s *spy) Detached(_ *Conn, err error) {
	s.tell("detached")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *spy) Unreachable(error) { s.tell("unreachable") }

func (s *spy) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.told...)
}

func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return l, path
}

// talk is bfdd's end: a request, an unknown message, and half of a third.
func talk(t *testing.T, conn net.Conn) {
	t.Helper()
	ask := Message{Type: bfddp.RequestCounters, ID: 7, LID: 9}
	b := ask.Append(nil)
	odd := ask.Append(nil)
	odd[3] = 77
	if _, err := conn.Write(append(b, odd...)); err != nil {
		t.Fatal(err)
	}
	m, n, err := bfddp.NewReader(conn).Next()
	if err != nil || n != 80 || m.ID != 7 || m.Counters.LID != 9 {
		t.Fatalf("answered %+v, %d bytes, %v", m, n, err)
	}
	if _, err := conn.Write(b[:5]); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// TestConnect: it tries until somebody listens, serves, and comes back after the
// connection was lost.
func TestConnect(t *testing.T) {
	t.Parallel()
	l, path := listen(t)
	_ = l.Close()
	s := new(spy)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		Connect(ctx, func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}, s)
	})
	testnet.Eventually(t, 5*time.Second, "two attempts", func() bool { return len(s.list()) > 1 })
	tries := len(s.list())
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		talk(t, conn)
	}
	testnet.Eventually(t, 5*time.Second, "both lost", func() bool { return len(s.list()) >= tries+8 })
	cancel()
	done.Wait()
	_ = l.Close()
	got := s.list()
	for len(got) > 0 && got[0] == "unreachable" {
		got = got[1:]
	}
	want := []string{"attached", "received", "malformed", "detached"}
	if diff := cmp.Diff(append(want, want...), got[:8]); diff != "" || !errors.Is(s.err, io.ErrUnexpectedEOF) {
		t.Errorf("%v\n%s", s.err, diff)
	}
}

// TestListen: several at once, one too many, and the end.
func TestListen(t *testing.T) {
	t.Parallel()
	l, path := listen(t)
	s := new(spy)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { Listen(ctx, l, s) })
	dial := func() net.Conn {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	first, second := dial(), dial()
	talk(t, first)
	talk(t, second)
	testnet.Eventually(t, 5*time.Second, "both served", func() bool { return len(s.list()) == 8 })
	third := dial()
	testnet.Eventually(t, 5*time.Second, "a third", func() bool { return len(s.list()) == 9 })
	cancel()
	if _, err := third.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	done.Wait()
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("it still listens")
	}
}

// TestSendAndWrite queues messages while others are written: each arrives once, and
// in order.
func TestSendAndWrite(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	c := newConn(ours)
	var done sync.WaitGroup
	done.Go(c.write)
	const count = 20_000
	done.Go(func() {
		for lid := uint32(1); lid <= count; lid++ {
			for !c.Send(&Message{Type: bfddp.StateChange, State: bfddp.State{LID: lid}}) {
				time.Sleep(time.Millisecond)
			}
		}
	})
	r := bfddp.NewReader(theirs)
	for lid := uint32(1); lid <= count; lid++ {
		if m, _, err := r.Next(); err != nil || m.State.LID != lid {
			t.Fatalf("%+v, %v instead of %d", m.State, err, lid)
		}
	}
	c.Close()
	done.Wait()
}

// TestFull: what finds no room is counted and refused, and nothing blocks.
func TestFull(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := newConn(ours)
	defer c.Close()
	m := Message{Type: bfddp.StateChange}
	sent := 0
	for c.Send(&m) {
		sent++
	}
	f := c.Figures()
	if want := (maxQueue - bfddp.MaxSize) / 36; sent <= want || sent > want+1 || f.Out.Full != 1 || f.Out.Waiting != 36*sent ||
		f.Out.Messages != uint64(sent) || f.Out.Bytes != uint64(36*sent) || f.Out.Peak != 36*sent {
		t.Errorf("%d sent, %+v", sent, f)
	}
	c.Close()
	if c.Send(&m) {
		t.Error("sent on a closed connection")
	}
}
