// Package dplane keeps connections to bfdd: it connects, or waits to be connected
// to, and again whenever a connection has ended; it cuts the streams into messages
// and counts them. What messages mean is its Handler's affair.
package dplane
