// Package bpf is the XDP program that takes BFD frames of configured sessions
// out of an interface's traffic, and its loader.
//
//	Tables   which frames are ours: sessions and discriminators, shared
//	Program  one interface's instance: its AF_XDP sockets, verdict counters, MAC,
//	         and whether it sends the peers' Echo packets back by itself
//
// The program (src/xbfd.bpf.c tells what it does, and why it is licensed
// MIT OR GPL-2.0-only) is compiled by bpf2go into the objects kept beside this
// file: building the package needs no clang. A Program is held by a bpf_link,
// so it leaves the interface when it is closed and when the process ends,
// however it ends. A program of someone else's is never replaced.
//
// Tables and Programs may be used from any goroutine.
package bpf

//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel,bpfeb -type verdict -go-package bpf xbfd src/xbfd.bpf.c -- -O2 -Wall -Wextra -Werror
