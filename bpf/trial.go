package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/packet"
)

// TrialInterface is the interface on which a Trial's frames arrive: loopback, which
// every network namespace has.
const TrialInterface = 1

// Trial is the program, attached to nothing, and run on frames one by one by the
// kernel's PROG_RUN.
type Trial struct {
	program *Program
	socket  int
}

// NewTrial loads the program as Attach does. It needs CAP_BPF, CAP_NET_ADMIN and
// CAP_NET_RAW.
func NewTrial(t *Tables) (_ *Trial, err error) {
	trial := &Trial{program: new(Program), socket: -1}
	defer func() {
		if err != nil {
			trial.Close()
		}
	}()
	if err := trial.program.load(t, 1, 0); err != nil {
		return nil, fmt.Errorf("load XDP program: %w", err)
	}
	// Frames of ours go to a socket of their queue; where there is none they pass.
	if trial.socket, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("open AF_XDP socket: %w", err)
	}
	if err := unix.SetsockoptInt(trial.socket, unix.SOL_XDP, unix.XDP_RX_RING, 64); err != nil {
		return nil, fmt.Errorf("make ring of AF_XDP socket: %w", err)
	}
	return trial, trial.program.SetSocket(0, trial.socket)
}

// SetMAC says which station the frames arrive at.
func (t *Trial) SetMAC(mac packet.MAC) error { return t.program.SetMAC(mac) }

// trialContext is the kernel's struct xdp_md.
type trialContext struct {
	Data, DataEnd, DataMeta, Ingress, Queue, Egress uint32
}

// Run has the program judge a frame and returns its verdict, by the name that
// Verdicts gives it. The kernel refuses frames of less than 14 bytes and very long
// ones.
func (t *Trial) Run(frame []byte) (verdict string, err error) {
	before, err := t.program.Verdicts()
	if err != nil {
		return "", err
	}
	_, err = t.program.objs.Xbfd.Run(&ebpf.RunOptions{
		Data: frame, DataOut: make([]byte, len(frame)+64),
		Context: trialContext{DataEnd: uint32(len(frame)), Ingress: TrialInterface},
	})
	if err != nil {
		return "", fmt.Errorf("run XDP program: %w", err)
	}
	after, err := t.program.Verdicts()
	if err != nil {
		return "", err
	}
	for name, n := range after {
		if n != before[name] {
			return name, nil
		}
	}
	return "", errors.New("run XDP program: it counted no verdict")
}

// Close frees everything.
func (t *Trial) Close() error {
	var errs []error
	if t.socket >= 0 {
		errs = append(errs, unix.Close(t.socket))
	}
	if t.program.objs.Xbfd != nil {
		errs = append(errs, t.program.Close())
	}
	return errors.Join(errs...)
}
