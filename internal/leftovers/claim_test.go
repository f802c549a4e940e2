package leftovers

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/internal/testnet"
)

// TestClaim: one at a time in a network namespace, whatever goes on in others.
func TestClaim(t *testing.T) {
	a, b, dir := testnet.NewNS(t, "a"), testnet.NewNS(t, "b"), t.TempDir()
	claim := func(ns *testnet.NS, what string) (c *Claim, err error) {
		err = ns.Do(func() error { c, err = NewClaim(dir, what); return err })
		return c, err
	}
	first, err := claim(a, "routes")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claim(a, "routes"); !errors.Is(err, ErrClaimed) || !strings.Contains(err.Error(), fmt.Sprintf("by process %d of this", os.Getpid())) {
		t.Errorf("claimed twice: %v", err)
	}
	for _, free := range []struct {
		ns   *testnet.NS
		what string
	}{{b, "routes"}, {a, "else"}} {
		c, err := claim(free.ns, free.what)
		if err != nil {
			t.Errorf("%+v: %v", free, err)
		}
		c.Close()
	}
	first.Close()
	again, err := claim(a, "routes")
	if err != nil {
		t.Errorf("after it was given up: %v", err)
	}
	again.Close()
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v are left, %v", files, err)
	}
}
