// Package exabgp is the process that ExaBGP starts to announce routes while BFD
// sessions are up: it follows the sessions over the daemon's control socket, writes
// commands of ExaBGP's text API, and reads what ExaBGP answers. A route is a value
// (route.go), the daemon's side is watch.go, ExaBGP's is speech.go.
package exabgp
