// Package doctor says what xbfd can do on a host, what keeps it from doing more,
// and what to do about it.
//
//	Here (netlink, /proc, /sys) --> Host --> checks --> Report
//
// Each check is a function of a Host, which is a value: what a host of another
// kind would be told is a test. The package reads and changes nothing, loads no
// module and no program, and needs no daemon; a configuration or a running daemon
// tells it what is wanted (Want).
package doctor
