// Package capture puts recorded packets into the words of the API and into pcapng
// files, which tcpdump and Wireshark read.
//
// Each packet of a file has a comment where there is more to know than its bytes
// tell: why it was discarded, how often it was repeated, that it was not recorded
// but put together. A frame that was repeated stands in a file twice, the second
// time as the last of its repeats. Keep gives each failure of a session a file of its
// own in a directory that does not grow without end.
package capture
