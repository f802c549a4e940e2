package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xbfd/xbfd/internal/config"
)

// optional is a flag whose value is checked as it is read and stays nil when
// the flag is not given.
type optional[T any] struct {
	into  **T
	parse func(string) (T, error)
	show  func(T) string
	kind  string
}

func (o optional[T]) Set(s string) error {
	v, err := o.parse(s)
	if err == nil {
		*o.into = &v
	}
	return err
}

func (o optional[T]) String() string {
	if o.into == nil || *o.into == nil {
		return ""
	}
	return o.show(**o.into)
}

func (o optional[T]) Type() string { return o.kind }

// intervalFlag adds a flag for an interval in microseconds; a number without a
// unit counts bare microseconds. What into points to is the default.
func intervalFlag(f *pflag.FlagSet, into **uint32, name string, bare uint64, usage string) {
	f.Var(optional[uint32]{
		into:  into,
		parse: func(s string) (uint32, error) { return config.ParseInterval(s, bare) },
		show:  func(us uint32) string { return config.FormatInterval(uint64(us)) },
		kind:  "duration",
	}, name, usage)
}

// switchFlag is intervalFlag, in milliseconds, for an interval that may also be
// disabled, which is 0.
func switchFlag(f *pflag.FlagSet, into **uint32, name, usage string) {
	f.Var(optional[uint32]{
		into: into,
		parse: func(s string) (uint32, error) {
			if s == "disabled" {
				return 0, nil
			}
			return config.ParseInterval(s, config.Milliseconds)
		},
		show: func(us uint32) string { return config.FormatInterval(uint64(us)) },
		kind: "duration",
	}, name, usage)
}

// numberFlag adds a flag for a number of 32 bits.
func numberFlag(f *pflag.FlagSet, into **uint32, name, usage string) {
	f.Var(optional[uint32]{
		into:  into,
		parse: parseNumber,
		show:  func(n uint32) string { return strconv.FormatUint(uint64(n), 10) },
		kind:  "number",
	}, name, usage)
}

func parseNumber(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, errors.New("want a whole number from 0 to 4294967295")
	}
	return uint32(n), nil
}

// byteFlag adds a flag for a number from low to high.
func byteFlag(f *pflag.FlagSet, into **uint8, name string, low, high uint8, usage string) {
	f.Var(optional[uint8]{
		into: into,
		parse: func(s string) (uint8, error) {
			n, err := strconv.ParseUint(s, 10, 8)
			if err != nil || n < uint64(low) || n > uint64(high) {
				return 0, fmt.Errorf("want a whole number from %d to %d", low, high)
			}
			return uint8(n), nil
		},
		show: func(n uint8) string { return strconv.Itoa(int(n)) },
		kind: "number",
	}, name, usage)
}

// boolFlag adds a flag that is true without a value.
func boolFlag(f *pflag.FlagSet, into **bool, name, usage string) {
	f.VarPF(optional[bool]{
		into: into,
		parse: func(s string) (bool, error) {
			if s != "true" && s != "false" {
				return false, errors.New("want true or false")
			}
			return s == "true", nil
		},
		show: strconv.FormatBool,
		kind: "bool",
	}, name, "", usage).NoOptDefVal = "true"
}

// addrFlag adds a flag for an address.
func addrFlag(f *pflag.FlagSet, into *netip.Addr, name, usage string) {
	f.Var(addrValue{into}, name, usage)
}

type addrValue struct{ into *netip.Addr }

func (a addrValue) Set(s string) (err error) {
	*a.into, err = config.ParseAddr(s)
	return err
}

func (a addrValue) String() string {
	if a.into == nil || !a.into.IsValid() {
		return ""
	}
	return a.into.String()
}

func (addrValue) Type() string { return "address" }

// choiceFlag adds a flag that takes one of a few words and completes them.
func choiceFlag(c *cobra.Command, into *string, name, short, value string, from []string, usage string) {
	*into = value
	c.Flags().VarP(choice{into, from}, name, short, usage+": "+strings.Join(from, ", "))
	_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(from, cobra.ShellCompDirectiveNoFileComp))
}

type choice struct {
	into *string
	from []string
}

func (c choice) Set(s string) error {
	if !slices.Contains(c.from, s) {
		return fmt.Errorf("want one of %s", strings.Join(c.from, ", "))
	}
	*c.into = s
	return nil
}

func (c choice) String() string {
	if c.into == nil {
		return ""
	}
	return *c.into
}

func (choice) Type() string { return "word" }
