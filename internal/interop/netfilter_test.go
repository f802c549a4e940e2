package interop

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xbfd/xbfd/internal/testnet"
)

// rules are what a host's firewall may have against BFD, in and out.
const rules = `
table inet guard {
	chain in { type filter hook input priority 0; policy accept; udp dport 3784 drop; }
	chain out { type filter hook output priority 0; policy accept; udp dport 3784 drop; }
}`

// nft runs nft with a script.
func (h *host) nft(t testing.TB, script string) {
	t.Helper()
	c := h.Command(context.Background(), "nft", "-f", "-")
	c.Stdin = strings.NewReader(script)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
}

// Rules of netfilter do nothing to what XDP steers. They do to packets that go by
// sockets: the session fails, what could not be sent is counted, and the doctor names
// the rule, before and after.
func TestNetfilter(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("nft")
	testnet.Require(t, err == nil, "needs nft (Debian package nftables)")
	a, b := newLink(t)
	twin := start(t, b, oneSession(a, 50*time.Millisecond, ""))
	d := start(t, a, oneSession(b, 50*time.Millisecond, ""))
	d.waitUp(t)
	twin.waitUp(t)
	a.nft(t, rules)
	time.Sleep(2 * mult * 50 * time.Millisecond)
	kept(t, "with rules, by rings", d, twin)
	for _, chain := range []string{"in", "out"} {
		r := xbfd(t, a, "doctor", "--control", d.control)
		if !regexp.MustCompile(`(?m)^warn +firewall +nftables chain inet guard ` + chain + ` drops UDP port 3784: `).MatchString(r.stdout) {
			t.Errorf("the doctor does not name chain %s:\n%s%s", chain, r.stdout, r.stderr)
		}
	}

	if r := xbfd(t, a, "--control", d.control, "interface", "a", "--transport", "udp"); r.code != 0 {
		t.Fatalf("change of the transport: %+v", r)
	}
	d.waitState(t, b.v4, "down")
	if n := d.status(t).Interfaces[0].Counters["raw_tx_failed"]; n == 0 {
		t.Error("what the rules kept from being sent is not counted")
	}
	a.nft(t, "delete table inet guard")
	d.waitUp(t)
	twin.waitUp(t)
}
