package hooks

import (
	"time"

	"github.com/xbfd/xbfd/internal/config"
)

// pace bounds how often something is done: Count at once, and then as fast as Count
// in Per allows (the generic cell rate algorithm). The zero pace bounds nothing.
type pace struct {
	rate config.Rate
	full time.Time // until then what was done counts
}

// next returns when the next may be done.
func (p *pace) next() time.Time {
	if p.rate.Count == 0 {
		return time.Time{}
	}
	return p.full.Add(p.step() - p.rate.Per)
}

// took counts one that is done.
func (p *pace) took(now time.Time) {
	if p.full.Before(now) {
		p.full = now
	}
	p.full = p.full.Add(p.step())
}

func (p *pace) step() time.Duration { return p.rate.Per / time.Duration(max(p.rate.Count, 1)) }
