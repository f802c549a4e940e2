package interop

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xbfd/xbfd/internal/testnet"
)

// row is a line of a table: what somebody types elsewhere, and its counterpart.
type row struct {
	line        int
	left, right string
}

// codeSpan is what stands between backticks, and the exit status in brackets
// that may follow it.
var codeSpan = regexp.MustCompile("`([^`]+)`(?: \\(status ([0-9]+)\\))?")

// documented reads the tables of a document and the first YAML block in it.
func documented(t testing.TB, path string) (rows []row, file string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	_, after, found := strings.Cut(string(text), "```yaml\n")
	if !found {
		t.Fatalf("%s has no YAML", path)
	}
	file, _, _ = strings.Cut(after, "```")
	head := regexp.MustCompile(`^\|[ -:|]*-[ -:|]*\|$`)
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "| ") || i+1 < len(lines) && head.MatchString(lines[i+1]) {
			continue
		}
		cells := strings.Split(strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00"), "|")
		if len(cells) != 2 {
			t.Fatalf("%s:%d has %d cells", path, i+1, len(cells))
		}
		rows = append(rows, row{i + 1, strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])})
	}
	return rows, file
}

// manual is where what a document says is tried: a host with a running daemon, and
// another for commands that are daemons themselves.
type manual struct {
	*daemon
	spare *host
	dir   string // stands for /etc
	keys  string // those of the file, for entries that name one
	now   []byte // the running configuration, once a document has asked for it
}

// newEth0 is newLink with interfaces named eth0.
func newEth0(t testing.TB) (a, b *host) {
	t.Helper()
	a, b = newHost(t, "a"), newHost(t, "b")
	a.ifname, b.ifname = "eth0", "eth0"
	testnet.Veth(t, a.NS, a.ifname, b.NS, b.ifname)
	a.address(t)
	b.address(t)
	return a, b
}

// newManual runs the file that migration.md shows, beside a peer that is Up.
func newManual(t testing.TB, file string) *manual {
	t.Helper()
	a, b := newEth0(t)
	spare, _ := newEth0(t)
	m := &manual{spare: spare, dir: t.TempDir()}
	must(t, os.Mkdir(m.path("/etc/xbfd"), 0o755))
	must(t, os.WriteFile(m.path("/etc/xbfd/key1"), []byte("secret"), 0o600))
	must(t, os.WriteFile(m.path("/etc/xbfd/key2"), []byte("69d685b0d990cdba46872706dc"), 0o600))
	must(t, os.WriteFile(m.path("/etc/xbfd/xbfd.yaml"), []byte(m.path(file)), 0o644))
	m.keys, _, _ = strings.Cut(m.path(file), "profiles:")
	start(t, b, "shutdown-hold: 500ms\npeers: [{peer: 192.0.2.1}]\n")
	m.daemon = launchFile(t, a, m.path("/etc/xbfd/xbfd.yaml"), filepath.Join(m.dir, "sock"))
	m.started(t)
	m.waitState(t, b.v4, "up")
	return m
}

// TestMigration runs our side of every row of docs/migration.md.
func TestMigration(t *testing.T) {
	t.Parallel()
	rows, file := documented(t, "../../docs/migration.md")
	m := newManual(t, file)
	if len(rows) < 80 {
		t.Errorf("%d rows", len(rows))
	}
	for _, r := range rows {
		spans := codeSpan.FindAllStringSubmatch(r.right, -1)
		if len(spans) == 0 && !strings.HasPrefix(r.right, "No") {
			t.Errorf("line %d: %s: neither a counterpart nor why there is none", r.line, r.left)
		}
		for _, span := range spans {
			want, _ := strconv.Atoi(span[2])
			if wrong := m.try(t, strings.ReplaceAll(span[1], "\x00", "|"), want); wrong != "" {
				t.Errorf("line %d: %s: %s", r.line, span[1], wrong)
			}
		}
	}
}

// TestMigrationCoversFRR wants a row for every command of bfdd that is not one of all
// of FRR's daemons, and for every option of its own command line.
func TestMigrationCoversFRR(t *testing.T) {
	t.Parallel()
	rows, _ := documented(t, "../../docs/migration.md")
	has := make(map[string]bool)
	for _, r := range rows {
		for _, span := range codeSpan.FindAllStringSubmatch(r.left, -1) {
			has[strings.ReplaceAll(span[1], "\x00", "|")] = true
		}
	}
	_, b := newEth0(t)
	f := startFRR(t, b, speech{interval: viewInterval, mult: mult})
	help, err := exec.Command(filepath.Join(frrDir, "bfdd"), "--help").Output()
	must(t, err)
	options := regexp.MustCompile(`(?m)^  .*?(--[a-z_-]+) `).FindAllStringSubmatch(string(help), -1)
	for _, o := range options {
		if !has[o[1]] {
			t.Errorf("no row for bfdd %s", o[1])
		}
	}
	commands := 0
	for _, node := range [][]string{nil, {"bfd"}, {"bfd", "profile new"}, {"bfd", "peer 192.0.2.9"}} {
		enter := node
		if len(node) > 0 {
			enter = append([]string{"configure terminal"}, node...)
		}
		for line := range strings.Lines(f.vtysh(t, append(enter, "list")...)) {
			command := strings.TrimSpace(line)
			if everywhere.MatchString(command) || len(node) == 0 && !ofBFD.MatchString(command) {
				continue
			}
			commands++
			if !has[command] {
				t.Errorf("no row for %v %s", node, command)
			}
		}
	}
	if len(options) < 20 || commands < 30 {
		t.Errorf("bfdd has %d options and %d commands", len(options), commands)
	}
}

