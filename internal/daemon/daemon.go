package daemon

import (
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/xbfd/xbfd/engine/clients"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
	"github.com/xbfd/xbfd/internal/eventlog"
	"github.com/xbfd/xbfd/internal/hooks"
	"github.com/xbfd/xbfd/internal/leftovers"
	"github.com/xbfd/xbfd/internal/lookup"
	"github.com/xbfd/xbfd/internal/routes"
	"github.com/xbfd/xbfd/internal/speaker"
)

// Options are what a Daemon is besides its configuration.
type Options struct {
	Version string
	LogTo   io.Writer                     // nil logs nothing
	Load    func() (config.Config, error) // reads the file again; nil when there is none
	Signals <-chan os.Signal              // SIGHUP reloads, the first other one ends with AdminDown, the second at once
	In      func(func() error) error      // runs a function in the network namespace; nil means this one
	Alone   bool                          // the process is the daemon's: it decides when garbage is collected
	// Journals is the directory for what would outlive the process, as in
	// speaker.Options.
	Journals string

	// DropPrivileges is called once everything is open; nil drops none.
	DropPrivileges func() error

	Supervisor Supervisor
}

// Daemon is a running xbfd. It is the control socket's Backend.
type Daemon struct {
	o    Options
	logs *logs
	log  *slog.Logger // of what belongs to no topic

	debugPeer, debugEvents *slog.Logger

	speaker *speaker.Speaker
	started time.Time
	changes *changeLog
	events  *eventlog.Log

	captures *captures
	hooks    *hooks.Runner
	scrapes  net.Listener    // for metrics; nil when there is no address for them
	looping  map[string]bool // interfaces of which the log says so; serve's own
	garbage  *collector      // nil: the runtime's own affair; serve's own

	mu       sync.Mutex // guards everything below
	cfg      config.Config
	byKey    lookup.Table[config.Key, held]
	byDiscr  lookup.Table[uint32, held] // those that are leaving included
	book     clients.Book               // who wants what of which session
	refused  map[config.Key]refusal
	keys     map[uint32]*heldKey
	reloaded *control.LastReload
	downs    map[string]uint64 // how often sessions left Up, by cause
	restart  []string          // keys that wait for the next start
	gone     chan struct{}
	mark     mark // of the latest ClearAll

	echoSource   config.EchoSource // what is in use: the file's, or the API's
	unaffiliated int               // how many of the sessions are
	moves        uint64            // how often sessions came, went, or changed their state
	misses       nearMisses
	bgp          bgp

	links   []*link // to bfdd; made at the start
	planes  map[string]*plane
	planned map[uint32][]*planned // what they have, by our discriminator
	reports reports
	leaving bool

	routes    *routes.Manager       // nil until the configuration has routes or addresses
	claim     *leftovers.Claim      // to them; may be nil
	unkept    error                 // why there is no routes although there should be
	unwatched map[config.Key]string // sessions that they need and cannot have, and why
	told      []routes.Told         // memory for what they are told
	holds     *time.Timer           // when a failure that is held back is due
}
