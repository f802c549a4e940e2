package leftovers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Claim is held by the one process of a network namespace that keeps something there.
type Claim struct{ file *os.File }

// ErrClaimed is in the error of NewClaim when another process holds the claim.
var ErrClaimed = errors.New("claimed")

// NewClaim claims what is named in the network namespace of the calling thread, by a
// file in the directory of journals. A claim ends with its process at the latest.
func NewClaim(dir, what string) (*Claim, error) {
	ns, err := namespace()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.claim", what, ns))
	f, err := takeLock(path, false)
	switch {
	case errors.Is(err, errLocked):
		holder := "another process"
		if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
			holder = "process " + strings.TrimSpace(string(text))
		}
		return nil, fmt.Errorf("%w by %s of this network namespace", ErrClaimed, holder)
	case err != nil:
		return nil, err
	}
	_ = f.Truncate(0)
	_, _ = fmt.Fprintln(f, os.Getpid()) // for people
	return &Claim{f}, nil
}

// Close gives the claim up. A nil Claim has nothing to give up.
func (c *Claim) Close() {
	if c != nil {
		_ = os.Remove(c.file.Name())
		_ = c.file.Close()
	}
}
