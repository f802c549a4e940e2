package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/xbfd/xbfd/internal/vm/plan"
)

// events writes what tests print as go test -json would, so that what reads the
// host's tests reads the guests' too.
type events struct {
	out     io.Writer
	guest   string
	running map[string]*converter
	failed  []string // suites in which tests have failed
	errs    []error
}

// converter is a running go tool test2json.
type converter struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

func newEvents(out io.Writer, guest string) *events {
	return &events{out: out, guest: guest, running: map[string]*converter{}}
}

// take takes a message of the guest's.
func (e *events) take(m plan.Message) {
	var err error
	switch {
	case m.Output != nil:
		err = e.write(m.Output.Test, m.Output.Text)
	case m.Exit != nil:
		if m.Exit.Error != "" {
			e.failed = append(e.failed, m.Exit.Test)
			err = e.write(m.Exit.Test, []byte(m.Exit.Error+"\n"))
		}
		err = errors.Join(err, e.end(m.Exit.Test))
	}
	if err != nil {
		e.errs = append(e.errs, err)
	}
}

func (e *events) write(test string, text []byte) error {
	c := e.running[test]
	if c == nil {
		var err error
		if c, err = e.start(test); err != nil {
			return err
		}
		e.running[test] = c
	}
	_, err := c.in.Write(text)
	return err
}

func (e *events) start(test string) (*converter, error) {
	c := exec.Command("go", "tool", "test2json", "-t", "-p", "vm/"+e.guest+"/"+test)
	c.Stdout, c.Stderr = e.out, os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start test2json: %w", err)
	}
	return &converter{c, in}, nil
}

// end ends the output of a test. One that did not say how it ended has failed.
func (e *events) end(test string) error {
	c := e.running[test]
	if c == nil {
		return nil
	}
	delete(e.running, test)
	return errors.Join(c.in.Close(), c.cmd.Wait())
}

// close ends what a guest that died has left open.
func (e *events) close() error {
	for test := range e.running {
		e.errs = append(e.errs, e.end(test))
	}
	return errors.Join(e.errs...)
}

// verdict writes the event of a test of the host's own, which failed if err is one.
func verdict(out io.Writer, name string, err error) {
	type event struct{ Action, Package, Test, Output string }
	write := func(e event) {
		e.Package, e.Test = "vm", name
		_ = json.NewEncoder(out).Encode(e)
	}
	if err == nil {
		write(event{Action: "pass"})
		return
	}
	write(event{Action: "output", Output: err.Error() + "\n"})
	write(event{Action: "fail"})
}
