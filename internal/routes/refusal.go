package routes

import "golang.org/x/sys/unix"

// Refusal is an error of the kernel.
type Refusal struct {
	unix.Errno
	Text    string // what else it said; may be empty
	Group   bool   // it was about a nexthop group
	Address bool   // it was about an address
}

// Error says what the number means here, and what to do about it.
func (r *Refusal) Error() string {
	text := ""
	switch r.Errno {
	case unix.EEXIST:
		switch {
		case r.Address:
			return "somebody else has added it already: remove that, or this from the file"
		case r.Group:
			return "somebody else's nexthop has this id: remove that, or choose another id here"
		}
		return "somebody else's stands in its place: remove that, or choose another metric here"
	case unix.ENETUNREACH, unix.EHOSTUNREACH:
		text = "the gateway is not on a link of this host"
	case unix.ENODEV:
		text = "there is no such interface"
	case unix.ENETDOWN:
		text = "the interface is down"
	case unix.EINVAL:
		text = "invalid argument"
		if r.Text == "Invalid prefsrc address" || r.Text == "Invalid source address" { // of IPv4 and IPv6
			return "its source is no address of this host: add that, or choose another"
		}
	case unix.EOPNOTSUPP:
		return "this kernel has nothing of the kind: nexthop groups take Linux 5.3"
	case unix.EPERM:
		return "not permitted: it takes CAP_NET_ADMIN"
	default:
		text = r.Errno.Error()
	}
	if r.Text != "" {
		text += " (the kernel says: " + r.Text + ")"
	}
	return text
}

// Unwrap returns the number.
func (r *Refusal) Unwrap() error { return r.Errno }
