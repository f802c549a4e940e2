package wire

import (
	"errors"
	"fmt"

	"github.com/xbfd/xbfd/bpf"
	"github.com/xbfd/xbfd/internal/flowrules"
	"github.com/xbfd/xbfd/packet"
)

// steering has a card's own rules steer BFD's datagrams to one of its queues. They
// stay when the process dies, so a journal is kept of them.
type steering struct {
	queue  uint32
	card   card // nil while there are no rules
	made   []bpf.Remains
	reason string // what is missing, "" if nothing is
}

// card is a *flowrules.Card. It stays open, because it is of the network namespace
// that it was opened in.
type card interface {
	Rename(ifname string)
	Add(rule flowrules.Rule) (made bool, err error)
	Remove(rule flowrules.Rule) (was bool, err error)
	Close() error
}

// steer sets up what the options ask for; an interface serves without as well.
func (i *Interface) steer() {
	o := i.options
	if o.SteerTo == 0 || i.program == nil {
		return
	}
	s := &steering{queue: uint32(o.SteerTo - 1)}
	i.steering = s
	switch {
	case o.SteerTo > len(i.queues):
		s.reason = fmt.Sprintf("there are %d receive queues, and no queue %d", len(i.queues), s.queue)
	case o.Journal == nil:
		s.reason = "flow rules take a journal of what outlives the process"
	default:
		c, err := flowrules.Open(i.name)
		if err != nil {
			s.reason = reason(err)
			break
		}
		s.add(c, o.Journal, i.name, i.ifindex)
	}
	if s.reason != "" {
		o.Logger.Warn("card does not steer", "ifname", i.name, "queue", s.queue, "reason", s.reason)
	}
}

// add inserts the rules, each noted before it is made. What the card does not take
// of them it distributes as it does.
func (s *steering) add(c card, j bpf.Journal, ifname string, ifindex int) {
	for _, rule := range flowrules.Rules(s.queue, packet.PortControl, packet.PortEcho, packet.PortMultihop) {
		r := bpf.Remains{Kind: bpf.RemainsRule, Interface: ifname, Ifindex: ifindex, Port: rule.Port, V6: rule.V6, Queue: rule.Queue}
		made, err := false, j.Note(r)
		if err == nil {
			made, err = c.Add(rule)
		}
		if made {
			s.made = append(s.made, r)
			continue
		}
		if err = errors.Join(err, j.Strike(r)); err != nil && s.reason == "" {
			s.reason = reason(err)
		}
		if errors.Is(err, flowrules.ErrNone) {
			break // nor does it take the others
		}
	}
	s.card = c
}

// remove takes back what add has made, from the interface of that name by now.
func (s *steering) remove(j bpf.Journal, ifname string) error {
	if s == nil || s.card == nil {
		return nil
	}
	s.card.Rename(ifname)
	var errs []error
	for _, r := range s.made {
		_, err := s.card.Remove(flowrules.Rule{V6: r.V6, Port: r.Port, Queue: r.Queue})
		if err == nil {
			err = j.Strike(r)
		}
		errs = append(errs, err)
	}
	errs = append(errs, s.card.Close())
	s.card, s.made = nil, nil
	return errors.Join(errs...)
}

// Steering says whether the card steers BFD's frames to one queue: "off", "queue N",
// or what is in the way.
func (i *Interface) Steering() string {
	s := i.steering
	switch {
	case i.options.SteerTo == 0:
		return "off"
	case s == nil:
		return "not without AF_XDP"
	case s.reason != "" && len(s.made) > 0:
		return fmt.Sprintf("queue %d, in part: %s", s.queue, s.reason)
	case s.reason != "":
		return s.reason
	}
	return fmt.Sprintf("queue %d", s.queue)
}
