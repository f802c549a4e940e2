// Xbfd is the BFD daemon, its command line and its demonstration. Each command
// has a file of its own; this one is where the parts meet.
package main

import (
	"context"
	"os"

	"github.com/xbfd/xbfd/internal/daemon"
	"github.com/xbfd/xbfd/internal/demo"
)

// version is set by the linker.
var version = "devel"

func main() {
	e := &env{
		args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		version: version, run: daemon.Run, demo: demo.Run,
	}
	os.Exit(e.main(context.Background()))
}
