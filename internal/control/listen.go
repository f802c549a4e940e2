package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/config"
)

// ErrInUse is in the error of Listen when a living process listens already.
var ErrInUse = errors.New("in use by another xbfd")

// Listen creates the control socket that c describes. A socket that a dead
// process left behind is replaced. At no time can more users connect than c
// lets. Close removes the socket.
func Listen(c config.Control) (net.Listener, error) {
	l, err := ListenUnix(c)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", c.Path, err)
	}
	return l, nil
}

// ListenUnix is Listen for a socket that is not the control socket.
func ListenUnix(c config.Control) (_ net.Listener, err error) {
	if len(c.Path) > maxPath {
		return nil, fmt.Errorf("the path has %d characters: at most %d fit into a socket's address", len(c.Path), maxPath)
	}
	gid, err := groupID(c.Group)
	if err != nil {
		return nil, err
	}
	// Two that start at once must not take each other's new socket for a stale one.
	unlock, err := lockDirectory(filepath.Dir(c.Path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(c.Path); err != nil {
		return nil, err
	}
	bound, err := bind(c.Path)
	if err != nil {
		return nil, err
	}
	l := &listener{UnixListener: bound, path: c.Path}
	l.SetUnlinkOnClose(false) // Close makes sure that it is ours first
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	if l.file, err = os.Lstat(c.Path); err != nil {
		return nil, err
	}
	if err := os.Chown(c.Path, -1, gid); err != nil {
		return nil, err
	}
	return l, os.Chmod(c.Path, c.Mode)
}

// bind creates a socket at path that only the process's own user can reach. The
// file takes its mode from the descriptor (and the umask), so there is no moment
// in which others could connect.
func bind(path string) (*net.UnixListener, error) {
	private := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var modeErr error
		err := raw.Control(func(fd uintptr) { modeErr = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(err, modeErr)
	}}
	l, err := private.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// maxPath is what sun_path holds besides its final zero byte.
const maxPath = len(unix.RawSockaddrUnix{}.Path) - 1

// groupID returns the number of a group, or -1, which changes nothing.
func groupID(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(group, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("group: there is no group %q on this host", group)
	}
	return strconv.Atoi(g.Gid)
}

// lockDirectory takes the advisory lock of a directory for as long as a socket
// is being made in it; it leaves no file behind and ends with the process.
func lockDirectory(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no directory %s: create it or choose another path", dir)
	}
	if err != nil {
		return nil, err
	}
	for range 200 {
		if err = unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { d.Close() }, nil
}

// removeStale removes the socket of a dead process and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is something else than a socket: remove it or choose another path")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		defer conn.Close()
		return fmt.Errorf("%w%s: stop it, or choose another path", ErrInUse, listenerPID(conn.(*net.UnixConn)))
	case errors.Is(err, unix.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("%w, which is too busy to answer: stop it, or choose another path", ErrInUse)
	}
	return err
}

// listenerPID names the process at the other end of conn for people.
func listenerPID(conn *net.UnixConn) (text string) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return ""
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil && cred.Pid > 0 {
			text = fmt.Sprintf(" (process %d)", cred.Pid)
		}
	})
	return text
}

// listener removes its socket when it is closed.
type listener struct {
	*net.UnixListener
	path string
	file fs.FileInfo // of the socket that was made; nil before
}

func (l *listener) Close() error {
	// While the listener still answers nobody takes the socket for a stale one,
	// so what is removed here is our own.
	if now, err := os.Lstat(l.path); err == nil && l.file != nil && os.SameFile(now, l.file) {
		_ = os.Remove(l.path)
	}
	return l.UnixListener.Close()
}
