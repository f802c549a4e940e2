package bpf

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// filterHandle is ours at the priority that we choose; it spells "xbfd".
const filterHandle = 0x78626664

// filterTries is how often a priority is looked for that nobody takes meanwhile.
const filterTries = 5

// hook is the tc program as a filter at the ingress of an interface, for kernels
// without tc links. It outlives the process, so a journal is kept of it. Others'
// filters and a clsact that was there stay as they are.
type hook struct {
	handle  *netlink.Handle // of the interface's network namespace
	journal Journal
	made    []Remains // by us, in this order
}

// InsureByFilter is Insure(InsureTC) on kernels before Linux 6.6: the program is
// attached as a filter, which stays when the process dies. So everything is noted
// in j before it is made, and struck out when Insure or Close has removed it.
func (p *Program) InsureByFilter(j Journal) error {
	switch {
	case p.heard != nil:
		return fmt.Errorf("%w without hearing: %w", ErrNoInsurance, p.heard)
	case j == nil:
		return fmt.Errorf("%w by a filter without a journal of what outlives the process", ErrNoInsurance)
	}
	if p.tc.attached() {
		return nil
	}
	if err := p.loadTC(ebpf.AttachNone); err != nil {
		return fmt.Errorf("load tc program: %w", err)
	}
	if err := p.attachFilter(j); err != nil {
		return errors.Join(fmt.Errorf("%w: attach tc filter: %w", ErrNoInsurance, err), p.tc.close())
	}
	if err := p.objs.Insurance.Set(uint8(InsureTC)); err != nil {
		return fmt.Errorf("tell XDP program how to insure: %w", err)
	}
	return nil
}

func (p *Program) attachFilter(j Journal) error {
	info, err := p.tc.Program.Info()
	if err != nil {
		return err
	}
	id, ok := info.ID()
	if !ok {
		return errors.New("the kernel does not tell the program's id")
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", err)
	}
	k := &hook{handle: h, journal: j}
	p.tc.hook = k
	l, err := h.LinkByIndex(p.ifindex)
	if err != nil {
		return err
	}
	r := Remains{Interface: l.Attrs().Name, Ifindex: p.ifindex}
	if err := k.addClsact(r); err != nil {
		return err
	}
	r.Kind, r.Handle, r.Program = RemainsFilter, filterHandle, uint32(id)
	return k.addFilter(r, p.tc.Program.FD())
}

// addClsact adds the qdisc that holds filters unless there is one.
func (k *hook) addClsact(r Remains) error {
	r.Kind = RemainsClsact
	kind, err := ingress(k.handle, r.Ifindex)
	if err != nil || kind != "" {
		return err
	}
	err = k.make(r, func() error { return k.handle.QdiscAdd(clsact(r.Ifindex)) })
	if errors.Is(err, unix.EEXIST) {
		return nil // somebody else was faster
	}
	return err
}

// addFilter adds the filter in front of all others that leave room there.
func (k *hook) addFilter(r Remains, fd int) (err error) {
	for range filterTries {
		there, err := filters(k.handle, r.Ifindex, netlink.HANDLE_MIN_INGRESS)
		if err != nil {
			return err
		}
		r.Priority = freePriority(there)
		err = k.make(r, func() error { return k.handle.FilterAdd(r.filter(fd)) })
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	return err
}

// freePriority is the first that no filter has: filters of a different kind or
// protocol cannot share one.
func freePriority(there []netlink.Filter) uint16 {
	p := uint16(1)
	for slices.ContainsFunc(there, func(f netlink.Filter) bool { return f.Attrs().Priority == p }) {
		p++
	}
	return p
}

// make makes something that has been noted first.
func (k *hook) make(r Remains, add func() error) error {
	if err := k.journal.Note(r); err != nil {
		return fmt.Errorf("note %s of %s: %w", r.Kind, r.Interface, err)
	}
	if err := add(); err != nil {
		return errors.Join(fmt.Errorf("add %s: %w", r.Kind, err), k.journal.Strike(r))
	}
	k.made = append(k.made, r)
	return nil
}

// close removes what was made, the last first. What others have come to use
// stays, and is theirs from now on.
func (k *hook) close() error {
	var errs []error
	for _, r := range slices.Backward(k.made) {
		_, err := r.removeBy(k.handle)
		if err == nil {
			err = k.journal.Strike(r)
		}
		errs = append(errs, err)
	}
	k.handle.Close()
	return errors.Join(errs...)
}
