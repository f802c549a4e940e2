package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/xbfd/xbfd/client"
)

const (
	// Kept is how many files of Keep's a directory has at most.
	Kept = 100

	mode   = fs.FileMode(0o640)
	prefix = "xbfd-"
	suffix = ".pcapng"
)

// Keep writes what was recorded of a session that failed at an instant into a file of
// a directory, and removes the oldest of such files that are too many. It returns the
// file's path. The error is fs.ErrNotExist where there is no such directory.
func Keep(dir string, c *client.Capture, at time.Time) (path string, err error) {
	path = filepath.Join(dir, fileName(c, at))
	if err := writeWhole(path, c); err != nil {
		return "", err
	}
	return path, prune(dir)
}

// fileName says whose packets are in a file, and when the session failed.
func fileName(c *client.Capture, at time.Time) string {
	peer := strings.NewReplacer(":", "-", "%", "-").Replace(c.Peer.String())
	return fmt.Sprintf("%s%s-%d-%s%s", prefix, peer, c.Discr, at.UTC().Format("20060102T150405.000000Z"), suffix)
}

// writeWhole writes a file that is whole as soon as it has its name.
func writeWhole(path string, c *client.Capture) (err error) {
	f, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(f.Chmod(mode), File(f, c, "xbfd"), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// prune removes the oldest files of a directory that are too many. It touches no
// file of another name.
func prune(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	ours := make(map[string]time.Time)
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !strings.HasSuffix(e.Name(), suffix) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil {
			ours[e.Name()] = info.ModTime()
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return ours[a].Compare(ours[b]) })
	var errs []error
	for len(names) > Kept {
		errs = append(errs, os.Remove(filepath.Join(dir, names[0])))
		names = names[1:]
	}
	return errors.Join(errs...)
}
