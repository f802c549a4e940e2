// Package frrview says what FRR's bfdd would say: it reads the words of FRR's show
// and clear commands and writes sessions as FRR 8.4.4 does, key by key and space by
// space, so that what was made for bfdd's output reads xbfd's as well.
//
//	words ─ Parse ─ Command ─ Show(sessions) ─ text or JSON
//
// It is all values: it opens nothing and reads no clock. Where FRR has no word for
// what is true here, the format stays and the value is the nearest true one:
// milliseconds are rounded down, as FRR rounds them, so an interval below 1 ms is 0;
// what the peer has not said yet is 0; nobody is notified by way of zebra.
package frrview
