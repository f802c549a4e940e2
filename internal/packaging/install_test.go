package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root is where everything is installed to, below which anybody may look. Tests
// share it and leave it as it is.
var root string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "xbfd-packaging-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil {
			panic(err)
		}
		if out, err := makeTarget("install", dir); err != nil {
			panic("make install: " + err.Error() + "\n" + out)
		}
		root = dir
		return m.Run()
	}())
}

func makeTarget(target, dest string) (out string, err error) {
	text, err := exec.Command("make", "-C", "../..", target, "DESTDIR="+dest, "PREFIX=/usr").CombinedOutput()
	return string(text), err
}

// tree returns the files below dir by their names; those of a kind that there are
// many of are one.
func tree(t *testing.T, dir string) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name := strings.TrimPrefix(path, dir)
			if strings.Contains(name, "/man1/xbfd-") {
				name = "/usr/share/man/man1/xbfd-*.1"
			}
			found[name] = true
		}
		return err
	}))
	return found
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	binary = "/usr/bin/xbfd"
	config = "/etc/xbfd/xbfd.yaml"
	unit   = "/usr/lib/systemd/system/xbfd.service"
)

func TestInstall(t *testing.T) {
	t.Parallel()
	want := map[string]bool{
		binary: true, config: true, unit: true, "/usr/lib/sysusers.d/xbfd.conf": true,
		"/usr/share/bash-completion/completions/xbfd": true, "/usr/share/zsh/site-functions/_xbfd": true,
		"/usr/share/fish/vendor_completions.d/xbfd.fish": true,
		"/usr/share/man/man1/xbfd.1":                     true, "/usr/share/man/man1/xbfd-*.1": true,
		"/usr/share/xbfd/xbfd.yaml": true, "/usr/share/xbfd/alerts.yaml": true, "/usr/share/xbfd/grafana.json": true, "/usr/share/xbfd/bird-hook": true,
	}
	if diff := cmp.Diff(want, tree(t, root)); diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
	if out, err := exec.Command(root+binary, "config", "check", root+config).CombinedOutput(); err != nil {
		t.Errorf("the sample file: %v\n%s", err, out)
	}
}

// TestAgain: a second installation leaves the operator's file alone, and so does
// the removal, which leaves nothing else.
func TestAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const mine = "peers: [{peer: 192.0.2.1}]\n"
	must(t, os.MkdirAll(filepath.Dir(dir+config), 0o755))
	must(t, os.WriteFile(dir+config, []byte(mine), 0o600))
	for _, target := range []string{"install", "uninstall"} {
		if out, err := makeTarget(target, dir); err != nil {
			t.Fatalf("make %s: %v\n%s", target, err, out)
		}
		if text, err := os.ReadFile(dir + config); err != nil || string(text) != mine {
			t.Errorf("after make %s the file has %q: %v", target, text, err)
		}
	}
	if diff := cmp.Diff(map[string]bool{config: true}, tree(t, dir)); diff != "" {
		t.Errorf("after make uninstall (-want +got):\n%s", diff)
	}
}

// TestUnit: systemd finds nothing to say about the unit.
func TestUnit(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("there is no systemd-analyze to ask")
		return
	}
	text, err := os.ReadFile(root + unit)
	must(t, err)
	copied := filepath.Join(t.TempDir(), "xbfd.service")
	must(t, os.WriteFile(copied, []byte(strings.ReplaceAll(string(text), binary, root+binary)), 0o644))
	if out, err := exec.Command(analyze, "verify", "--man=no", copied).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
