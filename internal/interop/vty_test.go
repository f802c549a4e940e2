package interop

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// change has a bfdd that was started with --tcli make one change of commands. vtysh
// has no such thing, so it is spoken to as vtysh does: each command ends with a zero,
// each answer with three and the result.
func (f *frr) change(t testing.TB, commands ...string) {
	t.Helper()
	c, err := net.DialTimeout("unix", f.path("bfdd.vty"), patience)
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(patience)))
	r := bufio.NewReader(c)
	for _, line := range append(append([]string{"enable", "configure terminal"}, commands...), "commit") {
		_, err := io.WriteString(c, line+"\x00")
		must(t, err)
		for zeros := 0; zeros < 3; zeros++ {
			b, err := r.ReadByte()
			must(t, err)
			if b != 0 {
				zeros = -1
			}
		}
		result, err := r.ReadByte()
		must(t, err)
		if result != 0 {
			t.Fatalf("bfdd: %q: result %d", line, result)
		}
	}
}
