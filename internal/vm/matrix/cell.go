package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Driver is what moves an interface's frames, as ethtool -i names it.
type Driver string

// Device is what a session's interface is, on top of a driver's.
type Device string

// The devices.
const (
	Plain      Device = "plain"
	VLAN       Device = "VLAN"
	QinQ       Device = "QinQ"
	BondBackup Device = "bond, active-backup"
	Bond8023ad Device = "bond, 802.3ad"
	Bridge     Device = "bridge"
	VRF        Device = "VRF"
	ManyQueues Device = "two queues"
)

// Devices are all, in the order of the table.
var Devices = []Device{Plain, VLAN, QinQ, BondBackup, Bond8023ad, Bridge, VRF, ManyQueues}

// Feature is a column of the table.
type Feature string

// The features.
const (
	Transport Feature = "transport"     // how packets are sent and received; best: zero copy or native XDP
	Heard     Feature = "heard"         // XDP takes in packets that say nothing new
	Insurance Feature = "insurance"     // the kernel answers while the daemon is stopped
	Live      Feature = "live transmit" // large batches leave as live frames
	Up        Feature = "up"            // sessions come up, over IPv4 and IPv6
	Detected  Feature = "detected in"   // a peer that falls silent is found out in its Detection Time
)

// Features are all, in the order of the table.
var Features = []Feature{Transport, Heard, Insurance, Live, Up, Detected}

// Grade says how well something works.
type Grade string

// The grades, and their order is that of rank.
const (
	Works    Grade = "works"
	Fallback Grade = "falls back" // to something that does the same, less well
	Refused  Grade = "refused"    // and the session does without, or there is none
)

func (g Grade) rank() int { return slices.Index([]Grade{Refused, Fallback, Works}, g) }

// Outcome is what became of a feature. Neither text may hold what differs from one
// run to the next.
type Outcome struct {
	Grade Grade
	How   string // what works, or what is fallen back to; may be ""
	Why   string // not better, or what it took; "" when it works by itself
}

// Yes is a feature that works; how may be "".
func Yes(how string) Outcome { return Outcome{Works, how, ""} }

// Given is a feature that works after something has been changed, "" for nothing.
func Given(changed string) Outcome { return Outcome{Works, "", changed} }

// Instead is a feature that falls back to another.
func Instead(how, why string) Outcome { return Outcome{Fallback, how, why} }

// No is a feature that is refused.
func No(why string) Outcome { return Outcome{Refused, "", why} }

// Place is a row of the table.
type Place struct {
	Kernel string // the series
	Driver Driver
	Device Device
}

// String names the place for people.
func (p Place) String() string { return fmt.Sprintf("%s, %s, %s", p.Kernel, p.Driver, p.Device) }

// Cell is one result.
type Cell struct {
	Place
	Feature Feature
	Outcome
}

// compare sorts cells as the table has them, but for kernels and drivers, which
// have no order of their own.
func compare(a, b Cell) int {
	return cmp.Or(
		compareSeries(a.Kernel, b.Kernel),
		strings.Compare(string(a.Driver), string(b.Driver)),
		slices.Index(Devices, a.Device)-slices.Index(Devices, b.Device),
		slices.Index(Features, a.Feature)-slices.Index(Features, b.Feature),
	)
}

// compareSeries puts 6.1 before 6.12, and 6.2 between them.
func compareSeries(a, b string) int {
	var m, n [2]int
	_, _ = fmt.Sscanf(a, "%d.%d", &m[0], &m[1])
	_, _ = fmt.Sscanf(b, "%d.%d", &n[0], &n[1])
	return cmp.Or(m[0]-n[0], m[1]-n[1], strings.Compare(a, b))
}

// worse reports whether a is worse than b: by its grade, or as a transport.
func worse(a, b Cell) bool {
	if a.Grade != b.Grade {
		return a.Grade.rank() < b.Grade.rank()
	}
	return transportRank(a.How) < transportRank(b.How)
}

func transportRank(how string) int {
	return slices.Index([]string{"udp", "xdp-generic", "xdp-native", "xdp-zerocopy"}, how)
}
