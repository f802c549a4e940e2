package gobgp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
)

// Store keeps across a crash which neighbors were disabled: a file, in which they
// stand before they are. The zero Store keeps nothing.
type Store struct{ Path string }

// maxStored is far more than the neighbors of any router take.
const maxStored = 1 << 20

// load returns what a process before this one has left disabled.
func (s Store) load() (list []netip.Addr, err error) {
	if s.Path == "" {
		return nil, nil
	}
	info, err := os.Stat(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read disabled neighbors: %w", err)
	case info.Size() > maxStored:
		return nil, fmt.Errorf("read disabled neighbors: %s has more than %d bytes", s.Path, maxStored)
	}
	text, err := os.ReadFile(s.Path)
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("read disabled neighbors: %w", err)
	}
	return list, nil
}

// save replaces what is kept.
func (s Store) save(list []netip.Addr) error {
	if s.Path == "" {
		return nil
	}
	if len(list) == 0 {
		if err := os.Remove(s.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget disabled neighbors: %w", err)
		}
		return nil
	}
	text, err := json.Marshal(list)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.Path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(s.Path+".new", append(text, '\n'), 0o644)
	}
	if err == nil {
		err = os.Rename(s.Path+".new", s.Path)
	}
	if err != nil {
		return fmt.Errorf("note disabled neighbors: %w", err)
	}
	return nil
}
