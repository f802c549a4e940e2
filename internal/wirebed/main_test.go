package wirebed

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// atOnce is how many tests run at the same time: they wait for protocol timers
// most of the time.
const atOnce = 12

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if spec := os.Getenv(childVar); spec != "" {
		if err := beChild(spec); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			return 1
		}
		return 0
	}
	flag.Parse()
	n := atOnce
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "test.parallel" {
			_, _ = fmt.Sscan(f.Value.String(), &n)
		}
	})
	if err := flag.Set("test.parallel", fmt.Sprint(n)); err != nil {
		fmt.Fprintln(os.Stderr, "set parallel tests:", err)
		return 1
	}
	// Each worker may hold a P while it sleeps towards a near deadline.
	runtime.GOMAXPROCS(2*n + 4)
	goFirst()
	go watchHost()
	return m.Run()
}
