package engine

// Source ports of Control packets lie in 49152-65535, stay the same for the
// life of a session, and are unique while there are enough (RFC 5881 §4).
const (
	firstSourcePort = 49152
	numSourcePorts  = 65536 - firstSourcePort
)

// sourcePorts hands out ports as evenly as possible: the next one, in a circle,
// of those used least.
type sourcePorts struct {
	uses  [numSourcePorts]uint16
	next  uint16
	least uint16 // no port has fewer uses
}

func (p *sourcePorts) take() uint16 {
	for {
		for range numSourcePorts {
			i := p.next
			p.next = (p.next + 1) % numSourcePorts
			if p.uses[i] == p.least {
				p.uses[i]++
				return firstSourcePort + i
			}
		}
		p.least++ // every port has more uses: one round more
	}
}

func (p *sourcePorts) give(port uint16) {
	i := port - firstSourcePort
	p.uses[i]--
	p.least = min(p.least, p.uses[i])
}
