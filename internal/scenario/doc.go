// Package scenario plays scripts: what a device D does, what a scripted tester T
// says to it, and what is expected of D, each line with its instant. D is a whole
// engine in virtual time, so a script of minutes plays in milliseconds and the
// same way every time. The files below testdata are the scripts, and the shortest
// description of how xbfd behaves; testdata/vpp has the 53 protocol cases of VPP's
// BFD tests in VPP's order.
//
// A script:
//
//	# Silence takes the session Down a Detection Time after the last packet.
//	rows: 5880-6.8.4-01 5880-6.8.4-02
//	also: multihop
//	D: tx=300ms rx=300ms mult=3
//
//	0     T talks every=270ms
//	3s    T silent
//	5s    expect session state=down diag=control-expiry silence=900ms..901ms
//
// Sentences that say what it shows come first. "rows:" names the rows of the
// conformance table that it proves; "also: multihop" plays it a second time as a
// multihop session. Names that begin with D are sessions of the device, those
// with T are testers; D and T need no line unless they differ from 300 ms and
// multiplier 3. "key NAME TYPE SECRET" makes a key of the device's pool, and
// "limits: min-interval=20ms capacity=1000" is what its engine will not go beyond.
// Every script is played again by a device with three workers among which frames
// fall at random; by one whose XDP program hears steady packets by itself; and by
// one whose program also answers them while it stands still. What is expected is
// the same: rx-packets counts the packets that came either way. Scripts that are
// about this have a line "fast-path: heard", "insured" or "off" and are played that
// way only; there rx-ring and rx-heard tell the ways apart.
//
// Then each line has an instant, absolute or "+" after the one before, and
// somebody who acts or the word expect. device_test.go lists what D can do,
// tester_test.go what T can, expect_test.go what can be expected. All values are
// name=value, durations have a unit, "low..high" is a window with its ends, and
// "low.." has no upper end.
//
// A look backwards starts at the latest act, or where "since=INSTANT" says.
//
// With -update the values of expectations that do not hold are replaced by what
// was seen, so that a change of behaviour is a difference to review.
//
// Only tests are here.
package scenario
