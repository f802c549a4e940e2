package config

import "net/netip"

// prefix reads what a route leads to. Bits behind its length are a typing error.
func (d *document) prefix(into *netip.Prefix) func(value) {
	return func(v value) {
		switch p, ok := d.withLength(v, "198.51.100.0/24 or 2001:db8::/32"); {
		case !ok:
		case p != p.Masked():
			d.fault(v, "%s has bits set behind its length: write %s", p, p.Masked())
		default:
			*into = p
		}
	}
}

// ownAddress reads an address of this host with its length.
func (d *document) ownAddress(into *netip.Prefix) func(value) {
	return func(v value) {
		switch p, ok := d.withLength(v, "192.0.2.53/32 or 2001:db8::53/128"); {
		case !ok:
		case p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().IsLoopback():
			d.fault(v, "%s is no address that others can reach", p)
		default:
			*into = p
		}
	}
}

// withLength reads an address and its length, such as example.
func (d *document) withLength(v value, example string) (netip.Prefix, bool) {
	s, ok := d.text(v)
	if !ok {
		return netip.Prefix{}, false
	}
	switch p, err := netip.ParsePrefix(s); {
	case s == "default":
		d.fault(v, "write 0.0.0.0/0 or ::/0: which of them is meant cannot be told")
	case err != nil:
		d.fault(v, "%q is not an address with its length, as in %s", s, example)
	case p.Addr().Is4In6():
		d.fault(v, "%s is IPv4 written as IPv6: write it as IPv4", p)
	default:
		return p, true
	}
	return netip.Prefix{}, false
}
