// Command pid1 is the first process of a guest: it carries out the plan that it
// finds and switches the guest off, whatever happens.
//
// Go's runtime waits only for the processes that it has started, so the first
// process does nothing but bury the dead, and the work is done by a second one.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/vm/plan"
)

func main() {
	if os.Getpid() != 1 {
		if err := work(); err != nil {
			fmt.Fprintln(os.Stderr, plan.Console+":", err)
			os.Exit(1)
		}
		return
	}
	fmt.Println(plan.Console, "starts")
	if err := bury(); err != nil {
		fmt.Fprintln(os.Stderr, plan.Console+":", err)
	}
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// bury starts the second process and waits for whoever ends until that has.
func bury() error {
	if err := mountAll(); err != nil {
		return err
	}
	c := exec.Command("/proc/self/exe")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		return err
	}
	for {
		pid, err := unix.Wait4(-1, nil, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("wait for processes: %w", err)
		case pid == c.Process.Pid:
			return nil
		}
	}
}
