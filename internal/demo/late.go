package demo

import (
	"time"

	"github.com/xbfd/xbfd/engine"
	"github.com/xbfd/xbfd/engine/session"
)

// lateness is how long after the promised instant a Down came.
type lateness struct {
	declared time.Duration // when the engine decided
	told     time.Duration // when a client of the engine knew
}

// latenessOf counts from the kernel's stamp of the last packet that arrived: a
// Detection Time later the session had to go down.
func latenessOf(f *engine.Failure, told session.Time) lateness {
	promised := f.LastRx + session.Time(f.DetectionTime)
	return lateness{declared: time.Duration(f.At - promised), told: time.Duration(told - promised)}
}

// detections are the latenesses of both ends of the sessions that noticed the
// cut at both.
type detections struct {
	sessions       int
	declared, told []time.Duration
}

func (l *lab) detections() (d detections) {
	a, b := l.ends[0], l.ends[1]
	a.mu.Lock()
	defer a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, atA := range a.late {
		if atB, ok := b.late[k]; ok {
			d.sessions++
			d.declared = append(d.declared, atA.declared, atB.declared)
			d.told = append(d.told, atA.told, atB.told)
		}
	}
	return d
}
