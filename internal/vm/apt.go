package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// apt asks Debian's package manager. Its fields are settings of apt's; those of a
// machine that is another than the host are apart from the host's own, which knows
// nothing of that machine's packages and is not to.
type apt struct{ settings string } // path of a file of them, "" for the host's own

// apt returns what knows the kernel's packages.
func (k Kernel) apt(cache string) (apt, error) {
	if k.arch() == "amd64" {
		return apt{}, nil
	}
	dir, err := filepath.Abs(filepath.Join(cache, "apt-"+k.arch()))
	if err != nil {
		return apt{}, err
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return apt{}, err
		}
	}
	settings := ""
	for name, value := range map[string]string{
		"APT::Architecture": k.arch(), "APT::Architectures": k.arch(), "APT::Sandbox::User": "root",
		"Dir::State::lists": dir + "/lists", "Dir::State::status": dir + "/status", "Dir::Cache": dir + "/cache",
	} {
		settings += fmt.Sprintf("%s %q;\n", name, value)
	}
	a := apt{filepath.Join(dir, "settings")}
	if err := os.WriteFile(filepath.Join(dir, "status"), nil, 0o644); err != nil {
		return apt{}, err
	}
	return a, os.WriteFile(a.settings, []byte(settings), 0o644)
}

func (a apt) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	if a.settings != "" {
		c.Env = append(os.Environ(), "APT_CONFIG="+a.settings)
	}
	return c
}

// run runs a program whose output matters only when it fails.
func (a apt) run(ctx context.Context, dir, name string, args ...string) error {
	c := a.command(ctx, name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{name}, args...), " "), err, out)
	}
	return nil
}

// download unpacks a package into dir, whole or not at all.
func (a apt) download(ctx context.Context, name, dir string) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := a.run(ctx, tmp, "apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", name); err != nil {
		return err
	}
	debs, _ := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if len(debs) != 1 {
		return fmt.Errorf("download %s: %d files", name, len(debs))
	}
	if err := a.run(ctx, tmp, "dpkg-deb", "-x", filepath.Base(debs[0]), "."); err != nil {
		return err
	}
	if err := os.Remove(debs[0]); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}
