package vm

import (
	"slices"
	"time"

	"github.com/xbfd/xbfd/internal/vm/matrix"
)

// Guests are all that are run, the one with the most to do first. Limits, of suites too, are
// for what hangs: several times what it takes where nothing else runs.
var Guests = []Guest{
	{Name: "6.1", Kernel: Kernel{Series: "6.1", Cloud: true}, Cards: cloudCards, Suites: slices.Concat(controlTests, everything), Limit: 30 * time.Minute},
	{Name: "6.12", Kernel: Kernel{Series: "6.12", Cloud: true}, Cards: cloudCards, Suites: everything, Limit: 30 * time.Minute},
	{Name: "6.1-e1000e", Kernel: Kernel{Series: "6.1"}, Cards: e1000eCards, Suites: []Suite{matrixTests}, Limit: 20 * time.Minute},
	{Name: "6.12-arm64", Kernel: Kernel{Series: "6.12", Cloud: true, Arch: "arm64"}, Suites: otherMachine, Limit: 15 * time.Minute},
}

// Two pairs of each model, because a bond takes two. Virtio's first has room for the
// queues that virtio_net adds to itself for XDP, its second has not.
var (
	cloudCards  = []Pair{{virtio, 4}, {virtio, 2}, {"vmxnet3", 1}, {"vmxnet3", 1}}
	e1000eCards = []Pair{{"e1000e", 1}, {"e1000e", 1}}
)

// Tests that only a guest can run: of features, and those that make the matrix.
var (
	guestTests  = Suite{Name: "guest", Package: "internal/vm/guest", Limit: 15 * time.Minute}
	matrixTests = Suite{Name: "matrix", Package: "internal/vm/matrix", Limit: 18 * time.Minute}
)

// controlTests are tests of the host's that netlink decides: once, on the oldest kernel.
var controlTests = []Suite{
	{Name: "speaker", Package: "internal/speaker", Skip: "Switch|ProgramDetached|QueuesChange|MultihopMoves", Limit: 5 * time.Minute},
	{Name: "netlinkmon", Package: "netlinkmon", Skip: "Storm|Thousand|AgainstScan", Limit: 5 * time.Minute},
}

// everything adds tests that run on the host as well: those that ask what a kernel or
// a driver can, but not those that ask how fast a machine is.
var everything = []Suite{
	{Name: "bpf", Package: "bpf", Skip: "NoMixture|TestProgramInsures$|TestLive$|Mutations", Limit: 8 * time.Minute},
	{Name: "wire", Package: "engine/wire", Run: "^Test(" +
		"Transports|Queues|QueueTaken|ForeignProgram|NotEthernet|GenericForWantOfNative|NoTables|Capabilities|" +
		"InsuranceByTC|InsuranceOfSocket|InsuranceOfNative|InsuranceReason|EchoLoopedByRing|Transmit|" +
		"LinkDeleted|ReopenAtOnce|Keeps|MACChanged|UDPWorkers|MultihopSockets|MultihopRing|PortTaken|Steering)$", Limit: 6 * time.Minute},
	guestTests,
	matrixTests,
}

// otherMachine is what shows that programs, maps, rings and the memory that they
// share with the engine work on a machine of another kind: where the kernel compiles
// the programs for another processor. All of it is emulated, at a twentieth of the
// speed, so the tests that try every byte of a frame are left out.
var otherMachine = []Suite{
	{Name: "bpf", Package: "bpf", Skip: "Mutations|Truncated|Checksum|Tagged|Live", Limit: 5 * time.Minute},
	{Name: "wire", Package: "engine/wire", Run: "^Test(ForeignRings|NoAllocations|EchoLooped.*|RxFrame|ReopenAtOnce|MACChanged|InsuranceByTC)$", Limit: 5 * time.Minute},
	{Name: "speaker", Package: "internal/speaker", Run: "^Test(EchoLooping|MultihopMoves)$", Limit: 3 * time.Minute},
}

// modules of every guest. Each may have its parameters after a space; without
// these two modules make a device of their own.
var modules = []string{
	"virtio_pci", "virtio_console",
	"veth", "8021q", "bonding max_bonds=0", "bridge", "vrf", "dummy numdummies=0", "tun",
	"sch_ingress", "cls_bpf",
}

// drivers are those of QEMU's models.
var drivers = map[string]matrix.Driver{virtio: "virtio_net", "vmxnet3": "vmxnet3", "e1000e": "e1000e"}

// modules returns what the guest loads.
func (g Guest) modules() []string {
	list := slices.Clone(modules)
	for _, d := range g.drivers() {
		list = append(list, string(d))
	}
	return list
}

// drivers returns those of the guest's cards.
func (g Guest) drivers() (list []matrix.Driver) {
	for _, c := range g.Cards {
		if d := drivers[c.Model]; !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list
}

// tested returns the drivers that the guest fills rows of the matrix with: one guest
// of each kernel has veth, too.
func (g Guest) tested() []matrix.Driver {
	if g.Kernel.Cloud {
		return append(g.drivers(), "veth")
	}
	return g.drivers()
}

// places returns the rows of the matrix that the guest is for.
func (g Guest) places() (list []matrix.Place) {
	if !slices.Contains(g.Suites, matrixTests) {
		return nil
	}
	for _, driver := range g.tested() {
		for _, device := range matrix.Devices {
			list = append(list, matrix.Place{Kernel: g.Kernel.Series, Driver: driver, Device: device})
		}
	}
	return list
}
