package main

import (
	"bufio"
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/testnet"
)

// asProgram in the environment makes the test binary the example itself.
const asProgram = "XBFD_TEST_EMBED"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is the example in a namespace.
type program struct {
	cmd   *netns.Cmd
	lines chan string // of its output
}

func start(t *testing.T, ns *testnet.NS, args ...string) *program {
	t.Helper()
	p := &program{ns.Command(context.Background(), os.Args[0], args...), make(chan string, 100)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
		close(p.lines)
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("%v ended: %v", args, err)
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		<-done
	})
	return p
}

// says waits for a line that begins with text.
func (p *program) says(t *testing.T, text string) {
	t.Helper()
	for end := time.After(20 * time.Second); ; {
		select {
		case l, open := <-p.lines:
			if !open {
				t.Fatalf("it ended before it said %q", text)
			}
			if strings.HasPrefix(l, text) {
				return
			}
		case <-end:
			t.Fatalf("it never said %q", text)
		}
	}
}

// TestEmbed: two programs reach each other, and one is told when the other leaves.
func TestEmbed(t *testing.T) {
	t.Parallel()
	a, b := testnet.NewNS(t, "embed-a"), testnet.NewNS(t, "embed-b")
	testnet.Veth(t, a, "eth0", b, "eth0")
	a.AddAddr(t, "eth0", "192.0.2.1/24")
	b.AddAddr(t, "eth0", "192.0.2.2/24")
	left, right := start(t, a, "192.0.2.1", "192.0.2.2"), start(t, b, "192.0.2.2", "192.0.2.1")
	left.says(t, "192.0.2.2 is reached")
	right.says(t, "192.0.2.1 is reached")
	if err := left.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	right.says(t, "192.0.2.1 is down (neighbor-down)")
}
