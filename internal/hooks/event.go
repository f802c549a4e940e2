package hooks

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
)

// Event is what happened, as the API tells it, and what hooks choose by besides.
type Event struct {
	client.Event
	Profile string // of the session
}

// Words of config.HookEvents that mean something here.
const (
	wordUp        = "up"
	wordDown      = "down"
	wordAdminDown = "admin-down"
	wordDeleted   = "deleted"
	wordChanged   = "changed"
)

// word returns what a hook's on calls the event, empty for what no hook is told of.
// Only a session that was Up can fail: one that comes no further than Init has a
// peer that has been no use yet (RFC 5882 §3.3, §5). Down because the peer is in
// AdminDown is no failure (§3.2).
func (e *Event) word() string {
	switch e.Type {
	case "session-up":
		return wordUp
	case "session-down":
		switch {
		case e.Cause != nil && e.Cause.Kind == "remote-admin-down":
			return wordAdminDown
		case e.From != "up":
			return wordChanged
		}
		return wordDown
	case client.EventLost:
		return ""
	}
	return e.Type
}

// lane is what events are kept in order of: those of a peer, so that a session that
// is removed and made again is not overtaken by itself. The zero lane is of no session.
type lane struct {
	peer netip.Addr
	vrf  string
}

func (e *Event) lane() lane {
	if e.Session == nil {
		return lane{}
	}
	return lane{e.Session.Peer, e.Session.VRF}
}

// discr names the session, 0 for none.
func (e *Event) discr() uint32 {
	if e.Session == nil {
		return 0
	}
	return e.Session.Discr
}

// about tells whether h is about the session of e.
func (e *Event) about(h *config.Hook) bool {
	if e.Session == nil {
		return !h.Filters()
	}
	return h.About(e.Session.Peer, e.Session.Interface, e.Profile)
}

// body is the JSON of e, as `xbfd events -o json` has it: one line.
func (e *Event) body() []byte {
	b, err := json.Marshal(e.Event)
	if err != nil {
		return []byte("{}\n") // it has nothing in it that could not be written
	}
	return append(b, '\n')
}

// values returns what the placeholders of config.HookPlaceholders stand for, in
// their order, the empty text for what the event does not say.
func (e *Event) values(hook string) []string {
	var peer, local, ifname, vrf, discr, cause string
	if s := e.Session; s != nil {
		peer, ifname, vrf, discr = s.Peer.String(), s.Interface, s.VRF, strconv.FormatUint(uint64(s.Discr), 10)
		if s.Local.IsValid() {
			local = s.Local.String()
		}
	}
	if e.Cause != nil {
		cause = e.Cause.Kind
	}
	return []string{
		e.word(), peer, local, ifname, vrf, e.To, e.From, e.To, e.Diagnostic, cause,
		e.Time.UTC().Format(time.RFC3339Nano), strconv.FormatUint(e.Seq, 10), discr, hook,
	}
}

var placeholder = regexp.MustCompile(`\{[a-z-]+\}`)

// arguments returns a hook's command for e. What a placeholder stands for is put in
// as it is, and not looked at again.
func (e *Event) arguments(h *config.Hook) []string {
	values := e.values(h.Name)
	args := make([]string, len(h.Run))
	for i, arg := range h.Run {
		args[i] = placeholder.ReplaceAllStringFunc(arg, func(in string) string {
			for k, name := range config.HookPlaceholders {
				if in[1:len(in)-1] == name {
					return values[k]
				}
			}
			return in
		})
	}
	return args
}

// path is where commands that a command starts are looked for.
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment returns the whole environment of a hook's command: the placeholders'
// values under their names, as in XBFD_PEER, and nothing of the daemon's own.
func (e *Event) environment(h *config.Hook) []string {
	env := []string{path, "LANG=C.UTF-8"}
	for i, v := range e.values(h.Name) {
		env = append(env, "XBFD_"+strings.ToUpper(config.HookPlaceholders[i])+"="+v)
	}
	return env
}
