// Package packaging tests what make install puts onto a host: the files, and the
// daemon as systemd would run it by them.
package packaging
