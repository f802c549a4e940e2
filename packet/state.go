package packet

import "strconv"

// State is a session state (RFC 5880 §4.1, IANA registry "BFD State").
type State uint8

// The states, with their values on the wire.
const (
	AdminDown State = 0
	Down      State = 1
	Init      State = 2
	Up        State = 3
)

// String returns the name used in JSON and logs: "admin-down", "down", "init", "up".
func (s State) String() string {
	return [4]string{"admin-down", "down", "init", "up"}[s&3]
}

// Diag is a diagnostic code: the reason for the last change of state (RFC 5880
// §4.1, IANA registry "BFD Diagnostic Codes"). Five bits on the wire.
type Diag uint8

// The codes of RFC 5880.
const (
	DiagNone            Diag = 0
	DiagControlExpiry   Diag = 1 // Control Detection Time Expired
	DiagEchoFailed      Diag = 2
	DiagNeighborDown    Diag = 3 // Neighbor Signaled Session Down
	DiagForwardingReset Diag = 4
	DiagPathDown        Diag = 5
	DiagConcatPathDown  Diag = 6
	DiagAdminDown       Diag = 7
	DiagReverseConcat   Diag = 8
	DiagMisConnectivity Diag = 9 // RFC 6428; shown when received, never sent
)

var diagNames = [...]string{
	"none", "control-expiry", "echo-failed", "neighbor-down", "forwarding-reset", "path-down",
	"concatenated-path-down", "admin-down", "reverse-concatenated-path-down", "mis-connectivity-defect",
}

// String returns the iana-bfd-types name (RFC 9127), or the number of a code
// that has none.
func (d Diag) String() string {
	if int(d) < len(diagNames) {
		return diagNames[d]
	}
	return strconv.Itoa(int(d))
}
