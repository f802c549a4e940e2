package rows

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Layer says how close to a real network a row was proven.
type Layer string

// The layers: Virtual is a value, a codec or the simulator, with no kernel;
// Wire is real frames, namespaces, processes or netlink.
const (
	Virtual Layer = "virtual"
	Wire    Layer = "wire"
)

// wirePackages are the packages (and those below them) whose tests use the kernel.
var wirePackages = []string{
	"engine/wire", "bpf", "netlinkmon", "cmd", "examples", "bench", "interop",
	"internal/interop", "internal/wirebed", "internal/daemon", "internal/explain", "internal/demo", "internal/doctor", "internal/speaker", "internal/leftovers", "internal/flowrules", "internal/routes", "internal/netns", "internal/testnet", "internal/packaging", "internal/vm",
}

func layerOf(pkg string) Layer {
	for _, w := range wirePackages {
		if pkg == w || strings.HasPrefix(pkg, w+"/") {
			return Wire
		}
	}
	return Virtual
}

// Record says that a passed test proved a row.
type Record struct {
	Row     string
	Package string // relative to the module's root
	Test    string // as testing.TB.Name gives it, subtests after slashes
	Layer   Layer
}

// recordFile is the one file in the directory: a line is one write with
// O_APPEND, so test processes that run side by side do not tear each other's.
const recordFile = "records.tsv"

// recordDir is where records go; empty means nowhere.
func recordDir() string { return os.Getenv("XBFD_ROWS") }

func (r Record) appendTo(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, recordFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("record row %s: %w", r.Row, err)
	}
	_, err = f.WriteString(strings.Join([]string{r.Row, r.Package, r.Test, string(r.Layer)}, "\t") + "\n")
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("record row %s: %w", r.Row, err)
	}
	return nil
}

// Read returns the records in dir in the order they were written. A directory
// without records gives none.
func Read(dir string) ([]Record, error) {
	f, err := os.Open(filepath.Join(dir, recordFile))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	defer f.Close()
	var all []Record
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		c := strings.Split(lines.Text(), "\t")
		if len(c) != 4 {
			return nil, fmt.Errorf("read records: line %d has %d columns, not 4", n, len(c))
		}
		all = append(all, Record{Row: c[0], Package: c[1], Test: c[2], Layer: Layer(c[3])})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	return all, nil
}
