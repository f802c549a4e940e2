package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/xbfd/xbfd/internal/vm/plan"
)

// machine is what QEMU makes a guest of.
type machine struct {
	qemu    string // the program
	pkg     string // Debian's package that has it
	board   string // as QEMU calls it
	cpu     string // that is emulated
	console string // the kernel's name of the serial port
}

// machines are by the architecture. Emulating all that the latest processor of arm64
// has, such as signed pointers, takes twice as long as this one.
var machines = map[string]machine{
	"amd64": {"qemu-system-x86_64", "qemu-system-x86", "q35", "max", "ttyS0"},
	"arm64": {"qemu-system-aarch64", "qemu-system-arm", "virt", "cortex-a72", "ttyAMA0"},
}

// Size of a guest. Two processors, so that what needs two is tested.
const (
	guestCPUs   = "2"
	guestMemory = "1024" // MiB
)

// Accelerator is how a guest's instructions are carried out.
type Accelerator string

// The accelerators. Emulation is ten to twenty times slower.
const (
	hardware Accelerator = "kvm"
	emulated Accelerator = "tcg"
)

// String returns "kvm" or "tcg".
func (a Accelerator) String() string { return string(a) }

// machine returns QEMU's arguments but for cards and console. Nothing is there
// that is not asked for; when the guest switches itself off, or panics, QEMU ends.
func (a Accelerator) machine(kernel *Unpacked, image string) []string {
	m := machines[kernel.arch()]
	how := []string{"-accel", "tcg,thread=multi", "-cpu", m.cpu}
	if a == hardware {
		how = []string{"-accel", "kvm", "-cpu", "host"}
	}
	return append(how,
		"-machine", m.board, "-smp", guestCPUs, "-m", guestMemory,
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
		"-kernel", kernel.Image, "-initrd", image,
		// Names that do not depend on udev, and no cost for hardware that is not there.
		"-append", "console="+m.console+" quiet panic=-1 net.ifnames=0 mitigations=off",
	)
}

// Require returns an error that names what the host lacks for the guests.
func Require(guests []Guest) error {
	var missing []error
	needed := map[string]string{"apt-get": "apt", "dpkg-deb": "dpkg", "xz": "xz-utils"}
	for _, g := range guests {
		m := machines[g.Kernel.arch()]
		needed[m.qemu] = m.pkg
	}
	for program, pkg := range needed {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing: apt-get install %s", program, pkg))
		}
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		missing = append(missing, fmt.Errorf("cards with several queues take taps: %w: modprobe tun", err))
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
	if kernel.arch() != runtime.GOARCH || !virtualisation() || !boots(ctx, hardware, kernel, b, dir) {
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
	c := exec.CommandContext(ctx, machines[kernel.arch()].qemu, append(a.machine(kernel, image), "-serial", "stdio")...)
	out, err := c.Output()
	return err == nil && bytes.Contains(out, []byte(plan.Console))
}
