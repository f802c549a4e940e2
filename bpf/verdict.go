package bpf

import "github.com/xbfd/xbfd/packet"

// verdictNames gives each of the program's verdicts its counter name. The
// indices are generated from src/verdict.h.
var verdictNames = [xbfdVerdictVERDICTS]string{
	xbfdVerdictHEARD:          "heard",
	xbfdVerdictINSURED:        "insured",
	xbfdVerdictSTEERED:        "steered",
	xbfdVerdictECHO_LOOPED:    "echo_looped",
	xbfdVerdictPASS_TO_TC:     "pass_to_tc",
	xbfdVerdictPASS_NO_SOCKET: "pass_no_socket",
	xbfdVerdictDROP_TTL:       packet.DropTTL.String(),
	xbfdVerdictPASS_OTHER:     "pass_other",
	xbfdVerdictPASS_VLAN:      "pass_vlan",
	xbfdVerdictPASS_OPTIONS:   "pass_options",
	xbfdVerdictPASS_FRAGMENT:  "pass_fragment",
	xbfdVerdictPASS_EXTENSION: "pass_extension",
	xbfdVerdictPASS_FOREIGN:   "pass_foreign",
	xbfdVerdictPASS_MAC:       "pass_mac",
	xbfdVerdictPASS_IDLE:      "pass_idle",
}

// VerdictNames returns the names of all verdicts.
func VerdictNames() []string { return verdictNames[:] }
