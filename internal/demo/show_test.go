package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/xbfd/xbfd/engine/wire"
)

// rig is a lab that stands, for what Run does not do.
func rig(t *testing.T, o Options) *lab {
	t.Helper()
	needNothingLeft(t)
	l := new(lab)
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.build(context.Background(), o, newPrinter(io.Discard, true)); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestInterruptComingUp(t *testing.T) {
	o := options()
	l := rig(t, o)
	if err := l.bridge.Cut(l.port); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := l.show(ctx, o, newPrinter(io.Discard, false))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

// Sessions that do not come up end the demo, with a result that says so.
func TestNeverUp(t *testing.T) {
	o := options()
	l := rig(t, o)
	if err := l.bridge.Cut(l.port); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r, err := l.show(context.Background(), o, newPrinter(&out, false))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.promises(); err == nil || err.Error() != "only 0 of 10 sessions came up" {
		t.Errorf("promises: %v", err)
	}
	if !strings.HasPrefix(out.String(), "up         0/10 in ") || strings.Contains(out.String(), "held") {
		t.Errorf("report:\n%s", out.String())
	}
}

// A path that fails while it should hold makes false Downs, and what was down
// before the cut has not noticed it.
func TestFalseDowns(t *testing.T) {
	o := options()
	o.Mult, o.Hold = patient, 3*time.Second // enough for a machine that is busy
	l := rig(t, o)
	out := &trigger{at: "transport", do: func() {
		if err := l.bridge.Cut(l.port); err != nil {
			t.Error(err)
		}
	}}
	r, err := l.show(context.Background(), o, newPrinter(out, false))
	if err != nil {
		t.Fatal(err)
	}
	if r.Up != 10 || r.FalseDowns != 20 || r.Detected != 0 {
		t.Errorf("result %+v", r)
	}
	if r.promises() == nil {
		t.Error("all promises are kept")
	}
	if want := "held       3s, 20 false Downs\n"; !strings.Contains(out.String(), want) {
		t.Errorf("report:\n%s", out.String())
	}
}

// Where XDP is not to be had the demo says why and runs over UDP, unless it was
// told to use XDP.
func TestWithoutXDP(t *testing.T) {
	o := options()
	o.Transport, o.Interval, o.Mult = "auto", 100*time.Millisecond, patient
	l := rig(t, o)
	occupy(t, l)
	var out bytes.Buffer
	r, err := l.show(context.Background(), o, newPrinter(&out, false))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.promises(); err != nil {
		t.Error(err)
	}
	want := `\ntransport  udp \(UDP sockets: .*another XDP program is attached: "foreign"`
	if r.Transport != "udp" || !regexp.MustCompile(want).MatchString(out.String()) {
		t.Errorf("transport %s, report:\n%s", r.Transport, out.String())
	}
}

func TestInsistOnXDP(t *testing.T) {
	o := options()
	l := rig(t, o)
	occupy(t, l)
	_, err := l.show(context.Background(), o, newPrinter(io.Discard, false))
	if !errors.Is(err, wire.ErrNoXDP) || !strings.Contains(err.Error(), "another XDP program is attached") {
		t.Errorf("error %v", err)
	}
}

// occupy attaches an XDP program of somebody else to both ends.
func occupy(t *testing.T, l *lab) {
	t.Helper()
	for _, ns := range l.spaces[:2] {
		err := ns.Do(func() error {
			i, err := ns.Link(ifname)
			if err != nil {
				return err
			}
			p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
				Name: "foreign", Type: ebpf.XDP, License: "MIT",
				Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}, // XDP_PASS
			})
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = p.Close() })
			x, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: i.Index})
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = x.Close() })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
