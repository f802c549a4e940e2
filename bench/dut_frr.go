package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const frrDir = "/usr/lib/frr"

// frrDUT is FRR's bfdd alone.
type frrDUT struct {
	setup
	proc      *process
	log       journal
	reads     int
	elsewhere int // of the first sessions others ask for
}

func newFRR(s setup) (dut, error) {
	if _, err := os.Stat(filepath.Join(frrDir, "bfdd")); err != nil {
		return nil, &Missing{"FRR's bfdd", "package frr"}
	}
	if s.interval%time.Millisecond != 0 || s.interval < 10*time.Millisecond {
		return nil, fmt.Errorf("FRR: an interval of %v cannot be configured, only whole milliseconds from 10", s.interval)
	}
	return &frrDUT{setup: s}, nil
}

func (d *frrDUT) start(ctx context.Context) (err error) {
	if err := d.give("bfdd.conf", d.config()); err != nil {
		return err
	}
	d.proc, err = d.run("bfdd", "--bfdctl", d.path("bfdd.sock"))
	return err
}

// run starts a program of FRR with its file. --tcli takes that as one change: without,
// the time is quadratic.
func (d *frrDUT) run(program string, more ...string) (*process, error) {
	args := []string{
		"-u", "frr", "-g", "frr", "--vty_socket", d.dir, "-z", d.path("zserv.api"), "-i", d.path(program + ".pid"),
		"-f", d.path(program + ".conf"), "--tcli", "-A", "127.0.0.1", "-P", "0",
		"--limit-fds", "65000", "--log", "stdout", "--log-level", "debugging",
	}
	return spawn(d.lab.dut, d.lab.dutCPU, &d.log, nil, filepath.Join(frrDir, program), append(args, more...)...)
}

// give writes a file and makes it and the directory those of the user whom FRR's
// programs become.
func (d *frrDUT) give(name, text string) error {
	if err := d.write(name, text); err != nil {
		return err
	}
	u, err := user.Lookup("frr")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(err, gidErr); err != nil {
		return err
	}
	return errors.Join(os.Chown(d.dir, uid, gid), os.Chown(d.path(name), uid, gid))
}

func (d *frrDUT) config() string {
	var b strings.Builder
	fmt.Fprint(&b, "debug bfd peer\nbfd\n profile bench\n")
	fmt.Fprintf(&b, "  detect-multiplier %d\n  transmit-interval %d\n  receive-interval %[2]d\n exit\n",
		d.mult, d.interval.Milliseconds())
	for k := d.elsewhere; k < d.sessions; k++ {
		fmt.Fprintf(&b, " peer %v local-address %v\n  profile bench\n exit\n", remote(k), local(k))
	}
	fmt.Fprint(&b, "exit\n")
	return b.String()
}

func (d *frrDUT) ready() error {
	if !d.fifo {
		return nil
	}
	return makeRealTime(d.proc.pid)
}

func (d *frrDUT) process() *process { return d.proc }

func (d *frrDUT) downs() (int, error) { return d.log.count("] up -> "), nil }

func (d *frrDUT) read() error {
	d.reads++
	k := d.reads % d.sessions
	return d.ask(fmt.Sprintf("show bfd peer %v local-address %v json", remote(k), local(k)))
}

// ask sends commands as vtysh does: each ends with a zero, each answer with three and
// the result.
func (d *frrDUT) ask(commands ...string) error {
	c, err := net.DialTimeout("unix", d.path("bfdd.vty"), patience)
	if err != nil {
		return fmt.Errorf("ask bfdd: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("ask bfdd: %w", err)
	}
	r := bufio.NewReader(c)
	for _, line := range append([]string{"enable"}, commands...) {
		if _, err := io.WriteString(c, line+"\x00"); err != nil {
			return fmt.Errorf("ask bfdd: %w", err)
		}
		for zeros := 0; zeros < 3; {
			b, err := r.ReadByte()
			if err != nil {
				return fmt.Errorf("ask bfdd: %w", err)
			}
			if b != 0 {
				zeros = -1
			}
			zeros++
		}
		if status, err := r.ReadByte(); err != nil || status != 0 {
			return errors.Join(fmt.Errorf("ask bfdd %q: status %d", line, status), err)
		}
	}
	return nil
}

func (d *frrDUT) facts() facts {
	return facts{
		Version:   versionOf(filepath.Join(frrDir, "bfdd"), "--version"),
		Transport: "udp", Transmit: "socket", Heard: "off", Insurance: "off",
	}
}

func (d *frrDUT) stop() error { return d.proc.kill() }

func (d *frrDUT) said() string { return d.log.said() }
