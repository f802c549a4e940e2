package bench

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

// program builds xbfd: the load peer and the engine under test are processes of
// their own.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "xbfd")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/xbfd").CombinedOutput()
	if err != nil {
		t.Fatalf("build xbfd: %v\n%s", err, out)
	}
	return path
}

// installed says whether an engine, or a load, is on this machine.
func installed(t *testing.T, name string) {
	t.Helper()
	var err error
	switch name {
	case "frr":
		_, err = newFRR(setup{interval: 50 * time.Millisecond})
	case "bird":
		_, err = newBIRD(setup{})
	case "stress-ng":
		_, err = exec.LookPath(name)
	}
	testnet.Require(t, err == nil, "needs "+name)
}

// objects runs a measurement and returns the objects that it writes.
func objects[T any](t *testing.T, o Options, run func(context.Context, Options, io.Writer, io.Writer) error) (list []T) {
	t.Helper()
	var out strings.Builder
	o.JSON = true
	if err := run(t.Context(), o, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(strings.NewReader(out.String())); ; {
		var v T
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
		list = append(list, v)
	}
}

// Each measurement runs, tells what it is to tell, and leaves nothing behind.
func TestSmoke(t *testing.T) {
	testnet.RequireRoot(t)
	o := options()
	o.Program, o.Hold = program(t), 300*time.Millisecond
	o.Plot = t.TempDir()
	testnet.NoLeaks(t)
	t.Run("scale", func(t *testing.T) { smokeScale(t, o) })
	t.Run("detect", func(t *testing.T) {
		o := o
		o.Mult = 20
		list := objects[DetectResult](t, o, Detect)
		if len(list) != 1 || list[0].Detected != 4 || list[0].DetectionTime != 1_000_000 || list[0].Overshoot.Count != 4 {
			t.Errorf("%+v", list)
		}
		picture(t, o, "overshoot.svg")
	})
	t.Run("gaps", func(t *testing.T) {
		list := objects[GapsResult](t, o, Gaps)
		if len(list) != 1 || list[0].Gaps.Count < 10 || list[0].Inside <= 0 {
			t.Errorf("%+v", list)
		}
		picture(t, o, "gaps.svg")
	})
	t.Run("failover", func(t *testing.T) { smokeFailover(t, o) })
	t.Run("stress", func(t *testing.T) { smokeStress(t, o) })
	t.Run("stress/reads", func(t *testing.T) {
		installed(t, "frr")
		o := o
		o.DUTs, o.Rungs = []string{"frr"}, []string{"api"}
		list := objects[StressResult](t, o, Stress)
		if len(list) != 1 || len(list[0].Rungs) != 1 || !strings.HasSuffix(list[0].Rungs[0].Note, " 0 failed") {
			t.Errorf("%+v", list)
		}
	})
	t.Run("told to end", func(t *testing.T) {
		o := o
		o.Hold = time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := Gaps(ctx, o, io.Discard, io.Discard)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > o.Hold/2 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func smokeScale(t *testing.T, o Options) {
	for _, name := range DUTs {
		t.Run(name, func(t *testing.T) {
			installed(t, name)
			o := o
			o.DUTs = []string{name}
			o.Mult = 60 // 3 s, for a machine that is busy: what is measured is no failure
			for _, r := range objects[ScaleResult](t, o, Scale) {
				if r.Up != 4 || r.TxPPS*r.HoldS < 4 || r.RxPPS*r.HoldS < 4 || r.Cores <= 0 || r.RSS == 0 || r.MaxGap <= 0 || r.Version == "" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func smokeStress(t *testing.T, o Options) {
	installed(t, "stress-ng")
	o.Rungs = []string{"L1", "stop-200ms", "flood-300k"}
	o.DUTs = []string{"sockets"} // for which nobody answers while it is stopped
	list := objects[StressResult](t, o, Stress)
	if len(list) != 1 || len(list[0].Rungs) != len(o.Rungs) {
		t.Fatalf("%+v", list)
	}
	for _, r := range list[0].Rungs {
		if r.Skipped != "" || r.MaxGap <= 0 {
			t.Errorf("%+v", r)
		}
	}
	if r := list[0].Rungs[1]; r.MaxGap < 200_000 {
		t.Errorf("stopped for 200 ms, and the longest gap was %v us", r.MaxGap)
	}
}

// Rings is the one that leaves something in this process: asavie/xdp does.
func TestRings(t *testing.T) {
	testnet.RequireRoot(t)
	o := options()
	o.Hold = 300 * time.Millisecond
	list := objects[RingsResult](t, o, Rings)
	if len(list) != len(ways) {
		t.Errorf("%d ways of %d", len(list), len(ways))
	}
	for _, r := range list {
		if r.Frames == 0 || r.NS <= 0 {
			t.Errorf("%+v", r)
		}
	}
}

func picture(t *testing.T, o Options, name string) {
	t.Helper()
	if st, err := os.Stat(filepath.Join(o.Plot, name)); err != nil || st.Size() == 0 {
		t.Errorf("no picture %s: %v", name, err)
	}
}

// What is missing is named and is no failure.
func TestMissingIsNamed(t *testing.T) {
	var out strings.Builder
	say := newPrinter(&out, io.Discard, true)
	if err := skip(say, "bird", errors.Join(&Missing{"BIRD", "package bird2"})); err != nil {
		t.Error(err)
	}
	if want := `{"dut":"bird","skipped":"BIRD is missing: install package bird2"}` + "\n"; out.String() != want {
		t.Errorf("wrote %q", out.String())
	}
	if err := skip(say, "bird", io.EOF); !errors.Is(err, io.EOF) {
		t.Errorf("hides %v", err)
	}
}
