package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// What a hook is unless the file says otherwise, and the limits of it.
const (
	DefaultHookTimeout     = 5 * time.Second
	DefaultHookConcurrency = 4
	DefaultHookRetries     = 3
	DefaultDampeningWait   = time.Second
	DefaultDampeningMax    = time.Minute

	maxHooks           = 64
	maxHookTimeout     = time.Minute
	maxHookConcurrency = 64
	maxHookRetries     = 10
	maxHookArguments   = 64
	maxDampening       = time.Hour
)

// HookEvents are the words that a hook's on may have. "down" is a session that
// fails; one that goes Down because either end is in AdminDown is "admin-down",
// which is no failure (RFC 5882 §3.2).
var HookEvents = []string{"up", "down", "admin-down", "created", "deleted", "changed", "near-miss", "stall"}

// HookPlaceholders are the words that may stand in braces in a hook's run.
var HookPlaceholders = []string{
	"event", "peer", "local", "interface", "vrf", "state", "from", "to", "diagnostic", "cause", "time", "seq", "discriminator", "hook",
}

// Hook is what is to be done when something happens to a session: a command, or a
// request. A Hook is never changed once it is made.
type Hook struct {
	Name   string // no two hooks have the same
	On     []string
	Run    []string // the program and its arguments, with placeholders; nil: URL
	URL    string
	Header Header

	// Of which sessions; each empty: of all.
	Peers                []netip.Addr
	Interfaces, Profiles []string

	Timeout     time.Duration // of one run, or one request
	Rate        Rate
	Concurrency int // that many runs at a time at most
	Retries     int // of a request that fails
	Dampening   Dampening

	Line int // in the file
}

// Header is a header that goes with a request. The zero Header is none.
type Header struct {
	Name  string
	Value Token
}

// Token is a text that never prints itself.
type Token struct{ text string }

// NewToken returns a Token that keeps text.
func NewToken(text string) Token { return Token{text} }

// Reveal returns the text.
func (t Token) Reveal() string { return t.text }

// Format implements fmt.Formatter: whatever the verb, the text stays where it is.
func (t Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(SecretMask)) }

// Rate bounds how often something is done. The zero Rate does not.
type Rate struct {
	Count int
	Per   time.Duration
}

// String returns the rate as a file has it.
func (r Rate) String() string {
	for _, u := range rateUnits {
		if u.per == r.Per {
			return fmt.Sprintf("%d/%s", r.Count, u.name)
		}
	}
	return "unlimited"
}

var rateUnits = []struct {
	name string
	per  time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}}

// Dampening says how long the Up of a session that flaps is held back: Wait after
// the second failure, twice as long after each further one, Max at the most. The
// zero Dampening holds nothing back.
type Dampening struct {
	Wait, Max time.Duration
}

// Hold returns how long the Up after so many failures is held back.
func (d Dampening) Hold(failures int) time.Duration {
	if d.Wait == 0 || failures < 2 {
		return 0
	}
	hold := d.Wait
	for range failures - 2 {
		if hold >= d.Max {
			break
		}
		hold *= 2
	}
	return min(hold, d.Max)
}

// Wants tells whether h is for an event of this kind, one of HookEvents.
func (h *Hook) Wants(event string) bool { return slices.Contains(h.On, event) }

// About tells whether h is about this session.
func (h *Hook) About(peer netip.Addr, ifname, profile string) bool {
	return (len(h.Peers) == 0 || slices.Contains(h.Peers, peer)) &&
		(len(h.Interfaces) == 0 || slices.Contains(h.Interfaces, ifname)) &&
		(len(h.Profiles) == 0 || slices.Contains(h.Profiles, profile))
}

// Filters tells whether h is about some sessions only.
func (h *Hook) Filters() bool { return len(h.Peers)+len(h.Interfaces)+len(h.Profiles) > 0 }

// SameHooks tells whether two lists of hooks do the same.
func SameHooks(a, b []Hook) bool {
	return slices.EqualFunc(a, b, func(a, b Hook) bool {
		a.Line, b.Line = 0, 0
		return reflect.DeepEqual(a, b)
	})
}

// MayKeep returns the running hooks if a document that does not come from a file
// repeats them, with their secrets masked, and an error if it has others: they
// would give whoever may write to the control socket the rights of the daemon.
func MayKeep(running, asked []Hook) ([]Hook, error) {
	same := func(a, b Hook) bool { return reflect.DeepEqual(a.document(), b.document()) }
	switch {
	case len(asked) == 0:
		return nil, nil
	case slices.EqualFunc(running, asked, same):
		return running, nil
	}
	return nil, fmt.Errorf("can be left out or stay as they are here, because they run commands: change them in the file, and reload")
}
