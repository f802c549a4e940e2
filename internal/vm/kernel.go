package vm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kernel names a kernel of Debian's: the newest package of a series.
type Kernel struct {
	Series string // such as "6.1"
	Cloud  bool   // the small one, without the drivers of real cards
	Arch   string // of the machine, as Debian and Go call it; "" means amd64
}

func (k Kernel) arch() string { return cmp.Or(k.Arch, "amd64") }

// String returns what the matrix calls it: the series.
func (k Kernel) String() string { return k.Series }

// packageName matches the kernel's packages: the signed ones hold the same files and
// drag in others.
func (k Kernel) packageName() *regexp.Regexp {
	flavour := ""
	if k.Cloud {
		flavour = "cloud-"
	}
	return regexp.MustCompile(`^linux-image-` + regexp.QuoteMeta(k.Series) + `\.[0-9][0-9.+~a-z]*-([0-9]+-)?` + flavour + k.arch() + `-unsigned$`)
}

// newest returns the highest of the names that are packages of the kernel's, ""
// when none is.
func (k Kernel) newest(names []string) string {
	match := k.packageName()
	best := ""
	for _, n := range names {
		if match.MatchString(n) && (best == "" || compareVersions(n, best) > 0) {
			best = n
		}
	}
	return best
}

var numbers = regexp.MustCompile(`[0-9]+`)

// compareVersions compares by the numbers in two names, in their order.
func compareVersions(a, b string) int {
	value := func(s string) (list []int) {
		for _, n := range numbers.FindAllString(s, -1) {
			v, _ := strconv.Atoi(n)
			list = append(list, v)
		}
		return list
	}
	return slices.Compare(value(a), value(b))
}

// Unpacked is a kernel on disk.
type Unpacked struct {
	Kernel
	Package string // its name
	Image   string // path of what is booted
	Modules string // directory of its modules
}

// Fetch returns the kernel from the cache directory, where it is put before if
// its newest package is not there. It takes Debian's apt.
func (k Kernel) Fetch(ctx context.Context, cache string) (*Unpacked, error) {
	u, err := k.fetch(ctx, cache)
	if err != nil {
		return nil, fmt.Errorf("fetch kernel %s: %w", k, err)
	}
	return u, nil
}

func (k Kernel) fetch(ctx context.Context, cache string) (*Unpacked, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	apt, err := k.apt(cache)
	if err != nil {
		return nil, err
	}
	var errs []error
	for try := range 3 {
		if try > 0 { // the lists of packages may be missing or stale, the mirror may have a bad moment
			errs = append(errs, apt.run(ctx, "", "apt-get", "-o", "DPkg::Lock::Timeout=120", "update", "-q"))
			time.Sleep(time.Duration(try) * 3 * time.Second)
		}
		u, err := k.latest(ctx, apt, cache)
		if err == nil {
			return u, nil
		}
		errs = append(errs, err)
	}
	if u, err := k.cached(cache); err == nil { // better an older one than none
		return u, nil
	}
	return nil, errors.Join(errs...)
}

// latest returns the newest that apt knows.
func (k Kernel) latest(ctx context.Context, a apt, cache string) (*Unpacked, error) {
	name, err := k.available(ctx, a)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, name)
	if u, err := k.open(dir); err == nil {
		return u, nil
	}
	if err := a.download(ctx, name, dir); err != nil {
		return nil, err
	}
	return k.open(dir)
}

func (k Kernel) available(ctx context.Context, a apt) (string, error) {
	out, err := a.command(ctx, "apt-cache", "pkgnames", "linux-image-"+k.Series).Output()
	if err != nil {
		return "", fmt.Errorf("ask apt-cache (kernels are fetched from Debian's packages): %w", err)
	}
	name := k.newest(strings.Fields(string(out)))
	if name == "" {
		return "", errors.New("apt knows no package of it: apt-get update, on Debian 12 with its security updates")
	}
	return name, nil
}

func (k Kernel) cached(cache string) (*Unpacked, error) {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	name := k.newest(names)
	if name == "" {
		return nil, fs.ErrNotExist
	}
	return k.open(filepath.Join(cache, name))
}

func (k Kernel) open(dir string) (*Unpacked, error) {
	image, _ := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	modules, _ := filepath.Glob(filepath.Join(dir, "lib", "modules", "*"))
	if len(image) != 1 || len(modules) != 1 {
		return nil, fmt.Errorf("no kernel in %s: %w", dir, fs.ErrNotExist)
	}
	return &Unpacked{Kernel: k, Package: filepath.Base(dir), Image: image[0], Modules: modules[0]}, nil
}
