package imports

import "strings"

const module = "github.com/xbfd/xbfd"

// order lists the packages from the top down; a package imports only those on
// lines below its own. A package without a line belongs to its parent
// directory's.
var order = [][]string{
	{"cmd/xbfd", "examples"},
	{"internal/daemon", "internal/demo", "internal/top"},
	{"internal/metrics", "internal/frrview", "internal/doctor", "internal/hooks"},
	{"internal/exabgp", "internal/gobgp", "internal/eventlog"},
	{"internal/control", "internal/explain", "internal/dplane"},
	{"internal/config", "internal/capture"},
	{"internal/routes"},
	{"bench"},
	{"internal/speaker"},
	{"internal/leftovers"},
	{"netlinkmon"},
	{"engine/wire"},
	{"bpf", "internal/netns", "engine/clients"},
	{"engine"},
	{"engine/session"},
	{"timerwheel", "engine/fastpath", "engine/flight"},
	{"client"},
	{"packet", "internal/lookup", "internal/bfddp", "internal/features", "internal/flowrules"},
}

// testOnly are the packages that only tests, each other and bench import.
var testOnly = []string{
	"internal/sim", "internal/testnet", "internal/rows", "internal/interop", "internal/control/controltest",
	"internal/imports", "internal/tools", "internal/packaging", "internal/scenario", "internal/wirebed", "internal/vm",
}

// never are single arrows that the order would allow.
var never = map[[2]string]string{
	{"bpf", "engine"}: "the program and its maps know frames, not sessions",
}

// pure are the packages that run under a virtual clock with no kernel.
var pure = []string{"packet", "timerwheel", "engine/session", "engine", "engine/clients", "engine/fastpath", "engine/flight", "internal/lookup"}

// impure are what pure packages must not import, with what is below each.
var impure = map[string]string{
	"os":                     "the engine knows no host; what it needs of one is handed in",
	"net":                    "sockets belong to engine/wire; addresses are net/netip or packet.Addr",
	"syscall":                "system calls belong to engine/wire, bpf and netlinkmon",
	"golang.org/x/sys":       "system calls belong to engine/wire, bpf and netlinkmon",
	"github.com/cilium/ebpf": "BPF belongs to package bpf",
	"github.com/vishvananda": "netlink belongs to netlinkmon",
	"log":                    "workers never log: a change is an event, a discard a counter",
	"crypto/rand":            "one seeded generator is handed in, so that a run can be repeated",
	"C":                      "the engine is Go alone",
}

// pureDespite are imports below an impure one that are values and nothing else.
var pureDespite = []string{"net/netip"}

// clock are the functions of package time that read a clock or wait for one.
var clock = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
	"Tick": true, "NewTimer": true, "NewTicker": true,
}

// within tells whether path is dir or lies below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// rank returns the line of order that path belongs to, by the longest name
// that holds it, and that name; -1 when it has none.
func rank(path string) (line int, owner string) {
	line = -1
	for i, names := range order {
		for _, name := range names {
			if within(path, name) && len(name) > len(owner) {
				line, owner = i, name
			}
		}
	}
	return line, owner
}
