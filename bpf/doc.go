// Package bpf is the XDP program that takes BFD frames of configured sessions out
// of an interface's traffic, the tc program that helps it, and their loader.
//
//	Tables   which frames are ours: sessions and discriminators; and the lanes
//	         (package engine/fastpath) of the sessions whose packets the program
//	         hears and answers by itself. Shared by the interfaces
//	Program  one interface's instance: its AF_XDP sockets, verdict counters, MAC,
//	         whether it sends the peers' Echo packets back by itself, and how it
//	         sends what is due in the engine's place
//
// The programs (src/xbfd.bpf.c tells what they do, and why they are licensed
// MIT OR GPL-2.0-only) are compiled by bpf2go into the objects kept beside this
// file: building the package needs no clang. What hears is a part that a constant
// switches off before the program is loaded, so that the verifier does not look at
// it: Attach does so when the kernel refuses the whole, and Program.Heard tells.
// The tc program is loaded only where it is used.
//
// AttachLive's program can also send: user space runs it with many frames at once
// (Live, src/live.h). It takes no more capabilities than the rest.
//
// A Program is held by bpf_links, so it leaves the interface when it is closed
// and when the process ends, however it ends. A program of someone else's is
// never replaced.
//
// Tables and Programs may be used from any goroutine.
package bpf

//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel,bpfeb -type verdict -go-package bpf xbfd src/xbfd.bpf.c -- -O2 -Wall -Wextra -Werror
