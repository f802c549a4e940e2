package wirebed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/speaker"
	"github.com/xbfd/xbfd/internal/testnet"
	"github.com/xbfd/xbfd/netlinkmon"
)

// childVar is set in the environment of a process that is a D and no test.
const childVar = "XBFD_WIREBED_CHILD"

// childConfig is what such a process is told, as JSON in childVar.
type childConfig struct {
	Spec        engine.Spec
	Local, Peer netip.Addr
	Lanes       int
	DeadMan     time.Duration
}

// childReport is what it writes when its standard input ends.
type childReport struct {
	engine.Status
	Uninsured string // why the interface answers for nothing
}

// child is a D with one session in a process of its own, which can be stopped as
// no thread of this one can.
type child struct {
	*device
	cmd *netns.Cmd
	in  io.Closer
	out *strings.Builder
}

func newChild(d *device, c childConfig) *child {
	d.Helper()
	spec, err := json.Marshal(c)
	d.must(err)
	k := &child{device: d, cmd: d.Command(context.Background(), "/proc/self/exe"), out: new(strings.Builder)}
	k.cmd.Env = append(os.Environ(), childVar+"="+string(spec))
	k.cmd.Stdout, k.cmd.Stderr = k.out, os.Stderr
	k.in, err = k.cmd.StdinPipe()
	d.must(err)
	d.must(k.cmd.Start())
	return k
}

func (k *child) signal(s syscall.Signal) {
	k.Helper()
	k.must(k.cmd.Process.Signal(s))
}

// end lets the process go and returns what it says of its session.
func (k *child) end() (st childReport) {
	k.Helper()
	k.must(errors.Join(k.in.Close(), k.cmd.Wait()))
	k.must(json.Unmarshal([]byte(k.out.String()), &st))
	return st
}

// kill is for when end was not reached.
func (k *child) kill() {
	if k.cmd.ProcessState == nil {
		_ = k.cmd.Process.Kill()
		_ = k.cmd.Wait()
	}
}

// beChild is the process.
func beChild(spec string) error {
	var c childConfig
	if err := json.Unmarshal([]byte(spec), &c); err != nil {
		return err
	}
	s, err := speaker.New(speaker.Options{
		Sessions: 16, Lanes: c.Lanes, DeadMan: c.DeadMan,
		Transport: func(string) string { return "xdp" },
	})
	if err != nil {
		return err
	}
	discr, err := s.Add(netlinkmon.Target{Peer: c.Peer, Local: c.Local, Interface: "d0"}, c.Spec)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	st, err := s.Engine().Status(context.Background(), discr)
	if err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	return errors.Join(json.NewEncoder(os.Stdout).Encode(childReport{st, s.Path(discr).Uninsured}), s.Close())
}

// onChild runs a script on a bed whose D is a process of its own.
func onChild(r *trial, s setup, c childConfig, script func(b *bed, k *child)) {
	r.Helper()
	d := &device{trial: r, NS: testnet.NewNS(r.T, "d")}
	defer func() {
		for _, l := range d.links {
			d.must(l.close())
		}
	}()
	b := &bed{trial: r, d: d}
	b.connect("d0", d.plug("d0"), s)
	c.Spec, c.Local, c.Peer = s.Spec, s.local, s.peer
	k := newChild(d, c)
	defer k.kill()
	b.handshake()
	script(b, k)
}
