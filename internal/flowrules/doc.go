// Package flowrules steers BFD's datagrams to one receive queue of a network card,
// by rules that the card's driver takes over ethtool's ioctl, as `ethtool -N` does:
//
//	card.go     the driver's table of rules: list, insert, delete
//	rule.go     what a rule says, and its bytes in struct ethtool_rxnfc
//
// A rule stays when the process dies, so whoever adds some keeps a journal of them.
// No card with such rules was at hand when this was written: it is tested against a
// driver made up from the layout and the manners of the kernel's interface, and
// against drivers that have none.
package flowrules
