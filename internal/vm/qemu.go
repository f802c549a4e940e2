package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/xbfd/xbfd/internal/vm/plan"
)

const qemu = "qemu-system-x86_64"

// Size of a guest. Two processors, so that what needs two is tested.
const (
	guestCPUs   = "2"
	guestMemory = "1024" // MiB
)

// Accelerator is how a guest's instructions are carried out.
type Accelerator []string

// The accelerators. Emulation is ten to twenty times slower.
var (
	hardware = Accelerator{"-accel", "kvm", "-cpu", "host"}
	emulated = Accelerator{"-accel", "tcg,thread=multi", "-cpu", "max"}
)

// String returns "kvm" or "tcg".
func (a Accelerator) String() string {
	if len(a) > 0 && a[1] == "kvm" {
		return "kvm"
	}
	return "tcg"
}

// machine returns QEMU's arguments but for cards and console. Nothing is there
// that is not asked for; when the guest switches itself off, or panics, QEMU ends.
func (a Accelerator) machine(kernel *Unpacked, image string) []string {
	return append(a[:len(a):len(a)],
		"-machine", "q35", "-smp", guestCPUs, "-m", guestMemory,
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
		"-kernel", kernel.Image, "-initrd", image,
		// Names that do not depend on udev, and no cost for hardware that is not there.
		"-append", "console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off",
	)
}

// Require returns an error that names what the host lacks for guests.
func Require() error {
	var missing []error
	for program, pkg := range map[string]string{qemu: "qemu-system-x86", "apt-get": "apt", "dpkg-deb": "dpkg", "xz": "xz-utils"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing: apt-get install %s", program, pkg))
		}
	}
	if os.Geteuid() != 0 {
		missing = append(missing, errors.New("needs root, for a network namespace and the taps in it"))
	}
	return errors.Join(missing...)
}

// hardwareLimit is how long a guest with nothing to do may take under KVM.
const hardwareLimit = 30 * time.Second

// Choose returns the fastest accelerator by which the kernel really boots:
// that /dev/kvm is there says little inside of another virtual machine.
func Choose(ctx context.Context, kernel *Unpacked, b *Binaries, dir string) Accelerator {
	if !virtualisation() || !boots(ctx, hardware, kernel, b, dir) {
		return emulated
	}
	return hardware
}

// virtualisation reports whether the processor says that it can run guests.
func virtualisation() bool {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return false
	}
	text, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && (bytes.Contains(text, []byte(" vmx ")) || bytes.Contains(text, []byte(" svm ")))
}

// boots reports whether a guest that only switches itself off comes to that.
func boots(ctx context.Context, a Accelerator, kernel *Unpacked, b *Binaries, dir string) bool {
	ctx, cancel := context.WithTimeout(ctx, hardwareLimit)
	defer cancel()
	image := filepath.Join(dir, "empty.cpio")
	if writeImage(image, &Binaries{init: b.init}, nil, plan.Plan{}) != nil {
		return false
	}
	c := exec.CommandContext(ctx, qemu, append(a.machine(kernel, image), "-serial", "stdio")...)
	out, err := c.Output()
	return err == nil && bytes.Contains(out, []byte(plan.Console))
}
