package matrix

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/vm/plan"
)

// Tell lays down what became of a feature on a driver and a device, under the kernel
// that runs. A test tells each cell once; one that fails before it has told leaves
// the cell untested, which fails the run.
func Tell(t testing.TB, driver Driver, device Device, feature Feature, o Outcome) {
	t.Helper()
	o.Why = strings.Join(strings.Fields(strings.ReplaceAll(o.Why, "|", "/")), " ") // a line of a table
	path := os.Getenv(plan.CellsEnv)
	t.Logf("cell: %s, %s, %s: %s", driver, device, feature, o)
	if path == "" {
		return
	}
	line, err := json.Marshal(Cell{Place{series(t), driver, device}, feature, o})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatalf("tell a cell: %v", err)
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil {
		t.Fatalf("tell a cell: %v", err)
	}
}

// series returns the first two numbers of the running kernel's version.
func series(t testing.TB) string {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	return Series(unix.ByteSliceToString(u.Release[:]))
}

// Series returns the first two numbers of a kernel's version.
func Series(release string) string {
	var major, minor int
	_, _ = fmt.Sscanf(release, "%d.%d", &major, &minor)
	return fmt.Sprintf("%d.%d", major, minor)
}
