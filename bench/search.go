package bench

import (
	"context"
	"io"
)

// SearchResult is the most sessions that an engine holds.
type SearchResult struct {
	Engine
	Most  int           `json:"most"`  // held without a false Down at either end
	Fails int           `json:"fails"` // the fewest that were not; 0 if all were
	Tries []ScaleResult `json:"tries"`
}

// search starts from the first number of sessions of o.
func search(ctx context.Context, o Options, out, progress io.Writer) error {
	say := newPrinter(out, progress, o.JSON)
	for _, name := range o.DUTs {
		res := SearchResult{}
		quiet := newPrinter(io.Discard, progress, false)
		var failed error
		b := bisection{next: o.Sessions[0]}
		for b.more() && failed == nil {
			try, err := scaleOne(ctx, o, name, b.next, &memoryBase{bytes: 1}, quiet)
			if failed = err; err != nil {
				break
			}
			res.Engine = try.Engine
			res.Tries = append(res.Tries, *try)
			ok := try.Up == try.Sessions && try.FalseDownsDUT == 0 && try.FalseDownsPeer == 0
			say.line("%-8s %8d sessions: %d up, %d and %d false Downs", name, try.Sessions, try.Up, try.FalseDownsDUT, try.FalseDownsPeer)
			b.tried(ok)
		}
		if failed != nil {
			if err := skip(say, name, failed); err != nil {
				return err
			}
			continue
		}
		res.Most, res.Fails, res.Sessions = b.good, b.bad, b.good
		say.line("%-8s holds %d sessions at %v x %d for %v", name, res.Most, o.Interval, o.Mult, o.Hold)
		if err := say.object(res); err != nil {
			return err
		}
	}
	return nil
}

// bisection finds the largest number that is good, to within an eighth: up by
// doubling, then between the last good and the first bad.
type bisection struct {
	next, good, bad int
	tries           int
}

// maxTries bounds the time that a search takes.
const maxTries = 12

func (b *bisection) more() bool { return b.tries < maxTries && b.next > 0 }

func (b *bisection) tried(ok bool) {
	b.tries++
	if ok {
		b.good = max(b.good, b.next)
	} else if b.bad == 0 || b.next < b.bad {
		b.bad = b.next
	}
	switch {
	case b.bad == 0 && b.good == maxSessions:
		b.next = 0
	case b.bad == 0:
		b.next = min(2*b.good, maxSessions)
	case b.bad-b.good <= max(b.bad/8, 1):
		b.next = 0
	default:
		b.next = (b.good + b.bad) / 2
	}
}
