package flowrules

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrNone says that a driver takes no such rules.
var ErrNone = errors.New("the driver takes no flow rules (ethtool -N)")

// Card is the table of rules of one interface in the network namespace of the
// calling thread. Close ends it.
type Card struct {
	name string
	fd   int
	call func(r request) error // the ioctl
}

// Open returns the card of an interface.
func Open(ifname string) (*Card, error) {
	if len(ifname) >= unix.IFNAMSIZ {
		return nil, fmt.Errorf("flow rules of %s: %w", ifname, unix.ENODEV)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("flow rules of %s: %w", ifname, err)
	}
	c := &Card{name: ifname, fd: fd}
	c.call = c.ioctl
	return c, nil
}

// Rename says that the interface has another name now.
func (c *Card) Rename(ifname string) { c.name = ifname }

// Close lets go of the card; its rules stay.
func (c *Card) Close() error { return unix.Close(c.fd) }

func (c *Card) ioctl(r request) error {
	req := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(uintptr(0))]byte
	}{data: unsafe.Pointer(&r[0])}
	copy(req.name[:], c.name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(c.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return errno
	}
	return nil
}

// Add inserts a rule and reports whether it was made: one that is there already is
// its maker's. The error is ErrNone where the driver has no rules.
func (c *Card) Add(rule Rule) (made bool, err error) {
	at, err := c.find(rule)
	if err != nil || at != nil {
		return false, c.explain("add", rule, err)
	}
	location, err := c.freeLocation()
	if err == nil {
		r := newRequest(commandInsert, 0)
		r.put(rule, location)
		err = c.call(r)
	}
	return err == nil, c.explain("add", rule, err)
}

// Remove deletes a rule, wherever it lies, and reports whether it was there.
func (c *Card) Remove(rule Rule) (was bool, err error) {
	at, err := c.find(rule)
	if err != nil || at == nil {
		return false, c.explain("remove", rule, err)
	}
	r := newRequest(commandDelete, 0)
	r.put32(atLocation, *at)
	err = c.call(r)
	return err == nil, c.explain("remove", rule, err)
}

func (c *Card) explain(verb string, rule Rule, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = fmt.Errorf("%w: %w", ErrNone, err)
	}
	return fmt.Errorf("%s flow rule of %s for UDP port %d: %w", verb, c.name, rule.Port, err)
}

// find returns where a rule lies, nil if there is none.
func (c *Card) find(rule Rule) (*uint32, error) {
	locations, _, err := c.locations()
	if err != nil {
		return nil, err
	}
	for _, at := range locations {
		r := newRequest(commandGetRule, 0)
		r.put32(atLocation, at)
		switch err := c.call(r); {
		case errors.Is(err, unix.ENOENT): // it has gone meanwhile
		case err != nil:
			return nil, err
		case r.is(rule):
			at := r.get32(atLocation)
			return &at, nil
		}
	}
	return nil, nil
}

// locations lists where rules lie; most is how many the card has room for, and
// chooses that the driver finds the places itself.
func (c *Card) locations() (list []uint32, table table, err error) {
	r := newRequest(commandGetCount, 0)
	if err := c.call(r); err != nil {
		return nil, table, err
	}
	n := int(r.get32(atCount))
	data := r.get64(atData)
	table.size, table.chooses = uint32(data&^locationIsDrivers), data&locationIsDrivers != 0
	if n > mostRules {
		return nil, table, fmt.Errorf("%d rules are more than a card has", n)
	}
	r = newRequest(commandGetLocations, n)
	r.put32(atCount, uint32(n))
	if err := c.call(r); err != nil {
		return nil, table, err
	}
	for i := range min(n, int(r.get32(atCount))) {
		list = append(list, r.get32(atLocations+4*i))
	}
	return list, table, nil
}

// table is what a driver says of its table.
type table struct {
	size    uint32
	chooses bool // where a rule lies
}

// freeLocation returns the last free place: a card looks at the first ones first,
// and those are for rules that are more particular.
func (c *Card) freeLocation() (uint32, error) {
	taken, t, err := c.locations()
	switch {
	case err != nil:
		return 0, err
	case t.chooses:
		return anyLocation, nil
	}
	for at := t.size; at > 0; at-- {
		if !slices.Contains(taken, at-1) {
			return at - 1, nil
		}
	}
	return 0, fmt.Errorf("no room for a rule among %d: %w", t.size, unix.ENOSPC)
}
