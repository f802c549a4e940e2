package daemon

import (
	"context"
	"time"
)

// Phase is what a supervisor is told of a daemon.
type Phase int

// The phases.
const (
	Ready     Phase = iota // sessions run, the control socket answers
	Reloading              // reads its file again; Ready follows
	Stopping               // takes leave of the peers
	Alive                  // the workers have just answered
)

// Supervisor is whoever started the daemon and wants to know how it is. The zero
// value wants to know nothing.
type Supervisor struct {
	Tell func(Phase) // may be called by several goroutines at once
	// Watchdog is how long the daemon may go without being Alive; 0 for ever.
	Watchdog time.Duration
}

func (d *Daemon) phase(p Phase) {
	if d.o.Supervisor.Tell != nil {
		d.o.Supervisor.Tell(p)
	}
}

// watch tells that the daemon is alive for as long as the workers answer, until ctx
// ends. Where one does not answer in time nothing is told, which is what the
// supervisor is to see.
func (s Supervisor) watch(ctx context.Context, workers func(context.Context) error) {
	every := s.Watchdog / 3
	if s.Tell == nil || every <= 0 {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		answer, cancel := context.WithTimeout(ctx, every)
		err := workers(answer)
		cancel()
		if err == nil {
			s.Tell(Alive)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// workersAnswer waits until every worker has answered.
func (d *Daemon) workersAnswer(ctx context.Context) error {
	_, err := d.speaker.Engine().WorkerTotals(ctx)
	return err
}