var (
	// everywhere are vtysh's own commands.
	everywhere = regexp.MustCompile(`^(exit|quit|end|list |find |output |no output )`)
	// ofBFD are bfdd's among those outside any node; the rest is the protocols'.
	ofBFD = regexp.MustCompile(`^(show|clear|(\[no\] )?debug) bfd`)
)

// TestMigrationCoversOthers wants a row for every command and message of VPP's BFD
// document and API, and for every option of aiobfd. Neither is there to be asked.
func TestMigrationCoversOthers(t *testing.T) {
	rows, _ := documented(t, "../../docs/migration.md")
	var left strings.Builder
	for _, r := range rows {
		left.WriteString(r.left + "\n")
	}
	for _, word := range strings.Split("-4 --ipv4 -6 --ipv6 -r --rx-interval -t --tx-interval -m --detect-mult -p --passive -v --verbose -d --debug "+
		"bfd_udp_add bfd_udp_mod bfd_udp_upd bfd_udp_del bfd_udp_session_dump bfd_udp_session_details bfd_udp_session_set_flags "+
		"bfd_udp_auth_activate bfd_udp_auth_deactivate bfd_auth_set_key bfd_auth_del_key bfd_auth_keys_dump bfd_auth_keys_details "+
		"bfd_udp_set_echo_source bfd_udp_get_echo_source bfd_udp_del_echo_source bfd_udp_set_tos bfd_udp_get_tos bfd_udp_enable_multihop "+
		"want_bfd_events bfd_udp_session_event", " ") {
		if !regexp.MustCompile("`" + word + "[` ]").MatchString(left.String()) {
			t.Errorf("no row for %s", word)
		}
	}
	for _, command := range []string{
		"bfd udp session add", "bfd udp session mod", "bfd udp session del", "bfd udp session set-flags admin down",
		"bfd udp session set-flags admin up", "bfd udp session auth activate", "bfd udp session auth deactivate", "delayed yes",
		"bfd udp echo-source set", "bfd udp echo-source del", "bfd key set", "bfd key del", "bfd udp tos",
		"show bfd sessions", "show bfd keys", "show bfd echo-source",
	} {
		if !strings.Contains(left.String(), "`"+command) {
			t.Errorf("no row for %s", command)
		}
	}
}

// path puts what a document calls /etc/xbfd…, and the file that it writes, where this
// test has them.
func (m *manual) path(text string) string {
	return strings.NewReplacer("/etc/xbfd", filepath.Join(m.dir, "xbfd"), "session.pcapng", filepath.Join(m.dir, "session.pcapng")).Replace(text)
}

// try does what a code span says and returns what is wrong with it.
func (m *manual) try(t testing.TB, span string, status int) (wrong string) {
	t.Helper()
	span = m.path(span)
	first, rest, _ := strings.Cut(span, " ")
	switch {
	case strings.HasPrefix(span, "xbfd run "):
		return m.tryRun(t, strings.Fields(rest)[1:])
	case first == "xbfd":
		args := strings.Fields(strings.ReplaceAll(rest, "--control /run/xbfd.sock ", ""))
		if r := m.ctl(t, args...); r.code != status {
			return fmt.Sprintf("status %d: %s%s", r.code, r.stdout, r.stderr)
		}
		return ""
	case strings.HasPrefix(rest, "/v1/"):
		path, body, _ := strings.Cut(rest, " ")
		return m.call(t, first, path, body)
	case first[0] == '{':
		return m.check(t, m.keys+"echo-source: {address: 10.10.10.2}\nprofiles: {fast: {}}\npeers:\n  - "+span+"\n")
	}
	return m.check(t, span+"\n")
}

// tryRun runs a daemon of its own until it has started.
func (m *manual) tryRun(t testing.TB, args []string) (wrong string) {
	t.Helper()
	d := &daemon{host: m.spare}
	d.run(t, filepath.Join(t.TempDir(), "sock"), args...)
	d.started(t)
	d.end(t)
	d.ended = true
	return ""
}

// check has the configuration of a file checked.
func (m *manual) check(t testing.TB, config string) (wrong string) {
	t.Helper()
	file := filepath.Join(m.dir, "check.yaml")
	must(t, os.WriteFile(file, []byte(config), 0o644))
	if r := xbfd(t, m.host, "config", "check", file); r.code != 0 {
		return r.stdout + r.stderr
	}
	return ""
}

// call makes a call of the API.
func (m *manual) call(t testing.TB, method, path, body string) (wrong string) {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", m.control)
	}
	transport := &http.Transport{DialContext: dial}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://xbfd"+path, strings.NewReader(body))
	must(t, err)
	answer, err := (&http.Client{Transport: transport}).Do(request)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	if answer.StatusCode >= 300 {
		return answer.Status + ": " + string(text)
	}
	return ""
}
