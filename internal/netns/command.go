package netns

import (
	"context"
	"os/exec"
	"sync"
	"syscall"
)

// Cmd is an exec.Cmd whose process starts inside a namespace. Set its fields
// as usual, and start it by the methods of Cmd itself, never through the
// embedded value.
type Cmd struct {
	*exec.Cmd
	ns      *NS
	waited  chan struct{}
	release sync.Once
}

// Command prepares a program to run inside the namespace. The process is
// killed when ctx ends and also when this process dies, so that nothing
// outlives a crash.
func (n *NS) Command(ctx context.Context, name string, args ...string) *Cmd {
	c := &Cmd{Cmd: exec.CommandContext(ctx, name, args...), ns: n, waited: make(chan struct{})}
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// Start starts the process. Its thread is kept until Wait, because the death
// signal is sent when the thread that forked ends, not the process.
func (c *Cmd) Start() error {
	started := make(chan error)
	go func() {
		err := c.ns.Do(func() error {
			err := c.Cmd.Start()
			if err != nil {
				return err
			}
			started <- nil
			<-c.waited
			return nil
		})
		if err != nil {
			started <- err
		}
	}()
	return <-started
}

// Wait is exec.Cmd's.
func (c *Cmd) Wait() error {
	err := c.Cmd.Wait()
	c.release.Do(func() { close(c.waited) })
	return err
}

// Run is exec.Cmd's.
func (c *Cmd) Run() error { return c.ns.Do(c.Cmd.Run) }

// Output is exec.Cmd's.
func (c *Cmd) Output() (out []byte, err error) {
	err = c.ns.Do(func() error {
		var err error
		out, err = c.Cmd.Output()
		return err
	})
	return out, err
}

// CombinedOutput is exec.Cmd's.
func (c *Cmd) CombinedOutput() (out []byte, err error) {
	err = c.ns.Do(func() error {
		var err error
		out, err = c.Cmd.CombinedOutput()
		return err
	})
	return out, err
}
