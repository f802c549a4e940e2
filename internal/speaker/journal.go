package speaker

import (
	"errors"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/internal/leftovers"
)

// neighbours are what the monitor asks of the kernel: noted as one, before the
// first, since they are known by their mark.
var neighbours = bpf.Remains{Kind: leftovers.Neighbours}

// openJournal removes what the dead have left and notes what the monitor may
// leave. Sessions run without it as well.
func (s *Speaker) openJournal() {
	if s.o.Journals == "" {
		return
	}
	outcomes, err := leftovers.Sweep(s.o.Journals)
	for _, o := range outcomes {
		switch o.State {
		case leftovers.Owned, leftovers.Elsewhere, leftovers.Foreign:
		case leftovers.Failed:
			s.log.Warn("left by a process that died", "kind", o.Kind, "ifname", o.Interface, "err", o.Text)
		default:
			s.log.Info("left by a process that died", "kind", o.Kind, "ifname", o.Interface, "result", o.Text)
		}
	}
	j, newErr := leftovers.New(s.o.Journals)
	if err = errors.Join(err, newErr); err == nil {
		err = j.Note(neighbours)
	}
	if err != nil {
		s.log.Warn("no journal of what would outlive this process", "err", err)
		return
	}
	s.journal = j
}

// wireJournal is the journal as an interface may have it: nil is none.
func (s *Speaker) wireJournal() bpf.Journal {
	if s.journal == nil {
		return nil
	}
	return s.journal
}

// closeJournal is called when the monitor and the interfaces are closed.
func (s *Speaker) closeJournal() error {
	if s.journal == nil {
		return nil
	}
	return errors.Join(s.journal.Strike(neighbours), s.journal.Close())
}
