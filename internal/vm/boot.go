package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/internal/vm/plan"
)

// Guest is one machine and what it runs.
type Guest struct {
	Name   string
	Kernel Kernel
	Cards  []Pair
	Suites []Suite
	Limit  time.Duration // of the whole run, emulated
}

// Suite is tests of one package.
type Suite struct {
	Name    string
	Package string // below the module's root
	Run     string // which tests, as -test.run; "" for all
	Skip    string // which not, as -test.skip
	Limit   time.Duration
}

// parallel is how many tests of a suite run at the same time: as many as there are
// processors. With more, daemons do not come to their ten seconds for the first path.
const parallel = "2"

// args are those of the compiled test.
func (s Suite) args() []string {
	args := []string{"-test.v=test2json", "-test.timeout", s.Limit.String(), "-test.parallel", parallel}
	if s.Run != "" {
		args = append(args, "-test.run", s.Run)
	}
	if s.Skip != "" {
		args = append(args, "-test.skip", s.Skip)
	}
	return args
}

// Boot runs the guest to its end and hands each message of it to tell. It returns
// an error when the guest did not come to the end of its plan: the console's last
// words are part of it.
func (g Guest) Boot(ctx context.Context, a Accelerator, kernel *Unpacked, b *Binaries, dir string, tell func(plan.Message)) error {
	if err := g.boot(ctx, a, kernel, b, dir, tell); err != nil {
		return fmt.Errorf("guest %s: %w", g.Name, err)
	}
	return nil
}

func (g Guest) boot(ctx context.Context, a Accelerator, kernel *Unpacked, b *Binaries, dir string, tell func(plan.Message)) error {
	set, err := readModules(kernel.Modules)
	if err != nil {
		return err
	}
	modules, err := set.resolve(ctx, g.modules())
	if err != nil {
		return err
	}
	tested := plan.DriversEnv + "="
	for _, d := range g.tested() {
		tested += " " + string(d)
	}
	p := plan.Plan{Env: []string{"XBFD_MUST_RUN=1", tested}}
	for _, s := range g.Suites {
		p.Tests = append(p.Tests, plan.Test{Name: s.Name, Args: s.args()})
	}
	image := filepath.Join(dir, "image.cpio")
	if err := writeImage(image, b, modules, p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, g.Limit)
	defer cancel()
	console := filepath.Join(dir, g.Name+".console")
	done, err := g.run(ctx, append(a.machine(kernel, image), "-serial", "file:"+console), tell)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("did not end within %v; its console:\n%s", g.Limit, lastWords(console))
	case err != nil:
		return err
	case !done:
		return fmt.Errorf("ended before its plan did; its console:\n%s", lastWords(console))
	}
	return nil
}

// run runs QEMU with the guest's cards, in a network namespace of its own, and
// reports whether the guest said that it was done.
func (g Guest) run(ctx context.Context, args []string, tell func(plan.Message)) (done bool, err error) {
	ns, err := netns.New("vm")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, ns.Close()) }()
	if err := ns.Sysctl("net/ipv6/conf/default/disable_ipv6", "1"); err != nil {
		return false, err
	}
	for n, pair := range g.Cards {
		if err := pair.join(ns, n); err != nil {
			return false, err
		}
		args = append(args, pair.args(n)...)
	}
	args = append(args, "-device", "virtio-serial-pci", "-chardev", "file,id=messages,path=/dev/stdout",
		"-device", "virtserialport,chardev=messages,name="+plan.Port)
	var complaints strings.Builder
	c := ns.Command(ctx, machines[g.Kernel.arch()].qemu, args...)
	c.Stderr = &complaints
	out, err := c.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := c.Start(); err != nil {
		return false, fmt.Errorf("start QEMU: %w", err)
	}
	done, err = listen(out, tell)
	if werr := c.Wait(); werr != nil && ctx.Err() == nil {
		err = errors.Join(err, fmt.Errorf("QEMU: %w\n%s", werr, complaints.String()))
	}
	return done, err
}

// listen hands over messages until the guest says no more.
func listen(r io.Reader, tell func(plan.Message)) (done bool, err error) {
	lines := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return done, nil // half a line is of a guest that died
		}
		if err != nil {
			return done, fmt.Errorf("listen to the guest: %w", err)
		}
		var m plan.Message
		if err := json.Unmarshal(line, &m); err != nil {
			return done, fmt.Errorf("understand the guest: %w: %.200q", err, line)
		}
		done = done || m.Done
		tell(m)
	}
}

// lastWords returns the end of a console.
func lastWords(path string) string {
	const enough = 4000
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-enough):])
}
