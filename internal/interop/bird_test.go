package interop

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

// bird is BIRD with nothing but its BFD protocol.
type bird struct {
	*process
	host *host
	dir  string
	s    speech
	log  *journal
}

func startBIRD(t testing.TB, h *host, s speech) *bird {
	t.Helper()
	_, err := exec.LookPath("bird")
	testnet.Require(t, err == nil, "needs BIRD (Debian package bird2)")
	b := &bird{host: h, s: s, log: newJournal(t, "bird"), dir: t.TempDir()}
	b.write(t)
	b.revive(t)
	return b
}

func (b *bird) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bird) revive(t testing.TB) {
	t.Helper()
	_ = os.Remove(b.path("ctl"))
	b.process = spawn(t, b.host.NS, b.log, "bird", "-f", "-c", b.path("conf"), "-s", b.path("ctl"), "-P", b.path("pid"))
	eventually(t, patience, "bird answers", func() bool {
		return exec.Command("birdc", "-s", b.path("ctl"), "show", "status").Run() == nil
	})
}

func (b *bird) write(t testing.TB) {
	t.Helper()
	var c strings.Builder
	fmt.Fprintf(&c, "router id %s;\nlog stderr all;\ntimeformat log iso long us;\nprotocol device {}\n", b.host.v4)
	fmt.Fprintf(&c, "protocol bfd bfd1 {\n debug { events };\n interface %q { interval %s ms; multiplier %d; %s};\n",
		b.host.ifname, milliseconds(b.s.interval), b.s.mult, b.role())
	fmt.Fprintf(&c, " multihop { interval %s ms; multiplier %d; };\n", milliseconds(b.s.interval), b.s.mult)
	for _, p := range b.s.sessions {
		if p.multihop {
			fmt.Fprintf(&c, " neighbor %s local %s multihop yes;\n", p.peer, p.local)
			continue
		}
		fmt.Fprintf(&c, " neighbor %s dev %q local %s;\n", p.peer, b.host.ifname, p.local)
	}
	fmt.Fprint(&c, "}\n", b.s.more)
	must(t, os.WriteFile(b.path("conf"), []byte(c.String()), 0o644))
}

func (b *bird) role() string {
	if b.s.passive {
		return "passive yes; "
	}
	return ""
}

// birdc runs a command as an operator would.
func (b *bird) birdc(t testing.TB, command ...string) string {
	t.Helper()
	out, err := exec.Command("birdc", append([]string{"-s", b.path("ctl")}, command...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("birdc %q: %v\n%s", command, err, out)
	}
	return string(out)
}

func (b *bird) retime(t testing.TB, interval time.Duration) {
	t.Helper()
	b.s.interval = interval
	b.write(t)
	if out := b.birdc(t, "configure"); !strings.Contains(out, "Reconfigured") {
		t.Fatalf("birdc configure: %s", out)
	}
}

// views reads a table of address, interface, state, time of change, interval
// and detection time, both in seconds.
func (b *bird) views(t testing.TB) map[netip.Addr]view {
	t.Helper()
	m := make(map[netip.Addr]view)
	for line := range strings.Lines(b.birdc(t, "show", "bfd", "sessions")) {
		f := strings.Fields(line)
		if len(f) != 6 {
			continue
		}
		peer, err := netip.ParseAddr(f[0])
		if err != nil {
			continue
		}
		// It counts nothing, but logs every change.
		lost := b.log.lines(`Session to ` + f[0] + ` changed state from Up`)
		m[peer] = view{up: f[2] == "Up", tx: seconds(t, f[4]), detect: seconds(t, f[5]), failures: len(lost)}
	}
	return m
}

func seconds(t testing.TB, s string) time.Duration {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	must(t, err)
	return time.Duration(f * float64(time.Second)).Round(time.Microsecond)
}
